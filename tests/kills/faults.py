"""Stores that are wrong on purpose, so that it is known that a kill run would tell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

import attrs
import sqlalchemy as sa

from medsched.adapters.sqlalchemy import SqlAlchemyStore


@contextmanager
def none(store: SqlAlchemyStore) -> Iterator[None]:
    """The store as it is."""
    yield


@contextmanager
def receipts_apart(store: SqlAlchemyStore) -> Iterator[None]:
    """What a key was used for is written in a transaction of its own."""
    with _committing_after(store, r"INTO \S*medsched_receipt\b"):
        yield


@contextmanager
def ledger_apart(store: SqlAlchemyStore) -> Iterator[None]:
    """The ledger is committed before the claims that it is made of are changed."""
    with _committing_after(store, r"(INTO|UPDATE) \S*medsched_ledger\b"):
        yield


@contextmanager
def keys_forgotten(store: SqlAlchemyStore) -> Iterator[None]:
    """No key is ever written down."""
    patched: Any = store
    apply = store.apply
    patched.apply = lambda changeset: apply(attrs.evolve(changeset, request=None))
    try:
        yield
    finally:
        del patched.apply


@contextmanager
def _committing_after(store: SqlAlchemyStore, pattern: str) -> Iterator[None]:
    """Every statement like this is committed, and what follows begins another transaction."""

    def commit(_: Any, cursor: Any, statement: str, *__: Any) -> None:
        if re.search(pattern, statement):
            cursor.connection.commit()
            if store.engine.dialect.name == "sqlite":
                cursor.connection.execute("BEGIN IMMEDIATE").close()

    sa.event.listen(store.engine, "after_cursor_execute", commit)
    try:
        yield
    finally:
        sa.event.remove(store.engine, "after_cursor_execute", commit)


FAULTS: Final[Mapping[str, Callable[[SqlAlchemyStore], AbstractContextManager[None]]]] = {
    fault.__name__: fault for fault in (none, receipts_apart, ledger_apart, keys_forgotten)
}
