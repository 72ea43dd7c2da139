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
from medsched.domain.requests import Reason, Violation
from medsched.domain.searches import Search
from medsched.domain.slots import Slot
from medsched.domain.stored import Kind
from medsched.engine.booking import Plan
from medsched.engine.chains import Chains
from medsched.engine.series import Occasion, plan_all
from medsched.errors import InvalidChoice, InvalidNumber, NotFound
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
from medsched.services.gates import Gate
from medsched.services.inquiries import Asked
from medsched.services.searches import Searches
from medsched.timeline.instants import whole_minute

_TRIES: Final = 5
"""How often a chain is looked for where hours keep changing, before it is refused."""
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
        gate: Gate,
        visits: Iterable[ChainVisit | Search],
        patient: str,
        most: int,
        referred: bool,
        prepaid: bool,
    ) -> tuple[tuple[Slot, ...], ...]:
        """What `Appointments.find_chain` does."""
        if not isinstance(most, int) or isinstance(most, bool) or not 1 <= most <= MOST_WAYS:
            raise InvalidNumber("most", most, f"1 to {MOST_WAYS} ways at a time")
        wanted, now = _for_patient(visits, patient, referred, prepaid), self._context.now()
        gate.ask_for(patient)
        ways, beside = self._ways(wanted, now)
        found = tuple(islice(ways.found(), most))
        if not found:
            self._check_known(wanted)
            beside.refuse_unmet()
        if not found and ways.given_up:
            raise self._refusal(wanted, ways, beside)
        looks = [self._searches.look(visit.search, now) for visit in wanted]
        return tuple(
            tuple(look.sweep.slot(*slot) for look, slot in zip(looks, way, strict=True))
            for way in found
        )

    def book(
        self,
        gate: Gate,
        visits: Iterable[ChainVisit | Search],
        patient: str,
        details: ChainDetails,
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
            gate.patient(patient)
            ways, beside, found = self._first_way(wanted, now)
            if found is None:
                beside.refuse_unmet()
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
        last = bookings.run(gate, key, said, now, decide, patience=PATIENCE)
        return tuple(booked) if booked and booked[-1] is last else self._leading_to(gate, last)

    def _first_way(
        self, visits: Sequence[ChainVisit], now: datetime
    ) -> tuple[Chains, _Beside, tuple[Slot, ...] | None]:
        """The earliest way; None only if there was none while no hours changed."""
        store, practice = self._context.store, self._context.practice
        tries = 0
        while True:
            read_at, tries = store.roster_version(practice), tries + 1
            ways, beside = self._ways(visits, now)
            found = next(ways.found(), None)
            if found or tries == _TRIES or store.roster_version(practice) == read_at:
                return ways, beside, found

    def _ways(self, visits: Sequence[ChainVisit], now: datetime) -> tuple[Chains, _Beside]:
        beside = _Beside(self._bookings, visits, now)
        # Whatever zone they are asked for in: one day is one day where the visits are.
        looks = [self._searches.look(visit.search, now) for visit in visits]
        options = [look.slots(on_own_wall=True) for look in looks]
        return Chains(visits, options, beside), beside

    def _leading_to(self, gate: Gate, last: Appointment) -> tuple[Appointment, ...]:
        """The appointments of a chain as they are now, from its last one."""
        found = [self._bookings.stored(gate, Appointment, last.id)]
        while found[-1].follows is not None:
            found.append(self._bookings.stored(gate, Appointment, found[-1].follows))
        return gate.shown(reversed(found))

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
        self._unmet: InvalidChoice | None = None

    def __call__(self, before: Sequence[Slot], slot: Slot) -> int | None:
        """Whether a slot fits, as `Fits` has it."""
        start = whole_minute(slot.start, "start")
        try:
            found = self._planned([*before, slot])[-1][2]
        except NotFound:  # somebody who was removed meanwhile
            return start
        except InvalidChoice as error:  # a type that does not need what shall be had
            self._unmet = error
            return start
        if isinstance(found, Plan):
            return None
        self.against[len(before)] = found
        return max(start, *(_not_before(one) for one in found))

    def refuse_unmet(self) -> None:
        """Raise why no type that was found can have the rooms and devices that are asked for."""
        if self._unmet is not None and not self.against:
            raise self._unmet

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


def _not_before(against: Violation) -> int:
    """Until when a reason refuses every start, whoever it is with: those of rules for a patient."""
    if against.reason is not Reason.TOO_CLOSE or against.end is None:
        return 0
    return whole_minute(against.end, "end")


def _for_patient(
    visits: Iterable[ChainVisit | Search], patient: str, referred: bool, prepaid: bool
) -> tuple[ChainVisit, ...]:
    check_id(patient, "patient")
    return tuple(
        attrs.evolve(one, search=asked_for(one.search, patient, referred, prepaid))
        for one in check_chain(visits)
    )
