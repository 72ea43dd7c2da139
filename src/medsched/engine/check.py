"""What must not be written, and what may surprise later: overlaps, contradictions, clocks."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from datetime import date
from itertools import pairwise
from typing import Final

import attrs

from medsched.domain.availability import AvailabilityRule, Override, OverrideKind
from medsched.domain.findings import Finding, FindingKind
from medsched.domain.offers import offer_key
from medsched.domain.records import ResourceKind
from medsched.domain.schedule import Schedule
from medsched.domain.time_blocks import BlockHours
from medsched.engine.windows import Frame, Source, dates_of, resolved, whole_dates_in, windows_in
from medsched.errors import ContradictoryOverrides, OverlappingRules
from medsched.timeline.instants import DAY, FIRST_DAY, LAST_DAY, date_of, day_of, instant_of
from medsched.timeline.intervals import Interval, intersect
from medsched.timeline.resolve import REACH, Disambiguation, resolve
from medsched.timeline.zones import Zone, ZoneSource

COMPARED_YEARS: Final = 10
"""How many years of two rules are compared, from the later start on."""


@attrs.frozen(eq=False)
class _Laid:
    """The wall windows of a rule or override over some dates, in its zone."""

    source: AvailabilityRule | Override
    zone: Zone
    walls: list[Interval]


def refuse_overlaps(
    rule: AvailabilityRule,
    others: Iterable[AvailabilityRule],
    schedule: Schedule,
    zones: ZoneSource,
) -> None:
    """Raise `OverlappingRules` if a rule opens a minute twice, or one that another rule opens.

    Compared with the active rules of the same resource over ten years from the later start.
    Overlaps that only a clock change (or a journey) makes are legal, and so are those of
    rules with the same offer of which one asks to ``merge``.
    """
    if not rule.active:
        return
    frame = Frame(schedule, zones, 0, 0)
    main_place = schedule.provider.location
    rivals = [
        other
        for other in others
        if other.active
        and other.resource == rule.resource
        and other.id != rule.id
        and not _merged(rule, other, main_place)
    ]
    for other in [*rivals, *([] if rule.merge else [rule])]:
        at = _shared_minute(frame, rule, other)
        if at is not None:
            one, two = sorted((rule.id, other.id))
            raise OverlappingRules(rule.resource.id, one, two, instant_of(at))


def _shared_minute(frame: Frame, rule: AvailabilityRule, other: AvailabilityRule) -> int | None:
    """The first instant that two rules, or one rule twice, open, were the clocks never changed."""
    low = day_of(max(rule.recurrence.start, other.recurrence.start))
    span = (max(low - 1, FIRST_DAY), min(low + 366 * COMPARED_YEARS, LAST_DAY))
    within_a_day = all(end <= DAY for one in (rule, other) for _, end in one.windows)
    same_zone = frame.home_zone(rule).key == frame.home_zone(other).key
    if within_a_day and same_zone:
        # Then only windows of one date can meet: the usual case, settled without laying any.
        met = intersect(rule.windows, other.windows) if other is not rule else []
        days = set(dates_of(rule, *span)).intersection(dates_of(other, *span)) if met else ()
        first = min(days, default=None)
        if first is None:
            return None
        return resolve(frame.home_zone(rule), first * DAY + met[0][0], Disambiguation.COMPATIBLE)
    laid = _lay(frame, rule, span)
    return _self_overlap(laid) if other is rule else _overlap(laid, _lay(frame, other, span))


def _merged(one: AvailabilityRule, other: AvailabilityRule, main_place: str | None) -> bool:
    """Whether two rules may overlap because one of them asks to, and they make the same offer."""
    return (one.merge or other.merge) and offer_key(one, main_place) == offer_key(other, main_place)


def refuse_contradictions(
    override: Override,
    others: Iterable[Override],
    schedule: Schedule,
    zones: ZoneSource,
) -> None:
    """Raise `ContradictoryOverrides` if another of equal kind and priority says otherwise.

    Two replacements of one date must be equal; extra hours, and replacements that reach
    into another date, may overlap where they make the same offer; time blocks never. Closures
    never contradict.
    """
    if not override.active or override.kind is OverrideKind.CLOSED:
        return
    frame = Frame(schedule, zones, 0, 0)
    main_place = schedule.provider.location
    for other in others:
        if (
            not other.active
            or (type(other) is type(override) and other.id == override.id)
            or _far_apart(other, override)
            or (other.resource, other.kind, other.priority)
            != (override.resource, override.kind, override.priority)
        ):
            continue
        at = _contradiction(frame, override, other, main_place)
        if at is not None:
            one, two = sorted((override.id, other.id))
            raise ContradictoryOverrides(override.resource.id, one, two, instant_of(at))


def _far_apart(one: Override, other: Override) -> bool:
    """Whether no windows of two overrides can meet, whatever their zones are."""
    return one.days.start > other.days.stop + 3 or other.days.start > one.days.stop + 3


def _contradiction(
    frame: Frame, one: Override, other: Override, main_place: str | None
) -> int | None:
    if isinstance(one, BlockHours) and isinstance(other, BlockHours):
        return _shared_by_blocks(frame, one, other)
    if _says(one, main_place) == _says(other, main_place):
        return None
    if one.kind is OverrideKind.REPLACED:
        first, last = max(one.first, other.first), min(one.last, other.last)
        if first <= last:
            wall = day_of(first) * DAY
            return resolve(frame.home_zone(one), wall, Disambiguation.COMPATIBLE)
    if offer_key(one, main_place) == offer_key(other, main_place):
        return None
    low = max(day_of(max(one.first, other.first)) - 1, FIRST_DAY)
    high = day_of(min(one.last, other.last)) + 2
    return _overlap(_lay(frame, one, (low, high)), _lay(frame, other, (low, high)))


def _shared_by_blocks(frame: Frame, *blocks: BlockHours) -> int | None:
    """The first instant that two time blocks share: each is at its own showing of a wall time."""
    laid = [
        resolved(frame.home_zone(one), one.disambiguation, one.windows, list(one.days))
        for one in blocks
    ]
    met = intersect(*([window[:2] for window in windows] for windows in laid))
    return met[0][0] if met else None


def _says(override: Override, main_place: str | None) -> Hashable:
    """All that an override says of each of its dates."""
    return (
        override.windows,
        override.timezone,
        override.disambiguation,
        override.whole_shifts,
        offer_key(override, main_place),
    )


def _lay(frame: Frame, source: AvailabilityRule | Override, span: Interval) -> _Laid:
    walls = sorted(
        (day * DAY + start, day * DAY + end)
        for day in dates_of(source, *span)
        for start, end in source.windows
    )
    return _Laid(source, frame.home_zone(source), walls)


def _self_overlap(laid: _Laid) -> int | None:
    for one, other in pairwise(laid.walls):
        if other[0] < one[1]:
            return resolve(laid.zone, other[0], Disambiguation.COMPATIBLE)
    return None


def _overlap(first: _Laid, second: _Laid) -> int | None:
    """The first instant that two sets of windows share, were the clocks never changed."""
    same_zone = first.zone.key == second.zone.key
    mine = [(wall, (wall,)) for wall in first.walls] if same_zone else _instants(first)
    theirs = [(wall, (wall,)) for wall in second.walls] if same_zone else _instants(second)
    at = 0
    for span, variants in mine:
        while at < len(theirs) and theirs[at][0][1] <= span[0]:
            at += 1
        following = at
        while following < len(theirs) and theirs[following][0][0] < span[1]:
            if _always_meet(variants, theirs[following][1]):
                start = max(span[0], theirs[following][0][0])
                if same_zone:
                    return resolve(first.zone, start, Disambiguation.COMPATIBLE)
                return start
            following += 1
    return None


def _instants(laid: _Laid) -> list[tuple[Interval, tuple[Interval, ...]]]:
    """Each wall window as instants; one that a change touches as it would be before and after."""
    found = []
    for start, end in laid.walls:
        touching = [
            change
            for change in laid.zone.changes(start - REACH, end + REACH)
            if start <= change[0] + max(change[1:]) and end >= change[0] + min(change[1:])
        ]
        offsets = {offset for change in touching for offset in change[1:]}
        if not offsets:
            at = resolve(laid.zone, start, Disambiguation.COMPATIBLE)
            offsets = {laid.zone.offset_at(at)}
        variants = tuple(sorted((start - offset, end - offset) for offset in offsets))
        found.append(((variants[0][0], variants[-1][1]), variants))
    return sorted(found)


def _always_meet(ones: Sequence[Interval], others: Sequence[Interval]) -> bool:
    return all(one[0] < other[1] and other[0] < one[1] for one in ones for other in others)


# -------------------------------------------------------------------- surprises


def check_schedule(schedule: Schedule, zones: ZoneSource, first: date, last: date) -> list[Finding]:
    """What may surprise in a schedule's calendars from ``first`` to ``last``, both inclusive.

    Windows that a clock change lengthens, shortens, moves or drops; overlaps it makes; and
    the stubs that whole-date closures leave of overnight windows. In order of date.
    """
    low, high = day_of(first), day_of(last) + 1
    frame = Frame(schedule, zones, low * DAY, high * DAY)
    found: list[Finding] = []
    for calendar in schedule.calendars.values():
        sources: list[Source] = [*calendar.rules, *calendar.dated, *calendar.blockings]
        for source in sources:
            found += _clock_changes(frame, source, (low, high))
        found += _made_overlaps(frame, calendar.rules, (low, high))
        for override in calendar.overrides:
            found += _stubs(frame, override, calendar.rules, (low, high))
    found += _stubs_of_others(frame, (low, high))
    return sorted(found, key=lambda one: (one.date or first, one.resource, one.by, one.kind))


def _clock_changes(frame: Frame, source: Source, span: Interval) -> Iterator[Finding]:
    for zone, days in frame.by_zone(
        source, [d for d in dates_of(source, *frame.days) if span[0] <= d < span[1]]
    ):
        near = {
            day
            for at, *_ in zone.changes((span[0] - 2) * DAY, (span[1] + 2) * DAY)
            for day in range(at // DAY - 2, at // DAY + 3)
        }
        for day in days:
            if day in near:
                for window in source.windows:
                    yield from _changed(zone, source, day, window)


def _changed(zone: Zone, source: Source, day: int, window: Interval) -> Iterator[Finding]:
    wall = f"{_clock(window[0])}-{_clock(window[1])} on {date_of(day)} in {zone.key}"
    opened = resolved(zone, source.disambiguation, [window], [day])
    if not opened:
        yield Finding(
            kind=FindingKind.DROPPED,
            resource=source.resource,
            by=(source.id,),
            date=date_of(day),
            message=f"{wall} does not open: the clocks change",
        )
        return
    ((start, end, _),) = opened
    wanted, got = window[1] - window[0], end - start
    moved = [
        f"{'starts' if edge == start else 'ends'} at {zone.local(edge):%H:%M}"
        for edge, asked in ((start, window[0]), (end, window[1]))
        if zone.wall_of(edge) != day * DAY + asked
    ]
    if wanted != got or moved:
        told = [*moved, f"lasts {_hours(got)} instead of {_hours(wanted)}"]
        yield Finding(
            kind=FindingKind.CLOCK_CHANGE,
            resource=source.resource,
            by=(source.id,),
            date=date_of(day),
            start=instant_of(start),
            end=instant_of(end),
            message=f"{wall} {' and '.join(told if wanted != got else moved)}: the clocks change",
        )


def _made_overlaps(
    frame: Frame, rules: Sequence[AvailabilityRule], span: Interval
) -> Iterator[Finding]:
    windows = sorted(
        (start, end, rule.id, day)
        for rule in rules
        for _, some in windows_in(frame, rule)
        for start, end, day in some
        if span[0] <= day < span[1]
    )
    by_id = {rule.id: rule for rule in rules}
    main_place = frame.schedule.provider.location
    for one, other in pairwise(windows):
        if other[0] < one[1] and not _merged(by_id[one[2]], by_id[other[2]], main_place):
            yield Finding(
                kind=FindingKind.OVERLAP,
                resource=rules[0].resource,
                by=(one[2], other[2]),
                date=date_of(other[3]),
                start=instant_of(other[0]),
                end=instant_of(min(one[1], other[1])),
                message=(
                    f"windows of {one[2]!r} and {other[2]!r} overlap from"
                    f" {instant_of(other[0]):%Y-%m-%d %H:%M} UTC; the earlier one keeps the time"
                ),
            )


def _stubs_of_others(frame: Frame, span: Interval) -> Iterator[Finding]:
    """The stubs that closures of practice and places leave of the provider's windows."""
    schedule = frame.schedule
    rules = schedule.calendar(schedule.provider.resource).rules
    for resource, calendar in schedule.calendars.items():
        if resource.kind not in (ResourceKind.PRACTICE, ResourceKind.LOCATION):
            continue
        for override in calendar.by_kind[OverrideKind.CLOSED]:
            at = resource.id if resource.kind is ResourceKind.LOCATION else override.location
            there = [
                rule
                for rule in rules
                if at is None or (rule.location or schedule.provider.location) == at
            ]
            yield from _stubs(frame, override, there, span)


