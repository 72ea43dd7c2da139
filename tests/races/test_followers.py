"""Whoever follows while others book misses no event, and sees none twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial

from tests.races.kit import MINUTE, NOW, Arena, Told, told
from tests.races.wholeness import check_told, check_whole

from medsched import (
    AppointmentType,
    AvailabilityChange,
    AvailabilityRule,
    Grid,
    Provider,
    Recurrence,
)
from medsched.domain.appointments import Appointment
from medsched.domain.events import NumberedEvent
from medsched.domain.starts import Start
from medsched.ports.store import Store

BOOKERS, FOLLOWERS = 6, 3


def test_followers_see_everything_once(arena: Arena) -> None:
    """The bookings register their patients, which is told before them."""
    clinic = arena.clinic()
    clinic.settings.configure(timezone="UTC")
    daily = Recurrence.daily(start=date(2026, 1, 1))
    clinic.add_all(
        [
            AppointmentType(code="visit", duration=10 * MINUTE, grid=Grid.clock(5 * MINUTE)),
            *(Provider(id=f"dr-{number}") for number in range(3)),
            *(AvailabilityRule(f"dr-{number}", daily, hours="09:00-17:00") for number in range(3)),
        ]
    )
    together, done = arena.barrier(BOOKERS), arena.signal()

    def booker(number: int, store: Store) -> list[Told]:
        mine, chances = arena.clinic(store, registers_patients=True), arena.random(number)
        answers = []
        for at in range(arena.rounds(60)):
            later = timedelta(days=1, hours=9) + 5 * chances.randrange(90) * MINUTE
            asked = Start(f"dr-{chances.randrange(3)}", "visit", NOW + later)
            patient = f"p{number}-{at // 2}"
            answers.append(told(mine.appointments.book, asked, patient=patient))
        together.wait()
        done.set()
        return answers

    def follower(number: int, store: Store) -> list[NumberedEvent]:
        mine, chances = arena.clinic(store), arena.random(f"follower {number}")
        seen: list[NumberedEvent] = []
        while True:
            over = done.is_set()  # before it looks: what comes after that is not missed
            found = mine.events.after(
                seen[-1].number if seen else 0, limit=chances.choice([1, 3, 10, 1000])
            )
            seen += found
            if over and not found:
                return seen

    works: list[Callable[[Store], list[Told] | list[NumberedEvent]]] = [
        *(partial(booker, number) for number in range(BOOKERS)),
        *(partial(follower, number) for number in range(FOLLOWERS)),
    ]
    found = arena.race(works)
    answers = [one for some in found[:BOOKERS] for one in some if isinstance(one, Told)]
    arena.count(answers)
    standing = check_whole(arena.store, clinic.id)
    assert len(standing) == sum(one.made is not None for one in answers)
    seen = [[one for one in some if isinstance(one, NumberedEvent)] for some in found[BOOKERS:]]
    for some in seen:
        check_told(some, standing)
        assert some == seen[0]
    booked = [one.event.id for one in seen[0] if one.event.name == "appointment.booked"]
    assert sorted(booked) == sorted(one.id for one in standing)
    created = [one.event.id for one in seen[0] if one.event.name == "patient.created"]
    assert sorted(created) == sorted({one.patient for one in standing})
    of, known = {one.id: one.patient for one in standing}, set[str]()
    for one in seen[0]:
        known |= {one.event.id} & set(of.values())
        assert of.get(one.event.id) in {None, *known}, "who is booked was told of before"


def test_followers_of_availability_miss_no_minute(arena: Arena) -> None:
    """Of bookings, moves and cancellations at once, each is told to each of them."""
    clinic = arena.clinic(registers_patients=True)
    clinic.settings.configure(timezone="UTC")
    daily = Recurrence.daily(start=date(2026, 1, 1))
    clinic.add_all(
        [
            AppointmentType(code="visit", duration=10 * MINUTE, grid=Grid.clock(5 * MINUTE)),
            *(Provider(id=f"dr-{number}") for number in range(2)),
            *(AvailabilityRule(f"dr-{number}", daily, hours="09:00-17:00") for number in range(2)),
        ]
    )
    begin = clinic.changes.latest()
    together, done = arena.barrier(BOOKERS), arena.signal()

    def booker(number: int, store: Store) -> list[Appointment]:
        mine, chances = arena.clinic(store, registers_patients=True), arena.random(number)
        stood: list[Appointment] = []
        for at in range(arena.rounds(30)):
            later = timedelta(days=1, hours=9) + 5 * chances.randrange(90) * MINUTE
            asked = Start(f"dr-{chances.randrange(2)}", "visit", NOW + later)
            made = told(mine.appointments.book, asked, patient=f"p{number}-{at}").made
            if isinstance(made, Appointment):
                stood.append(made)
                if chances.random() < 0.3:
                    mine.appointments.cancel(made.id)
                    stood.append(made)
        together.wait()
        done.set()
        return stood

    def follower(number: int, store: Store) -> list[AvailabilityChange]:
        mine, chances = arena.clinic(store), arena.random(f"follower {number}")
        seen, at = list[AvailabilityChange](), begin
        while True:
            over = done.is_set()  # before it looks: what comes after that is not missed
            page = mine.changes(at, limit=chances.choice([1, 3, 10, 1000]))
            seen += page
            at = page.next
            if over and not page:
                return seen

    works: list[Callable[[Store], list[Appointment] | list[AvailabilityChange]]] = [
        *(partial(booker, number) for number in range(BOOKERS)),
        *(partial(follower, number) for number in range(FOLLOWERS)),
    ]
    found = arena.race(works)
    stood = [one for some in found[:BOOKERS] for one in some if isinstance(one, Appointment)]
    meant = sorted((one.provider, one.start, one.end) for one in stood)
    assert meant
    for some in found[BOOKERS:]:
        assert some == found[BOOKERS]
        times = [one for one in some if isinstance(one, AvailabilityChange) and one.resource]
        seen = sorted((one.resource.id, one.start, one.end) for one in times if one.resource)
        assert seen == meant
