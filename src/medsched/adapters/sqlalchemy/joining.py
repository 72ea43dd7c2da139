"""Joining a host: reading and writing in the transaction that is under way on its connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, Protocol, Self

import attrs
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, PendingRollbackError, SQLAlchemyError

from medsched.adapters.sqlalchemy.connections import (
    FIRST,
    Connections,
    Undone,
    check_bridge,
    code_of,
    refuse_translation,
    told,
)
from medsched.adapters.sqlalchemy.lent import Driver, driver_of
from medsched.domain.changes import Stale
from medsched.errors import InvalidChoice, StorageError, TransactionLost

_SAVEPOINT: Final = "medsched"
_DEADLOCK: Final = "1213"
"""MariaDB rolls back all of a transaction for it, and takes whatever comes next for a new one."""
_DOOMED: Final = frozenset({_DEADLOCK, "40001", "1020", "25P02"})
"""After these, whatever is tried again in the same transaction fails again."""
_OLD_SNAPSHOT: Final = 517
"""So does a write on SQLite, where others have written since this transaction first read."""


class _Host(Protocol):
    """A host's connection, whatever it is to the host."""

    @property
    def engine(self) -> Engine:
        """What runs statements on it."""
        ...

    def connected(self) -> AbstractContextManager[Connection]:
        """The connection; `InvalidChoice` where it would commit each statement by itself."""
        ...

    def end(self, *, silently: bool) -> None:
        """Keep the host from going on in a transaction that is lost.

        ``silently``: the database itself would let it go on, and commit only what comes now.
        """
        ...


class Joined(Connections):
    """One connection, of a host's, and the transaction that is under way on it."""

    retries = 0

    def __init__(self, host: _Host) -> None:
        self.engine = host.engine
        self.dialect = self.engine.dialect.name
        self.mariadb = self.dialect in ("mysql", "mariadb")
        self._host = host

    @classmethod
    def sqlalchemy(cls, connection: Connection) -> Self:
        """Over a connection of SQLAlchemy's."""
        if not isinstance(connection, Connection):
            why = "a Connection of SQLAlchemy's; a session's is session.connection()"
            raise InvalidChoice("connection", type(connection).__qualname__, why)
        refuse_translation(connection.get_execution_options())
        return cls(_SqlAlchemy(connection))

    @classmethod
    def dbapi(cls, connection: Any) -> Self:
        """Over a connection of a driver's, or of Django's."""
        if hasattr(connection, "ensure_connection"):
            return cls(_Django.of(connection))
        return cls(_Dbapi(driver_of(connection), lambda: connection))

    @contextmanager
    def reading(self, operation: str, *, several: bool = False) -> Iterator[Connection]:
        """The connection, for one statement or for ``several``.

        In a SAVEPOINT where a failure would spoil the transaction (PostgreSQL), or where
        several statements would see several states without it (SQLite). On servers they see
        what the host's isolation level lets them see.
        """
        saved = self.dialect == "postgresql" or (several and self.dialect == "sqlite")
        with self._within(operation, saved=saved) as found:
            yield found

    @contextmanager
    def writing(self, operation: str, *, fresh: bool = False) -> Iterator[Connection]:
        """A SAVEPOINT that is kept at the end, or rolled back when anything is raised.

        `Undone`, as stale, where a rival was first. `TransactionLost` where the host's
        transaction ended with it, or can only fail from now on.
        """
        with self._within(operation, saved=True, writing=True) as found:
            if fresh and self.mariadb and found.get_isolation_level() == "REPEATABLE READ":
                why = f"to {operation}, join at READ COMMITTED or use a store of its own"
                raise InvalidChoice("isolation level", "REPEATABLE READ", why)
            yield found

    at_once = writing  # nothing is a transaction by itself here

    @contextmanager
    def _within(
        self, operation: str, *, saved: bool, writing: bool = False
    ) -> Iterator[Connection]:
        check_bridge(operation, self.engine)
        try:
            with self._host.connected() as found:
                if writing and self.dialect == "sqlite":
                    _begin_sqlite(found)
                if saved:
                    with _savepoint(found):
                        yield found
                else:
                    yield found
        except _Gone as gone:
            self._host.end(silently=True)
            raise TransactionLost(operation, gone.code) from gone.__cause__
        except SQLAlchemyError as error:
            failed = told(error, operation)
            failed.__cause__ = error
            code = failed.code if isinstance(failed, StorageError) else ""
            if code in _DOOMED or _is_doom(error):
                self._host.end(silently=code == _DEADLOCK)
                raise TransactionLost(operation, code) from error
            if writing and code in FIRST:
                raise Undone(Stale()) from failed
            raise failed from error


