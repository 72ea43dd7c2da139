"""The algebra of half-open intervals, case by case."""

from __future__ import annotations

import pytest

from medsched.timeline.intervals import (
    Interval,
    complement,
    covering,
    disjoint,
    intersect,
    overlapping,
    subtract,
    touching,
    union,
)


@pytest.mark.parametrize(
    "sets, expected",
    [
        ([], []),
        ([[]], []),
        ([[(1, 3)]], [(1, 3)]),
        ([[(1, 3)], [(3, 5)]], [(1, 5)]),  # touching spans are made one
        ([[(1, 3)], [(4, 5)]], [(1, 3), (4, 5)]),
        ([[(4, 9), (1, 3)], [(2, 5)]], [(1, 9)]),  # in any order
        ([[(1, 9)], [(2, 3)]], [(1, 9)]),
        ([[(1, 3)], [(1, 3)]], [(1, 3)]),
        ([[(5, 5)]], []),  # an empty span has no minute
        ([[(-3, -1)], [(-1, 0)]], [(-3, 0)]),
    ],
)
def test_union(sets: list[list[Interval]], expected: list[Interval]) -> None:
    assert union(*sets) == expected


@pytest.mark.parametrize(
    "spans, holes, expected",
    [
        ([], [(1, 2)], []),
        ([(1, 9)], [], [(1, 9)]),
        ([(1, 9)], [(3, 5)], [(1, 3), (5, 9)]),
        ([(1, 9)], [(1, 9)], []),
        ([(1, 9)], [(0, 20)], []),
        ([(1, 9)], [(0, 1), (9, 12)], [(1, 9)]),  # touching takes nothing
        ([(1, 9)], [(2, 3), (4, 5), (6, 7)], [(1, 2), (3, 4), (5, 6), (7, 9)]),
        ([(1, 3), (4, 6), (7, 9)], [(2, 8)], [(1, 2), (8, 9)]),
        ([(1, 3), (4, 6), (7, 9)], [(3, 7)], [(1, 3), (7, 9)]),
        ([(1, 3), (3, 6)], [(2, 4)], [(1, 2), (4, 6)]),
    ],
)
def test_subtract(spans: list[Interval], holes: list[Interval], expected: list[Interval]) -> None:
    assert subtract(spans, holes) == expected


@pytest.mark.parametrize(
    "spans, others, expected",
    [
        ([], [(1, 2)], []),
        ([(1, 2)], [], []),
        ([(1, 9)], [(3, 5)], [(3, 5)]),
        ([(3, 5)], [(1, 9)], [(3, 5)]),
        ([(1, 3)], [(3, 5)], []),  # touching is not overlapping
        ([(1, 5)], [(3, 9)], [(3, 5)]),
        ([(1, 3), (5, 7)], [(2, 6)], [(2, 3), (5, 6)]),
        ([(1, 9)], [(0, 2), (8, 12)], [(1, 2), (8, 9)]),
    ],
)
def test_intersect(spans: list[Interval], others: list[Interval], expected: list[Interval]) -> None:
    assert intersect(spans, others) == expected


@pytest.mark.parametrize(
    "spans, low, high, expected",
    [
        ([], 1, 9, [(1, 9)]),
        ([], 5, 5, []),
        ([(7, 8)], 5, 5, []),
        ([(1, 9)], 1, 9, []),
        ([(0, 20)], 1, 9, []),
        ([(3, 5)], 1, 9, [(1, 3), (5, 9)]),
        ([(-5, 0), (3, 5), (20, 22)], 1, 9, [(1, 3), (5, 9)]),
        ([(0, 2), (8, 12)], 1, 9, [(2, 8)]),
    ],
)
def test_complement(spans: list[Interval], low: int, high: int, expected: list[Interval]) -> None:
    assert complement(spans, low, high) == expected


def test_what_follows_the_pair_travels_along() -> None:
    spans = [(0, 10, "a"), (20, 30, "b")]
    assert subtract(spans, [(5, 25)]) == [(0, 5, "a"), (25, 30, "b")]
    assert intersect(spans, [(5, 25)]) == [(5, 10, "a"), (20, 25, "b")]
    assert disjoint([(0, 10, "a"), (5, 15, "b")]) == [(0, 10, "a"), (10, 15, "b")]


@pytest.mark.parametrize(
    "spans, expected",
    [
        ([], []),
        ([(1, 3), (3, 5)], [(1, 3), (3, 5)]),
        ([(1, 5), (3, 9)], [(1, 5), (5, 9)]),  # the earlier one keeps the minute
        ([(1, 9), (3, 5), (8, 12)], [(1, 9), (9, 12)]),
        ([(1, 9), (1, 9)], [(1, 9)]),
    ],
)
def test_disjoint(spans: list[Interval], expected: list[Interval]) -> None:
    assert disjoint(spans) == expected


def test_covering_is_half_open() -> None:
    spans = [(1, 3), (3, 5), (8, 9)]
    found = {minute: covering(spans, minute) for minute in range(10)}
    assert found == {
        **dict.fromkeys((0, 5, 6, 7, 9), None),
        **dict.fromkeys((1, 2), (1, 3)),
        **dict.fromkeys((3, 4), (3, 5)),
        8: (8, 9),
    }


def test_overlapping_leaves_out_what_only_touches() -> None:
    spans = [(1, 3), (3, 5), (8, 9)]
    assert overlapping(spans, 3, 8) == [(3, 5)]
    assert overlapping(spans, 2, 9) == spans
    assert overlapping(spans, 5, 8) == []
    assert overlapping([], 0, 9) == []


def test_touching_names_the_later_of_two() -> None:
    assert touching([(1, 3), (3, 5), (6, 7), (7, 8)]) == [1, 3]
    assert touching([(1, 3)]) == []
    assert touching([]) == []


def test_nothing_that_is_given_is_changed() -> None:
    spans, holes = [(1, 9), (10, 20)], [(3, 4), (12, 13)]
    for function in (subtract, intersect):
        function(spans, holes)
    assert (spans, holes) == ([(1, 9), (10, 20)], [(3, 4), (12, 13)])
    assert subtract(spans, []) is not spans
    assert disjoint(spans) is not spans
