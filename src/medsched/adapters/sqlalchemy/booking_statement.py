"""A new booking on PostgreSQL: one statement, which is a transaction by itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Dialect
from sqlalchemy.exc import DBAPIError

from medsched.adapters.sqlalchemy.audit_writing import as_json, parts_of_statement
from medsched.adapters.sqlalchemy.booking_at_once import EVENT, NewBooking, NotAtOnce, Row
from medsched.adapters.sqlalchemy.booking_rows import BookingRow, ClaimRow
from medsched.adapters.sqlalchemy.connections import code_of
from medsched.adapters.sqlalchemy.documents import KeyRow
from medsched.adapters.sqlalchemy.schema import HOURS, Tables

_REFUSED: Final = "22P02"
"""What PostgreSQL says of a word that is no number: how the statement undoes itself."""
_TAKEN: Final = "22007"
"""What it says of a word that is no date: how it does where all guards hold."""
_NAMED: Final = re.compile(r"%\((\w+)\)s")
_LEDGER: Final = ("kind", "id", "day")
_REFERENCE: Final = ("kind", "id", "position", "to_kind", "to_id")


def book_in_a_statement(connection: Connection, tables: Tables, new: NewBooking) -> None:
    """Write a new booking on PostgreSQL; `NotAtOnce` if that fails, and nothing is written."""
    scope, digest, made_at, result = new.receipt or (None, None, None, None)
    values: dict[str, Any] = {
        "practice": new.practice,
        "name": new.name,
        "scope": scope,
        "digest": digest,
        "made_at": None if made_at is None else made_at.isoformat(),
        "packed": result,
        **_columns("schedule", new.schedules, ("kind", "id", "version")),
        **_columns("record", new.records, ("kind", "id", "version")),
        **_columns("ledger", new.ledger, _LEDGER),
        "ledger_hours": _hours(row[-1] for row in new.ledger),
        **{
            f"booking_{name}": _text(value)
            for name, value in zip(BookingRow._fields, new.booking, strict=True)
        },
        **_columns("claim", new.claims, ClaimRow._fields),
        **_columns("reference", new.references, _REFERENCE),
        **_columns("event", new.events, EVENT),
    }
    if new.audits:
        values["audit"] = as_json(new.audits)
    if new.keys:
        values |= _columns("data_key", new.keys, KeyRow._fields)
    options = {"audited": bool(new.audits), "sealed": bool(new.keys)}
    try:
        with _counting(connection) as counts:
            if counts:
                numbered, names = _numbered(tables, connection.dialect, **options)
                found = connection.exec_driver_sql(numbered, tuple(values[n] for n in names))
            else:
                statement = _statement(tables, connection.dialect, **options)
                found = connection.exec_driver_sql(statement, values)
            told = found.scalar()
    except DBAPIError as error:
        if (code := code_of(error.orig)) in (_REFUSED, _TAKEN):
            raise NotAtOnce(guarded=code == _TAKEN) from None
        raise
    if told != "booked":
        raise NotAtOnce(guarded=told == "taken")


@contextmanager
def _counting(connection: Connection) -> Iterator[bool]:
    """Whether cursors count their parameters meanwhile: $1, $2 and so on, as PostgreSQL does.

    psycopg looks through a text as long as this for the names in it, each time it is sent. Cursors
    of a host's own kind, and those that are awaited, are left as they are.
    """
    raw: Any = connection.connection.dbapi_connection
    if type(raw).__module__ != "psycopg":
        yield False
        return
    from psycopg import Cursor, RawCursor  # it is there: the connection is one of its own

    if raw.cursor_factory is not Cursor:
        yield False
        return
    raw.cursor_factory = RawCursor
    try:
        yield True
    finally:
        raw.cursor_factory = Cursor


@cache
def _numbered(
    tables: Tables, dialect: Dialect, *, audited: bool, sealed: bool
) -> tuple[str, Sequence[str]]:
    """The statement with numbers in place of names, and the names in their order."""
    text = _statement(tables, dialect, audited=audited, sealed=sealed)
    names = list(dict.fromkeys(_NAMED.findall(text)))
    return _NAMED.sub(lambda found: f"${names.index(found[1]) + 1}", text), names


def _text(value: Any) -> str | None:
    """A value as text. psycopg would prepare a statement anew for each size of a number."""
    if value is None or isinstance(value, str):
        return value
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _columns(table: str, rows: Sequence[Row], names: Sequence[str]) -> dict[str, str]:
    """Rows as an array a column, as far as they are named."""
    return {f"{table}_{name}": _array(row[at] for row in rows) for at, name in enumerate(names)}


def _array(values: Iterable[Any]) -> str:
    """An array as PostgreSQL writes it: psycopg takes eight times as long to make one of a list."""
    return f"{{{','.join(map(_element, values))}}}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    text = value if isinstance(value, str) else value.isoformat()
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _hours(rows: Iterable[Mapping[int, int]]) -> str:
    cells = list[str]()
    for hours in rows:
        row = ["NULL"] * len(HOURS)
        for hour, bits in hours.items():
            row[hour] = str(bits)
        cells += row
    return f"{{{','.join(cells)}}}"


def _rows_of(table: str, types: Mapping[str, str]) -> str:
    arrays = ", ".join(f"%({table}_{name})s::{type}[]" for name, type in types.items())
    return f"unnest({arrays}) WITH ORDINALITY AS w({', '.join(types)}, place)"


@cache
def _statement(tables: Tables, dialect: Dialect, *, audited: bool, sealed: bool) -> str:
    """Everything in one statement, each part of it waiting for the one before.

    The last part makes a number or a date of a word, and so undoes all, if a part did not do all it
    should. Records are locked only once all is taken, so of what is not it looks at them itself.
    """
    called = dialect.identifier_preparer.format_table
    versions = {"kind": "text", "id": "text", "version": "bigint"}

    def held(table: str, name: str, waits: str, unstated: str = "false") -> str:
        return f"""
        SELECT COALESCE(t.version = w.version, {unstated}) AS holds
        FROM {_rows_of(name, versions)} JOIN {table} t
        ON t.practice = %(practice)s::text
        AND t.kind = w.kind COLLATE "C" AND t.id = w.id COLLATE "C"
        WHERE {waits}
        ORDER BY t.kind, t.id FOR SHARE OF t"""

    def current(table: str, name: str, unstated: str = "false") -> str:
        return f"""(
            SELECT count(*) FROM {_rows_of(name, versions)} JOIN {table} t
            ON t.practice = %(practice)s::text AND t.kind = w.kind COLLATE "C"
            AND t.id = w.id COLLATE "C" WHERE COALESCE(t.version = w.version, {unstated})
        ) = cardinality(%({name}_kind)s::text[])"""

    def written(table: str, name: str, types: Mapping[str, str], more: Mapping[str, str]) -> str:
        return f"""
        INSERT INTO {table} ({", ".join((*more, *types))})
        SELECT {", ".join((*more.values(), *(f"w.{column}" for column in types)))}
        FROM {_rows_of(name, types)} WHERE EXISTS (SELECT FROM booking)"""

    active = "t.active AND t.version > 0"
    all_held = "(SELECT count(*) FROM {0} WHERE holds) = cardinality(%({0}_kind)s::text[])"
    all_taken = "(SELECT count(*) FROM ledger) = cardinality(%(ledger_kind)s::text[])"
    booking = {name: f"%(booking_{name})s" for name in BookingRow._fields}
    for name in ("start_at", "end_at", "expires_at", "created_at", "updated_at"):
        booking[name] += "::timestamptz"
    booking["version"] += "::bigint"
    booking["format"] += "::smallint"
    claim = dict.fromkeys(ClaimRow._fields, "text")
    claim |= {"days": "smallint", "low": "bigint", "high": "bigint", "expires_at": "timestamptz"}
    reference = dict.fromkeys(_REFERENCE, "text") | {"position": "int"}
    event = dict.fromkeys(EVENT, "text")
    event |= {"position": "int", "version": "bigint", "format": "smallint"}
    practice = {"practice": "%(practice)s::text"}
    recorded = {**practice, "changeset": "%(name)s::text", "recorded_at": "clock_timestamp()"}
    keys = ("practice", "resource_kind", "resource_id", "day")
    # One array of all rows' hours: one a row would be taken apart for each of them.
    hours = ", ".join(
        f"(%(ledger_hours)s::bigint[])[{len(HOURS)} * (w.place::int - 1) + {at}] AS {h}"
        for at, h in enumerate(HOURS, 1)
    )
    sets = ", ".join(f"{h} = COALESCE(l.{h} | excluded.{h}, l.{h}, excluded.{h})" for h in HOURS)
    free = " AND ".join(f"COALESCE(l.{h} & excluded.{h}, 0) = 0" for h in HOURS)
    clash = " OR ".join(f"l.{h} & w.{h} <> 0" for h in HOURS)
    schedules = current(called(tables.schedule), "schedule")
    guarded = f"{schedules} AND {current(called(tables.record), 'record', active)}"
    written_so_far = "(SELECT count(*) FROM ledger)"
    data_keys, unbroken = "", ""
    if sealed:
        types = {"subject_kind": "text", "subject": "text", "number": "int"}
        data_keys = f""" data_key AS (
        SELECT 1
        FROM {_rows_of("data_key", types)} JOIN {called(tables.data_key)} t
        ON t.practice = %(practice)s::text AND t.subject_kind = w.subject_kind COLLATE "C"
        AND t.subject = w.subject COLLATE "C" AND t.number = w.number
        WHERE t.destroyed_at IS NULL AND EXISTS (SELECT FROM new)
        ORDER BY t.subject_kind, t.subject, t.number FOR SHARE OF t
    ),"""
        held_keys = "(SELECT count(*) FROM data_key)"
        unbroken = f"{held_keys} = cardinality(%(data_key_subject)s::text[]) AND "
    waits = f"{unbroken}EXISTS (SELECT FROM new)"
    more = ""
    if audited:
        condition = "EXISTS (SELECT FROM booking)"
        entries, queue = parts_of_statement(tables, dialect, "%(audit)s", condition)
        more = f", audit AS ({entries}), unsealed AS ({queue})"
    return f"""
    WITH claimed AS MATERIALIZED (
        SELECT w.kind, w.id, w.day, {hours}
        FROM {_rows_of("ledger", {"kind": "text", "id": "text", "day": "int"})}
    ), free AS MATERIALIZED (
        SELECT 1 WHERE NOT EXISTS (
            SELECT FROM claimed w JOIN {called(tables.ledger)} l
            ON l.practice = %(practice)s::text AND l.resource_kind = w.kind COLLATE "C"
            AND l.resource_id = w.id COLLATE "C" AND l.day = w.day
            WHERE {clash}
        )
    ), receipt AS (
        INSERT INTO {called(tables.receipt)} (practice, scope, digest, made_at, document)
        SELECT %(practice)s::text, %(scope)s::text, %(digest)s::text,
            %(made_at)s::timestamptz, %(packed)s::text
        WHERE %(scope)s::text IS NOT NULL AND EXISTS (SELECT FROM free)
        ON CONFLICT DO NOTHING RETURNING 1
    ), new AS (
        SELECT 1 WHERE EXISTS (SELECT FROM free)
        AND (%(scope)s::text IS NULL OR EXISTS (SELECT FROM receipt))
    ),{data_keys} schedule AS ({held(called(tables.schedule), "schedule", waits)}
    ), ledger AS (
        INSERT INTO {called(tables.ledger)} AS l ({", ".join((*keys, *HOURS))})
        SELECT %(practice)s::text, w.kind, w.id, w.day, {", ".join(f"w.{h}" for h in HOURS)}
        FROM claimed w
        WHERE {waits} AND {all_held.format("schedule")}
        ORDER BY w.kind COLLATE "C", w.id COLLATE "C", w.day
        ON CONFLICT ({", ".join(keys)}) DO UPDATE SET {sets} WHERE {free}
        RETURNING 1
    ), record AS ({held(called(tables.record), "record", all_taken, active)}
    ), booking AS (
        INSERT INTO {called(tables.booking)} (practice, {", ".join(booking)})
        SELECT %(practice)s::text, {", ".join(booking.values())}
        WHERE EXISTS (SELECT FROM new) AND {all_taken} AND {all_held.format("record")} RETURNING 1
    ), claim AS ({written(called(tables.claim), "claim", claim, practice)}
    ), reference AS ({written(called(tables.reference), "reference", reference, practice)}
    ), event AS ({written(called(tables.event), "event", event, recorded)}
    ){more}
    SELECT CASE
        WHEN EXISTS (SELECT FROM booking) THEN 'booked'
        WHEN NOT EXISTS (SELECT FROM free) THEN CASE WHEN {guarded} THEN 'taken' ELSE 'stale' END
        WHEN NOT EXISTS (SELECT FROM new) THEN 'used'
        WHEN NOT {all_taken} AND {guarded} THEN ('taken' || {written_so_far})::date::text
        ELSE ('refused' || {written_so_far})::int::text
    END"""
