"""The claims of one practice in memory, and the ledger of the minutes they take."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator
from operator import attrgetter

import attrs

from medsched.domain.claims import LONGEST_CLAIM, Claim
from medsched.domain.ledger import LedgerKey, clash, rows_of
from medsched.domain.records import Resource

_low = attrgetter("low")


@attrs.define(eq=False)
class Ledger:
    """The claims on each resource in order of start, and the bits of each resource and day."""

    claims: dict[Resource, list[Claim]] = attrs.field(factory=lambda: defaultdict(list))
    bits: dict[LedgerKey, int] = attrs.field(factory=dict)

    def has(self, claim: Claim) -> bool:
        """Whether exactly this claim is made."""
        return claim in self._reaching(claim.resource, claim.low, claim.high)

    def between(self, resource: Resource, low: int, high: int) -> list[Claim]:
        """The claims on a resource that reach into [low, high)."""
        return list(self._reaching(resource, low, high))

    def taken(self, releases: Iterable[Claim], claims: Iterable[Claim]) -> tuple[LedgerKey, ...]:
        """The rows in which something claimed is taken once the others are released."""
        wanted, released = rows_of(claims), list(releases)
        left = {key: self.bits.get(key, 0) for key in wanted}
        left |= {key: bits for key, bits in self._without(released).items() if key in wanted}
        return tuple(clash(wanted, left))

    def take(self, releases: Iterable[Claim], claims: Iterable[Claim]) -> None:
        """Give some claims back, then make others: all of them are known to be possible."""
        released, made = list(releases), list(claims)
        for key, left in self._without(released).items():
            if left:
                self.bits[key] = left
            else:
                self.bits.pop(key, None)
        for claim in released:
            self.claims[claim.resource].remove(claim)
        for key, bits in rows_of(made).items():
            self.bits[key] = self.bits.get(key, 0) | bits
        for claim in made:
            insort(self.claims[claim.resource], claim, key=_low)

    def _without(self, released: list[Claim]) -> dict[LedgerKey, int]:
        """The rows that some claims take, less what none of the other claims covers."""
        others = {
            other
            for claim in released
            for other in self._reaching(claim.resource, claim.low, claim.high)
        }
        kept = rows_of(others - set(released))
        return {
            key: self.bits.get(key, 0) & ~bits | (kept.get(key, 0) & bits)
            for key, bits in rows_of(released).items()
        }

    def _reaching(self, resource: Resource, low: int, high: int) -> Iterator[Claim]:
        found = self.claims.get(resource, [])
        for at in range(bisect_left(found, low - LONGEST_CLAIM, key=_low), len(found)):
            claim = found[at]
            if claim.low >= high:
                break
            if claim.high > low:
                yield claim
