"""Comparing what is claimed with what the bookings take: pure functions over parts of a practice.

The bookings are what is true. Their claims follow from them, and the ledger from the claims.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias

from medsched.domain.claims import Claim, ClaimKind, Span
from medsched.domain.differences import (
    DifferentClaim,
    DoubleBooking,
    MissingClaim,
    StrayClaim,
    WrongMinutes,
)
from medsched.domain.ledger import HOUR, bits_in, bits_of
from medsched.domain.records import Resource
from medsched.timeline.instants import DAY

_NOTHING: Final = "there is no such booking"
_ELSEWHERE: Final = "it does not take that time"


class Due(NamedTuple):
    """A booking and the claims that it must have; ``status`` is that of an appointment.

    ``may_overlap``: people let it take what others take.
    """

    kind: ClaimKind
    id: str
    status: str
    claims: tuple[Claim, ...]
    may_overlap: bool = False


class Minutes(NamedTuple):
    """The bits of a row of the ledger, and whether it holds numbers that stand for no minutes."""

    bits: int
    garbled: bool = False

    @classmethod
    def of(cls, hours: Iterable[int | None]) -> Minutes:
        """What the 24 hours of a row say, whatever was written there."""
        there = [hour or 0 for hour in hours]
        kept = [hour & ((1 << HOUR) - 1) for hour in there]
        return cls(bits_in(kept), kept != there)


_Place: TypeAlias = tuple[ClaimKind, str, Resource, int]


def compare_claims(
    practice: str, bookings: Iterable[Due], found: Iterable[Claim]
) -> list[MissingClaim | StrayClaim | DifferentClaim]:
    """Compare some bookings with the claims that name them, or name bookings that are not there.

    In order of booking, resource and start.
    """
    known = {(one.kind, one.id): one for one in bookings}
    due, there = {claim for one in known.values() for claim in one.claims}, set(found)
    strays = {_place(claim): claim for claim in there - due}
    told: list[tuple[_Place, MissingClaim | StrayClaim | DifferentClaim]] = []
    for claim in due - there:
        place = _place(claim)
        other = strays.pop(place, None)
        if other is None:
            told.append((place, MissingClaim(practice=practice, claim=claim)))
        else:
            there.discard(other)
            told.append((place, DifferentClaim(practice=practice, claim=claim, found=other)))
    for claim in there - due:
        why = _why(known.get((claim.kind, claim.id)))
        told.append((_place(claim), StrayClaim(practice=practice, claim=claim, why=why)))
    return [difference for _, difference in sorted(told, key=lambda pair: pair[0])]


def compare_resource(
    practice: str,
    resource: Resource,
    claims: Iterable[Claim],
    ledger: Mapping[int, Minutes],
    now: datetime,
    may_overlap: Collection[tuple[ClaimKind, str]] = (),
) -> Iterator[DoubleBooking | WrongMinutes]:
    """Compare the claims that a resource must have with its rows of the ledger, by UTC day.

    A hold that has expired at ``now`` takes nothing from others, though its minutes stand in the
    ledger until it is swept. ``may_overlap`` are the bookings that people let take what others
    take.
    """
    due = defaultdict[int, int](int)
    reaching: list[Claim] = []
    for claim in sorted(claims, key=lambda one: (one.low, one.high, one.kind, one.id)):
        for day, bits in bits_of(claim.low, claim.high):
            due[day] |= bits
        if claim.is_live(now):
            reaching = [one for one in reaching if one.high > claim.low]
            named = (claim.kind, claim.id)
            for one in reaching:
                other = (one.kind, one.id)
                if other != named and not (other in may_overlap or named in may_overlap):
                    yield DoubleBooking(practice=practice, first=one, second=claim)
            reaching.append(claim)
    for day in sorted(due.keys() | ledger.keys()):
        wanted, (bits, garbled) = due.get(day, 0), ledger.get(day, Minutes(0))
        if bits != wanted or garbled:
            yield WrongMinutes(
                practice=practice,
                resource=resource,
                day=day,
                missing=_stretches(resource, day, wanted & ~bits),
                stray=_stretches(resource, day, bits & ~wanted),
                garbled=garbled,
            )


def _place(claim: Claim) -> _Place:
    return (claim.kind, claim.id, claim.resource, claim.low)


def _why(booking: Due | None) -> str:
    if booking is None:
        return _NOTHING
    if booking.claims:
        return _ELSEWHERE
    return f"it is {booking.status}" if booking.status else _ELSEWHERE


def _stretches(resource: Resource, day: int, bits: int) -> tuple[Span, ...]:
    """The minutes of a day that have a bit, as stretches."""
    found, first = list[Span](), day * DAY
    while bits:
        start = (bits & -bits).bit_length() - 1
        length = _ones(bits >> start)
        found.append(Span(resource, first + start, first + start + length))
        bits &= ~(((1 << length) - 1) << start)
    return tuple(found)


def _ones(bits: int) -> int:
    """How many of the lowest bits are set in a row."""
    return (~bits & (bits + 1)).bit_length() - 1
