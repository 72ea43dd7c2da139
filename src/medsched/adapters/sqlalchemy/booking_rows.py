"""Bookings to rows and back: what is asked of them in columns, the rest in a document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import attrs

from medsched.adapters.sqlalchemy.documents import (
    AS_IT_IS,
    Members,
    Place,
    Writing,
    parsed,
    unopened,
)
from medsched.adapters.sqlalchemy.rows import FORMAT
from medsched.adapters.sqlalchemy.shapes import (
    MOVES,
    PARTICIPANTS,
    RESOURCES,
    SPANS,
    WALL,
    WORDS,
    Shape,
    json_text,
    plain,
    value_of,
)
from medsched.domain.appointments import Appointment
from medsched.domain.bookings import Booking
from medsched.domain.claims import LONGEST_CLAIM, Claim, ClaimKind
from medsched.domain.holds import Hold
from medsched.domain.records import Resource
from medsched.domain.sessions import GroupSession
from medsched.domain.stored import (
    BOOKINGS,
    BookingRecord,
    Kind,
    Ref,
    kind_of,
    patient_of,
    references,
)
from medsched.errors import StorageError
from medsched.timeline.instants import DAY

_SHAPES: Final[Mapping[str, Shape]] = {
    "overridden": WORDS,
    "resources": RESOURCES,
    "wall": WALL,
    "spans": SPANS,
    "participants": PARTICIPANTS,
    "moves": MOVES,
}
_COLUMNS: Final[Mapping[str, str]] = {
    "id": "id",
    "version": "version",
    "status": "status",
    "provider": "provider",
    "patient": "patient",
    "type": "type",
    "location": "location",
    "start": "start_at",
    "end": "end_at",
    "reference": "reference",
    "expires": "expires_at",
    "created_at": "created_at",
    "updated_at": "updated_at",
}
"""The fields that have a column of their own."""
_MEMBERS: Final[Mapping[type[BookingRecord], tuple[tuple[str, Shape | None], ...]]] = {
    cls: tuple(
        (field.name, _SHAPES.get(field.name))
        for field in attrs.fields(cls)
        if field.name not in _COLUMNS
    )
    for cls in BOOKINGS.values()
}
"""The fields that stand in the document, and their shapes."""


class BookingRow(NamedTuple):
    """The columns of ``medsched_booking``, in the order they are read in, but the practice."""

    kind: str
    id: str
    version: int
    status: str | None
    provider: str
    patient: str | None
    type: str
    location: str | None
    start_at: datetime
    end_at: datetime
    reference: str | None
    expires_at: datetime | None
    created_at: datetime | None
    updated_at: datetime | None
    format: int
    document: str


def booking_row(booking: BookingRecord, writing: Writing = AS_IT_IS, scope: str = "") -> BookingRow:
    """The row of a booking; ``scope``: of a receipt, in which it stands."""
    cls = type(booking)
    found = {name: plain(shape, getattr(booking, name)) for name, shape in _MEMBERS[cls]}
    place = Place(
        *("receipt" if scope else "booking", kind_of(cls).value, booking.id, booking.version),
        patient_of(booking),
        scope,
    )
    writing.seal(place, booking, found)
    status = reference = expires = None
    if isinstance(booking, Appointment):
        status, reference = booking.status.value, booking.reference or None
    elif isinstance(booking, Hold | GroupSession):
        expires = booking.expires
    visit = booking if isinstance(booking, Booking) else None
    return BookingRow(
        kind=kind_of(cls).value,
        id=booking.id,
        version=booking.version,
        status=status,
        provider="" if visit is None else visit.provider,
        patient=None if visit is None else visit.patient,
        type="" if visit is None else visit.type,
        location=None if visit is None else visit.location,
        start_at=booking.start,
        end_at=booking.end,
        reference=reference,
        expires_at=expires,
        created_at=booking.created_at,
        updated_at=booking.updated_at,
        format=FORMAT,
        document=json_text(found),
    )


def members_of(row: BookingRow, scope: str = "") -> tuple[Place, Members]:
    """What the document of a row says, and where it stands; `StorageError` for a later format."""
    if row.format > FORMAT:
        raise StorageError("reading a booking", f"document format {row.format}")
    table, members = "receipt" if scope else "booking", parsed(row.kind, row.id, row.document)
    patient = row.patient
    if row.kind == Kind.ONE_OFF_BLOCKING.value and isinstance(members.get("kept_for"), str):
        patient = members["kept_for"]
    return Place(table, row.kind, row.id, row.version, patient, scope), members


def without_phi(row: BookingRow) -> BookingRecord:
    """The booking of a row without what is sealed in it: for those who need nothing of that."""
    return booking_of(row, unopened(members_of(row)[1]))


def booking_of(row: BookingRow, members: Members) -> BookingRecord:
    """The booking of a row, and of what its document says."""
    cls = BOOKINGS[Kind(row.kind)]
    fields: dict[str, Any] = {
        name: value_of(_SHAPES.get(name), value) for name, value in members.items()
    }
    for name, column in _COLUMNS.items():
        if name in _FIELDS[cls]:
            fields[name] = getattr(row, column)
    if cls is Appointment and fields["reference"] is None:
        fields["reference"] = ""
    return cls(**fields)


_FIELDS: Final[Mapping[type[BookingRecord], frozenset[str]]] = {
    cls: frozenset(field.name for field in attrs.fields(cls)) for cls in BOOKINGS.values()
}
_IN_COLUMNS: Final = frozenset({Kind.PROVIDER, Kind.PATIENT, Kind.APPOINTMENT_TYPE, Kind.LOCATION})
"""What a visit refers to by a column of its own."""


def indexed(booking: BookingRecord) -> list[Ref]:
    """What a booking refers to by ``medsched_reference``, in order."""
    refs = references(booking)
    if isinstance(booking, Booking):
        refs = frozenset(ref for ref in refs if ref.kind not in _IN_COLUMNS)
    return sorted(refs)


# ------------------------------------------------------------------------- claims

SHORT: Final = 1
"""The days that most claims last at most."""
LONG: Final = LONGEST_CLAIM // DAY + 1
"""The days that no claim lasts."""


class ClaimRow(NamedTuple):
    """The columns of ``medsched_claim``, in the order they are read in, but the practice."""

    resource_kind: str
    resource_id: str
    days: int
    low: int
    token: str
    high: int
    kind: str
    id: str
    expires_at: datetime | None


def claim_rows(claims: Iterable[Claim]) -> list[ClaimRow]:
    """The rows of some claims."""
    return [
        ClaimRow(
            resource_kind=claim.resource.kind.value,
            resource_id=claim.resource.id,
            days=SHORT if claim.high - claim.low <= SHORT * DAY else LONG,
            low=claim.low,
            token=_token(claim.kind.value, claim.id),
            high=claim.high,
            kind=claim.kind.value,
            id=claim.id,
            expires_at=claim.expires,
        )
        for claim in claims
    ]


@lru_cache(maxsize=64)
def _token(kind: str, id: str) -> str:
    return blake2b(f"{kind} {id}".encode(), digest_size=8).hexdigest()


def claim_of(row: ClaimRow) -> Claim:
    """The claim of a row."""
    resource = Resource(row.resource_kind, row.resource_id)
    return Claim(resource, row.low, row.high, ClaimKind(row.kind), row.id, row.expires_at)
