"""Where starts lie: from the window's start, on the wall clock, or back to back."""

from __future__ import annotations

from datetime import date, timedelta

import attrs
import pytest
from tests.engine.kit import (
    DAY,
    FOLD,
    GAP,
    NY,
    ask,
    at,
    blocking,
    closed,
    every,
    extra,
    listing,
    mins,
    minute,
    on,
    patient,
    reasons,
    room,
    rule,
    starts,
    times,
    utc,
    visit,
)

from medsched.domain.appointment_types import AppointmentType, Grid, Need
from medsched.domain.claims import Claim
from medsched.domain.places import Room
from medsched.domain.records import Resource
from medsched.domain.requests import Reason
from medsched.engine.verdict import refusals

NEXT = date(2026, 2, 5)


def clock(interval: int, offset: int = 0, length: int = 30) -> AppointmentType:
    return visit(length, grid=Grid.clock(mins(interval), offset=mins(offset)))


def packed(length: int = 30, **fields: object) -> AppointmentType:
    return visit(length, grid=Grid.packed(), **fields)


def busy(low: str, high: str, of: Resource | str = "smith") -> Claim:
    """A claim on the usual day, in New York's time."""
    return Claim.of(of, at(f"{DAY} {low}", NY), at(f"{DAY} {high}", NY), id="busy")


class TestWindow:
    def test_every_length_and_break_from_the_windows_start(self) -> None:
        spaced = rule("09:05-12:00", break_duration=mins(15))
        assert starts(ask(spaced)) == ["09:05", "09:50", "10:35", "11:20"]

    def test_the_break_need_not_fit_after_the_last_slot(self) -> None:
        assert starts(ask(rule("09:00-10:15", break_duration=mins(15)))) == ["09:00", "09:45"]

    def test_an_explicit_step_is_the_whole_distance(self) -> None:
        stepped = rule("09:00-10:00", break_duration=mins(15), step=mins(10))
        assert starts(ask(stepped)) == ["09:00", "09:10", "09:20", "09:30"]
        wide = rule("09:00-12:00", step=mins(50))
        assert starts(ask(wide)) == ["09:00", "09:50", "10:40", "11:30"]

    def test_it_restarts_at_each_window(self) -> None:
        two = rule(["09:00-10:10", "10:20-11:00"], slot_duration=mins(20))
        assert starts(ask(two)) == ["09:00", "09:20", "09:40", "10:20", "10:40"]

    def test_it_restarts_after_a_break_of_the_hours(self) -> None:
        lunch = rule("09:00-13:00", breaks="11:10-11:25", slot_duration=mins(40))
        assert starts(ask(lunch)) == ["09:00", "09:40", "10:20", "11:25", "12:05"]

    def test_windows_of_a_rule_that_touch_on_one_date_are_one(self) -> None:
        two = rule(["09:00-10:00", "10:00-11:20"], slot_duration=mins(40))
        assert starts(ask(two)) == ["09:00", "09:40", "10:20"]

    def test_windows_of_two_rules_that_touch_are_two(self) -> None:
        two = [rule("09:00-10:00", id="a"), rule("10:00-11:20", id="b")]
        found = starts(ask(*two, type=visit(40)))
        assert found == ["09:00", "09:40", "10:00", "10:40"]

    def test_windows_of_two_dates_that_touch_are_two(self) -> None:
        # 1440 is no multiple of 50: each date starts anew at its midnight.
        nights = ask(rule("00:00-24:00"), type=visit(50))
        assert starts(nights)[:2] == ["00:00", "00:50"]
        assert starts(nights)[-1] == "23:20", "which ends on the next date"
        assert starts(nights, NEXT)[:2] == ["00:00", "00:50"]

    @pytest.mark.parametrize(
        "taking",
        [
            [closed(hours="09:10-09:20")],
            [blocking("09:10-09:20")],
            [extra("09:10-09:20", capacity=7)],
        ],
    )
    def test_what_takes_time_away_never_moves_it(self, taking: list[object]) -> None:
        assert starts(ask(rule(), *taking)) == every("09:30", "11:30", 30)  # type: ignore[arg-type]

    def test_bookings_never_move_it(self) -> None:
        inquiry = ask(rule(), claims=[busy("09:10", "09:20"), busy("10:00", "10:01")])
        assert starts(inquiry) == ["09:30", *every("10:30", "11:30", 30)]

    def test_a_query_never_moves_it(self) -> None:
        for low in ("09:01", "09:15", "09:29", "09:30"):
            found = times(ask(rule()), f"{DAY} {low}", f"{DAY} 10:31", NY)
            assert found == ["09:30", "10:00", "10:30"]

    def test_a_slot_belongs_to_a_query_by_its_start(self) -> None:
        assert times(ask(rule()), f"{DAY} 09:00", f"{DAY} 09:30", NY) == ["09:00"]
        assert times(ask(rule()), f"{DAY} 09:00", f"{DAY} 09:31", NY) == ["09:00", "09:30"]
        assert times(ask(rule()), f"{DAY} 09:00", f"{DAY} 09:00", NY) == []

    def test_seconds_of_a_query_never_let_an_earlier_start_in(self) -> None:
        low, high = f"{DAY} 09:00:00.000001", f"{DAY} 10:00:00.000001"
        assert times(ask(rule()), low, high, NY) == ["09:30", "10:00"]

    def test_elapsed_time_on_days_of_25_and_23_hours(self) -> None:
        assert utc(ask(on(FOLD, "00:00-04:00")), FOLD) == every("04:00", "08:30", 30)
        assert utc(ask(on(GAP, "00:00-04:00")), GAP) == every("05:00", "07:30", 30)
        # 40 minutes do not fit an hour: the repeated hour does not restart the count.
        expected = ["04:00", "04:40", "05:20", "06:00", "06:40", "07:20", "08:00"]
        assert utc(ask(on(FOLD, "00:00-04:00"), type=visit(40)), FOLD) == expected

    def test_off_the_grid_is_refused_with_the_neighbours_on_it(self) -> None:
        inquiry = ask(rule())
        (refused,) = refusals(inquiry, minute(f"{DAY} 10:10", NY))
        assert refused.reason is Reason.OFF_GRID
        assert "10:00" in refused.message or "10:30" in refused.message


