"""Who calls: from a bearer token to the clinic as this principal sees it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import attrs
from fastapi import Depends, Header, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from clinic_service.models.common import Body
from clinic_service.problems import Refused, invalid, unknown
from clinic_service.service import Served, Service
from medsched import Authentication, Practice, Principal, VersionConflict
from medsched.adapters.http import etag, if_match
from medsched.domain.records import Identified

T = TypeVar("T")
R = TypeVar("R", bound=Identified)
_LINKED = ("practice", "locations", "patient", "provider")
Bearer = HTTPBearer(auto_error=False, description="An access token of /api/auth/login")
Match = Header(max_length=255, pattern=r"^[!-~ ]+$")
Key = Header(max_length=255, pattern=r"^[!-~]+$")


def address_of(request: Request) -> str:
    """The address that a request comes from; none where it has none."""
    try:
        return str(ip_address(request.client.host if request.client else ""))
    except ValueError:
        return ""


Address = Annotated[str, Depends(address_of)]


@attrs.frozen
class Call:
    """A request of somebody who is known: the clinic acts as them, and the library decides."""

    service: Service
    response: Response
    account: Any
    session: Any
    clinic: Practice
    principal: Principal
    if_match: str | None = None
    key: str | None = None

    def own(self, kind: str, asked: Body) -> str:
        """Whom it is about: who is stated, else the patient or provider that the caller is."""
        found: str | None = getattr(asked, kind) or getattr(self.account, kind)
        if found is None:
            raise invalid(type(asked).model_fields[kind].alias or kind, "say whose it is")
        return found

    def theirs(self, asked: Body, *but: str) -> dict[str, Any]:
        """What is stated, save some, about the patient who is named, or whom the caller is."""
        return asked.stated(*but) | {"patient": self.own("patient", asked)}

    def tell(self, record: R, at: str | None = None) -> R:
        """Say in which version a record is told and, of a new one, ``at`` which URL it is."""
        self.response.headers["ETag"] = etag(record)
        if at is not None:
            self.response.headers["Location"] = quote(at.replace("{id}", record.id))
        return record

    def do(self, command: Callable[..., R], *args: Any, at: str | None = None, **said: Any) -> R:
        """Give the library a command, once under its key, and tell what it has made or changed."""
        return self.tell(command(*args, **said, idempotency_key=self.key), at)

    def versioned(self, record: R) -> R:
        """The record in the version that the caller states: the library says if it is that still.

        So a request that is repeated under its key is told its first result all the same.
        """
        return if_match(self.if_match, record)

    def matching(self, record: R) -> R | str:
        """The same, so that nobody comes in between; its id where no version is stated."""
        return self.versioned(record) if self.if_match else record.id

    def given(self, read: Callable[[str], R], id: str) -> R | str:
        """The same of what is not read yet, and needs not be but for its version."""
        return self.matching(read(id)) if self.if_match else id

    def unversioned(self) -> None:
        """Take no version of what has none."""
        if self.if_match not in (None, "*"):
            raise Refused(412, "changed-meanwhile", "This has no version: state none.")

    def patiently(self, change: Callable[[], T]) -> T:
        """What reads and then writes: anew if a rival came in between and no version is stated."""
        for _ in range(0 if self.if_match else 4):
            with suppress(VersionConflict):
                return change()
        return change()

    @contextmanager
    def whole(self) -> Iterator[Practice]:
        """The clinic within one transaction: all that is done there stands, or none of it."""
        with self.service.store.engine.begin() as connection:
            joined = self.service.joined(connection).practice(self.clinic.id)
            yield joined.acting_as(self.principal)


def acting(
    request: Request,
    response: Response,
    service: Served,
    address: Address,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(Bearer)],
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
    linked = {name: getattr(account, name) for name in _LINKED}
    own = {"authenticated": shown, "address": address, "session": session.id}
    principal = Principal(account.id, roles=[account.role], **linked, **own)
    clinic = service.scheduler.practice(account.practice).acting_as(principal)
    return Call(service, response, account, session, clinic, principal)


Reading = Annotated[Call, Depends(acting)]


def changing(
    call: Reading,
    if_match: Annotated[str | None, Match] = None,
    idempotency_key: Annotated[str | None, Key] = None,
) -> Call:
    """The same for a command: on the version that was read; once under its key, for seven days."""
    return attrs.evolve(call, if_match=if_match, key=idempotency_key)


Changing = Annotated[Call, Depends(changing)]
