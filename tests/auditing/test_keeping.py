"""Keys, sinks, the retention, and the host's own transactions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from tests.auditing.kit import PRACTICE, ListSink, filled, flaws, full_entry
from tests.databases import ENGINES, Databases, unguarded

from medsched import MemoryStore, Practice, Scheduler
from medsched.adapters.audit.file_sink import FileSink
from medsched.domain.audit_chain import LONGEST, SIX_YEARS
from medsched.domain.audit_rows import AuditRow
from medsched.domain.changes import Applied
from medsched.domain.people import Patient
from medsched.errors import (
    AuditDamaged,
    AuditNotKept,
    InvalidChoice,
    InvalidDuration,
    KeysNotKept,
    KeyUnavailable,
    StorageError,
)
from medsched.ports.audit_sink import AuditSink
from medsched.ports.keys import WrappedKey
from medsched.testing.contracts.auditing import about, an_entry, chain_of
from medsched.testing.contracts.kit import changes, race
from medsched.testing.fixed import FixedClock

EIGHT = timedelta(days=8 * 366)


# ------------------------------------------------------------------------------- sinks


class TestFileSink:
    @pytest.fixture
    def clinic(self) -> Practice:
        return filled(MemoryStore(audit=True), 5)

    def test_it_gives_back_what_it_was_given(self, clinic: Practice, tmp_path: Path) -> None:
        beside, sink = ListSink(), FileSink(tmp_path / "sink")
        assert sink.last(PRACTICE) == 0
        assert list(sink.records(PRACTICE)) == []
        assert list(sink.checkpoints(PRACTICE)) == []
        clinic.audit.seal(beside)
        clinic.audit.seal(sink)
        again = FileSink(tmp_path / "sink")
        assert list(again.records(PRACTICE)) == beside.links
        assert list(again.records(PRACTICE, after=3)) == beside.links[3:]
        assert again.last(PRACTICE) == 5
        assert [one.number for one in again.checkpoints(PRACTICE)] == [5]
        again.append(PRACTICE, beside.links)
        assert list(again.records(PRACTICE)) == beside.links
        assert clinic.audit.verify(again).is_clean
        assert again.last("another") == 0

    def test_torn_at_any_byte_it_is_mended(self, clinic: Practice, tmp_path: Path) -> None:
        sink = FileSink(tmp_path)
        clinic.audit.seal(sink)
        (place,) = tmp_path.iterdir()
        whole = place.read_bytes()
        begin = whole.rindex(b'{"record"')
        for at in (*range(begin, len(whole), 37), begin + 1, len(whole) - 1):
            place.write_bytes(whole[:at])
            assert sink.last(PRACTICE) in (4, 5)
            assert [one.number for one in sink.records(PRACTICE)][:4] == [1, 2, 3, 4]
            clinic.audit.seal(sink)
            assert [one.number for one in sink.records(PRACTICE)] == [1, 2, 3, 4, 5]
            assert clinic.audit.verify(sink).is_clean, at

    def test_every_line_changed_is_found(self, clinic: Practice, tmp_path: Path) -> None:
        sink = FileSink(tmp_path)
        clinic.audit.seal(sink)
        (place,) = tmp_path.iterdir()
        lines = place.read_bytes().splitlines(keepends=True)
        for at, line in enumerate(lines[:5]):
            for changed in (
                b"",
                b"x\n",
                b"{}\n",
                b"\xff\n",
                line + line,
                line.replace(b"ada", b"adb"),
            ):
                place.write_bytes(b"".join([*lines[:at], changed, *lines[at + 1 :]]))
                found = flaws(clinic.audit.verify(sink).findings)
                assert {one for one, _, _ in found} == {"sink"}, (at, changed)
        nested, unsigned = b"[" * 100_000, ("sink", "unsigned", 5)
        for checkpoint in (b"{}", b"5", b"[]", b'{"number": 1e999}', nested):
            place.write_bytes(b"".join([*lines[:5], b'{"checkpoint": %s}\n' % checkpoint]))
            found = flaws(clinic.audit.verify(sink).findings)
            assert found & {("sink", "forged", 0), ("sink", "missing", 6)}
            assert unsigned in found
        place.write_bytes(b"".join(lines[:5]))
        assert flaws(clinic.audit.verify(sink).findings) == {unsigned}
        clinic.audit.seal(sink)
        assert clinic.audit.verify(sink).is_clean

    def test_every_member_of_a_line_changed_is_found(
        self, clinic: Practice, tmp_path: Path
    ) -> None:
        """Of whatever type it is then."""
        sink = FileSink(tmp_path)
        clinic.audit.seal(sink)
        (place,) = tmp_path.iterdir()
        first, *rest = place.read_bytes().splitlines(keepends=True)
        values: list[object] = [None, "x", [], [[]], {}, 1.5, True, -1, 10**30]
        for value in values:
            for name in ("number", "mac_key", "digest", "entry", "row", "more"):
                line = json.loads(first)
                line["record"][name] = value
                place.write_bytes(b"".join([json.dumps(line).encode() + b"\n", *rest]))
                assert not clinic.audit.verify(sink).is_clean, (name, value)
            for name in AuditRow._fields:
                line = json.loads(first)
                if line["record"]["row"][name] != value:
                    line["record"]["row"][name] = value
                    place.write_bytes(b"".join([json.dumps(line).encode() + b"\n", *rest]))
                    assert not clinic.audit.verify(sink).is_clean, (name, value)

    def test_a_line_far_ahead_ends_shipping(self, clinic: Practice, tmp_path: Path) -> None:
        sink = FileSink(tmp_path)
        clinic.audit.seal(sink)
        (place,) = tmp_path.iterdir()
        whole = place.read_bytes()
        for number in (6, 999, 10**30):
            ahead = {"number": number, "mac_key": 1, "digest": "x", "entry": "x", "row": None}
            place.write_bytes(whole + json.dumps({"record": ahead}).encode() + b"\n")
            assert ("sink", "missing", number) in flaws(clinic.audit.verify(sink).findings)
            with pytest.raises(AuditDamaged):
                clinic.audit.seal(sink)

    def test_practices_with_any_name(self, tmp_path: Path) -> None:
        store, sink = MemoryStore(audit=True), FileSink(tmp_path)
        for name in ("..", "a/b", "A", "a", "x" * 255, "é"):
            filled(store, 1, practice=name).audit.seal(sink)
            assert sink.last(name) == 1
        assert len(list(tmp_path.iterdir())) == 6

    def test_a_folder_that_is_none(self, clinic: Practice, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("x")
        with pytest.raises(StorageError):
            clinic.audit.seal(FileSink(tmp_path / "file"))

    def test_many_who_ship_at_once(self, tmp_path: Path) -> None:
        store, sink = MemoryStore(audit=True), FileSink(tmp_path)
        clinic = filled(store, 60)
        race(*[lambda: clinic.audit.seal(FileSink(tmp_path))] * 6)
        assert [one.number for one in sink.records(PRACTICE)] == list(range(1, 61))
        assert clinic.audit.verify(sink).is_clean


@pytest.fixture
def keeping() -> Any:
    pytest.importorskip("cryptography", reason="the extra encryption is not installed")
    from medsched.adapters.audit.keeping import AuditKeeping
    from medsched.adapters.keys.local import LocalKeys

    return AuditKeeping(LocalKeys.generate())


@pytest.mark.parametrize("kind", ENGINES)
def test_a_sink_in_a_database(databases: Databases, kind: str) -> None:
    store: Any = databases.audited(kind)
    import sqlalchemy as sa

    from medsched.adapters.audit.database_sink import DatabaseSink

    clinic, sink = filled(store, 5), DatabaseSink(store.engine)
    sink.create()
    try:
        assert sink.last(PRACTICE) == 0
        sealed = clinic.audit.seal(sink)
        assert [one.number for one in sink.records(PRACTICE, after=2)] == [3, 4, 5]
        assert list(sink.records(PRACTICE)) == chain_of(store, PRACTICE)
        sink.append(PRACTICE, chain_of(store, PRACTICE))
        assert [one.number for one in sink.checkpoints(PRACTICE)] == [5]
        assert clinic.audit.verify(sink, expecting=sealed.checkpoint).is_clean
    finally:
        with store.engine.begin() as connection:
            for table in ("record", "checkpoint"):
                connection.execute(sa.text(f"DROP TABLE medsched_sink_{table}"))
    databases.check_returned(kind)


# -------------------------------------------------------------------------------- keys


class Away:
    """A `KeyProvider` that cannot be reached."""

    current = "away"

    def wrap(self, key: bytes, context: Mapping[str, str]) -> WrappedKey:
        raise KeyUnavailable("away", "503")

    def unwrap(self, wrapped: WrappedKey, context: Mapping[str, str]) -> bytes:
        raise KeyUnavailable("away", "503")


class Meeting:
    """A `KeyProvider` whose callers wait for one another before they wrap a key."""

    def __init__(self, keys: Any, callers: int) -> None:
        self._keys, self._met, self.current = keys, Barrier(callers), keys.current

    def wrap(self, key: bytes, context: Mapping[str, str]) -> WrappedKey:
        with suppress(BrokenBarrierError):
            self._met.wait(5)
        wrapped: WrappedKey = self._keys.wrap(key, context)
        return wrapped

    def unwrap(self, wrapped: WrappedKey, context: Mapping[str, str]) -> bytes:
        key: bytes = self._keys.unwrap(wrapped, context)
        return key


class Lying:
    """A `KeyProvider` that wraps what it cannot unwrap, or unwraps to something else."""

    def __init__(self, keys: Any, *, wrapped: str | None = None, key: bytes | None = None) -> None:
        self._keys, self._wrapped, self._key = keys, wrapped, key
        self.current = keys.current

    def wrap(self, key: bytes, context: Mapping[str, str]) -> WrappedKey:
        wrapped: WrappedKey = self._keys.wrap(key, context)
        return wrapped if self._wrapped is None else wrapped._replace(text=self._wrapped)

    def unwrap(self, wrapped: WrappedKey, context: Mapping[str, str]) -> bytes:
        key: bytes = self._keys.unwrap(wrapped, context)
        return key if self._key is None else self._key


class TestKeys:
    @pytest.fixture(params=ENGINES)
    def store(self, request: pytest.FixtureRequest, databases: Databases) -> Iterator[Any]:
        yield databases.audited(request.param)
        databases.check_returned(request.param)

    def test_no_key_no_write(self, store: Any, databases: Databases) -> None:
        from medsched.adapters.audit.keeping import AuditKeeping

        filled(store, 1)
        kind = store.engine.dialect.name
        for practice in (PRACTICE, "hilltop"):
            dark = databases.another(kind, audit=AuditKeeping(Away()))
            ada = Patient(id="ada", version=1)
            with pytest.raises(KeyUnavailable):
                dark.apply(changes(practice, ada, audits=(an_entry(practice),)))
            with pytest.raises(KeyUnavailable):
                dark.record([an_entry(practice)])
            assert store.get(practice, Patient, "ada") is None
            assert dark.apply(changes(practice, ada)) == Applied(), "of what nothing is audited"
        assert len(about(store, PRACTICE)) == 1
        assert about(store, "hilltop") == []

    def test_a_key_that_does_not_come_out_again_is_not_kept(
        self, store: Any, databases: Databases, keeping: Any
    ) -> None:
        from medsched.adapters.audit.keeping import AuditKeeping

        kind = store.engine.dialect.name
        for lie in ({"wrapped": "Z2FyYmFnZQ=="}, {"key": b"y" * 32}):
            lying: Any = Lying(keeping._keys, **lie)
            with pytest.raises(KeyUnavailable):
                databases.another(kind, audit=AuditKeeping(lying)).record([an_entry(PRACTICE)])
            assert store.kept_audit_keys(PRACTICE) is None
        fine = databases.another(kind, audit=AuditKeeping(keeping._keys))
        fine.record([an_entry(PRACTICE)])

    def test_another_public_half_is_found(self, store: Any) -> None:
        import sqlalchemy as sa

        from medsched.adapters.sqlalchemy.schema import tables

        clinic = filled(store, 1)
        key = tables().audit_key
        with unguarded(store.engine) as connection:
            there = sa.update(key).where(key.c.purpose == "sign")
            connection.execute(there.values(public="AAAA"))
        assert flaws(clinic.audit.verify().findings) == {("key", "changed", 1)}

    def test_keys_that_make_no_sense(self, databases: Databases, keeping: Any) -> None:
        from medsched.adapters.sqlalchemy.schema import tables
        from medsched.errors import MedschedError

        databases.audited("sqlite")
        store: Any = databases.another("sqlite", audit=keeping)
        clinic, key = filled(store, 1), tables().audit_key
        for column in ("wrapped", "wrapped_by", "purpose", "number"):
            for bits in ("CAST(x'ff' AS TEXT)", "x'ff'", "'zz'", "1.5"):
                with store.engine.connect() as connection:
                    names = [one.name for one in key.columns]
                    kept = connection.exec_driver_sql(f"SELECT {', '.join(names)} FROM {key}").all()
                with unguarded(store.engine) as connection:
                    connection.exec_driver_sql(
                        f"UPDATE {key} SET {column} = {bits} WHERE purpose = 'mac'"
                    )
                with pytest.raises(MedschedError):
                    clinic.audit.verify()
                with unguarded(store.engine) as connection:
                    connection.exec_driver_sql(f"DELETE FROM {key}")
                    values = ", ".join("?" * len(names))
                    for row in kept:
                        connection.exec_driver_sql(
                            f"INSERT INTO {key} VALUES ({values})", tuple(row)
                        )
        assert clinic.audit.verify().is_clean

    def test_processes_agree_on_one(self, store: Any, databases: Databases, keeping: Any) -> None:
        """Each has a store and an object of keys of its own, over one provider."""
        from medsched.adapters.audit.keeping import AuditKeeping

        kind, keys = store.engine.dialect.name, Meeting(keeping._keys, 6)
        rivals = [databases.another(kind, audit=AuditKeeping(keys)) for _ in range(6)]
        race(*(partial(one.record, [an_entry("new")]) for one in rivals))
        macs = [dict(one.audit_keys("new").macs) for one in rivals]
        assert all(one == macs[0] for one in macs)
        assert Scheduler(rivals[0]).practice("new").audit.verify().unsealed == 6
        assert Scheduler(rivals[0]).practice("new").audit.verify().is_clean

    def test_wrapped_anew_they_stay(self, store: Any, databases: Databases, tmp_path: Path) -> None:
        from medsched.adapters.audit.keeping import AuditKeeping
        from medsched.adapters.keys.local import LocalKeys
        from medsched.adapters.sqlalchemy import rewrap_audit_keys

        kind, path = store.engine.dialect.name, tmp_path / "keys.json"
        old = LocalKeys.create(path)
        for practice in (PRACTICE, "hilltop"):
            filled(databases.another(kind, audit=AuditKeeping(old)), 2, practice=practice)
        new = AuditKeeping(LocalKeys.rotate(path))
        assert rewrap_audit_keys(store.engine, new) == 4
        assert rewrap_audit_keys(store.engine, new) == 0
        current = LocalKeys.read(path).current
        only = LocalKeys({current: LocalKeys_secret(path, current)}, current)
        again = databases.another(kind, audit=AuditKeeping(only))
        for practice in (PRACTICE, "hilltop"):
            came = Scheduler(again).practice(practice).audit.verify()
            assert (came.unsealed, came.findings) == (2, ())

    def test_a_key_of_another_practice_opens_nothing(self, store: Any) -> None:
        import sqlalchemy as sa

        from medsched.adapters.sqlalchemy.schema import tables
        from medsched.errors import DecryptionError

        filled(store, 1)
        key = tables().audit_key
        with unguarded(store.engine) as connection:
            connection.execute(sa.update(key).values(practice="hilltop"))
        store._opened.clear()
        with pytest.raises(DecryptionError):
            store.record([an_entry("hilltop")])


def LocalKeys_secret(path: Path, name: str) -> bytes:
    import json
    from base64 import b64decode

    return b64decode(json.loads(path.read_text())["keys"][name])


@pytest.mark.parametrize("kind", ENGINES)
def test_nobody_writes_past_an_audit(databases: Databases, kind: str) -> None:
    """A store that was not given it does not write where one is kept; elsewhere it does."""
    filled(databases.audited(kind), 1)
    plain, ada = databases.another(kind), Patient(id="ada", version=1)
    with pytest.raises(AuditNotKept):
        plain.apply(changes(PRACTICE, ada))
    assert plain.get(PRACTICE, Patient, "ada") is None
    assert plain.apply(changes("hilltop", ada)) == Applied()
    databases.check_returned(kind)


def test_what_is_not_shredded_is_not_written_down(tmp_path: Path, keeping: Any) -> None:
    from medsched.adapters.sqlalchemy import SqlAlchemyStore, create
    from medsched.adapters.sqlalchemy.sealing import Encryption, seal_all

    url, encryption = f"sqlite:///{tmp_path}/clinic.db", Encryption(keeping._keys)
    create(url)
    plain = SqlAlchemyStore(url, audit=keeping)
    Scheduler(plain).practice(PRACTICE).patients.create(id="ada", name="Ada")
    sealed = SqlAlchemyStore(url, audit=keeping, encryption=encryption)
    Scheduler(sealed).practice(PRACTICE).patients.create(id="bob", name="Bob")
    for store, error in ((plain, KeysNotKept), (sealed, KeyUnavailable)):
        with pytest.raises(error):
            Scheduler(store).practice(PRACTICE).shred("ada")
    assert [one.operation for one in about(sealed, PRACTICE)] == ["patient.create"]
    seal_all(url, encryption)
    Scheduler(sealed).practice(PRACTICE).shred("ada")
    assert [one.operation for one in about(sealed, PRACTICE)][1:] == ["patient.shred"]
    for one in (plain, sealed):
        one.engine.dispose()


# --------------------------------------------------------------------------- retention


class TestRetention:
    @pytest.fixture(params=ENGINES)
    def store(self, request: pytest.FixtureRequest, databases: Databases) -> Iterator[Any]:
        yield databases.audited(request.param)
        databases.check_returned(request.param)

    def aged(self, store: Any, count: int, *, first: int = 0) -> None:
        """Some entries were recorded long ago: before they are sealed, nothing covers it."""
        import sqlalchemy as sa

        from medsched.adapters.sqlalchemy.schema import tables

        audit, queue = tables().audit, tables().audit_unsealed
        earlier = EIGHT // timedelta(microseconds=1)
        old = [f"{number:032x}" for number in range(first, count)]
        with unguarded(store.engine) as connection:
            for table, id in ((audit, audit.c.id), (queue, queue.c.entry)):
                values = {"recorded_at": table.c.recorded_at - earlier}
                connection.execute(sa.update(table).where(id.in_(old)).values(values))

    def test_what_is_old_and_shipped_goes(self, store: Any) -> None:
        clinic, sink = filled(store, 8), ListSink()
        self.aged(store, 5)
        first = clinic.audit.seal().checkpoint
        assert clinic.audit.prune(sink).count == 0, "not shipped yet"
        clinic.audit.seal(sink)
        sealed = clinic.audit.seal(sink)
        came = clinic.audit.prune(sink)
        assert came.count == 5
        assert came.anchor is not None
        assert came.anchor.number == 5
        assert [one.number for one in store.sealed_audit(PRACTICE, after=0, limit=99)] == [6, 7, 8]
        assert len(sink.links) == 8
        asks: list[dict[str, Any]] = [
            {},
            {"sink": sink},
            {"sink": sink, "expecting": first},
            {"expecting": first},
        ]
        for ask in asks:
            found = clinic.audit.verify(**ask)
            assert found.findings == (), ask
        again = clinic.audit.prune(sink)
        assert (again.count, again.anchor) == (0, came.anchor)
        clinic.audit.seal(sink)
        found = clinic.audit.verify(sink, expecting=sealed.checkpoint)
        assert (found.sealed, found.findings) == (4, ()), "that it was pruned is an entry too"

    def test_what_a_database_refuses_leaves_no_anchor(self, store: Any) -> None:
        """A clock that is ahead: the first portion is old, and of the second one not all."""
        clinic, sink = filled(store, 6), ListSink()
        self.aged(store, 4)
        clinic.audit.seal(sink)
        ahead = clinic.audit._context.now() + timedelta(days=4000)
        late = Scheduler(store, clock=FixedClock(ahead)).practice(PRACTICE)
        with pytest.raises(StorageError):
            late.audit.prune(sink)
        assert store.audit_head(PRACTICE).anchor is None
        assert [one.number for one in store.sealed_audit(PRACTICE, after=0, limit=9)][:2] == [1, 2]
        assert clinic.audit.verify(sink).is_clean
        assert clinic.audit.prune(sink).count == 4
        assert clinic.audit.verify(sink).is_clean

    def test_in_portions_each_has_its_anchor(
        self, store: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever is stopped between two of them leaves an audit that verifies."""
        monkeypatch.setattr("medsched.services.audit._AT_ONCE", 2)
        clinic, sink = filled(store, 6), ListSink()
        self.aged(store, 5)
        while clinic.audit.seal(sink).count:
            pass
        prune, done = store.prune_audit, list[int]()

        def stopped(practice: str, anchor: Any) -> int:
            if len(done) == 2:
                raise StorageError("prune", "stopped")
            done.append(anchor.number)
            count: int = prune(practice, anchor)
            return count

        monkeypatch.setattr(store, "prune_audit", stopped)
        with pytest.raises(StorageError):
            clinic.audit.prune(sink)
        assert done == [2, 4]
        assert clinic.audit.verify(sink).is_clean
        monkeypatch.setattr(store, "prune_audit", prune)
        assert clinic.audit.prune(sink).count == 1
        assert clinic.audit.verify(sink).is_clean

    def test_a_hundred_years_at_most(self, store: Any) -> None:
        clinic, sink = filled(store, 1), ListSink()
        clinic.audit.seal(sink)
        for days in (36_526, 999_999, 999_999_999):
            with pytest.raises(InvalidDuration):
                clinic.audit.retain(timedelta(days=days))
        assert clinic.audit.retain(LONGEST) == LONGEST
        early = FixedClock(datetime(1980, 1, 1, tzinfo=UTC))
        assert Scheduler(store, clock=early).practice(PRACTICE).audit.prune(sink).count == 0

    def test_what_was_pruned_is_checked_in_the_sink(self, store: Any) -> None:
        clinic, sink = filled(store, 4), ListSink()
        self.aged(store, 2)
        first = clinic.audit.seal(sink).checkpoint
        store.record([full_entry(9)])
        clinic.audit.seal(sink)
        clinic.audit.prune(sink)
        assert clinic.audit.verify(sink, expecting=first).is_clean
        early = sink.signed[0]
        sink.links[0] = sink.links[0]._replace(row=None)
        assert flaws(clinic.audit.verify(sink).findings) == {("sink", "missing", 1)}
        del sink.links[:2]
        found = flaws(clinic.audit.verify(sink, expecting=early).findings)
        assert ("sink", "gap", 1) in found

    def test_what_the_sink_says_otherwise_stays(self, store: Any) -> None:
        clinic, sink = filled(store, 4), ListSink()
        self.aged(store, 4)
        clinic.audit.seal(sink)
        sink.links[1] = sink.links[1]._replace(digest="0" * 64)
        assert clinic.audit.prune(sink).count == 1
        sink.links.clear()
        assert clinic.audit.prune(sink).count == 0

    def test_what_is_kept_for_longer_stays(self, store: Any) -> None:
        clinic, sink = filled(store, 4), ListSink()
        self.aged(store, 4)
        clinic.audit.seal(sink)
        clinic.audit.retain(EIGHT + timedelta(days=1))
        assert clinic.audit.prune(sink).count == 0
        assert clinic.audit.retention() > EIGHT > SIX_YEARS

    def test_a_checkpoint_from_before_needs_the_sink(self, store: Any) -> None:
        clinic, sink = filled(store, 2), ListSink()
        self.aged(store, 4)
        first = clinic.audit.seal(sink).checkpoint
        for number in (2, 3):
            store.record([full_entry(number)])
        self.aged(store, 4, first=2)
        clinic.audit.seal(sink)
        clinic.audit.prune(sink)
        with pytest.raises(InvalidChoice, match="give the sink"):
            clinic.audit.verify(expecting=first)
        assert clinic.audit.verify(sink, expecting=first).is_clean


