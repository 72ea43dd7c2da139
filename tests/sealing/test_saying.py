"""Errors, what is printed of records, and logs say nothing of a patient's."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest

pytest.importorskip("sqlalchemy", reason="the extra sqlalchemy is not installed")
pytest.importorskip("cryptography", reason="the extra encryption is not installed")

import sqlalchemy as sa
from tests.databases import Databases
from tests.sealing.clinics import (
    CANARY,
    NOW,
    opened,
    opened_again,
    patient,
    put_samples,
    samples,
    with_canaries,
)

from medsched import MedschedError, Practice, Start, StorageError
from medsched.adapters.sqlalchemy import SqlAlchemyStore
from medsched.adapters.sqlalchemy.schema import tables
from medsched.domain.access import Grant
from medsched.domain.changes import Changeset, Repeated
from medsched.domain.fields import phi_fields
from medsched.domain.idempotency import Receipt, keyed_request
from medsched.domain.people import Patient
from medsched.domain.principals import SYSTEM
from medsched.domain.stored import CLASSES, BookingRecord
from medsched.errors import InvalidValue


def told_by(error: BaseException) -> str:
    """All that an error tells, to people and to other processes."""
    found = [str(error), repr(error), *traceback.format_exception(error)]
    with suppress(TypeError, AttributeError, pickle.PicklingError):
        found.append(repr(pickle.dumps(error)))
    return "\n".join(found)


def bad_values(value: object) -> list[object]:
    long = f"{CANARY} " * 80
    return [
        long,
        f"{CANARY}\0",
        f"{CANARY}\ud800",
        [CANARY],
        CANARY.encode(),
        {CANARY: 1},
        datetime(1931, 7, 13) if value is None else 5,
    ]


@pytest.mark.parametrize("cls", [*CLASSES.values(), Grant])
def test_no_bad_value_of_a_patient_s_is_told(cls: type[Any]) -> None:
    good: Any = next((one for one in (*samples(), GRANT) if type(one) is cls), None)
    refused = 0
    for name in phi_fields(cls):
        for bad in bad_values(getattr(good, name)):
            error = raised(good, name, bad)
            refused += error is not None
            assert error is None or isinstance(error, InvalidValue), (name, bad)
            assert error is None or CANARY not in told_by(error)
    assert refused or not phi_fields(cls)


GRANT = Grant(
    id="g",
    principal="kim",
    starts=NOW,
    ends=NOW + timedelta(days=1),
    reason="x",
    granted_by="lee",
)


def raised(good: Any, name: str, bad: object) -> Exception | None:
    """The error of a record with such a field; None where it may be so."""
    try:
        attrs.evolve(good, **{name: bad})
    except Exception as error:
        return error
    return None


def test_no_record_shows_what_is_a_patient_s() -> None:
    for record in samples():
        found: list[object] = [record, [record]]
        if isinstance(record, BookingRecord):
            request = attrs.evolve(keyed_request("k", SYSTEM, "book", {}, NOW), result=record)
            found += [request, Receipt("x", record), Repeated(Receipt("x", record))]
        found.append(Changeset(practice="p", writes=(record,)))
        for one in found:
            assert CANARY not in repr(one) + str(one)


def failures(clinic: Practice) -> list[Callable[[], object]]:
    """Commands that are refused, each with a canary in it."""
    ada = clinic.patients.get("ada")
    booked = clinic.appointments.book(
        Start("smith", "visit", NOW), patient="ada", reason=CANARY, idempotency_key="k"
    )
    return [
        lambda: clinic.patients.create(id="ada", name=CANARY),
        lambda: clinic.patients.create(name=CANARY * 100),
        lambda: clinic.patients.update(attrs.evolve(ada, version=7, name=CANARY)),
        lambda: clinic.patients.update(attrs.evolve(ada, id="nobody", name=CANARY)),
        lambda: clinic.patients.delete("ada"),
        lambda: clinic.patients.list(name=CANARY * 100),
        lambda: clinic.patients.list(birth_date=CANARY),  # type: ignore[arg-type]
        lambda: clinic.appointments.book(
            Start("smith", "visit", NOW), patient="ada", reason=CANARY
        ),
        lambda: clinic.appointments.book(
            Start("smith", "visit", NOW), patient="ada", reason=f"{CANARY} 2", idempotency_key="k"
        ),
        lambda: clinic.appointments.cancel(booked.id, reason=CANARY * 100),
        lambda: clinic.appointments.list(search=CANARY * 100),
        lambda: clinic.appointments.annotate("nothing", notes=CANARY),
    ]


def test_no_command_that_is_refused_tells_any(store: SqlAlchemyStore) -> None:
    clinic = opened(store)
    patient(clinic, "ada")
    for command in failures(clinic):
        with pytest.raises(MedschedError) as caught:
            command()
        error = caught.value
        shown = "\n".join([str(error), repr(error), repr(vars(error))])
        assert CANARY not in shown


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
@pytest.mark.parametrize("what", ["trigger", "taken"])
def test_no_failure_of_a_database_quotes_a_row(databases: Databases, kind: str, what: str) -> None:
    """Not even in plain text, where the host's trigger says it, or a row is there already."""
    databases.store(kind)
    plain = databases.another(kind)
    clinic = opened(plain)
    table = tables().record.name
    if what == "taken":
        remove = failing_insert(plain.engine)
    else:
        remove = trigger(plain.engine, table)
    try:
        with pytest.raises(MedschedError) as caught:
            clinic.patients.create(id="ada", name=CANARY)
        assert isinstance(caught.value, StorageError)
        shown = "".join(traceback.format_exception(caught.value))
        assert CANARY not in shown
    finally:
        remove()


