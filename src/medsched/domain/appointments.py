"""Appointments: who sees whom, when and where, and how far it has come."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import attrs

from medsched.domain.bookings import Booking, instant
from medsched.domain.claims import MOST_SEATS, Claim, ClaimKind
from medsched.domain.fields import (
    LONGEST_NOTE,
    Choice,
    an_id,
    check_id,
    maybe_id,
    phi,
    text,
    whole,
)
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.requests import Reason


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
UPCOMING: Final = frozenset({AppointmentStatus.PENDING, AppointmentStatus.BOOKED})
"""The statuses in which an appointment is still to come, as long as it has not begun."""


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


def participants_in(
    status: AppointmentStatus, provider: str, patient: str
) -> tuple[Participant, ...]:
    """Provider and patient, with what each is taken to say of an appointment in a status."""
    asked = {
        AppointmentStatus.PENDING: ResourceKind.PROVIDER,
        AppointmentStatus.PROPOSED: ResourceKind.PATIENT,
    }.get(status)
    return tuple(
        Participant(
            Resource(kind, id),
            Participation.NEEDS_ACTION if kind is asked else Participation.ACCEPTED,
        )
        for kind, id in ((ResourceKind.PROVIDER, provider), (ResourceKind.PATIENT, patient))
    )


@attrs.frozen(kw_only=True)
class Move:
    """Where an appointment was before it was moved, when that was done and by whom."""

    start: datetime = attrs.field(converter=instant)
    end: datetime = attrs.field(converter=instant)
    provider: str = attrs.field(validator=an_id)
    moved_at: datetime = attrs.field(converter=instant)
    moved_by: str = attrs.field(validator=an_id)


def _participants(value: Iterable[Participant]) -> tuple[Participant, ...]:
    return tuple(value)


def _reasons(value: Iterable[Reason | str]) -> frozenset[Reason]:
    return frozenset(map(Reason, value))


def _moves(value: Iterable[Move]) -> tuple[Move, ...]:
    return tuple(value)


def _reference(instance: object, attribute: object, value: object) -> None:
    if value != "":
        check_id(value, "reference")


@attrs.frozen(kw_only=True)
class Appointment(Booking):
    """An appointment (FHIR Appointment): a booking with a patient, a status and a history.

    ``reference`` is what people read out: unique within the practice, empty until one is
    given. ``participants`` are all who take part, with what they say of it. ``cancellation`` is
    the reason it was cancelled for, ``moves`` its earlier times, the oldest first.

    ``session`` is the group session that it has one of ``seats`` seats in: as many as there were
    when it was booked. ``overridden`` are the reasons that spoke against it when staff booked it
    all the same, and ``override`` why they did. ``follows`` is the visit that it follows up, or
    the one before it in a chain, ``series`` the series that it is an occurrence of, ``block`` the
    time block that it fills. ``referral`` and ``prepayment`` are what it was booked on, by the
    host's names.
    """

    patient: str = attrs.field(validator=an_id)
    reference: str = attrs.field(default="", validator=_reference)
    status: AppointmentStatus = attrs.field(
        default=AppointmentStatus.BOOKED, converter=AppointmentStatus
    )
    reason: str = phi(default="", validator=text(LONGEST_NOTE))
    notes: str = phi(default="", validator=text(LONGEST_NOTE))
    cancellation: str = phi(default="", validator=text(LONGEST_NOTE))
    participants: tuple[Participant, ...] = attrs.field(default=(), converter=_participants)
    moves: tuple[Move, ...] = attrs.field(default=(), converter=_moves)
    session: str | None = attrs.field(default=None, validator=maybe_id)
    seats: int = attrs.field(default=1, validator=whole(1, MOST_SEATS))
    override: str = phi(default="", validator=text(LONGEST_NOTE))
    overridden: frozenset[Reason] = attrs.field(factory=frozenset, converter=_reasons)
    follows: str | None = attrs.field(default=None, validator=maybe_id)
    series: str | None = attrs.field(default=None, validator=maybe_id)
    block: str | None = attrs.field(default=None, validator=maybe_id)
    referral: str = phi(default="", validator=text())
    prepayment: str = phi(default="", validator=text())

    @property
    def claims_time(self) -> bool:
        """Whether it takes the time of its resources."""
        return self.status in CLAIMING

    @property
    def may_overlap(self) -> bool:
        """Whether staff let it take time that is taken."""
        return bool(self.overridden)

    @property
    def claims(self) -> tuple[Claim, ...]:
        """What it takes now: nothing in a status that takes no time."""
        return self.claims_of(ClaimKind.APPOINTMENT) if self.claims_time else ()

    def is_upcoming(self, now: datetime) -> bool:
        """Whether it is still to come: booked or pending, and not begun at ``now`` (aware)."""
        return self.status in UPCOMING and self.start > instant(now)

    def everybody(self) -> frozenset[Resource]:
        """Provider, patient, rooms and devices."""
        return self.resources | {
            Resource(ResourceKind.PROVIDER, self.provider),
            Resource(ResourceKind.PATIENT, self.patient),
        }
