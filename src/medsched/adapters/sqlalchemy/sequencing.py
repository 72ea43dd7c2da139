"""The sequencer: events are numbered once they are committed, one caller at a time."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection

from medsched.adapters.sqlalchemy.locking import all_met
from medsched.adapters.sqlalchemy.schema import Tables

_AT_ONCE: Final = 1000


def number_some(connection: Connection, tables: Tables, practice: str) -> tuple[bool, int]:
    """Number the events of a practice that wait for it, at most a thousand.

    Whether there may be more, and the last number given. Of two changesets that could not have
    been applied in the other order the later one's events were recorded later, and are seen
    here only together with the earlier one's or after them; so their numbers follow.
    """
    event, sequence = tables.event, tables.sequence
    here = sequence.c.practice == practice
    query = sa.select(sequence.c.last).where(here)
    if connection.dialect.name != "sqlite":
        query = query.with_for_update()
    last = connection.scalar(query)
    if last is None:
        connection.execute(sa.insert(sequence).values(practice=practice, last=0))
        last = 0
    waiting = connection.execute(
        sa.select(event.c.changeset, event.c.position)
        .where(event.c.practice == practice, event.c.number.is_(None))
        .order_by(event.c.recorded_at, event.c.changeset, event.c.position)
        .limit(_AT_ONCE)
    ).all()
    if waiting:
        at = ("changeset", "position")
        numbered = (
            sa.update(event)
            .where(event.c.practice == practice, event.c.number.is_(None))
            .where(*(event.c[name] == sa.bindparam(f"at_{name}") for name in at))
        )
        rows = [
            {"at_changeset": changeset, "at_position": position, "number": number}
            for number, (changeset, position) in enumerate(waiting, last + 1)
        ]
        all_met(connection.execute(numbered, rows), len(rows))
        last += len(rows)
        connection.execute(sa.update(sequence).where(here).values(last=last))
    return len(waiting) == _AT_ONCE, last
