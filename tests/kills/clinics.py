"""Copies of one practice, and what is stored of each: its rows, whatever a store makes of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any, Final, TypeAlias
from uuid import uuid4

import attrs
import sqlalchemy as sa
from sqlalchemy import Engine, Table

from medsched.adapters.sqlalchemy.schema import PREFIX, tables

Row: TypeAlias = tuple[object, ...]

_UNTOLD: Final = {"practice", "touched", "token", "recorded_at"}
"""Columns that differ from run to run, or say nothing that the others do not."""
_MARK: Final = re.compile(r"try\d+\.")
_DERIVED: Final = re.compile(r"slot-[0-9a-f]{32}")
"""What an override of a slot is called: it follows from the slot, and so from the practice."""
_SHOWN: Final = 3


def mark(tries: int) -> str:
    """What begins the ids that one try of a command makes, so that they are told apart."""
    return f"try{tries}."


def marks(text: str) -> set[str]:
    """The tries whose ids are found in a text."""
    return set(_MARK.findall(text))


def unmarked(text: str) -> str:
    """A text in which the ids of all tries are the same, and those of all practices."""
    return _DERIVED.sub("slot-", _MARK.sub("", text))


@attrs.frozen
class Part:
    """The rows of a practice in one table, in the order of their keys."""

    table: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def unlike(self, other: Part) -> list[str]:
        """The rows that another part lacks, and those that it has instead."""
        more = [f"+ {self._shown(row)}" for row in self.rows if row not in other.rows]
        less = [f"- {self._shown(row)}" for row in other.rows if row not in self.rows]
        return more + less

    def _shown(self, row: Row) -> str:
        """A row without what is empty, or too long to be shown."""
        named = zip(self.columns, row, strict=True)
        kept = (f"{name}={it}" for name, it in named if it is not None and name != "document")
        return f"{self.table}: {' '.join(kept)}"


@attrs.frozen
class State:
    """What is committed of a practice. Two are equal when they tell the same of two practices.

    ``tries`` are those that made the ids in it, which are otherwise left out.
    """

    parts: tuple[Part, ...]
    tries: frozenset[str] = attrs.field(eq=False)

    def of(self, table: str) -> list[dict[str, Any]]:
        """The rows of a table, by column."""
        (part,) = (part for part in self.parts if part.table == PREFIX + table)
        return [dict(zip(part.columns, row, strict=True)) for row in part.rows]

    def unlike(self, other: State) -> str:
        """What is in this state and not in another, and the other way; empty if they are equal."""
        if self == other:
            return ""
        found = [
            one
            for mine, others in zip(self.parts, other.parts, strict=True)
            for one in mine.unlike(others)
        ]
        more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        return "; ".join(found[:_SHOWN]) + more


class Clinics:
    """The practices of one database: copied, read and removed as rows.

    They have an engine of their own, so that whoever watches a store's sees nothing of it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tables = [one for one in tables().metadata.sorted_tables if "practice" in one.c]
        self._queries = [(table.name, _query(table)) for table in self._tables]

    def copies(self, template: str, count: int) -> list[str]:
        """So many new practices that are what another one is; their ids."""
        run = uuid4().hex
        names = [f"clinic-{run}-{number:05}" for number in range(count)]
        # Not VALUES, which each database wants written in another way.
        new = sa.union_all(*(sa.select(sa.literal(name).label("name")) for name in names))
        with self._engine.begin() as connection:
            for table in self._tables:
                each = new.subquery()
                rows = sa.select(*_columns(table, template, each)).select_from(
                    table.join(each, table.c.practice == template)
                )
                connection.execute(sa.insert(table).from_select(list(table.columns), rows))
        return names

    def remove(self, practices: Collection[str]) -> None:
        """Leave nothing of these practices."""
        with self._engine.begin() as connection:
            for table in self._tables:
                connection.execute(sa.delete(table).where(table.c.practice.in_(practices)))

    def state(self, practice: str) -> State:
        """What is committed of a practice now."""
        return self.states([practice])[practice]

    def states(self, practices: Sequence[str]) -> dict[str, State]:
        """What is committed of several."""
        parts: dict[str, list[Part]] = {practice: [] for practice in practices}
        tries: dict[str, set[str]] = {practice: set() for practice in practices}
        with self._engine.connect() as connection:
            for table, query in self._queries:
                columns = tuple(query.selected_columns.keys()[1:])
                rows: dict[str, list[Row]] = {practice: [] for practice in practices}
                for practice, *row in connection.execute(query, {"practices": practices}):
                    rows[practice].append(tuple(row))
                for practice, some in rows.items():
                    told = _told(practice, columns, some, tries[practice])
                    parts[practice].append(Part(table, columns, told))
        return {
            practice: State(tuple(some), frozenset(tries[practice]))
            for practice, some in parts.items()
        }


def _columns(table: Table, template: str, new: sa.Subquery) -> list[sa.ColumnElement[Any]]:
    """The columns of a copy. The practice is a resource too, and then its id is in ``id``."""
    columns: list[sa.ColumnElement[Any]] = []
    for column in table.columns:
        if column.name == "practice":
            columns.append(new.c.name)
        elif column.name == "id":
            columns.append(sa.case((column == template, new.c.name), else_=column))
        else:
            columns.append(column)
    return columns


def _query(table: Table) -> sa.Select[Any]:
    """The rows of some practices, those of the outbox in the order they were recorded in."""
    told = (column for column in table.columns if column.name not in _UNTOLD)
    order = ("recorded_at", "changeset", "position") if "recorded_at" in table.c else ()
    return (
        sa.select(table.c.practice, *told)
        .where(table.c.practice.in_(sa.bindparam("practices", expanding=True)))
        .order_by(*(table.c[name] for name in order or table.primary_key.columns.keys()))
    )


def _told(
    practice: str, columns: Sequence[str], rows: Sequence[Row], tries: set[str]
) -> tuple[Row, ...]:
    """Rows as they are compared, what random names were given to them left out."""
    changesets: dict[object, int] = {}
    random = columns.index("changeset") if "changeset" in columns else -1

    def plain(value: object) -> object:
        if not isinstance(value, str):
            return value
        if "try" in value or "slot-" in value:
            tries.update(marks(value))
            value = unmarked(value)
        return "clinic" if value == practice else value

    told = []
    for row in rows:
        if random >= 0:
            order = changesets.setdefault(row[random], len(changesets))
            row = (*row[:random], order, *row[random + 1 :])
        told.append(tuple(map(plain, row)))
    return tuple(told)
