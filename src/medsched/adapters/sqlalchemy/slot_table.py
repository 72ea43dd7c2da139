"""Published slots in their own two tables: days with their stamps, and the slots of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from hashlib import blake2b
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection

from medsched.adapters.sqlalchemy.booked import BookingReader
from medsched.adapters.sqlalchemy.connections import CommitLost, Undone
from medsched.adapters.sqlalchemy.inserting import insert_if_missing
from medsched.adapters.sqlalchemy.locking import chunks, nameable
from medsched.domain.changes import Stale
from medsched.domain.published import PublishedDay, PublishedSlot
from medsched.domain.slots import SlotStatus
from medsched.errors import StorageBusy
from medsched.timeline.instants import date_of, day_of

T = TypeVar("T")

_TRIES: Final = 10


class SlotTableKeeper(BookingReader):
    """The part of a store that is a `SlotTable`."""

    def published_pairs(self, practice: str) -> Sequence[tuple[str, str]]:
        if not nameable(practice):
            return []
        table = self._tables.publication.c
        query = sa.select(table.provider, table.type).where(table.practice == practice).distinct()
        query = query.order_by(table.provider, table.type)
        with self._connections.reading("publications") as connection:
            return [(provider, type) for provider, type in connection.execute(query)]

    def published_days(
        self, practice: str, provider: str, type: str, first: date, last: date
    ) -> Mapping[date, PublishedDay]:
        if not all(map(nameable, (practice, provider, type))):
            return {}
        publication, slot = self._tables.publication.c, self._tables.slot.c
        here = self._of(practice, provider, type)
        query = sa.select(
            *(publication.token, publication.day, publication.start_at, publication.end_at),
            publication.stamp,
        ).where(*here, publication.day.between(day_of(first), day_of(last)))
        slots = sa.select(
            *(slot.publication, slot.slot_id, slot.location, slot.start_at, slot.end_at),
            *(slot.status, slot.seats_free, slot.patient, slot.created_at, slot.updated_at),
        ).order_by(slot.publication, slot.start_at)
        with self._connections.reading("publications", several=True) as connection:
            days = {row.token: row for row in connection.execute(query)}
            found: dict[str, list[PublishedSlot]] = {token: [] for token in days}
            for tokens in chunks(sorted(days)):
                those = slots.where(slot.practice == practice, slot.publication.in_(tokens))
                for row in connection.execute(those):
                    found[row.publication].append(_slot_of(row, provider, type))
        return {
            date_of(row.day): PublishedDay(
                provider=provider,
                type=type,
                date=date_of(row.day),
                start=row.start_at,
                end=row.end_at,
                stamp=row.stamp,
                slots=found[token],
            )
            for token, row in sorted(days.items(), key=lambda pair: pair[1].day)
        }

    def publish_day(self, practice: str, day: PublishedDay) -> None:
        self._written("publish slots", lambda connection: self._publish(connection, practice, day))

    def withdraw_days(
        self, practice: str, provider: str, type: str, *, kept: tuple[date, date] | None = None
    ) -> int:
        if not all(map(nameable, (practice, provider, type))):
            return 0
        table = self._tables.publication.c
        query = sa.select(table.token).where(*self._of(practice, provider, type))
        if kept is not None:
            first, last = map(day_of, kept)
            query = query.where(sa.or_(table.day < first, table.day > last))

        def withdraw(connection: Connection) -> int:
            tokens = sorted(connection.scalars(query))
            self._forget_days(connection, practice, tokens)
            return len(tokens)

        return self._written("withdraw slots", withdraw)

    # -------------------------------------------------------------------- statements

    def _of(self, practice: str, provider: str, type: str) -> list[sa.ColumnElement[bool]]:
        table = self._tables.publication.c
        return [table.practice == practice, table.provider == provider, table.type == type]

    def _publish(self, connection: Connection, practice: str, day: PublishedDay) -> None:
        publication, slot = self._tables.publication, self._tables.slot
        token = _token(day)
        # This row first: so rivals for one date wait for each other here.
        row = {
            "provider": day.provider,
            "type": day.type,
            "day": day_of(day.date),
            "start_at": day.start,
            "end_at": day.end,
            "stamp": day.stamp,
        }
        update = sa.update(publication).values(row)
        update = update.where(publication.c.practice == practice, publication.c.token == token)
        if connection.execute(update).rowcount != 1:
            insert_if_missing(
                connection, publication, {"practice": practice, "token": token, **row}
            )
            if connection.execute(update).rowcount != 1:  # it was withdrawn just now
                raise Undone(Stale())
        here = (slot.c.practice == practice, slot.c.publication == token)
        connection.execute(sa.delete(slot).where(*here))
        others = sa.select(slot.c.publication).where(
            slot.c.practice == practice,
            slot.c.provider == day.provider,
            slot.c.type == day.type,
            slot.c.start_at >= day.start,
            slot.c.start_at < day.end,
        )
        self._forget_days(connection, practice, sorted(set(connection.scalars(others))))
        if day.slots:
            rows = [_row(practice, token, one) for one in day.slots]
            connection.execute(sa.insert(slot), rows)

    def _forget_days(self, connection: Connection, practice: str, tokens: Sequence[str]) -> None:
        publication, slot = self._tables.publication, self._tables.slot
        for some in chunks(tokens):
            for table, column in ((publication, publication.c.token), (slot, slot.c.publication)):
                here = (table.c.practice == practice, column.in_(some))
                connection.execute(sa.delete(table).where(*here))

    def _written(self, operation: str, work: Callable[[Connection], T]) -> T:
        """Do it in a transaction; again if others were first, for done twice it is done once."""
        for _ in range(_TRIES):
            try:
                with self._connections.writing(operation) as connection:
                    return work(connection)
            except CommitLost as lost:
                if lost.answered:
                    raise lost.failure() from lost.__cause__
            except Undone:
                pass
        raise StorageBusy(operation, _TRIES)


def _token(day: PublishedDay) -> str:
    """What names a day, in few letters: provider and type are too long for one key together."""
    said = repr((day.provider, day.type, day.date.toordinal()))
    return blake2b(said.encode(), digest_size=16).hexdigest()


def _row(practice: str, token: str, one: PublishedSlot) -> dict[str, Any]:
    return {
        "practice": practice,
        "publication": token,
        "slot_id": one.slot_id,
        "provider": one.provider,
        "type": one.type,
        "location": one.location,
        "start_at": one.start,
        "end_at": one.end,
        "status": one.status.value,
        "seats_free": one.seats_free,
        "patient": one.patient,
        "created_at": one.created_at,
        "updated_at": one.updated_at,
    }


def _slot_of(row: Any, provider: str, type: str) -> PublishedSlot:
    return PublishedSlot(
        slot_id=row.slot_id,
        provider=provider,
        type=type,
        location=row.location,
        start=row.start_at,
        end=row.end_at,
        status=SlotStatus(row.status),
        seats_free=row.seats_free,
        patient=row.patient,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
