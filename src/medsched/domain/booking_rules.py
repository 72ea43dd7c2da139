"""Rules of booking beside those of time: how many, how often, and for whom."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final, NamedTuple

import attrs

from medsched.domain.booking_window import CENTURY
from medsched.domain.fields import length, whole
from medsched.domain.hours import Hours, stretches
from medsched.timeline.weekdays import Weekday

MOST: Final = 100_000
"""The most that any cap states."""


def _weekdays(value: str | Iterable[Weekday | str] | None) -> frozenset[Weekday] | None:
    return None if value is None else Weekday.parse_set(value, "new_patients_on")


@attrs.frozen(kw_only=True)
class BookingRules:
    """What must hold of a booking beside its time; None, or False, asks for nothing.

    Those of an appointment type are about this type, those of a provider about all types with
    this provider; where both state something, both hold.

    ``per_day`` and ``per_week`` are the most that may be booked with one provider on one local
    date of that provider's, or in one week of them, Monday to Sunday: appointments and holds.
    ``open_per_patient`` is the most that one patient may have to come, and ``spacing`` the least
    time from the start of one of a patient's visits to that of another. Patients who were never
    seen are booked on ``new_patients_on`` (weekdays) and within ``new_patients_in`` (hours, on
    the provider's wall) only, and not at all where it is ``established_only``. ``needs_referral``
    and ``needs_prepayment``: a booking for a patient names one. All caps are 0 or more, else
    `InvalidNumber`.
    """

    per_day: int | None = attrs.field(default=None, validator=whole(0, MOST))
    per_week: int | None = attrs.field(default=None, validator=whole(0, MOST))
    open_per_patient: int | None = attrs.field(default=None, validator=whole(0, MOST))
    spacing: timedelta | None = attrs.field(default=None, validator=length(most=CENTURY))
    new_patients_on: frozenset[Weekday] | None = attrs.field(default=None, converter=_weekdays)
    new_patients_in: tuple[Hours, ...] = attrs.field(default=(), converter=stretches)
    established_only: bool = False
    needs_referral: bool = False
    needs_prepayment: bool = False

    @property
    def counts_visits(self) -> bool:
        """Whether it asks how many are booked with the provider."""
        return self.per_day is not None or self.per_week is not None

    @property
    def counts_own(self) -> bool:
        """Whether it asks what else the patient has booked."""
        return self.open_per_patient is not None or self.spacing is not None

    @property
    def asks_established(self) -> bool:
        """Whether it asks if the patient was ever seen."""
        return (
            self.established_only or self.new_patients_on is not None or bool(self.new_patients_in)
        )


class Visited(NamedTuple):
    """A visit that is booked or held already. ``start`` in minutes of the epoch."""

    start: int
    provider: str
    type: str
    upcoming: bool


@attrs.frozen(kw_only=True)
class Facts:
    """What is known of other bookings, as far as the rules ask for it.

    ``visits`` are those with the provider around the starts asked for, ``own`` those of the
    patient. ``seen`` and ``seen_here``: the patient was seen before, by anybody or the provider.
    """

    visits: tuple[Visited, ...] = ()
    own: tuple[Visited, ...] = ()
    seen: bool = False
    seen_here: bool = False
