"""What is a patient's is found nowhere in a database, and is read back as it was."""

from __future__ import annotations

import json
from datetime import date, time, timedelta
from typing import Any

import attrs
import pytest

pytest.importorskip("sqlalchemy", reason="the extra sqlalchemy is not installed")
pytest.importorskip("cryptography", reason="the extra encryption is not installed")

from tests.sealing.clinics import (
    BORN,
    CANARY,
    MINUTE,
    NOW,
    document,
    everything,
    files_of,
    opened,
    patient,
    put_samples,
    samples,
)

from medsched import Recurrence, Start
from medsched.adapters.sqlalchemy import SqlAlchemyStore
from medsched.adapters.sqlalchemy.booking_rows import booking_row, members_of
from medsched.adapters.sqlalchemy.documents import PHI, SEALED, holds_phi, patient_in
from medsched.adapters.sqlalchemy.rows import FILTERS, to_row
from medsched.adapters.sqlalchemy.schema import tables
from medsched.domain.access import Grant
from medsched.domain.fields import phi_fields
from medsched.domain.stored import CLASSES, BookingRecord, Ref, kind_of, patient_of
from medsched.errors import KeyDestroyed
from medsched.testing.contracts.samples import RECORDS


def is_clean(text: str) -> bool:
    return not any(
        one in text.lower() for one in (CANARY, str(BORN), f"{BORN:%Y%m%d}", str(BORN.year))
    )


class TestEveryKind:
    def test_there_is_a_canary_in_every_field_of_a_patient_s_of_every_class(self) -> None:
        sampled = {type(one) for one in samples()}
        assert sampled == set(CLASSES.values())
        for record in samples():
            for name in phi_fields(type(record)):
                assert getattr(record, name) not in (None, ""), (type(record), name)
        assert len([cls for cls in CLASSES.values() if phi_fields(cls)]) >= 6

    def test_the_fields_that_are_sealed_are_those_with_the_mark(self) -> None:
        assert {kind: set(names) for kind, names in PHI.items()} == {
            kind_of(cls).value: {
                field.name for field in attrs.fields(cls) if field.metadata.get("phi")
            }
            for cls in CLASSES.values()
        }

    def test_nothing_of_a_patient_s_has_a_column_or_is_filtered_on(self) -> None:
        for kind, names in PHI.items():
            assert names.isdisjoint(tables().record.c.keys())
            assert names.isdisjoint(tables().booking.c.keys())
            assert names.isdisjoint(FILTERS.get(kind, ()))  # type: ignore[call-overload]

    def test_a_row_tells_whose_it_is_as_the_record_does(self) -> None:
        for record in RECORDS.values():
            if isinstance(record, BookingRecord):
                place, _ = members_of(booking_row(record))
                assert place.patient == patient_of(record) or not phi_fields(type(record))
            else:
                members = json.loads(to_row("p", record)["document"])
                found = patient_in(kind_of(type(record)).value, record.id, members)
                assert found == patient_of(record)

    def test_nobody_is_left_without_default_where_a_key_may_be_destroyed(self) -> None:
        """Or what a destroyed key had sealed could not be listed."""
        for cls in (*CLASSES.values(), Grant):
            needed = {
                field.name
                for field in attrs.fields(cls)
                if field.metadata.get("phi") and field.default is attrs.NOTHING
            }
            assert not needed or cls is Grant, (cls, needed)

    def test_all_of_them_come_back_and_nothing_is_found(self, each: SqlAlchemyStore) -> None:
        written = put_samples(each, "riverside")
        fresh = type(each)(each.engine, encryption=each_encryption(each))
        for record in written:
            assert each.get("riverside", type(record), record.id) == record
            assert fresh.get("riverside", type(record), record.id) == record
        found = each.get_many("riverside", [Ref.to(record) for record in written])
        assert set(found.values()) == set(written)
        assert is_clean(everything(each.engine))
        assert b"sample-1" in files_of(each.engine)
        assert CANARY.encode() not in files_of(each.engine)

    def test_what_says_nothing_is_sealed_too_and_tells_nothing(
        self, store: SqlAlchemyStore
    ) -> None:
        clinic = opened(store)
        clinic.patients.create(id="bare")
        members = json.loads(document(store.engine, "patient", "bare"))
        assert SEALED in members
        assert PHI["patient"].isdisjoint(members)
        assert not holds_phi(clinic.patients.get("bare"))

    def test_lengths_are_told_in_steps(self, store: SqlAlchemyStore) -> None:
        clinic = opened(store)
        sizes = set()
        for size in range(1, 33):
            clinic.patients.create(id=f"p{size}", name="x" * size)
            sizes.add(len(json.loads(document(store.engine, "patient", f"p{size}"))[SEALED]))
        assert len(sizes) == 2

    def test_every_time_it_is_another_text(self, store: SqlAlchemyStore) -> None:
        clinic = opened(store)
        for id in ("a", "b"):
            clinic.patients.create(id=id, name="the same")
        ada = clinic.patients.get("a")
        first = document(store.engine, "patient", "a")
        clinic.patients.update(attrs.evolve(ada, active=False))
        assert len({first, document(store.engine, "patient", "a")}) == 2


