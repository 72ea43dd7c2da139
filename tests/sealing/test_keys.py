"""Keys that cannot be had, that two make at once, that are gone for good."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from threading import Barrier, Thread
from typing import Any

import attrs
import pytest

pytest.importorskip("sqlalchemy", reason="the extra sqlalchemy is not installed")
pytest.importorskip("cryptography", reason="the extra encryption is not installed")

import sqlalchemy as sa
from tests.databases import Databases
from tests.sealing.clinics import CANARY, MINUTE, NOW, everything, opened, opened_again, patient

from medsched import (
    InvalidDuration,
    KeyDestroyed,
    KeysNotKept,
    KeyUnavailable,
    MemoryStore,
    Practice,
    Scheduler,
    Start,
)
from medsched.adapters.keys.local import LocalKeys
from medsched.adapters.sqlalchemy import SqlAlchemyStore
from medsched.adapters.sqlalchemy.schema import tables
from medsched.adapters.sqlalchemy.sealing import Encryption, destroy_key
from medsched.domain.people import Patient
from medsched.ports.keys import WrappedKey


class Keys:
    """Keys that count how often they are asked, and may be out of reach."""

    def __init__(self) -> None:
        self.own = LocalKeys.generate()
        self.wrapped = self.unwrapped = 0
        self.reached = True
        self.asked: Callable[[], object] = lambda: None

    @property
    def current(self) -> str:
        return self.own.current

    def _ask(self) -> None:
        self.asked()
        if not self.reached:
            raise KeyUnavailable("master", "no answer")

    def wrap(self, key: bytes, context: Mapping[str, str]) -> WrappedKey:
        self._ask()
        self.wrapped += 1
        return self.own.wrap(key, context)

    def unwrap(self, wrapped: WrappedKey, context: Mapping[str, str]) -> bytes:
        self._ask()
        self.unwrapped += 1
        return self.own.unwrap(wrapped, context)


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def counted(databases: Databases, keys: Keys) -> SqlAlchemyStore:
    """A store on SQLite with these keys."""
    databases.store("sqlite")
    return databases.another("sqlite", encryption=Encryption(keys))


def statements(store: SqlAlchemyStore, work: Callable[[], object]) -> list[str]:
    """What is asked of the database meanwhile."""
    found = list[str]()

    def listener(*event: Any) -> None:
        found.append(event[2])

    sa.event.listen(store.engine, "before_cursor_execute", listener)
    try:
        work()
    finally:
        sa.event.remove(store.engine, "before_cursor_execute", listener)
    return found


class TestOutOfReach:
    def test_nothing_is_written(self, counted: SqlAlchemyStore, keys: Keys) -> None:
        clinic = opened(counted)
        clinic.patients.create(id="bare")
        before = everything(counted.engine)
        documents: Any = counted._documents
        documents._encryption.kept.forget()
        keys.reached = False
        for write in (
            lambda: patient(clinic, "ada"),
            lambda: clinic.appointments.book(
                Start("smith", "visit", NOW), patient="bare", reason="x", idempotency_key="k"
            ),
            lambda: clinic.blockings.add("smith", NOW, NOW + MINUTE, reason="x"),
        ):
            with pytest.raises(KeyUnavailable, match="no answer"):
                write()
            assert everything(counted.engine) == before

    def test_not_even_what_says_nothing(self, counted: SqlAlchemyStore, keys: Keys) -> None:
        """Or an envelope that was taken away would not be missed."""
        clinic = opened(counted)
        keys.reached = False
        with pytest.raises(KeyUnavailable):
            clinic.patients.create(id="bare")
        clinic.locations.create(id="main")

    def test_what_is_read_is_not_to_be_had_either(
        self, counted: SqlAlchemyStore, keys: Keys
    ) -> None:
        patient(opened(counted), "ada")
        keys.reached = False
        encryption = Encryption(keys)
        other = SqlAlchemyStore(counted.engine, encryption=encryption)
        for _ in range(2):
            with pytest.raises(KeyUnavailable):
                other.get("riverside", Patient, "ada")
        keys.reached = True
        assert other.get("riverside", Patient, "ada") == counted.get("riverside", Patient, "ada")

    def test_nobody_waits_for_it_in_a_transaction(
        self, counted: SqlAlchemyStore, keys: Keys
    ) -> None:
        """Whoever asks a service far away holds no connection."""
        clinic, pool = opened(counted), counted.engine.pool
        busy = list[int]()
        keys.asked = lambda: busy.append(pool.checkedout())  # type: ignore[attr-defined]
        patient(clinic, "ada")
        patient(clinic, "bob")
        clinic.appointments.book(
            Start("smith", "visit", NOW), patient="bob", reason="x", idempotency_key="k"
        )
        other = SqlAlchemyStore(counted.engine, encryption=Encryption(keys))
        again = opened_again(other)
        again.patients.get("ada")
        again.patients.list()
        again.appointments.list()
        assert len(busy) >= 4
        assert set(busy) == {0}


class TestHowOften:
    def test_a_key_is_made_once_and_unwrapped_once(
        self, counted: SqlAlchemyStore, keys: Keys
    ) -> None:
        clinic = opened(counted)
        patient(clinic, "ada")
        for hour in range(3):
            clinic.appointments.book(
                Start("smith", "visit", NOW + hour * 60 * MINUTE), patient="ada", reason="x"
            )
        clinic.appointments.list()
        assert (keys.wrapped, keys.unwrapped) == (1, 2)  # once to see that it opens again

    def test_many_rows_of_many_patients_are_read_in_two_statements(
        self, counted: SqlAlchemyStore, keys: Keys
    ) -> None:
        clinic = opened(counted)
        for number in range(20):
            patient(clinic, f"p{number}")
        other = SqlAlchemyStore(counted.engine, encryption=Encryption(keys))
        again, unwrapped = opened_again(other), keys.unwrapped
        assert (
            len(statements(other, lambda: again.patients.list())) == 3
        )  # and whether it is sealed
        assert keys.unwrapped == unwrapped + 20
        assert len(statements(other, lambda: again.patients.list())) == 1
        assert keys.unwrapped == unwrapped + 20

    def test_a_booking_of_a_patient_whose_key_is_kept_asks_for_nothing_more(
        self, counted: SqlAlchemyStore, databases: Databases
    ) -> None:
        def asked(clinic: Practice, store: SqlAlchemyStore, **said: Any) -> int:
            clinic.appointments.book(Start("smith", "visit", NOW), patient="ada", **said)
            later = Start("smith", "visit", NOW + 60 * MINUTE)
            return len(
                statements(store, lambda: clinic.appointments.book(later, patient="ada", **said))
            )

        clinic = opened(counted)
        patient(clinic, "ada")
        sealed_ones = asked(clinic, counted, reason="x", idempotency_key=None)
        databases.store("sqlite")
        plain = databases.another("sqlite")
        clinic = opened(plain)
        clinic.patients.create(id="ada", name="Ada")
        # Whether the key was destroyed is asked with all else that a booking relies on.
        assert sealed_ones == asked(clinic, plain, reason="x", idempotency_key=None)

    def test_keys_are_kept_for_a_while_only_and_not_all_of_them(
        self, counted: SqlAlchemyStore, keys: Keys
    ) -> None:
        clinic = opened(counted)
        for id in ("ada", "bob"):
            patient(clinic, id)
        never = Encryption(keys, keep_keys_for=timedelta())
        few = Encryption(keys, keep_keys=1)
        for encryption, first, times in ((never, 2, 4), (few, 1, 3)):
            again = opened_again(SqlAlchemyStore(counted.engine, encryption=encryption))
            unwrapped = keys.unwrapped
            again.patients.get("ada")
            again.patients.get("ada")
            assert keys.unwrapped == unwrapped + first
            again.patients.get("bob")
            again.patients.get("ada")
            assert keys.unwrapped == unwrapped + times
            assert len(encryption.kept) <= 1

    @pytest.mark.parametrize("bad", [timedelta(hours=2), timedelta(-1), 5, None])
    def test_nobody_keeps_them_for_longer(self, keys: Keys, bad: Any) -> None:
        with pytest.raises(InvalidDuration):
            Encryption(keys, keep_keys_for=bad)

    def test_they_show_themselves_to_nobody(self, counted: SqlAlchemyStore, keys: Keys) -> None:
        patient(opened(counted), "ada")
        encryption: Any = counted._documents._encryption  # type: ignore[attr-defined]
        kept = [one.key for one in encryption.kept._kept.values()]
        shown = repr([encryption, encryption.kept._kept, encryption.kept._called, kept])
        assert kept
        for key in kept:
            assert repr(key.raw)[2:-1] not in shown
            assert key.raw.hex() not in shown
            with pytest.raises(TypeError):
                pickle.dumps(key)


class TestAtOnce:
    def test_those_who_make_a_key_at_once_agree_on_one(self, each: SqlAlchemyStore) -> None:
        opened(each)
        encryption: Any = each._documents._encryption  # type: ignore[attr-defined]
        count = 8
        start, failed = Barrier(count), list[BaseException]()

        def work(number: int) -> None:
            own = Encryption(encryption.keys, index=encryption.index)
            clinic = opened_again(SqlAlchemyStore(each.engine, encryption=own))
            try:
                start.wait()
                at = NOW + number * 30 * MINUTE
                clinic.appointments.book(
                    Start("smith", "visit", at), patient="ada", reason=f"number {number}"
                )
            except BaseException as error:
                failed.append(error)

        opened_again(each).patients.create(id="ada")
        threads = [Thread(target=work, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        fresh = Encryption(encryption.keys, index=encryption.index)
        found = opened_again(SqlAlchemyStore(each.engine, encryption=fresh)).appointments.list()
        assert {one.reason for one in found} == {f"number {n}" for n in range(count)}
        table = tables().data_key
        with each.engine.connect() as connection:
            query = sa.select(sa.func.count()).where(table.c.subject == "ada")
            assert connection.scalar(query) == 1


class TestJoined:
    def test_what_a_host_takes_back_is_not_remembered(self, each: SqlAlchemyStore) -> None:
        """The key was made in a transaction that was rolled back; it is made again."""
        opened(each)
        encryption: Any = each._documents._encryption  # type: ignore[attr-defined]
        for kept in (False, True):
            with each.engine.connect() as connection:
                joined = SqlAlchemyStore.join(connection, encryption=encryption)
                clinic = opened_again(joined)
                patient(clinic, "ada")
                assert CANARY in clinic.patients.get("ada").name
                if kept:
                    connection.commit()
                else:
                    connection.rollback()
        fresh = Encryption(encryption.keys, index=encryption.index)
        for store in (each, SqlAlchemyStore(each.engine, encryption=fresh)):
            assert CANARY in opened_again(store).patients.get("ada").name


class TestDestroyed:
    @pytest.fixture
    def clinic(self, each: SqlAlchemyStore) -> Practice:
        clinic = opened(each)
        for id in ("ada", "bob"):
            patient(clinic, id)
            clinic.appointments.book(
                Start("smith", "visit", NOW + (60 if id == "ada" else 120) * MINUTE),
                patient=id,
                reason=f"{CANARY} {id}",
                idempotency_key=id,
                id=f"of-{id}",
            )
        clinic.waitlist.join(
            patient="ada",
            type="visit",
            earliest=date(2026, 1, 5),
            latest=date(2026, 1, 6),
            notes=CANARY,
            id="waits",
        )
        assert clinic.shred("ada")
        return clinic

    def test_what_is_asked_for_by_its_id_is_gone(self, clinic: Practice) -> None:
        for read in (
            lambda: clinic.patients.get("ada"),
            lambda: clinic.appointments.get("of-ada"),
            lambda: clinic.waitlist.entries.get("waits"),
        ):
            with pytest.raises(KeyDestroyed, match="ada"):
                read()
        assert CANARY in clinic.patients.get("bob").name

    def test_lists_go_on_without_it(self, clinic: Practice) -> None:
        names = {one.id: one.name for one in clinic.patients.list()}
        assert names["ada"] == ""
        assert CANARY in names["bob"]
        reasons = {one.id: one.reason for one in clinic.appointments.list()}
        assert reasons == {"of-ada": "", "of-bob": f"{CANARY} bob"}
        assert [one.notes for one in clinic.waitlist.entries.list()] == [""]

    def test_time_is_given_free(self, clinic: Practice) -> None:
        (moved,) = (one for one in clinic.appointments.list() if one.id == "of-ada")
        moved = clinic.appointments.reschedule(
            "of-ada", Start("smith", "visit", NOW + 180 * MINUTE)
        )
        assert clinic.appointments.cancel(moved.id).version == 3
        clinic.waitlist.leave("waits")
        clinic.appointments.book(Start("smith", "visit", NOW + 180 * MINUTE), patient="bob")

    def test_nothing_new_is_sealed_for_them(self, clinic: Practice) -> None:
        (ada,) = (one for one in clinic.patients.list() if one.id == "ada")
        for write in (
            lambda: clinic.patients.update(attrs.evolve(ada, name="Ada")),
            lambda: clinic.appointments.cancel("of-ada", reason="moved away"),
            lambda: clinic.waitlist.change("waits", notes="x"),
        ):
            with pytest.raises(KeyDestroyed):
                write()

    def test_the_first_result_of_a_request_is_gone_too(
        self, clinic: Practice, each: SqlAlchemyStore
    ) -> None:
        with pytest.raises(KeyDestroyed):
            clinic.appointments.book(
                Start("smith", "visit", NOW + 60 * MINUTE),
                patient="ada",
                reason=f"{CANARY} ada",
                idempotency_key="ada",
                id="of-ada",
            )

    def test_nobody_finds_them_by_the_index(self, clinic: Practice, each: SqlAlchemyStore) -> None:
        assert [one.id for one in clinic.patients.list(name=CANARY[:4])] == ["bob"]
        table = tables().filter
        with each.engine.connect() as connection:
            query = sa.select(table.c.field).where(table.c.id == "ada")
            assert [one for one in connection.scalars(query) if one.startswith("~")] == []

    def test_it_is_destroyed_once(self, clinic: Practice, each: SqlAlchemyStore) -> None:
        assert not clinic.shred("ada")
        assert not clinic.shred("nobody")
        assert destroy_key(each.engine, "riverside", "bob")
        with pytest.raises(KeyDestroyed):
            clinic.patients.create(id="nobody", name="x")
        clinic.patients.create(id="nobody")

    def test_other_processes_read_it_as_long_as_they_keep_the_key(
        self, each: SqlAlchemyStore
    ) -> None:
        clinic = opened(each)
        patient(clinic, "cleo")
        encryption: Any = each._documents._encryption  # type: ignore[attr-defined]
        own = Encryption(encryption.keys, index=encryption.index)
        elsewhere = opened_again(SqlAlchemyStore(each.engine, encryption=own))
        elsewhere.patients.get("cleo")
        clinic.shred("cleo")
        assert CANARY in elsewhere.patients.get("cleo").name  # the stated limit
        own.kept.forget()
        with pytest.raises(KeyDestroyed):
            elsewhere.patients.get("cleo")

    def test_nothing_of_the_key_is_left(self, clinic: Practice, each: SqlAlchemyStore) -> None:
        table = tables().data_key
        with each.engine.connect() as connection:
            (row,) = connection.execute(sa.select(table).where(table.c.subject == "ada"))
        assert (row.wrapped, row.wrapped_by) == (None, None)
        assert row.destroyed_at is not None

    def test_a_master_key_that_is_gone_is_no_patient_s(self, each: SqlAlchemyStore) -> None:
        """Whoever brings the wrong master keys must not get records that say nothing."""
        patient(opened(each), "dora")
        other = Encryption(LocalKeys.generate())
        clinic = opened_again(SqlAlchemyStore(each.engine, encryption=other))
        with pytest.raises(KeyUnavailable):
            clinic.patients.list()


def test_a_store_that_seals_nothing_has_no_keys(databases: Databases) -> None:
    stores = [MemoryStore(), databases.store("sqlite")]
    for store in stores:
        with pytest.raises(KeysNotKept):
            Scheduler(store).practice("riverside").shred("ada")


def test_a_database_that_is_not_whole_cannot_forget(databases: Databases, keys: Keys) -> None:
    databases.store("sqlite")
    plain = databases.another("sqlite")
    patient(opened(plain), "ada")
    both = databases.another("sqlite", encryption=Encryption(keys, reads_plain=True))
    assert both.get("riverside", Patient, "ada") is not None
    with pytest.raises(KeyUnavailable, match="seal_all"):
        opened_again(both).shred("ada")


def test_an_appointment_of_nobody_s_is_the_practice_s(each: SqlAlchemyStore) -> None:
    clinic = opened(each)
    blocked = clinic.blockings.add("smith", NOW, NOW + 30 * MINUTE, reason=CANARY)
    clinic.patients.create(id="ada")
    clinic.shred("ada")
    assert clinic.blockings.get(blocked.id).reason == CANARY
    table = tables().data_key
    with each.engine.connect() as connection:
        kinds = set(connection.scalars(sa.select(table.c.subject_kind)))
    assert kinds >= {"practice", "patient"}


@pytest.mark.parametrize("bad", [b"y" * 32, b"x", None, RuntimeError("secret")])
def test_a_key_that_does_not_open_again_is_not_kept(
    counted: SqlAlchemyStore, keys: Keys, monkeypatch: pytest.MonkeyPatch, bad: Any
) -> None:
    clinic = opened(counted)
    before = everything(counted.engine)

    def unwrap(*_: object) -> Any:
        if isinstance(bad, Exception):
            raise bad
        return bad

    with monkeypatch.context() as patched:
        patched.setattr(keys, "unwrap", unwrap)
        with pytest.raises(KeyUnavailable) as caught:
            patient(clinic, "ada")
        assert "secret" not in str(caught.value)
        assert caught.value.__cause__ is None
    assert everything(counted.engine) == before
    patient(clinic, "ada")
