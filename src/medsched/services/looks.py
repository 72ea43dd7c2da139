"""Looking for what one search wants: a stretch of days at a time, over all who may be found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, groupby
from typing import Final

import attrs

from medsched.domain.claims import Claim
from medsched.domain.ledger import LedgerKey, rows_of
from medsched.domain.records import Resource
from medsched.domain.requests import Request
from medsched.domain.searches import Search
from medsched.domain.slots import Slot, SlotTerms
from medsched.engine.altered import reach_of as reach_of_claims
from medsched.engine.crowds import Crowd, Post
from medsched.engine.inquiry import Inquiry
from medsched.engine.slots import list_slots
from medsched.engine.sweeps import Hit, Place, Suiting, Sweep, free_of, reach_of, resources_of
from medsched.errors import MissingZone, NotFound, UnknownZone
from medsched.ports.store import Taken
from medsched.services.context import Context
from medsched.services.facts import FactReader
from medsched.services.inquiries import patient_of, with_session
from medsched.services.rosters import Rosters
from medsched.services.seats import Seats
from medsched.timeline.instants import DAY, FIRST_MINUTE, LAST_MINUTE, day_of, instant_of
from medsched.timeline.intervals import Interval
from medsched.timeline.resolve import date_span
from medsched.timeline.zones import Zone

LONGEST: Final = 32
"""The most days that are read at once."""
_TRIES: Final = 5
"""How often what keeps changing is read again; then what was read has to do."""


class Looks:
    """One search under way: who may be found, as of a version of the roster.

    ``lenient``: that something it names is not there is no error, but nothing that is found.
    ``at_once``: what is told of a day is of one moment for all types, see `Searches.days`.
    """

    def __init__(
        self,
        context: Context,
        rosters: Rosters,
        search: Search,
        now: datetime,
        zone: Zone | None,
        stretch: Interval,
        *,
        lenient: bool = False,
        at_once: bool = False,
    ) -> None:
        self._at_once = at_once
        self._context = context
        self._lenient = lenient
        self._rosters = rosters
        self._zone = zone
        self._stretch = stretch
        self._now = now
        self.search = search
        self._patient = None if search.patient is None else patient_of(context, search.patient)
        self._seats = Seats(context)
        self._facts = FactReader(context)
        self._turn_to(fresh=False)

    def _turn_to(self, *, fresh: bool) -> None:
        """Take the roster as it is now, or as it was when it was last looked at."""
        self.roster = self._rosters.of(self._context, fresh=fresh)
        missing = None if self._lenient else self.roster.missing(self._context, self.search)
        if missing is not None and not fresh:
            self._turn_to(fresh=True)
            return
        if missing is not None:
            raise NotFound(missing.kind.value, missing.id)
        suiting = self.roster.suiting(self._context, self.search)
        if self._patient is not None and not self._patient.active:
            suiting = Suiting.of(())
        self.posts = suiting.posts
        self._plain: Crowd = suiting.for_anybody
        self._others: Sequence[Post] = suiting.beside_anybody
        if not self._is_of_free_ones or self._context.house_rules:
            self._plain, self._others = Crowd(()), suiting.posts
        elif self._patient is not None:
            self._plain, self._others = suiting.for_somebody, suiting.beside_somebody
        self.sweep = Sweep(
            self.search,
            self._now,
            self._zone,
            self.roster.places,
            self._stretch,
            () if self._lenient else self.search.providers or (),
        )

    @property
    def _is_of_free_ones(self) -> bool:
        """Whether nothing is told but what can be booked."""
        return self.search.available_only and not self.search.withdrawn

    def slots(self, after: Place | None = None, *, on_own_wall: bool = False) -> Iterator[Slot]:
        """What is found, in order, after a place in it, read as it is asked for.

        ``on_own_wall``: with the local times of the hours, whatever the viewer's zone is.
        """
        return chain.from_iterable(self.days(after, on_own_wall=on_own_wall))

    def days(
        self, after: Place | None = None, *, on_own_wall: bool = False
    ) -> Iterator[Iterator[Slot]]:
        """The same, a UTC day at a time."""
        low, high = self.sweep.low, self.sweep.high
        if after is not None:
            low = max(low, after.start)
        for hits in self.hits(low // DAY, (high - 1) // DAY):
            for _, some in groupby(sorted(hits, key=_day), key=_day):
                yield self.sweep.in_order(some, after, on_own_wall=on_own_wall)

    def hits(
        self, first: int, last: int, but: Collection[str] = (), *, least: int = 1
    ) -> Iterator[list[Hit]]:
        """What is found on the UTC days from ``first`` to ``last``, more days each time.

        Days on which hours give nothing are passed over. ``but`` are providers, by id, who are
        left out: looked at anew each time. ``least``: so many days at once, at least.
        """
        wide, unsure, tries = least, first, 0
        while unsure <= last:
            until = min(first + wide - 1, last)
            hits, version = self._between(first, until, but)
            if version is None and until == last:
                version = self._context.store.roster_version(self._context.practice)
            if version is None:
                first = until + 1
                continue
            if version == self.roster.version or tries == _TRIES:
                yield hits
                first = unsure = until + 1
                wide = min(2 * wide, LONGEST)
            else:  # what was passed over may be something now
                self._turn_to(fresh=True)
                first, tries = unsure, tries + 1

    def _between(self, first: int, last: int, but: Collection[str]) -> tuple[list[Hit], int | None]:
        """What is found, and the version of the roster by then; None where nothing was read."""
        crowd, others = self._plain, self._others
        if but:
            crowd = crowd.without(but)
            others = [post for post in others if post.provider.id not in but]
        hits, version = self._by_ledger(crowd, first, last)
        if others:
            taken = self._by_claims(others, first, last)
            for _ in range(_TRIES if self._at_once and crowd else 0):
                # Freed between the two reads, it would be there for some types and not for others.
                before, (hits, version) = hits, self._by_ledger(crowd, first, last)
                if _is_among(hits, before):
                    break
                taken = self._by_claims(others, first, last)
            hits += taken
            hits.sort(key=lambda hit: hit.order)
            if version is None:
                version = self._context.store.roster_version(self._context.practice)
        return hits, version

    def dates_of(self, post: Post) -> Interval:
        """The minutes of the search's dates: the viewer's, or else the provider's."""
        first, last = day_of(self.search.first), day_of(self.search.last)
        if self._zone is not None:
            return date_span(self._zone, first)[0], date_span(self._zone, last)[1]
        inquiry = post.template.inquiry
        try:
            return inquiry.day_span(first)[0], inquiry.day_span(last)[1]
        except (MissingZone, UnknownZone):
            return first * DAY, (last + 1) * DAY

    def claimed(self, of: Collection[Resource], first: int, last: int) -> Mapping[LedgerKey, int]:
        """What is claimed of some resources on UTC days, by what has not expired."""
        store, practice = self._context.store, self._context.practice
        taken = store.taken(practice, of, first, last, now=self._now)
        return self._without_lapsed(taken, of, first, last)

    # ---------------------------------------------------------------- by the ledger

    def _by_ledger(self, crowd: Crowd, first: int, last: int) -> tuple[list[Hit], int | None]:
        """What is free by the ledger alone, and the version that the roster has by now."""
        wanted = self.sweep.wanted_of(crowd, first, last)
        if not wanted:
            return [], None
        patient = None if self._patient is None else self._patient.resource
        resources = resources_of(wanted)
        if patient is not None:
            resources = resources.beside(patient)
        since, until, hours = reach_of(wanted)
        taken = self._context.store.taken(
            self._context.practice, resources, since, until, hours=hours, now=self._now
        )
        ledger = self._without_lapsed(taken, resources, since, until)
        return list(self.sweep.released(free_of(wanted, ledger, patient))), taken.roster

    def _without_lapsed(
        self, taken: Taken, resources: Collection[Resource], first: int, last: int
    ) -> Mapping[LedgerKey, int]:
        """What is claimed without the holds that have expired: made anew where some may be."""
        low, high = first * DAY, (last + 1) * DAY
        spans = [
            span
            for span in taken.lapsed
            if span.resource in resources and span.low < high and low < span.high
        ]
        if not spans:
            return taken.ledger
        whose = sorted({span.resource for span in spans})
        claims = self._context.store.claims(self._context.practice, whose, low, high)
        live = rows_of(claim for claim in claims if claim.is_live(self._now))
        keys = (LedgerKey(one, day) for one in whose for day in range(first, last + 1))
        return {**taken.ledger, **{key: live.get(key, 0) for key in keys}}

    # ---------------------------------------------------------------- by the claims

    def _by_claims(self, posts: Sequence[Post], first: int, last: int) -> list[Hit]:
        """What is found by looking at each claim, where the ledger alone does not tell."""
        low, high = max(first * DAY, self.sweep.low), min((last + 1) * DAY, self.sweep.high)
        if not posts or low >= high:
            return []
        inquiries = self._inquiries(posts, (low, high))
        hits: list[Hit] = []
        for post, inquiry in zip(posts, inquiries, strict=True):
            try:
                hits += self._listed(post, inquiry, (low, high))
            except (MissingZone, UnknownZone):
                self.sweep.pass_over(post)
        return hits

    def _listed(self, post: Post, inquiry: Inquiry, stretch: Interval) -> list[Hit]:
        low, high = map(instant_of, stretch)
        starts: dict[tuple[int, int], int] = defaultdict(int)
        shared: dict[int, SlotTerms] = {}
        listed = list_slots(inquiry, low, high, taken=not self.search.available_only)
        gone = listed.withdrawn if self.search.withdrawn else ()
        for terms, start in chain(listed, gone):
            day, minute = divmod(start, DAY)
            if self.sweep.wanted(terms.zone, day) >> minute & 1 and self.sweep.suits(terms):
                starts[id(terms), day] |= 1 << minute
                shared[id(terms)] = terms
        return [Hit(post, shared[at], day, bits) for (at, day), bits in starts.items()]

    def _inquiries(self, posts: Sequence[Post], stretch: Interval) -> list[Inquiry]:
        """An inquiry for each post, made of what was read for all of them together."""
        context, search = self._context, self.search
        asked = [
            attrs.evolve(
                post.template.inquiry,
                request=Request(
                    post.type,
                    patient=search.patient,
                    now=self._now,
                    referred=search.referred,
                    prepaid=search.prepaid,
                ),
                house_rules=context.house_rules,
            )
            for post in posts
        ]
        involved = sorted({resource for one in asked for resource in one.involved})
        low, high = _reach_of_all(asked, stretch)
        while True:
            claims = self._claims(involved, low, high)
            asked = [attrs.evolve(one, claims=claims) for one in asked]
            first, beyond = _reach_of_all(asked, stretch)
            if low <= first and beyond <= high:
                break
            low, high = min(low, first), max(high, beyond)
        facts = self._facts.about_all(asked, stretch, self._patient)
        return [attrs.evolve(one, facts=known) for one, known in zip(asked, facts, strict=True)]

    def _claims(
        self, involved: Collection[Resource], low: int, high: int
    ) -> Mapping[Resource, list[Claim]]:
        found = self._context.store.claims(self._context.practice, involved, low, high)
        sessions = self._seats.among(found, self._now)
        claims: dict[Resource, list[Claim]] = defaultdict(list)
        for claim in found:
            claims[claim.resource].append(with_session(claim, sessions))
        return claims


def _day(hit: Hit) -> int:
    return hit.day


def _reach_of_all(asked: Collection[Inquiry], stretch: Interval) -> Interval:
    """The minutes whose claims can matter to one of some inquiries about a stretch."""
    reaches = [reach_of_claims(one, stretch) for one in asked]
    low, high = min(reach[0] for reach in reaches), max(reach[1] for reach in reaches)
    return max(low, FIRST_MINUTE), min(high, LAST_MINUTE)


def _is_among(hits: Sequence[Hit], known: Sequence[Hit]) -> bool:
    """Whether no start is found that was not before."""
    before: dict[tuple[str, str, str | None, int], int] = defaultdict(int)
    for one in known:
        before[_of(one)] |= one.starts
    return not any(one.starts & ~before[_of(one)] for one in hits)


def _of(hit: Hit) -> tuple[str, str, str | None, int]:
    return *hit.order, hit.terms.location, hit.day
