"""What hand-ins a source holds: who, when and which files, as Canvas, Moodle, nbgrader and people name them.

Canvas names a file ``lastfirst_LATE_USER_ATTACHMENT_name`` (``LATE_`` only if it is; ``anon_CODE`` for the user where
names are hidden) and appends ``-1``, ``-2``, ... to the name of what is handed in again. Moodle makes a folder
``Full Name_NUMBER_assignsubmission_file_`` for each student, or puts that before each file's name. nbgrader's exchange
has folders ``student+assignment+time``. Both systems stamp every file of an export with the time of the download, so
their zips do not say when a student handed in.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from course_utils.grading.classroom.archives import kind_of
from course_utils.grading.classroom.matching import Who
from course_utils.grading.classroom.sources import Item
from course_utils.grading.classroom.times import ONE_COPY, BadTime, parse_time

KINDS = ("folder", "canvas", "moodle", "nbgrader")
_CANVAS = re.compile(
    r"(?:(?P<name>.*?)_)??(?P<late>LATE_)?(?:anon_(?P<code>[A-Za-z0-9]+)|(?P<user>\d+))"
    r"(?:_(?P<attachment>\d+)_(?P<file>.+)|_(?P<typed>(?:text|link)(?:-\d+)?\.html))"
)
_MOODLE = re.compile(r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_(?P<plugin>[a-z]+)_?(?P<file>.*)")
_NBGRADER = re.compile(r"(?P<student>[^+]+)\+(?P<assignment>[^+]+)\+(?P<time>\d{4}-\d\d-\d\d[ T][^+]*)(?:\+.*)?")
_AGAIN = re.compile(r"-\d{1,3}(?=\.[A-Za-z0-9]+$)")


@dataclass(frozen=True)
class HandIn:
    """What one person handed in at one time.

    Attributes:
        who: what the source says about the person.
        name: what it is called in the source.
        items: its files, by path inside the hand-in.
        received: when, if the source knows.
        flagged_late: whether the source calls it late.
        attempt: the place among several of the same person in one source; the highest is the newest.
    """

    who: Who
    name: str
    items: tuple[Item, ...]
    received: datetime | None = None
    flagged_late: bool = False
    attempt: int = 0


def kind_of_source(items: Sequence[Item]) -> str:
    """Tell from the names what wrote a source: "canvas", "moodle", "nbgrader", or "folder" if none of them did."""
    tops = {item.path.split("/")[0] for item in items}
    for kind, pattern in (("moodle", _MOODLE), ("nbgrader", _NBGRADER), ("canvas", _CANVAS)):
        if tops and sum(bool(pattern.fullmatch(top)) for top in tops) * 2 >= len(tops):
            return kind
    return "folder"


@dataclass(frozen=True)
class Wanted:
    """What is collected.

    Attributes:
        assignment: its name.
        stems: names of what has to be handed in, without endings.
        zone: for times without one.
        others: names of the class's other assignments, whose files are left alone.
        due: when it is due, or None.
        believe_times: whether the times of files are those of handing in, whatever they look like.
    """

    assignment: str
    stems: frozenset[str]
    zone: ZoneInfo
    others: frozenset[str] = frozenset()
    due: datetime | None = None
    believe_times: bool = False


def unwrapped(items: Sequence[Item], known: Callable[[str], bool], wanted: Wanted) -> list[Item]:
    """Look inside a folder that holds everything else, if names in there say more than its own.

    Args:
        items: what the source holds.
        known: whether a word means a student.
        wanted: what is collected.
    """
    inside = list(items)
    while inside:
        tops = {item.path.partition("/")[0] for item in inside}
        if kind_of_source(inside) != "folder" or any(
            known(top) or known(_stem(top, wanted.assignment)) for top in tops
        ):
            return inside
        if len(tops) > 1 or any("/" not in item.path for item in inside):
            break
        inside = [replace(item, path=item.path.partition("/")[2]) for item in inside]
    return list(items)


def hand_ins(items: Sequence[Item], kind: str, wanted: Wanted) -> list[HandIn]:
    """Put the files of a source together to hand-ins.

    Args:
        items: what the source holds.
        kind: one of `KINDS`.
        wanted: what is collected.

    Returns:
        The hand-ins in the order of their names, older attempts first.
    """
    readers = {"canvas": _canvas, "moodle": _moodle, "nbgrader": _nbgrader, "folder": _folder}
    found = readers[kind](items, wanted)
    times = [one.received for one in found if one.received]
    if not (wanted.believe_times or _times_are_told(kind, times, wanted.due)):
        found = [replace(one, received=None) for one in found]
    return sorted(found, key=lambda one: (one.attempt, one.name))


def _times_are_told(kind: str, times: Sequence[datetime], due: datetime | None) -> bool:
    """Whether the times of files can be those of handing in, and not that of a download or a copy.

    The time of a copy is a bound: what was copied before the due time was handed in before it. After it, nobody knows.
    """
    if kind == "nbgrader" or (times and max(times) - min(times) > ONE_COPY):
        return True
    return kind == "folder" and bool(times) and (due is None or max(times) <= due)


def _canvas(items: Sequence[Item], wanted: Wanted) -> list[HandIn]:
    people: dict[tuple[str, str], list[tuple[int, bool, Item]]] = {}
    found = []
    for item in items:
        top, _, below = item.path.partition("/")
        match = _CANVAS.fullmatch(top)
        if match is None or below:
            found.append(HandIn(Who(word=_stem(top)), item.path, (item,)))
            continue
        person = (match["name"] or "", match["user"] or f"anon_{match['code']}")
        people.setdefault(person, []).append((int(match["attachment"] or 0), bool(match["late"]), item))
    for (name, user), files in people.items():
        who = Who(joined=name, **{"word" if user.startswith("anon_") else "canvas_id": user})
        newest_last = sorted(files, key=lambda one: one[0])
        found += _attempts(who, any(late for _, late, _ in files), [item for *_, item in newest_last], wanted.stems)
    return found


def _attempts(who: Who, late: bool, files: list[Item], stems: Collection[str]) -> list[HandIn]:
    """One attempt; several if a file is there several times: the older ones of it make an older attempt each."""
    versions: dict[str, list[Item]] = {}
    for item in files:
        match = _CANVAS.fullmatch(item.path)
        file = _first_name(match["file"] or match["typed"], stems) if match else item.path
        versions.setdefault(file, []).append(item)
    found = []
    for number in range(max(len(some) for some in versions.values())):
        chosen = {file: some[min(number, len(some) - 1)] for file, some in versions.items()}
        name = max(chosen.values(), key=files.index).path
        inside = tuple(replace(item, path=file) for file, item in chosen.items())
        found.append(HandIn(who, name, inside, None, late, number))
    return found


def _first_name(file: str, stems: Collection[str]) -> str:
    """The name that a student gave, where Canvas appended a number to that of what has to be handed in."""
    plain = _AGAIN.sub("", file)
    return plain if plain.rpartition(".")[0].casefold() in {stem.casefold() for stem in stems} else file


def _moodle(items: Sequence[Item], wanted: Wanted) -> list[HandIn]:
    people: dict[str, list[Item]] = {}
    about: dict[str, Who] = {}
    found = []
    for item in items:
        top, _, below = item.path.partition("/")
        match = _MOODLE.fullmatch(top)
        if match is None:
            found.append(HandIn(Who(word=_stem(top)), item.path, (item,), _moment([item], wanted.zone)))
            continue
        key = f"{match['name']}_{match['number']}"
        file = "/".join(filter(None, (match["file"], below))) or "_"
        inside = file if match["plugin"] == "file" else f"{match['plugin']}/{file}"
        people.setdefault(key, []).append(replace(item, path=inside))
        about[key] = Who(number=match["number"], name=match["name"].replace("_", " "))
    return found + [HandIn(about[key], key, tuple(files), _moment(files, wanted.zone)) for key, files in people.items()]


def _nbgrader(items: Sequence[Item], wanted: Wanted) -> list[HandIn]:
    folders: dict[str, list[Item]] = {}
    for item in items:
        folders.setdefault(item.path.partition("/")[0], []).append(
            replace(item, path=item.path.partition("/")[2] or item.path)
        )
    found = []
    for name, files in folders.items():
        match = _NBGRADER.fullmatch(name)
        if match is None:
            found.append(HandIn(Who(word=_stem(name)), name, tuple(files)))
        elif match["assignment"] not in wanted.others:
            inside = tuple(item for item in files if item.path != "timestamp.txt")
            try:
                received = parse_time(match["time"], wanted.zone)
            except BadTime:
                received = None
            found.append(HandIn(Who(word=match["student"]), name, inside, received))
    return _numbered(found)


def _numbered(found: list[HandIn]) -> list[HandIn]:
    """Number the attempts of each person by time."""
    far = datetime.min.replace(tzinfo=ZoneInfo("UTC"))
    count: dict[str, int] = {}
    numbered = []
    for one in sorted(found, key=lambda one: (one.received or far, one.name)):
        count[one.who.word] = count.get(one.who.word, -1) + 1
        numbered.append(replace(one, attempt=count[one.who.word]))
    return numbered


def _folder(items: Sequence[Item], wanted: Wanted) -> list[HandIn]:
    groups: dict[str, list[Item]] = {}
    names: dict[str, str] = {}
    for item in items:
        top, slash, below = item.path.partition("/")
        if below.partition("/")[0] not in wanted.others:
            word = top if slash else _stem(top, wanted.assignment)
            names.setdefault(word, top)
            groups.setdefault(word, []).append(replace(item, path=below or top))
    return [HandIn(Who(word=w), names[w], tuple(files), _moment(files, wanted.zone)) for w, files in groups.items()]


def _stem(name: str, assignment: str = "") -> str:
    """The part of a file's name that may say whose it is: without its ending and the assignment's name."""
    ending = next((e for e in (".tar.gz", ".tar.bz2", ".tar.xz") if name.lower().endswith(e)), "")
    stem = name[: -len(ending)] if ending else name.rpartition(".")[0] or name
    if kind_of(name) or stem != name:
        bare = re.sub(re.escape(assignment), "", stem, flags=re.IGNORECASE) if assignment else stem
        return bare.strip(" _-+.()[]") or stem
    return stem


def _moment(items: Sequence[Item], zone: ZoneInfo) -> datetime | None:
    """The time of the newest file, if all are known."""
    times = [
        item.modified if item.modified.tzinfo else item.modified.replace(tzinfo=zone) for item in items if item.modified
    ]
    return max(times).replace(microsecond=0) if times and len(times) == len(items) else None
