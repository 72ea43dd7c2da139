"""Connections: how each database is reached, read and written, and what its errors mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from time import monotonic
from typing import Any, Final

import attrs
import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool, QueuePool
from sqlalchemy.util.concurrency import in_greenlet

from medsched.adapters.sqlalchemy.schema import VERSION
from medsched.domain.changes import Outcome, Stale
from medsched.errors import (
    InvalidChoice,
    MedschedError,
    MissingExtra,
    OutcomeUnknown,
    SchemaMismatch,
    StorageError,
)
from medsched.ports.store import RETRIES

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
FIRST: Final = frozenset(_RIVALS | _TAKEN)
"""How databases say that somebody else was first."""
# An answer to a COMMIT that leaves open whether it was done.
_OPEN: Final = {"40003", "08007"}
_IDLE: Final = 1.0
"""After how many seconds without use a connection of a pool is asked whether it lives.

To ask each time, as a pool can do, is a round trip: a third of a search's over 100 providers.
"""
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


@attrs.define(eq=False, slots=False)
class CommitLost(OutcomeUnknown):
    """The commit failed, or its answer was lost: whether it was done must be asked."""

    answered: bool = False
    """Whether the database itself said that it failed: what is not there then, never will be."""

    def failure(self) -> StorageError:
        """What it is once it is known that nothing was done."""
        return StorageError(self.operation, self.code)


def engine_of(database: str | sa.URL | Engine) -> tuple[Engine, bool]:
    """An engine for a URL, or the host's own; and whether it was made here.

    `InvalidChoice` for what is no URL, or of another database, `MissingExtra` where the
    driver is not installed. The URL, which may hold a password, is in no error.
    """
    if isinstance(database, Engine):
        _known(database.dialect.name)
        refuse_translation(database.get_execution_options())
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


def refuse_translation(options: Mapping[str, Any]) -> None:
    """`InvalidChoice` for a schema that would be found for some statements only."""
    if options.get("schema_translate_map"):
        raise InvalidChoice("schema_translate_map", "…", "give the store its schema instead")


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
    engine = sa.create_engine(url, **options)
    if name == "sqlite":
        sa.event.listen(engine, "connect", _tune_sqlite)
    return engine


def _tune_sqlite(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


class Connections:
    """Connections of one engine, for readers and for the one write."""

    retries: int = RETRIES
    """How often what came too late may be tried again on them."""

    def __init__(self, engine: Engine, *, own: bool) -> None:
        self.engine = engine
        self.dialect = engine.dialect.name
        self.mariadb = self.dialect in ("mysql", "mariadb")
        # None: as the engine has it. A host's may commit each statement by itself.
        self._single = self._several = self._writer = None
        if self.dialect != "sqlite":
            self._several = "REPEATABLE READ"
            self._writer = None if own else "READ COMMITTED"
        if self.dialect == "postgresql":
            self._single = "AUTOCOMMIT"
        pools = self.dialect != "sqlite" and not isinstance(engine.pool, NullPool)
        self._doubts = pools and not getattr(engine.pool, "_pre_ping", False)

    @contextmanager
    def reading(self, operation: str, *, several: bool = False) -> Iterator[Connection]:
        """A connection for one statement, or for ``several`` that shall see one state."""
        level = self._several if several else self._single
        with self._connected(operation, level) as found:
            if several and self.dialect == "sqlite":
                _begin_sqlite(found, "BEGIN")
            yield found

    @contextmanager
    def writing(self, operation: str, *, fresh: bool = False) -> Iterator[Connection]:
        """A transaction that is committed at the end, or rolled back when anything is raised.

        ``fresh``: what is read in it, too, must show what others have committed by then.

        `Undone`, as stale, where a rival was first. A connection lost before the commit leaves
        nothing behind and is the same; an error in the commit itself is `CommitLost` unless it
        says that somebody else was first.
        """
        committing = False
        try:
            with self._connected(operation, self._writer) as found:
                if self.dialect == "sqlite":
                    _begin_sqlite(found, "BEGIN IMMEDIATE")
                yield found
                committing = True
                try:
                    found.commit()
                except SQLAlchemyError:
                    _roll_back(found)
                    raise
        except StorageError as error:
            if error.code in FIRST or (was_lost(error) and not committing):
                raise Undone(Stale()) from error
            if committing:
                raise _commit_lost(error) from error
            raise

    @contextmanager
    def at_once(self, operation: str) -> Iterator[Connection]:
        """A connection on which one statement is a transaction by itself: PostgreSQL only.

        `Undone`, as stale, where a rival was first; `CommitLost` for a connection that was lost.
        """
        try:
            with self._connected(operation, self._single) as found:
                yield found
        except StorageError as error:
            if error.code in FIRST:
                raise Undone(Stale()) from error
            if was_lost(error) or error.code in _OPEN:
                raise _commit_lost(error) from error
            raise

    @contextmanager
    def _connected(self, operation: str, level: str | None) -> Iterator[Connection]:
        """A connection at an isolation level, given back afterwards.

        One that lay idle in a pool may have been lost there. A host's engine may look after that
        itself.
        """
        with _told(operation, self.engine):
            found = self.engine.connect()
            try:
                if self._doubts and _is_stale(found):
                    found.close()
                    found = self.engine.connect()
                if level is not None and not self._writes_at(found, level):
                    _set_level(found, level)
                yield found
            finally:
                found.close()

    def _writes_at(self, found: Connection, level: str) -> bool:
        """Whether a connection to write on is at its level already: MariaDB is asked once for each.

        To set it takes four round trips, two of them when the connection is given back.
        """
        return self.mariadb and level == self._writer == _pooled_level(found)


def _set_level(connection: Connection, level: str) -> None:
    """Set the isolation level; SQLAlchemy would hand the driver's own errors on."""
    with as_sqlalchemys(connection):
        connection.execution_options(isolation_level=level)


