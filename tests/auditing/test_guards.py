"""The triggers and privileges of the audit: whoever writes it can change nothing in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.auditing.kit import PRACTICE, ListSink, filled, full_entry
from tests.databases import ENGINES, Databases, unguarded

from medsched.domain.audit_chain import SIX_YEARS
from medsched.domain.audit_rows import AuditRow
from medsched.errors import InvalidChoice, StorageBusy, StorageError

pytest.importorskip("sqlalchemy", reason="the extra sqlalchemy is not installed")
pytest.importorskip("cryptography", reason="the extra encryption is not installed")

import sqlalchemy as sa

from medsched.adapters import sqlalchemy as adapter
from medsched.adapters.audit.database_sink import DatabaseSink
from medsched.adapters.sqlalchemy import SqlAlchemyStore
from medsched.adapters.sqlalchemy.schema import Tables, tables

EIGHT = timedelta(days=8 * 366)


@pytest.fixture(params=ENGINES)
def store(request: pytest.FixtureRequest, databases: Databases) -> Iterator[SqlAlchemyStore]:
    made = databases.audited(request.param)
    assert isinstance(made, SqlAlchemyStore)
    yield made
    databases.check_returned(request.param)


def refused(engine: sa.Engine, statement: str, *, what: str = "medsched: ") -> None:
    """A statement is refused, and by us."""
    with pytest.raises(sa.exc.DBAPIError, match=what), engine.begin() as connection:
        connection.exec_driver_sql(statement)


def changing(made: Tables, schema: str = "") -> Iterator[str]:
    """Statements that would change what was written."""
    for table in (made.audit, made.audit_chain):
        yield f"DELETE FROM {schema}{table.name}"
        for column in table.columns:
            yield f"UPDATE {schema}{table.name} SET {column.name} = {column.name}"
    for table in (made.audit_head, made.audit_key, made.audit_unsealed):
        yield f"DELETE FROM {schema}{table.name}"
    for column in made.audit_unsealed.columns:
        yield f"UPDATE {schema}medsched_audit_unsealed SET {column.name} = {column.name}"
    for lowered in ("number = number - 1", "shipped = -1", "retention = 2191", "pruned = 99"):
        yield f"UPDATE {schema}medsched_audit_head SET {lowered}"
    yield f"UPDATE {schema}medsched_audit_head SET practice = 'x'"
    for other in ("public = 'x'", "purpose = 'x'", "number = 3", "practice = 'x'"):
        yield f"UPDATE {schema}medsched_audit_key SET {other}"
    yield (f"INSERT INTO {schema}medsched_audit_head VALUES ('new', 0, '', 0, 0, NULL, 30)")


class TestTriggers:
    def test_what_was_written_stays(self, store: SqlAlchemyStore) -> None:
        clinic = filled(store, 3)
        sealed = clinic.audit.seal(ListSink())
        store.record([full_entry(3)])
        for statement in changing(tables()):
            refused(store.engine, statement)
        if store.engine.dialect.name == "postgresql":
            for table in ("", "_chain", "_head", "_key", "_unsealed"):
                refused(store.engine, f"TRUNCATE medsched_audit{table} CASCADE")
        came = clinic.audit.verify(expecting=sealed.checkpoint)
        assert (came.sealed, came.unsealed, came.findings) == (3, 1, ())

    def test_nothing_is_written_over(self, store: SqlAlchemyStore) -> None:
        """REPLACE takes rows away without the triggers of a DELETE on SQLite."""
        clinic = filled(store, 2)
        clinic.audit.seal()
        store.record([full_entry(2)])
        if store.engine.dialect.name == "postgresql":
            refused(
                store.engine,
                "INSERT INTO medsched_audit SELECT * FROM medsched_audit"
                " ON CONFLICT (practice, id) DO UPDATE SET principal = 'x'",
            )
            return
        made = tables()
        for table in made.audit, made.audit_chain, made.audit_head, made.audit_key:
            refused(store.engine, f"REPLACE INTO {table.name} SELECT * FROM {table.name}")
        queue = made.audit_unsealed.name
        refused(store.engine, f"REPLACE INTO {queue} SELECT * FROM {queue}")
        assert clinic.audit.verify().is_clean

    def test_they_can_be_made_again(self, store: SqlAlchemyStore) -> None:
        for _ in range(2):
            with store.engine.begin() as connection:
                for statement in adapter.audit_triggers(store.engine.dialect.name):
                    connection.execute(sa.text(statement))  # as Alembic would
        filled(store, 1)
        refused(store.engine, "DELETE FROM medsched_audit")

    def test_young_entries_stay_whatever_is_said_of_them(self, store: SqlAlchemyStore) -> None:
        """Shipped and pruned, by the word of whoever writes the head, and a day too young."""
        clinic = filled(store, 2)
        clinic.audit.seal(ListSink())
        aged(store, SIX_YEARS - timedelta(days=1))
        with store.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE medsched_audit_head SET pruned = 2")
        refused(store.engine, "DELETE FROM medsched_audit")
        refused(store.engine, "DELETE FROM medsched_audit_chain")
        aged(store, timedelta(days=2))
        with store.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM medsched_audit")
            connection.exec_driver_sql("DELETE FROM medsched_audit_chain")

    def test_old_entries_stay_until_they_are_pruned(self, store: SqlAlchemyStore) -> None:
        clinic = filled(store, 2)
        clinic.audit.seal(ListSink())
        aged(store, EIGHT)
        refused(store.engine, "DELETE FROM medsched_audit")
        clinic.audit.retain(2 * EIGHT)
        with store.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE medsched_audit_head SET pruned = 2")
        refused(store.engine, "DELETE FROM medsched_audit")

    def test_a_sink_only_grows(self, store: SqlAlchemyStore) -> None:
        sink = DatabaseSink(store.engine)
        sink.create()
        sink.create()
        filled(store, 2).audit.seal(sink)
        for table in ("record", "checkpoint"):
            refused(store.engine, f"DELETE FROM medsched_sink_{table}")
            refused(store.engine, f"UPDATE medsched_sink_{table} SET document = 'x'")
            if store.engine.dialect.name == "postgresql":
                refused(store.engine, f"TRUNCATE medsched_sink_{table}")
        if store.engine.dialect.name == "sqlite":
            refused(
                store.engine, "REPLACE INTO medsched_sink_record SELECT * FROM medsched_sink_record"
            )
        with store.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE medsched_sink_record")
            connection.exec_driver_sql("DROP TABLE medsched_sink_checkpoint")


def aged(store: SqlAlchemyStore, by: timedelta) -> None:
    """Entries that were recorded so much earlier; the chain says no more what they say."""
    with unguarded(store.engine) as connection:
        table = tables().audit
        earlier = table.c.recorded_at - by // timedelta(microseconds=1)
        connection.execute(sa.update(table).values(recorded_at=earlier))


def test_a_host_may_own_the_path_that_names_are_looked_for_in(databases: Databases) -> None:
    """Tables of one's own that say that all may go, in a schema that is searched first."""
    store = databases.audited("postgresql")
    assert isinstance(store, SqlAlchemyStore)
    filled(store, 1).audit.seal(ListSink())
    aged(store, EIGHT)
    engine = store.engine
    with engine.connect() as connection:
        for table in ("medsched_audit_chain", "medsched_audit_head"):
            connection.exec_driver_sql(
                f"CREATE TEMPORARY TABLE {table} AS SELECT * FROM public.{table}"
            )
        connection.exec_driver_sql("UPDATE pg_temp.medsched_audit_head SET pruned = 99")
        with pytest.raises(sa.exc.DBAPIError, match="medsched: "):
            connection.exec_driver_sql("DELETE FROM public.medsched_audit")


