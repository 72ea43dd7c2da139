"""Connections of a driver, lent by a host: SQLAlchemy over them, without ending what goes on there.

What a host may have set on its connection for itself (rows as dictionaries, converters, counts
of changed rows) is passed by: the cursors made here are plain ones.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import import_module
from typing import Any, Final

import attrs
import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.pool import NullPool

from medsched.errors import InvalidChoice


class _Lent:
    """A host's connection as a pool sees it: nothing ends its transaction, or changes its ways."""

    def __init__(self, raw: Any, cursor: Callable[[Any], Any]) -> None:
        self._raw, self._cursor = raw, cursor

    def cursor(self, *_: object, **__: object) -> Any:
        return self._cursor(self._raw)

    def _leave(self, *_: object, **__: object) -> None:
        """Nothing is done."""

    # The last two are what SQLAlchemy sets up on a new connection: on SQLite a REGEXP of its own.
    commit = rollback = close = create_function = add_notice_handler = _leave

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


@attrs.frozen(eq=False)
class Driver:
    """What is needed to know of a driver: its dialect, and how a plain cursor is made."""

    dialect: str
    server: Callable[[Any], object]
    """Which server a connection is to; SQLAlchemy speaks a little differently to each."""
    cursor: Callable[[Any], Any]
    options: dict[str, Any] = attrs.Factory(dict)

    @contextmanager
    def connected(self, engine: Engine, raw: Any) -> Iterator[Connection]:
        """A connection of SQLAlchemy's over one of the driver's."""
        token = _lent.set(_Lent(raw, self.cursor))
        try:
            connection = engine.connect()
        finally:
            _lent.reset(token)
        with connection:
            yield connection

    def engine(self, raw: Any) -> Engine:
        """The engine for connections like this one."""
        return _engine(self, self.server(raw))


_lent: Final[ContextVar[_Lent]] = ContextVar("medsched_lent")
"""The connection that the next one of SQLAlchemy's is made over."""


@cache
def _engine(driver: Driver, server: object) -> Engine:
    """One for all connections to a kind of server: it keeps the statements that it compiled."""
    return sa.create_engine(
        f"{driver.dialect}://",
        creator=lambda: _lent.get(),
        poolclass=NullPool,
        pool_reset_on_return=None,
        hide_parameters=True,  # they are patients' data
        **driver.options,
    )


def driver_of(raw: object) -> Driver:
    """The driver of a connection; `InvalidChoice` for one that is not known."""
    for cls in type(raw).__mro__:
        known = _DRIVERS.get(f"{cls.__module__.partition('.')[0]}.{cls.__name__}")
        if known is not None:
            return known
    why = "a connection of sqlite3, psycopg, PyMySQL, mysqlclient or Django"
    raise InvalidChoice("connection", type(raw).__qualname__, why)


# ------------------------------------------------------------------------- cursors


@cache
def _psycopg_cursors() -> Callable[[Any], Any]:
    import psycopg
    from psycopg.rows import tuple_row

    class Plain(psycopg.Cursor[Any]):
        @property
        def adapters(self) -> Any:
            return psycopg.adapters  # Django's connections cut the zone off an instant

    return lambda raw: Plain(raw, row_factory=tuple_row)


@cache
def _mysql_cursors(package: str) -> Any:
    base: Any = import_module(f"{package}.cursors").Cursor

    class Plain(base):  # type: ignore[misc]  # of a package without types
        def execute(self, query: Any, args: Any = None) -> int:
            changed: int = super().execute(query, args)
            info = getattr(self.connection, "info", None)  # PyMySQL has none
            self.rowcount = _matched(info() if info else self._result.message, changed)
            return self.rowcount

    return Plain


def _matched(told: bytes | str | None, changed: int) -> int:
    """How many rows an UPDATE met; these drivers count those it changed, unless told otherwise."""
    text = told.decode("latin-1") if isinstance(told, bytes) else told or ""
    found = re.search(r"Rows matched: (\d+)", text)
    return int(found[1]) if found else changed


_DRIVERS: Final = {
    "sqlite3.Connection": Driver(
        "sqlite+pysqlite", lambda raw: sqlite3.sqlite_version, sqlite3.Cursor
    ),
    "psycopg.Connection": Driver(
        "postgresql+psycopg",
        lambda raw: raw.info.server_version,
        lambda raw: _psycopg_cursors()(raw),
        {"use_native_hstore": False},
    ),
    "pymysql.Connection": Driver(
        "mysql+pymysql",
        lambda raw: raw.get_server_info(),
        lambda raw: raw.cursor(_mysql_cursors("pymysql")),
    ),
    "MySQLdb.Connection": Driver(
        "mysql+mysqldb",
        lambda raw: raw.get_server_info(),
        lambda raw: raw.cursor(_mysql_cursors("MySQLdb")),
    ),
}
