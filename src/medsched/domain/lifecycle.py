"""The whole life of an appointment: which status may follow which, in one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from medsched.domain.appointments import AppointmentStatus as Status
from medsched.errors import InvalidTransition

TRANSITIONS: Final[Mapping[Status, frozenset[Status]]] = {
    Status.PROPOSED: frozenset(
        {Status.PENDING, Status.BOOKED, Status.WAITLIST, Status.CANCELLED, Status.ENTERED_IN_ERROR}
    ),
    Status.WAITLIST: frozenset(
        {Status.PROPOSED, Status.PENDING, Status.BOOKED, Status.CANCELLED, Status.ENTERED_IN_ERROR}
    ),
    Status.PENDING: frozenset({Status.BOOKED, Status.CANCELLED, Status.ENTERED_IN_ERROR}),
    Status.BOOKED: frozenset(
        {
            Status.ARRIVED,
            Status.CHECKED_IN,
            Status.FULFILLED,
            Status.NOSHOW,
            Status.CANCELLED,
            Status.ENTERED_IN_ERROR,
        }
    ),
    Status.ARRIVED: frozenset(
        {
            Status.CHECKED_IN,
            Status.FULFILLED,
            Status.NOSHOW,
            Status.CANCELLED,
            Status.ENTERED_IN_ERROR,
        }
    ),
    Status.CHECKED_IN: frozenset({Status.FULFILLED, Status.CANCELLED, Status.ENTERED_IN_ERROR}),
    Status.NOSHOW: frozenset({Status.ARRIVED, Status.FULFILLED, Status.ENTERED_IN_ERROR}),
    Status.FULFILLED: frozenset({Status.ENTERED_IN_ERROR}),
    Status.CANCELLED: frozenset({Status.ENTERED_IN_ERROR}),
    Status.ENTERED_IN_ERROR: frozenset(),
}
"""What may follow each status. A late patient turns a no-show into an arrival; nothing brings
back what was cancelled or entered in error."""


def step(current: Status, wanted: Status) -> Status:
    """The wanted status, if it may follow the current one; `InvalidTransition` names both."""
    if wanted not in TRANSITIONS[current]:
        raise InvalidTransition(current.value, wanted.value)
    return wanted
