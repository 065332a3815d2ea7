"""The folders in which nbgrader's formgrader looks for things, all made from the class's own and free to be deleted.

``autograded/STUDENT/ASSIGNMENT/ASSIGNMENT.ipynb`` is the page a marker reads. ``.formgrader/`` tells nbgrader which
assignments there are and who handed something in; there is no student's file in it, so nothing that nbgrader could run.
"""

import json
import os
import tempfile
from pathlib import Path

from course_utils.grading.assignment import Assignment
from course_utils.grading.classroom import receipts
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.gradebook_rows import has_rows, key, page_key, utc
from course_utils.grading.classroom.marking_page import FORMAT, Work, has_stamp, marking_page, read_work
from course_utils.grading.classroom.standing import Standing

SOURCE, SUBMITTED, AUTOGRADED = ".formgrader/source", ".formgrader/submitted", "autograded"

CONFIG = """# Written by "course grade"; lost if this file is changed. Take this line away to keep your own version.
import os

import yaml
from sqlalchemy.engine import make_url

c = get_config()  # noqa: F821
root = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(root, "class.yml"), encoding="utf-8") as stream:
    url = make_url((yaml.safe_load(stream) or {}).get("gradebook", "sqlite:///gradebook.db"))
if url.get_backend_name() == "sqlite":
    url = url.set(database=os.path.join(root, url.database)).update_query_dict({"timeout": "20"})

c.CourseDirectory.root = root
c.CourseDirectory.course_id = "course"
c.CourseDirectory.db_url = url.render_as_string(hide_password=False)
c.CourseDirectory.source_directory = ".formgrader/source"
c.CourseDirectory.submitted_directory = ".formgrader/submitted"
c.CourseDirectory.autograded_directory = "autograded"
c.CourseDirectory.feedback_directory = ".formgrader/feedback"
c.CourseDirectory.release_directory = ".formgrader/release"
c.CourseDirectory.solution_directory = ".formgrader/solution"
c.FormgradeExtension.debug = False  # it would show the database's password on a page
c.ExportApp.plugin_class = "course_utils.grading.classroom.nbgrader_export.StatusExport"  # 0.0 is a mark, not a gap
"""


class Pages:
    """The pages of one assignment.

    Args:
        classroom: the class; its lock must be held.
        assignment: what was handed out.
    """

    def __init__(self, classroom: ClassFolder, assignment: Assignment) -> None:
        self.classroom, self.assignment = classroom, assignment
        self.wanted: set[str] = set()
        self.students: set[str] = set()
        self.written = 0

    def write(self, row: Standing) -> None:
        """Write the page of one student, if it is not there as it should be."""
        student, name = row.student.id, self.assignment.name
        self.students.add(student)
        self._write_time(row)
        if not has_rows(row) or row.receipt is None or row.entry is None:
            return
        self.wanted.add(student)
        page = page_key(self.classroom.config.seed, student, name, row.receipt.sha256)
        stamp = key("stamp", FORMAT, page, row.entry.key, row.entry.grade, row.reason, row.receipt.folder_name)
        path = page_path(self.classroom, student, name)
        if path.is_file() and has_stamp(path.read_bytes(), stamp):
            return
        place = f"submissions/{name}/{student}/{row.receipt.folder_name}/files"
        try:
            work = read_work(self.assignment, receipts.files_of(self.classroom, row.receipt))
        except (OSError, ValueError) as trouble:
            work = Work(notes=(str(trouble),))
        replace_file(path, marking_page(self.assignment, row, work, place, page, stamp))
        self.written += 1

    def finish(self) -> int:
        """Remove the pages of those who have none any more; returns how many pages changed."""
        for student in sorted(self.students - self.wanted):
            path = page_path(self.classroom, student, self.assignment.name)
            if path.exists():
                path.unlink()
                self.written += 1
                for folder in (path.parent, path.parent.parent):
                    if not any(folder.iterdir()):
                        folder.rmdir()
        return self.written

    def _write_time(self, row: Standing) -> None:
        """When the work came: nbgrader lists whom it finds here, and compares this time with the gradebook's."""
        home = self.classroom.path / SUBMITTED / row.student.id / self.assignment.name
        path = home / "timestamp.txt"
        if row.receipt is None:
            path.unlink(missing_ok=True)
            if home.is_dir():
                home.rmdir()
            return
        when = utc(row.receipt.received)
        home.mkdir(parents=True, exist_ok=True)
        if when is None:
            path.unlink(missing_ok=True)
            return
        content = f"{when.isoformat(sep=' ')} UTC\n".encode()
        if not path.is_file() or path.read_bytes() != content:
            replace_file(path, content)


def page_path(classroom: ClassFolder, student: str, assignment: str) -> Path:
    """Where a student's page lies."""
    return classroom.path / AUTOGRADED / student / assignment / f"{assignment}.ipynb"


def page_of(path: Path) -> str:
    """The key of the submitted notebook that a page shows; empty if it is no page of ours."""
    try:
        return str(json.loads(path.read_bytes())["metadata"]["course"]["page"])
    except (OSError, ValueError, TypeError, LookupError):
        return ""


def write_layout(classroom: ClassFolder) -> None:
    """Write ``nbgrader_config.py``, and tell nbgrader which assignments the class has."""
    path = classroom.path / "nbgrader_config.py"
    marker = CONFIG.partition("\n")[0]
    current = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else marker
    if current != CONFIG and current.startswith(marker):
        replace_file(path, CONFIG.encode())
    for name in classroom.config.assignments:
        (classroom.path / SOURCE / name).mkdir(parents=True, exist_ok=True)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file that can be made again: whole for every reader, without waiting for the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, part = tempfile.mkstemp(prefix=".part-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        os.chmod(part, 0o644)
        os.replace(part, path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
