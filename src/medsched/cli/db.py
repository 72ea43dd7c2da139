"""``medsched db``: make the tables in a database, bring old ones up to date, look for damage."""

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
        help="create, check, upgrade or verify the tables in a database",
        description="Exits with 1 when the tables are not those that this release needs, or what"
        " is in them differs from what the bookings say.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, run, told in (
        ("create", _create, "make the tables where there are none"),
        ("check", _check, "tell whether the tables are those that this release needs"),
        ("upgrade", _upgrade, "bring tables of an earlier release up to date"),
        (
            "verify",
            _verify,
            "compare claims and ledger with the bookings, and tell double bookings",
        ),
    ):
        action = actions.add_parser(name, help=told, description=told.capitalize() + ".")
        action.add_argument(
            "url", metavar="URL", help="such as sqlite:///clinic.db or postgresql://host/database"
        )
        action.add_argument("--schema", metavar="NAME", help="the schema that the tables are in")
        if run is _verify:
            action.add_argument("--practice", metavar="ID", help="look at one practice only")
            action.add_argument(
                "--repair", action="store_true", help="repair all but double bookings"
            )
        action.set_defaults(run=_told(run))


def _told(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """An action whose refusals and failures end as those of every command do."""

    def told(arguments: argparse.Namespace) -> int:
        try:
            return run(arguments)
        except SchemaMismatch as error:
            print(f"medsched: {error}", file=sys.stderr)
            return REFUSED
        except StorageError as error:
            print(f"medsched: {error}", file=sys.stderr)
            return BAD_INPUT

    return told


def _create(arguments: argparse.Namespace) -> int:
    from medsched.adapters.sqlalchemy import VERSION, create

    create(arguments.url, schema=arguments.schema)
    print(f"the tables are there, at version {VERSION}")
    return DONE


def _check(arguments: argparse.Namespace) -> int:
    from medsched.adapters.sqlalchemy import VERSION, check

    check(arguments.url, schema=arguments.schema)
    print(f"the tables are at version {VERSION}, as this release needs them")
    return DONE


def _upgrade(arguments: argparse.Namespace) -> int:
    from medsched.adapters.sqlalchemy import upgrade

    before, after = upgrade(arguments.url, schema=arguments.schema)
    if before == after:
        print(f"nothing to do: the tables are at version {after}")
    else:
        print(f"the tables went from version {before} to {after}")
    return DONE


def _verify(arguments: argparse.Namespace) -> int:
    from medsched.adapters.sqlalchemy import verify

    came = verify(
        arguments.url,
        schema=arguments.schema,
        practice=arguments.practice,
        repair=arguments.repair,
    )
    left, known = set(came.left), set(came.differences)
    for one in came.differences:
        print(one if one in left else f"{one} (repaired)")
    for one in came.left:
        if one not in known:  # it came up meanwhile
            print(one)
    differences, bookings = len(came.differences), came.bookings
    found = f"{_counted(differences, 'difference')} in {_counted(bookings, 'booking')}"
    print(f"{found}, {len(came.left)} left" if arguments.repair and differences else found)
    return DONE if came.is_clean else REFUSED


def _counted(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"
