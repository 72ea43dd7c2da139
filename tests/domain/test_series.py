"""A series: its dates counted, its scopes, and what it refuses to be."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from medsched.domain.hours import Hours
from medsched.domain.series import (
    MOST_OCCURRENCES,
    Occurrence,
    Series,
    SeriesScope,
    check_recurrence,
    occurrence_dates,
)
from medsched.domain.wishes import FollowUpWish
from medsched.errors import (
    InvalidChoice,
    InvalidDuration,
    InvalidHours,
    InvalidId,
    InvalidRecurrence,
    InvalidWallTime,
    MedschedError,
    TooManyOccurrences,
    UnknownZone,
)
from medsched.timeline.recurrence import Recurrence
from medsched.timeline.weekdays import Weekday

START = date(2026, 1, 6)
DAY = timedelta(days=1)


def series(**fields: Any) -> Series:
    usual: dict[str, Any] = {
        "patient": "ada",
        "provider": "smith",
        "type": "physio",
        "recurrence": Recurrence.weekly("TU", start=START, count=4),
        "at": time(9, 30),
        "timezone": "America/New_York",
    }
    return Series(**usual | fields)


class TestDates:
    def test_ten_tuesdays(self) -> None:
        found = occurrence_dates(Recurrence.weekly("TU", start=START, count=10))
        assert (found[0], found[-1], len(found)) == (START, date(2026, 3, 10), 10)

    def test_as_many_as_may_be(self) -> None:
        assert len(occurrence_dates(Recurrence.daily(START, count=MOST_OCCURRENCES))) == 366

    @pytest.mark.parametrize(
        "recurrence, counted",
        [
            (Recurrence.daily(START, count=367), 367),
            (Recurrence.daily(START, count=10_000), 10_000),
            (Recurrence.daily(START, until=date(9998, 12, 31)), 2_912_073),
            (Recurrence.weekly("TU", start=START, until=START + 700 * 7 * DAY), 701),
            (Recurrence.dates(*(START + day * DAY for day in range(400))), 400),
            (Recurrence.daily(START, count=400, exdates=[START + 9 * DAY]), 399),
        ],
    )
    def test_too_many_are_counted(self, recurrence: Recurrence, counted: int) -> None:
        with pytest.raises(TooManyOccurrences, match=r"at most 366.*got \d+") as caught:
            occurrence_dates(recurrence)
        assert (caught.value.field, caught.value.value) == ("recurrence", counted)
        assert isinstance(caught.value, InvalidRecurrence)

    def test_one_without_an_end_is_not_counted(self) -> None:
        with pytest.raises(TooManyOccurrences, match="a series ends") as caught:
            occurrence_dates(Recurrence.daily(START))
        assert caught.value.value is None

    def test_dates_of_the_host_lie_anywhere(self) -> None:
        far = [date(2019, 1, 1), date(9000, 1, 1)]
        assert occurrence_dates(Recurrence.daily(START, count=1, rdates=far)) == (
            date(2019, 1, 1),
            START,
            date(9000, 1, 1),
        )

    def test_they_are_those_of_the_recurrence(self) -> None:
        seed = Random().randrange(10**6)
        random = Random(seed)
        for _ in range(100):
            count, every = random.randint(1, 500), random.randint(1, 40)
            wanted = [START + every * at * DAY for at in range(count)]
            taken = {day for day in wanted if random.random() < 0.3}
            left = [day for day in wanted if day not in taken]
            if not left:
                continue
            recurrence = Recurrence.daily(START, every=every, count=count, exdates=taken)
            if len(left) <= MOST_OCCURRENCES:
                assert list(occurrence_dates(recurrence)) == left, f"seed {seed}"
                continue
            with pytest.raises(TooManyOccurrences) as caught:
                occurrence_dates(recurrence)
            assert caught.value.value == len(left), f"seed {seed}"

    @pytest.mark.parametrize("value", [None, "FREQ=WEEKLY", START, 7])
    def test_nothing_else_is_a_recurrence(self, value: object) -> None:
        with pytest.raises(InvalidRecurrence, match="recurrence: a Recurrence is needed"):
            check_recurrence(value)


class TestSeries:
    def test_scopes(self) -> None:
        dates = [START + week * 7 * DAY for week in range(5)]
        ids = ["a1", None, "a3", "a4", "a5"]
        made = series(occurrences=map(Occurrence, reversed(dates), reversed(ids)))
        assert [one.date for one in made.occurrences] == dates
        assert made.among("a3", SeriesScope.THIS) == ("a3",)
        assert made.among("a3", SeriesScope.FOLLOWING) == ("a3", "a4", "a5")
        assert made.among("a3", SeriesScope.ALL) == ("a1", "a3", "a4", "a5")
        assert made.date_of("a4") == dates[3]
        with pytest.raises(ValueError, match="a2"):
            made.date_of("a2")
        with pytest.raises(InvalidChoice, match="must be one of this, following, all"):
            SeriesScope("these")

    @pytest.mark.parametrize(
        "fields, error",
        [
            ({"patient": ""}, InvalidId),
            ({"provider": "a\0"}, InvalidId),
            ({"type": None}, InvalidId),
            ({"location": ""}, InvalidId),
            ({"recurrence": "FREQ=DAILY"}, InvalidRecurrence),
            ({"at": "09:30"}, InvalidWallTime),
            ({"at": time(9, 30, 1)}, InvalidWallTime),
            ({"at": time(9, 30, 0, 1)}, InvalidWallTime),
            ({"at": time(9, 30, tzinfo=UTC)}, InvalidWallTime),
            ({"at": datetime(2026, 1, 6, 9, 30)}, InvalidWallTime),
            ({"timezone": ""}, UnknownZone),
        ],
    )
    def test_bad_fields(self, fields: dict[str, Any], error: type[MedschedError]) -> None:
        with pytest.raises(error):
            series(**fields)


class TestWish:
    def test_what_is_written_may_be_short(self) -> None:
        wish = FollowUpWish(
            after=42 * DAY,
            give_or_take=7 * DAY,
            hours="08:00-12:00",
            weekdays="MO-WE",
            providers=["jones", "kim", "jones"],
        )
        assert wish.hours == (Hours("08:00", "12:00"),)
        assert wish.weekdays == frozenset({Weekday.MO, Weekday.TU, Weekday.WE})
        assert wish.providers == ("jones", "kim")
        assert FollowUpWish(after=DAY, providers="jones").providers == ("jones",)

    def test_times_of_day(self) -> None:
        anytime, split = (
            FollowUpWish(after=DAY, hours=hours)
            for hours in ((), ["08:00-09:00", "22:00-02:00 overnight"])
        )
        assert all(anytime.takes_time_of_day(minute) for minute in range(1440))
        taken = [minute for minute in range(1440) if split.takes_time_of_day(minute)]
        assert taken == [*range(120), *range(480, 540), *range(1320, 1440)]
        assert sum(after - before > 1 for before, after in pairwise(taken)) == 2

    @pytest.mark.parametrize(
        "fields, error",
        [
            ({"after": 42}, InvalidDuration),
            ({"after": -DAY}, InvalidDuration),
            ({"after": timedelta(hours=36)}, InvalidDuration),
            ({"after": 3661 * DAY}, InvalidDuration),
            ({"after": DAY, "give_or_take": 184 * DAY}, InvalidDuration),
            ({"after": DAY, "give_or_take": timedelta(minutes=1)}, InvalidDuration),
            ({"after": DAY, "hours": "mornings"}, InvalidHours),
            ({"after": DAY, "weekdays": ""}, InvalidRecurrence),
            ({"after": DAY, "weekdays": "XX"}, InvalidRecurrence),
            ({"after": DAY, "providers": [""]}, InvalidId),
            ({"after": DAY, "location": ""}, InvalidId),
        ],
    )
    def test_bad_fields(self, fields: dict[str, Any], error: type[MedschedError]) -> None:
        with pytest.raises(error):
            FollowUpWish(**fields)
