"""What a booking costs beside the bare row, and under rivals beside an EXCLUDE constraint.

Per database, the whole command of a booking under an idempotency key, its reads and its decision
with it, and of that what `apply` makes of the changeset alone: key, guards, three resources,
appointment, claims, event. Beside them a bare INSERT and COMMIT of the same appointment row,
through the same SQLAlchemy engine, into a table with nothing but a primary key. One-minute visits
walk the days, so that nothing is refused. The empty commit is told with them: where a flush takes
long, it is the disk that is measured.

Hot: sixteen clients, threads of one process, all want the 24 starts of one provider's day, one
after the other and each at the same moment. So of sixteen attempts at a start one books, and
fifteen are refused; what is told is the time of all sixteen. Ours answer with reasons and the next
free slots. Beside it, the way with a constraint that keeps the ranges of a resource from
overlapping: an appointment, then the rows of provider, room and patient, are inserted in one
transaction, which is tried four times where it comes to a deadlock, with short pauses that are
drawn, and answers with yes or no. Tried without end, all sixteen may keep one another from a start
for ever: of 446 deadlocks, one a second, none let anybody through.

A deadlock takes PostgreSQL a second to find, as it comes. Most starts have none, and some have one
after the other until all sixteen are through. So there are two figures: `book_pg_hot` is the ratio
of the sums of all starts, what one costs by and large, and goes on until the other way has taken
two minutes, nearly all of them deadlocks, or for twenty days of starts;
`book_pg_hot_usual` is the median of the starts' own ratios, whatever the few with deadlocks cost.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from random import random
from threading import Barrier, Lock, Thread
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from tests.benchmarks.turns import Result, Turns, Unavailable, Way, calm, rounds_of, seconds
from tests.databases import missing, started

from medsched import (
    AvailabilityRule,
    BookingRefused,
    Need,
    Practice,
    Recurrence,
    Scheduler,
    Start,
)
from medsched.adapters.sqlalchemy import SqlAlchemyStore, create
from medsched.adapters.sqlalchemy.booking_rows import BookingRow, booking_row
from medsched.adapters.sqlalchemy.schema import tables
from medsched.domain.appointments import Appointment
from medsched.domain.changes import Changeset, Outcome
from medsched.testing.fixed import FixedClock

NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE: Final = timedelta(minutes=1)
CLIENTS: Final = 16
EACH: Final = 4
"""How many bookings each of the sixteen clients makes in a round."""
STARTS: Final = 24
"""How many starts of a day all of them want: those of eight hours."""
DAYS_AT_MOST: Final = 20
HOT_WARM: Final = 8
"""How many starts go before."""
TRIES: Final = 4
"""How often the way with a constraint tries, where it comes to a deadlock."""
PAUSE: Final = 0.1
"""The longest pause before it tries again, in seconds."""
DEADLOCK: Final = 1.0
"""A start that takes longer, in seconds, had a deadlock."""
TAKEN: Final = 120.0
"""After so many seconds of the way with a constraint there have been starts enough."""
WARM: Final = 60
"""How many bookings go before: by then the statements are prepared and the pages are there."""


def clinic_of(store: SqlAlchemyStore, practice: str, providers: int) -> Practice:
    """Providers who are always open for visits of a minute, each in a room of their own."""
    clinic = Scheduler(store, clock=FixedClock(NOW)).practice(practice)
    clinic.settings.configure(timezone="UTC", shortest_slot=MINUTE)
    clinic.locations.create(id="main")
    daily = Recurrence.daily(start=date(2026, 1, 1))
    for number in range(providers):
        clinic.rooms.create(id=f"room-{number}", location="main")
        clinic.appointment_types.create(
            code=f"visit-{number}", duration=MINUTE, needs=[Need.room(f"room-{number}")]
        )
        clinic.providers.create(id=f"p{number}", location="main")
        clinic.patients.create(id=f"patient-{number}")
        clinic.availability.add(AvailabilityRule(f"p{number}", daily, hours="00:00-24:00"))
    return clinic


def starts(day: int) -> Iterator[datetime]:
    """Every minute from midnight of a day on."""
    return (NOW + timedelta(days=day) + at * MINUTE for at in count())


class Timed:
    """A store's `apply`, timed each time it is called."""

    def __init__(self, store: SqlAlchemyStore) -> None:
        self.taken: list[float] = []
        self._apply = store.apply
        store.apply = self  # type: ignore[method-assign]

    def __call__(self, changeset: Changeset) -> Outcome:
        began = time.perf_counter()
        outcome = self._apply(changeset)
        self.taken.append(time.perf_counter() - began)
        return outcome


