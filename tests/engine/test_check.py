"""What is refused when written, and what a check finds ahead."""

from __future__ import annotations

from datetime import date, timedelta
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
    ZONES,
    at,
    closed,
    extra,
    location,
    mins,
    on,
    replaced,
    room,
    rule,
    schedule,
)

from medsched.domain.appointment_types import Pricing
from medsched.domain.availability import AvailabilityRule, Override
from medsched.domain.findings import Finding, FindingKind
from medsched.domain.people import Travel
from medsched.domain.places import Location
from medsched.domain.schedule import Schedule
from medsched.engine.check import check_schedule, refuse_contradictions, refuse_overlaps
from medsched.errors import ContradictoryOverrides, InvalidHours, OverlappingRules
from medsched.timeline.recurrence import Recurrence

AT_MAIN = attrs.evolve(SMITH, location="main")


def overlap(
    one: AvailabilityRule, *others: AvailabilityRule, where: Schedule | None = None
) -> OverlappingRules | None:
    try:
        refuse_overlaps(one, others, where or schedule(*others), ZONES)
    except OverlappingRules as error:
        return error
    return None


def contradiction(
    one: Override, *others: Override, where: Schedule | None = None
) -> ContradictoryOverrides | None:
    try:
        refuse_contradictions(one, others, where or schedule(*others), ZONES)
    except ContradictoryOverrides as error:
        return error
    return None


