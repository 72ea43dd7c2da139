"""What is taken already: appointments, holds, blockings, and seats of group sessions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import attrs

from medsched.adapters.clinic_file import values
from medsched.adapters.clinic_file.reading import Entry, Field, Schema
from medsched.domain.appointment_types import AppointmentType
from medsched.domain.claims import Claim, ClaimKind, Session
from medsched.domain.people import Provider
from medsched.domain.places import Device, Location, PracticeSettings, Room
from medsched.domain.records import Resource, ResourceKind
from medsched.errors import AmbiguousTime, InvalidValue, NonexistentTime
from medsched.timeline.instants import minute_of
from medsched.timeline.resolve import at_wall

_TAKEN = {
    "provider": "providers",
    "room": "rooms",
    "device": "devices",
    "location": "locations",
    "patient": "patients",
}

BUSY: Schema = {
    **{name: values.named(kind) for name, kind in _TAKEN.items()},
    "id": values.identifier,
    "kind": values.choice(ClaimKind),
    "start": values.moment,
    "end": values.moment,
    "duration": values.duration,
    "timezone": values.zone,
    "type": values.named("types"),
    "seats_taken": values.whole,
    "expires": values.moment,
}


@attrs.frozen
class Places:
    """The records that a busy time may name, by id."""

    settings: PracticeSettings
    locations: Mapping[str, Location]
    rooms: Mapping[str, Room]
    devices: Mapping[str, Device]
    providers: Mapping[str, Provider]
    types: Mapping[str, AppointmentType]

    def zone_of(self, entry: Entry, day: date) -> str:
        """The zone of a wall time: stated, or that of the place, the provider, the practice."""
        given = entry.values
        provider = self.providers.get(given.get("provider", ""))
        room = self.rooms.get(given.get("room", ""))
        device = self.devices.get(given.get("device", ""))
        nearest = [given.get("timezone"), self._zone_at(given.get("location"))]
        if provider is not None:
            nearest += [provider.travel_zone(day), provider.timezone]
        nearest += [self._zone_at(one.location) for one in (provider, room, device) if one]
        stated = next((zone for zone in nearest if zone is not None), self.settings.timezone)
        return stated or "UTC"

    def _zone_at(self, location: str | None) -> str | None:
        place = self.locations.get(location) if location is not None else None
        return place.timezone if place is not None else None


def read_busy(field: Field, places: Places) -> list[Claim]:
    """The claims of a table of ``[[busy]]``: one on each resource that it names."""
    entry = Entry.read(field, BUSY)
    taken = [name for name in _TAKEN if entry.stated(name)]
    if not taken:
        entry.note("", f"who or what is busy is missing: give {', '.join(_TAKEN)}")
    _check_form(entry)
    start = _instant(entry, "start", places)
    end = _instant(entry, "end", places)
    expires = _instant(entry, "expires", places)
    if entry.failed or start is None:
        return []
    type_ = places.types.get(entry.values.get("type", ""))
    if entry.stated("type") and type_ is None:
        return []  # the unknown type is noted as a reference
    try:
        end = end or start + _length(entry, places, type_)
        return list(_claims(entry, places, type_, start, end, expires))
    except OverflowError:
        entry.note("duration", "far too long")
        return []
    except InvalidValue as error:
        blamed = ("seats_taken" if error.field == "taken" else error.field, "duration", "start")
        entry.note(next(name for name in blamed if entry.stated(name)), error.why)
        return []


def _check_form(entry: Entry) -> None:
    """Which fields go together."""
    if not entry.stated("start"):
        entry.note("start", "is missing")
    lengths = [name for name in ("end", "duration") if entry.stated(name)]
    if len(lengths) == 2:
        entry.note("duration", "not together with end")
    if not lengths and not entry.stated("type"):
        entry.note("end", "is missing; or give duration, or the type of the appointment")
    if entry.stated("seats_taken"):
        for name in ("type", "provider"):
            if not entry.stated(name):
                entry.note(name, "is missing: a group session is of a provider and a type")
        for name in ("kind", "patient"):
            if entry.stated(name):
                entry.note(name, "does not go with seats_taken")
    holds = entry.values.get("kind") is ClaimKind.HOLD
    if entry.stated("expires") and not holds:
        entry.note("expires", 'goes with kind = "hold"')


def _instant(entry: Entry, name: str, places: Places) -> datetime | None:
    """The UTC instant of a moment: with an offset as it is, on the wall in the zone there."""
    moment: datetime | None = entry.values.get(name)
    if moment is None:
        return None
    if moment.tzinfo is not None:
        try:
            minute_of(moment, name, rounding="down")
        except InvalidValue as error:
            entry.note(name, error.why)
            return None
        return moment.astimezone(UTC)
    zone = entry.field.reading.zones.zone(places.zone_of(entry, moment.date()))
    try:
        return at_wall(zone, moment)
    except AmbiguousTime as error:
        entry.note(name, f"{error}; write it with its offset from UTC")
    except NonexistentTime as error:
        entry.note(name, str(error))
    except InvalidValue as error:
        entry.note(name, error.why)
    return None


def _length(entry: Entry, places: Places, type_: AppointmentType | None) -> timedelta:
    stated: timedelta | None = entry.values.get("duration")
    if stated is not None or type_ is None:
        return stated or timedelta(0)
    provider = places.providers.get(entry.values.get("provider", ""))
    own = provider.own_duration(type_.code) if provider is not None else None
    return own or type_.duration


def _claims(
    entry: Entry,
    places: Places,
    type_: AppointmentType | None,
    start: datetime,
    end: datetime,
    expires: datetime | None,
) -> Iterator[Claim]:
    given: dict[str, Any] = entry.values
    options: dict[str, Any] = {
        "id": given.get("id") or entry.field.table,
        "kind": given.get("kind", ClaimKind.APPOINTMENT),
        "expires": expires,
    }
    place = given.get("location")
    for name in _TAKEN:
        if name not in given:
            continue
        if name == "location" and "provider" in given and not _is_exclusive(places, place):
            continue  # only says where it is
        taken = Resource(ResourceKind(name), given[name])
        session = None
        if name == "provider" and type_ is not None and "seats_taken" in given:
            provider = places.providers.get(given[name])
            main = provider.location if provider is not None else None
            minute = minute_of(start, "start", rounding="down")
            session = Session(type_.code, place or main, minute, given["seats_taken"])
        before, after = _buffers(type_, taken)
        yield Claim.of(taken, start - before, end + after, session=session, **options)


def _is_exclusive(places: Places, location: str | None) -> bool:
    found = places.locations.get(location) if location is not None else None
    return found is not None and found.exclusive


def _buffers(type_: AppointmentType | None, taken: Resource) -> tuple[timedelta, timedelta]:
    """How much more than the slot an appointment of a type takes of a resource."""
    none = timedelta(0), timedelta(0)
    if type_ is None or taken.kind is ResourceKind.PATIENT:
        return none
    if taken.kind in (ResourceKind.PROVIDER, ResourceKind.LOCATION):
        return type_.buffer_before, type_.buffer_after
    needs = (need for need in type_.needs if taken in need.one_of)
    return next(((need.buffer_before, need.buffer_after) for need in needs), none)
