"""Who calls: from a bearer token to the clinic as this principal sees it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import attrs
from fastapi import Depends, Header, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from clinic_service.accounts import Accounts
from clinic_service.problems import Refused
from clinic_service.settings import Settings
from clinic_service.throttle import Throttle
from clinic_service.tokens import Sessions, unknown
from medsched import Practice, Principal, Scheduler
from medsched.adapters.sqlalchemy import SqlAlchemyStore
from medsched.domain.principals import Authentication
from medsched.domain.records import Record
from medsched.ports.clock import Clock

R = TypeVar("R", bound=Record)


@attrs.frozen
class Service:
    """What one running service consists of."""

    settings: Settings
    store: SqlAlchemyStore
    scheduler: Scheduler
    clock: Clock
    accounts: Accounts
    sessions: Sessions
    throttle: Throttle


@attrs.frozen
class Caller:
    """Whoever calls: their account, their session, and the principal that they are."""

    account: Any
    session: Any
    principal: Principal


def served(request: Request) -> Service:
    """The service that answers."""
    found: Service = request.app.state.service
    return found


Served = Annotated[Service, Depends(served)]
_bearer = HTTPBearer(auto_error=False, description="An access token of /api/auth/login")
_Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def address_of(request: Request) -> str:
    """The address that a request comes from; none where it has none."""
    host = request.client.host if request.client else ""
    try:
        return str(ip_address(host))
    except ValueError:
        return ""


def caller(request: Request, service: Served, bearer: _Bearer) -> Caller:
    """Whoever the token is of; 401 for nobody."""
    if bearer is None:
        raise unknown("Send an access token.")
    session = service.sessions.read(bearer.credentials)
    account = service.accounts.get(session.account)
    request.state.account = account.id
    began = datetime.fromtimestamp(session.began, UTC)
    principal = Principal(
        account.id,
        roles=[account.role],
        practice=account.practice,
        locations=account.locations,
        patient=account.patient,
        provider=account.provider,
        authenticated=Authentication(
            at=began,
            methods={"pwd", "otp"} if session.mfa else {"pwd"},
            mfa_at=began if session.mfa else None,
        ),
        address=address_of(request),
        session=session.id,
    )
    return Caller(account, session, principal)


Calling = Annotated[Caller, Depends(caller)]


def clinic(service: Served, who: Calling) -> Practice:
    """The caller's practice, acting as the caller: from here on the library decides."""
    return service.scheduler.practice(who.account.practice).acting_as(who.principal)


Clinic = Annotated[Practice, Depends(clinic)]


@attrs.frozen
class Change:
    """A command that changes something: for whom, on which version, under which key."""

    clinic: Practice
    response: Response
    if_match: str | None
    key: str | None

    def tell(self, record: R, location: str | None = None) -> R:
        """Say in which version a record is told and, of a new one, where it is."""
        self.response.headers["ETag"] = f'"{record.version}"'
        if location is not None:
            self.response.headers["Location"] = quote(location)
        return record

    def matching(self, record: R) -> R:
        """The record, if it is the one that was read; 412 else."""
        tags = {one.strip() for one in (self.if_match or "*").split(",")}
        if not tags & {"*", f'"{record.version}"'}:
            why = "It has another version by now; read it again."
            raise Refused(412, "changed-meanwhile", why)
        return record

    def given(self, read: Callable[[str], R], id: str) -> R | str:
        """The record as it was read, so that nobody comes in between; its id where that is all."""
        return id if self.if_match is None else self.matching(read(id))


def change(
    acting: Clinic,
    response: Response,
    if_match: Annotated[str | None, Header(max_length=255, pattern=r"^[!-~ ]+$")] = None,
    idempotency_key: Annotated[str | None, Header(max_length=255, pattern=r"^[!-~]+$")] = None,
) -> Change:
    """What commands are given. A repeated one under its key changes nothing for seven days."""
    return Change(acting, response, if_match, idempotency_key)


Changing = Annotated[Change, Depends(change)]
