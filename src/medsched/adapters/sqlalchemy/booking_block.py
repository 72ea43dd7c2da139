"""A new booking on MariaDB: one compound statement, so that the server is asked once.

Its parts lock, and are rolled back with the transaction, as if they had been sent one by one; each
has a time of its own by the database's clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import attrs
from sqlalchemy import Connection, Dialect
from sqlalchemy.exc import DBAPIError

from medsched.adapters.sqlalchemy.audit_writing import CLOCKS, COLUMNS, QUEUED
from medsched.adapters.sqlalchemy.booking_at_once import EVENT, NewBooking, NotAtOnce, Row
from medsched.adapters.sqlalchemy.booking_rows import BookingRow, ClaimRow
from medsched.adapters.sqlalchemy.connections import code_of
from medsched.adapters.sqlalchemy.ledgers import OUT_OF_RANGE, fail_if_taken
from medsched.adapters.sqlalchemy.schema import HOURS, Tables

_SIGNALLED: Final = "1644"
"""What MariaDB says when a part did not do all it should, which undoes the whole block."""


def book_in_a_block(connection: Connection, tables: Tables, new: NewBooking) -> None:
    """Write a new booking on MariaDB; `NotAtOnce`, to be rolled back, if that fails."""
    texts, practice = _texts(tables, connection.dialect), new.practice
    block = _Block()
    if new.receipt is not None:
        block.add(texts.receipt, (practice, *new.receipt))
    for held, rows in ((texts.key, new.keys), (texts.schedule, new.schedules)):
        block.hold(held, practice, rows)
    hours = sorted({hour for row in new.ledger for hour in row[-1]})
    block.add(
        fail_if_taken(texts.ledger, len(new.ledger), tuple(HOURS[hour] for hour in hours)),
        *((practice, *row[:-1], *(row[-1].get(hour) for hour in hours)) for row in new.ledger),
    )
    block.hold(texts.record, practice, new.records)
    block.insert(texts.booking, [(practice, *new.booking)])
    block.insert(texts.claim, [(practice, *row) for row in new.claims])
    block.insert(texts.reference, [(practice, *row) for row in new.references])
    block.insert(texts.event, [(practice, new.name, *row) for row in new.events])
    if new.audits:
        block.insert(texts.audit, [row[: len(COLUMNS)] for row in new.audits])
        marks = ", ".join(["%s"] * len(new.audits))
        block.add(f"{texts.unsealed} ({marks})", (practice, *(row.id for row in new.audits)))
    try:
        connection.exec_driver_sql(block.text, tuple(block.values))
    except DBAPIError as error:
        code = code_of(error.orig)
        if code == OUT_OF_RANGE:  # keys and schedules were looked at before that, and stay
            raise NotAtOnce(guarded=_stand(connection, texts.record, new)) from None
        if code == _SIGNALLED:
            raise NotAtOnce from None
        raise


def _stand(connection: Connection, texts: _Held, new: NewBooking) -> bool:
    """Whether the records are as they are stated."""
    rows = len(new.records)
    values = tuple(value for row in new.records for value in (new.practice, *row))
    return not rows or connection.exec_driver_sql(texts.asked(rows), values).scalar() == rows


@attrs.frozen
class _Insert:
    """An INSERT up to its VALUES, and the marks of a row."""

    into: str
    row: str


@attrs.frozen
class _Held:
    """How many rows there must be of those that the condition finds, and the marks of one."""

    count: str
    row: str

    def asked(self, rows: int) -> str:
        """The statement that counts which of so many rows there are."""
        return f"{self.count} {' OR '.join([self.row] * rows)}"


class _Block:
    """A compound statement that is being put together, and its values."""

    def __init__(self) -> None:
        self._parts = list[str]()
        self.values = list[Any]()

    @property
    def text(self) -> str:
        return f"BEGIN NOT ATOMIC {'; '.join(self._parts)}; END"

    def add(self, text: str, *rows: Iterable[Any]) -> None:
        """Another part, with the values of it."""
        self._parts.append(text)
        for row in rows:
            self.values += map(_bound, row)

    def insert(self, texts: _Insert, rows: Sequence[Row]) -> None:
        """Insert all rows, if there are any."""
        if rows:
            self.add(f"{texts.into} {', '.join([texts.row] * len(rows))}", *rows)

    def hold(self, texts: _Held, practice: str, rows: Sequence[Row]) -> None:
        """Every row is as it is stated, and stays so until the commit."""
        if rows:
            here = f"{texts.asked(len(rows))} LOCK IN SHARE MODE"
            self.add(_unless(f"({here}) = {len(rows)}"), *((practice, *row) for row in rows))


@attrs.frozen
class _Texts:
    """The parts of the statement."""

    receipt: str
    key: _Held
    schedule: _Held
    ledger: str
    record: _Held
    booking: _Insert
    claim: _Insert
    reference: _Insert
    event: _Insert
    audit: _Insert
    unsealed: str


@cache
def _texts(tables: Tables, dialect: Dialect) -> _Texts:
    called = dialect.identifier_preparer.format_table

    def insert(table: str, columns: Sequence[str], clock: str = "", value: str = "") -> _Insert:
        """The values of a column ``clock`` are the database's to give."""
        marks = ["%s"] * len(columns) + [value] * bool(clock)
        named = (*columns, *[clock] * bool(clock))
        return _Insert(f"INSERT INTO {table} ({', '.join(named)}) VALUES", f"({', '.join(marks)})")

    def held(table: str, conditions: Sequence[str]) -> _Held:
        # By the key: so all lock rows in its order.
        count = f"SELECT COUNT(*) FROM {table} FORCE INDEX (PRIMARY) WHERE"
        return _Held(count, f"({' AND '.join(conditions)})")

    named = ("practice = %s", "kind = %s", "id = %s")
    key = ("practice", "subject_kind", "subject", "number")
    receipt = insert(called(tables.receipt), ("practice", "scope", "digest", "made_at", "document"))
    new = receipt.into.replace("INSERT", "INSERT IGNORE", 1)
    return _Texts(
        receipt=f"{new} {receipt.row}; {_unless('ROW_COUNT() = 1')}",
        key=held(
            called(tables.data_key), (*(f"{name} = %s" for name in key), "destroyed_at IS NULL")
        ),
        schedule=held(called(tables.schedule), (*named, "version = %s")),
        ledger=called(tables.ledger),
        record=held(
            called(tables.record), (*named, "COALESCE(version = %s, active AND version > 0)")
        ),
        booking=insert(called(tables.booking), ("practice", *BookingRow._fields)),
        claim=insert(called(tables.claim), ("practice", *ClaimRow._fields)),
        reference=insert(
            called(tables.reference), ("practice", "kind", "id", "position", "to_kind", "to_id")
        ),
        event=insert(
            called(tables.event),
            ("practice", "changeset", *EVENT),
            "recorded_at",
            "UTC_TIMESTAMP(6)",
        ),
        audit=insert(called(tables.audit), COLUMNS, "recorded_at", CLOCKS["mariadb"]),
        unsealed=(
            f"INSERT INTO {called(tables.audit_unsealed)} ({', '.join(QUEUED)})"
            f" SELECT {', '.join((*QUEUED[:-1], 'id'))} FROM {called(tables.audit)}"
            " WHERE practice = %s AND id IN"
        ),
    )


def _unless(condition: str) -> str:
    return f"IF NOT ({condition}) THEN SIGNAL SQLSTATE '45000'; END IF"


def _bound(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None)
    return value
