"""A key answers for what was done under it, once and for seven days."""

from __future__ import annotations

from datetime import timedelta, timezone

import attrs
import pytest

from medsched.domain.appointments import Appointment
from medsched.domain.changes import (
    Applied,
    Changeset,
    Refused,
    Repeated,
    RowVersion,
    ScheduleVersion,
    Stale,
    Tally,
)
from medsched.domain.events import Change, Event
from medsched.domain.holds import Hold
from medsched.domain.idempotency import KEPT_FOR, Receipt
from medsched.domain.people import Patient
from medsched.domain.stored import BookingRecord, Kind, Noun, Ref
from medsched.ports.store import Store
from medsched.testing.contracts.kit import (
    MICROSECOND,
    NINE,
    NOW,
    SMITH,
    Contract,
    appointment,
    book,
    changes,
    claimed,
    hold,
    plain,
    put,
    request,
    shown,
)
from medsched.testing.contracts.samples import IDS, RECORDS
from medsched.testing.contracts.taken import BOOKINGS

_A = Ref(Kind.APPOINTMENT, "a")
_INDIA = timezone(timedelta(hours=5, minutes=30))


def _booking(practice: str, key: str = "key", **more: object) -> Changeset:
    """A booking that is made under a key."""
    made = appointment("a", reference="R")
    return changes(
        practice,
        made,
        claims=made.claims,
        guards={ScheduleVersion(SMITH, 0)},
        request=request(key, result=made, patient="ada"),
        tallies=[Tally("n", 1, 1)],
        **more,
    )


