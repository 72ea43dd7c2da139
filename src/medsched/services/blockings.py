"""Blockings: time is kept from patients, once: a meeting, maintenance, a slot kept for someone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from itertools import chain
from typing import Final

import attrs

from medsched.domain.appointments import Appointment
from medsched.domain.blockings import Blocking
from medsched.domain.changes import Changeset, RowVersion
from medsched.domain.claims import Claim, ClaimKind
from medsched.domain.events import Change, Event
from medsched.domain.pages import Page
from medsched.domain.places import Location
from medsched.domain.records import Resource, ResourceKind, resource
from medsched.domain.refusals import BookingRefused
from medsched.domain.stored import Kind, Ref
from medsched.domain.stranding import Stranded
from medsched.engine.booking import slot_at
from medsched.engine.verdict import told_plainly
from medsched.errors import InvalidChoice, NotFound
from medsched.services.asked_for import SlotLike, Wish, id_of
from medsched.services.bookings import Bookings
from medsched.services.context import Context
from medsched.services.effects import Effects
from medsched.services.gates import Gate
from medsched.services.queries import BlockingQuery
from medsched.services.records import Listing
from medsched.services.revisions import cancelled, offered_a_move
from medsched.services.snapshots import Snapshots
from medsched.timeline.instants import instant_of, span_of

_VISIT: Final = ClaimKind.APPOINTMENT


class Blockings:
    """The one-off blockings of one practice; what recurs is in `Practice.availability`.

    A blocking takes the time of its resources as an appointment does, so nothing is booked
    there, and listings show no more of it than that the time is not available. What already
    stands in it is never passed over in silence: ``stranded`` says what becomes of it. ``refuse``
    (the default) raises `BookingRefused`, which names it all; ``keep`` lets the blocking double
    it; ``move`` does so too, and asks the patients to move; ``cancel`` cancels the appointments
    that are still to come in the same breath, for the blocking's reason. Nothing else is ever
    cancelled for it: not holds, not other blockings.

    Commands take ``idempotency_key`` and raise as those of `Appointments` do.
    """

    def __init__(self, context: Context, snapshots: Snapshots) -> None:
        self._context = context
        self._bookings = Bookings(context, snapshots)
        self._records = Listing(context, Blocking, BlockingQuery, sift=_kept)

    # ---------------------------------------------------------------------- reading

    def get(self, id: str) -> Blocking:
        """The blocking of this id; `NotFound` if there is none."""
        return self._records.get(id)

    def list(
        self,
        *,
        resource: Resource | str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Blocking]:
        """A page of the blockings, of one resource or of all, in order of id.

        `InvalidNumber` for a limit that is not 1 to 1000, `InvalidCursor`.
        """
        return self._records.list(active=None, resource=resource, limit=limit, cursor=cursor)

    def between(
        self, resource_: Resource | str, start: datetime, end: datetime
    ) -> Sequence[Blocking]:
        """The blockings of a resource that reach into [start, end), aware instants, by start."""
        gate = self._context.admit("one-off-blocking.list")
        low, high = span_of(start, end, inward=False)
        store, practice = self._context.store, self._context.practice
        claims = store.claims(practice, [resource(resource_)], low, high)
        return _kept(gate, self._of(claims))

    # ---------------------------------------------------------------------- changing

    def add(
        self,
        resources: Iterable[Resource | str] | Resource | str,
        start: datetime,
        end: datetime,
        *,
        reason: str = "",
        kept_for: str | None = None,
        stranded: Stranded | str = Stranded.REFUSE,
        id: str = "",
        idempotency_key: str | None = None,
    ) -> Blocking:
        """Block [start, end) of some resources: see `Blocking` for what may be blocked.

        `NotFound` for a resource or patient that is not there, `InvalidChoice` for a place that
        is not exclusive, `InvalidInterval`, `AlreadyExists`.
        """
        gate = self._context.admit("blocking.add")
        gate.choose(id)
        wanted = Blocking(
            id=id or self._context.surroundings.ids.new(Kind.ONE_OFF_BLOCKING),
            resources=resources,
            start=start,
            end=end,
            reason=reason,
            kept_for=kept_for,
        )
        gate.keep(*wanted.resources)
        return self._make(gate, wanted, Stranded(stranded), idempotency_key, own_id=bool(id))

    def block_slot(
        self,
        slot: SlotLike,
        *,
        reason: str = "",
        kept_for: str | None = None,
        stranded: Stranded | str = Stranded.REFUSE,
        id: str = "",
        idempotency_key: str | None = None,
    ) -> Blocking:
        """Block one slot: its provider's time from its start to its end.

        `BookingRefused` where the provider has no hours then; else raises as `add` and as `book`
        do for what is named.
        """
        bookings, now, by = self._bookings, self._context.now(), self._context.principal.id
        gate = self._context.admit("blocking.block-slot")
        gate.choose(id)
        wish, stranded = Wish(bookings.wanted(slot)), Stranded(stranded)
        gate.keep(Resource(ResourceKind.PROVIDER, wish.slot.provider))
        own_id = id or self._context.surroundings.ids.new(Kind.ONE_OFF_BLOCKING)
        said = {
            "slot": wish.slot.plain(),
            "reason": reason,
            "kept_for": kept_for,
            "stranded": stranded,
            "id": id,
        }

        def decide() -> tuple[Blocking, Changeset]:
            gate.patient(kept_for)
            if id:
                bookings.refuse_taken(id, kind=Kind.ONE_OFF_BLOCKING)
            start, end = self._times(wish, now)
            made = Blocking(
                id=own_id,
                resources=wish.slot.provider,
                start=start,
                end=end,
                reason=reason,
                kept_for=kept_for,
                version=1,
                created_at=now,
                updated_at=now,
                created_by=by,
                updated_by=by,
            )
            return self._taken(gate, made, stranded, now)

        return bookings.run(gate, idempotency_key, said, now, decide)

    def unblock_slot(self, slot: SlotLike, *, idempotency_key: str | None = None) -> None:
        """Give back the time of one slot: the inverse of `block_slot`.

        What blocks its provider, and nobody else, from its start to its end is released; nothing is
        done where nothing blocks it. `BookingRefused`, and nothing is released, where a blocking
        of other time or resources reaches into it: that one is to be moved or released itself. Else
        raises as `block_slot`.
        """
        bookings, now = self._bookings, self._context.now()
        gate = self._context.admit("blocking.release")
        wish = Wish(bookings.wanted(slot))
        owner = Resource(ResourceKind.PROVIDER, wish.slot.provider)
        gate.keep(owner)

        def decide() -> tuple[None, Changeset | None]:
            times = self._times(wish, now)
            low, high = span_of(*times, inward=False)
            claims = self._context.store.claims(self._context.practice, [owner], low, high)
            found = self._of(claims)
            own = [
                one
                for one in found
                if ((one.start, one.end), one.resources) == (times, frozenset({owner}))
            ]
            others = {one.id for one in found} - {one.id for one in own}
            if others:
                against = (one for one in claims if one.id in others)
                raise BookingRefused(tuple(map(told_plainly, against)))
            for one in own:
                gate.found(one, Ref.to(one))  # whom it was kept for is written down with it
            return None, self._released(own, now) if own else None

        bookings.run(gate, idempotency_key, {"slot": wish.slot.plain()}, now, decide)

    def move(
        self,
        blocking: Blocking | str,
        start: datetime,
        end: datetime,
        *,
        stranded: Stranded | str = Stranded.REFUSE,
        idempotency_key: str | None = None,
    ) -> Blocking:
        """Give a blocking another time; its own is free for it.

        Raises as `add` does; `NotAllowed` for one of time that is not the principal's to change.
        """
        gate = self._context.admit("blocking.move", Kind.ONE_OFF_BLOCKING, blocking)
        now, stranded = self._context.now(), Stranded(stranded)
        said = {"blocking": id_of(blocking), "start": start, "end": end, "stranded": stranded}

        def decide() -> tuple[Blocking, Changeset | None]:
            old = self._own(gate, blocking)
            new = attrs.evolve(old, start=start, end=end)
            if new == old:
                return old, None
            new = attrs.evolve(
                new,
                version=old.version + 1,
                updated_at=now,
                updated_by=self._context.principal.id,
            )
            return self._taken(gate, new, stranded, now, old=old)

        return self._bookings.run(gate, idempotency_key, said, now, decide)

    def release(self, blocking: Blocking | str, *, idempotency_key: str | None = None) -> None:
        """Give the time of a blocking back; what it doubled keeps its own.

        `NotFound`; `NotAllowed` for one of time that is not the principal's to change.
        """
        gate = self._context.admit("blocking.release", Kind.ONE_OFF_BLOCKING, blocking)
        now = self._context.now()

        def decide() -> tuple[None, Changeset]:
            return None, self._released([self._own(gate, blocking)], now)

        said = {"blocking": id_of(blocking)}
        self._bookings.run(gate, idempotency_key, said, now, decide)

    def _make(
        self,
        gate: Gate,
        wanted: Blocking,
        stranded: Stranded,
        key: str | None,
        *,
        own_id: bool,
    ) -> Blocking:
        now, by = self._context.now(), self._context.principal.id
        said = {
            "resources": wanted.resources,
            "start": wanted.start,
            "end": wanted.end,
            "reason": wanted.reason,
            "kept_for": wanted.kept_for,
            "stranded": stranded,
            "id": wanted.id if own_id else "",
        }
        made = attrs.evolve(
            wanted, version=1, created_at=now, updated_at=now, created_by=by, updated_by=by
        )

        def decide() -> tuple[Blocking, Changeset]:
            gate.patient(made.kept_for)
            if own_id:
                self._bookings.refuse_taken(made.id, kind=Kind.ONE_OFF_BLOCKING)
            return self._taken(gate, made, stranded, now)

        return self._bookings.run(gate, key, said, now, decide)

    # --------------------------------------------------------------------- deciding

    def _times(self, wish: Wish, now: datetime) -> tuple[datetime, datetime]:
        """When a slot begins and ends; `BookingRefused` where there are no hours."""
        low = wish.slot.start
        found = slot_at(self._bookings.ask(wish, now).inquiry, low)
        if not isinstance(found, int):
            raise BookingRefused(found)
        return instant_of(low), instant_of(low + found)

    def _of(self, claims: Iterable[Claim]) -> Sequence[Blocking]:
        """The blockings among some claims, in their order."""
        refs = [_ref(claim) for claim in claims if claim.kind is ClaimKind.BLOCKING]
        found = self._context.store.get_many(self._context.practice, refs)
        return [one for ref in refs if isinstance(one := found.get(ref), Blocking)]

    def _released(self, some: Sequence[Blocking], now: datetime) -> Changeset:
        """What gives the time of some blockings back."""
        effects = Effects(
            removals=some,
            releases=[claim for one in some for claim in one.claims],
            events=[Event.of(Change.RELEASED, one) for one in some],
        )
        return self._bookings.changes(effects, now)

    def _own(self, gate: Gate, blocking: Blocking | str) -> Blocking:
        """A blocking of the principal's own time: one is seen by whoever sees its patient, too."""
        found = self._bookings.stored(gate, Blocking, blocking)
        gate.keep(*found.resources)
        return found

    def _taken(
        self,
        gate: Gate,
        made: Blocking,
        stranded: Stranded,
        now: datetime,
        *,
        old: Blocking | None = None,
    ) -> tuple[Blocking, Changeset]:
        """The blocking as it is stored, and the changeset that takes its time."""
        guards = self._guards(made)
        low, high = made.claims[0].low, made.claims[0].high
        found = self._context.store.claims(self._context.practice, made.resources, low, high)
        own = (ClaimKind.BLOCKING, made.id)
        there: Sequence[Claim] = [
            claim for claim in found if claim.is_live(now) and (claim.kind, claim.id) != own
        ]
        upcoming, theirs = self._upcoming(there, now)
        becomes = Effects()
        if upcoming and stranded is Stranded.CANCEL:
            gate.also("appointment.cancel")
        if upcoming and stranded is Stranded.MOVE:
            gate.also("appointment.move-offered")
        if stranded is Stranded.CANCEL:
            becomes = cancelled(self._context, upcoming, made.reason, now)
            there = [claim for claim in there if (claim.kind, claim.id) not in theirs]
        elif stranded is Stranded.MOVE:
            becomes = offered_a_move(self._context, upcoming, now)
        if there and stranded not in (Stranded.KEEP, Stranded.MOVE):
            raise BookingRefused(tuple(map(told_plainly, there)))
        made = attrs.evolve(made, doubled=bool(there))
        taken = {claim.resource for claim in there}
        effects = (
            self._bookings.cleared(found, made.claims, now)
            + becomes
            + Effects(
                writes=[made],
                guards=guards,
                releases=() if old is None else old.claims,
                claims=[one for one in made.claims if one.resource not in taken],
                doubled=[one for one in made.claims if one.resource in taken],
                events=[Event.of(Change.CREATED if old is None else Change.UPDATED, made)],
            )
        )
        return made, self._bookings.changes(effects, now)

    def _guards(self, made: Blocking) -> Sequence[RowVersion]:
        """What the blocking is of and for is there, and stays."""
        refs = {Ref.of(one): one for one in made.resources}
        wanted = [*refs, *([] if made.kept_for is None else [Ref(Kind.PATIENT, made.kept_for)])]
        found = self._context.store.get_many(self._context.practice, wanted)
        for ref in sorted(wanted):
            if ref not in found:
                raise NotFound(ref.kind.value, ref.id)
            if isinstance(place := found[ref], Location) and not place.exclusive:
                why = "it is not exclusive, so nothing takes its time: close it instead"
                raise InvalidChoice("resources", str(refs[ref]), why)
        return [RowVersion(ref, record.version) for ref, record in sorted(found.items())]

    def _upcoming(
        self, there: Sequence[Claim], now: datetime
    ) -> tuple[Sequence[Appointment], Collection[tuple[ClaimKind, str]]]:
        """The appointments in the way that are still to come, and the claims that go with them."""
        seats = self._bookings.seats
        sessions = seats.among(there, now)
        seated = {id: seats.members(one.session) for id, one in sessions.items()}
        refs = [Ref(Kind.APPOINTMENT, one.id) for one in there if one.kind is _VISIT]
        found = self._context.store.get_many(self._context.practice, refs).values()
        rows = [*found, *chain.from_iterable(seated.values())]
        upcoming = {
            one.id: one for one in rows if isinstance(one, Appointment) and one.is_upcoming(now)
        }
        theirs = {(_VISIT, id) for id in upcoming}
        theirs |= {
            (ClaimKind.SESSION, id)
            for id, members in seated.items()
            if all(isinstance(one, Appointment) and one.id in upcoming for one in members)
        }
        return [*upcoming.values()], theirs


def _kept(gate: Gate, blockings: Sequence[Blocking]) -> Sequence[Blocking]:
    """Those of some blockings that the principal may see: of resources that they keep."""
    return [one for one in blockings if gate.keeps(one.resources)]


def _ref(claim: Claim) -> Ref:
    return Ref(Kind.ONE_OFF_BLOCKING, claim.id)
