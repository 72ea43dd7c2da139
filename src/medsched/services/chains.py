"""Chains of visits, found and booked together or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import Any, Final, TypedDict

import attrs

from medsched.domain.appointments import Appointment, AppointmentStatus
from medsched.domain.chains import ChainVisit, check_chain
from medsched.domain.changes import Changeset
from medsched.domain.events import Change
from medsched.domain.fields import check_id
from medsched.domain.refusals import ChainRefused
from medsched.domain.requests import Violation
from medsched.domain.searches import Search
from medsched.domain.slots import Slot
from medsched.domain.stored import Kind
from medsched.engine.booking import Plan
from medsched.engine.chains import Chains
from medsched.engine.series import Occasion, plan_all
from medsched.errors import InvalidNumber
from medsched.services.asked_for import Details, Wish
from medsched.services.bookings import Bookings
from medsched.services.context import Context
from medsched.services.effects import Effects
from medsched.services.first_available import (
    PATIENCE,
    asked_for,
    known_people,
    told_search,
    told_types,
    wish_for,
)
from medsched.services.inquiries import Asked
from medsched.services.searches import Searches

MOST_WAYS: Final = 100
"""The most ways to have a chain that are found at once."""
_SAID: Final = ("reason", "notes", "referral", "prepayment")


class ChainDetails(TypedDict, total=False):
    """What may be said of a new chain of visits, and so of each of its appointments."""

    reason: str
    """Why the patient comes: up to 500 characters."""
    notes: str
    """Up to 500 characters."""
    referral: str
    """The referral they are booked on, by the host's name: up to 255 characters."""
    prepayment: str
    """The payment in advance they are booked on, by the host's name: up to 255 characters."""
    idempotency_key: str | None
    """1 to 255 characters: a repeated command under it changes nothing a second time."""


class ChainBookings:
    """Finds and books the chains of visits of one practice."""

    def __init__(self, context: Context, bookings: Bookings, searches: Searches) -> None:
        self._context = context
        self._bookings = bookings
        self._searches = searches

    def find(
        self,
        visits: Iterable[ChainVisit | Search],
        patient: str,
        most: int,
        referred: bool,
        prepaid: bool,
    ) -> tuple[tuple[Slot, ...], ...]:
        """What `Appointments.find_chain` does."""
        if not isinstance(most, int) or isinstance(most, bool) or not 1 <= most <= MOST_WAYS:
            raise InvalidNumber("most", most, f"1 to {MOST_WAYS} ways at a time")
        wanted = _for_patient(visits, patient, referred, prepaid)
        ways, _ = self._ways(wanted, self._context.now())
        found = tuple(islice(ways.found(), most))
        if not found:
            self._check_known(wanted)
        return found

    def book(
        self, visits: Iterable[ChainVisit | Search], patient: str, details: ChainDetails
    ) -> tuple[Appointment, ...]:
        """What `Appointments.book_chain` does."""
        context, bookings, now = self._context, self._bookings, self._context.now()
        wanted = _for_patient(
            visits, patient, bool(details.get("referral")), bool(details.get("prepayment"))
        )
        ids = [context.surroundings.ids.new(Kind.APPOINTMENT) for _ in wanted]
        each: Details = {
            "reason": details.get("reason", ""),
            "notes": details.get("notes", ""),
            "referral": details.get("referral", ""),
            "prepayment": details.get("prepayment", ""),
        }
        said: dict[str, Any] = {
            "visits": [
                {**attrs.asdict(one, recurse=False), "search": told_search(one.search)}
                for one in wanted
            ],
            **{name: details.get(name, "") for name in _SAID},
        }
        booked: list[Appointment] = []

        def decide() -> tuple[Appointment, Changeset]:
            ways, beside = self._ways(wanted, now)
            found = next(ways.found(), None)
            if found is None:
                raise self._refusal(wanted, ways, beside)
            made, before = [], None
            for id, (wish, asked, planned) in zip(ids, beside.decided(found), strict=True):
                own: Details = {**each, "id": id}
                drafted = bookings.drafted(AppointmentStatus.BOOKED, wish, own, planned, now)
                made.append((asked, planned, attrs.evolve(drafted, follows=before)))
                before = id
            seats, effects = bookings.placed_all(made, Change.BOOKED, now)
            stands = [guard for asked, _, _ in made for guard in asked.guards()]
            booked[:] = seats
            changes = bookings.changes(effects + Effects(guards=stands), now, asked=made[0][0])
            # The last one is what a key remembers: it leads to those before it.
            return seats[-1], changes

        key = details.get("idempotency_key")
        last = bookings.run("appointment.book-chain", key, said, now, decide, patience=PATIENCE)
        return tuple(booked) if booked and booked[-1] is last else self._leading_to(last)

    def _ways(self, visits: Sequence[ChainVisit], now: datetime) -> tuple[Chains, _Beside]:
        beside = _Beside(self._bookings, visits, now)
        options = [self._searches.found(visit.search, now=now) for visit in visits]
        return Chains(visits, options, beside), beside

    def _leading_to(self, last: Appointment) -> tuple[Appointment, ...]:
        """The appointments of a chain as they are now, from its last one."""
        found = [self._bookings.stored(Appointment, last.id)]
        while found[-1].follows is not None:
            found.append(self._bookings.stored(Appointment, found[-1].follows))
        return tuple(reversed(found))

    def _refusal(self, visits: Sequence[ChainVisit], ways: Chains, beside: _Beside) -> ChainRefused:
        against = self._check_known(visits)
        at = len(ways.deepest)
        return ChainRefused(
            asked=len(visits),
            visit=at,
            types=told_types(visits[at].search),
            before=ways.deepest,
            violations=against or beside.against.get(at, ()),
            given_up=ways.given_up,
        )

    def _check_known(self, visits: Sequence[ChainVisit]) -> tuple[Violation, ...]:
        """What refuses the patient whenever it is; `NotFound` for what is named and not there."""
        against = [known_people(self._context, visit.search) for visit in visits]
        return tuple(dict.fromkeys(chain.from_iterable(against)))


