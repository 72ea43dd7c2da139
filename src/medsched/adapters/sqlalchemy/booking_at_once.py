"""The write that a clinic does all day, a new booking, in as few statements as can be.

What `applying` does step by step for any changeset is done here for one that makes a single new
booking and releases, removes and counts nothing: on PostgreSQL in one statement that is a
transaction by itself, elsewhere in one fixed statement a table. The order of locks is the same.
Where anything speaks against it nothing is left of it, and `applying` is asked to say what.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import Any, TypeAlias

import attrs
from sqlalchemy import Connection, Dialect
from sqlalchemy.exc import DBAPIError

from medsched.adapters.sqlalchemy.audit_writing import CLOCKS, COLUMNS, QUEUED, machine_clock
from medsched.adapters.sqlalchemy.booking_rows import (
    BookingRow,
    ClaimRow,
    booking_row,
    claim_rows,
    indexed,
)
from medsched.adapters.sqlalchemy.connections import code_of
from medsched.adapters.sqlalchemy.documents import KeyRow, Writing
from medsched.adapters.sqlalchemy.ledgers import OUT_OF_RANGE, fail_if_taken, set_if_free
from medsched.adapters.sqlalchemy.results import packed
from medsched.adapters.sqlalchemy.schema import HOURS, Tables
from medsched.adapters.sqlalchemy.touching import touched_column
from medsched.domain.audit_rows import AuditRow
from medsched.domain.changes import ActivePatient, Changeset, RowVersion, ScheduleVersion
from medsched.domain.ledger import hours_of, rows_of
from medsched.domain.stored import BOOKINGS, BookingRecord

Row: TypeAlias = tuple[Any, ...]


class NotAtOnce(Exception):
    """Something speaks against it, or it needs more than this: nothing is written."""


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


# ------------------------------------------------------------------ in a transaction


def book_in_transaction(connection: Connection, tables: Tables, new: NewBooking) -> None:
    """Write a new booking on SQLite or MariaDB; `NotAtOnce`, to be rolled back, if that fails."""
    texts = _texts(tables, connection.dialect)
    bind = texts.bind
    practice, run = new.practice, connection.exec_driver_sql
    if new.receipt is not None:
        scope, digest, made_at, result = new.receipt
        values = (practice, scope, digest, bind(made_at), result)
        if run(texts.receipt, values).rowcount != 1:
            raise NotAtOnce
    _hold(connection, texts.keys, practice, new.keys)
    _hold(connection, texts.schedules, practice, new.schedules)
    _take(connection, texts, new)
    _hold(connection, texts.records, practice, new.records)
    run(texts.booking, (practice, *map(bind, new.booking)))
    run(texts.claims, [(practice, *map(bind, row)) for row in new.claims])
    if new.references:
        run(texts.references, [(practice, *row) for row in new.references])
    now = () if texts.mariadb else (bind(datetime.now(UTC)),)
    run(texts.events, [(practice, new.name, *now, *row) for row in new.events])
    if new.audits:
        clock = () if texts.mariadb else (machine_clock(),)
        run(texts.audits, [(*row[: len(COLUMNS)], *clock) for row in new.audits])
        run(texts.unsealed(len(new.audits)), (practice, *(row.id for row in new.audits)))


def _hold(connection: Connection, text: Callable[[int], str], practice: str, rows: Any) -> None:
    """Every row is at its version, and stays there until the commit."""
    if not rows:
        return
    values = tuple(chain.from_iterable((practice, *row) for row in rows))
    if len(connection.exec_driver_sql(text(len(rows)), values).all()) != len(rows):
        raise NotAtOnce


def _take(connection: Connection, texts: Texts, new: NewBooking) -> None:
    rows = [
        (new.practice, kind, id, day, *(hours.get(hour) for hour in range(len(HOURS))))
        for kind, id, day, hours in new.ledger
    ]
    if not texts.mariadb:
        taken = connection.exec_driver_sql(texts.ledger(1), rows)
        if taken.rowcount != len(rows):
            raise NotAtOnce
        return
    try:
        connection.exec_driver_sql(texts.ledger(len(rows)), tuple(chain.from_iterable(rows)))
    except DBAPIError as error:
        if code_of(error.orig) == OUT_OF_RANGE:
            raise NotAtOnce from None
        raise


@attrs.frozen
class Texts:
    """The fixed statements of one database; those that are asked of many rows, by their count."""

    mariadb: bool
    bind: Callable[[Any], Any]
    receipt: str
    keys: Callable[[int], str]
    schedules: Callable[[int], str]
    ledger: Callable[[int], str]
    records: Callable[[int], str]
    booking: str
    claims: str
    references: str
    events: str
    audits: str
    unsealed: Callable[[int], str]


@cache
def _texts(tables: Tables, dialect: Dialect) -> Texts:
    mariadb = dialect.name != "sqlite"
    called = dialect.identifier_preparer.format_table
    mark = "%s" if mariadb else "?"

    def insert(table: str, columns: Sequence[str], ignoring: str = "") -> str:
        marks = ", ".join([mark] * len(columns))
        return f"INSERT {ignoring} INTO {table} ({', '.join(columns)}) VALUES ({marks})"

    def versions(table: str, unstated: str = "0 = 1") -> Callable[[int], str]:
        lock = " LOCK IN SHARE MODE" if mariadb else ""
        holds = f"COALESCE(version = {mark}, {unstated})"
        one = f"(practice = {mark} AND kind = {mark} AND id = {mark} AND {holds})"

        @cache
        def text(rows: int) -> str:
            here = " OR ".join([one] * rows)
            return f"SELECT 1 FROM {table} WHERE {here} ORDER BY practice, kind, id{lock}"

        return text

    @cache
    def keys(rows: int) -> str:
        lock = " LOCK IN SHARE MODE" if mariadb else ""
        columns = ("practice", "subject_kind", "subject", "number")
        one = " AND ".join((*(f"{name} = {mark}" for name in columns), "destroyed_at IS NULL"))
        here = " OR ".join([f"({one})"] * rows)
        order = ", ".join(columns)
        return f"SELECT 1 FROM {called(tables.data_key)} WHERE {here} ORDER BY {order}{lock}"

    ledger = called(tables.ledger)
    events = ("position", "name", "kind", "record", "version", "format", "touched")
    recorded = insert(called(tables.event), ("practice", "changeset", "recorded_at", *events))
    if mariadb:
        marks = ", ".join([mark] * 2 + ["UTC_TIMESTAMP(6)"] + [mark] * len(events))
        recorded = f"{recorded[: recorded.index(' VALUES ')]} VALUES ({marks})"
    audited = insert(called(tables.audit), (*COLUMNS, "recorded_at"))
    if mariadb:
        audited = f"{audited[: audited.rindex(mark)]}{CLOCKS['mariadb']})"
    queued = (
        f"INSERT INTO {called(tables.audit_unsealed)} ({', '.join(QUEUED)})"
        f" SELECT {', '.join((*QUEUED[:-1], 'id'))} FROM {called(tables.audit)}"
        f" WHERE practice = {mark} AND id IN "
    )
    return Texts(
        mariadb=mariadb,
        bind=_for_mariadb if mariadb else _for_sqlite,
        receipt=insert(
            called(tables.receipt),
            ("practice", "scope", "digest", "made_at", "document"),
            "IGNORE" if mariadb else "OR IGNORE",
        ),
        keys=keys,
        schedules=versions(called(tables.schedule)),
        ledger=cache(lambda rows: fail_if_taken(ledger, rows))
        if mariadb
        else lambda _: set_if_free(ledger, "?"),
        records=versions(called(tables.record), "active AND version > 0"),
        booking=insert(called(tables.booking), ("practice", *BookingRow._fields)),
        claims=insert(called(tables.claim), ("practice", *ClaimRow._fields)),
        references=insert(
            called(tables.reference),
            ("practice", "kind", "id", "position", "to_kind", "to_id"),
        ),
        events=recorded,
        audits=audited,
        unsealed=cache(lambda rows: f"{queued}({', '.join([mark] * rows)})"),
    )


def _for_sqlite(value: Any) -> Any:
    """As SQLAlchemy writes an instant into SQLite."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return value


def _for_mariadb(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None)
    return value
