"""Audit entries on their way into the database, and into the queue of those to be sealed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, Dialect

from medsched.adapters.sqlalchemy.schema import Tables
from medsched.adapters.sqlalchemy.shapes import json_text
from medsched.domain.audit_rows import AuditRow, microseconds

COLUMNS: Final = AuditRow._fields[:-1]
"""The columns that are given; the database gives ``recorded_at``."""
QUEUED: Final = ("practice", "recorded_at", "changeset", "position", "entry")
CLOCKS: Final[Mapping[str, str]] = {
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)",
    "mysql": "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))",
    "mariadb": "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))",
}
"""The database's clock in microseconds of the epoch, where it is not this machine's."""
_NUMBERS: Final = {"position": "int", "at": "bigint", "emergency": "smallint", "mac_key": "int"}


def machine_clock() -> int:
    """This machine's clock in microseconds of the epoch."""
    return microseconds(datetime.now(UTC))


def write_audit(connection: Connection, tables: Tables, rows: Sequence[AuditRow]) -> None:
    """Write entries in the transaction that is under way."""
    if not rows:
        return
    name = connection.dialect.name
    if name == "postgresql":
        statement = _at_once(tables, connection.dialect)
        connection.execute(statement, {"audit": as_json(rows)})
        return
    clock = sa.literal(machine_clock()) if name == "sqlite" else sa.literal_column(CLOCKS[name])
    audit, queue = tables.audit, tables.audit_unsealed
    written = [dict(zip(COLUMNS, row, strict=False)) for row in rows]
    connection.execute(sa.insert(audit).values(recorded_at=clock), written)
    columns = (audit.c[name] for name in (*QUEUED[:-1], "id"))
    here = sa.select(*columns).where(
        audit.c.practice == rows[0].practice, audit.c.id.in_([row.id for row in rows])
    )
    connection.execute(sa.insert(queue).from_select(list(QUEUED), here))


def as_json(rows: Sequence[AuditRow]) -> str:
    """Rows as one value, which PostgreSQL makes rows of again."""
    found: list[dict[str, Any]] = [dict(zip(COLUMNS, row, strict=False)) for row in rows]
    return json_text(found)


def parts_of_statement(
    tables: Tables, dialect: Dialect, given: str, condition: str = "true"
) -> tuple[str, str]:
    """The two INSERTs of a statement on PostgreSQL: the entries, called ``audit``, and the queue.

    ``given`` is the parameter with the rows as JSON.
    """
    called = dialect.identifier_preparer.format_table
    types = ", ".join(f"{name} {_NUMBERS.get(name, 'text')}" for name in COLUMNS)
    values = ", ".join(f"w.{name}" for name in COLUMNS)
    entries = f"""
        INSERT INTO {called(tables.audit)} ({", ".join(COLUMNS)}, recorded_at)
        SELECT {values}, {CLOCKS["postgresql"]}
        FROM json_to_recordset(CAST({given} AS json)) AS w({types}) WHERE {condition}
        RETURNING practice, recorded_at, changeset, position, id"""
    queue = f"""
        INSERT INTO {called(tables.audit_unsealed)} ({", ".join(QUEUED)})
        SELECT practice, recorded_at, changeset, position, id FROM audit"""
    return entries, queue


@cache
def _at_once(tables: Tables, dialect: Dialect) -> sa.TextClause:
    entries, queue = parts_of_statement(tables, dialect, ":audit")
    return sa.text(f"WITH audit AS ({entries}) {queue}")
