"""Nouns to documents and back: exact round trips, in a format that has a number.

Each field of a noun that has no column of its own is a member of its document. Most are
JSON as they are; `_SHAPES` says how the others are written. Every field is written, whatever
its value, so that another default in a later release does not change what is stored. A
document without some field gives it its default; one of a later `FORMAT` is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Final, NamedTuple

import attrs

from medsched.adapters.sqlalchemy.documents import (
    AS_IT_IS,
    Members,
    Place,
    Writing,
    parsed,
    patient_in,
)
from medsched.adapters.sqlalchemy.shapes import (
    ADDRESS,
    DATE,
    GRID,
    HOURS,
    INSTANT,
    LENGTHS,
    MINUTES,
    NEEDS,
    NUMBER,
    OCCURRENCES,
    ONE_STRETCH,
    PASSED,
    PLACE,
    PRICING,
    RECURRENCE,
    RULES,
    SHARE,
    TIME,
    TRAVELS,
    TYPE_DAYS,
    WALL,
    WEEKDAYS,
    WORDS,
    Shape,
    json_text,
    plain,
    read_resource,
    value_of,
)
from medsched.domain.access import Grant
from medsched.domain.appointment_types import AppointmentType
from medsched.domain.availability import AvailabilityRule, Override, RecurringBlocking
from medsched.domain.people import Patient, Provider, Staff
from medsched.domain.places import Device, Location, PracticeSettings, Room
from medsched.domain.records import Record
from medsched.domain.release_rules import ReleaseRule
from medsched.domain.series import Series
from medsched.domain.slot_overrides import SlotOverride
from medsched.domain.stored import NOUNS, HoursRecord, Kind, Noun, kind_of, patient_of
from medsched.domain.time_blocks import TimeBlock
from medsched.domain.waitlist import WaitlistEntry, WaitlistOffer
from medsched.errors import StorageError

FORMAT: Final = 1
"""The format that documents are written in."""

_COLUMNS: Final = frozenset(field.name for field in attrs.fields(Record)) | {"id", "resource"}

FILTERS: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.PROVIDER: frozenset({"location", "specialties", "languages", "insurers"}),
    Kind.STAFF: frozenset({"department"}),
    Kind.PATIENT: frozenset({"locations", "providers"}),
    Kind.LOCATION: frozenset({"kind"}),
    Kind.ROOM: frozenset({"location"}),
    Kind.DEVICE: frozenset({"location"}),
    Kind.APPOINTMENT_TYPE: frozenset({"modality"}),
    Kind.OVERRIDE: frozenset({"kind"}),
    Kind.SERIES: frozenset({"patient", "provider", "type"}),
    Kind.WAITLIST_ENTRY: frozenset({"patient", "type", "providers", "status"}),
    Kind.WAITLIST_OFFER: frozenset({"entry", "patient", "provider", "type", "status", "ended_in"}),
    Kind.GRANT: frozenset({"principal"}),
}
"""The fields that can be searched for without reading documents; of a patient, whom they
are registered with."""


# ---------------------------------------------------------------------- nouns

_WINDOW: Final = {"notice": MINUTES, "furthest_ahead": MINUTES}
_OFFER: Final = {
    "types": WORDS,
    "type_days": TYPE_DAYS,
    "slot_duration": MINUTES,
    "durations": LENGTHS,
    "break_duration": MINUTES,
    "step": MINUTES,
    "pricing": PRICING,
    "special_requirements": WORDS,
    "hours": HOURS,
    "breaks": HOURS,
}
_VALID: Final = {"recurrence": RECURRENCE, "valid_from": DATE, "valid_to": DATE}

_SHAPES: Final[Mapping[type[Noun], Mapping[str, Shape]]] = {
    PracticeSettings: {
        **dict.fromkeys(
            ("shortest_slot", "longest_slot", "shortest_break", "longest_break"), MINUTES
        ),
        "bookable_roles": WORDS,
    },
    Provider: {
        **_WINDOW,
        "specialties": WORDS,
        "languages": WORDS,
        "insurers": WORDS,
        "rating": NUMBER,
        "durations": LENGTHS,
        "travels": TRAVELS,
        "rules": RULES,
    },
    Staff: {},
    Patient: {
        "birth_date": DATE,
        "address": ADDRESS,
        "locations": WORDS,
        "providers": WORDS,
    },
    Location: {"address": ADDRESS},
    Room: {},
    Device: {},
    AppointmentType: {
        **_WINDOW,
        "duration": MINUTES,
        "buffer_before": MINUTES,
        "buffer_after": MINUTES,
        "grid": GRID,
        "needs": NEEDS,
        "rules": RULES,
        "pricing": PRICING,
        "special_requirements": WORDS,
    },
    AvailabilityRule: {**_OFFER, **_VALID},
    Override: {**_OFFER, "first": DATE, "last": DATE},
    RecurringBlocking: {**_VALID, "hours": HOURS, "types": WORDS},
    Series: {
        "location": PLACE,
        "recurrence": RECURRENCE,
        "at": TIME,
        "occurrences": OCCURRENCES,
    },
    TimeBlock: {
        "date": DATE,
        "hours": ONE_STRETCH,
        "types": WORDS,
        "pricing": PRICING,
        "special_requirements": WORDS,
    },
    SlotOverride: {
        **dict.fromkeys(("start", "begins", "ends"), INSTANT),
        "pricing": PRICING,
        "special_requirements": WORDS,
    },
    ReleaseRule: {
        **_VALID,
        "hours": HOURS,
        "share": SHARE,
        "kept_for": WORDS,
        "before": MINUTES,
        "opens_at": TIME,
    },
    WaitlistEntry: {
        **dict.fromkeys(("entered_at", "ended_at"), INSTANT),
        "providers": WORDS,
        "location": PLACE,
        "earliest": DATE,
        "latest": DATE,
        "weekdays": WEEKDAYS,
        "hours": HOURS,
        "passed": PASSED,
    },
    WaitlistOffer: {
        **dict.fromkeys(("start", "end", "offered_at", "expires", "ended_at"), INSTANT),
        "wall": WALL,
    },
    Grant: {
        **dict.fromkeys(("starts", "ends"), INSTANT),
        "locations": WORDS,
        "patients": WORDS,
    },
}
_NAMES: Final[Mapping[type[Noun], tuple[str, ...]]] = {
    cls: tuple(
        field.name
        for field in attrs.fields(cls)
        if field.init
        and field.name not in _COLUMNS | ({"code"} if cls is AppointmentType else set())
    )
    for cls in _SHAPES
}


def record_row(record: Noun, writing: Writing, scope: str) -> RecordRow:
    """The row of a record that stands in the receipt of a ``scope``."""
    row = to_row("", record, writing, scope)
    return RecordRow(*(row[name] for name in RecordRow._fields))


def to_row(
    practice: str, record: Noun, writing: Writing = AS_IT_IS, scope: str = ""
) -> dict[str, Any]:
    """The columns of ``medsched_record`` for a record; ``scope``: of a receipt, as if it were."""
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
        "document": _to_document(record, writing, scope),
    }


def _to_document(record: Noun, writing: Writing, scope: str) -> str:
    """What a record says beyond its columns, as JSON."""
    cls = type(record)
    shapes = _SHAPES[cls]
    found = {name: plain(shapes.get(name), getattr(record, name)) for name in _NAMES[cls]}
    table = "receipt" if scope else "record"
    whose = patient_of(record)
    place = Place(table, kind_of(cls).value, record.id, record.version, whose, scope)
    writing.seal(place, record, found)
    return json_text(found)


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


def members_of(row: RecordRow, scope: str = "") -> tuple[Place, Members]:
    """What the document of a row says, and where it stands; `StorageError` for a later format."""
    if row.format > FORMAT:
        raise StorageError("reading a record", f"document format {row.format}")
    members = parsed(row.kind, row.id, row.document)
    patient = patient_in(row.kind, row.id, members)
    table = "receipt" if scope else "record"
    return Place(table, row.kind, row.id, row.version, patient, scope), members


def from_row(row: RecordRow, members: Members) -> Noun:
    """The record of a row, and of what its document says."""
    cls = NOUNS[Kind(row.kind)]
    shapes = _SHAPES[cls]
    fields: dict[str, Any] = {
        name: value_of(shapes.get(name), value) for name, value in members.items()
    }
    fields["code" if cls is AppointmentType else "id"] = row.id
    if row.resource_kind is not None and row.resource_id is not None:
        fields["resource"] = read_resource([row.resource_kind, row.resource_id])
    return cls(
        **fields,
        version=row.version,
        active=bool(row.active),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def filters_of(record: Noun) -> list[tuple[str, str]]:
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
