"""The store's contract: all or nothing, guarded, and never seen half done."""

from __future__ import annotations

import sys
from datetime import date
from threading import Thread

import attrs
import pytest

from medsched.adapters.memory import MemoryStore
from medsched.domain.availability import AvailabilityRule, Override
from medsched.domain.changes import (
    Applied,
    Changeset,
    RowVersion,
    ScheduleVersion,
    Stale,
)
from medsched.domain.events import Change, Event
from medsched.domain.people import Patient, Provider
from medsched.domain.places import Location, Room
from medsched.domain.records import Resource
from medsched.domain.stored import CLASSES, Kind, Ref, Stored
from medsched.errors import InvalidChoice, InvalidId
from medsched.ports.store import Store
from medsched.timeline.recurrence import Recurrence

conforms: type[Store] = MemoryStore

DAILY = Recurrence.daily(start=date(2026, 1, 1))
MAIN, ROOM = Ref(Kind.LOCATION, "main"), Ref(Kind.ROOM, "r1")
SMITH = Resource("provider", "smith")


def changes(*writes: Stored, practice: str = "p", **more: object) -> Changeset:
    return attrs.evolve(Changeset(practice=practice, writes=writes), **more)  # type: ignore[arg-type]


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    applied = store.apply(
        changes(
            Location(id="main", version=1),
            Room(id="r1", location="main", version=1),
            Provider(id="smith", version=1),
            AvailabilityRule("smith", DAILY, hours="09:00-12:00", id="rule", version=1),
            bumps=frozenset({SMITH}),
        )
    )
    assert applied == Applied()
    return store


def shown(store: MemoryStore, practice: str = "p") -> object:
    """Everything that the readers show of a practice."""
    records = [
        store.page(practice, cls, active=None, where={}, after=None, limit=1000)
        for cls in CLASSES.values()
    ]
    resources = [SMITH, Resource("location", "main"), Resource("room", "r1")]
    referred = [store.referrers(practice, ref) for ref in (MAIN, ROOM, Ref.of(SMITH))]
    return records, store.calendars(practice, resources), referred, store.events(practice)


def test_what_is_written_is_read(store: MemoryStore) -> None:
    room = store.get("p", Room, "r1")
    assert room == Room(id="r1", location="main", version=1)
    assert store.get("p", Location, "r1") is None
    missing = Ref(Kind.ROOM, "r2")
    assert store.get_many("p", [ROOM, missing]) == {ROOM: room}
    version, calendar = store.calendars("p", [SMITH])[SMITH]
    assert version == 1
    assert [one.id for one in calendar.rules] == ["rule"]
    assert store.referrers("p", MAIN) == [ROOM]
    assert store.referrers("p", Ref.of(SMITH)) == [Ref(Kind.RULE, "rule")]


NEW = Patient(id="new", version=1)


@pytest.mark.parametrize(
    "stale",
    [
        changes(NEW, Location(id="main", version=1)),  # must not exist
        changes(NEW, Location(id="main", version=3)),  # replaces another version
        changes(NEW, Location(id="gone", version=2)),  # replaces what is not there
        changes(NEW, removals=(RowVersion(Ref(Kind.RULE, "rule"), 2),)),
        changes(NEW, removals=(RowVersion(Ref(Kind.RULE, "gone"), 1),)),
        changes(NEW, removals=(RowVersion(MAIN, 1),)),  # referred to by the room
        changes(
            NEW,
            Room(id="r2", location="main", version=1),
            removals=(RowVersion(MAIN, 1), RowVersion(ROOM, 1)),
        ),  # and would be by another
        changes(NEW, guards=frozenset({RowVersion(MAIN, 2)})),
        changes(NEW, guards=frozenset({RowVersion(MAIN, 0)})),
        changes(NEW, guards=frozenset({RowVersion(Ref(Kind.ROOM, "gone"), 1)})),
        changes(NEW, guards=frozenset({ScheduleVersion(SMITH, 0)})),
        changes(NEW, guards=frozenset({ScheduleVersion(SMITH, 1), RowVersion(ROOM, 9)})),
    ],
)
def test_a_stale_changeset_changes_nothing(store: MemoryStore, stale: Changeset) -> None:
    before = shown(store)
    event = Event.of(Change.CREATED, NEW)
    more = attrs.evolve(stale, bumps=frozenset({SMITH}), events=(event,))
    assert store.apply(more) == Stale()
    assert shown(store) == before


