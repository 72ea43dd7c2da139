"""A cache of listings that asks anew only where it is told that something changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from random import Random
from typing import Any

from medsched import AvailabilityChange, NotFound, Practice

Shown = dict[datetime, list[tuple[Any, ...]]]


class Kept:
    """A cache of listings of a week from ``now`` on: that time passes is told to nobody.

    ``about``: the providers and types of the listings that are kept. ``pinned``: all are asked as
    of the same moment, whatever the time is, because a rule of time would let slots come and go.
    """

    def __init__(
        self,
        clinic: Practice,
        chances: Random,
        about: Iterable[tuple[str, str]],
        now: datetime,
        *,
        pinned: bool = False,
    ) -> None:
        self.clinic, self.chances, self.about = clinic, chances, [*about]
        self.now, self.pinned = now, pinned
        self.first, self.beyond = now - timedelta(days=1), now + timedelta(days=6)
        self.listings: dict[tuple[str, str], Shown | None] = {}
        self.ending = list[AvailabilityChange]()
        self.cursor: str | None = None
        self.bring_up_to_date(now)

    def ask(self, about: tuple[str, str], start: datetime, end: datetime) -> Shown | None:
        """A listing as it is now; None where there is none."""
        shown: Shown = {}
        try:
            found = self.clinic.availability.slots(
                *about, start, end, taken=True, now=self.now if self.pinned else None
            )
        except NotFound:
            return None
        for one in found:
            told = (one.id, one.end, one.status, one.seats_free, one.capacity, one.opened_by)
            more = (one.room, one.notes, one.changed_by, one.pricing, one.local_start)
            shown.setdefault(one.start, []).append(told + more)
        return {at: sorted(some, key=repr) for at, some in shown.items()}

    def follow(self) -> list[AvailabilityChange]:
        """All that was told since, on pages of any size; from any change of a page at times."""
        seen = list[AvailabilityChange]()
        if self.chances.random() < 0.02:  # it begins anew, and knows nothing
            self.cursor, self.ending = None, []
            self.listings.clear()
        while True:
            page = self.clinic.changes(self.cursor, limit=self.chances.choice([1, 2, 3, 1000]))
            items = list(page)
            self.cursor = page.next
            if items and self.chances.random() < 0.5:  # it was interrupted
                items = items[: self.chances.randrange(len(items)) + 1]
                self.cursor = items[-1].cursor
            seen += items
            if not page.items:
                return seen

    def bring_up_to_date(self, now: datetime) -> list[AvailabilityChange]:
        """Ask anew what was told, and what ended by itself since; what was told."""
        seen = self.follow()
        if not self.pinned:
            self.now = now
        self.ending += [one for one in seen if one.expires is not None]
        ended = [one for one in self.ending if one.expires is not None and one.expires <= now]
        self.ending = [one for one in self.ending if one not in ended]
        self.work_on([*seen, *ended])
        return seen

    def work_on(self, changes: Iterable[AvailabilityChange]) -> None:
        told = list(changes)
        for about in self.about if told else []:
            try:
                stretches = self.clinic.changes.starts(*about, told)
            except NotFound:
                self.listings[about] = None
                continue
            for start, end in stretches:
                start, end = max(start, self.first), min(end, self.beyond)
                if start < end:
                    self.put(about, start, end)

    def put(self, about: tuple[str, str], start: datetime, end: datetime) -> None:
        kept, fresh = self.listings.get(about) or {}, self.ask(about, start, end)
        if fresh is None:
            self.listings[about] = None
            return
        others = {at: some for at, some in kept.items() if not start <= at < end}
        self.listings[about] = others | fresh

    def check(self) -> None:
        """What is kept is what there is."""
        for about in self.about:
            kept, fresh = self.listings.get(about), self.ask(about, self.first, self.beyond)
            if kept is not None:
                kept = {at: some for at, some in kept.items() if at >= self.now}
            if kept != fresh:
                old, new = kept or {}, fresh or {}
                wrong = {at: (old.get(at), new.get(at)) for at in {*old, *new}}
                different = {at: pair for at, pair in wrong.items() if pair[0] != pair[1]}
                raise AssertionError(f"{about}: {different}")
