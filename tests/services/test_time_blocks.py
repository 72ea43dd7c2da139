"""Time blocks: published one by one, each for one appointment, freed when that is cancelled."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import attrs
import pytest
from tests.databases import events_of

from medsched import (
    AlreadyExists,
    AmbiguousTime,
    AppointmentsStranded,
    AppointmentType,
    AvailabilityRule,
    BookingRefused,
    ContradictoryOverrides,
    Grid,
    IdempotencyMismatch,
    InUse,
    InvalidChoice,
    InvalidCursor,
    InvalidDuration,
    InvalidHours,
    InvalidInterval,
    InvalidNumber,
    Location,
    MedschedError,
    MemoryStore,
    NonexistentTime,
    NotAllowed,
    NotFound,
    Override,
    Patient,
    Practice,
    Pricing,
    Principal,
    Provider,
    Reason,
    Recurrence,
    Resource,
    Role,
    Room,
    Search,
    Start,
    TimeBlock,
    UnknownZone,
    VersionConflict,
)
from medsched.domain.agendas import Agenda
from medsched.domain.stored import Kind, Ref
from medsched.testing.fixed import FixedClock

MINUTE = timedelta(minutes=1)
DAY = date(2026, 1, 7)
NINE = datetime(2026, 1, 7, 14, tzinfo=UTC)
"""Nine o'clock in New York."""
GAP, FOLD = date(2026, 3, 8), date(2026, 11, 1)


@pytest.fixture
def clinic(clinic: Practice) -> Practice:
    """Two providers without any hours, three patients, and types on each grid."""
    clinic.settings.configure(timezone="America/New_York")
    clinic.add_all(
        [
            Location(id="main"),
            Location(id="kolkata", timezone="Asia/Kolkata"),
            Room(id="r1", location="main"),
            *(Provider(id=id, location="main") for id in ("smith", "jones")),
            *(Patient(id=id) for id in ("ada", "bob", "eve")),
            AppointmentType(code="visit", duration=20 * MINUTE),
            AppointmentType(code="hourly", duration=60 * MINUTE, grid=Grid.clock(60 * MINUTE)),
            AppointmentType(code="packed", duration=10 * MINUTE, grid=Grid.packed()),
        ]
    )
    return clinic


def block(hours: str = "09:05-09:50", day: date = DAY, **fields: Any) -> TimeBlock:
    return TimeBlock(fields.pop("of", "smith"), day, hours, **fields)


def shown(clinic: Practice, type: str = "visit", provider: str = "smith") -> list[str]:
    """The slots of the day with their minutes and, where they are not free, their status."""
    low, high = NINE - timedelta(hours=9), NINE + timedelta(hours=15)
    return [
        f"{one.local_start:%H:%M}+{one.duration // MINUTE}"
        + ("" if one.status == "free" else f" {one.status}")
        for one in clinic.availability.slots(provider, type, low, high, taken=True)
    ]


def everything(store: MemoryStore, practice: str) -> object:
    """All that a store holds which a refused command could have changed."""
    blocks = store.page(practice, TimeBlock, active=None, where={}, after=None, limit=1000)
    found = store.appointments(practice, Agenda(), after=None, limit=1000)
    people = [Resource("provider", id) for id in ("smith", "jones")]
    claims = store.claims(practice, people, 0, 2**26)
    versions = store.schedule_versions(practice, people)
    return [*blocks], [*found], [*claims], versions, len(events_of(store, practice))


