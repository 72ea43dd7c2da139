"""The strategies that users import: valid things only, drawn to clock changes, that shrink well."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import pytest

import medsched
from medsched.adapters.tzdata import TzdataZones
from medsched.domain.appointment_types import AppointmentType, GridKind
from medsched.domain.availability import AvailabilityRule, Override, OverrideKind
from medsched.domain.claims import Claim, ClaimKind
from medsched.domain.fields import check_id
from medsched.domain.hours import Hours
from medsched.domain.people import Patient
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.requests import Request
from medsched.domain.schedule import Schedule
from medsched.engine.check import refuse_contradictions, refuse_overlaps
from medsched.engine.inquiry import Inquiry
from medsched.engine.layers import open_pieces
from medsched.engine.windows import Frame, Source, windows_in
from medsched.errors import (
    AmbiguousTime,
    InvalidChoice,
    InvalidInterval,
    InvalidNumber,
    NonexistentTime,
    OutOfRange,
    UnknownZone,
)
from medsched.timeline.instants import DAY, day_of, minute_of
from medsched.timeline.recurrence import Recurrence
from medsched.timeline.resolve import at_wall, is_plain
from medsched.timeline.zones import ZoneSource

pytest.importorskip("hypothesis")

from hypothesis import HealthCheck, Phase, find, given, seed, settings
from hypothesis import strategies as st

from medsched.testing import strategies as ms

ZONES: ZoneSource = TzdataZones()
NEW_YORK = "America/New_York"


class Dates(TypedDict):
    start: date
    end: date


YEAR: Dates = {"start": date(2024, 1, 1), "end": date(2025, 1, 1)}
T = TypeVar("T")

# A first example reads zones from the package, and machines stall; nothing else is let pass.
examples = settings(suppress_health_check=[HealthCheck.too_slow])


def minute(wall: datetime) -> int:
    return minute_of(wall.replace(tzinfo=UTC), rounding="down")


def sample(strategy: st.SearchStrategy[T], number: int = 300) -> list[T]:
    """The same draws every time, as many as it takes for a share to mean something."""
    drawn: list[T] = []

    @seed(2026)
    @settings(max_examples=number, database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(value: T) -> None:
        drawn.append(value)

    collect()
    return drawn


def smallest(strategy: st.SearchStrategy[T], condition: Callable[[T], Any]) -> T:
    profile = settings(
        max_examples=2000,
        database=None,
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink],  # find() returns what explaining tried last
        suppress_health_check=list(HealthCheck),
    )
    return find(strategy, condition, settings=profile)


def report(**counts: object) -> None:
    """Shown with -rP, and when the test fails."""
    sys.stdout.write(f"{counts}\n")


# ---------------------------------------------------------------------- clocks


@given(ms.zones())
def test_zones_are_those_of_the_release(zone: str) -> None:
    assert ZONES.zone(zone).key == zone


@examples
@given(ms.zones(changing=True, **YEAR))
def test_changing_zones_change_in_the_years_asked_for(zone: str) -> None:
    low, high = (day_of(edge) * DAY for edge in (YEAR["start"], YEAR["end"]))
    assert ZONES.zone(zone).changes(low, high)


@examples
@given(ms.transitions())
def test_transitions_are_clock_changes(transition: ms.Transition) -> None:
    zone = ZONES.zone(transition.zone)
    at = minute_of(transition.at, rounding="down")
    ((found, before, after),) = zone.changes(at, at + 1)
    assert (found, timedelta(minutes=before), timedelta(minutes=after)) == (
        at,
        transition.before,
        transition.after,
    )
    assert not is_plain(zone, minute(transition.wall))
    assert is_plain(zone, minute(transition.wall) - 1)
    assert is_plain(zone, minute(transition.wall + abs(transition.shift)))
    assert ms.START <= transition.at.date() < ms.END


@examples
@given(ms.skipped_times())
def test_skipped_times_do_not_exist(time: ms.LocalTime) -> None:
    with pytest.raises(NonexistentTime):
        at_wall(ZONES.zone(time.zone), time.wall)


@examples
@given(ms.repeated_times())
def test_repeated_times_come_twice(time: ms.LocalTime) -> None:
    with pytest.raises(AmbiguousTime):
        at_wall(ZONES.zone(time.zone), time.wall)


@given(ms.wall_times(zone=st.sampled_from([NEW_YORK, "UTC"]), **YEAR))
def test_wall_times_are_naive_and_within_their_dates(time: ms.LocalTime) -> None:
    assert time.wall.tzinfo is None
    assert time.wall.year == 2024
    assert (time.wall.second, time.wall.microsecond) == (0, 0)
    assert time.zone in (NEW_YORK, "UTC")


@given(ms.instants(zone=NEW_YORK, **YEAR))
def test_instants_are_aware_whole_minutes(instant: datetime) -> None:
    assert instant.tzinfo is UTC
    assert instant.year == 2024
    assert (instant.second, instant.microsecond) == (0, 0)


@given(st.data(), st.integers(1, 60))
def test_periods_hold_a_change(data: st.DataObject, days: int) -> None:
    first, beyond = data.draw(ms.periods(zone=NEW_YORK, days=days, **YEAR))
    assert beyond - first == timedelta(days)
    assert YEAR["start"] <= first < beyond <= YEAR["end"]
    assert ZONES.zone(NEW_YORK).changes((day_of(first)) * DAY, (day_of(beyond) + 1) * DAY)


def test_a_short_range_is_one_period() -> None:
    edges = date(2026, 1, 1), date(2026, 1, 5)
    (found,) = set(sample(ms.periods(start=edges[0], end=edges[1])))
    assert found == edges


def test_wall_times_are_drawn_to_gaps_and_folds() -> None:
    """A uniform draw meets one of Berlin's 2 odd hours of a year once in 4,000 times."""
    drawn = sample(ms.wall_times(zone="Europe/Berlin"), 1000)
    zone = ZONES.zone("Europe/Berlin")
    odd = [time for time in drawn if not is_plain(zone, minute(time.wall))]
    edges = [
        time
        for time in drawn
        if any(
            is_plain(zone, minute(time.wall)) != is_plain(zone, minute(time.wall) + away)
            for away in (-1, 1)
        )
    ]
    report(drawn=len(drawn), skipped_or_repeated=len(odd), at_an_edge=len(edges))
    assert len(odd) > 100
    assert len(edges) > 50


