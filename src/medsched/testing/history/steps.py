"""What a correct calendar does, one kind of answer after another, on bits.

A state is two integers. ``standing`` has a bit for each form of a booking or hold, and each
closure, that stands in the calendar; ``past`` has a bit for each thing that was ever made
and for each operation whose key was used first by it, and never loses one.

A step leads from the state before an operation to the one after it: the very same if it
changes nothing, None if a correct calendar would have answered otherwise. What an operation
lacks in a state from which it cannot step is a list of needs, each a pair of masks: it cannot
step before some operation has made a form of the first stand, or ended a thing of the second
for good. A pair of zeros cannot be met, and where the list is empty no need is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

State: TypeAlias = tuple[int, int]
Step: TypeAlias = Callable[[State], State | None]
Need: TypeAlias = tuple[int, int]
Lacks: TypeAlias = Callable[[State], list[Need]]

EMPTY: Final[State] = (0, 0)
_NEVER: Final[list[Need]] = [(0, 0)]


class Rule(NamedTuple):
    """What an operation does, and what it needs before it can."""

    step: Step
    lacks: Lacks


Exits: TypeAlias = Mapping[int, Need]
"""For each form by its bit: all forms of the same thing, and the bit of the thing."""


def _out_of(mask: int, standing: int, exits: Exits, instead: int = 0) -> list[Need]:
    """The needs that what stands in a mask leave it, or else that ``instead`` stand."""
    needs: list[Need] = []
    bits = standing & mask
    while bits:
        bit = bits & -bits
        forms, thing = exits.get(bit, (0, 0))  # a closure never leaves
        needs.append((forms & ~mask | instead, thing))
        bits ^= bit
    return needs


def impossible() -> Rule:
    """An answer that no calendar gives."""
    return Rule(lambda state: None, lambda state: _NEVER)


def claim(bit: int, *, made: int, used: int, key: int, foes: int, block: int, exits: Exits) -> Rule:
    """A booking or hold made: ``bit`` where nothing of ``block`` stands, nor ``used`` is past.

    ``foes`` are the forms that overlap it; those that do not block have expired, and go.
    """

    def step(state: State) -> State | None:
        standing, past = state
        if standing & block or past & used:
            return None
        return standing & ~foes | bit, past | made | key

    def lacks(state: State) -> list[Need]:
        return _NEVER if state[1] & used else _out_of(block, state[0], exits)

    return Rule(step, lacks)


def shift(
    into: Mapping[int, Need], *, own: int, key: int, foes: int, block: int, exits: Exits
) -> Rule:
    """A booking moved: from each form of ``own`` ``into`` another, unless its closures stand."""

    def step(state: State) -> State | None:
        standing, past = state
        here = standing & own
        if not here:
            return None
        bit, closures = into[here]
        if bit == here:
            return (standing, past | key) if key else state
        if standing & (block | closures):
            return None
        return standing & ~own & ~foes | bit, past | key

    def lacks(state: State) -> list[Need]:
        standing = state[0]
        here = standing & own
        if not here:
            return [(own, 0)]
        bit, closures = into[here]
        return _out_of(block | closures, standing, exits, bit)

    return Rule(step, lacks)


def confirm(
    into: Mapping[int, Need], *, live: int, made: int, used: int, again: int, key: int
) -> Rule:
    """A hold of ``live`` made a booking; ``again`` tells that this has been done already."""

    def step(state: State) -> State | None:
        standing, past = state
        here = standing & live
        if not here:
            if not past & again:
                return None
            return (standing, past | key) if key else state
        bit, closures = into[here]
        if past & used or standing & closures:
            return None
        return standing ^ here | bit, past | made | again | key

    made_of_it = live
    for bit, _ in into.values():
        made_of_it |= bit

    def lacks(state: State) -> list[Need]:
        return _NEVER if state[0] & live else [(made_of_it, 0)]

    return Rule(step, lacks)


def end(own: int, *, made: int, key: int) -> Rule:
    """A booking or hold ended, if it was not before; it must have been made."""

    def step(state: State) -> State | None:
        standing, past = state
        if not past & made:
            return None
        if not (standing & own or key):
            return state
        return standing & ~own, past | key

    return Rule(step, lambda state: [(own, 0)])


# --------------------------------------------------------------------- answers


def listing(sights: Sequence[int], shown: Sequence[int], exits: Exits, *, bit: int = 0) -> Rule:
    """An answer that shows exactly one form of each of ``shown``, out of one of ``sights``.

    ``sights`` are what there is to show at each instant that it may have been made at, those
    at which less has expired first. ``bit`` is the closure that stands from then on.
    """
    wanted, count = 0, len(shown)
    for forms in shown:
        wanted |= forms
    most, hidden = sights[0], sights[-1] & ~wanted

    def step(state: State) -> State | None:
        standing, past = state
        for sight in sights:
            seen = standing & sight
            if seen.bit_count() == count and not seen & ~wanted:
                return state if standing & bit == bit else (standing | bit, past)
        return None

    def lacks(state: State) -> list[Need]:
        standing = state[0]
        needs = _out_of(hidden, standing, exits)
        seen = standing & most
        if (seen & wanted).bit_count() < count:
            needs += [(forms & most, 0) for forms in shown if not seen & forms]
        return needs

    return Rule(step, lacks)


def closing(bit: int) -> Rule:
    """A closure of which nobody knows what it found."""

    def step(state: State) -> State | None:
        standing, past = state
        return state if standing & bit else (standing | bit, past)

    return Rule(step, lambda state: [])


# -------------------------------------------------------------------- refusals


def some_stand(mask: int) -> Rule:
    """A refusal because some of these stand."""
    return Rule(lambda state: state if state[0] & mask else None, lambda state: [(mask, 0)])


def none_stands(mask: int, exits: Exits) -> Rule:
    """A refusal because none of these stands."""
    return Rule(
        lambda state: None if state[0] & mask else state,
        lambda state: _out_of(mask, state[0], exits),
    )


def some_past(marks: int, forms: int) -> Rule:
    """A refusal because some of these were made, of which these are the forms."""
    return Rule(lambda state: state if state[1] & marks else None, lambda state: [(forms, 0)])


def none_past(marks: int) -> Rule:
    """A refusal because none of these was ever made."""
    return Rule(lambda state: None if state[1] & marks else state, lambda state: _NEVER)


def keyed(rule: Rule, *, used: int, agreeing: int, use: int) -> Rule:
    """What an answer means where its key may have been used already: by whom it agrees with.

    ``use`` stands for the use of the key in what others set.
    """
    otherwise, needs = rule

    def step(state: State) -> State | None:
        past = state[1] & used
        if past:
            return state if past & agreeing else None
        return otherwise(state)

    def lacks(state: State) -> list[Need]:
        if state[1] & used:
            return _NEVER
        return [(forms | use, things) for forms, things in needs(state)]

    return Rule(step, lacks)
