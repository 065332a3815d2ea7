"""Standings of every kind, made up without grading anything: by hand, or drawn by hypothesis."""

import base64
import hashlib
import struct
import zlib
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from course_utils.grading.assignment import Assignment
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.ledger import Entry, Ledger
from course_utils.grading.classroom.manual import ManualMark, answer_hash
from course_utils.grading.classroom.receipts import Receipt
from course_utils.grading.classroom.roster import Student
from course_utils.grading.classroom.standing import LATE, MISSING, STATUSES, WAITING, Standing
from course_utils.grading.grade import GRADED, HUMAN, REJECTED, ExerciseResult, Grade, seed_of
from course_utils.grading.hidden import TestResult

WHEN = datetime(2027, 3, 1, 12, tzinfo=UTC)
SAY = "double does not double"


def student(number: int, **fields: str) -> Student:
    """A student of the class."""
    key = f"s{number:03d}"
    return Student(**{"id": key, "name": f"Student {number:02d}", "email": f"{key}@example.org", **fields})


def receipt_for(who: Student, name: str, late_by: int | None = None, **fields) -> Receipt:
    """A receipt; late by some seconds."""
    when = (WHEN + timedelta(seconds=late_by or 0)).isoformat()
    about = {"received": when, "late": late_by is not None, "late_by_seconds": late_by, **fields}
    return Receipt(who.id, name, 1, hashlib.sha256(who.id.encode()).hexdigest(), **about)


def result(points: float | None, possible: float, *tests: TestResult, **fields) -> ExerciseResult:
    """An automatic exercise's result."""
    status = HUMAN if points is None else "passed" if points == possible else "partly" if points else "failed"
    sentences = tuple(dict.fromkeys(test.sentence for test in tests if test.sentence))
    return ExerciseResult(
        **{"status": status, "points": points, "possible": possible, "sentences": sentences, "tests": tests, **fields}
    )


def failed(exercise: str, sentence: str = SAY, test: str = "test_secret_name", status: str = "failed") -> TestResult:
    """A hidden test that was not passed."""
    return TestResult(test, exercise, 1.0, status, sentence, "expected 0.123456 for x = [0.5]")


def standing(
    assignment: Assignment,
    who: Student,
    status: str,
    points: dict[str, float] | None = None,
    late_by: int | None = None,
) -> Standing:
    """A standing as the class folder would give it: points only where the status carries some."""
    possible = sum(exercise.points for exercise in assignment.exercises)
    if status == MISSING:
        return Standing(who, MISSING, "nothing was handed in", possible)
    receipt = receipt_for(who, assignment.name, late_by if late_by is not None else 60 if status == LATE else None)
    if status in (REJECTED, WAITING):
        return Standing(who, status, "the file is empty", possible, late=receipt.late, receipt=receipt)
    given = points or {}
    results = {}
    for exercise in assignment.exercises:
        open_one = status == HUMAN and exercise is assignment.exercises[-1]
        earned = None if open_one else given.get(exercise.name, exercise.points)
        results[exercise.name] = result(earned, exercise.points, manual=exercise.manual)
    total = None if status == HUMAN else sum(one.points for one in results.values())
    return Standing(
        who,
        status,
        "to mark by hand" if status == HUMAN else "",
        possible,
        points=total,
        late=receipt.late,
        receipt=receipt,
        grade=Grade(HUMAN if status == HUMAN else GRADED, "", results),
        to_mark=tuple(name for name, one in results.items() if one.points is None),
    )


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
KEYS = st.text(st.sampled_from("abcXYZ019._-+=@|!\"' ,;\t()"), max_size=12)


@st.composite
def mixes(draw, assignment: Assignment) -> list[Standing]:
    """A class: any number of students with any names, each with any status and any points."""
    rows = []
    for number in range(1, draw(st.integers(0, 8)) + 1):
        fields = {field: draw(KEYS).strip() for field in ("canvas_id", "sis_id", "login", "moodle_id")}
        who = student(number, name=draw(NAMES).strip(), email=draw(KEYS).strip(), **fields)
        quarters = {
            exercise.name: draw(st.integers(0, int(4 * exercise.points))) / 4 for exercise in assignment.exercises
        }
        rows.append(standing(assignment, who, draw(st.sampled_from(STATUSES)), quarters))
    return rows


def enter(classroom: ClassFolder, receipt: Receipt, grade: Grade, *, sandboxed: bool = True, **fields) -> Entry:
    """Write a grade into the ledger as a run does."""
    assignment = classroom.assignment(receipt.assignment)
    seed = seed_of(classroom.config.seed, receipt.student, assignment.name)
    about = {"runner": "bubblewrap" if sandboxed else "plain", "environment": {"course_utils": "1"}, **fields}
    entry = Entry(
        receipt.student, assignment.name, assignment.version, receipt.sha256, seed, sandboxed, grade.record(), **about
    )
    Ledger(classroom).write(entry)
    return entry


def by_hand(row: Standing, exercise: str, points: float, comment: str = "") -> ManualMark:
    """A mark that a person gave for the answer of a standing."""
    answer = answer_hash(row.grade.exercises[exercise], row.receipt.sha256)
    name = row.receipt.assignment
    return ManualMark(row.student.id, name, exercise, answer, points, comment, "2027-03-05T10:00:00+00:00", "terminal")


def tiny_png() -> str:
    """A red pixel, as base64."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\x00\xff\x00\x00")
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + parts).decode()


HOSTILE = (
    "<script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    "\"><svg onload=window.pwned=1>",
    "' onmouseover='window.pwned=1' x='",
    "</pre></main><iframe src=//127.0.0.1:9/x></iframe>",
    "</style><style>@import url(http://127.0.0.1:9/s.css)</style>",
    "</title><meta http-equiv=refresh content='0;url=http://127.0.0.1:9/'>",
    "<link rel=stylesheet href=http://127.0.0.1:9/l.css><base href=http://127.0.0.1:9/>",
    "<!--", "]]>", "&lt;b&gt;", "javascript:window.pwned=1",
    "\x00\x1b[31m\u202eevil\u2066", "<form action=//127.0.0.1:9>",
    "{{7*7}} ${7*7} %s %(x)s {0}",
)  # fmt: skip
"""Texts that try to break out of a page."""
ATTACK = " ".join(HOSTILE)
