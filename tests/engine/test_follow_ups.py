"""Which free slots fulfil a wish, and in which order."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from tests.engine.kit import FOLD, GAP, NY, ask, at, rule

from medsched.domain.slots import Slot
from medsched.domain.wishes import FollowUpWish
from medsched.engine.follow_ups import fitting, nearest
from medsched.engine.slots import list_slots

DAY = timedelta(days=1)
TARGET = date(2026, 3, 10)
"""A Tuesday."""


def slots(hours: str = "09:00-12:00", **fields: Any) -> list[Slot]:
    """The slots of two months around the target."""
    asked = ask(rule(hours, **fields))
    return [*list_slots(asked, at("2026-02-10 00:00", NY), at("2026-04-10 00:00", NY))]


def shown(found: list[Slot] | tuple[Slot, ...], most: int | None = None) -> list[str]:
    return [f"{one.local_start:%m-%d %H:%M}" for one in found[:most]]


def test_the_date_itself() -> None:
    found = fitting(slots(), FollowUpWish(after=DAY), TARGET)
    assert shown(found) == [
        *("03-10 09:00", "03-10 09:30", "03-10 10:00", "03-10 10:30", "03-10 11:00"),
        "03-10 11:30",
    ]


def test_then_the_dates_around_it_the_earlier_first() -> None:
    wish = FollowUpWish(after=DAY, give_or_take=2 * DAY, hours="09:00-10:00")
    found = fitting(reversed(slots()), wish, TARGET)
    assert shown(found) == [
        *("03-10 09:00", "03-10 09:30", "03-09 09:00", "03-09 09:30", "03-11 09:00"),
        *("03-11 09:30", "03-08 09:00", "03-08 09:30", "03-12 09:00", "03-12 09:30"),
    ]


@pytest.mark.parametrize(
    "wish, first",
    [
        ({"hours": "10:01-11:00"}, "03-10 10:30"),
        ({"hours": "10:30-10:31"}, "03-10 10:30"),
        ({"hours": "10:31-11:00"}, None),
        ({"weekdays": "MO"}, "03-09 09:00"),
        ({"weekdays": "WE,FR"}, "03-11 09:00"),
        ({"location": "main"}, None),
        ({"location": None}, "03-10 09:00"),
    ],
)
def test_hours_weekdays_and_place(wish: dict[str, Any], first: str | None) -> None:
    found = fitting(slots(), FollowUpWish(after=DAY, give_or_take=7 * DAY, **wish), TARGET)
    assert shown(found, 1) == ([] if first is None else [first])


def test_hours_past_midnight_are_of_the_day_that_the_start_is_on() -> None:
    wish = FollowUpWish(after=DAY, hours="23:00-01:00 overnight")
    found = fitting(slots("20:00-04:00 overnight"), wish, TARGET)
    assert shown(found) == ["03-10 00:00", "03-10 00:30", "03-10 23:00", "03-10 23:30"]


@pytest.mark.parametrize("day, hours", [(GAP, 23), (FOLD, 25)])
def test_all_hours_of_a_day_with_a_clock_change(day: date, hours: int) -> None:
    asked = ask(rule("00:00-24:00"))
    whole = list_slots(asked, at(f"{day} 00:00", NY), at(f"{day + DAY} 00:00", NY))
    around = list_slots(asked, at(f"{day - DAY} 00:00", NY), at(f"{day + 2 * DAY} 00:00", NY))
    found = fitting(around, FollowUpWish(after=DAY), day)
    assert found == [*whole]
    assert len(found) == 2 * hours


def test_the_order_is_one_and_the_same_however_they_come() -> None:
    seed = Random().randrange(10**6)
    random, whole = Random(seed), slots()
    for _ in range(50):
        some = random.sample(whole, 40)
        wish = FollowUpWish(after=DAY, give_or_take=random.randint(0, 20) * DAY)
        found = fitting(some, wish, TARGET)
        assert found == fitting(sorted(some), wish, TARGET), f"seed {seed}"
        far = [abs(one.date - TARGET) for one in found]
        assert far == sorted(far), f"seed {seed}"
        left = set(some) - set(found)
        assert all(abs(one.date - TARGET) > wish.give_or_take for one in left), f"seed {seed}"
        for one, other in pairwise(found):
            if one.date == other.date:
                assert one.start < other.start, f"seed {seed}"


def test_the_nearest_whatever_was_wished_for() -> None:
    closed = [one for one in slots() if abs(one.date - TARGET) > 2 * DAY]
    assert shown(nearest(closed, TARGET, 2)) == ["03-07 09:00", "03-07 09:30"]
    assert nearest([], TARGET, 3) == ()
