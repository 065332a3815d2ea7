"""The picture of a class on one assignment: what an instructor wants to know, gathered from the standings.

It holds no day and no order of events: the same class gives the same picture.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from course_utils.grading.assignment import Assignment
from course_utils.grading.classroom.distribution import Distribution, distribution
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.lean import lean_standings
from course_utils.grading.classroom.ledger import Ledger
from course_utils.grading.classroom.receipts import attempts, latest
from course_utils.grading.classroom.standing import STATUSES, Standing
from course_utils.grading.classroom.wording import one_line
from course_utils.grading.hidden import UNNAMED, TestResult

TROUBLES = {
    "absent": "the function is not there after the cells have run",
    "raised": "stops with an error",
    "timeout": "does not come to an end",
    "died": "ends the Python process",
}
"""Outcomes of a test that are no misconception but code that does not run."""
UNMATCHED = "_unmatched"  # a folder beside those of the students


@dataclass(frozen=True)
class ExercisePicture:
    """How a class did in one exercise, over the work that was graded.

    Attributes:
        name: its name.
        title: its heading.
        possible: the most it can earn.
        manual: whether a person marks it.
        full, partly, none: how many earned all of it, some, nothing although they tried.
        blank: how many left it as it was handed out.
        open: how many have no points in it yet.
        mean: the average of the points that are known; None if none are.
    """

    name: str
    title: str
    possible: float
    manual: bool
    full: int
    partly: int
    none: int
    blank: int
    open: int
    mean: float | None


@dataclass(frozen=True)
class Met:
    """Something that hidden tests found in the work of several students.

    Attributes:
        exercise: the exercise's heading.
        what: the sentence that students read, or the kind of trouble.
        students: whose work showed it.
        test: the test's name where the sentence does not say what is wrong.
    """

    exercise: str
    what: str
    students: tuple[Standing, ...]
    test: str = ""


@dataclass(frozen=True)
class ClassPicture:
    """One assignment of one class.

    Attributes:
        name: of the assignment.
        class_title: of the class.
        part: the part of the final mark that it counts to.
        due: when it is due, or None.
        possible: the points that can be earned.
        rows: every enrolled student once.
        counts: how many have each status.
        spread: of the points; None as long as nobody has any.
        by_tests: of the points that hidden tests gave, where they say more: while answers wait to be marked by hand.
        possible_by_tests: the points that hidden tests can give.
        exercises: one by one.
        misconceptions: named ones, the most frequent first, then those that no sentence names.
        troubles: code that does not run.
        unmatched: files that belong to nobody on the roster.
        strangers: ids with submissions that are not on the roster.
        damaged: files of the class folder that are not what was written.
        unsafe: whose work was graded without a sandbox.
        provenance: what the marks rest on, as pairs of a name and a text.
    """

    name: str
    class_title: str
    part: str
    due: datetime | None
    possible: float
    rows: tuple[Standing, ...]
    counts: dict[str, int]
    spread: Distribution | None
    by_tests: Distribution | None
    possible_by_tests: float
    exercises: tuple[ExercisePicture, ...]
    misconceptions: tuple[Met, ...]
    troubles: tuple[Met, ...]
    unmatched: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
    unsafe: tuple[Standing, ...] = ()
    provenance: tuple[tuple[str, str], ...] = field(default_factory=tuple)

    def having(self, *statuses: str) -> list[Standing]:
        """The students with one of some statuses."""
        return [row for row in self.rows if row.status in statuses]

    @property
    def late(self) -> list[Standing]:
        """Everybody whose work came late, whatever became of it; the latest first."""
        return sorted((row for row in self.rows if row.late), key=lambda row: -(_late_seconds(row)))

    @property
    def noted(self) -> list[tuple[Standing, tuple[str, ...]]]:
        """Students with notes about their files."""
        found = []
        for row in self.rows:
            notes = (*(row.receipt.notes if row.receipt else ()), *(row.grade.notes if row.grade else ()))
            if notes:
                found.append((row, tuple(dict.fromkeys(notes))))
        return found


def class_picture(classroom: ClassFolder, name: str) -> ClassPicture:
    """Gather what there is to know about an assignment.

    Args:
        classroom: the class.
        name: the assignment's.
    """
    assignment, plan = classroom.assignment(name), classroom.planned(name)
    rows = tuple(lean_standings(classroom, name))
    points = [row.points for row in rows if row.points is not None]
    by_tests = [row.automatic_points for row in rows if row.automatic_points is not None]
    possible_by_tests = sum(exercise.points for exercise in assignment.exercises if not exercise.manual)
    possible = sum(exercise.points for exercise in assignment.exercises)
    enrolled = {row.student.id for row in rows}
    met, troubles = _met(assignment, rows)
    return ClassPicture(
        name=name,
        class_title=classroom.config.title,
        part=plan.part,
        due=plan.due,
        possible=possible,
        rows=rows,
        counts={status: sum(row.status == status for row in rows) for status in STATUSES},
        spread=distribution(points, possible),
        by_tests=distribution(by_tests, possible_by_tests) if len(by_tests) > len(points) else None,
        possible_by_tests=possible_by_tests,
        exercises=tuple(_exercises(assignment, rows)),
        misconceptions=met,
        troubles=troubles,
        unmatched=tuple(_unmatched(classroom, name)),
        strangers=tuple(sorted(set(latest(classroom, name)) - enrolled)),
        damaged=tuple(_damaged(classroom)),
        unsafe=tuple(row for row in rows if row.entry is not None and not row.entry.sandboxed),
        provenance=tuple(_provenance(classroom, assignment, rows)),
    )


def fingerprint(seed: int) -> str:
    """A short name of a seed from which it cannot be had: slow to compute, so that small seeds cannot be tried out."""
    return hashlib.pbkdf2_hmac("sha256", str(seed).encode(), b"seed of a class", 200_000, 6).hex()


def by_reason(rows: Iterable[Standing]) -> list[tuple[str, list[Standing]]]:
    """Students by why they have their status, the most frequent reason first."""
    found: dict[str, list[Standing]] = {}
    for row in rows:
        found.setdefault(one_line(row.reason, 400), []).append(row)
    return sorted(found.items(), key=lambda item: -len(item[1]))


def _late_seconds(row: Standing) -> float:
    seconds = row.receipt.late_by_seconds if row.receipt else None
    return float("inf") if seconds is None else seconds


def _exercises(assignment: Assignment, rows: Sequence[Standing]) -> Iterable[ExercisePicture]:
    for exercise in assignment.exercises:
        full = partly = none = blank = waiting = 0
        known = []
        for row in rows:
            if row.grade is None or exercise.name not in row.grade.exercises:
                continue
            points = row.points_of(exercise.name)
            if points is None:
                waiting += 1
                continue
            known.append(points)
            if points >= exercise.points:
                full += 1
            elif points > 0:
                partly += 1
            elif row.grade.exercises[exercise.name].status == "not attempted":
                blank += 1
            else:
                none += 1
        mean = sum(known) / len(known) if known else None
        yield ExercisePicture(
            exercise.name, exercise.title, exercise.points, exercise.manual, full, partly, none, blank, waiting, mean
        )


def _met(assignment: Assignment, rows: Sequence[Standing]) -> tuple[tuple[Met, ...], tuple[Met, ...]]:
    """Misconceptions and troubles: by exercise and sentence, each student once."""
    named: dict[tuple[str, str, str], dict[str, Standing]] = {}
    troubles: dict[tuple[str, str, str], dict[str, Standing]] = {}
    for row in rows:
        for result in (r for e in (row.grade.exercises.values() if row.grade else ()) for r in e.tests):
            place = _place(result)
            if place is not None:
                table, key = (troubles, place) if result.status in TROUBLES else (named, place)
                table.setdefault(key, {})[row.student.id] = row
    titles = {exercise.name: exercise.title for exercise in assignment.exercises}
    order = list(titles)

    def sort(table: dict[tuple[str, str, str], dict[str, Standing]]) -> tuple[Met, ...]:
        def rank(key: tuple[str, str, str]) -> tuple[bool, int, int, str]:
            place = order.index(key[0]) if key[0] in titles else len(order)
            return bool(key[2]), -len(table[key]), place, key[1]

        return tuple(
            Met(titles.get(name, name), what, tuple(table[name, what, test].values()), test)
            for name, what, test in sorted(table, key=rank)
        )

    return sort(named), sort(troubles)


def _place(result: TestResult) -> tuple[str, str, str] | None:
    """Under what a test's outcome is counted: exercise, sentence, and the test's name where no sentence says more."""
    if result.status in TROUBLES:
        return result.exercise, TROUBLES[result.status], ""
    if result.status in ("failed", "unsendable") and result.sentence:
        return result.exercise, result.sentence, result.test if result.sentence == UNNAMED else ""
    return None


def _unmatched(classroom: ClassFolder, name: str) -> list[str]:
    """What came in and is nobody's: its number, what it was called, why it is nobody's."""
    found = attempts(classroom, name, UNMATCHED)
    lines = [f"{one.number:04d} {one_line(one.original_name, 200)}: {'; '.join(one.notes)}" for one in found]
    return [one_line(line, 400) for line in lines]


def _damaged(classroom: ClassFolder) -> list[str]:
    """Ledger entries that were set aside; asked for after the standings, which set aside what they cannot read."""
    return [f"ledger/damaged/{one_line(path.name, 100)}" for path in Ledger(classroom).damaged()]


def _provenance(classroom: ClassFolder, assignment: Assignment, rows: Sequence[Standing]) -> Iterable[tuple[str, str]]:
    """What the marks rest on. Neither the seed nor a day: the seed is a secret, and the day decides nothing."""
    yield "assignment", f"{assignment.name}, version {assignment.version[:16]}"
    yield "seed of the class", f"fingerprint {fingerprint(classroom.config.seed)} (the seed itself is in class.yml)"
    entries = [row.entry for row in rows if row.entry is not None]
    places = Counter(
        f"{entry.runner or 'unnamed'}, {'sandboxed' if entry.sandboxed else 'NOT SANDBOXED'}" for entry in entries
    )
    yield "where code ran", _tally(places)
    versions: Counter[str] = Counter()
    for row in rows:
        if row.grade is not None and row.entry is not None:
            found = {**row.grade.environment, **row.entry.environment}
            versions[", ".join(f"{one_line(k, 60)} {one_line(v, 60)}" for k, v in sorted(found.items()))] += 1
    yield "versions", _tally(versions)


def _tally(counts: Counter[str]) -> str:
    found = [(what, number) for what, number in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if what]
    if len(found) == 1:
        return found[0][0]
    return "; ".join(f"{what} ({number})" for what, number in found) or "nothing was graded"
