"""Zones, and times drawn to where their clocks change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from importlib.resources import files
from typing import Final, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import attrs
from hypothesis import strategies as st

from medsched.errors import InvalidChoice, InvalidInterval, UnknownZone
from medsched.timeline.instants import DAY, check_date, date_of, day_of, instant_of
from medsched.timeline.zones import Change, Zone

T = TypeVar("T")

START: Final = date(2010, 1, 1)
"""The first date drawn unless another is given."""
END: Final = date(2030, 1, 1)
"""The date before which everything drawn lies unless another is given."""

ZoneName = str | st.SearchStrategy[str] | None
"""A zone's name, a strategy for names, or None for any zone."""

PLAIN: Final = "UTC"

REMARKABLE: Final = (
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",  # changes by 30 minutes
    "Asia/Beirut",  # skips midnight, as do the next two
    "America/Santiago",
    "Africa/Cairo",
    "Pacific/Apia",  # had no 30 December 2011
    "Africa/Casablanca",  # goes back an hour for Ramadan, as does the next
    "Africa/El_Aaiun",
    "Antarctica/Troll",  # changes by two hours
    "Europe/Dublin",  # winter is its exception
    "America/St_Johns",  # once changed a minute after midnight
    "Pacific/Chatham",  # keeps odd quarters of an hour
    "America/Caracas",  # changed for good, by half an hour, twice
    "Pacific/Kwajalein",  # had no 21 August 1993
    "Asia/Kathmandu",
)


class LocalTime(NamedTuple):
    """What a clock on the wall shows: a naive local datetime, in whole minutes, and its zone."""

    wall: datetime
    zone: str


@attrs.frozen
class Transition:
    """A clock change: the instant, aware and in UTC, and the offsets from UTC around it.

    It skips the wall times from ``wall`` on for as long as ``shift`` says, or, where
    ``shift`` is negative, repeats them.
    """

    zone: str
    at: datetime
    before: timedelta
    after: timedelta

    @property
    def shift(self) -> timedelta:
        """How far the clock is moved: positive where times are skipped."""
        return self.after - self.before

    @property
    def wall(self) -> datetime:
        """The first skipped or repeated wall time, naive."""
        return self.at.replace(tzinfo=None) + min(self.before, self.after)


def zones(
    *, changing: bool = False, start: date = START, end: date = END
) -> st.SearchStrategy[str]:
    """Names of time zones, drawn to those whose clocks do remarkable things; first UTC.

    With ``changing``, only zones whose offset changes from ``start`` until before ``end``
    (dates of UTC); `InvalidInterval` where no zone's does.
    """
    low, high = minutes_of(start, end)
    if not changing:
        return st.just(PLAIN) | st.sampled_from(REMARKABLE) | st.sampled_from(_all_names())
    names = _all_names()

    def next_changing(index: int) -> str:
        turn = (*names[index:], *names[:index])
        found = next((name for name in turn if changes(name, low, high)), None)
        if found is None:
            raise InvalidInterval("end", (start, end), "no clock changes between them")
        return found

    remarkable = st.integers(0, len(REMARKABLE) - 1)
    return (remarkable | st.integers(0, len(names) - 1)).map(next_changing)


def transitions(
    *, zone: ZoneName = None, start: date = START, end: date = END
) -> st.SearchStrategy[Transition]:
    """Clock changes of a zone (None: of any) from ``start`` until before ``end``, dates of UTC.

    Raises `InvalidChoice` when the zone that is named has none between them; of a
    strategy's zones, those without one are left out.
    """
    span = minutes_of(start, end)
    if isinstance(zone, str):
        if not changes(zone, *span):
            raise InvalidChoice("zone", zone, f"its clock does not change from {start} until {end}")
        return _any_of(_transitions(zone, *span))
    names = zones(changing=True, start=start, end=end) if zone is None else zone
    return names.filter(lambda name: bool(changes(name, *span))).flatmap(
        lambda name: _any_of(_transitions(name, *span))
    )


