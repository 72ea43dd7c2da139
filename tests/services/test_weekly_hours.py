"""The hours of the week as rows: told, added, written anew and ended, each for itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier
from typing import Any

import attrs
import pytest
from tests.databases import events_of
from tests.services.test_rivals import Impatient, Meddled

from medsched import (
    AppointmentsStranded,
    AppointmentType,
    AvailabilityRule,
    Hours,
    InvalidChoice,
    InvalidDuration,
    InvalidHours,
    InvalidRecurrence,
    Location,
    MemoryStore,
    NotFound,
    NotWeekly,
    OverlappingRules,
    Patient,
    Practice,
    Provider,
    Recurrence,
    Resource,
    Scheduler,
    Start,
    VersionConflict,
    Weekday,
    WeeklyHours,
)
from medsched.testing.fixed import FixedClock, NumberedIds

TODAY = date(2026, 1, 5)  # a Monday
WEDNESDAY = datetime(2026, 1, 14, 10, tzinfo=UTC)
DAYS = AvailabilityRule(
    "lee",
    Recurrence.weekly("TU,WE,TH", start=date(2025, 12, 30), every=2),
    id="days",
    hours=["09:00-12:00", "14:00-17:00"],
    breaks=["10:30-10:45", "15:00-15:30"],
    notes="as agreed",
)
SIX = [f"days.{day}.{at}" for day in (2, 3, 4) for at in ("0900", "1400")]


@pytest.fixture
def clinic(clinic: Practice) -> Practice:
    return opened(clinic)


def opened(clinic: Practice) -> Practice:
    clinic.settings.configure(timezone="UTC")
    visit = AppointmentType(code="visit", duration=timedelta(minutes=30))
    people: list[Any] = [Provider(id="lee"), Provider(id="kim"), Patient(id="ada")]
    clinic.add_all([*people, visit, Location(id="main"), DAYS])
    return clinic


def said(clinic: Practice, *, active: bool | None = True) -> list[tuple[str, str, str]]:
    """What the rows of Lee's say, without what they are called."""
    rows = clinic.availability.weekly.list("lee", active=active)
    return [(one.day.name, str(one.hours), " ".join(map(str, one.breaks))) for one in rows]


def without(rows: list[tuple[str, str, str]], day: str, hours: str) -> list[tuple[str, str, str]]:
    return [one for one in rows if one[:2] != (day, hours)]


def slots(clinic: Practice) -> set[str]:
    found = clinic.availability.slots("lee", "visit", WEDNESDAY, WEDNESDAY + timedelta(days=40))
    return {one.id for one in found}


# ----------------------------------------------------------------------------- rows


def test_a_rule_is_told_row_by_row(clinic: Practice) -> None:
    rows = clinic.availability.weekly.list("lee")
    assert [one.id for one in rows] == SIX
    assert rows[2] == WeeklyHours(
        "lee", "WE", "09:00-12:00", breaks="10:30-10:45", rule="days", id="days.3.0900", version=1
    )
    assert all(clinic.availability.weekly.get(one.id) == one for one in rows)


@pytest.mark.parametrize(
    "days, hours, ids",
    [
        ("TU", "09:00-12:00", ["mine"]),
        ("SU,MO", "09:00-12:00", ["mine.1", "mine.0"]),
        ("TU", ["09:00-12:00", "13:00-14:00"], ["mine.0900", "mine.1300"]),
        (
            "SA,SU",
            ["09:00-12:00", "13:00-14:00"],
            ["mine.6.0900", "mine.6.1300", "mine.0.0900", "mine.0.1300"],
        ),
    ],
)
def test_a_row_is_called_as_its_rule_as_far_as_that_says_which(
    clinic: Practice, days: str, hours: str | list[str], ids: list[str]
) -> None:
    rule = AvailabilityRule("kim", Recurrence.weekly(days, start=TODAY), hours=hours, id="mine")
    clinic.availability.add(rule)
    assert [one.id for one in clinic.availability.weekly.list("kim")] == ids