def test_instants_are_drawn_to_clock_changes() -> None:
    zone = ZONES.zone("Europe/Berlin")
    near: Counter[str] = Counter()
    for instant in sample(ms.instants(zone="Europe/Berlin"), 1000):
        at = minute_of(instant, rounding="down")
        near["at"] += bool(zone.changes(at, at + 1))
        near["within 3 hours"] += bool(zone.changes(at - 180, at + 181))
    report(**near)
    assert near["at"] > 20
    assert near["within 3 hours"] > 250


def test_zones_are_drawn_to_those_that_change() -> None:
    low, high = (day_of(edge) * DAY for edge in (ms.START, ms.END))
    # With a number beside it, because Hypothesis draws nothing twice.
    drawn = [name for name, _ in sample(st.tuples(ms.zones(), st.integers()), 300)]
    changing = [name for name in drawn if ZONES.zone(name).changes(low, high)]
    report(drawn=len(drawn), changing=len(changing), names=len(set(drawn)))
    assert 100 < len(changing) < 250
    assert len(set(drawn)) > 50
    assert drawn.count("UTC") > 20


# ----------------------------------------------------------------------- nouns


@given(ms.ids())
def test_ids_may_name_a_record(id: str) -> None:
    assert check_id(id) == id


@given(ms.texts())
def test_texts_fit_a_field(text: str) -> None:
    assert Patient(name=text).name == text
    text.encode()


@given(ms.hours())
def test_hours_are_whole_minutes(hours: Hours) -> None:
    assert hours.open_minutes() == hours.busy_minutes()
    start, end = hours.open_minutes()
    assert 0 <= start < end <= start + DAY
    assert Hours.parse(str(hours)) == hours


@given(ms.hours(overnight=False))
def test_hours_may_be_kept_within_a_day(hours: Hours) -> None:
    assert not hours.overnight


@examples
@given(ms.recurrences())
def test_recurrences_occur(recurrence: Recurrence) -> None:
    assert recurrence.occurs_on(recurrence.first)
    again = Recurrence.parse(
        recurrence.rule,
        start=recurrence.start,
        rdates=recurrence.rdates,
        exdates=recurrence.exdates,
    )
    assert again == recurrence


