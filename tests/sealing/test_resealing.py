"""Sealing an old database and rotating its keys, killed at every statement while others work."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from threading import Event, Thread
from typing import Any

import attrs
import pytest

pytest.importorskip("sqlalchemy", reason="the extra sqlalchemy is not installed")
pytest.importorskip("cryptography", reason="the extra encryption is not installed")

import sqlalchemy as sa
from sqlalchemy import Engine
from tests.databases import ENGINES, Databases
from tests.kills.points import ALL, Points
from tests.sealing.clinics import (
    NOW,
    document,
    everything,
    opened,
    opened_again,
    overwrite,
    samples,
)

from medsched import DecryptionError, InvalidChoice, KeyUnavailable, Practice, Start
from medsched.adapters.keys.local import LocalKeys
from medsched.adapters.sqlalchemy import SqlAlchemyStore
from medsched.adapters.sqlalchemy.documents import SEALED
from medsched.adapters.sqlalchemy.schema import tables
from medsched.adapters.sqlalchemy.sealing import (
    BlindIndex,
    Encryption,
    Resealed,
    destroy_key,
    rewrap,
    rotate,
    seal_all,
)
from medsched.adapters.surroundings import standard
from medsched.domain.idempotency import keyed_request
from medsched.domain.people import Patient
from medsched.domain.principals import SYSTEM
from medsched.domain.stored import BookingRecord, Ref, Stored
from medsched.testing.contracts.kit import changes, put
from medsched.testing.fixed import FixedClock

ZEISIG = "zeisig"
MINUTE = timedelta(minutes=1)


def with_finches(record: Any) -> Any:
    """A sample whose data is looked for by another name: here some of it was in plain text."""
    named: dict[str, Any] = {
        field.name: value.replace("kanarienvogel", ZEISIG)
        for field in attrs.fields(type(record))
        if isinstance(value := getattr(record, field.name), str)
    }
    if isinstance(record, Patient):
        named["address"] = None
    return attrs.evolve(record, **named)


def filled(store: SqlAlchemyStore) -> list[Stored]:
    """Some of every kind, and what a request under a key has returned."""
    written = [with_finches(record) for record in samples()]
    put(store, "riverside", *written)
    booking = next(one for one in written if isinstance(one, BookingRecord))
    anew = attrs.evolve(booking, version=2)
    request = keyed_request("key", SYSTEM, "book", {}, NOW)
    done = changes("riverside", anew, request=attrs.evolve(request, result=anew))
    assert type(store.apply(done)).__name__ == "Applied"
    request = keyed_request("key", SYSTEM, "read", {}, NOW)
    put(store, "riverside", request=attrs.evolve(request, result=_patient_of(written)))
    return [*(one for one in written if one is not booking), anew]


def check_all(store: SqlAlchemyStore, written: list[Stored]) -> None:
    """Everything reads as it was written."""
    found = store.get_many("riverside", [Ref.to(one) for one in written])
    assert set(found.values()) == set(written)
    scope = keyed_request("key", SYSTEM, "book", {}, NOW).scope
    receipt = store.receipt("riverside", scope, NOW)
    assert receipt is not None
    assert receipt.result == written[-1]
    scope = keyed_request("key", SYSTEM, "read", {}, NOW).scope
    receipt = store.receipt("riverside", scope, NOW)
    assert receipt is not None
    assert receipt.result == _patient_of(written)


def _patient_of(records: list[Stored]) -> Patient:
    return next(one for one in records if isinstance(one, Patient))


def later(minutes: int) -> Any:
    """Surroundings whose clock is ahead."""
    now = standard().clock.now() + minutes * MINUTE
    return attrs.evolve(standard(), clock=FixedClock(now))


def numbers(engine: Engine) -> set[int]:
    with engine.connect() as connection:
        return set(connection.scalars(sa.select(tables().data_key.c.number)))


def envelopes(engine: Engine) -> set[str]:
    """The numbers of the keys that documents are sealed by."""
    found = set[str]()
    for table in (tables().record, tables().booking, tables().receipt):
        with engine.connect() as connection:
            texts = connection.scalars(sa.select(table.c.document)).all()
        for text in texts:
            members = json.loads(text or "{}")
            if isinstance(members, list):
                members = json.loads(members[-1])
            if SEALED in members:
                found.add(members[SEALED].split(".")[1])
    return found


@pytest.fixture
def encryption() -> Encryption:
    return Encryption(LocalKeys.generate(), index=BlindIndex())


@pytest.fixture(params=ENGINES)
def plain(request: pytest.FixtureRequest, databases: Databases) -> SqlAlchemyStore:
    """A store in plain text that knows nothing of what other tests have sealed."""
    databases.store(request.param)
    return databases.another(request.param)


class TestSealingAll:
    def test_all_is_sealed_and_reads_as_before(
        self, plain: SqlAlchemyStore, encryption: Encryption
    ) -> None:
        written = filled(plain)
        assert ZEISIG in everything(plain.engine)
        both = attrs.evolve(encryption, reads_plain=True)
        check_all(SqlAlchemyStore(plain.engine, encryption=both), written)
        store = SqlAlchemyStore(plain.engine, encryption=encryption)
        with pytest.raises(DecryptionError):
            check_all(store, written)
        came = seal_all(plain.engine, encryption)
        assert came.rows > 10
        check_all(store, written)
        check_all(SqlAlchemyStore(plain.engine, encryption=encryption), written)
        assert ZEISIG not in everything(plain.engine)
        assert seal_all(plain.engine, encryption) == Resealed()
        found = opened_again(store).patients.list(name=ZEISIG[:3], active=None)
        assert {one.id for one in found} == {one.id for one in written if isinstance(one, Patient)}
        with pytest.raises(KeyUnavailable):
            SqlAlchemyStore(plain.engine).get("riverside", Patient, found.items[0].id)

    def test_a_patient_is_found_by_what_they_are_and_not_by_what_a_receipt_says(
        self, plain: SqlAlchemyStore, encryption: Encryption
    ) -> None:
        clinic = opened(plain)
        ada = clinic.patients.create(id="ada", name="Before", idempotency_key="k")
        after = clinic.patients.update(attrs.evolve(ada, name="Afterwards"))
        seal_all(plain.engine, encryption)
        store = SqlAlchemyStore(plain.engine, encryption=encryption)
        clinic = opened_again(store)
        assert list(clinic.patients.list(name="afterw")) == [after]
        assert list(clinic.patients.list(name="before")) == []
        assert "Before" not in everything(plain.engine)
        again = clinic.patients.create(id="ada", name="Before", idempotency_key="k")
        assert (again.name, again.version) == ("Before", 1)

    def test_plain_text_is_refused_afterwards_and_sealed_only_when_told(
        self, plain: SqlAlchemyStore, encryption: Encryption
    ) -> None:
        clinic = opened(plain)
        clinic.patients.create(id="ada", name=ZEISIG)
        text = document(plain.engine, "patient", "ada")
        seal_all(plain.engine, encryption)
        overwrite(plain.engine, "patient", "ada", document=text)
        sealed = opened_again(SqlAlchemyStore(plain.engine, encryption=encryption))
        with pytest.raises(DecryptionError):
            sealed.patients.get("ada")
        assert seal_all(plain.engine, encryption) == Resealed()
        with pytest.raises(DecryptionError):
            sealed.patients.get("ada")
        assert seal_all(plain.engine, encryption, again=True).rows == 1
        assert sealed.patients.get("ada").name == ZEISIG

    def test_an_index_is_made_and_taken_away(
        self, plain: SqlAlchemyStore, encryption: Encryption
    ) -> None:
        bare = Encryption(encryption.keys)
        clinic = opened(SqlAlchemyStore(plain.engine, encryption=bare))
        clinic.patients.create(id="ada", name="Ada Lovelace")

        def indexed() -> int:
            table = tables().filter
            with plain.engine.connect() as connection:
                fields = connection.scalars(sa.select(table.c.field)).all()
            return sum(field.startswith("~") for field in fields)

        assert indexed() == 0
        assert seal_all(plain.engine, encryption).rows == 1
        assert indexed() == 2 + 7
        with pytest.raises(InvalidChoice, match="seal_all"):
            opened_again(SqlAlchemyStore(plain.engine, encryption=bare)).patients.create(name="x")
        short = Encryption(encryption.keys, index=BlindIndex(prefix=3))
        seal_all(plain.engine, short)
        assert indexed() == 2 + 2
        seal_all(plain.engine, bare)
        assert indexed() == 0
        clinic.patients.create(id="bob", name="x")

    def test_what_is_broken_is_not_sealed_over(
        self, plain: SqlAlchemyStore, encryption: Encryption
    ) -> None:
        opened(plain).patients.create(id="ada", name=ZEISIG)
        members = json.loads(document(plain.engine, "patient", "ada"))
        bad = json.dumps(members | {SEALED: "1.1.AAAA"})
        overwrite(plain.engine, "patient", "ada", document=bad)
        with pytest.raises(DecryptionError):
            seal_all(plain.engine, encryption)


class TestRotating:
    @pytest.fixture
    def store(self, plain: SqlAlchemyStore, encryption: Encryption) -> SqlAlchemyStore:
        return SqlAlchemyStore(plain.engine, encryption=encryption)

    def test_all_is_sealed_by_new_keys_and_reads_as_before(
        self, store: SqlAlchemyStore, encryption: Encryption
    ) -> None:
        written = filled(store)
        before = everything(store.engine)
        came = rotate(store.engine, encryption)
        assert came.keys_made >= 2
        assert came.rows > 5
        assert came.keys_removed == 0
        assert everything(store.engine) != before
        assert (numbers(store.engine), envelopes(store.engine)) == ({1, 2}, {"2"})
        for one in (store, SqlAlchemyStore(store.engine, encryption=Encryption(encryption.keys))):
            check_all(one, written)

    def test_an_old_key_goes_when_nobody_can_hold_it(
        self, store: SqlAlchemyStore, encryption: Encryption
    ) -> None:
        written = filled(store)
        rotate(store.engine, encryption)
        soon = rotate(store.engine, encryption, surroundings=later(59))
        assert soon == Resealed()
        assert numbers(store.engine) == {1, 2}
        much = rotate(store.engine, encryption, surroundings=later(66))
        assert much.keys_removed >= 2
        assert (much.keys_made, much.rows) == (0, 0)
        assert 1 not in numbers(store.engine) - index_numbers(store.engine)
        check_all(store, written)
        again = rotate(store.engine, encryption, surroundings=later(67))
        assert again.keys_made >= 2
        assert envelopes(store.engine) == {"3"}
        check_all(store, written)

    def test_who_still_seals_by_an_old_key_loses_nothing(
        self, store: SqlAlchemyStore, encryption: Encryption
    ) -> None:
        clinic = opened(store)
        clinic.patients.create(id="ada", name=ZEISIG)
        elsewhere = Encryption(encryption.keys, index=encryption.index)
        other = opened_again(SqlAlchemyStore(store.engine, encryption=elsewhere))
        ada = other.patients.get("ada")
        ada = other.patients.update(attrs.evolve(ada, phone="1"))  # by the key that it keeps now
        rotate(store.engine, encryption)
        ada = other.patients.update(attrs.evolve(ada, phone="2"))
        assert envelopes(store.engine) == {"1"}
        assert rotate(store.engine, encryption, surroundings=later(66)).rows == 1
        assert clinic.patients.get("ada").phone == "2"
        assert other.patients.get("ada").phone == "2"
        assert envelopes(store.engine) == {"2"}

    def test_one_practice_alone(self, store: SqlAlchemyStore, encryption: Encryption) -> None:
        for practice in ("riverside", "hillside"):
            opened(store, practice).patients.create(id="ada", name=ZEISIG)
        before = document(store.engine, "patient", "ada", "hillside")
        assert rotate(store.engine, encryption, practice="riverside").rows == 1
        assert document(store.engine, "patient", "ada", "hillside") == before

    def test_destroyed_keys_stay_destroyed(
        self, store: SqlAlchemyStore, encryption: Encryption
    ) -> None:
        clinic = opened(store)
        for id in ("ada", "bob"):
            clinic.patients.create(id=id, name=ZEISIG)
        rotate(store.engine, encryption)
        destroy_key(store.engine, "riverside", "ada")
        rotate(store.engine, encryption, surroundings=later(66))
        rotate(store.engine, encryption, surroundings=later(200))
        fresh = Encryption(encryption.keys, index=encryption.index)
        names = opened_again(SqlAlchemyStore(store.engine, encryption=fresh)).patients.list()
        assert {one.id: one.name for one in names} == {"ada": "", "bob": ZEISIG}

    def test_master_keys_are_replaced(
        self, store: SqlAlchemyStore, encryption: Encryption, tmp_path: Any
    ) -> None:
        path = tmp_path / "keys.json"
        first = Encryption(LocalKeys.create(path))
        old = SqlAlchemyStore(store.engine, encryption=first)
        written = filled(old)
        second = Encryption(LocalKeys.rotate(path))
        came = rewrap(store.engine, second)
        assert came.keys_wrapped == len(subjects(store.engine))
        assert rewrap(store.engine, second) == Resealed()
        newest = json.loads(path.read_text())
        only = {"current": newest["current"]}
        only["keys"] = {newest["current"]: newest["keys"][newest["current"]]}
        path.write_text(json.dumps(only))
        check_all(
            SqlAlchemyStore(store.engine, encryption=Encryption(LocalKeys.read(path))), written
        )


def subjects(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(sa.select(tables().data_key.c.subject)))


def index_numbers(engine: Engine) -> set[int]:
    table = tables().data_key.c
    with engine.connect() as connection:
        return set(connection.scalars(sa.select(table.number).where(table.subject_kind == "index")))


class Killed(BaseException):
    """As far as the database can tell, the process is gone."""


class Readers:
    """Read everything all the while; whatever they are told that is not so, is kept."""

    def __init__(self, engine: Engine, keys: LocalKeys, written: list[Stored]) -> None:
        self._written = written
        self._store = SqlAlchemyStore(
            engine,
            encryption=Encryption(
                keys, index=BlindIndex(), keep_keys_for=timedelta(), reads_plain=True
            ),
        )
        self._over = Event()
        self.failed = list[BaseException]()
        self.rounds = 0
        self._thread = Thread(target=self._read)

    def __enter__(self) -> Readers:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _read(self) -> None:
        while not self._over.is_set():
            try:
                check_all(self._store, self._written)
                self.rounds += 1
            except BaseException as error:
                self.failed.append(error)
                return


EVERY = {"sqlite": 2, "postgresql": 5}
"""At which of the points work is killed, unless at all of them."""


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("what", ["seal", "rotate", "remove", "rewrap"])
def test_killed_at_each_statement_it_is_finished_by_the_next(
    databases: Databases, kind: str, what: str
) -> None:
    """While somebody reads, who keeps no key, and never sees an error or another text."""
    databases.store(kind)
    plain = databases.another(kind)
    engine = sa.create_engine(plain.engine.url)
    keys = LocalKeys.generate()
    encryption = Encryption(keys, index=BlindIndex())
    store = plain if what == "seal" else SqlAlchemyStore(plain.engine, encryption=encryption)
    written = filled(store)
    if what == "remove":
        rotate(plain.engine, encryption)
    work: Callable[[], Resealed] = {
        "seal": lambda: seal_all(engine, encryption),
        "rotate": lambda: rotate(engine, encryption),
        "remove": lambda: rotate(engine, encryption, surroundings=later(66)),
        "rewrap": lambda: rewrap(engine, Encryption(Renamed(keys))),
    }[what]
    points, kills, at = Points(engine), 0, 1

    def die(point: Any) -> None:
        if point.number == at:
            raise Killed

    with Readers(plain.engine, keys, written) as readers:
        while True:
            try:
                with points.told_to(die):
                    work()
                break
            except Killed:
                kills += 1
            at += 1 if ALL else EVERY[kind]
            engine.dispose()
        engine.dispose()
    assert readers.failed == []
    assert readers.rounds > 0
    assert kills >= 3
    fresh = SqlAlchemyStore(plain.engine, encryption=Encryption(keys, index=BlindIndex()))
    check_all(fresh, written)
    assert ZEISIG not in everything(plain.engine)
    if what == "rotate":
        assert envelopes(plain.engine) == {"2"}
    if what == "remove":
        assert envelopes(plain.engine) <= {"2", "3"}  # killed after its end, it begins a new one
        table = tables().data_key.c
        with plain.engine.connect() as connection:
            old = sa.select(table.subject).where(table.number == 1, table.subject_kind != "index")
            assert connection.scalars(old).all() == []


class Renamed:
    """The same keys, that call what they wrap now by another name."""

    def __init__(self, keys: LocalKeys) -> None:
        self._keys = keys
        self.current = "anew"

    def wrap(self, key: bytes, context: Any) -> Any:
        return self._keys.wrap(key, context)

    def unwrap(self, wrapped: Any, context: Any) -> bytes:
        return self._keys.unwrap(wrapped, context)


@pytest.mark.parametrize("kind", ENGINES)
def test_what_others_write_meanwhile_is_not_lost(databases: Databases, kind: str) -> None:
    databases.store(kind)
    plain = databases.another(kind)
    keys = LocalKeys.generate()
    encryption = Encryption(keys, index=BlindIndex())
    clinic = opened(SqlAlchemyStore(plain.engine, encryption=encryption))
    for number in range(4):
        clinic.patients.create(id=f"p{number}", name="Ada", phone="0")
    over, failed, last = Event(), list[BaseException](), [0]

    def write() -> None:
        own = Encryption(keys, index=BlindIndex())
        mine = opened_again(SqlAlchemyStore(plain.engine, encryption=own))
        try:
            while not over.is_set():
                last[0] += 1
                for number in range(4):
                    one = mine.patients.get(f"p{number}")
                    mine.patients.update(attrs.evolve(one, phone=str(last[0])))
        except BaseException as error:
            failed.append(error)

    thread = Thread(target=write)
    thread.start()
    made = 0
    try:
        for _ in range(3):  # it seals by the old key all the while: it keeps that for 5 minutes
            made += rotate(plain.engine, encryption).keys_made
    finally:
        over.set()
        thread.join()
    assert failed == []
    assert made >= 4
    rotate(plain.engine, encryption, surroundings=later(66))
    assert numbers(plain.engine) - index_numbers(plain.engine) == {2}
    fresh = opened_again(SqlAlchemyStore(plain.engine, encryption=Encryption(keys)))
    assert {one.phone for one in fresh.patients.list()} == {str(last[0])}
    assert {one.version for one in fresh.patients.list()} == {last[0] + 1}


def test_a_booking_while_all_is_sealed(databases: Databases) -> None:
    """Who has the keys works on while an old database is being sealed."""
    databases.store("sqlite")
    plain = databases.another("sqlite")
    clinic = opened(plain)
    clinic.add_all([Patient(id=f"p{number:03}", name=ZEISIG) for number in range(250)])
    encryption = Encryption(LocalKeys.generate(), reads_plain=True)
    both: Practice = opened_again(SqlAlchemyStore(plain.engine, encryption=encryption))
    booked = list[Any]()

    def told(done: Resealed) -> None:
        at = Start("smith", "visit", NOW + len(booked) * 30 * MINUTE)
        booked.append(both.appointments.book(at, patient="p249", reason=ZEISIG))

    assert seal_all(plain.engine, encryption, told=told).rows >= 250
    assert len(booked) >= 2
    assert ZEISIG not in everything(plain.engine)
    assert {one.reason for one in both.appointments.list()} == {ZEISIG}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_reader_that_was_slow_reads_again(databases: Databases, kind: str) -> None:
    """Between a row and its key all is sealed anew, and the old key is removed."""
    databases.store(kind)
    plain = databases.another(kind)
    keys = LocalKeys.generate()
    clinic = opened(SqlAlchemyStore(plain.engine, encryption=Encryption(keys)))
    clinic.patients.create(id="ada", name=ZEISIG)
    slow = SqlAlchemyStore(sa.create_engine(plain.engine.url), encryption=Encryption(keys))
    waited = list[str]()

    def meanwhile(*event: Any) -> None:
        if "FROM medsched_data_key" in event[2] and not waited:
            waited.append(event[2])
            rotate(plain.engine, Encryption(keys))
            rotate(plain.engine, Encryption(keys), surroundings=later(66))

    sa.event.listen(slow.engine, "before_cursor_execute", meanwhile)
    assert opened_again(slow).patients.get("ada").name == ZEISIG
    slow.engine.dispose()
    assert waited
    assert numbers(plain.engine) == {2}


def test_what_is_there_now_is_not_replaced_by_what_was_read(databases: Databases) -> None:
    """A receipt has no version: what it says must be what was read."""
    databases.store("sqlite")
    plain = databases.another("sqlite")
    encryption = Encryption(LocalKeys.generate(), index=BlindIndex())
    filled(SqlAlchemyStore(plain.engine, encryption=encryption))
    engine, asked, done = sa.create_engine(plain.engine.url), list[str](), list[str]()

    def meanwhile(*event: Any) -> None:
        before = asked[-1] if asked else ""
        if "FROM medsched_receipt" in before and "medsched_data_key" in event[2] and not done:
            done.append(event[2])
            with plain.engine.begin() as connection:
                connection.execute(sa.update(tables().receipt).values(document=None))
        asked.append(event[2])

    sa.event.listen(engine, "before_cursor_execute", meanwhile)
    rotate(engine, encryption)
    engine.dispose()
    assert done
    with plain.engine.connect() as connection:
        left = connection.scalars(sa.select(tables().receipt.c.document)).all()
        assert set(left) == {None}