def _stubs(
    frame: Frame, override: Override, rules: Sequence[AvailabilityRule], span: Interval
) -> Iterator[Finding]:
    whole = override.kind is OverrideKind.REPLACED or not override.windows
    if not whole or override.whole_shifts or override.kind is OverrideKind.EXTRA:
        return
    closed = [
        (start, end, day)
        for _, windows in whole_dates_in(frame, override)
        for start, end, day in windows
        if span[0] <= day < span[1]
    ]
    home = frame.home_zone(override).key
    for rule in rules if closed else ():
        if max(end for _, end in rule.windows) <= DAY and frame.home_zone(rule).key == home:
            continue  # dates of the same wall: the windows of a date are closed as a whole
        for zone, windows in windows_in(frame, rule):
            for start, end, day in windows:
                inside = [hole for hole in closed if hole[0] < end and hole[1] > start]
                if not inside or (inside[0][0] <= start and inside[-1][1] >= end):
                    continue
                yield Finding(
                    kind=FindingKind.STUB,
                    resource=rule.resource,
                    by=(rule.id, override.id),
                    date=date_of(day),
                    start=instant_of(start),
                    end=instant_of(end),
                    message=(
                        f"the window {zone.local(start):%Y-%m-%d %H:%M} to"
                        f" {zone.local(end):%Y-%m-%d %H:%M} is closed only in part by"
                        f" {override.reason or override.id!r};"
                        " whole_shifts would act on whole shifts"
                    ),
                )


def _hours(minutes: int) -> str:
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes % 60 else f"{minutes // 60} h"


def _clock(minute: int) -> str:
    return f"{minute // 60 % 24:02d}:{minute % 60:02d}" if minute != DAY else "24:00"
