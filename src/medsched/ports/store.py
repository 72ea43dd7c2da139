"""Where records are kept: readers, and the one write."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from medsched.domain.access import EVERYTHING, Reach
from medsched.domain.agendas import Agenda, Place
from medsched.domain.appointments import Appointment
from medsched.domain.audit import AuditEntry
from medsched.domain.availability_changes import NumberedTouch
from medsched.domain.changes import Changeset, Outcome
from medsched.domain.claims import Claim, Span
from medsched.domain.events import NumberedEvent
from medsched.domain.holds import Hold
from medsched.domain.idempotency import Receipt
from medsched.domain.ledger import LedgerKey
from medsched.domain.records import Resource
from medsched.domain.schedule import Calendar
from medsched.domain.stored import Ref, Stored, StoredT
from medsched.ports.surroundings import Surroundings

RETRIES: Final = 5
"""How often a command reads and decides again after it came too late, unless a store says."""


class VersionedCalendar(NamedTuple):
    """The calendar of a resource, and the version of its schedule that it was read at."""

    version: int
    calendar: Calendar


class Taken(NamedTuple):
    """What is claimed of some resources, at one moment.

    ``ledger`` are the claimed minutes as `Store.ledger` tells them, ``lapsed`` where holds that
    have expired may still be among them, ``roster`` is the version that the practice's roster has.
    """

    roster: int
    ledger: Mapping[LedgerKey, int]
    lapsed: Sequence[Span]


class Store(Protocol):
    """Keeps the records of many practices apart, and changes them by `apply` alone.

    What a patient's destroyed key had sealed is gone: `get` and `receipt` raise `KeyDestroyed`
    where it is wanted, all other readers give such records with these fields at their
    defaults, so that schedules go on working.

    Each reader answers from one state, in which every changeset is applied as a whole or
    not at all; two calls may see two states, which is what guards are for. A practice that
    nothing was stored for is empty. Ids are compared byte by byte.
    """

    @property
    def surroundings(self) -> Surroundings:
        """Clock, ids, zones and pauses that go with this store unless others are given."""
        ...

    @property
    def retries(self) -> int:
        """How often a command may read and decide again after it came too late.

        5; none where a host's own transaction would have to begin again.
        """
        ...

    def get(self, practice: str, cls: type[StoredT], id: str) -> StoredT | None:
        """One record, active or not; None if there is none."""
        ...

    def get_many(self, practice: str, refs: Collection[Ref]) -> Mapping[Ref, Stored]:
        """Those of the named records that exist, active or not, in one round trip."""
        ...

    @property
    def seals(self) -> bool:
        """Whether records may be sealed, and reading them may ask for keys."""
        ...

    def bare(self, practice: str, refs: Collection[Ref]) -> Mapping[Ref, Stored]:
        """The same without asking for any key: what is sealed is left at its default.

        So it can be judged whose a record is before anything of it is opened; whose it is, and
        where it belongs, is never sealed. Where nothing is, these are the records as they are.
        Grants are left out: what is sealed of them has no default.
        """
        ...

    def page(
        self,
        practice: str,
        cls: type[StoredT],
        *,
        active: bool | None,
        where: Mapping[str, object],
        after: str | None,
        limit: int,
        within: Reach = EVERYTHING,
    ) -> Sequence[StoredT]:
        """The first ``limit`` records of a class after an id, in order of id.

        ``active`` None takes both. ``where`` gives attributes and the values they must equal;
        one that is a set must contain the value; a `Sought` says itself what matches it.
        ``within``: only what that reaches.
        """
        ...

    def calendars(
        self, practice: str, resources: Collection[Resource]
    ) -> Mapping[Resource, VersionedCalendar]:
        """The active rules, overrides and blockings of each of these resources.

        One round trip and one state for all; a resource that has none gets an empty one.
        """
        ...

    def schedule_versions(
        self, practice: str, resources: Collection[Resource]
    ) -> Mapping[Resource, int]:
        """The schedule version of each of these resources, 0 before its first change."""
        ...

    def roster_version(self, practice: str) -> int:
        """A number that goes up with whatever changes who works when, and for what.

        That is every change that raises a schedule version (see `Changeset.bumps`), and every
        appointment type that is written or removed. As long as it is the same, so is all of that.
        """
        ...

    def all_schedule_versions(self, practice: str) -> Mapping[Resource, int]:
        """The schedule versions of all resources of a practice that have changed at least once."""
        ...

    def referrers(self, practice: str, ref: Ref, *, limit: int = 100) -> Sequence[Ref]:
        """Records that refer to this one (see `references`), in order, at most ``limit``."""
        ...

    def claims(
        self, practice: str, resources: Collection[Resource], low: int, high: int
    ) -> Sequence[Claim]:
        """The claims on these resources that reach into the minutes [low, high) of the epoch.

        In order of resource, start, kind and id; an empty stretch is reached by what covers its
        minute. Holds that have expired are among them as long as they were not swept: who reads
        them knows what time it is.
        """
        ...

    def ledger(
        self, practice: str, resources: Collection[Resource], first: int, last: int
    ) -> Mapping[LedgerKey, int]:
        """The claimed minutes of these resources on the UTC days ``first`` to ``last``, inclusive.

        One integer a day, a bit a minute; days on which nothing is claimed are left out.
        """
        ...

    def taken(
        self,
        practice: str,
        resources: Collection[Resource],
        first: int,
        last: int,
        *,
        hours: tuple[int, int] = (0, 24),
        now: datetime,
    ) -> Taken:
        """What of these resources is claimed on the UTC days ``first`` to ``last``, inclusive.

        One round trip and one state for all of it. What is claimed outside of the UTC ``hours``
        [low, high) of each day may be left out. ``lapsed`` is the `Hold.reach` of all holds of the
        practice that have expired by ``now``, in no order.
        """
        ...

    def appointments(
        self,
        practice: str,
        agenda: Agenda,
        *,
        after: Place | None,
        limit: int,
        skip: int = 0,
        within: Reach = EVERYTHING,
    ) -> Sequence[Appointment]:
        """The first ``limit`` appointments of an agenda after a place in it, in its order.

        Those of one instant are in order of id; a descending agenda reverses that too. The first
        ``skip`` after that place are left out. ``within``: only what that reaches.
        """
        ...

    def count_appointments(
        self, practice: str, agenda: Agenda, *, within: Reach = EVERYTHING
    ) -> int:
        """How many appointments of an agenda a reach reaches, in one round trip.

        None of them is read, nor is any key asked for. A reach of thousands of ids takes a few
        round trips.
        """
        ...

    def reached(self, practice: str, records: Collection[Stored], reach: Reach) -> AbstractSet[Ref]:
        """Those of these records that a reach reaches, in one round trip at most.

        The records are as they were read, or as they will be written: a patient is judged by what
        the given record says they are registered with, and by visits that are stored. Thousands
        of records that only their patients tell of take a few round trips.
        """
        ...

    def expired_holds(self, practice: str, now: datetime, *, limit: int) -> Sequence[Hold]:
        """The first ``limit`` holds that have expired by an aware instant, by expiry and id."""
        ...

    def tallies(self, practice: str, names: Collection[str]) -> Mapping[str, int]:
        """What is counted under each of these names, 0 where nothing ever was."""
        ...

    def receipt(self, practice: str, scope: str, now: datetime) -> Receipt | None:
        """The receipt of a `KeyedRequest.scope`; None if there is none, or it is too old.

        It is read after everything that was read before this call, from a state that is not
        older than what that showed.
        """
        ...

    def forget_receipts(self, practice: str, before: datetime) -> int:
        """Remove the receipts made before an aware instant; how many they were."""
        ...

    def number_events(self, practice: str) -> int:
        """Give every committed event its number; the last number given, 0 for none.

        Safe to be called by any number of callers at once.
        """
        ...

    def events(self, practice: str, *, after: int, limit: int) -> Sequence[NumberedEvent]:
        """The first ``limit`` numbered events after a number, in order."""
        ...

    def changes(self, practice: str, *, after: int, limit: int) -> Sequence[NumberedTouch]:
        """What the first ``limit`` changesets after a number touched that touched anything.

        In order of the numbers of their first events. One that was applied before it was written
        down what changesets touch, by an earlier release, may have touched anything: None.
        """
        ...

    @property
    def audited(self) -> bool:
        """Whether an audit is kept: else nothing is written down of what is given for it."""
        ...

    def record(self, entries: Sequence[AuditEntry]) -> None:
        """Write down accesses of one practice that changed nothing: all of them, for good."""
        ...

    def apply(self, changeset: Changeset) -> Outcome:
        """Do all that a changeset says, or nothing.

        `Repeated`, and nothing done, if the key of its request was used before and not yet
        forgotten. `Stale`, and nothing done, if a guard does not hold, a written or removed
        record is not at the version that is replaced, a removed one would still be referred
        to, a released claim is not there or named twice, or the reference of an appointment
        that is written was another's before, or is another's of those written. `Refused`, and
        nothing done, if a claimed minute is taken by a claim that is not released in the same
        changeset, or a tally would leave its bounds. Where several of these hold, any of them
        is told, but a used key always.

        Versions are those before the changeset. A released minute stays taken where another
        claim covers it. Of two changesets of which each would exclude the other, one is
        applied, whatever else happens at the same moment. An outcome is certain; where a store
        cannot find out what became of a changeset, it raises `OutcomeUnknown`.
        """
        ...