def test_guards_that_hold_let_a_changeset_pass(store: MemoryStore) -> None:
    guards = frozenset(
        {
            RowVersion(MAIN, 1),
            RowVersion(Ref(Kind.ROOM, "gone"), 0),
            ScheduleVersion(SMITH, 1),
            ScheduleVersion(Resource("provider", "unknown"), 0),
        }
    )
    event = Event.of(Change.CREATED, NEW)
    done = changes(NEW, guards=guards, bumps=frozenset({SMITH}), events=(event,))
    assert store.apply(done) == Applied()
    assert store.get("p", Patient, "new") == NEW
    assert store.schedule_versions("p", [SMITH]) == {SMITH: 2}
    assert store.events("p") == [event]


def test_what_refers_goes_with_what_it_refers_to(store: MemoryStore) -> None:
    removals = (RowVersion(MAIN, 1), RowVersion(ROOM, 1))
    assert store.apply(changes(removals=removals)) == Applied()
    assert store.get_many("p", [MAIN, ROOM]) == {}
    assert store.referrers("p", MAIN) == []


def test_what_refers_may_let_go_in_the_same_changeset(store: MemoryStore) -> None:
    moved = Room(id="r1", location="branch", version=2)
    branch = Location(id="branch", version=1)
    assert store.apply(changes(moved, branch, removals=(RowVersion(MAIN, 1),))) == Applied()
    assert store.get("p", Location, "main") is None
    assert store.referrers("p", Ref(Kind.LOCATION, "branch")) == [ROOM]


def test_a_rule_that_changes_its_resource_changes_calendars(store: MemoryStore) -> None:
    moved = AvailabilityRule("jones", DAILY, hours="09:00-12:00", id="rule", version=2)
    closed = attrs.evolve(Override.closed("smith", date(2026, 5, 1), id="o"), version=1)
    store.apply(changes(moved, closed))
    jones = Resource("provider", "jones")
    read = store.calendars("p", [SMITH, jones])
    assert read[SMITH].calendar.rules == ()
    assert [one.id for one in read[SMITH].calendar.overrides] == ["o"]
    assert read[jones].calendar.rules == (moved,)


def test_a_calendar_shows_what_is_active(store: MemoryStore) -> None:
    off = AvailabilityRule("smith", DAILY, hours="09:00-12:00", id="rule", version=2, active=False)
    store.apply(changes(off))
    assert store.calendars("p", [SMITH])[SMITH].calendar.rules == ()


def test_practices_are_apart(store: MemoryStore) -> None:
    before, nothing = shown(store), shown(store, "q")
    assert store.get("q", Location, "main") is None
    assert shown(store, "q") == nothing
    there = Location(id="main", name="There", version=1)
    assert store.apply(changes(there, practice="q", bumps=frozenset({SMITH}))) == Applied()
    assert shown(store) == before
    assert store.apply(changes(practice="q", removals=(RowVersion(MAIN, 1),))) == Applied()
    assert shown(store) == before


def test_a_changeset_is_of_one_practice_and_changes_a_record_once() -> None:
    with pytest.raises(InvalidId):
        Changeset(practice="")
    with pytest.raises(InvalidChoice):
        changes(Location(id="main", version=1), Location(id="main", version=1))
    with pytest.raises(InvalidChoice):
        changes(Location(id="main", version=1), removals=(RowVersion(MAIN, 1),))


def test_readers_never_see_half_a_changeset(store: MemoryStore) -> None:
    """Two records change together a thousand times; every reader finds them equal."""
    refs = [Ref(Kind.PATIENT, name) for name in ("a", "b", "c")]
    store.apply(changes(*(Patient(id=ref.id, version=1) for ref in refs)))
    rounds, torn, done = 1000, list[object](), list[int]()

    def write() -> None:
        for version in range(2, rounds):
            store.apply(
                changes(
                    *(Patient(id=ref.id, name=str(version), version=version) for ref in refs),
                    bumps=frozenset({SMITH}),
                )
            )
        done.append(1)

    def read() -> None:
        while not done:
            names = {str(getattr(one, "name", "")) for one in store.get_many("p", refs).values()}
            page = store.page("p", Patient, active=True, where={}, after=None, limit=9)
            if len(names) != 1 or len({one.version for one in page}) != 1:
                torn.append(names)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [Thread(target=work) for work in (write, read, read)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert torn == []


def test_of_rival_changesets_one_is_applied(store: MemoryStore) -> None:
    applied: list[object] = []

    def rival(number: int) -> None:
        for version in range(1, 201):
            outcome = store.apply(changes(Patient(id="x", name=str(number), version=version)))
            if outcome == Applied():
                applied.append(version)

    threads = [Thread(target=rival, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(applied, key=str) == sorted(set(applied), key=str)
    last = store.get("p", Patient, "x")
    assert last is not None
    assert last.version == len(applied)
