"""Recurrence over local calendar dates: RFC 5545 rules of whole days.

A rule never meets an instant or a time zone here: it makes dates, and whoever asks
lays hours on them. Daily and weekly rules are integer arithmetic on day numbers.
Monthly and yearly ones are asked of dateutil, a month or a year at a time, so that
a query far from the start costs no more than one near it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from calendar import isleap, monthrange
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from enum import IntEnum, StrEnum
from functools import cached_property, lru_cache
from itertools import chain
from typing import Any, Final, Literal, NamedTuple, TypedDict, TypeVar, Unpack

import attrs
from dateutil.rrule import MONTHLY, YEARLY, rrule, weekday

from medsched.errors import InvalidRecurrence
from medsched.timeline.instants import LAST_DAY, check_date, date_of, day_of

_T = TypeVar("_T")

_CYCLE: Final = 146_097
"""Days in 400 years, which are whole weeks: after them the Gregorian calendar repeats."""
_ALONE: Final = 120_000
"""An interval, in months or years, after which dateutil finds no second period."""
_FINER: Final = frozenset({"HOURLY", "MINUTELY", "SECONDLY", "BYHOUR", "BYMINUTE", "BYSECOND"})
_LISTS: Final = {
    "BYMONTH": "by_month",
    "BYWEEKNO": "by_week_no",
    "BYYEARDAY": "by_year_day",
    "BYMONTHDAY": "by_month_day",
    "BYDAY": "by_day",
    "BYSETPOS": "by_set_pos",
}
_FIELDS: Final = {
    "FREQ": "frequency",
    "INTERVAL": "interval",
    "COUNT": "count",
    "UNTIL": "until",
    "WKST": "week_start",
    **_LISTS,
}
_PART_OF: Final = {name: part for part, name in _FIELDS.items()} | {"weekday": "BYDAY"}


class Frequency(StrEnum):
    """How often a rule's period comes round (RFC 5545 3.3.10 FREQ); nothing finer than a day."""

    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"
    YEARLY = "YEARLY"


class Weekday(IntEnum):
    """A day of the week, numbered as `datetime.date.weekday` does, named as RFC 5545 does."""

    MO = 0
    TU = 1
    WE = 2
    TH = 3
    FR = 4
    SA = 5
    SU = 6

    @classmethod
    def parse_set(
        cls, days: str | Iterable[Weekday | str], field: str = "BYDAY"
    ) -> frozenset[Weekday]:
        """The weekdays of ``"MO-FR,SU"``, or of an iterable of weekdays and such texts.

        Ranges include both ends and may go round the weekend: ``"FR-MO"``. Case does
        not matter. Raises `InvalidRecurrence`, naming ``field``, for anything else
        and for no weekday at all.
        """
        found = frozenset(
            chain.from_iterable(
                _weekday_range(item, field)
                for item in (days.split(",") if isinstance(days, str) else days)
            )
        )
        if not found:
            raise InvalidRecurrence(field, days, "at least one weekday is needed")
        return found


def _weekday_range(item: Weekday | str, field: str) -> list[Weekday]:
    if not isinstance(item, str):
        return [_weekday(item, field)]
    first, dash, last = item.partition("-")
    low = _weekday(first, field)
    high = _weekday(last, field) if dash else low
    return [Weekday((low + step) % 7) for step in range((high - low) % 7 + 1)]


def _weekday(value: object, field: str) -> Weekday:
    name = value.strip().upper() if isinstance(value, str) else ""
    found = value if isinstance(value, Weekday) else Weekday.__members__.get(name)
    if found is None:
        raise InvalidRecurrence(field, value, "a weekday is needed: MO, TU, WE, TH, FR, SA or SU")
    return found


def _check_weekday(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, Weekday):
        raise InvalidRecurrence(_PART_OF[attribute.name], value, "a Weekday is needed")


def _check_ordinal(_: object, attribute: attrs.Attribute[Any], value: int | None) -> None:
    if value is not None and not _is_number(value, 53, signed=True):
        raise InvalidRecurrence("BYDAY", value, "the ordinal must be 1 to 53 or -53 to -1")


