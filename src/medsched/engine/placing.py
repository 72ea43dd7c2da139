"""Where a slot may be put by hand: in open hours, and over no other slot of its type."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from medsched.domain.appointment_types import AppointmentType
from medsched.domain.requests import Request
from medsched.domain.schedule import Schedule
from medsched.domain.slot_overrides import SlotOverride
from medsched.engine.board import Board
from medsched.engine.inquiry import Inquiry
from medsched.engine.openings import Terms
from medsched.errors import OutsideHours, SlotsOverlap
from medsched.timeline.instants import DAY, instant_of
from medsched.timeline.intervals import Interval
from medsched.timeline.zones import ZoneSource


def place_of(
    change: SlotOverride, schedule: Schedule, type_: AppointmentType, zones: ZoneSource
) -> Interval:
    """From when to when a slot is that was changed, in minutes of the epoch.

    ``type_`` is the one that it is offered as, ``schedule`` the provider's with the change in it.
    `OutsideHours` where the provider is not open there for all of it; `SlotsOverlap` for another
    slot of the type in its way, unless that was in the way of the slot as it was before.
    """
    start = change.offered_at
    terms = _terms(change, schedule, type_, zones)
    end = start + terms.length
    before, met = _without(schedule, change), set[Interval]()
    if change.type == type_.code:
        met = set(_slots_in(before, type_, zones, _slot_at(change.minute, before, type_, zones)))
    for low, high in _slots_in(before, type_, zones, (start, end)):
        own = (low, change.type) == (change.minute, type_.code)
        if not own and (low, high) not in met:
            raise SlotsOverlap(
                schedule.provider.id,
                (instant_of(start), instant_of(end)),
                (instant_of(low), instant_of(high)),
                f"a slot of {type_.code}",
            )
    return start, end


def place_without(
    change: SlotOverride, schedule: Schedule, type_: AppointmentType, zones: ZoneSource
) -> Interval:
    """From when to when a slot is that its hours make, in minutes of the epoch.

    ``type_`` is the one that it had, ``schedule`` the provider's with the change in it or not.
    """
    return _slot_at(change.minute, _without(schedule, change), type_, zones)


def _terms(
    change: SlotOverride, schedule: Schedule, type_: AppointmentType, zones: ZoneSource
) -> Terms:
    start = change.offered_at
    opened = Board(Inquiry(schedule, Request(type_), zones), start, start + 1).openings
    piece = opened.piece_at(start)
    length = change.length or (opened.terms(piece[4]).length if piece else 1)
    outside = OutsideHours(schedule.provider.id, instant_of(start), instant_of(start + length))
    if piece is None or piece[4].location != change.location:
        raise outside
    terms = opened.terms_changed(opened.terms(piece[4]), change)
    if start + terms.length > opened.run_end(piece):
        raise outside
    return terms


def _slot_at(start: int, schedule: Schedule, type_: AppointmentType, zones: ZoneSource) -> Interval:
    """The slot of a type that a start is, as the hours there have it."""
    board = Board(Inquiry(schedule, Request(type_), zones), start, start + 1)
    return start, start + board.terms_at(board.openings.piece_at(start), start).length


def _slots_in(
    schedule: Schedule, type_: AppointmentType, zones: ZoneSource, stretch: Interval
) -> Iterator[Interval]:
    """The slots of a type that reach into a stretch, whatever is taken and whatever the time is."""
    low, high = stretch
    reach = DAY + (high - low)
    board = Board(Inquiry(schedule, Request(type_), zones), low - reach, high)
    for candidates in board.candidates():
        for start in candidates.starts:
            end = start + candidates.terms.length
            if start < high and low < end:
                yield start, end


def _without(schedule: Schedule, change: SlotOverride) -> Schedule:
    """The schedule as it would be without a change."""
    owner = schedule.provider.resource
    calendar = schedule.calendar(owner)
    left = tuple(one for one in calendar.slots if one.id != change.id)
    calendars = {**schedule.calendars, owner: attrs.evolve(calendar, slots=left)}
    return attrs.evolve(schedule, calendars=calendars)
