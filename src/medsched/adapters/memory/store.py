"""The store in memory: one lock, and the rows of each practice behind it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence, Set
from datetime import date, datetime, timedelta
from itertools import islice
from threading import Lock
from uuid import uuid4

from medsched.adapters.memory.audit import Journal
from medsched.adapters.memory.rows import Rows
from medsched.adapters.memory.slot_table import Days
from medsched.adapters.surroundings import standard
from medsched.domain.access import EVERYTHING, Reach
from medsched.domain.agendas import Agenda, Place
from medsched.domain.appointments import Appointment
from medsched.domain.audit import AuditEntry
from medsched.domain.audit_chain import Anchor, AuditHead, ChainedRow
from medsched.domain.audit_rows import AuditRow, microseconds
from medsched.domain.availability_changes import NumberedTouch
from medsched.domain.changes import Applied, Changeset, Outcome
from medsched.domain.claims import Claim
from medsched.domain.events import NumberedEvent
from medsched.domain.holds import Hold
from medsched.domain.idempotency import KEPT_FOR, Receipt
from medsched.domain.ledger import LedgerKey
from medsched.domain.lookups import Sought
from medsched.domain.published import PublishedDay
from medsched.domain.records import Resource
from medsched.domain.stored import Kind, Ref, Stored, StoredT, kind_of
from medsched.ports.audit_log import AuditKeys, Seen, Strays
from medsched.ports.store import RETRIES, Taken, VersionedCalendar
from medsched.ports.surroundings import Surroundings


class MemoryStore:
    """A `Store`, `SlotTable` and `AuditLog` that keeps all in this process, and nothing after it.

    Threads may share it: one lock is held for the length of each call. Records are frozen,
    so what a reader was given never changes under it. With ``audit`` an audit is kept, under
    random keys that are gone with the store. Nothing of it is at rest anywhere, so nothing is
    encrypted.
    """

    def __init__(self, surroundings: Surroundings | None = None, *, audit: bool = False) -> None:
        self._surroundings = surroundings or standard()
        self._audited = audit
        self._journals: dict[str, Journal] = {}
        self._lock = Lock()
        self._practices: defaultdict[str, Rows] = defaultdict(Rows)
        self._published: defaultdict[str, Days] = defaultdict(Days)

    @property
    def surroundings(self) -> Surroundings:
        return self._surroundings

    @property
    def retries(self) -> int:
        return RETRIES

    def get(self, practice: str, cls: type[StoredT], id: str) -> StoredT | None:
        with self._lock:
            found = self._practice(practice).records.get(Ref(kind_of(cls), id))
        return found if isinstance(found, cls) else None

    def get_many(self, practice: str, refs: Collection[Ref]) -> Mapping[Ref, Stored]:
        return self._named(practice, refs)

    @property
    def seals(self) -> bool:
        return False

    def bare(self, practice: str, refs: Collection[Ref]) -> Mapping[Ref, Stored]:
        return self._named(practice, [ref for ref in refs if ref.kind is not Kind.GRANT])

    def _named(self, practice: str, refs: Collection[Ref]) -> Mapping[Ref, Stored]:
        with self._lock:
            records = self._practice(practice).records
            return {ref: records[ref] for ref in refs if ref in records}

    def page(
        self,
        practice: str,
        cls: type[StoredT],
        *,
        active: bool | None,
        where: Mapping[str, object],
        after: str | None,
        limit: int,
        within: Reach = EVERYTHING,
    ) -> Sequence[StoredT]:
        with self._lock:
            rows = self._practice(practice)
            found = (
                record
                for record in rows.after(cls, after)
                if active in (None, record.active)
                and _matches(record, where)
                and rows.reaches(within, record)
            )
            return list(islice(found, limit))

    def calendars(
        self, practice: str, resources: Collection[Resource]
    ) -> Mapping[Resource, VersionedCalendar]:
        with self._lock:
            rows = self._practice(practice)
            return {
                one: VersionedCalendar(rows.schedule_versions.get(one, 0), rows.calendar(one))
                for one in resources
            }

    def schedule_versions(
        self, practice: str, resources: Collection[Resource]
    ) -> Mapping[Resource, int]:
        with self._lock:
            versions = self._practice(practice).schedule_versions
            return {one: versions.get(one, 0) for one in resources}

    def roster_version(self, practice: str) -> int:
        with self._lock:
            return self._practice(practice).roster_version

    def all_schedule_versions(self, practice: str) -> Mapping[Resource, int]:
        with self._lock:
            return dict(self._practice(practice).schedule_versions)

    def referrers(self, practice: str, ref: Ref, *, limit: int = 100) -> Sequence[Ref]:
        with self._lock:
            return sorted(self._practice(practice).referrers.get(ref, ()))[:limit]

    def claims(
        self, practice: str, resources: Collection[Resource], low: int, high: int
    ) -> Sequence[Claim]:
        with self._lock:
            ledger = self._practice(practice).ledger
            return [
                claim
                for resource in sorted(set(resources))
                for claim in ledger.between(resource, low, high)
            ]

    def ledger(
        self, practice: str, resources: Collection[Resource], first: int, last: int
    ) -> Mapping[LedgerKey, int]:
        with self._lock:
            return self._practice(practice).ledger.rows(resources, first, last)

    def taken(
        self,
        practice: str,
        resources: Collection[Resource],
        first: int,
        last: int,
        *,
        hours: tuple[int, int] = (0, 24),
        now: datetime,
    ) -> Taken:
        with self._lock:
            rows = self._practice(practice)
            found = rows.ledger.rows(resources, first, last)
            holds = [rows.records[Ref(Kind.HOLD, id)] for id in rows.ids.get(Kind.HOLD, ())]
            expired = [one for one in holds if isinstance(one, Hold) and not one.is_live(now)]
            lapsed = [span for hold in expired for span in hold.reach]
            return Taken(rows.roster_version, found, lapsed)

    def appointments(
        self,
        practice: str,
        agenda: Agenda,
        *,
        after: Place | None,
        limit: int,
        skip: int = 0,
        within: Reach = EVERYTHING,
    ) -> Sequence[Appointment]:
        found = self._agenda(practice, agenda, within)
        found.sort(key=agenda.place, reverse=agenda.descending)
        if after is not None:
            way = -1 if agenda.descending else 1
            found = [one for one in found if _sign(agenda.place(one), after) == way]
        return found[skip : skip + limit]

    def count_appointments(
        self, practice: str, agenda: Agenda, *, within: Reach = EVERYTHING
    ) -> int:
        return len(self._agenda(practice, agenda, within))

    def _agenda(self, practice: str, agenda: Agenda, within: Reach) -> list[Appointment]:
        """What an agenda asks for and a reach reaches, in no order."""
        with self._lock:
            rows = self._practice(practice)
            matching = filter(agenda.matches, rows.after(Appointment, None))
            return [one for one in matching if rows.reaches(within, one)]

    def expired_holds(self, practice: str, now: datetime, *, limit: int) -> Sequence[Hold]:
        with self._lock:
            holds = self._practice(practice).after(Hold, None)
            expired = [hold for hold in holds if not hold.is_live(now)]
        return sorted(expired, key=lambda hold: (hold.expires, hold.id))[:limit]

    def tallies(self, practice: str, names: Collection[str]) -> Mapping[str, int]:
        with self._lock:
            counted = self._practice(practice).tallies
            return {name: counted.get(name, 0) for name in names}

    def receipt(self, practice: str, scope: str, now: datetime) -> Receipt | None:
        with self._lock:
            found = self._practice(practice).receipts.get(scope)
        if found is None or found[0].made_at <= now - KEPT_FOR:
            return None
        return found[1]

    def forget_receipts(self, practice: str, before: datetime) -> int:
        with self._lock:
            receipts = self._practice(practice).receipts
            old = [scope for scope, (made, _) in receipts.items() if made.made_at < before]
            for scope in old:
                del receipts[scope]
            return len(old)

    def number_events(self, practice: str) -> int:
        with self._lock:  # they are numbered by the order in which they were applied
            return len(self._practice(practice).events)

    def events(self, practice: str, *, after: int, limit: int) -> Sequence[NumberedEvent]:
        first = max(after, 0)
        with self._lock:
            events = self._practice(practice).events[first : first + limit]
        return [NumberedEvent(first + at, event) for at, event in enumerate(events, 1)]

    def changes(self, practice: str, *, after: int, limit: int) -> Sequence[NumberedTouch]:
        with self._lock:
            return list(islice(self._practice(practice).touched(after), limit))

    def published_pairs(self, practice: str) -> Sequence[tuple[str, str]]:
        with self._lock:
            return self._published.get(practice, Days()).pairs()

    def published_days(
        self, practice: str, provider: str, type: str, first: date, last: date
    ) -> Mapping[date, PublishedDay]:
        with self._lock:
            days = self._published.get(practice, Days())
            return days.between(provider, type, first, last)

    def publish_day(self, practice: str, day: PublishedDay) -> None:
        with self._lock:
            self._published[practice].put(day)

    def withdraw_days(
        self, practice: str, provider: str, type: str, *, kept: tuple[date, date] | None = None
    ) -> int:
        with self._lock:
            return self._published.get(practice, Days()).withdraw(provider, type, kept)

    def reached(self, practice: str, records: Collection[Stored], reach: Reach) -> Set[Ref]:
        with self._lock:
            rows = self._practice(practice)
            return {Ref.to(one) for one in records if rows.reaches(reach, one)}

    def apply(self, changeset: Changeset) -> Outcome:
        with self._lock:
            rows = self._practice(changeset.practice)
            outcome = rows.against(changeset)
            if isinstance(outcome, Applied):
                if changeset.audits:
                    self._write_down(changeset.practice, changeset.audits)
                # From here on nothing can fail: what could, was tried above without a trace.
                self._practices.setdefault(changeset.practice, rows).take(changeset)
            return outcome

    # --------------------------------------------------------------------- the audit

    @property
    def audited(self) -> bool:
        return self._audited

    def record(self, entries: Sequence[AuditEntry]) -> None:
        if entries:
            with self._lock:
                self._write_down(entries[0].practice, entries)

    def _write_down(self, practice: str, entries: Sequence[AuditEntry]) -> None:
        if self._audited and entries:
            journal = self._journal(practice)
            journal.check(entries)
            now = microseconds(self._surroundings.clock.now())
            self._journals.setdefault(practice, journal).write(entries, uuid4().hex, now)

    def audit_keys(self, practice: str) -> AuditKeys:
        with self._lock:
            return self._journals.setdefault(practice, Journal(practice)).keys

    def kept_audit_keys(self, practice: str) -> AuditKeys | None:
        with self._lock:
            journal = self._journals.get(practice)
            return None if journal is None else journal.keys

    def audit_head(self, practice: str) -> AuditHead:
        with self._lock:
            return self._journal(practice).head

    def seal_audit(self, practice: str) -> int:
        with self._lock:
            return self._journal(practice).seal()

    def sealed_audit(self, practice: str, *, after: int, limit: int) -> Sequence[ChainedRow]:
        with self._lock:
            return self._journal(practice).sealed(after, limit)

    def unsealed_audit(self, practice: str, *, after: str, limit: int) -> Sequence[AuditRow]:
        with self._lock:
            return self._journal(practice).unsealed(after, limit)

    def stray_audit(self, practice: str, *, limit: int) -> Strays:
        return Strays()

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
        with self._lock:
            return self._journal(practice).about(patient, since, until, after, limit)

    def audit_shipped(self, practice: str, number: int) -> None:
        with self._lock:
            self._journal(practice).ship(number)

    def retain_audit(self, practice: str, period: timedelta) -> None:
        with self._lock:
            self._journals.setdefault(practice, Journal(practice)).retain(period)

    def prune_audit(self, practice: str, anchor: Anchor) -> int:
        with self._lock:
            return self._journal(practice).prune(anchor)

    def _journal(self, practice: str) -> Journal:
        """The audit of a practice; asking for an unknown one leaves nothing behind."""
        return self._journals.get(practice) or Journal(practice)

    def _practice(self, id: str) -> Rows:
        """The rows of a practice; asking for an unknown one leaves nothing behind."""
        return self._practices.get(id) or Rows()


def _sign(one: Place, other: Place) -> int:
    return (one > other) - (one < other)


def _matches(record: Stored, where: Mapping[str, object]) -> bool:
    for field, wanted in where.items():
        held = getattr(record, field)
        if isinstance(wanted, Sought):
            if not wanted.matches(held):
                return False
        elif not (wanted in held if isinstance(held, frozenset) else held == wanted):
            return False
    return True
