"""Reading records: people, places, types, hours, and bookings by their ids."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from functools import partial
from typing import Any, Final, cast

import attrs
import sqlalchemy as sa
from sqlalchemy import Connection

from medsched.adapters.sqlalchemy.applying import booked_with
from medsched.adapters.sqlalchemy.booking_rows import BookingRow, booking_of
from medsched.adapters.sqlalchemy.connections import Connections
from medsched.adapters.sqlalchemy.documents import (
    READ,
    Documents,
    Members,
    Reading,
    unopened,
)
from medsched.adapters.sqlalchemy.locking import Key, chunks, key_of, nameable, named
from medsched.adapters.sqlalchemy.reaching import (
    Reaching,
    Related,
    asked_of,
    is_limited,
    is_told,
    parts_of,
    reached_of,
)
from medsched.adapters.sqlalchemy.results import placed
from medsched.adapters.sqlalchemy.rows import RecordRow, filter_text, from_row
from medsched.adapters.sqlalchemy.schema import ROSTER, Tables
from medsched.domain.access import EVERYTHING, Reach
from medsched.domain.availability import AvailabilityRule, Override, RecurringBlocking
from medsched.domain.lookups import Sought
from medsched.domain.records import Resource
from medsched.domain.release_rules import ReleaseRule
from medsched.domain.schedule import calendar
from medsched.domain.slot_overrides import SlotOverride
from medsched.domain.stored import BOOKINGS, HoursRecord, Kind, Ref, Stored, StoredT, kind_of
from medsched.domain.time_blocks import TimeBlock
from medsched.ports.store import VersionedCalendar

_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
_BATCH: Final = 500
"""How many documents are read at a time when they must be looked into."""


@attrs.frozen
class Kept:
    """A table that records are kept in, and how they are read from it."""

    table: sa.Table
    booked: bool
    query: sa.Select[Any]
    one: sa.Select[Any]
    """The same for one key: made once, since to make it takes longer than to answer it."""
    documents: Documents

    @classmethod
    def of(
        cls, table: sa.Table, row: type[RecordRow] | type[BookingRow], documents: Documents
    ) -> Kept:
        """A table whose rows are these."""
        query = sa.select(*(table.c[name] for name in row._fields)).where(table.c.version > 0)
        key = (table.c[name] == sa.bindparam(name) for name in ("practice", "kind", "id"))
        return cls(table, row is BookingRow, query, query.where(*key), documents)

    def named(
        self, practice: str, keys: Sequence[Key]
    ) -> tuple[sa.Select[Any], Mapping[str, object] | None]:
        """The query for the rows of some keys, and the values of its parameters."""
        if len(keys) > 1:
            return self.query.where(named(self.table, practice, keys)), None
        return self.one, {"practice": practice, **keys[0]._asdict()}

    def read(
        self,
        connection: Connection,
        practice: str,
        query: sa.Select[Any],
        values: Mapping[str, object] | None = None,
    ) -> Found:
        """The rows that a query finds, with these values of its parameters.

        Once more, if a key is gone that some were sealed by: they were sealed anew meanwhile.
        """
        found = self._read(connection, practice, query, values)
        if found.reading.lacks:
            found = self._read(connection, practice, query, values)
        return found

    def _read(
        self,
        connection: Connection,
        practice: str,
        query: sa.Select[Any],
        values: Mapping[str, object] | None,
    ) -> Found:
        rows = self._rows(connection, query, values)
        return found_in(self.documents, connection, practice, rows)

    def read_bare(
        self,
        connection: Connection,
        query: sa.Select[Any],
        values: Mapping[str, object] | None = None,
    ) -> Found:
        """The same without what is sealed in them."""
        rows = self._rows(connection, query, values)
        return Found(rows, [unopened(members) for _, members in map(placed, rows)], READ)

    def _rows(
        self, connection: Connection, query: sa.Select[Any], values: Mapping[str, object] | None
    ) -> Sequence[RecordRow | BookingRow]:
        rows = connection.execute(query, values)
        return [(BookingRow if self.booked else RecordRow)(*row) for row in rows]


@attrs.frozen
class Found:
    """Rows that were read, and all that their records need of the database.

    Records are made when the connection is given back: keys may be far away.
    """

    rows: Sequence[RecordRow | BookingRow]
    members: Sequence[Members]
    reading: Reading

    def records(self, *, strict: bool = False) -> list[Stored]:
        """The records; ``strict``: `KeyDestroyed` for one that a destroyed key had sealed."""
        self.reading.open(strict=strict)
        return [
            booking_of(row, members) if isinstance(row, BookingRow) else from_row(row, members)
            for row, members in zip(self.rows, self.members, strict=True)
        ]


def found_in(
    documents: Documents,
    connection: Connection,
    practice: str,
    rows: Sequence[RecordRow | BookingRow],
    scope: str = "",
) -> Found:
    """Some rows, and what their documents need; ``scope``: of the receipt they stand in."""
    there = [placed(row, scope) for row in rows]
    reading = documents.reading(connection, practice, there)
    return Found(rows, [members for _, members in there], reading)


class RecordReader:
    """The readers of a store for what is kept by id."""

    def __init__(self, connections: Connections, made: Tables, documents: Documents) -> None:
        self._connections = connections
        self._tables = made
        self._documents = documents
        self._kept = {
            False: Kept.of(made.record, RecordRow, documents),
            True: Kept.of(made.booking, BookingRow, documents),
        }

    def get(self, practice: str, cls: type[StoredT], id: str) -> StoredT | None:
        ref = Ref(kind_of(cls), id)
        found = self._named(practice, [ref], strict=True).get(ref)
        return found if isinstance(found, cls) else None

    def get_many(self, practice: str, refs: Collection[Ref]) -> Mapping[Ref, Stored]:
        return self._named(practice, refs)

    @property
    def seals(self) -> bool:
        return self._documents.seals

    def bare(self, practice: str, refs: Collection[Ref]) -> Mapping[Ref, Stored]:
        asked = [ref for ref in refs if ref.kind is not Kind.GRANT]
        return self._named(practice, asked, bare=self.seals)

    def _named(
        self, practice: str, refs: Collection[Ref], *, strict: bool = False, bare: bool = False
    ) -> Mapping[Ref, Stored]:
        keys = sorted({key_of(ref) for ref in refs if nameable(ref.id)})
        if not keys or not nameable(practice):
            return {}
        read, found = list[Found](), dict[Key, Stored]()
        parts = [
            (kept, part)
            for kept in self._kept.values()
            for part in chunks([key for key in keys if (Kind(key.kind) in BOOKINGS) is kept.booked])
        ]
        with self._connections.reading("get", several=len(parts) > 1) as connection:
            for kept, part in parts:
                query, values = kept.named(practice, part)
                read.append(
                    kept.read_bare(connection, query, values)
                    if bare
                    else kept.read(connection, practice, query, values)
                )
        for some in read:
            for record in some.records(strict=strict):
                found[key_of(Ref.to(record))] = record
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
        within: Reach = EVERYTHING,
    ) -> Sequence[StoredT]:
        if not nameable(practice):
            return []
        kind = kind_of(cls)
        kept = self._kept[kind in BOOKINGS]
        table = kept.table.c
        query = kept.query.where(table.practice == practice, table.kind == kind.value)
        unsearched = dict(where)
        if active is not None:
            if kept.booked:
                unsearched["active"] = active
            else:
                query = query.where(table.active == active)
        for field, value in where.items():
            if (here := self._found_by(practice, kind, field, value)) is not None:
                query = query.where(here)
                del unsearched[field]
        for field, values in self._documents.asked(practice, where).items():
            for value in values:  # it says who may match; the record says who does
                query = query.where(self._filtered(practice, kind, field, value))
        query = query.order_by(table.id)
        if not is_limited(within, kind):
            found = self._first(kept, practice, query, unsearched, after, limit)
            return cast("list[StoredT]", found)
        parts, every = parts_of(within), dict[str, Stored]()
        several = bool(unsearched) or len(parts) > 1 or not is_told(kind)
        with self._connections.reading("page", several=several) as connection:

            def read(query: sa.Select[Any]) -> list[Stored]:
                return kept.read(connection, practice, query).records()

            for part in parts:
                reaching = Reaching(self._tables, practice, part)
                those = query.where(reaching.those(kind))
                judge = None if is_told(kind) else partial(reaching.judged, connection)
                some = _filled(read, table.id, those, unsearched, after, limit, judge)
                every |= {record.id: record for record in some}
        return cast("list[StoredT]", [every[id] for id in sorted(every)[:limit]])

    def reached(self, practice: str, records: Collection[Stored], reach: Reach) -> Set[Ref]:
        asked, related = asked_of(reach, records), Related(frozenset(), frozenset())
        if asked and nameable(practice):
            parts = parts_of(reach)
            with self._connections.reading("reached", several=len(parts) > 1) as connection:
                for part in parts:
                    found = Reaching(self._tables, practice, part).related(connection, asked)
                    related = Related(
                        *(one | more for one, more in zip(related, found, strict=True))
                    )
        return {Ref.to(one) for one in reached_of(reach, records, related)}

    def calendars(
        self, practice: str, resources: Collection[Resource]
    ) -> Mapping[Resource, VersionedCalendar]:
        versions = dict.fromkeys(resources, 0)
        hours: dict[Resource, list[HoursRecord]] = {one: [] for one in resources}
        read = list[Found]()
        parts = list(chunks(sorted(versions))) if nameable(practice) else []
        with self._connections.reading("calendars", several=len(parts) > 1) as connection:
            for part in parts:
                rows = list[RecordRow]()
                for row in connection.execute(self._calendars(practice, part)):
                    if row.kind is None:
                        resource = Resource(row.resource_kind, row.resource_id)
                        versions[resource] = row.version
                    else:
                        rows.append(RecordRow(*row))
                read.append(found_in(self._documents, connection, practice, rows))
        for found in read:
            for record in cast("list[HoursRecord]", found.records()):
                hours[record.resource].append(record)
        return {
            one: VersionedCalendar(
                versions[one],
                calendar(
                    tuple(found for found in hours[one] if isinstance(found, AvailabilityRule)),
                    tuple(found for found in hours[one] if isinstance(found, Override)),
                    tuple(found for found in hours[one] if isinstance(found, RecurringBlocking)),
                    tuple(found for found in hours[one] if isinstance(found, TimeBlock)),
                    tuple(found for found in hours[one] if isinstance(found, SlotOverride)),
                    tuple(found for found in hours[one] if isinstance(found, ReleaseRule)),
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

    def roster_version(self, practice: str) -> int:
        if not nameable(practice):
            return 0
        with self._connections.reading("roster") as connection:
            return int(connection.scalar(roster_query(self._tables, practice)))

    def all_schedule_versions(self, practice: str) -> Mapping[Resource, int]:
        if not nameable(practice):
            return {}
        table = self._tables.schedule.c
        query = sa.select(table.kind, table.id, table.version).where(
            table.practice == practice, table.kind != ROSTER, table.version > 0
        )
        with self._connections.reading("versions") as connection:
            return {Resource(kind, id): at for kind, id, at in connection.execute(query)}

    def referrers(self, practice: str, ref: Ref, *, limit: int = 100) -> Sequence[Ref]:
        if not (nameable(practice) and nameable(ref.id)):
            return []
        table = self._tables.reference.c
        query: sa.Select[Any] | sa.CompoundSelect[Any] = sa.select(table.kind, table.id).where(
            table.practice == practice,
            table.to_kind == ref.kind.value,
            table.to_id == ref.id,
        )
        booked = booked_with(self._tables, practice, key_of(ref))
        if booked is not None:
            query = sa.union(query, booked)
        query = query.order_by("kind", "id").limit(limit)
        with self._connections.reading("referrers") as connection:
            return [Ref(Kind(kind), id) for kind, id in connection.execute(query)]

    # ------------------------------------------------------------------ statements

    def _found_by(
        self, practice: str, kind: Kind, field: str, value: object
    ) -> sa.ColumnElement[bool] | None:
        """Records whose field matches; None where only the documents can tell."""
        record = self._tables.record.c
        if field == "resource" and isinstance(value, Resource):
            return sa.and_(record.resource_kind == value.kind.value, record.resource_id == value.id)
        text = filter_text(kind, field, value)
        if text is None or not _storable(text):
            return None
        return self._filtered(practice, kind, field, text)

    def _filtered(
        self, practice: str, kind: Kind, field: str, value: str
    ) -> sa.ColumnElement[bool]:
        """Records that a filter finds."""
        table = self._tables.filter.c
        return self._tables.record.c.id.in_(
            sa.select(table.id).where(
                table.practice == practice,
                table.kind == kind.value,
                table.field == field,
                table.value == value,
            )
        )

    def _first(
        self,
        kept: Kept,
        practice: str,
        query: sa.Select[Any],
        unsearched: Mapping[str, object],
        after: str | None,
        limit: int,
    ) -> list[Stored]:
        """The first records of a query after an id; what it could not say is looked at here."""
        if unsearched:
            with self._connections.reading("page", several=True) as connection:

                def within(query: sa.Select[Any]) -> list[Stored]:
                    return kept.read(connection, practice, query).records()

                return _filled(within, kept.table.c.id, query, unsearched, after, limit)

        def alone(query: sa.Select[Any]) -> list[Stored]:
            with self._connections.reading("page") as connection:
                read = kept.read(connection, practice, query)
            return read.records()

        return _filled(alone, kept.table.c.id, query, unsearched, after, limit)

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


def roster_query(tables: Tables, practice: str) -> sa.Select[Any]:
    """The version of a practice's roster: the changes that its parts have counted."""
    table = tables.schedule.c
    counted = sa.func.coalesce(sa.func.sum(table.version), 0)
    return sa.select(counted).where(table.practice == practice, table.kind == ROSTER)


