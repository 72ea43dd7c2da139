"""``medsched db``: make the tables in a database, bring old ones up to date, look for damage.

And what is done to a sealed database as a whole, with the master keys of a file.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial

from medsched.cli.outcome import BAD_INPUT, DONE, REFUSED
from medsched.domain.principals import Principal
from medsched.domain.stored import Kind, Ref
from medsched.errors import (
    DecryptionError,
    KeyDestroyed,
    KeyUnavailable,
    SchemaMismatch,
    StorageError,
)
from medsched.scheduler import Scheduler


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
        ("seal", _seal, "seal what an older database holds in plain text"),
        ("rotate", _rotate, "make new data keys, and seal everything by them anew"),
        ("rewrap", _rewrap, "wrap the data keys by the current master key of the file"),
        ("shred", _shred, "destroy the key of a patient, for good"),
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
        if run in (_seal, _rotate, _rewrap, _shred):
            action.add_argument(
                "--keys", metavar="FILE", required=True, help="the file of the master keys"
            )
        if run is _seal:
            action.add_argument(
                "--index",
                metavar="LENGTH",
                type=int,
                help="index patients, by so many first characters of the words of their names"
                " (0, or 2 to 10); without this, an index that is there is taken away",
            )
        if run is _rotate:
            action.add_argument("--practice", metavar="ID", help="the keys of one practice only")
        if run is _shred:
            action.add_argument("--practice", metavar="ID", required=True)
            action.add_argument("--patient", metavar="ID", required=True)
            action.add_argument(
                "--principal", metavar="ID", default="medsched", help="who destroys it"
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
        except (StorageError, KeyUnavailable, KeyDestroyed, DecryptionError) as error:
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


def _seal(arguments: argparse.Namespace) -> int:
    from medsched.adapters.keys.local import LocalKeys
    from medsched.adapters.sqlalchemy.sealing import BlindIndex, Encryption, seal_all

    index = None if arguments.index is None else BlindIndex(prefix=arguments.index)
    encryption = Encryption(LocalKeys.read(arguments.keys), index=index)
    done = seal_all(arguments.url, encryption, schema=arguments.schema)
    print(f"all is sealed; {_counted(done.rows, 'row')} written anew")
    return DONE


def _rotate(arguments: argparse.Namespace) -> int:
    from medsched.adapters.keys.local import LocalKeys
    from medsched.adapters.sqlalchemy.sealing import Encryption, rotate

    encryption = Encryption(LocalKeys.read(arguments.keys))
    done = rotate(arguments.url, encryption, schema=arguments.schema, practice=arguments.practice)
    print(
        f"{_counted(done.keys_made, 'key')} made, {_counted(done.rows, 'row')} sealed anew,"
        f" {_counted(done.keys_removed, 'old key')} removed"
    )
    return DONE


def _rewrap(arguments: argparse.Namespace) -> int:
    from medsched.adapters.keys.local import LocalKeys
    from medsched.adapters.sqlalchemy.sealing import Encryption, rewrap

    encryption = Encryption(LocalKeys.read(arguments.keys))
    done = rewrap(arguments.url, encryption, schema=arguments.schema)
    print(f"{_counted(done.keys_wrapped, 'key')} wrapped anew")
    return DONE


def _shred(arguments: argparse.Namespace) -> int:
    """Through the practice, so that it is written down where an audit is kept."""
    from medsched.adapters.audit.keeping import AuditKeeping
    from medsched.adapters.keys.local import LocalKeys
    from medsched.adapters.sqlalchemy import SqlAlchemyStore
    from medsched.adapters.sqlalchemy.sealing import Encryption

    practice, patient = arguments.practice, Ref(Kind.PATIENT, arguments.patient)
    keys = LocalKeys.read(arguments.keys)
    opened = partial(SqlAlchemyStore, schema=arguments.schema, encryption=Encryption(keys))
    store = opened(arguments.url, audit=AuditKeeping(keys))
    try:
        if patient not in store.bare(practice, [patient]):
            print(f"medsched: there is no patient {patient.id!r} in {practice!r}", file=sys.stderr)
            return REFUSED
        if store.kept_audit_keys(practice) is None:
            store = opened(store.engine)
        who = Principal.trusted(arguments.principal)
        found = Scheduler(store).practice(practice, principal=who).shred(patient.id)
    finally:
        store.engine.dispose()
    print("the key is destroyed" if found else "there was no key; there will be none")
    return DONE


def _counted(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"
