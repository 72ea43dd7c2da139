"""Whatever is done to an envelope, or to where it stands, is refused: never another text."""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from typing import Any

import attrs
import pytest

pytest.importorskip("sqlalchemy", reason="the extra sqlalchemy is not installed")
pytest.importorskip("cryptography", reason="the extra encryption is not installed")

import sqlalchemy as sa
from tests.sealing.clinics import (
    CANARY,
    MINUTE,
    NOW,
    document,
    opened,
    opened_again,
    overwrite,
    patient,
    put_samples,
)

from medsched import DecryptionError, KeyUnavailable, Practice, Start
from medsched.adapters.keys.local import LocalKeys
from medsched.adapters.sqlalchemy import SqlAlchemyStore
from medsched.adapters.sqlalchemy.documents import SEALED
from medsched.adapters.sqlalchemy.envelopes import Broken, SecretKey, generate
from medsched.adapters.sqlalchemy.schema import tables
from medsched.adapters.sqlalchemy.sealing import BlindIndex, Encryption
from medsched.domain.people import Patient
from medsched.domain.stored import Ref, Stored


@pytest.fixture
def clinic(store: SqlAlchemyStore) -> Practice:
    clinic = opened(store)
    for id in ("ada", "bob"):
        patient(clinic, id)
    return clinic


def refused(store: SqlAlchemyStore, record: Stored, practice: str = "riverside") -> None:
    """Every reader refuses a record, and says no more than which it is."""
    readers: list[Callable[[], object]] = [
        lambda: store.get(practice, type(record), record.id),
        lambda: store.get_many(practice, [Ref.to(record)]),
        lambda: store.page(practice, type(record), active=None, where={}, after=None, limit=1000),
    ]
    for number, read in enumerate(readers):
        with pytest.raises(DecryptionError) as caught:
            read()
        assert number == 2 or record.id in str(caught.value)  # a list may meet another one first
        assert CANARY not in str(caught.value) + repr(caught.value)


def change(store: SqlAlchemyStore, record: Stored, anew: str) -> str:
    """Put another document in a row; the one that was there."""
    ref = Ref.to(record)
    before = document(store.engine, ref.kind, ref.id)
    overwrite(store.engine, ref.kind, ref.id, document=anew)
    return before


def envelope_of(store: SqlAlchemyStore, record: Stored) -> str:
    ref = Ref.to(record)
    return str(json.loads(document(store.engine, ref.kind, ref.id))[SEALED])


def with_envelope(store: SqlAlchemyStore, record: Stored, envelope: Any) -> str:
    """The document of a record with another envelope."""
    ref = Ref.to(record)
    members = json.loads(document(store.engine, ref.kind, ref.id))
    return json.dumps(members | {SEALED: envelope})


