"""Run every migration on a new SQLite file, book a visit, and fail to book another one."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alembic import command
from alembic.config import Config
from billing.models import Invoice
from billing.visits import book, clinic
from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session

from medsched import AvailabilityRule, BookingRefused, Recurrence


def main(url: str) -> None:
    """Show it on an empty database."""
    config = Config(Path(__file__).with_name("alembic.ini"))
    config.set_main_option("sqlalchemy.url", url)
    command.upgrade(config, "head")

    engine = create_engine(url)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    with Session(engine) as session, session.begin():
        practice = clinic(session)
        practice.providers.create(id="smith", name="Dr. Smith", timezone="America/New_York")
        practice.appointment_types.create(code="visit", duration=timedelta(minutes=30))
        daily = Recurrence.daily(tomorrow.date())
        practice.availability.add(AvailabilityRule("smith", daily, hours="09:00-17:00"))
        practice.patients.create(id="ada")
        practice.patients.create(id="bob")
        end = tomorrow + timedelta(days=2)
        slot = practice.availability.slots("smith", "visit", tomorrow, end)[0]

    for patient in ("ada", "bob"):
        try:
            with Session(engine) as session, session.begin():
                session.add(Invoice(appointment=f"deposit-{patient}", cents=1000))
                book(session, slot, patient=patient, cents=9000)
            print(patient, "is booked, and billed")
        except BookingRefused as refused:
            print(f"{patient} is not: {len(refused.alternatives)} other slots are offered")

    with Session(engine) as session:
        booked = len(clinic(session).appointments.list())
        print(f"{booked} appointment, {session.scalar(select(func.count(Invoice.id)))} invoices")
    engine.dispose()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(f"sqlite:///{Path(folder) / 'clinic.db'}")
