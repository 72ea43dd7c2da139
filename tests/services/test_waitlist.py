"""The waitlist: who waits gets what comes free, in the order of the rule, and says yes or no."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from tests.services.test_appointments import MINUTE, everything, names

from medsched import (
    AlreadyExists,
    AlreadyOffered,
    AlreadyWaiting,
    AppointmentStatus,
    AppointmentType,
    AvailabilityRule,
    BookingRefused,
    BookingRules,
    IdempotencyMismatch,
    InUse,
    InvalidChoice,
    InvalidDuration,
    InvalidId,
    InvalidInterval,
    InvalidNumber,
    InvalidText,
    Location,
    MedschedError,
    MemoryStore,
    NaiveDatetime,
    NotAllowed,
    NotFound,
    NotWaiting,
    OfferClosed,
    OfferExpired,
    OfferStatus,
    Override,
    PassedSlot,
    Patient,
    Practice,
    Principal,
    Provider,
    Reason,
    Recurrence,
    Scheduler,
    Start,
    VersionConflict,
    WaitlistEntry,
    WaitlistOffer,
    WaitlistStatus,
    Worked,
)
from medsched.domain.claims import ClaimKind
from medsched.testing.fixed import FixedClock, NumberedIds
from medsched.timeline.instants import DAY

WEDNESDAY = date(2026, 1, 7)
HALF_HOUR = 30 * MINUTE
ANSWER = {"patient": "ada"}


def at(number: int, day: int = 7) -> datetime:
    """The start of one of the four slots from nine o'clock on, in New York."""
    return datetime(2026, 1, day, 14, tzinfo=UTC) + number * HALF_HOUR


def slot(number: int, provider: str = "smith", type: str = "visit", **place: Any) -> Start:
    return Start(provider, type, at(number), **place)


@pytest.fixture
def clinic(clinic: Practice) -> Practice:
    """Smith and Jones see patients for two hours on one Wednesday, and everything is booked."""
    clinic.settings.configure(timezone="America/New_York")
    clinic.add_all(
        [
            Location(id="main"),
            *(Provider(id=id, location="main") for id in ("smith", "jones")),
            *(Patient(id=id) for id in ("ada", "bob", "cid", "dee", "eve")),
            *(Patient(id=f"{id}-{number}") for id in ("smith", "jones") for number in range(4)),
            AppointmentType(code="visit", duration=HALF_HOUR),
            AppointmentType(code="check", duration=HALF_HOUR),
            *(
                AvailabilityRule(
                    id, Recurrence.dates(WEDNESDAY), hours="09:00-11:00", id=f"hours-{id}"
                )
                for id in ("smith", "jones")
            ),
        ]
    )
    for id in ("smith", "jones"):
        for number in range(4):
            clinic.appointments.book(
                slot(number, id), patient=f"{id}-{number}", id=f"{id}-{number}"
            )
    return clinic


def join(clinic: Practice, patient: str = "ada", type: str = "visit", **wish: Any) -> WaitlistEntry:
    usual: dict[str, Any] = {"earliest": WEDNESDAY, "latest": WEDNESDAY, "id": f"of-{patient}"}
    return clinic.waitlist.join(patient=patient, type=type, **usual | wish)


def free(clinic: Practice, number: int = 0, provider: str = "smith") -> None:
    clinic.appointments.cancel(f"{provider}-{number}")


def live(clinic: Practice) -> list[WaitlistOffer]:
    """The live offers, in order of their slots."""
    offers = clinic.waitlist.offers.list(limit=1000)
    return sorted(offers, key=lambda one: (one.start, one.provider))


