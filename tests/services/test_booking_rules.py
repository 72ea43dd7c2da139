"""Rules beside those of time: how many, how often, for whom; and rivals cannot pass them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time, timedelta
from typing import Any

import attrs
import pytest
from tests.races.wholeness import check_whole
from tests.services.group import MINUTE, fill, nine, start

from medsched import (
    AvailabilityRule,
    BookingRefused,
    BookingRules,
    FollowUpRefused,
    FollowUpWish,
    InvalidDuration,
    InvalidNumber,
    InvalidRecurrence,
    MemoryStore,
    Practice,
    Reason,
    Recurrence,
    Scheduler,
    SeriesBooked,
    SeriesRefused,
    SlotStatus,
    Tally,
    Violation,
    Visit,
)
from medsched.domain.appointments import Appointment
from medsched.testing.fixed import FixedClock, NumberedIds

DAY = 24 * 60
WHY = "an emergency"


@pytest.fixture(autouse=True)
def _filled(clinic: Practice) -> None:
    fill(clinic)


def type_rules(clinic: Practice, **rules: Any) -> None:
    visit = clinic.appointment_types.get("visit")
    clinic.appointment_types.update(attrs.evolve(visit, rules=BookingRules(**rules)))


def provider_rules(clinic: Practice, **rules: Any) -> None:
    smith = clinic.providers.get("smith")
    clinic.providers.update(attrs.evolve(smith, rules=BookingRules(**rules)))


def book(clinic: Practice, number: int, minutes: int = 0, **more: Any) -> Appointment:
    type, provider = more.pop("type", "visit"), more.pop("provider", "smith")
    return clinic.appointments.book(start(minutes, type, provider), patient=f"p{number}", **more)


def against(clinic: Practice, number: int, minutes: int = 0, **more: Any) -> set[Reason]:
    """Why a booking is refused: listing and explaining say the same."""
    options: dict[str, Any] = {
        "patient": f"p{number}",
        "referred": bool(more.get("referral")),
        "prepaid": bool(more.get("prepayment")),
    }
    at = nine(minutes)
    asked = (more.get("provider", "smith"), more.get("type", "visit"))
    listed = clinic.availability.slots(*asked, at, at + MINUTE, **options)
    told = clinic.availability.explain(*asked, at=at, **options)
    try:
        made = book(clinic, number, minutes, **more)
    except BookingRefused as refused:
        reasons = {one.reason for one in refused.violations}
        assert not len(listed)
        assert {one.reason for one in told.violations} == reasons
        return reasons
    assert (len(listed), told.violations) == (1, ())
    clinic.appointments.cancel(made)
    return set()


class TestCaps:
    def test_so_many_a_day_of_a_type(self, clinic: Practice) -> None:
        type_rules(clinic, per_day=2)
        book(clinic, 0)
        second = book(clinic, 1, 30)
        assert against(clinic, 2, 60) == {Reason.DAY_FULL}
        assert against(clinic, 2, 60, provider="jones") == set()
        assert against(clinic, 2, 60, type="class") == set()
        assert against(clinic, 2, DAY) == set()
        clinic.appointments.cancel(second)
        assert against(clinic, 2, 60) == set()

    def test_so_many_a_week_of_a_provider(self, clinic: Practice) -> None:
        provider_rules(clinic, per_week=2)
        book(clinic, 0, type="class")
        book(clinic, 1, DAY)
        assert against(clinic, 2, 2 * DAY) == {Reason.WEEK_FULL}
        assert against(clinic, 2, 5 * DAY) == set()  # the next Monday
        assert against(clinic, 2, 2 * DAY, provider="jones") == set()

    def test_each_seat_of_a_session_counts(self, clinic: Practice) -> None:
        provider_rules(clinic, per_day=2)
        book(clinic, 0, type="class")
        book(clinic, 1, type="class")
        assert against(clinic, 2, type="class") == {Reason.DAY_FULL}

    def test_a_day_is_the_providers_own(self, clinic: Practice) -> None:
        """22:00 in New York is the next day in UTC, and the same day there."""
        weekdays = Recurrence.weekly("MO-FR", start=date(2026, 1, 5))
        clinic.availability.add(AvailabilityRule("smith", weekdays, hours="22:00-23:00"))
        type_rules(clinic, per_day=1)
        book(clinic, 0)
        assert against(clinic, 1, 13 * 60) == {Reason.DAY_FULL}

    def test_holds_count_until_they_expire(self, clinic: Practice, clock: FixedClock) -> None:
        type_rules(clinic, per_day=2)
        held = clinic.holds.place(start(0, "visit"), lasting=MINUTE)
        clinic.holds.place(start(30, "visit"), lasting=MINUTE)
        assert against(clinic, 0, 60) == {Reason.DAY_FULL}
        clinic.holds.confirm(held, patient="p0")
        assert against(clinic, 1, 60) == {Reason.DAY_FULL}
        clock.advance(MINUTE)
        assert against(clinic, 1, 60) == set()

    def test_moving_within_the_day_is_no_further_one(self, clinic: Practice) -> None:
        type_rules(clinic, per_day=1)
        made = book(clinic, 0)
        made = clinic.appointments.reschedule(made, start(60, "visit"))
        book(clinic, 1, DAY)
        with pytest.raises(BookingRefused):
            clinic.appointments.reschedule(made, start(DAY + 60, "visit"))

    def test_a_cap_counts_what_was_booked_before_there_was_one(self, clinic: Practice) -> None:
        for at in range(3):
            book(clinic, at, 30 * at)
        type_rules(clinic, per_day=3)
        assert against(clinic, 5, 120) == {Reason.DAY_FULL}
        type_rules(clinic, per_day=4)
        book(clinic, 5, 120)
        assert against(clinic, 6, 150) == {Reason.DAY_FULL}

    def test_none_at_all(self, clinic: Practice) -> None:
        type_rules(clinic, per_day=0)
        assert against(clinic, 0) == {Reason.DAY_FULL}

    def test_what_is_taken_is_told_on_a_full_day(self, clinic: Practice) -> None:
        type_rules(clinic, per_day=1)
        book(clinic, 0, 30)
        found = clinic.availability.slots("smith", "visit", nine(), nine(480), taken=True)
        assert [(one.start, one.status) for one in found] == [(nine(30), SlotStatus.BUSY)]

    def test_staff_go_past_a_cap_and_say_so(self, clinic: Practice) -> None:
        type_rules(clinic, per_day=1)
        book(clinic, 0)
        made = book(clinic, 1, 30, override=WHY)
        assert made.overridden == {Reason.DAY_FULL}
        assert against(clinic, 2, 60) == {Reason.DAY_FULL}

    def test_rivals_on_a_capped_day_never_pass_the_cap(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        type_rules(clinic, per_day=5)

        def rival(number: int) -> set[Reason]:
            try:
                book(clinic, number, 30 * number)
            except BookingRefused as refused:
                return {one.reason for one in refused.violations}
            return set()

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(rival, range(16)))
        told = Counter(frozenset(one) for one in answers)
        assert told == {frozenset(): 5, frozenset({Reason.DAY_FULL}): 11}
        check_whole(store, "riverside")


class TestOpenAndApart:
    def test_so_many_to_come_of_a_type(self, clinic: Practice, clock: FixedClock) -> None:
        type_rules(clinic, open_per_patient=1)
        made = book(clinic, 0)
        assert against(clinic, 0, DAY) == {Reason.TOO_MANY_OPEN}
        assert against(clinic, 0, DAY, provider="jones") == {Reason.TOO_MANY_OPEN}
        assert against(clinic, 0, DAY, type="class") == set()
        assert against(clinic, 1, DAY) == set()
        clinic.appointments.reschedule(made, start(DAY, "visit"))
        clock.set(nine(DAY))
        assert against(clinic, 0, 2 * DAY) == set()

    def test_so_many_to_come_at_all(self, clinic: Practice) -> None:
        clinic.settings.configure(open_per_patient=2)
        book(clinic, 0)
        clinic.holds.place(start(DAY, "class", "jones"), patient="p0")
        assert against(clinic, 0, 2 * DAY) == {Reason.TOO_MANY_OPEN}

    def test_visits_of_one_patient_are_apart(self, clinic: Practice) -> None:
        provider_rules(clinic, spacing=timedelta(days=2))
        book(clinic, 0, 60)
        assert against(clinic, 0, DAY) == {Reason.TOO_CLOSE}
        assert against(clinic, 0, 2 * DAY + 30) == {Reason.TOO_CLOSE}
        assert against(clinic, 0, 2 * DAY + 60) == set()
        assert against(clinic, 0, DAY, provider="jones") == set()
        assert against(clinic, 1, DAY) == set()

    def test_a_hold_for_nobody_meets_them_when_it_is_confirmed(self, clinic: Practice) -> None:
        type_rules(clinic, open_per_patient=1)
        held = clinic.holds.place(start(DAY, "visit"))
        book(clinic, 0)
        with pytest.raises(BookingRefused) as refused:
            clinic.holds.confirm(held, patient="p0")
        assert [one.reason for one in refused.value.violations] == [Reason.TOO_MANY_OPEN]
        clinic.holds.confirm(held, patient="p1")

    @pytest.mark.parametrize(
        "rules",
        [{"open_per_patient": 2}, {"spacing": timedelta(days=1)}],
        ids=["open", "spacing"],
    )
    def test_rivals_of_one_patient(self, clinic: Practice, rules: dict[str, Any]) -> None:
        type_rules(clinic, **rules)

        def rival(number: int) -> bool:
            provider = ("smith", "jones")[number % 2]
            try:
                book(clinic, 0, 30 * number, provider=provider)
            except BookingRefused:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            booked = sum(pool.map(rival, range(12)))
        assert booked == rules.get("open_per_patient", 1)


class TestForWhom:
    def seen(self, clinic: Practice, number: int, provider: str) -> None:
        made = book(clinic, number, DAY, type="class", provider=provider)
        clinic.appointments.fulfil(clinic.appointments.arrive(made))

    def test_established_patients_only(self, clinic: Practice) -> None:
        type_rules(clinic, established_only=True)
        assert against(clinic, 0) == {Reason.ESTABLISHED_ONLY}
        self.seen(clinic, 0, "jones")
        assert against(clinic, 0) == set()
        clinic.patients.update(attrs.evolve(clinic.patients.get("p1"), established=True))
        assert against(clinic, 1) == set()

    def test_established_with_a_provider(self, clinic: Practice) -> None:
        provider_rules(clinic, established_only=True)
        clinic.patients.create(id="known", established=True)
        self.seen(clinic, 0, "jones")
        assert against(clinic, 0) == {Reason.ESTABLISHED_ONLY}
        with pytest.raises(BookingRefused):
            self.seen(clinic, 1, "smith")

    def test_new_patients_on_certain_days_and_hours(self, clinic: Practice) -> None:
        type_rules(clinic, new_patients_on="TH", new_patients_in="10:00-12:00")
        assert against(clinic, 0) == {Reason.NEW_PATIENTS}  # a Wednesday
        assert against(clinic, 0, DAY) == {Reason.NEW_PATIENTS}
        assert against(clinic, 0, DAY + 60) == set()
        assert against(clinic, 0, DAY + 180) == {Reason.NEW_PATIENTS}
        starts = [
            slot.start
            for slot in clinic.availability.slots(
                "smith", "visit", nine(-60), nine(2 * DAY), patient="p0"
            )
        ]
        assert starts == [nine(DAY + 60 + 30 * at) for at in range(4)]
        self.seen(clinic, 0, "smith")
        assert against(clinic, 0) == set()

    def test_a_referral_and_a_payment_in_advance(self, clinic: Practice) -> None:
        type_rules(clinic, needs_referral=True, needs_prepayment=True)
        assert against(clinic, 0) == {Reason.REFERRAL, Reason.PREPAYMENT}
        assert against(clinic, 0, referral="R-1") == {Reason.PREPAYMENT}
        made = book(clinic, 0, referral="R-1", prepayment="P-1")
        assert (made.referral, made.prepayment) == ("R-1", "P-1")
        assert "R-1" not in repr(made)
        moved = clinic.appointments.reschedule(made, start(60, "visit"))
        assert moved.referral == "R-1"
        held = clinic.holds.place(start(120, "visit"))
        with pytest.raises(BookingRefused):
            clinic.holds.confirm(held, patient="p1", referral="R-2")
        late = clinic.holds.confirm(held, patient="p1", referral="R-2", prepayment="P-2")
        assert late.prepayment == "P-2"
        early = clinic.holds.place(
            start(180, "visit"), patient="p2", referral="R-3", prepayment="P-3"
        )
        assert clinic.holds.confirm(early).referral == "R-3"

    def test_all_reasons_are_told_together(self, clinic: Practice) -> None:
        type_rules(
            clinic, per_day=0, open_per_patient=0, established_only=True, needs_referral=True
        )
        provider_rules(clinic, per_week=0, needs_prepayment=True)
        assert against(clinic, 0, 10) == {
            Reason.DAY_FULL,
            Reason.WEEK_FULL,
            Reason.TOO_MANY_OPEN,
            Reason.ESTABLISHED_ONLY,
            Reason.REFERRAL,
            Reason.PREPAYMENT,
            Reason.OFF_GRID,
        }
        assert book(clinic, 0, 10, override=WHY).overridden >= {Reason.DAY_FULL, Reason.OFF_GRID}


class TestSeriesAndFollowUps:
    """Each occurrence counts for those after it, and all of them are counted at once."""

    daily = Recurrence.parse("FREQ=DAILY;COUNT=4", start=date(2026, 1, 6))

    def series(self, clinic: Practice, **more: Any) -> SeriesBooked:
        return clinic.series.book(
            "smith", "visit", patient="p0", recurrence=self.daily, at=time(9), **more
        )

    @pytest.mark.parametrize(
        "rules, reason, had",
        [
            ({"open_per_patient": 3}, Reason.TOO_MANY_OPEN, [6, 7, 8]),
            ({"per_week": 2}, Reason.WEEK_FULL, [6, 7]),
            ({"spacing": timedelta(days=2)}, Reason.TOO_CLOSE, [6, 8]),
            ({"new_patients_on": "TU,TH"}, Reason.NEW_PATIENTS, [6, 8]),
        ],
    )
    def test_what_a_series_passes_is_refused_and_the_rest_is_had(
        self, clinic: Practice, rules: dict[str, Any], reason: Reason, had: list[int]
    ) -> None:
        type_rules(clinic, **rules)
        with pytest.raises(SeriesRefused) as refused:
            self.series(clinic)
        assert {why.reason for one in refused.value.unbooked for why in one.violations} == {reason}
        assert clinic.appointments.list().items == ()
        found = self.series(clinic, skip=True)
        assert [one.start.day for one in found.appointments] == had
        for one in found.unbooked:
            for slot in one.alternatives:
                assert clinic.availability.slots(
                    "smith", "visit", slot.start, slot.start + MINUTE, patient="p0"
                )

    def test_a_referral_is_of_all(self, clinic: Practice) -> None:
        type_rules(clinic, needs_referral=True)
        with pytest.raises(SeriesRefused):
            self.series(clinic)
        found = self.series(clinic, referral="R-1")
        assert {one.referral for one in found.appointments} == {"R-1"}
        moved = clinic.series.reschedule(found.appointments[0], time(10), scope="all")
        assert len(moved) == 4

    def test_a_series_moves_within_its_own_caps(self, clinic: Practice) -> None:
        type_rules(clinic, per_day=1, open_per_patient=4, spacing=timedelta(hours=23))
        found = self.series(clinic)
        moved = clinic.series.reschedule(found.appointments[0], time(11), scope="all")
        assert [one.start.hour for one in moved] == [16] * 4
        with pytest.raises(SeriesRefused):
            clinic.series.reschedule(
                found.appointments[0].id, datetime(2026, 1, 7, 11), scope="this"
            )

    def test_a_follow_up_keeps_to_the_rules(self, clinic: Practice) -> None:
        made = book(clinic, 0)
        type_rules(clinic, spacing=timedelta(days=7), needs_referral=True)
        wish = FollowUpWish(after=timedelta(days=6), give_or_take=timedelta(days=2))
        with pytest.raises(FollowUpRefused):
            clinic.appointments.follow_up(made, wish)
        late = clinic.appointments.follow_up(made, wish, referral="R-1")
        assert (late.start - made.start, late.referral) == (timedelta(days=7), "R-1")


class EvenHoursOnly:
    """A rule of a host's own: even hours, and no more than two of them with anybody."""

    def __init__(self, clinic: Practice) -> None:
        self._clinic = clinic

    def against(self, visit: Visit) -> Iterable[Violation]:
        if visit.start.hour % 2:
            yield Violation(reason=Reason.HOUSE_RULE, message="only at even hours")
        name = f"even {visit.provider}"
        if self._clinic.tallies([name])[name] == 2:
            yield Violation(reason=Reason.HOUSE_RULE, message="two are enough")

    def tallies(self, visit: Visit) -> Iterable[Tally]:
        return [Tally(f"even {visit.provider}", 1, 2)]


