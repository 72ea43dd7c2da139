"""Whether a reach reaches a record."""

from __future__ import annotations

from collections.abc import Callable

from medsched.domain.access import Reach
from medsched.domain.appointments import Appointment, AppointmentStatus
from medsched.domain.holds import Hold
from medsched.domain.people import Patient
from medsched.domain.series import Series
from medsched.domain.starts import ANYWHERE, Anywhere
from medsched.domain.stored import Stored
from medsched.domain.waitlist import WaitlistEntry, WaitlistOffer


def reaches(reach: Reach, record: Stored, reaches_patient: Callable[[str], bool]) -> bool:
    """Whether a reach reaches a record: see `Reach`, which says how.

    ``reaches_patient`` is asked for the few records that only their patient can tell of.
    """
    if reach.everything:
        return True
    match record:
        case Patient():
            return record.id in reach.patients or reaches_patient(record.id)
        case Appointment() | Hold() | WaitlistOffer():
            return record.patient in reach.patients or reach.is_visited(
                record.provider, record.location
            )
        case Series():
            return record.patient in reach.patients or _may_be_at(
                reach, record.provider, record.location
            )
        case WaitlistEntry():
            if record.patient in reach.patients or record.providers & reach.providers:
                return True
            if record.location is not ANYWHERE:
                return _may_be_at(reach, "", record.location)
            return not record.providers and reaches_patient(record.patient)
        case _:
            return True


def reaches_registered(reach: Reach, patient: Patient) -> bool:
    """Whether a patient is reached by what they are registered with."""
    return bool(patient.providers & reach.providers or patient.locations & reach.locations)


def reaches_visit(reach: Reach, visit: Appointment) -> bool:
    """Whether an appointment makes its patient reached."""
    real = visit.status is not AppointmentStatus.ENTERED_IN_ERROR
    return real and reach.is_visited(visit.provider, visit.location)


def _may_be_at(reach: Reach, provider: str, place: str | Anywhere | None) -> bool:
    if isinstance(place, Anywhere):
        return provider in reach.providers
    return reach.is_visited(provider, place)
