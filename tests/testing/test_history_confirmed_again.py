"""One hold confirmed again and again: the checks that need no search call nothing right wrong.

Confirming is where these checks are easily too sure: one booking has several makers, one hold
several ends, each with or without a key, and any of them may have been lost. So here nearly
all that is asked is about one hold and what becomes of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

import attrs
import pytest
from tests.testing.test_history_random import (
    BATCH,
    SCALE,
    SEED,
    Draw,
    correct,
    right_by_states,
    spoiled,
)

from medsched.testing.history import (
    Book,
    Cancel,
    Close,
    Confirm,
    Failed,
    Hold,
    Judgement,
    Move,
    Ok,
    Operation,
    Read,
    Release,
    Span,
    Unknown,
    check,
)
from medsched.testing.history.bounds import Bounds
from medsched.testing.history.certain import certain_anomalies
from medsched.testing.history.evidence import Evidence, telling
from medsched.testing.history.groups import groups
from medsched.testing.history.operations import Request
from medsched.testing.history.search import Found, Search

FIRST, SECOND = Span("r", 0, 1), Span("r", 1, 2)
PLACES = ([FIRST], [FIRST], [FIRST], [SECOND], [Span("r", 0, 2)], [FIRST, Span("s", 0, 1)])
STATES = 100_000


def about_one_hold(random: Random) -> Draw:
    """Requests that have to do with one hold, which is placed first, and a few rivals of it."""
    hold, spans = "h", random.choice(PLACES)
    id = random.choice("aah")
    placed = Hold(hold, spans, expires=random.choice((3, 5, 9, 20)), key=random.choice((None, "k")))
    first = [placed] * random.choice((1, 1, 2))

    def draw(random: Random, resources: str, keys: Sequence[str | None]) -> Request:
        if first:
            return first.pop()
        key, rival = random.choice(keys), random.choice([spans, *PLACES])
        roll = random.random()
        if roll < 0.45:
            other = random.random() < (0.1 if key is None else 0.3)
            return Confirm(hold, random.choice("abh") if other else id, key=key)
        if roll < 0.55:
            return Cancel(id if random.random() < 0.9 else "b", key=key)
        if roll < 0.61:
            return Release(hold, key=key)
        if roll < 0.7:
            return Move(id, rival, key=key)
        if roll < 0.8:
            return Book(random.choice("abcd"), rival, key=key)
        if roll < 0.85:
            return Close("r", 0, random.choice((1, 2)), types=random.choice((None, {"x"})))
        if roll < 0.88:
            return placed if random.random() < 0.5 else Hold("g", rival, expires=5, key=key)
        return Read("r", random.choice((0, 0, 1)), 2, holds=random.random() < 0.7)

    return draw


def confirming(random: Random, most: int) -> list[Operation]:
    """What a correct calendar answered about one hold; a coarse counter lets moments meet."""
    history = correct(
        random,
        random.randint(4, most),
        width=random.choice((0, 5, 15, 40, 80)),
        unknown=random.choice((0, 0.05, 0.2, 0.5)),
        resources="rs",
        keyed=random.choice((0, 0.3, 0.8)),
        draw=about_one_hold(random),
    )
    grain = random.choice((1, 1, 10, 20))
    return [
        attrs.evolve(
            one,
            invoked=one.invoked // grain,
            returned=None if one.returned is None else one.returned // grain,
        )
        for one in history
    ]


def repeats(history: Sequence[Operation]) -> set[str]:
    """In what ways one hold is confirmed more than once as one booking."""
    met: set[str] = set()
    confirmed: dict[tuple[str, str], Operation] = {}
    for one in sorted(history, key=lambda operation: operation.invoked):
        request = one.request
        if not isinstance(request, Confirm):
            continue
        first = confirmed.get((request.hold, request.id))
        if first is None:
            if not one.failed:
                confirmed[request.hold, request.id] = one
            continue
        keys = {first.request.key, request.key} if isinstance(first.request, Confirm) else set()
        met.add("without a key" if keys == {None} else "one key" if len(keys) == 1 else "two keys")
        if not first.before(one):
            met.add("at once" if first.ok else "after what was lost")
        if isinstance(one.outcome, Failed):
            met.add(f"refused as {one.outcome.reason.value}")
        elif isinstance(one.outcome, Unknown):
            met.add("lost")
        elif any(_cancels(other, request.id) and other.before(one) for other in history):
            met.add("after it was cancelled")
    if any(isinstance(one.outcome, Ok) and _renamed(one) for one in history):
        met.add("as another id")
    return met


def _cancels(operation: Operation, id: str) -> bool:
    request = operation.request
    return operation.ok and isinstance(request, Cancel) and request.id == id


def _renamed(operation: Operation) -> bool:
    request, outcome = operation.request, operation.outcome
    answered = outcome.id if isinstance(outcome, Ok) else None
    return isinstance(request, Confirm) and answered not in (None, request.id)


WAYS = {
    "without a key",
    "one key",
    "two keys",
    "at once",
    "after what was lost",
    "lost",
    "after it was cancelled",
    "as another id",
    "refused as missing",
    "refused as exists",
}


def told(history: Sequence[Operation], seed: int) -> str:
    return "\n".join([f"seed {seed}", *map(str, history), check(history).explain()])


@pytest.mark.parametrize("batch", range(2 * SCALE))
def test_a_hold_that_is_confirmed_again_is_no_anomaly(batch: int) -> None:
    met: Counter[str] = Counter()
    for number in range(4 * BATCH):
        seed = SEED * 1_000_000 + batch * 4 * BATCH + number
        history = confirming(Random(seed), 12)
        met.update(repeats(history))
        assert check(history).judgement is Judgement.CORRECT, told(history, seed)
    assert met.keys() >= WAYS, WAYS - met.keys()


@pytest.mark.parametrize("batch", range(2 * SCALE))
def test_what_is_called_wrong_without_a_search_has_no_order(batch: int) -> None:
    """The search is made with no more bounds than the calls and the returns set."""
    met: Counter[bool] = Counter()
    cheap = 0
    for number in range(BATCH):
        seed = SEED * 1_000_000 + batch * BATCH + number
        random = Random(seed)
        history = spoiled(random, confirming(random, 9))
        wrong = found_without_a_search(history)
        explained = has_an_order(history)
        assert not (wrong and explained), told(history, seed)
        assert explained == right_by_states(history), told(history, seed)
        assert explained == check(history).ok, told(history, seed)
        met[explained] += 1
        cheap += wrong
    assert min(met[True], met[False]) > BATCH // 10, met
    assert cheap > BATCH // 10


def found_without_a_search(history: Sequence[Operation]) -> bool:
    operations = telling(history)
    return bool(certain_anomalies(Evidence(operations))) or any(
        Bounds(Evidence(part)).anomalies() for part in groups(operations)
    )


def has_an_order(history: Sequence[Operation]) -> bool:
    found = {searched(part) for part in groups(telling(history))}
    assert Found.NOTHING not in found
    return Found.NO_ORDER not in found


def searched(part: Sequence[Operation]) -> Found:
    evidence = Evidence(part)
    bounds = Bounds(evidence)
    bounds.earliest = [one.invoked for one in part]
    bounds.latest = [one.end for one in part]
    bounds.must = [one.returned is not None for one in part]
    bounds.after = [{} for _ in part]
    return Search(evidence, bounds).run(STATES)
