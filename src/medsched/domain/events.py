"""What happened, for whoever follows: ids only, versioned, nothing of a patient's."""

from __future__ import annotations

from enum import StrEnum

import attrs

from medsched.domain.stored import Kind, Stored, kind_of


class Change(StrEnum):
    """What happened to a record."""

    CREATED = "created"
    UPDATED = "updated"
    ACTIVATED = "activated"
    DEACTIVATED = "deactivated"
    DELETED = "deleted"

    PROPOSED = "proposed"
    REQUESTED = "requested"
    BOOKED = "booked"
    ARRIVED = "arrived"
    CHECKED_IN = "checked-in"
    FULFILLED = "fulfilled"
    NOSHOW = "noshow"
    CANCELLED = "cancelled"
    ENTERED_IN_ERROR = "entered-in-error"
    RESCHEDULED = "rescheduled"
    MOVE_OFFERED = "move-offered"
    RESOURCES_CHANGED = "resources-changed"
    OVERRIDDEN = "overridden"

    HELD = "held"
    CONFIRMED = "confirmed"
    RELEASED = "released"
    EXPIRED = "expired"

    JOINED = "joined"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    RETURNED = "returned"
    LEFT = "left"
    LAPSED = "lapsed"
    REMOVED = "removed"

    GRANTED = "granted"
    GLASS_BROKEN = "glass-broken"
    REVOKED = "revoked"


@attrs.frozen(kw_only=True)
class Event:
    """One thing that happened to one record.

    ``name`` is ``<kind>.<change>``, such as ``provider.updated``. ``version`` is the record's
    afterwards; what was deleted states the version it last had. ``schema`` is the version of
    this shape, so that followers can tell what they read.
    """

    name: str
    kind: Kind
    id: str
    version: int
    schema: int = 1

    @classmethod
    def of(cls, change: Change, record: Stored) -> Event:
        """The event of a change that leaves (or removes) this record."""
        kind = kind_of(type(record))
        return cls(
            name=f"{kind.value}.{change.value}", kind=kind, id=record.id, version=record.version
        )


@attrs.frozen
class NumberedEvent:
    """An event and its number: whoever follows a practice reads by it.

    Numbers are given after the commit, count from 1 without gaps, and follow the order of
    commits wherever one changeset could depend on another.
    """

    number: int
    event: Event
