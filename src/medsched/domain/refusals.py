"""What a refused booking is told: all reasons at once, and what to take instead."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType

import attrs

from medsched.domain.records import ResourceKind
from medsched.domain.requests import Violation
from medsched.domain.series import Unbooked
from medsched.domain.slots import Slot
from medsched.errors import MedschedError


@attrs.define(eq=False, slots=False)
class BookingRefused(MedschedError, ValueError):
    """A slot that cannot be had: every reason against it, and the next free ones.

    Nothing was written. ``alternatives`` are the first free slots of the same provider and
    type from the start that was asked for on; none where there is none within five weeks.
    """

    violations: tuple[Violation, ...]
    alternatives: tuple[Slot, ...] = ()

    def sentence(self) -> str:
        """All reasons, one after the other."""
        return "; ".join(str(violation) for violation in self.violations)

    @property
    def by_resource(self) -> Mapping[ResourceKind, tuple[Violation, ...]]:
        """The violations by the kind of resource that they are about, where they are about one."""
        kinds = {one.resource.kind for one in self.violations if one.resource is not None}
        return MappingProxyType(
            {
                kind: tuple(
                    one
                    for one in self.violations
                    if one.resource is not None and one.resource.kind is kind
                )
                for kind in sorted(kinds)
            }
        )


@attrs.define(eq=False, slots=False)
class SeriesRefused(MedschedError, ValueError):
    """A series that cannot be booked, or moved, as a whole: each occurrence that cannot be had.

    Nothing was written. ``asked`` is how many occurrences it was about. Each of ``unbooked``
    tells its reasons and alternatives.
    """

    asked: int
    unbooked: tuple[Unbooked, ...]

    def sentence(self) -> str:
        """How many cannot be had, and the reasons of the first five."""
        told = [
            f"{one.date.isoformat()}: {', '.join(map(str, one.violations))}"
            for one in self.unbooked[:5]
        ]
        more = [f"and {len(self.unbooked) - 5} more"] if len(self.unbooked) > 5 else []
        counted = f"{len(self.unbooked)} of {self.asked} occurrences cannot be had"
        return f"{counted}: {'; '.join([*told, *more])}"


@attrs.define(eq=False, slots=False)
class FollowUpRefused(MedschedError, ValueError):
    """A follow-up for which nothing is free as wished: the next free slots outside the wish.

    Nothing was written. ``visit`` is what it would follow, ``type`` what was looked for, with
    each of ``providers``, on local dates from ``first`` to ``last``, both inclusive.
    ``alternatives`` are free slots nearest to what was wished for. ``violations`` are what
    refuses every start, whenever it is: somebody who is not active.
    """

    visit: str
    type: str
    providers: tuple[str, ...]
    first: date
    last: date
    alternatives: tuple[Slot, ...] = ()
    violations: tuple[Violation, ...] = ()

    def sentence(self) -> str:
        """What was looked for, and where."""
        with_whom = " or ".join(self.providers)
        found = (
            f"no {self.type} with {with_whom} is free as wished from {self.first.isoformat()}"
            f" to {self.last.isoformat()}"
        )
        return "; ".join([found, *map(str, self.violations)])


@attrs.define(eq=False, slots=False)
class OfferExpired(MedschedError, ValueError):
    """An offer of the waitlist that is accepted after it has expired.

    Nothing was written. ``alternatives`` are the first slots that are free now and suit the
    patient's wishes, with whom the entry names; the slot of the offer may be among them.
    """

    offer: str
    expired_at: datetime
    alternatives: tuple[Slot, ...] = ()

    def sentence(self) -> str:
        """When it expired."""
        return f"offer {self.offer!r} expired at {self.expired_at.isoformat(sep=' ')}"


@attrs.define(eq=False, slots=False)
class NoneAvailable(MedschedError, LookupError):
    """A search for which nothing is free: the next free slots after its dates.

    Nothing was written. ``types`` are those looked for, None for all, on local dates from ``first``
    to ``last``, both inclusive. ``alternatives`` are the first slots of the five weeks after them
    that fulfil the search but for its dates. ``violations`` are what refuses every slot, whenever
    it is: a patient who is not active.
    """

    first: date
    last: date
    types: tuple[str, ...] | None
    alternatives: tuple[Slot, ...] = ()
    violations: tuple[Violation, ...] = ()

    def sentence(self) -> str:
        """What was looked for."""
        what = "slot" if self.types is None else " or ".join(self.types)
        found = f"no {what} is free as wished from {self.first.isoformat()} to {self.last}"
        return "; ".join([found, *map(str, self.violations)])


@attrs.define(eq=False, slots=False)
class ChainRefused(MedschedError, ValueError):
    """A chain of visits that cannot be had together: the visit that could not be placed.

    Nothing was written. ``visit`` is its place in the chain, from 0, of as many as were ``asked``;
    ``types`` are those looked for, None for all. ``before`` are slots of the visits before it, the
    first that were found for all of them. ``violations`` are why the last slot that was tried for
    it cannot be had beside those; empty where none was in time. ``given_up``: there were too many
    to try them all.
    """

    asked: int
    visit: int
    types: tuple[str, ...] | None
    before: tuple[Slot, ...] = ()
    violations: tuple[Violation, ...] = ()
    given_up: bool = False

    def sentence(self) -> str:
        """Which visit it is, and what speaks against it."""
        what = "any type" if self.types is None else " or ".join(self.types)
        found = f"visit {self.visit + 1} of {self.asked} ({what}) cannot be placed"
        if self.given_up:
            found = f"{found}: too many ways were tried"
        return "; ".join([found, *map(str, self.violations)])
