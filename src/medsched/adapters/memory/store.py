"""Everything in memory: for tests, demos, and hosts that keep their data elsewhere."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from threading import Lock

import attrs

from medsched.adapters.surroundings import standard
from medsched.domain.availability import AvailabilityRule, Override, RecurringBlocking
from medsched.domain.changes import (
    Applied,
    Changeset,
    Outcome,
    RowVersion,
    ScheduleVersion,
    Stale,
)
from medsched.domain.events import Event
from medsched.domain.records import Resource
from medsched.domain.schedule import Calendar, calendar
from medsched.domain.stored import (
    HoursRecord,
    Kind,
    Ref,
    Stored,
    StoredT,
    kind_of,
    references,
)
from medsched.ports.store import VersionedCalendar
from medsched.ports.surroundings import Surroundings


class MemoryStore:
    """A `Store` that keeps everything in this process, and nothing after it.

    Threads may share it: one lock is held for the length of each call. Records are frozen,
    so what a reader was given never changes under it.
    """

    def __init__(self, surroundings: Surroundings | None = None) -> None:
        self._surroundings = surroundings or standard()
        self._lock = Lock()
        self._practices: defaultdict[str, _Rows] = defaultdict(_Rows)

    @property
    def surroundings(self) -> Surroundings:
        return self._surroundings

    def get(self, practice: str, cls: type[StoredT], id: str) -> StoredT | None:
        with self._lock:
            found = self._practice(practice).records.get(Ref(kind_of(cls), id))
        return found if isinstance(found, cls) else None

    def get_many(self, practice: str, refs: Collection[Ref]) -> Mapping[Ref, Stored]:
        with self._lock:
            records = self._practice(practice).records
            return {ref: records[ref] for ref in refs if ref in records}

    def page(
        self,
        practice: str,
        cls: type[StoredT],
        *,
        active: bool | None,
        where: Mapping[str, object],
        after: str | None,
        limit: int,
    ) -> Sequence[StoredT]:
        with self._lock:
            records = self._practice(practice).after(cls, after)
            found = (
                record
                for record in records
                if active in (None, record.active) and _matches(record, where)
            )
            return list(islice(found, limit))

    def calendars(
        self, practice: str, resources: Collection[Resource]
    ) -> Mapping[Resource, VersionedCalendar]:
        with self._lock:
            rows = self._practice(practice)
            return {
                one: VersionedCalendar(rows.schedule_versions.get(one, 0), rows.calendar(one))
                for one in resources
            }

    def schedule_versions(
        self, practice: str, resources: Collection[Resource]
    ) -> Mapping[Resource, int]:
        with self._lock:
            versions = self._practice(practice).schedule_versions
            return {one: versions.get(one, 0) for one in resources}

    def referrers(self, practice: str, ref: Ref, *, limit: int = 100) -> Sequence[Ref]:
        with self._lock:
            return sorted(self._practice(practice).referrers.get(ref, ()))[:limit]

    def events(self, practice: str) -> Sequence[Event]:
        """Every event of a practice, in the order in which the changesets were applied."""
        with self._lock:
            return list(self._practice(practice).events)

    def apply(self, changeset: Changeset) -> Outcome:
        with self._lock:
            if not self._practice(changeset.practice).admits(changeset):
                return Stale()
            # From here on nothing can fail: what could, was tried above without a trace.
            self._practices[changeset.practice].take(changeset)
            return Applied()

    def _practice(self, id: str) -> _Rows:
        """The rows of a practice; asking for an unknown one leaves nothing behind."""
        return self._practices[id] if id in self._practices else _Rows()


@attrs.define(eq=False)
class _Rows:
    """What one practice has, and the indexes over it."""

    records: dict[Ref, Stored] = attrs.field(factory=dict)
    ids: dict[Kind, list[str]] = attrs.field(factory=lambda: defaultdict(list))
    hours: dict[Resource, dict[Ref, HoursRecord]] = attrs.field(factory=lambda: defaultdict(dict))
    referrers: dict[Ref, set[Ref]] = attrs.field(factory=lambda: defaultdict(set))
    schedule_versions: dict[Resource, int] = attrs.field(factory=dict)
    events: list[Event] = attrs.field(factory=list)

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
        )

    def admits(self, changeset: Changeset) -> bool:
        """Whether the world is still as the changeset takes it to be."""
        return (
            all(self._version(Ref.to(one)) == one.version - 1 for one in changeset.writes)
            and all(self._version(ref) == version for ref, version in changeset.removals)
            and all(self._holds(guard) for guard in changeset.guards)
            and not self._would_dangle(changeset)
        )

    def _version(self, ref: Ref) -> int:
        record = self.records.get(ref)
        return 0 if record is None else record.version

    def _holds(self, guard: RowVersion | ScheduleVersion) -> bool:
        if isinstance(guard, RowVersion):
            return self._version(guard.ref) == guard.version
        return self.schedule_versions.get(guard.resource, 0) == guard.version

    def _would_dangle(self, changeset: Changeset) -> bool:
        """Whether a removed record would be referred to by what is kept or written."""
        removed = {removal.ref for removal in changeset.removals}
        changed = removed | {Ref.to(record) for record in changeset.writes}
        return any(self.referrers.get(ref, set()) - changed for ref in removed) or any(
            references(record) & removed for record in changeset.writes
        )

    def take(self, changeset: Changeset) -> None:
        """Do what the changeset says; it was admitted."""
        for ref, _ in changeset.removals:
            self._remove(ref)
        for record in changeset.writes:
            self._remove(Ref.to(record))
            self._add(record)
        for resource in changeset.bumps:
            self.schedule_versions[resource] = self.schedule_versions.get(resource, 0) + 1
        self.events += changeset.events

    def _add(self, record: Stored) -> None:
        ref = Ref.to(record)
        self.records[ref] = record
        insort(self.ids[ref.kind], ref.id)
        if isinstance(record, HoursRecord):
            self.hours[record.resource][ref] = record
        for named in references(record):
            self.referrers[named].add(ref)

    def _remove(self, ref: Ref) -> None:
        record = self.records.pop(ref, None)
        if record is None:
            return
        ids = self.ids[ref.kind]
        del ids[bisect_left(ids, ref.id)]
        if isinstance(record, HoursRecord):
            del self.hours[record.resource][ref]
        for named in references(record):
            self.referrers[named].discard(ref)


def _matches(record: Stored, where: Mapping[str, object]) -> bool:
    for field, wanted in where.items():
        held = getattr(record, field)
        if not (wanted in held if isinstance(held, frozenset) else held == wanted):
            return False
    return True
