"""Why a time is, or is not, offered: every layer, claim and rule that has a say.

The verdict itself is that of the board: this module only finds words for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import chain

import attrs

from medsched.domain.claims import Claim
from medsched.domain.explanations import Coverage, Explanation
from medsched.domain.records import Resource
from medsched.domain.requests import Reason, Violation
from medsched.domain.slots import Slot
from medsched.engine.board import FREE, Board
from medsched.engine.covers import covers, decided
from medsched.engine.inquiry import Inquiry
from medsched.engine.openings import Terms
from medsched.engine.slots import TermsMaker
from medsched.engine.verdict import refusals_on
from medsched.timeline.instants import instant_of, whole_minute


def explain(inquiry: Inquiry, at: datetime) -> Explanation:
    """Why a start is offered or not, for any whole minute.

    ``at`` is aware; a time within a minute is refused as `InvalidInterval`, since no slot
    starts there. The violations are empty exactly when a listing holds the start.
    """
    minute = whole_minute(at, "at")
    board = Board(inquiry, minute, minute + 1)
    piece = board.openings.piece_at(minute)
    layers = decided(covers(board), piece, minute)
    name = inquiry.schedule.called(inquiry.provider.resource)
    violations = tuple(
        _told_by(violation, layers, name) if violation.reason is Reason.CLOSED else violation
        for violation in refusals_on(board, minute)
    )
    terms = board.terms_at(piece, minute)
    slot = None if violations else Slot((TermsMaker(board)(terms, FREE, minute), minute))
    return Explanation(
        provider=inquiry.provider.id,
        type=inquiry.type.code,
        at=instant_of(minute),
        local=terms.opening.zone.local(minute),
        slot=slot,
        violations=violations,
        layers=layers,
        claims=_claims_at(board, terms, minute),
    )


def _told_by(violation: Violation, layers: Sequence[Coverage], name: str) -> Violation:
    """A closed start, with what closes it."""
    decider = next((cover for cover in layers if cover.wins), None)
    if decider is None:
        return violation
    return attrs.evolve(
        violation,
        message=f"{name} is closed then: {decider.what}",
        start=decider.start,
        end=decider.end,
        by=decider.by or None,
    )


def _claims_at(board: Board, terms: Terms, minute: int) -> tuple[Claim, ...]:
    """Every live claim that lies in the slot or, by a buffer, refuses it."""
    end, now = minute + terms.length, board.inquiry.request.now
    blocks = [board.blocks(terms.shape), *chain.from_iterable(board.choices(terms.shape))]
    refusing = [cause for one in blocks for cause in one.causes(minute) if isinstance(cause, Claim)]
    there = [
        claim
        for claims in board.inquiry.claims.values()
        for claim in claims
        if claim.low < end and claim.high > minute and claim.is_live(now)
    ]
    return tuple(sorted({*refusing, *there}, key=_claim_order))


def claims_about(board: Board) -> list[Claim]:
    """Every live claim on the resources of an inquiry, in order of start."""
    now = board.inquiry.request.now
    given = chain.from_iterable(board.inquiry.claims.values())
    return sorted((claim for claim in given if claim.is_live(now)), key=_claim_order)


def _claim_order(claim: Claim) -> tuple[int, int, Resource]:
    return claim.low, claim.high, claim.resource
