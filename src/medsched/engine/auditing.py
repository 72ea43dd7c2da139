"""Walking the chain of an audit, link by link: what is wrong in it, and where."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final

import attrs

from medsched.domain.audit_chain import (
    START,
    AuditFinding,
    AuditFlaw,
    AuditHead,
    ChainedRow,
    Checkpoint,
    Place,
    link,
)
from medsched.domain.audit_rows import AuditRow

MOST_FINDINGS: Final = 1000
"""How many flaws are told of one place: whoever has the wrong keys would hear of every entry."""


@attrs.define(eq=False)
class ChainWalk:
    """One chain on its way past: give each link to `take`, in the order it stands in.

    ``after`` and ``digest`` are the link that the first one follows; ``marks`` the numbers whose
    digests are wanted later.
    """

    practice: str
    macs: Mapping[int, bytes]
    place: Place
    after: int = 0
    digest: str = START
    marks: Collection[int] = ()
    digests: dict[int, str] = attrs.field(factory=dict)
    findings: list[AuditFinding] = attrs.field(factory=list)
    count: int = 0
    _befores: tuple[str, ...] | None = attrs.field(init=False)
    """What the next link may follow: after one that is wrong, that or what it should have been."""

    def __attrs_post_init__(self) -> None:
        self._befores = (self.digest,)

    def take(self, one: ChainedRow) -> None:
        """Look at the next link."""
        self.count += 1
        if one.number != self.after + 1:
            self.found(AuditFlaw.GAP, min(one.number, self.after + 1))
            self._befores = None
        self._look_at(one)
        if one.number > self.after:
            self.after, self.digest = one.number, one.digest
            if one.number in self.marks:
                self.digests[one.number] = one.digest

    def _look_at(self, one: ChainedRow) -> None:
        befores, self._befores = self._befores, (one.digest,)
        if one.row is None:
            self.found(AuditFlaw.MISSING, one.number, one.entry)
            return
        if not is_genuine(one.row, self.macs):
            self.found(AuditFlaw.CHANGED, one.number, one.entry)
            return
        if befores is None:  # what it follows is not there
            return
        secret = self.macs.get(one.mac_key)
        if secret is None or not any(one.follows(self.practice, it, secret) for it in befores):
            self.found(AuditFlaw.BROKEN, one.number, one.entry)
        if secret is not None and type(one.row.recorded_at) is int:
            row = one.row
            should = (
                link(self.practice, it, one.number, row.id, row.mac, row.recorded_at, secret)
                for it in befores
            )
            self._befores = tuple({one.digest, *should})

    def found(
        self, flaw: AuditFlaw, number: int | None, entry: str = "", *, place: Place | None = None
    ) -> None:
        """Tell of a flaw, once; ``place`` if it is not that of the chain."""
        if len(self.findings) < MOST_FINDINGS:
            named: object = entry  # somebody may have put anything there
            made = AuditFinding(
                flaw=flaw,
                place=place or self.place,
                number=number,
                entry=named if isinstance(named, str) else repr(named),
            )
            if made not in self.findings:
                self.findings.append(made)


def is_genuine(row: AuditRow, macs: Mapping[int, bytes]) -> bool:
    """Whether a row is as it was written, under one of these keys."""
    secret = macs.get(row.mac_key) if isinstance(row.mac_key, int) else None
    return secret is not None and row.is_genuine(secret)


def compare(
    kept: ChainWalk, links: Iterable[ChainedRow], sink: ChainWalk, shipped: Iterable[ChainedRow]
) -> None:
    """Walk two chains side by side, and tell where the sink says another thing than the store."""
    beside = _Beside(sink, iter(shipped))
    for one in links:
        kept.take(one)
        digest = beside.at(one.number)
        if digest is not None and digest != one.digest:
            sink.found(AuditFlaw.DIFFERENT, one.number, one.entry)
    beside.finish()


class _Beside:
    """A walk that keeps pace with another one."""

    def __init__(self, walk: ChainWalk, links: Iterator[ChainedRow]) -> None:
        self._walk, self._links = walk, links
        self._next = next(links, None)

    def at(self, number: int) -> str | None:
        """The digest under a number; None where there is none."""
        digest = None
        while self._next is not None and self._next.number <= number:
            one, self._next = self._next, next(self._links, None)
            self._walk.take(one)
            if one.number == number:
                digest = one.digest
        return digest

    def finish(self) -> None:
        """Walk the rest."""
        while self._next is not None:
            one, self._next = self._next, next(self._links, None)
            self._walk.take(one)


def check_head(kept: ChainWalk, head: AuditHead) -> None:
    """The chain ends where the store says that it does."""
    if not head.is_whole:
        kept.found(AuditFlaw.MALFORMED, None, place=Place.HEAD)
    if kept.after < head.number:
        kept.found(AuditFlaw.CUT, kept.after + 1)
    elif kept.digest != head.digest:
        kept.found(AuditFlaw.BROKEN, kept.after)


def check_checkpoint(
    walk: ChainWalk,
    checkpoint: Checkpoint,
    is_signed: Callable[[Checkpoint], bool],
    place: Place,
) -> None:
    """A checkpoint is the practice's own, and the chain comes by it; ``place``: where it stands."""
    if checkpoint.practice != walk.practice or not is_signed(checkpoint):
        walk.found(AuditFlaw.FORGED, checkpoint.number, place=place)
    elif checkpoint.number > walk.after:
        walk.found(AuditFlaw.CUT, walk.after + 1)
    elif checkpoint.number and walk.digests.get(checkpoint.number) != checkpoint.digest:
        walk.found(AuditFlaw.DIFFERENT, checkpoint.number)
