"""Verifying: are the claims those of the bookings, and is the ledger that of the claims?

All is read in one transaction that sees one state, in the order of keys and a page at a time:
first the bookings, with the claims that name them; then, resource by resource, the claims that
there should be, with the ledger. Claims have no index by booking, so they are looked through once
for every 20,000 bookings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, Table

from medsched.adapters.sqlalchemy.booking_rows import BookingRow, ClaimRow
from medsched.adapters.sqlalchemy.connections import Connections, engine_of
from medsched.adapters.sqlalchemy.migrations import check
from medsched.adapters.sqlalchemy.plausible import claim_in, due_of, is_filed, ledger_key
from medsched.adapters.sqlalchemy.repairing import repair as repaired
from medsched.adapters.sqlalchemy.schema import HOURS, Tables, tables
from medsched.adapters.surroundings import standard
from medsched.domain.claims import Claim, ClaimKind
from medsched.domain.comparison import Due, Minutes, compare_claims, compare_resource
from medsched.domain.differences import (
    Difference,
    DifferentClaim,
    MissingClaim,
    StrayClaim,
    Unreadable,
    Verification,
)
from medsched.domain.fields import check_id
from medsched.domain.records import Resource
from medsched.domain.stored import BOOKINGS, CLAIMS, Kind

_PAGE: Final = 1000
"""How many rows one statement reads."""
_AT_ONCE: Final = 20_000
"""How many bookings are compared at a time with the claims that name them."""
_MISFILED: Final = "it is filed where nobody looks for it"


def verify(
    database: str | sa.URL | Engine,
    *,
    schema: str | None = None,
    practice: str | None = None,
    repair: bool = False,
) -> Verification:
    """Compare all claims and the ledger with the bookings, and repair them if asked to.

    What appointments and holds say is true. Each in a status that takes time must have exactly
    its claims, every other one none, and the ledger must hold exactly their minutes. Bookings
    that take the same minute of one resource are told and left alone: people must part them.
    A hold that has expired and was not swept yet is no difference, and takes nothing from others.

    ``practice``: look at one practice only. All is read in one state of the database, so nobody
    needs to stop booking, not for repairs either: each is a transaction of its own, and after
    them all is compared once more. No more than some 20,000 bookings are in memory at a time, and
    the claims of one resource.

    Raises `SchemaMismatch` for tables of another release, `StorageError` for what the database
    fails at, `InvalidId` for what no practice is called.
    """
    if practice is not None:
        check_id(practice, "practice")
    engine, own = engine_of(database)
    try:
        check(engine, schema=schema)
        connections, made = Connections(engine, own=own), tables(schema)
        bookings, differences = _read(connections, made, practice)
        left = differences
        if repair and differences:
            repaired(connections, made, standard().pauses, differences)
            _, left = _read(connections, made, practice)
    finally:
        if own:
            engine.dispose()
    return Verification(bookings=bookings, differences=differences, left=left)


def _read(
    connections: Connections, made: Tables, practice: str | None
) -> tuple[int, tuple[Difference, ...]]:
    """How many bookings there are, and all differences."""
    bookings, found, now = 0, list[Difference](), standard().clock.now()
    with connections.reading("verify", several=True) as connection:
        for one in _practices(connection, made) if practice is None else [practice]:
            reading = _Reading(connection, made, one, now)
            found += reading.run()
            bookings += reading.bookings
    return bookings, tuple(found)


def _practices(connection: Connection, made: Tables) -> list[str]:
    columns = (table.c.practice for table in (made.booking, made.claim, made.ledger))
    return sorted({one for column in columns for one in _values(connection, column)})


def _values(
    connection: Connection, column: sa.Column[str], *here: sa.ColumnElement[bool]
) -> Iterator[str]:
    """The values of a column in order; with what precedes it in a key, each is one step."""
    query = sa.select(sa.func.min(column)).where(*here)
    value = connection.scalar(query)
    while value is not None:
        yield value
        value = connection.scalar(query.where(column > value))


class _Reading:
    """One practice, read and compared."""

    def __init__(self, connection: Connection, made: Tables, practice: str, now: datetime) -> None:
        self._connection = connection
        self._tables = made
        self._practice = practice
        self._now = now
        self.bookings = 0
        self._unreadable: list[Difference] = []
        self._missing: list[Claim] = []
        self._wrong: set[Claim] = set()
        """Claims that nothing follows from."""
        self._may_overlap: set[tuple[ClaimKind, str]] = set()
        """The bookings that people let take what others take."""

    def run(self) -> list[Difference]:
        """All differences."""
        found = [one for kind in BOOKINGS for one in self._compare_bookings(kind)]
        found += self._compare_resources()
        return found + self._unreadable

    # ------------------------------------------------------- bookings and their claims

    def _compare_bookings(self, kind: Kind) -> Iterator[Difference]:
        after: str | None = None
        while True:
            bookings, unreadable, last = self._read_bookings(kind, after)
            claims, misfiled = self._read_claims(kind, after, last)
            named = [claim for claim in claims if claim.id not in unreadable]
            for one in compare_claims(self._practice, bookings, named):
                match one:
                    case MissingClaim():
                        self._missing.append(one.claim)
                    case StrayClaim():
                        self._wrong.add(one.claim)
                    case DifferentClaim():
                        self._missing.append(one.claim)
                        self._wrong.add(one.found)
                yield one
            for claim in misfiled:
                yield StrayClaim(practice=self._practice, claim=claim, why=_MISFILED)
            if last is None:
                return
            after = last

    def _read_bookings(
        self, kind: Kind, after: str | None
    ) -> tuple[list[Due], set[str], str | None]:
        """Some bookings after an id, the ids of those that make no sense, and the last id.

        None where no others follow.
        """
        table = self._tables.booking.c
        query = (
            sa.select(*(table[name] for name in BookingRow._fields))
            .where(table.practice == self._practice, table.kind == kind.value, table.version > 0)
            .order_by(table.id)
            .limit(_PAGE)
        )
        bookings, unreadable = list[Due](), set[str]()
        while len(bookings) < _AT_ONCE:
            page = query if after is None else query.where(table.id > after)
            rows = [BookingRow(*row) for row in self._connection.execute(page)]
            self.bookings += len(rows)
            for row in rows:
                due = due_of(row)
                if due is not None:
                    bookings.append(due)
                    if due.may_overlap:
                        self._may_overlap.add((due.kind, due.id))
                else:
                    unreadable.add(row.id)
                    self._cannot_read(f"{kind.value} {row.id!r}")
            if len(rows) < _PAGE:
                return bookings, unreadable, None
            after = rows[-1].id
        return bookings, unreadable, after

    def _read_claims(
        self, kind: Kind, after: str | None, last: str | None
    ) -> tuple[list[Claim], list[Claim]]:
        """The claims that name bookings with these ids; those with a key of their own apart."""
        table = self._tables.claim.c
        here = [table.practice == self._practice, table.kind == CLAIMS[kind].value]
        if after is not None:
            here.append(table.id > after)
        if last is not None:
            here.append(table.id <= last)
        columns = (table[name] for name in ClaimRow._fields)
        claims, misfiled = list[Claim](), list[Claim]()
        for found in self._connection.execute(sa.select(*columns).where(*here)):
            row = ClaimRow(*found)
            claim = claim_in(row)
            if claim is not None:
                (claims if is_filed(row, claim) else misfiled).append(claim)
        return claims, misfiled

    # ------------------------------------------------------ resources and their ledgers

    def _compare_resources(self) -> Iterator[Difference]:
        missing = sorted(self._missing, key=lambda claim: claim.resource)
        parts: list[Iterable[tuple[Resource, Claim | tuple[int, Minutes]]]] = [
            ((claim.resource, claim) for claim in self._claims()),
            ((claim.resource, claim) for claim in missing),
            self._ledger(),
        ]
        in_order = merge(*parts, key=itemgetter(0))
        for resource, found in groupby(in_order, key=itemgetter(0)):
            claims, ledger = list[Claim](), dict[int, Minutes]()
            for _, one in found:
                if isinstance(one, Claim):
                    claims.append(one)
                else:
                    ledger[one[0]] = one[1]
            yield from compare_resource(
                self._practice, resource, claims, ledger, self._now, self._may_overlap
            )

    def _claims(self) -> Iterator[Claim]:
        """The claims that there should be and are, in order of resource."""
        for found in self._rows(self._tables.claim, ClaimRow._fields):
            row = ClaimRow(*found)
            claim = claim_in(row)
            if claim is None:
                where = f"{row.resource_kind!r} {row.resource_id!r} from minute {row.low}"
                self._cannot_read(f"the claim on {where}")
            elif claim not in self._wrong and is_filed(row, claim):
                yield claim

    def _ledger(self) -> Iterator[tuple[Resource, tuple[int, Minutes]]]:
        """The rows of the ledger, in order of resource and day."""
        names = ("resource_kind", "resource_id", "day", *HOURS)
        for kind, id, day, *hours in self._rows(self._tables.ledger, names):
            key = ledger_key(kind, id, day)
            if key is None:
                self._cannot_read(f"the ledger of {kind!r} {id!r} on day {day}")
            else:
                yield key.resource, (day, Minutes.of(hours))

    def _rows(self, table: Table, names: Sequence[str]) -> Iterator[Any]:
        """All rows of the practice in order of key, which begins with practice and kind."""
        columns = [table.c[name] for name in names]
        practice, kind, *rest = table.primary_key
        for value in _values(self._connection, kind, practice == self._practice):
            query = (
                sa.select(*columns)
                .where(practice == self._practice, kind == value)
                .order_by(*rest)
                .limit(_PAGE)
            )
            page = query
            while rows := self._connection.execute(page).all():
                yield from rows
                last = [rows[-1]._mapping[column] for column in rest]
                page = query.where(_beyond(rest, last))

    def _cannot_read(self, what: str) -> None:
        self._unreadable.append(Unreadable(practice=self._practice, what=what))


def _beyond(columns: Sequence[sa.Column[Any]], values: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Whatever follows these values in the order of these columns."""
    beyond: sa.ColumnElement[bool] = columns[-1] > values[-1]
    for column, value in zip(columns[-2::-1], values[-2::-1], strict=True):
        beyond = sa.or_(column > value, sa.and_(column == value, beyond))
    return sa.and_(columns[0] >= values[0], beyond)  # the former is found in every index
