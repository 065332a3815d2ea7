"""The ledger: every result ever computed, one file each, written once. All marks are read from here.

An entry is named after what decides the result: the student, the assignment's version, the files, the seed, and
whether the code ran in a sandbox. So a second run finds what is done, changed work is a new entry, and a mark can be
computed anew from its record. Writing is atomic; each entry carries a checksum of itself.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from course_utils.grading.classroom.durable import write_whole
from course_utils.grading.classroom.folder import ClassFolder

FORMAT = 1


@dataclass(frozen=True)
class Entry:
    """One result.

    Attributes:
        student: the id in the roster.
        assignment: its name.
        version: hash of the assignment that graded it.
        submission: hash of the files that were graded.
        seed: of the hidden tests' inputs.
        sandboxed: whether the student's code ran in a sandbox.
        grade: the grade's record (`Grade.record`).
        environment: versions that the result was computed with.
        runner: name of what ran the code.
        settled: False if the grader itself failed: the next run tries again and replaces the entry.
    """

    student: str
    assignment: str
    version: str
    submission: str
    seed: int
    sandboxed: bool
    grade: dict[str, Any]
    environment: dict[str, Any] = field(default_factory=dict)
    runner: str = ""
    settled: bool = True

    @property
    def key(self) -> str:
        """The hash of all that decides the result."""
        return key_of(self.student, self.assignment, self.version, self.submission, self.seed, self.sandboxed)


def key_of(student: str, assignment: str, version: str, submission: str, seed: int, sandboxed: bool) -> str:
    """Name a result before it is computed."""
    text = json.dumps([FORMAT, student, assignment, version, submission, seed, sandboxed], ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


class Damaged(ValueError):
    """An entry that is not what was written."""


class Ledger:
    """The ledger of a class.

    Args:
        classroom: the class.
    """

    def __init__(self, classroom: ClassFolder) -> None:
        self.folder = classroom.ledger

    def path(self, assignment: str, key: str) -> Path:
        """Where an entry lies."""
        return self.folder / "results" / assignment / key[:2] / f"{key}.json"

    def write(self, entry: Entry) -> bool:
        """Write an entry once.

        Returns:
            True if it was written, False if a settled entry of this key is there already (it is left as it is).

        Raises:
            OSError: if it cannot be written; nothing is lost and nothing half-written.
        """
        old = self.find(entry.assignment, entry.key)
        if old is not None and old.settled:
            return False
        write_whole(self.path(entry.assignment, entry.key), _dump(entry))
        return True

    def find(self, assignment: str, key: str) -> Entry | None:
        """An entry by its key, or None. A damaged one is moved to ``ledger/damaged`` and counts as not there."""
        try:
            return self.look(assignment, key)
        except Damaged:
            self._set_aside(self.path(assignment, key))
            return None

    def look(self, assignment: str, key: str) -> Entry | None:
        """An entry by its key, or None; changes nothing.

        Raises:
            Damaged: if it is not what was written.
        """
        try:
            entry = _load(self.path(assignment, key).read_bytes())
        except FileNotFoundError:
            return None
        if entry.key != key:
            raise Damaged("its name and its content differ")
        return entry

    def replace(self, entry: Entry) -> bool:
        """Write an entry in place of one that is there: only because a person asked for it.

        The old one is kept in ``ledger/replaced``.

        Returns:
            True if it was written, False if a settled one is there and says the same, or this one is not settled.
        """
        path, old = self.path(entry.assignment, entry.key), self.find(entry.assignment, entry.key)
        if old is not None and old.settled and (not entry.settled or _result(old) == _result(entry)):
            return False
        if old is not None:
            home, number = self.folder / "replaced" / entry.assignment, 1
            while (kept := home / f"{entry.key}.{number}.json").exists():
                number += 1
            write_whole(kept, path.read_bytes())
        write_whole(path, _dump(entry))
        return True

    def entries(self, assignment: str) -> Iterator[Entry]:
        """All entries of an assignment, in the order of their keys."""
        for path in sorted((self.folder / "results" / assignment).glob("??/*.json")):
            entry = self.find(assignment, path.stem)
            if entry is not None:
                yield entry

    def damaged(self) -> list[Path]:
        """Entries that were set aside because they had been changed or cut off."""
        return sorted((self.folder / "damaged").glob("*.json*"))

    def _set_aside(self, path: Path) -> None:
        home = self.folder / "damaged"
        home.mkdir(parents=True, exist_ok=True)
        target, number = home / path.name, 1
        while target.exists():
            target, number = home / f"{path.name}.{number}", number + 1
        path.replace(target)


def _result(entry: Entry) -> dict[str, Any]:
    """What was found, without the versions it was found with."""
    return {name: value for name, value in entry.grade.items() if name != "environment"}


def _dump(entry: Entry) -> bytes:
    body = {"format": FORMAT, **asdict(entry)}
    text = json.dumps(body, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    body["checksum"] = hashlib.sha256(text.encode()).hexdigest()
    return (json.dumps(body, ensure_ascii=True, indent=1) + "\n").encode()  # exercises stay in their order


def _load(raw: bytes) -> Entry:
    try:
        body = json.loads(raw)
        checksum = body.pop("checksum")
        text = json.dumps(body, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        if hashlib.sha256(text.encode()).hexdigest() != checksum or body.pop("format") != FORMAT:
            raise Damaged("its checksum is wrong")
        return Entry(**body)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Damaged(str(error)) from None
