"""The read side of availability: what a practice answers, and how it refuses a bad question."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import attrs
import pytest
from tests.counting import Counting

from medsched import (
    AvailabilityRule,
    Claim,
    ClaimKind,
    Hours,
    InvalidDuration,
    InvalidInterval,
    InvalidSlotId,
    MedschedError,
    MemoryStore,
    MissingZone,
    NaiveDatetime,
    Need,
    NotFound,
    OutOfRange,
    OverlappingRules,
    Override,
    Practice,
    Reason,
    Recurrence,
    RecurringBlocking,
    Resource,
    ResourceKind,
    Scheduler,
    Slot,
    SlotOverride,
    SlotStatus,
    Start,
    Travel,
    UnknownZone,
    WallTime,
)
from medsched.domain.findings import FindingKind
from medsched.domain.slots import SlotKey, slot_id
from medsched.testing.fixed import FixedClock
from medsched.timeline.instants import FIRST_MINUTE, LAST_MINUTE, whole_minute

MINUTE = timedelta(minutes=1)
ONE_DAY = timedelta(days=1)
DAY = date(2026, 1, 7)
"""A Wednesday, two days after the fixed clock's noon; New York is five hours behind UTC."""
LOW, HIGH = datetime(2026, 1, 7, 5, tzinfo=UTC), datetime(2026, 1, 8, 5, tzinfo=UTC)


@pytest.fixture
def clinic(clinic: Practice) -> Practice:
    clinic.settings.configure(timezone="America/New_York")
    clinic.locations.create(id="main")
    clinic.rooms.create(id="r1", location="main", capacity=3)
    clinic.devices.create(id="mri")
    clinic.providers.create(id="smith", location="main")
    clinic.patients.create(id="ada")
    clinic.appointment_types.create(code="visit", duration=30 * MINUTE)
    clinic.appointment_types.create(
        code="scan", duration=30 * MINUTE, needs=[Need.device("mri"), Need.room("r1")]
    )
    clinic.availability.add(
        AvailabilityRule(
            "smith", Recurrence.weekdays(date(2026, 1, 1)), hours="09:00-12:00", id="mornings"
        )
    )
    return clinic


def starts(clinic: Practice, type: str = "visit", **options: object) -> list[str]:
    slots = clinic.availability.slots("smith", type, LOW, HIGH, **options)  # type: ignore[arg-type]
    return [f"{slot.local_start:%H:%M}" for slot in slots]


def nine(minutes: int = 0) -> datetime:
    """So many minutes after nine o'clock in New York."""
    return datetime(2026, 1, 7, 14, tzinfo=UTC) + minutes * MINUTE


def slot_at(clinic: Practice, at: datetime) -> Slot:
    return clinic.availability.slots("smith", "visit", at, at + MINUTE, taken=True)[0]


