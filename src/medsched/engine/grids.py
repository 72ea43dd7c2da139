"""The start grids that count from something else than a window: wall clock and free time.

All in minutes of the epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from medsched.timeline.instants import DAY
from medsched.timeline.intervals import Interval
from medsched.timeline.zones import Zone


def clock_starts(zone: Zone, interval: int, offset: int, start: int, stop: int) -> Iterator[int]:
    """The starts in [start, stop) where the wall shows the offset plus a multiple of the interval.

    A skipped time gives no start and a repeated one two; the count begins anew each date.
    """
    edges = [start, *(change[0] for change in zone.changes(start + 1, stop)), stop]
    for low, high in zip(edges, edges[1:], strict=False):
        ahead = zone.offset_at(low)
        wall = low + ahead
        while wall < high + ahead:
            midnight = wall - wall % DAY
            tomorrow = midnight + DAY
            first = wall + (midnight + offset - wall) % interval
            yield from range(first - ahead, min(tomorrow, high + ahead) - ahead, interval)
            wall = tomorrow


def packed_starts(free: Sequence[Interval], step: int) -> Iterator[int]:
    """In each stretch of possible starts from its first minute, every ``step``."""
    for start, stop in free:
        yield from range(start, stop, step)
