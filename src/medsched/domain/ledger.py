"""The ledger: the claimed minutes of each resource, one row per UTC day, a bit a minute.

To claim is to set bits where none is set; how many rows took them is the verdict. The
row has 24 hours of 60 bits, which every engine can compare and set in one statement; in
memory a day is one integer of 1440 bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from medsched.domain.claims import Claim
from medsched.domain.records import Resource, ResourceKind
from medsched.timeline.instants import DAY

HOUR: Final = 60
_HOUR_BITS: Final = (1 << HOUR) - 1


class LedgerKey(NamedTuple):
    """One row of the ledger: a resource and a UTC day, counted from 1970-01-01."""

    resource: Resource
    day: int


class PackedLedger(Mapping[LedgerKey, int]):
    """Rows of the ledger as they were read, each a run of bits in bytes, the last minute first.

    Whoever wants a row gets its bits; whoever wants the same of many rows takes the bytes. Of each
    day only the hours [low, high) were read; what is not there, is not claimed. ``tables`` are the
    bytes by kind and day, then by id, as wide as `wide` says, and filled up to the right.
    """

    def __init__(
        self, low: int, high: int, tables: Mapping[tuple[ResourceKind, int], Mapping[str, bytes]]
    ) -> None:
        self._tables = tables
        self.lowest = low * HOUR
        """The first minute of the day that has a bit."""
        self.wide, self.filling = -(-(high - low) * HOUR // 8), -(high - low) * HOUR % 8
        """How many bytes a row has, and how many bits of the last one are none of its own."""

    def __getitem__(self, key: LedgerKey) -> int:
        resource, day = key
        if bits := self._bits(self._tables[resource.kind, day][resource.id]):
            return bits
        raise KeyError(key)

    def __iter__(self) -> Iterator[LedgerKey]:
        for (kind, day), rows in self._tables.items():
            for id, row in rows.items():
                if self._bits(row):
                    yield LedgerKey(Resource(kind, id), day)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _bits(self, row: bytes) -> int:
        return int.from_bytes(row, "big") >> self.filling << self.lowest

    def packed(self, owners: Iterable[Resource], day: int) -> list[bytes]:
        """The bytes of a day of each of some resources."""
        nothing = bytes(self.wide)
        rows = {kind: self._tables.get((kind, day), {}) for kind in ResourceKind}
        return [rows[one.kind].get(one.id, nothing) for one in owners]


@lru_cache(maxsize=256)  # whoever takes part in a booking takes the same minutes, asked for twice
def bits_of(low: int, high: int) -> tuple[tuple[int, int], ...]:
    """The minutes [low, high) of the epoch as (day, bits of that day), day by day."""
    found: list[tuple[int, int]] = []
    while low < high:
        day, first = divmod(low, DAY)
        end = min(high, (day + 1) * DAY)
        found.append((day, ((1 << (end - low)) - 1) << first))
        low = end
    return tuple(found)


def rows_of(claims: Iterable[Claim]) -> dict[LedgerKey, int]:
    """The bits that some claims take together, in the order that locks are taken: sorted."""
    rows: dict[LedgerKey, int] = {}
    for claim in claims:
        for day, bits in bits_of(claim.low, claim.high):
            key = LedgerKey(claim.resource, day)
            rows[key] = rows.get(key, 0) | bits
    return dict(sorted(rows.items())) if len(rows) > 1 else rows


def hours_of(bits: int) -> Iterator[tuple[int, int]]:
    """The hours of a day that have bits, and the 60 bits of each."""
    hour = 0
    while bits:
        some = bits & _HOUR_BITS
        if some:
            yield hour, some
        bits >>= HOUR
        hour += 1


def clash(rows: Mapping[LedgerKey, int], ledger: Mapping[LedgerKey, int]) -> list[LedgerKey]:
    """The rows in which something wanted is taken already."""
    return [key for key, bits in rows.items() if ledger.get(key, 0) & bits]


def bits_in(hours: Iterable[int | None]) -> int:
    """The bits of a day from those of its 24 hours, None for none: the way back from `hours_of`."""
    bits = 0
    for at, some in enumerate(hours):
        if some:
            bits |= some << (at * HOUR)
    return bits