class TestOneSlot:
    def test_is_what_is_listed(self, clinic: Practice) -> None:
        clinic.appointments.book(slot_at(clinic, nine(30)), patient="ada")
        clinic.holds.place(slot_at(clinic, nine(60)))
        for type in ("visit", "scan"):
            listed = clinic.availability.slots("smith", type, LOW, HIGH, taken=True)
            assert [clinic.availability.slot(one.id) for one in listed] == [*listed]
            assert len(listed) == 6

    def test_tells_its_status_as_it_is_now(self, clinic: Practice) -> None:
        id = slot_at(clinic, nine(30)).id
        made = clinic.appointments.book(id, patient="ada")
        assert clinic.availability.slot(id).status is SlotStatus.BUSY
        clinic.appointments.cancel(made)
        assert clinic.availability.slot(id).status is SlotStatus.FREE
        clinic.blockings.block_slot(id)
        assert clinic.availability.slot(id).status is SlotStatus.BUSY_UNAVAILABLE

    def test_what_is_not_listed_is_not_found(
        self, clinic: Practice, scheduler: Scheduler, clock: FixedClock
    ) -> None:
        one = slot_at(clinic, nine(30))
        key = SlotKey("riverside", "smith", "visit", "main", whole_minute(one.start, "start"))
        assert slot_id(key) == one.id
        clinic.availability.delete_slot(slot_at(clinic, nine(60)))
        others = (
            key._replace(start=key.start + 10),
            key._replace(start=key.start + 30),  # it was taken out of the offer
            key._replace(start=key.start - 7 * 24 * 60),  # it is past
            key._replace(start=FIRST_MINUTE),
            key._replace(start=LAST_MINUTE - 1),
            key._replace(location=None),
            key._replace(location="branch"),
            key._replace(provider="nobody"),
            key._replace(type="nothing"),
            key._replace(practice="lakeside"),
        )
        for other in others:
            with pytest.raises(NotFound):
                clinic.availability.slot(slot_id(other))
        with pytest.raises(NotFound):
            scheduler.practice("lakeside").availability.slot(one.id)
        clock.set(one.start + MINUTE)
        with pytest.raises(NotFound) as caught:
            clinic.availability.slot(one.id)
        assert (caught.value.kind, caught.value.id) == ("slot", one.id)

    def test_it_may_be_named_in_any_way(self, clinic: Practice) -> None:
        one, hours = slot_at(clinic, nine(30)), clinic.availability
        shown = WallTime(datetime(2026, 1, 7, 9, 30), "America/New_York")
        starts = [Start("smith", "visit", at) for at in (nine(30), shown)]
        ways: list[Slot | Start] = [one, *starts, attrs.evolve(starts[0], location="main")]
        for named in ways:
            assert hours.slot(named) == one
        clinic.appointments.book(one, patient="ada")
        assert hours.slot(one).status is SlotStatus.BUSY
        for where in ("branch", None):
            with pytest.raises(NotFound):
                hours.slot(attrs.evolve(starts[0], location=where))
        with pytest.raises(NotFound):
            hours.slot(Start("smith", "visit", nine(31)))

    def test_after_it_was_changed_or_taken_out_of_the_offer(self, clinic: Practice) -> None:
        hours = clinic.availability
        hours.delete_slot(slot_at(clinic, nine(60)))
        moved = hours.slot(hours.change_slot(slot_at(clinic, nine(30)), start=nine(45)))
        assert (moved.start, moved.duration) == (nine(45), 30 * MINUTE)
        gone = hours.delete_slot(moved)
        assert isinstance(gone, SlotOverride)
        with pytest.raises(NotFound):
            hours.slot(gone)
        told = hours.slot(gone, withdrawn=True)
        assert (told.status, told.start) == (SlotStatus.WITHDRAWN, nine(30))
        with pytest.raises(NotFound):
            hours.slot(told.id)
        assert hours.slot(told.id, withdrawn=True) == told
        hours.restore_slot(told)
        assert hours.slot(gone) == hours.slot(told.id, withdrawn=True)
        assert hours.slot(told.id).status is SlotStatus.FREE

    @pytest.mark.parametrize("bad", ["", "no slot", "x" * 20_000, None, 7])
    def test_what_is_no_id(self, clinic: Practice, bad: Any) -> None:
        with pytest.raises(InvalidSlotId):
            clinic.availability.slot(bad)


