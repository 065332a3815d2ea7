"""What was handed in, and when: every attempt is kept, with a receipt, and nothing that came in is thrown away."""

import json
import re
import shutil
import tempfile
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from course_utils.grading.classroom.durable import sync_folder, sync_tree, write_whole
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.files import SubmittedFiles, read_folder

_ATTEMPT = re.compile(r"([0-9]{4,})-([0-9a-f]{12})")


@dataclass(frozen=True)
class Receipt:
    """One attempt of one student.

    Attributes:
        student: the id in the roster.
        assignment: its name.
        number: 1 for the first attempt.
        sha256: of the files (see `SubmittedFiles`).
        received: when it was handed in, ISO 8601 with zone; None if nobody knows.
        late: whether it came after the due time, or the system it came from says so.
        late_by_seconds: by how much; None if it is not late or nobody knows.
        origin: where it came from: "folder", "canvas", "moodle", ...
        original_name: what it was called there.
        notes: what the instructor should know.
        rejected: why it cannot be graded; empty if it can be tried.
    """

    student: str
    assignment: str
    number: int
    sha256: str
    received: str | None = None
    late: bool = False
    late_by_seconds: int | None = None
    origin: str = "folder"
    original_name: str = ""
    notes: tuple[str, ...] = ()
    rejected: str = ""

    @property
    def folder_name(self) -> str:
        """The name of the attempt's folder."""
        return f"{self.number:04d}-{self.sha256[:12]}"


def lateness(due: datetime | None, received: datetime | None, flagged: bool = False) -> tuple[bool, int | None]:
    """Say whether something is late, and by how many seconds.

    Args:
        due: the due time, or None.
        received: when it came, or None.
        flagged: whether the system it came from calls it late.
    """
    if due is not None and received is not None:
        seconds = int((received - due).total_seconds())
        if seconds > 0:
            return True, seconds
    return flagged, None


def add(
    classroom: ClassFolder,
    student: str,
    assignment: str,
    files: SubmittedFiles,
    *,
    received: datetime | None = None,
    flagged_late: bool = False,
    origin: str = "folder",
    original_name: str = "",
    notes: tuple[str, ...] = (),
    rejected: str = "",
) -> tuple[Receipt, bool]:
    """Keep an attempt; the same files as the attempt that counts are not kept twice.

    Args:
        classroom: the class; its lock must be held.
        student: an id of the roster.
        assignment: its name.
        files: what came in (may be empty when `rejected` says why).
        received: when, with zone.
        flagged_late: whether the system it came from calls it late.
        origin: where it came from.
        original_name: what it was called there.
        notes: what the instructor should know.
        rejected: why it cannot be graded.

    Returns:
        The receipt, and whether it is new.
    """
    earlier = attempts(classroom, assignment, student)
    counts = counting(earlier)
    if counts and (counts.sha256, counts.rejected) == (files.sha256, rejected) and is_intact(classroom, counts):
        return counts, False
    receipt = keep(
        classroom,
        student,
        assignment,
        files,
        number=earlier[-1].number + 1 if earlier else 1,
        received=received,
        flagged_late=flagged_late,
        origin=origin,
        original_name=original_name,
        notes=notes,
        rejected=rejected,
    )
    return receipt, True


def keep(
    classroom: ClassFolder,
    home: str,
    assignment: str,
    files: SubmittedFiles,
    *,
    number: int,
    received: datetime | None,
    flagged_late: bool,
    origin: str,
    original_name: str,
    notes: tuple[str, ...],
    rejected: str,
) -> Receipt:
    """Write an attempt below ``submissions/ASSIGNMENT/HOME``, whole or not at all.

    Raises:
        OSError: if the disk is full or cannot be written; nothing of the attempt is there then.
    """
    late, seconds = lateness(classroom.planned(assignment).due, received, flagged_late)
    receipt = Receipt(
        student=home,
        assignment=assignment,
        number=number,
        sha256=files.sha256,
        received=received.isoformat() if received else None,
        late=late,
        late_by_seconds=seconds,
        origin=origin,
        original_name=original_name,
        notes=notes,
        rejected=rejected,
    )
    folder = classroom.submissions / assignment / home
    folder.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=".part-", dir=folder))
    try:
        (part / "files").mkdir()  # also for nothing at all
        files.write_to(part / "files")
        write_whole(part / "receipt.json", _dump(receipt))
        sync_tree(part / "files")
        part.chmod(0o755)
        part.rename(folder / receipt.folder_name)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    sync_folder(folder)
    return receipt


