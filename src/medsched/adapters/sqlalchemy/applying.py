"""The one write: a changeset, in one transaction, its guards checked under locks.

Locks are taken in one order everywhere: the schedule versions, then the records, each sorted;
what is changed is locked for writing at once, what is only guarded is shared, so no lock is
ever raised from the one to the other. Booking's key comes before them, and its tallies,
ledger and sessions between the two.

Where several servers make one database and row locks hold on one of them only (a Galera
cluster), guards are checked by a write: see `Locks.by_writes`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final, NamedTuple
from uuid import uuid4

import attrs
import sqlalchemy as sa
from sqlalchemy import Connection, Table
from sqlalchemy.dialects import mysql, postgresql, sqlite

from medsched.adapters.sqlalchemy.columns import UtcDateTime
from medsched.adapters.sqlalchemy.connections import Moved
from medsched.adapters.sqlalchemy.rows import FORMAT, filters_of, to_row
from medsched.adapters.sqlalchemy.schema import Tables
from medsched.domain.changes import Changeset, RowVersion, ScheduleVersion
from medsched.domain.fields import check_id
from medsched.domain.records import Resource
from medsched.domain.stored import Ref, Stored, references
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


def chunks(keys: Sequence[Any]) -> Iterable[list[Any]]:
    """So many at a time."""
    return (list(keys[at : at + _CHUNK]) for at in range(0, len(keys), _CHUNK))


class Application:
    """One changeset on its way into the database; every step may raise `Moved`."""

    def __init__(
        self, connection: Connection, tables: Tables, changeset: Changeset, *, by_writes: bool
    ) -> None:
        self._connection = connection
        self._tables = tables
        self._changeset = changeset
        self._practice = changeset.practice
        self._by_writes = by_writes

    def run(self) -> None:
        """Do all of it, in the order of locks."""
        self._schedules()
        self._records()
        self._events()

    # ------------------------------------------------------------------ schedules

    def _schedules(self) -> None:
        guards = [one for one in self._changeset.guards if isinstance(one, ScheduleVersion)]
        bumps = {key_of(resource) for resource in self._changeset.bumps}
        table = self._tables.schedule
        locks = Locks(self._connection, table, self._practice, {}, self._by_writes)
        stated = {(key_of(guard.resource), guard.version) for guard in guards}
        found = locks.take(bumps, {key for key, _ in stated})
        _hold(found, ((key, version) for key, version in stated if key in found or version))
        locks.make({key for key, _ in stated} | bumps, bumps, found)
        _hold(found, stated)
        for keys in chunks(sorted(bumps)):
            here = named(table, self._practice, keys)
            bumped = self._connection.execute(
                sa.update(table).where(here).values(version=table.c.version + 1)
            )
            _all(bumped, len(keys))

    # -------------------------------------------------------------------- records

    def _records(self) -> None:
        writes = {key_of(Ref.to(record)): record for record in self._changeset.writes}
        removals = {key_of(ref): version for ref, version in self._changeset.removals}
        guards = [one for one in self._changeset.guards if isinstance(one, RowVersion)]
        stated = {(key_of(guard.ref), guard.version) for guard in guards}
        stated |= {(key, record.version - 1) for key, record in writes.items()}
        stated |= set(removals.items())
        # What no record can be called is not there, and needs no lock.
        _hold({}, ((key, version) for key, version in stated if not nameable(key.id)))
        stated = {(key, version) for key, version in stated if nameable(key.id)}
        if not stated:
            return
        changed, guarded = {*writes, *removals}, {key for key, _ in stated}
        blank = {"active": False, "format": FORMAT, "document": "{}"}
        table = self._tables.record
        locks = Locks(self._connection, table, self._practice, blank, self._by_writes)
        found = locks.take(changed, guarded)
        _hold(found, stated)
        if not guarded - changed <= found.keys():
            # What is created is made in one go with what must not exist: in one order.
            locks.make(guarded, changed, found)
            _hold(found, stated)
        self._keep_referred_to()
        self._forget([key for key in sorted(changed) if found.get(key)])
        self._remove(sorted(removals))
        self._write([writes[key] for key in sorted(writes)], found)

    def _keep_referred_to(self) -> None:
        """Refuse to remove what another record would refer to.

        Whoever refers to a record guards it, and so waits for the lock that is held on it here,
        or was waited for: no reference can come up between this and the removal.
        """
        removed = {ref for ref, _ in self._changeset.removals}
        written = self._changeset.writes
        if removed and any(references(record) & removed for record in written):
            raise Moved
        changed = {key_of(ref) for ref in (*removed, *map(Ref.to, written))}
        table = self._tables.reference.c
        for kind, id in sorted(map(key_of, removed)):
            referrers = self._connection.execute(
                sa.select(table.kind, table.id)
                .where(table.practice == self._practice, table.to_kind == kind, table.to_id == id)
                .limit(len(changed) + 1)
                .with_for_update(read=True)
            )
            if not {Key(*row) for row in referrers} <= changed:
                raise Moved

    def _forget(self, keys: Sequence[Key]) -> None:
        """Take what the indexes say of these records away."""
        for table in (self._tables.filter, self._tables.reference):
            for some in chunks(keys):
                self._connection.execute(sa.delete(table).where(named(table, self._practice, some)))

    def _remove(self, keys: Sequence[Key]) -> None:
        table = self._tables.record
        for some in chunks(keys):
            here = named(table, self._practice, some)
            _all(self._connection.execute(sa.delete(table).where(here)), len(some))

    def _write(self, records: Sequence[Stored], found: Mapping[Key, int]) -> None:
        table = self._tables.record
        rows = [to_row(self._practice, record) for record in records]
        new = [row for row in rows if Key(row["kind"], row["id"]) not in found]
        old = [row for row in rows if Key(row["kind"], row["id"]) in found]
        if new:
            self._connection.execute(sa.insert(table), new)
        if old:
            keys = ("practice", "kind", "id")
            here = (table.c[name] == sa.bindparam(f"at_{name}") for name in keys)
            update = sa.update(table).where(*here, table.c.version == sa.bindparam("at_version"))
            values = [
                {"at_version": row["version"] - 1}
                | {f"at_{name}": row.pop(name) for name in keys}
                | row
                for row in old
            ]
            _all(self._connection.execute(update, values), len(values))
        filters, names = [], []
        for record in records:
            key = {"practice": self._practice, **key_of(Ref.to(record))._asdict()}
            for position, (field, value) in enumerate(filters_of(record)):
                filters.append({**key, "position": position, "field": field, "value": value})
            for position, ref in enumerate(sorted(references(record))):
                to = {"to_kind": ref.kind.value, "to_id": ref.id}
                names.append({**key, "position": position, **to})
        if filters:
            self._connection.execute(sa.insert(self._tables.filter), filters)
        if names:
            self._connection.execute(sa.insert(self._tables.reference), names)

    # --------------------------------------------------------------------- events

    def _events(self) -> None:
        table, changeset = self._tables.event, uuid4().hex
        rows = [
            {
                "practice": self._practice,
                "changeset": changeset,
                "position": position,
                "name": event.name,
                "kind": event.kind.value,
                "record": event.id,
                "version": event.version,
                "format": event.schema,
            }
            for position, event in enumerate(self._changeset.events)
        ]
        if rows:
            clock = _clock(self._connection.dialect.name)
            self._connection.execute(sa.insert(table).values(recorded_at=clock), rows)


def _clock(dialect: str) -> sa.ColumnElement[datetime]:
    """The database's clock, where it is not this machine's."""
    match dialect:
        case "sqlite":
            return sa.literal(datetime.now(UTC), UtcDateTime)
        case "postgresql":
            return sa.func.clock_timestamp()
        case _:
            return sa.func.utc_timestamp(6, type_=UtcDateTime)


def _hold(found: Mapping[Key, int], stated: Iterable[tuple[Key, int]]) -> None:
    """Every row is at the version that is stated of it; 0 where there is none."""
    if any(found.get(key, 0) != version for key, version in stated):
        raise Moved


def _all(result: sa.CursorResult[Any], count: int) -> None:
    """A statement met every row that it was meant for."""
    if result.rowcount != count:
        raise Moved