class TestOverlappingRules:
    def test_the_first_overlapping_instant(self) -> None:
        mondays = rule("09:00-12:00", id="a", days="MO", start=date(2026, 1, 1))
        daily = rule("11:00-13:00", id="b", days="MO-SU", start=date(2026, 1, 1))
        error = overlap(daily, mondays)
        assert error is not None
        assert error.at == at("2026-01-05 11:00", NY)
        assert (error.resource, {error.first, error.second}) == ("smith", {"a", "b"})
        assert "2026-01-05" in str(error)
        assert isinstance(error, ValueError)

    def test_whichever_comes_first(self) -> None:
        one, other = (
            rule("09:00-12:00", id="a"),
            rule("11:00-13:00", id="b", start=date(2027, 1, 1)),
        )
        for pair in ((one, other), (other, one)):
            error = overlap(*pair)
            assert error is not None
            assert error.at == at("2027-01-01 11:00", NY)

    def test_touching_is_not_overlapping(self) -> None:
        assert overlap(rule("09:00-12:00", id="a"), rule("12:00-13:00", id="b")) is None
        night = rule("22:00-02:00 overnight", id="a")
        assert overlap(night, rule("02:00-22:00", id="b")) is None
        error = overlap(night, rule("01:59-10:00", id="b"))
        assert error is not None
        assert error.at == at("2026-01-02 01:59", NY)

    def test_a_night_of_the_eve_counts(self) -> None:
        night = on(date(2026, 3, 1), "22:00-04:00 overnight", id="a")
        morning = on(date(2026, 3, 2), "03:00-05:00", id="b")
        for pair in ((night, morning), (morning, night)):
            error = overlap(*pair)
            assert error is not None
            assert error.at == at("2026-03-02 03:00", NY)

    def test_breaks_are_no_hours(self) -> None:
        assert (
            overlap(rule("09:00-17:00", breaks="12:00-13:00", id="a"), rule("12:00-13:00", id="b"))
            is None
        )

    def test_dates_that_never_meet(self) -> None:
        assert overlap(rule(days="MO", id="a"), rule(days="TU", id="b")) is None
        assert (
            overlap(rule(id="a", valid_to=DAY), rule(id="b", valid_from=date(2026, 2, 5))) is None
        )
        error = overlap(rule(id="a", valid_to=DAY), rule(id="b", valid_from=DAY))
        assert error is not None
        assert error.at == at(f"{DAY} 09:00", NY)

    def test_a_rare_meeting_within_ten_years(self) -> None:
        leap = AvailabilityRule(
            "smith", Recurrence.yearly(start=date(2028, 2, 29)), hours="09:00-10:00", id="leap"
        )
        tuesdays = rule("09:00-10:00", id="b", days="MO", start=date(2026, 1, 1))
        # 29 February falls on a Tuesday in 2028, on a Sunday in 2032, on a Friday in 2036.
        assert overlap(leap, tuesdays) is None
        error = overlap(leap, rule("09:00-10:00", id="b", days="SU", start=date(2026, 1, 1)))
        assert error is not None
        assert error.at == at("2032-02-29 09:00", NY)

    def test_rules_of_other_resources_and_inactive_ones_do_not_matter(self) -> None:
        assert overlap(rule(id="a"), rule(id="b", of="jones")) is None
        assert overlap(rule(id="a"), rule(id="b", of=room("smith"))) is None
        assert overlap(rule(id="a"), rule(id="b", active=False)) is None
        assert overlap(rule(id="a", active=False), rule(id="b")) is None

    def test_a_rule_is_not_compared_with_its_older_self(self) -> None:
        assert overlap(rule("09:00-13:00", id="a"), rule("09:00-12:00", id="a")) is None

    def test_rules_in_other_zones_are_compared_in_time(self) -> None:
        # 09:00 in New York is 14:00 in UTC in winter.
        here = on(DAY, "09:00-12:00", id="a")
        assert overlap(here, on(DAY, "09:00-14:00", id="b", timezone="UTC")) is None
        error = overlap(here, on(DAY, "09:00-14:01", id="b", timezone="UTC"))
        assert error is not None
        assert error.at == at(f"{DAY} 14:00")
        error = overlap(here, on(DAY, "16:59-18:00", id="b", timezone="UTC"))
        assert error is not None
        assert error.at == at(f"{DAY} 16:59")

    def test_on_another_date_of_another_zone(self) -> None:
        evening = on(DAY, "19:00-21:00", id="a")
        abroad = on(date(2026, 2, 5), "09:30-10:30", id="b", timezone=TOKYO)
        error = overlap(evening, abroad)
        assert error is not None
        assert error.at == at(f"{DAY} 19:30", NY)

    def test_the_first_instant_is_exact_near_a_clock_change(self) -> None:
        # On the eve of New York's change 09:00 is still 14:00 UTC.
        here = on(date(2026, 3, 7), "09:00-12:00", id="a")
        there = on(date(2026, 3, 7), "12:00-16:00", id="b", timezone="UTC")
        error = overlap(here, there)
        assert error is not None
        assert error.at == at("2026-03-07 14:00")

    def test_an_overlap_near_a_clock_change_that_it_does_not_make(self) -> None:
        # Both open from 14:00 UTC on the eve of New York's change.
        here = on(date(2026, 3, 7), "09:00-09:30", id="a")
        there = on(date(2026, 3, 7), "14:00-14:30", id="b", timezone="UTC")
        error = overlap(here, there)
        assert error is not None
        assert error.at == at("2026-03-07 14:00")

    def test_zones_of_places_count(self) -> None:
        here = on(DAY, "09:00-10:00", id="a")
        there = on(DAY, "14:00-15:00", id="b", location="london")
        where = schedule(there, locations=[Location(id="london", timezone="Europe/London")])
        error = overlap(here, there, where=where)
        assert error is not None
        assert error.at == at(f"{DAY} 14:00")
        assert overlap(here, attrs.evolve(there, location=None), where=where) is None

    def test_an_overlap_that_only_a_clock_change_makes_is_legal(self) -> None:
        # On 8 March 02:30 becomes 03:30, on the wall the two touch.
        nightly = rule("01:00-02:30", id="a")
        assert overlap(nightly, rule("02:30-05:00", id="b")) is None
        assert overlap(nightly, rule("03:00-05:00", id="b")) is None
        assert overlap(rule(["01:00-02:30", "03:00-05:00"], id="a")) is None

    def test_one_that_a_journey_makes_is_legal(self) -> None:
        away = attrs.evolve(SMITH, travels=[Travel("UTC", DAY, DAY)])
        here = rule("09:00-10:00", id="a")
        there = rule("09:00-10:00", id="b", timezone="UTC")
        assert overlap(here, there, where=schedule(there, provider=away)) is None

    def test_a_rule_may_overlap_itself(self) -> None:
        error = overlap(rule(["22:00-08:00 overnight", "07:00-09:00"], id="a"))
        assert error is not None
        assert error.first == error.second == "a"
        assert error.at == at("2026-01-02 07:00", NY)
        assert "itself" in str(error)
        weekly = rule(["22:00-08:00 overnight", "07:00-09:00"], id="a", days="MO")
        assert overlap(weekly) is None
        assert overlap(rule("08:00-08:00 overnight", id="a")) is None

    def test_hours_of_one_date_that_overlap_are_no_hours(self) -> None:
        with pytest.raises(InvalidHours):
            rule(["09:00-12:00", "11:00-13:00"])


class TestMerging:
    def test_the_same_offer_on_request_of_either(self) -> None:
        one, other = rule("09:00-12:00", id="a"), rule("11:00-13:00", id="b")
        merging = attrs.evolve(other, merge=True)
        assert overlap(one, merging) is None
        assert overlap(merging, one) is None
        assert overlap(one, other) is not None

    @pytest.mark.parametrize(
        "offer",
        [
            {"location": "annex"},
            {"types": {"visit"}},
            {"capacity": 2},
            {"slot_duration": mins(20)},
            {"break_duration": mins(5)},
            {"pricing": Pricing(base_fee=10)},
            {"special_requirements": {"fasting"}},
        ],
    )
    def test_never_another_offer(self, offer: dict[str, Any]) -> None:
        other = rule("11:00-13:00", id="b", merge=True, **offer)
        assert overlap(rule("09:00-12:00", id="a", merge=True), other) is not None

    def test_the_main_place_is_no_other_offer(self) -> None:
        other = rule("11:00-13:00", id="b", merge=True, location="main")
        where = schedule(other, provider=AT_MAIN, locations=[Location(id="main")])
        assert overlap(rule("09:00-12:00", id="a"), other, where=where) is None


