"""The recorder: what many threads ask of a calendar, written down as it happens."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from threading import Lock, current_thread
from time import monotonic_ns
from types import TracebackType
from typing import Any, Self, overload

import attrs

from medsched.errors import InvalidChoice
from medsched.testing.history.lines import invocation, result
from medsched.testing.history.operations import (
    NEVER,
    Change,
    Failed,
    Listed,
    Listing,
    Ok,
    Operation,
    Outcome,
    Refusal,
    Request,
    Unknown,
)


class History:
    """The operations of one process, whatever its threads; iterate over it for those so far.

    ``file``: a new file that every call and every answer is written to at once, a JSON line
    each, so that what a killed process was doing is not lost; `load` reads such files and
    merges them. `FileExistsError` if it is there already. A history does not survive a fork:
    each process makes its own.

    ``clock`` gives the instant that holds expire by; it is read before and after each
    operation that is not told its ``now``. ``moments`` gives the moments of call and return: a
    counter that never goes back and that all who record share. The default,
    `time.monotonic_ns`, is one for all processes of a machine, on Linux, macOS and Windows.
    """

    def __init__(
        self,
        file: Path | str | None = None,
        *,
        clock: Callable[[], int] | None = None,
        moments: Callable[[], int] = monotonic_ns,
    ) -> None:
        self._clock = clock
        self._moments = moments
        self._lock = Lock()
        self._operations: list[Operation] = []
        # Line by line: a line is either whole or the last one of a process that was killed.
        self._file = None if file is None else open(file, "x", encoding="utf-8", buffering=1)  # noqa: SIM115

    @overload
    def op(
        self, request: Change, *, process: str | None = None, now: int | None = None
    ) -> Changing: ...
    @overload
    def op(
        self, request: Listing, *, process: str | None = None, now: int | None = None
    ) -> Answering: ...
    def op(
        self, request: Request, *, process: str | None = None, now: int | None = None
    ) -> Changing | Answering:
        """Record a request while the calendar works on it: a block that says what came of it.

        ``process`` names who asks, by default the thread. ``now`` is the instant at which the
        calendar is told to judge expiry; without it the history's ``clock`` says between
        which two it was, and without a clock no hold is taken for expired.
        """
        kind = Answering if isinstance(request, Listing) else Changing
        who = current_thread().name if process is None else process
        return kind(self, Operation(request=request, process=who, invoked=0, now=now))

    def add(self, operation: Operation) -> None:
        """Add an operation that was recorded elsewhere."""
        with self._lock:
            self._operations.append(operation)
            number = len(self._operations)
            self._write(invocation(number, operation))
            if operation.returned is not None:
                self._write(result(number, operation))

    def close(self) -> None:
        """Close the file, if there is one. Operations still under way are unknown in it."""
        with self._lock:
            if self._file is not None:
                self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Operation]:
        with self._lock:
            return iter(sorted(self._operations, key=_invoked))

    def __len__(self) -> int:
        return len(self._operations)

    def _begin(self, planned: Operation) -> tuple[int, Operation]:
        with self._lock:
            changes: dict[str, Any] = {}
            if planned.now is None and self._clock is not None:
                changes = {"now": self._clock(), "until": NEVER}
            begun = attrs.evolve(planned, invoked=self._moments(), **changes)
            self._operations.append(begun)
            number = len(self._operations)
            self._write(invocation(number, begun))
        return number, begun

    def _end(self, number: int, begun: Operation, outcome: Outcome) -> None:
        returned = None if isinstance(outcome, Unknown) else self._moments()
        until = begun.until
        if until == NEVER and returned is not None and self._clock is not None:
            until = self._clock()
        ended = attrs.evolve(begun, outcome=outcome, returned=returned, until=until)
        with self._lock:
            self._operations[number - 1] = ended
            self._write(result(number, ended))

    def _write(self, line: dict[str, Any]) -> None:
        if self._file is not None and not self._file.closed:
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")


class Attempt:
    """An operation under way. What is raised out of its block leaves its outcome unknown.

    Say what came of it exactly once; a block that ends without is `InvalidChoice`, for a
    history of nothing but unknown outcomes would prove nothing.
    """

    def __init__(self, history: History, planned: Operation) -> None:
        self._history = history
        self._operation = planned
        self._number = 0
        self._said = False

    def __enter__(self) -> Self:
        self._number, self._operation = self._history._begin(self._operation)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._said:
            return
        self._say(Unknown())
        if error is None:
            raise InvalidChoice("outcome", None, "say ok, failed or unknown before the block ends")

    def failed(self, reason: Refusal | str) -> None:
        """It was refused and had no effect. `InvalidChoice` for a reason that it cannot have."""
        self._say(Failed(reason))

    def unknown(self) -> None:
        """Nobody can say whether it has had an effect, or will have: a COMMIT without answer."""
        self._say(Unknown())

    def _say(self, outcome: Outcome) -> None:
        if self._said or not self._number:
            why = "an outcome is said once, inside the block"
            raise InvalidChoice("outcome", type(outcome).__name__, why)
        self._history._end(self._number, self._operation, outcome)
        self._said = True


class Changing(Attempt):
    """A change under way."""

    def ok(self, id: str | None = None) -> None:
        """It came to pass; ``id`` is the booking or hold that was answered, if one was."""
        self._say(Ok(id))


class Answering(Attempt):
    """A reading, closing or following under way."""

    def ok(self, ids: Iterable[str]) -> None:
        """It answered these ids: what is live, what is stranded, or which events came."""
        self._say(Listed(tuple(ids)))


def _invoked(operation: Operation) -> int:
    return operation.invoked