def _is_number(value: object, most: int, *, signed: bool) -> bool:
    if type(value) is not int:  # neither a bool nor an enum
        return False
    return 1 <= (abs(value) if signed else value) <= most


@attrs.frozen
class ByDay:
    """A weekday, or with ``ordinal`` the n-th one of a month or year; negative from its end.

    An ordinal is 1 to 53 or -53 to -1; `InvalidRecurrence` otherwise. Source: RFC 5545
    3.3.10, weekdaynum.
    """

    weekday: Weekday = attrs.field(validator=_check_weekday)
    ordinal: int | None = attrs.field(default=None, validator=_check_ordinal)

    @classmethod
    def parse(cls, text: str) -> ByDay:
        """Read ``"MO"``, ``"2TU"`` or ``"-1FR"``; `InvalidRecurrence` for anything else."""
        match = re.fullmatch(r"\s*([+-]?[0-9]{1,2})?([A-Z]{2})\s*", text, re.ASCII | re.IGNORECASE)
        if match is None:
            raise InvalidRecurrence("BYDAY", text, "a weekday is needed, such as MO, 2TU or -1FR")
        ordinal, name = match.groups()
        return cls(_weekday(name, "BYDAY"), None if ordinal is None else int(ordinal))

    def __str__(self) -> str:
        return f"{'' if self.ordinal is None else self.ordinal}{self.weekday.name}"


class Limits(TypedDict, total=False):
    """What every constructor of `Recurrence` takes besides its pattern."""

    until: date | None
    """The last date that may match, inclusive."""
    count: int | None
    """How many dates match, counted before ``exdates``; not together with ``until``."""
    rdates: Iterable[date]
    """Dates on top of the rule (RDATE)."""
    exdates: Iterable[date]
    """Dates taken away from rule and ``rdates`` alike (EXDATE)."""


# ------------------------------------------------------------------ at the door


def _ordered(values: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(set(values)))


def _by_days(values: Iterable[ByDay | Weekday | str]) -> tuple[ByDay, ...]:
    days = {_by_day(value) for value in values}
    return tuple(sorted(days, key=lambda day: (day.weekday, day.ordinal or 0)))


def _by_day(value: ByDay | Weekday | str) -> ByDay:
    if isinstance(value, ByDay):
        return value
    return ByDay.parse(value) if isinstance(value, str) else ByDay(value)


def _frequency(value: Frequency | str) -> Frequency:
    if value in _FINER:
        raise InvalidRecurrence("FREQ", value, "finer than a day")
    try:
        return Frequency(value)
    except ValueError:
        why = "must be DAILY, WEEKLY, MONTHLY or YEARLY"
        raise InvalidRecurrence("FREQ", value, why) from None


def _needed(part: str, values: Iterable[_T]) -> tuple[_T, ...]:
    given = tuple(values)
    if not given:
        raise InvalidRecurrence(part, given, "at least one is needed")
    return given


def _date_set(values: Iterable[date]) -> frozenset[date]:
    return frozenset(values)


def _check_date(_: object, attribute: attrs.Attribute[Any], value: date) -> None:
    check_date(value, attribute.name)


def _check_dates(_: object, attribute: attrs.Attribute[Any], values: frozenset[date]) -> None:
    for value in values:
        check_date(value, attribute.name)


def _check_until(_: object, attribute: attrs.Attribute[Any], value: date | None) -> None:
    if isinstance(value, datetime):
        raise InvalidRecurrence("UNTIL", value, "has a time part: a date is needed")
    if value is not None:
        check_date(value, "UNTIL")


def _check_positive(_: object, attribute: attrs.Attribute[Any], value: int | None) -> None:
    if value is not None and (type(value) is not int or value < 1):
        part = _PART_OF[attribute.name]
        raise InvalidRecurrence(part, value, "must be a whole number of at least 1")


