"""What a store brings along when nothing else is asked for."""

from __future__ import annotations

from functools import cache

from medsched.adapters.clock import SystemClock
from medsched.adapters.ids import RandomIds
from medsched.adapters.pauses import JitteredPauses
from medsched.adapters.tzdata import TzdataZones
from medsched.ports.surroundings import Surroundings


@cache
def standard() -> Surroundings:
    """The machine's clock, random ids, the zones of the tzdata package, jittered pauses.

    One value for the whole process, so that each zone is read once.
    """
    return Surroundings(
        clock=SystemClock(), ids=RandomIds(), zones=TzdataZones(), pauses=JitteredPauses()
    )
