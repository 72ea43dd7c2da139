"""The occurrences of a series, decided together: what is had, and what is not."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime

import attrs

from medsched.domain.appointments import Appointment
from medsched.domain.requests import Violation
from medsched.domain.series import Unbooked
from medsched.domain.slots import Slot
from medsched.domain.starts import Anywhere
from medsched.engine.booking import Plan
from medsched.engine.series import AROUND, FreeSlots, Occasion, beside, plan_all
from medsched.services.bookings import ALTERNATIVES
from medsched.services.inquiries import Asked
from medsched.timeline.instants import DAY, FIRST_MINUTE, LAST_MINUTE, day_of
from medsched.timeline.intervals import Interval
from medsched.timeline.zones import Zone


@attrs.frozen
class Asking:
    """One occurrence that is asked for: its date in the series, its start, and who is asked.

    ``start`` is in minutes of the epoch, or says why the wall time is none. ``old`` is the
    appointment that is moved, if one is.
    """

    date: date
    wall: datetime
    start: int | Violation
    asked: Asked
    old: Appointment | None = None


def decided(
    asking: Sequence[Asking],
    zone: Zone,
    location: str | Anywhere | None,
    within: Interval,
) -> tuple[dict[date, Plan], tuple[Unbooked, ...]]:
    """What each occurrence takes beside the others, by its date, and those that cannot be."""
    places = places_of(location)
    against: dict[date, tuple[Violation, ...]] = {}
    visits: dict[date, Occasion] = {}
    for one in asking:
        if isinstance(one.start, Violation):
            against[one.date] = (one.start,)
            continue
        prefer = frozenset() if one.old is None else one.old.resources
        visits[one.date] = Occasion(one.asked.inquiry, one.start, places, prefer)
    plans: dict[date, Plan] = {}
    for day, found in zip(visits, plan_all([*visits.values()]), strict=True):
        if isinstance(found, Plan):
            plans[day] = found
        else:
            against[day] = found
    free: dict[int, FreeSlots] = {}
    unbooked = []
    for one in asking:
        if one.date in against:
            inquiry = one.asked.inquiry
            listed = free.get(id(inquiry))
            if listed is None:
                listed = FreeSlots(beside(inquiry, plans.values()), within)
                free[id(inquiry)] = listed
            others = listed.nearest(zone, one.wall, ALTERNATIVES, places=places)
            unbooked.append(unbooked_on(one.date, one.wall, against[one.date], others))
    return plans, tuple(unbooked)


def unbooked_on(
    day: date, wall: datetime, violations: tuple[Violation, ...], others: tuple[Slot, ...]
) -> Unbooked:
    """An occurrence of a date that cannot be had, and what to take instead."""
    return Unbooked(date=day, wall=wall, violations=violations, alternatives=others)


def places_of(location: str | Anywhere | None) -> Collection[str | None] | None:
    """The locations that will do; None for any."""
    return None if isinstance(location, Anywhere) else (location,)


def around(dates: Sequence[date]) -> Interval:
    """The minutes around some local dates that starts and their alternatives lie in."""
    low = day_of(min(dates)) * DAY - AROUND - DAY
    high = (day_of(max(dates)) + 1) * DAY + AROUND + DAY
    return max(low, FIRST_MINUTE), min(high, LAST_MINUTE)
