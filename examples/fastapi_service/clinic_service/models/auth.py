"""Registering and logging in (seed 003)."""

from typing import Annotated, Any

from pydantic import BaseModel, Field, SecretStr
from pydantic import StringConstraints as Text

from clinic_service.models.common import BirthDay, Body, Id, Name, Out, Phone, shape

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


class Tokens(BaseModel):
    """An access token for a few minutes, and a refresh token that is good once."""

    access_token: str
    refresh_token: str
    token_type: str = "bearer"
    expires_in: int


class Me(Out):
    """Who is logged in."""

    id: str
    role: str
    practice: str
    patient_id: Id | None = Field(validation_alias="patient")
    physician_id: Id | None = Field(validation_alias="provider")
    locations: list[str]
    second_factor: bool = Field(validation_alias="totp_on")


SecondFactor: Any = shape("SecondFactor", "secret uri")
RecoveryCodes: Any = shape("RecoveryCodes", "", recovery_codes=list[str])
