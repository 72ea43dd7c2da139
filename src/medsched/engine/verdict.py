"""Judging one start: every reason against it, from the same board that listing reads."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from medsched.domain.claims import Claim, ClaimKind, Session
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.requests import Reason, Violation
from medsched.domain.schedule import Schedule
from medsched.domain.slot_overrides import SlotOverride
from medsched.engine.blocks import Shut
from medsched.engine.board import Board
from medsched.engine.booking_rules import against_house, told_of, visit_at
from medsched.engine.inquiry import Inquiry
from medsched.engine.openings import Terms
from medsched.engine.windows import Piece
from medsched.timeline.instants import instant_of
from medsched.timeline.intervals import covering
from medsched.timeline.zones import Zone

_TAKEN_BY = {
    ClaimKind.APPOINTMENT: "has an appointment",
    ClaimKind.HOLD: "is held for somebody",
    ClaimKind.SESSION: "has a group session",
    ClaimKind.BLOCKING: "is blocked",
}


def refusals(inquiry: Inquiry, minute: int) -> tuple[Violation, ...]:
    """Every reason why a start is not offered; none exactly when it is.

    What closes a start is told shortly here; `explain` adds the layers.
    """
    return refusals_on(Board(inquiry, minute, minute + 1), minute)


def refusals_on(board: Board, minute: int) -> tuple[Violation, ...]:
    """The same on a board that is laid already."""
    return tuple(_refusals(board, minute))


def standing_refusals(board: Board, piece: Piece | None, minute: int) -> tuple[Violation, ...]:
    """What refuses a start there whatever its grid and whatever is claimed, but being closed."""
    openings = board.openings
    terms = openings.terms(piece[4]) if piece is not None else openings.terms_without_hours()
    zone = terms.opening.zone
    found = [*standing(board.inquiry), *_rules_of_time(board.inquiry, minute, zone)]
    found += told_of(board.ruled(terms.length), minute)
    if piece is not None:
        found += _type(board, piece, terms, minute)
    for resource in board.inquiry.sole_needs:
        span = covering(openings.closed(resource), minute)
        if span is not None:
            shut = Shut(Reason.RESOURCE_CLOSED, resource, *span)
            found.append(told(shut, zone, board.inquiry.schedule))
    return tuple(found)


def _refusals(board: Board, minute: int) -> Iterator[Violation]:
    yield from standing(board.inquiry)
    piece = board.openings.piece_at(minute)
    terms = board.terms_at(piece, minute)
    if piece is None:
        yield _closed(board, minute)
    else:
        yield from _hours(board, piece, terms, minute)
    yield from _rules_of_time(board.inquiry, minute, terms.opening.zone)
    yield from told_of(board.ruled(terms.length), minute)
    session = board.session_at(minute, terms)
    yield from _blocks(board, terms, minute, session)
    change = None if piece is None else board.withdrawn_at(piece, minute)
    if change is not None:
        yield _withdrawn(board, terms, minute, change)
    elif session is not None and session.taken >= terms.seats:
        yield Violation(
            reason=Reason.FULL,
            message=f"all {terms.seats} seats of the session are taken",
            resource=board.inquiry.provider.resource,
            start=instant_of(minute),
            end=instant_of(minute + terms.length),
        )
    elif session is None and piece is not None:
        yield from _grid(board, piece, terms, minute)
    if board.inquiry.house_rules:
        visit = visit_at(board.inquiry, minute, terms.length, terms.shape.location)
        yield from against_house(board.inquiry, visit)


def standing(inquiry: Inquiry) -> Iterator[Violation]:
    """What refuses every start, whenever it is: who takes no part, or cannot be booked."""
    if not inquiry.provider.active:
        message = f"{_called(inquiry)} is not active"
        yield Violation(reason=Reason.INACTIVE, message=message, resource=inquiry.provider.resource)
    if not inquiry.type.active:
        message = f"appointment type {inquiry.type.code} is not active"
        yield Violation(reason=Reason.INACTIVE, message=message, by=inquiry.type.code)
    if inquiry.request.patient is not None and not inquiry.patient_active:
        patient = Resource(ResourceKind.PATIENT, inquiry.request.patient)
        message = "the patient is not active"
        yield Violation(reason=Reason.INACTIVE, message=message, resource=patient)
    roles = inquiry.schedule.practice.bookable_roles
    if roles is not None and inquiry.provider.role not in roles:
        yield Violation(
            reason=Reason.NOT_BOOKABLE,
            message=f"{_called(inquiry)} has no role that can be booked here",
            resource=inquiry.provider.resource,
        )


def _rules_of_time(inquiry: Inquiry, minute: int, zone: Zone) -> Iterator[Violation]:
    first, beyond = inquiry.bookable()
    if minute < first:
        yield Violation(
            reason=Reason.TOO_SOON,
            message=f"too soon: the first start that may be booked now is {_wall(zone, first)}",
            start=instant_of(first),
        )
    if minute >= beyond:
        yield Violation(
            reason=Reason.TOO_FAR,
            message=f"too far ahead: starts may be booked now until before {_wall(zone, beyond)}",
            end=instant_of(beyond),
        )


def _closed(board: Board, minute: int) -> Violation:
    return Violation(
        reason=Reason.CLOSED,
        message=f"{_called(board.inquiry)} has no hours then",
        resource=board.inquiry.provider.resource,
        start=instant_of(minute),
    )


def _type(board: Board, piece: Piece, terms: Terms, minute: int) -> Iterator[Violation]:
    code, provider = board.inquiry.type.code, board.inquiry.provider.resource
    by = _by(piece)
    if not terms.offered:
        yield Violation(
            reason=Reason.TYPE, message=f"these hours do not offer {code}", resource=provider, by=by
        )
    elif not terms.on_day(minute):
        yield Violation(
            reason=Reason.TYPE,
            message=f"these hours do not offer {code} on this day of the week",
            resource=provider,
            by=by,
        )


def _hours(board: Board, piece: Piece, terms: Terms, minute: int) -> Iterator[Violation]:
    yield from _type(board, piece, terms, minute)
    end = board.openings.run_end(piece)
    if minute + terms.length > end:
        message = (
            f"a slot of {terms.length} minutes does not fit:"
            f" these hours end at {_wall(piece[4].zone, end)}"
        )
        yield Violation(
            reason=Reason.RUNS_OUT,
            message=message,
            resource=board.inquiry.provider.resource,
            start=instant_of(end),
            end=instant_of(minute + terms.length),
            by=_by(piece),
        )


def _grid(board: Board, piece: Piece, terms: Terms, minute: int) -> Iterator[Violation]:
    if board.on_grid(piece, terms, minute):
        return
    near = board.nearest_on_grid(piece, terms, minute)
    zone = piece[4].zone
    are = "are" if len(near) > 1 else "is"
    hint = f"; the nearest {are} {' and '.join(_wall(zone, at) for at in near)}" if near else ""
    yield Violation(
        reason=Reason.OFF_GRID,
        message=f"no slot starts then{hint}",
        resource=board.inquiry.provider.resource,
        start=instant_of(near[-1]) if near else None,
        by=_by(piece),
    )


def _withdrawn(board: Board, terms: Terms, minute: int, change: SlotOverride) -> Violation:
    message = "this slot is not offered any more"
    if not change.withdrawn:
        moved = f"{terms.opening.zone.local(change.offered_at):%Y-%m-%d %H:%M}"
        message = f"this slot was changed: it is at {moved} as a {change.offered_as}"
    elif change.reason:
        message = f"{message}: {change.reason}"
    return Violation(
        reason=Reason.WITHDRAWN,
        message=message,
        resource=board.inquiry.provider.resource,
        start=instant_of(minute),
        end=instant_of(minute + terms.length),
        by=change.id,
    )


def _blocks(
    board: Board, terms: Terms, minute: int, session: Session | None
) -> Iterator[Violation]:
    zone = terms.opening.zone
    found = board.blocks(terms.shape).causes(minute, session)
    for choice in board.choices(terms.shape):
        causes = [blocks.causes(minute, session) for blocks in choice]
        if all(causes):
            found += chain.from_iterable(causes)
    yield from (told(cause, zone, board.inquiry.schedule) for cause in found)
    if not found and not board.can_combine(terms.shape, minute, session):
        yield Violation(
            reason=Reason.NO_COMBINATION,
            message="the rooms and devices needed are not all free together",
            start=instant_of(minute),
            end=instant_of(minute + terms.length),
        )


def told_plainly(claim: Claim) -> Violation:
    """What a claim says where no schedule is at hand: in UTC, and by ids."""
    low, high = claim.start, claim.end
    return Violation(
        reason=Reason.TAKEN,
        message=f"{claim.resource} {_TAKEN_BY[claim.kind]}"
        f" from {low:%Y-%m-%d %H:%M} to {high:%Y-%m-%d %H:%M} UTC",
        resource=claim.resource,
        start=low,
        end=high,
        by=claim.id or None,
    )


def told(cause: Claim | Shut, zone: Zone, schedule: Schedule) -> Violation:
    """What a claim or a closed stretch says to whoever wanted its time."""
    low, high = cause.low, cause.high
    if isinstance(cause, Claim):
        reason, by = Reason.TAKEN, cause.id or None
        taken = _TAKEN_BY[cause.kind] if cause.session is None else "has a group session"
        what = f"{taken} from {_wall(zone, low)} to {_wall(zone, high)}"
    elif cause.resource in schedule.inactive:
        message = f"{schedule.called(cause.resource)} is not active"
        return Violation(reason=Reason.INACTIVE, message=message, resource=cause.resource)
    else:
        reason, by = cause.reason, None
        what = f"is not open from {_wall(zone, low)} to {_wall(zone, high)}"
        if reason is Reason.BUFFER:
            what = f"{what}, where the buffer would lie"
    return Violation(
        reason=reason,
        message=f"{schedule.called(cause.resource)} {what}",
        resource=cause.resource,
        start=instant_of(low),
        end=instant_of(high),
        by=by,
    )


def _by(piece: Piece) -> str | None:
    return piece[4].source.id if piece[4].source is not None else None


def _called(inquiry: Inquiry) -> str:
    return inquiry.schedule.called(inquiry.provider.resource)


def _wall(zone: Zone, minute: int) -> str:
    return f"{zone.local(minute):%Y-%m-%d %H:%M}"
