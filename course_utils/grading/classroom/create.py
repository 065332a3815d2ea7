"""Making a class folder, and adding to one; what a class has already is never overwritten."""

import os
import secrets
import shlex
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from course_utils.grading.challenge.kind import is_challenge
from course_utils.grading.classroom.durable import write_whole
from course_utils.grading.classroom.folder import (
    NAME,
    Busy,
    ClassFolder,
    NotAClass,
    Planned,
    due_time,
    locked,
    read_config,
)
from course_utils.grading.classroom.frozen import UPDATED, Taken, differs, take_in
from course_utils.grading.classroom.ledger import Ledger
from course_utils.grading.classroom.roster import BadRoster, Student, write_roster
from course_utils.grading.classroom.settings_text import NotOurs, by_hand, new_settings, planned_line, with_assignment
from course_utils.runtime import repo_root

README = """\
# {title}

The folder of a class: everything about it is here, nothing of it is in the course's own folder. It holds names, work
and marks of people: keep it private, back it up as a whole, never publish it.

| what | what it is |
|---|---|
| class.yml | the settings: due times, weights, time zone. Holds the class's secret seed |
| roster.csv | who is enrolled, one row a student; edit it as you like, but let the ids stay |
| assignments/ | the class's own copies, frozen. `src/` holds hidden tests: for instructors only |
| submissions/ | every attempt that came in, with its receipt. `_unmatched` is nobody's until you say whose it is |
| ledger/ | every result ever computed: the truth about all marks. Never edit it |
| gradebook.db | nbgrader's gradebook, built from the ledger |
| feedback/ | a page for each student |
| reports/, exports/ | pages for you, tables for Canvas and Moodle |

## What to do

    course pack {name} --class {folder}
    course grade collect {folder} {name} SUBMISSIONS.zip
    course grade run {folder} {name}
    course grade status {folder}
    course grade mark {folder} {name}
    course grade report {folder} {name}
    course grade feedback {folder} {name}
    course grade export {folder}

Each command can be given again at any time: what is done is not done twice, and what was cut off goes on.
"""
IGNORED = "# Names, work and marks of people: nothing of a class belongs into a repository.\n*\n"


class CannotCreate(ValueError):
    """No class can be made there; the text says why and what to do."""


@dataclass
class Created:
    """What was done to a class folder.

    Attributes:
        path: the folder.
        new: whether it was made just now.
        students: how many the roster lists.
        taken: what became of each assignment's copy.
        due: due times that were set, by assignment.
        differing: assignments whose copy is not what the repository has now, and which were left alone.
        regraded: assignments whose copy changed while there are results: the next run grades them anew.
    """

    path: Path
    new: bool
    students: int = 0
    taken: list[Taken] = field(default_factory=list)
    due: dict[str, datetime] = field(default_factory=dict)
    differing: list[str] = field(default_factory=list)
    regraded: list[str] = field(default_factory=list)


def available(source: Path | None = None) -> list[str]:
    """Names of the assignments that a class can take in."""
    root = source or repo_root() / "assignments"
    found = [path.parent for kind in ("hidden.py", "challenge.yml") for path in (root / "src").glob(f"*/{kind}")]
    return sorted({path.name for path in found if (root / path.name).is_dir() and NAME.fullmatch(path.name)})


def check_place(path: Path) -> None:
    """Accept a place for a class: outside every copy of the course, new, empty, or a class already.

    Raises:
        CannotCreate: if it is none.
    """
    place = path.resolve()
    for above in (place, *place.parents):
        if above == repo_root() or ((above / ".git").exists() and (above / "course_utils" / "grading").is_dir()):
            raise CannotCreate(
                f"{place} lies inside the course's own folder ({above}), from where names and marks could be "
                "published: choose a folder outside of it"
            )
    if place.exists() and not place.is_dir():
        raise CannotCreate(f"{place} is a file: choose a folder that is new or empty")
    if place.is_dir() and not (place / "class.yml").exists():
        other = sorted(name for name in os.listdir(place) if name != ".lock" and not name.startswith(".part-"))
        if other:
            raise CannotCreate(
                f"{place} is no class (it has no class.yml) and not empty (there is {other[0]!a}): "
                "choose a folder that is new or empty"
            )


