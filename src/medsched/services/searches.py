"""Searching: the free slots of many providers, read in as few looks at the store as will do.

Rules come from the roster, which is read once; what is claimed is read for all who may be found
together, a stretch of days at a time, the earliest first, and no further than the answer needs.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby, islice
from typing import Final

import attrs

from medsched.domain.pages import Page, read_cursor
from medsched.domain.pages import cursor as cursor_of
from medsched.domain.places import Address
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.searches import ProviderSlots, Search
from medsched.domain.slots import Slot
from medsched.domain.stored import Kind
from medsched.engine.crowds import Post
from medsched.engine.free_starts import minutes_in_day
from medsched.engine.searching import stretch_of
from medsched.engine.sweeps import Hit, Place, Sweep, place_of
from medsched.errors import InvalidChoice, InvalidCursor, InvalidNumber
from medsched.services.context import Context
from medsched.services.gates import Gate
from medsched.services.looks import Looks
from medsched.services.queries import MOST
from medsched.services.snapshots import Snapshots
from medsched.timeline.instants import DAY, LAST_DATE, minute_of

LOOKED_BEYOND: Final = timedelta(days=84)
"""How far beyond its dates a search looks for the next free date of a provider."""


class Searches:
    """Searches over the providers of one practice.

    All of them raise `NotFound` for a patient, type, provider or location that is named and is not
    there, and `UnknownZone`. A provider whose hours cannot be told, because nothing states a time
    zone for them, is left out; `MissingZone` where the search names them. ``now`` is the clock's
    unless given.
    """

    def __init__(self, context: Context, snapshots: Snapshots) -> None:
        self._context = context
        self._rosters = snapshots.rosters

    def slots(
        self,
        search: Search,
        *,
        limit: int = 100,
        cursor: str | None = None,
        now: datetime | None = None,
    ) -> Page[Slot]:
        """A page of the slots that a search finds, in one calendar of all providers.

        They are in order of start, provider, type and place, 1 to 1000 of them. ``cursor`` is the
        ``next`` of the page before: pages neither repeat nor skip a slot, whatever is booked in
        between. `InvalidNumber`, and `InvalidCursor` for a cursor that this search did not give.
        """
        gate = self._context.admit("search.slots")
        _check_limit(limit)
        look = self._asked(gate, search, now)
        scope = _scope(self._context.practice, "slots", search)
        after = None if cursor is None else _read_place(scope, cursor)
        found = list(islice(look.slots(after), limit + 1))
        more = len(found) > limit
        return Page(tuple(found[:limit]), _place_text(scope, found[limit - 1]) if more else None)

    def found(self, search: Search, *, now: datetime | None = None) -> Iterator[Slot]:
        """What a search finds, in the order of `slots`, read as it is asked for."""
        return self.look(search, now).slots()

    def days(self, search: Search, *, now: datetime | None = None) -> Iterator[Iterator[Slot]]:
        """The same, a UTC day at a time; no type's slots of a day are older than another's.

        What comes free while a day is read is found for all types that it is free for, or for none.
        """
        return self.look(search, now, at_once=True).days()

    def by_provider(
        self,
        search: Search,
        *,
        limit: int = 20,
        each: int | None = 20,
        cursor: str | None = None,
        now: datetime | None = None,
    ) -> Page[ProviderSlots]:
        """A page of the providers who suit a search, in order of id, with what it finds of each.

        ``limit`` are the providers on a page, 1 to 1000, ``each`` the most slots that are told of
        one, 0 to 1000, or None for all; how many there are is counted. Those who have none are
        told, too, with the next local date on which they have one, up to 84 days after the search's
        last. Raises as `slots`.
        """
        gate = self._context.admit("search.slots")
        _check_limit(limit)
        if each is not None:
            _check_limit(each, "each", least=0)
        self._rosters.of(self._context)
        look = self._asked(gate, search, now)
        scope = _scope(self._context.practice, "providers", search)
        after = None if cursor is None else read_cursor(scope, cursor)
        ids = list(dict.fromkeys(post.provider.id for post in look.posts))
        shown = list(islice((id for id in ids if after is None or id > after), limit))
        some = self._look(gate, attrs.evolve(search, providers=shown), now, lenient=True)
        hits: dict[str, list[Hit]] = defaultdict(list)
        for chunk in some.hits(some.sweep.low // DAY, (some.sweep.high - 1) // DAY, least=8):
            for hit in chunk:
                hits[hit.post.provider.id].append(hit)
        next_free = self._next_free(gate, search, some.sweep, shown, hits, now)
        items = [
            _of_provider(post, hits[post.provider.id], some, each, next_free)
            for post in {post.provider.id: post for post in some.posts}.values()
        ]
        more = bool(shown) and shown[-1] != ids[-1]
        return Page(tuple(items), cursor_of(scope, shown[-1]) if more else None)

    def first_of_each(self, search: Search, *, now: datetime | None = None) -> dict[str, Slot]:
        """The first slot of each provider with whom a search finds one, by the provider's id."""
        return self._first_of_each(self.look(search, now))

    def _first_of_each(self, look: Looks) -> dict[str, Slot]:
        found = dict[str, Slot]()
        for hits in look.hits(look.sweep.low // DAY, (look.sweep.high - 1) // DAY, found):
            for provider, some in groupby(sorted(hits, key=_provider), key=_provider):
                of_one = list(some)
                day = min(hit.day for hit in of_one)
                first = next(look.sweep.in_order(hit for hit in of_one if hit.day == day))
                found[provider] = first
        return found

    def load(self, search: Search, *, now: datetime | None = None) -> dict[str, int]:
        """How many minutes of each provider who suits a search are claimed on its dates, by id.

        The dates are the viewer's, if the search states a zone, else those of each provider.
        """
        look = self._asked(self._context.admit("search.load"), search, now, lenient=True)
        spans = {post.provider.id: look.dates_of(post) for post in look.posts}
        found = dict.fromkeys(spans, 0)
        if spans:
            first = min(low for low, _ in spans.values()) // DAY
            last = (max(high for _, high in spans.values()) - 1) // DAY
            whose = [Resource(ResourceKind.PROVIDER, id) for id in spans]
            for (resource, day), bits in look.claimed(whose, first, last).items():
                found[resource.id] += (bits & minutes_in_day([spans[resource.id]], day)).bit_count()
        return found

    def look(
        self,
        search: Search,
        now: datetime | None,
        *,
        lenient: bool = False,
        at_once: bool = False,
    ) -> Looks:
        """A search under way; ``lenient`` and ``at_once`` as `Looks` has them."""
        gate = self._context.admit("search.slots")
        return self._asked(gate, search, now, lenient=lenient, at_once=at_once)

    def _asked(
        self,
        gate: Gate,
        search: Search,
        now: datetime | None,
        *,
        lenient: bool = False,
        at_once: bool = False,
    ) -> Looks:
        """A search that somebody asks for, which is written down if it is for a patient."""
        look = self._look(gate, search, now, lenient=lenient, at_once=at_once)
        if search.patient is not None and not self._context.in_passing:
            gate.tell_of(Kind.PATIENT.value, [search.patient])
        return look

    def _look(
        self,
        gate: Gate,
        search: Search,
        now: datetime | None,
        *,
        lenient: bool = False,
        at_once: bool = False,
    ) -> Looks:
        if not isinstance(search, Search):
            raise InvalidChoice("search", type(search).__name__, "a Search is needed")
        gate.patient(search.patient)
        context = self._context
        now = context.now() if now is None else now
        zone = None if search.timezone is None else context.zones.zone(search.timezone)
        low, high = stretch_of(search, zone)
        low = max(low, minute_of(now, "now", rounding="up"))
        stretch = (low, max(low, high))
        return Looks(
            *(context, self._rosters, search, now, zone, stretch), lenient=lenient, at_once=at_once
        )

    # ---------------------------------------------------------------------- in common

    def _next_free(
        self,
        gate: Gate,
        search: Search,
        sweep: Sweep,
        providers: Iterable[str],
        hits: Mapping[str, Sequence[Hit]],
        now: datetime | None,
    ) -> dict[str, date]:
        """The first local date on which each provider has something free."""
        free = {id: [hit for hit in some if hit.is_free] for id, some in hits.items()}
        found = {
            id: next(sweep.in_order(hit for hit in some if hit.day == min(map(_day, some)))).date
            for id, some in free.items()
            if some
        }
        left = [id for id in providers if id not in found]
        if left and search.last < LAST_DATE:
            beyond = attrs.evolve(
                search,
                first=search.last + timedelta(days=1),
                last=min(search.last, LAST_DATE - LOOKED_BEYOND) + LOOKED_BEYOND,
                providers=left,
                available_only=True,
                withdrawn=False,
            )
            later = self._first_of_each(self._look(gate, beyond, now, lenient=True))
            found |= {id: slot.date for id, slot in later.items()}
        return found


def _of_provider(
    post: Post, hits: Sequence[Hit], look: Looks, each: int | None, next_free: Mapping[str, date]
) -> ProviderSlots:
    provider = post.provider
    place = look.roster.places.get(provider.location or "")
    address: Address | None = None if place is None else place.address
    free = sum(hit.starts.bit_count() for hit in hits if hit.is_free)
    return ProviderSlots(
        provider=provider,
        address=address,
        slots=tuple(islice(look.sweep.in_order(hits), each)),
        total=sum(hit.starts.bit_count() for hit in hits),
        free=free,
        next_free=next_free.get(provider.id),
    )


def _day(hit: Hit) -> int:
    return hit.day


def _provider(hit: Hit) -> str:
    return hit.post.provider.id


def _check_limit(value: int, field: str = "limit", *, least: int = 1) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= MOST:
        raise InvalidNumber(field, value, f"{least} to {MOST} at a time")


def _scope(practice: str, what: str, search: Search) -> str:
    """The name of all that a search finds, the same however it was written down."""
    fields = attrs.asdict(search, recurse=False)
    said = {
        name: sorted(map(str, value)) if isinstance(value, frozenset) else str(value)
        for name, value in fields.items()
    }
    return repr((practice, what, said))


def _place_text(scope: str, slot: Slot) -> str:
    return cursor_of(scope, json.dumps(place_of(slot)))


def _read_place(scope: str, text: str) -> Place:
    try:
        start, *ids = json.loads(read_cursor(scope, text))
        if type(start) is int and len(ids) == 3 and all(isinstance(id, str) for id in ids):
            return Place(start, *ids)
    except (ValueError, TypeError, RecursionError):
        pass
    raise InvalidCursor("cursor", "…", "not a cursor of this search")
