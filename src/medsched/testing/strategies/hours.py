"""Hours of a day and the dates they recur on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

import attrs
from hypothesis import reject
from hypothesis import strategies as st

from medsched.domain.hours import Hours
from medsched.errors import InvalidRecurrence, OutOfRange
from medsched.testing.strategies.clocks import periods
from medsched.timeline.instants import DAY, check_date
from medsched.timeline.recurrence import Recurrence
from medsched.timeline.rrule_parts import Frequency
from medsched.timeline.weekdays import Weekday

Arc = tuple[int, int]
"""Wall minutes [start, end) from a date's midnight: start below 1440, end at most a day later."""

_ROUND: Final = tuple(60 * hour for hour in (9, 12, 17, 8, 13, 18, 22, 6, 2, 3, 1, 0, 4, 23))
_EARLY: Final = tuple(range(0, 4 * 60 + 1, 15))
"""Most clocks change between midnight and four."""


def hours(*, overnight: bool = True) -> st.SearchStrategy[Hours]:
    """Hours on the wall, in whole minutes: round ones first, many early, when clocks change.

    ``24:00`` is drawn as an end. Unless ``overnight`` is False, some pass midnight, up to
    24 wall hours long.
    """
    plain = st.tuples(edges(), edges()).map(lambda pair: hours_of(_apart(pair)[0]))
    if not overnight:
        return plain
    late = edges(DAY - 1)
    passing = st.tuples(late, late).map(
        lambda pair: hours_of((max(pair), min(pair) + DAY), overnight=True)
    )
    return plain | passing


def recurrences(
    *, start: date | st.SearchStrategy[date] | None = None
) -> st.SearchStrategy[Recurrence]:
    """Local dates that recur, from ``start`` on: every frequency, with COUNT, UNTIL and exceptions.

    Dates near clock changes are common where ``start`` is None: it lies within two weeks of
    one. Rules are RFC 5545's, each with at least one date; most are daily or weekly.
    """
    if start is None:
        near = periods().flatmap(lambda period: st.dates(*period))
        return _recurrences(near)
    if isinstance(start, date):
        return _recurrences(st.just(check_date(start, "start")))
    return _recurrences(start)


# ------------------------------------------------------------------------ hours


