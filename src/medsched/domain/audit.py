"""Who saw or changed which record of which patient: names of fields, never what is in them."""

from __future__ import annotations

from datetime import datetime

import attrs

from medsched.domain.bookings import instant
from medsched.domain.fields import Choice, an_id, maybe_id, own_id


class AuditAction(Choice):
    """What was done to the record: the codes of a FHIR AuditEvent, spelled out."""

    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DELETE = "delete"
    EXECUTE = "execute"


class AuditOutcome(Choice):
    """What came of it."""

    DONE = "done"
    DENIED = "denied"


@attrs.frozen(kw_only=True)
class AuditEntry:
    """One access to one record.

    ``at`` is an aware UTC instant to the microsecond. ``operation`` is the command
    (``appointment.book``), ``action`` what it did to the record. ``kind`` and ``record`` name the
    record, empty for what is none in particular; ``patient`` is whose it is, None where it is
    nobody's or where nothing was found. ``fields`` are the names of the fields that hold a
    patient's data and were not empty. ``reason`` says why it was allowed or denied, in the
    policy's words. ``emergency``: the glass was broken for it. ``address`` and ``session`` are as
    the host gave them.
    """

    id: str = attrs.field(validator=an_id)
    at: datetime = attrs.field(converter=instant)
    practice: str = attrs.field(validator=an_id)
    principal: str = attrs.field(validator=an_id)
    roles: frozenset[str] = frozenset()
    operation: str
    action: AuditAction = attrs.field(converter=AuditAction)
    outcome: AuditOutcome = attrs.field(default=AuditOutcome.DONE, converter=AuditOutcome)
    reason: str = ""
    kind: str = ""
    record: str = attrs.field(default="", validator=own_id)
    patient: str | None = attrs.field(default=None, validator=maybe_id)
    fields: frozenset[str] = frozenset()
    purpose: str = ""
    emergency: bool = False
    address: str = ""
    session: str = ""
