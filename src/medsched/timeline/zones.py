"""Time zones as tables of whole-minute offsets.

A `Zone` asks a `datetime.tzinfo` for its offsets and remembers, block by block of
days, where they change. The reference for every answer is the tzinfo; the table
only makes it fast. Zones come through a `ZoneSource`, so that a practice computes
with a pinned release of the IANA database and never with the machine's.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime, timedelta, tzinfo
from typing import Final, Protocol

from medsched.timeline.instants import DAY, EPOCH, FIRST_MINUTE, LAST_MINUTE, instant_of

_BLOCK: Final = 256 * DAY
_STEP: Final = 2 * DAY
"""Offsets are looked at every two days. In the IANA database no two changes of one
zone since 1973 lie within six days (a test holds every release to that)."""

Change = tuple[int, int, int]
"""(the instant in minutes, the offset before it, the offset from it on), offsets in minutes."""


class Zone:
    """One time zone: its IANA name and its offset at every minute from 1973 to 9998."""

    __slots__ = ("_blocks", "key", "tzinfo")

    def __init__(self, key: str, tzinfo: tzinfo) -> None:
        self.key = key
        self.tzinfo = tzinfo
        self._blocks: dict[int, tuple[list[int], list[int]]] = {}

    def __repr__(self) -> str:
        return f"Zone({self.key!r})"

    def offset_at(self, minute: int) -> int:
        """Minutes that the wall clock is ahead of UTC at an instant."""
        at, offsets = self._block(minute // _BLOCK)
        return offsets[bisect_right(at, minute)]

    def wall_of(self, minute: int) -> int:
        """The wall minute that the clock shows at an instant."""
        return minute + self.offset_at(minute)

    def changes(self, low: int, high: int) -> list[Change]:
        """Every change of offset at an instant in [low, high), in order."""
        found: list[Change] = []
        for number in range(low // _BLOCK, (high - 1) // _BLOCK + 1):
            at, offsets = self._block(number)
            for index, minute in enumerate(at):
                if low <= minute < high:
                    found.append((minute, offsets[index], offsets[index + 1]))
        return found

    def steady(self, low: int, high: int) -> int | None:
        """The offset at every instant in [low, high), None if it changes on the way."""
        number = low // _BLOCK
        at, offsets = self._block(number)
        index = bisect_right(at, low)
        if high <= (number + 1) * _BLOCK:
            changes = index < len(at) and at[index] < high
        else:
            changes = bool(self.changes(low + 1, high))
        return None if changes else offsets[index]

    def local(self, minute: int) -> datetime:
        """The aware local datetime of an instant, its second showing told apart."""
        return instant_of(minute).astimezone(self.tzinfo)

    def _block(self, number: int) -> tuple[list[int], list[int]]:
        block = self._blocks.get(number)
        if block is None:
            block = self._blocks[number] = self._survey(number * _BLOCK)
        return block

    def _survey(self, start: int) -> tuple[list[int], list[int]]:
        """Find the changes of one block: probe, then bisect to the minute where probes differ."""
        at: list[int] = []
        before = self._probe(start - 1)
        offsets = [before]
        low = start - 1
        while low < start + _BLOCK - 1:
            high = min(low + _STEP, start + _BLOCK - 1)
            after = self._probe(high)
            if after != before:
                left, right = low, high
                while right - left > 1:
                    middle = (left + right) // 2
                    if self._probe(middle) == before:
                        left = middle
                    else:
                        right = middle
                at.append(right)
                offsets.append(after)
            low, before = high, after
        return at, offsets

    def _probe(self, minute: int) -> int:
        bounded = min(max(minute, FIRST_MINUTE - DAY), LAST_MINUTE)
        offset = (EPOCH + timedelta(minutes=bounded)).astimezone(self.tzinfo).utcoffset()
        assert offset is not None  # a tzinfo of a zone knows its offset
        return offset // timedelta(minutes=1)


class ZoneSource(Protocol):
    """Where zones come from: one release of the IANA database."""

    @property
    def version(self) -> str:
        """The release, such as ``2026b``."""
        ...

    def zone(self, key: str) -> Zone:
        """The zone of this exact name; raises `UnknownZone`."""
        ...

    def keys(self) -> frozenset[str]:
        """Every name that `zone` answers to."""
        ...
