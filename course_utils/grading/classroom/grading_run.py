"""Grading a class: which submissions have no settled result yet, and each result into the ledger before anything else.

The ledger is all that a run leaves behind. A run that ended at any moment, for any reason, is continued by the next
one: what is in the ledger is done, everything else is not.
"""

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from course_utils.grading.assignment import Assignment
from course_utils.grading.classroom.durable import sweep_parts
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.ledger import Entry, Ledger, key_of
from course_utils.grading.classroom.local_pool import Answer, Stopped, Task
from course_utils.grading.classroom.receipts import Receipt, files_of, latest
from course_utils.grading.classroom.shipment import Frame, submission_frame
from course_utils.grading.grade import HUMAN, Grade, seed_of

TROUBLE = "the grader had trouble: "


class Pool(Protocol):
    """Whatever works through tasks: processes on this machine, or a cluster."""

    def answers(self, tasks: Iterable[Task]) -> Iterator[Answer]:
        """Exactly one answer for each task, in any order."""


@dataclass
class Outcome:
    """What a run did.

    Attributes:
        planned: how many submissions had no settled result.
        graded: how many got an entry in the ledger, settled or not.
        changed: students whose settled result was replaced by another one (only where that was asked for).
        seconds: how long it took.
        stopped: why it ended before everything was graded; empty if it did not.
        sandboxed: whether all student code of this run was in a sandbox.
    """

    planned: int
    graded: int = 0
    changed: list[str] = field(default_factory=list)
    seconds: float = 0.0
    stopped: str = ""
    sandboxed: bool = True


class UnknownStudent(ValueError):
    """A student was asked for who is not enrolled."""


def to_grade(
    classroom: ClassFolder,
    assignment: Assignment,
    *,
    students: Collection[str] = (),
    again: bool = False,
    unsafe: bool = False,
) -> list[Receipt]:
    """The attempts that a run has to grade: those that count and have no settled result.

    Args:
        classroom: the class; its lock must be held.
        assignment: what to grade.
        students: only theirs; all by default.
        again: those with a settled result as well.
        unsafe: whether a result that was computed without a sandbox is good enough.

    Raises:
        UnknownStudent: if one of the students is not enrolled.
    """
    ledger, counting = Ledger(classroom), latest(classroom, assignment.name)
    wanted = [counting[student] for student in chosen(classroom, students) if student in counting]
    good_enough = (True, False) if unsafe else (True,)

    def settled(receipt: Receipt) -> bool:
        keys = [_key(classroom, assignment, receipt, sandboxed) for sandboxed in good_enough]
        entries = (ledger.find(assignment.name, key) for key in keys)
        return any(entry is not None and entry.settled for entry in entries)

    return [receipt for receipt in wanted if not receipt.rejected and (again or not settled(receipt))]


def chosen(classroom: ClassFolder, students: Collection[str] = ()) -> list[str]:
    """The ids of the students meant: those given, by default all, in the order of the roster.

    Raises:
        UnknownStudent: if one of them is not enrolled.
    """
    enrolled, given = [student.id for student in classroom.roster()], set(students)
    if strangers := sorted(given - set(enrolled)):
        raise UnknownStudent(f"{strangers[0]!r} is not enrolled: {classroom.roster_file} has {len(enrolled)} students")
    return [student for student in enrolled if not given or student in given]


def _key(classroom: ClassFolder, assignment: Assignment, receipt: Receipt, sandboxed: bool) -> str:
    seed = seed_of(classroom.config.seed, receipt.student, assignment.name)
    return key_of(receipt.student, assignment.name, assignment.version, receipt.sha256, seed, sandboxed)


def grade_class(
    classroom: ClassFolder,
    assignment: Assignment,
    receipts: Iterable[Receipt],
    pool: Pool,
    announce: Callable[[Entry], None] = lambda entry: None,
    *,
    again: bool = False,
    outcome: Outcome | None = None,
) -> Outcome:
    """Grade attempts; each result is in the ledger, on the disk, before it is announced.

    Args:
        classroom: the class; its lock must be held.
        assignment: what to grade.
        receipts: the attempts (`to_grade`).
        pool: does the work.
        announce: called with each entry once it is safe.
        again: whether a new result takes the place of a settled one.
        outcome: is kept up to date while the run goes on, so that it says how far an interrupted one came.

    Returns:
        What was done. A pool that broke down or a full disk ends the run, with the reason in `Outcome.stopped`.

    Raises:
        CannotStart: if the pool cannot work at all.
    """
    sweep_parts(classroom.ledger)
    ledger = Ledger(classroom)
    waiting = {_key(classroom, assignment, receipt, True): receipt for receipt in receipts}
    outcome = outcome or Outcome(len(waiting))
    start = time.monotonic()
    tasks = [Task(key, partial(_frame, classroom, key, receipt)) for key, receipt in waiting.items()]
    try:
        for answer in pool.answers(tasks):
            receipt = waiting.pop(answer.key, None)
            if receipt is None:
                continue
            entry = _entry(classroom, assignment, receipt, answer)
            if _write(ledger, entry, again):
                outcome.changed.append(receipt.student)
            outcome.graded += 1
            outcome.sandboxed &= entry.sandboxed
            announce(entry)
    except Stopped as reason:
        outcome.stopped = str(reason)
    finally:
        outcome.seconds = time.monotonic() - start
    return outcome


def _frame(classroom: ClassFolder, key: str, receipt: Receipt) -> Frame:
    """Read one submission, when its turn has come."""
    seed = seed_of(classroom.config.seed, receipt.student, receipt.assignment)
    return submission_frame(key, seed, files_of(classroom, receipt))


def _write(ledger: Ledger, entry: Entry, again: bool) -> bool:
    """Make a result durable; says whether it took the place of a settled one."""
    try:
        if not again:
            ledger.write(entry)
            return False
        old = ledger.find(entry.assignment, entry.key)
        return ledger.replace(entry) and old is not None and old.settled
    except OSError as error:
        raise Stopped(f"a result could not be written to {ledger.folder} ({error.strerror or error})") from error


def _entry(classroom: ClassFolder, assignment: Assignment, receipt: Receipt, answer: Answer) -> Entry:
    why = answer.trouble.replace(f"{classroom.path}{os.sep}", "")  # where a class lies is nobody's business
    grade, settled = Grade(HUMAN, TROUBLE + why), False
    if answer.grade is not None:
        try:
            grade = Grade.from_record(answer.grade)
            settled = is_settled(grade)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            grade = Grade(HUMAN, f"{TROUBLE}a worker's answer cannot be read ({type(error).__name__})")
    return Entry(
        student=receipt.student,
        assignment=assignment.name,
        version=assignment.version,
        submission=receipt.sha256,
        seed=seed_of(classroom.config.seed, receipt.student, assignment.name),
        sandboxed=answer.sandboxed,
        grade=grade.record(),
        environment=answer.environment,
        runner=answer.runner,
        settled=settled,
    )


def is_settled(grade: Grade) -> bool:
    """Whether a grade says something about the work; False where the grader itself failed, wholly or in part."""
    broken = any(exercise.points is None and not exercise.manual for exercise in grade.exercises.values())
    return grade.status != HUMAN or not (broken or grade.reason.startswith(TROUBLE))
