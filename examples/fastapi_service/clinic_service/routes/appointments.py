"""Appointments between patients and providers (seed 002)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from clinic_service.models import appointments as wire
from clinic_service.models.common import Id
from clinic_service.pages import every
from clinic_service.problems import FIELDS, PLAIN_STYLE, invalid
from clinic_service.who import Change, Changing, Clinic
from medsched import Appointment, Claim, Practice, Start
from medsched.domain.starts import ANYWHERE

router = APIRouter(prefix=PLAIN_STYLE.removesuffix("/"), tags=["appointments"])


@router.get("/")
def list_all(request: Request, asked: Annotated[wire.Asked, Query()], clinic: Clinic) -> wire.Paged:
    """Appointments that the caller may see, a page at a time."""
    return _page(request, clinic, asked)


@router.get("/upcoming/")
def upcoming(request: Request, asked: Annotated[wire.Asked, Query()], clinic: Clinic) -> wire.Paged:
    """Those that are scheduled and still to come."""
    return _page(request, clinic, asked, status="booked", upcoming=True)


@router.get("/by-provider/{provider_id}/")
def by_provider(
    provider_id: Id, request: Request, asked: Annotated[wire.Asked, Query()], clinic: Clinic
) -> wire.Paged:
    """Those with one provider."""
    clinic.providers.get(provider_id)
    return _page(request, clinic, asked, provider=provider_id)


@router.get("/by-patient/{patient_id}/")
def by_patient(
    patient_id: Id, request: Request, asked: Annotated[wire.Asked, Query()], clinic: Clinic
) -> wire.Paged:
    """Those of one patient."""
    clinic.patients.get(patient_id)
    return _page(request, clinic, asked, patient=patient_id)


@router.post("/", status_code=201)
def create(asked: wire.NewAppointment, call: Changing) -> wire.Detail:
    """Book a slot. 400 lists by field what is in the way."""
    place = ANYWHERE if asked.facility is None else asked.facility
    start = Start(asked.provider, asked.appointment_type, asked.start_time, location=place)
    _check_end(call.clinic, start, asked.start_time, asked.end_time)
    said = asked.model_dump(include={"patient", "reason", "notes"})
    made = call.clinic.appointments.book(start, **said, idempotency_key=call.key)
    return told_by(call, made, created=True)


@router.get("/{id}/")
def read(id: Id, call: Changing) -> wire.Detail:
    """One appointment."""
    return told_by(call, call.clinic.appointments.get(id))


@router.patch("/{id}/", operation_id="change_appointment")
@router.put("/{id}/", operation_id="replace_appointment")
def change(id: Id, asked: wire.AppointmentChange, call: Changing) -> wire.Detail:
    """Move an appointment, or say something else of it."""
    here = call.clinic.appointments
    new = call.matching(here.get(id))
    start = _other_start(call.clinic, new, asked)
    if start is not None:
        new = here.reschedule(new if call.if_match else id, start, idempotency_key=call.key)
    if asked.reason is not None or asked.notes is not None:
        said = asked.model_dump(include={"reason", "notes"})
        new = here.annotate(new if call.if_match else id, **said, idempotency_key=call.key)
    return told_by(call, new)


@router.delete("/{id}/", status_code=204)
def delete(id: Id, call: Changing) -> None:
    """Cancel an appointment. What was booked is kept on record, as cancelled."""
    _stepped(call, id, call.clinic.appointments.cancel)


@router.post("/{id}/check-conflicts/")
def check_conflicts(id: Id, clinic: Clinic) -> wire.Conflicts:
    """What else takes the time of those whom an appointment needs."""
    found = clinic.appointments.conflicts(id)
    told: dict[str, list[wire.Conflict]] = {}
    for resource, claims in found.items():
        kind = FIELDS.get(resource.kind.value, resource.kind.value)
        told.setdefault(kind, []).extend(_conflict(clinic, claim) for claim in claims)
    return wire.Conflicts(has_conflicts=bool(told), conflicts=told)


@router.post("/{id}/cancel/")
def cancel(id: Id, call: Changing) -> wire.Detail:
    """Call an appointment off: its time is free again."""
    return _stepped(call, id, call.clinic.appointments.cancel)


@router.post("/{id}/complete/")
def complete(id: Id, call: Changing) -> wire.Detail:
    """The visit took place."""
    return _stepped(call, id, call.clinic.appointments.fulfil)


@router.post("/{id}/mark-no-show/")
def mark_no_show(id: Id, call: Changing) -> wire.Detail:
    """The patient did not come."""
    return _stepped(call, id, call.clinic.appointments.mark_noshow)


def _stepped(call: Change, id: str, step: Callable[..., Appointment]) -> wire.Detail:
    given = call.given(call.clinic.appointments.get, id)
    return told_by(call, step(given, idempotency_key=call.key))


def told_by(call: Change, one: Appointment, *, created: bool = False) -> wire.Detail:
    """An appointment in its version and, if it is new, where it is."""
    call.tell(one, f"{PLAIN_STYLE}{one.id}/" if created else None)
    return _told(call.clinic, wire.Detail)(one)


def _page(request: Request, clinic: Practice, asked: wire.Asked, **fixed: Any) -> wire.Paged:
    options = {
        "provider": asked.provider,
        "patient": asked.patient,
        "location": asked.facility,
        "status": wire.library_status(asked.status),
        "type": asked.appointment_type,
        "search": asked.search,
        "since": asked.start_after,
        "before": asked.start_before,
        "order": asked.ordering.strip("-").removesuffix("_time").removesuffix("_at"),
        "descending": asked.ordering.startswith("-"),
    }
    stated = {name: one for name, one in (options | fixed).items() if one is not None}
    low, told = (asked.page - 1) * asked.page_size, _told(clinic, wire.AppointmentOut)
    found, count = list[Appointment](), 0
    for count, one in enumerate(every(clinic.appointments.list, **stated), 1):
        if low < count <= low + asked.page_size:
            found.append(one)

    def url(page: int) -> str:
        return str(request.url.include_query_params(page=page))

    return wire.Paged(
        count=count,
        next=url(asked.page + 1) if low + asked.page_size < count else None,
        previous=url(asked.page - 1) if asked.page > 1 else None,
        results=list(map(told, found)),
    )


def _told(clinic: Practice, model: type[wire.OutT]) -> Callable[[Appointment], wire.OutT]:
    """How appointments are told: with the names that the caller may see, each looked up once."""
    readers = {
        "patient": clinic.patients,
        "provider": clinic.providers,
        "facility": clinic.locations,
    }

    @cache
    def name(kind: str, id: str | None) -> str:
        found = None if id is None else readers[kind].find(id)
        return "" if found is None else found.name

    def told(one: Appointment) -> wire.OutT:
        out = model.model_validate(one)
        ids = {"patient": one.patient, "provider": one.provider, "facility": one.location}
        return out.model_copy(update={f"{kind}_name": name(kind, id) for kind, id in ids.items()})

    return told


def _check_end(clinic: Practice, start: Start, at: datetime, end: datetime) -> None:
    """Refuse an end that is not the slot's. Where there is no slot, booking says why."""
    end_of_minute = at + timedelta(minutes=1)
    found = clinic.availability.slots(start.provider, start.type, at, end_of_minute, taken=True)
    if found and all(slot.end != end for slot in found):
        raise invalid("end_time", f"the slot ends at {found[0].end.isoformat()}")


def _other_start(clinic: Practice, old: Appointment, asked: wire.AppointmentChange) -> Start | None:
    """Where an appointment is to be moved, if it is."""
    for name, stays in (("patient", old.patient), ("appointment_type", old.type)):
        if getattr(asked, name) not in (None, stays):
            raise invalid(name, "it stays what it was booked as")
    if asked.model_dump(include={"provider", "facility", "start_time"}, exclude_none=True):
        at = asked.start_time or old.start
        place = ANYWHERE if asked.facility is None else asked.facility
        start = Start(asked.provider or old.provider, old.type, at, location=place)
        if asked.end_time is not None:
            _check_end(clinic, start, at, asked.end_time)
        return start
    if asked.end_time not in (None, old.end):
        raise invalid("end_time", "an appointment is as long as its slot")
    return None


def _conflict(clinic: Practice, claim: Claim) -> wire.Conflict:
    visit = clinic.appointments.find(claim.id) if claim.id else None
    who = None if visit is None else clinic.patients.find(visit.patient)
    first, _, last = ("" if who is None else who.name).partition(" ")
    return wire.Conflict(
        id=claim.id,
        start_time=claim.start,
        end_time=claim.end,
        patient__first_name=first,
        patient__last_name=last,
    )
