"""The engine against the walker, on random schedules around clock changes; and against itself.

MEDSCHED_ORACLE_SCHEDULES is the number of schedules compared, MEDSCHED_ORACLE_SEED the seed of
the first. Without it half the seeds are always the same and half are new; a failure names its own.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from random import Random, SystemRandom
from typing import TypeVar

import attrs
from tests.oracle.generate import MAIN, PRACTICE, PROVIDER, ROOMS, Case, generate, zone_for
from tests.oracle.shrink import at, describe, shrink, with_calendar, with_schedule
from tests.oracle.walker import EPOCH, MINUTE, Start, Walker, midnight, zone_names

from medsched.adapters.tzdata import TzdataZones
from medsched.domain.appointment_types import GridKind
from medsched.domain.availability import Override, OverrideKind
from medsched.domain.records import Resource
from medsched.domain.schedule import Calendar, calendar
from medsched.engine.inquiry import Inquiry
from medsched.engine.slots import list_slots

T = TypeVar("T")

ZONES = TzdataZones()
SCHEDULES = int(os.environ.get("MEDSCHED_ORACLE_SCHEDULES", "300"))
ALWAYS = 0
ROUND = len(zone_names()) * 5 // 4 + 5
"""So many seeds in a row have every zone of the database among them."""


def seeds(count: int) -> list[int]:
    """In a row, or half of them from a place that is new each time."""
    given = os.environ.get("MEDSCHED_ORACLE_SEED")
    if given is not None:
        return list(range(int(given), int(given) + count))
    fresh = SystemRandom().randrange(10**6, 10**9)
    half = count // 2
    return [*range(ALWAYS, ALWAYS + half), *range(fresh, fresh + count - half)]


# ----------------------------------------------------------------- engine, walker


def listed(case: Case) -> list[Start]:
    """What the engine lists."""
    inquiry = Inquiry(case.schedule, case.request, ZONES, case.claims)
    low, high = EPOCH + case.low * MINUTE, EPOCH + case.high * MINUTE
    return [
        Start(
            (slot.start - EPOCH) // MINUTE,
            slot.duration // MINUTE,
            wall_of(slot.local_start),
            slot.opened_by,
            slot.location,
        )
        for slot in list_slots(inquiry, low, high)
    ]


def wall_of(local: datetime) -> int:
    return midnight(local.date()) + local.hour * 60 + local.minute


def walked(case: Case) -> list[Start]:
    """What the walker finds."""
    return Walker(case.schedule, case.request, case.claims, case.low, case.high).starts()


def differs(case: Case) -> bool:
    return listed(case) != walked(case)


def report(case: Case) -> str:
    """The smallest case that still differs, and in what it does."""
    small = shrink(case, differs)
    engine, walker = listed(small), walked(small)
    lines = [describe(small), f"engine {len(engine)} starts, walker {len(walker)}"]
    for name, some, others in (("engine", engine, walker), ("walker", walker, engine)):
        lines += [
            f"only the {name}: {at(one.minute)}, {one.length} min, wall {at(one.wall)[11:-1]},"
            f" {one.opened_by}, {one.location}"
            for one in sorted(set(some) - set(others), key=lambda start: start.minute)[:10]
        ]
    return "\n".join(lines)


def test_the_engine_offers_what_the_walker_finds() -> None:
    wrong = []
    nothing = 0
    for seed in seeds(SCHEDULES):
        case = generate(seed)
        found = walked(case)
        nothing += not found
        try:
            same = listed(case) == found
        except Exception as error:
            error.add_note(describe(case))
            raise
        if not same:
            wrong.append(case)
            if len(wrong) == 5:
                break
    assert not wrong, "\n\n".join(map(report, wrong))
    assert nothing <= SCHEDULES // 2 + 10, "most schedules should offer something"


def test_a_full_run_meets_every_zone() -> None:
    assert {zone_for(seed) for seed in range(ROUND)} == set(zone_names())


def test_a_case_is_its_seed() -> None:
    assert generate(4711) == generate(4711)


# ------------------------------------------------------- the engine against itself

THROUGH = seeds(max(SCHEDULES // 2, 100))


def shuffled(items: Sequence[T], random: Random) -> list[T]:
    return random.sample(items, len(items))


def test_the_order_of_adding_never_matters() -> None:
    for seed in THROUGH:
        case, random = generate(seed), Random(seed)
        calendars = {
            resource: calendar(
                tuple(shuffled(own.rules, random)),
                tuple(shuffled(own.overrides, random)),
                tuple(shuffled(own.blockings, random)),
            )
            for resource, own in shuffled(list(case.schedule.calendars.items()), random)
        }
        claims = {
            resource: shuffled(taken, random)
            for resource, taken in shuffled(list(case.claims.items()), random)
        }
        other = attrs.evolve(with_schedule(case, calendars=calendars), claims=claims)
        assert listed(other) == listed(case), describe(case)


HOURS = ("00:30-02:15", "22:00-04:00 overnight", "09:10-12:05")


def a_closure(case: Case, random: Random) -> tuple[Resource, Override]:
    resource = random.choice([PROVIDER, PRACTICE, MAIN, ROOMS[0]])
    near = date(1970, 1, 1) + timedelta(days=case.change // 1440 + random.randint(-2, 2))
    whole = random.random() < 0.5
    return resource, Override.closed(
        resource,
        near,
        near + timedelta(days=random.randint(0, 1)),
        id="closure",
        hours=() if whole else random.choice(HOURS),
        whole_shifts=whole and random.random() < 0.5,
        types=random.choice([None, None, {"visit"}, {"other"}]),
        priority=random.randint(-2, 2),
    )


def test_a_closure_never_adds_a_start() -> None:
    closed = 0
    for seed in THROUGH:
        case, random = generate(seed), Random(seed)
        if case.request.type.grid.kind is GridKind.PACKED:
            continue
        resource, closure = a_closure(case, random)
        # Extra hours open what the practice closes, and bring their own grid along.
        extra = case.schedule.calendar(PROVIDER).by_kind[OverrideKind.EXTRA]
        if resource in (PRACTICE, MAIN) and extra:
            continue
        own = case.schedule.calendars.get(resource, Calendar())
        more = calendar(own.rules, (*own.overrides, closure), own.blockings)
        before = {start.minute for start in listed(case)}
        after = {start.minute for start in listed(with_calendar(case, resource, more))}
        assert after <= before, f"{describe(case)}\n{closure}"
        closed += after < before
    assert closed


def test_adjoining_queries_add_up() -> None:
    for seed in THROUGH:
        case, random = generate(seed), Random(seed)
        cuts = sorted(random.randint(case.low + 1, case.high - 1) for _ in range(3))
        edges = [case.low, *cuts, case.high]
        parts = [
            start
            for low, high in itertools.pairwise(edges)
            if low < high
            for start in listed(attrs.evolve(case, low=low, high=high))
        ]
        assert parts == listed(case), describe(case)
