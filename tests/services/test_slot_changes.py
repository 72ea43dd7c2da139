"""Slots changed one by one: moved, priced, noted, taken away, and put back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from threading import Barrier, Thread
from typing import Any, Final

import attrs
import pytest
from tests.services.test_appointments import MINUTE, everything, free, names, nine, opened, start
from tests.services.test_stranding import Meanwhile

from medsched import (
    AlreadyExists,
    AmbiguousTime,
    AppointmentsStranded,
    AppointmentType,
    AvailabilityRule,
    BookingRefused,
    Grid,
    InvalidChoice,
    InvalidDuration,
    InvalidHours,
    InvalidInterval,
    InvalidSlotId,
    InvalidText,
    Location,
    MedschedError,
    MemoryStore,
    NaiveDatetime,
    NotFound,
    OutsideHours,
    Override,
    Patient,
    Practice,
    Pricing,
    Reason,
    Recurrence,
    Resource,
    Scheduler,
    Slot,
    SlotOverride,
    SlotsOverlap,
    Start,
    VersionConflict,
)
from medsched.testing.fixed import FixedClock

DAY: Final = date(2026, 1, 7)
DAILY: Final = Recurrence.daily(start=date(2026, 1, 1))
FEE: Final = Pricing(base_fee=Decimal("175.00"))


@pytest.fixture
def clinic(clinic: Practice) -> Practice:
    """Smith sees patients half an hour each, a quarter of an hour apart."""
    opened(clinic)
    rule = clinic.availability.rules.get("mornings-smith")
    clinic.availability.rules.update(attrs.evolve(rule, break_duration=15 * MINUTE))
    clinic.add_all(
        [
            Location(id="branch"),
            Patient(id="eve"),
            AppointmentType(code="check", duration=15 * MINUTE),
            AppointmentType(code="class", duration=30 * MINUTE, capacity=2),
        ]
    )
    return clinic


def slot(clinic: Practice, wall: str, type: str = "visit") -> Slot:
    """The slot of Smith's that starts on that Wednesday when the clock shows this."""
    day = nine().replace(hour=5)
    listed = clinic.availability.slots("smith", type, day, day + timedelta(days=1), taken=True)
    return next(one for one in listed if f"{one.local_start:%H:%M}" == wall)


def lasts(clinic: Practice, duration: timedelta) -> None:
    """Let the slots of Smith's mornings be of another length than the type says."""
    rule = clinic.availability.rules.get("mornings-smith")
    clinic.availability.rules.update(attrs.evolve(rule, slot_duration=duration))


def against(clinic: Practice, minutes: int, type: str = "visit") -> set[Reason]:
    """Why a start is refused; nothing for one that is offered."""
    found = clinic.availability.explain("smith", type, at=nine(minutes))
    assert found.offered == (not found.violations)
    return {one.reason for one in found.violations}


GRID: Final = ["09:00", "09:45", "10:30", "11:15"]


