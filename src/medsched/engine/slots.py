"""Listing: the slots that a schedule offers for a request in a stretch of time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import repeat
from typing import Final

from medsched.domain.slots import Found, Slots, SlotStatus, SlotTerms
from medsched.engine.blocks import SlotShape
from medsched.engine.board import BUSY, FREE, HARD, TENTATIVE, UNAVAILABLE, Board, Terms
from medsched.engine.inquiry import Inquiry
from medsched.engine.verdict import refusals
from medsched.errors import InvalidInterval
from medsched.timeline.instants import minute_of

LONGEST_QUERY: Final = timedelta(days=732)
"""The longest stretch that one listing may ask for: two years, whichever years they are."""

Marked = tuple[Terms, list[int], list[int]]
"""(terms, starts, marks): starts of one opening; marks may be left out when all are free."""

_STATUS = {
    FREE: SlotStatus.FREE,
    TENTATIVE: SlotStatus.BUSY_TENTATIVE,
    UNAVAILABLE: SlotStatus.BUSY_UNAVAILABLE,
    BUSY: SlotStatus.BUSY,
}


def check_query(start: datetime, end: datetime) -> tuple[int, int]:
    """The starts [start, end) as minutes: the first whole one and the one after the last.

    Raises `NaiveDatetime`, `OutOfRange`, and `InvalidInterval` for an end before the
    start or a stretch longer than `LONGEST_QUERY`.
    """
    low = minute_of(start, "start", rounding="up")
    high = minute_of(end, "end", rounding="up")
    if end < start:
        raise InvalidInterval("end", (start, end), "the end is before the start")
    if end - start > LONGEST_QUERY:
        raise InvalidInterval("end", (start, end), f"longer than {LONGEST_QUERY.days} days")
    return low, high


def list_slots(inquiry: Inquiry, start: datetime, end: datetime, *, taken: bool = False) -> Slots:
    """The slots whose start lies in [start, end), in order; with ``taken`` those claimed as well.

    ``start`` and ``end`` are aware. A slot that a patient's own appointments, a closed
    room or the rules of time refuse is in neither list.
    """
    low, high = check_query(start, end)
    return Slots(lambda: _find(inquiry, low, high, taken), inquiry.zones)


def _find(inquiry: Inquiry, low: int, high: int, taken: bool) -> Found:
    if low >= high or not (inquiry.provider.active and inquiry.type.active):
        return Found([], [])
    board = Board(inquiry, low, high)
    marked = list(_marked(board, taken))
    if inquiry.needs_combine:
        marked = [_that_combine(board, *one) for one in marked]
    if board.sessions:
        marked = _with_sessions(board, marked)
    terms_of = TermsMaker(board)
    starts: list[int] = []
    shared: list[SlotTerms] = []
    for terms, some, marks in marked:
        starts += some
        if marks or board.sessions:
            each = zip(some, marks or repeat(FREE), strict=False)
            shared += [terms_of(terms, mark, start) for start, mark in each]
        elif some:
            shared += [terms_of(terms, FREE, some[0])] * len(some)
    return Found(starts, shared)


def _marked(board: Board, taken: bool) -> Iterator[Marked]:
    """The starts that are free or, with ``taken``, claimed; each with its mark in that case."""
    origin = board.low
    strips: dict[SlotShape, bytearray] = {}
    for terms, starts in board.candidates():
        strip = strips.get(terms.shape)
        if strip is None:
            strip = strips[terms.shape] = board.strip(terms.shape)
        if taken:
            some = [start for start in starts if strip[start - origin] != HARD]
            yield terms, some, [strip[start - origin] for start in some]
        else:
            yield terms, [start for start in starts if not strip[start - origin]], []


def _that_combine(board: Board, terms: Terms, starts: list[int], marks: list[int]) -> Marked:
    kept = [
        (start, mark)
        for start, mark in zip(starts, marks or repeat(FREE), strict=False)
        if mark != FREE or board.can_combine(terms.shape, start)
    ]
    return terms, [start for start, _ in kept], [mark for _, mark in kept] if marks else []


def _with_sessions(board: Board, marked: list[Marked]) -> list[Marked]:
    """Add the sessions that still have seats: always candidates, on the grid or off it."""
    found = {
        start: (terms, [start], [mark])
        for terms, starts, marks in marked
        for start, mark in zip(starts, marks or repeat(FREE), strict=False)
    }
    for start, _ in board.sessions:
        if board.low <= start < board.high and not refusals(board.inquiry, start):
            piece = board.piece_at(start)
            assert piece is not None  # else it would be refused as closed
            found[start] = (board.terms(piece[4]), [start], [FREE])
    return [found[start] for start in sorted(found)]


class TermsMaker:
    """Makes what slots have in common, once for each opening, status and seats taken."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._made: dict[tuple[Terms, int, int], SlotTerms] = {}

    def __call__(self, terms: Terms, mark: int, start: int) -> SlotTerms:
        """The shared part of a slot with these terms and this mark."""
        session = self._board.session_at(start, terms)
        key = (terms, mark, session.taken if session is not None else 0)
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = self._make(*key)
        return found

    def _make(self, terms: Terms, mark: int, taken: int) -> SlotTerms:
        inquiry, opening, type_ = self._board.inquiry, terms.opening, self._board.inquiry.type
        source = opening.source
        assert source is not None  # a provider is never open without hours
        return SlotTerms(
            practice=inquiry.schedule.practice.id,
            provider=inquiry.provider.id,
            type=type_.code,
            location=opening.location,
            room=terms.shape.room,
            opened_by=source.id,
            zone=opening.zone,
            length=terms.length,
            capacity=terms.seats,
            taken=taken,
            status=_STATUS[mark],
            modality=type_.modality,
            pricing=source.pricing or type_.pricing,
            special_requirements=source.special_requirements | type_.special_requirements,
        )
