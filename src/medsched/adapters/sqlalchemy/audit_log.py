"""The audit in the database: a store's `AuditLog`, and where its entries come in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, RowMapping

from medsched.adapters.audit.keeping import AuditKeeping, KeptKey
from medsched.adapters.sqlalchemy.audit_chaining import (
    entries_of,
    is_text,
    is_whole,
    leniently,
    locked_head,
    prune_to,
    seal_some,
    strays_of,
    update_head,
)
from medsched.adapters.sqlalchemy.audit_writing import write_audit
from medsched.adapters.sqlalchemy.connections import (
    CommitLost,
    Connections,
    Undone,
    engine_of,
)
from medsched.adapters.sqlalchemy.documents import Documents
from medsched.adapters.sqlalchemy.joining import Joined
from medsched.adapters.sqlalchemy.locking import nameable
from medsched.adapters.sqlalchemy.repeating import repeated
from medsched.adapters.sqlalchemy.schema import Tables, tables
from medsched.adapters.sqlalchemy.slot_table import SlotTableKeeper
from medsched.adapters.surroundings import standard
from medsched.domain.audit import AuditEntry
from medsched.domain.audit_chain import LONGEST, Anchor, AuditHead, ChainedRow
from medsched.domain.audit_rows import AuditRow, MacKey, audit_row
from medsched.errors import AuditNotKept, InvalidChoice, StorageBusy
from medsched.ports.audit_log import AuditKeys, Seen, Strays
from medsched.ports.surroundings import Surroundings

_Result = TypeVar("_Result")
_SEALING: Final = 100
"""How often entries are sealed again after somebody else sealed them at the same moment."""
_SMALLEST: Final = -(2**63)
"""The smallest number that a database can hold."""
_KEY_COLUMNS: Final = ("purpose", "number", "wrapped_by", "wrapped", "public")


class AuditLogKeeper(SlotTableKeeper):
    """The part of a store that is an `AuditLog`."""

    _surroundings: Surroundings

    def __init__(
        self,
        connections: Connections,
        tables: Tables,
        documents: Documents,
        audit: AuditKeeping | None,
    ) -> None:
        super().__init__(connections, tables, documents)
        self._keeping = audit
        self._opened: dict[str, AuditKeys] = {}
        self._unaudited = set[str]()

    @property
    def audited(self) -> bool:
        return self._keeping is not None

    def record(self, entries: Sequence[AuditEntry]) -> None:
        if not entries or not self.audited:
            return
        rows = self._audit_rows(entries[0].practice, entries, uuid4().hex)
        table, own, tried = self._tables.audit.c, rows[0], list[bool]()
        query = sa.select(table.mac).where(table.practice == own.practice, table.id == own.id)

        def write(connection: Connection) -> None:
            # A COMMIT whose answer was lost may have come through: then it is there.
            if not tried or connection.scalar(query) != own.mac:
                tried.append(True)
                write_audit(connection, self._tables, rows)

        alone = self._connections.dialect == "postgresql"
        self._repeated("record", write, at_once=alone, fresh=False)

    def _audit_rows(
        self, practice: str, entries: Sequence[AuditEntry], changeset: str
    ) -> tuple[AuditRow, ...]:
        """The rows of entries, if an audit is kept; `KeyUnavailable` before anything is written."""
        if not entries or not self.audited:
            return ()
        if any(entry.practice != practice for entry in entries):
            raise InvalidChoice("audits", "…", "all entries are of one practice")
        key = self._mac_key(practice)
        return tuple(
            audit_row(entry, changeset, position, key) for position, entry in enumerate(entries)
        )

    # -------------------------------------------------------------------------- keys

    def audit_keys(self, practice: str) -> AuditKeys:
        keeping = self._keeping
        if keeping is None:
            raise AuditNotKept(type(self).__name__)
        if (opened := self._opened.get(practice)) is not None:
            return opened
        kept = self._kept_keys(practice)
        if not kept:
            made = keeping.new(practice)
            self._repeated(
                "audit keys", lambda found: self._keep_keys(found, practice, made), fresh=False
            )
            kept = self._kept_keys(practice)
        opened = keeping.open(practice, kept)
        # A host may take back what was made in its transaction, and then it is no key.
        if not isinstance(self._connections, Joined):
            self._opened[practice] = opened
        return opened

    def kept_audit_keys(self, practice: str) -> AuditKeys | None:
        if self._keeping is None:
            raise AuditNotKept(type(self).__name__)
        kept = self._kept_keys(practice) if nameable(practice) else []
        return self._keeping.open(practice, kept) if kept else None

    def _refuse_unaudited(self, practice: str) -> None:
        """`AuditNotKept` where an audit of the practice is kept, and this store was given none.

        It is asked once of each practice: whoever begins an audit stops those who keep none.
        """
        if self.audited or practice in self._unaudited:
            return
        if nameable(practice) and self._kept_keys(practice):
            raise AuditNotKept(type(self).__name__)
        self._unaudited.add(practice)

    def _mac_key(self, practice: str) -> MacKey:
        macs = self.audit_keys(practice).macs
        number = max(macs)
        return MacKey(number, macs[number])

    def _kept_keys(self, practice: str) -> list[KeptKey]:
        table = self._tables.audit_key
        query = sa.select(*(table.c[name] for name in _KEY_COLUMNS)).where(
            table.c.practice == practice
        )
        with self._connections.reading("audit keys") as connection, leniently(connection):
            return [KeptKey(*row) for row in connection.execute(query)]

    def _keep_keys(self, connection: Connection, practice: str, made: Sequence[KeptKey]) -> None:
        """Keep new keys, unless somebody else's are there by now."""
        table = self._tables.audit_key
        there = sa.select(table.c.number).where(table.c.practice == practice)
        if connection.execute(there.limit(1)).first() is None:
            now = datetime.now(UTC)
            rows = [{"practice": practice, "created_at": now, **one._asdict()} for one in made]
            connection.execute(sa.insert(table), rows)

    # ------------------------------------------------------------------------ reading

    def audit_head(self, practice: str) -> AuditHead:
        if not nameable(practice):
            return AuditHead()
        table = self._tables.audit_head
        with self._connections.reading("audit") as connection, leniently(connection):
            query = sa.select(table).where(table.c.practice == practice)
            row = connection.execute(query).one_or_none()
        return AuditHead() if row is None else _head(practice, row._mapping)

    def sealed_audit(self, practice: str, *, after: int, limit: int) -> Sequence[ChainedRow]:
        if not nameable(practice):
            return []
        chain = self._tables.audit_chain
        query = (
            sa.select(*(chain.c[name] for name in ("number", "mac_key", "digest", "entry")))
            .where(chain.c.practice == practice, chain.c.number > max(after, _SMALLEST))
            .order_by(chain.c.number)
            .limit(limit)
        )
        if self._connections.dialect == "sqlite":  # which keeps any value as a number
            query = query.where(sa.func.typeof(chain.c.number) == "integer")
        with self._connections.reading("audit", several=True) as connection:
            with leniently(connection):
                links = connection.execute(query).all()
            ids = [one.entry for one in links]
            rows = entries_of(connection, self._tables, practice, ids)
        return [
            ChainedRow(
                *(one.number, one.mac_key, _text(one.digest), _text(one.entry)),
                rows.get(one.entry),
            )
            for one in links
        ]

    def unsealed_audit(self, practice: str, *, after: str, limit: int) -> Sequence[AuditRow]:
        chain, audit = self._tables.audit_chain, self._tables.audit
        linked = sa.exists().where(
            chain.c.practice == audit.c.practice, chain.c.entry == audit.c.id
        )
        here = sa.and_(audit.c.practice == practice, audit.c.id > _given(after), ~linked)
        return self._rows(practice, here, (audit.c.id,), limit)

    def stray_audit(self, practice: str, *, limit: int) -> Strays:
        if not nameable(practice):
            return Strays()
        # Each is one statement: whoever seals meanwhile is seen by it as a whole or not at all.
        with self._connections.reading("audit") as connection:
            return strays_of(connection, self._tables, practice, limit)

    def audit_of(
        self,
        practice: str,
        patient: str,
        *,
        since: int,
        until: int | None,
        after: Seen | None,
        limit: int,
    ) -> Sequence[AuditRow]:
        if not nameable(patient):
            return []
        table = self._tables.audit.c
        here = [table.practice == practice, table.patient == patient, table.at >= since]
        if until is not None:
            here.append(table.at < until)
        if after is not None:
            later = sa.and_(table.at == after.at, table.id > after.id)
            here += [table.at >= after.at, sa.or_(table.at > after.at, later)]
        return self._rows(practice, sa.and_(*here), (table.at, table.id), limit)

    def _rows(
        self,
        practice: str,
        here: sa.ColumnElement[bool],
        order: Sequence[sa.Column[Any]],
        limit: int,
    ) -> list[AuditRow]:
        if not nameable(practice):
            return []
        columns = (self._tables.audit.c[name] for name in AuditRow._fields)
        query = sa.select(*columns).where(here).order_by(*order).limit(limit)
        with self._connections.reading("audit") as connection, leniently(connection):
            return [AuditRow(*row) for row in connection.execute(query)]

    # ----------------------------------------------------------------------- the chain

    def seal_audit(self, practice: str) -> int:
        if not nameable(practice):
            return 0
        queue = self._tables.audit_unsealed.c
        waiting = sa.select(sa.literal(1)).where(queue.practice == practice).limit(1)
        with self._connections.reading("seal") as connection:
            if connection.execute(waiting).first() is None:
                return 0
        key = self._mac_key(practice)
        return self._repeated(
            "seal", lambda found: seal_some(found, self._tables, practice, key), _SEALING
        )

    def audit_shipped(self, practice: str, number: int) -> None:
        def ship(connection: Connection) -> None:
            if locked_head(connection, self._tables, practice)["shipped"] < number:
                update_head(connection, self._tables, practice, shipped=number)

        self._repeated("ship", ship)

    def retain_audit(self, practice: str, period: timedelta) -> None:
        def retain(connection: Connection) -> None:
            if locked_head(connection, self._tables, practice)["retention"] < period.days:
                update_head(connection, self._tables, practice, retention=period.days)

        self._repeated("retain", retain)

    def prune_audit(self, practice: str, anchor: Anchor) -> int:
        return self._repeated(
            "prune", lambda found: prune_to(found, self._tables, practice, anchor)
        )

    def _repeated(
        self,
        operation: str,
        work: Callable[[Connection], _Result],
        tries: int = 0,
        *,
        at_once: bool = False,
        fresh: bool = True,
    ) -> _Result:
        """Do something in a transaction, ``at_once``: in one statement; in a host's own, once.

        Done a second time after it was done once, it must do nothing more.
        """
        opened = self._connections
        for tried in range(1, max(opened.retries, tries, 1) + 1):
            try:
                begun = (
                    opened.at_once(operation) if at_once else opened.writing(operation, fresh=fresh)
                )
                with begun as connection:
                    return work(connection)
            except CommitLost as lost:
                if lost.answered:
                    raise lost.failure() from lost.__cause__
            except Undone:
                if isinstance(opened, Joined):
                    raise StorageBusy(operation, 1) from None
            self._surroundings.pauses.pause(min(tried, 5))
        raise StorageBusy(operation, max(opened.retries, tries))


