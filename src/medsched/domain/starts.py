"""What can be booked without having been listed: a start, named by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import attrs

from medsched.domain.bookings import WallTime
from medsched.domain.fields import an_id
from medsched.timeline.instants import whole_minute


class Anywhere:
    """Wherever the hours are."""

    def __repr__(self) -> str:
        return "ANYWHERE"


ANYWHERE: Final = Anywhere()
"""No place in particular: the one that the hours are at."""


def _a_start(instance: object, attribute: object, value: datetime | WallTime) -> None:
    if not isinstance(value, WallTime):
        whole_minute(value, "start")


@attrs.frozen
class Start:
    """One start for one appointment type with one provider.

    ``at`` is an aware datetime in whole minutes, or a `WallTime`. ``location`` is the place that
    it must be at, wherever the hours are unless stated; None means no place.
    Raises `NaiveDatetime`, `OutOfRange`, and `InvalidInterval` for a time within a minute.
    """

    provider: str = attrs.field(validator=an_id)
    type: str = attrs.field(validator=an_id)
    at: datetime | WallTime = attrs.field(validator=_a_start)
    location: str | Anywhere | None = attrs.field(default=ANYWHERE, kw_only=True)
