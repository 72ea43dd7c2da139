"""Guards on whole agendas: whoever closes time has seen all who stand in it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import attrs
import pytest

from medsched.domain.agendas import Agenda
from medsched.domain.appointment_types import AppointmentType
from medsched.domain.appointments import Appointment, AppointmentStatus
from medsched.domain.changes import Applied, RowVersion, ScheduleVersion, Stale, Standing
from medsched.domain.people import Patient
from medsched.domain.stored import Ref
from medsched.ports.store import Store
from medsched.testing.contracts.kit import (
    NINE,
    R1,
    ROUNDS,
    SMITH,
    THREADS,
    Contract,
    appointment,
    book,
    changes,
    outcomes_of,
    put,
    shown,
)
from medsched.testing.contracts.samples import UNNAMEABLE
from medsched.timeline.instants import instant_of

_NEW: Final = Patient(id="new", version=1)
_AWAITED: Final = frozenset({AppointmentStatus.PENDING, AppointmentStatus.BOOKED})
_HERE: Final[tuple[Appointment, ...]] = (
    appointment("a", NINE),
    appointment("b", NINE + 30, patient="bob", location="main", resources={R1}),
    appointment("c", NINE + 60, type="other", status="cancelled"),
    appointment("d", NINE + 60, provider="jones", patient="eve", version=2),
)
_AGENDAS: Final[dict[str, tuple[Agenda, str]]] = {
    "everybody": (Agenda(), "abcd"),
    "a provider": (Agenda(provider="smith"), "abc"),
    "a place": (Agenda(location="main"), "b"),
    "a room": (Agenda(resource=R1), "b"),
    "a type": (Agenda(type="other"), "c"),
    "who are awaited": (Agenda(provider="smith", statuses=_AWAITED), "ab"),
    "from an instant on": (Agenda(provider="smith", since=instant_of(NINE + 30)), "bc"),
    "up to an instant": (Agenda(provider="smith", before=instant_of(NINE + 30)), "a"),
    "nobody": (Agenda(provider="kim"), ""),
}


def _standing(agenda: Agenda, ids: str) -> Standing:
    return Standing.of(agenda, [one for one in _HERE if one.id in ids])


class Standings(Contract):
    """The guard `Standing`."""

    @pytest.fixture
    def booked(self, store: Store, practice: str) -> str:
        """A practice with four appointments."""
        for one in _HERE:
            put(store, practice, attrs.evolve(one, version=1), claims=one.claims)
        moved = next(one for one in _HERE if one.version == 2)
        put(store, practice, moved)
        put(store, practice, bumps={SMITH})
        return practice

    @pytest.mark.parametrize("asked", _AGENDAS.values(), ids=list(_AGENDAS))
    def test_who_stands_on_an_agenda(
        self, store: Store, booked: str, asked: tuple[Agenda, str]
    ) -> None:
        agenda, ids = asked
        put(store, booked, _NEW, guards={_standing(agenda, ids)})
        before = shown(store, booked)
        others = [ids + one.id for one in _HERE if one.id not in ids]
        others += [ids.replace(one, "") for one in ids]
        wrong = {_standing(agenda, some) for some in others}
        held = _standing(agenda, ids).appointments
        wrong |= {Standing(agenda, held - {(id, at)} | {(id, at + 1)}) for id, at in held}
        wrong |= {Standing(agenda, held | {("nobody", 1)})}
        for guard in wrong:
            later = attrs.evolve(_NEW, version=2)
            assert store.apply(changes(booked, later, guards={guard}, bumps={SMITH})) == Stale()
            assert shown(store, booked) == before

    def test_one_agenda_of_two_does_not_hold(self, store: Store, booked: str) -> None:
        right, wrong = _standing(Agenda(location="main"), "b"), _standing(Agenda(), "abc")
        assert store.apply(changes(booked, _NEW, guards={right, wrong})) == Stale()
        assert store.get(booked, Patient, "new") is None

    def test_what_is_changed_with_it_is_as_it_was(self, store: Store, booked: str) -> None:
        a, b, _, d = _HERE
        cancelled = [attrs.evolve(one, status="cancelled", version=2) for one in (a, b)]
        put(
            store,
            booked,
            *cancelled,
            appointment("e", NINE + 90),
            removals=(RowVersion(Ref.to(d), 2),),
            releases=(*a.claims, *b.claims, *d.claims),
            guards={_standing(Agenda(), "abcd"), _standing(Agenda(statuses=_AWAITED), "abd")},
        )
        assert store.apply(changes(booked, guards={_standing(Agenda(), "abcd")})) == Stale()

    @pytest.mark.parametrize("id", UNNAMEABLE)
    def test_nobody_stands_with_who_cannot_be(self, store: Store, booked: str, id: str) -> None:
        put(store, booked, guards={_standing(Agenda(provider=id), "")})
        wrong = _standing(Agenda(location=id), "b")
        assert store.apply(changes(booked, guards={wrong})) == Stale()

    def test_practices_are_apart_here_too(self, store: Store, booked: str) -> None:
        there = f"{booked}-there"
        put(store, there, _NEW, guards={_standing(Agenda(), "")})

    # ------------------------------------------------------------------------ rivals

    def test_of_a_booking_and_a_closure_that_saw_nobody_one_comes_through(
        self, store: Store, practice: str
    ) -> None:
        version = 1
        put(store, practice, bumps={SMITH})
        for at in range(ROUNDS):
            low = NINE + at * 1440
            made = appointment(f"a{at}", low)
            here = Agenda(provider="smith", since=instant_of(low))
            close = changes(practice, guards={Standing(here, frozenset())}, bumps={SMITH})
            guarded = changes(
                practice, made, claims=made.claims, guards={ScheduleVersion(SMITH, version)}
            )
            outcomes = outcomes_of(store, [guarded, close])
            assert sorted(map(repr, outcomes)) == ["Applied()", "Stale()"]
            version += outcomes[1] == Applied()

    def test_of_a_booking_and_the_end_of_its_type_one_comes_through(
        self, store: Store, practice: str
    ) -> None:
        for at in range(ROUNDS):
            visit = AppointmentType(code=f"t{at}", duration=timedelta(minutes=30), version=1)
            put(store, practice, visit)
            made = appointment(f"a{at}", NINE + at * 1440, type=visit.code)
            ended = attrs.evolve(visit, active=False, version=2)
            nobody = Standing(Agenda(type=visit.code), frozenset())
            outcomes = outcomes_of(
                store,
                [
                    changes(
                        practice,
                        made,
                        claims=made.claims,
                        guards={RowVersion(Ref.to(visit), 1)},
                    ),
                    changes(practice, ended, guards={nobody}),
                ],
            )
            assert sorted(map(repr, outcomes)) == ["Applied()", "Stale()"]

    def test_who_was_there_is_cancelled_or_was_not_missed(
        self, store: Store, practice: str
    ) -> None:
        """Bookings go on while all who are seen are cancelled with a closure."""
        for at in range(ROUNDS // 2):
            low = NINE + at * 1440
            put(store, practice, bumps={SMITH})
            version = store.schedule_versions(practice, [SMITH])[SMITH]
            first = appointment(f"a{at}", low)
            book(store, practice, first)
            here = Agenda(provider="smith", since=instant_of(low), statuses=_AWAITED)
            gone = attrs.evolve(first, status="cancelled", version=2)
            close = changes(
                practice,
                gone,
                releases=first.claims,
                guards={Standing.of(here, [first])},
                bumps={SMITH},
            )
            rivals = [
                appointment(f"a{at}-{n}", low + 60 + n * 30, patient=f"p{n}")
                for n in range(THREADS)
            ]
            seen = ScheduleVersion(SMITH, version)
            taking = [changes(practice, one, claims=one.claims, guards={seen}) for one in rivals]
            closed, *others = outcomes_of(store, [close, *taking])
            left = store.appointments(practice, here, after=None, limit=99)
            if closed == Applied():
                assert not left
                assert set(others) == {Stale()}
            else:
                assert closed == Stale()
                assert len(left) == 1 + others.count(Applied()) > 1
