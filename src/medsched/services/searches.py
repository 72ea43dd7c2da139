"""Searching: slots of many providers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

from medsched.domain.appointment_types import AppointmentType
from medsched.domain.people import Provider
from medsched.domain.places import Location
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.searches import Search
from medsched.domain.slots import Slot
from medsched.engine.searching import (
    stretch_of,
    suits_provider,
    suits_terms,
    suits_type,
    wanted_minutes,
)
from medsched.engine.slots import list_slots
from medsched.services.context import Context
from medsched.services.inquiries import Inquiries
from medsched.services.snapshots import Snapshots
from medsched.timeline.instants import instant_of, whole_minute
from medsched.timeline.intervals import covering


class Searches:
    """Searches over the providers of one practice."""

    def __init__(self, context: Context, snapshots: Snapshots) -> None:
        self._context = context
        self._inquiries = Inquiries(context, snapshots)

    def found(self, search: Search, *, now: datetime | None = None) -> Iterator[Slot]:
        """What a search finds, in order of start, provider, type and place, read as it goes."""
        store, practice = self._context.store, self._context.practice
        zone = None if search.timezone is None else self._context.zones.zone(search.timezone)
        low, high = stretch_of(search, zone)

        def all_of(cls):  # type: ignore[no-untyped-def]
            return store.page(practice, cls, active=None, where={}, after=None, limit=100_000)

        places = {one.id: one for one in all_of(Location)}
        slots: list[Slot] = []
        for provider in all_of(Provider):
            if not suits_provider(search, provider):
                continue
            for type_ in all_of(AppointmentType):
                if not suits_type(search, type_):
                    continue
                inquiry = self._inquiries.about(
                    provider.id,
                    type_.code,
                    (low, high),
                    patient=search.patient,
                    now=now,
                    referred=search.referred,
                    prepaid=search.prepaid,
                )
                for slot in list_slots(
                    inquiry,
                    instant_of(low),
                    instant_of(high),
                    taken=not search.available_only,
                ):
                    terms = slot._terms
                    seen = zone or terms.zone
                    start = whole_minute(slot.start, "start")
                    wanted = wanted_minutes(search, seen, start, start + 1)
                    if suits_terms(search, terms, places) and covering(wanted, start):
                        slots.append(slot)
        slots.sort(key=lambda one: (one.start, one.provider, one.type, one.location or ""))
        yield from slots

    def first_of_each(self, search: Search, *, now: datetime | None = None) -> Mapping[str, Slot]:
        """The earliest slot of each provider who has one, by id."""
        found: dict[str, Slot] = {}
        for slot in self.found(search, now=now):
            found.setdefault(slot.provider, slot)
        return found

    def load(self, providers: Collection[str], first: int, last: int) -> Mapping[str, int]:
        """The claimed minutes of each provider on the UTC days ``first`` to ``last``, inclusive."""
        resources = [Resource(ResourceKind.PROVIDER, one) for one in providers]
        rows = self._context.store.ledger(self._context.practice, resources, first, last)
        minutes = dict.fromkeys(providers, 0)
        for key, bits in rows.items():
            minutes[key.resource.id] += bits.bit_count()
        return minutes
