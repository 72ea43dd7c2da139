"""A provider's availability, and the search of patients for slots (seed 000)."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import Annotated, Any

import attrs
from fastapi import APIRouter, Query

from clinic_service.models import availability as wire
from clinic_service.models.common import Id, Note, SlotId
from clinic_service.problems import Refused, invalid
from clinic_service.who import Changing, Reading, every
from medsched import AvailabilityRule, NotFound, Practice, Pricing, Recurrence, Search, Slot

router = APIRouter(prefix="/api/v1", tags=["availability"])
_RECURRING = ("is_recurring", "recurrence_pattern", "recurrence_end_date")
_DAY, _YEAR, _LOOKED_AHEAD = timedelta(days=1), timedelta(days=366), timedelta(days=28)


@router.post("/provider/availability", status_code=201, response_model=wire.answer(wire.Created))
def create_availability(asked: wire.NewAvailability, call: Changing) -> Any:
    """Open hours of a provider, once or again and again."""
    provider = call.own("provider", asked)
    rule, at = _rule(asked, call.clinic, provider), f"/api/v1/provider/{provider}/availability"
    rule = call.do(call.clinic.availability.add, rule, at=at)
    made = _opened(call.clinic, rule, asked)
    return {"message": "Availability slots created successfully", "data": made}


@router.get("/provider/{provider_id}/availability", response_model=wire.answer(wire.OfProvider))
def read_availability(provider_id: Id, asked: Annotated[wire.Dates, Query()], call: Reading) -> Any:
    """The slots of a provider by date, taken ones too, and how many there are of each kind."""
    search = Search(providers=provider_id, available_only=False, **asked.stated("status"))
    found = map(shown_in(call.clinic), every(call.clinic.search.slots, search))
    gone = list(_withdrawn(call.clinic, provider_id, asked))
    told = sorted([*found, *gone], key=attrgetter("date"))
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
        told = _changed(clinic, slot_id, asked, call.key)
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
    wanted = Search(patient=call.account.patient, **asked.stated("date", "cursor") | dates)
    page = call.clinic.search.by_provider(wanted, limit=20, each=1000, cursor=asked.cursor)
    results, shown, slots = list[Any](), shown_in(call.clinic), call.clinic.search.slots
    for one in (one for one in page if one.total):
        who = wire.ProviderOut.model_validate(one.provider)
        who.clinic_address = str(one.address or "")
        theirs = attrs.evolve(wanted, providers=one.provider.id)
        some = every(slots, theirs) if len(one.slots) < one.total else one
        results.append({"provider": who, "available_slots": list(map(shown, some))})
    told = asked.model_dump(mode="json", by_alias=True, exclude_none=True)
    data = {"search_criteria": told, "results": results, "next": page.next}
    return {"data": {**data, "total_results": sum(one.total for one in page)}}


def shown_in(clinic: Practice) -> Callable[[Slot], wire.CalendarSlotOut]:
    """How slots are told, by the model of each answer: each place and room is looked up once."""

    @cache
    def place(location: str, room: str | None) -> Any:
        there, inside = clinic.locations.find(location), clinic.rooms.find(room) if room else None
        told = {"room_number": (inside.name or inside.id) if inside else None}
        return there and wire.PlaceOut(type=there.kind, address=str(there.address), **told)

    def shown(slot: Slot) -> wire.CalendarSlotOut:
        told = wire.CalendarSlotOut.model_validate(slot)
        told.location = place(slot.location, slot.room) if slot.location else None
        return told

    return shown


def _rule(asked: wire.NewAvailability, clinic: Practice, provider: str) -> AvailabilityRule:
    """The hours that are asked for, as the library writes them."""
    dates = Recurrence.once(asked.date)
    if asked.recurrence_pattern is not None:
        pattern, until = asked.recurrence_pattern.upper(), asked.recurrence_end_date
        dates = Recurrence(asked.date, pattern, until=until)
    terms = asked.stated("provider", "date", "start_time", "end_time", "location", *_RECURRING)
    terms |= {"hours": f"{asked.start_time}-{asked.end_time}"}
    return AvailabilityRule(provider, dates, **terms, **_place(clinic, asked.location))


def _place(clinic: Practice, asked: wire.Place | None) -> dict[str, Any]:
    """The place and room that are meant; the provider's own where none is stated."""
    if asked is None:
        return {}
    for place in every(clinic.locations.list, kind=asked.type):
        if asked.address in (None, str(place.address), place.address.line, place.name):
            rooms = every(clinic.rooms.list, location=place.id)
            room = next((one.id for one in rooms if asked.room_number in (one.name, one.id)), None)
            if room or asked.room_number is None:
                return {"location": place.id, "room": room}
    raise invalid("location", "the practice has no such place or room")


