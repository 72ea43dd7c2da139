"""What every command that takes time does alike: from a slot to a changeset that takes it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias, TypedDict

import attrs

from medsched.domain.agendas import Agenda, Named
from medsched.domain.bookings import WallTime
from medsched.domain.changes import Changeset, RowVersion, ScheduleVersion
from medsched.domain.claims import Claim, ClaimKind
from medsched.domain.events import Change, Event
from medsched.domain.fields import check_id
from medsched.domain.holds import Hold
from medsched.domain.idempotency import KeyedRequest, keyed_request
from medsched.domain.people import Patient
from medsched.domain.records import Resource
from medsched.domain.refusals import BookingRefused
from medsched.domain.requests import Violation
from medsched.domain.slots import Slot, read_slot_id
from medsched.domain.starts import Anywhere, Start
from medsched.domain.stored import BookingRecord, BookingT, Kind, Ref, Stored, kind_of
from medsched.engine.booking import Plan, plan
from medsched.engine.slots import list_slots
from medsched.errors import (
    AlreadyExists,
    InvalidChoice,
    InvalidSlotId,
    NotFound,
    OutOfRange,
    VersionConflict,
)
from medsched.services.context import Context
from medsched.services.inquiries import Asked, Inquiries
from medsched.services.snapshots import Snapshots
from medsched.timeline.instants import instant_of, minute_of, whole_minute
from medsched.timeline.intervals import Interval
from medsched.timeline.resolve import at_showing, second_showing

SlotLike: TypeAlias = Slot | str | Start
"""A slot, its id, or a start named by hand."""

ALTERNATIVES: Final = 3
"""How many free slots a refusal tells."""
_LOOKED_THROUGH: Final = (timedelta(days=7), timedelta(days=35))
"""How far ahead they are looked for: a little way first, then all of it."""


class Details(TypedDict, total=False):
    """What may be said of a new appointment besides its slot and its patient."""

    id: str
    """The host's own id; one is made unless given."""
    reference: str
    """What people call it, unique within the practice; one is made unless given."""
    reason: str
    """Why the patient comes: up to 500 characters."""
    notes: str
    """Up to 500 characters."""
    resources: Collection[Resource]
    """Rooms and devices that it shall have; any free ones of those that will do, unless given."""
    idempotency_key: str | None
    """1 to 255 characters: a repeated command under it changes nothing a second time."""


@attrs.frozen
class Wanted:
    """A slot that is asked for, whichever way it was named. ``start`` in minutes of the epoch."""

    provider: str
    type: str
    start: int
    location: str | Anywhere | None

    @property
    def places(self) -> Collection[str | None] | None:
        """The locations that will do; None for any."""
        return None if isinstance(self.location, Anywhere) else (self.location,)

    def plain(self) -> list[object]:
        """What is asked for, as the digest of a request reads it."""
        place = "anywhere" if isinstance(self.location, Anywhere) else [self.location]
        return [self.provider, self.type, self.start, place]


@attrs.frozen
class Wish:
    """A slot for a patient, who may be open, with rooms and devices that are asked for by name.

    What the booking ``but`` takes counts as free: its own time is no conflict.
    """

    slot: Wanted
    patient: str | None = attrs.field(default=None, kw_only=True)
    named: frozenset[Resource] = attrs.field(default=frozenset(), kw_only=True)
    but: BookingRecord | None = attrs.field(default=None, kw_only=True)


@attrs.frozen(kw_only=True)
class Effects:
    """What a command changes of bookings, before what it was decided on is added."""

    writes: Sequence[BookingRecord] = ()
    removals: Sequence[Hold] = ()
    releases: Sequence[Claim] = ()
    claims: Sequence[Claim] = ()
    events: Sequence[Event] = ()


