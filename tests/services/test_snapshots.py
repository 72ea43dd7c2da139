"""Schedules are kept between calls, and never after anything they were read from has changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import attrs
import pytest

from medsched import (
    AppointmentType,
    AvailabilityRule,
    MemoryStore,
    Override,
    Recurrence,
    Scheduler,
)
from medsched.scheduler import Practice
from medsched.services import snapshots
from medsched.testing.fixed import FixedClock

MONDAY = date(2026, 1, 5)
START = datetime(2026, 1, 5, tzinfo=UTC)
END = START + timedelta(days=1)


def practice(scheduler: Scheduler) -> Practice:
    return scheduler.practice("riverside")


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    clinic = practice(Scheduler(store))
    clinic.settings.configure(timezone="UTC")
    clinic.locations.create(id="main")
    clinic.providers.create(id="smith", location="main")
    clinic.appointment_types.create(code="visit", duration=timedelta(minutes=30))
    rule = AvailabilityRule("smith", Recurrence.daily(start=MONDAY), hours="09:00-12:00", id="rule")
    clinic.availability.add(rule)
    return store


def starts(clinic: Practice) -> list[str]:
    slots = clinic.availability.slots("smith", "visit", START, END)
    return [f"{slot.local_start:%H:%M}" for slot in slots]


def shorten(clinic: Practice) -> None:
    rule = clinic.availability.rules.get("rule")
    clinic.availability.rules.update(attrs.evolve(rule, hours="09:00-10:00"))


def close(clinic: Practice) -> None:
    clinic.availability.add(Override.closed("smith", MONDAY))


def close_the_place(clinic: Practice) -> None:
    place = clinic.locations.get("main").resource
    clinic.availability.add(Override.closed(place, MONDAY))


def close_the_practice(clinic: Practice) -> None:
    clinic.availability.add(Override.closed(clinic.settings.get().resource, MONDAY))


def move_the_practice(clinic: Practice) -> None:
    clinic.settings.configure(timezone="Europe/Berlin")


def leave(clinic: Practice) -> None:
    clinic.providers.deactivate("smith")


def lengthen(clinic: Practice) -> None:
    visit: AppointmentType = clinic.appointment_types.get("visit")
    clinic.appointment_types.update(attrs.evolve(visit, duration=timedelta(hours=1)))


@pytest.mark.parametrize(
    "change, expected",
    [
        (shorten, ["09:00", "09:30"]),
        (close, []),
        (close_the_place, []),
        (close_the_practice, []),
        (leave, []),
        (lengthen, ["09:00", "10:00", "11:00"]),
    ],
)
def test_a_change_by_another_scheduler_counts_at_once(
    store: MemoryStore, change: Callable[[Practice], None], expected: list[str]
) -> None:
    clock = FixedClock(START)
    mine, theirs = (practice(Scheduler(store, clock=clock)) for _ in range(2))
    assert len(starts(mine)) == 6
    change(theirs)
    assert starts(mine) == expected


def test_a_new_zone_of_the_practice_moves_the_instants(store: MemoryStore) -> None:
    clock = FixedClock(START)
    mine, theirs = (practice(Scheduler(store, clock=clock)) for _ in range(2))
    before = [slot.start for slot in mine.availability.slots("smith", "visit", START, END)]
    move_the_practice(theirs)
    after = [slot.start for slot in mine.availability.slots("smith", "visit", START, END)]
    assert after == [start - timedelta(hours=1) for start in before]


def test_an_unchanged_schedule_is_not_read_again(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    clinic = practice(Scheduler(store, clock=FixedClock(START)))
    first = starts(clinic)

    def read(*args: object, **kwargs: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(store, "calendars", read)
    assert starts(clinic) == first


def test_only_so_many_are_kept(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "KEPT", 1)
    clinic = practice(Scheduler(store, clock=FixedClock(START)))
    clinic.appointment_types.create(code="short", duration=timedelta(minutes=10))
    for _ in range(2):
        assert len(starts(clinic)) == 6
        assert len(clinic.availability.slots("smith", "short", START, END)) == 18
