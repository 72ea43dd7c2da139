"""A practice as one command sees it: what is stored, and over it what is about to be written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from medsched.domain.availability import AvailabilityRule, Override, RecurringBlocking
from medsched.domain.changes import RowVersion, ScheduleVersion
from medsched.domain.places import PracticeSettings
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.release_rules import ReleaseRule
from medsched.domain.schedule import Calendar, calendar
from medsched.domain.slot_overrides import SlotOverride
from medsched.domain.stored import HoursT, Kind, Ref, Stored, StoredT
from medsched.domain.time_blocks import TimeBlock
from medsched.ports.store import VersionedCalendar
from medsched.services.context import Context


class View:
    """Reads each record and calendar once, and remembers what it read.

    What was read becomes the guards of the changeset, so that a decision stands only while
    everything it was made on does. `lay` puts records over the stored ones, as they will be.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._rows: dict[Ref, Stored | None] = {}
        self._calendars: dict[Resource, VersionedCalendar] = {}
        self._laid: dict[Ref, Stored | None] = {}

    @classmethod
    def over(
        cls,
        context: Context,
        rows: dict[Ref, Stored | None],
        calendars: dict[Resource, VersionedCalendar],
    ) -> View:
        """A view that has read some of it already; what it reads is added to that."""
        view = cls(context)
        view._rows, view._calendars = rows, calendars
        return view

    @property
    def practice(self) -> Resource:
        """The practice itself."""
        return Resource(ResourceKind.PRACTICE, self._context.practice)

    def lay(self, records: Iterable[Stored]) -> None:
        """See these records as written from now on."""
        self._laid.update((Ref.to(record), record) for record in records)

    def drop(self, ref: Ref) -> None:
        """See a record as gone from now on."""
        self._laid[ref] = None

    def as_stored(self) -> View:
        """The same without what is laid over it; what either reads, both have read."""
        view = View(self._context)
        view._rows, view._calendars = self._rows, self._calendars
        return view

    def read(self, refs: Iterable[Ref]) -> None:
        """Read all of these records in one round trip, for `row` to find."""
        unread = {ref for ref in refs if ref not in self._rows}
        if unread:
            found = self._context.store.get_many(self._context.practice, unread)
            self._rows.update((ref, found.get(ref)) for ref in unread)

    def row(self, ref: Ref) -> Stored | None:
        """A record, None if there is none."""
        if ref in self._laid:
            return self._laid[ref]
        self.read([ref])
        return self._rows[ref]

    def get(self, cls: type[StoredT], ref: Ref) -> StoredT | None:
        """A record whose class is known."""
        found = self.row(ref)
        assert found is None or isinstance(found, cls)
        return found

    def settings(self) -> PracticeSettings:
        """The practice's settings; the defaults if none were ever stored."""
        id = self._context.practice
        return self.get(PracticeSettings, Ref(Kind.PRACTICE, id)) or PracticeSettings(id=id)

    def calendars(self, resources: Collection[Resource]) -> dict[Resource, Calendar]:
        """The calendars of these resources, those not read yet in one round trip."""
        unread = {one for one in resources if one not in self._calendars}
        if unread:
            store, practice = self._context.store, self._context.practice
            self._calendars.update(store.calendars(practice, unread))
        return {one: self._calendar(one) for one in resources}

    def _calendar(self, resource: Resource) -> Calendar:
        stored = self._calendars[resource].calendar
        if not self._laid:
            return stored
        return calendar(
            self._over(AvailabilityRule, stored.rules, resource),
            self._over(Override, stored.overrides, resource),
            self._over(RecurringBlocking, stored.blockings, resource),
            self._over(TimeBlock, stored.blocks, resource),
            self._over(SlotOverride, stored.slots, resource),
            self._over(ReleaseRule, stored.releases, resource),
        )

    def _over(
        self, cls: type[HoursT], stored: tuple[HoursT, ...], resource: Resource
    ) -> tuple[HoursT, ...]:
        """The stored ones that are not written, and those written for this resource."""
        kept = [one for one in stored if Ref.to(one) not in self._laid]
        new = [one for one in self._laid.values() if isinstance(one, cls)]
        return (*kept, *(one for one in new if one.resource == resource))

    def referrers(self, ref: Ref) -> Sequence[Ref]:
        """The stored records that refer to one; not guarded, so only good for a first look."""
        return self._context.store.referrers(self._context.practice, ref, limit=1000)

    def schedule_versions(self) -> dict[Resource, int]:
        """The versions that the calendars were read at."""
        return {resource: read.version for resource, read in self._calendars.items()}

    def guards(self) -> frozenset[RowVersion | ScheduleVersion]:
        """Everything that was read, less the records that are written themselves."""
        rows = {
            RowVersion(ref, 0 if record is None else record.version)
            for ref, record in self._rows.items()
            if ref not in self._laid
        }
        schedules = {
            ScheduleVersion(resource, read.version) for resource, read in self._calendars.items()
        }
        return frozenset(rows | schedules)
