"""Whether documents are sealed in a database: one row tells, and stores remember it."""

from __future__ import annotations

from time import monotonic
from typing import Final
from uuid import uuid4

import attrs
import sqlalchemy as sa
from sqlalchemy import Connection

from medsched.adapters.sqlalchemy.connections import Connections
from medsched.adapters.sqlalchemy.inserting import insert_if_missing
from medsched.adapters.sqlalchemy.repeating import repeated
from medsched.adapters.sqlalchemy.schema import Tables
from medsched.ports.pauses import Pauses

_COMPONENT: Final = "documents"
_TRUSTED_FOR: Final = 60.0
"""How many seconds a store with encryption trusts that not all is sealed as yet."""


@attrs.frozen
class Sealing:
    """A database in which documents are sealed: its random name, whether nothing is left plain.

    ``prefix``: of the index of all its patients; None where there is none, or not of all.
    """

    database: str
    whole: bool
    prefix: int | None


class SealingState:
    """What a store knows of it."""

    def __init__(self, connections: Connections, tables: Tables) -> None:
        self._connections = connections
        self._tables = tables
        self._known: Sealing | None = None
        self._asked_at: float | None = None

    def is_sealed(self) -> bool:
        """Whether documents were sealed when this store first asked; that is asked once."""
        if self._asked_at is None:
            self.current()
        return self._known is not None

    def current(self) -> Sealing | None:
        """The state, read again now and then until all is sealed."""
        known, now = self._known, monotonic()
        if known is not None and known.whole:
            return known
        if self._asked_at is None or now - self._asked_at > _TRUSTED_FOR:
            with self._connections.reading("sealing") as connection:
                self._remember(read_state(connection, self._tables))
        return self._known

    def current_on(self, connection: Connection) -> Sealing | None:
        """The same, asked on a connection that is in use."""
        if self._asked_at is None:
            self._remember(read_state(connection, self._tables))
        return self._known

    def begin(self, prefix: int | None, pauses: Pauses) -> Sealing:
        """The state; made, where nothing was sealed before this."""
        known = self.current()
        if known is not None:
            return known

        def work(connection: Connection) -> Sealing:
            return begin_sealing(connection, self._tables, prefix)

        if not self._connections.retries:  # what a host takes back is not to be remembered
            with self._connections.writing("sealing") as connection:
                return work(connection)
        known = repeated(self._connections, pauses, "sealing", work)
        self._remember(known)
        return known

    def _remember(self, state: Sealing | None) -> None:
        self._known, self._asked_at = state, monotonic()


def read_state(connection: Connection, tables: Tables, *, lock: bool = False) -> Sealing | None:
    """The state of a database; None where nothing was ever sealed."""
    table = tables.sealing.c
    query = sa.select(table.database, table.whole, table.prefix)
    if lock and connection.dialect.name != "sqlite":
        query = query.with_for_update()
    row = connection.execute(query.where(table.component == _COMPONENT)).one_or_none()
    return None if row is None else Sealing(row.database, bool(row.whole), row.prefix)


def begin_sealing(connection: Connection, tables: Tables, prefix: int | None) -> Sealing:
    """Write down that documents are sealed from now on: all of them, where there are none yet."""
    row = {
        "component": _COMPONENT,
        "database": uuid4().hex,
        "whole": False,
        "prefix": None,
    }
    if insert_if_missing(connection, tables.sealing, row) and not _has_documents(
        connection, tables
    ):
        write_state(connection, tables, whole=True, prefix=prefix)
    found = read_state(connection, tables, lock=True)
    assert found is not None
    return found


def write_state(connection: Connection, tables: Tables, *, whole: bool, prefix: int | None) -> None:
    """Change the state of a database in which something is sealed."""
    here = tables.sealing.c.component == _COMPONENT
    connection.execute(sa.update(tables.sealing).where(here).values(whole=whole, prefix=prefix))


def _has_documents(connection: Connection, tables: Tables) -> bool:
    return any(
        connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first()
        for table in (tables.record, tables.booking, tables.receipt)
    )