@contextmanager
def engine_on(database: str) -> Iterator[sa.Engine]:
    """An engine on a server of its own, with a connection for each client."""
    if (why := missing(database)) is not None:
        raise Unavailable(why)
    with started(database) as url:
        made = SqlAlchemyStore(url).engine  # for what this library sets up on SQLite
        if database != "sqlite":
            made.dispose()
            options = {"isolation_level": "READ COMMITTED", "hide_parameters": True}
            made = sa.create_engine(url, pool_size=CLIENTS, **options)
        create(made)
        yield made
        made.dispose()


class Bare:
    """What one would write: the row, and a commit."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._table = sa.Table(
            "bare",
            sa.MetaData(),
            sa.Column("practice", sa.String(255)),
            *(
                sa.Column(one.name, one.type, nullable=one.nullable)
                for one in tables().booking.columns
                if one.name in BookingRow._fields
            ),
            sa.PrimaryKeyConstraint("practice", "kind", "id"),
        )
        self._table.metadata.create_all(engine)
        self._insert = sa.insert(self._table)

    def __call__(self, appointment: Appointment) -> None:
        row = {"practice": "x", **booking_row(appointment)._asdict()}
        with self._engine.begin() as connection:
            connection.execute(self._insert, row)

    def empty(self) -> None:
        """A row of nothing but a number, and a commit: what the database takes to flush."""
        with self._engine.begin() as connection:
            connection.exec_driver_sql("UPDATE flushed SET n = n + 1")

    def begin_flushing(self) -> None:
        with self._engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE flushed (n integer)")
            connection.exec_driver_sql("INSERT INTO flushed VALUES (0)")


def settle(engine: sa.Engine) -> None:
    """Let the database write out what it has put off, so that it does not while it is timed."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql("CHECKPOINT")
        elif engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            connection.exec_driver_sql("FLUSH TABLES")


def one_client(engine: sa.Engine, rounds: int, name: str) -> Iterator[Result]:
    """The whole command, and `apply` of it, beside the bare row: operations in turns."""
    store, bare = SqlAlchemyStore(engine), Bare(engine)
    bare.begin_flushing()
    clinic, applied, walk = clinic_of(store, "a", 1), Timed(store), starts(1)
    made: list[Appointment] = []
    whole, flushes = Turns([], []), list[float]()

    def book(number: int) -> None:
        made.append(
            clinic.appointments.book(
                Start("p0", "visit-0", next(walk)),
                patient="patient-0",
                idempotency_key=f"key-{number}",
            )
        )

    with calm():
        for number in range(WARM):
            book(number)
            bare(made[-1])
        settle(engine)
        applied.taken.clear()
        for number in range(WARM, WARM + rounds):
            whole.ours.append(seconds(lambda n=number: book(n)))  # type: ignore[misc]
            whole.baseline.append(seconds(lambda: bare(made[-1])))
            flushes.append(seconds(bare.empty))
    flush = statistics.median(flushes)
    note = f"an empty commit takes {flush * 1e3:.2f} ms"
    yield whole.result(name, note, empty_commit=flush)
    written = Turns(whole.baseline, applied.taken)
    yield written.result(f"{name}_write", "what `apply` makes of it", empty_commit=flush)


def alternately(baseline: Way, ours: Way, rounds: int) -> Turns:
    """Operations in turns, now the one first and now the other: short ones wake the caches."""
    turns = Turns([], [])
    with calm():
        for at in range(-WARM, rounds):
            both = [(turns.baseline, baseline), (turns.ours, ours)]
            for taken, way in both if at % 2 else reversed(both):
                took = seconds(way)
                if at >= 0:
                    taken.append(took)
    return turns


def together(clients: int, work: Callable[[int], object]) -> float:
    """Seconds that some clients take to do their work at the same time, once all of them began."""
    gate = Barrier(clients + 1)

    def run(client: int) -> None:
        gate.wait()
        work(client)

    threads = [Thread(target=run, args=(client,)) for client in range(clients)]
    for one in threads:
        one.start()
    gate.wait()
    began = time.perf_counter()
    for one in threads:
        one.join()
    return time.perf_counter() - began


def sixteen(engine: sa.Engine, rounds: int) -> Result:
    """The whole command of sixteen clients, each with a provider of its own, round by round."""
    store, bare = SqlAlchemyStore(engine), Bare(engine)
    clinic = clinic_of(store, "c", CLIENTS)
    walks = [starts(1) for _ in range(CLIENTS)]
    made: list[list[Appointment]] = [[] for _ in range(CLIENTS)]
    turns = Turns([], [])

    def book(who: int) -> None:
        made[who].clear()
        for _ in range(EACH):
            at = next(walks[who])
            start = Start(f"p{who}", f"visit-{who}", at)
            made[who].append(
                clinic.appointments.book(
                    start, patient=f"patient-{who}", idempotency_key=f"{who} {at}"
                )
            )

    def insert(who: int) -> None:
        for one in made[who]:
            bare(one)

    with calm():
        for number in range(rounds + 5):
            if number == 5:
                settle(engine)
            ours, plain = together(CLIENTS, book), together(CLIENTS, insert)
            if number >= 5:
                turns.ours.append(ours / (CLIENTS * EACH))
                turns.baseline.append(plain / (CLIENTS * EACH))
    return turns.result("book_pg_16", f"{CLIENTS} clients in one process, with a provider each")


