"""Async hosts: the same services through `call`, on every database."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from functools import partial, wraps
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any, Final, ParamSpec, cast

import attrs
import pytest
from tests.databases import ENGINES, Databases, missing

from medsched import (
    AvailabilityRule,
    InvalidChoice,
    MemoryStore,
    MissingExtra,
    NotFound,
    Override,
    Patient,
    Practice,
    Provider,
    Recurrence,
    Scheduler,
    VersionConflict,
)
from medsched.domain.changes import Applied, Changeset, Stale
from medsched.domain.events import Change, Event
from medsched.errors import SchemaMismatch, StorageError
from medsched.ports.store import Store
from medsched.testing.contracts import StoreContract
from medsched.testing.fixed import FixedClock

pytest.importorskip("sqlalchemy", reason="the extra async is not installed")
pytest.importorskip("greenlet", reason="the extra async is not installed")

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from medsched.adapters import aio
from medsched.adapters.aio import LoopPauses, async_store, call
from medsched.adapters.sqlalchemy import SqlAlchemyStore, check, create
from medsched.adapters.sqlalchemy.connections import code_of
from medsched.adapters.surroundings import standard

P = ParamSpec("P")

MODULES: Final = {"sqlite": "aiosqlite", "postgresql": "psycopg", "mariadb": "aiomysql"}
SERVERS: Final = ("postgresql", "mariadb")
NOW: Final = datetime(2026, 1, 5, tzinfo=UTC)


def on_a_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """The test, run on an event loop of its own."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


def url_for(databases: Databases, kind: str) -> sa.URL:
    """The URL of a database whose tables are empty, as a host writes it: no driver is named."""
    databases.store(kind)
    pytest.importorskip(MODULES[kind], reason=f"{MODULES[kind]} (extra async) is not installed")
    return databases.another(kind).engine.url.set(drivername=kind)


# The whole contract takes a while. `nox -s databases` holds every driver to it.
HELD_TO_ALL = ENGINES if os.environ.get("MEDSCHED_ASYNC") == "all" else ("postgresql",)


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, databases: Databases) -> Iterator[sa.URL]:
    yield url_for(databases, request.param)
    databases.check_returned(request.param)


@asynccontextmanager
async def opened(url: sa.URL | str, **options: Any) -> AsyncIterator[SqlAlchemyStore]:
    """An async store, which has all of its connections at the end."""
    store = async_store(url, **options)
    threads = set(threading.enumerate())
    try:
        yield store
        assert out(store) == 0, "connections were not given back"
    finally:
        await call(store.engine.dispose)
        if store.engine.dialect.name == "sqlite":  # its threads tell the loop that they end
            await until(lambda: set(threading.enumerate()) <= threads)


def out(store: SqlAlchemyStore) -> int:
    """How many connections are checked out."""
    pool: Any = store.engine.pool
    return int(pool.checkedout())


def practice(store: Store) -> Practice:
    return Scheduler(store, clock=FixedClock(NOW)).practice("riverside")


def patient(version: int = 1, **fields: Any) -> Changeset:
    ada = Patient(id="ada", version=version, **fields)
    return Changeset(practice="p", writes=(ada,), events=(Event.of(Change.UPDATED, ada),))


def events(store: SqlAlchemyStore, practice: str) -> list[Event]:
    """All events of a practice, in order."""
    store.number_events(practice)
    return [one.event for one in store.events(practice, after=0, limit=10_000)]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.002)


