"""Hours close while others book: whoever stands in them afterwards was seen by whoever closed.

The schedule's version sees to it: an appointment that was decided on the old hours commits
before they change, and is then found by a list that is read afterwards, or not at all. And
whoever says that nobody may stand there closes only once nobody does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import TypeAlias, cast

import attrs
import pytest
from tests.races.kit import MINUTE, NOW, Arena, Told, told
from tests.races.wholeness import check_told, check_whole, followed

from medsched import (
    AppointmentsStranded,
    AppointmentType,
    AvailabilityRule,
    Grid,
    Location,
    Need,
    Override,
    Patient,
    Practice,
    Provider,
    Reason,
    Recurrence,
    Room,
    StorageBusy,
)
from medsched.domain.appointments import Appointment
from medsched.domain.records import Resource
from medsched.domain.starts import Start
from medsched.ports.store import Store

DAILY = Recurrence.daily(start=date(2026, 1, 1))
BOOKERS = 6


def day(at: int) -> date:
    """Each round has a date of its own."""
    return NOW.date() + timedelta(days=1 + at)


def nine(at: int) -> timedelta:
    return timedelta(days=1 + at, hours=9)


# -------------------------------------------------------- what closes, and for whom


def closed(clinic: Practice, at: int, fate: str) -> None:
    clinic.availability.add(Override.closed(f"dr-{at}", day(at), reason="ill"), stranded=fate)


def partly_closed(clinic: Practice, at: int, fate: str) -> None:
    clinic.availability.add(
        Override.closed(f"dr-{at}", day(at), hours="10:00-24:00"), stranded=fate
    )


def replaced(clinic: Practice, at: int, fate: str) -> None:
    clinic.availability.add(
        Override.replaced(f"dr-{at}", day(at), hours="09:00-10:00"), stranded=fate
    )


def practice_closed(clinic: Practice, at: int, fate: str) -> None:
    clinic.availability.add(
        Override.closed(clinic.resource, day(at), reason="holiday"), stranded=fate
    )


def place_closed(clinic: Practice, at: int, fate: str) -> None:
    clinic.availability.add(
        Override.closed(Resource("location", f"place-{at}"), day(at)), stranded=fate
    )


def room_closed(clinic: Practice, at: int, fate: str) -> None:
    clinic.availability.add(Override.closed(Resource("room", f"room-{at}"), day(at)), stranded=fate)


def rule_shortened(clinic: Practice, at: int, fate: str) -> None:
    rule = clinic.availability.rules.get(f"rule-{at}")
    clinic.availability.rules.update(attrs.evolve(rule, hours=["09:00-10:00"]), stranded=fate)


def rule_deleted(clinic: Practice, at: int, fate: str) -> None:
    clinic.availability.rules.delete(f"rule-{at}", stranded=fate)


def provider_deactivated(clinic: Practice, at: int, fate: str) -> None:
    clinic.providers.deactivate(f"dr-{at}", stranded=fate)


def type_deactivated(clinic: Practice, at: int, fate: str) -> None:
    clinic.appointment_types.deactivate(f"visit-{at}", stranded=fate)


def room_deactivated(clinic: Practice, at: int, fate: str) -> None:
    clinic.rooms.deactivate(f"room-{at}", stranded=fate)


Close: TypeAlias = Callable[[Practice, int, str], None]
CLOSURES: Mapping[Close, set[Reason]] = {
    closed: {Reason.CLOSED},
    partly_closed: {Reason.CLOSED},
    replaced: {Reason.CLOSED},
    practice_closed: {Reason.CLOSED},
    place_closed: {Reason.CLOSED},
    room_closed: {Reason.RESOURCE_CLOSED},
    rule_shortened: {Reason.CLOSED},
    rule_deleted: {Reason.CLOSED},
    provider_deactivated: {Reason.INACTIVE},
    type_deactivated: {Reason.INACTIVE},
    room_deactivated: {Reason.RESOURCE_CLOSED, Reason.INACTIVE},
}
"""What closes the day, or all of it from ten o'clock, and what is said of it then."""
AN_HOUR_LEFT = (partly_closed, replaced, rule_shortened)


def stranded(close: Close, at: int, one: Appointment) -> bool:
    """Whether an appointment stands where nothing can be booked any more."""
    open_until = NOW + nine(at) + timedelta(hours=close in AN_HOUR_LEFT)
    return one.end > open_until


# ------------------------------------------------------------------------- the race


@attrs.frozen
class Closing:
    """What came of one closure: who was seen by whoever closed, and for whom it was refused."""

    listed: frozenset[str]
    busy: int
    refused: Sequence[Appointment] = ()


def count(arena: Arena) -> int:
    """How many closures there are: each kind at least once."""
    return arena.rounds(4 * len(CLOSURES), least=len(CLOSURES))


@pytest.fixture
def clinic(arena: Arena) -> Practice:
    clinic = arena.clinic()
    clinic.settings.configure(timezone="UTC")
    clinic.add_all(Patient(id=f"p{number}") for number in range(BOOKERS))
    for at in range(count(arena)):
        room = Need.room(f"room-{at}")
        visit = AppointmentType(
            code=f"visit-{at}", duration=10 * MINUTE, grid=Grid.clock(5 * MINUTE), needs=[room]
        )
        clinic.add_all(
            [
                Location(id=f"place-{at}"),
                Room(id=f"room-{at}", location=f"place-{at}"),
                Provider(id=f"dr-{at}", location=f"place-{at}"),
                visit,
                AvailabilityRule(f"dr-{at}", DAILY, hours="09:00-24:00", id=f"rule-{at}"),
            ]
        )
    return clinic


