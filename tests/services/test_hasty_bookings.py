"""The first try of a booking does not look at what is claimed, where the ledger alone decides.

Whatever is asked for, in any order, it comes to the same as with a look each time.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import attrs
import pytest
from tests.counting import Counting

from medsched import (
    AppointmentType,
    AvailabilityRule,
    BookingRefused,
    Location,
    MemoryStore,
    Need,
    NotFound,
    Override,
    Practice,
    Provider,
    Reason,
    Recurrence,
    Room,
    Scheduler,
    Start,
)
from medsched.domain.claims import Claim
from medsched.domain.records import Resource
from medsched.domain.stored import Ref, Stored
from medsched.services import inquiries
from medsched.testing.fixed import FixedClock, NumberedIds

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
NINE = NOW + timedelta(hours=1)
PATIENTS = ("ada", "ben", "cy")


class Watched(MemoryStore):
    """A store that counts how often it is asked what is claimed, or for records."""

    asked = read = 0

    def get_many(self, practice: str, refs: Collection[Ref]) -> Mapping[Ref, Stored]:
        self.read += 1
        return super().get_many(practice, refs)

    def claims(
        self, practice: str, resources: Collection[Resource], low: int, high: int
    ) -> Sequence[Claim]:
        self.asked += 1
        return super().claims(practice, resources, low, high)


class Counted:
    """Pauses that are counted, and take no time."""

    def __init__(self) -> None:
        self.after: list[int] = []

    def pause(self, tries: int) -> None:
        self.after.append(tries)


def practice(
    store: MemoryStore, clock: FixedClock, pauses: Counted, *, registers: bool = False
) -> Practice:
    """Two providers, types that want a buffer, a room, one of two rooms, or seats."""
    scheduler = Scheduler(
        store, clock=clock, ids=NumberedIds(), pauses=pauses, registers_patients=registers
    )
    clinic = scheduler.practice("riverside")
    clinic.settings.configure(timezone="UTC")
    half = timedelta(minutes=30)
    daily = Recurrence.daily(start=date(2026, 1, 1))
    clinic.add_all(
        [
            Location(id="main", exclusive=False),
            *(Room(id=id, location="main") for id in ("red", "blue")),
            *(Provider(id=id, location="main") for id in ("smith", "jones")),
            *(AvailabilityRule(id, daily, hours="09:00-13:00") for id in ("smith", "jones")),
            AppointmentType(code="talk", duration=half, buffer_after=timedelta(minutes=10)),
            AppointmentType(code="scan", duration=half, needs=[Need.room("red")]),
            AppointmentType(code="test", duration=half, needs=[Need.room("red", "blue")]),
            AppointmentType(code="group", duration=half, capacity=2),
        ]
    )
    for one in PATIENTS:
        clinic.patients.create(id=one)
    return clinic


@pytest.fixture
def store() -> Watched:
    return Watched()


@pytest.fixture
def pauses() -> Counted:
    return Counted()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def clinic(store: Watched, clock: FixedClock, pauses: Counted) -> Practice:
    clinic = practice(store, clock, pauses)
    # A schedule that is kept is the second thing that the first try may make do with.
    clinic.appointments.book(Start("smith", "scan", NINE), patient="ada")
    clinic.appointments.book(Start("smith", "test", NINE + timedelta(hours=3)), patient="ada")
    clinic.appointments.book(Start("smith", "group", NINE + timedelta(hours=2)), patient="ada")
    store.asked = store.read = 0
    return clinic


def test_nobody_asks_what_is_claimed_for_what_is_free(clinic: Practice, store: Watched) -> None:
    clinic.appointments.book(Start("smith", "scan", NINE + timedelta(hours=1)), patient="ada")
    assert store.asked == 0
    assert store.read == 0


def test_a_patient_who_is_not_there_or_not_active_is_found_out(clinic: Practice) -> None:
    start = Start("smith", "scan", NINE + timedelta(hours=1))
    with pytest.raises(NotFound) as missing:
        clinic.appointments.book(start, patient="dora")
    assert (missing.value.kind, missing.value.id) == ("patient", "dora")
    clinic.patients.deactivate("ada")
    with pytest.raises(BookingRefused) as caught:
        clinic.appointments.book(start, patient="ada")
    assert [one.reason for one in caught.value.violations] == [Reason.INACTIVE]
    clinic.patients.activate("ada")
    assert clinic.appointments.book(start, patient="ada").patient == "ada"


def test_a_patient_is_read_where_a_rule_asks_about_them(clinic: Practice, store: Watched) -> None:
    clinic.settings.configure(open_per_patient=4)
    start = Start("smith", "scan", NINE + timedelta(hours=1))
    clinic.appointments.book(start, patient="ben")  # the schedule is read anew
    store.read = 0
    clinic.appointments.book(Start("jones", "talk", NINE), patient="ben")
    clinic.appointments.book(Start("jones", "talk", NINE + timedelta(hours=3)), patient="cy")
    assert store.read > 0


def test_one_who_is_not_known_is_registered_where_that_is_wished_for(store: Watched) -> None:
    clinic = practice(store, FixedClock(NOW), Counted(), registers=True)
    for minutes in (0, 60):
        start = Start("smith", "scan", NINE + timedelta(minutes=minutes))
        clinic.appointments.book(start, patient="dora")
    assert clinic.patients.get("dora").version == 1


@pytest.mark.parametrize("type", ["test", "group"])
def test_it_is_asked_where_the_ledger_alone_does_not_tell(
    clinic: Practice, store: Watched, type: str
) -> None:
    clinic.appointments.book(Start("smith", type, NINE + timedelta(hours=1)), patient="ada")
    assert store.asked > 0


def test_what_is_taken_is_refused_with_its_reasons_at_once(
    clinic: Practice, store: Watched, pauses: Counted
) -> None:
    with pytest.raises(BookingRefused) as caught:
        clinic.appointments.book(Start("jones", "scan", NINE), patient="ben")
    assert [str(one.resource) for one in caught.value.violations] == ["room red"]
    assert caught.value.alternatives
    assert pauses.after == []
    with pytest.raises(BookingRefused) as caught:
        clinic.appointments.book(Start("smith", "scan", NINE), patient="ben")
    assert {str(one.resource) for one in caught.value.violations} == {"provider smith", "room red"}


def test_what_the_hasty_try_has_read_is_not_read_again(
    clinic: Practice, store: Watched, clock: FixedClock
) -> None:
    """The patient is read first; then what is taken, with alternatives in it, and nothing else."""
    counting: Any = Counting(store)
    here = Scheduler(counting, clock=clock).practice(clinic.id)
    here.appointments.book(Start("jones", "scan", NINE + timedelta(hours=1)), patient="ada")
    counting.asked.clear()
    with pytest.raises(BookingRefused) as caught:
        here.appointments.book(Start("jones", "scan", NINE), patient="ben")
    assert len(caught.value.alternatives) == 3
    asked = {name: counting.asked[name] for name in ("get", "get_many", "schedule_versions")}
    assert asked == {"get": 0, "get_many": 1, "schedule_versions": 0}
    assert (counting.asked["claims"], counting.asked["apply"]) == (1, 1)


def test_what_has_changed_since_is_read_again(clinic: Practice, store: Watched) -> None:
    """The type that was kept by the first try is not what the reasons are told by."""
    start = Start("smith", "scan", NINE)
    scan = clinic.appointment_types.get("scan")
    elsewhere = Scheduler(store).practice(clinic.id)
    elsewhere.appointment_types.update(attrs.evolve(scan, duration=timedelta(minutes=60)))
    with pytest.raises(BookingRefused) as caught:
        clinic.appointments.book(start, patient="ben")
    assert {one.duration for one in caught.value.alternatives} == {timedelta(minutes=60)}


@pytest.mark.parametrize(
    "days,found",
    [
        ([0, 1, 2, 3], [1, 2, 3]),
        ([0, 2, 9, 20], [2, 9, 20]),
        ([0, 6, 7, 34], [6, 7, 34]),
        ([0, 7, 35, 36], [7]),
        ([0], []),
    ],
)
@pytest.mark.parametrize("at", ["00:00", "12:00", "23:30"])
def test_alternatives_are_looked_for_farther_and_farther_away(
    clinic: Practice, at: str, days: list[int], found: list[int]
) -> None:
    """One slot on each of some days, the first of them taken."""
    first = date(2026, 2, 2)
    clinic.providers.create(id="rare", location="main")
    for day in days:
        until = "24:00" if at == "23:30" else f"{at[:3]}30"
        hours = Override.extra("rare", first + timedelta(days=day), hours=f"{at}-{until}")
        clinic.availability.add(hours)
    hour, minute = map(int, at.split(":"))
    taken = datetime(2026, 2, 2, hour, minute, tzinfo=UTC)
    for type in ("scan", "test"):
        start = Start("rare", type, taken)
        if type == "scan":
            clinic.appointments.book(start, patient="ada")
        with pytest.raises(BookingRefused) as caught:
            clinic.appointments.book(start, patient="ben")
        offered = [one.start - taken for one in caught.value.alternatives]
        assert offered == [timedelta(days=day) for day in found]


def test_a_hold_that_has_expired_is_swept_in_the_same_call(
    clinic: Practice, clock: FixedClock, pauses: Counted
) -> None:
    start = Start("smith", "scan", NINE + timedelta(hours=1))
    clinic.holds.place(start, patient="ben", lasting=timedelta(minutes=5))
    clock.set(NOW + timedelta(minutes=5))
    assert clinic.appointments.book(start, patient="cy").patient == "cy"
    assert pauses.after == []


def _outcome(clinic: Practice, draw: random.Random, made: list[str]) -> object:
    """What one command comes to, told alike for equal practices."""
    code = draw.choice(["talk", "scan", "test", "group"])
    start = NINE + timedelta(minutes=draw.choice([0, 30, 40, 60, 80, 90, 120, 160]))
    slot = Start(draw.choice(["smith", "jones"]), code, start)
    patient, how = draw.choice(PATIENTS), draw.random()
    try:
        if how < 0.2 and made:
            gone = made.pop(draw.randrange(len(made)))
            return attrs.evolve(clinic.appointments.cancel(gone, reason="x"), reference="")
        if how < 0.4:
            return clinic.holds.place(slot, patient=patient, lasting=timedelta(minutes=3))
        key = f"key {draw.randrange(40)}" if how < 0.6 else None
        booked = clinic.appointments.book(slot, patient=patient, idempotency_key=key)
        made.append(booked.id)
        return attrs.evolve(booked, reference="")  # one is drawn for each try
    except Exception as error:
        return type(error).__name__, str(error), getattr(error, "alternatives", None)


@pytest.mark.parametrize("seed", range(6))
def test_with_and_without_a_look_come_to_the_same(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[list[object]] = []
    for looks in (False, True):
        if looks:
            monkeypatch.setattr(inquiries, "can_be_hasty", lambda _: False)
        clock, draw = FixedClock(NOW), random.Random(seed)
        clinic, made, found = practice(MemoryStore(), clock, Counted()), list[str](), list[object]()
        for _ in range(60):
            clock.set(clock.now() + timedelta(seconds=draw.choice([0, 20, 90])))
            found.append(_outcome(clinic, draw, made))
        told.append(found)
    assert told[0] == told[1]
    assert sum(isinstance(one, tuple) for one in told[0]) > 5
