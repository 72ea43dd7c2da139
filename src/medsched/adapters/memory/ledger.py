"""The claims of one practice in memory, and the ledger of the minutes they take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from operator import attrgetter
from typing import Final, TypeAlias

import attrs

from medsched.domain.claims import Claim
from medsched.domain.ledger import LedgerKey, bits_of, rows_of
from medsched.domain.records import Resource
from medsched.timeline.instants import DAY

_order = attrgetter("low", "kind", "id")


Cell: TypeAlias = tuple[int, tuple[Claim, ...]]
"""One day of a resource: the bits that are taken, and the claims that reach into it."""
FREE: Final[Cell] = (0, ())
"""A day of which nothing is taken; none such is kept."""


@attrs.define(eq=False)
class Ledger:
    """The days of each resource of which something is, or was, taken.

    A resource is looked up once for each claim, since that is what costs; its days are plain
    numbers.
    """

    tracks: dict[Resource, dict[int, Cell]] = attrs.field(factory=lambda: defaultdict(dict))

    def rows(self, resources: Collection[Resource], first: int, last: int) -> dict[LedgerKey, int]:
        """The bits of some resources from day ``first`` to ``last``, where there are any."""
        found: dict[LedgerKey, int] = {}
        for resource in resources:
            if (track := self.tracks.get(resource)) is not None:
                for day in range(first, last + 1):
                    if (cell := track.get(day)) is not None:
                        found[LedgerKey(resource, day)] = cell[0]
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
                    if both := track.get(day, FREE)[0] & bits:
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
        tracks = self.tracks
        for claim in claims:
            track = tracks[claim.resource]
            for day, bits in bits_of(claim.low, claim.high):
                taken, others = track.get(day, FREE)
                track[day] = taken | bits, (*others, claim)

    def _give_back(self, released: Collection[Claim]) -> None:
        gone = set(released)
        for key, left in self._without(released).items():
            track = self.tracks[key.resource]
            claims = [claim for claim in track[key.day][1] if claim not in gone]
            if claims:
                track[key.day] = left, tuple(claims)
            else:
                del track[key.day]

    def _without(self, released: Collection[Claim]) -> dict[LedgerKey, int]:
        """The rows that some claims take, less what none of the other claims covers."""
        others = {
            other
            for claim in released
            for other in self._reaching(claim.resource, claim.low, claim.high)
        }
        kept = rows_of(others - set(released))
        return {
            key: self.tracks[key.resource].get(key.day, FREE)[0] & ~bits | (kept.get(key, 0) & bits)
            for key, bits in rows_of(released).items()
        }

    def _reaching(self, resource: Resource, low: int, high: int) -> Iterator[Claim]:
        if (track := self.tracks.get(resource)) is None:
            return
        first, last = low // DAY, (high - 1) // DAY
        if last - first < len(track):
            days: Iterable[int] = range(first, last + 1)
        else:
            days = sorted(day for day in track if first <= day <= last)
        for day in days:
            for claim in track.get(day, FREE)[1]:
                begins_here = claim.low // DAY == day or day == first
                if begins_here and claim.low < high and claim.high > low:
                    yield claim
