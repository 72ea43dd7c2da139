"""Seats, caps and double bookings while many want them at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import attrs
from tests.races.kit import MINUTE, Arena, Told, told
from tests.races.wholeness import check_told, check_whole, followed

from medsched import (
    AppointmentType,
    AvailabilityRule,
    BookingRules,
    Patient,
    Practice,
    Provider,
    Reason,
    Recurrence,
    Resource,
)
from medsched.domain.appointments import Appointment
from medsched.domain.claims import ClaimKind
from medsched.domain.events import Change
from medsched.domain.starts import Start
from medsched.ports.store import Store

RIVALS, SEATS, CAP = 20, 12, 10
SMITH = Resource("provider", "smith")
NINE = datetime(2026, 1, 7, 9, tzinfo=UTC)
FREED = {f"appointment.{change}" for change in (Change.CANCELLED, Change.ENTERED_IN_ERROR)}


def opened(arena: Arena, **rules: Any) -> Practice:
    """Smith's Wednesday: sixty starts of ten minutes, and one class."""
    clinic = arena.clinic()
    clinic.settings.configure(timezone="UTC")
    clinic.add_all(
        [
            Provider(id="smith"),
            AppointmentType(code="visit", duration=10 * MINUTE, rules=BookingRules(**rules)),
            AppointmentType(code="class", duration=60 * MINUTE, capacity=SEATS),
            AvailabilityRule(
                "smith", Recurrence.daily(start=date(2026, 1, 1)), hours="09:00-19:00"
            ),
            *(Patient(id=f"p{number}") for number in range(RIVALS)),
        ]
    )
    return clinic


def start(number: int, type: str = "visit") -> Start:
    return Start("smith", type, NINE + 10 * number * MINUTE)


def made_by(found: Sequence[Sequence[Told]]) -> list[Told]:
    return [one for some in found for one in some]


def test_a_thousand_rivals_for_twelve_seats(arena: Arena) -> None:
    clinic = opened(arena)
    clinic.add_all([Patient(id=f"p{who}-{at}") for who in range(RIVALS) for at in range(50)])

    def rival(number: int, store: Store) -> list[Told]:
        mine = arena.clinic(store)
        asked = start(0, "class")
        return [
            told(mine.appointments.book, asked, patient=f"p{number}-{at}")
            for at in range(arena.rounds(50))
        ]

    answers = arena.count(made_by(arena.race([partial(rival, at) for at in range(RIVALS)])))
    standing = check_whole(arena.store, clinic.id)
    assert len(standing) == sum(one.made is not None for one in answers) == SEATS
    assert {one.session for one in standing} == {standing[0].session}
    refused = [one for one in answers if one.against]
    assert all(
        {violation.reason for violation in one.against} <= {Reason.FULL, Reason.TAKEN}
        for one in refused
    )
    check_told(followed(clinic), standing)
    arena.check_patience(answers)


def test_seats_are_taken_and_given_back(arena: Arena) -> None:
    """The session comes and goes with its seats, and nobody is left in one that is gone."""
    clinic = opened(arena)

    def rival(number: int, store: Store) -> list[Told]:
        mine, chances = arena.clinic(store), arena.random(f"seats {number}")
        answers = []
        for _ in range(arena.rounds(40)):
            asked = start(chances.choice([0, 0, 3]), "class")
            answers.append(told(mine.appointments.book, asked, patient=f"p{number}"))
            made = answers[-1].made
            if isinstance(made, Appointment) and chances.random() < 0.9:
                answers.append(told(mine.appointments.cancel, made.id))
        return answers

    answers = arena.count(made_by(arena.race([partial(rival, at) for at in range(RIVALS)])))
    standing = [one for one in check_whole(arena.store, clinic.id) if one.claims_time]
    claims = arena.store.claims(clinic.id, [SMITH], 0, 2**40)
    sessions = {claim.id for claim in claims if claim.kind is ClaimKind.SESSION}
    assert sessions == {one.session for one in standing}
    for one in standing:
        told(clinic.appointments.cancel, one.id)
    assert arena.store.claims(clinic.id, [SMITH], 0, 2**40) == []
    check_whole(arena.store, clinic.id)
    arena.check_patience(answers)


