"""Booking a visit and billing it: both, or neither."""

from __future__ import annotations

from sqlalchemy.orm import Session

from billing.models import Invoice
from medsched import Appointment, Practice, Scheduler, Slot
from medsched.adapters.sqlalchemy import SqlAlchemyStore


def clinic(session: Session) -> Practice:
    """The clinic, in the transaction that is under way in the session."""
    return Scheduler(SqlAlchemyStore.join(session.connection())).practice("riverside")


def book(session: Session, slot: Slot | str, *, patient: str, cents: int) -> Appointment:
    """Book a slot and write the invoice. Whoever has the session commits, or rolls both back.

    Raises `BookingRefused` where the slot is taken; the session can be used on.
    """
    appointment = clinic(session).appointments.book(slot, patient=patient)
    session.add(Invoice(appointment=appointment.id, cents=cents))
    session.flush()
    return appointment