@pytest.fixture(scope="module", params=HELD_TO_ALL)
def shared(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Store]:
    """An async store, used from any thread, on an event loop that the threads share."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    own = async_store(url_for(databases, request.param))

    def called(method: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> Any:
        return asyncio.run_coroutine_threadsafe(call(method, *args, **kwargs), loop).result(120)

    class Called:
        """Each method of the store, called on the loop."""

        surroundings, retries = own.surroundings, own.retries
        audited, seals = own.audited, own.seals

        def __getattr__(self, name: str) -> Any:
            return partial(called, getattr(own, name))

    thread.start()
    try:
        yield cast("Store", Called())
        assert out(own) == 0, "connections were not given back"
    finally:
        called(own.engine.dispose)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class TestContract(StoreContract):
    """What every store promises."""

    @pytest.fixture
    def store(self, shared: Store) -> Store:
        return shared


class TestServices:
    @on_a_loop
    async def test_many_at_once(self, url: sa.URL) -> None:
        async with opened(url) as store:
            clinic = practice(store)
            names = [f"p{number:02}" for number in range(40)]
            made = await asyncio.gather(
                *(call(clinic.providers.create, id=name, timezone="UTC") for name in names)
            )
            assert [one.id for one in made] == names
            read = await asyncio.gather(*(call(clinic.providers.get, name) for name in names))
            assert read == made
            listing = asyncio.create_task(call(clinic.providers.list))
            changed = await asyncio.gather(
                *(call(clinic.providers.update, attrs.evolve(one, name="x")) for one in made)
            )
            listed = await listing
            assert [one.id for one in listed] == names
            assert {one.version for one in changed} == {2}
            assert (await call(clinic.providers.list)).items == tuple(changed)

    @on_a_loop
    async def test_slots_are_those_of_a_sync_store(self, url: sa.URL) -> None:
        async with opened(url) as store:
            clinic = practice(store)
            await call(clinic.settings.configure, timezone="America/New_York")
            await call(clinic.appointment_types.create, code="visit", duration=timedelta(hours=1))
            weekdays = Recurrence.weekdays(date(2026, 1, 5))

            async def employ(name: str) -> None:
                await call(clinic.providers.create, id=name)
                rule = AvailabilityRule(name, weekdays, hours="09:00-17:00")
                await call(clinic.availability.add, rule)
                closed = Override.closed(name, date(2026, 3, 9), reason="away")
                await call(clinic.availability.add, closed)

            names = [f"p{number}" for number in range(8)]
            await asyncio.gather(*map(employ, names))
            start, end = datetime(2026, 3, 6, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC)
            found = await asyncio.gather(
                *(call(clinic.availability.slots, name, "visit", start, end) for name in names)
            )
        sync = SqlAlchemyStore(url)  # the same, to the letter
        for name, slots in zip(names, found, strict=True):
            expected = list(practice(sync).availability.slots(name, "visit", start, end))
            assert len(expected) == 16
            assert list(slots) == expected, "looked at outside of `call`"
        sync.engine.dispose()

    @on_a_loop
    async def test_in_memory(self) -> None:
        clinic = practice(MemoryStore())
        made = await call(clinic.providers.create, id="smith", timezone="UTC")
        assert await call(clinic.providers.get, "smith") == made
        with pytest.raises(NotFound):
            await call(clinic.providers.get, "jones")

    @on_a_loop
    async def test_a_sqlite_in_memory_takes_turns(self) -> None:
        pytest.importorskip("aiosqlite", reason="aiosqlite (extra async) is not installed")
        async with opened("sqlite://") as store:
            await call(create, store.engine)
            await call(check, store.engine)

            async def write(name: str) -> None:
                for version in range(1, 11):
                    one = Patient(id=name, version=version)
                    done = await call(store.apply, Changeset(practice="p", writes=(one,)))
                    assert done == Applied()

            await asyncio.gather(*map(write, "abcd"))
            found = await call(store.page, "p", Patient, active=True, where={}, after=None, limit=9)
            assert [(one.id, one.version) for one in found] == [(name, 10) for name in "abcd"]

    @on_a_loop
    async def test_any_names_of_arguments(self) -> None:
        """Also those of SQLAlchemy's own function."""

        def told(fn: str, *, function: str, _require_await: str) -> tuple[str, str, str]:
            return fn, function, _require_await

        assert await call(told, fn="a", function="b", _require_await="c") == ("a", "b", "c")

    @on_a_loop
    async def test_within_the_hosts_own_bridge(self, url: sa.URL) -> None:
        """`run_sync` of SQLAlchemy does what `call` does."""
        engine = create_async_engine(async_store(url).engine.url)
        clinic = practice(async_store(engine))
        async with engine.connect() as connection:
            smith = await connection.run_sync(lambda _: clinic.providers.create(id="smith"))
        assert await call(clinic.providers.find, "smith") == smith
        await engine.dispose()


