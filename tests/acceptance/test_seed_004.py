"""The example of the fifth requirement: time blocks that a doctor publishes, each for one visit.

Dr. Vega has a block on 2 March 2026 from 9:00 to 9:45 in Bogotá; Ana asks for it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import attrs
import pytest

from medsched import (
    AppointmentStatus,
    AppointmentType,
    BookingRefused,
    InUse,
    InvalidChoice,
    InvalidText,
    MemoryStore,
    NotFound,
    Patient,
    Practice,
    Provider,
    Reason,
    Scheduler,
    SlotStatus,
    TimeBlock,
)
from medsched.errors import InvalidTransition
from medsched.testing.fixed import FixedClock, NumberedIds

DAY = date(2026, 3, 2)
NINE = datetime(2026, 3, 2, 14, tzinfo=UTC)


@pytest.fixture
def clinic() -> Practice:
    clock = FixedClock(datetime(2026, 2, 20, tzinfo=UTC))
    clinic = Scheduler(MemoryStore(), clock=clock, ids=NumberedIds()).practice("clinic")
    clinic.settings.configure(timezone="America/Bogota", bookable_roles=frozenset({"DOCTOR"}))
    clinic.add_all(
        [
            Provider(id="vega", name="Dr. Vega", role="DOCTOR"),
            Provider(id="admin", name="Office", role="ADMIN"),
            Patient(id="ana"),
            Patient(id="luis"),
            AppointmentType(code="visit", duration=timedelta(minutes=20)),
        ]
    )
    return clinic


@pytest.fixture
def block(clinic: Practice) -> TimeBlock:
    return clinic.time_blocks.publish(TimeBlock("vega", DAY, "09:00-09:45", id="b1"))


def statuses(clinic: Practice) -> list[SlotStatus]:
    around = timedelta(hours=12)
    return [
        slot.status
        for slot in clinic.availability.slots(
            "vega", "visit", NINE - around, NINE + around, taken=True
        )
    ]


def test_the_fields_of_an_appointment(clinic: Practice, block: TimeBlock) -> None:
    one = clinic.time_blocks.book(
        block, type="visit", patient="ana", notes="brings her X-rays", reason="knee pain"
    )
    read = clinic.appointments.get(one.id)
    assert read.id == "appointment-1", "given by the library, in order here"
    assert read.start == NINE == clinic.time_blocks.times(block)[0], "set from the block"
    assert read.end == NINE + timedelta(minutes=45), "and as long as the block"
    assert (read.block, read.patient, read.provider) == ("b1", "ana", "vega")
    assert read.status is AppointmentStatus.PENDING
    assert (read.notes, read.reason) == ("brings her X-rays", "knee pain")


def test_notes_and_reason_are_optional(clinic: Practice, block: TimeBlock) -> None:
    one = clinic.time_blocks.book(block, type="visit", patient="ana")
    assert (one.notes, one.reason) == ("", "")
    noted = clinic.appointments.annotate(one, notes="added by the doctor")
    assert noted.notes == "added by the doctor"
    with pytest.raises(InvalidText):
        clinic.appointments.annotate(noted, reason="x" * 501)


def test_pending_awaits_confirmation(clinic: Practice, block: TimeBlock) -> None:
    one = clinic.time_blocks.book(block, type="visit", patient="ana")
    by = {part.resource.kind.value: part.participation.value for part in one.participants}
    assert by == {"provider": "needs-action", "patient": "accepted"}
    assert statuses(clinic) == [SlotStatus.BUSY], "its time is taken meanwhile"


def test_confirmed_both_are_expected(clinic: Practice, block: TimeBlock) -> None:
    one = clinic.time_blocks.book(block, type="visit", patient="ana")
    confirmed = clinic.appointments.accept(one)
    assert confirmed.status is AppointmentStatus.BOOKED
    assert {part.participation.value for part in confirmed.participants} == {"accepted"}


@pytest.mark.parametrize("confirmed", [False, True])
def test_cancelled_the_block_is_available_again(
    clinic: Practice, block: TimeBlock, confirmed: bool
) -> None:
    one = clinic.time_blocks.book(block, type="visit", patient="ana")
    if confirmed:
        one = clinic.appointments.accept(one)
    assert clinic.appointments.cancel(one).status is AppointmentStatus.CANCELLED
    assert statuses(clinic) == [SlotStatus.FREE]
    assert [free.id for free in clinic.time_blocks.list(free=True)] == ["b1"]
    with pytest.raises(InvalidTransition):
        clinic.appointments.accept(one.id)
    assert clinic.time_blocks.book(block, type="visit", patient="luis").block == "b1"


def test_a_block_has_one_appointment(clinic: Practice, block: TimeBlock) -> None:
    clinic.time_blocks.book(block, type="visit", patient="ana")
    with pytest.raises(BookingRefused) as caught:
        clinic.time_blocks.book(block, type="visit", patient="luis")
    assert [one.reason for one in caught.value.violations] == [Reason.TAKEN]


def test_once_for_a_block_and_a_patient(clinic: Practice, block: TimeBlock) -> None:
    """Never two that stand. One that was cancelled is history, and no bar to another."""
    first = clinic.time_blocks.book(block, type="visit", patient="ana")
    with pytest.raises(BookingRefused):
        clinic.time_blocks.book(block, type="visit", patient="ana")
    clinic.appointments.cancel(first)
    clinic.time_blocks.book(block, type="visit", patient="ana")
    with pytest.raises(BookingRefused):
        clinic.time_blocks.book(block, type="visit", patient="ana")


def test_what_is_checked_on_creating(clinic: Practice, block: TimeBlock) -> None:
    with pytest.raises(NotFound) as caught:
        clinic.time_blocks.book(block, type="visit", patient="nobody")
    assert caught.value.kind == "patient"
    with pytest.raises(NotFound):
        clinic.time_blocks.book(block, type="visit", patient="vega")  # a provider is no patient
    with pytest.raises(NotFound) as caught:
        clinic.time_blocks.publish(TimeBlock("nobody", DAY, "10:00-10:30"))
    assert caught.value.kind == "provider"
    with pytest.raises(NotFound) as caught:
        clinic.time_blocks.book("b9", type="visit", patient="ana")
    assert caught.value.kind == "time-block"
    office = clinic.time_blocks.publish(TimeBlock("admin", DAY, "10:00-10:30"))
    with pytest.raises(BookingRefused) as refused:
        clinic.time_blocks.book(office, type="visit", patient="ana")
    assert [one.reason for one in refused.value.violations] == [Reason.NOT_BOOKABLE]


def test_its_time_never_differs_from_its_blocks(clinic: Practice, block: TimeBlock) -> None:
    with pytest.raises(InvalidChoice):
        clinic.time_blocks.update(attrs.evolve(block, hours="10:00-10:45"))
    one = clinic.time_blocks.book(block, type="visit", patient="ana")
    clinic.settings.configure(timezone="Europe/Madrid")
    assert clinic.time_blocks.times(block) == (one.start, one.end)


@pytest.mark.parametrize("cancelled", [False, True])
def test_what_appointments_refer_to_cannot_be_deleted(
    clinic: Practice, block: TimeBlock, cancelled: bool
) -> None:
    one = clinic.time_blocks.book(block, type="visit", patient="ana")
    if cancelled:
        clinic.appointments.cancel(one)
    for delete, id in (
        (clinic.patients.delete, "ana"),
        (clinic.providers.delete, "vega"),
        (clinic.time_blocks.delete, "b1"),
    ):
        with pytest.raises(InUse):
            delete(id)
    clinic.patients.delete("luis")