def restate(classroom: ClassFolder, receipt: Receipt, received: datetime | None, flagged_late: bool = False) -> Receipt:
    """Correct when an attempt was handed in; its files and its number stay. The class's lock must be held."""
    late, seconds = lateness(classroom.planned(receipt.assignment).due, received, flagged_late)
    when = received.isoformat() if received else None
    corrected = replace(receipt, received=when, late=late, late_by_seconds=seconds)
    if corrected != receipt:
        home = classroom.submissions / receipt.assignment / receipt.student / receipt.folder_name
        write_whole(home / "receipt.json", _dump(corrected))
    return corrected


def attempts(classroom: ClassFolder, assignment: str, student: str) -> list[Receipt]:
    """All attempts of a student, the oldest first; late or not by the due time that ``class.yml`` says now."""
    home = classroom.submissions / assignment / student
    if not home.is_dir():
        return []
    due = classroom.planned(assignment).due
    found = [path for path in home.iterdir() if _ATTEMPT.fullmatch(path.name)]
    return [_judged(_read(path, assignment, student), due) for path in sorted(found, key=_numbered)]


def latest(classroom: ClassFolder, assignment: str) -> dict[str, Receipt]:
    """The attempt that counts, by student: the one handed in last; where nobody knows when, the one that came last."""
    home = classroom.submissions / assignment
    students = [path.name for path in sorted(home.iterdir())] if home.is_dir() else []
    names = [name for name in students if not name.startswith(("_", "."))]
    found = {name: counting(attempts(classroom, assignment, name)) for name in names}
    return {name: receipt for name, receipt in found.items() if receipt}


def counting(found: list[Receipt]) -> Receipt | None:
    """The attempt that counts, of attempts in the order in which they came."""
    best: Receipt | None = None
    for receipt in found:
        times = [datetime.fromisoformat(r.received) for r in (best, receipt) if r and r.received]
        if best is None or len(times) < 2 or times[1] >= times[0]:
            best = receipt
    return best


def is_intact(classroom: ClassFolder, receipt: Receipt) -> bool:
    """Whether an attempt's files are still what its receipt says."""
    try:
        files_of(classroom, receipt)
    except (OSError, ValueError):
        return False
    return True


def files_of(classroom: ClassFolder, receipt: Receipt) -> SubmittedFiles:
    """What an attempt consists of.

    Raises:
        ValueError: if the files are not those of the receipt any more.
    """
    home = classroom.submissions / receipt.assignment / receipt.student / receipt.folder_name
    files = read_folder(home / "files")
    if files.sha256 != receipt.sha256:
        raise ValueError(
            f"{home} was changed after it was received: put the original files back, or collect the changed ones anew"
        )
    return files


def _judged(receipt: Receipt, due: datetime | None) -> Receipt:
    """The receipt, late by a due time. One that is late by nobody knows how much was called late where it came from."""
    received = datetime.fromisoformat(receipt.received) if receipt.received else None
    flagged = receipt.late and receipt.late_by_seconds is None
    late, seconds = lateness(due, received, flagged)
    return replace(receipt, late=late, late_by_seconds=seconds)


def _dump(receipt: Receipt) -> bytes:
    return (json.dumps(asdict(receipt), indent=1, sort_keys=True, ensure_ascii=True) + "\n").encode()


def _numbered(folder: Path) -> tuple[int, str]:
    """An attempt's number and the beginning of its hash, from the name of its folder."""
    number, _, start = folder.name.partition("-")
    return int(number), start


def _read(folder: Path, assignment: str, student: str) -> Receipt:
    """An attempt's receipt; where it is damaged, what the folder itself still says, so that no attempt disappears."""
    number, start = _numbered(folder)
    try:
        raw: Any = json.loads((folder / "receipt.json").read_bytes())
        receipt = Receipt(**{**raw, "notes": tuple(raw["notes"])})
        if receipt.received is not None and datetime.fromisoformat(receipt.received).tzinfo is None:
            raise ValueError("a time without a zone")
        named = (receipt.assignment, receipt.number, receipt.sha256[:12])
        of_student = receipt.student == student or student.startswith("_")
        if named != (assignment, number, start) or not of_student:
            raise ValueError("the receipt of another attempt")
        return receipt
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        notes: tuple[str, ...] = ("its receipt was damaged: nobody knows when it came",)
    try:
        sha256 = read_folder(folder / "files").sha256
    except (OSError, ValueError):
        sha256 = ""
    if sha256[:12] == start:
        return Receipt(student, assignment, number, sha256, notes=notes)
    damaged = f"attempt {number} was damaged after it had come in: collect it again, or have it handed in again"
    notes += (f"damaged files: submissions/{assignment}/{student}/{folder.name}",)
    return Receipt(student, assignment, number, start, notes=notes, rejected=damaged)
