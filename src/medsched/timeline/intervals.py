"""The algebra of half-open intervals over sorted integer pairs.

A *span* is a tuple that begins with (start, end), start < end; what follows the pair
travels along unchanged, so the same functions cut plain intervals and windows that
carry an offer. A *set* is a list of spans sorted by start that do not overlap.
Touching is not overlapping. Every function is one linear sweep (or less: untouched
stretches are skipped by bisection).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from operator import eq, ge, gt, itemgetter
from typing import Any, TypeVar, cast

_start = itemgetter(0)
_end = itemgetter(1)

Interval = tuple[int, int]
Span = TypeVar("Span", bound=tuple[Any, ...])


def union(*sets: Iterable[tuple[Any, ...]]) -> list[Interval]:
    """All minutes that lie in any of ``sets`` (each in any order), touching spans made one."""
    merged: list[Interval] = []
    for start, end in sorted(span[:2] for spans in sets for span in spans):
        if merged and start <= merged[-1][1]:
            if end > merged[-1][1]:
                merged[-1] = (merged[-1][0], end)
        elif end > start:
            merged.append((start, end))
    return merged


def subtract(spans: Sequence[Span], holes: Sequence[Interval]) -> list[Span]:
    """What is left of ``spans`` without ``holes``: both sorted and free of overlap."""
    if not spans or not holes:
        return list(spans)
    rest = list(spans)
    left: list[Span] = []
    at = 0
    for low, high in overlapping(holes, rest[0][0], rest[-1][1]):
        first = _first_ending_after(rest, low, at)
        beyond = bisect_left(rest, high, first, key=_start)
        left += rest[at:first]
        at = beyond
        if beyond > first:
            head, tail = rest[first], rest[beyond - 1]
            if head[0] < low:
                left.append(cast(Span, (head[0], low, *head[2:])))
            if tail[1] > high:  # a later hole may cut what is left of it
                at = beyond - 1
                rest[at] = cast(Span, (high, tail[1], *tail[2:]))
    left += rest[at:]
    return left


def _first_ending_after(spans: Sequence[Span], low: int, at: int) -> int:
    """The index from ``at`` on of the first span that ends after ``low``."""
    index = bisect_right(spans, low, at, key=_start)
    return index - 1 if index > at and spans[index - 1][1] > low else index


def intersect(spans: Sequence[Span], others: Sequence[Interval]) -> list[Span]:
    """The parts of ``spans`` that lie in ``others``: both sorted and free of overlap."""
    if not spans or not others:
        return []
    low = min(spans[0][0], others[0][0])
    high = max(spans[-1][1], others[-1][1])
    return subtract(spans, complement(others, low, high))


def complement(spans: Sequence[tuple[Any, ...]], low: int, high: int) -> list[Interval]:
    """The parts of [low, high) that no span covers; ``spans`` sorted and free of overlap."""
    gaps: list[Interval] = []
    for span in spans:
        if low >= high:
            return gaps
        if span[0] > low:
            gaps.append((low, min(span[0], high)))
        low = max(low, span[1])
    if low < high:
        gaps.append((low, high))
    return gaps


def touching(spans: Sequence[tuple[Any, ...]]) -> list[int]:
    """The indexes of spans that start where the span before them ends."""
    same = map(eq, map(_start, spans[1:]), map(_end, spans))
    return [index for index, touches in enumerate(same, 1) if touches]


def are_apart(spans: Sequence[tuple[Any, ...]]) -> bool:
    """Whether spans are in order already, and none overlaps or touches another."""
    return all(map(gt, map(_start, spans[1:]), map(_end, spans)))


def disjoint(spans: Sequence[Span]) -> list[Span]:
    """Trim spans sorted by start so that none overlaps: the earlier one keeps the minute."""
    if all(map(ge, map(_start, spans[1:]), map(_end, spans))):
        return list(spans)
    kept: list[Span] = []
    reached: int | None = None
    for span in spans:
        start, end = span[0], span[1]
        if reached is not None and start < reached:
            if end <= reached:
                continue
            span = cast(Span, (reached, end, *span[2:]))
        kept.append(span)
        reached = end
    return kept


def covering(spans: Sequence[Span], minute: int) -> Span | None:
    """The span of a set that holds ``minute``, or None."""
    index = bisect_right(spans, minute, key=_start) - 1
    if index >= 0 and minute < spans[index][1]:
        return spans[index]
    return None


def overlapping(spans: Sequence[Span], low: int, high: int) -> Sequence[Span]:
    """The spans of a set that share a minute with [low, high)."""
    first = _first_ending_after(spans, low, 0)
    return spans[first : bisect_left(spans, high, first, key=_start)]
