"""The store in a database: SQLite, PostgreSQL or MariaDB, through SQLAlchemy Core.

Needs the extra ``sqlalchemy``, and ``postgres`` or ``mariadb`` for the drivers; without the
former, importing this package raises `MissingExtra`.
"""

from __future__ import annotations

from medsched.errors import MissingExtra

try:
    import sqlalchemy  # noqa: F401
except ModuleNotFoundError as error:
    raise MissingExtra("medsched.adapters.sqlalchemy", "sqlalchemy") from error

from medsched.adapters.sqlalchemy.audit_log import rewrap_audit_keys
from medsched.adapters.sqlalchemy.audit_triggers import audit_privileges, audit_triggers
from medsched.adapters.sqlalchemy.migrations import check, create, stamp, upgrade
from medsched.adapters.sqlalchemy.schema import VERSION, Tables, attach
from medsched.adapters.sqlalchemy.store import SqlAlchemyStore
from medsched.adapters.sqlalchemy.verifying import verify

__all__ = [
    "VERSION",
    "SqlAlchemyStore",
    "Tables",
    "attach",
    "audit_privileges",
    "audit_triggers",
    "check",
    "create",
    "rewrap_audit_keys",
    "stamp",
    "upgrade",
    "verify",
]
