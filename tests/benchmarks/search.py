"""The earliest free slots of many providers, on PostgreSQL, beside what one writes without ledger.

10,000 providers with a million booked appointments and 240 slots each in two weeks, of which the
near ones are full: the earliest 20 slots within 14 days of the providers of one specialty, 100 of
one and 800 of another. Beside the library's search:

- a query per provider: who has the specialty and when they work, then of each the appointments,
  start and end, by the table's index on provider and start; their hours on the wall are cut into
  slots, those that overlap an appointment left out, up to twenty of each provider;
- the same with mapped objects instead of two columns, and the library's own listing of each;
- a row for each slot, with a partial index of those that are free by provider and start, asked
  for the first twenty of each provider, for all that are free, or for a day and then more.

All find the same, and what is not the library has connections of its own. The bytes are those of
the providers' part of the ledger and of the table of slots, indexes included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from itertools import islice
from statistics import median
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from tests.benchmarks.practice import (
    AHEAD,
    CLOSES,
    COMMON,
    DAYS,
    LENGTH,
    MONDAY,
    NOW,
    OPENS,
    PROVIDERS,
    RARE,
    ZONE,
    copy_into,
    id_of,
    line,
    load,
    practice_of,
    specialty,
    starts_of,
)
from tests.benchmarks.turns import Result, Unavailable, in_turns, rounds_of, seconds
from tests.databases import missing, started

from medsched import Search
from medsched.adapters.sqlalchemy import SqlAlchemyStore, create

WANTED: Final = 20
Found = list[tuple[datetime, str]]


class Base(DeclarativeBase):
    """Mapped classes, as a host has them."""


class Visit(Base):
    """An appointment as a host maps it: of the same table, by the same index."""

    __tablename__ = "medsched_booking"
    practice: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    provider: Mapped[str]
    patient: Mapped[str | None]
    type: Mapped[str]
    status: Mapped[str | None]
    start_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    end_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))


class Served:
    """The practice on PostgreSQL, and what the other ways need beside it."""

    def __init__(self, url: str, providers: int) -> None:
        self.store = SqlAlchemyStore(url)
        create(self.store.engine)
        self.engine = sa.create_engine(url)
        """Connections of their own for the other ways, which nothing of the library has set up."""
        self.providers = providers
        self.clinic = practice_of(self.store, providers)
        self.appointments = self._fill()

    def _fill(self) -> int:
        raw: Any = self.engine.raw_connection()
        cursor = raw.cursor()
        number = load(cursor, self.providers)
        for statement in _BESIDE:
            cursor.execute(statement)
        people = [(id_of(at), specialty(at)) for at in range(self.providers)]
        hours = [(id, day, OPENS, CLOSES) for id, _ in people for day in range(5)]
        starts = [start for day in DAYS for start in starts_of(day)]
        copy_into(cursor, "people", [line(*one) for one in people])
        copy_into(cursor, "working", [line(*one) for one in hours])
        copy_into(cursor, "starting", [line(one) for one in starts])
        cursor.execute(_SLOTS_FROM, {"now": NOW})
        for statement in _INDEXES:
            cursor.execute(statement)
        raw.commit()
        raw.driver_connection.autocommit = True
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
        raw.driver_connection.autocommit = False
        raw.close()
        return number

    # ------------------------------------------------------------------ the ways to ask

    def searched(self, wanted: str) -> Found:
        """The library's search."""
        last = MONDAY + AHEAD - timedelta(days=1)
        search = Search(first=MONDAY, last=last, types="visit", specialty=wanted)
        found = islice(self.clinic.search.found(search), WANTED)
        return [(one.start, one.provider) for one in found]

    def listed(self, wanted: str) -> Found:
        """The library's own listing of each provider."""
        found: Found = []
        for number in range(self.providers):
            if specialty(number) == wanted:
                id = id_of(number)
                slots = self.clinic.availability.slots(id, "visit", NOW, NOW + AHEAD)
                found += [(one.start, id) for one in slots.first(WANTED)]
        return sorted(found)[:WANTED]

    def query_per_provider(self, wanted: str) -> Found:
        """Who has the specialty and when they work; then of each the appointments."""
        found: Found = []
        with self.engine.connect() as connection:
            for provider, hours in self._working(connection, wanted).items():
                rows = connection.execute(_BOOKED, {"provider": provider})
                free = _free(hours, [(row.start_at, row.end_at) for row in rows])
                found += [(start, provider) for start in islice(free, WANTED)]
        return sorted(found)[:WANTED]

    def mapped_per_provider(self, wanted: str) -> Found:
        """The same with an object for each appointment."""
        found: Found = []
        with self.engine.connect() as connection, Session(connection) as session:
            for provider, hours in self._working(connection, wanted).items():
                visits = session.scalars(_VISITS, {"provider": provider})
                free = _free(hours, [(one.start_at, one.end_at) for one in visits])
                found += [(start, provider) for start in islice(free, WANTED)]
        return sorted(found)[:WANTED]

    @staticmethod
    def _working(connection: sa.Connection, wanted: str) -> dict[str, dict[int, list[Any]]]:
        found: dict[str, dict[int, list[Any]]] = {}
        for id, weekday, opens, closes in connection.execute(_WORKING, {"wanted": wanted}):
            found.setdefault(id, {}).setdefault(weekday, []).append((opens, closes))
        return found

    def slots(self, way: str, wanted: str) -> Found:
        """The first free ones of a row for each slot."""
        rows: Sequence[Any] = ()
        with self.engine.connect() as connection:
            for ahead in (1, 2, 4, 14) if way == "a day, then more" else (14,):
                values = {"wanted": wanted, "low": NOW, "high": NOW + timedelta(days=ahead)}
                rows = connection.execute(_SLOTS[way], values).all()
                if len(rows) == WANTED:
                    break
        return [(row.start_time.astimezone(UTC), row.provider_id) for row in rows]

    @cached_property
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


