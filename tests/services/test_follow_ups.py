"""Follow-ups: what fulfils a wish best is found and booked, and linked to its visit."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from threading import Thread
from typing import Any, cast

import attrs
import pytest
from tests.services.test_appointments import everything
from tests.services.test_series import DAY, MINUTE, WEEK, Meddling, on, opened

from medsched import (
    AlreadyExists,
    Appointment,
    AvailabilityRule,
    FollowUpRefused,
    FollowUpWish,
    Hold,
    IdempotencyMismatch,
    InvalidChoice,
    InvalidId,
    InvalidText,
    InvalidTransition,
    MedschedError,
    MemoryStore,
    NotFound,
    OutOfRange,
    Override,
    Practice,
    Reason,
    Recurrence,
    Resource,
    Scheduler,
    Start,
    VersionConflict,
)
from medsched.testing.fixed import FixedClock

SEEN = date(2026, 1, 27)
"""A Tuesday; six weeks later it is 10 March, after the clock change of 8 March."""
SIX_WEEKS = FollowUpWish(after=6 * WEEK, give_or_take=WEEK, hours="08:00-12:00")


@pytest.fixture
def clinic(clinic: Practice) -> Practice:
    return opened(clinic)


@pytest.fixture
def visit(clinic: Practice) -> Appointment:
    return clinic.appointments.book(Start("smith", "physio", on(SEEN)), patient="ada")


def full(clinic: Practice, first: date, last: date | None = None, who: str = "smith") -> None:
    clinic.availability.add(Override.closed(who, first, last), stranded="keep")


def shown(*appointments: Any) -> list[str]:
    return [f"{one.provider} {one.local_start:%m-%d %H:%M}" for one in appointments]


def found(one: Appointment) -> str:
    return f"{one.provider} {one.wall.start:%m-%d %H:%M}"


class TestFinding:
    def test_six_weeks_later(self, clinic: Practice, visit: Appointment) -> None:
        made = clinic.appointments.follow_up(visit, SIX_WEEKS, reason="check", id="f1")
        assert found(made) == "smith 03-10 09:00"
        assert (made.follows, made.patient, made.type) == (visit.id, "ada", "physio")
        assert (made.id, made.reason, made.status.value) == ("f1", "check", "booked")
        assert clinic.appointments.get("f1") == made
        assert not clinic.appointments.conflicts(made)

    def test_the_local_date_is_kept_across_a_clock_change(
        self, clinic: Practice, visit: Appointment
    ) -> None:
        for weeks in range(1, 10):
            wish = FollowUpWish(after=weeks * WEEK)
            made = clinic.appointments.follow_up(visit, wish)
            assert made.wall.start.date() == SEEN + weeks * WEEK

    def test_late_in_the_day_it_is_still_that_day(self, clinic: Practice) -> None:
        clinic.availability.add(
            AvailabilityRule(
                "smith", Recurrence.daily(date(2026, 1, 1)), hours="22:00-24:00", id="late"
            )
        )
        late = clinic.appointments.book(
            Start("smith", "physio", on(date(2026, 3, 7), 23, 30)), patient="ada"
        )
        made = clinic.appointments.follow_up(late, FollowUpWish(after=DAY, hours="23:00-24:00"))
        assert found(made) == "smith 03-08 23:00"

    def test_the_nearest_date_and_the_earlier_of_two(
        self, clinic: Practice, visit: Appointment
    ) -> None:
        full(clinic, date(2026, 3, 9), date(2026, 3, 11))
        assert found(clinic.appointments.follow_up(visit, SIX_WEEKS)) == "smith 03-08 09:00"
        full(clinic, date(2026, 3, 8))
        assert found(clinic.appointments.follow_up(visit, SIX_WEEKS)) == "smith 03-12 09:00"

    def test_the_hours_and_weekdays_wished_for(self, clinic: Practice, visit: Appointment) -> None:
        wish = attrs.evolve(SIX_WEEKS, hours="10:15-11:15", weekdays="TH,FR")
        assert found(clinic.appointments.follow_up(visit, wish)) == "smith 03-12 10:30"
        assert found(clinic.appointments.follow_up(visit, wish)) == "smith 03-13 10:30"

    def test_the_same_provider_before_others(self, clinic: Practice, visit: Appointment) -> None:
        wish = attrs.evolve(SIX_WEEKS, providers=["kim", "jones"])
        full(clinic, date(2026, 3, 4), date(2026, 3, 17))
        clinic.availability.add(
            Override.replaced("smith", date(2026, 3, 3), hours="09:00-09:30", id="one")
        )
        # The week's first day is six days further away than what the others have.
        assert found(clinic.appointments.follow_up(visit, wish)) == "smith 03-03 09:00"
        assert found(clinic.appointments.follow_up(visit, wish)) == "kim 03-10 09:00"
        assert found(clinic.appointments.follow_up(visit, wish)) == "jones 03-10 09:30"
        full(clinic, date(2026, 3, 10), who="kim")
        assert found(clinic.appointments.follow_up(visit, wish)) == "jones 03-10 10:30"

    def test_what_the_patient_has_already(self, clinic: Practice, visit: Appointment) -> None:
        clinic.appointments.book(
            Start("jones", "physio", on(date(2026, 3, 10), 9, 0)), patient="ada"
        )
        assert found(clinic.appointments.follow_up(visit, SIX_WEEKS)) == "smith 03-10 09:30"

    def test_of_another_type_with_a_room(self, clinic: Practice, visit: Appointment) -> None:
        room = Resource("room", "r2")
        made = clinic.appointments.follow_up(visit, SIX_WEEKS, type="pool", resources=[room])
        assert (made.type, made.resources, made.duration) == (
            "pool",
            frozenset({room}),
            60 * MINUTE,
        )

    def test_a_class_takes_a_seat(self, clinic: Practice, visit: Appointment) -> None:
        first = clinic.appointments.follow_up(visit, SIX_WEEKS, type="class")
        other = clinic.appointments.book(
            Start("smith", "class", on(date(2026, 3, 10), 9, 0)), patient="bob"
        )
        assert first.session == other.session

    def test_at_a_place(self, clinic: Practice, visit: Appointment) -> None:
        clinic.locations.create(id="west")
        clinic.availability.add(
            AvailabilityRule(
                "smith",
                Recurrence.daily(date(2026, 3, 1)),
                hours="13:00-14:00",
                location="west",
                id="west",
            )
        )
        wish = FollowUpWish(after=6 * WEEK, location="west")
        made = clinic.appointments.follow_up(visit, wish)
        assert (found(made), made.location) == ("smith 03-10 13:00", "west")

    def test_never_before_the_visit_or_now(
        self, clinic: Practice, visit: Appointment, clock: FixedClock
    ) -> None:
        soon = FollowUpWish(after=timedelta(0), give_or_take=30 * DAY)
        assert found(clinic.appointments.follow_up(visit, soon)) == "smith 01-27 10:30"
        clock.set(datetime(2026, 2, 20, 15, 1, tzinfo=UTC))
        assert found(clinic.appointments.follow_up(visit, soon)) == "smith 02-20 10:30"

    def test_not_earlier_on_the_day_of_the_visit(self, clinic: Practice) -> None:
        late = clinic.appointments.book(Start("smith", "physio", on(SEEN, 11, 0)), patient="ada")
        wish = FollowUpWish(after=timedelta(0), give_or_take=DAY)
        assert found(clinic.appointments.follow_up(late, wish)) == "smith 01-28 09:00"

    @pytest.mark.parametrize("steps", [[], ["arrive"], ["arrive", "check_in"], ["fulfil"]])
    def test_of_a_visit_that_takes_place(
        self, clinic: Practice, visit: Appointment, steps: list[str]
    ) -> None:
        for step in steps:
            getattr(clinic.appointments, step)(visit.id)
        assert clinic.appointments.follow_up(visit.id, SIX_WEEKS).follows == visit.id

    def test_under_a_key(self, clinic: Practice, visit: Appointment) -> None:
        first = clinic.appointments.follow_up(visit, SIX_WEEKS, idempotency_key="k")
        assert clinic.appointments.follow_up(visit, SIX_WEEKS, idempotency_key="k") == first
        same = FollowUpWish(after=42 * DAY, give_or_take=7 * DAY, hours=["08:00-12:00"])
        assert clinic.appointments.follow_up(visit.id, same, idempotency_key="k") == first
        for other in (
            attrs.evolve(SIX_WEEKS, weekdays="MO"),
            attrs.evolve(SIX_WEEKS, location="main"),
            attrs.evolve(SIX_WEEKS, providers="kim"),
        ):
            with pytest.raises(IdempotencyMismatch):
                clinic.appointments.follow_up(visit, other, idempotency_key="k")
        assert len(clinic.appointments.list().items) == 2


class TestRefusing:
    def test_nothing_fits(self, clinic: Practice, store: MemoryStore, visit: Appointment) -> None:
        wish = attrs.evolve(SIX_WEEKS, hours="15:00-18:00", providers="kim")
        before = everything(store, clinic)
        with pytest.raises(FollowUpRefused) as caught:
            clinic.appointments.follow_up(visit, wish)
        assert everything(store, clinic) == before
        refused = caught.value
        assert (refused.visit, refused.type) == (visit.id, "physio")
        assert refused.providers == ("smith", "kim")
        assert (refused.first, refused.last) == (date(2026, 3, 3), date(2026, 3, 17))
        assert shown(*refused.alternatives) == [
            *("smith 03-10 09:00", "kim 03-10 09:00", "smith 03-10 09:30")
        ]
        assert str(refused) == (
            "no physio with smith or kim is free as wished from 2026-03-03 to 2026-03-17"
        )
        assert not refused.violations

    def test_what_is_free_outside_the_dates(self, clinic: Practice, visit: Appointment) -> None:
        full(clinic, date(2026, 2, 20), date(2026, 4, 1))
        with pytest.raises(FollowUpRefused) as caught:
            clinic.appointments.follow_up(visit, SIX_WEEKS)
        assert shown(*caught.value.alternatives) == [
            *("smith 04-02 09:00", "smith 04-02 09:30", "smith 04-02 10:00")
        ]

    def test_a_date_that_is_over(
        self, clinic: Practice, visit: Appointment, clock: FixedClock
    ) -> None:
        clock.set(datetime(2026, 12, 1, 12, tzinfo=UTC))
        with pytest.raises(FollowUpRefused) as caught:
            clinic.appointments.follow_up(visit, SIX_WEEKS)
        assert shown(caught.value.alternatives[0]) == ["smith 12-01 09:00"]

    def test_somebody_who_takes_no_part(self, clinic: Practice, visit: Appointment) -> None:
        clinic.patients.deactivate("ada")
        with pytest.raises(FollowUpRefused, match="the patient is not active") as caught:
            clinic.appointments.follow_up(visit, SIX_WEEKS)
        assert [one.reason for one in caught.value.violations] == [Reason.INACTIVE]
        assert "ada" not in str(caught.value)
        assert caught.value.alternatives == ()

    @pytest.mark.parametrize("step", ["cancel", "enter_in_error"])
    def test_a_visit_that_does_not_take_place(
        self, clinic: Practice, store: MemoryStore, visit: Appointment, step: str
    ) -> None:
        gone = getattr(clinic.appointments, step)(visit)
        before = everything(store, clinic)
        with pytest.raises(InvalidTransition) as caught:
            clinic.appointments.follow_up(gone, SIX_WEEKS)
        assert (caught.value.current, caught.value.wanted) == (gone.status.value, "followed up")
        assert everything(store, clinic) == before

    def test_a_visit_that_is_only_proposed(self, clinic: Practice) -> None:
        proposed = clinic.appointments.propose(Start("smith", "physio", on(SEEN)), patient="ada")
        with pytest.raises(InvalidTransition, match="that is proposed cannot become followed up"):
            clinic.appointments.follow_up(proposed, SIX_WEEKS)

    @pytest.mark.parametrize(
        "wish, options, error",
        [
            (attrs.evolve(SIX_WEEKS, providers=["kim", "nobody"]), {}, NotFound),
            ("in six weeks", {}, InvalidChoice),
            (SIX_WEEKS, {"type": "nothing"}, NotFound),
            (SIX_WEEKS, {"id": "x\0"}, InvalidId),
            (SIX_WEEKS, {"id": "appointment-1"}, AlreadyExists),
            (SIX_WEEKS, {"reference": "REF-1"}, AlreadyExists),
            (SIX_WEEKS, {"reason": "x" * 501}, InvalidText),
            (SIX_WEEKS, {"resources": [Resource("room", "r1")]}, InvalidChoice),
            (SIX_WEEKS, {"override": "because"}, InvalidChoice),
            (SIX_WEEKS, {"in_place_of": "b1"}, InvalidChoice),
            (SIX_WEEKS, {"idempotency_key": ""}, InvalidId),
        ],
    )
    def test_bad_input(
        self,
        clinic: Practice,
        store: MemoryStore,
        visit: Appointment,
        wish: Any,
        options: dict[str, Any],
        error: type[MedschedError],
    ) -> None:
        before = everything(store, clinic)
        with pytest.raises(error):
            clinic.appointments.follow_up(visit, wish, **options)
        assert everything(store, clinic) == before

    def test_a_visit_that_is_not_there_or_not_as_it_was(
        self, clinic: Practice, visit: Appointment
    ) -> None:
        with pytest.raises(NotFound, match="no appointment 'a9'"):
            clinic.appointments.follow_up("a9", SIX_WEEKS)
        clinic.appointments.annotate(visit, notes="stairs")
        with pytest.raises(VersionConflict):
            clinic.appointments.follow_up(visit, SIX_WEEKS)

    def test_beyond_all_time(self, clinic: Practice, clock: FixedClock) -> None:
        clock.set(datetime(9998, 6, 1, tzinfo=UTC))
        last = clinic.appointments.book(
            Start("smith", "physio", on(date(9998, 6, 2))), patient="ada"
        )
        with pytest.raises(OutOfRange, match="beyond 9998"):
            clinic.appointments.follow_up(last, FollowUpWish(after=366 * DAY))
        made = clinic.appointments.follow_up(
            last, FollowUpWish(after=200 * DAY, give_or_take=30 * DAY)
        )
        assert made.wall.start.date() == date(9998, 6, 2) + 200 * DAY


class TestRivals:
    def test_who_is_second_gets_the_next_best(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock, visit: Appointment
    ) -> None:
        meddling = Meddling(store)
        slow = Scheduler(cast("MemoryStore", meddling), clock=clock).practice("riverside")
        first: list[Appointment | Hold] = []

        def rival() -> None:
            start = Start("smith", "physio", on(date(2026, 3, 10), 9, 0))
            first.append(clinic.holds.place(start))

        meddling.rival = rival
        made = slow.appointments.follow_up(visit, SIX_WEEKS)
        assert len(first) == 1
        assert found(made) == "smith 03-10 10:00"

    def test_a_visit_that_is_called_off_meanwhile(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock, visit: Appointment
    ) -> None:
        meddling = Meddling(store)
        slow = Scheduler(cast("MemoryStore", meddling), clock=clock).practice("riverside")
        meddling.rival = lambda: clinic.appointments.cancel(visit)
        with pytest.raises(InvalidTransition):
            slow.appointments.follow_up(visit.id, SIX_WEEKS)
        assert len(clinic.appointments.list().items) == 1

    def test_many_at_once_each_get_one(self, clinic: Practice) -> None:
        visits = [
            clinic.appointments.book(
                Start(who, "physio", on(SEEN)), patient=patient, id=f"v-{patient}"
            )
            for who, patient in (("smith", "ada"), ("jones", "bob"), ("kim", "cid"))
        ]
        wish = attrs.evolve(SIX_WEEKS, give_or_take=timedelta(0))
        same = [
            clinic.appointments.reschedule(one, Start("smith", "physio", on(SEEN + at * DAY)))
            for at, one in enumerate(visits)
        ]
        made: list[Appointment] = []

        def run(one: Appointment) -> None:
            days = SEEN + 6 * WEEK - one.wall.start.date()
            made.append(clinic.appointments.follow_up(one, attrs.evolve(wish, after=days)))

        rivals = [Thread(target=run, args=(one,)) for one in same]
        for each in rivals:
            each.start()
        for each in rivals:
            each.join()
        assert sorted(map(found, made)) == [
            *("smith 03-10 09:00", "smith 03-10 10:00", "smith 03-10 11:00")
        ]
