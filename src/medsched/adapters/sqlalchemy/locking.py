"""Locks: rows are locked in one order everywhere, and read under the lock.

Where several servers make one database and row locks hold on one of them only (a Galera
cluster), guards are checked by a write: see `Locks.by_writes`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

import attrs
import sqlalchemy as sa
from sqlalchemy import Connection, Table
from sqlalchemy.dialects import mysql, postgresql, sqlite

from medsched.adapters.sqlalchemy.connections import Undone
from medsched.adapters.sqlalchemy.documents import KeyRow
from medsched.adapters.sqlalchemy.schema import Tables
from medsched.domain.changes import Stale
from medsched.domain.fields import check_id
from medsched.domain.records import Resource
from medsched.domain.stored import Ref
from medsched.errors import InvalidId

_CHUNK: Final = 500
"""How many keys one statement names."""


class Key(NamedTuple):
    """What names a row within its practice; sorted as the database sorts."""

    kind: str
    id: str


def key_of(named: Ref | Resource) -> Key:
    """The key of a record, or of a resource's schedule."""
    return Key(named.kind.value, named.id)


def nameable(id: object) -> bool:
    """Whether a record can have this id; no statement is given any other."""
    try:
        check_id(id)
    except InvalidId:
        return False
    return True


def named(
    table: Table, practice: str, keys: Collection[Key], prefix: str = ""
) -> sa.ColumnElement[bool]:
    """The rows of these keys; ``prefix`` is that of the two columns that hold them.

    Each alternative names the practice: SQLite would otherwise use the index for no more.
    """
    kind_column, id_column = table.c[f"{prefix}kind"], table.c[f"{prefix}id"]
    return sa.or_(
        sa.false(),
        *(
            sa.and_(
                table.c.practice == practice,
                kind_column == kind,
                id_column.in_([key.id for key in some]),
            )
            for kind, some in groupby(sorted(keys), key=lambda key: key.kind)
        ),
    )


@attrs.frozen
class Locks:
    """Locks the rows of one table that a changeset guards or changes, and reads their versions."""

    connection: Connection
    table: Table
    practice: str
    blank: Mapping[str, object]
    """What a row that is made only to be locked holds besides its key and version 0."""
    by_writes: bool = False

    def take(self, changed: Collection[Key], guarded: Collection[Key]) -> dict[Key, int]:
        """Lock the one for writing, the other against it; the versions of those that are there."""
        found: dict[Key, int] = {}
        wanted = sorted({*changed, *guarded})
        for writing, run in groupby(wanted, key=lambda key: key in changed):
            for keys in chunks(list(run)):
                found |= self._versions(keys, writing=writing)
        return found

    def make(
        self, missing: Collection[Key], changed: Collection[Key], found: dict[Key, int]
    ) -> None:
        """Make the rows that are missing, at version 0, and lock them too."""
        missing = sorted(key for key in missing if key not in found)
        if missing:
            rows = [
                {"practice": self.practice, **key._asdict(), "version": 0, **self.blank}
                for key in missing
            ]
            self.connection.execute(self._insert_if_missing(), rows)
            found |= self.take(set(changed) & set(missing), set(missing) - set(changed))

    def _versions(self, keys: list[Key], *, writing: bool) -> dict[Key, int]:
        table, here = self.table, named(self.table, self.practice, keys)
        if self.by_writes and not writing:
            self.connection.execute(
                sa.update(table).where(here).values(touched=table.c.touched + 1)
            )
        query = sa.select(table.c.kind, table.c.id, table.c.version).where(here)
        if self.connection.dialect.name != "sqlite":  # it locks the whole database, long since
            query = query.order_by(table.c.kind, table.c.id).with_for_update(read=not writing)
        rows = self.connection.execute(query)
        return {Key(kind, id): version for kind, id, version in rows}

    def _insert_if_missing(self) -> sa.Insert:
        match self.connection.dialect.name:
            case "sqlite":
                return sqlite.insert(self.table).on_conflict_do_nothing()
            case "postgresql":
                return postgresql.insert(self.table).on_conflict_do_nothing()
            case _:
                # INSERT IGNORE would share the lock of a row that is there: two of it, and
                # neither could write. Nor would it tell what else it ignored.
                insert = mysql.insert(self.table)
                return insert.on_duplicate_key_update(version=self.table.c.version)


def chunks(keys: Sequence[Any], size: int = _CHUNK) -> Iterable[list[Any]]:
    """So many at a time."""
    return (list(keys[at : at + size]) for at in range(0, len(keys), size))


def hold_keys(
    connection: Connection, tables: Tables, practice: str, needed: Sequence[KeyRow]
) -> bool:
    """Whether none of some data keys was destroyed; nor will one be before the commit."""
    table, found = tables.data_key.c, 0
    for some in chunks(needed):
        query = (
            sa.select(table.number)
            .where(
                table.practice == practice,
                sa.tuple_(table.subject_kind, table.subject, table.number).in_(some),
                table.destroyed_at.is_(None),
            )
            .order_by(table.subject_kind, table.subject, table.number)
        )
        if connection.dialect.name != "sqlite":
            query = query.with_for_update(read=True)
        found += len(connection.execute(query).all())
    return found == len(needed)


def hold(found: Mapping[Key, int], stated: Iterable[tuple[Key, int]]) -> None:
    """Every row is at the version that is stated of it; 0 where there is none."""
    if any(found.get(key, 0) != version for key, version in stated):
        raise Undone(Stale())


def all_met(result: sa.CursorResult[Any], count: int) -> None:
    """A statement met every row that it was meant for."""
    if result.rowcount != count:
        raise Undone(Stale())