def _free(
    hours: dict[int, list[Any]], taken: list[tuple[datetime, datetime]]
) -> Iterator[datetime]:
    """The starts within a provider's hours that overlap nothing; ``taken`` is in order."""
    at, end = 0, len(taken)
    for day in (MONDAY + timedelta(days=ahead) for ahead in range(AHEAD.days)):
        for opens, closes in hours.get(day.weekday(), ()):
            start = datetime.combine(day, opens, ZONE).astimezone(UTC)
            until = datetime.combine(day, closes, ZONE).astimezone(UTC)
            while start + LENGTH <= until:
                while at < end and taken[at][1] <= start:
                    at += 1
                if start >= NOW and (at == end or taken[at][0] >= start + LENGTH):
                    yield start
                start += LENGTH


_BESIDE: Final = (
    'CREATE TABLE people (id text COLLATE "C" PRIMARY KEY, specialty text)',
    """CREATE TABLE working (provider_id text COLLATE "C", weekday integer, opens time, closes time,
    PRIMARY KEY (provider_id, weekday, opens))""",
    "CREATE TABLE starting (start_time timestamptz)",
    """CREATE TABLE slots (slot_id bigint PRIMARY KEY, provider_id text COLLATE "C",
    start_time timestamptz, end_time timestamptz, appointment_type text, status text,
    patient_id text, created_at timestamptz, updated_at timestamptz)""",
)
_SLOTS_FROM: Final = (
    "INSERT INTO slots SELECT row_number() OVER (), p.id, s.start_time, s.start_time + interval"
    " '20 minutes', 'visit', CASE WHEN b.id IS NULL THEN 'available' ELSE 'booked' END, b.patient,"
    " %(now)s, %(now)s FROM people p CROSS JOIN starting s LEFT JOIN medsched_booking b"
    " ON b.practice = 'clinic' AND b.provider = p.id AND b.start_at = s.start_time"
    " ORDER BY p.id, s.start_time"
)
_INDEXES: Final = (
    "REINDEX TABLE medsched_ledger",  # the others' indexes are new, too
    "CREATE INDEX people_by_specialty ON people (specialty)",
    "CREATE INDEX slots_by_provider ON slots (provider_id, start_time, status)",
    "CREATE INDEX slots_free ON slots (provider_id, start_time) WHERE status = 'available'",
)
_WORKING: Final = sa.text(
    "SELECT id, weekday, opens, closes FROM people JOIN working ON provider_id = id"
    " WHERE specialty = :wanted"
)
_HERE: Final = (
    Visit.practice == "clinic",
    Visit.provider == sa.bindparam("provider"),
    Visit.start_at < NOW + AHEAD,
    Visit.end_at > NOW,
    Visit.start_at > NOW - timedelta(days=1),  # so that the index has a lower end
    Visit.status.in_(["pending", "booked", "arrived", "checked-in", "fulfilled", "noshow"]),
)
_BOOKED: Final = sa.select(Visit.start_at, Visit.end_at).where(*_HERE).order_by(Visit.start_at)
_VISITS: Final = sa.select(Visit).where(*_HERE).order_by(Visit.start_at)
_ALL: Final = sa.text(
    "SELECT s.provider_id, s.start_time FROM people p JOIN slots s ON s.provider_id = p.id"
    " WHERE p.specialty = :wanted AND s.status = 'available' AND s.start_time >= :low"
    " AND s.start_time < :high ORDER BY s.start_time, s.provider_id LIMIT 20"
)
_SLOTS: Final = {
    "the first of each": sa.text(
        "SELECT f.provider_id, f.start_time FROM people p, LATERAL (SELECT provider_id, start_time"
        " FROM slots s WHERE s.provider_id = p.id AND s.status = 'available' AND s.start_time"
        " >= :low AND s.start_time < :high ORDER BY s.start_time LIMIT 20) f"
        " WHERE p.specialty = :wanted ORDER BY f.start_time, f.provider_id LIMIT 20"
    ),
    "all that are free": _ALL,
    "a day, then more": _ALL,
}