def _storable(text: str) -> bool:
    """Whether some record's text can be this one."""
    return _storable_part(text) == text


def _storable_part(text: str) -> str:
    """The text up to the first NUL, or half of a character: no database is asked for these."""
    return _UNSTORABLE.split(text, maxsplit=1)[0]


def _filled(
    read: Callable[[sa.Select[Any]], list[Stored]],
    id: sa.Column[str],
    query: sa.Select[Any],
    unsearched: Mapping[str, object],
    after: str | None,
    limit: int,
    judge: Callable[[list[Stored]], Sequence[Stored]] | None = None,
) -> list[Stored]:
    """The first so many records after an id that match, read some at a time."""
    looked_into = unsearched or judge is not None
    found, batch = list[Stored](), max(limit, _BATCH) if looked_into else limit
    while len(found) < limit:
        # No id holds what cannot be stored, so what precedes it will do.
        least = query if after is None else query.where(id > _storable_part(after))
        records = read(least.limit(batch))
        matching = [
            record
            for record in records
            if (after is None or record.id > after) and _matches(record, unsearched)
        ]
        found += matching if judge is None else judge(matching)
        if len(records) < batch:
            break
        after = records[-1].id
    return found[:limit]


def _matches(record: Stored, where: Mapping[str, object]) -> bool:
    for field, wanted in where.items():
        held = getattr(record, field)
        if isinstance(wanted, Sought):
            if not wanted.matches(held):
                return False
        elif not (wanted in held if isinstance(held, frozenset) else held == wanted):
            return False
    return True
