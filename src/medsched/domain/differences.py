"""What a verification finds: where claims and ledger are not what the bookings say.

No sentence here holds a patient's data: only ids and times, in UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

import attrs

from medsched.domain.claims import Claim, Span
from medsched.domain.records import Resource
from medsched.timeline.instants import date_of


@attrs.frozen(kw_only=True)
class MissingClaim:
    """A booking takes time, and no claim says so: the claim that it must have."""

    practice: str
    claim: Claim

    def __str__(self) -> str:
        return f"{self.practice}: {_who(self.claim)} has no claim on {_what(self.claim)}"


@attrs.frozen(kw_only=True)
class StrayClaim:
    """A claim that no booking makes; ``why`` says what is known of the booking that it names."""

    practice: str
    claim: Claim
    why: str

    def __str__(self) -> str:
        return f"{self.practice}: {_who(self.claim)} claims {_what(self.claim)}, but {self.why}"


@attrs.frozen(kw_only=True)
class DifferentClaim:
    """A claim that begins where its booking's begins, and is not the same otherwise."""

    practice: str
    claim: Claim
    found: Claim

    def __str__(self) -> str:
        return (
            f"{self.practice}: {_who(self.claim)} claims {_what(self.found)}"
            f" instead of {_what(self.claim)}"
        )


@attrs.frozen(kw_only=True)
class DoubleBooking:
    """Two bookings that take the same minutes of one resource. People must part them.

    ``span`` are the minutes that both take.
    """

    practice: str
    first: Claim
    second: Claim

    @property
    def span(self) -> Span:
        """The minutes that both take."""
        low = max(self.first.low, self.second.low)
        return Span(self.first.resource, low, min(self.first.high, self.second.high))

    def __str__(self) -> str:
        return (
            f"{self.practice}: {_who(self.first)} and {_who(self.second)} both take"
            f" {self.span.resource} from {_stretch(self.span)}"
        )


@attrs.frozen(kw_only=True)
class WrongMinutes:
    """A row of the ledger, a resource and a UTC day, that is not what its bookings take.

    ``day`` counts from 1970-01-01. ``missing`` are minutes that are taken and stand as free,
    ``stray`` those that are free and stand as taken. ``garbled``: the row holds numbers that
    stand for no minutes.
    """

    practice: str
    resource: Resource
    day: int
    missing: tuple[Span, ...] = ()
    stray: tuple[Span, ...] = ()
    garbled: bool = False

    def __str__(self) -> str:
        told = [
            f"{what} {', '.join(map(_times, spans))}"
            for what, spans in (("lacks", self.missing), ("holds for nothing", self.stray))
            if spans
        ]
        if self.garbled:
            told.append("holds numbers that stand for no minutes")
        return (
            f"{self.practice}: the ledger of {self.resource} on {date_of(self.day)} UTC"
            f" {', and '.join(told)}"
        )


@attrs.frozen(kw_only=True)
class Unreadable:
    """Something stored that makes no sense, so that nothing can be compared with it.

    ``what`` names it. It was not written by this library: a person must look at it.
    """

    practice: str
    what: str

    def __str__(self) -> str:
        return f"{self.practice}: {self.what} cannot be read"


Difference: TypeAlias = (
    MissingClaim | StrayClaim | DifferentClaim | DoubleBooking | WrongMinutes | Unreadable
)
"""One thing that a verification finds; ``str`` of it is a sentence."""


@attrs.frozen(kw_only=True)
class Verification:
    """What came of a verification.

    ``bookings``: how many appointments and holds were read. ``differences``: all that was found.
    ``left``: all of them if nothing was to be repaired, else what was found after the repair:
    double bookings, what cannot be read, and what others kept changing.
    """

    bookings: int
    differences: tuple[Difference, ...]
    left: tuple[Difference, ...]

    @property
    def is_clean(self) -> bool:
        """Whether nothing is left that differs."""
        return not self.left


def _who(claim: Claim) -> str:
    return f"{claim.kind.value} {claim.id}"


def _what(claim: Claim) -> str:
    until = "" if claim.expires is None else f", until {_instant(claim.expires)}"
    span = Span(claim.resource, claim.low, claim.high)
    return f"{claim.resource} from {_stretch(span)}{until}"


def _stretch(span: Span) -> str:
    """Both ends with their dates, unless it is one date."""
    if span.start.date() == span.end.date():
        return f"{span.start:%Y-%m-%d %H:%M} to {span.end:%H:%M} UTC"
    return f"{span.start:%Y-%m-%d %H:%M} to {span.end:%Y-%m-%d %H:%M} UTC"


def _times(span: Span) -> str:
    """The times of a stretch of one day, whose end is 24:00 and not 0:00."""
    end = "24:00" if span.end.date() != span.start.date() else f"{span.end:%H:%M}"
    return f"{span.start:%H:%M}-{end}"


def _instant(at: datetime) -> str:
    return at.isoformat(sep=" ").removesuffix("+00:00")
