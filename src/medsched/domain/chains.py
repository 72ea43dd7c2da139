"""Chains of visits: one after the other for one patient, had together or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

import attrs

from medsched.domain.fields import length, several, yes_or_no
from medsched.domain.records import Resource
from medsched.domain.searches import Search
from medsched.errors import InvalidChoice, InvalidDuration, InvalidNumber

MOST_VISITS: Final = 12
"""The most visits of a chain."""
LONGEST_GAP: Final = timedelta(days=366)
"""The most time between two visits of a chain that can be asked for."""

_gap = length(least=0, most=LONGEST_GAP)


def _resources(value: Iterable[Resource]) -> frozenset[Resource]:
    return frozenset(several(value, "resources"))


def _a_search(instance: object, attribute: object, value: Search) -> None:
    if not isinstance(value, Search):
        raise InvalidChoice("search", type(value).__name__, "a Search is needed")


@attrs.frozen(kw_only=True)
class ChainVisit:
    """One visit of a chain: what is looked for, and how it follows the visit before it.

    From the end of that one to the start of this it is at least ``gap_least`` and at most
    ``gap_most`` (None for any), whole minutes, elapsed: a visit never begins before the one before
    it has ended. ``same_day``: both starts have one local date, on the wall of their hours.
    ``same_location``: both are at one place. ``resources`` are rooms and devices that it shall
    have. The first visit of a chain states none of how it follows.
    """

    search: Search = attrs.field(validator=_a_search)
    gap_least: timedelta = attrs.field(
        default=timedelta(0), validator=length(least=0, most=LONGEST_GAP, needed=True)
    )
    gap_most: timedelta | None = attrs.field(default=None, validator=_gap)
    same_day: bool = attrs.field(default=False, validator=yes_or_no)
    same_location: bool = attrs.field(default=False, validator=yes_or_no)
    resources: frozenset[Resource] = attrs.field(factory=frozenset, converter=_resources)

    def __attrs_post_init__(self) -> None:
        if self.gap_most is not None and self.gap_most < self.gap_least:
            raise InvalidDuration("gap_most", self.gap_most, "shorter than the least gap")

    @property
    def any_time_after(self) -> bool:
        """Whether what follows a visit follows each that ends earlier, too."""
        return self.gap_most is None and not self.same_day and not self.same_location

    @property
    def follows(self) -> bool:
        """Whether it states how it follows another."""
        return bool(self.gap_least) or not self.any_time_after


def check_chain(visits: Iterable[ChainVisit | Search]) -> tuple[ChainVisit, ...]:
    """The visits of a chain, where a search stands for a visit that follows whenever it can.

    `InvalidNumber` for none or more than 12; `InvalidChoice` for a first one that follows.
    """
    if isinstance(visits, ChainVisit | Search):
        visits = [visits]
    if not isinstance(visits, Iterable):
        raise InvalidChoice("visits", type(visits).__name__, "some ChainVisits are needed")
    found = tuple(
        ChainVisit(search=one) if isinstance(one, Search) else _checked(one) for one in visits
    )
    if not 1 <= len(found) <= MOST_VISITS:
        raise InvalidNumber("visits", len(found), f"a chain has 1 to {MOST_VISITS} visits")
    if found[0].follows:
        raise InvalidChoice("visits", 0, "there is no visit before the first")
    return found


def _checked(visit: object) -> ChainVisit:
    if not isinstance(visit, ChainVisit):
        why = "a ChainVisit or a Search is needed"
        raise InvalidChoice("visits", type(visit).__name__, why)
    return visit
