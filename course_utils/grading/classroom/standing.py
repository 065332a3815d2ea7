"""Where every student stands: the roster, the receipts, the ledger and the marks by hand, put together.

Every enrolled student appears exactly once. Points are None as long as anything is open; they are never 0 because
something could not be graded.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from course_utils.grading.assignment import Assignment
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.ledger import Entry, Ledger, key_of
from course_utils.grading.classroom.manual import DamagedMark, ManualMark, ManualMarks, answer_hash
from course_utils.grading.classroom.receipts import Receipt, latest
from course_utils.grading.classroom.roster import Student
from course_utils.grading.grade import GRADED, HUMAN, REJECTED, ExerciseResult, Grade, seed_of

LATE, MISSING, WAITING = "late", "missing", "waiting"
STATUSES = (GRADED, LATE, MISSING, REJECTED, HUMAN, WAITING)
"""graded and late carry points; missing, rejected, needs a human and waiting (not graded yet) never do."""


@dataclass(frozen=True)
class Standing:
    """One student's work on one assignment.

    Attributes:
        student: who.
        status: one of `STATUSES`.
        reason: why, where the status needs one.
        possible: the points that the assignment can earn.
        points: what it earned, marks by hand included; None while anything is open.
        automatic_points: what hidden tests gave; None if they gave nothing.
        late: whether it came late, whatever its status.
        receipt: the attempt that counts.
        grade: what the grader found.
        entry: the ledger's entry it was read from.
        manual: marks by hand that count, by exercise.
        to_mark: exercises that wait for a person.
        comments: what a person wrote to the student about the answers as they are now, by exercise; also where the
            points are those of the tests.
    """

    student: Student
    status: str
    reason: str = ""
    possible: float = 0.0
    points: float | None = None
    automatic_points: float | None = None
    late: bool = False
    receipt: Receipt | None = None
    grade: Grade | None = None
    entry: Entry | None = None
    manual: Mapping[str, ManualMark] = field(default_factory=dict)
    to_mark: tuple[str, ...] = ()
    comments: Mapping[str, str] = field(default_factory=dict)

    @property
    def unread(self) -> bool:
        """Whether nothing of it could be graded, so that a person has to look at all of it."""
        entry = self.entry
        return self.status == HUMAN and entry is not None and entry.settled and not entry.grade.get("exercises")

    def points_of(self, exercise: str) -> float | None:
        """What one exercise earned, by tests or by hand; None if nobody knows yet."""
        if exercise in self.manual:
            return self.manual[exercise].points
        if self.grade is None or exercise not in self.grade.exercises:
            return None
        return self.grade.exercises[exercise].points


def standings(classroom: ClassFolder, name: str) -> list[Standing]:
    """Say for every enrolled student where the work on an assignment stands.

    Args:
        classroom: the class.
        name: the assignment's.

    Returns:
        One row a student, in the order of the roster.
    """
    return list(each_standing(classroom, name))


def each_standing(classroom: ClassFolder, name: str) -> Iterator[Standing]:
    """The same, one after another: what is printed and drawn is not kept in memory for thousands of students."""
    assignment = classroom.assignment(name)
    receipts, ledger, marks = latest(classroom, name), Ledger(classroom), ManualMarks(classroom)
    for student in classroom.roster():
        yield _standing(classroom, assignment, student, receipts.get(student.id), ledger, marks)


def entry_for(classroom: ClassFolder, assignment: Assignment, receipt: Receipt, ledger: Ledger) -> Entry | None:
    """The ledger's entry for an attempt as the assignment is now.

    A settled one counts before one that says that the grader failed, one from the sandbox before one from without.
    """
    seed = seed_of(classroom.config.seed, receipt.student, assignment.name)
    keys = [
        key_of(receipt.student, assignment.name, assignment.version, receipt.sha256, seed, sandboxed)
        for sandboxed in (True, False)
    ]
    found = [entry for entry in (ledger.find(assignment.name, key) for key in keys) if entry is not None]
    return next((entry for entry in found if entry.settled), found[0] if found else None)


def _standing(
    classroom: ClassFolder,
    assignment: Assignment,
    student: Student,
    receipt: Receipt | None,
    ledger: Ledger,
    marks: ManualMarks,
) -> Standing:
    possible = sum(exercise.points for exercise in assignment.exercises)
    if receipt is None:
        return Standing(student, MISSING, "nothing was handed in", possible)
    if receipt.rejected:
        return Standing(student, REJECTED, receipt.rejected, possible, late=receipt.late, receipt=receipt)
    entry = entry_for(classroom, assignment, receipt, ledger)
    if entry is None:
        reason = "collected, not graded yet"
        return Standing(student, WAITING, reason, possible, late=receipt.late, receipt=receipt)
    grade = Grade.from_record(entry.grade)
    if grade.status == HUMAN and not grade.exercises:  # nothing could be graded: a person may mark all of it
        open_ones = {e.name: ExerciseResult(HUMAN, None, e.points, e.manual) for e in assignment.exercises}
        grade = replace(grade, exercises=open_ones)
    try:
        said = _said(grade, marks, entry)
    except DamagedMark as trouble:  # it leaves one student's mark open and hides nobody else's
        points, late = grade.points, receipt.late
        return Standing(student, HUMAN, str(trouble), possible, None, points, late, receipt, grade, entry)
    manual = {name: mark for name, mark in said.items() if mark.points is not None}
    to_mark = tuple(n for n, e in grade.exercises.items() if e.points is None and n not in manual)
    points = None
    status, reason = grade.status, grade.reason
    if status == GRADED and to_mark:
        status, reason = HUMAN, f"to mark by hand: {', '.join(to_mark)}"
    elif status == HUMAN and not to_mark:
        status, reason = GRADED, ""  # a person has settled what the tests could not
    if status == GRADED:
        known = [manual[n].points if n in manual else e.points for n, e in grade.exercises.items()]
        points = sum(p for p in known if p is not None)
        status = LATE if receipt.late else GRADED
    return Standing(
        student,
        status,
        reason,
        possible,
        points=points,
        automatic_points=grade.points,
        late=receipt.late,
        receipt=receipt,
        grade=grade,
        entry=entry,
        manual=manual,
        to_mark=to_mark,
        comments={name: mark.comment for name, mark in said.items() if mark.comment},
    )


def _said(grade: Grade, marks: ManualMarks, entry: Entry) -> dict[str, ManualMark]:
    """What a person last said about the answers as they are now; also about an exercise that tests graded."""
    found = {}
    for name, exercise in grade.exercises.items():
        answer = answer_hash(exercise, entry.submission)
        mark = marks.last(entry.assignment, entry.student, name, answer)
        if mark is not None:
            found[name] = mark
    return found