class TestRulesOfTheHostsOwn:
    @pytest.fixture
    def clinic(self, store: MemoryStore, clock: FixedClock) -> Practice:
        options: dict[str, Any] = {"clock": clock, "ids": NumberedIds()}
        rule = EvenHoursOnly(Scheduler(store, **options).practice("riverside"))
        return Scheduler(store, **options, house_rules=[rule]).practice("riverside")

    def test_are_asked_with_the_others(self, clinic: Practice) -> None:
        assert against(clinic, 0, 70) == {Reason.HOUSE_RULE, Reason.OFF_GRID}
        listed = clinic.availability.slots("smith", "visit", nine(), nine(180))
        assert [slot.start for slot in listed] == [nine(0), nine(30), nine(120), nine(150)]
        made = book(clinic, 3, 60, provider="jones", override=WHY)
        assert made.overridden == {Reason.HOUSE_RULE}

    def test_count_so_that_rivals_cannot_pass(self, clinic: Practice) -> None:
        def rival(number: int) -> bool:
            try:
                book(clinic, number, 120 * (number // 2) + 30 * (number % 2))
            except BookingRefused:
                return False
            return True

        with ThreadPoolExecutor(6) as pool:
            assert sum(pool.map(rival, range(6))) == 2
        assert clinic.tallies(["even smith", "even jones"]) == {"even smith": 2, "even jones": 0}
        assert len(clinic.availability.slots("smith", "visit", nine(), nine(480))) == 0


@pytest.mark.parametrize(
    "rules, error",
    [
        ({"per_day": -1}, InvalidNumber),
        ({"per_week": -1}, InvalidNumber),
        ({"open_per_patient": -1}, InvalidNumber),
        ({"spacing": -MINUTE}, InvalidDuration),
        ({"new_patients_on": ""}, InvalidRecurrence),
    ],
)
def test_bad_rules_are_refused_by_name(rules: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        BookingRules(**rules)
