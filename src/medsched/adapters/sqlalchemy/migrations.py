"""Making the tables, checking them, and bringing old ones up to date: only when told to.

Nothing else creates or changes a table, so medsched never collides with a host's own
migrations. A host that uses Alembic calls `attach` instead, and `stamp` in the migration that
creates the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from medsched.adapters.sqlalchemy.connections import engine_of, told
from medsched.adapters.sqlalchemy.schema import VERSION, Tables, tables
from medsched.errors import SchemaMismatch

_COMPONENT: Final = "schema"


def _to_2(connection: Connection, made: Tables) -> None:
    """Bookings, and all that guards them, come beside what there was."""
    new = [made.booking, made.claim, made.ledger, made.tally, made.receipt, made.sequence]
    made.metadata.create_all(connection, tables=new)


_STEPS: Final[Mapping[int, Callable[[Connection, Tables], None]]] = {2: _to_2}
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
        made.metadata.create_all(connection)
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

    `SchemaMismatch` where there are none, or those of a later release.
    """
    made = tables(schema)
    with _connected(database, "upgrade") as connection:
        found = _found(connection, made)
        if found is None or found > VERSION:
            raise SchemaMismatch(VERSION, found)
        for version in range(found + 1, VERSION + 1):
            _STEPS[version](connection, made)
            table = made.version
            connection.execute(sa.update(table).values(version=version))
            connection.commit()
    return found, VERSION


def stamp(connection: Connection, *, schema: str | None = None) -> None:
    """Write down that the tables are of the current version: for a host's own migration.

    Neither commits nor rolls back.
    """
    table = tables(schema).version
    connection.execute(sa.delete(table))
    connection.execute(sa.insert(table).values(component=_COMPONENT, version=VERSION))


def _found(connection: Connection, made: Tables) -> int | None:
    """The version of the tables that are there; None for none."""
    if not sa.inspect(connection).has_table(made.version.name, schema=made.schema):
        return None
    version: int | None = connection.scalar(sa.select(made.version.c.version))
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
