"""What a command changes of bookings, put together before it becomes a changeset."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from medsched.domain.changes import RowVersion, ScheduleVersion, Tally
from medsched.domain.claims import Claim
from medsched.domain.events import Event
from medsched.domain.stored import BookingRecord, Stored


@attrs.frozen(kw_only=True)
class Effects:
    """What a command changes, before what it was decided on is added; two are added with ``+``."""

    writes: Sequence[Stored] = ()
    removals: Sequence[BookingRecord] = ()
    guards: Sequence[RowVersion | ScheduleVersion] = ()
    releases: Sequence[Claim] = ()
    claims: Sequence[Claim] = ()
    doubled: Sequence[Claim] = ()
    tallies: Sequence[Tally] = ()
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
            events=(*self.events, *other.events),
        )


def together(tallies: Iterable[Tally]) -> tuple[Tally, ...]:
    """Tallies of which each counts once: those of one name are counted as one.

    What each of several may count at most was said as if it were alone, the first one's facts
    leaving the most.
    """
    found: dict[str, Tally] = {}
    for one in tallies:
        other = found.get(one.name)
        if other is None:
            found[one.name] = one
            continue
        caps = (one.most, other.most)
        found[one.name] = Tally(
            one.name,
            one.by + other.by,
            None if None in caps else max(most for most in caps if most is not None),
            max(one.least, other.least),
            one.before if other.before is None else other.before,
        )
    return tuple(found.values())


def all_of(effects: Iterable[Effects]) -> Effects:
    """The effects of several at once."""
    return sum(effects, Effects())
