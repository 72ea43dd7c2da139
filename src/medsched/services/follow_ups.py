"""Follow-ups: found as wished, and booked in the same command."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any, Final

import attrs

from medsched.domain.appointments import CLAIMING, Appointment, AppointmentStatus
from medsched.domain.changes import Changeset, RowVersion
from medsched.domain.events import Change
from medsched.domain.records import Resource
from medsched.domain.refusals import BookingRefused, FollowUpRefused
from medsched.domain.slots import Slot
from medsched.domain.stored import Kind, Ref
from medsched.domain.wishes import FollowUpWish
from medsched.engine.booking import Plan
from medsched.engine.follow_ups import fitting, nearest
from medsched.engine.slots import list_slots
from medsched.engine.verdict import standing
from medsched.errors import InvalidChoice, InvalidTransition, NotFound, OutOfRange
from medsched.services.asked_for import Details, Wanted, Wish, id_of
from medsched.services.bookings import ALTERNATIVES, Bookings
from medsched.services.context import Context
from medsched.services.effects import Effects
from medsched.services.gates import Gate
from medsched.services.inquiries import Asked
from medsched.timeline.instants import (
    DAY,
    FIRST_DAY,
    FIRST_MINUTE,
    LAST_DAY,
    LAST_MINUTE,
    date_of,
    day_of,
    instant_of,
    minute_of,
    whole_minute,
)
from medsched.timeline.intervals import Interval

_FOLLOWED_UP: Final = "followed up"
_SAID: Final = ("id", "reference", "reason", "notes", "referral", "prepayment")
_NOT_FOUND_SO: Final = ("override", "in_place_of")
_BEFORE, _BEYOND = timedelta(days=7), timedelta(days=35)
"""How far from what was wished for alternatives are looked for."""


@attrs.frozen(kw_only=True)
class _Sought:
    """What is looked for: the target date, and the earliest start, in minutes of the epoch."""

    visit: Appointment
    type: str
    wish: FollowUpWish
    named: frozenset[Resource]
    referred: bool
    prepaid: bool
    providers: tuple[str, ...]
    target: date
    soonest: int
    now: datetime

    def within(self, before: timedelta, beyond: timedelta) -> Interval:
        """The minutes of all dates from so long before the target to so long after it."""
        low = (day_of(self.target) - before.days - 1) * DAY
        high = (day_of(self.target) + beyond.days + 2) * DAY
        return max(low, self.soonest, FIRST_MINUTE), min(high, LAST_MINUTE)


class FollowUps:
    """Finds and books the follow-ups of one practice."""

    def __init__(self, context: Context, bookings: Bookings) -> None:
        self._context = context
        self._bookings = bookings

    def book(
        self,
        gate: Gate,
        visit: Appointment | str,
        wish: FollowUpWish,
        type: str | None,
        details: Details,
    ) -> Appointment:
        """What `Appointments.follow_up` does."""
        context, bookings, now = self._context, self._bookings, self._context.now()
        if not isinstance(wish, FollowUpWish):
            raise InvalidChoice("wish", builtins.type(wish).__name__, "a FollowUpWish is needed")
        for name in _NOT_FOUND_SO:
            if details.get(name) is not None:
                raise InvalidChoice(name, "…", "a follow-up is looked for in what is free")
        own_id = details.get("id") or context.surroundings.ids.new(Kind.APPOINTMENT)
        anywhere = Wanted("", "", 0, wish.location).plain()
        said: dict[str, Any] = {
            "visit": id_of(visit),
            "type": type,
            "wish": {**attrs.asdict(wish, recurse=False), "location": anywhere},
            "resources": frozenset(details.get("resources", ())),
            **{name: details.get(name, "") for name in _SAID},
        }

        def decide() -> tuple[Appointment, Changeset]:
            seen = bookings.stored(gate, Appointment, visit)
            bookings.refuse_taken(details.get("id", ""), details.get("reference", ""))
            if seen.status not in CLAIMING:
                raise InvalidTransition(seen.status.value, _FOLLOWED_UP)
            sought = self._sought(seen, type, wish, details, now)
            found = self._best(sought)
            if found is None:
                raise self._refusal(sought)
            each, asked, planned = found
            own: Details = {**details, "id": own_id}
            drafted = bookings.drafted(AppointmentStatus.BOOKED, each, own, planned, now)
            made = attrs.evolve(drafted, follows=seen.id)
            unchanged = Effects(guards=[RowVersion(Ref.to(seen), seen.version)])
            return bookings.placed(asked, planned, made, Change.BOOKED, now, instead=unchanged)

        return bookings.run(gate, details.get("idempotency_key"), said, now, decide)

    def _sought(
        self,
        visit: Appointment,
        type: str | None,
        wish: FollowUpWish,
        details: Details,
        now: datetime,
    ) -> _Sought:
        day = day_of(visit.wall.start.date()) + wish.after.days
        if day > LAST_DAY:
            raise OutOfRange("after", wish.after, "leads beyond 9998")
        providers = tuple(dict.fromkeys((visit.provider, *wish.providers)))
        refs = [Ref(Kind.PROVIDER, one) for one in providers]
        known = self._context.store.get_many(self._context.practice, refs)
        for ref in refs:
            if ref not in known:
                raise NotFound(ref.kind.value, ref.id)
        soonest = minute_of(max(now, visit.end), "now", rounding="up")
        return _Sought(
            visit=visit,
            type=visit.type if type is None else type,
            wish=wish,
            named=frozenset(details.get("resources", ())),
            referred=bool(details.get("referral")),
            prepaid=bool(details.get("prepayment")),
            providers=providers,
            target=date_of(day),
            soonest=soonest,
            now=now,
        )

    def _asked(self, sought: _Sought, provider: str, within: Interval) -> Asked:
        return self._bookings.inquiries.asked(
            provider,
            sought.type,
            within,
            patient=sought.visit.patient,
            now=sought.now,
            named=sought.named,
            referred=sought.referred,
            prepaid=sought.prepaid,
        )

    def _best(self, sought: _Sought) -> tuple[Wish, Asked, Plan] | None:
        """What fulfils the wish best, the visit's own provider before all others.

        Each is decided as any booking is: what a rival has taken since it was listed is passed
        over.
        """
        within = sought.within(sought.wish.give_or_take, sought.wish.give_or_take)
        own, *others = sought.providers
        for group in ([own], others):
            asked = {who: self._asked(sought, who, within) for who in group}
            slots = [slot for one in asked.values() for slot in _free(one, within)]
            for slot in fitting(slots, sought.wish, sought.target):
                start = whole_minute(slot.start, "start")
                each = Wish(
                    Wanted(slot.provider, slot.type, start, slot.location),
                    patient=sought.visit.patient,
                    named=sought.named,
                    referred=sought.referred,
                    prepaid=sought.prepaid,
                )
                with suppress(BookingRefused):
                    return each, *self._bookings.decide(each, sought.now)
        return None

    def _refusal(self, sought: _Sought) -> FollowUpRefused:
        """The refusal of a wish, with the free slots that come nearest to it."""
        wish, now = sought.wish, sought.soonest // DAY
        late = max(wish.give_or_take, timedelta(days=now - day_of(sought.target)))
        within = sought.within(wish.give_or_take + _BEFORE, late + _BEYOND)
        asked = [self._asked(sought, who, within) for who in sought.providers]
        against = [violation for one in asked for violation in standing(one.inquiry)]
        return FollowUpRefused(
            visit=sought.visit.id,
            type=sought.type,
            providers=sought.providers,
            first=_clipped(sought.target, -wish.give_or_take),
            last=_clipped(sought.target, wish.give_or_take),
            alternatives=nearest(
                (slot for one in asked for slot in _free(one, within)), sought.target, ALTERNATIVES
            ),
            violations=tuple(dict.fromkeys(against)),
        )


def _free(asked: Asked, within: Interval) -> Sequence[Slot]:
    low, high = within
    return list_slots(asked.inquiry, instant_of(low), instant_of(high)) if low < high else []


def _clipped(day: date, by: timedelta) -> date:
    return date_of(min(max(day_of(day) + by.days, FIRST_DAY), LAST_DAY))
