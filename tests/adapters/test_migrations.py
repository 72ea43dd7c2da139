"""Tables of earlier releases become those of this one, whatever comes between."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from threading import Barrier, Thread
from typing import Any, Final

import pytest
from tests.databases import ENGINES, Databases

from medsched.domain.availability_changes import Touched, TouchedTime
from medsched.domain.bookings import WallTime
from medsched.domain.changes import Applied, Changeset
from medsched.domain.events import Change, Event
from medsched.domain.holds import Hold
from medsched.domain.people import Patient, Provider
from medsched.domain.records import Resource
from medsched.domain.stored import Kind, Ref
from medsched.errors import SchemaMismatch

pytest.importorskip("sqlalchemy", reason="the extra sqlalchemy is not installed")

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from tests.kills.points import ALL

from medsched.adapters import sqlalchemy as adapter
from medsched.adapters.sqlalchemy.schema import tables

BEFORE, FRESH = "medsched_before", "medsched_fresh"
EVERY: Final = 7
"""At which of the statements an upgrade is killed, unless at all of them."""
WHEN = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)


# ---------------------------------------------- versions 1 to 4, as they were released: frozen

_MYSQL: Final = ("mysql", "mariadb")


def _exact(length: int) -> Any:
    kept = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_nopad_bin")
    plain = sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")
    return plain.with_variant(kept, *_MYSQL)


def _word(length: int) -> Any:
    kept = mysql.VARCHAR(length, charset="ascii", collation="ascii_nopad_bin")
    plain = sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")
    return plain.with_variant(kept, *_MYSQL)


_DOCUMENT: Final[Any] = sa.Text().with_variant(
    mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_nopad_bin"), *_MYSQL
)
_INSTANT: Final[Any] = (
    sa.DateTime()
    .with_variant(sa.DateTime(timezone=True), "postgresql")
    .with_variant(mysql.DATETIME(fsp=6), *_MYSQL)
)


def _need(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _touched() -> sa.Column[Any]:
    return sa.Column("touched", sa.BigInteger, nullable=False, server_default=sa.text("0"))


_OPTIONS: Final[dict[str, Any]] = {
    f"{dialect}_{option}": value
    for dialect in _MYSQL
    for option, value in (
        ("engine", "InnoDB"),
        ("charset", "utf8mb4"),
        ("collate", "utf8mb4_nopad_bin"),
    )
}


def _into(metadata: sa.MetaData) -> Callable[..., None]:
    def table(name: str, key: list[str], *parts: Any, **options: Any) -> None:
        primary = sa.PrimaryKeyConstraint(*key, name=f"pk_medsched_{name}")
        sa.Table(f"medsched_{name}", metadata, *parts, primary, **_OPTIONS, **options)

    return table


def version_1(schema: str | None) -> sa.MetaData:
    """The tables of version 1."""
    metadata = sa.MetaData(schema=schema)
    table = _into(metadata)
    id, kind = _exact(255), _word(32)
    table("version", ["component"], _need("component", kind), _need("version", sa.Integer))
    table(
        "record",
        ["practice", "kind", "id"],
        *(_need("practice", id), _need("kind", kind), _need("id", id)),
        _need("version", sa.BigInteger),
        _need("active", sa.Boolean(create_constraint=False)),
        *(sa.Column("resource_kind", kind), sa.Column("resource_id", id)),
        *(sa.Column("created_at", _INSTANT), sa.Column("updated_at", _INSTANT)),
        *(_need("format", sa.SmallInteger), _need("document", _DOCUMENT), _touched()),
        sa.Index("ix_medsched_record_resource", "practice", "resource_kind", "resource_id"),
    )
    table(
        "filter",
        ["practice", "kind", "id", "position"],
        *(_need("practice", id), _need("kind", kind), _need("id", id)),
        *(_need("position", sa.Integer), _need("field", kind), _need("value", id)),
        sa.Index("ix_medsched_filter_value", "practice", "kind", "field", "value"),
    )
    table(
        "reference",
        ["practice", "kind", "id", "position"],
        *(_need("practice", id), _need("kind", kind), _need("id", id)),
        *(_need("position", sa.Integer), _need("to_kind", kind), _need("to_id", id)),
        sa.Index("ix_medsched_reference_to", "practice", "to_kind", "to_id"),
    )
    table(
        "schedule",
        ["practice", "kind", "id"],
        *(_need("practice", id), _need("kind", kind), _need("id", id)),
        *(_need("version", sa.BigInteger), _touched()),
    )
    table(
        "event",
        ["practice", "changeset", "position"],
        *(_need("practice", id), _need("changeset", kind), _need("position", sa.Integer)),
        *(_need("recorded_at", _INSTANT), sa.Column("number", sa.BigInteger)),
        *(_need("name", _word(64)), _need("kind", kind), _need("record", id)),
        *(_need("version", sa.BigInteger), _need("format", sa.SmallInteger)),
        sa.UniqueConstraint("practice", "number", name="uq_medsched_event_number"),
    )
    return metadata


def version_2(schema: str | None) -> sa.MetaData:
    """The tables of version 2."""
    metadata = version_1(schema)
    table = _into(metadata)
    id, kind = _exact(255), _word(32)
    table(
        "booking",
        ["practice", "kind", "id"],
        *(_need("practice", id), _need("kind", kind), _need("id", id)),
        *(_need("version", sa.BigInteger), sa.Column("status", kind)),
        *(_need("provider", id), sa.Column("patient", id), _need("type", id)),
        *(sa.Column("location", id), _need("start_at", _INSTANT), _need("end_at", _INSTANT)),
        *(sa.Column("reference", id), sa.Column("expires_at", _INSTANT)),
        *(sa.Column("created_at", _INSTANT), sa.Column("updated_at", _INSTANT)),
        *(_need("format", sa.SmallInteger), _need("document", _DOCUMENT), _touched()),
        sa.UniqueConstraint("practice", "reference", name="uq_medsched_booking_reference"),
        sa.Index("ix_medsched_booking_provider", "practice", "provider", "start_at"),
        sa.Index("ix_medsched_booking_patient", "practice", "patient", "start_at"),
        sa.Index("ix_medsched_booking_start", "practice", "start_at"),
    )
    owner = (_need("practice", id), _need("resource_kind", kind), _need("resource_id", id))
    table(
        "claim",
        ["practice", "resource_kind", "resource_id", "days", "low", "token"],
        *(*owner, _need("days", sa.SmallInteger), _need("low", sa.BigInteger)),
        *(_need("token", kind), _need("high", sa.BigInteger)),
        *(_need("kind", kind), _need("id", id), sa.Column("expires_at", _INSTANT)),
    )
    owner = (_need("practice", id), _need("resource_kind", kind), _need("resource_id", id))
    table(
        "ledger",
        ["practice", "resource_kind", "resource_id", "day"],
        *(*owner, _need("day", sa.Integer)),
        *(sa.Column(f"h{hour:02d}", sa.BigInteger) for hour in range(24)),
        postgresql_with={"fillfactor": "50"},
    )
    table(
        "tally",
        ["practice", "name"],
        *(_need("practice", id), _need("name", id), _need("count", sa.BigInteger)),
    )
    table(
        "receipt",
        ["practice", "scope"],
        *(_need("practice", id), _need("scope", _word(64)), _need("digest", _word(64))),
        *(_need("made_at", _INSTANT), sa.Column("document", _DOCUMENT)),
        sa.Index("ix_medsched_receipt_made", "practice", "made_at"),
    )
    table("sequence", ["practice"], _need("practice", id), _need("last", sa.BigInteger))
    return metadata


def version_3(schema: str | None) -> sa.MetaData:
    """The tables of version 3."""
    metadata = version_2(schema)
    table = _into(metadata)
    id, kind = _exact(255), _word(32)
    table(
        "publication",
        ["practice", "token"],
        *(_need("practice", id), _need("token", kind), _need("provider", id), _need("type", id)),
        *(_need("day", sa.Integer), _need("start_at", _INSTANT), _need("end_at", _INSTANT)),
        _need("stamp", _word(64)),
        sa.Index("ix_medsched_publication_day", "practice", "provider", "day"),
    )
    table(
        "slot",
        ["practice", "publication", "start_at"],
        *(_need("practice", id), _need("publication", kind)),
        *(_need("start_at", _INSTANT), _need("end_at", _INSTANT)),
        *(_need("provider", id), _need("type", id), sa.Column("location", id)),
        *(_need("status", kind), _need("seats_free", sa.Integer), sa.Column("patient", id)),
        *(
            _need("slot_id", _DOCUMENT),
            _need("created_at", _INSTANT),
            _need("updated_at", _INSTANT),
        ),
        sa.Index("ix_medsched_slot_provider", "practice", "provider", "start_at", "status"),
    )
    return metadata


def version_4(schema: str | None) -> sa.MetaData:
    """The tables of version 4."""
    metadata = version_3(schema)
    (event,) = (one for one in metadata.tables.values() if one.name == "medsched_event")
    event.append_column(sa.Column("touched", _DOCUMENT))
    return metadata


EARLIER: Final = {1: version_1, 2: version_2, 3: version_3, 4: version_4}


def fill(connection: sa.Connection, metadata: sa.MetaData, version: int) -> None:
    """What a practice had stored; version 1 numbered no events, and counted nothing."""

    def insert(into: str, **values: Any) -> None:
        (table,) = (one for one in metadata.tables.values() if one.name == f"medsched_{into}")
        connection.execute(sa.insert(table).values(values))

    at = WHEN if connection.dialect.name == "postgresql" else WHEN.replace(tzinfo=None)
    record: dict[str, Any] = {"practice": "p", "version": 3, "active": True, "format": 1}
    record |= {"created_at": at, "updated_at": at}
    insert("version", component="schema", version=version)
    if version > 1:
        insert("tally", practice="p", name="seats", count=3)
    smith = '{"name":"Dr. Smíth","specialties":["cardiology"],"location":"main"}'
    insert("record", **record, kind="provider", id="smith", document=smith)
    insert("record", **record, kind="patient", id="ehr-1 ", document='{"name":"Ada"}')
    insert("record", **record, kind="location", id="main", document="{}")
    key = {"practice": "p", "kind": "provider", "id": "smith", "position": 0}
    insert("filter", **key, field="specialties", value="cardiology")
    insert("reference", **key, to_kind="location", to_id="main")
    insert("schedule", practice="p", kind="provider", id="smith", version=7)
    insert(
        "event",
        practice="p",
        changeset="0" * 32,
        position=0,
        recorded_at=at,
        name="provider.updated",
        kind="provider",
        record="smith",
        version=3,
        format=1,
    )


# --------------------------------------------------------------------------- comparing


def shape(engine: sa.Engine, schema: str | None) -> dict[str, object]:
    """All that the database says of its tables, but what they are called together."""
    found = sa.inspect(engine)
    shapes: dict[str, object] = {}
    for name in sorted(found.get_table_names(schema=schema)):
        key = found.get_pk_constraint(name, schema=schema)
        shapes[name] = {
            "columns": [
                {**column, "type": repr(column["type"])}
                for column in found.get_columns(name, schema=schema)
            ],
            "key": (key["name"], key["constrained_columns"]),
            "indexes": _sorted(found.get_indexes(name, schema=schema)),
            "uniques": _sorted(found.get_unique_constraints(name, schema=schema)),
            "foreign keys": found.get_foreign_keys(name, schema=schema),
            "checks": _sorted(found.get_check_constraints(name, schema=schema)),
            "made by": _made_by(engine, schema, name),
        }
    return shapes


def _sorted(parts: list[Any]) -> list[Any]:
    return sorted(parts, key=lambda part: str(part["name"]))


def _made_by(engine: sa.Engine, schema: str | None, name: str) -> str:
    """What the inspection does not tell: the storage engine, the fill factor, collations."""
    ask = {
        "sqlite": "SELECT sql FROM sqlite_master WHERE name = :name",
        "postgresql": (
            "SELECT c.reloptions::text FROM pg_class c JOIN pg_namespace n"
            " ON n.oid = c.relnamespace WHERE c.relname = :name AND n.nspname = :schema"
        ),
    }
    query = sa.text(ask.get(engine.dialect.name, f"SHOW CREATE TABLE {schema}.{name}"))
    values = {"name": name, "schema": schema}
    with engine.connect() as connection:
        row = connection.execute(query, {k: values[k] for k in query._bindparams}).one()
    # Keys come as may be, and in SQLite a column that was added stands behind them.
    parts = (part.strip(" \t)") for part in re.split(",|\n", str(row[-1])))
    return str(sorted(filter(None, parts)))


@pytest.fixture(params=ENGINES)
def database(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path
) -> Iterator[Callable[[str], tuple[sa.Engine, str | None]]]:
    """Empty databases by name: files, or schemas of one server."""
    if request.param == "sqlite":
        with _files(tmp_path) as files:
            yield files
        return
    databases.store(request.param)
    engine = databases.another(request.param).engine
    made = set[str]()

    def of(name: str) -> tuple[sa.Engine, str | None]:
        with engine.begin() as connection:
            if name in made:
                _drop(connection, name)
            connection.execute(sa.schema.CreateSchema(name))
            made.add(name)
        return engine, name

    yield of
    with engine.begin() as connection:
        for name in made:
            _drop(connection, name)
    databases.check_returned(request.param)


def _drop(connection: sa.Connection, name: str) -> None:
    cascade = connection.dialect.name == "postgresql"
    connection.execute(sa.schema.DropSchema(name, cascade=cascade))


@contextmanager
def _files(folder: Path) -> Iterator[Callable[[str], tuple[sa.Engine, str | None]]]:
    engines: list[sa.Engine] = []

    def of(name: str) -> tuple[sa.Engine, str | None]:
        path = folder / f"{name}-{len(engines)}.db"
        engines.append(sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 60}))
        return engines[-1], None

    yield of
    for engine in engines:
        engine.dispose()


Of = Callable[[str], tuple[sa.Engine, str | None]]


@pytest.fixture(params=EARLIER)
def before(request: pytest.FixtureRequest) -> int:
    """An earlier version."""
    version: int = request.param
    return version


def old(of: Of, version: int) -> tuple[sa.Engine, str | None]:
    """A database with the tables of an earlier version, and records in them."""
    engine, schema = of(BEFORE)
    metadata = EARLIER[version](schema)
    with engine.begin() as connection:
        metadata.create_all(connection)
        fill(connection, metadata, version)
    return engine, schema


def fresh(of: Of) -> dict[str, object]:
    """What tables look like that this release has made."""
    engine, schema = of(FRESH)
    adapter.create(engine, schema=schema)
    return _neutral(shape(engine, schema))


def _neutral(shapes: dict[str, object]) -> dict[str, object]:
    return {
        name: str(told).replace(BEFORE, "…").replace(FRESH, "…") for name, told in shapes.items()
    }


def is_current(engine: sa.Engine, schema: str | None, meant: dict[str, object]) -> None:
    """The tables are those that this release makes."""
    adapter.check(engine, schema=schema)
    found = _neutral(shape(engine, schema))
    assert found.keys() == meant.keys()
    for name in meant:
        assert found[name] == meant[name], name


@contextmanager
def killed(engine: sa.Engine, at: int) -> Iterator[list[str]]:
    """Kill whoever comes to a statement that changes something for so manyth a time."""
    statements: list[str] = []

    def kill(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        words = statement.split()[:4]
        if "FUNCTION" in words or ("TRIGGER" in words and "medsched_audit_head" not in statement):
            return  # one trigger is made like the other
        if statement.lstrip().startswith(("CREATE", "ALTER", "UPDATE", "INSERT")):
            statements.append(statement)
            if len(statements) == at:
                raise KeyboardInterrupt

    sa.event.listen(engine, "before_cursor_execute", kill)
    yield statements
    sa.event.remove(engine, "before_cursor_execute", kill)


# ------------------------------------------------------------------------------- tests


class TestFromEarlierVersions:
    def test_it_ends_at_the_tables_of_today(self, database: Of, before: int) -> None:
        meant = fresh(database)
        engine, schema = old(database, before)
        assert len(meant) >= len(shape(engine, schema)) == {1: 6, 2: 12, 3: 14, 4: 14}[before]
        assert adapter.upgrade(engine, schema=schema) == (before, adapter.VERSION)
        is_current(engine, schema, meant)
        assert adapter.upgrade(engine, schema=schema) == (adapter.VERSION, adapter.VERSION)
        adapter.create(engine, schema=schema)
        is_current(engine, schema, meant)

    def test_what_was_stored_is_there_and_can_be_booked(self, database: Of, before: int) -> None:
        engine, schema = old(database, before)
        adapter.upgrade(engine, schema=schema)
        store = adapter.SqlAlchemyStore(engine, schema=schema)
        smith, ada = store.get("p", Provider, "smith"), store.get("p", Patient, "ehr-1 ")
        named: Any = {"name": "Dr. Smíth", "specialties": {"cardiology"}, "location": "main"}
        assert smith == Provider(id="smith", version=3, **named)
        assert ada == Patient(id="ehr-1 ", version=3, name="Ada")
        assert smith is not None
        assert (smith.created_at, smith.updated_at) == (WHEN, WHEN)
        where = {"specialties": "cardiology"}
        assert store.page("p", Provider, active=True, where=where, after=None, limit=9) == [smith]
        main = Ref(Kind.LOCATION, "main")
        assert store.referrers("p", main) == [Ref(Kind.PROVIDER, "smith")]
        provider = Resource("provider", "smith")
        assert store.schedule_versions("p", [provider]) == {provider: 7}
        hold = Hold(
            id="h",
            version=1,
            provider="smith",
            type="visit",
            start=WHEN.replace(second=0, microsecond=0),
            end=WHEN.replace(hour=4, second=0, microsecond=0),
            wall=WallTime(datetime(2026, 1, 2, 3, 4), "UTC"),
            spans=[(provider, 29_454_424, 29_454_480)],
            expires=WHEN,
        )
        event = Event.of(Change.CREATED, hold)
        changeset = Changeset(practice="p", writes=(hold,), claims=hold.claims, events=(event,))
        assert store.apply(changeset) == Applied()
        assert store.number_events("p") == 2
        assert [(one.number, one.event.name) for one in store.events("p", after=0, limit=9)] == [
            (1, "provider.updated"),
            (2, "hold.created"),
        ]
        held = Touched(times=(TouchedTime(provider, 29_454_424, 29_454_480, WHEN),))
        assert store.changes("p", after=0, limit=9) == [(1, None), (2, held)], "1: nobody said"
        assert store.tallies("p", ["seats"]) == {"seats": 0 if before == 1 else 3}
        assert adapter.verify(engine, schema=schema).is_clean

    def test_until_then_it_is_told_to_upgrade(self, database: Of, before: int) -> None:
        engine, schema = old(database, before)
        shaped = shape(engine, schema)
        for ask in (adapter.check, adapter.create, adapter.verify):
            with pytest.raises(
                SchemaMismatch, match=rf"at version {before}, .*: upgrade them"
            ) as caught:
                ask(engine, schema=schema)
            assert (caught.value.found, caught.value.expected) == (before, adapter.VERSION)
        assert shape(engine, schema) == shaped

    def test_tables_that_are_there_already_are_completed(self, database: Of, before: int) -> None:
        """As one leaves them who is killed where making a table ends a transaction."""
        meant = fresh(database)
        engine, schema = old(database, before)
        made = tables(schema)
        half: list[sa.Table] = {
            1: [made.ledger, made.booking],
            2: [made.slot],
            3: [],
            4: [made.audit_chain, made.audit],
        }[before]
        with engine.begin() as connection:
            for table in half:
                table.create(connection)
            for index in half[-1].indexes if half else ():
                index.drop(connection)
            if before == 3:
                event = connection.dialect.identifier_preparer.format_table(made.event)
                column = sa.schema.CreateColumn(made.event.c.touched)
                text = column.compile(dialect=connection.dialect)
                connection.exec_driver_sql(f"ALTER TABLE {event} ADD COLUMN {text}")
        assert adapter.upgrade(engine, schema=schema) == (before, adapter.VERSION)
        is_current(engine, schema, meant)

    @pytest.mark.parametrize(
        "what, version",
        [("upgrade", 1), ("upgrade", 2), ("upgrade", 3), ("upgrade", 4), ("create", 0)],
    )
    def test_killed_at_any_statement_it_can_be_run_again(
        self, database: Of, what: str, version: int
    ) -> None:
        meant = fresh(database)
        run = getattr(adapter, what)
        step = 1 if ALL else EVERY
        for at in count(1, step):
            engine, schema = old(database, version) if version else database(BEFORE)
            with killed(engine, at) as statements:
                try:
                    run(engine, schema=schema)
                except KeyboardInterrupt:
                    assert len(statements) == at
            if len(statements) < at:  # it came to its end
                break
            with pytest.raises(SchemaMismatch):
                adapter.check(engine, schema=schema)
            run(engine, schema=schema)
            is_current(engine, schema, meant)
        assert at > {0: 23, 1: 22, 2: 14, 3: 9, 4: 8}[version]

    def test_two_at_once_end_well(self, database: Of, before: int) -> None:
        meant = fresh(database)
        for _ in range(4):
            engine, schema = old(database, before)
            start = Barrier(3)
            came: list[object] = []

            def upgrade(start: Barrier, engine: sa.Engine, schema: str | None, came: Any) -> None:
                start.wait()
                try:
                    came.append(adapter.upgrade(engine.url, schema=schema))
                except Exception as error:
                    came.append(error)

            arguments = (start, engine, schema, came)
            threads = [Thread(target=upgrade, args=arguments) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert {*map(str, came)} <= {
                f"({n}, {adapter.VERSION})" for n in range(before, adapter.VERSION + 1)
            }
            assert (before, adapter.VERSION) in came
            is_current(engine, schema, meant)


def test_the_turn_is_given_back(databases: Databases) -> None:
    """MariaDB keeps it for a connection, which goes back to the pool of the host."""
    databases.store("mariadb")
    engine = databases.another("mariadb").engine
    adapter.upgrade(engine)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT IS_FREE_LOCK('medsched upgrade')").scalar() == 1


def test_a_hosts_own_migrations_make_the_same_tables(database: Of) -> None:
    """What `attach` lays into a host's metadata, with `stamp`, is what `create` makes."""
    meant = fresh(database)
    engine, schema = database(BEFORE)
    metadata = sa.MetaData(naming_convention={"pk": "host_pk_%(table_name)s"})
    attached = adapter.attach(metadata, schema=schema)
    assert {table.name for table in metadata.tables.values()} == meant.keys()
    with engine.begin() as connection:
        metadata.create_all(connection)
        adapter.stamp(connection, schema=schema)
    is_current(engine, schema, meant)
    assert {attached.booking, attached.ledger} <= set(metadata.tables.values())
