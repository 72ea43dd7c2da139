"""``medsched db``: make the tables in a database, check them, bring old ones up to date."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from medsched.cli.outcome import BAD_INPUT, DONE, REFUSED
from medsched.errors import SchemaMismatch, StorageError


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "db",
        help="create, check or upgrade the tables in a database",
        description="Exits with 1 when the tables are not those that this release needs.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, run, told in (
        ("create", _create, "make the tables where there are none"),
        ("check", _check, "tell whether the tables are those that this release needs"),
        ("upgrade", _upgrade, "bring tables of an earlier release up to date"),
    ):
        action = actions.add_parser(name, help=told, description=told.capitalize() + ".")
        action.add_argument(
            "url", metavar="URL", help="such as sqlite:///clinic.db or postgresql://host/database"
        )
        action.add_argument("--schema", metavar="NAME", help="the schema that the tables are in")
        action.set_defaults(run=_told(run))


def _told(run: Callable[[str, str | None], None]) -> Callable[[argparse.Namespace], int]:
    """An action whose refusals and failures end as those of every command do."""

    def told(arguments: argparse.Namespace) -> int:
        try:
            run(arguments.url, arguments.schema)
        except SchemaMismatch as error:
            print(f"medsched: {error}", file=sys.stderr)
            return REFUSED
        except StorageError as error:
            print(f"medsched: {error}", file=sys.stderr)
            return BAD_INPUT
        return DONE

    return told


def _create(url: str, schema: str | None) -> None:
    from medsched.adapters.sqlalchemy import VERSION, create

    create(url, schema=schema)
    print(f"the tables are there, at version {VERSION}")


def _check(url: str, schema: str | None) -> None:
    from medsched.adapters.sqlalchemy import VERSION, check

    check(url, schema=schema)
    print(f"the tables are at version {VERSION}, as this release needs them")


def _upgrade(url: str, schema: str | None) -> None:
    from medsched.adapters.sqlalchemy import upgrade

    before, after = upgrade(url, schema=schema)
    if before == after:
        print(f"nothing to do: the tables are at version {after}")
    else:
        print(f"the tables went from version {before} to {after}")