def test_nobody_passes_the_cap_of_a_day(arena: Arena) -> None:
    """At no moment, as the events tell them, are more booked than may be."""
    clinic = opened(arena, per_day=CAP)

    def rival(number: int, store: Store) -> list[Told]:
        mine, chances = arena.clinic(store), arena.random(f"caps {number}")
        answers, own = list[Told](), list[str]()
        for _ in range(arena.rounds(30, least=10)):
            if own and chances.random() < 0.4:
                answers.append(told(mine.appointments.cancel, own.pop()))
                continue
            asked = start(chances.randrange(60))
            answers.append(told(mine.appointments.book, asked, patient=f"p{number}"))
            if isinstance(answers[-1].made, Appointment):
                own.append(answers[-1].made.id)
        return answers

    answers = arena.count(made_by(arena.race([partial(rival, at) for at in range(RIVALS)])))
    standing = check_whole(arena.store, clinic.id)
    booked = most = 0
    for one in followed(clinic):
        booked += one.event.name == "appointment.booked"
        booked -= one.event.name in FREED
        most = max(most, booked)
    assert most <= CAP, f"{most} were booked at once"
    assert booked == sum(one.claims_time for one in standing)
    assert any({Reason.DAY_FULL} & {why.reason for why in one.against} for one in answers)
    assert most == CAP, "nobody ever came to the cap: this showed nothing"
    arena.check_patience(answers)


def test_a_patients_open_visits_and_their_distance(arena: Arena) -> None:
    clinic = opened(arena, open_per_patient=3, spacing=timedelta(minutes=30))

    def rival(number: int, store: Store) -> list[Told]:
        mine, chances = arena.clinic(store), arena.random(f"open {number}")
        return [
            told(
                mine.appointments.book,
                start(chances.randrange(60)),
                patient=f"p{chances.randrange(2)}",
            )
            for _ in range(arena.rounds(12))
        ]

    answers = arena.count(made_by(arena.race([partial(rival, at) for at in range(RIVALS)])))
    standing = check_whole(arena.store, clinic.id)
    for who in ("p0", "p1"):
        starts = sorted(one.start for one in standing if one.patient == who)
        assert len(starts) == 3
        assert all(b - a >= timedelta(minutes=30) for a, b in pairwise(starts))
    arena.check_patience(answers)


def test_staff_double_and_give_back(arena: Arena) -> None:
    """Whoever gives time back leaves exactly the others' minutes."""
    clinic = opened(arena)

    def rival(number: int, store: Store) -> list[Told]:
        mine, chances = arena.clinic(store), arena.random(f"double {number}")
        answers, own = list[Told](), list[Appointment]()
        for _ in range(arena.rounds(30)):
            asked = start(chances.randrange(4))
            more: dict[str, Any] = {"override": "an emergency"} if chances.random() < 0.6 else {}
            match chances.randrange(4) if own else 0:
                case 0 | 1:
                    one = told(mine.appointments.book, asked, patient=f"p{number}", **more)
                    if isinstance(one.made, Appointment):
                        own.append(one.made)
                case 2:
                    one = told(mine.appointments.reschedule, own[-1].id, asked, **more)
                case _:
                    one = told(mine.appointments.cancel, own.pop().id)
            answers.append(one)
        return answers

    answers = arena.count(made_by(arena.race([partial(rival, at) for at in range(RIVALS)])))
    standing = check_whole(arena.store, clinic.id)
    for one in standing:
        if one.claims_time:
            told(clinic.appointments.cancel, attrs.evolve(one).id)
    assert check_whole(arena.store, clinic.id)
    assert arena.store.ledger(clinic.id, [SMITH], 20000, 21000) == {}
    arena.check_patience(answers)
