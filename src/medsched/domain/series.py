"""Series: appointments that recur by a rule and were booked together."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Final

import attrs

from medsched.domain.appointments import Appointment
from medsched.domain.fields import Choice, a_date, a_zone, an_id, maybe_id, text
from medsched.domain.records import Identified
from medsched.domain.requests import Violation
from medsched.domain.slots import Slot
from medsched.domain.starts import ANYWHERE, Anywhere, a_place
from medsched.errors import InvalidRecurrence, InvalidWallTime, TooManyOccurrences
from medsched.timeline.instants import date_of, day_of
from medsched.timeline.recurrence import Recurrence

MOST_OCCURRENCES: Final = 366
"""The most occurrences that a series has."""
_COUNTED_AT_ONCE: Final = 3660
"""Days."""


class SeriesScope(Choice):
    """Which occurrences of a series a command is about, seen from one of them."""

    THIS = "this"
    """This one only."""
    FOLLOWING = "following"
    """This one and those of later dates of the series."""
    ALL = "all"
    """Every one."""


def check_recurrence(value: object) -> Recurrence:
    """Return a `Recurrence`; `InvalidRecurrence` for anything else."""
    if not isinstance(value, Recurrence):
        raise InvalidRecurrence("recurrence", value, "a Recurrence is needed")
    return value


def occurrence_dates(recurrence: Recurrence) -> tuple[date, ...]:
    """The dates of a recurrence, in order.

    `TooManyOccurrences` for more than `MOST_OCCURRENCES`, with their number, and for one without
    an end.
    """
    last = recurrence.last
    if last is None:
        raise TooManyOccurrences("recurrence", None, "a series ends: state a count or a last date")
    found: list[int] = []
    count, beyond = 0, day_of(last) + 1
    for low in range(day_of(recurrence.first), beyond, _COUNTED_AT_ONCE):
        days = recurrence.days(low, min(low + _COUNTED_AT_ONCE, beyond))
        count += len(days)
        found += days if count <= MOST_OCCURRENCES else ()
    if count > MOST_OCCURRENCES:
        why = f"a series has at most {MOST_OCCURRENCES} occurrences"
        raise TooManyOccurrences("recurrence", count, why)
    return tuple(map(date_of, found))


def check_time(value: object, field: str) -> time:
    """Return a time of day in whole minutes and without a zone; else `InvalidWallTime`."""
    if not isinstance(value, time):
        raise InvalidWallTime(field, value, "a time of day is needed")
    if value.tzinfo is not None:
        raise InvalidWallTime(field, value, "a wall time has no zone of its own")
    if value.second or value.microsecond:
        raise InvalidWallTime(field, value, "a wall time has whole minutes")
    return value


def _recurring(instance: object, attribute: object, value: Recurrence) -> None:
    check_recurrence(value)


def _at(instance: object, attribute: object, value: time) -> None:
    check_time(value, "at")


def _violations(value: Iterable[Violation]) -> tuple[Violation, ...]:
    return tuple(value)


@attrs.frozen
class Occurrence:
    """One date of a series: the id of its appointment, or None and why there is none."""

    date: date = attrs.field(validator=a_date)
    appointment: str | None = attrs.field(default=None, validator=maybe_id)
    violations: tuple[Violation, ...] = attrs.field(default=(), converter=_violations)


def _occurrences(value: Iterable[Occurrence]) -> tuple[Occurrence, ...]:
    return tuple(sorted(value, key=lambda one: one.date))


@attrs.frozen(kw_only=True)
class Series(Identified):
    """Appointments of one patient that recur, as it was agreed on when they were booked.

    ``recurrence`` gives local dates, ``at`` the start on the wall of ``timezone``, in whole
    minutes. ``location`` is the place that was asked for, `ANYWHERE` if none was.
    ``occurrences`` are its dates in order, and whose appointment each is. What became of them
    since, the appointments say: a series stays as it was booked.
    """

    patient: str = attrs.field(validator=an_id)
    provider: str = attrs.field(validator=an_id)
    type: str = attrs.field(validator=an_id)
    location: str | Anywhere | None = attrs.field(default=ANYWHERE, validator=a_place)
    recurrence: Recurrence = attrs.field(validator=_recurring)
    at: time = attrs.field(validator=_at)
    timezone: str = attrs.field(validator=a_zone)
    occurrences: tuple[Occurrence, ...] = attrs.field(default=(), converter=_occurrences)
    created_by: str = attrs.field(default="", validator=text())

    def among(self, appointment: str, scope: SeriesScope) -> tuple[str, ...]:
        """The ids of the appointments in a scope, by the dates of the series.

        The one that the scope is seen from is always in it.
        """
        ids = [one.appointment for one in self.occurrences if one.appointment is not None]
        if scope is SeriesScope.THIS:
            return (appointment,)
        return tuple(ids if scope is SeriesScope.ALL else ids[ids.index(appointment) :])

    def date_of(self, appointment: str) -> date:
        """The date in the series of one of its appointments; `ValueError` for another's."""
        for one in self.occurrences:
            if one.appointment == appointment:
                return one.date
        raise ValueError(appointment)


@attrs.frozen(kw_only=True)
class Unbooked:
    """An occurrence that cannot be had: its date in the series, and every reason why.

    ``wall`` is the start that was asked for, naive, on the wall of the series. ``alternatives``
    are free slots of the same provider and type: of the nearest date within a week, the same one
    first, and on it of the nearest time of day. None is in the way of the other occurrences.
    """

    date: date
    wall: datetime
    violations: tuple[Violation, ...]
    alternatives: tuple[Slot, ...] = ()


@attrs.frozen(kw_only=True)
class SeriesBooked:
    """What came of booking a series: its appointments in order, and what could not be had."""

    series: Series
    appointments: tuple[Appointment, ...]
    unbooked: tuple[Unbooked, ...] = ()
