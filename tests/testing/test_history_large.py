"""The history checker on what many processes do to one day: right in the end, and soon."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from random import Random
from time import process_time

import attrs
import pytest

from medsched.testing.history import (
    AnomalyKind,
    Book,
    Cancel,
    Close,
    Confirm,
    Failed,
    Hold,
    Judgement,
    Listed,
    Move,
    Ok,
    Operation,
    Read,
    Release,
    Span,
    Unknown,
    check,
)
from medsched.testing.history.operations import NEVER, Outcome, Request

SEED = int(os.environ.get("MEDSCHED_SEED", "2026"))
DAY = 1440
Spans = frozenset[Span]


class Ledger:
    """A correct calendar that is fast enough for many operations."""

    def __init__(self) -> None:
        self.live: dict[str, tuple[Spans, int | None]] = {}
        self.ever: set[str] = set()
        self.taken: dict[tuple[str, int], str] = {}
        self.closed: set[tuple[str, int]] = set()
        self.keys: dict[str, str] = {}
        self.confirmed: set[tuple[str, str]] = set()
        self.confirmations: dict[str, str] = {}

    def minutes(self, spans: Spans) -> list[tuple[str, int]]:
        return [(span.resource, at) for span in spans for at in range(span.low, span.high)]

    def there(self, spans: Spans, now: int) -> set[str]:
        """The ids on some minutes; what has expired there goes."""
        found = {self.taken[minute] for minute in self.minutes(spans) if minute in self.taken}
        for id in found:
            expires = self.live[id][1]
            if expires is not None and expires <= now:
                self.drop(id)
        return found & self.live.keys()

    def put(self, id: str, spans: Spans, expires: int | None = None) -> Ok:
        self.drop(id)
        self.live[id] = spans, expires
        self.ever.add(id)
        self.taken.update(dict.fromkeys(self.minutes(spans), id))
        return Ok()

    def drop(self, id: str) -> None:
        spans, _ = self.live.pop(id, (frozenset[Span](), None))
        for minute in self.minutes(spans):
            del self.taken[minute]

    def refusal(self, id: str, spans: Spans, now: int) -> Failed | None:
        if self.there(spans, now) - {id}:
            return Failed("taken")
        return Failed("closed") if self.closed.intersection(self.minutes(spans)) else None

    def confirms(self, request: Confirm) -> Ok:
        self.confirmed.add((request.hold, request.id))
        if request.key is not None:
            self.confirmations[request.key] = request.id
        return Ok()

    def answer(self, request: Request, now: int) -> Outcome:
        match request:
            case Book(id, spans):
                if request.key in self.keys:
                    return Ok(self.keys[request.key])
                if (refused := self.refusal(id, spans, now)) is not None:
                    return refused
                if request.key is not None:
                    self.keys[request.key] = id
                return self.put(id, spans)
            case Hold(id, spans):
                return self.refusal(id, spans, now) or self.put(id, spans, request.expires)
            case Move(id, spans):
                if id not in self.live:
                    return Failed("missing")
                if self.live[id][0] == spans:
                    return Ok()
                return self.refusal(id, spans, now) or self.put(id, spans)
            case Confirm(hold, id):
                if request.key in self.confirmations:
                    return Ok(self.confirmations[request.key])
                if (hold, id) in self.confirmed:
                    return self.confirms(request)
                spans, expires = self.live.get(hold, (frozenset(), None))
                if expires is None or expires <= now:
                    return Failed("missing")
                if self.closed.intersection(self.minutes(spans)):
                    return Failed("closed")
                self.drop(hold)
                self.put(id, spans)
                return self.confirms(request)
            case Cancel(id) | Release(id):
                if id not in self.ever:
                    return Failed("missing")
                if (self.live.get(id, (None, None))[1] is None) == isinstance(request, Cancel):
                    self.drop(id)
                return Ok()
            case Close():
                spans = frozenset([request.span])
                self.closed.update(self.minutes(spans))
                there = self.there(spans, now)
                return Listed(sorted(id for id in there if self.live[id][1] is None))
            case Read():
                return Listed(sorted(self.there(frozenset([request.span]), now)))
        raise AssertionError(request)


@attrs.frozen(kw_only=True)
class Mix:
    """What clients ask for: shares of all requests, and of lost answers."""

    processes: int = 32
    resources: Sequence[str] = ("dr",)
    unknown: float = 0.03
    grid: int = 15
    reads: float = 0.25
    cancels: float = 0.2
    moves: float = 0.05
    holds: float = 0.0
    again: float = 0.0


class Clients:
    """Clients who remember what they booked and held, and what they had no answer to."""

    def __init__(self, random: Random, mix: Mix) -> None:
        self.random, self.mix = random, mix
        self.made: list[str] = []
        self.held: list[str] = []
        self.lost: list[Book] = []
        self.confirmed: list[Confirm] = []

    def ask(self, number: int, now: int) -> Request:
        random, mix = self.random, self.mix
        where, low = random.choice(mix.resources), random.randrange(0, DAY - 60, mix.grid)
        spans = [Span(where, low, low + random.choice((1, 2, 3)) * mix.grid)]
        if random.random() < 0.2:
            spans.append(Span(random.choice(mix.resources) + "'s room", low, low + mix.grid))
        if self.confirmed and mix.again and random.random() < mix.again:
            return self.again(number)
        roll = random.random()
        if (roll := roll - mix.reads) < 0:
            wide = random.random() < 0.5
            return Read(where, 0, DAY) if wide else Read(where, low, low + 120)
        if (roll := roll - mix.cancels) < 0 and self.made:
            return Cancel(random.choice(self.made[-100:]))
        if (roll := roll - mix.moves) < 0 and self.made:
            return Move(random.choice(self.made[-100:]), spans)
        if (roll := roll - mix.holds) < 0:
            if self.held and random.random() < 0.5:
                hold = self.held.pop(random.randrange(len(self.held)))
                if random.random() < 0.2:
                    return Release(hold)
                return Confirm(hold, hold if random.random() < 0.5 else f"b{number}")
            return Hold(f"h{number}", spans, expires=now + random.randrange(2000))
        if random.random() < 0.002:
            return Close(where, low, low + mix.grid)
        if self.lost and random.random() < 0.3:
            return self.lost.pop(random.randrange(len(self.lost)))
        return Book(f"b{number}", spans, key=f"k{number}" if random.random() < 0.7 else None)

    def again(self, number: int) -> Confirm:
        """What was asked before, at times with another key or as another booking."""
        first = self.random.choice(self.confirmed[-8:])
        roll = self.random.random()
        if roll < 0.3:
            return attrs.evolve(first, key=None if roll < 0.15 else f"k{number}")
        return attrs.evolve(first, id=f"b{number}") if roll < 0.4 and first.key else first

    def told(self, request: Request, outcome: Outcome) -> None:
        if isinstance(request, Confirm):
            self.confirmed.append(request)
        match request, outcome:
            case ((Book(id) | Confirm(_, id)), Ok(answered)):
                self.made.append(answered or id)
            case Hold(id), Ok():
                self.held.append(id)
            case Book(), Unknown() if request.key is not None:
                self.lost.append(request)


def busy(random: Random, size: int, mix: Mix) -> list[Operation]:
    """What so many clients at once ask of a calendar, and what a correct one answers."""
    timed: list[tuple[int, int, int, str]] = []
    for number in range(mix.processes):
        returned = random.randrange(100)
        for _ in range(size // mix.processes):
            invoked = returned + random.randrange(20)
            point = invoked + random.randrange(1, 200)
            returned = point + random.randrange(1, 200)
            timed.append((point, invoked, returned, f"client-{number}"))
    ledger, clients = Ledger(), Clients(random, mix)
    history: list[Operation] = []
    for number, (point, invoked, returned, process) in enumerate(sorted(timed)):
        request = clients.ask(number, point)
        operation = Operation(
            request=request, process=process, invoked=invoked, now=invoked, until=NEVER
        )
        if random.random() < mix.unknown:
            if random.random() < 0.5:
                ledger.answer(request, point)
        else:
            operation = attrs.evolve(
                operation,
                returned=returned,
                until=returned,
                outcome=ledger.answer(request, point),
            )
        clients.told(request, operation.outcome)
        history.append(operation)
    return history


MIXES = {
    "plain": Mix(),
    "few": Mix(processes=4),
    "many answers lost": Mix(unknown=0.15),
    "no reads": Mix(reads=0, unknown=0.1),
    "many reads": Mix(reads=0.5),
    "any minute": Mix(grid=1),
    "whole hours": Mix(grid=60, processes=16),
    "holds": Mix(holds=0.35, cancels=0.1),
    "holds that come to nothing": Mix(holds=0.6, cancels=0, reads=0.1, unknown=0.1),
    "holds confirmed again": Mix(holds=0.4, again=0.3, unknown=0.1),
    "several resources": Mix(resources=("smith", "jones", "chen"), holds=0.2),
}


def some(mix: str, size: int, number: int) -> list[Operation]:
    return busy(Random(f"{SEED} {mix} {number}"), size, MIXES[mix])


@pytest.mark.parametrize("mix", MIXES)
def test_what_a_correct_calendar_answers_to_many_is_correct(mix: str) -> None:
    history = some(mix, 1000, 0)
    verdict = check(history)
    assert verdict, f"seed {SEED}\n{verdict.explain()}"
    assert Counter(one.ok for one in history)[True] > 100


def test_two_thousand_operations_of_32_processes_on_one_day_take_a_moment() -> None:
    history = some("plain", 2000, 0)
    begun = process_time()
    verdict = check(history)
    assert verdict, verdict.explain()
    assert verdict.groups == 1
    assert verdict.states < 2000
    assert process_time() - begun < 5  # some 0.2 seconds, on a machine with nothing else to do


def test_one_wrong_answer_among_many_is_found_without_a_search() -> None:
    history = some("several resources", 10_000, 0)
    booked = next(one for one in history if isinstance(one.request, Book) and one.ok)
    again = attrs.evolve(booked, invoked=10**9, returned=10**9 + 1, now=10**9, until=10**9)
    assert isinstance(booked.request, Book)
    missing = attrs.evolve(again, request=Cancel(booked.request.id), outcome=Failed("missing"))
    (anomaly,) = check([*history, missing]).anomalies
    assert anomaly.kind is AnomalyKind.NEEDLESS_REFUSAL
    assert anomaly.operations == (missing,)


@pytest.mark.parametrize("mix", MIXES)
def test_a_booking_that_the_last_read_does_not_show_is_missed(mix: str) -> None:
    history = busy(Random(f"{SEED} {mix}"), 600, attrs.evolve(MIXES[mix], unknown=0))
    ended = {one.request.id for one in history if isinstance(one.request, (Cancel, Move))}
    kept = [
        one.request
        for one in history
        if isinstance(one.request, Book) and one.outcome == Ok() and one.request.id not in ended
    ]
    span = min(kept[-1].spans)
    end = Operation(
        request=Read(*span), invoked=10**9, returned=10**9, now=10**9, outcome=Listed([kept[-1].id])
    )
    assert check([*history, end])
    assert not check([*history, attrs.evolve(end, outcome=Listed([]))])


@pytest.mark.parametrize("mix", MIXES)
def test_what_is_wrong_somewhere_is_decided_too(mix: str) -> None:
    judged: Counter[Judgement] = Counter()
    for number in range(4):
        random = Random(f"{SEED} {mix} {number}")
        history = spoiled(random, busy(random, 300, MIXES[mix]))
        judged[check(history, max_states=200_000).judgement] += 1
    assert judged[Judgement.UNDECIDED] == 0
    assert judged[Judgement.WRONG] > 0


def spoiled(random: Random, history: list[Operation]) -> list[Operation]:
    """The history with one answer changed into another that was given about the same time."""
    changed = list(history)
    at = random.randrange(50, len(changed))
    one = changed[at]
    match one.outcome:
        case Listed(ids):
            near = [other.request for other in history[at - 40 : at] if other.ok]
            id = random.choice([other.id for other in near if isinstance(other, Book)] or ["x"])
            changed[at] = attrs.evolve(one, outcome=Listed(sorted({id} ^ set(ids))))
        case Failed():
            changed[at] = attrs.evolve(one, outcome=Ok())
        case Ok() if isinstance(one.request, (Book, Hold, Move)):
            changed[at] = attrs.evolve(one, outcome=Failed("taken"))
        case _:
            return spoiled(random, history)
    return changed
