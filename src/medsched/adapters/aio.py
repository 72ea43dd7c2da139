"""The same services for async hosts: `call` runs them where awaiting is possible.

Nothing here is written twice. SQLAlchemy's bridge runs a function in a greenlet, and
whatever the function wants of the database is awaited on the event loop. Needs the extra
``async``; without it, importing this module raises `MissingExtra`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from importlib import import_module
from random import uniform
from typing import Any, Final, ParamSpec, TypeVar

from medsched.adapters.audit.keeping import AuditKeeping
from medsched.errors import InvalidChoice, MissingExtra

try:
    import_module("greenlet")  # which has no types to check
    import sqlalchemy as sa
except ModuleNotFoundError as error:
    raise MissingExtra("medsched.adapters.aio", "async") from error

import attrs
from sqlalchemy.exc import NoSuchModuleError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import await_only, greenlet_spawn

from medsched.adapters.sqlalchemy.connections import url_of
from medsched.adapters.sqlalchemy.encryption import Encryption
from medsched.adapters.sqlalchemy.store import SqlAlchemyStore
from medsched.adapters.surroundings import standard
from medsched.ports.surroundings import Surroundings

__all__ = ["LoopPauses", "async_store", "call"]

P = ParamSpec("P")
T = TypeVar("T")

_DRIVERS: Final = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+psycopg_async",
    "mysql": "mariadb+aiomysql",
    "mariadb": "mariadb+aiomysql",
}
"""The driver for each database, where a URL names none that is async."""


async def call(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """What ``function`` returns for these arguments, without keeping the event loop waiting.

    ``function`` is any method of a practice, a store or an engine. It runs in the loop's
    thread, and gives way to other tasks wherever it waits for a database with an async
    driver, or pauses. What it computes in between, the loop waits for; so it does for all of
    a call on a `MemoryStore`. What it raises is raised here.

    When the task is cancelled, what was not committed is rolled back and the connection goes
    back to the pool; one that was cancelled in the commit has come through as a whole or not
    at all.
    """
    running = _Running()
    task = asyncio.create_task(running.run(partial(function, *args, **kwargs)))
    running.task = task
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        running.cancel()
        while not task.done():  # some hosts cancel again and again: the first time counts
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # nobody is left to hear of it
        raise
    try:
        return task.result()
    finally:
        del running, task  # or an error would hold on to itself


def async_store(
    database: str | sa.URL | AsyncEngine,
    *,
    schema: str | None = None,
    galera: bool = False,
    audit: AuditKeeping | None = None,
    encryption: Encryption | None = None,
    surroundings: Surroundings | None = None,
) -> SqlAlchemyStore:
    """A store whose methods, and the services over it, are used through `call`.

    ``database`` is a URL, or an async engine of the host's. A URL that names no async driver
    gets aiosqlite, psycopg or aiomysql, whatever it names. The rest is as `SqlAlchemyStore`
    takes it, but that pauses are `LoopPauses`; while a key provider is asked, the loop waits.
    One event loop may use a store: dispose of its engine, ``await call(store.engine.dispose)``,
    before the loop ends. A database in memory is lost when a call is cancelled in the middle.

    Nothing is asked of the database here. The methods, when used outside of `call`, raise
    `StorageError`. Raises what `SqlAlchemyStore` raises, and `InvalidChoice` for asyncpg, which
    does not tell what the store must know.
    """
    store = SqlAlchemyStore(
        database.sync_engine if isinstance(database, AsyncEngine) else _async_url(database),
        schema=schema,
        galera=galera,
        audit=audit,
        encryption=encryption,
        surroundings=surroundings or attrs.evolve(standard(), pauses=LoopPauses()),
    )
    if not store.engine.dialect.supports_sane_multi_rowcount:
        why = "it does not say how many rows were changed; on PostgreSQL use psycopg"
        raise InvalidChoice("driver", store.engine.dialect.driver, why)
    for event, listener in _LISTENERS.items():
        sa.event.listen(store.engine, event, listener)
    if store.engine.dialect.name == "sqlite":
        sa.event.listen(store.engine, "invalidate", _roll_back)
    return store


def _async_url(database: str | sa.URL) -> sa.URL:
    """The URL, with an async driver."""
    url = url_of(database)
    try:
        if not url.get_dialect().is_async:
            url = url.set(drivername=_DRIVERS.get(url.get_backend_name(), url.drivername))
    except NoSuchModuleError:
        pass  # the store tells which drivers there are none of
    return url


class _Running:
    """A call on its way, which is cancelled once, and only where nothing is lost by it.

    SQLAlchemy loses a connection to a cancellation that meets it on the way out of the pool,
    when its isolation level is set, or on the way back, when that is undone. So these are not
    disturbed: the cancellation waits for the next statement, or the next time that the call
    waits.
    """

    def __init__(self) -> None:
        self.task: asyncio.Task[Any]
        self._held = False
        self._wanted = False

    async def run(self, function: Callable[[], T]) -> T:
        """The call itself."""
        _running.set(self)
        return await greenlet_spawn(function)

    def cancel(self) -> None:
        """Cancel it where it waits now, or as soon as may be."""
        self._wanted = self._held
        if not self._held:
            self.task.cancel()

    def hold(self) -> None:
        """Let nothing cancel it from here on."""
        self._held = True

    def use(self) -> None:
        """A statement comes next: what was held back takes effect."""
        self._held = False
        if self._wanted:
            self._wanted = False
            raise asyncio.CancelledError

    def release(self) -> None:
        """The connection is back: what was held back takes effect where the call waits next."""
        self._held = False
        if self._wanted:
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        if self._wanted:
            self.cancel()


_running: Final[ContextVar[_Running]] = ContextVar("medsched_running")
"""The call that this is a part of."""


def _in_call(act: Callable[[_Running], None]) -> Callable[..., None]:
    """A listener that acts on the call in which it hears of something."""

    def listener(*_: object) -> None:
        if (running := _running.get(None)) is not None:
            act(running)

    return listener


_LISTENERS: Final = {
    "checkout": _in_call(_Running.hold),
    "begin": _in_call(_Running.use),
    "reset": _in_call(_Running.hold),
    "checkin": _in_call(_Running.release),
}


def _roll_back(connection: Any, *_: object) -> None:
    """Roll back before a connection is closed because a call on it was cancelled.

    SQLite puts closing off for as long as somebody holds a cursor, as the traceback of the
    cancelled task does, and would keep its locks till then.
    """
    with suppress(Exception, asyncio.CancelledError):
        connection.rollback()


class LoopPauses:
    """`Pauses` as long as those of `JitteredPauses`, in which the event loop does other things.

    Only within `call`.
    """

    def pause(self, tries: int) -> None:
        await_only(asyncio.sleep(uniform(0, 0.002 * 2**tries)))
