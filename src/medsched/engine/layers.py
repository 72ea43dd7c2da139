"""Who decides each minute: rules, practice and place, extra hours, replaced hours, closures.

`open_pieces` answers for a provider, `open_spans` for any other resource. Both lay the
layers from the lowest to the highest, each taking minutes from those below it:

1. recurring rules open;
2. practice and location (opening hours, closures, holidays) and recurring blockings close;
3. extra hours open, save where the same is on offer already;
4. replaced hours close their dates and open their own windows;
5. closures close.
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

import attrs

from medsched.domain.availability import AvailabilityRule, Override, OverrideKind
from medsched.domain.explanations import Layer
from medsched.domain.offers import concerns, offer_key
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.schedule import Calendar
from medsched.engine.windows import (
    Frame,
    Opening,
    Piece,
    all_windows_in,
    dates_of,
    headed,
    pieces_of,
    windows_in,
)
from medsched.timeline.instants import DAY
from medsched.timeline.intervals import (
    Interval,
    are_apart,
    complement,
    disjoint,
    overlapping,
    subtract,
    union,
)

_start = itemgetter(0)
_by_start = itemgetter(0, 1)


def open_pieces(frame: Frame, type_code: str) -> list[Piece]:
    """When a provider is open for an appointment type: sorted pieces that do not overlap.

    A piece may offer other types only; what it offers, its opening says. Exact within the
    frame; around it as far as whole windows reach.
    """
    layers = _Layers(frame, frame.schedule.provider.resource, type_code)
    pieces = layers.rules()
    if pieces:
        pieces = practice_closing(frame, type_code).close(pieces)
    pieces = layers.upper(pieces)
    idle = {one.id for one in frame.schedule.inactive if one.kind is ResourceKind.LOCATION}
    return [piece for piece in pieces if piece[4].location not in idle] if idle else pieces


def open_spans(
    frame: Frame,
    resource: Resource,
    type_code: str,
    *,
    blockings: bool = True,
    closures: bool = True,
) -> list[Interval]:
    """When a room, device, location or practice is open for a type; always, if it has no rules.

    Without ``blockings`` and ``closures``: what its hours alone open.
    """
    layers = _Layers(frame, resource, type_code)
    pieces = layers.rules() or layers.always()
    if blockings:
        pieces = subtract(pieces, layers.blocked())
    return union(piece[:2] for piece in layers.upper(pieces, closures=closures))


def practice_closing(frame: Frame, type_code: str) -> Closing:
    """Layer 2 for a provider: what practice, places and recurring blockings close."""
    schedule = frame.schedule
    closing = Closing()
    closing.add_spans(None, _Layers(frame, schedule.provider.resource, type_code).blocked())
    _close_by(frame, closing, schedule.practice.resource, None, type_code)
    for resource in schedule.calendars:
        if resource.kind is ResourceKind.LOCATION:
            _close_by(frame, closing, resource, resource.id, type_code)
    return closing


def _close_by(
    frame: Frame, closing: Closing, resource: Resource, place: str | None, type_code: str
) -> None:
    if not frame.schedule.calendar(resource):
        return
    layers = _Layers(frame, resource, type_code)
    opened = open_spans(frame, resource, type_code, closures=False)
    closing.add_spans(place, complement(opened, *reach(frame)))
    for closure in layers.of_kind(OverrideKind.CLOSED):
        at = closure.location if place is None else place
        if closure.whole_shifts:
            closing.add_days(at, dates_of(closure, *frame.days))
        else:
            closing.add_spans(at, all_windows_in(frame, closure))


def reach(frame: Frame) -> Interval:
    """Every instant that a window of the frame's dates can touch."""
    low, high = frame.days
    return (low - 2) * DAY, (high + 3) * DAY


@attrs.define(eq=False)
class Closing:
    """Time to be taken away: instants or whole dates' windows, everywhere (None) or at a place."""

    spans: dict[str | None, list[tuple[Any, ...]]] = attrs.field(factory=lambda: defaultdict(list))
    days: dict[str | None, set[int]] = attrs.field(factory=lambda: defaultdict(set))

    def add_spans(self, place: str | None, spans: Iterable[tuple[Any, ...]]) -> None:
        """Close these instants; windows and pieces will do."""
        self.spans[place] += spans

    def add_days(self, place: str | None, days: Iterable[int]) -> None:
        """Close the windows that hang on these dates."""
        self.days[place].update(days)

    def close(self, pieces: list[Piece]) -> list[Piece]:
        """What is left open of sorted pieces."""
        for place, days in self.days.items():
            pieces = [
                piece
                for piece in pieces
                if piece[3] not in days or place not in (None, piece[4].location)
            ]
        for place, spans in self.spans.items():
            if not spans:
                continue
            if place is None:
                pieces = subtract(pieces, union(spans))
            else:
                here = [piece for piece in pieces if piece[4].location == place]
                there = [piece for piece in pieces if piece[4].location != place]
                pieces = sorted(there + subtract(here, union(spans)), key=_by_start)
        return pieces


