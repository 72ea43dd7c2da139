"""Holds: a slot is kept for a moment, for one principal, and not an instant longer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from tests.services.test_appointments import (
    ADA,
    BOB,
    MINUTE,
    everything,
    free,
    names,
    nine,
    opened,
    start,
)

from medsched import (
    AlreadyExists,
    InUse,
    InvalidChoice,
    InvalidDuration,
    InvalidId,
    InvalidSlotId,
    InvalidText,
    MedschedError,
    MemoryStore,
    Need,
    NotFound,
    Practice,
    Reason,
    Resource,
    Scheduler,
    SlotStatus,
)
from medsched.domain.principals import Principal
from medsched.domain.refusals import BookingRefused
from medsched.errors import HoldExpired, NotAllowed
from medsched.testing.fixed import FixedClock, NumberedIds

MILLISECOND = timedelta(milliseconds=1)


@pytest.fixture
def clinic(clinic: Practice) -> Practice:
    return opened(clinic)


class TestPlacing:
    def test_what_a_hold_says(self, clinic: Practice, clock: FixedClock) -> None:
        held = clinic.holds.place(start(), patient="ada")
        assert (held.id, held.version) == ("hold-1", 1)
        assert (held.provider, held.patient, held.type) == ("smith", "ada", "visit")
        assert (held.start, held.end, held.location) == (nine(), nine(30), "main")
        assert held.expires == clock.now() + 10 * MINUTE
        assert held.created_by == "system"
        assert clinic.holds.get(held.id) == held

    @pytest.mark.parametrize("way", ["slot", "id", "start"])
    def test_a_slot_is_named_in_any_way(self, clinic: Practice, way: str) -> None:
        (slot,) = clinic.availability.slots("smith", "visit", nine(), nine(1))
        named: Any = {"slot": slot, "id": slot.id, "start": start()}[way]
        assert clinic.holds.place(named).start == nine()

    def test_what_is_held_is_tentative_and_refused(self, clinic: Practice) -> None:
        held = clinic.holds.place(start(), patient="ada")
        assert free(clinic)[0] == "09:30"
        slots = clinic.availability.slots("smith", "visit", nine(), nine(1), taken=True)
        assert [slot.status for slot in slots] == [SlotStatus.BUSY_TENTATIVE]
        with pytest.raises(BookingRefused) as caught:
            clinic.appointments.book(start(), patient="bob")
        (told,) = caught.value.violations
        assert (told.reason, told.by, told.end) == (Reason.TAKEN, held.id, nine(30))
        with pytest.raises(BookingRefused):
            clinic.holds.place(start())
        assert "09:00" not in free(clinic, provider="jones", patient="ada")

    def test_a_patient_left_open_is_not_taken(self, clinic: Practice) -> None:
        clinic.holds.place(start())
        clinic.appointments.book(start(provider="jones"), patient="ada")

    def test_it_lasts_as_long_as_is_said(self, clinic: Practice, clock: FixedClock) -> None:
        for minutes, lasting in ((0, timedelta(microseconds=1)), (30, timedelta(hours=2))):
            held = clinic.holds.place(start(minutes), lasting=lasting)
            assert held.expires == clock.now() + lasting
        held = clinic.holds.place(start(60), lasting=timedelta(days=7))
        assert held.expires == held.end, "what is over is held for nobody"

    @pytest.mark.parametrize(
        "lasting", [timedelta(0), -MINUTE, timedelta(days=7, microseconds=1), 600, None]
    )
    def test_no_other_length_is_one(
        self, clinic: Practice, store: MemoryStore, lasting: Any
    ) -> None:
        before = everything(store, clinic)
        with pytest.raises(InvalidDuration) as caught:
            clinic.holds.place(start(), lasting=lasting)
        assert (caught.value.field, caught.value.value) == ("lasting", lasting)
        assert everything(store, clinic) == before

    def test_what_cannot_be_booked_cannot_be_held(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        clinic.appointments.book(start(30), patient="ada")
        before = everything(store, clinic)
        refused: Sequence[tuple[Any, dict[str, Any], type[MedschedError]]] = (
            (start(30), {}, BookingRefused),
            (start(31), {}, BookingRefused),
            (start(30, provider="jones"), {"patient": "ada"}, BookingRefused),
            (start(provider="nobody"), {}, NotFound),
            (start(), {"patient": "nobody"}, NotFound),
            (start(), {"id": "a\0b"}, InvalidId),
            (start(), {"resources": [Resource("room", "r9")]}, InvalidChoice),
            ("no slot", {}, InvalidSlotId),
        )
        for slot, details, error in refused:
            with pytest.raises(error):
                clinic.holds.place(slot, **details)
        assert everything(store, clinic) == before

    def test_a_refusal_carries_the_next_free_slots(self, clinic: Practice) -> None:
        clinic.holds.place(start())
        with pytest.raises(BookingRefused) as caught:
            clinic.holds.place(start())
        assert [one.start for one in caught.value.alternatives] == [nine(30), nine(60), nine(90)]

    def test_the_host_names_it_once(self, clinic: Practice) -> None:
        clinic.holds.place(start(), id="H-1")
        with pytest.raises(AlreadyExists):
            clinic.holds.place(start(30), id="H-1")

    def test_named_rooms_are_held_and_kept(self, clinic: Practice) -> None:
        clinic.rooms.create(id="r1", location="main")
        clinic.rooms.create(id="r2", location="main")
        clinic.appointment_types.create(
            code="scan", duration=30 * MINUTE, needs=[Need.room("r1", "r2", after=10 * MINUTE)]
        )
        held = clinic.holds.place(start(type="scan"), resources=[Resource("room", "r2")])
        made = clinic.holds.confirm(held, patient="ada")
        assert made.resources == held.resources == {Resource("room", "r2")}
        room = next(span for span in made.spans if span.resource.id == "r2")
        assert (room.start, room.end) == (nine(), nine(40))


class TestConfirming:
    def test_it_becomes_an_appointment(self, clinic: Practice, clock: FixedClock) -> None:
        held = clinic.holds.place(start(), patient="ada")
        clock.advance(MINUTE)
        made = clinic.holds.confirm(held, reason="cough", notes="new")
        assert (made.status.value, made.version, made.reference) == ("booked", 1, "REF-1")
        assert (made.start, made.end, made.wall, made.spans) == (
            *(held.start, held.end),
            *(held.wall, held.spans),
        )
        assert (made.patient, made.reason, made.notes) == ("ada", "cough", "new")
        assert {one.participation.value for one in made.participants} == {"accepted"}
        assert made.created_at == clock.now()
        assert clinic.appointments.get(made.id) == made
        with pytest.raises(NotFound):
            clinic.holds.get(held.id)
        assert free(clinic)[0] == "09:30"
        assert clinic.appointments.conflicts(made) == {}

    def test_the_claims_become_its_own(self, clinic: Practice, store: MemoryStore) -> None:
        made = clinic.holds.confirm(clinic.holds.place(start()), patient="ada")
        assert list(store.claims(clinic.id, [*made.everybody()], 0, 2**26)) == list(made.claims)

    def test_to_the_last_moment(self, clinic: Practice, clock: FixedClock) -> None:
        held = clinic.holds.place(start(), patient="ada")
        clock.set(held.expires - MILLISECOND)
        assert clinic.holds.confirm(held).patient == "ada"

    def test_and_not_from_the_instant_of_expiry_on(
        self, clinic: Practice, clock: FixedClock, store: MemoryStore
    ) -> None:
        held = clinic.holds.place(start(), patient="ada")
        clock.set(held.expires)
        before = everything(store, clinic)
        with pytest.raises(HoldExpired) as caught:
            clinic.holds.confirm(held)
        assert (caught.value.hold, caught.value.expired_at) == (held.id, held.expires)
        assert everything(store, clinic) == before

    def test_even_where_the_slot_is_no_longer_offered(
        self, clinic: Practice, clock: FixedClock
    ) -> None:
        clock.set(nine(-1))
        held = clinic.holds.place(start(), patient="ada")
        clinic.availability.rules.deactivate("mornings-smith")
        clock.set(nine(5))
        assert clinic.holds.confirm(held).start == nine(), "it was promised"

    def test_who_was_left_open_is_said_then(self, clinic: Practice, store: MemoryStore) -> None:
        held = clinic.holds.place(start())
        clinic.appointments.book(start(provider="jones"), patient="bob", id="A-1")
        clinic.patients.create(id="eve")
        clinic.patients.deactivate("eve")
        before = everything(store, clinic)
        with pytest.raises(InvalidChoice):
            clinic.holds.confirm(held)
        with pytest.raises(NotFound):
            clinic.holds.confirm(held, patient="nobody")
        with pytest.raises(BookingRefused) as caught:
            clinic.holds.confirm(held, patient="bob")
        assert [(one.resource, one.by) for one in caught.value.violations] == [(BOB, "A-1")]
        with pytest.raises(BookingRefused) as caught:
            clinic.holds.confirm(held, patient="eve")
        assert [one.reason for one in caught.value.violations] == [Reason.INACTIVE]
        assert everything(store, clinic) == before
        made = clinic.holds.confirm(held, patient="ada")
        assert ADA in {span.resource for span in made.spans}
        assert "09:00" not in free(clinic, provider="jones", patient="ada")

    def test_who_is_busy_then_is_told_the_next_free_slots(self, clinic: Practice) -> None:
        held = clinic.holds.place(start())
        clinic.appointments.book(start(provider="jones"), patient="bob")
        with pytest.raises(BookingRefused) as caught:
            clinic.holds.confirm(held, patient="bob")
        assert [one.start for one in caught.value.alternatives] == [nine(30), nine(60), nine(90)]

    def test_it_is_for_the_patient_that_it_was_placed_for(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        held = clinic.holds.place(start(), patient="ada")
        before = everything(store, clinic)
        with pytest.raises(InvalidChoice) as caught:
            clinic.holds.confirm(held, patient="bob")
        assert "ada" not in str(caught.value)
        assert everything(store, clinic) == before
        clinic.holds.confirm(held, patient="ada")

    def test_somebody_else_may_not(self, clinic: Practice, store: MemoryStore) -> None:
        held = clinic.holds.place(start(), patient="ada")
        kim = clinic.acting_as(Principal.trusted("kim"))
        before = everything(store, clinic)
        commands: Sequence[Callable[[], object]] = (
            lambda: kim.holds.confirm(held),
            lambda: kim.holds.release(held.id),
        )
        for command in commands:
            with pytest.raises(NotAllowed) as caught:
                command()
            assert caught.value.principal == "kim"
            assert isinstance(caught.value, PermissionError)
        with pytest.raises(BookingRefused):
            kim.appointments.book(start(), patient="ada")
        assert everything(store, clinic) == before
        clinic.holds.confirm(held)

    def test_the_one_who_holds_books_by_confirming_only(self, clinic: Practice) -> None:
        clinic.holds.place(start(), patient="ada")
        with pytest.raises(BookingRefused):
            clinic.appointments.book(start(), patient="ada")

    def test_another_practice_knows_it_not(self, clinic: Practice, scheduler: Scheduler) -> None:
        held = clinic.holds.place(start())
        other = opened(scheduler.practice("lakeside"))
        for command in (other.holds.get, other.holds.release):
            with pytest.raises(NotFound):
                command(held.id)
        other.holds.place(start())

    def test_texts_that_are_none_change_nothing(self, clinic: Practice, store: MemoryStore) -> None:
        held = clinic.holds.place(start(), patient="ada")
        before = everything(store, clinic)
        bad: Sequence[dict[str, Any]] = ({"reason": "a\0b"}, {"notes": "x" * 501}, {"notes": None})
        for texts in bad:
            with pytest.raises(InvalidText):
                clinic.holds.confirm(held, **texts)
        assert everything(store, clinic) == before

    def test_confirming_registers_a_patient_if_the_host_wishes(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        ids = NumberedIds()
        host = Scheduler(store, clock=clock, ids=ids, registers_patients=True).practice(clinic.id)
        host.holds.confirm(host.holds.place(start()), patient="new")
        host.holds.place(start(30), patient="newer")
        assert {one.id for one in clinic.patients.list()} == {"ada", "bob", "new", "newer"}


class TestExpiry:
    @pytest.fixture(params=["unswept", "swept"])
    def swept(self, request: pytest.FixtureRequest) -> bool:
        return bool(request.param == "swept")

    def test_an_expired_hold_blocks_nothing(
        self, clinic: Practice, clock: FixedClock, store: MemoryStore, swept: bool
    ) -> None:
        held = clinic.holds.place(start(), patient="ada")
        other = clinic.appointments.book(start(60, provider="jones"), patient="ada")
        clock.set(held.expires - MILLISECOND)
        assert free(clinic, patient="ada")[0] == "09:30"
        with pytest.raises(BookingRefused):
            clinic.appointments.book(start(), patient="bob")
        clock.set(held.expires)
        if swept:
            assert clinic.holds.sweep() == 1
        assert free(clinic, patient="ada")[0] == "09:00"
        assert (
            clinic.availability.explain("smith", "visit", at=nine(), patient="ada").violations == ()
        )
        moved = clinic.appointments.reschedule(other, start(provider="jones"))
        assert clinic.appointments.conflicts(moved) == {}
        made = clinic.appointments.book(start(), patient="bob")
        assert list(store.claims(clinic.id, [*made.everybody()], 0, 2**26)) == list(made.claims)
        assert names(clinic).count("hold.expired") == 1
        assert clinic.holds.sweep() == 0

    def test_one_hold_after_another(self, clinic: Practice, clock: FixedClock) -> None:
        for _ in range(3):
            held = clinic.holds.place(start(), patient="ada")
            clock.set(held.expires)
        assert names(clinic)[-5:] == ["hold.held", *["hold.expired", "hold.held"] * 2]

    def test_only_what_is_in_the_way_is_swept(self, clinic: Practice, clock: FixedClock) -> None:
        first, second = (clinic.holds.place(start(minutes)) for minutes in (0, 30))
        clock.set(first.expires)
        clinic.appointments.book(start(), patient="ada")
        assert clinic.holds.get(second.id) == second
        with pytest.raises(NotFound):
            clinic.holds.get(first.id)

    def test_nor_does_it_block_another_hold(
        self, clinic: Practice, clock: FixedClock, swept: bool
    ) -> None:
        clinic.holds.place(start(provider="jones"), patient="ada", lasting=MINUTE)
        held = clinic.holds.place(start())
        clock.advance(MINUTE)
        if swept:
            clinic.holds.sweep()
        made = clinic.holds.confirm(held, patient="ada")
        assert clinic.appointments.conflicts(made) == {}

    def test_what_it_held_can_be_deleted(
        self, clinic: Practice, clock: FixedClock, swept: bool
    ) -> None:
        held = clinic.holds.place(start(), patient="ada")
        with pytest.raises(InUse):
            clinic.patients.delete("ada")
        clock.set(held.expires)
        if swept:
            clinic.holds.sweep()
        clinic.patients.delete("ada")

    def test_a_swept_hold_tells_that_it_is_gone(self, clinic: Practice, clock: FixedClock) -> None:
        held = clinic.holds.place(start(), patient="ada")
        clock.set(held.expires)
        clinic.holds.sweep()
        with pytest.raises((HoldExpired, NotFound)):
            clinic.holds.confirm(held)


class TestReleasing:
    def test_the_time_is_free_again(self, clinic: Practice, store: MemoryStore) -> None:
        held = clinic.holds.place(start(), patient="ada")
        clinic.holds.release(held)
        assert free(clinic)[0] == "09:00"
        assert names(clinic)[-2:] == ["hold.held", "hold.released"]
        before = everything(store, clinic)
        with pytest.raises(NotFound):
            clinic.holds.release(held)
        with pytest.raises(NotFound):
            clinic.holds.confirm(held)
        assert everything(store, clinic) == before

    def test_after_expiry_too(self, clinic: Practice, clock: FixedClock) -> None:
        held = clinic.holds.place(start())
        clock.set(held.expires + MINUTE)
        clinic.holds.release(held)
        assert clinic.holds.sweep() == 0

    def test_a_confirmed_hold_frees_nothing(self, clinic: Practice) -> None:
        held = clinic.holds.place(start(), patient="ada")
        clinic.holds.confirm(held)
        with pytest.raises(NotFound):
            clinic.holds.release(held)
        assert free(clinic)[0] == "09:30"

    @pytest.mark.parametrize("id", ["", "a\0b", "x" * 300, "hold-9"])
    def test_there_is_none_of_that_name(self, clinic: Practice, id: str) -> None:
        for command in (clinic.holds.get, clinic.holds.release, clinic.holds.confirm):
            with pytest.raises((NotFound, InvalidId)):
                command(id)


def test_sweeping_takes_what_has_expired_and_nothing_else(
    clinic: Practice, clock: FixedClock
) -> None:
    for minutes in (0, 30, 60):
        clinic.holds.place(start(minutes), lasting=5 * MINUTE)
    left = clinic.holds.place(start(90), lasting=6 * MINUTE)
    assert clinic.holds.sweep() == 0
    clock.advance(5 * MINUTE)
    assert clinic.holds.sweep() == 3
    assert clinic.holds.get(left.id) == left
    assert clinic.holds.sweep() == 0


def test_sweeping_takes_any_number(clock: FixedClock) -> None:
    scheduler = Scheduler(MemoryStore(), clock=clock, ids=NumberedIds())
    clinic = opened(scheduler.practice("riverside"))
    for number in range(250):
        day, half_hour = divmod(number, 6)
        clinic.holds.place(start(day * 1440 + half_hour * 30))
    clock.advance(10 * MINUTE)
    assert clinic.holds.sweep() == 250
