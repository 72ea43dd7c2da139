"""What every command that takes time does alike: from a slot to a changeset that takes it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final, TypeVar, cast

import attrs

from medsched.domain.agendas import Agenda, Named
from medsched.domain.appointments import Appointment, AppointmentStatus, participants_in
from medsched.domain.blockings import Blocking
from medsched.domain.bookings import WallTime
from medsched.domain.changes import Changeset, Guard, Outcome, Refused, RowVersion, Tally
from medsched.domain.claims import Claim, ClaimKind, Span
from medsched.domain.events import Change, Event
from medsched.domain.holds import Hold
from medsched.domain.house_rules import Visit
from medsched.domain.idempotency import KeyedRequest, keyed_request
from medsched.domain.people import Patient
from medsched.domain.records import Resource
from medsched.domain.refusals import BookingRefused
from medsched.domain.requests import Reason, Violation
from medsched.domain.slots import Slot, read_slot_id
from medsched.domain.starts import Start
from medsched.domain.stored import BookingT, Kind, Ref, kind_of
from medsched.engine.booking import Plan, other_than_block, plan
from medsched.engine.booking_rules import counters, visit_at
from medsched.engine.slots import list_slots
from medsched.errors import (
    AlreadyExists,
    InvalidChoice,
    InvalidSlotId,
    OutOfRange,
    VersionConflict,
)
from medsched.services.asked_for import Details, SlotLike, Wanted, Wish, id_of, made_by
from medsched.services.context import Context
from medsched.services.effects import NOTHING, Effects, all_of, together
from medsched.services.gates import Gate
from medsched.services.inquiries import Asked, Inquiries
from medsched.services.seats import Seat, Seats
from medsched.services.snapshots import Snapshots
from medsched.timeline.instants import DAY, LAST_MINUTE, instant_of, minute_of, whole_minute
from medsched.timeline.intervals import Interval
from medsched.timeline.resolve import at_showing, second_showing

T = TypeVar("T")
SeatT = TypeVar("SeatT", Appointment, Hold)
ALTERNATIVES: Final = 3
"""How many free slots a refusal tells."""
_LOOKED_THROUGH: Final = (timedelta(days=7), timedelta(days=35))
"""How far ahead they are looked for: a little way, then all of it."""
_NEAR: Final = 2
"""Before that, on so many UTC days: what is claimed then is read with the look at the start."""


class Tries:
    """The tries of one command at one start: what the last one asked, and what came of it."""

    def __init__(self) -> None:
        self.asked: Asked | None = None
        self._outcome: Outcome | None = None

    def heed(self, outcome: Outcome) -> None:
        """Learn what became of the last try."""
        self._outcome = outcome

    @property
    def are_under_way(self) -> bool:
        """Whether there was one already."""
        return self._outcome is not None

    @property
    def before(self) -> Asked | None:
        """What the last one asked, if nothing but a look at what is taken was missing in it."""
        outcome, asked = self._outcome, self.asked
        only_taken = isinstance(outcome, Refused) and outcome.guarded
        return asked if only_taken and asked is not None and asked.hasty else None


class Bookings:
    """Reads what a booking is decided on, decides it, and says what it changes."""

    def __init__(self, context: Context, snapshots: Snapshots) -> None:
        self.context = context
        self.seats = Seats(context)
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
            start = whole_minute(at, "start")
            return Wanted(slot.provider, slot.type, start, slot.location, slot.block)
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

    def _keyed(
        self, operation: str, key: str | None, request: Mapping[str, Any], now: datetime
    ) -> KeyedRequest | None:
        """The request under its idempotency key, if there is one; `InvalidId` for a bad key."""
        if key is None:
            return None
        return keyed_request(key, self.context.principal, operation, request, now)

    def run(
        self,
        gate: Gate,
        key: str | None,
        said: Mapping[str, Any],
        now: datetime,
        decide: Callable[[], tuple[T, Changeset | None]],
        *,
        patience: int = 0,
        tries: Tries | None = None,
    ) -> T:
        """Run a command that was admitted, under its idempotency key if it has one.

        ``said``: all that is asked for. `Context.commit` says what ``decide`` does, and what
        ``patience`` is. ``tries`` learn what came of each.
        """
        request = self._keyed(gate.operation, key, said, now)
        heed = None if tries is None else tries.heed
        return self.context.commit(gate, decide, request, patience=patience, heed=heed)

    def stored(self, gate: Gate, cls: type[BookingT], named: BookingT | str) -> BookingT:
        """The stored booking of an id; of a booking in hand, at the version that it has.

        `NotFound`, if it is not reached, too; `VersionConflict` if it was changed since it was
        read. Time is given free for a patient whose key was destroyed, too, so what was sealed by
        it is not wanted here.
        """
        id = id_of(named)
        found = self.context.held(gate, cls, id)
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
        self,
        wish: Wish,
        now: datetime,
        *,
        tries: Tries | None = None,
        prefer: Collection[Resource] = (),
        claiming: bool = False,
    ) -> tuple[Asked, Plan]:
        """What a booking takes, and what that was decided on.

        The first of several ``tries`` makes do with a schedule that was read before, as long as
        that allows the booking: if it is too old, the changeset is stale, and the next try reads
        it anew. So with what is taken, if the changeset will be ``claiming`` all that was planned.
        `BookingRefused` with all that speaks against it.
        """
        fresh, before = True, None
        if tries is not None:
            fresh, before = tries.are_under_way or not self.context.store.retries, tries.before
        asked, found = self.judged(
            wish, now, fresh=fresh, prefer=prefer, claiming=claiming, before=before
        )
        if tries is not None:
            tries.asked = asked
        if isinstance(found, Plan):
            return asked, found
        raise self.refusal(wish, now, found, asked)

    def judged(
        self,
        wish: Wish,
        now: datetime,
        *,
        fresh: bool,
        prefer: Collection[Resource] = (),
        claiming: bool = False,
        before: Asked | None = None,
    ) -> tuple[Asked, Plan | tuple[Violation, ...]]:
        """The same, or every reason against it: no alternatives are looked for.

        ``before``: what was asked in a try that came too late for nothing but what is taken.
        """
        claiming = claiming and not wish.override and not wish.but
        for again, anew in enumerate((fresh, True)):
            hasty = claiming and not anew
            # What did not go through will mostly be refused, and alternatives are wanted then.
            ahead = _end_of_near(wish.slot.start) if again or before is not None else 0
            try:
                asked = self.ask(wish, now, fresh=anew, hasty=hasty, before=before, ahead=ahead)
            except InvalidChoice:
                if anew:
                    raise
                continue
            wanted = wish.slot
            found = plan(
                asked.inquiry,
                wanted.start,
                prefer=prefer,
                places=wanted.places,
                override=wish.override,
            )
            if isinstance(found, Plan):
                missed = wanted.block and other_than_block(asked.inquiry, found, wanted.block)
                if not missed:
                    return asked, found
                found = (missed,)
            if anew:
                return asked, found
        raise AssertionError("the second look is a fresh one")

    def ask(
        self,
        wish: Wish,
        now: datetime,
        *,
        fresh: bool = True,
        hasty: bool = False,
        before: Asked | None = None,
        ahead: int = 0,
    ) -> Asked:
        """Everything that a wish is decided on; the rest as `Inquiries.asked` has it."""
        start = wish.slot.start
        return self._about(
            *(wish, (start, start + 1), now), fresh=fresh, hasty=hasty, before=before, ahead=ahead
        )

    def _about(
        self,
        wish: Wish,
        stretch: Interval,
        now: datetime,
        *,
        fresh: bool = True,
        hasty: bool = False,
        before: Asked | None = None,
        ahead: int = 0,
    ) -> Asked:
        return self.inquiries.asked(
            wish.slot.provider,
            wish.slot.type,
            stretch,
            patient=wish.patient,
            now=now,
            named=wish.named,
            referred=wish.referred,
            prepaid=wish.prepaid,
            but=made_by(wish.but),
            counting=[stretch[0]] if stretch[1] - stretch[0] == 1 else (),
            fresh=fresh,
            hasty=hasty,
            before=before,
            ahead=ahead,
        )

    def refusal(
        self, wish: Wish, now: datetime, against: Sequence[Violation], asked: Asked
    ) -> BookingRefused:
        """The refusal of a wish, with the next free slots that would fulfil it.

        ``asked`` is what it was refused on.
        """
        places = wish.slot.places
        start = since = max(instant_of(wish.slot.start), now)
        near, found = instant_of(_end_of_near(wish.slot.start)) - start, list[Slot]()
        for ahead in (near, *_LOOKED_THROUGH):
            try:
                until = start + ahead
                stretch = (minute_of(since, rounding="down"), minute_of(until, rounding="up"))
            except (OutOfRange, OverflowError):
                break
            if until <= since:
                continue
            wider = self._about(wish, stretch, now, before=asked).inquiry
            listed, wanted = list_slots(wider, since, until), ALTERNATIVES - len(found)
            if places is None:
                found += listed.first(wanted)
            else:
                found += islice((slot for slot in listed if slot.location in places), wanted)
            if len(found) == ALTERNATIVES:
                break
            since = until
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
            "block": planned.block,
        }

    # --------------------------------------------------------------------- changing

    def placed(
        self,
        asked: Asked,
        planned: Plan,
        booking: SeatT,
        change: Change,
        now: datetime,
        *,
        instead: Effects = NOTHING,
    ) -> tuple[SeatT, Changeset]:
        """A booking that takes what was planned, and the changeset that brings that about.

        It comes back with the seat that it has, if it has one. Expired holds in its way are swept.
        ``instead``: what is given back for it.
        """
        (placed,), effects = self.placed_all(
            [(asked, planned, booking)], change, now, instead=instead
        )
        return placed, self.changes(effects, now, asked=asked)

    def placed_all(
        self,
        placements: Sequence[tuple[Asked, Plan, SeatT]],
        change: Change,
        now: datetime,
        *,
        instead: Effects = NOTHING,
        left: Collection[str] = (),
    ) -> tuple[list[SeatT], Effects]:
        """Bookings that take what was planned for each beside the others, and what that changes.

        ``left``: the sessions whose seats are given up in the same changeset, and may be taken
        by another of these bookings.
        """
        lapsed = dict[str, Hold]()
        for asked, planned, booking in placements:
            if _takes_time(booking):
                lapsed |= {
                    hold.id: hold for hold in self._in_the_way(asked.claims(), planned.spans, now)
                }
        joined = {one.joined.id for _, one, _ in placements if one.joined is not None} - {""}
        others = [hold for hold in lapsed.values() if hold.session not in joined]
        placed, taking = list[SeatT](), [self.swept(others), instead]
        for asked, planned, booking in placements:
            made = booking
            if _takes_time(booking):
                session = None if planned.joined is None else planned.joined.id
                mates = [hold for hold in lapsed.values() if session and hold.session == session]
                seat, effects = self.seats.take(
                    planned, booking, asked.sessions, mates, instead=session in left
                )
                made = cast("SeatT", seat)
                terms = planned.terms
                visit = visit_at(asked.inquiry, planned.start, terms.length, terms.shape.location)
                counted = self.counted(asked, visit, planned.overridden)
                taking += [effects, Effects(tallies=counted)]
            told = [Event.of(_told(change, made), made)]
            if planned.overridden:
                told.append(Event.of(Change.OVERRIDDEN, made))
            taking.append(Effects(writes=[made], events=told))
            placed.append(made)
        return placed, all_of(taking)

    def drafted(
        self,
        status: AppointmentStatus,
        wish: Wish,
        details: Details,
        planned: Plan,
        now: datetime,
    ) -> Appointment:
        """A new appointment that takes what was planned, as it is before it is placed."""
        context = self.context
        assert wish.patient is not None
        status = context.status_in(planned.block, status)
        return Appointment(
            id=details.get("id") or context.surroundings.ids.new(Kind.APPOINTMENT),
            reference=details.get("reference") or context.surroundings.ids.reference(),
            status=status,
            provider=wish.slot.provider,
            patient=wish.patient,
            type=wish.slot.type,
            reason=details.get("reason", ""),
            notes=details.get("notes", ""),
            override=details.get("override", "") if planned.overridden else "",
            overridden=planned.overridden,
            referral=details.get("referral", ""),
            prepayment=details.get("prepayment", ""),
            participants=participants_in(status, wish.slot.provider, wish.patient),
            version=1,
            created_at=now,
            updated_at=now,
            created_by=context.principal.id,
            updated_by=context.principal.id,
            **self.taking(planned),
        )

    def given_up(
        self, gate: Gate, blocking: Blocking | str | None, patient: str
    ) -> Blocking | None:
        """The blocking that is given up for a patient's appointment, if one is named.

        `NotFound`, if the principal may not give it up, too; `InvalidChoice` for one that is kept
        for somebody else.
        """
        if blocking is None:
            return None
        found = self.stored(gate, Blocking, blocking)
        if found.kept_for not in (None, patient):
            raise InvalidChoice("in_place_of", found.id, "it is kept for another patient")
        return found

    def check_given_up(self, blocking: Blocking, planned: Plan) -> None:
        """`InvalidChoice` for a blocking that keeps nothing of what a booking takes."""
        if not any(
            claim.resource == span.resource and claim.low < span.high and span.low < claim.high
            for claim in blocking.claims
            for span in planned.spans
        ):
            why = "it keeps none of the time that is to be booked"
            raise InvalidChoice("in_place_of", blocking.id, why)

    def counted(
        self, asked: Asked, visit: Visit, overridden: Collection[Reason] = ()
    ) -> list[Tally]:
        """What the booking of a visit counts, so that rivals cannot pass the rules together."""
        inquiry, start = asked.inquiry, whole_minute(visit.start, "start")
        found = [
            one.tally(asked.known.tallies[one.name], overridden) for one in counters(inquiry, start)
        ]
        for rule in inquiry.house_rules:
            found += rule.tallies(visit)
        return found

    def cleared(self, found: Iterable[Claim], wanted: Iterable[Claim], now: datetime) -> Effects:
        """What it changes that expired holds, of what was found, make way for some claims."""
        return self.swept(self._in_the_way(found, wanted, now))

    def swept(self, holds: Sequence[Hold]) -> Effects:
        """What it changes that some holds have expired, and are taken away."""
        if not holds:
            return NOTHING
        gone = Effects(
            removals=holds,
            releases=[claim for hold in holds for claim in hold.claims],
            events=[Event.of(Change.EXPIRED, hold) for hold in holds],
        )
        return self.seats.leave(holds) + gone

    def changes(self, effects: Effects, now: datetime, *, asked: Asked | None = None) -> Changeset:
        """The changeset of a command, decided on what was asked.

        A patient that is not known is registered.
        """
        new = [] if asked is None else self._registered(asked.patient, now)
        guards = frozenset[Guard]() if asked is None else asked.guards()
        return Changeset(
            practice=self.context.practice,
            writes=(*effects.writes, *new),
            removals=tuple(RowVersion(Ref.to(one), one.version) for one in effects.removals),
            guards=guards | {*effects.guards},
            releases=tuple(effects.releases),
            claims=tuple(effects.claims),
            doubled=tuple(effects.doubled),
            tallies=together(effects.tallies),
            seats=tuple(effects.seats),
            events=(*(Event.of(Change.CREATED, patient) for patient in new), *effects.events),
            hasty=asked is not None and asked.hasty,
        )

    def _in_the_way(
        self, found: Iterable[Claim], wanted: Iterable[Claim | Span], now: datetime
    ) -> list[Hold]:
        """The expired holds, of what was found, that still stand where something is wanted."""
        spans = list(wanted)
        old = [
            claim
            for claim in found
            if not claim.is_live(now)
            and any(
                claim.resource == new.resource and claim.low < new.high and new.low < claim.high
                for new in spans
            )
        ]
        refs = {Ref(Kind.HOLD, claim.id) for claim in old if claim.kind is ClaimKind.HOLD}
        rows = self.context.store.get_many(self.context.practice, refs) if refs else {}
        holds = {hold.id: hold for hold in rows.values() if isinstance(hold, Hold)}
        for seated in self.seats.among(old, now).values():  # nobody but holds is in these
            holds |= {hold.id: hold for hold in seated.lapsed}
        return [hold for _, hold in sorted(holds.items())]

    def _registered(self, patient: Patient | None, now: datetime) -> list[Patient]:
        if patient is None or patient.version:
            return []
        return [attrs.evolve(patient, version=1, created_at=now, updated_at=now)]


def _end_of_near(start: int) -> int:
    """The end of the days on which alternatives to a start are looked for first."""
    return min((start // DAY + _NEAR) * DAY, LAST_MINUTE)


def _takes_time(booking: Seat) -> bool:
    return isinstance(booking, Hold) or booking.claims_time


def _told(change: Change, made: Appointment | Hold) -> Change:
    """What is told of a booking: what only waits for the practice was requested."""
    pending = isinstance(made, Appointment) and made.status is AppointmentStatus.PENDING
    return Change.REQUESTED if pending and change is Change.BOOKED else change
