"""The algebra of intervals against sets of minutes."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from time import process_time

import pytest

from medsched.timeline.intervals import (
    Interval,
    are_apart,
    complement,
    covering,
    disjoint,
    intersect,
    overlapping,
    subtract,
    union,
)

pytest.importorskip("hypothesis")

from hypothesis import given
from hypothesis import strategies as st

MOST = 60

pairs = st.tuples(st.integers(0, MOST), st.integers(1, 12)).map(
    lambda pair: (pair[0], pair[0] + pair[1])
)
heaps = st.lists(pairs, max_size=12)


@st.composite
def sets(draw: st.DrawFn) -> list[Interval]:
    """Sorted spans free of overlap, some of them touching."""
    cuts = sorted(draw(st.sets(st.integers(0, MOST), max_size=14)))
    both = pairwise(cuts)
    return [pair for pair in both if draw(st.booleans())]


def minutes(spans: Iterable[Interval]) -> set[int]:
    return {minute for start, end in spans for minute in range(start, end)}


def is_set(spans: list[Interval]) -> bool:
    return all(start < end for start, end in spans) and all(
        one[1] <= other[0] for one, other in pairwise(spans)
    )


@given(heaps, heaps)
def test_union_is_that_of_sets(one: list[Interval], other: list[Interval]) -> None:
    found = union(one, other)
    assert minutes(found) == minutes(one) | minutes(other)
    assert all(a[1] < b[0] for a, b in pairwise(found))  # none touch


@given(sets(), sets())
def test_subtract_is_difference(spans: list[Interval], holes: list[Interval]) -> None:
    found = subtract(spans, holes)
    assert minutes(found) == minutes(spans) - minutes(holes)
    assert is_set(found)


@given(sets(), sets())
def test_intersect_is_that_of_sets(spans: list[Interval], others: list[Interval]) -> None:
    found = intersect(spans, others)
    assert minutes(found) == minutes(spans) & minutes(others)
    assert is_set(found)


@given(sets(), st.integers(-5, MOST + 5), st.integers(1, MOST))
def test_complement_is_difference(spans: list[Interval], low: int, length: int) -> None:
    found = complement(spans, low, low + length)
    assert minutes(found) == set(range(low, low + length)) - minutes(spans)
    assert is_set(found)


@given(sets(), sets())
def test_pieces_keep_what_they_carry(spans: list[Interval], holes: list[Interval]) -> None:
    tagged = [(start, end, index) for index, (start, end) in enumerate(spans)]
    owner = {m: index for start, end, index in tagged for m in range(start, end)}
    for start, end, index in [*subtract(tagged, holes), *intersect(tagged, holes)]:
        assert {owner[minute] for minute in range(start, end)} == {index}


@given(heaps)
def test_the_earlier_of_two_keeps_the_minute(heap: list[Interval]) -> None:
    spans = [(start, end, index) for index, (start, end) in enumerate(sorted(heap))]
    found = disjoint(spans)
    first = {minute: index for start, end, index in reversed(spans) for minute in range(start, end)}
    assert {m: index for start, end, index in found for m in range(start, end)} == first
    assert is_set([(start, end) for start, end, _ in found])


@given(heaps | sets())
def test_spans_are_apart_when_each_ends_before_the_next(spans: list[Interval]) -> None:
    assert are_apart(spans) == all(one[1] < other[0] for one, other in pairwise(spans))


@given(sets(), st.integers(-5, MOST + 5), st.integers(1, MOST))
def test_looking_up(spans: list[Interval], low: int, length: int) -> None:
    holding = [span for span in spans if span[0] <= low < span[1]]
    assert covering(spans, low) == (holding[0] if holding else None)
    wanted = [span for span in spans if span[0] < low + length and span[1] > low]
    assert list(overlapping(spans, low, low + length)) == wanted


def test_no_loop_is_quadratic() -> None:
    many = 60_000
    spans = [(4 * n, 4 * n + 2) for n in range(many)]
    holes = [(4 * n + 1, 4 * n + 3) for n in range(many)]
    began = process_time()
    assert len(subtract(spans, holes)) == len(intersect(spans, holes)) == many
    assert len(union(spans, holes)) == many
    assert len(complement(spans, 0, 4 * many)) == many
    assert len(disjoint(sorted([*spans, *holes]))) == 2 * many
    assert process_time() - began < 10  # a quadratic loop takes minutes
