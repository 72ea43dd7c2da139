"""Connections: how each database is reached, read and written, and what its errors mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import AsyncAdaptedQueuePool, QueuePool
from sqlalchemy.util.concurrency import in_greenlet

from medsched.adapters.sqlalchemy.schema import VERSION
from medsched.domain.changes import Outcome, Stale
from medsched.errors import InvalidChoice, MedschedError, MissingExtra, SchemaMismatch, StorageError

_DRIVERS: Final = {
    "postgresql": "postgresql+psycopg",
    "mysql": "mariadb+pymysql",
    "mariadb": "mariadb+pymysql",
}
"""The driver where a URL names none."""
_EXTRAS: Final = {"postgresql": "postgres", "mysql": "mariadb", "mariadb": "mariadb"}
_SQLITE_WAITS: Final = 30
"""How many seconds a writer waits for another one."""

# What a database says when somebody else was first, or may have been: read and decide again.
_RIVALS: Final = {"40001", "40P01", "1213", "1205", "1020", "sqlite 5", "sqlite 6"}
# A row that was not there a moment ago is there now.
_TAKEN: Final = {"23505", "1062", "sqlite 1555", "sqlite 2067"}
_SAID: Final = {
    "OperationalError": "no connection",  # psycopg: a server that answers gives an SQLSTATE
    "2002": "no connection",
    "2003": "no connection",
    "1045": "1045: user or password",
    "sqlite 14": "cannot open the file",
    "MissingGreenlet": "an async engine is used through medsched.adapters.aio.call",
}
_NO_TABLE: Final = {"42P01", "42703", "3F000", "1146", "1054"}


class Undone(Exception):
    """A changeset that cannot be applied, and what is said of it; nothing of it may stay."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class CommitLost(Exception):
    """The connection was lost while it committed: nobody knows yet whether it did."""

    def __init__(self, error: StorageError) -> None:
        super().__init__(error)
        self.error = error


def engine_of(database: str | sa.URL | Engine) -> tuple[Engine, bool]:
    """An engine for a URL, or the host's own; and whether it was made here.

    `InvalidChoice` for what is no URL, or of another database, `MissingExtra` where the
    driver is not installed. The URL, which may hold a password, is in no error.
    """
    if isinstance(database, Engine):
        _known(database.dialect.name)
        return database, False
    url = url_of(database)
    name = url.get_backend_name()
    _known(name)
    try:
        return _make(url), True
    except ModuleNotFoundError as error:
        extra = "async" if url.get_dialect().is_async else _EXTRAS.get(name, "sqlalchemy")
        raise MissingExtra(f"this database ({name})", extra) from error
    except NoSuchModuleError:
        raise InvalidChoice("url", url.drivername, "there is no such driver") from None


def url_of(database: str | sa.URL) -> sa.URL:
    """A URL that names its driver; `InvalidChoice` for what is none."""
    try:
        url = sa.make_url(database)
    except (ArgumentError, ValueError):
        why = "not the URL of a database, such as sqlite:///clinic.db"
        raise InvalidChoice("url", "…", why) from None
    return url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))


def _known(name: str) -> None:
    if name != "sqlite" and name not in _EXTRAS:
        raise InvalidChoice("url", name, "the database is SQLite, PostgreSQL or MariaDB")


def _make(url: sa.URL) -> Engine:
    options: dict[str, Any] = {"hide_parameters": True}  # they are patients' data
    name = url.get_backend_name()
    if name == "sqlite":
        options["connect_args"] = {"timeout": _SQLITE_WAITS, "check_same_thread": False}
        if url.database in (None, "", ":memory:") or url.query.get("mode") == "memory":
            # One connection is one database: threads take turns with it, and it is never closed.
            pool = AsyncAdaptedQueuePool if url.get_dialect().is_async else QueuePool
            options |= {"poolclass": pool, "pool_size": 1, "max_overflow": 0}
    else:
        options["isolation_level"] = "READ COMMITTED"
        options["pool_pre_ping"] = True
    engine = sa.create_engine(url, **options)
    if name == "sqlite":
        sa.event.listen(engine, "connect", _tune_sqlite)
    return engine


