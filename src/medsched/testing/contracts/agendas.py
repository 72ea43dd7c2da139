"""Lists of appointments: what is asked for, in its order, page by page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta, timezone
from typing import Any, Final

import attrs
import pytest

from medsched.domain.agendas import Agenda, AppointmentOrder, Named, Place
from medsched.domain.appointments import UPCOMING, Appointment, AppointmentStatus
from medsched.domain.changes import RowVersion
from medsched.domain.records import Resource
from medsched.domain.stored import Ref
from medsched.ports.store import Store
from medsched.testing.contracts.kit import (
    MICROSECOND,
    MINUTE,
    NINE,
    NOW,
    R1,
    Contract,
    appointment,
    ids,
    plain,
    put,
)
from medsched.testing.contracts.samples import IDS, UNNAMEABLE
from medsched.testing.contracts.taken import BOOKINGS
from medsched.timeline.instants import FIRST_MINUTE, LAST_MINUTE, instant_of

_NINE: Final = instant_of(NINE)
_INDIA: Final = timezone(timedelta(hours=5, minutes=30))
_STATUSES: Final = tuple(AppointmentStatus)


def _made(at: int) -> Appointment:
    """One of many, of which several share each of the things that are asked for."""
    return appointment(
        f"a{at * 7 % 40:02}",
        NINE + at // 4,
        provider=("smith", "Smith", "jones")[at % 3],
        patient=("ada", "ada ", "eve", "bob")[at % 4],
        type=("visit", "Visit")[at % 2],
        location=(None, "main", "Main")[at // 3 % 3],
        resources=({R1}, {Resource("room", "R1"), Resource("device", "r1")}, ())[at // 2 % 3],
        status=_STATUSES[at % len(_STATUSES)],
        reference=("" if at % 2 else f"R{at}"),
        active=at % 13 != 12,
        created_at=NOW + (at // 5 % 3) * MICROSECOND,
    )


MADE: Final = tuple(map(_made, range(40)))
_ASKED: Final[dict[str, tuple[Agenda, Callable[[Appointment], bool]]]] = {
    "all": (Agenda(), lambda one: True),
    "provider": (Agenda(provider="smith"), lambda one: one.provider == "smith"),
    "patient": (Agenda(patient="ada"), lambda one: one.patient == "ada"),
    "location": (Agenda(location="main"), lambda one: one.location == "main"),
    "type": (Agenda(type="Visit"), lambda one: one.type == "Visit"),
    "room": (Agenda(resource=R1), lambda one: R1 in one.resources),
    "device": (
        Agenda(resource=Resource("device", "r1"), provider="jones"),
        lambda one: one.provider == "jones" and Resource("device", "r1") in one.resources,
    ),
    "a room that nobody has": (Agenda(resource=Resource("room", "r")), lambda one: False),
    "a provider is no room": (Agenda(resource=Resource("provider", "smith")), lambda one: False),
    "status": (
        Agenda(statuses=frozenset({AppointmentStatus.NOSHOW})),
        lambda one: one.status is AppointmentStatus.NOSHOW,
    ),
    "statuses": (Agenda(statuses=UPCOMING), lambda one: one.status.value in ("pending", "booked")),
    "every status": (Agenda(statuses=frozenset(AppointmentStatus)), lambda one: True),
    "no status": (Agenda(statuses=frozenset()), lambda one: False),
    "since": (Agenda(since=_NINE + 3 * MINUTE), lambda one: one.start >= _NINE + 3 * MINUTE),
    "since a moment after": (
        Agenda(since=_NINE + 3 * MINUTE + MICROSECOND),
        lambda one: one.start >= _NINE + 4 * MINUTE,
    ),
    "before": (Agenda(before=_NINE + 3 * MINUTE), lambda one: one.start < _NINE + 3 * MINUTE),
    "before a moment after": (
        Agenda(before=_NINE + 3 * MINUTE + MICROSECOND),
        lambda one: one.start < _NINE + 4 * MINUTE,
    ),
    "one minute, in another zone": (
        Agenda(
            since=(_NINE + 3 * MINUTE).astimezone(_INDIA),
            before=(_NINE + 4 * MINUTE).astimezone(_INDIA),
        ),
        lambda one: one.start == _NINE + 3 * MINUTE,
    ),
    "a stretch that is none": (
        Agenda(since=_NINE + 3 * MINUTE, before=_NINE + 3 * MINUTE),
        lambda one: False,
    ),
    "all of time": (
        Agenda(since=instant_of(FIRST_MINUTE), before=instant_of(LAST_MINUTE)),
        lambda one: True,
    ),
    "an id": (Agenda(named=Named(id="a07")), lambda one: one.id == "a07"),
    "a reference": (
        Agenda(named=Named(references=frozenset({"R8"}))),
        lambda one: one.reference == "R8",
    ),
    "references": (
        Agenda(named=Named(id="R4", references=frozenset({"R8", "R10", "R", "r2", "a07"}))),
        lambda one: one.reference in ("R8", "R10"),
    ),
    "a reference as an id": (Agenda(named=Named(id="R8")), lambda one: False),
    "nobody": (Agenda(named=Named()), lambda one: False),
    "patients": (
        Agenda(named=Named(patients=frozenset({"ada", "bob", "nobody"}))),
        lambda one: one.patient in ("ada", "bob"),
    ),
    "providers": (
        Agenda(named=Named(id="x", providers=frozenset({"Smith"}))),
        lambda one: one.provider == "Smith",
    ),
    "any of them": (
        Agenda(named=Named(id="a07", patients=frozenset({"eve"}), providers=frozenset({"jones"}))),
        lambda one: one.id == "a07" or one.patient == "eve" or one.provider == "jones",
    ),
    "everything at once": (
        Agenda(
            provider="smith",
            patient="ada",
            type="visit",
            statuses=frozenset(AppointmentStatus),
            since=_NINE,
            before=_NINE + 9 * MINUTE,
            named=Named(id="a00", patients=frozenset({"ada"})),
        ),
        lambda one: (
            (one.provider, one.patient, one.type) == ("smith", "ada", "visit")
            and one.start < _NINE + 9 * MINUTE
        ),
    ),
}
"""What is asked for, and which appointments that is."""


def _starts(one: Appointment) -> tuple[Any, str]:
    return one.start, one.id


def _created(one: Appointment) -> tuple[Any, str]:
    return one.created_at, one.id


class Agendas(Contract):
    """`Store.appointments`."""

    @pytest.mark.parametrize("asked, wanted", _ASKED.values(), ids=list(_ASKED))
    def test_an_agenda_is_what_was_asked_for_in_its_order(
        self,
        store: Store,
        practice: str,
        asked: Agenda,
        wanted: Callable[[Appointment], bool],
    ) -> None:
        put(store, practice, *MADE)
        those = list(filter(wanted, MADE))
        for order, key in ((AppointmentOrder.START, _starts), (AppointmentOrder.CREATED, _created)):
            for descending in (False, True):
                agenda = attrs.evolve(asked, order=order, descending=descending)
                in_order = sorted(those, key=key, reverse=descending)
                found = store.appointments(practice, agenda, after=None, limit=50)
                assert ids(found) == ids(in_order)
                first = store.appointments(practice, agenda, after=None, limit=3)
                assert ids(first) == ids(in_order[:3])
                part = store.appointments(practice, agenda, after=None, limit=3, skip=2)
                assert ids(part) == ids(in_order[2:5])
                assert _by_pages(store, practice, agenda, 4) == ids(in_order)

    @pytest.mark.parametrize("asked, wanted", _ASKED.values(), ids=list(_ASKED))
    def test_as_many_are_counted_as_are_told(
        self,
        store: Store,
        practice: str,
        asked: Agenda,
        wanted: Callable[[Appointment], bool],
    ) -> None:
        assert store.count_appointments(practice, asked) == 0
        put(store, practice, *MADE)
        put(store, practice + " ", *MADE[:3])
        those = [*filter(wanted, MADE)]
        assert store.count_appointments(practice, asked) == len(those)
        removed = those[:1]
        put(store, practice, removals=[RowVersion(Ref.to(one), one.version) for one in removed])
        assert store.count_appointments(practice, asked) == len(those) - len(removed)

    @pytest.mark.parametrize("order", AppointmentOrder)
    def test_what_is_left_out_counts_from_the_place(
        self, store: Store, practice: str, order: AppointmentOrder
    ) -> None:
        put(store, practice, *MADE)
        for descending in (False, True):
            agenda = Agenda(order=order, descending=descending)
            every = store.appointments(practice, agenda, after=None, limit=50)
            for at, skip, limit in ((0, 1, 4), (9, 0, 4), (9, 7, 4), (30, 8, 9), (30, 9, 1)):
                place = agenda.place(every[at])
                found = store.appointments(practice, agenda, after=place, limit=limit, skip=skip)
                assert ids(found) == ids(every[at + 1 :][skip : skip + limit])
            # a place of what nothing can be called
            place = Place(every[9].start if order is AppointmentOrder.START else NOW, "\0")
            whole = store.appointments(practice, agenda, after=place, limit=50)
            found = store.appointments(practice, agenda, after=place, limit=5, skip=3)
            assert ids(found) == ids(whole[3:8])
            for skip in (40, 41, 1_000_000):
                assert not store.appointments(practice, agenda, after=None, limit=5, skip=skip)

    def test_appointments_come_as_they_were(self, store: Store, practice: str) -> None:
        record = BOOKINGS["appointment, all stated"]
        put(store, practice, record)
        (found,) = store.appointments(practice, Agenda(), after=None, limit=9)
        assert plain(found) == plain(record)

    def test_many_of_one_instant_are_paged_by_id(self, store: Store, practice: str) -> None:
        put(store, practice, *(appointment(id) for id in IDS))
        for order in AppointmentOrder:
            agenda = Agenda(order=order)
            assert _by_pages(store, practice, agenda, 5) == sorted(IDS)
            back = attrs.evolve(agenda, descending=True)
            assert _by_pages(store, practice, back, 5) == sorted(IDS, reverse=True)

    @pytest.mark.parametrize("order", AppointmentOrder)
    def test_a_page_begins_after_any_place(
        self, store: Store, practice: str, order: AppointmentOrder
    ) -> None:
        """Be it of an appointment that is gone, moved, or never was."""
        made = [
            appointment(id, NINE + at, created_at=NOW + at * MICROSECOND)
            for at, id in ((0, "b"), (0, "d"), (1, "a"), (1, "c"), (2, "b2"))
        ]
        put(store, practice, *made)
        one = MINUTE if order is AppointmentOrder.START else MICROSECOND
        first = _NINE if order is AppointmentOrder.START else NOW
        for at, id in (
            (-1, "z"), (0, ""), (0, "a"), (0, "b"), (0, "c"), (0, "d"), (0, "d "), (1, ""),
            (1, "a"), (1, "b\0"), (1, "c"), (1, "\ud800"), (2, "b"), (2, "b2"), (3, ""),
        ):  # fmt: skip
            place = Place(first + at * one, id)
            forth, back = Agenda(order=order), Agenda(order=order, descending=True)
            for after in (place, Place(place.at.astimezone(_INDIA), id)):
                found = store.appointments(practice, forth, after=after, limit=9)
                assert ids(found) == [some.id for some in made if forth.place(some) > place]
                found = store.appointments(practice, back, after=after, limit=9)
                assert ids(found) == [some.id for some in made[::-1] if back.place(some) < place]

    def test_starts_within_a_minute_are_in_order(self, store: Store, practice: str) -> None:
        starts = [_NINE + at * MICROSECOND for at in (2, 0, 1, 59_999_999)]
        made = [attrs.evolve(appointment(f"a{at}"), start=start) for at, start in enumerate(starts)]
        put(store, practice, *made)
        assert _by_pages(store, practice, Agenda(), 1) == ["a1", "a2", "a0", "a3"]
        between = Agenda(since=_NINE + MICROSECOND, before=_NINE + 2 * MICROSECOND)
        assert _by_pages(store, practice, between, 9) == ["a2"]

    def test_an_agenda_follows_changes(self, store: Store, practice: str) -> None:
        def found(**asked: Any) -> list[str]:
            return ids(store.appointments(practice, Agenda(**asked), after=None, limit=9))

        old = appointment("a", location="main", reference="R")
        put(store, practice, old, appointment("b", NINE + 1))
        assert found() == ["a", "b"]
        new = attrs.evolve(
            appointment("a", NINE + 2, provider="jones", patient="eve", type="call"),
            status="cancelled",
            version=2,
        )
        put(store, practice, new)
        assert found() == ["b", "a"]
        assert found(before=_NINE + MINUTE) == found(location="main") == []
        assert found(named=Named(references=frozenset("R"))) == []
        assert found(provider="smith") == found(patient="ada") == found(type="visit") == ["b"]
        assert found(provider="jones") == found(patient="eve") == found(type="call") == ["a"]
        assert found(statuses=frozenset({AppointmentStatus.CANCELLED})) == ["a"]
        put(store, practice, removals=(RowVersion(Ref.to(new), 2),))
        assert found() == ["b"]

    def test_agendas_of_practices_are_apart(self, store: Store, practice: str) -> None:
        there = [practice, practice + " ", practice + "\u200f"]
        for at, one in enumerate(there):
            put(store, one, appointment(f"a{at}"))
        for at, one in enumerate(there):
            found = store.appointments(one, Agenda(patient="ada"), after=None, limit=9)
            assert ids(found) == [f"a{at}"]

    @pytest.mark.parametrize("text", UNNAMEABLE[1:], ids=ascii)
    def test_what_nothing_can_be_called_is_on_no_agenda(
        self, store: Store, practice: str, text: str
    ) -> None:
        put(store, practice, appointment("a", location="main", reference="R"))
        those = frozenset({text})
        for asked in (
            Agenda(provider=text),
            Agenda(patient=text),
            Agenda(location=text),
            Agenda(type=text),
            Agenda(named=Named(id=text)),
            Agenda(named=Named(references=those, patients=those, providers=those)),
        ):
            assert list(store.appointments(practice, asked, after=None, limit=9)) == []
            assert store.count_appointments(practice, asked) == 0
        named = Named(id=text, references=those, patients=those | {"ada"})
        assert ids(store.appointments(practice, Agenda(named=named), after=None, limit=9)) == ["a"]

    def test_an_agenda_may_name_very_many(self, store: Store, practice: str) -> None:
        put(store, practice, *(appointment(f"a{at:04}", patient=f"p{at}") for at in range(1500)))
        some = frozenset(f"p{at}" for at in range(0, 4000, 2))
        named = Named(id="a0001", references=some, patients=some, providers=some)
        found = store.appointments(practice, Agenda(named=named), after=None, limit=2000)
        assert ids(found) == sorted([*(f"a{at:04}" for at in range(0, 1500, 2)), "a0001"])


def _by_pages(store: Store, practice: str, agenda: Agenda, size: int) -> list[str]:
    """The ids on all pages of an agenda."""
    found, after = list[str](), None
    while page := store.appointments(practice, agenda, after=after, limit=size):
        assert len(page) <= size
        assert not {*ids(page)} & {*found}, "a page tells again what one before it told"
        found += ids(page)
        after = agenda.place(page[-1])
    return found
