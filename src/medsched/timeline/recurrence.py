"""Recurrence over local calendar dates: RFC 5545 rules of whole days.

A rule never meets an instant or a time zone here: it makes dates, and whoever asks
lays hours on them. What its parts may hold is told in `rrule_parts`, how it is written in
`rrule_text`, and how its dates are found in `periods`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import cached_property
from typing import TypedDict, Unpack

import attrs

from medsched.errors import InvalidRecurrence
from medsched.timeline import rrule_parts as parts
from medsched.timeline.instants import LAST_DAY, check_date, date_of, day_of
from medsched.timeline.periods import CYCLE, CalendarRule, DailyRule, WeeklyRule, first_day
from medsched.timeline.rrule_parts import LISTS, Frequency
from medsched.timeline.rrule_text import read_rule, write_rule
from medsched.timeline.weekdays import ByDay, Weekday


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

    start: date = attrs.field(validator=parts.valid_date)
    frequency: Frequency = attrs.field(converter=parts.frequency_of)
    interval: int = attrs.field(default=1, kw_only=True, validator=parts.positive)
    by_day: tuple[ByDay, ...] = attrs.field(default=(), kw_only=True, converter=parts.by_days)
    by_month_day: tuple[int, ...] = attrs.field(
        default=(), kw_only=True, converter=parts.ordered, validator=parts.numbers_to(31)
    )
    by_month: tuple[int, ...] = attrs.field(
        default=(),
        kw_only=True,
        converter=parts.ordered,
        validator=parts.numbers_to(12, signed=False),
    )
    by_year_day: tuple[int, ...] = attrs.field(
        default=(), kw_only=True, converter=parts.ordered, validator=parts.numbers_to(366)
    )
    by_week_no: tuple[int, ...] = attrs.field(
        default=(), kw_only=True, converter=parts.ordered, validator=parts.numbers_to(53)
    )
    by_set_pos: tuple[int, ...] = attrs.field(
        default=(), kw_only=True, converter=parts.ordered, validator=parts.numbers_to(366)
    )
    week_start: Weekday = attrs.field(
        default=Weekday.MO, kw_only=True, validator=parts.valid_weekday
    )
    count: int | None = attrs.field(default=None, kw_only=True, validator=parts.positive)
    until: date | None = attrs.field(default=None, kw_only=True, validator=parts.valid_until)
    rdates: frozenset[date] = attrs.field(
        default=frozenset(), kw_only=True, converter=parts.date_set, validator=parts.valid_dates
    )
    exdates: frozenset[date] = attrs.field(
        default=frozenset(), kw_only=True, converter=parts.date_set, validator=parts.valid_dates
    )

    def __attrs_post_init__(self) -> None:
        self._check_limits()
        self._check_parts()
        parts.check_ordinals(
            self.frequency, self.by_day, by_month=self.by_month, by_week_no=self.by_week_no
        )
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
        others = (name for name in LISTS.values() if name != "by_set_pos")
        if self.by_set_pos and not any(getattr(self, name) for name in others):
            raise InvalidRecurrence("BYSETPOS", self.by_set_pos, "only with another BY part")

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
        by_month_day = (days,) if isinstance(days, int) else parts.needed("BYMONTHDAY", days)
        return cls(start, Frequency.MONTHLY, interval=every, by_month_day=by_month_day, **limits)

    @classmethod
    def monthly_on(
        cls, which: str | Iterable[str], *, start: date, every: int = 1, **limits: Unpack[Limits]
    ) -> Recurrence:
        """Certain weekdays of the month: ``"2TU"`` its second Tuesday, ``"-1FR"`` its last Friday.

        Several as an iterable or as ``"1MO,3MO"``; ``"TU"`` is every Tuesday.
        """
        texts = which.split(",") if isinstance(which, str) else parts.needed("BYDAY", which)
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
        start, *others = sorted(check_date(day, "days") for day in parts.needed("days", days))
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
        return cls(start, rdates=rdates, exdates=exdates, **read_rule(rrule))

    # ---------------------------------------------------------------------- text

    @property
    def rule(self) -> str:
        """The canonical RRULE value, without ``RRULE:``; `parse` reads it back."""
        return write_rule(attrs.asdict(self, recurse=False))

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
            return min(self._endless.match(self.count), LAST_DAY) + 1
        return LAST_DAY + 1

    @cached_property
    def _opening(self) -> int | None:
        """The rule's first match, looked for in one round of the calendar."""
        last = LAST_DAY if self.until is None else day_of(self.until)
        # A week more, because positions in the first week are counted from the start.
        horizon = min(last + 1, self._start + CYCLE * self.interval + 7)
        return first_day(self._matches, self._start, horizon)

    @cached_property
    def _first(self) -> int | None:
        if self._opening is not None and not self.exdates:
            return min((self._opening, *self._added))
        return first_day(self.days, *self._extent)

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

    # ------------------------------------------- the rule without COUNT and UNTIL

    def _matches(self, low: int, high: int) -> list[int]:
        low = max(low, self._start)
        return self._endless.matches(low, high) if low < high else []

    @cached_property
    def _endless(self) -> DailyRule | WeeklyRule | CalendarRule:
        if self.frequency is Frequency.DAILY:
            return DailyRule(
                start=self._start,
                interval=self.interval,
                weekdays=frozenset(int(day.weekday) for day in self.by_day),
                by_month_day=self.by_month_day,
                by_month=self.by_month,
                by_set_pos=self.by_set_pos,
            )
        if self.frequency is Frequency.WEEKLY:
            return WeeklyRule(
                start=self._start,
                interval=self.interval,
                weekdays=frozenset(int(day.weekday) for day in self.by_day),
                week_start=int(self.week_start),
                by_month=self.by_month,
                by_set_pos=self.by_set_pos,
            )
        return CalendarRule(
            start=self.start,
            frequency=self.frequency,
            interval=self.interval,
            by_day=self.by_day,
            by_month_day=self.by_month_day,
            by_month=self.by_month,
            by_year_day=self.by_year_day,
            by_week_no=self.by_week_no,
            by_set_pos=self.by_set_pos,
            week_start=int(self.week_start),
        )
