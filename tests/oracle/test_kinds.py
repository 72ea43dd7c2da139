"""All that a clinic books around clock changes, against the walker: a random day's work.

Series, one-off and recurring blockings and booking rules in four zones, at both changes of a
year. The walker is told what is stored, and knows nothing of how it came about.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from random import Random

import attrs
import pytest
from tests.oracle.test_oracle import seeds
from tests.oracle.walker import EPOCH, MINUTE, Walker, zone_info

from medsched import (
    AmbiguousTime,
    AppointmentType,
    AvailabilityRule,
    BookingRefused,
    BookingRules,
    MemoryStore,
    NonexistentTime,
    Override,
    Patient,
    Practice,
    Provider,
    Reason,
    Recurrence,
    RecurringBlocking,
    Scheduler,
    SeriesRefused,
    Start,
    TimeBlock,
)
from medsched.domain.claims import Claim
from medsched.domain.records import Resource
from medsched.domain.requests import Request
from medsched.services.schedules import schedule_of
from medsched.testing.fixed import FixedClock, NumberedIds

ZONES = {
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "Europe/London": (date(2026, 3, 29), date(2026, 10, 25)),
    "Australia/Lord_Howe": (date(2026, 4, 5), date(2026, 10, 4)),
    "America/Santiago": (date(2026, 4, 5), date(2026, 9, 6)),
}
"""The two dates of 2026 on which the clocks of each zone change."""
CHANGES = [(zone, day) for zone, days in ZONES.items() for day in days]
SMITH, ADA = Resource("provider", "smith"), Resource("patient", "ada")
AROUND = 2
"""So many dates before and after the change are looked at."""


def opened(zone: str, day: date, cap: int | None) -> tuple[Practice, MemoryStore]:
    """Smith's nights around a change, less a meeting that recurs."""
    store = MemoryStore()
    now = datetime.combine(day - timedelta(days=20), time(), UTC)
    clinic = Scheduler(store, clock=FixedClock(now), ids=NumberedIds()).practice("riverside")
    first = day - timedelta(days=AROUND)
    daily = Recurrence.daily(start=first)
    clinic.add_all(
        [
            Provider(id="smith", timezone=zone),
            Patient(id="ada"),
            *(Patient(id=f"p{number}") for number in range(20)),
            AppointmentType(code="visit", duration=30 * MINUTE, rules=BookingRules(per_day=cap)),
            AvailabilityRule("smith", daily, hours="00:00-04:00", id="nights"),
            AvailabilityRule("smith", daily, hours="22:00-24:00", id="evenings"),
            RecurringBlocking("smith", daily, hours="03:10-03:20", id="meeting"),
        ]
    )
    return clinic, store


def bounds(zone: str, day: date) -> tuple[datetime, datetime]:
    """From some dates before a change to some dates after it."""
    info = zone_info(zone)
    low = datetime.combine(day - timedelta(days=AROUND), time(12), info).astimezone(UTC)
    high = datetime.combine(day + timedelta(days=AROUND), time(12), info).astimezone(UTC)
    return low, high


