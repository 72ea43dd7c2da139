"""Slots of many providers, holds, first available, the waitlist, and changes (seed 001)."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from clinic_service.models import booking as wire
from clinic_service.models.appointments import Detail
from clinic_service.models.common import Id
from clinic_service.pages import every
from clinic_service.problems import Refused
from clinic_service.routes.appointments import told_by
from clinic_service.routes.provider_availability import shown_in
from clinic_service.who import Call, Changing, Reading
from medsched import (
    AppointmentType,
    AvailabilityChange,
    ChangesPage,
    Hold,
    Location,
    Provider,
    Search,
    WaitlistEntry,
    WaitlistOffer,
    WaitlistPosition,
)

router = APIRouter(prefix="/api/v1", tags=["booking"])
_FEW = anyio.CapacityLimiter(4)
"""Threads that look for changes: however many follow, others find a thread, too."""


@router.get("/locations", response_model=list[wire.LocationOut])
def locations(call: Reading) -> list[Location]:
    """The clinics of the practice."""
    return list(every(call.clinic.locations.list))


@router.get("/providers", response_model=list[wire.ProviderOut])
def providers(call: Reading) -> list[Provider]:
    """Who sees patients."""
    return list(every(call.clinic.providers.list))


@router.get("/appointment-types", response_model=list[wire.TypeOut])
def appointment_types(call: Reading) -> list[AppointmentType]:
    """What can be booked."""
    return list(every(call.clinic.appointment_types.list))


@router.get("/slots")
def calendar(asked: Annotated[wire.CalendarWanted, Query()], call: Reading) -> wire.SlotPage:
    """What is free with all who match, in one calendar."""
    search = Search(patient=call.account.patient, **asked.stated("limit", "cursor"))
    page = call.clinic.search.slots(search, limit=asked.limit, cursor=asked.cursor)
    return wire.SlotPage(slots=list(map(shown_in(call.clinic), page)), next=page.next)


@router.post("/holds", status_code=201, response_model=wire.HoldOut)
def place_hold(asked: wire.NewHold, call: Changing) -> Hold:
    """Keep a slot for a while."""
    patient, lasting = asked.patient or call.account.patient, timedelta(minutes=asked.minutes)
    made = call.clinic.holds.place(
        asked.slot_id, patient=patient, lasting=lasting, idempotency_key=call.key
    )
    return call.tell(made, f"/api/v1/holds/{made.id}")


@router.get("/holds/{id}", response_model=wire.HoldOut)
def read_hold(id: Id, call: Reading) -> Hold:
    """A slot that is kept."""
    return call.tell(call.clinic.holds.get(id))


@router.post("/holds/{id}/confirm", status_code=201)
def confirm_hold(id: Id, asked: wire.Confirmation, call: Changing) -> Detail:
    """Book what was kept. 409 once it has expired."""
    given = call.given(call.clinic.holds.get, id)
    made = call.clinic.holds.confirm(given, **asked.stated(), idempotency_key=call.key)
    return told_by(call, made, created=True)


@router.delete("/holds/{id}", status_code=204)
def release_hold(id: Id, call: Changing) -> None:
    """Give a slot back."""
    given = call.given(call.clinic.holds.get, id)
    call.clinic.holds.release(given, idempotency_key=call.key)


@router.post("/first-available", status_code=201)
def book_first(asked: wire.FirstWanted, call: Changing) -> Detail:
    """Book the earliest slot of all who match; if a rival takes it, the next, in the same call."""
    patient = call.own("patient", asked.patient, "patient")
    search = Search(**asked.stated("patient", "reason"))
    made = call.clinic.appointments.book_first(
        search, patient=patient, reason=asked.reason, idempotency_key=call.key
    )
    return told_by(call, made, created=True)


@router.get("/waitlist", response_model=list[wire.EntryOut])
def list_entries(call: Reading) -> list[WaitlistEntry]:
    """Who waits, of those whom the caller may see."""
    return list(every(call.clinic.waitlist.entries.list))


@router.post("/waitlist", status_code=201, response_model=wire.EntryOut)
def join(asked: wire.NewEntry, call: Changing) -> WaitlistEntry:
    """Wait for a visit. The most urgent come first, then who came first."""
    said = asked.stated() | {"patient": call.own("patient", asked.patient, "patient")}
    made = call.clinic.waitlist.join(**said, idempotency_key=call.key)
    return call.tell(made, f"/api/v1/waitlist/{made.id}")


@router.get("/waitlist/{id}", response_model=wire.EntryOut)
def read_entry(id: Id, call: Reading) -> WaitlistEntry:
    """How it stands with somebody who waits."""
    return call.tell(call.clinic.waitlist.entries.get(id))


@router.delete("/waitlist/{id}", status_code=204)
def leave(id: Id, call: Changing) -> None:
    """Wait no more."""
    given = call.given(call.clinic.waitlist.entries.get, id)
    call.clinic.waitlist.leave(given, idempotency_key=call.key)


@router.get("/waitlist/{id}/position", response_model=wire.PositionOut)
def position(id: Id, call: Reading) -> WaitlistPosition:
    """How many come before; the estimate is no promise."""
    return call.clinic.waitlist.position(id)


@router.put("/waitlist/{id}/urgency", response_model=wire.EntryOut)
def set_urgency(id: Id, asked: wire.HowUrgent, call: Changing) -> WaitlistEntry:
    """Say how urgent it is; who says so is recorded."""
    given = call.given(call.clinic.waitlist.entries.get, id)
    key = call.key
    return call.tell(call.clinic.waitlist.set_urgency(given, asked.urgency, idempotency_key=key))


@router.post("/waitlist/{id}/offers", status_code=201, response_model=wire.OfferOut)
def offer(id: Id, asked: wire.NewOffer, call: Changing) -> WaitlistOffer:
    """Offer a slot to somebody out of order."""
    lasting, key = timedelta(minutes=asked.minutes), call.key
    made = call.clinic.waitlist.offer(
        id, asked.slot_id, reason=asked.reason, lasting=lasting, idempotency_key=key
    )
    return call.tell(made, f"/api/v1/offers/{made.id}")


@router.get("/offers", response_model=list[wire.OfferOut])
def list_offers(call: Reading) -> list[WaitlistOffer]:
    """The live offers that the caller may see."""
    return list(every(call.clinic.waitlist.offers.list))


@router.get("/offers/{id}", response_model=wire.OfferOut)
def read_offer(id: Id, call: Reading) -> WaitlistOffer:
    """An offer, and until when it stands."""
    return call.tell(call.clinic.waitlist.offers.get(id))


@router.post("/offers/{id}/accept", status_code=201)
def accept(id: Id, asked: wire.Confirmation, call: Changing) -> Detail:
    """Say yes: the slot is booked. 409, with what is free, once the offer has expired."""
    said = asked.stated() | {"patient": call.own("patient", asked.patient, "patient")}
    made = call.clinic.waitlist.accept(id, **said, idempotency_key=call.key)
    return told_by(call, made, created=True)


@router.post("/offers/{id}/decline", response_model=wire.OfferOut)
def decline(id: Id, asked: wire.Confirmation, call: Changing) -> WaitlistOffer:
    """Say no, and wait for another slot."""
    said = asked.stated() | {"patient": call.own("patient", asked.patient, "patient")}
    return call.tell(call.clinic.waitlist.decline(id, **said, idempotency_key=call.key))


class EventStream(StreamingResponse):
    """Server-sent events."""

    media_type = "text/event-stream"


@router.get("/changes", response_class=EventStream)
async def changes(
    call: Reading,
    last_event_id: Annotated[str | None, Header(max_length=1000, pattern=r"^[!-~]+$")] = None,
) -> EventStream:
    """What to ask again, as soon as it changes; ``Last-Event-ID`` goes on where one was."""
    first = await run_sync(call.clinic.changes, last_event_id, limiter=_FEW)
    return EventStream(_events(call, first))


async def _events(call: Call, page: ChangesPage) -> AsyncIterator[str]:
    """Pages as they come, until whoever follows is gone or logged out."""
    claims = {"sid": call.session.id, "sub": call.account.id}
    while True:
        for one in page:
            told = json.dumps(_facts(one))
            yield f"id: {one.cursor}\nevent: {one.kind.value}\ndata: {told}\n\n"
        yield ": still here\n\n"  # or nobody would find out that the other side is gone
        await anyio.sleep(0 if len(page) else call.service.settings.poll_every)
        try:
            await run_sync(call.service.sessions.of, claims, limiter=_FEW)
            page = await run_sync(call.clinic.changes, page.next, limiter=_FEW)
        except Refused:
            return


def _facts(one: AvailabilityChange) -> dict[str, str]:
    """What a change says: nothing of whom it is for."""
    times = {name: getattr(one, name) for name in ("start", "end", "expires")}
    told = {name: at.isoformat() for name, at in times.items() if at is not None}
    if one.resource is not None:
        told |= {"kind": one.resource.kind.value, "id": one.resource.id}
    return told if one.type is None else {**told, "type": one.type}
