"""What commands about bookings are given: which slot, for whom, with which details."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TypeAlias, TypedDict

import attrs

from medsched.domain.blockings import Blocking
from medsched.domain.claims import ClaimKind
from medsched.domain.fields import check_id
from medsched.domain.records import Resource
from medsched.domain.slots import Slot
from medsched.domain.starts import Anywhere, Start
from medsched.domain.stored import CLAIMS, BookingRecord, kind_of
from medsched.errors import InvalidText
from medsched.services.gates import Gate

SlotLike: TypeAlias = Slot | str | Start
"""A slot, its id, or a start named by hand."""


class Details(TypedDict, total=False):
    """What may be said of a new appointment besides its slot and its patient."""

    id: str
    """The host's own id; one is made unless given."""
    reference: str
    """What people call it, unique within the practice; one is made unless given."""
    reason: str
    """Why the patient comes: up to 500 characters."""
    notes: str
    """Up to 500 characters. A patient says them of their own visit, and changes them no more."""
    resources: Collection[Resource]
    """Rooms and devices that it shall have; any free ones of those that will do, unless given."""
    override: str
    """Why staff book it whatever speaks against it, up to 500 characters; not unless given."""
    in_place_of: Blocking | str
    """The blocking, or its id, that keeps the time: it is given up for the appointment."""
    referral: str
    """The referral it is booked on, by the host's name: up to 255 characters."""
    prepayment: str
    """The payment in advance it is booked on, by the host's name: up to 255 characters."""
    idempotency_key: str | None
    """1 to 255 characters: a repeated command under it changes nothing a second time."""


@attrs.frozen
class Wanted:
    """A slot that is asked for, whichever way it was named. ``start`` in minutes of the epoch.

    ``block``: the time block that it must be, if it must be one.
    """

    provider: str
    type: str
    start: int
    location: str | Anywhere | None
    block: str | None = None

    @property
    def places(self) -> Collection[str | None] | None:
        """The locations that will do; None for any."""
        return None if isinstance(self.location, Anywhere) else (self.location,)

    def plain(self) -> list[object]:
        """What is asked for, as the digest of a request reads it."""
        place = "anywhere" if isinstance(self.location, Anywhere) else [self.location]
        block = [] if self.block is None else [self.block]
        return [self.provider, self.type, self.start, place, *block]


@attrs.frozen
class Wish:
    """A slot for a patient, who may be open, with rooms and devices that are asked for by name.

    What the bookings ``but`` take counts as free: their own time is no conflict. ``override``:
    staff book it whatever speaks against it. ``referred`` and ``prepaid``: there is a referral,
    and a payment in advance.
    """

    slot: Wanted
    patient: str | None = attrs.field(default=None, kw_only=True)
    named: frozenset[Resource] = attrs.field(default=frozenset(), kw_only=True)
    but: Sequence[BookingRecord] = attrs.field(default=(), kw_only=True)
    override: bool = attrs.field(default=False, kw_only=True)
    referred: bool = attrs.field(default=False, kw_only=True)
    prepaid: bool = attrs.field(default=False, kw_only=True)


def check_override(reason: str | None) -> bool:
    """Whether staff override what speaks against a booking; `InvalidText` for no reason given."""
    if reason is None:
        return False
    if not isinstance(reason, str) or not reason.strip():
        size = len(reason) if isinstance(reason, str) else type(reason).__name__
        raise InvalidText("override", size, "an override needs a reason")
    return True


def check_stated(gate: Gate, details: Details) -> None:
    """Let the principal say what they say of a new appointment; `NotAllowed`."""
    gate.choose(details.get("id"), details.get("reference"))
    gate.notes(details.get("notes"))
    gate.detail(details.get("referral"), details.get("prepayment"))


def id_of(named: BookingRecord | str) -> str:
    """The id of a booking, or the id itself; `InvalidId` for what is neither."""
    if isinstance(named, BookingRecord):
        return named.id
    return named if isinstance(named, str) else check_id(named)


def made_by(bookings: Iterable[BookingRecord]) -> frozenset[tuple[ClaimKind, str]]:
    """The claims that are some bookings' own, by their kind and id."""
    return frozenset((CLAIMS[kind_of(type(one))], one.id) for one in bookings)