def _pooled_level(connection: Connection) -> str:
    """The isolation level of a connection of MariaDB's that was just handed out."""
    stated = connection.get_execution_options().get("isolation_level")
    if stated is not None:  # by this engine; others may share its pool
        return str(stated)
    if (known := connection.info.get("medsched level")) is not None:
        return str(known)
    with as_sqlalchemys(connection), closing(connection.connection.cursor()) as cursor:
        cursor.execute("SELECT @@autocommit, @@tx_isolation")
        alone, level = cursor.fetchone() or (1, "")
    found = "AUTOCOMMIT" if alone else level.replace("-", " ")
    connection.info["medsched level"] = found
    return str(found)


@contextmanager
def as_sqlalchemys(connection: Connection) -> Iterator[None]:
    """What the driver itself raises on a connection, as SQLAlchemy would raise it."""
    dialect = connection.dialect
    try:
        yield
    except dialect.loaded_dbapi.Error as error:
        raw = connection.connection.dbapi_connection
        lost = dialect.is_disconnect(error, raw, None)
        if lost:
            connection.invalidate(error)
        raise DBAPIError(None, None, error, connection_invalidated=lost) from error


def _is_stale(connection: Connection) -> bool:
    """Whether a connection that may have been idle for long is lost; its pool then knows."""
    used, now = connection.info.get("medsched used"), monotonic()
    connection.info["medsched used"] = now
    if used is not None and now - used < _IDLE:
        return False
    raw: Any = connection.connection.dbapi_connection
    try:
        with as_sqlalchemys(connection):
            connection.dialect.do_ping(raw)  # which begins no transaction, and no event tells
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        return True
    return False


def _roll_back(connection: Connection) -> None:
    """Give up what could not be committed.

    SQLite leaves the transaction open, and SQLAlchemy, which takes it for ended, would give the
    connection back like that: whoever had it next would commit what was told to be undone.
    """
    if not connection.invalidated:
        try:
            connection.connection.rollback()
        except Exception:  # then it ends with the connection
            connection.invalidate()


def was_lost(error: StorageError) -> bool:
    """Whether the connection was lost."""
    cause = error.__cause__
    return isinstance(cause, DBAPIError) and cause.connection_invalidated


def _commit_lost(error: StorageError) -> CommitLost:
    answered = not was_lost(error) and error.code not in _OPEN
    return CommitLost(error.operation, error.code, answered)


def _begin_sqlite(connection: Connection, how: str) -> None:
    """Begin now: the driver would wait for the first write, and then find itself too late."""
    connection.begin()
    raw = connection.connection.driver_connection  # not what an async driver is wrapped into
    if getattr(raw, "in_transaction", False):
        connection.exec_driver_sql("ROLLBACK")  # an engine of the host's that begins by itself
    connection.exec_driver_sql(how)


@contextmanager
def _told(operation: str, engine: Engine) -> Iterator[None]:
    """SQLAlchemy's errors as this library's own."""
    check_bridge(operation, engine)  # before a connection is checked out
    try:
        yield
    except SQLAlchemyError as error:
        raise told(error, operation) from error


def check_bridge(operation: str, engine: Engine) -> None:
    """`StorageError` for an async driver that is used where nothing can be awaited."""
    if engine.dialect.is_async and not in_greenlet():
        raise StorageError(operation, _SAID["MissingGreenlet"])


def told(error: SQLAlchemyError, operation: str) -> MedschedError:
    """This library's error for one of SQLAlchemy's, which is made to keep its mouth shut."""
    if not isinstance(error, DBAPIError):
        return StorageError(operation, _SAID.get(type(error).__name__, type(error).__name__))
    code = code_of(error.orig)
    error.hide_parameters = True
    missing = code in _NO_TABLE or "no such table" in str(error.orig)
    if error.statement is not None:
        # Drivers quote the row in what they say of it, and so may a host's trigger.
        error.args = (f"({type(error.orig).__name__}) {code}",)
        error.__cause__, error.__suppress_context__ = None, True
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
