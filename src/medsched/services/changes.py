"""Following availability: what to ask again, for UIs and caches."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Final, NamedTuple

import attrs

from medsched.domain.availability_changes import (
    ANYTHING,
    AvailabilityChange,
    ChangesPage,
    NumberedTouch,
    TouchedTime,
    ending_by_itself,
    told_of,
)
from medsched.domain.claims import Span
from medsched.domain.holds import Hold
from medsched.domain.pages import cursor, read_cursor
from medsched.domain.records import ResourceKind
from medsched.domain.requests import Request
from medsched.domain.sessions import GroupSession
from medsched.domain.stored import Kind, Ref
from medsched.engine.altered import altered_starts, stretches_of
from medsched.engine.inquiry import Inquiry
from medsched.errors import InvalidChoice, InvalidCursor, InvalidNumber
from medsched.services.context import Context
from medsched.services.inquiries import Inquiries
from medsched.services.queries import MOST
from medsched.services.snapshots import Snapshots
from medsched.timeline.instants import instant_of

_WHOLE: Final = 0
"""How many changes of a changeset were told, where all of them were."""
_FIRST: Final = ""
"""Comes before every name in `ending_by_itself`."""


class _Place(NamedTuple):
    """After which changeset a cursor is, or after how many of its changes if not of all.

    ``held``: after which of the holds that are told beside "anything"; None if that is not so, or
    after all of them.
    """

    number: int
    done: int = _WHOLE
    held: str | None = None


class Changes:
    """The changes of one practice's availability, in an order that never changes.

    Call it with the cursor that it gave last: it misses none, and tells none twice. No change
    names a patient, a reason, whoever made it or a booking. What it cannot know, it does not tell:
    that time passes (a hold expires at an instant that was told before; what is past, notice, how
    far ahead, and release rules that open follow from the time alone), what a rule of the host's
    own has come to say, and that a database was repaired.
    """

    def __init__(self, context: Context, snapshots: Snapshots) -> None:
        self._context = context
        self._inquiries = Inquiries(context, snapshots)

    def __call__(self, since: str | None = None, *, limit: int = MOST) -> ChangesPage:
        """The first ``limit`` (1 to 1000) changes after a cursor, in the order of commits.

        Without a cursor you are told that anything may have changed, then where time is held just
        now and until when, and nothing else: whoever follows begins so, asks for all that it
        shows, and goes on from there. What an earlier release changed meanwhile is told as
        anything, too, with what is held by now after it.

        `InvalidNumber` for a limit out of bounds; `InvalidCursor` for a cursor that this practice
        did not give, as one is that is ahead of a database brought back from a backup.
        """
        self._context.admit("changes.follow")
        if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= MOST:
            raise InvalidNumber("limit", limit, f"1 to {MOST} at a time")
        store, practice = self._context.store, self._context.practice
        last = store.number_events(practice)
        if since is None:
            begun = tuple(islice(self._anything(last), limit))
            return ChangesPage(begun, begun[-1].cursor)
        place = self._place(since, last)
        after = place.number if place.done == _WHOLE else place.number - 1
        rows = store.changes(practice, after=after, limit=limit)
        found = tuple(islice(self._after(place, rows), limit + 1))
        if len(found) > limit:
            return ChangesPage(found[:limit], found[limit - 1].cursor)
        # With all of the rows, what others have numbered since is among them, or changes nothing.
        read = max((row.number for row in rows), default=0)
        return ChangesPage(found, self._cursor(max(last, read) if len(rows) < limit else read))

    def _after(self, place: _Place, rows: Sequence[NumberedTouch]) -> Iterator[AvailabilityChange]:
        """What is told after a cursor."""
        if place.held is not None:
            yield from self._anything(place.number, place.held)
        for at, row in enumerate(rows, 1):
            if row.touched is None:  # to be told it twice in a row is of no use
                if at == len(rows) or rows[at].touched is not None:
                    yield from self._anything(row.number)
                continue
            told = told_of(row.touched)
            for count, change in enumerate(told, 1):
                if row.number != place.number or count > place.done:
                    done = _WHOLE if count == len(told) else count
                    yield attrs.evolve(change, cursor=self._cursor(row.number, done))

    def _anything(self, number: int, after: str | None = None) -> Iterator[AvailabilityChange]:
        """That anything may have changed, and what is held just now.

        ``after``: what of that was told already, by its name.
        """
        named = {_FIRST: ANYTHING, **ending_by_itself(self._held())}
        left = [name for name in named if after is None or name > after]
        for name in left:
            held = None if name == left[-1] else name
            yield attrs.evolve(named[name], cursor=self._cursor(number, held=held))

    def _held(self) -> Iterator[TouchedTime]:
        """The time that live holds take, or a seat in."""
        store, practice, now = self._context.store, self._context.practice, self._context.now()
        after: str | None = None
        while True:
            page = store.page(practice, Hold, active=None, where={}, after=after, limit=MOST)
            live = [hold for hold in page if hold.is_live(now)]
            refs = {Ref(Kind.SESSION, one.session) for one in live if one.session is not None}
            rows = store.get_many(practice, refs) if refs else {}
            sessions = {one.id: one for one in rows.values() if isinstance(one, GroupSession)}
            for hold in live:
                shared = [] if hold.session is None else _ending(sessions.get(hold.session), hold)
                for span in (*hold.spans, *shared):
                    yield TouchedTime(*span, hold.expires)
            if len(page) < MOST:
                return
            after = page[-1].id

    def latest(self) -> str:
        """The cursor of now: read what you show after you took it, then follow from it."""
        self._context.admit("changes.follow")
        return self._cursor(self._context.store.number_events(self._context.practice))

    def starts(
        self, provider: str, type: str, changes: Iterable[AvailabilityChange]
    ) -> tuple[tuple[datetime, datetime], ...]:
        """Where some changes can have altered the slots of a provider for an appointment type.

        Stretches [start, end) in order, aware and in UTC, that do not overlap; none if they
        concern other slots. Slots whose start lies elsewhere are what they were. Worked out from
        the schedule as it is now: how far a slot and its buffers reach, the rooms, devices and
        places that it may take, the days and weeks of which a rule caps the visits. `NotFound`
        for an unknown provider or type, whose slots are none; `InvalidChoice` for what is no
        change.
        """
        self._context.admit("changes.follow")
        snapshot = self._inquiries.snapshot(provider, type)
        asked = Inquiry(snapshot.schedule, Request(snapshot.type), self._context.zones)
        told = list(changes)
        for one in told:
            if not isinstance(one, AvailabilityChange):
                why = "changes as `changes` tells them are needed"
                raise InvalidChoice("changes", builtins.type(one).__name__, why)
        asked = self._inquiries.with_sessions(asked, stretches_of(asked, told))
        found = altered_starts(asked, snapshot.versions.keys(), told)
        return tuple((instant_of(low), instant_of(high)) for low, high in found)

    def _cursor(self, number: int, done: int = _WHOLE, held: str | None = None) -> str:
        """The cursor of a place."""
        return cursor(self._scope, f"{number} {done}" + ("" if held is None else f" {held}"))

    def _place(self, text: str, last: int) -> _Place:
        """The place of a cursor."""
        try:
            number, done, *held = read_cursor(self._scope, text).split(" ", 2)
            place = _Place(int(number), int(done), *held)
        except ValueError as error:
            if isinstance(error, InvalidCursor):
                raise
            place = _Place(-1)
        wrong = place.done < 0 or (place.done != _WHOLE and place.held is not None)
        if wrong or not 0 <= place.number <= last:
            why = "it is not of this practice, or ahead of all that happened here"
            raise InvalidCursor("cursor", text, why)
        return place

    @property
    def _scope(self) -> str:
        return f"changes of {self._context.practice}"


def _ending(session: GroupSession | None, hold: Hold) -> list[Span]:
    """The time in which a seat ends with a hold, and all of it where the session does."""
    if session is None:
        return []
    whole = session.expires == hold.expires
    return [one for one in session.spans if whole or one.resource.kind is ResourceKind.PROVIDER]
