"""nbgrader's gradebook, written from the ledger: what formgrader shows, and where it puts what a person enters.

The gradebook is derived. Before it is written, whatever somebody entered in it goes into the ledger; then it is made to
say exactly what the standings say, in one transaction. A gradebook that is damaged, gone or locked is replaced.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from course_utils.grading.assignment import Assignment
from course_utils.grading.classroom import formgrader_pages
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
from course_utils.grading.classroom.gradebook_rows import (
    TABLES,
    Rows,
    assignment_rows,
    student_row,
    submission_rows,
)
from course_utils.grading.classroom.standing import Standing, each_standing

MAX_ROUNDS = 20


@dataclass
class Synced:
    """What `sync` did.

    Attributes:
        taken: entries of the formgrader that went into the ledger.
        inserted, updated, deleted: rows of the gradebook.
        pages: notebooks for the formgrader that were written anew.
        notices: what the instructor must know; already said.
    """

    taken: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    pages: int = 0
    notices: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether anything was different."""
        return bool(self.taken or self.inserted or self.updated or self.deleted or self.pages)


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
            formgrader_pages.write_layout(classroom)
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
        pages = formgrader_pages.Pages(classroom, assignment)
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
            _sync_students(gradebook, students, done)
            _sync_rows(gradebook, assignment.name, wanted, frozenset(students), done)
            if prune:
                _prune(gradebook, frozenset(students), done)
        gradebook.db.execute(text("DELETE FROM course_edits"))  # noted by the triggers while writing
        gradebook.db.commit()
        return
    raise Unusable("marks are entered faster than the gradebook can be written: try again in a minute")


def _with_pages(classroom: ClassFolder, assignment: Assignment, pages: formgrader_pages.Pages) -> Iterator[Standing]:
    for row in each_standing(classroom, assignment.name):
        pages.write(row)
        yield row


def _sync_students(gradebook: Any, wanted: dict[str, dict[str, Any]], done: Synced) -> None:
    table = _tables()["student"]
    there = {row.id: row._asdict() for row in gradebook.db.execute(table.select())}
    _write(gradebook, table, there, wanted, done)


def _sync_rows(gradebook: Any, name: str, wanted: Rows, students: frozenset[str], done: Synced) -> None:
    """Make the gradebook hold exactly the wanted rows of an assignment; rows of students who left stay."""
    there = _there(gradebook, name, None)
    if not there["base_cell"].keys() <= wanted["base_cell"].keys():
        theirs = there  # marks for cells that are gone mean nothing, whoever earned them
    else:
        theirs = _there(gradebook, name, students)
    tables = _tables()
    for table in reversed(TABLES):
        gone = theirs[table].keys() - wanted[table].keys()
        _delete(gradebook, tables[table], gone, done)
    for table in TABLES:
        _write(gradebook, tables[table], theirs[table], wanted[table], done)


def _there(gradebook: Any, name: str, students: frozenset[str] | None) -> Rows:
    """What the gradebook holds of an assignment, of all students or of some."""
    from sqlalchemy import select

    tables, found = _tables(), Rows()

    def ids(table: str, column: str, among: Any) -> Any:
        return select(tables[table].c.id).where(tables[table].c[column].in_(among))

    assignment = ids("assignment", "name", [name])
    notebook = ids("notebook", "assignment_id", assignment)
    cells = ids("base_cell", "notebook_id", notebook)
    submitted = ids("submitted_assignment", "assignment_id", assignment)
    pages = ids("submitted_notebook", "assignment_id", submitted)
    for table, column, among in (
        ("assignment", "name", [name]),
        ("notebook", "assignment_id", assignment),
        ("base_cell", "notebook_id", notebook),
        ("grade_cells", "id", cells),
        ("solution_cells", "id", cells),
        ("submitted_assignment", "assignment_id", assignment),
        ("submitted_notebook", "assignment_id", submitted),
        ("grade", "notebook_id", pages),
        ("comment", "notebook_id", pages),
        ("course_shown", "assignment", [name]),
    ):
        rows = gradebook.db.execute(tables[table].select().where(tables[table].c[column].in_(among)))
        found[table] = {row.id: row._asdict() for row in rows}
    if students is not None:
        _keep(found, "submitted_assignment", "student_id", students)
        _keep(found, "submitted_notebook", "assignment_id", found["submitted_assignment"].keys())
        _keep(found, "grade", "notebook_id", found["submitted_notebook"].keys())
        _keep(found, "comment", "notebook_id", found["submitted_notebook"].keys())
        _keep(found, "course_shown", "student", students)
    return found


def _keep(found: Rows, table: str, column: str, among: Set[str]) -> None:
    found[table] = {key: row for key, row in found[table].items() if row[column] in among}


def _tables() -> dict[str, Any]:
    from nbgrader.api import Base
    from sqlalchemy import column, table

    names = ("id", "kind", "student", "assignment", "exercise", "submission", "answer_sha256")
    return {**Base.metadata.tables, "course_shown": table("course_shown", *map(column, names))}


def _write(
    gradebook: Any,
    table: Any,
    there: Mapping[str, Mapping[str, Any]],
    wanted: Mapping[str, Mapping[str, Any]],
    done: Synced,
) -> None:
    """Insert the rows that are not there, and update those that differ."""
    from sqlalchemy import bindparam

    new = [{"id": key, **row} for key, row in wanted.items() if key not in there]
    if new and table.name == "submitted_notebook":
        new = [{**row, "flagged": False} for row in new]
    if new:
        gradebook.db.execute(table.insert(), new)
    different = [
        {"the_id": key, **{name: value for name, value in row.items() if name != "id"}}
        for key, row in wanted.items()
        if key in there and any(there[key][name] != value for name, value in row.items())
    ]
    if different:
        values: dict[Any, Any] = {name: bindparam(name) for name in different[0] if name != "the_id"}
        statement = table.update().where(table.c.id == bindparam("the_id")).values(values)
        gradebook.db.connection().execute(statement, different)
    done.inserted += len(new)
    done.updated += len(different)


def _delete(gradebook: Any, table: Any, keys: Set[str], done: Synced) -> None:
    from sqlalchemy import bindparam

    if keys:
        statement = table.delete().where(table.c.id == bindparam("the_id"))
        gradebook.db.connection().execute(statement, [{"the_id": key} for key in sorted(keys)])
    done.deleted += len(keys)


def _prune(gradebook: Any, students: frozenset[str], done: Synced) -> None:
    """Remove students who are not on the roster, with what is theirs in every assignment."""
    tables = _tables()
    gone = {row.id for row in gradebook.db.execute(tables["student"].select())} - students
    if not gone:
        return
    theirs: dict[str, set[str]] = {"student": gone}

    def those(table: str, column: str, among: set[str]) -> set[str]:
        return {row.id for row in gradebook.db.execute(tables[table].select()) if getattr(row, column) in among}

    theirs["submitted_assignment"] = those("submitted_assignment", "student_id", gone)
    theirs["submitted_notebook"] = those("submitted_notebook", "assignment_id", theirs["submitted_assignment"])
    theirs["grade"] = those("grade", "notebook_id", theirs["submitted_notebook"])
    theirs["comment"] = those("comment", "notebook_id", theirs["submitted_notebook"])
    theirs["course_shown"] = those("course_shown", "student", gone)
    for table in ("course_shown", "comment", "grade", "submitted_notebook", "submitted_assignment", "student"):
        _delete(gradebook, tables[table], theirs[table], done)
