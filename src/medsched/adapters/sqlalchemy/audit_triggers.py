"""What keeps the audit as it was written: triggers, and privileges for whoever wants them too.

Triggers stop mistakes, and whoever has the rights of the application. Whoever owns the tables can
drop them; what is done then, the chain shows. Only MariaDB's TRUNCATE passes triggers by: there it
takes the privilege DROP, which an application does not need.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from medsched.adapters.sqlalchemy.schema import tables
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
_LONGER: Final = "medsched: a retention only lengthens, and no number goes back"
_STAYS: Final = "medsched: a key of the audit is only wrapped anew"

_LOWERED: Final = (
    "NEW.practice <> OLD.practice OR NEW.number < OLD.number OR NEW.shipped < OLD.shipped"
    " OR NEW.pruned < OLD.pruned OR NEW.pruned > NEW.shipped OR NEW.retention < OLD.retention"
)
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
    name = "@".join(preparer.quote_identifier(part) for part in role.split("@", 1))
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


def _unknown(dialect: str) -> InvalidChoice:
    return InvalidChoice("dialect", dialect, "the database is SQLite, PostgreSQL or MariaDB")


# ------------------------------------------------------------------------------ SQLite


def _sqlite(schema: str | None) -> Iterator[str]:
    made = tables(schema)
    preparer = _DIALECTS["sqlite"]().identifier_preparer
    within = "" if schema is None else f"{preparer.quote(schema)}."
    now = f"CAST((julianday('now') - 2440587.5) * {_DAY}.0 AS INTEGER)"

    def trigger(table: sa.Table, when: str, condition: str, told: str) -> str:
        name = f"{within}{table.name}_{when.replace(' ', '_').lower()}"
        return (
            f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE {when} ON {table.name}"
            f" WHEN {condition} BEGIN SELECT RAISE(ABORT, '{told}'); END"
        )

    for table in (made.audit, made.audit_chain):
        yield trigger(table, "UPDATE", "1", _GROWS)
    yield trigger(made.audit, "DELETE", f"NOT {_is_old(now, '', 'OLD')}", _OLD)
    yield trigger(made.audit_chain, "DELETE", f"NOT {_is_bare('', 'OLD')}", _OLD)
    yield trigger(made.audit_head, "UPDATE", _LOWERED, _LONGER)
    yield trigger(made.audit_head, "DELETE", "1", _LONGER)
    yield trigger(made.audit_key, "UPDATE", _OTHER_KEY, _STAYS)
    yield trigger(made.audit_key, "DELETE", "1", _STAYS)
    # What REPLACE takes away, it takes away without a trigger.
    for table in (made.audit, made.audit_chain, made.audit_head, made.audit_key):
        keys = [
            " AND ".join(f"{column.name} = NEW.{column.name}" for column in one.columns)
            for one in table.constraints
            if isinstance(one, sa.PrimaryKeyConstraint | sa.UniqueConstraint)
        ]
        there = " OR ".join(f"EXISTS (SELECT 1 FROM {table.name} WHERE {key})" for key in keys)
        yield trigger(table, "INSERT", there, _GROWS)


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


# -------------------------------------------------------------------------- PostgreSQL


def _postgresql(schema: str | None) -> Iterator[str]:
    made = tables(schema)
    preparer = _DIALECTS["postgresql"]().identifier_preparer
    within = "" if schema is None else f"{preparer.quote(schema)}."
    now = "floor(extract(epoch FROM clock_timestamp()) * 1000000)"

    def function(name: str, body: str) -> str:
        # The path that names are looked for in is the caller's: he could put his own tables there.
        return (
            f"CREATE OR REPLACE FUNCTION {within}{name}() RETURNS trigger LANGUAGE plpgsql AS"
            f" $body$ DECLARE fine boolean; here text; BEGIN"
            f" SELECT quote_ident(TG_TABLE_SCHEMA) INTO here; {body} END $body$"
        )

    def raising(told: str) -> str:
        return f"RAISE EXCEPTION '{told}' USING ERRCODE = '42501';"

    def asked(condition: str, told: str) -> str:
        text = condition.replace("'", "''").replace("~", "' || here || '.")
        return (
            f"EXECUTE 'SELECT {text}' INTO fine USING OLD;"
            f" IF NOT fine THEN {raising(told)} END IF; RETURN OLD;"
        )

    yield function("medsched_audit_grows", raising(_GROWS))
    yield function("medsched_audit_is_old", asked(_is_old(now, "~", "($1)"), _OLD))
    yield function("medsched_audit_is_bare", asked(_is_bare("~", "($1)"), _OLD))
    yield function(
        "medsched_audit_lengthens",
        f"IF TG_OP = 'DELETE' OR {_LOWERED} THEN {raising(_LONGER)} END IF; RETURN NEW;",
    )
    yield function(
        "medsched_audit_key_stays",
        f"IF TG_OP = 'DELETE' OR {_OTHER_KEY} THEN {raising(_STAYS)} END IF; RETURN NEW;",
    )
    grows, changes = "medsched_audit_grows", "UPDATE OR DELETE"
    for table, when, each, run in (
        (made.audit, "UPDATE", "ROW", grows),
        (made.audit, "DELETE", "ROW", "medsched_audit_is_old"),
        (made.audit, "TRUNCATE", "STATEMENT", grows),
        (made.audit_chain, "UPDATE", "ROW", grows),
        (made.audit_chain, "DELETE", "ROW", "medsched_audit_is_bare"),
        (made.audit_chain, "TRUNCATE", "STATEMENT", grows),
        (made.audit_head, changes, "ROW", "medsched_audit_lengthens"),
        (made.audit_head, "TRUNCATE", "STATEMENT", grows),
        (made.audit_key, changes, "ROW", "medsched_audit_key_stays"),
        (made.audit_key, "TRUNCATE", "STATEMENT", grows),
    ):
        name = f"{table.name}_{when.replace(' ', '_').lower()}"
        called = preparer.format_table(table)
        yield f"DROP TRIGGER IF EXISTS {name} ON {called}"
        yield (
            f"CREATE TRIGGER {name} BEFORE {when} ON {called}"
            f" FOR EACH {each} EXECUTE FUNCTION {within}{run}()"
        )


# ----------------------------------------------------------------------------- MariaDB


def _mariadb(schema: str | None) -> Iterator[str]:
    made = tables(schema)
    preparer = _DIALECTS["mariadb"]().identifier_preparer
    within = "" if schema is None else f"{preparer.quote(schema)}."
    now = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))"

    def trigger(table: sa.Table, when: str, condition: str, told: str) -> str:
        name = f"{within}{table.name}_{when.lower()}"
        return (
            f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE {when}"
            f" ON {preparer.format_table(table)} FOR EACH ROW"
            f" IF {condition} THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{told}'; END IF"
        )

    for table in (made.audit, made.audit_chain):
        yield trigger(table, "UPDATE", "TRUE", _GROWS)
    yield trigger(made.audit, "DELETE", f"NOT {_is_old(now, within, 'OLD')}", _OLD)
    yield trigger(made.audit_chain, "DELETE", f"NOT {_is_bare(within, 'OLD')}", _OLD)
    yield trigger(made.audit_head, "UPDATE", _LOWERED, _LONGER)
    yield trigger(made.audit_head, "DELETE", "TRUE", _LONGER)
    yield trigger(made.audit_key, "UPDATE", _OTHER_KEY, _STAYS)
    yield trigger(made.audit_key, "DELETE", "TRUE", _STAYS)
