"""How fast the first free slots of many providers are found: ratios, measured in turns.

On PostgreSQL, 10,000 providers with a million booked appointments and 240 slots each in two weeks:
the earliest 20 slots within 14 days of the providers of one specialty, about 100 of one and 800 of
another. Beside each other: the library's search; its own listing of each provider; one query per
provider, whose answer is taken from the starts of each day until there are twenty; and a table with
a row for each slot and an index of those that are free, by provider, asked in three ways. All find
the same slots, and what is not the library has connections of its own. The bytes are those of the
providers' part of the ledger, and of the table of slots, indexes included.

In memory, the first free slot of each of 10,000 providers within 84 days, of whom 97 % of the time
is booked: the library's search, from the ledger, beside rules expanded and checked against bookings
for a sample of the providers.

    python tests/benchmarks/search.py [postgresql] [memory] [--providers 10000] [--rounds 60]
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).parents[2]))

import sqlalchemy as sa
from dateutil.rrule import FR, MO, TH, TU, WE, WEEKLY, rrule
from tests.databases import started

from medsched import AvailabilityRule, MemoryStore, Practice, Recurrence, Scheduler, Search, Slot
from medsched.adapters.sqlalchemy import SqlAlchemyStore, create
from medsched.adapters.sqlalchemy.booking_rows import BookingRow, ClaimRow, booking_row, claim_rows
from medsched.adapters.sqlalchemy.schema import HOURS, tables
from medsched.domain.appointments import CLAIMING, Appointment
from medsched.domain.bookings import WallTime
from medsched.domain.changes import Changeset
from medsched.domain.claims import Claim, Span
from medsched.domain.ledger import hours_of, rows_of
from medsched.domain.people import Provider
from medsched.domain.records import Resource, ResourceKind
from medsched.testing.fixed import FixedClock

ZONE = ZoneInfo("America/New_York")
MONDAY = date(2026, 1, 5)
NOW = datetime(2026, 1, 5, 7, 30, tzinfo=ZONE).astimezone(UTC)
LENGTH = timedelta(minutes=20)
PER_DAY = 24
DAYS = [MONDAY + timedelta(days=day) for day in range(14) if (MONDAY.weekday() + day) % 7 < 5]
RARE, COMMON = "rheumatology", "family medicine"
BOOKED_ON = (0.97, 0.93, 0.70, 0.50, 0.35, 0.25, 0.17, 0.13, 0.10, 0.07)
"""The share of the slots that are booked on each of the ten days: the near ones are full."""


def starts_of(day: date) -> list[datetime]:
    """A day from nine to five: 24 starts of twenty minutes, in UTC."""
    nine = datetime(day.year, day.month, day.day, 9, tzinfo=ZONE).astimezone(UTC)
    return [nine + at * LENGTH for at in range(PER_DAY)]


def specialty(number: int) -> str:
    """One in a hundred has the rare one, eight of them the common one."""
    return RARE if number % 100 == 3 else COMMON if number % 100 in range(10, 18) else "surgery"


def practice_of(store: Any, providers: int) -> Practice:
    clinic = Scheduler(store, clock=FixedClock(NOW)).practice("clinic")
    clinic.settings.configure(timezone=ZONE.key)
    clinic.appointment_types.create(code="visit", duration=LENGTH)
    weekdays = Recurrence.weekly("MO-FR", start=MONDAY)
    for first in range(0, providers, 1000):
        numbers = range(first, min(first + 1000, providers))
        people = [Provider(id=f"p{at:05d}", specialties={specialty(at)}) for at in numbers]
        rules = [
            AvailabilityRule(one.id, weekdays, hours="09:00-17:00", id=f"rule-{one.id}")
            for one in people
        ]
        clinic.add_all([*people, *rules])
    return clinic


def booked(providers: int, random: Random) -> Iterator[tuple[str, datetime]]:
    for number in range(providers):
        for day, share in zip(DAYS, BOOKED_ON, strict=True):
            for start in starts_of(day):
                if random.random() < share:
                    yield f"p{number:05d}", start


def appointment(number: int, provider: str, start: datetime) -> Appointment:
    patient, low = f"patient-{number}", int(start.timestamp()) // 60
    spans = [
        Span(Resource(kind, id), low, low + 20)
        for kind, id in ((ResourceKind.PROVIDER, provider), (ResourceKind.PATIENT, patient))
    ]
    return Appointment(
        id=f"a{number:07d}",
        reference=f"R{number:07d}",
        provider=provider,
        patient=patient,
        type="visit",
        start=start,
        end=start + LENGTH,
        wall=WallTime(start.astimezone(ZONE).replace(tzinfo=None), ZONE.key),
        spans=spans,
        opened_by=f"rule-{provider}",
        version=1,
        created_at=NOW,
        updated_at=NOW,
    )


class Served:
    """The practice on PostgreSQL, and the table of slots beside it."""

    def __init__(self, url: str, providers: int) -> None:
        self.store = SqlAlchemyStore(url)
        create(self.store.engine)
        self.engine = sa.create_engine(url)
        """Connections of their own for the other ways, which nothing of the library has set up."""
        self.clinic = practice_of(self.store, providers)
        self.providers = providers
        began = time.perf_counter()
        self._fill()
        print(f"filled in {time.perf_counter() - began:.0f} s")

    def _fill(self) -> None:
        raw: Any = self.store.engine.raw_connection()
        cursor = raw.cursor()
        taken: set[tuple[str, datetime]] = set()
        bookings, claims, ledger = [], [], []
        for number, (provider, start) in enumerate(booked(self.providers, Random(1))):
            one = appointment(number, provider, start)
            taken.add((provider, start))
            bookings.append(("clinic", *booking_row(one)))
            claims += [("clinic", *row) for row in claim_rows(one.claims)]
            ledger.append(one.claims)
            if len(bookings) == 50_000:
                self._copy(cursor, bookings, claims)
                bookings, claims = [], []
        self._copy(cursor, bookings, claims)
        rows = rows_of(claim for some in ledger for claim in some)
        with cursor.copy(
            "COPY medsched_ledger (practice, resource_kind, resource_id, day,"
            f" {', '.join(HOURS)}) FROM STDIN"
        ) as copied:
            for key, bits in rows.items():
                hours = dict(hours_of(bits))
                copied.write_row(
                    (
                        *("clinic", key.resource.kind.value, key.resource.id, key.day),
                        *(hours.get(hour) for hour in range(24)),
                    )
                )
        cursor.execute(
            'CREATE TABLE slots (slot_id bigint PRIMARY KEY, provider_id text COLLATE "C",'
            " start_time timestamptz, end_time timestamptz, appointment_type text, status text,"
            " patient_id text, created_at timestamptz, updated_at timestamptz)"
        )
        number = 0
        with cursor.copy("COPY slots FROM STDIN") as copied:
            for at in range(self.providers):
                provider = f"p{at:05d}"
                for day in DAYS:
                    for start in starts_of(day):
                        full = (provider, start) in taken
                        number += 1
                        copied.write_row(
                            (
                                *(number, provider, start, start + LENGTH, "visit"),
                                "booked" if full else "available",
                                f"patient-{number}" if full else None,
                                *(NOW, NOW),
                            )
                        )
        cursor.execute("CREATE INDEX slots_by_provider ON slots (provider_id, start_time, status)")
        cursor.execute(
            "CREATE INDEX slots_free ON slots (provider_id, start_time) WHERE status = 'available'"
        )
        cursor.execute('CREATE TABLE people (id text COLLATE "C" PRIMARY KEY, specialty text)')
        with cursor.copy("COPY people FROM STDIN") as copied:
            for at in range(self.providers):
                copied.write_row((f"p{at:05d}", specialty(at)))
        cursor.execute("CREATE INDEX people_by_specialty ON people (specialty)")
        raw.commit()
        raw.driver_connection.autocommit = True
        cursor.execute("VACUUM ANALYZE")
        raw.driver_connection.autocommit = False
        raw.close()
        print(f"{len(taken):,} appointments, {number:,} slots")

    @staticmethod
    def _copy(cursor: Any, bookings: list[Any], claims: list[Any]) -> None:
        for table, names, rows in (
            ("booking", BookingRow._fields, bookings),
            ("claim", ClaimRow._fields, claims),
        ):
            columns = ", ".join(("practice", *names))
            with cursor.copy(f"COPY medsched_{table} ({columns}) FROM STDIN") as copied:
                for row in rows:
                    copied.write_row(row)

    # ------------------------------------------------------------------ the ways to ask

    def searched(self, wanted: str) -> list[tuple[datetime, str]]:
        search = Search(
            first=MONDAY, last=MONDAY + timedelta(days=13), types="visit", specialty=wanted
        )
        return [(one.start, one.provider) for one in islice(self.clinic.search.found(search), 20)]

    def listed(self, wanted: str) -> list[tuple[datetime, str]]:
        """The library's own listing of each provider."""
        found: list[tuple[datetime, str]] = []
        for provider in range(self.providers):
            if specialty(provider) == wanted:
                id = f"p{provider:05d}"
                slots = self.clinic.availability.slots(id, "visit", NOW, NOW + timedelta(days=14))
                found += [(one.start, id) for one in slots.first(20)]
        return sorted(found)[:20]

    def query_per_provider(self, wanted: str) -> list[tuple[datetime, str]]:
        """Who has the specialty; then of each the appointments, taken from each day's starts."""
        table = tables().booking.c
        query = sa.select(table.start_at, table.end_at).where(
            table.practice == "clinic",
            table.provider == sa.bindparam("provider"),
            table.start_at >= NOW,
            table.start_at < NOW + timedelta(days=14),
            table.status.in_([status.value for status in CLAIMING]),
        )
        found: list[tuple[datetime, str]] = []
        with self.engine.connect() as connection:
            people = connection.execute(
                sa.text("SELECT id FROM people WHERE specialty = :wanted"), {"wanted": wanted}
            ).scalars()
            for provider in people.all():
                taken = {one.start_at for one in connection.execute(query, {"provider": provider})}
                starts = (start for day in DAYS for start in starts_of(day))
                free = (start for start in starts if start >= NOW and start not in taken)
                found += [(start, provider) for start in islice(free, 20)]
        return sorted(found)[:20]

    def slots(self, wanted: str, way: str) -> list[tuple[datetime, str]]:
        days, rows = [1, 2, 4, 14] if way == "grown" else [14], list[Any]()
        with self.engine.connect() as connection:
            for ahead in days:
                values = {"wanted": wanted, "low": NOW, "high": NOW + timedelta(days=ahead)}
                rows = list(connection.execute(sa.text(_SLOTS[way]), values))
                if len(rows) == 20:
                    break
        return [(row.start_time.astimezone(UTC), row.provider_id) for row in rows]

    def bytes(self) -> tuple[int, int]:
        """The providers' part of the ledger, and the table of slots."""
        with self.engine.connect() as connection:
            whole = connection.scalar(sa.text("SELECT pg_total_relation_size('medsched_ledger')"))
            share = connection.scalar(
                sa.text(
                    "SELECT sum(pg_column_size(l.*)) FILTER (WHERE resource_kind = 'provider')"
                    " ::float / sum(pg_column_size(l.*)) FROM medsched_ledger l"
                )
            )
            slots = connection.scalar(sa.text("SELECT pg_total_relation_size('slots')"))
        return int(whole * share), int(slots)


