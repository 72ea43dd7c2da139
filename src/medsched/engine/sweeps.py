"""Sweeping over many schedules: which starts a search wants of each, and which are left of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from heapq import heapify, heappop, heapreplace
from itertools import chain, groupby
from typing import Final, NamedTuple, cast

import attrs

from medsched.domain.ledger import HOUR, LedgerKey, PackedLedger
from medsched.domain.places import Location
from medsched.domain.records import Resource, Resources
from medsched.domain.requests import Request
from medsched.domain.searches import Search
from medsched.domain.slots import Slot, SlotStatus, SlotTerms
from medsched.engine.crowds import Alike, Crowd, Member, Post, Sheet
from medsched.engine.free_starts import Pad, first_start, left_of_many, minutes_in_day
from medsched.engine.inquiry import Inquiry
from medsched.engine.release_rules import kept_back
from medsched.engine.searching import suits_terms, wanted_minutes
from medsched.errors import MissingZone, UnknownZone
from medsched.timeline.instants import DAY
from medsched.timeline.intervals import Interval
from medsched.timeline.zones import Zone


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
    """The posts that suit a search, in order of provider and type, and who of them is asked how.

    ``for_anybody`` are those of which the ledger alone tells what is free, where it is not said for
    whom it is; ``for_somebody`` where it is: then rules of booking may ask. The others are beside.
    """

    posts: Sequence[Post]
    for_anybody: Crowd
    beside_anybody: Sequence[Post]
    for_somebody: Crowd
    beside_somebody: Sequence[Post]

    @classmethod
    def of(cls, posts: Sequence[Post]) -> Suiting:
        """Some posts, told apart."""
        plain = [one for one in posts if one.plain]
        silent = [one for one in plain if not one.template.asks_of_patient]
        anybody = Crowd(plain)
        return cls(
            posts,
            anybody,
            [one for one in posts if not one.plain],
            anybody if len(silent) == len(plain) else Crowd(silent),
            [one for one in posts if not one.plain or one.template.asks_of_patient],
        )


class Wanted(NamedTuple):
    """Starts of one day that a search wants of some who open it alike, as far as hours go.

    ``members`` are those of them who suit; ``sheet`` is all that was opened on the day.
    """

    sheet: Sheet
    alike: Alike
    members: Sequence[Member]
    day: int
    starts: int


_MANY: Final = 8
"""From so many alike on, what was read packed is taken away from all of them at once."""


def free_of(
    wanted: Iterable[Wanted], ledger: Mapping[LedgerKey, int], patient: Resource | None
) -> list[Hit]:
    """Those of some starts that nothing claims, day by day, in order of provider and type."""
    found: list[Hit] = []
    for day, some in groupby(wanted, key=lambda one: one.day):
        each = [_free_on(one, day, ledger, patient) for one in some]
        if len(each) == 1:
            found += each[0]
        else:
            found += sorted(chain.from_iterable(each), key=lambda hit: hit.order)
    return found


def _free_on(
    wanted: Wanted, day: int, ledger: Mapping[LedgerKey, int], patient: Resource | None
) -> list[Hit]:
    starts, pad, members = wanted.starts, wanted.alike.pad, wanted.members
    if pad is None:
        return [
            Hit(one.post, one.terms, day, left)
            for one in members
            if (left := one.opened.left(starts, day, ledger, patient))
        ]
    if patient is not None:
        theirs = Pad.of(patient, wanted.alike.length - 1, 0)
        starts &= ~theirs.blocked(ledger.get(LedgerKey(patient, day), 0))
    if isinstance(ledger, PackedLedger) and len(members) >= _MANY:
        owners = [one.sole for one in members if one.sole is not None]
        left_of_each = left_of_many(starts, pad, owners, day, ledger)
        return [
            Hit(one.post, one.terms, day, left)
            for one, left in zip(members, left_of_each, strict=True)
            if left
        ]
    found: list[Hit] = []
    blocked = pad.blocked
    # A plain tuple is the same key, and sooner made.
    taken_of = cast("Mapping[tuple[Resource | None, int], int]", ledger).get
    for post, _, terms, sole in members:
        taken = taken_of((sole, day))
        left = starts & ~blocked(taken) if taken else starts
        if left:
            found.append(Hit(post, terms, day, left))
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

    def wanted_of(self, crowd: Crowd, first: int, last: int) -> list[Wanted]:
        """What hours give of the UTC days from ``first`` to ``last``, inclusive."""
        found: list[Wanted] = []
        for day in range(first, last + 1):
            sheet = crowd.on(day)
            for post in sheet.untold:
                if post.provider.id in self._named:
                    post.template.on(day)  # it raises what it raised before
            for alike in sheet.opened:
                post = alike.members[0].post
                try:
                    starts = self.wanted(alike.zone, day) & self._bookable_on(post, day)
                except (MissingZone, UnknownZone):
                    self.pass_over(post)
                    continue
                starts &= alike.starts
                members = alike.members
                if starts and self._picky:
                    members = [one for one in members if self.suits(one.terms)]
                if starts and members:
                    found.append(Wanted(sheet, alike, members, day, starts))
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
                first = (starts & -starts).bit_length() - 1  # as `first_start`, but sooner
                heap.append((midnight + first, number, starts, terms, midnight))
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


def resources_of(wanted: Sequence[Wanted]) -> Resources:
    """Whose claims matter to some starts: those of a whole sheet are told apart already."""
    sheets = {id(one.sheet): one.sheet for one in wanted}
    each = {id(one.alike): one for one in wanted}
    whole = all(one.members is one.alike.members for one in wanted)
    if whole and len(sheets) == 1:
        (sheet,) = sheets.values()
        if len(each) == len(sheet.opened):
            return sheet.resources
    if whole:
        named = (one for some in each.values() for one in some.alike.resources)
    else:
        members = (member for one in each.values() for member in one.members)
        named = (one for member in members for one in member.opened.resources)
    return Resources(dict.fromkeys(named))


def reach_of(wanted: Sequence[Wanted]) -> tuple[int, int, tuple[int, int]]:
    """The first and last UTC day whose claims matter to some starts, and the hours of each day."""
    days = [one.day for one in wanted]
    first, last = min(days), max(days)
    lowest = min(one.alike.lowest for one in wanted)
    highest = max(one.alike.highest for one in wanted)
    earlier, later = lowest < 0, highest > DAY
    hours = (0, 24)
    if not (earlier or later):
        hours = (lowest // HOUR, min(-(-highest // HOUR), 24))
    return first - earlier, last + later, hours
