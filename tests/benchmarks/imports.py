"""What it takes to import the library, in an interpreter of its own each time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from tests.benchmarks.turns import Result, Turns, rounds_of

OURS = "import medsched"
BASELINE = "import attrs, dateutil.rrule"
ALL = "import medsched; [getattr(medsched, name) for name in medsched.__all__]"


def spent(statement: str) -> float:
    """Seconds that a statement takes in a new interpreter, whose own start is left out."""
    timed = (
        f"from time import perf_counter; began = perf_counter(); {statement};"
        " print(perf_counter() - began)"
    )
    ran = subprocess.run([sys.executable, "-c", timed], capture_output=True, check=True, text=True)
    return float(ran.stdout)


def import_time(scale: float) -> Iterator[Result]:
    """`import medsched`, against the two packages of its core that anybody has anyway."""
    turns, whole = Turns([], []), list[float]()
    for at in range(-1, rounds_of(25, scale, least=1)):
        slow, fast, every = spent(BASELINE), spent(OURS), spent(ALL)
        if at >= 0:
            turns.baseline.append(slow)
            turns.ours.append(fast)
            whole.append(every)
    everything = sorted(whole)[len(whole) // 2]
    yield turns.result(
        "import_time",
        f"with every public name loaded: {everything * 1e3:.0f} ms",
        everything_seconds=everything,
    )