class TestClock:
    def test_wherever_the_clock_shows_a_multiple(self) -> None:
        inquiry = ask(rule("09:05-11:00"), type=clock(20))
        assert starts(inquiry) == ["09:20", "09:40", "10:00", "10:20"]

    def test_an_offset(self) -> None:
        assert starts(ask(rule(), type=clock(60, 25))) == ["09:25", "10:25", "11:25"]

    def test_breaks_and_length_are_of_no_matter_to_it(self) -> None:
        spaced = rule("09:00-11:00", break_duration=mins(17))
        assert starts(ask(spaced, type=clock(15, length=45))) == every("09:00", "10:15", 15)

    def test_it_restarts_each_local_date(self) -> None:
        # 1440 is no multiple of 50: the last start of the 4th is 23:20.
        night = ask(on(DAY, "22:00-02:00 overnight"), type=clock(50))
        assert starts(night) == ["22:30", "23:20"]
        assert starts(night, NEXT) == ["00:00", "00:50"]

    def test_a_skipped_time_gives_no_start(self) -> None:
        inquiry = ask(on(GAP, "00:00-05:00"), type=clock(30, 15))
        # 00:15, 00:45, 01:15 and 01:45 EST, then 03:15, 03:45 and 04:15 EDT
        assert utc(inquiry, GAP) == every("05:15", "08:15", 30)
        assert starts(inquiry, GAP)[3:5] == ["01:45", "03:15"]

    def test_a_multiple_within_the_gap_is_gone(self) -> None:
        inquiry = ask(on(GAP, "00:00-06:00"), type=clock(120))
        assert starts(inquiry, GAP) == ["00:00", "04:00"]
        assert utc(inquiry, GAP) == ["05:00", "08:00"]

    def test_a_repeated_time_gives_two(self) -> None:
        inquiry = ask(on(FOLD, "00:00-03:00"), type=clock(60, 30))
        assert starts(inquiry, FOLD) == ["00:30", "01:30", "01:30", "02:30"]
        assert utc(inquiry, FOLD) == ["04:30", "05:30", "06:30", "07:30"]

    def test_half_an_hour_repeated(self) -> None:
        # Lord Howe shows 01:30-02:00 twice on 5 April 2026; 02:00 +11:00 is 15:00 UTC.
        inquiry = ask(
            on(date(2026, 4, 5), "01:00-03:00", timezone="Australia/Lord_Howe"),
            type=clock(60, 45, length=15),
        )
        assert utc(inquiry, date(2026, 4, 4)) == ["14:45", "15:15", "16:15"]

    def test_quarters_of_an_hour_from_utc(self) -> None:
        # Kathmandu is 5:45 ahead: its full hours lie at :15 UTC.
        inquiry = ask(on(DAY, "09:10-12:00", timezone="Asia/Kathmandu"), type=clock(60))
        assert utc(inquiry) == ["04:15", "05:15"]

    def test_the_wall_is_that_of_the_hours(self) -> None:
        inquiry = ask(on(DAY, "09:00-10:00", timezone="Asia/Kathmandu"), type=clock(30))
        assert starts(inquiry, date(2026, 2, 3)) == ["22:15", "22:45"]

    def test_bookings_and_closures_take_away_and_never_move(self) -> None:
        inquiry = ask(
            rule(), closed(hours="09:10-09:20"), type=clock(30), claims=[busy("10:10", "10:11")]
        )
        assert starts(inquiry) == ["09:30", *every("10:30", "11:30", 30)]

    def test_a_start_may_cross_into_a_window_that_touches(self) -> None:
        two = [rule("09:00-10:10", id="a"), rule("10:10-11:00", id="b")]
        assert starts(ask(*two, type=clock(30))) == every("09:00", "10:30", 30)