# ------------------------------------------------------------------- one provider-day


class Constrained:
    """Bookings that a constraint keeps apart."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self.deadlocks, self._lock = 0, Lock()
        with engine.begin() as connection:
            # A resource is a range of one number: to compare texts there needs an extension.
            connection.exec_driver_sql(
                "CREATE TABLE visit (id bigserial PRIMARY KEY, at timestamptz NOT NULL)"
            )
            connection.exec_driver_sql(
                "CREATE TABLE reserved (id bigserial PRIMARY KEY, resource int4range NOT NULL,"
                " during tstzrange NOT NULL,"
                " EXCLUDE USING gist (resource WITH &&, during WITH &&))"
            )

    _VISIT: Final = sa.text("INSERT INTO visit (at) VALUES (:at)")
    _INSERT: Final = sa.text(
        "INSERT INTO reserved (resource, during) VALUES (int4range(:who, :who + 1),"
        " tstzrange(:at, CAST(:at AS timestamptz) + interval '1 minute'))"
    )

    def book(self, at: datetime, patient: int) -> bool:
        """Whether a start of the provider was booked; else others have it, or are in the way."""
        rows = [{"who": who, "at": at} for who in (1, 2, 1000 + patient)]
        for _ in range(TRIES):
            try:
                with self._engine.begin() as connection:
                    connection.execute(self._VISIT, {"at": at})
                    for row in rows:
                        connection.execute(self._INSERT, row)
                return True
            except DBAPIError as error:
                code = getattr(error.orig, "sqlstate", "")
                if code == "23P01":
                    return False
                if code != "40P01":
                    raise
                with self._lock:
                    self.deadlocks += 1
                time.sleep(random() * PAUSE)
        return False


def hot(engine: sa.Engine, starts: int, taken_at_most: float) -> Iterator[Result]:
    """Sixteen clients who all want the same starts of one provider-day; seconds a start.

    So many starts, a day's after another's, or as many until the other way has taken so long.
    """
    clinic = clinic_of(SqlAlchemyStore(engine), "hot", CLIENTS)
    constrained, turns = Constrained(engine), Turns([], [])

    def ours(at: datetime, who: int) -> bool:
        try:
            clinic.appointments.book(Start("p0", "visit-0", at), patient=f"patient-{who}")
        except BookingRefused:
            return False
        return True

    def timed(way: Callable[[datetime, int], bool], at: datetime) -> float:
        won = list[bool]()
        took = together(CLIENTS, lambda who: won.append(way(at, who)))
        assert won.count(True) == 1 or (way is not ours and True not in won), "for nobody, or two"
        return took

    with calm():
        for number in range(-HOT_WARM, starts):
            day, at = divmod(number + HOT_WARM, STARTS)
            start = NOW + timedelta(days=1 + day, hours=8) + at * timedelta(minutes=20)
            both = timed(ours, start), timed(constrained.book, start)
            if number < 0:
                constrained.deadlocks = 0
                continue
            turns.ours.append(both[0])
            turns.baseline.append(both[1])
            if sum(turns.baseline) >= taken_at_most:
                break
    ours_all, theirs_all = statistics.mean(turns.ours), statistics.mean(turns.baseline)
    held_up = sum(one > DEADLOCK for one in turns.baseline)
    note = f"{constrained.deadlocks} deadlocks of theirs, at {held_up} of the starts"
    result = turns.result("book_pg_hot", note, deadlocks=constrained.deadlocks, held_up=held_up)
    yield replace(result, ratio=theirs_all / ours_all, median=ours_all, baseline=theirs_all)
    yield turns.result("book_pg_hot_usual", "the same, as most starts are")


# --------------------------------------------------------------------------- figures


def postgresql(scale: float) -> Iterator[Result]:
    """`book_pg_1`, `book_pg_16`, `book_pg_hot`, and how the hot ones mostly are."""
    with engine_on("postgresql") as engine:
        yield from one_client(engine, rounds_of(400, scale), "book_pg_1")
        yield sixteen(engine, rounds_of(30, scale))
        settle(engine)
        yield from hot(engine, rounds_of(DAYS_AT_MOST * STARTS, scale), TAKEN * scale)


def sqlite(scale: float) -> Iterator[Result]:
    """`book_sqlite`: the disk is waited for at each commit."""
    with engine_on("sqlite") as engine:
        yield from one_client(engine, rounds_of(400, scale), "book_sqlite")


def mariadb(scale: float) -> Iterator[Result]:
    """`book_mariadb`: the disk is waited for at each commit."""
    with engine_on("mariadb") as engine:
        yield from one_client(engine, rounds_of(400, scale), "book_mariadb")
