"""A year of an outpatient clinic: its slots, written as one rule, are those and no other.

Mon-Fri 08:00-12:00 and 13:00-17:00, slots of 20 minutes; the data state no zone, so the
same must hold in every clinic's own.
"""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from medsched import (
    AvailabilityRule,
    Claim,
    MemoryStore,
    Practice,
    Recurrence,
    Scheduler,
    TzdataZones,
)

ZONE_NAMES = ("Europe/London", "America/New_York", "Australia/Lord_Howe", "UTC")
TWENTY = timedelta(minutes=20)


@pytest.fixture(scope="module", params=ZONE_NAMES)
def clinic(request: pytest.FixtureRequest) -> Practice:
    clinic = Scheduler(MemoryStore()).practice("outpatients")
    clinic.settings.configure(timezone=request.param)
    clinic.appointment_types.create(code="visit", duration=TWENTY)
    clinic.providers.create(id="clinic")
    clinic.availability.add(
        AvailabilityRule(
            "clinic",
            Recurrence.weekdays(date(2026, 1, 1), until=date(2026, 12, 31)),
            hours=["08:00-12:00", "13:00-17:00"],
        )
    )
    return clinic


def rows(data: Path, name: str) -> list[dict[str, str]]:
    with (data / "outpatient-2026" / name).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def walls(data: Path) -> dict[str, datetime]:
    """The published slots: id and wall time."""
    return {
        row["slot_id"]: datetime.fromisoformat(
            f"{row['appointment_date']}T{row['appointment_time']}"
        )
        for row in rows(data, "slots.csv")
    }


def test_the_years_slots_and_no_other(clinic: Practice, shared_data: Path) -> None:
    low = datetime(2025, 12, 25, tzinfo=UTC)
    slots = clinic.availability.slots("clinic", "visit", low, low + timedelta(days=380), now=low)
    assert len(slots) == 6264
    found = [slot.local_start.replace(tzinfo=None) for slot in slots]
    assert found == sorted(walls(shared_data).values())
    assert {slot.duration for slot in slots} == {TWENTY}


def test_free_are_those_that_nobody_took(clinic: Practice, shared_data: Path) -> None:
    published = walls(shared_data)
    zone = TzdataZones().zone(clinic.settings.get().timezone or "").tzinfo
    busy = []
    for row in rows(shared_data, "appointments.csv"):
        if row["status"] != "cancelled":
            start = published[row["slot_id"]].replace(tzinfo=zone).astimezone(UTC)
            busy.append(Claim.of("clinic", start, start + TWENTY, id=row["appointment_id"]))
    low = datetime(2025, 12, 25, tzinfo=UTC)
    high = low + timedelta(days=380)
    summary = clinic.availability.summary("clinic", "visit", low, high, busy=busy, now=low)
    assert (summary.total, summary.busy, summary.free) == (6264, 5171, 1093)
    free = clinic.availability.slots("clinic", "visit", low, high, busy=busy, now=low)
    available = [
        published[row["slot_id"]]
        for row in rows(shared_data, "slots.csv")
        if row["is_available"] == "True"
    ]
    assert [slot.local_start.replace(tzinfo=None) for slot in free] == sorted(available)
