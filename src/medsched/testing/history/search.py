"""The search for an order of operations in which a correct calendar gives just these answers.

Depth first, one operation after another, as Wing and Gong do ("Testing and verifying
concurrent objects", 1993); what was found to lead nowhere, as a set of operations and a state,
is not tried again (Lowe, "Testing for linearizability", 2017). What keeps it small:

- What changes nothing is taken at once: if any order is right, one that has it next is.
- Where an operation needs what can no more come in time, the search turns back.
- Next are tried only a stubborn set (Valmari, 1991) of what must come soonest: with what can
  come now, all that it could not change places with; with what cannot, all that it waits for.
- What an operation that led nowhere had no part in would fail without it too: where nothing
  that it touches is among the reasons, the alternatives to it are passed over.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from marshal import dumps
from random import Random
from typing import Final

import attrs

from medsched.domain.fields import Choice
from medsched.testing.history.bounds import Bounds
from medsched.testing.history.calendar import Calendar, Part
from medsched.testing.history.evidence import Evidence, Form, ids_in
from medsched.testing.history.operations import NEVER, Operation
from medsched.testing.history.steps import EMPTY, State

_FAR: Final = 500
_NEAR: Final = 8192


class Found(Choice):
    """What came of a search."""

    ORDER = "order"
    NO_ORDER = "no order"
    NOTHING = "nothing"


@attrs.frozen
class Stuck:
    """Where the longest order that fits ends: how many operations it has, of how many.

    ``next`` is the operation that had to come soonest there, or could not come any more,
    ``wants`` what it waited for, ``live`` what was in the calendar on its minutes, and
    ``others`` the operations on what it waited for.
    """

    placed: int
    of: int
    next: Operation
    wants: str
    live: tuple[Form, ...]
    others: tuple[Operation, ...]


class _Node:
    """A state on the way.

    ``tries``: what is still to be tried, the last first, and the state after it. ``why``: what
    is touched by the reasons for which it failed so far. ``since``, ``place``: how many
    operations were done before it was entered, and before it is left, the ``last`` time by this
    one. ``head``: the first that is not done.
    """

    __slots__ = ("head", "key", "last", "place", "since", "tries", "why")

    def __init__(self, since: int) -> None:
        self.since = since
        self.head = self.last = self.place = self.why = 0
        self.key = b""
        self.tries: list[tuple[int, State]] = []


class Search:
    """A search through one group of operations, whose bounds have been drawn."""

    def __init__(self, evidence: Evidence, bounds: Bounds) -> None:
        size = len(evidence.operations)
        self._operations = evidence.operations
        self._calendar = Calendar(evidence)
        # Masks grow with the history: of a long one, keep those of what is near.
        self._part = lru_cache(_NEAR)(self._calendar.part)
        self._earliest, self._latest, self._must = bounds.earliest, bounds.latest, bounds.must
        self._after = [tuple(firsts) for firsts in bounds.after]
        by_moment = sorted(range(size), key=bounds.earliest.__getitem__)
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
        self._furthest = self._left + 1, EMPTY, 0
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
                if self._part(node.last).touches & why:
                    node.why |= why
                else:
                    node.why = why
                    node.tries.clear()
            node = path[-1]
            node.last, state = node.tries.pop()
            self._take(node.last)

    def stuck(self) -> Stuck:
        """Where the search got furthest."""
        left, state, at = self._furthest
        wants, ids = self._calendar.wants(at, state)
        return Stuck(
            len(self._needed) - left,
            len(self._needed),
            self._operations[at],
            wants,
            tuple(self._calendar.live(at, state)),
            tuple(
                other
                for number, other in enumerate(self._operations)
                if number != at and not other.failed and ids.intersection(ids_in(other.request))
            ),
        )

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

    def _give_up(self, node: _Node) -> int:
        """Remember that a state leads nowhere; what is touched by the reasons."""
        grows = True
        while grows:  # what changed nothing here might have, had something else not been done
            grows = False
            for at in self._taken[node.since : node.place]:
                part = self._part(at)
                if not part.observes and part.touches & node.why and part.touches & ~node.why:
                    node.why |= part.touches
                    grows = True
        self._failed[node.key] = node.why
        return node.why

    # ------------------------------------------------------------------- a state

    def _enter(self, state: State) -> _Node:
        """Take what changes nothing, and find out what could come then."""
        node = _Node(len(self._taken))
        while True:
            ready = self._ready()
            after: dict[int, State] = {}
            count = len(self._taken)
            for at in ready:
                part = self._part(at)
                then = part.rule.step(state)
                if then is state and part.settled:
                    self._take(at)
                elif then is not None:
                    after[at] = then
            if len(self._taken) == count:
                break
        node.head, node.place = self._head, count
        if not ready:
            return node
        node.key = blake2b(dumps((self._tag, *state)), digest_size=16).digest()
        known = self._failed.get(node.key)
        if known is not None:
            node.why = known
            return node
        soonest = min(ready, key=self._latest.__getitem__)
        hopeless = self._hopeless(state, [at for at in ready if at not in after])
        if self._left < self._furthest[0]:
            self._furthest = self._left, state, soonest if hopeless is None else hopeless
        if hopeless is None:
            self._choose(node, state, soonest, ready, after)
        else:
            node.why = self._part(hopeless).touches
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

    def _hopeless(self, state: State, waiting: list[int]) -> int | None:
        """One of these whose needs can no more be met in time."""
        latest = self._latest
        coming = going = 0
        queues = [(self._needed, self._head), (self._free, 0)]
        for at in sorted(waiting, key=latest.__getitem__):
            for number, (queue, place) in enumerate(queues):
                start = place
                while place < len(queue) and self._earliest[queue[place]] <= latest[at]:
                    if not self._done[queue[place]]:
                        part = self._part(queue[place])
                        coming |= part.sets
                        going |= part.ends
                    place += 1
                    if place - start > _FAR and queue is self._needed:
                        return None  # it would take long to find out
                queues[number] = queue, place
            for forms, things in self._part(at).rule.lacks(state):
                if not (coming & forms or going & things):
                    return at
        return None

    def _choose(
        self, node: _Node, state: State, soonest: int, ready: list[int], after: dict[int, State]
    ) -> None:
        """Find out what to try next: a stubborn set of what must come soonest."""
        done, tries = self._done, node.tries
        rest = set(ready)
        for at in self._free:
            if self._earliest[at] > self._latest[soonest]:
                break
            if not done[at]:
                rest.add(at)
        rest.remove(soonest)
        chosen = [soonest]
        for at in chosen:  # which grows on the way
            part = self._part(at)
            node.why |= part.touches
            then = after.get(at) if self._must[at] else part.rule.step(state)
            more: list[int] = []
            waits = [first for first in self._after[at] if not done[first]]
            if waits:
                more = [waits[0]] if waits[0] in rest else []
            elif then is None:
                more = self._awaited(part, part.rule.lacks(state), rest)
            elif then is not state or self._must[at]:
                tries.append((at, then))
                more = [one for one in self._touched(part, rest) if at not in self._after[one]]
            elif not part.settled:  # it would change nothing now, and need not come then
                more = self._touched(part, rest)
            chosen += more
            rest.difference_update(more)
        tries.sort(key=lambda one: not self._must[one[0]])
        tries.reverse()

    def _touched(self, part: Part, rest: set[int]) -> list[int]:
        """Those of which the places cannot be changed with an operation."""
        found: list[int] = []
        for at in rest:
            other = self._part(at)
            if other.touches & part.touches and not (other.observes and part.observes):
                found.append(at)
        return found

    def _awaited(self, part: Part, needs: list[tuple[int, int]], rest: set[int]) -> list[int]:
        """Those of which one has to come before an operation that cannot come now."""
        if not needs:
            return self._touched(part, rest)
        others = [(at, self._part(at)) for at in rest]
        return min(
            (
                [at for at, other in others if other.sets & forms or other.ends & things]
                for forms, things in needs
            ),
            key=len,
        )
