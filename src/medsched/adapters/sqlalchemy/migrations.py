"""Making the tables, checking them, and bringing old ones up to date: only when told to.

Nothing else creates or changes a table, so medsched never collides with a host's own
migrations. A host that uses Alembic calls `attach` instead, and `stamp` in the migration that
creates the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, Table

from medsched.adapters.sqlalchemy.audit_triggers import audit_triggers
from medsched.adapters.sqlalchemy.connections import Connections, engine_of, told
from medsched.adapters.sqlalchemy.repeating import repeated
from medsched.adapters.sqlalchemy.schema import VERSION, Tables, tables
from medsched.adapters.surroundings import standard
from medsched.errors import SchemaMismatch

_COMPONENT: Final = "schema"
_MYSQL: Final = ("mysql", "mariadb")
_TURN: Final = "medsched upgrade"
_WAITS: Final = 3600
"""How many seconds one who upgrades waits for another one, where there is no lock on a row."""


def _make(connection: Connection, made: Iterable[Table]) -> None:
    """Make the tables and the indexes that are not there.

    Where making a table ends a transaction, one that was killed may have made a table without
    its indexes.
    """
    for table in made:
        table.create(connection, checkfirst=True)
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            index.create(connection, checkfirst=True)


def _to_2(connection: Connection, made: Tables) -> None:
    """Bookings, and all that guards them, come beside what there was."""
    _make(
        connection,
        [made.booking, made.claim, made.ledger, made.tally, made.receipt, made.sequence],
    )


def _to_3(connection: Connection, made: Tables) -> None:
    """Published slots, which nothing else reads."""
    _make(connection, [made.publication, made.slot])


def _to_4(connection: Connection, made: Tables) -> None:
    """What each changeset touches comes beside its first event; of those before it is unknown."""
    table = made.event
    columns = sa.inspect(connection).get_columns(table.name, schema=made.schema)
    if "touched" in {column["name"] for column in columns}:  # one who was killed came so far
        return
    called = connection.dialect.identifier_preparer.format_table(table)
    column = sa.schema.CreateColumn(table.c.touched).compile(dialect=connection.dialect)
    connection.exec_driver_sql(f"ALTER TABLE {called} ADD COLUMN {column}")


def _to_5(connection: Connection, made: Tables) -> None:
    """An audit and data keys come beside all else: stores that are told to write to them do so."""
    _make(
        connection,
        [made.audit, made.audit_unsealed, made.audit_chain, made.audit_head, made.audit_key],
    )
    _guard(connection, made)
    _make(connection, [made.data_key, made.sealing])


def _guard(connection: Connection, made: Tables) -> None:
    """Make the triggers of the audit, or make them anew."""
    for statement in audit_triggers(connection.dialect.name, schema=made.schema):
        connection.exec_driver_sql(statement)


_STEPS: Final[Mapping[int, Callable[[Connection, Tables], None]]] = {
    2: _to_2,
    3: _to_3,
    4: _to_4,
    5: _to_5,
}
"""How tables of the version before become those of each version from 2 on.

Whoever changes a table that an earlier step makes, freezes it there first as it was: the way
from nothing through every step is tested to end at the current tables.
"""


def create(database: str | sa.URL | Engine, *, schema: str | None = None) -> None:
    """Make the tables where there are none; nothing happens where they are current.

    `SchemaMismatch` where there are tables of another version.
    """
    made = tables(schema)
    with _connected(database, "create") as connection:
        found = _found(connection, made)
        if found not in (None, VERSION):
            raise SchemaMismatch(VERSION, found)
        _make(connection, made.metadata.sorted_tables)
        if found is None:
            _guard(connection, made)
        if found is None:
            stamp(connection, schema=schema)
        connection.commit()


def check(database: str | sa.URL | Engine, *, schema: str | None = None) -> None:
    """Raise `SchemaMismatch` unless the tables are of the version that this release needs."""
    with _connected(database, "check") as connection:
        found = _found(connection, tables(schema))
    if found != VERSION:
        raise SchemaMismatch(VERSION, found)


def upgrade(database: str | sa.URL | Engine, *, schema: str | None = None) -> tuple[int, int]:
    """Bring old tables to the version that this release needs; the versions before and after.

    Each version is a step of its own, that can be taken again if it was cut short. Of two who
    upgrade at once the second waits, and then has less to do or nothing. `SchemaMismatch` where
    there are no tables, or those of a later release.
    """
    engine, own = engine_of(database)
    try:
        connections = Connections(engine, own=own)
        step, pauses = partial(_step, made=tables(schema)), standard().pauses
        first = version = repeated(connections, pauses, "upgrade", step)
        while version < VERSION:
            version = repeated(connections, pauses, "upgrade", step)
    finally:
        if own:
            engine.dispose()
    return first, VERSION


def _step(connection: Connection, made: Tables) -> int:
    """Bring the tables to the next version if there is one; the version that was found."""
    with _in_turn(connection):
        found = _found(connection, made, lock=True)
        if found is None or found > VERSION:
            raise SchemaMismatch(VERSION, found)
        if found < VERSION:
            _STEPS[found + 1](connection, made)
            connection.execute(sa.update(made.version).values(version=found + 1))
            connection.commit()  # before it is another one's turn
        return found


@contextmanager
def _in_turn(connection: Connection) -> Iterator[None]:
    """One at a time where a lock on a row would end with the first table that is made."""
    if connection.dialect.name not in _MYSQL:
        yield
        return
    connection.execute(sa.select(sa.func.get_lock(_TURN, _WAITS)))
    try:
        yield
    finally:
        with suppress(sa.exc.SQLAlchemyError):  # it ends with a connection that was lost
            connection.execute(sa.select(sa.func.release_lock(_TURN)))


def stamp(connection: Connection, *, schema: str | None = None) -> None:
    """Write down that the tables are of the current version: for a host's own migration.

    Neither commits nor rolls back.
    """
    table = tables(schema).version
    connection.execute(sa.delete(table))
    connection.execute(sa.insert(table).values(component=_COMPONENT, version=VERSION))


def _found(connection: Connection, made: Tables, *, lock: bool = False) -> int | None:
    """The version of the tables that are there, ``lock``: until the end; None for none."""
    if not sa.inspect(connection).has_table(made.version.name, schema=made.schema):
        return None
    query = sa.select(made.version.c.version)
    version: int | None = connection.scalar(query.with_for_update() if lock else query)
    return version


@contextmanager
def _connected(database: str | sa.URL | Engine, operation: str) -> Iterator[Connection]:
    """A connection, and an engine closed behind it unless it is the host's."""
    engine, own = engine_of(database)
    try:
        with engine.connect() as connection:
            yield connection
    except sa.exc.SQLAlchemyError as error:
        raise told(error, operation) from error
    finally:
        if own:
            engine.dispose()
