"""Zones and wall times, held to the database's files read here by hand (RFC 8536)."""

from __future__ import annotations

import itertools
import os
import re
import struct
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from random import Random
from typing import NamedTuple

import pytest
from tests.oracle.generate import SPECIAL
from tests.oracle.walker import DAY, EPOCH, MINUTE, Clock, zone_names

from medsched.adapters.tzdata import TzdataZones
from medsched.errors import AmbiguousTime, NonexistentTime
from medsched.timeline.resolve import Disambiguation, resolve

ZONES = TzdataZones()
SAMPLE = int(os.environ.get("MEDSCHED_ORACLE_SCHEDULES", "300"))


class Change(NamedTuple):
    at: int
    """Seconds since 1970."""
    before: int
    after: int
    """Seconds ahead of UTC."""


# ------------------------------------------------------------------- the format


def read(key: str) -> tuple[int, list[tuple[int, int]], str]:
    """A zone's first offset, its transitions as (instant, offset), and its last line."""
    data = files("tzdata").joinpath("zoneinfo", *key.split("/")).read_bytes()
    ut, std, leaps, times, types, chars = struct.unpack_from(">6l", data, 20)
    assert data[:4] == b"TZif"
    assert data[4:5] >= b"2"
    second = 44 + times * 5 + types * 6 + chars + leaps * 8 + std + ut
    ut, std, leaps, times, types, chars = struct.unpack_from(">6l", data, second + 20)
    place = second + 44
    instants = struct.unpack_from(f">{times}q", data, place)
    kinds = struct.unpack_from(f">{times}B", data, place + 8 * times)
    place += 9 * times
    offsets = [struct.unpack_from(">lBB", data, place + 6 * kind)[0] for kind in range(types)]
    place += 6 * types + chars + 12 * leaps + std + ut
    last_line = data[place:].decode("ascii").strip("\n")
    transitions = [(at, offsets[kind]) for at, kind in zip(instants, kinds, strict=True)]
    return offsets[0], transitions, last_line


NAME = r"(?:<[^>]+>|[A-Za-z]+)"
TIME = r"[+-]?\d+(?::\d+)?(?::\d+)?"
LAST_LINE = re.compile(
    rf"{NAME}(?P<std>{TIME})(?:{NAME}(?P<dst>{TIME})?,(?P<on>[^,]+),(?P<off>[^,]+))?"
)


def seconds(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    parts = [int(part) for part in text.lstrip("+-").split(":")] + [0, 0]
    return sign * (parts[0] * 3600 + parts[1] * 60 + parts[2])


def wall_of_rule(rule: str, year: int) -> int:
    """The wall time, in seconds since 1970, that a rule such as M3.2.0/2 means in a year."""
    day, _, time = rule.partition("/")
    if day.startswith("M"):
        month, week, weekday = (int(part) for part in day[1:].split("."))
        first = date(year, month, 1)
        when = first + timedelta(days=(weekday - first.isoweekday()) % 7 + 7 * (week - 1))
        while when.month != month:
            when -= timedelta(days=7)
    elif day.startswith("J"):
        when = date(2001, 1, 1) + timedelta(days=int(day[1:]) - 1)
        when = when.replace(year=year)
    else:
        when = date(year, 1, 1) + timedelta(days=int(day))
    return (when - date(1970, 1, 1)).days * 86_400 + (seconds(time) if time else 7200)


@cache
def changes(key: str, first: int = 1973, last: int = 2037) -> tuple[Change, ...]:
    """Every change of a zone's offset in these years."""
    initial, transitions, last_line = read(key)
    found = LAST_LINE.fullmatch(last_line)
    assert found is not None, last_line
    if found["on"]:
        standard = -seconds(found["std"])
        summer = -seconds(found["dst"]) if found["dst"] else standard + 3600
        known = transitions[-1][0] if transitions else -(10**12)
        ruled = []
        for year in range(1970, last + 2):
            ruled.append((wall_of_rule(found["on"], year) - standard, summer))
            ruled.append((wall_of_rule(found["off"], year) - summer, standard))
        transitions = [*transitions, *((at, to) for at, to in sorted(ruled) if at > known)]
    low, high = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (first, last + 1))
    all_changes = []
    before = initial
    for at, after in transitions:
        if after != before and low <= at < high:
            all_changes.append(Change(at, before, after))
        before = after
    return tuple(all_changes)


