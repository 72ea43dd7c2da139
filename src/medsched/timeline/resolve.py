"""From the wall to the instant: the one place that knows about skipped and repeated times.

The four policies are those of ECMAScript Temporal; ``compatible`` is also what
RFC 5545 3.3.5 asks for.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, Never

from medsched.errors import AmbiguousTime, InvalidChoice, InvalidWallTime, NonexistentTime
from medsched.timeline.instants import DAY, instant_of, minute_of
from medsched.timeline.zones import Change, Zone


class Disambiguation(StrEnum):
    """What a wall time means that a zone skips (gap) or shows twice (fold)."""

    COMPATIBLE = "compatible"
    """In a gap later by the gap, in a fold the earlier one."""
    EARLIER = "earlier"
    """In a gap earlier by the gap, in a fold the earlier one."""
    LATER = "later"
    """In a gap later by the gap, in a fold the later one."""
    REJECT = "reject"
    """Neither: a gap is NonexistentTime, a fold AmbiguousTime."""

    @classmethod
    def _missing_(cls, value: object) -> Never:
        allowed = ", ".join(cls)
        raise InvalidChoice("disambiguation", value, f"must be one of {allowed}")


REACH: Final = 2 * DAY
"""A change of offset farther than this from a wall minute (read as UTC) cannot touch it:
offsets lie within a day of UTC, and no change moves a clock by more than a day."""


def resolve(zone: Zone, wall: int, policy: Disambiguation) -> int:
    """The instant, in minutes, of a wall minute in a zone.

    Under ``reject`` a skipped wall time raises `NonexistentTime`, a repeated one
    `AmbiguousTime`; under the other policies every wall time has one instant.
    """
    change = _change_near(zone, wall)
    if change is None:
        return wall - zone.offset_at(wall)
    at, before, after = change
    if wall < at + min(before, after):
        return wall - before
    if wall >= at + max(before, after):
        return wall - after
    if policy is Disambiguation.REJECT:
        shown = instant_of(wall).replace(tzinfo=None)
        raise (NonexistentTime if after > before else AmbiguousTime)(shown, zone.key)
    gap = after > before
    if policy is Disambiguation.EARLIER:
        return wall - (after if gap else before)
    if policy is Disambiguation.LATER:
        return wall - (before if gap else after)
    return wall - before


def is_plain(zone: Zone, wall: int) -> bool:
    """Whether a wall minute comes exactly once: neither skipped nor repeated."""
    change = _change_near(zone, wall)
    if change is None:
        return True
    at, before, after = change
    return not at + min(before, after) <= wall < at + max(before, after)


def _change_near(zone: Zone, wall: int) -> Change | None:
    """The one change whose gap or fold ``wall`` could lie in (no zone changes twice in a week)."""
    changes = zone.changes(wall - REACH, wall + REACH)
    return changes[0] if changes else None


def date_span(zone: Zone, day: int) -> tuple[int, int]:
    """The instants [00:00, the next date's 00:00) of a local date: empty if the date is skipped."""
    return (
        resolve(zone, day * DAY, Disambiguation.COMPATIBLE),
        resolve(zone, (day + 1) * DAY, Disambiguation.COMPATIBLE),
    )


def second_showing(zone: Zone, minute: int) -> bool | None:
    """Whether an instant, in minutes, is the second showing of its wall time; None if it has one.

    The wall time is the one that the zone's clock shows then.
    """
    wall = zone.wall_of(minute)
    if is_plain(zone, wall):
        return None
    return minute != resolve(zone, wall, Disambiguation.EARLIER)


def at_showing(zone: Zone, wall: datetime, second: bool | None) -> datetime:
    """The UTC instant of a wall time, of its second showing if that is said.

    Raises as `at_wall` does: a repeated time with ``second`` None is `AmbiguousTime`.
    """
    return at_wall(zone, wall.replace(fold=0), fold=None if second is None else int(second))


def at_wall(zone: Zone, wall: datetime, *, fold: int | None = None) -> datetime:
    """The UTC instant of one wall time that a person asked for: never moved silently.

    ``wall`` is naive and in whole minutes, else `InvalidWallTime`. ``fold`` (or the datetime's own,
    when it is 1) says which showing of a repeated time is meant: 0 the first, 1 the second.
    A skipped time raises `NonexistentTime`, a repeated one without fold `AmbiguousTime`.
    """
    if wall.tzinfo is not None or wall.second or wall.microsecond:
        raise InvalidWallTime("wall", wall, "a wall time has whole minutes and no zone of its own")
    minute = minute_of(wall.replace(tzinfo=UTC), "wall", rounding="down")
    if not is_plain(zone, minute) and (fold is not None or wall.fold):
        second = bool(wall.fold if fold is None else fold)
        instant = resolve(zone, minute, Disambiguation.LATER if second else Disambiguation.EARLIER)
        if zone.wall_of(instant) == minute:
            return instant_of(instant)
    return instant_of(resolve(zone, minute, Disambiguation.REJECT))
