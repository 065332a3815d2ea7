"""Computing recorded marks anew: from a ledger entry alone, the same mark must come out.

An entry says which files were graded (their hash; the receipts keep them), by which version of the assignment (the
class keeps all that were ever used), with which seed. Nothing in the class folder is changed.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from course_utils.grading.assignment import Assignment, load_assignment
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.frozen import OLD_VERSIONS
from course_utils.grading.classroom.grading_run import Pool, chosen, is_settled
from course_utils.grading.classroom.ledger import Damaged, Entry, Ledger, key_of
from course_utils.grading.classroom.local_pool import Answer, Task
from course_utils.grading.classroom.receipts import attempts, files_of, latest
from course_utils.grading.classroom.shipment import Frame, submission_frame
from course_utils.grading.grade import Grade, seed_of

EQUAL, DIFFERENT, CANNOT = "equal", "different", "cannot"


@dataclass(frozen=True)
class Replayed:
    """What became of one recorded result.

    Attributes:
        student: whose it is; the name of the file where a damaged entry does not say.
        verdict: equal, different, or cannot (be computed anew).
        why: the differences, or why not.
        environment: what it was computed with that is another now: name, then, now.
        sandboxed: whether student code ran in a sandbox this time, or did not run at all.
    """

    student: str
    verdict: str
    why: str = ""
    environment: tuple[tuple[str, str, str], ...] = ()
    sandboxed: bool = True


@dataclass
class Recorded:
    """What the ledger holds.

    Attributes:
        entries: results to compute anew.
        unsettled: whose results say only that the grader failed: no marks, nothing to compare.
        unreadable: damaged entries.
    """

    entries: list[Entry] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    unreadable: list[Replayed] = field(default_factory=list)


def counting(classroom: ClassFolder, assignment: Assignment, students: Collection[str] = ()) -> Recorded:
    """The results that count now, of the students given or of all.

    Raises:
        UnknownStudent: if one of them is not enrolled.
    """
    recorded, ledger, receipts = Recorded(), Ledger(classroom), latest(classroom, assignment.name)
    for student in chosen(classroom, students):
        if student not in receipts:
            continue
        seed, files = seed_of(classroom.config.seed, student, assignment.name), receipts[student].sha256
        keys = [key_of(student, assignment.name, assignment.version, files, seed, safe) for safe in (True, False)]
        found = [entry for key in keys if (entry := _look(ledger, assignment.name, key, student, recorded))]
        _sort_in(recorded, sorted(found, key=lambda entry: not entry.settled)[:1])
    return recorded


def everything(classroom: ClassFolder, name: str, students: Collection[str] = ()) -> Recorded:
    """Every result in the ledger, of earlier attempts and earlier versions of the assignment too."""
    recorded, ledger = Recorded(), Ledger(classroom)
    for path in sorted((ledger.folder / "results" / name).glob("??/*.json")):
        entry = _look(ledger, name, path.stem, path.name, recorded)
        if entry is not None and (not students or entry.student in students):
            _sort_in(recorded, [entry])
    return recorded


def _look(ledger: Ledger, assignment: str, key: str, student: str, recorded: Recorded) -> Entry | None:
    try:
        return ledger.look(assignment, key)
    except Damaged as damage:
        why = f"its entry is damaged ({damage}); 'course grade run' sets it aside and grades anew"
        recorded.unreadable.append(Replayed(student, CANNOT, why))
        return None


def _sort_in(recorded: Recorded, found: list[Entry]) -> None:
    recorded.entries += [entry for entry in found if entry.settled]
    recorded.unsettled += [entry.student for entry in found if not entry.settled]


def replay(
    classroom: ClassFolder,
    name: str,
    entries: list[Entry],
    pool_for: Callable[[Assignment, int], AbstractContextManager[Pool]],
) -> Iterator[Replayed]:
    """Compute results anew and compare.

    Args:
        classroom: the class.
        name: the assignment's.
        entries: what is recorded.
        pool_for: opens what does the work for one version of the assignment and so many submissions.

    Returns:
        One comparison an entry, as they come.
    """
    by_version: dict[str, list[Entry]] = {}
    for entry in entries:
        by_version.setdefault(entry.version, []).append(entry)
    for version, some in by_version.items():
        try:
            assignment = version_of(classroom, name, version)
        except (OSError, ValueError) as error:
            for entry in some:
                yield Replayed(entry.student, CANNOT, str(error))
            continue
        waiting = {entry.key: entry for entry in some}
        tasks = [Task(key, partial(_frame, classroom, entry)) for key, entry in waiting.items()]
        with pool_for(assignment, len(tasks)) as pool:
            for answer in pool.answers(tasks):
                yield compare(waiting[answer.key], answer)


def version_of(classroom: ClassFolder, name: str, version: str) -> Assignment:
    """An assignment as it was when it had this version.

    Raises:
        FileNotFoundError: if the class has not kept it.
    """
    now = classroom.assignment(name)
    if now.version == version:
        return now
    home: Path = classroom.path / "assignments" / OLD_VERSIONS / version
    if home.is_dir():
        then = load_assignment(name, home)
        if then.version == version:
            return then
    raise FileNotFoundError(
        f"the class has no copy of version {version[:12]} of {name} (there should be one in {home})"
    )


def _frame(classroom: ClassFolder, entry: Entry) -> Frame:
    """The files that were graded, wherever among the student's attempts they are."""
    trouble: Exception = ValueError(f"no attempt with the files {entry.submission[:12]} has been kept")
    for receipt in attempts(classroom, entry.assignment, entry.student):
        if receipt.sha256 == entry.submission:
            try:
                return submission_frame(entry.key, entry.seed, files_of(classroom, receipt))
            except (OSError, ValueError) as error:
                trouble = error
    raise trouble


