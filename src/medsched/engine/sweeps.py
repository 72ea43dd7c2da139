"""Sweeping over many schedules: which starts a search wants of each, and which are left of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from heapq import heapify, heappop, heapreplace
from typing import NamedTuple

import attrs

from medsched.domain.appointment_types import AppointmentType
from medsched.domain.ledger import HOUR, LedgerKey
from medsched.domain.people import Provider
from medsched.domain.places import Location
from medsched.domain.records import Resource
from medsched.domain.requests import Request
from medsched.domain.searches import Search
from medsched.domain.slots import Slot, SlotStatus, SlotTerms
from medsched.engine.free_starts import DayStarts, Template, first_start, minutes_in_day
from medsched.engine.inquiry import Inquiry
from medsched.engine.searching import suits_terms, wanted_minutes
from medsched.timeline.instants import DAY
from medsched.timeline.intervals import Interval
from medsched.timeline.zones import Zone


@attrs.frozen(eq=False)
class Post:
    """A provider and a type that may be booked with them: one of those that a search may find.

    ``plain``: the ledger alone tells what is free, see `is_plain`.
    """

    provider: Provider
    type: AppointmentType
    template: Template
    plain: bool


class Hit(NamedTuple):
    """Starts of one post and opening on a UTC day, a bit a minute: there is at least one."""

    post: Post
    terms: SlotTerms
    day: int
    starts: int

    @property
    def is_free(self) -> bool:
        """Whether they can be booked; else they are told because they are taken."""
        return self.terms.status is SlotStatus.FREE


class Candidate(NamedTuple):
    """Starts that a search wants, as far as hours go."""

    post: Post
    opened: DayStarts
    day: int
    starts: int

    def free(self, ledger: Mapping[LedgerKey, int], patient: Resource | None) -> Iterator[Hit]:
        """Those of them that nothing claims."""
        left = self.opened.left(self.starts, self.day, ledger, patient)
        if left:
            yield Hit(self.post, self.opened.terms, self.day, left)


class Place(NamedTuple):
    """Where in the order of a search a slot stands."""

    start: int
    provider: str
    type: str
    location: str


class Sweep:
    """What a search asks of all schedules alike; each answer is worked out once.

    ``zone`` is the viewer's, None where each slot is seen on the wall of its own hours. ``low`` and
    ``high`` bound the starts, in minutes of the epoch.
    """

    def __init__(
        self,
        search: Search,
        now: datetime,
        zone: Zone | None,
        places: Mapping[str, Location],
        stretch: Interval,
    ) -> None:
        self.search = search
        self.now = now
        self.zone = zone
        self.low, self.high = stretch
        self._places = places
        self._picky = (
            search.asks_of_place
            or search.price_at_most is not None
            or search.insurance_accepted is not None
        )
        self._wanted: dict[tuple[str, int], int] = {}
        self._bookable: dict[object, Interval] = {}
        # By identity, since to compare terms takes longer than to look at them.
        self._suits: dict[int, tuple[SlotTerms, bool]] = {}
        self._seen: dict[int, tuple[SlotTerms, SlotTerms]] = {}

    def candidates(self, posts: Iterable[Post], first: int, last: int) -> list[Candidate]:
        """What hours give of the UTC days from ``first`` to ``last``, inclusive."""
        found: list[Candidate] = []
        wanted, picky = self.wanted, self._picky
        for post in posts:
            on, (soonest, beyond) = post.template.on, self._bookable_of(post)
            for day in range(first, last + 1):
                for opened in on(day):
                    starts = opened.starts & wanted(opened.terms.zone, day)
                    midnight = day * DAY
                    if soonest > midnight:
                        starts = starts >> (soonest - midnight) << (soonest - midnight)
                    if beyond < midnight + DAY:
                        starts &= (1 << max(beyond - midnight, 0)) - 1
                    if starts and (not picky or self.suits(opened.terms)):
                        found.append(Candidate(post, opened, day, starts))
        return found

    def wanted(self, zone: Zone, day: int) -> int:
        """The minutes of a UTC day at which a start is wanted, for hours on the wall of a zone."""
        key = (zone.key, day)
        found = self._wanted.get(key)
        if found is None:
            low, high = max(day * DAY, self.low), min((day + 1) * DAY, self.high)
            spans = wanted_minutes(self.search, self.zone or zone, low, high) if low < high else []
            found = self._wanted[key] = minutes_in_day(spans, day)
        return found

    def suits(self, terms: SlotTerms) -> bool:
        """Whether slots with these terms are what is looked for, whenever they start."""
        found = self._suits.get(id(terms))
        if found is None:
            found = self._suits[id(terms)] = (terms, suits_terms(self.search, terms, self._places))
        return found[1]

    def _bookable_of(self, post: Post) -> Interval:
        """The starts that the rules of time allow now."""
        type_, provider = post.type, post.provider
        key = (
            *(type_.notice, type_.furthest_ahead, type_.days_ahead),
            *(provider.notice, provider.furthest_ahead, provider.days_ahead),
            None if type_.days_ahead is provider.days_ahead is None else provider.id,
        )
        found = self._bookable.get(key)
        if found is None:
            asked: Inquiry = attrs.evolve(
                post.template.inquiry, request=Request(type_, now=self.now)
            )
            found = self._bookable[key] = asked.bookable()
        return found

    def slot(self, terms: SlotTerms, start: int) -> Slot:
        """A slot as the viewer sees it."""
        if self.zone is None or terms.zone is self.zone:
            return Slot((terms, start))
        seen = self._seen.get(id(terms))
        if seen is None:
            seen = self._seen[id(terms)] = (terms, attrs.evolve(terms, zone=self.zone))
        return Slot((seen[1], start))

    def in_order(self, hits: Iterable[Hit], after: Place | None = None) -> Iterator[Slot]:
        """The slots of some hits in order of start, provider, type and place, after a place."""
        # One start of each in the heap, the others as bits: mostly few are looked at.
        heap: list[tuple[Place, int, int, Hit]] = []
        for number, hit in enumerate(hits):
            terms, starts, midnight = hit.terms, hit.starts, hit.day * DAY
            if after is not None and after.start > midnight:
                passed = after.start - midnight
                starts = starts >> passed << passed
            if starts:
                heap.append((_place(terms, midnight, starts), number, starts, hit))
        heapify(heap)
        while heap:
            place, number, starts, hit = heap[0]
            if after is None or place > after:
                yield self.slot(hit.terms, place.start)
            starts &= starts - 1
            if starts:
                heapreplace(heap, (_place(hit.terms, hit.day * DAY, starts), number, starts, hit))
            else:
                heappop(heap)


def _place(terms: SlotTerms, midnight: int, starts: int) -> Place:
    start = midnight + first_start(starts)
    return Place(start, terms.provider, terms.type, terms.location or "")


def place_of(slot: Slot) -> Place:
    """Where in the order of a search a slot stands."""
    terms, start = slot
    return Place(start, terms.provider, terms.type, terms.location or "")


def resources_of(candidates: Iterable[Candidate]) -> dict[Resource, None]:
    """Whose claims matter to some starts."""
    found: dict[Resource, None] = {}
    for candidate in candidates:
        found.update(candidate.opened.resources)
    return found


def reach_of(candidates: Sequence[Candidate]) -> tuple[int, int, tuple[int, int]]:
    """The first and last UTC day whose claims matter to some starts, and the hours of each day."""
    first = min(one.day for one in candidates)
    last = max(one.day for one in candidates)
    every = [one.opened for one in candidates]
    earlier, later = any(one.earlier for one in every), any(one.later for one in every)
    hours = (0, 24)
    if not (earlier or later):
        low = min(one.lowest for one in every) // HOUR
        high = -(-max(one.highest for one in every) // HOUR)
        hours = (low, min(high, 24))
    return first - earlier, last + later, hours
