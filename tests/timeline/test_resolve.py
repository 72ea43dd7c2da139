"""Skipped and repeated wall times: four policies, in zones that do all there is to do."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from medsched.adapters.tzdata import TzdataZones
from medsched.errors import AmbiguousTime, MedschedError, NonexistentTime, OutOfRange
from medsched.timeline.instants import DAY, date_of, day_of, instant_of, minute_of
from medsched.timeline.resolve import Disambiguation, at_wall, date_span, is_plain, resolve

COMPATIBLE, EARLIER, LATER, REJECT = Disambiguation
ZONES = TzdataZones()


def wall(text: str) -> int:
    return minute_of(datetime.fromisoformat(text).replace(tzinfo=UTC), rounding="down")


def utc(zone: str, text: str, policy: Disambiguation) -> str:
    return f"{instant_of(resolve(ZONES.zone(zone), wall(text), policy)):%m-%d %H:%M}"


GAPS = {
    # zone, wall: the instant by the offset before the change (later), and after it (earlier)
    ("America/New_York", "2024-03-10 02:30"): ("03-10 07:30", "03-10 06:30"),
    ("America/New_York", "2024-03-10 02:00"): ("03-10 07:00", "03-10 06:00"),
    ("Australia/Lord_Howe", "2026-10-04 02:15"): ("10-03 15:45", "10-03 15:15"),
    ("Antarctica/Troll", "2026-03-29 02:00"): ("03-29 02:00", "03-29 00:00"),
    ("Asia/Beirut", "2026-03-29 00:00"): ("03-28 22:00", "03-28 21:00"),
    ("America/Santiago", "2026-09-06 00:30"): ("09-06 04:30", "09-06 03:30"),
    ("Africa/Cairo", "2026-04-24 00:59"): ("04-23 22:59", "04-23 21:59"),
    ("Africa/Casablanca", "2026-03-22 02:30"): ("03-22 02:30", "03-22 01:30"),
    ("America/St_Johns", "2010-03-14 00:31"): ("03-14 04:01", "03-14 03:01"),
    ("Pacific/Apia", "2011-12-30 12:00"): ("12-30 22:00", "12-29 22:00"),
    ("Pacific/Kwajalein", "1993-08-21 23:59"): ("08-22 11:59", "08-21 11:59"),
}

FOLDS = {
    # zone, wall: the first showing, and the second
    ("America/New_York", "2024-11-03 01:30"): ("11-03 05:30", "11-03 06:30"),
    ("America/New_York", "2024-11-03 01:00"): ("11-03 05:00", "11-03 06:00"),
    ("Australia/Lord_Howe", "2026-04-05 01:45"): ("04-04 14:45", "04-04 15:15"),
    ("Antarctica/Troll", "2026-10-25 01:00"): ("10-24 23:00", "10-25 01:00"),
    ("Asia/Beirut", "2026-10-24 23:30"): ("10-24 20:30", "10-24 21:30"),
    ("America/Santiago", "2026-04-04 23:59"): ("04-05 02:59", "04-05 03:59"),
    ("Africa/Cairo", "2026-10-29 23:00"): ("10-29 20:00", "10-29 21:00"),
    ("Africa/Casablanca", "2026-02-15 02:30"): ("02-15 01:30", "02-15 02:30"),
}

PLAIN = {
    # the minutes on either side of a gap or a fold, and a zone that never changes
    ("America/New_York", "2024-03-10 01:59"): "03-10 06:59",
    ("America/New_York", "2024-03-10 03:00"): "03-10 07:00",
    ("America/New_York", "2024-11-03 00:59"): "11-03 04:59",
    ("America/New_York", "2024-11-03 02:00"): "11-03 07:00",
    ("Pacific/Apia", "2011-12-29 23:59"): "12-30 09:59",
    ("Pacific/Apia", "2011-12-31 00:00"): "12-30 10:00",
    ("Pacific/Kwajalein", "1993-08-20 23:59"): "08-21 11:59",
    ("Pacific/Kwajalein", "1993-08-22 00:00"): "08-21 12:00",
    ("Asia/Kathmandu", "2026-03-29 02:30"): "03-28 20:45",
    ("UTC", "2026-03-29 02:30"): "03-29 02:30",
}


@pytest.mark.parametrize("zone, text", GAPS)
def test_a_skipped_time(zone: str, text: str) -> None:
    by_before, by_after = GAPS[zone, text]
    assert utc(zone, text, COMPATIBLE) == utc(zone, text, LATER) == by_before
    assert utc(zone, text, EARLIER) == by_after
    assert not is_plain(ZONES.zone(zone), wall(text))
    with pytest.raises(NonexistentTime) as caught:
        utc(zone, text, REJECT)
    assert (caught.value.wall, caught.value.zone) == (datetime.fromisoformat(text), zone)
    assert str(caught.value) == f"{text} does not exist in {zone}: the clock skips it"


@pytest.mark.parametrize("zone, text", FOLDS)
def test_a_repeated_time(zone: str, text: str) -> None:
    first, second = FOLDS[zone, text]
    assert utc(zone, text, COMPATIBLE) == utc(zone, text, EARLIER) == first
    assert utc(zone, text, LATER) == second
    assert not is_plain(ZONES.zone(zone), wall(text))
    with pytest.raises(AmbiguousTime) as caught:
        utc(zone, text, REJECT)
    assert (caught.value.wall, caught.value.zone) == (datetime.fromisoformat(text), zone)
    assert str(caught.value) == f"{text} comes twice in {zone}: say which one is meant"


@pytest.mark.parametrize("zone, text", PLAIN)
def test_a_plain_time_is_the_same_under_every_policy(zone: str, text: str) -> None:
    assert {utc(zone, text, policy) for policy in Disambiguation} == {PLAIN[zone, text]}
    assert is_plain(ZONES.zone(zone), wall(text))


@pytest.mark.parametrize("key", sorted({zone for zone, _ in [*GAPS, *FOLDS, *PLAIN]}))
def test_compatible_is_what_zoneinfo_does(key: str) -> None:
    """Around every change of two decades: PEP 495's first showing, gaps moved by their length."""
    zone = ZONES.zone(key)
    for at, before, after in zone.changes(wall("1993-01-01"), wall("2027-01-01")):
        edges = (at + before, at + after)
        for minute in {edge + away for edge in edges for away in (-31, -1, 0, 1, 31)}:
            naive = instant_of(minute).replace(tzinfo=zone.tzinfo)
            assert instant_of(resolve(zone, minute, COMPATIBLE)) == naive.astimezone(UTC)


