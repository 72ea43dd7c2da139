"""A provider's availability, and the search of patients for slots (seed 000)."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import Annotated, Any

from fastapi import APIRouter, Query

from clinic_service.models import availability as wire
from clinic_service.models.availability import Answer
from clinic_service.models.common import Id, Note, SlotId
from clinic_service.problems import invalid
from clinic_service.who import Changing, Reading, every
from medsched import AvailabilityRule, Practice, Recurrence, Search, Slot

router = APIRouter(prefix="/api/v1", tags=["availability"])
_DAY, _YEAR, _LOOKED_AHEAD = timedelta(days=1), timedelta(days=366), timedelta(days=28)


@router.post("/provider/availability", status_code=201)
def create_availability(asked: wire.NewAvailability, call: Changing) -> Answer[wire.Created]:
    """Open hours of a provider, once or again and again."""
    provider = call.own("provider", asked.provider_id, "provider_id")
    rule = call.clinic.availability.add(_rule(asked, call.clinic, provider))
    call.tell(rule, f"/api/v1/provider/{provider}/availability")
    made = _opened(call.clinic, rule, asked)
    return Answer(message="Availability slots created successfully", data=made)


@router.get("/provider/{provider_id}/availability")
def read_availability(
    provider_id: Id, asked: Annotated[wire.Dates, Query()], call: Reading
) -> Answer[wire.OfProvider]:
    """The slots of a provider by date, taken ones too, and how many there are of each kind."""
    search = Search(providers=provider_id, available_only=False, **asked.stated("status"))
    told, date = (
        list(map(shown_in(call.clinic), every(call.clinic.search.slots, search))),
        attrgetter("date"),
    )
    told.sort(key=date)
    listed = [one for one in told if asked.status in (None, one.status)]
    days = [{"date": day, "slots": list(some)} for day, some in groupby(listed, attrgetter("date"))]
    counts = _counted(told, _withdrawn(call.clinic, provider_id, asked))
    data = {"provider_id": provider_id, "availability_summary": counts, "availability": days}
    return Answer(data=wire.OfProvider.model_validate(data))


@router.put("/provider/availability/{slot_id}")
def change_slot(slot_id: SlotId, asked: wire.SlotChange, call: Changing) -> Answer[wire.SlotOut]:
    """Change one slot: its time, price, notes or type, or whether it can be had."""
    told = _changed(call.clinic, call.clinic.availability.slot(slot_id), asked)
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
    wanted, show = Search(patient=call.account.patient, **stated), shown_in(call.clinic)
    page = call.clinic.search.by_provider(wanted, limit=100, each=100, cursor=asked.cursor)
    results = []
    for one in (one for one in page if one.total):
        who = wire.ProviderOut.model_validate(one.provider)
        who.clinic_address = str(one.address or "")
        results.append({"provider": who, "available_slots": list(map(show, one))})
    told = asked.model_dump(mode="json", by_alias=True, exclude_none=True)
    total = sum(one.total for one in page)
    data = {"search_criteria": told, "total_results": total, "results": results, "next": page.next}
    return Answer(data=wire.SearchOut.model_validate(data))


def shown_in(clinic: Practice) -> Callable[[Slot], wire.SlotOut]:
    """How slots are told: each place and room is looked up once."""

    @cache
    def place(location: str | None, room: str | None) -> wire.PlaceOut | None:
        there = clinic.locations.find(location) if location else None
        inside = clinic.rooms.find(room) if room else None
        if there is None:
            return None
        number = (inside.name or inside.id) if inside else None
        return wire.PlaceOut(type=there.kind, address=str(there.address), room_number=number)

    def shown(slot: Slot) -> wire.SlotOut:
        told = wire.SlotOut.model_validate(slot)
        told.location = place(slot.location, slot.room)
        return told

    return shown


def _rule(asked: wire.NewAvailability, clinic: Practice, provider: str) -> AvailabilityRule:
    """The hours that are asked for, as the library writes them."""
    dates = Recurrence.once(asked.date)
    if asked.recurrence_pattern is not None:
        pattern, until = asked.recurrence_pattern.upper(), asked.recurrence_end_date
        dates = Recurrence(asked.date, pattern, until=until)
    return AvailabilityRule(
        provider,
        dates,
        hours=f"{asked.start_time}-{asked.end_time}",
        slot_duration=timedelta(minutes=asked.slot_duration),
        break_duration=timedelta(minutes=asked.break_duration),
        capacity=asked.max_appointments_per_slot,
        types=asked.appointment_type,
        pricing=asked.pricing,
        **_place(clinic, asked.location),
        **asked.model_dump(include={"timezone", "special_requirements", "notes"}),
    )


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


def _opened(clinic: Practice, rule: AvailabilityRule, asked: wire.NewAvailability) -> wire.Created:
    """How much new hours open, counted from a day before to a day after, whatever their zone."""
    last = asked.recurrence_end_date if asked.is_recurring else asked.date
    counted_to = min(last or asked.date + _YEAR, asked.date + _YEAR)
    days = asked.date - _DAY, counted_to + 2 * _DAY
    low, high = (datetime.combine(day, time(), UTC) for day in days)
    counted = clinic.availability.opened(rule.id, asked.appointment_type, low, high)
    return wire.Created(
        availability_id=rule.id,
        slots_created=counted.total,
        date_range=wire.DateRange(start=asked.date, end=last),
        total_appointments_available=counted.seats,
    )


def _counted(told: list[wire.SlotOut], withdrawn: int) -> dict[str, int]:
    states = [one.status for one in told] + ["cancelled"] * withdrawn
    some = {f"{one}_slots": states.count(one) for one in ("available", "booked", "cancelled")}
    return {"total_slots": len(states), **some}


def _withdrawn(clinic: Practice, provider: str, asked: wire.Dates) -> int:
    """How many slots of these dates, in UTC, were taken out of the offer."""
    days = asked.first, asked.last + _DAY
    low, high = (datetime.combine(day, time(), UTC) for day in days)
    types = (
        [asked.types] if asked.types else [one.code for one in every(clinic.appointment_types.list)]
    )
    found = (clinic.availability.summary(provider, type, low, high) for type in types)
    return sum(one.withdrawn for one in found)


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
    changes = asked.stated("status")
    for name in changes.keys() & {"start", "end"}:
        changes[name] = _on_its_day(slot, changes[name])
    if changes:
        made = clinic.availability.change_slot(slot, **changes)
        end = made.offered_from + timedelta(minutes=1)
        some = clinic.availability.slots(
            slot.provider, made.offered_as, made.offered_from, end, taken=True
        )
        slot = next(one for one in some if one.location == slot.location)
    return shown_in(clinic)(clinic.availability.slot(slot.id))


def _on_its_day(slot: Slot, text: str) -> datetime:
    """A time of day on the wall of a slot's date."""
    hours, minutes = map(int, text.split(":"))
    midnight = datetime.combine(slot.date, time(), slot.local_start.tzinfo)
    return midnight + timedelta(hours=hours, minutes=minutes)  # on the wall
