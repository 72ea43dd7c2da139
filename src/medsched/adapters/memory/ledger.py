"""The claims of one practice in memory, and the ledger of the minutes they take."""

from __future__ import annotations

from bisect import insort
from collections import ChainMap, defaultdict
from collections.abc import Iterable, Iterator
from operator import attrgetter

import attrs

from medsched.domain.claims import Claim
from medsched.domain.ledger import LedgerKey, clash, rows_of
from medsched.domain.records import Resource
from medsched.timeline.instants import DAY

_order = attrgetter("low", "kind", "id")


@attrs.define(eq=False)
class Ledger:
    """The claims that reach into each resource's days, in order of start, and their bits."""

    claims: dict[LedgerKey, list[Claim]] = attrs.field(factory=lambda: defaultdict(list))
    bits: dict[LedgerKey, int] = attrs.field(factory=dict)

    def has(self, claim: Claim) -> bool:
        """Whether exactly this claim is made."""
        return claim in self._reaching(claim.resource, claim.low, claim.high)

    def between(self, resource: Resource, low: int, high: int) -> list[Claim]:
        """The claims on a resource that reach into [low, high)."""
        return sorted(self._reaching(resource, low, high), key=_order)

    def taken(self, releases: Iterable[Claim], claims: Iterable[Claim]) -> tuple[LedgerKey, ...]:
        """The rows in which something claimed is taken once the others are released."""
        wanted, given_back = rows_of(claims), self._without(list(releases))
        return tuple(clash(wanted, ChainMap(given_back, self.bits) if given_back else self.bits))

    def take(self, releases: Iterable[Claim], claims: Iterable[Claim]) -> None:
        """Give some claims back, then make others: all of them are known to be possible."""
        released, made = list(releases), list(claims)
        for key, left in self._without(released).items():
            if left:
                self.bits[key] = left
            else:
                self.bits.pop(key, None)
        for claim in released:
            for day in _days(claim):
                self.claims[day].remove(claim)
        for key, bits in rows_of(made).items():
            self.bits[key] = self.bits.get(key, 0) | bits
        for claim in made:
            for day in _days(claim):
                insort(self.claims[day], claim, key=_order)

    def _without(self, released: list[Claim]) -> dict[LedgerKey, int]:
        """The rows that some claims take, less what none of the other claims covers."""
        if not released:
            return {}
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
        first, last = low // DAY, (high - 1) // DAY
        if last - first < len(self.claims):
            days = [LedgerKey(resource, day) for day in range(first, last + 1)]
        else:
            days = sorted(
                key for key in self.claims if key.resource == resource and first <= key.day <= last
            )
        for key in days:
            for claim in self.claims.get(key, ()):
                begins_here = claim.low // DAY == key.day or key.day == first
                if begins_here and claim.low < high and claim.high > low:
                    yield claim


def _days(claim: Claim) -> Iterator[LedgerKey]:
    """The days that a claim reaches into."""
    for day in range(claim.low // DAY, (claim.high - 1) // DAY + 1):
        yield LedgerKey(claim.resource, day)
