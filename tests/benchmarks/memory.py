"""The store in memory: what a booking attempt costs in it, and what it holds of a year."""

from __future__ import annotations

import gc
import tracemalloc
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import attrs
from tests.benchmarks.turns import Result, in_turns, quartiles, rounds_of

from medsched import MemoryStore
from medsched.domain.appointments import Appointment, AppointmentStatus, participants_in
from medsched.domain.bookings import WallTime
from medsched.domain.changes import Applied, Changeset, ScheduleVersion
from medsched.domain.claims import Span
from medsched.domain.events import Change, Event
from medsched.domain.records import Resource, ResourceKind

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LENGTH = timedelta(minutes=20)
DAY_ZERO = int(NOW.timestamp()) // 60
PROVIDERS, ROOMS, PATIENTS = 20, 10, 400


def attempts(number: int) -> list[Appointment]:
    """Appointments in twelve weeks, by lot: some of them want time that others have."""
    random, made = Random(20261120), list[Appointment]()
    for at in range(number):
        provider, patient = f"p{random.randrange(PROVIDERS)}", f"x{random.randrange(PATIENTS)}"
        room = Resource(ResourceKind.ROOM, f"r{random.randrange(ROOMS)}")
        low = DAY_ZERO + random.randrange(84) * 1440 + 540 + 20 * random.randrange(24)
        made.append(appointment(f"a{at:06d}", provider, patient, low, room))
    return made


def appointment(
    id: str, provider: str, patient: str, low: int, room: Resource | None = None
) -> Appointment:
    """An appointment as `book` makes it."""
    start = NOW + timedelta(minutes=low - DAY_ZERO)
    taken = [Resource(ResourceKind.PROVIDER, provider), Resource(ResourceKind.PATIENT, patient)]
    rooms = [] if room is None else [room]
    return Appointment(
        id=id,
        reference=f"R{id}",
        provider=provider,
        patient=patient,
        type="visit",
        resources=frozenset(rooms),
        start=start,
        end=start + LENGTH,
        wall=WallTime(start.replace(tzinfo=None), "UTC", tzdata="2026b"),
        spans=[Span(one, low, low + 20) for one in (*taken, *rooms)],
        opened_by=f"rule-{provider}",
        participants=participants_in(AppointmentStatus.BOOKED, provider, patient),
        version=1,
        created_at=NOW,
        updated_at=NOW,
    )


def changeset(booked: Appointment) -> Changeset:
    """What `book` makes of an appointment: the row, its claims, a guard and an event."""
    provider = Resource(ResourceKind.PROVIDER, booked.provider)
    return Changeset(
        practice="clinic",
        writes=(booked,),
        guards=frozenset({ScheduleVersion(provider, 0)}),
        claims=booked.claims,
        events=(Event.of(Change.BOOKED, booked),),
    )


class SortedLists:
    """What one writes first: the taken time of each resource in order, and rows by id."""

    def __init__(self) -> None:
        self._taken: defaultdict[Resource, list[tuple[int, int, str]]] = defaultdict(list)
        self._rows: dict[str, Appointment] = {}

    def book(self, wanted: Appointment) -> bool:
        """Take all the time that an appointment wants, or none."""
        for resource, low, high in wanted.spans:
            taken = self._taken[resource]
            at = bisect_left(taken, (low, 0, ""))
            if (at < len(taken) and taken[at][0] < high) or (at and taken[at - 1][1] > low):
                return False
        for resource, low, high in wanted.spans:
            insort(self._taken[resource], (low, high, wanted.id))
        self._rows[wanted.id] = wanted
        return True


def book(scale: float) -> Iterator[Result]:
    """Attempts to book provider, patient and room, each of them decided by the store."""
    wanted = attempts(max(round(2000 * min(scale, 1)), 50))
    changes = [changeset(one) for one in wanted]
    plain = SortedLists()
    expected = [plain.book(one) for one in wanted]
    store = MemoryStore()
    assert [store.apply(one) == Applied() for one in changes] == expected, "the ways disagree"

    def bisected() -> None:
        book = SortedLists().book
        for one in wanted:
            book(one)

    def applied() -> None:
        apply = MemoryStore().apply
        for one in changes:
            apply(one)

    turns = in_turns(bisected, applied, rounds=rounds_of(20, scale))
    note = f"{sum(expected):,} of {len(wanted):,} attempts booked"
    yield turns.each(len(wanted)).result("book_memory", note)


# ------------------------------------------------------------------------ what is held


def a_year(provider: str, bookings: int) -> list[Appointment]:
    """A year's bookings of one provider, each of a patient who comes about five times."""
    random = Random(provider)
    slots = random.sample(range(250 * 24), bookings)
    return [
        appointment(
            f"{provider}-{at:04d}",
            provider,
            f"x{random.randrange(bookings // 5 or 1):04d}",
            DAY_ZERO + slot // 24 * 1440 + 540 + slot % 24 * 20,
        )
        for at, slot in enumerate(sorted(slots))
    ]


def grown(build: Callable[[], object]) -> int:
    """The bytes that something holds once it is built."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = build()
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
        del kept
    finally:
        tracemalloc.stop()
    return after - before


def as_tuples(booked: Appointment) -> tuple[tuple[Any, ...], ...]:
    """An appointment, its claims and its event, as plain tuples of their fields."""
    made: list[Any] = [booked, *booked.claims, Event.of(Change.BOOKED, booked)]
    return tuple(attrs.astuple(one, recurse=False) for one in made)


def held(scale: float) -> Iterator[Result]:
    """The bytes of a provider's year with 1,000 bookings: in the store, and as tuples in lists."""
    bookings = max(round(1000 * min(scale, 1)), 20)

    def listed() -> object:
        return [as_tuples(one) for one in a_year("smith", bookings)]

    def stored() -> object:
        store = MemoryStore()
        for one in a_year("smith", bookings):
            outcome = store.apply(changeset(one))
            assert outcome == Applied(), outcome
        return store

    stored(), listed()  # what is kept once for all, is kept by now
    pairs = [(grown(listed), grown(stored)) for _ in range(3)]
    low, middle, high = quartiles([plain / ours for plain, ours in pairs])
    plain, ours = sorted(pairs)[1]
    yield Result(
        name="memory_per_provider",
        ratio=middle,
        median=ours,
        baseline=plain,
        n=len(pairs),
        low=low,
        high=high,
        unit="bytes",
        note=f"{bookings:,} bookings: {ours / bookings:,.0f} bytes each",
    )
