"""The same services for async hosts: `call` runs them where awaiting is possible.

Nothing here is written twice. SQLAlchemy's bridge runs a function in a greenlet, and
whatever the function wants of the database is awaited on the event loop. Needs the extra
``async``; without it, importing this module raises `MissingExtra`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from random import uniform
from typing import Any, Final, ParamSpec, TypeVar

from medsched.errors import MissingExtra

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
    # A task of its own: of the many times that a host may cancel, only the first one counts, or
    # what is given back on the way out would not be given back.
    task = asyncio.create_task(greenlet_spawn(partial(function, *args, **kwargs)))
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        if not task.cancelling():
            task.cancel()
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # nobody is left to hear of it
        raise
    return task.result()


def async_store(
    database: str | sa.URL | AsyncEngine,
    *,
    schema: str | None = None,
    galera: bool = False,
    surroundings: Surroundings | None = None,
) -> SqlAlchemyStore:
    """A store whose methods, and the services over it, are used through `call`.

    ``database`` is a URL, or an async engine of the host's. A URL that names no async driver
    gets aiosqlite, psycopg or aiomysql, whatever it names. The rest is as `SqlAlchemyStore`
    takes it, but that pauses are `LoopPauses`. One event loop may use a store: dispose of
    its engine, ``await call(store.engine.dispose)``, before the loop ends. A database in
    memory is lost when a call is cancelled in the middle.

    Nothing is asked of the database here. The methods, when used outside of `call`, raise
    `StorageError`. Raises what `SqlAlchemyStore` raises.
    """
    store = SqlAlchemyStore(
        database.sync_engine if isinstance(database, AsyncEngine) else _async_url(database),
        schema=schema,
        galera=galera,
        surroundings=surroundings or attrs.evolve(standard(), pauses=LoopPauses()),
    )
    if store.engine.dialect.name == "sqlite":
        sa.event.listen(store.engine, "invalidate", _let_go)
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


def _let_go(connection: Any, *_: object) -> None:
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
