"""nbgrader's gradebook, written from the ledger: what formgrader shows, and where it puts what a person enters.

The gradebook is derived. Before it is written, whatever somebody entered in it goes into the ledger; then it is made to
say exactly what the standings say, in one transaction. A gradebook that is damaged, gone or locked is replaced.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from course_utils.grading.assignment import Assignment
from course_utils.grading.classroom import formgrader_folders
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.gradebook_database import (
    Damaged,
    Unusable,
    file_of,
    gradebook_of,
    lock_for_writing,
    move_aside,
    reading,
)
from course_utils.grading.classroom.gradebook_edits import pending, take_over
from course_utils.grading.classroom.gradebook_rows import assignment_rows, student_row, submission_rows
from course_utils.grading.classroom.gradebook_writing import Synced, remove_others, write_rows, write_students
from course_utils.grading.classroom.standing import Standing, each_standing

MAX_ROUNDS = 20


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def sync(classroom: ClassFolder, assignment: str, *, prune: bool = False, say: Callable[[str], None] = _say) -> Synced:
    """Take marks out of the gradebook into the ledger, then write the gradebook anew from the ledger.

    Args:
        classroom: the class; its lock must be held.
        assignment: its name.
        prune: also remove students who are not on the roster any more; what the ledger holds of them stays.
        say: is told what the instructor must know.

    Returns:
        What was done; a second call does nothing.

    Raises:
        Unusable: if the gradebook cannot be written: full disk, rights, no server.
    """
    done, plan = Synced(), classroom.assignment(assignment)

    def notice(sentence: str) -> None:
        done.notices.append(sentence)
        say(sentence)

    for last_try in (False, True):
        try:
            with gradebook_of(classroom) as gradebook:
                _sync(classroom, plan, gradebook, prune, done, notice)
            formgrader_folders.write_layout(classroom)
            return done
        except Damaged as damage:
            _replace(classroom, damage, last_try, notice)
        except OSError as error:
            what = f"{error.filename or classroom.path} cannot be written ({error.strerror or error})"
            raise Unusable(f"{what}: make room, or check who may write there") from error
    raise AssertionError("the second try returns or raises")


def take_marks(classroom: ClassFolder, say: Callable[[str], None] = _say) -> int:
    """Take what somebody entered in the formgrader into the ledger, and write nothing else.

    Returns:
        The number of entries. 0 also if there is no gradebook, or a damaged one: `sync` says so and replaces it.
    """
    path = file_of(classroom)
    if path is not None and not path.exists():
        return 0
    try:
        with gradebook_of(classroom) as gradebook:
            return take_entries(classroom, gradebook, say)
    except Damaged:
        return 0


def take_entries(classroom: ClassFolder, gradebook: Any, say: Callable[[str], None]) -> int:
    """Move what somebody entered from an open gradebook into the ledger; returns the number of entries."""
    from sqlalchemy import text

    gradebook.db.rollback()
    with reading():
        edits = pending(gradebook.db)
    gradebook.db.rollback()  # the ledger is written without keeping anybody waiting
    if edits:
        for refused in take_over(classroom, edits):
            say(refused)
        gradebook.db.execute(text("DELETE FROM course_edits WHERE id <= :last"), {"last": edits[-1].number})
        gradebook.db.commit()
    return len(edits)


def _replace(classroom: ClassFolder, damage: Damaged, last_try: bool, notice: Callable[[str], None]) -> None:
    path = file_of(classroom)
    if path is None or last_try:
        raise Unusable(f"the gradebook cannot be used: {damage}; marks are safe in the ledger: use an empty database")
    aside = move_aside(path)
    notice(f"GRADEBOOK DAMAGED: {damage}. It is kept as {aside.name}; a new one is written from the ledger.")
    saved = _salvage(classroom, aside, notice)
    if saved:
        notice(f"{saved} marks and comments that were entered in it and not yet in the ledger could be saved.")


def _salvage(classroom: ClassFolder, aside: Path, notice: Callable[[str], None]) -> int:
    """Read what was entered last from a damaged file, as far as it contradicts itself nowhere."""
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError

    engine = create_engine(f"sqlite:///file:{quote(str(aside))}?mode=ro&immutable=1&uri=true")
    try:
        with engine.connect() as connection:
            edits = pending(connection)
    except (SQLAlchemyError, ValueError, TypeError, LookupError, OverflowError):
        return 0
    finally:
        engine.dispose()
    for refused in take_over(classroom, edits):
        notice(refused)
    return len(edits)


def _sync(
    classroom: ClassFolder,
    assignment: Assignment,
    gradebook: Any,
    prune: bool,
    done: Synced,
    notice: Callable[[str], None],
) -> None:
    from sqlalchemy import text

    for _ in range(MAX_ROUNDS):
        done.taken += take_entries(classroom, gradebook, notice)
        wanted = assignment_rows(classroom, assignment)
        pages = formgrader_folders.Pages(classroom, assignment)
        for table, rows in submission_rows(classroom, assignment, _with_pages(classroom, assignment, pages)).items():
            wanted[table].update(rows)
        done.pages += pages.finish()
        students = {student.id: student_row(student) for student in classroom.roster()}
        with reading():
            lock_for_writing(gradebook)
            late = pending(gradebook.db)
        if late:  # somebody marked while the rows were computed
            gradebook.db.rollback()
            continue
        with reading():
            write_students(gradebook, students, done)
            write_rows(gradebook, assignment.name, wanted, frozenset(students), done)
            if prune:
                remove_others(gradebook, frozenset(students), done)
        gradebook.db.execute(text("DELETE FROM course_edits"))  # noted by the triggers while writing
        gradebook.db.commit()
        return
    raise Unusable("marks are entered faster than the gradebook can be written: try again in a minute")


def _with_pages(classroom: ClassFolder, assignment: Assignment, pages: formgrader_folders.Pages) -> Iterator[Standing]:
    for row in each_standing(classroom, assignment.name):
        pages.write(row)
        yield row
