"""The slots of one type that were changed one by one, as the grid meets them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import attrs

from medsched.domain.schedule import Schedule
from medsched.domain.slot_overrides import SlotOverride

At: TypeAlias = tuple[int, str | None]
"""A start in minutes of the epoch, and a place."""


@attrs.frozen(eq=False)
class ChangedSlots:
    """Which starts of a type are no slots any more, which are besides the grid, and which differ.

    ``gone``: withdrawn, or moved elsewhere. ``placed``: slots whatever the grid says. ``told``:
    slots of the grid with something else to say, such as a price.
    """

    gone: Mapping[At, SlotOverride]
    placed: Mapping[At, SlotOverride]
    told: Mapping[At, SlotOverride]

    def __bool__(self) -> bool:
        """Whether anything was changed."""
        return bool(self.gone or self.placed or self.told)

    def at(self, start: int, place: str | None) -> SlotOverride | None:
        """What a slot that is offered there was changed by."""
        return self.placed.get((start, place)) or self.told.get((start, place))

    def withdrawn(self, start: int, place: str | None) -> SlotOverride | None:
        """What took the slot away that would be there; None if another was put in its place."""
        return None if (start, place) in self.placed else self.gone.get((start, place))

    def of_grid(self, start: int, place: str | None) -> bool:
        """Whether a start that the grid gives is a slot of the grid still, changed or not."""
        return (start, place) not in self.gone and (start, place) not in self.placed


NO_CHANGES = ChangedSlots({}, {}, {})


def changed_slots(schedule: Schedule, type_code: str) -> ChangedSlots:
    """What was changed of the slots of a type, and of those that became it."""
    slots = schedule.calendar(schedule.provider.resource).slots
    if not slots:
        return NO_CHANGES
    gone: dict[At, SlotOverride] = {}
    placed: dict[At, SlotOverride] = {}
    told: dict[At, SlotOverride] = {}
    for one in slots:
        here, there = (one.minute, one.location), (one.offered_at, one.location)
        if one.type == type_code and (one.withdrawn or one.is_moved):
            gone.setdefault(here, one)
        if one.offered_as == type_code and not one.withdrawn:
            (placed if one.is_moved else told).setdefault(there, one)
    found = ChangedSlots(gone=gone, placed=placed, told=told)
    return found or NO_CHANGES
