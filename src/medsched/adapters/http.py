"""What an HTTP API says of this library: problem details (RFC 9457), ETags, server-sent events.

Nothing here knows a web framework. An API catches `MedschedError` in one place and answers with
what `problem_of` makes of it; it tells a record's version by `etag`, and reads a caller's
``If-Match`` by `if_match`; what `event_data` makes of a change can be sent to a browser.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, TypeVar

import attrs

from medsched import errors
from medsched.domain.availability_changes import AvailabilityChange
from medsched.domain.records import Identified
from medsched.domain.requests import Violation
from medsched.domain.slots import Slot
from medsched.errors import InvalidValue, MedschedError, VersionConflict

R = TypeVar("R", bound=Identified)
MEDIA_TYPE: Final = "application/problem+json"
"""How the body of a problem is labelled."""
_ETAG: Final = re.compile(r'"([1-9][0-9]{0,8})"')
_KINDS: Final[tuple[tuple[int, str, tuple[type[MedschedError], ...]], ...]] = (
    (404, "not-found", (errors.NotFound, errors.InvalidSlotId)),
    (403, "not-allowed", (errors.NotAllowed,)),
    (412, "changed-meanwhile", (VersionConflict,)),
    (422, "idempotency-mismatch", (errors.IdempotencyMismatch,)),
    (422, "invalid", (InvalidValue, errors.UnknownZone, errors.ReasonRequired)),
    (422, "no-such-time", (errors.NonexistentTime, errors.AmbiguousTime)),
    (503, "busy", (errors.StorageBusy,)),
    (503, "unavailable", (errors.StorageError, errors.KeyUnavailable, errors.SchemaMismatch)),
    (410, "gone", (errors.KeyDestroyed,)),
    (500, "damaged", (errors.DecryptionError, errors.AuditDamaged)),
    (501, "not-kept", (errors.AuditNotKept, errors.SlotsNotKept, errors.KeysNotKept)),
    (501, "not-installed", (errors.MissingExtra,)),
    (409, "conflict", (MedschedError,)),
)
"""The first that an error is one of says its status and kind; all others are conflicts."""


@attrs.frozen
class ProblemDetails:
    """What went wrong with a request: an HTTP ``status``, a ``kind``, and what a person is told.

    ``kind`` is a short name of lower-case letters and hyphens, the same for all problems of one
    kind. ``members`` are what a program can act on; those of `problem_of` are ``errors`` (which
    ``field`` is wrong, and the ``message``), ``violations`` (each ``reason`` against a time, its
    ``message`` and the ``resource`` it is about) and ``alternatives`` (free slots: ``slot_id``,
    ``provider``, ``appointment_type``, ``start_time`` and ``end_time`` in UTC).
    """

    status: int
    kind: str
    detail: str
    members: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def headers(self) -> Mapping[str, str]:
        """When to try again, in seconds, where that may do."""
        return {"Retry-After": "1"} if self.status == 503 else {}

    def body(self, types: str, instance: str) -> dict[str, Any]:
        """The document that is sent, of media type `MEDIA_TYPE`.

        ``types`` is what the URI of each type begins with, before its kind; ``instance`` the URI
        of this one occurrence, by which it is found in a log.
        """
        told = {"type": f"{types}{self.kind}", "title": HTTPStatus(self.status).phrase}
        told |= {"detail": self.detail, "instance": instance}
        return {**self.members, **told, "status": self.status}


_TEXTS, _LISTS = ("type", "title", "detail", "instance"), ("errors", "violations", "alternatives")
SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        **{name: {"type": "string"} for name in _TEXTS},
        "status": {"type": "integer"},
        **{name: {"type": "array", "items": {"type": "object"}} for name in _LISTS},
    },
    "required": [*_TEXTS, "status"],
}
"""The JSON Schema of `ProblemDetails.body`, for an OpenAPI document."""


def problem_of(error: MedschedError) -> ProblemDetails:
    """What a client is told of an error of this library.

    Not found is 404, not allowed 403, a version that is not the stored one 412, a value that can
    never be right 422, a store that is busy or not there 503; whatever else the state of the
    practice refuses is 409. What was sent is never told back: it may be a patient's.
    """
    status, kind = next(one[:2] for one in _KINDS if isinstance(error, one[2]))
    if isinstance(error, InvalidValue):
        wrong = [{"field": error.field, "message": error.why}]
        detail = f"{error.field}: {error.why}"
        return ProblemDetails(status, kind, detail, {"errors": wrong})
    violations = [_violation(one) for one in getattr(error, "violations", ())]
    alternatives = [_alternative(one) for one in getattr(error, "alternatives", ())]
    members = {"violations": violations, "alternatives": alternatives}
    told = {name: some for name, some in members.items() if some}
    return ProblemDetails(status, kind, str(error), told)


def etag(record: Identified) -> str:
    """The strong ETag of a record: its version, quoted."""
    return f'"{record.version}"'


def if_match(stated: str | None, record: R) -> R:
    """The record in the version that ``If-Match`` states, for a command: which heeds versions.

    As it is where the header is missing, is ``*`` or lists its ETag. Else in the version stated
    first, so that the command raises `VersionConflict`, or, repeated under its idempotency key,
    tells its first result. `VersionConflict` at once for a header that states no version.
    """
    tags = [one.strip() for one in ("*" if stated is None else stated).split(",")]
    if "*" in tags or etag(record) in tags:
        return record
    versions = [int(found[1]) for one in tags if (found := _ETAG.fullmatch(one))]
    if not versions:
        kind = type(record).__name__.lower()
        raise VersionConflict(kind, record.id, expected=0, found=record.version)
    return attrs.evolve(record, version=versions[0])


def event_data(change: AvailabilityChange) -> dict[str, str]:
    """What a change says, as texts: those who follow it learn nothing of whom it is for.

    Of ``start``, ``end`` and ``expires`` those that it has, in UTC as ISO 8601 writes them;
    ``kind`` and ``id`` of its resource; ``type``, the code of an appointment type. The event itself
    is named by the change's ``kind``, and its id is the change's ``cursor``.
    """
    instants = {"start": change.start, "end": change.end, "expires": change.expires}
    told = {name: at.isoformat() for name, at in instants.items() if at is not None}
    if change.resource is not None:
        told |= {"kind": change.resource.kind.value, "id": change.resource.id}
    return told if change.type is None else {**told, "type": change.type}


def _violation(one: Violation) -> dict[str, Any]:
    told: dict[str, Any] = {"reason": one.reason.value, "message": one.message}
    if one.resource is not None:
        told["resource"] = {"kind": one.resource.kind.value, "id": one.resource.id}
    return told


def _alternative(slot: Slot) -> dict[str, Any]:
    told = {"slot_id": slot.id, "provider": slot.provider, "appointment_type": slot.type}
    return {**told, "start_time": slot.start.isoformat(), "end_time": slot.end.isoformat()}
