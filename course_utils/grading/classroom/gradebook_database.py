"""nbgrader's gradebook as a file or a Postgres database: opened, checked, and moved aside when it is damaged.

It holds nothing that the ledger does not hold, so a damaged file is no loss: it is kept under another name for whoever
wants to look, and a new one is written.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from course_utils.grading.classroom.durable import sync_folder
from course_utils.grading.classroom.folder import ClassFolder
from course_utils.grading.classroom.gradebook_edits import TRIGGERS, schema
from course_utils.grading.classroom.gradebook_rows import COURSE

WAIT_SECONDS = 20
"""How long another program may hold the gradebook before it counts as locked for good."""

BESIDE = ("-journal", "-wal", "-shm")  # what SQLite keeps next to a file

_NO_ROOM = ("disk is full", "readonly database", "unable to open", "no space left", "permission denied")


class Damaged(Exception):
    """The gradebook's content cannot be used; the text says why."""


class Unusable(RuntimeError):
    """The gradebook cannot be written, and a new one would not help; the text says why, and the remedy."""


def url_of(classroom: ClassFolder) -> Any:
    """The gradebook's address; a relative file lies in the class folder.

    Raises:
        Unusable: if it is no address of SQLite or PostgreSQL.
    """
    try:
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError
    except ModuleNotFoundError as error:
        raise Unusable(f"the gradebook needs the package {error.name}: set it up with 'make grader'") from error
    rule = "gradebook in class.yml must be sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"
    try:
        url = make_url(classroom.config.gradebook)
    except ArgumentError:
        raise Unusable(f"{rule}, got something else") from None
    backend = url.get_backend_name()
    if backend == "sqlite" and url.database and url.database != ":memory:":
        return url.set(database=str(classroom.path / url.database))
    if backend != "postgresql":
        raise Unusable(f"{rule}, got {url.render_as_string(hide_password=True)}")
    return url


def file_of(classroom: ClassFolder) -> Path | None:
    """The gradebook's file; None if it is on a database server."""
    url = url_of(classroom)
    return Path(url.database) if url.get_backend_name() == "sqlite" else None


@contextmanager
def reading() -> Iterator[None]:
    """Read from the gradebook inside: values that cannot be what was written mean that it is damaged."""
    try:
        yield
    except (ValueError, TypeError, LookupError, OverflowError) as error:
        raise Damaged(f"it holds what nobody wrote: {str(error)[:200]}") from error


@contextmanager
def gradebook_of(classroom: ClassFolder) -> Iterator[Any]:
    """Open the class's gradebook, made anew if there is none, and close it at the end.

    Raises:
        Damaged: if what is there, or what is read from it inside, cannot be used.
        Unusable: if it cannot be written, and a new one would not help.
    """
    from sqlalchemy.exc import SQLAlchemyError

    with open_gradebook(classroom) as gradebook:
        try:
            yield gradebook
        except SQLAlchemyError as error:
            raise _meaning(error, url_of(classroom)) from error


def open_gradebook(classroom: ClassFolder) -> Any:
    """The class's gradebook as an `nbgrader.api.Gradebook`, checked, made anew if there is none.

    Raises:
        Damaged: if what is there cannot be used.
        Unusable: if it cannot be written, and a new one would not help.
    """
    try:
        from nbgrader.api import Gradebook
        from sqlalchemy.exc import SQLAlchemyError
    except ModuleNotFoundError as error:
        raise Unusable(f"the gradebook needs the package {error.name}: set it up with 'make grader'") from error
    url, path = url_of(classroom), file_of(classroom)
    try:
        with reading():
            _prepare(url, path)
            timeout = {"timeout": str(WAIT_SECONDS)} if path is not None else {}
            return Gradebook(url.update_query_dict(timeout), COURSE)
    except ModuleNotFoundError as error:
        raise Unusable(
            f"{url.render_as_string(hide_password=True)} needs the package {error.name}: "
            "pip install 'psycopg[binary]' and write postgresql+psycopg:// in class.yml"
        ) from error
    except SQLAlchemyError as error:
        raise _meaning(error, url) from error


