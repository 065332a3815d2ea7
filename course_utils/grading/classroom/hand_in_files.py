"""From the items of a hand-in to the files that are kept: bounded, archives unpacked, trouble said in words."""

from dataclasses import dataclass

from course_utils.grading.classroom.archive_member import Refused
from course_utils.grading.classroom.archives import kind_of, unpack
from course_utils.grading.classroom.file_names import is_left_behind, shown
from course_utils.grading.classroom.sources import Item
from course_utils.grading.files import MAX_FILE_BYTES, MAX_FILES, MAX_TOTAL_BYTES, BadFiles, SubmittedFiles

MAX_NESTED = 2  # an archive in an archive is read, one more is not
MAX_ARCHIVES = 20
MAX_NOTES = 20
WORK = (".ipynb", ".csv")
_FULL = f"is one of more than {MAX_FILES} files"


@dataclass(frozen=True)
class Taken:
    """What a hand-in consists of.

    Attributes:
        files: what is kept.
        notes: what the instructor should know: what was left out, and why.
        rejected: why it cannot be graded; empty if it can be tried.
    """

    files: SubmittedFiles
    notes: tuple[str, ...] = ()
    rejected: str = ""


class _Bag:
    """Files that come together, within the bounds of one hand-in."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.notes: list[str] = []
        self.trouble: list[str] = []
        self.archives = 0

    @property
    def is_full(self) -> bool:
        return len(self.files) >= MAX_FILES

    @property
    def room(self) -> int:
        return MAX_TOTAL_BYTES - sum(map(len, self.files.values()))

    def put(self, path: str, data: bytes) -> None:
        if self.is_full:
            raise Refused(_FULL)
        parts = path.split("/")
        for depth, part in enumerate(parts, start=1):
            number, is_last = 2, depth == len(parts)
            while self._in_the_way("/".join(parts[:depth]), is_last):
                stem, dot, ending = part.rpartition(".")
                parts[depth - 1] = f"{stem or ending} ({number}){dot + ending if stem else ''}"
                number += 1
        self.files["/".join(parts)] = data

    def _in_the_way(self, path: str, is_file: bool) -> bool:
        """Whether a file is where a file or a folder has to be, or a folder where a file has to be."""
        return path in self.files or (is_file and any(other.startswith(path + "/") for other in self.files))


def take(items: tuple[Item, ...]) -> Taken:
    """Read a hand-in.

    What does not fit or cannot be read is left out with a note as long as there is work beside it; otherwise the
    hand-in is rejected for that reason. A refused archive is kept as it came.
    """
    bag = _Bag()
    for item in sorted(items, key=lambda item: (not item.path.lower().endswith(WORK), item.path)):
        if is_left_behind(item.path):
            continue
        name = shown(item.path, 120)
        try:
            if item.trouble:
                raise Refused(item.trouble)
            limit = min(MAX_FILE_BYTES, bag.room)
            if bag.is_full or item.size > limit:  # nothing is read that will not be taken
                raise Refused(_FULL if bag.is_full else f"has {item.size} bytes, at most {limit} are taken")
            data = item.read(limit)
            if kind_of(item.path):
                _unpack(bag, item.path, data, len(items) > 1)
            else:
                bag.put(item.path, data)
        except Refused as reason:
            text = str(reason)
            bag.trouble.append(text if text.startswith(shown(item.path)) else f"{name} {text}")
    try:
        files = SubmittedFiles(bag.files)
    except BadFiles as reason:
        return Taken(SubmittedFiles({}), tuple(bag.notes), f"{reason}: hand in the notebook and what it needs")
    has_work = any(path.lower().endswith(WORK) for path in bag.files)
    rejected = bag.trouble[0] if bag.trouble and not has_work else ""
    notes = [*bag.notes, *(f"left out: {reason}" for reason in bag.trouble if reason != rejected)]
    more = [f"and {len(notes) - MAX_NOTES} more notes"] if len(notes) > MAX_NOTES else []
    return Taken(files, (*notes[:MAX_NOTES], *more), rejected)


def _unpack(bag: _Bag, path: str, raw: bytes, beside_others: bool, depth: int = 1) -> None:
    """Put an archive's files into the bag; if it is refused, the archive itself, and say why."""
    folder, _, name = path.rpartition("/")
    inner = name.rpartition(".")[0] if beside_others else ""
    prefix = "".join(f"{part}/" for part in (folder, inner) if part)
    try:
        bag.archives += 1
        if bag.archives > MAX_ARCHIVES:
            raise Refused(f"{shown(name)} is one of more than {MAX_ARCHIVES} archives: hand in one zip")
        if depth > MAX_NESTED:
            raise Refused(f"{shown(name)} lies {depth} archives deep, at most {MAX_NESTED} are opened: hand in one zip")
        found = unpack(name, raw, bag.room, MAX_FILES - len(bag.files))
    except Refused:
        bag.put(path, raw)
        raise
    bag.notes.append(f"unpacked {shown(path, 120)}")
    for inside, data in sorted(found.items(), key=lambda one: (not one[0].lower().endswith(WORK), one[0])):
        if not kind_of(inside):
            bag.put(prefix + inside, data)
            continue
        try:
            _unpack(bag, prefix + inside, data, len(found) > 1, depth + 1)
        except Refused as reason:
            bag.trouble.append(str(reason))