class TestMoving:
    def test_it_is_where_it_was_put(self, clinic: Practice) -> None:
        assert free(clinic) == GRID
        made = clinic.availability.change_slot(slot(clinic, "09:45"), start=nine(60))
        assert free(clinic) == ["09:00", "10:00", "10:30", "11:15"]
        assert (made.start, made.begins, made.version) == (nine(45), nine(60), 1)
        moved = slot(clinic, "10:00")
        assert (moved.start, moved.end) == (nine(60), nine(90))
        assert (moved.opened_by, moved.changed_by) == ("mornings-smith", made.id)
        assert against(clinic, 60) == set()
        assert against(clinic, 45) == {Reason.WITHDRAWN}
        (told,) = clinic.availability.explain("smith", "visit", at=nine(45)).violations
        assert str(told) == "this slot was changed: it is at 2026-01-07 10:00 as a visit"

    def test_it_can_be_booked_there_and_no_more_where_it_was(self, clinic: Practice) -> None:
        old = slot(clinic, "09:45")
        clinic.availability.change_slot(old, start=nine(60), end=nine(80))
        made = clinic.appointments.book(slot(clinic, "10:00"), patient="ada")
        assert (made.start, made.end) == (nine(60), nine(80))
        with pytest.raises(BookingRefused) as caught:
            clinic.appointments.book(old, patient="bob")
        told = {one.reason for one in caught.value.violations}
        assert told == {Reason.WITHDRAWN, Reason.TAKEN}
        assert against(clinic, 60) == {Reason.TAKEN}

    def test_other_days_and_other_types_stay(self, clinic: Practice) -> None:
        checks = free(clinic, "check")
        clinic.availability.change_slot(slot(clinic, "09:45"), start=nine(60))
        assert free(clinic, "check") == checks
        thursday = nine() + timedelta(days=1)
        listed = clinic.availability.slots("smith", "visit", thursday, thursday + 180 * MINUTE)
        assert [f"{one.local_start:%H:%M}" for one in listed] == GRID

    @pytest.mark.parametrize(
        "times, expected",
        [
            ({"start": "10:00"}, (60, 90)),
            ({"start": time(10)}, (60, 90)),
            ({"end": "10:20"}, (45, 80)),
            ({"start": "10:00", "end": time(10, 20)}, (60, 80)),
            ({"start": nine(60), "end": "10:20"}, (60, 80)),
        ],
    )
    def test_to_a_time_of_day(
        self, clinic: Practice, times: dict[str, Any], expected: tuple[int, int]
    ) -> None:
        made = clinic.availability.change_slot(slot(clinic, "09:45"), **times)
        told = clinic.availability.slot(made)
        assert (told.start, told.end) == (nine(expected[0]), nine(expected[1]))

    def test_a_time_of_day_is_that_of_the_date_it_was_put_on(self, clinic: Practice) -> None:
        hours, day = clinic.availability, timedelta(days=1)
        hours.delete_slot(Start("smith", "visit", nine(45) + day))
        there = hours.slot(hours.change_slot(slot(clinic, "09:45"), start=nine(60) + day))
        assert hours.change_slot(there, start="09:50").begins == nine(50) + day

    @pytest.mark.parametrize(
        "wrong, error",
        [
            ("10:60", InvalidHours),
            ("noon", InvalidHours),
            (time(10, tzinfo=UTC), InvalidHours),
            (10, InvalidHours),
            ("08:00", OutsideHours),
        ],
    )
    def test_to_what_is_no_time_of_day(
        self, clinic: Practice, wrong: Any, error: type[MedschedError]
    ) -> None:
        with pytest.raises(error):
            clinic.availability.change_slot(slot(clinic, "09:45"), start=wrong)
        with pytest.raises(InvalidInterval):
            clinic.availability.change_slot(slot(clinic, "09:45"), end="09:45")
        assert free(clinic) == GRID

    def test_where_the_clocks_change_it_takes_an_instant(self, clinic: Practice) -> None:
        """At 02:00 on 2026-11-01 New York's clocks show 01:00 again."""
        day, hours = date(2026, 11, 1), clinic.availability
        hours.add(AvailabilityRule("smith", Recurrence.once(day), hours="00:00-04:00", id="night"))
        early = Start("smith", "visit", datetime(2026, 11, 1, 4, 30, tzinfo=UTC))
        for wall in ("01:10", time(1, 10)):
            with pytest.raises(AmbiguousTime):
                hours.change_slot(early, end=wall)
        assert hours.slot(hours.change_slot(early, end="00:50")).duration == 20 * MINUTE

    def test_to_the_end_of_the_day(self, clinic: Practice) -> None:
        late = AvailabilityRule("smith", Recurrence.once(DAY), hours="23:00-24:00", id="late")
        clinic.availability.add(late)
        made = clinic.availability.change_slot(slot(clinic, "23:30"), start="23:40", end="24:00")
        assert (made.begins, made.ends) == (nine(880), nine(900))

    def test_it_can_be_moved_again_and_is_still_one(self, clinic: Practice) -> None:
        clinic.availability.change_slot(slot(clinic, "09:45"), start=nine(60), end=nine(80))
        again = clinic.availability.change_slot(slot(clinic, "10:00"), start=nine(30))
        assert (again.version, again.offered_from, again.ends) == (2, nine(30), nine(50))
        assert free(clinic) == ["09:00", "09:30", "10:30", "11:15"]
        back = clinic.availability.change_slot(slot(clinic, "09:30"), start=nine(45))
        assert free(clinic) == GRID
        assert len(clinic.availability.slot_overrides.list()) == 1
        assert back.version == 3

    def test_named_by_its_id_or_by_hand(self, clinic: Practice) -> None:
        clinic.availability.change_slot(slot(clinic, "09:45").id, notes="first")
        clinic.availability.change_slot(start(45), notes="second")
        clinic.availability.change_slot(start(45, location="main"), end=nine(70))
        found = slot(clinic, "09:45")
        assert (found.notes, found.end) == ("second", nine(70))

    def test_it_stays_whatever_becomes_of_the_grid(self, clinic: Practice) -> None:
        clinic.availability.change_slot(slot(clinic, "09:45"), start=nine(60))
        rule = clinic.availability.rules.get("mornings-smith")
        clinic.availability.rules.update(attrs.evolve(rule, break_duration=60 * MINUTE))
        assert free(clinic) == ["09:00", "10:00", "10:30"]
        clinic.availability.add(Override.closed("smith", DAY, hours="10:00-10:10"))
        assert free(clinic) == ["09:00", "10:30"]
        assert Reason.CLOSED in against(clinic, 60)

    def test_a_group_keeps_its_seats(self, clinic: Practice) -> None:
        clinic.availability.change_slot(slot(clinic, "09:45", "class"), start=nine(60))
        for patient in ("ada", "bob"):
            seat = clinic.appointments.book(slot(clinic, "10:00", "class"), patient=patient)
            assert (seat.start, seat.seats) == (nine(60), 2)
        assert Reason.FULL in against(clinic, 60, "class")

    @pytest.mark.parametrize("grid", [Grid.clock(15 * MINUTE), Grid.packed()])
    def test_on_every_grid(self, clinic: Practice, grid: Grid) -> None:
        visit = clinic.appointment_types.get("visit")
        clinic.appointment_types.update(attrs.evolve(visit, grid=grid))
        before = free(clinic)
        clinic.availability.delete_slot(slot(clinic, before[1]))
        assert before[1] not in free(clinic)
        longer = clinic.availability.change_slot(slot(clinic, "09:00"), end=nine(25))
        assert slot(clinic, "09:00").end == longer.ends


