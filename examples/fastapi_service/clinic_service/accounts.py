"""Who can log in: accounts, their passwords and their second factors."""

import hmac
import secrets
import time
from collections.abc import Iterable
from hashlib import sha256
from threading import BoundedSemaphore
from typing import Any, Final
from uuid import uuid4

import bcrypt
import pyotp
import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Engine

from clinic_service.problems import Refused
from clinic_service.tables import ACCOUNT, RECOVERY, SESSION
from medsched.domain.principals import Role

_ARGON2: Final = PasswordHasher()
_AT_ONCE: Final = BoundedSemaphore(4)
"""Each look at a password takes 64 MiB: so many at once, whoever asks."""
_NOBODYS: Final = _ARGON2.hash(secrets.token_hex())
_RECOVERY_CODES: Final = 10


class Accounts:
    """The accounts in one database. An account says who one is; what one may, the library says."""

    def __init__(self, engine: Engine, secret: str) -> None:
        self._engine, self._secret = engine, secret.encode()

    def login_of(self, email: str) -> str:
        """What an address is kept as: a keyed digest, so that the table names nobody."""
        return hmac.new(self._secret, email.strip().casefold().encode(), sha256).hexdigest()

    def add(
        self,
        email: str,
        password: str,
        role: Role | str,
        *,
        practice: str,
        patient: str | None = None,
        provider: str | None = None,
        locations: Iterable[str] = (),
    ) -> str:
        """Store an account and return its id; `Refused` for an address that has one."""
        id = str(uuid4())
        row: dict[str, Any] = {"id": id, "login": self.login_of(email)}
        row |= {"password": _hashed(password), "role": Role(role).value, "practice": practice}
        row |= {"patient": patient, "provider": provider, "locations": list(locations)}
        try:
            with self._engine.begin() as connection:
                connection.execute(ACCOUNT.insert(), row)
        except sa.exc.IntegrityError:
            raise Refused(409, "conflict", "This address has an account.") from None
        return id

    def get(self, id: str) -> Any:
        """The row of an account, None if there is none."""
        with self._engine.connect() as connection:
            return connection.execute(ACCOUNT.select().where(ACCOUNT.c.id == id)).one_or_none()

    def is_taken(self, email: str) -> bool:
        """Whether an address has an account."""
        return self._by_login(email) is not None

    def checked(self, email: str, password: str) -> Any:
        """The row of whom address and password are right for; None else, after as long a look."""
        found = self._by_login(email)
        kept = _NOBODYS if found is None else found.password
        if not _is_right(kept, password) or found is None:
            return None
        if kept.startswith("$2") or _ARGON2.check_needs_rehash(kept):
            self._set(found.id, password=_hashed(password))
        return found

    def begin_totp(self, id: str) -> str:
        """A new secret, not asked for before a code of it was shown; `Refused` where one is."""
        secret = pyotp.random_base32()
        if not self._set(id, sa.not_(ACCOUNT.c.totp_on), totp=secret):
            raise Refused(409, "conflict", "There is a second factor already.")
        return secret

    def confirm_totp(self, id: str, code: str) -> list[str]:
        """Ask for the second factor from now on; the recovery codes, which are told only now."""
        found = self.get(id)
        if found.totp is None or found.totp_on or not self._takes_totp(found, code):
            raise Refused(422, "invalid", "code: it is not right")
        codes = [secrets.token_hex(8) for _ in range(_RECOVERY_CODES)]
        self._set(id, totp_on=True)
        with self._engine.begin() as connection:
            connection.execute(RECOVERY.delete().where(RECOVERY.c.account == id))
            rows = [{"account": id, "digest": _digest(one)} for one in codes]
            connection.execute(RECOVERY.insert(), rows)
            others = SESSION.c.account == id, sa.not_(SESSION.c.mfa)
            connection.execute(SESSION.update().where(*others).values(revoked=True))
        return codes

    def takes(self, account: Any, code: str) -> bool:
        """Whether a code is right: one of these minutes, or a recovery code. Each is taken once."""
        if self._takes_totp(account, code):
            return True
        spent = RECOVERY.c.account == account.id, RECOVERY.c.digest == _digest(code)
        with self._engine.begin() as connection:
            return connection.execute(RECOVERY.delete().where(*spent)).rowcount == 1

    def _takes_totp(self, account: Any, code: str) -> bool:
        totp, step = pyotp.TOTP(account.totp), int(time.time()) // 30
        for at in (step - 1, step, step + 1):
            if hmac.compare_digest(totp.generate_otp(at), code):
                return self._set(account.id, ACCOUNT.c.totp_step < at, totp_step=at)
        return False

    def _by_login(self, email: str) -> Any:
        query = ACCOUNT.select().where(ACCOUNT.c.login == self.login_of(email))
        with self._engine.connect() as connection:
            return connection.execute(query).one_or_none()

    def _set(self, id: str, *where: Any, **values: object) -> bool:
        change = ACCOUNT.update().where(ACCOUNT.c.id == id, *where).values(**values)
        with self._engine.begin() as connection:
            return connection.execute(change).rowcount == 1


def _hashed(password: str) -> str:
    with _AT_ONCE:
        return _ARGON2.hash(password)


def _is_right(kept: str, password: str) -> bool:
    """Whether a password is that of a hash: Argon2, or the bcrypt that a system before it made."""
    with _AT_ONCE:
        if kept.startswith("$2"):
            return bcrypt.checkpw(password.encode()[:72], kept.encode())
        try:
            return _ARGON2.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False


def _digest(code: str) -> str:
    return sha256(code.strip().casefold().encode()).hexdigest()