class TestZoneOn:
    def test_the_nearest_that_states_one(self, clinic: Practice) -> None:
        zone_on = clinic.availability.zone_on
        clinic.locations.create(id="branch", timezone="America/Denver")
        assert zone_on("smith", DAY) == "America/New_York"
        main = clinic.locations.get("main")
        clinic.locations.update(attrs.evolve(main, timezone="America/Chicago"))
        assert zone_on("smith", DAY) == "America/Chicago"
        travels = [Travel("Asia/Tokyo", DAY, DAY)]
        smith = clinic.providers.get("smith")
        smith = clinic.providers.update(attrs.evolve(smith, travels=travels))
        assert zone_on("smith", DAY) == "Asia/Tokyo"
        assert zone_on("smith", DAY - ONE_DAY) == zone_on("smith", DAY + ONE_DAY)
        clinic.providers.update(attrs.evolve(smith, timezone="America/Los_Angeles"))
        assert zone_on("smith", DAY + ONE_DAY) == "America/Los_Angeles"
        assert zone_on("smith", DAY, location="main") == "America/Chicago"
        assert zone_on("smith", DAY, location="branch") == "America/Denver"
        clinic.locations.create(id="unplaced")
        assert zone_on("smith", DAY, location="unplaced") == "Asia/Tokyo"

    @pytest.mark.parametrize("placed", [None, "main", "branch"])
    @pytest.mark.parametrize("travels", [False, True])
    @pytest.mark.parametrize("own", [None, "America/Los_Angeles"])
    def test_it_is_that_of_the_slots_there(
        self, clinic: Practice, placed: str | None, travels: bool, own: str | None
    ) -> None:
        clinic.locations.create(id="branch", timezone="America/Denver")
        away = [Travel("America/Chicago", DAY, DAY)] if travels else []
        smith = clinic.providers.get("smith")
        clinic.providers.update(attrs.evolve(smith, timezone=own, travels=away))
        mornings = clinic.availability.rules.get("mornings")
        clinic.availability.rules.update(attrs.evolve(mornings, location=placed))
        for day in (DAY, DAY + ONE_DAY):
            low = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
            (first, *_) = clinic.availability.slots("smith", "visit", low, low + ONE_DAY)
            assert clinic.availability.zone_on("smith", day, location=placed) == first.timezone

    def test_nothing_states_one(self, clinic: Practice) -> None:
        clinic.locations.create(id="branch", timezone="America/Denver")
        clinic.availability.rules.delete("mornings")
        clinic.settings.configure(timezone=None)
        with pytest.raises(MissingZone):
            clinic.availability.zone_on("smith", DAY)
        assert clinic.availability.zone_on("smith", DAY, location="branch") == "America/Denver"

    def test_bad_input(self, clinic: Practice) -> None:
        with pytest.raises(NotFound):
            clinic.availability.zone_on("nobody", DAY)
        with pytest.raises(NotFound):
            clinic.availability.zone_on("smith", DAY, location="nowhere")
        for day in (date(1900, 1, 1), LOW, "2026-01-07"):
            with pytest.raises(OutOfRange):
                clinic.availability.zone_on("smith", day)  # type: ignore[arg-type]

    def test_it_takes_two_calls_of_the_store(self) -> None:
        store = MemoryStore()
        Scheduler(store).practice("p").providers.create(id="smith", timezone="UTC")
        counting: Any = Counting(store)
        asked = Scheduler(counting).practice("p").availability
        assert asked.zone_on("smith", DAY) == "UTC"
        assert counting.asked.total() <= 2