class TestWhereItCannotBe:
    @pytest.mark.parametrize(
        "wall, times",
        [
            ("09:45", {"start": nine(90)}),
            ("09:45", {"start": nine(61)}),
            ("09:45", {"end": nine(91)}),
            ("09:45", {"start": nine(20)}),
            ("09:00", {"end": nine(180)}),
        ],
    )
    def test_over_another_slot(
        self, store: MemoryStore, clinic: Practice, wall: str, times: dict[str, Any]
    ) -> None:
        before, chosen = everything(store, clinic), slot(clinic, wall)
        with pytest.raises(SlotsOverlap) as caught:
            clinic.availability.change_slot(chosen, **times)
        error = caught.value
        low, high = error.slot
        assert (low, high) == (
            times.get("start", chosen.start),
            times.get("end", times.get("start", chosen.start) + chosen.duration),
        )
        assert error.other[0] < high
        assert low < error.other[1]
        assert "a slot of visit" in str(error)
        assert everything(store, clinic) == before

    def test_over_a_slot_that_was_moved_there(self, clinic: Practice) -> None:
        clinic.availability.delete_slot(slot(clinic, "10:30"))
        clinic.availability.change_slot(slot(clinic, "09:45"), start=nine(70))
        with pytest.raises(SlotsOverlap):
            clinic.availability.change_slot(slot(clinic, "09:00"), start=nine(90))
        clinic.availability.change_slot(slot(clinic, "09:00"), start=nine(100))

    def test_over_an_appointment_of_another_type(
        self, store: MemoryStore, clinic: Practice
    ) -> None:
        clinic.appointments.book(start(60, "check"), patient="ada", id="a")
        before = everything(store, clinic)
        with pytest.raises(SlotsOverlap) as caught:
            clinic.availability.change_slot(slot(clinic, "09:45"), start=nine(60))
        assert caught.value.what == "appointment 'a'"
        assert caught.value.other == (nine(60), nine(75))
        assert "ada" not in str(caught.value)
        assert everything(store, clinic) == before
        clinic.appointments.cancel("a")
        clinic.availability.change_slot(slot(clinic, "09:45"), start=nine(60))

    @pytest.mark.parametrize("minutes", [-60, -1, 151, 180, 600])
    def test_out_of_hours(self, store: MemoryStore, clinic: Practice, minutes: int) -> None:
        before = everything(store, clinic)
        with pytest.raises(OutsideHours) as caught:
            clinic.availability.change_slot(slot(clinic, "11:15"), start=nine(minutes))
        assert (caught.value.provider, caught.value.start) == ("smith", nine(minutes))
        assert everything(store, clinic) == before

    def test_at_another_place(self, clinic: Practice) -> None:
        clinic.availability.add(
            Override.extra("smith", DAY, hours="13:00-14:00", location="branch")
        )
        with pytest.raises(OutsideHours):
            clinic.availability.change_slot(slot(clinic, "11:15"), start=nine(240))

    @pytest.mark.parametrize(
        "changes, error",
        [
            ({"start": datetime(2026, 1, 7, 10)}, NaiveDatetime),
            ({"start": nine(60) + timedelta(seconds=1)}, InvalidInterval),
            ({"end": nine(45)}, InvalidInterval),
            ({"end": nine(30)}, InvalidInterval),
            ({"start": nine(75), "end": nine(60)}, InvalidInterval),
            ({"start": nine(60), "end": nine(64)}, InvalidDuration),
            ({"end": nine(0) + timedelta(days=8)}, InvalidDuration),
            ({"type": "none"}, NotFound),
            ({"notes": "x" * 501}, InvalidText),
            ({"stranded": "perhaps"}, InvalidChoice),
        ],
    )
    def test_bad_input(
        self,
        store: MemoryStore,
        clinic: Practice,
        changes: dict[str, Any],
        error: type[MedschedError],
    ) -> None:
        before = everything(store, clinic)
        with pytest.raises(error):
            clinic.availability.change_slot(slot(clinic, "09:45"), **changes)
        assert everything(store, clinic) == before

    def test_what_is_no_slot(self, store: MemoryStore, clinic: Practice) -> None:
        clinic.availability.delete_slot(slot(clinic, "10:30"))
        before = everything(store, clinic)
        for command in (clinic.availability.change_slot, clinic.availability.delete_slot):
            for minutes in (10, 90, 600):
                with pytest.raises(NotFound):
                    command(start(minutes))
            with pytest.raises(NotFound):
                command(start(0, location="branch"))
            with pytest.raises(NotFound):
                command(start(0, provider="nobody"))
            with pytest.raises(InvalidSlotId):
                command("no slot")
        for minutes in (0, 10):
            with pytest.raises(NotFound):
                clinic.availability.restore_slot(start(minutes))
        assert everything(store, clinic) == before