def test_rows_of_several_rules_are_in_order_of_the_week(clinic: Practice) -> None:
    clinic.availability.weekly.add(WeeklyHours("lee", "WE", "12:30-13:30", location="main"))
    clinic.availability.weekly.add(WeeklyHours("lee", "MO", "08:00-09:00", active=False))
    assert [one[:2] for one in said(clinic, active=None)][:5] == [
        ("MO", "08:00-09:00"),
        ("TU", "09:00-12:00"),
        ("TU", "14:00-17:00"),
        ("WE", "09:00-12:00"),
        ("WE", "12:30-13:30"),
    ]
    assert len(said(clinic)) == 7
    assert len(said(clinic, active=False)) == 1


def test_a_room_and_the_practice_have_rows_as_well(clinic: Practice) -> None:
    for resource in (clinic.resource, Resource("location", "main")):
        made = clinic.availability.weekly.add(WeeklyHours(resource, "MO", "08:00-18:00"))
        assert clinic.availability.weekly.list(resource) == (made,)


def test_whose_rows_are_asked_for_must_be_there(clinic: Practice) -> None:
    with pytest.raises(NotFound):
        clinic.availability.weekly.list("nobody")
    with pytest.raises(InvalidChoice):
        clinic.availability.weekly.list(Resource("patient", "ada"))


@pytest.mark.parametrize(
    "id", ["", "days", "days.2", "days.0900", "days.2.1", "days.5.0900", ".", "none.2.0900"]
)
def test_what_is_no_row_is_not_found(clinic: Practice, id: str) -> None:
    assert clinic.availability.weekly.find(id) is None
    with pytest.raises(NotFound):
        clinic.availability.weekly.get(id)
    with pytest.raises(NotFound):
        clinic.availability.weekly.end(id)


def test_days_that_come_no_more_are_no_rows(clinic: Practice, clock: FixedClock) -> None:
    rule = clinic.availability.rules.get("days")
    last = attrs.evolve(rule.recurrence, until=date(2026, 1, 14))
    clinic.availability.rules.update(attrs.evolve(rule, recurrence=last))
    assert {one.day for one in clinic.availability.weekly.list("lee")} == {Weekday.TU, Weekday.WE}
    clock.advance(timedelta(days=9))
    assert {one.day for one in clinic.availability.weekly.list("lee")} == {Weekday.WE}
    clock.advance(timedelta(days=1))
    assert clinic.availability.weekly.list("lee") == ()


def test_so_are_days_outside_of_the_dates_that_hours_are_valid_on(clinic: Practice) -> None:
    rule = clinic.availability.rules.get("days")
    for first, last, days in (
        (None, date(2026, 1, 14), "TU,WE"),
        (date(2027, 1, 1), None, "TU,WE,TH"),
        (date(2026, 1, 14), date(2026, 1, 15), "WE,TH"),
        (None, date(2026, 1, 4), ""),
    ):
        rule = attrs.evolve(rule, valid_from=first, valid_to=last)
        rule = clinic.availability.rules.update(rule)
        told = dict.fromkeys(one.day.name for one in clinic.availability.weekly.list("lee"))
        assert ",".join(told) == days


def test_of_hours_that_are_not_weekly_the_next_days_are_told(clinic: Practice) -> None:
    dates = [TODAY, date(2026, 1, 14), date(2026, 2, 1), date(2026, 2, 2), date(2026, 3, 6)]
    rule = AvailabilityRule("kim", Recurrence.dates(*dates), hours="09:00-10:00", id="some")
    clinic.availability.add(rule)
    days = [one.day for one in clinic.availability.weekly.list("kim")]
    assert days == [Weekday.MO, Weekday.WE, Weekday.SU]


# --------------------------------------------------------------------------- adding


