"""Which appointments a change of hours strands: those that lay in hours, and do not any more.

An appointment lies in hours while its provider is open from start to end with one offer, at its
place and for its type, and its rooms and devices are open too. Grids, notice, caps and claims
are no matter: they decide about what is booked, not about what stands.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, TypeAlias

import attrs

from medsched.domain.appointment_types import AppointmentType
from medsched.domain.appointments import Appointment
from medsched.domain.availability import AvailabilityRule, Override, OverrideKind, RecurringBlocking
from medsched.domain.people import Patient, Provider, Staff
from medsched.domain.places import Device, Location, PracticeSettings, Room
from medsched.domain.release_rules import ReleaseRule
from medsched.domain.requests import Reason, Request
from medsched.domain.schedule import Schedule
from medsched.domain.slot_overrides import SlotOverride
from medsched.domain.stored import HoursRecord, Noun
from medsched.domain.time_blocks import TimeBlock
from medsched.engine.inquiry import Inquiry
from medsched.engine.openings import Openings, openings
from medsched.engine.verdict import standing
from medsched.timeline.instants import DAY, whole_minute
from medsched.timeline.zones import ZoneSource

Lack: TypeAlias = tuple[Reason, Hashable]
"""A reason why an appointment lies outside hours, and what it is about."""

_TAKES_NO_PART: Final = frozenset({Reason.INACTIVE, Reason.NOT_BOOKABLE})
"""What may be said of provider and type whoever asks, and whenever."""
_STRETCH: Final = 7 * DAY
"""So much is opened at once, for the appointments of a week to share."""


def lacks(
    schedule: Schedule, type_: AppointmentType, zones: ZoneSource, appointment: Appointment
) -> frozenset[Lack]:
    """Every reason why an appointment of a type lies outside hours; none while it lies in some.

    ``schedule`` is its provider's, with every room and device that it has.
    """
    inquiry = Inquiry(schedule, Request(type_), zones)
    found: set[Lack] = {
        (one.reason, one.resource or one.by)
        for one in standing(inquiry)
        if one.reason in _TAKES_NO_PART
    }
    low, high = whole_minute(appointment.start, "start"), whole_minute(appointment.end, "end")
    first, beyond = low - low % _STRETCH, high + -high % _STRETCH
    opened = openings(schedule, type_, zones, first, beyond)
    found |= _of_hours(opened, appointment.location, low, high)
    for resource in appointment.resources:
        if any(shut < high and low < until for shut, until in opened.closed(resource)):
            idle = resource in schedule.inactive
            found.add((Reason.INACTIVE if idle else Reason.RESOURCE_CLOSED, resource))
    return frozenset(found)


def _of_hours(opened: Openings, place: str | None, low: int, high: int) -> set[Lack]:
    """What the provider's own hours lack."""
    provider = opened.schedule.provider.resource
    piece = opened.piece_at(low)
    if piece is None:
        return {(Reason.CLOSED, provider)}
    terms, found = opened.terms_at(piece, low), set[Lack]()
    if opened.changes.withdrawn(low, piece[4].location) is not None:
        found.add((Reason.WITHDRAWN, provider))
    if not (terms.offered and terms.on_day(low)):
        found.add((Reason.TYPE, provider))
    if terms.opening.location != place:
        found.add((Reason.ELSEWHERE, provider))
    shortened = terms.change is not None and low + terms.length < high
    if opened.run_end(piece) < high or shortened:
        found.add((Reason.RUNS_OUT, provider))
    return found


def stands_in_a_moved_slot(
    schedule: Schedule, type_: AppointmentType, zones: ZoneSource, appointment: Appointment
) -> bool:
    """Whether an appointment is in a slot that was put there: no hours give it without that."""
    low = whole_minute(appointment.start, "start")
    first = low - low % _STRETCH
    opened = openings(schedule, type_, zones, first, first + _STRETCH)
    return (low, appointment.location) in opened.changes.placed


def unforeseen(reasons: frozenset[Reason], appointment: Appointment) -> frozenset[Reason]:
    """The reasons that an appointment was not booked against on purpose.

    Which room was closed then is not kept, so closed rooms are always told.
    """
    return reasons - (appointment.overridden - {Reason.RESOURCE_CLOSED})


def reasons_of(lacking: frozenset[Lack]) -> frozenset[Reason]:
    """The reasons alone."""
    return frozenset(reason for reason, _ in lacking)


# ------------------------------------------------------------------- what may strand


def may_strand(before: Noun | None, after: Noun | None) -> bool:
    """Whether a change of one record can take hours away at all; None: there is no record.

    A first look, to leave appointments unread where nothing can come of it. What others refer
    to is not removed, and so strands nobody.
    """
    if isinstance(before or after, HoursRecord):
        return _hours_may_strand(before, after)
    if before is None or after is None:
        return False
    return before.active > after.active or _opening_fields(before) != _opening_fields(after)


def _hours_may_strand(before: Noun | None, after: Noun | None) -> bool:
    was, will = _as_opened(before), _as_opened(after)
    if was == will:
        return False
    return will is not None or not _only_closes(was)


def _as_opened(record: Noun | None) -> Noun | None:
    """Hours as far as they open or close anything; None where they do neither."""
    if record is None or not record.active:
        return None
    match record:
        case AvailabilityRule():
            return attrs.evolve(record, version=0, notes="", reason="")
        case Override() | RecurringBlocking():
            return attrs.evolve(record, version=0, reason="")
        case TimeBlock():
            return attrs.evolve(record, version=0, notes="")
        case SlotOverride() if record.withdrawn or record.is_moved:
            return attrs.evolve(
                record, version=0, notes="", reason="", pricing=None, special_requirements=None
            )
        case SlotOverride() | ReleaseRule():  # who may book is no matter to what stands
            return None
        case _:
            return record


def _only_closes(record: Noun | None) -> bool:
    if isinstance(record, Override):
        return record.kind is OverrideKind.CLOSED
    if isinstance(record, SlotOverride):
        return record.withdrawn
    return isinstance(record, RecurringBlocking)


def _opening_fields(record: Noun) -> Hashable:
    """What of a record decides when and where something is open, besides being active."""
    match record:
        case PracticeSettings():
            return record.timezone, record.bookable_roles
        case Provider():
            return record.role, record.timezone, record.location, record.travels
        case Location():
            return record.timezone
        case Room() | Device():
            return record.location
        case AppointmentType() | Staff() | Patient():
            return None
        case _:
            return record
