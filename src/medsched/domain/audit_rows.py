"""An audit entry as it is kept: plain words and numbers, under a keyed MAC.

The MAC is HMAC-SHA-256 over all columns of the row but itself and ``recorded_at``, written as one
JSON array, which is another text for every other row. ``recorded_at`` is given by the database
after the MAC was made; the chain covers it (see `medsched.domain.audit_chain`).
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from hmac import new as hmac
from typing import Any, Final, NamedTuple

from medsched.domain.audit import AuditEntry
from medsched.timeline.instants import EPOCH

_FORM: Final = "medsched audit entry 1"
_MICROSECOND: Final = timedelta(microseconds=1)


class MacKey(NamedTuple):
    """A key that MACs are made with, and the number that rows call it by."""

    number: int
    secret: bytes

    def __repr__(self) -> str:
        return f"<MacKey {self.number}>"


class AuditRow(NamedTuple):
    """The columns of an entry, in the order that they are read in.

    ``changeset`` and ``position`` say what it was written with. ``at`` and ``recorded_at``, the
    clock of the store, are microseconds since 1970-01-01 UTC; the latter is 0 until it is stored.
    ``roles`` and ``fields`` are sorted and joined by commas. ``mac_key`` is the number of the key.
    """

    practice: str
    id: str
    changeset: str
    position: int
    at: int
    principal: str
    roles: str
    operation: str
    action: str
    outcome: str
    reason: str
    kind: str
    record: str
    patient: str | None
    fields: str
    purpose: str
    emergency: int
    address: str
    session: str
    mac_key: int
    mac: str
    recorded_at: int = 0

    def is_genuine(self, secret: bytes) -> bool:
        """Whether all of it but ``recorded_at`` is as it was written under this key."""
        try:
            return compare_digest(mac_of(self, secret), self.mac)
        except (TypeError, ValueError):  # bytes, or what is not ASCII: not written by us
            return False


def microseconds(instant: datetime) -> int:
    """An aware datetime as microseconds since 1970-01-01 UTC."""
    return (instant - EPOCH) // _MICROSECOND


def moment(microseconds: int) -> datetime:
    """The instant of so many microseconds since 1970-01-01 UTC."""
    return EPOCH + microseconds * _MICROSECOND


def audit_row(entry: AuditEntry, changeset: str, position: int, key: MacKey) -> AuditRow:
    """The row of an entry that is written as one of a changeset, with its MAC."""
    row = AuditRow(
        practice=entry.practice,
        id=entry.id,
        changeset=changeset,
        position=position,
        at=microseconds(entry.at),
        principal=entry.principal,
        roles=",".join(sorted(entry.roles)),
        operation=entry.operation,
        action=entry.action.value,
        outcome=entry.outcome.value,
        reason=entry.reason,
        kind=entry.kind,
        record=entry.record,
        patient=entry.patient,
        fields=",".join(sorted(entry.fields)),
        purpose=entry.purpose,
        emergency=int(entry.emergency),
        address=entry.address,
        session=entry.session,
        mac_key=key.number,
        mac="",
    )
    return row._replace(mac=mac_of(row, key.secret))


def entry_of(row: AuditRow) -> AuditEntry:
    """The entry of a row; whether it is genuine is for the caller to ask first."""
    return AuditEntry(
        id=row.id,
        at=moment(row.at),
        practice=row.practice,
        principal=row.principal,
        roles=frozenset(filter(None, row.roles.split(","))),
        operation=row.operation,
        action=row.action,
        outcome=row.outcome,
        reason=row.reason,
        kind=row.kind,
        record=row.record,
        patient=row.patient,
        fields=frozenset(filter(None, row.fields.split(","))),
        purpose=row.purpose,
        emergency=bool(row.emergency),
        address=row.address,
        session=row.session,
    )


def mac_of(row: AuditRow, secret: bytes) -> str:
    """The MAC of a row, in hexadecimal digits; TypeError for a row of anything but words."""
    return keyed_digest(secret, [_FORM, *row[:-2]])


def keyed_digest(secret: bytes, parts: list[Any]) -> str:
    """HMAC-SHA-256 over words, whole numbers and None, in an array of JSON: in hex digits."""
    whole = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
    return hmac(secret, whole.encode("utf-8", "surrogatepass"), sha256).hexdigest()
