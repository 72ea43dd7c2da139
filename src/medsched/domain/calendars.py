"""Calendars as they are shown: a stretch of busy time, and what may be told of it."""

from __future__ import annotations

from datetime import datetime

import attrs

from medsched.domain.fields import phi
from medsched.domain.slots import SlotStatus


@attrs.frozen(kw_only=True)
class CalendarEntry:
    """Time of a resource that is taken, in [``start``, ``end``), aware UTC instants.

    ``status`` is ``busy`` for visits, ``busy-tentative`` for what is held, ``busy-unavailable``
    for what is blocked. All else is None, or empty, unless it may be told to who asks.
    ``appointment``, ``hold`` and ``session`` are ids: of a group session there is one entry, which
    does not name its patients. ``type`` is an appointment type's code; ``patient``, ``provider``
    and ``location`` are ids. ``reason`` is a visit's or a blocking's.
    """

    start: datetime
    end: datetime
    status: SlotStatus = SlotStatus.BUSY
    appointment: str | None = None
    hold: str | None = None
    session: str | None = None
    type: str | None = None
    patient: str | None = None
    provider: str | None = None
    location: str | None = None
    reason: str = phi(default="")

    @property
    def is_anonymous(self) -> bool:
        """Whether it tells no more than that the time is not free."""
        return self == CalendarEntry(start=self.start, end=self.end, status=self.status)
