"""Practices in several stores that are told the same, and what each of them answers and shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import attrs
from tests.races.wholeness import ALL, check_told, check_whole, followed, resources_of

from medsched import MedschedError, Page, Practice, Scheduler, Slot, Slots
from medsched.domain.agendas import Agenda
from medsched.domain.blockings import Blocking
from medsched.domain.records import Record
from medsched.domain.refusals import BookingRefused
from medsched.domain.sessions import GroupSession
from medsched.domain.stored import BOOKINGS, CLASSES, BookingRecord, Ref
from medsched.ports.store import Store
from medsched.testing.fixed import FixedClock, NumberedIds
from medsched.timeline.instants import DAY, EPOCH

NOW = datetime(2026, 3, 6, 12, tzinfo=UTC)
"""The Friday before New York's clocks go forward."""
PRACTICE = "riverside"
_FIRST = (NOW - EPOCH).days - 3
_LAST = _FIRST + 40
"""The days that everything happens on."""
_MUCH_LATER = NOW + timedelta(days=9999)


class Impatient:
    """Pauses that take no time: there is nobody to wait for."""

    def pause(self, tries: int) -> None:
        pass


class Answer(NamedTuple):
    """What a command came to: a result, or an error; and the same to be compared."""

    result: Any
    told: Any


@attrs.define(eq=False)
class Subject:
    """One practice, the store it is in, a clock and ids of its own."""

    name: str
    store: Store
    clinic: Practice = attrs.field(init=False)
    clock: FixedClock = attrs.field(init=False, factory=lambda: FixedClock(NOW))

    def opened(self, *, registers_patients: bool) -> None:
        """Begin to answer."""
        self.clinic = Scheduler(
            self.store,
            clock=self.clock,
            ids=NumberedIds(),
            pauses=Impatient(),
            registers_patients=registers_patients,
        ).practice(PRACTICE)

    def answer(self, command: Callable[[Practice], object]) -> Answer:
        """What comes of a command: the result, or the type of an error and all that it says."""
        try:
            result = command(self.clinic)
        except MedschedError as error:
            more: tuple[object, ...] = ()
            if isinstance(error, BookingRefused):
                more = (error.violations, plain(error.alternatives))
            return Answer(None, (type(error).__name__, str(error), *more))
        return Answer(result, plain(result))

    # ------------------------------------------------------------------- what is shown

    def bookings(self) -> list[Any]:
        """Everything that bookings change: themselves, claims, ledger, and what was told."""
        appointments = self.store.appointments(PRACTICE, Agenda(), after=None, limit=ALL)
        holds = self.store.expired_holds(PRACTICE, _MUCH_LATER, limit=ALL)
        others: list[BookingRecord] = []
        for cls in (GroupSession, Blocking):
            others += self.store.page(PRACTICE, cls, active=None, where={}, after=None, limit=ALL)
        resources = resources_of(self.store, PRACTICE, (*appointments, *holds, *others))
        claims = self.store.claims(PRACTICE, resources, _FIRST * DAY, _LAST * DAY)
        ledger = self.store.ledger(PRACTICE, resources, _FIRST, _LAST)
        last = self.store.number_events(PRACTICE)
        events = self.store.events(PRACTICE, after=0, limit=ALL)
        changes = self.store.changes(PRACTICE, after=0, limit=ALL)
        return [
            plain(appointments),
            plain(holds),
            plain(others),
            list(claims),
            sorted(ledger.items()),
            last,
            list(events),
            list(changes),
        ]

    def records(self) -> list[Any]:
        """Everything else that is stored, and what is known of its hours."""
        found = [
            self.store.page(PRACTICE, cls, active=None, where={}, after=None, limit=ALL)
            for kind, cls in CLASSES.items()
            if kind not in BOOKINGS
        ]
        resources = resources_of(self.store, PRACTICE, ())
        calendars = self.store.calendars(PRACTICE, resources)
        return [plain(found), [calendars[one] for one in sorted(resources)]]

    def referrers(self) -> list[Any]:
        """Who refers to each record."""
        pages = [
            self.store.page(PRACTICE, cls, active=None, where={}, after=None, limit=ALL)
            for cls in CLASSES.values()
        ]
        refs = sorted(Ref.to(record) for page in pages for record in page)
        return [list(self.store.referrers(PRACTICE, ref)) for ref in refs]

    def check(self) -> None:
        """What must hold after every step."""
        check_whole(self.store, PRACTICE)

    def check_told(self) -> None:
        """What must hold of the events in the end."""
        holds = self.store.expired_holds(PRACTICE, _MUCH_LATER, limit=ALL)
        check_told(followed(self.clinic, limit=7), check_whole(self.store, PRACTICE), holds)


def plain(value: object) -> Any:
    """A value to be compared: of records with the times, which do not make them equal."""
    match value:
        case Record():
            return value, value.created_at, value.updated_at
        case Slot():
            return value.id, value.start, value.end, value.status, value.seats_free, value.opened_by
        case Slots():
            return [plain(one) for one in value], value.summary()
        case Page():
            return [plain(one) for one in value], value.next
        case Mapping():
            return sorted((key, plain(one)) for key, one in value.items())
        case list() | tuple() if type(value) in (list, tuple):
            return [plain(one) for one in value]
        case _:
            return value


def differences(one: Sequence[Any], other: Sequence[Any]) -> str:
    """What two stores show that is not the same, for whoever has to find out why."""
    return "\n".join(
        f"memory: {left!r}\nhere:   {right!r}"
        for left, right in zip(one, other, strict=True)
        if left != right
    )
