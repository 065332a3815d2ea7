"""Taking submissions in: every hand-in of a source ends with a receipt, a student's or nobody's; nothing is lost.

Receipts are added one by one, each whole or not at all, so a collection that is cut off is completed by the next one.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from course_utils.grading.challenge.kind import PLAN, is_challenge
from course_utils.grading.challenge.plan import read_plan
from course_utils.grading.classroom import receipts
from course_utils.grading.classroom.durable import sweep_parts
from course_utils.grading.classroom.file_names import shown
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.hand_in_files import Taken, take
from course_utils.grading.classroom.lms import HandIn, Wanted, hand_ins, kind_of_source, unwrapped
from course_utils.grading.classroom.matching import Matcher, Who
from course_utils.grading.classroom.receipts import Receipt
from course_utils.grading.classroom.roster import Student
from course_utils.grading.classroom.sources import BadSource, open_source
from course_utils.grading.classroom.times import TimeOf
from course_utils.grading.classroom.unmatched import UNMATCHED, Unmatched

NEW, AGAIN, SAME, OLDER, CORRECTED, GIVEN = "new", "again", "same", "older", "corrected", "given"
OWN_FOLDERS = ("assignments", "submissions", "ledger", "autograded", "feedback", "reports", "exports")


@dataclass(frozen=True)
class Entered:
    """What became of one hand-in.

    Attributes:
        student: whose it is; None for nobody's.
        receipt: its receipt.
        what: "new"; "again", a further attempt; "same" as what counts already; "older", the same as an attempt that
            does not count any more; "corrected", the same with a time that is better known now; "given", nobody's
            that a person has given to somebody before.
    """

    student: Student | None
    receipt: Receipt
    what: str


@dataclass
class Collected:
    """What a collection did.

    Attributes:
        kind: what the source was read as.
        entered: what became of each hand-in, in order.
        unknown_times: students of whose newest attempt nobody knows when it came.
        strangers: lines of the table of times that fit nobody.
    """

    kind: str
    entered: list[Entered] = field(default_factory=list)
    unknown_times: int = 0
    strangers: tuple[str, ...] = ()


class Times:
    """Times of handing in from a table, by student.

    Args:
        rows: the table.
        matcher: the roster.
    """

    def __init__(self, rows: Iterable[TimeOf], matcher: Matcher) -> None:
        self.of: dict[str, datetime] = {}
        self.participants: dict[str, TimeOf] = {}
        strangers = []
        for row in rows:
            if row.who.number:
                self.participants[row.who.number] = row
            student, why = matcher.find(row.who)
            if student is not None and row.received is not None:
                self.of[student.id] = row.received
            elif student is None:
                strangers.append(f"line {row.line}: {why}")
        self.strangers = tuple(strangers)


def collect(
    classroom: ClassFolder,
    assignment: str,
    source: Path,
    *,
    kind: str = "auto",
    times: Sequence[TimeOf] = (),
    dry_run: bool = False,
) -> Iterator[Collected]:
    """Take in what a source holds.

    Args:
        classroom: the class; its lock must be held.
        assignment: the name of one of its assignments.
        source: a folder, a zip, or one file.
        kind: what wrote the source; "auto" tells it from the names. Who says "folder" vouches for the files' times.
        times: when students handed in, from a table; it counts more than the times of files.
        dry_run: change nothing, only say what would happen.

    Yields:
        The same record after each hand-in.

    Raises:
        BadSource: if nothing can be collected from the source.
        OSError: if the disk is full or cannot be written; what was yielded is kept.
    """
    own = [classroom.path / part for part in OWN_FOLDERS]
    place = source.resolve()
    if place == classroom.path or any(place.is_relative_to(folder) for folder in own):
        raise BadSource(f"{shown(str(place), 200)} is the class's own: give what students handed in")
    if not dry_run:
        sweep_parts(classroom.submissions / assignment)
    matcher = Matcher(classroom.roster())
    table = Times(times, matcher)
    wanted = replace(_wanted(classroom, assignment), believe_times=kind == "folder")
    with open_source(source) as items:
        inside = unwrapped(items, lambda word: matcher.find(Who(word=word))[0] is not None, wanted)
        if not inside:
            raise BadSource(f"{shown(source.name)} holds no file that could have been handed in")
        found = Collected(kind_of_source(inside) if kind == "auto" else kind, strangers=table.strangers)
        desk = _Desk(classroom, assignment, found.kind, dry_run)
        ordered = hand_ins(inside, found.kind, wanted)
        _refuse_what_is_no_hand_in(source, ordered, matcher, assignment, _endings(classroom, assignment))
        for one in _sorted_out(ordered, matcher, table):
            found.unknown_times += one.student is not None and one.newest and one.hand_in.received is None
            found.entered.append(desk.enter(one))
            yield found
    if not found.entered:
        yield found


def _refuse_what_is_no_hand_in(
    source: Path, found: list[HandIn], matcher: Matcher, assignment: str, endings: Collection[str]
) -> None:
    """A lone file that is nobody's and of another kind is a slip: a roster, a table of marks."""
    ending = source.suffix.lower()
    alone = len(found) == 1 and source.is_file() and ending not in (*endings, ".zip")
    if alone and matcher.find(found[0].who)[0] is None:
        raise BadSource(
            f"{shown(source.name)} is no hand-in of {assignment}: its name is no student's, and it does not end with "
            f"{' or '.join(endings)}. Give what students handed in: a folder, or the zip of an export"
        )