class TestWhatItSays:
    def test_price_notes_and_requirements(self, clinic: Practice) -> None:
        made = clinic.availability.change_slot(
            slot(clinic, "09:45"), pricing=FEE, notes="bring X-rays", special_requirements="fasting"
        )
        assert free(clinic) == GRID
        found, other = slot(clinic, "09:45"), slot(clinic, "09:00")
        assert (found.pricing, found.notes, found.changed_by) == (FEE, "bring X-rays", made.id)
        assert found.special_requirements == {"fasting"}
        assert (other.pricing, other.notes, other.changed_by) == (None, "", "")

    def test_it_stays_on_its_grid_and_goes_with_it(self, clinic: Practice) -> None:
        clinic.availability.change_slot(slot(clinic, "09:45"), pricing=FEE)
        rule = clinic.availability.rules.get("mornings-smith")
        clinic.availability.rules.update(attrs.evolve(rule, break_duration=0 * MINUTE))
        assert "09:45" not in free(clinic)
        assert against(clinic, 45) == {Reason.OFF_GRID}

    def test_another_type(self, clinic: Practice) -> None:
        rule = clinic.availability.rules.get("mornings-smith")
        clinic.availability.rules.update(attrs.evolve(rule, types={"visit"}))
        assert free(clinic, "check") == []
        clinic.availability.change_slot(slot(clinic, "09:45"), type="check")
        assert free(clinic) == ["09:00", "10:30", "11:15"]
        assert free(clinic, "check") == ["09:45"]
        made = clinic.appointments.book(slot(clinic, "09:45", "check"), patient="ada")
        assert made.duration == 15 * MINUTE
        assert clinic.availability.stranded() == ()

    def test_both_are_kept_when_it_changes_again(self, clinic: Practice) -> None:
        clinic.availability.change_slot(slot(clinic, "09:45"), pricing=FEE)
        clinic.availability.change_slot(slot(clinic, "09:45"), start=nine(55), notes="late")
        found = slot(clinic, "09:55")
        assert (found.pricing, found.notes) == (FEE, "late")

    def test_events_tell_of_it(self, clinic: Practice) -> None:
        clinic.availability.change_slot(slot(clinic, "09:45"), pricing=FEE)
        clinic.availability.delete_slot(slot(clinic, "09:45"))
        clinic.availability.restore_slot(start(45))
        assert names(clinic)[-3:] == [
            "slot-override.updated",
            "slot-override.updated",
            "slot-override.deleted",
        ]


