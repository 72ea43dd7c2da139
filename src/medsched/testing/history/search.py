"""The search for an order of operations in which a correct calendar gives just these answers.

Depth first, one operation after another, as Wing and Gong do (1993, "Testing and verifying
concurrent objects"); what was found to lead nowhere, as a set of operations and a state, is
not tried again (Lowe 2017, "Testing for linearizability"). Three things keep it small:

- What changes nothing is taken at once: if any order is right, one that has it next is.
- Where an operation has become hopeless, the search turns back.
- Only those are tried next which share something, by way of others, with the operation that
  must come soonest (a stubborn set: Valmari 1991). The rest can change places with them.
"""

from __future__ import annotations

from hashlib import blake2b
from marshal import dumps
from random import Random
from typing import Final

import attrs

from medsched.domain.fields import Choice
from medsched.testing.history.bounds import Bounds
from medsched.testing.history.calendar import Calendar, Part
from medsched.testing.history.evidence import Evidence, Form
from medsched.testing.history.operations import NEVER, Operation
from medsched.testing.history.steps import EMPTY, State

_FAR: Final = 500


class Found(Choice):
    """What came of a search."""

    ORDER = "order"
    NO_ORDER = "no order"
    NOTHING = "nothing"


@attrs.frozen
class Stuck:
    """Where the longest order that fits ends: how many operations it has, and what is left.

    ``live`` is what was in the calendar there, ``next`` the operations of which one had to
    come next.
    """

    placed: int
    of: int
    live: tuple[Form, ...]
    next: tuple[Operation, ...]


class _Node:
    """A state on the way.

    ``tries``: what is still to be tried, the last first, and the state after it. ``why``: what
    is touched by that for which it failed so far. ``since``, ``place``: how many operations
    were done before it was entered, and before it is left. ``head``: the first not done.
    """

    __slots__ = ("head", "key", "last", "place", "since", "tries", "why")

    def __init__(self, since: int) -> None:
        self.since = since
        self.head = self.place = self.last = self.why = 0
        self.key = b""
        self.tries: list[tuple[int, State]] = []


