"""What a principal may do, and whose records they reach."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import attrs

from medsched.domain.bookings import instant
from medsched.domain.fields import LONGEST_NOTE, an_id, ids, phi, text, texts, yes_or_no
from medsched.domain.records import Identified
from medsched.errors import InvalidInterval


@attrs.frozen
class Decision:
    """Whether something is allowed, and why: for the audit and for `NotAllowed`, in our words."""

    allowed: bool
    reason: str


@attrs.frozen(kw_only=True)
class Reach:
    """Whose records: a filter that stores apply to lists, and services to single records.

    A visit (an appointment, hold, series or offer) is reached by its patient, by its provider or
    by its location; one at no location by ``unplaced``. An entry of the waitlist is reached by its
    patient, by a provider it names, by its location; one that names no provider and no place by
    whoever reaches its patient. A patient is reached by id; by a provider or location that the
    patient is registered with; and by an appointment that is reached and was not entered in
    error. ``everything`` reaches all, nothing is reached by an empty one. What is no patient's
    record is always reached.
    """

    everything: bool = False
    patients: frozenset[str] = frozenset()
    providers: frozenset[str] = frozenset()
    locations: frozenset[str] = frozenset()
    unplaced: bool = False

    def __or__(self, other: Reach) -> Reach:
        """Whatever either reaches."""
        return Reach(
            everything=self.everything or other.everything,
            patients=self.patients | other.patients,
            providers=self.providers | other.providers,
            locations=self.locations | other.locations,
            unplaced=self.unplaced or other.unplaced,
        )

    def is_visited(self, provider: str, location: str | None) -> bool:
        """Whether a visit with a provider, at a location or at none, is reached by these."""
        return self.everything or provider in self.providers or self.is_at(location)

    def is_at(self, location: str | None) -> bool:
        """Whether what is at a location, or at none, is reached by that."""
        return self.unplaced if location is None else location in self.locations


EVERYTHING: Final = Reach(everything=True)
NOTHING: Final = Reach()


@attrs.frozen(kw_only=True)
class Grant(Identified):
    """Leave to reach beyond what a principal's roles reach, for a while.

    ``principal`` may reach the records of these ``locations`` and of these ``patients`` in
    [``starts``, ``ends``), aware UTC instants. ``reason`` is why, in words; ``granted_by`` the
    principal who gave it. ``emergency``: the glass was broken, by the principal themselves.
    """

    principal: str = attrs.field(validator=an_id)
    locations: frozenset[str] = attrs.field(factory=frozenset, converter=texts, validator=ids)
    patients: frozenset[str] = attrs.field(factory=frozenset, converter=texts, validator=ids)
    starts: datetime = attrs.field(converter=instant)
    ends: datetime = attrs.field(converter=instant)
    reason: str = phi(validator=text(LONGEST_NOTE, least=1))
    granted_by: str = attrs.field(validator=an_id)
    emergency: bool = attrs.field(default=False, validator=yes_or_no)

    def __attrs_post_init__(self) -> None:
        if self.ends <= self.starts:
            raise InvalidInterval(
                "ends", (self.starts, self.ends), "the end is not after the start"
            )

    def is_in_force(self, now: datetime) -> bool:
        """Whether it opens anything at an aware instant; its end is exclusive."""
        return self.active and self.starts <= now < self.ends
