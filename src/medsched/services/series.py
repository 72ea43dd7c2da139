"""Series: recurring appointments, booked, moved and called off together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, time
from typing import Any, Final, TypedDict, Unpack

import attrs

from medsched.domain.appointments import Appointment, AppointmentStatus
from medsched.domain.changes import Changeset
from medsched.domain.events import Change, Event
from medsched.domain.fields import check_id
from medsched.domain.pages import Page
from medsched.domain.records import Resource
from medsched.domain.refusals import SeriesRefused
from medsched.domain.series import (
    Occurrence,
    Series,
    SeriesBooked,
    SeriesScope,
    Unbooked,
    check_recurrence,
    check_time,
    occurrence_dates,
)
from medsched.domain.starts import ANYWHERE, Anywhere, a_place
from medsched.domain.stored import Kind, Ref
from medsched.engine.series import FreeSlots, home_zone, start_on_wall
from medsched.errors import InvalidChoice, InvalidTransition, NotFound
from medsched.services.asked_for import Details, Wanted, Wish, id_of
from medsched.services.bookings import ALTERNATIVES, Bookings
from medsched.services.context import Context
from medsched.services.effects import Effects
from medsched.services.gates import Gate
from medsched.services.occurrences import Asking, around, decided, places_of, unbooked_on
from medsched.services.options import refuse_unknown
from medsched.services.queries import SeriesQuery
from medsched.services.records import Listing
from medsched.services.revisions import MOVABLE, cancelled
from medsched.services.series_moves import check_target, moving, target_of, wall_of
from medsched.services.snapshots import Snapshots
from medsched.timeline.recurrence import Recurrence

_SAID: Final = ("id", "reason", "notes", "referral", "prepayment")


class SeriesDetails(TypedDict, total=False):
    """What may be said of a new series, and so of each of its appointments."""

    id: str
    """The host's own id of the series; one is made unless given."""
    reason: str
    """Why the patient comes: up to 500 characters."""
    notes: str
    """Up to 500 characters."""
    resources: Collection[Resource]
    """Rooms and devices that each shall have; any free ones that will do, unless given."""
    referral: str
    """The referral they are booked on, by the host's name: up to 255 characters."""
    prepayment: str
    """The payment in advance they are booked on, by the host's name: up to 255 characters."""
    idempotency_key: str | None
    """1 to 255 characters: a repeated command under it changes nothing a second time."""


