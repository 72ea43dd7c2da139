"""A doctor's office: physicians' schedules, appointments and patients (seed 003)."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import product
from typing import Annotated, Any

import attrs
from fastapi import APIRouter, Query

import medsched as ms
from clinic_service.models import office as wire
from clinic_service.models.availability import SlotOut
from clinic_service.models.common import Id
from clinic_service.routes.provider_availability import shown_in
from clinic_service.who import Call, Changing, Reading, every
from medsched.domain.starts import ANYWHERE
from medsched.timeline.instants import whole_minute

router = APIRouter(prefix="/api", tags=["office"])
_ZONES = ms.TzdataZones()


@router.get("/physicians/{id}/schedule")
def schedule(id: Id, call: Reading) -> list[wire.HoursOut]:
    """A physician's hours of the week, as they are in the coming four weeks."""
    today, whose = call.service.clock.now().date(), call.clinic.providers.get(id).resource
    rules = every(call.clinic.availability.rules.list, resource=whose, active=None)
    return [one for rule in rules for one in _told_hours(rule, today)]


@router.post("/physicians/{id}/schedule", status_code=201)
def add_hours(id: Id, asked: wire.Hours, call: Changing) -> wire.HoursOut:
    """Add hours on one day of the week, from today on."""
    rule, at = (
        ms.AvailabilityRule(id, **_hours(asked, call)),
        f"/api/physicians/{id}/schedule/{{id}}",
    )
    made = call.do(call.clinic.availability.add, rule, at=at)
    return wire.HoursOut(**asked.model_dump(), id=made.id, physician_id=id)


@router.put("/physicians/{id}/schedule/{schedule_id}")
def change_hours(id: Id, schedule_id: Id, asked: wire.Hours, call: Changing) -> wire.HoursOut:
    """Write hours anew, from today on. Refused where visits would stand outside of them."""
    new = attrs.evolve(_own_rule(call, id, schedule_id), **_hours(asked, call))
    call.do(call.clinic.availability.rules.update, new)
    return wire.HoursOut(**asked.model_dump(), id=schedule_id, physician_id=id)


@router.delete("/physicians/{id}/schedule/{schedule_id}", status_code=204)
def end_hours(id: Id, schedule_id: Id, call: Changing) -> None:
    """Offer hours no more; that there were such is kept. Refused where visits stand in them."""
    call.do(call.clinic.availability.rules.deactivate, _own_rule(call, id, schedule_id).id)


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
    return list(map(shown_in(call.clinic), every(call.clinic.search.slots, search)))


@router.get("/appointments", response_model=list[wire.VisitOut])
def list_visits(asked: Annotated[wire.Asked, Query()], call: Reading) -> Any:
    """The appointments that the caller may see, in order of start."""
    return list(map(_told, every(call.clinic.appointments.list, **asked.stated())))


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
    old = call.clinic.patients.get(id)
    call.matching(old)
    first, _, last = old.name.partition(" ")
    said = asked.stated("first_name", "last_name")
    said["name"] = f"{asked.first_name or first} {asked.last_name or last}".strip()
    return call.do(call.clinic.patients.update, attrs.evolve(old, **said))


@router.get("/patients/{id}/appointments", response_model=list[wire.VisitOut])
def visits_of(id: Id, call: Reading) -> Any:
    """A patient's appointments, in order of start."""
    patient = call.clinic.patients.get(id).id
    return list(map(_told, every(call.clinic.appointments.list, patient=patient)))


def _own_rule(call: Call, physician: str, id: str) -> ms.AvailabilityRule:
    """A rule of this physician's, as it was read; another's is none."""
    found = call.clinic.availability.rules.get(id)
    if found.resource != ms.Resource("provider", physician):
        raise ms.NotFound("rule", id)
    call.matching(found)
    return found


def _hours(asked: wire.Hours, call: Call) -> dict[str, Any]:
    """What is asked for, as the fields of a rule."""
    day, today = ms.Weekday((asked.day_of_week - 1) % 7), call.service.clock.now().date()
    lunch = [f"{asked.lunch_start}-{asked.lunch_end}"] if asked.lunch_start else []
    told = {"recurrence": ms.Recurrence.weekly([day], start=today), "breaks": lunch}
    told |= {"hours": f"{asked.start_time}-{asked.end_time}", "location": asked.location_id}
    return {**told, "active": asked.is_active}


def _told_hours(rule: ms.AvailabilityRule, today: date) -> Iterator[wire.HoursOut]:
    """Hours as they are documented: on one day of the week, with one lunch."""
    days = {one.isoweekday() % 7 for one in rule.recurrence.between(today, today + timedelta(27))}
    told: dict[str, Any] = {"id": rule.id, "physician_id": rule.resource.id}
    told |= {"location_id": rule.location, "is_active": rule.active}
    if rule.breaks:
        told["lunch_start"], told["lunch_end"] = str(rule.breaks[0]).split("-")
    for day, hours in product(sorted(days), rule.hours):
        start, end = str(hours).removesuffix(" overnight").split("-")
        yield wire.HoursOut(**told, day_of_week=day, start_time=start[:5], end_time=end[:5])


def _told(one: ms.Appointment) -> Any:
    """An appointment as it is told: its end on the wall, too."""
    told = wire.VisitOut.model_validate(one)
    end = _ZONES.zone(one.wall.timezone).local(whole_minute(one.end, "end"))
    told.end_time = f"{end:%H:%M}"
    return told


def _start(clinic: ms.Practice, asked: wire.OtherTime, physician: str, type: str) -> ms.Start:
    """A start on the wall of the place or, where it has no zone, of physician or practice."""
    zone = clinic.availability.zone_on(physician, asked.day, location=asked.location)
    wall = datetime.combine(asked.day, time.fromisoformat(asked.start_time))
    there = asked.location or ANYWHERE
    return ms.Start(physician, type, ms.WallTime(wall, zone), location=there)
