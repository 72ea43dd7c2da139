"""Hours of the week, row by row: what a schedule shows of rules, and what is changed of it."""

from __future__ import annotations

import attrs

from medsched.domain.fields import maybe_id
from medsched.domain.hours import Hours, day_windows, stretches
from medsched.domain.records import Identified, Resource, resource
from medsched.timeline.weekdays import Weekday, read_weekday


def _weekday(value: Weekday | str) -> Weekday:
    return read_weekday(value, "day")


def _hours(value: Hours | str) -> Hours:
    return Hours.parse(value)


@attrs.frozen
class WeeklyHours(Identified):
    """One stretch of hours on one day of the week: a row of an `AvailabilityRule`.

    ``resource`` is a provider's id, or the `Resource` of a room, device, location or practice.
    ``day`` is a `Weekday` or a text such as ``"MO"``, that of the date on which the ``hours``
    begin; they and their ``breaks`` are on the wall, and ``location`` is where they are, as of a
    rule. `InvalidHours` for a break outside of them, `InvalidRecurrence` for what is no weekday.

    A row is not stored: its ``rule`` is, whose id that is, and whose ``version`` a row that was
    read has. One that was made by hand has version 0, and states none. The ``id`` is made of the
    rule's, the day (0 for Sunday to 6) and the start, as in ``weekdays.1.0900``: without the day
    where a rule has one day, without the start where it has one stretch of hours.
    """

    resource: Resource = attrs.field(converter=resource)
    day: Weekday = attrs.field(converter=_weekday)
    hours: Hours = attrs.field(converter=_hours)
    breaks: tuple[Hours, ...] = attrs.field(default=(), converter=stretches, kw_only=True)
    location: str | None = attrs.field(default=None, validator=maybe_id, kw_only=True)
    rule: str = attrs.field(default="", kw_only=True)
    id: str = attrs.field(default="", kw_only=True)  # longer than that of a rule may be

    def __attrs_post_init__(self) -> None:
        day_windows([self.hours], self.breaks)