def test_a_row_is_added_from_today_on(clinic: Practice) -> None:
    row = WeeklyHours("kim", "FR", "09:00-12:00", breaks="10:00-10:15", location="main")
    made = clinic.availability.weekly.add(row)
    assert made == attrs.evolve(row, id=made.id, rule=made.id, version=1)
    assert clinic.availability.weekly.list("kim") == (made,)
    rule = clinic.availability.rules.get(made.id)
    assert rule.recurrence == Recurrence.weekly("FR", start=TODAY)
    with pytest.raises(OverlappingRules):
        clinic.availability.weekly.add(row)


def test_only_rows_are_written(clinic: Practice) -> None:
    weekly: Any = clinic.availability.weekly
    for command in (weekly.add, weekly.update, weekly.end):
        with pytest.raises(InvalidChoice):
            command(DAYS)


# ------------------------------------------------------------------- written anew


@pytest.mark.parametrize("id", SIX)
@pytest.mark.parametrize("day", ["WE", "FR"])
def test_a_row_is_another_and_all_others_stay(clinic: Practice, id: str, day: str) -> None:
    weekly, before = clinic.availability.weekly, said(clinic)
    row = weekly.get(id)
    kept = without(before, row.day.name, str(row.hours))
    new = attrs.evolve(row, day=day, hours="18:00-19:00", breaks="18:00-18:05", location="main")
    made = weekly.update(new)
    assert sorted(said(clinic)) == sorted([*kept, (day, "18:00-19:00", "18:00-18:05")])
    assert weekly.get(made.id) == made == attrs.evolve(new, id=made.id, rule=made.id, version=1)
    rules = clinic.availability.rules.list()
    assert {one.notes for one in rules} == {"as agreed"}
    assert {one.recurrence.start for one in rules} == {DAYS.recurrence.start}, "and so its weeks"


def test_a_row_that_is_its_rule_keeps_its_id(clinic: Practice, store: MemoryStore) -> None:
    weekly = clinic.availability.weekly
    row = weekly.add(WeeklyHours("kim", "FR", "09:00-12:00"))
    made = weekly.update(attrs.evolve(row, day="MO", hours="10:00-12:00", active=False))
    assert made == WeeklyHours(
        "kim", "MO", "10:00-12:00", active=False, id=row.id, rule=row.id, version=2
    )
    assert weekly.list("kim", active=None) == (made,)
    assert [one.name for one in events_of(store, clinic.id)][-1] == "rule.updated"


def test_a_row_that_stays_as_it_is_stays_of_its_rule(clinic: Practice) -> None:
    row = clinic.availability.weekly.get("days.3.0900")
    assert clinic.availability.weekly.update(row) == attrs.evolve(row, version=2)
    assert len(clinic.availability.rules.list(active=None)) == 1


def test_a_row_may_be_where_another_was_meant(clinic: Practice) -> None:
    """The id of a rule that is its row comes first; a row that was read says whose it is."""
    weekly = clinic.availability.weekly
    rule = AvailabilityRule("kim", Recurrence.weekly("TU,WE", start=TODAY), hours="09:00-10:00")
    clinic.availability.add(attrs.evolve(rule, id="a"))
    other = attrs.evolve(rule, id="a.2", hours="18:00-19:00")
    clinic.availability.add(attrs.evolve(other, recurrence=Recurrence.weekly("FR", start=TODAY)))
    read = weekly.list("kim")[0]
    assert read.id == weekly.get("a.2").id
    assert (read.rule, weekly.get("a.2").rule) == ("a", "a.2")
    weekly.end(read)
    assert [one.day.name for one in weekly.list("kim")] == ["WE", "FR"]


def test_it_is_a_row_of_the_same_resource(clinic: Practice) -> None:
    with pytest.raises(NotFound):
        clinic.availability.weekly.update(WeeklyHours("kim", "TU", "09:00-10:00", id="days.2.0900"))


