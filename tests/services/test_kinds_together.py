"""What one kind of booking means for another: each test was a mistake once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import attrs
import pytest
from tests.races.wholeness import check_whole
from tests.services.group import MINUTE, fill, nine, start

from medsched import (
    AppointmentsStranded,
    BookingRules,
    InvalidChoice,
    InvalidDuration,
    MemoryStore,
    Override,
    Participation,
    Practice,
    Recurrence,
    RecurringBlocking,
    SlotsOverlap,
    TimeBlock,
)
from medsched.domain.appointments import AppointmentStatus
from medsched.testing.fixed import FixedClock

WHY = "an emergency"


@pytest.fixture(autouse=True)
def _filled(clinic: Practice) -> None:
    fill(clinic)


class TestDoubledTimeIsGivenBackAndTakenOver:
    @pytest.mark.parametrize("by", ["blocking", "staff"])
    @pytest.mark.parametrize("whose", ["p0", None])
    def test_a_hold_is_confirmed(
        self, clinic: Practice, store: MemoryStore, by: str, whose: str | None
    ) -> None:
        held = clinic.holds.place(start(0, "visit"), patient=whose)
        if by == "blocking":
            clinic.blockings.add("smith", nine(0), nine(60), stranded="keep")
        else:
            clinic.appointments.book(start(15, "visit"), patient="p1", override=WHY)
        made = clinic.holds.confirm(held, patient="p0")
        assert made.start == nine(0)
        check_whole(store, "riverside")

    def test_a_seat_beside_a_held_one_is_cancelled(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        seat = clinic.appointments.book(start(0), patient="p0")
        clinic.holds.place(start(0), patient="p1", lasting=60 * MINUTE)
        clinic.appointments.book(start(15, "visit"), patient="p2", override=WHY)
        clinic.appointments.cancel(seat)
        check_whole(store, "riverside")
        clinic.appointments.book(start(0), patient="p3", override=WHY)
        check_whole(store, "riverside")


def test_a_blocking_cancels_nothing_that_has_begun(clinic: Practice, clock: FixedClock) -> None:
    made = clinic.appointments.book(start(0, "visit"), patient="p0")
    clock.set(nine(10))
    with pytest.raises(ValueError, match="has an appointment"):
        clinic.blockings.add("smith", nine(0), nine(60), stranded="cancel")
    assert clinic.appointments.get(made.id) == made


class TestMovedSlots:
    @pytest.mark.parametrize(
        "change",
        [
            lambda clinic: clinic.availability.delete_slot(start(70, "visit")),
            lambda clinic: clinic.availability.restore_slot(start(70, "visit")),
            lambda clinic: clinic.availability.change_slot(
                start(70, "visit"), start=nine(75), end=nine(85)
            ),
            lambda clinic: clinic.availability.slot_overrides.delete(
                clinic.availability.slot_overrides.list().items[0].id
            ),
        ],
        ids=["deleted", "restored", "moved again", "its override deleted"],
    )
    def test_who_stands_in_one_is_not_passed_over(
        self, clinic: Practice, change: Callable[[Practice], object]
    ) -> None:
        clinic.availability.change_slot(start(60, "visit"), start=nine(70), end=nine(85))
        made = clinic.appointments.book(start(70, "visit"), patient="p0")
        with pytest.raises(AppointmentsStranded) as caught:
            change(clinic)
        assert [one.appointment for one in caught.value.stranded] == [made]

    def test_nor_is_who_stands_in_one_that_is_shortened(self, clinic: Practice) -> None:
        clinic.appointments.book(start(0, "visit"), patient="p0")
        with pytest.raises(AppointmentsStranded):
            clinic.availability.change_slot(start(0, "visit"), end=nine(15))

    def test_none_comes_back_under_another(self, clinic: Practice) -> None:
        clinic.availability.delete_slot(start(60, "visit"))
        clinic.availability.change_slot(start(0, "visit"), start=nine(65), end=nine(85))
        with pytest.raises(SlotsOverlap):
            clinic.availability.restore_slot(start(60, "visit"))

    def test_a_price_is_a_price(self, clinic: Practice) -> None:
        with pytest.raises(InvalidChoice):
            clinic.availability.change_slot(start(0, "visit"), pricing=5)  # type: ignore[arg-type]


@pytest.mark.parametrize("how", ["change", "delete", "delete all"])
def test_the_slot_of_a_time_block_is_the_blocks(clinic: Practice, how: str) -> None:
    block = clinic.time_blocks.publish(TimeBlock("smith", date(2026, 1, 7), "18:00-19:00"))
    there, slots = start(540, "visit"), clinic.availability

    def change() -> None:
        if how == "change":
            slots.change_slot(there, end=nine(570))
        else:
            slots.delete_slot(there, recurring=how == "delete all")

    with pytest.raises(InvalidChoice, match="time block"):
        change()
    made = clinic.time_blocks.book(block, type="visit", patient="p0")
    assert (made.start, made.end) == (nine(540), nine(600))


def test_only_a_blocking_in_the_way_is_given_up(clinic: Practice) -> None:
    elsewhere = clinic.blockings.add("jones", nine(0), nine(60), reason="maintenance")
    with pytest.raises(InvalidChoice, match="none of the time"):
        clinic.appointments.book(start(0, "visit"), patient="p0", in_place_of=elsewhere)
    assert clinic.blockings.list().items == (elsewhere,)


@pytest.mark.parametrize(
    "rules", [BookingRules(per_day=3), BookingRules(spacing=timedelta(hours=3))], ids=["cap", "far"]
)
def test_proposals_keep_to_the_rules_together(clinic: Practice, rules: BookingRules) -> None:
    patients = ["p0", "p0", "p1"]
    made = [
        clinic.appointments.book(start(210 * at, "visit"), patient=who)
        for at, who in enumerate(patients)
    ]
    day = 24 * 60
    clinic.appointments.book(start(day, "visit"), patient="p5")
    smith = clinic.providers.get("smith")
    clinic.providers.update(attrs.evolve(smith, rules=rules))
    clinic.availability.add(Override.closed("smith", date(2026, 1, 7)), stranded="move")
    for one in clinic.appointments.propose_moves([each.id for each in made]):
        assert one.slots
        clinic.appointments.reschedule(one.appointment.id, one.slots[0])


def test_what_staff_booked_out_of_hours_is_not_stranded_by_what_comes_and_goes(
    clinic: Practice,
) -> None:
    made = clinic.appointments.book(start(540, "visit"), patient="p0", override=WHY)
    extra = clinic.availability.add(Override.extra("smith", date(2026, 1, 7), hours="18:00-19:00"))
    clinic.availability.overrides.delete(extra.id)
    assert clinic.appointments.get(made.id).status is AppointmentStatus.BOOKED
    assert clinic.availability.stranded() == ()


def test_who_was_asked_to_move_from_a_closed_room_is_listed(clinic: Practice) -> None:
    made = clinic.appointments.book(start(0), patient="p0")
    clinic.rooms.deactivate("gym", stranded="move")
    (found,) = clinic.availability.stranded()
    assert found.appointment.id == made.id
    asked = {one.participation for one in found.appointment.participants}
    assert Participation.NEEDS_ACTION in asked


class TestKeys:
    def test_a_slot_is_blocked_once_whatever_became_of_its_hours(self, clinic: Practice) -> None:
        first = clinic.blockings.block_slot(start(0, "visit"), idempotency_key="k")
        clinic.availability.add(Override.closed("smith", date(2026, 1, 7)), stranded="keep")
        assert clinic.blockings.block_slot(start(0, "visit"), idempotency_key="k") == first

    def test_a_repeated_series_offers_the_same_instead(self, clinic: Practice) -> None:
        visit = clinic.appointment_types.get("visit")
        rules = BookingRules(needs_referral=True)
        clinic.appointment_types.update(attrs.evolve(visit, rules=rules))
        clinic.blockings.add("smith", nine(0), nine(30))
        options = {
            "patient": "p0",
            "recurrence": Recurrence.parse("FREQ=DAILY;COUNT=2", start=date(2026, 1, 7)),
            "at": datetime(2026, 1, 7, 9).time(),
            "skip": True,
            "referral": "R-1",
            "idempotency_key": "k",
        }
        first = clinic.series.book("smith", "visit", **options)  # type: ignore[arg-type]
        again = clinic.series.book("smith", "visit", **options)  # type: ignore[arg-type]
        assert [len(one.alternatives) for one in first.unbooked] == [3]
        assert again == first


def test_what_a_blocking_is_for_is_not_for_patients(clinic: Practice) -> None:
    meeting = RecurringBlocking(
        "smith", Recurrence.daily(start=date(2026, 1, 1)), hours="10:00-10:30", reason="Mr X"
    )
    clinic.availability.add(meeting)
    told = clinic.availability.explain("smith", "visit", at=nine(60), patient="p0")
    assert "Mr X" not in str(told)
    assert "Mr X" in str(clinic.availability.explain("smith", "visit", at=nine(60)))
    assert "Mr X" not in repr(clinic.blockings.add("smith", nine(0), nine(30), reason="Mr X"))


def test_a_full_day_tells_its_sessions_wherever_it_is_read(clinic: Practice) -> None:
    type_ = clinic.appointment_types.get("class")
    clinic.appointment_types.update(attrs.evolve(type_, rules=BookingRules(per_day=1)))
    clinic.appointments.book(start(0), patient="p0")
    asked = ("smith", "class", nine(-60), nine(480))
    live = clinic.availability.slots(*asked, taken=True)
    assert (live[0].start, live[0].seats_free) == (nine(0), 0)
    found = clinic.availability.published(*asked)
    assert [(one.slot_id, one.status, one.seats_free) for one in found] == [
        (one.id, one.status, one.seats_free) for one in live
    ]


def test_proposals_want_a_length_of_time(clinic: Practice) -> None:
    with pytest.raises(InvalidDuration):
        clinic.appointments.propose_moves([], within=5)  # type: ignore[arg-type]


def test_one_id_is_one(clinic: Practice) -> None:
    made = clinic.appointments.book(start(0, "visit"), patient="p0")
    (proposal,) = clinic.appointments.propose_moves(made.id, providers="jones")
    assert proposal.appointment == made
    done = clinic.availability.publish(timedelta(days=1), providers="smith", types="visit")
    assert done.days == 1
