"""One provider's slots: the library against what one writes first, and against a careful way.

The naive way is an rrule per window, zoneinfo for the instants, and every slot held against one
booking after the other. The competent way looks each date's hours up once, keeps the bookings by
day, and counts in UTC within a window. Both make an object of each slot, with what the library's
slots say. `cold` starts from a schedule that nothing was worked out from yet, `warm` from one that
was listed before, with the same bookings read again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from operator import attrgetter
from random import Random
from zoneinfo import ZoneInfo

import attrs
from dateutil.rrule import FR, MO, TH, TU, WE, WEEKLY, rrule
from tests.benchmarks.turns import Result, Turns, Way, in_turns, rounds_of

from medsched.adapters.tzdata import TzdataZones
from medsched.domain.appointment_types import AppointmentType
from medsched.domain.availability import AvailabilityRule, Override
from medsched.domain.claims import Claim
from medsched.domain.explanations import Explanation
from medsched.domain.people import Provider
from medsched.domain.places import PracticeSettings
from medsched.domain.requests import Request
from medsched.domain.schedule import Schedule, calendar
from medsched.domain.slots import Slot, SlotStatus
from medsched.engine.explain import explain
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


@dataclass(frozen=True, slots=True)
class Span:
    """What the other ways keep of a booking."""

    start: datetime
    end: datetime

    def overlaps(self, start: datetime, end: datetime) -> bool:
        """Whether it shares time with another span."""
        return self.start < end and start < self.end


@dataclass(frozen=True, slots=True)
class Made:
    """A slot of the other ways."""

    practice: str
    provider: str
    type: str
    location: str | None
    start: datetime
    end: datetime
    timezone: str
    status: str
    capacity: int = 1


@dataclass(frozen=True)
class Clinic:
    """The first days of the twelve weeks, and how many of their slots are booked."""

    days: int = DAYS
    bookings: int = BOOKINGS

    # ------------------------------------------------------------ what one would write

    def naive(self, bookings: Sequence[Span], *, in_zone: bool = False) -> list[Made]:
        """An rrule per window, zoneinfo for every edge of a slot, and slots times bookings.

        ``in_zone``: slots stay in the times of their zone, and are not made UTC as bookings are.
        """
        zone = ZoneInfo(ZONE)
        kept = zone if in_zone else UTC
        beyond = FIRST + timedelta(days=self.days)
        off = {FIRST + timedelta(days=day) for day in DAYS_OFF}
        replaced = FIRST + timedelta(days=REPLACED[0])
        opened = [
            (at.date(), opens, closes)
            for opens, closes in WINDOWS
            for at in rrule(
                WEEKLY,
                dtstart=datetime.combine(FIRST, opens),
                until=datetime.combine(beyond, time()),
                byweekday=(MO, TU, WE, TH, FR),
            )
            if at.date() not in off and at.date() != replaced
        ]
        opened += [
            (FIRST + timedelta(days=ahead), opens, closes)
            for ahead, opens, closes in (EXTRA, REPLACED)
        ]
        closed = [
            Span(
                datetime.combine(FIRST + timedelta(days=ahead), low, zone).astimezone(UTC),
                datetime.combine(FIRST + timedelta(days=ahead), high, zone).astimezone(UTC),
            )
            for ahead, low, high in CLOSED
        ]
        free = []
        for day, opens, closes in opened:
            at = datetime.combine(day, opens, zone)
            until = datetime.combine(day, closes, zone)
            while day < beyond and at + LENGTH <= until:
                start, end = at.astimezone(kept), (at + LENGTH).astimezone(kept)
                if not any(one.overlaps(start, end) for one in chain(closed, bookings)):
                    made = Made("riverside", "smith", "visit", None, start, end, ZONE, "free")
                    free.append(made)
                at += LENGTH
        return sorted(free, key=attrgetter("start"))

    def competent(self, bookings: Sequence[Span]) -> list[Made]:
        """Each date looked up once, bookings by day, and within a window all in UTC."""
        zone = ZoneInfo(ZONE)
        off = {FIRST + timedelta(days=day) for day in DAYS_OFF}
        closed = {FIRST + timedelta(days=day): (low, high) for day, low, high in CLOSED}
        hours: dict[date, tuple[tuple[time, time], ...]] = {
            FIRST + timedelta(days=day): ((low, high),) for day, low, high in (EXTRA, REPLACED)
        }
        by_day: defaultdict[date, list[Span]] = defaultdict(list)
        for booking in bookings:
            by_day[booking.start.astimezone(zone).date()].append(booking)

        def instant(day: date, wall: time) -> datetime:
            return datetime.combine(day, wall, zone).astimezone(UTC)

        free: list[Made] = []
        for ahead in range(self.days):
            day = FIRST + timedelta(days=ahead)
            if day in off:
                continue
            windows = hours.get(day) or (WINDOWS if day.weekday() < 5 else ())
            taken = by_day.get(day, [])
            if day in closed:
                low, high = closed[day]
                taken = [*taken, Span(instant(day, low), instant(day, high))]
            for opens, closes in windows:
                at, beyond = instant(day, opens), instant(day, closes)
                while (end := at + LENGTH) <= beyond:
                    if not any(one.overlaps(at, end) for one in taken):
                        made = Made("riverside", "smith", "visit", None, at, end, ZONE, "free")
                        free.append(made)
                    at = end
        return free

    # ------------------------------------------------------- the same in the library's words

    def schedule(self) -> Schedule:
        """The hours and overrides of the clinic."""
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
        return alone(provider, [rule], overrides)

    @property
    def span(self) -> Span:
        """From the first midnight on the wall, so many days."""
        start = datetime.combine(FIRST, time(), ZoneInfo(ZONE)).astimezone(UTC)
        return Span(start, start + timedelta(days=self.days))

    def booked(self) -> list[Span]:
        """Some of the slots, picked by lot."""
        candidates = [Span(one.start, one.end) for one in self.competent([])]
        chosen = Random(20261120).sample(candidates, min(self.bookings, len(candidates)))
        return sorted(chosen, key=attrgetter("start"))


def alone(
    provider: Provider, rules: Sequence[AvailabilityRule], overrides: Sequence[Override]
) -> Schedule:
    """The schedule of a provider who needs nothing else."""
    own = calendar(rules=tuple(rules), overrides=tuple(overrides))
    return Schedule(
        practice=PracticeSettings(id="riverside"),
        provider=provider,
        calendars={provider.resource: own},
    )


class Ways:
    """The ways to list a clinic's slots, checked to agree."""

    def __init__(self, clinic: Clinic) -> None:
        self._clinic, self._bookings = clinic, clinic.booked()
        self._schedule, self._zones = clinic.schedule(), TzdataZones()
        self._request = Request(AppointmentType(code="visit", duration=LENGTH))
        self._span = clinic.span
        whose = self._schedule.provider.resource
        claims = [Claim.of(whose, one.start, one.end) for one in self._bookings]
        self._claims = {whose: claims}
        expected = [(one.start, one.end) for one in self.naive()]
        for way in (self.competent, self.cold, self.warm, self.warm):
            found = [(one.start, one.end) for one in way()]
            assert found == expected, f"{way.__name__} disagrees"
        self.note = f"{len(clinic.competent([]))} candidates, {len(claims)} booked"

    def naive(self) -> list[Made]:
        """What one writes first."""
        return self._clinic.naive(self._bookings)

    def in_zone(self) -> list[Made]:
        """What one writes first who does not make the slots UTC."""
        return self._clinic.naive(self._bookings, in_zone=True)

    def competent(self) -> list[Made]:
        """What a careful developer writes."""
        return self._clinic.competent(self._bookings)

    def cold(self) -> list[Slot]:
        """The library, from a snapshot that nothing was worked out from yet."""
        return self._listed(attrs.evolve(self._schedule))

    def warm(self) -> list[Slot]:
        """The library, from a snapshot that was listed before."""
        return self._listed(self._schedule)

    def _listed(self, schedule: Schedule) -> list[Slot]:
        inquiry = Inquiry(schedule, self._request, self._zones, self._claims)
        return list(list_slots(inquiry, self._span.start, self._span.end))


