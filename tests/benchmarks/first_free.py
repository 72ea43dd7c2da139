"""The first free slots of many providers, nearly all of whose time is booked, in memory.

The baseline is what one writes first: of each provider the rule expanded, every start made an
instant and held against every booking, and the earliest of what is left. It costs the same for
each provider, so it is timed for one after another, and figures are per provider; only the pool
is timed as a whole. `first_free_raw` begins with a provider's schedule that nothing was worked out
from yet and their bookings as a list, `first_free_ledger` with a store in which they are kept, and
whose rules were read before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import cycle, islice
from random import Random
from time import perf_counter
from zoneinfo import ZoneInfo

import attrs
from dateutil.rrule import FR, MO, TH, TU, WE, WEEKLY, rrule
from tests.benchmarks.slots import alone
from tests.benchmarks.turns import Result, Turns, in_turns, rounds_of

from medsched import (
    AppointmentType,
    AvailabilityRule,
    MemoryStore,
    Practice,
    Provider,
    Recurrence,
    Scheduler,
    Search,
)
from medsched.adapters.tzdata import TzdataZones
from medsched.domain.changes import Applied, Changeset
from medsched.domain.claims import Claim
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.requests import Request
from medsched.engine.inquiry import Inquiry
from medsched.engine.slots import list_slots
from medsched.testing.fixed import FixedClock

ZONE = ZoneInfo("America/New_York")
MONDAY = date(2026, 1, 5)
NOW = datetime(2026, 1, 5, 7, 30, tzinfo=ZONE).astimezone(UTC)
LENGTH = timedelta(minutes=20)
BOOKED = 0.97
WEEKDAYS = Recurrence.weekly("MO-FR", start=MONDAY)
EARLIEST = 20


@attrs.frozen(slots=False)
class Crowd:
    """So many providers, open on weekdays from nine to five, and the starts that are booked.

    There are as many patterns of bookings as there are ``patterns``, which providers share.
    """

    providers: int
    days: int
    patterns: int = 100

    @property
    def ids(self) -> list[str]:
        """The providers' ids, in order."""
        return [f"p{number:05d}" for number in range(self.providers)]

    def booked(self, number: int) -> list[datetime]:
        """The starts that are booked with a provider, in order."""
        random = Random(number % self.patterns)
        return [start for start in self._starts if random.random() < BOOKED]

    @cached_property
    def _starts(self) -> list[datetime]:
        """Every start of every weekday, in UTC."""
        days = [MONDAY + timedelta(days=at) for at in range(self.days)]
        nines = [
            datetime(day.year, day.month, day.day, 9, tzinfo=ZONE).astimezone(UTC)
            for day in days
            if day.weekday() < 5
        ]
        return [nine + at * LENGTH for nine in nines for at in range(24)]

    def plainly(self, booked: Sequence[datetime]) -> list[datetime]:
        """The free starts of a provider: a rule expanded, and slots times bookings."""
        rule = rrule(WEEKLY, dtstart=datetime(2026, 1, 5), byweekday=(MO, TU, WE, TH, FR))
        first = datetime.combine(MONDAY, datetime.min.time())
        free = []
        for day in rule.between(first, first + timedelta(days=self.days - 1), inc=True):
            start, end = day.replace(hour=9, tzinfo=ZONE), day.replace(hour=17, tzinfo=ZONE)
            while start + LENGTH <= end:
                at = start.astimezone(UTC)
                if at >= NOW and not any(
                    at < taken + LENGTH and taken < at + LENGTH for taken in booked
                ):
                    free.append(at)
                start += LENGTH
        return free

    @property
    def search(self) -> Search:
        """The search for what all of them have free."""
        last = MONDAY + timedelta(days=self.days - 1)
        return Search(first=MONDAY, last=last, types="visit")

    def practice(self) -> Practice:
        """The same crowd in a store in memory, bookings that touch in one claim."""
        store = MemoryStore()
        clinic = Scheduler(store, clock=FixedClock(NOW)).practice("clinic")
        clinic.settings.configure(timezone=ZONE.key)
        clinic.appointment_types.create(code="visit", duration=LENGTH)
        for first in range(0, self.providers, 1000):
            some = self.ids[first : first + 1000]
            rules = [
                AvailabilityRule(id, WEEKDAYS, hours="09:00-17:00", id=f"rule-{id}") for id in some
            ]
            clinic.add_all([*(Provider(id=id) for id in some), *rules])
        patterns = min(self.patterns, self.providers)
        runs = [_runs(self.booked(number)) for number in range(patterns)]
        for number, id in enumerate(self.ids):
            whose = Resource(ResourceKind.PROVIDER, id)
            claims = tuple(Claim(whose, *run, id=id) for run in runs[number % patterns])
            outcome = store.apply(Changeset(practice="clinic", claims=claims))
            assert outcome == Applied(), outcome
        return clinic


