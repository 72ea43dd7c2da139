"""Which types may be booked where and when, and how long they last."""

from __future__ import annotations

from datetime import date

import attrs
import pytest
from tests.engine.kit import (
    DAY,
    NY,
    SMITH,
    TOKYO,
    ask,
    at,
    every,
    extra,
    listing,
    location,
    mins,
    on,
    reasons,
    rule,
    starts,
    times,
    utc,
    visit,
)

from medsched.domain.appointment_types import Pricing
from medsched.domain.availability import AvailabilityRule, Override
from medsched.domain.requests import Reason
from medsched.errors import InvalidChoice, InvalidValue
from medsched.timeline.recurrence import Recurrence

NEXT = date(2026, 2, 5)
LOW, HIGH = at(f"{DAY} 00:00", NY), at(f"{NEXT} 00:00", NY)


class TestAllowed:
    def test_none_stated_is_all(self) -> None:
        for code in ("visit", "procedure", "no-such-thing"):
            assert len(starts(ask(rule(), type=visit(code=code)))) == 6

    def test_only_those_stated(self) -> None:
        hours = rule(types={"visit", "procedure"})
        assert len(starts(ask(hours, type=visit(code="procedure")))) == 6
        inquiry = ask(hours, type=visit(code="new-patient"))
        assert starts(inquiry) == []
        assert reasons(inquiry, f"{DAY} 09:00") == {Reason.TYPE}

    def test_codes_are_compared_byte_by_byte(self) -> None:
        for code in ("Visit", "visit ", "vis", "visits"):
            assert starts(ask(rule(types={"visit"}), type=visit(code=code))) == []

    def test_each_rule_for_itself(self) -> None:
        hours = [
            rule("09:00-10:00", id="a", types={"visit"}),
            rule("10:00-11:00", id="b", types={"procedure"}),
            rule("11:00-12:00", id="c"),
        ]
        assert starts(ask(*hours)) == ["09:00", "09:30", "11:00", "11:30"]
        assert starts(ask(*hours, type=visit(code="procedure"))) == every("10:00", "11:30", 30)

    def test_an_empty_set_is_an_error(self) -> None:
        with pytest.raises(InvalidChoice):
            rule(types=[])
        with pytest.raises(InvalidChoice):
            extra("09:00-10:00", types=set())
        with pytest.raises(InvalidChoice):
            Override.closed("smith", DAY, types=())

    def test_a_slot_may_not_run_into_hours_of_other_types(self) -> None:
        hours = [
            rule("09:00-10:30", id="a"),
            rule("10:30-12:00", id="b", types={"procedure"}),
        ]
        inquiry = ask(*hours, type=visit(60))
        assert starts(inquiry) == ["09:00"]
        assert Reason.RUNS_OUT in reasons(inquiry, f"{DAY} 10:00")


class TestCertainDays:
    def test_only_on_those_days(self) -> None:
        hours = rule(type_days={"visit": "TU,TH"})
        found = [len(starts(ask(hours), date(2026, 2, day))) for day in range(2, 9)]
        assert found == [0, 6, 0, 6, 0, 0, 0]
        assert reasons(ask(hours), f"{DAY} 09:00") == {Reason.TYPE}

    def test_other_types_are_not_touched(self) -> None:
        hours = rule(type_days={"visit": "TU"})
        assert len(starts(ask(hours, type=visit(code="procedure")))) == 6

    def test_the_day_is_the_local_date_of_the_start(self) -> None:
        # The night hangs on Wednesday; what starts after midnight starts on Thursday.
        night = on(DAY, "22:00-02:00 overnight", type_days={"visit": "TH"})
        assert times(ask(night), "2026-02-04 12:00", "2026-02-05 12:00", NY) == every(
            "00:00", "01:30", 30
        )
        night = on(DAY, "22:00-02:00 overnight", type_days={"visit": "WE"})
        assert times(ask(night), "2026-02-04 12:00", "2026-02-05 12:00", NY) == every(
            "22:00", "23:30", 30
        )

    def test_not_of_the_end(self) -> None:
        night = on(DAY, "23:30-00:30 overnight", type_days={"visit": "WE"})
        assert starts(ask(night, type=visit(60))) == ["23:30"]

    def test_the_date_is_that_of_the_hours_zone(self) -> None:
        # 19:00-21:00 UTC on Wednesday is 04:00-06:00 on Thursday in Tokyo.
        hours = on(NEXT, "04:00-06:00", timezone=TOKYO, type_days={"visit": "TH"})
        assert utc(ask(hours)) == every("19:00", "20:30", 30)
        hours = on(NEXT, "04:00-06:00", timezone=TOKYO, type_days={"visit": "WE"})
        assert utc(ask(hours)) == []

    def test_on_the_repeated_midnight_hour(self) -> None:
        # Havana, Sunday 3 November 2024: 01:00 goes back to 00:00; both hours are Sunday's.
        day = date(2024, 11, 3)
        hours = on(day, "00:00-01:00", timezone="America/Havana")
        assert utc(ask(hours), day) == every("04:00", "05:30", 30)
        sunday = attrs.evolve(hours, type_days={"visit": "SU"})
        assert utc(ask(sunday), day) == every("04:00", "05:30", 30)

    def test_naming_no_day_is_an_error(self) -> None:
        with pytest.raises(InvalidValue):
            rule(type_days={"visit": []})


