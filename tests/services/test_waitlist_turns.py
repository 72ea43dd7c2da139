"""The waitlist: nobody is served out of turn, whatever moves while a pass is under way."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from tests.services.test_appointments import MINUTE, everything, names

from medsched import (
    AlreadyWaiting,
    AvailabilityRule,
    BookingRefused,
    BookingRules,
    Grid,
    MedschedError,
    MemoryStore,
    OfferStatus,
    Practice,
    Reason,
    Recurrence,
    Scheduler,
    Start,
    Tally,
    Visit,
    WaitlistEntry,
    WaitlistStatus,
    Worked,
)
from medsched.domain.requests import Violation
from medsched.services.bookings import Bookings
from medsched.services.looks import Looks
from medsched.testing.fixed import FixedClock, NumberedIds
from medsched.timeline.instants import whole_minute

DAY = date(2026, 1, 7)
PATIENTS = ("ada", "bob", "cid", "dee")


def at(hour: int, minute: int = 0, day: int = DAY.day) -> datetime:
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


def opened(clinic: Practice, hours: str = "09:00-12:00", **visit: Any) -> Practice:
    """Smith sees patients on one day, in hours of UTC."""
    clinic.settings.configure(timezone="UTC")
    clinic.providers.create(id="smith", name="Dr. Smith")
    for patient in PATIENTS:
        clinic.patients.create(id=patient)
    clinic.appointment_types.create(code="visit", duration=30 * MINUTE, **visit)
    clinic.availability.add(AvailabilityRule("smith", Recurrence.dates(DAY), hours=hours))
    return clinic


def join(clinic: Practice, patient: str, type: str = "visit", **wish: Any) -> WaitlistEntry:
    usual: dict[str, Any] = {
        "earliest": date(2026, 1, 5),
        "latest": date(2026, 1, 9),
        "id": f"of-{patient}",
    }
    return clinic.waitlist.join(patient=patient, type=type, **usual | wish)


def offered(clinic: Practice) -> list[tuple[str, str]]:
    """Who is offered what, in order of time."""
    live = sorted(clinic.waitlist.offers.list(limit=1000), key=lambda one: (one.start, one.patient))
    return [(one.patient, f"{one.start:%H:%M}") for one in live]


def status(clinic: Practice, id: str) -> WaitlistStatus:
    return clinic.waitlist.entries.get(id).status


class TestPackedGrids:
    """Where what is offered makes other starts."""

    @pytest.fixture
    def clinic(self, clinic: Practice) -> Practice:
        opened(clinic, grid=Grid.packed())
        for code, length in (("long", 50), ("check", 30)):
            clinic.appointment_types.create(code=code, duration=length * MINUTE, grid=Grid.packed())
        return clinic

    def test_a_start_that_an_offer_makes_goes_to_the_first_in_order(self, clinic: Practice) -> None:
        join(clinic, "ada", urgency=9, hours="11:30-12:00")
        join(clinic, "bob", "long", urgency=5, hours="09:00-09:30")
        join(clinic, "cid", urgency=4, hours="09:45-09:55")
        join(clinic, "dee", "check", urgency=0, hours="09:45-09:55")
        assert clinic.waitlist.work() == Worked(offered=3)
        assert offered(clinic) == [("bob", "09:00"), ("cid", "09:50"), ("ada", "11:30")]
        assert clinic.waitlist.work() == Worked()

    def test_a_start_that_an_offer_makes_is_offered_by_the_same_pass(
        self, clinic: Practice
    ) -> None:
        join(clinic, "ada", urgency=9, hours="11:30-12:00")
        join(clinic, "bob", "long", urgency=5, hours="09:00-09:30")
        join(clinic, "cid", hours="09:45-09:55")
        assert clinic.waitlist.work() == Worked(offered=3)
        assert offered(clinic) == [("bob", "09:00"), ("cid", "09:50"), ("ada", "11:30")]

    def test_as_many_are_served_in_a_pass_as_on_any_other_grid(self, clinic: Practice) -> None:
        for patient in PATIENTS:
            for type in ("visit", "check"):
                join(clinic, patient, type, id="")
        assert clinic.waitlist.work(most=3) == Worked(offered=3, more=True)
        assert clinic.waitlist.work() == Worked(offered=3), "six fit in"


class TestOneReading:
    """What comes free while a pass reads is found for all types, or for none."""

    @pytest.mark.parametrize("rules", [BookingRules(), BookingRules(per_day=9)])
    @pytest.mark.parametrize("first, second", [("check", "visit"), ("visit", "check")])
    def test_nobody_gets_what_somebody_before_them_could_not_see(
        self,
        clinic: Practice,
        monkeypatch: pytest.MonkeyPatch,
        rules: BookingRules,
        first: str,
        second: str,
    ) -> None:
        opened(clinic, hours="09:00-10:00", rules=rules)
        clinic.appointment_types.create(code="check", duration=30 * MINUTE)
        clinic.appointments.book(Start("smith", "visit", at(9)), patient="dee", id="blocker")
        join(clinic, "ada", first, urgency=9, hours="09:00-09:30")
        join(clinic, "bob", second, hours="09:00-09:30")
        reads = list[str]()
        for name in ("_by_ledger", "_by_claims"):
            read = getattr(Looks, name)

            def after(self: Looks, posts: Any, *days: int, _read: Any = read) -> Any:
                found = _read(self, posts, *days)
                if posts and not reads and days[0] <= whole_minute(at(9), "at") // 1440 <= days[1]:
                    reads.append(_read.__name__)  # what it has seen, the next has not yet
                    clinic.appointments.cancel("blocker")
                return found

            monkeypatch.setattr(Looks, name, after)
        clinic.waitlist.work()
        assert ("bob", "09:00") not in offered(clinic)
        clinic.waitlist.work()
        assert offered(clinic) == [("ada", "09:00")]


class TestRefusals:
    """What a pass costs where many are refused."""

    @pytest.mark.parametrize("way", ["inactive", "referral"])
    def test_whoever_can_have_nothing_is_asked_for_one_slot(
        self, clinic: Practice, monkeypatch: pytest.MonkeyPatch, way: str
    ) -> None:
        rules = BookingRules(needs_referral=way == "referral")
        opened(clinic, "00:00-24:00", rules=rules)
        join(clinic, "ada", urgency=9)
        join(clinic, "bob", referral="R-1")
        if way == "inactive":
            clinic.patients.deactivate("ada")
        asks, ask = list[str | None](), Bookings.ask

        def counted(self: Bookings, wish: Any, *rest: Any, **options: Any) -> Any:
            asks.append(wish.patient)
            return ask(self, wish, *rest, **options)

        monkeypatch.setattr(Bookings, "ask", counted)
        assert clinic.waitlist.work() == Worked(offered=1)
        assert offered(clinic) == [("bob", "00:00")]
        assert asks == ["ada", "bob"]

    def test_whoever_has_something_else_gets_the_next_at_once(self, clinic: Practice) -> None:
        opened(clinic)
        clinic.providers.create(id="jones", name="Dr. Jones")
        clinic.availability.add(
            AvailabilityRule("jones", Recurrence.dates(DAY), hours="09:00-11:30")
        )
        for hour, minute in ((9, 0), (9, 30), (10, 0), (10, 30), (11, 0)):
            clinic.appointments.book(Start("jones", "visit", at(hour, minute)), patient="ada")
        join(clinic, "ada", providers="smith")
        assert clinic.waitlist.work() == Worked(offered=1)
        assert offered(clinic) == [("ada", "11:30")]


class Fussy:
    """A rule of the house's that does not get on with one patient."""

    def against(self, visit: Visit) -> Iterable[Violation]:
        if visit.patient == "ada":
            raise ZeroDivisionError
        return ()

    def tallies(self, visit: Visit) -> Iterable[Tally]:
        return ()


