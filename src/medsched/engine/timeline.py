"""What decides a stretch of time, piece by piece: `explain` for a whole window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain, pairwise
from operator import attrgetter
from typing import Generic, TypeVar

from medsched.domain.claims import Claim
from medsched.domain.explanations import Stretch
from medsched.engine.board import Board
from medsched.engine.covers import Cover, covers, decided
from medsched.engine.explain import claims_about
from medsched.engine.inquiry import Inquiry
from medsched.engine.openings import slot_length
from medsched.engine.slots import check_query
from medsched.engine.verdict import standing_refusals
from medsched.timeline.instants import instant_of
from medsched.timeline.resolve import date_span

Spanned = TypeVar("Spanned", Cover, Claim)


def timeline(inquiry: Inquiry, start: datetime, end: datetime) -> tuple[Stretch, ...]:
    """What decides each stretch of [start, end), stretches in order and without gaps.

    Each tells the layers that cover it and which of them wins, the claims on the resources
    involved, and the rules that refuse every start in it: those of time, of the type, and
    rooms and devices that are closed. Raises as a listing does: `NaiveDatetime`,
    `OutOfRange`, `InvalidInterval`.
    """
    low, high = check_query(start, end)
    if low >= high:
        return ()
    board = Board(inquiry, low, high)
    found = sorted(covers(board), key=attrgetter("low"))
    claims = claims_about(board)
    edges = {low, high}
    for span in chain(
        ((cover.low, cover.high) for cover in found),
        ((claim.low, claim.high) for claim in claims),
        (piece[:2] for piece in board.openings.pieces),
        _midnights(board),
        (inquiry.bookable(),),
        (one[:2] for length in _lengths(board) for one in board.ruled(length)),
        *(board.openings.closed(resource) for resource in inquiry.sole_needs),
    ):
        edges.update(edge for edge in span if low < edge < high)
    covering = _Sweep(found)
    claiming = _Sweep(claims)
    return tuple(
        _stretch(board, from_, to, covering.at(from_), claiming.at(from_))
        for from_, to in pairwise(sorted(edges))
    )


def _stretch(
    board: Board, low: int, high: int, found: Sequence[Cover], claims: Sequence[Claim]
) -> Stretch:
    piece = board.openings.piece_at(low)
    layers = decided(found, piece, low)
    return Stretch(
        start=instant_of(low),
        end=instant_of(high),
        open=piece is not None,
        decided_by=next((cover for cover in layers if cover.wins), None),
        layers=layers,
        claims=tuple(claims),
        violations=standing_refusals(board, piece, low),
    )


class _Sweep(Generic[Spanned]):
    """Spans in order of their start, asked for at minutes that only grow."""

    def __init__(self, spans: Sequence[Spanned]) -> None:
        self._spans: Sequence[Spanned] = spans
        self._next = 0
        self._active: list[Spanned] = []

    def at(self, minute: int) -> list[Spanned]:
        """The spans that hold a minute."""
        while self._next < len(self._spans) and self._spans[self._next].low <= minute:
            self._active.append(self._spans[self._next])
            self._next += 1
        self._active = [one for one in self._active if one.high > minute]
        return list(self._active)


def _lengths(board: Board) -> set[int]:
    """How long the slots are that may start in open pieces, and where nothing is open."""
    opened = board.openings
    found = {opened.terms(opening).length for *_, opening in opened.pieces}
    return found | {slot_length(opened.schedule, opened.type, None)}


def _midnights(board: Board) -> Iterator[tuple[int, ...]]:
    """The local midnights in pieces that offer the type on some days only."""
    for start, end, _, day, opening in board.openings.pieces:
        if board.openings.terms(opening).days is not None:
            dates = (date_span(opening.zone, day + after) for after in range(-1, 3))
            yield tuple(edge for span in dates for edge in span if start < edge < end)
