"""The sealer: entries are chained once they are committed, one caller at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping

from medsched.adapters.sqlalchemy.audit_writing import QUEUED
from medsched.adapters.sqlalchemy.locking import all_met, chunks
from medsched.adapters.sqlalchemy.schema import Tables
from medsched.domain.audit_chain import LONGEST, SIX_YEARS, START, Anchor, link
from medsched.domain.audit_rows import AuditRow, MacKey
from medsched.errors import AuditDamaged
from medsched.ports.audit_log import Strays

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
    _check_end(connection, tables, practice, number)
    waiting = _waiting(connection, tables, practice)
    if not waiting:
        return 0
    ids = [one.entry for one in waiting]
    linked, links = _linked(connection, tables, practice, ids), list[dict[str, Any]]()
    rows = entries_of(connection, tables, practice, ids)
    for entry in ids:
        if entry in linked:  # it has its link, and only ceases to wait
            continue
        linked.add(entry)
        number += 1
        # One whose row is gone is chained as well: that it was there shall be known.
        row = rows.get(entry)
        mac, recorded_at = (None, None) if row is None else (row.mac, row.recorded_at)
        digest = link(
            *(practice, digest, number, entry, _plain(mac), _plain(recorded_at)), key.secret
        )
        links.append({"number": number, "digest": digest, "entry": entry})
    if links:
        same = {"practice": practice, "mac_key": key.number}
        connection.execute(sa.insert(tables.audit_chain), [{**same, **one} for one in links])
    keys, queue = QUEUED[1:-1], tables.audit_unsealed
    gone = sa.delete(queue).where(
        queue.c.practice == practice,
        *(queue.c[name] == sa.bindparam(f"at_{name}") for name in keys),
    )
    here = [{f"at_{name}": getattr(one, name) for name in keys} for one in waiting]
    all_met(connection.execute(gone, here), len(here))
    update_head(connection, tables, practice, number=number, digest=digest)
    return len(waiting)


def _check_end(connection: Connection, tables: Tables, practice: str, number: int) -> None:
    """`AuditDamaged` where there are links after the head, which is locked."""
    chain = tables.audit_chain
    query = sa.select(chain.c.number).where(chain.c.practice == practice, chain.c.number > number)
    found = connection.execute(query.limit(1)).first()
    if found is not None:
        raise AuditDamaged(f"number {found.number!r} of the chain")


def _waiting(connection: Connection, tables: Tables, practice: str) -> Sequence[Any]:
    """What stands in the queue first; `AuditDamaged` where that cannot be read."""
    queue = tables.audit_unsealed
    query = (
        sa.select(*(queue.c[name] for name in QUEUED[1:]))
        .where(queue.c.practice == practice)
        .order_by(*(queue.c[name] for name in QUEUED[1:-1]))
        .limit(_AT_ONCE)
    )
    with leniently(connection):
        waiting = connection.execute(query).all()
    for one in waiting:
        numbers = type(one.recorded_at) is type(one.position) is int
        if not (numbers and is_text(one.changeset) and is_text(one.entry)):
            raise AuditDamaged(f"{one.entry!r} in the queue")
    return waiting


def _linked(connection: Connection, tables: Tables, practice: str, ids: Sequence[str]) -> set[str]:
    """Those entries that have a link."""
    chain, found = tables.audit_chain, set[str]()
    query = sa.select(chain.c.entry).where(chain.c.practice == practice)
    for some in chunks(ids):
        found.update(connection.scalars(query.where(chain.c.entry.in_(some))))
    return found


def entries_of(
    connection: Connection, tables: Tables, practice: str, ids: Sequence[str]
) -> dict[str, AuditRow]:
    """Entries by their ids, each found by its key.

    Not a join: a database that has not counted its rows yet looks through all of them for each.
    """
    table, found = tables.audit, dict[str, AuditRow]()
    query = sa.select(*(table.c[name] for name in AuditRow._fields))
    with leniently(connection):
        for some in chunks([id for id in ids if is_text(id)]):
            here = query.where(table.c.practice == practice, table.c.id.in_(some))
            rows = connection.execute(here)
            found |= {row.id: AuditRow(*row) for row in rows}
    return found


def locked_head(connection: Connection, tables: Tables, practice: str) -> Mapping[str, Any]:
    """The head of a practice, made if need be, and locked until the end of the transaction.

    `AuditDamaged` where it cannot be read.
    """
    head = tables.audit_head
    query = sa.select(*(head.c[name] for name in _BLANK)).where(head.c.practice == practice)
    if connection.dialect.name != "sqlite":
        query = query.with_for_update()
    with leniently(connection):
        found = connection.execute(query).mappings().one_or_none()
    if found is None:
        connection.execute(sa.insert(head).values(practice=practice, **_BLANK))
        return _BLANK
    if not is_whole(found):
        raise AuditDamaged("head of the chain")
    return {name: found[name] for name in _BLANK}


def update_head(connection: Connection, tables: Tables, practice: str, **values: int | str) -> None:
    """Change the head, which is locked."""
    head = tables.audit_head
    connection.execute(sa.update(head).where(head.c.practice == practice).values(**values))


def is_whole(head: RowMapping) -> bool:
    """Whether a head has the types that it was written with: SQLite keeps any."""
    numbers = (head[name] for name in ("number", "shipped", "pruned", "retention"))
    return (
        all(type(one) is int for one in numbers)
        and is_text(head["digest"])
        and (head["anchor"] is None or is_text(head["anchor"]))
        and SIX_YEARS.days <= head["retention"] <= LONGEST.days
    )


def prune_to(connection: Connection, tables: Tables, practice: str, anchor: Anchor) -> int:
    """Let what is kept begin after an anchor, and remove what is before; how many entries."""
    if locked_head(connection, tables, practice)["pruned"] >= anchor.number:
        return 0
    update_head(connection, tables, practice, pruned=anchor.number, anchor=anchor.to_json())
    chain, audit = tables.audit_chain, tables.audit
    query = sa.select(chain.c.number, chain.c.entry).where(
        chain.c.practice == practice, chain.c.number <= anchor.number
    )
    entries = 0
    for some in chunks(connection.execute(query.order_by(chain.c.number)).all()):
        # The entries first: a link without its entry may go, an entry without its link may not.
        ids, numbers = [one.entry for one in some], [one.number for one in some]
        here = (audit.c.practice == practice, audit.c.id.in_(ids))
        entries += connection.execute(sa.delete(audit).where(*here)).rowcount
        there = (chain.c.practice == practice, chain.c.number.in_(numbers))
        connection.execute(sa.delete(chain).where(*there))
    return entries


def strays_of(connection: Connection, tables: Tables, practice: str, limit: int) -> Strays:
    """The entries that are neither in the chain nor in the queue, and those that are in both."""
    audit, chain, queue = tables.audit, tables.audit_chain, tables.audit_unsealed
    linked = sa.exists().where(chain.c.practice == audit.c.practice, chain.c.entry == audit.c.id)
    if connection.dialect.name == "sqlite":  # which keeps any value as a number
        linked = linked.where(sa.func.typeof(chain.c.number) == "integer")
    waits = sa.exists().where(
        queue.c.practice == audit.c.practice,
        *(queue.c[name] == audit.c[name] for name in QUEUED[1:-1]),
        queue.c.entry == audit.c.id,
    )
    loose = sa.select(audit.c.id).where(audit.c.practice == practice, ~linked, ~waits)
    both = sa.select(queue.c.entry).where(
        queue.c.practice == practice,
        sa.exists().where(chain.c.practice == queue.c.practice, chain.c.entry == queue.c.entry),
    )
    with leniently(connection):
        found = [connection.scalars(one.limit(limit)).all() for one in (loose, both)]
    return Strays(*found)


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


def is_text(value: object) -> bool:
    """Whether a value is text that a database takes again."""
    return isinstance(value, str) and not any("\ud800" <= one <= "\udfff" for one in value)


def _plain(value: Any) -> Any:
    """A value that can be chained, whatever somebody has put there."""
    return value if isinstance(value, str | int | None) else repr(value)
