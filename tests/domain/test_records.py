"""Resources: equal, hashed and in order by what they say."""

from __future__ import annotations

from itertools import product

from medsched.domain.records import Resource, ResourceKind
from medsched.domain.stored import Kind

KINDS = (ResourceKind.DEVICE, ResourceKind.PROVIDER, ResourceKind.ROOM)
RESOURCES = [Resource(kind, id) for kind in KINDS for id in ("1", "10", "2", "a", "ä")]


def test_the_order_is_that_of_kind_and_id() -> None:
    for one, other in product(RESOURCES, RESOURCES):
        left, right = (one.kind.value, one.id), (other.kind.value, other.id)
        assert (one < other) == (left < right)
        assert (one <= other) == (left <= right)
        assert (one > other) == (left > right)
        assert (one >= other) == (left >= right)
        assert (one == other) == (left == right)


def test_a_kind_is_found_by_its_value() -> None:
    assert {ResourceKind.ROOM: 1}["room"] == 1  # type: ignore[index]
    assert {"provider": 1}[Kind.PROVIDER] == 1
