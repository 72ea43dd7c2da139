"""A request together with everything it is decided on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import attrs

from medsched.domain.appointment_types import AppointmentType
from medsched.domain.booking_rules import Facts
from medsched.domain.claims import Claim, Session
from medsched.domain.fields import minutes
from medsched.domain.house_rules import HouseRule
from medsched.domain.people import Provider
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.requests import Request
from medsched.domain.schedule import Schedule
from medsched.engine.windows import Frame
from medsched.timeline.instants import DAY, FIRST_MINUTE, LAST_DAY, LAST_MINUTE, minute_of
from medsched.timeline.intervals import Interval
from medsched.timeline.resolve import date_span
from medsched.timeline.zones import Zone, ZoneSource


@attrs.frozen(eq=False)
class Inquiry:
    """A request, the schedule it is made of, and the claims on each resource it involves.

    ``facts`` are what the rules of booking ask for, ``house_rules`` those of the host's own.
    """

    schedule: Schedule
    request: Request
    zones: ZoneSource
    claims: Mapping[Resource, Sequence[Claim]] = attrs.field(factory=dict)
    patient_active: bool = attrs.field(default=True, kw_only=True)
    facts: Facts = attrs.field(factory=Facts, kw_only=True)
    house_rules: Sequence[HouseRule] = attrs.field(default=(), kw_only=True)

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

    @cached_property
    def sessions(self) -> list[Session]:
        """The group sessions of the type that are under way among the provider's claims."""
        return [
            session
            for claim in self.claims.get(self.provider.resource, ())
            if (session := claim.session) is not None
            and session.type == self.type.code
            and claim.is_live(self.request.now)
        ]

    def longest_session(self, low: int = FIRST_MINUTE, high: int = LAST_MINUTE) -> int:
        """The most minutes of those that start in [low, high): they keep the length they had."""
        starting = (one for one in self.sessions if low <= one.start < high)
        return max((one.length or 0 for one in starting), default=0)

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
        return self.day_span(min(self.local_day(now) + ahead, LAST_DAY))[1]

    # -------------------------------------------------------------- the provider's days

    @cached_property
    def _frame(self) -> Frame:
        return Frame(self.schedule, self.zones, FIRST_MINUTE, FIRST_MINUTE)

    def zone_on(self, day: int) -> Zone:
        """The zone that the provider is in on a date, counted from 1970-01-01."""
        return self._frame.zone_on(day)

    def local_day(self, minute: int) -> int:
        """The provider-local date of a minute."""
        return self.zone_on(self._frame.home.wall_of(minute) // DAY).wall_of(minute) // DAY

    def day_span(self, day: int) -> Interval:
        """The instants of a provider-local date; none where it is skipped."""
        return date_span(self.zone_on(day), day)