@given(ms.recurrences(start=st.dates(date(9998, 1, 1), date(9998, 12, 31))))
def test_recurrences_at_the_end_of_time(recurrence: Recurrence) -> None:
    assert recurrence.start.year == 9998


@given(ms.appointment_types(codes=["mri"], rooms=["1", "2"], devices=["d"]))
def test_types_need_what_they_are_given(type: AppointmentType) -> None:
    assert type.code == "mri"
    assert timedelta(minutes=5) <= type.duration <= timedelta(hours=4)
    for need in type.needs:
        assert {one.id for one in need.one_of} <= {"1", "2", "d"}


def test_types_have_every_grid_and_only_those_asked_for() -> None:
    assert {type.grid.kind for type in sample(ms.appointment_types())} == set(GridKind)
    some = sample(ms.appointment_types(grids=[GridKind.CLOCK]), 50)
    assert {type.grid.kind for type in some} == {GridKind.CLOCK}


@examples
@given(ms.requests(patients=["ada"]))
def test_requests_ask_at_an_instant_or_at_none(request: Request) -> None:
    assert request.patient in (None, "ada")
    assert request.now is None or request.now.utcoffset() == timedelta(0)


def test_requests_ask_for_the_types_given() -> None:
    types = [AppointmentType(code="visit", duration=timedelta(minutes=30))]
    assert {request.type for request in sample(ms.requests(types=types), 20)} == set(types)
    drawn = ms.appointment_types(codes=["x"])
    assert {request.type.code for request in sample(ms.requests(types=drawn), 20)} == {"x"}


ROOM = Resource(ResourceKind.ROOM, "1")


@given(ms.claims(resources=[ROOM, "smith"], longest=timedelta(hours=2)))
def test_claims_take_time(claim: Claim) -> None:
    assert claim.resource in (ROOM, Resource(ResourceKind.PROVIDER, "smith"))
    assert 1 <= claim.high - claim.low <= 120
    assert (claim.expires is not None) == (claim.kind is ClaimKind.HOLD)


# ----------------------------------------------------------- rules and overrides


@examples
@given(ms.rules(zone=NEW_YORK, types=["visit"], **YEAR))
def test_rules_open_something(rule: AvailabilityRule) -> None:
    assert rule.resource == Resource(ResourceKind.PROVIDER, ms.PROVIDER)
    assert rule.windows
    assert rule.recurrence.start.year == 2024
    assert rule.timezone in (None, NEW_YORK)
    assert (rule.types or {"visit"}) == {"visit"}


@examples
@given(ms.rules(resource=ROOM))
def test_rules_of_a_room_offer_nothing_themselves(rule: AvailabilityRule) -> None:
    assert rule.resource == ROOM
    assert (rule.types, rule.slot_duration, rule.location) == (None, None, None)


@examples
@given(ms.overrides(zone=NEW_YORK, **YEAR))
def test_overrides_lie_in_their_dates(override: Override) -> None:
    assert YEAR["start"] <= override.first <= override.last < YEAR["end"]
    assert override.windows or override.kind is OverrideKind.CLOSED


def test_overrides_are_of_every_kind() -> None:
    drawn = sample(ms.overrides(), 200)
    assert {override.kind for override in drawn} == set(OverrideKind)
    assert any(not override.windows for override in drawn)


# ------------------------------------------------------------------- schedules


def own(schedule: Schedule) -> Any:
    return schedule.calendar(schedule.provider.resource)


def all_hours(schedule: Schedule) -> list[Hours]:
    return [hours for rule in own(schedule).rules for hours in rule.hours]


@examples
@given(ms.schedules())
def test_schedules_could_be_stored(schedule: Schedule) -> None:
    """Nothing overlaps, nothing contradicts, every resource keeps a zone."""
    for resource, calendar in schedule.calendars.items():
        for rule in calendar.rules:
            assert rule.resource == resource
            refuse_overlaps(rule, calendar.rules, schedule, ZONES)
        for override in calendar.overrides:
            assert override.resource == resource
            refuse_contradictions(override, calendar.overrides, schedule, ZONES)
        sources: list[Source] = [*calendar.rules, *calendar.overrides, *calendar.blockings]
        assert len({(type(source), source.id) for source in sources}) == len(sources)
        frame = Frame(schedule, ZONES, 0, DAY)
        for source in sources:
            windows_in(frame, source)