# -------------------------------------------------------- one time asked for


@pytest.mark.parametrize("zone, text", GAPS)
@pytest.mark.parametrize("fold", [None, 0, 1])
def test_a_skipped_time_asked_for_is_refused(zone: str, text: str, fold: int | None) -> None:
    asked = datetime.fromisoformat(text)
    for given in (asked, asked.replace(fold=1)):
        with pytest.raises(NonexistentTime) as caught:
            at_wall(ZONES.zone(zone), given, fold=fold)
        assert caught.value.zone == zone


@pytest.mark.parametrize("zone, text", FOLDS)
def test_a_repeated_time_asked_for_needs_to_say_which(zone: str, text: str) -> None:
    first, second = FOLDS[zone, text]
    asked, place = datetime.fromisoformat(text), ZONES.zone(zone)
    with pytest.raises(AmbiguousTime):
        at_wall(place, asked)
    assert f"{at_wall(place, asked, fold=0):%m-%d %H:%M}" == first
    assert f"{at_wall(place, asked, fold=1):%m-%d %H:%M}" == second
    assert f"{at_wall(place, asked.replace(fold=1)):%m-%d %H:%M}" == second
    assert f"{at_wall(place, asked.replace(fold=1), fold=0):%m-%d %H:%M}" == first


@pytest.mark.parametrize("zone, text", PLAIN)
@pytest.mark.parametrize("fold", [None, 0, 1])
def test_a_plain_time_asked_for_is_met_exactly(zone: str, text: str, fold: int | None) -> None:
    found = at_wall(ZONES.zone(zone), datetime.fromisoformat(text), fold=fold)
    assert found.tzinfo is UTC
    assert found.astimezone(ZONES.zone(zone).tzinfo).replace(tzinfo=None, fold=0) == (
        datetime.fromisoformat(text)
    )


