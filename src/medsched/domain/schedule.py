"""Everything that decides when one provider can be booked, read together."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import attrs

from medsched.domain.availability import AvailabilityRule, Override, OverrideKind, RecurringBlocking
from medsched.domain.people import Provider
from medsched.domain.places import Device, Location, PracticeSettings, Room
from medsched.domain.records import Identified, Resource, ResourceKind
from medsched.domain.release_rules import ReleaseRule
from medsched.domain.slot_overrides import SlotOverride
from medsched.domain.time_blocks import TimeBlock


@attrs.frozen(kw_only=True)
class Calendar:
    """The active rules, overrides, blockings and time blocks of one resource, in order of id.

    ``slots`` are what was changed of a provider's slots, one by one; ``releases`` say what is kept
    back until when, of a provider's time or of all in a practice.
    """

    rules: tuple[AvailabilityRule, ...] = ()
    overrides: tuple[Override, ...] = ()
    blockings: tuple[RecurringBlocking, ...] = ()
    blocks: tuple[TimeBlock, ...] = ()
    slots: tuple[SlotOverride, ...] = ()
    releases: tuple[ReleaseRule, ...] = ()

    @cached_property
    def dated(self) -> tuple[Override, ...]:
        """The overrides, and the extra hours that the time blocks open."""
        return (*self.overrides, *(block.opening for block in self.blocks))

    @cached_property
    def by_kind(self) -> Mapping[OverrideKind, tuple[Override, ...]]:
        """What is dated, of each kind."""
        return {kind: tuple(one for one in self.dated if one.kind is kind) for kind in OverrideKind}

    def __bool__(self) -> bool:
        """Whether it opens or closes anything; what is kept back is neither."""
        return bool(self.rules or self.overrides or self.blockings or self.blocks or self.slots)


NO_CALENDAR = Calendar()


def calendar(
    rules: tuple[AvailabilityRule, ...] = (),
    overrides: tuple[Override, ...] = (),
    blockings: tuple[RecurringBlocking, ...] = (),
    blocks: tuple[TimeBlock, ...] = (),
    slots: tuple[SlotOverride, ...] = (),
    releases: tuple[ReleaseRule, ...] = (),
) -> Calendar:
    """A calendar of what is active among the given, in order of id and not of adding."""
    return Calendar(
        rules=tuple(sorted((one for one in rules if one.active), key=_id)),
        overrides=tuple(sorted((one for one in overrides if one.active), key=_id)),
        blockings=tuple(sorted((one for one in blockings if one.active), key=_id)),
        blocks=tuple(sorted((one for one in blocks if one.active), key=_id)),
        slots=tuple(sorted((one for one in slots if one.active), key=_id)),
        releases=tuple(sorted((one for one in releases if one.active), key=_id)),
    )


def _id(one: Identified) -> str:
    return one.id


@attrs.frozen(kw_only=True)
class Schedule:
    """A provider with all that opens and closes time: a snapshot that decisions are made on.

    ``calendars`` holds those of the provider, the practice, and every location, room and
    device that the provider's hours or the type in question can involve; a resource that
    is missing has none.
    """

    practice: PracticeSettings
    provider: Provider
    calendars: Mapping[Resource, Calendar]
    locations: Mapping[str, Location] = attrs.field(factory=dict)
    rooms: Mapping[str, Room] = attrs.field(factory=dict)
    devices: Mapping[str, Device] = attrs.field(factory=dict)
    inactive: frozenset[Resource] = frozenset()
    """Locations, rooms and devices that take no part in scheduling for now."""
    kept: dict[tuple[int, int], list[object]] = attrs.field(
        init=False, factory=dict, eq=False, repr=False
    )
    """What the engine found out about this snapshot and may ask again; no part of its value."""

    def called(self, resource: Resource) -> str:
        """What to call a resource when speaking with people; a patient is never named."""
        if resource.kind is ResourceKind.PATIENT:
            return "the patient"
        named: Mapping[str, Identified] = {
            ResourceKind.PROVIDER: {self.provider.id: self.provider},
            ResourceKind.LOCATION: self.locations,
            ResourceKind.ROOM: self.rooms,
            ResourceKind.DEVICE: self.devices,
            ResourceKind.PRACTICE: {self.practice.id: self.practice},
        }[resource.kind]
        found = named.get(resource.id)
        return getattr(found, "name", "") or str(resource)

    def calendar(self, resource: Resource) -> Calendar:
        """The calendar of a resource; an empty one if nothing was ever said of it."""
        return self.calendars.get(resource, NO_CALENDAR)