def _runs(starts: Sequence[datetime]) -> list[tuple[int, int]]:
    """Bookings as stretches of minutes, those that touch as one: fewer claims, the same ledger."""
    found: list[tuple[int, int]] = []
    for start in starts:
        low = int(start.timestamp()) // 60
        if found and found[-1][1] == low:
            low = found.pop()[0]
        found.append((low, int((start + LENGTH).timestamp()) // 60))
    return found


def raw(scale: float) -> Iterator[Result]:
    """The first free slot of each provider over 84 days, from their bookings."""
    crowd = Crowd(rounds_of(100, scale, least=5), days=84)
    provider = Provider(id="smith", timezone=ZONE.key)
    rule = AvailabilityRule(provider.id, WEEKDAYS, hours="09:00-17:00", id="rule")
    schedule, zones = alone(provider, [rule], []), TzdataZones()
    request = Request(AppointmentType(code="visit", duration=LENGTH), now=NOW)
    booked = [crowd.booked(number) for number in range(crowd.providers)]
    claims = [[Claim.of(provider.resource, at, at + LENGTH) for at in some] for some in booked]
    end = datetime.combine(MONDAY + timedelta(days=84), datetime.min.time(), ZONE)

    def plain(some: Sequence[datetime]) -> datetime | None:
        return min(crowd.plainly(some), default=None)

    def first(some: list[Claim]) -> datetime | None:
        asked = Inquiry(attrs.evolve(schedule), request, zones, {provider.resource: some})
        found = list_slots(asked, NOW, end).first()
        return found[0].start if found else None

    for some, ours in zip(booked[:5], claims[:5], strict=True):
        assert plain(some) == first(ours), "the ways disagree"
    theirs, own = cycle(booked), cycle(claims)
    turns = in_turns(
        lambda: plain(next(theirs)),
        lambda: first(next(own)),
        rounds=rounds_of(60, scale),
        times=10,
    )
    yield turns.result("first_free_raw", f"a provider with {len(booked[0]):,} bookings")


def ledger(scale: float) -> Iterator[Result]:
    """The first free slot of each of 10,000 providers over 84 days, from the store's ledger."""
    crowd = Crowd(rounds_of(10_000, min(scale, 1), least=20), days=84)
    clinic = crowd.practice()
    began = perf_counter()
    found = clinic.search.first_of_each(crowd.search)
    first = perf_counter() - began
    numbers = Random(3).sample(range(crowd.providers), 5)
    sample = {number: min(crowd.plainly(crowd.booked(number)), default=None) for number in numbers}
    for number, expected in sample.items():
        slot = found.get(crowd.ids[number])
        assert (slot and slot.start) == expected, "the ways disagree"
    booked = cycle([crowd.booked(number) for number in numbers])
    turns = in_turns(
        lambda: crowd.plainly(next(booked)),
        lambda: clinic.search.first_of_each(crowd.search),
        rounds=rounds_of(12, scale),
        baseline_times=rounds_of(3, scale, least=1),
    )
    each = Turns(turns.baseline, [one / crowd.providers for one in turns.ours])
    yield each.result(
        "first_free_ledger",
        f"{crowd.providers:,} providers; rules not read before: {first:.2f} s",
        first_search_seconds=first,
    )


def pool(scale: float) -> Iterator[Result]:
    """The earliest 20 free slots of a pool of 1,000 providers within 14 days."""
    crowd = Crowd(rounds_of(1000, min(scale, 1), least=20), days=14)
    clinic = crowd.practice()
    booked = [(id, crowd.booked(number)) for number, id in enumerate(crowd.ids)]

    def plain() -> list[tuple[datetime, str]]:
        found = [(start, id) for id, some in booked for start in crowd.plainly(some)]
        return sorted(found)[:EARLIEST]

    def search() -> list[tuple[datetime, str]]:
        slots = islice(clinic.search.found(crowd.search), EARLIEST)
        return [(one.start, one.provider) for one in slots]

    assert plain() == search(), "the ways disagree"
    turns = in_turns(plain, search, rounds=rounds_of(8, scale), times=10, warm=0)
    yield turns.result("pool_earliest", f"{crowd.providers:,} providers")
