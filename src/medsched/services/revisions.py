"""The next version of an appointment: changed, or moved to another time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import attrs

from medsched.domain.appointments import (
    Appointment,
    AppointmentStatus,
    Move,
    participants_in,
)
from medsched.services.context import Context

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
