"""Who can log in: accounts, second factors, sessions and their tokens; and who tries too often.

All of this is the example's own: a host has its accounts already. An account says who one is; what
one may, the library says.
"""

import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from contextlib import nullcontext
from hashlib import sha256
from threading import BoundedSemaphore
from typing import Any, Final
from uuid import uuid4

import bcrypt
import jwt
import pyotp
import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.fernet import Fernet
from sqlalchemy import Column

from clinic_service.problems import Refused, invalid, unknown
from clinic_service.settings import Settings
from medsched import Role

_ARGON2: Final = PasswordHasher()
_AT_ONCE: Final = BoundedSemaphore(4)
"""Each look at a password takes 64 MiB: so many at once, whoever asks."""
_NOBODYS: Final = _ARGON2.hash(secrets.token_hex())
_CLAIMS: Final = ["iss", "aud", "exp", "iat", "sub", "sid", "use"]
_NOTED_EVERY: Final = 10
"""Seconds between two notes that a session is used."""
METADATA: Final = sa.MetaData()
ACCOUNT: Final = sa.Table(
    "service_account",
    METADATA,
    Column("id", sa.String(36), primary_key=True),
    Column("login", sa.String(64), nullable=False, unique=True),  # keyed: no address is kept
    Column("password", sa.String(255), nullable=False),
    Column("role", sa.String(20), nullable=False),
    Column("practice", sa.String(255), nullable=False),
    Column("locations", sa.JSON, nullable=False),
    Column("patient", sa.String(255)),
    Column("provider", sa.String(255)),
    Column("totp", sa.String(255)),  # the secret, sealed
    Column("totp_on", sa.Boolean, nullable=False, default=False),
    Column("totp_step", sa.BigInteger, nullable=False, default=0),  # of the last code taken
    Column("recovery", sa.Text, nullable=False, default=""),  # digests of the codes that are left
)
SESSION: Final = sa.Table(
    "service_session",
    METADATA,
    Column("id", sa.String(36), primary_key=True),
    Column("account", sa.ForeignKey(ACCOUNT.c.id), nullable=False),
    Column("mfa", sa.Boolean, nullable=False),
    Column("began", sa.BigInteger, nullable=False),  # all times in seconds of the epoch
    Column("used", sa.BigInteger, nullable=False),
    Column("turn", sa.Integer, nullable=False, default=0),  # whose refresh token is the good one
)
ATTEMPT: Final = sa.Table(
    "service_attempt",
    METADATA,
    Column("key", sa.String(128), primary_key=True),
    Column("count", sa.Integer, nullable=False),
    Column("until", sa.BigInteger, nullable=False),
)
_COUNT: Final = sa.text(
    "INSERT INTO service_attempt (key, count, until) VALUES (:key, 1, :until)"
    " ON CONFLICT (key) DO UPDATE SET count = service_attempt.count + 1 RETURNING count, until"
)


class Rows:
    """What reads and writes these tables: each call is a transaction of its own."""

    def __init__(self, engine: sa.Engine, settings: Settings) -> None:
        self._engine, self._settings = engine, settings

    def _row(self, query: sa.Executable) -> Any:
        """The one row that is asked for or returned, None if there is none."""
        with self._engine.begin() as connection:
            return connection.execute(query).one_or_none()

    def _write(self, change: sa.Executable) -> bool:
        """Whether it took a row."""
        with self._engine.begin() as connection:
            return connection.execute(change).rowcount > 0


