"""The waitlist: who waits, whose turn it is, and the worker that offers what is free."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any, Final, TypedDict, Unpack

import attrs

from medsched.domain.appointment_types import AppointmentType
from medsched.domain.changes import Changeset, Guard, RowVersion, Tally
from medsched.domain.events import Change, Event
from medsched.domain.hours import Hours
from medsched.domain.people import Patient
from medsched.domain.refusals import BookingRefused
from medsched.domain.starts import ANYWHERE, Anywhere
from medsched.domain.stored import Kind, references
from medsched.domain.waitlist import (
    STILL_WAITING,
    THIRTY_MINUTES,
    WaitlistEntry,
    WaitlistStatus,
    Worked,
)
from medsched.engine.booking import inactive
from medsched.engine.waitlist import same_list
from medsched.errors import AlreadyWaiting, InvalidNumber, NotFound
from medsched.services.context import Context
from medsched.services.effects import Effects
from medsched.services.new_ids import NewIds
from medsched.services.options import refuse_unknown
from medsched.services.queries import WaitlistQuery
from medsched.services.records import Listing
from medsched.services.snapshots import Snapshots
from medsched.services.waitlist_line import WaitlistLine
from medsched.services.waitlist_offers import check_read, id_of, written
from medsched.services.waitlist_records import MOVED, check_lasting, joins_of
from medsched.services.waitlist_worker import WaitlistWorker
from medsched.timeline.weekdays import Weekday

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


class Waitlist(WaitlistLine):
    """The waitlist of one practice.

    Entries are served by urgency, then by when they were entered. What comes free is offered by
    `work`: an offer holds its slot, and expires. Commands take an ``idempotency_key`` as those of
    `Appointments` do; repeated under its key a command changes nothing, and returns the record that
    its first run was about, as it is by then. What is given as it was read, and was changed since,
    is `VersionConflict`; what is over already stays so. All of them raise `NotFound` for what is
    not there, and `StorageBusy` when rivals kept changing the same things.
    """

    def __init__(self, context: Context, snapshots: Snapshots) -> None:
        super().__init__(context, snapshots)
        self.entries = Listing(context, WaitlistEntry, WaitlistQuery)
        """Who waits; in order of id, see `waiting` for the order that they are served in."""

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
        for a patient, type, provider or place; `BookingRefused` for a patient or a type that is not
        active; `AlreadyExists`.
        """
        context, now = self._context, self._context.now()
        gate = context.admit("waitlist.join", Kind.PATIENT, patient)
        gate.choose(id)
        gate.detail(notes, referral, prepayment)
        if urgency:
            gate.also("waitlist.set-urgency")
        if entered_at is not None:
            gate.also("waitlist.backdate")
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
        ids = NewIds(context, Kind.WAITLIST_ENTRY, gate.operation, idempotency_key, given=id)

        def decide() -> tuple[WaitlistEntry, Changeset]:
            gate.patient(patient)
            self._bookings.refuse_taken(id, kind=Kind.WAITLIST_ENTRY)
            (own_id,) = ids.to_make()
            made = attrs.evolve(entry, id=own_id)
            joins = self._join_once(made)
            new, guards = self._named(made, now, joining=True)
            created = [Event.of(Change.CREATED, one) for one in new]
            effects = Effects(
                writes=[made, *new],
                guards=guards,
                tallies=[joins, MOVED],
                events=[*created, Event.of(Change.JOINED, made)],
            )
            return made, self._bookings.changes(effects, now)

        return self._run(gate, WaitlistEntry, ids.made, idempotency_key, said, now, decide)

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
        gate = self._context.admit("waitlist.change", Kind.WAITLIST_ENTRY, entry)
        refuse_unknown(wishes, Wishes, "change")
        gate.detail(*(wishes.get(name) for name in ("notes", "referral", "prepayment")))
        now, records = self._context.now(), self._records

        def decide() -> tuple[WaitlistEntry, Changeset | None]:
            old = self._waiting(gate, entry)
            check_read(entry, old)
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

        id = id_of(entry)
        said = {"entry": id, **{name: _plain(value) for name, value in wishes.items()}}
        return self._run(gate, WaitlistEntry, id, idempotency_key, said, now, decide)

    def set_urgency(
        self, entry: WaitlistEntry | str, urgency: int, *, idempotency_key: str | None = None
    ) -> WaitlistEntry:
        """Say how urgent it is, 0 to 1000, the most urgent first; who says so is recorded.

        `InvalidNumber`; `NotWaiting` once the entry is over.
        """
        gate = self._context.admit("waitlist.set-urgency", Kind.WAITLIST_ENTRY, entry)
        now, records = self._context.now(), self._records

        def decide() -> tuple[WaitlistEntry, Changeset | None]:
            old, by = self._waiting(gate, entry), self._context.principal.id
            check_read(entry, old)
            new = records.revised(old, old.status, now, urgency=urgency, urgency_by=by)
            if (old.urgency, old.urgency_by) == (new.urgency, new.urgency_by):
                return old, None
            effects = Effects(
                writes=[new],
                tallies=[MOVED],
                events=[Event.of(Change.UPDATED, new)],
            )
            return new, self._bookings.changes(effects, now)

        id = id_of(entry)
        said = {"entry": id, "urgency": urgency}
        return self._run(gate, WaitlistEntry, id, idempotency_key, said, now, decide)

    def leave(
        self, entry: WaitlistEntry | str, *, idempotency_key: str | None = None
    ) -> WaitlistEntry:
        """Take an entry off the list; a live offer that it has is withdrawn.

        One that is over stays what it is.
        """
        gate = self._context.admit("waitlist.leave", Kind.WAITLIST_ENTRY, entry)
        now, records = self._context.now(), self._records

        def decide() -> tuple[WaitlistEntry, Changeset | None]:
            old = records.seen(gate, WaitlistEntry, id_of(entry))
            if old.status not in STILL_WAITING:
                return old, None
            check_read(entry, old)
            effects = self._over([old], WaitlistStatus.LEFT, now)
            return written(effects, old), self._bookings.changes(effects, now)

        id = id_of(entry)
        return self._run(gate, WaitlistEntry, id, idempotency_key, {"entry": id}, now, decide)

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
        that comes free is missed, whatever freed it. It looks 366 days ahead, counted from today.

        ``now`` says what is due, and is the clock's unless given; an offer lasts from the later of
        the two. A rule of the house's that raises for a patient costs that patient the turn: the
        pass goes on without, and raises it in the end. `InvalidDuration`, `InvalidNumber`,
        `NaiveDatetime`.
        """
        gate = self._context.admit("waitlist.work")
        check_lasting(lasting)
        if not isinstance(most, int) or isinstance(most, bool) or most < 1:
            raise InvalidNumber("most", most, "a pass makes at least one offer")
        context = self._context
        due = context.now() if now is None else context.at(now).now()
        return WaitlistWorker(gate, context, self._snapshots, due, lasting, most).run()

    # -------------------------------------------------------------------- in common

    def _join_once(self, entry: WaitlistEntry) -> Tally:
        """The tally that keeps a patient from one list twice; `AlreadyWaiting`."""
        name = joins_of(entry.patient, entry.type)
        count = self._records.counted(name)
        own = self._records.all_of(WaitlistEntry, patient=entry.patient, type=entry.type)
        for other in own:
            if other.id != entry.id and same_list(entry, other):
                raise AlreadyWaiting(other.id)
        return Tally(name, 1, before=count)

    def _named(
        self, entry: WaitlistEntry, now: datetime, *, joining: bool = False
    ) -> tuple[list[Patient], list[Guard]]:
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
        if joining:
            idle = [one for one in found.values() if not getattr(one, "active", True)]
            against = [inactive(one) for one in idle if isinstance(one, Patient | AppointmentType)]
            if against:
                raise BookingRefused(tuple(against), ())
        return new, guards


def _said(entry: WaitlistEntry, *names: str) -> dict[str, Any]:
    """Some fields of an entry, as the digest of a request reads them."""
    return {name: _plain(getattr(entry, name)) for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, Anywhere):
        return []  # which no id is
    if isinstance(value, tuple | frozenset):
        return sorted(map(str, value))
    return value