def test_they_guard_tables_that_were_upgraded(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/clinic.db"
    adapter.create(url)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        names = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
        ).all()
        for name in ("", "_unsealed", "_chain", "_head", "_key"):
            connection.exec_driver_sql(f"DROP TABLE medsched_audit{name}")
        connection.exec_driver_sql("UPDATE medsched_version SET version = 4")
    assert adapter.upgrade(engine) == (4, adapter.VERSION)
    with engine.begin() as connection:
        again = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
        ).all()
    assert again == names
    assert len(names) == 15
    engine.dispose()


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_an_application_without_rights_to_change(databases: Databases, kind: str) -> None:
    """A role that may do what it needs, and nothing else, even where no trigger stands."""
    store = databases.audited(kind)
    assert isinstance(store, SqlAlchemyStore)
    keeping: Any = store._keeping
    role = "clinic_app" if kind == "postgresql" else "clinic_app@%"
    with store.engine.begin() as connection:
        if kind == "postgresql":
            connection.exec_driver_sql("CREATE ROLE clinic_app LOGIN")
        else:
            connection.exec_driver_sql("CREATE USER clinic_app@'%%'")
        for statement in adapter.audit_privileges(role, kind):
            connection.execute(sa.text(statement))
    url = store.engine.url.set(username="clinic_app", password=None)
    engine = sa.create_engine(url, isolation_level="READ COMMITTED")
    try:
        clinic = filled(SqlAlchemyStore(engine, audit=keeping), 3)
        clinic.audit.seal(ListSink())
        assert clinic.audit.verify().is_clean
        refused(engine, "DELETE FROM medsched_audit", what="denied")
        refused(engine, "UPDATE medsched_audit SET principal = 'x'", what="denied")
        refused(engine, "TRUNCATE TABLE medsched_audit", what="denied")
        refused(engine, "DELETE FROM medsched_audit_chain", what="denied")
        refused(engine, "DELETE FROM medsched_audit_key", what="denied")
    finally:
        engine.dispose()
        with store.engine.begin() as connection:
            if kind == "postgresql":
                connection.exec_driver_sql("DROP OWNED BY clinic_app")
                connection.exec_driver_sql("DROP ROLE clinic_app")
            else:
                connection.exec_driver_sql("DROP USER clinic_app@'%%'")


def test_what_is_no_database_of_ours() -> None:
    for asked in (adapter.audit_triggers, lambda dialect: adapter.audit_privileges("x", dialect)):
        with pytest.raises(InvalidChoice):
            asked("oracle")
    assert adapter.audit_privileges("x", "sqlite") == ()


def test_a_twin_of_an_entry_is_refused(store: SqlAlchemyStore) -> None:
    store.record([full_entry(1)])
    with pytest.raises((StorageError, StorageBusy)):
        store.record([full_entry(1, principal="another")])
    (row,) = store.unsealed_audit(PRACTICE, after="", limit=9)
    assert isinstance(row, AuditRow)
    assert row.principal == "dr-smith"
