"""What rules, overrides, blockings, practice and place say of a stretch of time, as spans.

Words for people: the verdict itself is that of the board.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import attrs

from medsched.domain.availability import AvailabilityRule, Override, OverrideKind, RecurringBlocking
from medsched.domain.explanations import Coverage, Layer
from medsched.domain.hours import day_breaks
from medsched.domain.offers import concerns
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.time_blocks import BlockHours
from medsched.engine.board import Board
from medsched.engine.layers import open_spans, reach
from medsched.engine.windows import (
    Frame,
    Opening,
    Piece,
    Window,
    dates_of,
    resolved,
    whole_dates_in,
    windows_in,
)
from medsched.timeline.instants import instant_of
from medsched.timeline.intervals import complement
from medsched.timeline.resolve import Disambiguation


@attrs.frozen(eq=False)
class Cover:
    """One span that something opens or closes; minutes of the epoch."""

    layer: Layer
    opens: bool
    low: int
    high: int
    source: AvailabilityRule | Override | RecurringBlocking | None
    what: str
    place: str | None = None
    day: int | None = None
    priority: int = 0

    def told(self, wins: bool) -> Coverage:
        """The cover as a value for people."""
        return Coverage(
            layer=self.layer,
            opens=self.opens,
            by=self.source.id if self.source is not None else "",
            what=self.what,
            start=instant_of(self.low),
            end=instant_of(self.high),
            wins=wins,
        )


def covers(board: Board) -> Sequence[Cover]:
    """Everything that says anything of the board's time for its provider and type."""
    told, kept = board.inquiry.request.patient is None, board.openings.covers
    if told not in kept:
        kept[told] = list(_covers(board.openings.frame, board.inquiry.type.code, told))
    found: list[Cover] = kept[told]
    return found


def _covers(frame: Frame, code: str, told: bool) -> Iterator[Cover]:
    provider = frame.schedule.provider
    calendar = frame.schedule.calendar(provider.resource)
    opening = [
        *_opened(frame, calendar.rules, Layer.RULES),
        *_opened(frame, calendar.by_kind[OverrideKind.EXTRA], Layer.EXTRA),
        *_opened(frame, calendar.by_kind[OverrideKind.REPLACED], Layer.REPLACED),
    ]
    yield from opening
    for blocking in calendar.blockings:
        if concerns(blocking.types, code):
            words = _blocking_words(blocking, told=told)
            yield from _spanned(frame, blocking, Layer.PRACTICE, words)
    yield from _surroundings(frame, code, opening, told)
    for override in calendar.by_kind[OverrideKind.REPLACED]:
        yield from _closed(frame, override, Layer.REPLACED, opening)
    for override in calendar.by_kind[OverrideKind.CLOSED]:
        if concerns(override.types, code):
            yield from _closed(frame, override, Layer.CLOSED, opening)


def _surroundings(frame: Frame, code: str, opening: Sequence[Cover], told: bool) -> Iterator[Cover]:
    """What the practice and the places involved close."""
    schedule = frame.schedule
    places = sorted({cover.place for cover in opening if cover.place is not None})
    kept: list[tuple[Resource, str | None]] = [(schedule.practice.resource, None)]
    kept += [(Resource(ResourceKind.LOCATION, place), place) for place in places]
    for resource, place in kept:
        calendar = schedule.calendar(resource)
        if resource in schedule.inactive:
            whole = reach(frame)
            yield Cover(
                Layer.PRACTICE,
                False,
                *whole,
                None,
                f"{schedule.called(resource)} is not active",
                place,
            )
        if not calendar:
            continue
        opened = open_spans(frame, resource, code, blockings=False, closures=False)
        for blocking in calendar.blockings:
            if concerns(blocking.types, code):
                words = _blocking_words(blocking, told=told)
                yield from _spanned(frame, blocking, Layer.PRACTICE, words, place)
        for override in calendar.by_kind[OverrideKind.CLOSED]:
            if concerns(override.types, code):
                yield from _closed(frame, override, Layer.PRACTICE, opening, place)
        for low, high in complement(opened, *reach(frame)):
            yield Cover(
                Layer.PRACTICE,
                False,
                low,
                high,
                None,
                f"outside the hours of {schedule.called(resource)}",
                place,
            )


