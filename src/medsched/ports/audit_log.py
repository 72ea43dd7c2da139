"""The audit of a store that keeps one; no other part of a store needs it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple, Protocol, runtime_checkable

from medsched.domain.audit_chain import Anchor, AuditHead, ChainedRow
from medsched.domain.audit_rows import AuditRow


class AuditKeys(Protocol):
    """The keys of one practice's audit, ready to be used."""

    @property
    def macs(self) -> Mapping[int, bytes]:
        """The keys of MACs and links, by number."""
        ...

    @property
    def signing(self) -> int:
        """The number of the key that `sign` uses."""
        ...

    @property
    def altered(self) -> Collection[int]:
        """The numbers of keys that sign and whose public half is kept as another one."""
        ...

    def sign(self, message: bytes) -> bytes:
        """A signature."""
        ...

    def is_signed(self, key: int, message: bytes, signature: bytes) -> bool:
        """Whether the key of this number made the signature; False for an unknown number."""
        ...


class Seen(NamedTuple):
    """The place in a report after which it goes on: microseconds of the epoch, and an id."""

    at: int
    id: str


class Strays(NamedTuple):
    """Entries that are not where they should be, by id.

    ``loose`` are neither in the chain nor waiting for it, ``queued`` are both.
    """

    loose: Sequence[str] = ()
    queued: Sequence[str] = ()


@runtime_checkable
class AuditLog(Protocol):
    """Keeps the audit of many practices: entries, which never change, and the chain of each.

    Entries come in by `Store.apply` and `Store.record`. All raise `KeyUnavailable` where a key
    is needed and cannot be had.
    """

    @property
    def audited(self) -> bool:
        """Whether an audit is kept."""
        ...

    def audit_keys(self, practice: str) -> AuditKeys:
        """The keys of a practice; they are made where there are none yet."""
        ...

    def kept_audit_keys(self, practice: str) -> AuditKeys | None:
        """The keys of a practice as they are kept at this moment; None where there are none."""
        ...

    def audit_head(self, practice: str) -> AuditHead:
        """How the audit of a practice stands."""
        ...

    def seal_audit(self, practice: str) -> int:
        """Chain at most 1,000 of the entries that wait for it; how many there were.

        In the order in which they were recorded. Safe to be called by any number of callers at
        once: one at a time works, each entry gets one link. An entry that has one already only
        ceases to wait. `AuditDamaged` where the chain goes on after its end, or where what waits
        or the head cannot be read.
        """
        ...

    def sealed_audit(self, practice: str, *, after: int, limit: int) -> Sequence[ChainedRow]:
        """The first ``limit`` links after a number, in order, with their entries."""
        ...

    def unsealed_audit(self, practice: str, *, after: str, limit: int) -> Sequence[AuditRow]:
        """The first ``limit`` entries without a link after an id, in order of id."""
        ...

    def stray_audit(self, practice: str, *, limit: int) -> Strays:
        """At most ``limit`` entries of each kind that are not where they should be."""
        ...

    def audit_of(
        self,
        practice: str,
        patient: str,
        *,
        since: int,
        until: int | None,
        after: Seen | None,
        limit: int,
    ) -> Sequence[AuditRow]:
        """The first ``limit`` entries about a patient after a place, in order of time and id.

        At ``since`` or later and before ``until``, both microseconds of the epoch.
        """
        ...

    def audit_shipped(self, practice: str, number: int) -> None:
        """Write down that the chain was shipped up to a number; never fewer than before."""
        ...

    def retain_audit(self, practice: str, period: timedelta) -> None:
        """Keep entries for a period of whole days; nothing happens if they are kept longer."""
        ...

    def prune_audit(self, practice: str, anchor: Anchor) -> int:
        """Remove all links up to the anchor's, and their entries; how many entries there were.

        What is kept begins after the anchor from now on. Only what was shipped and is older than
        the retention can be removed: `StorageError` where a database refuses, and then nothing
        was done. It is one transaction: give the anchors of a thousand links or so in turn.
        """
        ...
