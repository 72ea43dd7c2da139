"""The waitlist: who comes first, which slots suit them, and who gets which.

The order is urgency, highest first, then who entered first, then the id. Entries are served in
that order, each with the earliest slot that suits it. Where no two slots overlap that is the same
as to go through the slots in order of time and give each to the first in order whom it suits and
who has none yet: all agree on which slot is better, so there is one outcome that nobody who is
before another in the order has a claim against.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum, auto
from typing import Final, NamedTuple

from medsched.domain.records import ResourceKind
from medsched.domain.requests import Reason, Violation
from medsched.domain.searches import Search
from medsched.domain.slots import Slot
from medsched.domain.starts import Anywhere
from medsched.domain.waitlist import PassedSlot, WaitlistEntry
from medsched.domain.wishes import within

LATELY: Final = timedelta(days=28)
"""How far back it is counted what was accepted, for an estimate."""
FURTHEST: Final = timedelta(days=366)
"""How far ahead slots are looked for at most; what lies beyond has time until it is nearer."""
_A_DAY: Final = timedelta(days=1)
_LAST_WALL: Final = time(12)
"""When a date is over everywhere: at noon of the next one in UTC, on the wall of UTC-12."""
_OTHER_WALLS: Final = 2
"""By how many dates walls may differ in which of two slots comes first."""


# ----------------------------------------------------------------------------- the order


def turn(entry: WaitlistEntry) -> tuple[int, datetime, str]:
    """What entries are ordered by."""
    return -entry.urgency, entry.entered_at, entry.id


def in_order(entries: Iterable[WaitlistEntry]) -> list[WaitlistEntry]:
    """Entries as they are served: the most urgent first, then who entered first."""
    return sorted(entries, key=turn)


def competes(one: WaitlistEntry, other: WaitlistEntry) -> bool:
    """Whether two entries could be offered the same slot: by type, providers and dates."""
    return one.type == other.type and _same_provider(one, other) and one.overlaps(other)


def _same_provider(one: WaitlistEntry, other: WaitlistEntry) -> bool:
    return not one.providers or not other.providers or bool(one.providers & other.providers)


def same_list(one: WaitlistEntry, other: WaitlistEntry) -> bool:
    """Whether a patient would be on one list twice: for a type, the same providers, some dates."""
    return (one.patient, one.type, one.providers) == (
        other.patient,
        other.type,
        other.providers,
    ) and one.overlaps(other)


def is_past(entry: WaitlistEntry, now: datetime) -> bool:
    """Whether the last of its dates is over, wherever on earth the hours are."""
    over = datetime.combine(entry.latest, _LAST_WALL, UTC)
    return now - over >= _A_DAY


def estimated(position: int, accepted: int) -> timedelta | None:
    """How long it takes until so many are served as are up to a position, in whole days.

    As many are as were accepted in the last 28 days, evenly; None where none was.
    """
    if not accepted:
        return None
    return timedelta(days=-(-position * LATELY.days // accepted))


# ----------------------------------------------------------------------------- what suits


class Opening(NamedTuple):
    """A free slot as entries see it: on the wall of its hours, that which they ask of it."""

    provider: str
    type: str
    location: str | None
    start: datetime
    day: date
    minute: int
    seats: int = 1

    @classmethod
    def of(cls, slot: Slot) -> Opening:
        """The opening that a slot is."""
        local = slot.local_start
        return cls(
            slot.provider,
            slot.type,
            slot.location,
            slot.start,
            local.date(),
            local.hour * 60 + local.minute,
            max(slot.seats_free, 1),
        )


def wishes_for(entry: WaitlistEntry, one: Opening) -> bool:
    """Whether a slot is what an entry wishes for, whatever was offered to it before."""
    return (
        entry.type == one.type
        and (not entry.providers or one.provider in entry.providers)
        and entry.earliest <= one.day <= entry.latest
        and (entry.weekdays is None or one.day.weekday() in entry.weekdays)
        and (isinstance(entry.location, Anywhere) or entry.location == one.location)
        and within(entry.hours, one.minute)
    )


def suits(entry: WaitlistEntry, one: Opening) -> bool:
    """Whether a slot may be offered to an entry: it wishes for it, and did not pass it before."""
    if not wishes_for(entry, one):
        return False
    return not entry.passed or PassedSlot(one.provider, one.location, one.start) not in entry.passed


def search_for(entries: Collection[WaitlistEntry], now: datetime) -> Search | None:
    """One search for all that some entries of one type wish for; None where that is all past.

    It looks `FURTHEST` ahead of the first date at most.
    """
    today = (now - _A_DAY).date()  # somewhere it is still the day before
    waiting = [one for one in entries if one.latest >= today]
    if not waiting:
        return None
    first = max(today, min(one.earliest for one in waiting))
    ahead = max(one.latest for one in waiting) - first
    named = [one.providers for one in waiting]
    return Search(
        first=first,
        last=first + min(ahead, FURTHEST - _A_DAY),
        types={one.type for one in waiting},
        providers=frozenset[str]().union(*named) if all(named) else None,
        referred=any(one.referral for one in waiting),
        prepaid=any(one.prepayment for one in waiting),
    )


# ------------------------------------------------------------------------- who gets which


class Answer(Enum):
    """What comes of offering a slot to an entry."""

    OFFERED = auto()
    NOT_THEIRS = auto()
    """They cannot have it, others may."""
    GONE = auto()
    """Nobody can have it."""
    MOVED = auto()
    """The order may be another by now: look again."""


class HandedOut(NamedTuple):
    """How many slots were offered; whether something was gone, the order moved, some was left."""

    offered: int = 0
    gone: bool = False
    moved: bool = False
    full: bool = False


def hand_out(
    entries: Iterable[WaitlistEntry],
    openings: Callable[[str], Iterable[Opening]],
    offer: Callable[[WaitlistEntry, Opening], Answer],
    *,
    most: int,
) -> HandedOut:
    """Offer slots, at most so many, to entries in their order: each the earliest it can have.

    ``openings`` of a type are in order of time, and read as far as they are needed. Whoever is
    before an entry has an offer by the time the entry is served, or was refused what is left.
    """
    found: dict[str, tuple[list[Opening], Iterator[Opening]]] = {}
    offered, gone = 0, False
    for entry in in_order(entries):
        if entry.type not in found:
            found[entry.type] = [], iter(openings(entry.type))
        left, coming = found[entry.type]
        for at in _suiting(entry, left, coming):
            if offered == most:
                return HandedOut(offered, gone, full=True)
            one = left[at]
            answer = offer(entry, one)
            if answer is Answer.MOVED:
                return HandedOut(offered, gone, moved=True)
            if answer is Answer.OFFERED:
                left[at] = one._replace(seats=one.seats - 1)
                offered += 1
                break
            if answer is Answer.GONE:
                left[at], gone = one._replace(seats=0), True
        left[:] = [one for one in left if one.seats]
    return HandedOut(offered, gone)


def _suiting(entry: WaitlistEntry, left: list[Opening], coming: Iterator[Opening]) -> Iterator[int]:
    """Where in what is left the slots are that suit an entry; what comes is added as needed."""
    at, furthest = 0, entry.latest.toordinal() + _OTHER_WALLS
    while True:
        if at == len(left):
            one = next(coming, None)
            if one is None:
                return
            left.append(one)
        if left[at].day.toordinal() > furthest:
            return
        if suits(entry, left[at]):
            yield at
        at += 1


def against_all(violations: Iterable[Violation]) -> bool:
    """Whether what refuses a slot refuses it to everybody, not to this one patient."""
    return any(
        one.reason is not Reason.HOUSE_RULE
        and (one.resource is None or one.resource.kind is not ResourceKind.PATIENT)
        for one in violations
    )
