"""A doctor's office: physicians' schedules, appointments and patients (seed 003)."""

from datetime import datetime, time
from typing import Annotated, Any

import attrs
from fastapi import APIRouter, Query

import medsched as ms
from clinic_service.models import common
from clinic_service.models import office as wire
from clinic_service.models.availability import SlotOut
from clinic_service.models.common import Id
from clinic_service.routes.provider_availability import shown_in
from clinic_service.who import Call, Changing, Reading

router = APIRouter(prefix="/api", tags=["office"])
_ZONES = ms.TzdataZones()


@router.get("/physicians/{id}/schedule", response_model=list[wire.HoursOut])
def schedule(id: Id, call: Reading) -> Any:
    """A physician's hours of the week."""
    return call.clinic.availability.weekly.list(id, active=None)


@router.post("/physicians/{id}/schedule", status_code=201, response_model=wire.HoursOut)
def add_hours(id: Id, asked: wire.Hours, call: Changing) -> Any:
    """Add hours on one day of the week, from today on."""
    add, at = call.clinic.availability.weekly.add, f"/api/physicians/{id}/schedule/{{id}}"
    return call.do(add, asked.row(id), at=at)


@router.put("/physicians/{id}/schedule/{schedule_id}", response_model=wire.HoursOut)
def change_hours(id: Id, schedule_id: Id, asked: wire.Hours, call: Changing) -> Any:
    """Write a row anew, no other. Refused where visits would stand outside of their hours."""

    def changed() -> ms.WeeklyHours:
        was, row = _stored(call, id, schedule_id), asked.row(id)
        untold = [one for one in was.breaks[1:] if row.hours.holds(one)] if was else []
        row = attrs.evolve(row, id=schedule_id, breaks=[*row.breaks, *untold])
        row = attrs.evolve(row, version=was.version if was else 0)
        return call.do(call.clinic.availability.weekly.update, call.versioned(row))

    return call.patiently(changed)


@router.delete("/physicians/{id}/schedule/{schedule_id}", status_code=204)
def end_hours(id: Id, schedule_id: Id, call: Changing) -> None:
    """Offer a row of hours no more, and no other. Refused where visits stand in them."""
    row = _stored(call, id, schedule_id)
    given = call.matching(row) if row else schedule_id
    call.clinic.availability.weekly.end(given, idempotency_key=call.key)


@router.post("/physicians/{id}/time-off", status_code=201, response_model=wire.TimeOffOut)
def add_time_off(id: Id, asked: wire.TimeOff, call: Changing) -> Any:
    """Close some dates of a physician. Refused where visits stand on them."""
    away = ms.Override.time_off(id, asked.first, asked.last, reason=asked.reason)
    return call.do(call.clinic.availability.add, away, at=f"/api/physicians/{id}/schedule")


@router.get("/physicians/{id}/available-slots")
def available_slots(
    id: Id, asked: Annotated[wire.SlotsAsked, Query()], call: Reading
) -> list[SlotOut]:
    """What is free with a physician on a date, or on several."""
    search = ms.Search(providers=id, patient=call.account.patient, **asked.stated())
    return list(map(shown_in(call.clinic), ms.every(call.clinic.search.slots, search)))


@router.get("/appointments", response_model=list[wire.VisitOut])
def list_visits(asked: Annotated[wire.Asked, Query()], call: Reading) -> Any:
    """The appointments that the caller may see, in order of start."""
    return list(map(_told, ms.every(call.clinic.appointments.list, **asked.stated())))


@router.get("/appointments/{id}", response_model=wire.VisitOut)
def read_visit(id: Id, call: Reading) -> Any:
    """One appointment."""
    return _told(call.tell(call.clinic.appointments.get(id)))


@router.post("/appointments", status_code=201, response_model=wire.VisitOut)
def book_visit(asked: wire.NewVisit, call: Changing) -> Any:
    """Book a slot that starts when the wall of the place shows so."""
    start = _start(call.clinic, asked, asked.provider, asked.type)
    said = call.theirs(asked, "provider", "location", "day", "start_time", "type")
    return _told(call.do(call.clinic.appointments.book, start, **said, at="/api/appointments/{id}"))


@router.put("/appointments/{id}", response_model=wire.VisitOut)
def change_visit(id: Id, asked: wire.VisitChange, call: Changing) -> Any:
    """Say something else of an appointment."""
    given = call.given(call.clinic.appointments.get, id)
    return _told(call.do(call.clinic.appointments.annotate, given, **asked.stated()))


@router.delete("/appointments/{id}", status_code=204)
def cancel_visit(id: Id, call: Changing) -> None:
    """Call an appointment off; it is kept on record, as cancelled."""
    call.do(call.clinic.appointments.cancel, call.given(call.clinic.appointments.get, id))


@router.post("/appointments/{id}/reschedule", response_model=wire.VisitOut)
def move_visit(id: Id, asked: wire.OtherTime, call: Changing) -> Any:
    """Move an appointment to another time, with this physician or another."""
    old = call.clinic.appointments.get(id)
    start = _start(call.clinic, asked, asked.provider or old.provider, old.type)
    return _told(call.do(call.clinic.appointments.reschedule, call.matching(old), start))


@router.get("/patients/{id}", response_model=wire.PatientOut)
def read_patient(id: Id, call: Reading) -> ms.Patient:
    """A patient's own data."""
    return call.tell(call.clinic.patients.get(id))


@router.put("/patients/{id}", response_model=wire.PatientOut)
def change_patient(id: Id, asked: wire.PatientChange, call: Changing) -> ms.Patient:
    """Write some of a patient's data anew."""

    def changed() -> ms.Patient:
        old, said = call.clinic.patients.get(id), asked.stated("first_name", "last_name")
        first, last = asked.first_name, asked.last_name
        if first or last:
            first, last = first or common.first_name(old.name), last or common.last_name(old.name)
            said["name"] = common.whole_name(first, last)
        return call.do(call.clinic.patients.update, attrs.evolve(call.versioned(old), **said))

    return call.patiently(changed)


@router.get("/patients/{id}/appointments", response_model=list[wire.VisitOut])
def visits_of(id: Id, call: Reading) -> Any:
    """A patient's appointments, in order of start."""
    patient = call.clinic.patients.get(id).id
    return list(map(_told, ms.every(call.clinic.appointments.list, patient=patient)))


def _stored(call: Call, physician: str, id: str) -> ms.WeeklyHours | None:
    """A row of this physician's, unless it is gone: a request that is repeated needs none."""
    row = call.clinic.availability.weekly.find(id)
    if row and row.resource.id != physician:
        raise ms.NotFound("rule", id)
    return row


def _told(one: ms.Appointment) -> Any:
    """An appointment as it is told: its end on the wall, too."""
    end = one.end.astimezone(_ZONES.zone(one.wall.timezone).tzinfo)
    return wire.VisitOut.model_validate(one).model_copy(update={"end_time": f"{end:%H:%M}"})


def _start(clinic: ms.Practice, asked: wire.OtherTime, physician: str, type: str) -> ms.Start:
    """A start on the wall of the place or, where it has no zone, of physician or practice."""
    zone = clinic.availability.zone_on(physician, asked.day, location=asked.location)
    at = ms.WallTime(datetime.combine(asked.day, time.fromisoformat(asked.start_time)), zone)
    return ms.Start(physician, type, at, location=asked.location or ms.ANYWHERE)
