"""A store on a host's own connection, in the host's own transaction."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from threading import Thread
from typing import Any, cast

import pytest
from tests.databases import ENGINES, Databases

from medsched import (
    AppointmentsStranded,
    AppointmentType,
    AvailabilityRule,
    IdempotencyMismatch,
    InvalidChoice,
    NotFound,
    Override,
    Patient,
    Practice,
    Provider,
    Recurrence,
    Scheduler,
    SchemaMismatch,
    StorageBusy,
    StorageError,
    TransactionLost,
)
from medsched.domain.changes import Applied, Changeset, RowVersion, Stale
from medsched.domain.records import Resource
from medsched.domain.refusals import BookingRefused
from medsched.domain.starts import Start
from medsched.domain.stored import Kind, Ref
from medsched.ports.store import Store
from medsched.testing.contracts.rivals import Rivals
from medsched.testing.contracts.wholeness import Wholeness
from medsched.testing.fixed import FixedClock

pytest.importorskip("sqlalchemy", reason="the extra sqlalchemy is not installed")

import sqlalchemy as sa
from sqlalchemy.orm import Session
from tests.adapters.hosts import HOSTS, DjangoHost, DriverHost, Host, connected, hosted

from medsched.adapters.sqlalchemy import SqlAlchemyStore, create
from medsched.adapters.sqlalchemy.schema import tables

NOW = datetime(2026, 1, 5, tzinfo=UTC)
NINE = datetime(2026, 1, 7, 9, tzinfo=UTC)
HALF_AN_HOUR = timedelta(minutes=30)
LOCKS = tuple(
    "UPDATE medsched_record SET touched = 1"
    f" WHERE practice = 'riverside' AND kind = 'patient' AND id = '{id}'"
    for id in ("ada", "bob")
)


@pytest.fixture(params=ENGINES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest, databases: Databases, kind: str) -> Iterator[Host]:
    """A host of each sort, in whose database a clinic is open."""
    with hosted(databases, kind, request.param) as host:
        open_clinic(host)
        yield host


@pytest.fixture
def one(databases: Databases, kind: str) -> Iterator[Host]:
    """A host that uses SQLAlchemy."""
    with hosted(databases, kind, "sqlalchemy") as host:
        open_clinic(host)
        yield host


def practice(store: Store) -> Practice:
    return Scheduler(store, clock=FixedClock(NOW)).practice("riverside")


def own(host: Host) -> Practice:
    """What everybody else sees."""
    return practice(SqlAlchemyStore(host.engine))


def open_clinic(host: Host) -> None:
    own(host).add_all(
        [
            Provider(id="smith", timezone="UTC"),
            Patient(id="ada"),
            Patient(id="bob"),
            AppointmentType(code="visit", duration=HALF_AN_HOUR),
            AvailabilityRule(
                "smith",
                Recurrence.daily(start=date(2026, 1, 1)),
                hours="09:00-12:00",
                id="mornings",
            ),
        ]
    )


def start(minutes: int = 0) -> Start:
    return Start("smith", "visit", NINE + timedelta(minutes=minutes))


def booked(host: Host) -> list[datetime]:
    """The starts of all appointments, which are as many as all else that is kept of them says."""
    clinic = own(host)
    found = [one.start for one in clinic.appointments.list()]
    store = SqlAlchemyStore(host.engine)
    first, last = (int(day.timestamp()) // 86400 for day in (NOW, NOW + timedelta(days=30)))
    smith = Resource("provider", "smith")
    ledger = store.ledger("riverside", [smith], first, last)
    assert sum(bits.bit_count() for bits in ledger.values()) == 30 * len(found)
    assert len(store.claims("riverside", [smith], 0, 60 * 24 * 365 * 100)) == len(found)
    events = [one.event.name for one in clinic.events.after()]
    assert events.count("appointment.booked") == len(found)
    return found


class TestTogether:
    def test_what_the_host_commits_stays(self, host: Host) -> None:
        with host.transaction():
            host.note("before")
            clinic = practice(host.join())
            made = clinic.appointments.book(start(), patient="ada", idempotency_key="k")
            assert clinic.appointments.get(made.id) == made
            host.note("after")
            assert host.notes() == []
            if host.kind != "sqlite":  # where somebody else may read meanwhile
                assert booked(host) == []
        assert host.notes() == ["after", "before"]
        assert booked(host) == [NINE]
        again = own(host).appointments.book(start(), patient="ada", idempotency_key="k")
        assert again == made

    def test_what_the_host_rolls_back_never_was(self, host: Host) -> None:
        class NoMore(Exception):
            pass

        def attempt() -> None:
            with host.transaction():
                host.note("before")
                clinic = practice(host.join())
                clinic.appointments.book(start(), patient="ada", idempotency_key="k")
                clinic.patients.create(id="eve")
                raise NoMore

        with pytest.raises(NoMore):
            attempt()
        assert host.notes() == []
        assert booked(host) == []
        with pytest.raises(NotFound):
            own(host).patients.get("eve")
        made = own(host).appointments.book(start(30), patient="bob", idempotency_key="k")
        assert made.patient == "bob"

    def test_after_a_refusal_the_host_goes_on(self, host: Host) -> None:
        own(host).appointments.book(start(), patient="ada")
        with host.transaction():
            host.note("before")
            clinic = practice(host.join())
            with pytest.raises(BookingRefused) as caught:
                clinic.appointments.book(start(), patient="bob")
            host.note("between")
            made = clinic.appointments.book(caught.value.alternatives[0], patient="bob")
            host.note("after")
        assert made.start == NINE + HALF_AN_HOUR
        assert host.notes() == ["after", "before", "between"]
        assert booked(host) == [NINE, NINE + HALF_AN_HOUR]

    def test_what_the_host_has_not_committed_is_read(self, host: Host) -> None:
        with host.transaction():
            first = practice(host.join())
            first.patients.create(id="eve", name="Eve")
            first.appointments.book(start(), patient="eve")
            second = practice(host.join())
            assert second.patients.get("eve").name == "Eve"
            assert [one.patient for one in second.appointments.list()] == ["eve"]
            with pytest.raises(BookingRefused):
                second.appointments.book(start(), patient="ada")
            second.appointments.cancel(first.appointments.list().items[0])
            second.appointments.book(start(), patient="ada")
        assert {one.patient for one in own(host).appointments.list()} == {"eve", "ada"}

    def test_events_are_followed_together_with_the_hosts_own_rows(self, host: Host) -> None:
        own(host).appointments.book(start(), patient="ada")
        with host.transaction():
            if host.kind == "mariadb":
                host.run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
                host.run("COMMIT")
            clinic = practice(host.join())
            clinic.appointments.book(start(30), patient="bob")
            told = clinic.events.after()
            host.note(str(told[-1].number))
        assert told[-1].number == len(told)
        assert own(host).events.after() == told
        assert host.notes() == [str(len(told))]

    def test_a_schedule_that_changes_within_counts_at_once(self, host: Host) -> None:
        with host.transaction():
            clinic = practice(host.join())
            day = NINE.replace(hour=0)
            assert clinic.availability.slots("smith", "visit", day, day + timedelta(days=1))
            clinic.appointments.book(start(), patient="ada")
            clinic.availability.rules.deactivate("mornings", stranded="keep")
            with pytest.raises(BookingRefused):
                clinic.appointments.book(start(60), patient="bob")
        with host.transaction():
            clinic = practice(host.join())
            assert not clinic.availability.slots("smith", "visit", day, day + timedelta(days=1))

    def test_a_key_is_used_once(self, host: Host) -> None:
        with host.transaction():
            clinic = practice(host.join())
            key: Any = {"idempotency_key": "k"}
            made = clinic.appointments.book(start(), patient="ada", **key)
            assert clinic.appointments.book(start(), patient="ada", **key) == made
            with pytest.raises(IdempotencyMismatch):
                clinic.appointments.book(start(), patient="bob", **key)
            host.note("still there")
        with host.transaction():
            clinic = practice(host.join())
            assert clinic.appointments.book(start(), patient="ada", **key) == made
            with pytest.raises(IdempotencyMismatch):
                clinic.appointments.book(start(30), patient="ada", **key)
        assert host.notes() == ["still there"]
        assert booked(host) == [NINE]

    def test_what_comes_too_late_is_busy_at_once(self, host: Host) -> None:
        stale = Changeset(
            practice="riverside",
            writes=(Patient(id="eve", version=1),),
            guards=frozenset({RowVersion(Ref(Kind.PATIENT, "ada"), 7)}),
        )

        class Behind(SqlAlchemyStore):
            def get_many(self, *args: Any) -> Any:
                found = dict(super().get_many(*args))
                return {ref: one for ref, one in found.items() if ref.id != "ada"}

        with host.transaction():
            host.note("before")
            store = host.join()
            assert store.retries == 0
            assert store.apply(stale) == Stale()
            assert store.get("riverside", Patient, "eve") is None
            store.__class__ = Behind  # it does not see what is there
            with pytest.raises(StorageBusy) as caught:
                practice(store).patients.create(id="ada")
            assert caught.value.tries == 1
            host.note("after")
        assert host.notes() == ["after", "before"]

    def test_without_a_transaction_nothing_is_done(self, host: Host) -> None:
        with host.without_transaction():
            clinic = practice(host.join())
            for attempt in (
                lambda: clinic.appointments.book(start(), patient="ada"),
                clinic.patients.list,
                lambda: clinic.patients.create(id="eve"),
            ):
                with pytest.raises(InvalidChoice, match="begin a transaction") as caught:
                    attempt()
                assert caught.value.field == "connection"
            host.note("by itself")
        assert host.notes() == ["by itself"]
        assert booked(host) == []

    @pytest.mark.parametrize("host", ["driver"], indirect=True)
    def test_a_transaction_begun_by_hand(self, host: Host) -> None:
        """In autocommit mode too, where the host says BEGIN itself."""
        with host.without_transaction():
            host.run("BEGIN")
            host.note("noted")
            practice(host.join()).appointments.book(start(), patient="ada")
            host.run("ROLLBACK")
            assert booked(host) == []
            host.run("BEGIN")
            practice(host.join()).appointments.book(start(), patient="ada")
            host.run("COMMIT")
            with pytest.raises(InvalidChoice):
                practice(host.join()).patients.list()
        assert booked(host) == [NINE]

    def test_a_part_of_the_transaction_is_undone(self, host: Host) -> None:
        with host.transaction():
            practice(host.join()).appointments.book(start(), patient="ada")
            host.run("SAVEPOINT medsched_host")
            practice(host.join()).appointments.book(start(30), patient="bob")
            host.note("undone")
            host.run("ROLLBACK TO SAVEPOINT medsched_host")
            clinic = practice(host.join())
            assert len(clinic.appointments.list().items) == 1
            clinic.appointments.book(start(60), patient="bob")
        assert host.notes() == []
        assert booked(host) == [NINE, NINE + 2 * HALF_AN_HOUR]


class TestLost:
    """What the database ends, the host must begin again; all else it need not."""

    def test_a_failure_leaves_the_transaction_alone(self, host: Host) -> None:
        with host.transaction():
            host.note("before")
            nowhere = host.join(schema=None if host.kind == "sqlite" else "nowhere")
            if host.kind == "sqlite":
                nowhere = SqlAlchemyStore.join(sa.create_engine("sqlite://").connect())
            for attempt in (
                lambda: nowhere.get("riverside", Patient, "ada"),
                lambda: nowhere.apply(
                    Changeset(practice="riverside", writes=(Patient(id="eve", version=1),))
                ),
            ):
                with pytest.raises(SchemaMismatch):
                    attempt()
            host.note("after")
            practice(host.join()).appointments.book(start(), patient="ada")
        assert host.notes() == ["after", "before"]
        assert booked(host) == [NINE]

    @pytest.mark.parametrize("kind", ["mariadb"], indirect=True)
    def test_a_deadlock_on_mariadb(self, host: Host) -> None:
        """It rolls back all of the transaction, and would take what comes next for a new one."""
        with closing(connected(host.engine.url)) as rival:

            def attempt() -> None:
                with host.transaction():
                    host.note("before")
                    with deadlocked(host, rival), pytest.raises(TransactionLost) as caught:
                        practice(host.join()).patients.update(own(host).patients.get("bob"))
                    assert caught.value.code == "1213"
                    assert "roll it back" in str(caught.value)
                    if isinstance(host, DriverHost):  # which cannot be kept from going on
                        raise caught.value
                    host.note("after")

            with pytest.raises(Exception, match=r"(?i)roll|atomic"):
                attempt()
        assert host.notes() == []
        with host.transaction():
            host.note("again")
            practice(host.join()).appointments.book(start(), patient="ada")
        assert host.notes() == ["again"]
        assert booked(host) == [NINE]

    @pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
    @pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
    def test_a_serialization_failure(self, host: Host, level: str) -> None:
        def attempt() -> None:
            with host.transaction():
                host.run(f"SET TRANSACTION ISOLATION LEVEL {level}")
                host.run("SELECT 1 FROM host_notes")
                own(host).appointments.book(start(), patient="bob")
                clinic = practice(host.join())
                assert not clinic.appointments.list()
                with pytest.raises(TransactionLost) as caught:
                    clinic.appointments.book(start(), patient="ada")
                assert caught.value.code == "40001"
                raise caught.value

        with pytest.raises(TransactionLost):
            attempt()
        assert [one.patient for one in own(host).appointments.list()] == ["bob"]
        with host.transaction():
            host.run(f"SET TRANSACTION ISOLATION LEVEL {level}")
            host.note("again")
            practice(host.join()).appointments.book(start(30), patient="ada")
        assert booked(host) == [NINE, NINE + HALF_AN_HOUR]

    @pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
    @pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
    def test_who_was_booked_since_the_snapshot_is_not_overlooked(
        self, host: Host, level: str
    ) -> None:
        """Hours are not taken away where it cannot be seen who stands in them by then."""
        off = Override.closed("smith", NINE.date())
        with host.transaction():
            host.run(f"SET TRANSACTION ISOLATION LEVEL {level}")
            host.run("SELECT 1 FROM host_notes")
            own(host).appointments.book(start(), patient="bob")
            clinic = practice(host.join())
            for fate in ("refuse", "cancel", "move"):
                with pytest.raises(InvalidChoice, match="READ COMMITTED"):
                    clinic.availability.add(off, stranded=fate)
            host.note("goes on")
        assert host.notes() == ["goes on"]
        with host.transaction(), pytest.raises(AppointmentsStranded):
            practice(host.join()).availability.add(off)
        assert not own(host).availability.overrides.list().items

    @pytest.mark.parametrize("kind", ["mariadb"], indirect=True)
    @pytest.mark.parametrize("strict", [False, True])
    def test_an_old_snapshot_on_mariadb(self, host: Host, strict: bool) -> None:
        """The host's reads show a slot free that a rival has booked since."""

        def attempt() -> None:
            host.run("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            host.run(f"SET SESSION innodb_snapshot_isolation = {int(strict)}")
            host.run("COMMIT")
            host.run("SELECT * FROM medsched_booking")
            host.note("before")
            own(host).appointments.book(start(), patient="bob", idempotency_key="k")
            clinic = practice(host.join())
            assert not clinic.appointments.list()
            with pytest.raises(TransactionLost if strict else StorageBusy):
                clinic.appointments.book(start(), patient="ada")
            if strict:
                raise RuntimeError("roll back")
            with pytest.raises(IdempotencyMismatch):
                clinic.appointments.book(start(60), patient="ada", idempotency_key="k")
            with pytest.raises(InvalidChoice, match="READ COMMITTED"):
                clinic.events.after()
            host.note("after")

        try:
            with host.transaction():
                attempt()
        except RuntimeError:
            assert strict
        assert [one.patient for one in own(host).appointments.list()] == ["bob"]
        assert booked(host) == [NINE]
        assert host.notes() == ([] if strict else ["after", "before"])

    @pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
    def test_an_old_snapshot_on_sqlite(self, host: Host) -> None:
        def attempt() -> None:
            with host.transaction():
                if not isinstance(host, DjangoHost):
                    host.run("BEGIN")
                host.run("SELECT * FROM medsched_booking")
                own(host).appointments.book(start(), patient="bob")
                practice(host.join()).appointments.book(start(), patient="ada")

        with pytest.raises(TransactionLost):
            attempt()
        assert [one.patient for one in own(host).appointments.list()] == ["bob"]

    @pytest.mark.parametrize("kind", ["postgresql", "mariadb"], indirect=True)
    def test_a_connection_that_is_lost(self, host: Host) -> None:
        ask = "SELECT pg_backend_pid()" if host.kind == "postgresql" else "SELECT CONNECTION_ID()"
        kill = "SELECT pg_terminate_backend({})" if host.kind == "postgresql" else "KILL {}"

        def attempt() -> None:
            with host.transaction():
                host.note("before")
                ((number,),) = host.run(ask)
                with host.engine.connect() as other:
                    other.exec_driver_sql(kill.format(number))
                practice(host.join()).appointments.book(start(), patient="ada")

        with pytest.raises(TransactionLost):
            attempt()
        assert host.notes() == []
        assert booked(host) == []
        host.close()
        with host.transaction():
            practice(host.join()).appointments.book(start(), patient="ada")
        assert booked(host) == [NINE]

    @pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
    def test_a_transaction_that_failed_before(self, host: Host) -> None:
        def attempt() -> None:
            with host.transaction():
                with pytest.raises(Exception, match="nowhere"):
                    host.run("SELECT * FROM nowhere")
                practice(host.join()).appointments.book(start(), patient="ada")

        with pytest.raises(TransactionLost):
            attempt()
        assert booked(host) == []

    @pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
    def test_a_deadlock_on_postgresql_is_one_of_the_savepoint(self, host: Host) -> None:
        rival = connected(host.engine.url)
        ada, bob = LOCKS
        with host.transaction():
            host.note("before")
            host.run("SET LOCAL deadlock_timeout = '10ms'")
            host.run(ada)
            rival.execute("SET deadlock_timeout = '1h'")
            rival.execute(bob)
            waits = Thread(target=lambda: rival.execute(ada))
            waits.start()
            while not host.run("SELECT 1 FROM pg_locks WHERE NOT granted"):
                pass
            with pytest.raises(StorageBusy):
                practice(host.join()).patients.update(own(host).patients.get("bob"))
            host.note("after")
        waits.join()
        rival.close()
        assert host.notes() == ["after", "before"]


class TestManners:
    """What a host has set on its connection is neither in the way nor changed."""

    @pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
    def test_sqlite(self, one: Host) -> None:
        url = one.engine.url
        kinds = sqlite3.PARSE_DECLTYPES | sqlite3.PARSE_COLNAMES
        with closing(connected(url, detect_types=kinds, isolation_level="IMMEDIATE")) as host:
            host.row_factory = lambda cursor, row: {"row": row}
            host.create_function("regexp", 2, lambda pattern, text: 7)
            store = SqlAlchemyStore.join_dbapi(host)
            made = practice(store).appointments.book(start(), patient="ada", idempotency_key="k")
            assert host.in_transaction
            assert practice(store).appointments.get(made.id) == made
            assert host.execute("SELECT 'a' REGEXP 'b'").fetchone() == {"row": (7,)}
            assert host.isolation_level == "IMMEDIATE"
            host.commit()
        assert booked(one) == [NINE]

    @pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
    def test_what_a_converter_makes_of_an_instant(self, one: Host) -> None:
        """Of the names that a program has for its converters, ours may be one."""
        converters = dict(sqlite3.converters)
        sqlite3.register_converter("datetime", lambda raw: datetime.fromisoformat(raw.decode()))
        try:
            with closing(connected(one.engine.url, detect_types=sqlite3.PARSE_DECLTYPES)) as host:
                clinic = practice(SqlAlchemyStore.join_dbapi(host))
                made = clinic.appointments.book(start(), patient="ada")
                assert clinic.appointments.get(made.id) == made
                assert clinic.appointments.get(made.id).start.tzinfo is UTC
        finally:
            sqlite3.converters.clear()
            sqlite3.converters.update(converters)

    @pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
    def test_psycopg(self, one: Host) -> None:
        import psycopg
        from psycopg.adapt import Loader
        from psycopg.rows import dict_row
        from psycopg.types.datetime import TimestamptzLoader

        class Chopped(TimestamptzLoader):
            def load(self, data: Any) -> datetime:
                return super().load(data).replace(tzinfo=None)

        class Shouted(Loader):
            def load(self, data: Any) -> str:
                return bytes(data).decode().upper()

        options = {"row_factory": dict_row, "cursor_factory": psycopg.ClientCursor}
        with connected(one.engine.url, **options) as host:
            host.execute("SET TIME ZONE 'Asia/Kolkata'")
            host.adapters.register_loader("timestamptz", Chopped)
            for name in ("text", "varchar"):
                host.adapters.register_loader(name, Shouted)
            store = SqlAlchemyStore.join_dbapi(host)
            for _ in range(3):  # prepared statements, too
                made = practice(store).appointments.book(start(30 * _), patient="ada")
                assert practice(store).appointments.get(made.id) == made
            found = host.execute("SELECT 'a'::text AS b, now() AS c").fetchone()
            assert found["b"] == "A"
            assert found["c"].tzinfo is None
            assert not host._notice_handlers
            host.commit()
        assert len(booked(one)) == 3

    @pytest.mark.parametrize("kind", ["mariadb"], indirect=True)
    def test_pymysql(self, one: Host) -> None:
        """It counts the rows that an UPDATE changed, where medsched needs those it met."""
        from pymysql.cursors import DictCursor  # type: ignore[import-untyped]

        with closing(connected(one.engine.url, cursorclass=DictCursor)) as host:
            clinic = practice(SqlAlchemyStore.join_dbapi(host))
            first = clinic.appointments.book(start(), patient="ada")
            with host.cursor() as cursor:
                assert cursor.execute("UPDATE medsched_claim SET days = days") == 0
            store = SqlAlchemyStore.join_dbapi(host)
            smith = Resource("provider", "smith")
            (claim,) = [one for one in first.claims if one.resource == smith]
            table = tables().claim
            with one.engine.begin() as other:  # a double booking, as only a fault could make one
                other.rollback()
            with host.cursor() as cursor:
                names = ", ".join(column.name for column in table.columns)
                copied = names.replace("token", "'twin'")
                cursor.execute(
                    f"INSERT INTO medsched_claim ({names}) SELECT {copied} FROM medsched_claim"
                )
            changeset = Changeset(practice="riverside", releases=(claim,))
            assert store.apply(changeset) == Applied()  # which leaves the ledger as it is
            host.rollback()

    @pytest.mark.parametrize("zoned", [True, False])
    @pytest.mark.parametrize("host", ["django"], indirect=True)
    def test_django(self, host: Host, zoned: bool) -> None:
        changed = import_module("django.test.utils").override_settings
        host.close()
        with changed(USE_TZ=zoned, TIME_ZONE="America/New_York"):
            vars(host).pop("timezone", None)
            with host.transaction():
                clinic = practice(host.join())
                made = clinic.appointments.book(start(), patient="ada", idempotency_key="k")
                assert clinic.appointments.get(made.id) == made
                ((found,),) = host.run("SELECT start_at FROM medsched_booking")
                assert (found.tzinfo is not None) is (host.kind == "postgresql" and zoned)
            with host.transaction():
                assert practice(host.join()).appointments.get(made.id) == made
            host.close()

    @pytest.mark.parametrize("host", ["django"], indirect=True)
    def test_what_django_wants_rolled_back(self, host: Host) -> None:
        with host.transaction() as connection:
            host.note("before")
            connection.set_rollback(True)
            with pytest.raises(TransactionLost):
                practice(host.join()).appointments.book(start(), patient="ada")
        assert host.notes() == []

    @pytest.mark.parametrize("host", ["django"], indirect=True)
    def test_blocks_within_blocks(self, host: Host) -> None:
        with host.transaction():
            practice(host.join()).appointments.book(start(), patient="ada")
            with pytest.raises(BookingRefused), host.transaction():  # noqa: PT012
                practice(host.join()).appointments.book(start(30), patient="bob")
                practice(host.join()).appointments.book(start(30), patient="bob")
            practice(host.join()).appointments.book(start(60), patient="bob")
        assert booked(host) == [NINE, NINE + 2 * HALF_AN_HOUR]

    def test_a_connection_of_no_known_driver(self) -> None:
        for connection in (object(), "postgresql://", None, sa.create_engine("sqlite://")):
            with pytest.raises(InvalidChoice, match="sqlite3, psycopg, PyMySQL"):
                SqlAlchemyStore.join_dbapi(connection)

    def test_what_is_no_connection_of_sqlalchemys(self, one: Host) -> None:
        wrong: Any
        with Session(one.engine) as session:
            for wrong in (session, one.engine, "sqlite://", None):
                with pytest.raises(InvalidChoice, match="session"):
                    SqlAlchemyStore.join(wrong)

    def test_schemas_that_are_translated(self, one: Host) -> None:
        """SQLAlchemy does so with its own statements, and not with those that are plain text."""
        engine = one.engine.execution_options(schema_translate_map={None: "elsewhere"})
        with pytest.raises(InvalidChoice, match="schema"):
            SqlAlchemyStore(engine)
        with engine.connect() as connection, pytest.raises(InvalidChoice, match="schema"):
            SqlAlchemyStore.join(connection)

    def test_a_closed_connection(self, one: Host) -> None:
        connection = connected(one.engine.url)
        store = SqlAlchemyStore.join_dbapi(connection)
        connection.close()
        attempts: list[Callable[[], object]] = [
            lambda: store.get("riverside", Patient, "ada"),
            lambda: store.apply(Changeset(practice="p", writes=(Patient(id="ada", version=1),))),
            lambda: SqlAlchemyStore.join_dbapi(connection).get("riverside", Patient, "ada"),
        ]
        for attempt in attempts:
            with pytest.raises(StorageError):
                attempt()

    def test_statements_are_compiled_once(self, one: Host) -> None:
        engines = set()
        for _ in range(2):
            with closing(connected(one.engine.url)) as host:
                engines.add(SqlAlchemyStore.join_dbapi(host).engine)
        assert len(engines) == 1
        (engine,) = engines
        assert engine.pool.status() == "NullPool"


class TestSqlAlchemy:
    """Hosts that use SQLAlchemy in other ways."""

    def test_it_begins_as_with_any_statement(self, one: Host) -> None:
        with one.engine.connect() as connection:
            practice(SqlAlchemyStore.join(connection)).appointments.book(start(), patient="ada")
            assert connection.in_transaction()
        assert booked(one) == []
        with one.engine.connect() as connection:
            practice(SqlAlchemyStore.join(connection)).appointments.book(start(), patient="ada")
            connection.commit()
        assert booked(one) == [NINE]

    def test_a_session(self, one: Host) -> None:
        with Session(one.engine) as session, session.begin():
            session.execute(sa.text("INSERT INTO host_notes VALUES ('a')"))
            clinic = practice(SqlAlchemyStore.join(session.connection()))
            clinic.appointments.book(start(), patient="ada")
            with pytest.raises(BookingRefused):
                clinic.appointments.book(start(), patient="bob")
            with session.begin_nested() as nested:
                clinic = practice(SqlAlchemyStore.join(session.connection()))
                clinic.appointments.book(start(30), patient="bob")
                nested.rollback()
        assert one.notes() == ["a"]
        assert booked(one) == [NINE]

    def test_savepoints_of_the_hosts(self, one: Host) -> None:
        with one.engine.begin() as connection:
            for minutes, kept in ((0, True), (30, False), (60, True)):
                nested = connection.begin_nested()
                clinic = practice(SqlAlchemyStore.join(connection))
                clinic.appointments.book(start(minutes), patient="ada")
                with pytest.raises(BookingRefused):
                    clinic.appointments.book(start(minutes), patient="bob")
                nested.commit() if kept else nested.rollback()
        assert booked(one) == [NINE, NINE + 2 * HALF_AN_HOUR]

    @pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
    def test_an_engine_that_begins_by_itself(self, one: Host) -> None:
        """As SQLAlchemy's documentation tells to, for SQLite."""
        engine = sa.create_engine(one.engine.url)

        @sa.event.listens_for(engine, "connect")
        def connect(connection: Any, _: object) -> None:
            connection.isolation_level = None

        @sa.event.listens_for(engine, "begin")
        def begin(connection: Any) -> None:
            connection.exec_driver_sql("BEGIN")

        with engine.connect() as connection:
            practice(SqlAlchemyStore.join(connection)).appointments.book(start(), patient="ada")
            connection.rollback()
            practice(SqlAlchemyStore.join(connection)).appointments.book(start(30), patient="ada")
            connection.commit()
        engine.dispose()
        assert booked(one) == [NINE + HALF_AN_HOUR]

    @pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
    def test_a_database_in_memory(self, one: Host) -> None:
        engine = sa.create_engine("sqlite://")
        create(engine)
        with engine.begin() as connection:
            clinic = practice(SqlAlchemyStore.join(connection))
            clinic.patients.create(id="ada")
            with pytest.raises(NotFound):
                clinic.patients.get("bob")
        with engine.begin() as connection:
            assert practice(SqlAlchemyStore.join(connection)).patients.get("ada").version == 1
        engine.dispose()

    def test_reading_alone_begins_nothing_that_stays(self, one: Host) -> None:
        with one.engine.connect() as connection:
            clinic = practice(SqlAlchemyStore.join(connection))
            assert len(clinic.patients.list()) == 2
            day = NINE.replace(hour=0)
            assert clinic.availability.slots("smith", "visit", day, day + timedelta(days=1))
            own(one).appointments.book(start(), patient="ada")
            connection.rollback()
            assert [one.patient for one in clinic.appointments.list()] == ["ada"]

    def test_an_async_connection(self, one: Host) -> None:
        """In its transaction, through SQLAlchemy's own bridge."""
        pytest.importorskip("greenlet", reason="the extra async is not installed")
        from sqlalchemy.ext.asyncio import create_async_engine

        driver = {"sqlite": "aiosqlite", "postgresql": "psycopg", "mariadb": "aiomysql"}[one.kind]
        pytest.importorskip(driver, reason=f"{driver} (extra async) is not installed")

        def book(connection: sa.Connection, minutes: int) -> None:
            clinic = practice(SqlAlchemyStore.join(connection))
            clinic.appointments.book(start(minutes), patient="ada")

        async def run() -> None:
            engine = create_async_engine(one.engine.url.set(drivername=f"{one.kind}+{driver}"))
            async with engine.connect() as connection:
                await connection.run_sync(book, 0)
                await connection.rollback()
                await connection.run_sync(book, 30)
                with pytest.raises(BookingRefused):
                    await connection.run_sync(book, 30)
                await connection.commit()
                await connection.run_sync(book, 60)
                await connection.rollback()
                alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
                with pytest.raises(InvalidChoice):
                    await alone.run_sync(book, 60)
            await engine.dispose()

        asyncio.run(run())
        assert booked(one) == [NINE + HALF_AN_HOUR]


class TestSnapshots:
    def test_nothing_is_kept_of_what_was_rolled_back(self, host: Host) -> None:
        """Two changes of a schedule get one version, for only one of them was committed."""
        day = NINE.replace(hour=0)

        def slots(clinic: Practice) -> int:
            return len(clinic.availability.slots("smith", "visit", day, day + timedelta(days=1)))

        def rule(id: str, hours: str) -> AvailabilityRule:
            return AvailabilityRule(
                "smith", Recurrence.daily(start=date(2026, 1, 1)), hours=hours, id=id
            )

        everybody = own(host)
        assert slots(everybody) == 6

        def attempt() -> None:
            with host.transaction():
                clinic = practice(host.join())
                clinic.availability.add(rule("afternoons", "13:00-14:00"))
                assert slots(clinic) == 8
                raise RuntimeError

        with pytest.raises(RuntimeError):
            attempt()
        assert slots(everybody) == 6
        with host.transaction():
            clinic = practice(host.join())
            assert slots(clinic) == 6
            clinic.availability.add(rule("evenings", "18:00-20:00"))
            assert slots(clinic) == 10
        assert slots(everybody) == 10


# ------------------------------------------------------------------------ contract


def begin(connection: Any, *, one_state: bool) -> None:
    """Begin a transaction of a host's."""
    level = "REPEATABLE READ" if one_state else "READ COMMITTED"
    if isinstance(connection, sqlite3.Connection):
        connection.execute("BEGIN" if one_state else "BEGIN IMMEDIATE")
        return
    with connection.cursor() as cursor:
        session = "" if hasattr(connection, "pgconn") else "SESSION "
        cursor.execute(f"SET {session}TRANSACTION ISOLATION LEVEL {level}")


class Hosted:
    """A store whose every method runs in a transaction of a host's, which commits it.

    A host begins again when its transaction is lost, and does not otherwise. It reads at a level
    at which a transaction sees one state.
    """

    def __init__(self, engine: sa.Engine, joined: Callable[[Any], SqlAlchemyStore]) -> None:
        self._engine, self._joined = engine, joined
        self._idle = deque[Any]()

    def __getattr__(self, name: str) -> Any:
        method = getattr(SqlAlchemyStore, name)
        if not callable(method):
            return getattr(SqlAlchemyStore(self._engine), name)

        def run(*args: Any, **named: Any) -> Any:
            while True:
                with self._connection() as connection:
                    begin(connection, one_state=name not in ("apply", "number_events"))
                    try:
                        found = method(self._joined(connection), *args, **named)
                    except TransactionLost:
                        connection.rollback()
                        continue
                    connection.commit()
                    return found

        return run

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        connection = self._idle.pop() if self._idle else connected(self._engine.url)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)

    def close(self) -> None:
        for connection in self._idle:
            connection.close()


class TestContract(Wholeness, Rivals):
    """What every store promises of its writes, each call in a transaction of a host's."""

    @pytest.fixture
    def store(self, kind: str, databases: Databases) -> Iterator[Store]:
        databases.store(kind)
        engine = databases.another(kind).engine
        with closing(Hosted(engine, SqlAlchemyStore.join_dbapi)) as store:
            yield cast("Store", store)


@contextmanager
def deadlocked(host: Host, rival: Any) -> Iterator[None]:
    """The host has locked one patient, a rival another; the rival waits, and has done more."""
    ada, bob = LOCKS
    host.run(ada)
    cursor = rival.cursor()
    for number in range(200):
        cursor.execute("INSERT INTO medsched_tally VALUES ('elsewhere', %s, 1)", (str(number),))
    cursor.execute(bob)
    waits = Thread(target=lambda: cursor.execute(ada))
    waits.start()
    query = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
    with host.engine.connect() as connection:
        for _ in range(100):
            if connection.exec_driver_sql(query).scalar():
                break
            connection.rollback()
            time.sleep(0.15)  # asked more often, the table shows what it showed before
    try:
        yield
    finally:
        waits.join()
        rival.rollback()
