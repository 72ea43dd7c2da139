"""What becomes of a command when the line to the database, or its disk, fails it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from tests.adapters.proxy import COMMIT, Proxy
from tests.databases import Databases, missing

from medsched import (
    AppointmentType,
    AvailabilityRule,
    MedschedError,
    OutcomeUnknown,
    Patient,
    Practice,
    Provider,
    Recurrence,
    Scheduler,
    StorageBusy,
    StorageError,
)
from medsched.domain.appointments import Appointment, AppointmentStatus
from medsched.domain.changes import Applied, Changeset, RowVersion, Stale, Tally
from medsched.domain.events import Change, Event
from medsched.domain.records import Resource
from medsched.domain.refusals import BookingRefused
from medsched.domain.starts import Start
from medsched.domain.stored import Kind, Ref
from medsched.ports.pauses import Pauses
from medsched.ports.store import Store
from medsched.testing.fixed import FixedClock

pytest.importorskip("sqlalchemy", reason="the extra sqlalchemy is not installed")

import sqlalchemy as sa

from medsched.adapters.sqlalchemy import SqlAlchemyStore, connections, create

SERVERS: Final = ("postgresql", "mariadb")
NOW: Final = datetime(2026, 1, 5, tzinfo=UTC)
NINE: Final = datetime(2026, 1, 7, 9, tzinfo=UTC)
SLOT: Final = Start("smith", "visit", NINE)
LATER: Final = Start("smith", "visit", NINE + timedelta(minutes=30))
SMITH: Final = Resource("provider", "smith")
HOWS: Final = ("before", "after", "flight", "late")
"""How a line is cut: see `Proxy.arm`."""
BOOKING: Final = {
    # One statement that is a transaction by itself.
    "postgresql": rb"INSERT INTO medsched_receipt",
    "mariadb": COMMIT,
}
"""What makes a booking stay."""


class Far:
    """A database behind a proxy, and the same one without."""

    def __init__(self, proxy: Proxy, near: sa.Engine, engine: sa.Engine, kind: str) -> None:
        self.proxy, self.near, self.kind = proxy, near, kind
        self.store = SqlAlchemyStore(engine)
        self.clinic = practice(self.store)

    def arm(self, how: str, mark: bytes = COMMIT, **options: Any) -> None:
        self.proxy.arm(mark, how, **options)


def practice(store: Store) -> Practice:
    return Scheduler(store, clock=FixedClock(NOW)).practice("riverside")


@pytest.fixture(params=SERVERS)
def kind(request: pytest.FixtureRequest) -> str:
    if (why := missing(request.param)) is not None:
        pytest.skip(why)
    return str(request.param)


@pytest.fixture(params=["own engine", "host's engine"])
def far(request: pytest.FixtureRequest, databases: Databases, kind: str) -> Iterator[Far]:
    """A clinic far away, through an engine made here or one of a host's."""
    databases.store(kind)
    near = databases.another(kind).engine
    open_clinic(near)
    with behind(near) as (proxy, url):
        engine = sa.create_engine(url)
        if request.param == "own engine":
            engine = SqlAlchemyStore(url).engine
        yield Far(proxy, near, engine, kind)
        engine.dispose()
    databases.check_returned(kind)


@contextmanager
def behind(near: sa.Engine) -> Iterator[tuple[Proxy, sa.URL]]:
    """A proxy before a server, and the URL that goes through it."""
    url = near.url
    folder = url.query.get("host")

    def connect() -> socket.socket:
        if folder is None:
            return socket.create_connection((url.host or "127.0.0.1", url.port or 0))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{folder}/.s.PGSQL.5432")
        return server

    with Proxy(connect) as proxy:
        if folder is not None:
            url = url.set(query={"sslmode": "disable", "gssencmode": "disable"})
        yield proxy, url.set(host="127.0.0.1", port=proxy.port)


def open_clinic(engine: sa.Engine) -> None:
    practice(SqlAlchemyStore(engine)).add_all(
        [
            Provider(id="smith", timezone="UTC"),
            Patient(id="ada"),
            Patient(id="bob"),
            AppointmentType(code="visit", duration=timedelta(minutes=30)),
            AvailabilityRule(
                "smith", Recurrence.daily(start=date(2026, 1, 1)), hours="09:00-12:00", id="week"
            ),
        ]
    )


