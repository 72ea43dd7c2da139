"""The ledger's bits: minutes in, the same minutes out."""

from __future__ import annotations

import random

import pytest

from medsched.domain.claims import Claim
from medsched.domain.ledger import LedgerKey, bits_of, clash, hours_of, rows_of
from medsched.domain.records import Resource, ResourceKind

SMITH = Resource(ResourceKind.PROVIDER, "smith")
ROOM = Resource(ResourceKind.ROOM, "r1")
DAY = 1440


def minutes_of(rows: list[tuple[int, int]]) -> set[int]:
    return {day * DAY + bit for day, bits in rows for bit in range(DAY) if bits >> bit & 1}


@pytest.mark.parametrize(
    "low, high, days",
    [
        (0, 1, [0]),
        (DAY - 1, DAY, [0]),
        (DAY - 1, DAY + 1, [0, 1]),
        (5, 3 * DAY + 7, [0, 1, 2, 3]),
        (-10, 10, [-1, 0]),
        (7, 7, []),
    ],
)
def test_minutes_are_bits(low: int, high: int, days: list[int]) -> None:
    rows = list(bits_of(low, high))
    assert [day for day, _ in rows] == days
    assert minutes_of(rows) == set(range(low, high))


def test_hours_hold_sixty_bits_each() -> None:
    base = random.randrange(2**32)
    for seed in range(base, base + 200):
        bits = random.Random(seed).getrandbits(DAY)
        hours = list(hours_of(bits))
        assert all(0 < some < 1 << 60 for _, some in hours), f"seed {seed}"
        assert sum(some << 60 * hour for hour, some in hours) == bits, f"seed {seed}"


def test_rows_come_in_the_order_of_locks() -> None:
    claims = [Claim(SMITH, DAY, DAY + 30), Claim(ROOM, 10, 40), Claim(SMITH, 0, 30)]
    assert list(rows_of(claims)) == [
        LedgerKey(SMITH, 0),
        LedgerKey(SMITH, 1),
        LedgerKey(ROOM, 0),
    ]


def test_a_clash_is_told_by_row() -> None:
    held = rows_of([Claim(SMITH, 0, 30)])
    assert clash(rows_of([Claim(SMITH, 30, 60)]), held) == []
    assert clash(rows_of([Claim(SMITH, 29, 60), Claim(ROOM, 0, 9)]), held) == [LedgerKey(SMITH, 0)]
