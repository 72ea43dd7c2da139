"""Following availability: what to ask again, for UIs and caches."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import attrs

from medsched.domain.availability_changes import (
    ANYTHING,
    AvailabilityChange,
    ChangesPage,
    told_of,
)
from medsched.domain.pages import cursor, read_cursor
from medsched.domain.requests import Request
from medsched.engine.altered import altered_starts
from medsched.engine.inquiry import Inquiry
from medsched.errors import InvalidCursor, InvalidNumber
from medsched.services.context import Context
from medsched.services.inquiries import Inquiries
from medsched.services.queries import MOST
from medsched.services.snapshots import Snapshots
from medsched.timeline.instants import instant_of

_WHOLE: Final = 0
"""How many changes of a changeset were told, where all of them were."""


class Changes:
    """The changes of one practice's availability, in an order that never changes.

    Call it with the cursor that it gave last: it misses none, and tells none twice. No change
    names a patient, a reason, whoever made it or a booking. What it cannot know, it does not tell:
    that time passes (a hold expires at an instant that was told when it was placed), what a rule of
    the host's own has come to say, and that a database was repaired.
    """

    def __init__(self, context: Context, snapshots: Snapshots) -> None:
        self._context = context
        self._inquiries = Inquiries(context, snapshots)

    def __call__(self, since: str | None = None, *, limit: int = MOST) -> ChangesPage:
        """The first ``limit`` (1 to 1000) changes after a cursor, in the order of commits.

        Without a cursor, the only change is that anything may have changed, and the page's
        ``next`` is `latest`: whoever follows begins so, asks for all that it shows, and goes on
        from there. What an earlier release changed meanwhile is told as anything, too.

        `InvalidNumber` for a limit out of bounds; `InvalidCursor` for a cursor that this practice
        did not give, as one is that is ahead of a database brought back from a backup.
        """
        if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= MOST:
            raise InvalidNumber("limit", limit, f"1 to {MOST} at a time")
        if since is None:
            now = self.latest()
            return ChangesPage((attrs.evolve(ANYTHING, cursor=now),), now)
        store, practice = self._context.store, self._context.practice
        last = store.number_events(practice)
        number, done = self._place(since, last)
        after = number if done == _WHOLE else number - 1
        rows = store.changes(practice, after=after, limit=limit)
        found = list[AvailabilityChange]()
        for row in rows:
            told = told_of(row.touched)
            for count, change in enumerate(told, 1):
                if row.number == number and count <= done:
                    continue
                at = self._cursor(row.number, _WHOLE if count == len(told) else count)
                if change == ANYTHING and found and found[-1].kind is ANYTHING.kind:
                    found.pop()  # to be told it twice in a row is of no use
                if len(found) == limit:
                    return ChangesPage(tuple(found), found[-1].cursor)
                found.append(attrs.evolve(change, cursor=at))
        # With all of the rows, what others have numbered since is among them, or changes nothing.
        read = max((row.number for row in rows), default=0)
        return ChangesPage(
            tuple(found), self._cursor(max(last, read) if len(rows) < limit else read)
        )

    def latest(self) -> str:
        """The cursor of now: read what you show after you took it, then follow from it."""
        return self._cursor(self._context.store.number_events(self._context.practice))

    def starts(
        self, provider: str, type: str, changes: Iterable[AvailabilityChange]
    ) -> tuple[tuple[datetime, datetime], ...]:
        """Where some changes can have altered the slots of a provider for an appointment type.

        Stretches [start, end) in order, aware and in UTC, that do not overlap; none if they
        concern other slots. Slots whose start lies elsewhere are what they were. Worked out from
        the schedule as it is now: how far a slot and its buffers reach, the rooms, devices and
        places that it may take, the days and weeks of which a rule caps the visits. `NotFound`
        for an unknown provider or type, whose slots are none.
        """
        snapshot = self._inquiries.snapshot(provider, type)
        asked = Inquiry(snapshot.schedule, Request(snapshot.type), self._context.zones)
        found = altered_starts(asked, snapshot.versions.keys(), changes)
        return tuple((instant_of(low), instant_of(high)) for low, high in found)

    def _cursor(self, number: int, done: int = _WHOLE) -> str:
        """The cursor after a changeset, or after so many of the changes that it told."""
        return cursor(self._scope, f"{number} {done}")

    def _place(self, text: str, last: int) -> tuple[int, int]:
        """The changeset that a cursor is after, and how many of its changes if not of all."""
        try:
            number, done = map(int, read_cursor(self._scope, text).split())
        except ValueError as error:
            if isinstance(error, InvalidCursor):
                raise
            number, done = -1, _WHOLE
        if not 0 <= number <= last or done < 0:
            why = "it is not of this practice, or ahead of all that happened here"
            raise InvalidCursor("cursor", text, why)
        return number, done

    @property
    def _scope(self) -> str:
        return f"changes of {self._context.practice}"