def test_a_rule_that_raises_for_one_ends_the_turn_of_that_one(
    clinic: Practice, store: MemoryStore, clock: FixedClock
) -> None:
    opened(clinic)
    join(clinic, "ada", urgency=9)
    join(clinic, "bob")
    fussy = Scheduler(store, clock=clock, ids=NumberedIds(), house_rules=[Fussy()])
    with pytest.raises(ZeroDivisionError):
        fussy.practice(clinic.id).waitlist.work()
    assert offered(clinic) == [("bob", "09:00")]


class TestTime:
    def test_a_pass_that_is_late_makes_no_offer_that_is_over(
        self, clinic: Practice, clock: FixedClock
    ) -> None:
        opened(clinic)
        join(clinic, "ada")
        assert clinic.waitlist.work(clock.now() - 31 * MINUTE) == Worked(offered=1)
        (offer,) = clinic.waitlist.offers.list()
        assert (offer.offered_at, offer.expires) == (clock.now(), clock.now() + 30 * MINUTE)
        clinic.waitlist.accept(offer, patient="ada")

    def test_what_is_due_is_due_at_the_time_given(
        self, clinic: Practice, clock: FixedClock
    ) -> None:
        opened(clinic, "09:00-09:30")
        join(clinic, "ada")
        clinic.waitlist.work()
        clock.advance(30 * MINUTE)
        assert clinic.waitlist.work(clock.now() - MINUTE) == Worked()
        assert clinic.waitlist.work(clock.now()) == Worked(expired=1)

    def test_it_looks_as_far_ahead_whoever_else_waits(
        self, clinic: Practice, clock: FixedClock
    ) -> None:
        opened(clinic)
        far = date(2027, 6, 1)
        clinic.availability.add(
            AvailabilityRule("smith", Recurrence.dates(far), hours="09:00-10:00")
        )
        join(clinic, "ada", earliest=far, latest=far)
        assert clinic.waitlist.work() == Worked()
        join(clinic, "bob", earliest=DAY, latest=far, hours="20:00-21:00")
        assert clinic.waitlist.work() == Worked()
        clock.set(datetime(2026, 6, 2, tzinfo=UTC))
        assert clinic.waitlist.work() == Worked(offered=1)

    @pytest.mark.parametrize("command", ["decline", "withdraw"])
    def test_what_has_expired_is_that_whatever_is_said_later(
        self, clinic: Practice, clock: FixedClock, command: str
    ) -> None:
        opened(clinic)
        join(clinic, "ada")
        clinic.waitlist.work()
        (offer,) = clinic.waitlist.offers.list()
        clock.advance(30 * MINUTE)
        over = (
            clinic.waitlist.withdraw(offer)
            if command == "withdraw"
            else clinic.waitlist.decline(offer, patient="ada", reason="too late")
        )
        assert (over.status, over.answer) == (OfferStatus.EXPIRED, "")
        assert "waitlist-offer.expired" in names(clinic)
        assert status(clinic, "of-ada") is WaitlistStatus.WAITING
        assert not clinic.holds.list().items


