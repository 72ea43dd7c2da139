"""Reading what is booked: claims, ledger, agendas, receipts and events."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final, cast

import attrs
import sqlalchemy as sa
from sqlalchemy import Connection

from medsched.adapters.sqlalchemy.agendas import asked_for, in_order
from medsched.adapters.sqlalchemy.claim_query import claims_between
from medsched.adapters.sqlalchemy.connections import CommitLost, Undone
from medsched.adapters.sqlalchemy.ledgers import ledger_row
from medsched.adapters.sqlalchemy.locking import chunks, key_of, nameable, named
from medsched.adapters.sqlalchemy.reaching import Reaching, is_limited, parts_of
from medsched.adapters.sqlalchemy.reading import Found, RecordReader, found_in
from medsched.adapters.sqlalchemy.results import unpacked
from medsched.adapters.sqlalchemy.schema import HOURS
from medsched.adapters.sqlalchemy.sequencing import number_some
from medsched.adapters.sqlalchemy.taken_query import (
    Wanted,
    can_at_once,
    taken_at_once,
    taken_step_by_step,
)
from medsched.adapters.sqlalchemy.touching import NOTHING, touched_of
from medsched.domain.access import EVERYTHING, Reach
from medsched.domain.agendas import Agenda, Place
from medsched.domain.appointments import Appointment
from medsched.domain.availability_changes import NumberedTouch
from medsched.domain.claims import Claim
from medsched.domain.events import Event, NumberedEvent
from medsched.domain.holds import Hold
from medsched.domain.idempotency import KEPT_FOR, Receipt
from medsched.domain.ledger import LedgerKey
from medsched.domain.records import Resource, Resources
from medsched.domain.stored import Kind
from medsched.errors import StorageBusy
from medsched.ports.store import Taken

_AROUND: Final = 50
"""How many resources one query for claims names."""
_NUMBERING: Final = 100
"""How often events are numbered again after somebody else numbered them at the same moment."""


@attrs.frozen
class KeptReceipt:
    """A receipt that was read, and what the record in it needs of the database."""

    digest: str
    found: Found

    def receipt(self) -> Receipt:
        """The receipt; `KeyDestroyed`."""
        records = self.found.records(strict=True)
        return Receipt(self.digest, records[0] if records else None)


class BookingReader(RecordReader):
    """The readers of a store for what is booked, and for what follows from it."""

    def claims(
        self, practice: str, resources: Collection[Resource], low: int, high: int
    ) -> Sequence[Claim]:
        found: list[Claim] = []
        wanted = sorted(one for one in set(resources) if nameable(one.id))
        parts = list(chunks(wanted, _AROUND)) if nameable(practice) else []
        if parts:
            with self._connections.reading("claims", several=len(parts) > 1) as connection:
                for part in parts:
                    found += claims_between(connection, self._tables, practice, part, low, high)
        return found

    def ledger(
        self, practice: str, resources: Collection[Resource], first: int, last: int
    ) -> Mapping[LedgerKey, int]:
        table = self._tables.ledger
        columns = [table.c[name] for name in ("resource_kind", "resource_id", "day", *HOURS)]
        query = sa.select(*columns).where(table.c.day.between(first, last))
        found: dict[LedgerKey, int] = {}
        parts = list(chunks(sorted({key_of(one) for one in resources})))
        if parts and nameable(practice):
            with self._connections.reading("ledger", several=len(parts) > 1) as connection:
                for part in parts:
                    here = named(table, practice, part, "resource_")
                    rows = map(ledger_row, connection.execute(query.where(here)))
                    found |= {key: bits for key, bits in rows if bits}
        return found

    def taken(
        self,
        practice: str,
        resources: Collection[Resource],
        first: int,
        last: int,
        *,
        hours: tuple[int, int] = (0, 24),
        now: datetime,
    ) -> Taken:
        if not nameable(practice):
            return Taken(0, {}, ())
        if not isinstance(resources, Resources):
            resources = Resources(resources)
        if not resources.printable:
            resources = Resources(one for one in resources if nameable(one.id))
        wanted = Wanted(practice, resources, first, last, hours, now)
        if self._connections.dialect == "postgresql":
            with self._connections.reading("taken") as connection:
                if can_at_once(connection):
                    return taken_at_once(connection, self._tables, wanted)
        with self._connections.reading("taken", several=True) as connection:
            return taken_step_by_step(connection, self._tables, wanted)

    def appointments(
        self,
        practice: str,
        agenda: Agenda,
        *,
        after: Place | None,
        limit: int,
        skip: int = 0,
        within: Reach = EVERYTHING,
    ) -> Sequence[Appointment]:
        if not nameable(practice):
            return []
        kept = self._kept[True]
        # No id is what no record can be called, so where that stands is looked for here.
        askable = after is None or nameable(after.id)
        here = asked_for(self._tables, practice, agenda, after if askable else None)
        if here is None:
            return []
        query = in_order(kept.table, kept.query.where(here), agenda)
        parts = parts_of(within) if is_limited(within, Kind.APPOINTMENT) else None
        # Where several queries find it, or none can say where it begins, that is cut off here.
        left = 0 if askable and (parts is None or len(parts) == 1) else skip
        if askable:
            query = query.limit(limit + left).offset(skip - left or None)
        if parts is not None:
            appointments = self._within(practice, agenda, query, parts)
        else:
            with self._connections.reading("appointments") as connection:
                found = kept.read(connection, practice, query)
            appointments = cast("list[Appointment]", found.records())
        if after is None or askable:
            return appointments[left : left + limit]
        beyond = (
            one
            for one in appointments
            if (agenda.place(one) < after if agenda.descending else agenda.place(one) > after)
        )
        return list(islice(beyond, left, left + limit))

    def count_appointments(
        self, practice: str, agenda: Agenda, *, within: Reach = EVERYTHING
    ) -> int:
        here = asked_for(self._tables, practice, agenda, None) if nameable(practice) else None
        if here is None:
            return 0
        table = self._tables.booking
        counted = sa.select(sa.func.count()).select_from(table).where(here, table.c.version > 0)
        if not is_limited(within, Kind.APPOINTMENT):
            with self._connections.reading("count") as connection:
                return int(connection.scalar(counted) or 0)
        those = [
            Reaching(self._tables, practice, part).those(Kind.APPOINTMENT)
            for part in parts_of(within)
        ]
        with self._connections.reading("count", several=len(those) > 1) as connection:
            if len(those) == 1:
                return int(connection.scalar(counted.where(those[0])) or 0)
            query, ids = sa.select(table.c.id).where(here, table.c.version > 0), set[str]()
            for part in those:  # two of them may find the same one
                ids.update(connection.scalars(query.where(part)))
            return len(ids)

    def _within(
        self, practice: str, agenda: Agenda, query: sa.Select[Any], parts: Sequence[Reach]
    ) -> list[Appointment]:
        """What a query finds that a reach reaches, in order: no part of a reach finds more."""
        read = list[Found]()
        with self._connections.reading("appointments", several=len(parts) > 1) as connection:
            for part in parts:
                reaching = Reaching(self._tables, practice, part)
                those = query.where(reaching.those(Kind.APPOINTMENT))
                read.append(self._kept[True].read(connection, practice, those))
        found = [one for some in read for one in cast("list[Appointment]", some.records())]
        if len(parts) <= 1:
            return found
        once = {one.id: one for one in found}.values()
        return sorted(once, key=agenda.place, reverse=agenda.descending)

    def expired_holds(self, practice: str, now: datetime, *, limit: int) -> Sequence[Hold]:
        if not nameable(practice):
            return []
        kept = self._kept[True]
        table = kept.table.c
        query = kept.query.where(
            table.practice == practice, table.kind == Kind.HOLD.value, table.expires_at <= now
        )
        query = query.order_by(table.expires_at, table.id).limit(limit)
        with self._connections.reading("holds") as connection:
            found = kept.read(connection, practice, query)
        return cast("list[Hold]", found.records())

    def tallies(self, practice: str, names: Collection[str]) -> Mapping[str, int]:
        table, found = self._tables.tally.c, dict.fromkeys(names, 0)
        parts = list(chunks(sorted(name for name in found if nameable(name))))
        if parts and nameable(practice):
            query = sa.select(table.name, table.count).where(table.practice == practice)
            with self._connections.reading("tallies", several=len(parts) > 1) as connection:
                for part in parts:
                    rows = connection.execute(query.where(table.name.in_(part)))
                    found |= {row.name: row.count for row in rows}
        return found

    def receipt(self, practice: str, scope: str, now: datetime) -> Receipt | None:
        if not (nameable(practice) and nameable(scope)):
            return None
        table = self._tables.receipt.c
        query = sa.select(table.digest, table.document).where(
            table.practice == practice, table.scope == scope, table.made_at > now - KEPT_FOR
        )
        with self._connections.reading("receipt") as connection:
            row = connection.execute(query).one_or_none()
            if row is None:
                return None
            kept = self._receipt(connection, practice, scope, row.digest, row.document)
        return kept.receipt()

    def _receipt(
        self, connection: Connection, practice: str, scope: str, digest: str, document: str | None
    ) -> KeptReceipt:
        """A receipt as it is kept."""
        rows = [] if document is None else [unpacked(document)]
        return KeptReceipt(digest, found_in(self._documents, connection, practice, rows, scope))

    def forget_receipts(self, practice: str, before: datetime) -> int:
        if not nameable(practice):
            return 0
        table = self._tables.receipt
        here = (table.c.practice == practice, table.c.made_at < before)
        try:
            with self._connections.writing("forget") as connection:
                return connection.execute(sa.delete(table).where(*here)).rowcount
        except Undone:
            raise StorageBusy("forget receipts", 1) from None

    # --------------------------------------------------------------------- events

    def number_events(self, practice: str) -> int:
        if not nameable(practice):
            return 0
        event, sequence = self._tables.event.c, self._tables.sequence
        waiting = sa.select(event.position).where(
            event.practice == practice, event.number.is_(None)
        )
        last = sa.select(sequence.c.last).where(sequence.c.practice == practice)
        with self._connections.reading("events") as connection:
            if connection.execute(waiting.limit(1)).first() is None:
                return connection.scalar(last) or 0
        busy = 0
        while busy < _NUMBERING:
            try:
                with self._connections.writing("number events", fresh=True) as connection:
                    more, number = number_some(connection, self._tables, practice)
            except Undone:  # somebody else was numbering them, too
                busy += 1
            except CommitLost as lost:  # if it was done, there is nothing left to do
                if lost.answered:
                    raise lost.failure() from lost.__cause__
                busy += 1
            else:
                if not more:
                    return number
        raise StorageBusy("number events", busy)

    def events(self, practice: str, *, after: int, limit: int) -> Sequence[NumberedEvent]:
        if not nameable(practice):
            return []
        table = self._tables.event.c
        columns = (table.number, table.name, table.kind, table.record, table.version, table.format)
        query = (
            sa.select(*columns)
            .where(table.practice == practice, table.number > after)
            .order_by(table.number)
            .limit(limit)
        )
        with self._connections.reading("events") as connection:
            return [
                NumberedEvent(
                    number, Event(name=name, kind=Kind(kind), id=id, version=version, schema=format)
                )
                for number, name, kind, id, version, format in connection.execute(query)
            ]

    def changes(self, practice: str, *, after: int, limit: int) -> Sequence[NumberedTouch]:
        if not nameable(practice):
            return []
        table = self._tables.event.c
        query = (
            sa.select(table.number, table.touched)
            .where(table.practice == practice, table.number > after, table.position == 0)
            .where(sa.or_(table.touched.is_(None), table.touched != NOTHING))
            .order_by(table.number)
            .limit(limit)
        )
        with self._connections.reading("changes") as connection:
            rows = connection.execute(query).all()
        return [NumberedTouch(number, touched_of(text)) for number, text in rows]
