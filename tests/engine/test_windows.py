"""Windows: hours of a local date, cut and resolved to instants."""

from __future__ import annotations

from datetime import date, time

import attrs
import pytest
from tests.engine.kit import (
    DAY,
    FOLD,
    GAP,
    NY,
    SMITH,
    TOKYO,
    ask,
    at,
    closed,
    every,
    listing,
    on,
    rule,
    starts,
    times,
    utc,
    visit,
)

from medsched.domain.availability import AvailabilityRule
from medsched.domain.hours import Hours
from medsched.domain.people import Travel
from medsched.domain.places import Location
from medsched.timeline.recurrence import Recurrence
from medsched.timeline.resolve import Disambiguation


class TestHours:
    def test_a_window_opens_from_its_start_until_before_its_end(self) -> None:
        assert starts(ask(rule("09:00-12:00"))) == every("09:00", "11:30", 30)

    def test_a_slot_may_end_exactly_at_the_end_and_no_minute_later(self) -> None:
        assert starts(ask(rule("09:00-10:00"), type=visit(60))) == ["09:00"]
        assert starts(ask(rule("09:00-09:59"), type=visit(60))) == []

    def test_the_day_may_end_at_24(self) -> None:
        assert starts(ask(rule("23:00-24:00"))) == ["23:00", "23:30"]

    def test_a_whole_day_runs_into_the_next_without_a_seam(self) -> None:
        # 23:30 lies on Wednesday's grid and ends on Thursday, which makes the same offer.
        hourly = ask(rule("00:00-24:00", step=visit(30).duration), type=visit(60))
        assert starts(hourly) == every("00:00", "23:30", 30)

    def test_seconds_round_inward_where_time_is_open(self) -> None:
        assert starts(ask(rule("09:00:01-10:00:59", step=visit(1).duration)))[0] == "09:01"
        assert starts(ask(rule("09:00:01-10:00:59", step=visit(1).duration)))[-1] == "09:30"

    def test_seconds_round_outward_where_it_is_a_break(self) -> None:
        hours = rule("09:00-10:00", breaks="09:29:59-09:30:01")
        assert starts(ask(hours, type=visit(29))) == ["09:00", "09:31"]

    def test_overnight_hours_end_on_the_next_date(self) -> None:
        night = ask(on(DAY, "22:00-02:00 overnight"))
        assert starts(night) == every("22:00", "23:30", 30)
        assert starts(night, date(2026, 2, 5)) == every("00:00", "01:30", 30)

    def test_overnight_hours_last_at_most_a_day(self) -> None:
        day_and_night = ask(on(DAY, "08:00-08:00 overnight"), type=visit(60))
        assert starts(day_and_night) == every("08:00", "23:00", 60)
        assert starts(day_and_night, date(2026, 2, 5)) == every("00:00", "07:00", 60)

    def test_overnight_hours_may_end_at_midnight(self) -> None:
        assert starts(ask(on(DAY, "22:00-00:00 overnight"))) == every("22:00", "23:30", 30)

    def test_a_window_begun_before_the_query_is_not_lost(self) -> None:
        night = ask(on(DAY, "08:00-08:00 overnight"))
        assert times(night, "2026-02-05 07:00", "2026-02-05 07:31", NY) == ["07:00", "07:30"]
        assert times(night, "2026-02-05 07:29", "2026-02-05 07:30", NY) == []

    def test_two_windows_of_a_rule_on_one_date(self) -> None:
        assert starts(ask(rule(["09:00-10:00", "13:15-14:15"]))) == [
            "09:00",
            "09:30",
            "13:15",
            "13:45",
        ]


