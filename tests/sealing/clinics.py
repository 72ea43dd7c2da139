"""Databases with patients' data sealed in them, and all that can be read of them from outside."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import attrs
import sqlalchemy as sa
from sqlalchemy import Engine

from medsched import Address, AppointmentType, AvailabilityRule, Practice, Recurrence, Scheduler
from medsched.adapters.sqlalchemy import SqlAlchemyStore
from medsched.adapters.sqlalchemy.schema import tables
from medsched.domain.fields import phi_fields
from medsched.domain.stored import Stored
from medsched.testing.contracts.kit import put
from medsched.testing.contracts.samples import RECORDS
from medsched.testing.fixed import FixedClock

CANARY: Final = "kanarienvogel"
BORN: Final = date(1931, 7, 13)
NOW: Final = datetime(2026, 1, 2, 8, tzinfo=UTC)
MINUTE: Final = timedelta(minutes=1)


def canary_for(field: str, value: object) -> Any:
    """A value of a field that is found wherever it is written."""
    match field:
        case "birth_date":
            return BORN
        case "address":
            return Address(line=f"{CANARY} line", city=f"{CANARY} city")
        case "established":
            return True
    assert value is None or isinstance(value, str), f"no canary for {field}"
    return f"{CANARY} {field}"


def with_canaries(record: Any) -> Any:
    """A record with a canary in each field that holds a patient's data."""
    names = phi_fields(type(record))
    return attrs.evolve(record, **{name: canary_for(name, getattr(record, name)) for name in names})


def samples() -> Iterator[Stored]:
    """A record of every kind with canaries, at version 1 and with an id of its own."""
    for number, record in enumerate(RECORDS.values()):
        named = "code" if hasattr(record, "code") else "id"
        changes: dict[str, Any] = {named: f"sample-{number}", "version": 1}
        if hasattr(record, "reference"):
            changes["reference"] = f"REF-{number}"
        yield with_canaries(attrs.evolve(record, **changes))


def opened(store: SqlAlchemyStore, practice: str = "riverside") -> Practice:
    """A practice with a provider, a type and hours; its clock stands still."""
    clinic = Scheduler(store, clock=FixedClock(NOW)).practice(practice)
    clinic.settings.configure(timezone="UTC")
    clinic.providers.create(id="smith", name="Dr. Smith")
    clinic.add_all([AppointmentType(code="visit", duration=30 * MINUTE)])
    daily = Recurrence.daily(start=date(2026, 1, 1))
    clinic.availability.add(AvailabilityRule("smith", daily, hours="08:00-18:00"))
    return clinic


def patient(clinic: Practice, id: str) -> None:
    """A patient with a canary in every field."""
    names = {name: canary_for(name, "") for name in phi_fields(type(RECORDS["patient"]))}
    clinic.patients.create(id=id, **names)


def put_samples(store: SqlAlchemyStore, practice: str) -> list[Stored]:
    """Every sample, stored."""
    found = list(samples())
    put(store, practice, *found)
    return found


def everything(engine: Engine) -> str:
    """Every column of every row of every table, as one text."""
    found = list[str]()
    with engine.connect() as connection:
        for table in tables().metadata.sorted_tables:
            found += (repr(tuple(row)) for row in connection.execute(sa.select(table)))
    return "\n".join(found)


def files_of(engine: Engine) -> bytes:
    """Every byte of the files that a database keeps, its write-ahead log included."""
    match engine.dialect.name:
        case "sqlite":
            name = Path(str(engine.url.database))
            files = sorted(name.parent.glob(f"{name.name}*"))
        case "postgresql":
            with engine.connect() as connection:
                connection.exec_driver_sql("CHECKPOINT")
                folder = Path(str(connection.exec_driver_sql("SHOW data_directory").scalar()))
            files = [*folder.glob("base/*/*"), *folder.glob("pg_wal/*")]
        case _:
            with engine.connect() as connection:
                folder = Path(str(connection.exec_driver_sql("SELECT @@datadir").scalar()))
            files = [*folder.glob("clinic/*.ibd"), *folder.glob("ib*")]
    return b"".join(one.read_bytes() for one in files if one.is_file())


def document(engine: Engine, kind: str, id: str, practice: str = "riverside") -> str:
    """The document of a record or a booking."""
    for table in (tables().record, tables().booking):
        query = sa.select(table.c.document).where(
            table.c.practice == practice, table.c.kind == kind, table.c.id == id
        )
        with engine.connect() as connection:
            found = connection.scalar(query)
        if found is not None:
            return str(found)
    raise AssertionError(f"no {kind} {id}")


def overwrite(
    engine: Engine, kind: str, id: str, practice: str = "riverside", **values: object
) -> None:
    """Change a row behind everybody's back."""
    with engine.begin() as connection:
        done = sum(
            connection.execute(
                sa.update(table)
                .where(table.c.practice == practice, table.c.kind == kind, table.c.id == id)
                .values(**values)
            ).rowcount
            for table in (tables().record, tables().booking)
            if values.keys() <= set(table.c.keys())
        )
    assert done == 1


def opened_again(store: SqlAlchemyStore, practice: str = "riverside") -> Practice:
    """A practice that is there already."""
    return Scheduler(store, clock=FixedClock(NOW)).practice(practice)
