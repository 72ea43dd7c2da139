"""Instants and dates as whole numbers, and back.

Inside, an instant is a count of minutes and a date a count of days since
1970-01-01, so that the algebra of time is the algebra of integers. A *wall* minute
counts the same way on a wall clock: ``day * 1440 + minute of the day``.
Datetimes, which are slower and easier to get wrong, exist only at the edge.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal

from medsched.errors import InvalidDuration, InvalidInterval, NaiveDatetime, OutOfRange

DAY: Final = 1440
"""Minutes in a day of 24 hours."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
MINUTE: Final = timedelta(minutes=1)

FIRST_DATE: Final = date(1973, 1, 1)
"""The first date medsched computes with: before 1973 some offsets have seconds."""
LAST_DATE: Final = date(9998, 12, 31)
"""The last date medsched computes with."""


def day_of(day: date) -> int:
    """Days from 1970-01-01 to ``day``."""
    return day.toordinal() - EPOCH_DAY


def date_of(day: int) -> date:
    """The date ``day`` days after 1970-01-01."""
    return date.fromordinal(day + EPOCH_DAY)


FIRST_DAY: Final = day_of(FIRST_DATE)
LAST_DAY: Final = day_of(LAST_DATE)
FIRST_MINUTE: Final = FIRST_DAY * DAY
LAST_MINUTE: Final = (LAST_DAY + 1) * DAY


def minute_of(instant: datetime, field: str = "instant", *, rounding: Literal["up", "down"]) -> int:
    """Whole minutes from the epoch to an aware datetime, rounded as told.

    Raises `NaiveDatetime` for a datetime without a zone and `OutOfRange` outside
    1973 to 9998; both carry ``field`` and the value.
    """
    if not isinstance(instant, datetime) or instant.utcoffset() is None:
        raise NaiveDatetime(field, instant, "an instant needs a time zone")
    try:
        since = instant - EPOCH
    except OverflowError as error:  # pragma: no cover - datetime itself cannot leave its range
        raise OutOfRange(field, instant, "outside 1973 to 9998") from error
    minute, rest = divmod(since, MINUTE)
    if rest and rounding == "up":
        minute += 1
    if not FIRST_MINUTE <= minute <= LAST_MINUTE:
        raise OutOfRange(field, instant, "outside 1973 to 9998")
    return minute


def whole_minute(instant: datetime, field: str) -> int:
    """Whole minutes from the epoch to an aware datetime that has no seconds.

    Raises as `minute_of` does, and `InvalidInterval` for a time within a minute.
    """
    minute = minute_of(instant, field, rounding="down")
    if (instant - EPOCH) % MINUTE:  # equality would say nothing of a time near a clock change
        raise InvalidInterval(field, instant, "a start is a whole minute")
    return minute


def instant_of(minute: int) -> datetime:
    """The aware UTC datetime ``minute`` minutes after the epoch."""
    return EPOCH + timedelta(minutes=minute)


def span_of(start: datetime, end: datetime, *, inward: bool) -> tuple[int, int]:
    """The whole minutes of [start, end): inward when the time is open, outward when it is busy.

    Raises `NaiveDatetime`, `OutOfRange`, and `InvalidInterval` when the end is not
    after the start. An inward span may come out empty: (5, 5).
    """
    low = minute_of(start, "start", rounding="up" if inward else "down")
    high = minute_of(end, "end", rounding="down" if inward else "up")
    if end <= start:
        raise InvalidInterval("end", (start, end), "the end is not after the start")
    return low, max(low, high)


def check_date(day: date, field: str) -> date:
    """Return ``day`` if it is a plain date from 1973 to 9998; raise `OutOfRange` otherwise."""
    if not isinstance(day, date) or isinstance(day, datetime):
        raise OutOfRange(field, day, "a calendar date is needed")
    if not FIRST_DATE <= day <= LAST_DATE:
        raise OutOfRange(field, day, "outside 1973 to 9998")
    return day


def minutes_in(duration: timedelta, field: str, *, least: int = 1, most: int | None = None) -> int:
    """The whole minutes of a duration, ``least`` to ``most`` of them; else `InvalidDuration`."""
    if not isinstance(duration, timedelta):
        raise InvalidDuration(field, duration, "a timedelta is needed")
    minutes, rest = divmod(duration, MINUTE)
    if rest:
        raise InvalidDuration(field, duration, "not a whole number of minutes")
    if minutes < least:
        why = "must be longer than zero" if least == 1 else f"at least {least} minutes"
        raise InvalidDuration(field, duration, "must not be negative" if least == 0 else why)
    if most is not None and minutes > most:
        raise InvalidDuration(field, duration, f"at most {timedelta(minutes=most)}")
    return minutes
