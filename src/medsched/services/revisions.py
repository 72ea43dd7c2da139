"""The next version of an appointment: changed, moved to another time, or called off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import attrs

from medsched.domain.appointments import (
    Appointment,
    AppointmentStatus,
    Move,
    Participant,
    Participation,
    participants_in,
)
from medsched.domain.events import Change, Event
from medsched.domain.lifecycle import step
from medsched.domain.records import Resource, ResourceKind
from medsched.services.context import Context
from medsched.services.effects import Effects
from medsched.services.seats import Seats

MOVABLE: Final = frozenset(
    {
        AppointmentStatus.PROPOSED,
        AppointmentStatus.WAITLIST,
        AppointmentStatus.PENDING,
        AppointmentStatus.BOOKED,
    }
)
"""The statuses in which an appointment may be moved to another time."""
NO_SEAT: Final[Mapping[str, Any]] = {"session": None, "seats": 1}
"""What an appointment says that has a seat in no group session."""


def revised(
    context: Context, old: Appointment, now: datetime, changes: Mapping[str, Any]
) -> Appointment:
    """The appointment with some changes, at its next version."""
    return attrs.evolve(
        old,
        **changes,
        version=old.version + 1,
        updated_at=now,
        updated_by=context.principal.id,
    )


def moved(
    context: Context, old: Appointment, provider: str, now: datetime, taking: Mapping[str, Any]
) -> Appointment:
    """The appointment with a provider, at the time that it takes now; where it was is kept."""
    move = Move(
        start=old.start,
        end=old.end,
        provider=old.provider,
        moved_at=now,
        moved_by=context.principal.id,
    )
    changes: dict[str, Any] = {
        "override": "",
        "overridden": frozenset(),
        **taking,
        "provider": provider,
        "moves": (*old.moves, move),
        "participants": participants_in(old.status, provider, old.patient),
        **NO_SEAT,
    }
    return revised(context, old, now, changes)


def cancelled(
    context: Context, appointments: Sequence[Appointment], reason: str, now: datetime
) -> Effects:
    """What it changes that some appointments, which take their time, are cancelled at once."""
    new = []
    for old in appointments:
        status = step(old.status, AppointmentStatus.CANCELLED)
        changes = {"status": status, "cancellation": reason or old.cancellation, **NO_SEAT}
        new.append(revised(context, old, now, changes))
    gone = Effects(
        writes=new,
        releases=[claim for one in appointments for claim in one.claims],
        events=[Event.of(Change.CANCELLED, one) for one in new],
    )
    return Seats(context).leave(appointments) + gone


def offered_a_move(context: Context, appointments: Sequence[Appointment], now: datetime) -> Effects:
    """What it changes that the patients of some appointments are asked to move: they stand."""
    asked = [revised(context, one, now, {"participants": _asking(one)}) for one in appointments]
    return Effects(writes=asked, events=[Event.of(Change.MOVE_OFFERED, one) for one in asked])


def _asking(appointment: Appointment) -> tuple[Participant, ...]:
    patient = Resource(ResourceKind.PATIENT, appointment.patient)
    return tuple(
        Participant(patient, Participation.NEEDS_ACTION) if one.resource == patient else one
        for one in appointment.participants
    )
