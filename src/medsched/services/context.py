"""What every service has in hand: one practice, its store, and the outside world."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeVar

import attrs

from medsched.domain.changes import Applied, Changeset
from medsched.domain.fields import an_id
from medsched.errors import StorageBusy
from medsched.ports.store import Store
from medsched.ports.surroundings import Surroundings
from medsched.ports.zones import ZoneSource

T = TypeVar("T")
RETRIES: Final = 5
"""How often a command reads and decides again after it came too late."""


@attrs.frozen
class Context:
    """One practice in one store."""

    practice: str = attrs.field(validator=an_id)
    store: Store
    surroundings: Surroundings

    @property
    def zones(self) -> ZoneSource:
        """Where zones come from."""
        return self.surroundings.zones

    def now(self) -> datetime:
        """The present instant, aware and in UTC."""
        return self.surroundings.clock.now()

    def commit(self, operation: str, decide: Callable[[], tuple[T, Changeset | None]]) -> T:
        """Read, decide, apply; again from the start when the world moved meanwhile.

        ``decide`` reads, and returns the result and the changeset that brings it about,
        None where there is nothing to do. What it raises goes to the caller: nothing was
        written. `StorageBusy`, naming the ``operation``, when all tries came too late.
        """
        for tries in range(1, RETRIES + 2):
            result, changeset = decide()
            if changeset is None or isinstance(self.store.apply(changeset), Applied):
                return result
            if tries <= RETRIES:
                self.surroundings.pauses.pause(tries)
        raise StorageBusy(operation, RETRIES + 1)
