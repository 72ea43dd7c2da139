"""The history checker on what many processes do to one day: right in the end, and soon."""

from __future__ import annotations

import os
from collections.abc import Sequence
from random import Random

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
    Span,
    Unknown,
    check,
)
from medsched.testing.history.operations import Request

SEED = int(os.environ.get("MEDSCHED_SEED", "2026"))
DAY = 1440


class Ledger:
    """A correct calendar that is fast enough for many operations; holds are left out."""

    def __init__(self) -> None:
        self.live: dict[str, frozenset[Span]] = {}
        self.ever: set[str] = set()
        self.taken: dict[tuple[str, int], str] = {}
        self.closed: set[tuple[str, int]] = set()
        self.keys: dict[str, str] = {}

    def minutes(self, spans: frozenset[Span]) -> list[tuple[str, int]]:
        return [(span.resource, at) for span in spans for at in range(span.low, span.high)]

    def there(self, span: Span) -> list[str]:
        return sorted(
            {
                self.taken[span.resource, at]
                for at in range(span.low, span.high)
                if (span.resource, at) in self.taken
            }
        )

    def put(self, id: str, spans: frozenset[Span]) -> None:
        self.drop(id)
        self.live[id] = spans
        self.ever.add(id)
        self.taken.update(dict.fromkeys(self.minutes(spans), id))

    def drop(self, id: str) -> None:
        for minute in self.minutes(self.live.pop(id, frozenset())):
            del self.taken[minute]

    def answer(self, request: Request) -> Ok | Listed | Failed:
        match request:
            case Book(id, spans) | Move(id, spans):
                if isinstance(request, Book):
                    if request.key in self.keys:
                        return Ok(self.keys[request.key])
                elif id not in self.live:
                    return Failed("missing")
                minutes = self.minutes(spans)
                if any(self.taken.get(minute, id) != id for minute in minutes):
                    return Failed("taken")
                if any(minute in self.closed for minute in minutes):
                    return Ok() if self.live.get(id) == spans else Failed("closed")
                self.put(id, spans)
                if isinstance(request, Book) and request.key is not None:
                    self.keys[request.key] = id
                return Ok()
            case Cancel(id):
                if id not in self.ever:
                    return Failed("missing")
                self.drop(id)
                return Ok()
            case Close():
                self.closed.update(self.minutes(frozenset([request.span])))
                return Listed(self.there(request.span))
            case Read():
                return Listed(self.there(request.span))
        raise AssertionError(request)


def busy(
    random: Random,
    size: int,
    *,
    processes: int = 32,
    resources: Sequence[str] = ("dr",),
    unknown: float = 0.03,
    grid: int = 15,
    moves: float = 0.05,
    reads: float = 0.25,
) -> list[Operation]:
    """What so many processes at once would ask of a day, and what a correct calendar answers."""
    timed: list[tuple[int, int, int, str]] = []
    for number in range(processes):
        at = random.randrange(100)
        for _ in range(size // processes):
            invoked = at + random.randrange(20)
            point = invoked + random.randrange(1, 200)
            at = point + random.randrange(1, 200)
            timed.append((point, invoked, at, f"client-{number}"))
    ledger, made, lost = Ledger(), list[str](), list[Book]()
    history: list[Operation] = []
    for number, (_, invoked, returned, process) in enumerate(sorted(timed)):
        request = ask(random, number, resources, made, lost, grid=grid, moves=moves, reads=reads)
        operation = Operation(
            request=request, process=process, invoked=invoked, returned=None, outcome=Unknown()
        )
        if random.random() < unknown:
            if random.random() < 0.5:
                ledger.answer(request)
            if isinstance(request, Book):
                lost.append(request)
        else:
            outcome = ledger.answer(request)
            operation = attrs.evolve(operation, returned=returned, outcome=outcome)
            if isinstance(request, Book) and outcome == Ok():
                made.append(request.id)
        history.append(operation)
    return history


def ask(
    random: Random,
    number: int,
    resources: Sequence[str],
    made: list[str],
    lost: list[Book],
    *,
    grid: int,
    moves: float,
    reads: float,
) -> Request:
    where, low = random.choice(resources), random.randrange(0, DAY - 60, grid)
    spans = [Span(where, low, low + random.choice((1, 2, 3)) * grid)]
    if random.random() < 0.2:
        spans.append(Span(random.choice(resources) + "'s room", low, low + grid))
    roll = random.random()
    if roll < reads:
        return Read(where, 0, DAY) if roll < reads / 2 else Read(where, low, low + 120)
    if roll < reads + 0.2 and made:
        return Cancel(random.choice(made[-100:]))
    if roll < reads + 0.2 + moves and made:
        return Move(random.choice(made[-100:]), spans)
    if roll > 0.999:
        return Close(where, low, low + grid)
    if lost and random.random() < 0.3:
        return lost.pop(random.randrange(len(lost)))
    return Book(f"b{number}", spans, key=f"k{number}")