def pausing(far: Far, pauses: Pauses) -> SqlAlchemyStore:
    """A store that does something while it waits."""
    surroundings = attrs.evolve(far.store.surroundings, pauses=pauses)
    return SqlAlchemyStore(far.store.engine, surroundings=surroundings)


def settled(engine: sa.Engine, *, booked: int) -> Practice:
    """The clinic as it is; everything that is kept of a booking is there once for each."""
    clinic, store = practice(SqlAlchemyStore(engine)), SqlAlchemyStore(engine)
    day = int(NINE.timestamp()) // 86400
    found = [one for one in clinic.appointments.list() if one.status is AppointmentStatus.BOOKED]
    ledger = store.ledger("riverside", [SMITH], day - 30, day + 30)
    claims = store.claims("riverside", [SMITH], (day - 30) * 1440, (day + 30) * 1440)
    names = [one.event.name for one in clinic.events.after()]
    assert len(found) == len(claims) == booked
    assert sum(bits.bit_count() for bits in ledger.values()) == 30 * booked
    assert names.count("appointment.booked") == booked + names.count("appointment.cancelled")
    return clinic


class TestBooking:
    @pytest.mark.parametrize("key", [None, "k"])
    @pytest.mark.parametrize("how", HOWS)
    def test_is_done_once_and_told(self, far: Far, how: str, key: str | None) -> None:
        far.arm(how, BOOKING[far.kind])
        made = far.clinic.appointments.book(SLOT, patient="ada", idempotency_key=key)
        assert far.proxy.cuts == 1
        clinic = settled(far.near, booked=1)
        assert list(clinic.appointments.list()) == [made]
        if key is not None:
            again = far.clinic.appointments.book(SLOT, patient="ada", idempotency_key=key)
            assert again == made
            settled(far.near, booked=1)

    @pytest.mark.parametrize("key", [None, "k"])
    @pytest.mark.parametrize("mark", [rb"SELECT", rb"INSERT +INTO medsched_booking"])
    def test_what_was_lost_before_is_tried_again(
        self, far: Far, mark: bytes, key: str | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of PostgreSQL's one statement, before and in the commit are the same."""
        far.clinic.patients.list()
        if mark == rb"SELECT":
            monkeypatch.setattr(connections, "_IDLE", 0.0)
            far.proxy.cut()  # while nothing is going on
        else:
            far.arm("after", mark)
        made = far.clinic.appointments.book(SLOT, patient="ada", idempotency_key=key)
        assert far.proxy.cuts == (mark != rb"SELECT")
        assert list(settled(far.near, booked=1).appointments.list()) == [made]

    @pytest.mark.parametrize("how", HOWS)
    def test_is_unknown_while_the_server_stays_away(self, far: Far, how: str) -> None:
        far.arm(how, BOOKING[far.kind], away=True)
        with pytest.raises(OutcomeUnknown, match="idempotency key"):
            far.clinic.appointments.book(SLOT, patient="ada", idempotency_key="k")
        assert far.proxy.cuts == 1
        far.proxy.away = False
        made = far.clinic.appointments.book(SLOT, patient="ada", idempotency_key="k")
        assert list(settled(far.near, booked=1).appointments.list()) == [made]

    @pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
    @pytest.mark.parametrize("key", [None, "k"])
    def test_what_is_still_being_committed_is_waited_for(self, far: Far, key: str | None) -> None:
        """Nobody sees it yet when it is asked for."""
        with _in_the_commit(far.near, "PERFORM pg_sleep(0.5)"):
            far.arm("flight", BOOKING[far.kind])
            made = far.clinic.appointments.book(SLOT, patient="ada", idempotency_key=key)
            moved = far.clinic.appointments.reschedule(made, LATER)
            far.arm("flight")
            far.clinic.appointments.cancel(moved)
            assert far.proxy.cuts == 1
        settled(far.near, booked=0)

    def test_a_line_that_fails_each_time_leaves_it_unknown(self, far: Far) -> None:
        far.arm("before", BOOKING[far.kind], times=99)
        with pytest.raises(OutcomeUnknown, match="again and again"):
            far.clinic.appointments.book(SLOT, patient="ada")
        assert far.proxy.cuts == 5
        settled(far.near, booked=0)

    def test_it_is_refused_if_another_came_in_between(self, far: Far) -> None:
        """The commit was lost on its way there, and the slot with it."""
        taken: list[Appointment] = []

        class Between:
            def pause(self, tries: int) -> None:
                if not taken:
                    near = practice(SqlAlchemyStore(far.near)).appointments
                    taken.append(near.book(SLOT, patient="bob"))

        store = pausing(far, Between())
        far.arm("before", BOOKING[far.kind])
        with pytest.raises(BookingRefused):
            practice(store).appointments.book(SLOT, patient="ada")
        assert list(settled(far.near, booked=1).appointments.list()) == taken

    def test_a_retry_that_is_cut_too_proves_nothing(self, far: Far) -> None:
        """The first commit is still on its way then, and arrives after all."""
        again = []

        class Cutting:
            def pause(self, tries: int) -> None:
                again.append(tries)
                if len(again) == 1:
                    far.arm("before", b"medsched_record")

        far.arm("late")
        made = practice(pausing(far, Cutting())).patients.create(id="eve")
        assert len(again) == 2
        assert far.proxy.cuts == 1
        assert practice(SqlAlchemyStore(far.near)).patients.get("eve") == made

    def test_a_retry_that_cannot_reach_the_server_leaves_it_unknown(self, far: Far) -> None:
        """It was asked about and not there; it may come as long as nothing has come after it."""

        class Cutting:
            def pause(self, tries: int) -> None:
                far.proxy.away = True
                far.proxy.cut()

        store = pausing(far, Cutting())
        far.arm("before", BOOKING[far.kind])
        with pytest.raises(OutcomeUnknown):
            practice(store).appointments.book(SLOT, patient="ada")


class TestOtherCommands:
    """They commit in a transaction of several statements, on every database."""

    @pytest.mark.parametrize("how", HOWS)
    def test_cancelling(self, far: Far, how: str) -> None:
        made = practice(SqlAlchemyStore(far.near)).appointments.book(SLOT, patient="ada")
        far.arm(how)
        cancelled = far.clinic.appointments.cancel(made)
        assert far.proxy.cuts == 1
        assert cancelled.version == 2
        assert settled(far.near, booked=0).appointments.get(made.id) == cancelled

    @pytest.mark.parametrize("how", HOWS)
    def test_moving(self, far: Far, how: str) -> None:
        near = practice(SqlAlchemyStore(far.near)).appointments
        made = near.book(SLOT, patient="ada")
        far.arm(how)
        moved = far.clinic.appointments.reschedule(made, LATER)
        assert far.proxy.cuts == 1
        assert len(moved.moves) == 1
        assert list(settled(far.near, booked=1).appointments.list()) == [moved]

    @pytest.mark.parametrize("how", HOWS)
    def test_counting(self, far: Far, how: str) -> None:
        """A count would go up twice, and only its event tells."""
        event = Event.of(Change.UPDATED, Patient(id="ada", version=1))
        counted = Changeset(practice="riverside", tallies=(Tally("n", 1),), events=(event,))
        far.arm(how)
        assert far.store.apply(counted) == Applied()
        assert far.proxy.cuts == 1
        assert far.store.tallies("riverside", ["n"]) == {"n": 1}

    @pytest.mark.parametrize("how", HOWS)
    def test_what_leaves_no_trace_is_unknown(self, far: Far, how: str) -> None:
        far.arm(how)
        with pytest.raises(OutcomeUnknown):
            far.store.apply(Changeset(practice="riverside", tallies=(Tally("n", 1),)))
        assert far.proxy.cuts == 1

    @pytest.mark.parametrize("how", HOWS)
    def test_numbering_events(self, far: Far, how: str) -> None:
        far.arm(how)
        told = far.clinic.events.after()
        assert far.proxy.cuts == 1
        assert [one.number for one in told] == list(range(1, len(told) + 1))
        assert practice(SqlAlchemyStore(far.near)).events.after() == told

    def test_forgetting_receipts(self, far: Far) -> None:
        far.arm("after")
        with pytest.raises(OutcomeUnknown):
            far.store.forget_receipts("riverside", NOW)


class TestAnswered:
    """The database itself says that the commit failed: nothing about that is unknown."""

    @pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
    @pytest.mark.parametrize("code", ["40001", "23514"])
    def test_on_postgresql(self, databases: Databases, kind: str, code: str) -> None:
        """A constraint that is looked at in the commit."""
        databases.store(kind)
        engine = databases.another(kind).engine
        open_clinic(engine)
        with _in_the_commit(engine, f"RAISE 'no' USING ERRCODE = '{code}'"):
            store = SqlAlchemyStore(engine)
            event = Event.of(Change.CREATED, Patient(id="eve", version=1))
            eve = Changeset(
                practice="riverside", writes=(Patient(id="eve", version=1),), events=(event,)
            )
            if code == "40001":
                assert store.apply(eve) == Stale()
                with pytest.raises(StorageBusy):
                    practice(store).appointments.book(SLOT, patient="ada")
            else:
                with pytest.raises(StorageError, match=code) as caught:
                    store.apply(eve)
                assert not isinstance(caught.value, OutcomeUnknown)
                with pytest.raises(StorageError, match=code):
                    practice(store).appointments.book(SLOT, patient="ada")
        settled(engine, booked=0)
        assert store.get("riverside", Patient, "eve") is None
        assert store.apply(eve) == Applied()

    @pytest.mark.parametrize("kind", ["mariadb"], indirect=True)
    def test_a_deadlock_in_the_commit(self, far: Far) -> None:
        """As on a Galera cluster, when another server was first."""
        far.arm("deadlock")
        event = Event.of(Change.UPDATED, Patient(id="ada", version=1))
        counted = Changeset(practice="riverside", tallies=(Tally("n", 1),), events=(event,))
        assert far.store.apply(counted) == Stale()
        assert far.store.tallies("riverside", ["n"]) == {"n": 0}
        far.arm("deadlock", times=2)
        made = far.clinic.appointments.book(SLOT, patient="ada")
        assert far.proxy.cuts == 2
        assert list(settled(far.near, booked=1).appointments.list()) == [made]


@contextmanager
def _in_the_commit(engine: sa.Engine, said: str) -> Iterator[None]:
    """PostgreSQL does this in the COMMIT of whatever writes an event."""
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN {said}; RETURN NULL; END $$"
        )
        connection.exec_driver_sql(
            "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON medsched_event"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late()"
        )
    try:
        yield
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP FUNCTION late CASCADE")


