"""Appointments: who sees whom, when and where, and how far it has come."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import attrs

from medsched.domain.fields import (
    LONGEST_NOTE,
    Choice,
    a_zone,
    an_id,
    maybe_id,
    phi,
    text,
)
from medsched.domain.records import Identified, Resource, ResourceKind


class AppointmentStatus(Choice):
    """How far an appointment has come (FHIR appointmentstatus)."""

    PROPOSED = "proposed"
    PENDING = "pending"
    BOOKED = "booked"
    ARRIVED = "arrived"
    CHECKED_IN = "checked-in"
    FULFILLED = "fulfilled"
    NOSHOW = "noshow"
    CANCELLED = "cancelled"
    WAITLIST = "waitlist"
    ENTERED_IN_ERROR = "entered-in-error"


CLAIMING: Final = frozenset(
    {
        AppointmentStatus.PENDING,
        AppointmentStatus.BOOKED,
        AppointmentStatus.ARRIVED,
        AppointmentStatus.CHECKED_IN,
        AppointmentStatus.FULFILLED,
        AppointmentStatus.NOSHOW,
    }
)
"""The statuses in which an appointment takes the time of its resources."""


class Participation(Choice):
    """What a participant says of an appointment (FHIR participationstatus)."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    TENTATIVE = "tentative"
    NEEDS_ACTION = "needs-action"


@attrs.frozen
class Participant:
    """One who takes part in an appointment, and what they say of it."""

    resource: Resource
    participation: Participation = attrs.field(
        default=Participation.ACCEPTED, converter=Participation
    )


@attrs.frozen(kw_only=True)
class WallTime:
    """A start as it was agreed on: what the wall showed, in which zone.

    ``second_showing`` tells a repeated time's second from its first. ``tzdata`` is the
    release of the IANA database that the instants were worked out with, so that a later
    release that disagrees is noticed and the appointment repaired.
    """

    start: datetime
    timezone: str = attrs.field(validator=a_zone)
    second_showing: bool = False
    tzdata: str = attrs.field(default="", validator=text(20))


@attrs.frozen(kw_only=True)
class Move:
    """Where an appointment was before it was moved, when that was done and by whom."""

    start: datetime
    end: datetime
    provider: str = attrs.field(validator=an_id)
    moved_at: datetime
    moved_by: str = attrs.field(validator=an_id)


def _resources(value: Iterable[Resource]) -> frozenset[Resource]:
    return frozenset(value)


def _participants(value: Iterable[Participant]) -> tuple[Participant, ...]:
    return tuple(value)


@attrs.frozen(kw_only=True)
class Appointment(Identified):
    """An appointment (FHIR Appointment). ``start`` and ``end`` are aware UTC instants.

    ``reference`` is what people read out: unique within the practice. ``resources`` are the
    rooms and devices it takes besides provider and patient. ``wall`` is the start as agreed
    on. ``moves`` are its earlier times, the oldest first. ``opened_by`` is the id of the
    rule or override whose hours it was booked in.
    """

    reference: str = attrs.field(validator=an_id)
    status: AppointmentStatus = attrs.field(
        default=AppointmentStatus.BOOKED, converter=AppointmentStatus
    )
    provider: str = attrs.field(validator=an_id)
    patient: str = attrs.field(validator=an_id)
    type: str = attrs.field(validator=an_id)
    location: str | None = attrs.field(default=None, validator=maybe_id)
    resources: frozenset[Resource] = attrs.field(factory=frozenset, converter=_resources)
    start: datetime
    end: datetime
    wall: WallTime
    reason: str = phi(default="", validator=text(LONGEST_NOTE))
    notes: str = phi(default="", validator=text(LONGEST_NOTE))
    cancellation: str = phi(default="", validator=text(LONGEST_NOTE))
    participants: tuple[Participant, ...] = attrs.field(default=(), converter=_participants)
    moves: tuple[Move, ...] = ()
    opened_by: str = attrs.field(default="", validator=text())
    created_by: str = attrs.field(default="", validator=text())
    updated_by: str = attrs.field(default="", validator=text())

    @property
    def duration(self) -> timedelta:
        """The elapsed time from start to end."""
        return self.end - self.start

    @property
    def claims_time(self) -> bool:
        """Whether it takes the time of its resources."""
        return self.status in CLAIMING

    def is_upcoming(self, now: datetime) -> bool:
        """Whether it is still to come: booked or pending, and not begun at ``now`` (aware)."""
        waiting = (AppointmentStatus.PENDING, AppointmentStatus.BOOKED)
        return self.status in waiting and self.start > now

    def everybody(self) -> frozenset[Resource]:
        """Provider, patient, rooms and devices."""
        return self.resources | {
            Resource(ResourceKind.PROVIDER, self.provider),
            Resource(ResourceKind.PATIENT, self.patient),
        }
