"""Walking all rows that hold documents, and replacing some while others read and write.

Rows are read in the order of their keys, some at a time. What replaces one is decided with no lock
held; then it is replaced in a small transaction, if it is still at the version, and says the same,
as when it was read.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, Self, TypeAlias

import attrs
import sqlalchemy as sa
from sqlalchemy import Connection, Engine, Table

from medsched.adapters.sqlalchemy.booking_rows import BookingRow, booking_of, booking_row
from medsched.adapters.sqlalchemy.connections import Connections, engine_of
from medsched.adapters.sqlalchemy.data_keys import KeyRing, Subject
from medsched.adapters.sqlalchemy.documents import Members, Place, Writing
from medsched.adapters.sqlalchemy.encryption import Encryption
from medsched.adapters.sqlalchemy.migrations import check
from medsched.adapters.sqlalchemy.repeating import repeated
from medsched.adapters.sqlalchemy.results import packed, packed_row, placed, unpacked
from medsched.adapters.sqlalchemy.rows import RecordRow, from_row, to_row
from medsched.adapters.sqlalchemy.schema import tables
from medsched.adapters.sqlalchemy.sealed_documents import (
    SealedDocuments,
)
from medsched.adapters.sqlalchemy.shapes import json_text
from medsched.adapters.sqlalchemy.shredding import forget_index
from medsched.adapters.surroundings import standard
from medsched.domain.stored import Kind
from medsched.domain.stored import Stored as Record
from medsched.ports.surroundings import Surroundings

_PAGE: Final = 200
"""How many rows are read, and replaced, at a time."""
_INDEXED_FROM: Final = 1_000_000
"""Where the positions of an index's rows begin that is made afterwards."""


@attrs.frozen(kw_only=True)
class Resealed:
    """What was done: how many rows were written anew, and keys made, wrapped anew or removed."""

    rows: int = 0
    keys_made: int = 0
    keys_wrapped: int = 0
    keys_removed: int = 0


Told: TypeAlias = Callable[[Resealed], None]
"""What is called with the counts so far, after each small step."""


@attrs.frozen
class KeptRow:
    """A row that holds a document: its place, what it says, and how to find it again."""

    practice: str
    table: Table
    key: tuple[object, ...]
    text: str
    version: int | None
    kept: RecordRow | BookingRow
    place: Place
    members: Members

    @property
    def is_patient(self) -> bool:
        """Whether an index may find it."""
        return self.place.kind == Kind.PATIENT.value and not self.place.scope

    def text_of(self, members: Members) -> str:
        """What stands in the row when its document says this."""
        document = json_text(members)
        if self.place.scope:
            return packed_row(self.kept._replace(document=document))
        return document

    def record(self) -> Record:
        """The record of a row in plain text."""
        if isinstance(self.kept, BookingRow):
            return booking_of(self.kept, dict(self.members))
        return from_row(self.kept, dict(self.members))

    def written(self, record: Record, writing: Writing) -> str:
        """What stands in the row when its record is written."""
        if self.place.scope:
            return packed(record, writing, self.place.scope)
        if isinstance(self.kept, RecordRow):
            noun: Any = record
            return str(to_row(self.practice, noun, writing)["document"])
        booking: Any = record
        return booking_row(booking, writing).document


@attrs.frozen
class Replacement:
    """What shall stand in a row, and what an index shall find it by: None leaves that alone."""

    text: str
    index: list[tuple[str, str]] | None


