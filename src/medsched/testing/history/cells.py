"""The minutes that a group of operations speaks of, cut where anything begins or ends."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from typing import Final

from medsched.testing.history.operations import Span, Spans

_NAMES: Final = 1024


class Cells:
    """Every resource cut into cells at the edges of some spans, and what stands on each cell.

    Spans that are asked about later must have their edges among those.
    """

    def __init__(self, spans: Iterable[Span]) -> None:
        edges: dict[str, set[int]] = defaultdict(set)
        for resource, low, high in spans:
            edges[resource] |= {low, high}
        self._edges: dict[str, tuple[int, list[int]]] = {}
        cells = 0
        for resource, some in sorted(edges.items()):
            self._edges[resource] = cells, sorted(some)
            cells += len(some) - 1
        self._standing = [0] * cells
        self._names: dict[Hashable, int] = {}
        self._found: dict[Spans, int] = {}

    def _of(self, spans: Iterable[Span]) -> Iterator[int]:
        for resource, low, high in spans:
            first, edges = self._edges[resource]
            yield from range(first + bisect_left(edges, low), first + bisect_left(edges, high))

    def stand(self, spans: Iterable[Span], bit: int) -> None:
        """Let something stand on these minutes; to be told before it is asked for."""
        for cell in self._of(spans):
            self._standing[cell] |= bit

    def standing(self, spans: Spans) -> int:
        """The bits of everything that may stand on a minute of these."""
        if spans not in self._found:
            bits = 0
            for cell in self._of(spans):
                bits |= self._standing[cell]
            self._found[spans] = bits
        return self._found[spans]

    def touched(self, spans: Iterable[Span], *names: Hashable) -> int:
        """A bit for each cell of these minutes, and for each of some names.

        Two that share nothing may share a bit all the same, where there are many names.
        """
        bits = 0
        for resource, low, high in spans:
            first, edges = self._edges[resource]
            low, high = bisect_left(edges, low), bisect_left(edges, high)
            bits |= ((1 << (high - low)) - 1) << (first + low)
        for name in names:
            number = self._names.setdefault(name, len(self._names))
            bits |= 1 << len(self._standing) + number % _NAMES
        return bits
