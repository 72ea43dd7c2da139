"""Why a time is, or is not, offered: the answer as values, and in words."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum

import attrs

from medsched.domain.claims import Claim
from medsched.domain.requests import Violation
from medsched.domain.slots import Slot


class Layer(IntEnum):
    """Who decides: at any instant the highest layer that covers it."""

    RULES = 1
    PRACTICE = 2
    EXTRA = 3
    REPLACED = 4
    CLOSED = 5


@attrs.frozen(kw_only=True)
class Coverage:
    """One rule, override or blocking that covers a stretch of time, and what it says of it.

    ``start`` and ``end`` are aware and in UTC; ``by`` is the id of what covers it; ``wins``
    tells whether it is what decides.
    """

    layer: Layer
    opens: bool
    by: str
    what: str
    start: datetime
    end: datetime
    wins: bool = False

    def __str__(self) -> str:
        verdict = "open" if self.opens else "closed"
        return f"{verdict}: {self.what}{' (decides)' if self.wins else ''}"


@attrs.frozen(kw_only=True)
class Explanation:
    """Why one start is offered or refused: every layer, claim and rule that has a say.

    ``violations`` is empty exactly when ``offered``; then ``slot`` is what is offered.
    ``local`` is the start on the wall of the hours in question.
    """

    provider: str
    type: str
    at: datetime
    local: datetime
    slot: Slot | None
    violations: tuple[Violation, ...]
    layers: tuple[Coverage, ...]
    claims: tuple[Claim, ...]

    @property
    def offered(self) -> bool:
        """Whether a booking for this start and request would be taken."""
        return not self.violations

    def __str__(self) -> str:
        when = f"{self.local:%A %d %B %Y, %H:%M} ({self.local.tzinfo})"
        if self.offered:
            opener = next((cover for cover in self.layers if cover.wins), None)
            return f"{when} is offered{f': {opener.what}' if opener else ''}."
        return "\n".join(
            [
                f"{when} is not offered:",
                *(f"- {violation.message}" for violation in self.violations),
            ]
        )


@attrs.frozen(kw_only=True)
class Stretch:
    """A stretch of a timeline in which one thing decides: [start, end), aware and in UTC.

    ``decided_by`` is None where nothing covers the time: no hours are stated, so it is closed.
    ``claims`` are those on the resources involved, and ``violations`` what refuses every start
    in it, be it open or not.
    """

    start: datetime
    end: datetime
    open: bool
    decided_by: Coverage | None
    layers: tuple[Coverage, ...]
    claims: tuple[Claim, ...] = ()
    violations: tuple[Violation, ...] = ()

    def __str__(self) -> str:
        what = self.decided_by.what if self.decided_by else "no hours are stated"
        verdict = "open" if self.open else "closed"
        more = "".join(f"; {violation}" for violation in self.violations)
        span = f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"
        return f"{span} {verdict}: {what}{more}"