def each_encryption(store: SqlAlchemyStore) -> Any:
    """The encryption of a store, with nothing kept of what it has seen."""
    documents: Any = store._documents
    encryption = documents._encryption
    return type(encryption)(encryption.keys, index=encryption.index)


class TestADay:
    def test_nothing_of_a_day_s_work_is_found(self, each: SqlAlchemyStore) -> None:
        clinic = opened(each)
        for id in ("ada", "bob", "cleo"):
            patient(clinic, id)
        said: dict[str, Any] = {
            "reason": f"{CANARY} reason",
            "notes": f"{CANARY} notes",
        }
        nine = NOW + timedelta(hours=1)
        booked = clinic.appointments.book(
            Start("smith", "visit", nine), patient="ada", idempotency_key="k1", **said
        )
        again = clinic.appointments.book(
            Start("smith", "visit", nine), patient="ada", idempotency_key="k1", **said
        )
        assert again == booked
        assert again.reason == said["reason"]
        moved = clinic.appointments.reschedule(
            booked, Start("smith", "visit", nine + 60 * MINUTE), idempotency_key="k2"
        )
        clinic.appointments.annotate(moved, notes=f"{CANARY} more")
        clinic.appointments.cancel(moved.id, reason=f"{CANARY} cancellation", idempotency_key="k3")
        held = clinic.holds.place(
            Start("smith", "visit", nine + 120 * MINUTE), patient="bob", idempotency_key="k4"
        )
        clinic.holds.confirm(held, reason=f"{CANARY} held", idempotency_key="k5")
        clinic.series.book(
            "smith",
            "visit",
            patient="cleo",
            recurrence=Recurrence.weekly("FR", start=date(2026, 1, 2), count=3),
            at=time(12),
            reason=f"{CANARY} series",
            idempotency_key="k6",
        )
        clinic.blockings.add(
            "smith",
            nine + 300 * MINUTE,
            nine + 360 * MINUTE,
            reason=f"{CANARY} blocking",
            idempotency_key="k7",
        )
        clinic.waitlist.join(
            patient="bob",
            type="visit",
            earliest=date(2026, 1, 3),
            latest=date(2026, 1, 5),
            notes=f"{CANARY} waits",
        )
        assert clinic.waitlist.work().offered == 1
        (offer,) = clinic.waitlist.offers.list()
        clinic.waitlist.decline(offer, patient="bob", reason=f"{CANARY} declined")
        ada = clinic.patients.get("ada")
        anew = attrs.evolve(ada, name=f"{CANARY} anew")
        changed = clinic.patients.update(anew, idempotency_key="k8")
        assert clinic.patients.update(anew, idempotency_key="k8") == changed
        named = {"name": f"{CANARY} new", "phone": f"{CANARY} phone"}
        made = clinic.patients.create(**named, idempotency_key="k9")
        assert clinic.patients.create(**named, idempotency_key="k9") == made
        clinic.shred(made.id)
        with pytest.raises(KeyDestroyed):
            clinic.patients.create(**named, idempotency_key="k9")
        assert [one.name for one in clinic.patients.list(name=f"{CANARY} an")] == [f"{CANARY} anew"]
        assert is_clean(everything(each.engine))
        assert CANARY.encode() not in files_of(each.engine)
