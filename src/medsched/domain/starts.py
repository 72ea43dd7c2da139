"""What can be booked without having been listed: a start, named by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import attrs

from medsched.domain.bookings import WallTime
from medsched.domain.fields import an_id, check_id, maybe_id
from medsched.errors import NonexistentTime
from medsched.timeline.instants import whole_minute


class Anywhere:
    """Wherever the hours are."""

    def __repr__(self) -> str:
        return "ANYWHERE"


ANYWHERE: Final = Anywhere()
"""No place in particular: the one that the hours are at."""


def _a_start(instance: object, attribute: object, value: datetime | WallTime) -> None:
    if isinstance(value, WallTime):
        return
    whole_minute(value, "start")
    wall = value.replace(tzinfo=None)
    if value.astimezone(UTC).astimezone(value.tzinfo).replace(tzinfo=None) != wall:
        raise NonexistentTime(wall, str(value.tzinfo))


def a_place(instance: object, attribute: object, value: str | Anywhere | None) -> None:
    """Validate a place that is asked for: an id, none, or `ANYWHERE`."""
    if value is not None and not isinstance(value, Anywhere):
        check_id(value, "location")


@attrs.frozen
class Start:
    """One start for one appointment type with one provider.

    ``at`` is an aware datetime in whole minutes, or a ``WallTime``. ``location`` is the place that
    it must be at, wherever the hours are unless stated; None means no place. ``block`` is the time
    block that it must be, if it must be one.
    Raises `NaiveDatetime`, `OutOfRange`, `InvalidInterval` for a time within a minute, and
    `NonexistentTime` for one that its own zone skips.
    """

    provider: str = attrs.field(validator=an_id)
    type: str = attrs.field(validator=an_id)
    at: datetime | WallTime = attrs.field(validator=_a_start)
    location: str | Anywhere | None = attrs.field(default=ANYWHERE, kw_only=True, validator=a_place)
    block: str | None = attrs.field(default=None, kw_only=True, validator=maybe_id)