@examples
@given(ms.schedules(zone=NEW_YORK, max_rules=1, max_overrides=0, layers=False, **YEAR))
def test_schedules_keep_their_bounds(schedule: Schedule) -> None:
    assert len(own(schedule).rules) == 1
    assert own(schedule).overrides == own(schedule).blockings == ()
    assert set(schedule.calendars) == {schedule.provider.resource}
    assert Frame(schedule, ZONES, 0, 0).zone_of(schedule.provider.resource).key == NEW_YORK


@examples
@given(st.data(), ms.schedules(**YEAR))
def test_schedules_can_be_asked(data: st.DataObject, schedule: Schedule) -> None:
    types = ms.appointment_types(rooms=list(schedule.rooms), devices=["device-1"])
    request = data.draw(ms.requests(types=types, **YEAR))
    claims = data.draw(st.lists(ms.claims(**YEAR), max_size=3))
    inquiry = Inquiry(schedule, request, ZONES, {schedule.provider.resource: claims})
    assert request.now is None or inquiry.bookable() > (0, 0)  # the zones of its dates are known
    low = day_of(YEAR["start"]) * DAY
    frame = Frame(schedule, ZONES, low, low + 60 * DAY)
    pieces = open_pieces(frame, request.type.code)
    assert all(piece[0] < piece[1] for piece in pieces)


def test_schedules_have_a_bit_of_everything() -> None:
    seen: Counter[str] = Counter()
    for schedule in sample(ms.schedules(**YEAR)):
        calendar = own(schedule)
        zone = Frame(schedule, ZONES, 0, 0).zone_of(schedule.provider.resource)
        walls = {
            edge % DAY
            for at, *offsets in zone.changes(day_of(YEAR["start"]) * DAY, day_of(YEAR["end"]) * DAY)
            for edge in (at + min(offsets), at + max(offsets))
        }
        edges = {edge % DAY for rule in calendar.rules for win in rule.windows for edge in win}
        seen["an edge where clocks change"] += bool(walls & edges)
        seen["several rules"] += len(calendar.rules) > 1
        seen["overnight"] += any(hours.overnight for hours in all_hours(schedule))
        seen["breaks"] += any(rule.breaks for rule in calendar.rules)
        seen["another zone"] += any(rule.timezone for rule in calendar.rules)
        seen["overrides"] += bool(calendar.overrides)
        seen["blockings"] += bool(calendar.blockings)
        seen["other calendars"] += len(schedule.calendars) > 1
        for override in calendar.overrides:
            seen[override.kind.value] += 1
    report(**seen)
    assert min(seen.values()) >= 1
    assert len(seen) == 11
    # Rare, and how rare Hypothesis settles anew with every module that is loaded.
    assert smallest(ms.schedules(), lambda schedule: schedule.provider.travels).provider.travels


# ------------------------------------------------------------------- shrinking


def test_zones_and_times_shrink_to_plain_ones() -> None:
    assert smallest(ms.zones(), lambda zone: True) == "UTC"
    assert smallest(ms.zones(changing=True), lambda zone: True) == NEW_YORK
    assert smallest(ms.wall_times(), lambda time: True) == (datetime(2010, 1, 1), "UTC")
    assert smallest(ms.instants(), lambda instant: True) == datetime(2010, 1, 1, tzinfo=UTC)
    first = ms.LocalTime(datetime(2010, 3, 14, 2), NEW_YORK)
    assert smallest(ms.skipped_times(), lambda time: True) == first
    assert smallest(ms.repeated_times(), lambda time: True).zone == NEW_YORK


def test_hours_shrink_to_round_ones() -> None:
    assert smallest(ms.hours(), lambda hours: True) == Hours("09:00", "12:00")
    assert str(smallest(ms.hours(), lambda hours: hours.overnight)) == "09:00-09:00 overnight"
    assert smallest(ms.hours(), lambda hours: hours.end == timedelta(days=1)) == Hours(
        "09:00", "24:00"
    )


