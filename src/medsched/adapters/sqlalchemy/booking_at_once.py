"""The write that a clinic does all day, a new booking, in as few statements as can be.

What `applying` does step by step for any changeset is done here for one that makes a single new
booking and releases, removes and counts nothing: on PostgreSQL in one statement that is a
transaction by itself, on MariaDB in one compound statement, on SQLite in one fixed statement a
table. The order of locks is the same.
Where anything speaks against it nothing is left of it, and `applying` is asked to say what.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import Any, Final, TypeAlias

import attrs
from sqlalchemy import Connection, Dialect

from medsched.adapters.sqlalchemy.audit_writing import COLUMNS, QUEUED, machine_clock
from medsched.adapters.sqlalchemy.booking_rows import (
    BookingRow,
    ClaimRow,
    booking_row,
    claim_rows,
    indexed,
)
from medsched.adapters.sqlalchemy.documents import KeyRow, Writing
from medsched.adapters.sqlalchemy.ledgers import set_if_free
from medsched.adapters.sqlalchemy.results import packed
from medsched.adapters.sqlalchemy.schema import HOURS, Tables
from medsched.adapters.sqlalchemy.touching import touched_column
from medsched.domain.audit_rows import AuditRow
from medsched.domain.changes import ActivePatient, Changeset, RowVersion, ScheduleVersion
from medsched.domain.ledger import hours_of, rows_of
from medsched.domain.stored import BOOKINGS, BookingRecord

Row: TypeAlias = tuple[Any, ...]
EVENT: Final = ("position", "name", "kind", "record", "version", "format", "touched")
"""The columns of an event that are given here."""


class NotAtOnce(Exception):
    """Something speaks against it, or it needs more than this: nothing is written.

    ``guarded``: it is what is taken, and all guards hold.
    """

    def __init__(self, *, guarded: bool = False) -> None:
        super().__init__()
        self.guarded = guarded


@attrs.frozen
class NewBooking:
    """The rows that a new booking writes, the practice left out of each."""

    practice: str
    name: str
    receipt: Row | None
    schedules: Sequence[Row]
    ledger: Sequence[Row]
    records: Sequence[Row]
    """Of one that must only be active, the version is None."""
    keys: Sequence[KeyRow]
    booking: BookingRow
    claims: Sequence[ClaimRow]
    references: Sequence[Row]
    events: Sequence[Row]
    audits: Sequence[AuditRow]


def new_booking(
    changeset: Changeset, name: str, writing: Writing, audits: Sequence[AuditRow] = ()
) -> NewBooking | None:
    """The rows of a changeset that makes one new booking; None for any other changeset."""
    if len(changeset.writes) != 1 or changeset.removals or changeset.bumps:
        return None
    (booking,) = changeset.writes
    if not isinstance(booking, BookingRecord) or booking.version != 1:
        return None
    if changeset.releases or changeset.doubled or changeset.tallies:
        return None
    if not changeset.claims or not changeset.events:
        return None
    schedules, records = list[Row](), list[Row]()
    for guard in changeset.guards:
        if isinstance(guard, ScheduleVersion):
            schedules.append((guard.resource.kind.value, guard.resource.id, guard.version))
        elif isinstance(guard, RowVersion):
            if guard.version == 0 or guard.ref.kind in BOOKINGS:
                return None
            records.append((guard.ref.kind.value, guard.ref.id, guard.version))
        elif isinstance(guard, ActivePatient):
            records.append((guard.ref.kind.value, guard.ref.id, None))
        else:
            return None
    row = booking_row(booking, writing)
    request, receipt = changeset.request, None
    if request is not None:
        if request.result not in (None, booking):
            return None
        result = None if request.result is None else packed(booking, writing, request.scope, row)
        receipt = (request.scope, request.digest, request.made_at, result)
    return NewBooking(
        practice=changeset.practice,
        name=name,
        receipt=receipt,
        schedules=sorted(schedules),
        ledger=[
            (key.resource.kind.value, key.resource.id, key.day, dict(hours_of(bits)))
            for key, bits in rows_of(changeset.claims).items()
        ],
        records=sorted(records, key=itemgetter(0, 1)),
        keys=writing.sealed_by,
        booking=row,
        claims=claim_rows(changeset.claims),
        references=[
            (row.kind, row.id, position, ref.kind.value, ref.id)
            for position, ref in enumerate(indexed(booking))
        ],
        events=[
            (position, one.name, one.kind.value, one.id, one.version, one.schema, touched)
            for position, (one, touched) in enumerate(
                zip(changeset.events, touched_column(changeset), strict=True)
            )
        ],
        audits=audits,
    )


# ------------------------------------------------------------------------ on SQLite


def book_in_transaction(connection: Connection, tables: Tables, new: NewBooking) -> None:
    """Write a new booking on SQLite; `NotAtOnce`, to be rolled back, if that fails."""
    texts = _texts(tables, connection.dialect)
    practice, run = new.practice, connection.exec_driver_sql
    if new.receipt is not None and run(texts.receipt, _bound(practice, new.receipt)).rowcount != 1:
        raise NotAtOnce
    held = (len(new.keys), len(new.schedules), len(new.records))
    stated = tuple(
        chain.from_iterable((practice, *row) for row in (*new.keys, *new.schedules, *new.records))
    )
    if stated and len(run(texts.held(*held), stated).all()) != sum(held):
        raise NotAtOnce
    ledger = [
        (practice, kind, id, day, *map(hours.get, range(len(HOURS))))
        for kind, id, day, hours in new.ledger
    ]
    if run(texts.ledger, ledger).rowcount != len(ledger):
        raise NotAtOnce(guarded=True)
    run(texts.booking, _bound(practice, new.booking))
    run(texts.claims, [_bound(practice, row) for row in new.claims])
    if new.references:
        run(texts.references, [(practice, *row) for row in new.references])
    now = _text_of(datetime.now(UTC))
    run(texts.events, [(practice, new.name, now, *row) for row in new.events])
    if new.audits:
        clock = machine_clock()
        run(texts.audits, [(*row[: len(COLUMNS)], clock) for row in new.audits])
        run(texts.unsealed(len(new.audits)), (practice, *(row.id for row in new.audits)))


@attrs.frozen
class Texts:
    """The fixed statements; those that are asked of many rows, by their count."""

    receipt: str
    held: Callable[[int, int, int], str]
    """By the counts of keys, schedules and records; SQLite locks all, so they need no order."""
    ledger: str
    booking: str
    claims: str
    references: str
    events: str
    audits: str
    unsealed: Callable[[int], str]


@cache
def _texts(tables: Tables, dialect: Dialect) -> Texts:
    called = dialect.identifier_preparer.format_table

    def insert(table: str, columns: Sequence[str], ignoring: str = "") -> str:
        marks = ", ".join("?" * len(columns))
        return f"INSERT {ignoring} INTO {table} ({', '.join(columns)}) VALUES ({marks})"

    named = ("practice = ?", "kind = ?", "id = ?")
    subject = ("practice = ?", "subject_kind = ?", "subject = ?", "number = ?")
    conditions = {
        called(tables.data_key): (*subject, "destroyed_at IS NULL"),
        called(tables.schedule): (*named, "version = ?"),
        called(tables.record): (*named, "COALESCE(version = ?, active AND version > 0)"),
    }

    @cache
    def held(*counts: int) -> str:
        return " UNION ALL ".join(
            f"SELECT 1 FROM {table} WHERE {' OR '.join([_all_of(stated)] * count)}"
            for (table, stated), count in zip(conditions.items(), counts, strict=True)
            if count
        )

    queued = (
        f"INSERT INTO {called(tables.audit_unsealed)} ({', '.join(QUEUED)})"
        f" SELECT {', '.join((*QUEUED[:-1], 'id'))} FROM {called(tables.audit)}"
        " WHERE practice = ? AND id IN "
    )
    return Texts(
        receipt=insert(
            called(tables.receipt),
            ("practice", "scope", "digest", "made_at", "document"),
            "OR IGNORE",
        ),
        held=held,
        ledger=set_if_free(called(tables.ledger), "?"),
        booking=insert(called(tables.booking), ("practice", *BookingRow._fields)),
        claims=insert(called(tables.claim), ("practice", *ClaimRow._fields)),
        references=insert(
            called(tables.reference),
            ("practice", "kind", "id", "position", "to_kind", "to_id"),
        ),
        events=insert(called(tables.event), ("practice", "changeset", "recorded_at", *EVENT)),
        audits=insert(called(tables.audit), (*COLUMNS, "recorded_at")),
        unsealed=cache(lambda rows: f"{queued}({', '.join('?' * rows)})"),
    )


def _all_of(conditions: Sequence[str]) -> str:
    return f"({' AND '.join(conditions)})"


def _bound(practice: str, row: Row) -> Row:
    return (practice, *map(_text_of, row))


def _text_of(value: Any) -> Any:
    """As SQLAlchemy writes an instant into SQLite; all else as it is."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return value
