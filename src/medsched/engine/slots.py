"""Listing: the slots that a schedule offers for a request in a stretch of time."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import compress
from operator import itemgetter
from typing import Final

import attrs

from medsched.domain.availability import AvailabilityRule
from medsched.domain.schedule import Schedule
from medsched.domain.slots import Slot, Slots, SlotStatus, SlotTerms
from medsched.engine.board import BUSY, FREE, TENTATIVE, UNAVAILABLE, Board
from medsched.engine.booking_rules import against_house, visit_at
from medsched.engine.inquiry import Inquiry
from medsched.engine.openings import SlotShape, Terms
from medsched.engine.verdict import refusals, standing
from medsched.engine.windows import Frame
from medsched.errors import InvalidInterval
from medsched.timeline.instants import (
    DAY,
    FIRST_DATE,
    FIRST_MINUTE,
    LAST_DATE,
    LAST_MINUTE,
    day_of,
    minute_of,
)
from medsched.timeline.intervals import Interval, union
from medsched.timeline.resolve import date_span
from medsched.timeline.zones import ZoneSource

LONGEST_QUERY: Final = timedelta(days=732)
"""The longest stretch that one listing may ask for: two years, whichever years they are."""

FIRST_LOOK: Final = 7 * DAY
"""How far ahead the earliest slots are looked for at first, in minutes: then twice as far."""

Marked = tuple[Terms, list[int], bytes]
"""(terms, starts, marks): some starts of one opening, and the mark of each."""

_ALL_FREE = bytes([FREE])
_minute = itemgetter(1)

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


def stretch_of_rule(rule: AvailabilityRule, schedule: Schedule, zones: ZoneSource) -> Interval:
    """The minutes in which all that a rule opens starts, but of its first 366 local dates at most.

    The dates are those of its zone while its provider does not travel. It may reach beyond them,
    where a rule that ends is concerned: to wherever its windows may lie.
    """
    zone = Frame(schedule, zones, 0, 0).home_zone(rule)
    first = day_of(max(rule.recurrence.first, rule.valid_from or FIRST_DATE))
    last = day_of(min(rule.recurrence.last or LAST_DATE, rule.valid_to or LAST_DATE))
    low, high = date_span(zone, first)[0] - DAY, date_span(zone, min(last, first + 365))[1]
    if last < first + 365:  # abroad, or past midnight
        high += 2 * DAY
    low = max(low, FIRST_MINUTE)
    return low, max(low, min(high, LAST_MINUTE))


def list_slots(inquiry: Inquiry, start: datetime, end: datetime, *, taken: bool = False) -> Slots:
    """The slots whose start lies in [start, end), in order; with ``taken`` those claimed as well.

    ``start`` and ``end`` are aware. A slot that a patient's own appointments, a closed
    room or the rules of time refuse is in neither list.
    """
    low, high = check_query(start, end)
    return Slots(
        lambda: _find(inquiry, low, high, taken),
        inquiry.zones,
        first=lambda count: _find_first(inquiry, low, high, taken, count),
        withdrawn=lambda: _withdrawn(inquiry, low, high),
    )


def _find_first(inquiry: Inquiry, low: int, high: int, taken: bool, count: int) -> list[Slot]:
    """At least so many of the earliest: adjoining stretches add up, so the near ones come first."""
    found: list[Slot] = []
    ahead = FIRST_LOOK
    while low < high and len(found) < count:
        beyond = min(low - low % DAY + ahead, high)
        found += _find(inquiry, low, beyond, taken)
        low, ahead = beyond, 2 * ahead
    return found


def _find(inquiry: Inquiry, low: int, high: int, taken: bool) -> list[Slot]:
    if low >= high or any(standing(inquiry)):
        return []
    # Whole days of UTC, so that the next question, asked a little later, finds them kept.
    board = Board(inquiry, low - low % DAY, high + -high % DAY)
    found = _told(board, taken) if taken or _is_particular(board) else _free(board)
    del found[bisect_left(found, high, key=_minute) :]
    del found[: bisect_left(found, low, key=_minute)]
    return found


def _is_particular(board: Board) -> bool:
    """Whether there is more to a free slot than a start of the grid that stays clear."""
    inquiry = board.inquiry
    return bool(
        inquiry.needs_combine or inquiry.house_rules or board.sessions or board.openings.changes
    )


def _free(board: Board) -> list[Slot]:
    """The free slots where nothing is particular: as `_told` finds them, in less steps."""
    found: list[Slot] = []
    terms_of = TermsMaker(board)
    strips: dict[SlotShape, bytearray] = {}
    for candidates in board.candidates():
        terms = candidates.terms
        strip = strips.get(terms.shape)
        if strip is None:
            strip = strips[terms.shape] = board.strip(terms.shape, tell=False)
        found += candidates.free(strip, terms_of(terms, FREE, candidates.first))
    return found


def _told(board: Board, taken: bool) -> list[Slot]:
    """The slots that are free or, with ``taken``, claimed, whatever has a say in it."""
    inquiry = board.inquiry
    marked = list(_marked(board, taken))
    if inquiry.needs_combine:
        marked = [_that_combine(board, *one) for one in marked]
    if inquiry.house_rules:
        marked = [_that_the_house_allows(board, *one) for one in marked]
    if board.sessions:
        marked = _with_sessions(board, marked)
    if board.openings.changes:
        marked = _in_order(marked)
    terms_of = TermsMaker(board)
    found: list[Slot] = []
    for terms, some, marks in marked:
        if board.sessions or marks.strip(_ALL_FREE):
            each = zip(some, marks, strict=True)
            found += [Slot((terms_of(terms, mark, start), start)) for start, mark in each]
        elif some:
            found += Slot.alike(terms_of(terms, FREE, some[0]), some)
    return found


def _withdrawn(inquiry: Inquiry, low: int, high: int) -> list[Slot]:
    """The slots of the stretch that were taken out of the offer, and would be listed otherwise.

    Only the days that have some are listed again, as if nothing had been taken out.
    """
    owner, schedule = inquiry.provider.resource, inquiry.schedule
    own, code = schedule.calendar(owner), inquiry.type.code
    out = {
        (one.minute, one.location)
        for one in own.slots
        if one.withdrawn and one.type == code and low <= one.minute < high
    }
    if not out:
        return []
    offered = attrs.evolve(own, slots=tuple(one for one in own.slots if not one.withdrawn))
    calendars = {**schedule.calendars, owner: offered}
    listed: list[Slot] = []
    before = attrs.evolve(inquiry, schedule=attrs.evolve(schedule, calendars=calendars))
    for first, beyond in union((at - at % DAY, at - at % DAY + DAY) for at, _ in out):
        listed += [
            slot
            for slot in _find(before, max(first, low), min(beyond, high), True)
            if (_minute(slot), slot.location) in out and not slot.changed_by
        ]
    shared = {id(slot[0]): slot[0] for slot in listed}
    gone = {key: attrs.evolve(one, status=SlotStatus.WITHDRAWN) for key, one in shared.items()}
    return [Slot((gone[id(terms)], start)) for terms, start in listed]


def _marked(board: Board, taken: bool) -> Iterator[Marked]:
    """The starts that are free or, with ``taken``, claimed, and the mark of each."""
    made: dict[SlotShape, bytearray] = {}
    for candidates in board.candidates():
        terms = candidates.terms
        strip = made.get(terms.shape)
        if strip is None:
            strip = made[terms.shape] = board.strip(terms.shape, tell=taken)
        marks = candidates.marks(strip)
        starts = list(compress(candidates.starts, marks))
        kept = bytes(compress(marks, marks)) if taken else _ALL_FREE * len(starts)
        yield terms, starts, kept


def _that_combine(board: Board, terms: Terms, starts: list[int], marks: bytes) -> Marked:
    flags = [
        mark != FREE or board.can_combine(terms.shape, start)
        for start, mark in zip(starts, marks, strict=True)
    ]
    return terms, list(compress(starts, flags)), bytes(compress(marks, flags))


def _that_the_house_allows(board: Board, terms: Terms, starts: list[int], marks: bytes) -> Marked:
    def allowed(start: int) -> bool:
        visit = visit_at(board.inquiry, start, terms.length, terms.shape.location)
        return not any(against_house(board.inquiry, visit))

    flags = [mark != FREE or allowed(start) for start, mark in zip(starts, marks, strict=True)]
    return terms, list(compress(starts, flags)), bytes(compress(marks, flags))


def _in_order(marked: Iterable[Marked]) -> list[Marked]:
    """Each start by itself, in order: slots that were changed one by one stand anywhere."""
    each = [
        (terms, [start], bytes([mark]))
        for terms, starts, marks in marked
        for start, mark in zip(starts, marks, strict=True)
    ]
    return sorted(each, key=lambda one: one[1])


def _with_sessions(board: Board, marked: list[Marked]) -> list[Marked]:
    """Add the sessions that still have seats: always candidates, on the grid or off it."""
    found = {
        start: (terms, [start], bytes([mark]))
        for terms, starts, marks in marked
        for start, mark in zip(starts, marks, strict=True)
    }
    for start, _ in board.sessions:
        if board.low <= start < board.high and not refusals(board.inquiry, start):
            piece = board.openings.piece_at(start)
            assert piece is not None  # else it would be refused as closed
            found[start] = (board.terms_at(piece, start), [start], _ALL_FREE)
    return [found[start] for start in sorted(found)]


class TermsMaker:
    """Makes what slots have in common, once for each opening, status and seats taken."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._made = board.openings.slot_terms

    def __call__(self, terms: Terms, mark: int, start: int) -> SlotTerms:
        """The shared part of a slot with these terms and this mark."""
        session = self._board.session_at(start, terms)
        if session is not None:
            terms = self._board.openings.terms_within(session, terms)
        key = (terms, mark, session.taken if session is not None else 0)
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = self._make(*key)
        return found

    def _make(self, terms: Terms, mark: int, taken: int) -> SlotTerms:
        inquiry, opening, type_ = self._board.inquiry, terms.opening, self._board.inquiry.type
        source, change = opening.source, terms.change
        assert source is not None  # a provider is never open without hours
        pricing, required, notes = source.pricing, source.special_requirements, ""
        if change is not None:
            pricing, notes = change.pricing or pricing, change.notes
            if change.special_requirements is not None:
                required = change.special_requirements
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
            pricing=pricing or type_.pricing,
            special_requirements=required | type_.special_requirements,
            notes=notes,
            changed_by="" if change is None else change.id,
        )
