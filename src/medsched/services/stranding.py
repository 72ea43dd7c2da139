"""Whom a change of hours strands, and what becomes of them, decided with the change itself.

A change closes time by raising the schedule version of a resource, or by writing the record of an
appointment type. Every booking guards those, and the change guards that the appointments it may
strand are those it has looked at: between the two nobody is missed, whoever comes first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Final, NamedTuple

import attrs

from medsched.domain.agendas import Agenda
from medsched.domain.appointment_types import AppointmentType
from medsched.domain.appointments import Appointment, AppointmentStatus
from medsched.domain.availability import Override
from medsched.domain.changes import Standing
from medsched.domain.fields import LONGEST_NOTE, text
from medsched.domain.places import Location, PracticeSettings
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.requests import Reason
from medsched.domain.slot_overrides import SlotOverride
from medsched.domain.stored import Kind, Noun, Ref, scheduled_by
from medsched.domain.stranding import AppointmentsStranded, Stranded, Stranding
from medsched.engine.stranding import (
    Lack,
    lacks,
    may_strand,
    reasons_of,
    stands_in_a_moved_slot,
    unforeseen,
)
from medsched.services.context import Context
from medsched.services.effects import Effects
from medsched.services.revisions import cancelled, offered_a_move
from medsched.services.schedules import schedule_in
from medsched.services.view import View

AWAITED: Final = frozenset(
    {
        AppointmentStatus.PENDING,
        AppointmentStatus.BOOKED,
        AppointmentStatus.ARRIVED,
        AppointmentStatus.CHECKED_IN,
    }
)
"""The statuses in which an appointment that has not begun is still awaited."""
_CANCEL: Final = "appointment.cancel"
_OFFER: Final = "appointment.move-offered"
_BACK, _ON = timedelta(days=23), timedelta(days=4)
"""How long before its first date a visit may begin that an override closes, and how long after."""


class Altered(NamedTuple):
    """A record before a change and after it; None where there is none."""

    before: Noun | None
    after: Noun | None


@attrs.frozen
class Fate:
    """What becomes of those who are stranded, and what they are told if they are cancelled."""

    stranded: Stranded = attrs.field(default=Stranded.REFUSE, converter=Stranded)
    reason: str = attrs.field(default="", validator=text(LONGEST_NOTE))


REFUSED: Final = Fate()
"""What becomes of them where nothing is said."""


@attrs.frozen
class Stranders:
    """Finds whom a change strands, and does with them what is asked for."""

    context: Context

    def effects(self, view: View, altered: Sequence[Altered], fate: Fate) -> Effects:
        """What a change does to the appointments that it strands.

        ``view`` shows the records as they will be. Who is cancelled is told the reason that is
        given, else that of the change. `AppointmentsStranded` where they shall refuse it.
        """
        if fate.stranded is Stranded.KEEP:
            return Effects()
        found, guards = self.found(view, altered)
        guarded = Effects(guards=guards)
        if not found:
            return guarded
        if fate.stranded is Stranded.REFUSE:
            raise AppointmentsStranded(tuple(found))
        caught = [one.appointment for one in found]
        if fate.stranded is Stranded.MOVE:
            self.context.admit(_OFFER)
            return guarded + offered_a_move(self.context, caught, self.context.now())
        why = fate.reason or next(filter(None, map(_reason_of, altered)), "")
        self.context.admit(_CANCEL)
        return guarded + cancelled(self.context, caught, why, self.context.now())

    # ---------------------------------------------------------------------- looking

    def found(
        self, view: View, altered: Sequence[Altered]
    ) -> tuple[list[Stranding], list[Standing]]:
        """Whom a change strands, in order of start, and the guards that those are all."""
        now, standing = self.context.now(), list[Standing]()
        met: dict[str, Appointment] = {}
        for agenda in self._agendas(altered, now):
            some = list(self.context.appointments(agenda))
            standing.append(Standing.of(agenda, some))
            met.update((one.id, one) for one in some if one.start > now)
        stranded = self._judged(view, met.values(), view.as_stored())
        return stranded, standing

    def outside(self, view: View, agenda: Agenda) -> list[Stranding]:
        """Who of an agenda stands outside hours, and was not booked there on purpose."""
        return self._judged(view, list(self.context.appointments(agenda)))

    def awaited(self, provider: str | None) -> Agenda:
        """All who are still awaited: by a provider, or by all."""
        soonest = self.context.now() + timedelta(microseconds=1)
        return Agenda(provider=provider, statuses=AWAITED, since=soonest)

    def _agendas(self, altered: Sequence[Altered], now: datetime) -> list[Agenda]:
        """Whom a change may concern: nobody where it cannot close time that others could book.

        What is made in the same go has no appointments yet.
        """
        new = {Ref.to(one.after) for one in altered if one.before is None and one.after is not None}
        found = dict[Agenda, None]()
        for before, after in altered:
            one = after or before
            assert one is not None
            owner = Ref.to(one) if isinstance(one, AppointmentType) else _owner(one)
            if owner is None or not may_strand(before, after):
                continue
            if owner not in new or owner.kind is Kind.PRACTICE:
                where = _concerned(owner, before, after)
                since, until = _reach(before, after)
                agenda = attrs.evolve(
                    where,
                    statuses=AWAITED,
                    since=now if since is None else max(now, since),
                    before=until,
                )
                found[agenda] = None
        return list(found)

    def _judged(
        self, view: View, appointments: Collection[Appointment], before: View | None = None
    ) -> list[Stranding]:
        """Those that lie outside hours; where there was a before, for a reason that is new."""
        by_provider: dict[str, list[Appointment]] = defaultdict(list)
        for one in sorted(appointments, key=lambda one: (one.start, one.id)):
            by_provider[one.provider].append(one)
        found: list[Stranding] = []
        for provider, some in sorted(by_provider.items()):
            caught = self._lacking(view, provider, some)
            if before is not None and caught:
                were = self._lacking(before, provider, [one for one in some if one.id in caught])
                caught = {id: lack - were.get(id, frozenset()) for id, lack in caught.items()}
            if before is not None:
                for id in self._moved(before, provider, some) - self._moved(view, provider, some):
                    owner = Resource(ResourceKind.PROVIDER, provider)
                    caught[id] = caught.get(id, frozenset()) | {(Reason.WITHDRAWN, owner)}
            for one in some:
                reasons = unforeseen(reasons_of(caught.get(one.id, frozenset())), one)
                if reasons:
                    found.append(Stranding(one, reasons))
        return sorted(found, key=lambda one: (one.appointment.start, one.appointment.id))

    def _lacking(
        self, view: View, provider: str, appointments: Sequence[Appointment]
    ) -> dict[str, frozenset[Lack]]:
        """What each appointment of a provider lacks, by id, where it lacks anything."""
        types = self._types(view, appointments)
        owner, zones = Resource(ResourceKind.PROVIDER, provider), self.context.zones
        schedule = schedule_in(view, owner, [*types.values(), *appointments])
        found = {one.id: lacks(schedule, types[one.type], zones, one) for one in appointments}
        return {id: lack for id, lack in found.items() if lack}

    def _moved(self, view: View, provider: str, appointments: Sequence[Appointment]) -> set[str]:
        """Those of a provider's appointments that are in slots which were put there, by id."""
        owner, zones = Resource(ResourceKind.PROVIDER, provider), self.context.zones
        if not view.calendars([owner])[owner].slots:
            return set()
        types = self._types(view, appointments)
        schedule = schedule_in(view, owner, types.values())
        return {
            one.id
            for one in appointments
            if stands_in_a_moved_slot(schedule, types[one.type], zones, one)
        }

    def _types(
        self, view: View, appointments: Iterable[Appointment]
    ) -> Mapping[str, AppointmentType]:
        refs = {one.type: Ref(Kind.APPOINTMENT_TYPE, one.type) for one in appointments}
        view.read(refs.values())
        rows = {code: view.get(AppointmentType, ref) for code, ref in refs.items()}
        return {code: row for code, row in rows.items() if row is not None}


