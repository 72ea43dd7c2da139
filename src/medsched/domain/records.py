"""What every stored noun has (an id, a version, whether it is active), and what a resource is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property

import attrs

from medsched.domain.fields import Choice, an_id, own_id


@attrs.frozen(kw_only=True)
class Record:
    """A noun that a practice stores.

    ``version`` counts its changes, 0 until it is stored; an update must carry the version
    it was made from. ``created_at`` and ``updated_at`` are aware UTC instants set by the
    store's clock. What is not ``active`` is kept, and takes no part in scheduling.
    """

    active: bool = True
    version: int = 0
    created_at: datetime | None = attrs.field(default=None, eq=False)
    updated_at: datetime | None = attrs.field(default=None, eq=False)


@attrs.frozen(kw_only=True)
class Identified(Record):
    """A record with an opaque id, compared byte by byte; empty until the store gives one."""

    id: str = attrs.field(default="", validator=own_id)


class ResourceKind(Choice):
    """What kinds of things have hours or are taken by an appointment."""

    PRACTICE = "practice"
    PROVIDER = "provider"
    PATIENT = "patient"
    LOCATION = "location"
    ROOM = "room"
    DEVICE = "device"


@attrs.frozen(cache_hash=True)
class Resource:
    """One thing that time is kept for: its kind and its id. Ids are unique within a kind.

    Resources are in order of kind and id: it is the order in which locks are taken, and written
    out here because it is asked for that often.
    """

    kind: ResourceKind = attrs.field(converter=ResourceKind)
    id: str = attrs.field(validator=an_id)

    def __lt__(self, other: Resource) -> bool:
        return (self.kind, self.id) < (other.kind, other.id)

    def __le__(self, other: Resource) -> bool:
        return (self.kind, self.id) <= (other.kind, other.id)

    def __gt__(self, other: Resource) -> bool:
        return (self.kind, self.id) > (other.kind, other.id)

    def __ge__(self, other: Resource) -> bool:
        return (self.kind, self.id) >= (other.kind, other.id)

    def __str__(self) -> str:
        return f"{self.kind.value} {self.id}"


class Resources(tuple[Resource, ...]):
    """Some resources that are asked for again and again: told apart by kind once."""

    @cached_property
    def by_kind(self) -> Mapping[ResourceKind, Mapping[str, Resource]]:
        """The resources of each kind, by id."""
        found: dict[ResourceKind, dict[str, Resource]] = {}
        for one in self:
            found.setdefault(one.kind, {})[one.id] = one
        return found

    @cached_property
    def printable(self) -> bool:
        """Whether all ids are plain words, as they mostly are."""
        return all(one.id.isprintable() for one in self)

    def beside(self, other: Resource) -> Resources:
        """These and another one."""
        both = Resources((*self, other))
        of_kind = {**self.by_kind.get(other.kind, {}), other.id: other}
        both.__dict__["by_kind"] = {**self.by_kind, other.kind: of_kind}
        both.__dict__["printable"] = self.printable and other.id.isprintable()
        return both


def resource(value: Resource | str) -> Resource:
    """A converter: a bare id means a provider's."""
    return value if isinstance(value, Resource) else Resource(ResourceKind.PROVIDER, value)
