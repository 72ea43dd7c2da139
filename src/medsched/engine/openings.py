"""What a schedule opens for an appointment type, whoever asks and whatever is taken.

`Openings` are the part of an answer that depends on the schedule alone: the open pieces
around a stretch of time, what each means for the type, and the starts of the grid. They
are kept with the schedule they were made of, so that the next question about the same
stretch begins where this one ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import chain, compress, groupby, islice
from operator import itemgetter
from typing import Any, Final, NamedTuple

import attrs

from medsched.domain.appointment_types import AppointmentType, GridKind, Need
from medsched.domain.claims import Session
from medsched.domain.explanations import Layer
from medsched.domain.fields import minutes
from medsched.domain.offers import Offer
from medsched.domain.records import Resource
from medsched.domain.schedule import Schedule
from medsched.domain.slot_overrides import SlotOverride
from medsched.domain.slots import Slot, SlotTerms
from medsched.domain.time_blocks import BlockHours
from medsched.engine.changed_slots import ChangedSlots, changed_slots
from medsched.engine.grids import clock_starts, within
from medsched.engine.layers import open_pieces, open_spans, reach
from medsched.engine.release_rules import Kept, kept_stretches
from medsched.engine.windows import Frame, Opening, Piece, resolved
from medsched.timeline.instants import DAY
from medsched.timeline.intervals import Interval, complement, covering
from medsched.timeline.weekdays import Weekday
from medsched.timeline.zones import ZoneSource

KEPT: Final = 4
"""How many stretches a schedule keeps the openings of."""

_opening = itemgetter(4)


class SlotShape(NamedTuple):
    """What a claim depends on: a slot's length in minutes, its place, the room its hours state."""

    length: int
    location: str | None
    room: str | None


@attrs.frozen(eq=False)
class Terms:
    """What one opening means for a type: is it offered, on which days, where, how long.

    ``grid`` is that of the type; a time block has a single start, whatever the type's grid is.
    """

    opening: Opening
    offered: bool
    days: frozenset[Weekday] | None
    shape: SlotShape
    step: int
    seats: int
    grid: GridKind
    change: SlotOverride | None = None
    """What was changed about the one slot that these are the terms of."""

    @property
    def length(self) -> int:
        """Minutes of a slot."""
        return self.shape.length

    def on_day(self, start: int) -> bool:
        """Whether the type is offered on the local date of a start."""
        if self.days is None:
            return True
        day = self.opening.zone.wall_of(start) // DAY
        return (day + 3) % 7 in self.days  # 1970-01-01 was a Thursday


@attrs.define(eq=False)
class Candidates:
    """The starts of the grid in some consecutive pieces of one opening, in order; never none.

    ``origin`` is where the strip begins that they are picked from, ``first`` the first of them.
    They are given in ``ranges``, where they are as the grid has them, or one by one. Whoever asks
    for the first time may be the only one. So what makes it faster to ask, and costs more than
    asking once, is made for the second time.
    """

    terms: Terms
    origin: int
    first: int
    ranges: Sequence[range] = ()
    _starts: list[int] | None = None
    _is_asked: bool = attrs.field(init=False, default=False)
    _pick: Callable[[Sequence[int]], Any] | None = attrs.field(init=False, default=None)
    _slots: list[Slot] | None = attrs.field(init=False, default=None)

    @property
    def starts(self) -> list[int]:
        """All of the starts."""
        if self._starts is None:
            self._starts = list(chain.from_iterable(self.ranges))
        return self._starts

    def marks(self, strip: bytearray) -> Sequence[int]:
        """What a strip says of each start."""
        origin, again = self.origin, self._is_asked
        self._is_asked = True
        if self.ranges and not again:
            one, step = self.ranges[0], self.ranges[0].step
            if len(self.ranges) == 1:
                return strip[one.start - origin : one.stop - origin : step]
            return b"".join(
                [strip[one.start - origin : one.stop - origin : step] for one in self.ranges]
            )
        if self._pick is None:
            offsets: list[Any] = [start - origin for start in self.starts]
            if len(offsets) == 1:  # one item alone would not come as a sequence
                offsets = [slice(offsets[0], offsets[0] + 1)]
            self._pick = itemgetter(*offsets)
        picked: Sequence[int] = self._pick(strip)
        return picked

    def free(self, strip: bytearray, terms: SlotTerms) -> Iterable[Slot]:
        """The slots with these terms, always the same, whose starts a strip without telling frees.

        The terms are those of free slots that nothing was changed about.
        """
        again = self._is_asked
        marks = self.marks(strip)
        if not again:
            starts = self._starts or chain.from_iterable(self.ranges)
            return Slot.alike(terms, compress(starts, marks))
        if self._slots is None:
            self._slots = Slot.alike(terms, self.starts)
        return compress(self._slots, marks)


