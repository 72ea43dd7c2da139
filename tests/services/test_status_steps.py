"""The whole life of an appointment, through the services: each status and each command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from tests.services.test_appointments import (
    MINUTE,
    everything,
    free,
    names,
    opened,
    start,
)

from medsched import MemoryStore, Need, Practice, Resource, Room
from medsched.domain.appointments import Appointment, AppointmentStatus
from medsched.domain.changes import Applied, Changeset
from medsched.errors import InvalidTransition

Status = AppointmentStatus

# Written out a second time, by what a front desk does: which commands each status takes.
ALLOWED = {
    "proposed": "accept cancel enter_in_error reschedule change_resources",
    "waitlist": "accept cancel enter_in_error reschedule change_resources",
    "pending": "accept cancel enter_in_error reschedule change_resources",
    "booked": "arrive check_in fulfil mark_noshow"
    " cancel enter_in_error reschedule change_resources",
    "arrived": "check_in fulfil mark_noshow cancel enter_in_error change_resources",
    "checked-in": "fulfil cancel enter_in_error change_resources",
    "noshow": "arrive fulfil enter_in_error",
    "fulfilled": "enter_in_error",
    "cancelled": "cancel enter_in_error",
    "entered-in-error": "",
}
LEADS_TO = {
    "accept": "booked",
    "arrive": "arrived",
    "check_in": "checked-in",
    "fulfil": "fulfilled",
    "mark_noshow": "noshow",
    "cancel": "cancelled",
    "enter_in_error": "entered-in-error",
    "reschedule": None,
    "change_resources": None,
}
"""The status that each command brings about; None for the one there was."""
CLAIMS = {"pending", "booked", "arrived", "checked-in", "fulfilled", "noshow"}


@pytest.fixture
def clinic(clinic: Practice) -> Practice:
    opened(clinic)
    clinic.add_all([Room(id="r1", location="main"), Room(id="r2", location="main")])
    return clinic


def brought_to(clinic: Practice, store: MemoryStore, status: str) -> Appointment:
    """An appointment at nine that has come to a status."""
    here = clinic.appointments
    steps: dict[str, tuple[Callable[..., Appointment], ...]] = {
        "proposed": (here.propose,),
        "pending": (here.request,),
        "booked": (here.book,),
        "arrived": (here.book, here.arrive),
        "checked-in": (here.book, here.check_in),
        "noshow": (here.book, here.mark_noshow),
        "fulfilled": (here.book, here.fulfil),
        "cancelled": (here.book, here.cancel),
        "entered-in-error": (here.book, here.enter_in_error),
        "waitlist": (here.propose,),
    }
    make, *others = steps[status]
    one = make(start(), patient="ada")
    for step in others:
        one = step(one)
    if status == "waitlist":  # nothing brings an appointment there as yet
        one = attrs.evolve(one, status=Status.WAITLIST, version=2)
        assert store.apply(Changeset(practice=clinic.id, writes=(one,))) == Applied()
    assert one.status == status
    return one


def run(clinic: Practice, command: str, one: Appointment) -> Appointment:
    here: Any = clinic.appointments
    more: dict[str, tuple[Any, ...]] = {
        "reschedule": (start(60),),
        "change_resources": ([],),
    }
    done: Appointment = getattr(here, command)(one, *more.get(command, ()))
    return done


def test_the_tables_are_whole() -> None:
    assert {Status(status) for status in ALLOWED} == set(Status)
    assert {command for some in ALLOWED.values() for command in some.split()} == set(LEADS_TO)


@pytest.mark.parametrize("status", ALLOWED)
def test_a_status_claims_its_time_or_does_not(
    clinic: Practice, store: MemoryStore, status: str
) -> None:
    one = brought_to(clinic, store, status)
    assert one.claims_time == (status in CLAIMS)
    assert ("09:00" in free(clinic)) == (status not in CLAIMS)
    assert ("09:00" in free(clinic, provider="jones", patient="ada")) == (status not in CLAIMS)


@pytest.mark.parametrize("status", ALLOWED)
def test_every_command_in_every_status(clinic: Practice, store: MemoryStore, status: str) -> None:
    one = brought_to(clinic, store, status)
    before = everything(store, clinic)
    for command in LEADS_TO.keys() - ALLOWED[status].split():
        with pytest.raises(InvalidTransition) as caught:
            run(clinic, command, one)
        assert caught.value.current == status, command
        assert caught.value.wanted == (LEADS_TO[command] or caught.value.wanted), command
        assert {caught.value.current, caught.value.wanted} <= set(str(caught.value).split())
    assert everything(store, clinic) == before
    for command in ALLOWED[status].split():
        done = run(clinic, command, one)
        assert clinic.appointments.get(one.id) == done
        if (status, command) == ("cancelled", "cancel") or command == "change_resources":
            assert done == one, "nothing to do"
            assert everything(store, clinic) == before
            continue
        assert (done.status, done.version) == (LEADS_TO[command] or status, one.version + 1)
        event, change = clinic.events.after()[-1].event, LEADS_TO[command] or "rescheduled"
        assert (event.name, event.id) == (f"appointment.{change}", one.id)
        assert event.version == done.version
        claims = list(store.claims(clinic.id, [*one.everybody()], 0, 2**26))
        assert claims == list(done.claims)
        assert bool(claims) == (done.status in CLAIMS)
        if done.status is not Status.ENTERED_IN_ERROR:
            clinic.appointments.enter_in_error(done)
        one = brought_to(clinic, store, status)
        before = everything(store, clinic)


def test_a_day_at_the_front_desk(clinic: Practice) -> None:
    here = clinic.appointments
    one = here.fulfil(here.check_in(here.arrive(here.accept(here.request(start(), patient="ada")))))
    assert (one.status, one.version) == (Status.FULFILLED, 5)
    late = here.mark_noshow(here.book(start(30), patient="ada"))
    assert here.fulfil(here.arrive(late)).status is Status.FULFILLED
    assert [name.split(".")[1] for name in names(clinic) if name.startswith("appointment.")] == [
        *("requested", "booked", "arrived", "checked-in", "fulfilled"),
        *("booked", "noshow", "arrived", "fulfilled"),
    ]


def test_who_did_not_come_still_has_the_time(clinic: Practice) -> None:
    clinic.appointments.mark_noshow(clinic.appointments.book(start(), patient="ada"))
    assert "09:00" not in free(clinic)


def test_rooms_change_while_the_patient_is_there(clinic: Practice) -> None:
    clinic.appointment_types.create(
        code="scan", duration=30 * MINUTE, needs=[Need.room("r1", "r2")]
    )
    one = clinic.appointments.book(start(type="scan"), patient="ada")
    arrived = clinic.appointments.arrive(one)
    (now,) = arrived.resources
    other = Resource("room", "r2" if now.id == "r1" else "r1")
    moved = clinic.appointments.change_resources(arrived, [other])
    assert moved.status is Status.ARRIVED
    assert moved.resources == {other}
