"""The store: what `medsched.ports.store.Store` promises, on SQLAlchemy Core."""

from __future__ import annotations

from typing import Final
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy import Engine

from medsched.adapters.sqlalchemy.applying import Application
from medsched.adapters.sqlalchemy.booked import BookingReader
from medsched.adapters.sqlalchemy.connections import CommitLost, Connections, Undone, engine_of
from medsched.adapters.sqlalchemy.schema import tables
from medsched.adapters.surroundings import standard
from medsched.domain.changes import Applied, Changeset, Outcome
from medsched.errors import OutcomeUnknown, StorageError
from medsched.ports.store import RETRIES
from medsched.ports.surroundings import Surroundings

_COMMITS: Final = 5
"""How often a changeset is tried, or asked about, when the connection is lost in the commit."""


class SqlAlchemyStore(BookingReader):
    """A `Store` in a database: SQLite, PostgreSQL or MariaDB.

    ``database`` is a URL, or an engine of the host's. A URL that names no driver gets
    psycopg or PyMySQL. ``schema`` is the database schema of the tables, the connection's
    own unless given. ``galera``: the database is a cluster whose row locks hold on one
    server only, so guards are checked by writes.

    Nothing is created here, and nothing is asked of the database until it is used:
    `migrations.create` makes the tables. Threads may share a store. Processes make one each.

    Raises, from any method, `StorageError` for what the database fails at and
    `SchemaMismatch` where the tables are missing. The constructor raises `InvalidChoice` for
    what is no URL and `MissingExtra` where a driver is not installed.
    """

    def __init__(
        self,
        database: str | sa.URL | Engine,
        *,
        schema: str | None = None,
        galera: bool = False,
        surroundings: Surroundings | None = None,
    ) -> None:
        engine, own = engine_of(database)
        super().__init__(Connections(engine, own=own), tables(schema))
        self._galera = galera
        self._surroundings = surroundings or standard()

    @property
    def surroundings(self) -> Surroundings:
        return self._surroundings

    @property
    def retries(self) -> int:
        return RETRIES

    @property
    def engine(self) -> Engine:
        """The engine that was given, or made from the URL; `Engine.dispose` closes it."""
        return self._connections.engine

    # ------------------------------------------------------------------- the write

    def apply(self, changeset: Changeset) -> Outcome:
        name = uuid4().hex
        lost: CommitLost | None = None
        for tries in range(1, _COMMITS + 1):
            try:
                with self._connections.writing("apply") as connection:
                    run = Application(
                        connection, self._tables, changeset, name, by_writes=self._galera
                    )
                    run.run()
                return Applied()
            except Undone as undone:
                # What was lost may have come through after all, and be what stands in the way.
                if lost is not None and self._was_applied(changeset, name, lost):
                    return Applied()
                return undone.outcome
            except CommitLost as error:
                # If it is not there it may still come: then the next try finds it in its way.
                lost = error
                if self._was_applied(changeset, name, lost):
                    return Applied()
                self.surroundings.pauses.pause(tries)
        raise OutcomeUnknown("commit", "lost again and again") from lost

    def _was_applied(self, changeset: Changeset, name: str, lost: CommitLost) -> bool:
        """Whether a changeset of this name is stored; its events tell.

        `OutcomeUnknown` if it has none, or the database cannot be asked.
        """
        unknown = OutcomeUnknown("commit", lost.error.code)
        if not changeset.events:
            raise unknown from lost.error
        table = self._tables.event.c
        query = sa.select(table.position).where(
            table.practice == changeset.practice, table.changeset == name
        )
        for tries in range(1, _COMMITS + 1):
            try:
                with self._connections.reading("ask") as connection:
                    return connection.execute(query.limit(1)).first() is not None
            except StorageError:
                self.surroundings.pauses.pause(tries)
        raise unknown from lost.error
