"""The one write: a changeset that a store applies as a whole or not at all."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import attrs

from medsched.domain.events import Event
from medsched.domain.fields import an_id
from medsched.domain.records import Resource
from medsched.domain.stored import Ref, Stored
from medsched.errors import InvalidChoice


class RowVersion(NamedTuple):
    """A record at a version; version 0: there is no such record."""

    ref: Ref
    version: int


class ScheduleVersion(NamedTuple):
    """The schedule of a resource at a version: the count of its changes, 0 before the first.

    It counts every change of the resource's record, rules, overrides and blockings, and
    never starts again, not even when the record is deleted and made anew.
    """

    resource: Resource
    version: int


@attrs.frozen(kw_only=True)
class Changeset:
    """Everything that one command changes, decided on what it read.

    ``writes``: records as they shall be, each at the version after the one it replaces; one
    at version 1 must not exist yet. ``removals``: records to remove, at the versions they
    have; one that another record would still refer to afterwards cannot be removed.
    ``guards``: what the decision was made on and must be unchanged. ``bumps``: the resources
    whose schedule versions go up by one. ``events`` are kept in this order.
    """

    practice: str = attrs.field(validator=an_id)
    writes: tuple[Stored, ...] = ()
    removals: tuple[RowVersion, ...] = ()
    guards: frozenset[RowVersion | ScheduleVersion] = frozenset()
    bumps: frozenset[Resource] = frozenset()
    events: tuple[Event, ...] = ()

    def __attrs_post_init__(self) -> None:
        changed = Counter([*map(Ref.to, self.writes), *(removal.ref for removal in self.removals)])
        twice = sorted(ref for ref, times in changed.items() if times > 1)
        if twice:
            raise InvalidChoice("writes", twice[0], "one record changes once in a changeset")


@attrs.frozen
class Applied:
    """All of a changeset is stored."""


@attrs.frozen
class Stale:
    """Nothing is stored: the world moved since it was read. Read and decide again."""


Outcome = Applied | Stale
