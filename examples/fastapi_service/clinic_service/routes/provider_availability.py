"""A provider's availability, and the search of patients for slots (seed 000)."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, time, timedelta
from functools import cache
from itertools import groupby
from typing import Annotated

from fastapi import APIRouter, Query

from clinic_service.models import availability as wire
from clinic_service.models.availability import Answer
from clinic_service.models.common import Id, Note, SlotId
from clinic_service.pages import every
from clinic_service.problems import invalid
from clinic_service.who import Changing, Reading
from medsched import (
    AvailabilityRule,
    NotFound,
    Practice,
    Pricing,
    Recurrence,
    Resource,
    Search,
    Slot,
)
from medsched.domain.slots import read_slot_id
from medsched.timeline.instants import instant_of

router = APIRouter(prefix="/api/v1", tags=["availability"])
_DAY = timedelta(days=1)
_COUNTED = timedelta(days=366)
_LOOKED_AHEAD = timedelta(days=28)


@router.post("/provider/availability", status_code=201)
def create_availability(asked: wire.NewAvailability, call: Changing) -> Answer[wire.Created]:
    """Open hours of a provider, once or again and again."""
    provider = call.own("provider", asked.provider_id, "provider_id")
    rule = call.clinic.availability.add(_rule(asked, call.clinic, provider))
    call.tell(rule, f"/api/v1/provider/{provider}/availability")
    return Answer(
        message="Availability slots created successfully", data=_opened(call.clinic, rule, asked)
    )


@router.get("/provider/{provider_id}/availability")
def read_availability(
    provider_id: Id, asked: Annotated[wire.Dates, Query()], call: Reading
) -> Answer[wire.OfProvider]:
    """The slots of a provider by date, taken ones too, and how many there are of each kind."""
    search = Search(providers=provider_id, available_only=False, **asked.stated("status"))
    told = list(map(shown_in(call.clinic), every(call.clinic.search.slots, search)))
    found = sorted(told, key=lambda one: one.date)
    if asked.status is not None:
        found = [one for one in found if one.status == asked.status]
    days = [
        wire.DayOfSlots(date=day, slots=list(some))
        for day, some in groupby(found, key=lambda one: one.date)
    ]
    counts = _counted(told, _withdrawn(call.clinic, provider_id, asked))
    data = {"provider_id": provider_id, "availability_summary": counts, "availability": days}
    return Answer(data=wire.OfProvider.model_validate(data))


@router.put("/provider/availability/{slot_id}")
def change_slot(slot_id: SlotId, asked: wire.SlotChange, call: Changing) -> Answer[wire.SlotOut]:
    """Change one slot: its time, price, notes or type, or whether it can be had."""
    told = _changed(call.clinic, _listed(call.clinic, slot_id), asked)
    return Answer(message="Availability slot updated successfully", data=told)


@router.delete("/provider/availability/{slot_id}")
def delete_slot(
    slot_id: SlotId, call: Changing, delete_recurring: bool = False, reason: Note = ""
) -> Answer[None]:
    """Offer one slot no more, or none of the hours that it comes from. Not under a visit."""
    call.clinic.availability.delete_slot(slot_id, reason=reason, recurring=delete_recurring)
    return Answer(message="Availability deleted successfully", data=None)


@router.get("/availability/search")
def search(asked: Annotated[wire.Wanted, Query()], call: Reading) -> Answer[wire.SearchOut]:
    """Slots of all providers whom the patient can have them with."""
    first = asked.date or asked.first or call.service.clock.now().date()
    last = asked.date or asked.last or first + _LOOKED_AHEAD
    stated = {**asked.stated("date", "cursor"), "first": first, "last": last}
    wanted, shown = Search(patient=call.account.patient, **stated), shown_in(call.clinic)
    page = call.clinic.search.by_provider(wanted, limit=100, each=100, cursor=asked.cursor)
    results = []
    for one in (one for one in page if one.total):
        who = wire.ProviderOut.model_validate(one.provider)
        who.clinic_address = str(one.address or "")
        results.append(wire.Found(provider=who, available_slots=list(map(shown, one))))
    told = asked.model_dump(mode="json", by_alias=True, exclude_none=True)
    total = sum(one.total for one in page)
    data = {"search_criteria": told, "total_results": total, "results": results, "next": page.next}
    return Answer(data=wire.SearchOut.model_validate(data))


def shown_in(clinic: Practice) -> Callable[[Slot], wire.CalendarSlotOut]:
    """How slots are told, by the model of each answer: each place and room is looked up once."""

    @cache
    def place(location: str | None, room: str | None) -> wire.PlaceOut | None:
        there = None if location is None else clinic.locations.find(location)
        inside = None if room is None else clinic.rooms.find(room)
        if there is None:
            return None
        told = {"type": there.kind.value, "address": str(there.address)}
        return wire.PlaceOut(**told, room_number=(inside.name or inside.id) if inside else None)

    def shown(slot: Slot) -> wire.CalendarSlotOut:
        told = wire.CalendarSlotOut.model_validate(slot)
        told.location = place(slot.location, slot.room)
        return told

    return shown


def _rule(asked: wire.NewAvailability, clinic: Practice, provider: str) -> AvailabilityRule:
    """The hours that are asked for, as the library writes them."""
    location, room = _place(clinic, asked.location)
    return AvailabilityRule(
        provider,
        _dates(asked),
        hours=f"{asked.start_time}-{asked.end_time}",
        slot_duration=timedelta(minutes=asked.slot_duration),
        break_duration=timedelta(minutes=asked.break_duration),
        capacity=asked.max_appointments_per_slot,
        types=asked.appointment_type,
        location=location,
        room=room,
        pricing=_pricing(asked.pricing),
        **asked.model_dump(include={"timezone", "special_requirements", "notes"}),
    )


def _dates(asked: wire.NewAvailability) -> Recurrence:
    start, until = asked.date, asked.recurrence_end_date
    match asked.recurrence_pattern:
        case "daily":
            return Recurrence.daily(start, until=until)
        case "weekly":
            return Recurrence.weekly(None, start=start, until=until)
        case "monthly":
            return Recurrence.monthly(start.day, start=start, until=until)
        case None:
            return Recurrence.once(start)


def _pricing(asked: wire.Price | None) -> Pricing | None:
    return None if asked is None else Pricing(**asked.model_dump())


def _opened(clinic: Practice, rule: AvailabilityRule, asked: wire.NewAvailability) -> wire.Created:
    """How much new hours open, counted from a day before to a day after, whatever their zone."""
    low = datetime.combine(asked.date - _DAY, time(), UTC)
    last = asked.recurrence_end_date if asked.is_recurring else asked.date
    high = low + _COUNTED if last is None else datetime.combine(last + 2 * _DAY, time(), UTC)
    counted = clinic.availability.opened(rule.id, asked.appointment_type, low, high)
    return wire.Created(
        availability_id=rule.id,
        slots_created=counted.total,
        date_range=wire.DateRange(start=asked.date, end=last),
        total_appointments_available=counted.seats,
    )


def _place(clinic: Practice, asked: wire.Place | None) -> tuple[str | None, str | None]:
    """The ids of the place and room that are meant; the provider's own where none is stated."""
    if asked is None:
        return None, None
    for place in every(clinic.locations.list, kind=asked.type):
        if asked.address in (None, str(place.address), place.address.line, place.name):
            if asked.room_number is None:
                return place.id, None
            for room in every(clinic.rooms.list, location=place.id):
                if asked.room_number in (room.name, room.id):
                    return place.id, room.id
    raise invalid("location", "the practice has no such place or room")


