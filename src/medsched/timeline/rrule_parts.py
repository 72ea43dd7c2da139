"""The parts of an RFC 5545 rule: what they are called, and what each may hold.

The converters and validators stand at the door of `Recurrence` and look at one part each, under
the name that the standard has for it; only the ordinals of BYDAY hang on other parts. Which
parts go together is for `Recurrence` to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

import attrs

from medsched.errors import InvalidRecurrence
from medsched.timeline.instants import check_date
from medsched.timeline.weekdays import ByDay, Weekday

_T = TypeVar("_T")

FINER: Final = frozenset({"HOURLY", "MINUTELY", "SECONDLY", "BYHOUR", "BYMINUTE", "BYSECOND"})
"""Frequencies and parts of the standard that are finer than a day."""
LISTS: Final = {
    "BYMONTH": "by_month",
    "BYWEEKNO": "by_week_no",
    "BYYEARDAY": "by_year_day",
    "BYMONTHDAY": "by_month_day",
    "BYDAY": "by_day",
    "BYSETPOS": "by_set_pos",
}
"""The parts that hold several values, and the fields of a `Recurrence` they are kept in."""
FIELDS: Final = {
    "FREQ": "frequency",
    "INTERVAL": "interval",
    "COUNT": "count",
    "UNTIL": "until",
    "WKST": "week_start",
    **LISTS,
}
"""All parts, and their fields."""
_PART_OF: Final = {name: part for part, name in FIELDS.items()}


class Frequency(StrEnum):
    """How often a rule's period comes round (RFC 5545 3.3.10 FREQ); nothing finer than a day."""

    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"
    YEARLY = "YEARLY"


# -------------------------------------------------------------------- converters


def frequency_of(value: Frequency | str) -> Frequency:
    """FREQ."""
    if value in FINER:
        raise InvalidRecurrence("FREQ", value, "finer than a day")
    try:
        return Frequency(value)
    except ValueError:
        why = "must be DAILY, WEEKLY, MONTHLY or YEARLY"
        raise InvalidRecurrence("FREQ", value, why) from None


def ordered(values: Iterable[int]) -> tuple[int, ...]:
    """A list of numbers: sorted, each once."""
    return tuple(sorted(set(values)))


def by_days(values: Iterable[ByDay | Weekday | str]) -> tuple[ByDay, ...]:
    """BYDAY: sorted, each once."""
    days = {_by_day(value) for value in values}
    return tuple(sorted(days, key=lambda day: (day.weekday, day.ordinal or 0)))


def _by_day(value: ByDay | Weekday | str) -> ByDay:
    if isinstance(value, ByDay):
        return value
    return ByDay.parse(value) if isinstance(value, str) else ByDay(value)


def date_set(values: Iterable[date]) -> frozenset[date]:
    """RDATE and EXDATE: each once."""
    return frozenset(values)


def needed(part: str, values: Iterable[_T]) -> tuple[_T, ...]:
    """The values of a part, of which there must be one."""
    given = tuple(values)
    if not given:
        raise InvalidRecurrence(part, given, "at least one is needed")
    return given


# -------------------------------------------------------------------- validators


def valid_date(_: object, attribute: attrs.Attribute[Any], value: date) -> None:
    """A date, as `check_date` has it."""
    check_date(value, attribute.name)


def valid_dates(_: object, attribute: attrs.Attribute[Any], values: frozenset[date]) -> None:
    """Dates, as `check_date` has them."""
    for value in values:
        check_date(value, attribute.name)


def valid_until(_: object, attribute: attrs.Attribute[Any], value: date | None) -> None:
    """UNTIL: a date without a time of day, or none."""
    if isinstance(value, datetime):
        raise InvalidRecurrence("UNTIL", value, "has a time part: a date is needed")
    if value is not None:
        check_date(value, "UNTIL")


def valid_weekday(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """WKST: a `Weekday`."""
    if not isinstance(value, Weekday):
        raise InvalidRecurrence(_PART_OF[attribute.name], value, "a Weekday is needed")


def positive(_: object, attribute: attrs.Attribute[Any], value: int | None) -> None:
    """INTERVAL and COUNT: a whole number of at least 1, or none."""
    if value is not None and (type(value) is not int or value < 1):
        part = _PART_OF[attribute.name]
        raise InvalidRecurrence(part, value, "must be a whole number of at least 1")


def numbers_to(
    most: int, *, signed: bool = True
) -> Callable[[object, attrs.Attribute[Any], tuple[int, ...]], None]:
    """Each number of a list is 1 to ``most`` or, when signed, that from the end: -1 backwards."""
    bounds = f"must be 1 to {most}" + (f" or -{most} to -1" if signed else "")

    def check(_: object, attribute: attrs.Attribute[Any], values: tuple[int, ...]) -> None:
        for value in values:
            # A number is neither a bool nor an enum.
            if type(value) is not int or not 1 <= (abs(value) if signed else value) <= most:
                raise InvalidRecurrence(_PART_OF[attribute.name], value, bounds)

    return check


# ------------------------------------------------------------- a weekday's number


def most_weekdays(frequency: Frequency, by_month: tuple[int, ...]) -> int:
    """How many of one weekday the stretch can have that an ordinal counts in."""
    return 5 if frequency is Frequency.MONTHLY or by_month else 53


def check_ordinals(
    frequency: Frequency,
    by_day: tuple[ByDay, ...],
    *,
    by_month: tuple[int, ...],
    by_week_no: tuple[int, ...],
) -> None:
    """`InvalidRecurrence` unless the ordinals of BYDAY count in a month or year that has so many.

    Source: RFC 5545 3.3.10, BYDAY.
    """
    ordinals = [day for day in by_day if day.ordinal is not None]
    if not ordinals:
        return
    if frequency not in (Frequency.MONTHLY, Frequency.YEARLY):
        why = f"no ordinal with FREQ={frequency}"
        raise InvalidRecurrence("BYDAY", str(ordinals[0]), why)
    if by_week_no:
        raise InvalidRecurrence("BYDAY", str(ordinals[0]), "no ordinal with BYWEEKNO")
    most = most_weekdays(frequency, by_month)
    for day in ordinals:
        if abs(day.ordinal or 0) > most:
            raise InvalidRecurrence("BYDAY", str(day), "no month has so many of a weekday")
