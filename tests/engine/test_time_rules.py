"""How soon and how far ahead: filters on starts that never restart a grid."""

from __future__ import annotations

from datetime import date, timedelta

import attrs
import pytest
from tests.engine.kit import (
    DAY,
    GAP,
    NY,
    SMITH,
    TOKYO,
    ask,
    at,
    every,
    listing,
    mins,
    minute,
    reasons,
    rule,
    starts,
    visit,
)

from medsched.domain.appointment_types import Grid
from medsched.domain.people import Travel
from medsched.domain.requests import Reason
from medsched.engine.verdict import refusals

EIGHT = at(f"{DAY} 08:00", NY)
SECOND = timedelta(seconds=1)
HOURS = rule("00:00-24:00")


def first(notice: timedelta, now: timedelta = timedelta(0)) -> str:
    """The first of the starts of every minute."""
    each = rule("00:00-24:00", step=mins(1))
    return starts(ask(each, type=visit(notice=notice), now=EIGHT + now))[0]


def last_of(type_fields: dict[str, object], now: timedelta = timedelta(0)) -> str:
    each = rule("00:00-24:00", step=mins(1))
    inquiry = ask(each, type=visit(**type_fields), now=EIGHT + now)  # type: ignore[arg-type]
    return f"{listing(inquiry, EIGHT, EIGHT + timedelta(days=3))[-1].local_start:%d %H:%M}"


class TestNotice:
    def test_without_a_now_there_are_no_rules_of_time(self) -> None:
        assert len(starts(ask(HOURS, type=visit(notice=mins(600), days_ahead=0)))) == 48

    def test_a_start_may_be_now_and_not_before(self) -> None:
        assert first(timedelta(0)) == "08:00"
        assert reasons(ask(HOURS, now=EIGHT + mins(1)), f"{DAY} 08:00") == {Reason.TOO_SOON}

    def test_a_start_may_be_as_soon_as_the_notice(self) -> None:
        assert first(mins(60)) == "09:00"

    @pytest.mark.parametrize("now", [SECOND, timedelta(microseconds=1), timedelta(seconds=59)])
    def test_now_and_notice_round_up(self, now: timedelta) -> None:
        assert first(timedelta(0), now) == "08:01"
        assert first(mins(60), now) == "09:01"

    def test_it_filters_and_never_restarts_the_grid(self) -> None:
        now = EIGHT + timedelta(minutes=10)
        assert starts(ask(HOURS, now=now))[:2] == ["08:30", "09:00"]
        hourly = visit(60, notice=mins(7))
        assert starts(ask(rule("07:15-12:00"), type=hourly, now=now))[:2] == ["09:15", "10:15"]

    def test_that_of_type_and_that_of_provider_both_count(self) -> None:
        for of_type, of_provider in ((60, 120), (120, 60)):
            inquiry = ask(
                HOURS,
                type=visit(notice=mins(of_type)),
                provider=attrs.evolve(SMITH, notice=mins(of_provider)),
                now=EIGHT,
            )
            assert starts(inquiry)[0] == "10:00"

    def test_it_is_elapsed_time(self) -> None:
        # 24 hours after noon on the eve of a day of 23 hours is 13:00.
        inquiry = ask(HOURS, type=visit(notice=timedelta(days=1)), now=at("2026-03-07 12:00", NY))
        assert starts(inquiry, GAP)[0] == "13:00"

    def test_packed_starts_count_from_the_window_all_the_same(self) -> None:
        inquiry = ask(rule(), type=visit(grid=Grid.packed()), now=at(f"{DAY} 09:10", NY))
        assert starts(inquiry) == every("09:30", "11:30", 30)

    def test_far_behind(self) -> None:
        inquiry = ask(HOURS, type=visit(notice=timedelta(days=36_525)), now=EIGHT)
        assert starts(inquiry) == []
        assert reasons(inquiry, f"{DAY} 09:00") == {Reason.TOO_SOON}


class TestFurthestAhead:
    def test_a_start_may_be_just_so_far(self) -> None:
        assert last_of({"furthest_ahead": timedelta(hours=2)}) == "04 10:00"
        inquiry = ask(HOURS, type=visit(furthest_ahead=timedelta(hours=2)), now=EIGHT)
        assert reasons(inquiry, f"{DAY} 10:30") == {Reason.TOO_FAR}

    def test_seconds_of_now(self) -> None:
        # 08:00:59 and two hours are 10:00:59: 10:00 is not too far, 10:01 is.
        assert last_of({"furthest_ahead": timedelta(hours=2)}, 59 * SECOND) == "04 10:00"

    def test_it_is_elapsed_time(self) -> None:
        inquiry = ask(
            HOURS, type=visit(furthest_ahead=timedelta(days=1)), now=at("2026-03-07 12:00", NY)
        )
        assert starts(inquiry, GAP)[-1] == "13:00"

    def test_that_of_type_and_that_of_provider_both_count(self) -> None:
        for of_type, of_provider in ((60, 120), (120, 60)):
            inquiry = ask(
                HOURS,
                type=visit(furthest_ahead=mins(of_type)),
                provider=attrs.evolve(SMITH, furthest_ahead=mins(of_provider)),
                now=EIGHT,
            )
            assert starts(inquiry) == ["08:00", "08:30", "09:00"]

    def test_a_century_from_the_last_year_on_is_no_error(self) -> None:
        far = ask(
            rule("09:00-10:00", start=date(9998, 1, 1)),
            type=visit(furthest_ahead=timedelta(days=36_525), notice=timedelta(days=300)),
            now=at("9998-06-01 00:00"),
        )
        assert starts(far, date(9998, 6, 2)) == []
        assert reasons(far, "9998-06-02 09:00") == {Reason.TOO_SOON}


