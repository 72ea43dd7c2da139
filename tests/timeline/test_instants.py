"""Instants and dates as whole numbers, and the doors that let them in."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from medsched.errors import InvalidDuration, InvalidInterval, NaiveDatetime, OutOfRange
from medsched.timeline.instants import (
    FIRST_DATE,
    LAST_DATE,
    check_date,
    date_of,
    day_of,
    instant_of,
    minute_of,
    minutes_in,
    span_of,
)

NOON = datetime(2026, 3, 8, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Nowhere(tzinfo):
    """A tzinfo that does not know its offset: what it is on is naive."""

    def utcoffset(self, when: datetime | None) -> None:
        return None

    tzname = dst = utcoffset


@pytest.mark.parametrize("day", [date(1970, 1, 1), date(1973, 1, 1), date(9998, 12, 31)])
def test_days_there_and_back(day: date) -> None:
    assert date_of(day_of(day)) == day


def test_numbers_count_from_the_epoch() -> None:
    assert day_of(date(1970, 1, 2)) == 1
    assert instant_of(0) == datetime(1970, 1, 1, tzinfo=UTC)
    assert minute_of(datetime(2026, 1, 1, tzinfo=UTC), rounding="down") == 1440 * day_of(
        date(2026, 1, 1)
    )


@pytest.mark.parametrize(
    "instant",
    [
        NOON,
        NOON.astimezone(timezone(timedelta(hours=-7))),
        NOON.astimezone(timezone(timedelta(hours=5, minutes=45))),
        NOON.astimezone(ZoneInfo("UTC")),
    ],
)
def test_any_zone_is_the_same_instant(instant: datetime) -> None:
    minute = minute_of(instant, rounding="up")
    assert instant_of(minute) == NOON
    assert instant_of(minute).tzinfo is UTC


@pytest.mark.parametrize("part", [timedelta(microseconds=1), SECOND, 59 * SECOND])
def test_rounding_is_told(part: timedelta) -> None:
    down, up = (minute_of(NOON + part, rounding=rounding) for rounding in ("down", "up"))
    assert (instant_of(down), instant_of(up)) == (NOON, NOON + timedelta(minutes=1))


def test_a_second_before_the_epoch_rounds_as_any_other() -> None:
    offset = timezone(timedelta(minutes=30, seconds=20))
    instant = datetime(2026, 1, 1, 0, 30, 20, tzinfo=offset)
    assert instant_of(minute_of(instant, rounding="up")) == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=Nowhere()), date(2026, 1, 1), "2026", None],
)
def test_what_is_no_instant_is_refused(value: Any) -> None:
    with pytest.raises(NaiveDatetime) as caught:
        minute_of(value, "opens_at", rounding="down")
    assert (caught.value.field, caught.value.value) == ("opens_at", value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    "value",
    [
        datetime(1972, 12, 31, 23, 59, tzinfo=UTC),
        datetime(9999, 1, 1, 0, 1, tzinfo=UTC),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))),
    ],
)
def test_years_out_of_range_are_refused(value: datetime) -> None:
    with pytest.raises(OutOfRange) as caught:
        minute_of(value, rounding="down")
    assert caught.value.value is value


def test_the_range_is_1973_to_9998() -> None:
    first = datetime(1973, 1, 1, tzinfo=UTC)
    beyond = datetime(9999, 1, 1, tzinfo=UTC)
    assert instant_of(minute_of(first, rounding="down")) == first
    assert instant_of(minute_of(beyond, rounding="down")) == beyond  # as an end
    assert FIRST_DATE.isoformat() == "1973-01-01"
    assert LAST_DATE.isoformat() == "9998-12-31"


def test_spans_round_inward_when_open_and_outward_when_busy() -> None:
    start, end = NOON + SECOND, NOON + timedelta(minutes=5) + SECOND
    noon = minute_of(NOON, rounding="down")
    assert span_of(start, end, inward=True) == (noon + 1, noon + 5)
    assert span_of(start, end, inward=False) == (noon, noon + 6)


def test_an_inward_span_may_be_empty() -> None:
    low, high = span_of(NOON + SECOND, NOON + 2 * SECOND, inward=True)
    assert low == high


@pytest.mark.parametrize("inward", [True, False])
@pytest.mark.parametrize("length", [timedelta(0), -SECOND, timedelta(days=-1)])
def test_a_span_ends_after_it_starts(length: timedelta, inward: bool) -> None:
    with pytest.raises(InvalidInterval) as caught:
        span_of(NOON, NOON + length, inward=inward)
    assert (caught.value.field, caught.value.value) == ("end", (NOON, NOON + length))


@pytest.mark.parametrize("field", ["start", "end"])
def test_a_span_names_its_naive_edge(field: str) -> None:
    edges = {"start": NOON, "end": NOON + SECOND, field: datetime(2026, 1, 1)}
    with pytest.raises(NaiveDatetime) as caught:
        span_of(**edges, inward=True)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "value", [date(1972, 12, 31), date(9999, 1, 1), NOON, "2026-02-30", None, time(9)]
)
def test_only_dates_in_range_pass(value: Any) -> None:
    with pytest.raises(OutOfRange) as caught:
        check_date(value, "first")
    assert (caught.value.field, caught.value.value) == ("first", value)


def test_a_good_date_comes_back() -> None:
    assert check_date(date(2024, 2, 29), "first") == date(2024, 2, 29)


@pytest.mark.parametrize(
    "value, why",
    [
        (timedelta(0), "longer than zero"),
        (timedelta(minutes=-5), "longer than zero"),
        (timedelta(seconds=90), "whole number of minutes"),
        (timedelta(microseconds=1), "whole number of minutes"),
        (timedelta(hours=2, minutes=1), "at most"),
        (30, "timedelta"),
        ("30", "timedelta"),
        (None, "timedelta"),
    ],
)
def test_durations_that_are_refused(value: Any, why: str) -> None:
    with pytest.raises(InvalidDuration, match=why) as caught:
        minutes_in(value, "slot", most=120)
    assert (caught.value.field, caught.value.value) == ("slot", value)


def test_the_least_of_a_duration_is_told() -> None:
    assert minutes_in(timedelta(0), "buffer", least=0) == 0
    with pytest.raises(InvalidDuration, match="negative"):
        minutes_in(timedelta(minutes=-1), "buffer", least=0)
    with pytest.raises(InvalidDuration, match="at least 5 minutes"):
        minutes_in(timedelta(minutes=4), "slot", least=5)
    assert minutes_in(timedelta(minutes=5), "slot", least=5, most=5) == 5
