"""Public holidays as closures."""

from __future__ import annotations

import sys
from datetime import date

import pytest

from medsched.adapters.holidays import holiday_overrides
from medsched.domain.availability import OverrideKind
from medsched.domain.records import Resource, ResourceKind
from medsched.errors import InvalidChoice, InvalidNumber, MissingExtra

PRACTICE = Resource(ResourceKind.PRACTICE, "riverside")


def test_each_holiday_is_a_closure_with_its_name() -> None:
    pytest.importorskip("holidays")
    found = holiday_overrides(PRACTICE, "US", [2027, 2026], "WA")
    assert [one.first for one in found] == sorted(one.first for one in found)
    assert {one.first.year for one in found} == {2026, 2027}
    assert all(one.kind is OverrideKind.CLOSED and one.first == one.last for one in found)
    assert all(one.resource == PRACTICE and not one.windows for one in found)
    named = {one.first: (one.id, one.reason) for one in found}
    assert named[date(2026, 12, 25)] == (
        "practice riverside holiday US-WA 2026-12-25",
        "Christmas Day",
    )
    assert found == holiday_overrides(PRACTICE, "US", range(2026, 2028), "WA")


def test_what_a_weekend_moves_can_be_left_out() -> None:
    pytest.importorskip("holidays")
    moved = {one.first for one in holiday_overrides("smith", "US", 2026)}
    plain = {one.first for one in holiday_overrides("smith", "US", 2026, observed=False)}
    assert moved - plain == {date(2026, 7, 3)}  # Independence Day is a Saturday


@pytest.mark.parametrize(
    "country, subdivision, field",
    [
        ("XX", None, "country"),
        ("us", None, "country"),
        ("", None, "country"),
        ("US", "XX", "subdivision"),
    ],
)
def test_places_that_are_not_known(country: str, subdivision: str | None, field: str) -> None:
    pytest.importorskip("holidays")
    with pytest.raises(InvalidChoice) as caught:
        holiday_overrides("smith", country, 2026, subdivision)
    assert caught.value.field == field


@pytest.mark.parametrize("year", [1972, 9999])
def test_years_that_are_not_computed_with(year: int) -> None:
    pytest.importorskip("holidays")
    with pytest.raises(InvalidNumber):
        holiday_overrides("smith", "US", year)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "holidays", None)
    with pytest.raises(MissingExtra, match=r"medsched\[holidays\]"):
        holiday_overrides("smith", "US", 2026)
