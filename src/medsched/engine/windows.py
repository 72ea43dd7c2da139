"""From rules and overrides to windows: dates, zones and wall times made into minutes.

A *piece* is a stretch of open minutes: (start, end, head, day, opening). The head is the
window it is a part of, or the first of those that touch on one date; the start grid counts
from its start, whatever was cut from it, and two windows never have one head because a cut
made them touch. The day is the local date the window hangs on; the opening says who opened
it, with what offer.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Final

import attrs

from medsched.domain.availability import AvailabilityRule, Override, RecurringBlocking
from medsched.domain.explanations import Layer
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.release_rules import ReleaseRule
from medsched.domain.schedule import Schedule
from medsched.errors import MissingZone
from medsched.timeline.instants import DAY, FIRST_DAY, LAST_DAY, date_of, day_of
from medsched.timeline.intervals import Interval, are_apart
from medsched.timeline.resolve import REACH, Disambiguation, date_span, is_plain, resolve
from medsched.timeline.zones import Zone, ZoneSource

Source = AvailabilityRule | Override | RecurringBlocking | ReleaseRule
Window = tuple[int, int, int]
"""(start, end, day): the instants of a window, and the local date it hangs on."""

_LATEST: Final = 2 * DAY
"""No window ends more minutes after the midnight of its date: at most a day, and overnight."""
_WHOLE_DATE: Final = ((0, DAY),)
_WITHOUT_PLACE: Final = (RecurringBlocking, ReleaseRule)
_start = itemgetter(0)
_end = itemgetter(1)


@attrs.frozen(eq=False)
class Opening:
    """What one rule or override opens in one zone. Equal ``offer`` numbers offer the same."""

    source: AvailabilityRule | Override | None
    """None: the resource has no rules and is always open."""
    layer: Layer
    zone: Zone
    offer: int
    location: str | None


Piece = tuple[int, int, Window, int, Opening]


@attrs.frozen(eq=False, slots=False)
class Frame:
    """A schedule looked at between two instants, with room for windows begun before."""

    schedule: Schedule
    zones: ZoneSource
    low: int
    high: int
    _zones: dict[Resource, Zone] = attrs.field(init=False, factory=dict)

    @cached_property
    def days(self) -> Interval:
        """The local dates whose windows can reach into the frame: [first, beyond).

        A window lasts at most a day, a clock change adds or skips at most another, and a
        zone lies within a day of UTC.
        """
        low, high = self.low // DAY - 3, self.high // DAY + 3
        return max(low, FIRST_DAY), min(high, LAST_DAY + 1)

    def zone_of(self, resource: Resource) -> Zone:
        """The zone a resource keeps when nothing nearer states one."""
        found = self._zones.get(resource)
        if found is None:
            found = self._zones[resource] = self._find_zone_of(resource)
        return found

    def _find_zone_of(self, resource: Resource) -> Zone:
        schedule = self.schedule
        location: str | None = None
        if resource.kind is ResourceKind.PROVIDER:
            if schedule.provider.timezone is not None:
                return self.zones.zone(schedule.provider.timezone)
            location = schedule.provider.location
        elif resource.kind is ResourceKind.LOCATION:
            location = resource.id
        elif resource.kind is ResourceKind.ROOM and resource.id in schedule.rooms:
            location = schedule.rooms[resource.id].location
        elif resource.kind is ResourceKind.DEVICE and resource.id in schedule.devices:
            location = schedule.devices[resource.id].location
        return self._zone_at(location) or self._practice_zone(resource)

    def _zone_at(self, location: str | None) -> Zone | None:
        place = self.schedule.locations.get(location) if location is not None else None
        return self.zones.zone(place.timezone) if place and place.timezone is not None else None

    def _practice_zone(self, resource: Resource) -> Zone:
        timezone = self.schedule.practice.timezone
        if timezone is None:
            why = f"neither {resource} nor its place nor the practice states a time zone"
            raise MissingZone("timezone", None, why)
        return self.zones.zone(timezone)

    @cached_property
    def home(self) -> Zone:
        """The provider's zone while they do not travel."""
        return self.zone_of(self.schedule.provider.resource)

    def zone_on(self, day: int, location: str | None = None) -> Zone:
        """The zone that the provider is in on a date, counted from 1970-01-01.

        At a location that states a zone it is that one, wherever they travel.
        """
        bound = self._zone_at(location)
        if bound is not None:
            return bound
        away = self.schedule.provider.travel_zone(date_of(day))
        return self.home if away is None else self.zones.zone(away)

    def home_zone(self, source: Source) -> Zone:
        """The zone of a rule or override while nobody travels."""
        return self._bound_zone(source) or self.zone_of(source.resource)

    def _bound_zone(self, source: Source) -> Zone | None:
        """The zone that is kept wherever anybody travels: the source's own, or its place's."""
        if source.timezone is not None:
            return self.zones.zone(source.timezone)
        if isinstance(source, _WITHOUT_PLACE) or source.location is None:
            return None
        return self._zone_at(source.location)

    def by_zone(self, source: Source, days: Sequence[int]) -> list[tuple[Zone, Sequence[int]]]:
        """The sorted dates of a rule or override, split by the zone in force on each."""
        bound = self._bound_zone(source)
        if bound is not None:
            return [(bound, days)]
        home = self.zone_of(source.resource)
        provider = self.schedule.provider
        if not provider.travels or source.resource != provider.resource:
            return [(home, days)]
        parts: list[tuple[Zone, Sequence[int]]] = []
        at = 0
        for travel in provider.travels:
            away = bisect_left(days, day_of(travel.first), at)
            back = bisect_left(days, day_of(travel.last) + 1, away)
            parts += [(home, days[at:away]), (self.zones.zone(travel.timezone), days[away:back])]
            at = back
        parts.append((home, days[at:]))
        return [(zone, some) for zone, some in parts if some]