def _numbers(
    most: int, *, signed: bool = True
) -> Callable[[object, attrs.Attribute[Any], tuple[int, ...]], None]:
    bounds = f"must be 1 to {most}" + (f" or -{most} to -1" if signed else "")

    def check(_: object, attribute: attrs.Attribute[Any], values: tuple[int, ...]) -> None:
        for value in values:
            if not _is_number(value, most, signed=signed):
                raise InvalidRecurrence(_PART_OF[attribute.name], value, bounds)

    return check


# -------------------------------------------------------------------- the noun


@attrs.frozen
class Recurrence:
    """A set of local calendar dates, never empty: a rule from ``start`` on, + RDATE - EXDATE.

    The dates are those of an RFC 5545 RRULE whose DTSTART is ``start``, a date. A start
    that does not match the rule is no occurrence. ``count`` counts matches, before
    ``exdates``; ``until`` is inclusive; ``rdates`` may lie anywhere; ``exdates`` win.
    The order and repetition of values in a list do not matter. Where the RFC leaves
    room, python-dateutil decides: BYWEEKNO without BYDAY is the whole week, BYSETPOS
    counts the first week of a weekly rule from ``start``. It also decides which week
    number the first days of January bear, and calls some of a week 52 week 53.

    All dates are 1973-01-01 to 9998-12-31, where endless rules end: `OutOfRange`
    otherwise. `InvalidRecurrence` names the RFC 5545 part that the standard does not
    allow, or RRULE or EXDATE when no date is left. Source: RFC 5545 3.3.10, 3.8.5.
    """

    start: date = attrs.field(validator=_check_date)
    frequency: Frequency = attrs.field(converter=_frequency)
    interval: int = attrs.field(default=1, kw_only=True, validator=_check_positive)
    by_day: tuple[ByDay, ...] = attrs.field(default=(), kw_only=True, converter=_by_days)
    by_month_day: tuple[int, ...] = attrs.field(
        default=(), kw_only=True, converter=_ordered, validator=_numbers(31)
    )
    by_month: tuple[int, ...] = attrs.field(
        default=(), kw_only=True, converter=_ordered, validator=_numbers(12, signed=False)
    )
    by_year_day: tuple[int, ...] = attrs.field(
        default=(), kw_only=True, converter=_ordered, validator=_numbers(366)
    )
    by_week_no: tuple[int, ...] = attrs.field(
        default=(), kw_only=True, converter=_ordered, validator=_numbers(53)
    )
    by_set_pos: tuple[int, ...] = attrs.field(
        default=(), kw_only=True, converter=_ordered, validator=_numbers(366)
    )
    week_start: Weekday = attrs.field(default=Weekday.MO, kw_only=True, validator=_check_weekday)
    count: int | None = attrs.field(default=None, kw_only=True, validator=_check_positive)
    until: date | None = attrs.field(default=None, kw_only=True, validator=_check_until)
    rdates: frozenset[date] = attrs.field(
        default=frozenset(), kw_only=True, converter=_date_set, validator=_check_dates
    )
    exdates: frozenset[date] = attrs.field(
        default=frozenset(), kw_only=True, converter=_date_set, validator=_check_dates
    )

    def __attrs_post_init__(self) -> None:
        self._check_limits()
        self._check_parts()
        self._check_ordinals()
        if self._opening is None:
            raise InvalidRecurrence("RRULE", self.rule, f"never occurs from {self.start} on")
        if self.exdates and self._first is None:
            raise InvalidRecurrence("EXDATE", self.rule, "takes every date away")

    def _check_limits(self) -> None:
        if self.until is None:
            return
        if self.count is not None:
            raise InvalidRecurrence("COUNT", self.count, "not together with UNTIL")
        if self.until < self.start:
            raise InvalidRecurrence("UNTIL", self.until, f"before the start, {self.start}")

    def _check_parts(self) -> None:
        frequency = self.frequency
        if self.by_week_no and frequency is not Frequency.YEARLY:
            raise InvalidRecurrence("BYWEEKNO", self.by_week_no, "only with FREQ=YEARLY")
        if self.by_year_day and frequency is not Frequency.YEARLY:
            raise InvalidRecurrence("BYYEARDAY", self.by_year_day, f"not with FREQ={frequency}")
        if self.by_month_day and frequency is Frequency.WEEKLY:
            raise InvalidRecurrence("BYMONTHDAY", self.by_month_day, "not with FREQ=WEEKLY")
        others = (name for name in _LISTS.values() if name != "by_set_pos")
        if self.by_set_pos and not any(getattr(self, name) for name in others):
            raise InvalidRecurrence("BYSETPOS", self.by_set_pos, "only with another BY part")

    def _check_ordinals(self) -> None:
        ordinals = [day for day in self.by_day if day.ordinal is not None]
        if not ordinals:
            return
        if self.frequency not in (Frequency.MONTHLY, Frequency.YEARLY):
            why = f"no ordinal with FREQ={self.frequency}"
            raise InvalidRecurrence("BYDAY", str(ordinals[0]), why)
        if self.by_week_no:
            raise InvalidRecurrence("BYDAY", str(ordinals[0]), "no ordinal with BYWEEKNO")
        for day in ordinals:
            if abs(day.ordinal or 0) > self._most_weekdays:
                raise InvalidRecurrence("BYDAY", str(day), "no month has so many of a weekday")

    # ---------------------------------------------------------------- making one

    @classmethod
    def daily(cls, start: date, *, every: int = 1, **limits: Unpack[Limits]) -> Recurrence:
        """Every day from ``start`` on, or every so many days."""
        return cls(start, Frequency.DAILY, interval=every, **limits)

    @classmethod
    def weekdays(cls, start: date, **limits: Unpack[Limits]) -> Recurrence:
        """Monday to Friday."""
        return cls.weekly("MO-FR", start=start, **limits)

    @classmethod
    def weekly(
        cls,
        days: str | Iterable[Weekday | str] | None,
        *,
        start: date,
        every: int = 1,
        week_start: Weekday = Weekday.MO,
        **limits: Unpack[Limits],
    ) -> Recurrence:
        """Certain weekdays, as `Weekday.parse_set` reads them; None is the start's own.

        With ``every=2`` in each second week, counted from the week of the start, weeks
        beginning on ``week_start``.
        """
        by_day = () if days is None else Weekday.parse_set(days)
        return cls(
            start,
            Frequency.WEEKLY,
            interval=every,
            by_day=by_day,
            week_start=week_start,
            **limits,
        )

    @classmethod
    def monthly(
        cls, days: int | Iterable[int], *, start: date, every: int = 1, **limits: Unpack[Limits]
    ) -> Recurrence:
        """Certain days of the month, 1 to 31, or -1 to -31 from its end; others are left out.

        A month without such a day is passed over: 31 is seven times a year.
        """
        by_month_day = (days,) if isinstance(days, int) else _needed("BYMONTHDAY", days)
        return cls(start, Frequency.MONTHLY, interval=every, by_month_day=by_month_day, **limits)

    @classmethod
    def monthly_on(
        cls, which: str | Iterable[str], *, start: date, every: int = 1, **limits: Unpack[Limits]
    ) -> Recurrence:
        """Certain weekdays of the month: ``"2TU"`` its second Tuesday, ``"-1FR"`` its last Friday.

        Several as an iterable or as ``"1MO,3MO"``; ``"TU"`` is every Tuesday.
        """
        texts = which.split(",") if isinstance(which, str) else _needed("BYDAY", which)
        return cls(start, Frequency.MONTHLY, interval=every, by_day=texts, **limits)

    @classmethod
    def yearly(cls, *, start: date, every: int = 1, **limits: Unpack[Limits]) -> Recurrence:
        """The month and day of ``start``, each year; 29 February in leap years only."""
        return cls(start, Frequency.YEARLY, interval=every, **limits)

    @classmethod
    def once(cls, day: date) -> Recurrence:
        """One date."""
        return cls.dates(day)

    @classmethod
    def dates(cls, *days: date) -> Recurrence:
        """Exactly these dates, in any order; `InvalidRecurrence` for none."""
        start, *others = sorted(check_date(day, "days") for day in _needed("days", days))
        return cls.daily(start, count=1, rdates=others)

    @classmethod
    def parse(
        cls,
        rrule: str,
        *,
        start: date,
        rdates: Iterable[date] = (),
        exdates: Iterable[date] = (),
    ) -> Recurrence:
        """Read an RFC 5545 RRULE value, with or without ``RRULE:`` before it.

        Case does not matter. UNTIL must be a date. Raises `InvalidRecurrence` with the
        part's name, its text and why it is refused.
        """
        return cls(start, rdates=rdates, exdates=exdates, **_read(rrule))

    # ---------------------------------------------------------------------- text

    @property
    def rule(self) -> str:
        """The canonical RRULE value, without ``RRULE:``; `parse` reads it back."""
        parts = {
            "FREQ": self.frequency.value,
            "INTERVAL": "" if self.interval == 1 else str(self.interval),
            "COUNT": "" if self.count is None else str(self.count),
            "UNTIL": "" if self.until is None else self.until.isoformat().replace("-", ""),
            "WKST": "" if self.week_start is Weekday.MO else self.week_start.name,
        }
        for part, name in _LISTS.items():
            parts[part] = ",".join(map(str, getattr(self, name)))
        return ";".join(f"{part}={text}" for part, text in parts.items() if text)

    def __str__(self) -> str:
        return self.rule

    # ------------------------------------------------------------------- queries

    def days(self, low: int, high: int) -> list[int]:
        """The dates from ``low`` to before ``high``, all as days since 1970-01-01, sorted.

        The bounds may be any numbers; there is nothing outside 1973 to 9998.
        """
        days = self._matches(low, min(high, self._end))
        if not (self.rdates or self.exdates):
            return days
        added = (day for day in self._added if low <= day < high)
        return sorted({*days, *added} - self._removed)

    def between(self, first: date, last: date) -> tuple[date, ...]:
        """The dates from ``first`` to ``last``, both inclusive; `OutOfRange` outside 1973 to 9998.

        None when ``last`` is before ``first``.
        """
        low, high = day_of(check_date(first, "first")), day_of(check_date(last, "last"))
        return tuple(map(date_of, self.days(low, high + 1)))

    def occurs_on(self, day: date) -> bool:
        """Whether ``day`` is one of the dates; `OutOfRange` outside 1973 to 9998."""
        number = day_of(check_date(day, "day"))
        return bool(self.days(number, number + 1))

    @property
    def first(self) -> date:
        """The first date."""
        assert self._first is not None  # none without a date was let in
        return date_of(self._first)

    @property
    def last(self) -> date | None:
        """The last date, or None when the rule has neither ``until`` nor ``count``."""
        return None if self._last is None else date_of(self._last)

    # ----------------------------------------------------- the set's outer bounds

    @cached_property
    def _start(self) -> int:
        return day_of(self.start)

    @cached_property
    def _added(self) -> frozenset[int]:
        return frozenset(map(day_of, self.rdates))

    @cached_property
    def _removed(self) -> frozenset[int]:
        return frozenset(map(day_of, self.exdates))

    @cached_property
    def _end(self) -> int:
        """The day after the last one that may match; COUNT is settled here, once."""
        if self.until is not None:
            return day_of(self.until) + 1
        if self.count is not None:
            return min(self._match(self.count), LAST_DAY) + 1
        return LAST_DAY + 1

    @cached_property
    def _opening(self) -> int | None:
        """The rule's first match, looked for in one round of the calendar."""
        last = LAST_DAY if self.until is None else day_of(self.until)
        # A week more, because positions in the first week are counted from the start.
        horizon = min(last + 1, self._start + _CYCLE * self.interval + 7)
        found = (self._matches(low, high) for low, high in _windows(self._start, horizon))
        return next((days[0] for days in found if days), None)

    @cached_property
    def _first(self) -> int | None:
        if self._opening is not None and not self.exdates:
            return min((self._opening, *self._added))
        found = (self.days(low, high) for low, high in _windows(*self._extent))
        return next((days[0] for days in found if days), None)

    @cached_property
    def _last(self) -> int | None:
        if self.until is None and self.count is None:
            return None
        _, high = self._extent
        span = 8
        while not (days := self.days(high - span, high)):
            span *= 4
        return days[-1]

    @property
    def _extent(self) -> tuple[int, int]:
        """A stretch [low, high) outside which there is no date."""
        high = max((self._end, *(day + 1 for day in self._added)))
        return min((self._start, *self._added)), high

    def _match(self, number: int) -> int:
        """The day of the rule's match of that number, from 1; late ones may lie past the range."""
        filtered = self.by_month or self.by_set_pos or self.by_month_day
        if self.frequency is Frequency.DAILY and not (filtered or self.by_day):
            return self._start + (number - 1) * self.interval
        if self.frequency is Frequency.WEEKLY and not filtered:
            passed = bisect_left(self._week_offsets, self._start - self._first_week)
            weeks, index = divmod(passed + number - 1, len(self._week_offsets))
            return self._first_week + weeks * 7 * self.interval + self._week_offsets[index]
        for low, high in _windows(self._start, LAST_DAY + 1):
            days = self._matches(low, high)
            if number <= len(days):
                return days[number - 1]
            number -= len(days)
        return LAST_DAY

    # ------------------------------------------- the rule without COUNT and UNTIL

    def _matches(self, low: int, high: int) -> list[int]:
        low = max(low, self._start)
        if low >= high:
            return []
        if self.frequency is Frequency.WEEKLY:
            return self._weekly_matches(low, high)
        if self.frequency is Frequency.DAILY:
            return self._daily_matches(low, high)
        return self._period_matches(low, high)

    def _daily_matches(self, low: int, high: int) -> list[int]:
        if self.by_set_pos and not {1, -1}.intersection(self.by_set_pos):
            return []  # a day has no second date
        days = list(range(low + (self._start - low) % self.interval, high, self.interval))
        if self.by_day:
            weekdays = {day.weekday for day in self.by_day}
            days = [day for day in days if _weekday_of(day) in weekdays]
        days = self._in_months(days)
        if self.by_month_day:
            days = [day for day in days if _is_month_day(date_of(day), self.by_month_day)]
        return days

    def _weekly_matches(self, low: int, high: int) -> list[int]:
        step = 7 * self.interval
        week = low - (low - self._first_week) % step
        if self.by_set_pos:
            days = [day for first in range(week, high, step) for day in self._picked_in_week(first)]
        else:
            offsets = self._week_offsets
            days = [first + offset for first in range(week, high, step) for offset in offsets]
        return self._in_months(days[bisect_left(days, low) : bisect_left(days, high)])

    def _picked_in_week(self, first: int) -> list[int]:
        # dateutil begins the first week at the start, and so counts positions from there.
        days = [first + offset for offset in self._week_offsets if first + offset >= self._start]
        return _picked(self._in_months(days), self.by_set_pos)

    def _in_months(self, days: list[int]) -> list[int]:
        if not self.by_month:
            return days
        return [day for day in days if date_of(day).month in self.by_month]

    @cached_property
    def _first_week(self) -> int:
        return self._start - (_weekday_of(self._start) - self.week_start) % 7

    @cached_property
    def _week_offsets(self) -> tuple[int, ...]:
        """The rule's weekdays as days from the start of a week."""
        weekdays = [int(day.weekday) for day in self.by_day] or [_weekday_of(self._start)]
        return _ordered((day - self.week_start) % 7 for day in weekdays)

    def _period_matches(self, low: int, high: int) -> list[int]:
        anchor, step = _month_of(self._start), self.interval
        if self.frequency is Frequency.YEARLY:
            anchor, step = self.start.year * 12, 12 * step
        month = _month_of(low)
        days: list[int] = []
        for index in range(month - (month - anchor) % step, _month_of(high - 1) + 1, step):
            first = _first_of(index)
            days += [first + offset for offset in _offsets(self._pattern, *_twin(index))]
        return days[bisect_left(days, low) : bisect_left(days, high)]

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
            week_start=int(self.week_start),
        )

    def _numbered_days(self) -> Iterator[tuple[int, int | None]]:
        """BYDAY, where a plain weekday beside an ordinal is all its ordinals.

        The standard means either of the two, dateutil both at once: MO,2TU is never.
        """
        mixed = len({day.ordinal is None for day in self.by_day}) == 2
        for day in self.by_day:
            if mixed and day.ordinal is None:
                yield from ((int(day.weekday), n + 1) for n in range(self._most_weekdays))
            else:
                yield int(day.weekday), day.ordinal

    @property
    def _most_weekdays(self) -> int:
        """How many of one weekday the stretch can have that an ordinal counts in."""
        return 5 if self.frequency is Frequency.MONTHLY or self.by_month else 53