class TestDeleting:
    def test_one_of_them_with_a_reason(self, clinic: Practice) -> None:
        made = clinic.availability.delete_slot(slot(clinic, "09:45"), reason="meeting")
        assert isinstance(made, SlotOverride)
        assert (made.withdrawn, made.reason) == (True, "meeting")
        assert free(clinic) == ["09:00", "10:30", "11:15"]
        (told,) = clinic.availability.explain("smith", "visit", at=nine(45)).violations
        assert (told.reason, told.by) == (Reason.WITHDRAWN, made.id)
        assert str(told) == "this slot is not offered any more: meeting"

    def test_it_is_counted(self, clinic: Practice) -> None:
        day, hours = nine().replace(hour=5), clinic.availability
        rest = day + timedelta(days=1)
        total = hours.summary("smith", "visit", day, rest).total
        hours.delete_slot(slot(clinic, "09:00"))
        hours.delete_slot(slot(clinic, "10:30"))
        found = hours.summary("smith", "visit", day, rest)
        assert (found.total, found.withdrawn) == (total - 2, 2)
        assert hours.opened("mornings-smith", "visit", day, rest).withdrawn == 2
        assert hours.summary("smith", "check", day, rest).withdrawn == 0
        assert hours.summary("smith", "visit", nine(1), rest).withdrawn == 1
        out = hours.slots("smith", "visit", nine(1), rest).withdrawn
        assert [f"{one.local_start:%H:%M} {one.status}" for one in out] == ["10:30 withdrawn"]
        assert out[0] not in hours.slots("smith", "visit", day, rest)
        assert len(out.withdrawn) == 0
        hours.restore_slot(start(0))
        assert hours.summary("smith", "visit", day, rest).withdrawn == 1

    def test_staff_may_book_it_all_the_same(self, clinic: Practice) -> None:
        clinic.availability.delete_slot(slot(clinic, "09:45"))
        made = clinic.appointments.book(start(45), patient="ada", override="a favour")
        assert made.overridden == {Reason.WITHDRAWN}
        assert clinic.availability.stranded() == ()

    def test_all_of_a_recurrence(self, clinic: Practice) -> None:
        ended = clinic.availability.delete_slot(
            slot(clinic, "09:45"), recurring=True, reason="has left"
        )
        assert isinstance(ended, AvailabilityRule)
        assert (ended.id, ended.active, ended.reason) == ("mornings-smith", False, "has left")
        assert free(clinic) == []
        clinic.availability.rules.activate("mornings-smith")
        assert free(clinic) == GRID

    def test_all_of_dated_hours(self, clinic: Practice) -> None:
        extra = clinic.availability.add(
            Override.extra("smith", DAY, hours="13:00-14:00", reason="much to do")
        )
        ended = clinic.availability.delete_slot(start(240), recurring=True)
        assert (ended.id, ended.active, ended.reason) == (extra.id, False, "much to do")
        assert free(clinic) == GRID

    def test_one_that_was_moved(self, clinic: Practice) -> None:
        clinic.availability.change_slot(slot(clinic, "09:45"), start=nine(60), pricing=FEE)
        clinic.availability.delete_slot(slot(clinic, "10:00"))
        assert free(clinic) == ["09:00", "10:30", "11:15"]
        clinic.availability.restore_slot(start(45))
        assert free(clinic) == GRID
        assert slot(clinic, "09:45").pricing is None

    @pytest.mark.parametrize("minutes", [45, 60])
    def test_put_back_by_either_name(self, clinic: Practice, minutes: int) -> None:
        clinic.availability.change_slot(slot(clinic, "09:45"), start=nine(60))
        clinic.availability.restore_slot(start(minutes))
        assert free(clinic) == GRID
        assert list(clinic.availability.slot_overrides.list()) == []

    def test_put_back_as_short_as_its_hours_make_it(self, clinic: Practice) -> None:
        lasts(clinic, 15 * MINUTE)
        clinic.availability.delete_slot(slot(clinic, "09:30"))
        clinic.availability.change_slot(slot(clinic, "10:00"), start=nine(45))
        clinic.availability.restore_slot(start(30))
        assert free(clinic)[:4] == ["09:00", "09:30", "09:45", "10:30"]

    def test_put_back_as_long_as_its_hours_make_it(self, clinic: Practice) -> None:
        lasts(clinic, 60 * MINUTE)
        clinic.availability.delete_slot(slot(clinic, "09:00"))
        clinic.availability.change_slot(slot(clinic, "10:15"), start=nine(45))
        with pytest.raises(SlotsOverlap) as caught:
            clinic.availability.restore_slot(start(0))
        assert (caught.value.slot, caught.value.other) == (
            (nine(0), nine(60)),
            (nine(45), nine(105)),
        )


