"""Rules of booking that are the host's own."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

import attrs

from medsched.domain.changes import Tally
from medsched.domain.requests import Violation


@attrs.frozen(kw_only=True)
class Visit:
    """A visit that somebody asks for, as a rule of the host's own sees it.

    ``start`` and ``end`` are aware UTC instants, ``now`` the one it is asked at, None where it
    does not matter. ``patient`` None: whoever it may be.
    """

    practice: str
    provider: str
    type: str
    patient: str | None
    location: str | None
    start: datetime
    end: datetime
    now: datetime | None


class HouseRule(Protocol):
    """A rule of the host's own: `Scheduler` takes any number of them.

    Listing asks for each free start, booking for one, so that what is listed books. Nothing that a
    rule says is remembered.

    A rule that counts reads its tally with `Practice.tallies` before it looks at what it counts,
    and lets a booking raise it to no more than that and what is left: then rivals who looked at
    the same moment cannot pass it together, and the one who comes too late asks again.
    """

    def against(self, visit: Visit) -> Iterable[Violation]:
        """What speaks against a visit; nothing if it may be booked."""
        ...

    def tallies(self, visit: Visit) -> Iterable[Tally]:
        """What a booking of it counts; nothing for a rule that does not count."""
        ...
