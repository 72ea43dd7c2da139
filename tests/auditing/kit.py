"""What the tests of the audit share: practices with sealed entries, and somebody who tampers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs

from medsched import Practice, Scheduler
from medsched.domain.audit import AuditEntry
from medsched.domain.audit_chain import AuditFinding, ChainedRow, Checkpoint
from medsched.domain.audit_rows import AuditRow, MacKey, audit_row
from medsched.ports.store import Store
from medsched.testing.contracts.auditing import an_entry

SECRET: Final = bytes(range(32))
KEY: Final = MacKey(1, SECRET)
AT: Final = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
PRACTICE: Final = "riverside"


def full_entry(number: int = 0, practice: str = PRACTICE, **more: Any) -> AuditEntry:
    """An entry in which no field is empty."""
    return an_entry(
        practice,
        **{
            "id": f"{number:032x}",
            "at": AT + timedelta(seconds=number),
            "roles": frozenset({"staff", "admin"}),
            "reason": "staff of the clinic",
            "record": f"visit-{number}",
            "kind": "appointment",
            "fields": frozenset({"name", "notes"}),
            "purpose": "treatment",
            "emergency": True,
            "address": "10.1.2.3",
            "session": "s-1",
            **more,
        },
    )


def full_row(number: int = 0) -> AuditRow:
    """The row of such an entry, as it is stored."""
    return audit_row(full_entry(number), "c" * 32, number, KEY)._replace(
        recorded_at=1_767_323_045_000_000 + number
    )


def filled(store: Store, count: int = 6, *, practice: str = PRACTICE) -> Practice:
    """A practice with entries in its audit, each recorded by itself."""
    for number in range(count):
        store.record([full_entry(number, practice)])
    return Scheduler(store).practice(practice)


def flipped(value: Any) -> Iterator[Any]:
    """A value with each of its bits flipped in turn; of a text, the bits of its UTF-8."""
    if isinstance(value, int):
        yield from (value ^ (1 << bit) for bit in range(63))
    elif isinstance(value, str):
        whole = value.encode()
        for at in range(len(whole) * 8):
            changed = bytearray(whole)
            changed[at // 8] ^= 1 << at % 8
            yield changed.decode("utf-8", "surrogateescape")


class ListSink:
    """An `AuditSink` in lists, free to be tampered with."""

    def __init__(self) -> None:
        self.links: list[ChainedRow] = []
        self.signed: list[Checkpoint] = []

    def last(self, practice: str) -> int:
        return max((one.number for one in self.links), default=0)

    def append(self, practice: str, records: Sequence[ChainedRow]) -> None:
        last = self.last(practice)
        self.links += [one for one in records if one.number > last]

    def checkpoint(self, practice: str, signed: Checkpoint) -> None:
        self.signed.append(signed)

    def records(self, practice: str, *, after: int = 0) -> Iterator[ChainedRow]:
        return (one for one in list(self.links) if one.number > after)

    def checkpoints(self, practice: str) -> Sequence[Checkpoint]:
        return list(self.signed)

    def newest(self, practice: str) -> Checkpoint | None:
        return self.signed[-1] if self.signed else None


def flaws(findings: Iterable[AuditFinding]) -> set[tuple[str, str, int | None]]:
    """Findings in short."""
    return {(one.place.value, one.flaw.value, one.number) for one in findings}


def forged(checkpoint: Checkpoint) -> Checkpoint:
    """A checkpoint whose signature was made by nobody."""
    return attrs.evolve(checkpoint, signature=bytes(len(checkpoint.signature)))
