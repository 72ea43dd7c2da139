"""The waitlist: who waits, whose turn it is, and what they say to it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import date, datetime, timedelta
from typing import Any, Final, TypedDict, TypeVar, Unpack

import attrs

from medsched.domain.appointments import Appointment
from medsched.domain.changes import Changeset, Guard, RowVersion, Tally
from medsched.domain.events import Change, Event
from medsched.domain.fields import check_id
from medsched.domain.holds import Hold
from medsched.domain.hours import Hours
from medsched.domain.idempotency import keyed_request
from medsched.domain.people import Patient
from medsched.domain.refusals import OfferExpired
from medsched.domain.starts import ANYWHERE, Anywhere
from medsched.domain.stored import Kind, Ref, references
from medsched.domain.waitlist import (
    STILL_WAITING,
    THIRTY_MINUTES,
    OfferStatus,
    WaitlistEntry,
    WaitlistOffer,
    WaitlistPosition,
    WaitlistStatus,
    Worked,
    month_of,
)
from medsched.engine.slots import list_slots
from medsched.engine.waitlist import (
    LATELY,
    Opening,
    competes,
    estimated,
    in_order,
    same_list,
    suits,
    turn,
)
from medsched.errors import (
    AlreadyOffered,
    AlreadyWaiting,
    InvalidChoice,
    InvalidInterval,
    InvalidNumber,
    InvalidText,
    NotFound,
    NotWaiting,
    OfferClosed,
)
from medsched.services.asked_for import Details, SlotLike, Wish
from medsched.services.context import Context
from medsched.services.effects import Effects
from medsched.services.keeping import confirmed
from medsched.services.options import refuse_unknown
from medsched.services.queries import OfferQuery, WaitlistQuery
from medsched.services.records import Listing
from medsched.services.snapshots import Snapshots
from medsched.services.waitlist_records import (
    MOVED,
    WaitlistRecords,
    check_lasting,
    joins_of,
)
from medsched.services.waitlist_worker import WaitlistWorker
from medsched.timeline.instants import instant_of
from medsched.timeline.weekdays import Weekday

RecordT = TypeVar("RecordT", WaitlistEntry, WaitlistOffer)
_ASKED: Final = (
    *("patient", "type", "providers", "earliest", "latest", "weekdays", "hours", "location"),
    *("urgency", "notes", "referral", "prepayment"),
)
"""The fields that say what is asked for."""
MOST_OFFERS: Final = 500
"""How many offers one pass of the worker makes at most, unless it is said."""


class Wishes(TypedDict, total=False):
    """What an entry may be changed in; what is left out stays as it is."""

    earliest: date
    """The first local date that suits."""
    latest: date
    """The last one."""
    weekdays: str | Iterable[Weekday | str] | None
    """Days of the week, as `Weekday.parse_set` reads them; None for any."""
    hours: Iterable[Hours | str] | Hours | str
    """When on a day it may start; any time if there are none."""
    location: str | Anywhere | None
    """Where; None is no place."""
    notes: str
    """Up to 500 characters."""
    referral: str
    """The referral it is booked on, by the host's name."""
    prepayment: str
    """The payment in advance it is booked on, by the host's name."""


