"""Time blocks: hours that are published one by one, each for exactly one appointment."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import date, timedelta
from functools import cached_property

import attrs

from medsched.domain.appointment_types import Pricing
from medsched.domain.availability import Override, OverrideKind
from medsched.domain.fields import (
    LONGEST_NOTE,
    a_date,
    maybe_id,
    text,
    texts,
    type_codes,
    words,
    zone_name,
)
from medsched.domain.hours import Hours, day_windows
from medsched.domain.records import Identified, Resource, ResourceKind, resource
from medsched.errors import InvalidChoice, InvalidHours
from medsched.timeline.resolve import Disambiguation

FIXED = ("resource", "date", "hours", "timezone", "second_showing", "location", "room")
"""The fields that say when and where a block is: they stay what they were published as."""

_SHOWINGS = {
    None: Disambiguation.REJECT,
    False: Disambiguation.EARLIER,
    True: Disambiguation.LATER,
}


def _stretch(value: Hours | str) -> Hours:
    return Hours.parse(value)


@attrs.frozen(slots=False)
class BlockHours(Override):
    """The extra hours that a time block opens: one slot, as long as they are.

    No other hours make its offer, so what they overlap contradicts them, and none join them.
    """

    @cached_property
    def offered(self) -> Hashable:
        """All that is offered here but the place, and by which block."""
        return self.id, super().offered


@attrs.frozen
class TimeBlock(Identified):
    """A stretch of a provider's time that is published for exactly one appointment.

    ``resource`` is a provider's id. ``hours`` are on the wall of the local ``date``, in
    ``timezone``: that of the location or provider then, unless given, and stated from when it
    is stored. ``second_showing`` says which one is meant where the clock shows an edge twice, for
    both edges. ``location`` None is the provider's main place. ``types`` are the appointment types
    that it may be booked for, None for all: whichever it is, the appointment is as long as the
    block. ``notes`` hold up to 500 characters.

    `InvalidHours` for hours without a whole minute, `InvalidChoice` for what is no provider.
    """

    resource: Resource = attrs.field(converter=resource)
    date: date = attrs.field(validator=a_date)
    hours: Hours = attrs.field(converter=_stretch)
    timezone: str | None = attrs.field(default=None, validator=zone_name, kw_only=True)
    second_showing: bool | None = attrs.field(default=None, kw_only=True)
    location: str | None = attrs.field(default=None, validator=maybe_id, kw_only=True)
    room: str | None = attrs.field(default=None, validator=maybe_id, kw_only=True)
    types: frozenset[str] | None = attrs.field(default=None, converter=type_codes, kw_only=True)
    pricing: Pricing | None = attrs.field(default=None, kw_only=True)
    special_requirements: frozenset[str] = attrs.field(
        factory=frozenset, converter=texts, validator=words, kw_only=True
    )
    notes: str = attrs.field(default="", validator=text(LONGEST_NOTE), kw_only=True)

    @resource.validator
    def _a_provider(self, attribute: object, value: Resource) -> None:
        if value.kind is not ResourceKind.PROVIDER:
            raise InvalidChoice("resource", str(value), "a time block is a provider's")

    @second_showing.validator
    def _a_showing(self, attribute: object, value: object) -> None:
        if value is not None and not isinstance(value, bool):
            raise InvalidChoice("second_showing", value, "True, False, or None for not said")

    def __attrs_post_init__(self) -> None:
        if not day_windows([self.hours], ()):
            raise InvalidHours("hours", str(self.hours), "no whole minute is open")

    @property
    def provider(self) -> str:
        """The provider's id."""
        return self.resource.id

    @cached_property
    def opening(self) -> BlockHours:
        """The block as extra hours, the layer that it lies in."""
        low, high = self.hours.open_minutes()
        return BlockHours(
            self.resource,
            OverrideKind.EXTRA,
            id=self.id,
            active=self.active,
            first=self.date,
            last=self.date,
            hours=self.hours,
            timezone=self.timezone,
            disambiguation=_SHOWINGS[self.second_showing],
            location=self.location,
            room=self.room,
            types=self.types,
            slot_duration=timedelta(minutes=high - low),
            capacity=1,
            pricing=self.pricing,
            special_requirements=self.special_requirements,
        )
