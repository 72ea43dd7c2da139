"""When a booking or hold was certainly in the calendar, and when it may have been."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Final, Generic, TypeVar

import attrs

from medsched.testing.history.evidence import Evidence, Form
from medsched.testing.history.operations import NEVER, Book, Hold, Move, Operation, Span

_STRIP: Final = 60
T = TypeVar("T")


@attrs.frozen(eq=False)
class Presence:
    """One form of a booking or hold, and the moments of its stay.

    ``makers``: the operations of which one put it there. It was certainly there at every
    moment after ``since`` and before ``till`` (never, if they are not in this order), and can
    have been there from ``first`` to ``last``, both inclusive. ``made``: it was certainly put
    there between ``first`` and ``since``. To those for whom it has expired, a hold is not there.
    """

    form: Form
    makers: tuple[Operation, ...]
    first: int
    last: int
    since: int
    till: int
    made: bool

    @property
    def maker(self) -> Operation:
        """An operation to name."""
        return self.makers[0]


def presences(evidence: Evidence) -> Iterator[Presence]:
    """The presence of everything that may ever have stood in the calendar."""
    sweeps = _Sweeps(evidence)
    for thing, makers in evidence.makers.items():
        together = _one_request(evidence, makers)
        for group in [makers] if together else [[at] for at in makers]:
            for form in evidence.forms(group[0]):
                yield _presence(evidence, sweeps, form, group, certain=together)
        for at in evidence.movers.get(thing, ()):
            for form in evidence.forms(at):
                yield _presence(evidence, sweeps, form, [at], certain=not evidence.twins(at))


def _one_request(evidence: Evidence, makers: list[int]) -> bool:
    """Whether these are one request, perhaps repeated with its key, and nothing else has it."""
    first = evidence.operations[makers[0]].request
    twins = [*evidence.twins(makers[0]), makers[0]]
    return all(evidence.operations[at].request == first for at in {*makers, *twins}) and (
        {at for at in twins if not evidence.operations[at].failed} == set(makers)
    )


class _Sweeps:
    """When a claim was first made that may have swept an expired hold away."""

    def __init__(self, evidence: Evidence) -> None:
        claims = sorted(
            (operation.until, operation.invoked)
            for operation in evidence.operations
            if isinstance(operation.request, (Book, Hold, Move)) and operation.until is not None
        )
        self._instants = [until for until, _ in claims]
        moments = accumulate((invoked for _, invoked in reversed(claims)), min)
        self._moments = [*reversed(list(moments)), NEVER]

    def first(self, expires: int) -> int:
        """The moment of the first claim that may have been made from an instant on."""
        return self._moments[bisect_left(self._instants, expires)]


def _presence(
    evidence: Evidence, sweeps: _Sweeps, form: Form, group: list[int], *, certain: bool
) -> Presence:
    operations = evidence.operations
    makers = tuple(sorted((operations[at] for at in group), key=lambda one: one.end))
    first = min(one.invoked for one in makers)
    since, till, last = makers[0].end, NEVER, NEVER
    if form.expires is not None:
        till = sweeps.first(form.expires)
    for at in evidence.enders.get(form.thing, ()):
        ender = operations[at]
        till = min(till, ender.invoked)
        last = min(last, ender.end)
    for at in evidence.movers.get(form.thing, ()):
        mover = operations[at]
        if at in group or mover.end < first:
            continue
        till = min(till, mover.invoked)
        moved_it = mover.ok and since < mover.invoked and not evidence.twins(at)
        if moved_it and form not in evidence.forms(at):
            last = min(last, mover.end)
    made = certain and since < NEVER and len(evidence.forms(group[0])) == 1
    return Presence(form, makers, first, last, since, till if made else since, made)


class Shelf(Generic[T]):
    """What lies on minutes of resources, found again by them: an index by the hour."""

    def __init__(self) -> None:
        self._strips: dict[tuple[str, int], dict[T, None]] = defaultdict(dict)

    def add(self, spans: Iterable[Span], what: T) -> None:
        """Put something on all minutes of some spans."""
        for strip in _strips(spans):
            self._strips[strip][what] = None

    def remove(self, spans: Iterable[Span], what: T) -> None:
        """Take it off again."""
        for strip in _strips(spans):
            self._strips[strip].pop(what, None)  # two spans may meet on a strip

    def near(self, spans: Iterable[Span]) -> Iterator[T]:
        """What lies on these minutes, and what only lies close by; some of it repeatedly."""
        for strip in _strips(spans):
            yield from self._strips.get(strip, ())


def _strips(spans: Iterable[Span]) -> Iterator[tuple[str, int]]:
    for resource, low, high in spans:
        for strip in range(low // _STRIP, (high - 1) // _STRIP + 1):
            yield resource, strip