class Bookings:
    """Reads what a booking is decided on, decides it, and says what it changes."""

    def __init__(self, context: Context, snapshots: Snapshots) -> None:
        self.context = context
        self.inquiries = Inquiries(context, snapshots)

    # ---------------------------------------------------------------- what is asked

    def wanted(self, slot: SlotLike) -> Wanted:
        """What a slot, a slot's id or a start names.

        `InvalidSlotId` for an id that this library did not make, or of another practice.
        `NonexistentTime` and `AmbiguousTime` for a wall time that is missing, or comes twice
        and does not say which one is meant.
        """
        if isinstance(slot, Start):
            at = self._instant(slot.at)
            return Wanted(slot.provider, slot.type, whole_minute(at, "start"), slot.location)
        id = slot.id if isinstance(slot, Slot) else slot
        key = read_slot_id(id)
        if key.practice != self.context.practice:
            raise InvalidSlotId("slot", key.practice, "a slot of another practice")
        return Wanted(key.provider, key.type, key.start, key.location)

    def _instant(self, at: datetime | WallTime) -> datetime:
        if isinstance(at, datetime):
            return at
        zone = self.context.zones.zone(at.timezone)
        return at_showing(zone, at.start, at.second_showing)

    def keyed(
        self, operation: str, key: str | None, request: Mapping[str, Any], now: datetime
    ) -> KeyedRequest | None:
        """The request under its idempotency key, if there is one; `InvalidId` for a bad key."""
        if key is None:
            return None
        return keyed_request(key, self.context.principal, operation, request, now)

    def stored(self, cls: type[BookingT], named: BookingT | str) -> BookingT:
        """The stored booking of an id; of a booking in hand, at the version that it has.

        `NotFound`; `VersionConflict` if it was changed since it was read.
        """
        id = id_of(named)
        found = self.context.store.get(self.context.practice, cls, id)
        if found is None:
            raise NotFound(kind_of(cls).value, id)
        if not isinstance(named, str) and named.version != found.version:
            raise VersionConflict(kind_of(cls).value, id, named.version, found.version)
        return found

    def refuse_taken(self, id: str, reference: str = "", kind: Kind = Kind.APPOINTMENT) -> None:
        """`AlreadyExists` for an id that is stored, or a reference that an appointment has."""
        store, practice = self.context.store, self.context.practice
        if id and store.get_many(practice, [Ref(kind, id)]):
            raise AlreadyExists(kind.value, id)
        agenda = Agenda(named=Named(references=frozenset({reference})))
        if reference and store.appointments(practice, agenda, after=None, limit=1):
            raise AlreadyExists("appointment reference", reference)

    # --------------------------------------------------------------------- deciding

    def decide(
        self, wish: Wish, now: datetime, *, fresh: bool, prefer: Collection[Resource] = ()
    ) -> tuple[Asked, Plan]:
        """What a booking takes, and what that was decided on.

        Not ``fresh``, it makes do with a schedule that was read before, as long as that allows
        the booking: if it is too old, the changeset is stale, and the next try reads it anew.
        `BookingRefused` with all that speaks against it.
        """
        for anew in (fresh, True):
            try:
                asked = self.ask(wish, now, fresh=anew)
            except InvalidChoice:
                if anew:
                    raise
                continue
            wanted = wish.slot
            found = plan(asked.inquiry, wanted.start, prefer=prefer, places=wanted.places)
            if isinstance(found, Plan):
                return asked, found
            if anew:
                raise self.refusal(wish, now, found)
        raise AssertionError("the second look is a fresh one")

    def may_be_old(self, tries: Iterator[int]) -> bool:
        """Whether a try may make do with an older schedule: the first, if there will be others."""
        return next(tries) == 0 and self.context.store.retries > 0

    def ask(self, wish: Wish, now: datetime, *, fresh: bool = True) -> Asked:
        """Everything that a wish is decided on."""
        start = wish.slot.start
        return self._about(wish, (start, start + 1), now, fresh=fresh)

    def _about(self, wish: Wish, stretch: Interval, now: datetime, *, fresh: bool) -> Asked:
        return self.inquiries.asked(
            wish.slot.provider,
            wish.slot.type,
            stretch,
            patient=wish.patient,
            now=now,
            named=wish.named,
            but=None if wish.but is None else _made_by(wish.but),
            fresh=fresh,
        )

    def refusal(self, wish: Wish, now: datetime, against: Sequence[Violation]) -> BookingRefused:
        """The refusal of a wish, with the next free slots that would fulfil it."""
        places = wish.slot.places
        start = max(instant_of(wish.slot.start), now)
        found: list[Slot] = []
        for ahead in _LOOKED_THROUGH:
            try:
                low = minute_of(start, rounding="down")
                stretch = (low, minute_of(start + ahead, rounding="up"))
            except (OutOfRange, OverflowError):
                break
            wider = self._about(wish, stretch, now, fresh=False).inquiry
            found = [
                slot
                for slot in list_slots(wider, start, start + ahead)
                if places is None or slot.location in places
            ][:ALTERNATIVES]
            if len(found) == ALTERNATIVES:
                break
        return BookingRefused(tuple(against), tuple(found))

    def taking(self, planned: Plan) -> dict[str, Any]:
        """The fields of a booking that takes what was planned."""
        zone = planned.terms.opening.zone
        source = planned.terms.opening.source
        start = instant_of(planned.start)
        return {
            "location": planned.terms.shape.location,
            "resources": frozenset(planned.chosen),
            "start": start,
            "end": instant_of(planned.end),
            "wall": WallTime(
                instant_of(zone.wall_of(planned.start)).replace(tzinfo=None),
                zone.key,
                second_showing=second_showing(zone, planned.start),
                tzdata=self.context.zones.version,
            ),
            "spans": planned.spans,
            "opened_by": "" if source is None else source.id,
        }

    # --------------------------------------------------------------------- changing

    def changes(self, effects: Effects, now: datetime, *, asked: Asked | None = None) -> Changeset:
        """The changeset of a command, decided on what was asked.

        Expired holds that are in the way are swept; a patient that is not known is registered.
        """
        swept = [] if asked is None else self._in_the_way(asked.expired(now), effects.claims)
        new = [] if asked is None else self._registered(asked.patient, now)
        return Changeset(
            practice=self.context.practice,
            writes=(*effects.writes, *new),
            removals=tuple(
                RowVersion(Ref.to(hold), hold.version) for hold in (*effects.removals, *swept)
            ),
            guards=frozenset[RowVersion | ScheduleVersion]() if asked is None else asked.guards(),
            releases=(*effects.releases, *(claim for hold in swept for claim in hold.claims)),
            claims=tuple(effects.claims),
            events=(
                *(Event.of(Change.CREATED, patient) for patient in new),
                *(Event.of(Change.EXPIRED, hold) for hold in swept),
                *effects.events,
            ),
        )

    def _in_the_way(self, expired: Sequence[Claim], claims: Iterable[Claim]) -> list[Hold]:
        """The expired holds that still stand where something is to be claimed."""
        refs = {
            Ref(Kind.HOLD, old.id)
            for old in expired
            for new in claims
            if old.resource == new.resource and old.low < new.high and new.low < old.high
        }
        if not refs:
            return []
        found: Mapping[Ref, Stored] = self.context.store.get_many(self.context.practice, refs)
        return [hold for _, hold in sorted(found.items()) if isinstance(hold, Hold)]

    def _registered(self, patient: Patient | None, now: datetime) -> list[Patient]:
        if patient is None or patient.version:
            return []
        return [attrs.evolve(patient, version=1, created_at=now, updated_at=now)]


def id_of(named: BookingRecord | str) -> str:
    """The id of a booking, or the id itself; `InvalidId` for what is neither."""
    if isinstance(named, BookingRecord):
        return named.id
    return named if isinstance(named, str) else check_id(named)


def _made_by(booking: BookingRecord) -> Callable[[Claim], bool]:
    """Whether a claim is one of a booking's own."""
    kind = ClaimKind(kind_of(type(booking)).value)
    return lambda claim: claim.id == booking.id and claim.kind is kind
