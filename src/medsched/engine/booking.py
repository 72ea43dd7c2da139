"""Deciding a booking: what it would take, or every reason against it."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from medsched.domain.claims import Claim, ClaimKind
from medsched.domain.fields import minutes
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.requests import Violation
from medsched.engine.board import Board
from medsched.engine.inquiry import Inquiry
from medsched.engine.openings import Terms
from medsched.engine.verdict import refusals


@attrs.frozen(kw_only=True)
class Plan:
    """What a booking takes: its length and place, the resources chosen, and their minutes.

    ``spans`` are the minutes [low, high) of each resource, buffers included; ``chosen`` the
    rooms and devices among them.
    """

    start: int
    terms: Terms
    chosen: tuple[Resource, ...]
    spans: tuple[tuple[Resource, int, int], ...]

    @property
    def end(self) -> int:
        """The minute after the last of the slot."""
        return self.start + self.terms.length

    def claims(self, id: str, kind: ClaimKind) -> tuple[Claim, ...]:
        """The claims that a booking of this id makes, in the order that locks are taken."""
        return tuple(
            Claim(resource, low, high, kind, id) for resource, low, high in sorted(self.spans)
        )


def plan(
    inquiry: Inquiry, start: int, *, prefer: Sequence[Resource] = ()
) -> Plan | tuple[Violation, ...]:
    """What a booking at a start (a minute) would take, or every reason why it is refused.

    Where a need has a choice the first free alternative is taken, those in ``prefer`` first.
    """
    against = refusals(inquiry, start)
    if against:
        return against
    board = Board(inquiry, start, start + 1)
    piece = board.openings.piece_at(start)
    assert piece is not None  # else it would be refused as closed
    terms = board.openings.terms(piece[4])
    type_, end = inquiry.type, start + terms.length
    spans = [(inquiry.provider.resource, start - type_.before, end + type_.after)]
    if inquiry.request.patient is not None:
        patient = Resource(ResourceKind.PATIENT, inquiry.request.patient)
        spans.append((patient, start, end))
    place = inquiry.schedule.locations.get(terms.opening.location or "")
    if place is not None and place.exclusive:
        spans.append((place.resource, start - type_.before, end + type_.after))
    chosen = board.choose(terms.shape, start, prefer=prefer)
    assert chosen is not None  # else it would be refused as taken, or for want of a combination
    for need, resource in zip(type_.needs, chosen, strict=True):
        before, after = minutes(need.buffer_before), minutes(need.buffer_after)
        spans.append((resource, start - before, end + after))
    return Plan(start=start, terms=terms, chosen=tuple(chosen), spans=tuple(spans))
