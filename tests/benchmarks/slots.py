"""Twelve weeks of one provider: the library against the plain way.

The plain way is what one writes first: an rrule per window, zoneinfo for the instants,
and every slot held against every booking. `cold` starts from a schedule that nothing was
worked out from yet, `warm` from one that was listed before, with other bookings since.
All are checked to give the same slots before anything is timed; runs are interleaved, and
the ratio of each pair is taken, so that the figure holds on a machine whose speed drifts.
Run it with ``nox -s bench``.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from operator import attrgetter
from statistics import median, quantiles
from time import perf_counter
from zoneinfo import ZoneInfo

import attrs
from dateutil.rrule import FR, MO, TH, TU, WE, WEEKLY, rrule

from medsched.adapters.tzdata import TzdataZones
from medsched.domain.appointment_types import AppointmentType
from medsched.domain.availability import AvailabilityRule, Override
from medsched.domain.claims import Claim
from medsched.domain.people import Provider
from medsched.domain.places import PracticeSettings
from medsched.domain.requests import Request
from medsched.domain.schedule import Schedule, calendar
from medsched.domain.slots import Slot
from medsched.engine.inquiry import Inquiry
from medsched.engine.slots import list_slots
from medsched.timeline.recurrence import Recurrence

ZONE = "America/New_York"
FIRST = date(2026, 2, 2)
DAYS = 84
LENGTH = timedelta(minutes=30)
WINDOWS = ((time(9), time(12)), (time(13), time(17)))
CLOSED = ((3, time(9), time(10)), (10, time(13), time(17)), (24, time(11), time(12)))
EXTRA = (12, time(9), time(12))
REPLACED = (15, time(10), time(14))
DAYS_OFF = (30, 31, 32)
BOOKINGS = 200

START = datetime.combine(FIRST, time(), ZoneInfo(ZONE)).astimezone(UTC)
END = START + timedelta(days=DAYS)


@dataclass(frozen=True)
class Span:
    """What the plain way keeps of a slot, and of a booking."""

    start: datetime
    end: datetime


def plain(bookings: list[Span]) -> list[Span]:
    """An rrule per window, zoneinfo for every edge of a slot, and slots times bookings."""
    zone = ZoneInfo(ZONE)
    off = {FIRST + timedelta(days=day) for day in DAYS_OFF}
    replaced = FIRST + timedelta(days=REPLACED[0])
    opened = [
        (at.date(), opens, closes)
        for opens, closes in WINDOWS
        for at in rrule(
            WEEKLY,
            dtstart=datetime.combine(FIRST, opens),
            until=datetime.combine(FIRST + timedelta(days=DAYS), time()),
            byweekday=(MO, TU, WE, TH, FR),
        )
        if at.date() not in off and at.date() != replaced
    ]
    opened.append((replaced, REPLACED[1], REPLACED[2]))
    opened.append((FIRST + timedelta(days=EXTRA[0]), EXTRA[1], EXTRA[2]))

    def instant(day: date, wall: time) -> datetime:
        return datetime.combine(day, wall, zone).astimezone(UTC)

    closed = [
        Span(instant(FIRST + timedelta(days=day), low), instant(FIRST + timedelta(days=day), high))
        for day, low, high in CLOSED
    ]
    free = []
    for day, opens, closes in opened:
        at, end = datetime.combine(day, opens, zone), datetime.combine(day, closes, zone)
        while at + LENGTH <= end:
            slot = Span(at.astimezone(UTC), (at + LENGTH).astimezone(UTC))
            at += LENGTH
            if not any(
                taken.start < slot.end and slot.start < taken.end
                for taken in chain(closed, bookings)
            ):
                free.append(slot)
    return sorted(free, key=attrgetter("start"))


def schedule() -> Schedule:
    """The same clinic in the library's words."""
    provider = Provider(id="smith", timezone=ZONE)

    def hours(day: int, low: time, high: time) -> tuple[date, str]:
        return FIRST + timedelta(days=day), f"{low:%H:%M}-{high:%H:%M}"

    overrides = [
        Override.closed(provider.id, day, hours=[span], id=f"closed-{day}")
        for day, span in (hours(*closed) for closed in CLOSED)
    ]
    extra, replaced = hours(*EXTRA), hours(*REPLACED)
    overrides += [
        Override.extra(provider.id, extra[0], hours=[extra[1]], id="extra"),
        Override.replaced(provider.id, replaced[0], hours=[replaced[1]], id="replaced"),
        *(
            Override.closed(provider.id, FIRST + timedelta(days=day), id=f"off-{day}")
            for day in DAYS_OFF
        ),
    ]
    rule = AvailabilityRule(
        provider.id,
        Recurrence.weekly("MO-FR", start=date(2026, 1, 5)),
        hours=[f"{low:%H:%M}-{high:%H:%M}" for low, high in WINDOWS],
        id="rule",
    )
    own = calendar(rules=(rule,), overrides=tuple(overrides))
    return Schedule(
        practice=PracticeSettings(id="riverside"),
        provider=provider,
        calendars={provider.resource: own},
    )


def timed(work: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    started = perf_counter()
    work()
    return perf_counter() - started


def main() -> None:
    """Check that both agree, then time them in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    rounds = parser.parse_args().rounds
    zones, booked = TzdataZones(), schedule()
    visit = AppointmentType(code="visit", duration=LENGTH)
    request = Request(visit)
    candidates = plain([])
    bookings = random.Random(20261120).sample(candidates, BOOKINGS)
    bookings.sort(key=attrgetter("start"))
    resource = booked.provider.resource
    claims = [Claim.of(resource, one.start, one.end) for one in bookings]

    def cold() -> list[Slot]:
        fresh = attrs.evolve(booked)  # a snapshot that nothing was worked out from yet
        return list(list_slots(Inquiry(fresh, request, zones, {resource: claims}), START, END))

    def warm() -> list[Slot]:
        return list(list_slots(Inquiry(booked, request, zones, {resource: claims}), START, END))

    expected = plain(bookings)
    for ours in (cold, warm):
        assert [Span(slot.start, slot.end) for slot in ours()] == expected, "the ways disagree"
    print(
        f"{len(candidates)} candidates, {BOOKINGS} bookings, {len(expected)} slots, {rounds} rounds"
    )
    for name, ours in (("cold", cold), ("warm", warm)):
        pairs = [(timed(lambda: plain(bookings)), timed(ours)) for _ in range(rounds)]
        ratios = [slow / fast for slow, fast in pairs]
        low, middle, high = quantiles(ratios, n=4)
        slow, fast = (median(pair[side] for pair in pairs) * 1e6 for side in (0, 1))
        print(
            f"slots_{name}: plain {slow:,.0f} µs, medsched {fast:,.0f} µs,"
            f" ratio {middle:.0f} (quartiles {low:.0f} to {high:.0f})"
        )


if __name__ == "__main__":
    main()
