"""The claims of one practice in memory, and the ledger of the minutes they take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from operator import attrgetter

import attrs

from medsched.domain.claims import Claim
from medsched.domain.ledger import LedgerKey, bits_of, rows_of
from medsched.domain.records import Resource
from medsched.timeline.instants import DAY

_order = attrgetter("low", "kind", "id")


@attrs.define(eq=False)
class Track:
    """The days of one resource: the bits that are taken, and the claims that reach into each."""

    bits: dict[int, int] = attrs.field(factory=dict)
    claims: dict[int, list[Claim]] = attrs.field(factory=dict)


@attrs.define(eq=False)
class Ledger:
    """The track of each resource of which something is, or was, taken.

    A resource is looked up once for each claim, since that is what costs; its days are plain
    numbers.
    """

    tracks: dict[Resource, Track] = attrs.field(factory=lambda: defaultdict(Track))

    def rows(self, resources: Collection[Resource], first: int, last: int) -> dict[LedgerKey, int]:
        """The bits of some resources from day ``first`` to ``last``, where there are any."""
        found: dict[LedgerKey, int] = {}
        for resource in resources:
            if (track := self.tracks.get(resource)) is not None:
                for day in range(first, last + 1):
                    if (bits := track.bits.get(day)) is not None:
                        found[LedgerKey(resource, day)] = bits
        return found

    def has(self, claim: Claim) -> bool:
        """Whether exactly this claim is made."""
        return claim in self._reaching(claim.resource, claim.low, claim.high)

    def between(self, resource: Resource, low: int, high: int) -> list[Claim]:
        """The claims on a resource that reach into [low, high)."""
        return sorted(self._reaching(resource, low, high), key=_order)

    def taken(self, releases: Collection[Claim], claims: Iterable[Claim]) -> tuple[LedgerKey, ...]:
        """The rows in which something claimed is taken once the others are released, in order."""
        clashes: dict[LedgerKey, int] = {}
        for claim in claims:
            if (track := self.tracks.get(claim.resource)) is not None:
                for day, bits in bits_of(claim.low, claim.high):
                    if both := track.bits.get(day, 0) & bits:
                        key = LedgerKey(claim.resource, day)
                        clashes[key] = clashes.get(key, 0) | both
        if not clashes:
            return ()
        left = self._without(releases)
        return tuple(sorted(key for key, both in clashes.items() if left.get(key, both) & both))

    def take(self, releases: Collection[Claim], claims: Iterable[Claim]) -> None:
        """Give some claims back, then make others: all of them are known to be possible."""
        if releases:
            self._give_back(releases)
        for claim in claims:
            track = self.tracks[claim.resource]
            for day, bits in bits_of(claim.low, claim.high):
                track.bits[day] = track.bits.get(day, 0) | bits
                track.claims.setdefault(day, []).append(claim)

    def _give_back(self, released: Collection[Claim]) -> None:
        for (resource, day), left in self._without(released).items():
            if left:
                self.tracks[resource].bits[day] = left
            else:
                self.tracks[resource].bits.pop(day, None)
        for claim in released:
            claims = self.tracks[claim.resource].claims
            for day, _ in bits_of(claim.low, claim.high):
                claims[day].remove(claim)
                if not claims[day]:
                    del claims[day]

    def _without(self, released: Collection[Claim]) -> dict[LedgerKey, int]:
        """The rows that some claims take, less what none of the other claims covers."""
        others = {
            other
            for claim in released
            for other in self._reaching(claim.resource, claim.low, claim.high)
        }
        kept = rows_of(others - set(released))
        return {
            key: self.tracks[key.resource].bits.get(key.day, 0) & ~bits | (kept.get(key, 0) & bits)
            for key, bits in rows_of(released).items()
        }

    def _reaching(self, resource: Resource, low: int, high: int) -> Iterator[Claim]:
        if (track := self.tracks.get(resource)) is None:
            return
        first, last = low // DAY, (high - 1) // DAY
        if last - first < len(track.claims):
            days: Iterable[int] = range(first, last + 1)
        else:
            days = sorted(day for day in track.claims if first <= day <= last)
        for day in days:
            for claim in track.claims.get(day, ()):
                begins_here = claim.low // DAY == day or day == first
                if begins_here and claim.low < high and claim.high > low:
                    yield claim
