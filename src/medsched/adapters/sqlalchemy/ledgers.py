"""Claims and the ledger: minutes are taken by one statement a row, and given back under a lock.

To claim is to set bits where none is set: how many rows took them is the verdict. To release,
the rows are locked in the same order, the other claims on them are read, and only what none of
those covers is cleared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from itertools import groupby
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError

from medsched.adapters.sqlalchemy.booking_rows import LONG, SHORT, ClaimRow, claim_of, claim_rows
from medsched.adapters.sqlalchemy.connections import Undone, code_of
from medsched.adapters.sqlalchemy.locking import all_met, chunks
from medsched.adapters.sqlalchemy.schema import HOURS, Tables
from medsched.domain.changes import Refused
from medsched.domain.claims import Claim
from medsched.domain.ledger import LedgerKey, bits_in, clash, hours_of, rows_of
from medsched.domain.records import Resource
from medsched.timeline.instants import DAY

OUT_OF_RANGE: Final = "1690"
"""What MariaDB says when a claim makes it compute a number that is too large, on purpose."""
_KEYS: Final = ("practice", "resource_kind", "resource_id", "day")


class LedgerWriter:
    """The claims and ledger rows of one practice, on one connection."""

    def __init__(self, connection: Connection, tables: Tables, practice: str) -> None:
        self._connection = connection
        self._tables = tables
        self._practice = practice
        self._dialect = connection.dialect.name
        self._called = connection.dialect.identifier_preparer.format_table(tables.ledger)
        self._mark = "?" if self._dialect == "sqlite" else "%s"

    def change(
        self, releases: Sequence[Claim], claims: Sequence[Claim], doubled: Sequence[Claim]
    ) -> None:
        """Give some claims back, then make others; `Undone` if something is taken or gone.

        Those ``doubled`` are made in any case.
        """
        if releases or doubled:
            self._exchange(releases, claims, doubled)
        elif claims:
            self._take(rows_of(claims))
        if made := (*claims, *doubled):
            rows = [{"practice": self._practice, **row._asdict()} for row in claim_rows(made)]
            self._connection.execute(sa.insert(self._tables.claim), rows)

    # --------------------------------------------------------------------- claiming

    def _take(self, wanted: Mapping[LedgerKey, int]) -> None:
        rows = [self._values(key, bits) for key, bits in wanted.items()]
        if self._dialect in ("mysql", "mariadb"):
            self._take_or_fail(rows, wanted)
            return
        statement = set_if_free(self._called, self._mark)
        for key, row in zip(wanted, rows, strict=True):
            if self._connection.exec_driver_sql(statement, row).rowcount != 1:
                raise Undone(Refused((key,)))

    def _take_or_fail(
        self, rows: Sequence[tuple[object, ...]], wanted: Mapping[LedgerKey, int]
    ) -> None:
        """All rows in one statement, which fails if one is taken: here a count is no verdict."""
        for some in chunks(rows):
            statement = fail_if_taken(self._called, len(some))
            values = tuple(value for row in some for value in row)
            try:
                self._connection.exec_driver_sql(statement, values)
            except DBAPIError as error:
                if code_of(error.orig) != OUT_OF_RANGE:
                    raise
                # Under the lock, or a host's older snapshot would show nothing taken.
                taken = clash(wanted, self._read(list(wanted), lock=True))
                raise Undone(Refused(tuple(taken))) from None

    def _values(self, key: LedgerKey, bits: int) -> tuple[object, ...]:
        """A row of the ledger as it is bound: its key, and what is taken of each hour."""
        hours: list[object] = [None] * len(HOURS)
        for hour, some in hours_of(bits):
            # psycopg would make another prepared statement for each size of a number.
            hours[hour] = str(some) if self._dialect == "postgresql" else some
        return (self._practice, key.resource.kind.value, key.resource.id, key.day, *hours)

    # -------------------------------------------------------------------- releasing

    def _exchange(
        self, releases: Sequence[Claim], claims: Sequence[Claim], doubled: Sequence[Claim]
    ) -> None:
        given, wanted = rows_of(releases), rows_of(claims)
        made = rows_of((*claims, *doubled))
        keys = sorted({*given, *made})
        found = self._read(keys, lock=True)
        if missing := [key for key in keys if key not in found]:
            self._make(missing)
            found |= self._read(missing, lock=True)
        kept = dict[LedgerKey, int]()
        if releases:
            self._forget(releases)
            kept = self._covered(releases)
        left = {
            key: found[key] & ~given.get(key, 0) | (kept.get(key, 0) & given.get(key, 0))
            for key in keys
        }
        if taken := clash(wanted, left):
            raise Undone(Refused(tuple(taken)))
        self._write({key: left[key] | made.get(key, 0) for key in keys})

    def _forget(self, releases: Sequence[Claim]) -> None:
        """Remove claims exactly as they are stated."""
        table = self._tables.claim.c
        for row in claim_rows(sorted(releases, key=lambda one: (one.resource, one.low))):
            exact = [table.practice == self._practice]
            for name, value in row._asdict().items():
                exact.append(table[name].is_(None) if value is None else table[name] == value)
            all_met(self._connection.execute(sa.delete(self._tables.claim).where(*exact)), 1)

    def _covered(self, releases: Iterable[Claim]) -> dict[LedgerKey, int]:
        """What the claims that are left take of the minutes that are given back."""
        query = sa.select(*(self._tables.claim.c[name] for name in ClaimRow._fields))
        if self._dialect in ("mysql", "mariadb"):
            query = query.with_for_update(read=True)  # or it may show what was, not what is
        others = set[Claim]()
        for claim in releases:
            here = reaching(
                self._tables.claim, self._practice, [claim.resource], claim.low, claim.high
            )
            rows = self._connection.execute(query.where(here))
            others.update(claim_of(ClaimRow(*row)) for row in rows)
        return rows_of(others)

    def _read(self, keys: Sequence[LedgerKey], *, lock: bool) -> dict[LedgerKey, int]:
        """The bits of some rows; with ``lock``, locked in the order of their keys."""
        table, found = self._tables.ledger, dict[LedgerKey, int]()
        columns = (table.c[name] for name in (*_KEYS[1:], *HOURS))
        query = sa.select(*columns).order_by(*(table.c[name] for name in _KEYS))
        if lock and self._dialect != "sqlite":
            query = query.with_for_update()
        for some in chunks(keys):
            for row in self._connection.execute(query.where(self._at(some))):
                found |= [ledger_row(row)]
        return found

    def _at(self, keys: Sequence[LedgerKey]) -> sa.ColumnElement[bool]:
        table = self._tables.ledger.c
        return sa.or_(
            *(
                sa.and_(
                    table.practice == self._practice,
                    table.resource_kind == resource.kind.value,
                    table.resource_id == resource.id,
                    table.day.in_([key.day for key in some]),
                )
                for resource, some in groupby(keys, key=lambda key: key.resource)
            )
        )

    def _make(self, keys: Sequence[LedgerKey]) -> None:
        """Make empty rows where there are none; rivals may do so at the same time."""
        if self._dialect in ("mysql", "mariadb"):
            for some in chunks([self._values(key, 0) for key in keys]):
                statement = fail_if_taken(self._called, len(some))
                values = tuple(value for row in some for value in row)
                self._connection.exec_driver_sql(statement, values)
            return
        statement = set_if_free(self._called, self._mark)
        for key in keys:
            self._connection.exec_driver_sql(statement, self._values(key, 0))

    def _write(self, rows: Mapping[LedgerKey, int]) -> None:
        """Set rows that are locked."""
        statement = _set_statement(self._called, self._mark)
        for key, bits in rows.items():
            practice, kind, id, day, *hours = self._values(key, bits)
            values = (*hours, practice, kind, id, day)
            all_met(self._connection.exec_driver_sql(statement, values), 1)


def reaching(
    table: Table, practice: str, resources: Sequence[Resource], low: int, high: int
) -> sa.ColumnElement[bool]:
    """The claims on some resources that reach into [low, high)."""
    claim = table.c
    return sa.or_(
        sa.false(),
        *(
            sa.and_(
                claim.practice == practice,
                claim.resource_kind == kind,
                claim.resource_id.in_(ids),
                claim.days == days,
                claim.low > low - days * DAY,
                claim.low < high,
                claim.high > low,
            )
            for kind, some in groupby(sorted(resources), key=lambda one: one.kind.value)
            for ids in [[one.id for one in some]]
            for days in (SHORT, LONG)
        ),
    )


def ledger_row(row: Sequence[Any]) -> tuple[LedgerKey, int]:
    """The key and the bits of a row: kind, id and day, then the hours."""
    kind, id, day, *hours = row
    return LedgerKey(Resource(kind, id), day), bits_in(hours)


# ------------------------------------------------------------------- fixed statements


@cache
def set_if_free(table: str, mark: str) -> str:
    """Set the bits of a row, made on the way, if none of them is set."""
    columns, taken = ", ".join((*_KEYS, *HOURS)), "excluded"
    sets = ", ".join(f"{h} = COALESCE(l.{h} | {taken}.{h}, l.{h}, {taken}.{h})" for h in HOURS)
    free = " AND ".join(f"COALESCE(l.{h} & {taken}.{h}, 0) = 0" for h in HOURS)
    return (
        f"INSERT INTO {table} AS l ({columns})"
        f" VALUES ({', '.join([mark] * (len(_KEYS) + len(HOURS)))})"
        f" ON CONFLICT ({', '.join(_KEYS)}) DO UPDATE SET {sets} WHERE {free}"
    )


@lru_cache(maxsize=256)
def fail_if_taken(table: str, rows: int, hours: Sequence[str] = HOURS) -> str:
    """Set the bits of some rows, made on the way; fail if one of them is set.

    A bit that is taken is added to the largest number that there is. What is bound of a row are
    its key and these hours.
    """
    row = f"({', '.join(['%s'] * (len(_KEYS) + len(hours)))})"
    sets = ", ".join(
        f"{h} = IF(COALESCE({h} & VALUES({h}), 0) = 0,"
        f" COALESCE({h} | VALUES({h}), {h}, VALUES({h})),"
        f" 18446744073709551615 + ({h} & VALUES({h})))"
        for h in hours
    )
    return (
        f"INSERT INTO {table} ({', '.join((*_KEYS, *hours))}) VALUES {', '.join([row] * rows)}"
        f" ON DUPLICATE KEY UPDATE {sets}"
    )


@cache
def _set_statement(table: str, mark: str) -> str:
    sets = ", ".join(f"{h} = {mark}" for h in HOURS)
    here = " AND ".join(f"{name} = {mark}" for name in _KEYS)
    return f"UPDATE {table} SET {sets} WHERE {here}"