@lru_cache(maxsize=256)
def edges(most: int = DAY, favoured: tuple[int, ...] = ()) -> st.SearchStrategy[int]:
    """Wall minutes of a day up to ``most``, round ones first, drawn to the favoured."""
    beside = (minute + away for minute in favoured for away in (-60, -30, -15, -1, 1, 15, 30))
    near = [minute for minute in (*favoured, *sorted(beside)) if 0 <= minute <= most]
    return (
        st.sampled_from([minute for minute in _ROUND if minute <= most])
        | st.sampled_from(favoured or _EARLY)
        | st.sampled_from(near or _EARLY)
        | st.integers(0, most // 15).map(lambda quarter: 15 * quarter)
        | st.integers(0, most)
    )


def hours_of(arc: Arc, *, overnight: bool = False) -> Hours:
    """Hours from minutes; what ends on the next date's midnight may be called either way."""
    start, end = arc
    passes = end > DAY or (overnight and end >= DAY)
    return Hours(
        timedelta(minutes=start),
        timedelta(minutes=end - DAY if passes else end),
        overnight=passes,
    )


@st.composite
def day_arcs(
    draw: st.DrawFn, *, owners: int = 1, favoured: tuple[int, ...] = (), overnight: bool = True
) -> list[list[Arc]]:
    """Stretches of a day for one to so many owners, none overlapping even from day to day.

    The day is cut as a circle, so at most one stretch passes midnight and it ends before
    the earliest begins. Stretches may touch.
    """
    if overnight and draw(st.integers(0, 15)) == 15:
        cut = draw(edges(DAY - 1, favoured))
        return [[(cut, cut + DAY)]]
    arcs = _apart(draw(st.lists(edges(DAY, favoured), min_size=2, max_size=2 + 2 * owners)))
    if overnight and arcs[-1][1] < DAY and draw(st.integers(0, 3)) == 3:
        arcs.insert(0, (arcs[-1][1], arcs[0][0] + DAY))
    owned: list[list[Arc]] = [[] for _ in range(owners)]
    owned[0].append(arcs[0])
    for arc in arcs[1:]:
        owner = draw(st.integers(0, owners))  # 0: the stretch stays closed
        if owner:
            owned[owner - 1].append(arc)
    return [sorted(some) for some in owned if some]


def _apart(cuts: Iterable[int]) -> list[Arc]:
    """The stretches between cuts of a day; of a single one, three hours from it or up to it."""
    some = sorted(set(cuts))
    if len(some) == 1:
        (cut,) = some
        some = [cut, cut + 180] if cut + 180 <= DAY else [cut - 180, cut]
    return list(pairwise(some))


@st.composite
def breaks_in(draw: st.DrawFn, arcs: Sequence[Arc]) -> list[Hours]:
    """Breaks within some stretches, each leaving a part of its stretch open; mostly none."""
    found: list[Hours] = []
    for start, end in arcs:
        if end - start < 2 or draw(st.integers(0, 3)) < 3:
            continue
        low = draw(st.integers(start, end - 1))
        low = max(low - low % 15, start)
        longest = min(end - low, end - start - 1)
        length = draw(st.sampled_from([30, 60, 15, 5, 1]) | st.integers(1, longest))
        high = low + min(length, longest)
        if low >= DAY:
            low, high = low - DAY, high - DAY
        found.append(hours_of((low, high)))
    return found


# ------------------------------------------------------------------ recurrences


@st.composite
def _recurrences(draw: st.DrawFn, starts: st.SearchStrategy[date]) -> Recurrence:
    start = draw(starts)
    form = draw(st.sampled_from([_daily, _weekly, _weekly, _monthly, _others]))
    try:
        return _limited(draw, draw(form(start)))
    except (InvalidRecurrence, OutOfRange):  # at the very end of the range no date may be left
        reject()


def _limited(draw: st.DrawFn, rule: Recurrence) -> Recurrence:
    """Now and then with COUNT or UNTIL, RDATE and EXDATE."""
    match draw(st.integers(0, 5)):
        case 4:
            rule = attrs.evolve(rule, count=draw(st.integers(1, 30)))
        case 5:
            until = rule.first + timedelta(draw(st.integers(0, 90)))
            rule = attrs.evolve(rule, count=None, until=until)
    if draw(st.integers(0, 4)) < 4:
        return rule
    near = st.integers(-7, 60).map(lambda away: rule.first + timedelta(away))
    rule = attrs.evolve(rule, rdates=draw(st.frozensets(near, max_size=3)))
    dates = rule.between(rule.first, rule.first + timedelta(60))[1:]  # one at least is kept
    exdates = st.frozensets(st.sampled_from(dates), max_size=3) if dates else st.just(frozenset())
    return attrs.evolve(rule, exdates=draw(exdates))


def _daily(start: date) -> st.SearchStrategy[Recurrence]:
    return st.integers(1, 10).map(lambda every: Recurrence.daily(start, every=every))


def _weekly(start: date) -> st.SearchStrategy[Recurrence]:
    days = st.frozensets(st.sampled_from(Weekday), min_size=1)
    return st.builds(
        lambda days, every, first: Recurrence.weekly(
            days, start=start, every=every, week_start=first
        ),
        st.just(frozenset(Weekday)) | days,  # every day: the simplest that meets every change
        st.integers(1, 3),
        st.sampled_from([Weekday.MO, Weekday.SU]),
    )


def _monthly(start: date) -> st.SearchStrategy[Recurrence]:
    by_day = st.lists(
        st.just(start.day) | st.integers(1, 31) | st.integers(-31, -1), min_size=1, max_size=3
    )
    ordinal = st.sampled_from([1, 2, 3, 4, 5, -1, -2, -5])
    named = st.builds(lambda nth, day: f"{nth}{day.name}", ordinal, st.sampled_from(Weekday))
    every = st.integers(1, 6)
    return st.builds(
        lambda days, every: Recurrence.monthly(days, start=start, every=every), by_day, every
    ) | st.builds(
        lambda which, every: Recurrence.monthly_on(which, start=start, every=every),
        st.lists(named, min_size=1, max_size=3),
        every,
    )


def _others(start: date) -> st.SearchStrategy[Recurrence]:
    def yearly(part: str, numbers: st.SearchStrategy[int]) -> st.SearchStrategy[Recurrence]:
        some = st.lists(numbers, min_size=1, max_size=3)
        return some.map(lambda values: _rule(start, Frequency.YEARLY, **{part: values}))

    later = st.lists(st.integers(1, 60), max_size=5)
    return st.one_of(
        later.map(
            lambda away: Recurrence.dates(start, *(start + timedelta(days) for days in away))
        ),
        st.sampled_from([1, -1, 5]).map(
            lambda nth: _rule(start, Frequency.MONTHLY, by_day=_WORKING, by_set_pos=(nth,))
        ),
        st.integers(1, 4).map(lambda every: Recurrence.yearly(start=start, every=every)),
        yearly("by_week_no", st.integers(1, 53)),
        yearly("by_year_day", st.integers(1, 366) | st.integers(-366, -1)),
        yearly("by_month", st.just(start.month) | st.integers(1, 12)),
    )


_WORKING: Final = (Weekday.MO, Weekday.TU, Weekday.WE, Weekday.TH, Weekday.FR)
_rule: Callable[..., Any] = Recurrence
