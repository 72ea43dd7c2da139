"""Whole schedules that are valid by construction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

import attrs
from hypothesis import strategies as st

from medsched.domain.availability import AvailabilityRule, Override, OverrideKind, RecurringBlocking
from medsched.domain.booking_rules import BookingRules
from medsched.domain.people import Provider, Travel
from medsched.domain.places import Location, PracticeSettings, Room
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.release_rules import ReleaseRule
from medsched.domain.schedule import Calendar, Schedule, calendar
from medsched.errors import InvalidNumber
from medsched.testing.strategies.availability import (
    ROOMS,
    Setting,
    a_policy,
    a_release_rule,
    a_rule,
    an_override,
    code_sets,
    stretches,
)
from medsched.testing.strategies.clocks import END, START, ZoneName, zones
from medsched.testing.strategies.hours import day_arcs, hours_of, recurrences
from medsched.testing.strategies.nouns import (
    PROVIDER,
    TYPE_CODES,
    booking_rules,
    lengths,
    sometimes,
)
from medsched.timeline.instants import LAST_DATE

PRACTICE: Final = "practice-1"
CLINIC: Final = "clinic"
BRANCH: Final = "branch"
DEVICE: Final = Resource(ResourceKind.DEVICE, "device-1")

_APART: Final = timedelta(days=5)
"""Dates between rules of different zones: zones lie a day apart, a window lasts a day or two."""


def schedules(
    *,
    zone: ZoneName = None,
    start: date = START,
    end: date = END,
    types: Sequence[str] = TYPE_CODES,
    max_rules: int = 3,
    max_overrides: int = 4,
    layers: bool = True,
) -> st.SearchStrategy[Schedule]:
    """Whole schedules of ``provider-1``, valid as a practice would have to store them.

    ``zone`` is the provider's home (None: any), stated by provider, main place or practice.
    What is dated lies from ``start`` until before ``end``, local dates: in all of it when
    it is four weeks or less, else in four weeks that hold a clock change, where there is
    one (see `periods` to choose them first, and know them). Recurrences may go on after it.

    There are 1 to ``max_rules`` rules that never overlap on the wall, though a clock change
    may make them; up to ``max_overrides`` overrides; and now and then the provider is in
    another zone, always or from some date on: travelling, at another place, or by a zone
    that the rules state. With ``layers`` the practice, both places, the rooms and a device
    may have hours, closures and recurring blockings of their own, and practice and provider
    release rules. Extra or replaced hours that may meet differ in priority. ``types`` are
    the codes that hours may name.

    Places are ``clinic`` and ``branch``; rooms ``room-1`` and ``room-2``, a device
    ``device-1``: name those to `appointment_types` for types that need them. Shrinks to one
    rule, round hours, and nothing else.
    """
    if max_rules < 1:
        raise InvalidNumber("max_rules", max_rules, "a schedule has at least one rule")
    if max_overrides < 0:
        raise InvalidNumber("max_overrides", max_overrides, "must not be negative")
    spans = stretches(zone, start, end, 28)
    return _schedules(spans, tuple(types), max_rules, max_overrides, layers)


# ------------------------------------------------------------------- a schedule


@st.composite
def _schedules(
    draw: st.DrawFn,
    spans: st.SearchStrategy[tuple[str, date, date]],
    types: Sequence[str],
    max_rules: int,
    max_overrides: int,
    layers: bool,
) -> Schedule:
    home, first, beyond = draw(spans)
    stated_by = draw(st.sampled_from(["provider", "provider", "place", "practice"]))
    away = sometimes(draw, zones(), None, one_in=4)
    branch_zone = sometimes(draw, zones(), None, one_in=3)
    places = _locations(draw, home if stated_by == "place" else None, branch_zone)
    setting = Setting(home, first, beyond, types, _same_zone(places, home))
    journeys: Any  # type checkers do not see what `tuple` makes of it
    parts, journeys = _parts(draw, setting, away, branch_zone)
    provider = Provider(
        id=PROVIDER,
        timezone=home if stated_by == "provider" else None,
        location=CLINIC if stated_by == "place" else sometimes(draw, st.just(CLINIC), None),
        durations=sometimes(draw, _own_durations(types), {}, one_in=8),
        travels=journeys,
        rules=sometimes(draw, booking_rules(), BookingRules(), one_in=6),
    )
    foreign = st.just(home) if stated_by == "practice" else zones()
    practice = PracticeSettings(id=PRACTICE, timezone=sometimes(draw, foreign, home, one_in=6))
    anywhere = attrs.evolve(setting, places=(CLINIC, BRANCH))
    found = _provider_rules(draw, provider.resource, parts, max_rules)
    count = draw(st.integers(0, max_overrides))
    own = calendar(
        rules=tuple(found),
        overrides=_overrides(draw, provider.resource, anywhere, count, tuple(OverrideKind)),
        blockings=_blockings(draw, provider.resource, anywhere) if layers else (),
        releases=_releases(draw, provider.resource, anywhere) if layers else (),
    )
    rooms = {id: Room(id=id, location=CLINIC, capacity=_capacity(draw, layers)) for id in ROOMS}
    calendars = {provider.resource: own}
    shared = _releases(draw, practice.resource, anywhere) if layers else ()
    if layers:
        others = [practice.resource, *(place.resource for place in places.values())]
        others += [*(room.resource for room in rooms.values()), DEVICE]
        calendars |= {
            other: _other_calendar(draw, other, anywhere)
            for other in others
            if draw(st.integers(1, 5)) == 5
        }
    if shared:
        theirs = calendars.get(practice.resource, calendar())
        calendars[practice.resource] = attrs.evolve(theirs, releases=shared)
    return Schedule(
        practice=practice,
        provider=provider,
        calendars=calendars,
        locations=places,
        rooms=rooms,
    )


@attrs.frozen
class _Part:
    """A stretch of dates whose rules all keep one zone, and what makes them keep it."""

    setting: Setting
    stated: dict[str, Any]


def _parts(
    draw: st.DrawFn, setting: Setting, away: str | None, branch_zone: str | None
) -> tuple[list[_Part], tuple[Travel, ...]]:
    """The home zone, or another one, or first one and then, some days apart, the other."""
    whole = _Part(setting, {})
    if away is None:
        return [whole], ()
    means = draw(st.sampled_from(["rule", "travel", "place"]))
    if means == "place":
        away = branch_zone or away
    if away == setting.zone:
        return [whole], ()
    room = (setting.beyond - setting.first - _APART).days
    split = room >= 2 and draw(st.booleans())
    if not split and means != "travel":
        there = attrs.evolve(setting, zone=away, places=())
        return [_Part(there, _stating(means, away, branch_zone))], ()
    if room < 2:
        return [whole], ()
    leaving = setting.first + timedelta(draw(st.integers(0, room - 1)))
    arriving = leaving + _APART
    here = attrs.evolve(setting, beyond=leaving + timedelta(1))
    there = attrs.evolve(setting, zone=away, first=arriving, places=())
    travel = Travel(away, leaving + timedelta(1), min(setting.beyond + timedelta(3660), LAST_DATE))
    return [
        _Part(here, {"valid_from": None, "valid_to": leaving}),
        _Part(there, {"valid_from": arriving, **_stating(means, away, branch_zone)}),
    ], (travel,) if means == "travel" else ()


def _stating(means: str, away: str, branch_zone: str | None) -> dict[str, Any]:
    if means == "travel":
        return {}
    if means == "place" and branch_zone is not None:
        return {"location": BRANCH}
    return {"timezone": away}


def _provider_rules(
    draw: st.DrawFn, resource: Resource, parts: Sequence[_Part], max_rules: int
) -> list[AvailabilityRule]:
    found: list[AvailabilityRule] = []
    parts = parts[-max_rules:]
    for number, part in enumerate(parts, 1):
        left = max_rules - len(found) - (len(parts) - number)  # one at least for each to come
        owners = draw(st.integers(1, left))
        for arcs in draw(day_arcs(owners=owners, favoured=part.setting.favoured)):
            id = f"rule-{len(found) + 1}"
            found.append(a_rule(draw, id, resource, part.setting, arcs, **part.stated))
    return found


def _overrides(
    draw: st.DrawFn,
    resource: Resource,
    setting: Setting,
    count: int,
    kinds: Sequence[OverrideKind],
) -> tuple[Override, ...]:
    """Overrides of which no two that open time meet at equal priority."""
    found: list[Override] = []
    for number in range(count):
        one = an_override(draw, f"override-{number + 1}", resource, setting, kinds)
        rivals = [other.priority for other in found if _may_meet(one, other)]
        if one.priority in rivals:
            one = attrs.evolve(one, priority=max(rivals) + 1)
        found.append(one)
    return tuple(found)


def _may_meet(one: Override, other: Override) -> bool:
    if one.kind is not other.kind or one.kind is OverrideKind.CLOSED:
        return False
    return one.first <= other.last + _APART and other.first <= one.last + _APART


def _other_calendar(draw: st.DrawFn, resource: Resource, setting: Setting) -> Calendar:
    """Hours, closures and blockings of what is no provider; its rules offer nothing themselves."""
    rule: tuple[AvailabilityRule, ...] = ()
    if draw(st.booleans()):
        (arcs,) = draw(day_arcs(favoured=setting.favoured))
        rule = (a_rule(draw, "rule-1", resource, setting, arcs),)
    open_too = resource.kind in (ResourceKind.ROOM, ResourceKind.DEVICE)
    kinds = tuple(OverrideKind) if open_too else (OverrideKind.CLOSED,)
    bare = attrs.evolve(setting, places=())
    closures = _overrides(draw, resource, bare, draw(st.integers(0, 2)), kinds)
    return calendar(rule, closures, _blockings(draw, resource, bare))


def _blockings(
    draw: st.DrawFn, resource: Resource, setting: Setting
) -> tuple[RecurringBlocking, ...]:
    if draw(st.integers(1, 4)) < 4:
        return ()
    (arcs,) = draw(day_arcs(favoured=setting.favoured))
    blocking = RecurringBlocking(
        resource,
        draw(recurrences(start=setting.dates)),
        id="blocking-1",
        hours=[hours_of(arc) for arc in arcs],
        types=sometimes(draw, code_sets(setting.types), None),
        disambiguation=a_policy(draw),
    )
    return (blocking,)


def _releases(draw: st.DrawFn, resource: Resource, setting: Setting) -> tuple[ReleaseRule, ...]:
    """Now and then a release rule, or two."""
    count = draw(st.sampled_from([0, 0, 0, 1, 2]))
    return tuple(
        a_release_rule(draw, f"release-{number}", resource, setting)
        for number in range(1, count + 1)
    )


def _locations(
    draw: st.DrawFn, clinic_zone: str | None, branch_zone: str | None
) -> dict[str, Location]:
    exclusive = sometimes(draw, st.just(True), False, one_in=8)
    return {
        CLINIC: Location(id=CLINIC, timezone=clinic_zone, exclusive=exclusive),
        BRANCH: Location(id=BRANCH, timezone=branch_zone),
    }


def _same_zone(places: dict[str, Location], home: str) -> tuple[str, ...]:
    """The places whose zone is no other than home's."""
    return tuple(id for id, place in places.items() if place.timezone in (None, home))


def _own_durations(types: Sequence[str]) -> st.SearchStrategy[dict[str, timedelta]]:
    if not types:
        return st.just({})
    return st.dictionaries(st.sampled_from(types), lengths(), max_size=2)


def _capacity(draw: st.DrawFn, drawn: bool) -> int | None:
    return sometimes(draw, st.integers(1, 12), None) if drawn else None
