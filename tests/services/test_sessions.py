"""Group sessions: seats are taken and given back, and the session's time goes with its last."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import attrs
import pytest
from tests.races.wholeness import check_whole
from tests.services.group import MINUTE, SEATS, fill, nine, start

from medsched import (
    AvailabilityRule,
    BookingRefused,
    InvalidChoice,
    InvalidNumber,
    MemoryStore,
    Override,
    Practice,
    Reason,
    Recurrence,
    Resource,
    Search,
    Slot,
)
from medsched.domain.appointments import Appointment
from medsched.domain.claims import ClaimKind
from medsched.domain.sessions import GroupSession
from medsched.testing.fixed import FixedClock

SMITH, GYM = Resource("provider", "smith"), Resource("room", "gym")
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _filled(clinic: Practice) -> None:
    fill(clinic)


def book(clinic: Practice, number: int, minutes: int = 0) -> Appointment:
    return clinic.appointments.book(start(minutes), patient=f"p{number}")


def seats(clinic: Practice, minutes: int = 0) -> tuple[int, int]:
    """The seats that a listing tells of, and how many of them are free; (0, 0) if it is not in."""
    for slot in clinic.availability.slots("smith", "class", nine(), nine(480), taken=True):
        if slot.start == nine(minutes):
            return slot.capacity, slot.seats_free
    return 0, 0


def sessions(store: MemoryStore) -> list[GroupSession]:
    found = store.page("riverside", GroupSession, active=None, where={}, after=None, limit=100)
    check_whole(store, "riverside")
    return list(found)


def against(clinic: Practice, number: int, minutes: int = 0, type: str = "class") -> set[Reason]:
    with pytest.raises(BookingRefused) as refused:
        clinic.appointments.book(start(minutes, type), patient=f"p{number}")
    return {violation.reason for violation in refused.value.violations}


class TestSeats:
    def test_as_many_are_booked_as_there_are_seats(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        assert seats(clinic) == (SEATS, SEATS)
        for number in range(SEATS):
            made = book(clinic, number)
            assert (made.seats, made.start, made.resources) == (SEATS, nine(), frozenset({GYM}))
            assert seats(clinic) == (SEATS, SEATS - number - 1)
        assert against(clinic, SEATS) == {Reason.FULL}
        (session,) = sessions(store)
        assert (session.seats, session.expires) == (SEATS, None)
        assert {span.resource for span in session.spans} == {SMITH, GYM}

    def test_the_sessions_time_is_taken_once_and_each_patients_own(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        book(clinic, 0)
        book(clinic, 1)
        low = nine()
        claims = store.claims("riverside", [SMITH, GYM], 0, 2**40)
        assert [(one.resource, one.kind) for one in claims] == [
            (SMITH, ClaimKind.SESSION),
            (GYM, ClaimKind.SESSION),
        ]
        assert (claims[0].start, claims[0].end) == (low, low + 70 * MINUTE)
        assert against(clinic, 2, 30) == {Reason.TAKEN}  # another start that overlaps it
        assert Reason.TAKEN in against(clinic, 2, 30, "visit")
        assert Reason.TAKEN in against(clinic, 0)  # one patient has one seat
        with pytest.raises(BookingRefused):
            clinic.appointments.book(start(30, "visit", "jones"), patient="p0")

    def test_a_seat_given_back_is_free_and_the_last_frees_the_time(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        made = [book(clinic, number) for number in range(SEATS)]
        clinic.appointments.cancel(made[1])
        assert seats(clinic) == (SEATS, 1)
        assert clinic.appointments.get(made[1].id).session is None
        book(clinic, 7)
        for one in clinic.appointments.list(status="booked").items:
            clinic.appointments.cancel(one)
        assert sessions(store) == []
        assert store.claims("riverside", [SMITH, GYM], 0, 2**40) == []
        clinic.appointments.book(start(0, "visit"), patient="p0")

    def test_it_may_begin_again(self, clinic: Practice, store: MemoryStore) -> None:
        for _ in range(3):
            clinic.appointments.cancel(book(clinic, 0))
        book(clinic, 0)
        assert len(sessions(store)) == 1

    def test_what_took_place_keeps_its_seat(self, clinic: Practice) -> None:
        made = book(clinic, 0)
        clinic.appointments.arrive(made)
        clinic.appointments.fulfil(made.id)
        assert seats(clinic) == (SEATS, SEATS - 1)

    def test_seats_of_0_are_refused_by_name(self) -> None:
        with pytest.raises(InvalidNumber):
            AvailabilityRule(
                "smith",
                Recurrence.weekly("MO", start=nine().date()),
                hours="09:00-10:00",
                capacity=0,
            )

    def test_rooms_are_those_of_all(self, clinic: Practice) -> None:
        made = book(clinic, 0)
        with pytest.raises(InvalidChoice):
            clinic.appointments.change_resources(made, [GYM])


class TestTheStrictestBooking:
    """Nobody shares a session with more people than anybody in it was promised."""

    def fewer(self, clinic: Practice, capacity: int | None) -> None:
        (rule,) = clinic.availability.rules.list(resource="smith").items
        clinic.availability.rules.update(attrs.evolve(rule, capacity=capacity))

    def test_fewer_seats_now_bind_all(self, clinic: Practice, store: MemoryStore) -> None:
        book(clinic, 0)
        self.fewer(clinic, 2)
        second = book(clinic, 1)
        assert second.seats == 2
        self.fewer(clinic, None)
        assert against(clinic, 2) == {Reason.FULL}
        assert seats(clinic)[0] == 2
        clinic.appointments.cancel(second)  # and with it goes what it was promised
        assert seats(clinic) == (SEATS, SEATS - 1)
        assert [one.seats for one in sessions(store)] == [SEATS]

    def test_more_seats_later_do_not(self, clinic: Practice) -> None:
        self.fewer(clinic, 2)
        book(clinic, 0)
        book(clinic, 1)
        self.fewer(clinic, None)
        assert against(clinic, 2) == {Reason.FULL}


class TestMoving:
    def test_to_another_session_and_back(self, clinic: Practice, store: MemoryStore) -> None:
        made = [book(clinic, number) for number in range(2)]
        moved = clinic.appointments.reschedule(made[0], start(90))
        assert (seats(clinic), seats(clinic, 90)) == ((SEATS, 2), (SEATS, 2))
        assert moved.session not in (None, made[0].session)
        back = clinic.appointments.reschedule(moved, start(0))
        assert (back.session, seats(clinic, 90)) == (made[0].session, (SEATS, SEATS))
        assert len(sessions(store)) == 1

    def test_the_only_one_may_move_within_the_sessions_own_time(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        made = book(clinic, 0)
        moved = clinic.appointments.reschedule(made, start(30))
        assert (moved.start, len(sessions(store))) == (nine(30), 1)
        other = book(clinic, 1, 30)
        with pytest.raises(BookingRefused):
            clinic.appointments.reschedule(other, start(60))

    def test_to_where_it_is_changes_nothing(self, clinic: Practice) -> None:
        made = [book(clinic, number) for number in range(SEATS)]
        assert clinic.appointments.reschedule(made[0], start(0)) == made[0]

    def test_a_proposal_has_no_seat_until_it_is_accepted(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        made = clinic.appointments.propose(start(0), patient="p0")
        assert (made.session, sessions(store)) == (None, [])
        taken = clinic.appointments.accept(made)
        assert taken.session is not None
        assert seats(clinic) == (SEATS, SEATS - 1)


class TestHolds:
    def test_a_hold_keeps_a_seat(self, clinic: Practice, store: MemoryStore) -> None:
        held = [clinic.holds.place(start(0)) for _ in range(SEATS)]
        assert against(clinic, 0) == {Reason.FULL}
        made = clinic.holds.confirm(held[0], patient="p0")
        assert (made.session, made.seats) == (held[0].session, SEATS)
        clinic.holds.release(held[1])
        book(clinic, 1)
        assert against(clinic, 2) == {Reason.FULL}
        assert len(sessions(store)) == 1

    @pytest.mark.parametrize("swept", [False, True])
    def test_an_expired_hold_has_no_seat(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock, swept: bool
    ) -> None:
        for _ in range(SEATS - 1):
            clinic.holds.place(start(0), lasting=MINUTE)
        book(clinic, 0)
        assert against(clinic, 1) == {Reason.FULL}
        clock.advance(MINUTE)
        if swept:
            assert clinic.holds.sweep() == SEATS - 1
        assert seats(clinic) == (SEATS, SEATS - 1)
        for number in range(1, SEATS):
            book(clinic, number)
        assert against(clinic, 9) == {Reason.FULL}
        clinic.holds.sweep()
        assert seats(clinic) == (SEATS, 0)
        assert len(sessions(store)) == 1

    @pytest.mark.parametrize("swept", [False, True])
    def test_a_session_of_expired_holds_blocks_nothing(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock, swept: bool
    ) -> None:
        clinic.holds.place(start(0), patient="p1", lasting=MINUTE)
        clinic.holds.place(start(0), lasting=2 * MINUTE)
        clock.advance(MINUTE)
        assert Reason.TAKEN in against(clinic, 0, 0, "visit")
        clock.advance(MINUTE)
        if swept:
            assert clinic.holds.sweep() == 2
        clinic.appointments.book(start(0, "visit"), patient="p1")
        assert sessions(store) == []

    def test_an_appointment_keeps_what_a_hold_began(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        clinic.holds.place(start(0), lasting=MINUTE)
        made = book(clinic, 0)
        clock.advance(MINUTE)
        assert Reason.TAKEN in against(clinic, 1, 0, "visit")
        clinic.holds.place(start(0), lasting=MINUTE)
        clinic.appointments.cancel(made)
        clock.advance(MINUTE)
        clinic.appointments.book(start(0, "visit"), patient="p0")
        assert sessions(store) == []


def test_rivals_for_the_seats_of_a_session(clinic: Practice, store: MemoryStore) -> None:
    def rival(number: int) -> bool | None:
        try:
            book(clinic, number)
        except BookingRefused as refused:
            return {one.reason for one in refused.violations} <= {Reason.FULL, Reason.TAKEN}
        return None

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(rival, range(16)))
    assert (answers.count(None), answers.count(True)) == (SEATS, 16 - SEATS)
    (session,) = sessions(store)
    assert store.tallies("riverside", [session.tally]) == {session.tally: SEATS}

    def leave(one: Appointment) -> None:
        clinic.appointments.cancel(one)

    with ThreadPoolExecutor(SEATS) as pool:
        list(pool.map(leave, clinic.appointments.list(status="booked").items))
    assert sessions(store) == []


class TestLongerThanItsTypeIsNow:
    """A session keeps its length when slots become shorter, and so does what can be in its way."""

    @pytest.fixture(autouse=True)
    def _shortened(self, clinic: Practice) -> None:
        book(clinic, 1)
        kept = clinic.appointment_types.get("class")
        shorter = attrs.evolve(kept, duration=10 * MINUTE, buffer_after=0 * MINUTE)
        clinic.appointment_types.update(shorter, stranded="keep")

    def listed(self, clinic: Practice, patient: str | None = None) -> list[Slot]:
        """The session as it is listed, by itself and among others: the same."""
        found = [
            [
                slot
                for slot in clinic.availability.slots(
                    "smith", "class", nine(low), nine(high), patient=patient
                )
                if slot.start == nine()
            ]
            for low, high in ((0, 1), (0, 10), (-60, 10), (-60, 240), (-1440, 2880))
        ]
        assert all(one == found[0] for one in found), found
        return found[0]

    def test_who_doubles_its_end_closes_it_however_it_is_asked_for(self, clinic: Practice) -> None:
        (slot,) = self.listed(clinic)
        assert slot.end == nine(60)
        doubling = clinic.appointments.book(start(30, "visit"), patient="p2", override="urgent")
        assert self.listed(clinic) == []
        assert not clinic.availability.explain("smith", "class", at=nine()).offered
        assert against(clinic, 3) == {Reason.TAKEN}
        clinic.appointments.cancel(doubling.id)
        assert self.listed(clinic) == [slot]
        book(clinic, 3)

    def test_nobody_joins_it_who_has_another_visit_before_it_ends(self, clinic: Practice) -> None:
        clinic.appointments.book(start(30, "visit", "jones"), patient="p2")
        assert self.listed(clinic, "p2") == []
        assert against(clinic, 2) == {Reason.TAKEN}
        assert len(self.listed(clinic, "p3")) == 1

    def test_a_search_tells_the_same(self, clinic: Practice) -> None:
        """Of a session that ends on another day of UTC, where what is read of one day ends."""
        late, day = nine(570), nine().date()
        clinic.availability.add(Override.extra("smith", day, hours="18:30-22:00"))
        clinic.appointment_types.update(
            attrs.evolve(clinic.appointment_types.get("class"), duration=90 * MINUTE)
        )
        clinic.appointments.book(start(570), patient="p1")
        kept = clinic.appointment_types.get("class")
        shorter = attrs.evolve(kept, duration=10 * MINUTE)
        clinic.appointment_types.update(shorter, stranded="keep")
        only: dict[str, Any] = {"types": {"class"}, "providers": {"smith"}}
        searches = [Search(first=day - more * DAY, last=day, **only) for more in range(4)]

        def found() -> set[bool]:
            return {late in [slot.start for slot in clinic.search.found(one)] for one in searches}

        assert found() == {True}
        clinic.appointments.book(start(630, "visit"), patient="p2", override="urgent")
        assert found() == {False}
