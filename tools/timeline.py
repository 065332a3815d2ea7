"""Write ``book/timeline.md`` from ``book/timeline.yml``: who found what, when, and which chapter runs it."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from pybtex.database import parse_file

from tools.bibliography import BIB, surname
from tools.chapter_titles import PLANNED, ROOT, is_written, title

TIMELINE = ROOT / "book" / "timeline.yml"
HEAD = """---
description: From the threshold unit of 1943 to the networks of 2017, with people, sources and chapters.
---

<!-- Written by python -m tools.pages from book/timeline.yml; edit that file. -->

# Timeline

From the first threshold unit to the networks that won the image competitions. The five lectures that this course
follows name these milestones; each one here says what was new, who did it, and which chapter lets you run it.
Chapters that are still to come are named without a link. The year is the one under which a
work is usually cited.

"""


@dataclass(frozen=True)
class Milestone:
    """One dated step.

    Args:
        year: when it was published.
        name: what it is.
        people: who did it.
        sentence: what was new, in one sentence.
        chapter: the chapter that runs it.
        source: the key of a work in the bibliography, or ``lecture`` where the date rests on the lecture alone.
        lectures: the lectures that name it.
        note: a correction or a second date, if any.
    """

    year: int
    name: str
    people: str
    sentence: str
    chapter: str
    source: str
    lectures: tuple[str, ...] = ()
    note: str = ""


def load(path: Path = TIMELINE) -> list[tuple[str, list[Milestone]]]:
    """Return the eras in order, each with its milestones in order of year.

    Raises:
        ValueError: if a chapter is not one of the plan.
    """
    eras = []
    for era in yaml.safe_load(path.read_text(encoding="utf-8")):
        entries = [Milestone(**{**entry, "lectures": tuple(entry.get("lectures", ()))}) for entry in era["milestones"]]
        for entry in entries:
            if entry.chapter not in PLANNED:
                raise ValueError(f"{entry.name}: chapter must be one of the plan, got {entry.chapter!r}")
        eras.append((era["era"], sorted(entries, key=lambda entry: entry.year)))
    return eras


def chapter_link(chapter: str) -> str:
    """Return a link to a chapter, or its planned title without one."""
    if is_written(chapter):
        return f"[{title(chapter)}](../notebooks/{chapter}.ipynb)"
    return f"{title(chapter)} (to come)"


def item(entry: Milestone) -> str:
    """Return one milestone as a list item."""
    note = f" {entry.note}" if entry.note else ""
    return (
        f"- [{entry.year}]{{.timeline-year}} [{entry.name}]{{.timeline-name}}\n"
        f"  [{entry.people}]{{.timeline-people}}\n\n"
        f"  {' '.join((entry.sentence + note).split())}\n\n"
        f"  [Chapter: {chapter_link(entry.chapter)} · {source_link(entry)}]{{.timeline-links}}\n"
    )


@cache
def works() -> dict:
    """Return the bibliography."""
    return parse_file(str(BIB), bib_format="bibtex").entries


def source_link(entry: Milestone) -> str:
    """Return where the date comes from: a work, or the lecture that tells it."""
    if entry.source == "lecture":
        return f"As told in lecture {entry.lectures[0]}"
    work = works()[entry.source]
    people = [surname(person) for person in work.persons["author"]]
    words = f"{' and '.join(people) if len(people) < 3 else people[0] + ' and others'}, {work.fields['year']}"
    return f"Source: [{words}](references.md#{entry.source})"


def page(path: Path = TIMELINE) -> str:
    """Return the page."""
    text = HEAD
    for era, entries in load(path):
        text += f"## {era}\n\n:::{{div}} timeline\n" + "\n".join(item(entry) for entry in entries) + ":::\n\n"
    return text.rstrip() + "\n"
