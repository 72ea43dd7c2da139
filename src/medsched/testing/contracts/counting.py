"""Tallies: counts that go up and down within their bounds."""

from __future__ import annotations

import pytest

from medsched.domain.changes import Applied, Refused, Tally
from medsched.domain.people import Patient
from medsched.ports.store import Store
from medsched.testing.contracts.kit import NINE, SMITH, Contract, changes, claim, put, shown
from medsched.testing.contracts.samples import IDS, UNNAMEABLE

_NEW = Patient(id="new", version=1)


class Counting(Contract):
    """`Changeset.tallies`."""

    def test_what_was_never_counted_is_none(self, store: Store, practice: str) -> None:
        assert store.tallies(practice, ["a", "b"]) == {"a": 0, "b": 0}
        assert store.tallies(practice, []) == {}
        put(store, practice, tallies=[Tally("a", 1)])
        assert store.tallies(practice, {"a", "b"}) == {"a": 1, "b": 0}
        assert store.tallies(practice, ["a", "a"]) == {"a": 1}

    def test_a_tally_goes_up_and_down(self, store: Store, practice: str) -> None:
        count = 0
        for by in (1, 2, -1, 5, -7, 3, 0, -3, 10_000):
            count += by
            put(store, practice, tallies=[Tally("a", by), Tally("b", abs(by))])
            assert store.tallies(practice, ["a"]) == {"a": count}
        assert store.tallies(practice, ["b"]) == {"b": 10_022}
        assert type(store.tallies(practice, ["b"])["b"]) is int

    @pytest.mark.parametrize(
        "start, by, most, fits",
        [
            (0, 1, 1, True),
            (0, 1, 0, False),
            (0, 2, 1, False),
            (0, -1, None, False),
            (0, -1, 9, False),
            (0, 0, 0, True),
            (1, 1, 2, True),
            (1, 1, 1, False),
            (1, 2, 2, False),
            (1, -1, 0, True),
            (1, -2, None, False),
            (5, -5, None, True),
            (5, -6, 9, False),
            (5, -1, 3, True),  # most was lowered since: whoever leaves may do so
            (5, 1, 3, False),
            (5, 1, None, True),
        ],
    )
    def test_a_tally_keeps_its_bounds(
        self, store: Store, practice: str, start: int, by: int, most: int | None, fits: bool
    ) -> None:
        if start:
            put(store, practice, tallies=[Tally("a", start)])
        before = shown(store, practice, tallies=["a"])
        outcome = store.apply(changes(practice, _NEW, tallies=[Tally("a", by, most)]))
        if fits:
            assert store.tallies(practice, ["a"]) == {"a": start + by}
        else:
            assert outcome == Refused((), ("a",))
            assert shown(store, practice, tallies=["a"]) == before

    @pytest.mark.parametrize(
        "start, tally, fits",
        [
            (2, Tally("a", -1, least=1), True),
            (1, Tally("a", -1, least=1), False),
            (0, Tally("a", 0, least=1), False),
            (0, Tally("a", 1, least=1), True),
            (1, Tally("a", -1, before=1), True),
            (2, Tally("a", -1, before=1), False),
            (0, Tally("a", 1, before=0), True),
            (1, Tally("a", 1, before=0), False),
            (3, Tally("a", 1, 9, before=3), True),
            (3, Tally("a", 1, 3, before=3), False),
        ],
    )
    def test_a_tally_may_ask_what_it_was_and_how_little_it_may_be(
        self, store: Store, practice: str, start: int, tally: Tally, fits: bool
    ) -> None:
        if start:
            put(store, practice, tallies=[Tally("a", start)])
        outcome = store.apply(changes(practice, _NEW, tallies=[tally]))
        assert outcome == (Applied() if fits else Refused((), ("a",)))
        assert store.tallies(practice, ["a"]) == {"a": start + tally.by if fits else start}

    def test_all_are_counted_or_none(self, store: Store, practice: str) -> None:
        names = [*"cabd"]
        put(store, practice, tallies=[Tally(name, 1, 2) for name in names])
        spoilt = changes(
            practice,
            _NEW,
            claims=[claim(SMITH, NINE, NINE + 1)],
            bumps={SMITH},
            tallies=[Tally(name, 1, 2) for name in names],
        )
        for full in names:
            put(store, practice, tallies=[Tally(full, 1)])
            before = shown(store, practice, tallies=names)
            assert store.apply(spoilt) == Refused((), (full,))
            assert shown(store, practice, tallies=names) == before
            put(store, practice, tallies=[Tally(full, -1)])
        for full in ("a", "d"):
            put(store, practice, tallies=[Tally(full, 1)])
        outcome = store.apply(spoilt)
        assert isinstance(outcome, Refused)
        assert outcome.taken == ()
        assert outcome.full
        assert set(outcome.full) <= {"a", "d"}

    def test_a_tally_may_be_full_where_time_is_taken(self, store: Store, practice: str) -> None:
        made = claim(SMITH, NINE, NINE + 1)
        put(store, practice, claims=[made], tallies=[Tally("a", 1)])
        outcome = store.apply(changes(practice, claims=[made], tallies=[Tally("a", 1, 1)]))
        assert isinstance(outcome, Refused)
        assert outcome.taken or outcome.full
        assert {key.resource for key in outcome.taken} <= {SMITH}
        assert set(outcome.full) <= {"a"}
        assert store.tallies(practice, ["a"]) == {"a": 1}

    def test_tallies_are_told_apart_byte_by_byte(self, store: Store, practice: str) -> None:
        put(store, practice, tallies=[Tally(id, at + 1) for at, id in enumerate(IDS)])
        there = practice + " "
        put(store, there, tallies=[Tally(IDS[0], 100)])
        counted = {id: at + 1 for at, id in enumerate(IDS)}
        assert store.tallies(practice, IDS) == counted
        assert store.tallies(there, IDS) == {**dict.fromkeys(IDS, 0), IDS[0]: 100}
        assert store.tallies(practice, UNNAMEABLE) == dict.fromkeys(UNNAMEABLE, 0)

    def test_very_many_are_counted_at_once(self, store: Store, practice: str) -> None:
        names = [f"n{number:04}" for number in range(1200)]
        put(store, practice, tallies=[Tally(name, 1, 1) for name in names[::2]])
        counted = {name: 1 - at % 2 for at, name in enumerate(names)}
        assert store.tallies(practice, names) == counted
        spoilt = changes(practice, tallies=[Tally(name, 1, 1) for name in names[1::2] + names[:1]])
        assert store.apply(spoilt) == Refused((), (names[0],))
        assert store.tallies(practice, names) == counted
