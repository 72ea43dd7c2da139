"""The one write: a changeset, in one transaction, its guards checked under locks.

Locks are taken in one order everywhere: the key, the data keys, the schedule versions, the
tallies, the ledger, then records and bookings, each sorted; what is changed is locked for writing
at once, what is only guarded is shared, so no lock is ever raised from the one to the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, Table

from medsched.adapters.sqlalchemy.agendas import asked_for
from medsched.adapters.sqlalchemy.audit_writing import write_audit
from medsched.adapters.sqlalchemy.booking_rows import booking_row, indexed
from medsched.adapters.sqlalchemy.columns import UtcDateTime
from medsched.adapters.sqlalchemy.connections import Undone
from medsched.adapters.sqlalchemy.documents import Writing
from medsched.adapters.sqlalchemy.inserting import insert_if_missing
from medsched.adapters.sqlalchemy.ledgers import LedgerWriter
from medsched.adapters.sqlalchemy.locking import (
    Key,
    Locks,
    all_met,
    chunks,
    hold,
    hold_keys,
    key_of,
    nameable,
    named,
)
from medsched.adapters.sqlalchemy.results import packed
from medsched.adapters.sqlalchemy.rows import FORMAT, filters_of, to_row
from medsched.adapters.sqlalchemy.schema import ROSTER, Tables
from medsched.adapters.sqlalchemy.touching import touched_column
from medsched.domain.appointments import Appointment
from medsched.domain.audit_rows import AuditRow
from medsched.domain.changes import (
    ActivePatient,
    Changeset,
    Refused,
    RowVersion,
    ScheduleVersion,
    Stale,
    Standing,
)
from medsched.domain.idempotency import KEPT_FOR, KeyedRequest
from medsched.domain.stored import BOOKINGS, BookingRecord, Kind, Noun, Ref, Stored, references
from medsched.errors import InvalidChoice
from medsched.timeline.instants import EPOCH

_NOT_REFERRED_TO: Final = frozenset({Kind.HOLD, Kind.ONE_OFF_BLOCKING})
"""The bookings that no record names."""


class KeyUsed(Exception):
    """The key of a request was used before; nothing of the changeset may stay.

    What its first result needs to be read is had when no lock is held any more.
    """

    def __init__(self, digest: str, document: str | None) -> None:
        super().__init__()
        self.digest = digest
        self.document = document


class Application:
    """One changeset on its way into the database; any step may raise `Undone`, one `KeyUsed`."""

    def __init__(
        self,
        connection: Connection,
        tables: Tables,
        changeset: Changeset,
        name: str,
        *,
        writing: Writing,
        audits: Sequence[AuditRow],
        by_writes: bool,
    ) -> None:
        self._connection = connection
        self._tables = tables
        self._changeset = changeset
        self._practice = changeset.practice
        self._name = name
        self._audits = audits
        self._writing = writing
        self._by_writes = by_writes

    def run(self) -> None:
        """Do all of it, in the order of locks."""
        changeset = self._changeset
        if changeset.request is not None:
            self._receipt(changeset.request)
        self._keys()
        self._schedules()
        self._tallies()
        ledger = LedgerWriter(self._connection, self._tables, self._practice)
        ledger.change(changeset.releases, changeset.claims, changeset.doubled)
        self._records()
        self._bookings()
        self._events()
        write_audit(self._connection, self._tables, self._audits)

    # -------------------------------------------------------------------- receipt

    def _receipt(self, request: KeyedRequest) -> None:
        """Write what the request will have returned, unless its key was used."""
        table = self._tables.receipt
        row = {
            "practice": self._practice,
            "scope": request.scope,
            "digest": request.digest,
            "made_at": request.made_at,
            "document": None
            if request.result is None
            else packed(request.result, self._writing, request.scope),
        }
        if insert_if_missing(self._connection, table, row):
            return
        here = sa.and_(table.c.practice == self._practice, table.c.scope == request.scope)
        query = sa.select(table.c.digest, table.c.made_at, table.c.document).where(here)
        if self._connection.dialect.name != "sqlite":
            # Shared, as the lock that MariaDB took when it found the row there.
            query = query.with_for_update(read=True)
        first = self._connection.execute(query).one_or_none()
        if first is None:  # it was forgotten just now
            raise Undone(Stale())
        if first.made_at > request.made_at - KEPT_FOR:
            raise KeyUsed(first.digest, first.document)
        self._connection.execute(sa.update(table).where(here).values(row))

    # ----------------------------------------------------------------------- keys

    def _keys(self) -> None:
        """What is sealed here is sealed by keys that nobody has destroyed, nor will meanwhile."""
        needed = self._writing.sealed_by
        if needed and not hold_keys(self._connection, self._tables, self._practice, needed):
            self._writing.forget_keys()
            raise Undone(Stale())

    # ------------------------------------------------------------------ schedules

    def _schedules(self) -> None:
        guards = [one for one in self._changeset.guards if isinstance(one, ScheduleVersion)]
        bumps = {key_of(resource) for resource in self._changeset.bumps}
        bumps |= {Key(ROSTER, f"{part:02d}") for part in self._changeset.roster_parts}
        table = self._tables.schedule
        locks = Locks(self._connection, table, self._practice, {}, self._by_writes)
        stated = {(key_of(guard.resource), guard.version) for guard in guards}
        found = locks.take(bumps, {key for key, _ in stated})
        hold(found, ((key, version) for key, version in stated if key in found or version))
        locks.make({key for key, _ in stated} | bumps, bumps, found)
        hold(found, stated)
        for keys in chunks(sorted(bumps)):
            here = named(table, self._practice, keys)
            bumped = self._connection.execute(
                sa.update(table).where(here).values(version=table.c.version + 1)
            )
            all_met(bumped, len(keys))

    # -------------------------------------------------------------------- tallies

    def _tallies(self) -> None:
        table = self._tables.tally
        for tally in sorted(self._changeset.tallies, key=lambda one: one.name):
            name, count = tally.name, table.c.count + tally.by
            here = [table.c.practice == self._practice, table.c.name == name, count >= tally.least]
            if tally.most is not None and tally.by > 0:
                here.append(count <= tally.most)
            if tally.before is not None:
                here.append(table.c.count == tally.before)
            counted = sa.update(table).where(*here).values(count=count)
            if self._connection.execute(counted).rowcount == 1:
                continue
            blank = {"practice": self._practice, "name": name, "count": 0}
            made = insert_if_missing(self._connection, table, blank)
            if not made or self._connection.execute(counted).rowcount != 1:
                raise Undone(Refused(full=(name,)))

    # -------------------------------------------------------------------- records

    def _records(self) -> None:
        writes = {
            key_of(Ref.to(record)): record
            for record in self._changeset.writes
            if not isinstance(record, BookingRecord)
        }
        blank = {"active": False, "format": FORMAT, "document": "{}"}
        found = self._locked(self._tables.record, writes, blank, bookings=False)
        if found is None:
            return
        removed = self._removed(bookings=False)
        self._keep_referred_to(bookings=False)
        self._forget([key for key in sorted({*writes, *removed}) if found.get(key)])
        self._remove(self._tables.record, sorted(removed))
        self._write([writes[key] for key in sorted(writes)], found)

    def _bookings(self) -> None:
        writes = {
            key_of(Ref.to(record)): record
            for record in self._changeset.writes
            if isinstance(record, BookingRecord)
        }
        blank = {"provider": "", "type": "", "start_at": EPOCH, "end_at": EPOCH}
        blank |= {"format": FORMAT, "document": "{}"}
        found = self._locked(self._tables.booking, writes, blank, bookings=True)
        self._standing()
        if found is None:
            return
        removed = self._removed(bookings=True)
        if len(writes) + len(removed) > 1:
            self._keep_names_apart(writes)
        self._keep_referred_to(bookings=True)
        wanted = {key: indexed(record) for key, record in writes.items()}
        kept = self._referring([key for key in sorted({*writes, *removed}) if found.get(key)])
        # What stays as it is, is left alone: whoever looks for it at this moment must find it.
        same = {key for key, refs in kept.items() if wanted.get(key) == refs}
        self._forget_references([key for key in sorted(kept) if key not in same])
        self._remove(self._tables.booking, sorted(removed))
        rows = [
            {"practice": self._practice, **booking_row(writes[key], self._writing)._asdict()}
            for key in sorted(writes)
        ]
        self._put(self._tables.booking, rows, found)
        self._refer({key: refs for key, refs in wanted.items() if key not in same})

    def _standing(self) -> None:
        """The appointments of each guarded agenda are those that were read, and at their versions.

        Whoever could have booked meanwhile was waited for when schedules and records were locked.
        A snapshot that is older than that wait must not be read: MariaDB shows the present under
        a lock; PostgreSQL shows it at READ COMMITTED only, and a host may have joined at another
        level.
        """
        guards = [one for one in self._changeset.guards if isinstance(one, Standing)]
        dialect, table = self._connection.dialect.name, self._tables.booking.c
        if guards and dialect == "postgresql":
            level = self._connection.get_isolation_level()
            if level != "READ COMMITTED":
                why = "to take hours away, join at READ COMMITTED, or keep who stands there"
                raise InvalidChoice("isolation level", level, why)
        for guard in guards:
            here = asked_for(self._tables, self._practice, guard.agenda, None)
            found = list[tuple[str, int]]()
            if here is not None:
                query = sa.select(table.id, table.version).where(here, table.version > 0)
                if dialect not in ("sqlite", "postgresql"):
                    query = query.with_for_update(read=True)
                found = [(row.id, row.version) for row in self._connection.execute(query)]
            if frozenset(found) != guard.appointments:
                raise Undone(Stale())

    def _keep_names_apart(self, writes: Mapping[Key, BookingRecord]) -> None:
        """Refuse a reference that was another's before: it cannot change hands in one go."""
        names = {one.reference: key for key, one in writes.items() if isinstance(one, Appointment)}
        table = self._tables.booking.c
        query = sa.select(table.reference, table.kind, table.id).where(
            table.practice == self._practice, table.reference.in_(sorted(filter(None, names)))
        )
        for row in self._connection.execute(query):
            if names[row.reference] != Key(row.kind, row.id):
                raise Undone(Stale())

    def _removed(self, *, bookings: bool) -> dict[Key, int]:
        return {
            key_of(ref): version
            for ref, version in self._changeset.removals
            if (ref.kind in BOOKINGS) is bookings
        }

    def _locked(
        self,
        table: Table,
        writes: Mapping[Key, Stored],
        blank: Mapping[str, object],
        *,
        bookings: bool,
    ) -> dict[Key, int] | None:
        """Lock what is written, removed and guarded of a table; the versions of what is there.

        None if nothing is asked of the table.
        """
        removals = self._removed(bookings=bookings)
        stated = {
            (key_of(guard.ref), guard.version)
            for guard in self._changeset.guards
            if isinstance(guard, RowVersion) and (guard.ref.kind in BOOKINGS) is bookings
        }
        stated |= {(key, record.version - 1) for key, record in writes.items()}
        stated |= set(removals.items())
        # What no record can be called is not there, and needs no lock.
        hold({}, ((key, version) for key, version in stated if not nameable(key.id)))
        stated = {(key, version) for key, version in stated if nameable(key.id)}
        active = set[Key]() if bookings else self._guarded_patients()
        if not stated and not active:
            return None
        changed, guarded = {*writes, *removals}, {key for key, _ in stated} | active
        locks = Locks(self._connection, table, self._practice, blank, self._by_writes)
        found = locks.take(changed, guarded)
        hold(found, stated)
        self._hold_active(active)
        if not guarded - changed <= found.keys():
            # What is created is made in one go with what must not exist: in one order.
            locks.make(guarded, changed, found)
            hold(found, stated)
        return found

    def _guarded_patients(self) -> set[Key]:
        """The patients who must be active."""
        guards = [one for one in self._changeset.guards if isinstance(one, ActivePatient)]
        if not all(nameable(one.id) for one in guards):
            raise Undone(Stale())
        return {key_of(one.ref) for one in guards}

    def _hold_active(self, keys: set[Key]) -> None:
        """Records that are locked are there, and active."""
        table = self._tables.record
        for some in chunks(sorted(keys)):
            query = sa.select(table.c.id).where(
                named(table, self._practice, some), table.c.active, table.c.version > 0
            )
            if self._connection.dialect.name != "sqlite":  # a snapshot may be older than the lock
                query = query.with_for_update(read=True)
            if len(self._connection.execute(query).all()) != len(some):
                raise Undone(Stale())

    def _keep_referred_to(self, *, bookings: bool) -> None:
        """Refuse to remove what another record would refer to.

        Whoever refers to a record guards it, and so waits for the lock that is held on it here,
        or was waited for: no reference can come up between this and the removal.
        """
        removed = {
            ref
            for ref, _ in self._changeset.removals
            if (ref.kind in BOOKINGS) is bookings and ref.kind not in _NOT_REFERRED_TO
        }
        written = self._changeset.writes
        if removed and any(references(record) & removed for record in written):
            raise Undone(Stale())
        removals = (ref for ref, _ in self._changeset.removals)
        changed = {key_of(ref) for ref in (*removals, *map(Ref.to, written))}
        table = self._tables.reference.c
        for kind, id in sorted(map(key_of, removed)):
            referrers = self._connection.execute(
                sa.select(table.kind, table.id)
                .where(table.practice == self._practice, table.to_kind == kind, table.to_id == id)
                .limit(len(changed) + 1)
                .with_for_update(read=True)
            )
            if not {Key(*row) for row in referrers} <= changed:
                raise Undone(Stale())
            if (booked := booked_with(self._tables, self._practice, Key(kind, id))) is not None:
                query = booked.limit(len(changed) + 1).with_for_update(read=True)
                if (
                    not {Key(row.kind, row.id) for row in self._connection.execute(query)}
                    <= changed
                ):
                    raise Undone(Stale())

    def _forget(self, keys: Sequence[Key]) -> None:
        """Take what the indexes say of these records away."""
        for some in chunks(keys):
            here = named(self._tables.filter, self._practice, some)
            self._connection.execute(sa.delete(self._tables.filter).where(here))
        self._forget_references(keys)

    def _referring(self, keys: Sequence[Key]) -> dict[Key, list[Ref]]:
        """What these records refer to as it is written down, in order; those that do at all."""
        table, found = self._tables.reference, dict[Key, list[Ref]]()
        columns = (table.c[name] for name in ("kind", "id", "to_kind", "to_id"))
        query = sa.select(*columns).order_by(table.c.kind, table.c.id, table.c.position)
        for some in chunks(keys):
            here = named(table, self._practice, some)
            for kind, id, to_kind, to_id in self._connection.execute(query.where(here)):
                found.setdefault(Key(kind, id), []).append(Ref(Kind(to_kind), to_id))
        return found

    def _forget_references(self, keys: Sequence[Key]) -> None:
        for some in chunks(keys):
            here = named(self._tables.reference, self._practice, some)
            self._connection.execute(sa.delete(self._tables.reference).where(here))

    def _remove(self, table: Table, keys: Sequence[Key]) -> None:
        for some in chunks(keys):
            here = named(table, self._practice, some)
            all_met(self._connection.execute(sa.delete(table).where(here)), len(some))

    def _write(self, records: Sequence[Noun], found: Mapping[Key, int]) -> None:
        rows = [to_row(self._practice, record, self._writing) for record in records]
        self._put(self._tables.record, rows, found)
        filters = []
        for record in records:
            key = {"practice": self._practice, **key_of(Ref.to(record))._asdict()}
            found_by = [*filters_of(record), *self._writing.index(record)]
            for position, (field, value) in enumerate(found_by):
                filters.append({**key, "position": position, "field": field, "value": value})
        if filters:
            self._connection.execute(sa.insert(self._tables.filter), filters)
        self._refer({key_of(Ref.to(record)): sorted(references(record)) for record in records})

    def _refer(self, named: Mapping[Key, Sequence[Ref]]) -> None:
        """Write down which records these ones name."""
        rows = [
            {
                "practice": self._practice,
                **key._asdict(),
                "position": position,
                "to_kind": ref.kind.value,
                "to_id": ref.id,
            }
            for key, refs in named.items()
            for position, ref in enumerate(refs)
        ]
        if rows:
            self._connection.execute(sa.insert(self._tables.reference), rows)

    def _put(self, table: Table, rows: Sequence[dict[str, Any]], found: Mapping[Key, int]) -> None:
        """Insert the rows that are new, and update those that are there, at their versions."""
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
            all_met(self._connection.execute(update, values), len(values))

    # --------------------------------------------------------------------- events

    def _events(self) -> None:
        table, events = self._tables.event, self._changeset.events
        touched = touched_column(self._changeset)
        rows = [
            {
                "practice": self._practice,
                "changeset": self._name,
                "position": position,
                "name": event.name,
                "kind": event.kind.value,
                "record": event.id,
                "version": event.version,
                "format": event.schema,
                "touched": text,
            }
            for position, (event, text) in enumerate(zip(events, touched, strict=True))
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


def booked_with(tables: Tables, practice: str, key: Key) -> sa.Select[tuple[str, str]] | None:
    """The bookings that name a record in a column; None if none can.

    Providers and patients have an index; who deletes a type or a location waits for a scan.
    """
    booking = tables.booking.c
    columns = {
        Kind.PROVIDER: booking.provider,
        Kind.PATIENT: booking.patient,
        Kind.APPOINTMENT_TYPE: booking.type,
        Kind.LOCATION: booking.location,
    }
    column = columns.get(Kind(key.kind))
    if column is None:
        return None
    return sa.select(booking.kind, booking.id).where(
        booking.practice == practice, column == key.id, booking.version > 0
    )
