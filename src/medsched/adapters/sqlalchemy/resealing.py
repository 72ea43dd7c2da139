"""Sealing what an old database holds, giving it new keys, and taking keys away, while others work.

Everything here walks the rows that hold documents, in the order of their keys and some at a time.
Keys are had first; then each row is replaced in a small transaction if it is still at the version,
and says the same, as when it was read. What others changed meanwhile is met by the next walk; one
that finds nothing to do is the last. So it may be killed anywhere, and done again: nothing but the
rows themselves says how far it came.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, TypeAlias

import attrs
import sqlalchemy as sa
from sqlalchemy import Connection, Engine, Table

from medsched.adapters.sqlalchemy.booking_rows import (
    BookingRow,
    booking_of,
    booking_row,
    packed,
    packed_row,
    unpacked,
)
from medsched.adapters.sqlalchemy.booking_rows import members_of as booking_members
from medsched.adapters.sqlalchemy.connections import Connections, engine_of
from medsched.adapters.sqlalchemy.data_keys import KeyRing, Named, Stored, Subject
from medsched.adapters.sqlalchemy.documents import PHI, SEALED, Members, Place, Writing
from medsched.adapters.sqlalchemy.encryption import LONGEST_KEPT, Encryption
from medsched.adapters.sqlalchemy.migrations import check
from medsched.adapters.sqlalchemy.repeating import repeated
from medsched.adapters.sqlalchemy.rows import RecordRow, from_row, to_row
from medsched.adapters.sqlalchemy.rows import members_of as record_members
from medsched.adapters.sqlalchemy.schema import tables
from medsched.adapters.sqlalchemy.sealed_documents import (
    SealedDocuments,
    opened,
    seal_into,
    sealed_by,
)
from medsched.adapters.sqlalchemy.sealing_state import (
    begin_sealing,
    write_state,
)
from medsched.adapters.sqlalchemy.shredding import INDEXED, forget_index
from medsched.adapters.surroundings import standard
from medsched.domain.fields import check_id
from medsched.domain.stored import Kind
from medsched.domain.stored import Stored as Record
from medsched.errors import StorageBusy
from medsched.ports.surroundings import Surroundings

_PAGE: Final = 200
"""How many rows are read, and replaced, at a time."""
_WALKS: Final = 100
"""How often all is walked at most: each time less is left to do, unless others never rest."""
_INDEXED_FROM: Final = 1_000_000
"""Where the positions of an index's rows begin that is made afterwards."""
_SETTLED: Final = LONGEST_KEPT + timedelta(minutes=5)
"""After how long nobody seals by a key any more that was replaced."""


@attrs.frozen(kw_only=True)
class Resealed:
    """What was done: how many rows were written anew, and keys made, wrapped anew or removed."""

    rows: int = 0
    keys_made: int = 0
    keys_wrapped: int = 0
    keys_removed: int = 0


Told: TypeAlias = Callable[[Resealed], None]
"""What is called with the counts so far, after each small step."""


def seal_all(
    database: str | sa.URL | Engine,
    encryption: Encryption,
    *,
    schema: str | None = None,
    again: bool = False,
    surroundings: Surroundings | None = None,
    told: Told | None = None,
) -> Resealed:
    """Seal everything that an older database holds in plain text, and index all patients.

    Stop first, or restart with this encryption, whoever writes to the database without it: what
    such a store still writes, for a minute at most, may be missed. Stores with the encryption work
    meanwhile, and read plain text until this has ended; from then on they refuse it
    (`DecryptionError`). Where all is sealed already, nothing is done but to make the index what
    ``encryption`` says, or to take it away. ``again``: seal also what came in plain text after
    that; see first where it came from, for whoever can write to the database can write that.

    Killed at any moment, it may be run again. Raises `SchemaMismatch`, `StorageError`,
    `KeyUnavailable`, `DecryptionError`, and `StorageBusy` if others keep changing all rows.
    """
    with _Walk.over(database, encryption, schema, surroundings, told) as walk:
        return walk.seal_all(again=again)


def rotate(
    database: str | sa.URL | Engine,
    encryption: Encryption,
    *,
    schema: str | None = None,
    practice: str | None = None,
    surroundings: Surroundings | None = None,
    told: Told | None = None,
) -> Resealed:
    """Make new data keys, of one ``practice`` or of all, and seal everything by them anew.

    Others read and write meanwhile; no version of a record changes. A key that was replaced stays
    until no process can hold it any more, a little over an hour, so that readers see no error:
    run this again later, and it is removed. Until then it is not replaced a second time. The key
    of an index is not replaced: take the index away and make it again, with `seal_all`.

    Killed at any moment, it may be run again. Raises what `seal_all` raises.
    """
    if practice is not None:
        check_id(practice, "practice")
    with _Walk.over(database, encryption, schema, surroundings, told, practice) as walk:
        return walk.rotate()


