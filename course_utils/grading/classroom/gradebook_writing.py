"""Making the gradebook's tables hold exactly the rows they should: what differs is changed, nothing else is touched.

All of it happens in one transaction that the caller begins and commits.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from course_utils.grading.classroom.gradebook_rows import TABLES, Rows


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


def write_students(gradebook: Any, wanted: Mapping[str, Mapping[str, Any]], done: Synced) -> None:
    """Write the roster; who left it stays."""
    table = _tables()["student"]
    there = {row.id: row._asdict() for row in gradebook.db.execute(table.select())}
    _write(gradebook, table, there, wanted, done)


def write_rows(gradebook: Any, name: str, wanted: Rows, students: frozenset[str], done: Synced) -> None:
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


def remove_others(gradebook: Any, students: frozenset[str], done: Synced) -> None:
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
