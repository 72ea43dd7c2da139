"""Documents with a patient's data sealed: what `documents.Documents` asks for, by encryption.

All fields of a record that hold a patient's data are one member of its document, an envelope bound
to the row, also where none of them says anything: so one that was taken away is missed. Only what
is written of a patient whose key was destroyed has none. What is bound: practice, table, column,
kind and id, the record's version, the key's subject and number. So an envelope that was moved to
another row, column, patient or practice, or to an older version of its own, is refused.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import attrs
from sqlalchemy import Connection

from medsched.adapters.sqlalchemy.connections import Connections
from medsched.adapters.sqlalchemy.data_keys import FoundKeys, KeyRing, Named, Subject
from medsched.adapters.sqlalchemy.documents import (
    PHI,
    READ,
    SEALED,
    KeyRow,
    Members,
    Place,
    Reading,
    Writing,
    holds_phi,
)
from medsched.adapters.sqlalchemy.encryption import Current, Encryption, KeptKeys
from medsched.adapters.sqlalchemy.envelopes import Broken, SecretKey, number_of
from medsched.adapters.sqlalchemy.repeating import repeated
from medsched.adapters.sqlalchemy.schema import Tables
from medsched.adapters.sqlalchemy.sealing_state import Sealing, SealingState, read_state
from medsched.adapters.sqlalchemy.shredding import INDEXED, destroy
from medsched.domain.lookups import Sought, asked_of, terms_of
from medsched.domain.people import Patient
from medsched.domain.stored import Kind, Stored, kind_of, patient_of
from medsched.errors import DecryptionError, InvalidChoice, KeyDestroyed
from medsched.ports.surroundings import Surroundings

_COLUMN: Final = "document"
_BETWEEN: Final = "\x1f"
"""What stands between the parts that an envelope is bound to. It is in no id."""
_HASH_SIZE: Final = 16
_GONE: Final = "(destroyed)"
"""What lists give as the reason of a grant whose patient's key was destroyed."""


def bound(practice: str, place: Place, subject: Subject, number: int) -> bytes:
    """What an envelope is bound to."""
    parts = (
        *("medsched 1", practice, place.table, _COLUMN, place.kind, place.id),
        *(str(place.version), place.scope, subject.kind, subject.id, str(number)),
    )
    return _BETWEEN.join(parts).encode()


def seal_into(
    practice: str, place: Place, members: Members, key: Current, subject: Subject
) -> None:
    """Put the fields of a document that hold a patient's data into one envelope."""
    said = {name: members.pop(name) for name in PHI[place.kind] if name in members}
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
    sealed = key.key.seal(key.number, text, bound(practice, place, subject, key.number))
    members[SEALED] = sealed


@attrs.frozen
class _Sealing:
    """Writes the records of one changeset sealed."""

    practice: str
    keys: Mapping[Subject, Current]
    prefix: int | None
    kept: KeptKeys

    @property
    def sealed_by(self) -> Sequence[KeyRow]:
        return sorted(KeyRow(*subject, key.number) for subject, key in self.keys.items())

    def forget_keys(self) -> None:
        self.kept.forget()

    def seal(self, place: Place, record: Stored, members: Members) -> None:
        if not PHI[place.kind]:
            return
        subject = Subject.of(self.practice, place.patient)
        key = self.keys.get(subject)
        if key is not None:
            seal_into(self.practice, place, members, key, subject)
            return
        for name in PHI[place.kind]:  # the key was destroyed, and there is nothing to seal
            members.pop(name, None)

    def index(self, record: Stored) -> list[tuple[str, str]]:
        if self.prefix is None or not isinstance(record, Patient):
            return []
        if Subject.of(self.practice, record.id) not in self.keys:
            return []
        key = self.keys[Subject.index_of(self.practice)].key
        return index_of(record, key, self.prefix)


def index_of(patient: Patient, key: SecretKey, prefix: int) -> list[tuple[str, str]]:
    """What an index finds a patient by, in an order that tells nothing."""
    terms = terms_of(patient, prefix)
    return sorted((INDEXED + field, _hashed(key, field, text)) for field, text in terms)


def _hashed(key: SecretKey, field: str, text: str) -> str:
    said = f"{field}{_BETWEEN}{text}".encode()
    return hmac.digest(key.raw, said, "sha256")[:_HASH_SIZE].hex()


@attrs.frozen
class _Opening:
    """The envelopes of some rows, and the keys that were found for them."""

    practice: str
    sealed: Sequence[tuple[Place, Members, Named]]
    keys: FoundKeys
    bare: Sequence[Place]
    """What has no envelope in a database that is wholly sealed."""

    @property
    def lacks(self) -> bool:
        if not all(self.keys.destroyed(self._whose(place)) for place in self.bare):
            return True
        return self.keys.lacks(named for _, _, named in self.sealed)

    def _whose(self, place: Place) -> Subject:
        return Subject.of(self.practice, place.patient)

    def open(self, *, strict: bool) -> None:
        for place in self.bare:
            if not self.keys.destroyed(self._whose(place)):
                raise DecryptionError(str(place))
        for place, members, named in self.sealed:
            key = self.keys.key(named)
            envelope = members.pop(SEALED)
            if key is not None:
                members |= opened(self.practice, place, envelope, named, key)
            elif strict:
                raise KeyDestroyed(str(named.subject))
            elif place.kind == Kind.GRANT.value:
                members["reason"] = _GONE  # none is without


