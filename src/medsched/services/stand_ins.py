"""What a store is asked about where nothing was found, so that it is asked the same either way."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final

import attrs

from medsched.domain.people import Patient
from medsched.domain.starts import ANYWHERE
from medsched.domain.stored import Kind, Ref, Stored
from medsched.domain.waitlist import WaitlistEntry

_DAY: Final = date(2000, 1, 1)
_INSTANT: Final = datetime(2000, 1, 1, tzinfo=UTC)


def stand_in(record: Stored | None, ref: Ref) -> Patient | WaitlistEntry | None:
    """What the store is asked about in place of a record, be it there or not; None: nothing.

    Of an entry it is told whether its patient is reached, of whom it alone is asked.
    """
    match ref.kind:
        case Kind.PATIENT:
            return record if isinstance(record, Patient) else Patient(id=ref.id)
        case Kind.WAITLIST_ENTRY if isinstance(record, WaitlistEntry):
            return attrs.evolve(record, providers=(), location=ANYWHERE)
        case Kind.WAITLIST_ENTRY:
            return WaitlistEntry(
                id=ref.id,
                patient=ref.id,
                type=ref.id,
                earliest=_DAY,
                latest=_DAY,
                entered_at=_INSTANT,
            )
        case _:
            return None
