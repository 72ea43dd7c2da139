"""Seats in group sessions: taken, given back, and counted.

A session is made with its first seat and goes with its last. How many are taken is a tally, so
that rivals cannot take more than there are, and need not wait for one another's rows: whoever
takes a seat guards the session, and only who changes what it says of its seats writes it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Final, TypeAlias

import attrs

from medsched.domain.appointments import Appointment
from medsched.domain.availability_changes import TouchedTime
from medsched.domain.changes import RowVersion, Tally
from medsched.domain.claims import MOST_SEATS, Claim, ClaimKind, Session
from medsched.domain.events import Change, Event
from medsched.domain.holds import Hold
from medsched.domain.records import ResourceKind
from medsched.domain.requests import Reason
from medsched.domain.sessions import GroupSession
from medsched.domain.stored import Kind, Ref
from medsched.engine.booking import Plan
from medsched.services.context import Context
from medsched.services.effects import Effects, all_of
from medsched.timeline.instants import whole_minute

Seat: TypeAlias = Appointment | Hold
"""What may have a seat in a group session."""
_ALL: Final = 2 * MOST_SEATS
_session = attrgetter("session")


@attrs.frozen
class Seated:
    """A group session, how many seats are taken, and the holds among them that have expired."""

    session: GroupSession
    taken: int
    lapsed: Sequence[Hold] = ()

    def as_claimed(self) -> Session:
        """What a claim of the session says of it: expired holds have no seat."""
        one = self.session
        low, high = whole_minute(one.start, "start"), whole_minute(one.end, "end")
        taken = max(self.taken - len(self.lapsed), 0)
        return Session(
            one.type, one.location, low, taken, seats=one.seats, length=high - low, id=one.id
        )


class Seats:
    """The seats of one practice's group sessions."""

    def __init__(self, context: Context) -> None:
        self._context = context

    # ---------------------------------------------------------------------- reading

    def among(self, claims: Iterable[Claim], now: datetime) -> dict[str, Seated]:
        """The sessions that make some of these claims; nothing is read where none does.

        Who has the seats is read of those that look full only.
        """
        ids = {claim.id for claim in claims if claim.kind is ClaimKind.SESSION}
        if not ids:
            return {}
        store, practice = self._context.store, self._context.practice
        rows = store.get_many(practice, [Ref(Kind.SESSION, id) for id in ids])
        found = [row for row in rows.values() if isinstance(row, GroupSession)]
        taken = store.tallies(practice, [session.tally for session in found])
        return {
            one.id: Seated(
                one,
                taken[one.tally],
                self._lapsed(one, now) if taken[one.tally] >= one.seats or one.expires else (),
            )
            for one in found
        }

    def _lapsed(self, session: GroupSession, now: datetime) -> list[Hold]:
        holds = (one for one in self.members(session) if isinstance(one, Hold))
        return [hold for hold in holds if not hold.is_live(now)]

    def members(self, session: GroupSession) -> list[Seat]:
        """Who has a seat, in order of id; read one after the other, so guards are needed."""
        store, practice = self._context.store, self._context.practice
        refs = store.referrers(practice, Ref.to(session), limit=_ALL)
        rows = store.get_many(practice, refs)
        members = [row for row in rows.values() if isinstance(row, Appointment | Hold)]
        return sorted((one for one in members if one.session == session.id), key=_order)

    # ---------------------------------------------------------------------- taking

    def take(
        self,
        planned: Plan,
        booking: Seat,
        sessions: Mapping[str, Seated],
        lapsed: Sequence[Hold] = (),
        *,
        instead: bool = False,
    ) -> tuple[Seat, Effects]:
        """A booking with a seat in the session that it joins or makes, and what that changes.

        A slot with one seat needs no session: the booking takes all that was planned by itself.
        ``lapsed``: expired holds that are in its way. ``instead``: the seat is one that the same
        changeset gives up, of which `leave` says nothing.
        """
        if planned.joined is None and planned.terms.seats == 1:
            return booking, _claimed(booking, planned)
        own = [span for span in booking.spans if span.resource.kind is ResourceKind.PATIENT]
        if planned.joined is None:
            return self._open(planned, attrs.evolve(booking, spans=own))
        seated = sessions[planned.joined.id]
        return self._join(planned, attrs.evolve(booking, spans=own), seated, lapsed, instead)

    def _open(self, planned: Plan, booking: Seat) -> tuple[Seat, Effects]:
        """The first seat: the session takes the time of provider, place, rooms and devices."""
        session = GroupSession(
            id=self._context.surroundings.ids.new(Kind.SESSION),
            provider=booking.provider,
            type=booking.type,
            location=booking.location,
            resources=booking.resources,
            start=booking.start,
            end=booking.end,
            wall=booking.wall,
            spans=[
                span for span in planned.spans if span.resource.kind is not ResourceKind.PATIENT
            ],
            opened_by=booking.opened_by,
            seats=planned.terms.seats,
            expires=booking.expires if isinstance(booking, Hold) else None,
            doubled=bool(planned.doubled),
            version=1,
            created_at=booking.updated_at,
            updated_at=booking.updated_at,
            created_by=booking.updated_by,
            updated_by=booking.updated_by,
        )
        seat = attrs.evolve(booking, session=session.id, seats=session.seats)
        effects = Effects(
            writes=[session],
            tallies=[Tally(session.tally, 1, planned.terms.seats, before=0)],
            events=[Event.of(Change.CREATED, session)],
        )
        return seat, effects + _claimed(session, planned) + _claimed(seat, planned)

    def _join(
        self,
        planned: Plan,
        booking: Seat,
        seated: Seated,
        lapsed: Sequence[Hold],
        instead: bool,
    ) -> tuple[Seat, Effects]:
        """A further seat, of no more than anybody in the session was promised."""
        session, seats = seated.session, planned.terms.seats
        seat = attrs.evolve(
            booking,
            session=session.id,
            seats=seats,
            location=session.location,
            resources=session.resources,
            start=session.start,
            end=session.end,
            wall=session.wall,
        )
        swept = {hold.id: hold for hold in (*lapsed, *seated.lapsed)}.values()
        expires = _ends(session.expires, seat)
        most = None if Reason.FULL in planned.overridden else seats
        effects = Effects(
            removals=[*swept],
            releases=[claim for hold in swept for claim in hold.claims],
            tallies=[Tally(session.tally, (0 if instead else 1) - len(swept), most)],
            seats=_touched(session, seat.expires if isinstance(seat, Hold) else None),
            events=[Event.of(Change.EXPIRED, hold) for hold in swept],
        )
        changed = self._changed(session, min(seats, session.seats), expires)
        return seat, effects + changed + _claimed(seat, planned)

    # --------------------------------------------------------------------- leaving

    def leave(self, leaving: Seat | Sequence[Seat]) -> Effects:
        """What it changes of their sessions that some bookings have no seat there any more.

        What becomes of the bookings themselves, and of the time of their patients, is not said.
        """
        gone = [leaving] if isinstance(leaving, Appointment | Hold) else leaving
        seated = sorted((one for one in gone if one.session is not None), key=_session)
        return all_of(self._left(id, [*some]) for id, some in groupby(seated, key=_session))

    def _left(self, id: str, gone: Sequence[Seat]) -> Effects:
        store, practice = self._context.store, self._context.practice
        session = store.get(practice, GroupSession, id)
        if session is None:
            return Effects()  # the world has moved, and the bookings are not what they were
        name, count = session.tally, store.tallies(practice, [session.tally])[session.tally]
        left = {Ref.to(one) for one in gone}
        others = [one for one in self.members(session) if Ref.to(one) not in left]
        if not others:
            return Effects(
                removals=[session],
                releases=session.claims,
                tallies=[Tally(name, -len(gone), before=len(gone))],
                events=[Event.of(Change.DELETED, session)],
            )
        seats, expires = min(one.seats for one in others), _last_end(others)
        changed = self._changed(session, seats, expires)
        # Who joins meanwhile may have been promised fewer seats than are said to be left.
        before = count if changed.writes else None
        tallies = [Tally(name, -len(gone), least=1, before=before)]
        return changed + Effects(tallies=tallies, seats=_touched(session))

    def confirm(self, held: Hold) -> Effects:
        """What it changes of its session that a hold becomes an appointment."""
        if held.session is None:
            return Effects()
        session = self._context.store.get(self._context.practice, GroupSession, held.session)
        if session is None:
            return Effects()
        return self._changed(session, session.seats, None)

    def left_by(self, booking: Seat) -> GroupSession | None:
        """The session that would be gone without a booking, if it has the only seat of one."""
        if booking.session is None:
            return None
        session = self._context.store.get(self._context.practice, GroupSession, booking.session)
        return session if session is not None and len(self.members(session)) == 1 else None

    def _changed(self, session: GroupSession, seats: int, expires: datetime | None) -> Effects:
        """The session with so many seats and such an end; guarded where it stays as it is."""
        if (seats, expires) == (session.seats, session.expires):
            return Effects(guards=[RowVersion(Ref.to(session), session.version)])
        changed = attrs.evolve(
            session,
            seats=seats,
            expires=expires,
            version=session.version + 1,
            updated_at=self._context.now(),
            updated_by=self._context.principal.id,
        )
        same = session.claims == changed.claims
        return Effects(
            writes=[changed],
            releases=() if same else session.claims,
            # It has its time already, whoever doubles some of it.
            doubled=() if same else changed.claims,
            events=[Event.of(Change.UPDATED, changed)],
        )


def _claimed(booking: Seat | GroupSession, planned: Plan) -> Effects:
    """The claims of a booking, those that double others apart."""
    claims, doubled = booking.claims, planned.doubled
    if not doubled:
        return Effects(claims=claims)
    return Effects(
        claims=[one for one in claims if (one.resource, one.low, one.high) not in doubled],
        doubled=[one for one in claims if (one.resource, one.low, one.high) in doubled],
    )


def _touched(session: GroupSession, expires: datetime | None = None) -> list[TouchedTime]:
    """Where a seat changes what is left, until it expires: only its provider's slots show seats."""
    own = (span for span in session.spans if span.resource.kind is ResourceKind.PROVIDER)
    return [TouchedTime(*span, expires) for span in own]


def _ends(expires: datetime | None, seat: Seat) -> datetime | None:
    """When a session ends by itself once a seat is added; None: not."""
    if expires is None or isinstance(seat, Appointment):
        return None
    return max(expires, seat.expires)


def _last_end(seats: Collection[Seat]) -> datetime | None:
    ends = [one.expires for one in seats if isinstance(one, Hold)]
    return max(ends) if len(ends) == len(seats) else None


def _order(seat: Seat) -> tuple[str, str]:
    return type(seat).__name__, seat.id
