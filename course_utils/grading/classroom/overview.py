"""All assignments of a class at a glance, and the final marks so far: in a terminal and as a page."""

from collections.abc import Sequence
from dataclasses import dataclass

from course_utils.grading.classroom.distribution import distribution
from course_utils.grading.classroom.exam import ExamMarks
from course_utils.grading.classroom.final_marks import EXAM_FILE, FinalMark, Work, exam_of, final_marks, work_of
from course_utils.grading.classroom.folder import PARTS, ClassFolder
from course_utils.grading.classroom.report_page import unsafe_banner
from course_utils.grading.classroom.report_text import UNSAFE, WIDTH, columns, folded
from course_utils.grading.classroom.safe_html import element, isolated, joined, page, table
from course_utils.grading.classroom.standing import LATE, MISSING, WAITING, Standing
from course_utils.grading.classroom.wording import calls, counted, moment, one_line
from course_utils.grading.grade import GRADED, HUMAN, REJECTED
from course_utils.grading.marks import written

PAGE = "_overview.html"  # no assignment's name begins with an underscore
HEADS = ("Graded", "Late", "Human", "Waiting", "Rejected", "Missing")
ORDER = (GRADED, LATE, HUMAN, WAITING, REJECTED, MISSING)


@dataclass(frozen=True)
class Overview:
    """A class at a glance.

    Attributes:
        classroom: the class.
        work: the standings of each assignment, or why there are none.
        exam: the marks of an exam on paper, or None.
        finals: the final marks, every enrolled student once.
    """

    classroom: ClassFolder
    work: Work
    exam: ExamMarks | None
    finals: tuple[FinalMark, ...]

    @property
    def weights(self) -> str:
        """What counts how much."""
        found = [f"{part} {written(weight)} %" for part, weight in self.classroom.config.weights.items()]
        zero = "counts as 0" if self.classroom.config.missing_counts_as_zero else "leaves the mark open"
        return f"{', '.join(found)}; work that was not handed in {zero}"

    @property
    def unsafe(self) -> dict[str, list[Standing]]:
        """Who was graded without a sandbox, by assignment."""
        found = {}
        for name, rows in self.work.items():
            if not isinstance(rows, str):
                found[name] = [row for row in rows if row.entry is not None and not row.entry.sandboxed]
        return {name: rows for name, rows in found.items() if rows}


def class_overview(classroom: ClassFolder) -> Overview:
    """Gather all assignments and the final marks so far."""
    work, exam = work_of(classroom), exam_of(classroom, classroom.roster())
    return Overview(classroom, work, exam, tuple(final_marks(classroom, work, exam)))


def overview_text(overview: Overview) -> str:
    """The overview in 80 columns."""
    classroom = overview.classroom
    blocks = []
    for name, unsafe in overview.unsafe.items():
        blocks.append(f"{'!' * WIDTH}\n{UNSAFE}: {counted(len(unsafe), 'submission')} of {name}\n{'!' * WIDTH}")
    title = folded(one_line(classroom.config.title, 200), "")
    about = folded(f"{counted(len(overview.finals), 'student')} enrolled; {overview.weights}", "")
    blocks.append(f"{title}\n{about}")
    rows, notes = [], []
    for name, (counts, middle, note) in _assignments(overview).items():
        rows.append((name[:24], classroom.planned(name).part, *(str(n or "-") for n in counts), middle or "-"))
        notes += [folded(note)] if note else []
    if rows:
        heads = ("Assignment", "part", "graded", "late", "human", "wait", "reject", "miss", "median")
        blocks.append("\n".join([*columns(heads, rows, range(2, 9)), *notes]))
    else:
        blocks.append("No assignment is planned: class.yml lists them.")
    blocks.append(_strangers(overview))
    finals = [
        (final.student.id, *(written(final.parts[part].mark) or "-" for part in PARTS), written(final.mark) or "-")
        for final in overview.finals
    ]
    lines = columns(("Student", *PARTS, "final"), finals, range(1, 5))
    for number, final in enumerate(overview.finals, start=1):
        if final.reason:
            left = WIDTH - len(lines[number]) - 3
            reason = one_line(final.reason)
            lines[number] += "   " + (reason if len(reason) <= left else reason[: left - 1] + "…")
    blocks.append("\n".join(["Final marks so far", *lines]))
    return "\n\n".join(block for block in blocks if block) + "\n"


def overview_page(overview: Overview) -> str:
    """The overview as a page."""
    classroom = overview.classroom
    title = one_line(classroom.config.title, 200)
    rows = []
    for name, (counts, middle, note) in _assignments(overview).items():
        plan = classroom.planned(name)
        link = element("a", name, href=f"{name}.html") if (classroom.reports / f"{name}.html").is_file() else name
        about = joined(link, element("span", f" ({note})", class_="soft") if note else None)
        due = moment(plan.due, classroom.config.zone) or "–"
        rows.append([about, plan.part, due, *counts, middle or "–"])
    heads = ["Assignment", "Part", "Due", *HEADS, "Median"]
    finals = [
        [
            isolated(one_line(final.student.name, 200) or final.student.id),
            final.student.id,
            *(written(final.parts[part].mark) or "–" for part in PARTS),
            written(final.mark) or "–",
            one_line(final.reason),
        ]
        for final in overview.finals
    ]
    words = "Every enrolled student once; a dash is no mark, which is not a zero"
    strangers = _strangers(overview)
    return page(
        f"Overview: {title}",
        *[unsafe_banner(unsafe, calls(unsafe), name) for name, unsafe in overview.unsafe.items()],
        element("h1", isolated(title)),
        element("p", f"{counted(len(overview.finals), 'student')} enrolled; {overview.weights}.", class_="soft"),
        element("h2", "Assignments"),
        table("How many students stand where", heads, rows, tuple(range(3, 10))),
        element("h2", "Final marks so far"),
        element("p", strangers) if strangers else None,
        table(
            words,
            ["Student", "Id", *(part.capitalize() for part in PARTS), "Final", "Open"],
            finals,
            (2, 3, 4, 5),
            "people",
        ),
    )


def _assignments(overview: Overview) -> dict[str, tuple[list[int], str, str]]:
    """By assignment: how many have each status, the median, and a remark."""
    found = {}
    for name, rows in overview.work.items():
        if isinstance(rows, str):
            found[name] = ([0] * len(ORDER), "", rows)
            continue
        counts = [sum(row.status == status for row in rows) for status in ORDER]
        spread = distribution([row.points for row in rows if row.points is not None], max(_possible(rows), 1))
        middle = f"{written(spread.median)} of {written(_possible(rows))}" if spread else ""
        found[name] = (counts, middle, "")
    return found


def _possible(rows: Sequence[Standing]) -> float:
    return rows[0].possible if rows else 0.0


def _strangers(overview: Overview) -> str:
    if overview.exam is None or not overview.exam.strangers:
        return ""
    names = ", ".join(one_line(name, 80) for name in overview.exam.strangers)
    return f"{EXAM_FILE} has marks of ids that are not on the roster: {names}"
