"""Published slots in memory: the days of each provider and type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import attrs

from medsched.domain.published import PublishedDay


@attrs.define(eq=False)
class Days:
    """What one practice has published."""

    days: dict[tuple[str, str], dict[date, PublishedDay]] = attrs.field(factory=dict)

    def pairs(self) -> Sequence[tuple[str, str]]:
        """Every provider and type of which days are kept, in order."""
        return sorted(self.days)

    def between(
        self, provider: str, type: str, first: date, last: date
    ) -> Mapping[date, PublishedDay]:
        """The days that are kept from ``first`` to ``last``, both inclusive."""
        found = sorted(self.days.get((provider, type), {}).items())
        return {on: day for on, day in found if first <= on <= last}

    def put(self, day: PublishedDay) -> None:
        """Keep a day, and no other that has a slot at its instants."""
        kept = {
            on: other
            for on, other in self.days.get((day.provider, day.type), {}).items()
            if not any(day.start <= slot.start < day.end for slot in other.slots)
        }
        self.days[day.provider, day.type] = {**kept, day.date: day}

    def withdraw(self, provider: str, type: str, kept: tuple[date, date] | None) -> int:
        """Keep no days but those of some dates; how many were removed."""
        before = self.days.pop((provider, type), {})
        left = {
            on: day for on, day in before.items() if kept is not None and kept[0] <= on <= kept[1]
        }
        if left:
            self.days[provider, type] = left
        return len(before) - len(left)
