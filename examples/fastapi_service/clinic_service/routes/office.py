"""A doctor's office: physicians' schedules, appointments and patients (seed 003)."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import product
from typing import Annotated, Any

import attrs
from fastapi import APIRouter, Query

import medsched as ms
from clinic_service.models import common
from clinic_service.models import office as wire
from clinic_service.models.availability import SlotOut
from clinic_service.models.common import Id
from clinic_service.problems import Refused
from clinic_service.routes.provider_availability import shown_in
from clinic_service.who import Call, Changing, Reading, every
from medsched.domain.starts import ANYWHERE
from medsched.timeline.instants import whole_minute

router = APIRouter(prefix="/api", tags=["office"])
_ZONES = ms.TzdataZones()


@router.get("/physicians/{id}/schedule")
def schedule(id: Id, call: Reading) -> list[wire.HoursOut]:
    """A physician's hours of the week."""
    return [told for _, told in _rows(call, id)]


@router.post("/physicians/{id}/schedule", status_code=201)
def add_hours(id: Id, asked: wire.Hours, call: Changing) -> wire.HoursOut:
    """Add hours on one day of the week, from today on."""
    day, today = ms.Weekday((asked.day_of_week - 1) % 7), call.service.clock.now().date()
    rule = ms.AvailabilityRule(id, ms.Recurrence.weekly([day], start=today), **_said(asked))
    made = call.do(call.clinic.availability.add, rule, at=f"/api/physicians/{id}/schedule/{{id}}")
    return wire.HoursOut(**asked.model_dump(), id=made.id, physician_id=id)


@router.put("/physicians/{id}/schedule/{schedule_id}")
def change_hours(id: Id, schedule_id: Id, asked: wire.Hours, call: Changing) -> wire.HoursOut:
    """Write a row anew, no other. Refused where visits would stand outside of their hours."""

    def changed() -> ms.AvailabilityRule:
        rule, row = _row(call, id, schedule_id)
        was, said = _days(rule, call.service.clock.now().date()), _said(asked)
        said["recurrence"] = _on(rule, was, {asked.day_of_week})
        said["breaks"] += _others(rule.breaks, row, ms.Hours.parse(said["hours"]))
        if row.id == rule.id:
            return call.do(call.clinic.availability.rules.update, attrs.evolve(rule, **said))
        return _split(call, rule, row, attrs.evolve(rule, id="", **said))

    told = call.patiently(changed)
    return wire.HoursOut(**asked.model_dump(), id=told.id, physician_id=id)


@router.delete("/physicians/{id}/schedule/{schedule_id}", status_code=204)
def end_hours(id: Id, schedule_id: Id, call: Changing) -> None:
    """Offer a row of hours no more, and no other. Refused where visits stand in them."""

    def ended() -> ms.AvailabilityRule:
        rule, row = _row(call, id, schedule_id)
        if row.id == rule.id:
            return call.do(call.clinic.availability.rules.deactivate, call.matching(rule))
        return _split(call, rule, row)

    call.patiently(ended)


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
    return list(map(_told, every(call.clinic.appointments.list, patient=patient)))


def _row(call: Call, physician: str, id: str) -> tuple[ms.AvailabilityRule, wire.HoursOut]:
    """A row of this physician's, and the rule that it is of; another's is none."""
    for rule, row in _rows(call, physician):
        if row.id == id:
            return call.versioned(rule), row
    raise ms.NotFound("rule", id)


def _rows(call: Call, physician: str) -> Iterator[tuple[ms.AvailabilityRule, wire.HoursOut]]:
    """The hours of the week, each rule row by row as they are documented.

    A rule of one row has one id with it; of others ``<rule>.<day>``, with the number of its hours
    on a day where there are several.
    """
    whose, today = call.clinic.providers.get(physician).resource, call.service.clock.now().date()
    for rule in every(call.clinic.availability.rules.list, resource=whose, active=None):
        days = sorted(_days(rule, today))
        told: dict[str, Any] = {"physician_id": physician, "location_id": rule.location}
        for day, (at, hours) in product(days, enumerate(rule.hours, 1)):
            id = rule.id if len(days) == 1 else f"{rule.id}.{day}"
            id += f".{at}" if len(rule.hours) > 1 else ""
            lunch = [str(one).split("-") for one in _within(rule.breaks, [hours])[:1] or ()]
            told["lunch_start"], told["lunch_end"] = lunch[0] if lunch else (None, None)
            start, end = str(hours).removesuffix(" overnight").split("-")
            told |= {"id": id, "day_of_week": day, "is_active": rule.active}
            told |= {"start_time": start[:5], "end_time": end[:5]}
            yield rule, wire.HoursOut(**told)


