"""Appointments between patients and providers (seed 002)."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Annotated, Any

import attrs
from fastapi import APIRouter, HTTPException, Query, Request

import medsched as ms
from clinic_service.models import appointments as wire
from clinic_service.models import common
from clinic_service.models.common import Id
from clinic_service.problems import FIELDS, PLAIN_STYLE, invalid
from clinic_service.who import Call, Changing, Reading

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
    start = _start(call, None, asked)
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
    given, start = call.matching(old), _other_start(call, old, asked)
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
        raise ms.InvalidTransition("noshow", "fulfilled")
    return detail(call, stepped(call, here.fulfil, id))


@router.post("/{id}/mark-no-show/")
def mark_no_show(id: Id, call: Changing) -> wire.Detail:
    """The patient did not come."""
    return detail(call, stepped(call, call.clinic.appointments.mark_noshow, id))


def stepped(call: Call, step: Callable[..., ms.Appointment], id: str) -> ms.Appointment:
    """An appointment one step further, if it is in the version that was read."""
    return call.do(step, call.given(call.clinic.appointments.get, id))


def detail(call: Call, one: ms.Appointment) -> wire.Detail:
    """One appointment as it is told."""
    return next(_details(call, [one]))


def _details(call: Call, some: Iterable[ms.Appointment]) -> Iterator[wire.Detail]:
    """Appointments with the names that the caller may see."""
    for one in call.clinic.appointments.named(some):
        own, names = (attrs.asdict(part, recurse=False) for part in (one.appointment, one))
        yield wire.Detail.model_validate(own | names)


def _page(request: Request, call: Call, asked: wire.Asked, **fixed: Any) -> dict[str, Any]:
    for name, value in fixed.items():
        if getattr(asked, name, None) not in (None, value):
            raise invalid(name, "this list has its own")
    here, page, size = call.clinic.appointments, asked.page, asked.page_size
    which = asked.stated("ordering", "page", "page_size") | fixed
    order: Any = {"order": asked.ordering.strip("-").partition("_")[0], "limit": size}
    order |= {"descending": asked.ordering[0] == "-", "skip": (page - 1) * size}
    count, found = here.count(**which), here.list(**which, **order)
    links = [request.url.include_query_params(page=page + by) for by in (-1, 1)]
    before, after = (f"{one.path}?{one.query}" for one in links)
    told = {"count": count, "results": list(_details(call, found))}
    told["next"] = after if page * size < count else None
    return {**told, "previous": before if page > 1 else None}


def _start(call: Call, old: ms.Appointment | None, asked: wire.AppointmentChange) -> ms.Start:
    """The start that is meant; refused if its slot ends otherwise. If none is, booking says why."""
    meant = (getattr(asked, name) or getattr(old, name) for name in ("provider", "type", "start"))
    start = ms.Start(*meant, location=asked.location or ms.ANYWHERE)
    with suppress(ms.NotFound):
        if asked.end not in (None, end := call.clinic.availability.slot(start).end):
            raise invalid("end_time", f"the slot ends at {end.isoformat()}")
    return start


def _other_start(call: Call, old: ms.Appointment, asked: wire.AppointmentChange) -> ms.Start | None:
    """Where an appointment is to be moved, if it is."""
    if asked.patient not in (None, old.patient):
        raise invalid("patient", "it stays whose it was booked for")
    if asked.type not in (None, old.type):
        raise invalid("appointment_type", "it stays what it was booked as")
    wanted = ("provider", "location", "start", "end")
    moves = any(getattr(asked, name) not in (None, getattr(old, name)) for name in wanted)
    return _start(call, old, asked) if moves else None


def _conflict(clinic: ms.Practice, claim: ms.Claim) -> dict[str, Any]:
    visit = clinic.appointments.find(claim.id) if claim.id else None
    who = clinic.patients.find(visit.patient) if visit else None
    name = who.name if who else ""
    first, last = common.first_name(name), common.last_name(name)
    told = {"id": claim.id, "start_time": claim.start, "end_time": claim.end}
    return {**told, "patient__first_name": first, "patient__last_name": last}
