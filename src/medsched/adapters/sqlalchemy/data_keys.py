"""Data keys: one for each patient, wrapped by the host's master keys, made when first wanted.

Unwrapping may ask a service far away, so no lock is held meanwhile: what a write needs is had
before its transaction begins, what rows need is unwrapped after they were read. Only a store that
joined a host's transaction cannot help it.

What was unwrapped is kept for a while under the text that it was unwrapped from, which is right
whatever becomes of a transaction. A store of its own remembers, too, which key is a patient's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

import attrs
import sqlalchemy as sa
from sqlalchemy import Connection

from medsched.adapters.sqlalchemy.connections import Connections
from medsched.adapters.sqlalchemy.encryption import Content, Current, Encryption
from medsched.adapters.sqlalchemy.envelopes import Broken, SecretKey, generate
from medsched.adapters.sqlalchemy.inserting import insert_if_missing
from medsched.adapters.sqlalchemy.locking import chunks
from medsched.adapters.sqlalchemy.repeating import repeated
from medsched.adapters.sqlalchemy.schema import Tables
from medsched.errors import DecryptionError, KeyDestroyed, KeyUnavailable
from medsched.ports.keys import WrappedKey
from medsched.ports.surroundings import Surroundings

_PATIENT: Final = "patient"
_PRACTICE: Final = "practice"
_INDEX: Final = "index"


class Subject(NamedTuple):
    """Whose a data key is, within a practice."""

    kind: str
    id: str

    @classmethod
    def of(cls, practice: str, patient: str | None) -> Subject:
        """A patient, or the practice for what is no patient's."""
        return cls(_PRACTICE, practice) if patient is None else cls(_PATIENT, patient)

    @classmethod
    def index_of(cls, practice: str) -> Subject:
        """The index of a practice's patients."""
        return cls(_INDEX, practice)

    def __str__(self) -> str:
        return f"{self.kind} {self.id!r}"


class Named(NamedTuple):
    """The name of one data key within its practice."""

    subject: Subject
    number: int


class Stored(NamedTuple):
    """A row of ``medsched_data_key``, but the practice."""

    subject_kind: str
    subject: str
    number: int
    wrapped_by: str | None
    wrapped: str | None
    destroyed_at: datetime | None

    @property
    def named(self) -> Named:
        """Its name."""
        return Named(Subject(self.subject_kind, self.subject), self.number)


@attrs.frozen
class FoundKeys:
    """The keys that some rows need, as far as they are there; to be unwrapped when asked for."""

    ring: KeyRing
    database: str
    practice: str
    kept: Mapping[Named, SecretKey]
    rows: Mapping[Named, Stored]

    def destroyed(self, subject: Subject) -> bool:
        """Whether the key of a subject was destroyed, as far as it was asked for."""
        return any(
            row.destroyed_at is not None and named.subject == subject
            for named, row in self.rows.items()
        )

    def lacks(self, wanted: Iterable[Named]) -> bool:
        """Whether one of these is not there, nor ever was destroyed."""
        return any(one not in self.kept and one not in self.rows for one in wanted)

    def key(self, named: Named) -> SecretKey | None:
        """A key; None for a patient's that was destroyed.

        `DecryptionError` for one that is not there, and what the provider raises.
        """
        found = self.kept.get(named)
        if found is not None:
            return found
        row = self.rows.get(named)
        if row is None:
            raise DecryptionError(f"what the key of {named.subject} sealed")
        if row.destroyed_at is not None:
            return None
        return self.ring.unwrapped(self.database, self.practice, row)


