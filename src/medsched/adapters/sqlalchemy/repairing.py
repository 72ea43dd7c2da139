"""Repairing what a verification found, while others go on booking.

Each difference is a transaction of its own, which takes locks in the order of every other write:
the rows of the ledger first, then the booking. Under them it reads again, and does what is due
then. Whoever makes or gives back a claim changes or locks the rows of the ledger that it lies in,
so nobody does so meanwhile.

Claims that are missing are made before any minute is given free, so that none that a booking takes
is free in between. If something cannot be read, or a claim cannot be made, no minute of the
practice is given free at all: nobody can tell whose it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from medsched.adapters.sqlalchemy.booking_rows import BookingRow, ClaimRow, claim_rows
from medsched.adapters.sqlalchemy.connections import Connections
from medsched.adapters.sqlalchemy.ledgers import LedgerWriter, reaching
from medsched.adapters.sqlalchemy.plausible import claim_in, due_of
from medsched.adapters.sqlalchemy.repeating import repeated
from medsched.adapters.sqlalchemy.schema import HOURS, Tables
from medsched.domain.claims import Claim
from medsched.domain.comparison import Minutes
from medsched.domain.differences import (
    Difference,
    DifferentClaim,
    MissingClaim,
    StrayClaim,
    Unreadable,
    WrongMinutes,
)
from medsched.domain.ledger import LedgerKey, rows_of
from medsched.domain.records import Resource
from medsched.domain.stored import CLAIMED_BY
from medsched.errors import StorageBusy
from medsched.ports.pauses import Pauses
from medsched.timeline.instants import DAY


def repair(
    connections: Connections, made: Tables, pauses: Pauses, differences: Sequence[Difference]
) -> None:
    """Repair what can be repaired, unless others keep changing it all the while."""
    kept = {one.practice for one in differences if isinstance(one, Unreadable)}

    def again(work: Callable[[Connection], bool]) -> bool:
        """Until nobody else was first; whether it was done."""
        try:
            return repeated(connections, pauses, "repair", work)
        except StorageBusy:
            return False

    for one in differences:
        if isinstance(one, MissingClaim | DifferentClaim):
            made_it = again(partial(_mend_claim, made, one, free=False))
            if not made_it:
                kept.add(one.practice)
    for one in differences:
        free = one.practice not in kept
        if isinstance(one, DifferentClaim | StrayClaim):
            again(partial(_mend_claim, made, one, free=free))
    for one in differences:
        free = one.practice not in kept
        if isinstance(one, WrongMinutes):
            again(partial(_mend_minutes, made, one, free=free))


def _mend_claim(
    made: Tables,
    difference: MissingClaim | DifferentClaim | StrayClaim,
    connection: Connection,
    *,
    free: bool,
) -> bool:
    """Where a claim of a booking begins, make what is due there and remove what is not.

    ``free``: give the minutes free that no claim takes. False if the booking makes no sense.
    """
    claim = difference.claim
    stated = [claim]
    if isinstance(difference, DifferentClaim):
        stated.append(difference.found)
    ledger = _Ledger(connection, made, difference.practice)
    minutes = ledger.lock(rows_of(stated))
    claims = ledger.due(claim)
    if claims is None:
        return False
    if not rows_of(claims).keys() <= minutes.keys():
        return True  # the booking was changed meanwhile, and so were its claims
    ledger.settle(claim, claims)
    due = ledger.claimed(minutes) if free else rows_of(claims)
    ledger.put(minutes, due, free=free)
    return True


def _mend_minutes(
    made: Tables, difference: WrongMinutes, connection: Connection, *, free: bool
) -> bool:
    """Set a row of the ledger to what the claims take."""
    ledger = _Ledger(connection, made, difference.practice)
    minutes = ledger.lock([LedgerKey(difference.resource, difference.day)])
    ledger.put(minutes, ledger.claimed(minutes), free=free)
    return True


class _Ledger(LedgerWriter):
    """The ledger of one practice and the claims in it, under locks."""

    def lock(self, keys: Collection[LedgerKey]) -> dict[LedgerKey, int]:
        """Lock rows, made where there are none, in the order of locks; the bits that they hold."""
        ordered = sorted(keys)
        found = self._locked(ordered)
        if missing := [key for key in ordered if key not in found]:
            self._make(missing)
            found |= self._locked(missing)
        return found

    def _locked(self, keys: Sequence[LedgerKey]) -> dict[LedgerKey, int]:
        table = self._tables.ledger.c
        columns = ("resource_kind", "resource_id", "day")
        query = (
            sa.select(*(table[name] for name in (*columns, *HOURS)))
            .where(self._at(keys))
            .order_by(*(table[name] for name in columns))
        )
        if self._dialect != "sqlite":
            query = query.with_for_update()
        rows: Iterable[Any] = self._connection.execute(query)
        return {
            LedgerKey(Resource(kind, id), day): Minutes.of(hours).bits
            for kind, id, day, *hours in rows
        }

    def due(self, claim: Claim) -> list[Claim] | None:
        """What the booking of a claim takes of its resource from its start on; None: no sense.

        The booking is locked by a write, which holds on a Galera cluster too.
        """
        table = self._tables.booking
        here = sa.and_(
            table.c.practice == self._practice,
            table.c.kind == CLAIMED_BY[claim.kind].value,
            table.c.id == claim.id,
            table.c.version > 0,
        )
        self._connection.execute(sa.update(table).where(here).values(touched=table.c.touched + 1))
        columns = (table.c[name] for name in BookingRow._fields)
        row = self._connection.execute(sa.select(*columns).where(here)).one_or_none()
        if row is None:
            return []
        due = due_of(BookingRow(*row))
        if due is None:
            return None
        return [one for one in due.claims if (one.resource, one.low) == (claim.resource, claim.low)]

    def settle(self, claim: Claim, due: Sequence[Claim]) -> None:
        """Make the claims of a booking from a start on those that are due there."""
        table = self._tables.claim
        (row,) = claim_rows([claim])
        here = (
            table.c.practice == self._practice,
            table.c.resource_kind == row.resource_kind,
            table.c.resource_id == row.resource_id,
            table.c.low == row.low,
            # What has the key of one of its claims is in its way, whatever it says.
            sa.or_(
                sa.and_(table.c.kind == row.kind, table.c.id == row.id), table.c.token == row.token
            ),
        )
        found = set(self._claims(*here))
        wanted = set(claim_rows(due))
        for one in sorted(found - wanted, key=lambda row: (row.days, row.token)):
            key = (table.c.days == one.days, table.c.token == one.token)
            self._connection.execute(sa.delete(table).where(*here, *key))
        rows = [{"practice": self._practice, **one._asdict()} for one in wanted - found]
        if rows:
            self._connection.execute(sa.insert(table), rows)

    def claimed(self, keys: Collection[LedgerKey]) -> dict[LedgerKey, int]:
        """The bits that the claims take of some rows."""
        found = set[Claim]()
        for resource, day in keys:
            low = day * DAY
            here = reaching(self._tables.claim, self._practice, [resource], low, low + DAY)
            found.update(claim for row in self._claims(here) if (claim := claim_in(row)))
        return {key: bits for key, bits in rows_of(found).items() if key in keys}

    def _claims(self, *here: sa.ColumnElement[bool]) -> list[ClaimRow]:
        """Some claims as they are, where a plain query might show what was."""
        columns = (self._tables.claim.c[name] for name in ClaimRow._fields)
        query = sa.select(*columns).where(*here)
        if self._dialect in ("mysql", "mariadb"):
            query = query.with_for_update(read=True)
        rows: Iterable[Any] = self._connection.execute(query)
        return [ClaimRow(*row) for row in rows]

    def put(self, minutes: dict[LedgerKey, int], due: dict[LedgerKey, int], *, free: bool) -> None:
        """Set what is due in rows that are locked; ``free``: and nothing else."""
        self._write(
            {key: due.get(key, 0) | (0 if free else bits) for key, bits in sorted(minutes.items())}
        )
