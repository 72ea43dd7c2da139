"""Chains of visits: slots that follow one another as wished, the earliest first."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final, TypeAlias

from medsched.domain.chains import ChainVisit
from medsched.domain.fields import minutes
from medsched.domain.slots import Slot
from medsched.timeline.instants import DAY, whole_minute

Fits: TypeAlias = Callable[[Sequence[Slot], Slot], int | None]
"""Whether a slot can be had beside those that were chosen for the visits before: None if it can.

Else the minute before which no slot of this visit can be had beside them, whoever it is with: its
own start, where nothing is known of others.
"""
MOST_LOOKS: Final = 2000
"""How often it is asked whether a slot fits: what takes longer is given up."""
_LONGEST_DAY: Final = 3 * DAY
"""So many minutes later it is another date, on whatever wall."""


def follows(visit: ChainVisit, before: Slot, slot: Slot) -> bool:
    """Whether a slot follows that of the visit before as is wished."""
    gap = slot.start - before.end
    return (
        visit.gap_least <= gap
        and (visit.gap_most is None or gap <= visit.gap_most)
        and (not visit.same_day or slot.date == before.date)
        and (not visit.same_location or slot.location == before.location)
    )


_start = itemgetter(0)


def _starts(slots: Sequence[Slot]) -> list[int]:
    return [start for _, start in slots]


class _Options:
    """The slots of one visit in order of start, looked at no further than is asked."""

    def __init__(self, slots: Iterable[Slot]) -> None:
        self._coming = iter(slots)
        self._starts: list[int] = []
        self._slots: list[Slot] = []

    def since(self, low: int) -> Iterator[tuple[int, Slot]]:
        """Those that start at a minute or later."""
        at = bisect_left(self._starts, low)
        while at < len(self._slots) or self._look():
            if self._starts[at] >= low:
                yield self._starts[at], self._slots[at]
            at += 1

    def _look(self) -> bool:
        slot = next(self._coming, None)
        if slot is None:
            return False
        self._starts.append(whole_minute(slot.start, "start"))
        self._slots.append(slot)
        return True


class Chains:
    """The ways in which a chain of visits can be had, given the slots of each.

    ``options`` are those of each visit in order of start. ``fits`` is asked of slots that are
    in time only, and of none that no further visit could follow in time.
    """

    def __init__(
        self, visits: Sequence[ChainVisit], options: Sequence[Iterable[Slot]], fits: Fits
    ) -> None:
        self._visits = visits
        self._options = [_Options(one) for one in options]
        self._fits = fits
        self._looks = 0
        self._leads: dict[object, bool] = {}
        self._hopeless: dict[int, int] = {}
        """For a visit, the earliest end from which on nothing follows, whatever the slot."""
        self.deepest: tuple[Slot, ...] = ()
        """The first of the longest rows of slots that were in time for as many visits."""
        self.given_up = False
        """Whether not all ways were tried."""

    def found(self) -> Iterator[tuple[Slot, ...]]:
        """One way for each start of the first visit that there is one for, the earliest first.

        It is the one in which the second visit is as early as it can be then, and so on. Between
        slots of one start that one is taken which lets the next visit begin earlier, else the first
        of the options.
        """
        yield from self._earliest((), self._options[0].since(0))

    def _earliest(
        self, before: tuple[Slot, ...], slots: Iterable[tuple[int, Slot]]
    ) -> Iterator[tuple[Slot, ...]]:
        """For each start that leads to the end the earliest way from there."""
        since = 0
        for start, alike in groupby(slots, key=_start):
            best: tuple[Slot, ...] | None = None
            for _, slot in alike:
                if start < since:
                    break
                if best is not None and not self._may_be_earlier(slot, best, len(before)):
                    continue
                found, since = self._completed(before, slot)
                if found is not None and (best is None or _starts(found) < _starts(best)):
                    best = found
            if best is not None:
                yield best

    def _may_be_earlier(self, slot: Slot, best: Sequence[Slot], at: int) -> bool:
        """Whether the next visit may begin earlier after this slot than after one that is as early.

        To try all that are equally early would be to look at whole pools of providers.
        """
        if at + 1 == len(best):
            return False
        earliest = next(self._following(at, slot), None)
        return earliest is not None and earliest[0] < best[at + 1][1]

    def _completed(
        self, before: tuple[Slot, ...], slot: Slot
    ) -> tuple[tuple[Slot, ...] | None, int]:
        """The earliest way that goes on from these slots with another one, None if none does.

        And the minute before which none that goes on from the same slots does.
        """
        if not self._leads_on(before, slot):
            return None, 0
        self.given_up = self.given_up or self._looks >= MOST_LOOKS
        self._looks += 1
        if self.given_up:
            return None, 0
        since = self._fits(before, slot)
        if since is not None:
            return None, since
        chosen = (*before, slot)
        self._deepen(chosen)
        if len(chosen) == len(self._visits):
            return chosen, 0
        return next(self._earliest(chosen, self._following(len(before), slot)), None), 0

    def _leads_on(self, before: tuple[Slot, ...], slot: Slot) -> bool:
        """Whether slots follow in time for all further visits, whatever fits: found out once."""
        at = len(before)
        if at + 1 == len(self._visits):
            return True
        end = whole_minute(slot.end, "end")
        if at in self._hopeless and end >= self._hopeless[at]:
            return False
        key = (at, slot.provider, slot.type, slot.location, slot.start, end)
        known = self._leads.get(key)
        if known is None:
            chosen = (*before, slot)
            known = any(
                self._leads_on(chosen, following) for _, following in self._following(at, slot)
            )
            self._leads[key] = known
            if not known:
                self._deepen(chosen)
                if self._visits[at + 1].any_time_after:
                    self._hopeless[at] = end
        return known

    def _following(self, at: int, slot: Slot) -> Iterator[tuple[int, Slot]]:
        """The slots of the next visit that follow this one of the visit before as is wished."""
        visit, end = self._visits[at + 1], whole_minute(slot.end, "end")
        for start, following in self._options[at + 1].since(end + minutes(visit.gap_least)):
            if visit.gap_most is not None and start > end + minutes(visit.gap_most):
                return
            if visit.same_day and following.date > slot.date and start >= end + _LONGEST_DAY:
                return
            if follows(visit, slot, following):
                yield start, following

    def _deepen(self, chosen: tuple[Slot, ...]) -> None:
        if len(chosen) > len(self.deepest):
            self.deepest = chosen