def test_it_is_refused_where_hours_would_overlap(clinic: Practice) -> None:
    row = clinic.availability.weekly.get("days.2.0900")
    with pytest.raises(OverlappingRules):
        clinic.availability.weekly.update(attrs.evolve(row, day="WE"))
    assert list(clinic.availability.rules.list()) == [attrs.evolve(DAYS, version=1)]


def test_it_is_refused_where_a_row_alone_has_no_room_for_what_is_stated(clinic: Practice) -> None:
    long = attrs.evolve(
        DAYS, resource="kim", hours=["09:00-12:00", "14:00-15:00"], breaks=(), id="long"
    )
    clinic.availability.add(attrs.evolve(long, slot_duration=timedelta(hours=2)))
    with pytest.raises(InvalidDuration):
        clinic.availability.weekly.end("long.2.0900")
    clinic.availability.weekly.end(clinic.availability.weekly.get("long.2.1400").id)


# --------------------------------------------------------------------------- ending


@pytest.mark.parametrize("id", SIX)
def test_a_row_is_ended_and_all_others_stay(clinic: Practice, id: str) -> None:
    row, before = clinic.availability.weekly.get(id), said(clinic)
    clinic.availability.weekly.end(id)
    assert said(clinic, active=None) == without(before, row.day.name, str(row.hours))
    with pytest.raises(NotFound):
        clinic.availability.weekly.end(id)