def run(
    arena: Arena, closer_of: Callable[[Practice, Close, int], Closing]
) -> tuple[list[Close], list[Closing], list[list[Told]]]:
    """Let one close and others book until they are told so: what came of it, by closure."""
    closures = [list(CLOSURES)[at % len(CLOSURES)] for at in range(count(arena))]
    together = arena.barrier(BOOKERS + 1)

    def booker(number: int, store: Store) -> list[list[Told]]:
        """Books, in an order of its own, until told that it is closed."""
        mine, chances = arena.clinic(store), arena.random(f"booker {number}")
        answers = []
        for at in range(len(closures)):
            starts = [NOW + nine(at) + 5 * step * MINUTE for step in range(180)]
            chances.shuffle(starts)
            some, ends = list[Told](), False
            together.wait()
            while not ends:
                asked = Start(f"dr-{at}", f"visit-{at}", starts[len(some) % len(starts)])
                some.append(told(mine.appointments.book, asked, patient=f"p{number}"))
                ends = bool(some[-1].reasons - {Reason.TAKEN})
            answers.append(some)
        return answers

    def closer(store: Store) -> list[Closing]:
        mine, chances = arena.clinic(store), arena.random("closer")
        found = []
        for at, close in enumerate(closures):
            together.wait()
            while at % 2 and not mine.appointments.list(provider=f"dr-{at}", limit=1):
                time.sleep(0.005)
            time.sleep(chances.uniform(0, 0.06))
            found.append(closer_of(mine, close, at))
        return found

    works: list[Callable[[Store], list[list[Told]] | list[Closing]]] = [
        closer,
        *(partial(booker, number) for number in range(BOOKERS)),
    ]
    closings, *booked = arena.race(works)
    done = cast("list[Closing]", closings)
    arena.score[arena.kind, "busy"] += sum(one.busy for one in done)
    answers = [
        [one for some in booked for one in some[at]]  # type: ignore[union-attr]
        for at in range(len(closures))
    ]
    for some in answers:
        arena.count(some)
        arena.check_patience(some)
    return closures, done, answers


def until_it_is_done(closing: Callable[[], None]) -> int:
    """Close however long it takes; how often it was too busy."""
    busy = 0
    while True:
        try:
            closing()
        except StorageBusy:
            busy += 1
        else:
            return busy


def test_nobody_stands_unseen_in_time_that_was_closed(arena: Arena, clinic: Practice) -> None:
    def keep(mine: Practice, close: Close, at: int) -> Closing:
        busy = until_it_is_done(partial(close, mine, at, "keep"))
        listed = mine.appointments.list(provider=f"dr-{at}", status="booked", limit=1000)
        return Closing(frozenset(one.id for one in listed), busy)

    closures, closings, answered = run(arena, keep)
    standing = check_whole(arena.store, "riverside")
    check_told(followed(clinic), standing)
    seen = 0
    for at, close in enumerate(closures):
        closing, answers = closings[at], answered[at]
        made = {one.made.id for one in answers if one.made is not None}
        here = [one for one in standing if one.provider == f"dr-{at}"]
        assert {one.id for one in here} == made
        caught = [one for one in here if stranded(close, at, one)]
        unseen = [one for one in caught if one.id not in closing.listed]
        assert unseen == [], f"{close.__name__} reported {len(closing.listed)}, and there are more"
        told_so = set().union(*(one.reasons for one in answers)) - {Reason.TAKEN}
        assert told_so & CLOSURES[close], close.__name__
        seen += len(caught)
    assert seen, "nobody was ever booked before it closed: this showed nothing"


def test_nobody_is_left_standing_in_time_that_was_closed(arena: Arena, clinic: Practice) -> None:
    """It is refused while anybody stands there; then all who do are cancelled with it."""

    def cancel(mine: Practice, close: Close, at: int) -> Closing:
        try:
            busy = until_it_is_done(partial(close, mine, at, "refuse"))
        except AppointmentsStranded as error:
            told = [one.appointment for one in error.stranded]
            again = until_it_is_done(partial(close, mine, at, "cancel"))
            return Closing(frozenset(one.id for one in told), again, told)
        return Closing(frozenset(), busy)

    closures, closings, answered = run(arena, cancel)
    standing = check_whole(arena.store, "riverside")
    check_told(followed(clinic), standing)
    gone = 0
    for at, close in enumerate(closures):
        made = {one.made.id for one in answered[at] if one.made is not None}
        here = [one for one in standing if one.provider == f"dr-{at}"]
        assert {one.id for one in here} == made
        refused = closings[at].refused
        assert all(stranded(close, at, one) for one in refused), f"{close.__name__} told others"
        left = [one for one in here if one.claims_time and stranded(close, at, one)]
        assert left == [], f"{close.__name__} left {len(left)} of {len(here)} standing"
        off = [one for one in here if not one.claims_time]
        assert all(stranded(close, at, one) for one in off), f"{close.__name__} cancelled others"
        gone += len(off)
    assert any(one.refused for one in closings), "it was never refused: this showed nothing"
    assert gone, "nobody was ever cancelled: this showed nothing"
