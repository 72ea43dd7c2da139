"""The example of the third requirement: appointments between patients and providers.

John Doe sees Dr. Jane Smith at Hope Clinic on 15 January 2025, 10:00 to 10:30 UTC.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import attrs
import pytest

from medsched import (
    AppointmentType,
    AvailabilityRule,
    Grid,
    InvalidDuration,
    Location,
    MemoryStore,
    Patient,
    Practice,
    Provider,
    Reason,
    Recurrence,
    ResourceKind,
    Scheduler,
)
from medsched.domain.refusals import BookingRefused
from medsched.domain.starts import Start
from medsched.errors import InvalidTransition
from medsched.testing.fixed import FixedClock, NumberedIds

TEN = datetime(2025, 1, 15, 10, tzinfo=UTC)
MADE = datetime(2025, 1, 10, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def at(minutes: int = 0, provider: str = "smith", type: str = "consultation") -> Start:
    """So many minutes after ten o'clock."""
    return Start(provider, type, TEN + minutes * MINUTE)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(MADE)


@pytest.fixture
def clinic(clock: FixedClock) -> Practice:
    scheduler = Scheduler(MemoryStore(), clock=clock, ids=NumberedIds())
    clinic = scheduler.practice("opencare")
    clinic.settings.configure(
        timezone="UTC",
        bookable_roles=frozenset({"doctor", "nurse", "midwife", "community_worker"}),
    )
    providers = [
        Provider(id="smith", name="Dr. Jane Smith", role="doctor", location="hope"),
        Provider(id="okoro", name="Ada Okoro", role="midwife", location="hope"),
        Provider(id="field", name="Sam Field", role="community_worker"),
        Provider(id="clerk", name="Max Clerk", role="receptionist"),
        Provider(id="nobody", name="Without Role"),
    ]
    clinic.add_all(
        [
            Location(id="hope", name="Hope Clinic", exclusive=True),
            *providers,
            Patient(id="1", name="John Doe"),
            Patient(id="2", name="Jane Doe"),
            AppointmentType(
                code="consultation", duration=30 * MINUTE, grid=Grid.clock(15 * MINUTE)
            ),
            AppointmentType(code="vaccination", duration=5 * MINUTE),
            *(
                AvailabilityRule(
                    one.id, Recurrence.daily(start=date(2025, 1, 1)), hours="08:00-18:00"
                )
                for one in providers
            ),
        ]
    )
    return clinic


def test_the_appointment_of_the_example(clinic: Practice, clock: FixedClock) -> None:
    made = clinic.appointments.book(at(), patient="1", reason="Routine checkup")
    read = clinic.appointments.get(made.id)
    assert read == made
    assert (read.start, read.end, read.duration) == (TEN, TEN + 30 * MINUTE, 30 * MINUTE)
    assert (read.type, read.reason, read.status.value) == (
        *("consultation", "Routine checkup"),
        "booked",  # "scheduled" there
    )
    assert clinic.patients.get(read.patient).name == "John Doe"
    assert clinic.providers.get(read.provider).name == "Dr. Jane Smith"
    assert clinic.locations.get(read.location or "").name == "Hope Clinic"
    assert read.created_at == read.updated_at == MADE
    assert read.is_upcoming(clock.now())
    assert not read.is_upcoming(TEN)


def test_it_must_be_in_the_future(clinic: Practice, clock: FixedClock) -> None:
    clock.set(TEN + timedelta(seconds=1))
    with pytest.raises(BookingRefused) as caught:
        clinic.appointments.book(at(), patient="1")
    assert [one.reason for one in caught.value.violations] == [Reason.TOO_SOON]
    clinic.appointments.book(at(15), patient="1")


def test_it_lasts_five_minutes_at_least(clinic: Practice) -> None:
    with pytest.raises(InvalidDuration):
        clinic.appointment_types.create(code="glance", duration=4 * MINUTE)
    assert clinic.appointments.book(at(type="vaccination"), patient="1").duration == 5 * MINUTE


def test_nobody_is_booked_twice(clinic: Practice) -> None:
    clinic.appointments.book(at(), patient="1")
    with pytest.raises(BookingRefused) as caught:
        clinic.appointments.book(at(15), patient="1")
    assert set(caught.value.by_resource) == {
        ResourceKind.PROVIDER,
        ResourceKind.PATIENT,
        ResourceKind.LOCATION,
    }
    assert all(len(told) == 1 for told in caught.value.by_resource.values())
    clinic.appointments.book(at(30), patient="1")


@pytest.mark.parametrize("others", ["provider", "patient", "facility"])
def test_each_of_the_three_is_told_alone(clinic: Practice, others: str) -> None:
    clinic.appointments.book(at(), patient="1")
    branch = Location(id="branch")
    clinic.add_all([branch])
    provider = clinic.providers.get("okoro")
    asked: dict[str, Any]
    if others == "provider":
        rule = clinic.availability.rules.list(resource=clinic.providers.get("smith").resource)
        elsewhere = attrs.evolve(rule.items[0], location="branch")
        clinic.availability.rules.update(elsewhere, stranded="keep")
        asked = {"slot": at(15), "patient": "2"}
    elif others == "patient":
        clinic.providers.update(attrs.evolve(provider, location="branch"))
        asked = {"slot": at(15, "okoro"), "patient": "1"}
    else:
        asked = {"slot": at(15, "okoro"), "patient": "2"}
    with pytest.raises(BookingRefused) as caught:
        clinic.appointments.book(**asked)
    kinds = {"provider": "provider", "patient": "patient", "facility": "location"}
    assert [kind.value for kind in caught.value.by_resource] == [kinds[others]]


