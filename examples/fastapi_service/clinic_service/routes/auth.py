"""Register, log in, refresh, log out; the second factor (seed 003)."""

from typing import Annotated, Any
from uuid import uuid4

import pyotp
from fastapi import APIRouter, Response
from pydantic import Field, SecretStr
from pydantic import StringConstraints as Text

from clinic_service.models.common import BirthDay, Body, Id, Name, Out, Phone, shape, whole_name
from clinic_service.problems import invalid, unknown
from clinic_service.service import Served
from clinic_service.who import Address, Reading
from medsched import Principal

router = APIRouter(prefix="/api/auth", tags=["who calls"])
_ADDRESS = r"^[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,190}$"
Email = Annotated[str, Text(max_length=255, pattern=_ADDRESS)]
Password = Annotated[SecretStr, Field(min_length=12, max_length=128)]


class Registration(Body):
    """A patient who makes an account. What one may do is never said by whoever asks for it."""

    email: Email = Field(examples=["ada@example.org"])
    password: Password = Field(examples=["a long sentence of mine"])
    first_name: Name = Field(examples=["Ada"])
    last_name: Name = Field(examples=["Byron"])
    birth_date: BirthDay | None = Field(None, alias="date_of_birth")
    phone: Phone = ""


class Login(Body):
    """``code``: of the second factor, or a recovery code, where the account has one."""

    email: Email = Field(examples=["ada@example.org"])
    password: Annotated[SecretStr, Field(min_length=1, max_length=128)]
    code: Annotated[str, Text(pattern=r"^[0-9a-fA-F]{6,16}$")] | None = None


class Again(Body):
    """The password once more: a session that was left open changes nothing of an account."""

    password: Annotated[SecretStr, Field(min_length=1, max_length=128)]


class Refresh(Body):
    """The refresh token that came last."""

    refresh_token: Annotated[SecretStr, Field(min_length=1, max_length=4096)]


class Code(Body):
    """What the second factor shows."""

    code: Annotated[str, Text(pattern=r"^[0-9]{6}$")]


class Me(Out):
    """Who is logged in."""

    id: str
    role: str
    practice: str
    patient_id: Id | None = Field(validation_alias="patient")
    physician_id: Id | None = Field(validation_alias="provider")
    locations: list[str]
    second_factor: bool = Field(validation_alias="totp_on")


Tokens: Any = shape("Tokens", "access_token refresh_token token_type", expires_in=int)
"""An access token for a few minutes, and a refresh token that is good once."""
SecondFactor: Any = shape("SecondFactor", "secret uri")
RecoveryCodes: Any = shape("RecoveryCodes", "", recovery_codes=list[str])


@router.post("/register", status_code=201, response_model=Me)
def register(asked: Registration, address: Address, answer: Response, service: Served) -> Any:
    """Make an account for a new patient of the clinic."""
    service.throttle.count(f"register {service.accounts.login_of(asked.email)}", address)
    practice, patient = service.settings.practice, str(uuid4())
    name, password = whole_name(asked.first_name, asked.last_name), asked.password
    with service.store.engine.begin() as both:
        host = Principal.trusted("registration", address=address)
        clinic = service.joined(both).practice(practice).acting_as(host)
        linked = {"practice": practice, "patient": patient}
        secret = password.get_secret_value()
        id = service.accounts.add(asked.email, secret, "patient", into=both, **linked)
        said = asked.model_dump(include={"birth_date", "phone", "email"})
        clinic.patients.create(id=patient, name=name, **said)
    answer.headers["Location"] = "/api/auth/me"
    return service.accounts.get(id)


@router.post("/login", response_model=Tokens)
def login(asked: Login, address: Address, service: Served) -> Any:
    """Show who you are. With a second factor the code comes along: 401 says so."""
    key = service.accounts.login_of(asked.email)
    service.throttle.count(key, address)
    account = service.accounts.checked(asked.email, asked.password.get_secret_value())
    if account is None:
        raise unknown("Address or password is not right.")
    if account.totp_on and asked.code is None:
        raise unknown("Send a code, too.", "second-factor")
    if account.totp_on and not service.accounts.takes(account, asked.code or ""):
        raise unknown("The code is not right, or was used before.")
    service.throttle.forget(key)
    return service.sessions.begin(account.id, mfa=account.totp_on)


@router.post("/refresh", response_model=Tokens)
def refresh(asked: Refresh, service: Served) -> Any:
    """The next pair of tokens. A refresh token that is used twice ends its session."""
    return service.sessions.refresh(asked.refresh_token.get_secret_value())


@router.post("/logout", status_code=204)
def logout(service: Served, call: Reading) -> None:
    """End this session: none of its tokens is good any more."""
    service.sessions.end(call.session.id)


@router.get("/me", response_model=Me)
def me(call: Reading) -> Any:
    """Who is logged in."""
    return call.account


@router.post("/totp", status_code=201, response_model=SecondFactor)
def begin_totp(
    asked: Again, address: Address, answer: Response, service: Served, call: Reading
) -> Any:
    """A secret for an authenticator app; it is asked for once a code of it was confirmed."""
    service.throttle.count(f"totp {call.account.id}", address)
    if not service.accounts.knows(call.account, asked.password.get_secret_value()):
        raise invalid("password", "it is not right")
    secret, issuer = service.accounts.begin_totp(call.account.id), service.settings.issuer
    answer.headers["Location"] = "/api/auth/totp/confirm"
    uri = pyotp.TOTP(secret).provisioning_uri(name=call.account.id, issuer_name=issuer)
    return {"secret": secret, "uri": uri}


@router.post("/totp/confirm", response_model=RecoveryCodes)
def confirm_totp(asked: Code, address: Address, call: Reading) -> Any:
    """Ask for the second factor from now on. Sessions without it are over, this one too."""
    call.service.throttle.count(f"totp {call.account.id}", address)
    return {"recovery_codes": call.service.accounts.confirm_totp(call.account.id, asked.code)}
