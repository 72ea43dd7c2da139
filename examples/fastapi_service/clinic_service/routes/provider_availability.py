"""A provider's availability, and the search of patients for slots (seed 000)."""

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import Annotated, Any

import attrs
from fastapi import APIRouter, Query

import medsched as ms
from clinic_service.models import availability as wire
from clinic_service.models.common import Id, Note, SlotId
from clinic_service.problems import invalid
from clinic_service.who import Changing, Reading

router = APIRouter(prefix="/api/v1", tags=["availability"])
_RECURRING = ("is_recurring", "recurrence_pattern", "recurrence_end_date")
_DAY, _LOOKED_AHEAD = timedelta(days=1), timedelta(days=28)


@router.post("/provider/availability", status_code=201, response_model=wire.answer(wire.Created))
def create_availability(asked: wire.NewAvailability, call: Changing) -> Any:
    """Open hours of a provider, once or again and again."""
    provider = call.own("provider", asked)
    rule, at = _rule(asked, call.clinic, provider), f"/api/v1/provider/{provider}/availability"
    made = call.do(call.clinic.availability.add, rule, at=at)
    opened = call.clinic.availability.opened(made.id, asked.types)
    data: Any = {"slots_created": opened.total, "total_appointments_available": opened.seats}
    data |= {"availability_id": made.id, "date_range": {"start": asked.date, "end": asked.last}}
    return {"message": "Availability slots created successfully", "data": data}


@router.get("/provider/{provider_id}/availability", response_model=wire.answer(wire.OfProvider))
def read_availability(provider_id: Id, asked: Annotated[wire.Dates, Query()], call: Reading) -> Any:
    """The slots of a provider by date, taken ones too, and how many there are of each kind."""
    which = asked.stated("status") | {"available_only": False, "withdrawn": True}
    found = ms.every(call.clinic.search.slots, ms.Search(providers=provider_id, **which))
    told = sorted(map(shown_in(call.clinic), found), key=attrgetter("date"))
    listed = [one for one in told if asked.status in (None, one.status)]
    days = groupby(listed, attrgetter("date"))
    data = {"availability": [{"date": day, "slots": list(some)} for day, some in days]}
    states = [one.status for one in told]
    counts = {f"{one}_slots": states.count(one) for one in ("available", "booked", "cancelled")}
    counts["total_slots"] = len(states)
    return {"data": {"provider_id": provider_id, "availability_summary": counts, **data}}


@router.put("/provider/availability/{slot_id}", response_model=wire.answer(wire.SlotOut))
def change_slot(slot_id: SlotId, asked: wire.SlotChange, call: Changing) -> Any:
    """Change one slot: its time, price, notes or type, or whether it can be had."""
    call.unversioned()
    with call.whole() as clinic:
        told = shown_in(clinic)(_changed(clinic, slot_id, asked, call.key))
    return {"message": "Availability slot updated successfully", "data": told}


@router.delete("/provider/availability/{slot_id}", response_model=wire.answer(None))
def delete_slot(
    slot_id: SlotId, call: Changing, delete_recurring: bool = False, reason: Note = ""
) -> Any:
    """Offer one slot no more, or none of the hours that it comes from. Not under a visit."""
    call.unversioned()
    delete = call.clinic.availability.delete_slot
    delete(slot_id, reason=reason, recurring=delete_recurring, idempotency_key=call.key)
    return {"message": "Availability deleted successfully", "data": None}


@router.get("/availability/search", response_model=wire.answer(wire.SearchOut))
def search(asked: Annotated[wire.Wanted, Query()], call: Reading) -> Any:
    """Slots of all providers whom the patient can have them with."""
    first = asked.date or asked.first or (call.service.clock.now() - _DAY).date()  # in any zone
    dates = {"first": first, "last": asked.date or asked.last or first + _LOOKED_AHEAD}
    wanted = ms.Search(patient=call.account.patient, **asked.stated("date", "cursor") | dates)
    page = call.clinic.search.by_provider(wanted, limit=20, each=None, cursor=asked.cursor)
    shown, some = shown_in(call.clinic), [one for one in page if one.total]
    found = [{"provider": one, "available_slots": list(map(shown, one))} for one in some]
    told = asked.model_dump(mode="json", by_alias=True, exclude_none=True)
    data = {"search_criteria": told, "results": found, "next": page.next}
    return {"data": {**data, "total_results": sum(one.total for one in page)}}


def shown_in(clinic: ms.Practice) -> Callable[[ms.Slot], wire.CalendarSlotOut]:
    """How slots are told, by the model of each answer: each place and room is looked up once."""

    @cache
    def place(location: str, room: str | None) -> Any:
        there, inside = clinic.locations.find(location), clinic.rooms.find(room) if room else None
        told = {"room_number": (inside.name or inside.id) if inside else None}
        return there and wire.PlaceOut(type=there.kind, address=str(there.address), **told)

    def shown(slot: ms.Slot) -> wire.CalendarSlotOut:
        told = wire.CalendarSlotOut.model_validate(slot)
        told.location = place(slot.location, slot.room) if slot.location else None
        return told

    return shown


def _rule(asked: wire.NewAvailability, clinic: ms.Practice, provider: str) -> ms.AvailabilityRule:
    """The hours that are asked for, as the library writes them."""
    often = (asked.recurrence_pattern or "daily").upper()
    dates = ms.Recurrence(asked.date, often, until=asked.last)
    terms = asked.stated("provider", "date", "start_time", "end_time", "location", *_RECURRING)
    terms |= {"hours": f"{asked.start_time}-{asked.end_time}"}
    return ms.AvailabilityRule(provider, dates, **terms, **_place(clinic, asked.location))


def _place(clinic: ms.Practice, asked: wire.Place | None) -> dict[str, Any]:
    """The place and room that are meant; the provider's own where none is stated."""
    if asked is None:
        return {}
    for place in ms.every(clinic.locations.list, kind=asked.type, called=asked.address):
        if asked.room_number is None:
            return {"location": place.id}
        for room in clinic.rooms.list(location=place.id, called=asked.room_number):
            return {"location": place.id, "room": room.id}
    raise invalid("location", "the practice has no such place or room")


def _changed(clinic: ms.Practice, id: str, asked: wire.SlotChange, key: str | None) -> ms.Slot:
    """A slot as it is when all that is asked for is done."""
    here, changes = clinic.availability, asked.stated("status")
    once: dict[str, Any] = {"idempotency_key": key}
    slot = here.slot(id, withdrawn=True)
    if asked.status == "cancelled":
        here.delete_slot(slot, reason=asked.notes or "", **once)
        return here.slot(slot, withdrawn=True)
    if asked.status == "available" and slot.status == "withdrawn":
        here.restore_slot(slot, **once)
    if asked.status:
        clinic.blockings.unblock_slot(slot, **once)
    if asked.pricing:
        changes["pricing"] = attrs.evolve(slot.pricing or ms.Pricing(), **asked.pricing.stated())
    if changes:
        slot = here.slot(here.change_slot(slot, **changes, **once))
    if asked.status in ("blocked", "maintenance"):
        clinic.blockings.block_slot(slot, reason=asked.status, **once)
    return here.slot(slot)