class TestPacked:
    def test_back_to_back_from_the_start_of_each_window(self) -> None:
        two = rule(["09:07-10:10", "11:00-12:00"])
        assert starts(ask(two, type=packed())) == ["09:07", "09:37", "11:00", "11:30"]

    def test_every_length_and_break(self) -> None:
        spaced = rule("09:00-11:00", break_duration=mins(10))
        assert starts(ask(spaced, type=packed())) == ["09:00", "09:40", "10:20"]

    def test_it_starts_anew_after_what_is_taken(self) -> None:
        inquiry = ask(rule(), type=packed(), claims=[busy("09:40", "10:05")])
        assert starts(inquiry) == ["09:00", "10:05", "10:35", "11:05"]

    def test_too_short_a_gap_is_passed_over(self) -> None:
        inquiry = ask(
            rule(), type=packed(), claims=[busy("09:29", "09:40"), busy("10:09", "10:20")]
        )
        assert starts(inquiry) == every("10:20", "11:20", 30)

    def test_from_the_first_minute_where_the_whole_claim_is_free(self) -> None:
        # Ten minutes before and five after must be free of claims, though not within hours.
        buffered = packed(buffer_before=mins(10), buffer_after=mins(5))
        inquiry = ask(rule(), type=buffered, claims=[busy("09:40", "10:00")])
        assert starts(inquiry) == ["09:00", "10:10", "10:40", "11:10"]
        inquiry = ask(rule(), type=buffered, claims=[busy("09:34", "10:00")])
        assert starts(inquiry) == ["10:10", "10:40", "11:10"]
        inquiry = ask(rule(), type=buffered, claims=[busy("08:00", "08:55")])
        assert starts(inquiry)[0] == "09:05"

    def test_on_every_needed_resource(self) -> None:
        scan = packed(needs=[Need.room("r1", before=mins(5))])
        inquiry = ask(
            rule(),
            type=scan,
            rooms=[Room(id="r1", location="main")],
            claims=[busy("09:00", "09:20", room("r1")), busy("10:30", "10:40")],
        )
        # from 09:25 on the room and its buffer are free; from 10:40 on the provider
        assert starts(inquiry) == ["09:25", "09:55", "10:40", "11:10"]

    def test_what_others_take_moves_it_and_is_told(self) -> None:
        inquiry = ask(rule(), type=packed(), claims=[busy("09:00", "09:10")])
        assert starts(inquiry)[0] == "09:10"
        (refused,) = refusals(inquiry, minute(f"{DAY} 09:30", NY))
        assert refused.reason is Reason.OFF_GRID
        assert "09:40" in refused.message

    def test_the_patients_own_time_takes_away(self) -> None:
        inquiry = ask(
            rule(), type=packed(), patient="ada", claims=[busy("09:00", "09:10", patient("ada"))]
        )
        assert not {"09:00", "09:05"} & set(starts(inquiry))

    def test_elapsed_time_over_a_change(self) -> None:
        assert utc(ask(on(FOLD, "00:00-04:00"), type=packed(40)), FOLD) == [
            "04:00",
            "04:40",
            "05:20",
            "06:00",
            "06:40",
            "07:20",
            "08:00",
        ]

    def test_windows_that_a_skipped_break_leaves_touching_are_one(self) -> None:
        # 00:00-02:00 EST and 03:00-06:00 EDT: 05:00-10:00 UTC.
        cut = on(GAP, "00:00-06:00", breaks="02:00-03:00")
        inquiry = ask(cut, type=packed(50))
        assert utc(inquiry, GAP) == every("05:00", "09:10", 50)
        (refused,) = refusals(inquiry, minute(f"{GAP} 07:00"))
        assert refused.reason is Reason.OFF_GRID
        assert "01:40" in refused.message
        assert "03:30" in refused.message

    def test_windows_that_only_a_cut_makes_touch_are_two(self) -> None:
        # 02:00 +10:00 becomes 03:00 +11:00 at 16:00 UTC, so that 02:15-02:30 is 16:15-16:30 UTC
        # and 03:15-12:00, from 16:15 too, is left 16:30-01:00: both begin at one instant.
        day = date(1991, 10, 27)
        hours = on(day, "02:15-12:00", breaks="02:30-03:15", timezone="Australia/Lindeman")
        expected = ["16:15", *every("16:30", "23:30", 60)]
        assert utc(ask(hours, type=packed(60)), date(1991, 10, 26)) == expected

    def test_a_query_never_moves_it(self) -> None:
        inquiry = ask(rule(), type=packed(), claims=[busy("09:00", "09:10")])
        assert times(inquiry, f"{DAY} 09:30", f"{DAY} 10:15", NY) == ["09:40", "10:10"]

    def test_a_claim_far_before_the_query_still_moves_it(self) -> None:
        day_long = on(DAY, "00:00-24:00")
        inquiry = ask(day_long, type=packed(), claims=[busy("00:00", "00:07")])
        assert times(inquiry, f"{DAY} 22:00", f"{DAY} 23:00", NY) == ["22:07", "22:37"]

    def test_a_claim_may_begin_before_the_window(self) -> None:
        inquiry = ask(rule(), type=packed(), claims=[busy("07:00", "09:11")])
        assert starts(inquiry)[0] == "09:11"


