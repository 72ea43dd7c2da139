"""Rules, overrides and release rules, valid by construction, drawn to where clocks change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, time, timedelta
from fractions import Fraction
from functools import cached_property
from typing import Any, Final

import attrs
from hypothesis import strategies as st

from medsched.domain.availability import AvailabilityRule, Override, OverrideKind
from medsched.domain.hours import Hours, day_windows
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.release_rules import ReleaseRule
from medsched.testing.strategies.clocks import (
    END,
    START,
    ZoneName,
    changes,
    minutes_of,
    names_of,
    periods,
    wall_span,
    zones,
)
from medsched.testing.strategies.hours import Arc, breaks_in, day_arcs, edges, hours_of, recurrences
from medsched.testing.strategies.nouns import PROVIDER, TYPE_CODES, lengths, pricings, sometimes
from medsched.timeline.instants import DAY, date_of, day_of
from medsched.timeline.resolve import Disambiguation
from medsched.timeline.weekdays import Weekday

ROOMS: Final = ("room-1", "room-2")
"""The ids of the rooms that hours may be held in."""


def rules(
    *,
    resource: Resource | str = PROVIDER,
    zone: ZoneName = None,
    start: date = START,
    end: date = END,
    types: Sequence[str] = TYPE_CODES,
) -> st.SearchStrategy[AvailabilityRule]:
    """Availability rules of one resource (a bare id is a provider's), first the plainest.

    Their dates begin from ``start`` until before ``end``, local dates, mostly within a
    fortnight that holds a change of the clocks of ``zone`` (None: any), and their hours are
    drawn to where it happens. Some state the zone, pass midnight, have breaks, or restrict
    what may be booked to some of ``types``.
    """
    return _lone_rule(_resource(resource), stretches(zone, start, end), types)


def overrides(
    *,
    resource: Resource | str = PROVIDER,
    zone: ZoneName = None,
    start: date = START,
    end: date = END,
    types: Sequence[str] = TYPE_CODES,
) -> st.SearchStrategy[Override]:
    """Dated exceptions of all three kinds, first a closed date.

    Their dates lie from ``start`` until before ``end``, local dates; like their hours they
    are drawn to where the clocks of ``zone`` (None: any) change. ``types`` are the codes
    they may name.
    """
    return _lone_override(_resource(resource), stretches(zone, start, end), types)


def release_rules(
    *,
    resource: Resource | str = PROVIDER,
    zone: ZoneName = None,
    start: date = START,
    end: date = END,
    types: Sequence[str] = TYPE_CODES,
) -> st.SearchStrategy[ReleaseRule]:
    """Release rules of a provider (a bare id) or a practice, first a share of each day.

    Their dates begin from ``start`` until before ``end``, local dates; like their hours and the
    times they open at, they are drawn to where the clocks of ``zone`` (None: any) change. Some
    keep their time for some of ``types``.
    """
    return _lone_release(_resource(resource), stretches(zone, start, end), types)


# --------------------------------------------------------------- where to look


@attrs.frozen(slots=False)
class Setting:
    """A zone, the dates in question [first, beyond), and what may be named there."""

    zone: str
    first: date
    beyond: date
    types: Sequence[str] = ()
    places: Sequence[str] = ()

    @cached_property
    def favoured(self) -> tuple[int, ...]:
        """The minutes of the day at which the zone's clocks change then."""
        low, high = (day_of(self.first) - 1) * DAY, (day_of(self.beyond) + 1) * DAY
        found = (wall_span(change) for change in changes(self.zone, low, high))
        return tuple(sorted({edge % DAY for span in found for edge in span}))

    @cached_property
    def dates(self) -> st.SearchStrategy[date]:
        """The first date, those of a clock change and the day before, or any."""
        low, high = day_of(self.first), day_of(self.beyond)
        found = changes(self.zone, low * DAY, high * DAY)
        near = {at // DAY + away for at, _, _ in found for away in (-1, 0, 1)}
        chosen = [date_of(day) for day in sorted(near) if low <= day < high]
        anywhere = st.integers(low, high - 1).map(date_of)
        return st.one_of(*(map(st.just, [self.first, *chosen])), anywhere)


def stretches(
    zone: ZoneName, start: date, end: date, days: int = 14
) -> st.SearchStrategy[tuple[str, date, date]]:
    """A zone and some dates, [first, beyond), that hold a change of its clocks if any do."""
    minutes_of(start, end)

    def in_zone(name: str) -> st.SearchStrategy[tuple[str, date, date]]:
        found = periods(zone=name, start=start, end=end, days=days)
        return found.map(lambda period: (name, *period))

    return names_of(zone).flatmap(in_zone)


def _resource(value: Resource | str) -> Resource:
    return value if isinstance(value, Resource) else Resource(ResourceKind.PROVIDER, value)


# --------------------------------------------------------- one rule, one override


@st.composite
def _lone_rule(
    draw: st.DrawFn,
    resource: Resource,
    spans: st.SearchStrategy[tuple[str, date, date]],
    types: Sequence[str],
) -> AvailabilityRule:
    setting = Setting(*draw(spans), types)
    (arcs,) = draw(day_arcs(favoured=setting.favoured))
    zone = sometimes(draw, st.just(setting.zone), None, one_in=2)
    return a_rule(draw, "rule-1", resource, setting, arcs, timezone=zone)


@st.composite
def _lone_override(
    draw: st.DrawFn,
    resource: Resource,
    spans: st.SearchStrategy[tuple[str, date, date]],
    types: Sequence[str],
) -> Override:
    setting = Setting(*draw(spans), types)
    return an_override(draw, "override-1", resource, setting, tuple(OverrideKind))


@st.composite
def _lone_release(
    draw: st.DrawFn,
    resource: Resource,
    spans: st.SearchStrategy[tuple[str, date, date]],
    types: Sequence[str],
) -> ReleaseRule:
    return a_release_rule(draw, "release-1", resource, Setting(*draw(spans), types))


def a_release_rule(draw: st.DrawFn, id: str, resource: Resource, setting: Setting) -> ReleaseRule:
    """A release rule on dates of the setting."""
    fields: dict[str, Any] = {"share": draw(_SHARES)}
    if draw(st.booleans()):
        (arcs,) = draw(day_arcs(favoured=setting.favoured))
        fields = {"hours": [hours_of(arc) for arc in arcs]}
    if draw(st.booleans()):
        fields["before"] = draw(_AHEAD)
    else:
        opens = draw(edges(DAY - 1, setting.favoured))
        fields["opens_at"] = time(opens // 60, opens % 60)
        fields["days_before"] = draw(st.integers(0, 3))
    if draw(st.booleans()) and setting.types:
        fields["kept_for"] = draw(code_sets(setting.types))
    return ReleaseRule(
        resource,
        draw(recurrences(start=setting.dates)),
        id=id,
        timezone=sometimes(draw, zones(), None, one_in=8),
        disambiguation=a_policy(draw),
        valid_to=sometimes(draw, setting.dates, None, one_in=8),
        **fields,
    )


_SHARES: Final = st.sampled_from([Fraction(1, 5), Fraction(1, 2), Fraction(1)]) | st.fractions(
    Fraction(1, 1000), 1, max_denominator=1000
)
_AHEAD: Final = st.sampled_from([24 * 60, 60, 1, 48 * 60, 7 * 24 * 60]).map(
    lambda count: timedelta(minutes=count)
)


def a_rule(
    draw: st.DrawFn,
    id: str,
    resource: Resource,
    setting: Setting,
    arcs: Sequence[Arc],
    **stated: Any,
) -> AvailabilityRule:
    """A rule that opens these stretches of its days; what is ``stated`` is not drawn."""
    opened = _opened(draw, arcs)
    offered = _offer(draw, setting, opened) if resource.kind is ResourceKind.PROVIDER else {}
    valid_from = sometimes(draw, setting.dates, None, one_in=8)
    valid_to = sometimes(draw, setting.dates, None, one_in=8)
    if valid_from and valid_to and valid_to < valid_from:
        valid_to = None
    limits = {"valid_from": valid_from, "valid_to": valid_to}
    fields = {**opened, **offered, **limits, **stated}
    return AvailabilityRule(
        resource,
        draw(recurrences(start=setting.dates)),
        id=id,
        disambiguation=a_policy(draw),
        **fields,
    )


def an_override(
    draw: st.DrawFn,
    id: str,
    resource: Resource,
    setting: Setting,
    kinds: Sequence[OverrideKind],
) -> Override:
    """An override of one of the kinds, on dates of the setting."""
    kind = draw(st.sampled_from(kinds))
    first = draw(setting.dates)
    away = draw(st.sampled_from([0, 0, 1, 6]) | st.integers(0, 20))
    last = min(first + timedelta(away), setting.beyond - timedelta(1))
    fields: dict[str, Any] = {}
    whole = kind is OverrideKind.CLOSED and draw(st.integers(0, 1)) == 0
    if not whole:
        (arcs,) = draw(day_arcs(favoured=setting.favoured))
        fields = _opened(draw, arcs)
    if kind is OverrideKind.CLOSED:
        fields.pop("breaks", None)
        fields["types"] = sometimes(draw, code_sets(setting.types), None)
        fields["location"] = sometimes(
            draw, st.sampled_from(setting.places) if setting.places else st.none(), None
        )
    elif resource.kind is ResourceKind.PROVIDER:
        fields |= _offer(draw, setting, fields)
    if whole or kind is OverrideKind.REPLACED:
        fields["whole_shifts"] = sometimes(draw, st.just(True), False)
    return Override(
        resource,
        kind,
        id=id,
        first=first,
        last=last,
        priority=sometimes(draw, st.integers(-2, 2), 0),
        timezone=sometimes(draw, zones(), None, one_in=8),
        disambiguation=a_policy(draw),
        **fields,
    )


def _opened(draw: st.DrawFn, arcs: Sequence[Arc]) -> dict[str, list[Hours]]:
    return {"hours": [hours_of(arc) for arc in arcs], "breaks": draw(breaks_in(arcs))}


def _offer(draw: st.DrawFn, setting: Setting, opened: dict[str, list[Hours]]) -> dict[str, Any]:
    """What may be booked: mostly anything, on the type's own terms."""
    windows = day_windows(opened["hours"], opened["breaks"])
    longest = max(end - start for start, end in windows)
    codes = setting.types
    choices: dict[str, st.SearchStrategy[Any]] = dict(_OFFERS)
    if longest >= 5:
        choices["slot_duration"] = lengths(longest)
    if codes:
        choices["types"] = code_sets(codes)
        choices["type_days"] = st.dictionaries(st.sampled_from(codes), _WEEKDAYS, min_size=1)
    if codes and longest >= 5:
        choices["durations"] = st.dictionaries(st.sampled_from(codes), lengths(longest), min_size=1)
    if setting.places:
        choices["location"] = st.sampled_from(setting.places)
    if draw(st.booleans()):
        return {}
    names = st.lists(st.sampled_from(sorted(choices)), max_size=4, unique=True)
    return {name: draw(choices[name]) for name in draw(names)}


_OFFERS: Final = {
    "room": st.sampled_from(ROOMS),
    "break_duration": st.sampled_from([15, 5, 10]).map(lambda m: timedelta(minutes=m)),
    "step": lengths(),
    "capacity": st.integers(1, 12),
    "pricing": pricings(),
    "special_requirements": st.just(frozenset({"fasting"})),
}
_WEEKDAYS: Final = st.frozensets(st.sampled_from(list(Weekday)), min_size=1)


def code_sets(codes: Sequence[str]) -> st.SearchStrategy[frozenset[str] | None]:
    """Some of the codes; None, which means all, where there is none to name."""
    return st.frozensets(st.sampled_from(codes), min_size=1) if codes else st.none()


def a_policy(draw: st.DrawFn) -> Disambiguation:
    """Mostly ``compatible``."""
    return Disambiguation(draw(_POLICIES))


_POLICIES: Final = st.sampled_from(["compatible"] * 6 + [one.value for one in Disambiguation])
