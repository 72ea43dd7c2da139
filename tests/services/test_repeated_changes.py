"""What a practice says of itself, changed under a key: done once, and told as it was then.

Bookings under a key are in `test_idempotency`.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, time, timedelta
from threading import Barrier
from typing import Any, Final

import attrs
import pytest
from tests.services.test_appointments import MINUTE, everything, names, nine, opened, start

from medsched import (
    AlreadyExists,
    AvailabilityRule,
    IdempotencyMismatch,
    InvalidId,
    MedschedError,
    MemoryStore,
    NotFound,
    OverlappingRules,
    Override,
    Patient,
    Practice,
    Principal,
    Recurrence,
    Scheduler,
    SlotOverride,
    TimeBlock,
    WeeklyHours,
)
from medsched.domain.idempotency import KEPT_FOR
from medsched.testing.fixed import FixedClock

Command = Callable[[Practice, Any], Any]
DAY: Final = date(2026, 1, 7)
EVENINGS: Final = AvailabilityRule("smith", Recurrence.daily(start=DAY), hours="18:00-20:00")


@attrs.frozen
class Ready:
    """What is there to be changed."""

    ada: Patient
    rule: AvailabilityRule
    off: AvailabilityRule
    closure: Override
    block: TimeBlock
    noted: SlotOverride


@pytest.fixture
def clinic(clinic: Practice) -> Practice:
    return opened(clinic)


@pytest.fixture
def it(clinic: Practice) -> Ready:
    hours = clinic.availability
    rule = hours.add(attrs.evolve(EVENINGS, hours="21:00-22:00", id="late"))
    off = hours.add(attrs.evolve(EVENINGS, hours="05:00-06:00", id="early"))
    clinic.patients.create(id="cleo", name="Cleo Canary")
    return Ready(
        ada=clinic.patients.get("ada"),
        rule=rule,
        off=hours.rules.deactivate(off.id),
        closure=hours.add(Override.closed("jones", DAY, id="closure")),
        block=clinic.time_blocks.publish(TimeBlock("smith", DAY, "23:00-23:30", id="block")),
        noted=hours.change_slot(start(30), notes="by the door"),
    )


COMMANDS: Final[dict[str, Callable[[Ready], Command]]] = {
    "patients.create": lambda it: (
        lambda c, key: c.patients.create(name="New Canary", phone="1", idempotency_key=key)
    ),
    "patients.create with an id": lambda it: (
        lambda c, key: c.patients.create(id="ehr-9", idempotency_key=key)
    ),
    "patients.update": lambda it: (
        lambda c, key: c.patients.update(attrs.evolve(it.ada, phone="2"), idempotency_key=key)
    ),
    "patients.deactivate": lambda it: (
        lambda c, key: c.patients.deactivate("ada", idempotency_key=key)
    ),
    "patients.activate, nothing to do": lambda it: (
        lambda c, key: c.patients.activate("ada", idempotency_key=key)
    ),
    "patients.delete": lambda it: lambda c, key: c.patients.delete("cleo", idempotency_key=key),
    "providers.create": lambda it: (
        lambda c, key: c.providers.create(name="Dr. New", idempotency_key=key)
    ),
    "appointment_types.create": lambda it: (
        lambda c, key: c.appointment_types.create(
            code="new", duration=30 * MINUTE, idempotency_key=key
        )
    ),
    "locations.create": lambda it: lambda c, key: c.locations.create(idempotency_key=key),
    "settings": lambda it: (
        lambda c, key: c.settings.configure(open_per_patient=7, idempotency_key=key)
    ),
    "availability.add": lambda it: lambda c, key: c.availability.add(EVENINGS, idempotency_key=key),
    "availability.add, closing": lambda it: (
        lambda c, key: c.availability.add(
            Override.closed("smith", DAY), stranded="keep", idempotency_key=key
        )
    ),
    "rules.update": lambda it: (
        lambda c, key: c.availability.rules.update(
            attrs.evolve(it.rule, hours="21:00-21:30"), idempotency_key=key
        )
    ),
    "rules.activate": lambda it: (
        lambda c, key: c.availability.rules.activate(it.off.id, idempotency_key=key)
    ),
    "rules.deactivate": lambda it: (
        lambda c, key: c.availability.rules.deactivate(it.rule.id, idempotency_key=key)
    ),
    "rules.delete": lambda it: (
        lambda c, key: c.availability.rules.delete(it.rule.id, idempotency_key=key)
    ),
    "weekly.add": lambda it: (
        lambda c, key: c.availability.weekly.add(
            WeeklyHours("smith", "MO", "18:00-20:00"), idempotency_key=key
        )
    ),
    "weekly.update": lambda it: (
        lambda c, key: c.availability.weekly.update(
            WeeklyHours("smith", "MO", "21:15-21:45", id="late.1"), idempotency_key=key
        )
    ),
    "weekly.update, nothing else": lambda it: (
        lambda c, key: c.availability.weekly.update(
            WeeklyHours("smith", "MO", "21:00-22:00", id="late.1"), idempotency_key=key
        )
    ),
    "weekly.end": lambda it: (
        lambda c, key: c.availability.weekly.end("late.1", idempotency_key=key)
    ),
    "overrides.deactivate": lambda it: (
        lambda c, key: c.availability.overrides.deactivate(it.closure.id, idempotency_key=key)
    ),
    "overrides.delete": lambda it: (
        lambda c, key: c.availability.overrides.delete(it.closure.id, idempotency_key=key)
    ),
    "change_slot": lambda it: (
        lambda c, key: c.availability.change_slot(
            start(60), start=nine(65), end=nine(80), idempotency_key=key
        )
    ),
    "change_slot, once more": lambda it: (
        lambda c, key: c.availability.change_slot(start(30), notes="upstairs", idempotency_key=key)
    ),
    "delete_slot": lambda it: (
        lambda c, key: c.availability.delete_slot(start(60), reason="ill", idempotency_key=key)
    ),
    "delete_slot, recurring": lambda it: (
        lambda c, key: c.availability.delete_slot(start(60), recurring=True, idempotency_key=key)
    ),
    "restore_slot": lambda it: (
        lambda c, key: c.availability.restore_slot(start(30), idempotency_key=key)
    ),
    "time_blocks.update": lambda it: (
        lambda c, key: c.time_blocks.update(attrs.evolve(it.block, notes="n"), idempotency_key=key)
    ),
    "time_blocks.deactivate": lambda it: (
        lambda c, key: c.time_blocks.deactivate(it.block.id, idempotency_key=key)
    ),
    "time_blocks.delete": lambda it: (
        lambda c, key: c.time_blocks.delete(it.block.id, idempotency_key=key)
    ),
}


@pytest.fixture(params=COMMANDS)
def command(request: pytest.FixtureRequest, it: Ready) -> Command:
    return COMMANDS[request.param](it)


def later(clinic: Practice) -> None:
    """All hours are ended, and whoever can be is renamed or removed."""
    hours = clinic.availability
    for records in (hours.slot_overrides, hours.overrides, hours.rules):
        for one in records.list(active=None):
            records.delete(one.id)
    for block in clinic.time_blocks.list(active=None):
        clinic.time_blocks.delete(block.id)
    for patient in clinic.patients.list(active=None):
        clinic.patients.update(attrs.evolve(patient, name="Else", active=True))
    clinic.settings.configure(open_per_patient=9)


def test_a_repeated_command_tells_its_first_result_again(
    clinic: Practice, store: MemoryStore, clock: FixedClock, command: Command
) -> None:
    first = command(clinic, "k")
    clock.advance(MINUTE)
    before = everything(store, clinic)
    assert command(clinic, "k") == first
    assert everything(store, clinic) == before
    later(clinic)
    clock.advance(KEPT_FOR - 2 * MINUTE)
    before = everything(store, clinic)
    assert command(clinic, "k") == first, "whatever happened since"
    assert everything(store, clinic) == before


def test_what_is_no_key_changes_nothing(clinic: Practice, store: MemoryStore, it: Ready) -> None:
    before = everything(store, clinic)
    for key in ("", "x" * 256, "a\0b"):
        for make in COMMANDS.values():
            with pytest.raises(InvalidId) as caught:
                make(it)(clinic, key)
            assert caught.value.field == "idempotency_key"
    assert everything(store, clinic) == before


OTHERS: Final[list[tuple[Command, Command]]] = [
    (
        lambda c, key: c.patients.create(name="A", idempotency_key=key),
        lambda c, key: c.patients.create(name="B", idempotency_key=key),
    ),
    (
        lambda c, key: c.patients.create(name="A", idempotency_key=key),
        lambda c, key: c.patients.create(name="A", id="a", idempotency_key=key),
    ),
    (
        lambda c, key: c.patients.deactivate("ada", idempotency_key=key),
        lambda c, key: c.patients.deactivate("bob", idempotency_key=key),
    ),
    (
        lambda c, key: c.patients.deactivate("ada", idempotency_key=key),
        lambda c, key: c.patients.deactivate("nobody", idempotency_key=key),
    ),
    (
        lambda c, key: c.availability.add(EVENINGS, idempotency_key=key),
        lambda c, key: c.availability.add(
            attrs.evolve(EVENINGS, hours="18:00-19:00"), idempotency_key=key
        ),
    ),
    (
        lambda c, key: c.availability.add(EVENINGS, idempotency_key=key),
        lambda c, key: c.availability.add(EVENINGS, stranded="keep", idempotency_key=key),
    ),
    (
        lambda c, key: c.availability.weekly.update(
            WeeklyHours("smith", "MO", "21:00-21:30", id="late.1"), idempotency_key=key
        ),
        lambda c, key: c.availability.weekly.update(
            WeeklyHours("smith", "MO", "21:00-21:45", id="late.1"), idempotency_key=key
        ),
    ),
    (
        lambda c, key: c.availability.change_slot(start(60), notes="a", idempotency_key=key),
        lambda c, key: c.availability.change_slot(start(60), notes="b", idempotency_key=key),
    ),
    (
        lambda c, key: c.availability.delete_slot(start(60), idempotency_key=key),
        lambda c, key: c.availability.delete_slot(start(90), idempotency_key=key),
    ),
    (
        lambda c, key: c.availability.delete_slot(start(60), idempotency_key=key),
        lambda c, key: c.availability.delete_slot(start(60), reason="r", idempotency_key=key),
    ),
    (
        lambda c, key: c.settings.configure(name="A", idempotency_key=key),
        lambda c, key: c.settings.configure(name="A", timezone="UTC", idempotency_key=key),
    ),
]


@pytest.mark.parametrize("command, other", OTHERS)
def test_another_request_under_the_key_is_refused(
    clinic: Practice, store: MemoryStore, command: Command, other: Command, it: Ready
) -> None:
    command(clinic, "k")
    before = everything(store, clinic)
    with pytest.raises(IdempotencyMismatch):
        other(clinic, "k")
    assert everything(store, clinic) == before


def test_one_request_may_be_said_in_several_ways(clinic: Practice) -> None:
    hours = clinic.availability
    (slot,) = hours.slots("smith", "visit", nine(60), nine(61))
    walls: list[str | time] = ["10:25", time(10, 25)]
    made = [hours.change_slot(start(60), end=one, idempotency_key="w") for one in walls]
    assert made[0] == made[1]
    first = hours.change_slot(slot, special_requirements=["b", "a"], idempotency_key="k")
    again = hours.change_slot(slot.id, special_requirements=iter("ab"), idempotency_key="k")
    assert again == first
    ada = clinic.patients.get("ada")
    said = clinic.patients.update(attrs.evolve(ada, phone="2"), idempotency_key="k")
    # Whoever reads it anew has the version that the first try made.
    renewed = attrs.evolve(clinic.patients.get("ada"), phone="2")
    assert clinic.patients.update(renewed, idempotency_key="k") == said
    assert said.version == ada.version + 1


def test_each_principal_practice_and_command_has_keys_of_its_own(
    clinic: Practice, scheduler: Scheduler
) -> None:
    other = opened(scheduler.practice("lakeside"))
    made = [
        one.patients.create(name="A", idempotency_key="k")
        for one in (clinic, clinic.acting_as(Principal.trusted("kim")), other)
    ]
    assert len({(one.id, at == 2) for at, one in enumerate(made)}) == 3
    assert clinic.patients.deactivate(made[0].id, idempotency_key="k").active is False
    assert clinic.patients.activate(made[0].id, idempotency_key="k").active is True
    assert clinic.providers.create(name="A", idempotency_key="k").name == "A"


def test_a_refusal_is_not_remembered(clinic: Practice, store: MemoryStore) -> None:
    before = everything(store, clinic)
    with pytest.raises(OverlappingRules):
        clinic.availability.add(attrs.evolve(EVENINGS, hours="09:00-10:00"), idempotency_key="k")
    with pytest.raises(AlreadyExists):
        clinic.patients.create(id="ada", idempotency_key="k")
    with pytest.raises(NotFound):
        clinic.availability.delete_slot(start(61), idempotency_key="k")
    assert everything(store, clinic) == before
    assert clinic.availability.add(EVENINGS, idempotency_key="k").hours == EVENINGS.hours
    assert clinic.patients.create(id="new", idempotency_key="k").id == "new"
    assert clinic.availability.delete_slot(start(60), idempotency_key="k").id


def test_a_key_answers_for_seven_days(clinic: Practice, clock: FixedClock) -> None:
    first = clinic.patients.create(name="A", idempotency_key="k")
    clock.advance(KEPT_FOR - timedelta(milliseconds=1))
    assert clinic.patients.create(name="A", idempotency_key="k") == first
    clock.advance(timedelta(milliseconds=1))
    assert clinic.patients.create(name="A", idempotency_key="k").id != first.id


def test_many_are_added_once_and_come_back_as_they_are_by_then(
    clinic: Practice, store: MemoryStore
) -> None:
    many: list[Any] = [Patient(name="A"), Patient(id="own", name="B"), EVENINGS]
    first = clinic.add_all(many, idempotency_key="k")
    hours = [EVENINGS, attrs.evolve(EVENINGS, hours="05:00-06:00")]
    with pytest.raises(OverlappingRules):
        clinic.availability.add_all(hours, idempotency_key="k")
    added = clinic.availability.add_all(hours[1:], idempotency_key="k")
    before = everything(store, clinic)
    assert clinic.add_all(many, idempotency_key="k") == first
    assert clinic.availability.add_all(hours[1:], idempotency_key="k") == added
    with pytest.raises(IdempotencyMismatch):
        clinic.add_all(many[:2], idempotency_key="k")
    with pytest.raises(InvalidId):
        clinic.add_all([], idempotency_key="")
    assert everything(store, clinic) == before
    ada = clinic.patients.update(attrs.evolve(clinic.patients.get(first[0].id), name="C"))
    assert clinic.add_all(many, idempotency_key="k") == (ada, *first[1:])
    clinic.patients.delete(ada.id)
    with pytest.raises(NotFound):
        clinic.add_all(many, idempotency_key="k")


def test_rivals_under_one_key_make_one(clinic: Practice) -> None:
    rivals = 4
    ready = Barrier(rivals)

    def create(_: int) -> Patient | MedschedError:
        ready.wait(30)
        try:
            return clinic.patients.create(name="A", idempotency_key="k")
        except MedschedError as error:
            return error

    before = names(clinic).count("patient.created")
    with ThreadPoolExecutor(rivals) as threads:
        made = list(threads.map(create, range(rivals)))
    assert made == [made[0]] * rivals
    assert isinstance(made[0], Patient)
    assert names(clinic).count("patient.created") == before + 1
