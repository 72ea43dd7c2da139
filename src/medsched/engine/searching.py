"""What of a practice fulfils a search: which providers and types, which slots, and when."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import pairwise

from medsched.domain.appointment_types import AppointmentType
from medsched.domain.people import Provider
from medsched.domain.places import Address, Location
from medsched.domain.searches import Search
from medsched.domain.slots import SlotTerms
from medsched.domain.starts import Anywhere
from medsched.timeline.instants import DAY, FIRST_MINUTE, LAST_MINUTE, day_of
from medsched.timeline.intervals import Interval, union
from medsched.timeline.resolve import date_span
from medsched.timeline.zones import Zone

_EITHER_WAY = DAY
"""How far the wall of any zone is from UTC at most."""


def suits_provider(search: Search, provider: Provider) -> bool:
    """Whether a provider is one of those looked for, whenever they are free."""
    return (
        (search.providers is None or provider.id in search.providers)
        and (search.specialty is None or search.specialty in provider.specialties)
        and (search.language is None or search.language in provider.languages)
        and (search.insurer is None or search.insurer in provider.insurers)
        and search.role in (None, provider.role)
        and _at_least(search.rating, provider.rating)
        and _at_least(search.years_of_experience, provider.years_of_experience)
    )


def _at_least(wanted: float | None, has: float | None) -> bool:
    return wanted is None or (has is not None and has >= wanted)


def suits_type(search: Search, type_: AppointmentType) -> bool:
    """Whether an appointment type is one of those looked for."""
    return (search.types is None or type_.code in search.types) and search.modality in (
        None,
        type_.modality,
    )


def suits_terms(search: Search, terms: SlotTerms, places: Mapping[str, Location]) -> bool:
    """Whether slots with these terms are at the place, and have the price, that is looked for."""
    if not isinstance(search.location, Anywhere) and search.location != terms.location:
        return False
    if search.areas:
        place = places.get(terms.location or "")
        if place is None or not search.areas <= _parts(place.address):
            return False
    price = terms.pricing
    if search.price_at_most is not None and (
        price is None or price.currency != search.currency or price.base_fee > search.price_at_most
    ):
        return False
    accepted = price is not None and price.insurance_accepted
    return search.insurance_accepted in (None, accepted)


@cache
def _parts(address: Address) -> frozenset[str]:
    parts = (address.city, address.state, address.postal_code)
    return frozenset(part.strip().casefold() for part in parts if part.strip())


def stretch_of(search: Search, zone: Zone | None) -> Interval:
    """The minutes that the dates of a search can lie in; ``zone`` is the viewer's, if stated."""
    first, last = day_of(search.first), day_of(search.last)
    if zone is not None:
        low, high = date_span(zone, first)[0], date_span(zone, last)[1]
    else:
        low, high = first * DAY - _EITHER_WAY, (last + 1) * DAY + _EITHER_WAY
    return max(low, FIRST_MINUTE), min(high, LAST_MINUTE)


def wanted_minutes(search: Search, zone: Zone, low: int, high: int) -> list[Interval]:
    """The starts in [low, high) on the dates, weekdays and hours wanted, on the wall of a zone."""
    found: list[Interval] = []
    hours = _hours(search)
    first, last = day_of(search.first), day_of(search.last)
    edges = [low, *(change[0] for change in zone.changes(low + 1, high)), high]
    for start, stop in pairwise(edges):
        ahead = zone.offset_at(start)
        days = range(max(first, (start + ahead) // DAY), min(last, (stop - 1 + ahead) // DAY) + 1)
        for day in days:
            # 1970-01-01 was a Thursday.
            if search.weekdays is None or (day + 3) % 7 in search.weekdays:
                midnight = day * DAY - ahead
                for since, until in hours:
                    span = max(midnight + since, start), min(midnight + until, stop)
                    if span[0] < span[1]:
                        found.append(span)
    return union(found)


def _hours(search: Search) -> list[Interval]:
    """The minutes of a day that are wanted; what passes midnight goes on in the morning."""
    if not search.hours:
        return [(0, DAY)]
    spans = [one.open_minutes() for one in search.hours]
    today = [(low, min(high, DAY)) for low, high in spans]
    return union(today, [(0, high - DAY) for _, high in spans if high > DAY])
