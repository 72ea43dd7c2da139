"""A provider's availability, and the search of patients for slots (seed 000)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, time, timedelta
from functools import cache
from itertools import groupby
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from clinic_service.models import availability as wire
from clinic_service.models.availability import Answer
from clinic_service.models.common import Id, Note
from clinic_service.pages import every
from clinic_service.problems import invalid
from clinic_service.who import Calling, Clinic, Served
from medsched import AvailabilityRule, NotFound, Practice, Recurrence, Resource, Search, Slot
from medsched.domain.slots import read_slot_id
from medsched.timeline.instants import instant_of

router = APIRouter(prefix="/api/v1", tags=["availability"])
SlotId = Annotated[str, Path(min_length=1, max_length=2000, pattern=r"^[A-Za-z0-9_\-]+$")]
_DAY = timedelta(days=1)
_COUNTED = timedelta(days=366)
_LOOKED_AHEAD = timedelta(days=28)


@router.post("/provider/availability", status_code=201)
def create_availability(
    asked: wire.NewAvailability, response: Response, clinic: Clinic, who: Calling
) -> Answer[wire.Created]:
    """Open hours of a provider, once or again and again."""
    rule = clinic.availability.add(_rule(asked, clinic, who.account.provider))
    low = datetime.combine(asked.date - _DAY, time(), UTC)
    last = asked.recurrence_end_date if asked.is_recurring else asked.date
    high = low + _COUNTED if last is None else datetime.combine(last + 2 * _DAY, time(), UTC)
    counted = clinic.availability.opened(rule.id, asked.appointment_type, low, high)
    response.headers["Location"] = f"/api/v1/provider/{rule.resource.id}/availability"
    made = wire.Created(
        availability_id=rule.id,
        slots_created=counted.total,
        date_range=wire.DateRange(start=asked.date, end=last),
        total_appointments_available=counted.seats,
    )
    return Answer(message="Availability slots created successfully", data=made)


@router.get("/provider/{provider_id}/availability")
def read_availability(
    provider_id: Id, asked: Annotated[wire.Dates, Query()], clinic: Clinic
) -> Answer[wire.OfProvider]:
    """The slots of a provider by date, taken ones too, and how many there are of each kind."""
    search = Search(
        first=asked.start_date,
        last=asked.end_date,
        timezone=asked.timezone,
        types=asked.appointment_type,
        providers=provider_id,
        available_only=False,
    )
    shown = shown_in(clinic)
    told = [shown(one) for one in every(clinic.search.slots, search)]
    found = [one for one in told if asked.status in (None, one.status)]
    by_date = groupby(sorted(found, key=lambda one: one.date), key=lambda one: one.date)
    days = [wire.DayOfSlots(date=day, slots=list(some)) for day, some in by_date]
    counts = _counted(told, _withdrawn(clinic, provider_id, asked))
    return Answer(
        data=wire.OfProvider(
            provider_id=provider_id, availability_summary=counts, availability=days
        )
    )


@router.put("/provider/availability/{slot_id}")
def change_slot(slot_id: SlotId, asked: wire.SlotChange, clinic: Clinic) -> Answer[wire.SlotOut]:
    """Change one slot: its time, price, notes or type, or whether it can be had."""
    slot = _listed(clinic, slot_id)
    told = _changed(clinic, slot, asked)
    return Answer(message="Availability slot updated successfully", data=told)


@router.delete("/provider/availability/{slot_id}")
def delete_slot(
    slot_id: SlotId, clinic: Clinic, delete_recurring: bool = False, reason: Note = ""
) -> Answer[None]:
    """Offer one slot no more, or none of the hours that it comes from. Not under a visit."""
    clinic.availability.delete_slot(slot_id, reason=reason, recurring=delete_recurring)
    return Answer(message="Availability deleted successfully", data=None)


@router.get("/availability/search")
def search(
    asked: Annotated[wire.Wanted, Query()], clinic: Clinic, who: Calling, service: Served
) -> Answer[wire.SearchOut]:
    """Slots of all providers whom the patient can have them with."""
    wanted = _search(asked, service.clock.now(), who.account.patient)
    page = clinic.search.by_provider(wanted, limit=100, each=100, cursor=asked.cursor)
    found, shown = [one for one in page if one.total], shown_in(clinic)
    data = wire.SearchOut(
        search_criteria=asked.model_dump(mode="json", exclude_none=True),
        total_results=sum(one.total for one in found),
        results=[],
        next=page.next,
    )
    for one in found:
        provider = wire.ProviderOut.model_validate(one.provider)
        provider.clinic_address = str(one.address or "")
        data.results.append(wire.Found(provider=provider, available_slots=list(map(shown, one))))
    return Answer(data=data)


def shown_in(clinic: Practice) -> Callable[[Slot], wire.SlotOut]:
    """How slots are told: each place and room is looked up once."""

    @cache
    def place(location: str | None, room: str | None) -> wire.PlaceOut | None:
        there = None if location is None else clinic.locations.find(location)
        inside = None if room is None else clinic.rooms.find(room)
        called = None if inside is None else inside.name or inside.id
        if there is None:
            return None
        address = str(there.address)
        return wire.PlaceOut(type=there.kind.value, address=address, room_number=called)

    def shown(slot: Slot) -> wire.SlotOut:
        told = wire.SlotOut.model_validate(slot)
        told.location = place(slot.location, slot.room)
        return told

    return shown


def _rule(asked: wire.NewAvailability, clinic: Practice, own: str | None) -> AvailabilityRule:
    """The hours that are asked for, as the library writes them."""
    provider = asked.provider_id or own
    if provider is None:
        raise invalid("provider_id", "say whose hours they are")
    location, room = _place(clinic, asked.location)
    return AvailabilityRule(
        provider,
        _dates(asked),
        hours=f"{asked.start_time}-{asked.end_time}",
        timezone=asked.timezone,
        slot_duration=timedelta(minutes=asked.slot_duration),
        break_duration=timedelta(minutes=asked.break_duration),
        capacity=asked.max_appointments_per_slot,
        types=asked.appointment_type,
        location=location,
        room=room,
        pricing=asked.pricing and asked.pricing.pricing(),
        special_requirements=asked.special_requirements,
        notes=asked.notes,
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
    states = [one.status for one in told]
    return wire.Summary(
        total_slots=len(states) + withdrawn,
        available_slots=states.count("available"),
        booked_slots=states.count("booked"),
        cancelled_slots=withdrawn,
    )


def _withdrawn(clinic: Practice, provider: str, asked: wire.Dates) -> int:
    """How many slots of these dates, in UTC, were taken out of the offer."""
    resource, type = Resource("provider", provider), asked.appointment_type
    return sum(
        one.withdrawn and asked.start_date <= one.start.date() <= asked.end_date
        for one in every(clinic.availability.slot_overrides.list, resource=resource)
        if type in (None, one.type)
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
    if asked.model_dump(exclude={"status"}, exclude_none=True):
        made = clinic.availability.change_slot(
            slot,
            start=_on_its_day(slot, asked.start_time),
            end=_on_its_day(slot, asked.end_time),
            type=asked.appointment_type,
            notes=asked.notes,
            pricing=asked.pricing and asked.pricing.pricing(),
        )
        some = _at(clinic, slot.provider, made.offered_as, made.offered_from)
        slot = next(one for one in some if one.location == slot.location)
    return shown_in(clinic)(_listed(clinic, slot.id))


def _on_its_day(slot: Slot, text: str | None) -> datetime | None:
    """A time of day on the wall of a slot's date."""
    if text is None:
        return None
    midnight = datetime.combine(slot.date, time(), slot.local_start.tzinfo)
    hours, minutes = map(int, text.split(":"))
    return midnight + timedelta(hours=hours, minutes=minutes)  # on the wall


def _search(asked: wire.Wanted, now: datetime, patient: str | None) -> Search:
    first = asked.date or asked.start_date or now.date()
    return Search(
        first=first,
        last=asked.date or asked.end_date or first + _LOOKED_AHEAD,
        timezone=asked.timezone,
        specialty=asked.specialization,
        area=asked.location or "",
        types=asked.appointment_type,
        insurance_accepted=asked.insurance_accepted,
        price_at_most=asked.max_price,
        available_only=asked.available_only,
        patient=patient,
    )