def skipped_times(
    *, zone: ZoneName = None, start: date = START, end: date = END
) -> st.SearchStrategy[LocalTime]:
    """Wall times that do not exist in their zone (None: any), drawn to the edges of the gap.

    Raises `InvalidChoice` when the zone that is named skips nothing from ``start`` until
    before ``end``, dates of UTC.
    """
    return _times_of(zone, start, end, skipped=True)


def repeated_times(
    *, zone: ZoneName = None, start: date = START, end: date = END
) -> st.SearchStrategy[LocalTime]:
    """Wall times that come twice in their zone (None: any), drawn to the first and the last.

    Raises `InvalidChoice` when the zone that is named repeats nothing from ``start`` until
    before ``end``, dates of UTC.
    """
    return _times_of(zone, start, end, skipped=False)


def wall_times(
    *, zone: ZoneName = None, start: date = START, end: date = END
) -> st.SearchStrategy[LocalTime]:
    """Naive local datetimes from ``start`` until before ``end``, local dates, and their zone.

    In a zone whose clocks change, about half lie in or beside a gap or a fold (skipped and
    repeated times included) and half anywhere; whole minutes. ``zone`` None is any.
    """
    return _wall_times(names_of(zone), *minutes_of(start, end))


def instants(
    *, zone: ZoneName = None, start: date = START, end: date = END
) -> st.SearchStrategy[datetime]:
    """Aware UTC datetimes from ``start`` until before ``end``, dates of UTC, in whole minutes.

    About half lie at or near a clock change of ``zone`` (None: of any), half anywhere.
    """
    return _instants(names_of(zone), *minutes_of(start, end))


def periods(
    *, zone: ZoneName = None, start: date = START, end: date = END, days: int = 14
) -> st.SearchStrategy[tuple[date, date]]:
    """Stretches of ``days`` dates, [first, beyond), between ``start`` and ``end``.

    In a zone whose clocks change between them (None: any), nearly all hold a change. A
    stretch is shorter only where [start, end) is.
    """
    if days < 1:
        raise InvalidChoice("days", days, "a period has at least one")
    return _periods(names_of(zone), *minutes_of(start, end), days)


# ---------------------------------------------------------------------- drawing


@st.composite
def _wall_times(draw: st.DrawFn, names: st.SearchStrategy[str], low: int, high: int) -> LocalTime:
    name = draw(names)
    found = changes(name, low, high)
    if not found or not draw(st.booleans()):
        return _wall(name, draw(st.integers(low, high - 1)))
    change = draw(_any_of(found))
    first, beyond = wall_span(change)
    near = draw(_within(first, beyond) | _beside(first) | _beside(beyond))
    return _wall(name, min(max(near, low), high - 1))


@st.composite
def _instants(draw: st.DrawFn, names: st.SearchStrategy[str], low: int, high: int) -> datetime:
    found = changes(draw(names), low, high)
    if not found or not draw(st.booleans()):
        return instant_of(draw(st.integers(low, high - 1)))
    at, _, _ = draw(_any_of(found))
    return instant_of(min(max(draw(_beside(at)), low), high - 1))


