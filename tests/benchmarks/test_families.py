"""Each figure that needs no server, measured at a tiny scale: its ways must agree, and it is told.

To measure a figure checks first that its ways find the same.
"""

from __future__ import annotations

import json

import pytest
from tests.benchmarks.__main__ import as_json, line, measured, picture
from tests.benchmarks.figures import FIGURES, chosen
from tests.benchmarks.slots import Clinic, Ways
from tests.benchmarks.table import growth, rows
from tests.benchmarks.turns import Result

TINY = 0.001
ALONE = ("slots", "first_free", "memory", "imports", "growth")


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    return {one.name: one for one in measured(chosen(ALONE), TINY)}


def test_every_figure_is_measured(results: dict[str, Result]) -> None:
    assert list(results) == [name for name, one in FIGURES.items() if one.family in ALONE]
    for one in results.values():
        assert one.ratio > 0
        assert one.median > 0
        assert one.baseline > 0
        assert one.n > 0
        assert one.low <= one.ratio <= one.high


def test_what_is_written_has_all_fields(results: dict[str, Result]) -> None:
    for name, told in as_json(results.values()).items():
        assert {"ratio", "goal", "median", "baseline", "n", "low", "high"} <= set(told)
        assert told["goal"] == FIGURES[name].goal
    for one in results.values():
        assert one.name in line(one, {})


def test_the_tables_tell_each_figure_once(results: dict[str, Result]) -> None:
    found = json.loads(json.dumps(as_json(results.values())))
    told = "\n".join([*rows(found), *growth(found)])
    for name in results:
        assert told.count(f"| `{name}` |") + told.count(f"| {name.removeprefix('growth_')} |") == 1


def test_growth_is_drawn(results: dict[str, Result]) -> None:
    drawn = picture(results.values())
    assert drawn.count("<polyline") == 1 + sum("exponent" in one.facts for one in results.values())


def test_ways_that_disagree_are_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Clinic, "competent", lambda self, bookings: [])
    with pytest.raises(AssertionError, match="disagree"):
        Ways(Clinic(days=7, bookings=0))
