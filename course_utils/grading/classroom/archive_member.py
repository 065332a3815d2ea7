"""A file in an archive of unknown origin: its name and its bytes, and why it may not be taken."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from course_utils.grading.classroom.file_names import shown
from course_utils.grading.files import MAX_FILE_BYTES, MAX_TOTAL_BYTES


class Refused(ValueError):
    """An archive, or a file in it, that is not read; the text says why and what to do."""


@dataclass(frozen=True)
class Member:
    """One file in an archive.

    Attributes:
        name: as it is stored there.
        size: in bytes, as the archive says.
        read: gives the bytes, at most so many as it is told; raises `Refused`.
        modified: its time; without a zone where the archive does not know the zone.
        trouble: why it cannot be taken; empty if it can.
    """

    name: str
    size: int
    read: Callable[[int], bytes] = field(repr=False)
    modified: datetime | None = None
    trouble: str = ""


def too_much(path: str, size: int) -> str:
    """Say that a file is too large to be taken."""
    limits = f"at most {MAX_FILE_BYTES} a file and {MAX_TOTAL_BYTES} together are taken"
    return f"unpacks to more than is taken ({shown(path)} has {size} bytes; {limits})"
