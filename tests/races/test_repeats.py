"""One command, sent many times at once under one idempotency key, is one command."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from tests.races.kit import MINUTE, NOW, Arena, Late
from tests.races.wholeness import check_told, check_whole, followed

from medsched import (
    AppointmentType,
    AvailabilityRule,
    Patient,
    Practice,
    Provider,
    Recurrence,
    Scheduler,
)
from medsched.domain.appointments import Appointment
from medsched.domain.holds import Hold
from medsched.domain.principals import Principal
from medsched.domain.starts import Start
from medsched.errors import IdempotencyMismatch
from medsched.ports.store import Store
from medsched.testing.fixed import FixedClock

DAILY = Recurrence.daily(start=date(2026, 1, 1))
CALLS = 50


def start(minutes: int = 0) -> Start:
    """So many minutes after nine o'clock tomorrow."""
    return Start("smith", "visit", NOW + timedelta(days=1, hours=9, minutes=minutes))


def opened(clinic: Practice) -> Practice:
    clinic.settings.configure(timezone="UTC")
    clinic.add_all(
        [
            Provider(id="smith"),
            AppointmentType(code="visit", duration=30 * MINUTE),
            AvailabilityRule("smith", DAILY, hours="09:00-17:00"),
            Patient(id="ada"),
            Patient(id="bob"),
        ]
    )
    return clinic


@pytest.fixture
def clinic(arena: Arena) -> Practice:
    return opened(arena.clinic())


def answers_of(arena: Arena, *calls: Callable[[Practice], object]) -> list[Any]:
    """What each of these returns, or the class of what it raises; all decide before one writes."""
    all_decided = arena.barrier(len(calls))

    def make(call: Callable[[Practice], object], store: Store) -> object:
        try:
            return call(arena.clinic(Late(store, all_decided)))
        except IdempotencyMismatch as error:
            return type(error)

    found = arena.race([partial(make, call) for call in calls])
    arena.score[arena.kind, "attempts"] += len(calls)
    return found


def whole(value: Any) -> tuple[Any, ...]:
    """An answer with its times, which are no part of what makes two of them equal."""
    return value, value.created_at, value.updated_at


def test_fifty_calls_under_one_key_book_once(arena: Arena, clinic: Practice) -> None:
    def call(mine: Practice) -> Appointment:
        return mine.appointments.book(start(), patient="ada", notes="x", idempotency_key="k")

    answers = answers_of(arena, *[call] * CALLS)
    assert {whole(one) for one in answers} == {whole(answers[0])}
    assert check_whole(arena.store, clinic.id) == [answers[0]]
    check_told(followed(clinic), [answers[0]])
    assert whole(call(clinic)) == whole(answers[0])


def test_other_commands_under_one_key(arena: Arena, clinic: Practice) -> None:
    """A hold, its confirmation, a move, a cancellation: each by twelve at once, each done once."""
    held = answers_of(
        arena,
        *[lambda mine: mine.holds.place(start(60), lasting=60 * MINUTE, idempotency_key="k")] * 12,
    )
    assert {whole(one) for one in held} == {whole(held[0])}
    id = held[0].id
    made = answers_of(
        arena, *[lambda mine: mine.holds.confirm(id, patient="ada", idempotency_key="k")] * 12
    )
    assert {whole(one) for one in made} == {whole(made[0])}
    id = made[0].id
    moved = answers_of(
        arena,
        *[lambda mine: mine.appointments.reschedule(id, start(120), idempotency_key="k")] * 12,
    )
    assert {whole(one) for one in moved} == {whole(moved[0])}
    assert (moved[0].version, len(moved[0].moves)) == (2, 1)
    called_off = answers_of(
        arena, *[lambda mine: mine.appointments.cancel(id, reason="ill", idempotency_key="k")] * 12
    )
    assert {whole(one) for one in called_off} == {whole(called_off[0])}
    assert check_whole(arena.store, clinic.id) == [called_off[0]]
    check_told(followed(clinic), called_off[:1])
    assert arena.store.page(clinic.id, Hold, active=None, where={}, after=None, limit=9) == []


def test_two_requests_under_one_key(arena: Arena, clinic: Practice) -> None:
    """One of them is done, whichever comes first; who sent the other one is told so."""

    def call(minutes: int) -> Callable[[Practice], Appointment]:
        return lambda mine: mine.appointments.book(
            start(minutes), patient="ada", idempotency_key="k"
        )

    answers = answers_of(arena, *[call(60 * (number % 2)) for number in range(24)])
    (made,) = check_whole(arena.store, clinic.id)
    first = 0 if made.start == start().at else 1
    assert answers[first::2] == [made] * 12
    assert answers[1 - first :: 2] == [IdempotencyMismatch] * 12
    with pytest.raises(IdempotencyMismatch):
        call(30)(clinic)


def test_keys_of_others_are_other_keys(arena: Arena, clinic: Practice) -> None:
    """Another practice and another principal: each books once under the same key."""
    lakeside = opened(Scheduler(arena.store, clock=FixedClock(NOW)).practice("lakeside"))
    kim = Principal.trusted("kim")

    def mine(practice: Practice) -> Appointment:
        return practice.appointments.book(start(), patient="ada", idempotency_key="k")

    def kims(practice: Practice) -> Appointment:
        return practice.acting_as(kim).appointments.book(
            start(60), patient="ada", idempotency_key="k"
        )

    def there(practice: Practice) -> Appointment:
        store = practice._context.store
        other = Scheduler(store, clock=FixedClock(NOW)).practice("lakeside")
        return other.appointments.book(start(), patient="ada", idempotency_key="k")

    answers = answers_of(arena, *[mine, kims, there] * 5)
    for number, principal in enumerate(("system", "kim", "system")):
        same = answers[number::3]
        assert {whole(one) for one in same} == {whole(same[0])}
        assert same[0].created_by == principal
    assert {one.id for one in check_whole(arena.store, clinic.id)} == {
        answers[0].id,
        answers[1].id,
    }
    assert check_whole(arena.store, lakeside.id) == [answers[2]]