# ------------------------------------------------------------------- the host's own


@pytest.mark.parametrize("kind", ENGINES)
@pytest.mark.parametrize("kept", [True, False])
def test_in_the_hosts_transaction(
    databases: Databases, kind: str, keeping: Any, *, kept: bool
) -> None:
    """Entries, and the very first keys, are the host's to commit."""
    databases.audited(kind)
    from medsched.adapters.sqlalchemy import SqlAlchemyStore

    store = databases.another(kind, audit=keeping)
    with store.engine.connect() as connection:
        joined = SqlAlchemyStore.join(connection, audit=keeping)
        assert joined.audited
        joined.record([an_entry(PRACTICE)])
        ada = Patient(id="ada", version=1)
        assert joined.apply(changes(PRACTICE, ada, audits=(an_entry(PRACTICE),))) == Applied()
        assert len(about(joined, PRACTICE)) == 2
        if kept:
            connection.commit()
        else:
            connection.rollback()
        joined.record([an_entry(PRACTICE)])  # under keys that the host has kept, or under new ones
        connection.commit()
    came = Scheduler(store).practice(PRACTICE).audit.verify()
    assert (came.unsealed, came.findings) == (3 if kept else 1, ())
    with store.engine.connect() as connection:
        joined = SqlAlchemyStore.join(connection, audit=keeping)
        assert Scheduler(joined).practice(PRACTICE).audit.seal().count == came.unsealed
        connection.rollback()
    assert store.audit_head(PRACTICE).number == 0


def conforms(file: FileSink, memory: ListSink) -> tuple[AuditSink, AuditSink]:
    """Both are sinks, for whoever checks types."""
    return file, memory
