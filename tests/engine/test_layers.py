"""Layers: at any instant the highest one that covers it decides; priority only within one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from itertools import permutations
from typing import Any

import attrs
import pytest
from tests.engine.kit import (
    DAY,
    FOLD,
    GAP,
    NY,
    PRACTICE,
    SMITH,
    TOKYO,
    Item,
    ask,
    at,
    blocking,
    closed,
    dated,
    every,
    extra,
    listing,
    location,
    mins,
    night,
    on,
    replaced,
    room,
    rule,
    starts,
    times,
    utc,
    visit,
)

from medsched.domain.appointment_types import Grid, Need, Pricing
from medsched.domain.availability import Override, RecurringBlocking
from medsched.domain.people import Travel
from medsched.domain.places import Location, Room
from medsched.domain.records import Resource
from medsched.timeline.recurrence import Recurrence

NEXT = date(2026, 2, 5)
AT_MAIN = attrs.evolve(SMITH, location="main")
PLACES = [Location(id="main"), Location(id="annex")]


class TestRules:
    def test_two_rules_open_both_their_hours(self) -> None:
        both = [rule("09:00-10:00", id="a"), rule("13:00-14:00", id="b")]
        assert starts(ask(*both)) == ["09:00", "09:30", "13:00", "13:30"]

    def test_a_slot_may_cross_rules_that_touch_and_offer_the_same(self) -> None:
        both = [rule("09:00-10:30", id="a"), rule("10:30-12:00", id="b")]
        assert starts(ask(*both, type=visit(60))) == ["09:00", "10:00", "10:30"]

    @pytest.mark.parametrize(
        "other",
        [
            {"location": "annex"},
            {"types": {"visit"}},
            {"capacity": 2},
            {"slot_duration": mins(60)},
            {"break_duration": mins(10)},
            {"pricing": Pricing(base_fee=5)},
            {"special_requirements": {"fasting"}},
        ],
    )
    def test_no_slot_crosses_rules_that_offer_something_else(self, other: dict[str, Any]) -> None:
        both = [rule("09:00-10:30", id="a"), rule("10:30-12:00", id="b", **other)]
        assert starts(ask(*both, type=visit(60))) == ["09:00", "10:30"]

    def test_the_main_place_stated_or_not_is_the_same_offer(self) -> None:
        both = [rule("09:00-10:30", id="a"), rule("10:30-12:00", id="b", location="main")]
        inquiry = ask(*both, type=visit(60), provider=AT_MAIN, locations=PLACES)
        assert starts(inquiry) == ["09:00", "10:00", "10:30"]

    def test_no_slot_crosses_a_minute_between_rules(self) -> None:
        both = [rule("09:00-10:30", id="a"), rule("10:31-12:00", id="b")]
        assert starts(ask(*both, type=visit(60))) == ["09:00", "10:31"]


class TestPracticeAndLocation:
    """Layer 2 only closes."""

    def test_opening_hours_of_the_practice_bind(self) -> None:
        opening = rule("10:00-11:00", id="opening", of=PRACTICE)
        assert starts(ask(rule("09:00-12:00"), opening, timezone=NY)) == ["10:00", "10:30"]

    def test_opening_hours_open_nothing_by_themselves(self) -> None:
        opening = rule("08:00-20:00", id="opening", of=PRACTICE)
        assert starts(ask(rule("09:00-10:00"), opening, timezone=NY)) == ["09:00", "09:30"]

    def test_opening_hours_do_not_move_the_grid(self) -> None:
        opening = rule("10:10-12:00", id="opening", of=PRACTICE)
        inquiry = ask(rule("09:00-12:00"), opening, timezone=NY)
        assert starts(inquiry) == ["10:30", "11:00", "11:30"]

    def test_practice_hours_count_in_the_practices_zone(self) -> None:
        # Tokyo's 00:00-01:00 on the 5th is New York's 10:00-11:00 on the 4th.
        opening = on(NEXT, "00:00-01:00", id="opening", of=PRACTICE)
        assert starts(ask(rule("09:00-12:00"), opening, timezone=TOKYO)) == ["10:00", "10:30"]

    def test_a_holiday_of_the_practice_closes_its_own_local_date(self) -> None:
        # The practice's 5 February begins at 10:00 on the 4th in New York.
        holiday = closed(NEXT, of=PRACTICE)
        assert starts(ask(rule("09:00-12:00"), holiday, timezone=TOKYO)) == ["09:00", "09:30"]

    def test_hours_of_a_place_bind_what_happens_there(self) -> None:
        hours = [
            rule("09:00-10:00", id="a", location="main"),
            rule("10:00-11:00", id="b", location="annex"),
            rule("12:00-13:00", id="place", of=location("annex")),
        ]
        assert starts(ask(*hours, locations=PLACES)) == ["09:00", "09:30"]

    def test_hours_of_the_main_place_bind_what_states_none(self) -> None:
        hours = [rule("09:00-12:00"), rule("10:00-11:00", id="place", of=location("main"))]
        inquiry = ask(*hours, provider=AT_MAIN, locations=PLACES)
        assert starts(inquiry) == ["10:00", "10:30"]

    def test_hours_of_a_place_count_in_its_zone(self) -> None:
        place = on(NEXT, "00:00-01:00", id="place", of=location("annex"))
        inquiry = ask(
            rule("09:00-12:00", location="annex", timezone=NY),
            place,
            locations=[Location(id="annex", timezone=TOKYO)],
        )
        assert starts(inquiry) == ["10:00", "10:30"]

    def test_a_place_may_close(self) -> None:
        gone = closed(of=location("annex"), hours="09:30-10:30")
        hours = [rule("09:00-11:00", location="annex"), gone]
        assert starts(ask(*hours, locations=PLACES)) == ["09:00", "10:30"]
        elsewhere = [rule("09:00-11:00", location="main"), gone]
        assert len(starts(ask(*elsewhere, locations=PLACES))) == 4

    def test_a_slot_that_reaches_into_a_closure_is_gone(self) -> None:
        minute_off = closed(of=PRACTICE, hours="09:59-10:00")
        assert starts(ask(rule(), minute_off, timezone=NY)) == [
            "09:00",
            *every("10:00", "11:30", 30),
        ]

    def test_whole_dates_are_whole_on_days_of_23_and_25_hours(self) -> None:
        for day, hours in ((GAP, 23), (FOLD, 25)):
            opened = rule("00:00-24:00", start=date(2026, 1, 1))
            around = [
                listing(
                    ask(opened, *closures, type=visit(60), timezone=NY),
                    at(f"{day} 00:00", NY) - mins(24 * 60),
                    at(f"{day} 00:00", NY) + mins(49 * 60),
                )
                for closures in ([], [closed(day, of=PRACTICE)], [closed(day)])
            ]
            assert len(around[0]) - len(around[1]) == hours
            assert len(around[0]) - len(around[2]) == hours

    def test_closures_of_one_layer_add_up(self) -> None:
        shut = [
            closed(of=PRACTICE, id="a", hours="09:00-10:00", priority=5),
            closed(of=PRACTICE, id="b", hours="11:00-12:00", priority=-5),
        ]
        assert starts(ask(rule(), *shut, timezone=NY)) == ["10:00", "10:30"]

    def test_a_closure_rounds_outward(self) -> None:
        shut = closed(hours="09:59:59-10:30:01")
        assert starts(ask(rule("09:00-12:00", slot_duration=mins(15)), shut)) == [
            *every("09:00", "09:30", 15),
            *every("10:45", "11:45", 15),
        ]

    def test_closures_past_midnight(self) -> None:
        shut = closed(hours="23:00-01:00 overnight")
        hours = on(DAY, "22:00-02:00 overnight")
        assert times(ask(hours, shut), "2026-02-04 00:00", "2026-02-06 00:00", NY) == [
            "22:00",
            "22:30",
            "01:00",
            "01:30",
        ]


class TestRecurringBlockings:
    @pytest.mark.parametrize("of", ["smith", PRACTICE, location("main")])
    def test_they_close_whoever_they_belong_to(self, of: str) -> None:
        meeting = blocking("10:00-10:30", of=of)
        inquiry = ask(rule(), meeting, provider=AT_MAIN, locations=PLACES, timezone=NY)
        assert starts(inquiry) == ["09:00", "09:30", *every("10:30", "11:30", 30)]

    def test_one_at_another_place_closes_nothing_here(self) -> None:
        meeting = blocking("10:00-10:30", of=location("annex"))
        assert len(starts(ask(rule(), meeting, provider=AT_MAIN, locations=PLACES))) == 6

    def test_they_may_name_types(self) -> None:
        meeting = blocking("10:00-10:30", types={"procedure"})
        assert len(starts(ask(rule(), meeting))) == 6
        assert "10:00" not in starts(ask(rule(), meeting, type=visit(code="procedure")))

    def test_extra_hours_open_even_then(self) -> None:
        found = starts(ask(rule(), blocking("09:30-11:30"), extra("10:00-11:00")))
        assert found == ["09:00", "10:00", "10:30", "11:30"]

    def test_they_keep_their_zone_and_their_validity(self) -> None:
        # 15:00-15:30 UTC is 10:00-10:30 in New York.
        there = blocking("15:00-15:30", timezone="UTC", valid_from=DAY, valid_to=DAY)
        assert "10:00" not in starts(ask(rule(), there))
        assert len(starts(ask(rule(), there), NEXT)) == 6
        assert len(starts(ask(rule(), there), date(2026, 2, 3))) == 6

    def test_they_round_outward_and_pass_midnight(self) -> None:
        hours = on(DAY, "22:00-02:00 overnight")
        shut = blocking("23:29:59-00:29:01 overnight")
        assert times(ask(hours, shut), "2026-02-04 12:00", "2026-02-05 12:00", NY) == [
            "22:00",
            "22:30",
            "00:30",
            "01:00",
            "01:30",
        ]


class TestExtraHours:
    def test_they_open_where_nothing_was(self) -> None:
        assert starts(ask(rule(), extra("18:00-19:00")))[-2:] == ["18:00", "18:30"]
        assert starts(ask(extra("18:00-19:00"))) == ["18:00", "18:30"]

    def test_they_open_on_a_holiday(self) -> None:
        shut = closed(of=PRACTICE)
        assert starts(ask(rule(), shut, extra("10:00-11:00"), timezone=NY)) == ["10:00", "10:30"]

    def test_they_open_outside_the_hours_of_practice_and_place(self) -> None:
        hours = [
            rule(),
            rule("08:00-09:00", id="opening", of=PRACTICE),
            rule("08:00-09:00", id="place", of=location("main")),
            extra("10:00-11:00"),
        ]
        inquiry = ask(*hours, provider=AT_MAIN, locations=PLACES, timezone=NY)
        assert starts(inquiry) == ["10:00", "10:30"]

    def test_they_are_given_on_each_date_of_the_span(self) -> None:
        two = extra("18:00-18:30", last=NEXT)
        assert [
            starts(ask(two), day) for day in (date(2026, 2, 3), DAY, NEXT, date(2026, 2, 6))
        ] == [
            [],
            ["18:00"],
            ["18:00"],
            [],
        ]

    def test_with_the_same_offer_they_change_nothing_of_open_time(self) -> None:
        # From 11:00 the rule stays, with its own grid; the hour after it is extra.
        inquiry = ask(rule(), extra("11:00-13:00"), type=visit(45))
        assert starts(inquiry) == ["09:00", "09:45", "10:30", "11:15"]
        inquiry = ask(rule(), extra("11:00-13:00"), type=visit(40))
        assert starts(inquiry) == ["09:00", "09:40", "10:20", "11:00", "11:40", "12:20"]

    def test_within_open_time_of_the_same_offer_they_say_nothing(self) -> None:
        assert starts(ask(rule(), extra("10:10-11:10"))) == starts(ask(rule()))
        found = listing(ask(rule(), extra("10:10-11:10")), at(f"{DAY} 00:00"), at(f"{NEXT} 00:00"))
        assert {slot.opened_by for slot in found} == {"rule"}

    def test_with_another_offer_they_win(self) -> None:
        inquiry = ask(rule(), extra("10:15-11:15", location="annex"), locations=PLACES)
        found = listing(inquiry, at(f"{DAY} 00:00", NY), at(f"{NEXT} 00:00", NY))
        assert [(f"{slot.local_start:%H:%M}", slot.location) for slot in found] == [
            ("09:00", None),
            ("09:30", None),
            ("10:15", "annex"),
            ("10:45", "annex"),
            ("11:30", None),
        ]

    def test_with_types_of_their_own_they_win_over_open_time(self) -> None:
        only = extra("10:00-11:00", types={"procedure"})
        assert starts(ask(rule(), only)) == ["09:00", "09:30", "11:00", "11:30"]
        procedure = starts(ask(rule(), only, type=visit(code="procedure")))
        assert procedure == every("09:00", "11:30", 30)

    def test_they_have_breaks_and_offers_of_their_own(self) -> None:
        evening = extra("18:00-20:00", breaks="18:40-19:00", slot_duration=mins(20))
        assert starts(ask(evening)) == ["18:00", "18:20", "19:00", "19:20", "19:40"]

    def test_overnight(self) -> None:
        late = ask(extra("23:00-01:00 overnight"))
        assert starts(late) == ["23:00", "23:30"]
        assert starts(late, NEXT) == ["00:00", "00:30"]

    def test_the_higher_priority_wins_among_them(self) -> None:
        low = extra("10:00-12:00", id="a", location="main", priority=1)
        high = extra("11:00-13:00", id="b", location="annex", priority=2)
        for items in ([low, high], [high, low]):
            found = listing(
                ask(*items, locations=PLACES), at(f"{DAY} 00:00", NY), at(f"{NEXT} 00:00", NY)
            )
            assert [(f"{slot.local_start:%H:%M}", slot.location) for slot in found] == [
                ("10:00", "main"),
                ("10:30", "main"),
                ("11:00", "annex"),
                ("11:30", "annex"),
                ("12:00", "annex"),
                ("12:30", "annex"),
            ]

    def test_they_may_keep_a_zone_of_their_own(self) -> None:
        assert utc(ask(extra("09:00-10:00", timezone=TOKYO))) == ["00:00", "00:30"]


class TestReplacedHours:
    def test_they_close_their_date_and_open_their_own(self) -> None:
        changed = ask(rule(), replaced("14:00-15:00"))
        assert starts(changed) == ["14:00", "14:30"]
        assert starts(changed, NEXT) == every("09:00", "11:30", 30)

    def test_they_win_over_extra_hours(self) -> None:
        items = [
            rule(),
            extra("10:00-11:00", priority=1000),
            replaced("14:00-15:00", priority=-1000),
        ]
        assert starts(ask(*items)) == ["14:00", "14:30"]

    def test_they_open_on_a_holiday_and_outside_opening_hours(self) -> None:
        shut = [closed(of=PRACTICE), rule("09:00-10:00", id="opening", of=PRACTICE)]
        assert starts(ask(rule(), *shut, replaced("14:00-15:00"), timezone=NY)) == [
            "14:00",
            "14:30",
        ]

    def test_they_open_over_a_recurring_blocking(self) -> None:
        meeting = blocking("14:00-15:00")
        assert starts(ask(rule(), meeting, replaced("14:00-15:00"))) == ["14:00", "14:30"]

    def test_for_a_type_they_do_not_name_they_only_close(self) -> None:
        only = replaced("10:00-11:00", types={"procedure"})
        assert starts(ask(rule(), only)) == []
        assert starts(ask(rule(), only, type=visit(code="procedure"))) == ["10:00", "10:30"]

    @pytest.mark.parametrize("ids", ["ab", "ba"])
    def test_a_night_that_reaches_into_the_next_replaced_date_stays(self, ids: str) -> None:
        both = [
            replaced("22:00-02:00 overnight", DAY, id=ids[0]),
            replaced("10:00-11:00", NEXT, id=ids[1]),
        ]
        assert times(ask(rule(), *both), "2026-02-04 00:00", "2026-02-06 00:00", NY) == [
            *every("22:00", "23:30", 30),
            *every("00:00", "01:30", 30),
            "10:00",
            "10:30",
        ]

    def test_they_state_their_own_place(self) -> None:
        moved = replaced("10:00-10:30", location="annex")
        inquiry = ask(rule(location="main"), moved, provider=AT_MAIN, locations=PLACES)
        (slot,) = listing(inquiry, at(f"{DAY} 00:00", NY), at(f"{NEXT} 00:00", NY))
        assert slot.location == "annex"
        stays = ask(rule(location="annex"), replaced("10:00-10:30"), provider=AT_MAIN)
        (slot,) = listing(stays, at(f"{DAY} 00:00", NY), at(f"{NEXT} 00:00", NY))
        assert slot.location == "main", "not the rule's place: the provider's main one"

    def test_the_higher_priority_replaces_the_lower_whole(self) -> None:
        low = replaced("14:00-15:00", date(2026, 2, 3), last=NEXT, id="low", priority=1)
        high = replaced("16:00-17:00", id="high", priority=2)
        for items in ([rule(), low, high], [high, low, rule()]):
            assert starts(ask(*items), date(2026, 2, 3)) == ["14:00", "14:30"]
            assert starts(ask(*items)) == ["16:00", "16:30"]
            assert starts(ask(*items), NEXT) == ["14:00", "14:30"]

    def test_equal_replacements_of_one_date_are_one(self) -> None:
        twins = [replaced("14:00-15:00", id="a"), replaced("14:00-15:00", id="b")]
        assert starts(ask(rule(), *twins)) == ["14:00", "14:30"]

    def test_the_date_is_the_providers_own(self) -> None:
        # A rule in Tokyo's zone at 09:00-12:00 on the 5th is 19:00-22:00 on the 4th here.
        abroad = on(NEXT, "09:00-12:00", timezone=TOKYO)
        assert starts(ask(abroad, replaced("14:00-15:00"))) == ["14:00", "14:30"]
        assert len(starts(ask(abroad, replaced("14:00-15:00", NEXT)))) == 6

    def test_by_instants_they_cut_overnight_windows_and_leave_stubs(self) -> None:
        nights = rule("22:00-02:00 overnight")
        changed = ask(nights, replaced("12:00-13:00"))
        assert dated(changed, "2026-02-03 12:00", "2026-02-06 00:00") == [
            *night(3),
            "04 12:00",
            "04 12:30",
            *night(5, "00:00", "01:30"),  # left of the night that began on the 4th
            *night(5),
        ]

    def test_by_whole_shifts_they_act_on_the_windows_of_their_dates(self) -> None:
        nights = rule("22:00-02:00 overnight")
        changed = ask(nights, replaced("12:00-13:00", whole_shifts=True))
        assert dated(changed, "2026-02-03 12:00", "2026-02-06 00:00") == [
            *night(3),
            *night(4, "00:00", "01:30"),  # of the night that began on the 3rd
            "04 12:00",
            "04 12:30",
            *night(5),
        ]


class TestClosures:
    """Layer 5: time off wins over everything."""

    @pytest.mark.parametrize("priority", [-1000, 0, 1000])
    def test_time_off_wins_over_all_that_opens(self, priority: int) -> None:
        items = [
            rule(),
            extra("10:00-13:00", priority=1000),
            replaced("09:00-17:00", priority=1000),
            closed(priority=priority),
        ]
        assert starts(ask(*items)) == []

    def test_time_off_from_one_date_to_another(self) -> None:
        away = Override.time_off("smith", DAY, NEXT)
        days = [date(2026, 2, 3), DAY, NEXT, date(2026, 2, 6)]
        assert [len(starts(ask(rule(), away), day)) for day in days] == [6, 0, 0, 6]

    def test_only_some_hours(self) -> None:
        assert starts(ask(rule(), closed(hours="10:00-11:00"))) == [
            "09:00",
            "09:30",
            "11:00",
            "11:30",
        ]

    def test_only_some_types(self) -> None:
        afternoon = closed(hours="10:00-24:00", types={"new-patient"})
        assert len(starts(ask(rule(), afternoon))) == 6
        assert starts(ask(rule(), afternoon, type=visit(code="new-patient"))) == ["09:00", "09:30"]

    def test_only_at_a_place(self) -> None:
        hours = [
            rule("09:00-10:00", id="a"),
            rule("10:00-11:00", id="b", location="annex"),
        ]
        for place, left in (("annex", ["09:00", "09:30"]), ("main", ["10:00", "10:30"])):
            inquiry = ask(*hours, closed(location=place), provider=AT_MAIN, locations=PLACES)
            assert starts(inquiry) == left

    def test_by_instants_whole_dates_leave_stubs_of_nights(self) -> None:
        nights = rule("22:00-02:00 overnight")
        assert dated(ask(nights, closed()), "2026-02-03 12:00", "2026-02-05 12:00") == [
            *night(3),
            *night(5, "00:00", "01:30"),
        ]

    def test_by_whole_shifts_they_close_the_nights_that_hang_on_the_date(self) -> None:
        nights = ask(rule("22:00-02:00 overnight"), closed(whole_shifts=True))
        assert dated(nights, "2026-02-03 12:00", "2026-02-05 12:00") == [
            *night(3),
            *night(4, "00:00", "01:30"),  # of the night that began on the 3rd
        ]

    @pytest.mark.parametrize("of", [PRACTICE, location("main")])
    def test_whole_shifts_of_the_practice_and_of_a_place(self, of: Resource) -> None:
        off = closed(of=of, whole_shifts=True)
        nights = ask(rule("22:00-02:00 overnight"), off, provider=AT_MAIN, locations=PLACES)
        assert dated(nights, "2026-02-03 12:00", "2026-02-05 12:00") == [
            *night(3),
            *night(4, "00:00", "01:30"),
        ]

    def test_whole_shifts_of_a_practice_with_hours_of_its_own(self) -> None:
        items = [
            rule("22:00-02:00 overnight"),
            rule("00:00-24:00", id="opening", of=PRACTICE),
            closed(of=PRACTICE, whole_shifts=True),
        ]
        assert dated(ask(*items), "2026-02-03 12:00", "2026-02-05 12:00") == [
            *night(3),
            *night(4, "00:00", "01:30"),
        ]

    @pytest.mark.parametrize("grid", [Grid.window(), Grid.clock(mins(15))])
    def test_one_below_extra_hours_adds_no_start(self, grid: Grid) -> None:
        hours = [rule(), extra("10:15-11:15")]
        typed = visit(grid=grid)
        before = starts(ask(*hours, type=typed))
        for hole in ("10:00-11:30", "00:00-24:00", "10:15-10:45", "10:20-10:25"):
            assert set(starts(ask(*hours, closed(hours=hole), type=typed))) <= set(before), hole

    def test_extra_hours_on_a_holiday_count_from_their_own_start(self) -> None:
        hours = [rule(), extra("10:15-11:15")]
        assert "10:15" not in starts(ask(*hours))
        assert starts(ask(*hours, closed(of=PRACTICE))) == ["10:15", "10:45"]

    @pytest.mark.parametrize("opened", [extra, replaced])
    @pytest.mark.parametrize("rules", [[], [on(date(2026, 2, 20))]])
    def test_whole_shifts_take_the_nights_of_other_layers_too(
        self, opened: Callable[[str], Override], rules: list[Item]
    ) -> None:
        gone = [*rules, opened("22:00-02:00 overnight"), closed(whole_shifts=True)]
        assert times(ask(*gone), "2026-02-03 12:00", "2026-02-05 12:00", NY) == []

    def test_whole_shifts_spare_the_night_before_whatever_opened_it(self) -> None:
        kept = [extra("22:00-02:00 overnight"), closed(NEXT, whole_shifts=True)]
        assert dated(ask(*kept), "2026-02-03 12:00", "2026-02-06 12:00") == [
            *night(4),
            *night(5, "00:00", "01:30"),
        ]

    def test_a_closure_of_the_practice_may_name_a_place(self) -> None:
        hours = [rule("09:00-10:00", id="a"), rule("10:00-11:00", id="b", location="annex")]
        painting = closed(of=PRACTICE, location="annex")
        inquiry = ask(*hours, painting, provider=AT_MAIN, locations=PLACES)
        assert starts(inquiry) == ["09:00", "09:30"]

    def test_the_date_of_a_traveller_is_that_of_the_place_where_they_are(self) -> None:
        away = attrs.evolve(SMITH, travels=[Travel(TOKYO, DAY, DAY)])
        all_day = rule("00:00-24:00", timezone="UTC")
        # 4 February in Tokyo: from 15:00 UTC on the 3rd to 15:00 UTC on the 4th.
        hourly = ask(all_day, closed(), provider=away, type=visit(60))
        found = times(hourly, "2026-02-03 12:00", "2026-02-04 18:00")
        assert found == ["12:00", "13:00", "14:00", "15:00", "16:00", "17:00"]

    def test_holidays_of_the_practice_do_not_travel(self) -> None:
        away = attrs.evolve(SMITH, travels=[Travel(TOKYO, DAY, DAY)])
        hourly = ask(
            rule("00:00-24:00", timezone="UTC"), closed(of=PRACTICE), provider=away, type=visit(60)
        )
        # 4 February in New York: from 05:00 UTC on the 4th to 05:00 UTC on the 5th.
        found = times(hourly, "2026-02-04 02:00", "2026-02-05 08:00")
        assert found == ["02:00", "03:00", "04:00", "05:00", "06:00", "07:00"]

    def test_an_inactive_override_or_blocking_does_nothing(self) -> None:
        off: list[Item] = [
            closed(active=False),
            extra("18:00-19:00", active=False),
            replaced("14:00-15:00", active=False),
            blocking("09:00-10:00", active=False),
        ]
        assert starts(ask(rule(), *off)) == every("09:00", "11:30", 30)


class TestPrecedence:
    """All five layers over one day, each winning where it should."""

    ITEMS: tuple[Item, ...] = (
        rule("06:00-18:00", id="rule"),
        blocking("08:00-12:00", id="blocking"),
        closed(of=PRACTICE, id="holiday", hours="10:00-14:00"),
        extra("11:00-13:00", id="extra"),
        closed(id="off", hours="12:30-13:30"),
    )

    def test_the_highest_layer_that_covers_an_instant_decides(self) -> None:
        expected = [*every("06:00", "07:30", 30), *every("11:00", "12:00", 30)]
        expected += every("14:00", "17:30", 30)
        assert starts(ask(*self.ITEMS, timezone=NY)) == expected

    def test_replaced_hours_over_them_all_but_time_off(self) -> None:
        items = [*self.ITEMS, replaced("09:00-13:00")]
        assert starts(ask(*items, timezone=NY)) == every("09:00", "12:00", 30)

    def test_the_order_of_adding_never_matters(self) -> None:
        items = [*self.ITEMS, replaced("16:00-17:00", date(2026, 2, 5), id="next")]
        expected = starts(ask(*items, timezone=NY))
        for order in list(permutations(items))[::37]:
            assert starts(ask(*order, timezone=NY)) == expected


class TestOtherResources:
    """A room or device with rules must be open; one without is always open. See test_claims."""

    def test_their_own_layers_count(self) -> None:
        scan = visit(needs=[Need.room("r1")])
        rooms = [Room(id="r1", location="main")]
        own: list[Item] = [
            rule("09:00-11:00", id="r", of=room("r1")),
            closed(of=room("r1"), id="c", hours="09:30-10:00"),
            extra("11:30-12:00", of=room("r1"), id="e"),
        ]
        inquiry = ask(rule(), *own, type=scan, rooms=rooms, locations=PLACES, timezone=NY)
        assert starts(inquiry) == ["09:00", "10:00", "10:30", "11:30"]

    def test_one_that_only_closes_is_open_otherwise(self) -> None:
        scan = visit(needs=[Need.room("r1")])
        off = closed(of=room("r1"), hours="09:30-10:00")
        rooms = [Room(id="r1", location="main")]
        inquiry = ask(rule(), off, type=scan, rooms=rooms, locations=PLACES, timezone=NY)
        assert starts(inquiry) == ["09:00", *every("10:00", "11:30", 30)]

    def test_recurrence_of_a_blocking_is_over_local_dates(self) -> None:
        # Mondays in Tokyo, 00:00-09:00, are Sundays 10:00-19:00 in New York.
        mondays = RecurringBlocking(
            "smith",
            Recurrence.weekly("MO", start=date(2026, 2, 2)),
            hours="00:00-09:00",
            timezone=TOKYO,
            id="b",
        )
        assert starts(ask(rule(), mondays), date(2026, 2, 8)) == ["09:00", "09:30"]
        assert len(starts(ask(rule(), mondays), date(2026, 2, 9))) == 6
