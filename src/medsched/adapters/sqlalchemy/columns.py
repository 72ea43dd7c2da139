"""Column types that mean the same on every database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import DateTime, Dialect, String, Text
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.mysql import DATETIME, MEDIUMTEXT, VARCHAR
from sqlalchemy.types import TypeDecorator, TypeEngine

from medsched.errors import NaiveDatetime

_MYSQL: Final = ("mysql", "mariadb")


def exact(length: int) -> TypeEngine[str]:
    """A text that is compared, ordered and kept unique byte by byte, in any character.

    PostgreSQL orders by the database's locale unless told otherwise. MariaDB takes ``EHR-1``
    and ``ehr-1``, and the latter with a space after it, for one; this collation does not.
    SQLite compares bytes by itself.
    """
    binary = VARCHAR(length, charset="utf8mb4", collation="utf8mb4_nopad_bin")
    return (
        String(length)
        .with_variant(String(length, collation="C"), "postgresql")
        .with_variant(binary, *_MYSQL)
    )


def word(length: int) -> TypeEngine[str]:
    """A name of ours, in ASCII: a byte a character, so that keys stay within MariaDB's limit."""
    plain = VARCHAR(length, charset="ascii", collation="ascii_nopad_bin")
    return (
        String(length)
        .with_variant(String(length, collation="C"), "postgresql")
        .with_variant(plain, *_MYSQL)
    )


def document() -> TypeEngine[str]:
    """JSON as text, up to 16 MB of it.

    Not the database's JSON type: what an engine makes of it is up to the engine's own
    serializer, which is the host's, and `rows` promises an exact round trip.
    """
    return Text().with_variant(
        MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_nopad_bin"), *_MYSQL
    )


class _Text(sqlite.DATETIME):
    """SQLite's way: a text. A host's connection may make a datetime of it, as Django's do."""

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """From what the driver gives."""
        read: Any = super().result_processor(dialect, coltype)

        def process(value: Any) -> Any:
            return value if isinstance(value, datetime) else read(value)

        return process


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware datetimes in, aware datetimes in UTC out, to the microsecond.

    PostgreSQL keeps ``timestamptz`` and answers in the session's zone; MariaDB and SQLite
    keep no zone, so they are given UTC. A naive datetime is `NaiveDatetime`.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The database's own type."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        if dialect.name in _MYSQL:
            return dialect.type_descriptor(DATETIME(fsp=6))
        text: Any = _Text
        return dialect.type_descriptor(text())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC."""
        if value is None:
            return None
        if value.utcoffset() is None:
            raise NaiveDatetime("instant", value, "an instant needs a time zone")
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
