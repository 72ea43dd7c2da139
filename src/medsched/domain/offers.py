"""What may be booked in some hours, and where."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from datetime import timedelta
from functools import cached_property
from operator import attrgetter

import attrs

from medsched.domain.appointment_types import Pricing
from medsched.domain.fields import (
    Lengths,
    check_id,
    length,
    lengths,
    maybe_id,
    texts,
    type_codes,
    whole,
    words,
)
from medsched.errors import InvalidChoice, InvalidDuration, InvalidHours
from medsched.timeline.weekdays import Weekday

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
        return concerns(self.types, type_code)

    def days_for(self, type_code: str) -> frozenset[Weekday] | None:
        """The weekdays a type is restricted to here, None for no restriction."""
        return dict(self.type_days).get(type_code) if self.type_days else None


_offered = attrgetter(*(field.name for field in attrs.fields(Offer) if field.name != "location"))


def concerns(types: frozenset[str] | None, type_code: str) -> bool:
    """Whether hours, a closure or a blocking that names these types (None: all) is about one."""
    return types is None or type_code in types


def offer_key(source: Offer, main_place: str | None) -> Hashable:
    """What a rule or override offers, its place filled in: equal keys make the same offer."""
    return source.location or main_place, source.offered


def check_windows(offer: Offer, windows: tuple[tuple[int, int], ...]) -> None:
    """Hours must leave something open, and every length stated with them must fit."""
    if not windows:
        raise InvalidHours("hours", (), "no whole minute is open")
    longest = timedelta(minutes=max(end - start for start, end in windows))
    for field, stated in (("slot_duration", offer.slot_duration), *offer.durations):
        if stated is not None and stated > longest:
            raise InvalidDuration(field, stated, f"longer than the longest window, {longest}")