class TestStore:
    @pytest.mark.parametrize(
        "given, driver",
        [
            ("sqlite:///clinic.db", "sqlite+aiosqlite"),
            ("sqlite+pysqlite:///clinic.db", "sqlite+aiosqlite"),
            ("sqlite+aiosqlite:///clinic.db", "sqlite+aiosqlite"),
            ("postgresql://u:secret@h/x", "postgresql+psycopg_async"),
            ("postgresql+psycopg://u:secret@h/x", "postgresql+psycopg_async"),
            ("postgresql+psycopg2://u:secret@h/x", "postgresql+psycopg_async"),
            ("mysql://u:secret@h/x", "mariadb+aiomysql"),
            ("mariadb://u:secret@h/x", "mariadb+aiomysql"),
            ("mariadb+pymysql://u:secret@h/x", "mariadb+aiomysql"),
        ],
    )
    def test_a_url_is_given_an_async_driver(self, given: str, driver: str) -> None:
        module = MODULES[sa.make_url(given).get_backend_name().replace("mysql", "mariadb")]
        pytest.importorskip(module, reason=f"{module} (extra async) is not installed")
        url = async_store(given).engine.url
        assert url == sa.make_url(given).set(drivername=driver)
        assert async_store(sa.make_url(given)).engine.url == url

    @pytest.mark.parametrize("given", ["", "clinic.db", "oracle://h/x", "x+y://h/z"])
    def test_what_is_no_database_is_told(self, given: str) -> None:
        with pytest.raises(InvalidChoice):
            async_store(given)

    def test_an_engine_that_is_not_async_is_told(self) -> None:
        engine: Any = sa.create_engine("sqlite://")
        with pytest.raises(InvalidChoice):
            async_store(engine)

    def test_a_driver_that_does_not_count_rows_is_told(self) -> None:
        """As asyncpg does not, when it does one statement for many rows."""
        pytest.importorskip("aiosqlite", reason="aiosqlite (extra async) is not installed")
        engine = create_async_engine("sqlite+aiosqlite://")
        engine.sync_engine.dialect.supports_sane_multi_rowcount = False
        with pytest.raises(InvalidChoice, match="aiosqlite"):
            async_store(engine)

    @pytest.mark.parametrize("kind", ENGINES)
    def test_a_driver_that_is_not_installed_is_told(
        self, kind: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, MODULES[kind], None)
        with pytest.raises(MissingExtra) as caught:
            async_store(f"{kind}://u:secret@h/x")
        assert caught.value.extra == "async"
        assert "secret" not in str(caught.value)

    @pytest.mark.parametrize("module", ["greenlet", "sqlalchemy"])
    def test_an_extra_that_is_not_installed_is_told(
        self, module: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, module, None)
        monkeypatch.delitem(sys.modules, aio.__name__)
        with pytest.raises(MissingExtra) as caught:
            import_module(aio.__name__)
        assert caught.value.extra == "async"

    @on_a_loop
    async def test_an_engine_of_the_hosts(self, url: sa.URL) -> None:
        engine = create_async_engine(async_store(url).engine.url)
        store = async_store(engine)
        assert store.engine is engine.sync_engine
        assert await call(store.apply, patient()) == Applied()
        assert await call(store.get, "p", Patient, "ada") is not None
        await engine.dispose()

    @pytest.mark.parametrize("kind", SERVERS)
    @on_a_loop
    async def test_in_a_schema(self, databases: Databases, kind: str) -> None:
        async with opened(url_for(databases, kind), schema="elsewhere") as store:
            with pytest.raises(SchemaMismatch):
                await call(store.get, "p", Patient, "ada")

    @on_a_loop
    async def test_guards_by_writes(self, databases: Databases) -> None:
        async with opened(url_for(databases, "mariadb"), galera=True) as store:
            smith = await call(practice(store).providers.create, timezone="UTC")
            assert smith.version == 1

    def test_surroundings(self) -> None:
        pytest.importorskip("aiosqlite", reason="aiosqlite (extra async) is not installed")
        own = async_store("sqlite://").surroundings
        assert isinstance(own.pauses, LoopPauses)
        assert attrs.evolve(own, pauses=standard().pauses) == standard()
        given = async_store("sqlite://", surroundings=standard()).surroundings
        assert given is standard()

    def test_sqlite_is_written_through_to_the_disk(self, tmp_path: Path) -> None:
        pytest.importorskip("aiosqlite", reason="aiosqlite (extra async) is not installed")

        def found(store: SqlAlchemyStore) -> list[object]:
            with store.engine.connect() as connection:
                asked = ("journal_mode", "synchronous", "busy_timeout")
                return [connection.exec_driver_sql(f"PRAGMA {one}").scalar() for one in asked]

        async def ask() -> list[object]:
            async with opened(f"sqlite:///{tmp_path}/clinic.db") as store:
                return await call(found, store)

        assert asyncio.run(ask()) == ["wal", 2, 30_000]