class TestWhoStandsInIt:
    @pytest.fixture(autouse=True)
    def booked(self, clinic: Practice) -> None:
        clinic.appointments.book(slot(clinic, "09:45"), patient="ada", id="a")
        clinic.appointments.book(slot(clinic, "10:30"), patient="bob", id="b")

    @pytest.mark.parametrize("how", ["moved", "another type", "deleted", "all deleted"])
    def test_it_is_refused_and_they_are_told(
        self, store: MemoryStore, clinic: Practice, how: str
    ) -> None:
        before, chosen = everything(store, clinic), slot(clinic, "09:45")
        change, delete = clinic.availability.change_slot, clinic.availability.delete_slot
        commands: dict[str, Callable[[], object]] = {
            "moved": lambda: change(chosen, start=nine(50)),
            "another type": lambda: change(chosen, type="check"),
            "deleted": lambda: delete(chosen, reason="ill"),
            "all deleted": lambda: delete(chosen, recurring=True),
        }
        with pytest.raises(AppointmentsStranded) as caught:
            commands[how]()
        told = [one.appointment.id for one in caught.value.stranded]
        assert told == (["a", "b"] if how == "all deleted" else ["a"])
        assert everything(store, clinic) == before

    def test_they_are_kept(self, clinic: Practice) -> None:
        clinic.availability.delete_slot(slot(clinic, "09:45"), stranded="keep")
        (one,) = clinic.availability.stranded()
        assert (one.appointment.id, set(one.reasons)) == ("a", {Reason.WITHDRAWN})

    def test_they_are_cancelled(self, clinic: Practice) -> None:
        clinic.availability.delete_slot(slot(clinic, "09:45"), reason="ill", stranded="cancel")
        assert clinic.appointments.get("a").cancellation == "ill"
        assert clinic.appointments.get("b").status == "booked"

    def test_all_of_a_recurrence_are_cancelled(self, clinic: Practice) -> None:
        clinic.availability.delete_slot(
            slot(clinic, "09:45"), recurring=True, reason="gone", stranded="cancel"
        )
        assert {clinic.appointments.get(id).cancellation for id in "ab"} == {"gone"}

    def test_they_move_with_it(self, clinic: Practice) -> None:
        clinic.availability.change_slot(slot(clinic, "09:45"), start=nine(50), stranded="move")
        (one,) = clinic.appointments.propose_moves(clinic.availability.stranded(), choices=1)
        assert one.slots[0].start == nine(50)
        moved = clinic.appointments.reschedule("a", one.slots[0])
        assert moved.start == nine(50)
        assert clinic.availability.stranded() == ()

    def test_a_price_is_no_matter_and_an_end_only_where_it_comes_too_soon(
        self, clinic: Practice
    ) -> None:
        clinic.availability.change_slot(slot(clinic, "09:45"), pricing=FEE, notes="new")
        with pytest.raises(AppointmentsStranded):
            clinic.availability.change_slot(slot(clinic, "09:45"), end=nine(60))
        clinic.availability.change_slot(slot(clinic, "09:45"), end=nine(60), stranded="keep")
        (one,) = clinic.availability.stranded()
        assert set(one.reasons) == {Reason.RUNS_OUT}

    def test_to_put_it_back_strands_who_was_let_in(self, clinic: Practice) -> None:
        rule = clinic.availability.rules.get("mornings-smith")
        clinic.availability.rules.update(attrs.evolve(rule, types={"visit"}))
        clinic.availability.change_slot(slot(clinic, "09:00"), type="check")
        clinic.appointments.book(slot(clinic, "09:00", "check"), patient="eve", id="e")
        with pytest.raises(AppointmentsStranded) as caught:
            clinic.availability.restore_slot(start(0))
        (one,) = caught.value.stranded
        assert one.appointment.id == "e"
        assert set(one.reasons) == {Reason.TYPE, Reason.WITHDRAWN}
        clinic.availability.restore_slot(start(0), stranded="cancel", reason="a mistake")
        assert clinic.appointments.get("e").cancellation == "a mistake"


