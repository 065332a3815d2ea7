"""The class folder: where everything of one class lives, and its settings in ``class.yml``."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from course_utils.grading.assignment import Assignment, load_assignment
from course_utils.grading.classroom.roster import Student, read_roster
from course_utils.grading.marks import WEIGHTS

PARTS = tuple(WEIGHTS)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_DAY = re.compile(r"\d{4}-?\d\d-?\d\d")


class NotAClass(ValueError):
    """The folder is no class folder, or its settings cannot be used; the text says why."""


class BrokenAssignment(ValueError):
    """The class's copy of an assignment cannot be used; the text says where it is and what is wrong."""


class Busy(RuntimeError):
    """Another command is writing to the class folder."""


@dataclass(frozen=True)
class Planned:
    """What a class wants of one assignment.

    Attributes:
        due: when it is due; None for never. A day without a time means the end of that day.
        part: the part of the final mark it counts to: homework, challenge or exam.
    """

    due: datetime | None = None
    part: str = "homework"


@dataclass(frozen=True)
class ClassConfig:
    """The settings of a class, from ``class.yml``.

    Attributes:
        title: of the class.
        seed: a secret number; with a student's id it makes the inputs of the hidden tests.
        timezone: IANA name; times without a zone are read in it.
        gradebook: SQLAlchemy URL of nbgrader's gradebook; by default a file in the class folder.
        weights: percent of the final mark for each part; they sum to 100.
        missing_counts_as_zero: whether work that was not handed in counts as 0 in the final mark. Work that could not
            be graded never does.
        assignments: what is planned, by name, in order.
    """

    title: str
    seed: int
    timezone: str = "UTC"
    gradebook: str = "sqlite:///gradebook.db"
    weights: Mapping[str, float] = field(default_factory=lambda: dict(WEIGHTS))
    missing_counts_as_zero: bool = False
    assignments: Mapping[str, Planned] = field(default_factory=dict)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.timezone)


class ClassFolder:
    """A class folder.

    Args:
        path: the folder, with a readable ``class.yml``.

    Raises:
        NotAClass: if it is none, or its settings are wrong.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path).resolve()
        self.config = read_config(self.path / "class.yml")

    @property
    def roster_file(self) -> Path:
        """The list of students."""
        return self.path / "roster.csv"

    @property
    def submissions(self) -> Path:
        """What was handed in, every attempt."""
        return self.path / "submissions"

    @property
    def ledger(self) -> Path:
        """What was graded: the durable truth from which everything else is built."""
        return self.path / "ledger"

    @property
    def feedback(self) -> Path:
        """Pages for students."""
        return self.path / "feedback"

    @property
    def reports(self) -> Path:
        """Pages for the instructor."""
        return self.path / "reports"

    @property
    def exports(self) -> Path:
        """Tables for a learning management system."""
        return self.path / "exports"

    def roster(self) -> list[Student]:
        """The enrolled students, in the order of the roster."""
        return read_roster(self.roster_file)

    def planned(self, name: str) -> Planned:
        """What is planned for an assignment.

        Raises:
            NotAClass: if the class has no such assignment.
        """
        if name not in self.config.assignments:
            known = ", ".join(self.config.assignments) or "none"
            raise NotAClass(f"this class has no assignment {name!r}; class.yml lists: {known}")
        return self.config.assignments[name]

    def assignment(self, name: str) -> Assignment:
        """Load the class's own copy of an assignment, as it was when the class took it in.

        Raises:
            NotAClass: if the class has no such assignment.
            FileNotFoundError: if its files are gone.
            BrokenAssignment: if they cannot be used: hidden tests are a program, and may be broken in any way.
        """
        self.planned(name)
        try:
            return load_assignment(name, self.path / "assignments")
        except FileNotFoundError:
            raise
        except Exception as error:
            home = self.path / "assignments" / "src" / name
            raise BrokenAssignment(f"{home} cannot be graded with: {type(error).__name__}: {error}") from error

    @contextmanager
    def lock(self, seconds: float = 5.0) -> Iterator[None]:
        """Be the only command that writes to the class folder.

        Args:
            seconds: how long to wait for another one to end.

        Raises:
            Busy: if another one is still writing. A killed command leaves no lock behind.
        """
        with locked(self.path, seconds):
            yield


@contextmanager
def locked(path: Path, seconds: float = 5.0) -> Iterator[None]:
    """Be the only command that writes to a folder, be it a class already or not.

    Raises:
        Busy: if another one is still writing.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path / ".lock")
    try:
        lock.acquire(timeout=seconds)
    except Timeout:
        raise Busy(f"another command is writing to {path}: wait until it ends, then try again") from None
    try:
        yield
    finally:
        lock.release()