class TestBreaks:
    def test_a_break_ends_a_window_and_begins_another(self) -> None:
        lunch = rule("09:00-14:00", breaks="12:10-13:05")
        assert starts(ask(lunch)) == [*every("09:00", "11:30", 30), "13:05"]

    def test_breaks_may_overlap_one_another_and_the_edge(self) -> None:
        cut = rule("09:00-14:00", breaks=["08:00-09:30", "12:00-12:40", "12:30-13:00"])
        assert starts(ask(cut)) == [*every("09:30", "11:30", 30), "13:00", "13:30"]

    def test_a_break_after_midnight_in_overnight_hours_is_meant(self) -> None:
        night = ask(on(DAY, "22:00-04:00 overnight", breaks="01:00-02:15"))
        assert starts(night) == every("22:00", "23:30", 30)
        assert starts(night, date(2026, 2, 5)) == ["00:00", "00:30", *every("02:15", "03:15", 30)]

    def test_a_break_over_midnight_in_overnight_hours(self) -> None:
        night = ask(on(DAY, "22:00-02:00 overnight", breaks="23:30-00:15 overnight"))
        assert starts(night) == ["22:00", "22:30", "23:00"]
        assert starts(night, date(2026, 2, 5)) == ["00:15", "00:45", "01:15"]


class TestRecurrence:
    def test_dtstart_that_does_not_match_is_no_occurrence(self) -> None:
        mondays = rule(days="MO", start=DAY)
        assert starts(ask(mondays), DAY) == []
        assert len(starts(ask(mondays), date(2026, 2, 9))) == 6

    def test_count_counts_matches_before_exceptions(self) -> None:
        recurrence = Recurrence.daily(DAY, count=3, exdates=[date(2026, 2, 5)])
        inquiry = ask(AvailabilityRule("smith", recurrence, hours="09:00-09:30", id="rule"))
        found = listing(inquiry, at("2026-02-01 00:00"), at("2026-03-01 00:00"))
        assert [slot.date for slot in found] == [DAY, date(2026, 2, 6)]

    def test_until_is_inclusive(self) -> None:
        recurrence = Recurrence.daily(DAY, until=date(2026, 2, 6))
        inquiry = ask(AvailabilityRule("smith", recurrence, hours="09:00-09:30", id="rule"))
        found = listing(inquiry, at("2026-02-01 00:00"), at("2026-03-01 00:00"))
        assert [slot.date.day for slot in found] == [4, 5, 6]

    def test_validity_is_inclusive_at_both_ends(self) -> None:
        daily = rule("09:00-09:30", valid_from=date(2026, 2, 3), valid_to=date(2026, 2, 5))
        found = listing(ask(daily), at("2026-01-01 00:00"), at("2026-03-01 00:00"))
        assert [slot.date.day for slot in found] == [3, 4, 5]

    def test_validity_sets_no_phase(self) -> None:
        recurrence = Recurrence.weekly("MO", start=date(2026, 1, 5), every=2)
        fortnightly = AvailabilityRule(
            "smith", recurrence, hours="09:00-09:30", valid_from=date(2026, 1, 12), id="rule"
        )
        found = listing(ask(fortnightly), at("2026-01-01 00:00"), at("2026-02-17 00:00"))
        assert [slot.date for slot in found] == [
            date(2026, 1, 19),
            date(2026, 2, 2),
            date(2026, 2, 16),
        ]

    def test_an_overnight_window_of_the_last_valid_date_runs_to_its_end(self) -> None:
        night = rule("23:00-01:00 overnight", valid_from=DAY, valid_to=DAY)
        found = listing(ask(night), at("2026-02-01 00:00"), at("2026-03-01 00:00"))
        assert [f"{slot.local_start:%d %H:%M}" for slot in found] == [
            "04 23:00",
            "04 23:30",
            "05 00:00",
            "05 00:30",
        ]

    def test_an_inactive_rule_opens_nothing(self) -> None:
        assert starts(ask(rule(active=False))) == []


