"""The example of the first requirement: a year's Thursdays of a clinic in New York.

2024-02-15 to 2024-08-15 weekly, 09:00-17:00, slots of 30 minutes and 15 between them.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import attrs
import pytest

from medsched import (
    Address,
    AppointmentsStranded,
    AvailabilityRule,
    BookingRefused,
    Claim,
    ClaimKind,
    Hours,
    MemoryStore,
    OverlappingRules,
    Practice,
    Pricing,
    Reason,
    Recurrence,
    Scheduler,
    Slot,
    SlotsOverlap,
    SlotStatus,
)
from medsched.testing.fixed import FixedClock

FIRST, LAST = date(2024, 2, 15), date(2024, 8, 15)
LOW, HIGH = datetime(2024, 2, 15, 5, tzinfo=UTC), datetime(2024, 8, 16, 4, tzinfo=UTC)
WALL = ["09:00", "09:45", "10:30", "11:15", "12:00", "12:45", "13:30", "14:15", "15:00"]
WALL += ["15:45", "16:30"]


@pytest.fixture(scope="module")
def clinic() -> Practice:
    return opened(Scheduler(MemoryStore()).practice("medical-center"))


def opened(clinic: Practice) -> Practice:
    """What the first endpoint is asked to create."""
    clinic.locations.create(
        id="clinic",
        kind="clinic",
        address=Address(
            line="123 Medical Center Dr", city="New York", state="NY", postal_code="10001"
        ),
    )
    clinic.rooms.create(id="room-205", name="Room 205", location="clinic")
    clinic.appointment_types.create(code="consultation", duration=timedelta(minutes=30))
    clinic.providers.create(id="doe", name="Dr. John Doe", timezone="America/New_York")
    clinic.availability.add(
        AvailabilityRule(
            "doe",
            Recurrence.weekly(None, start=FIRST, until=LAST),
            id="consultations",
            hours=Hours("09:00", "17:00"),
            timezone="America/New_York",
            slot_duration=timedelta(minutes=30),
            break_duration=timedelta(minutes=15),
            types={"consultation"},
            location="clinic",
            room="room-205",
            pricing=Pricing(base_fee=Decimal("150.00"), currency="USD", insurance_accepted=True),
            special_requirements={"fasting_required", "bring_insurance_card"},
            notes="Standard consultation slots",
        )
    )
    return clinic


def thursdays() -> list[date]:
    return [FIRST + timedelta(weeks=week) for week in range(27)]


def test_eleven_slots_on_each_of_27_days(clinic: Practice) -> None:
    slots = clinic.availability.slots("doe", "consultation", LOW, HIGH, now=LOW)
    assert len(slots) == 297
    grouped = slots.by_date()
    assert list(grouped) == thursdays()
    assert thursdays()[-1] == LAST
    for some in grouped.values():
        assert [f"{slot.local_start:%H:%M}" for slot in some] == WALL
        assert {slot.duration for slot in some} == {timedelta(minutes=30)}


def test_nothing_before_or_after(clinic: Practice) -> None:
    low, high = datetime(2023, 6, 1, tzinfo=UTC), datetime(2025, 5, 1, tzinfo=UTC)
    assert len(clinic.availability.slots("doe", "consultation", low, high, now=low)) == 297


def test_exact_instants_on_both_sides_of_10_march(clinic: Practice) -> None:
    slots = clinic.availability.slots("doe", "consultation", LOW, HIGH, now=LOW)
    by_date = slots.by_date()
    # UTC-5 until 7 March, UTC-4 from 14 March on
    for day, hour in ((FIRST, 14), (date(2024, 3, 7), 14), (date(2024, 3, 14), 13), (LAST, 13)):
        first = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
        expected = [first + index * timedelta(minutes=45) for index in range(11)]
        assert [slot.start for slot in by_date[day]] == expected
    for slot in slots:
        hours = 5 if slot.start < datetime(2024, 3, 10, 7, tzinfo=UTC) else 4
        wall = slot.local_start.replace(tzinfo=UTC)
        assert wall - slot.start == timedelta(hours=-hours)


def test_what_the_creation_answers(clinic: Practice) -> None:
    opened = clinic.availability.opened("consultations", "consultation", LOW, HIGH)
    assert (opened.total, opened.seats) == (297, 297)
    one_day = clinic.availability.opened(
        "consultations", "consultation", LOW, LOW + timedelta(days=1)
    )
    assert one_day.total == 11


def test_the_availability_summary(clinic: Practice) -> None:
    """Total, available, booked, held and blocked of a day."""
    slots = clinic.availability.slots("doe", "consultation", LOW, HIGH, now=LOW)
    kinds = (ClaimKind.APPOINTMENT, ClaimKind.APPOINTMENT, ClaimKind.HOLD, ClaimKind.BLOCKING)
    busy = [
        Claim.of("doe", slot.start, slot.end, kind=kind, id=f"claim-{index}")
        for index, (slot, kind) in enumerate(zip(slots, kinds, strict=False))
    ]
    summary = clinic.availability.summary(
        "doe", "consultation", LOW, LOW + timedelta(days=1), busy=busy, now=LOW
    )
    assert (summary.total, summary.free, summary.busy) == (11, 7, 2)
    assert (summary.tentative, summary.unavailable, summary.seats) == (1, 1, 7)


def test_what_a_slot_carries(clinic: Practice) -> None:
    slot = clinic.availability.slots("doe", "consultation", LOW, HIGH, now=LOW)[0]
    assert slot.status is SlotStatus.FREE
    assert (slot.location, slot.room, slot.opened_by) == ("clinic", "room-205", "consultations")
    assert slot.pricing == Pricing(
        base_fee=Decimal("150.00"), currency="USD", insurance_accepted=True
    )
    assert slot.special_requirements == {"fasting_required", "bring_insurance_card"}
    assert slot.timezone == "America/New_York"
    assert slot.local_start.isoformat() == "2024-02-15T09:00:00-05:00"
    assert slot.local_end.isoformat() == "2024-02-15T09:30:00-05:00"


def test_a_viewer_elsewhere_sees_the_same_instants(clinic: Practice) -> None:
    slots = clinic.availability.slots("doe", "consultation", LOW, HIGH, now=LOW)
    seen = slots.seen_from("America/Los_Angeles")
    assert [slot.start for slot in seen] == [slot.start for slot in slots]
    assert f"{seen[0].local_start:%H:%M}" == "06:00"


def test_overlapping_hours_are_refused_with_the_first_instant(clinic: Practice) -> None:
    every_friday_and_one_thursday = AvailabilityRule(
        "doe",
        Recurrence.weekly("FR", start=date(2024, 3, 1), rdates=[date(2024, 3, 14)]),
        hours="16:00-18:00",
        types={"consultation"},
    )
    with pytest.raises(OverlappingRules) as caught:
        clinic.availability.add(every_friday_and_one_thursday)
    assert caught.value.at == datetime(2024, 3, 14, 20, tzinfo=UTC)
    assert len(clinic.availability.rules.list()) == 1


# ------------------------------------------------------------- PUT and DELETE of one slot

THE_DAY = date(2024, 2, 15)


@pytest.fixture
def open_clinic() -> Practice:
    """The same on the day before it opens, for what changes it."""
    clock = FixedClock(datetime(2024, 2, 14, 12, tzinfo=UTC))
    clinic = opened(Scheduler(MemoryStore(), clock=clock).practice("medical-center"))
    clinic.patients.create(id="jane")
    return clinic


def wall(clinic: Practice, day: date = THE_DAY) -> list[str]:
    """When slots start on a day, by New York's wall."""
    return [f"{slot.local_start:%H:%M}" for slot in on(clinic, day)]


