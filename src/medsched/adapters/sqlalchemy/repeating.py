"""Transactions that may be tried again as they are: done twice, they are done once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from medsched.adapters.sqlalchemy.connections import CommitLost, Connections, Undone
from medsched.errors import StorageBusy
from medsched.ports.pauses import Pauses

_Result = TypeVar("_Result")


def repeated(
    connections: Connections, pauses: Pauses, operation: str, work: Callable[[Connection], _Result]
) -> _Result:
    """Do something in a transaction, again if others were first or the commit was lost.

    `StorageBusy` where others are first again and again.
    """
    for tries in range(1, connections.retries + 1):
        try:
            with connections.writing(operation, fresh=True) as connection:
                return work(connection)
        except CommitLost as lost:
            if lost.answered:
                raise lost.failure() from lost.__cause__
        except Undone:
            pass
        pauses.pause(tries)
    raise StorageBusy(operation, connections.retries)
