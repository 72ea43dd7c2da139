"""Which starts a change of availability can alter: farther around it than the time it touches."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from medsched.domain.appointment_types import GridKind
from medsched.domain.availability_changes import AvailabilityChange, AvailabilityChangeKind
from medsched.domain.records import Resource
from medsched.engine.booking_rules import WEEK, periods, scopes
from medsched.engine.inquiry import Inquiry
from medsched.engine.openings import longest_claim
from medsched.timeline.instants import DAY, FIRST_MINUTE, LAST_MINUTE, minute_of
from medsched.timeline.intervals import Interval, union

_PACKED_REACH: Final = 2 * DAY
"""How far from a start the claims lie that the packed grid counts from: within its window."""
_ALWAYS: Final = (FIRST_MINUTE, LAST_MINUTE)


def farthest(inquiry: Inquiry) -> int:
    """How many minutes from a start the claims lie at most that can matter to it."""
    longest = longest_claim(inquiry.schedule, inquiry.type)
    packed = inquiry.type.grid.kind is GridKind.PACKED
    return max(longest, _PACKED_REACH) if packed else longest


def altered_starts(
    inquiry: Inquiry, hours: Collection[Resource], changes: Iterable[AvailabilityChange]
) -> list[Interval]:
    """The starts of a request that some changes can alter: a sorted set of minutes.

    ``hours`` are all resources whose hours the request depends on.
    """
    kinds, found, involved = AvailabilityChangeKind, list[Interval](), inquiry.involved
    for one in changes:
        match one.kind:
            case kinds.TIME if one.resource in involved and one.start and one.end:
                low = minute_of(one.start, rounding="down")
                found.append(_around(inquiry, one.resource, low, minute_of(one.end, rounding="up")))
            case kinds.HOURS if one.resource in hours:
                return [_ALWAYS]
            case kinds.TYPE if one.type == inquiry.type.code:
                return [_ALWAYS]
            case kinds.ALL:
                return [_ALWAYS]
    return union(found)


def _around(inquiry: Inquiry, resource: Resource, low: int, high: int) -> Interval:
    """The starts around the minutes [low, high) of a resource.

    Where a rule caps the visits of a day or a week, those of all of it: one more may fill it.
    """
    far = farthest(inquiry)
    first, beyond = max(low - far, FIRST_MINUTE), min(high + far, LAST_MINUTE)
    if resource == inquiry.provider.resource:
        for days in _counted(inquiry):
            for _, (start, end) in periods(inquiry, low, high, days):
                if start < high and low < end:
                    first, beyond = min(first, start), max(beyond, end)
    return first, beyond


def _counted(inquiry: Inquiry) -> set[int]:
    """How many days each cap counts the visits of."""
    rules = [scope.rules for scope in scopes(inquiry)]
    found = {1 for one in rules if one.per_day is not None}
    return found | {WEEK for one in rules if one.per_week is not None}
