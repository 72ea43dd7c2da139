"""Time blocks that doctors publish, and reservations of them (seed 004)."""

from typing import Annotated

from fastapi import APIRouter, Query

from clinic_service.models import booking as wire
from clinic_service.models.common import Id
from clinic_service.pages import every
from clinic_service.problems import invalid
from clinic_service.routes.appointments import stepped
from clinic_service.who import Changing, Reading
from medsched import Appointment, NotFound, Practice, TimeBlock

router = APIRouter(prefix="/api/v1", tags=["time blocks"])


@router.get("/time-blocks")
def list_blocks(asked: Annotated[wire.BlocksAsked, Query()], call: Reading) -> list[wire.BlockOut]:
    """The blocks that are published, all of them or those that are free."""
    found = every(call.clinic.time_blocks.list, **asked.stated())
    return [_told(call.clinic, one) for one in found]


@router.post("/time-blocks", status_code=201)
def publish_block(asked: wire.NewBlock, call: Changing) -> wire.BlockOut:
    """Publish a block."""
    doctor = call.own("provider", asked.doctor_id, "doctorId")
    hours = f"{asked.start_time}-{asked.end_time}"
    block = TimeBlock(doctor, asked.date, hours, types=asked.appointment_types)
    made = call.clinic.time_blocks.publish(block, idempotency_key=call.key)
    return _told(call.clinic, call.tell(made, f"/api/v1/time-blocks/{made.id}"))


@router.get("/time-blocks/{id}")
def read_block(id: Id, call: Reading) -> wire.BlockOut:
    """One block."""
    return _told(call.clinic, call.tell(call.clinic.time_blocks.get(id)))


@router.delete("/time-blocks/{id}", status_code=204)
def end_block(id: Id, call: Changing) -> None:
    """Offer a block no more. Refused while a reservation stands in it."""
    call.clinic.time_blocks.deactivate(call.matching(call.clinic.time_blocks.get(id)).id)


@router.get("/reservations", response_model=list[wire.ReservationOut])
def list_reservations(call: Reading) -> list[Appointment]:
    """The reservations that the caller may see, in order of start."""
    return [one for one in every(call.clinic.appointments.list) if one.block is not None]


@router.post("/reservations", status_code=201, response_model=wire.ReservationOut)
def reserve(asked: wire.NewReservation, call: Changing) -> Appointment:
    """Ask for a block: PENDING, until it is confirmed. A block has one reservation."""
    said = asked.model_dump(include={"type", "reason", "notes"})
    said["patient"] = call.own("patient", asked.patient_id, "patientId")
    blocks = call.clinic.time_blocks
    if asked.doctor_id not in (None, blocks.get(asked.time_block_id).provider):
        raise invalid("doctorId", "the time block is another doctor's")
    made = blocks.book(asked.time_block_id, **said, idempotency_key=call.key)
    return call.tell(made, f"/api/v1/reservations/{made.id}")


@router.get("/reservations/{id}", response_model=wire.ReservationOut)
def read_reservation(id: Id, call: Reading) -> Appointment:
    """One reservation."""
    return call.tell(_reserved(call.clinic.appointments.get(id)))


@router.post("/reservations/{id}/confirm", response_model=wire.ReservationOut)
def confirm(id: Id, call: Changing) -> Appointment:
    """Let it be CONFIRMED: both are expected."""
    _reserved(call.clinic.appointments.get(id))
    return stepped(call, id, call.clinic.appointments.accept)


@router.post("/reservations/{id}/cancel", response_model=wire.ReservationOut)
def cancel(id: Id, call: Changing) -> Appointment:
    """Let it be CANCELLED: its block is free again."""
    _reserved(call.clinic.appointments.get(id))
    return stepped(call, id, call.clinic.appointments.cancel)


def _told(clinic: Practice, block: TimeBlock) -> wire.BlockOut:
    start, end = clinic.time_blocks.times(block)
    told = {"id": block.id, "doctor_id": block.provider, "is_active": block.active}
    return wire.BlockOut.model_validate({**told, "start_time": start, "end_time": end})


def _reserved(one: Appointment) -> Appointment:
    if one.block is None:
        raise NotFound("reservation", one.id)
    return one
