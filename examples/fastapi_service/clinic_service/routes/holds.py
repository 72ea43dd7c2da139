"""Slots of many providers, kept while a person decides, or booked as soon as can be (seed 001)."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from clinic_service.models import offers as wire
from clinic_service.models.appointments import Detail
from clinic_service.models.availability import SlotOut
from clinic_service.models.common import Id
from clinic_service.problems import invalid
from clinic_service.routes.appointments import told_by
from clinic_service.routes.provider_availability import shown_in
from clinic_service.who import Calling, Changing, Clinic
from medsched import Search
from medsched.domain.starts import ANYWHERE

router = APIRouter(prefix="/api/v1", tags=["booking"])


class SlotPage(BaseModel):
    """Some slots in order of start; ``next`` is the cursor of those after them."""

    slots: list[SlotOut]
    next: str | None


@router.get("/slots")
def calendar(
    asked: Annotated[wire.CalendarWanted, Query()], clinic: Clinic, who: Calling
) -> SlotPage:
    """What is free with all who match, in one calendar."""
    search = Search(
        first=asked.start_date,
        last=asked.end_date,
        types=asked.appointment_type,
        providers=asked.provider,
        location=ANYWHERE if asked.location is None else asked.location,
        patient=who.account.patient,
        **asked.model_dump(include={"specialty", "language", "insurer", "timezone"}),
    )
    page = clinic.search.slots(search, limit=asked.limit, cursor=asked.cursor)
    return SlotPage(slots=list(map(shown_in(clinic), page)), next=page.next)


@router.post("/holds", status_code=201)
def place_hold(asked: wire.NewHold, call: Changing, who: Calling) -> wire.HoldOut:
    """Keep a slot for a while."""
    made = call.clinic.holds.place(
        asked.slot_id,
        patient=asked.patient or who.account.patient,
        lasting=timedelta(minutes=asked.minutes),
        idempotency_key=call.key,
    )
    return wire.HoldOut.model_validate(call.tell(made, f"/api/v1/holds/{made.id}"))


@router.get("/holds/{id}")
def read_hold(id: Id, call: Changing) -> wire.HoldOut:
    """A slot that is kept."""
    return wire.HoldOut.model_validate(call.tell(call.clinic.holds.get(id)))


@router.post("/holds/{id}/confirm", status_code=201)
def confirm_hold(id: Id, asked: wire.Confirmation, call: Changing) -> Detail:
    """Book what was kept. 409 once it has expired."""
    given = call.given(call.clinic.holds.get, id)
    said = asked.model_dump()
    made = call.clinic.holds.confirm(given, **said, idempotency_key=call.key)
    return told_by(call, made, created=True)


@router.delete("/holds/{id}", status_code=204)
def release_hold(id: Id, call: Changing) -> None:
    """Give a slot back."""
    given = call.given(call.clinic.holds.get, id)
    call.clinic.holds.release(given, idempotency_key=call.key)


@router.post("/first-available", status_code=201)
def book_first(asked: wire.FirstWanted, call: Changing, who: Calling) -> Detail:
    """Book the earliest slot of all who match; if a rival takes it, the next, in the same call."""
    patient = asked.patient or who.account.patient
    if patient is None:
        raise invalid("patient", "say whose visit it is")
    search = Search(
        first=asked.first_date,
        last=asked.last_date,
        types=asked.appointment_type,
        **asked.model_dump(include={"providers", "specialty", "language", "insurer"}),
    )
    said = {"reason": asked.reason, "idempotency_key": call.key}
    made = call.clinic.appointments.book_first(search, patient=patient, **said)
    return told_by(call, made, created=True)