def _opened(clinic: Practice, rule: AvailabilityRule, asked: wire.NewAvailability) -> Any:
    """How much new hours open within a year, a day before and after it too, whatever their zone."""
    last = asked.recurrence_end_date if asked.is_recurring else asked.date
    until = min(last or asked.date + _YEAR, asked.date + _YEAR)
    stretch = _midnight(asked.date - _DAY), _midnight(until + 2 * _DAY)
    counted = clinic.availability.opened(rule.id, asked.types, *stretch)
    told = {"slots_created": counted.total, "total_appointments_available": counted.seats}
    return {"availability_id": rule.id, **told, "date_range": {"start": asked.date, "end": last}}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _withdrawn(clinic: Practice, provider: str, asked: wire.Dates) -> Iterator[wire.SlotOut]:
    """The slots of these local dates that were taken out of the offer."""
    stretch = _midnight(asked.first - _DAY), _midnight(asked.last + 2 * _DAY)
    shown = shown_in(clinic)
    known = [one.code for one in every(clinic.appointment_types.list)]
    for type in [asked.types] if asked.types else known:
        found = clinic.availability.slots(provider, type, *stretch, taken=True).withdrawn
        for slot in found.seen_from(asked.timezone) if asked.timezone else found:
            if asked.first <= slot.date <= asked.last:
                yield shown(slot).model_copy(update={"status": "cancelled"})


def _changed(clinic: Practice, id: str, asked: wire.SlotChange, key: str | None) -> wire.SlotOut:
    """A slot as it is when all that is asked for is done."""
    here, once = clinic.availability, dict[str, Any](idempotency_key=key)
    slot = _restored(clinic, id, key) if asked.status == "available" else here.slot(id)
    if asked.status == "cancelled":
        here.delete_slot(slot, reason=asked.notes or "", **once)
        return shown_in(clinic)(slot).model_copy(update={"status": "cancelled"})
    if asked.status:
        _unblock(clinic, slot, asked.status, key)
    changes = asked.stated("status")
    for name in changes.keys() & {"start", "end"}:
        changes[name] = _on_its_day(slot, changes[name])
    if asked.pricing:
        changes["pricing"] = attrs.evolve(slot.pricing or Pricing(), **asked.pricing.stated())
    if changes:
        made = here.change_slot(slot, **changes, **once)
        minute = made.offered_from, made.offered_from + timedelta(minutes=1)
        some = here.slots(slot.provider, made.offered_as, *minute, taken=True)
        slot = next(one for one in some if one.location == slot.location)
    if asked.status in ("blocked", "maintenance"):
        clinic.blockings.block_slot(slot, reason=asked.status, **once)
    return shown_in(clinic)(here.slot(slot.id))


def _restored(clinic: Practice, id: str, key: str | None) -> Slot:
    """A slot, put back if it was taken out of the offer."""
    try:
        return clinic.availability.slot(id)
    except NotFound:
        clinic.availability.restore_slot(id, idempotency_key=key)
        return clinic.availability.slot(id)


def _unblock(clinic: Practice, slot: Slot, status: str, key: str | None) -> None:
    """End the blocking of one slot. A longer one is not the slot's to end."""
    for one in clinic.blockings.between(slot.provider, slot.start, slot.end):
        if (one.start, one.end, len(one.resources)) == (slot.start, slot.end, 1):
            clinic.blockings.release(one.id, idempotency_key=key)
        elif status == "available":
            raise Refused(409, "conflict", "A longer blocking takes this time: end that.")


def _on_its_day(slot: Slot, text: str) -> datetime:
    """A time of day on the wall of a slot's date."""
    hours, minutes = map(int, text.split(":"))
    midnight = datetime.combine(slot.date, time(), slot.local_start.tzinfo)
    return midnight + timedelta(hours=hours, minutes=minutes)  # on the wall
