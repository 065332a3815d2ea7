"""What was handed in, and when: every attempt is kept, with a receipt, and nothing that came in is thrown away."""

import json
import re
import shutil
import tempfile
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from course_utils.grading.classroom.durable import sync_folder, write_whole
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.files import SubmittedFiles, read_folder

_ATTEMPT = re.compile(r"([0-9]{4})-([0-9a-f]{12})")


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
    """Keep an attempt; the same files as the latest attempt are not kept twice.

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
    same = earlier and earlier[-1].sha256 == files.sha256 and earlier[-1].rejected == rejected
    if same:
        return earlier[-1], False
    late, seconds = lateness(classroom.planned(assignment).due, received, flagged_late)
    receipt = Receipt(
        student=student,
        assignment=assignment,
        number=earlier[-1].number + 1 if earlier else 1,
        sha256=files.sha256,
        received=received.isoformat() if received else None,
        late=late,
        late_by_seconds=seconds,
        origin=origin,
        original_name=original_name,
        notes=notes,
        rejected=rejected,
    )
    home = classroom.submissions / assignment / student
    home.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=".part-", dir=home))
    try:
        files.write_to(part / "files")
        text = json.dumps(asdict(receipt), indent=1, sort_keys=True, ensure_ascii=True) + "\n"
        write_whole(part / "receipt.json", text.encode())
        part.chmod(0o755)
        part.rename(home / receipt.folder_name)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    sync_folder(home)
    return receipt, True


def attempts(classroom: ClassFolder, assignment: str, student: str) -> list[Receipt]:
    """All attempts of a student, the oldest first."""
    home = classroom.submissions / assignment / student
    if not home.is_dir():
        return []
    found = [_read(path) for path in sorted(home.iterdir()) if _ATTEMPT.fullmatch(path.name)]
    return sorted((receipt for receipt in found if receipt), key=lambda receipt: receipt.number)


def latest(classroom: ClassFolder, assignment: str) -> dict[str, Receipt]:
    """The attempt that counts, by student: the last one that came."""
    home = classroom.submissions / assignment
    students = [path.name for path in sorted(home.iterdir())] if home.is_dir() else []
    found = {name: attempts(classroom, assignment, name) for name in students if not name.startswith(("_", "."))}
    return {name: all_of_them[-1] for name, all_of_them in found.items() if all_of_them}


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


def _read(folder: Path) -> Receipt | None:
    """A receipt, or None where there is none that can be read."""
    try:
        raw: Any = json.loads((folder / "receipt.json").read_bytes())
        return Receipt(**{**raw, "notes": tuple(raw["notes"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