class TestOutsideOfCall:
    """A clear error, no connection out, and those in the pool as good as they were."""

    @on_a_loop
    async def test_it_is_told(self, url: sa.URL) -> None:
        async with opened(url) as store:
            pool: Any = store.engine.pool
            clinic = practice(store)
            for used in (False, True):
                if used:
                    await asyncio.gather(*(call(clinic.providers.list) for _ in range(3)))
                before = pool.checkedin()
                asks: tuple[Callable[[], object], ...] = (
                    lambda: clinic.providers.create(timezone="UTC"),
                    lambda: clinic.providers.list(),
                    lambda: store.get("p", Patient, "ada"),
                    lambda: store.apply(patient()),
                )
                for ask in asks:
                    with pytest.raises(StorageError, match=r"medsched\.adapters\.aio\.call"):
                        ask()
                assert (out(store), pool.checkedin()) == (0, before)
            assert await call(store.get, "p", Patient, "ada") is None
            assert await call(store.apply, patient()) == Applied()

    def test_with_no_loop_at_all(self, url: sa.URL) -> None:
        store = async_store(url)
        with pytest.raises(StorageError, match=r"medsched\.adapters\.aio\.call"):
            store.get("p", Patient, "ada")
        assert out(store) == 0


class TestGivingWay:
    """The loop goes on while a call waits."""

    @on_a_loop
    async def test_in_a_pause(self, monkeypatch: pytest.MonkeyPatch) -> None:
        slept = list[float]()

        def longest(low: float, high: float) -> float:
            slept.append(high)
            return high

        monkeypatch.setattr(aio, "uniform", longest)
        done = list[str]()

        async def pausing() -> None:
            await call(LoopPauses().pause, 3)
            done.append("pause")

        async def other() -> None:
            await asyncio.sleep(0.001)
            done.append("other")

        await asyncio.gather(pausing(), other())
        assert (slept, done) == ([0.016], ["other", "pause"])

    @on_a_loop
    async def test_rivals_read_and_decide_again(self, url: sa.URL) -> None:
        """Services pause between their tries, all on one loop."""
        async with opened(url) as store:
            clinic = practice(store)
            await call(clinic.settings.configure, timezone="UTC")
            for number in range(5):
                name, shortest = f"n{number}", timedelta(minutes=5 + number)
                await asyncio.gather(
                    call(clinic.settings.configure, name=name),
                    call(clinic.settings.configure, timezone=f"Etc/GMT+{number}"),
                    call(clinic.settings.configure, shortest_slot=shortest),
                )
                found = await call(clinic.settings.get)
                assert (found.name, found.shortest_slot) == (name, shortest)
                assert found.timezone == f"Etc/GMT+{number}"

    @on_a_loop
    async def test_for_a_lock(self, url: sa.URL) -> None:
        async with opened(url) as store:
            with locked(url) as release:
                task = asyncio.create_task(call(store.apply, patient()))
                await until(lambda: out(store) == 1)
                await asyncio.sleep(0.05)
                assert not task.done()
                release()
                assert await task == Applied()


