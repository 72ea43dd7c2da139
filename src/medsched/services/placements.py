"""Slots that are moved by hand stay clear of appointments that are not theirs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import attrs

from medsched.domain.agendas import Agenda
from medsched.domain.appointment_types import AppointmentType
from medsched.domain.appointments import CLAIMING, Appointment
from medsched.domain.changes import Standing
from medsched.domain.fields import LONGEST_DURATION
from medsched.domain.slot_overrides import SlotOverride
from medsched.domain.stored import Kind, Ref
from medsched.engine.placing import place_of
from medsched.errors import SlotsOverlap
from medsched.services.context import Context
from medsched.services.effects import Effects
from medsched.services.schedules import schedule_in
from medsched.services.stranding import Altered
from medsched.services.view import View
from medsched.timeline.instants import instant_of

_MOST: Final = 10_000


@attrs.frozen
class Placements:
    """Looks whom a slot would be put over, and guards that those looked at are all."""

    context: Context

    def effects(self, view: View, altered: Sequence[Altered]) -> Effects:
        """The guards for slots that are moved; `SlotsOverlap` for an appointment in the way."""
        found = Effects()
        for before, after in altered:
            if not isinstance(after, SlotOverride) or not (after.active and after.is_moved):
                continue
            was = before if isinstance(before, SlotOverride) and before.active else None
            if was is None or _placed(was) != _placed(after):
                found += self._clear(view, was, after)
        return found

    def _clear(self, view: View, before: SlotOverride | None, after: SlotOverride) -> Effects:
        type_ = view.get(AppointmentType, Ref(Kind.APPOINTMENT_TYPE, after.offered_as))
        assert type_ is not None  # it was checked
        schedule = schedule_in(view, after.resource, [type_])
        low, high = map(instant_of, place_of(after, schedule, type_, self.context.zones))
        agenda = Agenda(
            provider=after.resource.id,
            statuses=CLAIMING,
            since=low - LONGEST_DURATION - timedelta(days=1),
            before=high,
        )
        store, practice = self.context.store, self.context.practice
        there = store.appointments(practice, agenda, after=None, limit=_MOST)
        for one in there:
            if one.end > low and not any(
                _stands_in(one, slot) for slot in (before, after) if slot is not None
            ):
                raise SlotsOverlap(
                    after.resource.id,
                    (low, high),
                    (one.start, one.end),
                    f"appointment {one.id!r}",
                )
        return Effects(guards=[Standing.of(agenda, there)])


def _placed(slot: SlotOverride) -> object:
    """Where a slot was put, and as what."""
    return slot.offered_as, slot.location, slot.begins, slot.ends, slot.withdrawn


def _stands_in(appointment: Appointment, slot: SlotOverride) -> bool:
    """Whether an appointment is in a slot, as its hours give it or as it was put."""
    return appointment.location == slot.location and (appointment.type, appointment.start) in (
        (slot.type, slot.start),
        (slot.offered_as, slot.offered_from),
    )
