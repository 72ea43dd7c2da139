"""The sealer: entries are chained once they are committed, one caller at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection

from medsched.adapters.sqlalchemy.audit_writing import QUEUED
from medsched.adapters.sqlalchemy.locking import all_met, chunks
from medsched.adapters.sqlalchemy.schema import Tables
from medsched.domain.audit_chain import SIX_YEARS, START, Checkpoint, link
from medsched.domain.audit_rows import AuditRow, MacKey

_AT_ONCE: Final = 1000
_BLANK: Final[Mapping[str, Any]] = {
    "number": 0,
    "digest": START,
    "shipped": 0,
    "pruned": 0,
    "anchor": None,
    "retention": SIX_YEARS.days,
}
"""A head before the first link."""


def seal_some(connection: Connection, tables: Tables, practice: str, key: MacKey) -> int:
    """Chain at most a thousand entries of a practice; how many there were.

    The queue is in the order in which they were recorded. As with events, of two changesets that
    could not have been applied in the other order the later one's entries are seen here only
    together with the earlier one's, or after them.
    """
    head = locked_head(connection, tables, practice)
    number, digest = head["number"], head["digest"]
    queue = tables.audit_unsealed
    query = (
        sa.select(*(queue.c[name] for name in QUEUED[1:]))
        .where(queue.c.practice == practice)
        .order_by(*(queue.c[name] for name in QUEUED[1:-1]))
        .limit(_AT_ONCE)
    )
    waiting = connection.execute(query).all()
    rows = entries_of(connection, tables, practice, [one.entry for one in waiting])
    if not waiting:
        return 0
    links = list[dict[str, Any]]()
    for one in waiting:
        number += 1
        # One whose row is gone is chained as well: that it was there shall be known.
        row = rows.get(one.entry)
        mac, recorded_at = (None, None) if row is None else (row.mac, row.recorded_at)
        digest = link(
            *(practice, digest, number, one.entry, _plain(mac), _plain(recorded_at)), key.secret
        )
        links.append({"number": number, "digest": digest, "entry": one.entry})
    same = {"practice": practice, "mac_key": key.number}
    connection.execute(sa.insert(tables.audit_chain), [{**same, **one} for one in links])
    keys = QUEUED[1:-1]
    gone = sa.delete(queue).where(
        queue.c.practice == practice,
        *(queue.c[name] == sa.bindparam(f"at_{name}") for name in keys),
    )
    here = [{f"at_{name}": getattr(one, name) for name in keys} for one in waiting]
    all_met(connection.execute(gone, here), len(here))
    update_head(connection, tables, practice, number=number, digest=digest)
    return len(waiting)


def entries_of(
    connection: Connection, tables: Tables, practice: str, ids: Sequence[str]
) -> dict[str, AuditRow]:
    """Entries by their ids, each found by its key.

    Not a join: a database that has not counted its rows yet looks through all of them for each.
    """
    table, found = tables.audit, dict[str, AuditRow]()
    query = sa.select(*(table.c[name] for name in AuditRow._fields))
    with leniently(connection):
        for some in chunks(ids):
            here = query.where(table.c.practice == practice, table.c.id.in_(some))
            rows = connection.execute(here)
            found |= {row.id: AuditRow(*row) for row in rows}
    return found


def locked_head(connection: Connection, tables: Tables, practice: str) -> Mapping[str, Any]:
    """The head of a practice, made if need be, and locked until the end of the transaction."""
    head = tables.audit_head
    query = sa.select(*(head.c[name] for name in _BLANK)).where(head.c.practice == practice)
    if connection.dialect.name != "sqlite":
        query = query.with_for_update()
    found = connection.execute(query).mappings().one_or_none()
    if found is None:
        connection.execute(sa.insert(head).values(practice=practice, **_BLANK))
        return _BLANK
    return dict(found)


def update_head(connection: Connection, tables: Tables, practice: str, **values: int | str) -> None:
    """Change the head, which is locked."""
    head = tables.audit_head
    connection.execute(sa.update(head).where(head.c.practice == practice).values(**values))


def set_anchor(connection: Connection, tables: Tables, practice: str, anchor: Checkpoint) -> None:
    """Let what is kept begin after a checkpoint."""
    if locked_head(connection, tables, practice)["pruned"] < anchor.number:
        update_head(connection, tables, practice, pruned=anchor.number, anchor=anchor.to_json())


def prune_some(connection: Connection, tables: Tables, practice: str) -> tuple[int, int]:
    """Remove at most a thousand links before the anchor, and their entries; how many of each."""
    pruned = locked_head(connection, tables, practice)["pruned"]
    chain, audit = tables.audit_chain, tables.audit
    query = sa.select(chain.c.number, chain.c.entry).where(
        chain.c.practice == practice, chain.c.number <= pruned
    )
    gone = connection.execute(query.order_by(chain.c.number).limit(_AT_ONCE)).all()
    entries = 0
    for some in chunks(gone):
        # The entries first: a link without its entry may go, an entry without its link may not.
        ids, numbers = [one.entry for one in some], [one.number for one in some]
        here = (audit.c.practice == practice, audit.c.id.in_(ids))
        entries += connection.execute(sa.delete(audit).where(*here)).rowcount
        there = (chain.c.practice == practice, chain.c.number.in_(numbers))
        connection.execute(sa.delete(chain).where(*there))
    return len(gone), entries


@contextmanager
def leniently(connection: Connection) -> Iterator[None]:
    """Read texts even where somebody has made them unreadable: SQLite keeps any bytes.

    What is no UTF-8 is read as some text that was never written, and so does not pass.
    """
    raw: Any = connection.connection.driver_connection
    if connection.dialect.name != "sqlite" or not hasattr(raw, "text_factory"):
        yield
        return
    kept, raw.text_factory = raw.text_factory, _text
    try:
        yield
    finally:
        raw.text_factory = kept


def _text(bytes: bytes) -> str:
    return bytes.decode("utf-8", "surrogateescape")


def _plain(value: Any) -> Any:
    """A value that can be chained, whatever somebody has put there."""
    return value if isinstance(value, str | int | None) else repr(value)