def test_who_can_be_booked(clinic: Practice) -> None:
    for provider, patient in (("smith", "1"), ("field", "2")):
        clinic.appointments.book(at(0, provider), patient=patient)
    for provider in ("clerk", "nobody"):
        with pytest.raises(BookingRefused) as caught:
            clinic.appointments.book(at(60, provider), patient="1")
        assert [one.reason for one in caught.value.violations] == [Reason.NOT_BOOKABLE]
        listed = clinic.availability.slots(
            provider, "consultation", TEN, TEN + timedelta(days=1), patient="1"
        )
        assert len(listed) == 0, "what is not bookable is not listed"
    clinic.settings.configure(bookable_roles=None)
    clinic.appointments.book(at(60, "nobody"), patient="1")


@pytest.mark.parametrize("who", ["provider", "patient"])
def test_provider_and_patient_must_be_active(clinic: Practice, who: str) -> None:
    if who == "provider":
        clinic.providers.deactivate("smith")
    else:
        clinic.patients.deactivate("1")
    with pytest.raises(BookingRefused) as caught:
        clinic.appointments.book(at(), patient="1")
    assert [
        (one.reason, one.resource and one.resource.kind) for one in caught.value.violations
    ] == [(Reason.INACTIVE, who)]


def test_lists(clinic: Practice, clock: FixedClock) -> None:
    here = clinic.appointments
    for id, slot, patient in (
        ("a", at(60), "1"),
        ("b", at(30, "okoro"), "2"),
        ("c", at(0), "2"),
        ("d", at(90, "field", "vaccination"), "1"),
    ):
        here.book(slot, patient=patient, id=id)
        clock.advance(MINUTE)
    here.cancel("c")

    def ids(**asked: Any) -> list[str]:
        return [one.id for one in here.list(**asked)]

    assert ids() == ids(order="start") == ["c", "b", "a", "d"]
    assert ids(order="created") == ["a", "b", "c", "d"]
    assert ids(provider="smith") == ["c", "a"]
    assert ids(patient="1") == ["a", "d"]
    assert ids(location="hope") == ["c", "b", "a"]
    assert ids(status="booked") == ["b", "a", "d"]
    assert ids(type="vaccination") == ["d"]
    assert ids(upcoming=True) == ["b", "a", "d"]
    assert ids(search="2") == ids(search="jane doe") == ["c", "b"]
    assert ids(search="Jane") == ["c", "b", "a"], "Jane Doe, and Dr. Jane Smith"
    assert ids(search="okoro") == ["b"]
    page = here.list(limit=3)
    assert len(page) == 3
    assert [one.id for one in here.list(limit=3, cursor=page.next)] == ["d"]


def test_conflicts_are_checked_by_hand(clinic: Practice) -> None:
    proposed = clinic.appointments.propose(at(), patient="1")
    assert clinic.appointments.conflicts(proposed) == {}
    booked = clinic.appointments.book(at(15), patient="2")
    told = clinic.appointments.conflicts(proposed)
    assert {one.kind.value for one in told} == {"provider", "location"}
    for claims in told.values():
        assert [(claim.id, claim.start, claim.end) for claim in claims] == [
            (booked.id, booked.start, booked.end)
        ]


def test_updating_checks_again(clinic: Practice) -> None:
    clinic.appointments.book(at(30), patient="2")
    made = clinic.appointments.book(at(), patient="1", reason="Annual checkup")
    with pytest.raises(BookingRefused):
        clinic.appointments.reschedule(made, at(15))
    noted = clinic.appointments.annotate(made, reason="Routine checkup")
    moved = clinic.appointments.reschedule(noted, at(60))
    assert (moved.reason, moved.start) == ("Routine checkup", TEN + 60 * MINUTE)


@pytest.mark.parametrize(
    "command, status", [("cancel", "cancelled"), ("fulfil", "fulfilled"), ("mark_noshow", "noshow")]
)
def test_how_it_ends(clinic: Practice, command: str, status: str) -> None:
    made = clinic.appointments.book(at(), patient="1")
    ended = getattr(clinic.appointments, command)(made)
    assert ended.status == status
    with pytest.raises(InvalidTransition):
        clinic.appointments.accept(ended)
    again = {"cancelled": True, "fulfilled": False, "noshow": False}[status]
    if again:
        clinic.appointments.book(at(), patient="2")
    else:
        with pytest.raises(BookingRefused):
            clinic.appointments.book(at(), patient="2")


def test_what_the_library_must_tell_whoever_notifies(clinic: Practice) -> None:
    seen = clinic.events.after()[-1].number
    made = clinic.appointments.book(at(), patient="1")
    clinic.appointments.reschedule(made, at(60))
    clinic.appointments.cancel(made.id)
    told = [one.event for one in clinic.events.after(seen)]
    assert [(one.name, one.id) for one in told] == [
        ("appointment.booked", made.id),
        ("appointment.rescheduled", made.id),
        ("appointment.cancelled", made.id),
    ]
