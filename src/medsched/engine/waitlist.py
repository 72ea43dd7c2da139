"""The waitlist: who comes first, and what there is to look for.

The order is urgency, highest first, then who entered first, then the id. See `waitlist_turns`
for how they are served in it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import attrs

from medsched.domain.records import ResourceKind
from medsched.domain.requests import Reason, Violation
from medsched.domain.searches import Search
from medsched.domain.starts import ANYWHERE
from medsched.domain.waitlist import WaitlistEntry
from medsched.timeline.weekdays import Weekday

LATELY: Final = timedelta(days=28)
"""How far back it is counted what was accepted, for an estimate."""
FURTHEST: Final = timedelta(days=366)
"""How far ahead slots are looked for; what lies beyond has time until it is nearer."""
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


# ------------------------------------------------------------------------- what is looked for


def search_for(entries: Collection[WaitlistEntry], now: datetime) -> Search | None:
    """One search for all that some entries wish for; None where that is past, or far ahead.

    It looks `FURTHEST` ahead at most, counted from today.
    """
    today = (now - _A_DAY).date()  # somewhere it is still the day before
    limit = today + FURTHEST - _A_DAY
    waiting = [one for one in entries if one.latest >= today and one.earliest <= limit]
    if not waiting:
        return None
    named = [one.providers for one in waiting]
    weekdays = [one.weekdays or frozenset[Weekday]() for one in waiting]
    places = {one.location for one in waiting}
    return Search(
        first=max(today, min(one.earliest for one in waiting)),
        last=min(limit, max(one.latest for one in waiting)),
        types={one.type for one in waiting},
        providers=frozenset[str]().union(*named) if all(named) else None,
        weekdays=frozenset[Weekday]().union(*weekdays) if all(weekdays) else None,
        hours={each for one in waiting for each in one.hours}
        if all(one.hours for one in waiting)
        else (),
        location=places.pop() if len(places) == 1 else ANYWHERE,
        referred=any(one.referral for one in waiting),
        prepaid=any(one.prepayment for one in waiting),
    )


def search_of_patient(entry: WaitlistEntry, since: date, now: datetime) -> Search | None:
    """A search for what the patient of an entry can have, from about a local date on."""
    search = search_for([entry], now)
    first = since - _OTHER_WALLS * _A_DAY
    if search is None or search.last < first:
        return None
    return attrs.evolve(search, first=max(first, search.first), patient=entry.patient)


def against_all(violations: Iterable[Violation]) -> bool:
    """Whether what refuses a slot refuses it to everybody, not to this one patient."""
    return any(
        one.reason is not Reason.HOUSE_RULE
        and (one.resource is None or one.resource.kind is not ResourceKind.PATIENT)
        for one in violations
    )
