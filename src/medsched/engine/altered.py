"""Which starts a change of availability can alter: farther around it than the time it touches."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
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


def farthest(inquiry: Inquiry, low: int = FIRST_MINUTE, high: int = LAST_MINUTE) -> int:
    """How many minutes from a start in [low, high) the claims lie at most that can matter to it.

    That follows from the sessions among the claims, too: one that was booked before slots became
    shorter is as long as it was.
    """
    longest = longest_claim(inquiry.schedule, inquiry.type, inquiry.longest_session(low, high))
    packed = inquiry.type.grid.kind is GridKind.PACKED
    return max(longest, _PACKED_REACH) if packed else longest


def reach_of(inquiry: Inquiry, asked: Interval) -> Interval:
    """The minutes whose claims can matter to the starts that are asked for.

    As far as is known: an inquiry without all of those claims may know too few sessions.
    """
    far = farthest(inquiry, *asked)
    return asked[0] - far, asked[1] + far


def stretches_of(inquiry: Inquiry, changes: Iterable[AvailabilityChange]) -> list[Interval]:
    """The time in which the provider's sessions matter to `altered_starts`: a sorted set.

    It is what the changes tell of, and as much around it as slots and their buffers reach.
    """
    far = longest_claim(inquiry.schedule, inquiry.type)
    return union((low - far, high + far) for _, low, high in _times(inquiry, changes))


def altered_starts(
    inquiry: Inquiry, hours: Collection[Resource], changes: Iterable[AvailabilityChange]
) -> list[Interval]:
    """The starts of a request that some changes can alter: a sorted set of minutes.

    ``hours`` are all resources whose hours the request depends on. The inquiry has the provider's
    claims in the `stretches_of` the changes.
    """
    kinds, told = AvailabilityChangeKind, list(changes)
    for one in told:
        match one.kind:
            case kinds.HOURS if one.resource in hours:
                return [_ALWAYS]
            case kinds.TYPE if one.type == inquiry.type.code:
                return [_ALWAYS]
            case kinds.ALL:
                return [_ALWAYS]
    far = farthest(inquiry)
    return union(_around(inquiry, far, *time) for time in _times(inquiry, told))


def _times(
    inquiry: Inquiry, changes: Iterable[AvailabilityChange]
) -> Iterator[tuple[Resource, int, int]]:
    """The minutes of resources that matter to a request that changes tell of."""
    involved, time = inquiry.involved, AvailabilityChangeKind.TIME
    for one in changes:
        if one.kind is time and one.resource in involved and one.start and one.end:
            low, high = minute_of(one.start, rounding="down"), minute_of(one.end, rounding="up")
            yield one.resource, low, high


def _around(inquiry: Inquiry, far: int, resource: Resource, low: int, high: int) -> Interval:
    """The starts ``far`` around the minutes [low, high) of a resource.

    Where a rule caps the visits of a day or a week, those of all of it: one more may fill it.
    """
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
