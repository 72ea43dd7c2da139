"""Slots that are kept, for a person or for an offer: the hold, and the appointment made of it."""

from __future__ import annotations

from datetime import datetime

from medsched.domain.appointments import Appointment, AppointmentStatus, participants_in
from medsched.domain.claims import Claim, Span
from medsched.domain.events import Change, Event
from medsched.domain.holds import Hold
from medsched.domain.records import Resource, ResourceKind
from medsched.engine.booking import Plan
from medsched.services.asked_for import Details, Wish
from medsched.services.bookings import Bookings
from medsched.services.effects import Effects
from medsched.timeline.instants import instant_of, whole_minute
from medsched.timeline.intervals import Interval


def hold_of(
    bookings: Bookings,
    wish: Wish,
    details: Details,
    planned: Plan,
    now: datetime,
    expires: datetime,
    *,
    offer: str | None = None,
) -> Hold:
    """A new hold that takes what was planned, as it is before it is placed; over with its slot."""
    context = bookings.context
    return Hold(
        id=details["id"],
        provider=wish.slot.provider,
        patient=wish.patient,
        type=wish.slot.type,
        expires=min(expires, instant_of(planned.end)),
        referral=details.get("referral", ""),
        prepayment=details.get("prepayment", ""),
        offer=offer,
        version=1,
        created_at=now,
        updated_at=now,
        created_by=context.principal.id,
        updated_by=context.principal.id,
        **bookings.taking(planned),
    )


def confirmed(
    bookings: Bookings, held: Hold, patient: str, details: Details, now: datetime
) -> tuple[Appointment, Effects]:
    """The appointment that a hold becomes, and what that changes: the hold is gone.

    Whether the patient can have it is not asked.
    """
    context = bookings.context
    own = Span(Resource(ResourceKind.PATIENT, patient), *minutes_of(held))
    status = AppointmentStatus.BOOKED
    if held.offer is None:  # what the practice has offered needs no more of it
        status = context.status_in(held.block, status)
    told = Change.BOOKED if status is AppointmentStatus.BOOKED else Change.REQUESTED
    made = Appointment(
        id=details["id"],
        reference=details.get("reference") or context.surroundings.ids.reference(),
        status=status,
        provider=held.provider,
        patient=patient,
        type=held.type,
        location=held.location,
        resources=held.resources,
        start=held.start,
        end=held.end,
        wall=held.wall,
        spans={*held.spans, own},
        opened_by=held.opened_by,
        session=held.session,
        seats=held.seats,
        block=held.block,
        reason=details.get("reason", ""),
        notes=details.get("notes", ""),
        referral=details.get("referral", ""),
        prepayment=details.get("prepayment", ""),
        participants=participants_in(status, held.provider, patient),
        version=1,
        created_at=now,
        updated_at=now,
        created_by=context.principal.id,
        updated_by=context.principal.id,
    )
    kept = {_span(one) for one in held.claims}
    effects = Effects(
        writes=[made],
        removals=[held],
        releases=held.claims,
        claims=[one for one in made.claims if _span(one) not in kept],
        # What was held is its own already, whoever doubles some of it.
        doubled=[one for one in made.claims if _span(one) in kept],
        events=[Event.of(Change.CONFIRMED, held), Event.of(told, made)],
    )
    return made, effects + bookings.seats.confirm(held)


def minutes_of(hold: Hold) -> Interval:
    """The minutes of a hold's slot, buffers left out."""
    return whole_minute(hold.start, "start"), whole_minute(hold.end, "end")


def _span(claim: Claim) -> Span:
    return Span(claim.resource, claim.low, claim.high)
