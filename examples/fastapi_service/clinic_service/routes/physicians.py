"""Physicians' schedules and time off (seed 003)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import product
from typing import Annotated, Any

import attrs
from fastapi import APIRouter, Query

from clinic_service.models import office as wire
from clinic_service.models.availability import SlotOut
from clinic_service.models.common import Id
from clinic_service.pages import every
from clinic_service.routes.provider_availability import shown_in
from clinic_service.who import Change, Changing, Clinic, Served
from medsched import AvailabilityRule, NotFound, Override, Recurrence, Resource, Search, Weekday

router = APIRouter(prefix="/api/physicians/{id}", tags=["physicians"])


@router.get("/schedule")
def schedule(id: Id, clinic: Clinic, service: Served) -> list[wire.HoursOut]:
    """A physician's hours of the week, as they are in the coming four weeks."""
    clinic.providers.get(id)
    today, whose = service.clock.now().date(), Resource("provider", id)
    rules = every(clinic.availability.rules.list, resource=whose, active=None)
    return [one for rule in rules for one in _told(rule, today)]


@router.post("/schedule", status_code=201)
def add_hours(id: Id, asked: wire.Hours, call: Changing, service: Served) -> wire.HoursOut:
    """Add hours on one day of the week, from today on."""
    hours = _hours(asked, service.clock.now().date())
    made = call.clinic.availability.add(AvailabilityRule(id, **hours))
    call.tell(made, f"/api/physicians/{id}/schedule/{made.id}")
    return wire.HoursOut(**asked.model_dump(), id=made.id, physician_id=id)


@router.put("/schedule/{schedule_id}")
def change_hours(
    id: Id, schedule_id: Id, asked: wire.Hours, call: Changing, service: Served
) -> wire.HoursOut:
    """Write hours anew, from today on. Refused where visits would stand outside of them."""
    old = call.matching(_own(call, id, schedule_id))
    new = attrs.evolve(old, **_hours(asked, service.clock.now().date()))
    call.tell(call.clinic.availability.rules.update(new))
    return wire.HoursOut(**asked.model_dump(), id=old.id, physician_id=id)


@router.delete("/schedule/{schedule_id}", status_code=204)
def end_hours(id: Id, schedule_id: Id, call: Changing) -> None:
    """Offer hours no more; that there were such is kept. Refused where visits stand in them."""
    call.clinic.availability.rules.deactivate(call.matching(_own(call, id, schedule_id)).id)


@router.post("/time-off", status_code=201)
def add_time_off(id: Id, asked: wire.TimeOff, call: Changing) -> wire.TimeOffOut:
    """Close some dates of a physician. Refused where visits stand on them."""
    away = Override.time_off(id, asked.start_date, asked.end_date, reason=asked.reason)
    made = call.clinic.availability.add(away)
    return wire.TimeOffOut.model_validate(call.tell(made, f"/api/physicians/{id}/schedule"))


@router.get("/available-slots")
def available_slots(
    id: Id, asked: Annotated[wire.SlotsAsked, Query()], clinic: Clinic
) -> list[SlotOut]:
    """What is free with a physician on a date, or on several."""
    search = Search(
        first=asked.start_date,
        last=asked.end_date or asked.start_date,
        providers=id,
        types=asked.appointment_type,
        timezone=asked.timezone,
    )
    return list(map(shown_in(clinic), every(clinic.search.slots, search)))


def _own(call: Change, physician: str, id: str) -> AvailabilityRule:
    """A rule of this physician's; another's is none."""
    found = call.clinic.availability.rules.get(id)
    if found.resource != Resource("provider", physician):
        raise NotFound("rule", id)
    return found


def _hours(asked: wire.Hours, today: date) -> dict[str, Any]:
    """What is asked for, as the fields of a rule."""
    day = [Weekday((asked.day_of_week - 1) % 7)]
    lunch = [f"{asked.lunch_start}-{asked.lunch_end}"] if asked.lunch_start else []
    told = {"recurrence": Recurrence.weekly(day, start=today), "breaks": lunch}
    told |= {"hours": f"{asked.start_time}-{asked.end_time}", "location": asked.location_id}
    return {**told, "active": asked.is_active}


def _told(rule: AvailabilityRule, today: date) -> Iterator[wire.HoursOut]:
    """Hours as they are documented: on one day of the week, with one lunch."""
    days = {one.isoweekday() % 7 for one in rule.recurrence.between(today, today + timedelta(27))}
    breaks = [str(one).split("-") for one in rule.breaks] or [[None, None]]
    for day, hours in product(sorted(days), rule.hours):
        start, end = str(hours).removesuffix(" overnight").split("-")
        yield wire.HoursOut(
            id=rule.id,
            physician_id=rule.resource.id,
            location_id=rule.location,
            day_of_week=day,
            start_time=start,
            end_time=end,
            lunch_start=breaks[0][0],
            lunch_end=breaks[0][1],
            is_active=rule.active,
        )
