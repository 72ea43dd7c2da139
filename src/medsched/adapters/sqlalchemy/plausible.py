"""Rows that somebody else may have written: what they say, or that they make no sense."""

from __future__ import annotations

from typing import Final

from medsched.adapters.sqlalchemy.booking_rows import (
    BookingRow,
    ClaimRow,
    claim_of,
    claim_rows,
    without_phi,
)
from medsched.domain.appointments import Appointment
from medsched.domain.claims import LONGEST_CLAIM, Claim
from medsched.domain.comparison import Due
from medsched.domain.ledger import LedgerKey
from medsched.domain.records import Resource
from medsched.domain.stored import CLAIMS, kind_of
from medsched.timeline.instants import DAY, LAST_MINUTE

_SENSELESS: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What comes of reading what this library did not write."""
_LAST: Final = LAST_MINUTE + LONGEST_CLAIM


def due_of(row: BookingRow) -> Due | None:
    """A booking and its claims; None for one that makes no sense.

    `StorageError` for a document of a later release.
    """
    try:
        booking = without_phi(row)
        status = booking.status.value if isinstance(booking, Appointment) else ""
        if not all(map(_is_possible, booking.claims)):
            return None
    except _SENSELESS:
        return None
    kind = CLAIMS[kind_of(type(booking))]
    return Due(kind, booking.id, status, booking.claims, booking.may_overlap)


def claim_in(row: ClaimRow) -> Claim | None:
    """The claim of a row; None for one that makes no sense."""
    try:
        claim = claim_of(row)
        return claim if _is_possible(claim) else None
    except _SENSELESS:
        return None


def is_filed(row: ClaimRow, claim: Claim) -> bool:
    """Whether the row of a claim has the key that the claim is looked for under."""
    return claim_rows([claim])[0] == row


def ledger_key(kind: str, id: str, day: int) -> LedgerKey | None:
    """The key of a row of the ledger; None for one that makes no sense."""
    try:
        return LedgerKey(Resource(kind, id), day) if 0 <= day <= _LAST // DAY else None
    except _SENSELESS:
        return None


def _is_possible(claim: Claim) -> bool:
    return (
        isinstance(claim.low, int)
        and isinstance(claim.high, int)
        and 0 <= claim.low < claim.high <= min(_LAST, claim.low + LONGEST_CLAIM)
    )
