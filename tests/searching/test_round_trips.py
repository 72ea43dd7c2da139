"""How often a search asks the store: as often for a hundred providers as for six."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from tests.counting import Counting

from medsched import (
    AvailabilityRule,
    BookingRules,
    Grid,
    MemoryStore,
    Practice,
    Recurrence,
    Scheduler,
    Search,
)
from medsched.domain.people import Provider
from medsched.testing.fixed import FixedClock

MONDAY = date(2026, 1, 5)


def clinic_of(providers: int, **of_type: Any) -> tuple[Practice, Counting]:
    store: Any = Counting(MemoryStore())
    clock = FixedClock(datetime(2026, 1, 5, tzinfo=UTC))
    clinic = Scheduler(store, clock=clock).practice("clinic")
    clinic.settings.configure(timezone="UTC")
    clinic.appointment_types.create(code="visit", duration=timedelta(minutes=30), **of_type)
    clinic.patients.create(id="ada")
    weekdays = Recurrence.weekly("MO-FR", start=MONDAY)
    people = [Provider(id=f"p{at:03}") for at in range(providers)]
    clinic.add_all(
        [*people, *(AvailabilityRule(one.id, weekdays, hours="09:00-10:00") for one in people)]
    )
    for one in people[:3]:
        slot = next(clinic.search.found(Search(first=MONDAY, providers=one.id)))
        clinic.appointments.book(slot, patient=clinic.patients.create().id)
    return clinic, store


SEARCH = Search(first=MONDAY, last=MONDAY + timedelta(days=20), types="visit")
WAYS: dict[str, Callable[[Practice], object]] = {
    "a page": lambda clinic: clinic.search.slots(SEARCH, limit=1),
    "every slot": lambda clinic: list(clinic.search.found(SEARCH)),
    "by provider": lambda clinic: clinic.search.by_provider(SEARCH, limit=1),
    "the first of each": lambda clinic: clinic.search.first_of_each(SEARCH),
}
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "packed": {"grid": Grid.packed()},
    "capped": {"rules": BookingRules(per_day=1)},
    "group": {"capacity": 5},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_more_providers_ask_no_more(way: str, kind: str) -> None:
    asked = []
    for providers in (6, 100):
        clinic, store = clinic_of(providers, **KINDS[kind])
        WAYS[way](clinic)
        store.asked.clear()
        WAYS[way](clinic)
        asked.append(store.asked)
    assert asked[0] == asked[1]


def test_a_page_of_what_the_first_day_has_is_one_look() -> None:
    clinic, store = clinic_of(20)
    clinic.search.slots(SEARCH, limit=10)
    store.asked.clear()
    assert len(clinic.search.slots(SEARCH, limit=10)) == 10
    assert store.asked == {"taken": 1}
