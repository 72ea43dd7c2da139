"""What is taken around a start: the one query that every listing and every booking asks.

It is fixed text for each number of resources, for to build it anew would take longer than to
answer it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Dialect

from medsched.adapters.sqlalchemy.booking_rows import LONG, SHORT
from medsched.adapters.sqlalchemy.columns import UtcDateTime
from medsched.adapters.sqlalchemy.schema import Tables
from medsched.domain.claims import Claim, ClaimKind
from medsched.domain.records import Resource
from medsched.timeline.instants import DAY

_TOLD: Final = ("resource_kind", "resource_id", "low", "high", "kind", "id", "expires_at")
_KINDS: Final = {kind.value: kind for kind in ClaimKind}


def claims_between(
    connection: Connection,
    tables: Tables,
    practice: str,
    resources: Sequence[Resource],
    low: int,
    high: int,
) -> Iterator[Claim]:
    """The claims on some resources that reach into [low, high), in their order."""
    text = _text(tables, connection.dialect, len(resources))
    values = tuple(
        value
        for resource in resources
        for days in (SHORT, LONG)
        for value in (
            *(practice, resource.kind.value, resource.id),
            *(days, low - days * DAY, high, low),
        )
    )
    instant = _instant(connection.dialect)
    found = connection.exec_driver_sql(text, values).all()
    asked = {(one.kind.value, one.id): one for one in resources}
    for kind, id, low, high, by, name, expires_at in found:
        # There may be many: what is known of them is not made, and checked, once more for each.
        resource = asked.get((kind, id)) or Resource(kind, id)
        yield Claim(resource, low, high, _KINDS[by], name, instant(expires_at))


@cache
def _text(tables: Tables, dialect: Dialect, resources: int) -> str:
    mark = "?" if dialect.name == "sqlite" else "%s"
    one = " AND ".join(
        f"{column} {mark}"
        for column in (
            *("practice =", "resource_kind =", "resource_id ="),
            *("days =", "low >", "low <", "high >"),
        )
    )
    here = " OR ".join([f"({one})"] * (2 * resources))
    called = dialect.identifier_preparer.format_table(tables.claim)
    return (
        f"SELECT {', '.join(_TOLD)} FROM {called} WHERE {here}"
        " ORDER BY resource_kind, resource_id, low, kind, id"
    )


@cache
def _instant(dialect: Dialect) -> Callable[[Any], Any]:
    """From what the driver gives to an aware instant."""
    read = UtcDateTime().dialect_impl(dialect).result_processor(dialect, None)
    return read if read is not None else lambda value: value