class _Gone(Exception):
    """A SAVEPOINT is no longer there to go back to; ``code`` is why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@contextmanager
def _savepoint(connection: Connection) -> Iterator[None]:
    """What fails in here leaves nothing; `_Gone` if the whole transaction went with it."""
    run = connection.exec_driver_sql
    run(f"SAVEPOINT {_SAVEPOINT}")
    try:
        yield
    except BaseException as error:
        try:
            run(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
            run(f"RELEASE SAVEPOINT {_SAVEPOINT}")
        except SQLAlchemyError as second:
            if not isinstance(error, Exception):  # whoever is stopped, stops
                raise error from None
            first = error if isinstance(error, SQLAlchemyError) else second
            failed = told(first, "roll back")
            raise _Gone(getattr(failed, "code", "")) from first
        raise
    run(f"RELEASE SAVEPOINT {_SAVEPOINT}")


def _is_doom(error: SQLAlchemyError) -> bool:
    if isinstance(error, DBAPIError):
        number = getattr(error.orig, "sqlite_errorcode", None)
        return error.connection_invalidated or number == _OLD_SNAPSHOT
    return isinstance(error, PendingRollbackError)


def _begin_sqlite(connection: Connection) -> None:
    """Begin as the driver would with the first write.

    It takes a SAVEPOINT for none, and what is released outside of a transaction is committed.
    """
    if not _raw(connection).in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _raw(connection: Connection) -> Any:
    return connection.connection.driver_connection


def _refuse_autocommit(dialect: str, raw: Any, adapter: Any) -> None:
    """`InvalidChoice` for a connection on which each statement is a transaction by itself."""
    match dialect:
        case "sqlite":
            # Python 3.12 has a second way to say it; -1 is that it is said in the first.
            mode = getattr(raw, "autocommit", -1)
            alone = mode is True or (mode == -1 and raw.isolation_level is None)
            alone = alone and not raw.in_transaction
        case "postgresql":
            alone = bool(getattr(adapter, "autocommit", False))
            info = getattr(raw, "info", None)
            alone = alone and (info is None or info.transaction_status == 0)
        case _:
            asked = getattr(raw, "get_autocommit", None)
            alone = asked is not None and bool(asked()) and not _has_begun(raw)
    if alone:
        raise InvalidChoice("connection", "autocommit mode", "begin a transaction on it first")


def _has_begun(raw: Any) -> bool:
    """Whether a transaction is under way on MariaDB."""
    status = getattr(raw, "server_status", None)
    if status is not None:  # the protocol's SERVER_STATUS_IN_TRANS
        return bool(status & 1)
    cursor = raw.cursor()
    try:
        cursor.execute("SELECT @@in_transaction")
        return bool(cursor.fetchone()[0])
    finally:
        cursor.close()


# --------------------------------------------------------------------------- hosts


@attrs.frozen
class _SqlAlchemy:
    """A host that uses SQLAlchemy."""

    connection: Connection

    @property
    def engine(self) -> Engine:
        return self.connection.engine

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        connection = self.connection
        begun = not connection.in_transaction()
        if begun:
            connection.begin()
        pooled = connection.connection
        try:
            _refuse_autocommit(
                self.engine.dialect.name, pooled.driver_connection, pooled.dbapi_connection
            )
        except InvalidChoice:
            if begun:
                connection.rollback()
            raise
        yield connection

    def end(self, *, silently: bool) -> None:
        """SQLAlchemy then refuses every statement, and the COMMIT, until it is rolled back."""
        if silently and not self.connection.invalidated:
            self.connection.invalidate()


class _Dbapi:
    """A host that uses a driver."""

    def __init__(self, driver: Driver, raw: Callable[[], Any]) -> None:
        self._driver, self._raw = driver, raw
        with _driver_errors():
            self.engine = driver.engine(raw())

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        with _driver_errors():
            raw = self._raw()
            _refuse_autocommit(self.engine.dialect.name, raw, raw)
        with self._driver.connected(self.engine, raw) as connection:
            yield connection

    def end(self, *, silently: bool) -> None:
        """Nobody is told but who catches the error."""


class _Django(_Dbapi):
    """A host that uses Django: its wrapper opens the connection when it is wanted."""

    def __init__(self, wrapper: Any, driver: Driver, raw: Callable[[], Any]) -> None:
        self._wrapper = wrapper
        super().__init__(driver, raw)

    @classmethod
    def of(cls, wrapper: Any) -> Self:
        """Over ``django.db.connection``, or another one of its connections."""

        def raw() -> Any:
            wrapper.ensure_connection()
            return wrapper.connection

        with _driver_errors():
            first = raw()
        return cls(wrapper, driver_of(first), raw)

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        if self._wrapper.in_atomic_block and self._wrapper.needs_rollback:
            raise TransactionLost("begin", "Django wants it rolled back")
        with super().connected() as connection:
            yield connection

    def end(self, *, silently: bool) -> None:
        """Django then refuses every statement, and rolls back where ``atomic()`` ends."""
        if self._wrapper.in_atomic_block:
            self._wrapper.needs_rollback = True


@contextmanager
def _driver_errors() -> Iterator[None]:
    """A driver's errors, outside of SQLAlchemy, as `StorageError`."""
    try:
        yield
    except InvalidChoice:
        raise
    except Exception as error:
        raise StorageError("join", code_of(error)) from error
