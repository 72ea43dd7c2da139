"""Two ways to the same end, timed in turns: what one costs beside the other, as a ratio.

Ratios hold on a machine whose speed drifts, as long as both ways are timed side by side: a round
is one operation of the baseline and one, or several, of ours, and the ratio of a figure is the
median of the rounds' own ratios.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median, quantiles
from time import perf_counter

Way = Callable[[], object]


class Unavailable(Exception):
    """A figure cannot be measured here; the sentence says why."""


@dataclass(frozen=True)
class Result:
    """One figure: the baseline's cost divided by ours, so that higher is better.

    ``median`` (ours) and ``baseline`` are seconds per operation, or bytes where ``unit`` says so.
    ``low`` and ``high`` are the quartiles of the rounds' ratios, ``n`` how many rounds there were.
    ``facts`` are whatever else is worth keeping, as JSON can hold it.
    """

    name: str
    ratio: float
    median: float
    baseline: float
    n: int
    low: float
    high: float
    note: str = ""
    unit: str = "s"
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Turns:
    """What some rounds took, in seconds per operation: of the baseline, and of ours."""

    baseline: list[float]
    ours: list[float]

    def each(self, operations: int) -> Turns:
        """The same where both ways did so many operations in a row."""
        return Turns(
            [one / operations for one in self.baseline], [one / operations for one in self.ours]
        )

    def result(self, name: str, note: str = "", **facts: object) -> Result:
        """The figure that the rounds make."""
        ratios = [slow / fast for slow, fast in zip(self.baseline, self.ours, strict=True)]
        low, middle, high = quartiles(ratios)
        return Result(
            name=name,
            ratio=middle,
            median=median(self.ours),
            baseline=median(self.baseline),
            n=len(ratios),
            low=low,
            high=high,
            note=note,
            facts=facts,
        )


def quartiles(numbers: list[float]) -> tuple[float, float, float]:
    """The lower quartile, the median and the upper quartile; of one number that number."""
    if len(numbers) < 2:
        return (numbers[0],) * 3
    low, middle, high = quantiles(numbers, n=4, method="inclusive")
    return low, middle, high


def rounds_of(usual: int, scale: float, least: int = 3) -> int:
    """How many rounds to take of a figure that usually takes so many."""
    return max(round(usual * scale), least)


@contextmanager
def calm() -> Iterator[None]:
    """Keep the garbage collector from running inside what is timed.

    All that exists already is looked through once and then left out of every later look, so that
    a look between two rounds is short whatever the workload holds.
    """
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def seconds(way: Way, times: int = 1) -> float:
    """Seconds that one operation takes, of so many in a row."""
    began = perf_counter()
    for _ in range(times):
        way()
    return (perf_counter() - began) / times


def in_turns(
    baseline: Way,
    ours: Way,
    *,
    rounds: int,
    warm: int = 1,
    times: int = 1,
    baseline_times: int = 1,
    before: Way | None = None,
) -> Turns:
    """Time a baseline and our way one after the other, in so many rounds.

    ``warm`` rounds before them are not counted. Our way is called ``times`` in a round, the
    baseline ``baseline_times``, for operations that are too short to be timed alone. ``before``
    is called, untimed, before each of the two in each round. The garbage collector runs between
    rounds and never within one.
    """
    turns = Turns([], [])
    with calm():
        for at in range(-warm, rounds):
            gc.collect()
            if before is not None:
                before()
            slow = seconds(baseline, baseline_times)
            if before is not None:
                before()
            fast = seconds(ours, times)
            if at >= 0:
                turns.baseline.append(slow)
                turns.ours.append(fast)
    return turns
