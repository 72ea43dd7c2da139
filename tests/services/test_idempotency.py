"""A command that is repeated under its key is done once, whatever happened in between."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from threading import Barrier
from typing import Any

import attrs
import pytest
from tests.services.test_appointments import MINUTE, everything, free, names, nine, opened, start

from medsched import (
    AppointmentType,
    InvalidId,
    InvalidText,
    MedschedError,
    MemoryStore,
    Need,
    NotFound,
    Practice,
    Resource,
    Room,
    Scheduler,
    VersionConflict,
)
from medsched.domain.appointments import Appointment
from medsched.domain.bookings import WallTime
from medsched.domain.holds import Hold
from medsched.domain.principals import Principal
from medsched.domain.refusals import BookingRefused
from medsched.domain.starts import Start
from medsched.errors import IdempotencyMismatch, InvalidTransition, NotAllowed
from medsched.testing.fixed import FixedClock

KEPT = timedelta(days=7)
R1, R2 = Resource("room", "r1"), Resource("room", "r2")

Command = Callable[[Practice, str | None], Any]


@attrs.frozen
class Ready:
    """What commands are run on."""

    booked: Appointment
    asked: Appointment
    arrived: Appointment
    held: Hold


COMMANDS: dict[str, Callable[[Ready], Command]] = {
    "book": lambda it: (
        lambda clinic, key: clinic.appointments.book(
            start(), patient="ada", reason="cough", idempotency_key=key
        )
    ),
    "request": lambda it: (
        lambda clinic, key: clinic.appointments.request(start(), patient="ada", idempotency_key=key)
    ),
    "propose": lambda it: (
        lambda clinic, key: clinic.appointments.propose(start(), patient="ada", idempotency_key=key)
    ),
    "reschedule": lambda it: (
        lambda clinic, key: clinic.appointments.reschedule(it.booked, start(), idempotency_key=key)
    ),
    "change_resources": lambda it: (
        lambda clinic, key: clinic.appointments.change_resources(
            it.booked, [R2], idempotency_key=key
        )
    ),
    "annotate": lambda it: (
        lambda clinic, key: clinic.appointments.annotate(
            it.booked, notes="new", idempotency_key=key
        )
    ),
    "accept": lambda it: (
        lambda clinic, key: clinic.appointments.accept(it.asked, idempotency_key=key)
    ),
    "arrive": lambda it: (
        lambda clinic, key: clinic.appointments.arrive(it.booked, idempotency_key=key)
    ),
    "check_in": lambda it: (
        lambda clinic, key: clinic.appointments.check_in(it.arrived, idempotency_key=key)
    ),
    "fulfil": lambda it: (
        lambda clinic, key: clinic.appointments.fulfil(it.arrived, idempotency_key=key)
    ),
    "mark_noshow": lambda it: (
        lambda clinic, key: clinic.appointments.mark_noshow(it.booked, idempotency_key=key)
    ),
    "cancel": lambda it: (
        lambda clinic, key: clinic.appointments.cancel(it.booked, reason="flu", idempotency_key=key)
    ),
    "enter_in_error": lambda it: (
        lambda clinic, key: clinic.appointments.enter_in_error(it.booked, idempotency_key=key)
    ),
    "place": lambda it: (
        lambda clinic, key: clinic.holds.place(start(), patient="ada", idempotency_key=key)
    ),
    "confirm": lambda it: lambda clinic, key: clinic.holds.confirm(it.held, idempotency_key=key),
    "release": lambda it: lambda clinic, key: clinic.holds.release(it.held, idempotency_key=key),
}


@pytest.fixture
def clinic(clinic: Practice) -> Practice:
    opened(clinic)
    clinic.add_all(
        [
            Room(id="r1", location="main"),
            Room(id="r2", location="main"),
            AppointmentType(code="roomy", duration=30 * MINUTE, needs=[Need.room("r1", "r2")]),
        ]
    )
    rule = clinic.availability.rules.get("mornings-smith")
    clinic.availability.rules.update(attrs.evolve(rule, types={"visit", "roomy"}))
    return clinic


@pytest.fixture
def it(clinic: Practice) -> Ready:
    booked = clinic.appointments.book(start(30, "roomy"), patient="ada", resources=[R1])
    asked = clinic.appointments.request(start(60), patient="ada")
    arrived = clinic.appointments.book(start(90), patient="ada")
    return Ready(
        booked=booked,
        asked=asked,
        arrived=clinic.appointments.arrive(arrived),
        held=clinic.holds.place(start(120), patient="ada"),
    )


@pytest.fixture
def moved(clinic: Practice, it: Ready) -> Ready:
    """For `reschedule`: an appointment of the type that the slot is of."""
    clinic.appointments.cancel(it.booked)
    return attrs.evolve(it, booked=clinic.appointments.book(start(30), patient="ada"))


@pytest.fixture(params=COMMANDS)
def command(request: pytest.FixtureRequest, it: Ready) -> Command:
    if request.param == "reschedule":
        it = request.getfixturevalue("moved")
    return COMMANDS[request.param](it)


def later(clinic: Practice) -> None:
    """Everything that was booked or held is called off."""
    for one in clinic.appointments.list():
        if one.status.value != "entered-in-error":
            clinic.appointments.enter_in_error(one.id)
    for number in range(1, 5):
        with suppress(NotFound):
            clinic.holds.release(f"hold-{number}")


def test_a_repeated_command_tells_its_first_result_again(
    clinic: Practice, store: MemoryStore, clock: FixedClock, command: Command
) -> None:
    first = command(clinic, "key-1")
    clock.advance(MINUTE)
    before = everything(store, clinic)
    assert command(clinic, "key-1") == first
    assert everything(store, clinic) == before
    later(clinic)
    clock.set(clock.now() + KEPT - 2 * MINUTE)
    before = everything(store, clinic)
    assert command(clinic, "key-1") == first, "whatever happened since"
    assert everything(store, clinic) == before


@pytest.mark.parametrize(
    "key", ["", "x" * 256, "x" * 10_240, "a\0b", "\0", "a\nb", "\ud800"], ids=ascii
)
def test_what_is_no_key_changes_nothing(
    clinic: Practice, store: MemoryStore, it: Ready, moved: Ready, key: str
) -> None:
    before = everything(store, clinic)
    for name, make in COMMANDS.items():
        with pytest.raises(InvalidId) as caught:
            make(moved if name == "reschedule" else it)(clinic, key)
        assert caught.value.field == "idempotency_key"
        assert len(str(caught.value)) < 200
    assert everything(store, clinic) == before


@pytest.mark.parametrize("key", ["x" * 255, " ", "\u200fמפתח", "🗝️", "e\u0301"], ids=ascii)
def test_any_other_text_is_a_key(clinic: Practice, key: str) -> None:
    first = clinic.appointments.book(start(), patient="ada", idempotency_key=key)
    assert clinic.appointments.book(start(), patient="ada", idempotency_key=key) == first
    clinic.appointments.book(start(30), patient="ada", idempotency_key="é")


def test_without_a_key_a_command_is_done_again(clinic: Practice) -> None:
    clinic.appointments.book(start(), patient="ada")
    with pytest.raises(BookingRefused):
        clinic.appointments.book(start(), patient="ada")


@pytest.mark.parametrize(
    "other",
    [
        {"slot": start(30)},
        {"slot": start(provider="jones")},
        {"slot": start(location="main")},
        {"patient": "bob"},
        {"patient": "nobody"},
        {"reason": "Cough"},
        {"notes": "x"},
        {"id": "A-1"},
        {"reference": "R-1"},
        {"resources": [R1]},
    ],
)
def test_another_request_under_the_key_is_refused(
    clinic: Practice, store: MemoryStore, other: dict[str, Any]
) -> None:
    book: Any = clinic.appointments.book
    request = {"slot": start(), "patient": "ada", "reason": "cough"}
    book(**request, idempotency_key="k")
    before = everything(store, clinic)
    with pytest.raises(IdempotencyMismatch):
        book(**{**request, **other}, idempotency_key="k")
    assert everything(store, clinic) == before


def test_what_is_said_with_a_move_is_of_the_request(clinic: Practice) -> None:
    made = clinic.appointments.book(start(), patient="ada")
    move: Any = clinic.appointments.reschedule
    first = move(made.id, start(30), reason="r", notes="n", idempotency_key="k")
    assert move(made.id, start(30), reason="r", notes="n", idempotency_key="k") == first
    for other in ({}, {"reason": "r"}, {"reason": "n", "notes": "r"}, {"reason": "r", "notes": ""}):
        with pytest.raises(IdempotencyMismatch):
            move(made.id, start(30), **other, idempotency_key="k")
    assert clinic.appointments.get(made.id) == first


def test_one_request_may_be_said_in_several_ways(clinic: Practice) -> None:
    (slot,) = clinic.availability.slots("smith", "visit", nine(), nine(1))
    first = clinic.appointments.book(slot, patient="ada", idempotency_key="k")
    assert clinic.appointments.book(slot.id, patient="ada", idempotency_key="k") == first
    here = clinic.appointments.book(start(30), patient="ada", idempotency_key="l")
    wall = Start("smith", "visit", WallTime(here.wall.start, here.wall.timezone))
    assert clinic.appointments.book(wall, patient="ada", idempotency_key="l") == here
    two = clinic.appointments.book(
        start(60, "roomy"), patient="ada", resources=[R1], idempotency_key="m"
    )
    again = clinic.appointments.book(
        start(60, "roomy"), patient="ada", resources={R1}, idempotency_key="m"
    )
    assert again == two


def test_to_say_nothing_is_to_say_what_is_so_anyway(clinic: Practice) -> None:
    first = clinic.appointments.book(start(), patient="ada", idempotency_key="k")
    again = clinic.appointments.book(
        start(), patient="ada", reason="", notes="", resources=(), idempotency_key="k"
    )
    assert again == first


def test_each_principal_practice_and_command_has_keys_of_its_own(
    clinic: Practice, scheduler: Scheduler
) -> None:
    kim = clinic.acting_as(Principal.trusted("kim"))
    other = opened(scheduler.practice("lakeside"))
    made = [
        clinic.appointments.book(start(), patient="ada", idempotency_key="k"),
        kim.appointments.book(start(30), patient="ada", idempotency_key="k"),
        other.appointments.book(start(60), patient="ada", idempotency_key="k"),
        clinic.appointments.request(start(90), patient="ada", idempotency_key="k"),
    ]
    clinic.holds.place(start(120), idempotency_key="k")
    assert len({(one.id, one.start) for one in made}) == 4
    assert kim.appointments.book(start(30), patient="ada", idempotency_key="k") == made[1]
    assert other.appointments.book(start(60), patient="ada", idempotency_key="k") == made[2]


def test_a_key_answers_for_seven_days(clinic: Practice, clock: FixedClock) -> None:
    first = clinic.appointments.book(start(7 * 1440 + 60), patient="ada", idempotency_key="k")
    made_at = clock.now()
    again = start(7 * 1440 + 60)
    clock.set(made_at + KEPT - timedelta(milliseconds=1))
    assert clinic.appointments.book(again, patient="ada", idempotency_key="k") == first
    clinic.holds.sweep()
    assert clinic.appointments.book(again, patient="ada", idempotency_key="k") == first
    clock.set(made_at + KEPT)
    with pytest.raises(BookingRefused):
        clinic.appointments.book(again, patient="ada", idempotency_key="k")
    clinic.holds.sweep()
    other = start(7 * 1440 + 90)
    second = clinic.appointments.book(other, patient="ada", idempotency_key="k")
    assert second.id != first.id
    assert clinic.appointments.book(other, patient="ada", idempotency_key="k") == second


def test_a_refusal_is_not_remembered(clinic: Practice, store: MemoryStore) -> None:
    taken = clinic.appointments.book(start(), patient="bob")
    before = everything(store, clinic)
    for _ in range(2):
        with pytest.raises(BookingRefused):
            clinic.appointments.book(start(), patient="ada", idempotency_key="k")
    with pytest.raises(InvalidText):
        clinic.appointments.book(start(30), patient="ada", notes="\0", idempotency_key="k")
    assert everything(store, clinic) == before
    clinic.appointments.cancel(taken)
    first = clinic.appointments.book(start(), patient="ada", idempotency_key="k")
    assert clinic.appointments.book(start(), patient="ada", idempotency_key="k") == first


def test_whatever_would_fail_the_second_time_is_no_matter(
    clinic: Practice, clock: FixedClock, it: Ready
) -> None:
    first = clinic.holds.confirm(it.held, idempotency_key="k")
    clinic.appointments.cancel(first)
    clinic.patients.deactivate("ada")
    clock.advance(timedelta(days=6))
    assert clinic.holds.confirm(it.held, idempotency_key="k") == first
    with pytest.raises(IdempotencyMismatch):
        clinic.holds.confirm(it.held, notes="other", idempotency_key="k")
    with pytest.raises(NotFound):
        clinic.holds.confirm(it.held, idempotency_key="l")


def test_a_stolen_key_opens_nothing(clinic: Practice, it: Ready) -> None:
    clinic.holds.confirm(it.held, idempotency_key="k")
    kim = clinic.acting_as(Principal.trusted("kim"))
    other = clinic.holds.place(start())
    with pytest.raises(NotAllowed):
        kim.holds.confirm(other, patient="ada", idempotency_key="k")


def test_what_had_nothing_to_do_is_remembered_too(clinic: Practice) -> None:
    made = clinic.appointments.book(start(), patient="ada")
    first = clinic.appointments.reschedule(made.id, start(), idempotency_key="stay")
    assert first == made
    clinic.appointments.reschedule(made.id, start(60))
    assert clinic.appointments.reschedule(made.id, start(), idempotency_key="stay") == first
    assert clinic.appointments.get(made.id).start == nine(60), "a late repetition moves nothing"

    off = clinic.appointments.cancel(made.id)
    assert clinic.appointments.cancel(made.id, idempotency_key="off") == off
    clinic.appointments.enter_in_error(made.id)
    assert clinic.appointments.cancel(made.id, idempotency_key="off") == off
    with pytest.raises(IdempotencyMismatch):
        clinic.appointments.cancel("A-9", idempotency_key="off")


def test_a_key_is_bound_to_the_appointment_not_to_how_it_was_named(clinic: Practice) -> None:
    made = clinic.appointments.book(start(), patient="ada")
    first = clinic.appointments.arrive(made, idempotency_key="k")
    assert clinic.appointments.arrive(made, idempotency_key="k") == first
    assert clinic.appointments.arrive(made.id, idempotency_key="k") == first
    assert clinic.appointments.arrive(first, idempotency_key="k") == first


def test_a_new_key_is_a_new_command(clinic: Practice) -> None:
    made = clinic.appointments.book(start(), patient="ada")
    clinic.appointments.arrive(made, idempotency_key="k")
    with pytest.raises(VersionConflict):
        clinic.appointments.arrive(made, idempotency_key="l")
    with pytest.raises(InvalidTransition):
        clinic.appointments.arrive(made.id, idempotency_key="m")


def test_rivals_under_one_key_get_one_appointment(clinic: Practice) -> None:
    rivals = 4
    ready = Barrier(rivals)

    def book(_: int) -> Appointment | MedschedError:
        ready.wait(30)
        try:
            return clinic.appointments.book(start(), patient="ada", idempotency_key="k")
        except MedschedError as error:
            return error

    with ThreadPoolExecutor(rivals) as threads:
        made = list(threads.map(book, range(rivals)))
    assert made == [made[0]] * rivals
    assert isinstance(made[0], Appointment)
    assert names(clinic).count("appointment.booked") == 1
    assert free(clinic)[0] == "09:30"
