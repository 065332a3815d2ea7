"""All assignments of a class at a glance, and the final marks so far."""

from collections.abc import Sequence
from dataclasses import dataclass

from course_utils.grading.classroom.distribution import distribution
from course_utils.grading.classroom.exam import ExamMarks
from course_utils.grading.classroom.final_marks import EXAM_FILE, FinalMark, Work, exam_of, final_marks, work_of
from course_utils.grading.classroom.folder import PARTS, ClassFolder
from course_utils.grading.classroom.report_text import UNSAFE, WIDTH, columns, folded
from course_utils.grading.classroom.standing import LATE, MISSING, WAITING, Standing
from course_utils.grading.classroom.wording import counted, one_line
from course_utils.grading.grade import GRADED, HUMAN, REJECTED
from course_utils.grading.marks import written

ORDER = (GRADED, LATE, HUMAN, WAITING, REJECTED, MISSING)
"""In this order students are counted."""


@dataclass(frozen=True)
class Line:
    """One assignment at a glance.

    Attributes:
        name: its name.
        counts: how many students have each status, in the order of `ORDER`; empty if nobody can know.
        middle: the median, in words; empty if nobody has a mark.
        remark: why nobody can know.
    """

    name: str
    counts: tuple[int, ...] = ()
    middle: str = ""
    remark: str = ""


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
    def lines(self) -> list[Line]:
        """The assignments, in the order of ``class.yml``."""
        return [
            Line(name, remark=rows) if isinstance(rows, str) else _line(name, rows) for name, rows in self.work.items()
        ]

    @property
    def rules(self) -> str:
        """What counts how much."""
        found = [f"{part} {written(weight)} %" for part, weight in self.classroom.config.weights.items()]
        zero = "counts as 0" if self.classroom.config.missing_counts_as_zero else "leaves the mark open"
        return f"{counted(len(self.finals), 'student')} enrolled; {', '.join(found)}; work not handed in {zero}"

    @property
    def strangers(self) -> str:
        """A remark on marks of an exam that belong to nobody; empty if there are none."""
        if self.exam is None or not self.exam.strangers:
            return ""
        names = ", ".join(one_line(name, 80) for name in self.exam.strangers)
        return f"{EXAM_FILE} has marks of ids that are not on the roster: {names}"

    @property
    def unsafe(self) -> dict[str, list[Standing]]:
        """Who was graded without a sandbox, by assignment."""
        found = {
            name: [row for row in rows if row.entry is not None and not row.entry.sandboxed]
            for name, rows in self.work.items()
            if not isinstance(rows, str)
        }
        return {name: rows for name, rows in found.items() if rows}


def class_overview(classroom: ClassFolder) -> Overview:
    """Gather all assignments and the final marks so far.

    Raises:
        BadExam: if the exam's marks cannot be used.
    """
    work, exam = work_of(classroom), exam_of(classroom, classroom.roster())
    return Overview(classroom, work, exam, tuple(final_marks(classroom, work, exam)))


def overview_text(overview: Overview) -> str:
    """The overview in 80 columns."""
    blocks = [_banner(overview)]
    title = folded(one_line(overview.classroom.config.title, 200), "")
    blocks.append(f"{title}\n{folded(overview.rules, '')}")
    blocks.append(_assignments(overview))
    blocks.append(folded(overview.strangers, ""))
    blocks.append(_finals(overview))
    return "\n\n".join(block for block in blocks if block) + "\n"


def _line(name: str, rows: Sequence[Standing]) -> Line:
    possible = rows[0].possible if rows else 0.0
    spread = distribution([row.points for row in rows if row.points is not None], possible or 1.0)
    middle = f"{written(spread.median)} of {written(possible)}" if spread else ""
    return Line(name, tuple(sum(row.status == status for row in rows) for status in ORDER), middle)


def _banner(overview: Overview) -> str:
    rule = "!" * WIDTH
    lines = [f"{UNSAFE}: {counted(len(rows), 'submission')} of {name}" for name, rows in overview.unsafe.items()]
    return "\n".join([rule, *lines, rule]) if lines else ""


def _assignments(overview: Overview) -> str:
    rows, remarks = [], []
    for line in overview.lines:
        counts = [str(count or "-") for count in line.counts] or ["?"] * len(ORDER)
        rows.append((one_line(line.name, 24), overview.classroom.planned(line.name).part, *counts, line.middle or "-"))
        remarks += [folded(one_line(line.remark, 400))] if line.remark else []
    if not rows:
        return "No assignment is planned: class.yml lists them."
    heads = ("Assignment", "part", "graded", "late", "human", "wait", "reject", "miss", "median")
    return "\n".join([*columns(heads, rows, range(2, 9)), *remarks])


def _finals(overview: Overview) -> str:
    finals = [
        (final.student.id, *(written(final.parts[part].mark) or "-" for part in PARTS), written(final.mark) or "-")
        for final in overview.finals
    ]
    lines = columns(("Student", *PARTS, "final"), finals, range(1, 5))
    for number, final in enumerate(overview.finals, start=1):
        if final.reason:
            lines[number] += f"   {one_line(final.reason, max(WIDTH - len(lines[number]) - 3, 10))}"
    return "\n".join(["Final marks so far", *lines])
