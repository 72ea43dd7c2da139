"""Results of commands: one record as one text, for the receipt of the request that made it."""

from __future__ import annotations

import json
from datetime import datetime

from medsched.adapters.sqlalchemy.booking_rows import BookingRow, booking_row
from medsched.adapters.sqlalchemy.booking_rows import members_of as booking_members
from medsched.adapters.sqlalchemy.documents import AS_IT_IS, Members, Place, Writing
from medsched.adapters.sqlalchemy.rows import RecordRow, record_row
from medsched.adapters.sqlalchemy.rows import members_of as record_members
from medsched.adapters.sqlalchemy.shapes import INSTANT, Shape, json_text, plain, value_of
from medsched.domain.stored import BOOKINGS, BookingRecord, Kind, Stored


def packed(record: Stored, writing: Writing, scope: str, row: BookingRow | None = None) -> str:
    """A record as one text.

    ``row``: a booking's own, which says the same where all is in plain text.
    """
    if row is not None and writing is AS_IT_IS:
        return packed_row(row)
    if isinstance(record, BookingRecord):
        return packed_row(booking_row(record, writing, scope))
    return packed_row(record_row(record, writing, scope))


def packed_row(row: RecordRow | BookingRow) -> str:
    """A row as one text."""
    return json_text([plain(_shape(value), value) for value in row])


def unpacked(text: str) -> RecordRow | BookingRow:
    """The row that was packed; its kind comes first in either."""
    values = json.loads(text)
    cls = BookingRow if Kind(values[0]) in BOOKINGS else RecordRow
    return cls(
        *(
            value_of(INSTANT if name.endswith("_at") else None, value)
            for name, value in zip(cls._fields, values, strict=True)
        )
    )


def placed(row: RecordRow | BookingRow, scope: str = "") -> tuple[Place, Members]:
    """Where a document stands, of a receipt where that has a ``scope``, and what it says."""
    if isinstance(row, BookingRow):
        return booking_members(row, scope)
    return record_members(row, scope)


def _shape(value: object) -> Shape | None:
    return INSTANT if isinstance(value, datetime) else None
