"""Appointments and holds: what they are called, what they name, and when holds end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

import attrs
import pytest

from medsched.domain.agendas import Agenda, Named
from medsched.domain.appointment_types import AppointmentType
from medsched.domain.appointments import Appointment, AppointmentStatus
from medsched.domain.changes import RowVersion, Stale
from medsched.domain.holds import Hold
from medsched.domain.people import Patient, Provider
from medsched.domain.places import Location, Room
from medsched.domain.stored import BookingRecord, Kind, Ref, Stored
from medsched.ports.store import Store
from medsched.testing.contracts.kit import (
    ADA,
    MAIN,
    MICROSECOND,
    MINUTE,
    NINE,
    NOW,
    R1,
    ROOM,
    SMITH,
    Contract,
    appointment,
    book,
    changes,
    claimed,
    hold,
    ids,
    plain,
    put,
    shown,
)
from medsched.testing.contracts.samples import IDS, UNNAMEABLE
from medsched.testing.contracts.taken import BOOKINGS

VISIT: Final = AppointmentType(code="visit", duration=30 * MINUTE, version=1)
_NAMED: Final = (Ref.of(SMITH), Ref.of(ADA), Ref.to(VISIT), MAIN, ROOM)


def _next(old: Appointment, **fields: object) -> Appointment:
    return attrs.evolve(old, version=old.version + 1, **fields)  # type: ignore[arg-type]


def _called(store: Store, practice: str, text: str) -> list[str]:
    agenda = Agenda(named=Named(references=frozenset({text})))
    return ids(store.appointments(practice, agenda, after=None, limit=9))


class Bookings(Contract):
    """The records that take time."""

    @pytest.mark.parametrize("record", BOOKINGS.values(), ids=list(BOOKINGS))
    def test_a_booking_and_its_claims_come_back_as_they_were(
        self, store: Store, practice: str, record: Stored
    ) -> None:
        assert isinstance(record, BookingRecord)
        book(store, practice, record)
        found = store.get(practice, type(record), record.id)
        assert found is not None
        for one in found.claims:
            made = store.claims(practice, [one.resource], one.low, one.high)
            assert plain(made) == plain([one])
        removals = [RowVersion(Ref.to(record), 1)]
        put(store, practice, removals=removals, releases=found.claims)
        assert store.get(practice, type(record), record.id) is None
        for one in record.claims:
            assert list(store.claims(practice, [one.resource], one.low, one.high)) == []

    def test_filters_find_bookings(self, store: Store, practice: str) -> None:
        put(
            store,
            practice,
            appointment("a", resources={R1}),
            appointment("b", patient="Ada", location="main", status="cancelled", notes="x"),
            appointment("c", resources={R1, ADA}, reference="R", active=False),
            hold("d", expires=NOW, resources={R1}),
            hold("e", expires=NOW + MICROSECOND, patient="ada"),
        )

        def found(cls: type[Stored], **where: object) -> list[str]:
            return ids(store.page(practice, cls, active=None, where=where, after=None, limit=9))

        assert found(Appointment, patient="ada") == ["a", "c"]
        assert found(Appointment, patient="Ada") == ["b"]
        assert found(Appointment, location=None) == ["a", "c"]
        assert found(Appointment, status=AppointmentStatus.BOOKED) == ["a", "c"]
        assert found(Appointment, status="cancelled", location="main") == ["b"]
        assert found(Appointment, resources=R1) == ["a", "c"]
        assert found(Appointment, resources=ADA) == ["c"]
        assert found(Appointment, reference="R") == ["c"]
        assert found(Appointment, reference="", notes="x") == ["b"]
        assert found(Appointment, start=appointment("a").start) == ["a", "b", "c"]
        assert found(Hold, resources=R1) == ["d"]
        assert found(Hold, patient=None) == ["d"]
        assert found(Hold, expires=NOW + MICROSECOND) == ["e"]
        active = store.page(practice, Appointment, active=True, where={}, after=None, limit=9)
        assert ids(active) == ["a", "b"]

    # --------------------------------------------------------------------- references

    def test_a_reference_is_of_one_appointment(self, store: Store, practice: str) -> None:
        put(store, practice, appointment("a", reference="R"))
        put(store, practice, appointment("b"))
        before = shown(store, practice)
        for taken in (
            appointment("c", reference="R"),
            _next(appointment("b"), reference="R"),
            appointment("A", reference="R", status="cancelled"),
        ):
            assert store.apply(changes(practice, Patient(id="new", version=1), taken)) == Stale()
            assert shown(store, practice) == before
        assert _called(store, practice, "R") == ["a"]
        both = [appointment(id, reference="S") for id in ("d", "e")]
        assert store.apply(changes(practice, *both)) == Stale()
        assert shown(store, practice) == before

    def test_a_reference_stays_through_changes(self, store: Store, practice: str) -> None:
        """Even what was entered in error keeps it: nobody else is to be found under it."""
        kept = appointment("a", reference="R")
        put(store, practice, kept)
        for status in ("arrived", "fulfilled", "entered-in-error", "cancelled"):
            kept = _next(kept, status=status)
            put(store, practice, kept)
            other = changes(practice, appointment("b", reference="R"))
            assert store.apply(other) == Stale()
            assert _called(store, practice, "R") == ["a"]
        put(store, practice, _next(kept, active=False))
        assert store.apply(changes(practice, appointment("b", reference="R"))) == Stale()

    def test_a_reference_that_is_given_up_is_free(self, store: Store, practice: str) -> None:
        first = appointment("a", reference="R")
        put(store, practice, first)
        renamed = _next(first, reference="S")
        put(store, practice, renamed)
        put(store, practice, appointment("b", reference="R"))
        assert (_called(store, practice, "R"), _called(store, practice, "S")) == (["b"], ["a"])
        put(store, practice, _next(renamed, reference=""))
        put(store, practice, appointment("c", reference="S"))
        put(store, practice, removals=(RowVersion(Ref(Kind.APPOINTMENT, "b"), 1),))
        put(store, practice, appointment("d", reference="R"))
        assert (_called(store, practice, "R"), _called(store, practice, "S")) == (["d"], ["c"])

    def test_an_empty_reference_is_none(self, store: Store, practice: str) -> None:
        put(store, practice, appointment("a"), appointment("b"))
        put(store, practice, appointment("c"), _next(appointment("a")))
        put(store, practice, removals=(RowVersion(Ref(Kind.APPOINTMENT, "b"), 1),))
        found = store.page(practice, Appointment, active=True, where={}, after=None, limit=9)
        assert ids(found) == ["a", "c"]

    def test_references_are_compared_byte_by_byte(self, store: Store, practice: str) -> None:
        made = [appointment(f"a{at:02}", reference=id) for at, id in enumerate(IDS)]
        for one in made:
            put(store, practice, one)
        for one in made:
            assert _called(store, practice, one.reference) == [one.id]
            rival = appointment("b", reference=one.reference)
            assert store.apply(changes(practice, rival)) == Stale()
        for text in ("EHR-1 ", "eHr-1", "strasse", "ehr-1\t", "%hr-1", *UNNAMEABLE[1:]):
            assert _called(store, practice, text) == []

    def test_references_of_practices_are_apart(self, store: Store, practice: str) -> None:
        for there in (practice, practice + " ", practice.upper()):
            put(store, there, appointment("a", reference="R"))
            assert _called(store, there, "R") == ["a"]

    # ---------------------------------------------------------------------- referrers

    @pytest.mark.parametrize("status", AppointmentStatus)
    def test_what_a_booking_names_is_not_removed(
        self, store: Store, practice: str, status: AppointmentStatus
    ) -> None:
        """Whatever became of it since: its history names them still."""
        named = (
            Provider(id="smith", version=1),
            Patient(id="ada", version=1),
            VISIT,
            Location(id="main", version=1),
            Room(id="r1", location="main", version=1),
        )
        made = appointment("a", location="main", resources={R1}, status=status)
        held = hold("h", expires=NOW, patient="ada", location="main", resources={R1})
        put(store, practice, *named, made, held)
        both = [Ref.to(made), Ref.to(held)]
        for ref in _NAMED:
            found = [one for one in store.referrers(practice, ref) if one != ROOM]
            assert found == both
            assert list(store.referrers(practice, ref, limit=1)) == both[:1]
            assert store.apply(changes(practice, removals=(RowVersion(ref, 1),))) == Stale()
        put(store, practice, removals=(RowVersion(both[1], 1),))
        for ref in _NAMED:
            assert store.apply(changes(practice, removals=(RowVersion(ref, 1),))) == Stale()
        removals = (RowVersion(both[0], 1), *(RowVersion(ref, 1) for ref in _NAMED))
        put(store, practice, removals=removals)
        assert store.get_many(practice, [*both, *_NAMED]) == {}

    def test_a_booking_is_not_made_with_what_is_removed(self, store: Store, practice: str) -> None:
        put(store, practice, Patient(id="ada", version=1), appointment("a", patient="eve"))
        for written in (
            appointment("b"),
            _next(appointment("a", patient="eve"), patient="ada"),
            hold("h", expires=NOW, patient="ada"),
        ):
            spoilt = changes(practice, written, removals=(RowVersion(Ref.of(ADA), 1),))
            assert store.apply(spoilt) == Stale()
        assert list(store.referrers(practice, Ref.of(ADA))) == []

    def test_a_booking_that_moves_refers_to_others(self, store: Store, practice: str) -> None:
        made = appointment("a", resources={R1}, location="main")
        put(store, practice, made)
        moved = _next(made, provider="jones", resources=set(), location=None)
        put(store, practice, moved)
        for ref in (Ref.of(SMITH), ROOM, MAIN):
            assert list(store.referrers(practice, ref)) == []
        for ref in (Ref(Kind.PROVIDER, "jones"), Ref.of(ADA), Ref(Kind.APPOINTMENT_TYPE, "visit")):
            assert list(store.referrers(practice, ref)) == [Ref.to(made)]

    # -------------------------------------------------------------------------- holds

    def test_holds_expire_to_the_microsecond(self, store: Store, practice: str) -> None:
        put(
            store,
            practice,
            *(
                hold(id, expires=NOW + by * MICROSECOND)
                for id, by in (("d", -1), ("b", 0), ("a", 1), ("B", 0), ("c", -(10**12)))
            ),
            hold("z", expires=datetime(1973, 1, 1, tzinfo=UTC), active=False),
            appointment("e"),
        )

        def found(now: datetime, limit: int = 9) -> list[str]:
            return ids(store.expired_holds(practice, now, limit=limit))

        assert found(NOW) == ["z", "c", "d", "B", "b"]
        assert found(NOW.astimezone(timezone(timedelta(hours=-9, minutes=-30)))) == found(NOW)
        assert found(NOW - MICROSECOND) == ["z", "c", "d"]
        assert found(NOW + MICROSECOND) == ["z", "c", "d", "B", "b", "a"]
        assert [found(NOW, limit) for limit in (1, 4)] == [["z"], ["z", "c", "d", "B"]]
        assert found(datetime(1973, 1, 1, tzinfo=UTC)) == ["z"]
        assert list(store.expired_holds(f"{practice}-there", NOW, limit=9)) == []

    def test_a_swept_hold_is_gone(self, store: Store, practice: str) -> None:
        """And whoever sweeps it takes its time at once."""
        swept, kept = hold("h", expires=NOW), hold("k", NINE + 30, expires=NOW)
        book(store, practice, swept, kept)
        assert list(store.expired_holds(practice, NOW, limit=9)) == [swept, kept]
        made = appointment("a", NINE + 5, 20)
        put(
            store,
            practice,
            made,
            removals=(RowVersion(Ref.to(swept), 1),),
            releases=swept.claims,
            claims=made.claims,
        )
        assert list(store.expired_holds(practice, NOW, limit=9)) == [kept]
        by_smith = [one for one in made.claims if one.resource == SMITH]
        assert claimed(store, practice, SMITH) == [*by_smith, *kept.claims]

    def test_an_extended_hold_expires_later(self, store: Store, practice: str) -> None:
        first = hold("h", expires=NOW)
        book(store, practice, first)
        later = attrs.evolve(first, expires=NOW + MINUTE, version=2)
        put(store, practice, later, releases=first.claims, claims=later.claims)
        assert list(store.expired_holds(practice, NOW, limit=9)) == []
        assert claimed(store, practice, SMITH) == list(later.claims)
        assert list(store.expired_holds(practice, NOW + MINUTE, limit=9)) == [later]
