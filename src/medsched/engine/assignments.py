"""Ranking providers: who comes first by a rule of assignment, and what that counts.

Turns are given by stride scheduling (Waldspurger and Weihl, 1995), in whole numbers. Each provider
has a pass; a turn raises it by their stride, which is the smaller the more they weigh; the least
pass is next. Whoever lags behind the latest turn of all, because they were not there, is taken to
have caught up with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

import attrs

from medsched.domain.assignments import (
    Assignment,
    Candidate,
    EstablishedFirst,
    LeastLoaded,
    RoundRobin,
    ShortestWait,
    Weighted,
)
from medsched.domain.changes import Tally
from medsched.domain.tallies import tally_name
from medsched.errors import InvalidChoice

WHOLE: Final = 10**9
"""The stride of weight 1: so large that less than a millionth is lost when it is divided."""
Draw = Callable[[str], bytes]
"""Chance: something to sort the providers by where a rule leaves a tie."""


class Turn(NamedTuple):
    """A turn that a booking counts: the tally, what was read of it, and what it becomes.

    ``alone``: nobody else has anything suitable, so that it is theirs whoever else gives them one.
    """

    tally: str
    read: int
    after: int
    alone: bool = False

    def counted(self) -> Tally:
        """As a changeset counts it: only if nobody else did since it was read."""
        return Tally(self.tally, self.after - self.read, before=None if self.alone else self.read)


class Choice(NamedTuple):
    """A provider whom a rule would take, and the turn that this would be, if turns are counted."""

    provider: str
    turn: Turn | None = None


def drawn_by(id: str) -> Draw:
    """Chance that follows from an id, so that the same command draws the same lots."""
    return lambda provider: blake2b(f"{id}\n{provider}".encode(), digest_size=8).digest()


@attrs.frozen
class Asks:
    """What a rule asks about the candidates, besides their first slots."""

    seen: bool = False
    claimed: bool = False
    turns: bool = False


def asks(rule: Assignment) -> Asks:
    """What has to be read for a rule; all of it for one of the host's own."""
    match rule:
        case ShortestWait():
            return Asks()
        case EstablishedFirst():
            return attrs.evolve(asks(rule.then), seen=True)
        case RoundRobin() | Weighted():
            return Asks(turns=True)
        case LeastLoaded():
            return Asks(claimed=True)
        case _:
            return Asks(seen=True, claimed=True, turns=rule.name is not None)


def tally_of(rule: Assignment, provider: str) -> str:
    """The tally that a rule counts the turns of a provider in; empty if it counts none."""
    match rule:
        case EstablishedFirst():
            return tally_of(rule.then, provider)
        case RoundRobin():
            return tally_name("turns", rule.name, provider)
        case Weighted():
            return tally_name("shares", rule.name, provider)
        case ShortestWait() | LeastLoaded():
            return ""
        case _:
            return "" if rule.name is None else tally_name("own turns", rule.name, provider)


def ranked(rule: Assignment, candidates: Sequence[Candidate], draw: Draw) -> list[Choice]:
    """The candidates in the order in which a rule would take them, with the turns it counts."""
    match rule:
        case ShortestWait():
            found = sorted(candidates, key=lambda one: (one.first.start, draw(one.provider)))
            return [Choice(one.provider) for one in found]
        case LeastLoaded():
            found = sorted(
                candidates, key=lambda one: (one.claimed, one.first.start, draw(one.provider))
            )
            return [Choice(one.provider) for one in found]
        case EstablishedFirst():
            seen = [(one.seen_at, one.provider) for one in candidates if one.seen_at is not None]
            others = [one for one in candidates if one.seen_at is None]
            rest = ranked(rule.then, others, draw) if others else []
            return [*(Choice(provider) for _, provider in sorted(seen, reverse=True)), *rest]
        case RoundRobin():
            return _by_turns(rule, candidates, lambda _: 1, draw)
        case Weighted():
            return _by_turns(rule, candidates, lambda id: WHOLE // rule.of(id), draw)
        case _:
            return _by_host(rule, candidates)


def _by_turns(
    rule: Assignment, candidates: Sequence[Candidate], stride: Callable[[str], int], draw: Draw
) -> list[Choice]:
    strides = {one.provider: stride(one.provider) for one in candidates}
    latest = max((one.turns - strides[one.provider] for one in candidates), default=0)
    passes = {one.provider: max(one.turns, latest) for one in candidates}
    read: Mapping[str, int] = {one.provider: one.turns for one in candidates}
    return [
        Choice(id, Turn(tally_of(rule, id), read[id], passes[id] + strides[id], len(passes) == 1))
        for id in sorted(passes, key=lambda id: (passes[id], draw(id)))
    ]


def _by_host(rule: Assignment, candidates: Sequence[Candidate]) -> list[Choice]:
    assert not isinstance(rule, ShortestWait | LeastLoaded | EstablishedFirst)
    if isinstance(rule, RoundRobin | Weighted):
        return []
    turns = {one.provider: one.turns for one in candidates}
    ordered = rule.order(candidates)
    if isinstance(ordered, str) or not isinstance(ordered, Iterable):
        raise _no_order(type(ordered).__name__)
    found: dict[str, Choice] = {}
    for id in ordered:
        if not isinstance(id, str):
            raise _no_order(type(id).__name__)
        if id in turns:
            tally = tally_of(rule, id)
            turn = Turn(tally, turns[id], turns[id] + 1) if tally else None
            found.setdefault(id, Choice(id, turn))
    return list(found.values())


def _no_order(said: str) -> InvalidChoice:
    why = "a rule of assignment returns ids of providers, in order"
    return InvalidChoice("assignment", said, why)
