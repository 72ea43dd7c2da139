"""Programs that medsched is built into, each with a connection and a table of its own."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

import pytest
import sqlalchemy as sa
from tests.databases import Databases

from medsched.adapters.sqlalchemy import SqlAlchemyStore

HOSTS: Final = ("sqlalchemy", "driver", "django")


class Host:
    """What a program does on a connection that is not medsched's."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.kind = "mariadb" if engine.dialect.name == "mysql" else engine.dialect.name

    def transaction(self) -> AbstractContextManager[Any]:
        """Committed at the end, or rolled back when anything is raised; gives the connection."""
        raise NotImplementedError

    def without_transaction(self) -> AbstractContextManager[Any]:
        """A connection on which each statement is a transaction by itself."""
        raise NotImplementedError

    def run(self, statement: str) -> list[Any]:
        """Run a statement in the transaction under way; the rows, if it gives any."""
        raise NotImplementedError

    def join(self, **options: Any) -> SqlAlchemyStore:
        """A store in the transaction under way."""
        raise NotImplementedError

    def close(self) -> None:
        """Give everything back."""

    def note(self, text: str) -> None:
        """Write a row of its own."""
        self.run(f"INSERT INTO host_notes VALUES ('{text}')")

    def notes(self) -> list[str]:
        """Its own rows, as others see them."""
        with self.engine.connect() as connection:
            found = connection.exec_driver_sql("SELECT text FROM host_notes ORDER BY text")
            return list(found.scalars())


class SqlAlchemyHost(Host):
    """One that uses SQLAlchemy."""

    connection: sa.Connection

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        with self.engine.begin() as self.connection:
            yield self.connection

    @contextmanager
    def without_transaction(self) -> Iterator[sa.Connection]:
        engine = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        with engine.connect() as self.connection:
            yield self.connection

    def run(self, statement: str) -> list[Any]:
        found = self.connection.exec_driver_sql(statement)
        return list(found.all()) if found.returns_rows else []

    def join(self, **options: Any) -> SqlAlchemyStore:
        return SqlAlchemyStore.join(self.connection, **options)


class DriverHost(Host):
    """One that uses the driver alone."""

    connection: Any

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        self.connection = connected(self.engine.url)
        try:
            yield self.connection
            self.connection.commit()
        finally:
            self.connection.close()

    @contextmanager
    def without_transaction(self) -> Iterator[Any]:
        self.connection = connected(self.engine.url)
        match self.kind:
            case "sqlite":
                self.connection.isolation_level = None
            case "postgresql":
                self.connection.autocommit = True
            case _:
                self.connection.autocommit(True)
        try:
            yield self.connection
        finally:
            self.connection.close()

    def run(self, statement: str) -> list[Any]:
        cursor = self.connection.cursor()
        cursor.execute(statement)
        found = list(cursor.fetchall()) if cursor.description else []
        cursor.close()
        return found

    def join(self, **options: Any) -> SqlAlchemyStore:
        return SqlAlchemyStore.join_dbapi(self.connection, **options)


class DjangoHost(Host):
    """One that uses Django."""

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__(engine)
        self.alias = f"{self.kind} {id(engine)}"
        self._django().settings[self.alias] = self._settings()

    @staticmethod
    def _django() -> Any:
        return _django()

    def _settings(self) -> dict[str, Any]:
        url = self.engine.url
        found = {"ENGINE": self.kind.replace("mariadb", "mysql").replace("sqlite", "sqlite3")}
        found = {"ENGINE": f"django.db.backends.{found['ENGINE']}", "NAME": url.database or ""}
        named = {"USER": url.username, "PASSWORD": url.password, "HOST": url.host}
        found |= {key: value for key, value in named.items() if value}
        if url.port:
            found["PORT"] = str(url.port)
        if host := url.query.get("host"):
            found["HOST"] = str(host)
        configured: dict[str, Any] = self._django().configure_settings(
            {"default": {}, self.alias: found}
        )[self.alias]
        return configured

    @property
    def connection(self) -> Any:
        return self._django()[self.alias]

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        with import_module("django.db.transaction").atomic(using=self.alias):
            yield self.connection

    @contextmanager
    def without_transaction(self) -> Iterator[Any]:
        yield self.connection

    def run(self, statement: str) -> list[Any]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def join(self, **options: Any) -> SqlAlchemyStore:
        return SqlAlchemyStore.join_dbapi(self.connection, **options)

    def close(self) -> None:
        self.connection.close()


def connected(url: sa.URL, **options: Any) -> Any:
    """A connection of the driver alone, with its own defaults."""
    match url.get_backend_name():
        case "sqlite":
            options = {"timeout": 30, "check_same_thread": False, **options}
            return sqlite3.connect(url.database or "", **options)
        case "postgresql":
            import psycopg

            text = url.set(drivername="postgresql").render_as_string(hide_password=False)
            return psycopg.connect(text, **options)
        case _:
            named: dict[str, Any] = {"host": url.host, "port": url.port, "user": url.username}
            named["ssl_disabled"] = True  # it would read the machine's certificates each time
            driver: Any = import_module("pymysql")
            return driver.connect(**named, database=url.database, **options)


@cache
def _django() -> Any:
    """Django's connections, set up once; PyMySQL stands in where mysqlclient is not installed."""
    settings = import_module("django.conf").settings
    settings.configure(DATABASES={}, USE_TZ=True, TIME_ZONE="America/New_York")
    import_module("django").setup()
    if find_spec("MySQLdb") is None and find_spec("pymysql") is not None:
        stood_in = import_module("pymysql")
        sys.modules |= {"MySQLdb": stood_in, "_mysql": stood_in}
        try:
            import_module("django.db.backends.mysql.base")
        finally:
            for name in [
                name for name in sys.modules if name.split(".")[0] in ("MySQLdb", "_mysql")
            ]:
                del sys.modules[name]
    return import_module("django.db").connections


_CLASSES: Final[dict[str, Callable[[sa.Engine], Host]]] = {
    "sqlalchemy": SqlAlchemyHost,
    "driver": DriverHost,
    "django": DjangoHost,
}


@contextmanager
def hosted(databases: Databases, kind: str, name: str) -> Iterator[Host]:
    """A host on an empty store's database, with a table of its own."""
    databases.store(kind)
    if name == "django" and find_spec("django") is None:
        pytest.skip("Django is NOT tested: it is not installed")
    host = _CLASSES[name](databases.another(kind).engine)
    with host.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS host_notes")
        connection.exec_driver_sql("CREATE TABLE host_notes (text VARCHAR(50))")
    try:
        yield host
    finally:
        host.close()
        with host.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE host_notes")
        databases.check_returned(kind)
