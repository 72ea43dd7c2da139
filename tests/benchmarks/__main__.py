"""Measure the hot paths side by side with what one would write instead, as ratios.

    python -m tests.benchmarks [figures or families ...] [--rounds-scale 1] [--json bench.json]

Run from the root of the project. ``--against`` names an earlier run to compare the ratios with.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.figures import FIGURES, Figure, chosen
from tests.benchmarks.plot import Curve, drawn
from tests.benchmarks.table import cost
from tests.benchmarks.turns import Result, Unavailable


def measured(figures: Mapping[str, Figure], scale: float) -> Iterator[Result]:
    """The results of some figures, those that are measured together one after the other."""
    for where in dict.fromkeys(one.where for one in figures.values()):
        names = [name for name, one in figures.items() if one.where == where]
        try:
            measure = figures[names[0]].measure()
            for result in measure(scale):
                if result.name in names:
                    yield result
        except (Unavailable, ModuleNotFoundError) as why:
            print(f"{', '.join(names)}: not measured, {why}", flush=True)


def as_json(results: Iterable[Result]) -> dict[str, dict[str, object]]:
    """What `bench.json` holds."""
    return {
        one.name: {
            "ratio": one.ratio,
            "goal": FIGURES[one.name].goal,
            "median": one.median,
            "baseline": one.baseline,
            "n": one.n,
            "low": one.low,
            "high": one.high,
            "unit": one.unit,
            "note": one.note,
            **one.facts,
        }
        for one in results
    }


def line(result: Result, before: Mapping[str, Mapping[str, float]]) -> str:
    """One row of the table."""
    goal = FIGURES[result.name].goal
    reached = "" if goal is None else "reached" if result.ratio >= goal else "MISSED"
    parts = [
        f"{result.name:24}",
        f"{result.ratio:10.3g}",
        f"{'' if goal is None else format(goal, 'g'):>6} {reached:8}",
        f"{result.low:9.3g} to {result.high:<9.3g}",
        f"{cost(result.baseline, result.unit):>14} {cost(result.median, result.unit):>14}",
        f"{result.n:5}",
    ]
    if result.name in before:
        parts.append(f"{result.ratio / before[result.name]['ratio'] - 1:+7.0%}")
    if result.note:
        parts.append(result.note)
    return "  ".join(parts)


def picture(results: Iterable[Result]) -> str:
    """The growth of what was measured in several sizes, as SVG."""
    curves: dict[str, Curve] = {}
    for one in results:
        if "exponent" in one.facts:
            facts: Any = one.facts
            curve = (facts["sizes"], facts["seconds"], facts["exponent"])
            curves[one.name.removeprefix("growth_")] = curve
    return drawn(curves)


def main() -> None:
    """Measure what is asked for, print a table, and write it as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help="figures or families; all of them by default")
    parser.add_argument("--rounds-scale", type=float, default=1.0, metavar="X")
    parser.add_argument("--json", type=Path, default=Path("bench.json"))
    parser.add_argument("--against", type=Path, help="the JSON of an earlier run")
    parser.add_argument("--plot", type=Path, help="where to draw how cost grows, as SVG")
    asked = parser.parse_args()
    try:
        figures = chosen(asked.names)
    except KeyError as unknown:
        parser.error(f"unknown: {unknown.args[0]}; there are {', '.join(FIGURES)}")
    before = json.loads(asked.against.read_text()) if asked.against else {}
    print(f"Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f}")
    print("figure, ratio, goal, quartiles, baseline, ours, rounds")
    results: list[Result] = []
    for result in measured(figures, asked.rounds_scale):
        results.append(result)
        print(line(result, before), flush=True)
    if asked.plot and any("exponent" in one.facts for one in results):
        asked.plot.write_text(picture(results))
    written = json.loads(asked.json.read_text()) if asked.names and asked.json.exists() else {}
    asked.json.write_text(json.dumps({**written, **as_json(results)}, indent=2) + "\n")


if __name__ == "__main__":
    main()
