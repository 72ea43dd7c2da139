"""What a command changes of bookings, put together before it becomes a changeset."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
        return Effects(
            writes=(*self.writes, *other.writes),
            removals=(*self.removals, *other.removals),
            guards=(*self.guards, *other.guards),
            releases=(*self.releases, *other.releases),
            claims=(*self.claims, *other.claims),
            doubled=(*self.doubled, *other.doubled),
            tallies=(*self.tallies, *other.tallies),
            seats=(*self.seats, *other.seats),
            events=(*self.events, *other.events),
        )


def all_of(effects: Iterable[Effects]) -> Effects:
    """The effects of several at once."""
    return sum(effects, Effects())


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
