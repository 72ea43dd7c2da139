"""Zones as tables of offsets, and the pinned database they come from."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import tzdata

import medsched
from medsched.adapters.tzdata import TzdataZones
from medsched.errors import UnknownZone
from medsched.timeline.instants import DAY, EPOCH, day_of, instant_of
from medsched.timeline.zones import Zone, ZoneSource

ZONES: ZoneSource = TzdataZones()
NAMES = sorted(ZONES.keys())


def midnight(year: int) -> int:
    return day_of(date(year, 1, 1)) * DAY


# ------------------------------------------------------------------------ Zone


def test_a_table_is_what_its_tzinfo_says() -> None:
    """Every zone, every third hour of a year that has changes in most of them."""
    for name in NAMES:
        zone = ZONES.zone(name)
        for minute in range(midnight(2026), midnight(2027), 24 * 60 * 3 - 77):
            offset = instant_of(minute).astimezone(zone.tzinfo).utcoffset()
            assert offset == timedelta(minutes=zone.offset_at(minute)), (name, minute)
            assert zone.wall_of(minute) == minute + zone.offset_at(minute)


@pytest.mark.parametrize("name", ["America/New_York", "Africa/Casablanca", "Australia/Lord_Howe"])
def test_changes_are_found_to_the_minute(name: str) -> None:
    zone = ZONES.zone(name)
    found = zone.changes(midnight(2020), midnight(2030))
    assert len(found) >= 15
    for at, before, after in found:
        offsets = [
            instant_of(minute).astimezone(zone.tzinfo).utcoffset() for minute in (at - 1, at)
        ]
        assert offsets == [timedelta(minutes=before), timedelta(minutes=after)]
        assert before != after


def test_changes_lie_in_a_half_open_stretch() -> None:
    zone = ZONES.zone("America/New_York")
    ((at, before, after),) = zone.changes(midnight(2024), midnight(2024) + 120 * DAY)
    assert (instant_of(at), before, after) == (datetime(2024, 3, 10, 7, tzinfo=UTC), -300, -240)
    assert zone.changes(at, at + 1) == [(at, before, after)]
    assert zone.changes(at - 10, at) == []
    assert zone.changes(at + 1, at + 10) == []


def test_asking_in_parts_adds_up() -> None:
    zone = ZONES.zone("Africa/Casablanca")
    low, high = midnight(2015), midnight(2035)
    parts = [
        change
        for start in range(low, high, 97 * DAY)
        for change in zone.changes(start, min(start + 97 * DAY, high))
    ]
    assert parts == zone.changes(low, high) == TzdataZones().zone(zone.key).changes(low, high)


@pytest.mark.parametrize("name", ["Africa/Casablanca", "Pacific/Apia", *NAMES[::29]])
def test_an_offset_is_steady_where_nothing_changes(name: str) -> None:
    """Stretches that begin and end at a change, beside it and far away, in one block and in two."""
    zone = ZONES.zone(name)
    changes = zone.changes(midnight(2009), midnight(2013))
    near = {at + by for at, _, _ in changes for by in (-300 * DAY, -1, 0, 1, 7 * DAY, 300 * DAY)}
    for low in {midnight(2010), *near}:
        for high in sorted(one for one in {low + 1, low + 90 * DAY, *near} if one > low):
            within = zone.changes(low + 1, high)
            assert zone.steady(low, high) == (None if within else zone.offset_at(low)), (low, high)


def read_changes(name: str) -> list[tuple[int, int, int]]:
    """The changes of offset that a zone's file lists since 1973, in seconds (RFC 8536)."""
    data = files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    utc, std, leap, times, types, letters = struct.unpack_from(">6l", data, 20)
    at = 44 + times * 5 + types * 6 + letters + leap * 8 + std + utc  # skip the 32-bit block
    _, _, _, times, types, _ = struct.unpack_from(">6l", data, at + 20)
    at += 44
    when = struct.unpack_from(f">{times}q", data, at)
    index = struct.unpack_from(f">{times}B", data, at + 8 * times)
    offsets = [o for o, _, _ in struct.iter_unpack(">lBB", data[at + 9 * times :][: 6 * types])]
    local = [offsets[0], *(offsets[one] for one in index)]
    since = (datetime(1973, 1, 1, tzinfo=UTC) - EPOCH).total_seconds()
    steps = zip(when, local, local[1:], strict=False)
    return [step for step in steps if step[0] >= since and step[1] != step[2]]


def test_no_two_changes_lie_within_six_days() -> None:
    """What finding them by looking every two days rests on: every zone of the release."""
    week = 7 * 24 * 3600
    for name in NAMES:
        listed = [at for at, _, _ in read_changes(name)]
        later = [at * 60 for at, _, _ in ZONES.zone(name).changes(midnight(2037), midnight(2039))]
        for times in (listed, later):
            least = min((two - one for one, two in pairwise(times)), default=week)
            assert least > 6 * week / 7, name


