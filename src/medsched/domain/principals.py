"""Who acts, in which roles, and how they were recognised."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any, Final, Self

import attrs

from medsched.domain.bookings import instant
from medsched.domain.fields import (
    Choice,
    an_id,
    ids,
    maybe_id,
    of_type,
    several,
    text,
    texts,
    words,
)
from medsched.errors import InvalidChoice


class Role(Choice):
    """What somebody is to a practice."""

    PATIENT = "patient"
    """Acts for one patient: ``Principal.patient``."""
    PROVIDER = "provider"
    """Sees patients as one provider: ``Principal.provider``."""
    STAFF = "staff"
    """Works at clinics of the practice: ``Principal.locations``."""
    ADMIN = "admin"
    """Runs the practice."""
    SYSTEM = "system"
    """The host, which has authorised already: see `Principal.trusted`."""


class Purpose(Choice):
    """What for: the purposes of use that HL7 names (value set PurposeOfUse)."""

    TREATMENT = "treatment"
    PAYMENT = "payment"
    OPERATIONS = "operations"
    PATIENT_REQUEST = "patient-request"
    EMERGENCY = "emergency"
    PUBLIC_HEALTH = "public-health"
    RESEARCH = "research"


_SYSTEM: Final = "system"
"""The id of who acts where nobody is named."""


def _moment(value: datetime) -> datetime:
    if not isinstance(value, datetime):
        raise InvalidChoice("instant", type(value).__name__, "an aware datetime is needed")
    return instant(value)


def _methods(value: Iterable[str] | str) -> frozenset[str]:
    return texts(several(value, "methods"))


@attrs.frozen(kw_only=True)
class Authentication:
    """How and when somebody proved who they are.

    ``methods`` are named as in RFC 8176 (``pwd``, ``otp``, ``hwk`` …). ``at`` and ``mfa_at``, the
    last time with more than one factor, are aware instants. `InvalidChoice` for what is none.
    """

    at: datetime = attrs.field(converter=_moment)
    methods: frozenset[str] = attrs.field(factory=frozenset, converter=_methods, validator=words)
    mfa_at: datetime | None = attrs.field(
        default=None, converter=attrs.converters.optional(_moment)
    )

    def mfa_age(self, now: datetime) -> timedelta | None:
        """How long ago more than one factor was shown; None: never."""
        return None if self.mfa_at is None else instant(now) - self.mfa_at


def _roles(value: Iterable[Role | str] | Role | str) -> frozenset[Role]:
    return frozenset(Role(one) for one in several(value, "roles"))


def _an_address(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    try:
        ip_address(value if isinstance(value, str) and value else "::")
        if not isinstance(value, str):
            raise ValueError
    except ValueError:
        size = len(value) if isinstance(value, str) else type(value).__name__
        raise InvalidChoice(attribute.name, size, "an IPv4 or IPv6 address is needed") from None


@attrs.frozen
class Principal:
    """Somebody, or a program, on whose behalf a command runs: an id of the host's.

    Whoever has no role may do nothing. ``practice`` is the one practice that they act in; every
    role but the system's needs it. ``locations`` are the clinics that staff work at, ``patient``
    and ``provider`` whom the roles of those names act as. ``address`` (an IP address) and
    ``session`` are the host's, for the audit alone. Raises `InvalidChoice` for a role that there
    is none of, a role without what it acts as, a role without a practice, and the id ``system``,
    the host's own, for anybody who is not trusted.
    """

    id: str = attrs.field(validator=an_id)
    roles: frozenset[Role] = attrs.field(factory=frozenset, converter=_roles, kw_only=True)
    practice: str | None = attrs.field(default=None, validator=maybe_id, kw_only=True)
    locations: frozenset[str] = attrs.field(
        factory=frozenset, converter=texts, validator=ids, kw_only=True
    )
    patient: str | None = attrs.field(default=None, validator=maybe_id, kw_only=True)
    provider: str | None = attrs.field(default=None, validator=maybe_id, kw_only=True)
    authenticated: Authentication | None = attrs.field(
        default=None,
        validator=attrs.validators.optional(of_type(Authentication)),
        kw_only=True,
    )
    purpose: Purpose | None = attrs.field(
        default=None, converter=attrs.converters.optional(Purpose), kw_only=True
    )
    address: str = attrs.field(default="", validator=_an_address, kw_only=True)
    session: str = attrs.field(default="", validator=text(), kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not self.is_trusted and self.practice is None:
            raise InvalidChoice("practice", None, "a principal acts in one practice")
        if not self.is_trusted and self.id == _SYSTEM:
            raise InvalidChoice("id", self.id, "that is the host itself")
        for role, linked in ((Role.PATIENT, self.patient), (Role.PROVIDER, self.provider)):
            if role in self.roles and linked is None:
                raise InvalidChoice(role.value, None, f"the role {role.value} acts as one")

    @classmethod
    def trusted(cls, id: str, *, address: str = "", session: str = "") -> Self:
        """Somebody whom the host has authorised already: nothing is asked, all is written down."""
        return cls(id, roles=frozenset({Role.SYSTEM}), address=address, session=session)

    @property
    def is_trusted(self) -> bool:
        """Whether the host answers for them."""
        return Role.SYSTEM in self.roles


SYSTEM: Final = Principal.trusted(_SYSTEM)
"""Who acts where nobody is named: the host itself, which is trusted."""