class TestDaysAhead:
    @pytest.mark.parametrize("days, last", [(0, "04 23:30"), (1, "05 23:30"), (2, "06 23:30")])
    def test_the_last_date_counts_whole(self, days: int, last: str) -> None:
        inquiry = ask(HOURS, type=visit(days_ahead=days), now=EIGHT)
        found = listing(inquiry, EIGHT, EIGHT + timedelta(days=5))
        assert f"{found[-1].local_start:%d %H:%M}" == last

    def test_dates_are_the_providers(self) -> None:
        # 03:00 UTC on the 5th is still the 4th in New York.
        inquiry = ask(HOURS, type=visit(days_ahead=0), now=at("2026-02-05 03:00"))
        found = listing(inquiry, at("2026-02-05 03:00"), at("2026-02-07 03:00"))
        assert [f"{slot.start:%d %H:%M}" for slot in found] == [
            f"05 {time}" for time in every("03:00", "04:30", 30)
        ]

    def test_not_those_of_the_hours(self) -> None:
        # The hours are in Tokyo's time, the provider at home in New York.
        inquiry = ask(rule("00:00-24:00", timezone=TOKYO), type=visit(60, days_ahead=0), now=EIGHT)
        assert starts(inquiry)[-1] == "23:00"
        assert starts(inquiry, date(2026, 2, 5)) == []

    def test_a_traveller_counts_the_dates_of_the_place(self) -> None:
        # In Tokyo, 08:00 in New York is 22:00 on the 4th: two hours are left of that date.
        away = attrs.evolve(SMITH, travels=[Travel(TOKYO, date(2026, 2, 1), date(2026, 2, 20))])
        each = rule("00:00-24:00", timezone="UTC")
        inquiry = ask(each, type=visit(days_ahead=0), provider=away, now=EIGHT)
        found = listing(inquiry, EIGHT, EIGHT + timedelta(days=2))
        assert [f"{slot.start:%H:%M}" for slot in found] == every("13:00", "14:30", 30)

    def test_the_last_date_ends_where_the_provider_is_then(self) -> None:
        # Today in New York is the 4th. The 5th is spent in Tokyo and ends there, 15:00 UTC.
        away = attrs.evolve(SMITH, travels=[Travel(TOKYO, date(2026, 2, 5), date(2026, 2, 20))])
        each = rule("00:00-24:00", timezone="UTC")
        inquiry = ask(each, type=visit(days_ahead=1), provider=away, now=EIGHT)
        found = listing(inquiry, EIGHT, EIGHT + timedelta(days=4))
        assert f"{found[-1].start:%d %H:%M}" == "05 14:30"

    def test_a_date_of_25_hours_is_whole(self) -> None:
        inquiry = ask(
            rule("00:00-24:00"), type=visit(60, days_ahead=0), now=at("2026-11-01 00:00", NY)
        )
        found = listing(inquiry, at("2026-11-01 00:00", NY), at("2026-11-03 00:00", NY))
        assert len(found) == 25

    def test_that_of_type_and_that_of_provider_both_count(self) -> None:
        for of_type, of_provider in ((0, 1), (1, 0)):
            inquiry = ask(
                HOURS,
                type=visit(days_ahead=of_type),
                provider=attrs.evolve(SMITH, days_ahead=of_provider),
                now=EIGHT,
            )
            assert starts(inquiry, date(2026, 2, 5)) == []

    def test_before_the_end_of_the_world(self) -> None:
        inquiry = ask(
            rule("09:00-10:00", start=date(9998, 1, 1)),
            type=visit(days_ahead=36_525),
            now=at("9998-12-30 00:00"),
        )
        assert starts(inquiry, date(9998, 12, 30)) == ["09:00", "09:30"]


def test_both_bounds_are_told_with_what_they_are() -> None:
    inquiry = ask(HOURS, type=visit(notice=mins(90), furthest_ahead=timedelta(days=1)), now=EIGHT)
    (soon,) = refusals(inquiry, minute(f"{DAY} 09:00", NY))
    assert soon.reason is Reason.TOO_SOON
    assert soon.message
    (far,) = refusals(inquiry, minute("2026-02-06 09:00", NY))
    assert far.reason is Reason.TOO_FAR
    assert far.message != soon.message
