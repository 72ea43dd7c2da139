"""Stores that are broken on purpose, each in a way that has been shipped by somebody.

They are in memory, and let other threads run just where the mistake is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from itertools import count
from threading import Lock
from typing import Any, Final

import attrs

from medsched.adapters.memory import MemoryStore
from medsched.adapters.memory.ledger import FREE
from medsched.domain.access import EVERYTHING
from medsched.domain.changes import Applied, Changeset, Outcome, Repeated, ScheduleVersion, Standing
from medsched.domain.claims import Claim
from medsched.domain.events import NumberedEvent
from medsched.domain.idempotency import Receipt
from medsched.domain.records import Resource
from medsched.domain.stored import Ref, StoredT


def elsewhere() -> None:
    """Others have their turn."""
    time.sleep(0.001)


class CheckThenInsert(MemoryStore):
    """Looks whether all is free, and then writes."""

    def apply(self, changeset: Changeset) -> Outcome:
        with self._lock:
            outcome = self._practice(changeset.practice).against(changeset)
        if outcome == Applied():
            elsewhere()
            with self._lock:
                self._practices[changeset.practice].take(changeset)
        return outcome


class LocksWhatIsThere(MemoryStore):
    """SELECT … FOR UPDATE on the appointments of the day: where there are none, nobody waits."""

    def apply(self, changeset: Changeset) -> Outcome:
        with self._lock:
            rows = self._practice(changeset.practice)
            outcome = rows.against(changeset)
            locked = any(
                rows.ledger.between(claim.resource, claim.low, claim.high + 600)
                for claim in changeset.claims
            )
            if outcome == Applied() and (locked or not changeset.claims):
                self._practices[changeset.practice].take(changeset)
                return outcome
        if outcome == Applied():
            elsewhere()
            with self._lock:
                self._practices[changeset.practice].take(changeset)
        return outcome


class ReleasesWithoutTheLock(MemoryStore):
    """Works out what is left of the ledger's rows, and writes them without having locked them."""

    def apply(self, changeset: Changeset) -> Outcome:
        if not changeset.releases or changeset.claims:
            return super().apply(changeset)
        with self._lock:
            rows = self._practice(changeset.practice)
            outcome = rows.against(changeset)
            left = rows.ledger._without(list(changeset.releases))
        if outcome == Applied():
            elsewhere()
            with self._lock:
                rows.take(changeset)
                for key, bits in left.items():
                    track = rows.ledger.tracks[key.resource]
                    track[key.day] = bits, track.get(key.day, FREE)[1]
        return outcome


class NeverExpires(MemoryStore):
    """Keeps a hold's claim and forgets when it ends."""

    def claims(
        self, practice: str, resources: Collection[Resource], low: int, high: int
    ) -> Sequence[Claim]:
        found = super().claims(practice, resources, low, high)
        return [attrs.evolve(claim, expires=None) for claim in found]


class KeyOutsideTheTransaction(MemoryStore):
    """Looks for the key, does the work, and writes the key when it is done."""

    def apply(self, changeset: Changeset) -> Outcome:
        request = changeset.request
        if request is None:
            return super().apply(changeset)
        with self._lock:
            used = self._practice(changeset.practice)._used(request)
        if used is not None:
            return Repeated(used)
        elsewhere()
        outcome = super().apply(attrs.evolve(changeset, request=None))
        if outcome == Applied():
            with self._lock:
                receipt = Receipt(request.digest, request.result)
                self._practices[changeset.practice].receipts[request.scope] = (request, receipt)
        return outcome


class NoScheduleVersion(MemoryStore):
    """Guards records and minutes, and not what the schedule was."""

    def apply(self, changeset: Changeset) -> Outcome:
        guards = frozenset(
            guard for guard in changeset.guards if not isinstance(guard, ScheduleVersion)
        )
        elsewhere()
        return super().apply(attrs.evolve(changeset, guards=guards))


class LooksBeforeItCloses(MemoryStore):
    """Lists who stands in the way of a closure, and closes without having kept others out."""

    def apply(self, changeset: Changeset) -> Outcome:
        guards = frozenset(guard for guard in changeset.guards if not isinstance(guard, Standing))
        if guards == changeset.guards:
            return super().apply(changeset)
        with self._lock:
            outcome = self._practice(changeset.practice).against(changeset)
        if outcome != Applied():
            return outcome
        elsewhere()
        return super().apply(attrs.evolve(changeset, guards=guards))


class NumbersBeforeTheCommit(MemoryStore):
    """An identity column: the number is taken when the event is written, not when it is seen."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = count(1)
        self._seen: dict[str, list[NumberedEvent]] = {}
        self._guard = Lock()

    def apply(self, changeset: Changeset) -> Outcome:
        taken = [next(self._numbers) for _ in changeset.events]
        if taken and taken[0] % 2:
            elsewhere()
        outcome = super().apply(changeset)
        if outcome == Applied():
            with self._guard:
                some = self._seen.setdefault(changeset.practice, [])
                some += map(NumberedEvent, taken, changeset.events)
                some.sort(key=lambda one: one.number)
        return outcome

    def number_events(self, practice: str) -> int:
        with self._guard:
            return max((one.number for one in self._seen.get(practice, [])), default=0)

    def events(self, practice: str, *, after: int, limit: int) -> Sequence[NumberedEvent]:
        with self._guard:
            found = [one for one in self._seen.get(practice, []) if one.number > after]
        return found[:limit]


class CutsBeforeItFilters(MemoryStore):
    """Reads a page, and then leaves out what is not reached: pages are short before the end."""

    def page(self, practice: str, cls: type[StoredT], **more: Any) -> Sequence[StoredT]:
        within = more.pop("within", EVERYTHING)
        found = super().page(practice, cls, **more)
        reached = self.reached(practice, found, within)
        return [one for one in found if Ref.to(one) in reached]


BROKEN: Final[dict[str, Callable[[], MemoryStore]]] = {
    "check then insert": CheckThenInsert,
    "FOR UPDATE on existing appointments only": LocksWhatIsThere,
    "release without the ledger lock": ReleasesWithoutTheLock,
    "a hold that never expires": NeverExpires,
    "the key outside the transaction": KeyOutsideTheTransaction,
    "no schedule version": NoScheduleVersion,
    "a look before the closure": LooksBeforeItCloses,
    "outbox read by identity column": NumbersBeforeTheCommit,
    "a page cut before it is filtered": CutsBeforeItFilters,
}
