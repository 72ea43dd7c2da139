"""Time blocks: one start each on every grid, as long as they are, and like no other hours."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import attrs
import pytest
from tests.engine.kit import (
    DAY,
    FOLD,
    GAP,
    NY,
    SMITH,
    ZONES,
    ask,
    at,
    block,
    blocking,
    busy,
    closed,
    every,
    extra,
    listing,
    mins,
    minute,
    on,
    reasons,
    replaced,
    rule,
    schedule,
    starts,
    visit,
)

from medsched.domain.appointment_types import Grid
from medsched.domain.availability import Override
from medsched.domain.claims import ClaimKind
from medsched.domain.explanations import Layer
from medsched.domain.findings import FindingKind
from medsched.domain.people import Travel
from medsched.domain.places import Location
from medsched.domain.requests import Reason
from medsched.engine.booking import Plan, plan
from medsched.engine.check import check_schedule, refuse_contradictions
from medsched.engine.explain import explain
from medsched.engine.slots import list_slots
from medsched.engine.time_blocks import (
    published_span,
    span_of_block,
    with_zones,
    zone_of_block,
)
from medsched.errors import (
    AmbiguousTime,
    ContradictoryOverrides,
    MedschedError,
    NonexistentTime,
)

LORD_HOWE, LONDON, SANTIAGO = "Australia/Lord_Howe", "Europe/London", "America/Santiago"
GRIDS = {
    "window": Grid(),
    "clock": Grid.clock(mins(15)),
    "clock, offset": Grid.clock(mins(60), offset=mins(7)),
    "packed": Grid.packed(),
}


@pytest.fixture(params=GRIDS)
def grid(request: pytest.FixtureRequest) -> Grid:
    return GRIDS[request.param]


class TestOneStart:
    @pytest.mark.parametrize("length", [5, 30, 45, 240])
    def test_it_is_the_blocks_own_whatever_grid_and_length_of_the_type(
        self, grid: Grid, length: int
    ) -> None:
        inquiry = ask(block("09:05-09:50"), type=visit(length, grid=grid))
        (slot,) = listing(inquiry, at(f"{DAY} 00:00", NY), at(f"{DAY} 23:00", NY))
        assert (slot.start, slot.duration) == (at(f"{DAY} 09:05", NY), mins(45))
        assert (slot.opened_by, slot.capacity) == ("block", 1)

    @pytest.mark.parametrize(
        "zone, day, hours, second, start, length",
        [
            (NY, GAP, "01:30-03:30", None, "06:30", 60),
            (NY, FOLD, "00:30-02:30", None, "04:30", 180),
            (NY, FOLD, "01:15-01:45", False, "05:15", 30),
            (NY, FOLD, "01:15-01:45", True, "06:15", 30),
            (NY, FOLD, "01:30-02:00", False, "05:30", 90),
            (NY, GAP, "00:00-24:00", None, "05:00", 23 * 60),
            (LONDON, date(2026, 3, 29), "00:30-02:30", None, "00:30", 60),
            (LONDON, date(2026, 10, 25), "00:30-02:30", None, "23:30", 180),
            (LONDON, date(2026, 10, 25), "01:30-02:00", True, "01:30", 30),
            # Half an hour: 2:00 is 2:30 on 4 October, and 1:30 again on 5 April.
            (LORD_HOWE, date(2026, 10, 4), "01:45-02:45", None, "15:15", 30),
            (LORD_HOWE, date(2026, 4, 5), "01:00-02:30", None, "14:00", 120),
            (LORD_HOWE, date(2026, 4, 5), "01:40-01:50", False, "14:40", 10),
            (LORD_HOWE, date(2026, 4, 5), "01:40-01:50", True, "15:10", 10),
            # At midnight: 0:00 is 1:00 on 6 September, and 23:00 again on 4 April.
            (SANTIAGO, date(2026, 9, 6), "01:00-02:00", None, "04:00", 60),
            (SANTIAGO, date(2026, 9, 5), "23:00-02:00 overnight", None, "03:00", 120),
            (SANTIAGO, date(2026, 4, 4), "22:30-24:00", None, "01:30", 150),
            (SANTIAGO, date(2026, 4, 4), "23:10-23:40", True, "03:10", 30),
        ],
    )
    def test_across_clock_changes_it_lasts_as_long_as_it_lasts(
        self,
        grid: Grid,
        zone: str,
        day: date,
        hours: str,
        second: bool | None,
        start: str,
        length: int,
    ) -> None:
        one = block(hours, day, timezone=zone, second_showing=second)
        inquiry = ask(one, type=visit(20, grid=grid))
        around = timedelta(days=2)
        noon = at(f"{day} 12:00")
        (slot,) = listing(inquiry, noon - around, noon + around)
        assert (f"{slot.start:%H:%M}", slot.duration) == (start, mins(length))
        span = (slot.start, slot.end)
        low, high = published_span(one, ZONES.zone(zone))
        assert (low, high) == span_of_block(one, ZONES.zone(zone))
        assert span == (_instant(low), _instant(high))

    def test_another_minute_of_it_is_off_the_grid_or_does_not_fit(self, grid: Grid) -> None:
        inquiry = ask(block("09:00-10:00"), type=visit(10, grid=grid))
        assert reasons(inquiry, f"{DAY} 09:00") == set()
        assert reasons(inquiry, f"{DAY} 09:30") == {Reason.OFF_GRID, Reason.RUNS_OUT}
        assert reasons(inquiry, f"{DAY} 08:59") == {Reason.CLOSED}
        assert reasons(inquiry, f"{DAY} 10:00") == {Reason.CLOSED}

    def test_blocks_that_touch_are_one_slot_each(self, grid: Grid) -> None:
        both = [block("09:00-10:00", id="a"), block("10:00-11:00", id="b")]
        for items in (both, both[::-1]):
            inquiry = ask(*items, type=visit(60, grid=grid))
            assert starts(inquiry) == ["09:00", "10:00"]
            assert reasons(inquiry, f"{DAY} 09:30") == {Reason.OFF_GRID, Reason.RUNS_OUT}

    def test_taken_ones_are_listed_as_such(self, grid: Grid) -> None:
        inquiry = ask(
            *(block("09:00-10:00", id="a"), block("10:00-11:00", id="b"), block("11:00-12:00")),
            type=visit(20, grid=grid),
            claims=[busy("09:40", "09:41"), busy("11:00", "12:00", kind=ClaimKind.BLOCKING)],
        )
        day = (at(f"{DAY} 00:00", NY), at(f"{DAY} 23:00", NY))
        assert starts(inquiry) == ["10:00"]
        found = list_slots(inquiry, *day, taken=True)
        assert [one.status.value for one in found] == ["busy", "free", "busy-unavailable"]

    def test_who_states_a_capacity_states_it_of_other_hours(self, grid: Grid) -> None:
        inquiry = ask(block("09:00-10:00"), rule("13:00-14:00"), type=visit(60, capacity=8))
        day = (at(f"{DAY} 00:00", NY), at(f"{DAY} 23:00", NY))
        assert [one.capacity for one in listing(inquiry, *day)] == [1, 8]

    def test_types_that_it_is_not_for_are_not_offered(self, grid: Grid) -> None:
        inquiry = ask(block("09:00-10:00", types={"other"}), type=visit(grid=grid))
        assert starts(inquiry) == []
        assert Reason.TYPE in reasons(inquiry, f"{DAY} 09:00")

    def test_listing_in_parts_adds_up(self, grid: Grid) -> None:
        inquiry = ask(
            *(block(f"{hour:02d}:10-{hour:02d}:50", id=str(hour)) for hour in range(24)),
            type=visit(grid=grid),
        )
        whole = [*list_slots(inquiry, at(f"{DAY} 00:00"), at(f"{DAY} 23:00"))]
        cuts = [at(f"{DAY} {hour:02d}:{past:02d}") for hour in range(23) for past in (0, 10, 11)]
        parts = [
            slot
            for low, high in zip(cuts, [*cuts[1:], at(f"{DAY} 23:00")], strict=True)
            for slot in list_slots(inquiry, low, high)
        ]
        assert parts == whole
        assert len(whole) == 18  # the others start before or after, in New York


class TestLayers:
    def test_it_wins_over_rules_and_holidays_and_moves_no_grid(self) -> None:
        week = rule("09:00-12:00")
        assert starts(ask(week, block("10:10-10:50"))) == [
            *("09:00", "09:30", "10:10", "11:00", "11:30")
        ]
        assert starts(ask(week, blocking("00:00-24:00"), block("10:10-10:50"))) == ["10:10"]

    def test_it_is_itself_within_hours_that_offer_the_same(self) -> None:
        week = rule("09:00-12:00", slot_duration=mins(40), capacity=1)
        made = ask(week, block("10:30-11:10"))
        assert starts(made) == ["09:00", "09:40", "10:30"]
        assert reasons(made, f"{DAY} 10:50") == {Reason.OFF_GRID, Reason.RUNS_OUT}
        found = plan(made, minute(f"{DAY} 10:30", NY))
        assert isinstance(found, Plan)
        assert found.block == "block"

    def test_what_closes_a_part_of_it_closes_it(self, grid: Grid) -> None:
        for hours in ("09:00-09:10", "09:50-12:00", "09:20-09:21"):
            shut = closed(hours=hours)
            assert starts(ask(block("09:00-10:00"), shut, type=visit(5, grid=grid))) == []
        assert starts(ask(block("09:00-10:00"), replaced("13:00-14:00"))) == ["13:00", "13:30"]

    def test_it_is_explained_by_name(self) -> None:
        told = explain(ask(block("09:00-10:00", notes="kept quiet")), at(f"{DAY} 09:00", NY))
        (layer,) = told.layers
        assert (layer.layer, layer.by, layer.wins) == (Layer.EXTRA, "block", True)
        assert layer.what == "time block 09:00-10:00"

    def test_other_extra_hours_beside_it_stay_what_they_are(self) -> None:
        assert starts(ask(extra("10:00-11:00"), block("09:00-10:00"))) == [
            "09:00",
            *every("10:00", "10:30", 30),
        ]

    def test_the_zone_is_the_nearest_that_is_stated(self) -> None:
        away = attrs.evolve(SMITH, travels=[Travel("Asia/Tokyo", DAY, DAY)])
        place = Location(id="x", timezone=LONDON)
        made = schedule(provider=away, locations=[place])
        for one, zone in (
            (block("09:00-10:00"), "Asia/Tokyo"),
            (block("09:00-10:00", DAY + timedelta(days=1)), NY),
            (block("09:00-10:00", location="x"), LONDON),
            (block("09:00-10:00", location="x", timezone=LORD_HOWE), LORD_HOWE),
        ):
            assert zone_of_block(one, made, ZONES).key == zone
            assert [found.timezone for found in with_zones([one], made, ZONES)] == [zone]


class TestEdges:
    @pytest.mark.parametrize(
        "zone, day, hours, second, error",
        [
            (NY, GAP, "02:00-03:00", None, NonexistentTime),
            (NY, GAP, "01:30-02:00", None, NonexistentTime),
            (NY, GAP, "02:30-03:30", True, NonexistentTime),
            (NY, GAP, "02:30-03:30", False, NonexistentTime),
            (NY, FOLD, "01:00-01:30", None, AmbiguousTime),
            (NY, FOLD, "00:30-01:00", None, AmbiguousTime),
            (LORD_HOWE, date(2026, 10, 4), "02:15-03:00", None, NonexistentTime),
            (LORD_HOWE, date(2026, 4, 5), "01:00-01:45", None, AmbiguousTime),
            (SANTIAGO, date(2026, 9, 6), "00:00-01:00", None, NonexistentTime),
            (SANTIAGO, date(2026, 4, 4), "23:30-24:00", None, AmbiguousTime),
            ("Pacific/Apia", date(2011, 12, 30), "09:00-10:00", None, NonexistentTime),
            (LONDON, date(2026, 3, 29), "01:30-02:30", None, NonexistentTime),
        ],
    )
    def test_none_is_moved_silently(
        self, zone: str, day: date, hours: str, second: bool | None, error: type[MedschedError]
    ) -> None:
        one = block(hours, day, timezone=zone, second_showing=second)
        with pytest.raises(error):
            published_span(one, ZONES.zone(zone))

    def test_one_that_zones_have_changed_under_opens_nothing(self) -> None:
        one = block("02:00-03:00", GAP, timezone=NY)
        assert span_of_block(one, ZONES.zone(NY)) is None
        assert starts(ask(one), GAP) == []

    def test_check_tells_of_blocks_that_a_clock_change_touches(self) -> None:
        made = schedule(block("01:30-03:30", GAP), block("02:00-03:00", GAP, id="gone"))
        found = check_schedule(made, ZONES, GAP, GAP)
        assert [(one.kind, one.by) for one in found] == [
            (FindingKind.CLOCK_CHANGE, ("block",)),
            (FindingKind.DROPPED, ("gone",)),
        ]


class TestContradictions:
    @pytest.mark.parametrize("hours", ["09:30-10:30", "08:00-09:01", "09:00-10:00", "09:10-09:20"])
    @pytest.mark.parametrize("same_offer", [True, False])
    def test_two_blocks_that_overlap(self, hours: str, same_offer: bool) -> None:
        one = block("09:00-10:00", id="a")
        other = block(hours, id="b", types=None if same_offer else {"x"})
        self.refused(one.opening, other.opening)

    def test_a_block_and_extra_hours_of_the_same_id(self) -> None:
        self.refused(block("09:00-10:00", id="x").opening, extra("09:30-12:00", id="x"))

    def test_overnight_into_the_next_date(self) -> None:
        one = block("22:00-02:00 overnight", id="a")
        other = block("01:00-03:00", DAY + timedelta(days=1), id="b")
        self.refused(one.opening, other.opening)

    def test_at_a_repeated_time_each_showing_is_its_own(self) -> None:
        first, second = (
            block("01:10-01:40", FOLD, second_showing=s, id=str(s)) for s in (False, True)
        )
        refuse_contradictions(first.opening, [second.opening], schedule(), ZONES)
        long = block("01:40-02:10", FOLD, second_showing=False, id="long")
        early = block("01:10-01:30", FOLD, second_showing=True, id="early")
        self.refused(long.opening, early.opening)  # apart on the wall, and not in time

    def test_what_touches_or_is_far_away_is_none(self) -> None:
        one = block("09:00-10:00", id="a").opening
        for other in (
            block("10:00-11:00", id="b"),
            block("09:00-10:00", DAY + timedelta(days=1), id="b"),
            block("09:00-10:00", DAY + timedelta(days=400), id="b"),
        ):
            refuse_contradictions(one, [other.opening], schedule(), ZONES)

    def refused(self, one: Override, other: Override) -> None:
        for pair in ((one, other), (other, one)):
            with pytest.raises(ContradictoryOverrides):
                refuse_contradictions(pair[0], [pair[1]], schedule(), ZONES)


class TestFilling:
    def test_a_plan_names_the_block_that_it_fills(self) -> None:
        found = self.planned(block("09:00-10:00"), "09:00")
        assert (found.block, found.end - found.start) == ("block", 60)
        assert self.planned(on(DAY, "09:00-10:00"), "09:00").block is None

    def test_what_overrides_its_start_does_not_fill_it(self) -> None:
        assert self.planned(block("09:00-10:00"), "09:30", override=True).block is None

    def test_nor_does_who_is_the_second_in_it(self) -> None:
        one, visit_there = block("09:00-10:00"), busy("09:20", "09:30")
        found = self.planned(one, "09:00", visit_there, override=True)
        assert found.block is None
        assert found.overridden == {Reason.TAKEN}
        beside = self.planned(one, "09:00", busy("09:20", "09:30", of="jones"), override=True)
        assert beside.block == "block"

    def planned(self, item: object, clock: str, *claims: object, override: bool = False) -> Plan:
        inquiry = ask(item, claims=claims)  # type: ignore[arg-type]
        found = plan(inquiry, minute(f"{DAY} {clock}", NY), override=override)
        assert isinstance(found, Plan)
        return found


def _instant(minutes: int) -> datetime:
    return at("1970-01-01") + minutes * mins(1)