def on(clinic: Practice, day: date = THE_DAY) -> list[Slot]:
    low = datetime(day.year, day.month, day.day, 5, tzinfo=UTC)
    return list(clinic.availability.slots("doe", "consultation", low, low + timedelta(days=1)))


def test_a_put_changes_times_price_and_notes_of_one_slot(open_clinic: Practice) -> None:
    """From 09:45-10:15 to 10:00-10:30, "Updated consultation time", 175.00."""
    slot, availability = on(open_clinic)[1], open_clinic.availability
    availability.change_slot(
        slot.id,
        start=slot.start + timedelta(minutes=15),
        end=slot.end + timedelta(minutes=15),
        notes="Updated consultation time",
        pricing=Pricing(base_fee=Decimal("175.00")),
    )
    changed = on(open_clinic)[1]
    assert wall(open_clinic) == [WALL[0], "10:00", *WALL[2:]]
    assert (f"{changed.local_start:%H:%M}", f"{changed.local_end:%H:%M}") == ("10:00", "10:30")
    assert changed.status is SlotStatus.FREE
    assert changed.notes == "Updated consultation time"
    assert changed.pricing == Pricing(base_fee=Decimal("175.00"))
    assert wall(open_clinic, date(2024, 2, 22)) == WALL


def test_a_put_changes_the_type_of_one_slot(open_clinic: Practice) -> None:
    open_clinic.appointment_types.create(code="follow_up", duration=timedelta(minutes=20))
    slot = on(open_clinic)[1]
    open_clinic.availability.change_slot(slot.id, type="follow_up")
    assert wall(open_clinic) == [WALL[0], *WALL[2:]]
    (found,) = open_clinic.availability.slots("doe", "follow_up", LOW, LOW + timedelta(days=1))
    assert (found.start, found.duration) == (slot.start, slot.duration), "the rule states it"


