"""Appointments between patients and providers (seed 002)."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request

from clinic_service.models import appointments as wire
from clinic_service.models.common import Id, first_name, last_name
from clinic_service.problems import FIELDS, PLAIN_STYLE, invalid
from clinic_service.who import Call, Changing, Reading
from medsched import Appointment, Claim, InvalidTransition, Practice, Start
from medsched.domain.starts import ANYWHERE

router = APIRouter(prefix=PLAIN_STYLE.removesuffix("/"), tags=["appointments"])
AT = f"{PLAIN_STYLE}{{id}}/"
Listed = Annotated[wire.Asked, Query()]


@router.get("/", response_model=wire.Paged)
def list_all(request: Request, asked: Listed, call: Reading) -> Any:
    """Appointments that the caller may see, a page at a time."""
    return _page(request, call, asked)


@router.get("/upcoming/", response_model=wire.Paged)
def upcoming(request: Request, asked: Listed, call: Reading) -> Any:
    """Those that are scheduled and still to come."""
    return _page(request, call, asked, status="booked", upcoming=True)


@router.api_route("/upcoming/", methods=["PUT", "PATCH", "DELETE"], include_in_schema=False)
def no_appointment() -> None:
    """It is a list, not an appointment of this id."""
    raise HTTPException(405, headers={"Allow": "GET"})


@router.get("/by-provider/{id}/", response_model=wire.Paged)
def by_provider(id: Id, request: Request, asked: Listed, call: Reading) -> Any:
    """Those with one provider."""
    return _page(request, call, asked, provider=call.clinic.providers.get(id).id)


@router.get("/by-patient/{id}/", response_model=wire.Paged)
def by_patient(id: Id, request: Request, asked: Listed, call: Reading) -> Any:
    """Those of one patient."""
    return _page(request, call, asked, patient=call.clinic.patients.get(id).id)


@router.post("/", status_code=201)
def create(asked: wire.NewAppointment, call: Changing) -> wire.Detail:
    """Book a slot. 400 lists by field what is in the way."""
    start = _start(call.clinic, asked, asked.provider, asked.type, asked.start)
    said = asked.stated("provider", "location", "type", "start", "end")
    return detail(call, call.do(call.clinic.appointments.book, start, **said, at=AT))


@router.get("/{id}/")
def read(id: Id, call: Reading) -> wire.Detail:
    """One appointment."""
    return detail(call, call.tell(call.clinic.appointments.get(id)))


@router.patch("/{id}/", operation_id="change_appointment")
@router.put("/{id}/", operation_id="replace_appointment")
def change(id: Id, asked: wire.AppointmentChange, call: Changing) -> wire.Detail:
    """Move an appointment, or say something else of it."""
    here = call.clinic.appointments
    old, said = here.get(id), asked.model_dump(include={"reason", "notes"})
    given, start = call.matching(old), _other_start(call.clinic, old, asked)
    if start is None:
        return detail(call, call.do(here.annotate, given, **said))
    return detail(call, call.do(here.reschedule, given, start, **said))


@router.delete("/{id}/", status_code=204)
def delete(id: Id, call: Changing) -> None:
    """Cancel an appointment. What was booked is kept on record, as cancelled."""
    stepped(call, call.clinic.appointments.cancel, id)


@router.post("/{id}/check-conflicts/", response_model=wire.Conflicts)
def check_conflicts(id: Id, call: Reading) -> Any:
    """What else takes the time of those whom an appointment needs."""
    told = defaultdict[str, list[Any]](list)
    for resource, claims in call.clinic.appointments.conflicts(id).items():
        kind = FIELDS.get(resource.kind.value, resource.kind.value)
        told[kind] += [_conflict(call.clinic, claim) for claim in claims]
    return {"has_conflicts": bool(told), "conflicts": told}


@router.post("/{id}/cancel/")
def cancel(id: Id, call: Changing) -> wire.Detail:
    """Call an appointment off: its time is free again."""
    return detail(call, stepped(call, call.clinic.appointments.cancel, id))


@router.post("/{id}/complete/")
def complete(id: Id, call: Changing) -> wire.Detail:
    """The visit took place; not where it was said that the patient did not come."""
    here = call.clinic.appointments
    if here.get(id).status == "noshow":
        raise InvalidTransition("noshow", "fulfilled")
    return detail(call, stepped(call, here.fulfil, id))


@router.post("/{id}/mark-no-show/")
def mark_no_show(id: Id, call: Changing) -> wire.Detail:
    """The patient did not come."""
    return detail(call, stepped(call, call.clinic.appointments.mark_noshow, id))


def stepped(call: Call, step: Callable[..., Appointment], id: str) -> Appointment:
    """An appointment one step further, if it is in the version that was read."""
    return call.do(step, call.given(call.clinic.appointments.get, id))


def detail(call: Call, one: Appointment) -> wire.Detail:
    """One appointment as it is told."""
    return next(_details(call.clinic, [one]))


def _details(clinic: Practice, some: Iterable[Appointment]) -> Iterator[wire.Detail]:
    """Appointments with the names that the caller may see, each looked up once."""

    @cache
    def name(directory: Any, id: str | None) -> str:
        found = directory.find(id) if id else None
        return found.name if found else ""

    for one in some:
        told = wire.Detail.model_validate(one)
        told.patient_name = name(clinic.patients, one.patient)
        told.provider_name = name(clinic.providers, one.provider)
        told.facility_name = name(clinic.locations, one.location)
        yield told


def _page(request: Request, call: Call, asked: wire.Asked, **fixed: Any) -> dict[str, Any]:
    for name, value in fixed.items():
        if getattr(asked, name, None) not in (None, value):
            raise invalid(name, "this list has its own")
    which, size = asked.stated("ordering", "page", "page_size") | fixed, asked.page_size
    order: Any = {"order": asked.ordering.strip("-").partition("_")[0], "limit": size}
    order |= {"descending": asked.ordering[0] == "-", "skip": (asked.page - 1) * size}
    count = call.clinic.appointments.count(**which)
    found = call.clinic.appointments.list(**which, **order)
    told = {"count": count, "results": list(_details(call.clinic, found))}
    links = [request.url.include_query_params(page=asked.page + by) for by in (-1, 1)]
    before, after = (f"{one.path}?{one.query}" for one in links)
    told["next"] = after if asked.page * size < count else None
    return {**told, "previous": before if asked.page > 1 else None}


def _start(
    clinic: Practice, asked: wire.AppointmentChange, who: str, type: str, at: datetime
) -> Start:
    """The start that is meant; refused if its slot ends otherwise. If none is, booking says why."""
    if asked.end is not None:
        slots = clinic.availability.slots(who, type, at, at + timedelta(minutes=1), taken=True)
        if slots and all(slot.end != asked.end for slot in slots):
            raise invalid("end_time", f"the slot ends at {slots[0].end.isoformat()}")
    return Start(who, type, at, location=asked.location or ANYWHERE)


def _other_start(clinic: Practice, old: Appointment, asked: wire.AppointmentChange) -> Start | None:
    """Where an appointment is to be moved, if it is."""
    if asked.patient not in (None, old.patient):
        raise invalid("patient", "it stays whose it was booked for")
    if asked.type not in (None, old.type):
        raise invalid("appointment_type", "it stays what it was booked as")
    wanted = ("provider", "location", "start", "end")
    if all(getattr(asked, name) in (None, getattr(old, name)) for name in wanted):
        return None
    return _start(clinic, asked, asked.provider or old.provider, old.type, asked.start or old.start)


def _conflict(clinic: Practice, claim: Claim) -> dict[str, Any]:
    visit = clinic.appointments.find(claim.id) if claim.id else None
    who = clinic.patients.find(visit.patient) if visit else None
    name = who.name if who else ""
    told = {"id": claim.id, "start_time": claim.start, "end_time": claim.end}
    return {**told, "patient__first_name": first_name(name), "patient__last_name": last_name(name)}
