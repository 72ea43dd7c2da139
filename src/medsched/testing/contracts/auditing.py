"""The audit: entries come in with what they are about, stay as they are, and get one link each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any, Final
from uuid import uuid4

import pytest

from medsched.domain.audit import AuditAction, AuditEntry, AuditOutcome
from medsched.domain.audit_chain import SIX_YEARS, AuditFlaw, AuditHead, ChainedRow, Place
from medsched.domain.audit_rows import AuditRow, entry_of, microseconds
from medsched.domain.changes import Applied, Refused, Repeated, Stale
from medsched.domain.events import Change, Event
from medsched.domain.people import Patient
from medsched.domain.stored import BookingRecord, Kind
from medsched.errors import InvalidDuration
from medsched.ports.audit_log import AuditLog, Seen
from medsched.ports.store import Store
from medsched.scheduler import Practice, Scheduler
from medsched.testing.contracts.kit import (
    NINE,
    NOW,
    Contract,
    appointment,
    changes,
    plain,
    put,
    race,
    request,
)
from medsched.testing.contracts.samples import IDS

_LONG_AGO: Final = 0
_WRITERS: Final = 4
_EACH: Final = 12


def an_entry(practice: str, **more: Any) -> AuditEntry:
    """An entry: somebody read Ada's record."""
    fields: dict[str, Any] = {
        "id": uuid4().hex,
        "at": NOW,
        "practice": practice,
        "principal": "dr-smith",
        "operation": "patient.get",
        "action": AuditAction.READ,
        "kind": Kind.PATIENT.value,
        "record": "ada",
        "patient": "ada",
    }
    return AuditEntry(**{**fields, **more})


def log_of(store: Store) -> AuditLog:
    """The audit of a store that keeps one."""
    assert isinstance(store, AuditLog)
    assert store.audited
    return store


def clinic_of(store: Store, practice: str) -> Practice:
    """A practice on a store."""
    return Scheduler(store).practice(practice)


def about(store: Store, practice: str, patient: str = "ada") -> list[AuditEntry]:
    """All entries about a patient."""
    rows = log_of(store).audit_of(
        practice, patient, since=_LONG_AGO, until=None, after=None, limit=5000
    )
    return [entry_of(row) for row in rows]


def chain_of(store: Store, practice: str) -> list[ChainedRow]:
    """The whole chain, once it is sure that its numbers have no gaps."""
    found = list(log_of(store).sealed_audit(practice, after=0, limit=100_000))
    assert [one.number for one in found] == list(range(1, len(found) + 1))
    return found


def _told(booking: BookingRecord) -> Sequence[Event]:
    return [Event.of(Change.CREATED, booking)]


