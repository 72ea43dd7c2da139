"""The waitlist: who waits, and what they are offered (seed 001)."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter

from clinic_service.models import offers as wire
from clinic_service.models.appointments import Detail
from clinic_service.models.common import Id
from clinic_service.pages import every
from clinic_service.problems import invalid
from clinic_service.routes.appointments import told_by
from clinic_service.who import Caller, Calling, Changing, Clinic

router = APIRouter(prefix="/api/v1/waitlist", tags=["waitlist"])


@router.get("/entries")
def list_entries(clinic: Clinic) -> list[wire.EntryOut]:
    """Who waits, of those whom the caller may see."""
    return [wire.EntryOut.model_validate(one) for one in every(clinic.waitlist.entries.list)]


@router.post("/entries", status_code=201)
def join(asked: wire.NewEntry, call: Changing, who: Calling) -> wire.EntryOut:
    """Wait for a visit. The most urgent come first, then who came first."""
    said = asked.model_dump(exclude={"patient", "appointment_type"})
    whose = {"patient": _patient(asked.patient, who), "type": asked.appointment_type}
    made = call.clinic.waitlist.join(**whose, **said, idempotency_key=call.key)
    return wire.EntryOut.model_validate(call.tell(made, f"/api/v1/waitlist/entries/{made.id}"))


@router.get("/entries/{id}")
def read_entry(id: Id, call: Changing) -> wire.EntryOut:
    """How it stands with somebody who waits."""
    return wire.EntryOut.model_validate(call.tell(call.clinic.waitlist.entries.get(id)))


@router.delete("/entries/{id}", status_code=204)
def leave(id: Id, call: Changing) -> None:
    """Wait no more."""
    given = call.given(call.clinic.waitlist.entries.get, id)
    call.clinic.waitlist.leave(given, idempotency_key=call.key)


@router.get("/entries/{id}/position")
def position(id: Id, clinic: Clinic) -> wire.PositionOut:
    """How many come before."""
    return wire.PositionOut.model_validate(clinic.waitlist.position(id))


@router.put("/entries/{id}/urgency")
def set_urgency(id: Id, asked: wire.HowUrgent, call: Changing) -> wire.EntryOut:
    """Say how urgent it is; who says so is recorded."""
    given = call.given(call.clinic.waitlist.entries.get, id)
    changed = call.clinic.waitlist.set_urgency(given, asked.urgency, idempotency_key=call.key)
    return wire.EntryOut.model_validate(call.tell(changed))


@router.post("/entries/{id}/offers", status_code=201)
def offer(id: Id, asked: wire.NewOffer, call: Changing) -> wire.OfferOut:
    """Offer a slot to somebody out of order."""
    said = {"reason": asked.reason, "lasting": timedelta(minutes=asked.minutes)}
    made = call.clinic.waitlist.offer(id, asked.slot_id, **said, idempotency_key=call.key)
    return wire.OfferOut.model_validate(call.tell(made, f"/api/v1/waitlist/offers/{made.id}"))


@router.get("/offers")
def list_offers(clinic: Clinic) -> list[wire.OfferOut]:
    """The live offers that the caller may see."""
    return [wire.OfferOut.model_validate(one) for one in every(clinic.waitlist.offers.list)]


@router.get("/offers/{id}")
def read_offer(id: Id, call: Changing) -> wire.OfferOut:
    """An offer, and until when it stands."""
    return wire.OfferOut.model_validate(call.tell(call.clinic.waitlist.offers.get(id)))


@router.post("/offers/{id}/accept", status_code=201)
def accept(id: Id, asked: wire.Answered, call: Changing, who: Calling) -> Detail:
    """Say yes: the slot is booked. 409, with what is free, once the offer has expired."""
    said = {"patient": _patient(asked.patient, who), "reason": asked.reason}
    made = call.clinic.waitlist.accept(id, **said, idempotency_key=call.key)
    return told_by(call, made, created=True)


@router.post("/offers/{id}/decline")
def decline(id: Id, asked: wire.Answered, call: Changing, who: Calling) -> wire.OfferOut:
    """Say no, and wait for another slot."""
    said = {"patient": _patient(asked.patient, who), "reason": asked.reason}
    declined = call.clinic.waitlist.decline(id, **said, idempotency_key=call.key)
    return wire.OfferOut.model_validate(call.tell(declined))


def _patient(asked: str | None, who: Caller) -> str:
    found: str | None = asked or who.account.patient
    if found is None:
        raise invalid("patient", "say who it is")
    return found
