"""The line of the waitlist: who is in it, in which order, and how long it may take."""

from __future__ import annotations

from functools import partial

from medsched.domain.stored import Kind
from medsched.domain.waitlist import (
    OfferStatus,
    WaitlistEntry,
    WaitlistOffer,
    WaitlistPosition,
    WaitlistStatus,
    month_of,
)
from medsched.engine.slots import list_slots
from medsched.engine.waitlist import LATELY, competes, estimated, in_order, turn
from medsched.engine.waitlist_turns import Opening, suits
from medsched.services.asked_for import SlotLike, Wish
from medsched.services.waitlist_offers import WaitlistOffers
from medsched.timeline.instants import instant_of


class WaitlistLine(WaitlistOffers):
    """Who waits in one practice, and in which order they are served."""

    def waiting(self, type: str, *, provider: str | None = None) -> tuple[WaitlistEntry, ...]:
        """All who wait for a type, in the order that they are served in; those with an offer too.

        With a ``provider`` those whom that provider's time may be offered to.
        """
        gate = self._context.admit("waitlist.waiting")
        found = self._records.all_of(WaitlistEntry, type=type)
        theirs = gate.reached(
            one
            for one in found
            if provider is None or not one.providers or provider in one.providers
        )
        return gate.shown(in_order(theirs))

    def eligible(self, slot: SlotLike) -> tuple[WaitlistEntry, ...]:
        """Those whom a slot may be offered to, in their order: it suits them, and they wait.

        Whether it is free is not asked, nor anything of the patients: those who have something else
        then, and those who are not active, are told too.
        `BookingRefused` for what is no slot, `InvalidSlotId`.
        """
        gate = self._context.admit("waitlist.eligible")
        wanted, now = self._bookings.wanted(slot), self._context.now()
        wish = Wish(wanted)
        asked = self._bookings.ask(wish, now)
        low, high = instant_of(wanted.start), instant_of(wanted.start + 1)
        found = [
            one
            for one in list_slots(asked.inquiry, low, high, taken=True)
            if wanted.places is None or one.location in wanted.places
        ]
        if not found:
            # This says why there is none.
            gate.hushed(partial(self._bookings.decide, wish, now))
        status = WaitlistStatus.WAITING
        waiting = self._records.all_of(WaitlistEntry, type=wanted.type, status=status)
        one = Opening.of(found[0])
        theirs = gate.reached(entry for entry in waiting if suits(entry, one))
        return gate.shown(in_order(theirs))

    def position(self, entry: WaitlistEntry | str) -> WaitlistPosition:
        """Where an entry stands, and a fair estimate of how long it has to wait.

        It is counted among those who wait for the same type, and have some provider and some
        date in common with it, patients who are not active among them. See `WaitlistPosition` for
        the estimate. `NotWaiting` once it is over.
        """
        gate = self._context.admit("waitlist.position", Kind.WAITLIST_ENTRY, entry)
        records = self._records
        own = gate.show(self._waiting(gate, entry))
        waiting = records.all_of(WaitlistEntry, type=own.type, status=WaitlistStatus.WAITING)
        rivals = [one for one in waiting if one.id != own.id and competes(own, one)]
        before = sum(turn(one) < turn(own) for one in rivals)
        accepted = self._lately(own)
        return WaitlistPosition(
            entry=own.id,
            position=before + 1,
            among=len(rivals) + 1,
            accepted=accepted,
            estimate=estimated(before + 1, accepted),
        )

    def _lately(self, entry: WaitlistEntry) -> int:
        """How many offers were accepted lately that an entry could have had, by provider."""
        now = self._context.now()
        since = now - LATELY
        accepted = (
            offer
            for month in sorted({month_of(since), month_of(now)})
            for offer in self._records.all_of(
                WaitlistOffer,
                active=False,
                type=entry.type,
                status=OfferStatus.ACCEPTED,
                ended_in=month,
            )
        )
        return sum(
            one.ended_at is not None
            and since < one.ended_at <= now
            and (not entry.providers or one.provider in entry.providers)
            for one in accepted
        )