class locked:
    """The tables, locked by somebody else until ``release`` is called, or the end."""

    def __init__(self, url: sa.URL) -> None:
        self._engine = SqlAlchemyStore(url).engine
        self._connection = self._engine.connect()

    def __enter__(self) -> Callable[[], None]:
        match self._engine.dialect.name:
            case "sqlite":
                self._connection.exec_driver_sql("BEGIN IMMEDIATE")
            case "postgresql":
                self._connection.exec_driver_sql("LOCK TABLE medsched_record")
            case _:
                self._connection.exec_driver_sql("LOCK TABLES medsched_record WRITE")
        return self._release

    def _release(self) -> None:
        self._connection.rollback()
        if self._engine.dialect.name == "mariadb":
            self._connection.exec_driver_sql("UNLOCK TABLES")

    def __exit__(self, *_: object) -> None:
        self._release()
        self._connection.close()
        self._engine.dispose()


class TestCancelling:
    @on_a_loop
    async def test_a_write_that_waits(self, url: sa.URL) -> None:
        async with opened(url) as store:
            with locked(url) as release:
                task = asyncio.create_task(call(store.apply, patient()))
                await until(lambda: out(store) == 1)
                await asyncio.sleep(0.05)
                task.cancel()
                if url.drivername == "sqlite":  # its thread cannot be called back
                    await asyncio.sleep(0.05)
                    release()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert out(store) == 0
            assert await call(store.get, "p", Patient, "ada") is None
            assert await call(events, store, "p") == []
            assert await call(store.apply, patient()) == Applied()

    @on_a_loop
    async def test_at_every_statement_of_a_write(self, url: sa.URL) -> None:
        """Nothing is written before the commit; what is cancelled in it comes through whole."""
        async with opened(url) as store:
            left, cancelled, version = [0], 0, 0

            @sa.event.listens_for(store.engine, "before_cursor_execute")
            @sa.event.listens_for(store.engine, "commit")
            def cancel(*_: object) -> None:
                left[0] -= 1
                task = asyncio.current_task()
                if left[0] == 0 and task is not None:
                    task.cancel()

            while left[0] <= 0:
                cancelled += 1
                left[0] = cancelled
                task = asyncio.create_task(call(store.apply, patient(version + 1)))
                with suppress(asyncio.CancelledError):
                    assert await task == Applied()
                last, left[0] = left[0], -1000
                assert out(store) == 0
                found = await call(store.get, "p", Patient, "ada")
                stored = 0 if found is None else found.version
                told = await call(events, store, "p")
                assert [one.version for one in told] == list(range(1, stored + 1))
                assert stored in (version, version + 1)
                version = stored
                left[0] = last
            assert cancelled > 5, "no statement was met"
            assert version >= 1

    @on_a_loop
    async def test_at_every_statement_of_a_reader(self, url: sa.URL) -> None:
        async with opened(url) as store:
            await call(store.apply, patient())
            left, cancelled = [0], 0

            @sa.event.listens_for(store.engine, "before_cursor_execute")
            def cancel(*_: object) -> None:
                left[0] -= 1
                task = asyncio.current_task()
                if left[0] == 0 and task is not None:
                    task.cancel()

            while left[0] <= 0:
                cancelled += 1
                left[0] = cancelled
                where = {"phone": ""}  # looked for in a transaction
                page = call(store.page, "p", Patient, active=True, where=where, after=None, limit=9)
                with suppress(asyncio.CancelledError):
                    assert len(await asyncio.create_task(page)) == 1
                assert out(store) == 0
            assert cancelled > 1, "no statement was met"

    @on_a_loop
    async def test_at_any_moment(self, url: sa.URL) -> None:
        """In a queue for a connection, on the way to one, while it is put back."""
        random = Random(1)
        async with opened(url) as store:
            clinic = practice(store)
            for round_ in range(8):
                tasks = {
                    f"p{round_}-{number:02}": asyncio.create_task(
                        call(clinic.providers.create, id=f"p{round_}-{number:02}", timezone="UTC")
                    )
                    for number in range(30)
                }
                waiting = list(tasks.values())
                random.shuffle(waiting)
                for task in waiting[:20]:
                    await asyncio.sleep(random.uniform(0, 0.004))
                    task.cancel()
                for id, result in zip(
                    tasks, await asyncio.gather(*waiting, return_exceptions=True), strict=True
                ):
                    if not isinstance(result, asyncio.CancelledError):
                        assert isinstance(result, Provider), (id, result)
                assert out(store) == 0
                stored = {one.id for one in await call(clinic.providers.list, limit=1000)}
                assert stored == {one.id for one in await call(events, store, "riverside")}
                assert stored >= {one.result().id for one in tasks.values() if not one.cancelled()}

    @on_a_loop
    async def test_for_being_late(self, url: sa.URL) -> None:
        """As hosts do it: a deadline."""
        async with opened(url) as store:
            with locked(url) as release:
                loop = asyncio.get_running_loop()
                loop.call_later(0.2, release)
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(call(store.apply, patient()), 0.1)
                assert out(store) == 0
            assert await call(store.get, "p", Patient, "ada") is None