_SLOTS = {
    "joined": (
        "SELECT s.provider_id, s.start_time FROM people p JOIN slots s ON s.provider_id = p.id"
        " WHERE p.specialty = :wanted AND s.status = 'available' AND s.start_time >= :low"
        " AND s.start_time < :high ORDER BY s.start_time, s.provider_id LIMIT 20"
    ),
    "lateral": (
        "SELECT f.provider_id, f.start_time FROM people p, LATERAL (SELECT provider_id, start_time"
        " FROM slots s WHERE s.provider_id = p.id AND s.status = 'available' AND s.start_time"
        " >= :low AND s.start_time < :high ORDER BY s.start_time LIMIT 20) f"
        " WHERE p.specialty = :wanted ORDER BY f.start_time, f.provider_id LIMIT 20"
    ),
}
_SLOTS["grown"] = _SLOTS["joined"]
"""All free slots of the fourteen days sorted; the first of each provider; one day, then more."""


def in_turns(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for at in range(rounds + 5):
        for name, way in ways.items():
            if name in ("query per provider", "a listing each") and at % 20:
                continue
            began = time.perf_counter()
            way()
            if at:
                taken[name].append(time.perf_counter() - began)
    return taken


def on_postgresql(providers: int, rounds: int) -> None:
    with started("postgresql") as url:
        served = Served(url, providers)
        for name, wanted in (("search_100", RARE), ("search_800", COMMON)):
            expected = served.query_per_provider(wanted)
            ways: dict[str, Callable[[], object]] = {
                "search": partial(served.searched, wanted),
                "a listing each": partial(served.listed, wanted),
                "query per provider": partial(served.query_per_provider, wanted),
                **{f"slots, {way}": partial(served.slots, wanted, way) for way in _SLOTS},
            }
            for one, way in ways.items():
                assert way() == expected, one
            taken = {one: statistics.median(some) for one, some in in_turns(ways, rounds).items()}
            ours = taken["search"]
            for one, median in taken.items():
                print(f"{name:12} {one:20} {median * 1e3:9.3f} ms   {median / ours:8.2f}")
        ledger, slots = served.bytes()
        print(f"bytes: ledger {ledger:,}, slots {slots:,}: {slots / ledger:.1f}")
        served.store.engine.dispose()
        served.engine.dispose()


# -------------------------------------------------------------------------- in memory


def full(provider: str, days: list[date]) -> list[datetime]:
    """The starts that are booked with a provider: nearly all."""
    random = Random(provider)
    return [start for day in days for start in starts_of(day) if random.random() < 0.97]


def runs(starts: list[datetime]) -> Iterator[tuple[int, int]]:
    """The same as stretches of minutes, those that touch as one: fewer claims, the same ledger."""
    low = high = 0
    for start in starts:
        at = int(start.timestamp()) // 60
        if at != high:
            if high:
                yield low, high
            low = at
        high = at + 20
    if high:
        yield low, high


def in_memory(providers: int, rounds: int) -> None:
    store = MemoryStore()
    clinic = practice_of(store, providers)
    days = [MONDAY + timedelta(days=at) for at in range(84) if (MONDAY.weekday() + at) % 7 < 5]
    ids = [f"p{number:05d}" for number in range(providers)]
    for id in ids:
        whose = Resource(ResourceKind.PROVIDER, id)
        claims = [
            Claim(whose, low, high, id=f"{id}-{at}")
            for at, (low, high) in enumerate(runs(full(id, days)))
        ]
        outcome = store.apply(Changeset(practice="clinic", claims=tuple(claims)))
        assert type(outcome).__name__ == "Applied", outcome
    search = Search(first=MONDAY, last=MONDAY + timedelta(days=83), types="visit")

    def plain(some: list[str]) -> tuple[dict[str, datetime], float]:
        found, taken = {}, 0.0
        for provider in some:
            rule = rrule(WEEKLY, dtstart=datetime(2026, 1, 5), byweekday=(MO, TU, WE, TH, FR))
            own = full(provider, days)
            began = time.perf_counter()
            free = []
            for day in rule.between(datetime(2026, 1, 5), datetime(2026, 3, 29), inc=True):
                start = day.replace(hour=9, tzinfo=ZONE)
                end = day.replace(hour=17, tzinfo=ZONE)
                while start + LENGTH <= end:
                    at = start.astimezone(UTC)
                    if at >= NOW and not any(
                        at < taken + LENGTH and taken < at + LENGTH for taken in own
                    ):
                        free.append(at)
                    start += LENGTH
            if free:
                found[provider] = min(free)
            taken += time.perf_counter() - began
        return found, taken / len(some)

    gc.collect()
    gc.freeze()  # a million claims: neither way shall pay for looking through them
    sample = Random(3).sample(ids, 4)
    expected, each = plain(sample)
    began = time.perf_counter()
    cold = clinic.search.first_of_each(search)
    first = time.perf_counter() - began
    warm, found = list[float](), dict[str, Slot]()
    for _ in range(max(rounds // 10, 3)):
        began = time.perf_counter()
        found = clinic.search.first_of_each(search)
        warm.append(time.perf_counter() - began)
    assert {id: cold[id].start for id in sample if id in cold} == expected
    assert found == cold
    ours = statistics.median(warm)
    print(
        f"first_free: {providers} providers, plain {each * providers:.1f} s (from {len(sample)}),"
    )
    print(f"  rules not read before {first:.2f} s: {each * providers / first:.0f}")
    print(f"  rules read before     {ours:.3f} s: {each * providers / ours:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("where", nargs="*", default=["postgresql", "memory"])
    parser.add_argument("--providers", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=60)
    asked = parser.parse_args()
    if "postgresql" in asked.where:
        on_postgresql(asked.providers, asked.rounds)
    if "memory" in asked.where:
        in_memory(asked.providers, asked.rounds)


if __name__ == "__main__":
    main()
