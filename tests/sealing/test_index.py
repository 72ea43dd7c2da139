"""The blind index: what it finds is what reading all patients finds, and what it tells."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

pytest.importorskip("sqlalchemy", reason="the extra sqlalchemy is not installed")
pytest.importorskip("cryptography", reason="the extra encryption is not installed")
pytest.importorskip("hypothesis")

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.databases import Databases
from tests.sealing.clinics import CANARY, opened, opened_again, patient
from tests.sealing.test_keys import statements

from medsched import InvalidChoice, InvalidText, MemoryStore, Practice, Scheduler
from medsched.adapters.keys.local import LocalKeys
from medsched.adapters.sqlalchemy import SqlAlchemyStore
from medsched.adapters.sqlalchemy.schema import tables
from medsched.adapters.sqlalchemy.sealing import BlindIndex, Encryption
from medsched.domain.lookups import Sought, asked_of, terms_of
from medsched.domain.people import Patient

names = st.lists(st.text(alphabet="aAbßéÉ-' \u00a0ﬁİ1", min_size=0, max_size=14), max_size=3).map(
    " ".join
)


@given(name=names, asked=names, longest=st.integers(2, 10))
@settings(max_examples=300)
def test_whoever_matches_is_among_those_that_the_index_finds(
    name: str, asked: str, longest: int
) -> None:
    """So nobody is missed: what it finds is looked at afterwards."""
    try:
        sought = Sought.of("name", asked)
    except InvalidText:
        return
    held = set(terms_of(Patient(id="a", name=name), longest))
    if sought.matches(name):
        assert set(asked_of(sought, longest)) <= held


@given(
    value=st.text(alphabet="aAbßé 1２-+()", max_size=12),
    other=st.text(alphabet="aA１1 é", max_size=5),
)
def test_equal_values_have_equal_terms(value: str, other: str) -> None:
    for field in ("email", "phone", "insurance_number"):
        try:
            sought = Sought.of(field, value)
        except InvalidText:
            continue
        for held in (value, value.upper(), other):
            record = Patient(id="a", **{field: held})  # type: ignore[arg-type]
            assert sought.matches(held) == (asked_of(sought, 10)[0] in terms_of(record, 10))


def filters(store: SqlAlchemyStore) -> list[Any]:
    table = tables().filter
    with store.engine.connect() as connection:
        rows = connection.execute(sa.select(table).where(table.c.field.like("~%")))
        return list(rows)


class TestWhatItTells:
    def test_equal_values_and_no_more(self, store: SqlAlchemyStore) -> None:
        clinic = opened(store)
        for id in ("a", "b"):
            clinic.patients.create(id=id, email="a@b.c")
        one, other = filters(store)
        assert one.value == other.value
        assert len(one.value) == 32
        hillside = opened(store, "hillside")
        hillside.patients.create(id="a", email="a@b.c")
        assert len({row.value for row in filters(store)}) == 2

    def test_the_order_says_nothing(self, store: SqlAlchemyStore) -> None:
        clinic = opened(store)
        clinic.patients.create(id="a", name="abcdefghij klmno")
        values = [row.value for row in filters(store)]
        assert values == sorted(values)
        assert len(values) == 9 + 4

    def test_the_words_are_taken_up_to_a_length(self, databases: Databases) -> None:
        for prefix, count in ((0, 1), (3, 3), (10, 10)):
            databases.store("sqlite")
            encryption = Encryption(LocalKeys.generate(), index=BlindIndex(prefix=prefix))
            store = databases.another("sqlite", encryption=encryption)
            clinic = opened(store)
            clinic.patients.create(id="a", name="bartholomew", phone="1")
            assert len(filters(store)) == count
            for asked in ("ba", "bartholomew"):
                assert [one.id for one in clinic.patients.list(name=asked)] == ["a"]
            assert not clinic.patients.list(name="bartholomex").items

    def test_it_goes_with_the_record(self, store: SqlAlchemyStore) -> None:
        clinic = opened(store)
        clinic.patients.create(id="a", name="abc")
        clinic.patients.delete("a")
        assert filters(store) == []


class TestHowItIsAsked:
    def test_only_who_is_found_is_read(self, store: SqlAlchemyStore) -> None:
        clinic = opened(store)
        for number in range(5):
            clinic.patients.create(id=f"p{number}", name=f"name{number}")
        opening: list[str] = []
        documents: Any = store._documents
        documents._encryption.kept.forget()
        keys = documents._encryption.keys
        unwrap: Callable[..., bytes] = keys.unwrap

        def told(wrapped: Any, context: Any) -> bytes:
            opening.append(context["subject"])
            return unwrap(wrapped, context)

        keys.unwrap = told
        assert [one.id for one in clinic.patients.list(name="name3")] == ["p3"]
        assert opening == ["riverside", "p3"]

    def test_what_was_put_into_it_finds_nobody_who_does_not_match(
        self, store: SqlAlchemyStore
    ) -> None:
        clinic = opened(store)
        clinic.patients.create(id="a", name="ada")
        clinic.patients.create(id="b", name="bob")
        table = tables().filter
        with store.engine.begin() as connection:
            connection.execute(
                sa.update(table)
                .where(table.c.id == "b")
                .values(id="a", position=99 + table.c.position)
            )
        assert clinic.patients.list(name="bob").items == ()

    def test_an_appointment_is_searched_for_by_its_patient(self, store: SqlAlchemyStore) -> None:
        from tests.sealing.clinics import NOW

        from medsched import Start

        clinic = opened(store)
        patient(clinic, "ada")
        booked = clinic.appointments.book(Start("smith", "visit", NOW), patient="ada")
        clinic.patients.create(id="bob", name="Bob")
        assert list(clinic.appointments.list(search=CANARY)) == [booked]
        asked = statements(store, lambda: clinic.appointments.list(search=CANARY))
        assert any("medsched_filter" in one for one in asked)


class TestBadInput:
    @pytest.fixture(params=["memory", "sealed"])
    def clinic(self, request: pytest.FixtureRequest, store: SqlAlchemyStore) -> Practice:
        kept = MemoryStore() if request.param == "memory" else store
        return Scheduler(kept).practice("riverside")

    @pytest.mark.parametrize("bad", ["", "  ", "\0", "x" * 256, 5, "-", "\ud800"])
    def test_names(self, clinic: Practice, bad: Any) -> None:
        with pytest.raises(InvalidText) as caught:
            clinic.patients.list(name=bad)
        assert "xxx" not in str(caught.value)

    @pytest.mark.parametrize("bad", ["", "no digit", 5])
    def test_numbers(self, clinic: Practice, bad: Any) -> None:
        with pytest.raises(InvalidText) as caught:
            clinic.patients.list(phone=bad)
        assert "digit" not in str(caught.value)

    @pytest.mark.parametrize("bad", ["1815-12-10", 5])
    def test_dates(self, clinic: Practice, bad: Any) -> None:
        with pytest.raises(InvalidChoice) as caught:
            clinic.patients.list(birth_date=bad)
        assert "1815" not in str(caught.value)

    def test_a_cursor_is_good_for_its_own_list(self, clinic: Practice) -> None:
        from medsched import InvalidCursor

        for number in range(3):
            clinic.patients.create(id=f"p{number}", name="ada", birth_date=date(1815, 12, 10))
        first = clinic.patients.list(name="ada", limit=2)
        assert first.next is not None
        assert "ada" not in first.next
        assert [one.id for one in clinic.patients.list(name="ADA", cursor=first.next)] == ["p2"]
        with pytest.raises(InvalidCursor):
            clinic.patients.list(name="ad", cursor=first.next)


def test_values_that_are_looked_for_are_not_shown() -> None:
    assert CANARY not in repr(Sought.of("name", CANARY))


def test_without_index_it_is_found_too(databases: Databases) -> None:
    databases.store("sqlite")
    bare = databases.another("sqlite", encryption=Encryption(LocalKeys.generate()))
    clinic = opened(bare)
    for number in range(3):
        patient(clinic, f"p{number}")
    assert len(opened_again(bare).patients.list(name=CANARY[:5])) == 3
    assert filters(bare) == []
