"""Offers of the waitlist: made by hand, taken back, declined and accepted."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import attrs

from medsched.domain.appointments import Appointment
from medsched.domain.changes import Changeset, RowVersion, Tally
from medsched.domain.events import Change
from medsched.domain.fields import check_id
from medsched.domain.holds import Hold
from medsched.domain.people import Patient
from medsched.domain.records import Identified
from medsched.domain.refusals import BookingRefused, OfferExpired
from medsched.domain.stored import Kind, Ref, Stored, kind_of
from medsched.domain.waitlist import (
    STILL_WAITING,
    THIRTY_MINUTES,
    OfferStatus,
    WaitlistEntry,
    WaitlistOffer,
    WaitlistStatus,
)
from medsched.engine.booking import inactive
from medsched.errors import (
    AlreadyOffered,
    InvalidChoice,
    InvalidInterval,
    InvalidText,
    NotWaiting,
    OfferClosed,
    VersionConflict,
)
from medsched.services.asked_for import Details, SlotLike
from medsched.services.context import Context
from medsched.services.effects import Effects
from medsched.services.gates import Gate
from medsched.services.keeping import confirmed
from medsched.services.new_ids import NewIds
from medsched.services.queries import OfferQuery
from medsched.services.records import Listing
from medsched.services.snapshots import Snapshots
from medsched.services.waitlist_records import (
    WaitlistRecords,
    check_lasting,
    joins_of,
)
from medsched.timeline.instants import instant_of

RecordT = TypeVar("RecordT", WaitlistEntry, WaitlistOffer)

_ANOTHERS: Final = "the offer is to another patient"


class WaitlistOffers:
    """The offers of one practice, and what patients and staff say to them."""

    def __init__(self, context: Context, snapshots: Snapshots) -> None:
        self._context = context
        self._snapshots = snapshots
        self._records = WaitlistRecords(context, snapshots)
        self._bookings = self._records.bookings
        self.offers = Listing(context, WaitlistOffer, OfferQuery)
        """What was offered, the live offers unless others are asked for."""

    # --------------------------------------------------------------------- offering

    def offer(
        self,
        entry: WaitlistEntry | str,
        slot: SlotLike,
        *,
        reason: str,
        lasting: timedelta = THIRTY_MINUTES,
        idempotency_key: str | None = None,
    ) -> WaitlistOffer:
        """Offer a free slot to somebody out of order, for a reason of up to 500 characters.

        The slot need not be what they wished for, and may be one that they passed before. It lasts
        as long as is said, at most seven days, and never beyond the start.

        `AlreadyOffered` for an entry that has a live offer, `NotWaiting` for one that is over;
        `BookingRefused`, with the next free slots, for a slot that this patient cannot have;
        `InvalidChoice` for one of another type, `InvalidInterval` for one that begins now;
        `InvalidText` for no reason; `InvalidDuration`.
        """
        gate = self._context.admit("waitlist.offer", Kind.WAITLIST_ENTRY, entry)
        check_lasting(lasting)
        if not isinstance(reason, str) or not reason.strip():
            size = len(reason) if isinstance(reason, str) else type(reason).__name__
            raise InvalidText("reason", size, "an offer by hand needs a reason")
        records, bookings, now = self._records, self._bookings, self._context.now()
        wanted, of = bookings.wanted(slot), id_of(entry)
        said = {"entry": of, "slot": wanted.plain(), "reason": reason, "lasting": lasting}
        ids = NewIds(self._context, Kind.WAITLIST_OFFER, gate.operation, idempotency_key)

        def decide() -> tuple[WaitlistOffer, Changeset]:
            own = self._waiting(gate, entry)
            (id,) = ids.to_make()
            over = Effects()
            if own.offer is not None:
                past = records.get(WaitlistOffer, own.offer)
                if past.is_live(now):
                    raise AlreadyOffered(own.id, past.id)
                # No worker came by since it expired: it is over all the same.
                over = records.ended(past, OfferStatus.EXPIRED, now)
                own = attrs.evolve(own, passed=(*own.passed, past.slot))
            if wanted.type != own.type:
                raise InvalidChoice("slot", wanted.type, f"the entry waits for a {own.type}")
            wish = records.wish(own, wanted)
            asked, planned = bookings.decide(wish, now)
            if instant_of(planned.start) <= now:
                stretch = (now, instant_of(planned.start))
                raise InvalidInterval("slot", stretch, "it begins, and there is no time to answer")
            made, hold, effects = records.offering(
                own,
                wish,
                asked,
                planned,
                now,
                id=id,
                lasting=lasting,
                reason=reason,
                by_hand=True,
            )
            _, changes = bookings.placed(
                asked, planned, hold, Change.HELD, now, instead=over + effects
            )
            return made, changes

        return self._run(gate, WaitlistOffer, ids.made, idempotency_key, said, now, decide)

    def withdraw(
        self, offer: WaitlistOffer | str, *, idempotency_key: str | None = None
    ) -> WaitlistOffer:
        """Take an offer back: its slot is free, and its entry waits, for another slot.

        One that is over stays what it is; `OfferClosed` for one that was accepted.
        """
        gate = self._context.admit("waitlist.withdraw", Kind.WAITLIST_OFFER, offer)
        return self._refused(gate, offer, OfferStatus.WITHDRAWN, None, "", idempotency_key)

    def decline(
        self,
        offer: WaitlistOffer | str,
        *,
        patient: str,
        reason: str = "",
        idempotency_key: str | None = None,
    ) -> WaitlistOffer:
        """Say no, for a reason of up to 500 characters: the patient waits for another slot.

        Declining twice is declining once, and what has expired is over as it is. `NotFound` for
        another patient's offer; `OfferClosed` for one that was accepted or withdrawn.
        """
        gate = self._context.admit("waitlist.decline", Kind.WAITLIST_OFFER, offer)
        check_id(patient, "patient")
        return self._refused(gate, offer, OfferStatus.DECLINED, patient, reason, idempotency_key)

    def _refused(
        self,
        gate: Gate,
        offer: WaitlistOffer | str,
        status: OfferStatus,
        patient: str | None,
        reason: str,
        idempotency_key: str | None,
    ) -> WaitlistOffer:
        now, records, id = self._context.now(), self._records, id_of(offer)
        stands = {OfferStatus.EXPIRED, status}
        if status is OfferStatus.WITHDRAWN:
            stands.add(OfferStatus.DECLINED)

        def decide() -> tuple[WaitlistOffer, Changeset | None]:
            old = self._offered(gate, id, patient)
            if old.status in stands:
                return old, None
            if old.status is not OfferStatus.LIVE:
                raise OfferClosed(old.id, old.status.value)
            check_read(offer, old)
            # What has expired is that, though no worker came by to find it so.
            ended = (
                records.ended(old, status, now, answer=reason)
                if old.is_live(now)
                else records.ended(old, OfferStatus.EXPIRED, now)
            )
            effects = ended + records.given_back([old], now)
            entry = records.get(WaitlistEntry, old.entry)
            effects += records.returned(entry, old.slot, now)
            return written(ended, old), self._bookings.changes(effects, now)

        said = {"offer": id, "patient": patient, "reason": reason}
        return self._run(gate, WaitlistOffer, id, idempotency_key, said, now, decide)

    # -------------------------------------------------------------------- accepting

    def accept(
        self,
        offer: WaitlistOffer | str,
        *,
        patient: str,
        id: str = "",
        reference: str = "",
        reason: str = "",
        notes: str = "",
        idempotency_key: str | None = None,
    ) -> Appointment:
        """Say yes: the slot is booked, and the patient waits no more.

        Other entries of the patient's for the type, whose dates overlap with those of this one or
        hold that of the visit, are removed, and live offers that they have withdrawn. Accepting
        twice is accepting once: the same appointment comes back. The slot was promised, so of hours
        and rules nothing is asked again, as with any hold.

        `BookingRefused` for a patient who is not active any more; `OfferExpired`, with what is free
        now, from the instant of expiry on; `NotFound` for another patient's offer; `OfferClosed`
        for one that was declined or withdrawn; `AlreadyExists`.
        """
        context, bookings, records = self._context, self._bookings, self._records
        gate = context.admit("waitlist.accept", Kind.WAITLIST_OFFER, offer)
        check_id(patient, "patient")
        gate.choose(id, reference)
        gate.notes(notes)
        now, named = context.now(), id_of(offer)
        own_id = id or context.surroundings.ids.new(Kind.APPOINTMENT)
        said = {
            "offer": named,
            "patient": patient,
            "id": id,
            "reference": reference,
            "reason": reason,
            "notes": notes,
        }

        def decide() -> tuple[Appointment, Changeset | None]:
            own, held = self._kept(gate, named, patient)
            if own.status is OfferStatus.ACCEPTED:
                return bookings.stored(gate, Appointment, own.appointment or ""), None
            if own.status in (OfferStatus.DECLINED, OfferStatus.WITHDRAWN):
                raise OfferClosed(own.id, own.status.value)
            joins = joins_of(patient, own.type)
            count = records.counted(joins)
            entry = records.get(WaitlistEntry, own.entry)
            if held is None or not own.is_live(now):
                # Somebody whose clock is ahead may have swept the hold already.
                raise OfferExpired(own.id, own.expires, records.alternatives(entry))
            check_read(offer, own)
            bookings.refuse_taken(id, reference)
            guards = self._active(own)
            details: Details = {
                "id": own_id,
                "reference": reference,
                "reason": reason,
                "notes": notes,
                "referral": held.referral,
                "prepayment": held.prepayment,
            }
            made, effects = confirmed(bookings, held, patient, details, now)
            effects += records.ended(own, OfferStatus.ACCEPTED, now, appointment=made.id)
            effects += records.stepped(entry, WaitlistStatus.BOOKED, now, appointment=made.id)
            others = records.all_of(WaitlistEntry, patient=patient, type=own.type)
            day = own.wall.start.date()
            removed = [
                one
                for one in others
                if one.id != entry.id and (one.overlaps(entry) or one.earliest <= day <= one.latest)
            ]
            effects += self._over(removed, WaitlistStatus.REMOVED, now)
            effects += Effects(guards=guards, tallies=[Tally(joins, 1, before=count)])
            return made, bookings.changes(effects, now)

        return bookings.run(gate, idempotency_key, said, now, decide)

    # -------------------------------------------------------------------- in common

    def _waiting(self, gate: Gate, named: WaitlistEntry | str) -> WaitlistEntry:
        found = self._records.seen(gate, WaitlistEntry, id_of(named))
        if found.status not in STILL_WAITING:
            raise NotWaiting(found.id, found.status.value)
        return found

    def _offered(self, gate: Gate, id: str, patient: str | None) -> WaitlistOffer:
        """An offer, to this patient if one is named; whether it is another's nobody is told."""
        found = self._records.seen(gate, WaitlistOffer, id)
        if patient is not None and found.patient != patient:
            gate.miss(Ref(Kind.WAITLIST_OFFER, id), _ANOTHERS, found)
        return found

    def _kept(self, gate: Gate, id: str, patient: str) -> tuple[WaitlistOffer, Hold | None]:
        """A patient's offer and its hold, of one state: else a rival could have taken the one."""
        refs = Ref(Kind.WAITLIST_OFFER, id), Ref(Kind.HOLD, id)
        found = dict[Ref, Stored]()

        def read() -> Stored | None:
            found.update(self._context.store.get_many(self._context.practice, refs))
            return found.get(refs[0])

        offer, held = gate.seen(refs[0], read), found.get(refs[1])
        if not isinstance(offer, WaitlistOffer) or offer.patient != patient:
            gate.miss(refs[0], _ANOTHERS, offer)
        return offer, held if isinstance(held, Hold) else None

    def _over(
        self, entries: Collection[WaitlistEntry], status: WaitlistStatus, now: datetime
    ) -> Effects:
        """What it changes that some entries are over, their live offers withdrawn."""
        records, effects = self._records, Effects()
        found = [records.get(WaitlistOffer, one.offer) for one in entries if one.offer is not None]
        offers = [one for one in found if one.status is OfferStatus.LIVE]
        for offer in offers:
            ends = OfferStatus.WITHDRAWN if offer.is_live(now) else OfferStatus.EXPIRED
            effects += records.ended(offer, ends, now)
        for entry in entries:
            effects += records.stepped(entry, status, now)
        return effects + records.given_back(offers, now)

    def _active(self, offer: WaitlistOffer) -> list[RowVersion]:
        """The guard that the patient is active as yet; `BookingRefused`."""
        context = self._context
        patient = context.kept(Patient, offer.patient)
        if patient is None:
            return []
        if not patient.active:
            raise BookingRefused((inactive(patient),), ())
        return [RowVersion(Ref.to(patient), patient.version)]

    def _run(
        self,
        gate: Gate,
        cls: type[RecordT],
        id: str | Callable[[], list[str]],
        key: str | None,
        said: dict[str, Any],
        now: datetime,
        decide: Callable[[], tuple[RecordT, Changeset | None]],
    ) -> RecordT:
        """Run a command; repeated under its key it returns the record as it is by now."""
        done = self._bookings.run(gate, key, said, now, decide)
        if done is not None:
            return done
        return gate.show(self._records.seen(gate, cls, id if isinstance(id, str) else id()[0]))


def id_of(named: WaitlistEntry | WaitlistOffer | str) -> str:
    """The id of a record, or the id itself; `InvalidId` for what is neither."""
    return named.id if isinstance(named, WaitlistEntry | WaitlistOffer) else check_id(named)


def written(effects: Effects, old: RecordT) -> RecordT:
    """What becomes of a record."""
    for one in effects.writes:
        if isinstance(one, type(old)) and one.id == old.id:
            return one
    raise AssertionError("it is not written")


def check_read(named: Identified | str, found: Identified) -> None:
    """`VersionConflict` for an entry or offer in hand that was changed since it was read."""
    if not isinstance(named, str) and named.version != found.version:
        kind = kind_of(type(found)).value
        raise VersionConflict(kind, found.id, named.version, found.version)