@attrs.frozen(eq=False, slots=False)
class Openings:
    """The open time around the starts [low, high), in minutes, for one appointment type.

    ``longest`` are the minutes of the longest group session that is under way at one of them.
    """

    schedule: Schedule
    type: AppointmentType
    zones: ZoneSource
    low: int
    high: int
    longest: int = 0
    slot_terms: dict[tuple[Terms, int, int], SlotTerms] = attrs.field(init=False, factory=dict)
    """What slots share, by opening, mark and seats taken."""
    covers: dict[bool, list[Any]] = attrs.field(init=False, factory=dict)
    """What covers this time, for those who may know its reasons and for others: see `covers`."""
    _terms: dict[Opening, Terms] = attrs.field(init=False, factory=dict)
    _within: dict[tuple[Terms, int, int], Terms] = attrs.field(init=False, factory=dict)
    _changed: dict[tuple[Terms, str], Terms] = attrs.field(init=False, factory=dict)
    _closed: dict[Resource, list[Interval]] = attrs.field(init=False, factory=dict)
    _kept: dict[int, list[Kept]] = attrs.field(init=False, factory=dict)

    @cached_property
    def frame(self) -> Frame:
        """The schedule around these starts, as far as a slot and its buffers reach."""
        margin = longest_claim(self.schedule, self.type, self.longest)
        return Frame(self.schedule, self.zones, self.low - margin, self.high + margin)

    @cached_property
    def pieces(self) -> list[Piece]:
        """The provider's open time."""
        return open_pieces(self.frame, self.type.code)

    @cached_property
    def runs(self) -> list[int]:
        """For each piece, the end of the run of touching pieces that make its offer."""
        ends: list[int] = []
        start = offer = -1
        reached = 0
        for piece in reversed(self.pieces):
            if piece[1] != start or piece[4].offer != offer:
                reached = piece[1]
            ends.append(reached)
            start, offer = piece[0], piece[4].offer
        ends.reverse()
        return ends

    def piece_at(self, start: int) -> Piece | None:
        """The open piece that a start lies in."""
        return covering(self.pieces, start)

    def run_end(self, piece: Piece) -> int:
        """Where the hours that make a piece's offer end."""
        return self.runs[self.pieces.index(piece)]

    def joined(self, piece: Piece) -> tuple[Sequence[Piece], Sequence[int]]:
        """A piece among those of its window that it touches, and the runs of all."""
        pieces = self.pieces
        first = last = pieces.index(piece)
        while first > 0 and _goes_on(pieces[first - 1], pieces[first]):
            first -= 1
        while last + 1 < len(pieces) and _goes_on(pieces[last], pieces[last + 1]):
            last += 1
        return pieces[first : last + 1], self.runs[first : last + 1]

    def closed(self, resource: Resource) -> list[Interval]:
        """When a room or device is closed, around these starts."""
        found = self._closed.get(resource)
        if found is None:
            whole = reach(self.frame)
            if resource in self.schedule.inactive:
                found = [whole]
            elif self.schedule.calendar(resource):
                found = complement(open_spans(self.frame, resource, self.type.code), *whole)
            else:
                found = []
            self._closed[resource] = found
        return found

    def kept(self, length: int) -> list[Kept]:
        """What release rules keep of the time that slots of so many minutes take, if ever."""
        found = self._kept.get(length)
        if found is None:
            high = self.high + length - 1
            found = kept_stretches(self.schedule, self.zones, self.low, high)
            self._kept[length] = found
        return found

    # ------------------------------------------------------------------- terms

    def terms(self, opening: Opening) -> Terms:
        """What an opening means for the type."""
        found = self._terms.get(opening)
        if found is None:
            found = self._terms[opening] = self._make_terms(opening)
        return found

    @cached_property
    def changes(self) -> ChangedSlots:
        """What was changed of the type's slots, one by one."""
        return changed_slots(self.schedule, self.type.code)

    def terms_at(self, piece: Piece, start: int) -> Terms:
        """What a start in a piece means for the type: another thing where its slot was changed."""
        terms = self.terms(piece[4])
        change = self.changes.at(start, piece[4].location) if self.changes else None
        return terms if change is None else self.terms_changed(terms, change)

    def terms_changed(self, terms: Terms, change: SlotOverride) -> Terms:
        """The terms of one slot: where it was put it is offered, and lasts as long as was said."""
        found = self._changed.get((terms, change.id))
        if found is None:
            found = attrs.evolve(terms, change=change)
            if change.is_moved:
                shape = terms.shape._replace(length=change.length or terms.length)
                found = attrs.evolve(found, offered=True, days=None, shape=shape)
            self._changed[terms, change.id] = found
        return found

    def terms_without_hours(self) -> Terms:
        """What is asked of a time at which nothing is open."""
        provider = self.schedule.provider
        zone = self.frame.zone_of(provider.resource)
        return self.terms(Opening(None, Layer.RULES, zone, -1, provider.location))

    def terms_within(self, session: Session, terms: Terms) -> Terms:
        """The same in a group session that is under way: it lasts as long as it does."""
        seats, length = min(terms.seats, session.seats), session.length or terms.length
        if (seats, length) == (terms.seats, terms.length):
            return terms
        found = self._within.get((terms, seats, length))
        if found is None:
            shape = terms.shape._replace(length=length)
            found = attrs.evolve(terms, seats=seats, shape=shape)
            self._within[terms, seats, length] = found
        return found

    def _make_terms(self, opening: Opening) -> Terms:
        offer, code = opening.source, self.type.code
        if isinstance(offer, BlockHours):
            length = _block_length(opening, offer)
            shape = SlotShape(length, opening.location, offer.room)
            return Terms(opening, offer.offers(code), None, shape, length, 1, GridKind.WINDOW)
        length, grid = slot_length(self.schedule, self.type, offer), self.type.grid.kind
        if offer is None:
            shape = SlotShape(length, opening.location, None)
            return Terms(opening, True, None, shape, length, self._seats(None), grid)
        return Terms(
            opening=opening,
            offered=offer.offers(code),
            days=offer.days_for(code),
            shape=SlotShape(length, opening.location, offer.room),
            step=minutes(offer.step) if offer.step else length + minutes(offer.break_duration),
            seats=self._seats(offer),
            grid=grid,
        )

    def _seats(self, offer: Offer | None) -> int:
        """The least that type, hours and room state; 1 unless type or hours mean a group."""
        stated = [self.type.capacity, offer.capacity if offer is not None else None]
        if not any(stated):
            return 1
        if offer is not None and offer.room is not None:
            room = self.schedule.rooms.get(offer.room)
            stated.append(room.capacity if room is not None else None)
        return min(seats for seats in stated if seats is not None)

    @cached_property
    def any_seats(self) -> bool:
        """Whether any slot of the type can have more than one seat."""
        own = self.schedule.calendar(self.schedule.provider.resource)
        hours: tuple[Offer, ...] = (*own.rules, *own.overrides)
        return (self.type.capacity or 2) > 1 and any(
            stated and stated > 1
            for stated in (self.type.capacity, *(one.capacity for one in hours))
        )

    # -------------------------------------------------------------------- grids

    @cached_property
    def candidates(self) -> list[Candidates]:
        """The starts in [low, high) that hours and grid give, in order; not for the packed grid."""
        found: list[Candidates] = []
        for terms, pieces, runs in self.groups():
            ranges = self.grid(terms, pieces, runs, self.low, self.high)
            starts = chain.from_iterable(ranges)
            if terms.days is not None:
                some = [start for start in starts if terms.on_day(start)]
                if some:
                    found.append(Candidates(terms, self.low, some[0], starts=some))
            elif (first := next(starts, None)) is not None:
                found.append(Candidates(terms, self.low, first, ranges))
        return found

    def groups(self) -> list[tuple[Terms, list[Piece], list[int]]]:
        """The pieces that offer the type and their runs, those of one opening in a row together."""
        ends = iter(self.runs)
        found = []
        for opening, group in groupby(self.pieces, key=_opening):
            pieces = list(group)
            runs = list(islice(ends, len(pieces)))
            terms = self.terms(opening)
            if terms.offered:
                found.append((terms, pieces, runs))
        return found

    def grid(
        self, terms: Terms, pieces: Sequence[Piece], runs: Sequence[int], low: int, high: int
    ) -> list[range]:
        """The starts in [low, high) of the window or clock grid, where a slot fits its run."""
        step, back = terms.step, terms.length - 1
        if terms.grid is GridKind.CLOCK:
            room = self.room(terms, pieces, runs)
            return within(list(clock_starts(terms.opening.zone, self.type.grid, room)), low, high)
        # Every step from the window's own start, whatever was taken from the window.
        found = [
            range(
                start if start == head[0] else start + (head[0] - start) % step,
                end if end < stop else stop,
                step,
            )
            for (start, end, head, _, _), run in zip(pieces, runs, strict=True)
            for stop in (run - back,)
        ]
        return within(found, low, high)

    def room(self, terms: Terms, pieces: Sequence[Piece], runs: Sequence[int]) -> list[Interval]:
        """Where in some pieces a slot may start, as far as hours go; one grid's in one span."""
        back = terms.length - 1
        found: list[Interval] = []
        before: Piece | None = None
        for piece, run in zip(pieces, runs, strict=True):
            start, stop = piece[0], min(piece[1], run - back)
            if start < stop:
                if found and before is not None and _goes_on(before, piece):
                    start = found.pop()[0]
                found.append((start, stop))
            before = piece
        return found


