"""The worker of the waitlist: it ends what is over, and offers what is free to who comes first.

It looks at how things stand, and not at what happened: whatever freed some time, and whether it
was told or not, the next pass finds it. A pass that is killed leaves each of its steps done or
undone, and another pass does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from medsched.domain.changes import Changeset, Tally
from medsched.domain.events import Change
from medsched.domain.records import ResourceKind
from medsched.domain.stored import Kind
from medsched.domain.waitlist import (
    OfferStatus,
    WaitlistEntry,
    WaitlistOffer,
    WaitlistStatus,
    Worked,
)
from medsched.engine.booking import Plan, plan
from medsched.engine.waitlist import against_all, is_past
from medsched.engine.waitlist_turns import Answer, HandedOut, Opening, hand_out
from medsched.errors import MedschedError, NotFound, StorageBusy
from medsched.services.asked_for import Wanted
from medsched.services.context import Context
from medsched.services.effects import Effects
from medsched.services.gates import Gate
from medsched.services.snapshots import Snapshots
from medsched.services.waitlist_records import ORDER, WaitlistRecords
from medsched.timeline.instants import whole_minute

_LOOKS: Final = 8
"""How often it is looked anew in one pass because rivals changed something."""
_NOT_SHARED: Final = frozenset({ResourceKind.PROVIDER, ResourceKind.PATIENT})


class WaitlistWorker:
    """One pass over the waitlist of a practice, at the instant of its context."""

    def __init__(
        self,
        gate: Gate,
        context: Context,
        snapshots: Snapshots,
        due: datetime,
        lasting: timedelta,
        most: int,
    ) -> None:
        # All of a pass is decided at one instant, so that what expires meanwhile is the next one's.
        now = context.now()
        self._gate = gate
        self._clock = context.surroundings.clock
        self._due = WaitlistRecords(context.at(due), snapshots)
        self._records = WaitlistRecords(context.at(max(due, now)), snapshots)
        self._context = self._records.context
        self._lasting = lasting
        self._most = most
        self._failed: Exception | None = None

    def run(self) -> Worked:
        """End what has expired and what is past, then offer; see `Waitlist.work`."""
        records, now = self._due, self._due.context.now()
        live = records.all_of(WaitlistOffer)
        over = sorted((one.expires, one.id) for one in live if not one.is_live(now))
        expired, busy = self._each([partial(self._expire, id) for _, id in over])
        waiting = list(records.all_of(WaitlistEntry, status=WaitlistStatus.WAITING))
        past = [one.id for one in waiting if is_past(one, now)]
        lapsed, late = self._each([partial(self._lapse, id) for id in past])
        offered, more = self._serve() if len(waiting) > len(past) else (0, False)
        if self._failed is not None:
            raise self._failed
        return Worked(offered=offered, expired=expired, lapsed=lapsed, more=more or busy or late)

    def _each(self, steps: list[Callable[[], tuple[int, Changeset | None]]]) -> tuple[int, bool]:
        """Do each step in a changeset of its own; how many did something, and were there rivals."""
        done, busy = 0, False
        for step in steps:
            try:
                done += self._context.commit(self._gate, step)
            except StorageBusy:  # a rival is at it, and another pass will see what came of it
                busy = True
        return done, busy

    # ---------------------------------------------------------------------- ending

    def _expire(self, id: str) -> tuple[int, Changeset | None]:
        records, now = self._due, self._due.context.now()
        offer = records.get(WaitlistOffer, id)
        if offer.status is not OfferStatus.LIVE:
            return 0, None
        entry = records.get(WaitlistEntry, offer.entry)
        effects = records.given_back([offer], now)
        effects += records.ended(offer, OfferStatus.EXPIRED, now)
        effects += records.returned(entry, offer.slot, now)
        return 1, records.bookings.changes(effects, now)

    def _lapse(self, id: str) -> tuple[int, Changeset | None]:
        records, now = self._due, self._due.context.now()
        entry = records.get(WaitlistEntry, id)
        if entry.status is not WaitlistStatus.WAITING or not is_past(entry, now):
            return 0, None
        effects = records.stepped(entry, WaitlistStatus.LAPSED, now)
        return 1, records.bookings.changes(effects, now)

    # -------------------------------------------------------------------- offering

    def _serve(self) -> tuple[int, bool]:
        """Offer what is free; how often, and whether there may be more to do.

        It is looked at anew where the order moved meanwhile, and where a packed grid did, or
        something was found taken, with which such a grid moves.
        """
        offered = idle = 0
        while idle < _LOOKS:
            found, packed = self._look(self._most - offered)
            offered += found.offered
            if not found.moved:
                return offered, found.full
            if not (packed and found.offered):
                idle += 1
        return offered, True

    def _look(self, most: int) -> tuple[HandedOut, bool]:
        """Read who waits, and what is free for all of them together; offer that."""
        records = self._records
        order = records.counted(ORDER)
        found = records.all_of(WaitlistEntry, status=WaitlistStatus.WAITING)
        waiting = [one for one in found if not is_past(one, self._context.now())]
        packed = records.any_packed({one.type for one in waiting})
        offer = partial(self._offer, order)
        done = hand_out(
            waiting, records.free(waiting), offer, self._theirs, most=most, packed=packed
        )
        return done, packed

    def _theirs(self, entry: WaitlistEntry, since: Opening) -> Iterator[Opening]:
        try:
            yield from self._records.theirs(entry, since)
        except MedschedError:
            raise
        except Exception as error:  # as in `_offer`
            self._failed = self._failed or error

    def _offer(self, order: int, entry: WaitlistEntry, opening: Opening) -> Answer:
        """Offer a slot to an entry whose turn it is, as long as it still is."""
        records, now = self._records, self._context.now()
        start = whole_minute(opening.start, "start")
        wish = records.wish(entry, Wanted(opening.provider, opening.type, start, opening.location))
        id = self._context.surroundings.ids.new(Kind.WAITLIST_OFFER)

        def decide() -> tuple[Answer, Changeset | None]:
            if records.counted(ORDER) != order or records.get(WaitlistEntry, entry.id) != entry:
                return Answer.MOVED, None
            try:
                asked = records.bookings.ask(wish, now)
            except NotFound:
                return Answer.GONE, None
            planned = plan(asked.inquiry, start, places=wish.slot.places)
            # A pass may take a while, and who is offered something has all the time that is said.
            at = max(now, self._clock.now())
            if opening.start <= at:
                return Answer.GONE, None  # there is no time to answer
            if not isinstance(planned, Plan):
                return (Answer.GONE if against_all(planned) else Answer.NOT_THEIRS), None
            _, hold, effects = records.offering(
                entry, wish, asked, planned, at, id=id, lasting=self._lasting
            )
            effects += Effects(tallies=[Tally(ORDER, 0, before=order)])
            _, changes = records.bookings.placed(
                asked, planned, hold, Change.HELD, now, instead=effects
            )
            own = all(span.resource.kind in _NOT_SHARED for span in planned.spans)
            return (Answer.OFFERED if own else Answer.SHARED), changes

        try:
            return self._context.commit(self._gate, decide)
        except StorageBusy:
            return Answer.MOVED
        except MedschedError:
            raise
        except Exception as error:  # of a rule of the house's, which is no fault of the others'
            self._failed = self._failed or error
            return Answer.PASSED_OVER
