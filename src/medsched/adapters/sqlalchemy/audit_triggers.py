"""What keeps the audit as it was written: triggers, and privileges for whoever wants them too.

Triggers stop mistakes, and whoever has the rights of the application. Whoever owns the tables can
drop them; what is done then, the chain shows. Only MariaDB's TRUNCATE passes triggers by: there it
takes the privilege DROP, which an application does not need.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from medsched.adapters.sqlalchemy.schema import tables
from medsched.domain.audit_chain import SIX_YEARS
from medsched.errors import InvalidChoice

_DIALECTS: Final[Mapping[str, Any]] = {
    "sqlite": sqlite.dialect,
    "postgresql": postgresql.dialect,
    "mysql": mysql.dialect,
    "mariadb": mysql.dialect,
}
_DAY: Final = 86_400_000_000
"""The microseconds of a day."""
_GROWS: Final = "medsched: the audit only grows"
_OLD: Final = "medsched: an audit entry is removed once it is old, shipped and pruned"
_WAITS: Final = "medsched: an audit entry waits until it is in the chain"
_LONGER: Final = "medsched: a retention only lengthens, and no number goes back"
_STAYS: Final = "medsched: a key of the audit is only wrapped anew"

_LOWERED: Final = (
    "NEW.practice <> OLD.practice OR NEW.number < OLD.number OR NEW.shipped < OLD.shipped"
    " OR NEW.pruned < OLD.pruned OR NEW.pruned > NEW.shipped OR NEW.retention < OLD.retention"
)
_AHEAD: Final = f"NEW.pruned > 0 OR NEW.shipped > 0 OR NEW.retention < {SIX_YEARS.days}"
_OTHER_KEY: Final = (
    "NEW.practice <> OLD.practice OR NEW.purpose <> OLD.purpose OR NEW.number <> OLD.number"
    " OR NEW.public <> OLD.public"
)


def audit_triggers(dialect: str, *, schema: str | None = None) -> tuple[str, ...]:
    """The statements that guard the tables of the audit, to be run in order by their owner.

    ``dialect`` is ``sqlite``, ``postgresql`` or ``mariadb``. They can be run again. `create` and
    `upgrade` run them; a host whose Alembic makes the tables (see `attach`) runs them in the
    migration that makes ``medsched_audit``: ``op.execute`` of each. MariaDB with a binary log wants
    ``log_bin_trust_function_creators`` or the privilege SUPER for it.
    """
    match dialect:
        case "sqlite":
            return tuple(_sqlite(schema))
        case "postgresql":
            return tuple(_postgresql(schema))
        case "mysql" | "mariadb":
            return tuple(_mariadb(schema))
        case _:
            raise _unknown(dialect)


def audit_privileges(role: str, dialect: str, *, schema: str | None = None) -> tuple[str, ...]:
    """The statements that let a role write the audit and read it, and change nothing in it.

    To be run by the owner of the tables, who then prunes as well; on MariaDB ``role`` may be
    ``user@host``, and must have no rights on the whole database. None on SQLite, which has no
    privileges: there whoever can write the file can write all of it.
    """
    if dialect == "sqlite":
        return ()
    if dialect not in _DIALECTS:
        raise _unknown(dialect)
    made, preparer = tables(schema), _DIALECTS[dialect]().identifier_preparer
    mark = '"' if dialect == "postgresql" else "`"
    parts = [role] if dialect == "postgresql" else role.split("@", 1)
    name = "@".join(f"{mark}{part.replace(mark, 2 * mark)}{mark}" for part in parts)
    given = {
        made.audit: "SELECT, INSERT",
        made.audit_chain: "SELECT, INSERT",
        made.audit_unsealed: "SELECT, INSERT, DELETE",
        made.audit_head: "SELECT, INSERT, UPDATE",
        made.audit_key: "SELECT, INSERT, UPDATE",
    }
    statements = list[str]()
    for table, rights in given.items():
        called = preparer.format_table(table)
        if dialect == "postgresql":
            statements.append(f"REVOKE ALL ON {called} FROM {name}")
        statements.append(f"GRANT {rights} ON {called} TO {name}")
    return tuple(statements)


def growing(dialect: str, tables: Iterable[sa.Table]) -> Iterator[str]:
    """The statements that let other tables only grow, such as those of a sink."""
    preparer = _DIALECTS[dialect]().identifier_preparer
    for table in tables:
        within = "" if table.schema is None else f"{preparer.quote(table.schema)}."
        if dialect == "postgresql":
            yield _function(within, "medsched_audit_grows", _raising(_GROWS))
        for when in ("UPDATE", "DELETE", *(["TRUNCATE"] if dialect == "postgresql" else [])):
            if dialect == "sqlite":
                yield _sqlite_trigger(within, table, when, "1", _GROWS)
            elif dialect == "postgresql":
                yield from _postgresql_trigger(within, table, when, "medsched_audit_grows")
            else:
                yield _mariadb_trigger(within, table, when, "TRUE", _GROWS)
        if dialect == "sqlite":
            yield _sqlite_trigger(within, table, "INSERT", _is_there(table), _GROWS)


def _unknown(dialect: str) -> InvalidChoice:
    return InvalidChoice("dialect", dialect, "the database is SQLite, PostgreSQL or MariaDB")


# ------------------------------------------------------------------------------ SQLite


def _sqlite(schema: str | None) -> Iterator[str]:
    made = tables(schema)
    preparer = _DIALECTS["sqlite"]().identifier_preparer
    within = "" if schema is None else f"{preparer.quote(schema)}."
    now = f"CAST((julianday('now') - 2440587.5) * {_DAY}.0 AS INTEGER)"

    for table in (made.audit, made.audit_chain):
        yield _sqlite_trigger(within, table, "UPDATE", "1", _GROWS)
    yield _sqlite_trigger(within, made.audit, "DELETE", f"NOT {_is_old(now, '', 'OLD')}", _OLD)
    yield _sqlite_trigger(within, made.audit_chain, "DELETE", f"NOT {_is_bare('', 'OLD')}", _OLD)
    queue = made.audit_unsealed
    yield _sqlite_trigger(within, queue, "UPDATE", "1", _WAITS)
    yield _sqlite_trigger(within, queue, "DELETE", f"NOT {_is_linked('', 'OLD')}", _WAITS)
    yield _sqlite_trigger(within, made.audit_head, "UPDATE", _LOWERED, _LONGER)
    yield _sqlite_trigger(within, made.audit_head, "DELETE", "1", _LONGER)
    yield _sqlite_trigger(within, made.audit_key, "UPDATE", _OTHER_KEY, _STAYS)
    yield _sqlite_trigger(within, made.audit_key, "DELETE", "1", _STAYS)
    for table in (made.audit, made.audit_chain, made.audit_unsealed, made.audit_key):
        yield _sqlite_trigger(within, table, "INSERT", _is_there(table), _GROWS)
    begins = f"{_AHEAD} OR {_is_there(made.audit_head)}"
    yield _sqlite_trigger(within, made.audit_head, "INSERT", begins, _LONGER)


def _is_there(table: sa.Table) -> str:
    """Whether a row of the same keys is there: REPLACE takes it away without a trigger."""
    keys = [
        " AND ".join(f"{column.name} = NEW.{column.name}" for column in one.columns)
        for one in table.constraints
        if isinstance(one, sa.PrimaryKeyConstraint | sa.UniqueConstraint)
    ]
    return " OR ".join(f"EXISTS (SELECT 1 FROM {table.name} WHERE {key})" for key in keys)


def _sqlite_trigger(within: str, table: sa.Table, when: str, condition: str, told: str) -> str:
    return (
        f"CREATE TRIGGER IF NOT EXISTS {within}{table.name}_{when.lower()} BEFORE {when}"
        f" ON {table.name} WHEN {condition} BEGIN SELECT RAISE(ABORT, '{told}'); END"
    )


def _is_old(now: str, within: str, row: str) -> str:
    """Whether an entry is older than the retention, and was pruned from the chain."""
    return (
        f"EXISTS (SELECT 1 FROM {within}medsched_audit_chain c"
        f" JOIN {within}medsched_audit_head h ON h.practice = c.practice"
        f" WHERE c.practice = {row}.practice AND c.entry = {row}.id AND c.number <= h.pruned"
        f" AND {row}.recorded_at < {now} - h.retention * {_DAY})"
    )


def _is_bare(within: str, row: str) -> str:
    """Whether a link was pruned, and its entry removed."""
    return (
        f"(EXISTS (SELECT 1 FROM {within}medsched_audit_head h"
        f" WHERE h.practice = {row}.practice AND {row}.number <= h.pruned)"
        f" AND NOT EXISTS (SELECT 1 FROM {within}medsched_audit a"
        f" WHERE a.practice = {row}.practice AND a.id = {row}.entry))"
    )


def _is_linked(within: str, row: str) -> str:
    """Whether what waits is in the chain."""
    return (
        f"EXISTS (SELECT 1 FROM {within}medsched_audit_chain c"
        f" WHERE c.practice = {row}.practice AND c.entry = {row}.entry)"
    )


# -------------------------------------------------------------------------- PostgreSQL


def _postgresql(schema: str | None) -> Iterator[str]:
    made = tables(schema)
    preparer = _DIALECTS["postgresql"]().identifier_preparer
    within = "" if schema is None else f"{preparer.quote(schema)}."
    now = "floor(extract(epoch FROM clock_timestamp()) * 1000000)"

    yield _function(within, "medsched_audit_grows", _raising(_GROWS))
    yield _function(within, "medsched_audit_is_old", _asked(_is_old(now, "~", "($1)"), _OLD))
    yield _function(within, "medsched_audit_is_bare", _asked(_is_bare("~", "($1)"), _OLD))
    linked = _asked(_is_linked("~", "($1)"), _WAITS)
    yield _function(within, "medsched_audit_is_linked", linked)
    yield _function(within, "medsched_audit_waits", _raising(_WAITS))
    begins = f"IF {_AHEAD} THEN {_raising(_LONGER)} END IF; RETURN NEW;"
    yield _function(within, "medsched_audit_begins", begins)
    yield _function(
        within,
        "medsched_audit_lengthens",
        f"IF TG_OP = 'DELETE' OR {_LOWERED} THEN {_raising(_LONGER)} END IF; RETURN NEW;",
    )
    yield _function(
        within,
        "medsched_audit_key_stays",
        f"IF TG_OP = 'DELETE' OR {_OTHER_KEY} THEN {_raising(_STAYS)} END IF; RETURN NEW;",
    )
    grows, changes = "medsched_audit_grows", "UPDATE OR DELETE"
    for table, when, run in (
        (made.audit, "UPDATE", grows),
        (made.audit, "DELETE", "medsched_audit_is_old"),
        (made.audit, "TRUNCATE", grows),
        (made.audit_chain, "UPDATE", grows),
        (made.audit_chain, "DELETE", "medsched_audit_is_bare"),
        (made.audit_chain, "TRUNCATE", grows),
        (made.audit_unsealed, "UPDATE", "medsched_audit_waits"),
        (made.audit_unsealed, "DELETE", "medsched_audit_is_linked"),
        (made.audit_unsealed, "TRUNCATE", "medsched_audit_waits"),
        (made.audit_head, "INSERT", "medsched_audit_begins"),
        (made.audit_head, changes, "medsched_audit_lengthens"),
        (made.audit_head, "TRUNCATE", grows),
        (made.audit_key, changes, "medsched_audit_key_stays"),
        (made.audit_key, "TRUNCATE", grows),
    ):
        yield from _postgresql_trigger(within, table, when, run)


def _postgresql_trigger(within: str, table: sa.Table, when: str, run: str) -> Iterator[str]:
    name = f"{table.name}_{when.replace(' ', '_').lower()}"
    each = "STATEMENT" if when == "TRUNCATE" else "ROW"
    yield f"DROP TRIGGER IF EXISTS {name} ON {within}{table.name}"
    yield (
        f"CREATE TRIGGER {name} BEFORE {when} ON {within}{table.name}"
        f" FOR EACH {each} EXECUTE FUNCTION {within}{run}()"
    )


def _function(within: str, name: str, body: str) -> str:
    # The path that names are looked for in is the caller's: he could put his own tables there.
    return (
        f"CREATE OR REPLACE FUNCTION {within}{name}() RETURNS trigger LANGUAGE plpgsql AS"
        f" $body$ DECLARE fine boolean; here text; BEGIN"
        f" SELECT quote_ident(TG_TABLE_SCHEMA) INTO here; {body} END $body$"
    )


def _raising(told: str) -> str:
    return f"RAISE EXCEPTION '{told}' USING ERRCODE = '42501';"


def _asked(condition: str, told: str) -> str:
    text = condition.replace("'", "''").replace("~", "' || here || '.")
    return (
        f"EXECUTE 'SELECT {text}' INTO fine USING OLD;"
        f" IF NOT fine THEN {_raising(told)} END IF; RETURN OLD;"
    )


# ----------------------------------------------------------------------------- MariaDB


def _mariadb(schema: str | None) -> Iterator[str]:
    made = tables(schema)
    preparer = _DIALECTS["mariadb"]().identifier_preparer
    within = "" if schema is None else f"{preparer.quote(schema)}."
    now = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))"

    for table in (made.audit, made.audit_chain):
        yield _mariadb_trigger(within, table, "UPDATE", "TRUE", _GROWS)
    yield _mariadb_trigger(within, made.audit, "DELETE", f"NOT {_is_old(now, within, 'OLD')}", _OLD)
    yield _mariadb_trigger(
        within, made.audit_chain, "DELETE", f"NOT {_is_bare(within, 'OLD')}", _OLD
    )
    queue, linked = made.audit_unsealed, _is_linked(within, "OLD")
    yield _mariadb_trigger(within, queue, "UPDATE", "TRUE", _WAITS)
    yield _mariadb_trigger(within, queue, "DELETE", f"NOT {linked}", _WAITS)
    yield _mariadb_trigger(within, made.audit_head, "INSERT", _AHEAD, _LONGER)
    yield _mariadb_trigger(within, made.audit_head, "UPDATE", _LOWERED, _LONGER)
    yield _mariadb_trigger(within, made.audit_head, "DELETE", "TRUE", _LONGER)
    yield _mariadb_trigger(within, made.audit_key, "UPDATE", _OTHER_KEY, _STAYS)
    yield _mariadb_trigger(within, made.audit_key, "DELETE", "TRUE", _STAYS)


def _mariadb_trigger(within: str, table: sa.Table, when: str, condition: str, told: str) -> str:
    return (
        f"CREATE TRIGGER IF NOT EXISTS {within}{table.name}_{when.lower()} BEFORE {when}"
        f" ON {within}{table.name} FOR EACH ROW"
        f" IF {condition} THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{told}'; END IF"
    )
