"""What is written about when resources are open: rules, overrides, blockings, release rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from medsched.domain.availability import AvailabilityRule, Override, RecurringBlocking
from medsched.domain.release_rules import ReleaseRule
from medsched.domain.slot_overrides import SlotOverride
from medsched.domain.stored import HoursRecord, HoursT, Kind, NounT, Ref, scheduled_by
from medsched.domain.stranding import Stranded, Stranding
from medsched.errors import InvalidChoice, NotFound
from medsched.services.context import Context
from medsched.services.gates import Gate
from medsched.services.queries import HoursQuery, OverrideQuery
from medsched.services.records import Records
from medsched.services.stranding import Fate, Stranders
from medsched.services.view import View
from medsched.services.weekly_hours import WeeklyRows
from medsched.services.writer import Writer


class AvailabilityRecords:
    """The rules, overrides, recurring blockings and release rules of one practice.

    Every change raises the schedule version of its resource. Rules and hours of overrides
    are compared with the others of their resource whenever they are written or activated,
    so that rivals who add at once cannot both pass.
    """

    def __init__(self, context: Context) -> None:
        self._writer = Writer(context)
        self.rules = Records(context, AvailabilityRule, HoursQuery)
        """Recurring hours: read, list, update, deactivate, delete."""
        self.weekly = WeeklyRows(context)
        """The same, row by row of the week: read, list, add, update, end."""
        self.overrides = Records(context, Override, OverrideQuery)
        """Dated exceptions: read, list, update, deactivate, delete."""
        self.blockings = Records(context, RecurringBlocking, HoursQuery)
        """Recurring blockings: read, list, update, deactivate, delete."""
        self.slot_overrides = Records(context, SlotOverride, HoursQuery)
        """What was changed of slots one by one: read, list, update, deactivate, delete."""
        self.releases = Records(context, ReleaseRule, HoursQuery)
        """Release rules: read, list, update, deactivate, delete."""

    def add(
        self,
        item: HoursT,
        *,
        stranded: Stranded | str = Stranded.REFUSE,
        idempotency_key: str | None = None,
    ) -> HoursT:
        """Store a rule, override, blocking or release rule, and return it as stored, its id given.

        ``stranded`` says what becomes of the appointments whose hours it takes away: see
        `Stranded`. Unless given, `AppointmentsStranded` tells them. Those who are cancelled are
        told the item's reason.

        `NotFound` for a resource, location, room or type that is not there; `InvalidChoice`
        for hours of a patient; `UnknownZone`; `InvalidDuration` for a length outside the
        practice's bounds, or of a stated type that fits into none of the windows;
        `OverlappingRules`; `ContradictoryOverrides`; `AlreadyExists`. Repeated under its
        ``idempotency_key`` it returns what it stored: see `Appointments`.
        """
        gate, fate = self._admit([item]), Fate(stranded)
        return self._writer.create_one(gate, item, fate=fate, key=idempotency_key)

    def add_all(
        self,
        items: Iterable[HoursRecord],
        *,
        stranded: Stranded | str = Stranded.REFUSE,
        idempotency_key: str | None = None,
    ) -> tuple[HoursRecord, ...]:
        """Store many, in the order given: all of them, or none and the first error of `add`.

        They are compared with one another as well, and strand whom they strand together. Repeated
        under their ``idempotency_key`` they come back as they are by then.
        """
        given = tuple(items)
        gate = self._admit(given)
        return self._writer.create(gate, given, stranded=stranded, key=idempotency_key)

    def split(
        self,
        rule: AvailabilityRule,
        *others: AvailabilityRule,
        stranded: Stranded | str = Stranded.REFUSE,
        reason: str = "",
        idempotency_key: str | None = None,
    ) -> tuple[AvailabilityRule, ...]:
        """Store a changed rule, and new ones beside it, as one change: all of them or none.

        So one day of a rule of many becomes another, or a rule is another from some date on:
        whoever has an appointment in what the changed rule opens no more stays where one of the
        ``others`` opens it. All come back as stored, the changed one first. Raises what
        `Records.update` and `add` raise; repeated under their ``idempotency_key`` they come back
        as they are by then.
        """
        gate = self._writer.context.admit("rule.update", Kind.RULE, rule)
        gate.also("availability.add")
        for one in (rule, *others):
            if not isinstance(one, AvailabilityRule):
                raise InvalidChoice("others", type(one).__name__, "a rule is needed")
        return self._writer.split(
            gate, rule, others, stranded=stranded, reason=reason, key=idempotency_key
        )

    def _admit(self, items: Iterable[object]) -> Gate:
        gate = self._writer.context.admit("availability.add")
        for one in items:
            if not isinstance(one, HoursRecord):
                why = "a rule, override, blocking or release rule is needed"
                raise InvalidChoice("items", type(one).__name__, why)
        return gate

    # --------------------------------------------------------------------- stranded

    def would_strand(self, record: NounT, *, removed: bool = False) -> tuple[Stranding, ...]:
        """Whom it would strand to store a record as it is given, or to remove it.

        A rule, override or blocking, new or changed; or a changed provider, appointment type,
        location, room, device or settings. Appointments that are awaited and have not begun, in
        order of start, each with what is new against it. Nothing is written; what may not be
        written raises what writing it would raise, save for a version.
        """
        gate = self._writer.context.admit("availability.would-strand")
        owner = scheduled_by(record)
        if owner is not None:
            gate.keep(owner)
        elif not gate.sees_all:
            gate.deny("it has no hours of their own")
        return _shown(gate, self._writer.would_strand(record, removed=removed))

    def stranded(self, provider: str | None = None) -> tuple[Stranding, ...]:
        """Who stands outside hours now: with a provider, or in the whole practice.

        Appointments that are awaited and have not begun, in order of start, each with what is
        against it; not for what staff booked it against. `NotFound` for an unknown provider.
        """
        context = self._writer.context
        gate = context.admit("availability.stranded")
        view, stranders = View(context), Stranders(context)
        if provider is not None:
            ref = Ref(Kind.PROVIDER, provider)
            if view.row(ref) is None:
                raise NotFound(ref.kind.value, ref.id)
        return _shown(gate, stranders.outside(view, stranders.awaited(provider)))


def _shown(gate: Gate, found: Sequence[Stranding]) -> tuple[Stranding, ...]:
    """Those of the stranded who are reached, written down as read."""
    reached = gate.shown(gate.reached(one.appointment for one in found))
    ids = {one.id for one in reached}
    return tuple(one for one in found if one.appointment.id in ids)