def read_config(path: Path) -> ClassConfig:
    """Read ``class.yml``.

    Raises:
        NotAClass: if it is missing, no YAML, or a setting is wrong.
    """
    import yaml

    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotAClass(
            f"{path.parent} is no class folder (it has no class.yml): make one with 'course grade init'"
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise NotAClass(f"{path} cannot be read: {error}") from None
    if not isinstance(raw, dict):
        raise NotAClass(f"{path} should hold settings as 'name: value', got {type(raw).__name__}")
    allowed = {"title", "seed", "timezone", "gradebook", "weights", "missing_counts_as_zero", "assignments"}
    if strangers := sorted(map(str, set(raw) - allowed)):
        raise NotAClass(f"{path.name}: unknown setting {strangers[0]!r}; there are: {', '.join(sorted(allowed))}")
    seed = raw.get("seed")
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise NotAClass(f"{path.name}: seed must be a whole number from 0 on, got {seed!r}")
    zone = str(raw.get("timezone", "UTC"))
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise NotAClass(f"{path.name}: timezone must be a name such as Europe/Rome, got {zone!r}") from None
    missing = raw.get("missing_counts_as_zero", False)
    if not isinstance(missing, bool):
        raise NotAClass(f"{path.name}: missing_counts_as_zero must be true or false, got {missing!r}")
    return ClassConfig(
        title=str(raw.get("title", path.parent.name)),
        seed=seed,
        timezone=zone,
        gradebook=str(raw.get("gradebook", "sqlite:///gradebook.db")),
        weights=_weights(path.name, raw.get("weights", dict(WEIGHTS))),
        missing_counts_as_zero=missing,
        assignments=_assignments(path.name, raw.get("assignments") or {}, ZoneInfo(zone)),
    )


def _weights(file: str, raw: Any) -> dict[str, float]:
    if not isinstance(raw, dict) or set(raw) != set(PARTS):
        raise NotAClass(f"{file}: weights must name {', '.join(PARTS)}, got {raw!r}")
    for part, value in raw.items():
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 100:
            raise NotAClass(f"{file}: the weight of {part} must be 0 to 100, got {value!r}")
    if abs(sum(raw.values()) - 100) > 1e-9:
        raise NotAClass(f"{file}: weights must sum to 100, got {sum(raw.values()):g}")
    return {part: float(raw[part]) for part in PARTS}


def _assignments(file: str, raw: Any, zone: ZoneInfo) -> dict[str, Planned]:
    if not isinstance(raw, dict):
        raise NotAClass(f"{file}: assignments must be 'NAME: {{due: ..., part: ...}}', got {raw!r}")
    found = {}
    for name, plan in raw.items():
        plan = plan or {}
        if not NAME.fullmatch(str(name)):
            raise NotAClass(f"{file}: an assignment's name is letters, digits, _ and -, got {name!r}")
        if not isinstance(plan, dict) or set(plan) - {"due", "part"}:
            raise NotAClass(f"{file}: {name} may have 'due' and 'part', got {plan!r}")
        if plan.get("part", "homework") not in PARTS:
            raise NotAClass(f"{file}: part of {name} must be one of {', '.join(PARTS)}, got {plan['part']!r}")
        found[str(name)] = Planned(due_time(file, str(name), plan.get("due"), zone), plan.get("part", "homework"))
    return found


def due_time(file: str, name: str, raw: Any, zone: ZoneInfo) -> datetime | None:
    """Read when an assignment is due; None for never.

    Args:
        file: where it is written, for the message.
        name: the assignment's.
        raw: a time as YAML reads it, or as text.
        zone: for a time without one.

    Raises:
        NotAClass: if it is no time.
    """
    if raw is None:
        return None
    try:
        due = raw if isinstance(raw, datetime) else datetime.fromisoformat(str(raw))
        if _DAY.fullmatch(str(raw)):
            due = due.replace(hour=23, minute=59, second=59)  # a day without a time means all of that day
    except ValueError:
        raise NotAClass(f"{file}: due of {name} must be a time such as 2027-03-01T23:59, got {raw!r}") from None
    return due if due.tzinfo else due.replace(tzinfo=zone)
