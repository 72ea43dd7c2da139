"""Where records are kept: readers, and the one write."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from medsched.domain.changes import Changeset, Outcome
from medsched.domain.records import Resource
from medsched.domain.schedule import Calendar
from medsched.domain.stored import Ref, Stored, StoredT
from medsched.ports.surroundings import Surroundings


class VersionedCalendar(NamedTuple):
    """The calendar of a resource, and the version of its schedule that it was read at."""

    version: int
    calendar: Calendar


class Store(Protocol):
    """Keeps the records of many practices apart, and changes them by `apply` alone.

    Each reader answers from one state, in which every changeset is applied as a whole or
    not at all; two calls may see two states, which is what guards are for. A practice that
    nothing was stored for is empty. Ids are compared byte by byte.
    """

    @property
    def surroundings(self) -> Surroundings:
        """Clock, ids, zones and pauses that go with this store unless others are given."""
        ...

    def get(self, practice: str, cls: type[StoredT], id: str) -> StoredT | None:
        """One record, active or not; None if there is none."""
        ...

    def get_many(self, practice: str, refs: Collection[Ref]) -> Mapping[Ref, Stored]:
        """Those of the named records that exist, active or not, in one round trip."""
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
    ) -> Sequence[StoredT]:
        """The first ``limit`` records of a class after an id, in order of id.

        ``active`` None takes both. ``where`` gives fields and the values they must equal;
        a field that is a set must contain the value.
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

    def referrers(self, practice: str, ref: Ref, *, limit: int = 100) -> Sequence[Ref]:
        """Records that refer to this one (see `references`), in order, at most ``limit``."""
        ...

    def apply(self, changeset: Changeset) -> Outcome:
        """Do all that a changeset says, or nothing.

        `Stale`, and nothing done, if a guard does not hold, a written or removed record is
        not at the version that is replaced, or a removed one would still be referred to.
        Versions are those before the changeset. Of two changesets of which each would make
        the other stale, one is applied, whatever else happens at the same moment.
        """
        ...