class TestSlots:
    def test_what_the_stored_hours_open(self, clinic: Practice) -> None:
        assert starts(clinic) == ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30"]

    def test_changes_show_in_the_next_listing_and_not_in_the_last(self, clinic: Practice) -> None:
        before = clinic.availability.slots("smith", "visit", LOW, HIGH)
        closure = clinic.availability.add(Override.closed("smith", DAY, hours="09:00-11:00"))
        assert starts(clinic) == ["11:00", "11:30"]
        assert len(before) == 6, "inputs were read when it was asked for"
        clinic.availability.overrides.deactivate(closure.id)
        assert len(starts(clinic)) == 6
        clinic.availability.overrides.activate(closure.id)
        clinic.availability.overrides.delete(closure.id)
        assert len(starts(clinic)) == 6

    def test_everything_that_is_stored_has_a_say(self, clinic: Practice) -> None:
        practice = Resource(ResourceKind.PRACTICE, clinic.id)
        place, device = (
            Resource(ResourceKind.LOCATION, "main"),
            Resource(ResourceKind.DEVICE, "mri"),
        )
        clinic.availability.add_all(
            [
                Override.closed(practice, DAY, hours="09:00-09:30"),
                Override.closed(place, DAY, hours="09:30-10:00"),
                RecurringBlocking("smith", Recurrence.daily(DAY), hours="10:00-10:30"),
                Override.closed(device, DAY, hours="11:00-11:30"),
            ]
        )
        assert starts(clinic) == ["10:30", "11:00", "11:30"]
        assert starts(clinic, "scan") == ["10:30", "11:30"]

    def test_a_change_of_zone_moves_what_states_none(self, clinic: Practice) -> None:
        smith = clinic.providers.get("smith")
        clinic.providers.update(attrs.evolve(smith, timezone="America/Los_Angeles"))
        slots = clinic.availability.slots("smith", "visit", LOW, HIGH)
        assert slots[0].start == datetime(2026, 1, 7, 17, tzinfo=UTC)

    def test_busy_time_is_given_by_the_caller(self, clinic: Practice) -> None:
        busy = [
            Claim.of("smith", nine(), nine(30)),
            Claim.of(Resource(ResourceKind.DEVICE, "mri"), nine(30), nine(60)),
        ]
        assert starts(clinic, busy=busy)[0] == "09:30"
        assert starts(clinic, "scan", busy=busy)[0] == "10:00"
        assert starts(clinic, busy=iter(busy))[0] == "09:30"

    def test_a_patients_own_time(self, clinic: Practice) -> None:
        busy = [Claim.of(Resource(ResourceKind.PATIENT, "ada"), nine(), nine(30))]
        assert starts(clinic, busy=busy)[0] == "09:00"
        assert starts(clinic, busy=busy, patient="ada")[0] == "09:30"

    def test_taken_slots_on_request(self, clinic: Practice) -> None:
        busy = [Claim.of("smith", nine(), nine(30), kind=ClaimKind.HOLD)]
        slots = clinic.availability.slots("smith", "visit", LOW, HIGH, busy=busy, taken=True)
        assert [slot.status for slot in slots[:2]] == [
            SlotStatus.BUSY_TENTATIVE,
            SlotStatus.FREE,
        ]

    def test_now_is_the_clocks_unless_given(self, clinic: Practice, clock: FixedClock) -> None:
        clock.set(nine(31))
        assert starts(clinic) == ["10:00", "10:30", "11:00", "11:30"]
        assert len(starts(clinic, now=nine())) == 6
        assert starts(clinic, now=nine(121)) == ["11:30"]

    def test_a_hold_expires_by_the_clock(self, clinic: Practice, clock: FixedClock) -> None:
        hold = Claim.of("smith", nine(120), nine(150), kind=ClaimKind.HOLD, expires=nine(5))
        clock.set(nine(5) - timedelta(microseconds=1))
        assert "11:00" not in starts(clinic, busy=[hold])
        clock.set(nine(5))
        assert "11:00" in starts(clinic, busy=[hold])

    def test_what_is_not_active_takes_no_part(self, clinic: Practice) -> None:
        clinic.rooms.deactivate("r1")
        assert starts(clinic, "scan") == []
        assert len(starts(clinic)) == 6
        clinic.appointment_types.deactivate("visit")
        assert starts(clinic) == []
        clinic.appointment_types.activate("visit")
        clinic.providers.deactivate("smith")
        assert starts(clinic) == []

    def test_practices_do_not_see_one_another(self, clinic: Practice, scheduler: Scheduler) -> None:
        other = scheduler.practice("elsewhere")
        with pytest.raises(NotFound):
            other.availability.slots("smith", "visit", LOW, HIGH)
        other.settings.configure(timezone="UTC")
        other.providers.create(id="smith")
        other.appointment_types.create(code="visit", duration=30 * MINUTE)
        assert len(other.availability.slots("smith", "visit", LOW, HIGH)) == 0


