"""Nouns to documents and back: exact round trips, in a format that has a number.

Each field of a noun that has no column of its own is a member of its document. Most are
JSON as they are; `_SHAPES` says how the others are written. Every field is written, whatever
its value, so that another default in a later release does not change what is stored. A
document without some field gives it its default; one of a later `FORMAT` is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final, NamedTuple

import attrs

from medsched.domain.appointment_types import AppointmentType, Grid, Need, Pricing
from medsched.domain.availability import AvailabilityRule, Override, RecurringBlocking
from medsched.domain.people import Patient, Provider, Staff, Travel
from medsched.domain.places import Address, Device, Location, PracticeSettings, Room
from medsched.domain.records import Record, Resource
from medsched.domain.stored import CLASSES, HoursRecord, Kind, Stored, kind_of
from medsched.errors import StorageError
from medsched.timeline.recurrence import Recurrence
from medsched.timeline.weekdays import Weekday

FORMAT: Final = 1
"""The format that documents are written in."""

_MINUTE: Final = timedelta(minutes=1)
_COLUMNS: Final = frozenset(field.name for field in attrs.fields(Record)) | {"id", "resource"}

FILTERS: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.PROVIDER: frozenset({"location", "specialties", "languages", "insurers"}),
    Kind.STAFF: frozenset({"department"}),
    Kind.LOCATION: frozenset({"kind"}),
    Kind.ROOM: frozenset({"location"}),
    Kind.DEVICE: frozenset({"location"}),
    Kind.APPOINTMENT_TYPE: frozenset({"modality"}),
    Kind.OVERRIDE: frozenset({"kind"}),
}
"""The fields that can be searched for without reading documents; never a patient's."""


