"""A class's own copies of its assignments: frozen, so that a mark means the same on every day of the term.

Only ``course grade init`` replaces them; the version that is replaced stays in ``assignments/.versions/VERSION``, so
that marks computed with it can be computed anew.
"""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from course_utils.grading.assignment import load_assignment
from course_utils.grading.challenge.truth import NAME as TRUTH
from course_utils.grading.classroom.durable import sync_folder, sync_tree

OLD_VERSIONS = ".versions"
NOT_COPIED = frozenset({"__pycache__", ".ipynb_checkpoints", ".DS_Store"})
ADDED, UPDATED, UNCHANGED = "added", "updated", "unchanged"


@dataclass(frozen=True)
class Taken:
    """What became of an assignment's copy.

    Attributes:
        name: the assignment's.
        change: "added", "updated" or "unchanged".
        before: the version that was replaced; empty if there was none or it could not be read.
        now: the version that the class has.
    """

    name: str
    change: str
    before: str
    now: str


def take_in(root: Path, source: Path, name: str) -> Taken:
    """Copy an assignment into a class, or bring the class's copy up to date.

    Cut off at any moment, it is completed by the next call. The labels of a data challenge belong to the class and
    are never replaced.

    Args:
        root: the class's ``assignments`` folder; the class's lock must be held.
        source: the ``assignments`` folder that it is taken from.
        name: the assignment's.

    Raises:
        FileNotFoundError: if there is no such assignment.
        ValueError: if it cannot be graded with.
    """
    load_assignment(name, source)  # what cannot be graded with is not taken in
    for part in (name, f"src/{name}"):
        _complete(root / part)
    wanted = {part: _files(source / part) for part in (name, f"src/{name}")}
    wanted[f"src/{name}"] |= {path: data for path, data in _files(root / "src" / name).items() if path == TRUTH}
    if all(_files(root / part) == files for part, files in wanted.items()):
        version = load_assignment(name, root).version
        return Taken(name, UNCHANGED, version, version)
    before = _set_aside(root, name)
    there = any((root / part).is_dir() for part in wanted)
    for part, files in wanted.items():
        _replace(root / part, files)
    return Taken(name, UPDATED if there else ADDED, before, load_assignment(name, root).version)


def differs(root: Path, source: Path, name: str) -> bool:
    """Whether a class's copy is not what `source` has now; False where `source` does not have it."""
    for part in (name, f"src/{name}"):
        theirs = _files(source / part)
        ours = {path: data for path, data in _files(root / part).items() if path != TRUTH or path in theirs}
        if theirs and ours != theirs:
            return True
    return False


def _files(folder: Path) -> dict[str, bytes]:
    found = {}
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        inside = path.relative_to(folder)
        if path.is_file() and not NOT_COPIED & set(inside.parts) and not inside.name.startswith(".part-"):
            found[inside.as_posix()] = path.read_bytes()
    return found


def _set_aside(root: Path, name: str) -> str:
    """Keep the class's present copy under its version; returns the version, empty if there is none to keep."""
    try:
        version = load_assignment(name, root).version
    except Exception:  # it runs the hidden tests' module, which may be broken in any way
        return ""  # nothing was graded with a copy that cannot be loaded
    home = root / OLD_VERSIONS / version
    for part in (name, f"src/{name}"):
        _complete(home / part)
        if not (home / part).is_dir():
            _replace(home / part, _files(root / part))
    return version


def _replace(folder: Path, files: dict[str, bytes]) -> None:
    """Put files in the place of a folder: written beside it first, then exchanged."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".part-{folder.name}-", dir=folder.parent))
    try:
        for path, data in files.items():
            (part / "new" / path).parent.mkdir(parents=True, exist_ok=True)
            (part / "new" / path).write_bytes(data)
        sync_tree(part)
        if folder.is_dir():
            os.rename(folder, part / "old")
        os.rename(part / "new", folder)
        sync_folder(folder.parent)
    finally:
        _complete(folder)


def _complete(folder: Path) -> None:
    """End an exchange that was cut off: the new files if they are whole, else the old ones; nothing stays beside."""
    parts = [p for p in folder.parent.glob(".part-*") if p.name.rpartition("-")[0] == f".part-{folder.name}"]
    for part in parts:
        for whole in ("new", "old"):  # there is an "old" only when all of "new" is on the disk
            if not folder.is_dir() and (part / "old").is_dir() and (part / whole).is_dir():
                os.rename(part / whole, folder)
        shutil.rmtree(part, ignore_errors=True)
