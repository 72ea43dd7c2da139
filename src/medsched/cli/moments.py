"""Dates and times as people type them: dates, wall times, instants with an offset."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from medsched.cli.outcome import BadArgument
from medsched.errors import AmbiguousTime, InvalidValue, NonexistentTime
from medsched.timeline.instants import check_date, date_of, day_of, instant_of, minute_of
from medsched.timeline.resolve import Disambiguation, at_wall, date_span, resolve
from medsched.timeline.zones import Zone

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_FORMS = "a date (2026-01-05), a time (2026-01-05T09:00) or one with its offset is needed"


def a_date(text: str, option: str) -> date:
    """A date from 1973 to 9998; `BadArgument` otherwise."""
    if not _DATE.fullmatch(text):
        raise BadArgument(option, f"a date is needed, such as 2026-01-05 (got {text!r})")
    try:
        return check_date(date.fromisoformat(text), option)
    except InvalidValue as error:
        raise BadArgument(option, f"{error.why} (got {text!r})") from None
    except ValueError:
        raise BadArgument(option, f"there is no such date (got {text!r})") from None


def is_date(text: str) -> bool:
    """Whether a text is written like a date, without a time."""
    return _DATE.fullmatch(text) is not None


def instant(text: str, option: str, zone: Zone) -> datetime:
    """The UTC instant of a text; a date is the start of that date in the zone.

    `BadArgument` for what is none, and for a wall time that the zone skips or shows twice.
    """
    if is_date(text):
        return start_of(a_date(text, option), zone)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadArgument(option, f"{_FORMS} (got {text!r})") from None
    if moment.second or moment.microsecond:
        raise BadArgument(option, f"whole minutes are needed (got {text!r})")
    try:
        if moment.tzinfo is not None:
            return instant_of(minute_of(moment, option, rounding="down"))
        return at_wall(zone, moment)
    except NonexistentTime as error:
        raise BadArgument(option, str(error)) from None
    except AmbiguousTime:
        first, second = _both(moment, zone)
        told = f"{moment:%Y-%m-%d %H:%M} comes twice in {zone.key}: write {first} or {second}"
        raise BadArgument(option, told) from None
    except InvalidValue as error:
        raise BadArgument(option, f"{error.why} (got {text!r})") from None


def end(text: str, option: str, zone: Zone) -> datetime:
    """The UTC instant that a stretch ends at: after the whole of a date, before a time."""
    if is_date(text):
        return start_of(a_date(text, option) + timedelta(days=1), zone)
    return instant(text, option, zone)


def start_of(day: date, zone: Zone) -> datetime:
    """The UTC instant at which a local date begins."""
    return instant_of(date_span(zone, day_of(day))[0])


def today(now: datetime, zone: Zone) -> date:
    """The local date of an instant."""
    return date_of(zone.wall_of(minute_of(now, "now", rounding="down")) // 1440)


def _both(wall: datetime, zone: Zone) -> list[str]:
    """A wall time that comes twice, written with either offset."""
    minute = minute_of(wall.replace(tzinfo=UTC), "wall", rounding="down")
    policies = (Disambiguation.EARLIER, Disambiguation.LATER)
    found = (zone.local(resolve(zone, minute, policy)) for policy in policies)
    return [local.isoformat(timespec="minutes") for local in found]


# ----------------------------------------------------------------------- wording


def spell_date(day: date) -> str:
    """``Monday 5 January 2026``, whatever language the machine speaks."""
    return f"{_DAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]} {day.year}"


def spell_offset(local: datetime) -> str:
    """``UTC-07:00``."""
    return f"UTC{local:%z}"[:6] + ":" + f"{local:%z}"[3:5]


def stamp(moment: datetime) -> str:
    """An instant in JSON: ``2026-01-05T14:00:00Z``."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
