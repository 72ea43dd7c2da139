"""Series: all or nothing, or what can be had; every occurrence is checked, and edited later."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from threading import Thread
from typing import Any, cast

import attrs
import pytest
from tests.services.test_appointments import everything

from medsched import (
    AlreadyExists,
    Appointment,
    AppointmentType,
    AvailabilityRule,
    BookingRefused,
    Device,
    IdempotencyMismatch,
    InUse,
    InvalidChoice,
    InvalidId,
    InvalidRecurrence,
    InvalidText,
    InvalidTransition,
    InvalidWallTime,
    Location,
    MedschedError,
    MemoryStore,
    Need,
    NotFound,
    Override,
    Patient,
    Practice,
    Principal,
    Provider,
    Reason,
    Recurrence,
    Resource,
    Room,
    Scheduler,
    SeriesRefused,
    SeriesScope,
    Start,
    StorageBusy,
    TooManyOccurrences,
    UnknownZone,
    VersionConflict,
    WallTime,
)
from medsched.domain.changes import Changeset, Outcome
from medsched.testing.fixed import FixedClock, NumberedIds

MINUTE, DAY, WEEK = timedelta(minutes=1), timedelta(days=1), timedelta(days=7)
NEW_YORK = "America/New_York"
TUESDAY = date(2026, 1, 13)
TEN = Recurrence.weekly("TU", start=TUESDAY, count=10)
"""The tenth is 17 March 2026, after the clock change of 8 March."""
ROUNDS = int(os.environ.get("MEDSCHED_EXAMPLES", "60"))


def opened(clinic: Practice) -> Practice:
    """Two who treat from nine to twelve, one who has classes, and three patients."""
    clinic.settings.configure(timezone=NEW_YORK)
    clinic.add_all(
        [
            Location(id="main", name="Hope Clinic"),
            Provider(id="smith", name="Dr. Smith", location="main"),
            Provider(id="jones", name="Dr. Jones", location="main"),
            Provider(id="kim", name="Kim", location="main"),
            Room(id="r1", location="main"),
            Room(id="r2", location="main"),
            Device(id="d1"),
            *(Patient(id=id) for id in ("ada", "bob", "cid")),
            AppointmentType(code="physio", duration=30 * MINUTE, buffer_after=10 * MINUTE),
            AppointmentType(code="pool", duration=60 * MINUTE, needs=[Need.room("r1", "r2")]),
            AppointmentType(code="class", duration=60 * MINUTE, capacity=2),
            *(
                AvailabilityRule(
                    who, Recurrence.daily(date(2026, 1, 1)), hours="09:00-12:00", id=who
                )
                for who in ("smith", "jones", "kim")
            ),
        ]
    )
    return clinic


@pytest.fixture
def clinic(clinic: Practice) -> Practice:
    return opened(clinic)


def book(clinic: Practice, **changes: Any) -> Any:
    """Ten Tuesdays at half past nine, unless said otherwise."""
    asked: dict[str, Any] = {"patient": "ada", "recurrence": TEN, "at": time(9, 30)}
    asked |= {"provider": "smith", "type": "physio", **changes}
    return clinic.series.book(asked.pop("provider"), asked.pop("type"), **asked)


def on(day: date, hour: int = 9, minute: int = 30, zone: str = NEW_YORK) -> WallTime:
    return WallTime(datetime(day.year, day.month, day.day, hour, minute), zone)


def take(clinic: Practice, day: date, hour: int = 9, minute: int = 30, **who: str) -> Appointment:
    """Somebody else is booked then."""
    start = Start(who.get("provider", "smith"), who.get("type", "physio"), on(day, hour, minute))
    return clinic.appointments.book(start, patient=who.get("patient", "bob"))


def shown(appointments: Any) -> list[str]:
    return [f"{one.wall.start:%m-%d %H:%M}" for one in appointments]


def names(clinic: Practice) -> list[str]:
    return [one.event.name for one in clinic.events.after()]


class TestBooking:
    def test_ten_tuesdays(self, clinic: Practice) -> None:
        before = len(names(clinic))
        made = book(clinic, id="s1", reason="back pain", notes="stairs", referral="R-1")
        assert shown(made.appointments) == [
            *("01-13 09:30", "01-20 09:30", "01-27 09:30", "02-03 09:30", "02-10 09:30"),
            *("02-17 09:30", "02-24 09:30", "03-03 09:30", "03-10 09:30", "03-17 09:30"),
        ]
        assert [one.start.hour for one in made.appointments] == [14] * 8 + [13] * 2
        assert made.unbooked == ()
        for one in made.appointments:
            assert one == clinic.appointments.get(one.id)
            assert (one.series, one.patient, one.status.value) == ("s1", "ada", "booked")
            assert (one.reason, one.notes, one.referral) == ("back pain", "stairs", "R-1")
            assert one.location == "main"
            assert not clinic.appointments.conflicts(one)
        assert len({one.reference for one in made.appointments}) == 10
        assert clinic.series.get("s1") == made.series
        assert clinic.series.appointments("s1") == made.appointments
        assert [one.appointment for one in made.series.occurrences] == [
            one.id for one in made.appointments
        ]
        assert (made.series.timezone, made.series.at) == (NEW_YORK, time(9, 30))
        assert names(clinic)[before:] == ["series.created", *["appointment.booked"] * 10]

    def test_all_or_nothing(self, clinic: Practice, store: MemoryStore) -> None:
        take(clinic, date(2026, 2, 3))
        clinic.availability.add(Override.closed("smith", date(2026, 2, 10)))
        before = everything(store, clinic)
        with pytest.raises(SeriesRefused) as caught:
            book(clinic)
        assert everything(store, clinic) == before
        refused = caught.value
        assert refused.asked == 10
        assert [one.date for one in refused.unbooked] == [date(2026, 2, 3), date(2026, 2, 10)]
        taken, closed = refused.unbooked
        assert {one.reason for one in taken.violations} == {Reason.TAKEN}
        assert Reason.CLOSED in {one.reason for one in closed.violations}
        assert [f"{one.local_start:%m-%d %H:%M}" for one in taken.alternatives] == [
            *("02-03 10:30", "02-03 11:00", "02-03 11:30")
        ]
        assert [f"{one.local_start:%m-%d %H:%M}" for one in closed.alternatives] == [
            *("02-09 09:30", "02-11 09:30", "02-09 09:00")
        ]
        said = str(refused)
        assert said.startswith("2 of 10 occurrences cannot be had: 2026-02-03: Dr. Smith has an")
        assert "2026-02-10: Dr. Smith has no hours then" in said
        assert "ada" not in said

    def test_what_is_left_out_is_reported_and_kept(self, clinic: Practice) -> None:
        take(clinic, date(2026, 2, 3))
        made = book(clinic, skip=True)
        assert len(made.appointments) == 9
        (left,) = made.unbooked
        assert (left.date, left.wall) == (date(2026, 2, 3), datetime(2026, 2, 3, 9, 30))
        assert left.alternatives
        kept = clinic.series.get(made.series.id)
        assert kept.occurrences[3].appointment is None
        assert kept.occurrences[3].violations == left.violations
        for slot in left.alternatives:  # what is offered can be had, beside all the others
            one = clinic.appointments.book(slot, patient="ada")
            clinic.appointments.cancel(one)

    def test_alternatives_are_beside_the_other_occurrences(self, clinic: Practice) -> None:
        full = date(2026, 1, 15)
        clinic.availability.add(Override.closed("smith", full))
        daily = Recurrence.daily(TUESDAY, count=5)
        made = book(clinic, recurrence=daily, skip=True)
        (left,) = made.unbooked
        assert [f"{one.local_start:%m-%d %H:%M}" for one in left.alternatives] == [
            *("01-14 10:30", "01-16 10:30", "01-14 11:00")
        ]
        with pytest.raises(SeriesRefused) as caught:
            book(clinic, patient="bob", at=time(11), recurrence=daily)
        assert caught.value.unbooked[0].alternatives[0] not in left.alternatives

    def test_nothing_to_be_had_is_refused_though_some_may_be_skipped(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        before = everything(store, clinic)
        with pytest.raises(SeriesRefused) as caught:
            book(clinic, at=time(13), skip=True)
        assert len(caught.value.unbooked) == caught.value.asked == 10
        assert str(caught.value).endswith("and 5 more")
        assert everything(store, clinic) == before

    def test_each_occurrence_is_beside_those_before_it(self, clinic: Practice) -> None:
        clinic.appointment_types.create(
            code="stay", duration=20 * 60 * MINUTE, buffer_after=5 * 60 * MINUTE
        )
        clinic.availability.add(
            AvailabilityRule(
                "kim",
                Recurrence.daily(date(2026, 6, 1)),
                hours=["00:00-09:00", "12:00-24:00"],
                id="ward",
            )
        )
        made = book(
            clinic,
            provider="kim",
            type="stay",
            recurrence=Recurrence.daily(date(2026, 6, 2), count=4),
            at=time(0),
            skip=True,
        )
        assert shown(made.appointments) == ["06-02 00:00", "06-04 00:00"]
        assert [one.date.day for one in made.unbooked] == [3, 5]

    def test_the_patient_and_the_rooms_are_asked_too(self, clinic: Practice) -> None:
        take(clinic, date(2026, 1, 20), 9, 0, provider="jones", patient="ada")
        for who in ("jones", "kim"):
            take(
                clinic,
                date(2026, 1, 27),
                9,
                0,
                provider=who,
                type="pool",
                patient={"jones": "bob", "kim": "cid"}[who],
            )
        with pytest.raises(SeriesRefused) as caught:
            book(clinic, type="pool", at=time(9))
        kinds = [
            (one.date.day, {each.resource and each.resource.kind.value for each in one.violations})
            for one in caught.value.unbooked
        ]
        assert kinds == [(20, {"patient"}), (27, {"room"})]

    def test_named_rooms(self, clinic: Practice) -> None:
        made = book(clinic, type="pool", at=time(9), resources=[Resource("room", "r2")])
        assert {one.resources for one in made.appointments} == {frozenset({Resource("room", "r2")})}

    def test_its_zone_and_place(self, clinic: Practice) -> None:
        clinic.locations.create(id="west", timezone="America/Los_Angeles")
        clinic.availability.add(
            AvailabilityRule(
                "kim",
                Recurrence.daily(date(2026, 1, 1)),
                hours="13:00-16:00",
                location="west",
                id="west",
            )
        )
        made = book(clinic, provider="kim", location="west", at=time(13))
        assert made.series.timezone == "America/Los_Angeles"
        assert {one.location for one in made.appointments} == {"west"}
        seen = book(clinic, patient="bob", at=time(14, 30), timezone="Europe/Berlin", skip=True)
        assert seen.series.timezone == "Europe/Berlin"
        # Berlin is six hours ahead, and five once New York's clocks were put on: at 09:30 then.
        assert shown(seen.appointments) == ["03-10 09:30", "03-17 09:30"]
        assert len(seen.unbooked) == 8
        with pytest.raises(SeriesRefused) as caught:
            book(clinic, patient="cid", at=time(11), location="west")
        reasons = {each.reason for one in caught.value.unbooked for each in one.violations}
        assert reasons == {Reason.ELSEWHERE}

    def test_a_group_session_takes_a_seat_each_week(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        first = book(clinic, type="class", at=time(10))
        second = book(clinic, type="class", at=time(10), patient="bob")
        assert len({one.session for one in first.appointments}) == 10
        assert [one.session for one in first.appointments] == [
            one.session for one in second.appointments
        ]
        clinic.series.cancel(first.appointments[4])
        before = everything(store, clinic)
        with pytest.raises(SeriesRefused) as caught:
            book(clinic, type="class", at=time(10), patient="cid")
        assert everything(store, clinic) == before
        assert [each.reason for each in caught.value.unbooked[0].violations] == [Reason.FULL]
        rest = book(clinic, type="class", at=time(10), patient="cid", skip=True)
        assert [one.session for one in rest.appointments] == [second.appointments[4].session]
        for one in (first, second, rest):
            clinic.series.cancel(one.appointments[0], scope="all")
        provider = Resource("provider", "smith")
        assert not store.claims(clinic.id, [provider], 0, 10**8)

    def test_an_expired_hold_is_swept_wherever_it_stands(
        self, clinic: Practice, clock: FixedClock
    ) -> None:
        for week in (0, 3):
            clinic.holds.place(
                Start("smith", "physio", on(TUESDAY + week * WEEK)), lasting=10 * MINUTE
            )
        clinic.holds.place(Start("smith", "class", on(TUESDAY, 11, 0)), lasting=10 * MINUTE)
        clock.advance(11 * MINUTE)
        assert len(book(clinic).appointments) == 10
        assert names(clinic).count("hold.expired") == 2

    def test_a_patient_who_is_not_known_yet(self, store: MemoryStore, clock: FixedClock) -> None:
        scheduler = Scheduler(store, clock=clock, ids=NumberedIds(), registers_patients=True)
        clinic = opened(scheduler.practice("lakeside"))
        assert len(book(clinic, patient="dee").appointments) == 10
        assert clinic.patients.get("dee").version == 1

    def test_a_whole_year_of_days(self, clinic: Practice) -> None:
        made = book(clinic, recurrence=Recurrence.daily(TUESDAY, count=366))
        assert len(made.appointments) == 366
        moved = clinic.series.reschedule(made.appointments[0], time(11), scope="all")
        assert {f"{one.wall.start:%H:%M}" for one in moved} == {"11:00"}
        gone = clinic.series.cancel(made.appointments[100].id, scope="all")
        assert {one.status.value for one in gone} == {"cancelled"}

    def test_under_a_key(self, clinic: Practice) -> None:
        take(clinic, date(2026, 2, 3))
        first = book(clinic, skip=True, idempotency_key="k")
        told = names(clinic)
        assert book(clinic, skip=True, idempotency_key="k") == first
        assert names(clinic) == told
        with pytest.raises(IdempotencyMismatch):
            book(clinic, skip=True, at=time(11), idempotency_key="k")
        with pytest.raises(IdempotencyMismatch):
            book(
                clinic,
                skip=True,
                recurrence=attrs.evolve(TEN, exdates=[TUESDAY]),
                idempotency_key="k",
            )
        clinic.appointments.cancel(first.appointments[0])
        again = book(clinic, skip=True, idempotency_key="k")
        assert again.series == first.series
        assert again.appointments[0].status.value == "cancelled"
        other = clinic.acting_as(Principal.trusted("desk"))
        with pytest.raises(SeriesRefused):
            book(other, idempotency_key="k")

    def test_listed(self, clinic: Practice) -> None:
        for at, patient in ((9, "ada"), (10, "bob"), (11, "ada")):
            book(clinic, id=f"s{at}", at=time(at), patient=patient)
        book(clinic, id="s12", type="pool", at=time(9), provider="kim", patient="bob")

        def found(**filters: Any) -> list[str]:
            return [one.id for one in clinic.series.list(**filters)]

        assert found() == ["s10", "s11", "s12", "s9"]
        assert found(patient="ada") == ["s11", "s9"]
        assert found(provider="kim") == found(type="pool") == ["s12"]
        page = clinic.series.list(limit=3)
        assert found(limit=3, cursor=page.next) == ["s9"]
        assert clinic.series.find("s1") is None
        with pytest.raises(NotFound, match="there is no series 's1'"):
            clinic.series.get("s1")

    def test_a_patient_with_a_series_stays(self, clinic: Practice) -> None:
        book(clinic, id="s1")
        with pytest.raises(InUse) as caught:
            clinic.patients.delete("ada")
        assert ("series", "s1") in caught.value.referrers

    def test_a_series_is_booked_and_not_stored(self, clinic: Practice) -> None:
        made = book(clinic).series
        with pytest.raises(InvalidChoice, match="booked, not stored"):
            clinic.add_all([attrs.evolve(made, id="s2", version=0)])


SEVERAL = Recurrence.daily(TUESDAY, count=10_000)


class TestBadInput:
    @pytest.mark.parametrize(
        "changes, error, said",
        [
            ({"recurrence": SEVERAL}, TooManyOccurrences, "got 10000"),
            ({"recurrence": Recurrence.daily(TUESDAY)}, TooManyOccurrences, "a series ends"),
            ({"recurrence": "FREQ=DAILY"}, InvalidRecurrence, "a Recurrence is needed"),
            ({"at": "09:30"}, InvalidWallTime, "a time of day is needed"),
            ({"at": time(9, 30, 15)}, InvalidWallTime, "whole minutes"),
            ({"at": time(9, 30, tzinfo=UTC)}, InvalidWallTime, "no zone of its own"),
            ({"timezone": "America/New_Yrok"}, UnknownZone, "America/New_York"),
            ({"timezone": ""}, UnknownZone, "not in the IANA database"),
            ({"provider": "nobody"}, NotFound, "no provider 'nobody'"),
            ({"provider": None}, InvalidId, "provider"),
            ({"type": "nothing"}, NotFound, "no appointment-type 'nothing'"),
            ({"patient": "dee"}, NotFound, "no patient 'dee'"),
            ({"patient": ""}, InvalidId, "patient"),
            ({"location": ""}, InvalidId, "location"),
            ({"location": "nowhere"}, SeriesRefused, "10 of 10"),
            ({"id": "x" * 256}, InvalidId, "longer than 255"),
            ({"reason": "x" * 501}, InvalidText, "longer than 500"),
            ({"resources": [Resource("room", "r1")]}, InvalidChoice, "no need"),
            ({"idempotency_key": ""}, InvalidId, "idempotency_key"),
            (
                {"recurrence": Recurrence.daily(date(2020, 1, 1), count=3)},
                SeriesRefused,
                "too soon",
            ),
        ],
    )
    def test_nothing_is_changed(
        self,
        clinic: Practice,
        store: MemoryStore,
        changes: dict[str, Any],
        error: type[MedschedError],
        said: str,
    ) -> None:
        before = everything(store, clinic)
        with pytest.raises(error, match=said):
            book(clinic, **changes)
        assert everything(store, clinic) == before

    def test_what_recurs_never_or_ends_before_it_begins_is_no_recurrence(self) -> None:
        with pytest.raises(InvalidRecurrence, match="never occurs"):
            Recurrence.monthly(31, start=TUESDAY, until=TUESDAY)
        with pytest.raises(InvalidRecurrence, match="before the start"):
            Recurrence.weekly("TU", start=TUESDAY, until=TUESDAY - DAY)

    def test_an_id_that_is_taken(self, clinic: Practice, store: MemoryStore) -> None:
        book(clinic, id="s1")
        before = everything(store, clinic)
        with pytest.raises(AlreadyExists, match="there is a series 's1'"):
            book(clinic, id="s1", at=time(11))
        assert everything(store, clinic) == before

    def test_options_that_there_are_none_of(self, clinic: Practice) -> None:
        with pytest.raises(TypeError, match="unexpected keyword argument 'override'"):
            book(clinic, override="because")

    def test_somebody_who_takes_no_part(self, clinic: Practice, store: MemoryStore) -> None:
        clinic.patients.deactivate("ada")
        before = everything(store, clinic)
        with pytest.raises(SeriesRefused) as caught:
            book(clinic, skip=True)
        assert {each.reason for one in caught.value.unbooked for each in one.violations} == {
            Reason.INACTIVE
        }
        assert not any(one.alternatives for one in caught.value.unbooked)
        assert everything(store, clinic) == before


class TestMoving:
    def test_this_one(self, clinic: Practice) -> None:
        made = book(clinic).appointments
        (moved,) = clinic.series.reschedule(made[2], datetime(2026, 1, 29, 11, 0))
        assert shown([moved]) == ["01-29 11:00"]
        assert (moved.series, moved.id, moved.version) == (made[2].series, made[2].id, 2)
        assert moved.moves[0].start == made[2].start
        assert shown(clinic.series.appointments(moved.series or ""))[1:4] == [
            *("01-20 09:30", "01-29 11:00", "02-03 09:30")
        ]

    def test_one_moved_alone_stays_in_its_series(self, clinic: Practice) -> None:
        made = book(clinic).appointments
        one = clinic.appointments.reschedule(
            made[2], Start("smith", "physio", on(date(2026, 1, 29), 11, 0))
        )
        assert one.series == made[2].series
        moved = clinic.series.reschedule(made[1].id, time(10), scope="following")
        assert shown(moved)[:3] == ["01-20 10:00", "01-29 10:00", "02-03 10:00"]

    def test_this_and_following(self, clinic: Practice) -> None:
        made = book(clinic).appointments
        moved = clinic.series.reschedule(made[6], time(11), scope=SeriesScope.FOLLOWING)
        assert shown(moved) == ["02-24 11:00", "03-03 11:00", "03-10 11:00", "03-17 11:00"]
        assert clinic.series.appointments(made[0].series or "") == (*made[:6], *moved)

    def test_all_by_a_week_through_their_own_time(self, clinic: Practice) -> None:
        made = book(clinic).appointments
        moved = clinic.series.reschedule(
            made[3], datetime.combine(made[3].wall.start.date() + WEEK, time(9, 30)), scope="all"
        )
        assert shown(moved) == [f"{one.wall.start + WEEK:%m-%d %H:%M}" for one in made]
        assert [one.series for one in moved] == [made[0].series] * 10

    def test_to_somebody_else_and_back(self, clinic: Practice) -> None:
        made = book(clinic, type="pool", at=time(10), resources=[Resource("room", "r2")])
        first = made.appointments
        moved = clinic.series.reschedule(first[0], provider="jones", scope="all")
        assert {one.provider for one in moved} == {"jones"}
        assert {one.resources for one in moved} == {frozenset({Resource("room", "r2")})}
        assert [one.start for one in moved] == [one.start for one in first]
        assert {one.participants[0].resource.id for one in moved} == {"jones"}
        half = clinic.series.reschedule(moved[5], provider="kim", scope="following")
        later = clinic.series.reschedule(half[0], time(9), scope="all")
        assert [one.provider for one in later] == ["jones"] * 5 + ["kim"] * 5
        assert {f"{one.wall.start:%H:%M}" for one in later} == {"09:00"}

    def test_all_or_none(self, clinic: Practice, store: MemoryStore) -> None:
        made = book(clinic).appointments
        take(clinic, date(2026, 2, 24), 11, 0)
        before = everything(store, clinic)
        with pytest.raises(SeriesRefused) as caught:
            clinic.series.reschedule(made[5], time(11), scope="following")
        assert everything(store, clinic) == before
        (one,) = caught.value.unbooked
        assert (caught.value.asked, one.date) == (5, date(2026, 2, 24))
        assert f"{one.alternatives[0].local_start:%m-%d %H:%M}" == "02-24 10:00"

    def test_to_a_wall_time_that_is_missing(self, clinic: Practice, store: MemoryStore) -> None:
        clinic.availability.add(
            AvailabilityRule(
                "smith", Recurrence.daily(date(2026, 1, 1)), hours="00:00-06:00", id="nights"
            )
        )
        sundays = Recurrence.weekly("SU", start=date(2026, 2, 22), count=4)
        made = book(clinic, recurrence=sundays, at=time(4))
        before = everything(store, clinic)
        with pytest.raises(SeriesRefused) as caught:
            clinic.series.reschedule(made.appointments[0], time(2, 30), scope="all")
        assert everything(store, clinic) == before
        (one,) = caught.value.unbooked
        assert one.date == date(2026, 3, 8)
        assert [each.reason for each in one.violations] == [Reason.NONEXISTENT_TIME]

    def test_at_a_repeated_time_another_provider_is_no_question(self, clinic: Practice) -> None:
        for who in ("smith", "jones"):
            clinic.availability.add(
                AvailabilityRule(
                    who, Recurrence.daily(date(2026, 1, 1)), hours="00:00-06:00", id=f"n-{who}"
                )
            )
        sundays = Recurrence.weekly("SU", start=date(2026, 11, 1), count=2)
        with pytest.raises(SeriesRefused) as caught:
            book(clinic, recurrence=sundays, at=time(1, 30))
        assert [each.reason for each in caught.value.unbooked[0].violations] == [
            Reason.AMBIGUOUS_TIME
        ]
        made = book(clinic, recurrence=sundays, at=time(4)).appointments
        second = clinic.appointments.reschedule(
            made[0],
            Start(
                "smith",
                "physio",
                attrs.evolve(on(date(2026, 11, 1), 1, 30), second_showing=True),
            ),
        )
        moved = clinic.series.reschedule(second, provider="jones", scope="all")
        assert [(one.start, one.provider) for one in moved] == [
            (second.start, "jones"),
            (made[1].start, "jones"),
        ]

    def test_what_is_over_or_called_off_stays(self, clinic: Practice, clock: FixedClock) -> None:
        made = book(clinic).appointments
        clinic.appointments.cancel(made[4])
        clock.set(made[1].start)
        clinic.appointments.arrive(made[0])
        moved = clinic.series.reschedule(made[0].id, time(11), scope="all")
        assert shown(moved)[:6] == [
            *("01-13 09:30", "01-20 09:30", "01-27 11:00"),
            *("02-03 11:00", "02-10 09:30", "02-17 11:00"),
        ]
        with pytest.raises(InvalidTransition) as caught:
            clinic.series.reschedule(made[0].id, time(10))
        assert (caught.value.current, caught.value.wanted) == ("arrived", "rescheduled")

    def test_nothing_to_do(self, clinic: Practice, store: MemoryStore) -> None:
        made = book(clinic).appointments
        before = everything(store, clinic)
        assert clinic.series.reschedule(made[0], time(9, 30), scope="all") == made
        assert clinic.series.reschedule(made[0], provider="smith", scope="all") == made
        assert everything(store, clinic) == before

    def test_under_a_key(self, clinic: Practice) -> None:
        made = book(clinic).appointments
        to = datetime(2026, 1, 14, 11, 0)
        first = clinic.series.reschedule(made[0], to, scope="all", idempotency_key="k")
        told = names(clinic)
        assert first == clinic.series.reschedule(made[0], to, scope="all", idempotency_key="k")
        assert names(clinic) == told
        assert told[-10:] == ["appointment.rescheduled"] * 10

    @pytest.mark.parametrize(
        "to, options, error",
        [
            (None, {}, InvalidChoice),
            (time(11), {"scope": "those"}, InvalidChoice),
            ("11:00", {}, InvalidWallTime),
            (date(2026, 1, 13), {}, InvalidWallTime),
            (time(11, 0, 30), {}, InvalidWallTime),
            (datetime(2026, 1, 13, 11, tzinfo=UTC), {}, InvalidWallTime),
            (time(11), {"provider": "nobody"}, NotFound),
            (time(13), {"scope": "all"}, SeriesRefused),
            (datetime(2025, 1, 13, 11), {"scope": "all"}, SeriesRefused),
        ],
    )
    def test_bad_input(
        self,
        clinic: Practice,
        store: MemoryStore,
        to: Any,
        options: dict[str, Any],
        error: type[MedschedError],
    ) -> None:
        made = book(clinic).appointments
        before = everything(store, clinic)
        with pytest.raises(error):
            clinic.series.reschedule(made[3], to, **options)
        assert everything(store, clinic) == before

    def test_one_of_no_series_or_as_it_was(self, clinic: Practice, store: MemoryStore) -> None:
        alone, made = take(clinic, date(2026, 1, 14)), book(clinic).appointments
        clinic.appointments.annotate(made[3], notes="stairs")
        before = everything(store, clinic)
        commands: list[Callable[[Appointment | str], object]] = [
            lambda one: clinic.series.reschedule(one, time(11), scope="all"),
            lambda one: clinic.series.cancel(one, scope="all"),
        ]
        for command in commands:
            with pytest.raises(InvalidChoice, match="it is of no series"):
                command(alone)
            with pytest.raises(VersionConflict):
                command(made[3])
            with pytest.raises(NotFound):
                command("a-nought")
        assert everything(store, clinic) == before

    def test_classes_go_through_one_another(self, clinic: Practice, store: MemoryStore) -> None:
        weeks = {"type": "class", "at": time(10), "recurrence": attrs.evolve(TEN, count=4)}
        ada, bob = book(clinic, **weeks), book(clinic, **weeks, patient="bob")
        assert {one.seats for one in ada.appointments} == {2}
        # Every session is full, two of the two who leave room for one another.
        first = ada.appointments[0]
        moved = clinic.series.reschedule(first, first.wall.start + WEEK, scope="all")
        sessions = [one.session for one in bob.appointments]
        assert [one.session for one in moved][:3] == sessions[1:]
        assert moved[3].session not in sessions
        for week, free in ((0, 1), (1, 0), (2, 0), (3, 0), (4, 1)):
            start = first.start + week * WEEK
            (slot,) = clinic.availability.slots("smith", "class", start, start + MINUTE) or [None]
            assert (0 if slot is None else slot.seats_free) == free
        clinic.series.cancel(bob.appointments[0], scope="all")
        clinic.series.cancel(moved[0], scope="all")
        assert not store.claims(clinic.id, [Resource("provider", "smith")], 0, 10**8)

    def test_a_class_of_one_goes_through_its_own(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        made = book(clinic, type="class", at=time(10), recurrence=attrs.evolve(TEN, count=4))
        first = made.appointments[0]
        moved = clinic.series.reschedule(first, first.wall.start + WEEK, scope="all")
        assert shown(moved) == ["01-20 10:00", "01-27 10:00", "02-03 10:00", "02-10 10:00"]
        assert len({one.session for one in (*made.appointments, *moved)}) == 8
        for one in moved:
            (slot,) = clinic.availability.slots("smith", "class", one.start, one.end)
            assert slot.seats_free == 1
        clinic.series.cancel(moved[0], scope="all")
        assert not store.claims(clinic.id, [Resource("provider", "smith")], 0, 10**8)


class TestCallingOff:
    def test_this_one(self, clinic: Practice) -> None:
        made = book(clinic).appointments
        (gone,) = clinic.series.cancel(made[2], reason="away")
        assert (gone.status.value, gone.cancellation) == ("cancelled", "away")
        assert clinic.series.cancel(made[2], reason="again") == (gone,)
        assert take(clinic, made[2].wall.start.date()).patient == "bob"

    def test_following_and_all(self, clinic: Practice) -> None:
        made = book(clinic).appointments
        gone = clinic.series.cancel(made[7], scope="following", reason="better")
        assert [one.id for one in gone] == [one.id for one in made[7:]]
        rest = clinic.series.cancel(made[3], scope="all")
        assert {one.status.value for one in rest} == {"cancelled"}
        assert [one.cancellation for one in rest] == [""] * 7 + ["better"] * 3
        told = names(clinic)
        assert clinic.series.cancel(made[3], scope="all") == rest
        assert names(clinic) == told
        assert told.count("appointment.cancelled") == 10
        assert len(book(clinic, patient="bob").appointments) == 10

    def test_what_is_over_stays(self, clinic: Practice, clock: FixedClock) -> None:
        made = book(clinic).appointments
        clock.set(made[2].start)
        clinic.appointments.fulfil(made[0])
        clinic.appointments.mark_noshow(made[1])
        gone = clinic.series.cancel(made[4], scope="all")
        assert [one.status.value for one in gone] == [
            *("fulfilled", "noshow", "booked"),
            *["cancelled"] * 7,
        ]
        with pytest.raises(InvalidTransition):
            clinic.series.cancel(made[0].id)

    def test_under_a_key(self, clinic: Practice) -> None:
        made = book(clinic).appointments
        first = clinic.series.cancel(made[0], scope="all", idempotency_key="k")
        assert clinic.series.cancel(made[0], scope="all", idempotency_key="k") == first
        with pytest.raises(IdempotencyMismatch):
            clinic.series.cancel(made[0], scope="this", idempotency_key="k")


class Meddling:
    """A store with a rival who acts once, just before a changeset is applied."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.rival: Callable[[], object] | None = None

    def apply(self, changeset: Changeset) -> Outcome:
        act, self.rival = self.rival, None
        if act is not None:
            act()
        return self._store.apply(changeset)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class TestRivals:
    def meddled(self, store: MemoryStore, clock: FixedClock) -> tuple[Meddling, Practice]:
        meddling = Meddling(store)
        scheduler = Scheduler(cast("MemoryStore", meddling), clock=clock)
        return meddling, scheduler.practice("riverside")

    def test_who_takes_one_leaves_nothing_of_the_rest(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        meddling, slow = self.meddled(store, clock)
        taken: list[object] = []

        def rival() -> None:
            take(clinic, date(2026, 2, 24), 9, 0)
            taken.extend(everything(store, clinic))

        meddling.rival = rival
        with pytest.raises(SeriesRefused) as caught:
            book(slow)
        assert [one.date for one in caught.value.unbooked] == [date(2026, 2, 24)]
        assert everything(store, clinic) == taken

    def test_the_rest_goes_on_without_the_one(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        meddling, slow = self.meddled(store, clock)
        meddling.rival = lambda: take(clinic, date(2026, 2, 24), 9, 0)
        made = book(slow, skip=True)
        assert [one.date for one in made.unbooked] == [date(2026, 2, 24)]
        assert len(clinic.appointments.list(patient="ada").items) == 9

    def test_the_same_request_under_the_same_key_meanwhile(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        take(clinic, date(2026, 2, 3))
        meddling, slow = self.meddled(store, clock)
        first: list[object] = []
        meddling.rival = lambda: first.append(book(clinic, skip=True, idempotency_key="k"))
        assert [book(slow, skip=True, idempotency_key="k")] == first
        assert len(clinic.series.list().items) == 1

    @pytest.mark.parametrize("scope", ["following", "all"])
    def test_one_that_is_called_off_meanwhile(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock, scope: str
    ) -> None:
        made = book(clinic).appointments
        meddling, slow = self.meddled(store, clock)
        meddling.rival = lambda: clinic.appointments.cancel(made[5])
        moved = slow.series.reschedule(made[0].id, time(11), scope=scope)
        assert [one.status.value for one in moved].count("cancelled") == 1
        assert shown(moved)[4:7] == ["02-10 11:00", "02-17 09:30", "02-24 11:00"]

    def test_a_closure_meanwhile(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        meddling, slow = self.meddled(store, clock)
        meddling.rival = lambda: clinic.availability.add(
            Override.closed("smith", date(2026, 3, 17))
        )
        with pytest.raises(SeriesRefused) as caught:
            book(slow)
        assert [one.date for one in caught.value.unbooked] == [date(2026, 3, 17)]
        assert not clinic.appointments.list().items
        assert not clinic.series.list().items

    def test_a_closure_while_it_is_moved(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        made = book(clinic).appointments
        meddling, slow = self.meddled(store, clock)
        meddling.rival = lambda: clinic.availability.add(
            Override.closed("smith", date(2026, 3, 17), hours="11:00-12:00")
        )
        with pytest.raises(SeriesRefused) as caught:
            slow.series.reschedule(made[4], time(11), scope="following")
        assert [one.date for one in caught.value.unbooked] == [date(2026, 3, 17)]
        assert clinic.series.appointments(made[0].series or "") == made

    def test_two_at_once(self, clinic: Practice, store: MemoryStore) -> None:
        told: list[object] = []

        def run(patient: str) -> None:
            try:
                told.append(book(clinic, patient=patient))
            except (SeriesRefused, StorageBusy) as error:
                told.append(error)

        rivals = [Thread(target=run, args=(who,)) for who in ("ada", "bob", "cid")]
        for one in rivals:
            one.start()
        for one in rivals:
            one.join()
        made = clinic.appointments.list(limit=1000).items
        won = [one for one in told if not isinstance(one, MedschedError)]
        assert len(told) == 3
        assert len(won) <= 1
        assert len(made) == 10 * len(won)
        assert len(clinic.series.list().items) == len(won)


ZONES = {
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "Europe/London": (date(2026, 3, 29), date(2026, 10, 25)),
    "Australia/Lord_Howe": (date(2026, 4, 5), date(2026, 10, 4)),
    "America/Santiago": (date(2026, 4, 5), date(2026, 9, 6)),
}


@pytest.mark.parametrize("zone", ZONES)
def test_across_clock_changes_the_wall_shows_what_was_asked_for(zone: str) -> None:
    seed = Random().randrange(10**6)
    random = Random(seed)
    clinic = Scheduler(
        MemoryStore(), clock=FixedClock(datetime(2026, 1, 5, 12, tzinfo=UTC)), ids=NumberedIds()
    ).practice("riverside")
    clinic.settings.configure(timezone=zone)
    clinic.providers.create(id="smith")
    clinic.patients.create(id="ada")
    clinic.appointment_types.create(code="physio", duration=5 * MINUTE)
    clinic.availability.add(
        AvailabilityRule("smith", Recurrence.daily(date(2026, 1, 1)), hours="00:00-24:00")
    )
    resolved = clinic._context.zones.zone(zone).tzinfo
    seen = set[Reason]()
    for at in range(ROUNDS):
        change = ZONES[zone][at % 2]
        first = change - random.randint(0, 3) * DAY
        rule = Recurrence.daily(first, count=random.randint(4, 9))
        wall = time(random.randint(0, 3), random.randrange(0, 60, 5))
        made = clinic.series.book(
            "smith", "physio", patient="ada", recurrence=rule, at=wall, skip=True
        )
        assert {one.wall.start.time() for one in made.appointments} == {wall}
        had = {one.wall.start.date(): one for one in made.appointments}
        left = {one.date: one for one in made.unbooked}
        assert sorted([*had, *left]) == [one.date for one in made.series.occurrences]
        for day in [one.date for one in made.series.occurrences]:
            both = [
                datetime.combine(day, wall, resolved).replace(fold=showing).astimezone(UTC)
                for showing in (0, 1)
            ]
            back = [one.astimezone(resolved).replace(tzinfo=None) for one in both]
            exists = datetime.combine(day, wall) in back
            where = f"seed {seed}, {day} {wall}"
            if exists and both[0] == both[1]:
                assert had[day].start == both[0], where
                continue
            (against,) = left[day].violations
            expected = Reason.AMBIGUOUS_TIME if exists else Reason.NONEXISTENT_TIME
            assert against.reason is expected, where
            assert zone in against.message
            seen.add(against.reason)
        clinic.series.cancel(made.appointments[0], scope="all")
    assert seen, f"seed {seed}: no clock change was met"


def test_a_series_books_what_its_occurrences_would_one_after_the_other(clock: FixedClock) -> None:
    seed = Random().randrange(10**6)
    random = Random(seed)
    for _ in range(max(ROUNDS // 3, 10)):
        both = [
            opened(Scheduler(MemoryStore(), clock=clock, ids=NumberedIds()).practice("riverside"))
            for _ in range(2)
        ]
        for _ in range(random.randint(0, 25)):
            start = Start(
                random.choice(["smith", "jones", "kim"]),
                random.choice(["physio", "pool", "class"]),
                on(TUESDAY + random.randint(0, 9) * DAY, random.randint(9, 11), 0),
            )
            who, keep = random.choice(["ada", "bob", "cid"]), random.random() < 0.3
            for clinic in both:
                with suppress(BookingRefused):
                    if keep:
                        clinic.holds.place(start, patient=who)
                    else:
                        clinic.appointments.book(start, patient=who)
        type = random.choice(["physio", "pool", "class"])
        at = time(random.randint(9, 11), random.choice([0, 0, 30]))
        rule = Recurrence.daily(TUESDAY, every=random.randint(1, 3), count=random.randint(2, 8))
        together, apart = both
        alone: list[Appointment] = []
        for day in rule.between(TUESDAY, TUESDAY + 30 * DAY):
            with suppress(BookingRefused):
                start = Start("smith", type, on(day, at.hour, at.minute))
                alone.append(apart.appointments.book(start, patient="ada"))
        booked: tuple[Appointment, ...] = ()
        with suppress(SeriesRefused):
            booked = together.series.book(
                "smith", type, patient="ada", recurrence=rule, at=at, skip=True
            ).appointments
        said = [
            [(one.start, one.end, one.spans, one.resources, one.seats) for one in some]
            for some in (booked, alone)
        ]
        assert said[0] == said[1], f"seed {seed}"