class TestAsRecords:
    def test_they_are_read_listed_and_updated(self, clinic: Practice) -> None:
        made = clinic.availability.change_slot(slot(clinic, "09:45"), start=nine(60))
        records = clinic.availability.slot_overrides
        assert records.get(made.id) == made
        smith = clinic.providers.get("smith").resource
        assert list(records.list(resource=smith)) == [made]
        records.update(attrs.evolve(made, begins=nine(55)))
        assert free(clinic) == ["09:00", "09:55", "10:30", "11:15"]
        records.deactivate(made.id)
        assert free(clinic) == GRID
        again = clinic.availability.change_slot(slot(clinic, "09:45"), notes="anew")
        assert (again.id, again.begins, again.active) == (made.id, None, True)
        records.delete(made.id)
        assert slot(clinic, "09:45").notes == ""

    def test_one_slot_has_one(self, store: MemoryStore, clinic: Practice) -> None:
        made = clinic.availability.change_slot(slot(clinic, "09:45"), notes="one")
        before = everything(store, clinic)
        with pytest.raises(AlreadyExists) as caught:
            clinic.availability.add(attrs.evolve(made, id="other", version=0, notes="two"))
        assert caught.value.id == made.id
        assert everything(store, clinic) == before

    def test_only_of_providers_and_of_what_is_there(self, clinic: Practice) -> None:
        with pytest.raises(InvalidChoice):
            SlotOverride(resource=Resource("room", "r1"), type="visit", start=nine())
        for fields in ({"resource": "nobody"}, {"type": "none"}, {"location": "nowhere"}):
            stated: dict[str, Any] = {"resource": "smith", "type": "visit", **fields}
            with pytest.raises(NotFound):
                clinic.availability.add(SlotOverride(start=nine(), **stated))

    def test_a_dry_run(self, clinic: Practice) -> None:
        clinic.appointments.book(slot(clinic, "09:45"), patient="ada", id="a")
        off = SlotOverride(
            resource="smith", type="visit", location="main", start=nine(45), withdrawn=True
        )
        (one,) = clinic.availability.would_strand(off)
        assert one.appointment.id == "a"