class AuditContract(Contract):
    """All that `AuditLog` promises, and what a `Store` that keeps an audit writes into it.

    Derive a test class, and give ``store``.
    """

    # ---------------------------------------------------------------------- coming in

    def test_an_entry_comes_back_as_it_was(self, store: Store, practice: str) -> None:
        made = [
            an_entry(
                practice,
                id=f"{number} {id}"[:255],
                at=NOW + timedelta(microseconds=number),
                principal=id,
                record=id,
                roles=frozenset({"staff", "admin"}),
                action=action,
                outcome=outcome,
                reason='said \\ "so" \n with ✓ and 𝄞, % and :colons',
                fields=frozenset({"name", "birth_date"}),
                purpose="treatment",
                emergency=bool(number % 2),
                address="2001:db8::1",
                session=id,
            )
            for number, (id, action, outcome) in enumerate(
                (id, action, outcome)
                for id in IDS
                for action in AuditAction
                for outcome in AuditOutcome
            )
        ]
        made.append(an_entry(practice, at=datetime(9998, 1, 1, 0, 0, 0, 1, tzinfo=UTC), kind=""))
        store.record(made)
        assert plain(about(store, practice)) == plain(made)
        nobodys = an_entry(practice, patient=None, record="", kind="")
        store.record([nobodys])
        assert about(store, practice) == made
        (waiting,) = (
            row
            for row in log_of(store).unsealed_audit(practice, after="", limit=5000)
            if row.id == nobodys.id
        )
        assert entry_of(waiting) == nobodys

    def test_patients_are_told_apart(self, store: Store, practice: str) -> None:
        for id in IDS:
            store.record([an_entry(practice, patient=id, record=id)])
        for id in IDS:
            assert [one.record for one in about(store, practice, id)] == [id]
        assert about(store, practice, "nobody") == []

    def test_each_practice_has_its_own(self, store: Store, practice: str) -> None:
        there = [practice, practice + " ", practice.upper(), practice + "\u200f"]
        for one in there:
            store.record([an_entry(one), an_entry(one)])
            assert log_of(store).seal_audit(one) == 2
        for one in there:
            assert len(about(store, one)) == 2
            assert {row.practice for row in _rows(chain_of(store, one))} == {one}
            assert clinic_of(store, one).audit.verify().is_clean

    def test_nothing_was_written_yet(self, store: Store, practice: str) -> None:
        log = log_of(store)
        store.record([])
        assert log.audit_head(practice) == AuditHead()
        assert log.seal_audit(practice) == 0
        assert list(log.sealed_audit(practice, after=0, limit=9)) == []
        assert list(log.unsealed_audit(practice, after="", limit=9)) == []
        assert not any(log.stray_audit(practice, limit=9))
        (none,) = clinic_of(store, practice).audit.verify().findings
        assert (none.flaw, none.place) == (AuditFlaw.UNKNOWN, Place.KEY)
        assert log.kept_audit_keys(practice) is None, "whoever only asks makes no keys"
        keys = log.audit_keys(practice)
        kept = log.kept_audit_keys(practice)
        assert kept is not None
        assert (kept.macs, list(kept.altered)) == (keys.macs, [])
        assert clinic_of(store, practice).audit.verify().is_clean

    def test_a_report_is_read_in_order_and_in_parts(self, store: Store, practice: str) -> None:
        made = [
            an_entry(practice, at=NOW + timedelta(seconds=number // 3), id=f"{number % 3}-{number}")
            for number in range(20)
        ]
        store.record(made[::-1])
        ordered = sorted(made, key=lambda one: (one.at, one.id))
        for limit in (1, 3, 7, 50):
            found, after = list[AuditRow](), None
            while rows := log_of(store).audit_of(
                practice, "ada", since=_LONG_AGO, until=None, after=after, limit=limit
            ):
                assert len(rows) <= limit
                found += rows
                after = Seen(rows[-1].at, rows[-1].id)
            assert [entry_of(row) for row in found] == ordered
        since, until = microseconds(NOW + timedelta(seconds=2)), NOW + timedelta(seconds=4)
        some = log_of(store).audit_of(
            practice, "ada", since=since, until=microseconds(until), after=None, limit=50
        )
        assert [row.id for row in some] == [one.id for one in ordered[6:12]]

    # -------------------------------------------------------------------- changesets

    def test_entries_come_with_their_changeset(self, store: Store, practice: str) -> None:
        made = [an_entry(practice, at=NOW + timedelta(seconds=at)) for at in range(3)]
        put(store, practice, Patient(id="ada", version=1), audits=tuple(made))
        assert about(store, practice) == made
        log_of(store).seal_audit(practice)
        rows = _rows(chain_of(store, practice))
        assert [row.position for row in rows] == [0, 1, 2]
        assert len({row.changeset for row in rows}) == 1

    def test_entries_come_with_a_booking(self, store: Store, clinic: str) -> None:
        """A new booking may be written in a way of its own."""
        for number in range(3):
            visit = appointment(f"v{number}", NINE + 60 * number)
            one = an_entry(clinic, record=visit.id, at=NOW + timedelta(seconds=number))
            two = an_entry(clinic, at=NOW + timedelta(seconds=number, microseconds=1))
            put(
                store,
                clinic,
                visit,
                claims=visit.claims,
                events=_told(visit),
                request=request(f"key {number}", at=NOW, result=visit),
                audits=(one, two),
            )
        assert [one.record for one in about(store, clinic)] == [
            "v0",
            "ada",
            "v1",
            "ada",
            "v2",
            "ada",
        ]
        assert log_of(store).seal_audit(clinic) == 6
        assert [row.position for row in _rows(chain_of(store, clinic))] == [0, 1] * 3
        assert clinic_of(store, clinic).audit.verify().is_clean

    def test_what_is_not_done_leaves_no_entry(self, store: Store, clinic: str) -> None:
        visit, rival = appointment("v"), appointment("w", patient="bob")
        key = request("key", at=NOW, result=visit)
        made = changes(
            clinic,
            visit,
            claims=visit.claims,
            events=_told(visit),
            request=key,
            audits=(an_entry(clinic),),
        )
        assert store.apply(made) == Applied()
        assert isinstance(store.apply(made), Repeated)
        late = (an_entry(clinic, operation="late"),)
        taken = changes(clinic, rival, claims=rival.claims, events=_told(rival), audits=late)
        assert isinstance(store.apply(taken), Refused)
        stale = changes(clinic, Patient(id="ada", version=7), audits=late)
        assert store.apply(stale) == Stale()
        assert [one.operation for one in about(store, clinic)] == ["patient.get"]
        assert log_of(store).seal_audit(clinic) == 1

    # ---------------------------------------------------------------------- the chain

    def test_links_follow_the_order_of_changesets(self, store: Store, practice: str) -> None:
        """Each changeset replaces what the one before wrote, so there is but one order."""
        for version in range(1, 30):
            entry = an_entry(practice, operation=f"{version}")
            put(store, practice, Patient(id="ada", version=version), audits=(entry,))
            if version % 7 == 0:
                assert log_of(store).seal_audit(practice) == 7
        assert log_of(store).seal_audit(practice) == 1
        rows = _rows(chain_of(store, practice))
        assert [row.operation for row in rows] == [f"{number}" for number in range(1, 30)]
        head = log_of(store).audit_head(practice)
        assert (head.number, head.digest) == (29, chain_of(store, practice)[-1].digest)

    def test_links_stay(self, store: Store, practice: str) -> None:
        log = log_of(store)
        store.record([an_entry(practice), an_entry(practice)])
        assert log.seal_audit(practice) == 2
        first = chain_of(store, practice)
        assert log.seal_audit(practice) == 0
        store.record([an_entry(practice)])
        assert log.seal_audit(practice) == 1
        assert chain_of(store, practice)[:2] == first
        assert list(log.sealed_audit(practice, after=1, limit=1)) == first[1:2]
        assert list(log.unsealed_audit(practice, after="", limit=9)) == []

    def test_very_many_are_sealed(self, store: Store, practice: str) -> None:
        made = [an_entry(practice) for _ in range(2300)]
        for at in range(0, len(made), 700):
            store.record(made[at : at + 700])
        sealed = clinic_of(store, practice).audit.seal()
        assert (sealed.count, sealed.shipped) == (2300, 0)
        assert sealed.checkpoint is not None
        assert sealed.checkpoint.number == 2300
        assert {one.entry for one in chain_of(store, practice)} == {one.id for one in made}
        found = clinic_of(store, practice).audit.verify(expecting=sealed.checkpoint)
        assert (found.sealed, found.unsealed, found.findings) == (2300, 0, ())

    def test_writers_and_sealers_at_once_make_one_chain(self, store: Store, practice: str) -> None:
        made = [
            [an_entry(practice, principal=f"{writer}") for _ in range(_EACH)]
            for writer in range(_WRITERS)
        ]
        numbers = count()

        def write(entries: Iterable[AuditEntry]) -> None:
            for entry in entries:
                if next(numbers) % 2:
                    store.record([entry])
                else:
                    put(store, practice, audits=(entry,))

        def seal() -> None:
            for _ in range(5):
                clinic_of(store, practice).audit.seal()

        race(*(partial(write, entries) for entries in made), seal, seal)
        clinic_of(store, practice).audit.seal()
        written = sorted(entry.id for entries in made for entry in entries)
        assert sorted(one.entry for one in chain_of(store, practice)) == written
        found = clinic_of(store, practice).audit.verify()
        assert (found.sealed, found.unsealed, found.findings) == (len(written), 0, ())

    # ----------------------------------------------------------------------- keeping

    def test_a_retention_only_lengthens(self, store: Store, practice: str) -> None:
        audit = clinic_of(store, practice).audit
        assert audit.retention() == SIX_YEARS
        ten = timedelta(days=3652)
        assert audit.retain(ten) == ten
        for shorter in (SIX_YEARS, ten - timedelta(days=1), timedelta(0), -ten):
            with pytest.raises(InvalidDuration):
                audit.retain(shorter)
        log_of(store).retain_audit(practice, SIX_YEARS)
        assert audit.retain(ten) == audit.retention() == ten

    def test_how_far_it_was_shipped_goes_up_only(self, store: Store, practice: str) -> None:
        log = log_of(store)
        store.record([an_entry(practice) for _ in range(5)])
        log.seal_audit(practice)
        for number, stands in ((3, 3), (2, 3), (5, 5), (1, 5)):
            log.audit_shipped(practice, number)
            assert log.audit_head(practice).shipped == stands

    def test_keys_stay(self, store: Store, practice: str) -> None:
        keys = log_of(store).audit_keys(practice)
        again = log_of(store).audit_keys(practice)
        assert keys.macs == again.macs
        message, number = b"said", keys.signing
        assert again.is_signed(number, message, keys.sign(message))
        assert not again.is_signed(number, b"else", keys.sign(message))
        assert not again.is_signed(number, message, b"")
        assert not again.is_signed(number + 1, message, keys.sign(message))
        other = log_of(store).audit_keys(practice + "'s neighbour")
        assert other.macs != keys.macs
        assert not other.is_signed(number, message, keys.sign(message))


def _rows(chain: Iterable[ChainedRow]) -> list[AuditRow]:
    rows = [one.row for one in chain]
    assert None not in rows
    return [row for row in rows if row is not None]