def dates_of(source: Source, low: int, high: int) -> Sequence[int]:
    """The sorted local dates in [low, high) that a rule or override hangs its windows on."""
    if isinstance(source, Override):
        days = source.days
        if low <= days.start and days.stop <= high:
            return days
        return range(max(low, days.start), min(high, days.stop))
    if source.valid_from is not None:
        low = max(low, day_of(source.valid_from))
    if source.valid_to is not None:
        high = min(high, day_of(source.valid_to) + 1)
    return source.recurrence.days(low, high) if low < high else []


def resolved(
    zone: Zone, policy: Disambiguation, windows: Sequence[Interval], days: Sequence[int]
) -> list[Window]:
    """The wall windows of some dates as instants, sorted by date and wall.

    Dates that no change of offset touches are plain arithmetic; near one every edge is
    resolved by the policy. A date that does not exist opens nothing; a window that is
    empty or inverted, or has a rejected edge, is dropped.
    """
    if not days or not windows:
        return []
    low, high = days[0] * DAY - REACH, days[-1] * DAY + _LATEST + REACH
    offset = zone.steady(low, high)
    if offset is not None:
        return _shifted(offset, windows, days)
    longest = max(map(_end, windows))
    found: list[Window] = []
    at, offset = 0, zone.offset_at(low)
    for minute, before, after in zone.changes(low, high):
        # On the wall the change happens between these two; windows that end before the
        # first or begin after the second do not know of it.
        wall, beyond = minute + min(before, after), minute + max(before, after)
        near = bisect_left(days, -(-(wall - longest) // DAY), at)
        past = bisect_right(days, beyond // DAY, near)
        found += _shifted(before, windows, days[at:near])
        for day in days[near:past]:
            found += _near_a_change(zone, policy, windows, day)
        at, offset = past, after
    return found + _shifted(offset, windows, days[at:])


def _shifted(offset: int, windows: Sequence[Interval], days: Sequence[int]) -> list[Window]:
    return [
        (midnight + start, midnight + end, day)
        for day in days
        for midnight in (day * DAY - offset,)
        for start, end in windows
    ]


def _near_a_change(
    zone: Zone, policy: Disambiguation, windows: Sequence[Interval], day: int
) -> Iterable[Window]:
    low, high = date_span(zone, day)
    if low == high:
        return
    for start, end in windows:
        edges = (day * DAY + start, day * DAY + end)
        if policy is Disambiguation.REJECT and not all(is_plain(zone, edge) for edge in edges):
            continue
        opened, closed = (resolve(zone, edge, policy) for edge in edges)
        if opened < closed:
            yield opened, closed, day


def windows_in(frame: Frame, source: Source) -> list[tuple[Zone, list[Window]]]:
    """The resolved windows of a rule, override or blocking around a frame, by zone in force.

    A closure of whole dates gives one window a date: [its 00:00, the next date's 00:00).
    """
    windows = source.windows
    if not windows:
        return whole_dates_in(frame, source)
    return [
        (zone, resolved(zone, source.disambiguation, windows, days))
        for zone, days in frame.by_zone(source, dates_of(source, *frame.days))
    ]


def whole_dates_in(frame: Frame, source: Source) -> list[tuple[Zone, list[Window]]]:
    """The dates of a rule, override or blocking as instants, skipped dates left out."""
    return [
        (zone, resolved(zone, Disambiguation.COMPATIBLE, _WHOLE_DATE, days))
        for zone, days in frame.by_zone(source, dates_of(source, *frame.days))
    ]


def all_windows_in(frame: Frame, source: Source, *, whole_dates: bool = False) -> list[Window]:
    """What `windows_in` gives, or `whole_dates_in`, of all zones together: as closing needs it."""
    windows, policy = source.windows, source.disambiguation
    if whole_dates or not windows:
        windows, policy = _WHOLE_DATE, Disambiguation.COMPATIBLE
    found: list[Window] = []
    for zone, days in frame.by_zone(source, dates_of(source, *frame.days)):
        found += resolved(zone, policy, windows, days)
    return found


def pieces_of(opening: Opening, windows: Iterable[Window]) -> list[Piece]:
    """Windows of one source as pieces, each with a head of its own: see `headed`."""
    return [(window[0], window[1], window, window[2], opening) for window in windows]


def headed(pieces: Sequence[Piece]) -> Sequence[Piece]:
    """The pieces of one source's windows; those of one date that touch share the first as head."""
    if are_apart(pieces):
        return pieces
    # Not only neighbours touch: a clock change may put windows in another order.
    before = {(head[2], head[1]): head for _, _, head, _, _ in pieces}
    return [
        (start, end, _head(head, before), day, opening) for start, end, head, day, opening in pieces
    ]


def _head(window: Window, before: Mapping[tuple[int, int], Window]) -> Window:
    """The first of the windows that touch; ``before`` has them by date and end."""
    while (earlier := before.get((window[2], window[0]))) is not None:
        window = earlier
    return window
