"""What is taken: the minutes of one resource that an appointment, hold or blocking claims."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

import attrs

from medsched.domain.fields import LONGEST_DURATION, Choice, an_id, maybe_id, whole
from medsched.domain.records import Resource, resource
from medsched.errors import InvalidInterval
from medsched.timeline.instants import (
    LAST_MINUTE,
    instant_of,
    minute_of,
    span_of,
    whole_minute,
)

MOST_SEATS: Final = 10_000
"""The most seats that a group session has."""
LONGEST_CLAIM: Final = 3 * LONGEST_DURATION // timedelta(minutes=1)
"""The most minutes that a store keeps in one claim: the longest slot and its longest buffers."""


class Span(NamedTuple):
    """The minutes [low, high) of one resource, counted from the epoch, buffers included."""

    resource: Resource
    low: int
    high: int

    @property
    def start(self) -> datetime:
        """The first minute, in UTC."""
        return instant_of(self.low)

    @property
    def end(self) -> datetime:
        """The end of the last minute, in UTC."""
        return instant_of(self.high)


class ClaimKind(Choice):
    """What claims the time."""

    APPOINTMENT = "appointment"
    HOLD = "hold"
    SESSION = "session"
    BLOCKING = "blocking"


@attrs.frozen
class Session:
    """A group session: one start that several patients share, of which some seats are taken.

    Make one with `of`; inside, ``start`` is in minutes of the epoch. ``seats`` are as many as
    those who are in it were promised at most, ``length`` its minutes if they are known, and
    ``id`` that of the session that is stored.
    """

    type: str = attrs.field(validator=an_id)
    location: str | None = attrs.field(validator=maybe_id)
    start: int = attrs.field(validator=whole(0, LAST_MINUTE))
    taken: int = attrs.field(validator=whole(0, MOST_SEATS))
    seats: int = attrs.field(default=MOST_SEATS, validator=whole(1, MOST_SEATS), kw_only=True)
    length: int | None = attrs.field(default=None, kw_only=True)
    id: str = attrs.field(default="", kw_only=True)

    @classmethod
    def of(cls, type: str, location: str | None, start: datetime, *, taken: int) -> Session:
        """The session of a type at a place that starts at an aware datetime, in whole minutes.

        Raises `NaiveDatetime`, `OutOfRange`, and `InvalidInterval` for a start within a minute.
        """
        return cls(type, location, whole_minute(start, "start"), taken)


@attrs.frozen
class Claim:
    """The minutes [start, end) of one resource, buffers included; make one with `of`.

    ``low`` and ``high`` are minutes of the epoch. A hold ends by itself: from the instant
    ``expires`` (in microseconds exactly as given) on it blocks nothing. A group session's
    claim carries its ``session``. ``id`` names what claims the time, for those who may know.
    """

    resource: Resource
    low: int
    high: int
    kind: ClaimKind = ClaimKind.APPOINTMENT
    id: str = ""
    expires: datetime | None = None
    session: Session | None = None

    def __attrs_post_init__(self) -> None:
        if self.high <= self.low:
            raise InvalidInterval("high", (self.low, self.high), "the end is not after the start")

    @classmethod
    def of(
        cls,
        resource_: Resource | str,
        start: datetime,
        end: datetime,
        *,
        kind: ClaimKind | str = ClaimKind.APPOINTMENT,
        id: str = "",
        expires: datetime | None = None,
        session: Session | None = None,
    ) -> Claim:
        """A claim on aware datetimes, rounded outward to whole minutes.

        A bare id is a provider's. Raises `NaiveDatetime`, `OutOfRange` and
        `InvalidInterval` when the end is not after the start.
        """
        low, high = span_of(start, end, inward=False)
        if expires is not None:
            minute_of(expires, "expires", rounding="up")
        kind = ClaimKind(kind)
        return cls(resource(resource_), low, high, kind, id, expires, session)

    @property
    def start(self) -> datetime:
        """The first claimed minute, in UTC."""
        return instant_of(self.low)

    @property
    def end(self) -> datetime:
        """The end of the last claimed minute, in UTC."""
        return instant_of(self.high)

    def is_live(self, now: datetime | None) -> bool:
        """Whether it blocks anything at an instant: a hold does not from its expiry on."""
        return self.expires is None or now is None or now < self.expires