class TestAccepting:
    def test_whoever_is_not_active_any_more_is_refused(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        opened(clinic)
        join(clinic, "ada")
        clinic.waitlist.work()
        (offer,) = clinic.waitlist.offers.list()
        clinic.patients.deactivate("ada")
        before = everything(store, clinic)
        with pytest.raises(BookingRefused) as caught:
            clinic.waitlist.accept(offer, patient="ada")
        assert [one.reason for one in caught.value.violations] == [Reason.INACTIVE]
        assert everything(store, clinic) == before
        clinic.patients.activate("ada")
        made = clinic.waitlist.accept(offer, patient="ada")
        clinic.patients.deactivate("ada")
        assert clinic.waitlist.accept(offer, patient="ada") == made

    def test_entries_that_wait_for_the_day_of_the_visit_are_removed(self, clinic: Practice) -> None:
        opened(clinic)
        later: dict[str, Any] = {"earliest": date(2026, 2, 1), "latest": date(2026, 2, 9)}
        join(clinic, "ada", **later)
        join(clinic, "ada", id="that-day", hours="20:00-21:00")
        join(
            clinic,
            "ada",
            id="before",
            earliest=date(2026, 1, 5),
            latest=date(2026, 1, 6),
            providers="smith",
        )
        offer = clinic.waitlist.offer("of-ada", Start("smith", "visit", at(9)), reason="sooner")
        clinic.waitlist.accept(offer, patient="ada")
        assert status(clinic, "that-day") is WaitlistStatus.REMOVED
        assert status(clinic, "before") is WaitlistStatus.WAITING

    def test_entries_whose_dates_overlap_are_removed_on_whatever_day_the_visit_is(
        self, clinic: Practice
    ) -> None:
        opened(clinic)
        later: dict[str, Any] = {"earliest": date(2026, 2, 1), "latest": date(2026, 2, 9)}
        join(clinic, "ada", **later)
        overlapping: dict[str, Any] = {"earliest": date(2026, 2, 9), "latest": date(2026, 2, 20)}
        join(clinic, "ada", id="overlapping", providers="smith", **overlapping)
        offer = clinic.waitlist.offer("of-ada", Start("smith", "visit", at(9)), reason="sooner")
        clinic.waitlist.accept(offer, patient="ada")
        assert status(clinic, "overlapping") is WaitlistStatus.REMOVED


class TestJoining:
    @pytest.mark.parametrize("whose", ["patient", "type"])
    def test_nobody_joins_who_takes_no_part(
        self, clinic: Practice, store: MemoryStore, whose: str
    ) -> None:
        opened(clinic)
        if whose == "patient":
            clinic.patients.deactivate("ada")
        else:
            clinic.appointment_types.deactivate("visit")
        before = everything(store, clinic)
        with pytest.raises(BookingRefused) as caught:
            join(clinic, "ada")
        assert [one.reason for one in caught.value.violations] == [Reason.INACTIVE]
        assert everything(store, clinic) == before

    @pytest.mark.parametrize(
        "wish", [{"providers": None}, {"providers": 5}, {"weekdays": 5}, {"hours": 5}]
    )
    def test_what_is_no_list_is_refused_by_name(
        self, clinic: Practice, wish: dict[str, Any]
    ) -> None:
        opened(clinic)
        with pytest.raises(MedschedError):
            join(clinic, "ada", **wish)
        join(clinic, "ada")
        bad: Any = {"hours": None} if "hours" in wish else {"weekdays": 5}
        with pytest.raises(MedschedError):
            clinic.waitlist.change("of-ada", **bad)


class TestOldKeys:
    """A key that is older than seven days is a new one."""

    def test_it_joins_anew(self, clinic: Practice, clock: FixedClock) -> None:
        opened(clinic)
        wish: dict[str, Any] = {"id": "", "latest": date(2026, 12, 31), "idempotency_key": "form"}
        made = join(clinic, "ada", **wish)
        for _ in range(3):
            clinic.waitlist.leave(made)
            assert join(clinic, "ada", **wish).id == made.id, "within seven days"
            clock.advance(timedelta(days=7))
            clinic.holds.sweep()
            again = join(clinic, "ada", **wish)
            assert again.id != made.id
            assert again.status is WaitlistStatus.WAITING
            assert join(clinic, "ada", **wish) == again
            made = again
        clock.advance(timedelta(days=7))
        clinic.holds.sweep()
        with pytest.raises(AlreadyWaiting):
            join(clinic, "ada", **wish)

    def test_it_offers_anew(self, clinic: Practice, clock: FixedClock) -> None:
        opened(clinic)
        clinic.availability.add(
            AvailabilityRule("smith", Recurrence.dates(date(2026, 1, 28)), hours="09:00-10:00")
        )
        join(clinic, "ada", latest=date(2026, 12, 31))
        asked: dict[str, Any] = {"reason": "again", "idempotency_key": "k"}
        slot = Start("smith", "visit", at(9, day=28))
        first = clinic.waitlist.offer("of-ada", slot, **asked)
        clock.advance(timedelta(days=7))
        clinic.holds.sweep()
        second = clinic.waitlist.offer("of-ada", slot, **asked)
        assert second.id != first.id
        assert clinic.waitlist.offer("of-ada", slot, **asked) == second
        assert clinic.holds.get(second.id).offer == second.id