def _owner(record: Noun) -> Ref | None:
    resource = scheduled_by(record)
    return None if resource is None else Ref.of(resource)


def _concerned(owner: Ref, before: Noun | None, after: Noun | None) -> Agenda:
    """Whose appointments a change may concern, whenever they are."""
    match owner.kind:
        case Kind.APPOINTMENT_TYPE:
            return Agenda(type=owner.id)
        case Kind.PROVIDER:
            return Agenda(provider=owner.id)
        case Kind.LOCATION if not _rezones(before, after):
            return Agenda(location=owner.id)
        case Kind.ROOM | Kind.DEVICE:
            return Agenda(resource=owner.resource)
        case _:
            return Agenda()


def _rezones(before: Noun | None, after: Noun | None) -> bool:
    """Whether a place comes to lie in another zone: hours elsewhere may be meant in it too."""
    places = Location | PracticeSettings
    return (
        isinstance(before, places)
        and isinstance(after, places)
        and before.timezone != after.timezone
    )


def _reach(before: Noun | None, after: Noun | None) -> tuple[datetime | None, datetime | None]:
    """The starts that a change may concern: [since, before); None for no bound."""
    dated = [one for one in (before, after) if one is not None]
    slots = [one for one in dated if isinstance(one, SlotOverride)]
    if slots:
        starts = [at for one in slots for at in (one.start, one.offered_from)]
        return min(starts), max(starts) + timedelta(minutes=1)
    if not all(isinstance(one, Override) for one in dated):
        return None, None
    overrides = [one for one in dated if isinstance(one, Override)]
    first, last = min(one.first for one in overrides), max(one.last for one in overrides)
    midnight = time(tzinfo=UTC)
    return datetime.combine(first, midnight) - _BACK, datetime.combine(last, midnight) + _ON


def _reason_of(altered: Altered) -> str:
    return getattr(altered.after, "reason", "")
