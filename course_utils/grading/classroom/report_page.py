"""The picture of a class as a page: one file that loads nothing, for the instructor alone."""

from collections.abc import Iterable, Mapping, Sequence

from course_utils.grading.classroom.charts import histogram, strip
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.report import ClassPicture, ExercisePicture, Met, by_reason
from course_utils.grading.classroom.safe_html import Html, breakable, element, isolated, joined, page, table, with_code
from course_utils.grading.classroom.standing import LATE, MISSING, WAITING, Standing
from course_utils.grading.classroom.wording import (
    EXPLAINED,
    calls,
    counted,
    late_by,
    moment,
    name_of,
    one_line,
    received,
)
from course_utils.grading.grade import HUMAN, REJECTED
from course_utils.grading.marks import written

Names = Mapping[str, str]


def report_page(picture: ClassPicture, classroom: ClassFolder) -> str:
    """Write the picture as a page."""
    names = calls(picture.rows)
    return page(
        f"Report: {picture.name}",
        unsafe_banner(picture.unsafe, names),
        element("h1", picture.name),
        _about(picture, classroom),
        _summary(picture),
        _spread(picture),
        _exercises(picture.exercises),
        _met("Misconceptions met", picture.misconceptions, names),
        _met("Code that does not run", picture.troubles, names),
        _reasons("Needs a human", picture.having(HUMAN), names),
        _reasons("Rejected", picture.having(REJECTED), names),
        _late(picture, classroom),
        _crowd("Nothing handed in", picture.having(MISSING), names),
        _crowd("Collected, not graded yet", picture.having(WAITING), names),
        _notes(picture),
        _list(
            "Files that belong to nobody on the roster",
            "Give them to somebody with course grade collect.",
            picture.unmatched,
        ),
        _list("Submissions of ids that are not on the roster", "", picture.strangers),
        _list("Damaged and set aside", "No mark rests on them: grade with course grade run.", picture.damaged),
        _everybody(picture),
        _provenance(picture),
    )


def unsafe_banner(unsafe: Sequence[Standing], names: Names, where: str = "") -> Html | None:
    """A warning that cannot be missed, if anything was graded without a sandbox."""
    if not unsafe:
        return None
    many = f"{counted(len(unsafe), 'submission')}{f' of {where}' if where else ''}"
    return element(
        "div",
        element("strong", "NOT SANDBOXED"),
        element("p", f"{many} ran with --unsafe: with your rights, your files and your network."),
        element("p", "Marks may have been tampered with. Graded so: ", who(unsafe, names)),
        class_="banner",
        role="region",
        aria_label=f"Warning: {many} not sandboxed",
    )


def who(rows: Iterable[Standing], names: Names) -> Html:
    """Students as a list in one line."""
    called = [isolated(names[row.student.id]) for row in rows]
    return element("span", *[part for name in called for part in (", ", name)][1:], class_="who")


def _about(picture: ClassPicture, classroom: ClassFolder) -> Html:
    zone = classroom.config.zone
    due = f"due {moment(picture.due, zone)} {classroom.config.timezone}" if picture.due else "no due time"
    what = f": {picture.part}, {written(picture.possible)} points, {due}."
    return element("p", isolated(one_line(picture.class_title, 200)), what, class_="soft")


def _summary(picture: ClassPicture) -> Html:
    rows = [[words, picture.counts[status]] for status, words in EXPLAINED.items() if picture.counts[status]]
    rows.append(["together", len(picture.rows)])
    return table("Where the enrolled students stand", ["Status", "Students"], rows, (1,), "small")


def _spread(picture: ClassPicture) -> Html:
    parts: list[object] = [element("h2", "Points")]
    if picture.spread is not None:
        parts.append(element("p", picture.spread.sentence))
        words = f"How many students have how many of {written(picture.possible)} points"
        parts.append(histogram(picture.spread, words, "points"))
    else:
        parts.append(element("p", "Nobody has a mark yet."))
    if picture.by_tests is not None:
        most = written(picture.possible_by_tests)
        parts.append(element("h3", f"From hidden tests alone, of {most} points"))
        parts.append(element("p", picture.by_tests.sentence))
        words = f"How many students have how many of {most} points from hidden tests"
        parts.append(histogram(picture.by_tests, words, "tests"))
    return joined(*parts)