def _counted(told: Iterable[wire.SlotOut], withdrawn: int) -> wire.Summary:
    states = [one.status for one in told] + ["cancelled"] * withdrawn
    some = {f"{one}_slots": states.count(one) for one in ("available", "booked", "cancelled")}
    return wire.Summary(total_slots=len(states), **some)


def _withdrawn(clinic: Practice, provider: str, asked: wire.Dates) -> int:
    """How many slots of these dates, in UTC, were taken out of the offer."""
    resource, low, high = Resource("provider", provider), asked.first, asked.last
    return sum(
        one.withdrawn and low <= one.start.date() <= high and asked.types in (None, one.type)
        for one in every(clinic.availability.slot_overrides.list, resource=resource)
    )


def _listed(clinic: Practice, slot_id: str) -> Slot:
    """A slot as it is listed, free or taken; `NotFound` for one that is not."""
    key = read_slot_id(slot_id)
    if key.practice == clinic.id:
        for slot in _at(clinic, key.provider, key.type, instant_of(key.start)):
            if slot.id == slot_id:
                return slot
    raise NotFound("slot", slot_id)


def _at(clinic: Practice, provider: str, type: str, start: datetime) -> Iterable[Slot]:
    end = start + timedelta(minutes=1)
    return clinic.availability.slots(provider, type, start, end, taken=True)


def _changed(clinic: Practice, slot: Slot, asked: wire.SlotChange) -> wire.SlotOut:
    """A slot as it is when all that is asked for is done."""
    if asked.status == "cancelled":
        clinic.availability.delete_slot(slot, reason=asked.notes or "")
        return shown_in(clinic)(slot).model_copy(update={"status": "cancelled"})
    if asked.status in ("blocked", "maintenance"):
        clinic.blockings.block_slot(slot, reason=asked.status)
    elif asked.status == "available":
        for one in clinic.blockings.between(slot.provider, slot.start, slot.end):
            clinic.blockings.release(one)
    changes = asked.stated("status", "pricing", "start", "end")
    changes |= {
        name: _on_its_day(slot, at) for name, at in asked if name in ("start", "end") and at
    }
    if changes or asked.pricing:
        made = clinic.availability.change_slot(slot, **changes, pricing=_pricing(asked.pricing))
        some = _at(clinic, slot.provider, made.offered_as, made.offered_from)
        slot = next(one for one in some if one.location == slot.location)
    return shown_in(clinic)(_listed(clinic, slot.id))


def _on_its_day(slot: Slot, text: str) -> datetime:
    """A time of day on the wall of a slot's date."""
    hours, minutes = map(int, text.split(":"))
    midnight = datetime.combine(slot.date, time(), slot.local_start.tzinfo)
    return midnight + timedelta(hours=hours, minutes=minutes)  # on the wall
