"""What can be said of one slot, and what cannot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from medsched import (
    InvalidChoice,
    InvalidDuration,
    InvalidId,
    InvalidInterval,
    InvalidText,
    MedschedError,
    NaiveDatetime,
    Pricing,
    Resource,
    SlotOverride,
)
from medsched.domain.slot_overrides import slot_override_id
from medsched.domain.slots import SlotKey

NINE = datetime(2026, 1, 5, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def override(**fields: Any) -> SlotOverride:
    return SlotOverride(**{"resource": "smith", "type": "visit", "start": NINE, **fields})


def test_it_says_nothing_of_itself() -> None:
    plain = override()
    assert (plain.offered_as, plain.offered_from, plain.length) == ("visit", NINE, None)
    assert (plain.is_moved, plain.withdrawn) == (False, False)
    assert plain.resource == Resource("provider", "smith")


def test_where_it_is_and_as_what() -> None:
    moved = override(begins=NINE + HOUR, ends=NINE + 2 * HOUR, becomes="check")
    assert (moved.offered_as, moved.offered_from, moved.length) == ("check", NINE + HOUR, 60)
    assert moved.offered_at == moved.minute + 60
    assert moved.is_moved
    for other in (override(begins=NINE), override(ends=NINE + HOUR), override(becomes="visit")):
        assert other.is_moved
    told = override(pricing=Pricing(), notes="x", special_requirements=["y"])
    assert not told.is_moved


def test_times_are_instants() -> None:
    india = timezone(timedelta(hours=5, minutes=30))
    there = override(start=NINE.astimezone(india), begins=(NINE + HOUR).astimezone(india))
    assert there == override(begins=NINE + HOUR)
    assert there.start.tzinfo is UTC


@pytest.mark.parametrize(
    "fields, error",
    [
        ({"resource": Resource("room", "r1")}, InvalidChoice),
        ({"resource": ""}, InvalidId),
        ({"type": ""}, InvalidId),
        ({"becomes": "\0"}, InvalidId),
        ({"start": NINE.replace(tzinfo=None)}, NaiveDatetime),
        ({"start": NINE + timedelta(seconds=1)}, InvalidInterval),
        ({"begins": NINE.replace(tzinfo=None)}, NaiveDatetime),
        ({"begins": NINE + timedelta(microseconds=1)}, InvalidInterval),
        ({"ends": NINE}, InvalidInterval),
        ({"ends": NINE + timedelta(minutes=1, seconds=1)}, InvalidInterval),
        ({"begins": NINE + HOUR, "ends": NINE + HOUR}, InvalidInterval),
        ({"ends": NINE + timedelta(days=7, minutes=1)}, InvalidDuration),
        ({"withdrawn": True, "begins": NINE}, InvalidChoice),
        ({"withdrawn": True, "becomes": "check"}, InvalidChoice),
        ({"withdrawn": True, "pricing": Pricing()}, InvalidChoice),
        ({"notes": "x" * 501}, InvalidText),
        ({"reason": 7}, InvalidText),
        ({"special_requirements": [""]}, InvalidText),
        ({"special_requirements": 7}, InvalidText),
    ],
)
def test_what_it_cannot_be(fields: dict[str, Any], error: type[MedschedError]) -> None:
    with pytest.raises(error):
        override(**fields)


def test_its_id_is_that_of_its_slot() -> None:
    keys = [
        SlotKey("p", "smith", "visit", None, 1),
        SlotKey("p", "smith", "visit", "main", 1),
        SlotKey("p", "smith", "visit", "main", 2),
        SlotKey("q", "smith", "visit", "main", 2),
        SlotKey("p" * 255, "s" * 255, "v" * 255, "m" * 255, 2),
    ]
    made = [slot_override_id(key) for key in keys]
    assert made == [slot_override_id(key) for key in keys]
    assert len(set(made)) == len(made)
    assert max(map(len, made)) <= 255
