"""What happened, in order, for whoever follows: each change once, and ids only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import attrs
import pytest
from tests.services.test_appointments import MINUTE, nine, opened, start

from medsched import InvalidNumber, MedschedError, Practice, Scheduler
from medsched.domain.events import NumberedEvent
from medsched.testing.fixed import FixedClock


@pytest.fixture
def clinic(clinic: Practice) -> Practice:
    return opened(clinic)


def since(clinic: Practice, number: int) -> list[tuple[str, str, int]]:
    return [
        (one.event.name, one.event.id, one.event.version) for one in clinic.events.after(number)
    ]


def last(clinic: Practice) -> int:
    return clinic.events.after()[-1].number


def test_every_change_is_told_once(clinic: Practice, clock: FixedClock) -> None:
    seen, here = last(clinic), clinic.appointments
    here.book(start(), patient="ada", id="A")
    here.reschedule("A", start(30))
    here.annotate("A", notes="new")
    here.cancel("A")
    here.enter_in_error("A")
    here.request(start(), patient="ada", id="B")
    here.accept("B")
    here.propose(start(30), patient="ada", id="C")
    clinic.holds.place(start(60), id="H")
    clinic.holds.release("H")
    clinic.holds.place(start(60), patient="bob", id="I")
    clinic.holds.confirm("I")
    clinic.holds.place(start(90), id="J")
    clock.advance(10 * MINUTE)
    clinic.holds.sweep()
    made = here.list(patient="bob").items[0].id
    assert since(clinic, seen) == [
        ("appointment.booked", "A", 1),
        ("appointment.rescheduled", "A", 2),
        ("appointment.updated", "A", 3),
        ("appointment.cancelled", "A", 4),
        ("appointment.entered-in-error", "A", 5),
        ("appointment.requested", "B", 1),
        ("appointment.booked", "B", 2),
        ("appointment.proposed", "C", 1),
        ("hold.held", "H", 1),
        ("hold.released", "H", 1),
        ("hold.held", "I", 1),
        ("hold.confirmed", "I", 1),
        ("appointment.booked", made, 1),
        ("hold.held", "J", 1),
        ("hold.expired", "J", 1),
    ]


def test_what_changes_nothing_tells_nothing(clinic: Practice) -> None:
    made = clinic.appointments.book(start(), patient="ada", idempotency_key="k")
    off = clinic.appointments.cancel(made)
    seen = last(clinic)
    clinic.appointments.book(start(), patient="ada", idempotency_key="k")
    clinic.appointments.cancel(off)
    clinic.appointments.annotate(off, notes="")
    kept = clinic.holds.place(start(30))
    failing: Sequence[Callable[[], object]] = (
        lambda: clinic.appointments.book(start(30), patient="ada"),
        lambda: clinic.appointments.book(start(60), patient="nobody"),
        lambda: clinic.appointments.arrive(off),
        lambda: clinic.appointments.cancel("Z"),
        lambda: clinic.holds.confirm(kept),
    )
    for fail in failing:
        with pytest.raises(MedschedError):
            fail()
    clinic.holds.sweep()
    assert since(clinic, seen) == [("hold.held", kept.id, 1)]


def test_numbers_have_no_gaps_and_never_change(clinic: Practice) -> None:
    first = list(clinic.events.after())
    for minutes in (0, 30, 60):
        clinic.appointments.book(start(minutes), patient="ada")
    again = list(clinic.events.after())
    assert again[: len(first)] == first
    assert [one.number for one in again] == list(range(1, len(again) + 1))


def test_a_follower_reads_on_from_where_it_was(clinic: Practice) -> None:
    everything, seen = list(clinic.events.after()), list[NumberedEvent]()
    while page := clinic.events.after(seen[-1].number if seen else 0, limit=3):
        assert len(page) <= 3
        seen += page
    assert seen == everything
    assert list(clinic.events.after(last(clinic))) == []
    assert list(clinic.events.after(10**9)) == []


@pytest.mark.parametrize(
    "asked", [{"number": -1}, {"number": True}, {"number": "1"}, {"limit": 0}, {"limit": 1001}]
)
def test_what_cannot_be_asked(clinic: Practice, asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidNumber):
        clinic.events.after(**asked)


def test_practices_are_told_apart(clinic: Practice, scheduler: Scheduler) -> None:
    before = list(clinic.events.after())
    other = scheduler.practice("lakeside")
    assert list(other.events.after()) == []
    opened(other).appointments.book(start(), patient="ada")
    assert list(clinic.events.after()) == before
    assert other.events.after()[0].number == 1


def test_events_carry_ids_and_nothing_else(clinic: Practice) -> None:
    clinic.patients.create(id="eve", name="SECRET", email="SECRET@example.org")
    clinic.appointments.book(start(), patient="eve", reason="SECRET", notes="SECRET", id="A")
    clinic.appointments.cancel("A", reason="SECRET")
    for one in clinic.events.after():
        assert "SECRET" not in repr(one)
        assert "SECRET" not in repr(attrs.asdict(one.event))
        assert one.event.name.startswith(f"{one.event.kind.value}.")
        assert one.event.schema == 1


def test_who_follows_while_others_book_misses_none(clinic: Practice) -> None:
    clinic.appointment_types.create(code="short", duration=5 * MINUTE)
    before, done, ready = last(clinic), Event(), Barrier(4)

    def book(worker: int) -> list[str]:
        ready.wait(30)
        made = []
        for number in range(4):
            at = start(5 * (worker * 4 + number) + 1440 * worker, "short")
            made.append(clinic.appointments.book(at, patient="ada").id)
        return made

    def follow() -> list[NumberedEvent]:
        seen, at = list[NumberedEvent](), before
        ready.wait(30)
        while True:
            over = done.is_set()
            page = clinic.events.after(at, limit=2)
            seen += page
            at = page[-1].number if page else at
            if over and not page:
                return seen

    with ThreadPoolExecutor(4) as threads:
        following = threads.submit(follow)
        made = [id for some in threads.map(book, range(3)) for id in some]
        done.set()
        seen = following.result(60)
    assert sorted(one.event.id for one in seen) == sorted(made)
    assert [one.number for one in seen] == list(range(before + 1, before + 13))
    assert clinic.appointments.get(made[0]).start == nine()
