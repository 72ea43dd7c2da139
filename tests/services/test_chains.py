"""Chains of visits: found together, booked together or not at all."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, cast

import attrs
import pytest
from tests.races.wholeness import check_whole
from tests.services.test_appointments import everything
from tests.services.test_series import Meddling

from medsched import (
    Appointment,
    AppointmentType,
    AvailabilityRule,
    BookingRules,
    ChainRefused,
    ChainVisit,
    IdempotencyMismatch,
    InvalidChoice,
    InvalidId,
    InvalidNumber,
    InvalidText,
    Location,
    MemoryStore,
    Need,
    NotFound,
    Override,
    Patient,
    Practice,
    Provider,
    Reason,
    Recurrence,
    Resource,
    Room,
    Scheduler,
    Search,
    Slot,
    Start,
    StorageBusy,
)
from medsched.testing.fixed import FixedClock

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
WEDNESDAY = date(2026, 1, 7)
DAILY = Recurrence.daily(start=date(2026, 1, 1))


def sought(types: str, **search: Any) -> Search:
    return Search(first=WEDNESDAY, types=types, timezone="UTC", **search)


BLOOD, VISIT, SCAN = sought("blood"), sought("visit"), sought("scan")
THEN = ChainVisit(search=VISIT, gap_least=20 * MINUTE, gap_most=60 * MINUTE)
"""A visit 20 to 60 minutes after what comes before."""


@pytest.fixture
def clinic(clinic: Practice) -> Practice:
    """A laboratory from eight, doctors from nine to eleven at two places, and one room to scan."""
    clinic.settings.configure(timezone="UTC")
    clinic.add_all(
        [
            Location(id="east"),
            Location(id="west"),
            Room(id="r1", location="east"),
            Room(id="r2", location="west"),
            Provider(id="lab", location="east"),
            Provider(id="jones", location="east"),
            Provider(id="smith", location="west"),
            AppointmentType(code="blood", duration=10 * MINUTE),
            AppointmentType(code="visit", duration=30 * MINUTE, buffer_after=10 * MINUTE),
            AppointmentType(
                code="scan", duration=20 * MINUTE, needs=[Need.room("r1", after=15 * MINUTE)]
            ),
            *(Patient(id=f"p{number}") for number in range(10)),
            AvailabilityRule("lab", DAILY, hours="08:00-12:00", types="blood", id="lab"),
            *(
                AvailabilityRule(
                    id, DAILY, hours="09:00-11:00", types={"visit", "scan"}, step=10 * MINUTE, id=id
                )
                for id in ("jones", "smith")
            ),
        ]
    )
    return clinic


def at(hour: int, minute: int = 0, day: date = WEDNESDAY) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


def shown(chain: Any) -> list[str]:
    return [f"{one.provider} {one.start:%H:%M}" for one in chain]


def book(clinic: Practice, *visits: ChainVisit | Search, **details: Any) -> list[str]:
    return shown(clinic.appointments.book_chain(visits, patient="p1", **details))


class TestBooking:
    def test_the_laboratory_and_then_a_doctor(self, clinic: Practice, store: MemoryStore) -> None:
        made = clinic.appointments.book_chain([BLOOD, THEN], patient="p1", reason="a cough")
        assert shown(made) == ["lab 08:00", "jones 09:00"]
        assert [(one.follows, one.reason, one.patient) for one in made] == [
            *((None, "a cough", "p1"), (made[0].id, "a cough", "p1"))
        ]
        assert [clinic.appointments.get(one.id) for one in made] == list(made)
        check_whole(store, "riverside")
        assert [one.event.name for one in clinic.events.after()[-2:]] == ["appointment.booked"] * 2

    def test_the_first_waits_where_nothing_would_follow_in_time(self, clinic: Practice) -> None:
        close = attrs.evolve(THEN, gap_least=timedelta(0), gap_most=10 * MINUTE)
        assert book(clinic, BLOOD, close) == ["lab 08:40", "jones 09:00"]

    def test_back_to_back_with_one_provider_the_buffer_is_heeded(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        """Neither is stored when the other is decided, and they do not overlap all the same."""
        one = sought("visit", providers="jones")
        found = clinic.appointments.book_chain([one, one, one], patient="p1")
        assert shown(found) == ["jones 09:00", "jones 09:40", "jones 10:20"]
        check_whole(store, "riverside")

    def test_a_room_is_had_by_one_at_a_time(self, clinic: Practice) -> None:
        """The scans are with two providers, in the one room, which needs airing in between."""
        scans = [sought("scan", providers=who) for who in ("jones", "smith")]
        assert book(clinic, *scans) == ["jones 09:00", "smith 09:40"]

    def test_a_whole_days_plan(self, clinic: Practice) -> None:
        plan: list[ChainVisit | Search] = [
            sought("blood", last=WEDNESDAY + 2 * DAY),
            ChainVisit(search=sought("scan", last=WEDNESDAY + 2 * DAY), same_day=True),
            ChainVisit(
                search=sought("visit", last=WEDNESDAY + 2 * DAY), same_day=True, same_location=True
            ),
            ChainVisit(search=sought("blood", last=WEDNESDAY + 2 * DAY), same_day=True),
        ]
        # On Wednesday nobody is left at the place of the first scan; at the other one somebody is.
        clinic.availability.add(Override.closed("jones", WEDNESDAY, hours="09:20-11:00"))
        assert book(clinic, *plan) == ["lab 08:00", "smith 09:00", "smith 09:20", "lab 09:50"]

    def test_on_another_day_if_need_be(self, clinic: Practice) -> None:
        later = ChainVisit(
            search=sought("visit", last=WEDNESDAY + DAY), gap_least=20 * timedelta(hours=1)
        )
        made = clinic.appointments.book_chain([BLOOD, later], patient="p1")
        assert made[1].start == at(9, day=WEDNESDAY + DAY)

    def test_a_room_that_is_asked_for(self, clinic: Practice) -> None:
        clinic.appointment_types.create(
            code="x-ray", duration=30 * MINUTE, needs=[Need.room("r1", "r2")]
        )
        clinic.availability.add(
            AvailabilityRule("lab", DAILY, hours="13:00-15:00", types="x-ray", id="x")
        )
        room = Resource("room", "r2")
        visit = ChainVisit(search=sought("x-ray"), resources=[room])
        (made,) = clinic.appointments.book_chain([visit], patient="p1")
        assert made.resources == frozenset({room})

    def test_what_the_patient_has_already(self, clinic: Practice) -> None:
        clinic.appointments.book(Start("smith", "visit", at(9)), patient="p1")
        assert book(clinic, BLOOD, THEN) == ["lab 08:20", "jones 09:30"]

    def test_rules_of_booking_count_the_visits_before(self, clinic: Practice) -> None:
        visit = clinic.appointment_types.get("visit")
        clinic.appointment_types.update(attrs.evolve(visit, rules=BookingRules(open_per_patient=2)))
        with pytest.raises(ChainRefused) as caught:
            clinic.appointments.book_chain([VISIT] * 3, patient="p2")
        assert caught.value.visit == 2
        assert Reason.TOO_MANY_OPEN in {one.reason for one in caught.value.violations}
        assert len(book(clinic, VISIT, VISIT)) == 2

    def test_somebody_new_is_registered_once(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        open_ = Scheduler(store, clock=clock, registers_patients=True).practice("riverside")
        made = open_.appointments.book_chain([BLOOD, THEN], patient="new")
        assert {one.patient for one in made} == {"new"}
        assert clinic.patients.get("new").version == 1

    def test_under_a_key(self, clinic: Practice) -> None:
        chain = clinic.appointments.book_chain
        made = chain([BLOOD, THEN], patient="p1", idempotency_key="k")
        assert chain([ChainVisit(search=BLOOD), THEN], patient="p1", idempotency_key="k") == made
        moved = clinic.appointments.reschedule(made[0], Start("lab", "blood", at(8, 10)))
        again = chain([BLOOD, THEN], patient="p1", idempotency_key="k")
        assert again == (moved, made[1]), "as they are by then"
        for then, patient in (
            (ChainVisit(search=VISIT), "p1"),
            (attrs.evolve(THEN, same_day=True), "p1"),
            (THEN, "p2"),
        ):
            with pytest.raises(IdempotencyMismatch):
                chain([BLOOD, then], patient=patient, idempotency_key="k")


class TestFinding:
    def test_ways_that_begin_at_different_times(self, clinic: Practice, store: MemoryStore) -> None:
        before = everything(store, clinic)
        ways = clinic.appointments.find_chain([BLOOD, THEN], patient="p1")
        assert [shown(way) for way in ways] == [
            ["lab 08:00", "jones 09:00"],
            ["lab 08:10", "jones 09:00"],
            ["lab 08:20", "jones 09:00"],
        ]
        assert everything(store, clinic) == before
        assert len(clinic.appointments.find_chain([BLOOD, THEN], patient="p1", most=100)) == 13

    def test_one_of_them_is_had_by_looking_for_it(self, clinic: Practice) -> None:
        *_, way = clinic.appointments.find_chain([BLOOD, THEN], patient="p1")
        assert [isinstance(one, Slot) for one in way] == [True, True]
        for slot in way:
            clinic.appointments.book(slot, patient="p1")

    def test_none(self, clinic: Practice) -> None:
        later = attrs.evolve(THEN, search=attrs.evolve(VISIT, hours="10:40-11:00"))
        assert (
            clinic.appointments.find_chain(
                [sought("blood", hours="08:00-09:00"), later], patient="p1"
            )
            == ()
        )

    @pytest.mark.parametrize("most", [0, 101, True, "3"])
    def test_bad_counts(self, clinic: Practice, most: Any) -> None:
        with pytest.raises(InvalidNumber):
            clinic.appointments.find_chain([BLOOD], patient="p1", most=most)

    def test_somebody_who_is_not_there(self, clinic: Practice) -> None:
        with pytest.raises(NotFound):
            clinic.appointments.find_chain([BLOOD], patient="nobody")
        with pytest.raises(NotFound):
            clinic.appointments.find_chain([sought("nothing")], patient="p1")


class TestRefusing:
    def test_the_visit_that_cannot_be_placed(self, clinic: Practice, store: MemoryStore) -> None:
        before = everything(store, clinic)
        late = ChainVisit(search=sought("blood", hours="08:00-09:00"))
        with pytest.raises(ChainRefused) as caught:
            clinic.appointments.book_chain([BLOOD, THEN, late], patient="p1")
        assert everything(store, clinic) == before
        refused = caught.value
        assert (refused.asked, refused.visit, refused.types) == (3, 2, ("blood",))
        assert shown(refused.before) == ["lab 08:00", "jones 09:00"]
        assert str(refused) == "visit 3 of 3 (blood) cannot be placed"

    def test_nothing_at_all(self, clinic: Practice) -> None:
        with pytest.raises(ChainRefused, match=r"visit 1 of 2 \(any type\)") as caught:
            clinic.appointments.book_chain([Search(first=date(2026, 1, 4)), VISIT], patient="p1")
        assert caught.value.before == ()

    def test_what_speaks_against_the_last_that_was_tried(self, clinic: Practice) -> None:
        one = sought("visit", providers="jones", hours="09:00-09:40")
        with pytest.raises(ChainRefused, match="has an appointment") as caught:
            clinic.appointments.book_chain([one, one], patient="p1")
        assert caught.value.visit == 1
        assert {one.reason for one in caught.value.violations} == {Reason.TAKEN}

    def test_a_patient_who_takes_no_part(self, clinic: Practice) -> None:
        clinic.patients.deactivate("p1")
        with pytest.raises(ChainRefused, match="the patient is not active"):
            clinic.appointments.book_chain([BLOOD, THEN], patient="p1")

    @pytest.mark.parametrize(
        "visits, options, error",
        [
            ([], {}, InvalidNumber),
            ([THEN], {}, InvalidChoice),
            (["lab"], {}, InvalidChoice),
            ([sought("nothing")], {}, NotFound),
            ([BLOOD, sought("visit", providers="nobody")], {}, NotFound),
            ([BLOOD], {"patient": "nobody"}, NotFound),
            ([BLOOD], {"patient": ""}, InvalidId),
            ([BLOOD], {"reason": "x" * 501}, InvalidText),
            ([BLOOD], {"idempotency_key": ""}, InvalidId),
            ([BLOOD], {"override": "because"}, TypeError),
            ([ChainVisit(search=BLOOD, resources=[Resource("room", "r1")])], {}, InvalidChoice),
        ],
    )
    def test_bad_input(
        self,
        clinic: Practice,
        store: MemoryStore,
        visits: Any,
        options: dict[str, Any],
        error: type[Exception],
    ) -> None:
        before = everything(store, clinic)
        with pytest.raises(error):
            clinic.appointments.book_chain(visits, **{"patient": "p1", **options})
        assert everything(store, clinic) == before


class TestRivals:
    def test_it_is_found_anew(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        meddling = Meddling(store)
        slow = Scheduler(cast("MemoryStore", meddling), clock=clock).practice("riverside")
        meddling.rival = lambda: [
            clinic.appointments.book(Start(who, "visit", at(9)), patient=f"p{number}")
            for number, who in enumerate(("jones", "smith"), 2)
        ]
        assert book(slow, BLOOD, THEN) == ["lab 08:30", "jones 09:40"]
        assert len(clinic.appointments.list().items) == 4

    def test_nothing_of_it_is_booked_if_the_last_is_lost(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        meddling = Meddling(store)
        slow = Scheduler(cast("MemoryStore", meddling), clock=clock).practice("riverside")
        meddling.rival = lambda: clinic.add_all(
            [Override.closed("jones", WEDNESDAY), Override.closed("smith", WEDNESDAY)]
        )
        with pytest.raises(ChainRefused):
            book(slow, BLOOD, THEN)
        assert clinic.appointments.list().items == ()

    def test_a_store_that_cannot_try_again_is_busy(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        class Joined(Meddling):
            retries = 0

        meddling = Joined(store)
        slow = Scheduler(cast("MemoryStore", meddling), clock=clock).practice("riverside")
        meddling.rival = lambda: clinic.appointments.book(
            Start("lab", "blood", at(8)), patient="p2"
        )
        with pytest.raises(StorageBusy):
            book(slow, BLOOD, THEN)
        assert len(clinic.appointments.list().items) == 1


def test_one_day_is_one_day_where_the_visits_are(clinic: Practice) -> None:
    far = "Pacific/Auckland"  # where it is another date by noon
    wishes: list[ChainVisit | Search] = [
        attrs.evolve(BLOOD, timezone=far, last=WEDNESDAY + DAY),
        ChainVisit(search=attrs.evolve(VISIT, timezone=far, last=WEDNESDAY + DAY), same_day=True),
    ]
    ((blood, visit), *_) = clinic.appointments.find_chain(wishes, patient="p1")
    assert blood.timezone == visit.timezone == far
    made = clinic.appointments.book_chain(wishes, patient="p1")
    assert [one.start for one in made] == [blood.start, visit.start]
    assert made[0].wall.start.date() == made[1].wall.start.date()


def test_visits_that_must_be_apart_are_soon_found(clinic: Practice) -> None:
    apart = timedelta(days=9)
    visit = clinic.appointment_types.get("visit")
    clinic.appointment_types.update(attrs.evolve(visit, rules=BookingRules(spacing=apart)))
    search = attrs.evolve(VISIT, last=WEDNESDAY + 30 * DAY)
    one, other = clinic.appointments.book_chain([search, search], patient="p1")
    assert apart <= other.start - one.start < apart + timedelta(minutes=31)


def test_hours_that_change_while_a_chain_is_looked_for(
    clinic: Practice, store: MemoryStore, clock: FixedClock
) -> None:
    class Changing(Meddling):
        def claims(self, *args: Any) -> Any:
            act, self.rival = self.rival, None
            if act is not None:
                act()
            return self._store.claims(*args)

    changing = Changing(store)
    slow = Scheduler(cast("MemoryStore", changing), clock=clock).practice("riverside")
    slow.appointments.find_chain([BLOOD, THEN], patient="p1")

    def rival() -> None:
        for one in clinic.providers.list().items:
            if one.id != "lab":
                closed = Override.closed(one.id, WEDNESDAY, hours="00:00-10:30")
                clinic.availability.add(closed)

    changing.rival = rival
    made = slow.appointments.book_chain([BLOOD, THEN], patient="p1")
    assert made[1].start >= at(10, 30)


def test_random_chains_are_whole_and_as_wished(clinic: Practice, store: MemoryStore) -> None:
    seed = Random().randrange(10**6)
    random = Random(seed)
    had: list[tuple[Appointment, ...]] = []
    for number in range(25):
        visits: list[ChainVisit | Search] = [random.choice([BLOOD, VISIT, SCAN])]
        for _ in range(random.randint(0, 2)):
            least = random.choice([0, 10, 30])
            visits.append(
                ChainVisit(
                    search=random.choice([BLOOD, VISIT, SCAN]),
                    gap_least=least * MINUTE,
                    gap_most=random.choice([None, (least + 40) * MINUTE]),
                    same_location=random.random() < 0.3,
                )
            )
        try:
            made = clinic.appointments.book_chain(visits, patient=f"p{number % 10}")
        except ChainRefused:
            assert not clinic.appointments.find_chain(visits, patient=f"p{number % 10}"), seed
            continue
        had.append(made)
        for wish, before, one in zip(visits[1:], made, made[1:], strict=False):
            assert isinstance(wish, ChainVisit)
            gap = one.start - before.end
            assert wish.gap_least <= gap <= (wish.gap_most or gap), f"seed {seed}"
            assert not wish.same_location or one.location == before.location, f"seed {seed}"
    stored = check_whole(store, "riverside")
    assert sorted(one.id for one in stored) == sorted(one.id for chain in had for one in chain)
    assert had
