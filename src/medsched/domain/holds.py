"""Holds: a slot kept for a moment while a person decides."""

from __future__ import annotations

from datetime import datetime

import attrs

from medsched.domain.bookings import Booking, instant
from medsched.domain.claims import MOST_SEATS, Claim, ClaimKind
from medsched.domain.fields import maybe_id, phi, text, whole


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
    def claims(self) -> tuple[Claim, ...]:
        """What it takes, until it expires."""
        return self.claims_of(ClaimKind.HOLD, self.expires)