@st.composite
def _periods(
    draw: st.DrawFn, names: st.SearchStrategy[str], low: int, high: int, days: int
) -> tuple[date, date]:
    first, last = low // DAY, max(high // DAY - days, low // DAY)
    found = changes(draw(names), low, high)
    if found:
        at = draw(_any_of(found))[0] // DAY
        begin = at - draw(st.integers(min(1, days - 1), max(1, days - 2)))
    else:
        begin = draw(st.integers(first, last))
    begin = min(max(begin, first), last)
    return date_of(begin), date_of(min(begin + days, high // DAY))


def _times_of(
    zone: ZoneName, start: date, end: date, *, skipped: bool
) -> st.SearchStrategy[LocalTime]:
    span = minutes_of(start, end)

    def walls(name: str) -> st.SearchStrategy[LocalTime]:
        found = [wall_span(one) for one in changes(name, *span) if skips(one) is skipped]
        one = _any_of(found).flatmap(lambda edges: _within(*edges))
        return one.map(lambda wall: _wall(name, wall))

    def has_any(name: str) -> bool:
        return any(skips(change) is skipped for change in changes(name, *span))

    if isinstance(zone, str):
        if not has_any(zone):
            what = "skips" if skipped else "repeats"
            raise InvalidChoice("zone", zone, f"{what} no time from {start} until {end}")
        return walls(zone)
    names = zones(changing=True, start=start, end=end) if zone is None else zone
    return names.filter(has_any).flatmap(walls)


def _any_of(found: Sequence[T]) -> st.SearchStrategy[T]:
    """One of some. A single one is drawn too, so that examples do not shrink to its zone."""
    return st.sampled_from(found if len(found) > 1 else [*found, *found])


def _within(first: int, beyond: int) -> st.SearchStrategy[int]:
    """Minutes of [first, beyond), drawn to its edges and its middle."""
    edges = [first, (first + beyond) // 2, beyond - 1]
    return st.sampled_from(edges) | st.integers(first, beyond - 1)


def _beside(minute: int) -> st.SearchStrategy[int]:
    """Minutes around one: itself, its neighbours, whole quarters of an hour away, a day away."""
    return (
        st.sampled_from([0, -1, 1, -DAY, DAY])
        | st.integers(-16, 16).map(lambda quarters: 15 * quarters)
        | st.integers(-180, 180)
    ).map(lambda away: minute + away)


def _wall(name: str, wall: int) -> LocalTime:
    return LocalTime(instant_of(wall).replace(tzinfo=None), name)


# ----------------------------------------------------------------------- tables


def skips(change: Change) -> bool:
    """Whether a change skips wall times; one that does not, repeats them."""
    return change[2] > change[1]


def wall_span(change: Change) -> tuple[int, int]:
    """The wall minutes [first, beyond) that a change skips or repeats."""
    at, before, after = change
    return at + min(before, after), at + max(before, after)


@lru_cache(maxsize=1024)
def changes(name: str, low: int, high: int) -> Sequence[Change]:
    """The clock changes of a zone in [low, high), in minutes; `UnknownZone` for any other name."""
    return tuple(_zone(name).changes(low, high))


def _transitions(name: str, low: int, high: int) -> list[Transition]:
    return [
        Transition(name, instant_of(at), timedelta(minutes=before), timedelta(minutes=after))
        for at, before, after in changes(name, low, high)
    ]


def names_of(zone: ZoneName) -> st.SearchStrategy[str]:
    """A strategy for the names that were asked for; `UnknownZone` for a wrong one."""
    if zone is None:
        return zones()
    return st.just(_zone(zone).key) if isinstance(zone, str) else zone


def minutes_of(start: date, end: date) -> tuple[int, int]:
    """The minutes [start, end) of two dates; `OutOfRange` or `InvalidInterval` if they are none."""
    check_date(start, "start")
    if check_date(end, "end") <= start:
        raise InvalidInterval("end", (start, end), "the end is not after the start")
    return day_of(start) * DAY, day_of(end) * DAY


@lru_cache(maxsize=1)
def _all_names() -> tuple[str, ...]:
    """The remarkable zones, then all others scattered: one that changes is never far."""
    listed = (files("tzdata") / "zones").read_text("ascii").split()
    others = set(listed).difference(REMARKABLE)
    return (*REMARKABLE, *sorted(others, key=lambda name: blake2b(name.encode()).digest()))


@lru_cache(maxsize=1024)
def _zone(name: str) -> Zone:
    """A zone of the pinned package: testing sees no adapter, so it reads the file itself."""
    if name not in _all_names():
        raise UnknownZone(name)
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as stream:
        return Zone(name, ZoneInfo.from_file(stream, key=name))
