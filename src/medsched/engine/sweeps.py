"""Sweeping over many schedules: which starts a search wants of each, and which are left of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
from medsched.engine.release_rules import kept_back
from medsched.engine.searching import suits_terms, wanted_minutes
from medsched.errors import MissingZone, UnknownZone
from medsched.timeline.instants import DAY
from medsched.timeline.intervals import Interval
from medsched.timeline.zones import Zone


@attrs.frozen(eq=False)
class Post:
    """A provider and a type that may be booked with them: one of those that a search may find.

    ``plain``: the ledger alone tells what is free, see `is_plain`. ``timing`` is a number that
    posts share whose rules of time are alike.
    """

    provider: Provider
    type: AppointmentType
    template: Template
    plain: bool
    timing: int


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

    @property
    def order(self) -> tuple[str, str]:
        """Where it stands among those of one day."""
        return self.terms.provider, self.terms.type


class Suiting(NamedTuple):
    """The posts that suit a search, in order of provider and type, and which of them are alike.

    ``plain`` are those of which the ledger alone tells what is free; ``asking`` too, unless it is
    said for whom it is, since they have rules that ask; ``others`` never.
    """

    posts: Sequence[Post]
    plain: Sequence[Post]
    asking: Sequence[Post]
    others: Sequence[Post]

    @classmethod
    def of(cls, posts: Sequence[Post]) -> Suiting:
        """Some posts, told apart."""
        return cls(
            posts,
            [one for one in posts if one.plain and not one.template.asks_of_patient],
            [one for one in posts if one.plain and one.template.asks_of_patient],
            [one for one in posts if not one.plain],
        )


class Candidate(NamedTuple):
    """Starts that a search wants, as far as hours go."""

    post: Post
    opened: DayStarts
    day: int
    starts: int


def free_of(
    candidates: Iterable[Candidate], ledger: Mapping[LedgerKey, int], patient: Resource | None
) -> list[Hit]:
    """Those of some starts that nothing claims."""
    found: list[Hit] = []
    for post, opened, day, starts in candidates:
        sole = opened.sole if patient is None else None
        if sole is None:
            left = opened.left(starts, day, ledger, patient)
        else:
            taken = ledger.get(LedgerKey(sole.resource, day))
            left = starts & ~sole.blocked(taken) if taken else starts
        if left:
            found.append(Hit(post, opened.terms, day, left))
    return found


class Place(NamedTuple):
    """Where in the order of a search a slot stands."""

    start: int
    provider: str
    type: str
    location: str


class Sweep:
    """What a search asks of all schedules alike; each answer is worked out once.

    ``zone`` is the viewer's, None where each slot is seen on the wall of its own hours. ``stretch``
    bounds the starts, in minutes of the epoch. ``named`` are providers who were asked for by id.
    """

    def __init__(
        self,
        search: Search,
        now: datetime,
        zone: Zone | None,
        places: Mapping[str, Location],
        stretch: Interval,
        named: Collection[str] = (),
    ) -> None:
        self.search = search
        self._named = named
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
        self._bookable: dict[int, Interval] = {}
        # By identity, since to compare terms takes longer than to look at them.
        self._suits: dict[int, tuple[SlotTerms, bool]] = {}
        self._seen: dict[int, tuple[SlotTerms, SlotTerms]] = {}

    def candidates(self, posts: Iterable[Post], first: int, last: int) -> list[Candidate]:
        """What hours give of the UTC days from ``first`` to ``last``, inclusive."""
        found: list[Candidate] = []
        picky, masks = self._picky, dict[tuple[int, int, int], int]()
        for post in posts:
            on, timing = post.template.on, post.timing
            try:
                for day in range(first, last + 1):
                    for opened in on(day):
                        zone = opened.terms.zone
                        mask = masks.get((id(zone), day, timing))
                        if mask is None:
                            mask = self.wanted(zone, day) & self._bookable_on(post, day)
                            masks[id(zone), day, timing] = mask
                        starts = opened.starts & mask
                        if starts and (not picky or self.suits(opened.terms)):
                            found.append(Candidate(post, opened, day, starts))
            except (MissingZone, UnknownZone):
                self.pass_over(post)
        return found

    def pass_over(self, post: Post) -> None:
        """Leave out a post whose hours cannot be told, in the handler of the error that says so.

        One of many must not hide all others; of who is named, it has to be told.
        """
        if post.provider.id in self._named:
            raise

    def _bookable_on(self, post: Post, day: int) -> int:
        """The minutes of a UTC day at which the rules of time let a start be booked now."""
        return minutes_in_day([self._bookable_of(post)], day)

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
        found = self._bookable.get(post.timing)
        if found is None:
            found = self._bookable[post.timing] = self._asked(post).bookable()
        return found

    def _asked(self, post: Post) -> Inquiry:
        return attrs.evolve(post.template.inquiry, request=Request(post.type, now=self.now))

    def released(self, hits: Iterable[Hit]) -> Iterator[Hit]:
        """Those starts of some that release rules do not keep back now."""
        for hit in hits:
            post, terms, day, starts = hit
            if not post.template.keeps_back:
                yield hit
                continue
            low = day * DAY
            try:
                kept = post.template.kept(day, terms.length)
                ruled = kept_back(self._asked(post), kept, low, low + DAY, terms.length)
            except (MissingZone, UnknownZone):
                self.pass_over(post)
                continue
            starts &= ~minutes_in_day([one[:2] for one in ruled], day)
            if starts:
                yield Hit(post, terms, day, starts)

    def slot(self, terms: SlotTerms, start: int, *, on_own_wall: bool = False) -> Slot:
        """A slot as the viewer sees it, or on the wall of its own hours."""
        if on_own_wall or self.zone is None or terms.zone is self.zone:
            return Slot((terms, start))
        seen = self._seen.get(id(terms))
        if seen is None:
            seen = self._seen[id(terms)] = (terms, attrs.evolve(terms, zone=self.zone))
        return Slot((seen[1], start))

    def in_order(
        self, hits: Iterable[Hit], after: Place | None = None, *, on_own_wall: bool = False
    ) -> Iterator[Slot]:
        """The slots of some hits in order of start, provider, type and place, after a place.

        The hits are given in order of provider and type. No two of one post have a start in common.
        """
        # One start of each in the heap, the others as bits: mostly few are looked at.
        heap: list[tuple[int, int, int, SlotTerms, int]] = []
        for number, (_, terms, day, starts) in enumerate(hits):
            midnight = day * DAY
            if after is not None and after.start > midnight:
                passed = after.start - midnight
                starts = starts >> passed << passed
            if starts:
                heap.append((midnight + first_start(starts), number, starts, terms, midnight))
        heapify(heap)
        while heap:
            start, number, starts, terms, midnight = heap[0]
            if after is None or start > after.start or _place(terms, start) > after:
                yield self.slot(terms, start, on_own_wall=on_own_wall)
            starts &= starts - 1
            if starts:
                start = midnight + first_start(starts)
                heapreplace(heap, (start, number, starts, terms, midnight))
            else:
                heappop(heap)


def _place(terms: SlotTerms, start: int) -> Place:
    return Place(start, terms.provider, terms.type, terms.location or "")


def place_of(slot: Slot) -> Place:
    """Where in the order of a search a slot stands."""
    terms, start = slot
    return _place(terms, start)


def resources_of(candidates: Iterable[Candidate]) -> dict[Resource, None]:
    """Whose claims matter to some starts."""
    found: dict[Resource, None] = {}
    for candidate in candidates:
        found.update(candidate.opened.resources)
    return found


def reach_of(candidates: Sequence[Candidate]) -> tuple[int, int, tuple[int, int]]:
    """The first and last UTC day whose claims matter to some starts, and the hours of each day."""
    days = [one.day for one in candidates]
    first, last = min(days), max(days)
    lowest = min([one.opened.lowest for one in candidates])
    highest = max([one.opened.highest for one in candidates])
    earlier, later = lowest < 0, highest > DAY
    hours = (0, 24)
    if not (earlier or later):
        hours = (lowest // HOUR, min(-(-highest // HOUR), 24))
    return first - earlier, last + later, hours
