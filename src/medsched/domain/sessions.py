"""Group sessions: one start that several patients share."""

from __future__ import annotations

from datetime import datetime

import attrs

from medsched.domain.bookings import Booking, instant
from medsched.domain.claims import MOST_SEATS, Claim, ClaimKind
from medsched.domain.fields import whole
from medsched.domain.tallies import tally_name


def _maybe_instant(value: datetime | None) -> datetime | None:
    return None if value is None else instant(value)


@attrs.frozen(kw_only=True)
class GroupSession(Booking):
    """What the seats of one group session share: its provider, place, rooms and their time.

    It is made with its first seat and goes with its last. Who sits in it are the appointments and
    holds that name it, and each takes the time of its own patient only. ``seats`` are the fewest
    that any of those was promised. ``expires`` is an aware UTC instant while nobody but holds
    sit in it, when the last of them does; None otherwise. ``doubled``: staff made it though others
    take some of its time.
    """

    seats: int = attrs.field(validator=whole(1, MOST_SEATS))
    expires: datetime | None = attrs.field(default=None, converter=_maybe_instant)
    doubled: bool = False

    @property
    def may_overlap(self) -> bool:
        """Whether staff let it take time that is taken."""
        return self.doubled

    @property
    def claims(self) -> tuple[Claim, ...]:
        """What it takes, until it expires."""
        return self.claims_of(ClaimKind.SESSION, self.expires)

    @property
    def tally(self) -> str:
        """The name of the tally that counts its seats that are taken."""
        return tally_name("session", self.id)
