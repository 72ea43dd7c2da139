"""Posts whose hours are alike are asked together: what they differ in is not lost by that."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from medsched import (
    AppointmentType,
    AvailabilityRule,
    MemoryStore,
    Patient,
    Practice,
    Provider,
    Recurrence,
    Scheduler,
    Search,
    Start,
)
from medsched.testing.fixed import FixedClock

HOURS = {"smith": "09:00-15:00", "jones": "09:00-15:00", "brown": "10:00-13:00"}
NOW = datetime(2026, 3, 2, 7, tzinfo=UTC)
DAY = timedelta(days=1)
VISIT = timedelta(minutes=30)
BUFFERS = ((0, 0), (0, 30), (30, 0), (10, 20))
"""Minutes before and after, of a type each."""


@pytest.fixture
def clinic() -> Practice:
    clinic = Scheduler(MemoryStore(), clock=FixedClock(NOW)).practice("riverside")
    clinic.settings.configure(timezone="UTC")
    minute = timedelta(minutes=1)
    types = [
        AppointmentType(
            code=f"visit-{before}-{after}",
            duration=VISIT,
            buffer_before=before * minute,
            buffer_after=after * minute,
        )
        for before, after in BUFFERS
    ]
    early = AppointmentType(code="early", duration=VISIT, notice=28 * 60 * minute)
    clinic.add_all([*types, early, Patient(id="ada"), *(Provider(id=one) for one in HOURS)])
    daily = Recurrence.daily(date(2026, 3, 1))
    clinic.add_all(AvailabilityRule(one, daily, hours=hours) for one, hours in HOURS.items())
    for one, hour in (("smith", 11), ("jones", 13)):
        at = NOW.replace(hour=hour) + DAY
        clinic.appointments.book(Start(one, "visit-0-0", at), patient="ada")
    return clinic


def test_types_of_one_length_with_other_buffers_and_notice(clinic: Practice) -> None:
    search = Search(first=NOW.date() + DAY, last=NOW.date() + DAY)
    found = sorted((one.provider, one.type, one.start) for one in clinic.search.found(search))
    low = datetime(2026, 3, 3, tzinfo=UTC)
    listed = sorted(
        (one.provider, one.type, one.start)
        for provider in HOURS
        for type in ("early", *(f"visit-{before}-{after}" for before, after in BUFFERS))
        for one in clinic.availability.slots(provider, type, low, low + DAY)
    )
    assert found == listed
    assert len({len([one for one in listed if one[1] == type]) for _, type, _ in listed}) > 2