def _commit_read(raw: Any, _: object) -> None:
    with raw.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")


class TestHostsEngine:
    def test_one_that_commits_each_statement(self, databases: Databases, kind: str) -> None:
        databases.store(kind)
        near = databases.another(kind).engine
        open_clinic(near)
        engine = sa.create_engine(near.url, isolation_level="AUTOCOMMIT")
        store = SqlAlchemyStore(engine)
        gone = RowVersion(Ref(Kind.PATIENT, "bob"), 7)  # found out after the tally is counted
        counted = Changeset(practice="riverside", tallies=(Tally("n", 1),), removals=(gone,))
        assert store.apply(counted) == Stale()
        assert store.tallies("riverside", ["n"]) == {"n": 0}
        practice(store).appointments.book(SLOT, patient="ada")
        with engine.connect() as connection:
            raw: Any = connection.connection.dbapi_connection
            assert raw.autocommit if kind == "postgresql" else raw.get_autocommit()
        engine.dispose()
        settled(near, booked=1)

    def test_engines_of_one_pool_that_differ_in_that(self, databases: Databases, kind: str) -> None:
        databases.store(kind)
        near = databases.another(kind).engine
        open_clinic(near)
        whole = sa.create_engine(near.url, isolation_level="READ COMMITTED", pool_size=1)
        alone = whole.execution_options(isolation_level="AUTOCOMMIT")
        gone = RowVersion(Ref(Kind.PATIENT, "bob"), 7)
        counted = Changeset(practice="riverside", tallies=(Tally("n", 1),), removals=(gone,))
        for engine in (whole, alone, whole):
            store = SqlAlchemyStore(engine)
            assert store.apply(counted) == Stale()
            assert store.tallies("riverside", ["n"]) == {"n": 0}
        whole.dispose()

    @pytest.mark.parametrize("how", ["READ COMMITTED", "REPEATABLE READ", "AUTOCOMMIT"])
    def test_the_level_is_set_where_the_pool_has_another(
        self, databases: Databases, kind: str, how: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if kind != "mariadb":
            pytest.skip("to set it costs nothing")
        databases.store(kind)
        engine = sa.create_engine(databases.another(kind).engine.url, isolation_level=how)
        # What commits each statement has a level as well, and it may be the one that is wanted.
        sa.event.listen(engine, "connect", _commit_read, insert=True)
        used = connections.Connections(engine, own=False)
        with engine.connect():
            pass
        levels = list[str]()
        set_level = engine.dialect.set_isolation_level

        def counted(raw: Any, level: Any) -> None:
            levels.append(level)
            set_level(raw, level)

        monkeypatch.setattr(engine.dialect, "set_isolation_level", counted)
        for _ in range(2):
            with used.writing("look") as connection:
                asked = "SELECT @@autocommit, @@tx_isolation"
                assert connection.exec_driver_sql(asked).one() == (0, "READ-COMMITTED")
        assert levels == ([] if how == "READ COMMITTED" else ["READ COMMITTED", how] * 2)
        engine.dispose()

    def test_lines_that_are_cut_at_any_statement(self, far: Far) -> None:
        """Whatever fails first, even setting the isolation level, is an error of this library's."""
        cuts = 0
        for mark in (b"SET SESSION", b"BEGIN", b"SELECT", b"INSERT", b"ROLLBACK", b"VERSION"):
            for how in ("before", "after"):
                far.arm(how, mark, times=99)
                with suppress(MedschedError):
                    far.clinic.patients.create(id=f"eve-{mark.decode().lower()}-{how}")
                cuts += far.proxy.cuts
        assert cuts > 10
        far.arm("", b"")
        assert far.clinic.patients.create(id="eve").version == 1


class TestSqlite:
    def test_an_engine_that_commits_each_statement(self, tmp_path: Path) -> None:
        engine = sa.create_engine(f"sqlite:///{tmp_path}/clinic.db", isolation_level="AUTOCOMMIT")
        create(engine)
        open_clinic(engine)
        store = SqlAlchemyStore(engine)
        gone = RowVersion(Ref(Kind.PATIENT, "bob"), 7)
        counted = Changeset(practice="riverside", tallies=(Tally("n", 1),), removals=(gone,))
        assert store.apply(counted) == Stale()
        assert store.tallies("riverside", ["n"]) == {"n": 0}
        practice(store).appointments.book(SLOT, patient="ada")
        settled(engine, booked=1)
        engine.dispose()

    def test_a_disk_error_in_the_commit(self, tmp_path: Path) -> None:
        resource = pytest.importorskip("resource", reason="no limits of file sizes here")
        path = tmp_path / "clinic.db"
        store = SqlAlchemyStore(f"sqlite:///{path}")
        create(store.engine)
        open_clinic(store.engine)
        clinic = practice(store)
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        size = (tmp_path / "clinic.db-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        try:
            with pytest.raises(StorageError) as caught:
                clinic.appointments.book(SLOT, patient="ada")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert not isinstance(caught.value, OutcomeUnknown)
        settled(store.engine, booked=0)
        made = clinic.appointments.book(SLOT, patient="ada")
        assert list(settled(store.engine, booked=1).appointments.list()) == [made]
        store.engine.dispose()

    def test_a_reader_in_the_way_of_the_commit(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/clinic.db"
        engine = sa.create_engine(url, connect_args={"timeout": 0})
        create(engine)
        store = SqlAlchemyStore(engine)
        with engine.connect() as reader:
            reader.exec_driver_sql("BEGIN")
            reader.exec_driver_sql("SELECT * FROM medsched_record").all()
            eve = Changeset(practice="riverside", writes=(Patient(id="eve", version=1),))
            assert store.apply(eve) == Stale()
        assert store.get("riverside", Patient, "eve") is None
        assert store.apply(eve) == Applied()
        engine.dispose()
