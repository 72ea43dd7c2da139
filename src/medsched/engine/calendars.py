"""Calendars: what an entry shows, of what, to whom. Everybody sees the least that they need."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, Self, TypeAlias

import attrs

from medsched.domain.access import Reach
from medsched.domain.appointments import Appointment
from medsched.domain.blockings import Blocking
from medsched.domain.bookings import instant
from medsched.domain.calendars import CalendarEntry
from medsched.domain.claims import Claim, ClaimKind
from medsched.domain.holds import Hold
from medsched.domain.principals import Principal, Role
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.sessions import GroupSession
from medsched.domain.slots import SlotStatus

Taker: TypeAlias = Appointment | Hold | GroupSession | Blocking
"""What takes the time of a calendar."""
_Visit: TypeAlias = Appointment | Hold | GroupSession
_STATUS: Final = {
    ClaimKind.APPOINTMENT: SlotStatus.BUSY,
    ClaimKind.SESSION: SlotStatus.BUSY,
    ClaimKind.HOLD: SlotStatus.BUSY_TENTATIVE,
    ClaimKind.BLOCKING: SlotStatus.BUSY_UNAVAILABLE,
}
_PEOPLE: Final = frozenset({ResourceKind.PROVIDER, ResourceKind.PATIENT})


@attrs.frozen(kw_only=True)
class Viewer:
    """Who looks at a calendar: whose records they reach, and as whom they see their own.

    ``patient`` and ``provider`` are the ids that they act as in these roles, ``works_here``
    whether they act as staff, ``keeps`` whether the calendar's time is theirs to change.
    """

    reach: Reach
    patient: str | None = None
    provider: str | None = None
    works_here: bool = False
    keeps: bool = False

    @classmethod
    def of(cls, principal: Principal, reach: Reach, *, keeps: bool = False) -> Self:
        """A principal as a viewer, who reaches these records, and may keep this calendar."""
        roles = principal.roles
        return cls(
            reach=reach,
            patient=principal.patient if Role.PATIENT in roles else None,
            provider=principal.provider if Role.PROVIDER in roles else None,
            works_here=Role.STAFF in roles,
            keeps=keeps,
        )

    @property
    def is_told_apart(self) -> bool:
        """Whether time that they are told nothing of is told apart: held, blocked or visited.

        Not to patients, nor to whoever is nobody here.
        """
        return self.reach.everything or self.works_here or self.provider is not None

    def may_know(self, taker: object) -> bool:
        """Whether more is told of what takes time than that it does."""
        if isinstance(taker, Blocking):
            if self.reach.everything or self.keeps:
                return True
            return any(_is_provider(self, one) for one in taker.resources)
        if isinstance(taker, Appointment | Hold | GroupSession):
            return _is_own(self, taker) or _is_reached(self.reach, taker)
        return False


def entries(
    viewer: Viewer,
    resource: Resource,
    taken: Iterable[tuple[Claim, Taker | None]],
    *,
    between: tuple[datetime, datetime],
    now: datetime,
) -> tuple[CalendarEntry, ...]:
    """What a calendar shows a viewer of [start, end), at an instant; all aware. In order.

    ``taken`` are the claims on the resource with what makes each, None where that is gone; and
    those on the viewer, if a patient: only these tell of their seats in group sessions. What has
    expired takes no time. A visit that is told has its own start and end. Untold time has its
    buffers, is one stretch where it touches, and ends where was asked for, so that nobody can count
    by it who was there, not even by asking for one minute after the other.
    """
    live = [(claim, taker) for claim, taker in taken if claim.is_live(now)]
    seats = {
        taker.session
        for _, taker in live
        if isinstance(taker, Appointment | Hold) and _is_own(viewer, taker)
    }
    told, untold = dict[tuple[ClaimKind, str], CalendarEntry](), list[CalendarEntry]()
    for claim, taker in live:
        if claim.resource == resource:
            if isinstance(taker, GroupSession) and taker.id in seats:
                continue  # their own seat tells of it
        elif not _is_seat_at(resource, taker):
            continue
        if isinstance(taker, Appointment) and not taker.claims_time:
            continue  # it was given up since the claims were read
        entry = _entry(viewer, resource, claim, taker)
        if entry.is_anonymous:
            untold.append(entry)
        else:
            told[claim.kind, claim.id] = entry
    start, end = map(instant, between)
    found = [one for one in told.values() if one.start < end and start < one.end]
    for one in _merged(untold):
        found.append(attrs.evolve(one, start=max(one.start, start), end=min(one.end, end)))
    return tuple(sorted(found, key=_order))


def _entry(viewer: Viewer, resource: Resource, claim: Claim, taker: Taker | None) -> CalendarEntry:
    status = _STATUS[claim.kind] if viewer.is_told_apart else SlotStatus.BUSY
    untold = CalendarEntry(start=claim.start, end=claim.end, status=status)
    match taker:
        case Blocking():
            return attrs.evolve(untold, reason=taker.reason) if viewer.may_know(taker) else untold
        case Appointment() | Hold() | GroupSession():
            return _visit(viewer, resource, taker, _STATUS[claim.kind]) or untold
        case None:
            return untold


def _visit(
    viewer: Viewer, resource: Resource, visit: _Visit, status: SlotStatus
) -> CalendarEntry | None:
    """What is told of a visit; None for nothing."""
    entry = CalendarEntry(start=visit.start, end=visit.end, status=status, type=visit.type)
    if not viewer.may_know(visit):
        # Who shares a room sees what it is used for, and not by whom.
        shares = viewer.provider is not None and resource.kind not in _PEOPLE
        return entry if shares else None
    entry = attrs.evolve(entry, provider=visit.provider, location=visit.location)
    if isinstance(visit, GroupSession):
        return attrs.evolve(entry, session=visit.id)
    entry = attrs.evolve(entry, patient=visit.patient, session=visit.session)
    if isinstance(visit, Hold):
        return attrs.evolve(entry, hold=visit.id)
    reason = visit.reason if _may_know_why(viewer, resource, visit) else ""
    return attrs.evolve(entry, appointment=visit.id, reason=reason)


def _is_reached(reach: Reach, visit: _Visit) -> bool:
    return visit.patient in reach.patients or reach.is_visited(visit.provider, visit.location)


def _is_provider(viewer: Viewer, resource: Resource) -> bool:
    return resource.kind is ResourceKind.PROVIDER and resource.id == viewer.provider


def _is_own(viewer: Viewer, visit: _Visit) -> bool:
    """Whether the viewer is the patient of a visit."""
    return viewer.patient is not None and visit.patient == viewer.patient


def _is_seat_at(resource: Resource, taker: Taker | None) -> bool:
    """Whether it is a seat in a group session that takes a resource's time."""
    if not isinstance(taker, Appointment | Hold) or taker.session is None:
        return False
    match resource.kind:
        case ResourceKind.PROVIDER:
            return taker.provider == resource.id
        case ResourceKind.LOCATION:
            return taker.location == resource.id
        case _:
            return resource in taker.resources


def _may_know_why(viewer: Viewer, resource: Resource, visit: Appointment) -> bool:
    """Whether the viewer, who is told of a visit on a calendar, is told its reason there."""
    if _is_own(viewer, visit):
        return True
    if viewer.reach.everything or visit.provider == viewer.provider:
        return resource.kind in _PEOPLE
    return resource.kind is ResourceKind.PROVIDER


def _merged(untold: Iterable[CalendarEntry]) -> list[CalendarEntry]:
    """The same stretches of each status, made one where they touch."""
    merged: list[CalendarEntry] = []
    for entry in sorted(untold, key=lambda one: (one.status, one.start)):
        last = merged[-1] if merged else None
        if last is not None and last.status is entry.status and entry.start <= last.end:
            merged[-1] = attrs.evolve(last, end=max(last.end, entry.end))
        else:
            merged.append(entry)
    return merged


def _order(entry: CalendarEntry) -> tuple[datetime, datetime, str, str]:
    return entry.start, entry.end, entry.appointment or entry.hold or "", entry.type or ""