class TestContradictions:
    def test_two_replacements_of_one_date(self) -> None:
        error = contradiction(replaced("09:00-10:00", id="a"), replaced("14:00-15:00", id="b"))
        assert error is not None
        assert {error.first, error.second} == {"a", "b"}
        assert error.resource == "smith"
        assert error.at == at(f"{DAY} 00:00", NY)
        assert isinstance(error, ValueError)

    def test_of_which_one_spans_more_dates(self) -> None:
        span = replaced("09:00-10:00", date(2026, 2, 1), last=date(2026, 2, 10), id="a")
        error = contradiction(span, replaced("14:00-15:00", id="b"))
        assert error is not None
        assert error.at == at(f"{DAY} 00:00", NY)

    def test_not_if_they_are_equal(self) -> None:
        twin = replaced("09:00-10:00", id="b", reason="other words")
        assert contradiction(replaced("09:00-10:00", id="a"), twin) is None

    def test_not_at_another_priority_or_on_another_date(self) -> None:
        one = replaced("09:00-10:00", id="a")
        assert contradiction(one, replaced("14:00-15:00", id="b", priority=1)) is None
        assert contradiction(one, replaced("14:00-15:00", date(2026, 2, 5), id="b")) is None
        assert contradiction(one, extra("09:00-10:00", id="b", capacity=3)) is None
        assert contradiction(one, closed(id="b")) is None
        assert contradiction(one, replaced("14:00-15:00", id="b", active=False)) is None
        assert contradiction(one, replaced("14:00-15:00", id="b", of="jones")) is None

    def test_replacements_with_another_offer(self) -> None:
        error = contradiction(
            replaced("09:00-10:00", id="a"), replaced("09:00-10:00", id="b", capacity=2)
        )
        assert error is not None

    def test_a_night_that_reaches_into_the_next_replacement(self) -> None:
        night = replaced("22:00-04:00 overnight", id="a", capacity=2)
        morning = replaced("03:00-05:00", date(2026, 2, 5), id="b")
        error = contradiction(night, morning)
        assert error is not None
        assert error.at == at("2026-02-05 03:00", NY)

    def test_extra_hours_that_offer_something_else(self) -> None:
        one = extra("09:00-12:00", id="a")
        error = contradiction(one, extra("11:00-13:00", id="b", location="annex"))
        assert error is not None
        assert error.at == at(f"{DAY} 11:00", NY)

    def test_extra_hours_that_do_not_meet_or_offer_the_same(self) -> None:
        one = extra("09:00-12:00", id="a")
        assert contradiction(one, extra("12:00-13:00", id="b", location="annex")) is None
        assert contradiction(one, extra("11:00-13:00", id="b")) is None
        assert (
            contradiction(one, extra("11:00-13:00", id="b", location="annex", priority=-1)) is None
        )

    def test_closures_never_contradict(self) -> None:
        assert (
            contradiction(closed(id="a"), closed(id="b", types={"visit"}, hours="09:00-10:00"))
            is None
        )