class TestClockChanges:
    """Each edge is resolved by the rule's policy; inside a window time is elapsed time."""

    @pytest.mark.parametrize(
        "policy, expected",
        [
            # 02:30 does not exist: 03:30 EDT is 07:30 UTC, 01:30 EST is 06:30 UTC
            ("compatible", ["07:30"]),
            ("later", ["07:30"]),
            ("earlier", ["06:30", "07:00", "07:30"]),
            ("reject", []),
        ],
    )
    def test_a_start_that_does_not_exist(self, policy: str, expected: list[str]) -> None:
        assert utc(ask(on(GAP, "02:30-04:00", disambiguation=policy)), GAP) == expected

    @pytest.mark.parametrize(
        "policy, expected",
        [
            ("compatible", every("05:00", "07:00", 30)),
            ("later", every("05:00", "07:00", 30)),
            ("earlier", every("05:00", "06:00", 30)),
            ("reject", []),
        ],
    )
    def test_an_end_that_does_not_exist(self, policy: str, expected: list[str]) -> None:
        assert utc(ask(on(GAP, "00:00-02:30", disambiguation=policy)), GAP) == expected

    @pytest.mark.parametrize(
        "policy, expected",
        [
            # 01:30 comes at 05:30 and again at 06:30 UTC; 03:00 EST is 08:00 UTC
            ("compatible", every("05:30", "07:30", 30)),
            ("earlier", every("05:30", "07:30", 30)),
            ("later", every("06:30", "07:30", 30)),
            ("reject", []),
        ],
    )
    def test_a_start_that_comes_twice(self, policy: str, expected: list[str]) -> None:
        assert utc(ask(on(FOLD, "01:30-03:00", disambiguation=policy)), FOLD) == expected

    @pytest.mark.parametrize(
        "policy, expected",
        [
            ("compatible", every("04:00", "05:00", 30)),
            ("earlier", every("04:00", "05:00", 30)),
            ("later", every("04:00", "06:00", 30)),
            ("reject", []),
        ],
    )
    def test_an_end_that_comes_twice(self, policy: str, expected: list[str]) -> None:
        assert utc(ask(on(FOLD, "00:00-01:30", disambiguation=policy)), FOLD) == expected

    def test_reject_drops_the_window_on_that_date_only(self) -> None:
        nightly = rule("02:30-03:30", disambiguation="reject")
        assert starts(ask(nightly), date(2026, 3, 7)) == ["02:30", "03:00"]
        assert starts(ask(nightly), GAP) == []
        assert starts(ask(nightly), date(2026, 3, 9)) == ["02:30", "03:00"]

    def test_reject_spares_a_window_whose_edges_are_plain(self) -> None:
        through = on(GAP, ["00:00-01:00", "02:30-03:30", "04:00-05:00"], disambiguation="reject")
        assert utc(ask(through), GAP) == ["05:00", "05:30", "08:00", "08:30"]
        across = on(GAP, "01:00-04:00", disambiguation=Disambiguation.REJECT)
        assert utc(ask(across), GAP) == every("06:00", "07:30", 30)

    def test_edges_of_the_gap_itself_exist_or_not(self) -> None:
        # 02:00 is skipped, 03:00 is not; under reject only the first is refused.
        assert utc(ask(on(GAP, "01:00-02:00", disambiguation="reject")), GAP) == []
        assert utc(ask(on(GAP, "03:00-04:00", disambiguation="reject")), GAP) == ["07:00", "07:30"]

    def test_edges_of_the_fold_itself_come_once_or_twice(self) -> None:
        # 01:00 comes twice, 02:00 once.
        assert utc(ask(on(FOLD, "01:00-02:30", disambiguation="reject")), FOLD) == []
        assert utc(ask(on(FOLD, "02:00-03:00", disambiguation="reject")), FOLD) == [
            "07:00",
            "07:30",
        ]

    def test_a_window_within_the_gap_is_moved_by_it(self) -> None:
        assert utc(ask(on(GAP, "02:15-02:45")), GAP) == ["07:15"]
        assert utc(ask(on(GAP, "02:15-02:45", disambiguation="earlier")), GAP) == ["06:15"]

    def test_a_window_that_is_empty_after_resolving_is_dropped(self) -> None:
        # 02:00 becomes 03:00.
        assert utc(ask(on(GAP, "02:00-03:00"), type=visit(1)), GAP) == []

    def test_a_window_that_is_inverted_after_resolving_is_dropped(self) -> None:
        # 02:30 becomes 03:30, which is after 03:15.
        assert utc(ask(on(GAP, "02:30-03:15"), type=visit(1)), GAP) == []

    def test_ten_half_hours_from_midnight_to_four_on_a_day_of_25_hours(self) -> None:
        assert utc(ask(on(FOLD, "00:00-04:00")), FOLD) == every("04:00", "08:30", 30)
        assert len(starts(ask(on(FOLD, "00:00-04:00")), FOLD)) == 10

    def test_four_half_hours_from_one_to_four_on_a_day_of_23_hours(self) -> None:
        assert utc(ask(on(GAP, "01:00-04:00")), GAP) == every("06:00", "07:30", 30)

    def test_windows_that_touch_on_the_wall_touch_in_time(self) -> None:
        # Both edges at the missing 02:30 become 07:30 UTC: an hour across the seam fits.
        for policy in ("compatible", "earlier", "later"):
            two = [
                on(GAP, "01:00-02:30", id="a", step=visit(30).duration, disambiguation=policy),
                on(GAP, "02:30-04:00", id="b", step=visit(30).duration, disambiguation=policy),
            ]
            assert utc(ask(*two, type=visit(60)), GAP) == every("06:00", "07:00", 30), policy

    def test_an_overlap_that_the_clocks_make_belongs_to_the_earlier_window(self) -> None:
        # a: 06:00-07:30 UTC, b: 07:00-09:00 UTC, of which half an hour is a's.
        a = on(GAP, "01:00-02:30", id="a", room="one")
        b = on(GAP, "03:00-05:00", id="b", room="two")
        found = listing(ask(a, b), at(f"{GAP} 00:00"), at(f"{GAP} 12:00"))
        assert [(f"{slot.start:%H:%M}", slot.opened_by) for slot in found] == [
            ("06:00", "a"),
            ("06:30", "a"),
            ("07:00", "a"),
            ("07:30", "b"),
            ("08:00", "b"),
            ("08:30", "b"),
        ]

    def test_breaks_are_cut_on_the_wall_and_resolved_like_windows(self) -> None:
        # The break 01:30-02:30 runs to 03:30 EDT under compatible: 06:30-07:30 UTC.
        cut = on(GAP, "01:00-05:00", breaks="01:30-02:30")
        assert utc(ask(cut), GAP) == ["06:00", *every("07:30", "08:30", 30)]
        early = attrs.evolve(cut, disambiguation=Disambiguation.EARLIER)
        # 02:30 earlier is 01:30 EST: the break is empty.
        assert utc(ask(early), GAP) == every("06:00", "08:30", 30)

    def test_windows_that_a_skipped_break_leaves_touching_are_one(self) -> None:
        # 02:00-03:00 never was: 05:00-10:00 UTC is one window, with one grid.
        cut = on(GAP, "00:00-06:00", breaks="02:00-03:00")
        assert utc(ask(cut, type=visit(50)), GAP) == every("05:00", "09:10", 50)

    def test_windows_that_touch_are_one_in_whatever_order_the_wall_has_them(self) -> None:
        # 07:00-07:10 UTC and, from the wall behind the next, 07:10-07:35; then 07:30-07:40.
        three = on(GAP, ["02:00-02:10", "02:30-02:40", "03:10-03:35"])
        assert utc(ask(three, type=visit(7)), GAP) == every("07:00", "07:28", 7)
        # 07:00-07:10 UTC hides 07:05-07:08 and is touched by 07:10-07:35.
        hidden = on(GAP, ["02:00-02:10", "03:05-03:08", "03:10-03:35"])
        assert utc(ask(hidden, type=visit(7)), GAP) == every("07:00", "07:28", 7)

    def test_a_break_in_the_repeated_hour_is_cut_once(self) -> None:
        # 01:00-02:00 is 05:00-07:00 UTC: from the first 01:00 to the only 02:00.
        cut = on(FOLD, "00:00-04:00", breaks="01:00-02:00")
        assert utc(ask(cut), FOLD) == ["04:00", "04:30", *every("07:00", "08:30", 30)]

    def test_overnight_over_a_change(self) -> None:
        # 22:00 EST on the 7th is 03:00 UTC; 04:00 EDT on the 8th is 08:00: five hours.
        night = on(date(2026, 3, 7), "22:00-04:00 overnight")
        assert utc(ask(night, type=visit(60)), GAP) == every("03:00", "07:00", 60)
        # 22:00 EDT is 02:00 UTC; 04:00 EST is 09:00: seven hours.
        night = on(date(2026, 10, 31), "22:00-04:00 overnight")
        assert utc(ask(night, type=visit(60)), FOLD) == every("02:00", "08:00", 60)

    def test_half_an_hour_of_lord_howe(self) -> None:
        # 5 April 2026, 02:00 +11:00 back to 01:30 +10:30. 01:00 is 14:00 UTC, 03:00 16:30.
        howe = on(date(2026, 4, 5), "01:00-03:00", timezone="Australia/Lord_Howe")
        assert utc(ask(howe), date(2026, 4, 4)) == every("14:00", "16:00", 30)
        # 4 October 2026, 02:00 +10:30 on to 02:30 +11:00. 01:00 is 14:30 UTC, 03:00 16:00.
        howe = on(date(2026, 10, 4), "01:00-03:00", timezone="Australia/Lord_Howe")
        assert utc(ask(howe), date(2026, 10, 3)) == every("14:30", "15:30", 30)

    def test_a_midnight_that_is_skipped(self) -> None:
        # Beirut, 29 March 2026: 00:00 +02:00 becomes 01:00 +03:00 at 22:00 UTC.
        day = date(2026, 3, 29)
        beirut = on(day, "00:00-03:00", timezone="Asia/Beirut")
        assert utc(ask(beirut), date(2026, 3, 28)) == every("22:00", "23:30", 30)
        eve = on(date(2026, 3, 28), "22:00-24:00", timezone="Asia/Beirut")
        assert utc(ask(eve), date(2026, 3, 28)) == every("20:00", "21:30", 30)