def _goes_on(before: Piece, piece: Piece) -> bool:
    """Whether a piece begins where another one of its window ends."""
    return before[1] == piece[0] and before[2] == piece[2] and before[4] is piece[4]


def slot_length(schedule: Schedule, type_: AppointmentType, offer: Offer | None) -> int:
    """Minutes of a slot: what the hours state, else the provider's own, else the type's."""
    stated = offer.stated_duration(type_.code) if offer is not None else None
    own = schedule.provider.own_duration(type_.code)
    return minutes(stated or own or type_.duration)


def _block_length(opening: Opening, block: BlockHours) -> int:
    """Minutes of a time block: its one window, as long as it is in the zone it opens in."""
    ((start, end, _),) = resolved(
        opening.zone, block.disambiguation, block.windows, list(block.days)
    )
    return end - start


def longest_claim(schedule: Schedule, type_: AppointmentType, longest: int = 0) -> int:
    """The most minutes that a slot of a type and its buffers can reach from their start.

    ``longest``: those of a slot that the schedule knows nothing of, as a session that was booked
    before slots became shorter.
    """
    own = schedule.calendar(schedule.provider.resource)
    longest = max(longest, slot_length(schedule, type_, None))
    sources: tuple[Offer, ...] = (*own.rules, *own.overrides)
    for source in sources:
        if source.slot_duration is not None or source.durations:
            longest = max(longest, slot_length(schedule, type_, source))
    for block in own.blocks:
        # On the wall; a clock change makes it longer by a day at most.
        low, high = block.hours.open_minutes()
        longest = max(longest, high - low + DAY)
    for slot in own.slots:
        if slot.offered_as == type_.code:
            longest = max(longest, slot.length or 0)
    pads: list[AppointmentType | Need] = [type_, *type_.needs]
    return longest + max(minutes(max(p.buffer_before, p.buffer_after)) for p in pads)


def openings(
    schedule: Schedule,
    type_: AppointmentType,
    zones: ZoneSource,
    low: int,
    high: int,
    longest: int = 0,
) -> Openings:
    """The openings of a stretch of starts: those the schedule keeps, or new ones, then kept.

    For one minute they are those of its UTC day: others of the day may well be asked next.
    """
    if high - low == 1:
        low -= low % DAY
        high = low + DAY
    kept = schedule.kept
    for found in kept.get((low, high), ()):
        if not isinstance(found, Openings) or found.longest < longest:
            continue
        if found.zones is zones and (found.type is type_ or found.type == type_):
            return found
    made = Openings(schedule, type_, zones, low, high, longest)
    if len(kept) >= KEPT:
        kept.clear()
    kept.setdefault((low, high), []).append(made)
    return made
