"""Archives that students hand in, unpacked in memory without trusting a word in them.

Nothing is ever extracted by a library that follows the paths in an archive: names and bytes come out, within bounds,
and what is suspicious is refused with a sentence that says what to do.
"""

import io
from collections.abc import Iterable

from course_utils.grading.classroom.archive_member import Member, Refused, too_much
from course_utils.grading.classroom.file_names import BadName, clean_path, is_left_behind, readable, shown
from course_utils.grading.classroom.tars import tar_members
from course_utils.grading.classroom.zips import zip_members
from course_utils.grading.files import MAX_FILE_BYTES, MAX_FILES, MAX_TOTAL_BYTES

ZIP_ENDINGS = (".zip",)
TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
UNREAD_ENDINGS = (".rar", ".7z", ".gz", ".bz2", ".xz", ".zst", ".zipx", ".lzh", ".cab", ".sit")
_AGAIN = "zip the notebook alone and hand that in"
_LOOKS_LIKE = {
    b"Rar!": "a RAR archive", b"7z\xbc\xaf": "a 7z archive", b"%PDF": "a PDF", b"<": "a web page", b"{": "a notebook"
}  # fmt: skip


def kind_of(name: str) -> str:
    """Whether a name is that of an archive: "zip", "tar", "unread" (a kind that is not read here) or ""."""
    lower = name.lower()
    for kind, endings in (("zip", ZIP_ENDINGS), ("tar", TAR_ENDINGS), ("unread", UNREAD_ENDINGS)):
        if lower.endswith(endings):
            return kind
    return ""


def unpack(name: str, raw: bytes, room: int = MAX_TOTAL_BYTES, most: int = MAX_FILES) -> dict[str, bytes]:
    """Unpack a student's archive in memory.

    Args:
        name: what it is called; its ending says what it is.
        raw: its bytes.
        room: the most bytes that may come out.
        most: the most files that may come out.

    Returns:
        The files by clean relative path; what systems leave behind in archives is not among them.

    Raises:
        Refused: if it is no archive that can be read, damaged, encrypted, or anything in it is suspicious.
    """
    kind = kind_of(name)
    if kind == "unread" or not kind:
        ending = name.rpartition(".")[2]
        raise Refused(f"{shown(name)} is an archive of a kind that is not read here ({shown(ending)}): {_AGAIN}")
    looks = next((what for start, what in _LOOKS_LIKE.items() if raw.lstrip().startswith(start)), None)
    try:
        if looks or not raw:
            raise Refused(f"is called an archive, but looks like {looks}" if looks else "is an empty file")
        members = zip_members(io.BytesIO(raw), most) if kind == "zip" else tar_members(raw, room, most)
        found = _taken(members, room, most)
        if not found:
            raise Refused("holds no file that could be work")
        return found
    except (Refused, BadName) as reason:
        raise Refused(f"{shown(name)} {reason}: {_AGAIN}") from None


def _taken(members: Iterable[Member], room: int, most: int) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    spellings: dict[str, str] = {}
    for member in members:
        if is_left_behind(readable(member.name).replace("\\", "/")):
            continue
        path = clean_path(member.name)
        if member.trouble:
            raise Refused(member.trouble)
        other = spellings.setdefault(path.casefold(), path)
        if path in found:
            raise Refused(f"holds {shown(path)} twice")
        if other != path:
            raise Refused(f"holds {shown(other)} and {shown(path)}, which some systems do not tell apart")
        if len(found) >= most:
            raise Refused(f"holds more than {most} files")
        if member.size > min(room, MAX_FILE_BYTES):
            raise Refused(too_much(path, member.size))
        found[path] = member.read(min(room, MAX_FILE_BYTES))
        room -= len(found[path])
    return found
