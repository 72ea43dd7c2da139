"""The dates of a rule, period by period, as days since 1970-01-01.

A rule goes on for ever here: COUNT, UNTIL, RDATE and EXDATE are for `Recurrence`. Daily and
weekly rules are integer arithmetic on day numbers. Monthly and yearly ones are asked of dateutil,
a month or a year at a time, so that a query far from the start costs no more than one near it.
"""

from __future__ import annotations

from bisect import bisect_left
from calendar import isleap, monthrange
from collections.abc import Callable, Iterator
from datetime import date, datetime
from functools import cached_property, lru_cache
from typing import Final, Literal, NamedTuple

import attrs
from dateutil.rrule import MONTHLY, YEARLY, rrule, weekday

from medsched.timeline.instants import LAST_DAY, date_of, day_of
from medsched.timeline.rrule_parts import Frequency, most_weekdays, ordered
from medsched.timeline.weekdays import ByDay

CYCLE: Final = 146_097
"""Days in 400 years, which are whole weeks: after them the Gregorian calendar repeats."""
_ALONE: Final = 120_000
"""An interval, in months or years, after which dateutil finds no second period."""


# --------------------------------------------------------------- days and weeks


@attrs.frozen(kw_only=True)
class DailyRule:
    """Every so many days from ``start`` on, of which the lists leave some."""

    start: int
    interval: int
    weekdays: frozenset[int]
    by_month_day: tuple[int, ...]
    by_month: tuple[int, ...]
    by_set_pos: tuple[int, ...]

    def matches(self, low: int, high: int) -> list[int]:
        """The rule's dates from ``low``, at or after the start, to before ``high``; sorted."""
        if self.by_set_pos and not {1, -1}.intersection(self.by_set_pos):
            return []  # a day has no second date
        days = list(range(low + (self.start - low) % self.interval, high, self.interval))
        if self.weekdays:
            days = [day for day in days if _weekday_of(day) in self.weekdays]
        days = _in_months(days, self.by_month)
        if self.by_month_day:
            days = [day for day in days if _is_month_day(date_of(day), self.by_month_day)]
        return days

    def match(self, number: int) -> int:
        """The day of the match of that number, from 1; late ones may lie past the range."""
        if self.weekdays or self.by_month_day or self.by_month or self.by_set_pos:
            return _counted(self.matches, number, self.start)
        return self.start + (number - 1) * self.interval


@attrs.frozen(kw_only=True)
class WeeklyRule:
    """Certain weekdays of every so many weeks from ``start`` on; none is the start's own.

    Weeks begin on ``week_start``, a number as `datetime.date.weekday` has it.
    """

    start: int
    interval: int
    weekdays: frozenset[int]
    week_start: int
    by_month: tuple[int, ...]
    by_set_pos: tuple[int, ...]

    def matches(self, low: int, high: int) -> list[int]:
        """The rule's dates from ``low``, at or after the start, to before ``high``; sorted."""
        step = 7 * self.interval
        week = low - (low - self._first_week) % step
        if self.by_set_pos:
            days = [day for first in range(week, high, step) for day in self._picked(first)]
        else:
            offsets = self._week_offsets
            days = [first + offset for first in range(week, high, step) for offset in offsets]
        return _in_months(days[bisect_left(days, low) : bisect_left(days, high)], self.by_month)

    def match(self, number: int) -> int:
        """The day of the match of that number, from 1; late ones may lie past the range."""
        if self.by_month or self.by_set_pos:
            return _counted(self.matches, number, self.start)
        passed = bisect_left(self._week_offsets, self.start - self._first_week)
        weeks, index = divmod(passed + number - 1, len(self._week_offsets))
        return self._first_week + weeks * 7 * self.interval + self._week_offsets[index]

    def _picked(self, first: int) -> list[int]:
        # dateutil begins the first week at the start, and so counts positions from there.
        days = [first + offset for offset in self._week_offsets if first + offset >= self.start]
        return _at_positions(_in_months(days, self.by_month), self.by_set_pos)

    @cached_property
    def _first_week(self) -> int:
        return self.start - (_weekday_of(self.start) - self.week_start) % 7

    @cached_property
    def _week_offsets(self) -> tuple[int, ...]:
        """The rule's weekdays as days from the start of a week."""
        weekdays = self.weekdays or {_weekday_of(self.start)}
        return ordered((day - self.week_start) % 7 for day in weekdays)


def _weekday_of(day: int) -> int:
    return (day + 3) % 7  # 1970-01-01 is a Thursday


def _in_months(days: list[int], by_month: tuple[int, ...]) -> list[int]:
    if not by_month:
        return days
    return [day for day in days if date_of(day).month in by_month]


def _is_month_day(day: date, wanted: tuple[int, ...]) -> bool:
    return day.day in wanted or day.day - monthrange(day.year, day.month)[1] - 1 in wanted


def _at_positions(days: list[int], positions: tuple[int, ...]) -> list[int]:
    """The days at these positions, from 1, or from -1 backwards; sorted, each once."""
    size = len(days)
    return sorted({days[p - 1 if p > 0 else p] for p in positions if abs(p) <= size})


# -------------------------------------------------------------- months and years