def _endings(classroom: ClassFolder, name: str) -> tuple[str, ...]:
    source = classroom.path / "assignments" / "src" / name
    return (Path(read_plan(source / PLAN).file).suffix.lower(),) if is_challenge(source) else (".ipynb",)


def _wanted(classroom: ClassFolder, name: str) -> Wanted:
    stems = {name}
    source = classroom.path / "assignments" / "src" / name
    if is_challenge(source):
        stems.add(Path(read_plan(source / PLAN).file).stem)
    others = frozenset(classroom.config.assignments) - {name}
    return Wanted(name, frozenset(stems), classroom.config.zone, others, classroom.planned(name).due)


@dataclass(frozen=True)
class _Sorted:
    """A hand-in and whose it is.

    Attributes:
        hand_in: the files.
        student: whose they are, or None.
        why: why they are nobody's.
        certain: whether the time comes from a table.
        newest: whether it is the person's newest attempt in the source.
    """

    hand_in: HandIn
    student: Student | None
    why: str = ""
    certain: bool = False
    newest: bool = True


def _sorted_out(found: list[HandIn], matcher: Matcher, table: Times) -> Iterator[_Sorted]:
    """Each hand-in with its student or the reason why it has none; what belongs to one attempt is put together."""
    of_student: dict[tuple[str, int], list[HandIn]] = {}
    newest: dict[str, int] = {}
    nobodys: list[_Sorted] = []
    for one in found:
        row = table.participants.get(one.who.number)
        who = replace(row.who, name=row.who.name or one.who.name) if row else one.who
        student, why = matcher.find(who)
        if student is None:
            known = row.received if row and row.received else None
            nobodys.append(_Sorted(replace(one, received=known or one.received), None, why, known is not None))
        else:
            of_student.setdefault((student.id, one.attempt), []).append(one)
            newest[student.id] = max(newest.get(student.id, 0), one.attempt)
    students = {student.id: student for student in matcher.students}
    for (name, attempt), parts in of_student.items():
        one = parts[0] if len(parts) == 1 else _together(parts)
        last = attempt == newest[name]
        known = table.of.get(name) if last else None  # a table knows the newest attempt only
        one = replace(one, received=known or one.received)
        yield _Sorted(one, students[name], certain=known is not None, newest=last)
    yield from nobodys


def _together(parts: list[HandIn]) -> HandIn:
    """Several hand-ins of one person that nothing puts in an order: all of them are one."""
    items = [replace(item, path=f"{number}/{item.path}") for number, part in enumerate(parts, 1) for item in part.items]
    times = [part.received for part in parts if part.received]
    return replace(
        parts[0],
        name=" and ".join(part.name for part in parts),
        items=tuple(items),
        received=max(times) if len(times) == len(parts) else None,
        flagged_late=any(part.flagged_late for part in parts),
    )


