"""Deciding a booking: what it would take, or every reason against it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import attrs

from medsched.domain.appointment_types import AppointmentType, Need
from medsched.domain.claims import Session, Span
from medsched.domain.fields import minutes
from medsched.domain.people import Patient
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.requests import Reason, Violation
from medsched.domain.time_blocks import BlockHours
from medsched.engine.blocks import BlockMaker, all_different, alternatives
from medsched.engine.board import Board
from medsched.engine.booking_rules import ruled_out, told_of
from medsched.engine.inquiry import Inquiry
from medsched.engine.openings import SlotShape, Terms
from medsched.engine.verdict import refusals_on, told
from medsched.errors import InvalidChoice
from medsched.timeline.instants import instant_of
from medsched.timeline.zones import Zone

OVERRIDABLE: Final = frozenset(Reason) - {Reason.INACTIVE, Reason.ELSEWHERE}
"""The reasons that staff may book against."""


@attrs.frozen(kw_only=True)
class Plan:
    """What a booking takes: its length and place, the resources chosen, and their minutes.

    ``spans`` are the minutes of each resource, buffers included; ``chosen`` the rooms and
    devices among them. ``joined`` is the group session that it takes a seat in, if one is under
    way. ``overridden`` are the reasons against it that are no matter, and ``doubled`` those of
    its spans that others take some minutes of. ``block`` is the time block that it fills: none
    where it is off its start, or others take some minutes of the block.
    """

    start: int
    terms: Terms
    chosen: tuple[Resource, ...]
    spans: tuple[Span, ...]
    joined: Session | None = None
    overridden: frozenset[Reason] = frozenset()
    doubled: frozenset[Span] = frozenset()
    block: str | None = None

    @property
    def end(self) -> int:
        """The minute after the last of the slot."""
        return self.start + self.terms.length


def plan(
    inquiry: Inquiry,
    start: int,
    *,
    prefer: Collection[Resource] = (),
    places: Collection[str | None] | None = None,
    override: bool = False,
) -> Plan | tuple[Violation, ...]:
    """What a booking at a start (a minute) would take, or every reason why it is refused.

    Where a need has a choice the first free alternative is taken, those in ``prefer`` first.
    ``places``: the locations that will do; None for wherever the hours are. With ``override``
    only the reasons that are not `OVERRIDABLE` refuse it.
    """
    board = Board(inquiry, start, start + 1)
    against = refusals_on(board, start)
    piece = board.openings.piece_at(start)
    terms = board.terms_at(piece, start)
    if piece is not None and places is not None and terms.shape.location not in places:
        against += (_elsewhere(inquiry, start, terms),)
    if against and not (override and OVERRIDABLE.issuperset(one.reason for one in against)):
        return against
    if piece is None and places is not None:
        terms = attrs.evolve(terms, shape=terms.shape._replace(location=min(places, key=str)))
    joined = board.session_at(start, terms)
    chosen = board.choose(terms.shape, start, joined, prefer)
    if chosen is None:  # only where it is overridden
        chosen = board.choose_any(terms.shape, prefer)
    if chosen is None:
        return against
    spans = (
        *_spans_of_people(inquiry, start, terms.shape),
        *_spans_of_needs(inquiry.type.needs, chosen, start, terms.length),
    )
    overridden = frozenset(one.reason for one in against)
    return Plan(
        start=start,
        terms=terms,
        chosen=tuple(chosen),
        spans=spans,
        joined=joined,
        overridden=overridden,
        doubled=frozenset(span for span in spans if against and _is_taken(inquiry, span, joined)),
        block=_filled(inquiry, start, terms, overridden),
    )


def slot_at(inquiry: Inquiry, start: int) -> int | tuple[Violation, ...]:
    """How many minutes a slot has that starts at a minute, or why its provider has none then."""
    board = Board(inquiry, start, start + 1)
    piece = board.openings.piece_at(start)
    if piece is not None:
        return board.terms_at(piece, start).length
    return tuple(one for one in refusals_on(board, start) if one.reason is Reason.CLOSED)


def _is_taken(inquiry: Inquiry, span: Span, joined: Session | None) -> bool:
    """Whether somebody else takes a minute of a span, the session that is joined apart."""
    return any(
        claim.low < span.high and span.low < claim.high and claim.is_live(inquiry.request.now)
        for claim in inquiry.claims.get(span.resource, ())
        if joined is None or claim.session != joined
    )


def _filled(
    inquiry: Inquiry, start: int, terms: Terms, overridden: Collection[Reason]
) -> str | None:
    """The time block that a booking fills, if its hours are one and nobody else has any of it."""
    source = terms.opening.source
    if not isinstance(source, BlockHours) or Reason.OFF_GRID in overridden:
        return None
    own = Span(inquiry.provider.resource, start, start + terms.length)
    return None if overridden and _is_taken(inquiry, own, None) else source.id


def other_than_block(inquiry: Inquiry, planned: Plan, block: str) -> Violation | None:
    """Why a plan does not fill the time block that is asked for; None if it does."""
    if planned.block == block:
        return None
    source, end = planned.terms.opening.source, instant_of(planned.end)
    taken = isinstance(source, BlockHours) and source.id == block
    return Violation(
        reason=Reason.TAKEN if taken else Reason.CLOSED,
        message="the time block is taken" if taken else "the time block is not open then",
        resource=inquiry.provider.resource,
        start=instant_of(planned.start),
        end=end,
        by=block,
    )


def _spans_of_people(inquiry: Inquiry, start: int, shape: SlotShape) -> list[Span]:
    """What provider, patient and an exclusive place give of their time."""
    type_, end = inquiry.type, start + shape.length
    found = [Span(inquiry.provider.resource, start - type_.before, end + type_.after)]
    if inquiry.request.patient is not None:
        found.append(Span(Resource(ResourceKind.PATIENT, inquiry.request.patient), start, end))
    place = inquiry.schedule.locations.get(shape.location or "")
    if place is not None and place.exclusive:
        found.append(Span(place.resource, start - type_.before, end + type_.after))
    return found


def _spans_of_needs(
    needs: Sequence[Need], chosen: Sequence[Resource], start: int, length: int
) -> list[Span]:
    return [
        Span(
            resource,
            start - minutes(need.buffer_before),
            start + length + minutes(need.buffer_after),
        )
        for need, resource in zip(needs, chosen, strict=True)
    ]


def _elsewhere(inquiry: Inquiry, start: int, terms: Terms) -> Violation:
    place = terms.shape.location
    called = "no stated place"
    if place is not None:
        called = inquiry.schedule.called(Resource(ResourceKind.LOCATION, place))
    return Violation(
        reason=Reason.ELSEWHERE,
        message=f"the hours then are at {called}",
        resource=inquiry.provider.resource,
        start=instant_of(start),
    )


def with_named(type_: AppointmentType, named: Collection[Resource]) -> AppointmentType:
    """The type with each of these rooms and devices as the one that meets one of its needs.

    `InvalidChoice` for one that no need names, or for more of them than needs that they meet.
    """
    if not named:
        return type_
    asked = sorted(set(named))
    options = [[at for at, need in enumerate(type_.needs) if one in need.one_of] for one in asked]
    for one, fitting in zip(asked, options, strict=True):
        if not fitting:
            why = f"appointment type {type_.code} has no need that it meets"
            raise InvalidChoice("resources", str(one), why)
    met = all_different(options)
    if met is None:
        why = f"appointment type {type_.code} has not as many needs that they meet"
        raise InvalidChoice("resources", tuple(map(str, asked)), why)
    needs = list(type_.needs)
    for at, one in zip(met, asked, strict=True):
        needs[at] = attrs.evolve(needs[at], one_of=frozenset({one}))
    return attrs.evolve(type_, needs=tuple(needs))


def reassigned(
    inquiry: Inquiry, start: int, shape: SlotShape, zone: Zone, *, prefer: Collection[Resource]
) -> tuple[Span, ...] | tuple[Violation, ...]:
    """The minutes of other rooms and devices for a visit that stands, or why they cannot be had.

    Whether the visit itself could be booked now is no question any more.
    """
    board = Board(inquiry, start, start + 1)
    chosen = board.choose(shape, start, prefer=prefer)
    if chosen is not None:
        return tuple(_spans_of_needs(inquiry.type.needs, chosen, start, shape.length))
    maker = BlockMaker(inquiry, board.openings)
    causes = [
        cause
        for need in inquiry.type.needs
        for resource in alternatives(need, shape)
        for cause in maker.of_need(need, resource, shape.length).causes(start)
    ]
    return tuple(told(cause, zone, inquiry.schedule) for cause in causes)


def against_patient(
    inquiry: Inquiry, span: Span, zone: Zone, *, active: bool
) -> tuple[Violation, ...]:
    """Why a patient cannot take part in a visit that is held: inactive, taken, or by a rule."""
    found = []
    if not active:
        found.append(_patient_inactive(span.resource))
    found += [
        told(claim, zone, inquiry.schedule)
        for claim in inquiry.claims.get(span.resource, ())
        if claim.low < span.high and span.low < claim.high and claim.is_live(inquiry.request.now)
    ]
    ruled = ruled_out(inquiry, span.low, span.low + 1)
    found += told_of((one for one in ruled if one.resource == span.resource), span.low)
    return tuple(found)


def inactive(record: Patient | AppointmentType) -> Violation:
    """That a patient or a type takes no part in scheduling."""
    if isinstance(record, Patient):
        return _patient_inactive(record.resource)
    message = f"appointment type {record.code} is not active"
    return Violation(reason=Reason.INACTIVE, message=message, by=record.code)


def _patient_inactive(resource: Resource) -> Violation:
    message = "the patient is not active"
    return Violation(reason=Reason.INACTIVE, message=message, resource=resource)
