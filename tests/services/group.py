"""A practice with group sessions, for the tests of all that a clinic books."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from medsched import (
    AppointmentType,
    AvailabilityRule,
    Location,
    Need,
    Patient,
    Practice,
    Provider,
    Recurrence,
    Room,
    Start,
)

MINUTE = timedelta(minutes=1)
NEW_YORK = "America/New_York"
SEATS = 3


def nine(minutes: int = 0) -> datetime:
    """So many minutes after nine o'clock on Wednesday, 7 January 2026, in New York."""
    return datetime(2026, 1, 7, 14, tzinfo=UTC) + minutes * MINUTE


def start(minutes: int = 0, type: str = "class", provider: str = "smith", **place: Any) -> Start:
    """A start so many minutes after that nine o'clock."""
    return Start(provider, type, nine(minutes), **place)


def fill(clinic: Practice, *, seats: int = SEATS, patients: int = 20) -> None:
    """Smith holds classes in a room, sees single visits besides, and so does Jones."""
    length = timedelta(minutes=60)
    clinic.add_all(
        [
            Location(id="main", timezone=NEW_YORK, exclusive=False),
            Room(id="gym", location="main"),
            *(
                Provider(id=id, name=id.title(), timezone=NEW_YORK, location="main")
                for id in ("smith", "jones")
            ),
            AppointmentType(
                code="class",
                duration=length,
                buffer_after=10 * MINUTE,
                capacity=seats,
                needs=[Need.room("gym")],
            ),
            AppointmentType(code="visit", duration=timedelta(minutes=30)),
            *(Patient(id=f"p{number}") for number in range(patients)),
        ]
    )
    weekdays = Recurrence.weekly("MO-FR", start=date(2026, 1, 5))
    for id in ("smith", "jones"):
        clinic.availability.add(
            AvailabilityRule(id, weekdays, hours="09:00-17:00", step=30 * MINUTE)
        )
