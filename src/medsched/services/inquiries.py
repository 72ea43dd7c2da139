"""Inquiries: a request with everything that it is decided on, read from the store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

import attrs

from medsched.domain.changes import ActivePatient, Guard, RowVersion
from medsched.domain.claims import Claim, ClaimKind
from medsched.domain.people import Patient
from medsched.domain.records import Resource
from medsched.domain.requests import Request
from medsched.domain.stored import Ref, kind_of
from medsched.engine.altered import reach_of
from medsched.engine.booking import with_named
from medsched.engine.booking_rules import scopes
from medsched.engine.inquiry import Inquiry
from medsched.engine.openings import Openings
from medsched.errors import NotFound
from medsched.services.context import Context
from medsched.services.facts import FactReader, Known
from medsched.services.seats import Seated, Seats
from medsched.services.snapshots import Snapshot, Snapshots
from medsched.timeline.instants import whole_minute
from medsched.timeline.intervals import Interval


def moment(at: datetime) -> Interval:
    """A start as a stretch of one minute, for `Inquiries.about`.

    Raises `NaiveDatetime`, `OutOfRange`, and `InvalidInterval` for a time within a minute.
    """
    minute = whole_minute(at, "at")
    return minute, minute + 1


@attrs.frozen
class Seen:
    """What is claimed of all that an inquiry involves in [low, high), as it was read."""

    low: int
    high: int
    claims: Mapping[Resource, Sequence[Claim]]
    sessions: Mapping[str, Seated]

    def covers(self, reach: Interval) -> bool:
        """Whether all of a stretch was looked at."""
        return self.low <= reach[0] and reach[1] <= self.high

    def within(self, reach: Interval) -> Mapping[Resource, Sequence[Claim]]:
        """What reaches into a part of it."""
        low, high = reach
        if reach == (self.low, self.high):
            return self.claims
        return {
            resource: [one for one in some if one.low < high and low < one.high]
            for resource, some in self.claims.items()
        }


@attrs.frozen
class Asked:
    """An inquiry, the snapshot and the patient it was made of, and what must stay as it is.

    ``seen`` is what was looked at of what is taken, maybe more than the inquiry needs; None where
    it was made in haste, without a look, maybe without reading the patient either. ``known`` is
    what the rules of booking asked for.
    """

    inquiry: Inquiry
    snapshot: Snapshot
    patient: Patient | None
    seen: Seen | None
    known: Known = attrs.field(factory=Known)

    @property
    def hasty(self) -> bool:
        """Whether what is taken was not looked at."""
        return self.seen is None

    @property
    def sessions(self) -> Mapping[str, Seated]:
        """The group sessions among what is taken, by id."""
        return {} if self.seen is None else self.seen.sessions

    def guards(self) -> frozenset[Guard]:
        """What must be unchanged for a decision on this inquiry to stand."""
        found = set[Guard](self.snapshot.guards())
        if self.patient is not None:
            found.add(RowVersion(Ref.to(self.patient), self.patient.version))
        elif (unread := self.inquiry.request.patient) is not None:
            found.add(ActivePatient(unread))
        if self.known.seen_at is not None:
            found.add(self.known.seen_at)
        return frozenset(found)

    def claims(self) -> list[Claim]:
        """All claims that it was made of, those of expired holds that were not swept among them."""
        return [one for some in self.inquiry.claims.values() for one in some]


class Inquiries:
    """Makes inquiries of one practice."""

    def __init__(self, context: Context, snapshots: Snapshots) -> None:
        self._context = context
        self._snapshots = snapshots
        self._seats = Seats(context)
        self._facts = FactReader(context)

    def about(
        self,
        provider: str,
        type: str,
        asked: Interval,
        *,
        patient: str | None = None,
        busy: Iterable[Claim] = (),
        now: datetime | None = None,
        referred: bool = False,
        prepaid: bool = False,
    ) -> Inquiry:
        """An inquiry about the starts of a stretch of minutes.

        ``busy`` is taken besides what the store knows to be; ``now`` is the clock's unless
        given. `NotFound` for an unknown provider, type or patient.
        """
        return self.asked(
            provider,
            type,
            asked,
            patient=patient,
            busy=busy,
            now=now,
            referred=referred,
            prepaid=prepaid,
        ).inquiry

    def asked(
        self,
        provider: str,
        type: str,
        asked: Interval,
        *,
        patient: str | None = None,
        busy: Iterable[Claim] = (),
        now: datetime | None = None,
        referred: bool = False,
        prepaid: bool = False,
        named: Collection[Resource] = (),
        but: Collection[tuple[ClaimKind, str]] = (),
        counting: Sequence[int] = (),
        fresh: bool = True,
        hasty: bool = False,
        before: Asked | None = None,
        ahead: int = 0,
    ) -> Asked:
        """The same with what it was made of.

        ``named`` are rooms and devices that are asked for; what the bookings ``but`` take is left
        out. ``counting`` are the starts at which something may be booked on it. Not ``fresh``:
        the schedule may be older, see `Snapshots.of`. ``hasty``: what is claimed is not looked at
        where the ledger alone tells whether something can be booked, nor the patient where no rule
        asks about them; `Asked.hasty` says so. ``before``: what was asked about the same a moment
        ago and still stands; what was read for it is not read again. ``ahead``: starts before this
        minute may be asked about next, so what is claimed is looked at as far.
        """
        context = self._context
        if before is not None:
            snapshot = before.snapshot
        else:
            snapshot = self._snapshots.of(context, provider, type, fresh=fresh)
        wanted = with_named(snapshot.type, named)
        inquiry = Inquiry(
            snapshot.schedule,
            Request(
                wanted,
                patient=patient,
                now=context.now() if now is None else now,
                referred=referred,
                prepaid=prepaid,
            ),
            context.zones,
            house_rules=context.house_rules,
        )
        hasty = hasty and snapshot.plain and can_be_hasty(inquiry)
        if hasty and not context.registers_patients and not scopes(inquiry):
            return Asked(inquiry, snapshot, None, None)
        known = None if before is None else before.patient
        if known is None and patient is not None:
            known = patient_of(context, patient)
        rules = self._facts.about(inquiry, asked, known, but, counting)
        active = known is None or known.active
        inquiry = attrs.evolve(inquiry, patient_active=active, facts=rules.facts)
        if hasty:
            return Asked(inquiry, snapshot, known, None, rules)
        besides = list(busy)
        low, high = reach_of(inquiry, asked)
        beyond = reach_of(inquiry, (asked[0], max(asked[1], ahead)))[1]
        seen = None if before is None else before.seen
        while True:
            if seen is None or not seen.covers((low, high)):
                seen = self._seen(inquiry.involved, (low, max(high, beyond)), but, besides)
            inquiry = attrs.evolve(inquiry, claims=seen.within((low, high)))
            reach = reach_of(inquiry, asked)
            if low <= reach[0] and reach[1] <= high:
                return Asked(inquiry, snapshot, known, seen, rules)
            # A session there is longer than slots are now.
            low, high = min(low, reach[0]), max(high, reach[1])

    def _seen(
        self,
        involved: Collection[Resource],
        reach: Interval,
        but: Collection[tuple[ClaimKind, str]],
        besides: Iterable[Claim],
    ) -> Seen:
        """What some resources are claimed by, and the sessions among that."""
        context = self._context
        found = context.store.claims(context.practice, involved, *reach)
        sessions = self._seats.among(found, context.now())
        claims: dict[Resource, list[Claim]] = defaultdict(list)
        for claim in found:
            if (claim.kind, claim.id) not in but:
                claims[claim.resource].append(with_session(claim, sessions))
        for claim in besides:
            claims[claim.resource].append(claim)
        return Seen(*reach, claims, sessions)

    def snapshot(self, provider: str, type: str) -> Snapshot:
        """The schedule that an inquiry about a provider and type is made of, as it is now."""
        return self._snapshots.of(self._context, provider, type)

    def with_sessions(self, inquiry: Inquiry, stretches: Iterable[Interval]) -> Inquiry:
        """The same with what the provider's time is claimed by in some stretches.

        Nothing is read for a type of which no slot has several seats.
        """
        if not Openings(inquiry.schedule, inquiry.type, inquiry.zones, 0, 1).any_seats:
            return inquiry
        own = inquiry.provider.resource
        found = [
            claim
            for stretch in stretches
            for claim in self._seen([own], stretch, (), ()).claims.get(own, ())
        ]
        return attrs.evolve(inquiry, claims={own: found})

    def of_hours(self, provider: str, type: str) -> Inquiry:
        """What the schedule opens, whatever is taken and whatever the time is."""
        snapshot = self._snapshots.of(self._context, provider, type)
        return Inquiry(snapshot.schedule, Request(snapshot.type), self._context.zones)


def patient_of(context: Context, id: str) -> Patient:
    """A patient; one that is not stored where the scheduler registers them, else `NotFound`."""
    found = context.kept(Patient, id)
    if found is None and not context.registers_patients:
        raise NotFound(kind_of(Patient).value, id)
    return Patient(id=id) if found is None else found


def can_be_hasty(inquiry: Inquiry) -> bool:
    """Whether what is claimed matters to a plain schedule in nothing that the ledger will not say.

    Of several rooms that would do, the one that is free must be looked for; and a house rule may
    look at anything.
    """
    return not inquiry.house_rules and all(len(need.one_of) == 1 for need in inquiry.type.needs)


def with_session(claim: Claim, sessions: Mapping[str, Seated]) -> Claim:
    """A claim, with what is known of its group session if it has one."""
    if claim.kind is not ClaimKind.SESSION or claim.id not in sessions:
        return claim
    return attrs.evolve(claim, session=sessions[claim.id].as_claimed())
