"""Documents as they are kept: in plain text, or with a patient's data sealed.

A store holds one `Documents` and asks it twice: before a write, for what turns records into rows;
after rows are read, for what their documents say. The one for plain text is here. It seals nothing,
and refuses what is sealed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import attrs
from sqlalchemy import Connection

from medsched.adapters.sqlalchemy.connections import Connections
from medsched.adapters.sqlalchemy.schema import Tables
from medsched.adapters.sqlalchemy.sealing_state import SealingState
from medsched.domain.fields import phi_fields
from medsched.domain.stored import CLASSES, Kind, Stored
from medsched.errors import DecryptionError, KeysNotKept, KeyUnavailable

SEALED: Final = "sealed"
"""The member of a document that a patient's data stands in."""
Members: TypeAlias = dict[str, Any]
"""What a document says, by field."""
_KEYLESS: Final = "the database is sealed, and this store was opened without its encryption"


class Place(NamedTuple):
    """Where a document stands, and whose it is: None is nobody's.

    ``scope`` is that of a receipt.
    """

    table: str
    kind: str
    id: str
    version: int
    patient: str | None
    scope: str = ""

    def __str__(self) -> str:
        what = "the receipt of " if self.scope else ""
        return f"{what}{self.kind} {self.id!r}"


class KeyRow(NamedTuple):
    """A row of ``medsched_data_key`` that something is sealed by, but the practice."""

    subject_kind: str
    subject: str
    number: int


class Writing(Protocol):
    """Turns the records of one changeset into what is written of them."""

    @property
    def sealed_by(self) -> Sequence[KeyRow]:
        """The keys that must not have been destroyed when it is committed, in order."""
        ...

    def forget_keys(self) -> None:
        """Keep no key: one of these is gone."""
        ...

    def seal(self, place: Place, record: Stored, members: Members) -> None:
        """Put into a document what may stand there."""
        ...

    def index(self, record: Stored) -> list[tuple[str, str]]:
        """Fields and values that a record can be found by beside those in plain text."""
        ...


class Reading(Protocol):
    """Reads the documents of some rows, once everything that it needs was read with them."""

    @property
    def lacks(self) -> bool:
        """Whether a key was gone: the rows may have been sealed anew meanwhile."""
        ...

    def open(self, *, strict: bool) -> None:
        """Put what was sealed into the documents.

        What a destroyed key had sealed is `KeyDestroyed` if ``strict``, else left out.
        """
        ...


class Documents(Protocol):
    """How one store keeps documents."""

    seals: bool
    """Whether reading them may ask for keys."""

    def writing(self, practice: str, records: Collection[Stored]) -> Writing:
        """What writes these records; no transaction is under way but a host's own.

        `KeyUnavailable`, `KeyDestroyed`: they cannot be written.
        """
        ...

    def reading(
        self, connection: Connection, practice: str, found: Sequence[tuple[Place, Members]]
    ) -> Reading:
        """What reads these documents; what is needed of the database is read here."""
        ...

    def destroy_key(self, practice: str, patient: str) -> bool:
        """Destroy the key of a patient; whether there was one. `KeysNotKept`."""
        ...

    def asked(self, practice: str, where: Mapping[str, object]) -> Mapping[str, list[str]]:
        """The values that an index is asked for, by field: all of a field's must be found."""
        ...


def holds_phi(record: Stored) -> bool:
    """Whether a record says anything in the fields that hold a patient's data."""
    for name, default in _DEFAULTS[type(record)].items():
        value = getattr(record, name)
        if value != default or type(value) is not type(default):
            return True
    return False


def _defaults(cls: type[Any]) -> Mapping[str, object]:
    """The fields of a class that hold a patient's data; one that is needed equals nothing."""
    found, hold = dict[str, object](), phi_fields(cls)
    for field in attrs.fields(cls):
        if field.name in hold:
            default: Any = field.default
            if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
                default = attrs.NOTHING if default.takes_self else default.factory()
            found[field.name] = default
    return found


_DEFAULTS: Final = {cls: _defaults(cls) for cls in CLASSES.values()}
PHI: Final[Mapping[str, frozenset[str]]] = {
    kind.value: phi_fields(cls) for kind, cls in CLASSES.items()
}
"""The fields of each kind of record that hold a patient's data."""
_OF_A_PATIENT: Final = frozenset(
    kind.value for kind in (Kind.SERIES, Kind.WAITLIST_ENTRY, Kind.WAITLIST_OFFER)
)


def patient_in(kind: str, id: str, members: Members) -> str | None:
    """Whose a noun is, as its row tells."""
    if kind == Kind.PATIENT.value:
        return id
    if kind == Kind.GRANT.value:
        opened = members.get("patients")
        one = opened[0] if isinstance(opened, list) and len(opened) == 1 else None
        return one if isinstance(one, str) else None
    named = members.get("patient") if kind in _OF_A_PATIENT else None
    return named if isinstance(named, str) else None


def parsed(kind: str, id: str, document: str) -> Members:
    """What a document says; `DecryptionError` for what is no document, which none ever was."""
    try:
        members = json.loads(document)
    except ValueError:
        members = None
    if not isinstance(members, dict):
        raise DecryptionError(str(Place("", kind, id, 0, None)))
    return members


# ------------------------------------------------------------------------- plain text


class _AsItIs:
    """Writes everything in plain text."""

    sealed_by: Final[Sequence[KeyRow]] = ()

    def forget_keys(self) -> None:
        pass

    def seal(self, place: Place, record: Stored, members: Members) -> None:
        pass

    def index(self, record: Stored) -> list[tuple[str, str]]:
        return []


class _Read:
    """Documents that need nothing more."""

    lacks = False

    def open(self, *, strict: bool) -> None:
        pass


AS_IT_IS: Final = _AsItIs()
READ: Final = _Read()


class PlainDocuments:
    """`Documents` in plain text; `KeyUnavailable` for what is sealed, and for every write there."""

    seals = False

    def __init__(self, connections: Connections, tables: Tables) -> None:
        self._state = SealingState(connections, tables)

    def writing(self, practice: str, records: Collection[Stored]) -> Writing:
        if self._state.is_sealed():
            raise KeyUnavailable("documents", _KEYLESS)
        return AS_IT_IS

    def reading(
        self, connection: Connection, practice: str, found: Sequence[tuple[Place, Members]]
    ) -> Reading:
        for _, members in found:
            if SEALED in members:
                raise KeyUnavailable("documents", _KEYLESS)
        return READ

    def destroy_key(self, practice: str, patient: str) -> bool:
        raise KeysNotKept("store without encryption")

    def asked(self, practice: str, where: Mapping[str, object]) -> Mapping[str, list[str]]:
        return {}


def unopened(members: Members) -> Members:
    """A document without what is sealed in it: for those who need nothing of that."""
    members.pop(SEALED, None)
    return members
