"""The text of ``class.yml``: written with comments once, then changed a line at a time, so that nobody's edits go."""

import json
import re
from datetime import datetime
from zoneinfo import ZoneInfo

from course_utils.grading.classroom.folder import Planned
from course_utils.grading.marks import WEIGHTS

TEXT = """\
# The settings of this class. A line that begins with # is a comment.
title: {title}

# A secret number: with a student's id it makes the inputs of the hidden tests, and it makes the data of challenges.
# Give it to nobody. Never change it: every mark would be computed anew.
seed: {seed}

# Times without a zone are read in this one, also those below.
timezone: {timezone}

# nbgrader's gradebook: a file in this folder, or a database such as postgresql://USER@HOST/NAME.
gradebook: sqlite:///gradebook.db

# Percent of the final mark; they sum to 100.
weights: {{{weights}}}

# Whether work that was not handed in counts as 0 in the final mark. Work that could not be graded never does.
missing_counts_as_zero: false

# What is graded: when it is due (null: never), and what it counts to (homework, challenge or exam).
assignments:
"""


_HEAD = re.compile(r"assignments:\s*(\{\s*\}|null|~)?\s*(#.*)?")
_ONE_LINE = re.compile(r"[^{}#]*:\s*(\{[^{}]*\}|null|~)\s*(#.*)?")


class NotOurs(ValueError):
    """The file was rewritten so that it cannot be changed line by line; the text says what to write by hand."""


def new_settings(title: str, seed: int, timezone: str) -> str:
    """The text of a new class's ``class.yml``, without assignments."""
    weights = ", ".join(f"{part}: {value}" for part, value in WEIGHTS.items())
    return TEXT.format(title=json.dumps(title, ensure_ascii=False), seed=seed, timezone=timezone, weights=weights)


def planned_line(name: str, planned: Planned) -> str:
    """One assignment's line."""
    due = "null" if planned.due is None else f'"{_as_written(planned.due)}"'
    return f"  {name}: {{due: {due}, part: {planned.part}}}"


def with_assignment(text: str, name: str, planned: Planned) -> str:
    """Add an assignment to the text, or replace its line.

    Raises:
        NotOurs: if there is no block of assignments, one a line.
    """
    lines = text.splitlines()
    new = planned_line(name, planned)
    start = next((n for n, line in enumerate(lines) if _HEAD.fullmatch(line)), None)
    if start is None:
        raise NotOurs(by_hand(new))
    end = start + 1
    while end < len(lines) and (not lines[end].strip() or lines[end][0] in " #"):
        end += 1
    own = [n for n in range(start + 1, end) if re.match(rf"\s+[\"']?{re.escape(name)}[\"']?\s*:", lines[n])]
    if own:
        if not _ONE_LINE.fullmatch(lines[own[0]]):
            raise NotOurs(by_hand(new))
        lines[own[0]] = new
    else:
        while not lines[end - 1].strip():
            end -= 1
        lines.insert(end, new)
    lines[start] = "assignments:"
    return "\n".join(lines) + "\n"


def by_hand(line: str) -> str:
    """Tell a person to write a line."""
    return f"class.yml was written anew by hand and is not changed by a command: write below 'assignments:'\n{line}"


def _as_written(due: datetime) -> str:
    """The time on the clocks of the class, unless it has a zone of its own."""
    if isinstance(due.tzinfo, ZoneInfo):
        due = due.replace(tzinfo=None)
    return due.isoformat(timespec="seconds" if due.second else "minutes")