class Accounts(Rows):
    """The accounts in one database, their passwords and second factors."""

    def __init__(self, engine: sa.Engine, settings: Settings) -> None:
        super().__init__(engine, settings)
        self._seal = Fernet(urlsafe_b64encode(self._keyed("second factors")))

    def login_of(self, email: str) -> str:
        """What an address is kept as: a keyed digest, so that the table names nobody."""
        return self._keyed(email.strip().casefold()).hex()

    def add(self, email: str, password: str, role: str, *, into: Any = None, **linked: Any) -> str:
        """Store an account and return its id; `Refused` for an address that has one.

        ``linked``: its practice, and the patient, provider or locations that are whose it is.
        ``into``: a connection, to store it in the transaction under way on that.
        """
        id, row = str(uuid4()), {"locations": [], **linked, "password": _hashed(password)}
        row |= {"id": id, "login": self.login_of(email), "role": Role(role).value}
        try:
            with nullcontext(into) if into else self._engine.begin() as connection:
                connection.execute(ACCOUNT.insert().values(**row))
        except sa.exc.IntegrityError:
            raise Refused(409, "conflict", "This address has an account.") from None
        return id

    def get(self, id: str) -> Any:
        """The row of an account, None if there is none."""
        return self._row(ACCOUNT.select().where(ACCOUNT.c.id == id))

    def by_email(self, email: str) -> Any:
        """The row of the account that an address has, None if it has none."""
        return self._row(ACCOUNT.select().where(ACCOUNT.c.login == self.login_of(email)))

    def checked(self, email: str, password: str) -> Any:
        """The row of whom address and password are right for; None else, after as long a look."""
        found = self.by_email(email)
        kept = found.password if found else _NOBODYS
        if not _is_right(kept, password) or not found:
            return None
        if kept.startswith("$2") or _ARGON2.check_needs_rehash(kept):
            self._set(found.id, password=_hashed(password))
        return found

    def knows(self, account: Any, password: str) -> bool:
        """Whether a password is an account's."""
        return _is_right(account.password, password)

    def begin_totp(self, id: str) -> str:
        """A new secret, not asked for before a code of it was shown; `Refused` where one is."""
        secret = pyotp.random_base32()
        if not self._set(id, sa.not_(ACCOUNT.c.totp_on), totp=self.sealed(secret)):
            raise Refused(409, "conflict", "There is a second factor already.")
        return secret

    def confirm_totp(self, id: str, code: str) -> list[str]:
        """Ask for the second factor from now on; the recovery codes, which are told only now."""
        found, codes = self.get(id), [secrets.token_hex(8) for _ in range(10)]
        if found.totp is None or found.totp_on or not self._takes_totp(found, code):
            raise invalid("code", "it is not right")
        self._set(id, totp_on=True, recovery=" ".join(map(_digest, codes)))
        self._write(SESSION.delete().where(SESSION.c.account == id, sa.not_(SESSION.c.mfa)))
        return codes

    def takes(self, account: Any, code: str) -> bool:
        """Whether a code is right: one of these minutes, or a recovery code. Each is taken once."""
        column, digest = ACCOUNT.c.recovery, _digest(code)
        return self._takes_totp(account, code) or self._set(
            account.id, column.contains(digest), recovery=sa.func.replace(column, digest, "")
        )

    def sealed(self, secret: str) -> str:
        """The secret of a second factor as it is kept."""
        return self._seal.encrypt(secret.encode()).decode()

    def _keyed(self, text: str) -> bytes:
        key = self._settings.secret.get_secret_value()
        return hmac.digest(key.encode(), text.encode(), "sha256")

    def _takes_totp(self, account: Any, code: str) -> bool:
        totp, step = pyotp.TOTP(self._seal.decrypt(account.totp).decode()), int(time.time()) // 30
        for at in (step - 1, step, step + 1):
            if hmac.compare_digest(totp.generate_otp(at), code):
                return self._set(account.id, ACCOUNT.c.totp_step < at, totp_step=at)
        return False

    def _set(self, id: str, *where: Any, **values: Any) -> bool:
        return self._write(ACCOUNT.update().where(ACCOUNT.c.id == id, *where).values(**values))


