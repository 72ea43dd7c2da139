"""What is particular to the store on SQL: its tables, engines, types and errors."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from tests.databases import ENGINES, Databases, events_of, missing

from medsched.domain.changes import Applied, Changeset, Stale
from medsched.domain.people import Patient, Provider
from medsched.errors import (
    InvalidChoice,
    MissingExtra,
    NaiveDatetime,
    SchemaMismatch,
    StorageError,
)
from medsched.ports.store import Store

pytest.importorskip("sqlalchemy", reason="the extra sqlalchemy is not installed")

import sqlalchemy as sa

from medsched.adapters import sqlalchemy as adapter
from medsched.adapters.sqlalchemy.columns import UtcDateTime
from medsched.adapters.sqlalchemy.schema import PREFIX, tables

conforms: type[Store] = adapter.SqlAlchemyStore

SERVERS = ("postgresql", "mariadb")


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Any]:
    """An engine over an empty store's tables."""
    databases.store(request.param)
    yield databases.another(request.param).engine
    databases.check_returned(request.param)


def patient(version: int = 1, **fields: Any) -> Changeset:
    return Changeset(practice="p", writes=(Patient(id="ada", version=version, **fields),))


class TestTables:
    def test_nothing_is_created_before_it_is_asked_for(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/clinic.db"
        store = adapter.SqlAlchemyStore(url)
        assert not list(tmp_path.iterdir())
        for ask in (
            lambda: store.get("p", Provider, "smith"),
            lambda: store.apply(patient()),
            lambda: events_of(store, "p"),
            lambda: adapter.check(url),
            lambda: adapter.upgrade(url),
        ):
            with pytest.raises(SchemaMismatch) as caught:
                ask()
            assert (caught.value.expected, caught.value.found) == (adapter.VERSION, None)
        assert not sa.inspect(store.engine).get_table_names()
        adapter.create(url)
        adapter.create(url)
        adapter.check(url)
        assert adapter.upgrade(url) == (adapter.VERSION, adapter.VERSION)
        assert store.apply(patient()) == Applied()
        store.engine.dispose()

    def test_tables_of_another_release_are_told_and_left_alone(self, tmp_path: Path) -> None:
        engine = sa.create_engine(f"sqlite:///{tmp_path}/clinic.db")
        adapter.create(engine)
        for version in (adapter.VERSION + 1, 0):
            with engine.begin() as connection:
                connection.execute(sa.update(tables().version).values(version=version))
            for ask in (adapter.create, adapter.check):
                with pytest.raises(SchemaMismatch) as caught:
                    ask(engine)
                assert (caught.value.found, caught.value.expected) == (version, adapter.VERSION)
                assert str(version) in str(caught.value)
        engine.dispose()

    def test_what_is_there_is_what_is_meant(self, engine: Any) -> None:
        found = sa.inspect(engine)
        ours = {name for name in found.get_table_names() if name.startswith(PREFIX)}
        meant = tables().metadata.tables
        assert ours == set(meant)
        for name, table in meant.items():
            columns = {one["name"]: one["nullable"] for one in found.get_columns(name)}
            assert columns == {column.name: column.nullable for column in table.columns}
            key = found.get_pk_constraint(name)
            assert key["constrained_columns"] == [one.name for one in table.primary_key]
            if engine.dialect.name == "postgresql":  # others name it themselves, or not at all
                assert key["name"] == table.primary_key.name
            indexes = {one["name"]: one["column_names"] for one in found.get_indexes(name)}
            for index in table.indexes:
                assert indexes[index.name] == [column.name for column in index.columns]

    def test_everything_has_a_name_and_begins_with_the_practice(self) -> None:
        for table in tables().metadata.tables.values():
            assert table.name.startswith(PREFIX)
            parts: list[Any] = [*table.constraints, *table.indexes]
            for part in parts:
                assert part.name is not None
                assert "medsched_" in str(part.name)
                if table not in (tables().version, tables().sealing):  # of the whole database
                    assert [*part.columns][0].name == "practice"  # noqa: RUF015

    def test_ids_are_compared_by_bytes_whatever_the_locale(self) -> None:
        """The databases of the tests may have a locale that does so by itself."""
        from sqlalchemy.dialects import mysql, postgresql

        named: list[tuple[Any, str]] = [
            (postgresql, 'COLLATE "C"'),
            (mysql, "COLLATE utf8mb4_nopad_bin"),
        ]
        for dialect, collation in named:
            for table in tables().metadata.tables.values():
                made = str(sa.schema.CreateTable(table).compile(dialect=dialect.dialect()))
                for line in made.splitlines():
                    if "VARCHAR(255)" in line:
                        assert collation in line

    def test_a_hosts_metadata_holds_them_too(self, tmp_path: Path) -> None:
        metadata = sa.MetaData(naming_convention={"pk": "host_pk_%(table_name)s"})
        sa.Table("people", metadata, sa.Column("id", sa.Integer, primary_key=True))
        adapter.attach(metadata)
        engine = sa.create_engine(f"sqlite:///{tmp_path}/host.db")
        with engine.begin() as connection:  # as a migration of the host's does
            metadata.create_all(connection)
            adapter.stamp(connection)
        adapter.check(engine)
        key = sa.inspect(engine).get_pk_constraint("medsched_record")
        assert key["name"] == "pk_medsched_record"
        assert adapter.SqlAlchemyStore(engine).apply(patient()) == Applied()
        engine.dispose()

    @pytest.mark.parametrize("kind", SERVERS)
    def test_they_may_stand_in_a_schema(self, databases: Databases, kind: str) -> None:
        databases.store(kind)
        engine = databases.another(kind).engine
        with engine.begin() as connection:
            connection.execute(sa.schema.CreateSchema("apart"))
        try:
            store = databases.another(kind, schema="apart")
            with pytest.raises(SchemaMismatch):
                store.get("p", Patient, "ada")
            adapter.create(engine, schema="apart")
            adapter.check(engine, schema="apart")
            assert store.apply(patient()) == Applied()
            assert store.get("p", Patient, "ada") is not None
            assert databases.another(kind).get("p", Patient, "ada") is None
        finally:
            with engine.begin() as connection:
                tables("apart").metadata.drop_all(connection)
                connection.execute(
                    sa.schema.DropSchema("apart", cascade=engine.dialect.name == "postgresql")
                )


class TestEngines:
    @pytest.mark.parametrize(
        "url", ["", "clinic.db", "postgresql", "postgresql://h:port/x", "oracle://h/x", "x+y://h/z"]
    )
    def test_what_is_no_database_is_told(self, url: str) -> None:
        for ask in (adapter.SqlAlchemyStore, adapter.create):
            with pytest.raises(InvalidChoice):
                ask(url)

    def test_a_url_is_in_no_error(self) -> None:
        for url in ("postgresql://u:secret@h:port/x", "oracle://u:secret@h/x"):
            with pytest.raises(InvalidChoice) as caught:
                adapter.SqlAlchemyStore(url)
            assert "secret" not in "".join(traceback.format_exception(caught.value))

    def test_a_driver_that_is_not_installed_is_told(self) -> None:
        with pytest.raises(MissingExtra) as caught:
            adapter.SqlAlchemyStore("mysql+mysqldb://h/x")
        assert caught.value.extra == "mariadb"

    @pytest.mark.parametrize("kind", SERVERS)
    def test_a_server_that_is_not_there_is_told(self, kind: str) -> None:
        if (why := missing(kind)) is not None:
            pytest.skip(why)
        store = adapter.SqlAlchemyStore(f"{kind}://u:secret@127.0.0.1:1/x")
        with pytest.raises(StorageError, match="no connection") as caught:
            store.get("p", Patient, "ada")
        assert "secret" not in "".join(traceback.format_exception(caught.value))
        with pytest.raises(StorageError, match="no connection"):
            store.apply(patient())

    def test_threads_take_turns_with_a_database_in_memory(self) -> None:
        store = adapter.SqlAlchemyStore("sqlite://")
        adapter.create(store.engine)

        def write(name: str) -> None:
            for version in range(1, 21):
                one = Patient(id=name, version=version)
                assert store.apply(Changeset(practice="p", writes=(one,))) == Applied()

        threads = [Thread(target=write, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = store.page("p", Patient, active=True, where={}, after=None, limit=9)
        assert [(one.id, one.version) for one in found] == [(name, 20) for name in "abcd"]
        store.engine.dispose()

    def test_sqlite_is_written_through_to_the_disk(self, tmp_path: Path) -> None:
        store = adapter.SqlAlchemyStore(f"sqlite:///{tmp_path}/clinic.db")
        with store.engine.connect() as connection:
            asked = ("journal_mode", "synchronous")
            found = [connection.exec_driver_sql(f"PRAGMA {one}").scalar() for one in asked]
        assert found == ["wal", 2]
        store.engine.dispose()

    def test_an_engine_of_the_hosts_may_begin_by_itself(self, tmp_path: Path) -> None:
        """As SQLAlchemy's documentation tells to, for SQLite."""
        engine = sa.create_engine(f"sqlite:///{tmp_path}/host.db")

        @sa.event.listens_for(engine, "connect")
        def connect(connection: Any, _: object) -> None:
            connection.isolation_level = None

        @sa.event.listens_for(engine, "begin")
        def begin(connection: Any) -> None:
            connection.exec_driver_sql("BEGIN")

        adapter.create(engine)
        store = adapter.SqlAlchemyStore(engine)
        assert store.apply(patient()) == Applied()
        where = {"phone": ""}
        assert store.page("p", Patient, active=True, where=where, after=None, limit=9)
        engine.dispose()

    def test_a_writer_that_cannot_wait_is_stale(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/clinic.db"
        engine = sa.create_engine(url, connect_args={"timeout": 0})
        adapter.create(engine)
        store, other = adapter.SqlAlchemyStore(engine), engine.connect()
        other.exec_driver_sql("BEGIN IMMEDIATE")
        assert store.apply(patient()) == Stale()
        other.rollback()
        assert store.apply(patient()) == Applied()
        other.close()
        engine.dispose()


class TestInstants:
    MOMENTS = (
        datetime(1973, 1, 1, tzinfo=UTC),
        datetime(2026, 3, 8, 6, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 11, 1, 1, 30, 0, 1, tzinfo=timezone(timedelta(hours=-4))),
        datetime(9998, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=-14))),
    )

    def test_an_instant_comes_back_in_utc(self, engine: Any) -> None:
        table = sa.Table("medsched_instants", sa.MetaData(), sa.Column("at", UtcDateTime))
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql("SET TIME ZONE 'America/New_York'")
            elif engine.dialect.name != "sqlite":
                connection.exec_driver_sql("SET time_zone = '-05:00'")
            table.create(connection)
            try:
                moments = sorted(moment for moment in self.MOMENTS[:3])
                connection.execute(sa.insert(table), [{"at": moment} for moment in moments])
                connection.execute(sa.insert(table), [{"at": None}])
                where = table.c.at >= moments[0]
                query = sa.select(table.c.at).where(where).order_by(table.c.at)
                found = connection.scalars(query).all()
                assert found == moments
                assert {moment.tzinfo for moment in found} == {UTC}
                assert connection.scalar(sa.select(table.c.at).where(table.c.at.is_(None))) is None
            finally:
                connection.rollback()
                table.drop(connection, checkfirst=True)
                connection.commit()

    def test_a_wall_time_is_refused(self) -> None:
        with pytest.raises(NaiveDatetime):
            UtcDateTime().process_bind_param(
                datetime(2026, 1, 1), sa.create_engine("sqlite://").dialect
            )


class TestErrors:
    def test_what_was_written_is_in_no_error(self, engine: Any) -> None:
        """The database refuses a row, and quotes it."""
        store = adapter.SqlAlchemyStore(engine)
        name = engine.dialect.name
        check = (
            "ALTER TABLE medsched_record ADD CONSTRAINT no_ada CHECK (document NOT LIKE '%%Ada%%')"
        )
        drop = "ALTER TABLE medsched_record DROP CONSTRAINT no_ada"
        if name == "sqlite":
            check = (
                "CREATE TRIGGER no_ada BEFORE INSERT ON medsched_record"
                " WHEN NEW.document LIKE '%Ada%' BEGIN SELECT RAISE(ABORT, 'no'); END"
            )
            drop = "DROP TRIGGER no_ada"
        with engine.begin() as connection:
            connection.exec_driver_sql(check)
        changeset = patient(name="Ada Lovelace")
        try:
            with pytest.raises(StorageError) as caught:
                store.apply(changeset)
        finally:
            with engine.begin() as connection:
                connection.exec_driver_sql(drop)
        assert isinstance(caught.value.__cause__, sa.exc.DBAPIError)
        told = "".join(traceback.format_exception(caught.value))
        assert "Lovelace" not in told
        assert store.get("p", Patient, "ada") is None

    def test_a_document_of_a_later_release_is_told(self, engine: Any) -> None:
        store = adapter.SqlAlchemyStore(engine)
        store.apply(patient())
        with engine.begin() as connection:
            connection.execute(sa.update(tables().record).values(format=99))
        with pytest.raises(StorageError, match="99"):
            store.get("p", Patient, "ada")

    @pytest.mark.parametrize("kind", SERVERS)
    @pytest.mark.parametrize("when", ["before_cursor_execute", "commit"])
    def test_a_connection_lost(self, databases: Databases, kind: str, when: str) -> None:
        databases.store(kind)
        plain = databases.another(kind).engine
        engine = sa.create_engine(plain.url)
        store, left = adapter.SqlAlchemyStore(engine), [1]

        @sa.event.listens_for(engine, when)
        def cut(connection: Any, *arguments: Any) -> None:
            statement = str(arguments[1]) if arguments else "COMMIT"
            if left and statement.startswith(("INSERT", "COMMIT")):
                left.pop()
                raw = connection.connection.dbapi_connection
                pid = raw.info.backend_pid if kind == "postgresql" else raw.thread_id()
                kill = "SELECT pg_terminate_backend({})" if kind == "postgresql" else "KILL {}"
                with plain.connect() as other:
                    other.exec_driver_sql(kill.format(pid))

        if when == "commit":  # nobody knows what became of it
            with pytest.raises(StorageError):
                store.apply(patient())
        else:  # nothing of it is left
            assert store.apply(patient()) == Stale()
        assert store.get("p", Patient, "ada") is None
        assert store.apply(patient()) == Applied()
        engine.dispose()