@attrs.frozen(eq=False)
class _Layers:
    """The layers of one resource, for one appointment type."""

    frame: Frame
    resource: Resource
    type_code: str
    offers: dict[Hashable, int] = attrs.field(init=False, factory=dict)
    calendar: Calendar = attrs.field(init=False)

    @calendar.default
    def _its_calendar(self) -> Calendar:
        return self.frame.schedule.calendar(self.resource)

    def rules(self) -> list[Piece]:
        return self._opened(self.calendar.rules, Layer.RULES)

    @property
    def _has_windows(self) -> bool:
        """Whether what is open hangs on dates; what is open without rules does not."""
        return bool(self.calendar.rules) or self.resource.kind is ResourceKind.PROVIDER

    def always(self) -> list[Piece]:
        """Open all the time, for a resource that has no rules; nothing for one that has."""
        if self.calendar.rules:
            return []
        low, high = reach(self.frame)
        day = low // DAY
        opening = Opening(None, Layer.RULES, self.frame.zone_of(self.resource), -1, None)
        return [(low, high, (low, high, day), day, opening)]

    def blocked(self) -> list[Interval]:
        """The resource's own recurring blockings."""
        blockings = self.calendar.blockings
        if not blockings:
            return []
        return union(
            span
            for blocking in blockings
            if concerns(blocking.types, self.type_code)
            for span in all_windows_in(self.frame, blocking)
        )

    def of_kind(self, kind: OverrideKind) -> list[Override]:
        """The overrides of one kind that touch the frame and concern the type."""
        low, high = self.frame.days
        return [
            one
            for one in self.calendar.by_kind[kind]
            if one.days.start < high
            and one.days.stop > low
            and (kind is not OverrideKind.CLOSED or concerns(one.types, self.type_code))
        ]

    def upper(self, pieces: list[Piece], *, closures: bool = True) -> list[Piece]:
        """Lay the resource's overrides, layers 3 to 5, over what is open below."""
        extra: list[Piece] = []
        for group in _by_priority(self.of_kind(OverrideKind.EXTRA)):
            extra = _over(extra, self._opened(group, Layer.EXTRA))
        if extra:
            pieces = _over(pieces, _not_on_offer(extra, pieces))
        for group in _by_priority(self.of_kind(OverrideKind.REPLACED)):
            opened, closing = self._opened(group, Layer.REPLACED), self._closing(group)
            closing.add_spans(None, opened)  # they may reach beyond their dates
            pieces = _among(closing.close(pieces), opened)
        if not closures:
            return pieces
        return self._closing(self.of_kind(OverrideKind.CLOSED)).close(pieces)

    def _opened(self, sources: Iterable[AvailabilityRule | Override], layer: Layer) -> list[Piece]:
        """The pieces of some sources; where they overlap the earlier window keeps the minute."""
        main_place = self.frame.schedule.provider.location
        parts: list[list[Piece]] = []
        for source in sources:
            offer = self.offers.setdefault(offer_key(source, main_place), len(self.offers))
            place = source.location or main_place
            for zone, windows in windows_in(self.frame, source):
                parts.append(pieces_of(Opening(source, layer, zone, offer, place), windows))
        found = parts[0] if len(parts) == 1 else [piece for part in parts for piece in part]
        if are_apart(found):
            return found
        return disjoint(sorted(chain.from_iterable(map(headed, parts)), key=_by_start))

    def _closing(self, overrides: Iterable[Override]) -> Closing:
        """What closures take away, and what replaced hours do before they open their own."""
        closing = Closing()
        for one in overrides:
            closure = one.kind is OverrideKind.CLOSED
            place = one.location if closure else None
            if one.whole_shifts and self._has_windows:
                closing.add_days(place, dates_of(one, *self.frame.days))
                continue
            windows = all_windows_in(self.frame, one, whole_dates=not closure)
            closing.add_spans(place, windows)
        return closing


def _by_priority(overrides: list[Override]) -> list[list[Override]]:
    """Groups of equal priority, the lowest first."""
    if len(overrides) < 2:
        return [overrides] if overrides else []
    ordered = sorted(overrides, key=lambda one: one.priority)
    return [list(group) for _, group in groupby(ordered, key=lambda one: one.priority)]


def _over(lower: Sequence[Piece], upper: Sequence[Piece]) -> list[Piece]:
    """Both, the upper pieces taking their minutes from the lower ones."""
    return _among(subtract(lower, union(upper)), upper)


def _among(pieces: list[Piece], others: Sequence[Piece]) -> list[Piece]:
    """Others put among pieces, in order, where none overlaps another; the list is the same."""
    for piece in others:
        insort(pieces, piece, key=_start)
    return pieces


def _not_on_offer(extra: Sequence[Piece], pieces: Sequence[Piece]) -> list[Piece]:
    """Extra hours less the minutes that are open with the same offer already."""
    new: list[Piece] = []
    for piece in extra:
        offer = piece[4].offer
        below = overlapping(pieces, piece[0], piece[1])
        new += subtract([piece], [one[:2] for one in below if one[4].offer == offer])
    return new
