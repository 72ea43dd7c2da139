"""Many at once: of two that exclude each other one comes through, and nothing is seen half done."""

from __future__ import annotations

from threading import Event as Signal

import attrs

from medsched.domain.changes import ActivePatient, Applied, RowVersion, ScheduleVersion, Stale
from medsched.domain.events import Change, Event
from medsched.domain.people import Patient
from medsched.domain.places import Location, PracticeSettings, Room
from medsched.domain.records import Resource
from medsched.domain.stored import Kind, Ref
from medsched.ports.store import Store
from medsched.testing.contracts.kit import (
    MAIN,
    NINE,
    ROUNDS,
    SMITH,
    THREADS,
    Contract,
    appointment,
    changes,
    outcomes_of,
    put,
    race,
)


class Rivals(Contract):
    """Threads that share a store."""

    def test_readers_never_see_half_a_changeset(self, store: Store, practice: str) -> None:
        refs = [Ref(Kind.PATIENT, name) for name in ("a", "b", "c")]
        put(store, practice, *(Patient(id=ref.id, version=1) for ref in refs), bumps={SMITH})
        done, torn = Signal(), list[object]()

        def write() -> None:
            try:
                for version in range(2, 5 * ROUNDS):
                    put(
                        store,
                        practice,
                        *(Patient(id=ref.id, name=str(version), version=version) for ref in refs),
                        bumps={SMITH},
                    )
            finally:
                done.set()

        def read() -> None:
            while not done.is_set():
                found = store.get_many(practice, refs).values()
                page = store.page(practice, Patient, active=True, where={}, after=None, limit=9)
                filtered = store.page(
                    practice, Patient, active=True, where={"phone": ""}, after=None, limit=9
                )
                for some in (found, page, filtered):
                    if len(some) != 3 or len({one.version for one in some}) != 1:
                        torn.append(some)

        race(write, read, read)
        assert torn == []

    def test_readers_of_many_records_see_one_state(self, store: Store, practice: str) -> None:
        """More than a store may want to ask for in one statement."""
        count, rounds = 1200, 4
        patients = [Patient(id=f"p{number:04}", version=1) for number in range(count)]
        refs = [Ref.to(one) for one in patients]
        rooms = [Resource("room", one.id) for one in patients]
        put(store, practice, *patients, bumps=set(rooms))
        done, torn = Signal(), list[object]()

        def write() -> None:
            try:
                for version in range(2, rounds):
                    later = [Patient(id=one.id, version=version) for one in patients]
                    put(store, practice, *later, bumps=set(rooms))
            finally:
                done.set()

        def read() -> None:
            while not done.is_set():
                found = store.get_many(practice, refs).values()
                page = store.page(
                    practice, Patient, active=True, where={"phone": ""}, after=None, limit=count
                )
                for some in (found, page):
                    if len(some) != count or len({one.version for one in some}) != 1:
                        torn.append(len(some))
                versions = store.schedule_versions(practice, rooms).values()
                calendars = store.calendars(practice, rooms).values()
                if len(set(versions)) != 1 or len({one.version for one in calendars}) != 1:
                    torn.append(rooms)

        race(write, read, read)
        assert torn == []

    def test_of_rivals_for_one_record_one_is_applied(self, store: Store, practice: str) -> None:
        applied = list[int]()

        def rival(number: int) -> None:
            for version in range(1, ROUNDS + 1):
                patient = Patient(id="x", name=str(number), version=version)
                while True:
                    if store.apply(changes(practice, patient)) == Applied():
                        applied.append(version)
                    found = store.get(practice, Patient, "x")
                    if found is not None and found.version >= version:
                        break  # somebody wrote it; nobody may be stale for no reason for ever

        race(*(lambda number=number: rival(number) for number in range(THREADS)))
        assert sorted(applied) == list(range(1, ROUNDS + 1))

    def test_of_rivals_for_one_id_one_creates_it(self, store: Store, practice: str) -> None:
        for at in range(ROUNDS):
            outcomes = outcomes_of(
                store,
                [
                    changes(practice, Patient(id=f"p{at}", name=str(number), version=1))
                    for number in range(THREADS)
                ],
            )
            assert outcomes.count(Applied()) == 1

    def test_of_two_that_exclude_each_other_one_is_applied(
        self, store: Store, practice: str
    ) -> None:
        """Each writes what the other one guards."""
        a, b = (Ref(Kind.PATIENT, name) for name in ("a", "b"))
        put(store, practice, Patient(id="a", version=1), Patient(id="b", version=1))
        versions = {a: 1, b: 1}
        for _ in range(ROUNDS):
            outcomes = outcomes_of(
                store,
                [
                    changes(
                        practice,
                        Patient(id=mine.id, version=versions[mine] + 1),
                        guards={RowVersion(other, versions[other])},
                    )
                    for mine, other in ((a, b), (b, a))
                ],
            )
            assert sorted(map(repr, outcomes)) == ["Applied()", "Stale()"]
            versions[a if outcomes[0] == Applied() else b] += 1

    def test_of_two_that_rely_on_each_others_absence_one_is_applied(
        self, store: Store, practice: str
    ) -> None:
        for at in range(ROUNDS):
            a, b = f"a{at}", f"b{at}"
            outcomes = outcomes_of(
                store,
                [
                    changes(
                        practice,
                        Patient(id=mine, version=1),
                        guards={RowVersion(Ref(Kind.PATIENT, other), 0)},
                    )
                    for mine, other in ((a, b), (b, a))
                ],
            )
            assert sorted(map(repr, outcomes)) == ["Applied()", "Stale()"]

    def test_what_was_decided_without_settings_does_not_meet_new_ones(
        self, store: Store, practice: str
    ) -> None:
        for at in range(ROUNDS):
            here = f"{practice}-{at}"
            new = PracticeSettings(id=here, version=1)
            outcomes = outcomes_of(
                store,
                [
                    changes(
                        here,
                        Patient(id="p", version=1),
                        guards={RowVersion(Ref(Kind.PRACTICE, here), 0)},
                    ),
                    changes(here, new, guards={RowVersion(Ref(Kind.PATIENT, "p"), 0)}),
                ],
            )
            assert sorted(map(repr, outcomes)) == ["Applied()", "Stale()"]

    def test_nobody_is_booked_who_is_no_longer_active(self, store: Store, practice: str) -> None:
        for at in range(ROUNDS):
            patient = Patient(id=f"p{at}", version=1)
            visit = appointment(f"a{at}", NINE + at * 30, patient=patient.id)
            put(store, practice, patient)
            book = changes(
                practice,
                visit,
                guards={ActivePatient(patient.id)},
                claims=visit.claims,
                events=[Event.of(Change.BOOKED, visit)],
            )
            gone = attrs.evolve(patient, active=False, version=2)
            # It is decided in view of what they have: nothing yet.
            close = changes(practice, gone, guards={RowVersion(Ref.to(visit), 0)})
            outcomes = outcomes_of(store, [book, close])
            assert sorted(map(repr, outcomes)) == ["Applied()", "Stale()"]

    def test_nothing_is_added_to_what_is_removed(self, store: Store, practice: str) -> None:
        for at in range(ROUNDS):
            main = Ref(Kind.LOCATION, f"l{at}")
            put(store, practice, Location(id=main.id, version=1))
            rooms = [Room(id=f"r{at}-{n}", location=main.id, version=1) for n in range(THREADS)]
            remove = changes(practice, removals=(RowVersion(main, 1),))
            add = [changes(practice, room, guards={RowVersion(main, 1)}) for room in rooms]
            removed, *added = outcomes_of(store, [remove, *add])
            there = store.get(practice, Location, main.id) is not None
            referrers = store.referrers(practice, main)
            assert there == (removed == Stale())
            assert len(referrers) == added.count(Applied())
            assert not (referrers and not there)
            assert removed == Applied() or referrers

    def test_schedule_versions_count_every_change(self, store: Store, practice: str) -> None:
        """Each decides on the version it reads, until it has come through so many times."""
        other, applied, spins = Resource("room", "r1"), list[int](), list[int]()

        def change() -> None:
            mine = 0
            while mine < ROUNDS // 2:
                spins.append(1)
                version = store.schedule_versions(practice, [SMITH])[SMITH]
                decided = changes(
                    practice, guards={ScheduleVersion(SMITH, version)}, bumps={SMITH, other}
                )
                if store.apply(decided) == Applied():
                    applied.append(version)
                    mine += 1

        race(*[change] * THREADS)
        count = THREADS * (ROUNDS // 2)
        assert sorted(applied) == list(range(count))
        assert store.schedule_versions(practice, [SMITH, other]) == {SMITH: count, other: count}

    def test_a_schedule_that_changes_meets_no_one_who_relies_on_it(
        self, store: Store, practice: str
    ) -> None:
        put(store, practice, bumps={SMITH})
        for at in range(ROUNDS):
            seen = ScheduleVersion(SMITH, at + 1)
            book = changes(practice, Patient(id=f"p{at}", version=1), guards={seen})
            # It changes the rules in view of who is there: nobody yet.
            close = changes(
                practice, guards={RowVersion(Ref(Kind.PATIENT, f"p{at}"), 0)}, bumps={SMITH}
            )
            outcomes = outcomes_of(store, [book, close])
            assert sorted(map(repr, outcomes)) == ["Applied()", "Stale()"]
            if outcomes[1] == Stale():
                put(store, practice, bumps={SMITH})

    def test_who_shares_a_guard_is_not_held_up(self, store: Store, practice: str) -> None:
        put(store, practice, Location(id="main", version=1), bumps={SMITH})

        def add(number: int) -> None:
            for at in range(ROUNDS):
                room = Room(id=f"r{number}-{at}", location="main", version=1)
                decided = changes(
                    practice,
                    room,
                    guards={RowVersion(MAIN, 1), ScheduleVersion(SMITH, 1)},
                    bumps={Resource("room", room.id)},
                )
                tries = 1
                while store.apply(decided) != Applied():
                    tries += 1
                    assert tries <= 6, "stale again and again, and nothing has changed"

        race(*(lambda number=number: add(number) for number in range(THREADS)))
        found = store.page(practice, Room, active=True, where={}, after=None, limit=1000)
        assert len(found) == THREADS * ROUNDS
