"""One row of a rule drawn at random is changed: the slots of all its other rows stay."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import attrs
import pytest

pytest.importorskip("hypothesis", reason="the extra testing is not installed")

from hypothesis import given
from hypothesis import strategies as st

from medsched import (
    AppointmentType,
    AvailabilityRule,
    Hours,
    MemoryStore,
    Practice,
    Provider,
    Recurrence,
    Scheduler,
    Weekday,
    WeeklyHours,
)
from medsched.testing.fixed import FixedClock, NumberedIds
from medsched.testing.strategies.hours import breaks_in, day_arcs, hours_of
from medsched.timeline.instants import DAY

NOW = datetime(2026, 1, 5, tzinfo=UTC)
END = NOW + timedelta(days=50)


@st.composite
def recurrences(draw: st.DrawFn) -> Recurrence:
    """Dates that weekdays say: each week or each second, to some end or none, less some dates."""
    start = date(2025, 12, 1) + timedelta(draw(st.integers(0, 60)))
    until = draw(st.none() | st.integers(75, 120).map(lambda days: start + timedelta(days)))
    away = draw(st.frozensets(st.integers(0, 60).map(lambda days: start + timedelta(days))))
    if draw(st.booleans()):
        return Recurrence.daily(start, until=until, exdates=away - {start})
    days = draw(st.sets(st.sampled_from(Weekday), min_size=1))
    every = draw(st.integers(1, 2))
    kept = Recurrence.weekly(days, start=start, every=every, until=until)
    return attrs.evolve(kept, exdates=away - {kept.first})


@st.composite
def rules(draw: st.DrawFn) -> AvailabilityRule:
    """Rules of the week whose hours do not touch: what touches is one window, and counts as one."""
    (arcs,) = draw(day_arcs())
    edges = [minute % DAY for arc in arcs for minute in arc]
    if len(set(edges)) < len(edges):
        arcs = [(9 * 60, 12 * 60), (14 * 60, 17 * 60), (22 * 60, 30 * 60)][: len(arcs)]
    return AvailabilityRule(
        "lee",
        draw(recurrences()),
        id="rule",
        hours=[hours_of(arc) for arc in arcs],
        breaks=draw(breaks_in(arcs)),
        break_duration=timedelta(minutes=draw(st.sampled_from([0, 5]))),
    )


def clinic_with(*made: AvailabilityRule) -> Practice:
    clinic = Scheduler(MemoryStore(), clock=FixedClock(NOW), ids=NumberedIds()).practice("r")
    clinic.settings.configure(timezone="Asia/Kolkata")
    visit = AppointmentType(code="visit", duration=timedelta(minutes=50))
    clinic.add_all([Provider(id="lee"), visit, *made])
    return clinic


def slots(clinic: Practice) -> set[str]:
    return {one.id for one in clinic.availability.slots("lee", "visit", NOW, END)}


def alone(rule: AvailabilityRule, row: WeeklyHours) -> set[str]:
    """The slots of one row of a rule, worked out without the library's own way to take one out."""
    days = attrs.evolve(rule.recurrence, by_day=[row.day])
    one = attrs.evolve(rule, recurrence=days, hours=row.hours, breaks=row.breaks)
    return slots(clinic_with(one))


def said(row: WeeklyHours) -> tuple[str, str, tuple[Hours, ...]]:
    return row.day.name, str(row.hours), row.breaks


@given(rules(), st.data())
def test_one_row_is_ended(rule: AvailabilityRule, data: st.DataObject) -> None:
    clinic = clinic_with(rule)
    rows, before = clinic.availability.weekly.list("lee"), slots(clinic)
    row = data.draw(st.sampled_from(rows))
    own = alone(rule, row)
    assert own <= before
    clinic.availability.weekly.end(row)
    assert slots(clinic) == before - own
    left = clinic.availability.weekly.list("lee")
    assert [said(one) for one in left] == [said(one) for one in rows if one != row]


@given(rules(), st.data())
def test_one_row_is_written_anew(rule: AvailabilityRule, data: st.DataObject) -> None:
    clinic = clinic_with(rule)
    rows, before = clinic.availability.weekly.list("lee"), slots(clinic)
    row = data.draw(st.sampled_from(rows))
    low, high = row.hours.open_minutes()
    first, last = sorted((data.draw(st.integers(low, high)), data.draw(st.integers(low, high))))
    hours = hours_of((first, last)) if low <= first < min(last, DAY) else row.hours
    new = attrs.evolve(row, hours=hours, breaks=())
    made = clinic.availability.weekly.update(new)
    assert slots(clinic) == before - alone(rule, row) | alone(rule, new)
    after = [said(one) for one in clinic.availability.weekly.list("lee")]
    kept = [said(one) for one in rows if one != row]
    assert sorted(after, key=str) == sorted([*kept, said(made)], key=str)