class Receipts(Contract):
    """`Changeset.request`, and what is kept of it."""

    def test_a_repeated_request_is_told_its_first_result(self, store: Store, practice: str) -> None:
        booking = _booking(practice)
        assert booking.request is not None
        scope = booking.request.scope
        receipt = Receipt(booking.request.digest, appointment("a", reference="R"))
        assert store.receipt(practice, scope, NOW) is None
        assert store.apply(booking) == Applied()
        assert plain(store.receipt(practice, scope, NOW)) == plain(receipt)
        # It would be stale and refused by now, in every way; and so it was done.
        before = shown(store, practice, scopes=[scope], tallies=["n"])
        for _ in range(2):
            assert plain(store.apply(booking)) == plain(Repeated(receipt))
        assert shown(store, practice, scopes=[scope], tallies=["n"]) == before

    def test_another_booking_under_the_key_takes_nothing_though_nothing_is_in_its_way(
        self, store: Store, practice: str
    ) -> None:
        """With no guard either that could stop it: the key alone does."""
        first, other = appointment("a"), appointment("b", low=NINE + 60)
        _, outcome = [
            store.apply(
                changes(
                    practice,
                    one,
                    claims=one.claims,
                    events=[Event.of(Change.BOOKED, one)],
                    request=request("key", result=one, said=one.id),
                )
            )
            for one in (first, other)
        ]
        assert isinstance(outcome, Repeated)
        assert outcome.receipt.result == first
        assert store.get(practice, Appointment, "b") is None
        assert {one.id for one in claimed(store, practice, SMITH)} == {"a"}
        assert store.number_events(practice) == 1

    @pytest.mark.parametrize("record", BOOKINGS.values(), ids=list(BOOKINGS))
    def test_a_result_is_kept_as_it_was(
        self, store: Store, practice: str, record: BookingRecord
    ) -> None:
        """However it changed since, and when it is gone."""
        ref = Ref.to(record)
        keyed = changes(practice, record, request=request("key", result=record))
        assert store.apply(keyed) == Applied()
        assert keyed.request is not None
        receipt = Receipt(keyed.request.digest, record)
        put(store, practice, attrs.evolve(record, active=not record.active, version=2))
        assert plain(store.apply(keyed)) == plain(Repeated(receipt))
        put(store, practice, removals=(RowVersion(ref, 2),))
        assert plain(store.apply(keyed)) == plain(Repeated(receipt))
        assert plain(store.receipt(practice, keyed.request.scope, NOW)) == plain(receipt)

    @pytest.mark.parametrize("record", RECORDS.values(), ids=list(RECORDS))
    def test_a_result_may_be_any_record(self, store: Store, practice: str, record: Noun) -> None:
        """Told as it was, though it is stored nowhere else."""
        asked = request("key", result=record)
        put(store, practice, request=asked)
        receipt = Receipt(asked.digest, record)
        assert plain(store.receipt(practice, asked.scope, NOW)) == plain(receipt)
        again = changes(practice, request=asked)
        assert plain(store.apply(again)) == plain(Repeated(receipt))
        assert store.get(practice, type(record), record.id) is None

    def test_a_result_need_not_be_what_is_written(self, store: Store, practice: str) -> None:
        """As where a hold is given back: it is told as it was, and is no more."""
        held, made = hold("h", expires=NOW), appointment("a")
        book(store, practice, held)
        asked = request("key", result=held)
        removals = [RowVersion(Ref.to(held), 1)]
        put(store, practice, made, removals=removals, releases=held.claims, request=asked)
        receipt = store.receipt(practice, asked.scope, NOW)
        assert plain(receipt) == plain(Receipt(asked.digest, held))
        assert store.get(practice, Hold, "h") is None
        # Nor what is stored under its id by then.
        asked, later = request("other", result=made), attrs.evolve(made, version=2, notes="later")
        put(store, practice, later, request=asked)
        receipt = store.receipt(practice, asked.scope, NOW)
        assert plain(receipt) == plain(Receipt(asked.digest, made))

    def test_there_need_be_no_result(self, store: Store, practice: str) -> None:
        asked = request("key", what="nothing")
        put(store, practice, request=asked)
        assert store.receipt(practice, asked.scope, NOW) == Receipt(asked.digest, None)
        spoilt = changes(practice, request=asked, removals=(RowVersion(_A, 7),))
        assert store.apply(spoilt) == Repeated(Receipt(asked.digest, None))

    def test_another_request_under_the_key_is_told_the_first(
        self, store: Store, practice: str
    ) -> None:
        """Whether it may be, is not the store's to say."""
        first, other = request("key", patient="ada"), request("key", patient="eve")
        assert first.scope == other.scope
        assert first.digest != other.digest
        put(store, practice, request=first)
        changeset = changes(practice, Patient(id="eve", version=1), request=other)
        assert store.apply(changeset) == Repeated(Receipt(first.digest, None))
        assert store.get(practice, Patient, "eve") is None

    def test_what_was_not_done_leaves_no_receipt(self, store: Store, practice: str) -> None:
        booking = _booking(practice)
        assert booking.request is not None
        put(store, practice, claims=appointment("b").claims)
        assert isinstance(store.apply(booking), Refused)
        assert store.receipt(practice, booking.request.scope, NOW) is None
        put(store, practice, releases=appointment("b").claims, bumps={SMITH})
        assert store.apply(booking) == Stale()
        assert store.receipt(practice, booking.request.scope, NOW) is None
        now = attrs.evolve(booking, guards=frozenset({ScheduleVersion(SMITH, 1)}))
        full = attrs.evolve(now, tallies=(Tally("n", 2, 1),))
        assert store.apply(full) == Refused((), ("n",))
        assert store.receipt(practice, booking.request.scope, NOW) is None
        put(store, practice, *now.writes, request=now.request)
        assert store.receipt(practice, booking.request.scope, NOW) is not None

    # ------------------------------------------------------------------------- keeping

    def test_a_key_is_kept_to_the_microsecond(self, store: Store, practice: str) -> None:
        ada = appointment("a")
        first = request("key", result=ada)
        put(store, practice, ada, request=first)
        receipt = Receipt(first.digest, ada)
        end = NOW + KEPT_FOR
        for now in (NOW, NOW - KEPT_FOR, end - MICROSECOND, (end - MICROSECOND).astimezone(_INDIA)):
            assert store.receipt(practice, first.scope, now) == receipt
            again = changes(practice, request=request("key", at=now))
            assert store.apply(again) == Repeated(receipt)
        for now in (end, end.astimezone(_INDIA), end + KEPT_FOR):
            assert store.receipt(practice, first.scope, now) is None
        stale = changes(practice, ada, request=request("key", at=end, n=1))
        assert store.apply(stale) == Stale()
        assert store.receipt(practice, first.scope, end - MICROSECOND) == receipt
        second = request("key", at=end, n=2)
        put(store, practice, request=second)
        for now in (end - MICROSECOND, end, end + KEPT_FOR - MICROSECOND):
            assert store.receipt(practice, first.scope, now) == Receipt(second.digest, None)
            again = changes(practice, request=request("key", at=now))
            assert store.apply(again) == Repeated(Receipt(second.digest, None))
        assert store.receipt(practice, first.scope, end + KEPT_FOR) is None

    def test_old_receipts_are_forgotten(self, store: Store, practice: str) -> None:
        there = f"{practice}-there"
        asked = [request(f"key {at}", at=NOW + at * MICROSECOND) for at in range(-2, 2)]
        for one in asked:
            put(store, practice, request=one)
            put(store, there, request=one)

        def kept(where: str = practice) -> list[bool]:
            return [store.receipt(where, one.scope, NOW) is not None for one in asked]

        assert store.forget_receipts(practice, NOW - timedelta(days=1)) == 0
        assert store.forget_receipts(practice, asked[0].made_at) == 0
        assert kept() == [True] * 4
        assert store.forget_receipts(practice, NOW.astimezone(_INDIA)) == 2
        assert kept() == [False, False, True, True]
        assert store.forget_receipts(practice, NOW) == 0
        put(store, practice, request=request("key -2", at=NOW))
        assert store.forget_receipts(practice, NOW + timedelta(days=9)) == 3
        assert kept() == [False] * 4
        assert kept(there) == [True] * 4
        assert store.forget_receipts(f"{practice}-nowhere", NOW) == 0

    # --------------------------------------------------------------------- who is who

    def test_keys_are_told_apart(self, store: Store, practice: str) -> None:
        asked = [request(id, n=at) for at, id in enumerate(IDS)]
        for one in asked:
            assert store.receipt(practice, one.scope, NOW) is None
            put(store, practice, request=one)
        for one in asked:
            assert store.receipt(practice, one.scope, NOW) == Receipt(one.digest, None)
        assert store.receipt(practice, "", NOW) is None
        assert store.receipt(practice, "0" * 48, NOW) is None

    def test_keys_of_practices_are_apart(self, store: Store, practice: str) -> None:
        there = [practice, practice + " ", practice.upper(), practice + "\u200f"]
        for at, one in enumerate(there):
            ada = appointment("a", notes=str(at))
            asked = request("key", n=at, result=ada)
            assert store.receipt(one, asked.scope, NOW) is None
            put(store, one, ada, request=asked)
            assert store.receipt(one, asked.scope, NOW) == Receipt(asked.digest, ada)

    def test_a_key_takes_no_time(self, store: Store, practice: str) -> None:
        """Two requests under two keys are two, even where they ask for the same."""
        first, other = appointment("a", NINE), appointment("b", NINE)
        put(store, practice, first, claims=first.claims, request=request("one", result=first))
        asked = request("two", result=other)
        both = changes(practice, other, claims=other.claims, request=asked)
        assert isinstance(store.apply(both), Refused)
