"""Feedback for a class: a page a student, and zips that Moodle and Canvas hand out to the right people.

The pages follow the standings: those of students who left are removed, all others are written anew, and the same
state of the class gives the same bytes.
"""

import io
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils.grading.assignment import Assignment
from course_utils.grading.challenge.kind import Challenge
from course_utils.grading.classroom import moodle
from course_utils.grading.classroom.durable import write_whole
from course_utils.grading.classroom.feedback_page import feedback_page
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.lean import lean
from course_utils.grading.classroom.receipts import attempts
from course_utils.grading.classroom.standing import Standing, each_standing

EPOCH = (1980, 1, 1, 0, 0, 0)  # a zip without a day: the same pages give the same bytes
MOODLE, CANVAS = "_moodle.zip", "_canvas.zip"  # no student's id begins with an underscore
_CANVAS_FILE = re.compile(r"(?:.*?_)??(?:LATE_)?(anon_[A-Za-z0-9]+|[0-9]+)_([0-9]+)_.+")


@dataclass(frozen=True)
class Feedback:
    """What was written.

    Attributes:
        folder: where.
        pages: how many pages there are.
        changed: how many of them are new or differ from before.
        removed: pages of students who are not enrolled any more.
        moodle: how many pages are in the zip for Moodle; 0 if there is none.
        canvas: how many are in the zip for Canvas; 0 if there is none.
    """

    folder: Path
    pages: int
    changed: int
    removed: tuple[str, ...]
    moodle: int
    canvas: int


def write_feedback(
    classroom: ClassFolder, name: str, worksheet: Path | None = None, *, final: bool = False
) -> Feedback:
    """Write the pages of an assignment. The class's lock must be held.

    Args:
        classroom: the class.
        name: the assignment's.
        worksheet: Moodle's grading worksheet, which knows the numbers of those who did not hand in through Moodle.
        final: of a data challenge, tell private scores and points too; other assignments have nothing to hide.

    Raises:
        BadWorksheet: if the worksheet cannot be used.
    """
    assignment, folder = classroom.assignment(name), classroom.feedback / name
    more = _about_challenge(classroom, assignment, final)
    rows: list[Standing] = []
    changed = 0
    for row in each_standing(classroom, name):  # one page at a time: pictures of thousands do not fit into memory
        content = feedback_page(row, assignment, classroom, **more(row)).encode()
        changed += _write(folder / f"{row.student.id}.html", content)
        rows.append(lean(row))
    current = {f"{row.student.id}.html" for row in rows}
    stale = sorted(path.name for path in folder.glob("*.html") if path.name not in current)
    for old in stale:
        (folder / old).unlink()
    sheet = moodle.read_worksheet(worksheet, rows) if worksheet else None
    numbers = moodle.numbers_of(rows, sheet)
    pages = {row.student.id: folder / f"{row.student.id}.html" for row in rows}
    for_moodle = {
        moodle.file_name(row, numbers[row.student.id], name): pages[row.student.id]
        for row in rows
        if row.student.id in numbers
    }
    for_canvas = {place: pages[row.student.id] for row in rows if (place := canvas_file_name(row, name)) is not None}
    for archive, files in ((MOODLE, for_moodle), (CANVAS, for_canvas)):
        if files:
            _write(folder / archive, _zipped(files))
        else:
            (folder / archive).unlink(missing_ok=True)
    removed = tuple(old.removesuffix(".html") for old in stale)
    return Feedback(folder, len(pages), changed, removed, len(for_moodle), len(for_canvas))


def _about_challenge(
    classroom: ClassFolder, assignment: Assignment, final: bool
) -> Callable[[Standing], dict[str, Any]]:
    """What a page of a data challenge says besides, by student; nothing for other assignments."""
    if not isinstance(assignment, Challenge):
        return lambda row: {}
    from course_utils.grading.challenge.own_scores import SEALED, own_scores
    from course_utils.grading.challenge.pseudonyms import pseudonyms

    names = pseudonyms(classroom.config.seed, [student.id for student in classroom.roster()])

    def about(row: Standing) -> dict[str, Any]:
        tries = len(attempts(classroom, assignment.name, row.student.id))
        section = own_scores(row, assignment, names[row.student.id], tries, final)
        return {"scores": section, "sealed": "" if final else SEALED}

    return about


def canvas_file_name(row: Standing, name: str) -> str | None:
    """The name by which Canvas gives a file back to a student; None if the work did not come from Canvas.

    Canvas finds the student by two numbers that its own download put into the name of what was handed in: the
    student's and the file's.
    """
    if row.receipt is None or row.receipt.origin != "canvas":
        return None
    match = _CANVAS_FILE.fullmatch(row.receipt.original_name.rpartition("/")[2])
    if match is None:
        return None
    hidden = match[1].startswith("anon_")  # then Canvas wants nothing before it
    return f"{'' if hidden else _letters(row.student.id) + '_'}{match[1]}_{match[2]}_feedback-{name}.html"


def _letters(student: str) -> str:
    """An id of which no part is only digits, because Canvas looks for such parts."""
    return "student-" + re.sub(r"[^A-Za-z0-9.-]", "-", student)


def _write(path: Path, content: bytes) -> bool:
    """Write a file unless it is there already as it should be; says whether it was written."""
    if path.is_file() and not path.is_symlink() and path.read_bytes() == content:
        return False
    write_whole(path, content)
    return True


def _zipped(files: Mapping[str, Path]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(files.items()):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, 0o644 << 16, 3
            archive.writestr(entry, path.read_bytes())
    return stream.getvalue()