def failing_insert(engine: sa.Engine) -> Callable[[], None]:
    """A rule that the row breaks, whatever it is: databases quote the row that does."""
    table = tables().record.name
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql(
                f"CREATE TRIGGER odd BEFORE INSERT ON {table} WHEN NEW.kind = 'patient'"
                " BEGIN SELECT RAISE(ABORT, 'no'); END"
            )
            return lambda: run(engine, "DROP TRIGGER odd")
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD CONSTRAINT odd CHECK (id <> 'ada')")
    return lambda: run(engine, f"ALTER TABLE {table} DROP CONSTRAINT odd")


def trigger(engine: sa.Engine, table: str) -> Callable[[], None]:
    """A host's own trigger that quotes what is written."""
    match engine.dialect.name:
        case "sqlite":
            run(
                engine,
                f"CREATE TRIGGER odd BEFORE INSERT ON {table} WHEN NEW.kind = 'patient'"
                f" BEGIN SELECT RAISE(FAIL, '{CANARY}'); END",
            )
            return lambda: run(engine, "DROP TRIGGER odd")
        case "postgresql":
            run(
                engine,
                "CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " RAISE EXCEPTION 'what is this: %%', NEW.document; END $$",
            )
            run(
                engine,
                f"CREATE TRIGGER odd BEFORE INSERT ON {table} FOR EACH ROW"
                " WHEN (NEW.kind = 'patient') EXECUTE FUNCTION odd()",
            )
            return lambda: run(engine, f"DROP TRIGGER odd ON {table}; DROP FUNCTION odd()")
        case _:
            run(
                engine,
                f"CREATE TRIGGER odd BEFORE INSERT ON {table} FOR EACH ROW BEGIN"
                " IF NEW.kind = 'patient' THEN"
                " SET @said = LEFT(NEW.document, 100);"
                " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = @said; END IF; END",
            )
            return lambda: run(engine, "DROP TRIGGER odd")


def run(engine: sa.Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)


def test_nothing_is_logged(
    databases: Databases, caplog: pytest.LogCaptureFixture, store: SqlAlchemyStore
) -> None:
    """In plain text, too, unless a host wants to see each row that SQLAlchemy reads."""
    caplog.set_level(logging.DEBUG)
    encryption: Any = store._documents
    own = SqlAlchemyStore(store.engine.url)
    stores = [SqlAlchemyStore(store.engine.url, encryption=encryption._encryption)]
    stores.append(own)
    for number, one in enumerate(stores):
        caplog.set_level(logging.INFO if one is own else logging.DEBUG, logger="sqlalchemy")
        if one is own:
            run(own.engine, f"DELETE FROM {tables().sealing.name}")
        clinic = opened(one, f"p{number}")
        patient(clinic, "ada")
        clinic.appointments.book(
            Start("smith", "visit", NOW), patient="ada", reason=CANARY, idempotency_key="k"
        )
        clinic.patients.list(name=CANARY)
    for one in stores:
        one.engine.dispose()
    assert any("INSERT" in record.getMessage() for record in caplog.records)
    assert CANARY not in caplog.text


def test_the_samples_have_something_to_hide(store: SqlAlchemyStore) -> None:
    assert any(CANARY in str(attrs.asdict(one)) for one in put_samples(store, "p"))
    assert with_canaries(Patient(id="a")).name.startswith(CANARY)
    assert opened_again(store, "p").patients.list().items