@pytest.mark.parametrize(
    "name",
    ["Africa/Casablanca", "Pacific/Apia", "Pacific/Kwajalein", "Europe/Lisbon", *NAMES[::23]],
)
def test_changes_are_those_of_the_file(name: str) -> None:
    listed = read_changes(name)
    assert all(number % 60 == 0 for change in listed for number in change)
    found = ZONES.zone(name).changes(midnight(1973), midnight(2037))
    in_minutes = [(at // 60, before // 60, after // 60) for at, before, after in listed]
    assert found[: len(in_minutes)] == in_minutes[: len(found)]
    assert len(found) >= len([at for at, _, _ in in_minutes if at < midnight(2037)])


def test_offsets_are_whole_minutes_from_1973_on() -> None:
    for name in NAMES:
        zone = ZONES.zone(name)
        for minute in (midnight(1973), midnight(1980), midnight(2000)):
            offset = instant_of(minute).astimezone(zone.tzinfo).utcoffset()
            assert offset is not None
            assert offset % timedelta(minutes=1) == timedelta(0), name


def test_the_ends_of_time_have_offsets() -> None:
    zone = ZONES.zone("America/New_York")
    assert zone.offset_at(midnight(1973)) == -300
    last = day_of(date(9998, 12, 31)) * DAY + DAY - 1
    assert zone.offset_at(last) == zone.offset_at(last + 1) == -300
    assert len(zone.changes(midnight(9998), last)) == 2


def test_a_zone_of_any_tzinfo() -> None:
    zone = Zone("+02:00", timezone(timedelta(hours=2)))
    assert zone.offset_at(0) == 120
    assert zone.changes(midnight(2000), midnight(2001)) == []
    assert repr(zone) == "Zone('+02:00')"


def test_local_tells_the_second_showing() -> None:
    zone = ZONES.zone("America/New_York")
    first, second = (
        zone.local(midnight(2024) + minutes) for minutes in (307 * DAY + 330, 307 * DAY + 390)
    )
    assert (first.hour, first.minute) == (second.hour, second.minute) == (1, 30)
    assert (first.fold, second.fold) == (0, 1)


# ----------------------------------------------------------------- TzdataZones


def test_every_listed_zone_loads() -> None:
    assert len(NAMES) > 500
    for name in NAMES:
        assert ZONES.zone(name).key == name
    assert ZONES.version == tzdata.IANA_VERSION
    assert ZONES.zone("Asia/Tokyo") is ZONES.zone("Asia/Tokyo")


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "EST5EDT ",
        " UTC",
        "utc",
        "EUROPE/LONDON",
        "America/NewYork",
        "America/New York",
        "America",
        "America/",
        "/America/New_York",
        "../etc/passwd",
        "../../etc/passwd",
        "America/../UTC",
        "./UTC",
        "UTC\n",
        "UTC\0",
        "zones",
        "zone.tab",
        "__init__.py",
        "+02:00",
        "EST5EDT,M3.2.0,M11.1.0",
        "localtime",
        "é" * 300,
    ],
)
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(UnknownZone) as caught:
        ZONES.zone(name)
    assert caught.value.name == name
    assert isinstance(caught.value, LookupError)
    assert set(caught.value.suggestions) <= set(NAMES)


@pytest.mark.parametrize("name", [None, 5, b"UTC", ("UTC",), ["UTC"], ZoneInfo])
def test_what_is_no_text_is_an_unknown_name(name: Any) -> None:
    with pytest.raises(UnknownZone) as caught:
        ZONES.zone(name)
    assert (caught.value.name, caught.value.suggestions) == (name, ())


def test_a_near_miss_is_told() -> None:
    with pytest.raises(UnknownZone, match="did you mean America/New_York") as caught:
        ZONES.zone("America/NewYork")
    assert caught.value.suggestions[0] == "America/New_York"
    with pytest.raises(UnknownZone) as caught:
        ZONES.zone("EST5EDT ")
    assert caught.value.suggestions[0] == "EST5EDT"
    with pytest.raises(UnknownZone, match=r"'x' is not in the IANA database$"):
        ZONES.zone("x")


SURVEY = """
from datetime import date
from hashlib import sha256
from medsched.adapters.tzdata import TzdataZones
from medsched.timeline.instants import DAY, day_of

zones = TzdataZones()
low, high = (day_of(date(year, 1, 1)) * DAY for year in (2024, 2026))
found = [(name, zones.zone(name).changes(low, high)) for name in sorted(zones.keys())[::4]]
print(sha256(repr(found).encode()).hexdigest())
"""


def survey(**environment: str) -> str:
    source = str(Path(medsched.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", SURVEY],
        env={**os.environ, "PYTHONPATH": source, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.fixture(scope="module")
def expected() -> str:
    return survey(TZ="UTC")


@pytest.mark.parametrize(
    "environment",
    [
        {"TZ": "America/New_York"},
        {"TZ": "Pacific/Apia"},
        {"PYTHONTZPATH": ""},
        {"PYTHONTZPATH": "fake"},
    ],
    ids=str,
)
def test_the_machine_has_no_say(environment: dict[str, str], expected: str, tmp_path: Path) -> None:
    """Neither its own zone nor its database, not even one in which New York is UTC."""
    if environment.get("PYTHONTZPATH"):
        for name in ("America/New_York", "Europe/London"):
            (tmp_path / name).parent.mkdir()
            (tmp_path / name).write_bytes(b"TZif2" + bytes(39))
        environment = {"PYTHONTZPATH": str(tmp_path)}
    assert survey(**environment) == expected