def _opened(
    frame: Frame, sources: Iterable[AvailabilityRule | Override], layer: Layer
) -> Iterator[Cover]:
    main_place = frame.schedule.provider.location
    for source in sources:
        if not dates_of(source, *frame.days):
            continue
        words = _words(source)
        place = source.location or main_place
        priority = source.priority if isinstance(source, Override) else 0
        for _, windows in windows_in(frame, source):
            for low, high, day in windows:
                yield Cover(layer, True, low, high, source, words, place, day, priority)
        if source.disambiguation is Disambiguation.REJECT:
            for low, high, _ in _dropped(frame, source):
                what = f"{words} dropped, since the clocks change"
                yield Cover(layer, False, low, high, source, what)
        breaks = day_breaks(source.hours, source.windows)
        for zone, days in frame.by_zone(source, dates_of(source, *frame.days) if breaks else ()):
            for low, high, _ in resolved(zone, source.disambiguation, breaks, days):
                yield Cover(layer, False, low, high, source, f"break of {words}")


def _dropped(frame: Frame, source: AvailabilityRule | Override) -> Iterator[Window]:
    """The windows that do not open because an edge is rejected, as they would otherwise lie."""
    for zone, days in frame.by_zone(source, dates_of(source, *frame.days)):
        kept = set(resolved(zone, source.disambiguation, source.windows, days))
        for window in resolved(zone, Disambiguation.COMPATIBLE, source.windows, days):
            if window not in kept:
                yield window


def _closed(
    frame: Frame,
    override: Override,
    layer: Layer,
    opening: Iterable[Cover],
    place: str | None = None,
) -> Iterator[Cover]:
    """What a closure, or the closing side of replaced hours, takes away."""
    if not dates_of(override, *frame.days):
        return
    words = _words(override)
    if override.whole_shifts:
        days = {day for _, windows in whole_dates_in(frame, override) for *_, day in windows}
        at = place or (override.location if override.kind is OverrideKind.CLOSED else None)
        for cover in opening:
            if cover.day in days and cover.layer < layer and at in (None, cover.place):
                yield Cover(
                    layer,
                    False,
                    cover.low,
                    cover.high,
                    override,
                    words,
                    place,
                    None,
                    override.priority,
                )
        return
    closure = override.kind is OverrideKind.CLOSED
    found = windows_in(frame, override) if closure else whole_dates_in(frame, override)
    at = place or (override.location if closure else None)
    for _, windows in found:
        for low, high, _ in windows:
            yield Cover(layer, False, low, high, override, words, at, None, override.priority)


def _spanned(
    frame: Frame, source: RecurringBlocking, layer: Layer, words: str, place: str | None = None
) -> Iterator[Cover]:
    for _, windows in windows_in(frame, source):
        for low, high, _ in windows:
            yield Cover(layer, False, low, high, source, words, place)


def decided(found: Iterable[Cover], piece: Piece | None, minute: int) -> tuple[Coverage, ...]:
    """The covers of a minute from the lowest layer to the highest, the deciding one marked."""
    here = [cover for cover in found if cover.low <= minute < cover.high]
    places = {cover.place for cover in here if cover.opens}
    here = [cover for cover in here if cover.opens or cover.place in {None, *places}]
    here.sort(key=_decides_last)
    winner: Cover | None = None
    if piece is not None:
        opening: Opening = piece[4]
        winner = next((c for c in here if c.opens and c.source is opening.source), None)
    else:
        winner = next((cover for cover in reversed(here) if not cover.opens), None)
    return tuple(cover.told(cover is winner) for cover in here)


def _decides_last(cover: Cover) -> tuple[int, int, bool, bool, int]:
    """Among what closes a minute the last in this order decides; what has a name tells more."""
    return cover.layer, cover.priority, cover.opens, cover.source is not None, cover.low


def _words(source: AvailabilityRule | Override) -> str:
    """What to call a rule or override when speaking with people."""
    hours = ", ".join(str(one) for one in source.hours)
    if isinstance(source, AvailabilityRule):
        return f"regular hours {hours}"
    if isinstance(source, BlockHours):
        return f"time block {hours}"
    called = f" ({source.reason})" if source.reason else ""
    if source.kind is OverrideKind.CLOSED:
        return f"closure{f' {hours}' if hours else ''}{called}"
    return f"{source.kind.value} hours {hours}{called}"


def _blocking_words(blocking: RecurringBlocking, *, told: bool) -> str:
    """What to call a blocking; what it is for is not for patients."""
    called = f" ({blocking.reason})" if blocking.reason and told else ""
    return f"recurring blocking {', '.join(str(one) for one in blocking.hours)}{called}"