class TestFindings:
    @staticmethod
    def found(
        *items: object,
        first: date = date(2026, 1, 1),
        last: date = date(2026, 12, 31),
        **fields: object,
    ) -> list[Finding]:
        return check_schedule(schedule(*items, **fields), ZONES, first, last)  # type: ignore[arg-type]

    def test_nothing_to_say_of_plain_hours(self) -> None:
        assert (
            self.found(rule(), closed(), extra("18:00-19:00"), replaced("09:00-10:00", GAP)) == []
        )

    def test_windows_that_a_change_makes_longer_or_shorter(self) -> None:
        found = self.found(rule("00:00-04:00"))
        assert [(one.kind, one.date) for one in found] == [
            (FindingKind.CLOCK_CHANGE, GAP),
            (FindingKind.CLOCK_CHANGE, FOLD),
        ]
        assert [(one.start, one.end) for one in found] == [
            (at(f"{GAP} 05:00"), at(f"{GAP} 08:00")),
            (at(f"{FOLD} 04:00"), at(f"{FOLD} 09:00")),
        ]
        assert {one.by for one in found} == {("rule",)}
        assert all("00:00-04:00" in one.message and NY in one.message for one in found)

    def test_windows_that_it_moves(self) -> None:
        (one,) = self.found(rule("02:30-03:00", valid_to=date(2026, 6, 1)), last=date(2026, 6, 1))[
            :1
        ]
        assert one.date == GAP

    def test_windows_that_it_drops(self) -> None:
        (one,) = self.found(rule("02:00-03:00"))
        assert (one.kind, one.date) == (FindingKind.DROPPED, GAP)
        found = self.found(rule("01:30-02:30", disambiguation="reject"))
        assert [(one.kind, one.date) for one in found] == [
            (FindingKind.DROPPED, GAP),
            (FindingKind.DROPPED, FOLD),
        ]

    def test_a_date_that_does_not_exist(self) -> None:
        (one,) = self.found(
            rule("09:00-10:00", start=date(2011, 12, 1), timezone="Pacific/Apia"),
            first=date(2011, 12, 1),
            last=date(2012, 1, 31),
        )
        assert (one.kind, one.date) == (FindingKind.DROPPED, date(2011, 12, 30))

    def test_nights_that_begin_on_the_eve(self) -> None:
        found = self.found(rule("22:00-06:00 overnight"))
        assert [one.date for one in found] == [date(2026, 3, 7), date(2026, 10, 31)]

    def test_only_from_the_first_date_to_the_last(self) -> None:
        nightly = rule("00:00-04:00")
        assert [one.date for one in self.found(nightly, first=GAP, last=GAP)] == [GAP]
        assert self.found(nightly, first=GAP + timedelta(1), last=date(2026, 10, 31)) == []

    def test_overlaps_that_a_change_makes(self) -> None:
        found = self.found(rule("01:00-02:30", id="a"), rule("03:00-05:00", id="b"))
        (one,) = [one for one in found if one.kind is FindingKind.OVERLAP]
        assert (one.date, one.by) == (GAP, ("a", "b"))
        assert (one.start, one.end) == (at(f"{GAP} 07:00"), at(f"{GAP} 07:30"))

    def test_rules_that_merge_are_no_surprise(self) -> None:
        found = self.found(rule("09:00-12:00", id="a"), rule("11:00-13:00", id="b", merge=True))
        assert found == []

    def test_stubs_of_nights(self) -> None:
        found = self.found(rule("22:00-02:00 overnight"), closed())
        stubs = [one for one in found if one.kind is FindingKind.STUB]
        assert [one.date for one in stubs] == [date(2026, 2, 3), DAY]
        assert {one.by for one in stubs} == {("rule", "closure")}

    def test_stubs_of_replaced_hours(self) -> None:
        found = self.found(rule("22:00-02:00 overnight"), replaced("09:00-10:00"))
        assert [one.date for one in found if one.kind is FindingKind.STUB] == [
            date(2026, 2, 3),
            DAY,
        ]

    def test_no_stubs_of_whole_shifts_or_of_closed_hours(self) -> None:
        for override in (closed(whole_shifts=True), closed(hours="22:30-23:00")):
            found = self.found(rule("22:00-02:00 overnight"), override)
            assert [one for one in found if one.kind is FindingKind.STUB] == []

    def test_no_stub_within_consecutive_dates_off(self) -> None:
        off = closed(DAY, date(2026, 2, 6))
        found = self.found(rule("22:00-02:00 overnight"), off)
        assert [one.date for one in found if one.kind is FindingKind.STUB] == [
            date(2026, 2, 3),
            date(2026, 2, 6),
        ]

    @pytest.mark.parametrize("of", [PRACTICE, location("main")])
    def test_stubs_that_a_holiday_of_practice_or_place_leaves(self, of: object) -> None:
        found = self.found(
            rule("22:00-02:00 overnight"),
            closed(of=of, id="holiday"),
            provider=AT_MAIN,
            locations=[Location(id="main")],
        )
        stubs = [one for one in found if one.kind is FindingKind.STUB]
        assert {one.date for one in stubs} == {date(2026, 2, 3), DAY}
        assert {one.by for one in stubs} == {("rule", "holiday")}

    def test_a_place_leaves_no_stubs_of_nights_elsewhere(self) -> None:
        items = [rule("22:00-02:00 overnight", location="annex"), closed(of=location("main"))]
        places = [Location(id="main"), Location(id="annex")]
        assert self.found(*items, provider=AT_MAIN, locations=places) == self.found(items[0])

    def test_everybody_in_order_of_date(self) -> None:
        found = self.found(
            rule("00:00-04:00"),
            rule("00:00-04:00", id="r", of=room("r1")),
            rule("00:00-04:00", id="o", of=PRACTICE),
        )
        assert [one.date for one in found] == [GAP] * 3 + [FOLD] * 3
        assert len({one.resource for one in found}) == 3
