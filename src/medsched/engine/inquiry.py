"""A request together with everything it is decided on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from medsched.domain.appointment_types import AppointmentType, Need
from medsched.domain.availability import Offer
from medsched.domain.claims import Claim
from medsched.domain.fields import minutes
from medsched.domain.people import Provider
from medsched.domain.records import Resource
from medsched.domain.requests import Request
from medsched.domain.schedule import Schedule
from medsched.engine.windows import Frame
from medsched.timeline.instants import DAY, FIRST_MINUTE, LAST_MINUTE, date_of, minute_of
from medsched.timeline.intervals import Interval
from medsched.timeline.resolve import date_span
from medsched.timeline.zones import Zone, ZoneSource


@attrs.frozen(eq=False)
class Inquiry:
    """A request, the schedule it is made of, and the claims on each resource it involves."""

    schedule: Schedule
    request: Request
    zones: ZoneSource
    claims: Mapping[Resource, Sequence[Claim]] = attrs.field(factory=dict)

    @property
    def type(self) -> AppointmentType:
        """The appointment type asked for."""
        return self.request.type

    @property
    def provider(self) -> Provider:
        """The provider asked for."""
        return self.schedule.provider

    def length_under(self, offer: Offer | None) -> int:
        """Minutes of a slot: what the hours state, else the provider's own, else the type's."""
        code = self.type.code
        stated = offer.stated_duration(code) if offer is not None else None
        return minutes(stated or self.provider.own_duration(code) or self.type.duration)

    def longest_claim(self) -> int:
        """The most minutes that a slot and its buffers can reach from their start."""
        own = self.schedule.calendar(self.provider.resource)
        longest = self.length_under(None)
        sources: tuple[Offer, ...] = (*own.rules, *own.overrides)
        for source in sources:
            if source.slot_duration is not None or source.durations:
                longest = max(longest, self.length_under(source))
        pads: list[AppointmentType | Need] = [self.type, *self.type.needs]
        return longest + max(minutes(max(p.buffer_before, p.buffer_after)) for p in pads)

    @property
    def needs_combine(self) -> bool:
        """Whether needs share alternatives, so that each may be met alone but not all together."""
        named = [resource for need in self.type.needs for resource in need.one_of]
        return len(named) != len(set(named))

    def bookable(self) -> Interval:
        """The starts that the rules of time allow now: [first, beyond)."""
        now = self.request.now
        if now is None:
            return FIRST_MINUTE, LAST_MINUTE
        earliest, beyond = minute_of(now, "now", rounding="up"), LAST_MINUTE
        for rules in (self.type, self.provider):
            # Elapsed time, so on the UTC axis; from beyond the last year nothing is left.
            ahead = minute_of(now, "now", rounding="down")
            earliest = max(earliest, minute_of(now, "now", rounding="up") + minutes(rules.notice))
            if rules.furthest_ahead is not None:
                beyond = min(beyond, ahead + minutes(rules.furthest_ahead) + 1)
            if rules.days_ahead is not None:
                beyond = min(beyond, self._end_of_day_ahead(ahead, rules.days_ahead))
        return earliest, beyond

    def _end_of_day_ahead(self, now: int, ahead: int) -> int:
        """The end of the provider-local date so many dates after today's."""
        home = Frame(self.schedule, self.zones, now, now).zone_of(self.provider.resource)
        today = self._zone_on(home.wall_of(now) // DAY, home).wall_of(now) // DAY
        last = today + ahead
        return date_span(self._zone_on(last, home), last)[1]

    def _zone_on(self, day: int, home: Zone) -> Zone:
        away = self.provider.travel_zone(date_of(day))
        return home if away is None else self.zones.zone(away)
