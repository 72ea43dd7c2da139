"""When a resource is open: hours, rules, overrides and recurring blockings."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from functools import cached_property
from operator import attrgetter
from typing import Required, TypedDict, Unpack

import attrs

from medsched.domain.appointment_types import Pricing
from medsched.domain.fields import (
    LONGEST_NOTE,
    Choice,
    Lengths,
    a_date,
    check_id,
    length,
    lengths,
    maybe_date,
    maybe_id,
    not_before,
    text,
    texts,
    type_codes,
    whole,
    words,
    zone_name,
)
from medsched.domain.records import Identified, Resource, resource
from medsched.errors import InvalidChoice, InvalidDuration, InvalidHours, InvalidRecurrence
from medsched.timeline.instants import DAY, day_of
from medsched.timeline.intervals import overlapping, subtract, union
from medsched.timeline.recurrence import Recurrence
from medsched.timeline.resolve import Disambiguation
from medsched.timeline.weekdays import Weekday

_MIDNIGHT = timedelta(days=1)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d{1,6})?))?", re.ASCII)
_HOURS = re.compile(r"\s*([\d:.]+)\s*(?:-|–|to)\s*([\d:.]+)\s*(overnight)?\s*", re.ASCII)


# ----------------------------------------------------------------------- hours


def _wall(given: time | timedelta | str) -> timedelta:
    """Time of day as time since the wall's midnight; ``24:00`` is the day's end."""
    value = given
    if isinstance(value, str):
        found = _CLOCK.fullmatch(value)
        if not found:
            raise InvalidHours("hours", given, "a time of day is written HH:MM")
        hour, minute, second = int(found[1]), int(found[2]), Decimal(found[3] or 0)
        if minute > 59 or second >= 60:
            raise InvalidHours("hours", given, "not a time of day")
        microseconds = int(second * 1_000_000)
        value = timedelta(hours=hour, minutes=minute, microseconds=microseconds)
    elif isinstance(value, time):
        if value.tzinfo is not None:
            raise InvalidHours("hours", given, "wall time has no zone; the rule states it")
        value = timedelta(
            hours=value.hour,
            minutes=value.minute,
            seconds=value.second,
            microseconds=value.microsecond,
        )
    if not isinstance(value, timedelta) or not timedelta(0) <= value <= _MIDNIGHT:
        raise InvalidHours("hours", given, "not a time of day from 00:00 to 24:00")
    return value


@attrs.frozen
class Hours:
    """A stretch of one day on the wall: from ``start`` until before ``end``.

    Both are given as ``"HH:MM"`` or `datetime.time` and kept as time since the wall's
    midnight. ``24:00`` is a legal end and no start. A stretch past midnight says
    ``overnight=True`` and then ends at or before its start, on the next date: at most 24
    wall hours. Seconds are allowed; they round inward where the time is open, outward
    where it is a break or a closure.
    """

    start: timedelta = attrs.field(converter=_wall)
    end: timedelta = attrs.field(converter=_wall)
    overnight: bool = attrs.field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.start >= _MIDNIGHT:
            raise InvalidHours("start", str(self), "24:00 is an end, not a start")
        if self.overnight and self.end > self.start:
            why = "overnight hours end on the next date, at or before the time they start"
            raise InvalidHours("end", str(self), why)
        if not self.overnight and self.end <= self.start:
            why = "the end is not after the start; hours past midnight say overnight"
            raise InvalidHours("end", str(self), why)

    def __str__(self) -> str:
        both = f"{_clock(self.start)}-{_clock(self.end)}"
        return f"{both} overnight" if self.overnight else both

    @classmethod
    def parse(cls, value: Hours | str) -> Hours:
        """Hours from ``"09:00-17:00"`` or ``"22:00-06:00 overnight"``; `InvalidHours` otherwise."""
        if isinstance(value, Hours):
            return value
        found = _HOURS.fullmatch(value) if isinstance(value, str) else None
        if not found:
            raise InvalidHours("hours", value, "hours are written HH:MM-HH:MM")
        return cls(found[1], found[2], overnight=bool(found[3]))

    def open_minutes(self) -> tuple[int, int]:
        """Whole minutes from the wall's midnight, rounded inward; the end may pass 1440."""
        start, end = -(-self.start // timedelta(minutes=1)), self.end // timedelta(minutes=1)
        return start, end + DAY if self.overnight else end

    def busy_minutes(self) -> tuple[int, int]:
        """Whole minutes from the wall's midnight, rounded outward; the end may pass 1440."""
        start, end = self.start // timedelta(minutes=1), -(-self.end // timedelta(minutes=1))
        return start, end + DAY if self.overnight else end


def _clock(wall: timedelta) -> str:
    minutes, rest = divmod(wall, timedelta(minutes=1))
    shown = f"{minutes // 60:02d}:{minutes % 60:02d}"
    if not rest:
        return shown
    fraction = f".{rest.microseconds:06d}" if rest.microseconds else ""
    return f"{shown}:{rest.seconds:02d}{fraction}"


def _stretches(value: Iterable[Hours | str] | Hours | str) -> tuple[Hours, ...]:
    given = [value] if isinstance(value, Hours | str) else value
    return tuple(sorted((Hours.parse(one) for one in given), key=lambda hours: hours.start))


def day_windows(hours: Iterable[Hours], breaks: Iterable[Hours]) -> tuple[tuple[int, int], ...]:
    """The windows of a day on the wall: hours with the breaks cut out, sorted, touching ones one.

    Minutes from the wall's midnight of the date the hours hang on. A break that meets no
    window where it is written is meant after midnight, in an overnight one. Raises
    `InvalidHours` for hours that overlap and for a break outside every window.
    """
    opened = sorted(one.open_minutes() for one in hours)
    windows: list[tuple[int, int]] = []
    for start, end in opened:
        if windows and start < windows[-1][1]:
            raise InvalidHours("hours", _shown(start, end), "overlaps the hours before it")
        if windows and start == windows[-1][1]:
            windows[-1] = (windows[-1][0], end)
        elif start < end:
            windows.append((start, end))
    cut: list[tuple[int, int]] = []
    for one in breaks:
        low, high = one.busy_minutes()
        shift = next(
            (by for by in (0, DAY) if overlapping(windows, low + by, high + by)),
            None,
        )
        if shift is None:
            raise InvalidHours("breaks", str(one), "lies outside every window")
        cut.append((low + shift, high + shift))
    return tuple(subtract(windows, union(cut)))


def day_breaks(hours: Iterable[Hours], windows: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The stretches on the wall that lie in some hours and not in their windows: the breaks."""
    return subtract(union(one.open_minutes() for one in hours), sorted(windows))


def _shown(start: int, end: int) -> str:
    return "-".join(f"{m // 60 % 24 if m != DAY else 24:02d}:{m % 60:02d}" for m in (start, end))


# ----------------------------------------------------------------------- offers


DaysByType = tuple[tuple[str, frozenset[Weekday]], ...]


def _days_by_type(
    value: Mapping[str, Iterable[Weekday | str] | str]
    | Iterable[tuple[str, Iterable[Weekday | str] | str]],
) -> DaysByType:
    pairs = dict(value.items() if isinstance(value, Mapping) else value)
    found = {}
    for code, days in pairs.items():
        check_id(code, "type_days")
        found[code] = Weekday.parse_set(days)
        if not found[code]:
            raise InvalidChoice("type_days", code, "names no day")
    return tuple(sorted(found.items(), key=lambda pair: pair[0]))


@attrs.frozen(kw_only=True, slots=False)
class Offer:
    """What may be booked in a window, and where.

    ``location`` None is the provider's main place. ``room`` is the room the hours are held
    in. ``types`` are the appointment types offered, None for all; ``type_days`` restricts
    some of them to weekdays of the local date of the start. ``slot_duration`` is the length
    of every slot, ``durations`` that of some types; both come before the provider's own and
    the type's. ``break_duration`` is kept between slots; ``step``, when given, is the whole
    distance from one start to the next instead of length plus break. ``capacity`` bounds the
    seats of group sessions.
    """

    location: str | None = attrs.field(default=None, validator=maybe_id)
    room: str | None = attrs.field(default=None, validator=maybe_id)
    types: frozenset[str] | None = attrs.field(default=None, converter=type_codes)
    type_days: DaysByType = attrs.field(default=(), converter=_days_by_type)
    slot_duration: timedelta | None = attrs.field(default=None, validator=length())
    durations: Lengths = attrs.field(default=(), converter=lengths)
    break_duration: timedelta = attrs.field(
        default=timedelta(0), validator=length(least=0, needed=True)
    )
    step: timedelta | None = attrs.field(default=None, validator=length())
    capacity: int | None = attrs.field(default=None, validator=whole(1, 10_000))
    pricing: Pricing | None = None
    special_requirements: frozenset[str] = attrs.field(
        factory=frozenset, converter=texts, validator=words
    )

    @cached_property
    def offered(self) -> Hashable:
        """All that is offered here but the place, as one value to compare."""
        return _offered(self)

    def stated_duration(self, type_code: str) -> timedelta | None:
        """The slot length stated here for an appointment type, if any."""
        if not self.durations:
            return self.slot_duration
        return dict(self.durations).get(type_code, self.slot_duration)

    def offers(self, type_code: str) -> bool:
        """Whether a type may be booked here, on some day at least."""
        return self.types is None or type_code in self.types

    def days_for(self, type_code: str) -> frozenset[Weekday] | None:
        """The weekdays a type is restricted to here, None for no restriction."""
        return dict(self.type_days).get(type_code)


_offered = attrgetter(*(field.name for field in attrs.fields(Offer) if field.name != "location"))


def offer_key(source: Offer, main_place: str | None) -> Hashable:
    """What a rule or override offers, its place filled in: equal keys make the same offer."""
    return source.location or main_place, source.offered


def _check_windows(offer: Offer, windows: tuple[tuple[int, int], ...]) -> None:
    """Hours must leave something open, and every length stated with them must fit."""
    if not windows:
        raise InvalidHours("hours", (), "no whole minute is open")
    longest = timedelta(minutes=max(end - start for start, end in windows))
    for field, stated in (("slot_duration", offer.slot_duration), *offer.durations):
        if stated is not None and stated > longest:
            raise InvalidDuration(field, stated, f"longer than the longest window, {longest}")


# ------------------------------------------------------------------------ rules


def _a_recurrence(instance: object, attribute: object, value: Recurrence) -> None:
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
    that make the same offer. ``notes`` hold up to 500 characters.
    """

    resource: Resource = attrs.field(converter=resource)
    recurrence: Recurrence = attrs.field(validator=_a_recurrence)
    hours: tuple[Hours, ...] = attrs.field(converter=_stretches, kw_only=True)
    breaks: tuple[Hours, ...] = attrs.field(default=(), converter=_stretches, kw_only=True)
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
    windows: tuple[tuple[int, int], ...] = attrs.field(init=False, eq=False, repr=False)
    """The windows of one date on the wall, in minutes from its midnight."""

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "windows", day_windows(self.hours, self.breaks))
        _check_windows(self, self.windows)


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
    hours: tuple[Hours, ...] = attrs.field(default=(), converter=_stretches, kw_only=True)
    breaks: tuple[Hours, ...] = attrs.field(default=(), converter=_stretches, kw_only=True)
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
            _check_windows(self, windows)
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
    recurrence: Recurrence = attrs.field(validator=_a_recurrence)
    hours: tuple[Hours, ...] = attrs.field(converter=_stretches, kw_only=True)
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
