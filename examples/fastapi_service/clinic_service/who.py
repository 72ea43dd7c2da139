"""Who calls: from a bearer token to the clinic as this principal sees it."""

from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import attrs
from fastapi import Depends, Header, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from clinic_service.accounts import Accounts
from clinic_service.problems import Refused, invalid
from clinic_service.settings import Settings
from clinic_service.throttle import Throttle
from clinic_service.tokens import Sessions, unknown
from medsched import Practice, Principal, Scheduler
from medsched.adapters.sqlalchemy import SqlAlchemyStore
from medsched.domain.principals import Authentication
from medsched.domain.records import Record
from medsched.ports.clock import Clock

R = TypeVar("R", bound=Record)
_bearer = HTTPBearer(auto_error=False, description="An access token of /api/auth/login")


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


def served(request: Request) -> Service:
    """The service that answers."""
    found: Service = request.app.state.service
    return found


Served = Annotated[Service, Depends(served)]


def address_of(request: Request) -> str:
    """The address that a request comes from; none where it has none."""
    try:
        return str(ip_address(request.client.host if request.client else ""))
    except ValueError:
        return ""


@attrs.frozen
class Call:
    """A request of somebody who is known: the clinic acts as them, and the library decides."""

    service: Service
    response: Response
    account: Any
    session: Any
    clinic: Practice
    if_match: str | None = None
    key: str | None = None

    def own(self, kind: str, stated: str | None, field: str) -> str:
        """Whom it is about: who is stated, else the patient or provider that the caller is."""
        found: str | None = stated or getattr(self.account, kind)
        if found is None:
            raise invalid(field, "say whose it is")
        return found

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
            raise Refused(412, "changed-meanwhile", "It was changed meanwhile; read it again.")
        return record

    def given(self, read: Callable[[str], R], id: str) -> R | str:
        """The record as it was read, so that nobody comes in between; its id where that is all."""
        return id if self.if_match is None else self.matching(read(id))


def acting(
    request: Request,
    response: Response,
    service: Served,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Call:
    """Whoever the token is of, as the library's principal; 401 for nobody."""
    if bearer is None:
        raise unknown("Send an access token.")
    session = service.sessions.read(bearer.credentials)
    account = service.accounts.get(session.account)
    request.state.account = account.id
    began = datetime.fromtimestamp(session.began, UTC)
    methods = {"pwd", "otp"} if session.mfa else {"pwd"}
    shown = Authentication(at=began, methods=methods, mfa_at=began if session.mfa else None)
    principal = Principal(
        account.id,
        roles=[account.role],
        practice=account.practice,
        locations=account.locations,
        patient=account.patient,
        provider=account.provider,
        authenticated=shown,
        address=address_of(request),
        session=session.id,
    )
    clinic = service.scheduler.practice(account.practice).acting_as(principal)
    return Call(service, response, account, session, clinic)


Reading = Annotated[Call, Depends(acting)]


def changing(
    call: Reading,
    if_match: Annotated[str | None, Header(max_length=255, pattern=r"^[!-~ ]+$")] = None,
    idempotency_key: Annotated[str | None, Header(max_length=255, pattern=r"^[!-~]+$")] = None,
) -> Call:
    """The same for a command: on the version that was read; once under its key, for seven days."""
    return attrs.evolve(call, if_match=if_match, key=idempotency_key)


Changing = Annotated[Call, Depends(changing)]
