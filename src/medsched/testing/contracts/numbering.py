"""Events: each is numbered once, after it was committed, and read by its number."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from medsched.domain.changes import Stale
from medsched.domain.events import Change, Event, NumberedEvent
from medsched.domain.people import Patient
from medsched.domain.stored import CLASSES, Kind
from medsched.ports.store import Store
from medsched.testing.contracts.kit import Contract, changes, plain, put
from medsched.testing.contracts.samples import IDS


def _told(store: Store, practice: str, *, after: int = 0, limit: int = 5000) -> list[Event]:
    """The events after a number, once it is sure that their numbers have no gaps."""
    found = store.events(practice, after=after, limit=limit)
    assert [one.number for one in found] == [after + at for at in range(1, len(found) + 1)]
    return [one.event for one in found]


def _events(*names: str, version: int = 1) -> Sequence[Event]:
    return [Event.of(Change.UPDATED, Patient(id=name, version=version)) for name in names]


class Numbering(Contract):
    """`Store.number_events` and `Store.events`."""

    def test_nothing_happened_yet(self, store: Store, practice: str) -> None:
        assert store.number_events(practice) == 0
        assert list(store.events(practice, after=0, limit=9)) == []
        put(store, practice, Patient(id="ada", version=1))
        assert store.number_events(practice) == 0
        assert list(store.events(practice, after=0, limit=9)) == []

    @pytest.mark.parametrize("kind", Kind)
    def test_an_event_comes_back_as_it_was(self, store: Store, practice: str, kind: Kind) -> None:
        assert kind in CLASSES
        made = [
            Event(name=f"{kind.value}.{change.value}", kind=kind, id=id, version=version)
            for change, id, version in zip(Change, IDS, range(1, 99), strict=False)
        ]
        made.append(Event(name="x.y", kind=kind, id="z", version=2**31 - 1, schema=7))
        put(store, practice, events=made)
        assert store.number_events(practice) == len(made)
        found = list(store.events(practice, after=0, limit=99))
        numbered = [NumberedEvent(at, event) for at, event in enumerate(made, 1)]
        assert plain(found) == plain(numbered)

    def test_events_are_told_in_the_order_they_happened(self, store: Store, practice: str) -> None:
        """Each changeset replaces what the one before wrote, so there is but one order."""
        told = list[Event]()
        for version in range(1, 30):
            ada = Patient(id="ada", version=version)
            # Names that come in another order by any other order.
            names = ("z", "a", "m", "a") if version % 2 else ("b",)
            events = _events(*names, version=version)
            put(store, practice, ada, events=events)
            told += events
            if version % 7 == 0:
                assert store.number_events(practice) == len(told)
        assert store.number_events(practice) == len(told)
        assert _told(store, practice) == told

    def test_numbers_stay(self, store: Store, practice: str) -> None:
        put(store, practice, events=_events("a", "b"))
        assert store.number_events(practice) == 2
        assert store.number_events(practice) == 2
        first = list(store.events(practice, after=0, limit=9))
        put(store, practice, events=_events("c"))
        put(store, practice)
        assert store.number_events(practice) == store.number_events(practice) == 3
        assert list(store.events(practice, after=0, limit=9))[:2] == first
        assert _told(store, practice) == [*_events("a", "b"), *_events("c")]

    def test_events_are_read_after_a_number(self, store: Store, practice: str) -> None:
        made = _events(*(f"p{number}" for number in range(25)))
        put(store, practice, events=made)
        assert store.number_events(practice) == 25
        for after in (0, 1, 12, 24, 25, 26, 1000):
            for limit in (1, 3, 25, 100):
                found = _told(store, practice, after=after, limit=limit)
                assert found == list(made[after : after + limit])

    def test_what_is_not_done_did_not_happen(self, store: Store, practice: str) -> None:
        put(store, practice, Patient(id="ada", version=1), events=_events("a"))
        stale = changes(practice, Patient(id="ada", version=1), events=_events("b"))
        assert store.apply(stale) == Stale()
        put(store, practice, events=_events("c"))
        assert store.number_events(practice) == 2
        assert _told(store, practice) == [*_events("a"), *_events("c")]

    def test_each_practice_counts_for_itself(self, store: Store, practice: str) -> None:
        there = [practice, practice + " ", practice.upper(), practice + "\u200f"]
        for number in range(6):
            for at, one in enumerate(there):
                put(store, one, events=_events(f"{at}", version=number + 1))
        assert store.number_events(there[1]) == 6
        for at, one in enumerate(there):
            assert store.number_events(one) == 6
            wanted = [_events(f"{at}", version=number + 1)[0] for number in range(6)]
            assert _told(store, one) == wanted

    def test_very_many_are_numbered_at_once(self, store: Store, practice: str) -> None:
        made = [_events(*(f"{at}-{number}" for number in range(700))) for at in range(4)]
        for at, events in enumerate(made, 1):
            put(store, practice, Patient(id="ada", version=at), events=events)
        assert store.number_events(practice) == 2800
        assert _told(store, practice) == [event for events in made for event in events]