def initial_offset(key: str) -> int:
    """The offset, in seconds, at the start of 1973."""
    initial, transitions, last_line = read(key)
    start = int(datetime(1973, 1, 1, tzinfo=UTC).timestamp())
    past = [offset for at, offset in transitions if at <= start]
    if not transitions:
        found = LAST_LINE.fullmatch(last_line)
        assert found is not None
        return -seconds(found["std"])
    return past[-1] if past else initial


# -------------------------------------------------------------------- the tests


def test_the_last_lines_are_understood() -> None:
    assert wall_of_rule("M3.2.0", 2026) == seconds("02:00") + 86_400 * 20_520  # 8 March
    assert wall_of_rule("M10.5.0/3", 2026) == seconds("03:00") + 86_400 * 20_751  # 25 October
    assert wall_of_rule("M9.1.6/24", 2026) == 86_400 * 20_702  # 6 September, 00:00
    assert wall_of_rule("M3.4.4/50", 2026) == seconds("50:00") + 86_400 * 20_538
    assert [change.after for change in changes("Europe/Dublin", 2030, 2030)] == [3600, 0]


@pytest.mark.parametrize("key", zone_names())
def test_a_zone_is_what_its_file_says(key: str) -> None:
    zone, expected = ZONES.zone(key), changes(key)
    low = (datetime(1973, 1, 1, tzinfo=UTC) - EPOCH) // MINUTE
    high = (datetime(2038, 1, 1, tzinfo=UTC) - EPOCH) // MINUTE
    assert all(change.at % 60 == change.after % 60 == 0 for change in expected)
    found = [tuple(change) for change in zone.changes(low, high)]
    assert found == [(at // 60, before // 60, after // 60) for at, before, after in expected]
    assert zone.offset_at(low) * 60 == initial_offset(key)
    for at, before, after in expected:
        for by in (-3 * DAY, -2, -1):
            assert zone.offset_at(at // 60 + by) * 60 == before
        for by in (0, 1, 3 * DAY):
            assert zone.offset_at(at // 60 + by) * 60 == after
    for one, other in itertools.pairwise(expected):
        assert other.at - one.at > 6 * 86_400, "the engine counts on six days between changes"


@pytest.mark.parametrize("key", SPECIAL)
@pytest.mark.parametrize("year", [2040, 2399, 9997])
def test_a_zone_far_ahead_follows_its_last_line(key: str, year: int) -> None:
    low = (datetime(year, 1, 1, tzinfo=UTC) - EPOCH) // MINUTE
    high = (datetime(year + 1, 1, 1, tzinfo=UTC) - EPOCH) // MINUTE
    found = [tuple(change) for change in ZONES.zone(key).changes(low, high)]
    assert found == [(c.at // 60, c.before // 60, c.after // 60) for c in changes(key, year, year)]


def sampled() -> Iterator[tuple[str, Change]]:
    """Changes of all sorts: all of the special zones' gaps and folds of one size once, and some."""
    random = Random(SAMPLE)
    for key in SPECIAL:
        by_size = {change.after - change.before: change for change in changes(key)}
        yield from ((key, change) for change in by_size.values())
    names = [key for key in zone_names() if changes(key)]
    for place in range(SAMPLE):
        key = names[place % len(names)]
        yield key, random.choice(changes(key))


def test_wall_times_around_clock_changes_are_resolved_as_named() -> None:
    wrong = []
    kinds: set[str] = set()
    for key, change in sampled():
        at, before, after = (seconds // 60 for seconds in change)
        clock = Clock(key, at - 2 * DAY, at + 2 * DAY)
        walls = sorted({at + before, at + after})
        edges = {wall + by for wall in walls for by in (-1, 0, 1, -30, 30, 7)}
        for wall in edges | {sum(walls) // 2, walls[0] - 600, walls[1] + 600}:
            for policy in Disambiguation:
                expected = clock.resolve(wall, policy.value)
                times = len(clock.when.get(wall, ()))
                said = "one"
                try:
                    found: int | None = resolve(ZONES.zone(key), wall, policy)
                except NonexistentTime:
                    found, said = None, "none"
                except AmbiguousTime:
                    found, said = None, "two"
                kinds.add(said)
                told = ("none", "one", "two")[times] if expected is None else "one"
                if (found, said) != (expected, told):
                    wrong.append((key, EPOCH + wall * MINUTE, policy.value, found, expected))
    assert wrong == []
    assert kinds == {"none", "one", "two"}
