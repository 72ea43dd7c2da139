"""Changesets at random, one after the other, against sets of minutes."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Final

import attrs
import pytest

from medsched.domain.changes import Applied, Changeset, Outcome, Refused, Stale, Tally
from medsched.domain.claims import Claim, ClaimKind
from medsched.domain.ledger import LedgerKey
from medsched.ports.store import Store
from medsched.testing.contracts.kit import (
    ADA,
    MIDNIGHT,
    R1,
    SMITH,
    Contract,
    changes,
    claimed,
    in_order,
    minutes_of,
    taken,
)
from medsched.timeline.instants import DAY

SEEDS: Final = range(3)
"""Each makes another sequence; a failing test tells its own in its name."""
STEPS: Final = 60
_RESOURCES: Final = (SMITH, ADA, R1)
_MOST: Final = 6


@attrs.define
class _Model:
    """What a store must have, in the simplest way there is."""

    claims: list[Claim] = attrs.field(factory=list)
    count: int = 0

    def expects(self, changeset: Changeset) -> set[type[Outcome]]:
        """The outcomes that are right."""
        left = Counter(self.claims)
        left.subtract(changeset.releases)
        wrong = set[type[Outcome]]()
        if min(left.values(), default=0) < 0:
            wrong.add(Stale)
        if self.rows_that_clash(changeset):
            wrong.add(Refused)
        if any(not 0 <= self.count + one.by <= _MOST for one in changeset.tallies):
            wrong.add(Refused)
        return wrong or {Applied}

    def rows_that_clash(self, changeset: Changeset) -> set[LedgerKey]:
        """The rows with a minute that is claimed and stays taken."""
        held = {
            (one.resource, minute)
            for one in self.claims
            if one not in changeset.releases
            for minute in range(one.low, one.high)
        }
        return {
            LedgerKey(one.resource, minute // DAY)
            for one in changeset.claims
            for minute in range(one.low, one.high)
            if (one.resource, minute) in held
        }

    def apply(self, changeset: Changeset) -> None:
        for one in changeset.releases:
            self.claims.remove(one)
        self.claims += changeset.claims
        self.count += sum(one.by for one in changeset.tallies)


class Sequences(Contract):
    """What comes of many changesets is what comes of them in the mind."""

    @pytest.mark.parametrize("seed", SEEDS)
    def test_a_random_sequence_of_claims_and_releases(
        self, store: Store, practice: str, seed: int
    ) -> None:
        random, model = Random(seed), _Model()
        for step in range(STEPS):
            changeset = _drawn(random, model, practice, step)
            outcome = store.apply(changeset)
            assert type(outcome) in model.expects(changeset), (seed, step, changeset)
            if isinstance(outcome, Applied):
                model.apply(changeset)
            elif isinstance(outcome, Refused):
                assert set(outcome.taken) <= model.rows_that_clash(changeset), (seed, step)
                assert outcome.taken or outcome.full
            assert claimed(store, practice, *_RESOURCES) == in_order(model.claims), (seed, step)
            assert taken(store, practice, *_RESOURCES) == minutes_of(model.claims), (seed, step)
            assert store.tallies(practice, ["n"]) == {"n": model.count}, (seed, step)


def _drawn(random: Random, model: _Model, practice: str, step: int) -> Changeset:
    """A changeset that is possible more often than not, around a midnight."""
    releases = random.sample(model.claims, k=min(len(model.claims), random.choice((0, 0, 1, 1, 3))))
    if random.random() < 0.1:
        releases.append(_claim(random, f"none{step}"))
    claims = list[Claim]()
    for _ in range(random.choice((0, 1, 1, 2, 4))):
        # Where what is released lay, there is often something new.
        near = random.choice([*releases, None])
        one = _claim(random, f"a{step}", near)
        if not any(_overlap(one, other) for other in claims):
            claims.append(one)
    tallies = [Tally("n", random.choice((1, 2, -1)), _MOST)] if random.random() < 0.5 else []
    return changes(practice, releases=releases, claims=claims, tallies=tallies)


def _claim(random: Random, id: str, near: Claim | None = None) -> Claim:
    if near is None:
        resource, low = random.choice(_RESOURCES), MIDNIGHT + random.randint(-400, 400)
    else:
        resource, low = near.resource, near.low + random.randint(-3, 3)
    high = low + random.choice((1, 2, 10, 59, 60, 61, 300, 2000))
    return Claim(resource, low, high, ClaimKind.APPOINTMENT, id)


def _overlap(one: Claim, other: Claim) -> bool:
    return one.resource == other.resource and one.low < other.high and other.low < one.high