# ------------------------------------------------------------- a period of its own


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


def _windows(low: int, high: int) -> Iterator[tuple[int, int]]:
    """[low, high) in ever longer windows, for a search that mostly ends in the first."""
    span = 8
    while low < high:
        yield low, min(low + span, high)
        low, span = low + span, min(4 * span, _CYCLE)


def _weekday_of(day: int) -> int:
    return (day + 3) % 7  # 1970-01-01 is a Thursday


def _is_month_day(day: date, wanted: tuple[int, ...]) -> bool:
    return day.day in wanted or day.day - monthrange(day.year, day.month)[1] - 1 in wanted


def _picked(days: list[int], positions: tuple[int, ...]) -> list[int]:
    """The days at these positions, from 1, or from -1 backwards; sorted, each once."""
    size = len(days)
    return sorted({days[p - 1 if p > 0 else p] for p in positions if abs(p) <= size})


# ------------------------------------------------------------------- reading text


def _read(text: str) -> dict[str, Any]:
    """The fields of a `Recurrence` that a RRULE value states."""
    if not isinstance(text, str):
        raise InvalidRecurrence("RRULE", text, "a text is needed")
    fields: dict[str, Any] = {}
    for item in text.strip().upper().removeprefix("RRULE:").split(";"):
        part, _, value = item.partition("=")
        name = _FIELDS.get(part)
        if name is None:
            why = "finer than a day" if part in _FINER else "no such part"
            raise InvalidRecurrence(part or "RRULE", value, why)
        if name in fields:
            raise InvalidRecurrence(part, value, "stated twice")
        fields[name] = _read_part(part, value)
    if "frequency" not in fields:
        raise InvalidRecurrence("FREQ", text, "missing")
    return fields


def _read_part(part: str, text: str) -> object:
    match part:
        case _ if not text:
            raise InvalidRecurrence(part, text, "empty")
        case "FREQ":
            return text
        case "WKST":
            return _weekday(text, part)
        case "UNTIL":
            return _read_until(text)
        case "INTERVAL" | "COUNT":
            return _read_number(part, text)
        case "BYDAY":
            return text.split(",")
        case _:
            return [_read_number(part, number) for number in text.split(",")]


def _read_number(part: str, text: str) -> int:
    if re.fullmatch("[+-]?[0-9]{1,18}", text) is None:
        raise InvalidRecurrence(part, text, "a whole number is needed")
    return int(text)


def _read_until(text: str) -> date:
    if re.fullmatch("[0-9]{8}T[0-9]{6}Z?", text):
        raise InvalidRecurrence("UNTIL", text, "has a time part: a date is needed")
    try:
        if re.fullmatch("[0-9]{8}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise InvalidRecurrence("UNTIL", text, "a date is needed, such as 20261231")
