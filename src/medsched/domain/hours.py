"""Hours of a day on the wall: one stretch, and the windows that several leave."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import time, timedelta
from decimal import Decimal

import attrs

from medsched.errors import InvalidHours
from medsched.timeline.instants import DAY
from medsched.timeline.intervals import overlapping, subtract, union

_MIDNIGHT = timedelta(days=1)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d{1,6})?))?", re.ASCII)
_HOURS = re.compile(r"\s*([\d:.]+)\s*(?:-|–|to)\s*([\d:.]+)\s*(overnight)?\s*", re.ASCII)


def time_of_day(given: time | timedelta | str) -> timedelta:
    """A time of day as time since the wall's midnight; ``24:00`` is the day's end.

    `InvalidHours` for what is none, and for a time that has a zone of its own.
    """
    value = given
    if isinstance(value, str):
        found = _CLOCK.fullmatch(value)
        if not found:
            raise InvalidHours("hours", given, "a time of day is written HH:MM")
        hour, minute, second = int(found[1]), int(found[2]), Decimal(found[3] or 0)
        if minute > 59 or second >= 60:
            raise InvalidHours("hours", given, "not a time of day")
        microseconds = int(second * 1_000_000)
        value = timedelta(hours=hour, minutes=minute, microseconds=microseconds)
    elif isinstance(value, time):
        if value.tzinfo is not None:
            raise InvalidHours("hours", given, "wall time has no zone; the rule states it")
        value = timedelta(
            hours=value.hour,
            minutes=value.minute,
            seconds=value.second,
            microseconds=value.microsecond,
        )
    if not isinstance(value, timedelta) or not timedelta(0) <= value <= _MIDNIGHT:
        raise InvalidHours("hours", given, "not a time of day from 00:00 to 24:00")
    return value


@attrs.frozen
class Hours:
    """A stretch of one day on the wall: from ``start`` until before ``end``.

    Both are given as ``"HH:MM"`` or `datetime.time` and kept as time since the wall's
    midnight. ``24:00`` is a legal end and no start. A stretch past midnight says
    ``overnight=True`` and then ends at or before its start, on the next date: at most 24
    wall hours. Seconds are allowed; they round inward where the time is open, outward
    where it is a break or a closure.
    """

    start: timedelta = attrs.field(converter=time_of_day)
    end: timedelta = attrs.field(converter=time_of_day)
    overnight: bool = attrs.field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.start >= _MIDNIGHT:
            raise InvalidHours("start", str(self), "24:00 is an end, not a start")
        if self.overnight and self.end > self.start:
            why = "overnight hours end on the next date, at or before the time they start"
            raise InvalidHours("end", str(self), why)
        if not self.overnight and self.end <= self.start:
            why = "the end is not after the start; hours past midnight say overnight"
            raise InvalidHours("end", str(self), why)

    def __str__(self) -> str:
        both = f"{_clock(self.start)}-{_clock(self.end)}"
        return f"{both} overnight" if self.overnight else both

    @classmethod
    def parse(cls, value: Hours | str) -> Hours:
        """Hours from ``"09:00-17:00"`` or ``"22:00-06:00 overnight"``; `InvalidHours` otherwise."""
        if isinstance(value, Hours):
            return value
        found = _HOURS.fullmatch(value) if isinstance(value, str) else None
        if not found:
            raise InvalidHours("hours", value, "hours are written HH:MM-HH:MM")
        return cls(found[1], found[2], overnight=bool(found[3]))

    def open_minutes(self) -> tuple[int, int]:
        """Whole minutes from the wall's midnight, rounded inward; the end may pass 1440."""
        start, end = -(-self.start // timedelta(minutes=1)), self.end // timedelta(minutes=1)
        return start, end + DAY if self.overnight else end

    def busy_minutes(self) -> tuple[int, int]:
        """Whole minutes from the wall's midnight, rounded outward; the end may pass 1440."""
        start, end = self.start // timedelta(minutes=1), -(-self.end // timedelta(minutes=1))
        return start, end + DAY if self.overnight else end

    def holds(self, other: Hours) -> bool:
        """Whether all of another stretch lies in it: on the same date or, overnight, the next."""
        start, end = self.open_minutes()
        low, high = other.busy_minutes()
        return any(start <= low + shift and high + shift <= end for shift in (0, DAY))


def _clock(wall: timedelta) -> str:
    minutes, rest = divmod(wall, timedelta(minutes=1))
    shown = f"{minutes // 60:02d}:{minutes % 60:02d}"
    if not rest:
        return shown
    fraction = f".{rest.microseconds:06d}" if rest.microseconds else ""
    return f"{shown}:{rest.seconds:02d}{fraction}"


def stretches(value: Iterable[Hours | str] | Hours | str) -> tuple[Hours, ...]:
    """A converter to hours in order of their start; a single one will do, as will texts."""
    if not isinstance(value, Hours | str | Iterable):
        raise InvalidHours("hours", type(value).__name__, "hours are needed, or several of them")
    given = [value] if isinstance(value, Hours | str) else value
    if not isinstance(given, Iterable):
        raise InvalidHours("hours", type(given).__name__, "hours are written HH:MM-HH:MM")
    return tuple(sorted((Hours.parse(one) for one in given), key=lambda hours: hours.start))


def day_windows(hours: Iterable[Hours], breaks: Iterable[Hours]) -> tuple[tuple[int, int], ...]:
    """The windows of a day on the wall: hours with the breaks cut out, sorted, touching ones one.

    Minutes from the wall's midnight of the date the hours hang on. A break that meets no
    window where it is written is meant after midnight, in an overnight one. Raises
    `InvalidHours` for hours that overlap and for a break outside every window.
    """
    windows = _opened(hours)
    return tuple(subtract(windows, union(_cut(windows, one) for one in breaks)))


def breaks_in(
    part: Iterable[Hours], hours: Iterable[Hours], breaks: Iterable[Hours]
) -> tuple[Hours, ...]:
    """The breaks of some hours that cut into a part of these; raises as `day_windows` does."""
    mine, windows = _opened(part), _opened(hours)
    return tuple(one for one in breaks if overlapping(mine, *_cut(windows, one)))


def _opened(hours: Iterable[Hours]) -> list[tuple[int, int]]:
    """The windows that hours open without their breaks."""
    windows: list[tuple[int, int]] = []
    for start, end in sorted(one.open_minutes() for one in hours):
        if windows and start < windows[-1][1]:
            raise InvalidHours("hours", _shown(start, end), "overlaps the hours before it")
        if windows and start == windows[-1][1]:
            windows[-1] = (windows[-1][0], end)
        elif start < end:
            windows.append((start, end))
    return windows


def _cut(windows: list[tuple[int, int]], one: Hours) -> tuple[int, int]:
    """The minutes that a break takes out of windows."""
    low, high = one.busy_minutes()
    for shift in (0, DAY):
        if overlapping(windows, low + shift, high + shift):
            return low + shift, high + shift
    raise InvalidHours("breaks", str(one), "lies outside every window")


def day_breaks(hours: Iterable[Hours], windows: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The stretches on the wall that lie in some hours and not in their windows: the breaks."""
    return subtract(union(one.open_minutes() for one in hours), sorted(windows))


def _shown(start: int, end: int) -> str:
    return "-".join(f"{m // 60 % 24 if m != DAY else 24:02d}:{m % 60:02d}" for m in (start, end))
