"""What is kept back: time that release rules keep for some types, and from when on others may book.

What a rule keeps follows from the schedule alone: the same minutes for whoever asks, and whatever
is booked. Whether a start is refused for it follows from the type asked for, the length of its
slot, and now. Like the rules of time it takes starts away and never moves a grid.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import time
from operator import itemgetter
from typing import Final, NamedTuple

import attrs

from medsched.domain.fields import minutes, spoken
from medsched.domain.release_rules import ReleaseRule
from medsched.domain.requests import Reason
from medsched.domain.schedule import Schedule
from medsched.engine.booking_rules import Ruled
from medsched.engine.inquiry import Inquiry
from medsched.engine.layers import open_pieces
from medsched.engine.windows import Frame, all_windows_in, dates_of
from medsched.timeline.instants import DAY, FIRST_DAY, LAST_DAY, minute_of
from medsched.timeline.intervals import Interval, disjoint, overlapping
from medsched.timeline.resolve import Disambiguation, date_span, resolve
from medsched.timeline.zones import Zone, ZoneSource

Kept = tuple[ReleaseRule, Sequence[Interval]]
"""A rule, and the stretches that it keeps: sorted, none over another."""

_NOBODY: Final = ""
"""The code of no type: what is closed for it is closed for all."""
_start = itemgetter(0)


class _Date(NamedTuple):
    """The minutes [low, high) of a local date, as days since 1970-01-01."""

    low: int
    high: int
    day: int


def release_rules(schedule: Schedule) -> list[ReleaseRule]:
    """The release rules of a provider, and those of the practice as the provider's own."""
    owner = schedule.provider.resource
    shared = schedule.calendar(schedule.practice.resource).releases
    return [
        *schedule.calendar(owner).releases,
        # On each provider's own wall, wherever that provider is.
        *(attrs.evolve(rule, resource=owner) for rule in shared),
    ]


def kept_stretches(schedule: Schedule, zones: ZoneSource, low: int, high: int) -> list[Kept]:
    """What each release rule keeps of the minutes [low, high).

    Stretches that reach into them are told as they are, in full.
    """
    frame = Frame(schedule, zones, low, high)
    return [
        (rule, overlapping(_kept_by(frame, rule), low, high)) for rule in release_rules(schedule)
    ]


def _kept_by(frame: Frame, rule: ReleaseRule) -> list[Interval]:
    # Stretches that touch stay apart: else how far one goes would depend on what is asked about.
    spans = _shares(frame, rule) if rule.share else (one[:2] for one in all_windows_in(frame, rule))
    return disjoint(sorted(spans))


def _shares(frame: Frame, rule: ReleaseRule) -> Iterator[Interval]:
    """The last open minutes of each date of a rule, as many as its share of them."""
    assert rule.share is not None  # else it keeps hours
    found = _dates(frame, rule, frame.low, frame.high)
    wanted = set(dates_of(rule, found[0].day, found[-1].day + 1)) if found else set()
    dates = [one for one in found if one.day in wanted]
    if not dates:
        return
    whole = Frame(frame.schedule, frame.zones, dates[0].low, dates[-1].high)
    pieces = open_pieces(whole, _NOBODY)
    for date in dates:
        opened = [
            (max(piece[0], date.low), min(piece[1], date.high))
            for piece in overlapping(pieces, date.low, date.high)
        ]
        left = -(-rule.share * sum(end - start for start, end in opened) // 1)
        for start, end in reversed(opened):
            if left <= 0:
                break
            yield max(start, end - int(left)), end
            left -= end - start


def _dates(frame: Frame, rule: ReleaseRule, low: int, high: int) -> list[_Date]:
    """The local dates of a rule that hold the minutes [low, high), in order, none left out.

    A date lasts until the next one begins, each in the zone in force on it: so each minute is of
    one date, wherever the provider travels.
    """
    first, last = max(low // DAY - 3, FIRST_DAY), min(high // DAY + 3, LAST_DAY)
    days = range(first, last + 1)
    found: list[_Date] = []
    until: int | None = None
    zones = [(day, zone) for zone, some in frame.by_zone(rule, days) for day in some]
    for day, zone in reversed(zones):
        begins, ends = date_span(zone, day)
        end = ends if until is None else until
        if begins < end:
            found.append(_Date(begins, end, day))
            until = begins
    return [one for one in reversed(found) if one.low < high and low < one.high]


# ---------------------------------------------------------------------- what is refused


def kept_back(
    inquiry: Inquiry, kept: Iterable[Kept], low: int, high: int, length: int
) -> list[Ruled]:
    """What release rules refuse now of the starts [low, high) of slots of so many minutes.

    ``kept``: what they keep of the time that such slots take. Nothing is kept from a type that the
    time is kept for, nor when it is asked what the schedule opens at all.
    """
    if inquiry.request.now is None:
        return []
    now = minute_of(inquiry.request.now, "now", rounding="down")
    return [
        ruled
        for rule, stretches in kept
        if stretches and inquiry.type.code not in rule.kept_for
        for ruled in _of_rule(inquiry, rule, stretches, now, length)
        if ruled.low < high and low < ruled.high
    ]


def _of_rule(
    inquiry: Inquiry, rule: ReleaseRule, kept: Sequence[Interval], now: int, length: int
) -> Iterator[Ruled]:
    """The starts of slots that touch what a rule keeps and that are not open yet."""
    back = length - 1
    for low, high, when in _not_open(inquiry, rule, kept[0][0] - back, kept[-1][1], now):
        message = f"{_kept_for(rule)} {when}"
        first = bisect_right(kept, low, key=itemgetter(1))
        for stretch in kept[first : bisect_left(kept, high + back, key=_start)]:
            yield Ruled(
                max(stretch[0] - back, low),
                min(stretch[1], high),
                Reason.KEPT_BACK,
                message,
                inquiry.provider.resource,
                by=rule.id,
                about=stretch,
            )


def _not_open(
    inquiry: Inquiry, rule: ReleaseRule, low: int, high: int, now: int
) -> Iterator[tuple[int, int, str]]:
    """The starts, in stretches [low, high), that are not open at ``now``, and when they are."""
    if rule.before is not None:
        first = max(low, now + minutes(rule.before) + 1)
        if first < high:
            yield first, high, f"from {spoken(rule.before)} before the start"
        return
    assert rule.opens_at is not None  # one of both is stated
    frame = Frame(inquiry.schedule, inquiry.zones, low, high)
    for date in _dates(frame, rule, low, high):
        day = date.day - rule.days_before
        if day < FIRST_DAY:
            continue
        ((zone, _),) = frame.by_zone(rule, [day])
        opens = resolve(zone, day * DAY + _minute(rule.opens_at), Disambiguation.COMPATIBLE)
        if now < opens:
            yield max(date.low, low), min(date.high, high), f"from {_wall(zone, opens)} on"


def _minute(wall: time) -> int:
    return wall.hour * 60 + wall.minute


def _kept_for(rule: ReleaseRule) -> str:
    if not rule.kept_for:
        return "kept back: open to all"
    return f"kept for {', '.join(sorted(rule.kept_for))}: open to others"


def _wall(zone: Zone, minute: int) -> str:
    return f"{zone.local(minute):%Y-%m-%d %H:%M}"