class TestMissingDates:
    """Samoa went from 29 to 31 December 2011: the 30th never was."""

    def test_a_date_that_does_not_exist_opens_nothing(self) -> None:
        daily = rule("09:00-10:00", start=date(2011, 12, 1), timezone="Pacific/Apia")
        found = listing(ask(daily), at("2011-12-28 12:00"), at("2012-01-01 12:00"))
        assert [f"{slot.local_start:%d %H:%M}" for slot in found] == [
            f"{day} {time}" for day in ("28", "29", "31", "01") for time in ("09:00", "09:30")
        ]

    def test_an_overnight_window_steps_over_it(self) -> None:
        # 22:00 on the 29th (-10:00) is 08:00 UTC on the 30th; 02:00 on the 30th is moved by
        # a day, to 02:00 on the 31st (+14:00), 12:00 UTC.
        night = on(date(2011, 12, 29), "22:00-02:00 overnight", timezone="Pacific/Apia")
        found = listing(ask(night), at("2011-12-28 12:00"), at("2012-01-01 12:00"))
        assert [f"{slot.start:%d %H:%M}" for slot in found] == [
            f"30 {time}" for time in every("08:00", "11:30", 30)
        ]
        assert found[4].local_start.isoformat() == "2011-12-31T00:00:00+14:00"

    def test_nothing_of_a_window_that_hangs_on_it_is_left(self) -> None:
        night = on(date(2011, 12, 30), "22:00-02:00 overnight", timezone="Pacific/Apia")
        assert len(listing(ask(night), at("2011-12-28 12:00"), at("2012-01-01 12:00"))) == 0

    def test_a_closure_of_it_closes_nothing(self) -> None:
        daily = rule("00:00-24:00", start=date(2011, 12, 1), timezone="Pacific/Apia")
        gone = closed(date(2011, 12, 30), timezone="Pacific/Apia")
        both = [
            len(listing(ask(*items), at("2011-12-29 12:00"), at("2011-12-31 12:00")))
            for items in ([daily], [daily, gone])
        ]
        assert both == [96, 96]