def compare(entry: Entry, answer: Answer) -> Replayed:
    """Hold a result that was just computed against the one that is recorded."""
    safe = answer.sandboxed
    if answer.grade is None:
        return Replayed(entry.student, CANNOT, answer.trouble, sandboxed=safe)
    try:
        then = Grade.from_record(entry.grade)
    except (KeyError, TypeError, ValueError) as error:
        why = f"its record has another form ({type(error).__name__}: {error})"
        return Replayed(entry.student, CANNOT, why, sandboxed=safe)
    now = Grade.from_record(answer.grade)
    if not is_settled(now):
        return Replayed(entry.student, CANNOT, now.reason, sandboxed=safe)
    found = differences(then, now)
    changed = _changed(
        {**then.environment, **entry.environment, "runner": entry.runner},
        {**now.environment, **answer.environment, "runner": answer.runner},
    )
    return Replayed(entry.student, DIFFERENT if found else EQUAL, "; ".join(found), changed, safe)


def differences(then: Grade, now: Grade) -> list[str]:
    """Where two grades disagree, in what they say about the work; not in what the student's cells printed."""
    found = []
    if (then.status, then.reason) != (now.status, now.reason):
        found.append(f"{then.status} then, {now.status} now" + (f" ({now.reason})" if now.reason else ""))
    for name in dict.fromkeys([*then.exercises, *now.exercises]):
        old, new = then.exercises.get(name), now.exercises.get(name)
        if old is None or new is None:
            found.append(f"{name}: only {'now' if old is None else 'then'}")
        elif old.points != new.points:
            found.append(f"{name}: {_points(old.points)} then, {_points(new.points)} now")
        elif old != new:
            found.append(f"{name}: the same points, for other reasons")
    return found


def _points(points: float | None) -> str:
    return "no mark" if points is None else f"{points:g}"


def _changed(then: dict[str, Any], now: dict[str, Any]) -> tuple[tuple[str, str, str], ...]:
    names = sorted(set(then) | set(now))
    pairs = [(name, str(then.get(name, "none")), str(now.get(name, "none"))) for name in names]
    return tuple(pair for pair in pairs if pair[1] != pair[2])