class Sessions(Rows):
    """The sessions in one database, and the tokens that speak for them.

    Access tokens are good for some minutes, refresh tokens once. A session that is over has no row.
    """

    def begin(self, account: str, *, mfa: bool) -> dict[str, Any]:
        """A new session of somebody who has just shown who they are."""
        id, now = str(uuid4()), int(time.time())
        self._write(SESSION.insert().values(id=id, account=account, mfa=mfa, began=now, used=now))
        return self._tokens(account, id, turn=0)

    def refresh(self, token: str) -> dict[str, Any]:
        """The next tokens. One that comes again was stolen once: its session is over."""
        claims = self._read(token, "refresh")
        session, turn = self.of(claims), claims.get("turn")
        good = SESSION.update().where(SESSION.c.id == session.id, SESSION.c.turn == turn)
        if not self._write(good.values(turn=SESSION.c.turn + 1, used=int(time.time()))):
            self.end(session.id)
            raise unknown("This token was used before; log in again.")
        return self._tokens(session.account, session.id, turn=claims["turn"] + 1)

    def end(self, id: str) -> None:
        """Let none of a session's tokens be good any more."""
        self._write(SESSION.delete().where(SESSION.c.id == id))

    def read(self, token: str) -> Any:
        """The session that an access token speaks for, noted as used; else 401."""
        found, now = self.of(self._read(token, "access")), int(time.time())
        if now - found.used >= _NOTED_EVERY:
            self._write(SESSION.update().where(SESSION.c.id == found.id).values(used=now))
        return found

    def of(self, claims: Mapping[str, Any]) -> Any:
        """The live session that claims name; else 401."""
        mine = SESSION.c.id == claims["sid"], SESSION.c.account == claims["sub"]
        now, settings = int(time.time()), self._settings
        awake = SESSION.c.used >= now - settings.idle_timeout
        young = SESSION.c.began >= now - settings.session_lifetime
        found = self._row(SESSION.select().where(*mine, awake, young))
        if found is None:
            raise unknown("This session is over, or was idle for too long; log in again.")
        return found

    def _tokens(self, account: str, session: str, turn: int) -> dict[str, Any]:
        now, settings = int(time.time()), self._settings
        said = {"iss": settings.issuer, "aud": settings.audience, "iat": now}
        said |= {"sub": account, "sid": session, "turn": turn}

        def token(use: str, lasting: int) -> str:
            own = {"use": use, "exp": now + lasting, "jti": str(uuid4())}
            return jwt.encode(said | own, settings.secret.get_secret_value(), "HS256")

        access, refresh = settings.access_lifetime, settings.session_lifetime
        told = {"access_token": token("access", access), "refresh_token": token("refresh", refresh)}
        return {**told, "token_type": "bearer", "expires_in": access}

    def _read(self, token: str, use: str) -> dict[str, Any]:
        settings, key = self._settings, self._settings.secret.get_secret_value()
        ours: dict[str, Any] = {"audience": settings.audience, "issuer": settings.issuer}
        try:
            claims: dict[str, Any] = jwt.decode(token, key, ["HS256"], {"require": _CLAIMS}, **ours)
        except jwt.PyJWTError:
            raise unknown("The token is not good, or not any more.") from None
        if claims["use"] != use or not isinstance(claims["sid"], str):
            raise unknown(f"This is not the {use} token.")
        return claims


class Throttle(Rows):
    """Counts attempts in the database, so that all processes of the service count together."""

    def count(self, account: str, address: str) -> None:
        """Count one attempt at an account from an address; 429 where there were too many."""
        self._count(f"address {address}", self._settings.attempts_per_address)
        self._count(f"account {account}", self._settings.attempts_per_account)

    def forget(self, account: str) -> None:
        """Somebody has shown that they are who they say."""
        self._write(ATTEMPT.delete().where(ATTEMPT.c.key == f"account {account}"))

    def _count(self, key: str, most: int) -> None:
        now, within = int(time.time()), self._settings.attempts_within
        self._write(ATTEMPT.delete().where(ATTEMPT.c.until <= now))
        count, until = self._row(_COUNT.bindparams(key=key, until=now + within))
        if count > most:
            wait = {"Retry-After": str(max(1, until - now))}
            raise Refused(429, "too-many-attempts", "Wait, then try again.", headers=wait)


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