def _head(practice: str, kept: RowMapping) -> AuditHead:
    """The head that stands in a row; where that makes no sense, one that says so."""
    if not is_whole(kept):
        return AuditHead(retention=LONGEST, is_whole=False)
    pruned, text = kept["pruned"], kept["anchor"]
    anchor = None
    if pruned or text is not None:
        anchor = Anchor.kept(text or "", practice, pruned)
        if anchor.number != pruned:
            anchor = Anchor.kept("", practice, pruned)
    return AuditHead(
        number=kept["number"],
        digest=kept["digest"],
        shipped=kept["shipped"],
        anchor=anchor,
        retention=timedelta(days=kept["retention"]),
    )


def _text(value: Any) -> str:
    """What stands in a column of texts: SQLite keeps anything there."""
    return value if isinstance(value, str) else repr(value)


def _given(text: str) -> Any:
    """A text as a database takes it, though it may have come from bytes that are no UTF-8."""
    if not isinstance(text, str) or is_text(text):
        return text
    raw = text.encode("utf-8", "surrogateescape")
    return sa.cast(sa.literal(raw, sa.LargeBinary), sa.Text)


def rewrap_audit_keys(
    database: str | sa.URL | Engine, audit: AuditKeeping, *, schema: str | None = None
) -> int:
    """Wrap all keys of the audit anew, under the master key of today; how many were not.

    The keys themselves stay, and so does whatever they made. Each is done by itself, while the
    host is up; whoever is stopped runs it again. Raises what the `KeyProvider` raises, and
    `StorageError`.
    """
    engine, own = engine_of(database)
    try:
        connections, table = Connections(engine, own=own), tables(schema).audit_key
        pauses, count = standard().pauses, 0
        for here, values in _to_rewrap(connections, table, audit):
            rewrap = partial(_rewrap, table=table, here=here, values=values)
            count += repeated(connections, pauses, "rewrap", rewrap)
        return count
    finally:
        if own:
            engine.dispose()


def _to_rewrap(
    connections: Connections, table: sa.Table, audit: AuditKeeping
) -> Iterator[tuple[sa.ColumnElement[bool], dict[str, str]]]:
    query = sa.select(table.c.practice, *(table.c[name] for name in _KEY_COLUMNS))
    with connections.reading("rewrap") as connection:
        rows = connection.execute(query.order_by(*table.primary_key)).all()
    for practice, *columns in rows:
        old = KeptKey(*columns)
        new = audit.rewrapped(practice, old)
        if new is not None:
            here = sa.and_(
                table.c.practice == practice,
                table.c.purpose == old.purpose,
                table.c.number == old.number,
                table.c.wrapped == old.wrapped,
            )
            yield here, {"wrapped_by": new.wrapped_by, "wrapped": new.wrapped}


def _rewrap(
    connection: Connection, table: sa.Table, here: sa.ColumnElement[bool], values: dict[str, str]
) -> int:
    return connection.execute(sa.update(table).where(here).values(values)).rowcount