def test_rules_and_overrides_shrink_to_plain_ones() -> None:
    rule = smallest(ms.rules(), lambda rule: True)
    assert rule.hours == (Hours("09:00", "12:00"),)
    assert (rule.breaks, rule.types, rule.timezone, rule.valid_from) == ((), None, None, None)
    override = smallest(ms.overrides(), lambda override: True)
    assert (override.kind, override.hours, override.priority) == (OverrideKind.CLOSED, (), 0)
    assert override.first == override.last


def assert_plain(schedule: Schedule) -> None:
    # How far a part shrinks that plays no role, Hypothesis settles, and not each release alike.
    assert schedule.practice.timezone == "UTC"
    assert schedule.provider.timezone in (None, "UTC")
    assert set(schedule.calendars) == {schedule.provider.resource}
    assert schedule.provider.travels == ()
    assert own(schedule).overrides == own(schedule).blockings == ()
    (rule,) = own(schedule).rules
    assert rule.recurrence == Recurrence.daily(date(2010, 1, 1))
    assert (rule.breaks, rule.types, rule.slot_duration) == ((), None, None)


def test_a_schedule_shrinks_to_one_rule() -> None:
    schedule = smallest(ms.schedules(), lambda schedule: True)
    assert_plain(schedule)
    assert all_hours(schedule) == [Hours("09:00", "12:00")]


def test_a_schedule_with_an_overnight_window_shrinks_to_that() -> None:
    schedule = smallest(
        ms.schedules(), lambda schedule: any(hours.overnight for hours in all_hours(schedule))
    )
    assert_plain(schedule)
    (hours,) = all_hours(schedule)
    assert hours.overnight
    assert hours.start % timedelta(hours=1) == hours.end % timedelta(hours=1) == timedelta(0)


# ------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "make, error, field",
    [
        (
            lambda: ms.wall_times(start=date(2026, 1, 2), end=date(2026, 1, 2)),
            InvalidInterval,
            "end",
        ),
        (lambda: ms.instants(start=date(1972, 1, 1)), OutOfRange, "start"),
        (lambda: ms.instants(end=datetime(2026, 1, 1)), OutOfRange, "end"),
        (lambda: ms.transitions(zone="UTC"), InvalidChoice, "zone"),
        (lambda: ms.skipped_times(zone="Asia/Tokyo"), InvalidChoice, "zone"),
        (lambda: ms.repeated_times(zone="Asia/Tokyo"), InvalidChoice, "zone"),
        (lambda: ms.periods(days=0), InvalidChoice, "days"),
        (lambda: ms.schedules(max_rules=0), InvalidNumber, "max_rules"),
        (lambda: ms.schedules(max_overrides=-1), InvalidNumber, "max_overrides"),
        (lambda: ms.appointment_types(codes=[]), InvalidChoice, "codes"),
        (lambda: ms.claims(resources=[]), InvalidChoice, "resources"),
        (lambda: ms.claims(longest=timedelta(0)), InvalidChoice, "longest"),
    ],
)
def test_what_nothing_can_be_drawn_from_is_refused(
    make: Callable[[], object], error: type[Exception], field: str
) -> None:
    with pytest.raises(error) as caught:
        make()
    assert getattr(caught.value, "field", None) == field


@pytest.mark.parametrize(
    "strategy",
    [ms.transitions, ms.skipped_times, ms.wall_times, ms.instants, ms.periods, ms.schedules],
)
def test_an_unknown_zone_is_refused_at_once(strategy: Callable[..., object]) -> None:
    with pytest.raises(UnknownZone) as caught:
        strategy(zone="America/NewYork")
    assert caught.value.name == "America/NewYork"


def test_no_zone_changes_in_a_day_without_changes() -> None:
    quiet = ms.zones(changing=True, start=date(2026, 1, 7), end=date(2026, 1, 8))
    with pytest.raises(InvalidInterval):
        sample(quiet, 1)


WITHOUT = """
import sys
sys.modules["hypothesis"] = None
import medsched.testing
from medsched.errors import MissingExtra
try:
    import medsched.testing.strategies
except MissingExtra as error:
    assert isinstance(error, ImportError) and error.extra == "testing", error
    print(error)
"""


def test_without_hypothesis_the_extra_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        env={"PYTHONPATH": str(Path(medsched.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "pip install 'medsched[testing]'" in done.stdout
