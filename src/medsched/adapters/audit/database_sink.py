"""A sink in another database: two tables of its own, which only grow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from medsched.errors import AuditDamaged, MissingExtra

try:
    import sqlalchemy as sa
    from sqlalchemy import Connection, Engine
except ModuleNotFoundError as error:
    raise MissingExtra("a sink in a database", "sqlalchemy") from error

from medsched.adapters.sqlalchemy.audit_chaining import leniently
from medsched.adapters.sqlalchemy.audit_triggers import growing
from medsched.adapters.sqlalchemy.columns import UtcDateTime, document, exact
from medsched.adapters.sqlalchemy.connections import Connections, engine_of
from medsched.adapters.sqlalchemy.repeating import repeated
from medsched.adapters.surroundings import standard
from medsched.domain.audit_chain import ChainedRow, Checkpoint, from_document, to_document
from medsched.domain.fields import LONGEST_ID

_PAGE: Final = 1000


class SinkTables:
    """The tables of a sink."""

    def __init__(self, schema: str | None) -> None:
        self.metadata = sa.MetaData(schema=schema)
        self.record = sa.Table(
            "medsched_sink_record",
            self.metadata,
            sa.Column("practice", exact(LONGEST_ID), nullable=False),
            sa.Column("number", sa.BigInteger, nullable=False),
            sa.Column("document", document(), nullable=False),
            sa.PrimaryKeyConstraint("practice", "number", name="pk_medsched_sink_record"),
        )
        """The links of every practice, each with its entry, as JSON."""
        self.checkpoint = sa.Table(
            "medsched_sink_checkpoint",
            self.metadata,
            sa.Column("practice", exact(LONGEST_ID), nullable=False),
            sa.Column("number", sa.BigInteger, nullable=False),
            sa.Column("kept_at", UtcDateTime, nullable=False),
            sa.Column("document", document(), nullable=False),
            sa.PrimaryKeyConstraint(
                "practice", "number", "kept_at", name="pk_medsched_sink_checkpoint"
            ),
        )
        """The signed checkpoints, as JSON."""


class DatabaseSink:
    """An `AuditSink` in a database: best another one than the store's, under other rights.

    `create` makes its tables, and the triggers that let them only grow. The rest is as for a
    `SqlAlchemyStore`, and so are the errors.
    """

    def __init__(self, database: str | sa.URL | Engine, *, schema: str | None = None) -> None:
        engine, own = engine_of(database)
        self._connections = Connections(engine, own=own)
        self._tables = SinkTables(schema)

    @property
    def engine(self) -> Engine:
        """The engine that was given, or made from the URL; `Engine.dispose` closes it."""
        return self._connections.engine

    def create(self) -> None:
        """Make the tables where there are none."""

        def make(connection: Connection) -> None:
            self._tables.metadata.create_all(connection)
            tables = (self._tables.record, self._tables.checkpoint)
            for statement in growing(self._connections.dialect, tables):
                connection.exec_driver_sql(statement)

        repeated(self._connections, standard().pauses, "create", make)

    def last(self, practice: str) -> int:
        with self._connections.reading("sink") as connection:
            return self._last(connection, practice)

    def append(self, practice: str, records: Sequence[ChainedRow]) -> None:
        def write(connection: Connection) -> None:
            last = self._last(connection, practice)
            rows = [
                {"practice": practice, "number": one.number, "document": to_document(one)}
                for one in records
                if one.number > last
            ]
            if rows:
                connection.execute(sa.insert(self._tables.record), rows)

        repeated(self._connections, standard().pauses, "sink", write)

    def checkpoint(self, practice: str, signed: Checkpoint) -> None:
        row = {"practice": practice, "number": signed.number, "document": signed.to_json()}

        def write(connection: Connection) -> None:
            kept = {**row, "kept_at": datetime.now(UTC)}
            connection.execute(sa.insert(self._tables.checkpoint), kept)

        repeated(self._connections, standard().pauses, "sink", write)

    def records(self, practice: str, *, after: int = 0) -> Iterator[ChainedRow]:
        table = self._tables.record.c
        query = sa.select(table.number, table.document).where(table.practice == practice)
        query, last = query.order_by(table.number).limit(_PAGE), after
        while True:
            with self._connections.reading("sink") as connection, leniently(connection):
                rows = connection.execute(query.where(table.number > after)).all()
            for number, text in rows:
                # SQLite keeps any value; one that is no number comes after all that are.
                last = number if type(number) is int else last + 1
                found = from_document(text, last)
                # A document that stands under another number is none of this one's.
                yield found if found.number == number else from_document("", last)
            if not rows:
                return
            after = rows[-1].number

    def checkpoints(self, practice: str) -> Sequence[Checkpoint]:
        table = self._tables.checkpoint.c
        query = sa.select(table.document).where(table.practice == practice)
        with self._connections.reading("sink") as connection, leniently(connection):
            found = connection.scalars(query.order_by(table.kept_at, table.number)).all()
        return [Checkpoint.kept(one, practice) for one in found]

    def newest(self, practice: str) -> Checkpoint | None:
        table = self._tables.checkpoint.c
        query = sa.select(table.document).where(table.practice == practice)
        query = query.order_by(table.kept_at.desc(), table.number.desc()).limit(1)
        with self._connections.reading("sink") as connection, leniently(connection):
            found = connection.scalars(query).first()
        return None if found is None else Checkpoint.kept(found, practice)

    def _last(self, connection: Connection, practice: str) -> int:
        table = self._tables.record.c
        query = sa.select(sa.func.max(table.number)).where(table.practice == practice)
        last = connection.scalar(query)
        if last is not None and type(last) is not int:
            raise AuditDamaged(f"number {last!r} of the sink")
        return last or 0

    def __repr__(self) -> str:
        return f"<DatabaseSink {self.engine.url.render_as_string(hide_password=True)}>"
