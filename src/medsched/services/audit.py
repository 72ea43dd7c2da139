"""The audit of one practice: sealed, shipped, verified, reported and kept long enough."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, NamedTuple, TypeAlias, TypeVar

import attrs

from medsched.domain import pages
from medsched.domain.audit import AuditAction, AuditEntry
from medsched.domain.audit_chain import (
    LONGEST,
    SIX_YEARS,
    Anchor,
    AuditHead,
    AuditVerification,
    ChainedRow,
    Checkpoint,
    Pruned,
    Sealed,
)
from medsched.domain.audit_rows import AuditRow, entry_of, microseconds
from medsched.domain.bookings import instant
from medsched.domain.fields import check_id
from medsched.domain.pages import Page, read_cursor
from medsched.engine.auditing import is_genuine
from medsched.errors import (
    AuditDamaged,
    AuditNotKept,
    InvalidCursor,
    InvalidDuration,
    InvalidNumber,
)
from medsched.ports.audit_log import AuditKeys, AuditLog, Seen
from medsched.ports.audit_sink import AuditSink
from medsched.services.audit_verifying import is_signed, links_of, verified
from medsched.services.context import Context
from medsched.services.queries import MOST

Checked: TypeAlias = Callable[[AuditRow], AuditEntry]

_AT_ONCE: Final = 1000
_MICROSECOND: Final = timedelta(microseconds=1)
_JUST_NOW: Final = _MICROSECOND
"""What happened in this very microsecond belongs to a report until now."""
_Kind = TypeVar("_Kind", bound=Checkpoint)


class _Asked(NamedTuple):
    """Whose entries a report is about, and from when until when, in microseconds."""

    patient: str
    since: int
    until: int


class Audit:
    """Who saw or changed what, for those who must answer for it.

    Every method raises `AuditNotKept` unless the store keeps an audit.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    def seal(self, sink: AuditSink | None = None) -> Sealed:
        """Chain all entries that wait for it, and ship what the sink lacks; ask often.

        Any number of callers at once make one chain. Whoever is stopped at any moment leaves
        nothing that the next call does not finish. What is in the chain can no longer be changed,
        left out, moved or put in without `verify` finding it, even by who can write to the
        database as he likes: only the keys make links.

        **What is not sealed yet** is guarded less. An entry in which something is changed is found
        at once, by its MAC, and one that lost its place in the queue, too; but one that is deleted
        before it was sealed, with its place in the queue, by somebody who got around the triggers,
        leaves no trace here. Seal every few seconds to keep that moment short.

        `AuditDamaged` where the chain or the sink goes further than it should: `verify` says where.
        """
        self._context.admit("audit.seal")
        log, practice = self._log(), self._context.practice
        count = 0
        while chained := log.seal_audit(practice):
            count += chained
            if chained < _AT_ONCE:
                break
        shipped = 0 if sink is None else self._ship(log, sink)
        head = log.audit_head(practice)
        signed = self._signed(log.audit_keys(practice), Checkpoint, head.number, head.digest)
        return Sealed(count=count, shipped=shipped, checkpoint=signed if head.number else None)

    def verify(
        self, sink: AuditSink | None = None, *, expecting: Checkpoint | None = None
    ) -> AuditVerification:
        """Compute every MAC and link anew, and compare the database with the sink.

        Found is whatever was changed, deleted, put in or moved since it was sealed, here or in the
        sink, and an end that was cut off: here, if the sink has more; in the sink, if it holds
        less than was shipped or than its checkpoints say; in both, if ``expecting``, a checkpoint
        that `seal` returned and that was kept elsewhere, says more than both. Of entries that are
        not sealed yet the MACs are checked, and that each waits to be sealed; when they were
        recorded is covered once they are. `InvalidChoice` for a checkpoint from before the first
        entry that the database keeps, where no sink is given.

        At most 1,000 findings are told of each place. Where the practice has no keys of an audit,
        that is the finding, and none are made.
        """
        self._context.admit("audit.verify")
        return verified(self._log(), self._context.practice, sink, expecting)

    def report(
        self,
        *,
        patient: str,
        since: datetime,
        until: datetime | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[AuditEntry]:
        """A page of who did what with a patient's records, in order of time.

        From ``since`` on and before ``until``, aware instants; until now unless given. ``limit``
        is 1 to 1000, ``cursor`` the ``next`` of the page before. Empty for a patient that nothing
        is known of. The report is itself written down in the audit first, whatever it finds.

        Raises `AuditDamaged` for an entry whose MAC is wrong; `InvalidId`, `InvalidNumber`,
        `InvalidCursor` and `NaiveDatetime` for bad input.
        """
        gate = self._context.admit("audit.report")
        if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= MOST:
            raise InvalidNumber("limit", limit, f"a page holds 1 to {MOST}")
        asked, after = self._asked(patient, since, until), None
        scope = f"audit {patient} {asked.since} {None if until is None else asked.until}"
        if cursor is not None:
            # What came up since the first page belongs to another report.
            last, after = _seen(read_cursor(scope, cursor))
            asked = asked._replace(until=min(last, asked.until))
        own = gate.note("audit", AuditAction.READ, patient)
        # Of entries at the same microsecond this one may stand before others.
        found = [row for row in self._rows(asked, after, limit + 2) if row.id != own.id][
            : limit + 1
        ]
        items, following = tuple(map(self._checked(), found[:limit])), None
        if len(found) > limit:
            end = found[limit - 1]
            following = pages.cursor(scope, f"{asked.until} {end.at} {end.id}")
        return Page(items, following)

    def entries(
        self, *, patient: str, since: datetime, until: datetime | None = None
    ) -> Iterator[AuditEntry]:
        """All that `report` tells on all its pages, read bit by bit; written down once."""
        gate = self._context.admit("audit.report")
        asked = self._asked(patient, since, until)
        own = gate.note("audit", AuditAction.READ, patient)
        return (entry for entry in self._entries(asked) if entry.id != own.id)

    def retention(self) -> timedelta:
        """How long entries are kept: six years, or as long as `retain` has said."""
        self._context.admit("audit.retain")
        return self._log().audit_head(self._context.practice).retention

    def retain(self, period: timedelta) -> timedelta:
        """Keep entries for longer; the period that is in force now.

        A period of whole days, of six years at least (2,192 days) and of a hundred at most (36,525
        days). `InvalidDuration` for another one, and for one that is shorter than what is in
        force: a retention only lengthens.
        """
        gate = self._context.admit("audit.retain")
        log, practice = self._log(), self._context.practice
        if not isinstance(period, timedelta) or period % timedelta(days=1):
            raise InvalidDuration("period", period, "a retention has whole days")
        least = max(SIX_YEARS, log.audit_head(practice).retention)
        if not least <= period <= LONGEST:
            why = f"at least {least.days} days, at most {LONGEST.days}"
            raise InvalidDuration("period", period, why)
        gate.note("audit", AuditAction.UPDATE)
        log.retain_audit(practice, period)
        return log.audit_head(practice).retention

    def prune(self, sink: AuditSink) -> Pruned:
        """Remove entries from the database that are older than the retention and in the sink.

        Each is compared with the sink's before, and what does not agree ends it. A signed anchor
        takes their place, from which the chain goes on verifying; it is set together with the
        removal, a thousand entries at once. It can be stopped at any moment and run again. The
        sink keeps all. `AuditDamaged` where the database's head or anchor was changed.
        """
        gate = self._context.admit("audit.prune")
        log, practice = self._log(), self._context.practice
        keys, head = log.audit_keys(practice), log.audit_head(practice)
        anchor, count = head.anchor, 0
        if not head.is_whole or not (anchor is None or is_signed(keys, practice, anchor)):
            raise AuditDamaged("head of the chain")
        old = self._old(log, sink, head)
        while some := list(islice(old, _AT_ONCE)):
            if not count:
                gate.note("audit", AuditAction.DELETE)
            anchor = self._signed(keys, Anchor, some[-1].number, some[-1].digest)
            count += log.prune_audit(practice, anchor)
        return Pruned(count=count, anchor=anchor)

    # ------------------------------------------------------------------- shipping

    def _ship(self, log: AuditLog, sink: AuditSink) -> int:
        practice, count = self._context.practice, 0
        last = sink.last(practice)
        if last > log.audit_head(practice).number:
            raise AuditDamaged(f"number {last} of the sink")
        keys = log.audit_keys(practice)
        while links := log.sealed_audit(practice, after=last, limit=_AT_ONCE):
            sink.append(practice, links)
            last, count = links[-1].number, count + len(links)
            sink.checkpoint(practice, self._signed(keys, Checkpoint, last, links[-1].digest))
            log.audit_shipped(practice, last)
        head = log.audit_head(practice)
        if not count and 0 < last == head.number:
            newest = sink.newest(practice)
            if head.shipped < last or newest is None or newest.number < last:
                # Somebody was stopped between the last entry and its checkpoint.
                sink.checkpoint(practice, self._signed(keys, Checkpoint, last, head.digest))
                log.audit_shipped(practice, last)
        return count

    def _signed(self, keys: AuditKeys, kind: type[_Kind], number: int, digest: str) -> _Kind:
        made = kind(
            practice=self._context.practice,
            number=number,
            digest=digest,
            at=self._context.now(),
            key=keys.signing,
        )
        return attrs.evolve(made, signature=keys.sign(made.message))

    # -------------------------------------------------------------------- pruning

    def _both(self, log: AuditLog, sink: AuditSink, head: AuditHead) -> Iterator[ChainedRow]:
        """The links that database and sink agree on, from the first one that is kept."""
        shipped = sink.records(self._context.practice, after=head.begins_after)
        kept = links_of(log, self._context.practice, head.begins_after, head.number)
        for one, there in zip(kept, shipped, strict=False):
            if one != there or one.number > head.shipped:
                return
            yield one

    def _old(self, log: AuditLog, sink: AuditSink, head: AuditHead) -> Iterator[ChainedRow]:
        """Those of them that were recorded before the retention."""
        oldest = microseconds(self._context.now()) - head.retention // _MICROSECOND
        for one in self._both(log, sink, head):
            if one.row is None or one.row.recorded_at >= oldest:
                return
            yield one

    # ------------------------------------------------------------------ reporting

    def _asked(self, patient: str, since: datetime, until: datetime | None) -> _Asked:
        check_id(patient, "patient")
        end = self._context.now() + _JUST_NOW if until is None else instant(until)
        return _Asked(patient, microseconds(instant(since)), microseconds(end))

    def _rows(self, asked: _Asked, after: Seen | None, limit: int) -> list[AuditRow]:
        log, practice = self._log(), self._context.practice
        found = log.audit_of(
            practice,
            asked.patient,
            since=asked.since,
            until=asked.until,
            after=after,
            limit=limit,
        )
        return list(found)

    def _entries(self, asked: _Asked) -> Iterator[AuditEntry]:
        after, checked = None, self._checked()
        while rows := self._rows(asked, after, _AT_ONCE):
            yield from map(checked, rows)
            after = Seen(rows[-1].at, rows[-1].id)

    def _checked(self) -> Checked:
        macs = self._log().audit_keys(self._context.practice).macs

        def checked(row: AuditRow) -> AuditEntry:
            if not is_genuine(row, macs):
                raise AuditDamaged(row.id)
            return entry_of(row)

        return checked

    def _log(self) -> AuditLog:
        store = self._context.store
        if not isinstance(store, AuditLog) or not store.audited:
            raise AuditNotKept(type(store).__name__)
        return store


def _seen(text: str) -> tuple[int, Seen]:
    """The end of a report, and how far it was read, as its cursor says."""
    try:
        until, at, id = text.split(" ", 2)
        return int(until), Seen(int(at), id)
    except ValueError:
        raise InvalidCursor("cursor", len(text), "not a cursor of this list") from None
