"""The practice, its places, rooms and devices."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
import pytest

from medsched.domain.places import Address, Device, Location, LocationKind, PracticeSettings, Room
from medsched.domain.records import Resource, ResourceKind
from medsched.errors import InvalidChoice, InvalidDuration, InvalidText, UnknownZone

MINUTE = timedelta(minutes=1)
BAD_LENGTHS: list[Any] = [timedelta(0), -MINUTE, timedelta(seconds=1), timedelta(days=8)]


@pytest.mark.parametrize(
    "place, kind",
    [
        (PracticeSettings(id="x"), ResourceKind.PRACTICE),
        (Location(id="x"), ResourceKind.LOCATION),
        (Room(id="x", location="l"), ResourceKind.ROOM),
        (Device(id="x"), ResourceKind.DEVICE),
    ],
)
def test_each_is_a_resource(place: Any, kind: ResourceKind) -> None:
    assert place.resource == Resource(kind, "x")
    for field in attrs.fields(type(place)):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(place, field.name, None)


def test_an_address_reads_as_one_line() -> None:
    address = Address(
        line="1 Main St", city="Spokane", state="WA", postal_code="99201", country="US"
    )
    assert str(address) == "1 Main St, Spokane, WA 99201, US"
    assert str(Address(city="Spokane", state="WA")) == "Spokane, WA"
    assert str(Address()) == ""


@pytest.mark.parametrize(
    "field, most", [("line", 255), ("city", 255), ("postal_code", 20), ("country", 60)]
)
def test_an_address_has_bounds(field: str, most: int) -> None:
    Address(**{field: "x" * most})
    with pytest.raises(InvalidText) as caught:
        Address(**{field: "x" * (most + 1)})
    assert (caught.value.field, caught.value.value) == (field, most + 1)


def test_a_location_is_of_a_kind() -> None:
    telemedicine: Any = "telemedicine"
    assert Location(kind=telemedicine).kind is LocationKind.TELEMEDICINE
    nothing: Any = "spa"
    with pytest.raises(InvalidChoice) as caught:
        Location(kind=nothing)
    assert (caught.value.field, caught.value.value) == ("LocationKind", "spa")


@pytest.mark.parametrize("make", [PracticeSettings, Location])
def test_a_zone_has_the_form_of_a_name(make: Any) -> None:
    for zone in ("", "America/New_York\0"):
        with pytest.raises(UnknownZone) as caught:
            make(timezone=zone)
        assert caught.value.name == zone
    assert make(timezone="America/New_York").timezone == "America/New_York"


def test_slot_lengths_of_a_practice_have_bounds() -> None:
    practice = PracticeSettings(shortest_slot=10 * MINUTE, longest_slot=60 * MINUTE)
    for good in (10, 60):
        practice.check_slot_length(good * MINUTE, "duration")
    for bad in (9, 61):
        with pytest.raises(InvalidDuration, match="10 to 60 minutes") as caught:
            practice.check_slot_length(bad * MINUTE, "slot_duration")
        assert (caught.value.field, caught.value.value) == ("slot_duration", bad * MINUTE)


def test_bounds_of_a_practice_that_are_refused() -> None:
    with pytest.raises(InvalidDuration) as caught:
        PracticeSettings(shortest_slot=60 * MINUTE, longest_slot=30 * MINUTE)
    assert (caught.value.field, caught.value.value) == ("longest_slot", 30 * MINUTE)
    for field in ("shortest_slot", "longest_slot"):
        for bad in BAD_LENGTHS:
            with pytest.raises(InvalidDuration) as caught:
                attrs.evolve(PracticeSettings(), **{field: bad})
            assert (caught.value.field, caught.value.value) == (field, bad)
