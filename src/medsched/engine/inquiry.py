"""A request together with everything it is decided on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from medsched.domain.appointment_types import AppointmentType
from medsched.domain.claims import Claim
from medsched.domain.fields import minutes
from medsched.domain.people import Provider
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.requests import Request
from medsched.domain.schedule import Schedule
from medsched.engine.windows import Frame
from medsched.timeline.instants import DAY, FIRST_MINUTE, LAST_DAY, LAST_MINUTE, date_of, minute_of
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
    patient_active: bool = attrs.field(default=True, kw_only=True)

    @property
    def type(self) -> AppointmentType:
        """The appointment type asked for."""
        return self.request.type

    @property
    def provider(self) -> Provider:
        """The provider asked for."""
        return self.schedule.provider

    @property
    def involved(self) -> frozenset[Resource]:
        """Every resource whose time a booking may take."""
        found = {self.provider.resource}
        if self.request.patient is not None:
            found.add(Resource(ResourceKind.PATIENT, self.request.patient))
        found.update(one.resource for one in self.schedule.locations.values() if one.exclusive)
        found.update(resource for need in self.type.needs for resource in need.one_of)
        return frozenset(found)

    @property
    def needs_combine(self) -> bool:
        """Whether needs share alternatives, so that each may be met alone but not all together."""
        named = [resource for need in self.type.needs for resource in need.one_of]
        return len(named) != len(set(named))

    @property
    def sole_needs(self) -> list[Resource]:
        """The rooms and devices that a slot needs without a choice."""
        return [
            resource
            for need in self.type.needs
            if len(need.one_of) == 1
            for resource in need.one_of
        ]

    def bookable(self) -> Interval:
        """The starts that the rules of time allow now: [first, beyond)."""
        now = self.request.now
        if now is None:
            return FIRST_MINUTE, LAST_MINUTE
        soonest, latest = (minute_of(now, "now", rounding=way) for way in ("up", "down"))
        first, beyond = soonest, LAST_MINUTE
        for rules in (self.type, self.provider):
            first = max(first, soonest + minutes(rules.notice))
            if rules.furthest_ahead is not None:
                beyond = min(beyond, latest + minutes(rules.furthest_ahead) + 1)
            if rules.days_ahead is not None:
                beyond = min(beyond, self._end_of_day_ahead(latest, rules.days_ahead))
        return first, beyond

    def _end_of_day_ahead(self, now: int, ahead: int) -> int:
        """The end of the provider-local date so many dates after today's."""
        home = Frame(self.schedule, self.zones, now, now).zone_of(self.provider.resource)
        today = self._zone_on(home.wall_of(now) // DAY, home).wall_of(now) // DAY
        last = min(today + ahead, LAST_DAY)
        return date_span(self._zone_on(last, home), last)[1]

    def _zone_on(self, day: int, home: Zone) -> Zone:
        away = self.provider.travel_zone(date_of(day))
        return home if away is None else self.zones.zone(away)
