"""One-off blockings: time is kept from patients, and what stands in it is never passed over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
import pytest
from tests.races.wholeness import check_whole
from tests.services.group import MINUTE, SEATS, fill, nine, start

from medsched import (
    AlreadyExists,
    BookingRefused,
    InUse,
    InvalidChoice,
    InvalidInterval,
    Location,
    MedschedError,
    MemoryStore,
    NotFound,
    Practice,
    Reason,
    Resource,
    SlotStatus,
    VersionConflict,
)
from medsched.domain.appointments import AppointmentStatus
from medsched.testing.fixed import FixedClock

SMITH, GYM = Resource("provider", "smith"), Resource("room", "gym")


@pytest.fixture(autouse=True)
def _filled(clinic: Practice) -> None:
    fill(clinic)


def statuses(clinic: Practice) -> list[SlotStatus]:
    slots = clinic.availability.slots("smith", "visit", nine(), nine(120), taken=True)
    return [slot.status for slot in slots]


def test_nothing_is_booked_in_it(clinic: Practice, store: MemoryStore) -> None:
    made = clinic.blockings.add(["smith", GYM], nine(30), nine(60), reason="staff meeting")
    free, away = SlotStatus.FREE, SlotStatus.BUSY_UNAVAILABLE
    assert statuses(clinic) == [free, away, free, free]
    listed = clinic.availability.slots("smith", "visit", nine(), nine(120))
    assert nine(30) not in {slot.start for slot in listed}
    with pytest.raises(BookingRefused) as refused:
        clinic.appointments.book(start(30, "visit"), patient="p0")
    assert "staff meeting" not in str(refused.value)
    told = clinic.availability.explain("smith", "visit", at=nine(30))
    assert [one.reason for one in told.violations] == [Reason.TAKEN]
    assert "staff meeting" not in str(told)
    with pytest.raises(BookingRefused):
        clinic.appointments.book(start(0), patient="p0")  # it needs the room for an hour
    clinic.blockings.release(made)
    clinic.appointments.book(start(30, "visit"), patient="p0")
    check_whole(store, "riverside")
    with pytest.raises(NotFound):
        clinic.blockings.release(made)


def test_it_can_be_read_listed_and_moved(clinic: Practice) -> None:
    one = clinic.blockings.add("smith", nine(30), nine(60), id="b1")
    two = clinic.blockings.add(GYM, nine(0), nine(600), id="b2", reason="maintenance")
    assert clinic.blockings.get("b1") == one
    assert clinic.blockings.list().items == (one, two)
    assert clinic.blockings.list(resource=GYM).items == (two,)
    assert clinic.blockings.between("smith", nine(59), nine(90)) == [one]
    assert clinic.blockings.between("smith", nine(60), nine(90)) == []
    moved = clinic.blockings.move(one, nine(45), nine(75))
    assert (moved.start, moved.end, moved.version) == (nine(45), nine(75), 2)
    assert clinic.blockings.move(moved, nine(45), nine(75)) == moved
    with pytest.raises(VersionConflict):
        clinic.blockings.move(one, nine(0), nine(10))
    with pytest.raises(AlreadyExists):
        clinic.blockings.add("smith", nine(200), nine(210), id="b1")
    with pytest.raises(InUse):
        clinic.rooms.delete("gym")


class TestWhatStandsInIt:
    def test_is_named_and_nothing_is_blocked(self, clinic: Practice, store: MemoryStore) -> None:
        made = clinic.appointments.book(start(0, "visit"), patient="p0")
        clinic.appointments.book(start(90), patient="p1")
        with pytest.raises(BookingRefused) as refused:
            clinic.blockings.add("smith", nine(15), nine(300))
        first, second = refused.value.violations
        assert (first.by, second.reason) == (made.id, Reason.TAKEN)
        assert "p0" not in str(refused.value)
        assert clinic.blockings.list().items == ()
        check_whole(store, "riverside")

    @pytest.mark.parametrize("first", ["blocking", "appointment"])
    def test_is_doubled_if_it_is_kept(
        self, clinic: Practice, store: MemoryStore, first: str
    ) -> None:
        made = clinic.appointments.book(start(0, "visit"), patient="p0")
        blocked = clinic.blockings.add(["smith", GYM], nine(15), nine(90), stranded="keep")
        assert blocked.doubled
        check_whole(store, "riverside")
        if first == "blocking":
            clinic.blockings.release(blocked)
        clinic.appointments.cancel(made)
        if first == "appointment":
            check_whole(store, "riverside")
            clinic.blockings.release(blocked)
        assert store.ledger("riverside", [SMITH, GYM], 20000, 21000) == {}

    def test_is_cancelled_if_it_shall_be(self, clinic: Practice, store: MemoryStore) -> None:
        one = clinic.appointments.book(start(0, "visit"), patient="p0")
        several = [clinic.appointments.book(start(90), patient=f"p{n}") for n in range(SEATS)]
        blocked = clinic.blockings.add(
            "smith", nine(15), nine(120), reason="a burst pipe", stranded="cancel"
        )
        assert not blocked.doubled
        for made in (one, *several):
            gone = clinic.appointments.get(made.id)
            assert (gone.status, gone.cancellation, gone.session) == (
                AppointmentStatus.CANCELLED,
                "a burst pipe",
                None,
            )
        check_whole(store, "riverside")
        assert store.claims("riverside", [GYM], 0, 2**40) == []

    def test_is_asked_to_move(self, clinic: Practice, store: MemoryStore) -> None:
        made = clinic.appointments.book(start(0, "visit"), patient="p0")
        blocked = clinic.blockings.add("smith", nine(15), nine(90), stranded="move")
        asked = clinic.appointments.get(made.id)
        assert (asked.status, asked.version) == (AppointmentStatus.BOOKED, 2)
        assert {str(one.resource): one.participation.value for one in asked.participants} == {
            "provider smith": "accepted",
            "patient p0": "needs-action",
        }
        assert blocked.doubled
        check_whole(store, "riverside")
        (proposal,) = clinic.appointments.propose_moves([made.id])
        moved = clinic.appointments.reschedule(made.id, proposal.slots[0])
        assert moved.start == nine(90)

    def test_holds_and_blockings_are_never_cancelled(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        clinic.holds.place(start(0, "visit"), lasting=MINUTE)
        clinic.blockings.add("smith", nine(60), nine(90))
        for low in (0, 60):
            with pytest.raises(BookingRefused):
                clinic.blockings.add("smith", nine(low), nine(low + 30), stranded="cancel")
        clock.advance(MINUTE)
        clinic.blockings.add("smith", nine(0), nine(30), stranded="cancel")
        check_whole(store, "riverside")

    def test_what_has_begun_is_not_cancelled(self, clinic: Practice) -> None:
        made = clinic.appointments.book(start(0, "visit"), patient="p0")
        clinic.appointments.fulfil(clinic.appointments.arrive(made))
        with pytest.raises(BookingRefused):
            clinic.blockings.add("smith", nine(0), nine(30), stranded="cancel")


class TestAKeptSlot:
    def test_is_the_slots_time_and_given_up_for_the_one_it_is_kept_for(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        kept = clinic.blockings.block_slot(start(30, "visit"), kept_for="p3", reason="add-on")
        assert (kept.start, kept.end, kept.resources) == (nine(30), nine(60), frozenset({SMITH}))
        with pytest.raises(BookingRefused):
            clinic.appointments.book(start(30, "visit"), patient="p3")
        with pytest.raises(InvalidChoice):
            clinic.appointments.book(start(30, "visit"), patient="p4", in_place_of=kept)
        made = clinic.appointments.book(start(30, "visit"), patient="p3", in_place_of=kept.id)
        assert made.overridden == frozenset()
        with pytest.raises(NotFound):
            clinic.blockings.get(kept.id)
        check_whole(store, "riverside")
        with pytest.raises(NotFound):
            clinic.appointments.book(start(60, "visit"), patient="p3", in_place_of=kept)

    def test_a_slot_that_there_is_not_cannot_be_blocked(self, clinic: Practice) -> None:
        with pytest.raises(BookingRefused) as refused:
            clinic.blockings.block_slot(start(-60, "visit"))
        assert {one.reason for one in refused.value.violations} == {Reason.CLOSED}

    def test_who_it_is_kept_for_is_somebody(self, clinic: Practice) -> None:
        with pytest.raises(NotFound):
            clinic.blockings.block_slot(start(30, "visit"), kept_for="nobody")
        clinic.blockings.block_slot(start(30, "visit"), kept_for="p3")
        with pytest.raises(InUse):
            clinic.patients.delete("p3")


def test_bad_input_is_refused_by_name(clinic: Practice) -> None:
    clinic.locations.update(attrs.evolve(clinic.locations.get("main"), name="Main"))
    refused: list[tuple[Any, int, int, type[MedschedError]]] = [
        ([], 0, 30, InvalidChoice),
        (Resource("patient", "p0"), 0, 30, InvalidChoice),
        (Resource("practice", "riverside"), 0, 30, InvalidChoice),
        (Resource("location", "main"), 0, 30, InvalidChoice),
        ("smith", 30, 30, InvalidInterval),
        ("smith", 30, 0, InvalidInterval),
        ("smith", 0, 30 * 24 * 60, InvalidInterval),
        ("nobody", 0, 30, NotFound),
    ]
    for resources, low, high, error in refused:
        with pytest.raises(error):
            clinic.blockings.add(resources, nine(low), nine(high))
    with pytest.raises(InvalidInterval):
        clinic.blockings.add("smith", nine() + timedelta(seconds=1), nine(30))
    with pytest.raises(InvalidChoice):
        clinic.blockings.add("smith", nine(), nine(30), stranded="perhaps")
    assert clinic.blockings.list().items == ()
    assert Location(id="x", exclusive=True).exclusive


def test_a_repeated_request_blocks_once(clinic: Practice) -> None:
    first = clinic.blockings.add("smith", nine(), nine(30), idempotency_key="k")
    assert clinic.blockings.add("smith", nine(), nine(30), idempotency_key="k") == first
    assert clinic.blockings.list().items == (first,)
    clinic.blockings.release(first, idempotency_key="r")
    clinic.blockings.release(first, idempotency_key="r")


class TestOneSlot:
    def test_its_time_comes_back(self, clinic: Practice, store: MemoryStore) -> None:
        slot = clinic.availability.slots("smith", "visit", nine(30), nine(31))[0]
        made = clinic.blockings.block_slot(slot, kept_for="p0", reason="secret")
        other = clinic.blockings.add("smith", nine(60), nine(90))
        clinic.blockings.unblock_slot(slot, idempotency_key="once")
        assert clinic.blockings.list().items == (other,)
        assert statuses(clinic)[1] is SlotStatus.FREE
        assert [one.event.name for one in clinic.events.after()][-1] == "one-off-blocking.released"
        again = clinic.blockings.block_slot(slot, stranded="keep")
        clinic.blockings.unblock_slot(slot, idempotency_key="once")
        assert clinic.blockings.get(again.id) == again != made
        clinic.blockings.unblock_slot(slot.id)
        check_whole(store, "riverside")

    def test_nothing_is_done_where_nothing_blocks_it(self, clinic: Practice) -> None:
        made = clinic.appointments.book(start(30, "visit"), patient="p0")
        last = len(clinic.events.after())
        clinic.blockings.unblock_slot(start(30, "visit"))
        clinic.blockings.unblock_slot(start(0, "visit"))
        assert len(clinic.events.after()) == last
        assert clinic.appointments.get(made.id) == made

    @pytest.mark.parametrize(
        "who, span", [(["smith"], (15, 60)), (["smith"], (30, 45)), (["smith", GYM], (30, 60))]
    )
    def test_what_takes_more_or_less_is_not_its_own(
        self, clinic: Practice, who: list[Resource | str], span: tuple[int, int]
    ) -> None:
        longer = clinic.blockings.add(who, nine(span[0]), nine(span[1]), reason="secret")
        own = clinic.blockings.block_slot(start(30, "visit"), stranded="keep")
        with pytest.raises(BookingRefused) as refused:
            clinic.blockings.unblock_slot(start(30, "visit"))
        assert [one.by for one in refused.value.violations] == [longer.id]
        assert "secret" not in str(refused.value)
        assert {one.id for one in clinic.blockings.list()} == {longer.id, own.id}

    def test_what_is_no_slot(self, clinic: Practice) -> None:
        with pytest.raises(BookingRefused):
            clinic.blockings.unblock_slot(start(-600, "visit"))
        with pytest.raises(NotFound):
            clinic.blockings.unblock_slot(start(0, "no-type"))
