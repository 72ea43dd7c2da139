"""New times for appointments that cannot stay where they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import attrs

from medsched.domain.appointments import Appointment
from medsched.domain.booking_rules import Visited
from medsched.domain.claims import Claim, Session
from medsched.domain.records import ResourceKind
from medsched.domain.slots import Slot
from medsched.domain.stranding import Proposal
from medsched.engine.booking import Plan, plan
from medsched.engine.inquiry import Inquiry
from medsched.engine.series import knowing, visited
from medsched.engine.slots import list_slots
from medsched.errors import InvalidDuration, InvalidNumber
from medsched.services.asked_for import made_by
from medsched.services.bookings import Bookings
from medsched.services.inquiries import Asked
from medsched.timeline.instants import minute_of, whole_minute

MOST: Final = 100
"""The most slots that one appointment is proposed."""


@attrs.define(eq=False)
class Promised:
    """What the proposals made so far would take, so that no two promise the same."""

    busy: list[Claim] = attrs.field(factory=list)
    seats: Counter[str] = attrs.field(factory=Counter)
    visits: list[tuple[str, Visited]] = attrs.field(factory=list)
    """What would be booked, and for whom."""

    def beside(self, asked: Asked, patient: str) -> Inquiry:
        """An inquiry for a patient once all that is promised is booked."""
        own = [visit for whose, visit in self.visits if whose == patient]
        facts = knowing(asked.inquiry, [visit for _, visit in self.visits], own)
        return attrs.evolve(asked.inquiry, facts=facts)

    def is_free(self, slot: Slot) -> bool:
        """Whether a slot has a seat left for one more."""
        return self.seats[slot.id] < max(slot.seats_free, 1)

    def add(self, slot: Slot, planned: Plan) -> None:
        """A slot that was proposed first to somebody."""
        self.seats[slot.id] += 1
        shared = None
        if planned.terms.seats > 1:
            shared = Session(
                slot.type,
                slot.location,
                planned.start,
                0,
                seats=planned.terms.seats,
                length=planned.terms.length,
            )
        for resource, low, high in planned.spans:
            own = resource.kind is ResourceKind.PATIENT
            if own or planned.joined is None:
                self.busy.append(Claim(resource, low, high, session=None if own else shared))


class Proposals:
    """Proposes where appointments could go; nothing is taken by it."""

    def __init__(self, bookings: Bookings) -> None:
        self._bookings = bookings

    def of(
        self,
        appointments: Iterable[Appointment],
        *,
        movable: Callable[[Appointment], bool],
        providers: Collection[str],
        choices: int,
        within: timedelta,
    ) -> tuple[Proposal, ...]:
        """A proposal for each, those that begin first served first; see `propose_moves`."""
        if not isinstance(choices, int) or isinstance(choices, bool) or not 1 <= choices <= MOST:
            raise InvalidNumber("choices", choices, f"1 to {MOST} slots may be asked for")
        if not isinstance(within, timedelta) or within <= timedelta(0):
            raise InvalidDuration("within", within, "must be longer than nothing")
        now, promised = self._bookings.context.now(), Promised()
        unique = {one.id: one for one in appointments}.values()
        found = []
        for one in sorted(unique, key=lambda one: (one.start, one.id)):
            slots: list[Slot] = []
            if movable(one):
                asked = dict.fromkeys([one.provider, *providers])
                slots = self._slots(one, list(asked), choices, within, now, promised)
            found.append(Proposal(one, tuple(slots)))
        return tuple(found)

    def _slots(
        self,
        one: Appointment,
        providers: Sequence[str],
        choices: int,
        within: timedelta,
        now: datetime,
        promised: Promised,
    ) -> list[Slot]:
        """The best slots: with the same provider, the nearest later ones, then earlier ones."""
        low, high = max(one.start - within, now), max(one.start, now) + within
        session = self._bookings.seats.left_by(one)
        own = made_by([one] if session is None else [one, session])
        asked: dict[str, Inquiry] = {}
        ranked: list[tuple[bool, bool, timedelta, str, Slot]] = []
        for provider in providers:
            stretch = minute_of(low, rounding="down"), minute_of(high, rounding="up")
            found = self._bookings.inquiries.asked(
                provider,
                one.type,
                stretch,
                patient=one.patient,
                busy=promised.busy,
                now=now,
                referred=bool(one.referral),
                prepaid=bool(one.prepayment),
                but=own,
            )
            asked[provider] = promised.beside(found, one.patient)
            listed = list_slots(asked[provider], low, high)
            free = [slot for slot in listed if promised.is_free(slot) and not _is_at(one, slot)]
            for slot in _nearest(free, one.start, choices):
                away, earlier = slot.start - one.start, slot.start < one.start
                ranked.append((provider != one.provider, earlier, abs(away), slot.id, slot))
        best = [slot for *_, slot in sorted(ranked)[:choices]]
        if best:
            first = best[0]
            minute = whole_minute(first.start, "start")
            planned = plan(
                asked[first.provider],
                minute,
                prefer=one.resources,
                places=(first.location,),
            )
            assert isinstance(planned, Plan)  # what is listed is not refused
            promised.add(first, planned)
            promised.visits.append((one.patient, visited(asked[first.provider], planned)))
        return best


def _nearest(slots: Sequence[Slot], start: datetime, count: int) -> list[Slot]:
    """The first slots from a start on, and the last ones before it."""
    later = [slot for slot in slots if slot.start >= start]
    earlier = [slot for slot in slots if slot.start < start]
    return [*later[:count], *earlier[::-1][:count]]


def _is_at(one: Appointment, slot: Slot) -> bool:
    return (slot.provider, slot.start, slot.location) == (one.provider, one.start, one.location)
