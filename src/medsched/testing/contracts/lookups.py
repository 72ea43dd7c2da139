"""Patients are looked up by what is theirs, alike in every store."""

from __future__ import annotations

from datetime import date

import attrs
import pytest

from medsched.domain.lookups import Sought
from medsched.domain.people import Patient
from medsched.ports.store import Store
from medsched.testing.contracts.kit import Contract, put

_PATIENTS = (
    Patient(id="a", version=1, name="Ada King-Noel", email="ada@example.org", phone="+44 20 7946"),
    Patient(id="b", version=1, name="ÁDA  LÖVELACE", birth_date=date(1815, 12, 10)),
    Patient(id="c", version=1, name="Adam Straße", insurance_number="ab 12"),
    Patient(id="d", version=1, name="Jean-Luc O'Neil", phone="0044207946"),
    Patient(id="e", version=1, name="Bartholomew Featherstonehaugh"),
    Patient(id="f", version=1, active=False, name="Ada Gone", email="ADA@EXAMPLE.ORG"),
    Patient(id="g", version=1),
)


class Lookups(Contract):
    """Tests of `Store.page` with `Sought` values."""

    @pytest.fixture
    def registered(self, store: Store, practice: str) -> str:
        """A practice with some patients."""
        put(store, practice, *_PATIENTS)
        return practice

    @pytest.mark.parametrize(
        "field, value, found",
        [
            ("name", "ada", "acf"),
            ("name", "ADA K", "a"),
            ("name", "king ada", "a"),
            ("name", "noel", "a"),
            ("name", "king-noel", "a"),
            ("name", "a", "acf"),
            ("name", "áda", "b"),
            ("name", "lövelace", "b"),
            ("name", "lo\u0308ve", "b"),
            ("name", "STRASSE", "c"),
            ("name", "ＡＤＡ", "acf"),
            ("name", "o'n", "d"),
            ("name", "luc jean", "d"),
            ("name", "featherstonehaugh", "e"),
            ("name", "featherstonehaux", ""),
            ("name", "bartholomew f", "e"),
            ("name", "da", ""),
            ("name", "%", ""),
            ("name", "x" * 255, ""),
            ("email", "Ada@Example.org ", "af"),
            ("email", "ada@example", ""),
            ("phone", "44-20-79-46", "a"),
            ("phone", "(0044) 207946", "d"),
            ("phone", "46", ""),
            ("birth_date", date(1815, 12, 10), "b"),
            ("birth_date", date(1815, 12, 11), ""),
            ("insurance_number", "AB  12", "c"),
            ("insurance_number", "ab", ""),
        ],
    )
    def test_who_is_found(
        self, store: Store, registered: str, field: str, value: object, found: str
    ) -> None:
        where = {field: Sought.of(field, value)}
        for limit in (1, 10):
            ids, after = "", None
            while True:
                some = store.page(
                    registered, Patient, active=None, where=where, after=after, limit=limit
                )
                ids += "".join(one.id for one in some)
                if len(some) < limit:
                    break
                after = some[-1].id
            assert ids == found

    def test_several_together_and_only_who_is_active(self, store: Store, registered: str) -> None:
        where = {"name": Sought.of("name", "ada"), "email": Sought.of("email", "ada@example.org")}
        found = store.page(registered, Patient, active=True, where=where, after=None, limit=10)
        assert [one.id for one in found] == ["a"]

    def test_who_is_called_something_else_now(self, store: Store, registered: str) -> None:
        ada = store.get(registered, Patient, "a")
        assert ada is not None
        put(store, registered, attrs.evolve(ada, version=2, name="Bea", phone=""))
        for field, value, ids in (
            ("name", "ada", ["c", "f"]),
            ("name", "be", ["a"]),
            ("phone", "44207946", []),
            ("email", "ada@example.org", ["a", "f"]),
        ):
            where = {field: Sought.of(field, value)}
            found = store.page(registered, Patient, active=None, where=where, after=None, limit=10)
            assert [one.id for one in found] == ids

    def test_of_this_practice_only(self, store: Store, registered: str) -> None:
        where = {"name": Sought.of("name", "ada")}
        assert not store.page(
            registered + "x", Patient, active=None, where=where, after=None, limit=10
        )
