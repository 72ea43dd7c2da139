"""``medsched audit``: seal, verify, report and prune the audit that a database keeps."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from medsched.adapters.audit.fhir import audit_event
from medsched.adapters.audit.file_sink import FileSink
from medsched.adapters.clock import SystemClock
from medsched.adapters.tzdata import TzdataZones
from medsched.cli import moments
from medsched.cli.outcome import BAD_INPUT, DONE, REFUSED, BadArgument
from medsched.domain.audit import AuditEntry
from medsched.domain.audit_chain import Checkpoint
from medsched.domain.audit_rows import entry_of
from medsched.domain.fields import check_id
from medsched.domain.principals import Principal
from medsched.errors import AuditDamaged, InvalidChoice, SchemaMismatch, StorageError
from medsched.ports.audit_sink import AuditSink
from medsched.scheduler import Practice, Scheduler

_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What spreadsheets take the beginning of a formula from."""
_COLUMNS: Final = (
    *("at", "practice", "principal", "roles", "operation", "action", "outcome", "reason", "kind"),
    *("record", "patient", "fields", "purpose", "emergency", "address", "session", "id"),
)


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "audit",
        help="seal, verify, report or prune the audit in a database",
        description="Exits with 1 when something in the audit is not as it was written.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, run, told in (
        ("seal", _seal, "chain what waits for it, and ship it to the sink"),
        ("verify", _verify, "compute everything anew, and compare it with the sink"),
        ("report", _report, "tell who did what with a patient's records"),
        ("prune", _prune, "remove what is older than the retention, and in the sink"),
        ("rewrap", _rewrap, "wrap the keys of all practices under the master key of today"),
    ):
        action = actions.add_parser(name, help=told, description=told.capitalize() + ".")
        alone = {"nargs": "?"} if run is _report else {}
        action.add_argument(
            "url",
            metavar="URL",
            help="such as sqlite:///clinic.db",
            **alone,  # type: ignore[arg-type]
        )
        action.add_argument("--schema", metavar="NAME", help="the schema that the tables are in")
        needed = run is not _report
        action.add_argument(
            "--keys", metavar="FILE", required=needed, help="the file with the master keys"
        )
        if run is not _rewrap:
            action.add_argument("--practice", metavar="ID", required=True, help="whose audit")
            action.add_argument(
                "--sink",
                metavar="SINK",
                required=run is _prune,
                help="a folder, or the URL of another database",
            )
            action.add_argument(
                "--principal", metavar="ID", default="medsched", help="who is asking"
            )
        if run in (_seal, _verify):
            action.add_argument(
                "--checkpoint",
                metavar="FILE",
                help="where the last checkpoint is kept, apart from both",
            )
        if run is _report:
            action.add_argument("--patient", metavar="ID", required=True, help="whose records")
            action.add_argument("--since", metavar="TIME", required=True, help="from when on (UTC)")
            action.add_argument("--until", metavar="TIME", help="a date whole, or before a time")
            action.add_argument(
                "--format",
                choices=("csv", "json", "fhir"),
                default="csv",
                help="fhir: an AuditEvent (R4) a line",
            )
        action.set_defaults(run=_told(run), run_name=name)


