"""Destroying a patient's key: what it sealed can be read by nobody any more, backups included."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from medsched.adapters.sqlalchemy.connections import Connections, engine_of
from medsched.adapters.sqlalchemy.data_keys import Named, Subject
from medsched.adapters.sqlalchemy.inserting import insert_if_missing
from medsched.adapters.sqlalchemy.migrations import check
from medsched.adapters.sqlalchemy.repeating import repeated
from medsched.adapters.sqlalchemy.schema import Tables, tables
from medsched.adapters.sqlalchemy.sealing_state import read_state
from medsched.adapters.surroundings import standard
from medsched.domain.fields import check_id
from medsched.domain.stored import Kind
from medsched.errors import KeyUnavailable
from medsched.ports.surroundings import Surroundings

INDEXED: Final = "~"
"""What begins the names of an index's fields, which no field of a record begins with."""
_NOT_WHOLE: Final = "not everything is sealed yet: see seal_all"


def destroy_key(
    database: str | sa.URL | Engine,
    practice: str,
    patient: str,
    *,
    schema: str | None = None,
    surroundings: Surroundings | None = None,
) -> bool:
    """Destroy the key of a patient for good; whether there was one.

    What it sealed stays where it is, unreadable: in this database, and in every copy of it that
    holds no copy of the wrapped key. A backup that was made before holds one; it is worth nothing
    once the master keys of its time are destroyed, or the backup is. What stands beside the
    record for an index goes too. A row stays that says when it was destroyed, and nothing of the
    patient is sealed ever again.

    A process that has used the key lately may still have it, for at most as long as its
    `Encryption` keeps keys. Nobody needs the master keys for this, so it works without them.

    Raises `KeyUnavailable` where not everything is sealed yet, for then the patient's data may
    stand in plain text; `InvalidId`, `SchemaMismatch`, `StorageError`.
    """
    check_id(practice, "practice")
    check_id(patient, "patient")
    engine, own = engine_of(database)
    around = surroundings or standard()
    try:
        check(engine, schema=schema)

        def work(connection: Connection) -> bool:
            return destroy(connection, tables(schema), practice, patient, around)

        return repeated(Connections(engine, own=own), around.pauses, "destroy a key", work)
    finally:
        if own:
            engine.dispose()


def check_whole(connection: Connection, made: Tables) -> None:
    """`KeyUnavailable` unless everything is sealed."""
    state = read_state(connection, made)
    if state is None or not state.whole:
        raise KeyUnavailable("documents", _NOT_WHOLE)


def destroy(
    connection: Connection, made: Tables, practice: str, patient: str, around: Surroundings
) -> bool:
    """The same in a transaction that is under way."""
    check_whole(connection, made)
    table, now = made.data_key, around.clock.now()
    named = Named(Subject.of(practice, patient), 1)
    here = (
        table.c.practice == practice,
        table.c.subject_kind == named.subject.kind,
        table.c.subject == named.subject.id,
        table.c.destroyed_at.is_(None),
    )
    gone = {"wrapped_by": None, "wrapped": None, "destroyed_at": now}
    # Nobody makes one from now on, either: a row is there that says so.
    tombstone = {
        "practice": practice,
        "subject_kind": named.subject.kind,
        "subject": named.subject.id,
        "number": named.number,
        "created_at": now,
        "destroyed_at": now,
    }
    absent = insert_if_missing(connection, table, tombstone)
    # Twice: who was replacing the key, and was waited for, may have made another meanwhile.
    update = sa.update(table).where(*here).values(gone)
    found = [connection.execute(update).rowcount for _ in range(2)]
    forget_index(connection, made, practice, patient)
    return not absent and any(found)


def forget_index(connection: Connection, made: Tables, practice: str, patient: str) -> None:
    """Take away what an index says of a patient."""
    table = made.filter
    connection.execute(
        sa.delete(table).where(
            table.c.practice == practice,
            table.c.kind == Kind.PATIENT.value,
            table.c.id == patient,
            table.c.field.like(f"{INDEXED}%"),
        )
    )
