"""A year of an outpatient clinic, booked again: every appointment, on the day it was made.

6,217 appointments in the order they were booked in, a patient registered with each who is new.
The data tell how each ended, not when: a cancelled one is called off when its slot is booked
again, and otherwise on the day of the visit, before it begins. Afterwards every slot that is
still listed is booked, and every minute that is not listed is refused.

In memory and on SQLite it is the whole year, on the other databases its first quarter;
MEDSCHED_REPLAY=all is all of it everywhere.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import attrs
import pytest
from tests.databases import ENGINES, Databases
from tests.races.wholeness import check_told, check_whole, followed

from medsched import AvailabilityRule, Practice, Reason, Recurrence, Scheduler
from medsched.domain.appointments import Appointment, AppointmentStatus
from medsched.domain.refusals import BookingRefused
from medsched.domain.starts import Start
from medsched.ports.store import Store
from medsched.testing.fixed import FixedClock

ZONE: Final = "America/New_York"
TWENTY: Final = timedelta(minutes=20)
MINUTE: Final = timedelta(minutes=1)
FIRST: Final = date(2025, 12, 1)
"""Before anything is booked."""
UNTIL: Final = {"memory": date(2027, 1, 1), "sqlite": date(2026, 4, 1)}
"""How much of the year is replayed there; elsewhere January, unless all of it is asked for."""
EVERYTHING: Final = os.environ.get("MEDSCHED_REPLAY") == "all"
TRIED: Final = (
    date(2026, 1, 9),
    *(date(2026, 3, day) for day in (6, 8, 9)),  # on the Sunday the clocks go forward
    *(date(2026, 10, 30), date(2026, 11, 1), date(2026, 11, 2)),  # and here back
)


@attrs.frozen
class Visit:
    """One row of the data."""

    id: str
    slot: str
    booked_on: date
    start: datetime
    patient: str
    status: str


@attrs.frozen
class Year:
    """The clinic, and the visits that begin before an instant, in the order of their booking."""

    clinic: Practice
    store: Store
    clock: FixedClock
    visits: tuple[Visit, ...]
    end: datetime
    every: int
    """Of the minutes of a day, every so manieth is tried."""
    made: dict[str, Appointment] = attrs.field(factory=dict)
    """The appointments as they came back, by their ids."""


def midnight(day: date) -> datetime:
    """The instant at which a date begins in the clinic's zone."""
    return instant(datetime.combine(day, datetime.min.time()))


def instant(wall: datetime) -> datetime:
    """The instant of a wall time that comes once."""
    return wall.replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


def published(data: Path) -> dict[str, tuple[datetime, bool]]:
    """The slots by their ids: the start, and whether it was still free in the end."""
    with (data / "outpatient-2026" / "slots.csv").open(newline="", encoding="utf-8") as stream:
        return {
            row["slot_id"]: (
                instant(
                    datetime.fromisoformat(f"{row['appointment_date']}T{row['appointment_time']}")
                ),
                row["is_available"] == "True",
            )
            for row in csv.DictReader(stream)
        }


def visits(data: Path, end: datetime) -> tuple[Visit, ...]:
    """The visits that begin before an instant, in the order in which they were booked."""
    starts = published(data)
    path = data / "outpatient-2026" / "appointments.csv"
    with path.open(newline="", encoding="utf-8") as stream:
        found = [
            Visit(
                id=row["appointment_id"],
                slot=row["slot_id"],
                booked_on=date.fromisoformat(row["scheduling_date"]),
                start=starts[row["slot_id"]][0],
                patient=row["patient_id"],
                status=row["status"],
            )
            for row in csv.DictReader(stream)
        ]
    return tuple(
        sorted((one for one in found if one.start < end), key=lambda one: (one.booked_on, one.id))
    )


@pytest.fixture(scope="module", params=["memory", *ENGINES])
def year(request: pytest.FixtureRequest, databases: Databases, shared_data: Path) -> Iterator[Year]:
    """The clinic after its year, which is replayed once on each store."""
    kind = request.param
    end = midnight(UNTIL["memory"] if EVERYTHING else UNTIL.get(kind, date(2026, 2, 1)))
    store, clock = databases.store(kind), FixedClock(midnight(FIRST))
    clinic = Scheduler(store, clock=clock, registers_patients=True).practice("outpatients")
    clinic.settings.configure(timezone=ZONE)
    clinic.appointment_types.create(code="visit", duration=TWENTY)
    clinic.providers.create(id="clinic")
    clinic.availability.add(
        AvailabilityRule(
            "clinic",
            Recurrence.weekdays(date(2026, 1, 1), until=date(2026, 12, 31)),
            hours=["08:00-12:00", "13:00-17:00"],
        )
    )
    every = 1 if kind == "memory" else 17
    replayed = Year(clinic, store, clock, visits(shared_data, end), end, every)
    replay(replayed)
    yield replayed
    databases.check_returned(kind)