def test_rivals_for_one_place_make_no_two_slots_of_it(store: MemoryStore, clinic: Practice) -> None:
    """Two slots are moved to one time at once, over and over: one of them is refused."""
    for at in range(5):
        day = timedelta(days=at)
        together, refused = Barrier(2), list[MedschedError]()

        def move(
            minutes: int,
            day: timedelta = day,
            together: Barrier = together,
            refused: list[MedschedError] = refused,
        ) -> None:
            together.wait()
            chosen = attrs.evolve(start(minutes), at=nine(minutes) + day)
            try:
                clinic.availability.change_slot(chosen, start=nine(60) + day, end=nine(90) + day)
            except SlotsOverlap as error:
                refused.append(error)

        clinic.availability.delete_slot(attrs.evolve(start(90), at=nine(90) + day))
        threads = [Thread(target=move, args=(minutes,)) for minutes in (0, 45)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(refused) == 1
        listed = clinic.availability.slots("smith", "visit", nine() + day, nine(180) + day)
        starts = [one.start.astimezone(UTC) - day for one in listed]
        assert starts in ([nine(0), nine(60), nine(135)], [nine(45), nine(60), nine(135)])


class TestMeanwhile:
    """Somebody books between the look and the change."""

    def slow(
        self, store: MemoryStore, clock: FixedClock, happens: Callable[[], object]
    ) -> Practice:
        late: Any = Meanwhile(store, happens)
        return Scheduler(late, clock=clock).practice("riverside")

    @pytest.mark.parametrize("how", ["deleted", "all deleted", "moved"])
    def test_the_slot_itself(
        self, store: MemoryStore, clinic: Practice, clock: FixedClock, how: str
    ) -> None:
        chosen = slot(clinic, "09:45")
        late = self.slow(
            store, clock, lambda: clinic.appointments.book(chosen, patient="ada", id="a")
        ).availability
        commands: dict[str, Callable[[], object]] = {
            "deleted": lambda: late.delete_slot(chosen),
            "all deleted": lambda: late.delete_slot(chosen, recurring=True),
            "moved": lambda: late.change_slot(chosen, start=nine(55)),
        }
        with pytest.raises(AppointmentsStranded) as caught:
            commands[how]()
        assert [one.appointment.id for one in caught.value.stranded] == ["a"]
        assert clinic.availability.stranded() == ()

    def test_where_it_is_moved_to(
        self, store: MemoryStore, clinic: Practice, clock: FixedClock
    ) -> None:
        chosen, meant = slot(clinic, "09:00"), start(30, "check")
        book = partial(clinic.appointments.book, meant, patient="ada", id="a")
        with pytest.raises(SlotsOverlap) as caught:
            self.slow(store, clock, book).availability.change_slot(chosen, start=nine(10))
        assert caught.value.what == "appointment 'a'"
        assert list(clinic.availability.slot_overrides.list()) == []

    def test_who_changes_the_same_slot_is_told(
        self, store: MemoryStore, clinic: Practice, clock: FixedClock
    ) -> None:
        chosen = slot(clinic, "09:45")
        for number, notes in enumerate(("theirs", "theirs again")):
            late = self.slow(
                store, clock, partial(clinic.availability.change_slot, chosen, notes=notes)
            )
            with pytest.raises(VersionConflict) as caught:
                late.availability.change_slot(chosen, notes="mine")
            assert (caught.value.expected, caught.value.found) == (number, number + 1)
        assert slot(clinic, "09:45").notes == "theirs again"

    def test_notes_of_a_slot_that_stands_where_staff_booked_over_it(self, clinic: Practice) -> None:
        clinic.availability.change_slot(slot(clinic, "09:45"), start=nine(60))
        clinic.appointments.book(start(70, "check"), patient="ada", override="a favour")
        clinic.availability.change_slot(slot(clinic, "10:00"), notes="kept")
        assert slot(clinic, "10:00").notes == "kept"
