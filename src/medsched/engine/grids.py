"""Where starts lie within open time: ranges of minutes, cut to a query and laid on the wall."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from medsched.domain.appointment_types import Grid
from medsched.domain.fields import minutes
from medsched.timeline.instants import DAY
from medsched.timeline.intervals import Interval
from medsched.timeline.zones import Zone


def clock_starts(zone: Zone, grid: Grid, room: Iterable[Interval]) -> Iterator[range]:
    """The starts in ``room`` where the wall shows the offset plus a multiple of the interval.

    A skipped time gives no start and a repeated one two; the count begins anew each date.
    """
    assert grid.interval is not None  # a clock grid has one
    interval, offset = minutes(grid.interval), minutes(grid.offset)
    for start, stop in room:
        edges = [start, *(change[0] for change in zone.changes(start + 1, stop)), stop]
        for low, high in pairwise(edges):
            ahead = zone.offset_at(low)
            wall = low + ahead
            while wall < high + ahead:
                midnight = wall - wall % DAY
                tomorrow = midnight + DAY
                first = wall + (midnight + offset - wall) % interval
                yield range(first - ahead, min(tomorrow, high + ahead) - ahead, interval)
                wall = tomorrow


def within(ranges: list[range], low: int, high: int) -> list[range]:
    """The starts in [low, high) of ranges that are in order and do not overlap.

    Only the outermost ones are looked at, since only they can reach beyond.
    """
    first, beyond = 0, len(ranges)
    while first < beyond and ranges[first].stop <= low:
        first += 1
    while first < beyond and ranges[beyond - 1].start >= high:
        beyond -= 1
    found = ranges[first:beyond]
    if found and found[0].start < low:
        found[0] = _cut(found[0], low, high)
    if found and found[-1].stop > high:
        found[-1] = _cut(found[-1], low, high)
    return found


def _cut(one: range, low: int, high: int) -> range:
    start = one.start if one.start >= low else low + (one.start - low) % one.step
    return range(start, min(one.stop, high), one.step)
