"""The audit of one practice in memory: its entries, and the chain over them."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from hmac import compare_digest, digest
from itertools import islice

import attrs

from medsched.domain.audit import AuditEntry
from medsched.domain.audit_chain import Anchor, AuditHead, ChainedRow, link
from medsched.domain.audit_rows import AuditRow, MacKey, audit_row
from medsched.ports.audit_log import Seen

_KEY = 1
_AT_ONCE = 1000


@attrs.frozen(repr=False)
class MemoryKeys:
    """Keys that live as long as the store: `AuditKeys` whose signatures are MACs."""

    secret: bytes = attrs.field(factory=lambda: secrets.token_bytes(32))
    signer: bytes = attrs.field(factory=lambda: secrets.token_bytes(32))

    @property
    def macs(self) -> Mapping[int, bytes]:
        return {_KEY: self.secret}

    @property
    def signing(self) -> int:
        return _KEY

    @property
    def altered(self) -> Collection[int]:
        return ()

    def sign(self, message: bytes) -> bytes:
        return digest(self.signer, message, sha256)

    def is_signed(self, key: int, message: bytes, signature: bytes) -> bool:
        return key == _KEY and compare_digest(self.sign(message), signature)


@attrs.define(eq=False)
class Journal:
    """The entries of one practice, by id, in the order in which they were recorded."""

    practice: str
    keys: MemoryKeys = attrs.field(factory=MemoryKeys)
    rows: dict[str, AuditRow] = attrs.field(factory=dict)
    waiting: dict[str, None] = attrs.field(factory=dict)
    links: dict[int, ChainedRow] = attrs.field(factory=dict)
    head: AuditHead = attrs.field(factory=AuditHead)

    def check(self, entries: Sequence[AuditEntry]) -> None:
        """Find out whether these entries can be written."""
        ids = [entry.id for entry in entries]
        assert len(set(ids)) == len(ids)
        assert not self.rows.keys() & set(ids)
        assert all(entry.practice == self.practice for entry in entries)

    def write(self, entries: Sequence[AuditEntry], changeset: str, recorded_at: int) -> None:
        """Write entries that were checked."""
        key = MacKey(_KEY, self.keys.secret)
        for position, entry in enumerate(entries):
            row = audit_row(entry, changeset, position, key)
            self.rows[entry.id] = row._replace(recorded_at=recorded_at)
            self.waiting[entry.id] = None

    def seal(self) -> int:
        """Chain at most a thousand entries."""
        some = list(islice(self.waiting, _AT_ONCE))
        for id in some:
            row, number = self.rows[id], self.head.number + 1
            made = link(
                *(self.practice, self.head.digest, number, id, row.mac, row.recorded_at),
                self.keys.secret,
            )
            self.links[number] = ChainedRow(number, _KEY, made, id, row)
            self.head = attrs.evolve(self.head, number=number, digest=made)
            del self.waiting[id]
        return len(some)

    def sealed(self, after: int, limit: int) -> list[ChainedRow]:
        """The first links after a number."""
        first = max(after, self.head.begins_after) + 1
        last = min(first + limit, self.head.number + 1)
        return [self.links[number] for number in range(first, last)]

    def unsealed(self, after: str, limit: int) -> list[AuditRow]:
        """The first entries without a link after an id."""
        ids = sorted(id for id in self.waiting if id > after)
        return [self.rows[id] for id in ids[:limit]]

    def about(
        self, patient: str, since: int, until: int | None, after: Seen | None, limit: int
    ) -> list[AuditRow]:
        """The first entries about a patient after a place, in order of time and id."""
        found = [
            row
            for row in self.rows.values()
            if row.patient == patient
            and since <= row.at
            and (until is None or row.at < until)
            and (after is None or (row.at, row.id) > after)
        ]
        return sorted(found, key=lambda row: (row.at, row.id))[:limit]

    def ship(self, number: int) -> None:
        """Write down how far the chain was shipped."""
        self.head = attrs.evolve(self.head, shipped=max(self.head.shipped, number))

    def retain(self, period: timedelta) -> None:
        """Keep entries for a period, if that is longer."""
        longer = max(self.head.retention, period)
        self.head = attrs.evolve(self.head, retention=longer)

    def prune(self, anchor: Anchor) -> int:
        """Remove links and entries up to an anchor."""
        gone = [number for number in self.links if number <= anchor.number]
        for number in gone:
            del self.rows[self.links.pop(number).entry]
        if anchor.number > self.head.begins_after:
            self.head = attrs.evolve(self.head, anchor=anchor)
        return len(gone)
