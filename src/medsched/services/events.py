"""Following what happens in a practice."""

from __future__ import annotations

from collections.abc import Sequence

from medsched.domain.events import NumberedEvent
from medsched.errors import InvalidNumber
from medsched.services.context import Context
from medsched.services.queries import MOST


class Events:
    """The events of one practice, in an order that never changes."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def after(self, number: int = 0, *, limit: int = MOST) -> Sequence[NumberedEvent]:
        """The first ``limit`` (1 to 1000) events after a number, in order; 0 begins at the first.

        Whoever keeps the number of the last event it worked on misses none and sees none
        twice: numbers are given once a change is committed, without gaps, and never again.
        `InvalidNumber` for a number below 0 or a limit out of bounds.
        """
        self._context.admit("event.list")
        if not isinstance(number, int) or isinstance(number, bool) or number < 0:
            raise InvalidNumber("number", number, "a whole number, 0 or above")
        if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= MOST:
            raise InvalidNumber("limit", limit, f"1 to {MOST} at a time")
        store, practice = self._context.store, self._context.practice
        store.number_events(practice)
        return store.events(practice, after=number, limit=limit)
