"""What a command changes of bookings, put together before it becomes a changeset."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from medsched.domain.availability_changes import TouchedTime
from medsched.domain.changes import Guard, Tally
from medsched.domain.claims import Claim
from medsched.domain.events import Event
from medsched.domain.stored import BookingRecord, Stored


@attrs.frozen(kw_only=True)
class Effects:
    """What a command changes, before what it was decided on is added; two are added with ``+``."""

    writes: Sequence[Stored] = ()
    removals: Sequence[BookingRecord] = ()
    guards: Sequence[Guard] = ()
    releases: Sequence[Claim] = ()
    claims: Sequence[Claim] = ()
    doubled: Sequence[Claim] = ()
    tallies: Sequence[Tally] = ()
    seats: Sequence[TouchedTime] = ()
    events: Sequence[Event] = ()

    def __add__(self, other: Effects) -> Effects:
        return all_of((self, other))


NOTHING: Final = Effects()


def all_of(effects: Iterable[Effects]) -> Effects:
    """The effects of several at once, in their order."""
    some = [one for one in effects if one is not NOTHING]
    if len(some) < 2:
        return some[0] if some else NOTHING
    return Effects(
        writes=[new for one in some for new in one.writes],
        removals=[gone for one in some for gone in one.removals],
        guards=[guard for one in some for guard in one.guards],
        releases=[claim for one in some for claim in one.releases],
        claims=[claim for one in some for claim in one.claims],
        doubled=[claim for one in some for claim in one.doubled],
        tallies=[tally for one in some for tally in one.tallies],
        seats=[time for one in some for time in one.seats],
        events=[event for one in some for event in one.events],
    )


def together(tallies: Iterable[Tally]) -> tuple[Tally, ...]:
    """The tallies with those of one name counted at once, within the bounds of each.

    What each of several may count at most is said as if it were alone.
    """
    found: dict[str, Tally] = {}
    for one in tallies:
        other = found.get(one.name)
        if other is not None:
            bounds = [most for most in (one.most, other.most) if most is not None]
            one = Tally(
                one.name,
                one.by + other.by,
                min(bounds, default=None),
                max(one.least, other.least),
                other.before if one.before is None else one.before,
            )
        found[one.name] = one
    return tuple(found.values())