class KeyRing:
    """The data keys of one database, for one store."""

    def __init__(
        self,
        connections: Connections,
        tables: Tables,
        encryption: Encryption,
        surroundings: Surroundings,
    ) -> None:
        self._connections = connections
        self._tables = tables
        self._encryption = encryption
        self._surroundings = surroundings
        self._own = connections.retries > 0

    # ------------------------------------------------------------------- writing

    def for_writing(
        self,
        database: str,
        practice: str,
        subjects: Collection[Subject],
        needed: Collection[Subject],
    ) -> dict[Subject, Current]:
        """The keys to seal these subjects' data by, made where there are none yet.

        One that was destroyed is left out: `KeyDestroyed` if it is ``needed``, `KeyUnavailable`.
        """
        found, missing = self._remembered(database, practice, subjects)
        if missing:
            newest = self._newest(practice, missing)
            new = [one for one in missing if one not in newest]
            if new:
                newest |= self._make(practice, new)
            for subject, row in newest.items():
                if row.destroyed_at is None or subject in needed:
                    found[subject] = self._current(database, practice, row)
        return found

    def existing(self, database: str, practice: str, subject: Subject) -> Current | None:
        """The key of a subject; None if it has none."""
        found, missing = self._remembered(database, practice, [subject])
        newest = self._newest(practice, missing)
        for row in newest.values():
            return self._current(database, practice, row)
        return found.get(subject)

    def _remembered(
        self, database: str, practice: str, subjects: Collection[Subject]
    ) -> tuple[dict[Subject, Current], list[Subject]]:
        found, missing = dict[Subject, Current](), list[Subject]()
        for subject in sorted(subjects):
            current = self._called("current", database, practice, subject)
            if current is None:
                missing.append(subject)
            else:
                found[subject] = current
        return found, missing

    def _newest(self, practice: str, subjects: Collection[Subject]) -> dict[Subject, Stored]:
        if not subjects:
            return {}
        with self._connections.reading("keys") as connection:
            return newest_of(self._rows(connection, practice, subjects))

    def _current(self, database: str, practice: str, row: Stored) -> Current:
        subject = row.named.subject
        if row.destroyed_at is not None:
            raise KeyDestroyed(str(subject))
        key = self._unwrap(practice, row)
        self._call(practice, row, "current", database, practice, subject)
        return Current(row.number, key)

    def _make(self, practice: str, subjects: Collection[Subject]) -> dict[Subject, Stored]:
        """New keys; of two who make one at once, both use that of the first."""
        rows = [self.new_row(practice, Named(subject, 1)) for subject in subjects]

        def work(connection: Connection) -> dict[Subject, Stored]:
            for row in rows:
                insert_if_missing(connection, self._tables.data_key, row)
            return newest_of(self._rows(connection, practice, subjects, lock=True))

        if self._own:
            pauses = self._surroundings.pauses
            return repeated(self._connections, pauses, "make keys", work)
        with self._connections.writing("make keys") as connection:
            return work(connection)

    def new_row(self, practice: str, named: Named) -> dict[str, object]:
        """A row with a new key."""
        wrapped = self._wrap(generate(), practice, named)
        return {
            "practice": practice,
            "subject_kind": named.subject.kind,
            "subject": named.subject.id,
            "number": named.number,
            "wrapped_by": wrapped.wrapped_by,
            "wrapped": wrapped.text,
            "created_at": self._surroundings.clock.now(),
        }

    def newest(self, practice: str, subjects: Collection[Subject]) -> dict[Subject, Current]:
        """The keys of some subjects as the database has them now, but those that are destroyed."""
        return {
            subject: Current(row.number, self._unwrap(practice, row))
            for subject, row in self._newest(practice, subjects).items()
            if row.destroyed_at is None
        }

    def wrapped_anew(self, practice: str, row: Stored) -> WrappedKey:
        """The key of a row, wrapped by the provider's current master key."""
        return self._wrap(self._unwrap(practice, row).raw, practice, row.named)

    def _wrap(self, raw: bytes, practice: str, named: Named) -> WrappedKey:
        """A key wrapped, once it was seen to open again: else all that it seals would be lost."""
        keys, context, why = self._encryption.keys, context_of(practice, named), ""
        try:
            wrapped = keys.wrap(raw, context)
            if keys.unwrap(wrapped, context) == raw:
                return wrapped
            why = "what it wraps does not open again"
        except (KeyUnavailable, KeyDestroyed):
            raise
        except Exception as error:  # a provider of the host's: what it says may hold anything
            why = type(error).__name__
        raise KeyUnavailable(str(named.subject), why)

    # ------------------------------------------------------------------- reading

    def reading(
        self,
        connection: Connection,
        database: str,
        practice: str,
        wanted: Collection[Named],
        also: Collection[Subject] = (),
    ) -> FoundKeys:
        """The keys that were kept, and the wrapped ones of all others, and of these subjects."""
        kept, missing = dict[Named, SecretKey](), list[Named]()
        for one in set(wanted):
            found = self._called("key", database, practice, one)
            if found is None:
                missing.append(one)
            else:
                kept[one] = found.key
        rows = dict[Named, Stored]()
        subjects = {*also, *(one.subject for one in missing)}
        if subjects:
            rows = {row.named: row for row in self._rows(connection, practice, subjects)}
        return FoundKeys(self, database, practice, kept, rows)

    def unwrapped(self, database: str, practice: str, row: Stored) -> SecretKey:
        """The key of a row."""
        key = self._unwrap(practice, row)
        self._call(practice, row, "key", database, practice, row.named)
        return key

    def _unwrap(self, practice: str, row: Stored) -> SecretKey:
        content = _content(practice, row)
        key = self._encryption.kept.get(content)
        if key is None:
            wrapped = WrappedKey(content.wrapped_by, content.wrapped)
            why = ""
            try:
                raw = self._encryption.keys.unwrap(wrapped, context_of(practice, row.named))
                key = SecretKey(raw)
            except Broken:
                raise DecryptionError(f"the key of {row.named.subject}") from None
            except (KeyUnavailable, KeyDestroyed, DecryptionError):
                raise
            except Exception as error:  # a provider of the host's: what it says may hold anything
                why = type(error).__name__
            if key is None:
                raise KeyUnavailable(str(row.named.subject), why)
            self._encryption.kept.put(content, key)
        return key

    def _called(self, *name: object) -> Current | None:
        """A key that a store of its own remembers by name; what a host takes back never was."""
        return self._encryption.kept.called(name) if self._own else None

    def _call(self, practice: str, row: Stored, *name: object) -> None:
        if self._own:
            self._encryption.kept.call(name, row.number, _content(practice, row))

    def _rows(
        self,
        connection: Connection,
        practice: str,
        subjects: Collection[Subject],
        *,
        lock: bool = False,
    ) -> list[Stored]:
        table, found = self._tables.data_key.c, list[Stored]()
        columns = [table[name] for name in Stored._fields]
        for kind in sorted({one.kind for one in subjects}):
            ids = sorted(one.id for one in subjects if one.kind == kind)
            for some in chunks(ids):
                query = sa.select(*columns).where(
                    table.practice == practice, table.subject_kind == kind, table.subject.in_(some)
                )
                if lock and connection.dialect.name != "sqlite":
                    query = query.with_for_update(read=True)
                found += [Stored(*row) for row in connection.execute(query)]
        return found


def newest_of(rows: Iterable[Stored]) -> dict[Subject, Stored]:
    """The row with the highest number of each subject; a destroyed one before all others."""
    found = dict[Subject, Stored]()
    for row in sorted(rows, key=lambda row: (row.destroyed_at is not None, row.number)):
        found[row.named.subject] = row
    return found


def context_of(practice: str, named: Named) -> dict[str, str]:
    """What a data key is for: a wrapped one opens under nothing else."""
    return {
        "practice": practice,
        "subject_kind": named.subject.kind,
        "subject": named.subject.id,
        "number": str(named.number),
    }


def _content(practice: str, row: Stored) -> Content:
    if row.wrapped is None or row.wrapped_by is None:
        raise DecryptionError(f"the key of {row.named.subject}")
    return Content(practice, f"{row.named.subject} {row.number}", row.wrapped_by, row.wrapped)
