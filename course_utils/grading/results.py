"""Writing a graded folder down: JSON and CSV for the instructor, a page of feedback for each student."""

import csv
import html
import io
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from course_utils.grading.assignment import Assignment
from course_utils.grading.batch import GRADED, Grade
from course_utils.grading.runner import Runner
from course_utils.grading.session import NOT_WRITTEN

STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px "
    "solid #8888}"
    "td.n,th.n{text-align:right}:root{color-scheme:light dark}"
)
PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">{head}</head><body>{body}</body></html>\n'
)


def write_results(out: Path, assignment: Assignment, grades: Sequence[Grade], runner: Runner, seed: int) -> None:
    """Write ``results.json``, ``results.csv`` and ``feedback/STUDENT.html``; the same work gives the same bytes.

    Feedback of an earlier run for students who are not there any more is removed.
    """
    (out / "feedback").mkdir(parents=True, exist_ok=True)
    record = {
        "assignment": assignment.name,
        "version": assignment.version,
        "seed": seed,
        "runner": runner.name,
        "sandboxed": runner.sandboxed,
        "grades": [grade.record() for grade in grades],
    }
    _write(out / "results.json", json.dumps(record, indent=1, sort_keys=True) + "\n")
    _write(out / "results.csv", as_csv(assignment, grades))
    pages = _page_names(grades)
    for grade, page in zip(grades, pages):
        _write(out / "feedback" / page, feedback_page(assignment, grade))
    for stale in {path.name for path in (out / "feedback").glob("*.html")} - set(pages):
        (out / "feedback" / stale).unlink()


def as_csv(assignment: Assignment, grades: Sequence[Grade]) -> str:
    """One row a student. An empty cell means that there is no mark: it is never to be read as 0."""
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    names = [e.name for e in assignment.exercises]
    table.writerow(
        ["student", "status", "points", "possible_by_tests", *names, "to_mark_by_hand", "misconceptions", "note"]
    )
    for grade in grades:
        possible = sum(e.possible for e in grade.automatic) if grade.exercises else None
        by_exercise = [grade.exercises[n].points if n in grade.exercises else None for n in names]
        table.writerow(
            _cell(value)
            for value in (
                grade.student,
                grade.status,
                grade.points,
                possible,
                *by_exercise,
                " ".join(grade.to_mark),
                " | ".join(s for s in grade.sentences if NOT_WRITTEN not in s),
                " | ".join(filter(None, (grade.note, *grade.notes))),
            )
        )
    return stream.getvalue()


def as_table(assignment: Assignment, grades: Sequence[Grade]) -> str:
    """The class as text for the terminal."""
    names = [e.name for e in assignment.exercises]
    head = ["student", "status", "points", *names, "note"]
    rows = [head]
    for grade in grades:
        marks = [_points(grade.exercises[n].points) if n in grade.exercises else "" for n in names]
        note = "; ".join(filter(None, (grade.note, *grade.notes, *grade.cells)))
        rows.append([_printable(grade.student), grade.status, _points(grade.points), *marks, _printable(note)[:60]])
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows)


def feedback_page(assignment: Assignment, grade: Grade) -> str:
    """A page for the student: marks, and the sentences meant for students; nothing else of a hidden test."""
    title = f"Feedback: {assignment.name}"
    parts = [f"<h1>{html.escape(title)}</h1>", f"<p>{html.escape(grade.student)}</p>"]
    if grade.status != GRADED:
        reason = f": {grade.note}" if grade.note and not grade.exercises else ""
        status = html.escape(grade.status + reason)
        parts.append(f"<p><strong>Status: {status}.</strong> This is not a mark of zero.</p>")
    if grade.exercises:
        heads = "<th>Exercise</th><th>Status</th><th class=n>Points</th>"
        parts.append(f"<table><thead><tr>{heads}</tr></thead><tbody>")
        for exercise in assignment.exercises:
            result = grade.exercises[exercise.name]
            waits = exercise.manual and result.points is None
            status = "waits to be marked" if waits else result.status
            points = f"{_points(result.points) or '–'} of {_points(result.possible)}"
            cells = f"<td>{html.escape(exercise.title)}</td><td>{html.escape(status)}</td><td class=n>{points}</td>"
            parts.append(f"<tr>{cells}</tr>")
        parts.append("</tbody></table>")
        sums = [sum(r.points or 0 for r in grade.exercises.values()), sum(e.points for e in assignment.exercises)]
        so_far = " so far, with something still to be marked" if grade.to_mark else ""
        parts.append(f"<p><strong>Together: {sums[0]:g} of {sums[1]:g} points{so_far}.</strong></p>")
        for exercise in assignment.exercises:
            sentences = grade.exercises[exercise.name].sentences
            if sentences:
                items = "".join(f"<li>{html.escape(s)}</li>" for s in sentences)
                parts.append(f"<h2>{html.escape(exercise.title)}</h2><ul>{items}</ul>")
    head = f"<title>{html.escape(title)}</title><style>{STYLE}</style>"
    return PAGE.format(head=head, body="".join(parts))


def _page_names(grades: Sequence[Grade]) -> list[str]:
    """File names that are safe everywhere and differ for different students."""
    names: list[str] = []
    for grade in grades:
        base = re.sub(r"[^\w.@+-]", "_", grade.student, flags=re.ASCII)[:80] or "_"
        name, number = f"{base}.html", 2
        while name.lower() in (n.lower() for n in names):
            name, number = f"{base}-{number}.html", number + 1
        names.append(name)
    return names


def _points(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def _cell(value: Any) -> Any:
    """A spreadsheet runs text that begins like a formula: a quote in front keeps it text."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str):
        value = value.encode("utf-8", "replace").decode()
        return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
    return value


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8", errors="replace")
    os.replace(part, path)