class Waitlist:
    """The waitlist of one practice.

    Entries are served by urgency, then by when they were entered. What comes free is offered by
    `work`: an offer holds its slot, and expires. Commands take an ``idempotency_key`` as those of
    `Appointments` do; repeated under its key a command changes nothing, and returns the record that
    its first run was about, as it is by then. All of them raise `NotFound` for what is not there,
    and `StorageBusy` when rivals kept changing the same things.
    """

    def __init__(self, context: Context, snapshots: Snapshots) -> None:
        self._context = context
        self._snapshots = snapshots
        self._records = WaitlistRecords(context, snapshots)
        self._bookings = self._records.bookings
        self.entries = Listing(context, WaitlistEntry, WaitlistQuery)
        """Who waits; in order of id, see `waiting` for the order that they are served in."""
        self.offers = Listing(context, WaitlistOffer, OfferQuery)
        """What was offered to them, the live offers unless others are asked for."""

    # --------------------------------------------------------------------- waiting

    def join(
        self,
        *,
        patient: str,
        type: str,
        earliest: date,
        latest: date,
        providers: Iterable[str] | str = (),
        weekdays: str | Iterable[Weekday | str] | None = None,
        hours: Iterable[Hours | str] | Hours | str = (),
        location: str | Anywhere | None = ANYWHERE,
        urgency: int = 0,
        entered_at: datetime | None = None,
        notes: str = "",
        referral: str = "",
        prepayment: str = "",
        id: str = "",
        idempotency_key: str | None = None,
    ) -> WaitlistEntry:
        """Let a patient wait for a visit, on local dates that are both inclusive.

        The fields are those of `WaitlistEntry`; no ``providers`` means anybody will do. A patient
        may be on several lists. ``entered_at`` is now unless given: for a list that is carried
        over. Who acts is who set the urgency.

        `AlreadyWaiting`, naming the entry, for a patient who waits for this type with these
        providers on some of these dates; `InvalidInterval` for dates in the wrong order; `NotFound`
        for a patient, type, provider or place; `AlreadyExists`.
        """
        context, now = self._context, self._context.now()
        operation = "waitlist.join"
        entry = WaitlistEntry(
            id=id,
            patient=patient,
            type=type,
            providers=providers,
            earliest=earliest,
            latest=latest,
            weekdays=weekdays,
            hours=hours,
            location=location,
            urgency=urgency,
            urgency_by=context.principal.id,
            entered_at=now if entered_at is None else entered_at,
            notes=notes,
            referral=referral,
            prepayment=prepayment,
            version=1,
            created_at=now,
            updated_at=now,
            created_by=context.principal.id,
            updated_by=context.principal.id,
        )
        said = _said(entry, *_ASKED) | {"id": id, "entered_at": entered_at}
        own_id = id or self._id(Kind.WAITLIST_ENTRY, operation, idempotency_key, said, now)
        made = attrs.evolve(entry, id=own_id)

        def decide() -> tuple[WaitlistEntry, Changeset]:
            self._bookings.refuse_taken(id, kind=Kind.WAITLIST_ENTRY)
            joins = self._join_once(made)
            new, guards = self._named(made, now)
            created = [Event.of(Change.CREATED, one) for one in new]
            effects = Effects(
                writes=[made, *new],
                guards=guards,
                tallies=[joins, MOVED],
                events=[*created, Event.of(Change.JOINED, made)],
            )
            return made, self._bookings.changes(effects, now)

        return self._run(WaitlistEntry, own_id, operation, idempotency_key, said, now, decide)

    def change(
        self,
        entry: WaitlistEntry | str,
        *,
        idempotency_key: str | None = None,
        **wishes: Unpack[Wishes],
    ) -> WaitlistEntry:
        """Change what an entry waits for; it keeps its place, and a live offer that it has.

        `NotWaiting` once it is over; raises what `join` raises.
        """
        refuse_unknown(wishes, Wishes, "change")
        now, records = self._context.now(), self._records

        def decide() -> tuple[WaitlistEntry, Changeset | None]:
            old = self._waiting(entry)
            new = records.revised(old, old.status, now, **wishes)
            if _said(old, *wishes) == _said(new, *wishes):
                return old, None
            joins = self._join_once(new)
            _, guards = self._named(new, now)
            effects = Effects(
                writes=[new],
                guards=guards,
                tallies=[joins, MOVED],
                events=[Event.of(Change.UPDATED, new)],
            )
            return new, self._bookings.changes(effects, now)

        id = _id_of(entry)
        said = {"entry": id, **{name: _plain(value) for name, value in wishes.items()}}
        return self._run(WaitlistEntry, id, "waitlist.change", idempotency_key, said, now, decide)

    def set_urgency(
        self, entry: WaitlistEntry | str, urgency: int, *, idempotency_key: str | None = None
    ) -> WaitlistEntry:
        """Say how urgent it is, 0 to 1000, the most urgent first; who says so is recorded.

        `InvalidNumber`; `NotWaiting` once the entry is over.
        """
        now, records = self._context.now(), self._records

        def decide() -> tuple[WaitlistEntry, Changeset | None]:
            old, by = self._waiting(entry), self._context.principal.id
            new = records.revised(old, old.status, now, urgency=urgency, urgency_by=by)
            if (old.urgency, old.urgency_by) == (new.urgency, new.urgency_by):
                return old, None
            effects = Effects(
                writes=[new],
                tallies=[MOVED],
                events=[Event.of(Change.UPDATED, new)],
            )
            return new, self._bookings.changes(effects, now)

        id = _id_of(entry)
        said = {"entry": id, "urgency": urgency}
        return self._run(WaitlistEntry, id, "waitlist.urgency", idempotency_key, said, now, decide)

    def leave(
        self, entry: WaitlistEntry | str, *, idempotency_key: str | None = None
    ) -> WaitlistEntry:
        """Take an entry off the list; a live offer that it has is withdrawn.

        One that is over stays what it is.
        """
        now, records = self._context.now(), self._records

        def decide() -> tuple[WaitlistEntry, Changeset | None]:
            old = records.get(WaitlistEntry, _id_of(entry))
            if old.status not in STILL_WAITING:
                return old, None
            effects = self._over([old], WaitlistStatus.LEFT, now)
            return _written(effects, old), self._bookings.changes(effects, now)

        id = _id_of(entry)
        return self._run(
            WaitlistEntry, id, "waitlist.leave", idempotency_key, {"entry": id}, now, decide
        )

    # -------------------------------------------------------------------- the order

    def waiting(self, type: str, *, provider: str | None = None) -> tuple[WaitlistEntry, ...]:
        """All who wait for a type, in the order that they are served in; those with an offer too.

        With a ``provider`` those whom that provider's time may be offered to.
        """
        found = self._records.all_of(WaitlistEntry, type=type)
        return tuple(
            in_order(
                one
                for one in found
                if provider is None or not one.providers or provider in one.providers
            )
        )

    def eligible(self, slot: SlotLike) -> tuple[WaitlistEntry, ...]:
        """Those whom a slot may be offered to, in their order: it suits them, and they wait.

        Whether it is free is not asked, nor whether they have something else then.
        `BookingRefused` for what is no slot, `InvalidSlotId`.
        """
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
            self._bookings.decide(wish, now, fresh=True)  # which says why there is none
        status = WaitlistStatus.WAITING
        waiting = self._records.all_of(WaitlistEntry, type=wanted.type, status=status)
        one = Opening.of(found[0])
        return tuple(in_order(entry for entry in waiting if suits(entry, one)))

    def position(self, entry: WaitlistEntry | str) -> WaitlistPosition:
        """Where an entry stands, and a fair estimate of how long it has to wait.

        It is counted among those who wait for the same type, and have some provider and some
        date in common with it. See `WaitlistPosition` for the estimate. `NotWaiting` once it
        is over.
        """
        records, own = self._records, self._waiting(entry)
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
        check_lasting(lasting)
        if not isinstance(reason, str) or not reason.strip():
            size = len(reason) if isinstance(reason, str) else type(reason).__name__
            raise InvalidText("reason", size, "an offer by hand needs a reason")
        records, bookings, now = self._records, self._bookings, self._context.now()
        wanted, operation, of = bookings.wanted(slot), "waitlist.offer", _id_of(entry)
        said = {"entry": of, "slot": wanted.plain(), "reason": reason, "lasting": lasting}
        id = self._id(Kind.WAITLIST_OFFER, operation, idempotency_key, said, now)

        def decide() -> tuple[WaitlistOffer, Changeset]:
            own = self._waiting(entry)
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
            asked, planned = bookings.decide(wish, now, fresh=True)
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

        return self._run(WaitlistOffer, id, operation, idempotency_key, said, now, decide)

    def withdraw(
        self, offer: WaitlistOffer | str, *, idempotency_key: str | None = None
    ) -> WaitlistOffer:
        """Take an offer back: its slot is free, and its entry waits, for another slot.

        One that is over stays what it is; `OfferClosed` for one that was accepted.
        """
        return self._refused(offer, OfferStatus.WITHDRAWN, None, "", idempotency_key)

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
        check_id(patient, "patient")
        return self._refused(offer, OfferStatus.DECLINED, patient, reason, idempotency_key)

    def _refused(
        self,
        offer: WaitlistOffer | str,
        status: OfferStatus,
        patient: str | None,
        reason: str,
        idempotency_key: str | None,
    ) -> WaitlistOffer:
        now, records, id = self._context.now(), self._records, _id_of(offer)
        stands = {OfferStatus.EXPIRED, status}
        if status is OfferStatus.WITHDRAWN:
            stands.add(OfferStatus.DECLINED)

        def decide() -> tuple[WaitlistOffer, Changeset | None]:
            old = self._offered(id, patient)
            if old.status in stands:
                return old, None
            if old.status is not OfferStatus.LIVE:
                raise OfferClosed(old.id, old.status.value)
            ended = records.ended(old, status, now, answer=reason)
            effects = ended + records.given_back([old], now)
            entry = records.get(WaitlistEntry, old.entry)
            effects += records.returned(entry, old.slot, now)
            return _written(ended, old), self._bookings.changes(effects, now)

        said = {"offer": id, "patient": patient, "reason": reason}
        operation = f"waitlist.{status.value}"
        return self._run(WaitlistOffer, id, operation, idempotency_key, said, now, decide)

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

        Other entries of the patient's for the type, whose dates overlap with those of this one, are
        removed, and live offers that they have withdrawn. Accepting twice is accepting once: the
        same appointment comes back.

        `OfferExpired`, with what is free now, from the instant of expiry on; `NotFound` for another
        patient's offer; `OfferClosed` for one that was declined or withdrawn; `AlreadyExists`.
        """
        check_id(patient, "patient")
        context, bookings, records = self._context, self._bookings, self._records
        now, named = context.now(), _id_of(offer)
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
            own, held = self._kept(named, patient)
            if own.status is OfferStatus.ACCEPTED:
                return bookings.stored(Appointment, own.appointment or ""), None
            if own.status in (OfferStatus.DECLINED, OfferStatus.WITHDRAWN):
                raise OfferClosed(own.id, own.status.value)
            joins = joins_of(patient, own.type)
            count = records.counted(joins)
            entry = records.get(WaitlistEntry, own.entry)
            if held is None or not own.is_live(now):
                # Somebody whose clock is ahead may have swept the hold already.
                raise OfferExpired(own.id, own.expires, records.alternatives(entry))
            bookings.refuse_taken(id, reference)
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
            removed = [one for one in others if one.id != entry.id and one.overlaps(entry)]
            effects += self._over(removed, WaitlistStatus.REMOVED, now)
            effects += Effects(tallies=[Tally(joins, 1, before=count)])
            return made, bookings.changes(effects, now)

        return bookings.run("waitlist.accept", idempotency_key, said, now, decide)

    # -------------------------------------------------------------------- the worker

    def work(
        self,
        now: datetime | None = None,
        *,
        lasting: timedelta = THIRTY_MINUTES,
        most: int = MOST_OFFERS,
    ) -> Worked:
        """One pass: end what is over, then offer what is free to who comes first.

        Offers that have expired are ended, and their entries wait again, for other slots. Entries
        whose dates are past lapse. Then each entry without an offer gets, in its turn, the
        earliest free slot that suits it, for as long as is said (at most seven days, and never
        beyond the start), and at most so many offers are made.

        Run it often, and in as many workers as you like: it looks at how things stand, so nothing
        that comes free is missed, whatever freed it. ``now`` is the clock's unless given.
        `InvalidDuration`, `InvalidNumber`, `NaiveDatetime`.
        """
        check_lasting(lasting)
        if not isinstance(most, int) or isinstance(most, bool) or most < 1:
            raise InvalidNumber("most", most, "a pass makes at least one offer")
        self._context.admit("waitlist.work")
        # All of a pass is decided at one instant, so that what expires meanwhile is the next one's.
        context = self._context.at(self._context.now() if now is None else now)
        records = WaitlistRecords(context, self._snapshots)
        return WaitlistWorker(records, lasting, most).run()

    # -------------------------------------------------------------------- in common

    def _waiting(self, named: WaitlistEntry | str) -> WaitlistEntry:
        found = self._records.get(WaitlistEntry, _id_of(named))
        if found.status not in STILL_WAITING:
            raise NotWaiting(found.id, found.status.value)
        return found

    def _offered(self, id: str, patient: str | None) -> WaitlistOffer:
        """An offer, to this patient if one is named; whether it is another's nobody is told."""
        found = self._records.get(WaitlistOffer, id)
        if patient is not None and found.patient != patient:
            raise NotFound(Kind.WAITLIST_OFFER.value, id)
        return found

    def _kept(self, id: str, patient: str) -> tuple[WaitlistOffer, Hold | None]:
        """A patient's offer and its hold, of one state: else a rival could have taken the one."""
        refs = Ref(Kind.WAITLIST_OFFER, id), Ref(Kind.HOLD, id)
        found = self._context.store.get_many(self._context.practice, refs)
        offer, held = (found.get(ref) for ref in refs)
        if not isinstance(offer, WaitlistOffer) or offer.patient != patient:
            raise NotFound(Kind.WAITLIST_OFFER.value, id)
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

    def _join_once(self, entry: WaitlistEntry) -> Tally:
        """The tally that keeps a patient from one list twice; `AlreadyWaiting`."""
        name = joins_of(entry.patient, entry.type)
        count = self._records.counted(name)
        own = self._records.all_of(WaitlistEntry, patient=entry.patient, type=entry.type)
        for other in own:
            if other.id != entry.id and same_list(entry, other):
                raise AlreadyWaiting(other.id)
        return Tally(name, 1, before=count)

    def _named(self, entry: WaitlistEntry, now: datetime) -> tuple[list[Patient], list[Guard]]:
        """The patient if one is to be registered, and the guards that all it names is there."""
        context = self._context
        refs = sorted(references(entry))
        found = context.store.get_many(context.practice, refs)
        new: list[Patient] = []
        guards: list[Guard] = []
        for ref in refs:
            if ref in found:
                guards.append(RowVersion(ref, found[ref].version))
            elif ref.kind is Kind.PATIENT and context.registers_patients:
                new.append(Patient(id=ref.id, version=1, created_at=now, updated_at=now))
            else:
                raise NotFound(ref.kind.value, ref.id)
        return new, guards

    def _id(
        self, kind: Kind, operation: str, key: str | None, said: dict[str, Any], now: datetime
    ) -> str:
        """A new id; under a key it follows from that, so that a repeated request finds it."""
        if key is None:
            return self._context.surroundings.ids.new(kind)
        return keyed_request(key, self._context.principal, operation, said, now).scope

    def _run(
        self,
        cls: type[RecordT],
        id: str,
        operation: str,
        key: str | None,
        said: dict[str, Any],
        now: datetime,
        decide: Callable[[], tuple[RecordT, Changeset | None]],
    ) -> RecordT:
        """Run a command; repeated under its key it returns the record as it is by now."""
        done = self._bookings.run(operation, key, said, now, decide)
        return self._records.get(cls, id) if done is None else done


def _id_of(named: WaitlistEntry | WaitlistOffer | str) -> str:
    """The id of a record, or the id itself; `InvalidId` for what is neither."""
    return named.id if isinstance(named, WaitlistEntry | WaitlistOffer) else check_id(named)


def _written(effects: Effects, old: RecordT) -> RecordT:
    """What becomes of a record."""
    for one in effects.writes:
        if isinstance(one, type(old)) and one.id == old.id:
            return one
    raise AssertionError("it is not written")


def _said(entry: WaitlistEntry, *names: str) -> dict[str, Any]:
    """Some fields of an entry, as the digest of a request reads them."""
    return {name: _plain(getattr(entry, name)) for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, Anywhere):
        return []  # which no id is
    if isinstance(value, tuple | frozenset):
        return sorted(map(str, value))
    return value
