"""A student's page: marks, what went wrong in words, what a person wrote, what the student's own cells showed.

It is built from the standing alone. Nothing of a hidden test reaches it but the sentences that were written for
students: no name, no code, no input, no expected value, no seed, and no trouble of the grader's in its own words.
"""

from course_utils.grading.assignment import Assignment
from course_utils.grading.challenge.kind import Challenge
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.safe_html import Html, element, isolated, joined, page, picture, table, with_code
from course_utils.grading.classroom.standing import LATE, MISSING, WAITING, Standing
from course_utils.grading.classroom.wording import late_by, listed, name_of, one_line, received
from course_utils.grading.grade import GRADED, HUMAN, REJECTED, ExerciseResult
from course_utils.grading.marks import written
from course_utils.grading.outputs import CellOutput, plain_text

MOST_TEXT = 10_000  # characters of one output or answer
RESULTS = {
    "passed": "right",
    "partly": "partly right",
    "failed": "not right yet",
    "not attempted": "not written yet",
    HUMAN: "could not be graded",
}
NOT_A_ZERO = "This is not a mark of zero: there is no mark yet."
ASKS_WHICH = "which one counts"  # such a reason speaks of the student's own files and of nothing else


def feedback_page(
    row: Standing,
    assignment: Assignment,
    classroom: ClassFolder,
    *,
    scores: Html | None = None,
    sealed: str = "",
) -> str:
    """Write a student's page.

    Args:
        row: where the student stands.
        assignment: what was to be done.
        classroom: the class.
        scores: what a data challenge has to say.
        sealed: the headline in place of the points, as long as nobody may know them.
    """
    return page(
        f"Feedback: {assignment.name}, {row.student.id}",
        element("h1", f"Feedback: {assignment.name}"),
        element("p", isolated(name_of(row)), f" ({row.student.id})", class_="soft"),
        _status(row, assignment, sealed),
        None if sealed else _marks(row, assignment),
        scores,
        _stopped(row),
        *[_exercise(row, assignment, name) for name in _names(row, assignment)],
        _other_outputs(row, assignment),
        _attempt(row, classroom),
    )


def in_words(row: Standing, assignment: Assignment) -> tuple[str, list[str], str]:
    """A standing in words for the student: a headline, what it means and what to do next, and the kind of news."""
    what_to_hand_in = wanted(assignment)
    if row.status == REJECTED:
        return (
            "Your submission could not be read, so nothing was graded.",
            [
                f"Why: {one_line(row.reason)}.",
                f"What to do: hand in again. Save {what_to_hand_in} and hand in the file itself: no link, no picture, "
                "no export to another format. If the time for that is over, write to your instructor first.",
                NOT_A_ZERO,
            ],
            "bad",
        )
    if row.status == MISSING:
        return (
            "Nothing was handed in under your name.",
            [
                f"If you handed something in, tell your instructor what it was called and when; it should have been "
                f"{what_to_hand_in}.",
            ],
            "doubt",
        )
    if row.status == WAITING:
        return ("Your submission has arrived and waits to be graded.", ["There is nothing for you to do."], "doubt")
    if row.status == HUMAN:
        return ("Your mark is not complete: a person has to look at your work.", _open(row, assignment), "doubt")
    return (f"Your work is graded: {written(row.points)} of {written(row.possible)} points.", [], "good")


def wanted(assignment: Assignment) -> str:
    """What is handed in for an assignment."""
    if isinstance(assignment, Challenge):
        return f"{assignment.plan.file} and the notebook that made it"
    return f"{assignment.name}.ipynb"


def _open(row: Standing, assignment: Assignment) -> list[str]:
    """What a mark waits for. A reason in the grader's own words stays with the instructor."""
    titles = {exercise.name: exercise.title for exercise in assignment.exercises}
    if ASKS_WHICH in row.reason:
        return [
            f"Why: {one_line(row.reason)}.",
            "What to do: hand in again with one file that counts, or tell your instructor which one it is.",
            NOT_A_ZERO,
        ]
    by_hand = [titles.get(name, name) for name in row.to_mark if _is_manual(assignment, name)]
    broken = [titles.get(name, name) for name in row.to_mark if not _is_manual(assignment, name)]
    said = []
    if broken:
        trouble = f"The grader did not get to a result that can be trusted in {listed(broken)}."
        said.append(f"{trouble} That says nothing about your work; your instructor looks into it.")
    if by_hand:
        said.append(f"Your instructor still marks {listed(by_hand)}.")
    return [*(said or ["Your instructor looks into it."]), "There is nothing for you to do.", NOT_A_ZERO]


def _is_manual(assignment: Assignment, name: str) -> bool:
    return any(exercise.name == name and exercise.manual for exercise in assignment.exercises)


def _status(row: Standing, assignment: Assignment, sealed: str) -> Html:
    headline, rest, kind = in_words(row, assignment)
    if sealed and row.status in (GRADED, LATE):
        headline = sealed
    parts = [element("p", element("strong", headline)), *[element("p", isolated(line)) for line in rest]]
    if row.late:
        by = late_by(row) if row.receipt and row.receipt.late_by_seconds is not None else ""
        late = f"It came {by} after the due time." if by else "It is marked as late where you handed it in."
        points = (
            " The points below are those of the work itself." if row.status in (GRADED, LATE) and not sealed else ""
        )
        parts.append(element("p", late, points))
    return element("div", *parts, class_=f"note {kind}")


