"""How cost grows: each workload in five sizes, a line fitted through their logarithms.

An exponent of 1 is cost that grows as fast as the workload, 0 cost that does not grow. The ratio
of a figure is what the largest size would cost if cost were proportional, divided by what it does
cost: 1 or more is linear or better.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import log
from statistics import linear_regression, median

from tests.benchmarks.first_free import Crowd
from tests.benchmarks.slots import LENGTH, Clinic, Span, listed_cold, many
from tests.benchmarks.turns import Result, Way, calm, quartiles, rounds_of, seconds

from medsched.adapters.tzdata import TzdataZones
from medsched.domain.appointment_types import AppointmentType
from medsched.domain.claims import Claim
from medsched.domain.requests import Request
from medsched.engine.inquiry import Inquiry
from medsched.engine.slots import list_slots


@dataclass(frozen=True)
class Growth:
    """What some sizes of a workload cost, in seconds."""

    name: str
    sizes: Sequence[int]
    taken: Mapping[int, Sequence[float]]

    @property
    def medians(self) -> list[float]:
        """What each size costs."""
        return [median(self.taken[size]) for size in self.sizes]

    @property
    def exponent(self) -> float:
        """The slope of the line through the logarithms of sizes and costs."""
        return linear_regression(list(map(log, self.sizes)), list(map(log, self.medians))).slope

    def result(self) -> Result:
        """The figure: how much better than proportional the largest size is."""
        times = self.sizes[-1] / self.sizes[0]
        first, last = self.taken[self.sizes[0]], self.taken[self.sizes[-1]]
        ratios = [times * few / lots for few, lots in zip(first, last, strict=True)]
        low, middle, high = quartiles(ratios)
        return Result(
            name=self.name,
            ratio=middle,
            median=self.medians[-1],
            baseline=times * self.medians[0],
            n=len(ratios),
            low=low,
            high=high,
            note=f"exponent {self.exponent:.2f}, from {self.sizes[0]:,} to {self.sizes[-1]:,}",
            facts={
                "exponent": self.exponent,
                "sizes": list(self.sizes),
                "seconds": self.medians,
            },
        )


def measured(name: str, ways: Mapping[int, Way], rounds: int) -> Growth:
    """Time some sizes of a workload in turns."""
    taken: dict[int, list[float]] = {size: [] for size in ways}
    with calm():
        for at in range(-1, rounds):
            for size, way in ways.items():
                spent = seconds(way)
                if at >= 0:
                    taken[size].append(spent)
    return Growth(name, list(ways), taken)


def _sizes(*sizes: int, scale: float) -> tuple[int, ...]:
    """The sizes to measure: of a run that is only to show that it works, the first two."""
    return sizes if scale >= 0.1 else sizes[:2]


def days(scale: float) -> Iterator[Result]:
    """The days that are listed, of one provider whose every fourth slot is booked."""
    ways = {size: _listed(Clinic(size, size * 5 // 2)) for size in _days(scale)}
    yield measured("growth_days", ways, rounds_of(30, scale)).result()


def _days(scale: float) -> tuple[int, ...]:
    return _sizes(42, 84, 168, 336, 672, scale=scale)


def bookings(scale: float) -> Iterator[Result]:
    """The bookings among the slots of twelve weeks."""
    sizes = _sizes(48, 96, 192, 384, 768, scale=scale)
    ways = {size: _listed(Clinic(84, size)) for size in sizes}
    yield measured("growth_bookings", ways, rounds_of(30, scale)).result()


def rules(scale: float) -> Iterator[Result]:
    """The rules that open the same time, in ever smaller parts."""
    sizes, span = _sizes(1, 2, 4, 8, 16, scale=scale), Clinic().span
    length = timedelta(minutes=16)
    ways = {10 * times: listed_cold(many(times), span, length) for times in sizes}
    yield measured("growth_rules", ways, rounds_of(20, scale)).result()


def providers(scale: float) -> Iterator[Result]:
    """The providers among whom the first free slot of each is looked for, for two weeks."""
    ways: dict[int, Way] = {}
    for size in _sizes(100, 200, 400, 800, 1600, scale=scale):
        ways[size] = _searched(Crowd(size, days=14))
    yield measured("growth_providers", ways, rounds_of(40, scale)).result()


def _searched(crowd: Crowd) -> Way:
    clinic = crowd.practice()
    return lambda: clinic.search.first_of_each(crowd.search)


def _listed(clinic: Clinic) -> Way:
    schedule, zones, span = clinic.schedule(), TzdataZones(), clinic.span
    request = Request(AppointmentType(code="visit", duration=LENGTH))
    whose = schedule.provider.resource
    claims = {whose: [Claim.of(whose, one.start, one.end) for one in clinic.booked()]}
    expected = len(clinic.competent([Span(one.start, one.end) for one in claims[whose]]))

    def way() -> int:
        return len(
            list(list_slots(Inquiry(schedule, request, zones, claims), span.start, span.end))
        )

    assert way() == expected, "the ways disagree"
    return way