def offered(clinic: Practice) -> list[tuple[str, int, str]]:
    """Who is offered which slot of whom."""
    return [(one.patient, (one.start - at(0)) // HALF_HOUR, one.provider) for one in live(clinic)]


def first(clinic: Practice) -> WaitlistOffer:
    """The offer to Ada of the first slot, which came free."""
    join(clinic)
    free(clinic)
    assert clinic.waitlist.work() == Worked(offered=1)
    (offer,) = live(clinic)
    return offer


def status(clinic: Practice, patient: str = "ada") -> WaitlistStatus:
    return clinic.waitlist.entries.get(f"of-{patient}").status


class TestJoining:
    def test_what_an_entry_says(self, clinic: Practice, clock: FixedClock) -> None:
        entry = clinic.waitlist.join(
            patient="ada",
            type="visit",
            providers="smith",
            earliest=WEDNESDAY,
            latest=date(2026, 1, 20),
            weekdays="MO,WE",
            hours="09:00-12:00",
            location="main",
            urgency=7,
            notes="comes by bus",
            referral="R-1",
        )
        assert (entry.id, entry.version, entry.active) == ("waitlist-entry-1", 1, True)
        assert (entry.patient, entry.type) == ("ada", "visit")
        assert entry.providers == frozenset({"smith"})
        assert (entry.urgency, entry.urgency_by) == (7, "system")
        assert (entry.entered_at, entry.status) == (clock.now(), WaitlistStatus.WAITING)
        assert clinic.waitlist.entries.get(entry.id) == entry
        for told in (repr(entry), str(clinic.events.after()[-1])):
            assert "bus" not in told
            assert "R-1" not in told

    def test_it_is_found_by_what_lists_ask(self, clinic: Practice) -> None:
        mine = join(clinic, providers=["smith", "jones"])
        other = join(clinic, "bob", type="check")
        entries = clinic.waitlist.entries
        for wanted, found in (
            ({}, [mine, other]),
            ({"patient": "ada"}, [mine]),
            ({"type": "check"}, [other]),
            ({"provider": "jones"}, [mine]),
            ({"status": "waiting", "active": None}, [mine, other]),
            ({"status": "offered"}, []),
            ({"active": False}, []),
        ):
            query: Any = wanted
            assert list(entries.list(**query)) == found, wanted

    def test_a_patient_may_be_on_several_lists(self, clinic: Practice) -> None:
        join(clinic, providers="smith", id="a")
        join(clinic, providers="jones", id="b")
        join(clinic, providers=["smith", "jones"], id="c")
        join(clinic, id="d")
        join(clinic, type="check", id="e")
        join(clinic, earliest=date(2026, 1, 8), latest=date(2026, 1, 9), id="f")
        assert len(clinic.waitlist.entries.list().items) == 6

    @pytest.mark.parametrize(
        "wish, error",
        [
            ({"earliest": date(2026, 1, 8)}, InvalidInterval),
            ({"patient": "nobody"}, NotFound),
            ({"type": "unknown"}, NotFound),
            ({"providers": ["smith", "nobody"]}, NotFound),
            ({"type": "check", "location": "nowhere"}, NotFound),
            ({"providers": [""]}, InvalidId),
            ({"urgency": -1}, InvalidNumber),
            ({"urgency": 1001}, InvalidNumber),
            ({"urgency": None}, InvalidNumber),
            ({"urgency": 1.5}, InvalidNumber),
            ({"earliest": None}, MedschedError),
            ({"weekdays": "XX"}, MedschedError),
            ({"weekdays": ""}, MedschedError),
            ({"hours": "25:00-26:00"}, MedschedError),
            ({"entered_at": datetime(2026, 1, 1)}, NaiveDatetime),
            ({"notes": "n" * 501}, InvalidText),
            ({"id": "taken"}, AlreadyExists),
            ({"id": "new"}, AlreadyWaiting),
        ],
    )
    def test_bad_input_changes_nothing(
        self,
        clinic: Practice,
        store: MemoryStore,
        wish: dict[str, Any],
        error: type[MedschedError],
    ) -> None:
        join(clinic, id="taken")
        before = everything(store, clinic)
        with pytest.raises(error) as caught:
            join(clinic, **{"patient": "ada", **wish})
        assert everything(store, clinic) == before
        if isinstance(caught.value, AlreadyWaiting):
            assert caught.value.entry == "taken"
            assert "taken" in str(caught.value)

    def test_whoever_is_over_may_join_again(self, clinic: Practice) -> None:
        clinic.waitlist.leave(join(clinic))
        join(clinic, id="again")
        with pytest.raises(AlreadyWaiting):
            join(clinic, id="twice", latest=date(2026, 2, 1))

    def test_a_key_joins_once(self, clinic: Practice, store: MemoryStore) -> None:
        entry = join(clinic, id="", idempotency_key="k")
        before = everything(store, clinic)
        assert join(clinic, id="", idempotency_key="k") == entry
        with pytest.raises(IdempotencyMismatch):
            join(clinic, "bob", id="", idempotency_key="k")
        assert everything(store, clinic) == before

    def test_a_new_patient_is_registered_where_that_is_so(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        ids = NumberedIds()
        knows_all = Scheduler(store, clock=clock, ids=ids, registers_patients=True)
        join(knows_all.practice(clinic.id), "new")
        assert clinic.patients.get("new").version == 1
        assert names(clinic)[-2:] == ["patient.created", "waitlist-entry.joined"]

    def test_what_it_names_cannot_be_deleted(self, clinic: Practice) -> None:
        join(clinic, "eve", type="check", providers="jones", location="main")
        for directory, id in (
            (clinic.patients, "eve"),
            (clinic.appointment_types, "check"),
        ):
            with pytest.raises(InUse):
                directory.delete(id)

    def test_an_entry_is_not_stored_by_hand(self, clinic: Practice) -> None:
        entry = join(clinic)
        with pytest.raises(InvalidChoice):
            clinic.add_all([entry])


class TestChanging:
    def test_dates_and_times_are_changed_and_the_place_is_kept(
        self, clinic: Practice, clock: FixedClock, store: MemoryStore
    ) -> None:
        entry = join(clinic)
        clock.advance(MINUTE)
        changed = clinic.waitlist.change(
            entry, latest=date(2026, 1, 9), hours="09:00-10:00", notes="new"
        )
        assert (changed.entered_at, changed.version) == (entry.entered_at, 2)
        assert changed.latest == date(2026, 1, 9)
        assert names(clinic)[-1] == "waitlist-entry.updated"
        assert clinic.waitlist.change(changed, latest=date(2026, 1, 9)) == changed

    def test_an_entry_that_was_changed_since_it_was_read_stays(self, clinic: Practice) -> None:
        entry = join(clinic)
        newer = clinic.waitlist.set_urgency(entry, 7)
        with pytest.raises(VersionConflict):
            clinic.waitlist.set_urgency(entry, 9)
        with pytest.raises(VersionConflict):
            clinic.waitlist.change(entry, notes="new")
        with pytest.raises(VersionConflict):
            clinic.waitlist.leave(entry)
        assert clinic.waitlist.entries.get(entry.id) == newer

    def test_it_may_not_become_what_another_is(self, clinic: Practice) -> None:
        join(clinic, id="one")
        join(clinic, id="two", earliest=date(2026, 1, 8), latest=date(2026, 1, 9))
        with pytest.raises(AlreadyWaiting) as caught:
            clinic.waitlist.change("two", earliest=WEDNESDAY)
        assert caught.value.entry == "one"
        with pytest.raises(InvalidInterval):
            clinic.waitlist.change("two", latest=WEDNESDAY)
        with pytest.raises(NotFound):
            clinic.waitlist.change("two", location="nowhere")
        bad: Any = {"urgency": 3}
        with pytest.raises(TypeError):
            clinic.waitlist.change("two", **bad)

    def test_urgency_is_set_by_somebody(self, clinic: Practice, store: MemoryStore) -> None:
        join(clinic)
        nurse = clinic.acting_as(Principal.trusted("kim"))
        entry = nurse.waitlist.set_urgency("of-ada", 5)
        assert (entry.urgency, entry.urgency_by, entry.updated_by) == (5, "kim", "kim")
        before = everything(store, clinic)
        assert nurse.waitlist.set_urgency("of-ada", 5) == entry
        with pytest.raises(InvalidNumber):
            nurse.waitlist.set_urgency("of-ada", 1001)
        assert everything(store, clinic) == before

    def test_who_leaves_is_asked_no_more(self, clinic: Practice, store: MemoryStore) -> None:
        first(clinic)
        left = clinic.waitlist.leave("of-ada")
        assert (left.status, left.active, left.offer) == (WaitlistStatus.LEFT, False, None)
        assert clinic.waitlist.offers.list(active=False).items[0].status is OfferStatus.WITHDRAWN
        assert names(clinic)[-3:] == [
            "waitlist-offer.withdrawn",
            "waitlist-entry.left",
            "hold.released",
        ]
        before = everything(store, clinic)
        assert clinic.waitlist.leave("of-ada") == left
        for command in (
            lambda: clinic.waitlist.set_urgency("of-ada", 3),
            lambda: clinic.waitlist.change("of-ada", notes="n"),
            lambda: clinic.waitlist.position("of-ada"),
            lambda: clinic.waitlist.offer("of-ada", slot(0), reason="r"),
        ):
            with pytest.raises(NotWaiting) as caught:
                command()
            assert (caught.value.entry, caught.value.status) == ("of-ada", "left")
        assert clinic.waitlist.work() == Worked()
        assert everything(store, clinic) == before


class TestOffering:
    def test_what_an_offer_says(self, clinic: Practice, clock: FixedClock) -> None:
        offer = first(clinic)
        entry = clinic.waitlist.entries.get("of-ada")
        assert (entry.status, entry.offer) == (WaitlistStatus.OFFERED, offer.id)
        assert (offer.entry, offer.patient, offer.provider) == (entry.id, "ada", "smith")
        assert (offer.start, offer.end, offer.location) == (at(0), at(1), "main")
        assert (offer.wall.start, offer.wall.timezone) == (
            datetime(2026, 1, 7, 9),
            "America/New_York",
        )
        assert (offer.offered_at, offer.expires) == (clock.now(), clock.now() + HALF_HOUR)
        assert (offer.status, offer.by_hand, offer.active) == (OfferStatus.LIVE, False, True)

    def test_it_holds_the_slot_and_the_patient(self, clinic: Practice) -> None:
        offer = first(clinic)
        held = clinic.holds.get(offer.id)
        assert (held.offer, held.patient, held.expires) == (offer.id, "ada", offer.expires)
        with pytest.raises(BookingRefused) as caught:
            clinic.appointments.book(slot(0), patient="bob")
        assert caught.value.violations[0].reason is Reason.TAKEN
        free(clinic, 0, "jones")
        with pytest.raises(BookingRefused):
            clinic.appointments.book(slot(0, "jones"), patient="ada")

    def test_its_hold_is_answered_through_the_offer(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        offer = first(clinic)
        before = everything(store, clinic)
        for command in (clinic.holds.confirm, clinic.holds.release):
            with pytest.raises(NotAllowed):
                command(offer.id)
        assert everything(store, clinic) == before

    def test_urgency_comes_first_and_then_who_entered_first(
        self, clinic: Practice, clock: FixedClock
    ) -> None:
        earlier = clock.now() - timedelta(days=1)
        join(clinic, "ada", urgency=3)
        join(clinic, "bob", urgency=5)
        join(clinic, "cid", urgency=5, entered_at=earlier)
        join(clinic, "dee", urgency=3)  # entered at the same instant as Ada: by id then
        for number in range(3):
            free(clinic, number)
        assert clinic.waitlist.work() == Worked(offered=3)
        assert offered(clinic) == [("cid", 0, "smith"), ("bob", 1, "smith"), ("ada", 2, "smith")]
        assert clinic.waitlist.work() == Worked(), "a pass with nothing to do changes nothing"

    def test_all_types_share_one_order(self, clinic: Practice) -> None:
        join(clinic, "ada", type="check", urgency=1)
        join(clinic, "bob", type="visit", urgency=2)
        join(clinic, "cid", type="check", urgency=3)
        free(clinic, 0)
        free(clinic, 1)
        assert clinic.waitlist.work().offered == 2
        assert offered(clinic) == [("cid", 0, "smith"), ("bob", 1, "smith")]

    def test_what_is_free_of_anybody_is_offered_to_who_takes_anybody(
        self, clinic: Practice
    ) -> None:
        join(clinic, "ada", providers="jones")
        join(clinic, "bob")
        join(clinic, "cid", providers=["smith", "jones"])
        free(clinic, 2)
        free(clinic, 3, "jones")
        free(clinic, 1, "jones")
        assert clinic.waitlist.work().offered == 3
        assert offered(clinic) == [("ada", 1, "jones"), ("bob", 2, "smith"), ("cid", 3, "jones")]

    @pytest.mark.parametrize(
        "wish, got",
        [
            ({}, 0),
            ({"hours": "09:30-10:00"}, 1),
            ({"hours": ["10:30-11:00", "10:00-10:01"]}, 2),
            ({"hours": "22:00-09:31 overnight"}, 0),
            ({"weekdays": "WE"}, 0),
            ({"weekdays": "MO,TU,TH,FR,SA,SU"}, None),
            ({"location": "main"}, 0),
            ({"location": None}, None),
            ({"earliest": date(2026, 1, 8), "latest": date(2026, 1, 9)}, None),
            ({"earliest": date(2026, 1, 1), "latest": date(2030, 1, 1)}, 0),
            ({"type": "check"}, 0),
            ({"providers": "jones"}, None),
        ],
    )
    def test_only_what_suits_is_offered(
        self, clinic: Practice, wish: dict[str, Any], got: int | None
    ) -> None:
        join(clinic, **wish)
        for number in range(4):
            free(clinic, number)
        clinic.waitlist.work()
        assert [number for _, number, _ in offered(clinic)] == ([] if got is None else [got])

    @pytest.mark.parametrize("way", ["cancel", "error", "move", "hours", "rule", "hold", "block"])
    def test_whatever_frees_time_it_is_offered_at_once(
        self, clinic: Practice, clock: FixedClock, way: str
    ) -> None:
        join(clinic, providers="smith")
        if way == "cancel":
            clinic.appointments.cancel("smith-1")
        elif way == "error":
            clinic.appointments.enter_in_error("smith-1")
        elif way == "move":
            clinic.appointments.cancel("jones-1")
            clinic.appointments.reschedule("smith-1", slot(1, "jones"))
        elif way == "hours":
            clinic.availability.add(Override.extra("smith", WEDNESDAY, hours="08:30-09:00"))
        elif way == "rule":
            rule = AvailabilityRule("smith", Recurrence.dates(WEDNESDAY), hours="11:00-11:30")
            clinic.availability.add(rule)
        elif way == "hold":
            clinic.appointments.cancel("smith-1")
            clinic.holds.place(slot(1), lasting=MINUTE)
            assert clinic.waitlist.work() == Worked()
            clock.advance(MINUTE)
        else:
            clinic.appointments.cancel("smith-1")
            kept = clinic.blockings.add("smith", at(1), at(2))
            assert clinic.waitlist.work() == Worked()
            clinic.blockings.release(kept)
        assert clinic.waitlist.work() == Worked(offered=1)
        number = {"hours": -1, "rule": 4}.get(way, 1)
        assert offered(clinic) == [("ada", number, "smith")]

    def test_a_window_that_rolls_forward_is_found(
        self, clinic: Practice, clock: FixedClock
    ) -> None:
        type = clinic.appointment_types.create(code="soon", duration=HALF_HOUR, days_ahead=1)
        join(clinic, type=type.code)
        free(clinic)
        assert clinic.waitlist.work() == Worked()
        clock.advance(timedelta(days=1))
        assert clinic.waitlist.work() == Worked(offered=1)

    def test_who_has_something_else_then_gets_another_slot(self, clinic: Practice) -> None:
        free(clinic, 0, "jones")
        clinic.appointments.book(slot(0, "jones"), patient="ada")
        join(clinic, "ada", providers="smith", urgency=1)
        join(clinic, "bob", providers="smith")
        free(clinic, 0)
        assert clinic.waitlist.work() == Worked(offered=1)
        assert offered(clinic) == [("bob", 0, "smith")]
        free(clinic, 3)
        clinic.waitlist.work()
        assert offered(clinic) == [("bob", 0, "smith"), ("ada", 3, "smith")]

    def test_whom_a_rule_refuses_is_passed_over(self, clinic: Practice) -> None:
        rules = BookingRules(needs_referral=True)
        clinic.appointment_types.create(code="scan", duration=HALF_HOUR, rules=rules)
        join(clinic, "ada", type="scan", urgency=9)
        join(clinic, "bob", type="scan", referral="R-1")
        free(clinic)
        clinic.waitlist.work()
        assert offered(clinic) == [("bob", 0, "smith")]
        made = clinic.waitlist.accept(live(clinic)[0], patient="bob")
        assert made.referral == "R-1"

    def test_who_takes_no_part_is_passed_over(self, clinic: Practice) -> None:
        join(clinic, "ada", urgency=9)
        join(clinic, "bob")
        clinic.patients.deactivate("ada")
        free(clinic)
        clinic.waitlist.work()
        assert offered(clinic) == [("bob", 0, "smith")]

    def test_no_offer_lasts_beyond_the_start(self, clinic: Practice, clock: FixedClock) -> None:
        join(clinic)
        free(clinic, 1)
        clock.set(at(1) - timedelta(minutes=5))
        assert clinic.waitlist.work() == Worked(offered=1)
        (offer,) = live(clinic)
        assert offer.expires == at(1)
        free(clinic, 2)
        clock.set(at(2))
        assert clinic.waitlist.work() == Worked(expired=1), "there is no time to answer"
        with pytest.raises(InvalidInterval):
            clinic.waitlist.offer("of-ada", slot(2), reason="now")

    def test_it_lasts_as_long_as_is_said(self, clinic: Practice, clock: FixedClock) -> None:
        join(clinic)
        free(clinic)
        clinic.waitlist.work(lasting=MINUTE)
        assert live(clinic)[0].expires == clock.now() + MINUTE
        bad: Any
        for bad in (timedelta(0), -MINUTE, timedelta(days=8), 30, None):
            with pytest.raises(InvalidDuration):
                clinic.waitlist.work(lasting=bad)

    def test_a_pass_is_bounded(self, clinic: Practice) -> None:
        for patient in ("ada", "bob", "cid"):
            join(clinic, patient)
        for number in range(3):
            free(clinic, number)
        assert clinic.waitlist.work(most=2) == Worked(offered=2, more=True)
        assert clinic.waitlist.work(most=2) == Worked(offered=1)
        bad: Any
        for bad in (0, -1, True, 1.5, None):
            with pytest.raises(InvalidNumber):
                clinic.waitlist.work(most=bad)

    def test_the_time_may_be_given(self, clinic: Practice, clock: FixedClock) -> None:
        first(clinic)
        join(clinic, "bob")
        later = clock.now() + HALF_HOUR
        assert clinic.waitlist.work(later) == Worked(offered=1, expired=1)
        (offer,) = live(clinic)
        assert (offer.patient, offer.offered_at) == ("bob", later)
        with pytest.raises(NaiveDatetime):
            clinic.waitlist.work(datetime(2026, 1, 7))

    def test_seats_of_a_session_are_offered_one_by_one(
        self, clinic: Practice, clock: FixedClock
    ) -> None:
        clinic.appointment_types.create(code="class", duration=HALF_HOUR, capacity=2)
        for patient in ("ada", "bob", "cid"):
            join(clinic, patient, type="class")
        free(clinic)
        assert clinic.waitlist.work() == Worked(offered=2)
        assert [one[:2] for one in offered(clinic)] == [("ada", 0), ("bob", 0)]
        ada, bob = sorted(live(clinic), key=lambda one: one.patient)
        clinic.waitlist.accept(ada, patient="ada")
        clinic.waitlist.decline(bob, patient="bob")
        assert clinic.waitlist.work() == Worked(offered=1)
        assert [one[:2] for one in offered(clinic)] == [("cid", 0)]
        clock.advance(HALF_HOUR)
        assert clinic.waitlist.work() == Worked(expired=1)
        assert not clinic.holds.list().items

    def test_a_session_of_offers_goes_with_the_last(
        self, clinic: Practice, clock: FixedClock
    ) -> None:
        clinic.appointment_types.create(code="class", duration=HALF_HOUR, capacity=2)
        join(clinic, "ada", type="class")
        join(clinic, "bob", type="class")
        free(clinic)
        clinic.waitlist.work()
        clock.advance(HALF_HOUR)
        assert clinic.waitlist.work() == Worked(expired=2)
        clinic.appointments.book(slot(0), patient="cid")


class TestAccepting:
    def test_it_is_booked_and_the_hold_is_gone(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        offer = first(clinic)
        clock.advance(MINUTE)
        made = clinic.waitlist.accept(offer, patient="ada", reason="a cough")
        assert (made.status, made.patient, made.provider) == (
            AppointmentStatus.BOOKED,
            "ada",
            "smith",
        )
        assert (made.start, made.reason) == (at(0), "a cough")
        assert clinic.appointments.get(made.id) == made
        assert not clinic.holds.list().items
        entry = clinic.waitlist.entries.get("of-ada")
        assert (entry.status, entry.appointment) == (WaitlistStatus.BOOKED, made.id)
        assert (entry.ended_at, entry.active) == (clock.now(), False)
        stored = clinic.waitlist.offers.get(offer.id)
        assert (stored.status, stored.appointment) == (OfferStatus.ACCEPTED, made.id)
        assert names(clinic)[-4:] == [
            "hold.confirmed",
            "appointment.booked",
            "waitlist-offer.accepted",
            "waitlist-entry.booked",
        ]
        claims = store.claims(clinic.id, [made.claims[0].resource], 0, 30_000 * DAY)
        assert ClaimKind.HOLD not in {claim.kind for claim in claims}

    def test_twice_is_once(self, clinic: Practice, store: MemoryStore) -> None:
        offer = first(clinic)
        made = clinic.waitlist.accept(offer, patient="ada", idempotency_key="k")
        before = everything(store, clinic)
        assert clinic.waitlist.accept(offer, patient="ada", idempotency_key="k") == made
        assert clinic.waitlist.accept(offer.id, patient="ada") == made
        assert everything(store, clinic) == before

    @pytest.mark.parametrize("worked", [False, True])
    def test_late_is_told_what_is_free_now(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock, worked: bool
    ) -> None:
        offer = first(clinic)
        free(clinic, 2)
        free(clinic, 3, "jones")
        clock.advance(HALF_HOUR - timedelta(microseconds=1))
        clinic.waitlist.work()
        clock.advance(timedelta(microseconds=1))
        if worked:
            join(clinic, "bob", urgency=9)
            assert clinic.waitlist.work() == Worked(offered=2, expired=1)
        before = everything(store, clinic)
        with pytest.raises(OfferExpired) as caught:
            clinic.waitlist.accept(offer, patient="ada")
        assert (caught.value.offer, caught.value.expired_at) == (offer.id, offer.expires)
        told = [(one.start, one.provider) for one in caught.value.alternatives]
        if worked:  # Bob has the first, and Ada herself the next
            assert told == [(at(3), "jones")]
        else:
            assert told == [(at(0), "smith"), (at(2), "smith"), (at(3), "jones")]
        assert offer.id in str(caught.value)
        assert everything(store, clinic) == before

    def test_a_swept_hold_is_an_expired_offer(self, clinic: Practice, clock: FixedClock) -> None:
        offer = first(clinic)
        clock.advance(HALF_HOUR)
        assert clinic.holds.sweep() == 1
        with pytest.raises(OfferExpired):
            clinic.waitlist.accept(offer, patient="ada")
        clock.advance(-MINUTE)  # a rival whose clock is behind
        with pytest.raises(OfferExpired):
            clinic.waitlist.accept(offer, patient="ada")
        clock.advance(MINUTE)
        assert clinic.waitlist.work() == Worked(expired=1)

    def test_another_patients_is_none(self, clinic: Practice, store: MemoryStore) -> None:
        offer = first(clinic)
        before = everything(store, clinic)
        for command in (clinic.waitlist.accept, clinic.waitlist.decline):
            with pytest.raises(NotFound) as caught:
                command(offer, patient="bob")
            assert (caught.value.kind, caught.value.id) == ("waitlist-offer", offer.id)
        assert everything(store, clinic) == before

    def test_what_was_declined_or_withdrawn_is_over(self, clinic: Practice) -> None:
        offer = first(clinic)
        clinic.waitlist.decline(offer, patient="ada")
        with pytest.raises(OfferClosed) as caught:
            clinic.waitlist.accept(offer, patient="ada")
        assert (caught.value.offer, caught.value.status) == (offer.id, "declined")
        free(clinic, 1)
        clinic.waitlist.work()
        (second,) = live(clinic)
        clinic.waitlist.withdraw(second)
        for command in (clinic.waitlist.accept, clinic.waitlist.decline):
            with pytest.raises(OfferClosed):
                command(second, patient="ada")

    def test_other_lists_for_the_type_within_the_dates_are_left(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        offer = first(clinic)
        join(clinic, id="jones", providers="jones")
        join(clinic, id="both", providers=["smith", "jones"], latest=date(2026, 2, 1))
        join(clinic, id="later", earliest=date(2026, 1, 8), latest=date(2026, 2, 1))
        join(clinic, id="check", type="check")
        join(clinic, "bob", urgency=1)
        free(clinic, 1, "jones")
        free(clinic, 2, "smith")
        clinic.waitlist.offer("both", slot(2), reason="sooner")
        clinic.waitlist.offer("jones", slot(1, "jones"), reason="sooner")
        clinic.waitlist.accept(offer, patient="ada")
        entries = clinic.waitlist.entries
        assert [entries.get(id).status.value for id in ("jones", "both", "later", "check")] == [
            "removed",
            "removed",
            "waiting",
            "waiting",
        ]
        assert status(clinic, "bob") is WaitlistStatus.WAITING
        assert not live(clinic)
        assert not clinic.holds.list().items
        told = names(clinic)
        assert told.count("waitlist-offer.withdrawn") == 2
        assert told.count("hold.released") == 2
        # What they held is free for the others.
        assert clinic.waitlist.work() == Worked(offered=2)
        assert [one[:2] for one in offered(clinic)] == [("bob", 1), ("ada", 2)]
        assert live(clinic)[1].type == "check"

    def test_the_ids_are_the_hosts(self, clinic: Practice, store: MemoryStore) -> None:
        offer = first(clinic)
        before = everything(store, clinic)
        with pytest.raises(AlreadyExists):
            clinic.waitlist.accept(offer, patient="ada", id="smith-1")
        assert everything(store, clinic) == before
        made = clinic.waitlist.accept(offer, patient="ada", id="mine", reference="V-1")
        assert (made.id, made.reference) == ("mine", "V-1")

    def test_a_visit_that_is_called_off_brings_nobody_back(self, clinic: Practice) -> None:
        made = clinic.waitlist.accept(first(clinic), patient="ada")
        clinic.appointments.cancel(made)
        assert clinic.waitlist.work() == Worked()
        assert status(clinic) is WaitlistStatus.BOOKED


class TestSayingNo:
    def test_the_next_in_order_gets_it(self, clinic: Practice, store: MemoryStore) -> None:
        offer = first(clinic)
        join(clinic, "bob")
        join(clinic, "cid")
        declined = clinic.waitlist.decline(offer, patient="ada", reason="at work")
        assert (declined.status, declined.answer) == (OfferStatus.DECLINED, "at work")
        assert "at work" not in repr(declined)
        entry = clinic.waitlist.entries.get("of-ada")
        assert (entry.status, entry.offer) == (WaitlistStatus.WAITING, None)
        assert entry.passed == (PassedSlot("smith", "main", at(0)),)
        assert names(clinic)[-3:] == [
            "waitlist-offer.declined",
            "hold.released",
            "waitlist-entry.returned",
        ]
        assert clinic.waitlist.decline(offer, patient="ada") == declined
        assert clinic.waitlist.work() == Worked(offered=1)
        assert offered(clinic) == [("bob", 0, "smith")]

    def test_what_was_passed_is_never_offered_again(
        self, clinic: Practice, clock: FixedClock
    ) -> None:
        clinic.waitlist.decline(first(clinic), patient="ada")
        assert clinic.waitlist.work() == Worked()
        free(clinic, 1)
        assert clinic.waitlist.work() == Worked(offered=1)
        clock.advance(HALF_HOUR)
        assert clinic.waitlist.work() == Worked(expired=1)
        assert len(clinic.waitlist.entries.get("of-ada").passed) == 2
        free(clinic, 0, "jones")
        assert clinic.waitlist.work() == Worked(offered=1), "another provider's is another slot"

    def test_what_is_past_is_forgotten(self, clinic: Practice, clock: FixedClock) -> None:
        clinic.waitlist.decline(first(clinic), patient="ada")
        clock.set(at(0))
        assert clinic.waitlist.set_urgency("of-ada", 1).passed == ()

    def test_an_expired_one_goes_to_the_next(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        first(clinic)
        join(clinic, "bob")
        clock.advance(HALF_HOUR - timedelta(microseconds=1))
        assert clinic.waitlist.work() == Worked()
        clock.advance(timedelta(microseconds=1))
        assert clinic.waitlist.work() == Worked(offered=1, expired=1)
        assert offered(clinic) == [("bob", 0, "smith")]
        (old,) = clinic.waitlist.offers.list(active=False).items
        assert (old.status, old.ended_at) == (OfferStatus.EXPIRED, clock.now())
        assert "waitlist-offer.expired" in names(clinic)
        assert clinic.waitlist.decline(old, patient="ada") == old

    def test_staff_take_an_offer_back(self, clinic: Practice) -> None:
        offer = first(clinic)
        withdrawn = clinic.waitlist.withdraw(offer)
        assert withdrawn.status is OfferStatus.WITHDRAWN
        assert clinic.waitlist.withdraw(offer) == withdrawn
        assert status(clinic) is WaitlistStatus.WAITING
        assert clinic.waitlist.work() == Worked(), "not the same slot again"
        free(clinic, 1)
        clinic.waitlist.work()
        (second,) = live(clinic)
        clinic.waitlist.accept(second, patient="ada")
        for command in (
            clinic.waitlist.withdraw,
            lambda one: clinic.waitlist.decline(one, **ANSWER),
        ):
            with pytest.raises(OfferClosed) as caught:
                command(second)
            assert caught.value.status == "accepted"

    def test_entries_lapse_when_their_dates_are_past_everywhere(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        join(clinic)
        over = datetime(2026, 1, 8, 12, tzinfo=UTC)
        clock.set(over - timedelta(microseconds=1))
        assert clinic.waitlist.work() == Worked()
        clock.set(over)
        assert clinic.waitlist.work() == Worked(lapsed=1)
        assert status(clinic) is WaitlistStatus.LAPSED
        assert names(clinic)[-1] == "waitlist-entry.lapsed"
        assert clinic.waitlist.work() == Worked()


class TestByHand:
    def test_staff_offer_out_of_order(self, clinic: Practice, store: MemoryStore) -> None:
        join(clinic, "ada", urgency=9)
        join(clinic, "bob", providers="jones")
        free(clinic, 3)
        nurse = clinic.acting_as(Principal.trusted("kim"))
        offer = nurse.waitlist.offer("of-bob", slot(3), reason="in pain", lasting=MINUTE)
        assert (offer.by_hand, offer.reason, offer.created_by) == (True, "in pain", "kim")
        assert "pain" not in repr(offer)
        assert "pain" not in str(clinic.events.after())
        assert clinic.waitlist.work() == Worked(), "the slot is held"
        made = clinic.waitlist.accept(offer, patient="bob")
        assert (made.provider, made.start) == ("smith", at(3))
        assert names(clinic)[-7:-4] == [
            "waitlist-offer.offered",
            "waitlist-entry.offered",
            "hold.held",
        ]

    def test_what_was_passed_may_be_offered_by_hand(self, clinic: Practice) -> None:
        clinic.waitlist.decline(first(clinic), patient="ada")
        clinic.waitlist.offer("of-ada", slot(0), reason="asked for it after all")
        clinic.waitlist.accept(live(clinic)[0], patient="ada")

    @pytest.mark.parametrize(
        "entry, given, reason, error",
        [
            ("of-ada", slot(1), "r", AlreadyOffered),
            ("of-bob", slot(0), "r", BookingRefused),
            ("of-bob", slot(2), "r", BookingRefused),
            ("of-bob", slot(1, type="check"), "r", InvalidChoice),
            ("of-bob", slot(1), "", InvalidText),
            ("of-bob", slot(1), " \n", InvalidText),
            ("of-bob", slot(1), None, InvalidText),
            ("of-bob", slot(1), "x" * 501, InvalidText),
            ("nobody", slot(1), "r", NotFound),
            (7, slot(1), "r", InvalidId),
        ],
    )
    def test_bad_input_changes_nothing(
        self,
        clinic: Practice,
        store: MemoryStore,
        entry: Any,
        given: Start,
        reason: Any,
        error: type[MedschedError],
    ) -> None:
        offer = first(clinic)
        join(clinic, "bob", earliest=date(2026, 2, 1), latest=date(2026, 2, 1))
        free(clinic, 1)
        before = everything(store, clinic)
        with pytest.raises(error) as caught:
            clinic.waitlist.offer(entry, given, reason=reason)
        if isinstance(caught.value, AlreadyOffered):
            assert (caught.value.entry, caught.value.offer) == ("of-ada", offer.id)
        assert everything(store, clinic) == before

    @pytest.mark.parametrize("number", [0, 1])
    def test_an_offer_that_no_worker_has_ended_is_over_all_the_same(
        self, clinic: Practice, clock: FixedClock, number: int
    ) -> None:
        old = first(clinic)
        free(clinic, 1)
        clock.advance(HALF_HOUR)
        new = clinic.waitlist.offer("of-ada", slot(number), reason="again")
        assert clinic.waitlist.offers.get(old.id).status is OfferStatus.EXPIRED
        assert clinic.waitlist.entries.get("of-ada").offer == new.id
        assert clinic.waitlist.work() == Worked()
        clinic.waitlist.accept(new, patient="ada")
        clinic.holds.sweep()
        assert not clinic.holds.list().items

    def test_a_key_offers_once(self, clinic: Practice, store: MemoryStore) -> None:
        join(clinic)
        free(clinic)
        offer = clinic.waitlist.offer("of-ada", slot(0), reason="r", idempotency_key="k")
        before = everything(store, clinic)
        again = clinic.waitlist.offer("of-ada", slot(0), reason="r", idempotency_key="k")
        assert again == offer
        assert everything(store, clinic) == before


class TestKeys:
    def test_each_command_is_done_once_under_its_key(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        offer = first(clinic)
        commands: list[Callable[[], object]] = [
            lambda: clinic.waitlist.decline(offer, patient="ada", idempotency_key="a"),
            lambda: clinic.waitlist.set_urgency("of-ada", 3, idempotency_key="b"),
            lambda: clinic.waitlist.change("of-ada", notes="n", idempotency_key="c"),
            lambda: clinic.waitlist.withdraw(offer, idempotency_key="d"),
            lambda: clinic.waitlist.leave("of-ada", idempotency_key="e"),
        ]
        for command in commands:
            done = command()
            before = everything(store, clinic)
            assert command() == done
            assert everything(store, clinic) == before
        with pytest.raises(IdempotencyMismatch):
            clinic.waitlist.set_urgency("of-ada", 4, idempotency_key="b")


class TestSeeing:
    def test_the_order_is_seen(self, clinic: Practice) -> None:
        join(clinic, "ada", providers="jones")
        join(clinic, "bob", urgency=2)
        join(clinic, "cid", type="check")
        waiting = clinic.waitlist.waiting
        assert [one.patient for one in waiting("visit")] == ["bob", "ada"]
        assert [one.patient for one in waiting("visit", provider="smith")] == ["bob"]
        free(clinic)
        clinic.waitlist.work()
        assert [one.patient for one in waiting("visit")] == ["bob", "ada"]

    def test_whom_a_slot_may_be_offered_to(self, clinic: Practice) -> None:
        join(clinic, "ada")
        join(clinic, "bob", urgency=2, hours="09:00-09:01")
        join(clinic, "cid", providers="jones")
        eligible = clinic.waitlist.eligible
        assert [one.patient for one in eligible(slot(0))] == ["bob", "ada"], "taken as yet"
        free(clinic, 1)
        (listed,) = clinic.availability.slots("smith", "visit", at(1), at(2))
        assert [one.patient for one in eligible(listed)] == ["ada"]
        assert [one.patient for one in eligible(listed.id)] == ["ada"]
        assert [one.patient for one in eligible(slot(1, "jones"))] == ["ada", "cid"]
        with pytest.raises(BookingRefused):
            eligible(Start("smith", "visit", at(0) + MINUTE))

    def test_a_position_counts_those_who_compete(self, clinic: Practice) -> None:
        join(clinic, "ada", providers="smith")
        join(clinic, "bob", urgency=5)
        join(clinic, "cid", urgency=5, providers="jones")
        join(clinic, "dee", urgency=5, type="check")
        join(clinic, "eve", urgency=5, earliest=date(2026, 1, 8), latest=date(2026, 1, 9))
        found = clinic.waitlist.position("of-ada")
        assert (found.position, found.among, found.estimate) == (2, 2, None)
        assert clinic.waitlist.position("of-bob").position == 1
        assert clinic.waitlist.position("of-bob").among == 3

    def test_the_estimate_is_what_was_accepted_lately(
        self, clinic: Practice, clock: FixedClock
    ) -> None:
        clinic.waitlist.accept(first(clinic), patient="ada")
        join(clinic, "bob", providers="smith")
        join(clinic, "cid", providers="smith")
        join(clinic, "dee", providers="jones", earliest=date(2026, 1, 1))
        found = clinic.waitlist.position("of-cid")
        assert (found.position, found.accepted, found.estimate) == (2, 1, timedelta(days=56))
        assert clinic.waitlist.position("of-dee").estimate is None
        clock.advance(timedelta(days=28) - timedelta(microseconds=1))
        assert clinic.waitlist.position("of-cid").accepted == 1
        clock.advance(timedelta(microseconds=1))
        assert clinic.waitlist.position("of-cid").estimate is None
