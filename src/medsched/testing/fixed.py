"""A clock that stands still and ids that count: for tests whose results never change."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from medsched.domain.stored import Kind
from medsched.errors import NaiveDatetime


class FixedClock:
    """A `Clock` that shows the same instant until it is told otherwise.

    ``at`` is an aware datetime of any zone; `NaiveDatetime` for one without a zone.
    """

    def __init__(self, at: datetime) -> None:
        self.set(at)

    def now(self) -> datetime:
        """The instant it was set to, in UTC."""
        return self._at

    def set(self, at: datetime) -> None:
        """Show this aware datetime from now on."""
        if at.utcoffset() is None:
            raise NaiveDatetime("at", at, "an instant needs a time zone")
        self._at = at.astimezone(UTC)

    def advance(self, by: timedelta) -> None:
        """Move on by this much elapsed time."""
        self._at += by


class NumberedIds:
    """`Ids` that count within each kind: ``provider-1``, ``provider-2``, ``rule-1``."""

    def __init__(self) -> None:
        self._made: Counter[Kind] = Counter()
        self._references = 0
        self._audits = 0

    def new(self, kind: Kind) -> str:
        """The next id of this kind."""
        self._made[kind] += 1
        return f"{kind.value}-{self._made[kind]}"

    def reference(self) -> str:
        """The next reference: ``REF-1``, ``REF-2``."""
        self._references += 1
        return f"REF-{self._references}"

    def audit(self) -> str:
        """The next id of an audit entry: ``audit-1``, ``audit-2``."""
        self._audits += 1
        return f"audit-{self._audits}"
