"""Every error as RFC 9457 problem details, made in one place; nothing of a patient's is in them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from medsched import BookingRefused, MedschedError, Reason, Slot, Violation, errors

PROBLEM_JSON: Final = "application/problem+json"
PLAIN_STYLE: Final = "/api/v1/appointments/"
"""Below this path what is wrong with a request is 400 and listed by its field, as documented."""
_MOST: Final = 50
"""So many mistakes are told at once."""
FIELDS: Final = {"provider": "provider", "patient": "patient", "location": "facility"}

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


class Problem(BaseModel):
    """RFC 9457, with what a client can act on."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[dict[str, str]] = []
    violations: list[dict[str, Any]] = []
    alternatives: list[dict[str, Any]] = []


class Refused(Exception):
    """What the service itself refuses, with the kind of problem that it is."""

    def __init__(self, status: int, kind: str, detail: str, *, field: str = "", **headers: str):
        super().__init__(kind)
        self.status, self.kind, self.detail = status, kind, detail
        self.extra = {"errors": [{"field": field, "message": detail}]} if field else {}
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def invalid(field: str, why: str) -> Refused:
    """A field that this service cannot take, beyond what its model says."""
    return Refused(422, "invalid", why, field=field)


_SAID: Final = {
    400: "wrong, or in conflict with what is booked",
    401: "who calls is not known",
    403: "the caller may not do this",
    404: "not there, or not the caller's to see",
    405: "no such method here",
    409: "impossible as things are",
    412: "changed meanwhile",
    413: "too large",
    422: "the request is not valid",
    429: "too many attempts",
    503: "not now; nothing was written",
}
_CONTENT: Final = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
DOCUMENTED: Final[dict[int | str, dict[str, Any]]] = {
    status: {"description": said, "content": _CONTENT} for status, said in _SAID.items()
}
"""What each endpoint may answer besides, as OpenAPI tells it."""


def problem(
    request_id: str, status: int, kind: str, detail: str, extra: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The members of a problem."""
    told = {"type": f"urn:clinic-service:{kind}", "title": HTTPStatus(status).phrase}
    told |= {"detail": detail, "instance": f"urn:uuid:{request_id}"}
    return {**(extra or {}), **told, "status": status}


def install(app: FastAPI) -> None:
    """Let one handler answer for all errors."""
    for kind in (MedschedError, RequestValidationError, HTTPException, Refused, SQLAlchemyError):
        app.add_exception_handler(kind, answer)


def answer(request: Request, error: Exception) -> JSONResponse:
    """What is told of an error."""
    headers: Mapping[str, str] = {}
    extra: dict[str, Any] = {}
    if isinstance(error, Refused):
        status, kind, detail = error.status, error.kind, error.detail
        extra, headers = dict(error.extra), error.headers
    elif isinstance(error, RequestValidationError):
        status, kind, detail = 422, "invalid", "Some fields are wrong or missing."
        extra = {"errors": list(_wrong(error.errors()))}
    elif isinstance(error, HTTPException):
        status, headers = error.status_code, error.headers or {}
        kind = "not-found" if status == 404 else "invalid"
        detail = "The body is not JSON." if status == 400 else str(error.detail)
        status = 422 if status == 400 else status
    elif isinstance(error, MedschedError):
        status, kind = next(one[:2] for one in _STATUSES if isinstance(error, one[2]))
        detail, extra = _said(error), _told(error)
        headers = {"Retry-After": "1"} if status == 503 else {}
    else:
        status, kind, detail = 503, "unavailable", "The database does not answer now."
    if request.url.path.startswith(PLAIN_STYLE):
        status, extra = _plainly(status, error, extra)
    request.state.problem = kind
    body = problem(request.state.id, status, kind, detail, extra)
    return JSONResponse(body, status, dict(headers), media_type=PROBLEM_JSON)


def _wrong(errors: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, str]]:
    """Which fields are wrong and why, never what was sent in them."""
    for one in list(errors)[:_MOST]:
        place = ".".join(str(part) for part in one["loc"])
        yield {"field": place[:200], "message": str(one["msg"])}


def _said(error: MedschedError) -> str:
    """An error in words, the value that was refused left out."""
    return f"{error.field}: {error.why}" if isinstance(error, errors.InvalidValue) else str(error)


def _told(error: MedschedError) -> dict[str, Any]:
    """What a client can act on: all reasons, and what is free instead."""
    violations: Iterable[Violation] = getattr(error, "violations", ())
    alternatives: Iterable[Slot] = getattr(error, "alternatives", ())
    found = {"violations": [_reason(one) for one in violations]}
    found["alternatives"] = [_free(slot) for slot in alternatives]
    return {name: value for name, value in found.items() if value}


def _reason(one: Violation) -> dict[str, Any]:
    told: dict[str, Any] = {"reason": one.reason.value, "message": one.message}
    if one.resource is not None:
        told["resource"] = {"kind": one.resource.kind.value, "id": one.resource.id}
    return told


def _free(slot: Slot) -> dict[str, Any]:
    told = {"slot_id": slot.id, "provider": slot.provider, "appointment_type": slot.type}
    return {**told, "start_time": slot.start.isoformat(), "end_time": slot.end.isoformat()}


def _plainly(status: int, error: Exception, extra: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """The same with the messages of each field as members, and 400 for a request that is wrong."""
    fields: dict[str, list[str]] = defaultdict(list)
    if isinstance(error, BookingRefused):
        for one in error.violations:
            kind = FIELDS.get(one.resource.kind.value) if one.resource else None
            taken = kind and one.reason is Reason.TAKEN
            said = f"{(kind or '').title()} already has an appointment in this window."
            fields[kind or "start_time"].append(said if taken else one.message)
    for one in extra.get("errors", ()):
        fields[one["field"].rpartition(".")[2]].append(one["message"])
    bad = status == 422 or isinstance(error, BookingRefused)
    return (400 if bad else status), {**fields, **extra}