class _Desk:
    """Where hand-ins get their receipts."""

    def __init__(self, classroom: ClassFolder, assignment: str, origin: str, dry_run: bool) -> None:
        self.classroom, self.assignment = classroom, assignment
        self.origin, self.dry_run = origin, dry_run
        self.unmatched = Unmatched(classroom, assignment)
        self._previewed: dict[str, int] = {}

    def enter(self, one: _Sorted) -> Entered:
        """Keep a hand-in, unless it is kept already."""
        taken = take(one.hand_in.items)
        if one.student is None:
            return self._nobodys(one, taken)
        entered = self._students(one.student, one, taken)
        settled = self.unmatched.known(taken.files, one.hand_in.name)
        if settled in self.unmatched.waiting and settled and not self.dry_run:
            self.unmatched.settle(settled, one.student)  # by now the roster knows the person
        return entered

    def _students(self, student: Student, one: _Sorted, taken: Taken) -> Entered:
        earlier = receipts.attempts(self.classroom, self.assignment, student.id)
        counts = receipts.counting(earlier)
        for known in sorted(earlier, key=lambda receipt: receipt is not counts):
            same = (known.sha256, known.rejected) == (taken.files.sha256, taken.rejected)
            if same and (known is counts or self._is(known, one)) and receipts.is_intact(self.classroom, known):
                corrected = self._corrected(known, one)
                if corrected != known:
                    return Entered(student, corrected, CORRECTED)
                return Entered(student, known, SAME if known is counts else OLDER)
        what = AGAIN if earlier else NEW
        if self.dry_run:
            number = self._previewed.get(student.id, earlier[-1].number if earlier else 0) + 1
            self._previewed[student.id] = number
            what = AGAIN if number > 1 else NEW
            return Entered(student, self._preview(student.id, number, one, taken, taken.notes), what)
        receipt, _ = receipts.add(
            self.classroom, student.id, self.assignment, taken.files, notes=taken.notes, **self._about(one, taken)
        )
        return Entered(student, receipt, what)

    def _is(self, known: Receipt, one: _Sorted) -> bool:
        """Whether an attempt that does not count is this hand-in, and not one of the same files handed in later."""
        if known.original_name != one.hand_in.name:
            return False
        if known.received and one.hand_in.received:
            return datetime.fromisoformat(known.received) == one.hand_in.received
        return self.origin != "folder"

    def _corrected(self, known: Receipt, one: _Sorted) -> Receipt:
        """The receipt with a time that is better known now: from a table, where there was none, or an earlier one."""
        before = datetime.fromisoformat(known.received) if known.received else None
        now = one.hand_in.received
        better = now is not None and (one.certain or before is None or now < before)
        flagged = one.hand_in.flagged_late or (known.late and known.late_by_seconds is None)
        if self.dry_run:
            return self._judged(known, now if better else before, flagged)
        return receipts.restate(self.classroom, known, now if better else before, flagged)

    def _nobodys(self, one: _Sorted, taken: Taken) -> Entered:
        known = self.unmatched.known(taken.files, one.hand_in.name)
        if known is not None:
            return Entered(None, known, SAME if known in self.unmatched.waiting else GIVEN)
        if self.dry_run:
            return Entered(None, self._preview(UNMATCHED, 0, one, taken, (one.why, *taken.notes)), NEW)
        receipt = self.unmatched.keep(taken.files, why=one.why, notes=taken.notes, **self._about(one, taken))
        return Entered(None, receipt, NEW)

    def _about(self, one: _Sorted, taken: Taken) -> dict[str, Any]:
        return {
            "received": one.hand_in.received,
            "flagged_late": one.hand_in.flagged_late,
            "origin": self.origin,
            "original_name": one.hand_in.name,
            "rejected": taken.rejected,
        }

    def _preview(self, home: str, number: int, one: _Sorted, taken: Taken, notes: tuple[str, ...]) -> Receipt:
        bare = Receipt(home, self.assignment, number, taken.files.sha256, origin=self.origin, notes=notes)
        named = replace(bare, original_name=one.hand_in.name, rejected=taken.rejected)
        return self._judged(named, one.hand_in.received, one.hand_in.flagged_late)

    def _judged(self, receipt: Receipt, received: datetime | None, flagged: bool) -> Receipt:
        late, seconds = receipts.lateness(self.classroom.planned(self.assignment).due, received, flagged)
        when = received.isoformat() if received else None
        return replace(receipt, received=when, late=late, late_by_seconds=seconds)
