"""Every error as RFC 9457 problem details, made in one place; nothing of a patient's is in them."""

from collections import defaultdict
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from medsched import BookingRefused, MedschedError, Slot, Violation, errors

PLAIN_STYLE: Final = "/api/v1/appointments/"
"""Below this path what is wrong with a request is 400 and listed by its field, as documented."""
FIELDS: Final = {"provider": "provider", "patient": "patient", "location": "facility"}
_MOST: Final = 50
"""So many mistakes are told at once."""
_STATUSES: Final = (
    (404, "not-found", (errors.NotFound, errors.InvalidSlotId)),
    (403, "not-allowed", (errors.NotAllowed,)),
    (412, "changed-meanwhile", (errors.VersionConflict,)),
    (422, "idempotency-mismatch", (errors.IdempotencyMismatch,)),
    (422, "invalid", (errors.InvalidValue, errors.UnknownZone, errors.ReasonRequired)),
    (422, "no-such-time", (errors.NonexistentTime, errors.AmbiguousTime)),
    (503, "busy", (errors.StorageBusy,)),
    (503, "unavailable", (errors.StorageError, errors.KeyUnavailable, errors.SchemaMismatch)),
    (409, "conflict", (MedschedError,)),
)
"""The first that an error is one of says its status; all others of the library are conflicts."""


_JSON: Final = "application/problem+json"
_CONTENT: Final = {_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
DOCUMENTED: Final[dict[int | str, dict[str, Any]]] = {
    status: {"description": HTTPStatus(status).phrase, "content": _CONTENT}
    for status in (400, 401, 403, 404, 405, 409, 412, 413, 422, 429, 503)
}
"""What each endpoint may answer besides, as OpenAPI tells it."""
_TEXTS: Final = ("type", "title", "detail", "instance")
_LISTS: Final = ("errors", "violations", "alternatives")
_MEMBERS: Final = {**dict.fromkeys(_TEXTS, "string"), **dict.fromkeys(_LISTS, "array")}
PROBLEM: Final = {
    "properties": {
        name: {"type": kind} for name, kind in {**_MEMBERS, "status": "integer"}.items()
    },
    "required": [*_TEXTS, "status"],
    "type": "object",
}
"""RFC 9457, with what a client can act on."""


class Refused(Exception):
    """Why a request is refused: the kind of problem, and what a client is told of it."""

    def __init__(self, status: int, kind: str, detail: str, **told: Any) -> None:
        super().__init__(kind)
        self.status, self.kind, self.detail, self.told = status, kind, detail, told
        self.headers: Mapping[str, str] = told.pop("headers", None) or {}


def invalid(field: str, why: str) -> Refused:
    """A field that this service cannot take, beyond what its model says."""
    return Refused(422, "invalid", why, errors=[{"field": field, "message": why}])


def unknown(detail: str, kind: str = "unauthenticated") -> Refused:
    """Who calls is not known, or not any more."""
    return Refused(401, kind, detail, headers={"WWW-Authenticate": "Bearer"})


def install(app: FastAPI) -> None:
    """Let one handler answer for all errors that are expected."""
    for kind in (MedschedError, RequestValidationError, HTTPException, Refused, SQLAlchemyError):
        app.add_exception_handler(kind, answer)


def answer(request: Request, error: Exception) -> JSONResponse:
    """What is told of an error."""
    found = _refusal(error)
    if request.url.path.startswith(PLAIN_STYLE):
        _plain(found, error)
    request.state.problem = found.kind
    told = {"type": f"urn:clinic-service:{found.kind}", "title": HTTPStatus(found.status).phrase}
    told |= {"detail": found.detail, "instance": f"urn:uuid:{request.state.id}"}
    body = {**found.told, **told, "status": found.status}
    return JSONResponse(body, found.status, found.headers, media_type=_JSON)


def _refusal(error: Exception) -> Refused:
    """What an error is to whoever called; what nobody expected is 500, and tells nothing."""
    match error:
        case Refused():
            return error
        case RequestValidationError():
            wrong = [_wrong(one) for one in error.errors()[:_MOST]]
            return Refused(422, "invalid", "Some fields are wrong or missing.", errors=wrong)
        case HTTPException(status_code=400):
            return Refused(422, "invalid", "The body is not JSON.")
        case HTTPException(status_code=status):
            kind = {404: "not-found", 413: "too-large"}.get(status, "invalid")
            return Refused(status, kind, str(error.detail), headers=error.headers)
        case MedschedError():
            status, kind = next(one[:2] for one in _STATUSES if isinstance(error, one[2]))
            headers = {"Retry-After": "1"} if status == 503 else {}
            said = str(error)
            if isinstance(error, errors.InvalidValue):  # what was sent is not told back
                said = f"{error.field}: {error.why}"
            return Refused(status, kind, said, headers=headers, **_told(error))
        case SQLAlchemyError():
            soon = {"Retry-After": "1"}
            return Refused(503, "unavailable", "The database does not answer now.", headers=soon)
    return Refused(500, "internal", "It was noted under this instance.")


def _wrong(one: Mapping[str, Any]) -> dict[str, str]:
    """Which field is wrong and why, never what was sent in it."""
    return {"field": ".".join(map(str, one["loc"]))[:200], "message": str(one["msg"])}


def _told(error: MedschedError) -> dict[str, Any]:
    """What a client can act on: all reasons, and what is free instead."""
    found = {"violations": [_reason(one) for one in getattr(error, "violations", ())]}
    found["alternatives"] = [_free(slot) for slot in getattr(error, "alternatives", ())]
    return {name: value for name, value in found.items() if value}


def _reason(one: Violation) -> dict[str, Any]:
    told = {"reason": one.reason.value, "message": one.message}
    whose = one.resource and {"kind": one.resource.kind.value, "id": one.resource.id}
    return {**told, "resource": whose} if whose else told


def _free(slot: Slot) -> dict[str, Any]:
    told = {"slot_id": slot.id, "provider": slot.provider, "appointment_type": slot.type}
    return {**told, "start_time": slot.start.isoformat(), "end_time": slot.end.isoformat()}


def _plain(found: Refused, error: Exception) -> None:
    """Tell the messages of each field as members, and 400 for a request that is wrong."""
    fields: dict[str, list[str]] = defaultdict(list)
    for one in error.violations if isinstance(error, BookingRefused) else ():
        kind = FIELDS.get(one.resource.kind.value, "") if one.resource else ""
        taken = f"{kind.title()} already has an appointment in this window."
        said = taken if kind and one.reason == "taken" else one.message
        fields[kind or "start_time"].append(said)
    for wrong in found.told.get("errors", ()):
        fields[wrong["field"].rpartition(".")[2]].append(wrong["message"])
    found.told = {**fields, **found.told}
    if found.status == 422 or isinstance(error, BookingRefused):
        found.status = 400