def rewrap(
    database: str | sa.URL | Engine,
    encryption: Encryption,
    *,
    schema: str | None = None,
    surroundings: Surroundings | None = None,
    told: Told | None = None,
) -> Resealed:
    """Wrap every data key anew that the provider's current master key has not wrapped.

    No document is touched. Killed at any moment, it may be run again. Raises what `seal_all` does.
    """
    with _Walk.over(database, encryption, schema, surroundings, told) as walk:
        return walk.rewrap()


@attrs.frozen
class _Row:
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
        return self.place.kind == Kind.PATIENT.value

    def text_of(self, members: Members) -> str:
        """What stands in the row when its document says this."""
        document = json.dumps(members, ensure_ascii=False, separators=(",", ":"))
        if self.place.scope and isinstance(self.kept, BookingRow):
            return packed_row(self.kept._replace(document=document))
        return document

    def record(self) -> Record:
        """The record of a row in plain text."""
        if isinstance(self.kept, BookingRow):
            return booking_of(self.kept, dict(self.members))
        return from_row(self.kept, dict(self.members))

    def written(self, record: Record, writing: Writing) -> str:
        """What stands in the row when its record is written."""
        if isinstance(self.kept, RecordRow):
            noun: Any = record
            return str(to_row(self.practice, noun, writing)["document"])
        booking: Any = record
        if self.place.scope:
            return packed(booking, writing, self.place.scope)
        return booking_row(booking, writing).document