def opened(practice: str, place: Place, envelope: str, named: Named, key: SecretKey) -> Members:
    """What an envelope holds; `DecryptionError`."""
    try:
        found = json.loads(key.open(envelope, bound(practice, place, *named)))
        if not isinstance(found, dict) or not found.keys() <= PHI[place.kind]:
            raise Broken
    except (Broken, ValueError):
        raise DecryptionError(str(place)) from None
    return found


def sealed_by(practice: str, place: Place, members: Members) -> Named | None:
    """The key that a document is sealed by; None for one in plain text. `DecryptionError`."""
    if SEALED not in members:
        return None
    try:
        if not PHI[place.kind].isdisjoint(members):
            raise Broken
        number = number_of(members[SEALED])
    except Broken:
        raise DecryptionError(str(place)) from None
    return Named(Subject.of(practice, place.patient), number)


class SealedDocuments:
    """`Documents` that are sealed."""

    seals = True

    def __init__(
        self,
        connections: Connections,
        tables: Tables,
        encryption: Encryption,
        surroundings: Surroundings,
        *,
        reads_plain: bool | None = None,
    ) -> None:
        self._connections = connections
        self._tables = tables
        self._reads_plain = encryption.reads_plain if reads_plain is None else reads_plain
        self._encryption = encryption
        self._surroundings = surroundings
        self._prefix = encryption.prefix
        self._state = SealingState(connections, tables)
        self._ring = KeyRing(connections, tables, encryption, surroundings)

    def writing(self, practice: str, records: Collection[Stored]) -> Writing:
        patients = any(isinstance(record, Patient) for record in records)
        subjects, needed = set[Subject](), set[Subject]()
        for record in records:
            if PHI[kind_of(type(record)).value]:
                subject = Subject.of(practice, patient_of(record))
                subjects.add(subject)
                if holds_phi(record):
                    needed.add(subject)
        state = self._state.begin(self._prefix, self._surroundings.pauses)
        if patients:
            self._keep_index(state)
            if self._prefix is not None:
                subjects.add(Subject.index_of(practice))
        keys = self._ring.for_writing(state.database, practice, subjects, needed)
        return _Sealing(practice, keys, self._prefix, self._encryption.kept)

    def _keep_index(self, state: Sealing) -> None:
        """Refuse to write a patient whom the database's index would not find."""
        if state.prefix not in (None, self._prefix):
            why = f"the database has an index by {state.prefix} characters: see seal_all"
            raise InvalidChoice("index", self._prefix, why)

    def reading(
        self, connection: Connection, practice: str, found: Sequence[tuple[Place, Members]]
    ) -> Reading:
        sealed = list[tuple[Place, Members, Named]]()
        plain, bare = list[Place](), list[Place]()
        for place, members in found:
            named = sealed_by(practice, place, members)
            if named is not None:
                sealed.append((place, members, named))
            elif not PHI[place.kind].isdisjoint(members):
                plain.append(place)
            elif PHI[place.kind]:
                bare.append(place)
        if (plain or bare) and self._may_be_plain(connection):
            bare.clear()
        elif plain:
            raise DecryptionError(str(plain[0]))
        if not sealed and not bare:
            return READ
        state = self._state.current_on(connection)
        database = "" if state is None else state.database
        wanted = {named for _, _, named in sealed}
        without = {Subject.of(practice, place.patient) for place in bare}
        keys = self._ring.reading(connection, database, practice, wanted, without)
        return _Opening(practice, sealed, keys, bare)

    def _may_be_plain(self, connection: Connection) -> bool:
        """Whether something may be without envelope: while a database is being sealed, if at all.

        It is asked on the connection that saw such a row: it may see an earlier state than others.
        """
        if not self._reads_plain:
            return False
        state = read_state(connection, self._tables)
        return state is None or not state.whole

    def destroy_key(self, practice: str, patient: str) -> bool:
        operation = "destroy a key"

        def work(connection: Connection) -> bool:
            return destroy(connection, self._tables, practice, patient, self._surroundings)

        if self._connections.retries:
            found = repeated(self._connections, self._surroundings.pauses, operation, work)
        else:
            with self._connections.writing(operation) as connection:
                found = work(connection)
        self._encryption.kept.forget()
        return found

    def asked(self, practice: str, where: Mapping[str, object]) -> Mapping[str, list[str]]:
        looked_for = [one for one in where.values() if isinstance(one, Sought)]
        if not looked_for or self._prefix is None:
            return {}
        state = self._state.current()
        if state is None or state.prefix != self._prefix:
            return {}
        subject = Subject.index_of(practice)
        key = self._ring.existing(state.database, practice, subject)
        if key is None:
            return {}
        return {
            INDEXED + one.field: hashes
            for one in looked_for
            if (hashes := [_hashed(key.key, *term) for term in asked_of(one, self._prefix)])
        }
