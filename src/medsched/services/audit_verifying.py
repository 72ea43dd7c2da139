"""Verifying the audit of a practice: the database, the sink and what was kept elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from medsched.domain.audit_chain import (
    START,
    Anchor,
    AuditFinding,
    AuditFlaw,
    AuditHead,
    AuditVerification,
    ChainedRow,
    Checkpoint,
    Place,
)
from medsched.domain.audit_rows import AuditRow
from medsched.engine.auditing import (
    MOST_FINDINGS,
    ChainWalk,
    check_checkpoint,
    check_head,
    compare,
    is_genuine,
)
from medsched.errors import InvalidChoice, StorageBusy
from medsched.ports.audit_log import AuditKeys, AuditLog
from medsched.ports.audit_sink import AuditSink

_AT_ONCE: Final = 1000
_FIRST: Final = -(2**63)
"""Before all numbers that a database can hold."""
_TRIES: Final = 3
"""How often all is verified again because somebody pruned meanwhile."""


def verified(
    log: AuditLog, practice: str, sink: AuditSink | None, expecting: Checkpoint | None
) -> AuditVerification:
    """What `Audit.verify` finds."""
    keys = log.kept_audit_keys(practice)
    if keys is None:
        none = AuditFinding(flaw=AuditFlaw.UNKNOWN, place=Place.KEY)
        return AuditVerification(sealed=0, unsealed=0, findings=(none,))
    for _ in range(_TRIES):
        head = log.audit_head(practice)
        found = _Verifying(log, practice, keys, head, sink).run(expecting)
        if log.audit_head(practice).begins_after == head.begins_after:
            return found
    raise StorageBusy("audit.verify", _TRIES)


def is_signed(keys: AuditKeys, practice: str, one: Checkpoint) -> bool:
    """Whether a checkpoint, or an anchor, is this practice's and signed as what it is."""
    return one.practice == practice and keys.is_signed(one.key, one.message, one.signature)


def links_of(log: AuditLog, practice: str, after: int, last: int) -> Iterator[ChainedRow]:
    """The links that the database keeps after a number, up to the ``last`` one."""
    while links := log.sealed_audit(practice, after=after, limit=_AT_ONCE):
        for one in links:
            if one.number > last:
                return
            yield one
        after = links[-1].number


class _Verifying:
    """One look at an audit whose head stands like this."""

    def __init__(
        self,
        log: AuditLog,
        practice: str,
        keys: AuditKeys,
        head: AuditHead,
        sink: AuditSink | None,
    ) -> None:
        self._log, self._practice, self._keys = log, practice, keys
        self._head, self._sink = head, sink
        self._is_signed = partial(is_signed, keys, practice)
        # What nobody signed hides nothing: then the chain has to begin at its beginning.
        fine = head.anchor is not None and self._is_signed(head.anchor)
        self._anchor: Anchor | None = head.anchor if fine else None
        self._begins = 0 if self._anchor is None else self._anchor.number

    def run(self, expecting: Checkpoint | None) -> AuditVerification:
        """Look at everything."""
        practice, macs, head, anchor = self._practice, self._keys.macs, self._head, self._anchor
        if expecting is not None and self._sink is None and expecting.number < self._begins:
            why = "the database keeps no entries from then: give the sink"
            raise InvalidChoice("checkpoint", expecting.number, why)
        signed = () if self._sink is None else self._sink.checkpoints(practice)
        marks = frozenset(one.number for one in [*signed, *filter(None, [expecting, anchor])])
        begin = START if anchor is None else anchor.digest
        kept = ChainWalk(practice, macs, Place.DATABASE, self._begins, begin, marks)
        kept.digests[kept.after] = begin
        there = ChainWalk(practice, macs, Place.SINK, marks=marks)
        shipped = iter(()) if self._sink is None else self._sink.records(practice)
        compare(kept, links_of(self._log, practice, self._begins, head.number), there, shipped)
        check_head(kept, head)
        if self._sink is not None:
            self._check_ends(kept, there)
            self._check_signed(there, [one.number for one in signed if self._is_signed(one)])
        for one in signed:
            check_checkpoint(there, one, self._is_signed, Place.SINK)
        if expecting is not None:
            # A sink has what the database keeps no more.
            walk = there if expecting.number < self._begins else kept
            check_checkpoint(walk, expecting, self._is_signed, Place.CHECKPOINT)
        if head.anchor is not None and anchor is None:
            kept.found(AuditFlaw.FORGED, head.anchor.number, place=Place.HEAD)
        elif anchor is not None and self._sink is not None:
            check_checkpoint(there, anchor, self._is_signed, Place.HEAD)
        self._check_strays(kept)
        for number in self._keys.altered:
            kept.found(AuditFlaw.CHANGED, number, place=Place.KEY)
        unsealed = 0
        for row in self._unsealed():
            unsealed += 1
            if not is_genuine(row, macs):
                kept.found(AuditFlaw.CHANGED, None, row.id)
        findings = (*kept.findings, *there.findings)
        return AuditVerification(sealed=kept.count, unsealed=unsealed, findings=findings)

    def _check_ends(self, kept: ChainWalk, there: ChainWalk) -> None:
        """Neither chain goes further than the other says."""
        if there.after < self._head.shipped:
            there.found(AuditFlaw.CUT, there.after + 1)
        # More may have been sealed, and shipped, since the head was read.
        if there.after > self._log.audit_head(self._practice).number:
            kept.found(AuditFlaw.CUT, kept.after + 1)

    def _check_signed(self, there: ChainWalk, numbers: list[int]) -> None:
        """A checkpoint was shipped with every entry."""
        shipped = self._head.shipped
        if max(numbers, default=0) < shipped <= there.after:
            there.found(AuditFlaw.UNSIGNED, shipped)

    def _check_strays(self, kept: ChainWalk) -> None:
        """Nothing stands where the chain does not go, and every entry hangs in it or waits."""
        log, practice = self._log, self._practice
        for one in log.sealed_audit(practice, after=_FIRST, limit=MOST_FINDINGS):
            if one.number <= self._begins:
                kept.found(AuditFlaw.INSERTED, one.number, one.entry)
        links = log.sealed_audit(
            practice, after=log.audit_head(practice).number, limit=MOST_FINDINGS
        )
        # More may be sealed at any moment: what is read first cannot be after what is read then.
        end = log.audit_head(practice).number
        for one in links:
            if one.number > end:
                kept.found(AuditFlaw.INSERTED, one.number, one.entry)
        strays = log.stray_audit(practice, limit=MOST_FINDINGS)
        for entry in strays.loose:
            kept.found(AuditFlaw.LOOSE, None, entry)
        for entry in strays.queued:
            kept.found(AuditFlaw.INSERTED, None, entry)

    def _unsealed(self) -> Iterator[AuditRow]:
        after = ""
        while rows := self._log.unsealed_audit(self._practice, after=after, limit=_AT_ONCE):
            yield from rows
            after = rows[-1].id