class TestPublishing:
    def test_it_comes_back_with_id_and_zone(self, clinic: Practice) -> None:
        made = clinic.time_blocks.publish(block())
        assert (made.id, made.version, made.timezone) == ("time-block-1", 1, "America/New_York")
        assert clinic.time_blocks.get(made.id) == clinic.time_blocks.find(made.id) == made
        assert clinic.time_blocks.find("x") is None
        assert clinic.time_blocks.times(made) == (NINE + 5 * MINUTE, NINE + 50 * MINUTE)
        assert [one.name for one in events_of_blocks(clinic)] == ["time-block.created"]
        far = clinic.time_blocks.publish(block("09:05-09:50", location="kolkata"))
        assert far.timezone == "Asia/Kolkata"
        assert clinic.time_blocks.times(far.id)[0] == datetime(2026, 1, 7, 3, 35, tzinfo=UTC)

    def test_it_stays_when_it_is_whoever_moves(self, clinic: Practice) -> None:
        made = clinic.time_blocks.publish(block())
        clinic.settings.configure(timezone="Asia/Tokyo")
        assert clinic.time_blocks.times(made)[0] == NINE + 5 * MINUTE
        booked = clinic.time_blocks.book(made, type="visit", patient="ada")
        assert booked.start == NINE + 5 * MINUTE

    @pytest.mark.parametrize("type", ["visit", "hourly", "packed"])
    def test_it_is_one_slot_of_its_own_length_for_every_type(
        self, clinic: Practice, type: str
    ) -> None:
        clinic.time_blocks.publish(block())
        provider = clinic.providers.get("smith")
        clinic.providers.update(attrs.evolve(provider, durations={type: 15 * MINUTE}))
        assert shown(clinic, type) == ["09:05+45"]
        made = clinic.appointments.request(slots(clinic, type)[0], patient="ada")
        assert made.duration == 45 * MINUTE
        assert shown(clinic, type) == ["09:05+45 busy"]

    def test_all_that_is_stated_is_stored_and_listed(self, clinic: Practice) -> None:
        price = Pricing(base_fee="120.50", currency="EUR")
        made = clinic.time_blocks.publish(
            block(
                id="b1",
                location="main",
                room="r1",
                types={"visit"},
                pricing=price,
                special_requirements={"fasting"},
                notes="n" * 500,
            )
        )
        assert clinic.time_blocks.get("b1") == made
        (slot,) = slots(clinic, "visit")
        assert (slot.location, slot.room, slot.pricing) == ("main", "r1", price)
        assert (slot.special_requirements, slot.opened_by) == ({"fasting"}, "b1")
        assert shown(clinic, "packed") == []

    def test_many_are_published_together_or_not_at_all(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        day = [block(f"{hour:02d}:00-{hour:02d}:30") for hour in range(8, 20)]
        before = everything(store, clinic.id)
        with pytest.raises(ContradictoryOverrides):
            clinic.time_blocks.publish_all([*day, block("10:15-10:45")])
        assert everything(store, clinic.id) == before
        assert len(clinic.time_blocks.publish_all(day)) == 12
        assert shown(clinic) == [f"{hour:02d}:00+30" for hour in range(8, 20)]

    def test_under_a_key_it_is_published_once(self, clinic: Practice, store: MemoryStore) -> None:
        given = block(pricing=Pricing(base_fee=3), types={"visit", "packed"})
        made = clinic.time_blocks.publish(given, idempotency_key="k")
        before = everything(store, clinic.id)
        assert clinic.time_blocks.publish(given, idempotency_key="k") == made
        with pytest.raises(IdempotencyMismatch):
            clinic.time_blocks.publish(block("11:00-12:00"), idempotency_key="k")
        assert everything(store, clinic.id) == before
        pair = [block("13:00-14:00"), block("14:00-15:00", id="named")]
        both = clinic.time_blocks.publish_all(pair, idempotency_key="k2")
        assert clinic.time_blocks.publish_all(pair, idempotency_key="k2") == both
        assert both[1].id == "named"

    def test_a_key_is_a_new_one_after_seven_days(self, clinic: Practice, clock: FixedClock) -> None:
        given = [block("11:00-12:00"), block("13:00-14:00")]
        made = clinic.time_blocks.publish_all(given, idempotency_key="k")
        for one in made:
            clinic.time_blocks.deactivate(one.id)
        assert [one.id for one in clinic.time_blocks.publish_all(given, idempotency_key="k")] == [
            one.id for one in made
        ]
        clock.advance(timedelta(days=7))
        clinic.holds.sweep()
        again = clinic.time_blocks.publish_all(given, idempotency_key="k")
        assert not {one.id for one in again} & {one.id for one in made}
        assert all(one.active for one in again)
        assert clinic.time_blocks.publish_all(given, idempotency_key="k") == again

    @pytest.mark.parametrize(
        "given, error",
        [
            ({"hours": "02:00-03:00", "day": GAP}, NonexistentTime),
            ({"hours": "01:30-02:30", "day": GAP}, NonexistentTime),
            ({"hours": "02:15-03:15", "day": GAP, "second_showing": True}, NonexistentTime),
            ({"hours": "01:00-01:30", "day": FOLD}, AmbiguousTime),
            ({"hours": "00:30-01:30", "day": FOLD}, AmbiguousTime),
            ({"hours": "09:00-09:01"}, InvalidDuration),
            ({"of": "nobody"}, NotFound),
            ({"location": "nowhere"}, NotFound),
            ({"room": "none"}, NotFound),
            ({"types": {"none"}}, NotFound),
            ({"timezone": "Mars/Base"}, UnknownZone),
            ({"id": "taken", "hours": "20:00-21:00"}, AlreadyExists),
            ({"hours": "16:59-17:30"}, ContradictoryOverrides),
            ({"hours": "16:00-17:00"}, ContradictoryOverrides),
            ({"hours": "18:30-19:30"}, ContradictoryOverrides),
        ],
    )
    def test_what_cannot_be_leaves_nothing_behind(
        self,
        clinic: Practice,
        store: MemoryStore,
        given: dict[str, Any],
        error: type[MedschedError],
    ) -> None:
        clinic.time_blocks.publish(block("16:00-17:00", id="taken"))
        clinic.availability.add(Override.extra("smith", DAY, hours="18:00-19:00"))
        before = everything(store, clinic.id)
        with pytest.raises(error):
            clinic.time_blocks.publish(block(**given))
        assert everything(store, clinic.id) == before

    @pytest.mark.parametrize(
        "make, error",
        [
            (lambda: block("10:00-09:00"), InvalidHours),
            (lambda: block("10:00-10:00"), InvalidHours),
            (lambda: block("24:00-24:00"), InvalidHours),
            (lambda: block("nine"), InvalidHours),
            (lambda: block("09:00:10-09:00:50"), InvalidHours),
            (lambda: block(of=Resource("room", "r1")), InvalidChoice),
            (lambda: block(second_showing="no"), InvalidChoice),
            (lambda: block(types=()), InvalidChoice),
        ],
    )
    def test_what_is_no_block(self, make: Callable[[], object], error: type[Exception]) -> None:
        with pytest.raises(error):
            make()

    def test_extra_hours_may_not_overlap_a_block_either(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        clinic.time_blocks.publish(block(id="x"))
        before = everything(store, clinic.id)
        for id in ("x", "y"):
            extra = Override.extra("smith", DAY, hours="09:30-12:00", id=id)
            with pytest.raises(ContradictoryOverrides):
                clinic.availability.add(extra)
        assert everything(store, clinic.id) == before
        clinic.availability.add(Override.extra("jones", DAY, hours="09:30-12:00", id="x"))

    def test_the_second_showing_of_a_repeated_hour(self, clinic: Practice) -> None:
        for second, hour in ((False, 5), (True, 6)):
            made = clinic.time_blocks.publish(block("01:10-01:40", FOLD, second_showing=second))
            assert clinic.time_blocks.times(made)[0] == datetime(2026, 11, 1, hour, 10, tzinfo=UTC)


def slots(clinic: Practice, type: str) -> Any:
    return clinic.availability.slots("smith", type, NINE, NINE + timedelta(hours=12))


def events_of_blocks(clinic: Practice) -> list[Any]:
    return [one.event for one in clinic.events.after() if one.event.kind is Kind.TIME_BLOCK]


class TestBooking:
    def test_it_is_pending_then_confirmed_or_freed(self, clinic: Practice) -> None:
        made = clinic.time_blocks.publish(block())
        one = clinic.time_blocks.book(
            made, type="visit", patient="ada", reason="a cough", notes="first time"
        )
        assert (one.status, one.block, one.provider) == ("pending", made.id, "smith")
        assert (one.start, one.end) == clinic.time_blocks.times(made)
        assert clinic.appointments.accept(one).status == "booked"
        assert shown(clinic) == ["09:05+45 busy"]
        cancelled = clinic.appointments.cancel(one.id)
        assert (cancelled.status, cancelled.block) == ("cancelled", made.id)
        assert shown(clinic) == ["09:05+45"]

    def test_one_appointment_and_no_second(self, clinic: Practice, store: MemoryStore) -> None:
        made = clinic.time_blocks.publish(block())
        first = clinic.time_blocks.book(made, type="visit", patient="ada")
        before = everything(store, clinic.id)
        for patient in ("ada", "bob"):
            for type in ("visit", "hourly", "packed"):
                with pytest.raises(BookingRefused) as caught:
                    clinic.time_blocks.book(made.id, type=type, patient=patient)
                assert Reason.TAKEN in {one.reason for one in caught.value.violations}
        assert everything(store, clinic.id) == before
        assert clinic.appointments.get(first.id) == first

    def test_nor_by_staff_who_override(self, clinic: Practice, store: MemoryStore) -> None:
        made = clinic.time_blocks.publish(block())
        clinic.time_blocks.book(made, type="visit", patient="ada")
        before = everything(store, clinic.id)
        with pytest.raises(BookingRefused) as caught:
            clinic.time_blocks.book(made, type="visit", patient="bob", override="urgent")
        assert [one.reason for one in caught.value.violations] == [Reason.TAKEN]
        assert everything(store, clinic.id) == before
        start = attrs.evolve(clinic.time_blocks.start(made, "visit"), block=None)
        beside = clinic.appointments.book(start, patient="bob", override="urgent")
        assert beside.block is None, "it stands beside the one that fills the block"

    def test_who_cancelled_may_book_it_again_as_a_new_appointment(self, clinic: Practice) -> None:
        made = clinic.time_blocks.publish(block())
        first = clinic.time_blocks.book(made, type="visit", patient="ada")
        clinic.appointments.cancel(first)
        second = clinic.time_blocks.book(made, type="visit", patient="ada")
        assert (second.block, second.id != first.id) == (made.id, True)
        with pytest.raises(BookingRefused):
            clinic.time_blocks.book(made, type="visit", patient="ada")
        found = clinic.appointments.list(patient="ada")
        assert sorted(one.status.value for one in found) == ["cancelled", "pending"]

    def test_a_plain_booking_of_the_slot_fills_the_block(self, clinic: Practice) -> None:
        made = clinic.time_blocks.publish(block())
        booked = clinic.appointments.book(slots(clinic, "visit")[0], patient="ada")
        assert (booked.block, booked.status) == (made.id, "booked")

    def test_a_hold_keeps_the_block_and_its_appointment_fills_it(self, clinic: Practice) -> None:
        made = clinic.time_blocks.publish(block())
        held = clinic.holds.place(clinic.time_blocks.start(made, "visit"), patient="ada")
        assert held.block == made.id
        with pytest.raises(InUse):
            clinic.time_blocks.delete(made.id)
        assert clinic.holds.confirm(held).block == made.id

    def test_an_expired_hold_keeps_no_block(self, clinic: Practice, clock: FixedClock) -> None:
        made = clinic.time_blocks.publish(block())
        clinic.holds.place(clinic.time_blocks.start(made, "visit"))
        assert not clinic.time_blocks.list(free=True).items
        clock.advance(timedelta(minutes=10))
        assert [one.id for one in clinic.time_blocks.list(free=True)] == [made.id]
        clinic.time_blocks.delete(made.id)
        assert clinic.time_blocks.find(made.id) is None

    def test_moving_frees_the_one_and_fills_the_other(self, clinic: Practice) -> None:
        one, other = clinic.time_blocks.publish_all([block(), block("10:00-10:20")])
        booked = clinic.time_blocks.book(one, type="visit", patient="ada")
        moved = clinic.appointments.reschedule(booked, clinic.time_blocks.start(other, "visit"))
        assert (moved.block, moved.duration) == (other.id, 20 * MINUTE)
        assert shown(clinic) == ["09:05+45", "10:00+20 busy"]
        clinic.availability.add(
            AvailabilityRule("smith", Recurrence.daily(start=DAY), hours="13:00-14:00")
        )
        away = clinic.appointments.reschedule(moved, slots(clinic, "visit")[-1])
        assert (away.block, away.duration) == (None, 20 * MINUTE)
        clinic.time_blocks.delete(other.id)

    def test_a_proposal_takes_nothing_until_it_is_accepted(self, clinic: Practice) -> None:
        made = clinic.time_blocks.publish(block())
        start = clinic.time_blocks.start(made, "visit")
        proposed = [clinic.appointments.propose(start, patient=id) for id in ("ada", "bob")]
        assert shown(clinic) == ["09:05+45"]
        assert clinic.appointments.accept(proposed[0]).block == made.id
        with pytest.raises(BookingRefused):
            clinic.appointments.accept(proposed[1])

    def test_other_hours_then_are_not_the_block(self, clinic: Practice, store: MemoryStore) -> None:
        made = clinic.time_blocks.publish(block("09:00-09:20"))
        start = clinic.time_blocks.start(made, "visit")
        clinic.availability.add(
            AvailabilityRule("smith", Recurrence.daily(start=DAY), hours="09:00-12:00")
        )
        clinic.time_blocks.deactivate(made.id)
        before = everything(store, clinic.id)
        for command in (
            lambda: clinic.time_blocks.book(made, type="visit", patient="ada"),
            lambda: clinic.holds.place(start),
        ):
            with pytest.raises(BookingRefused) as caught:
                command()
            assert [one.reason for one in caught.value.violations] == [Reason.CLOSED]
        assert everything(store, clinic.id) == before
        assert clinic.appointments.book(slots(clinic, "visit")[0], patient="ada").block is None
        clinic.time_blocks.activate(made.id)
        assert clinic.time_blocks.list(free=False).items[0].id == made.id

    def test_what_is_taken_late_in_a_long_block_takes_it(self, clinic: Practice) -> None:
        clinic.availability.add(
            AvailabilityRule("smith", Recurrence.daily(start=DAY), hours="16:00-17:00")
        )
        clinic.appointments.book(slots(clinic, "visit")[-1], patient="bob")
        with pytest.raises(AppointmentsStranded):
            clinic.time_blocks.publish(block("09:00-16:50"))
        made = clinic.time_blocks.publish(block("09:00-16:50"), stranded="keep")
        assert shown(clinic)[:1] == ["09:00+470 busy"]
        with pytest.raises(BookingRefused) as caught:
            clinic.time_blocks.book(made, type="visit", patient="ada")
        assert [one.reason for one in caught.value.violations] == [Reason.TAKEN]

    def test_under_a_key_it_is_booked_once(self, clinic: Practice) -> None:
        one, other = clinic.time_blocks.publish_all([block(), block("10:00-10:20")])
        asked: dict[str, Any] = {"type": "visit", "patient": "ada", "idempotency_key": "k"}
        first = clinic.time_blocks.book(one, **asked)
        assert clinic.time_blocks.book(one.id, **asked) == first
        with pytest.raises(IdempotencyMismatch):
            clinic.time_blocks.book(other, **asked)

    @pytest.mark.parametrize(
        "asked, error",
        [
            ({"block": "none"}, NotFound),
            ({"patient": "nobody"}, NotFound),
            ({"type": "none"}, NotFound),
        ],
    )
    def test_what_is_not_there_is_told(
        self, clinic: Practice, asked: dict[str, Any], error: type[MedschedError]
    ) -> None:
        clinic.time_blocks.publish(block(id="b"))
        fields = {"block": "b", "type": "visit", "patient": "ada", **asked}
        with pytest.raises(error):
            clinic.time_blocks.book(**fields)

    def test_a_block_in_the_past_or_closed_is_refused(
        self, clinic: Practice, clock: FixedClock
    ) -> None:
        past, shut = clinic.time_blocks.publish_all([block(), block("12:00-12:30", id="z")])
        clock.set(NINE + 6 * MINUTE)
        clinic.availability.add(Override.closed("smith", DAY, hours="12:00-12:10"))
        for one, reason in ((past, Reason.TOO_SOON), (shut, Reason.CLOSED)):
            with pytest.raises(BookingRefused) as caught:
                clinic.time_blocks.book(one, type="visit", patient="ada")
            assert reason in {told.reason for told in caught.value.violations}


class TestChanging:
    def test_what_appointments_refer_to_cannot_be_deleted(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        made = clinic.time_blocks.publish(block())
        booked = clinic.time_blocks.book(made, type="visit", patient="ada")
        refused: list[tuple[Callable[[str], None], str]] = [
            (clinic.time_blocks.delete, made.id),
            (clinic.patients.delete, "ada"),
            (clinic.providers.delete, "smith"),
        ]
        for change in (None, clinic.appointments.accept, clinic.appointments.cancel):
            if change is not None:
                change(booked.id)
            before = everything(store, clinic.id)
            for delete, id in refused:
                with pytest.raises(InUse) as caught:
                    delete(id)
                assert (Kind.APPOINTMENT.value, booked.id) in caught.value.referrers
            assert everything(store, clinic.id) == before
        assert store.referrers(clinic.id, Ref.to(made)) == [Ref.to(booked)]

    def test_what_nobody_was_in_can(self, clinic: Practice) -> None:
        made = clinic.time_blocks.publish(block())
        clinic.time_blocks.delete(made.id)
        assert shown(clinic) == []
        with pytest.raises(NotFound):
            clinic.time_blocks.delete(made.id)

    @pytest.mark.parametrize(
        "changes",
        [
            {"hours": "09:05-09:40"},
            {"date": DAY + timedelta(days=1)},
            {"resource": "jones"},
            {"timezone": "Asia/Tokyo"},
            {"timezone": None},
            {"second_showing": True},
            {"location": "main"},
            {"room": "r1"},
        ],
    )
    def test_it_is_never_moved(
        self, clinic: Practice, store: MemoryStore, changes: dict[str, Any]
    ) -> None:
        made = clinic.time_blocks.publish(block())
        before = everything(store, clinic.id)
        with pytest.raises(InvalidChoice) as caught:
            clinic.time_blocks.update(attrs.evolve(made, **changes))
        assert caught.value.field in changes
        assert everything(store, clinic.id) == before

    def test_the_rest_may_change(self, clinic: Practice) -> None:
        made = clinic.time_blocks.publish(block())
        new = clinic.time_blocks.update(attrs.evolve(made, types={"packed"}, notes="for children"))
        assert (new.version, shown(clinic), shown(clinic, "packed")) == (2, [], ["09:05+45"])
        with pytest.raises(VersionConflict):
            clinic.time_blocks.update(made)
        with pytest.raises(NotFound):
            clinic.time_blocks.update(attrs.evolve(made, id="x"))

    def test_deactivated_it_is_offered_no_more_and_its_appointment_stands(
        self, clinic: Practice
    ) -> None:
        made = clinic.time_blocks.publish(block())
        booked = clinic.time_blocks.book(made, type="visit", patient="ada")
        with pytest.raises(AppointmentsStranded):
            clinic.time_blocks.deactivate(made.id)
        clinic.time_blocks.deactivate(made.id, stranded="keep")
        assert shown(clinic) == []
        assert clinic.appointments.accept(booked).status == "booked"
        other = clinic.time_blocks.publish(block("09:00-10:00"))
        with pytest.raises(ContradictoryOverrides):
            clinic.time_blocks.activate(made.id)
        clinic.time_blocks.delete(other.id, stranded="keep")
        assert clinic.time_blocks.activate(made.id).active


class TestListing:
    def test_by_provider_date_and_whether_they_are_free(self, clinic: Practice) -> None:
        days = [DAY + timedelta(days=n) for n in range(3)]
        for day in days:
            for who in ("smith", "jones"):
                clinic.time_blocks.publish(block(day=day, of=who, id=f"{who}-{day.day}"))
        clinic.time_blocks.book("smith-8", type="visit", patient="ada")
        clinic.time_blocks.deactivate("jones-9")

        def ids(**asked: Any) -> list[str]:
            return [one.id for one in clinic.time_blocks.list(**asked)]

        assert ids() == ["jones-7", "jones-8", "smith-7", "smith-8", "smith-9"]
        assert ids(active=None)[2] == ids(active=False)[0] == "jones-9"
        assert ids(provider="smith") == ["smith-7", "smith-8", "smith-9"]
        assert ids(provider="smith", free=True) == ["smith-7", "smith-9"]
        assert ids(free=False) == ["smith-8"]
        assert ids(first=days[1], last=days[1]) == ["jones-8", "smith-8"]
        assert ids(provider="nobody") == []

    def test_pages_are_exact_whatever_is_left_out(self, clinic: Practice) -> None:
        made = clinic.time_blocks.publish_all(
            block(f"{hour:02d}:{past:02d}-{hour:02d}:{past + 9:02d}", id=f"{hour:02d}{past:02d}")
            for hour in range(24)
            for past in range(0, 60, 10)
        )
        for one in made[::3]:
            clinic.time_blocks.book(one, type="visit", patient="ada")
        wanted = [one.id for at, one in enumerate(made) if at % 3]
        found: list[str] = []
        cursor: str | None = None
        while True:
            page = clinic.time_blocks.list(free=True, limit=32, cursor=cursor)
            found += [one.id for one in page]
            if (cursor := page.next) is None:
                break
            with pytest.raises(InvalidCursor):
                clinic.time_blocks.list(free=None, limit=32, cursor=cursor)
        assert found == wanted
        assert len(wanted) % 32 == 0, "and the last page is not followed by an empty one"

    def test_bad_pages(self, clinic: Practice) -> None:
        for limit in (0, 1001, True):
            with pytest.raises(InvalidNumber):
                clinic.time_blocks.list(limit=limit)
        with pytest.raises(InvalidInterval):
            clinic.time_blocks.list(first=DAY, last=DAY - timedelta(days=1))


def test_of_rivals_for_one_block_one_wins(clinic: Practice, store: MemoryStore) -> None:
    made = clinic.time_blocks.publish_all(
        [block(f"{9 + n}:00-{9 + n}:30", id=str(n)) for n in range(4)]
    )
    for one in made:
        came: list[object] = []
        ready = Barrier(6)

        def rival(number: int, one: TimeBlock = one, came: Any = came, ready: Any = ready) -> None:
            ready.wait()
            try:
                patient, type = ("ada", "bob", "eve")[number % 3], ("visit", "packed")[number % 2]
                if number == 5:
                    clinic.time_blocks.delete(one.id)
                    came.append("deleted")
                else:
                    came.append(clinic.time_blocks.book(one, type=type, patient=patient))
            except (AppointmentsStranded, BookingRefused, InUse, NotFound) as error:
                came.append(error)

        threads = [Thread(target=rival, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        won = [result for result in came if not isinstance(result, Exception)]
        assert len(came) == 6
        assert len(won) == 1, came
        there = clinic.time_blocks.find(one.id)
        assert (there is None) is (won == ["deleted"])
        found = [a for a in clinic.appointments.list() if a.block == one.id and a.claims_time]
        assert len(found) == (0 if there is None else 1)


def test_whatever_is_done_no_block_is_filled_twice(clinic: Practice, store: MemoryStore) -> None:
    seed = random.randrange(2**32)
    draw = random.Random(seed)
    blocks = clinic.time_blocks.publish_all(
        [block(f"{9 + n}:00-{9 + n}:45", id=f"b{n}") for n in range(5)]
    )
    for _ in range(60):
        one, patient = draw.choice(blocks), draw.choice(["ada", "bob", "eve"])
        type = draw.choice(["visit", "packed"])
        standing = [a for a in clinic.appointments.list(limit=1000) if a.claims_time]
        try:
            match draw.randrange(5):
                case 0 | 1:
                    clinic.time_blocks.book(one, type=type, patient=patient)
                case 2 if standing:
                    clinic.appointments.cancel(draw.choice(standing))
                case 3 if standing:
                    moved = draw.choice(standing)
                    start = clinic.time_blocks.start(one, moved.type)
                    clinic.appointments.reschedule(moved, start)
                case 4:
                    start = attrs.evolve(clinic.time_blocks.start(one, type), block=None)
                    clinic.appointments.book(start, patient=patient, override="staff say so")
        except BookingRefused:
            pass
        standing = [a for a in clinic.appointments.list(limit=1000) if a.claims_time]
        filled = [a.block for a in standing if a.block is not None]
        assert len(filled) == len(set(filled)), (seed, filled)
        for a in standing:
            if a.block is not None:
                assert (a.start, a.end) == clinic.time_blocks.times(a.block), seed


def test_of_rivals_who_publish_the_same_time_one_wins(clinic: Practice) -> None:
    ready, came = Barrier(4), list[object]()

    def rival(number: int) -> None:
        ready.wait()
        try:
            came.append(clinic.time_blocks.publish(block(f"09:0{number}-09:30", id=str(number))))
        except ContradictoryOverrides as error:
            came.append(error)

    threads = [Thread(target=rival, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(came) == 4
    assert [isinstance(one, TimeBlock) for one in came].count(True) == 1
    assert len(shown(clinic)) == 1


def _first(clinic: Practice) -> Any:
    return clinic.appointments.book_first(
        Search(first=DAY, last=DAY, types="visit", providers="smith"), patient="ada"
    )


def _held(clinic: Practice) -> Any:
    held = clinic.holds.place(Start("smith", "visit", NINE), patient="ada")
    return clinic.holds.confirm(held)


@pytest.mark.parametrize(
    "take",
    [
        lambda clinic: clinic.appointments.book(Start("smith", "visit", NINE), patient="ada"),
        lambda clinic: clinic.time_blocks.book(
            next(iter(clinic.time_blocks.list())).id, type="visit", patient="ada"
        ),
        _first,
        _held,
    ],
    ids=["book", "reserve", "first", "hold"],
)
def test_a_patient_asks_for_a_block_however_they_take_it(
    store: MemoryStore, clinic: Practice, take: Callable[[Practice], Any]
) -> None:
    block = clinic.time_blocks.publish(TimeBlock("smith", DAY, "09:00-09:45"))
    ada = Principal("ada", roles={Role.PATIENT}, practice=clinic.id, patient="ada")
    made = take(clinic.acting_as(ada))
    assert (made.status, made.block) == ("pending", block.id)
    assert "appointment.requested" in {one.name for one in events_of(store, clinic.id)}
    with pytest.raises(NotAllowed):
        clinic.acting_as(ada).appointments.accept(made)
    clinic.appointments.cancel(made)
    admin = clinic.acting_as(Principal("admin", roles={Role.ADMIN}, practice=clinic.id))
    assert admin.appointments.book(Start("smith", "visit", NINE), patient="ada").status == "booked"


def test_a_patient_moves_nothing_that_is_booked_into_a_block(clinic: Practice) -> None:
    block = clinic.time_blocks.publish(TimeBlock("smith", DAY, "09:00-09:45"))
    hours = AvailabilityRule("smith", Recurrence.daily(DAY), hours="13:00-15:00")
    clinic.availability.add(hours)
    one = clinic.appointments.book(Start("smith", "visit", NINE + 240 * MINUTE), patient="ada")
    ada = clinic.acting_as(
        Principal("ada", roles={Role.PATIENT}, practice=clinic.id, patient="ada")
    )
    with pytest.raises(NotAllowed):
        ada.appointments.reschedule(one.id, Start("smith", "visit", NINE))
    assert clinic.appointments.get(one.id) == one
    clinic.appointments.reschedule(one.id, Start("smith", "visit", NINE, block=block.id))
    assert clinic.appointments.get(one.id).block == block.id
