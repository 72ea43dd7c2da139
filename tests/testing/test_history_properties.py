"""What holds of the history checker whatever the history, drawn and made small by Hypothesis."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import attrs
import pytest

pytest.importorskip("hypothesis")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.testing.test_history_random import correct, right, spoiled

from medsched.testing.history import (
    Book,
    Cancel,
    Close,
    Hold,
    Move,
    Operation,
    Read,
    Unknown,
    check,
)
from medsched.testing.history import load as load_history
from medsched.testing.history import save as save_history
from medsched.testing.history.operations import Request

EXAMPLES = int(os.environ.get("MEDSCHED_EXAMPLES", "60"))
examples = settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
randoms = st.randoms(use_true_random=False)


@st.composite
def histories(draw: st.DrawFn, most: int) -> list[Operation]:
    """What a correct calendar answered, one after the other, widened in time; some of it lost."""
    return correct(
        draw(randoms),
        draw(st.integers(1, most)),
        width=draw(st.sampled_from([0, 5, 15, 40, 100])),
        unknown=draw(st.sampled_from([0, 0.1, 0.5])),
        resources=draw(st.sampled_from(["r", "rs"])),
        keyed=0.3,
    )


def told(history: list[Operation]) -> str:
    return "\n".join([*map(str, history), check(history).explain()])


@examples
@given(histories(14))
def test_what_a_correct_calendar_answered_is_correct(history: list[Operation]) -> None:
    assert check(history), told(history)


@examples
@given(histories(6), randoms)
def test_a_spoiled_history_is_judged_as_by_trying_every_order(
    history: list[Operation], random: Random
) -> None:
    changed = spoiled(random, history)
    assert check(changed).ok == right(changed), told(changed)


@examples
@given(histories(12), st.data())
def test_what_took_longer_is_no_less_correct(history: list[Operation], data: st.DataObject) -> None:
    margin = st.integers(0, 50)
    longer = [
        attrs.evolve(
            one,
            invoked=one.invoked - data.draw(margin),
            returned=one.returned if one.returned is None else one.returned + data.draw(margin),
        )
        for one in history
    ]
    assert check(longer), told(longer)


@examples
@given(histories(12), st.data())
def test_what_is_not_known_is_no_less_correct(
    history: list[Operation], data: st.DataObject
) -> None:
    """A lost answer, a reader who was not there, an answer of which the instant is not known."""
    forgotten: list[Operation] = []
    for one in history:
        how = data.draw(st.sampled_from(["known", "lost", "later", "unread"]))
        if how == "lost" and not one.failed:
            forgotten.append(attrs.evolve(one, outcome=Unknown(), returned=None))
        elif how == "later" and one.until is not None:
            forgotten.append(attrs.evolve(one, until=one.until + data.draw(st.integers(0, 3))))
        elif how != "unread" or not isinstance(one.request, Read):
            forgotten.append(one)
    assert check(forgotten), told(forgotten)


@examples
@given(histories(8), st.integers(-1000, 1000), st.integers(0, 1000), randoms)
def test_neither_the_hour_nor_names_nor_the_order_of_recording_count(
    history: list[Operation], moments: int, minutes: int, random: Random
) -> None:
    changed = spoiled(random, history)
    moved = [
        attrs.evolve(
            one,
            invoked=one.invoked + moments,
            returned=None if one.returned is None else one.returned + moments,
            process=f"client-{random.randrange(3)}",
            request=later(one, minutes),
        )
        for one in changed
    ]
    random.shuffle(moved)
    assert check(moved).ok == check(changed).ok, told(changed)


def later(operation: Operation, minutes: int) -> Request:
    request = operation.request
    if isinstance(request, (Book, Hold, Move)):
        spans = [(one.resource, one.low + minutes, one.high + minutes) for one in request.spans]
        return attrs.evolve(request, spans=spans)
    if isinstance(request, (Close, Read)):
        return attrs.evolve(request, low=request.low + minutes, high=request.high + minutes)
    return request


@examples
@given(histories(8), randoms)
def test_a_history_is_the_same_when_it_has_been_kept(
    history: list[Operation], random: Random
) -> None:
    changed = spoiled(random, history)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "history"
        save_history(changed, file)
        kept = load_history(file)
    assert sorted(kept, key=str) == sorted(changed, key=str)
    assert check(kept) == check(changed)


@examples
@given(histories(8), st.integers(0, 30))
def test_giving_up_early_is_never_taken_for_success(history: list[Operation], most: int) -> None:
    changed = [one for one in history if not isinstance(one.request, Cancel)]
    verdict = check(changed, max_states=most)
    full = check(changed)
    assert verdict.states <= most
    assert full.ok or not verdict.ok
    assert verdict.judgement == full.judgement or verdict.undecided
