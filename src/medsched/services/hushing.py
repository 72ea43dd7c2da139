"""What is told of bookings to who does not reach them: that time is taken, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import singledispatchmethod
from typing import Final

import attrs

from medsched.domain.access import Reach
from medsched.domain.blockings import Blocking
from medsched.domain.claims import Claim
from medsched.domain.explanations import Explanation, Stretch
from medsched.domain.records import ResourceKind
from medsched.domain.refusals import (
    BookingRefused,
    ChainRefused,
    FollowUpRefused,
    NoneAvailable,
    SeriesRefused,
)
from medsched.domain.requests import Reason, Violation
from medsched.domain.series import Series, Unbooked
from medsched.domain.sessions import GroupSession
from medsched.domain.stored import CLAIMED_BY, CLASSES, Kind, Ref, Stored
from medsched.domain.stranding import AppointmentsStranded
from medsched.errors import AlreadyOffered, AlreadyWaiting, InUse, MedschedError, SlotsOverlap
from medsched.ports.store import Store

_TAKING: Final = (*CLAIMED_BY.values(),)


class Hushing:
    """Takes the ids of bookings that are not reached out of what is told; times stay."""

    def __init__(
        self,
        store: Store,
        practice: str,
        reach: Callable[[], Reach],
        reached: Callable[[Iterable[Stored]], list[Stored]],
    ) -> None:
        self._store, self._practice = store, practice
        self._reach, self._reached = reach, reached

    # ------------------------------------------------------------------------ values

    def claims(self, claims: Iterable[Claim]) -> tuple[Claim, ...]:
        """Claims without the ids of what is not reached."""
        given = tuple(claims)
        told = self._told(Ref(CLAIMED_BY[one.kind], one.id) for one in given if one.id)
        return tuple(
            one if not one.id or Ref(CLAIMED_BY[one.kind], one.id) in told else _nameless(one)
            for one in given
        )

    def violations(self, violations: Iterable[Violation]) -> tuple[Violation, ...]:
        """Violations without the ids of what is not reached."""
        given = tuple(violations)
        taken = {one.by for one in given if one.reason is Reason.TAKEN and one.by is not None}
        told = {ref.id for ref in self._told(Ref(kind, id) for id in taken for kind in _TAKING)}
        return tuple(
            attrs.evolve(one, by=None)
            if one.reason is Reason.TAKEN and one.by is not None and one.by not in told
            else one
            for one in given
        )

    def explanation(self, explained: Explanation) -> Explanation:
        """An explanation without the ids of what is not reached."""
        return attrs.evolve(
            explained,
            claims=self.claims(explained.claims),
            violations=self.violations(explained.violations),
        )

    def stretches(self, stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
        """A timeline without the ids of what is not reached."""
        given = tuple(stretches)
        each = iter(self.claims(claim for one in given for claim in one.claims))
        said = iter(self.violations(against for one in given for against in one.violations))
        return tuple(
            attrs.evolve(
                one,
                claims=tuple(next(each) for _ in one.claims),
                violations=tuple(next(said) for _ in one.violations),
            )
            for one in given
        )

    def series(self, series: Series) -> Series:
        """A series without the ids of what was in its way and is not reached."""
        dates = series.occurrences
        said = iter(self.violations(against for one in dates for against in one.violations))
        return attrs.evolve(
            series,
            occurrences=[
                attrs.evolve(one, violations=tuple(next(said) for _ in one.violations))
                for one in dates
            ],
        )

    def unbooked(self, unbooked: Iterable[Unbooked]) -> tuple[Unbooked, ...]:
        """Occurrences that cannot be had, without the ids of what is not reached."""
        return tuple(
            attrs.evolve(one, violations=self.violations(one.violations)) for one in unbooked
        )

    # ------------------------------------------------------------------------ errors

    @singledispatchmethod
    def error(self, error: MedschedError) -> None:
        """Take the ids of what is not reached out of an error."""

    @error.register
    def _(self, error: BookingRefused) -> None:
        error.violations = self.violations(error.violations)

    @error.register
    def _(self, error: FollowUpRefused) -> None:
        error.violations = self.violations(error.violations)

    @error.register
    def _(self, error: NoneAvailable) -> None:
        error.violations = self.violations(error.violations)

    @error.register
    def _(self, error: ChainRefused) -> None:
        error.violations = self.violations(error.violations)

    @error.register
    def _(self, error: SeriesRefused) -> None:
        error.unbooked = self.unbooked(error.unbooked)

    @error.register
    def _(self, error: AppointmentsStranded) -> None:
        reached = {one.id for one in self._reached(one.appointment for one in error.stranded)}
        told = tuple(one for one in error.stranded if one.appointment.id in reached)
        error.others += len(error.stranded) - len(told)
        error.stranded = told

    @error.register
    def _(self, error: InUse) -> None:
        told = self._told(Ref(Kind(kind), id) for kind, id in error.referrers)
        error.referrers = tuple(
            (kind, id if Ref(Kind(kind), id) in told else "") for kind, id in error.referrers
        )

    @error.register
    def _(self, error: SlotsOverlap) -> None:
        error.what = error.what if error.what.startswith("a slot") else "an appointment"

    @error.register
    def _(self, error: AlreadyWaiting) -> None:
        error.entry = self._id(Kind.WAITLIST_ENTRY, error.entry)

    @error.register
    def _(self, error: AlreadyOffered) -> None:
        error.offer = self._id(Kind.WAITLIST_OFFER, error.offer)

    # --------------------------------------------------------------------- in common

    def _id(self, kind: Kind, id: str) -> str:
        return id if self._told([Ref(kind, id)]) else ""

    def _told(self, refs: Iterable[Ref]) -> frozenset[Ref]:
        """Those of some records that are there and reached."""
        asked = {ref for ref in refs if ref.kind in CLASSES}
        if not asked:
            return frozenset()
        rows = self._store.bare(self._practice, asked).values()
        mine = [one for one in rows if self._may_be_told(one)]
        return frozenset(map(Ref.to, self._reached(mine)))

    def _may_be_told(self, record: Stored) -> bool:
        """Sessions and blockings are no patient's: of those it is told who is nearer."""
        reach = self._reach()
        match record:
            case GroupSession():
                return reach.is_visited(record.provider, record.location)
            case Blocking():
                return any(
                    (one.kind is ResourceKind.PROVIDER and one.id in reach.providers)
                    or (one.kind is ResourceKind.LOCATION and one.id in reach.locations)
                    for one in record.resources
                )
            case _:
                return True


def _nameless(claim: Claim) -> Claim:
    session = None if claim.session is None else attrs.evolve(claim.session, id="")
    return attrs.evolve(claim, id="", session=session)
