"""Wrong and right solutions of an assignment, kept in one file of sections, to test its tests with.

A section begins with ``# %% wrong EXERCISE: name`` or ``# %% right EXERCISE: name``; its code runs after the model
solution and replaces functions of it. A wrong one says what its author believes, and which words of a check's
sentence must answer that belief::

    # %% wrong threshold_unit: fires at zero
    # thinks: reaching the threshold is enough
    # says: at exactly zero
    def threshold_unit(x, w, b):
        return (x @ w + b >= 0).astype(int)

``# hidden says:`` gives other words for the hidden tests, ``# visible: passes, WHY`` marks one that the visible
check is not meant to find.
"""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

_HEADER = re.compile(r"^# %% (wrong|right) (\w+): (.+)$")
_FIELD = re.compile(r"^# (thinks|says|hidden says|visible): (.+)$")


@dataclass(frozen=True)
class Mutant:
    """One solution.

    Attributes:
        exercise: the grade id of the exercise it answers.
        name: a few words.
        right: whether it has to be accepted.
        code: what replaces the model solution's functions.
        thinks: the misconception it stands for; empty for a right one.
        says: words that the visible check's sentence must hold.
        hidden_says: words that a hidden test's sentence must hold.
        visible: whether the visible check has to reject it as well.
    """

    exercise: str
    name: str
    right: bool
    code: str
    thinks: str = ""
    says: str = ""
    hidden_says: str = ""
    visible: bool = True


def load_mutants(path: Path) -> list[Mutant]:
    """Read a file of mutants.

    Raises:
        ValueError: if a section lacks what it must have, or two of an exercise have one name.
    """
    return read_mutants(path.read_text(encoding="utf-8"), path.name)


def read_mutants(text: str, name: str = "mutants.py") -> list[Mutant]:
    """Read the sections of a text (see `load_mutants`)."""
    sections: list[tuple[re.Match[str], list[str]]] = []
    for line in text.splitlines():
        if header := _HEADER.match(line):
            sections.append((header, []))
        elif line.startswith("# %% "):
            raise ValueError(f"{name}: a section must begin '# %% wrong|right EXERCISE: name', got {line!r}")
        elif sections:
            sections[-1][1].append(line)
    found = [_mutant(name, header, lines) for header, lines in sections]
    twice = [key for key, count in Counter((m.exercise, m.name) for m in found).items() if count > 1]
    if twice:
        raise ValueError(f"{name}: two solutions of {twice[0][0]} are called {twice[0][1]!r}: give each its own name")
    return found


def _mutant(file: str, header: re.Match[str], lines: list[str]) -> Mutant:
    kind, exercise, name = header.groups()
    found = [match.groups() for line in lines if (match := _FIELD.match(line))]
    fields = {str(key): str(value) for key, value in found}
    code = "\n".join(line for line in lines if not _FIELD.match(line)).strip() + "\n"
    if kind == "wrong" and not {"thinks", "says"} <= fields.keys():
        raise ValueError(f"{file}: the wrong solution {name!r} needs the lines '# thinks:' and '# says:'")
    if "visible" in fields and not re.match(r"passes, \w+", fields["visible"]):
        raise ValueError(f"{file}: {name!r} must say '# visible: passes, WHY', got {fields['visible']!r}")
    says = fields.get("says", "")
    return Mutant(
        exercise=exercise,
        name=name,
        right=kind == "right",
        code=code,
        thinks=fields.get("thinks", ""),
        says=says,
        hidden_says=fields.get("hidden says", says),
        visible="visible" not in fields,
    )