def _exercises(exercises: Sequence[ExercisePicture]) -> Html:
    rows = []
    for one in exercises:
        title = joined(one.title, element("span", f" ({one.name}{', by hand' if one.manual else ''})", class_="soft"))
        counts = [one.full, one.partly, one.none, one.blank, one.open]
        shares = strip(list(zip(("full", "part", "none", "blank", "open"), counts)))
        rows.append([title, written(one.possible), *counts, written(one.mean) or "–", shares])
    head = ["Exercise", "Points", "All", "Partly", "None", "Not tried", "Open", "Mean", "Shares"]
    words = "How many students earned how much, left it untouched, or have no points in it yet"
    return joined(element("h2", "Exercises"), table(words, head, rows, tuple(range(1, 8))))


def _met(title: str, found: Sequence[Met], names: Names) -> Html | None:
    if not found:
        return None
    rows = []
    for met in found:
        where = f"{met.exercise}{f', {one_line(met.test)}' if met.test else ''}"
        what = joined(with_code(one_line(met.what)), element("br"), element("span", where, class_="soft"))
        rows.append([what, len(met.students), who(met.students, names)])
    caption = f"{title}: the most frequent first"
    return joined(element("h2", title), table(caption, ["What", "Students", "Who"], rows, (1,), "halves"))


def _reasons(title: str, rows: Sequence[Standing], names: Names) -> Html | None:
    if not rows:
        return None
    cells = [[reason, len(same), who(same, names)] for reason, same in by_reason(rows)]
    caption = f"{title}: by reason"
    heads = ["Why", "Students", "Who"]
    return joined(element("h2", f"{title} ({len(rows)})"), table(caption, heads, cells, (1,), "halves"))


def _late(picture: ClassPicture, classroom: ClassFolder) -> Html | None:
    zone = classroom.config.zone
    rows = [
        [isolated(name_of(row)), row.student.id, received(row, zone) or "–", late_by(row), row.status]
        for row in picture.late
    ]
    heads = ["Student", "Id", "Handed in", "Late by", "Status"]
    return joined(element("h2", f"Late ({len(rows)})"), table("Late: the latest first", heads, rows)) if rows else None


def _crowd(title: str, rows: Sequence[Standing], names: Names) -> Html | None:
    return joined(element("h2", f"{title} ({len(rows)})"), element("p", who(rows, names))) if rows else None


def _notes(picture: ClassPicture) -> Html | None:
    rows = [[isolated(name_of(row)), row.student.id, one_line("; ".join(notes))] for row, notes in picture.noted]
    heads = ["Student", "Id", "Note"]
    return joined(element("h2", "Notes on files"), table("What was odd", heads, rows)) if rows else None


def _list(title: str, words: str, names: Sequence[str]) -> Html | None:
    if not names:
        return None
    items = element("ul", *[element("li", isolated(name)) for name in names])
    return joined(element("h2", f"{title} ({len(names)})"), element("p", words) if words else None, items)


def _everybody(picture: ClassPicture) -> Html:
    names = [exercise.name for exercise in picture.exercises]
    rows = [
        [
            isolated(name_of(row)),
            row.student.id,
            row.status + (" (late)" if row.late and row.status != LATE else ""),
            written(row.points) or "–",
            *(written(row.points_of(name)) or "–" for name in names),
        ]
        for row in picture.rows
    ]
    heads = ["Student", "Id", "Status", "Points", *map(breakable, names)]
    words = "Every enrolled student once; a dash is no mark, which is not a zero"
    return joined(element("h2", "Everybody"), table(words, heads, rows, tuple(range(3, len(heads))), "people"))


def _provenance(picture: ClassPicture) -> Html:
    pairs = [part for name, what in picture.provenance for part in (element("dt", name), element("dd", what))]
    return joined(element("h2", "What these marks rest on"), element("dl", *pairs))
