"""What people enter in nbgrader's formgrader, on its way into the ledger.

Two tables stand beside nbgrader's own. ``course_shown`` says for every mark and comment in the gradebook which answer
it is about. ``course_edits`` is filled by triggers whenever somebody changes one, with the time: so each entry reaches
the ledger once, tied to the answer that was on the screen, whatever program wrote it. An entry must agree with what the
gradebook holds now, and its key with what it stands for; where they do not, the file is damaged and nothing in it is
taken for a mark.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.gradebook_rows import shown_key
from course_utils.grading.classroom.manual import ManualMark, ManualMarks

SOURCE = "formgrader"

TABLES = (
    """CREATE TABLE IF NOT EXISTS course_shown (
        id VARCHAR(32) PRIMARY KEY, kind VARCHAR(8) NOT NULL, student VARCHAR(128) NOT NULL,
        assignment VARCHAR(128) NOT NULL, exercise VARCHAR(128) NOT NULL, submission VARCHAR(64) NOT NULL,
        answer_sha256 VARCHAR(64) NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS course_edits (
        id {serial}, about VARCHAR(32) NOT NULL, points FLOAT, extra FLOAT, comment TEXT, at VARCHAR(32) NOT NULL)""",
)
SERIAL = {"sqlite": "INTEGER PRIMARY KEY AUTOINCREMENT", "postgresql": "BIGSERIAL PRIMARY KEY"}

SQLITE = (
    """CREATE TRIGGER IF NOT EXISTS course_grade_edited AFTER UPDATE OF manual_score, extra_credit ON grade
        WHEN NEW.manual_score IS NOT OLD.manual_score OR NEW.extra_credit IS NOT OLD.extra_credit
        BEGIN INSERT INTO course_edits (about, points, extra, at) VALUES
        (NEW.id, NEW.manual_score, NEW.extra_credit, strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')); END""",
    """CREATE TRIGGER IF NOT EXISTS course_comment_edited AFTER UPDATE OF manual_comment ON comment
        WHEN NEW.manual_comment IS NOT OLD.manual_comment
        BEGIN INSERT INTO course_edits (about, comment, at) VALUES
        (NEW.id, NEW.manual_comment, strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')); END""",
)
_NOW = """to_char(clock_timestamp() AT TIME ZONE 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"+00:00"')"""
POSTGRES = (
    f"""CREATE OR REPLACE FUNCTION course_note_grade() RETURNS trigger AS $$ BEGIN
        IF NEW.manual_score IS DISTINCT FROM OLD.manual_score OR NEW.extra_credit IS DISTINCT FROM OLD.extra_credit
        THEN INSERT INTO course_edits (about, points, extra, at) VALUES
        (NEW.id, NEW.manual_score, NEW.extra_credit, {_NOW}); END IF; RETURN NULL; END $$ LANGUAGE plpgsql""",
    f"""CREATE OR REPLACE FUNCTION course_note_comment() RETURNS trigger AS $$ BEGIN
        IF NEW.manual_comment IS DISTINCT FROM OLD.manual_comment
        THEN INSERT INTO course_edits (about, comment, at) VALUES
        (NEW.id, NEW.manual_comment, {_NOW}); END IF; RETURN NULL; END $$ LANGUAGE plpgsql""",
    """CREATE TRIGGER course_grade_edited AFTER UPDATE ON grade
        FOR EACH ROW EXECUTE FUNCTION course_note_grade()""",
    """CREATE TRIGGER course_comment_edited AFTER UPDATE ON comment
        FOR EACH ROW EXECUTE FUNCTION course_note_comment()""",
)
TRIGGERS = frozenset({"course_grade_edited", "course_comment_edited"})

_PENDING = """SELECT e.id, e.about, e.points, e.extra, e.comment, e.at,
    s.kind, s.student, s.assignment, s.exercise, s.submission, s.answer_sha256,
    g.id, g.manual_score, g.extra_credit, c.id, c.manual_comment
    FROM course_edits e LEFT JOIN course_shown s ON s.id = e.about
    LEFT JOIN grade g ON g.id = e.about LEFT JOIN comment c ON c.id = e.about ORDER BY e.id"""


class Inconsistent(ValueError):
    """An entry and the gradebook contradict each other: the file is damaged."""


@dataclass(frozen=True)
class Edit:
    """One change that somebody made in the formgrader.

    Attributes:
        number: in the order in which they were made.
        kind: "grade" or "comment".
        student, assignment, exercise, answer_sha256: what it is about.
        points: the mark, for a grade; None if it was cleared.
        extra: extra credit, for a grade.
        comment: for a comment.
        at: when.
    """

    number: int
    kind: str
    student: str
    assignment: str
    exercise: str
    answer_sha256: str
    points: float | None
    extra: float | None
    comment: str | None
    at: str


def schema(dialect: str) -> tuple[str, ...]:
    """Statements that make the two tables and the triggers."""
    tables = tuple(statement.replace("{serial}", SERIAL[dialect]) for statement in TABLES)
    return tables + (SQLITE if dialect == "sqlite" else POSTGRES)


def pending(connection: Any, after: int = 0) -> list[Edit]:
    """What was entered and is not in the ledger yet, in order.

    Args:
        connection: an SQLAlchemy session or connection.
        after: leave out what has this number or a lower one.

    Raises:
        Inconsistent: if an entry is about nothing that was shown, or differs from what the gradebook holds.
    """
    from sqlalchemy import text

    found: list[Edit] = []
    held: dict[str, tuple[Any, ...]] = {}
    last: dict[str, tuple[Any, ...]] = {}
    for row in connection.execute(text(_PENDING)):
        number, about, points, extra, comment, at, kind, *of, grade, score, credit, note, remark = row
        if kind not in ("grade", "comment") or (grade if kind == "grade" else note) != about:
            raise Inconsistent("somebody's entry is about no answer that was shown")
        student, assignment, exercise, submission, answer = (str(value) for value in of)
        if about != shown_key(kind, student, assignment, exercise, submission, answer):
            raise Inconsistent("an entry's key does not fit what it is about")
        datetime.fromisoformat(at)
        held[about] = (score, credit) if kind == "grade" else (remark,)
        last[about] = (points, extra) if kind == "grade" else (comment,)
        if number > after:
            found.append(Edit(number, kind, student, assignment, exercise, answer, points, extra, comment, at))
    if held != last:
        raise Inconsistent("what somebody entered and what the gradebook holds differ")
    return found


def take_over(classroom: ClassFolder, edits: Iterable[Edit]) -> list[str]:
    """Write entries into the ledger, each once however often this is called.

    Args:
        classroom: the class.
        edits: in the order in which they were made.

    Returns:
        A sentence for each entry that was refused, wholly or in part.
    """
    notices = []
    for edit in edits:
        refused = _take_over(classroom, edit)
        if refused:
            notices.append(f"{edit.student}, {edit.assignment}, {edit.exercise}: {refused}")
    return notices


def _take_over(classroom: ClassFolder, edit: Edit) -> str:
    """Write one entry into the ledger; returns what was refused of it."""
    ledger = ManualMarks(classroom)
    for mark in ledger.history(edit.assignment, edit.student):
        about = (mark.exercise, mark.answer_sha256, mark.marked_at, mark.source)
        same = mark.points == edit.points if edit.kind == "grade" else mark.comment == _words(edit)
        if same and about == (edit.exercise, edit.answer_sha256, edit.at, SOURCE):
            return ""  # a run that was interrupted has written it already
    before = ledger.last(edit.assignment, edit.student, edit.exercise, edit.answer_sha256)
    points, comment, refused = before.points if before else None, before.comment if before else "", ""
    if edit.kind == "comment":
        comment = _words(edit)
    else:
        points = edit.points
        if edit.extra:
            refused = f"extra credit of {edit.extra:g} is not kept: give the points in the mark itself"
        if points is not None and (why := _out_of_bounds(classroom, edit)):
            return why
    if (before.points, before.comment) == (points, comment) if before else points is None and not comment:
        return refused
    if before and before.source != SOURCE and _time(before.marked_at) > _time(edit.at):
        given = "no points" if before.points is None else f"{before.points:g} points"
        return f"an entry of {edit.at} in the formgrader is older than what was given in the {before.source}: {given}"
    about = (edit.student, edit.assignment, edit.exercise, edit.answer_sha256)
    ledger.add(ManualMark(*about, points, comment, edit.at, SOURCE))
    return refused


def _out_of_bounds(classroom: ClassFolder, edit: Edit) -> str:
    points = edit.points if edit.points is not None else 0.0
    try:
        possible = {e.name: e.points for e in classroom.assignment(edit.assignment).exercises}
    except (ValueError, FileNotFoundError):
        possible = {}
    if edit.exercise not in possible:
        return f"{points:g} points entered in the formgrader were refused: there is no such exercise any more"
    if not math.isfinite(points) or not 0 <= points <= possible[edit.exercise]:
        most = possible[edit.exercise]
        return f"{points:g} points entered in the formgrader were refused: it can earn 0 to {most:g}"
    return ""


def _words(edit: Edit) -> str:
    return (edit.comment or "").strip()


def _time(when: str) -> datetime:
    found = datetime.fromisoformat(when)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