class Shape(NamedTuple):
    """How a value is written, and made from what was written. None stays None."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


# --------------------------------------------------------------------- values


def _write_number(value: Any) -> Any:
    return value if isinstance(value, int | float) else str(value)


def _read_number(value: Any) -> Any:
    return Decimal(value) if isinstance(value, str) else value


def _write_resource(value: Resource) -> list[str]:
    return [value.kind.value, value.id]


def _read_resource(value: list[str]) -> Resource:
    return Resource(*value)


def _fields(cls: type[Any], **shapes: Shape) -> Shape:
    """The shape of a value object: an object of its fields, some in shapes of their own."""
    names = [field.name for field in attrs.fields(cls) if field.init]

    def write(value: Any) -> dict[str, Any]:
        return {name: _write(shapes.get(name), getattr(value, name)) for name in names}

    def read(found: dict[str, Any]) -> Any:
        return cls(**{name: _read(shapes.get(name), value) for name, value in found.items()})

    return Shape(write, read)


def _many(one: Shape, collect: Callable[[Iterator[Any]], Any] = tuple) -> Shape:
    """Some of one shape, in order."""
    return Shape(
        lambda values: [one.write(value) for value in values],
        lambda found: collect(one.read(value) for value in found),
    )


def _write(shape: Shape | None, value: Any) -> Any:
    if value is None:
        return None
    if shape is not None:
        return shape.write(value)
    return value.value if isinstance(value, Enum) else value


def _read(shape: Shape | None, value: Any) -> Any:
    return value if value is None or shape is None else shape.read(value)


_date = Shape(date.isoformat, date.fromisoformat)
_minutes = Shape(lambda value: value // _MINUTE, lambda value: value * _MINUTE)
_words = Shape(sorted, frozenset)
_number = Shape(_write_number, _read_number)
_resource = Shape(_write_resource, _read_resource)
_resources = Shape(
    lambda values: [_write_resource(value) for value in sorted(values)],
    lambda found: frozenset(map(_read_resource, found)),
)
_lengths = Shape(
    lambda pairs: [[code, length // _MINUTE] for code, length in pairs],
    lambda found: [(code, length * _MINUTE) for code, length in found],
)
_type_days = Shape(
    lambda pairs: [[code, [day.name for day in sorted(days)]] for code, days in pairs],
    lambda found: [(code, [Weekday[name] for name in days]) for code, days in found],
)
_hours = Shape(lambda values: [str(value) for value in values], tuple)
_dates = Shape(
    lambda values: [value.isoformat() for value in sorted(values)],
    lambda found: [date.fromisoformat(value) for value in found],
)
_recurrence = Shape(
    lambda value: {
        "rule": value.rule,
        "start": value.start.isoformat(),
        "rdates": _dates.write(value.rdates),
        "exdates": _dates.write(value.exdates),
    },
    lambda found: Recurrence.parse(
        found["rule"],
        start=date.fromisoformat(found["start"]),
        rdates=_dates.read(found["rdates"]),
        exdates=_dates.read(found["exdates"]),
    ),
)
_address = _fields(Address)
_travels = _many(_fields(Travel, first=_date, last=_date))
_grid = _fields(Grid, interval=_minutes, offset=_minutes)
_needs = _many(_fields(Need, one_of=_resources, buffer_before=_minutes, buffer_after=_minutes))
_pricing = _fields(Pricing, base_fee=Shape(str, Decimal))


# ---------------------------------------------------------------------- nouns

_WINDOW: Final = {"notice": _minutes, "furthest_ahead": _minutes}
_OFFER: Final = {
    "types": _words,
    "type_days": _type_days,
    "slot_duration": _minutes,
    "durations": _lengths,
    "break_duration": _minutes,
    "step": _minutes,
    "pricing": _pricing,
    "special_requirements": _words,
    "hours": _hours,
    "breaks": _hours,
}
_VALID: Final = {"recurrence": _recurrence, "valid_from": _date, "valid_to": _date}

_SHAPES: Final[Mapping[type[Stored], Mapping[str, Shape]]] = {
    PracticeSettings: dict.fromkeys(
        ("shortest_slot", "longest_slot", "shortest_break", "longest_break"), _minutes
    ),
    Provider: {
        **_WINDOW,
        "specialties": _words,
        "languages": _words,
        "insurers": _words,
        "rating": _number,
        "durations": _lengths,
        "travels": _travels,
    },
    Staff: {},
    Patient: {"birth_date": _date, "address": _address},
    Location: {"address": _address},
    Room: {},
    Device: {},
    AppointmentType: {
        **_WINDOW,
        "duration": _minutes,
        "buffer_before": _minutes,
        "buffer_after": _minutes,
        "grid": _grid,
        "needs": _needs,
        "pricing": _pricing,
        "special_requirements": _words,
    },
    AvailabilityRule: {**_OFFER, **_VALID},
    Override: {**_OFFER, "first": _date, "last": _date},
    RecurringBlocking: {**_VALID, "hours": _hours, "types": _words},
}
_NAMES: Final[Mapping[type[Stored], tuple[str, ...]]] = {
    cls: tuple(
        field.name
        for field in attrs.fields(cls)
        if field.init
        and field.name not in _COLUMNS | ({"code"} if cls is AppointmentType else set())
    )
    for cls in CLASSES.values()
}


def to_row(practice: str, record: Stored) -> dict[str, Any]:
    """The columns of ``medsched_record`` for a record."""
    resource = record.resource if isinstance(record, HoursRecord) else None
    return {
        "practice": practice,
        "kind": kind_of(type(record)).value,
        "id": record.id,
        "version": record.version,
        "active": record.active,
        "resource_kind": None if resource is None else resource.kind.value,
        "resource_id": None if resource is None else resource.id,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "format": FORMAT,
        "document": to_document(record),
    }


def to_document(record: Stored) -> str:
    """What a record says beyond its columns, as JSON."""
    cls = type(record)
    shapes = _SHAPES[cls]
    found = {name: _write(shapes.get(name), getattr(record, name)) for name in _NAMES[cls]}
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"))


class RecordRow(NamedTuple):
    """The columns of ``medsched_record`` that make a record, in the order they are read in."""

    kind: str
    id: str
    version: int
    active: bool
    resource_kind: str | None
    resource_id: str | None
    created_at: datetime | None
    updated_at: datetime | None
    format: int
    document: str


def from_row(row: RecordRow) -> Stored:
    """The record of a row; `StorageError` for a document of a later release."""
    if row.format > FORMAT:
        raise StorageError("reading a record", f"document format {row.format}")
    cls = CLASSES[Kind(row.kind)]
    shapes = _SHAPES[cls]
    fields: dict[str, Any] = {
        name: _read(shapes.get(name), value) for name, value in json.loads(row.document).items()
    }
    fields["code" if cls is AppointmentType else "id"] = row.id
    if row.resource_kind is not None and row.resource_id is not None:
        fields["resource"] = _read_resource([row.resource_kind, row.resource_id])
    return cls(
        **fields,
        version=row.version,
        active=bool(row.active),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def filters_of(record: Stored) -> list[tuple[str, str]]:
    """Fields and values that a record can be found by, in order."""
    found = []
    for field in sorted(FILTERS.get(kind_of(type(record)), ())):
        value = getattr(record, field)
        values = sorted(value) if isinstance(value, frozenset) else [value]
        found += [(field, _text(one)) for one in values if one is not None]
    return found


def filter_text(kind: Kind, field: str, value: object) -> str | None:
    """What a value to filter on is found by; None if only the documents can tell."""
    if field not in FILTERS.get(kind, ()) or not isinstance(value, str):
        return None
    return _text(value)


def _text(value: str) -> str:
    return str(value.value) if isinstance(value, Enum) else value