def against_naive(scale: float) -> Iterator[Result]:
    """Twelve weeks against what one writes first."""
    ways = Ways(Clinic())
    rounds = rounds_of(60, scale)
    yield in_turns(ways.naive, ways.cold, rounds=rounds, times=5).result("slots_cold", ways.note)
    yield in_turns(ways.naive, ways.warm, rounds=rounds, times=10).result("slots_warm", ways.note)
    assert [one.start for one in ways.in_zone()] == [one.start for one in ways.cold()]
    turns = in_turns(ways.in_zone, ways.cold, rounds=rounds_of(20, scale, least=1), warm=0, times=5)
    yield turns.result("slots_cold_in_zone", "against the naive way in zoneinfo's times")


def against_competent(scale: float) -> Iterator[Result]:
    """Twelve weeks against a careful way."""
    ways = Ways(Clinic())
    turns = in_turns(
        ways.competent, ways.cold, rounds=rounds_of(200, scale), baseline_times=2, times=5
    )
    yield turns.result("slots_cold_competent", ways.note)


def ordinary_week(scale: float) -> Iterator[Result]:
    """One provider and one week, as an ordinary clinic asks: nothing may make this slower."""
    ways = Ways(Clinic(days=7, bookings=20))
    turns = in_turns(
        ways.competent, ways.cold, rounds=rounds_of(200, scale), baseline_times=5, times=5
    )
    yield turns.result("slots_ordinary", f"against the competent way; {ways.note}")


