"""A small practice, its week across a clock change, and why a time is not offered.

Run it with ``python examples/week_of_a_clinic.py``; it prints the same on every machine,
since the clock is fixed and no zone of the machine is read.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from medsched import (
    AvailabilityRule,
    Claim,
    Grid,
    MemoryStore,
    Need,
    Override,
    Recurrence,
    Scheduler,
)
from medsched.scheduler import Practice
from medsched.testing.fixed import FixedClock

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def clinic() -> Practice:
    """A doctor in New York with a lunch break, and an ultrasound room that closes early."""
    practice = Scheduler(MemoryStore(), clock=FixedClock(NOW)).practice("riverside")
    practice.locations.create(id="main", name="Main Street", timezone="America/New_York")
    practice.rooms.create(id="scan-1", name="Ultrasound 1", location="main")
    practice.providers.create(id="smith", name="Dr. Smith", location="main")
    practice.appointment_types.create(
        code="scan",
        name="Ultrasound scan",
        duration=timedelta(minutes=40),
        buffer_after=timedelta(minutes=10),
        grid=Grid.packed(),
        needs=[Need.room("scan-1", after=timedelta(minutes=5))],
        notice=timedelta(hours=24),
    )
    weekdays = Recurrence.weekdays(date(2026, 1, 5))
    room = practice.rooms.get("scan-1").resource
    practice.availability.add_all(
        [
            AvailabilityRule("smith", weekdays, hours="09:00-17:00", breaks="12:00-12:30"),
            AvailabilityRule(room, weekdays, hours="08:00-15:00"),
            Override.extra("smith", date(2026, 3, 8), hours="01:00-04:00", reason="on call"),
            Override.closed("smith", date(2026, 3, 10), hours="13:00-17:00", reason="training"),
        ]
    )
    return practice


def main() -> None:
    """List the week's scans, with one visit already booked, and explain two times."""
    practice = clinic()
    start, end = datetime(2026, 3, 6, tzinfo=UTC), datetime(2026, 3, 12, tzinfo=UTC)
    booked = Claim.of(
        "smith",
        datetime(2026, 3, 9, 14, 0, tzinfo=UTC),
        datetime(2026, 3, 9, 14, 50, tzinfo=UTC),
        id="visit-1",
    )
    slots = practice.availability.slots("smith", "scan", start, end, busy=[booked])
    for day, some in slots.by_date().items():
        print(f"{day:%a %d %b}: {', '.join(f'{slot.local_start:%H:%M}' for slot in some)}")
    for at in (datetime(2026, 3, 9, 14, 0, tzinfo=UTC), datetime(2026, 3, 10, 18, 0, tzinfo=UTC)):
        print()
        print(practice.availability.explain("smith", "scan", at=at, busy=[booked]))


if __name__ == "__main__":
    main()
