"""The moments at which a process may die, found by watching what an engine is asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Engine

ALL: Final = os.environ.get("MEDSCHED_KILLS") == "all"
"""Whether everything is killed at each point; else at some of them, always the same ones."""
COMMIT: Final = "COMMIT"
_PLAIN: Final = ("BEGIN", "SELECT", "INSERT", "UPDATE", "DELETE")
_SHOWN: Final = 60


class Point(NamedTuple):
    """A moment just before or just after a statement or COMMIT, counted from 1."""

    number: int
    moment: str
    statement: str

    @property
    def may_commit(self) -> bool:
        """Whether it is about a COMMIT, or a statement that may well be a transaction by itself."""
        return not self.statement.lstrip().startswith(_PLAIN)

    def __str__(self) -> str:
        statement = " ".join(self.statement.split())
        shown = statement if len(statement) <= _SHOWN else statement[: _SHOWN - 1] + "…"
        return f"point {self.number}, {self.moment} {shown}"


class Points:
    """Tells of every point that an engine comes to, while somebody listens.

    The events are the dialect's: those of an engine itself are not heard by the engines that
    `Engine.execution_options` has made of it before. There is none for the moment after a
    COMMIT, so the dialect's own method is wrapped.
    """

    def __init__(self, engine: Engine) -> None:
        self._told: Callable[[Point], None] | None = None
        self._count = 0
        sa.event.listen(engine, "do_execute", self._executes("do_execute"))
        sa.event.listen(engine, "do_executemany", self._executes("do_executemany"))
        sa.event.listen(engine, "do_execute_no_params", self._executes("do_execute_no_params"))
        dialect: Any = engine.dialect
        dialect.do_commit = self._commits(dialect.do_commit)

    @contextmanager
    def told_to(self, listener: Callable[[Point], None]) -> Iterator[None]:
        """Let somebody hear of each point, from the first on."""
        self._told, self._count = listener, 0
        try:
            yield
        finally:
            self._told = None

    def _reach(self, moment: str, statement: str) -> None:
        if self._told is not None:
            self._count += 1
            self._told(Point(self._count, moment, statement))

    def _executes(self, name: str) -> Callable[..., bool]:
        def execute(cursor: Any, statement: str, *rest: Any) -> bool:
            self._reach("before", statement)
            getattr(rest[-1].dialect, name)(cursor, statement, *rest)
            self._reach("after", statement)
            return True  # it is done

        return execute

    def _commits(self, commit: Callable[[Any], None]) -> Callable[[Any], None]:
        def do_commit(connection: Any) -> None:
            self._reach("before", COMMIT)
            commit(connection)
            self._reach("after", COMMIT)

        return do_commit