# ------------------------------------------------------------------------- many rules

THREE = ("America/New_York", "America/Chicago", "America/Denver")
QUARTER = timedelta(minutes=15)


def many(times: int) -> Schedule:
    """Ten rules and 200 overrides in three zones, each rule cut into so many, up to 16.

    A rule opens a morning or an afternoon of one weekday, 256 minutes; cut, each part of it has a
    rule of its own, so that whatever the number of rules there is the same time to find.
    """
    provider, rules = Provider(id="smith", timezone=ZONE), list[AvailabilityRule]()
    for weekday, zone in zip(("MO", "TU", "WE", "TH", "FR"), (*THREE, *THREE), strict=False):
        for begins in (6 * 60, 12 * 60):
            part = 256 // times
            for at in range(begins, begins + 256, part):
                hours = f"{_wall(at)}-{_wall(at + part)}"
                recurrence = Recurrence.weekly(weekday, start=date(2026, 1, 5))
                id = f"{weekday}-{at:04d}"
                rules.append(
                    AvailabilityRule(provider.id, recurrence, hours=hours, timezone=zone, id=id)
                )
    overrides = []
    for number in range(200):
        day, begins = FIRST + timedelta(days=number % DAYS), 6 * 60 + 37 * (number // DAYS)
        stretch, id = [f"{_wall(begins)}-{_wall(begins + 30)}"], f"override-{number:03d}"
        make = Override.extra if number % 4 == 3 else Override.closed
        overrides.append(make(provider.id, day, hours=stretch, timezone=THREE[number % 3], id=id))
    return alone(provider, rules, overrides)


def _wall(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def listed_cold(schedule: Schedule, span: Span, length: timedelta) -> Way:
    """A listing of a schedule that nothing was worked out from yet."""
    request, zones = Request(AppointmentType(code="visit", duration=length)), TzdataZones()

    def way() -> list[Slot]:
        inquiry = Inquiry(attrs.evolve(schedule), request, zones)
        return list(list_slots(inquiry, span.start, span.end))

    return way


def many_rules(scale: float) -> Iterator[Result]:
    """How the time to list grows when there are sixteen times as many rules."""
    span, length = Clinic().span, timedelta(minutes=16)
    few, lots = (listed_cold(many(times), span, length) for times in (1, 16))
    turns = in_turns(few, lots, rounds=rounds_of(60, scale))
    linear = Turns([16 * one for one in turns.baseline], turns.ours)
    yield linear.result(
        "slots_many_rules", "baseline: 16 times what 10 rules cost; ours: 160 rules"
    )


# ------------------------------------------------------------------------ explanations


def explain_day(scale: float) -> Iterator[Result]:
    """Every candidate of a day explained, against the day listed."""
    clinic = Clinic()
    schedule, zones, claims = clinic.schedule(), TzdataZones(), clinic.booked()
    whose = schedule.provider.resource
    taken = {whose: [Claim.of(whose, one.start, one.end) for one in claims]}
    request = Request(AppointmentType(code="visit", duration=LENGTH))
    start = clinic.span.start + timedelta(days=7)
    end = start + timedelta(days=1)

    def inquiry() -> Inquiry:
        return Inquiry(attrs.evolve(schedule), request, zones, taken)

    def listed() -> list[Slot]:
        return list(list_slots(inquiry(), start, end, taken=True))

    candidates = [one.start for one in listed()]

    def explained() -> list[Explanation]:
        asked = inquiry()
        return [explain(asked, at) for at in candidates]

    free = [one.status is SlotStatus.FREE for one in listed()]
    assert [one.slot is not None for one in explained()] == free, "the ways disagree"
    turns = in_turns(listed, explained, rounds=rounds_of(100, scale), baseline_times=5)
    yield turns.result("explain_day", f"{len(candidates)} candidates")
