"""The one write: a changeset that a store applies as a whole or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import attrs

from medsched.domain.agendas import Agenda
from medsched.domain.appointment_types import AppointmentType
from medsched.domain.appointments import Appointment
from medsched.domain.audit import AuditEntry
from medsched.domain.availability_changes import Touched, TouchedTime
from medsched.domain.claims import LONGEST_CLAIM, Claim
from medsched.domain.events import Event
from medsched.domain.fields import an_id, check_id
from medsched.domain.idempotency import KeyedRequest, Receipt
from medsched.domain.ledger import LedgerKey
from medsched.domain.records import Resource
from medsched.domain.rosters import roster_part
from medsched.domain.stored import Kind, Ref, Stored
from medsched.errors import InvalidChoice, InvalidInterval, InvalidNumber


class RowVersion(NamedTuple):
    """A record at a version; version 0: there is no such record."""

    ref: Ref
    version: int


class ActivePatient(NamedTuple):
    """A patient who is stored and active, at whatever version.

    Whoever decides by no more than that need not read them.
    """

    id: str

    @property
    def ref(self) -> Ref:
        """What names their record."""
        return Ref(Kind.PATIENT, self.id)


class ScheduleVersion(NamedTuple):
    """The schedule of a resource at a version: the count of its changes, 0 before the first.

    It counts every change of the resource's record, rules, overrides and blockings, and
    never starts again, not even when the record is deleted and made anew.
    """

    resource: Resource
    version: int


class Standing(NamedTuple):
    """All the appointments of an agenda, as ids and versions: these, and no others.

    Whoever closes time raises a schedule version, or writes a record, that every booking of that
    time guards. Once that is locked, no booking that was decided before can come any more, and
    this tells those that came since the agenda was read.
    """

    agenda: Agenda
    appointments: frozenset[tuple[str, int]]

    @classmethod
    def of(cls, agenda: Agenda, appointments: Iterable[Appointment]) -> Standing:
        """An agenda, and the appointments that were read of it."""
        return cls(agenda, frozenset((one.id, one.version) for one in appointments))


Guard: TypeAlias = RowVersion | ActivePatient | ScheduleVersion | Standing
"""What a decision was made on, and what must still be so."""


class Tally(NamedTuple):
    """A count that goes ``by`` so many: never up to above ``most``, nor down to below ``least``.

    It may go down while it is above ``most``, which may have been more once. ``before``: what it
    must have been, where the change is only right then.
    """

    name: str
    by: int
    most: int | None = None
    least: int = 0
    before: int | None = None

    def count_after(self, count: int) -> int | None:
        """What the count is afterwards; None where it must not be changed so."""
        after = count + self.by
        full = self.most is not None and self.by > 0 and after > self.most
        if full or after < self.least or self.before not in (None, count):
            return None
        return after


def _check_claims(claims: tuple[Claim, ...]) -> None:
    """No resource is claimed twice at once, and none for longer than a booking can last.

    Whose seats a claim's session counts is for the caller of a listing to say; no store keeps it.
    """
    for claim in claims:
        if claim.session is not None:
            raise InvalidChoice(
                "claims", str(claim.resource), "a claim that is kept has no session"
            )
        if claim.high - claim.low > LONGEST_CLAIM:
            why = f"longer than {LONGEST_CLAIM} minutes"
            raise InvalidInterval("claims", (claim.low, claim.high), why)
        if claim.id:
            check_id(claim.id, "claims")
    ordered = sorted(claims, key=lambda claim: (claim.resource, claim.low))
    for one, other in pairwise(ordered):
        if one.resource == other.resource and other.low < one.high:
            raise InvalidChoice("claims", str(one.resource), "one changeset takes a minute once")


def _check_changed(writes: Iterable[Stored], removals: Iterable[RowVersion]) -> None:
    changed = Counter([*map(Ref.to, writes), *(removal.ref for removal in removals)])
    twice = sorted(ref for ref, times in changed.items() if times > 1)
    if twice:
        raise InvalidChoice("writes", twice[0], "one record changes once in a changeset")


def _check_counted(tallies: Iterable[Tally]) -> None:
    counted = Counter(tally.name for tally in tallies)
    if max(counted.values()) > 1:
        raise InvalidChoice("tallies", max(counted), "one tally is counted once in a changeset")


class Touching(NamedTuple):
    """What of a changeset may change what can be booked, for whoever puts it together later.

    False of none of its parts: ask `any` of them.
    """

    releases: tuple[Claim, ...]
    claims: tuple[Claim, ...]
    doubled: tuple[Claim, ...]
    seats: tuple[TouchedTime, ...]
    hours: frozenset[Resource]
    types: tuple[str, ...]

    @property
    def touched(self) -> Touched:
        """What those who follow are told of it."""
        made = (*self.claims, *self.doubled)
        return Touched.of(
            [
                *(TouchedTime(one.resource, one.low, one.high) for one in self.releases),
                *(TouchedTime(one.resource, one.low, one.high, one.expires) for one in made),
                *self.seats,
            ],
            self.hours,
            self.types,
        )


@attrs.frozen(kw_only=True)
class Changeset:
    """Everything that one command changes, decided on what it read.

    ``request``: the idempotency key it runs under, if there is one. ``writes``: records as they
    shall be, each at the version after the one it replaces; one at version 1 must not exist
    yet. ``removals``: records to remove, at the versions they have; one that another record
    would still refer to afterwards cannot be removed. ``guards``: what the decision was made on
    and must be unchanged. ``bumps``: the resources whose schedule versions go up by one.
    ``releases``: claims, exactly as they stand, to be given back; then ``claims``: those to be
    made. ``doubled`` are claims that are made whatever else takes their minutes. ``tallies`` are
    counted. ``seats``: where seats of group sessions are taken or given back, which no claim
    shows. ``events`` are kept in this order; what is `touched` is told with the first of them, and
    to nobody if there is none. ``audits`` are written down where the store keeps an audit.
    ``hasty``: it was made without a look at what is claimed, and at the patient. Whoever made it
    looks once something stands in its way, so a store need not find out what: it may answer
    `Stale`, or `Refused` without a name.
    """

    practice: str = attrs.field(validator=an_id)
    request: KeyedRequest | None = None
    writes: tuple[Stored, ...] = ()
    removals: tuple[RowVersion, ...] = ()
    guards: frozenset[Guard] = frozenset()
    bumps: frozenset[Resource] = frozenset()
    releases: tuple[Claim, ...] = ()
    claims: tuple[Claim, ...] = ()
    doubled: tuple[Claim, ...] = ()
    tallies: tuple[Tally, ...] = ()
    seats: tuple[TouchedTime, ...] = ()
    events: tuple[Event, ...] = ()
    audits: tuple[AuditEntry, ...] = ()
    hasty: bool = False

    def __attrs_post_init__(self) -> None:
        if len(self.writes) + len(self.removals) > 1:
            _check_changed(self.writes, self.removals)
        _check_claims((*self.claims, *self.doubled))
        for tally in self.tallies:
            check_id(tally.name, "tallies")
            if tally.least < 0:
                raise InvalidNumber("tallies", tally.least, "no tally counts below 0")
        if len(self.tallies) > 1:
            _check_counted(self.tallies)

    @property
    def roster_parts(self) -> frozenset[int]:
        """The parts of the roster that this changes: see `roster_part`."""
        if not self.bumps and not self._types:
            return frozenset()
        named = {(one.kind.value, one.id) for one in self.bumps}
        named |= {(Kind.APPOINTMENT_TYPE.value, code) for code in self._types}
        return frozenset(roster_part(kind, id) for kind, id in named)

    @property
    def touched(self) -> Touched:
        """Where it changes what can be booked: time taken or given back, hours, types."""
        return self.touching.touched

    @property
    def touching(self) -> Touching:
        """All by which it may change what can be booked, as it is stated."""
        return Touching(
            self.releases, self.claims, self.doubled, self.seats, self.bumps, self._types
        )

    @property
    def _types(self) -> tuple[str, ...]:
        """The codes of the appointment types that are written or removed."""
        codes = [one.id for one in self.writes if isinstance(one, AppointmentType)]
        if self.removals:
            codes += [ref.id for ref, _ in self.removals if ref.kind is Kind.APPOINTMENT_TYPE]
        return tuple(codes)


@attrs.frozen
class Applied:
    """All of a changeset is stored."""


@attrs.frozen
class Stale:
    """Nothing is stored: the world moved since it was read. Read and decide again."""


@attrs.frozen
class Refused:
    """Nothing is stored: something that is claimed is taken, or a tally is full.

    ``taken`` names ledger rows, ``full`` tallies: at least one of all that refuse. Whoever
    read and found all free, read too early, and decides again. ``guarded``: all guards held at
    that moment, so what they stand for need not be read again.
    """

    taken: tuple[LedgerKey, ...] = ()
    full: tuple[str, ...] = ()
    guarded: bool = attrs.field(default=False, eq=False)


@attrs.frozen
class Repeated:
    """Nothing is stored now: the key was used before, for what the receipt says."""

    receipt: Receipt


Outcome: TypeAlias = Applied | Stale | Refused | Repeated
