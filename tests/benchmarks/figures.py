"""Every figure of the suite: its goal, and the function that measures it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Final

from tests.benchmarks.turns import Result

Measure = Callable[[float], Iterable[Result]]
"""What measures some figures: given how many rounds to take, as a factor, it yields them."""


@dataclass(frozen=True)
class Figure:
    """A figure's goal, None where there is none, and where it is measured: ``module:function``.

    A function may measure several figures. Its module is loaded when it is asked for, since
    some need what is not installed everywhere.
    """

    goal: float | None
    where: str

    @property
    def family(self) -> str:
        """The module it is measured in."""
        return self.where.partition(":")[0]

    def measure(self) -> Measure:
        """The function that measures it; `ModuleNotFoundError` where what it needs is missing."""
        module, _, name = self.where.partition(":")
        found: Measure = getattr(import_module(f"tests.benchmarks.{module}"), name)
        return found


FIGURES: Final[dict[str, Figure]] = {
    "slots_cold": Figure(80, "slots:against_naive"),
    "slots_warm": Figure(200, "slots:against_naive"),
    "slots_cold_in_zone": Figure(None, "slots:against_naive"),
    "slots_cold_competent": Figure(6, "slots:against_competent"),
    "slots_ordinary": Figure(None, "slots:ordinary_week"),
    "slots_many_rules": Figure(1, "slots:many_rules"),
    "explain_day": Figure(0.1, "slots:explain_day"),
    "first_free_raw": Figure(150, "first_free:raw"),
    "first_free_ledger": Figure(2000, "first_free:ledger"),
    "pool_earliest": Figure(300, "first_free:pool"),
    "book_memory": Figure(0.25, "memory:book"),
    "memory_per_provider": Figure(0.5, "memory:held"),
    "search_100": Figure(100, "search:postgresql"),
    "search_800": Figure(150, "search:postgresql"),
    "search_vs_slots_time": Figure(0.8, "search:postgresql"),
    "search_vs_slots_bytes": Figure(15, "search:postgresql"),
    "book_pg_1": Figure(0.55, "booking:postgresql"),
    "book_pg_1_write": Figure(0.55, "booking:postgresql"),
    "book_pg_16": Figure(0.30, "booking:postgresql"),
    "book_pg_hot": Figure(100, "booking:postgresql"),
    "book_pg_hot_usual": Figure(None, "booking:postgresql"),
    "book_sqlite": Figure(0.45, "booking:sqlite"),
    "book_sqlite_write": Figure(0.45, "booking:sqlite"),
    "book_mariadb": Figure(0.25, "booking:mariadb"),
    "book_mariadb_write": Figure(0.25, "booking:mariadb"),
    "secure_booking": Figure(0.7, "security:booking"),
    "import_time": Figure(0.5, "imports:import_time"),
    "growth_providers": Figure(None, "growth:providers"),
    "growth_days": Figure(None, "growth:days"),
    "growth_bookings": Figure(None, "growth:bookings"),
    "growth_rules": Figure(None, "growth:rules"),
}
"""In the order in which they are measured and told."""


def chosen(names: Iterable[str]) -> dict[str, Figure]:
    """The figures of some names, of figures or families; all for no name. `KeyError` for others."""
    wanted = set(names)
    known = {*FIGURES, *(one.family for one in FIGURES.values())}
    if unknown := wanted - known:
        raise KeyError(", ".join(sorted(unknown)))
    return {
        name: one
        for name, one in FIGURES.items()
        if not wanted or name in wanted or one.family in wanted
    }
