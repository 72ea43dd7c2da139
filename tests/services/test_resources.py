"""Provider, patient, rooms, devices and place: taken together, each with buffers of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import attrs
import pytest
from tests.services.test_appointments import (
    ADA,
    MINUTE,
    SMITH,
    everything,
    free,
    names,
    nine,
    opened,
    start,
)

from medsched import (
    AppointmentType,
    AvailabilityRule,
    Device,
    InUse,
    InvalidChoice,
    Location,
    MemoryStore,
    Need,
    Override,
    Patient,
    Practice,
    Provider,
    Reason,
    Recurrence,
    Resource,
    ResourceKind,
    Room,
)
from medsched.domain.appointments import Appointment
from medsched.domain.refusals import BookingRefused

R1, R2, R3 = (Resource("room", id) for id in ("r1", "r2", "r3"))
MRI, CABIN = Resource("device", "mri"), Resource("location", "cabin")


@pytest.fixture
def clinic(clinic: Practice) -> Practice:
    """Two rooms and one device; a third provider in a place that holds one at a time."""
    opened(clinic)
    clinic.add_all(
        [
            *(Room(id=id, location="main") for id in ("r1", "r2", "r3")),
            Device(id="mri"),
            Patient(id="eve"),
            Location(id="cabin", exclusive=True),
            Provider(id="moss", location="cabin"),
            Provider(id="reed", location="cabin"),
            AppointmentType(
                code="scan",
                duration=30 * MINUTE,
                buffer_before=5 * MINUTE,
                buffer_after=10 * MINUTE,
                needs=[
                    Need.room("r1", "r2", before=15 * MINUTE),
                    Need.device("mri", after=20 * MINUTE),
                ],
            ),
            AppointmentType(code="roomy", duration=30 * MINUTE, needs=[Need.room("r1", "r2")]),
            AppointmentType(
                code="pair",
                duration=30 * MINUTE,
                needs=[Need.room("r1", "r2"), Need.room("r2", "r3")],
            ),
            *(
                AvailabilityRule(
                    provider, Recurrence.daily(start=date(2026, 1, 1)), hours="09:00-12:00"
                )
                for provider in ("moss", "reed")
            ),
        ]
    )
    return clinic


def taken(one: Appointment) -> dict[str, tuple[int, int]]:
    """The minutes after nine that are taken of each resource."""
    return {
        str(span.resource): ((span.start - nine()) // MINUTE, (span.end - nine()) // MINUTE)
        for span in one.spans
    }


def test_all_are_taken_together_each_with_its_buffers(clinic: Practice, store: MemoryStore) -> None:
    made = clinic.appointments.book(start(60, "scan"), patient="ada")
    assert taken(made) == {
        "provider smith": (55, 100),
        "patient ada": (60, 90),
        "room r1": (45, 90),
        "device mri": (60, 110),
    }
    assert made.resources == {R1, MRI}
    assert made.everybody() == {SMITH, ADA, R1, MRI}
    assert list(store.claims(clinic.id, [*made.everybody()], 0, 2**26)) == list(made.claims)


def test_any_free_one_will_do(clinic: Practice) -> None:
    rooms: frozenset[Resource] = frozenset()
    for provider, patient in (("smith", "ada"), ("jones", "bob")):
        rooms |= clinic.appointments.book(start(0, "roomy", provider), patient=patient).resources
    assert rooms == {R1, R2}
    with pytest.raises(BookingRefused) as caught:
        clinic.appointments.book(start(0, "roomy", "moss"), patient="eve")
    assert set(caught.value.by_resource) == {ResourceKind.ROOM}
    assert {one.resource for one in caught.value.violations} == {R1, R2}
    assert [one.start for one in caught.value.alternatives] == [nine(30), nine(60), nine(90)]


def test_a_named_one_is_taken_or_nothing(clinic: Practice, store: MemoryStore) -> None:
    first = clinic.appointments.book(start(0, "roomy"), patient="ada", resources=[R2])
    assert first.resources == {R2}
    before = everything(store, clinic)
    with pytest.raises(BookingRefused) as caught:
        clinic.appointments.book(start(0, "roomy", "jones"), patient="bob", resources=[R2])
    assert [(one.resource, one.by) for one in caught.value.violations] == [(R2, first.id)]
    assert everything(store, clinic) == before
    second = clinic.appointments.book(start(0, "roomy", "jones"), patient="bob", resources=[R1])
    assert second.resources == {R1}


def test_what_is_offered_instead_has_the_named_one_free(clinic: Practice) -> None:
    for minutes in (0, 30):
        clinic.appointments.book(start(minutes, "roomy", "jones"), patient="bob", resources=[R1])
    with pytest.raises(BookingRefused) as caught:
        clinic.appointments.book(start(0, "roomy"), patient="ada", resources=[R1])
    offered = caught.value.alternatives
    assert [one.start for one in offered] == [nine(60), nine(90), nine(120)]
    assert clinic.appointments.book(offered[0], patient="ada", resources=[R1]).resources == {R1}


@pytest.mark.parametrize(
    "named",
    [
        [R3],
        [MRI],
        [R1, R2],
        [R1, R3],
        [SMITH],
        [ADA],
        [Resource("location", "main")],
        [Resource("room", "nowhere")],
    ],
    ids=lambda named: " ".join(map(str, named)),
)
def test_what_the_type_does_not_need_cannot_be_had(
    clinic: Practice, store: MemoryStore, named: Sequence[Resource]
) -> None:
    made = clinic.appointments.book(start(60, "roomy"), patient="ada")
    before = everything(store, clinic)
    commands: Sequence[Any] = (
        lambda: clinic.appointments.book(start(0, "roomy"), patient="ada", resources=named),
        lambda: clinic.holds.place(start(0, "roomy"), resources=named),
        lambda: clinic.appointments.change_resources(made, named),
    )
    for command in commands:
        with pytest.raises(InvalidChoice) as caught:
            command()
        assert caught.value.field == "resources"
    assert everything(store, clinic) == before


def test_needs_that_share_rooms_get_one_each(clinic: Practice) -> None:
    assert len(clinic.appointments.book(start(0, "pair"), patient="ada").resources) == 2
    made = clinic.appointments.book(start(30, "pair"), patient="ada", resources=[R2])
    assert R2 in made.resources
    assert len(made.resources) == 2
    clinic.appointments.book(start(60, "roomy", "jones"), patient="bob", resources=[R2])
    assert clinic.appointments.book(start(60, "pair"), patient="ada").resources == {R1, R3}


def test_every_conflict_is_told_by_its_resource(clinic: Practice) -> None:
    clinic.appointments.book(start(60, "scan", "jones"), patient="bob")
    clinic.appointments.book(start(60, provider="moss"), patient="ada")
    clinic.appointments.book(start(60, provider="smith"), patient="eve")
    with pytest.raises(BookingRefused) as caught:
        clinic.appointments.book(start(60, "scan"), patient="ada")
    told = caught.value.by_resource
    assert set(told) == {ResourceKind.PROVIDER, ResourceKind.PATIENT, ResourceKind.DEVICE}
    assert {one.reason for one in caught.value.violations} == {Reason.TAKEN}
    (device,) = told[ResourceKind.DEVICE]
    assert (device.start, device.end) == (nine(60), nine(110)), "its buffer included"
    assert all(one.by for one in caught.value.violations)


def test_buffers_keep_neighbours_apart(clinic: Practice) -> None:
    clinic.appointments.book(start(60, "scan"), patient="ada")
    assert free(clinic) == ["09:00", "11:00", "11:30"], "5 minutes before and 10 after"
    assert free(clinic, "scan", "jones") == ["09:00", "11:00", "11:30"], "the device is needed"
    clinic.appointments.book(start(120, "scan"), patient="ada")


def test_a_place_that_holds_one_at_a_time(clinic: Practice) -> None:
    made = clinic.appointments.book(start(0, "visit", "moss"), patient="ada")
    assert taken(made)["location cabin"] == (0, 30)
    assert made.resources == set(), "a place is where it is, not what it takes along"
    with pytest.raises(BookingRefused) as caught:
        clinic.appointments.book(start(0, "visit", "reed"), patient="bob")
    assert [one.resource for one in caught.value.violations] == [CABIN]
    assert set(caught.value.by_resource) == {ResourceKind.LOCATION}
    clinic.appointments.book(start(30, "visit", "reed"), patient="bob")
    clinic.appointments.cancel(made)
    clinic.appointments.book(start(0, "visit", "reed"), patient="eve")


def test_an_open_place_holds_any_number(clinic: Practice) -> None:
    for provider, patient in (("smith", "ada"), ("jones", "bob")):
        clinic.appointments.book(start(0, "visit", provider), patient=patient)


def test_what_takes_no_part_is_not_taken(clinic: Practice) -> None:
    clinic.rooms.deactivate("r1")
    clinic.availability.add(Override.closed(R2, date(2026, 1, 7), hours="09:00-09:30"))
    with pytest.raises(BookingRefused) as caught:
        clinic.appointments.book(start(0, "roomy"), patient="ada")
    assert {one.resource for one in caught.value.violations} == {R1, R2}
    with pytest.raises(BookingRefused):
        clinic.appointments.book(start(30, "roomy"), patient="ada", resources=[R1])
    assert clinic.appointments.book(start(30, "roomy"), patient="ada").resources == {R2}


def test_a_room_of_an_appointment_cannot_be_deleted(clinic: Practice) -> None:
    made = clinic.appointments.book(start(0, "roomy"), patient="ada", resources=[R2])
    with pytest.raises(InUse) as caught:
        clinic.rooms.delete("r2")
    assert ("appointment", made.id) in caught.value.referrers


class TestMoving:
    def test_rooms_are_kept_where_they_can_be(self, clinic: Practice) -> None:
        made = clinic.appointments.book(start(0, "scan"), patient="ada", resources=[R2])
        assert clinic.appointments.reschedule(made, start(60, "scan")).resources == {R2, MRI}
        clinic.appointments.book(start(120, "roomy", "jones"), patient="bob", resources=[R2])
        moved = clinic.appointments.reschedule(made.id, start(120, "scan"))
        assert moved.resources == {R1, MRI}
        assert taken(moved)["room r1"] == (105, 150)

    def test_its_own_rooms_and_buffers_are_free_for_it(self, clinic: Practice) -> None:
        rule = clinic.availability.rules.get("mornings-smith")
        clinic.availability.rules.update(attrs.evolve(rule, step=10 * MINUTE))
        made = clinic.appointments.book(start(60, "scan"), patient="ada", resources=[R2])
        moved = clinic.appointments.reschedule(made, start(80, "scan"))
        assert moved.resources == {R2, MRI}
        assert taken(moved) == {
            "provider smith": (75, 120),
            "patient ada": (80, 110),
            "room r2": (65, 110),
            "device mri": (80, 130),
        }
        assert clinic.appointments.conflicts(moved) == {}

    def test_the_old_time_is_free_for_others(self, clinic: Practice, store: MemoryStore) -> None:
        made = clinic.appointments.book(start(0, "scan"), patient="ada")
        moved = clinic.appointments.reschedule(made, start(120, "scan", "jones"))
        claims = store.claims(clinic.id, [*made.everybody(), *moved.everybody()], 0, 2**26)
        assert sorted(claims, key=lambda claim: claim.resource) == list(moved.claims)
        clinic.appointments.book(start(0, "scan"), patient="eve")


class TestChangingResources:
    def test_other_rooms_at_the_same_time(self, clinic: Practice) -> None:
        made = clinic.appointments.book(start(60, "scan"), patient="ada", resources=[R1])
        moved = clinic.appointments.change_resources(made, [R2])
        assert moved.resources == {R2, MRI}
        assert (moved.start, moved.version) == (made.start, 2)
        assert taken(moved)["room r2"] == (45, 90)
        assert "room r1" not in taken(moved)
        assert moved.moves == (), "it is where it was"
        assert names(clinic)[-1] == "appointment.resources-changed"
        clinic.appointments.book(start(60, "roomy", "jones"), patient="bob", resources=[R1])

    def test_what_is_not_named_stays(self, clinic: Practice, store: MemoryStore) -> None:
        made = clinic.appointments.book(start(60, "scan"), patient="ada", resources=[R2])
        before = everything(store, clinic)
        for named in ([], [R2], [MRI], [R2, MRI]):
            assert clinic.appointments.change_resources(made, named) == made
        assert everything(store, clinic) == before

    def test_one_that_is_taken_is_refused(self, clinic: Practice, store: MemoryStore) -> None:
        other = clinic.appointments.book(start(60, "roomy", "jones"), patient="bob", resources=[R2])
        made = clinic.appointments.book(start(60, "scan"), patient="ada")
        before = everything(store, clinic)
        with pytest.raises(BookingRefused) as caught:
            clinic.appointments.change_resources(made, [R2])
        assert [(one.resource, one.by) for one in caught.value.violations] == [(R2, other.id)]
        assert everything(store, clinic) == before

    def test_the_visit_itself_stands(self, clinic: Practice, clock: Any) -> None:
        made = clinic.appointments.book(start(0, "roomy"), patient="ada", resources=[R1])
        clinic.availability.rules.deactivate("mornings-smith", stranded="keep")
        clinic.patients.deactivate("ada")
        clock.set(nine(10))
        assert clinic.appointments.change_resources(made, [R2]).resources == {R2}

    def test_a_room_that_broke_down_is_replaced(self, clinic: Practice) -> None:
        made = clinic.appointments.book(start(0, "roomy"), patient="ada", resources=[R1])
        clinic.rooms.deactivate("r1", stranded="keep")
        assert clinic.appointments.change_resources(made).resources == {R2}


def test_a_need_that_came_later_is_met_when_it_moves(clinic: Practice) -> None:
    made = clinic.appointments.book(start(), patient="ada")
    visit = clinic.appointment_types.get("visit")
    clinic.appointment_types.update(attrs.evolve(visit, needs=[Need.room("r1")]))
    assert clinic.appointments.reschedule(made, start(60)).resources == {R1}
