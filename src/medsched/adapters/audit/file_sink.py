"""A sink in a folder: a file of JSON lines for each practice, which only grows."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from io import SEEK_END
from pathlib import Path
from typing import BinaryIO, Final

from medsched.domain.audit_chain import ChainedRow, Checkpoint, from_document, to_document
from medsched.errors import StorageError

_lock: Callable[[int], None]
try:
    import fcntl
except ImportError:  # pragma: no cover - not on POSIX: one process at a time may ship there

    def _lock(file: int) -> None:
        """Let nobody in."""

else:

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)


_BLOCK: Final = 65_536


class FileSink:
    """An `AuditSink` in a folder, which is made if it is missing.

    Each practice has one file, named by a hash of its id: a line for each entry, a line for each
    checkpoint. What `append` and `checkpoint` have written is on disk when they return. A last
    line that a crash has torn is taken away by the next one. Let the folder be on another machine
    or medium than the database, and let the application only append to it. Where the system has no
    ``flock`` one process at a time may ship.

    `StorageError` where the folder cannot be read or written.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    def last(self, practice: str) -> int:
        place = self._place(practice)
        if not place.exists():
            return 0
        with _told("reading the sink"), place.open("rb") as file:
            return _last(file)

    def append(self, practice: str, records: Sequence[ChainedRow]) -> None:
        with self._appending(practice) as file:
            last = _last(file)
            new = [one for one in records if one.number > last]
            self._write(file, [f'{{"record": {to_document(one)}}}' for one in new])

    def checkpoint(self, practice: str, signed: Checkpoint) -> None:
        with self._appending(practice) as file:
            self._write(file, [f'{{"checkpoint": {signed.to_json()}}}'])

    def records(self, practice: str, *, after: int = 0) -> Iterator[ChainedRow]:
        number = 0
        for line in self._lines(practice):
            found = _read(line)
            if "checkpoint" in found:
                continue
            one = from_document(_again(found.get("record")), number + 1)
            number = one.number
            if number > after:
                yield one

    def checkpoints(self, practice: str) -> Sequence[Checkpoint]:
        return [
            Checkpoint.kept(_again(found["checkpoint"]), practice)
            for found in map(_read, self._lines(practice))
            if "checkpoint" in found
        ]

    def newest(self, practice: str) -> Checkpoint | None:
        place = self._place(practice)
        if not place.exists():
            return None
        with _told("reading the sink"), place.open("rb") as file:
            for found in map(_read, _backwards(file)):
                if "checkpoint" in found:
                    return Checkpoint.kept(_again(found["checkpoint"]), practice)
        return None

    def _lines(self, practice: str) -> Iterator[bytes]:
        """All lines that came to their end."""
        place = self._place(practice)
        if place.exists():
            with _told("reading the sink"), place.open("rb") as file:
                for line in file:
                    if not line.endswith(b"\n"):  # torn, or somebody is writing it
                        return
                    yield line

    @contextmanager
    def _appending(self, practice: str) -> Iterator[BinaryIO]:
        """The file of a practice, locked, at the end of its last whole line."""
        with _told("writing the sink"):
            self._folder.mkdir(parents=True, exist_ok=True)
            place = self._place(practice)
            new = not place.exists()
            with place.open("a+b") as file:
                _lock(file.fileno())
                whole = _end_of_lines(file)
                if whole < file.seek(0, SEEK_END):
                    file.truncate(whole)
                yield file
            if new and os.name == "posix":
                _sync_folder(self._folder)

    def _write(self, file: BinaryIO, lines: Sequence[str]) -> None:
        if lines:
            file.write("".join(f"{line}\n" for line in lines).encode())
            file.flush()
            os.fsync(file.fileno())

    def _place(self, practice: str) -> Path:
        name = blake2b(practice.encode(), digest_size=16).hexdigest()
        return self._folder / f"{name}.jsonl"

    def __repr__(self) -> str:
        return f"<FileSink {self._folder}>"


def _read(line: bytes) -> dict[str, object]:
    """What a line says; nothing where it makes no sense."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _again(found: object) -> str:
    """A part of a line as JSON; nothing for what is nested too deeply."""
    try:
        return json.dumps(found)
    except RecursionError:
        return ""


def _last(file: BinaryIO) -> int:
    """The number of the last entry in a file, 0 for none."""
    for line in _backwards(file):
        found = _read(line)
        if "checkpoint" not in found:
            one = from_document(_again(found.get("record")), 0)
            if one.number:
                return one.number
    return 0


def _backwards(file: BinaryIO) -> Iterator[bytes]:
    """The whole lines of a file, the last one first."""
    at, tail = _end_of_lines(file), b""
    while at > 0:
        begin = max(0, at - _BLOCK)
        file.seek(begin)
        block = file.read(at - begin) + tail
        tail, *lines = block.split(b"\n")
        yield from (line for line in reversed(lines) if line)
        at = begin
    if tail:
        yield tail


def _end_of_lines(file: BinaryIO) -> int:
    """Where the last whole line of a file ends."""
    at = file.seek(0, SEEK_END)
    while at > 0:
        begin = max(0, at - _BLOCK)
        file.seek(begin)
        found = file.read(at - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        at = begin
    return 0


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextmanager
def _told(operation: str) -> Iterator[None]:
    """The system's errors as this library's own."""
    try:
        yield
    except OSError as error:
        raise StorageError(operation, type(error).__name__) from error
