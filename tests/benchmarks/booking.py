"""How much a booking costs beside what one would write without it: ratios, measured in turns.

Beside each other, per database: a bare INSERT and COMMIT of the same appointment row into a table
with nothing but a primary key, through the same SQLAlchemy engine; what `apply` makes of a whole
booking (key, guards, three resources, appointment, claims, event); and the whole command, with
its reads and its decision. Operations take turns one by one, so that a busy machine is busy for
all of them; medians. One-minute claims walk the days, so that no refusal is timed.

    python tests/benchmarks/booking.py [sqlite] [postgresql] [mariadb] [--rounds 300]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Barrier, Thread

sys.path.insert(0, str(Path(__file__).parents[2]))

import sqlalchemy as sa
from tests.databases import ENGINES, missing, started

from medsched import AvailabilityRule, Need, Practice, Recurrence, Scheduler, Start
from medsched.adapters.sqlalchemy import SqlAlchemyStore, create
from medsched.adapters.sqlalchemy.booking_rows import booking_row
from medsched.domain.appointments import Appointment
from medsched.domain.changes import Changeset, Outcome
from medsched.testing.fixed import FixedClock

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CLIENTS = 16
WARM = 50


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


class Bench:
    """One database, and the ways to write an appointment into it."""

    def __init__(self, engine: str, url: str) -> None:
        self.name = engine
        self.store = SqlAlchemyStore(url)
        create(self.store.engine)
        self.bare = sa.Table(
            "bare",
            sa.MetaData(),
            *(
                sa.Column(one.name, one.type, nullable=one.nullable)
                for one in self.store._tables.booking.columns
                if one.name != "touched"
            ),
            sa.PrimaryKeyConstraint("practice", "kind", "id"),
        )
        self.bare.metadata.create_all(self.store.engine)
        self.insert = sa.insert(self.bare)

    def bare_insert(self, appointment: Appointment) -> None:
        """What one would write: the row, and a commit."""
        row = {"practice": "x", **booking_row(appointment)._asdict()}
        with self.store.engine.begin() as connection:
            connection.execute(self.insert, row)

    def one_client(self, rounds: int) -> dict[str, float]:
        """Medians in seconds, of operations in turn."""
        store = SqlAlchemyStore(self.store.engine)
        clinic, applied, walk = clinic_of(store, "a", 1), Timed(store), starts(1)
        bare, book = list[float](), list[float]()
        for number in range(rounds + WARM):
            began = time.perf_counter()
            appointment = clinic.appointments.book(
                Start("p0", "visit-0", next(walk)),
                patient="patient-0",
                idempotency_key=f"key-{number}",
            )
            booked = time.perf_counter()
            self.bare_insert(appointment)
            bare.append(time.perf_counter() - booked)
            book.append(booked - began)
        found = {"bare": bare, "apply": applied.taken, "book": book}
        return {name: statistics.median(some[WARM:]) for name, some in found.items()}

    def rate(self, clients: int, providers: int, seconds: float) -> float:
        """Bookings a second by many clients, of one provider-day or of one provider each."""
        clinic = clinic_of(self.store, f"rate-{clients}-{providers}", clients)
        start, done = Barrier(clients + 1), [0] * clients
        until = [0.0]

        def work(client: int) -> None:
            provider = client % providers
            minute = 2 * 1440 + client // providers
            step = -(-clients // providers)
            start.wait()
            while time.perf_counter() < until[0]:
                at = NOW + minute * MINUTE
                clinic.appointments.book(
                    Start(f"p{provider}", f"visit-{provider}", at),
                    patient=f"patient-{client}",
                    idempotency_key=f"c{client}-{minute}",
                )
                minute += step
                done[client] += 1

        threads = [Thread(target=work, args=(client,)) for client in range(clients)]
        for thread in threads:
            thread.start()
        until[0] = time.perf_counter() + seconds
        start.wait()
        for thread in threads:
            thread.join()
        return sum(done) / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("engines", nargs="*", help="sqlite, postgresql, mariadb")
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--no-rates", action="store_true")
    options = parser.parse_args()
    for engine in options.engines or ENGINES:
        if (why := missing(engine)) is not None:
            print(f"{engine}: not measured, {why}")
            continue
        with started(engine) as url:
            bench = Bench(engine, url)
            found = bench.one_client(options.rounds)
            bare = found["bare"]
            print(
                f"{engine}: bare {bare * 1e3:.3f} ms;"
                f" apply {found['apply'] * 1e3:.3f} ms, rate {bare / found['apply']:.2f};"
                f" whole command {found['book'] * 1e3:.3f} ms, rate {bare / found['book']:.2f}",
                flush=True,
            )
            if not options.no_rates:
                one = bench.rate(1, 1, options.seconds)
                apart = bench.rate(CLIENTS, CLIENTS, options.seconds)
                hot = bench.rate(CLIENTS, 1, options.seconds)
                print(
                    f"{engine}: {one:.0f}/s one client; {CLIENTS} clients apart {apart:.0f}/s,"
                    f" on one provider-day {hot:.0f}/s ({hot / apart:.2f} of it)",
                    flush=True,
                )
            bench.store.engine.dispose()


if __name__ == "__main__":
    main()