class TestZones:
    """Whose wall: the rule's, its location's, the travel zone of the date, the provider's."""

    def test_the_rules_own_zone_comes_first(self) -> None:
        inquiry = ask(
            on(DAY, "09:00-09:30", timezone=TOKYO, location="paris"),
            provider=attrs.evolve(SMITH, travels=[Travel("Europe/Berlin", DAY, DAY)]),
            locations=[Location(id="paris", timezone="Europe/Paris")],
        )
        assert utc(inquiry) == ["00:00"]

    def test_then_the_locations(self) -> None:
        inquiry = ask(
            on(DAY, "09:00-09:30", location="london"),
            provider=attrs.evolve(SMITH, travels=[Travel("Europe/Berlin", DAY, DAY)]),
            locations=[Location(id="london", timezone="Europe/London")],
        )
        assert utc(inquiry) == ["09:00"]

    def test_then_where_the_provider_travels_on_that_date(self) -> None:
        inquiry = ask(
            rule("09:00-09:30"),
            provider=attrs.evolve(SMITH, travels=[Travel("Europe/Berlin", DAY, date(2026, 2, 5))]),
        )
        found = listing(inquiry, at("2026-02-03 00:00"), at("2026-02-07 00:00"))
        assert [f"{slot.start:%d %H:%M}" for slot in found] == [
            "03 14:00",
            "04 08:00",
            "05 08:00",
            "06 14:00",
        ]
        assert [slot.timezone for slot in found] == [NY, "Europe/Berlin", "Europe/Berlin", NY]

    def test_a_location_without_a_zone_travels(self) -> None:
        inquiry = ask(
            on(DAY, "09:00-09:30", location="somewhere"),
            provider=attrs.evolve(SMITH, travels=[Travel("Europe/Berlin", DAY, DAY)]),
            locations=[Location(id="somewhere")],
        )
        assert utc(inquiry) == ["08:00"]

    def test_an_override_with_a_zone_of_its_own_does_not_travel(self) -> None:
        away = attrs.evolve(SMITH, travels=[Travel(TOKYO, DAY, DAY)])
        all_day = on(DAY, "00:00-24:00", timezone="UTC")
        here = closed(hours="12:00-24:00", timezone="UTC")
        assert utc(ask(all_day, here, provider=away)) == every("00:00", "11:30", 30)
        # Without one it does: noon to midnight in Tokyo is 03:00-15:00 UTC.
        there = closed(hours="12:00-24:00")
        expected = [*every("00:00", "02:30", 30), *every("15:00", "23:30", 30)]
        assert utc(ask(all_day, there, provider=away)) == expected

    def test_a_practice_zone_serves_who_has_none(self) -> None:
        nobody = attrs.evolve(SMITH, timezone=None)
        assert utc(ask(on(DAY, "09:00-09:30"), provider=nobody, timezone=NY)) == ["14:00"]

    def test_slots_are_shown_on_the_wall_of_their_hours(self) -> None:
        (slot,) = listing(
            ask(on(DAY, "09:00-09:30", timezone=TOKYO)),
            at("2026-02-03 00:00"),
            at("2026-02-05 00:00"),
        )
        assert slot.timezone == TOKYO
        assert slot.local_start.isoformat() == "2026-02-04T09:00:00+09:00"
        assert slot.date == DAY

    def test_hours_may_be_times_of_day(self) -> None:
        daily = rule([Hours(time(9), time(10))])
        assert starts(ask(daily)) == ["09:00", "09:30"]