class Search:
    """A search through one group of operations, whose bounds have been drawn."""

    def __init__(self, evidence: Evidence, bounds: Bounds) -> None:
        size = len(evidence.operations)
        self._operations = evidence.operations
        self._calendar = Calendar(evidence)
        self._parts = [self._calendar.part(at) for at in range(size)]
        self._earliest, self._latest, self._must = bounds.earliest, bounds.latest, bounds.must
        self._after = [tuple(firsts) for firsts in bounds.after]
        by_moment = sorted(range(size), key=lambda at: bounds.earliest[at])
        self._needed = [at for at in by_moment if bounds.must[at]]
        self._free = [at for at in by_moment if not bounds.must[at]]
        random = Random(size)
        self._tags = [random.getrandbits(128) for _ in range(size)]
        self._tag = 0  # of all that is done: those of its operations, by exclusive or
        self._done = bytearray(size)
        self._taken: list[int] = []
        self._left = len(self._needed)
        self._head = 0
        self._failed: dict[bytes, int] = {}
        self._furthest: tuple[int, State, list[int]] = (len(self._needed) + 1, EMPTY, [])
        self.states = 0

    def run(self, most: int) -> Found:
        """Search, visiting ``most`` states at most; `Found.NOTHING` if that is too few."""
        path: list[_Node] = []
        state = EMPTY
        while True:
            if self.states >= most:
                return Found.NOTHING
            self.states += 1
            path.append(self._enter(state))
            if not self._left:
                return Found.ORDER
            while not path[-1].tries:
                why = self._give_up(path.pop())
                if not path:
                    return Found.NO_ORDER
                node = path[-1]
                self._back_to(node)
                if self._parts[node.last].touches & why:
                    node.why |= why
                else:  # whatever is done instead of it, the same will fail
                    node.why = why
                    node.tries.clear()
            node = path[-1]
            node.last, state = node.tries.pop()
            self._take(node.last)

    def stuck(self) -> Stuck:
        """Where the search got furthest."""
        left, state, ready = self._furthest
        return Stuck(
            len(self._needed) - left,
            len(self._needed),
            tuple(self._calendar.live(state)),
            tuple(self._operations[at] for at in ready),
        )

    def _give_up(self, node: _Node) -> int:
        """Remember that a state leads nowhere; what is touched by the reason."""
        grows = True
        while grows:  # what changed nothing might change something if others did not
            grows = False
            for at in self._taken[node.since : node.place]:
                part = self._parts[at]
                if not part.observes and part.touches & node.why and part.touches & ~node.why:
                    node.why |= part.touches
                    grows = True
        self._failed[node.key] = node.why
        return node.why

    def _take(self, at: int) -> None:
        self._done[at] = 1
        self._tag ^= self._tags[at]
        self._left -= self._must[at]
        self._taken.append(at)

    def _back_to(self, node: _Node) -> None:
        while len(self._taken) > node.place:
            at = self._taken.pop()
            self._done[at] = 0
            self._tag ^= self._tags[at]
            self._left += self._must[at]
        self._head = node.head

    # ------------------------------------------------------------------- a state

    def _enter(self, state: State) -> _Node:
        """Take what changes nothing, and find out what could come then."""
        parts = self._parts
        node = _Node(len(self._taken))
        while True:
            ready = self._ready()
            after: dict[int, State] = {}
            count = len(self._taken)
            for at in ready:
                then = parts[at].rule.step(state)
                if then is state and parts[at].settled:
                    self._take(at)
                elif then is not None:
                    after[at] = then
            if len(self._taken) == count:
                break
        node.head, node.place = self._head, len(self._taken)
        node.key = blake2b(dumps((self._tag, *state)), digest_size=16).digest()
        if not ready:
            return node
        if self._left < self._furthest[0]:
            self._furthest = self._left, state, ready
        known = self._failed.get(node.key)
        if known is not None:
            node.why = known
            return node
        hopeless = self._hopeless(state, [at for at in ready if at not in after])
        if hopeless is not None:
            node.why = parts[hopeless].touches
            return node
        self._choose(node, state, ready, after)
        return node

    def _ready(self) -> list[int]:
        """What is needed and comes after nothing needed that is left, the soonest call first."""
        done, needed = self._done, self._needed
        while self._head < len(needed) and done[needed[self._head]]:
            self._head += 1
        ready: list[int] = []
        deadline = NEVER
        for place in range(self._head, len(needed)):
            at = needed[place]
            if done[at]:
                continue
            if self._earliest[at] > deadline:
                break
            ready.append(at)
            deadline = min(deadline, self._latest[at])
        return ready

    def _hopeless(self, state: State, stuck: list[int]) -> int | None:
        """One of these whose needs can no more be met in time."""
        parts, earliest, latest = self._parts, self._earliest, self._latest
        coming = going = 0
        needed, free = self._head, 0
        for at in sorted(stuck, key=latest.__getitem__):
            while needed < len(self._needed) and earliest[self._needed[needed]] <= latest[at]:
                other = self._needed[needed]
                needed += 1
                if not self._done[other]:
                    coming |= parts[other].sets
                    going |= parts[other].ends
                if needed - self._head > _FAR:
                    return None
            while free < len(self._free) and earliest[self._free[free]] <= latest[at]:
                other = self._free[free]
                free += 1
                if not self._done[other]:
                    coming |= parts[other].sets
                    going |= parts[other].ends
            for sets, clears in parts[at].rule.lacks(state):
                if not (coming & sets or going & clears):
                    return at
        return None

    def _choose(self, node: _Node, state: State, ready: list[int], after: dict[int, State]) -> None:
        """Find out what to try next: a stubborn set that what must come soonest belongs to."""
        parts, latest, done = self._parts, self._latest, self._done
        soonest = min(ready, key=latest.__getitem__)
        window = list(ready)
        for at in self._free:
            if self._earliest[at] > latest[soonest]:
                break
            if not done[at]:
                window.append(at)
                then = parts[at].rule.step(state)
                if then is not None and then is not state:
                    after[at] = then
        rest = set(window)
        rest.remove(soonest)
        chosen = [soonest]
        for at in chosen:  # which grows on the way
            part = parts[at]
            node.why |= part.touches
            waits = [first for first in self._after[at] if not done[first]]
            if waits:
                more = [waits[0]] if waits[0] in rest else []
            elif at in after:
                more = [
                    other
                    for other in rest
                    if parts[other].touches & part.touches and at not in self._after[other]
                ]
                node.tries.append((at, after[at]))
            else:
                more = self._meeting(part, state, rest)
            chosen += more
            rest.difference_update(more)
        node.tries.sort(key=lambda one: not self._must[one[0]])
        node.tries.reverse()

    def _meeting(self, part: Part, state: State, rest: set[int]) -> list[int]:
        """Of these, enough that one has to come before something that cannot come now."""
        parts, rule = self._parts, part.rule
        needs = rule.lacks(state)
        if rule.step(state) is not None:  # it would change nothing, and need not come then
            if part.settled:
                return []
            needs = []
        if not needs:
            return [
                at
                for at in rest
                if parts[at].touches & part.touches and not (part.observes and parts[at].observes)
            ]
        meeting = (
            [at for at in rest if parts[at].sets & sets or parts[at].ends & clears]
            for sets, clears in needs
        )
        return min(meeting, key=len)
