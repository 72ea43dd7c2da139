"""Time that is taken whatever else takes it, and given back without the others' minutes."""

from __future__ import annotations

from itertools import permutations

import attrs
import pytest

from medsched.domain.blockings import Blocking
from medsched.domain.changes import Changeset, Refused, RowVersion, Stale
from medsched.domain.claims import Claim, ClaimKind
from medsched.domain.records import Resource
from medsched.domain.sessions import GroupSession
from medsched.domain.stored import Ref
from medsched.errors import InvalidChoice
from medsched.ports.store import Store
from medsched.testing.contracts.kit import (
    ADA,
    JONES,
    NINE,
    SMITH,
    Contract,
    appointment,
    changes,
    claim,
    claimed,
    in_order,
    outcomes_of,
    put,
    taken,
)
from medsched.timeline.instants import instant_of

_THREE = (
    claim(SMITH, NINE, NINE + 30, "a"),
    claim(SMITH, NINE + 15, NINE + 45, "b"),
    claim(SMITH, NINE - 10, NINE + 100, "c", kind=ClaimKind.BLOCKING),
)


def _bits(*claims: Claim) -> int:
    """The minutes of that day that some claims take, however often."""
    bits = 0
    for one in claims:
        for minute in range(one.low, one.high):
            bits |= 1 << minute % 1440
    return bits


def _taken(store: Store, practice: str, resource: Resource = SMITH) -> int:
    found = taken(store, practice, resource)
    assert len(found) <= 1
    return next(iter(found.values()), 0)


class Doubling(Contract):
    """`Changeset.doubled`, and what stands on more than one booking."""

    @pytest.mark.parametrize("order", list(permutations(range(3))))
    def test_each_is_given_back_without_the_others(
        self, store: Store, practice: str, order: tuple[int, ...]
    ) -> None:
        put(store, practice, claims=_THREE[:1])
        for one in _THREE[1:]:
            put(store, practice, doubled=[one])
        assert claimed(store, practice, SMITH) == in_order(_THREE)
        left = list(_THREE)
        for at in order:
            assert _taken(store, practice) == _bits(*left)
            put(store, practice, releases=[_THREE[at]])
            left.remove(_THREE[at])
        assert _taken(store, practice) == 0

    def test_those_of_one_start_are_in_order_of_kind_and_id(
        self, store: Store, practice: str
    ) -> None:
        made = [
            claim(SMITH, NINE, NINE + length, id, kind=kind)
            for kind, id, length in (
                (ClaimKind.APPOINTMENT, "B", 30),
                (ClaimKind.APPOINTMENT, "a", 10),
                (ClaimKind.APPOINTMENT, "ä", 20),
                (ClaimKind.BLOCKING, "A", 5),
                (ClaimKind.SESSION, "0", 40),
            )
        ]
        for one in (made[3], made[0], made[4], made[2], made[1]):
            put(store, practice, doubled=[one])
        assert claimed(store, practice, SMITH) == made

    def test_who_doubles_takes_the_time(self, store: Store, practice: str) -> None:
        put(store, practice, doubled=_THREE[:1])
        for one in _THREE[1:]:
            assert isinstance(store.apply(changes(practice, claims=[one])), Refused)
        put(store, practice, releases=_THREE[:1], doubled=[_THREE[1]])
        assert _taken(store, practice) == _bits(_THREE[1])

    def test_what_is_claimed_beside_it_must_be_free(self, store: Store, practice: str) -> None:
        put(store, practice, claims=[_THREE[0], claim(JONES, NINE, NINE + 5)])
        both = {"doubled": [_THREE[1]], "claims": [claim(JONES, NINE, NINE + 30, "b")]}
        outcome = store.apply(changes(practice, **both))
        assert isinstance(outcome, Refused)
        assert {key.resource for key in outcome.taken} == {JONES}
        assert _taken(store, practice) == _bits(_THREE[0])
        put(store, practice, releases=[claim(JONES, NINE, NINE + 5)])
        put(store, practice, **both)
        assert _taken(store, practice) == _bits(*_THREE[:2])

    def test_one_changeset_takes_a_minute_once(self, practice: str) -> None:
        with pytest.raises(InvalidChoice):
            Changeset(practice=practice, claims=_THREE[:1], doubled=_THREE[1:2])

    def test_it_is_doubled_and_given_back_at_once(self, store: Store, practice: str) -> None:
        """Whoever gives back looks at what the others take under the lock of the minutes."""
        for _ in range(10):
            put(store, practice, claims=_THREE[:1])
            outcomes_of(
                store,
                [
                    changes(practice, doubled=[_THREE[1]]),
                    changes(practice, releases=[_THREE[0]]),
                    changes(practice, doubled=[_THREE[2]]),
                ],
            )
            left = claimed(store, practice, SMITH)
            assert _taken(store, practice) == _bits(*left)
            put(store, practice, releases=left)

    def test_a_session_that_is_sat_in_is_not_removed(self, store: Store, practice: str) -> None:
        seat = appointment("a", session="s")
        session = GroupSession(
            id="s",
            version=1,
            provider="smith",
            type="visit",
            start=seat.start,
            end=seat.end,
            wall=seat.wall,
            seats=2,
        )
        put(store, practice, session, seat)
        removal = RowVersion(Ref.to(session), 1)
        assert list(store.referrers(practice, Ref.to(session))) == [Ref.to(seat)]
        assert store.apply(changes(practice, removals=(removal,))) == Stale()
        left = attrs.evolve(seat, session=None, version=2)
        put(store, practice, left, removals=(removal,))
        assert store.get_many(practice, [Ref.to(session)]) == {}
        late = attrs.evolve(seat, id="b", session="s")
        guarded = frozenset({removal})
        assert store.apply(changes(practice, late, guards=guarded)) == Stale()

    def test_what_a_blocking_names_is_not_removed(self, store: Store, practice: str) -> None:
        made = Blocking(
            id="b",
            version=1,
            resources={SMITH, Resource("room", "r1")},
            start=instant_of(NINE),
            end=instant_of(NINE + 5),
            kept_for="ada",
        )
        put(store, practice, made, claims=made.claims)
        for one in (SMITH, Resource("room", "r1"), ADA):
            assert list(store.referrers(practice, Ref.of(one))) == [Ref.to(made)]
        put(store, practice, removals=(RowVersion(Ref.to(made), 1),), releases=made.claims)
        assert list(store.referrers(practice, Ref.of(SMITH))) == []
