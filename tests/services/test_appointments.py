"""Booking, moving and calling off: all of it or nothing, and every refusal says why."""

from __future__ import annotations

import json
import os
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pytest

from medsched import (
    AlreadyExists,
    AmbiguousTime,
    AppointmentType,
    AvailabilityRule,
    Device,
    InUse,
    InvalidChoice,
    InvalidDuration,
    InvalidId,
    InvalidInterval,
    InvalidSlotId,
    InvalidText,
    Location,
    MedschedError,
    MemoryStore,
    NaiveDatetime,
    NonexistentTime,
    NotFound,
    OutOfRange,
    Override,
    Patient,
    Practice,
    Provider,
    Reason,
    Recurrence,
    Scheduler,
    UnknownZone,
    VersionConflict,
)
from medsched.domain.agendas import Agenda
from medsched.domain.appointments import Appointment, AppointmentStatus, Participation
from medsched.domain.bookings import WallTime
from medsched.domain.principals import Principal
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.refusals import BookingRefused
from medsched.domain.schedule import Schedule
from medsched.domain.slots import Slot, SlotKey, slot_id
from medsched.domain.starts import Start
from medsched.domain.stored import CLASSES, BookingRecord
from medsched.errors import InvalidTransition
from medsched.testing.fixed import FixedClock, NumberedIds
from medsched.timeline.instants import DAY as DAY_MINUTES
from medsched.timeline.instants import EPOCH

MINUTE = timedelta(minutes=1)
NEW_YORK = "America/New_York"
EXAMPLES = int(os.environ.get("MEDSCHED_EXAMPLES", "60"))
SMITH, ADA, BOB = (
    Resource("provider", "smith"),
    Resource("patient", "ada"),
    Resource("patient", "bob"),
)


def nine(minutes: int = 0) -> datetime:
    """So many minutes after nine o'clock on Wednesday, 7 January 2026, in New York."""
    return datetime(2026, 1, 7, 14, tzinfo=UTC) + minutes * MINUTE


def start(minutes: int = 0, type: str = "visit", provider: str = "smith", **place: Any) -> Start:
    """A start so many minutes after that nine o'clock."""
    return Start(provider, type, nine(minutes), **place)


def opened(clinic: Practice) -> Practice:
    """The practice with two providers who see patients from nine to twelve, and two patients."""
    clinic.settings.configure(timezone=NEW_YORK)
    clinic.add_all(
        [
            Location(id="main", name="Hope Clinic"),
            Provider(id="smith", name="Dr. Smith", location="main"),
            Provider(id="jones", name="Dr. Jones", location="main"),
            Patient(id="ada", name="Ada Lovelace"),
            Patient(id="bob", name="Robert Roe"),
            AppointmentType(code="visit", duration=30 * MINUTE),
            *(
                AvailabilityRule(
                    provider,
                    Recurrence.daily(start=date(2026, 1, 1)),
                    hours="09:00-12:00",
                    id=f"mornings-{provider}",
                )
                for provider in ("smith", "jones")
            ),
        ]
    )
    return clinic


def free(
    clinic: Practice, type: str = "visit", provider: str = "smith", **options: Any
) -> list[str]:
    """The wall times of that Wednesday's free slots."""
    day = nine().replace(hour=5)
    slots = clinic.availability.slots(provider, type, day, day + timedelta(days=1), **options)
    return [f"{slot.local_start:%H:%M}" for slot in slots]


def everything(store: MemoryStore, clinic: Practice) -> list[object]:
    """All that a store shows of a practice: records, claims, ledger and events."""
    practice, resources = clinic.id, list[Resource]()
    found: list[object] = []
    for cls in CLASSES.values():
        if issubclass(cls, BookingRecord):
            continue
        records = store.page(practice, cls, active=None, where={}, after=None, limit=1000)
        resources += [one.resource for one in records if hasattr(one, "resource")]
        found += [(record, record.created_at, record.updated_at) for record in records]
    first, last = ((day - EPOCH).days for day in (nine(), nine() + timedelta(days=360)))
    within = (first * DAY_MINUTES, last * DAY_MINUTES)
    return [
        *found,
        *store.appointments(practice, Agenda(), after=None, limit=1000),
        *store.expired_holds(practice, nine() + timedelta(days=9999), limit=1000),
        *store.claims(practice, resources, *within),
        sorted(store.ledger(practice, resources, first, last).items()),
        *clinic.events.after(),
    ]


@pytest.fixture
def clinic(clinic: Practice) -> Practice:
    return opened(clinic)


def names(clinic: Practice) -> list[str]:
    return [one.event.name for one in clinic.events.after()]


