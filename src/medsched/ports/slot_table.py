"""Where slots are written down, for stores that keep them; no other part of a store needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol, runtime_checkable

from medsched.domain.published import PublishedDay


@runtime_checkable
class SlotTable(Protocol):
    """Keeps the published slots of many practices, a day of a provider and a type at a time.

    What is kept can be made anew from the rest of the store at any time, and decides nothing: it
    is written by itself, not by changesets. Each day is there as a whole or not at all.
    """

    def published_pairs(self, practice: str) -> Sequence[tuple[str, str]]:
        """Every provider and type of which days are kept, in order."""
        ...

    def published_days(
        self, practice: str, provider: str, type: str, first: date, last: date
    ) -> Mapping[date, PublishedDay]:
        """The days that are kept, by date, from ``first`` to ``last``, both inclusive.

        All from one state; in each the slots are in order of start.
        """
        ...

    def publish_day(self, practice: str, day: PublishedDay) -> None:
        """Keep a day in place of what was kept of its date.

        Another day of the same provider and type that has a slot at the instants of this one is
        kept no more: the provider's zone has changed since. Of two who write one date at once the
        second one's is kept. `StorageBusy` where others were first again and again.
        """
        ...

    def withdraw_days(
        self, practice: str, provider: str, type: str, *, kept: tuple[date, date] | None = None
    ) -> int:
        """Keep no days of a provider and type but those of the dates ``kept``, both inclusive.

        How many were removed. `StorageBusy` as above.
        """
        ...
