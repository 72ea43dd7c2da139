"""Histories as files of JSON lines, one at each call and one at each answer."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs

from medsched.errors import InvalidText
from medsched.testing.history.operations import (
    REQUESTS,
    Failed,
    Listed,
    Ok,
    Operation,
    Outcome,
    Request,
    Unknown,
)


def save(history: Iterable[Operation], file: Path | str) -> None:
    """Write operations to a new file; `FileExistsError` if it is there already."""
    with Path(file).open("x", encoding="utf-8") as lines:
        for number, operation in enumerate(history, 1):
            for line in (invocation(number, operation), result(number, operation)):
                lines.write(json.dumps(line, ensure_ascii=False) + "\n")


def load(*files: Path | str) -> tuple[Operation, ...]:
    """Read files of histories that share one counter of moments, merged by it.

    What was called and never answered is unknown; a last line that was cut off is passed over.
    `InvalidText` names the file and line of anything else that is no line of a history.
    """
    operations: list[Operation] = []
    for file in map(Path, files):
        begun: dict[int, Operation] = {}
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if not line.endswith("\n"):
                    break
                try:
                    _take(begun, json.loads(line))
                except (AttributeError, LookupError, TypeError, ValueError) as error:
                    where = f"{file.name}:{number}"
                    raise InvalidText(where, len(line), "is no line of a history") from error
        operations += begun.values()
    return tuple(sorted(operations, key=lambda operation: operation.invoked))


def invocation(number: int, operation: Operation) -> dict[str, Any]:
    """The line of a call; ``number`` tells the operations of one file apart."""
    line: dict[str, Any] = {
        "op": number,
        "process": operation.process,
        "invoked": operation.invoked,
        "now": operation.now,
        "until": operation.until,
        "do": type(operation.request).__name__.lower(),
    }
    for field in attrs.fields(type(operation.request)):
        value = getattr(operation.request, field.name)
        line[field.name] = sorted(value) if isinstance(value, frozenset) else value
    return {name: value for name, value in line.items() if value is not None}


def result(number: int, operation: Operation) -> dict[str, Any]:
    """The line of an answer."""
    line: dict[str, Any] = {"op": number, "until": operation.until}
    match operation.outcome:
        case Ok(id):
            line |= {"returned": operation.returned, "outcome": "ok", "id": id}
        case Listed(ids):
            line |= {"returned": operation.returned, "outcome": "listed", "ids": list(ids)}
        case Failed(reason):
            line |= {"returned": operation.returned, "outcome": "failed", "reason": reason.value}
        case Unknown():
            line |= {"outcome": "unknown"}
    return {name: value for name, value in line.items() if value is not None}


def _take(begun: dict[int, Operation], line: dict[str, Any]) -> None:
    number = line["op"]
    begun[number] = _begun(line) if "do" in line else _ended(begun[number], line)


def _begun(line: dict[str, Any]) -> Operation:
    kind = REQUESTS[line["do"]]
    names = {field.name for field in attrs.fields(kind)}
    arguments = {name: value for name, value in line.items() if name in names}
    request: Request = kind(**arguments)
    return Operation(
        request=request,
        process=line["process"],
        invoked=line["invoked"],
        now=line.get("now"),
        until=line.get("until"),
    )


def _ended(begun: Operation, line: dict[str, Any]) -> Operation:
    outcome: Outcome
    match line["outcome"]:
        case "ok":
            outcome = Ok(line.get("id"))
        case "listed":
            outcome = Listed(line["ids"])
        case "failed":
            outcome = Failed(line["reason"])
        case _:
            outcome = Unknown()
    return attrs.evolve(
        begun, outcome=outcome, returned=line.get("returned"), until=line.get("until")
    )
