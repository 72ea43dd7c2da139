"""Time that comes free while others want it: by a hold's expiry, a cancellation, a move."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import partial

from tests.races.kit import MINUTE, Arena, Told, told
from tests.races.wholeness import check_told, check_whole, followed

from medsched import (
    AppointmentType,
    AvailabilityRule,
    Need,
    NotFound,
    Patient,
    Practice,
    Provider,
    Recurrence,
    Room,
    StorageBusy,
)
from medsched.adapters.clock import SystemClock
from medsched.domain.appointments import Appointment
from medsched.domain.holds import Hold
from medsched.domain.places import Location
from medsched.domain.starts import Start
from medsched.errors import HoldExpired, InvalidTransition
from medsched.ports.store import Store

RIVALS = 12
PROVIDERS = ("jones", "smith")
DAY = datetime.combine(datetime.now(UTC).date() + timedelta(days=2), datetime.min.time(), UTC)
"""A day to come: here the clock is the machine's, for holds must really expire."""


def opened(arena: Arena) -> Practice:
    """Two providers who share two rooms, with eight starts in two hours each."""
    clinic = arena.clinic(clock=SystemClock())
    clinic.settings.configure(timezone="UTC")
    clinic.add_all(
        [
            Location(id="main"),
            Room(id="r1", location="main"),
            Room(id="r2", location="main"),
            *(Provider(id=id, location="main") for id in PROVIDERS),
            AppointmentType(code="visit", duration=15 * MINUTE, needs=[Need.room("r1", "r2")]),
            *(
                AvailabilityRule(
                    id, Recurrence.daily(start=date(2026, 1, 1)), hours="22:30-00:30 overnight"
                )
                for id in PROVIDERS
            ),
            *(Patient(id=f"p{number}") for number in range(RIVALS)),
        ]
    )
    return clinic


def start(provider: str, number: int) -> Start:
    """One of the eight starts; the last two lie on the next UTC day."""
    return Start(provider, "visit", DAY + timedelta(hours=22, minutes=30 + 15 * number))


def test_holds_expire_while_rivals_book(arena: Arena) -> None:
    """Of eight starts: held for a moment, confirmed, given back, let go, booked, cancelled."""
    clinic = opened(arena)

    def rival(number: int, store: Store) -> tuple[list[Told], Counter[str]]:
        mine, chances = arena.clinic(store, clock=SystemClock()), arena.random(number)
        answers, seen = list[Told](), Counter[str]()
        for _ in range(arena.rounds(40, least=12)):
            asked = start("smith", chances.randrange(8))
            lasting = timedelta(milliseconds=chances.uniform(1, 60))
            patient = f"p{number}"
            if chances.random() < 0.35:
                one = told(mine.appointments.book, asked, patient=patient)
            else:
                named = chances.choice([patient, None])
                one = told(mine.holds.place, asked, patient=named, lasting=lasting)
            answers.append(one)
            if isinstance(one.made, Hold):
                time.sleep(chances.uniform(0, 0.04))
                what = chances.choice(["confirm", "confirm", "release", "leave", "sweep"])
                one = ended(mine, one.made, what, patient) or one
            if isinstance(one.made, Appointment) and chances.random() < 0.8:
                seen["cancelled"] += told(mine.appointments.cancel, one.made.id).made is not None
        return answers, seen

    found = arena.race([partial(rival, number) for number in range(RIVALS)])
    answers = arena.count([one for some, _ in found for one in some])
    holds = arena.store.page(clinic.id, Hold, active=None, where={}, after=None, limit=1000)
    standing = check_whole(arena.store, clinic.id)
    check_told(followed(clinic), standing, holds)
    time.sleep(0.1)  # longer than any hold lasts
    assert clinic.holds.sweep() == len(holds)
    assert check_whole(arena.store, clinic.id) == standing
    check_told(followed(clinic), standing)
    assert {one.status.value for one in standing} <= {"booked", "cancelled"}
    seen = sum((some for _, some in found), Counter[str]())
    assert sum(not one.claims_time for one in standing) == seen["cancelled"]
    kept = {one.start for one in standing if one.claims_time}
    low, high = start("smith", 0).at, start("smith", 8).at
    assert isinstance(low, datetime)
    assert isinstance(high, datetime)
    free = {slot.start for slot in clinic.availability.slots("smith", "visit", low, high)}
    assert free | kept == {start("smith", number).at for number in range(8)}
    assert not free & kept
    arena.check_patience(answers)


def ended(mine: Practice, held: Hold, what: str, patient: str) -> Told | None:
    """What is told of a hold that is confirmed; it may have expired, and been swept by others."""
    try:
        match what:
            case "confirm":
                return told(mine.holds.confirm, held.id, patient=patient)
            case "release":
                mine.holds.release(held.id)
            case "sweep":
                mine.holds.sweep()
    except (HoldExpired, NotFound, StorageBusy):
        pass
    return None


def test_cancel_races_reschedule_races_book(arena: Arena) -> None:
    """Everybody books, moves and calls off whatever there is, of two providers and two rooms."""
    clinic = opened(arena)
    ids = [f"a{number}" for number in range(10)]
    for number, id in enumerate(ids):
        asked = start(PROVIDERS[number % 2], number // 2)
        clinic.appointments.book(asked, patient=f"p{number}", id=id)

    def rival(number: int, store: Store) -> list[Told]:
        mine, chances = arena.clinic(store, clock=SystemClock()), arena.random(number)
        answers, known, over = list[Told](), list(ids), set[str]()
        for _ in range(arena.rounds(40, least=12)):
            asked = start(chances.choice(PROVIDERS), chances.randrange(8))
            id = chances.choice(known)
            room = Room(id=chances.choice(["r1", "r2"]), location="main").resource
            here = mine.appointments
            (command,) = chances.choices(["book", "move", "swap rooms", "cancel"], [4, 4, 1, 2])
            try:
                match command:
                    case "book":
                        one = told(here.book, asked, patient=f"p{number}")
                    case "move":
                        one = told(here.reschedule, id, asked)
                    case "swap rooms":
                        one = told(here.change_resources, id, [room])
                    case _:
                        one = told(here.cancel, id)
            except InvalidTransition as error:
                over.add(error.current)
                continue
            answers.append(one)
            if command == "book" and isinstance(one.made, Appointment):
                known.append(one.made.id)
        assert over <= {"cancelled"}
        return answers

    found = arena.race([partial(rival, number) for number in range(RIVALS)])
    answers = arena.count([one for some in found for one in some])
    standing = {one.id: one for one in check_whole(arena.store, clinic.id)}
    check_told(followed(clinic), standing.values())
    for one in answers:
        if isinstance(one.made, Appointment):
            assert one.made.version <= standing[one.made.id].version
    moves = [move for one in standing.values() for move in one.moves]
    assert moves, "nothing was ever moved"
    assert {one.status.value for one in standing.values()} <= {"booked", "cancelled"}
    arena.check_patience(answers)