@attrs.frozen(kw_only=True)
class CalendarRule:
    """Certain days of every so many months or years, from ``start`` on."""

    start: date
    frequency: Literal[Frequency.MONTHLY, Frequency.YEARLY]
    interval: int
    by_day: tuple[ByDay, ...]
    by_month_day: tuple[int, ...]
    by_month: tuple[int, ...]
    by_year_day: tuple[int, ...]
    by_week_no: tuple[int, ...]
    by_set_pos: tuple[int, ...]
    week_start: int

    def matches(self, low: int, high: int) -> list[int]:
        """The rule's dates from ``low``, at or after the start, to before ``high``; sorted."""
        anchor, step = self.start.year * 12 + self.start.month - 1, self.interval
        if self.frequency is Frequency.YEARLY:
            anchor, step = self.start.year * 12, 12 * step
        month = _month_of(low)
        days: list[int] = []
        for index in range(month - (month - anchor) % step, _month_of(high - 1) + 1, step):
            first = _first_of(index)
            days += [first + offset for offset in _offsets(self._pattern, *_twin(index))]
        return days[bisect_left(days, low) : bisect_left(days, high)]

    def match(self, number: int) -> int:
        """The day of the match of that number, from 1; the last day when there are fewer."""
        return _counted(self.matches, number, day_of(self.start))

    @cached_property
    def _pattern(self) -> _Pattern:
        """What a period is made of, with that stated which dateutil would take from DTSTART."""
        by_month, by_month_day = self.by_month, self.by_month_day
        if not (self.by_day or by_month_day or self.by_year_day or self.by_week_no):
            by_month_day = (self.start.day,)
            if self.frequency is Frequency.YEARLY:
                by_month = by_month or (self.start.month,)
        return _Pattern(
            frequency=YEARLY if self.frequency is Frequency.YEARLY else MONTHLY,
            by_day=tuple(self._numbered_days()),
            by_month_day=by_month_day,
            by_month=by_month,
            by_year_day=self.by_year_day,
            by_week_no=self.by_week_no,
            by_set_pos=self.by_set_pos,
            week_start=self.week_start,
        )

    def _numbered_days(self) -> Iterator[tuple[int, int | None]]:
        """BYDAY, where a plain weekday beside an ordinal is all its ordinals.

        The standard means either of the two, dateutil both at once: MO,2TU is never.
        """
        mixed = len({day.ordinal is None for day in self.by_day}) == 2
        most = most_weekdays(self.frequency, self.by_month)
        for day in self.by_day:
            if mixed and day.ordinal is None:
                yield from ((int(day.weekday), n + 1) for n in range(most))
            else:
                yield int(day.weekday), day.ordinal


class _Pattern(NamedTuple):
    frequency: Literal[0, 1]
    by_day: tuple[tuple[int, int | None], ...]
    by_month_day: tuple[int, ...]
    by_month: tuple[int, ...]
    by_year_day: tuple[int, ...]
    by_week_no: tuple[int, ...]
    by_set_pos: tuple[int, ...]
    week_start: int


@lru_cache(maxsize=4096)
def _offsets(pattern: _Pattern, year: int, month: int) -> tuple[int, ...]:
    """A period's matches as days from its first, which is the first of ``month``."""
    first = datetime(year, month, 1)
    found = rrule(
        pattern.frequency,
        dtstart=first,
        interval=_ALONE,
        wkst=pattern.week_start,
        bymonth=pattern.by_month or None,
        bymonthday=pattern.by_month_day or None,
        byyearday=pattern.by_year_day or None,
        byweekno=pattern.by_week_no or None,
        byweekday=[weekday(*day) for day in pattern.by_day] or None,
        bysetpos=pattern.by_set_pos or None,
    )
    return tuple((day - first).days for day in found)


def _twins() -> tuple[int, ...]:
    """For each year from 2000 to 2399, the first of them with the same calendar.

    The year before counts too: its length may decide the week of the first days of January.
    """
    seen: dict[tuple[int, bool, bool], int] = {}
    return tuple(
        seen.setdefault((date(year, 1, 1).weekday(), isleap(year), isleap(year - 1)), year)
        for year in range(2000, 2400)
    )


_TWINS: Final = _twins()


def _twin(index: int) -> tuple[int, int]:
    """A year and month whose calendar is that of the month ``index``."""
    year, month = divmod(index, 12)
    return _TWINS[year % 400], month + 1


def _month_of(day: int) -> int:
    """The month of a day, counted from January of year 0."""
    when = date_of(day)
    return when.year * 12 + when.month - 1


def _first_of(index: int) -> int:
    year, month = divmod(index, 12)
    return day_of(date(year, month + 1, 1))


# ------------------------------------------------------------------- searching


def first_day(days: Callable[[int, int], list[int]], low: int, high: int) -> int | None:
    """The first of the dates that ``days`` finds in [low, high), or None."""
    found = (days(*window) for window in _windows(low, high))
    return next((some[0] for some in found if some), None)


def _counted(days: Callable[[int, int], list[int]], number: int, low: int) -> int:
    """The date of that number, from 1, among those from ``low`` on; the last day if fewer."""
    for window in _windows(low, LAST_DAY + 1):
        found = days(*window)
        if number <= len(found):
            return found[number - 1]
        number -= len(found)
    return LAST_DAY


def _windows(low: int, high: int) -> Iterator[tuple[int, int]]:
    """[low, high) in ever longer windows, for a search that mostly ends in the first."""
    span = 8
    while low < high:
        yield low, min(low + span, high)
        low, span = low + span, min(4 * span, CYCLE)
