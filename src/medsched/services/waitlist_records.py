"""The records of the waitlist: how they are read, and what each step makes of them.

Two tallies keep rivals apart. One counts what may bring somebody before others: who decides whose
turn it is reads it first, and offers only while it is unchanged. The other counts, for each patient
and type, who joins and who is booked, so that of two such at once one looks again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final, TypeVar

import attrs

from medsched.domain.appointment_types import AppointmentType, GridKind
from medsched.domain.changes import Tally
from medsched.domain.events import Change, Event
from medsched.domain.fields import LONGEST_DURATION
from medsched.domain.holds import Hold
from medsched.domain.slots import Slot
from medsched.domain.stored import Kind, Ref, kind_of
from medsched.domain.tallies import tally_name
from medsched.domain.waitlist import (
    STILL_WAITING,
    OfferStatus,
    PassedSlot,
    WaitlistEntry,
    WaitlistOffer,
    WaitlistStatus,
)
from medsched.engine.booking import Plan
from medsched.engine.waitlist import search_for, search_of_patient
from medsched.engine.waitlist_turns import Opening
from medsched.errors import InvalidDuration, NotFound
from medsched.services.asked_for import Details, Wanted, Wish
from medsched.services.bookings import ALTERNATIVES, Bookings
from medsched.services.context import Context
from medsched.services.effects import Effects
from medsched.services.gates import Gate
from medsched.services.inquiries import Asked
from medsched.services.keeping import hold_of
from medsched.services.searches import Searches
from medsched.services.snapshots import Snapshots
from medsched.timeline.instants import instant_of

RecordT = TypeVar("RecordT", WaitlistEntry, WaitlistOffer)
ORDER: Final = tally_name("waitlist order")
"""The tally of what may have moved the order."""
MOVED: Final = Tally(ORDER, 1)
"""That somebody may come before others."""
_ENDS = {
    OfferStatus.ACCEPTED: Change.ACCEPTED,
    OfferStatus.DECLINED: Change.DECLINED,
    OfferStatus.EXPIRED: Change.EXPIRED,
    OfferStatus.WITHDRAWN: Change.WITHDRAWN,
}
_STEPS = {
    WaitlistStatus.WAITING: Change.RETURNED,
    WaitlistStatus.OFFERED: Change.OFFERED,
    WaitlistStatus.BOOKED: Change.BOOKED,
    WaitlistStatus.LEFT: Change.LEFT,
    WaitlistStatus.LAPSED: Change.LAPSED,
    WaitlistStatus.REMOVED: Change.REMOVED,
}
"""What happened to an entry that came into a status."""


class WaitlistRecords:
    """Entries and offers of one practice."""

    def __init__(self, context: Context, snapshots: Snapshots) -> None:
        self.context = context
        self.bookings = Bookings(context, snapshots)
        self._searches = Searches(context.inside(), snapshots)

    # -------------------------------------------------------------------- reading

    def get(self, cls: type[RecordT], id: str) -> RecordT:
        """An entry or an offer; `NotFound`."""
        found = self.context.kept(cls, id)
        if found is None:
            raise NotFound(kind_of(cls).value, id)
        return found

    def seen(self, gate: Gate, cls: type[RecordT], id: str) -> RecordT:
        """The same, for who sees it; `NotFound`."""
        return self.context.held(gate, cls, id)

    def all_of(
        self, cls: type[RecordT], *, active: bool | None = True, **where: object
    ) -> Iterator[RecordT]:
        """All entries or offers that match, read a page at a time."""
        return self.context.records(cls, active=active, where=where)

    def counted(self, tally: str) -> int:
        """What is counted under a name."""
        return self.context.store.tallies(self.context.practice, [tally])[tally]

    def free(self, entries: Collection[WaitlistEntry]) -> Iterator[Iterable[Opening]]:
        """What is free that some entries may wish for, of all their types, a UTC day at a time."""
        now = self.context.now()
        search = search_for(entries, now)
        if search is None:
            return iter(())
        return (map(Opening.of, day) for day in self._searches.days(search, now=now))

    def theirs(self, entry: WaitlistEntry, since: Opening) -> Iterator[Opening]:
        """What the patient of an entry can have of what is free, from an opening on."""
        now = self.context.now()
        search = search_of_patient(entry, since.day, now)
        if search is None:
            return iter(())
        return map(Opening.of, self._searches.found(search, now=now))

    def any_packed(self, types: Iterable[str]) -> bool:
        """Whether some of these types have a packed grid, which moves with what is taken."""
        refs = {Ref(Kind.APPOINTMENT_TYPE, code) for code in types}
        found = self.context.store.get_many(self.context.practice, refs) if refs else {}
        return any(
            isinstance(one, AppointmentType) and one.grid.kind is GridKind.PACKED
            for one in found.values()
        )

    def alternatives(self, entry: WaitlistEntry) -> tuple[Slot, ...]:
        """The first slots that are free now and that an entry wishes for."""
        now = self.context.now()
        search = search_for([entry], now)
        if search is None:
            return ()
        own = attrs.evolve(search, patient=entry.patient)
        return tuple(islice(self._searches.found(own, now=now), ALTERNATIVES))

    # -------------------------------------------------------------------- changing

    def revised(
        self, entry: WaitlistEntry, status: WaitlistStatus, now: datetime, **changes: Any
    ) -> WaitlistEntry:
        """An entry as it is next. What it passed is forgotten once that is past."""
        active = status in STILL_WAITING
        passed = changes.pop("passed", entry.passed)
        return attrs.evolve(
            entry,
            **changes,
            status=status,
            active=active,
            passed=[one for one in passed if one.start > now],
            ended_at=None if active else now,
            version=entry.version + 1,
            updated_at=now,
            updated_by=self.context.principal.id,
        )

    def stepped(
        self, entry: WaitlistEntry, status: WaitlistStatus, now: datetime, **changes: Any
    ) -> Effects:
        """What it changes that an entry comes into a status."""
        changes.setdefault("offer", None)
        new = self.revised(entry, status, now, **changes)
        return Effects(writes=[new], events=[Event.of(_STEPS[status], new)])

    def returned(self, entry: WaitlistEntry, passed: PassedSlot, now: datetime) -> Effects:
        """What it changes that an entry did not take a slot, and waits again."""
        waits = self.stepped(entry, WaitlistStatus.WAITING, now, passed=(*entry.passed, passed))
        return waits + Effects(tallies=[MOVED])

    def ended(
        self,
        offer: WaitlistOffer,
        status: OfferStatus,
        now: datetime,
        **changes: Any,
    ) -> Effects:
        """What it changes of an offer that it is over; its hold is not said."""
        new = attrs.evolve(
            offer,
            **changes,
            status=status,
            active=False,
            ended_at=now,
            version=offer.version + 1,
            updated_at=now,
            updated_by=self.context.principal.id,
        )
        return Effects(writes=[new], events=[Event.of(_ENDS[status], new)])

    def given_back(self, offers: list[WaitlistOffer], now: datetime) -> Effects:
        """What it changes that the slots of some offers are kept no more.

        Whoever found a hold expired may have taken it away already.
        """
        found = [self.context.kept(Hold, one.id) for one in offers]
        holds = [one for one in found if one is not None]
        lapsed = [one for one in holds if not one.is_live(now)]
        live = [one for one in holds if one.is_live(now)]
        gone = Effects(
            removals=live,
            releases=[claim for hold in live for claim in hold.claims],
            events=[Event.of(Change.RELEASED, hold) for hold in live],
        )
        return self.bookings.swept(lapsed) + self.bookings.seats.leave(live) + gone

    # -------------------------------------------------------------------- offering

    def offering(
        self,
        entry: WaitlistEntry,
        wish: Wish,
        asked: Asked,
        planned: Plan,
        now: datetime,
        *,
        id: str,
        lasting: timedelta,
        reason: str = "",
        by_hand: bool = False,
    ) -> tuple[WaitlistOffer, Hold, Effects]:
        """An offer of a slot to an entry, its hold, and what else that changes.

        An offer never lasts beyond the start of its slot.
        """
        context = self.context
        start, end = instant_of(planned.start), instant_of(planned.end)
        expires = min(now + lasting, start)
        details: Details = {
            "id": id,
            "referral": entry.referral,
            "prepayment": entry.prepayment,
        }
        hold = hold_of(self.bookings, wish, details, planned, now, expires, offer=id)
        offer = WaitlistOffer(
            id=id,
            entry=entry.id,
            patient=entry.patient,
            provider=hold.provider,
            type=entry.type,
            location=hold.location,
            start=start,
            end=end,
            wall=hold.wall,
            offered_at=now,
            expires=expires,
            by_hand=by_hand,
            reason=reason,
            version=1,
            created_at=now,
            updated_at=now,
            created_by=context.principal.id,
            updated_by=context.principal.id,
        )
        effects = Effects(writes=[offer], events=[Event.of(Change.OFFERED, offer)])
        effects += self.stepped(entry, WaitlistStatus.OFFERED, now, offer=id)
        return offer, hold, effects

    def wish(self, entry: WaitlistEntry, wanted: Wanted) -> Wish:
        """A slot for the patient of an entry."""
        return Wish(
            wanted,
            patient=entry.patient,
            referred=bool(entry.referral),
            prepaid=bool(entry.prepayment),
        )


def joins_of(patient: str, type: str) -> str:
    """The tally of a patient's joining and being booked, for a type."""
    return tally_name("waitlist joins", patient, type)


def check_lasting(lasting: timedelta) -> None:
    """`InvalidDuration` for no time at all, or more than seven days."""
    if not (isinstance(lasting, timedelta) and timedelta(0) < lasting <= LONGEST_DURATION):
        why = f"longer than nothing and at most {LONGEST_DURATION.days} days"
        raise InvalidDuration("lasting", lasting, why)
