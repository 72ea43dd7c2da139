"""Many dates laid at once against each date and edge by itself, near the changes of every zone."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

pytest.importorskip("hypothesis")

from hypothesis import given
from hypothesis import strategies as st
from tests.engine.kit import ZONES

from medsched.domain.explanations import Layer
from medsched.engine.windows import Opening, Window, headed, pieces_of, resolved
from medsched.testing import strategies as clinic
from medsched.timeline.instants import DAY, day_of
from medsched.timeline.intervals import Interval
from medsched.timeline.resolve import Disambiguation, date_span, is_plain, resolve
from medsched.timeline.zones import Zone

POLICIES = st.sampled_from(Disambiguation)


@st.composite
def patterns(draw: st.DrawFn) -> list[Interval]:
    """Windows of one date on the wall: in order, some of them touching, some after midnight."""
    edges = st.integers(0, 2 * 48).map(lambda half_hours: 30 * half_hours)
    found = pairwise(sorted(draw(st.sets(edges, min_size=2, max_size=6))))
    return [pair for pair in found if draw(st.integers(0, 2))]


@st.composite
def laid(draw: st.DrawFn) -> tuple[Zone, list[Interval], list[int]]:
    """A zone, a pattern, and dates around one of the zone's changes."""
    zone = draw(clinic.zones())
    first, _ = draw(clinic.periods(zone=zone, days=6))
    days = draw(st.sets(st.integers(-10, 16), max_size=12))
    return ZONES.zone(zone), draw(patterns()), sorted(day_of(first) + day for day in days)


def one_by_one(
    zone: Zone, policy: Disambiguation, windows: list[Interval], days: list[int]
) -> list[Window]:
    """Each edge of each date resolved by itself."""
    found = []
    for day in days:
        low, high = date_span(zone, day)
        for start, end in windows if low < high else ():
            edges = [day * DAY + start, day * DAY + end]
            if policy is Disambiguation.REJECT and not all(is_plain(zone, one) for one in edges):
                continue
            opens, closes = (resolve(zone, one, policy) for one in edges)
            if opens < closes:
                found.append((opens, closes, day))
    return found


@given(laid(), POLICIES)
def test_dates_laid_at_once_lie_as_each_by_itself(drawn: Any, policy: Disambiguation) -> None:
    zone, windows, days = drawn
    assert resolved(zone, policy, windows, days) == one_by_one(zone, policy, windows, days)


@given(laid(), POLICIES)
def test_windows_of_a_date_that_touch_have_one_head(drawn: Any, policy: Disambiguation) -> None:
    zone, pattern, days = drawn
    windows = resolved(zone, policy, pattern, days)
    opening = Opening(None, Layer.RULES, zone, 0, None)
    for window, piece in zip(windows, headed(pieces_of(opening, windows)), strict=True):
        head = window
        while before := [w for w in windows if w[1] == head[0] and w[2] == head[2]]:
            head = before[0]
        assert piece == (*window[:2], head, window[2], opening)
