"""Time blocks laid on the wall: when each is, and that its edges are there."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from medsched.domain.schedule import Schedule
from medsched.domain.time_blocks import TimeBlock
from medsched.engine.windows import Frame, resolved
from medsched.timeline.instants import DAY, day_of
from medsched.timeline.intervals import Interval
from medsched.timeline.resolve import Disambiguation, is_plain, resolve
from medsched.timeline.zones import Zone, ZoneSource


def zone_of_block(block: TimeBlock, schedule: Schedule, zones: ZoneSource) -> Zone:
    """The zone that a block is on the wall of: its own, its place's, the provider's on its date.

    `UnknownZone`; `InvalidChoice` where nothing states a zone.
    """
    frame = Frame(schedule, zones, 0, 0)
    ((zone, _),) = frame.by_zone(block.opening, [day_of(block.date)])
    return zone


def published_span(block: TimeBlock, zone: Zone) -> Interval:
    """The minutes [start, end) of a block that is to be published: neither edge is moved silently.

    An edge that the clock skips is `NonexistentTime`; one that it shows twice `AmbiguousTime`,
    unless the block says which showing is meant.
    """
    day = day_of(block.date) * DAY
    low, high = block.hours.open_minutes()
    return _edge(zone, day + low, block), _edge(zone, day + high, block)


def _edge(zone: Zone, wall: int, block: TimeBlock) -> int:
    if block.second_showing is None or is_plain(zone, wall):
        return resolve(zone, wall, Disambiguation.REJECT)
    at = resolve(zone, wall, block.opening.disambiguation)
    return at if zone.wall_of(at) == wall else resolve(zone, wall, Disambiguation.REJECT)


def span_of_block(block: TimeBlock, zone: Zone) -> Interval | None:
    """The minutes of a block that is stored; None if it opens nothing, since zones have changed."""
    opening = block.opening
    laid = resolved(zone, opening.disambiguation, opening.windows, list(opening.days))
    return laid[0][:2] if laid else None


def with_zones(
    blocks: Iterable[TimeBlock], schedule: Schedule, zones: ZoneSource
) -> list[TimeBlock]:
    """The blocks with the zones they are in stated, so that they stay when and where they are."""
    return [
        block
        if block.timezone is not None
        else attrs.evolve(block, timezone=zone_of_block(block, schedule, zones).key)
        for block in blocks
    ]