def replay(year: Year) -> None:
    """Day by day: call off what begins that day and was cancelled, then book what was booked."""
    to_cancel: dict[str, Visit] = {}
    """By their slots, of which each is one visit's at a time."""
    booked_on = {day: list(some) for day, some in groupby(year.visits, lambda one: one.booked_on)}
    days = (year.end - midnight(FIRST)) // timedelta(days=1) + 1
    for day in (FIRST + timedelta(days=at) for at in range(days)):
        year.clock.set(midnight(day))
        over = midnight(day + timedelta(days=1))
        for visit in [one for one in to_cancel.values() if one.start < over]:
            call_off(year, to_cancel.pop(visit.slot))
        for visit in booked_on.get(day, ()):
            if visit.slot in to_cancel:
                call_off(year, to_cancel.pop(visit.slot))
            asked = Start("clinic", "visit", visit.start)
            made = year.clinic.appointments.book(asked, patient=visit.patient, id=visit.id)
            assert (made.start, made.end) == (visit.start, visit.start + TWENTY)
            assert made.created_at == midnight(visit.booked_on)
            year.made[visit.id] = made
            if visit.status == "cancelled":
                to_cancel[visit.slot] = visit
    assert not to_cancel


def call_off(year: Year, visit: Visit) -> None:
    assert year.clock.now() < visit.start, "the cancellation comes too late"
    year.made[visit.id] = year.clinic.appointments.cancel(visit.id, reason="by the patient")


def test_all_were_accepted_and_nobody_was_taken_twice(year: Year) -> None:
    standing = {one.id: one for one in check_whole(year.store, year.clinic.id)}
    for visit in year.visits:
        found = standing[visit.id]
        assert found == year.made[visit.id]
        assert (found.start, found.patient) == (visit.start, visit.patient)
        cancelled = found.status is AppointmentStatus.CANCELLED
        assert cancelled == (visit.status == "cancelled")
        assert bool(found.claims) != cancelled
    if len(year.visits) == 6217:
        booked = [one for one in year.made.values() if one.claims_time]
        assert (len(booked), len(year.made) - len(booked)) == (5171, 1046)
    events = followed(year.clinic)
    check_told(events, standing.values())
    new = {one.event.id for one in events if one.event.name == "patient.created"}
    assert new >= {one.patient for one in year.visits}


def test_every_minute_that_is_not_listed_is_refused(year: Year) -> None:
    """With the reasons, on ordinary days and on those around the changes of the clock."""
    clinic, tried = year.clinic, Counter[Reason]()
    year.clock.set(midnight(FIRST))
    for day in TRIED:
        low, high = midnight(day), midnight(day + timedelta(days=1))
        if high > year.end:
            continue
        listed = {slot.start for slot in clinic.availability.slots("clinic", "visit", low, high)}
        for number in range(0, (high - low) // MINUTE, year.every):
            at = low + number * MINUTE
            if at in listed:
                continue
            with pytest.raises(BookingRefused) as caught:
                clinic.appointments.book(Start("clinic", "visit", at), patient="somebody new")
            reasons = {one.reason for one in caught.value.violations}
            assert why_not(at.astimezone(ZoneInfo(ZONE)), day) in reasons
            assert all(one.start > at for one in caught.value.alternatives)
            tried.update(reasons)
    assert min(tried[one] for one in (Reason.CLOSED, Reason.OFF_GRID, Reason.TAKEN)) > 0
    assert clinic.patients.find("somebody new") is None


def why_not(local: datetime, day: date) -> Reason:
    """The reason that must be among those told, worked out from the wall alone."""
    minute = local.hour * 60 + local.minute
    opened = next((start for start in (480, 780) if start <= minute < start + 240), None)
    if day.isoweekday() > 5 or opened is None:
        return Reason.CLOSED
    if (minute - opened) % 20:
        return Reason.OFF_GRID
    return Reason.TAKEN


def test_every_slot_that_is_listed_books(year: Year, shared_data: Path) -> None:
    """They are those that the data show as free; when they are booked, none is listed."""
    clinic = year.clinic
    year.clock.set(midnight(FIRST))
    listed = clinic.availability.slots("clinic", "visit", midnight(FIRST), year.end)
    free = [start for start, is_free in published(shared_data).values() if is_free]
    assert [slot.start for slot in listed] == sorted(start for start in free if start < year.end)
    for number, slot in enumerate(listed):
        named = (slot, slot.id, Start("clinic", "visit", slot.start))[number % 3]
        made = clinic.appointments.book(named, patient=f"walk-in-{number}")
        assert (made.start, made.end) == (slot.start, slot.end)
    assert len(clinic.availability.slots("clinic", "visit", midnight(FIRST), year.end)) == 0
    check_whole(year.store, clinic.id)
