"""Appointment types: grids, prices and needs."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import attrs
import pytest

from medsched.domain.appointment_types import (
    AppointmentType,
    Grid,
    GridKind,
    Modality,
    Need,
    Pricing,
)
from medsched.domain.records import Resource, ResourceKind
from medsched.errors import (
    InvalidChoice,
    InvalidDuration,
    InvalidId,
    InvalidNumber,
    InvalidValue,
)

MINUTE = timedelta(minutes=1)
ROOM, DEVICE = Resource(ResourceKind.ROOM, "1"), Resource(ResourceKind.DEVICE, "mri")


def test_a_type_is_named_by_its_code() -> None:
    visit = AppointmentType(
        code="visit", duration=30 * MINUTE, buffer_before=5 * MINUTE, buffer_after=10 * MINUTE
    )
    assert (visit.id, visit.before, visit.after) == ("visit", 5, 10)
    assert (visit.capacity, visit.modality, visit.needs) == (None, Modality.IN_PERSON, ())
    for field in attrs.fields(AppointmentType):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(visit, field.name, None)


@pytest.mark.parametrize("field, value", [("modality", "fax"), ("capacity", 0)])
def test_what_a_type_refuses(field: str, value: Any) -> None:
    with pytest.raises((InvalidChoice, InvalidNumber)) as caught:
        AppointmentType(code="visit", duration=30 * MINUTE, **{field: value})
    assert caught.value.value == value


# ----------------------------------------------------------------------- grids


def test_three_grids() -> None:
    assert Grid.window() == Grid() == Grid(GridKind.WINDOW)
    assert Grid.packed().kind is GridKind.PACKED
    clock = Grid.clock(20 * MINUTE, offset=5 * MINUTE)
    assert (clock.kind, clock.interval, clock.offset) == (
        GridKind.CLOCK,
        20 * MINUTE,
        5 * MINUTE,
    )


@pytest.mark.parametrize(
    "interval",
    [timedelta(0), -MINUTE, timedelta(seconds=30), timedelta(days=1) + MINUTE, 15],
)
def test_intervals_that_are_refused(interval: Any) -> None:
    with pytest.raises(InvalidDuration) as caught:
        Grid.clock(interval)
    assert (caught.value.field, caught.value.value) == ("interval", interval)


@pytest.mark.parametrize("offset", [15 * MINUTE, 16 * MINUTE, -MINUTE, timedelta(seconds=1)])
def test_an_offset_is_shorter_than_the_interval(offset: timedelta) -> None:
    with pytest.raises(InvalidDuration) as caught:
        Grid.clock(15 * MINUTE, offset=offset)
    assert (caught.value.field, caught.value.value) == ("offset", offset)


@pytest.mark.parametrize(
    "kind, interval",
    [(GridKind.WINDOW, 15 * MINUTE), (GridKind.PACKED, 15 * MINUTE), (GridKind.CLOCK, None)],
)
def test_an_interval_goes_with_the_clock(kind: GridKind, interval: timedelta | None) -> None:
    with pytest.raises(InvalidDuration) as caught:
        Grid(kind, interval=interval)
    assert (caught.value.field, caught.value.value) == ("interval", interval)


def test_a_grid_of_no_kind() -> None:
    nothing: Any = "sundial"
    with pytest.raises(InvalidChoice) as caught:
        Grid(nothing)
    assert (caught.value.field, caught.value.value) == ("GridKind", "sundial")


# ---------------------------------------------------------------------- prices


@pytest.mark.parametrize(
    "fee, expected", [(80, "80"), ("79.90", "79.90"), (0.1, "0.1"), (Decimal("1E+2"), "1E+2")]
)
def test_money_is_exact(fee: Any, expected: str) -> None:
    assert Pricing(base_fee=fee).base_fee == Decimal(expected)


@pytest.mark.parametrize("fee", ["", "ten", "1,5", "$5", None, [], "-1", -0.01, "1e13", "Infinity"])
def test_money_that_is_refused(fee: Any) -> None:
    with pytest.raises((InvalidChoice, InvalidNumber)) as caught:
        Pricing(base_fee=fee)
    assert caught.value.field == "base_fee"


@pytest.mark.parametrize("fee", ["NaN", "sNaN", float("nan"), Decimal("NaN")])
def test_money_that_is_no_number(fee: Any) -> None:
    with pytest.raises(InvalidNumber) as caught:
        Pricing(base_fee=fee)
    assert caught.value.field == "base_fee"


@pytest.mark.parametrize("currency", ["usd", "US", "USDT", "", "€", "ÄÖÜ", None, 978])
def test_a_currency_is_three_capital_letters(currency: Any) -> None:
    assert Pricing(currency="EUR").currency == "EUR"
    with pytest.raises(InvalidChoice) as caught:
        Pricing(currency=currency)
    assert (caught.value.field, caught.value.value) == ("currency", currency)


@pytest.mark.parametrize("currency", ["US1", "U-S", "A  "])
def test_a_currency_is_letters_only(currency: str) -> None:
    with pytest.raises(InvalidChoice):
        Pricing(currency=currency)


# ----------------------------------------------------------------------- needs


def test_needs() -> None:
    assert Need.room("1", "2").one_of == {ROOM, Resource(ResourceKind.ROOM, "2")}
    assert Need.device("mri", before=5 * MINUTE, after=10 * MINUTE) == Need(
        DEVICE, buffer_before=5 * MINUTE, buffer_after=10 * MINUTE
    )
    assert Need(ROOM) == Need([ROOM]) == Need.room("1")


@pytest.mark.parametrize(
    "alternatives, error",
    [
        ([], InvalidChoice),
        ([ROOM, DEVICE], InvalidChoice),
        ([Resource(ResourceKind.PROVIDER, "smith")], InvalidChoice),
        ([Resource(ResourceKind.PATIENT, "ada")], InvalidChoice),
        ([Resource(ResourceKind.LOCATION, "clinic")], InvalidChoice),
    ],
)
def test_needs_that_are_refused(alternatives: list[Resource], error: type[InvalidValue]) -> None:
    with pytest.raises(error) as caught:
        Need(alternatives)
    assert caught.value.field == "one_of"


def test_a_need_names_somebody_and_waits_no_negative_time() -> None:
    with pytest.raises(InvalidChoice):
        Need.room()
    with pytest.raises(InvalidId):
        Need.room("")
    for field in ("before", "after"):
        with pytest.raises(InvalidDuration) as caught:
            Need.room("1", **{field: -MINUTE})
        assert (caught.value.field, caught.value.value) == (f"buffer_{field}", -MINUTE)