class TestErrors:
    """The codes of the async drivers are those of the others."""

    @on_a_loop
    async def test_what_a_database_refuses(self, url: sa.URL) -> None:
        insert = "INSERT INTO medsched_version (component, version) VALUES "
        statements = [
            f"{insert} ('a', 1), ('a', 2)",
            f"{insert} ('a', NULL)",
            "SELECT nothing FROM medsched_nothing",
            "SELECT nothing FROM medsched_version",
            "SELEKT",
        ]

        def codes(store: SqlAlchemyStore) -> list[str]:
            return [refused(store.engine, statement) for statement in statements]

        sync = SqlAlchemyStore(url)
        expected = codes(sync)
        sync.engine.dispose()
        async with opened(url) as store:
            assert await call(codes, store) == expected
        assert any(code[-1].isdigit() for code in expected)

    @on_a_loop
    async def test_a_rival_who_does_not_let_go(self, url: sa.URL) -> None:
        """Stale, by the code of a lock that is not given: the world may have moved."""

        def codes(engine: sa.Engine) -> str:
            match engine.dialect.name:
                case "sqlite":
                    return refused(engine, "PRAGMA busy_timeout = 0", "BEGIN IMMEDIATE")
                case "postgresql":
                    read = "SELECT * FROM medsched_record"
                    return refused(engine, "SET LOCAL lock_timeout = 10", read)
                case _:
                    read = "SELECT * FROM medsched_record"
                    return refused(engine, "SET SESSION lock_wait_timeout = 0", read)

        sync = SqlAlchemyStore(url)
        async with opened(url) as store:
            with locked(url):
                expected = codes(sync.engine)
                assert await call(codes, store.engine) == expected
        sync.engine.dispose()
        assert expected[-1].isdigit()

    @pytest.mark.parametrize("kind", SERVERS)
    @on_a_loop
    async def test_a_server_that_is_not_there(self, kind: str) -> None:
        if (why := missing(kind)) is not None:
            pytest.skip(why)
        pytest.importorskip(MODULES[kind], reason=f"{MODULES[kind]} (extra async) is missing")
        async with opened(f"{kind}://u:secret@127.0.0.1:1/x") as store:
            for _ in range(2):
                with pytest.raises(StorageError, match="no connection") as caught:
                    await call(store.get, "p", Patient, "ada")
                assert "secret" not in str(caught.value)
                with pytest.raises(StorageError, match="no connection"):
                    await call(store.apply, patient())

    @on_a_loop
    async def test_a_password_that_is_wrong(self, databases: Databases) -> None:
        url = url_for(databases, "mariadb").set(username="nobody", password="secret")
        async with opened(url) as store:
            with pytest.raises(StorageError, match="1045: user or password"):
                await call(store.apply, patient())

    @on_a_loop
    async def test_a_file_that_cannot_be_opened(self, tmp_path: Path) -> None:
        pytest.importorskip("aiosqlite", reason="aiosqlite (extra async) is not installed")
        async with opened(f"sqlite:///{tmp_path}/nowhere/clinic.db") as store:
            with pytest.raises(StorageError, match="cannot open the file"):
                await call(store.apply, patient())

    @on_a_loop
    async def test_tables_that_are_not_there(self, tmp_path: Path) -> None:
        pytest.importorskip("aiosqlite", reason="aiosqlite (extra async) is not installed")
        async with opened(f"sqlite:///{tmp_path}/clinic.db") as store:
            with pytest.raises(SchemaMismatch):
                await call(practice(store).providers.list)
            await call(create, store.engine)
            assert len(await call(practice(store).providers.list)) == 0

    @pytest.mark.parametrize("kind", SERVERS)
    @pytest.mark.parametrize("when", ["before_cursor_execute", "commit"])
    @on_a_loop
    async def test_a_connection_lost(self, databases: Databases, kind: str, when: str) -> None:
        url = url_for(databases, kind)
        plain = databases.another(kind).engine
        async with opened(url) as store:
            left = [1]

            @sa.event.listens_for(store.engine, when)
            def cut(connection: Any, *arguments: Any) -> None:
                statement = str(arguments[1]) if arguments else "COMMIT"
                if left and statement.startswith(("INSERT", "COMMIT")):
                    left.pop()
                    raw = connection.connection.driver_connection
                    pid = raw.info.backend_pid if kind == "postgresql" else raw.thread_id()
                    kill = "SELECT pg_terminate_backend({})" if kind == "postgresql" else "KILL {}"
                    with plain.connect() as other:
                        other.exec_driver_sql(kill.format(pid))

            if when == "commit":  # what became of it is asked, and it is done again
                assert await call(store.apply, patient()) == Applied()
            else:  # nothing of it is left
                assert await call(store.apply, patient()) == Stale()
                assert await call(store.get, "p", Patient, "ada") is None
                assert await call(store.apply, patient()) == Applied()
            assert [one.version for one in await call(events, store, "p")] == [1]

    @on_a_loop
    async def test_what_a_service_raises(self, url: sa.URL) -> None:
        async with opened(url) as store:
            clinic = practice(store)
            smith = await call(clinic.providers.create, id="smith", timezone="UTC")
            await call(clinic.providers.update, attrs.evolve(smith, name="Smith"))
            with pytest.raises(VersionConflict):
                await call(clinic.providers.update, smith)
            with pytest.raises(NotFound):
                await call(clinic.rooms.create, location="nowhere")


def refused(engine: sa.Engine, *statements: str) -> str:
    """The code of the error that the last of these statements ends with."""
    with engine.connect() as connection:
        try:
            for statement in statements:
                connection.exec_driver_sql(statement)
        except sa.exc.DBAPIError as error:
            return code_of(error.orig)
    raise AssertionError(statements)


@on_a_loop
async def test_changes_of_availability_are_followed(url: sa.URL) -> None:
    async with opened(url) as store:
        clinic = practice(store)
        first = await call(clinic.changes)
        await call(clinic.providers.create, id="smith")
        page = await call(clinic.changes, first.next, limit=1)
        assert [str(one.resource) for one in page] == ["provider smith"]
        assert await call(clinic.changes.latest) == page.next
