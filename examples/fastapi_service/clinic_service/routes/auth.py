"""Register, log in, refresh, log out; the second factor (seed 003)."""

from typing import Any

import pyotp
from fastapi import APIRouter, Request, Response

from clinic_service.models import auth as wire
from clinic_service.problems import Refused
from clinic_service.tokens import Pair, unknown
from clinic_service.who import Reading, Served, Service, address_of
from medsched.domain.principals import Principal, Role

router = APIRouter(prefix="/api/auth", tags=["who calls"])


@router.post("/register", status_code=201)
def register(
    asked: wire.Registration, request: Request, response: Response, service: Served
) -> wire.Me:
    """Make an account for a new patient of the clinic."""
    service.throttle.count(service.accounts.login_of(asked.email), address_of(request))
    if service.accounts.is_taken(asked.email):
        raise Refused(409, "conflict", "This address has an account.")
    host = Principal.trusted("registration", address=address_of(request))
    clinic = service.scheduler.practice(service.settings.practice).acting_as(host)
    name = f"{asked.first_name} {asked.last_name}"
    patient = clinic.patients.create(
        name=name, birth_date=asked.date_of_birth, phone=asked.phone, email=asked.email
    )
    password = asked.password.get_secret_value()
    id = service.accounts.add(
        asked.email, password, Role.PATIENT, practice=clinic.id, patient=patient.id
    )
    response.headers["Location"] = "/api/auth/me"
    return _me(service.accounts.get(id))


@router.post("/login")
def login(asked: wire.Login, request: Request, service: Served) -> wire.Tokens:
    """Show who you are. With a second factor the code comes along: 401 says so."""
    key = service.accounts.login_of(asked.email)
    service.throttle.count(key, address_of(request))
    account = service.accounts.checked(asked.email, asked.password.get_secret_value())
    if account is None:
        raise unknown("Address or password is not right.")
    if account.totp_on and asked.code is None:
        raise Refused(401, "second-factor", "Send a code, too.", WWW_Authenticate="Bearer")
    if account.totp_on and not service.accounts.takes(account, asked.code or ""):
        raise unknown("The code is not right, or was used before.")
    service.throttle.forget(key)
    return _tokens(service, service.sessions.begin(account.id, mfa=account.totp_on))


@router.post("/refresh")
def refresh(asked: wire.Refresh, service: Served) -> wire.Tokens:
    """The next pair of tokens. A refresh token that is used twice ends its session."""
    return _tokens(service, service.sessions.refresh(asked.refresh_token.get_secret_value()))


@router.post("/logout", status_code=204)
def logout(service: Served, call: Reading) -> None:
    """End this session: none of its tokens is good any more."""
    service.sessions.end(call.session.id)


@router.get("/me")
def me(call: Reading) -> wire.Me:
    """Who is logged in."""
    return _me(call.account)


@router.post("/totp", status_code=201)
def begin_totp(response: Response, service: Served, call: Reading) -> wire.SecondFactor:
    """A secret for an authenticator app; it is asked for once a code of it was confirmed."""
    secret = service.accounts.begin_totp(call.account.id)
    response.headers["Location"] = "/api/auth/totp/confirm"
    issuer = service.settings.issuer
    uri = pyotp.TOTP(secret).provisioning_uri(name=call.account.id, issuer_name=issuer)
    return wire.SecondFactor(secret=secret, uri=uri)


@router.post("/totp/confirm")
def confirm_totp(asked: wire.Code, request: Request, call: Reading) -> wire.RecoveryCodes:
    """Ask for the second factor from now on. Sessions without it are over, this one too."""
    call.service.throttle.count(f"totp {call.account.id}", address_of(request))
    codes = call.service.accounts.confirm_totp(call.account.id, asked.code)
    return wire.RecoveryCodes(recovery_codes=codes)


def _me(account: Any) -> wire.Me:
    told = {name: getattr(account, name) for name in ("id", "role", "practice", "locations")}
    told |= {"patient_id": account.patient, "physician_id": account.provider}
    return wire.Me(**told, second_factor=account.totp_on)


def _tokens(service: Service, pair: Pair) -> wire.Tokens:
    lasting = int(service.settings.access_lifetime.total_seconds())
    return wire.Tokens(**pair._asdict(), expires_in=lasting)
