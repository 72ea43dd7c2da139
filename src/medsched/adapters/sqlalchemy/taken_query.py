"""What is claimed of many resources, with what else a search needs to trust it: one state for all.

PostgreSQL tells all of it in one statement, the hours of a day as one string of bits, which is read
faster than 24 numbers; elsewhere it is some plain queries in a row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection, Dialect

from medsched.adapters.sqlalchemy.booking_rows import BookingRow, without_phi
from medsched.adapters.sqlalchemy.connections import as_sqlalchemys
from medsched.adapters.sqlalchemy.ledgers import ledger_row
from medsched.adapters.sqlalchemy.locking import chunks, key_of, named
from medsched.adapters.sqlalchemy.reading import roster_query
from medsched.adapters.sqlalchemy.results import unpacked
from medsched.adapters.sqlalchemy.schema import HOURS, ROSTER, Tables
from medsched.domain.claims import Span
from medsched.domain.holds import Hold
from medsched.domain.ledger import LedgerKey, PackedLedger
from medsched.domain.records import ResourceKind, Resources
from medsched.domain.stored import Kind
from medsched.ports.store import Taken

_BETWEEN: Final = "\x1f"
"""What stands between ids in one text, which is sent faster than an array. It is in no id."""
_ISO: Final = """to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US+00:00')"""
"""An instant as text, as `unpacked` reads it."""


class Wanted(NamedTuple):
    """Whose minutes are asked for: on the days ``first`` to ``last``, in the hours [low, high)."""

    practice: str
    resources: Resources
    first: int
    last: int
    hours: tuple[int, int]
    now: datetime


def can_at_once(connection: Connection) -> bool:
    """Whether one statement can tell it: psycopg is there, and nobody has to wait for it."""
    raw = connection.connection.dbapi_connection
    return connection.dialect.name == "postgresql" and type(raw).__module__ == "psycopg"


def taken_at_once(connection: Connection, tables: Tables, wanted: Wanted) -> Taken:
    """All of it in one statement, on PostgreSQL."""
    kinds = {kind.value: ids for kind, ids in wanted.resources.by_kind.items()}
    low, high = wanted.hours
    values: list[object] = [wanted.practice, wanted.practice, wanted.now]
    for kind, ids in kinds.items():
        values += [wanted.practice, kind, _BETWEEN.join(ids), wanted.first, wanted.last]
    text = _statement(tables, connection.dialect, len(kinds), low, high)
    roster, lapsed = 0, list[Span]()
    found: dict[tuple[str, int], dict[str, bytes]] = defaultdict(dict)
    raw: Any = connection.connection.dbapi_connection
    from psycopg.rows import tuple_row  # it is there: the connection is one of its own

    with as_sqlalchemys(connection):
        cursor = raw.cursor(binary=True, row_factory=tuple_row)  # whatever a host has set
        rows = cursor.execute(text, values).fetchall()
    for kind, id, day, bits, document in rows:
        if bits is not None:
            found[kind, day][id] = bits[4:]  # after their number
        elif document is not None:
            row = unpacked(document)
            hold = without_phi(row) if isinstance(row, BookingRow) else None
            lapsed += hold.reach if isinstance(hold, Hold) else ()
        else:
            roster = day
    days = {(ResourceKind(kind), day): rows for (kind, day), rows in found.items()}
    return Taken(roster, PackedLedger(low, high, days), lapsed)


@cache
def _statement(tables: Tables, dialect: Dialect, kinds: int, low: int, high: int) -> str:
    called = dialect.identifier_preparer.format_table
    hours = " || ".join(f"COALESCE({hour}, 0)::bit(60)" for hour in reversed(HOURS[low:high]))
    columns = ", ".join(
        _ISO.format(name) if name.endswith("_at") else name for name in BookingRow._fields
    )
    roster = (
        "SELECT NULL::text, NULL::text, COALESCE(sum(version), 0)::bigint,"
        f" NULL::bit varying, NULL::text FROM {called(tables.schedule)}"
        f" WHERE practice = %s AND kind = '{ROSTER}'"
    )
    lapsed = (
        "SELECT NULL, NULL, 0, NULL, json_build_array("
        f"{columns})::text FROM {called(tables.booking)}"
        f" WHERE practice = %s AND kind = '{Kind.HOLD.value}' AND expires_at <= %s"
    )
    ledger = (
        f"SELECT resource_kind, resource_id, day, {hours}, NULL FROM {called(tables.ledger)}"
        " WHERE practice = %s AND resource_kind = %s AND resource_id ="
        f' ANY(string_to_array(%s, chr({ord(_BETWEEN)})) COLLATE "C") AND day BETWEEN %s AND %s'
    )
    return " UNION ALL ".join([roster, lapsed, *[ledger] * kinds])


def taken_step_by_step(connection: Connection, tables: Tables, wanted: Wanted) -> Taken:
    """The same in plain queries, for a connection on which they see one state."""
    ledger = tables.ledger
    columns = [ledger.c[name] for name in ("resource_kind", "resource_id", "day", *HOURS)]
    query = sa.select(*columns).where(ledger.c.day.between(wanted.first, wanted.last))
    found: dict[LedgerKey, int] = {}
    for some in chunks(sorted({key_of(one) for one in wanted.resources})):
        here = named(ledger, wanted.practice, some, "resource_")
        rows = map(ledger_row, connection.execute(query.where(here)))
        found |= {key: bits for key, bits in rows if bits}
    roster = int(connection.scalar(roster_query(tables, wanted.practice)))
    return Taken(roster, found, list(_lapsed_holds(connection, tables, wanted)))


def _lapsed_holds(connection: Connection, tables: Tables, wanted: Wanted) -> Iterator[Span]:
    table = tables.booking.c
    query = sa.select(*(table[name] for name in BookingRow._fields)).where(
        table.practice == wanted.practice,
        table.kind == Kind.HOLD.value,
        table.expires_at <= wanted.now,
    )
    for row in connection.execute(query):
        found = without_phi(BookingRow(*row))
        if isinstance(found, Hold):
            yield from found.reach