class TestLengths:
    def test_a_type_longer_than_a_window_has_no_start(self) -> None:
        for grid in (Grid.window(), Grid.clock(mins(30)), Grid.packed()):
            inquiry = ask(rule("09:00-10:00"), type=visit(61, grid=grid))
            assert starts(inquiry) == []

    def test_a_length_of_days_crosses_dates(self) -> None:
        stay = visit(3 * 24 * 60)
        week = rule("00:00-24:00", days="MO-FR", start=date(2026, 2, 2))
        inquiry = ask(week, type=stay)
        # Monday to Friday: three days fit from Monday, Tuesday and Wednesday.
        found = listing(inquiry, at("2026-02-02 00:00", NY), at("2026-02-09 00:00", NY))
        assert [slot.date.day for slot in found] == [2, 3, 4]

    def test_a_narrow_query_sees_as_far_as_the_slot_reaches(self) -> None:
        stay = visit(7 * 24 * 60)
        for days, found in ((7, ["00:00"]), (6, [])):
            first = date(2026, 2, 2)
            inquiry = ask(
                *(on(first + timedelta(n), "00:00-24:00", id=f"{n}") for n in range(days)),
                type=stay,
            )
            assert times(inquiry, "2026-02-02 00:00", "2026-02-02 00:01", NY) == found

    def test_a_narrow_query_sees_as_far_as_the_buffers_reach(self) -> None:
        long = visit(
            30,
            buffer_before=timedelta(days=7),
            buffer_after=timedelta(days=7),
            buffers_within_hours=True,
        )
        for first, last, found in ((1, 16, ["00:00"]), (2, 16, []), (1, 15, [])):
            hours = [on(date(2026, 2, n), "00:00-24:00", id=f"{n}") for n in range(first, last)]
            inquiry = ask(*hours, type=long)
            assert times(inquiry, "2026-02-08 00:00", "2026-02-08 00:01", NY) == found

    def test_why_a_start_on_no_grid_is_refused(self) -> None:
        assert reasons(ask(rule(), type=clock(30)), f"{DAY} 09:10") == {Reason.OFF_GRID}
        assert reasons(ask(rule(), type=packed()), f"{DAY} 09:10") == {Reason.OFF_GRID}

    def test_grids_are_compared_by_value(self) -> None:
        assert attrs.evolve(Grid.clock(mins(30)), offset=mins(5)) == Grid.clock(
            mins(30), offset=mins(5)
        )
