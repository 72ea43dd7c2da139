"""What a refused booking is told: all reasons at once, and what to take instead."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import attrs

from medsched.domain.records import ResourceKind
from medsched.domain.requests import Violation
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