class TestLengths:
    """What the rule states for the type, else the provider's own, else the type's."""

    OWN = attrs.evolve(SMITH, durations={"visit": mins(45)})

    def test_the_types(self) -> None:
        assert starts(ask(rule(), type=visit(60))) == ["09:00", "10:00", "11:00"]

    def test_the_providers_own_comes_before_it(self) -> None:
        inquiry = ask(rule(), type=visit(60), provider=self.OWN)
        assert starts(inquiry) == ["09:00", "09:45", "10:30", "11:15"]
        inquiry = ask(rule(), type=visit(60, code="procedure"), provider=self.OWN)
        assert starts(inquiry) == ["09:00", "10:00", "11:00"]

    def test_the_rules_comes_before_both(self) -> None:
        inquiry = ask(rule(slot_duration=mins(90)), type=visit(60), provider=self.OWN)
        assert starts(inquiry) == ["09:00", "10:30"]

    def test_the_rules_for_the_type_comes_first_of_all(self) -> None:
        stated = rule(slot_duration=mins(90), durations={"visit": mins(20)})
        inquiry = ask(stated, type=visit(60), provider=self.OWN)
        assert starts(inquiry) == every("09:00", "11:40", 20)
        inquiry = ask(stated, type=visit(60, code="procedure"), provider=self.OWN)
        assert starts(inquiry) == ["09:00", "10:30"]

    def test_a_rule_that_states_only_other_types(self) -> None:
        stated = rule(durations={"procedure": mins(20)})
        inquiry = ask(stated, type=visit(60), provider=self.OWN)
        assert starts(inquiry) == ["09:00", "09:45", "10:30", "11:15"]

    def test_slots_tell_their_length(self) -> None:
        hours = [
            rule("09:00-10:00", id="a", slot_duration=mins(20)),
            rule("13:00-14:00", id="b", durations={"visit": mins(60)}),
        ]
        found = listing(ask(*hours), LOW, HIGH)
        assert [slot.duration for slot in found] == [mins(20)] * 3 + [mins(60)]
        assert [slot.end - slot.start for slot in found] == [slot.duration for slot in found]

    def test_lengths_of_extra_hours(self) -> None:
        hours = [rule("09:00-10:00"), extra("10:00-11:00", durations={"visit": mins(15)})]
        assert starts(ask(*hours)) == ["09:00", "09:30", *every("10:00", "10:45", 15)]


class TestWhatSlotsSay:
    def test_price_and_requirements(self) -> None:
        dear, cheap = Pricing(base_fee=150), Pricing(base_fee=80)
        typed = visit(pricing=cheap, special_requirements={"fasting"})
        hours = rule("09:00-09:30", pricing=dear, special_requirements={"card"})
        (slot,) = listing(ask(hours, type=typed), LOW, HIGH)
        assert slot.pricing == dear
        assert slot.special_requirements == {"fasting", "card"}
        (slot,) = listing(ask(rule("09:00-09:30"), type=typed), LOW, HIGH)
        assert slot.pricing == cheap
        assert slot.special_requirements == {"fasting"}
        (slot,) = listing(ask(rule("09:00-09:30")), LOW, HIGH)
        assert slot.pricing is None
        assert slot.special_requirements == frozenset()

    def test_by_whom_where_and_what(self) -> None:
        hours = rule("09:00-09:30", id="mornings", location="annex", room="r1")
        (slot,) = listing(
            ask(hours, type=visit(code="follow-up", modality="telehealth")), LOW, HIGH
        )
        said = (slot.practice, slot.provider, slot.type, slot.location, slot.room, slot.opened_by)
        assert said == ("riverside", "smith", "follow-up", "annex", "r1", "mornings")
        assert slot.modality.value == "telehealth"

    def test_inactive_people_and_types(self) -> None:
        inquiry = ask(rule(), provider=attrs.evolve(SMITH, active=False))
        assert starts(inquiry) == []
        assert Reason.INACTIVE in reasons(inquiry, f"{DAY} 09:00")
        inquiry = ask(rule(), type=visit(active=False))
        assert starts(inquiry) == []
        assert Reason.INACTIVE in reasons(inquiry, f"{DAY} 09:00")

    def test_an_inactive_place_is_closed(self) -> None:
        hours = [rule("09:00-10:00", id="a"), rule("10:00-11:00", id="b", location="annex")]
        assert starts(ask(*hours, inactive=[location("annex")])) == ["09:00", "09:30"]

    def test_somebody_without_hours_is_closed(self) -> None:
        inquiry = ask()
        assert starts(inquiry) == []
        assert reasons(inquiry, f"{DAY} 09:00") == {Reason.CLOSED}
        never = AvailabilityRule("jones", Recurrence.once(DAY), hours="09:00-10:00", id="theirs")
        assert starts(ask(never)) == []