@pytest.mark.parametrize("key", sorted({zone for zone, _ in [*GAPS, *FOLDS]}))
def test_what_is_asked_for_is_shown_or_refused(key: str) -> None:
    """Every minute within two hours of every change of four years: never moved silently."""
    zone = ZONES.zone(key)
    years = [(1993, 1994), (2010, 2012), (2026, 2027)]
    for first, beyond in years:
        for at, before, after in zone.changes(wall(f"{first}-01-01"), wall(f"{beyond}-01-01")):
            low, high = at + min(before, after) - 120, at + max(before, after) + 120
            for minute in range(low, high, 7):
                asked = instant_of(minute).replace(tzinfo=None)
                for fold in (None, 0, 1):
                    try:
                        found = at_wall(zone, asked, fold=fold)
                    except MedschedError:
                        assert not is_plain(zone, minute)
                    else:
                        assert (
                            zone.local(minute_of(found, rounding="up")).replace(tzinfo=None, fold=0)
                            == asked
                        )


def test_years_out_of_range_are_refused() -> None:
    with pytest.raises(OutOfRange):
        at_wall(ZONES.zone("UTC"), datetime(1972, 12, 31))


def test_a_wall_time_has_no_zone_of_its_own() -> None:
    with pytest.raises(MedschedError):
        at_wall(ZONES.zone("America/New_York"), datetime(2026, 6, 1, 9, tzinfo=UTC))


def test_seconds_are_not_cut_off() -> None:
    with pytest.raises(MedschedError):
        at_wall(ZONES.zone("America/New_York"), datetime(2026, 6, 1, 9, 0, 30))


# --------------------------------------------------------------- local dates


@pytest.mark.parametrize(
    "zone, day, start, hours",
    [
        ("UTC", "2026-03-08", "03-08 00:00", 24),
        ("America/New_York", "2024-03-10", "03-10 05:00", 23),
        ("America/New_York", "2024-11-03", "11-03 04:00", 25),
        ("Australia/Lord_Howe", "2026-10-04", "10-03 13:30", 23.5),
        ("Asia/Beirut", "2026-03-29", "03-28 22:00", 23),  # begins at 01:00
        ("Asia/Beirut", "2026-03-28", "03-27 22:00", 24),
        ("Asia/Beirut", "2026-10-24", "10-23 21:00", 25),
        ("America/Santiago", "2026-09-06", "09-06 04:00", 23),
        ("Africa/Cairo", "2026-04-24", "04-23 22:00", 23),
        ("Pacific/Apia", "2011-12-29", "12-29 10:00", 24),
        ("Pacific/Apia", "2011-12-30", "12-30 10:00", 0),  # the date does not exist
        ("Pacific/Apia", "2011-12-31", "12-30 10:00", 24),
        ("Pacific/Kwajalein", "1993-08-21", "08-21 12:00", 0),
    ],
)
def test_a_local_date(zone: str, day: str, start: str, hours: float) -> None:
    low, high = date_span(ZONES.zone(zone), day_of(date.fromisoformat(day)))
    assert f"{instant_of(low):%m-%d %H:%M}" == start
    assert timedelta(minutes=high - low) == timedelta(hours=hours)


@pytest.mark.parametrize("key", sorted({zone for zone, _ in [*GAPS, *FOLDS]}))
def test_local_dates_follow_one_another(key: str) -> None:
    zone = ZONES.zone(key)
    for first in (date(1993, 1, 1), date(2011, 1, 1), date(2026, 1, 1)):
        days = range(day_of(first), day_of(first) + 365)
        spans = [date_span(zone, day) for day in days]
        assert all(one[1] == other[0] for one, other in pairwise(spans))
        for day, (low, high) in zip(days, spans, strict=True):
            assert low <= high
            for minute in {low, (low + high) // 2, high - 1} if low < high else ():
                assert zone.wall_of(minute) // DAY == day, date_of(day)
