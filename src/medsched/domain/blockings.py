"""Blockings: time that is taken for no patient, once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import attrs

from medsched.domain.bookings import instant
from medsched.domain.claims import LONGEST_CLAIM, Claim, ClaimKind
from medsched.domain.fields import LONGEST_NOTE, maybe_id, phi, text
from medsched.domain.records import Identified, Resource, ResourceKind, resource
from medsched.errors import InvalidChoice, InvalidInterval
from medsched.timeline.instants import whole_minute


def _resources(value: Iterable[Resource | str] | Resource | str) -> frozenset[Resource]:
    some = [value] if isinstance(value, Resource | str) else value
    if not isinstance(some, Iterable):
        raise InvalidChoice("resources", type(some).__name__, "resources or ids are needed")
    return frozenset(map(resource, some))


@attrs.frozen(kw_only=True)
class Blocking(Identified):
    """Time of some resources that is taken for no patient: a meeting, maintenance, a kept slot.

    ``resources`` are providers (a bare id is one), locations that are exclusive, rooms and
    devices. ``start`` and ``end`` are aware instants in whole minutes, the end exclusive, at most
    three weeks apart; whoever is away for longer takes time off. ``reason`` says what for, and
    ``kept_for`` for which patient a slot is kept, if for one. ``doubled``: it takes its time
    though bookings stand in it. ``created_by`` and ``updated_by`` are ids of principals.
    What recurs is a `RecurringBlocking`.
    """

    resources: frozenset[Resource] = attrs.field(converter=_resources)
    start: datetime = attrs.field(converter=instant)
    end: datetime = attrs.field(converter=instant)
    reason: str = phi(default="", validator=text(LONGEST_NOTE))
    kept_for: str | None = attrs.field(default=None, validator=maybe_id)
    doubled: bool = False
    created_by: str = attrs.field(default="", validator=text())
    updated_by: str = attrs.field(default="", validator=text())

    @resources.validator
    def _some(self, attribute: object, value: frozenset[Resource]) -> None:
        if not value:
            raise InvalidChoice("resources", (), "a blocking is of at least one resource")
        for one in value:
            if one.kind in (ResourceKind.PATIENT, ResourceKind.PRACTICE):
                raise InvalidChoice("resources", str(one), "its time is not taken by blockings")

    def __attrs_post_init__(self) -> None:
        low, high = whole_minute(self.start, "start"), whole_minute(self.end, "end")
        if high <= low:
            raise InvalidInterval("end", (self.start, self.end), "the end is not after the start")
        if high - low > LONGEST_CLAIM:
            why = f"longer than {LONGEST_CLAIM} minutes: enter time off instead"
            raise InvalidInterval("end", (self.start, self.end), why)

    @property
    def may_overlap(self) -> bool:
        """Whether it takes its time though others do."""
        return self.doubled

    @property
    def claims(self) -> tuple[Claim, ...]:
        """What it takes, in the order that locks are taken."""
        low, high = whole_minute(self.start, "start"), whole_minute(self.end, "end")
        return tuple(
            Claim(one, low, high, ClaimKind.BLOCKING, self.id) for one in sorted(self.resources)
        )
