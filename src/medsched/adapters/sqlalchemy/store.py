"""The store: what `medsched.ports.store.Store` promises, on SQLAlchemy Core."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, cast

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from medsched.adapters.sqlalchemy.applying import Application, Key, chunks, key_of, nameable, named
from medsched.adapters.sqlalchemy.connections import Connections, Moved, engine_of
from medsched.adapters.sqlalchemy.rows import RecordRow, filter_text, from_row
from medsched.adapters.sqlalchemy.schema import tables
from medsched.adapters.surroundings import standard
from medsched.domain.availability import AvailabilityRule, Override, RecurringBlocking
from medsched.domain.changes import Applied, Changeset, Outcome, Stale
from medsched.domain.events import Event
from medsched.domain.records import Resource
from medsched.domain.schedule import calendar
from medsched.domain.stored import HoursRecord, Kind, Ref, Stored, StoredT, kind_of
from medsched.ports.store import VersionedCalendar
from medsched.ports.surroundings import Surroundings

_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
_BATCH: Final = 500
"""How many documents are read at a time when they must be looked into."""


class SqlAlchemyStore:
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
        self._connections = Connections(engine, own=own)
        self._tables = tables(schema)
        self._galera = galera
        self._surroundings = surroundings or standard()

    @property
    def surroundings(self) -> Surroundings:
        return self._surroundings

    @property
    def engine(self) -> Engine:
        """The engine that was given, or made from the URL; `Engine.dispose` closes it."""
        return self._connections.engine

    # --------------------------------------------------------------------- readers

    def get(self, practice: str, cls: type[StoredT], id: str) -> StoredT | None:
        ref = Ref(kind_of(cls), id)
        found = self.get_many(practice, [ref]).get(ref)
        return found if isinstance(found, cls) else None

    def get_many(self, practice: str, refs: Collection[Ref]) -> Mapping[Ref, Stored]:
        keys = sorted({key_of(ref) for ref in refs if nameable(ref.id)})
        if not keys or not nameable(practice):
            return {}
        found: dict[Key, Stored] = {}
        parts = list(chunks(keys))
        with self._connections.reading("get", several=len(parts) > 1) as connection:
            for part in parts:
                here = named(self._tables.record, practice, part)
                for row in _rows(connection, self._records().where(here)):
                    found[Key(row.kind, row.id)] = from_row(row)
        return {ref: found[key_of(ref)] for ref in refs if key_of(ref) in found}

    def page(
        self,
        practice: str,
        cls: type[StoredT],
        *,
        active: bool | None,
        where: Mapping[str, object],
        after: str | None,
        limit: int,
    ) -> Sequence[StoredT]:
        if not nameable(practice):
            return []
        kind = kind_of(cls)
        table, query = self._tables.record.c, self._records()
        query = query.where(table.practice == practice, table.kind == kind.value)
        if active is not None:
            query = query.where(table.active == active)
        unsearched = dict(where)
        for field, value in where.items():
            if (here := self._found_by(practice, kind, field, value)) is not None:
                query = query.where(here)
                del unsearched[field]
        found = self._first(query.order_by(table.id), unsearched, after, limit)
        return cast("list[StoredT]", found)

    def calendars(
        self, practice: str, resources: Collection[Resource]
    ) -> Mapping[Resource, VersionedCalendar]:
        versions = dict.fromkeys(resources, 0)
        hours: dict[Resource, list[HoursRecord]] = {one: [] for one in resources}
        parts = list(chunks(sorted(versions))) if nameable(practice) else []
        with self._connections.reading("calendars", several=len(parts) > 1) as connection:
            for part in parts:
                for row in connection.execute(self._calendars(practice, part)):
                    resource = Resource(row.resource_kind, row.resource_id)
                    if row.kind is None:
                        versions[resource] = row.version
                    else:
                        hours[resource].append(cast("HoursRecord", from_row(RecordRow(*row))))
        return {
            one: VersionedCalendar(
                versions[one],
                calendar(
                    tuple(found for found in hours[one] if isinstance(found, AvailabilityRule)),
                    tuple(found for found in hours[one] if isinstance(found, Override)),
                    tuple(found for found in hours[one] if isinstance(found, RecurringBlocking)),
                ),
            )
            for one in versions
        }

    def schedule_versions(
        self, practice: str, resources: Collection[Resource]
    ) -> Mapping[Resource, int]:
        keys = sorted({key_of(one) for one in resources})
        found: dict[Key, int] = {}
        parts = list(chunks(keys)) if nameable(practice) else []
        if parts:
            table = self._tables.schedule
            with self._connections.reading("versions", several=len(parts) > 1) as connection:
                for part in parts:
                    query = sa.select(table.c.kind, table.c.id, table.c.version)
                    rows = connection.execute(query.where(named(table, practice, part)))
                    found |= {Key(kind, id): version for kind, id, version in rows}
        return {one: found.get(key_of(one), 0) for one in resources}

    def referrers(self, practice: str, ref: Ref, *, limit: int = 100) -> Sequence[Ref]:
        if not (nameable(practice) and nameable(ref.id)):
            return []
        table = self._tables.reference.c
        query = (
            sa.select(table.kind, table.id)
            .where(
                table.practice == practice,
                table.to_kind == ref.kind.value,
                table.to_id == ref.id,
            )
            .order_by(table.kind, table.id)
            .limit(limit)
        )
        with self._connections.reading("referrers") as connection:
            return [Ref(Kind(kind), id) for kind, id in connection.execute(query)]

    def events(self, practice: str) -> Sequence[Event]:
        """Every event of a practice, in an order in which the changesets may have been applied.

        For tests and small tools: what is committed while this reads may come to stand before
        what was read, so this is no way to follow events.
        """
        table = self._tables.event.c
        query = (
            sa.select(table.name, table.kind, table.record, table.version, table.format)
            .where(table.practice == practice)
            .order_by(table.recorded_at, table.changeset, table.position)
        )
        with self._connections.reading("events") as connection:
            return [
                Event(name=name, kind=Kind(kind), id=id, version=version, schema=format)
                for name, kind, id, version, format in connection.execute(query)
            ]

    # ------------------------------------------------------------------- the write

    def apply(self, changeset: Changeset) -> Outcome:
        try:
            with self._connections.writing("apply") as connection:
                Application(connection, self._tables, changeset, by_writes=self._galera).run()
        except Moved:
            return Stale()
        return Applied()

    # ------------------------------------------------------------------ statements

    def _records(self) -> sa.Select[Any]:
        table = self._tables.record.c
        return sa.select(*(table[name] for name in RecordRow._fields)).where(table.version > 0)

    def _found_by(
        self, practice: str, kind: Kind, field: str, value: object
    ) -> sa.ColumnElement[bool] | None:
        """Records whose field matches; None where only the documents can tell."""
        record, table = self._tables.record.c, self._tables.filter.c
        if field == "resource" and isinstance(value, Resource):
            return sa.and_(record.resource_kind == value.kind.value, record.resource_id == value.id)
        text = filter_text(kind, field, value)
        if text is None or not _storable(text):
            return None
        return record.id.in_(
            sa.select(table.id).where(
                table.practice == practice,
                table.kind == kind.value,
                table.field == field,
                table.value == text,
            )
        )

    def _first(
        self, query: sa.Select[Any], unsearched: Mapping[str, object], after: str | None, limit: int
    ) -> list[Stored]:
        """The first records of a query after an id; what it could not say is looked at here."""
        id, found = self._tables.record.c.id, list[Stored]()
        batch = max(limit, _BATCH) if unsearched else limit
        with self._connections.reading("page", several=bool(unsearched)) as connection:
            while len(found) < limit:
                # No id holds what cannot be stored, so what precedes it will do.
                least = query if after is None else query.where(id > _storable_part(after))
                rows = _rows(connection, least.limit(batch))
                records = (from_row(row) for row in rows if after is None or row.id > after)
                found += (record for record in records if _matches(record, unsearched))
                if len(rows) < batch:
                    break
                after = rows[-1].id
        return found[:limit]

    def _calendars(self, practice: str, resources: Sequence[Resource]) -> sa.CompoundSelect[Any]:
        """Schedule versions and active hours in one statement: one state, one round trip."""
        record, schedule = self._tables.record, self._tables.schedule
        keys = [key_of(one) for one in resources]
        blank = {
            "resource_kind": schedule.c.kind,
            "resource_id": schedule.c.id,
            "version": schedule.c.version,
        }
        columns = [record.c[name] for name in RecordRow._fields]
        return sa.union_all(
            sa.select(*columns).where(
                named(record, practice, keys, "resource_"), record.c.active, record.c.version > 0
            ),
            sa.select(*(blank.get(one.name, sa.null()).label(one.name) for one in columns)).where(
                named(schedule, practice, keys)
            ),
        )


def _rows(connection: Connection, query: sa.Select[Any]) -> list[RecordRow]:
    return [RecordRow(*row) for row in connection.execute(query)]


def _storable(text: str) -> bool:
    """Whether some record's text can be this one."""
    return _storable_part(text) == text


def _storable_part(text: str) -> str:
    """The text up to the first NUL, or half of a character: no database is asked for these."""
    return _UNSTORABLE.split(text, maxsplit=1)[0]


def _matches(record: Stored, where: Mapping[str, object]) -> bool:
    for field, wanted in where.items():
        held = getattr(record, field)
        if not (wanted in held if isinstance(held, frozenset) else held == wanted):
            return False
    return True