def create(
    path: Path,
    *,
    title: str | None = None,
    timezone: str = "UTC",
    roster: Sequence[Student] | None = None,
    assignments: Sequence[str] | None = None,
    due: Mapping[str, str] | None = None,
    source: Path | None = None,
) -> Created:
    """Make a class, or add to one.

    Args:
        path: the class folder.
        title: of a new class; the folder's name by default.
        timezone: of a new class: an IANA name.
        roster: its students; a class that has students keeps them.
        assignments: what to take in or bring up to date; by default all there are for a new class, none for another.
        due: due times by assignment, as text; those of new assignments are null without it.
        source: the ``assignments`` folder to take from; by default the repository's.

    Returns:
        What was done. A class that is there already keeps its seed, students, submissions and results.

    Raises:
        CannotCreate: if there cannot be a class, or it would have to lose something.
        NotAClass: if settings are wrong, also those given here.
        NotOurs: if ``class.yml`` was rewritten so that it cannot be changed by a command.
    """
    check_place(path)
    root = source or repo_root() / "assignments"
    new = not (path / "class.yml").exists()
    _check_new(title, timezone)
    if not new:
        _check_again(path, roster)
    names = list(assignments if assignments is not None else available(root) if new else ())
    _check_names(path, new, names, due or {}, available(root))
    zone = timezone if new else ClassFolder(path).config.timezone
    times = {name: _due(name, text, zone) for name, text in (due or {}).items()}
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(path):
        if new and (path / "class.yml").exists():
            raise Busy(f"another command has just made a class in {path}: look at it, then try again")
        if new:
            seed = secrets.randbits(62) | 1 << 62  # long enough that nobody finds a challenge's labels by trying seeds
            with suppress(OSError):  # some file systems know no rights
                path.chmod(0o700)
            write_whole(path / "class.yml", new_settings(title or path.resolve().name, seed, zone).encode(), 0o600)
        return _fill(path, new, roster, names, times, root)


def _fill(
    path: Path, new: bool, roster: Sequence[Student] | None, names: Iterable[str], due: dict[str, datetime], root: Path
) -> Created:
    classroom = ClassFolder(path)
    done = Created(classroom.path, new, due=due)
    if roster is not None or not classroom.roster_file.exists():
        write_roster(classroom.roster_file, list(roster or ()))
    names = list(names)
    first = next(iter([*names, *classroom.config.assignments, "ASSIGNMENT"]))
    for name, text in ((".gitignore", IGNORED), ("README.md", _readme(classroom, first))):
        if not (path / name).exists():
            write_whole(path / name, text.encode())
    for folder in (classroom.submissions, classroom.ledger):
        folder.mkdir(exist_ok=True)
    for name in names:
        taken = take_in(path / "assignments", root, name)
        done.taken.append(taken)
        if taken.change == UPDATED and taken.before != taken.now and _has_results(classroom, name):
            done.regraded.append(name)
        if name not in classroom.config.assignments:
            part = "challenge" if is_challenge(path / "assignments" / "src" / name) else "homework"
            classroom = _plan(classroom, name, Planned(due.get(name), part))
    for name, time in due.items():
        if classroom.config.assignments[name].due != time:
            classroom = _plan(classroom, name, Planned(time, classroom.config.assignments[name].part))
    done.students = len(classroom.roster())
    done.differing = [n for n in classroom.config.assignments if differs(path / "assignments", root, n)]
    return done


def _plan(classroom: ClassFolder, name: str, planned: Planned) -> ClassFolder:
    """Write what is planned into ``class.yml``, provided that it then says exactly that and nothing else."""
    file = classroom.path / "class.yml"
    text = file.read_text(encoding="utf-8")
    changed = with_assignment(text, name, planned)
    write_whole(file, changed.encode(), 0o600)
    now = read_config(file)
    if now.assignments != {**classroom.config.assignments, name: planned} or now.seed != classroom.config.seed:
        write_whole(file, text.encode(), 0o600)
        raise NotOurs(by_hand(planned_line(name, planned)))
    return ClassFolder(classroom.path)


def _due(name: str, text: str, timezone: str) -> datetime:
    try:
        found = due_time("--due", name, text, ZoneInfo(timezone))
    except NotAClass as error:
        raise CannotCreate(str(error)) from None
    if found is None:
        raise CannotCreate(f"--due of {name} must be a time such as 2027-03-01T23:59, got nothing")
    return found


def _check_new(title: str | None, timezone: str) -> None:
    if title is not None and (not title.strip() or not title.isprintable()):
        raise CannotCreate(f"the title must be one line of text, got {title!a}")
    try:
        ZoneInfo(timezone)
    except (ValueError, OSError, KeyError):
        raise CannotCreate(f"the time zone must be a name such as Europe/Rome, got {timezone!a}") from None


def _check_again(path: Path, roster: Sequence[Student] | None) -> None:
    if roster is None:
        return
    try:
        there = ClassFolder(path).roster()
    except BadRoster:
        there = [Student("?")]
    if there:
        raise CannotCreate(
            f"the class has a roster of its own ({path / 'roster.csv'}), which is never overwritten: edit it there"
        )


def _check_names(path: Path, new: bool, names: Iterable[str], due: Mapping[str, str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise CannotCreate(f"there is no assignment {name!a}; there are: {', '.join(known) or 'none'}")
    has = set(names) | set(() if new else ClassFolder(path).config.assignments)
    for name in due:
        if name not in has:
            raise CannotCreate(f"--due names {name!a}, which this class does not have: add --assignment {name}")


def _has_results(classroom: ClassFolder, name: str) -> bool:
    return any((Ledger(classroom).folder / "results" / name).glob("??/*.json"))


def _readme(classroom: ClassFolder, name: str) -> str:
    return README.format(title=classroom.config.title, folder=shlex.quote(str(classroom.path)), name=name)
