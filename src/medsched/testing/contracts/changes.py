"""The one write: all or nothing, and only while the world is as it was read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

import attrs
import pytest

from medsched.domain.appointment_types import AppointmentType
from medsched.domain.availability import AvailabilityRule
from medsched.domain.changes import (
    ActivePatient,
    Applied,
    Changeset,
    Guard,
    Outcome,
    RowVersion,
    ScheduleVersion,
    Stale,
)
from medsched.domain.events import Change, Event
from medsched.domain.people import Patient, Provider
from medsched.domain.places import Location, PracticeSettings, Room
from medsched.domain.records import Resource
from medsched.domain.stored import Kind, Ref
from medsched.ports.store import Store
from medsched.testing.contracts.kit import (
    DAILY,
    MAIN,
    NINE,
    ROOM,
    RULE,
    SMITH,
    Contract,
    appointment,
    changes,
    put,
    shown,
)
from medsched.testing.contracts.samples import UNNAMEABLE

_NEW: Final = Patient(id="new", version=1)
_GONE: Final = Ref(Kind.ROOM, "gone")
_OTHER: Final = Resource("provider", "other")

_STALE: Final[dict[str, Callable[[str], Changeset]]] = {
    "what is created is there": lambda p: changes(p, _NEW, Location(id="main", version=1)),
    "another version is replaced": lambda p: changes(p, _NEW, Location(id="main", version=3)),
    "what is replaced is not there": lambda p: changes(p, _NEW, Location(id="gone", version=2)),
    "another version is removed": lambda p: changes(p, _NEW, removals=(RowVersion(RULE, 2),)),
    "what is removed is not there": lambda p: changes(p, _NEW, removals=(RowVersion(_GONE, 1),)),
    "what is removed is referred to": lambda p: changes(p, _NEW, removals=(RowVersion(MAIN, 1),)),
    "one of its referrers is kept": lambda p: changes(
        p, _NEW, removals=(RowVersion(MAIN, 1), RowVersion(Ref(Kind.PROVIDER, "smith"), 1))
    ),
    "what is removed would be referred to": lambda p: changes(
        p,
        _NEW,
        Room(id="r2", location="main", version=1),
        removals=(RowVersion(MAIN, 1), RowVersion(ROOM, 1)),
    ),
    "what refers to it is written and still does": lambda p: changes(
        p,
        _NEW,
        Room(id="r1", location="main", name="still", version=2),
        removals=(RowVersion(MAIN, 1),),
    ),
    "a guarded record is older": lambda p: changes(p, _NEW, guards={RowVersion(MAIN, 2)}),
    "a guarded absence is none": lambda p: changes(p, _NEW, guards={RowVersion(MAIN, 0)}),
    "a guarded record is not there": lambda p: changes(p, _NEW, guards={RowVersion(_GONE, 1)}),
    "a guarded id is none": lambda p: changes(
        p, _NEW, guards={RowVersion(Ref(Kind.ROOM, "\0"), 1)}
    ),
    "a guarded schedule is newer": lambda p: changes(p, _NEW, guards={ScheduleVersion(SMITH, 0)}),
    "a guarded schedule is older": lambda p: changes(p, _NEW, guards={ScheduleVersion(SMITH, 2)}),
    "a guarded schedule never changed": lambda p: changes(
        p, _NEW, guards={ScheduleVersion(_OTHER, 1)}
    ),
    "one guard of two does not hold": lambda p: changes(
        p, _NEW, guards={ScheduleVersion(SMITH, 1), RowVersion(ROOM, 9)}
    ),
    "two guards contradict each other": lambda p: changes(
        p, _NEW, guards={RowVersion(ROOM, 1), RowVersion(ROOM, 2)}
    ),
    "a guard contradicts a write": lambda p: changes(
        p, Location(id="main", version=2), guards={RowVersion(MAIN, 2)}
    ),
    "a guard contradicts a bump": lambda p: changes(
        p, _NEW, guards={ScheduleVersion(SMITH, 2)}, bumps={SMITH}
    ),
}


class Changes(Contract):
    """`Store.apply`."""

    @pytest.mark.parametrize("stale", _STALE.values(), ids=list(_STALE))
    def test_a_stale_changeset_changes_nothing(
        self, store: Store, clinic: str, stale: Callable[[str], Changeset]
    ) -> None:
        before = shown(store, clinic)
        changeset = stale(clinic)
        more = attrs.evolve(
            changeset,
            bumps=changeset.bumps | {SMITH, _OTHER},
            events=(Event.of(Change.CREATED, _NEW),),
        )
        for one in (changeset, more):
            assert store.apply(one) == Stale()
            assert shown(store, clinic) == before
            assert store.schedule_versions(clinic, [SMITH, _OTHER]) == {SMITH: 1, _OTHER: 0}

    def test_nothing_is_applied_as_well(self, store: Store, practice: str) -> None:
        assert store.apply(changes(practice)) == Applied()

    def test_guards_that_hold_let_a_changeset_pass(self, store: Store, clinic: str) -> None:
        guards = {
            RowVersion(MAIN, 1),
            RowVersion(_GONE, 0),
            ScheduleVersion(SMITH, 1),
            ScheduleVersion(_OTHER, 0),
            *(RowVersion(Ref(Kind.PATIENT, id), 0) for id in UNNAMEABLE),
        }
        event = Event.of(Change.CREATED, _NEW)
        put(store, clinic, _NEW, guards=guards, bumps={SMITH}, events=(event,))
        assert store.get(clinic, Patient, "new") == _NEW
        assert store.schedule_versions(clinic, [SMITH]) == {SMITH: 2}

    def test_a_guard_may_be_on_what_is_changed(self, store: Store, clinic: str) -> None:
        put(
            store,
            clinic,
            Location(id="main", name="new", version=2),
            _NEW,
            removals=(RowVersion(RULE, 1),),
            guards={
                RowVersion(MAIN, 1),
                RowVersion(RULE, 1),
                RowVersion(Ref.to(_NEW), 0),
                ScheduleVersion(SMITH, 1),
            },
            bumps={SMITH},
        )
        assert store.schedule_versions(clinic, [SMITH]) == {SMITH: 2}

    def test_a_guarded_absence_leaves_no_trace(self, store: Store, clinic: str) -> None:
        before = shown(store, clinic)
        settings = Ref(Kind.PRACTICE, clinic)
        for _ in range(2):
            put(store, clinic, guards={RowVersion(settings, 0), RowVersion(_GONE, 0)})
            put(store, clinic, guards={ScheduleVersion(_OTHER, 0)})
        assert shown(store, clinic) == before
        assert store.get_many(clinic, [settings, _GONE]) == {}
        stale = changes(clinic, removals=(RowVersion(_GONE, 1),))
        assert store.apply(stale) == Stale()
        written = PracticeSettings(id=clinic, name="Riverside", version=1)
        put(store, clinic, written, Room(id="gone", location="main", version=1))
        assert store.get(clinic, PracticeSettings, clinic) == written
        assert store.apply(changes(clinic, guards={RowVersion(settings, 0)})) == Stale()

    @pytest.mark.parametrize("how", ["other records", "a new booking"])
    def test_a_guarded_patient_must_be_there_and_active(
        self, store: Store, clinic: str, how: str
    ) -> None:
        ada = Patient(id="ada", version=1)

        def outcome(at: int, *guards: Guard) -> Outcome:
            """Of a changeset that nothing else speaks against."""
            visit, other = appointment(f"a{at}", NINE + 30 * at), Patient(id=f"p{at}", version=1)
            guards = (ActivePatient("ada"), *guards)
            if how == "other records":
                return store.apply(changes(clinic, other, guards=guards))
            booked = Event.of(Change.BOOKED, visit)
            claims = visit.claims
            return store.apply(
                changes(clinic, visit, guards=guards, claims=claims, events=[booked])
            )

        assert outcome(0) == Stale()
        assert store.get_many(clinic, [ActivePatient("ada").ref]) == {}
        put(store, clinic, ada)
        assert outcome(1) == Applied()
        put(store, clinic, attrs.evolve(ada, name="new", version=2))
        assert outcome(2) == Applied()
        assert outcome(3, RowVersion(Ref.to(ada), 2)) == Applied()
        assert outcome(4, RowVersion(Ref.to(ada), 1)) == Stale()
        assert outcome(5, ActivePatient("ben")) == Stale()
        put(store, clinic, Patient(id="ben", version=1))
        assert outcome(6, ActivePatient("ben"), RowVersion(MAIN, 1)) == Applied()
        put(store, clinic, attrs.evolve(ada, active=False, version=3))
        assert outcome(7) == Stale()
        if how == "other records":
            put(store, clinic, removals=(RowVersion(Ref.to(ada), 3),))
            assert outcome(8) == Stale()
            no_id = changes(clinic, _NEW, guards={ActivePatient("\0")})
            assert store.apply(no_id) == Stale()

    def test_bumps_make_guards_stale(self, store: Store, clinic: str) -> None:
        decided = changes(clinic, guards={ScheduleVersion(SMITH, 1)}, bumps={SMITH, _OTHER})
        assert store.apply(decided) == Applied()
        assert store.apply(decided) == Stale()
        assert store.schedule_versions(clinic, [SMITH, _OTHER]) == {SMITH: 2, _OTHER: 1}

    def test_schedule_versions_outlive_records(self, store: Store, clinic: str) -> None:
        smith = Ref(Kind.PROVIDER, "smith")
        removals = (RowVersion(smith, 1), RowVersion(RULE, 1))
        put(store, clinic, removals=removals, bumps={SMITH})
        assert store.calendars(clinic, [SMITH])[SMITH].version == 2
        put(store, clinic, Provider(id="smith", version=1), bumps={SMITH})
        assert store.schedule_versions(clinic, [SMITH]) == {SMITH: 3}

    def test_what_is_removed_can_be_made_anew(self, store: Store, clinic: str) -> None:
        for _ in range(2):
            put(store, clinic, removals=(RowVersion(ROOM, 1),))
            assert store.get(clinic, Room, "r1") is None
            assert store.apply(changes(clinic, Room(id="r1", location="x", version=2))) == Stale()
            put(store, clinic, Room(id="r1", location="main", version=1))
            assert list(store.referrers(clinic, MAIN)) == [ROOM]

    def test_what_refers_goes_with_what_it_refers_to(self, store: Store, clinic: str) -> None:
        put(store, clinic, removals=(RowVersion(MAIN, 1), RowVersion(ROOM, 1)))
        assert store.get_many(clinic, [MAIN, ROOM]) == {}
        assert list(store.referrers(clinic, MAIN)) == []

    def test_what_refers_may_let_go_in_the_same_changeset(self, store: Store, clinic: str) -> None:
        moved = Room(id="r1", location="branch", version=2)
        branch = Location(id="branch", version=1)
        put(store, clinic, moved, branch, removals=(RowVersion(MAIN, 1),))
        assert store.get(clinic, Location, "main") is None
        assert list(store.referrers(clinic, Ref(Kind.LOCATION, "branch"))) == [ROOM]

    def test_a_whole_practice_is_stored_at_once_or_not_at_all(
        self, store: Store, practice: str
    ) -> None:
        rooms = [Room(id=f"r{number}", location="main", version=1) for number in range(700)]
        rules = [
            AvailabilityRule(
                Resource("room", room.id), DAILY, hours="09:00-10:00", id=room.id, version=1
            )
            for room in rooms
        ]
        visit = AppointmentType(code="visit", duration=timedelta(minutes=5), version=1)
        whole = changes(
            practice,
            Location(id="main", version=1),
            visit,
            *rooms,
            *rules,
            guards={RowVersion(Ref(Kind.PATIENT, str(number)), 0) for number in range(600)},
            bumps={rule.resource for rule in rules},
            events=tuple(Event.of(Change.CREATED, room) for room in rooms),
        )
        before = shown(store, practice)
        spoilt = attrs.evolve(whole, writes=(*whole.writes, Patient(id="ada", version=2)))
        assert store.apply(spoilt) == Stale()
        assert shown(store, practice) == before
        assert store.apply(whole) == Applied()
        assert len(store.referrers(practice, MAIN, limit=1000)) == 700
        later = [attrs.evolve(room, name="new", version=2) for room in rooms]
        put(store, practice, *later, removals=tuple(RowVersion(Ref.to(one), 1) for one in rules))
        found = store.page(practice, Room, active=True, where={}, after=None, limit=1000)
        assert list(found) == sorted(later, key=lambda room: room.id)
        assert not store.calendars(practice, [rules[0].resource])[rules[0].resource].calendar

    def test_practices_are_apart(self, store: Store, clinic: str) -> None:
        there = f"{clinic}-there"
        before, nothing = shown(store, clinic), shown(store, there)
        put(store, there, Location(id="main", name="There", version=1), bumps={SMITH})
        assert shown(store, clinic) == before
        # Nothing here refers to it; what does so there, is no matter.
        put(store, there, removals=(RowVersion(MAIN, 1),))
        assert shown(store, clinic) == before
        assert shown(store, there) != nothing  # the schedule version stays
