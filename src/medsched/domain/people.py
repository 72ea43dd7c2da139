"""Providers, staff and patients."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import pairwise

import attrs

from medsched.domain.booking_rules import BookingRules
from medsched.domain.booking_window import BookingWindow
from medsched.domain.fields import (
    Lengths,
    a_date,
    a_zone,
    ids,
    lengths,
    maybe_id,
    not_before,
    number,
    phi,
    text,
    texts,
    whole,
    words,
    zone_name,
)
from medsched.domain.places import Address, maybe_address
from medsched.domain.records import Identified, Resource, ResourceKind
from medsched.errors import InvalidChoice, InvalidInterval


@attrs.frozen
class Travel:
    """The zone in which a provider lives from ``first`` to ``last``, both dates inclusive."""

    timezone: str = attrs.field(validator=a_zone)
    first: date = attrs.field(validator=a_date)
    last: date = attrs.field(validator=[a_date, not_before("first")])


def _travels(value: Iterable[Travel]) -> tuple[Travel, ...]:
    return tuple(sorted(value, key=lambda travel: travel.first))


@attrs.frozen(kw_only=True)
class Provider(Identified, BookingWindow):
    """Somebody who sees patients.

    ``role`` is what they are, by the host's names: doctor, nurse, midwife. A practice may say
    which roles can be booked.
    ``timezone`` is where the provider's hours are meant unless something nearer says
    otherwise (the rule, its location, a travel zone on that date). ``location`` is the main
    place. ``durations`` are the provider's own lengths by appointment type. ``rating`` runs
    from 0 to 5. ``insurers`` are those accepted, by the host's names. ``rules`` say how many may
    be booked with the provider, and for whom.
    """

    name: str = attrs.field(default="", validator=text())
    role: str = attrs.field(default="", validator=text(60))
    timezone: str | None = attrs.field(default=None, validator=zone_name)
    location: str | None = attrs.field(default=None, validator=maybe_id)
    specialties: frozenset[str] = attrs.field(factory=frozenset, converter=texts, validator=words)
    languages: frozenset[str] = attrs.field(factory=frozenset, converter=texts, validator=words)
    insurers: frozenset[str] = attrs.field(factory=frozenset, converter=texts, validator=words)
    licence_number: str = attrs.field(default="", validator=text(60))
    years_of_experience: int | None = attrs.field(default=None, validator=whole(0, 100))
    rating: float | None = attrs.field(default=None, validator=number(0, 5))
    durations: Lengths = attrs.field(default=(), converter=lengths)
    travels: tuple[Travel, ...] = attrs.field(default=(), converter=_travels)
    rules: BookingRules = attrs.field(factory=BookingRules)

    @travels.validator
    def _one_zone_a_day(self, attribute: object, value: tuple[Travel, ...]) -> None:
        for one, other in pairwise(value):
            if other.first <= one.last:
                raise InvalidInterval("travels", (one, other), "two zones on one date")

    @cached_property
    def resource(self) -> Resource:
        """The provider as something that has hours and is taken by appointments."""
        return Resource(ResourceKind.PROVIDER, self.id)

    def own_duration(self, type_code: str) -> timedelta | None:
        """The provider's own length for an appointment type, if one is stated."""
        return dict(self.durations).get(type_code) if self.durations else None

    def travel_zone(self, day: date) -> str | None:
        """The zone the provider is in on a calendar date, if away."""
        for travel in self.travels:
            if travel.first <= day <= travel.last:
                return travel.timezone
        return None


@attrs.frozen(kw_only=True)
class Staff(Identified):
    """Somebody who works at the practice and sees no patients of their own."""

    name: str = attrs.field(default="", validator=text())
    department: str = attrs.field(default="", validator=text())


def _a_birth_date(instance: object, attribute: object, value: object) -> None:
    """People were born before 1973; a mistake is told without the value, which is a patient's."""
    if value is not None and (not isinstance(value, date) or isinstance(value, datetime)):
        raise InvalidChoice("birth_date", type(value).__name__, "a calendar date is needed")


@attrs.frozen(kw_only=True)
class Patient(Identified):
    """Somebody who is seen: a bare id is enough, all else is optional.

    ``locations`` and ``providers`` are whom the patient is registered with: they reach the
    patient's record before the first visit.
    ``established``: seen before, as the host knows; who has an appointment here that was
    fulfilled is so without being called it.
    """

    name: str = phi(default="", validator=text())
    birth_date: date | None = phi(default=None, validator=_a_birth_date)
    phone: str = phi(default="", validator=text(60))
    email: str = phi(default="", validator=text())
    address: Address | None = phi(default=None, validator=maybe_address)
    insurer: str = phi(default="", validator=text())
    insurance_number: str = phi(default="", validator=text(60))
    established: bool = phi(default=False)
    locations: frozenset[str] = attrs.field(factory=frozenset, converter=texts, validator=ids)
    providers: frozenset[str] = attrs.field(factory=frozenset, converter=texts, validator=ids)

    @cached_property
    def resource(self) -> Resource:
        """The patient as somebody who can be at one appointment at a time."""
        return Resource(ResourceKind.PATIENT, self.id)
