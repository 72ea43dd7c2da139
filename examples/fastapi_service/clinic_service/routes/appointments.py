"""Appointments between patients and providers (seed 002)."""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from clinic_service.models import appointments as wire
from clinic_service.models.common import Id
from clinic_service.pages import every
from clinic_service.problems import FIELDS, PLAIN_STYLE, invalid
from clinic_service.who import Call, Changing, Reading
from medsched import Appointment, Claim, Practice, Start
from medsched.domain.starts import ANYWHERE

router = APIRouter(prefix=PLAIN_STYLE.removesuffix("/"), tags=["appointments"])
Listed = Annotated[wire.Asked, Query()]


@router.get("/")
def list_all(request: Request, asked: Listed, call: Reading) -> wire.Paged:
    """Appointments that the caller may see, a page at a time."""
    return _page(request, call, asked)


@router.get("/upcoming/")
def upcoming(request: Request, asked: Listed, call: Reading) -> wire.Paged:
    """Those that are scheduled and still to come."""
    return _page(request, call, asked, status="booked", upcoming=True)


@router.get("/by-provider/{id}/")
def by_provider(id: Id, request: Request, asked: Listed, call: Reading) -> wire.Paged:
    """Those with one provider."""
    return _page(request, call, asked, provider=call.clinic.providers.get(id).id)


@router.get("/by-patient/{id}/")
def by_patient(id: Id, request: Request, asked: Listed, call: Reading) -> wire.Paged:
    """Those of one patient."""
    return _page(request, call, asked, patient=call.clinic.patients.get(id).id)


@router.post("/", status_code=201)
def create(asked: wire.NewAppointment, call: Changing) -> wire.Detail:
    """Book a slot. 400 lists by field what is in the way."""
    start = _start(call.clinic, asked.provider, asked.type, asked.start, asked.location, asked.end)
    said = asked.model_dump(include={"patient", "reason", "notes"})
    made = call.clinic.appointments.book(start, **said, idempotency_key=call.key)
    return told_by(call, made, created=True)


@router.get("/{id}/")
def read(id: Id, call: Reading) -> wire.Detail:
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
    stepped(call, id, call.clinic.appointments.cancel)


@router.post("/{id}/check-conflicts/")
def check_conflicts(id: Id, call: Reading) -> wire.Conflicts:
    """What else takes the time of those whom an appointment needs."""
    told = defaultdict[str, list[wire.Conflict]](list)
    for resource, claims in call.clinic.appointments.conflicts(id).items():
        kind = FIELDS.get(resource.kind.value, resource.kind.value)
        told[kind] += [_conflict(call.clinic, claim) for claim in claims]
    return wire.Conflicts(has_conflicts=bool(told), conflicts=told)


@router.post("/{id}/cancel/")
def cancel(id: Id, call: Changing) -> wire.Detail:
    """Call an appointment off: its time is free again."""
    return told_by(call, stepped(call, id, call.clinic.appointments.cancel))


@router.post("/{id}/complete/")
def complete(id: Id, call: Changing) -> wire.Detail:
    """The visit took place."""
    return told_by(call, stepped(call, id, call.clinic.appointments.fulfil))


@router.post("/{id}/mark-no-show/")
def mark_no_show(id: Id, call: Changing) -> wire.Detail:
    """The patient did not come."""
    return told_by(call, stepped(call, id, call.clinic.appointments.mark_noshow))


def stepped(call: Call, id: str, step: Callable[..., Appointment]) -> Appointment:
    """An appointment one step further, if it is in the version that was read."""
    given = call.given(call.clinic.appointments.get, id)
    return call.tell(step(given, idempotency_key=call.key))


def told_by(call: Call, one: Appointment, *, created: bool = False) -> wire.Detail:
    """An appointment in its version and, if it is new, where it is."""
    call.tell(one, f"{PLAIN_STYLE}{one.id}/" if created else None)
    return _told(call.clinic, wire.Detail)(one)


def _page(request: Request, call: Call, asked: wire.Asked, **fixed: Any) -> wire.Paged:
    stated = asked.stated("ordering", "page", "page_size") | fixed
    stated |= {"order": asked.ordering.strip("-").partition("_")[0]}
    low, count, found = (asked.page - 1) * asked.page_size, 0, list[Appointment]()
    listed = every(call.clinic.appointments.list, descending=asked.ordering[0] == "-", **stated)
    for count, one in enumerate(listed, 1):
        if low < count <= low + asked.page_size:
            found.append(one)
    there = {
        page: str(request.url.include_query_params(page=asked.page + page)) for page in (-1, 1)
    }
    return wire.Paged(
        count=count,
        next=there[1] if low + asked.page_size < count else None,
        previous=there[-1] if asked.page > 1 else None,
        results=list(map(_told(call.clinic, wire.AppointmentOut), found)),
    )


def _told(clinic: Practice, model: type[wire.OutT]) -> Callable[[Appointment], wire.OutT]:
    """How appointments are told: with the names that the caller may see, each looked up once."""
    finders: dict[str, Callable[[str], Any]] = {"patient": clinic.patients.find}
    finders |= {"provider": clinic.providers.find, "location": clinic.locations.find}

    @cache
    def name(kind: str, id: str | None) -> str:
        found = None if id is None else finders[kind](id)
        return "" if found is None else str(found.name)

    def told(one: Appointment) -> wire.OutT:
        names = {f"{kind}_name": name(kind, getattr(one, kind)) for kind in finders}
        names["facility_name"] = names.pop("location_name")
        return model.model_validate(one).model_copy(update=names)

    return told


def _start(
    clinic: Practice, who: str, type: str, at: datetime, place: str | None, end: datetime | None
) -> Start:
    """The start that is meant; refused if its slot ends otherwise. If none is, booking says why."""
    if end is not None:
        slots = clinic.availability.slots(who, type, at, at + timedelta(minutes=1), taken=True)
        if slots and all(slot.end != end for slot in slots):
            raise invalid("end_time", f"the slot ends at {slots[0].end.isoformat()}")
    return Start(who, type, at, location=ANYWHERE if place is None else place)


def _other_start(clinic: Practice, old: Appointment, asked: wire.AppointmentChange) -> Start | None:
    """Where an appointment is to be moved, if it is."""
    if asked.patient not in (None, old.patient) or asked.type not in (None, old.type):
        raise invalid("patient", "patient and type stay what they were booked as")
    stays = (asked.provider, asked.location, asked.start) == (None, None, None)
    if stays and asked.end in (None, old.end):
        return None
    provider, at = asked.provider or old.provider, asked.start or old.start
    return _start(clinic, provider, old.type, at, asked.location, asked.end)


def _conflict(clinic: Practice, claim: Claim) -> wire.Conflict:
    visit = clinic.appointments.find(claim.id) if claim.id else None
    who = None if visit is None else clinic.patients.find(visit.patient)
    first, _, last = ("" if who is None else who.name).partition(" ")
    told = {"id": claim.id, "start_time": claim.start, "end_time": claim.end}
    told |= {"patient__first_name": first, "patient__last_name": last}
    return wire.Conflict.model_validate(told)