def _told(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """An action whose refusals and failures end as those of every command do."""

    def told(arguments: argparse.Namespace) -> int:
        try:
            return run(arguments)
        except (SchemaMismatch, AuditDamaged) as error:
            print(f"medsched: {error}", file=sys.stderr)
            return REFUSED
        except StorageError as error:
            print(f"medsched: {error}", file=sys.stderr)
            return BAD_INPUT

    return told


# ---------------------------------------------------------------------------- actions


def _seal(arguments: argparse.Namespace) -> int:
    with _opened(arguments) as practice, _sink(arguments) as sink:
        came = practice.audit.seal(sink)
    if arguments.checkpoint is not None and came.checkpoint is not None:
        _write(arguments.checkpoint, came.checkpoint)
    number = 0 if came.checkpoint is None else came.checkpoint.number
    print(f"sealed {came.count}, shipped {came.shipped}; the chain ends at number {number}")
    return DONE


def _verify(arguments: argparse.Namespace) -> int:
    expected = None if arguments.checkpoint is None else _read(arguments.checkpoint)
    with _opened(arguments) as practice, _sink(arguments) as sink:
        came = practice.audit.verify(sink, expecting=expected)
    for finding in came.findings:
        print(finding)
    flaws = len(came.findings)
    told = "no flaws" if not flaws else "1 flaw" if flaws == 1 else f"{flaws} flaws"
    print(f"{told} in {came.sealed} sealed entries and {came.unsealed} not sealed yet")
    return DONE if came.is_clean else REFUSED


def _prune(arguments: argparse.Namespace) -> int:
    with _opened(arguments) as practice, _sink(arguments) as sink:
        assert sink is not None
        came = practice.audit.prune(sink)
    begin = 0 if came.anchor is None else came.anchor.number
    print(f"removed {came.count}; what is kept begins after number {begin}")
    return DONE


def _rewrap(arguments: argparse.Namespace) -> int:
    from medsched.adapters.audit.keeping import AuditKeeping
    from medsched.adapters.keys.local import LocalKeys
    from medsched.adapters.sqlalchemy import check, rewrap_audit_keys

    _be_there(arguments.url, "URL")
    keeping = AuditKeeping(LocalKeys.read(arguments.keys))
    check(arguments.url, schema=arguments.schema)
    print(f"wrapped {rewrap_audit_keys(arguments.url, keeping, schema=arguments.schema)} keys anew")
    return DONE


def _report(arguments: argparse.Namespace) -> int:
    utc = TzdataZones().zone("UTC")
    since = moments.instant(arguments.since, "--since", utc)
    until = None if arguments.until is None else moments.end(arguments.until, "--until", utc)
    write = _FORMATS[arguments.format]
    if arguments.url is None:
        with _sink(arguments) as sink:
            if sink is None:
                raise BadArgument("--sink", "name a database or a sink")
            if not sink.last(arguments.practice):
                raise BadArgument("--sink", f"nothing of {arguments.practice!r} is there")
            found = _from_sink(sink, arguments, since, until or SystemClock().now())
        print("medsched: read from the sink as it is: verify it with its keys", file=sys.stderr)
        write(found)
        return DONE
    if arguments.keys is None:
        raise BadArgument("--keys", "needed to check what a database says")
    with _opened(arguments) as practice:
        entries = practice.audit.entries(patient=arguments.patient, since=since, until=until)
        write(entries)
    return DONE


# ---------------------------------------------------------------------------- opening


@contextmanager
def _opened(arguments: argparse.Namespace) -> Iterator[Practice]:
    """The practice of a command's arguments, in the database that it names."""
    from medsched.adapters.audit.keeping import AuditKeeping
    from medsched.adapters.keys.local import LocalKeys
    from medsched.adapters.sqlalchemy import SqlAlchemyStore, check

    _be_there(arguments.url, "URL")
    keeping = AuditKeeping(LocalKeys.read(arguments.keys))
    check(arguments.url, schema=arguments.schema)
    store = SqlAlchemyStore(arguments.url, schema=arguments.schema, audit=keeping)
    try:
        principal = Principal.trusted(arguments.principal)
        yield Scheduler(store).practice(arguments.practice, principal=principal)
    finally:
        store.engine.dispose()


@contextmanager
def _sink(arguments: argparse.Namespace) -> Iterator[AuditSink | None]:
    """The sink that is named: a database where it is a URL, else a folder."""
    if arguments.sink is None:
        yield None
    elif "://" not in arguments.sink:
        yield FileSink(arguments.sink)
    else:
        from medsched.adapters.audit.database_sink import DatabaseSink

        if arguments.run_name != "seal":
            _be_there(arguments.sink, "--sink")
        sink = DatabaseSink(arguments.sink)
        if arguments.run_name == "seal":
            sink.create()
        try:
            yield sink
        finally:
            sink.engine.dispose()


def _be_there(url: str, argument: str) -> None:
    """Nobody who only asks makes a file: SQLite would make an empty one."""
    from medsched.adapters.sqlalchemy.connections import url_of

    made = url_of(url)
    name = made.database if made.get_backend_name() == "sqlite" else None
    if name and not name.startswith((":memory:", "file:")) and not Path(name).exists():
        raise BadArgument(argument, f"there is no file {name}")


def _read(path: str) -> Checkpoint:
    try:
        return Checkpoint.from_json(Path(path).read_text("utf-8"))
    except OSError as error:
        raise BadArgument("--checkpoint", f"cannot be read: {error.strerror}") from None
    except (InvalidChoice, ValueError):
        raise BadArgument("--checkpoint", "holds no checkpoint") from None


def _write(path: str, checkpoint: Checkpoint) -> None:
    beside = Path(path).with_name(Path(path).name + ".new")
    try:
        beside.write_text(checkpoint.to_json() + "\n", "utf-8")
        beside.replace(path)
    except OSError as error:
        raise BadArgument("--checkpoint", f"cannot be written: {error.strerror}") from None


def _from_sink(
    sink: AuditSink, arguments: argparse.Namespace, since: datetime, until: datetime
) -> list[AuditEntry]:
    """What a sink holds of a patient, in order of time; nothing of it is checked."""
    check_id(arguments.patient, "patient")
    found = list[AuditEntry]()
    for one in sink.records(arguments.practice):
        if one.row is None:
            raise AuditDamaged(one.entry or f"number {one.number}")
        if one.row.patient == arguments.patient:
            try:
                entry = entry_of(one.row)
            except (ValueError, TypeError, AttributeError, OverflowError):
                raise AuditDamaged(one.entry) from None
            if since <= entry.at < until:
                found.append(entry)
    return sorted(found, key=lambda entry: (entry.at, entry.id))


# ---------------------------------------------------------------------------- writing


def _plain(entry: AuditEntry) -> dict[str, Any]:
    """An entry as JSON: the time in UTC to the microsecond, sets in order."""
    found = {name: getattr(entry, name) for name in _COLUMNS}
    at = entry.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return {**found, "at": at, "roles": sorted(entry.roles), "fields": sorted(entry.fields)}


def _as_csv(entries: Iterable[AuditEntry]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for entry in entries:
        writer.writerow(_cell(value) for value in _plain(entry).values())


def _cell(value: object) -> str:
    """A value that no spreadsheet computes with."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = " ".join(value) if isinstance(value, list) else "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULAS) else text


def _as_json(entries: Iterable[AuditEntry]) -> None:
    between = "[\n"
    for entry in entries:
        sys.stdout.write(between + json.dumps(_plain(entry), ensure_ascii=False))
        between = ",\n"
    sys.stdout.write("[]\n" if between == "[\n" else "\n]\n")


def _as_fhir(entries: Iterable[AuditEntry]) -> None:
    for entry in entries:
        sys.stdout.write(json.dumps(audit_event(entry), ensure_ascii=False) + "\n")


_FORMATS: Final[Mapping[str, Callable[[Iterable[AuditEntry]], None]]] = {
    "csv": _as_csv,
    "json": _as_json,
    "fhir": _as_fhir,
}
