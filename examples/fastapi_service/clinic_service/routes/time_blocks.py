"""Time blocks that doctors publish, and reservations of them (seed 004)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from clinic_service.models import offers as wire
from clinic_service.models.common import Id
from clinic_service.pages import every
from clinic_service.problems import invalid
from clinic_service.who import Calling, Changing, Clinic
from medsched import Appointment, NotFound, Practice, TimeBlock

router = APIRouter(prefix="/api/v1", tags=["time blocks"])


@router.get("/time-blocks")
def list_blocks(asked: Annotated[wire.BlocksAsked, Query()], clinic: Clinic) -> list[wire.BlockOut]:
    """The blocks that are published, all of them or those that are free."""
    named = {"provider": asked.doctor_id, "free": asked.available}
    found = every(clinic.time_blocks.list, **named, first=asked.first, last=asked.last)
    return [_told(clinic, one) for one in found]


@router.post("/time-blocks", status_code=201)
def publish_block(asked: wire.NewBlock, call: Changing, who: Calling) -> wire.BlockOut:
    """Publish a block."""
    doctor = asked.doctor_id or who.account.provider
    if doctor is None:
        raise invalid("doctorId", "say whose time it is")
    hours = f"{asked.start_time}-{asked.end_time}"
    block = TimeBlock(doctor, asked.date, hours, types=asked.appointment_types)
    made = call.clinic.time_blocks.publish(block, idempotency_key=call.key)
    return _told(call.clinic, call.tell(made, f"/api/v1/time-blocks/{made.id}"))


@router.get("/time-blocks/{id}")
def read_block(id: Id, call: Changing) -> wire.BlockOut:
    """One block."""
    return _told(call.clinic, call.tell(call.clinic.time_blocks.get(id)))


@router.delete("/time-blocks/{id}", status_code=204)
def end_block(id: Id, call: Changing) -> None:
    """Offer a block no more. Refused while a reservation stands in it."""
    call.clinic.time_blocks.deactivate(call.matching(call.clinic.time_blocks.get(id)).id)


@router.get("/reservations")
def list_reservations(clinic: Clinic) -> list[wire.ReservationOut]:
    """The reservations that the caller may see, in order of start."""
    found = every(clinic.appointments.list)
    return [wire.ReservationOut.model_validate(one) for one in found if one.block is not None]


@router.post("/reservations", status_code=201)
def reserve(asked: wire.NewReservation, call: Changing, who: Calling) -> wire.ReservationOut:
    """Ask for a block: PENDING, until it is confirmed. A block has one reservation."""
    patient = asked.patient_id or who.account.patient
    if patient is None:
        raise invalid("patientId", "say whose visit it is")
    blocks = call.clinic.time_blocks
    if asked.doctor_id not in (None, blocks.get(asked.time_block_id).provider):
        raise invalid("doctorId", "the time block is another doctor's")
    said = {"type": asked.appointment_type, "reason": asked.reason, "notes": asked.notes}
    made = blocks.book(asked.time_block_id, patient=patient, **said, idempotency_key=call.key)
    return _reservation(call.tell(made, f"/api/v1/reservations/{made.id}"))


@router.get("/reservations/{id}")
def read_reservation(id: Id, call: Changing) -> wire.ReservationOut:
    """One reservation."""
    return _reservation(call.tell(call.clinic.appointments.get(id)))


@router.post("/reservations/{id}/confirm")
def confirm(id: Id, call: Changing) -> wire.ReservationOut:
    """Let it be CONFIRMED: both are expected."""
    here = call.clinic.appointments
    given = call.given(here.get, id)
    return _reservation(call.tell(here.accept(given, idempotency_key=call.key)))


@router.post("/reservations/{id}/cancel")
def cancel(id: Id, call: Changing) -> wire.ReservationOut:
    """Let it be CANCELLED: its block is free again."""
    here = call.clinic.appointments
    given = call.given(here.get, id)
    return _reservation(call.tell(here.cancel(given, idempotency_key=call.key)))


def _told(clinic: Practice, block: TimeBlock) -> wire.BlockOut:
    start, end = clinic.time_blocks.times(block)
    types = None if block.types is None else sorted(block.types)
    return wire.BlockOut(
        id=block.id,
        doctor_id=block.provider,
        start_time=start,
        end_time=end,
        appointment_types=types,
        is_active=block.active,
    )


def _reservation(one: Appointment) -> wire.ReservationOut:
    if one.block is None:
        raise NotFound("reservation", one.id)
    return wire.ReservationOut.model_validate(one)
