"""What `check` finds in a schedule that is legal and may still surprise."""

from __future__ import annotations

from datetime import date, datetime

import attrs

from medsched.domain.fields import Choice
from medsched.domain.records import Resource


class FindingKind(Choice):
    """What sort of surprise it is."""

    CLOCK_CHANGE = "clock-change"
    """A window is longer, shorter or moved on a date because the clocks change."""
    DROPPED = "dropped"
    """A window does not open on a date: empty after resolving, or an edge is rejected."""
    OVERLAP = "overlap"
    """A clock change makes two windows overlap; the earlier one keeps the minutes."""
    STUB = "stub"
    """A whole-date closure leaves a part of an overnight window open."""


@attrs.frozen(kw_only=True)
class Finding:
    """One thing to look at: ``by`` are the ids of the rules and overrides it comes from."""

    kind: FindingKind
    resource: Resource
    by: tuple[str, ...]
    message: str
    date: date | None = None
    start: datetime | None = None
    end: datetime | None = None

    def __str__(self) -> str:
        return self.message