class SeriesBookings:
    """The series of one practice.

    Every command does all of what it says in one go, or nothing. Appointments of a series are
    appointments like others: what becomes of one alone, `Appointments` does, and it stays in its
    series. Commands take an appointment and an ``idempotency_key`` as those of `Appointments` do;
    repeated under its key a command changes nothing, and returns what its first run was about,
    as it is by then.
    """

    def __init__(self, context: Context, snapshots: Snapshots) -> None:
        self._context = context
        self._bookings = Bookings(context, snapshots)
        self._listing = Listing(context, Series, SeriesQuery)

    # -------------------------------------------------------------------- reading

    def get(self, id: str) -> Series:
        """The series of this id; `NotFound` if there is none."""
        return self._listing.get(id)

    def find(self, id: str) -> Series | None:
        """The series of this id; None if there is none."""
        return self._listing.find(id)

    def list(
        self,
        *,
        patient: str | None = None,
        provider: str | None = None,
        type: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Series]:
        """A page of the series, in order of id: of a patient, provider or type, as booked.

        `InvalidNumber` for a limit that is not 1 to 1000, `InvalidCursor` for a cursor that this
        list, with these filters, did not give.
        """
        return self._listing.list(
            patient=patient, provider=provider, type=type, limit=limit, cursor=cursor
        )

    def appointments(self, series: Series | str) -> tuple[Appointment, ...]:
        """The appointments of a series, whatever their status, by its dates; `NotFound`."""
        gate = self._context.admit("series.read", Kind.SERIES, series)
        found = self._stored(gate, series.id if isinstance(series, Series) else series)
        return gate.shown(gate.reached(self._read(_ids(found))))

    # --------------------------------------------------------------------- making

    def book(
        self,
        provider: str,
        type: str,
        *,
        patient: str,
        recurrence: Recurrence,
        at: time,
        timezone: str | None = None,
        location: str | Anywhere | None = ANYWHERE,
        skip: bool = False,
        **details: Unpack[SeriesDetails],
    ) -> SeriesBooked:
        """Book an appointment on each date of a recurrence: all of them, or with ``skip`` the rest.

        ``recurrence`` gives 1 to 366 local dates, ``at`` the start on the wall of ``timezone``, in
        whole minutes: unless stated that of the ``location``, or the provider's. Each occurrence
        is decided as `Appointments.book` decides it, beside those before it. A wall time that the
        clock skips or shows twice on a date is not had there, and never moved.

        `SeriesRefused`, with the reasons and alternatives of each occurrence that cannot be had:
        for one without ``skip``, with it if there is none that can. `TooManyOccurrences`;
        `InvalidRecurrence`; `InvalidWallTime`; `UnknownZone`; `NotFound`; `AlreadyExists`;
        `InvalidChoice` for resources that the type does not need.
        """
        context, bookings, now = self._context, self._bookings, self._context.now()
        gate = context.admit("series.book", Kind.PATIENT, patient)
        refuse_unknown(details, SeriesDetails, "book")
        gate.choose(details.get("id"))
        gate.notes(details.get("notes"))
        gate.detail(details.get("referral"), details.get("prepayment"))
        for field, id in (("provider", provider), ("type", type), ("patient", patient)):
            check_id(id, field)
        dates, at = occurrence_dates(check_recurrence(recurrence)), check_time(at, "at")
        a_place(None, None, location)
        stated = None if timezone is None else context.zones.zone(timezone)
        named, within = frozenset(details.get("resources", ())), around(dates)
        new = context.surroundings.ids.new
        own_id = details.get("id") or new(Kind.SERIES)
        ids = [new(Kind.APPOINTMENT) for _ in dates]
        said: dict[str, Any] = {
            "slot": Wanted(provider, type, 0, location).plain(),
            "patient": patient,
            "rule": [recurrence.start, recurrence.rule, recurrence.rdates, recurrence.exdates],
            "at": at.isoformat(),
            "timezone": timezone,
            "skip": skip,
            "resources": named,
            **{name: details.get(name, "") for name in _SAID},
        }
        booked: list[SeriesBooked] = []

        def decide() -> tuple[Appointment, Changeset]:
            gate.patient(patient)
            bookings.refuse_taken(details.get("id", ""), kind=Kind.SERIES)
            snapshot = bookings.inquiries.snapshot(provider, type)
            place = None if isinstance(location, Anywhere) else location
            zone = stated or home_zone(snapshot.schedule, context.zones, place)
            walls = [datetime.combine(day, at) for day in dates]
            starts = [start_on_wall(zone, wall) for wall in walls]
            asked = bookings.inquiries.asked(
                provider,
                type,
                within,
                patient=patient,
                now=now,
                named=named,
                referred=bool(details.get("referral")),
                prepaid=bool(details.get("prepayment")),
                counting=[one for one in starts if isinstance(one, int)],
            )
            asking = [
                Asking(wall.date(), wall, start, asked)
                for wall, start in zip(walls, starts, strict=True)
            ]
            plans, unbooked = decided(asking, zone, location, within)
            if unbooked and not (skip and plans):
                raise SeriesRefused(len(dates), unbooked)
            made = []
            for day, each in zip(dates, ids, strict=True):
                if day in plans:
                    start = Wanted(provider, type, plans[day].start, location)
                    drafted = bookings.drafted(
                        AppointmentStatus.BOOKED,
                        Wish(start, patient=patient),
                        _of_each(details, each),
                        plans[day],
                        now,
                    )
                    made.append((asked, plans[day], attrs.evolve(drafted, series=own_id)))
            seats, effects = bookings.placed_all(made, Change.BOOKED, now)
            had = dict(zip(plans, seats, strict=True))
            against = {one.date: one.violations for one in unbooked}
            series = Series(
                id=own_id,
                patient=patient,
                provider=provider,
                type=type,
                location=location,
                recurrence=recurrence,
                at=at,
                timezone=zone.key,
                occurrences=[
                    Occurrence(day, had[day].id if day in had else None, against.get(day, ()))
                    for day in dates
                ],
                version=1,
                created_at=now,
                updated_at=now,
                created_by=context.principal.id,
            )
            recorded = Effects(
                writes=[series],
                guards=[*snapshot.guards()],
                events=[Event.of(Change.CREATED, series)],
            )
            told = unbooked if (hushing := gate.hushing) is None else hushing.unbooked(unbooked)
            known = series if hushing is None else hushing.series(series)
            booked[:] = [SeriesBooked(series=known, appointments=(*seats,), unbooked=told)]
            return seats[0], bookings.changes(recorded + effects, now, asked=asked)

        first = self._bookings.run(gate, details.get("idempotency_key"), said, now, decide)
        if booked and booked[0].appointments[0] is first:
            return booked[0]
        return self._booked(gate, first, named, now)

    def _booked(
        self, gate: Gate, first: Appointment, named: Collection[Resource], now: datetime
    ) -> SeriesBooked:
        """What was booked under a key before, as it is by now."""
        series = gate.show(self._stored(gate, first.series or ""))
        left = [one for one in series.occurrences if one.appointment is None]
        unbooked: list[Unbooked] = []
        if left:
            zone = self._context.zones.zone(series.timezone)
            within = around([one.date for one in series.occurrences])
            asked = self._bookings.inquiries.asked(
                series.provider,
                series.type,
                within,
                patient=series.patient,
                now=now,
                named=named,
                referred=bool(first.referral),
                prepaid=bool(first.prepayment),
            )
            free = FreeSlots(asked.inquiry, within)
            for one in left:
                wall = datetime.combine(one.date, series.at)
                others = free.nearest(zone, wall, ALTERNATIVES, places=places_of(series.location))
                unbooked.append(unbooked_on(one.date, wall, one.violations, others))
        told = unbooked if (hushing := gate.hushing) is None else hushing.unbooked(unbooked)
        return SeriesBooked(
            series=series,
            appointments=gate.shown(gate.reached(self._read(_ids(series)))),
            unbooked=tuple(told),
        )

    # --------------------------------------------------------------------- moving

    def reschedule(
        self,
        appointment: Appointment | str,
        to: time | datetime | None = None,
        *,
        provider: str | None = None,
        scope: SeriesScope | str = SeriesScope.THIS,
        idempotency_key: str | None = None,
    ) -> tuple[Appointment, ...]:
        """Move occurrences of a series: all that the ``scope`` names, seen from one, or none.

        ``to`` is on the wall of the series, in whole minutes: a time of day, at which each then
        starts on the date that it is on; or a naive datetime for the one named, and the others
        move by as many days, to the same time. ``provider``: who sees them from now on; who does
        so now, unless stated. Their own time is free for all of them. What has begun, is over or
        was called off stays as it is. Returns all of the scope, by the dates of the series.

        `SeriesRefused`, with the reasons and alternatives of each that cannot be had;
        `InvalidTransition` where none can be moved any more; `InvalidChoice` for an appointment
        of no series, or where neither ``to`` nor ``provider`` is stated; `InvalidWallTime`.
        """
        gate = self._context.admit("series.reschedule", Kind.APPOINTMENT, appointment)
        bookings, now, scope = self._bookings, self._context.now(), SeriesScope(scope)
        if to is None and provider is None:
            raise InvalidChoice("to", None, "say another time, another provider, or both")
        check_target(to)
        said = {
            "appointment": id_of(appointment),
            "to": None if to is None else to.isoformat(),
            "provider": provider,
            "scope": scope.value,
        }

        def decide() -> tuple[Appointment, Changeset | None]:
            anchor = bookings.stored(gate, Appointment, appointment)
            series = self._series_of(anchor)
            members = self._read(series.among(anchor.id, scope))
            if scope is SeriesScope.THIS:
                chosen = [anchor] if anchor.status in MOVABLE else []
            else:
                chosen = [one for one in members if one.is_upcoming(now)]
            _check_reached(gate, chosen)
            if not chosen:
                raise InvalidTransition(anchor.status.value, Change.RESCHEDULED.value)
            zone = self._context.zones.zone(series.timezone)
            targets = [
                (one, target_of(one, anchor, to, zone), provider or one.provider) for one in chosen
            ]
            going = [
                (one, wall, who)
                for one, wall, who in targets
                if (one.provider, wall_of(one, zone)) != (who, wall)
            ]
            if not going:
                return anchor, None
            changes = bookings.changes(moving(bookings, series, going, zone, now), now)
            return _after(anchor, changes), changes

        self._bookings.run(gate, idempotency_key, said, now, decide)
        return self._in_scope(gate, appointment, scope)

    # ------------------------------------------------------------------ calling off

    def cancel(
        self,
        appointment: Appointment | str,
        *,
        scope: SeriesScope | str = SeriesScope.THIS,
        reason: str = "",
        idempotency_key: str | None = None,
    ) -> tuple[Appointment, ...]:
        """Call occurrences of a series off, for a reason of up to 500 characters, in one go.

        ``scope``: which of them, seen from the one named. Of following or all, what has begun, is
        over or was called off stays as it is; cancelling twice is cancelling once. Returns all of
        the scope, by the dates of the series.

        `InvalidTransition` for one alone that is over; `InvalidChoice` for one of no series.
        """
        gate = self._context.admit("series.cancel", Kind.APPOINTMENT, appointment)
        bookings, now, scope = self._bookings, self._context.now(), SeriesScope(scope)
        said = {"appointment": id_of(appointment), "scope": scope.value, "reason": reason}

        def decide() -> tuple[Appointment, Changeset | None]:
            anchor = bookings.stored(gate, Appointment, id_of(appointment))
            members = self._read(self._series_of(anchor).among(anchor.id, scope))
            if scope is SeriesScope.THIS:
                chosen = [one for one in members if one.status is not AppointmentStatus.CANCELLED]
            else:
                chosen = [one for one in members if one.is_upcoming(now)]
            _check_reached(gate, chosen)
            if not chosen:
                return anchor, None
            anchor = bookings.stored(gate, Appointment, appointment)
            changeset = bookings.changes(cancelled(self._context, chosen, reason, now), now)
            return _after(anchor, changeset), changeset

        self._bookings.run(gate, idempotency_key, said, now, decide)
        return self._in_scope(gate, appointment, scope)

    # ------------------------------------------------------------------- in common

    def _stored(self, gate: Gate, id: str) -> Series:
        return self._context.shown(gate, Series, id)

    def _series_of(self, appointment: Appointment) -> Series:
        """The series of an appointment that is reached, and so is told what it belongs to."""
        if appointment.series is None:
            raise InvalidChoice("appointment", appointment.id, "it is of no series")
        id = appointment.series
        found = self._context.store.get(self._context.practice, Series, id)
        if found is None:
            raise NotFound(Kind.SERIES.value, id)
        return found

    def _in_scope(
        self, gate: Gate, appointment: Appointment | str, scope: SeriesScope
    ) -> tuple[Appointment, ...]:
        anchor = self._bookings.stored(gate, Appointment, id_of(appointment))
        found = self._read(self._series_of(anchor).among(anchor.id, scope))
        return gate.shown(gate.reached(found))

    def _read(self, ids: Sequence[str]) -> tuple[Appointment, ...]:
        """The stored appointments of some ids, in this order."""
        refs = [Ref(Kind.APPOINTMENT, id) for id in ids]
        found = self._context.store.get_many(self._context.practice, refs)
        return tuple(one for ref in refs if isinstance(one := found.get(ref), Appointment))


def _check_reached(gate: Gate, chosen: Collection[Appointment]) -> None:
    """Refuse to change occurrences that are not reached; `NotAllowed`."""
    if len(gate.reached(chosen)) < len(chosen):
        gate.deny("some of the series are not reached")


def _of_each(details: SeriesDetails, id: str) -> Details:
    """What is said of each appointment of a new series."""
    return {
        "id": id,
        "reason": details.get("reason", ""),
        "notes": details.get("notes", ""),
        "referral": details.get("referral", ""),
        "prepayment": details.get("prepayment", ""),
    }


def _ids(series: Series) -> list[str]:
    return [one.appointment for one in series.occurrences if one.appointment is not None]


def _after(anchor: Appointment, changes: Changeset) -> Appointment:
    """The appointment as a changeset leaves it."""
    for one in changes.writes:
        if isinstance(one, Appointment) and one.id == anchor.id:
            return one
    return anchor