def test_all_rows_are_ended_one_after_the_other(clinic: Practice) -> None:
    while rows := clinic.availability.weekly.list("lee"):
        clinic.availability.weekly.end(rows[len(rows) // 2])
        assert len(clinic.availability.weekly.list("lee")) == len(rows) - 1
    assert slots(clinic) == set()


def test_the_last_row_of_a_rule_is_kept_as_ended(clinic: Practice, store: MemoryStore) -> None:
    weekly = clinic.availability.weekly
    row = weekly.add(WeeklyHours("kim", "FR", "09:00-12:00"))
    weekly.end(row)
    ended = attrs.evolve(row, active=False, version=2)
    assert weekly.list("kim", active=None) == (ended,)
    assert [one.name for one in events_of(store, clinic.id)][-1] == "rule.deactivated"
    weekly.end(row.id)
    assert weekly.get(row.id) == ended, "once is enough"
    assert weekly.update(attrs.evolve(ended, active=True)).active


def test_breaks_go_with_the_hours_that_they_are_in(clinic: Practice) -> None:
    rule = AvailabilityRule(
        "kim",
        Recurrence.weekly("MO,FR", start=TODAY),
        hours=["08:00-12:00", "22:00-06:00 overnight"],
        breaks=["02:00-02:30", "10:00-10:30", "23:00-23:30"],
        id="duty",
    )
    clinic.availability.add(rule)
    day, night = clinic.availability.weekly.list("kim")[:2]
    assert day.breaks == (Hours("10:00", "10:30"),)
    assert night.breaks == (Hours("02:00", "02:30"), Hours("23:00", "23:30"))
    clinic.availability.weekly.end(day)
    assert night.breaks in {one.breaks for one in clinic.availability.weekly.list("kim")}
    monday = datetime(2026, 1, 12, 22, tzinfo=UTC)
    found = clinic.availability.slots("kim", "visit", monday, monday + timedelta(hours=8))
    assert len(found) == 14


# ------------------------------------------------------------------------ not weekly


def test_dates_that_no_weekday_says_are_not_written_day_by_day(clinic: Practice) -> None:
    weekly, dates = clinic.availability.weekly, Recurrence.dates(TODAY, date(2026, 1, 14))
    clinic.availability.add(AvailabilityRule("kim", dates, hours="09:00-10:00", id="some"))
    monday = weekly.get("some.1")
    for day in ("MO", "FR"):
        with pytest.raises(NotWeekly, match="'some'"):
            weekly.update(attrs.evolve(monday, day=day, hours="09:00-11:00"))
    with pytest.raises(NotWeekly):
        weekly.end(monday)


def test_all_hours_of_such_dates_are_written_on_their_day(clinic: Practice) -> None:
    weekly, dates = clinic.availability.weekly, Recurrence.monthly_on("2WE", start=TODAY)
    clinic.availability.add(AvailabilityRule("kim", dates, hours="09:00-10:00", id="some"))
    row = weekly.get("some")
    made = weekly.update(attrs.evolve(row, hours="09:00-11:00"))
    assert clinic.availability.rules.get("some").recurrence == dates
    with pytest.raises(NotWeekly):
        weekly.update(attrs.evolve(made, day="FR"))
    weekly.end(made)
    assert not clinic.availability.rules.get("some").active


def test_a_day_on_which_no_date_is_left_is_refused(clinic: Practice) -> None:
    until = Recurrence.weekly("MO,TU", start=TODAY, until=date(2026, 1, 7))
    clinic.availability.add(AvailabilityRule("kim", until, hours="09:00-10:00", id="week"))
    row = clinic.availability.weekly.get("week.1")
    with pytest.raises(InvalidRecurrence):
        clinic.availability.weekly.update(attrs.evolve(row, day="FR"))


# ------------------------------------------------------------------- who is in the way


def test_it_is_refused_under_an_appointment(clinic: Practice) -> None:
    clinic.appointments.book(Start("lee", "visit", WEDNESDAY), patient="ada", id="one")
    weekly, before = clinic.availability.weekly, said(clinic)
    row = weekly.get("days.3.0900")
    for change in (
        lambda **fate: weekly.end(row.id, **fate),
        lambda **fate: weekly.update(attrs.evolve(row, hours="11:00-12:00", breaks=()), **fate),
    ):
        with pytest.raises(AppointmentsStranded):
            change()
        assert said(clinic) == before
    weekly.update(attrs.evolve(row, hours="09:00-11:00"))
    assert clinic.availability.stranded() == ()
    row = clinic.availability.weekly.list("lee")[2]
    weekly.end(row, stranded="cancel", reason="ill")
    assert clinic.appointments.get("one").cancellation == "ill"


# ---------------------------------------------------------------- versions and rivals


def test_a_row_that_was_changed_since_it_was_read_is_a_conflict(clinic: Practice) -> None:
    weekly = clinic.availability.weekly
    row, other = weekly.get("days.2.0900"), weekly.get("days.4.1400")
    weekly.end(other)
    for command in (weekly.update, weekly.end):
        with pytest.raises(VersionConflict):
            command(row)
    single = weekly.add(WeeklyHours("kim", "FR", "09:00-12:00"))
    weekly.update(attrs.evolve(single, hours="09:00-11:00"))
    with pytest.raises(VersionConflict):
        weekly.end(single)
    assert weekly.update(attrs.evolve(single, version=0)).hours == single.hours, "by hand"


def test_a_rule_that_has_no_such_row_any_more_is_a_conflict_too(clinic: Practice) -> None:
    weekly = clinic.availability.weekly
    days = Recurrence.weekly("TU,WE", start=TODAY)
    rule = clinic.availability.add(AvailabilityRule("kim", days, hours="09:00-10:00"))
    row = weekly.list("kim")[0]
    fewer = attrs.evolve(rule, recurrence=attrs.evolve(days, by_day=["WE"]))
    clinic.availability.rules.update(fewer)
    with pytest.raises(VersionConflict):
        weekly.end(row)
    with pytest.raises(NotFound):
        weekly.end(row.id)


def test_an_id_is_never_that_of_another_row(clinic: Practice) -> None:
    """Who ends a row twice by its id ends no other the second time."""
    weekly = clinic.availability.weekly
    hours = ["08:00-09:00", "10:00-11:00", "12:00-13:00", "14:00-15:00"]
    day = AvailabilityRule("kim", Recurrence.weekly("MO", start=TODAY), hours=hours, id="day")
    clinic.availability.add(day)
    for at in ("0800", "1200"):
        weekly.end(f"day.{at}")
        with pytest.raises(NotFound):
            weekly.end(f"day.{at}")
    assert [one.id for one in weekly.list("kim")] == ["day.1000", "day.1400"]


def test_a_longer_id_is_good_when_a_shorter_one_would_do(clinic: Practice) -> None:
    weekly = clinic.availability.weekly
    made = weekly.add(WeeklyHours("kim", "MO", "09:00-10:00"))
    for longer in (".1", ".0900", ".1.0900"):
        assert weekly.get(made.id + longer) == made
    row = WeeklyHours("kim", "MO", "09:30-10:00", id=made.id + ".1.0900")
    changed = weekly.update(row)
    assert changed == attrs.evolve(row, id=made.id, rule=made.id, version=2)
    assert weekly.find(row.id) is None


def test_rows_of_different_days_are_ended_at_once(clinic: Practice, store: MemoryStore) -> None:
    ids, together = ["days.2.0900", "days.3.1400", "days.4.0900"], Barrier(3)

    def end(id: str) -> None:
        together.wait(10)
        clinic.availability.weekly.end(id)

    with ThreadPoolExecutor(len(ids)) as pool:
        assert list(pool.map(end, ids)) == [None] * 3
    left = [(one.day.name, str(one.hours)) for one in clinic.availability.weekly.list("lee")]
    assert left == [("TU", "14:00-17:00"), ("WE", "09:00-12:00"), ("TH", "14:00-17:00")]


@pytest.mark.parametrize("how", ["update", "end"])
def test_who_states_no_version_comes_after_a_rival(how: str) -> None:
    store = Meddled()
    scheduler = Scheduler(store, clock=FixedClock(WEDNESDAY), ids=NumberedIds(), pauses=Impatient())
    clinic = opened(scheduler.practice("riverside"))
    weekly = clinic.availability.weekly
    rule = clinic.availability.rules.get("days")
    store.tries, store.rival = (
        0,
        lambda: clinic.availability.rules.update(attrs.evolve(rule, notes="by a rival")),
    )
    if how == "end":
        weekly.end("days.2.0900")
    else:
        weekly.update(WeeklyHours("lee", "TU", "09:00-11:00", id="days.2.0900"))
    assert store.tries == 3
    assert {one.notes for one in clinic.availability.rules.list()} == {"by a rival"}
    read = weekly.list("lee")[0]
    changed = clinic.availability.rules.get(read.rule)
    store.rival = lambda: clinic.availability.rules.update(attrs.evolve(changed, notes="again"))
    with pytest.raises(VersionConflict):
        weekly.end(read)


def test_a_request_that_is_repeated_tells_its_first_result(clinic: Practice) -> None:
    weekly = clinic.availability.weekly
    new = attrs.evolve(weekly.get("days.3.0900"), hours="09:00-11:00")
    made = weekly.update(new, idempotency_key="form-1")
    assert weekly.find("days.3.0900") is None
    later = weekly.update(attrs.evolve(made, hours="08:00-09:00", breaks=()))
    assert weekly.update(new, idempotency_key="form-1") == made
    assert weekly.update(attrs.evolve(new, version=0, rule=""), idempotency_key="form-1") == made
    weekly.end(later, idempotency_key="form-2")
    weekly.end(later, idempotency_key="form-2")
    weekly.end(later.id, idempotency_key="form-2")


@pytest.mark.parametrize("breaks", ["08:00-08:30", "12:00-12:30"])
def test_breaks_lie_in_their_hours(breaks: str) -> None:
    with pytest.raises(InvalidHours):
        WeeklyHours("lee", "MO", "09:00-12:00", breaks=breaks)


def test_a_day_is_a_weekday() -> None:
    with pytest.raises(InvalidRecurrence):
        WeeklyHours("lee", "MO-FR", "09:00-12:00")
