"""Inserting a row that somebody else may insert at the same moment."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy import Connection, Table
from sqlalchemy.dialects import mysql, postgresql, sqlite


def insert_if_missing(connection: Connection, table: Table, row: Mapping[str, object]) -> bool:
    """Insert a row unless one of its key is there; whether it was inserted."""
    insert: sa.Insert
    match connection.dialect.name:
        case "sqlite":
            insert = sqlite.insert(table).on_conflict_do_nothing()
        case "postgresql":
            insert = postgresql.insert(table).on_conflict_do_nothing()
        case _:
            insert = mysql.insert(table).prefix_with("IGNORE")
    counted = insert.execution_options(preserve_rowcount=True)
    return connection.execute(counted, row).rowcount == 1
