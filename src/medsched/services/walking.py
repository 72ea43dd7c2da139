"""All records of a class that match, read a page at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from medsched.domain.access import EVERYTHING, Reach
from medsched.domain.stored import StoredT
from medsched.ports.store import Store

PAGE: Final = 1000
"""How many are read at a time."""


def all_records(
    store: Store,
    practice: str,
    cls: type[StoredT],
    *,
    active: bool | None,
    where: Mapping[str, object] = MappingProxyType({}),
    within: Reach = EVERYTHING,
) -> Iterator[StoredT]:
    """All records of a class that match and are reached, in order of id."""
    after: str | None = None
    while True:
        found = store.page(
            practice, cls, active=active, where=where, after=after, limit=PAGE, within=within
        )
        yield from found
        if len(found) < PAGE:
            return
        after = found[-1].id
