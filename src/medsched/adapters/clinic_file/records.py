"""The tables of places, people and appointment types."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from medsched.adapters.clinic_file import values
from medsched.adapters.clinic_file.reading import (
    Entry,
    Field,
    Misread,
    Noted,
    Reader,
    Schema,
    T,
    all_of,
)
from medsched.domain.appointment_types import AppointmentType, Grid, Modality, Need, Pricing
from medsched.domain.people import Patient, Provider, Staff, Travel
from medsched.domain.places import Address, Device, Location, LocationKind, PracticeSettings, Room
from medsched.domain.records import Resource, ResourceKind
from medsched.timeline.instants import FIRST_DATE, LAST_DATE

AN_ID: Mapping[str, Any] = {"id": "-"}
_BOOKING_WINDOW: Schema = {
    "notice": values.duration,
    "furthest_ahead": values.duration,
    "days_ahead": values.whole,
}


def nested(make: Any, schema: Schema, needed: Mapping[str, Any] | None = None) -> Reader[Any]:
    """A reader of a table within a table."""

    def read(field: Field) -> Any:
        entry = Entry.read(field, schema)
        record = entry.build(make, entry.values, needed=needed or {})
        if entry.failed:
            raise Noted
        return record

    return read


address = nested(
    Address, dict.fromkeys(("line", "city", "state", "postal_code", "country"), values.text)
)
pricing = nested(
    Pricing,
    {"base_fee": values.money, "currency": values.text, "insurance_accepted": values.boolean},
)


def _travel(field: Field) -> Travel:
    schema = {"timezone": values.zone, "from": values.day, "to": values.day}
    entry = Entry.read(field, schema)
    for name in schema:
        if not entry.stated(name):
            entry.note(name, "is missing")
    away = entry.take("timezone")
    away |= {"first": entry.values.get("from"), "last": entry.values.get("to")}
    needed = {"timezone": "UTC", "first": FIRST_DATE, "last": LAST_DATE}
    travel = None
    if not entry.failed:
        travel = entry.build(Travel, away, needed=needed, names={"first": "from", "last": "to"})
    if travel is None:
        raise Noted
    return travel


def _grid(field: Field) -> Grid:
    """``"window"``, ``"packed"``, or a table: ``{ every = "15m", offset = "5m" }``."""
    if isinstance(field.raw, str):
        plain = {"window": Grid.window, "packed": Grid.packed}.get(field.raw)
        if plain is None:
            raise Misread(
                'must be "window", "packed", or { every = "15m" } for starts by the clock'
            )
        return plain()
    entry = Entry.read(field, {"every": values.duration, "offset": values.duration})
    names = {"interval": "every"}
    given = entry.take("offset")
    if "every" in entry.values:
        given["interval"] = entry.values["every"]
    elif not entry.stated("every"):
        entry.note("every", "is missing")
    made = entry.build(Grid.clock, given, needed={"interval": timedelta(days=1)}, names=names)
    if entry.failed or made is None:
        raise Noted
    return made


def _need(field: Field) -> Need:
    """``{ room = "r1" }``, or ``{ device = ["a", "b"], before = "5m", after = "10m" }``."""
    schema = {
        "room": values.all_named("rooms"),
        "device": values.all_named("devices"),
        "before": values.duration,
        "after": values.duration,
    }
    entry = Entry.read(field, schema)
    if entry.stated("room") == entry.stated("device"):
        entry.note("", "a need is for a room or for a device, one of the two")
    if entry.failed:
        raise Noted
    kind = ResourceKind.ROOM if "room" in entry.values else ResourceKind.DEVICE
    ids = entry.values.get("room") or entry.values.get("device") or []
    given = {"one_of": [Resource(kind, id) for id in ids]}
    given |= {f"buffer_{name}": entry.values[name] for name in entry.take("before", "after")}
    names = {"one_of": str(kind), "buffer_before": "before", "buffer_after": "after"}
    need = entry.build(Need, given, needed={"one_of": [Resource(kind, "-")]}, names=names)
    if entry.failed or need is None:
        raise Noted
    return need


def _list_of(read: Reader[T]) -> Reader[list[T]]:
    def several(field: Field) -> list[T]:
        return all_of(field.items(), read)

    return several


_PERSON: Schema = {"id": values.identifier, "name": values.text, "active": values.boolean}
_PLACE: Schema = {**_PERSON, "hours": lambda field: field}

PRACTICE: Schema = {
    "id": values.identifier,
    "name": values.text,
    "timezone": values.zone,
    "shortest_slot": values.duration,
    "longest_slot": values.duration,
    "hours": lambda field: field,
}
LOCATION: Schema = {
    **_PLACE,
    "kind": values.choice(LocationKind),
    "address": address,
    "phone": values.text,
    "timezone": values.zone,
    "exclusive": values.boolean,
}
ROOM: Schema = {**_PLACE, "location": values.named("locations"), "capacity": values.whole}
DEVICE: Schema = {**_PLACE, "location": values.named("locations")}
STAFF: Schema = {**_PERSON, "department": values.text}
PROVIDER: Schema = {
    **_PLACE,
    "timezone": values.zone,
    "location": values.named("locations"),
    "specialties": values.words,
    "languages": values.words,
    "insurers": values.words,
    "licence_number": values.text,
    "years_of_experience": values.whole,
    "rating": values.number,
    "durations": values.table_of(values.slot_length, "types"),
    "travels": _list_of(_travel),
    **_BOOKING_WINDOW,
}
PATIENT: Schema = {
    **_PERSON,
    "birth_date": values.day,
    "phone": values.text,
    "email": values.text,
    "address": address,
    "insurer": values.text,
    "insurance_number": values.text,
}
TYPE: Schema = {
    "code": values.identifier,
    "name": values.text,
    "active": values.boolean,
    "duration": values.duration,
    "buffer_before": values.duration,
    "buffer_after": values.duration,
    "buffers_within_hours": values.boolean,
    "grid": _grid,
    "capacity": values.whole,
    "modality": values.choice(Modality),
    "needs": _list_of(_need),
    "pricing": pricing,
    "special_requirements": values.words,
    **_BOOKING_WINDOW,
}

_RECORDS: Mapping[type[Any], tuple[Schema, Mapping[str, Any]]] = {
    PracticeSettings: (PRACTICE, {**AN_ID, "timezone": "UTC"}),
    Location: (LOCATION, AN_ID),
    Room: (ROOM, {**AN_ID, "location": "-"}),
    Device: (DEVICE, AN_ID),
    Provider: (PROVIDER, AN_ID),
    Staff: (STAFF, AN_ID),
    Patient: (PATIENT, AN_ID),
    AppointmentType: (TYPE, {"code": "-", "duration": timedelta(minutes=30)}),
}


def read_record(make: type[T], field: Field) -> tuple[Entry, T | None]:
    """The table, and the record that it makes as far as it can be read."""
    schema, needed = _RECORDS[make]
    entry = Entry.read(field, schema)
    given = {name: value for name, value in entry.values.items() if name != "hours"}
    return entry, entry.build(make, given, needed=needed)