def _split(
    call: Call, rule: ms.AvailabilityRule, row: wire.HoursOut, *new: ms.AvailabilityRule
) -> ms.AvailabilityRule:
    """Let a row be another, or none, and all other rows of its rule stay as they are."""
    day, at = row.day_of_week, [f"{one}"[:5] for one in rule.hours].index(row.start_time)
    others = tuple(one for one in rule.hours if one != rule.hours[at])
    less: dict[str, Any] = {"hours": others, "breaks": _within(rule.breaks, others)}
    days = _days(rule, call.service.clock.now().date())
    if days == {day}:
        kept, beside = attrs.evolve(rule, **less), new
    else:
        kept = attrs.evolve(rule, recurrence=_on(rule, days, days - {day}))
        that: dict[str, Any] = {"recurrence": _on(rule, days, {day}), **less}
        beside = (*(attrs.evolve(rule, id="", **that) for _ in others[:1]), *new)
    made = call.clinic.availability.split(kept, *beside, idempotency_key=call.key)
    return call.tell(made[-1])


def _on(rule: ms.AvailabilityRule, was: set[int], days: set[int]) -> ms.Recurrence:
    """The dates of a rule on other days of the week; its start, and all else, stays."""
    dates = rule.recurrence
    if was == days:
        return dates
    if not _is_weekly(dates):
        raise Refused(409, "not-weekly", "These hours are not the same each week.")
    return attrs.evolve(dates, by_day=[ms.Weekday((one - 1) % 7) for one in days])


def _is_weekly(dates: ms.Recurrence) -> bool:
    """Whether days of the week, and nothing else, say on which dates there are hours."""
    daily = dates.frequency == "DAILY" and dates.interval == 1
    counted = dates.count or dates.by_set_pos or dates.rdates
    return (daily or dates.frequency == "WEEKLY") and not counted


def _days(rule: ms.AvailabilityRule, today: date) -> set[int]:
    """The days of the week of hours that there are within a year; of others, within four weeks."""
    dates, weekly = rule.recurrence, _is_weekly(rule.recurrence)
    near = {_day(one) for one in dates.between(today, today + timedelta(365 if weekly else 27))}
    if not (near and weekly):
        return near
    each = {_day(dates.start)} if dates.frequency == "WEEKLY" else set(range(7))
    return {_day(one.weekday) for one in dates.by_day} or each


def _day(day: date | ms.Weekday) -> int:
    """A day of the week as it is documented: 0 for Sunday."""
    return (day.weekday() + 1 if isinstance(day, date) else day + 1) % 7


def _within(breaks: Sequence[ms.Hours], hours: Sequence[ms.Hours]) -> list[ms.Hours]:
    """The breaks that lie in some hours, so far as these end on their own date."""
    return [
        one
        for one in breaks
        if any(of.overnight or (of.start <= one.start and one.end <= of.end) for of in hours)
    ]


def _others(breaks: Sequence[ms.Hours], row: wire.HoursOut, hours: ms.Hours) -> list[str]:
    """The breaks within some hours that a row does not tell, which tells one."""
    lunch = f"{row.lunch_start}-{row.lunch_end}"
    return [text for one in _within(breaks, [hours]) if (text := str(one)) != lunch]


def _said(asked: wire.Hours) -> dict[str, Any]:
    """What is asked for, as the fields of a rule; on which dates, the recurrence says."""
    lunch = [f"{asked.lunch_start}-{asked.lunch_end}"] if asked.lunch_start else []
    told: dict[str, Any] = {"hours": f"{asked.start_time}-{asked.end_time}", "breaks": lunch}
    return {**told, "location": asked.location_id, "active": asked.is_active}


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
