"""Benchmarks do not rot: their ways agree, and what they write is whole. Nothing is timed here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.benchmarks import __main__ as suite
from tests.benchmarks.figures import FIGURES, chosen
from tests.benchmarks.turns import Result, Turns, in_turns, quartiles


def test_a_ratio_is_the_baselines_cost_divided_by_ours() -> None:
    result = Turns([4.0, 6.0, 8.0], [2.0, 2.0, 1.0]).result("slots_cold", "said", more=1)
    assert (result.ratio, result.median, result.baseline, result.n) == (3.0, 2.0, 6.0, 3)
    assert (result.low, result.high) == (2.5, 5.5)
    assert (result.note, result.facts) == ("said", {"more": 1})


def test_quartiles_of_one_number_are_that_number() -> None:
    assert quartiles([7.0]) == (7.0, 7.0, 7.0)


def test_both_ways_take_turns_and_warm_rounds_do_not_count() -> None:
    told: list[str] = []
    turns = in_turns(
        lambda: told.append("baseline"),
        lambda: told.append("ours"),
        rounds=2,
        warm=1,
        times=2,
        before=lambda: told.append("before"),
    )
    assert told == ["before", "baseline", "before", "ours", "ours"] * 3
    assert len(turns.baseline) == len(turns.ours) == 2


def test_figures_are_chosen_by_name_or_family() -> None:
    assert set(chosen(["slots"])) == {name for name in FIGURES if FIGURES[name].family == "slots"}
    assert list(chosen(["import_time"])) == ["import_time"]
    assert chosen([]) == FIGURES
    with pytest.raises(KeyError, match="slotz"):
        chosen(["slotz"])


def test_a_run_keeps_the_figures_that_it_did_not_measure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(*_: object) -> list[Result]:
        return [Result("slots_cold", 90.0, 1e-4, 9e-3, 5, 85.0, 95.0)]

    monkeypatch.setattr(suite, "measured", measured)
    written = tmp_path / "bench.json"
    written.write_text('{"slots_warm": {"ratio": 1}}')
    monkeypatch.setattr("sys.argv", ["bench", "slots_cold", "--json", str(written)])
    suite.main()
    found = json.loads(written.read_text())
    assert found["slots_warm"] == {"ratio": 1}
    assert found["slots_cold"] | {"ratio": 90.0, "goal": 80, "median": 1e-4} == found["slots_cold"]
    assert {"ratio", "goal", "median", "baseline", "n"} <= set(found["slots_cold"])