class _Beside:
    """Decides slots beside those that were chosen before them, each as any booking is decided.

    What was read of a slot is kept, so that all of a chain is decided on one reading of it.
    """

    def __init__(self, bookings: Bookings, visits: Sequence[ChainVisit], now: datetime) -> None:
        self._bookings = bookings
        self._visits = visits
        self._now = now
        self._asked: dict[tuple[int, str], tuple[Wish, Asked]] = {}
        self.against: dict[int, tuple[Violation, ...]] = {}
        """What speaks against the last slot that was refused for a visit."""

    def __call__(self, before: Sequence[Slot], slot: Slot) -> bool:
        found = self._planned([*before, slot])[-1][2]
        if isinstance(found, Plan):
            return True
        self.against[len(before)] = found
        return False

    def decided(self, chosen: Sequence[Slot]) -> list[tuple[Wish, Asked, Plan]]:
        """What is taken by slots that fit."""
        found = []
        for wish, asked, planned in self._planned(chosen):
            assert isinstance(planned, Plan)  # each was found to fit on the same reading
            found.append((wish, asked, planned))
        return found

    def _planned(
        self, chosen: Sequence[Slot]
    ) -> list[tuple[Wish, Asked, Plan | tuple[Violation, ...]]]:
        each = [self._ask(at, slot) for at, slot in enumerate(chosen)]
        plans = plan_all(
            [Occasion(asked.inquiry, wish.slot.start, wish.slot.places) for wish, asked in each]
        )
        return [(*one, planned) for one, planned in zip(each, plans, strict=True)]

    def _ask(self, at: int, slot: Slot) -> tuple[Wish, Asked]:
        key = (at, slot.id)
        found = self._asked.get(key)
        if found is None:
            visit = self._visits[at]
            wish = wish_for(slot, visit.search, visit.resources)
            found = self._asked[key] = (wish, self._bookings.ask(wish, self._now))
        return found


def _for_patient(
    visits: Iterable[ChainVisit | Search], patient: str, referred: bool, prepaid: bool
) -> tuple[ChainVisit, ...]:
    check_id(patient, "patient")
    return tuple(
        attrs.evolve(one, search=asked_for(one.search, patient, referred, prepaid))
        for one in check_chain(visits)
    )