class TestOneEnvelope:
    def test_every_bit_of_one_counts(self, store: SqlAlchemyStore, clinic: Practice) -> None:
        ada = clinic.patients.get("ada")
        text = document(store.engine, "patient", "ada")
        envelope = envelope_of(store, ada)
        at = text.index(envelope)
        bad = list[str]()
        for place in range(at, at + len(envelope)):
            for bit in range(7):
                anew = chr(ord(text[place]) ^ 1 << bit)
                bad.append(text[:place] + anew + text[place + 1 :])
        for one in bad:
            if "\0" in one:
                continue
            overwrite(store.engine, "patient", "ada", document=one)
            with pytest.raises(DecryptionError):
                store.get("riverside", Patient, "ada")
        overwrite(store.engine, "patient", "ada", document=text)
        assert clinic.patients.get("ada") == ada

    @pytest.mark.parametrize(
        "changed",
        [
            lambda one: one[:-1],
            lambda one: one[:-4],
            lambda one: one[:30],
            lambda one: one[:4],
            lambda one: "",
            lambda one: one + "A",
            lambda one: one + "=",
            lambda one: one + "\n",
            lambda one: " " + one,
            lambda one: one.replace("1.1.", "1.01.", 1),
            lambda one: one.replace("1.1.", "1.+1.", 1),
            lambda one: one.replace("1.1.", "1.¹.", 1),
            lambda one: one.replace("1.1.", "1.0.", 1),
            lambda one: one.replace("1.1.", "1.2.", 1),
            lambda one: one.replace("1.1.", "2.1.", 1),
            lambda one: one.replace("1.1.", "1." + "9" * 400 + ".", 1),
            lambda one: one.replace("1.1.", "1.", 1),
            lambda one: one.replace("1.1.", "", 1),
            lambda one: [one],
            lambda one: None,
            lambda one: 5,
            lambda one: {"1": one},
        ],
    )
    def test_nothing_else_is_taken_for_one(
        self, store: SqlAlchemyStore, clinic: Practice, changed: Callable[[str], Any]
    ) -> None:
        ada = clinic.patients.get("ada")
        change(store, ada, with_envelope(store, ada, changed(envelope_of(store, ada))))
        refused(store, ada)

    def test_there_is_one_way_to_write_it(self) -> None:
        """Some bits of the last letter of base64 count for nothing, and are refused."""
        key, letters = SecretKey(generate()), string.ascii_letters + string.digits + "+/"
        for size in (1, 33, 65):
            envelope = key.seal(1, b"x" * size, b"")
            end = len(envelope.rstrip("="))
            for letter in set(letters) - {envelope[end - 1]}:
                with pytest.raises(Broken):
                    key.open(envelope[: end - 1] + letter + envelope[end:], b"")
            assert key.open(envelope, b"").startswith(b"x")

    def test_plain_text_beside_it_is_refused(
        self, store: SqlAlchemyStore, clinic: Practice
    ) -> None:
        ada = clinic.patients.get("ada")
        members = json.loads(document(store.engine, "patient", "ada"))
        change(store, ada, json.dumps(members | {"name": "Mallory"}))
        refused(store, ada)

    def test_plain_text_instead_of_it_is_refused(
        self, store: SqlAlchemyStore, clinic: Practice
    ) -> None:
        ada = clinic.patients.get("ada")
        members = json.loads(document(store.engine, "patient", "ada"))
        del members[SEALED]
        change(store, ada, json.dumps(members | {"name": "Mallory"}))
        refused(store, ada)

    @pytest.mark.parametrize("state", ["UPDATE medsched_sealing SET whole = {no}", None])
    def test_plain_text_is_refused_whatever_the_database_says_of_itself(
        self, store: SqlAlchemyStore, clinic: Practice, state: str | None
    ) -> None:
        ada = clinic.patients.get("ada")
        members = json.loads(document(store.engine, "patient", "ada"))
        del members[SEALED]
        change(store, ada, json.dumps(members | {"name": "Mallory"}))
        no = "false" if store.engine.dialect.name == "postgresql" else "0"
        said = "DELETE FROM medsched_sealing" if state is None else state.format(no=no)
        with store.engine.begin() as connection:
            connection.exec_driver_sql(said)
        refused(store, ada)
        found: Any = store._documents
        refused(SqlAlchemyStore(store.engine, encryption=Encryption(found._encryption.keys)), ada)

    @pytest.mark.parametrize("text", ["", "[]", "null", "{", '"x"'])
    def test_what_is_no_document_is_refused(
        self, store: SqlAlchemyStore, clinic: Practice, text: str
    ) -> None:
        ada = clinic.patients.get("ada")
        change(store, ada, text)
        refused(store, ada)

    def test_a_bit_of_every_kind_counts(self, store: SqlAlchemyStore) -> None:
        for record in put_samples(store, "riverside"):
            ref = Ref.to(record)
            text = document(store.engine, ref.kind, ref.id)
            if SEALED not in json.loads(text):
                continue
            envelope = envelope_of(store, record)
            for place in (4, len(envelope) // 2, len(envelope) - 6):
                flipped = "B" if envelope[place] == "A" else "A"
                anew = envelope[:place] + flipped + envelope[place + 1 :]
                overwrite(store.engine, ref.kind, ref.id, document=text.replace(envelope, anew))
                with pytest.raises(DecryptionError, match=record.id):
                    store.get("riverside", type(record), record.id)
            overwrite(store.engine, ref.kind, ref.id, document=text)
            assert store.get("riverside", type(record), record.id) == record


class TestWhereItStands:
    def swap(self, store: SqlAlchemyStore, one: Stored, other: Stored) -> None:
        """Each stands where the other stood."""
        first, second = envelope_of(store, one), envelope_of(store, other)
        change(store, one, with_envelope(store, one, second))
        change(store, other, with_envelope(store, other, first))

    def test_between_patients(self, store: SqlAlchemyStore, clinic: Practice) -> None:
        ada, bob = clinic.patients.get("ada"), clinic.patients.get("bob")
        self.swap(store, ada, bob)
        refused(store, ada)
        refused(store, bob)

    def test_between_rows_of_one_patient(self, store: SqlAlchemyStore, clinic: Practice) -> None:
        one, other = (
            clinic.appointments.book(
                Start("smith", "visit", NOW + hours * 60 * MINUTE), patient="ada", reason=CANARY
            )
            for hours in (1, 2)
        )
        self.swap(store, one, other)
        refused(store, one)
        refused(store, other)

    def test_between_kinds_of_one_id(self, store: SqlAlchemyStore, clinic: Practice) -> None:
        ada = clinic.patients.get("ada")
        booked = clinic.appointments.book(
            Start("smith", "visit", NOW), patient="ada", id="ada", reason=CANARY
        )
        self.swap(store, ada, booked)
        refused(store, ada)
        refused(store, booked)

    def test_between_practices(self, store: SqlAlchemyStore, clinic: Practice) -> None:
        other = opened(store, "hillside")
        patient(other, "ada")
        there = json.loads(document(store.engine, "patient", "ada", "hillside"))[SEALED]
        ada = clinic.patients.get("ada")
        change(store, ada, with_envelope(store, ada, there))
        refused(store, ada)

    def test_between_versions(self, store: SqlAlchemyStore, clinic: Practice) -> None:
        ada = clinic.patients.get("ada")
        before = envelope_of(store, ada)
        anew = clinic.patients.update(attrs.evolve(ada, phone="555"))
        change(store, anew, with_envelope(store, anew, before))
        refused(store, anew)

    def test_of_another_column_of_the_same_row(
        self, store: SqlAlchemyStore, clinic: Practice
    ) -> None:
        """A receipt holds the same booking, at the same version."""
        booked = clinic.appointments.book(
            Start("smith", "visit", NOW), patient="ada", reason=CANARY, idempotency_key="k"
        )
        table = tables().receipt
        with store.engine.connect() as connection:
            row = connection.execute(sa.select(table)).one()
        packed = json.loads(row.document)
        change(store, booked, with_envelope(store, booked, json.loads(packed[-1])[SEALED]))
        refused(store, booked)
        members = json.loads(packed[-1]) | {SEALED: "x"}
        with store.engine.begin() as connection:
            connection.execute(
                sa.update(table).values(document=json.dumps([*packed[:-1], json.dumps(members)]))
            )
        with pytest.raises(DecryptionError, match="the receipt of appointment"):
            store.receipt("riverside", row.scope, NOW)

    def test_a_patient_s_appointment_made_another_s(
        self, store: SqlAlchemyStore, clinic: Practice
    ) -> None:
        booked = clinic.appointments.book(
            Start("smith", "visit", NOW), patient="ada", reason=CANARY
        )
        overwrite(store.engine, "appointment", booked.id, patient="bob")
        clinic.appointments.book(
            Start("smith", "visit", NOW + 60 * MINUTE), patient="bob", reason=CANARY
        )
        refused(store, booked)

    def test_a_wrapped_key_that_was_moved(self, store: SqlAlchemyStore, clinic: Practice) -> None:
        """It opens for nobody but whom it was made for."""
        ada, table = clinic.patients.get("ada"), tables().data_key
        with store.engine.begin() as connection:
            bobs = connection.scalar(sa.select(table.c.wrapped).where(table.c.subject == "bob"))
            connection.execute(
                sa.update(table).where(table.c.subject == "ada").values(wrapped=bobs)
            )
        keys: Any = store._documents
        keys._encryption.kept.forget()
        with pytest.raises(DecryptionError):
            store.get("riverside", Patient, ada.id)


class TestWithoutKeys:
    def test_a_store_without_encryption_reads_nothing_sealed(
        self, store: SqlAlchemyStore, clinic: Practice
    ) -> None:
        plain = SqlAlchemyStore(store.engine)
        with pytest.raises(KeyUnavailable, match="without its encryption"):
            plain.get("riverside", Patient, "ada")
        with pytest.raises(KeyUnavailable):
            plain.page("riverside", Patient, active=None, where={}, after=None, limit=10)

    def test_and_writes_nothing_at_all(self, store: SqlAlchemyStore, clinic: Practice) -> None:
        before = store.get("riverside", Patient, "ada")
        plain = opened_again(SqlAlchemyStore(store.engine))
        for write in (
            lambda: plain.patients.create(id="eve"),
            lambda: plain.locations.create(id="main"),
            lambda: plain.providers.deactivate("smith"),
            lambda: plain.appointments.book(Start("smith", "visit", NOW), patient="ada"),
        ):
            with pytest.raises(KeyUnavailable):
                write()
        assert store.get("riverside", Patient, "ada") == before
        assert store.get("riverside", Patient, "eve") is None

    def test_not_even_when_nothing_is_sealed_yet(self, store: SqlAlchemyStore) -> None:
        """A store with encryption was there first."""
        opened(store)
        plain = opened_again(SqlAlchemyStore(store.engine))
        with pytest.raises(KeyUnavailable):
            plain.patients.create(id="eve", name=CANARY)

    def test_with_the_keys_of_another_nothing_is_read(
        self, store: SqlAlchemyStore, clinic: Practice
    ) -> None:
        index = BlindIndex()
        other = SqlAlchemyStore(
            store.engine, encryption=Encryption(LocalKeys.generate(), index=index)
        )
        with pytest.raises(Exception, match="key") as caught:
            other.get("riverside", Patient, "ada")
        assert CANARY not in str(caught.value)
        assert isinstance(store.get("riverside", Patient, "ada"), Patient)
