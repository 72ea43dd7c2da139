"""The one predicate: what a schedule offers for a request, in bulk and start by start.

A `Board` holds what decides a stretch of time: the provider's open pieces, what each
means for the type asked for, and the blocks that refuse starts. Listing stamps the blocks
on a strip of minutes and keeps the starts of the grid that stay clear; judging one start
asks the same pieces and the same blocks, so what is listed is what is not refused.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import groupby
from operator import itemgetter

import attrs

from medsched.domain.appointment_types import GridKind
from medsched.domain.availability import Offer
from medsched.domain.claims import ClaimKind, Session
from medsched.domain.explanations import Layer
from medsched.domain.fields import minutes
from medsched.engine.blocks import BlockMaker, Blocks, SlotShape, in_all
from medsched.engine.grids import clock_starts, packed_starts
from medsched.engine.inquiry import Inquiry
from medsched.engine.layers import open_pieces
from medsched.engine.windows import Frame, Opening, Piece
from medsched.timeline.instants import DAY
from medsched.timeline.intervals import Interval, covering, subtract, union
from medsched.timeline.recurrence import Weekday

FREE, HARD, TENTATIVE, UNAVAILABLE, BUSY = range(5)
"""Marks on a strip: free; refused whatever is claimed; claimed by a hold, a blocking, a visit."""

_MARK = {
    ClaimKind.HOLD: TENTATIVE,
    ClaimKind.BLOCKING: UNAVAILABLE,
    ClaimKind.APPOINTMENT: BUSY,
}

_opening = itemgetter(4)


@attrs.frozen(eq=False)
class Terms:
    """What one opening means for the request: is the type offered, where, how long."""

    opening: Opening
    offered: bool
    days: frozenset[Weekday] | None
    shape: SlotShape
    step: int
    seats: int

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


@attrs.frozen(eq=False, slots=False)
class Board:
    """What decides the starts in [low, high), in minutes."""

    inquiry: Inquiry
    low: int
    high: int
    _terms: dict[Opening, Terms] = attrs.field(init=False, factory=dict)
    _blocks: dict[SlotShape, Blocks] = attrs.field(init=False, factory=dict)
    _choices: dict[SlotShape, list[list[Blocks]]] = attrs.field(init=False, factory=dict)

    @cached_property
    def frame(self) -> Frame:
        """The schedule around these starts, as far as a slot and its buffers reach."""
        inquiry = self.inquiry
        margin = inquiry.longest_claim()
        return Frame(inquiry.schedule, inquiry.zones, self.low - margin, self.high + margin)

    @cached_property
    def pieces(self) -> list[Piece]:
        """The provider's open time."""
        return open_pieces(self.frame, self.inquiry.type.code)

    @cached_property
    def ends(self) -> list[int]:
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

    # ------------------------------------------------------------------- terms

    def terms(self, opening: Opening) -> Terms:
        """What an opening means for the request."""
        found = self._terms.get(opening)
        if found is None:
            found = self._terms[opening] = self._make_terms(opening)
        return found

    def _make_terms(self, opening: Opening) -> Terms:
        offer, code = opening.source, self.inquiry.type.code
        length = self.inquiry.length_under(offer)
        if offer is None:
            shape = SlotShape(length, opening.location, None)
            return Terms(opening, True, None, shape, length, self._seats(None))
        return Terms(
            opening=opening,
            offered=offer.offers(code),
            days=offer.days_for(code),
            shape=SlotShape(length, opening.location, offer.room),
            step=minutes(offer.step) if offer.step else length + minutes(offer.break_duration),
            seats=self._seats(offer),
        )

    def terms_without_hours(self) -> Terms:
        """What is asked of a time at which nothing is open."""
        provider = self.inquiry.provider
        zone = self.frame.zone_of(provider.resource)
        return self.terms(Opening(None, Layer.RULES, zone, -1, provider.location))

    def _seats(self, offer: Offer | None) -> int:
        """The least that type, hours and room state; 1 unless type or hours mean a group."""
        stated = [self.inquiry.type.capacity, offer.capacity if offer is not None else None]
        if any(stated) and offer is not None and offer.room is not None:
            room = self.inquiry.schedule.rooms.get(offer.room)
            stated.append(room.capacity if room is not None else None)
        return min((seats for seats in stated if seats is not None), default=1)

    # ------------------------------------------------------------------ blocks

    @cached_property
    def _maker(self) -> BlockMaker:
        return BlockMaker(self.inquiry, self.frame, self.pieces)

    def blocks(self, shape: SlotShape) -> Blocks:
        """What refuses starts of this shape, needs with a choice left out."""
        found = self._blocks.get(shape)
        if found is None:
            found = self._blocks[shape] = self._maker.fixed(shape)
        return found

    def choices(self, shape: SlotShape) -> list[list[Blocks]]:
        """For each need with a choice, what refuses each alternative."""
        found = self._choices.get(shape)
        if found is None:
            found = self._choices[shape] = self._maker.choices(shape)
        return found

    def can_combine(self, shape: SlotShape, start: int, joined: Session | None = None) -> bool:
        """Whether needs that share alternatives can all be met at a start."""
        return not self.inquiry.needs_combine or self._maker.can_combine(shape, start, joined)

    def _blocked(self, shape: SlotShape) -> list[Interval]:
        """Every start that something but the rules of time refuses."""
        needs = (in_all([one.spans() for one in choice]) for choice in self.choices(shape))
        return union(self.blocks(shape).spans(), *needs)

    # ----------------------------------------------------------------- listing

    def candidates(self) -> Iterator[tuple[Terms, list[int]]]:
        """The starts in [low, high) that hours and grids give, before blocks, in order."""
        pieces, ends = self.pieces, self.ends
        at = 0
        for opening, group in groupby(pieces, key=_opening):
            some = list(group)
            terms = self.terms(opening)
            if terms.offered:
                starts = self._grid(terms, some, ends[at : at + len(some)], self.low, self.high)
                if terms.days is not None:
                    starts = [start for start in starts if terms.on_day(start)]
                yield terms, starts
            at += len(some)

    def _grid(
        self, terms: Terms, pieces: Sequence[Piece], ends: Sequence[int], low: int, high: int
    ) -> list[int]:
        """The starts in [low, high) of some pieces of one opening, whose runs end at ``ends``."""
        grid, step, back = self.inquiry.type.grid, terms.step, terms.length - 1
        if grid.kind is GridKind.PACKED:
            # It counts from claims, so whole pieces are looked at.
            room = [
                (piece[0], min(piece[1], run - back))
                for piece, run in zip(pieces, ends, strict=True)
                if piece[0] < run - back
            ]
            starts = list(packed_starts(subtract(room, self._blocked(terms.shape)), step))
        elif grid.kind is GridKind.CLOCK:
            assert grid.interval is not None
            zone, interval, offset = (
                terms.opening.zone,
                minutes(grid.interval),
                minutes(grid.offset),
            )
            starts = [
                minute
                for piece, run in zip(pieces, ends, strict=True)
                if piece[0] < high and piece[1] > low
                for minute in clock_starts(
                    zone, interval, offset, max(piece[0], low), min(piece[1], run - back)
                )
            ]
        else:  # every step from the window's own start, whatever was taken from the window
            starts = [
                minute
                for (start, end, anchor, _, _), run in zip(pieces, ends, strict=True)
                for minute in range(
                    start if start == anchor else start + (anchor - start) % step,
                    end if end + back <= run else run - back,
                    step,
                )
            ]
        return starts[bisect_left(starts, low) : bisect_left(starts, high)]

    def strip(self, shape: SlotShape) -> bytearray:
        """One mark a minute of [low, high): may a slot of this shape start here?"""
        strip = bytearray(self.high - self.low)
        blocks, choices = self.blocks(shape), self.choices(shape)
        for mark, spans in _by_mark(blocks).items():
            self._stamp(strip, mark, spans)
        for choice in choices:
            self._stamp(strip, BUSY, in_all([one.spans() for one in choice]))
        self._stamp(strip, HARD, blocks.shut_spans())
        for choice in choices:
            self._stamp(strip, HARD, in_all([one.shut_spans() for one in choice]))
        first, beyond = self.inquiry.bookable()
        self._stamp(strip, HARD, [(self.low, first), (beyond, self.high)])
        return strip

    def _stamp(self, strip: bytearray, mark: int, spans: Iterable[Interval]) -> None:
        origin, size, ink = self.low, len(strip), bytes([mark])
        for low, high in spans:
            start = low - origin if low > origin else 0
            stop = high - origin if high - origin < size else size
            if start < stop:
                strip[start:stop] = ink * (stop - start)

    # ------------------------------------------------------------ a single start

    def piece_at(self, start: int) -> Piece | None:
        """The open piece that a start lies in."""
        return covering(self.pieces, start)

    def run_end(self, piece: Piece) -> int:
        """Where the hours that make a piece's offer end."""
        return self.ends[self.pieces.index(piece)]

    def on_grid(self, piece: Piece, terms: Terms, start: int) -> bool:
        """Whether a start lies on a piece's grid; on the packed one every impossible start does."""
        run = self.run_end(piece)
        if self.inquiry.type.grid.kind is GridKind.PACKED:
            fits = start + terms.length <= run
            if not fits or covering(self._blocked(terms.shape), start) is not None:
                return True
        else:
            run = piece[1] + terms.length  # whether the slot fits is another question
        return start in self._grid(terms, [piece], [run], start, start + 1)

    def nearest_on_grid(self, piece: Piece, terms: Terms, start: int) -> list[int]:
        """The starts of a piece's grid just before and just after a minute."""
        starts = self._grid(terms, [piece], [self.run_end(piece)], piece[0], piece[1])
        before = [one for one in starts if one < start]
        after = [one for one in starts if one > start]
        return before[-1:] + after[:1]

    @cached_property
    def sessions(self) -> dict[tuple[int, str | None], Session]:
        """The group sessions of the type asked for that are under way, by start and place."""
        claims = self.inquiry.claims.get(self.inquiry.provider.resource, ())
        return {
            (claim.session.start, claim.session.location): claim.session
            for claim in claims
            if claim.session is not None
            and claim.session.type == self.inquiry.type.code
            and claim.is_live(self.inquiry.request.now)
        }

    def session_at(self, start: int, terms: Terms) -> Session | None:
        """The group session that a booking at this start would join, if one is under way."""
        return self.sessions.get((start, terms.opening.location)) if terms.seats > 1 else None


def _by_mark(blocks: Blocks) -> dict[int, list[Interval]]:
    """The blocks of claims by the mark they leave, in order of mark."""
    found: dict[int, list[Interval]] = {mark: [] for mark in sorted(_MARK.values())}
    for low, high, claim in blocks.claimed:
        found[_MARK[claim.kind]].append((low, high))
    return found
