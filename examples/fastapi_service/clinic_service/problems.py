"""Every error as RFC 9457 problem details, made in one place; nothing of a patient's is in them."""

from collections import defaultdict
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import attrs
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from medsched import BookingRefused, MedschedError
from medsched.adapters.http import MEDIA_TYPE, ProblemDetails, problem_of

PLAIN_STYLE: Final = "/api/v1/appointments/"
"""Below this path what is wrong with a request is 400 and listed by its field, as documented."""
FIELDS: Final = {"provider": "provider", "patient": "patient", "location": "facility"}
_MOST: Final = 50
"""So many mistakes are told at once."""
_CONTENT: Final = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
DOCUMENTED: Final[dict[int | str, dict[str, Any]]] = {
    status: {"description": HTTPStatus(status).phrase, "content": _CONTENT}
    for status in (400, 401, 403, 404, 405, 409, 410, 412, 413, 422, 429, 503)
}
"""What each endpoint may answer besides, as OpenAPI tells it."""


class Refused(Exception):
    """Why this service refuses a request by itself: the problem, and what is told with it."""

    def __init__(self, *details: Any, headers: Mapping[str, str] | None = None) -> None:
        self.details, self.headers = ProblemDetails(*details), headers or {}
        super().__init__(self.details.kind)


def invalid(field: str, why: str) -> Refused:
    """A field that this service cannot take, beyond what its model says."""
    return Refused(422, "invalid", why, {"errors": [{"field": field, "message": why}]})


def unknown(detail: str, kind: str = "unauthenticated") -> Refused:
    """Who calls is not known, or not any more."""
    return Refused(401, kind, detail, headers={"WWW-Authenticate": "Bearer"})


def install(app: FastAPI) -> None:
    """Let one handler answer for all errors that are expected."""
    for kind in (MedschedError, RequestValidationError, HTTPException, Refused, SQLAlchemyError):
        app.add_exception_handler(kind, answer)


def answer(request: Request, error: Exception) -> JSONResponse:
    """What is told of an error."""
    found = _details(error)
    if request.url.path.startswith(PLAIN_STYLE):
        found = _plain(found, error)
    request.state.problem = found.kind
    body = found.body("urn:clinic-service:", f"urn:uuid:{request.state.id}")
    headers = {**found.headers, **(getattr(error, "headers", None) or {})}
    return JSONResponse(body, found.status, headers, media_type=MEDIA_TYPE)


def _details(error: Exception) -> ProblemDetails:
    """What an error is to whoever called; what nobody expected is 500, and tells nothing."""
    match error:
        case MedschedError():
            return problem_of(error)
        case Refused():
            return error.details
        case RequestValidationError():
            wrong = {"errors": [_wrong(one) for one in error.errors()[:_MOST]]}
            return ProblemDetails(422, "invalid", "Some fields are wrong or missing.", wrong)
        case HTTPException(status_code=400):
            return ProblemDetails(422, "invalid", "The body is not JSON.")
        case HTTPException(status_code=status):
            kind = {404: "not-found", 413: "too-large"}.get(status, "invalid")
            return ProblemDetails(status, kind, str(error.detail))
        case SQLAlchemyError():
            return ProblemDetails(503, "unavailable", "The database does not answer now.")
    return ProblemDetails(500, "internal", "It was noted under this instance.")


def _wrong(one: Mapping[str, Any]) -> dict[str, str]:
    """Which field is wrong and why, never what was sent in it."""
    return {"field": ".".join(map(str, one["loc"]))[:200], "message": str(one["msg"])}


def _plain(found: ProblemDetails, error: Exception) -> ProblemDetails:
    """The messages of each field told as members, and 400 for a request that is wrong."""
    fields: dict[str, list[str]] = defaultdict(list)
    for one in error.violations if isinstance(error, BookingRefused) else ():
        kind = FIELDS.get(one.resource.kind.value, "") if one.resource else ""
        taken = f"{kind.title()} already has an appointment in this window."
        said = taken if kind and one.reason == "taken" else one.message
        fields[kind or "start_time"].append(said)
    for wrong in found.members.get("errors", ()):
        fields[wrong["field"].rpartition(".")[2]].append(wrong["message"])
    told = {**fields, **found.members}
    wrong = found.status == 422 or isinstance(error, BookingRefused)
    return attrs.evolve(found, status=400 if wrong else found.status, members=told)
