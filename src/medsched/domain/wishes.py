"""Wishes: what is looked for, where no one start is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

import attrs

from medsched.domain.fields import AnyAttribute, Validator, check_id, several
from medsched.domain.hours import Hours, stretches
from medsched.domain.starts import ANYWHERE, Anywhere, a_place
from medsched.errors import InvalidDuration
from medsched.timeline.instants import DAY
from medsched.timeline.weekdays import Weekday

FURTHEST_AFTER: Final = timedelta(days=3660)
"""The longest time after a visit that a follow-up may be wished for."""
MOST_GIVE_OR_TAKE: Final = timedelta(days=183)
"""The most that a follow-up may be earlier or later than wished for."""


def _whole_days(most: timedelta) -> Validator:
    def check(instance: object, attribute: AnyAttribute, value: Any) -> None:
        if not isinstance(value, timedelta) or value % timedelta(days=1):
            raise InvalidDuration(attribute.name, value, "whole days are needed")
        if not timedelta(0) <= value <= most:
            raise InvalidDuration(attribute.name, value, f"0 to {most.days} days")

    return check


def some_weekdays(value: str | Iterable[Weekday | str] | None) -> frozenset[Weekday] | None:
    """A converter: days of the week as `Weekday.parse_set` reads them, None for any."""
    return None if value is None else Weekday.parse_set(value, "weekdays")


def within(hours: Iterable[Hours], minute: int) -> bool:
    """Whether a minute of the local day lies in some hours; in any where none are stated."""
    spans = [one.open_minutes() for one in hours]
    return not spans or any(
        low <= minute < high or low <= minute + DAY < high for low, high in spans
    )


def _providers(value: Iterable[str] | str) -> tuple[str, ...]:
    given = several(value, "providers")
    return tuple(dict.fromkeys(check_id(one, "providers") for one in given))


@attrs.frozen(kw_only=True)
class FollowUpWish:
    """When a visit is to be followed up, and by whom.

    ``after`` is counted in local dates from that of the visit, ``give_or_take`` the dates before
    and after it that will do as well: whole days, at most ten years and half a year, else
    `InvalidDuration`. The start lies in ``hours`` of the local day (any unless stated), on one of
    ``weekdays`` (as `Weekday.parse_set` reads them; None for any), at ``location``. Whoever saw
    the patient comes first; ``providers`` are others who will do where they have nothing.
    """

    after: timedelta = attrs.field(validator=_whole_days(FURTHEST_AFTER))
    give_or_take: timedelta = attrs.field(
        default=timedelta(0), validator=_whole_days(MOST_GIVE_OR_TAKE)
    )
    hours: tuple[Hours, ...] = attrs.field(default=(), converter=stretches)
    weekdays: frozenset[Weekday] | None = attrs.field(default=None, converter=some_weekdays)
    providers: tuple[str, ...] = attrs.field(default=(), converter=_providers)
    location: str | Anywhere | None = attrs.field(default=ANYWHERE, validator=a_place)

    def takes_time_of_day(self, minute: int) -> bool:
        """Whether a start at a minute of the local day lies in the hours wished for."""
        return within(self.hours, minute)
