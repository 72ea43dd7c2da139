"""The store: what `medsched.ports.store.Store` promises, on SQLAlchemy Core."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Self
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from medsched.adapters.audit.keeping import AuditKeeping
from medsched.adapters.sqlalchemy.applying import Application, KeyUsed
from medsched.adapters.sqlalchemy.audit_log import AuditLogKeeper
from medsched.adapters.sqlalchemy.booking_at_once import (
    NotAtOnce,
    book_in_transaction,
    new_booking,
)
from medsched.adapters.sqlalchemy.booking_block import book_in_a_block
from medsched.adapters.sqlalchemy.booking_statement import book_in_a_statement
from medsched.adapters.sqlalchemy.connections import CommitLost, Connections, Undone, engine_of
from medsched.adapters.sqlalchemy.documents import Documents, PlainDocuments, Writing
from medsched.adapters.sqlalchemy.encryption import Encryption
from medsched.adapters.sqlalchemy.joining import Joined
from medsched.adapters.sqlalchemy.schema import tables
from medsched.adapters.surroundings import standard
from medsched.domain.audit_rows import AuditRow
from medsched.domain.changes import Applied, Changeset, Outcome, Refused, Repeated, Stale
from medsched.domain.idempotency import Receipt
from medsched.errors import KeysNotKept, OutcomeUnknown, StorageBusy, StorageError
from medsched.ports.surroundings import Surroundings

_COMMITS: Final = 5
"""How often a changeset is tried when the connection is lost in the commit."""
_ASKS: Final = 8
"""How often it is asked what came of it: for about half a second."""


class SqlAlchemyStore(AuditLogKeeper):
    """A `Store`, `SlotTable` and `AuditLog` in a database: SQLite, PostgreSQL or MariaDB.

    ``database`` is a URL, or an engine of the host's. A URL that names no driver gets
    psycopg or PyMySQL. ``schema`` is the database schema of the tables, the connection's
    own unless given. ``galera``: the database is a cluster whose row locks hold on one
    server only, so guards are checked by writes. ``encryption``: a patient's data is sealed at
    rest; without it all is kept in plain text, and a database in which something is sealed is
    not written to, nor is what is sealed read: `KeyUnavailable`. See `Encryption` for the rest.
    What SQLAlchemy logs is the host's: at the level DEBUG it logs every row that is read, and an
    engine of the host's logs what is written, too, unless it hides parameters. ``audit``: an audit
    is kept, under these keys; without, nothing is written of it.

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
        audit: AuditKeeping | None = None,
        encryption: Encryption | None = None,
        surroundings: Surroundings | None = None,
    ) -> None:
        engine, own = engine_of(database)
        self._bind(Connections(engine, own=own), schema, galera, audit, encryption, surroundings)

    def _bind(
        self,
        connections: Connections,
        schema: str | None,
        galera: bool,
        audit: AuditKeeping | None,
        encryption: Encryption | None,
        surroundings: Surroundings | None,
    ) -> None:
        made, surroundings = tables(schema), surroundings or standard()
        documents: Documents
        if encryption is None:
            documents = PlainDocuments(connections, made)
        else:
            # It needs an extra that a store in plain text does not.
            from medsched.adapters.sqlalchemy.sealed_documents import SealedDocuments

            documents = SealedDocuments(connections, made, encryption, surroundings)
        super().__init__(connections, made, documents, audit)
        self._galera = galera
        self._surroundings = surroundings

    @classmethod
    def join(
        cls,
        connection: Connection,
        *,
        schema: str | None = None,
        galera: bool = False,
        audit: AuditKeeping | None = None,
        encryption: Encryption | None = None,
        surroundings: Surroundings | None = None,
    ) -> Self:
        """A store on a host's own SQLAlchemy connection, in the transaction under way on it.

        What is done here, the host commits or rolls back together with its own rows; what the
        host has written and not yet committed, is read here. Nothing here commits, rolls the
        host's transaction back, or is tried again: `retries` is 0, so that what came too late
        is `StorageBusy` at once. Each write runs in a SAVEPOINT: when it fails, the host's
        transaction is what it was before, and goes on. Only after `TransactionLost` it does not.

        As with any statement, SQLAlchemy begins a transaction where none is under way, and the
        host ends it. On a connection in autocommit mode every method is `InvalidChoice`; so is,
        from this one, what is no connection, or one with a map of schemas.

        One thread at a time may use such a store, like the connection; make it, and the
        scheduler over it, anew for each transaction. The rest is as for a store of one's own.
        """
        joined = Joined.sqlalchemy(connection)
        return cls._joined(joined, schema, galera, audit, encryption, surroundings)

    @classmethod
    def join_dbapi(
        cls,
        connection: Any,
        *,
        schema: str | None = None,
        galera: bool = False,
        audit: AuditKeeping | None = None,
        encryption: Encryption | None = None,
        surroundings: Surroundings | None = None,
    ) -> Self:
        """A store on a connection of a driver, or of Django's, in the transaction under way on it.

        ``connection`` is one of sqlite3, psycopg, PyMySQL or mysqlclient, or
        ``django.db.connection``, inside of ``transaction.atomic()``. Its cursors, converters
        and modes stay as the host has set them. All else is as `join` says.

        A driver that begins by itself, as they all do unless told otherwise, does so here too.
        In autocommit mode, and that is where Django is outside of ``atomic()``, a transaction
        must have been begun: every method is `InvalidChoice` until then. So is, from this
        one, a connection of another driver.
        """
        return cls._joined(
            Joined.dbapi(connection), schema, galera, audit, encryption, surroundings
        )

    @classmethod
    def _joined(
        cls,
        connections: Joined,
        schema: str | None,
        galera: bool,
        audit: AuditKeeping | None,
        encryption: Encryption | None,
        surroundings: Surroundings | None,
    ) -> Self:
        store = cls.__new__(cls)
        store._bind(connections, schema, galera, audit, encryption, surroundings)
        return store

    @property
    def surroundings(self) -> Surroundings:
        return self._surroundings

    @property
    def retries(self) -> int:
        return self._connections.retries

    @property
    def engine(self) -> Engine:
        """The engine that was given, or made from the URL; `Engine.dispose` closes it.

        Of a store that joined a connection, the connection's; of a driver's connection, one
        that cannot connect by itself.
        """
        return self._connections.engine

    # ------------------------------------------------------------------- the write

    def check_destroying(self) -> None:
        if isinstance(self._documents, PlainDocuments):
            raise KeysNotKept("store without encryption")
        # It needs an extra that a store in plain text does not.
        from medsched.adapters.sqlalchemy.shredding import check_whole

        with self._connections.reading("destroy a key") as connection:
            check_whole(connection, self._tables)

    def destroy_key(self, practice: str, patient: str) -> bool:
        try:
            return self._documents.destroy_key(practice, patient)
        except Undone:
            raise StorageBusy("destroy a key", 1) from None

    def apply(self, changeset: Changeset) -> Outcome:
        name = uuid4().hex
        self._refuse_unaudited(changeset.practice)
        audits = self._audit_rows(changeset.practice, changeset.audits, name)
        lost: CommitLost | None = None
        result = None if changeset.request is None else changeset.request.result
        records = changeset.writes if result is None else (*changeset.writes, result)
        try:  # keys may be far away, so they are had before anything is locked
            writing = self._documents.writing(changeset.practice, records)
        except Undone as undone:
            return undone.outcome
        for tries in range(1, _COMMITS + 1):
            try:
                self._write(changeset, name, writing, audits)
                return Applied()
            except Undone as undone:
                if lost is None:
                    return undone.outcome
                # What was lost may have come through after all, and be what stands in the way.
                if self._was_applied(changeset, name, lost):
                    return Applied()
                if undone.__cause__ is None:  # it was looked at, and whatever was lost is gone
                    return undone.outcome
            except StorageError as error:
                # If it is not there it may still come: then the next try finds it in its way.
                if isinstance(error, CommitLost):
                    lost = error
                elif lost is None:
                    raise
                if self._was_applied(changeset, name, lost):
                    return Applied()
                if lost.answered:
                    raise lost.failure() from lost.__cause__
            self.surroundings.pauses.pause(tries)
        raise OutcomeUnknown("commit", "lost again and again") from lost

    def _write(
        self, changeset: Changeset, name: str, writing: Writing, audits: Sequence[AuditRow]
    ) -> None:
        new = None if self._galera else new_booking(changeset, name, writing, audits)
        if new is not None:
            try:
                if self._connections.dialect == "postgresql":
                    with self._connections.at_once("apply") as connection:
                        book_in_a_statement(connection, self._tables, new)
                else:
                    mariadb = self._connections.mariadb
                    book = book_in_a_block if mariadb else book_in_transaction
                    with self._connections.writing("apply") as connection:
                        book(connection, self._tables, new)
            except NotAtOnce as found:
                if changeset.hasty:
                    raise Undone(Refused(guarded=True) if found.guarded else Stale()) from None
                # What speaks against it, or what is missing, is found out step by step.
            else:
                return
        try:
            with self._connections.writing("apply") as connection:
                Application(
                    *(connection, self._tables, changeset, name),
                    writing=writing,
                    audits=audits,
                    by_writes=self._galera,
                ).run()
        except KeyUsed as used:
            raise Undone(Repeated(self._first_receipt(changeset, used))) from None

    def _first_receipt(self, changeset: Changeset, used: KeyUsed) -> Receipt:
        """What is kept of the first request under a key."""
        assert changeset.request is not None
        with self._connections.reading("receipt") as connection:
            kept = self._receipt(
                *(connection, changeset.practice, changeset.request.scope),
                *(used.digest, used.document),
            )
        return kept.receipt()

    def _was_applied(self, changeset: Changeset, name: str, lost: CommitLost) -> bool:
        """Whether a changeset of this name is stored; its events tell.

        `OutcomeUnknown` if it has none, unless the database said that it failed, or if the
        database cannot be asked.
        """
        unknown = OutcomeUnknown("commit", lost.code)
        if not changeset.events:
            raise lost.failure() if lost.answered else unknown from lost
        table = self._tables.event.c
        query = sa.select(table.position).where(
            table.practice == changeset.practice, table.changeset == name
        )
        for tries in range(1, _ASKS + 1):
            try:
                with self._connections.reading("ask") as connection:
                    return connection.execute(query.limit(1)).first() is not None
            except StorageError:
                self.surroundings.pauses.pause(tries)
        raise unknown from lost
