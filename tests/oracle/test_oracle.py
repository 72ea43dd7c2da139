from __future__ import annotations

from datetime import datetime

from medsched.adapters.tzdata import TzdataZones
from medsched.engine.inquiry import Inquiry
from medsched.engine.slots import list_slots
from tests.oracle.generate import Case, generate
from tests.oracle.shrink import at, describe, shrink
from tests.oracle.walker import EPOCH, MINUTE, Start, Walker, midnight

ZONES = TzdataZones()


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
    small = shrink(case, differs)
    engine, walker = listed(small), walked(small)
    lines = [describe(small), f"engine {len(engine)} starts, walker {len(walker)}"]
    for name, only in (
        ("engine", set(engine) - set(walker)),
        ("walker", set(walker) - set(engine)),
    ):
        lines += [
            f"only the {name}: {at(one.minute)}, {one.length} min, wall {at(one.wall)[11:-1]},"
            f" {one.opened_by}, {one.location}"
            for one in sorted(only)[:10]
        ]
    return "\n".join(lines)
