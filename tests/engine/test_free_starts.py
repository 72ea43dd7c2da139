"""What is claimed of many, taken away from their starts at once, as from those of each alone."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest

from medsched.domain.ledger import HOUR, LedgerKey, PackedLedger
from medsched.domain.records import Resource, ResourceKind
from medsched.engine.free_starts import Pad, first_start, left_of_many
from medsched.timeline.instants import DAY

DAY_ASKED = 20_000
OWNERS = [Resource(ResourceKind.PROVIDER, f"p{at:02}") for at in range(33)]
OTHERS = [Resource(ResourceKind.ROOM, one.id) for one in OWNERS]


def _some(draw: Random, low: int, high: int) -> int:
    """Minutes in [low, high): few, many, at the edges, or all of them."""
    match draw.randrange(4):
        case 0:
            return ((1 << high) - 1) >> low << low
        case 1:
            return 1 << low | 1 << (high - 1)
        case 2:
            return 1 << draw.randrange(low, high)
        case _:
            bits = 0
            for _ in range(draw.randrange(1, 9)):
                since = draw.randrange(low, high)
                until = min(since + draw.choice([1, 7, 30, 60, 400]), high)
                bits |= ((1 << until) - 1) >> since << since
            return bits


def _read(rows: Mapping[LedgerKey, int], low: int, high: int) -> PackedLedger:
    """The hours [low, high) of some rows, as a store may have read them."""
    tables: dict[tuple[ResourceKind, int], dict[str, bytes]] = {}
    filling, wide = -(high - low) * HOUR % 8, -(-(high - low) * HOUR // 8)
    for (owner, day), bits in rows.items():
        asked = bits >> low * HOUR & ((1 << (high - low) * HOUR) - 1)
        of_kind = tables.setdefault((owner.kind, day), {})
        of_kind[owner.id] = (asked << filling).to_bytes(wide, "big")
    return PackedLedger(low, high, tables)


@pytest.mark.parametrize("seed", range(200))
def test_many_are_left_what_each_is_left(seed: int) -> None:
    draw = Random(seed)
    back, before = draw.choice([0, 1, 19, 29, 239]), draw.choice([0, 0, 5, 16, 90])
    starts = _some(draw, before, DAY - back)
    rows = {
        LedgerKey(owner, day): _some(draw, 0, DAY)
        for owner in (*OWNERS, *OTHERS)
        for day in (DAY_ASKED - 1, DAY_ASKED, DAY_ASKED + 1)
        if draw.random() < 0.8
    }
    owners = draw.sample(OWNERS, draw.randrange(1, len(OWNERS)))
    pad = Pad.of(owners[0], back, before)
    expected = [starts & ~pad.blocked(rows.get(LedgerKey(owner, DAY_ASKED), 0)) for owner in owners]
    reached = first_start(starts) - before, starts.bit_length() + back
    low = draw.randint(0, reached[0] // HOUR)
    high = draw.randint(-(-reached[1] // HOUR), 24)
    for ledger in (_read(rows, 0, 24), _read(rows, low, high)):
        assert left_of_many(starts, pad, owners, DAY_ASKED, ledger) == expected


def test_what_is_packed_tells_the_rows_it_was_made_of() -> None:
    rows = {LedgerKey(OWNERS[at], DAY_ASKED + at): 1 << at * 50 for at in range(20)}
    nothing, unknown = LedgerKey(OWNERS[30], DAY_ASKED), LedgerKey(OTHERS[3], DAY_ASKED + 3)
    packed = _read({**rows, nothing: 0}, 0, 24)
    assert packed == rows
    assert (len(packed), set(packed)) == (20, set(rows))
    assert packed.get(nothing) is None
    assert packed.get(unknown, 0) == 0
    assert dict(packed.items()) == rows
