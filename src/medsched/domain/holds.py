"""Holds: a slot kept for a moment while a person decides."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import attrs

from medsched.domain.bookings import Booking, instant
from medsched.domain.claims import MOST_SEATS, Claim, ClaimKind, Span
from medsched.domain.fields import LONGEST_DURATION, maybe_id, minutes, phi, text, whole
from medsched.domain.records import Resource, ResourceKind
from medsched.timeline.instants import minute_of

_BUFFER: Final = minutes(LONGEST_DURATION)
"""The longest buffer, in minutes."""


@attrs.frozen(kw_only=True)
class Hold(Booking):
    """A slot that is kept until ``expires``, an aware UTC instant, exclusive.

    From that instant on it blocks nothing and can no longer be confirmed, whether it was swept
    away or not. ``created_by`` is the principal it is kept for: nobody else may confirm or
    release it. ``session`` is the group session that it keeps one of ``seats`` seats in.
    ``referral`` and ``prepayment`` are what it was placed on, by the host's names, and ``block``
    is the time block that it keeps. ``offer`` is the offer of the waitlist that it keeps the slot
    for, if it does.
    """

    expires: datetime = attrs.field(converter=instant)
    session: str | None = attrs.field(default=None, validator=maybe_id)
    seats: int = attrs.field(default=1, validator=whole(1, MOST_SEATS))
    referral: str = phi(default="", validator=text())
    prepayment: str = phi(default="", validator=text())
    block: str | None = attrs.field(default=None, validator=maybe_id)
    offer: str | None = attrs.field(default=None, validator=maybe_id)

    def is_live(self, now: datetime) -> bool:
        """Whether it still keeps its slot at an aware instant."""
        return instant(now) < self.expires

    @property
    def reach(self) -> tuple[Span, ...]:
        """Where its claims lie; of one with a seat, where those of its session may lie as well."""
        if self.session is None:
            return self.spans
        low = minute_of(self.start, rounding="down") - _BUFFER
        high = minute_of(self.end, rounding="up") + _BUFFER
        named = {Resource(ResourceKind.PROVIDER, self.provider), *self.resources}
        if self.location is not None:
            named.add(Resource(ResourceKind.LOCATION, self.location))
        return (*self.spans, *(Span(one, low, high) for one in sorted(named)))

    @property
    def claims(self) -> tuple[Claim, ...]:
        """What it takes, until it expires."""
        return self.claims_of(ClaimKind.HOLD, self.expires)
