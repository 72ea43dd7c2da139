"""What the tests of the contract share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from itertools import count
from threading import Barrier, Thread
from typing import Any, Final
from uuid import uuid4

import attrs
import pytest

from medsched.domain.availability import AvailabilityRule
from medsched.domain.changes import Applied, Changeset
from medsched.domain.people import Provider
from medsched.domain.places import Location, Room
from medsched.domain.records import Resource
from medsched.domain.stored import CLASSES, Kind, Ref, Stored
from medsched.ports.store import Store
from medsched.timeline.recurrence import Recurrence

DAILY: Final = Recurrence.daily(start=date(2026, 1, 1))
MAIN: Final = Ref(Kind.LOCATION, "main")
ROOM: Final = Ref(Kind.ROOM, "r1")
RULE: Final = Ref(Kind.RULE, "rule")
SMITH: Final = Resource("provider", "smith")
_RESOURCES: Final = (SMITH, Resource("location", "main"), Resource("room", "r1"))
_numbers = count(1)


class Contract:
    """A store to be tested, and a practice in it that no other test uses."""

    @pytest.fixture
    def store(self) -> Store:
        """The store under test; to be overridden, and free to be the same for every test."""
        raise NotImplementedError("give the fixture `store` a store to test")

    @pytest.fixture
    def practice(self) -> str:
        """An id that nothing is stored under."""
        return f"practice-{uuid4().hex}-{next(_numbers)}"

    @pytest.fixture
    def clinic(self, store: Store, practice: str) -> str:
        """A practice with a location, a room in it, and a provider with a rule."""
        put(
            store,
            practice,
            Location(id="main", version=1),
            Room(id="r1", location="main", version=1),
            Provider(id="smith", version=1),
            AvailabilityRule("smith", DAILY, hours="09:00-12:00", id="rule", version=1),
            bumps={SMITH},
        )
        return practice


def changes(practice: str, *writes: Stored, **more: Any) -> Changeset:
    """A changeset; sets may be given as any set."""
    for name in ("guards", "bumps"):
        if name in more:
            more[name] = frozenset(more[name])
    return Changeset(practice=practice, writes=writes, **more)


def put(store: Store, practice: str, *writes: Stored, **more: Any) -> None:
    """Apply a changeset that nothing speaks against."""
    assert store.apply(changes(practice, *writes, **more)) == Applied()


def shown(store: Store, practice: str) -> object:
    """Everything that the readers show of a practice."""
    records = {
        cls: list(store.page(practice, cls, active=None, where={}, after=None, limit=5000))
        for cls in CLASSES.values()
    }
    refs = [Ref.to(record) for some in records.values() for record in some]
    referred = [list(store.referrers(practice, ref)) for ref in (*refs, MAIN, ROOM)]
    return records, store.calendars(practice, _RESOURCES), referred


def same(found: Stored | None, record: Stored) -> None:
    """The record as it was, to the type of every field: 1 is not True, 1.0 is not 1."""
    assert type(found) is type(record)
    for field in attrs.fields(type(record)):
        was, now = getattr(record, field.name), getattr(found, field.name)
        assert (field.name, now, type(now)) == (field.name, was, type(was))


def race(*works: Callable[[], object]) -> None:
    """Do all of these at once, each in a thread of its own; what one raises is raised here."""
    start, raised = Barrier(len(works)), list[BaseException]()

    def run(work: Callable[[], object]) -> None:
        start.wait()
        try:
            work()
        except BaseException as error:
            raised.append(error)

    threads = [Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]


def ids(records: Iterable[Stored]) -> list[str]:
    """The ids of records."""
    return [record.id for record in records]
