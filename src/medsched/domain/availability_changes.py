"""Where availability changes, for UIs and caches: what to ask again, and nothing of whom it is for.

A change names no patient, no reason, no author and no booking: only whose time it is, which
stretch of it, and when the rest is known already.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import attrs

from medsched.domain.records import Resource, ResourceKind
from medsched.timeline.instants import instant_of
from medsched.timeline.intervals import Interval, subtract, union


class TouchedTime(NamedTuple):
    """The minutes [low, high) of one resource in which something is taken, or given back.

    ``expires``: what is taken there ends by itself at that instant, an aware UTC one.
    """

    resource: Resource
    low: int
    high: int
    expires: datetime | None = None


@attrs.frozen
class Touched:
    """All that one changeset changes of availability, in order; false if it is nothing.

    ``times`` do not overlap, but for those that expire at different instants. ``hours`` are the
    resources whose schedules change, ``types`` the codes of appointment types that do.
    """

    times: tuple[TouchedTime, ...] = ()
    hours: tuple[Resource, ...] = ()
    types: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, times: Iterable[TouchedTime], hours: Iterable[Resource], types: Iterable[str]
    ) -> Touched:
        """What is touched by all of these together; what patients do is left out."""
        return cls(_merged(times), tuple(sorted(hours)), tuple(sorted(types)))

    def __bool__(self) -> bool:
        return bool(self.times or self.hours or self.types)


def _merged(times: Iterable[TouchedTime]) -> tuple[TouchedTime, ...]:
    """The times of each resource and expiry put together; where some expire, that is told."""
    found: dict[Resource, dict[datetime | None, list[Interval]]] = {}
    for resource, low, high, expires in times:
        if resource.kind is not ResourceKind.PATIENT:
            by_end = found.setdefault(resource, defaultdict(list))
            by_end[expires].append((low, high))
    merged = list[TouchedTime]()
    for resource, by_end in found.items():
        if len(by_end) == 1:
            ((expires, spans),) = by_end.items()
            merged += [TouchedTime(resource, low, high, expires) for low, high in union(spans)]
            continue
        ending = union(*(spans for expires, spans in by_end.items() if expires is not None))
        for expires, spans in by_end.items():
            left = union(spans) if expires is not None else subtract(union(spans), ending)
            merged += [TouchedTime(resource, low, high, expires) for low, high in left]
    return tuple(sorted(merged, key=_order) if len(merged) > 1 else merged)


def _order(time: TouchedTime) -> tuple[Resource, int, int, str]:
    ends = "" if time.expires is None else time.expires.isoformat()
    return time.resource, time.low, time.high, ends


class NumberedTouch(NamedTuple):
    """What a changeset touched, under the number of its first event.

    None: nobody wrote it down, so it may be anything.
    """

    number: int
    touched: Touched | None


class AvailabilityChangeKind(StrEnum):
    """What about availability changed."""

    TIME = "time"
    """Time of a resource was taken or given back, or seats of a session in it."""
    HOURS = "hours"
    """The hours of a resource, or what else its record says: any time of it."""
    TYPE = "type"
    """An appointment type was written or deleted."""
    ALL = "all"
    """Anything: whatever was asked before, ask again."""


@attrs.frozen(kw_only=True)
class AvailabilityChange:
    """One stretch of availability to ask about again.

    ``resource``: whose time or hours, a provider, location, room, device or the practice.
    ``start`` and ``end``, exclusive, are aware UTC instants, buffers included, of a change of
    time, and None of all others. ``expires``: what takes that time ends by itself at this aware
    UTC instant, of which nobody is told when it comes: ask once more then, whatever was told
    meanwhile. ``type`` is the code of an appointment type that changed. Whoever has worked on the
    change and keeps its ``cursor`` goes on after it.
    """

    kind: AvailabilityChangeKind
    resource: Resource | None = None
    type: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    expires: datetime | None = None
    cursor: str = attrs.field(default="", repr=False)


ANYTHING = AvailabilityChange(kind=AvailabilityChangeKind.ALL)
"""That anything may have changed."""


def told_of(touched: Touched) -> list[AvailabilityChange]:
    """What those who follow are told of one changeset, in order, cursors left out."""
    kinds = AvailabilityChangeKind
    return [
        *(AvailabilityChange(kind=kinds.TYPE, type=code) for code in touched.types),
        *(AvailabilityChange(kind=kinds.HOURS, resource=one) for one in touched.hours),
        *map(_of_time, touched.times),
    ]


def ending_by_itself(times: Iterable[TouchedTime]) -> dict[str, AvailabilityChange]:
    """What is told of times that expire, each once: in order, by a name for its place in it."""
    named = {
        f"{expires.isoformat()} {low} {high} {resource}": time
        for time in times
        for resource, low, high, expires in [time]
        if expires is not None and resource.kind is not ResourceKind.PATIENT
    }
    return {name: _of_time(named[name]) for name in sorted(named)}


def _of_time(time: TouchedTime) -> AvailabilityChange:
    return AvailabilityChange(
        kind=AvailabilityChangeKind.TIME,
        resource=time.resource,
        start=instant_of(time.low),
        end=instant_of(time.high),
        expires=time.expires,
    )


@attrs.frozen
class ChangesPage:
    """Some changes in their order: iterate it, ask its length.

    ``next`` is the cursor to go on with, always: a page without changes may have others after it
    later.
    """

    items: tuple[AvailabilityChange, ...]
    next: str

    def __iter__(self) -> Iterator[AvailabilityChange]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)