class TestCounts:
    def test_how_many_a_rule_opens(self, clinic: Practice) -> None:
        clinic.availability.add(
            AvailabilityRule("smith", Recurrence.once(DAY), hours="14:00-15:00", id="extra")
        )
        week = timedelta(days=7)
        assert clinic.availability.opened("mornings", "visit", LOW, LOW + week).total == 30
        assert clinic.availability.opened("extra", "visit", LOW, LOW + week).total == 2

    @pytest.mark.parametrize(
        "dates, hours, expected",
        [
            (Recurrence.once(DAY), "19:00-24:00", 10),
            (Recurrence.once(DAY), "22:00-03:00", 10),
            (Recurrence.dates(date(2025, 3, 1), DAY), "19:00-20:00", 4),
            (Recurrence.daily(DAY, until=date(2026, 1, 9)), "19:00-20:00", 6),
            (Recurrence.daily(DAY, count=365), "19:00-20:00", 2 * 365),
            (Recurrence.daily(DAY, count=366), "19:00-20:00", 2 * 366),
            (Recurrence.daily(DAY, count=367), "19:00-20:00", 2 * 366),
            (Recurrence.daily(DAY, count=367), "00:00-01:00", 2 * 366),
            (Recurrence.daily(date(9998, 12, 30)), "14:00-15:00", 4),
        ],
    )
    def test_how_many_it_opens_in_all_or_in_a_year(
        self, clinic: Practice, dates: Recurrence, hours: str, expected: int
    ) -> None:
        for zone in ("America/New_York", "Pacific/Kiritimati"):
            open_ = Hours(*hours.split("-"), overnight=hours == "22:00-03:00")
            rule = AvailabilityRule("smith", dates, hours=open_, timezone=zone)
            made = clinic.availability.add(rule)
            assert clinic.availability.opened(made.id, "visit").total == expected
            clinic.availability.rules.delete(made.id)

    def test_it_opens_none_before_or_after_it_is_valid(self, clinic: Practice) -> None:
        made = clinic.availability.add(
            AvailabilityRule(
                "smith",
                Recurrence.daily(DAY),
                hours="14:00-15:00",
                valid_from=date(2026, 2, 1),
                valid_to=date(2026, 2, 3),
                id="few",
            )
        )
        assert clinic.availability.opened("few", "visit").total == 6
        begins = datetime(2026, 2, 3, tzinfo=UTC)
        assert clinic.availability.opened("few", "visit", begins).total == 2
        assert clinic.availability.opened("few", "visit", end=begins).total == 4
        assert (
            clinic.availability.opened("few", "visit", datetime(2026, 9, 1, tzinfo=UTC)).total == 0
        )
        assert clinic.availability.opened("few", "visit", end=LOW).total == 0
        once = attrs.evolve(made, recurrence=Recurrence.once(DAY))
        clinic.availability.rules.update(once)
        assert clinic.availability.opened("few", "visit").total == 0

    def test_abroad_it_opens_as_much(self, clinic: Practice) -> None:
        trip = Travel("Pacific/Honolulu", DAY, DAY)
        clinic.providers.update(attrs.evolve(clinic.providers.get("smith"), travels=[trip]))
        clinic.availability.add(
            AvailabilityRule("smith", Recurrence.once(DAY), hours="20:00-24:00", id="late")
        )
        assert clinic.availability.opened("late", "visit").total == 8

    def test_closures_are_heeded_and_the_time_is_not(
        self, clinic: Practice, clock: FixedClock
    ) -> None:
        clock.set(datetime(2027, 1, 1, tzinfo=UTC))
        clinic.availability.add(Override.closed("smith", DAY, hours="09:00-10:00"))
        assert clinic.availability.opened("mornings", "visit", LOW, HIGH).total == 4

    def test_the_summary_of_statuses(self, clinic: Practice) -> None:
        busy = [
            Claim.of("smith", nine(), nine(30)),
            Claim.of("smith", nine(30), nine(60), kind=ClaimKind.BLOCKING),
        ]
        summary = clinic.availability.summary("smith", "visit", LOW, HIGH, busy=busy)
        assert (summary.total, summary.free, summary.busy, summary.unavailable) == (6, 4, 1, 1)

    def test_an_unknown_rule(self, clinic: Practice) -> None:
        with pytest.raises(NotFound):
            clinic.availability.opened("no-such-rule", "visit", LOW, HIGH)


class TestExplain:
    def test_offered_or_why_not(self, clinic: Practice) -> None:
        assert clinic.availability.explain("smith", "visit", at=nine()).offered
        taken = clinic.availability.explain(
            "smith", "visit", at=nine(), busy=[Claim.of("smith", nine(), nine(5), id="A-1")]
        )
        assert [(told.reason, told.by) for told in taken.violations] == [(Reason.TAKEN, "A-1")]
        past = clinic.availability.explain("smith", "visit", at=nine(), now=nine(1))
        assert [told.reason for told in past.violations] == [Reason.TOO_SOON]

    def test_a_timeline(self, clinic: Practice) -> None:
        stretches = clinic.availability.timeline("smith", "visit", LOW, HIGH)
        assert [stretch.open for stretch in stretches] == [False, True, False]
        assert stretches[1].start == nine()

    def test_a_check_of_one_or_of_all(self, clinic: Practice) -> None:
        clinic.providers.create(id="jones", timezone="America/New_York")
        for who in ("smith", "jones"):
            clinic.availability.add(
                AvailabilityRule(who, Recurrence.daily(DAY), hours="01:00-04:00")
            )
        ends = (date(2026, 3, 1), date(2026, 3, 31))
        found = clinic.availability.check(*ends)
        assert [(one.kind, one.resource.id) for one in found] == [
            (FindingKind.CLOCK_CHANGE, "jones"),
            (FindingKind.CLOCK_CHANGE, "smith"),
        ]
        assert len(clinic.availability.check(*ends, provider="smith")) == 1
        with pytest.raises(InvalidInterval):
            clinic.availability.check(*reversed(ends))
        with pytest.raises(NotFound):
            clinic.availability.check(*ends, provider="nobody")


