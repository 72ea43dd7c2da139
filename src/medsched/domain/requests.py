"""What is asked for, and why it is refused."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import attrs

from medsched.domain.appointment_types import AppointmentType
from medsched.domain.fields import maybe_id
from medsched.domain.records import Resource
from medsched.timeline.instants import minute_of


def _an_instant(instance: object, attribute: object, value: datetime | None) -> None:
    if value is not None:
        minute_of(value, "now", rounding="down")


@attrs.frozen
class Request:
    """Who asks for what: listing, holding, booking, moving and offers all ask with one.

    ``patient`` None asks without regard to a patient's own appointments. ``now`` None asks
    for what the schedule opens at all, without the rules of time. ``referred`` and ``prepaid``:
    the patient has a referral, and has paid in advance.
    """

    type: AppointmentType
    patient: str | None = attrs.field(default=None, validator=maybe_id, kw_only=True)
    now: datetime | None = attrs.field(default=None, validator=_an_instant, kw_only=True)
    referred: bool = attrs.field(default=False, kw_only=True)
    prepaid: bool = attrs.field(default=False, kw_only=True)


class Reason(StrEnum):
    """Why a start is not offered."""

    INACTIVE = "inactive"
    """The provider, the type or the patient takes no part in scheduling."""
    NOT_BOOKABLE = "not-bookable"
    """The practice lets providers of this role not be booked."""
    ELSEWHERE = "elsewhere"
    """The hours then are at another place than the one asked for."""
    TOO_SOON = "too-soon"
    """Before now and the notice asked for."""
    TOO_FAR = "too-far"
    """Beyond the furthest time that may be booked."""
    CLOSED = "closed"
    """The provider is not open at the start."""
    RUNS_OUT = "runs-out"
    """The slot does not end within hours that make the same offer."""
    TYPE = "type"
    """These hours do not offer the type, or not on this day."""
    OFF_GRID = "off-grid"
    """The start is not one of those the grid gives."""
    WITHDRAWN = "withdrawn"
    """The slot was taken out of the offer, or moved."""
    TAKEN = "taken"
    """A resource is claimed for some of the time, buffers included."""
    RESOURCE_CLOSED = "resource-closed"
    """A room or device is not open for the whole slot."""
    NO_COMBINATION = "no-combination"
    """Each need could be met alone, but not all of them together."""
    BUFFER = "buffer"
    """A buffer lies outside hours, and the type wants it within."""
    FULL = "full"
    """The group session has no seat left."""
    DAY_FULL = "day-full"
    """As many are booked on that day as may be."""
    WEEK_FULL = "week-full"
    """As many are booked in that week as may be."""
    TOO_MANY_OPEN = "too-many-open"
    """The patient has as many appointments to come as may be."""
    TOO_CLOSE = "too-close"
    """Too near to another visit of the patient's."""
    NEW_PATIENTS = "new-patients"
    """New patients are not seen then."""
    ESTABLISHED_ONLY = "established-only"
    """Only for patients who have been seen before."""
    REFERRAL = "referral"
    """A referral is needed."""
    PREPAYMENT = "prepayment"
    """A payment in advance is needed."""
    KEPT_BACK = "kept-back"
    """The time is kept for some types, and not open to others yet."""
    HOUSE_RULE = "house-rule"
    """A rule of the host's own refuses it."""
    NONEXISTENT_TIME = "nonexistent-time"
    """The clock skips the wall time on that date."""
    AMBIGUOUS_TIME = "ambiguous-time"
    """The clock shows the wall time twice on that date."""


@attrs.frozen(kw_only=True)
class Violation:
    """One reason why a start is refused: a value, and a sentence for people.

    ``start`` and ``end`` are the stretch in question, aware and in UTC, where there is one;
    ``resource`` is who is closed or taken; ``by`` the id of the rule, override or claim.
    """

    reason: Reason
    message: str
    resource: Resource | None = None
    start: datetime | None = None
    end: datetime | None = None
    by: str | None = None

    def __str__(self) -> str:
        return self.message
