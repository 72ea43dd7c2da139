"""Appointments: booked, moved, cancelled, and brought through their day."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Unpack

import attrs

from medsched.domain.appointments import Appointment, AppointmentStatus, participants_in
from medsched.domain.assignments import Assignment
from medsched.domain.chains import ChainVisit
from medsched.domain.changes import Changeset
from medsched.domain.events import Change, Event
from medsched.domain.fields import check_id
from medsched.domain.lifecycle import step
from medsched.domain.records import Resource
from medsched.domain.requests import Violation
from medsched.domain.searches import Search
from medsched.domain.slots import Slot
from medsched.domain.stored import Kind
from medsched.domain.stranding import Proposal, Stranding
from medsched.domain.wishes import FollowUpWish
from medsched.engine.booking import reassigned
from medsched.engine.openings import SlotShape
from medsched.errors import InvalidChoice, InvalidTransition
from medsched.services.agendas import Agendas
from medsched.services.asked_for import (
    Details,
    SlotLike,
    Wanted,
    Wish,
    check_override,
    check_stated,
    id_of,
)
from medsched.services.bookings import Bookings, Tries
from medsched.services.chains import ChainBookings, ChainDetails
from medsched.services.context import Context
from medsched.services.effects import NOTHING, Effects
from medsched.services.first_available import FirstAvailable
from medsched.services.follow_ups import FollowUps
from medsched.services.inquiries import Asked
from medsched.services.options import refuse_unknown
from medsched.services.proposals import Proposals
from medsched.services.revisions import MOVABLE, NO_SEAT, moved, revised
from medsched.services.searches import Searches
from medsched.services.snapshots import Snapshots
from medsched.timeline.instants import MINUTE, whole_minute

_CHANGES: Final[Mapping[AppointmentStatus, Change]] = {
    AppointmentStatus.PROPOSED: Change.PROPOSED,
    AppointmentStatus.PENDING: Change.REQUESTED,
    AppointmentStatus.BOOKED: Change.BOOKED,
    AppointmentStatus.ARRIVED: Change.ARRIVED,
    AppointmentStatus.CHECKED_IN: Change.CHECKED_IN,
    AppointmentStatus.FULFILLED: Change.FULFILLED,
    AppointmentStatus.NOSHOW: Change.NOSHOW,
    AppointmentStatus.CANCELLED: Change.CANCELLED,
    AppointmentStatus.ENTERED_IN_ERROR: Change.ENTERED_IN_ERROR,
}
"""What happened to an appointment that came into a status."""
_MAKING: Final[Mapping[AppointmentStatus, str]] = {
    AppointmentStatus.PROPOSED: "appointment.propose",
    AppointmentStatus.PENDING: "appointment.request",
    AppointmentStatus.BOOKED: "appointment.book",
}
"""The operation that makes an appointment of each status."""
_STEPS: Final[Mapping[AppointmentStatus, str]] = {
    AppointmentStatus.BOOKED: "appointment.accept",
    AppointmentStatus.ARRIVED: "appointment.arrive",
    AppointmentStatus.CHECKED_IN: "appointment.check-in",
    AppointmentStatus.FULFILLED: "appointment.fulfil",
    AppointmentStatus.NOSHOW: "appointment.mark-noshow",
    AppointmentStatus.CANCELLED: "appointment.cancel",
    AppointmentStatus.ENTERED_IN_ERROR: "appointment.enter-in-error",
}
"""The operation that brings an appointment into each status."""
_SAID_IF_GIVEN: Final = ("override", "referral", "prepayment")
"""What a request under a key says of a new appointment only where it is stated."""
_OVERRIDE: Final = "appointment.override"
_ANNOTATE: Final = "appointment.annotate"
_CONFIRM: Final = "appointment.confirm"
_UNDER_WAY: Final = frozenset({AppointmentStatus.ARRIVED, AppointmentStatus.CHECKED_IN})


class Appointments(Agendas):
    """The appointments of one practice.

    Every command does all of what it says or nothing. It takes an appointment by its id, or as
    it was read: then `VersionConflict` is raised if it was changed since. A command that is
    given an ``idempotency_key`` (1 to 255 characters, else `InvalidId`) and repeated under it
    within seven days returns its first result and changes nothing; `IdempotencyMismatch` if the
    key was used for another request. Keys of other principals and practices are other keys.

    All of them raise `NotFound` for what is not there, and `StorageBusy` when rivals kept
    changing the same things. Every change is recorded under the principal who acts.
    """

    def __init__(self, context: Context, snapshots: Snapshots) -> None:
        super().__init__(context)
        self._bookings = Bookings(context, snapshots)
        self._follow_ups = FollowUps(context, self._bookings)
        searches = Searches(context.inside(), snapshots)
        self._first_available = FirstAvailable(context, self._bookings, searches)
        self._chains = ChainBookings(context, self._bookings, searches)

    # --------------------------------------------------------------------- making

    def book(self, slot: SlotLike, *, patient: str, **details: Unpack[Details]) -> Appointment:
        """Book a slot for a patient: the appointment comes back booked, its time taken.

        ``slot`` is a slot that was listed, its id, or a `Start`. Provider, patient, an exclusive
        place, and a room or device for each need of the type are taken together. Who may not
        confirm what is requested, such as a patient, asks for a time block by this: it comes back
        pending.

        `BookingRefused`, with every reason and the next free slots, for what is not offered to
        this patient. `InvalidSlotId`, `NotFound` and `AlreadyExists` for what is named and
        cannot be; `InvalidChoice` for resources that the type does not need; `NonexistentTime`
        and `AmbiguousTime` for a wall time.
        """
        return self._make(AppointmentStatus.BOOKED, slot, patient, details)

    def request(self, slot: SlotLike, *, patient: str, **details: Unpack[Details]) -> Appointment:
        """Take a slot for a patient until the practice accepts it: pending. Raises as `book`."""
        return self._make(AppointmentStatus.PENDING, slot, patient, details)

    def propose(self, slot: SlotLike, *, patient: str, **details: Unpack[Details]) -> Appointment:
        """Propose a slot, without taking its time. Raises as `book`."""
        return self._make(AppointmentStatus.PROPOSED, slot, patient, details)

    def _make(
        self, status: AppointmentStatus, slot: SlotLike, patient: str, details: Details
    ) -> Appointment:
        context, bookings, now = self._context, self._bookings, self._context.now()
        gate = context.admit(_MAKING[status], Kind.PATIENT, patient)
        refuse_unknown(details, Details, "book")
        check_id(patient, "patient")
        check_stated(gate, details)
        wanted, named = bookings.wanted(slot), frozenset(details.get("resources", ()))
        override, kept = check_override(details.get("override")), details.get("in_place_of")
        said: dict[str, Any] = {
            "slot": wanted.plain(),
            "patient": patient,
            "resources": named,
            **{name: details.get(name, "") for name in ("id", "reference", "reason", "notes")},
            **{name: details.get(name) for name in _SAID_IF_GIVEN if details.get(name)},
        }
        if kept is not None:
            said["in_place_of"] = id_of(kept)
        if override:
            gate.also(_OVERRIDE)
        fixed: Details = {
            **details,
            "id": details.get("id") or context.surroundings.ids.new(Kind.APPOINTMENT),
        }
        tries = Tries()

        def decide() -> tuple[Appointment, Changeset]:
            gate.patient(patient)
            bookings.refuse_taken(details.get("id", ""), details.get("reference", ""))
            given = bookings.given_up(gate, kept, patient)
            but = () if given is None else (given,)
            wish = Wish(
                wanted,
                patient=patient,
                named=named,
                but=but,
                override=override,
                referred=bool(details.get("referral")),
                prepaid=bool(details.get("prepayment")),
            )
            claiming = status is not AppointmentStatus.PROPOSED
            asked, planned = bookings.decide(wish, now, tries=tries, claiming=claiming)
            if given is not None:
                bookings.check_given_up(given, planned)
            made = bookings.drafted(status, wish, fixed, planned, now)
            instead = NOTHING
            if given is not None and made.claims_time:
                instead = Effects(
                    removals=but, releases=given.claims, events=[Event.of(Change.RELEASED, given)]
                )
            return bookings.placed(asked, planned, made, _CHANGES[status], now, instead=instead)

        key = details.get("idempotency_key")
        return self._bookings.run(gate, key, said, now, decide, tries=tries)

    def follow_up(
        self,
        visit: Appointment | str,
        wish: FollowUpWish,
        *,
        type: str | None = None,
        **details: Unpack[Details],
    ) -> Appointment:
        """Find the slot that fulfils a wish best, and book it for the visit's patient.

        The nearest to the date wished for with the visit's provider; if they have none, with the
        others whom the wish names: the earlier of two dates as near, and the earliest start on it.
        ``type`` is the visit's own unless stated. The appointment ``follows`` the visit. If a
        rival takes the slot first, the next best is booked.

        `FollowUpRefused`, with the nearest free slots, where none fulfils the wish;
        `InvalidTransition` for a visit that does not take place: cancelled, entered in error, on
        the waitlist or only proposed; `InvalidChoice` for an override, or a blocking to give up.
        Raises what `book` raises for the details, and `NotFound` for a visit, type or provider.
        """
        gate = self._context.admit("appointment.follow-up", Kind.APPOINTMENT, visit)
        refuse_unknown(details, Details, "follow_up")
        check_stated(gate, details)
        return self._follow_ups.book(gate, visit, wish, type, details)

    def book_first(
        self,
        search: Search,
        *,
        patient: str,
        assignment: Assignment | None = None,
        **details: Unpack[Details],
    ) -> Appointment:
        """Book the earliest slot that a search finds, with the provider whom a rule chooses.

        ``assignment`` ranks those who have something suitable; the earliest slot of the first is
        booked. It is the practice's default unless given: the earliest start of all. If a rival
        takes the slot first, the next is tried in the same call, as long as something is free.
        The search is asked for the ``patient``, and for the referral and payment that the details
        name, whatever it says itself.

        `NoneAvailable`, with the next slots after the dates, where nothing is free; `NotFound` for
        a patient, or a provider or type of such a search, that is not there; `InvalidChoice` for
        what is no rule, for an override, or a blocking to give up. Raises what `book` raises for
        the details.
        """
        gate = self._context.admit("appointment.book-first", Kind.PATIENT, patient)
        refuse_unknown(details, Details, "book_first")
        check_stated(gate, details)
        return self._first_available.book(gate, search, patient, assignment, details)

    def find_chain(
        self,
        visits: Iterable[ChainVisit | Search],
        *,
        patient: str,
        most: int = 3,
        referred: bool = False,
        prepaid: bool = False,
    ) -> tuple[tuple[Slot, ...], ...]:
        """Up to so many ways (1 to 100) in which a chain of visits can be had, as it is now.

        Each is a slot for each visit; each begins at another time, the earliest first. Nothing is
        taken: to have one of them, book the chain with searches for it. Raises as `book_chain`,
        but returns none where there is none; `InvalidNumber` for ``most``. Where there are too many
        ways to try them all, and none of those that were tried can be had, that is `ChainRefused`.
        """
        gate = self._context.admit("appointment.find-chain", Kind.PATIENT, patient)
        find = partial(self._chains.find, gate, visits, patient, most, referred, prepaid)
        return gate.hushed(find)

    def book_chain(
        self,
        visits: Iterable[ChainVisit | Search],
        *,
        patient: str,
        **details: Unpack[ChainDetails],
    ) -> tuple[Appointment, ...]:
        """Book visits that follow one another as wished, all of them or none.

        The first visit is as early as it can be, then the second, and so on. Each is decided as
        `book` decides it, beside those before it, and ``follows`` the one before it. If a rival
        takes something first, the chain is found anew in the same call. Under a key that was used
        before, the appointments come back as they are by then.

        `ChainRefused`, with the visit that could not be placed, or ``given_up`` after 2000 slots
        were tried that follow one another in time and cannot be had together. `NotFound` for a
        patient, provider or type that is not there; `InvalidNumber` for no visits or more than 12,
        `InvalidChoice` for a first one that follows another. Raises what `book` raises for the
        details.
        """
        gate = self._context.admit("appointment.book-chain", Kind.PATIENT, patient)
        refuse_unknown(details, ChainDetails, "book_chain")
        gate.notes(details.get("notes"))
        gate.detail(details.get("referral"), details.get("prepayment"))
        return self._chains.book(gate, visits, patient, details)

    # --------------------------------------------------------------------- moving

    def reschedule(
        self,
        appointment: Appointment | str,
        slot: SlotLike,
        *,
        override: str | None = None,
        reason: str | None = None,
        notes: str | None = None,
        idempotency_key: str | None = None,
    ) -> Appointment:
        """Move an appointment to another slot of its type, with this provider or another.

        It stays the same appointment; where it was before is kept in its ``moves``. Its own
        time is free for it. Rooms and devices are kept where they can be. ``override``: why staff
        move it whatever speaks against it. ``reason`` and ``notes`` are written anew with the move,
        as `annotate` would, by whom it is allowed to; None leaves what there is.

        `InvalidTransition` once the patient has arrived, or it is over or cancelled; `NotAllowed`
        to move what is booked into a time block for whoever may only ask for one. Raises
        what `book` raises for the slot; nothing has moved then.
        """
        gate = self._context.admit("appointment.reschedule", Kind.APPOINTMENT, appointment)
        bookings, now = self._bookings, self._context.now()
        wanted, overriding = bookings.wanted(slot), check_override(override)
        stated = _stated(reason, notes)
        said: dict[str, Any] = {"appointment": id_of(appointment), "slot": wanted.plain(), **stated}
        if overriding:
            said["override"] = override
            gate.also(_OVERRIDE)
        if stated:
            gate.also(_ANNOTATE)

        def decide() -> tuple[Appointment, Changeset | None]:
            old = bookings.stored(gate, Appointment, appointment)
            if old.status not in MOVABLE:
                raise InvalidTransition(old.status.value, Change.RESCHEDULED.value)
            if wanted.type != old.type:
                why = f"the appointment is a {old.type}"
                raise InvalidChoice("slot", wanted.type, why)
            if old.session is not None and _is_there(old, wanted):
                return self._annotated(old, now, stated)
            session = bookings.seats.left_by(old)
            but = (old,) if session is None else (old, session)
            wish = Wish(
                wanted,
                patient=old.patient,
                but=but,
                override=overriding,
                referred=bool(old.referral),
                prepaid=bool(old.prepayment),
            )
            asked, planned = bookings.decide(wish, now, prefer=old.resources)
            taking = bookings.taking(planned)
            spans = tuple(sorted(taking["spans"]))
            there = (wanted.provider, taking["start"], spans, planned.block)
            if (old.provider, old.start, old.spans, old.block) == there:
                return self._annotated(old, now, stated)
            if self._context.status_in(planned.block, old.status) is not old.status:
                gate.also(_CONFIRM)
            if planned.overridden:
                taking |= {"override": override, "overridden": planned.overridden}
            new = moved(self._context, old, wanted.provider, now, taking | stated)
            instead = Effects(releases=old.claims) + bookings.seats.leave(old)
            return bookings.placed(asked, planned, new, Change.RESCHEDULED, now, instead=instead)

        return self._bookings.run(gate, idempotency_key, said, now, decide)

    def propose_moves(
        self,
        appointments: Iterable[Appointment | Stranding | str],
        *,
        providers: Collection[str] = (),
        choices: int = 3,
        within: timedelta = timedelta(days=28),
    ) -> tuple[Proposal, ...]:
        """Where appointments could be moved to, those that begin first served first.

        For each up to so many ``choices`` (1 to 100): with the same provider the nearest later
        slots, then earlier ones; then those with the other ``providers`` that are named. All lie
        ``within`` so long of its start, and none before now. The first slots of all proposals are
        free together, and can be taken in this order. Nothing is taken: `reschedule` does that.
        An appointment that cannot be moved any more has no slots.

        `NotFound` for an unknown appointment or provider; `InvalidNumber`, `InvalidDuration`,
        and `InvalidInterval` for more than a year.
        """
        gate = self._context.admit("appointment.propose-moves")
        given = [appointments] if isinstance(appointments, str) else appointments
        ids = (one.appointment.id if isinstance(one, Stranding) else id_of(one) for one in given)
        return Proposals(self._bookings).of(
            gate.shown([self._bookings.stored(gate, Appointment, id) for id in ids]),
            movable=lambda one: one.status in MOVABLE,
            providers=[providers] if isinstance(providers, str) else providers,
            choices=choices,
            within=within,
        )

    def change_resources(
        self,
        appointment: Appointment | str,
        resources: Collection[Resource] = (),
        *,
        idempotency_key: str | None = None,
    ) -> Appointment:
        """Give an appointment these rooms and devices instead of those it has, at its time.

        A need that none of them meets keeps what it has, if it still can. Only the rooms and
        devices are asked whether they are free and open: the visit itself stands.

        `BookingRefused` if one is not to be had; `InvalidChoice` for one that the type does not
        need; `InvalidTransition` when the appointment is over or cancelled.
        """
        gate = self._context.admit("appointment.change-resources", Kind.APPOINTMENT, appointment)
        bookings, now = self._bookings, self._context.now()
        named = frozenset(resources)
        said = {"appointment": id_of(appointment), "resources": named}

        def decide() -> tuple[Appointment, Changeset | None]:
            old = bookings.stored(gate, Appointment, appointment)
            if old.status not in MOVABLE | _UNDER_WAY:
                raise InvalidTransition(old.status.value, Change.RESOURCES_CHANGED.value)
            if old.session is not None:
                why = "those of a group session are of all who are in it"
                raise InvalidChoice("resources", tuple(map(str, named)), why)
            start = whole_minute(old.start, "start")
            wanted = Wanted(old.provider, old.type, start, old.location)
            wish = Wish(wanted, patient=old.patient, named=named, but=(old,))
            asked = bookings.ask(wish, now)
            found = reassigned(
                asked.inquiry,
                start,
                SlotShape(old.duration // MINUTE, old.location, None),
                self._context.zones.zone(old.wall.timezone),
                prefer=old.resources,
            )
            against = [one for one in found if isinstance(one, Violation)]
            if against:
                raise bookings.refusal(wish, now, against, asked)
            spans = [one for one in found if not isinstance(one, Violation)]
            chosen = frozenset(span.resource for span in spans)
            if chosen == old.resources:
                return old, None
            others = [span for span in old.spans if span.resource not in old.resources]
            new = self._next(old, now, {"resources": chosen, "spans": (*others, *spans)})
            return new, self._replaced(old, new, Change.RESOURCES_CHANGED, now, asked)

        return self._bookings.run(gate, idempotency_key, said, now, decide)

    def annotate(
        self,
        appointment: Appointment | str,
        *,
        reason: str | None = None,
        notes: str | None = None,
        idempotency_key: str | None = None,
    ) -> Appointment:
        """Write another reason or other notes, up to 500 characters; None leaves what there is."""
        gate = self._context.admit(_ANNOTATE, Kind.APPOINTMENT, appointment)
        now = self._context.now()
        said = {"appointment": id_of(appointment), "reason": reason, "notes": notes}

        def decide() -> tuple[Appointment, Changeset | None]:
            old = self._bookings.stored(gate, Appointment, appointment)
            return self._annotated(old, now, _stated(reason, notes))

        return self._bookings.run(gate, idempotency_key, said, now, decide)

    # ----------------------------------------------------------------- status steps

    def accept(
        self, appointment: Appointment | str, *, idempotency_key: str | None = None
    ) -> Appointment:
        """Book what was requested or proposed.

        What was only proposed may be refused, as `book`; what staff proposed whatever spoke
        against it is booked in the same way. A patient accepts what was proposed to them; what was
        requested is the practice's to accept: `NotAllowed`.
        """
        return self._step(appointment, AppointmentStatus.BOOKED, idempotency_key)

    def arrive(
        self, appointment: Appointment | str, *, idempotency_key: str | None = None
    ) -> Appointment:
        """The patient is there."""
        return self._step(appointment, AppointmentStatus.ARRIVED, idempotency_key)

    def check_in(
        self, appointment: Appointment | str, *, idempotency_key: str | None = None
    ) -> Appointment:
        """The patient is there, and what is needed before the visit is done."""
        return self._step(appointment, AppointmentStatus.CHECKED_IN, idempotency_key)

    def fulfil(
        self, appointment: Appointment | str, *, idempotency_key: str | None = None
    ) -> Appointment:
        """The visit took place."""
        return self._step(appointment, AppointmentStatus.FULFILLED, idempotency_key)

    def mark_noshow(
        self, appointment: Appointment | str, *, idempotency_key: str | None = None
    ) -> Appointment:
        """The patient did not come; the time stays taken."""
        return self._step(appointment, AppointmentStatus.NOSHOW, idempotency_key)

    def cancel(
        self,
        appointment: Appointment | str,
        *,
        reason: str = "",
        idempotency_key: str | None = None,
    ) -> Appointment:
        """Call an appointment off, for a reason of up to 500 characters: its time is free again.

        Cancelling twice is cancelling once: the first reason stays.
        """
        return self._step(appointment, AppointmentStatus.CANCELLED, idempotency_key, reason)

    def enter_in_error(
        self,
        appointment: Appointment | str,
        *,
        reason: str = "",
        idempotency_key: str | None = None,
    ) -> Appointment:
        """Say that an appointment should never have been; its time is free again."""
        return self._step(appointment, AppointmentStatus.ENTERED_IN_ERROR, idempotency_key, reason)

    def _step(
        self,
        appointment: Appointment | str,
        status: AppointmentStatus,
        idempotency_key: str | None,
        reason: str = "",
    ) -> Appointment:
        gate = self._context.admit(_STEPS[status], Kind.APPOINTMENT, appointment)
        now = self._context.now()
        said = {"appointment": id_of(appointment), "reason": reason}

        def decide() -> tuple[Appointment, Changeset | None]:
            old = self._bookings.stored(gate, Appointment, id_of(appointment))
            if old.status is status is AppointmentStatus.CANCELLED:
                return old, None
            old = self._bookings.stored(gate, Appointment, appointment)
            step(old.status, status)
            if status is AppointmentStatus.BOOKED and old.status is AppointmentStatus.PENDING:
                gate.also(_CONFIRM)
            changes: dict[str, Any] = {"status": status}
            if reason:
                changes["cancellation"] = reason
            if status is AppointmentStatus.BOOKED:
                changes["participants"] = participants_in(status, old.provider, old.patient)
            if not old.claims_time and attrs.evolve(old, status=status).claims_time:
                start = whole_minute(old.start, "start")
                wanted = Wanted(old.provider, old.type, start, old.location)
                wish = Wish(
                    wanted,
                    patient=old.patient,
                    override=bool(old.override),
                    referred=bool(old.referral),
                    prepaid=bool(old.prepayment),
                )
                asked, planned = self._bookings.decide(wish, now, prefer=old.resources)
                changes |= self._bookings.taking(planned)
                changes["overridden"] = planned.overridden
                changes["override"] = old.override if planned.overridden else ""
                new = self._next(old, now, changes)
                return self._bookings.placed(asked, planned, new, _CHANGES[status], now)
            new = self._next(old, now, changes)
            if old.claims_time and not new.claims_time:
                new = attrs.evolve(new, **NO_SEAT)
            return new, self._replaced(old, new, _CHANGES[status], now)

        return self._bookings.run(gate, idempotency_key, said, now, decide)

    # -------------------------------------------------------------------- in common

    def _annotated(
        self, old: Appointment, now: datetime, stated: dict[str, str]
    ) -> tuple[Appointment, Changeset | None]:
        """An appointment that says something anew, if it does, and stays where it is."""
        new = self._next(old, now, stated)
        if (old.reason, old.notes) == (new.reason, new.notes):
            return old, None
        effects = Effects(writes=[new], events=[Event.of(Change.UPDATED, new)])
        return new, self._bookings.changes(effects, now)

    def _next(self, old: Appointment, now: datetime, changes: Mapping[str, Any]) -> Appointment:
        return revised(self._context, old, now, changes)

    def _replaced(
        self,
        old: Appointment,
        new: Appointment,
        change: Change,
        now: datetime,
        asked: Asked | None = None,
    ) -> Changeset:
        """What replaces an appointment: only what differs of its claims is given back and taken."""
        kept = set(old.claims) & set(new.claims)
        effects = Effects(
            writes=[new],
            releases=[claim for claim in old.claims if claim not in kept],
            claims=[claim for claim in new.claims if claim not in kept],
            events=[Event.of(change, new)],
        )
        if old.session is not None and new.session is None:
            effects += self._bookings.seats.leave(old)
        if asked is not None:
            effects += self._bookings.cleared(asked.claims(), effects.claims, now)
        return self._bookings.changes(effects, now, asked=asked)


def _is_there(appointment: Appointment, wanted: Wanted) -> bool:
    """Whether an appointment is at the slot that is asked for."""
    return (
        appointment.provider == wanted.provider
        and whole_minute(appointment.start, "start") == wanted.start
        and (wanted.places is None or appointment.location in wanted.places)
    )


def _stated(reason: str | None, notes: str | None) -> dict[str, str]:
    """What is said anew of an appointment; None is not said."""
    stated = {"reason": reason, "notes": notes}
    return {name: value for name, value in stated.items() if value is not None}