def test_a_put_over_another_slot_is_refused(open_clinic: Practice) -> None:
    slots = on(open_clinic)
    with pytest.raises(SlotsOverlap) as caught:
        open_clinic.availability.change_slot(slots[1].id, start=slots[2].start)
    assert caught.value.other == (slots[2].start, slots[2].end)
    assert wall(open_clinic) == WALL


def test_a_delete_takes_one_instance(open_clinic: Practice) -> None:
    slot = on(open_clinic)[1]
    open_clinic.availability.delete_slot(slot.id, reason="Provider unavailable")
    assert wall(open_clinic) == [WALL[0], *WALL[2:]]
    assert wall(open_clinic, date(2024, 2, 22)) == WALL
    with pytest.raises(BookingRefused, match="Provider unavailable") as caught:
        open_clinic.appointments.book(slot.id, patient="jane")
    assert [one.reason for one in caught.value.violations] == [Reason.WITHDRAWN]


def test_a_delete_with_delete_recurring_takes_all(open_clinic: Practice) -> None:
    slot = on(open_clinic)[1]
    open_clinic.availability.delete_slot(slot.id, recurring=True, reason="Left the clinic")
    assert wall(open_clinic) == wall(open_clinic, date(2024, 8, 15)) == []
    assert open_clinic.availability.rules.get("consultations").reason == "Left the clinic"


@pytest.mark.parametrize("recurring", [False, True])
def test_a_delete_checks_for_existing_appointments(open_clinic: Practice, recurring: bool) -> None:
    slot, delete = on(open_clinic)[1], open_clinic.availability.delete_slot
    made = open_clinic.appointments.book(slot.id, patient="jane")
    with pytest.raises(AppointmentsStranded) as caught:
        delete(slot.id, recurring=recurring)
    assert [one.appointment for one in caught.value.stranded] == [made]
    assert wall(open_clinic) == [WALL[0], *WALL[2:]], "only what is booked is not free"
    delete(slot.id, recurring=recurring, reason="Provider unavailable", stranded="cancel")
    cancelled = open_clinic.appointments.get(made.id)
    assert (cancelled.status, cancelled.cancellation) == ("cancelled", "Provider unavailable")


# ------------------------------------------------------------- status and capacity of a slot


