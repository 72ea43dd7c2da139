"""What one practice has in memory: its records, and the indexes over them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from operator import itemgetter

import attrs

from medsched.adapters.memory.ledger import Ledger
from medsched.domain.access import Reach
from medsched.domain.appointments import Appointment
from medsched.domain.availability import AvailabilityRule, Override, RecurringBlocking
from medsched.domain.availability_changes import NumberedTouch
from medsched.domain.changes import (
    ActivePatient,
    Applied,
    Changeset,
    Guard,
    Outcome,
    Refused,
    Repeated,
    RowVersion,
    ScheduleVersion,
    Stale,
    Standing,
    Touching,
)
from medsched.domain.events import Event
from medsched.domain.idempotency import KEPT_FOR, KeyedRequest, Receipt
from medsched.domain.people import Patient
from medsched.domain.reaching import reaches, reaches_registered, reaches_visit
from medsched.domain.records import Resource
from medsched.domain.release_rules import ReleaseRule
from medsched.domain.schedule import Calendar, calendar
from medsched.domain.slot_overrides import SlotOverride
from medsched.domain.stored import (
    HoursRecord,
    Kind,
    Ref,
    Stored,
    StoredT,
    kind_of,
    references,
)
from medsched.domain.time_blocks import TimeBlock


@attrs.define(eq=False)
class Rows:
    """What one practice has, and the indexes over it."""

    records: dict[Ref, Stored] = attrs.field(factory=dict)
    ids: dict[Kind, list[str]] = attrs.field(factory=lambda: defaultdict(list))
    hours: dict[Resource, dict[Ref, HoursRecord]] = attrs.field(factory=lambda: defaultdict(dict))
    referrers: dict[Ref, set[Ref]] = attrs.field(factory=lambda: defaultdict(set))
    called: dict[str, Ref] = attrs.field(factory=dict)
    """Appointments by their references."""
    schedule_versions: dict[Resource, int] = attrs.field(factory=dict)
    roster_version: int = 0
    ledger: Ledger = attrs.field(factory=Ledger)
    tallies: dict[str, int] = attrs.field(factory=dict)
    receipts: dict[str, tuple[KeyedRequest, Receipt]] = attrs.field(factory=dict)
    events: list[Event] = attrs.field(factory=list)
    touching: list[tuple[int, Touching]] = attrs.field(factory=list)
    """What changesets may have touched, by their first events; put together when it is read."""

    # ------------------------------------------------------------------- reading

    def after(self, cls: type[StoredT], id: str | None) -> Iterator[StoredT]:
        """The records of a class after an id, in order of id."""
        kind = kind_of(cls)
        ids = self.ids.get(kind, [])
        for at in range(0 if id is None else bisect_right(ids, id), len(ids)):
            record = self.records[Ref(kind, ids[at])]
            assert isinstance(record, cls)
            yield record

    def calendar(self, resource: Resource) -> Calendar:
        """What is active of a resource."""
        found = self.hours.get(resource, {}).values()
        return calendar(
            tuple(one for one in found if isinstance(one, AvailabilityRule)),
            tuple(one for one in found if isinstance(one, Override)),
            tuple(one for one in found if isinstance(one, RecurringBlocking)),
            tuple(one for one in found if isinstance(one, TimeBlock)),
            tuple(one for one in found if isinstance(one, SlotOverride)),
            tuple(one for one in found if isinstance(one, ReleaseRule)),
        )

    def reaches(self, reach: Reach, record: Stored) -> bool:
        """Whether a reach reaches a record: see `Reach`."""
        ask = self._reaches_visits if isinstance(record, Patient) else self._reaches_patient
        return reaches(reach, record, partial(ask, reach))

    def _reaches_patient(self, reach: Reach, id: str) -> bool:
        patient = self.records.get(Ref(Kind.PATIENT, id))
        registered = isinstance(patient, Patient) and reaches_registered(reach, patient)
        return registered or self._reaches_visits(reach, id)

    def _reaches_visits(self, reach: Reach, id: str) -> bool:
        named_by = map(self.records.__getitem__, self.referrers.get(Ref(Kind.PATIENT, id), ()))
        return any(isinstance(one, Appointment) and reaches_visit(reach, one) for one in named_by)

    def touched(self, after: int) -> Iterator[NumberedTouch]:
        """What was touched after a number, in order."""
        first = bisect_right(self.touching, after, key=itemgetter(0))
        for at in range(first, len(self.touching)):
            number, touching = self.touching[at]
            if touched := touching.touched:
                yield NumberedTouch(number, touched)

    # ------------------------------------------------------------------- deciding

    def against(self, changeset: Changeset) -> Outcome:
        """What speaks against a changeset; `Applied` if nothing does."""
        if (used := self._used(changeset.request)) is not None:
            return Repeated(used)
        if not self._admits(changeset):
            return Stale()
        full = [
            one.name
            for one in changeset.tallies
            if one.count_after(self.tallies.get(one.name, 0)) is None
        ]
        taken = self.ledger.taken(changeset.releases, changeset.claims)
        return Refused(taken, tuple(full), guarded=True) if taken or full else Applied()

    def _used(self, request: KeyedRequest | None) -> Receipt | None:
        if request is None or request.scope not in self.receipts:
            return None
        first, receipt = self.receipts[request.scope]
        return receipt if request.made_at - KEPT_FOR < first.made_at else None

    def _admits(self, changeset: Changeset) -> bool:
        """Whether the world is still as the changeset takes it to be."""
        called: list[str] = []
        for record in changeset.writes:
            ref = Ref.to(record)
            if self._version(ref) != record.version - 1:
                return False
            if isinstance(record, Appointment) and (reference := record.reference):
                if self.called.get(reference, ref) != ref:
                    return False
                called.append(reference)
        for guard in changeset.guards:
            if not self._holds(guard):
                return False
        releases = changeset.releases
        return (
            len(set(called)) == len(called)
            and len(set(releases)) == len(releases)
            and all(map(self.ledger.has, releases))
            and (not changeset.removals or self._removable(changeset))
        )

    def _version(self, ref: Ref) -> int:
        record = self.records.get(ref)
        return 0 if record is None else record.version

    def _holds(self, guard: Guard) -> bool:
        if isinstance(guard, ScheduleVersion):
            return self.schedule_versions.get(guard.resource, 0) == guard.version
        if isinstance(guard, RowVersion):
            return self._version(guard.ref) == guard.version
        if isinstance(guard, ActivePatient):
            patient = self.records.get(guard.ref)
            return isinstance(patient, Patient) and patient.active
        found = filter(guard.agenda.matches, self.after(Appointment, None))
        return Standing.of(guard.agenda, found) == guard

    def _removable(self, changeset: Changeset) -> bool:
        """Whether what is removed is as it was, and nothing kept or written refers to it."""
        if any(self._version(ref) != version for ref, version in changeset.removals):
            return False
        removed = {removal.ref for removal in changeset.removals}
        changed = removed | {Ref.to(record) for record in changeset.writes}
        return not any(self.referrers.get(ref, set()) - changed for ref in removed) and not any(
            references(record) & removed for record in changeset.writes
        )

    # -------------------------------------------------------------------- writing

    def take(self, changeset: Changeset) -> None:
        """Do what the changeset says; nothing speaks against it."""
        for ref, _ in changeset.removals:
            self._remove(ref)
        for record in changeset.writes:
            ref = Ref.to(record)
            if ref in self.records:
                self._remove(ref)
            self._add(ref, record)
        for resource in changeset.bumps:
            self.schedule_versions[resource] = self.schedule_versions.get(resource, 0) + 1
        touching = changeset.touching
        if touching.hours or touching.types:
            self.roster_version += len(changeset.roster_parts)
        self.ledger.take(changeset.releases, (*changeset.claims, *changeset.doubled))
        for tally in changeset.tallies:
            self.tallies[tally.name] = self.tallies.get(tally.name, 0) + tally.by
        if (request := changeset.request) is not None:
            receipt = Receipt(request.digest, request.result)
            self.receipts[request.scope] = (request, receipt)
        if changeset.events and any(touching):
            self.touching.append((len(self.events) + 1, touching))
        self.events += changeset.events

    def _add(self, ref: Ref, record: Stored) -> None:
        self.records[ref] = record
        insort(self.ids[ref.kind], ref.id)
        if isinstance(record, Appointment):
            if record.reference:
                self.called[record.reference] = ref
        elif isinstance(record, HoursRecord):
            self.hours[record.resource][ref] = record
        referrers = self.referrers
        for named in references(record):
            referrers[named].add(ref)

    def _remove(self, ref: Ref) -> None:
        record = self.records.pop(ref, None)
        if record is None:
            return
        ids = self.ids[ref.kind]
        del ids[bisect_left(ids, ref.id)]
        if isinstance(record, Appointment):
            self.called.pop(record.reference, None)
        elif isinstance(record, HoursRecord):
            del self.hours[record.resource][ref]
        for named in references(record):
            self.referrers[named].discard(ref)