Question = Callable[[Practice], object]


class TestBadQuestions:
    @pytest.mark.parametrize(
        "ask",
        [
            lambda c: c.availability.slots("nobody", "visit", LOW, HIGH),
            lambda c: c.availability.slots("smith", "nothing", LOW, HIGH),
            lambda c: c.availability.slots("smith", "visit", LOW, HIGH, patient="nobody"),
            lambda c: c.availability.slots("Smith", "visit", LOW, HIGH),
            lambda c: c.availability.summary("smith", "nothing", LOW, HIGH),
            lambda c: c.availability.explain("nobody", "visit", at=LOW),
            lambda c: c.availability.timeline("nobody", "visit", LOW, HIGH),
        ],
    )
    def test_unknown_provider_type_or_patient(self, clinic: Practice, ask: Question) -> None:
        with pytest.raises(NotFound) as caught:
            ask(clinic)
        assert isinstance(caught.value, LookupError)
        assert caught.value.id in ("nobody", "nothing", "Smith")

    @pytest.mark.parametrize("reader", ["slots", "summary", "timeline", "opened"])
    def test_windows(self, clinic: Practice, reader: str) -> None:
        who = "mornings" if reader == "opened" else "smith"

        def read(low: datetime, high: datetime) -> None:
            getattr(clinic.availability, reader)(who, "visit", low, high)

        naive = datetime(2026, 1, 7)
        for low, high, error in (
            (naive, HIGH, NaiveDatetime),
            (LOW, naive, NaiveDatetime),
            (HIGH, LOW, InvalidInterval),
            (LOW, LOW + timedelta(days=733), InvalidInterval),
            (datetime(9999, 1, 1, tzinfo=UTC), datetime(9999, 2, 1, tzinfo=UTC), OutOfRange),
            (datetime(1972, 1, 1, tzinfo=UTC), datetime(1972, 2, 1, tzinfo=UTC), OutOfRange),
        ):
            with pytest.raises(error) as caught:
                read(low, high)
            assert isinstance(caught.value, MedschedError)

    def test_instants(self, clinic: Practice) -> None:
        with pytest.raises(NaiveDatetime):
            clinic.availability.explain("smith", "visit", at=datetime(2026, 1, 7))
        with pytest.raises(InvalidInterval):
            clinic.availability.explain("smith", "visit", at=LOW + timedelta(seconds=1))
        with pytest.raises(NaiveDatetime):
            clinic.availability.slots("smith", "visit", LOW, HIGH, now=datetime(2026, 1, 7)).first()


class TestNothingHalfStored:
    def test_a_list_with_one_bad_rule(self, clinic: Practice, store: MemoryStore) -> None:
        good = AvailabilityRule("smith", Recurrence.once(DAY), hours="13:00-14:00", id="good")
        for bad, error in (
            (attrs.evolve(good, id="bad", hours="11:00-12:30"), OverlappingRules),
            (attrs.evolve(good, id="bad", hours="13:30-14:30"), OverlappingRules),
            (attrs.evolve(good, id="bad", location="nowhere"), NotFound),
            (attrs.evolve(good, id="bad", timezone="EST5EDT "), UnknownZone),
            (
                attrs.evolve(good, id="bad", slot_duration=MINUTE, hours="15:00-16:00"),
                InvalidDuration,
            ),
        ):
            with pytest.raises(error):
                clinic.availability.add_all([good, bad])
            assert [one.id for one in clinic.availability.rules.list(active=None)] == ["mornings"]
            assert len(starts(clinic)) == 6

    def test_a_bad_update_leaves_the_rule_as_it_was(self, clinic: Practice) -> None:
        clinic.availability.add(
            AvailabilityRule("smith", Recurrence.once(DAY), hours="13:00-14:00", id="later")
        )
        stored = clinic.availability.rules.get("later")
        with pytest.raises(OverlappingRules):
            clinic.availability.rules.update(attrs.evolve(stored, hours="11:30-14:00"))
        assert clinic.availability.rules.get("later") == stored
        assert starts(clinic)[-2:] == ["13:00", "13:30"]
