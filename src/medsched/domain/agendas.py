"""Which appointments a list asks for, and in which order."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import attrs

from medsched.domain.appointments import Appointment, AppointmentStatus
from medsched.domain.fields import Choice, phi
from medsched.domain.records import Resource


class AppointmentOrder(Choice):
    """What a list of appointments is ordered by; appointments of one instant by id."""

    START = "start"
    CREATED = "created"


@attrs.frozen(kw_only=True)
class NamedAppointment:
    """An appointment with the names of those whom it is of, empty where they are not to be seen."""

    appointment: Appointment
    patient_name: str = phi(default="")
    provider_name: str = ""
    location_name: str = ""


@attrs.frozen(kw_only=True)
class Named:
    """Appointments with this id, one of these references, or of one of these people."""

    id: str = ""
    references: frozenset[str] = frozenset()
    patients: frozenset[str] = frozenset()
    providers: frozenset[str] = frozenset()

    def matches(self, appointment: Appointment) -> bool:
        """Whether an appointment is one of these."""
        return (
            appointment.id == self.id
            or (appointment.reference != "" and appointment.reference in self.references)
            or appointment.patient in self.patients
            or appointment.provider in self.providers
        )


class Place(NamedTuple):
    """Where in an ordered list an appointment stands."""

    at: datetime
    id: str


@attrs.frozen(kw_only=True)
class Agenda:
    """What a list of appointments asks for; None asks for all.

    Starts lie in [``since``, ``before``), aware instants. ``resource`` is a room or device that
    they have.
    """

    provider: str | None = None
    patient: str | None = None
    location: str | None = None
    type: str | None = None
    resource: Resource | None = None
    statuses: frozenset[AppointmentStatus] | None = None
    since: datetime | None = None
    before: datetime | None = None
    named: Named | None = None
    order: AppointmentOrder = AppointmentOrder.START
    descending: bool = False

    def matches(self, appointment: Appointment) -> bool:
        """Whether an appointment is one of those asked for."""
        return (
            self.provider in (None, appointment.provider)
            and self.patient in (None, appointment.patient)
            and self.location in (None, appointment.location)
            and self.type in (None, appointment.type)
            and (self.resource is None or self.resource in appointment.resources)
            and (self.statuses is None or appointment.status in self.statuses)
            and (self.since is None or self.since <= appointment.start)
            and (self.before is None or appointment.start < self.before)
            and (self.named is None or self.named.matches(appointment))
        )

    def place(self, appointment: Appointment) -> Place:
        """Where an appointment stands in this list; it is stored, and so was created once."""
        if self.order is AppointmentOrder.START:
            return Place(appointment.start, appointment.id)
        assert appointment.created_at is not None
        return Place(appointment.created_at, appointment.id)
