"""Many want the same day, the same rooms, the same minute: nobody is ever taken twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial

from tests.races.kit import MINUTE, NOW, Arena, Late, Told, told
from tests.races.wholeness import check_told, check_whole, followed

from medsched import (
    AppointmentType,
    AvailabilityRule,
    Device,
    Grid,
    Location,
    Need,
    Patient,
    Practice,
    Provider,
    Reason,
    Recurrence,
    Room,
)
from medsched.domain.appointments import Appointment
from medsched.domain.records import Resource
from medsched.domain.starts import Start
from medsched.ports.store import Store
from medsched.timeline.instants import minute_of

DAILY = Recurrence.daily(start=date(2026, 1, 1))
TENS = Grid.clock(10 * MINUTE)


def day(number: int) -> datetime:
    """The midnight of a day to come."""
    return NOW + timedelta(days=1 + number)


def check_answers(arena: Arena, answers: Sequence[Told]) -> list[Appointment]:
    """Who was told of an appointment has it; who was told that something is taken, was told so."""
    arena.count(answers)
    standing = check_whole(arena.store, "riverside")
    assert {one.id: one for one in standing} == {
        one.made.id: one.made for one in answers if one.made is not None
    }
    clinic = arena.clinic()
    check_told(followed(clinic), standing)
    taken = {
        (span.resource, minute)
        for one in standing
        for span in one.spans
        for minute in range(span.low, span.high)
    }
    for one in answers:
        assert one.reasons <= {Reason.TAKEN, Reason.NO_COMBINATION}, "all else about it was right"
        for violation in one.against:
            assert violation.start is not None
            if violation.reason is Reason.TAKEN:
                assert violation.resource is not None
                assert violation.end is not None
                low, high = (
                    minute_of(at, rounding="up") for at in (violation.start, violation.end)
                )
                assert all((violation.resource, minute) in taken for minute in range(low, high))
    arena.check_patience(answers)
    return standing


# ----------------------------------------------------------------------- one provider


def test_rivals_for_one_providers_day(arena: Arena) -> None:
    """Each round another day, of which every rival wants a random half-hour at once."""
    rivals, days = 32, arena.rounds(60)
    clinic = arena.clinic()
    clinic.settings.configure(timezone="UTC")
    clinic.add_all(
        [
            Provider(id="smith"),
            AppointmentType(code="visit", duration=30 * MINUTE, grid=TENS),
            AvailabilityRule("smith", DAILY, hours="08:00-18:00"),
            *(Patient(id=f"p{number}") for number in range(rivals)),
        ]
    )
    together = arena.barrier(rivals)

    def rival(number: int, store: Store) -> list[Told]:
        mine, answers = arena.clinic(store), list[Told]()
        chances = arena.random(number)
        for at in range(days):
            start = day(at) + timedelta(hours=8) + 10 * chances.randrange(58) * MINUTE
            asked = Start("smith", "visit", start)
            together.wait()
            answers.append(told(mine.appointments.book, asked, patient=f"p{number}"))
        return answers

    found = arena.race([partial(rival, number) for number in range(rivals)])
    answers = [one for some in found for one in some]
    assert len(answers) == rivals * days
    standing = check_answers(arena, answers)
    for one in answers:
        if one.against:
            assert any(
                other.start < one.asked.at + 30 * MINUTE and one.asked.at < other.end
                for other in standing
            ), "refused, and nothing is in the way"
    busiest = max(sum(one.start.date() == day(at).date() for one in standing) for at in range(days))
    assert 1 < busiest <= 20


def test_a_thousand_attempts_at_one_slot(arena: Arena) -> None:
    """All of them find it free before the first one takes it."""
    rivals, attempts = 64, arena.rounds(1000)
    clinic = arena.clinic()
    clinic.settings.configure(timezone="UTC")
    clinic.add_all(
        [
            Provider(id="smith"),
            AppointmentType(code="visit", duration=30 * MINUTE),
            AvailabilityRule("smith", DAILY, hours="09:00-17:00"),
            *(Patient(id=f"p{number}") for number in range(rivals)),
        ]
    )
    (slot,) = clinic.availability.slots(
        "smith", "visit", day(0) + timedelta(hours=9), day(0) + timedelta(hours=9, minutes=1)
    )
    wanted, all_decided = slot.id, arena.barrier(rivals)

    def rival(number: int, store: Store) -> list[Told]:
        mine = arena.clinic(Late(store, all_decided))
        return [
            told(mine.appointments.book, wanted, patient=f"p{number}")
            for _ in range(number, attempts, rivals)
        ]

    found = arena.race([partial(rival, number) for number in range(rivals)])
    answers = [one for some in found for one in some]
    assert len(answers) == attempts
    (winner,) = check_answers(arena, answers)
    assert winner.start == slot.start
    assert sum(Reason.TAKEN in one.reasons for one in answers) == attempts - 1


# ---------------------------------------------------------------- rooms, devices, orders


def mixed(clinic: Practice) -> None:
    """Two providers at work around midnight, and types that want the same things in two orders."""
    first, second = (Resource("room", f"r{number}") for number in (1, 2))
    clinic.settings.configure(timezone="UTC")
    clinic.add_all(
        [
            Location(id="main", exclusive=False),
            *(Room(id=one.id, location="main") for one in (first, second)),
            Device(id="d1"),
            Device(id="d2"),
            *(Provider(id=id, location="main") for id in ("jones", "smith")),
            AppointmentType(
                code="scan",
                duration=20 * MINUTE,
                grid=TENS,
                needs=[Need.room("r1", "r2"), Need.device("d1", "d2", after=10 * MINUTE)],
            ),
            AppointmentType(
                code="surgery",
                duration=40 * MINUTE,
                buffer_before=10 * MINUTE,
                grid=TENS,
                needs=[Need.device("d2", "d1"), Need.room("r2", "r1"), Need.room("r1", "r2")],
            ),
            *(
                AvailabilityRule(id, DAILY, hours="20:00-04:00 overnight")
                for id in ("smith", "jones")
            ),
        ]
    )


def test_rooms_devices_and_patients_in_opposite_orders(arena: Arena) -> None:
    """Patients are registered on the way; each pair of rivals goes the other's way round."""
    rivals, nights = 12, arena.rounds(12)
    mixed(arena.clinic())
    together = arena.barrier(rivals)

    def rival(number: int, store: Store) -> list[Told]:
        mine, answers = arena.clinic(store, registers_patients=True), list[Told]()
        chances = arena.random(f"mix {number // 2}")  # the same for both of a pair
        for at in range(nights):
            midnight = day(at).replace(tzinfo=UTC)
            plans = [
                (provider, chances.choice(["scan", "surgery"]), f"n{at}-{patient}")
                for provider in ("smith", "jones")
                for patient in (chances.randrange(6), chances.randrange(6))
            ]
            start = midnight + 10 * chances.randrange(-6, 6) * MINUTE
            together.wait()
            for provider, type, patient in plans if number % 2 else plans[::-1]:
                asked = Start(provider, type, start)
                answers.append(told(mine.appointments.book, asked, patient=patient))
        return answers

    found = arena.race([partial(rival, number) for number in range(rivals)])
    standing = check_answers(arena, [one for some in found for one in some])
    assert {one.provider for one in standing} == {"smith", "jones"}
    registered = {one.id for one in arena.clinic().patients.list(limit=1000)}
    assert registered == {one.patient for one in standing}, "who was refused is not registered"
