"""What every booking has in common: who is taken, where, and from when to when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import attrs

from medsched.domain.claims import Claim, ClaimKind, Span
from medsched.domain.fields import a_zone, an_id, maybe_id, text
from medsched.domain.records import Identified, Resource
from medsched.errors import InvalidInterval, InvalidWallTime
from medsched.timeline.instants import minute_of

LONGEST_VERSION = 20


def _wall(instance: object, attribute: object, value: datetime) -> None:
    if not isinstance(value, datetime) or value.tzinfo is not None:
        raise InvalidWallTime("start", value, "a wall time has no zone of its own")
    if value.second or value.microsecond:
        raise InvalidWallTime("start", value, "a wall time has whole minutes")


@attrs.frozen
class WallTime:
    """A start as it was agreed on: what the wall showed, in which zone.

    ``start`` is naive and in whole minutes, else `InvalidWallTime`. ``second_showing`` tells a
    repeated time's second showing from its first; None where the time is not repeated, or where
    it was not said. ``tzdata`` is the release of the IANA database that an instant was worked
    out with, so that a later release that disagrees is noticed and the appointment repaired.
    """

    start: datetime = attrs.field(validator=_wall)
    timezone: str = attrs.field(validator=a_zone)
    second_showing: bool | None = attrs.field(default=None, kw_only=True)
    tzdata: str = attrs.field(default="", validator=text(LONGEST_VERSION), kw_only=True)


def instant(value: datetime) -> datetime:
    """A converter: an aware datetime, in UTC; `NaiveDatetime` and `OutOfRange` for others."""
    minute_of(value, "instant", rounding="down")
    return value.astimezone(UTC)


def _resources(value: Iterable[Resource]) -> frozenset[Resource]:
    return frozenset(value)


def _spans(value: Iterable[Span | tuple[Resource, int, int]]) -> tuple[Span, ...]:
    return tuple(sorted(Span(*span) for span in value))


@attrs.frozen(kw_only=True)
class Booking(Identified):
    """Time taken for a visit. ``start`` and ``end`` are aware UTC instants, the end exclusive.

    ``patient`` may be None only for a hold. ``resources`` are the rooms and devices it takes
    besides provider and patient. ``wall`` is the start as it was agreed on. ``spans`` are the
    minutes of each resource that it takes while it takes any, buffers included. ``opened_by`` is
    the id of the rule or override whose hours it lies in. ``created_by`` and ``updated_by`` are
    the ids of the principals who did so.
    """

    provider: str = attrs.field(validator=an_id)
    patient: str | None = attrs.field(default=None, validator=maybe_id)
    type: str = attrs.field(validator=an_id)
    location: str | None = attrs.field(default=None, validator=maybe_id)
    resources: frozenset[Resource] = attrs.field(factory=frozenset, converter=_resources)
    start: datetime = attrs.field(converter=instant)
    end: datetime = attrs.field(converter=instant)
    wall: WallTime
    spans: tuple[Span, ...] = attrs.field(default=(), converter=_spans)
    opened_by: str = attrs.field(default="", validator=text())
    created_by: str = attrs.field(default="", validator=text())
    updated_by: str = attrs.field(default="", validator=text())

    def __attrs_post_init__(self) -> None:
        if self.end <= self.start:
            raise InvalidInterval("end", (self.start, self.end), "the end is not after the start")

    @property
    def duration(self) -> timedelta:
        """The elapsed time from start to end."""
        return self.end - self.start

    @property
    def may_overlap(self) -> bool:
        """Whether it was let take time that others take."""
        return False

    def claims_of(self, kind: ClaimKind, expires: datetime | None = None) -> tuple[Claim, ...]:
        """The claims that its spans make, in the order that locks are taken."""
        return tuple(
            Claim(resource, low, high, kind, self.id, expires) for resource, low, high in self.spans
        )
