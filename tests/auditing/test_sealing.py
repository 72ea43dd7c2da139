"""Sealing among writers and other sealers, and sealing that is killed."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.auditing.kit import PRACTICE, ListSink, filled, full_entry
from tests.databases import ENGINES, Databases

from medsched import Scheduler
from medsched.adapters.audit.file_sink import FileSink
from medsched.domain.audit import AuditEntry
from medsched.domain.audit_chain import AuditFinding
from medsched.domain.audit_rows import AuditRow
from medsched.domain.changes import Applied
from medsched.ports.audit_log import AuditLog
from medsched.ports.store import Store
from medsched.testing.contracts.auditing import an_entry, chain_of
from medsched.testing.contracts.kit import changes, race

WRITERS, EACH, SEALERS = 16, 6, 3


def booked(store: Store, entries: list[AuditEntry]) -> None:
    """Entries, some of changesets, some by themselves."""
    for number, entry in enumerate(entries):
        if number % 2:
            store.record([entry])
        else:
            assert store.apply(changes(PRACTICE, audits=(entry,))) == Applied()


@pytest.mark.parametrize("kind", ["memory", *ENGINES])
def test_sixteen_writers_and_three_sealers_make_one_chain(
    databases: Databases, kind: str, tmp_path: Path
) -> None:
    """All of them ship, too, and whoever verifies meanwhile finds nothing."""
    store = databases.audited(kind)
    sink, found = FileSink(tmp_path), list[AuditFinding]()
    made = [[an_entry(PRACTICE, principal=f"{one}") for _ in range(EACH)] for one in range(WRITERS)]

    def seal() -> None:
        for _ in range(6):
            Scheduler(store).practice(PRACTICE).audit.seal(FileSink(tmp_path))

    def verify() -> None:
        for _ in range(4):
            found.extend(Scheduler(store).practice(PRACTICE).audit.verify(sink).findings)

    store.audit_keys(PRACTICE)
    race(*(partial(booked, store, entries) for entries in made), *[seal] * SEALERS, verify)
    assert found == []
    audit = Scheduler(store).practice(PRACTICE).audit
    sealed = audit.seal(sink)
    chain = chain_of(store, PRACTICE)
    assert sorted(one.entry for one in chain) == sorted(one.id for some in made for one in some)
    came = audit.verify(sink, expecting=sealed.checkpoint)
    assert (came.sealed, came.unsealed, came.findings) == (WRITERS * EACH, 0, ())
    for writer in range(WRITERS):  # each waited for its own entry before it wrote the next one
        mine = [one.entry for one in chain if one.row and one.row.principal == f"{writer}"]
        assert mine == [one.id for one in made[writer]]


class TestKilled:
    """Somebody who seals and ships dies before, or after, any statement."""

    @pytest.fixture(autouse=True)
    def extras(self) -> None:
        pytest.importorskip("sqlalchemy", reason="the extra sqlalchemy is not installed")
        pytest.importorskip("cryptography", reason="the extra encryption is not installed")

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Any]:
        """A database that nobody else uses."""
        from medsched.adapters.sqlalchemy import SqlAlchemyStore, create

        store = SqlAlchemyStore(f"sqlite:///{tmp_path}/clinic.db", audit=_keeping())
        create(store.engine)
        yield store
        store.engine.dispose()

    @pytest.fixture
    def killed(self, store: Any) -> Callable[..., bool]:
        """Runs something that dies at the so manyth point; whether it came that far."""
        from tests.kills.points import Point, Points

        points = Points(store.engine)

        class Killed(BaseException):
            pass

        def run(work: Callable[[], object], at: int) -> bool:
            reached = [0]

            def listen(point: Point) -> None:
                # After one statement is before the next one, but for a COMMIT.
                reached[0] += point.moment == "before" or point.may_commit
                if reached[0] == at:
                    raise Killed

            with points.told_to(listen):
                try:
                    work()
                except Killed:
                    died = True
                else:
                    died = False
            if died:
                gc.collect()  # a cursor that is left over would keep what a process gives up
                return True
            assert reached[0] < at
            return False

        return run

    def test_at_any_statement_while_it_seals(self, store: Any, killed: Callable[..., bool]) -> None:
        sink, entries = ListSink(), 0
        for at in count(1):
            store.record([full_entry(entries), full_entry(entries + 1)])
            entries += 2
            audit = Scheduler(store).practice(PRACTICE).audit
            died = killed(partial(audit.seal, sink), at)
            came = audit.verify(sink)
            assert came.is_clean, at
            assert came.sealed + came.unsealed == entries
            audit.seal(sink)
            assert audit.verify(sink).sealed == sink.last(PRACTICE) == entries
            assert sink.signed[-1].number == entries
            if not died:
                break
        assert at > 12

    def test_at_any_statement_while_it_books(self, store: Any, killed: Callable[..., bool]) -> None:
        """What is not booked is not written down, and the other way round."""
        from medsched.testing.contracts.kit import appointment

        store.audit_keys(PRACTICE)
        rows: Sequence[AuditRow] = ()
        for at in count(1):
            visit = appointment(f"v{at}", 30_000_000 + 60 * at)
            made = changes(
                PRACTICE,
                visit,
                claims=visit.claims,
                events=_created(visit),
                audits=(an_entry(PRACTICE, record=visit.id),),
            )
            died = killed(partial(store.apply, made), at)
            there = store.get(PRACTICE, type(visit), visit.id) is not None
            rows = store.unsealed_audit(PRACTICE, after="", limit=999)
            assert (visit.id in {row.record for row in rows}) is there, at
            if not died:
                assert there
                break
        assert at > 5
        assert store.seal_audit(PRACTICE) == len(rows)

    def test_at_any_call_of_the_sink(self, store: Any) -> None:
        audit = filled(store, 3).audit
        for at in count(1):
            sink = Mortal(at)
            try:
                audit.seal(sink)
            except Died:
                store.record([full_entry(100 + at)])
                sink.left = 10**6
                audit.seal(sink)
            else:
                break
            assert audit.verify(sink).is_clean
            assert sink.last(PRACTICE) == sink.signed[-1].number == 3 + at
            assert isinstance(store, AuditLog)
            assert store.audit_head(PRACTICE).shipped == 3 + at
        assert at > 3


class Died(BaseException):
    """The end of a process."""


class Mortal(ListSink):
    """A sink during which the process dies: before the call, or halfway through it."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left

    def _step(self) -> None:
        self.left -= 1
        if not self.left:
            raise Died

    def last(self, practice: str) -> int:
        return super().last(practice)

    def append(self, practice: str, records: Any) -> None:
        self._step()
        super().append(practice, records[:1])
        self._step()
        super().append(practice, records)
        self._step()

    def checkpoint(self, practice: str, signed: Any) -> None:
        self._step()
        super().checkpoint(practice, signed)
        self._step()


def _keeping() -> Any:
    from medsched.adapters.audit.keeping import AuditKeeping
    from medsched.adapters.keys.local import LocalKeys

    return AuditKeeping(LocalKeys.generate())


def _created(booking: Any) -> Any:
    from medsched.domain.events import Change, Event

    return (Event.of(Change.CREATED, booking),)