class TestBooking:
    def test_what_an_appointment_says(self, clinic: Practice, clock: FixedClock) -> None:
        made = clinic.appointments.book(
            start(60), patient="ada", reason="Routine checkup", notes="brings her mother"
        )
        assert (made.id, made.reference, made.version) == ("appointment-1", "REF-1", 1)
        assert (made.provider, made.patient, made.type) == ("smith", "ada", "visit")
        assert (made.location, made.opened_by) == ("main", "mornings-smith")
        assert made.resources == set()
        assert (made.start, made.end, made.duration) == (nine(60), nine(90), 30 * MINUTE)
        assert made.start.tzinfo is UTC
        assert made.wall.start == datetime(2026, 1, 7, 10)
        assert (made.wall.timezone, made.wall.second_showing) == (NEW_YORK, None)
        assert made.wall.tzdata
        assert made.status is AppointmentStatus.BOOKED
        assert (made.reason, made.notes) == ("Routine checkup", "brings her mother")
        assert [(one.resource, one.participation) for one in made.participants] == [
            (SMITH, Participation.ACCEPTED),
            (ADA, Participation.ACCEPTED),
        ]
        assert (made.created_by, made.updated_by) == ("system", "system")
        assert made.created_at == made.updated_at == clock.now()
        assert (made.cancellation, made.moves) == ("", ())
        assert clinic.appointments.get(made.id) == clinic.appointments.find(made.id) == made
        assert clinic.appointments.find_by_reference(made.reference) == made

    @pytest.mark.parametrize("way", ["slot", "id", "start", "elsewhere", "wall"])
    def test_a_slot_is_named_in_any_way(self, clinic: Practice, way: str) -> None:
        (slot,) = clinic.availability.slots("smith", "visit", nine(60), nine(61))
        there = nine(60).astimezone(ZoneInfo("Asia/Tokyo"))
        named: dict[str, Slot | str | Start] = {
            "slot": slot,
            "id": slot.id,
            "start": start(60),
            "elsewhere": Start("smith", "visit", there, location="main"),
            "wall": Start("smith", "visit", WallTime(datetime(2026, 1, 7, 10), NEW_YORK)),
        }
        made = clinic.appointments.book(named[way], patient="ada")
        assert (made.start, made.end) == (slot.start, slot.end)
        assert (made.provider, made.location, made.opened_by) == ("smith", "main", slot.opened_by)
        assert made.wall.timezone == slot.timezone == NEW_YORK

    def test_what_is_booked_is_no_longer_offered(self, clinic: Practice) -> None:
        clinic.appointments.book(start(30), patient="ada")
        assert free(clinic) == ["09:00", "10:00", "10:30", "11:00", "11:30"]
        assert "09:30" not in free(clinic, provider="jones", patient="ada")
        assert "09:30" in free(clinic, provider="jones", patient="bob")

    def test_neighbours_touch(self, clinic: Practice) -> None:
        for minutes in (30, 0, 60):
            clinic.appointments.book(start(minutes), patient="ada")

    def test_a_request_takes_its_time_and_a_proposal_none(self, clinic: Practice) -> None:
        asked = clinic.appointments.request(start(), patient="ada")
        offered = clinic.appointments.propose(start(30), patient="ada")
        assert (asked.status.value, offered.status.value) == ("pending", "proposed")
        waiting = [
            [one.resource for one in made.participants if one.participation == "needs-action"]
            for made in (asked, offered)
        ]
        assert waiting == [[SMITH], [ADA]]
        assert free(clinic)[:2] == ["09:30", "10:00"]

    def test_what_was_requested_or_proposed_is_accepted(self, clinic: Practice) -> None:
        for make in (clinic.appointments.request, clinic.appointments.propose):
            made = make(start(), patient="ada")
            booked = clinic.appointments.accept(made.id)
            assert (booked.id, booked.reference) == (made.id, made.reference)
            assert (booked.status.value, booked.version) == ("booked", 2)
            assert {one.participation for one in booked.participants} == {Participation.ACCEPTED}
            assert free(clinic)[0] == "09:30"
            clinic.appointments.cancel(booked)

    def test_a_proposal_whose_time_is_gone_is_not_accepted(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        proposed = clinic.appointments.propose(start(), patient="ada")
        clinic.appointments.book(start(), patient="bob")
        before = everything(store, clinic)
        with pytest.raises(BookingRefused) as caught:
            clinic.appointments.accept(proposed)
        assert [one.reason for one in caught.value.violations] == [Reason.TAKEN]
        assert everything(store, clinic) == before

    def test_a_proposal_is_not_made_for_what_is_not_offered(self, clinic: Practice) -> None:
        clinic.appointments.book(start(), patient="bob")
        with pytest.raises(BookingRefused):
            clinic.appointments.propose(start(), patient="ada")

    def test_the_host_names_an_appointment_once(self, clinic: Practice, store: MemoryStore) -> None:
        named = clinic.appointments.book(start(), patient="ada", id="ehr-1", reference="R-1")
        assert (named.id, named.reference) == ("ehr-1", "R-1")
        before = everything(store, clinic)
        for taken in ({"id": "ehr-1"}, {"reference": "R-1"}):
            with pytest.raises(AlreadyExists):
                clinic.appointments.book(start(30), patient="ada", **taken)  # type: ignore[arg-type]
        assert everything(store, clinic) == before
        clinic.appointments.book(start(30), patient="ada", id="EHR-1", reference="r-1")

    def test_a_made_reference_avoids_those_in_use(self, clinic: Practice) -> None:
        clinic.appointments.book(start(), patient="ada", reference="REF-1")
        assert clinic.appointments.book(start(30), patient="ada").reference == "REF-2"

    def test_practices_know_nothing_of_each_other(
        self, scheduler: Scheduler, clinic: Practice
    ) -> None:
        other = opened(scheduler.practice("lakeside"))
        mine = clinic.appointments.book(start(), patient="ada", id="one", reference="R")
        theirs = other.appointments.book(start(), patient="ada", id="one", reference="R")
        other.appointments.cancel(theirs)
        assert clinic.appointments.get("one") == mine
        (slot,) = other.availability.slots("smith", "visit", nine(30), nine(31))
        for named in (slot, slot.id):
            with pytest.raises(InvalidSlotId):
                clinic.appointments.book(named, patient="ada")
        last = other.appointments.book(slot, patient="ada")
        with pytest.raises(NotFound):
            clinic.appointments.cancel(last.id)

    def test_who_acts_is_recorded(self, clinic: Practice, scheduler: Scheduler) -> None:
        kim = scheduler.practice("riverside", principal=Principal.trusted("kim"))
        made = kim.appointments.book(start(), patient="ada")
        assert (made.created_by, made.updated_by) == ("kim", "kim")
        moved = clinic.acting_as(Principal.trusted("lee")).appointments.reschedule(made, start(30))
        assert (moved.created_by, moved.updated_by) == ("kim", "lee")
        assert moved.moves[0].moved_by == "lee"
        done = clinic.appointments.cancel(moved)
        assert (done.created_by, done.updated_by) == ("kim", "system")

    def test_unknown_patients_are_registered_if_the_host_wishes(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        with pytest.raises(NotFound) as caught:
            clinic.appointments.book(start(), patient="new")
        assert (caught.value.kind, caught.value.id) == ("patient", "new")
        scheduler = Scheduler(store, clock=clock, ids=NumberedIds(), registers_patients=True)
        host = scheduler.practice(clinic.id)
        made = host.appointments.book(start(), patient="new")
        assert host.patients.get("new").version == 1
        assert names(clinic)[-2:] == ["patient.created", "appointment.booked"]
        host.appointments.book(start(30), patient="new")
        before = everything(store, clinic)
        with pytest.raises(BookingRefused):
            host.appointments.book(start(), patient="newer")
        with pytest.raises(InvalidId):
            host.appointments.book(start(60), patient="new\0er")
        assert everything(store, clinic) == before, "who is refused is not registered"
        with pytest.raises(InUse):
            clinic.patients.delete(made.patient)

    def test_what_an_appointment_refers_to_stays(self, clinic: Practice) -> None:
        clinic.appointments.cancel(clinic.appointments.book(start(), patient="ada"))
        for directory in (clinic.patients, clinic.providers):
            with pytest.raises(InUse):
                directory.delete("ada" if directory is clinic.patients else "smith")
        with pytest.raises(InUse):
            clinic.appointment_types.delete("visit")

    def test_now_is_the_first_start(self, clinic: Practice, clock: FixedClock) -> None:
        clock.set(nine(60))
        clinic.appointments.book(start(60), patient="ada")
        clock.set(nine(90) + timedelta(microseconds=1))
        with pytest.raises(BookingRefused) as caught:
            clinic.appointments.book(start(90), patient="ada")
        assert [one.reason for one in caught.value.violations] == [Reason.TOO_SOON]
        assert caught.value.alternatives[0].start == nine(120)

    @pytest.mark.parametrize("command", ["book", "request", "propose", "list"])
    def test_an_option_that_there_is_not_is_a_mistake(self, clinic: Practice, command: str) -> None:
        run: Any = getattr(clinic.appointments, command)
        given = () if command == "list" else (start(),)
        with pytest.raises(TypeError):
            run(*given, patient="ada", idempotencykey="a key that would be ignored")


class TestRefusals:
    def test_every_reason_is_told_and_whose_it_is(self, clinic: Practice) -> None:
        clinic.appointments.book(start(), patient="bob", id="A-1")
        clinic.appointments.book(start(provider="jones"), patient="ada", id="A-2")
        with pytest.raises(BookingRefused) as caught:
            clinic.appointments.book(start(), patient="ada")
        told = caught.value.by_resource
        assert set(told) == {ResourceKind.PROVIDER, ResourceKind.PATIENT}
        (taken,), (busy,) = told[ResourceKind.PROVIDER], told[ResourceKind.PATIENT]
        assert (taken.resource, taken.by, taken.reason) == (SMITH, "A-1", Reason.TAKEN)
        assert (taken.start, taken.end) == (nine(), nine(30))
        assert (busy.resource, busy.by) == (ADA, "A-2")

    def test_the_next_free_slots_are_offered_and_book(self, clinic: Practice) -> None:
        for minutes in (0, 30, 90):
            clinic.appointments.book(start(minutes), patient="bob")
        clinic.appointments.book(start(60, provider="jones"), patient="ada")
        with pytest.raises(BookingRefused) as caught:
            clinic.appointments.book(start(30), patient="ada")
        offered = caught.value.alternatives
        tomorrow = nine() + timedelta(days=1)
        assert [one.start for one in offered] == [nine(120), nine(150), tomorrow]
        for slot in offered:
            clinic.appointments.book(slot, patient="ada")

    def test_what_is_long_past_still_offers_the_next_free_slots(self, clinic: Practice) -> None:
        last_year = Start("smith", "visit", nine() - timedelta(days=300))
        with pytest.raises(BookingRefused) as caught:
            clinic.appointments.book(last_year, patient="ada")
        today = nine() - timedelta(days=2)
        assert [one.start for one in caught.value.alternatives][:1] == [today]

    @pytest.mark.parametrize(
        "minutes, reason",
        [
            (1, Reason.OFF_GRID),
            (-1, Reason.CLOSED),
            (165, Reason.RUNS_OUT),
            (180, Reason.CLOSED),
            (-5 * 1440, Reason.TOO_SOON),
        ],
    )
    def test_times_that_are_no_slot(
        self, clinic: Practice, store: MemoryStore, minutes: int, reason: Reason
    ) -> None:
        before = everything(store, clinic)
        with pytest.raises(BookingRefused) as caught:
            clinic.appointments.book(start(minutes), patient="ada")
        assert reason in {one.reason for one in caught.value.violations}
        assert everything(store, clinic) == before

    def test_a_slot_that_was_listed_and_closed_since(self, clinic: Practice) -> None:
        slots = clinic.availability.slots("smith", "visit", nine(), nine(61))
        clinic.availability.add(Override.closed("smith", date(2026, 1, 7), hours="09:00-10:00"))
        for named in (slots[0], slots[1].id):
            with pytest.raises(BookingRefused) as caught:
                clinic.appointments.book(named, patient="ada")
            assert [one.reason for one in caught.value.violations] == [Reason.CLOSED]
        clinic.appointments.book(slots[2], patient="ada")

    def test_a_type_that_the_hours_do_not_offer(self, clinic: Practice) -> None:
        clinic.appointment_types.create(code="surgery", duration=30 * MINUTE)
        rule = clinic.availability.rules.get("mornings-smith")
        clinic.availability.rules.update(attrs.evolve(rule, types={"visit"}))
        with pytest.raises(BookingRefused) as caught:
            clinic.appointments.book(start(type="surgery"), patient="ada")
        assert [one.reason for one in caught.value.violations] == [Reason.TYPE]

    def test_what_takes_no_part_is_not_booked(self, clinic: Practice, store: MemoryStore) -> None:
        for directory, id in (
            (clinic.patients, "ada"),
            (clinic.providers, "smith"),
            (clinic.appointment_types, "visit"),
        ):
            directory.deactivate(id)
            before = everything(store, clinic)
            with pytest.raises(BookingRefused) as caught:
                clinic.appointments.book(start(), patient="ada")
            assert [one.reason for one in caught.value.violations] == [Reason.INACTIVE]
            assert everything(store, clinic) == before
            directory.activate(id)

    def test_a_place_that_the_hours_are_not_at(self, clinic: Practice) -> None:
        clinic.locations.create(id="branch")
        for place in ("branch", None, "nowhere"):
            with pytest.raises(BookingRefused) as caught:
                clinic.appointments.book(start(location=place), patient="ada")
            assert [one.reason for one in caught.value.violations] == [Reason.ELSEWHERE]

    def test_what_is_offered_instead_is_at_the_place_that_was_asked_for(
        self, clinic: Practice
    ) -> None:
        clinic.locations.create(id="branch")
        clinic.availability.add(
            AvailabilityRule(
                "smith",
                Recurrence.daily(start=date(2026, 1, 1)),
                hours="13:00-14:00",
                location="branch",
            )
        )
        with pytest.raises(BookingRefused) as caught:
            clinic.appointments.book(start(location="branch"), patient="ada")
        offered = caught.value.alternatives
        assert {one.location for one in offered} == {"branch"}
        assert offered[0].start == nine(4 * 60)


class TestMoving:
    def test_it_stays_the_same_appointment(self, clinic: Practice, clock: FixedClock) -> None:
        made = clinic.appointments.book(start(), patient="ada", reason="cough", id="A-1")
        clock.advance(MINUTE)
        first = clinic.appointments.reschedule(made, start(60))
        second = clinic.appointments.reschedule(first, start(90, provider="jones"))
        assert (second.id, second.reference, second.version) == ("A-1", made.reference, 3)
        assert (second.reason, second.status, second.patient) == ("cough", made.status, "ada")
        assert (second.start, second.end, second.provider) == (nine(90), nine(120), "jones")
        assert second.wall.start == datetime(2026, 1, 7, 10, 30)
        assert [(one.start, one.end, one.provider) for one in second.moves] == [
            (nine(), nine(30), "smith"),
            (nine(60), nine(90), "smith"),
        ]
        assert {one.moved_at for one in second.moves} == {clock.now()}
        assert second.participants[0].resource == Resource("provider", "jones")
        assert (second.created_at, second.updated_at) == (made.created_at, clock.now())
        assert free(clinic) == ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30"]
        assert "10:30" not in free(clinic, provider="jones")

    def test_something_is_said_anew_with_it(self, clinic: Practice) -> None:
        made = clinic.appointments.book(start(), patient="ada", reason="cough", notes="by bus")
        before = len(names(clinic))
        moved = clinic.appointments.reschedule(made, start(60), notes="by car")
        assert (moved.start, moved.reason, moved.notes) == (nine(60), "cough", "by car")
        assert (moved.version, len(moved.moves)) == (2, 1)
        assert names(clinic)[before:] == ["appointment.rescheduled"]
        assert clinic.appointments.get(made.id) == moved
        again = clinic.appointments.reschedule(moved, start(90), reason="flu", notes="")
        assert (again.version, again.reason, again.notes) == (3, "flu", "")
        assert clinic.appointments.reschedule(again, start(), notes=None).reason == "flu"

    def test_something_is_said_anew_where_there_is_nothing_to_move(self, clinic: Practice) -> None:
        made = clinic.appointments.book(start(), patient="ada", reason="cough")
        before = len(names(clinic))
        assert clinic.appointments.reschedule(made, start(), reason="cough") == made
        said = clinic.appointments.reschedule(made, start(), reason="flu")
        assert (said.version, said.reason, said.moves, said.start) == (2, "flu", (), nine())
        assert names(clinic)[before:] == ["appointment.updated"]

    def test_a_seat_of_a_session_is_kept_where_only_something_is_said(
        self, clinic: Practice
    ) -> None:
        clinic.appointment_types.create(code="class", duration=30 * MINUTE, capacity=2)
        made = clinic.appointments.book(start(type="class"), patient="ada")
        assert made.session is not None
        said = clinic.appointments.reschedule(made, start(type="class"), notes="n")
        assert (said.session, said.seats) == (made.session, made.seats)
        assert (said.notes, said.version) == ("n", 2)

    def test_a_move_that_is_refused_says_nothing(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        made = clinic.appointments.book(start(), patient="ada")
        clinic.appointments.book(start(30), patient="bob")
        before = everything(store, clinic)
        with pytest.raises(BookingRefused):
            clinic.appointments.reschedule(made, start(30), notes="n")
        with pytest.raises(InvalidText):
            clinic.appointments.reschedule(made, start(60), notes="x" * 501)
        assert everything(store, clinic) == before

    def test_its_own_time_is_free_for_it(self, clinic: Practice) -> None:
        half = clinic.providers.get("smith")
        clinic.providers.update(attrs.evolve(half, durations={"visit": 30 * MINUTE}))
        rule = clinic.availability.rules.get("mornings-smith")
        clinic.availability.rules.update(attrs.evolve(rule, step=10 * MINUTE))
        made = clinic.appointments.book(start(30), patient="ada")
        assert clinic.appointments.reschedule(made, start(30)) == made, "nothing to do"
        moved = clinic.appointments.reschedule(made, start(40))
        assert (moved.start, moved.version) == (nine(40), 2)
        assert free(clinic)[:3] == ["09:00", "09:10", "10:10"]
        back = clinic.appointments.reschedule(moved, start(30))
        assert free(clinic)[:2] == ["09:00", "10:00"]
        assert clinic.appointments.conflicts(back) == {}

    def test_its_own_time_is_among_what_is_offered_instead(self, clinic: Practice) -> None:
        rule = clinic.availability.rules.get("mornings-smith")
        clinic.availability.rules.update(attrs.evolve(rule, step=10 * MINUTE))
        made = clinic.appointments.book(start(30), patient="ada")
        with pytest.raises(BookingRefused) as caught:
            clinic.appointments.reschedule(made, start(31))
        assert caught.value.alternatives[0].start == nine(40), "its own time is free for it"

    def test_a_move_that_is_refused_leaves_everything(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        made = clinic.appointments.book(start(), patient="ada")
        clinic.appointments.book(start(30), patient="bob")
        clinic.appointment_types.create(code="other", duration=30 * MINUTE)
        before = everything(store, clinic)
        for slot, error in (
            (start(30), BookingRefused),
            (start(61), BookingRefused),
            (start(60, type="other"), InvalidChoice),
            (start(60, provider="nobody"), NotFound),
            ("no slot", InvalidSlotId),
        ):
            with pytest.raises(error):
                clinic.appointments.reschedule(made, slot)
        with pytest.raises(NotFound):
            clinic.appointments.reschedule("A-9", start(60))
        assert everything(store, clinic) == before

    def test_a_patient_who_is_busy_then_does_not_move(self, clinic: Practice) -> None:
        clinic.appointments.book(start(60, provider="jones"), patient="ada", id="A-2")
        made = clinic.appointments.book(start(), patient="ada")
        with pytest.raises(BookingRefused) as caught:
            clinic.appointments.reschedule(made, start(60))
        assert [(one.resource, one.by) for one in caught.value.violations] == [(ADA, "A-2")]

    def test_a_proposal_moves_without_taking_time(self, clinic: Practice) -> None:
        made = clinic.appointments.propose(start(), patient="ada")
        moved = clinic.appointments.reschedule(made, start(60))
        assert (moved.status.value, moved.start) == ("proposed", nine(60))
        assert len(free(clinic)) == 6

    def test_what_was_read_before_a_change_is_stale(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        read = clinic.appointments.book(start(), patient="ada")
        clinic.appointments.annotate(read, notes="called back")
        before = everything(store, clinic)
        commands: Sequence[Callable[[], object]] = (
            lambda: clinic.appointments.reschedule(read, start(60)),
            lambda: clinic.appointments.cancel(read),
            lambda: clinic.appointments.arrive(read),
            lambda: clinic.appointments.annotate(read, notes="late"),
            lambda: clinic.appointments.change_resources(read),
        )
        for command in commands:
            with pytest.raises(VersionConflict) as caught:
                command()
            assert (caught.value.expected, caught.value.found) == (1, 2)
        assert everything(store, clinic) == before
        assert clinic.appointments.reschedule(read.id, start(60)).version == 3


class TestCallingOff:
    def test_the_time_is_free_again(self, clinic: Practice) -> None:
        for call_off in (clinic.appointments.cancel, clinic.appointments.enter_in_error):
            made = clinic.appointments.book(start(), patient="ada")
            off = call_off(made, reason="has the flu")
            assert (off.version, off.cancellation) == (2, "has the flu")
            assert off.claims == ()
            assert free(clinic)[0] == "09:00"
            assert (off.start, off.provider) == (made.start, "smith"), "what it was is kept"
        clinic.appointments.book(start(), patient="bob")

    def test_cancelling_twice_is_cancelling_once(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        made = clinic.appointments.book(start(), patient="ada")
        first = clinic.appointments.cancel(made, reason="the first")
        before = everything(store, clinic)
        clock.advance(MINUTE)
        assert clinic.appointments.cancel(made.id, reason="the second") == first
        assert clinic.appointments.cancel(first) == first
        assert everything(store, clinic) == before

    def test_cancelling_again_does_not_free_somebody_else(self, clinic: Practice) -> None:
        made = clinic.appointments.book(start(), patient="ada")
        clinic.appointments.cancel(made)
        clinic.appointments.book(start(), patient="bob")
        clinic.appointments.cancel(made.id)
        clinic.appointments.enter_in_error(made.id)
        assert free(clinic)[0] == "09:30"

    def test_why_it_was_cancelled_outlives_that_it_was_an_error(self, clinic: Practice) -> None:
        made = clinic.appointments.book(start(), patient="ada")
        clinic.appointments.cancel(made, reason="has the flu")
        assert clinic.appointments.enter_in_error(made.id).cancellation == "has the flu"


class TestTexts:
    KEPT = "\u200fשלום עדה\u200e 👩🏽\u200d⚕️ 𝒜 \t line\nbreak e\u0301 é"

    def test_are_kept_exactly(self, clinic: Practice) -> None:
        id = "ehr-\u200f👩🏽\u200d⚕️-𝒜"
        clinic.patients.create(id=id, name="עדה 𝒜 Łukasz")
        made = clinic.appointments.book(
            start(), patient=id, id=id, reference=id, reason=self.KEPT, notes=self.KEPT
        )
        kept = clinic.appointments.get(id)
        assert kept == made
        assert (kept.reason, kept.notes, kept.patient, kept.reference) == (
            *(self.KEPT, self.KEPT),
            *(id, id),
        )
        assert clinic.appointments.find_by_reference(id) == made
        for text in (id, "𝒜 łuk", "עדה"):
            assert list(clinic.appointments.list(search=text)) == [made]
        off = clinic.appointments.cancel(made, reason=self.KEPT)
        assert clinic.appointments.get(id).cancellation == off.cancellation == self.KEPT
        assert clinic.events.after()[-1].event.id == id

    def test_five_hundred_characters_of_any_width(self, clinic: Practice) -> None:
        made = clinic.appointments.book(start(), patient="ada", notes="𝒜" * 500)
        assert clinic.appointments.get(made.id).notes == "𝒜" * 500

    def test_are_changed_one_by_one(self, clinic: Practice, store: MemoryStore) -> None:
        made = clinic.appointments.book(start(), patient="ada", reason="cough", notes="new")
        noted = clinic.appointments.annotate(made, notes="")
        assert (noted.reason, noted.notes, noted.version) == ("cough", "", 2)
        assert names(clinic)[-1] == "appointment.updated"
        before = everything(store, clinic)
        assert clinic.appointments.annotate(noted, reason="cough") == noted
        for bad in ("a\0b", "x" * 501):
            with pytest.raises(InvalidText):
                clinic.appointments.annotate(noted, notes=bad)
        assert everything(store, clinic) == before

    def test_are_never_shown(self, clinic: Practice) -> None:
        clinic.patients.create(id="eve", name="SECRET", phone="SECRET")
        made = clinic.appointments.book(start(), patient="eve", reason="SECRET", notes="SECRET")
        off = clinic.appointments.cancel(made, reason="SECRET")
        shown = [
            repr(made),
            str(off),
            repr(clinic.appointments.list()),
            repr(clinic.events.after()),
        ]
        clinic.appointments.book(start(), patient="eve")
        failing: Sequence[Callable[[], object]] = (
            lambda: clinic.appointments.book(start(), patient="ada"),
            lambda: clinic.appointments.book(start(provider="jones"), patient="eve"),
            lambda: clinic.appointments.book(start(60), patient="ada", notes="SECRET\0"),
            lambda: clinic.appointments.annotate(made.id, reason="SECRET" * 100),
            lambda: clinic.appointments.cancel("A-9", reason="SECRET"),
            lambda: clinic.appointments.accept(made.id),
            lambda: clinic.appointments.list(search="SECRET" * 100),
        )
        for fail in failing:
            with pytest.raises(MedschedError) as caught:
                fail()
            shown += [str(caught.value), repr(caught.value), repr(vars(caught.value))]
        assert "SECRET" not in "".join(shown)


class TestClockChanges:
    @pytest.fixture
    def clinic(self, clinic: Practice) -> Practice:
        clinic.providers.create(id="night", location="main")
        daily = Recurrence.daily(start=date(2026, 1, 1))
        clinic.availability.add(AvailabilityRule("night", daily, hours="00:00-06:00"))
        return clinic

    def at(self, day: str, time: str, second: bool | None = None) -> Start:
        wall = datetime.fromisoformat(f"{day} {time}")
        return Start("night", "visit", WallTime(wall, NEW_YORK, second_showing=second))

    @pytest.mark.parametrize("second", [None, False, True])
    def test_a_missing_time_is_never_moved(
        self, clinic: Practice, store: MemoryStore, second: bool | None
    ) -> None:
        before = everything(store, clinic)
        missing = self.at("2026-03-08", "02:30", second)
        for command in (clinic.appointments.book, clinic.appointments.propose, clinic.holds.place):
            with pytest.raises(NonexistentTime) as caught:
                command(missing, patient="ada")
            assert (caught.value.wall, caught.value.zone) == (missing.at.start, NEW_YORK)  # type: ignore[union-attr]
        assert everything(store, clinic) == before

    def test_a_repeated_time_says_which_one_is_meant(self, clinic: Practice) -> None:
        with pytest.raises(AmbiguousTime) as caught:
            clinic.appointments.book(self.at("2026-11-01", "01:30"), patient="ada")
        assert caught.value.zone == NEW_YORK
        for second, hour in ((False, 5), (True, 6)):
            made = clinic.appointments.book(
                self.at("2026-11-01", "01:30", second), patient="ada", id=f"{second}"
            )
            assert made.start == datetime(2026, 11, 1, hour, 30, tzinfo=UTC)
            kept = clinic.appointments.get(f"{second}")
            assert kept.wall.start == datetime(2026, 11, 1, 1, 30)
            assert kept.wall.second_showing is second

    @pytest.mark.parametrize("fold", [0, 1])
    def test_an_aware_datetime_of_a_repeated_hour_books_its_instant(
        self, clinic: Practice, fold: int
    ) -> None:
        at = datetime(2026, 11, 1, 1, 30, tzinfo=ZoneInfo(NEW_YORK), fold=fold)
        made = clinic.appointments.book(Start("night", "visit", at), patient="ada")
        assert made.start == datetime(2026, 11, 1, 5 + fold, 30, tzinfo=UTC)
        assert made.wall.second_showing is bool(fold)

    def test_the_showing_is_known_however_it_was_named(self, clinic: Practice) -> None:
        low = datetime(2026, 11, 1, 4, tzinfo=UTC)
        slots = clinic.availability.slots("night", "visit", low, low + timedelta(hours=4))
        made = [clinic.appointments.book(slot.id, patient="ada") for slot in slots]
        assert [f"{one.wall.start:%H:%M} {one.wall.second_showing}" for one in made] == [
            *("00:00 None", "00:30 None", "01:00 False", "01:30 False"),
            *("01:00 True", "01:30 True", "02:00 None", "02:30 None"),
        ]

    def test_to_say_more_than_needed_does_no_harm(self, clinic: Practice) -> None:
        made = clinic.appointments.book(self.at("2026-11-02", "01:30", True), patient="ada")
        assert (made.start.hour, made.wall.second_showing) == (6, None)

    def test_moving_is_as_strict(self, clinic: Practice) -> None:
        made = clinic.appointments.book(self.at("2026-03-08", "01:30"), patient="ada")
        with pytest.raises(NonexistentTime):
            clinic.appointments.reschedule(made, self.at("2026-03-08", "02:30"))
        with pytest.raises(AmbiguousTime):
            clinic.appointments.reschedule(made, self.at("2026-11-01", "01:00"))
        moved = clinic.appointments.reschedule(made, self.at("2026-11-01", "01:00", True))
        assert moved.wall.second_showing is True

    def test_the_zone_of_the_hours_is_stored_whoever_asks(self, clinic: Practice) -> None:
        tokyo = WallTime(datetime(2026, 1, 7, 14, 30), "Asia/Tokyo")
        made = clinic.appointments.book(Start("night", "visit", tokyo), patient="ada")
        assert (made.wall.timezone, made.wall.start) == (NEW_YORK, datetime(2026, 1, 7, 0, 30))


def sealed(text: str) -> str:
    """What passes for a slot id, whatever it says."""
    content = text.encode()
    checked = blake2b(content, digest_size=6).digest() + content
    return urlsafe_b64encode(checked).rstrip(b"=").decode()


def forged(*key: Any) -> str:
    return slot_id(SlotKey(*key))


MINUTES = (nine() - EPOCH) // MINUTE
GOOD = forged("riverside", "smith", "visit", "main", MINUTES)
BAD_SLOTS: dict[str, tuple[Any, type[Exception]]] = {
    "empty": ("", InvalidSlotId),
    "no text": (7, InvalidSlotId),
    "nothing": (None, InvalidSlotId),
    "truncated": (GOOD[:-1], InvalidSlotId),
    "half": (GOOD[: len(GOOD) // 2], InvalidSlotId),
    "padded": (GOOD + "=", InvalidSlotId),
    "doubled": (GOOD * 2, InvalidSlotId),
    "changed": (("B" if GOOD[0] == "A" else "A") + GOOD[1:], InvalidSlotId),
    "with a NUL": (GOOD + "\0", InvalidSlotId),
    "10 KB": ("x" * 10_240, InvalidSlotId),
    "nested": (sealed("[" * 100_000), InvalidSlotId),
    "a table": (sealed('{"a":1}'), InvalidSlotId),
    "yes": (sealed('["riverside","smith","visit",null,true]'), InvalidSlotId),
    "a float": (sealed(f'["riverside","smith","visit",null,{MINUTES}.0]'), InvalidSlotId),
    "before time": (sealed('["riverside","smith","visit",null,0]'), InvalidSlotId),
    "NUL provider": (sealed(json.dumps(["riverside", "a\0b", "visit", None, 9**9])), InvalidSlotId),
    "other practice": (forged("lakeside", "smith", "visit", "main", MINUTES), InvalidSlotId),
    "other provider": (forged("riverside", "nobody", "visit", "main", MINUTES), NotFound),
    "other type": (forged("riverside", "smith", "nothing", "main", MINUTES), NotFound),
    "other place": (forged("riverside", "smith", "visit", "moon", MINUTES), BookingRefused),
    "no place": (forged("riverside", "smith", "visit", None, MINUTES), BookingRefused),
    "other minute": (forged("riverside", "smith", "visit", "main", MINUTES + 7), BookingRefused),
    "far future": (forged("riverside", "smith", "visit", "main", 10**9), BookingRefused),
}


class TestBadInput:
    def test_slots_that_are_none(self, clinic: Practice, store: MemoryStore) -> None:
        here = clinic.appointments
        made = here.book(start(30), patient="ada")
        before = everything(store, clinic)
        for bad, (slot, error) in BAD_SLOTS.items():
            for command in (here.book, here.request, here.propose, clinic.holds.place):
                with pytest.raises(error) as caught:
                    command(slot, patient="bob")
                assert len(str(caught.value)) < 500, bad
            with pytest.raises((error, InvalidChoice)):  # it stays of its type
                here.reschedule(made, slot)
        assert everything(store, clinic) == before

    def test_starts_that_are_none(self, clinic: Practice, store: MemoryStore) -> None:
        before = everything(store, clinic)
        bad: Sequence[tuple[Any, type[MedschedError]]] = (
            (nine() + timedelta(seconds=1), InvalidInterval),
            (nine().replace(tzinfo=None), NaiveDatetime),
            (datetime(1970, 1, 1, tzinfo=UTC), OutOfRange),
            (datetime(9999, 12, 31, tzinfo=UTC), OutOfRange),
            (WallTime(datetime(2026, 1, 7, 9), "America/Boston"), UnknownZone),
            (WallTime(datetime(1970, 1, 7, 9), NEW_YORK), OutOfRange),
        )
        for at, error in bad:
            with pytest.raises(error):
                clinic.appointments.book(Start("smith", "visit", at), patient="ada")
        assert everything(store, clinic) == before

    def test_details_that_are_none(self, clinic: Practice, store: MemoryStore) -> None:
        before, here = everything(store, clinic), clinic.appointments
        bad: Sequence[tuple[str, Any, Any]] = (
            ("id", "a\0b", InvalidId),
            ("id", "x" * 256, InvalidId),
            ("id", "\ud800", InvalidId),
            ("reference", "a\0b", InvalidId),
            ("reference", "x" * 10_240, InvalidId),
            ("reason", "a\0b", InvalidText),
            ("reason", None, InvalidText),
            ("notes", "x" * 501, InvalidText),
            ("notes", "\ud800", InvalidText),
            ("patient", "nobody", NotFound),
            ("patient", "", (NotFound, InvalidId)),
            ("patient", "a\0b", (NotFound, InvalidId)),
            ("patient", "x" * 10_240, (NotFound, InvalidId)),
            ("patient", None, InvalidId),
            ("resources", [Resource("room", "r9")], InvalidChoice),
        )
        for field, value, error in bad:
            details: dict[str, Any] = {"patient": "ada", field: value}
            for command in (here.book, here.request, here.propose):
                with pytest.raises(error) as caught:
                    command(start(), **details)
                assert len(str(caught.value)) < 500, f"{field}: {value!r:.40}"
        assert everything(store, clinic) == before

    def test_appointments_that_are_not_there(self, clinic: Practice, store: MemoryStore) -> None:
        before = everything(store, clinic)
        here = clinic.appointments
        for id in ("A-9", "", "a\0b", "x" * 300):
            commands: Sequence[Callable[[str], object]] = (
                here.get,
                here.cancel,
                here.accept,
                here.annotate,
                here.change_resources,
                here.conflicts,
                lambda id: here.reschedule(id, start()),
            )
            for command in commands:
                with pytest.raises((NotFound, InvalidId)):
                    command(id)
            assert here.find_by_reference(id) is None
        assert everything(store, clinic) == before

    def test_a_cancelled_appointment_is_not_brought_back(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        made = clinic.appointments.cancel(clinic.appointments.book(start(), patient="ada"))
        before = everything(store, clinic)
        commands: Sequence[Callable[[Appointment], object]] = (
            clinic.appointments.accept,
            clinic.appointments.arrive,
            lambda one: clinic.appointments.reschedule(one, start(60)),
            clinic.appointments.change_resources,
        )
        for command in commands:
            with pytest.raises(InvalidTransition) as caught:
                command(made)
            assert caught.value.current == "cancelled"
        assert everything(store, clinic) == before


# ------------------------------------------------------ schedules that changed meanwhile


class Once(MemoryStore):
    """A store whose commands are not tried again, as within a host's own transaction."""

    @property
    def retries(self) -> int:
        return 0


class TestChangedSchedules:
    @pytest.fixture
    def clinic(self, clock: FixedClock) -> Practice:
        return opened(Scheduler(Once(), clock=clock, ids=NumberedIds()).practice("riverside"))

    def test_need_no_second_try(self, clinic: Practice) -> None:
        clinic.appointments.book(start(), patient="ada")
        clinic.availability.add(Override.closed("smith", date(2026, 1, 9)))
        clinic.appointments.book(start(30), patient="ada")
        clinic.holds.place(start(60))

    def test_are_heeded_where_nothing_is_to_be_written(self, clinic: Practice) -> None:
        made = clinic.appointments.book(start(), patient="ada")
        types = clinic.appointment_types
        types.update(attrs.evolve(types.get("visit"), duration=60 * MINUTE))
        assert clinic.appointments.reschedule(made, start()).duration == 60 * MINUTE


# ------------------------------------------------------------- one predicate for all


def kept(schedule: Schedule, type: AppointmentType, clock: FixedClock) -> Practice:
    """A practice in memory that keeps a schedule, and the types that it may name."""
    from medsched.testing import strategies as drawn

    practice = schedule.practice
    clinic = Scheduler(MemoryStore(), clock=clock, ids=NumberedIds()).practice(practice.id)
    clinic.settings.configure(timezone=practice.timezone)
    codes = [code for code in drawn.TYPE_CODES if code != type.code]
    clinic.add_all(
        [
            *schedule.locations.values(),
            *schedule.rooms.values(),
            Device(id="device-1"),
            schedule.provider,
            Patient(id="ada"),
            Patient(id="bob"),
            type,
            *(AppointmentType(code=code, duration=30 * MINUTE) for code in codes),
        ]
    )
    for owner, calendar in schedule.calendars.items():
        every: list[Any] = [*calendar.rules, *calendar.overrides, *calendar.blockings]
        for hours in every:
            with suppress(InvalidDuration):  # a type that is stated and does not fit into them
                clinic.availability.add(attrs.evolve(hours, id=f"{owner} {hours.id}"))
    return clinic


def test_what_is_listed_books_and_what_is_not_is_refused() -> None:
    pytest.importorskip("hypothesis")
    from hypothesis import given, settings
    from hypothesis import strategies as st

    from medsched.testing import strategies as drawn

    @settings(max_examples=EXAMPLES)
    @given(st.data())
    def holds_true(data: st.DataObject) -> None:
        zone = data.draw(drawn.zones())
        first, _ = data.draw(drawn.periods(zone=zone, days=4))
        within: dict[str, Any] = {"zone": zone, "start": first, "end": first + timedelta(4)}
        schedule = data.draw(drawn.schedules(**within))
        rooms, devices = ("room-1", "room-2"), ("device-1",)
        type = data.draw(drawn.appointment_types(rooms=rooms, devices=devices))
        low = datetime.combine(first, time(), UTC) - timedelta(hours=15)
        high = low + timedelta(days=4, hours=30)
        clock = FixedClock(low)
        clinic = kept(schedule, type, clock)
        me = schedule.provider.id

        def listed() -> list[Slot]:
            return list(clinic.availability.slots(me, type.code, low, high, patient="ada"))

        def some(slots: Sequence[Slot], most: int) -> list[Slot]:
            if not slots:
                return []
            return data.draw(st.lists(st.sampled_from(slots), min_size=1, max_size=most))

        at_first = listed()
        for slot in some(at_first, 3):  # what others have taken before
            way = data.draw(st.sampled_from(["bob", "ada", "held", "expired"]))
            try:
                if way in ("bob", "ada"):
                    clinic.appointments.book(slot, patient=way)
                else:
                    lasting = timedelta(days=5) if way == "held" else timedelta(seconds=30)
                    clinic.holds.place(slot, lasting=lasting)
            except BookingRefused:
                pass  # it met another one of these
        clock.advance(MINUTE)

        slots = listed()
        starts = {slot.start for slot in slots}
        assert len(starts) == len(slots)
        for slot in some(slots, 4):
            ways: list[Slot | str | Start] = [slot, slot.id, Start(me, type.code, slot.start)]
            named = data.draw(st.sampled_from(ways))
            made = clinic.appointments.book(named, patient="ada")
            assert (made.start, made.end, made.location) == (slot.start, slot.end, slot.location)
            assert made.start not in {one.start for one in listed()}
            assert clinic.appointments.conflicts(made) == {}
            clinic.appointments.cancel(made)
            assert listed() == slots, "what was taken is given back"

        near = [slot.start + off * MINUTE for slot in at_first for off in (0, 0, -1, 1, 5, 30)]
        anywhere = st.integers(0, (high - low) // MINUTE - 1).map(lambda n: low + n * MINUTE)
        minutes = st.one_of(st.sampled_from(near), anywhere) if near else anywhere
        for at in data.draw(st.lists(minutes, min_size=2, max_size=6)):
            if at in starts or not low <= at < high:
                continue
            with pytest.raises(BookingRefused) as caught:
                clinic.appointments.book(Start(me, type.code, at), patient="ada")
            assert caught.value.violations
            told = clinic.availability.explain(me, type.code, at=at, patient="ada")
            assert {one.reason for one in told.violations} == {
                one.reason for one in caught.value.violations
            }
            later = clinic.availability.slots(
                me, type.code, at, at + timedelta(days=35), patient="ada"
            )
            assert list(caught.value.alternatives) == later.first(3)

    holds_true()
