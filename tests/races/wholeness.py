"""What must hold of a practice whatever happened to it, and however many did it at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from typing import Final

from medsched import Device, Location, Patient, Practice, Provider, Room
from medsched.domain.agendas import Agenda
from medsched.domain.appointments import Appointment
from medsched.domain.blockings import Blocking
from medsched.domain.claims import Claim, ClaimKind
from medsched.domain.events import Change, Event, NumberedEvent
from medsched.domain.holds import Hold
from medsched.domain.ledger import LedgerKey
from medsched.domain.records import Resource
from medsched.domain.sessions import GroupSession
from medsched.domain.stored import BookingRecord, Kind
from medsched.ports.store import Store
from medsched.timeline.instants import DAY

ALL = 1_000_000
"""More than there is."""
_HAVE_TIME: Final[Sequence[type[Provider | Patient | Location | Room | Device]]] = (
    *(Provider, Patient),
    *(Location, Room, Device),
)
AROUND = 30
"""So many days before the first booking and after the last one claims and ledger are read."""


def check_whole(store: Store, practice: str) -> list[Appointment]:
    """Nobody is taken twice, and bookings, claims and ledger agree; the appointments."""
    appointments = list(store.appointments(practice, Agenda(), after=None, limit=ALL))
    bookings: list[BookingRecord] = [*appointments]
    for cls in (Hold, GroupSession, Blocking):
        bookings += store.page(practice, cls, active=None, where={}, after=None, limit=ALL)
    resources = resources_of(store, practice, bookings)
    reached = [
        minute // DAY
        for one in bookings
        for claim in one.claims
        for minute in (claim.low, claim.high)
    ]
    first, last = min(reached, default=0) - AROUND, max(reached, default=0) + AROUND
    claims = store.claims(practice, resources, first * DAY, last * DAY)
    said = [claim for booking in bookings for claim in booking.claims]
    assert in_order(claims) == in_order(said), "the claims are not those of the bookings"
    found = store.ledger(practice, resources, first, last)
    doubled = {
        (claim.kind, claim.id) for one in bookings if one.may_overlap for claim in one.claims
    }
    assert dict(found) == minutes_of(claims, doubled), "the ledger is not what is claimed"
    return appointments


def resources_of(
    store: Store, practice: str, bookings: Iterable[BookingRecord]
) -> frozenset[Resource]:
    """Everything of which time could be taken: what is stored, and what the bookings name."""
    found = {claim.resource for booking in bookings for claim in booking.claims}
    for cls in _HAVE_TIME:
        stored = store.page(practice, cls, active=None, where={}, after=None, limit=ALL)
        found.update(one.resource for one in stored)
    return frozenset(found)


def in_order(claims: Iterable[Claim]) -> list[Claim]:
    """Claims in an order that depends on nothing else."""
    return sorted(claims, key=lambda one: (one.resource, one.low, one.kind.value, one.id))


def minutes_of(
    claims: Iterable[Claim], doubled: Collection[tuple[ClaimKind, str]] = ()
) -> dict[LedgerKey, int]:
    """The rows that claims make, minute by minute.

    No minute may be claimed twice, but by those that were let double others.
    """
    rows: dict[LedgerKey, int] = defaultdict(int)
    once: dict[LedgerKey, int] = defaultdict(int)
    for one in claims:
        for minute in range(one.low, one.high):
            key, bit = LedgerKey(one.resource, minute // DAY), 1 << minute % DAY
            rows[key] |= bit
            if (one.kind, one.id) not in doubled:
                assert not once[key] & bit, f"{one.resource} is taken twice: {one.kind} {one.id}"
                once[key] |= bit
    return dict(rows)


def followed(practice: Practice, *, limit: int = 1000) -> list[NumberedEvent]:
    """All the events of a practice as a follower sees them."""
    seen: list[NumberedEvent] = []
    while found := practice.events.after(seen[-1].number if seen else 0, limit=limit):
        seen += found
    return seen


def check_told(
    events: Iterable[NumberedEvent], appointments: Iterable[Appointment], live: Iterable[Hold] = ()
) -> None:
    """Every change was told once, in its order: of appointments by version, of holds to the end."""
    numbered = list(events)
    assert [one.number for one in numbered] == list(range(1, len(numbered) + 1))
    # That it was overridden is told beside the change that it was.
    told = _by_record(
        one.event for one in numbered if not one.event.name.endswith(Change.OVERRIDDEN)
    )
    for appointment in appointments:
        versions = [one.version for one in told.pop((Kind.APPOINTMENT, appointment.id), [])]
        assert versions == list(range(1, appointment.version + 1)), (
            "events are missing, or in the wrong order"
        )
    waiting = {hold.id for hold in live}
    for (kind, id), some in told.items():
        assert kind is not Kind.APPOINTMENT, "an appointment that is not there was told"
        if kind is Kind.HOLD:
            ends = {"hold.confirmed", "hold.released", "hold.expired"}
            first, *rest = [one.name for one in some]
            assert first == "hold.held"
            assert (len(rest), set(rest) <= ends) == (0 if id in waiting else 1, True)


def _by_record(events: Iterable[Event]) -> dict[tuple[Kind, str], list[Event]]:
    ordered = sorted(events, key=lambda one: (one.kind, one.id))  # stable: each in its own order
    return {key: list(some) for key, some in groupby(ordered, key=lambda one: (one.kind, one.id))}
