"""Appointments and patients of a doctor's office (seed 003)."""

from __future__ import annotations

from datetime import datetime, time
from typing import Annotated, Any

import attrs
from fastapi import APIRouter, Query

from clinic_service.models import office as wire
from clinic_service.models.common import Id
from clinic_service.pages import every
from clinic_service.problems import invalid
from clinic_service.who import Calling, Changing, Clinic
from medsched import Address, Appointment, Practice, Start, TzdataZones, WallTime
from medsched.domain.starts import ANYWHERE
from medsched.timeline.instants import minute_of

router = APIRouter(prefix="/api", tags=["office"])
_STATUSES = {"scheduled": "booked", "completed": "fulfilled", "no-show": "noshow"}
_ZONES = TzdataZones()


@router.get("/appointments")
def list_visits(asked: Annotated[wire.Asked, Query()], clinic: Clinic) -> list[wire.VisitOut]:
    """The appointments that the caller may see, in order of start."""
    stated: dict[str, Any] = {"provider": asked.physician_id, "patient": asked.patient_id}
    stated["status"] = asked.status and _STATUSES.get(asked.status, asked.status)
    given = {name: value for name, value in stated.items() if value is not None}
    return list(map(_told, every(clinic.appointments.list, **given)))


@router.get("/appointments/{id}")
def read_visit(id: Id, call: Changing) -> wire.VisitOut:
    """One appointment."""
    return _told(call.tell(call.clinic.appointments.get(id)))


@router.post("/appointments", status_code=201)
def book_visit(asked: wire.NewVisit, call: Changing, who: Calling) -> wire.VisitOut:
    """Book a slot that starts when the wall of the place shows so."""
    patient = asked.patient_id or who.account.patient
    if patient is None:
        raise invalid("patient_id", "say whose visit it is")
    type, place = asked.appointment_type, asked.location_id
    start = _start(call.clinic, asked.physician_id, type, place, asked)
    said = {"reason": asked.reason_for_visit, "notes": asked.notes}
    made = call.clinic.appointments.book(start, patient=patient, **said, idempotency_key=call.key)
    return _told(call.tell(made, f"/api/appointments/{made.id}"))


@router.put("/appointments/{id}")
def change_visit(id: Id, asked: wire.VisitChange, call: Changing) -> wire.VisitOut:
    """Say something else of an appointment."""
    given = call.given(call.clinic.appointments.get, id)
    said = {"reason": asked.reason_for_visit, "notes": asked.notes, "idempotency_key": call.key}
    return _told(call.tell(call.clinic.appointments.annotate(given, **said)))


@router.delete("/appointments/{id}", status_code=204)
def cancel_visit(id: Id, call: Changing) -> None:
    """Call an appointment off; it is kept on record, as cancelled."""
    given = call.given(call.clinic.appointments.get, id)
    call.clinic.appointments.cancel(given, idempotency_key=call.key)


@router.post("/appointments/{id}/reschedule")
def move_visit(id: Id, asked: wire.OtherTime, call: Changing) -> wire.VisitOut:
    """Move an appointment to another time, with this physician or another."""
    old = call.matching(call.clinic.appointments.get(id))
    who = asked.physician_id or old.provider
    start = _start(call.clinic, who, old.type, asked.location_id, asked)
    given = old if call.if_match else id
    moved = call.clinic.appointments.reschedule(given, start, idempotency_key=call.key)
    return _told(call.tell(moved))


@router.get("/patients/{id}")
def read_patient(id: Id, call: Changing) -> wire.PatientOut:
    """A patient's own data."""
    return wire.PatientOut.model_validate(call.tell(call.clinic.patients.get(id)))


@router.put("/patients/{id}")
def change_patient(id: Id, asked: wire.PatientChange, call: Changing) -> wire.PatientOut:
    """Write some of a patient's data anew."""
    old = call.matching(call.clinic.patients.get(id))
    new = call.clinic.patients.update(attrs.evolve(old, **_fields(asked, old.name)))
    return wire.PatientOut.model_validate(call.tell(new))


@router.get("/patients/{id}/appointments")
def visits_of(id: Id, clinic: Clinic) -> list[wire.VisitOut]:
    """A patient's appointments, in order of start."""
    clinic.patients.get(id)
    return list(map(_told, every(clinic.appointments.list, patient=id)))


def _told(one: Appointment) -> wire.VisitOut:
    told = wire.VisitOut.model_validate(one)
    end = _ZONES.zone(one.wall.timezone).local(minute_of(one.end))
    return told.model_copy(update={"end_time": f"{end:%H:%M}"})


def _start(
    clinic: Practice,
    physician: str,
    type: str,
    place: str | None,
    at: wire.NewVisit | wire.OtherTime,
) -> Start:
    """A start on the wall of the place, of the physician where it has no zone, or of the practice."""
    provider = clinic.providers.get(physician)
    there = place or provider.location
    zone = (clinic.locations.get(there).timezone if there else None) or provider.timezone
    wall = datetime.combine(at.appointment_date, time.fromisoformat(at.start_time))
    agreed = WallTime(wall, zone or clinic.settings.get().timezone or "UTC")
    return Start(physician, type, agreed, location=ANYWHERE if place is None else place)


def _fields(asked: wire.PatientChange, name: str) -> dict[str, Any]:
    """The fields of a patient that are written anew."""
    first, _, last = name.partition(" ")
    told: dict[str, Any] = {"birth_date": asked.date_of_birth, "phone": asked.phone}
    told |= {"insurer": asked.insurance_provider, "insurance_number": asked.insurance_id}
    told["name"] = f"{asked.first_name or first} {asked.last_name or last}".strip()
    if asked.address is not None:
        told["address"] = Address(line=asked.address)
    return {field: value for field, value in told.items() if value is not None}
