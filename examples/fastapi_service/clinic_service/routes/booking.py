"""Slots of many providers, holds, the waitlist, changes (seed 001); time blocks (seed 004)."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy.exc import SQLAlchemyError

import medsched as ms
from clinic_service.models import booking as wire
from clinic_service.models.appointments import Detail
from clinic_service.models.common import Id
from clinic_service.problems import Refused, invalid
from clinic_service.routes.appointments import AT, detail
from clinic_service.routes.provider_availability import shown_in
from clinic_service.who import Changing, Reading
from medsched.adapters.http import event_data

router = APIRouter(prefix="/api/v1", tags=["booking"])
LastSeen = Annotated[str | None, Header(max_length=1000, pattern=r"^[!-~]+$")]
_FOLLOWED = Counter[str]()
"""How many streams of changes each account follows."""
_FEW = anyio.CapacityLimiter(4)
"""Threads that look for changes: however many follow, others find a thread, too."""


@router.get("/locations", response_model=list[wire.LocationOut])
def locations(call: Reading) -> list[ms.Location]:
    """The clinics of the practice."""
    return list(ms.every(call.clinic.locations.list))


@router.get("/providers", response_model=list[wire.ProviderOut])
def providers(call: Reading) -> list[ms.Provider]:
    """Who sees patients."""
    return list(ms.every(call.clinic.providers.list))


@router.get("/appointment-types", response_model=list[wire.TypeOut])
def appointment_types(call: Reading) -> list[ms.AppointmentType]:
    """What can be booked."""
    return list(ms.every(call.clinic.appointment_types.list))


@router.get("/slots", response_model=wire.SlotPage)
def calendar(asked: Annotated[wire.CalendarWanted, Query()], call: Reading) -> Any:
    """What is free with all who match, in one calendar."""
    search = ms.Search(patient=call.account.patient, **asked.stated("limit", "cursor"))
    page = call.clinic.search.slots(search, limit=asked.limit, cursor=asked.cursor)
    return {"slots": list(map(shown_in(call.clinic), page)), "next": page.next}


@router.post("/holds", status_code=201, response_model=wire.HoldOut)
def place_hold(asked: wire.NewHold, call: Changing) -> ms.Hold:
    """Keep a slot for a while. Patients keep a few at once, so that others find some."""
    now, most = call.service.clock.now(), call.service.settings.holds_per_patient
    kept = [one for one in ms.every(call.clinic.holds.list) if one.is_live(now) and not one.offer]
    if call.account.patient and len(kept) >= most:
        raise Refused(429, "too-many-holds", "Confirm one that you keep, or give it back.")
    said = {"patient": call.account.patient, **asked.stated()}
    return call.do(call.clinic.holds.place, **said, at="/api/v1/holds/{id}")


@router.get("/holds/{id}", response_model=wire.HoldOut)
def read_hold(id: Id, call: Reading) -> ms.Hold:
    """A slot that is kept."""
    return call.tell(call.clinic.holds.get(id))


@router.post("/holds/{id}/confirm", status_code=201)
def confirm_hold(id: Id, asked: wire.Confirmation, call: Changing) -> Detail:
    """Book what was kept. 409 once it has expired."""
    given = call.given(call.clinic.holds.get, id)
    return detail(call, call.do(call.clinic.holds.confirm, given, **asked.stated(), at=AT))


@router.delete("/holds/{id}", status_code=204)
def release_hold(id: Id, call: Changing) -> None:
    """Give a slot back."""
    holds = call.clinic.holds
    holds.release(call.given(holds.get, id), idempotency_key=call.key)


@router.post("/first-available", status_code=201)
def book_first(asked: wire.FirstWanted, call: Changing) -> Detail:
    """Book the earliest slot of all who match; if a rival takes it, the next, in the same call."""
    said = {"patient": call.own("patient", asked), "reason": asked.reason}
    search = ms.Search(**asked.stated("patient", "reason"))
    return detail(call, call.do(call.clinic.appointments.book_first, search, **said, at=AT))


@router.get("/waitlist", response_model=list[wire.EntryOut])
def list_entries(call: Reading) -> list[ms.WaitlistEntry]:
    """Who waits, of those whom the caller may see."""
    return list(ms.every(call.clinic.waitlist.entries.list))


@router.post("/waitlist", status_code=201, response_model=wire.EntryOut)
def join(asked: wire.NewEntry, call: Changing) -> ms.WaitlistEntry:
    """Wait for a visit. The most urgent come first, then who came first."""
    said, named = call.theirs(asked), map(call.clinic.providers.get, asked.providers or ())
    places = {one.location for one in named}
    if asked.location is None and len(places) == 1:  # so its staff see who waits for them
        said["location"] = places.pop() or ms.ANYWHERE
    return call.do(call.clinic.waitlist.join, **said, at="/api/v1/waitlist/{id}")


@router.get("/waitlist/{id}", response_model=wire.EntryOut)
def read_entry(id: Id, call: Reading) -> ms.WaitlistEntry:
    """How it stands with somebody who waits."""
    return call.tell(call.clinic.waitlist.entries.get(id))


@router.delete("/waitlist/{id}", status_code=204)
def leave(id: Id, call: Changing) -> None:
    """Wait no more."""
    call.do(call.clinic.waitlist.leave, call.given(call.clinic.waitlist.entries.get, id))


@router.get("/waitlist/{id}/position", response_model=wire.PositionOut)
def position(id: Id, call: Reading) -> ms.WaitlistPosition:
    """How many come before; the estimate is no promise."""
    return call.clinic.waitlist.position(id)


@router.put("/waitlist/{id}/urgency", response_model=wire.EntryOut)
def set_urgency(id: Id, asked: wire.HowUrgent, call: Changing) -> ms.WaitlistEntry:
    """Say how urgent it is; who says so is recorded."""
    given = call.given(call.clinic.waitlist.entries.get, id)
    return call.do(call.clinic.waitlist.set_urgency, given, asked.urgency)


@router.post("/waitlist/{id}/offers", status_code=201, response_model=wire.OfferOut)
def offer(id: Id, asked: wire.NewOffer, call: Changing) -> ms.WaitlistOffer:
    """Offer a slot to somebody out of order."""
    return call.do(call.clinic.waitlist.offer, id, **asked.stated(), at="/api/v1/offers/{id}")


@router.get("/offers", response_model=list[wire.OfferOut])
def list_offers(call: Reading) -> list[ms.WaitlistOffer]:
    """The live offers that the caller may see."""
    return list(ms.every(call.clinic.waitlist.offers.list))


@router.get("/offers/{id}", response_model=wire.OfferOut)
def read_offer(id: Id, call: Reading) -> ms.WaitlistOffer:
    """An offer, and until when it stands."""
    return call.tell(call.clinic.waitlist.offers.get(id))


@router.post("/offers/{id}/accept", status_code=201)
def accept(id: Id, asked: wire.Confirmation, call: Changing) -> Detail:
    """Say yes: the slot is booked. 409, with what is free, once the offer has expired."""
    given = call.given(call.clinic.waitlist.offers.get, id)
    return detail(call, call.do(call.clinic.waitlist.accept, given, **call.theirs(asked), at=AT))


@router.post("/offers/{id}/decline", response_model=wire.OfferOut)
def decline(id: Id, asked: wire.Confirmation, call: Changing) -> ms.WaitlistOffer:
    """Say no, and wait for another slot."""
    given = call.given(call.clinic.waitlist.offers.get, id)
    return call.do(call.clinic.waitlist.decline, given, **call.theirs(asked))


@router.get("/time-blocks", response_model=list[wire.BlockOut])
def list_blocks(asked: Annotated[wire.BlocksAsked, Query()], call: Reading) -> Any:
    """The blocks that are published, all of them or those that are free."""
    found = ms.every(call.clinic.time_blocks.list, **asked.stated())
    return [_told(call.clinic, one) for one in found]


@router.post("/time-blocks", status_code=201, response_model=wire.BlockOut)
def publish_block(asked: wire.NewBlock, call: Changing) -> Any:
    """Publish a block."""
    hours = f"{asked.start}-{asked.end}"
    block = ms.TimeBlock(call.own("provider", asked), asked.date, hours, types=asked.types)
    made = call.do(call.clinic.time_blocks.publish, block, at="/api/v1/time-blocks/{id}")
    return _told(call.clinic, made)


@router.get("/time-blocks/{id}", response_model=wire.BlockOut)
def read_block(id: Id, call: Reading) -> Any:
    """One block."""
    return _told(call.clinic, call.tell(call.clinic.time_blocks.get(id)))


@router.delete("/time-blocks/{id}", status_code=204)
def end_block(id: Id, call: Changing) -> None:
    """Offer a block no more. Refused while a reservation stands in it."""
    call.do(call.clinic.time_blocks.deactivate, call.given(call.clinic.time_blocks.get, id))


@router.get("/reservations", response_model=list[wire.ReservationOut])
def list_reservations(call: Reading) -> list[ms.Appointment]:
    """The reservations that the caller may see, in order of start."""
    return list(filter(_is_reserved, ms.every(call.clinic.appointments.list)))


@router.post("/reservations", status_code=201, response_model=wire.ReservationOut)
def reserve(asked: wire.NewReservation, call: Changing) -> ms.Appointment:
    """Ask for a block: PENDING, until it is confirmed. A block has one reservation."""
    if asked.doctor not in (None, call.clinic.time_blocks.get(asked.block).provider):
        raise invalid("doctorId", "the time block is another doctor's")
    said = call.theirs(asked, "doctor")
    return call.do(call.clinic.time_blocks.book, **said, at="/api/v1/reservations/{id}")


@router.get("/reservations/{id}", response_model=wire.ReservationOut)
def read_reservation(id: Id, call: Reading) -> ms.Appointment:
    """One reservation."""
    return call.tell(_reserved(call.clinic, id))


@router.post("/reservations/{id}/confirm", response_model=wire.ReservationOut)
def confirm(id: Id, call: Changing) -> ms.Appointment:
    """Let it be CONFIRMED: both are expected."""
    return call.do(call.clinic.appointments.accept, call.matching(_reserved(call.clinic, id)))


@router.post("/reservations/{id}/cancel", response_model=wire.ReservationOut)
def cancel(id: Id, call: Changing) -> ms.Appointment:
    """Let it be CANCELLED: its block is free again."""
    return call.do(call.clinic.appointments.cancel, call.matching(_reserved(call.clinic, id)))


async def counted(call: Reading) -> AsyncIterator[None]:
    """Let an account follow so many streams of this process at once, and no more."""
    if _FOLLOWED[call.account.id] >= call.service.settings.streams_per_account:
        raise Refused(429, "too-many-streams", "Close one that you follow, then try again.")
    _FOLLOWED[call.account.id] += 1
    try:
        yield
    finally:
        _FOLLOWED[call.account.id] -= 1


async def first_changes(call: Reading, last_event_id: LastSeen = None) -> ms.ChangesPage:
    """What has changed since then, read before anything is answered: or why it cannot be."""
    return await run_sync(call.clinic.changes, last_event_id, limiter=_FEW)


FirstChanges = Annotated[ms.ChangesPage, Depends(first_changes)]


@router.get("/changes", response_class=EventSourceResponse, dependencies=[Depends(counted)])
async def changes(call: Reading, page: FirstChanges) -> AsyncIterator[ServerSentEvent]:
    """What to ask again, as soon as it changes; ``Last-Event-ID`` goes on where one was."""
    claims = {"sid": call.session.id, "sub": call.account.id}
    with suppress(Refused, ms.MedschedError, SQLAlchemyError):  # until nothing can be read
        while True:
            for one in page:
                yield ServerSentEvent(id=one.cursor, event=one.kind.value, data=event_data(one))
            yield ServerSentEvent(comment="still here")  # or nobody would notice who is gone
            await anyio.sleep(0 if len(page) else call.service.settings.poll_every)
            await run_sync(call.service.sessions.of, claims, limiter=_FEW)
            page = await run_sync(call.clinic.changes, page.next, limiter=_FEW)


def _told(clinic: ms.Practice, block: ms.TimeBlock) -> dict[str, Any]:
    start, end = clinic.time_blocks.times(block)
    told = {"id": block.id, "doctorId": block.provider, "isActive": block.active}
    return {**told, "startTime": start, "endTime": end}


def _is_reserved(one: ms.Appointment) -> bool:
    """Whether it has a block, or had one and waits for the practice still."""
    return one.block is not None or one.status == "pending"


def _reserved(clinic: ms.Practice, id: str) -> ms.Appointment:
    """A reservation; any other appointment is none."""
    found = clinic.appointments.get(id)
    if not _is_reserved(found):
        raise ms.NotFound("reservation", id)
    return found