def move_aside(path: Path) -> Path:
    """Rename a damaged gradebook to ``gradebook.db.damaged-N``, with what SQLite keeps beside it."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    try:
        if path.exists():
            path.rename(aside)
        for ending in BESIDE:
            beside = path.with_name(path.name + ending)
            if beside.exists():
                beside.rename(aside.with_name(aside.name + ending))
    except OSError as error:
        raise Unusable(f"{path} is damaged and cannot be moved aside ({error}): check who may write there") from None
    sync_folder(path.parent)
    return aside


def lock_for_writing(gradebook: Any) -> None:
    """Keep every other writer out until the transaction ends; begin one first."""
    from sqlalchemy import text

    if gradebook.engine.dialect.name == "sqlite":
        gradebook.db.execute(text("UPDATE course SET id = id"))  # the driver begins a transaction at the first change
    else:
        gradebook.db.execute(text(f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'"))
        gradebook.db.execute(text("LOCK TABLE grade, comment, course_edits IN SHARE ROW EXCLUSIVE MODE"))


def _prepare(url: Any, path: Path | None) -> None:
    """See that there is a gradebook with all its tables, and that it can be read."""
    from sqlalchemy import create_engine, inspect, text

    if path is not None and not path.exists():
        for ending in BESIDE:  # left by a file that is gone; SQLite would play it into the new one
            path.with_name(path.name + ending).unlink(missing_ok=True)
        _make_file(url, path)
        return
    if path is not None and path.stat().st_size == 0:
        raise Damaged("it is empty")
    options = {"timeout": WAIT_SECONDS} if path is not None else {}
    engine = create_engine(url, connect_args=options)
    try:
        with engine.begin() as connection:
            if path is not None:
                found = connection.execute(text("PRAGMA quick_check")).scalars().all()
                if found != ["ok"]:
                    raise Damaged(f"SQLite says: {str(found[0])[:200]}")
            tables = set(inspect(connection).get_table_names())
            if tables and not {"course_shown", "course_edits", "grade", "comment"} <= tables:
                raise Damaged("it was not written by this class")
            if tables and _triggers(connection) < TRIGGERS:
                raise Damaged("the triggers that note who enters what are gone")
        if not tables:
            _make_tables(engine)
    finally:
        engine.dispose()


def _triggers(connection: Any) -> frozenset[str]:
    from sqlalchemy import text

    lite = connection.dialect.name == "sqlite"
    query = "SELECT name FROM sqlite_master WHERE type = 'trigger'" if lite else "SELECT tgname FROM pg_trigger"
    return frozenset(connection.execute(text(query)).scalars()) & TRIGGERS


def _make_file(url: Any, path: Path) -> None:
    """Make a new gradebook under a name of its own and then give it the right one: it is there whole or not at all."""
    from sqlalchemy import create_engine

    part = path.with_name(f".part-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        engine = create_engine(url.set(database=str(part)))
        try:
            _make_tables(engine)
        finally:
            engine.dispose()
        part.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        raise Unusable(f"{path} cannot be written ({error.strerror or error}): check who may write there") from None


def _make_tables(engine: Any) -> None:
    """Make nbgrader's tables, with the version that its own upgrade looks for, and those of `gradebook_edits`."""
    import nbgrader
    from alembic.script import ScriptDirectory
    from nbgrader.api import Base
    from sqlalchemy import text

    head = ScriptDirectory(os.path.join(os.path.dirname(nbgrader.__file__), "alembic")).get_current_head()
    with engine.begin() as connection:
        Base.metadata.create_all(bind=connection)
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(text("INSERT INTO alembic_version (version_num) VALUES (:head)"), {"head": head})
        connection.execute(text("INSERT INTO course (id) VALUES (:id)"), {"id": COURSE})
        for statement in schema(engine.dialect.name):
            connection.execute(text(statement))


def _meaning(error: Exception, url: Any) -> Exception:
    """Whether a database error means damage, or something that a new file would not change."""
    what, shown = str(getattr(error, "orig", None) or error).strip(), url.render_as_string(hide_password=True)
    if url.get_backend_name() != "sqlite":
        return Unusable(f"the gradebook {shown} cannot be used: {what}; marks are safe in the ledger")
    if any(phrase in what.lower() for phrase in _NO_ROOM):
        return Unusable(f"{url.database} cannot be written ({what}): make room, or check who may write there")
    return Damaged(what[:200])