def _names(row: Standing, assignment: Assignment) -> list[str]:
    """The exercises that have a result, in the assignment's order."""
    found = row.grade.exercises if row.grade is not None else {}
    order = [exercise.name for exercise in assignment.exercises]
    return [name for name in order if name in found] + [name for name in found if name not in order]


def _title(assignment: Assignment, name: str) -> str:
    return next((exercise.title for exercise in assignment.exercises if exercise.name == name), name)


def _result(row: Standing, name: str, exercise: ExerciseResult) -> str:
    points = row.points_of(name)
    if name in row.manual:
        return "marked by your instructor"
    if points is None and exercise.manual:
        return "waits for your instructor"
    return RESULTS.get(exercise.status, exercise.status)


def _marks(row: Standing, assignment: Assignment) -> Html | None:
    names = _names(row, assignment)
    if row.grade is None or not names:
        return None
    rows = [
        [
            _title(assignment, name),
            _result(row, name, row.grade.exercises[name]),
            f"{written(row.points_of(name)) or '–'} of {written(row.grade.exercises[name].possible)}",
        ]
        for name in names
    ]
    if row.points is not None:
        total = f"Together: {written(row.points)} of {written(row.possible)} points"
    else:
        known = [points for points in map(row.points_of, names) if points is not None]
        open_ones = sum(row.grade.exercises[name].possible for name in names if row.points_of(name) is None)
        total = f"So far: {written(sum(known))} points; {written(open_ones)} of {written(row.possible)} are still open"
    return joined(
        table("Your points", ["Exercise", "Result", "Points"], rows, (2,)), element("p", total, class_="total")
    )


def _stopped(row: Standing) -> Html | None:
    """Cells that did not end well."""
    sentences = row.grade.cells if row.grade is not None else ()
    if not sentences:
        return None
    words = "In a fresh start, from the first cell to the last, these cells of your notebook did not end well:"
    items = element("ul", *[element("li", one_line(sentence)) for sentence in sentences])
    return joined(element("h2", "Cells that stopped"), element("p", words), items)


def _exercise(row: Standing, assignment: Assignment, name: str) -> Html | None:
    """What there is to say about one exercise; nothing where all is right and nobody wrote anything."""
    assert row.grade is not None
    exercise = row.grade.exercises[name]
    parts: list[object] = []
    if exercise.sentences:
        parts.append(element("ul", *[element("li", with_code(one_line(sentence))) for sentence in exercise.sentences]))
    comment = row.comments.get(name, "")
    if comment.strip():
        parts.append(element("h3", "Your instructor wrote"))
        parts.append(element("div", *_paragraphs(comment), class_="note"))
    parts += [_output(output) for output in row.grade.outputs if output.exercise == name]
    if exercise.answer and exercise.answer.strip():
        label = "Your answer, as it was read" if exercise.manual else "Your code, as it was graded"
        parts.append(
            element("details", element("summary", label), _block(exercise.answer, f"{label}: {name}", exercise.manual))
        )
    return joined(element("h2", _title(assignment, name)), *parts) if parts else None


def _other_outputs(row: Standing, assignment: Assignment) -> Html | None:
    known = set(_names(row, assignment))
    others = [output for output in (row.grade.outputs if row.grade else ()) if output.exercise not in known]
    if not others:
        return None
    return joined(element("h2", "What your other cells showed"), *[_output(output) for output in others])


def _output(output: CellOutput) -> Html:
    """What one cell printed and drew: all of it the student's own."""
    label = one_line(output.label, 40)
    parts: list[object] = [element("h3", f"What {label} showed")]
    if output.text:
        parts.append(_block(output.text, f"Printed by {label}", False))
    for number, image in enumerate(output.images, start=1):
        shown = picture(image, f"Picture {number} that {label} drew")
        parts.append(shown or element("p", "A picture that cannot be shown.", class_="soft"))
    if output.cut:
        parts.append(element("p", "There was more; it is left out here.", class_="soft"))
    return joined(*parts)


def _block(content: str, label: str, prose: bool) -> Html:
    """Text as it was written, bounded; it scrolls on its own."""
    shown = plain_text(content, MOST_TEXT)
    more = "\n…" if len(content) > MOST_TEXT else ""
    look = "prose" if prose else None
    return element("pre", shown + more, class_=look, tabindex=0, role="group", aria_label=label)


def _paragraphs(content: str) -> list[Html]:
    lines = [one_line(line) for line in content.splitlines()]
    return [element("p", isolated(line)) for line in lines if line]


def _attempt(row: Standing, classroom: ClassFolder) -> Html | None:
    """Which attempt this page is about, so that nobody wonders."""
    if row.receipt is None:
        return None
    when = received(row, classroom.config.zone)
    pairs = [
        ("Attempt", str(row.receipt.number)),
        ("Handed in", f"{when} {classroom.config.timezone}" if when else "nobody knows when"),
        ("File", one_line(row.receipt.original_name, 200)),
        ("Fingerprint", row.receipt.sha256[:12]),
    ]
    shown = [part for name, what in pairs if what for part in (element("dt", name), element("dd", isolated(what)))]
    return joined(element("h2", "What this page is about"), element("dl", *shown))
