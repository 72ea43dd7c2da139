"""When a resource is open: rules, overrides and recurring blockings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Required, TypedDict, Unpack

import attrs

from medsched.domain.appointment_types import Pricing
from medsched.domain.fields import (
    LONGEST_NOTE,
    Choice,
    a_date,
    maybe_date,
    not_before,
    text,
    type_codes,
    whole,
    zone_name,
)
from medsched.domain.hours import Hours, day_windows, stretches
from medsched.domain.offers import Offer, check_windows
from medsched.domain.records import Identified, Resource, resource
from medsched.errors import InvalidChoice, InvalidHours, InvalidRecurrence
from medsched.timeline.instants import day_of
from medsched.timeline.recurrence import Recurrence
from medsched.timeline.resolve import Disambiguation
from medsched.timeline.weekdays import Weekday


def a_recurrence(instance: object, attribute: object, value: Recurrence) -> None:
    """Validate that it is said which dates are meant."""
    if not isinstance(value, Recurrence):
        raise InvalidRecurrence("recurrence", value, "a Recurrence is needed")


@attrs.frozen
class AvailabilityRule(Identified, Offer):
    """Recurring local-time hours of a resource, and what may be booked in them.

    ``resource`` is a provider's id, or the `Resource` of a room, device, location or
    practice (whose rules are opening hours). ``recurrence`` gives local dates; each date
    opens the ``hours`` less the ``breaks``, on the wall of ``timezone`` (else of the stated
    location, the provider's travel zone on that date, the provider, the main place, the
    practice). ``valid_from`` and ``valid_to`` filter dates, both inclusive, and set no
    phase. ``disambiguation`` resolves every edge. ``merge`` lets the rule overlap others
    that make the same offer. ``notes`` hold up to 500 characters, and so does the ``reason``
    that it was ended for.
    """

    resource: Resource = attrs.field(converter=resource)
    recurrence: Recurrence = attrs.field(validator=a_recurrence)
    hours: tuple[Hours, ...] = attrs.field(converter=stretches, kw_only=True)
    breaks: tuple[Hours, ...] = attrs.field(default=(), converter=stretches, kw_only=True)
    timezone: str | None = attrs.field(default=None, validator=zone_name, kw_only=True)
    disambiguation: Disambiguation = attrs.field(
        default=Disambiguation.COMPATIBLE, converter=Disambiguation, kw_only=True
    )
    valid_from: date | None = attrs.field(default=None, validator=maybe_date, kw_only=True)
    valid_to: date | None = attrs.field(
        default=None, validator=[maybe_date, not_before("valid_from")], kw_only=True
    )
    merge: bool = attrs.field(default=False, kw_only=True)
    notes: str = attrs.field(default="", validator=text(LONGEST_NOTE), kw_only=True)
    reason: str = attrs.field(default="", validator=text(LONGEST_NOTE), kw_only=True)
    windows: tuple[tuple[int, int], ...] = attrs.field(init=False, eq=False, repr=False)
    """The windows of one date on the wall, in minutes from its midnight."""

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "windows", day_windows(self.hours, self.breaks))
        check_windows(self, self.windows)


class OverrideKind(Choice):
    """What a dated exception does."""

    CLOSED = "closed"
    EXTRA = "extra"
    REPLACED = "replaced"


class OverrideOptions(TypedDict, total=False):
    """What may be said of any override: fields of `Override`."""

    id: str
    active: bool
    location: str | None
    types: Iterable[str] | str | None
    timezone: str | None
    disambiguation: Disambiguation | str
    priority: int
    reason: str


class ClosureOptions(OverrideOptions, total=False):
    """What may be said of a closure."""

    hours: Iterable[Hours | str] | Hours | str
    whole_shifts: bool


class HoursOptions(OverrideOptions, total=False):
    """What may be said of extra hours: their hours, and what they offer."""

    hours: Required[Iterable[Hours | str] | Hours | str]
    breaks: Iterable[Hours | str] | Hours | str
    room: str | None
    type_days: Mapping[str, Iterable[Weekday | str] | str]
    slot_duration: timedelta | None
    durations: Mapping[str, timedelta]
    break_duration: timedelta
    step: timedelta | None
    capacity: int | None
    pricing: Pricing | None
    special_requirements: Iterable[str] | str


class ReplacementOptions(HoursOptions, total=False):
    """What may be said of replaced hours."""

    whole_shifts: bool


@attrs.frozen
class Override(Identified, Offer):
    """A dated exception to the rules of a resource: make one with the class methods.

    It applies to each local date from ``first`` to ``last``, both inclusive. A closure
    without ``hours`` closes whole dates; its ``types`` are those closed and its ``location``
    the place it is about (None: all). For extra and replaced hours ``types``, ``location``
    and the rest say what is offered. Among overrides of one kind the higher ``priority``
    wins. ``whole_shifts`` makes a whole-date override act on the windows that hang on its
    dates instead of on the instants of those dates.
    """

    resource: Resource = attrs.field(converter=resource)
    kind: OverrideKind = attrs.field(converter=OverrideKind)
    first: date = attrs.field(validator=a_date, kw_only=True)
    last: date = attrs.field(validator=[a_date, not_before("first")], kw_only=True)
    hours: tuple[Hours, ...] = attrs.field(default=(), converter=stretches, kw_only=True)
    breaks: tuple[Hours, ...] = attrs.field(default=(), converter=stretches, kw_only=True)
    timezone: str | None = attrs.field(default=None, validator=zone_name, kw_only=True)
    disambiguation: Disambiguation = attrs.field(
        default=Disambiguation.COMPATIBLE, converter=Disambiguation, kw_only=True
    )
    priority: int = attrs.field(default=0, validator=whole(-1000, 1000), kw_only=True)
    whole_shifts: bool = attrs.field(default=False, kw_only=True)
    reason: str = attrs.field(default="", validator=text(LONGEST_NOTE), kw_only=True)
    windows: tuple[tuple[int, int], ...] = attrs.field(init=False, eq=False, repr=False)
    """The stretches of one date on the wall that it opens or closes; empty for whole dates."""
    days: range = attrs.field(init=False, eq=False, repr=False)
    """Its dates, as days since 1970-01-01."""

    def __attrs_post_init__(self) -> None:
        if self.kind is OverrideKind.CLOSED:
            if self.breaks:
                raise InvalidHours("breaks", str(self.breaks[0]), "a closure has no breaks")
            if self.hours and self.whole_shifts:
                raise InvalidHours("hours", str(self.hours[0]), "whole_shifts closes whole dates")
            windows = tuple(one.busy_minutes() for one in self.hours)
        else:
            if self.kind is OverrideKind.EXTRA and self.whole_shifts:
                raise InvalidChoice("whole_shifts", True, "extra hours close nothing")
            windows = day_windows(self.hours, self.breaks)
            check_windows(self, windows)
        object.__setattr__(self, "windows", windows)
        object.__setattr__(self, "days", range(day_of(self.first), day_of(self.last) + 1))

    @classmethod
    def closed(
        cls,
        resource: Resource | str,
        first: date,
        last: date | None = None,
        **options: Unpack[ClosureOptions],
    ) -> Override:
        """Closed on these dates, or in ``hours`` of them, for all types or some ``types``."""
        return cls(resource, OverrideKind.CLOSED, first=first, last=last or first, **options)

    @classmethod
    def time_off(
        cls,
        resource: Resource | str,
        first: date,
        last: date,
        **options: Unpack[ClosureOptions],
    ) -> Override:
        """Away from the first date to the last: a closure of several dates by another name."""
        return cls.closed(resource, first, last, **options)

    @classmethod
    def extra(
        cls,
        resource: Resource | str,
        first: date,
        last: date | None = None,
        **options: Unpack[HoursOptions],
    ) -> Override:
        """Open in ``hours`` of these dates as well, even on a holiday."""
        return cls(resource, OverrideKind.EXTRA, first=first, last=last or first, **options)

    @classmethod
    def replaced(
        cls,
        resource: Resource | str,
        first: date,
        last: date | None = None,
        **options: Unpack[ReplacementOptions],
    ) -> Override:
        """Open in ``hours`` of these dates and not otherwise."""
        return cls(resource, OverrideKind.REPLACED, first=first, last=last or first, **options)


@attrs.frozen
class RecurringBlocking(Identified):
    """Time that recurs and is kept from patients: a staff meeting, maintenance.

    A layer that only closes, for all ``types`` or some. It may be a provider's, a
    practice's, a location's, a room's or a device's.
    """

    resource: Resource = attrs.field(converter=resource)
    recurrence: Recurrence = attrs.field(validator=a_recurrence)
    hours: tuple[Hours, ...] = attrs.field(converter=stretches, kw_only=True)
    types: frozenset[str] | None = attrs.field(default=None, converter=type_codes, kw_only=True)
    timezone: str | None = attrs.field(default=None, validator=zone_name, kw_only=True)
    disambiguation: Disambiguation = attrs.field(
        default=Disambiguation.COMPATIBLE, converter=Disambiguation, kw_only=True
    )
    valid_from: date | None = attrs.field(default=None, validator=maybe_date, kw_only=True)
    valid_to: date | None = attrs.field(
        default=None, validator=[maybe_date, not_before("valid_from")], kw_only=True
    )
    reason: str = attrs.field(default="", validator=text(LONGEST_NOTE), kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not self.hours:
            raise InvalidHours("hours", (), "a blocking needs hours")

    @property
    def windows(self) -> tuple[tuple[int, int], ...]:
        """The stretches of one date on the wall that it closes."""
        return tuple(one.busy_minutes() for one in self.hours)