class _Walk:
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
        self._documents = SealedDocuments(*parts)
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
    ) -> _Walk:
        """All documents of a database, or those of a practice."""
        engine, own = engine_of(database)
        try:
            check(engine, schema=schema)
        except BaseException:
            if own:
                engine.dispose()
            raise
        return cls(engine, encryption, schema, surroundings, told, practice, own)

    def __enter__(self) -> _Walk:
        return self

    def __exit__(self, *_: object) -> None:
        if self._own:
            self._engine.dispose()

    # -------------------------------------------------------------------- the work

    def seal_all(self, *, again: bool) -> Resealed:
        """Seal what is in plain text, and make the index what it shall be."""
        prefix = self._encryption.prefix

        def begin(connection: Connection) -> tuple[bool, bool]:
            state = begin_sealing(connection, self._tables, prefix)
            whole, indexed = state.whole and not again, state.prefix == prefix
            if not (whole and indexed):
                write_state(
                    connection,
                    self._tables,
                    whole=whole,
                    prefix=state.prefix if indexed else None,
                )
            return whole, indexed

        whole, indexed = self._repeated("seal", begin)
        # Where there is no index any more, and where there was none, the state says the same.
        index = prefix is not None and not indexed
        if prefix is None:
            self._repeated("seal", self._drop_index)
        if whole and not index:
            return self._done
        done = set[tuple[object, ...]]()
        for _ in range(_WALKS):
            if not self._walk(partial(self._sealed, index=index, done=done)):
                break
        else:
            raise StorageBusy("seal", _WALKS)
        self._repeated(
            "seal", lambda found: write_state(found, self._tables, whole=True, prefix=prefix)
        )
        return self._done

    def _sealed(
        self, practice: str, rows: Sequence[_Row], index: bool, done: set[tuple[object, ...]]
    ) -> list[tuple[_Row, Replacement]]:
        """What replaces rows that are in plain text, or that an index does not know."""
        plain, unindexed = list[tuple[_Row, Record]](), list[tuple[_Row, Record]]()
        for row in rows:
            is_plain = not PHI[row.place.kind].isdisjoint(row.members)
            if SEALED in row.members and is_plain:
                sealed_by(practice, row.place, row.members)  # which is refused
            mark = (row.key, row.text)
            if is_plain:
                plain.append((row, row.record()))
            elif index and row.is_patient and mark not in done:
                done.add(mark)
                if (record := self._open(row)) is not None:
                    unindexed.append((row, record))
        if not plain and not unindexed:
            return []
        # All their keys at once.
        records = [record for _, record in (*plain, *unindexed)]
        writing = self._documents.writing(practice, records)
        return [
            (row, Replacement(row.written(record, writing), writing.index(record)))
            for row, record in plain
        ] + [(row, Replacement(row.text, writing.index(record))) for row, record in unindexed]

    def _open(self, row: _Row) -> Record | None:
        """The record of a row; None if its key was destroyed."""
        members = dict(row.members)
        with self._connections.reading("seal") as connection:
            reading = self._documents.reading(connection, row.practice, [(row.place, members)])
        envelope = SEALED in members
        reading.open(strict=False)
        record = attrs.evolve(row, members=members).record()
        return None if envelope and not members.keys() & PHI[row.place.kind] else record

    def rotate(self) -> Resealed:
        """New keys for all subjects, and all rows sealed by them."""
        cutoff = self._surroundings.clock.now() - _SETTLED
        for practice in self._practices():
            self._make_keys(practice)
        self._encryption.kept.forget()
        for _ in range(_WALKS):
            if not self._walk(self._renewed):
                break
        else:
            raise StorageBusy("rotate", _WALKS)
        # A walk has just found nothing sealed by a key that was replaced, and by those that were
        # replaced long before it began nobody seals any more.
        table = self._tables.data_key
        gone = sa.delete(table).where(table.c.retired_at <= cutoff, *self._here(table))
        self._count(keys_removed=self._repeated("rotate", partial(_changed, gone)))
        return self._done

    def _make_keys(self, practice: str) -> None:
        """A new key for each subject that has one, and none that was replaced before."""
        table = self._tables.data_key.c
        last = sa.func.max(table.number).label("last")
        query = (
            sa.select(table.subject_kind, table.subject, last)
            .where(table.practice == practice, table.subject_kind != "index")
            .group_by(table.subject_kind, table.subject)
            .having(
                sa.func.count(table.retired_at) == 0,
                sa.func.count(table.destroyed_at) == 0,
            )
            .order_by(table.subject_kind, table.subject)
        )
        with self._connections.reading("rotate") as connection:
            due = [
                Named(Subject(kind, id), number + 1)
                for kind, id, number in connection.execute(query)
            ]
        for at in range(0, len(due), _PAGE):
            some = due[at : at + _PAGE]
            rows = [self._ring.new_row(practice, named) for named in some]  # before any lock

            def work(
                connection: Connection,
                rows: Sequence[dict[str, object]] = rows,
                some: Sequence[Named] = some,
            ) -> int:
                return sum(
                    self._replace_key(connection, practice, named, row)
                    for named, row in zip(some, rows, strict=True)
                )

            self._count(keys_made=self._repeated("rotate", work))

    def _replace_key(
        self, connection: Connection, practice: str, named: Named, row: dict[str, object]
    ) -> int:
        """Put a key in the place of the one before it, unless that is replaced or destroyed."""
        table = self._tables.data_key
        before = sa.and_(
            *_is(table, practice, named.subject),
            table.c.number == named.number - 1,
            table.c.retired_at.is_(None),
            table.c.destroyed_at.is_(None),
        )
        retired = sa.update(table).where(before).values(retired_at=row["created_at"])
        if connection.execute(retired).rowcount != 1:
            return 0
        connection.execute(sa.insert(table), row)
        return 1

    def _renewed(self, practice: str, rows: Sequence[_Row]) -> list[tuple[_Row, Replacement]]:
        """What replaces rows that are not sealed by the newest keys of their subjects."""
        sealed = [(row, sealed_by(practice, row.place, row.members)) for row in rows]
        newest = self._ring.newest(practice, {named.subject for _, named in sealed if named})
        due = [
            (row, named)
            for row, named in sealed
            if named and (new := newest.get(named.subject)) and new.number != named.number
        ]
        with self._connections.reading("rotate") as connection:
            keys = self._ring.reading(connection, "", practice, [named for _, named in due])
        found = list[tuple[_Row, Replacement]]()
        for row, named in due:
            key = keys.key(named)
            if key is not None:  # or it was destroyed just now
                members = dict(row.members)
                envelope = members.pop(SEALED)
                members |= opened(practice, row.place, envelope, named, key)
                seal_into(practice, row.place, members, newest[named.subject], named.subject)
                found.append((row, Replacement(row.text_of(members), None)))
        return found

    def rewrap(self) -> Resealed:
        """Wrap anew what another master key has wrapped."""
        table = self._tables.data_key
        after: tuple[object, ...] | None = None
        while rows := self._page(table, after, table.c.destroyed_at.is_(None)):
            for row in rows:
                if row.wrapped_by == self._encryption.keys.current:
                    continue
                kept = Stored(*(getattr(row, name) for name in Stored._fields))
                anew = self._ring.wrapped_anew(row.practice, kept)
                here = sa.and_(
                    *_is(table, row.practice, Subject(row.subject_kind, row.subject)),
                    table.c.number == row.number,
                    table.c.wrapped == row.wrapped,
                )
                values = {"wrapped_by": anew.wrapped_by, "wrapped": anew.text}
                update = sa.update(table).where(here).values(values)
                self._count(keys_wrapped=self._repeated("rewrap", partial(_changed, update)))
            after = _key_of(table, rows[-1])
        return self._done

    # -------------------------------------------------------------------- the walk

    def _walk(
        self, replaced: Callable[[str, Sequence[_Row]], list[tuple[_Row, Replacement]]]
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

                def work(connection: Connection, due: list[tuple[_Row, Replacement]] = due) -> int:
                    return sum(self._replace(connection, row, anew) for row, anew in due)

                self._count(rows=self._repeated("seal", work))
                count += len(due)
        return count

    def _replace(self, connection: Connection, row: _Row, anew: Replacement) -> int:
        """Replace a row, if it is what was read; what others wrote meanwhile stays."""
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

    def _rows(self) -> Iterator[list[_Row]]:
        """All rows that hold a document, some at a time."""
        made = self._tables
        for table in (made.record, made.booking, made.receipt):
            here = table.c.version > 0 if "version" in table.c else table.c.document.is_not(None)
            after: tuple[object, ...] | None = None
            while rows := self._page(table, after, here):
                yield [self._read(table, row) for row in rows]
                after = _key_of(table, rows[-1])

    def _read(self, table: Table, row: Any) -> _Row:
        kept: RecordRow | BookingRow
        version: int | None = None
        if table is self._tables.receipt:
            kept = unpacked(row.document)
            place, members = booking_members(kept, row.scope)
        elif table is self._tables.booking:
            kept, version = BookingRow(*(getattr(row, name) for name in BookingRow._fields)), 0
            place, members = booking_members(kept)
        else:
            kept, version = RecordRow(*(getattr(row, name) for name in RecordRow._fields)), 0
            place, members = record_members(kept)
        return _Row(
            row.practice,
            table,
            _key_of(table, row),
            row.document,
            None if version is None else kept.version,
            kept,
            place,
            members,
        )

    def _page(
        self, table: Table, after: tuple[object, ...] | None, *here: sa.ColumnElement[bool]
    ) -> Sequence[Any]:
        """Some rows after a key, in order."""
        columns = list(table.primary_key)
        query = sa.select(table).where(*here, *self._here(table)).order_by(*columns).limit(_PAGE)
        if after is not None:
            query = query.where(_beyond(columns, after))
        with self._connections.reading("seal") as connection:
            return connection.execute(query).all()

    def _practices(self) -> list[str]:
        if self._practice is not None:
            return [self._practice]
        query = sa.select(self._tables.data_key.c.practice).distinct()
        with self._connections.reading("rotate") as connection:
            return sorted(connection.scalars(query))

    def _here(self, table: Table) -> list[sa.ColumnElement[bool]]:
        return [] if self._practice is None else [table.c.practice == self._practice]

    def _drop_index(self, connection: Connection) -> None:
        """Take an index and its keys away."""
        made = self._tables
        connection.execute(sa.delete(made.filter).where(made.filter.c.field.like(f"{INDEXED}%")))
        connection.execute(sa.delete(made.data_key).where(made.data_key.c.subject_kind == "index"))

    def _repeated(self, operation: str, work: Callable[[Connection], Any]) -> Any:
        return repeated(self._connections, self._surroundings.pauses, operation, work)

    def _count(self, **more: int) -> None:
        counted = {name: getattr(self._done, name) + number for name, number in more.items()}
        self._done = attrs.evolve(self._done, **counted)
        if self._told is not None and any(more.values()):
            self._told(self._done)


@attrs.frozen
class Replacement:
    """What shall stand in a row, and what an index shall find it by: None leaves that alone."""

    text: str
    index: list[tuple[str, str]] | None


def _changed(statement: sa.Update | sa.Delete, connection: Connection) -> int:
    """How many rows a statement changes."""
    return connection.execute(statement).rowcount


def _is(table: Table, practice: str, subject: Subject) -> list[sa.ColumnElement[bool]]:
    return [
        table.c.practice == practice,
        table.c.subject_kind == subject.kind,
        table.c.subject == subject.id,
    ]


def _key_of(table: Table, row: Any) -> tuple[object, ...]:
    return tuple(getattr(row, column.name) for column in table.primary_key)


def _at(table: Table, key: Sequence[object]) -> list[sa.ColumnElement[bool]]:
    return [column == value for column, value in zip(table.primary_key, key, strict=True)]


def _beyond(columns: Sequence[sa.Column[Any]], values: Sequence[object]) -> Any:
    """Whatever follows these values in the order of these columns."""
    beyond: Any = columns[-1] > values[-1]
    for column, value in zip(columns[-2::-1], values[-2::-1], strict=True):
        beyond = sa.or_(column > value, sa.and_(column == value, beyond))
    return sa.and_(columns[0] >= values[0], beyond)