def _tune_sqlite(connection: Any, _: object) -> None:
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}").close()


class Connections:
    """Connections of one engine, for readers and for the one write."""

    def __init__(self, engine: Engine, *, own: bool) -> None:
        self.engine = engine
        self.dialect = engine.dialect.name
        self.mariadb = self.dialect in ("mysql", "mariadb")
        self._single = self._several = self._writer = engine
        if self.dialect != "sqlite":
            self._several = engine.execution_options(isolation_level="REPEATABLE READ")
        if self.dialect == "postgresql":
            self._single = engine.execution_options(isolation_level="AUTOCOMMIT")
        if self.mariadb and not own:
            self._writer = engine.execution_options(isolation_level="READ COMMITTED")

    @contextmanager
    def reading(self, operation: str, *, several: bool = False) -> Iterator[Connection]:
        """A connection for one statement, or for ``several`` that shall see one state."""
        with (
            _told(operation, self.engine),
            (self._several if several else self._single).connect() as found,
        ):
            if several and self.dialect == "sqlite":
                _begin_sqlite(found, "BEGIN")
            yield found

    @contextmanager
    def writing(self, operation: str) -> Iterator[Connection]:
        """A transaction that is committed at the end, or rolled back when anything is raised.

        `Undone`, as stale, where a rival was first. A connection lost before the commit leaves
        nothing behind and is the same; an error in the commit itself is `CommitLost` unless it
        says that the transaction was rolled back.
        """
        committing = False
        try:
            with _told(operation, self.engine), self._writer.connect() as found:
                if self.dialect == "sqlite":
                    _begin_sqlite(found, "BEGIN IMMEDIATE")
                yield found
                committing = True
                found.commit()
        except StorageError as error:
            cause = error.__cause__
            lost = isinstance(cause, DBAPIError) and cause.connection_invalidated
            if error.code in _RIVALS | _TAKEN or (lost and not committing):
                raise Undone(Stale()) from error
            if committing:
                raise CommitLost(error) from error
            raise


def _begin_sqlite(connection: Connection, how: str) -> None:
    """Begin now: the driver would wait for the first write, and then find itself too late."""
    connection.begin()
    raw = connection.connection.driver_connection  # not what an async driver is wrapped into
    if getattr(raw, "in_transaction", False):
        connection.exec_driver_sql("COMMIT")  # an engine of the host's that begins by itself
    connection.exec_driver_sql(how)


@contextmanager
def _told(operation: str, engine: Engine) -> Iterator[None]:
    """SQLAlchemy's errors as this library's own."""
    if engine.dialect.is_async and not in_greenlet():
        raise StorageError(operation, _SAID["MissingGreenlet"])  # before one is checked out
    try:
        yield
    except SQLAlchemyError as error:
        raise told(error, operation) from error


def told(error: SQLAlchemyError, operation: str) -> MedschedError:
    """This library's error for one of SQLAlchemy's, which is made to keep its mouth shut."""
    if not isinstance(error, DBAPIError):
        return StorageError(operation, _SAID.get(type(error).__name__, type(error).__name__))
    code = code_of(error.orig)
    error.hide_parameters = True
    if isinstance(error, sa.exc.IntegrityError | sa.exc.DataError):
        # Drivers quote the row in these.
        error.args = (f"({type(error.orig).__name__}) {code}",)
        error.__cause__, error.__suppress_context__ = None, True
    missing = code in _NO_TABLE or "no such table" in str(error.orig)
    return (
        SchemaMismatch(VERSION, None) if missing else StorageError(operation, _SAID.get(code, code))
    )


def code_of(error: object) -> str:
    """How a driver names what went wrong: SQLSTATE, error number, or the class of the error."""
    arguments = getattr(error, "args", ())
    if arguments and isinstance(arguments[0], int):  # PyMySQL, whose states tell less
        return str(arguments[0])
    if state := getattr(error, "sqlstate", None):  # psycopg
        return str(state)
    if number := getattr(error, "sqlite_errorcode", None):
        # The low byte says what, the others in which way: 517 is a snapshot that is too old.
        return f"sqlite {number if number & 0xFF == 19 else number & 0xFF}"
    return type(error).__name__