class DocumentWalk:
    """One database, and what is done to all of its documents."""

    def __init__(
        self,
        engine: Engine,
        encryption: Encryption,
        schema: str | None,
        surroundings: Surroundings | None,
        told: Told | None,
        practice: str | None,
        own: bool,
    ) -> None:
        self._surroundings = surroundings or standard()
        self._engine, self._own = engine, own
        self._connections = Connections(engine, own=own)
        self._tables = tables(schema)
        self._encryption = encryption
        self._practice = practice
        self._told = told
        self._done = Resealed()
        parts = (self._connections, self._tables, encryption, self._surroundings)
        self._documents = SealedDocuments(*parts, reads_plain=True)
        self._ring = KeyRing(*parts)

    @classmethod
    def over(
        cls,
        database: str | sa.URL | Engine,
        encryption: Encryption,
        schema: str | None,
        surroundings: Surroundings | None,
        told: Told | None,
        practice: str | None = None,
    ) -> Self:
        """All documents of a database, or those of a practice."""
        engine, own = engine_of(database)
        try:
            check(engine, schema=schema)
        except BaseException:
            if own:
                engine.dispose()
            raise
        return cls(engine, encryption, schema, surroundings, told, practice, own)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._own:
            self._engine.dispose()

    # -------------------------------------------------------------------- the work

    def walk(
        self, replaced: Callable[[str, Sequence[KeptRow]], list[tuple[KeptRow, Replacement]]]
    ) -> int:
        """Replace what is to be replaced among all rows; how many that were."""
        count = 0
        for page in self._rows():
            due = [
                one
                for practice, rows in groupby(page, key=attrgetter("practice"))
                for one in replaced(practice, list(rows))
            ]
            if due:

                def work(
                    connection: Connection, due: list[tuple[KeptRow, Replacement]] = due
                ) -> int:
                    return sum(self._replace(connection, row, anew) for row, anew in due)

                self.count(rows=self.repeated("seal", work))
                count += len(due)
        return count

    def _replace(self, connection: Connection, row: KeptRow, anew: Replacement) -> int:
        """Replace a row, if it is what was read; what others wrote meanwhile stays."""
        if anew.index and self._is_forgotten(connection, row):
            return 0
        here = _at(row.table, row.key)
        here.append(row.table.c.document == row.text)
        if row.version is not None:
            here.append(row.table.c.version == row.version)
        if (
            connection.execute(
                sa.update(row.table).where(*here).values(document=anew.text)
            ).rowcount
            != 1
        ):
            return 0
        if anew.index is not None and isinstance(row.kept, RecordRow):
            forget_index(connection, self._tables, row.practice, row.kept.id)
            key = {"practice": row.practice, "kind": row.kept.kind, "id": row.kept.id}
            rows = [
                {**key, "position": position, "field": field, "value": value}
                for position, (field, value) in enumerate(anew.index, _INDEXED_FROM)
            ]
            if rows:
                connection.execute(sa.insert(self._tables.filter), rows)
        return 1

    def _is_forgotten(self, connection: Connection, row: KeptRow) -> bool:
        """Whether the key of a patient was destroyed; it is not, then, before the commit."""
        table = self._tables.data_key
        subject = Subject.of(row.practice, row.place.patient)
        query = sa.select(table.c.destroyed_at).where(*rows_of(table, row.practice, subject))
        if connection.dialect.name != "sqlite":
            query = query.with_for_update(read=True)
        return any(one is not None for one in connection.scalars(query))

    def _rows(self) -> Iterator[list[KeptRow]]:
        """All rows that hold a document, some at a time."""
        made = self._tables
        for table in (made.record, made.booking, made.receipt):
            here = table.c.version > 0 if "version" in table.c else table.c.document.is_not(None)
            after: tuple[object, ...] | None = None
            while rows := self.page(table, after, here):
                yield [self._read(table, row) for row in rows]
                after = key_of(table, rows[-1])

    def _read(self, table: Table, row: Any) -> KeptRow:
        kept: RecordRow | BookingRow
        version: int | None = None
        if table is self._tables.receipt:
            kept = unpacked(row.document)
            place, members = placed(kept, row.scope)
        elif table is self._tables.booking:
            kept, version = BookingRow(*(getattr(row, name) for name in BookingRow._fields)), 0
            place, members = placed(kept)
        else:
            kept, version = RecordRow(*(getattr(row, name) for name in RecordRow._fields)), 0
            place, members = placed(kept)
        return KeptRow(
            row.practice,
            table,
            key_of(table, row),
            row.document,
            None if version is None else kept.version,
            kept,
            place,
            members,
        )

    def page(
        self, table: Table, after: tuple[object, ...] | None, *here: sa.ColumnElement[bool]
    ) -> Sequence[Any]:
        """Some rows after a key, in order."""
        columns = list(table.primary_key)
        query = sa.select(table).where(*here, *self.here(table)).order_by(*columns).limit(_PAGE)
        if after is not None:
            query = query.where(_beyond(columns, after))
        with self._connections.reading("seal") as connection:
            return connection.execute(query).all()

    def practices(self) -> list[str]:
        if self._practice is not None:
            return [self._practice]
        query = sa.select(self._tables.data_key.c.practice).distinct()
        with self._connections.reading("rotate") as connection:
            return sorted(connection.scalars(query))

    def here(self, table: Table) -> list[sa.ColumnElement[bool]]:
        return [] if self._practice is None else [table.c.practice == self._practice]

    def repeated(self, operation: str, work: Callable[[Connection], Any]) -> Any:
        return repeated(self._connections, self._surroundings.pauses, operation, work)

    def count(self, **more: int) -> None:
        counted = {name: getattr(self._done, name) + number for name, number in more.items()}
        self._done = attrs.evolve(self._done, **counted)
        if self._told is not None and any(more.values()):
            self._told(self._done)


def changed(statement: sa.Update | sa.Delete, connection: Connection) -> int:
    """How many rows a statement changes."""
    return connection.execute(statement).rowcount


def rows_of(table: Table, practice: str, subject: Subject) -> list[sa.ColumnElement[bool]]:
    """The keys of a subject."""
    return [
        table.c.practice == practice,
        table.c.subject_kind == subject.kind,
        table.c.subject == subject.id,
    ]


def key_of(table: Table, row: Any) -> tuple[object, ...]:
    """The key of a row."""
    return tuple(getattr(row, column.name) for column in table.primary_key)


def _at(table: Table, key: Sequence[object]) -> list[sa.ColumnElement[bool]]:
    return [column == value for column, value in zip(table.primary_key, key, strict=True)]


def _beyond(columns: Sequence[sa.Column[Any]], values: Sequence[object]) -> Any:
    """Whatever follows these values in the order of these columns."""
    beyond: Any = columns[-1] > values[-1]
    for column, value in zip(columns[-2::-1], values[-2::-1], strict=True):
        beyond = sa.or_(column > value, sa.and_(column == value, beyond))
    return sa.and_(columns[0] >= values[0], beyond)