def found_by_walking(
    clinic: Practice, store: MemoryStore, zone: str, day: date, patient: str | None
) -> set[datetime]:
    """What the walker finds in what is stored."""
    low, high = bounds(zone, day)
    first, last = ((at - EPOCH) // MINUTE for at in (low, high))
    claims = defaultdict[Resource, list[Claim]](list)
    people = [SMITH] if patient is None else [SMITH, Resource("patient", patient)]
    for claim in store.claims("riverside", people, first - 2000, last + 2000):
        claims[claim.resource].append(claim)
    visit = clinic.appointment_types.get("visit")
    schedule = schedule_of(clinic.appointments._context, "smith")
    own = schedule.calendars[SMITH]
    # A time block is extra hours with one slot as long as they are; the walker knows no other.
    extra = tuple(
        Override.extra(
            "smith",
            block.date,
            hours=[block.hours],
            id=block.id,
            slot_duration=(block.hours.end - block.hours.start),
            capacity=1,
        )
        for block in own.blocks
    )
    own = attrs.evolve(own, overrides=(*own.overrides, *extra), blocks=())
    schedule = attrs.evolve(schedule, calendars={**schedule.calendars, SMITH: own})
    walker = Walker(schedule, Request(visit, patient=patient), claims, first, last)
    return {EPOCH + one.minute * MINUTE for one in walker.starts()}


def showings(zone: str, wall: datetime) -> list[datetime]:
    """The instants at which a zone shows a wall time: none, one, or two."""
    info = zone_info(zone)
    found = {wall.replace(tzinfo=info, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(at for at in found if at.astimezone(info).replace(tzinfo=None) == wall)


def not_full(clinic: Practice, zone: str, starts: set[datetime], cap: int | None) -> set[datetime]:
    """The starts on whose local date fewer are booked than may be."""
    info = zone_info(zone)
    booked = defaultdict[date, int](int)
    for one in clinic.appointments.list(status="booked", limit=1000).items:
        booked[one.start.astimezone(info).date()] += 1
    return {at for at in starts if cap is None or booked[at.astimezone(info).date()] < cap}


def work(clinic: Practice, zone: str, day: date, chances: Random) -> Iterator[str]:
    """Block, book and cancel at random; what was done."""
    low, high = bounds(zone, day)
    length = (high - low) // MINUTE
    for number in range(12):
        at = low + chances.randrange(length) * MINUTE
        match chances.randrange(3):
            case 0:
                clinic.blockings.add(
                    "smith", at, at + chances.choice([1, 10, 45]) * MINUTE, stranded="keep"
                )
                yield f"block {at}"
            case 1:
                slots = clinic.availability.slots("smith", "visit", low, high)
                if slots:
                    slot = slots[chances.randrange(len(slots))]
                    clinic.appointments.book(slot, patient=f"p{number}")
                    yield f"book {slot}"
            case _:
                booked = clinic.appointments.list(status="booked").items
                if booked:
                    clinic.appointments.cancel(chances.choice(booked))
                    yield "cancel"


@pytest.mark.parametrize("zone, day", CHANGES)
@pytest.mark.parametrize("seed", seeds(4))
def test_what_is_stored_is_what_the_walker_leaves_open(zone: str, day: date, seed: int) -> None:
    chances = Random(f"{seed} {zone} {day}")
    cap = chances.choice([None, 2, 4])
    clinic, store = opened(zone, day, cap)
    low, high = bounds(zone, day)
    for done in work(clinic, zone, day, chances):
        listed = {slot.start for slot in clinic.availability.slots("smith", "visit", low, high)}
        free = found_by_walking(clinic, store, zone, day, None)
        assert listed == not_full(clinic, zone, free, cap), f"seed {seed}: {done}"


@pytest.mark.parametrize("zone, day", CHANGES)
@pytest.mark.parametrize("seed", seeds(4))
def test_a_series_is_had_where_the_walker_finds_it(zone: str, day: date, seed: int) -> None:
    """Its wall time is kept on each date; one that is skipped or repeated is told, never moved."""
    chances = Random(f"{seed} {zone} {day}")
    clinic, store = opened(zone, day, None)
    list(work(clinic, zone, day, chances))
    free = found_by_walking(clinic, store, zone, day, "ada")
    first = day - timedelta(days=1)
    at = time(chances.choice([0, 1, 2, 3, 23]), chances.choice([0, 15, 30, 45]))
    daily = Recurrence.parse("FREQ=DAILY;COUNT=3", start=first)
    wanted = {
        date_: showings(zone, datetime.combine(date_, at))
        for date_ in (first + timedelta(days=after) for after in range(3))
    }
    had = {date_ for date_, shown in wanted.items() if len(shown) == 1 and shown[0] in free}
    try:
        booked = clinic.series.book(
            "smith", "visit", patient="ada", recurrence=daily, at=at, skip=True
        )
    except SeriesRefused as refused:
        assert not had
        told = {one.date: {why.reason for why in one.violations} for one in refused.unbooked}
    else:
        assert {one.wall.start.date() for one in booked.appointments} == had
        assert {one.start for one in booked.appointments} == {wanted[one][0] for one in had}
        assert {one.wall.start.time() for one in booked.appointments} == {at}
        told = {one.date: {why.reason for why in one.violations} for one in booked.unbooked}
    assert told.keys() == wanted.keys() - had
    for date_, reasons in told.items():
        assert (Reason.NONEXISTENT_TIME in reasons) == (not wanted[date_])
        assert (Reason.AMBIGUOUS_TIME in reasons) == (len(wanted[date_]) == 2)


@pytest.mark.parametrize("zone, day", CHANGES)
@pytest.mark.parametrize("seed", seeds(4))
def test_a_time_block_is_one_slot_at_its_wall_time(zone: str, day: date, seed: int) -> None:
    """Or it is not published: where an edge is skipped, or shown twice and not said which."""
    chances = Random(f"{seed} {zone} {day}")
    clinic, store = opened(zone, day, None)
    info, published = zone_info(zone), list[TimeBlock]()
    for _ in range(12):
        on = day + timedelta(days=chances.choice([-1, 0, 0, 1]))
        first = chances.choice([30, 60, 75, 105, 120, 135, 150, 165, 300, 21 * 60])
        length = chances.choice([15, 20, 45, 90])
        low, high = (
            datetime.combine(on, time()) + timedelta(minutes=at) for at in (first, first + length)
        )
        edges = [showings(zone, at) for at in (low, high)]
        hours = f"{low:%H:%M}-{high:%H:%M}"
        block = TimeBlock("smith", on, hours)
        if [len(shown) for shown in edges] != [1, 1]:
            with pytest.raises((NonexistentTime, AmbiguousTime)):
                clinic.time_blocks.publish(block)
            continue
        ((start,), (end,)) = edges
        if end - start != length * MINUTE or any(on == one.date for one in published):
            continue  # the walker has no slot that the clock changes in, and no two that touch
        made = clinic.time_blocks.publish(block)
        published.append(made)
        assert clinic.time_blocks.times(made) == (start, end)
        here = [
            slot
            for slot in clinic.availability.slots("smith", "visit", *bounds(zone, day))
            if start <= slot.start < end
        ]
        assert [(slot.start, slot.end) for slot in here] == [(start, end)]
        walked = found_by_walking(clinic, store, zone, day, None)
        assert {at for at in walked if start <= at < end} == {start}
        booked = clinic.time_blocks.book(made, type="visit", patient=f"p{chances.randrange(20)}")
        assert (booked.start, booked.end, booked.block) == (start, end, made.id)
        assert booked.wall.start == start.astimezone(info).replace(tzinfo=None)


@pytest.mark.parametrize("zone, day", CHANGES)
def test_a_blocking_takes_its_instants(zone: str, day: date) -> None:
    """Half an hour after the change is half an hour, whatever the wall shows."""
    clinic, store = opened(zone, day, None)
    low, high = bounds(zone, day)
    before = {slot.start for slot in clinic.availability.slots("smith", "visit", low, high)}
    for start in sorted(before):
        made = clinic.blockings.block_slot(Start("smith", "visit", start))
        assert (made.start, made.end) == (start, start + 30 * MINUTE)
        with pytest.raises(BookingRefused):
            clinic.appointments.book(Start("smith", "visit", start), patient="ada")
    assert found_by_walking(clinic, store, zone, day, None) == set()
    assert len(clinic.availability.slots("smith", "visit", low, high)) == 0
