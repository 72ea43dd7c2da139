"""What is written about when resources are open: rules, overrides and recurring blockings."""

from __future__ import annotations

from collections.abc import Iterable

from medsched.domain.availability import AvailabilityRule, Override, RecurringBlocking
from medsched.domain.stored import HoursRecord, HoursT
from medsched.services.context import Context
from medsched.services.queries import HoursQuery, OverrideQuery
from medsched.services.records import Records
from medsched.services.writer import Writer


class AvailabilityRecords:
    """The rules, overrides and recurring blockings of one practice.

    Every change raises the schedule version of its resource. Rules and hours of overrides
    are compared with the others of their resource whenever they are written or activated,
    so that rivals who add at once cannot both pass.
    """

    def __init__(self, context: Context) -> None:
        self._writer = Writer(context)
        self.rules = Records(context, AvailabilityRule, HoursQuery)
        """Recurring hours: read, list, update, deactivate, delete."""
        self.overrides = Records(context, Override, OverrideQuery)
        """Dated exceptions: read, list, update, deactivate, delete."""
        self.blockings = Records(context, RecurringBlocking, HoursQuery)
        """Recurring blockings: read, list, update, deactivate, delete."""

    def add(self, item: HoursT) -> HoursT:
        """Store a rule, override or blocking, and return it as stored, its id given.

        `NotFound` for a resource, location, room or type that is not there; `InvalidChoice`
        for hours of a patient; `UnknownZone`; `InvalidDuration` for a length outside the
        practice's bounds, or of a stated type that fits into none of the windows;
        `OverlappingRules`; `ContradictoryOverrides`; `AlreadyExists`.
        """
        return self._writer.create([item])[0]

    def add_all(self, items: Iterable[HoursRecord]) -> tuple[HoursRecord, ...]:
        """Store many, in the order given: all of them, or none and the first error of `add`.

        They are compared with one another as well.
        """
        return self._writer.create(tuple(items))
