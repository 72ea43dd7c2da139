"""Sealing what an old database holds, giving it new keys, and taking keys away, while others work.

Everything here walks the rows that hold documents, in the order of their keys and some at a time.
Keys are had first; then each row is replaced in a small transaction if it is still at the version,
and says the same, as when it was read. What others changed meanwhile is met by the next walk; one
that finds nothing to do is the last. So it may be killed anywhere, and done again: nothing but the
rows themselves says how far it came.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final

import attrs
import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from medsched.adapters.sqlalchemy.data_keys import Named, Stored, Subject
from medsched.adapters.sqlalchemy.document_walk import (
    DocumentWalk,
    KeptRow,
    Replacement,
    Resealed,
    Told,
    changed,
    key_of,
    rows_of,
)
from medsched.adapters.sqlalchemy.documents import PHI, SEALED
from medsched.adapters.sqlalchemy.encryption import LONGEST_KEPT, Encryption
from medsched.adapters.sqlalchemy.sealed_documents import (
    opened,
    seal_into,
    sealed_by,
)
from medsched.adapters.sqlalchemy.sealing_state import (
    begin_sealing,
    write_state,
)
from medsched.adapters.sqlalchemy.shredding import INDEXED
from medsched.domain.fields import check_id
from medsched.domain.stored import Stored as Record
from medsched.errors import StorageBusy
from medsched.ports.surroundings import Surroundings

_WALKS: Final = 100
"""How often all is walked at most: each time less is left to do, unless others never rest."""
_ROUNDS: Final = 3
"""How often a rotation walks over all rows at most: whoever keeps a key seals by it meanwhile."""
_AT_ONCE: Final = 200
"""How many keys are made in one transaction."""
_SETTLED: Final = LONGEST_KEPT + timedelta(minutes=5)
"""After how long nobody seals by a key any more that was replaced."""


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

    Stop first, or restart with this encryption, whoever writes to the database without it: a store
    asks once whether it may write in plain text, and what it writes later is missed here. Stores
    with the encryption work meanwhile, and read plain text until this has ended; from then on they
    refuse it (`DecryptionError`). Where all is sealed already, nothing is done but to make the
    index what ``encryption`` says, or to take it away. ``again``: seal also what came in plain
    text after that; see first where it came from, for whoever can write to the database can.

    Killed at any moment, it may be run again. Raises `SchemaMismatch`, `StorageError`,
    `KeyUnavailable`, `DecryptionError`, and `StorageBusy` if others keep changing all rows.
    """
    with _Work.over(database, encryption, schema, surroundings, told) as walk:
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
    run this again later, and it is removed, and what others sealed by it meanwhile is sealed anew.
    Until then it is not replaced a second time. The key
    of an index is not replaced: take the index away and make it again, with `seal_all`.

    Killed at any moment, it may be run again. Raises what `seal_all` raises.
    """
    if practice is not None:
        check_id(practice, "practice")
    with _Work.over(database, encryption, schema, surroundings, told, practice) as walk:
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
    with _Work.over(database, encryption, schema, surroundings, told) as walk:
        return walk.rewrap()


class _Work(DocumentWalk):
    """What is done to all documents of a database, or of a practice."""

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

        whole, indexed = self.repeated("seal", begin)
        # Where there is no index any more, and where there was none, the state says the same.
        index = prefix is not None and not indexed
        if prefix is None:
            self.repeated("seal", self._drop_index)
        if whole and not index:
            return self._done
        done = set[tuple[object, ...]]()
        for _ in range(_WALKS):
            if not self.walk(partial(self._sealed, index=index, done=done)):
                break
        else:
            raise StorageBusy("seal", _WALKS)
        self.repeated(
            "seal", lambda found: write_state(found, self._tables, whole=True, prefix=prefix)
        )
        return self._done

    def _sealed(
        self, practice: str, rows: Sequence[KeptRow], index: bool, done: set[tuple[object, ...]]
    ) -> list[tuple[KeptRow, Replacement]]:
        """What replaces rows that are in plain text, or that an index does not know."""
        plain, unindexed = list[tuple[KeptRow, Record]](), list[tuple[KeptRow, Record]]()
        for row in rows:
            is_plain = not PHI[row.place.kind].isdisjoint(row.members)
            if SEALED in row.members and is_plain:
                sealed_by(practice, row.place, row.members)  # which is refused
            mark = (row.key, row.text)
            if SEALED not in row.members and PHI[row.place.kind]:
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
            (row, Replacement(text, writing.index(record)))
            for row, record in plain
            if (text := row.written(record, writing)) != row.text  # the key was destroyed
        ] + [(row, Replacement(row.text, writing.index(record))) for row, record in unindexed]

    def _open(self, row: KeptRow) -> Record | None:
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
        for practice in self.practices():
            self._make_keys(practice)
        self._encryption.kept.forget()
        if all(self.walk(self._renewed) for _ in range(_ROUNDS)):
            # Others go on sealing by keys that they keep. What they wrote is for another run.
            return self._done
        # A walk has just found nothing sealed by a key that was replaced, and by those that were
        # replaced long before it began nobody seals any more.
        table = self._tables.data_key
        gone = sa.delete(table).where(table.c.retired_at <= cutoff, *self.here(table))
        self.count(keys_removed=self.repeated("rotate", partial(changed, gone)))
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
        for at in range(0, len(due), _AT_ONCE):
            some = due[at : at + _AT_ONCE]
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

            self.count(keys_made=self.repeated("rotate", work))

    def _replace_key(
        self, connection: Connection, practice: str, named: Named, row: dict[str, object]
    ) -> int:
        """Put a key in the place of the one before it, unless that is replaced or destroyed."""
        table = self._tables.data_key
        before = sa.and_(
            *rows_of(table, practice, named.subject),
            table.c.number == named.number - 1,
            table.c.retired_at.is_(None),
            table.c.destroyed_at.is_(None),
        )
        retired = sa.update(table).where(before).values(retired_at=row["created_at"])
        if connection.execute(retired).rowcount != 1:
            return 0
        connection.execute(sa.insert(table), row)
        return 1

    def _renewed(self, practice: str, rows: Sequence[KeptRow]) -> list[tuple[KeptRow, Replacement]]:
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
        found = list[tuple[KeptRow, Replacement]]()
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
        while rows := self.page(table, after, table.c.destroyed_at.is_(None)):
            for row in rows:
                if row.wrapped_by == self._encryption.keys.current:
                    continue
                kept = Stored(*(getattr(row, name) for name in Stored._fields))
                anew = self._ring.wrapped_anew(row.practice, kept)
                here = sa.and_(
                    *rows_of(table, row.practice, Subject(row.subject_kind, row.subject)),
                    table.c.number == row.number,
                    table.c.wrapped == row.wrapped,
                )
                values = {"wrapped_by": anew.wrapped_by, "wrapped": anew.text}
                update = sa.update(table).where(here).values(values)
                self.count(keys_wrapped=self.repeated("rewrap", partial(changed, update)))
            after = key_of(table, rows[-1])
        return self._done

    # -------------------------------------------------------------------- the walk

    def _drop_index(self, connection: Connection) -> None:
        """Take an index and its keys away."""
        made = self._tables
        connection.execute(sa.delete(made.filter).where(made.filter.c.field.like(f"{INDEXED}%")))
        connection.execute(sa.delete(made.data_key).where(made.data_key.c.subject_kind == "index"))
