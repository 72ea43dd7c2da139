"""Choosing a follow-up: which of the free slots fulfil a wish, the best first."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from medsched.domain.slots import Slot
from medsched.domain.starts import Anywhere
from medsched.domain.wishes import FollowUpWish


def fitting(slots: Iterable[Slot], wish: FollowUpWish, target: date) -> list[Slot]:
    """The slots that fulfil a wish whose date is the target, the best first.

    The nearest date comes first, the earlier of two as near, and then the earliest start.
    Dates and times of day are those of the hours that a slot lies in.
    """
    found = [slot for slot in slots if _fits(slot, slot.local_start, wish, target)]
    return sorted(found, key=lambda slot: _far(slot, target))


def _fits(slot: Slot, local: datetime, wish: FollowUpWish, target: date) -> bool:
    return (
        abs(local.date() - target) <= wish.give_or_take
        and wish.takes_time_of_day(local.hour * 60 + local.minute)
        and (wish.weekdays is None or local.weekday() in wish.weekdays)
        and (isinstance(wish.location, Anywhere) or slot.location == wish.location)
    )


def nearest(slots: Iterable[Slot], target: date, most: int) -> tuple[Slot, ...]:
    """At most so many of the slots, those of the dates nearest to the target first."""
    return tuple(sorted(slots, key=lambda slot: _far(slot, target))[:most])


def _far(slot: Slot, target: date) -> tuple[int, date, datetime]:
    day = slot.date
    return abs((day - target).days), day, slot.start
