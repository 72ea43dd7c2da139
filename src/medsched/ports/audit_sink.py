"""Where sealed audit entries are shipped to: somewhere else than where they are written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from medsched.domain.audit_chain import ChainedRow, Checkpoint


class AuditSink(Protocol):
    """Keeps the chains of many practices, and the checkpoints signed on the way.

    It only ever grows. What it holds proves itself: whoever can write to it, but has not the
    practice's keys, can add nothing that passes for an entry.
    """

    def last(self, practice: str) -> int:
        """The highest number that is here, 0 for none."""
        ...

    def append(self, practice: str, records: Sequence[ChainedRow]) -> None:
        """Keep links that follow one another. Those that are here already are passed over.

        When it returns they are kept for good. Whoever was stopped in between may leave some of
        them, the first ones; then `last` tells.
        """
        ...

    def checkpoint(self, practice: str, signed: Checkpoint) -> None:
        """Keep a checkpoint."""
        ...

    def records(self, practice: str, *, after: int = 0) -> Iterator[ChainedRow]:
        """All links after a number, as they stand here, one by one.

        What cannot be read is a link with the number after the one before it, and no entry.
        """
        ...

    def checkpoints(self, practice: str) -> Sequence[Checkpoint]:
        """All checkpoints, in the order they were signed in.

        What cannot be read is one that nobody signed (see `Checkpoint.kept`).
        """
        ...

    def newest(self, practice: str) -> Checkpoint | None:
        """The last one of `checkpoints`, found without reading all; None where there is none."""
        ...
