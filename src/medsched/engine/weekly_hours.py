"""The rows of a rule, and the rule with one of them written anew or taken out."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, timedelta
from itertools import product
from re import sub
from typing import Final

import attrs

from medsched.domain.availability import AvailabilityRule
from medsched.domain.hours import Hours, breaks_in
from medsched.domain.weekly_hours import WeeklyHours
from medsched.errors import InvalidRecurrence, NotWeekly
from medsched.timeline.instants import LAST_DATE, day_of
from medsched.timeline.periods import first_day
from medsched.timeline.recurrence import Recurrence
from medsched.timeline.rrule_parts import Frequency
from medsched.timeline.weekdays import Weekday

NEAR: Final = timedelta(weeks=4)
"""For so long the days of hours are looked at that are not the same each week."""


def is_weekly(dates: Recurrence) -> bool:
    """Whether days of the week say on which dates there are hours, less some dates or months.

    So are weekly and daily recurrences; not what comes every so many days, so many times, or on
    dates that are named.
    """
    by_days = dates.frequency is Frequency.WEEKLY or (
        dates.frequency is Frequency.DAILY and dates.interval == 1
    )
    return by_days and not (dates.count or dates.by_set_pos or dates.rdates)


def rows_of(rule: AvailabilityRule, on: date) -> tuple[WeeklyHours, ...]:
    """The hours of the week that a rule has from a date on, by day and start.

    A day is told that has a date then, however late. Of hours that are not weekly those days are
    told that have one within four weeks.
    """
    days = sorted(_days(rule, on))
    return tuple(
        WeeklyHours(
            rule.resource,
            day,
            hours,
            breaks=breaks_in([hours], rule.hours, rule.breaks),
            location=rule.location,
            active=rule.active,
            version=rule.version,
            created_at=rule.created_at,
            updated_at=rule.updated_at,
            rule=rule.id,
            id=next(_names(rule, day, hours, one_day=len(days) == 1)),
        )
        for day, hours in product(days, rule.hours)
    )


def row_of(rule: AvailabilityRule, id: str, on: date) -> WeeklyHours | None:
    """The row of an id, among those of `rows_of`; so longer ids stay good when other rows end."""
    rows = rows_of(rule, on)
    one_day = len({row.day for row in rows}) == 1
    named = (row for row in rows if id in _names(rule, row.day, row.hours, one_day=one_day))
    return next(named, None)


def rules_of(row_id: str) -> tuple[str, ...]:
    """The ids of the rules that a row of this id may be of, the likeliest first."""
    parts = row_id.split(".")
    return tuple(filter(None, (".".join(parts[: len(parts) - cut]) for cut in range(3))))


def written(
    rule: AvailabilityRule, was: WeeklyHours, row: WeeklyHours, on: date
) -> tuple[AvailabilityRule, ...]:
    """A rule with one of its rows written anew: the rule first, the one of the row last.

    They are one where the rule has no other row, or where nothing is written; new ones have no id
    as yet. All else that a rule says, the new row takes over; all other rows stay.

    `NotWeekly` where dates would have to be other ones and no days of the week say which.
    `InvalidRecurrence` for a day on which no date is left. `InvalidHours` and `InvalidDuration`
    where a row cannot be a rule by itself: a length or type that was stated fits into others only.
    """
    if row == attrs.evolve(was, id=row.id, version=row.version, rule=row.rule):
        return (rule,)
    days = _days(rule, on)
    dates = rule.recurrence if days == {row.day} else _on(rule, {row.day})
    new = attrs.evolve(
        rule,
        recurrence=dates,
        hours=row.hours,
        breaks=row.breaks,
        location=row.location,
        active=row.active,
    )
    if was.id == rule.id:
        return (new,)
    return (*without(rule, was, on), attrs.evolve(new, id=""))


def without(rule: AvailabilityRule, row: WeeklyHours, on: date) -> tuple[AvailabilityRule, ...]:
    """A rule without one of its rows, of which it has others; a new one for some of these.

    That has no id as yet: it has what else there is on the day of the row. Raises as `written`.
    """
    others = tuple(one for one in rule.hours if one != row.hours)
    breaks = breaks_in(others, rule.hours, rule.breaks)
    less = attrs.evolve(rule, hours=others, breaks=breaks) if others else None
    if less is not None and _days(rule, on) == {row.day}:
        return (less,)
    kept = attrs.evolve(rule, recurrence=_on(rule, _stated(rule.recurrence) - {row.day}))
    if less is None:
        return (kept,)
    return kept, attrs.evolve(less, id="", recurrence=_on(rule, {row.day}))


def _names(rule: AvailabilityRule, day: Weekday, hours: Hours, *, one_day: bool) -> Iterator[str]:
    """What tells a row from all others of its rule, the shortest first.

    Its start does, and not its number: that would be another's once an earlier row is ended.
    """
    on, at = f".{(day + 1) % 7}", "." + sub(r"\D", "", str(hours).partition("-")[0])
    one_stretch = len(rule.hours) == 1
    if one_day and one_stretch:
        yield rule.id
    if one_stretch:
        yield rule.id + on
    if one_day:
        yield rule.id + at
    yield rule.id + on + at


def _days(rule: AvailabilityRule, on: date) -> frozenset[Weekday]:
    """The days of the week on which a rule has hours from a date on."""
    dates = rule.recurrence
    if not is_weekly(dates):
        last = min(on + NEAR - timedelta(days=1), rule.valid_to or LAST_DATE)
        near = dates.between(max(on, rule.valid_from or on), last)
        return frozenset(Weekday(one.weekday()) for one in near)
    return frozenset(one for one in _stated(dates) if _comes(rule, one, on))


def _comes(rule: AvailabilityRule, day: Weekday, on: date) -> bool:
    """Whether a rule of the week has hours on such a day, from a date on."""
    try:
        dates = _on(rule, {day})
    except InvalidRecurrence:
        return False
    first = max(on, rule.valid_from or on)
    last = min(dates.last or LAST_DATE, rule.valid_to or LAST_DATE)
    return first_day(dates.days, day_of(first), day_of(last) + 1) is not None


def _stated(dates: Recurrence) -> frozenset[Weekday]:
    """The days of the week that a recurrence names, or means."""
    if dates.by_day:
        return frozenset(one.weekday for one in dates.by_day)
    weekly = dates.frequency is Frequency.WEEKLY
    return frozenset({Weekday(dates.start.weekday())} if weekly else Weekday)


def _on(rule: AvailabilityRule, days: Collection[Weekday]) -> Recurrence:
    """The dates of a rule on other days of the week; all else of them stays."""
    if not is_weekly(rule.recurrence):
        raise NotWeekly(rule.id)
    return attrs.evolve(rule.recurrence, by_day=days)
