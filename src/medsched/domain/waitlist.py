"""The waitlist: who waits for which visit, and the chances at freed time that they were given."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any, Final

import attrs

from medsched.domain.bookings import WallTime, instant
from medsched.domain.fields import (
    LONGEST_NOTE,
    Choice,
    a_date,
    an_id,
    check_id,
    maybe_id,
    phi,
    several,
    text,
    whole,
)
from medsched.domain.hours import Hours, stretches
from medsched.domain.records import Identified
from medsched.domain.starts import ANYWHERE, Anywhere, a_place
from medsched.domain.wishes import some_weekdays
from medsched.errors import InvalidChoice, InvalidInterval, InvalidNumber
from medsched.timeline.weekdays import Weekday

MOST_URGENT: Final = 1000
"""The highest urgency."""
THIRTY_MINUTES: Final = timedelta(minutes=30)
"""How long an offer lasts unless it is said."""


class WaitlistStatus(Choice):
    """Where an entry of the waitlist is."""

    WAITING = "waiting"
    """It gets the next slot that suits it, in its turn."""
    OFFERED = "offered"
    """It has a live offer."""
    BOOKED = "booked"
    """The patient accepted an offer."""
    LEFT = "left"
    """It was taken off the list."""
    LAPSED = "lapsed"
    """Its dates are past."""
    REMOVED = "removed"
    """The patient accepted an offer of another entry, for the same type and some of its dates."""


class OfferStatus(Choice):
    """Where an offer is."""

    LIVE = "live"
    """It may be accepted, until it expires."""
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    """Staff took it back, or its entry was over."""


STILL_WAITING: Final = frozenset({WaitlistStatus.WAITING, WaitlistStatus.OFFERED})
"""The statuses of an entry that is not over: it is ``active``."""


def _providers(value: Iterable[str] | str) -> frozenset[str]:
    return frozenset(check_id(one, "providers") for one in several(value, "providers"))


def _urgency(instance: object, attribute: attrs.Attribute[int], value: object) -> None:
    if value is None:  # which `whole` lets pass
        raise InvalidNumber(attribute.name, value, f"a whole number from 0 to {MOST_URGENT}")
    whole(0, MOST_URGENT)(instance, attribute, value)


def _passed(value: Iterable[PassedSlot]) -> tuple[PassedSlot, ...]:
    found = set(value)
    return tuple(sorted(found, key=lambda one: (one.start, one.provider, one.location or "")))


@attrs.frozen
class PassedSlot:
    """A slot that an entry was offered and did not take: it is not offered to it again."""

    provider: str = attrs.field(validator=an_id)
    location: str | None = attrs.field(validator=maybe_id)
    start: datetime = attrs.field(converter=instant)


@attrs.frozen(kw_only=True)
class WaitlistEntry(Identified):
    """A patient who waits for a visit of a type, with some ``providers``, or with anybody.

    No providers: whoever sees patients for the type will do. ``earliest`` and ``latest`` are
    local dates, both inclusive, else `InvalidInterval`; the start lies on one of ``weekdays`` (as
    `Weekday.parse_set` reads them; None for any), in ``hours`` of the day (any unless stated), at
    ``location``: all on the wall of the hours that the slot lies in.

    ``urgency`` is 0 to 1000, the most urgent first, and ``urgency_by`` the principal who said so;
    of equals who ``entered_at`` an earlier instant comes first. ``offer`` is the id of the live
    offer, ``appointment`` that of the visit it became, ``passed`` the slots to come that were
    offered and not taken. ``referral`` and ``prepayment`` are what it is booked on, by the host's
    names. ``ended_at`` is when it was over. It is ``active`` as long as it waits.
    """

    patient: str = attrs.field(validator=an_id)
    type: str = attrs.field(validator=an_id)
    providers: frozenset[str] = attrs.field(factory=frozenset, converter=_providers)
    earliest: date = attrs.field(validator=a_date)
    latest: date = attrs.field(validator=a_date)
    weekdays: frozenset[Weekday] | None = attrs.field(default=None, converter=some_weekdays)
    hours: tuple[Hours, ...] = attrs.field(default=(), converter=stretches)
    location: str | Anywhere | None = attrs.field(default=ANYWHERE, validator=a_place)
    urgency: int = attrs.field(default=0, validator=_urgency)
    urgency_by: str = attrs.field(default="", validator=text())
    entered_at: datetime = attrs.field(converter=instant)
    status: WaitlistStatus = attrs.field(default=WaitlistStatus.WAITING, converter=WaitlistStatus)
    offer: str | None = attrs.field(default=None, validator=maybe_id)
    appointment: str | None = attrs.field(default=None, validator=maybe_id)
    passed: tuple[PassedSlot, ...] = attrs.field(default=(), converter=_passed)
    notes: str = phi(default="", validator=text(LONGEST_NOTE))
    referral: str = phi(default="", validator=text())
    prepayment: str = phi(default="", validator=text())
    ended_at: datetime | None = attrs.field(
        default=None, converter=attrs.converters.optional(instant)
    )
    created_by: str = attrs.field(default="", validator=text())
    updated_by: str = attrs.field(default="", validator=text())

    def __attrs_post_init__(self) -> None:
        if self.latest < self.earliest:
            raise InvalidInterval("latest", (self.earliest, self.latest), "comes before earliest")
        _check_active(self.active, self.status in STILL_WAITING)

    def overlaps(self, other: WaitlistEntry) -> bool:
        """Whether some date suits both."""
        return self.earliest <= other.latest and other.earliest <= self.latest


@attrs.frozen(kw_only=True)
class WaitlistOffer(Identified):
    """A patient's chance at freed time: it holds the slot until it ``expires``, exclusive.

    ``entry`` is whose turn it was. ``start``, ``end``, ``offered_at``, ``expires`` and ``ended_at``
    are aware UTC instants, ``wall`` is the start as the patient is told it. ``by_hand``: staff
    offered it out of order, for this ``reason``. ``answer`` is what the patient said on declining.
    ``appointment`` is the visit that it became. The hold that keeps the slot has the offer's id.
    It is ``active`` until it is answered, or was found expired.
    """

    entry: str = attrs.field(validator=an_id)
    patient: str = attrs.field(validator=an_id)
    provider: str = attrs.field(validator=an_id)
    type: str = attrs.field(validator=an_id)
    location: str | None = attrs.field(default=None, validator=maybe_id)
    start: datetime = attrs.field(converter=instant)
    end: datetime = attrs.field(converter=instant)
    wall: WallTime
    offered_at: datetime = attrs.field(converter=instant)
    expires: datetime = attrs.field(converter=instant)
    status: OfferStatus = attrs.field(default=OfferStatus.LIVE, converter=OfferStatus)
    by_hand: bool = False
    reason: str = phi(default="", validator=text(LONGEST_NOTE))
    answer: str = phi(default="", validator=text(LONGEST_NOTE))
    appointment: str | None = attrs.field(default=None, validator=maybe_id)
    ended_at: datetime | None = attrs.field(
        default=None, converter=attrs.converters.optional(instant)
    )
    created_by: str = attrs.field(default="", validator=text())
    updated_by: str = attrs.field(default="", validator=text())

    def __attrs_post_init__(self) -> None:
        if self.end <= self.start:
            raise InvalidInterval("end", (self.start, self.end), "the end is not after the start")
        _check_active(self.active, self.status is OfferStatus.LIVE)

    def is_live(self, now: datetime) -> bool:
        """Whether it may be accepted at an aware instant."""
        return self.status is OfferStatus.LIVE and instant(now) < self.expires

    @property
    def slot(self) -> PassedSlot:
        """The slot, as an entry remembers that it passed."""
        return PassedSlot(self.provider, self.location, self.start)

    @property
    def ended_in(self) -> str | None:
        """The month in UTC that it ended in, such as ``2026-01``: what is lately is found by it."""
        return None if self.ended_at is None else month_of(self.ended_at)


def month_of(at: datetime) -> str:
    """The month of an instant in UTC, such as ``2026-01``."""
    return f"{instant(at):%Y-%m}"


def _check_active(active: Any, wanted: bool) -> None:
    if active is not wanted:
        raise InvalidChoice("active", active, "it follows from the status")


@attrs.frozen(kw_only=True)
class WaitlistPosition:
    """Where an entry stands among those who wait for some of the same.

    ``position`` counts from 1, of so many in all: entries of the same type, with some provider
    and some date in common, and the entry itself. ``accepted`` is how many offers were accepted on
    that list in the last 28 days. ``estimate`` is how long it takes until so many are accepted as
    there are up to here, if it goes on like that, in whole days; None where none was accepted.
    Staff see it; it is no promise: who is more urgent may come, and who is before may want
    other times.
    """

    entry: str
    position: int
    among: int
    accepted: int
    estimate: timedelta | None


@attrs.frozen(kw_only=True)
class Worked:
    """What a pass of the worker did: offers made, offers found expired, entries whose dates passed.

    ``more``: it was not all that there was to do; another pass will do some of the rest.
    """

    offered: int = 0
    expired: int = 0
    lapsed: int = 0
    more: bool = False
