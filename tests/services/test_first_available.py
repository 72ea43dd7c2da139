"""First available: what a search finds first is booked, with the provider whom a rule chooses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from threading import Barrier, Thread
from typing import Any, cast

import attrs
import pytest
from tests.services.test_appointments import everything
from tests.services.test_series import Meddling

from medsched import (
    AlreadyExists,
    Appointment,
    AppointmentType,
    AvailabilityRule,
    BookingRules,
    Candidate,
    EstablishedFirst,
    HouseRule,
    IdempotencyMismatch,
    InvalidChoice,
    InvalidId,
    InvalidText,
    LeastLoaded,
    Location,
    MedschedError,
    MemoryStore,
    Need,
    NoneAvailable,
    NotFound,
    Override,
    Patient,
    Practice,
    Provider,
    Reason,
    Recurrence,
    Resource,
    Room,
    RoundRobin,
    Scheduler,
    Search,
    ShortestWait,
    Start,
    StorageBusy,
    Tally,
    Visit,
    Weighted,
)
from medsched.testing.fixed import FixedClock

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
WEDNESDAY = date(2026, 1, 7)
THAT_DAY = Search(first=WEDNESDAY, types="visit", timezone="UTC")
DAILY = Recurrence.daily(start=date(2026, 1, 1))
DOCTORS = ("jones", "kim", "smith")


@pytest.fixture
def clinic(clinic: Practice) -> Practice:
    """Three who see patients from nine to eleven, one of them from ten."""
    clinic.settings.configure(timezone="UTC")
    clinic.add_all(
        [
            Location(id="main"),
            Room(id="r1", location="main"),
            Room(id="r2", location="main"),
            *(Provider(id=id, location="main") for id in DOCTORS),
            AppointmentType(code="visit", duration=30 * MINUTE),
            AppointmentType(code="scan", duration=30 * MINUTE, needs=[Need.room("r1", "r2")]),
            AppointmentType(code="class", duration=30 * MINUTE, capacity=2),
            *(Patient(id=f"p{number}") for number in range(40)),
            *(
                AvailabilityRule(
                    id, DAILY, hours="10:00-11:00" if id == "kim" else "09:00-11:00", id=id
                )
                for id in DOCTORS
            ),
        ]
    )
    return clinic


def nine(minutes: int = 0, day: date = WEDNESDAY) -> datetime:
    return datetime(day.year, day.month, day.day, 9, tzinfo=UTC) + minutes * MINUTE


def first(clinic: Practice, patient: int, rule: Any = None, **search: Any) -> Appointment:
    return clinic.appointments.book_first(
        attrs.evolve(THAT_DAY, **search), patient=f"p{patient}", assignment=rule
    )


def shown(one: Appointment) -> str:
    return f"{one.provider} {one.start:%d %H:%M}"


class TestBooking:
    def test_the_earliest_of_all(self, clinic: Practice) -> None:
        made = [first(clinic, number) for number in range(10)]
        assert [one.start for one in made] == [
            *(nine(), nine(), nine(30), nine(30)),
            *(nine(60), nine(60), nine(60), nine(90), nine(90), nine(90)),
        ]
        assert not any(clinic.appointments.conflicts(one) for one in made)

    def test_what_is_said_of_it(self, clinic: Practice) -> None:
        room = Resource("room", "r2")
        made = clinic.appointments.book_first(
            attrs.evolve(THAT_DAY, types={"scan"}, providers="jones"),
            patient="p1",
            id="a1",
            reference="ABC",
            reason="a cough",
            notes="stairs",
            resources=[room],
            referral="R-1",
        )
        assert (made.id, made.reference, made.reason, made.notes) == (
            *("a1", "ABC", "a cough", "stairs"),
        )
        assert (made.type, made.resources, made.referral) == ("scan", frozenset({room}), "R-1")
        assert clinic.appointments.get("a1") == made

    def test_for_the_patient_and_no_other(self, clinic: Practice) -> None:
        clinic.appointments.book(Start("kim", "visit", nine(60)), patient="p1")
        search = attrs.evolve(THAT_DAY, providers="jones", patient="p2", first=WEDNESDAY)
        clinic.appointments.book(Start("jones", "visit", nine()), patient="p3")
        clinic.appointments.book(Start("jones", "visit", nine(30)), patient="p4")
        made = clinic.appointments.book_first(search, patient="p1")
        assert (shown(made), made.patient) == ("jones 07 10:30", "p1")

    def test_a_room_that_is_asked_for_decides(self, clinic: Practice) -> None:
        """The search finds slots with any room; those without this one are passed over."""
        room = Resource("room", "r1")
        for minutes in (0, 30):
            clinic.appointments.book(
                Start("smith", "scan", nine(minutes)), patient="p1", resources=[room]
            )
        made = clinic.appointments.book_first(
            attrs.evolve(THAT_DAY, types="scan", providers="jones"), patient="p2", resources=[room]
        )
        assert shown(made) == "jones 07 10:00"

    def test_seats_of_a_class(self, clinic: Practice) -> None:
        made = [first(clinic, number, types="class", providers="jones") for number in range(3)]
        assert [one.start for one in made] == [nine(), nine(), nine(30)]
        assert made[0].session == made[1].session

    def test_a_referral_counts_where_it_is_named(self, clinic: Practice) -> None:
        clinic.appointment_types.create(
            code="mri", duration=30 * MINUTE, rules=BookingRules(needs_referral=True)
        )
        search = Search(first=WEDNESDAY, types="mri", referred=True)
        with pytest.raises(NoneAvailable):
            clinic.appointments.book_first(search, patient="p1")
        assert clinic.appointments.book_first(search, patient="p1", referral="R").referral == "R"

    def test_somebody_new_is_registered(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        open_ = Scheduler(store, clock=clock, registers_patients=True).practice("riverside")
        assert open_.appointments.book_first(THAT_DAY, patient="new").patient == "new"
        assert clinic.patients.get("new").version == 1

    def test_under_a_key(self, clinic: Practice) -> None:
        book = clinic.appointments.book_first
        made = book(THAT_DAY, patient="p1", idempotency_key="k")
        same = Search(first=WEDNESDAY, types=["visit"], timezone="UTC", patient="p2")
        assert book(same, patient="p1", idempotency_key="k") == made
        for search, patient, rule in (
            (attrs.evolve(THAT_DAY, providers="kim"), "p1", None),
            (attrs.evolve(THAT_DAY, location="main"), "p1", None),
            (THAT_DAY, "p2", None),
            (THAT_DAY, "p1", RoundRobin()),
        ):
            with pytest.raises(IdempotencyMismatch):
                book(search, patient=patient, assignment=rule, idempotency_key="k")
        assert len(clinic.appointments.list().items) == 1


class TestRefusing:
    def test_nothing_is_free(self, clinic: Practice, store: MemoryStore) -> None:
        clinic.availability.add(Override.closed("kim", WEDNESDAY))
        for number in range(8):
            first(clinic, number)
        clinic.availability.add(Override.closed("jones", WEDNESDAY + DAY))
        before = everything(store, clinic)
        with pytest.raises(NoneAvailable) as caught:
            first(clinic, 9)
        assert everything(store, clinic) == before
        none = caught.value
        assert (none.first, none.last, none.types) == (WEDNESDAY, WEDNESDAY, ("visit",))
        assert [f"{one.provider} {one.start:%d %H:%M}" for one in none.alternatives] == [
            *("smith 08 09:00", "smith 08 09:30", "kim 08 10:00")
        ]
        assert str(none) == "no visit is free as wished from 2026-01-07 to 2026-01-07"
        assert isinstance(none, LookupError)

    def test_what_is_next_is_not_before_now_nor_later_than_five_weeks(
        self, clinic: Practice, clock: FixedClock
    ) -> None:
        clock.set(datetime(2026, 3, 1, 12, tzinfo=UTC))
        with pytest.raises(NoneAvailable) as caught:
            first(clinic, 1)
        assert caught.value.alternatives[0].start.date() == date(2026, 3, 2)
        for id in DOCTORS:
            clinic.availability.add(Override.closed(id, date(2026, 3, 1), date(2026, 4, 6)))
        with pytest.raises(NoneAvailable) as caught:
            first(clinic, 1)
        assert caught.value.alternatives == ()

    def test_the_end_of_time(self, clinic: Practice) -> None:
        with pytest.raises(NoneAvailable) as caught:
            first(
                clinic,
                1,
                first=date(9998, 12, 31),
                last=date(9998, 12, 31),
                types="class",
                location=None,
            )
        assert caught.value.alternatives == ()
        assert str(caught.value).startswith("no class is free")

    def test_a_patient_who_takes_no_part(self, clinic: Practice) -> None:
        clinic.patients.deactivate("p1")
        with pytest.raises(NoneAvailable, match="the patient is not active") as caught:
            first(clinic, 1, types=None)
        assert [one.reason for one in caught.value.violations] == [Reason.INACTIVE]
        assert "p1" not in str(caught.value)
        assert caught.value.types is None

    @pytest.mark.parametrize(
        "search, options, error",
        [
            ({"providers": {"nobody", "jones"}, "types": "none"}, {}, NotFound),
            ({"providers": "nobody"}, {}, NotFound),
            ({"types": "nothing"}, {}, NotFound),
            ({}, {"patient": "nobody"}, NotFound),
            ({}, {"patient": ""}, InvalidId),
            ({}, {"assignment": "first"}, InvalidChoice),
            ({}, {"id": "taken"}, AlreadyExists),
            ({}, {"reference": "TAKEN"}, AlreadyExists),
            ({}, {"reason": "x" * 501}, InvalidText),
            ({}, {"resources": [Resource("room", "r1")]}, InvalidChoice),
            ({}, {"override": "because"}, InvalidChoice),
            ({}, {"in_place_of": "b1"}, InvalidChoice),
            ({}, {"idempotency_key": ""}, InvalidId),
            ({}, {"colour": "red"}, TypeError),
        ],
    )
    def test_bad_input(
        self,
        clinic: Practice,
        store: MemoryStore,
        search: dict[str, Any],
        options: dict[str, Any],
        error: type[Exception],
    ) -> None:
        clinic.appointments.book(
            Start("jones", "visit", nine()), patient="p9", id="taken", reference="TAKEN"
        )
        before = everything(store, clinic)
        asked = {"patient": "p1", **options}
        with pytest.raises(error):
            clinic.appointments.book_first(attrs.evolve(THAT_DAY, **search), **asked)
        assert everything(store, clinic) == before

    def test_what_is_no_search(self, clinic: Practice) -> None:
        with pytest.raises(InvalidChoice):
            clinic.appointments.book_first(cast("Search", "soon"), patient="p1")

    def test_a_rule_of_the_house(self, clinic: Practice, store: MemoryStore) -> None:
        class Closed:
            def against(self, visit: Visit) -> Iterable[Any]:
                return ()

            def tallies(self, visit: Visit) -> Iterable[Tally]:
                return [Tally(visit.provider, 1, 1)]

        rules: list[HouseRule] = [Closed()]
        strict = Scheduler(store, house_rules=rules, clock=FixedClock(nine(day=date(2026, 1, 6))))
        booked = strict.practice("riverside").appointments.book_first(THAT_DAY, patient="p1")
        assert booked.start == nine()


class TestAssigning:
    def test_the_established_provider(self, clinic: Practice) -> None:
        rule, tuesday = EstablishedFirst(), date(2026, 1, 6)
        for minutes, who in ((60, "kim"), (90, "smith")):
            seen = clinic.appointments.book(
                Start(who, "visit", nine(minutes, tuesday)), patient="p1"
            )
            clinic.appointments.fulfil(seen)
        clinic.appointments.book(Start("jones", "visit", nine()), patient="p1")
        assert shown(first(clinic, 1, rule)) == "smith 07 09:30"
        clinic.availability.add(Override.closed("smith", WEDNESDAY, hours="10:00-11:00"))
        assert shown(first(clinic, 1, rule)) == "kim 07 10:00"
        clinic.availability.add(Override.closed("kim", WEDNESDAY, hours="10:30-11:00"))
        assert shown(first(clinic, 1, rule)) == "jones 07 10:30"
        # Who has only booked is nobody's yet.
        clinic.appointments.book(Start("kim", "visit", nine(90, tuesday)), patient="p2")
        assert first(clinic, 2, rule).start == nine()

    def test_whoever_has_least_to_do(self, clinic: Practice) -> None:
        clinic.blockings.add("jones", nine(90), nine(120))
        clinic.appointments.book(Start("kim", "visit", nine(60)), patient="p9")
        assert shown(first(clinic, 1, LeastLoaded())) == "smith 07 09:00"
        clinic.appointments.book(Start("smith", "visit", nine(30)), patient="p8")
        # All others have half an hour taken; jones is the first of those who are free.
        assert shown(first(clinic, 2, LeastLoaded())) == "jones 07 09:00"

    def test_in_turn_whatever_the_wait(self, clinic: Practice) -> None:
        made = [first(clinic, number, RoundRobin()).provider for number in range(6)]
        assert set(made[:3]) == set(made[3:]) == set(DOCTORS)
        made = [first(clinic, number, RoundRobin()).provider for number in range(6, 10)]
        assert "kim" not in made, "whoever has slots left is taken"
        with pytest.raises(NoneAvailable):
            first(clinic, 10, RoundRobin())

    def test_turns_go_on_after_a_restart_and_per_name(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        had = [first(clinic, number, RoundRobin()).provider for number in range(2)]
        again = Scheduler(store, clock=clock).practice("riverside")
        had.append(first(again, 2, RoundRobin()).provider)
        assert set(had) == set(DOCTORS)
        (third,) = {first(again, number, RoundRobin("desk")).provider for number in (3,)}
        others = {first(clinic, number, RoundRobin("desk")).provider for number in (4, 5)}
        assert {third, *others} == set(DOCTORS)

    def test_somebody_who_joins_late_gets_their_turn_and_no_more(self, clinic: Practice) -> None:
        search = {"last": WEDNESDAY + 5 * DAY}
        pair = {**search, "providers": ["jones", "smith"]}
        for number in range(8):
            first(clinic, number, RoundRobin(), **pair)
        later = [first(clinic, 8 + number, RoundRobin(), **search).provider for number in range(9)]
        assert later[0] == "kim", "who has had no turn is next"
        for at in range(1, 7, 3):
            assert set(later[at : at + 3]) == set(DOCTORS), later

    def test_by_weight(self, clinic: Practice) -> None:
        search = {"last": WEDNESDAY + 9 * DAY}
        rule = Weighted({"smith": 2})
        made = Counter(first(clinic, number, rule, **search).provider for number in range(16))
        assert made == {"smith": 8, "jones": 4, "kim": 4}

    def test_an_established_patient_takes_nobodys_turn(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        seen = clinic.appointments.book(
            Start("kim", "visit", nine(60, date(2026, 1, 6))), patient="p1"
        )
        clinic.appointments.fulfil(seen)
        rule = EstablishedFirst(RoundRobin())
        assert first(clinic, 1, rule).provider == "kim"
        assert {first(clinic, number, rule).provider for number in (2, 3, 4)} == set(DOCTORS)

    def test_the_practices_own(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        scheduler = Scheduler(store, clock=clock, assignment=RoundRobin())
        usual, other = (
            scheduler.practice("riverside"),
            scheduler.practice("riverside", assignment=ShortestWait()),
        )
        assert {first(usual, number).provider for number in range(3)} == set(DOCTORS)
        assert {first(other, number).start for number in (3, 4)} <= {nine(), nine(30)}
        acting = usual.acting_as(usual._context.principal)
        assert acting._context.assignment == RoundRobin()
        with pytest.raises(InvalidChoice):
            Scheduler(store, assignment=cast("Any", "in turn"))
        with pytest.raises(InvalidChoice):
            scheduler.practice("riverside", assignment=cast("Any", "in turn"))

    def test_the_hosts_own(self, clinic: Practice) -> None:
        told: list[Candidate] = []

        @attrs.frozen
        class Own:
            name: str | None = "own"
            nobody: bool = False

            def order(self, candidates: Sequence[Candidate]) -> Iterable[str]:
                told[:] = candidates
                return [] if self.nobody else ["kim"]

        clinic.appointments.book(Start("kim", "visit", nine(60)), patient="p9")
        assert shown(first(clinic, 1, Own())) == "kim 07 10:30"
        assert [(one.provider, one.claimed, one.turns) for one in told] == [
            *(("jones", timedelta(0), 0), ("kim", 30 * MINUTE, 0), ("smith", timedelta(0), 0)),
        ]
        assert told[1].first.start == nine(90)
        first(clinic, 2, Own(), last=WEDNESDAY + DAY)
        assert [one.turns for one in told] == [0, 1, 0]
        with pytest.raises(NoneAvailable):
            first(clinic, 3, Own())
        with pytest.raises(NoneAvailable):
            first(clinic, 3, Own(nobody=True))

    def test_the_dates_that_count_are_those_of_the_providers_wall(self, clinic: Practice) -> None:
        clinic.add_all(
            [
                Provider(id=id, timezone="Pacific/Auckland", specialties={"far"})
                for id in ("busy", "idle")
            ]
        )
        for id in ("busy", "idle"):
            clinic.availability.add(AvailabilityRule(id, DAILY, hours="08:00-12:00"))
        eight = datetime(2026, 1, 6, 19, tzinfo=UTC)  # the day before, in UTC
        for at in range(3):
            start = eight + (2 * at + 1) * 30 * MINUTE
            clinic.appointments.book(Start("busy", "visit", start), patient=f"p{20 + at}")
        there = {"specialty": "far", "timezone": None}
        assert first(clinic, 1, LeastLoaded(), **there).provider == "idle"
        assert first(clinic, 2, LeastLoaded(), **there).provider == "idle"

    @pytest.mark.parametrize("said", [None, 3, "kim", [["kim"]], [object()]])
    def test_a_hosts_rule_that_says_nonsense(self, clinic: Practice, said: Any) -> None:
        class Own:
            name = None

            def order(self, candidates: Sequence[Candidate]) -> Any:
                return said

        with pytest.raises(InvalidChoice, match="ids of providers"):
            first(clinic, 1, Own())

    @pytest.mark.parametrize("name", [5, "x" * 61])
    def test_a_hosts_rule_needs_a_name_or_none(self, clinic: Practice, name: Any) -> None:
        class Own:
            def order(self, candidates: Sequence[Candidate]) -> Iterable[str]:
                return []

        with pytest.raises(InvalidChoice, match="with a name"):
            first(clinic, 1, Own())
        Own.name = name  # type: ignore[attr-defined]
        with pytest.raises(InvalidChoice, match="with a name"):
            first(clinic, 1, Own())

    def test_a_room_for_one_of_several_types(self, clinic: Practice) -> None:
        room = Resource("room", "r1")
        made = clinic.appointments.book_first(
            attrs.evolve(THAT_DAY, types={"visit", "scan"}), patient="p1", resources=[room]
        )
        assert (made.type, *made.resources) == ("scan", room)
        with pytest.raises(InvalidChoice, match="no need"):
            clinic.appointments.book_first(THAT_DAY, patient="p2", resources=[room])


class TestRivals:
    def test_somebody_who_is_removed_meanwhile(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        meddling = Meddling(store)
        slow = Scheduler(cast("MemoryStore", meddling), clock=clock).practice("riverside")

        def rival() -> None:
            for rule in clinic.availability.rules.list(resource=made.provider).items:
                clinic.availability.rules.delete(rule.id, stranded="keep")
            clinic.appointments.cancel(made)
            clinic.providers.deactivate(made.provider, stranded="keep")

        made = first(slow, 2)
        meddling.rival = rival
        assert first(slow, 1).provider != made.provider

    @pytest.mark.parametrize("rule", [ShortestWait(), RoundRobin()])
    def test_who_is_second_gets_the_next(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock, rule: Any
    ) -> None:
        meddling = Meddling(store)
        slow = Scheduler(cast("MemoryStore", meddling), clock=clock).practice("riverside")
        taken: list[Appointment] = []

        def rival() -> None:
            taken.extend(first(clinic, 30 + at, rule, providers="jones") for at in range(3))

        meddling.rival = rival
        made = first(slow, 1, rule, providers="jones")
        assert [one.start for one in (*taken, made)] == [nine(at) for at in (0, 30, 60, 90)]

    def test_who_comes_too_late_for_all_is_told_there_is_none(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        meddling = Meddling(store)
        slow = Scheduler(cast("MemoryStore", meddling), clock=clock).practice("riverside")
        meddling.rival = lambda: [first(clinic, 30 + at, providers="jones") for at in range(4)]
        with pytest.raises(NoneAvailable):
            first(slow, 1, providers="jones")

    def test_hours_that_are_taken_away_meanwhile(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        meddling = Meddling(store)
        slow = Scheduler(cast("MemoryStore", meddling), clock=clock).practice("riverside")
        meddling.rival = lambda: clinic.availability.add(
            Override.closed("jones", WEDNESDAY, hours="09:00-10:00")
        )
        assert shown(first(slow, 1, providers="jones")) == "jones 07 10:00"

    def test_a_store_that_cannot_try_again_is_busy(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        class Joined(Meddling):
            retries = 0

        meddling = Joined(store)
        slow = Scheduler(cast("MemoryStore", meddling), clock=clock).practice("riverside")
        meddling.rival = lambda: first(clinic, 30, providers="jones")
        with pytest.raises(StorageBusy):
            first(slow, 1, providers="jones")
        assert len(clinic.appointments.list().items) == 1

    def test_twelve_at_once_for_ten_slots(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        mine = Scheduler(store, clock=clock).practice("riverside")
        together, answers = Barrier(12), list[Appointment | MedschedError]()

        def run(number: int) -> None:
            together.wait()
            try:
                answers.append(first(mine, number))
            except MedschedError as error:
                answers.append(error)

        rivals = [Thread(target=run, args=(number,)) for number in range(12)]
        for each in rivals:
            each.start()
        for each in rivals:
            each.join()
        assert Counter(type(one) for one in answers) == {Appointment: 10, NoneAvailable: 2}
        made = [one for one in answers if isinstance(one, Appointment)]
        assert len({(one.provider, one.start) for one in made}) == 10
