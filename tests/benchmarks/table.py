"""What a run wrote, as the tables of the page on speed.

python -m tests.benchmarks.table [bench.json]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def cost(amount: float, unit: str) -> str:
    """Seconds in the unit that is easiest to read, or bytes."""
    if unit != "s":
        return f"{amount:,.0f} {unit}"
    for name, factor in (("s", 1.0), ("ms", 1e3)):
        if amount * factor >= 1:
            return f"{amount * factor:,.2f} {name}"
    return f"{amount * 1e6:,.1f} µs"


def number(value: float) -> str:
    """A ratio, to two or three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def rows(found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A row for each figure but those of growth."""
    yield "| figure | ratio | quartiles | goal | | the other way | medsched |"
    yield "|---|---|---|---|---|---|---|"
    for name, one in found.items():
        if "exponent" not in one:
            goal = one["goal"]
            reached = "" if goal is None else "reached" if one["ratio"] >= goal else "missed"
            cells = [
                *(f"`{name}`", number(one["ratio"])),
                f"{number(one['low'])} to {number(one['high'])}",
                *("" if goal is None else number(goal), reached),
                *(cost(one[way], one["unit"]) for way in ("baseline", "median")),
            ]
            yield f"| {' | '.join(cells)} |"


def growth(found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A row for each workload that was measured in several sizes."""
    yield "| what grows | sizes | exponent | smallest | largest |"
    yield "|---|---|---|---|---|"
    for name, one in found.items():
        if "exponent" in one:
            sizes, taken = one["sizes"], one["seconds"]
            ends = (f"{cost(taken[at], 's')}" for at in (0, -1))
            what = name.removeprefix("growth_")
            span = f"{sizes[0]:,} to {sizes[-1]:,}"
            yield f"| {what} | {span} | {one['exponent']:.2f} | {' | '.join(ends)} |"


def main() -> None:
    """Print both tables."""
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "bench.json")
    found = json.loads(path.read_text())
    print("\n".join([*rows(found), "", *growth(found)]))


if __name__ == "__main__":
    main()
