"""What a search reads: the version of a roster, and what is claimed of many, in one state."""

from __future__ import annotations

from datetime import timedelta

import attrs

from medsched.domain.appointment_types import AppointmentType
from medsched.domain.changes import RowVersion
from medsched.domain.claims import LONGEST_CLAIM, ClaimKind, Span
from medsched.domain.ledger import LedgerKey
from medsched.domain.people import Patient, Provider
from medsched.domain.records import Resource
from medsched.domain.stored import Kind, Ref
from medsched.ports.store import Store, Taken
from medsched.testing.contracts.kit import (
    DAY_OF_NINE,
    NINE,
    NOW,
    SMITH,
    Contract,
    appointment,
    book,
    changes,
    claim,
    hold,
    put,
)
from medsched.testing.contracts.samples import IDS
from medsched.timeline.instants import DAY

JONES = Resource("provider", "jones")
ADA = Resource("patient", "ada")
ROOM = Resource("room", "r1")
_HOUR_OF_NINE = NINE % DAY // 60


def _taken(store: Store, practice: str, *resources: Resource, hours: tuple[int, int]) -> Taken:
    day = DAY_OF_NINE
    return store.taken(practice, resources, day - 1, day + 1, hours=hours, now=NOW)


class Searching(Contract):
    """What a search reads."""

    def test_nothing_is_taken_where_nothing_is(self, store: Store, practice: str) -> None:
        assert store.roster_version(practice) == 0
        assert store.all_schedule_versions(practice) == {}
        for resources in ((), (SMITH,), (SMITH, ADA, ROOM)):
            found = _taken(store, practice, *resources, hours=(0, 24))
            assert (found.roster, found.ledger, list(found.lapsed)) == (0, {}, [])

    def test_a_roster_goes_up_with_every_schedule_and_type(
        self, store: Store, practice: str
    ) -> None:
        seen = [store.roster_version(practice)]

        def rises() -> bool:
            seen.append(store.roster_version(practice))
            assert _taken(store, practice, SMITH, hours=(0, 24)).roster == seen[-1]
            return seen[-1] > seen[-2]

        put(store, practice, Provider(id="smith", version=1), bumps={SMITH})
        assert rises()
        put(store, practice, bumps={SMITH, JONES, ROOM})
        assert rises()
        visit = AppointmentType(code="visit", duration=timedelta(minutes=30), version=1)
        put(store, practice, visit)
        assert rises()
        put(store, practice, attrs.evolve(visit, name="Visit", version=2))
        assert rises()
        put(store, practice, removals=[RowVersion(Ref(Kind.APPOINTMENT_TYPE, "visit"), 2)])
        assert rises()
        put(store, practice, Patient(id="ada", version=1))
        assert not rises()
        book(store, practice, appointment("a"))
        assert not rises()
        stale = changes(practice, Provider(id="smith", version=1), bumps={SMITH})
        store.apply(stale)
        assert not rises()
        assert store.all_schedule_versions(practice) == {SMITH: 2, JONES: 1, ROOM: 1}
        assert store.roster_version(practice + "-2") == 0

    def test_what_is_taken_is_what_the_ledger_says(self, store: Store, practice: str) -> None:
        put(
            store,
            practice,
            claims=[
                claim(SMITH, NINE, NINE + 30),
                claim(SMITH, NINE + 14 * 60 + 59, NINE + DAY, "b"),
                claim(JONES, NINE - 1, NINE, "c", kind=ClaimKind.BLOCKING),
                claim(ADA, NINE, NINE + 1, "a"),
                claim(ROOM, NINE - LONGEST_CLAIM + 1, NINE + 1, "d"),
            ],
        )
        others = [Resource("patient", "smith"), Resource("provider", "SMITH")]
        for resources in ([SMITH], [SMITH, JONES, ADA, ROOM, *others], others):
            found = _taken(store, practice, *resources, hours=(0, 24))
            days = DAY_OF_NINE - 1, DAY_OF_NINE + 1
            assert found.ledger == store.ledger(practice, resources, *days)
            assert list(found.lapsed) == []

    def test_the_hours_that_are_asked_for_are_all_there(self, store: Store, practice: str) -> None:
        every = [claim(SMITH, NINE + at, NINE + at + 1, f"{at}") for at in range(-539, 900, 61)]
        put(store, practice, claims=every)
        key = LedgerKey(SMITH, DAY_OF_NINE)
        whole = store.ledger(practice, [SMITH], DAY_OF_NINE, DAY_OF_NINE)[key]
        for low, high in ((0, 1), (0, 24), (_HOUR_OF_NINE, _HOUR_OF_NINE + 3), (7, 8), (23, 24)):
            asked = ((1 << (high - low) * 60) - 1) << low * 60
            found = _taken(store, practice, SMITH, hours=(low, high)).ledger.get(key, 0)
            assert found & asked == whole & asked
            assert found & ~whole == 0

    def test_holds_that_have_expired_are_told_by_their_minutes(
        self, store: Store, practice: str
    ) -> None:
        put(store, practice, Provider(id="smith", version=1))
        past, future = NOW - timedelta(microseconds=1), NOW + timedelta(microseconds=1)
        book(
            store,
            practice,
            hold("h1", NINE, expires=past),
            hold("h2", NINE + 60, expires=NOW),
            hold("h3", NINE + 120, expires=future, referral="ünïcode \" \\ '"),
        )
        found = _taken(store, practice, SMITH, hours=(0, 24))
        spans = [Span(SMITH, NINE, NINE + 30), Span(SMITH, NINE + 60, NINE + 90)]
        assert sorted(found.lapsed) == spans
        assert found.ledger == store.ledger(practice, [SMITH], DAY_OF_NINE - 1, DAY_OF_NINE + 1)
        assert found.ledger

    def test_ids_are_told_apart_among_what_is_taken(self, store: Store, practice: str) -> None:
        named = [Resource("provider", id) for id in IDS]
        claims = [claim(one, NINE + at, NINE + at + 1) for at, one in enumerate(named)]
        put(store, practice, claims=claims)
        found = _taken(store, practice, *named, hours=(0, 24)).ledger
        assert found == {
            LedgerKey(one, DAY_OF_NINE): 1 << (NINE + at) % DAY for at, one in enumerate(named)
        }
