"""Searches over practices drawn at random, against a listing of each provider by itself."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from random import Random, randrange

import attrs
import pytest
from tests.databases import ENGINES, Databases
from tests.searching.practices import fill, narrowings, order, plainly, searched

from medsched import MedschedError, Practice, Scheduler, Search, Slot
from medsched.ports.store import Store
from medsched.testing.fixed import FixedClock, NumberedIds

PRACTICES = int(os.environ.get("MEDSCHED_SEARCHES") or 30)
"""How many practices are drawn in memory; a tenth of them on each database."""
SEARCHES = 8


def practices(store: Store, count: int, seed: int) -> list[tuple[Practice, FixedClock, Random]]:
    found = []
    for number in range(count):
        random = Random(f"{seed}-{number}")
        clock = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
        clinic = Scheduler(store, clock=clock, ids=NumberedIds()).practice(f"clinic-{number}")
        found.append((clinic, clock, random))
    return found


def shown(slots: list[Slot]) -> list[tuple[object, ...]]:
    return [(*order(one), one.end, one.status, one.pricing, one.seats_free) for one in slots]


@pytest.mark.parametrize("kind", ["memory", *ENGINES])
def test_a_search_finds_what_listing_each_provider_finds(kind: str, databases: Databases) -> None:
    store = databases.store(kind)
    seed = int(os.environ.get("MEDSCHED_SEED") or randrange(10**9))
    count = PRACTICES if kind == "memory" else max(PRACTICES // 15, 3)
    found_any = 0
    for clinic, clock, random in practices(store, count, seed):
        first = fill(clinic, clock, random)
        for _ in range(SEARCHES):
            free, gone = random.random() < 0.8, random.random() < 0.3
            search = searched(random, first)
            search = attrs.evolve(search, available_only=free, withdrawn=gone)
            told = f"MEDSCHED_SEED={seed} {clinic.id} {search}"
            expected = plainly(clinic, search)
            found_any += len(expected)
            assert shown(list(clinic.search.found(search))) == shown(expected), told
            _pages_make_the_whole(clinic, search, expected, random, told)
            _providers_agree(clinic, search, expected, told)
            narrower = attrs.evolve(search, **random.choice(narrowings(random)[:-1]))
            if not any(_widens(search, narrower)):
                fewer = shown(list(clinic.search.found(narrower)))
                assert set(fewer) <= set(shown(expected)), told
        _book_what_is_found(clinic, random, searched(random, first), seed)
    databases.check_returned(kind)
    assert found_any > count


def _widens(search: Search, narrower: Search) -> list[bool]:
    """Whether something that was asked for is now asked for otherwise."""
    blank = Search(first=search.first, last=search.last, timezone=search.timezone)
    return [
        getattr(search, name) not in (getattr(blank, name), getattr(narrower, name))
        for name in attrs.fields_dict(Search)
    ]


def _pages_make_the_whole(
    clinic: Practice, search: Search, expected: list[Slot], random: Random, told: str
) -> None:
    paged: list[Slot] = []
    cursor, limit = None, random.choice((1, 7, 1000))
    for _ in range(min(len(expected) // limit, 30) + 1):
        page = clinic.search.slots(search, limit=limit, cursor=cursor)
        paged += page
        cursor = page.next
        if cursor is None:
            break
    whole = shown(expected)
    assert shown(paged) == (whole if cursor is None else whole[: len(paged)]), told


def _providers_agree(clinic: Practice, search: Search, expected: list[Slot], told: str) -> None:
    page = clinic.search.by_provider(search, limit=1000, each=None)
    for one in page:
        own = [slot for slot in expected if slot.provider == one.provider.id]
        free = [slot for slot in own if slot.status == "free"]
        assert shown(list(one)) == shown(own), told
        assert (one.total, one.free) == (len(own), len(free)), told
        if free:
            assert one.next_free == min(free, key=order).local_start.date() or search.timezone, told
    assert {slot.provider for slot in expected} <= {one.provider.id for one in page}, told
    firsts = {id: order(slot) for id, slot in clinic.search.first_of_each(search).items()}
    found: dict[str, Slot] = {}
    for slot in expected:
        found.setdefault(slot.provider, slot)
    assert firsts == {id: order(slot) for id, slot in found.items()}, told


def _book_what_is_found(clinic: Practice, random: Random, search: Search, seed: int) -> None:
    search = attrs.evolve(search, patient=search.patient or "patient-1")
    slots = list(clinic.search.found(search))
    for slot in random.sample(slots, min(len(slots), 2)):
        assert search.patient is not None
        if slot in list(clinic.search.found(search)):
            try:
                clinic.appointments.book(slot, patient=search.patient)
            except MedschedError as error:  # pragma: no cover
                pytest.fail(f"MEDSCHED_SEED={seed} {clinic.id}: {slot} does not book: {error}")
