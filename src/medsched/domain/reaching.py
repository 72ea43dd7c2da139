"""Whether a reach reaches a record."""

from __future__ import annotations

from collections.abc import Callable

from medsched.domain.access import Reach
from medsched.domain.appointments import Appointment, AppointmentStatus
from medsched.domain.holds import Hold
from medsched.domain.people import Patient
from medsched.domain.series import Series
from medsched.domain.starts import Anywhere
from medsched.domain.stored import Stored
from medsched.domain.waitlist import WaitlistEntry, WaitlistOffer


def reaches(reach: Reach, record: Stored, reaches_patient: Callable[[str], bool]) -> bool:
    """Whether a reach reaches a record: see `Reach`, which says how.

    ``reaches_patient`` is asked for the few records that only their patient can tell of. A patient
    is judged by what the given record says they are registered with; it is asked for their visits.
    """
    if reach.everything:
        return True
    match record:
        case Patient():
            return (
                record.id in reach.patients
                or reaches_registered(reach, record)
                or reaches_patient(record.id)
            )
        case Appointment() | Hold() | WaitlistOffer():
            return record.patient in reach.patients or reach.is_visited(
                record.provider, record.location
            )
        case Series():
            if record.patient in reach.patients or record.provider in reach.providers:
                return True
            return not isinstance(record.location, Anywhere) and reach.is_at(record.location)
        case WaitlistEntry():
            if record.patient in reach.patients or record.providers & reach.providers:
                return True
            if not isinstance(record.location, Anywhere):
                return reach.is_at(record.location)
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
