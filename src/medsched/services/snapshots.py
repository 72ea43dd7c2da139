"""Schedules read once and used again, for as long as nothing they were read from has changed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock
from typing import Final

import attrs

from medsched.domain.appointment_types import AppointmentType
from medsched.domain.changes import RowVersion, ScheduleVersion
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.schedule import Schedule
from medsched.domain.stored import Ref, kind_of
from medsched.engine.free_starts import is_plain
from medsched.errors import NotFound
from medsched.services.context import Context
from medsched.services.rosters import Rosters
from medsched.services.schedules import schedule_in
from medsched.services.view import View

KEPT: Final = 256
"""How many schedules are kept; the one not asked for longest goes first."""


_Key = tuple[str, str, str]
"""(practice, provider, type)."""


@attrs.frozen(eq=False)
class Snapshot:
    """The schedule of a provider with all that a type can involve, and what it was read at.

    ``plain``: the ledger alone tells what is free, see `is_plain`.
    """

    schedule: Schedule
    type: AppointmentType
    versions: Mapping[Resource, int]
    plain: bool

    def guards(self) -> frozenset[RowVersion | ScheduleVersion]:
        """What must be unchanged for a decision on this schedule to stand."""
        return frozenset(
            {
                RowVersion(Ref.to(self.type), self.type.version),
                *(ScheduleVersion(*version) for version in self.versions.items()),
            }
        )


class Snapshots:
    """Schedules by provider and appointment type.

    Every change of a rule, override, blocking, or of a resource's record raises the schedule
    version of that resource in the store. A kept schedule is used only after its versions
    were read again and found the same, so a change made by any process counts at once.
    Threads may share it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[_Key, Snapshot] = OrderedDict()
        self.rosters = Rosters()
        """The same for whoever asks many schedules at once."""

    def of(
        self, context: Context, provider: str, type_code: str, *, fresh: bool = True
    ) -> Snapshot:
        """The schedule of a provider with all that an appointment type can involve, and the type.

        Not ``fresh``: one that is kept, if there is one, as it was when it was last looked at.
        That is good enough to decide on where `Snapshot.guards` have the last word.

        `NotFound` for an unknown provider or type. Inactive ones are read like others: that
        they take no part in scheduling is the engine's to say.
        """
        key = (context.practice, provider, type_code)
        kept = self._find(key)
        if kept is not None and not fresh:
            return kept
        wanted = context.store.get(context.practice, AppointmentType, type_code)
        if wanted is None:
            raise NotFound(kind_of(AppointmentType).value, type_code)
        if kept is not None and kept.type == wanted:
            versions = context.store.schedule_versions(context.practice, list(kept.versions))
            if versions == kept.versions:
                return kept
        view = View(context)
        schedule = schedule_in(view, Resource(ResourceKind.PROVIDER, provider), [wanted])
        plain = is_plain(schedule, wanted, context.zones)
        return self._keep(key, Snapshot(schedule, wanted, view.schedule_versions(), plain))

    def _find(self, key: _Key) -> Snapshot | None:
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
            return kept

    def _keep(self, key: _Key, snapshot: Snapshot) -> Snapshot:
        with self._lock:
            self._kept[key] = snapshot
            self._kept.move_to_end(key)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return snapshot