def every(clinic: Practice, type: str = "consultation") -> list[Slot]:
    low = datetime(2024, 2, 15, 5, tzinfo=UTC)
    high = low + timedelta(days=1)
    return list(clinic.availability.slots("doe", type, low, high, taken=True))


@pytest.mark.parametrize("reason", ["blocked", "maintenance"])
def test_a_put_blocks_one_slot_and_makes_it_available_again(
    open_clinic: Practice, reason: str
) -> None:
    slot = on(open_clinic)[1]
    blocking = open_clinic.blockings.block_slot(slot.id, reason=reason)
    assert every(open_clinic)[1].status is SlotStatus.BUSY_UNAVAILABLE
    assert wall(open_clinic) == [WALL[0], *WALL[2:]]
    with pytest.raises(BookingRefused):
        open_clinic.appointments.book(slot.id, patient="jane")
    open_clinic.blockings.release(blocking)
    assert wall(open_clinic) == WALL


def test_a_booked_slot_is_booked_and_a_cancelled_booking_leaves_it_available(
    open_clinic: Practice,
) -> None:
    slot = on(open_clinic)[0]
    made = open_clinic.appointments.book(slot.id, patient="jane")
    assert every(open_clinic)[0].status is SlotStatus.BUSY
    open_clinic.appointments.cancel(made)
    assert every(open_clinic)[0].status is SlotStatus.FREE


def test_max_and_current_appointments_of_a_slot(open_clinic: Practice) -> None:
    """One unless stated; the current ones never pass the most."""
    assert {slot.capacity for slot in every(open_clinic)} == {1}
    rule = open_clinic.availability.rules.get("consultations")
    room = open_clinic.rooms.get("room-205")
    open_clinic.rooms.update(attrs.evolve(room, capacity=5))
    open_clinic.availability.rules.update(attrs.evolve(rule, capacity=3))
    for number in range(4):
        open_clinic.patients.create(id=f"p{number}")
    made = []
    for number in range(3):
        slot = every(open_clinic)[0]
        assert (slot.capacity, slot.capacity - slot.seats_free) == (3, number)
        made.append(open_clinic.appointments.book(slot.id, patient=f"p{number}"))
    with pytest.raises(BookingRefused) as caught:
        open_clinic.appointments.book(every(open_clinic)[0].id, patient="p3")
    assert [one.reason for one in caught.value.violations] == [Reason.FULL]
    open_clinic.appointments.cancel(made[1])
    assert every(open_clinic)[0].seats_free == 1


@pytest.mark.parametrize(
    "recurrence, dates",
    [
        (Recurrence.daily(FIRST, until=date(2024, 2, 17)), [15, 16, 17]),
        (Recurrence.weekly(None, start=FIRST, until=date(2024, 2, 29)), [15, 22, 29]),
        (Recurrence.monthly(15, start=FIRST, until=date(2024, 4, 15)), [15, 15, 15]),
        (Recurrence.once(FIRST), [15]),
    ],
)
def test_recurrence_patterns_end_on_their_end_date(
    recurrence: Recurrence, dates: list[int]
) -> None:
    clock = FixedClock(datetime(2024, 2, 1, tzinfo=UTC))
    clinic = Scheduler(MemoryStore(), clock=clock).practice("medical-center")
    clinic.providers.create(id="doe", timezone="America/New_York")
    clinic.appointment_types.create(code="consultation", duration=timedelta(minutes=30))
    clinic.availability.add(AvailabilityRule("doe", recurrence, hours="09:00-09:30"))
    found = clinic.availability.slots("doe", "consultation", LOW, HIGH)
    assert [slot.date.day for slot in found] == dates


def test_each_booking_has_a_reference_of_its_own(open_clinic: Practice) -> None:
    slots = on(open_clinic)
    open_clinic.patients.create(id="john")
    one = open_clinic.appointments.book(slots[0].id, patient="jane")
    other = open_clinic.appointments.book(slots[1].id, patient="john")
    assert one.reference != other.reference != ""
    assert open_clinic.appointments.find_by_reference(one.reference) == one
