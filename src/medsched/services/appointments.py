"""Appointments: booked, moved, cancelled, and brought through their day."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final, Unpack

import attrs

from medsched.domain.appointments import (
    Appointment,
    AppointmentStatus,
    Move,
    participants_in,
)
from medsched.domain.changes import Changeset
from medsched.domain.events import Change, Event
from medsched.domain.fields import check_id
from medsched.domain.lifecycle import step
from medsched.domain.records import Resource
from medsched.domain.requests import Violation
from medsched.domain.stored import Kind
from medsched.domain.stranding import Proposal, Stranding
from medsched.engine.booking import reassigned
from medsched.engine.openings import SlotShape
from medsched.errors import InvalidChoice, InvalidTransition
from medsched.services.agendas import Agendas
from medsched.services.bookings import (
    Bookings,
    Details,
    SlotLike,
    Wanted,
    Wish,
    check_override,
    id_of,
)
from medsched.services.context import Context
from medsched.services.effects import Effects
from medsched.services.inquiries import Asked
from medsched.services.options import refuse_unknown
from medsched.services.proposals import Proposals
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
_MOVABLE: Final = frozenset(
    {
        AppointmentStatus.PROPOSED,
        AppointmentStatus.WAITLIST,
        AppointmentStatus.PENDING,
        AppointmentStatus.BOOKED,
    }
)
"""The statuses in which an appointment may be moved to another time."""
_SAID_IF_GIVEN: Final = ("override", "referral", "prepayment")
"""What a request under a key says of a new appointment only where it is stated."""
_NO_SEAT: Final[Mapping[str, Any]] = {"session": None, "seats": 1}
_OVERRIDE: Final = "appointment.override"
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

    # --------------------------------------------------------------------- making

    def book(self, slot: SlotLike, *, patient: str, **details: Unpack[Details]) -> Appointment:
        """Book a slot for a patient: the appointment comes back booked, its time taken.

        ``slot`` is a slot that was listed, its id, or a `Start`. Provider, patient, an exclusive
        place, and a room or device for each need of the type are taken together.

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
        refuse_unknown(details, Details, "book")
        check_id(patient, "patient")
        context, bookings, now = self._context, self._bookings, self._context.now()
        wanted, named = bookings.wanted(slot), frozenset(details.get("resources", ()))
        override, kept = check_override(details.get("override")), details.get("in_place_of")
        operation = f"appointment.{_CHANGES[status].value}"
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
            context.admit(_OVERRIDE)
        fixed: Details = {
            **details,
            "id": details.get("id") or context.surroundings.ids.new(Kind.APPOINTMENT),
        }
        tries = count()

        def decide() -> tuple[Appointment, Changeset]:
            bookings.refuse_taken(details.get("id", ""), details.get("reference", ""))
            given = bookings.given_up(kept, patient)
            but = () if given is None else (given,)
            wish = Wish(wanted, patient=patient, named=named, but=but, override=override)
            old = bookings.may_be_old(tries)
            asked, planned = bookings.decide(wish, now, fresh=not old)
            made = bookings.drafted(status, wish, fixed, planned, now)
            instead = Effects()
            if given is not None and made.claims_time:
                instead = Effects(
                    removals=but, releases=given.claims, events=[Event.of(Change.RELEASED, given)]
                )
            return bookings.placed(asked, planned, made, _CHANGES[status], now, instead=instead)

        return self._run(operation, details.get("idempotency_key"), said, now, decide)

    # --------------------------------------------------------------------- moving

    def reschedule(
        self,
        appointment: Appointment | str,
        slot: SlotLike,
        *,
        override: str | None = None,
        idempotency_key: str | None = None,
    ) -> Appointment:
        """Move an appointment to another slot of its type, with this provider or another.

        It stays the same appointment; where it was before is kept in its ``moves``. Its own
        time is free for it. Rooms and devices are kept where they can be. ``override``: why staff
        move it whatever speaks against it.

        `InvalidTransition` once the patient has arrived, or it is over or cancelled. Raises
        what `book` raises for the slot; nothing has moved then.
        """
        bookings, now = self._bookings, self._context.now()
        wanted, overriding = bookings.wanted(slot), check_override(override)
        said: dict[str, Any] = {"appointment": id_of(appointment), "slot": wanted.plain()}
        if overriding:
            said["override"] = override
            self._context.admit(_OVERRIDE)

        def decide() -> tuple[Appointment, Changeset | None]:
            old = bookings.stored(Appointment, appointment)
            if old.status not in _MOVABLE:
                raise InvalidTransition(old.status.value, Change.RESCHEDULED.value)
            if wanted.type != old.type:
                why = f"the appointment is a {old.type}"
                raise InvalidChoice("slot", wanted.type, why)
            if old.session is not None and _is_there(old, wanted):
                return old, None
            session = bookings.seats.left_by(old)
            but = (old,) if session is None else (old, session)
            wish = Wish(wanted, patient=old.patient, but=but, override=overriding)
            asked, planned = bookings.decide(wish, now, fresh=True, prefer=old.resources)
            taking = bookings.taking(planned)
            same = (old.provider, old.start, old.spans)
            if same == (wanted.provider, taking["start"], tuple(sorted(taking["spans"]))):
                return old, None
            move = Move(
                start=old.start,
                end=old.end,
                provider=old.provider,
                moved_at=now,
                moved_by=self._context.principal.id,
            )
            changes: dict[str, Any] = {
                **taking,
                "provider": wanted.provider,
                "moves": (*old.moves, move),
                "participants": participants_in(old.status, wanted.provider, old.patient),
                "override": (override or "") if planned.overridden else "",
                "overridden": planned.overridden,
                **_NO_SEAT,
            }
            new = self._next(old, now, changes)
            instead = Effects(releases=old.claims) + bookings.seats.leave(old)
            return bookings.placed(asked, planned, new, Change.RESCHEDULED, now, instead=instead)

        return self._run("appointment.reschedule", idempotency_key, said, now, decide)

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
        ids = (
            one.appointment.id if isinstance(one, Stranding) else id_of(one) for one in appointments
        )
        return Proposals(self._bookings).of(
            [self._bookings.stored(Appointment, id) for id in ids],
            movable=lambda one: one.status in _MOVABLE,
            providers=providers,
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
        bookings, now = self._bookings, self._context.now()
        named = frozenset(resources)
        said = {"appointment": id_of(appointment), "resources": named}

        def decide() -> tuple[Appointment, Changeset | None]:
            old = bookings.stored(Appointment, appointment)
            if old.status not in _MOVABLE | _UNDER_WAY:
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
                raise bookings.refusal(wish, now, against)
            spans = [one for one in found if not isinstance(one, Violation)]
            chosen = frozenset(span.resource for span in spans)
            if chosen == old.resources:
                return old, None
            others = [span for span in old.spans if span.resource not in old.resources]
            new = self._next(old, now, {"resources": chosen, "spans": (*others, *spans)})
            return new, self._replaced(old, new, Change.RESOURCES_CHANGED, now, asked)

        return self._run("appointment.change-resources", idempotency_key, said, now, decide)

    def annotate(
        self,
        appointment: Appointment | str,
        *,
        reason: str | None = None,
        notes: str | None = None,
        idempotency_key: str | None = None,
    ) -> Appointment:
        """Write another reason or other notes, up to 500 characters; None leaves what there is."""
        now = self._context.now()
        said = {"appointment": id_of(appointment), "reason": reason, "notes": notes}
        stated = {"reason": reason, "notes": notes}
        changes = {name: value for name, value in stated.items() if value is not None}

        def decide() -> tuple[Appointment, Changeset | None]:
            old = self._bookings.stored(Appointment, appointment)
            new = self._next(old, now, changes)
            if (old.reason, old.notes) == (new.reason, new.notes):
                return old, None
            effects = Effects(writes=[new], events=[Event.of(Change.UPDATED, new)])
            return new, self._bookings.changes(effects, now)

        return self._run("appointment.annotate", idempotency_key, said, now, decide)

    # ----------------------------------------------------------------- status steps

    def accept(
        self, appointment: Appointment | str, *, idempotency_key: str | None = None
    ) -> Appointment:
        """Book what was requested or proposed. What was only proposed may be refused, as `book`."""
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
        now, operation = self._context.now(), f"appointment.{_CHANGES[status].value}"
        said = {"appointment": id_of(appointment), "reason": reason}

        def decide() -> tuple[Appointment, Changeset | None]:
            old = self._bookings.stored(Appointment, id_of(appointment))
            if old.status is status is AppointmentStatus.CANCELLED:
                return old, None
            old = self._bookings.stored(Appointment, appointment)
            step(old.status, status)
            changes: dict[str, Any] = {"status": status}
            if reason:
                changes["cancellation"] = reason
            if status is AppointmentStatus.BOOKED:
                changes["participants"] = participants_in(status, old.provider, old.patient)
            if not old.claims_time and attrs.evolve(old, status=status).claims_time:
                start = whole_minute(old.start, "start")
                wanted = Wanted(old.provider, old.type, start, old.location)
                wish = Wish(wanted, patient=old.patient)
                asked, planned = self._bookings.decide(wish, now, fresh=True, prefer=old.resources)
                new = self._next(old, now, changes | self._bookings.taking(planned))
                return self._bookings.placed(asked, planned, new, _CHANGES[status], now)
            new = self._next(old, now, changes)
            if old.claims_time and not new.claims_time:
                new = attrs.evolve(new, **_NO_SEAT)
            return new, self._replaced(old, new, _CHANGES[status], now)

        return self._run(f"{operation}.step", idempotency_key, said, now, decide)

    # -------------------------------------------------------------------- in common

    def _next(self, old: Appointment, now: datetime, changes: dict[str, Any]) -> Appointment:
        return attrs.evolve(
            old,
            **changes,
            version=old.version + 1,
            updated_at=now,
            updated_by=self._context.principal.id,
        )

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
            effects += self._bookings.cleared(asked, effects.claims, now)
        return self._bookings.changes(effects, now, asked=asked)

    def _run(
        self,
        operation: str,
        key: str | None,
        said: Mapping[str, Any],
        now: datetime,
        decide: Callable[[], tuple[Appointment, Changeset | None]],
    ) -> Appointment:
        self._context.admit(operation)
        request = self._bookings.keyed(operation, key, said, now)
        return self._context.commit(operation, decide, request)


def _is_there(appointment: Appointment, wanted: Wanted) -> bool:
    """Whether an appointment is at the slot that is asked for."""
    return (
        appointment.provider == wanted.provider
        and whole_minute(appointment.start, "start") == wanted.start
        and (wanted.places is None or appointment.location in wanted.places)
    )
