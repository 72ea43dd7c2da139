"""Holds: a slot is kept for a moment, then confirmed, given back, or let go by itself."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from medsched.domain.appointments import Appointment
from medsched.domain.changes import Changeset
from medsched.domain.claims import Span
from medsched.domain.events import Change, Event
from medsched.domain.fields import LONGEST_DURATION, check_id
from medsched.domain.holds import Hold
from medsched.domain.house_rules import Visit
from medsched.domain.idempotency import KEPT_FOR
from medsched.domain.pages import Page
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.stored import Kind
from medsched.engine.booking import against_patient
from medsched.engine.booking_rules import visit_at
from medsched.errors import HoldExpired, InvalidChoice, InvalidDuration
from medsched.services.asked_for import Details, SlotLike, Wanted, Wish, id_of
from medsched.services.bookings import Bookings, Tries
from medsched.services.context import Context
from medsched.services.effects import Effects
from medsched.services.gates import Gate
from medsched.services.inquiries import Asked
from medsched.services.keeping import confirmed, hold_of, minutes_of
from medsched.services.queries import Query
from medsched.services.records import Listing
from medsched.services.snapshots import Snapshots

TEN_MINUTES: Final = timedelta(minutes=10)
_SWEPT_AT_ONCE: Final = 100


class Holds:
    """The holds of one practice.

    A hold takes the time of its slot until it expires; from that instant on it blocks nothing,
    swept or not. Whoever placed it, and nobody else, confirms it or gives it back. Commands
    take ``idempotency_key`` and raise as those of `Appointments` do.
    """

    def __init__(self, context: Context, snapshots: Snapshots) -> None:
        self._context = context
        self._bookings = Bookings(context, snapshots)
        self._records = Listing(context, Hold, Query, sift=Gate.reached)

    def get(self, id: str) -> Hold:
        """The hold of this id, expired ones until they are swept; `NotFound` if there is none."""
        gate = self._context.admit("hold.read")
        return gate.show(self._bookings.stored(gate, Hold, id))

    def list(self, *, limit: int = 100, cursor: str | None = None) -> Page[Hold]:
        """A page of the holds, in order of id, expired ones until they are swept.

        `InvalidNumber` for a limit that is not 1 to 1000, `InvalidCursor`.
        """
        return self._records.list(active=None, limit=limit, cursor=cursor)

    def place(
        self,
        slot: SlotLike,
        *,
        patient: str | None = None,
        lasting: timedelta = TEN_MINUTES,
        resources: Collection[Resource] = (),
        referral: str = "",
        prepayment: str = "",
        id: str = "",
        idempotency_key: str | None = None,
    ) -> Hold:
        """Keep a slot for a while, longer than nothing and at most seven days, or until it ends.

        Who the patient is may be left open until it is confirmed, and with it what the rules ask
        of a patient: a referral, a payment in advance. Raises what booking the slot would raise;
        `InvalidDuration`.
        """
        gate = self._context.admit("hold.place", Kind.PATIENT, patient)
        gate.choose(id)
        gate.detail(referral, prepayment)
        if not (isinstance(lasting, timedelta) and timedelta(0) < lasting <= LONGEST_DURATION):
            why = f"longer than nothing and at most {LONGEST_DURATION.days} days"
            raise InvalidDuration("lasting", lasting, why)
        if patient is not None:
            check_id(patient, "patient")
        context, bookings, now = self._context, self._bookings, self._context.now()
        wanted = bookings.wanted(slot)
        wish = Wish(
            wanted,
            patient=patient,
            named=frozenset(resources),
            referred=bool(referral),
            prepaid=bool(prepayment),
        )
        said: dict[str, Any] = {
            "slot": wanted.plain(),
            "patient": patient,
            "lasting": lasting,
            "resources": frozenset(resources),
            "id": id,
        }
        said |= _stated(referral=referral, prepayment=prepayment)
        details: Details = {
            "id": id or context.surroundings.ids.new(Kind.HOLD),
            "referral": referral,
            "prepayment": prepayment,
        }
        tries = Tries()

        def decide() -> tuple[Hold, Changeset]:
            gate.patient(patient)
            bookings.refuse_taken(id, kind=Kind.HOLD)
            asked, planned = bookings.decide(wish, now, tries=tries, claiming=True)
            made = hold_of(bookings, wish, details, planned, now, now + lasting)
            return bookings.placed(asked, planned, made, Change.HELD, now)

        return bookings.run(gate, idempotency_key, said, now, decide, tries=tries)

    def confirm(
        self,
        hold: Hold | str,
        *,
        patient: str | None = None,
        id: str = "",
        reference: str = "",
        reason: str = "",
        notes: str = "",
        referral: str = "",
        prepayment: str = "",
        idempotency_key: str | None = None,
    ) -> Appointment:
        """Make an appointment of a hold: it is booked, and the hold is gone.

        The slot was promised, so only the patient is looked at, if the hold left open who it is:
        `BookingRefused` for one that is inactive, has something else then, or whom a rule of
        booking refuses. `HoldExpired` from
        the instant of expiry on, `NotAllowed` for another principal's hold, `InvalidChoice` for
        no patient, or another one than the hold's. A hold of the waitlist's is not confirmed or
        released: its offer is accepted or declined, see `Waitlist`.
        """
        context, bookings, now = self._context, self._bookings, self._context.now()
        gate = context.admit("hold.confirm", Kind.HOLD, hold)
        gate.choose(id, reference)
        gate.notes(notes)
        gate.detail(referral, prepayment)
        if patient is not None:
            check_id(patient, "patient")
        own_id = id or context.surroundings.ids.new(Kind.APPOINTMENT)
        said = {
            "hold": id_of(hold),
            "patient": patient,
            "id": id,
            "reference": reference,
            "reason": reason,
            "notes": notes,
        }
        said |= _stated(referral=referral, prepayment=prepayment)

        def decide() -> tuple[Appointment, Changeset]:
            held = self._own(gate, hold)
            gate.patient(patient)
            bookings.refuse_taken(id, reference)
            if not held.is_live(now):
                raise HoldExpired(held.id, held.expires)
            who = _patient(held, patient)
            given = (referral or held.referral, prepayment or held.prepayment)
            asked = self._looked_at(held, who, given, now)
            details: Details = {
                "id": own_id,
                "reference": reference,
                "reason": reason,
                "notes": notes,
                "referral": given[0],
                "prepayment": given[1],
            }
            made, effects = confirmed(bookings, held, who, details, now)
            if asked is not None:
                effects += bookings.cleared(asked.claims(), made.claims, now)
                effects += Effects(tallies=bookings.counted(asked, _visit(asked, held)))
            return made, bookings.changes(effects, now, asked=asked)

        return bookings.run(gate, idempotency_key, said, now, decide)

    def release(self, hold: Hold | str, *, idempotency_key: str | None = None) -> None:
        """Give a held slot back before the hold expires, or after: its time is free.

        `NotFound` if it is gone, `NotAllowed` for another principal's hold.
        """
        gate = self._context.admit("hold.release", Kind.HOLD, hold)
        bookings, now = self._bookings, self._context.now()

        def decide() -> tuple[None, Changeset]:
            held = self._own(gate, hold)
            effects = Effects(
                removals=[held],
                releases=held.claims,
                events=[Event.of(Change.RELEASED, held)],
            )
            return None, bookings.changes(effects + bookings.seats.leave(held), now)

        bookings.run(gate, idempotency_key, {"hold": id_of(hold)}, now, decide)

    def sweep(self) -> int:
        """Remove the holds that have expired, and forget old idempotency keys; how many holds.

        Nothing depends on it but the room that they take up. Any number of callers may sweep
        at once.
        """
        context, now = self._context, self._context.now()
        gate = context.admit("hold.sweep")
        context.store.forget_receipts(context.practice, now - KEPT_FOR)
        swept = 0
        while True:
            found = context.store.expired_holds(context.practice, now, limit=_SWEPT_AT_ONCE)
            for hold in found:
                swept += context.commit(gate, partial(self._sweep, hold, now))
            if len(found) < _SWEPT_AT_ONCE:
                return swept

    def _sweep(self, hold: Hold, now: datetime) -> tuple[int, Changeset | None]:
        held = self._context.kept(Hold, hold.id)
        if held is None:
            return 0, None
        return 1, self._bookings.changes(self._bookings.swept([held]), now)

    def _own(self, gate: Gate, hold: Hold | str) -> Hold:
        held = self._bookings.stored(gate, Hold, hold)
        if held.offer is not None:
            gate.deny("it keeps a slot for an offer: accept or decline that", held)
        if held.created_by != self._context.principal.id:
            gate.deny("somebody else placed it", held)
        return held

    def _looked_at(
        self, held: Hold, patient: str, given: tuple[str, str], now: datetime
    ) -> Asked | None:
        """What the patient was found free on; None if the hold has taken the patient's time."""
        if held.patient is not None:
            return None
        low, high = minutes_of(held)
        wanted = Wanted(held.provider, held.type, low, held.location)
        referred, prepaid = map(bool, given)
        wish = Wish(wanted, patient=patient, but=(held,), referred=referred, prepaid=prepaid)
        asked = self._bookings.ask(wish, now)
        span = Span(Resource(ResourceKind.PATIENT, patient), low, high)
        zone = self._context.zones.zone(held.wall.timezone)
        active = asked.patient is None or asked.patient.active
        against = against_patient(asked.inquiry, span, zone, active=active)
        if against:
            raise self._bookings.refusal(wish, now, against, asked)
        return asked


def _stated(**texts: str) -> dict[str, str]:
    """What a request under a key says only where it is stated."""
    return {name: text for name, text in texts.items() if text}


def _visit(asked: Asked, hold: Hold) -> Visit:
    low, high = minutes_of(hold)
    return visit_at(asked.inquiry, low, high - low, hold.location)


def _patient(hold: Hold, patient: str | None) -> str:
    if patient is not None and hold.patient not in (None, patient):
        raise InvalidChoice("patient", "…", "the hold is for another patient")
    who = patient or hold.patient
    if who is None:
        raise InvalidChoice("patient", None, "the hold left open who the patient is: say it now")
    return who
