"""Many want the first slot there is: each gets one as long as there are any, and nobody two."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import date, timedelta
from functools import partial

import pytest
from tests.races.kit import MINUTE, NOW, SCALE, Arena, Late
from tests.races.wholeness import check_told, check_whole, followed

from medsched import (
    AppointmentType,
    AvailabilityRule,
    ChainRefused,
    ChainVisit,
    NoneAvailable,
    Patient,
    Practice,
    Provider,
    Recurrence,
    RoundRobin,
    Search,
    ShortestWait,
    Weighted,
)
from medsched.domain.appointments import Appointment
from medsched.domain.assignments import Assignment
from medsched.ports.store import Store

DAILY = Recurrence.daily(start=date(2026, 1, 1))
TOMORROW = NOW.date() + timedelta(days=1)


def pool(clinic: Practice, providers: int, hours: str, *, patients: int, length: int = 30) -> None:
    """So many providers who are free alike."""
    clinic.settings.configure(timezone="UTC")
    clinic.add_all(
        [
            *(Provider(id=f"dr-{number}") for number in range(providers)),
            AppointmentType(code="visit", duration=length * MINUTE),
            *(AvailabilityRule(f"dr-{number}", DAILY, hours=hours) for number in range(providers)),
            *(Patient(id=f"p{number}") for number in range(patients)),
        ]
    )


def check(arena: Arena, made: list[Appointment]) -> None:
    """What the rivals were told is what is stored, and it was told to whoever follows."""
    standing = check_whole(arena.store, "riverside")
    assert {one.id: one for one in standing} == {one.id: one for one in made}
    check_told(followed(arena.clinic()), standing)


def rush(
    arena: Arena, rivals: int, rule: Assignment, search: Search
) -> tuple[list[Appointment], int]:
    """Everybody decides on a first slot before the first of them gets it."""
    all_decided = arena.barrier(rivals)

    def rival(number: int, store: Store) -> Appointment | None:
        mine = arena.clinic(Late(store, all_decided))
        try:
            return mine.appointments.book_first(search, patient=f"p{number}", assignment=rule)
        except NoneAvailable:
            return None

    answers = arena.race([partial(rival, number) for number in range(rivals)])
    made = [one for one in answers if one is not None]
    return made, len(answers) - len(made)


def test_64_rivals_for_40_slots(arena: Arena) -> None:
    pool(arena.clinic(), 4, "09:00-14:00", patients=64)
    made, none = rush(
        arena, 64, ShortestWait(), Search(first=TOMORROW, types="visit", timezone="UTC")
    )
    assert (len(made), none) == (40, 24)
    assert len({(one.provider, one.start) for one in made}) == 40
    check(arena, made)


def test_64_rivals_for_40_slots_of_one_provider(arena: Arena) -> None:
    if SCALE < 1 and arena.kind not in ("memory", "sqlite"):
        pytest.skip("a part of the long run: each of the 64 is a process")
    pool(arena.clinic(), 1, "00:00-20:00", patients=64)
    made, none = rush(
        arena, 64, RoundRobin(), Search(first=TOMORROW, types="visit", timezone="UTC")
    )
    assert (len(made), none) == (40, 24)
    check(arena, made)


def turns(
    arena: Arena, rule: Assignment, bookings: int, *, providers: int
) -> list[list[Counter[str]]]:
    """Who was booked how often, by round and rival; between rounds everybody waits."""
    rivals, rounds, days = 8, 5, 60
    pool(arena.clinic(), providers, "00:00-24:00", patients=0, length=15)
    together = arena.barrier(rivals)

    def rival(number: int, store: Store) -> list[Counter[str]]:
        mine, chances = arena.clinic(store, registers_patients=True), arena.random(number)
        found = []
        for at in range(rounds):
            had = Counter[str]()
            for each in range(bookings // rivals // rounds):
                # So many dates that nobody is ever full: they are free alike.
                day = TOMORROW + timedelta(days=chances.randrange(days))
                search = Search(first=day, types="visit", timezone="UTC")
                patient = f"p{number}-{at}-{each}"
                made = mine.appointments.book_first(search, patient=patient, assignment=rule)
                had[made.provider] += 1
            found.append(had)
            together.wait()
        return found

    found = arena.race([partial(rival, number) for number in range(rivals)])
    check_whole(arena.store, "riverside")
    return [list(some) for some in zip(*found, strict=True)]


def test_turns_of_those_who_are_free_alike(arena: Arena) -> None:
    """They differ by one at most whenever everybody has come as far."""
    bookings, had = 10_000 if SCALE >= 1 else 240, Counter[str]()
    for at, some in enumerate(turns(arena, RoundRobin(), bookings, providers=5)):
        for one in some:
            had += one
        assert had.total() == (at + 1) * bookings // 5
        assert len(had) == 5
        assert max(had.values()) - min(had.values()) <= 1, f"round {at}: {had}"


def test_turns_by_weight(arena: Arena) -> None:
    """Three of six, two of six, one of six: never further off than a turn."""
    bookings, had = 2400 if SCALE >= 1 else 120, Counter[str]()
    weights = {"dr-0": 3, "dr-1": 2, "dr-2": 1}
    for some in turns(arena, Weighted(weights), bookings, providers=3):
        for one in some:
            had += one
        for who, weight in weights.items():
            assert abs(had[who] - had.total() * weight / 6) <= 2, had


def test_chains_are_had_whole_or_not_at_all(arena: Arena) -> None:
    """Laboratory, then doctor: there are doctors for half of those who want both."""
    rivals = 24 if SCALE >= 1 else 12
    clinic = arena.clinic()
    pool(clinic, 1, f"10:00-{10 + rivals // 4}:00", patients=rivals)
    clinic.add_all(
        [
            Provider(id="lab"),
            AppointmentType(code="blood", duration=10 * MINUTE),
            AvailabilityRule("lab", DAILY, hours="08:00-15:00", types="blood"),
        ]
    )
    visits: list[ChainVisit | Search] = [
        Search(first=TOMORROW, types="blood", providers="lab"),
        ChainVisit(
            search=Search(first=TOMORROW, types="visit", providers="dr-0"),
            gap_least=20 * MINUTE,
            gap_most=120 * MINUTE,
        ),
    ]
    all_decided = arena.barrier(rivals)

    def rival(number: int, store: Store) -> tuple[Appointment, ...]:
        mine = arena.clinic(Late(store, all_decided))
        with suppress(ChainRefused):
            return mine.appointments.book_chain(visits, patient=f"p{number}")
        return ()

    chains = arena.race([partial(rival, number) for number in range(rivals)])
    made = [one for chain in chains for one in chain]
    check(arena, made)
    had = [chain for chain in chains if chain]
    assert len(had) == rivals // 2
    for first, then in had:
        assert 20 * MINUTE <= then.start - first.end <= 120 * MINUTE
        assert (first.provider, then.provider, then.follows) == ("lab", "dr-0", first.id)
