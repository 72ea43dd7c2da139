"""Envelopes that were taken away, and keys that were destroyed while others kept them."""

from __future__ import annotations

import json
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
)

from medsched import (
    Address,
    DecryptionError,
    InvalidChoice,
    InvalidNumber,
    KeyDestroyed,
    Location,
    Patient,
    Practice,
    Start,
)
from medsched.adapters.sqlalchemy import SqlAlchemyStore
from medsched.adapters.sqlalchemy.documents import SEALED
from medsched.adapters.sqlalchemy.schema import tables
from medsched.adapters.sqlalchemy.sealing import BlindIndex, Encryption


def stripped(store: SqlAlchemyStore, kind: str, id: str) -> None:
    members = json.loads(document(store.engine, kind, id))
    del members[SEALED]
    overwrite(store.engine, kind, id, document=json.dumps(members))


def elsewhere(store: SqlAlchemyStore) -> Practice:
    """The same practice in another process."""
    found: Any = store._documents
    own = Encryption(found._encryption.keys, index=found._encryption.index)
    return opened_again(SqlAlchemyStore(store.engine, encryption=own))


def indexed(store: SqlAlchemyStore, id: str) -> int:
    table = tables().filter.c
    query = sa.select(sa.func.count()).where(table.id == id, table.field.like("~%"))
    with store.engine.connect() as connection:
        return int(connection.scalar(query) or 0)


def test_an_envelope_that_was_taken_away_is_missed(store: SqlAlchemyStore) -> None:
    clinic = opened(store)
    patient(clinic, "ada")
    clinic.patients.create(id="bare")
    clinic.appointments.book(Start("smith", "visit", NOW), patient="ada", id="said", reason=CANARY)
    clinic.appointments.book(Start("smith", "visit", NOW + 60 * MINUTE), patient="ada", id="unsaid")
    for kind, id in (
        *(("patient", "ada"), ("patient", "bare")),
        *(("appointment", "said"), ("appointment", "unsaid")),
    ):
        text = document(store.engine, kind, id)
        stripped(store, kind, id)
        directory: Any = clinic.patients if kind == "patient" else clinic.appointments
        with pytest.raises(DecryptionError):
            directory.get(id)
        with pytest.raises(DecryptionError):
            directory.list()
        overwrite(store.engine, kind, id, document=text)
        directory.get(id)


def test_whoever_keeps_a_destroyed_key_writes_by_it_no_more(each: SqlAlchemyStore) -> None:
    clinic, other = opened(each), elsewhere(each)
    patient(clinic, "ada")
    ada = other.patients.get("ada")
    ada = other.patients.update(attrs.evolve(ada, phone="1"))
    other.appointments.book(Start("smith", "visit", NOW), patient="ada", reason="x", id="first")
    clinic.shred("ada")
    later = Start("smith", "visit", NOW + 60 * MINUTE)
    for write in (
        lambda: other.appointments.book(later, patient="ada", reason=CANARY),
        lambda: other.patients.update(attrs.evolve(ada, phone="2")),
    ):
        with pytest.raises(KeyDestroyed):
            write()
    assert indexed(each, "ada") == 0
    booked = other.appointments.book(later, patient="ada")
    for one in (clinic, other, elsewhere(each)):
        assert one.appointments.get(booked.id).reason == ""


def test_an_update_by_a_kept_key_is_refused_alone(each: SqlAlchemyStore) -> None:
    clinic, other = opened(each), elsewhere(each)
    patient(clinic, "ada")
    ada = other.patients.update(attrs.evolve(other.patients.get("ada"), phone="1"))
    clinic.shred("ada")
    with pytest.raises(KeyDestroyed):
        other.patients.update(attrs.evolve(ada, phone="2"))
    assert indexed(each, "ada") == 0


def test_a_grant_s_reason_goes_with_its_patient(store: SqlAlchemyStore) -> None:
    clinic = opened(store)
    for id in ("ada", "bob"):
        patient(clinic, id)
    until = NOW + 60 * MINUTE
    clinic.access.grant("dr", patients=["ada"], until=until, reason="one")
    clinic.access.grant("dr", patients=["ada", "bob"], until=until, reason="two")
    clinic.shred("ada")
    table = tables().data_key.c
    with store.engine.connect() as connection:
        owners = set(connection.scalars(sa.select(table.subject_kind)))
    assert owners == {"patient", "practice", "index"}
    reasons = {one.reason for one in elsewhere(store).access.grants()}
    assert reasons == {"two", "(destroyed)"}


def test_an_address_shows_itself_to_nobody(store: SqlAlchemyStore) -> None:
    assert CANARY not in repr(Address(line=CANARY, city=CANARY))
    wrong: Any = CANARY
    for make in (Patient, Location):
        with pytest.raises(InvalidChoice) as caught:
            make(id="a", address=wrong)
        assert CANARY not in str(caught.value)


def test_single_letters_are_no_index() -> None:
    with pytest.raises(InvalidNumber):
        BlindIndex(prefix=1)
    assert BlindIndex(prefix=0).prefix == 0