# --------------------------------------------------------------------------- figures


@contextmanager
def served(providers: int) -> Iterator[Served]:
    """The practice on a server of its own."""
    if (why := missing("postgresql")) is not None:
        raise Unavailable(why)
    with started("postgresql") as url:
        found = Served(url, providers)
        yield found
        found.store.engine.dispose()
        found.engine.dispose()


def checked(found: Served, wanted: str) -> None:
    """All ways find the same, or `AssertionError`."""
    expected = found.query_per_provider(wanted)
    ways: dict[str, Callable[[str], Found]] = {
        "the search": found.searched,
        "mapped objects": found.mapped_per_provider,
        "listings": found.listed,
        **{way: partial(found.slots, way) for way in _SLOTS},
    }
    assert len(expected) == WANTED
    for name, way in ways.items():
        assert way(wanted) == expected, f"{name} disagrees"


def postgresql(scale: float) -> Iterator[Result]:
    """`search_100`, `search_800` and the two beside a row for each slot.

    At less than a fifth of the usual rounds there is a tenth of the practice.
    """
    providers = PROVIDERS if scale >= 0.2 else PROVIDERS // 10
    with served(providers) as found:
        size = f"{found.appointments:,} appointments of {providers:,} providers"
        for name, wanted in (("search_100", RARE), ("search_800", COMMON)):
            checked(found, wanted)
            ours, each = partial(found.searched, wanted), partial(found.query_per_provider, wanted)
            turns = in_turns(each, ours, rounds=rounds_of(25, scale), warm=6, times=10)
            others = {
                "mapped": partial(found.mapped_per_provider, wanted),
                "listings": partial(found.listed, wanted),
            }
            facts = {way: median(seconds(run) for _ in range(3)) for way, run in others.items()}
            yield turns.result(name, size, others=facts)
        timed = {
            way: in_turns(
                partial(found.slots, way, COMMON),
                partial(found.searched, COMMON),
                rounds=rounds_of(40, scale),
                warm=6,
                times=3,
                baseline_times=3,
            )
            for way in _SLOTS
        }
        figures = {way: turns.result("search_vs_slots_time") for way, turns in timed.items()}
        note = ", ".join(f"{way} {one.ratio:.2f}" for way, one in figures.items())
        yield timed["the first of each"].result("search_vs_slots_time", note)
        ledger, slots = found.bytes
        yield Result(
            *("search_vs_slots_bytes", slots / ledger, ledger, slots, 1),
            *(slots / ledger, slots / ledger),
            note=size,
            unit="bytes",
        )
