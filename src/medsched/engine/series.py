"""Deciding many bookings at once: each is planned beside those before it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import attrgetter, itemgetter
from typing import Final

import attrs

from medsched.domain.booking_rules import Facts, Visited
from medsched.domain.claims import LONGEST_CLAIM, Claim
from medsched.domain.records import Resource
from medsched.domain.requests import Reason, Violation
from medsched.domain.schedule import Schedule
from medsched.domain.slots import Slot
from medsched.engine.booking import Plan, plan
from medsched.engine.inquiry import Inquiry
from medsched.engine.slots import list_slots
from medsched.engine.windows import Frame
from medsched.errors import AmbiguousTime, NonexistentTime
from medsched.timeline.instants import DAY, EPOCH, MINUTE, instant_of, whole_minute
from medsched.timeline.intervals import Interval
from medsched.timeline.resolve import at_showing, date_span
from medsched.timeline.zones import Zone, ZoneSource

AROUND: Final = 7 * DAY
"""How far from a date those of its alternatives lie at most, in minutes."""
_BLOCK: Final = 28 * DAY
"""How many minutes are listed at once."""
_low = attrgetter("low")
_first_two = itemgetter(0, 1)


@attrs.frozen(eq=False)
class Occasion:
    """One of several bookings: what it is decided on, its start in minutes, and wishes.

    ``places`` and ``prefer`` are those of `plan`.
    """

    inquiry: Inquiry
    start: int
    places: Collection[str | None] | None = None
    prefer: Collection[Resource] = ()


def home_zone(schedule: Schedule, zones: ZoneSource, location: str | None) -> Zone:
    """The zone that a wall time with a provider is meant in: the place's, else the provider's."""
    place = schedule.locations.get(location) if location is not None else None
    if place is not None and place.timezone is not None:
        return zones.zone(place.timezone)
    return Frame(schedule, zones, 0, 0).zone_of(schedule.provider.resource)


def start_on_wall(zone: Zone, wall: datetime) -> int | Violation:
    """The start, in minutes, that a naive wall time is; why not if it is skipped or repeated."""
    try:
        return whole_minute(at_showing(zone, wall, None), "at")
    except NonexistentTime as error:
        return Violation(reason=Reason.NONEXISTENT_TIME, message=str(error))
    except AmbiguousTime as error:
        return Violation(reason=Reason.AMBIGUOUS_TIME, message=str(error))


def plan_all(visits: Sequence[Occasion]) -> list[Plan | tuple[Violation, ...]]:
    """What each of several bookings would take, or every reason why it is refused.

    Each sees as taken what those before it in the sequence take, of every resource, and as booked
    what the rules of booking count: so all that are planned can be booked together.
    """
    known = {id(one.inquiry): _Claims(one.inquiry.claims) for one in visits}
    planned, booked = defaultdict[Resource, list[Claim]](list), list[Visited]()
    found: list[Plan | tuple[Violation, ...]] = []
    for visit in visits:
        inquiry, low, high = visit.inquiry, visit.start - LONGEST_CLAIM, visit.start + LONGEST_CLAIM
        claims = known[id(inquiry)].between(low, high)
        for resource in inquiry.involved & planned.keys():
            claims[resource] = [*claims.get(resource, ()), *planned[resource]]
        near = attrs.evolve(inquiry, claims=claims, facts=knowing(inquiry, booked, booked))
        one = plan(near, visit.start, places=visit.places, prefer=visit.prefer)
        found.append(one)
        if isinstance(one, Plan):
            booked.append(visited(inquiry, one))
            for claim in _claims_of([one]):
                planned[claim.resource].append(claim)
    return found


def beside(inquiry: Inquiry, plans: Collection[Plan]) -> Inquiry:
    """The inquiry once some plans are carried out."""
    claims = {resource: [*some] for resource, some in inquiry.claims.items()}
    for claim in _claims_of(plans):
        claims.setdefault(claim.resource, []).append(claim)
    booked = [visited(inquiry, one) for one in plans]
    return attrs.evolve(inquiry, claims=claims, facts=knowing(inquiry, booked, booked))


def visited(inquiry: Inquiry, planned: Plan) -> Visited:
    """The visit that a plan makes, as the rules of booking count it."""
    return Visited(planned.start, inquiry.provider.id, inquiry.type.code, upcoming=True)


def knowing(inquiry: Inquiry, booked: Iterable[Visited], own: Iterable[Visited]) -> Facts:
    """What is known once some visits are booked, ``own`` of them by the patient."""
    facts = inquiry.facts
    here = [visit for visit in booked if visit.provider == inquiry.provider.id]
    return attrs.evolve(facts, visits=(*facts.visits, *here), own=(*facts.own, *own))


def _claims_of(plans: Iterable[Plan]) -> Iterable[Claim]:
    return (Claim(*span) for one in plans for span in one.spans)


class _Claims:
    """Claims by resource, found by the time they take: no claim is longer than the longest."""

    def __init__(self, claims: Mapping[Resource, Sequence[Claim]]) -> None:
        self._claims = {resource: sorted(some, key=_low) for resource, some in claims.items()}

    def between(self, low: int, high: int) -> dict[Resource, list[Claim]]:
        """Those that may reach into [low, high)."""
        return {
            resource: some[
                bisect_left(some, low - LONGEST_CLAIM, key=_low) : bisect_right(
                    some, high, key=_low
                )
            ]
            for resource, some in self._claims.items()
        }


class FreeSlots:
    """The free slots of an inquiry, listed a month at a time where they are asked for.

    ``within`` are the minutes whose claims the inquiry knows.
    """

    def __init__(self, inquiry: Inquiry, within: Interval) -> None:
        self._inquiry = inquiry
        self._within = within
        self._months: dict[int, tuple[list[int], list[Slot]]] = {}

    def nearest(
        self,
        zone: Zone,
        wall: datetime,
        most: int,
        *,
        places: Collection[str | None] | None = None,
    ) -> tuple[Slot, ...]:
        """The free slots nearest to a wall time, of its date and of those a week around.

        The nearest date comes first, and on it the nearest time of day.
        """
        day, wanted = divmod((wall - EPOCH.replace(tzinfo=None)) // MINUTE, DAY)
        found: list[Slot] = []
        for apart in range(AROUND // DAY + 1):
            on_days = [
                (abs(zone.wall_of(start) % DAY - wanted), start, slot)
                for one in {day - apart, day + apart}
                for start, slot in self._within_span(*date_span(zone, one))
                if places is None or slot.location in places
            ]
            found += [slot for _, _, slot in sorted(on_days, key=_first_two)]
            if len(found) >= most:
                break
        return tuple(found[:most])

    def _within_span(self, low: int, high: int) -> Iterator[tuple[int, Slot]]:
        for month in range(low // _BLOCK, (high - 1) // _BLOCK + 1):
            starts, slots = self._month(month)
            span = slice(bisect_left(starts, low), bisect_left(starts, high))
            yield from zip(starts[span], slots[span], strict=True)

    def _month(self, month: int) -> tuple[list[int], list[Slot]]:
        found = self._months.get(month)
        if found is None:
            low = max(month * _BLOCK, self._within[0])
            high = min((month + 1) * _BLOCK, self._within[1])
            slots = list[Slot]()
            if low < high:
                slots += list_slots(self._inquiry, instant_of(low), instant_of(high))
            starts = [whole_minute(slot.start, "start") for slot in slots]
            found = self._months[month] = (starts, slots)
        return found
