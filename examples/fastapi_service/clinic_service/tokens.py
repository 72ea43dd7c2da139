"""Sessions and their tokens: short access tokens, refresh tokens that are good once."""

import time
from typing import Any, Final, NamedTuple
from uuid import uuid4

import jwt
import sqlalchemy as sa
from sqlalchemy import Engine

from clinic_service.problems import Refused
from clinic_service.settings import Settings
from clinic_service.tables import SESSION

_ALGORITHM: Final = "HS256"
_NOTED_EVERY: Final = 10
"""Seconds between two notes that a session is used."""
_CLAIMS: Final = ["iss", "aud", "exp", "iat", "sub", "sid", "use"]


class Pair(NamedTuple):
    """What whoever logs in gets."""

    access_token: str
    refresh_token: str


def unknown(detail: str) -> Refused:
    """Who calls is not known, or not any more."""
    return Refused(401, "unauthenticated", detail, WWW_Authenticate="Bearer")


class Sessions:
    """The sessions in one database, and the tokens that speak for them."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine, self._settings = engine, settings

    def begin(self, account: str, *, mfa: bool) -> Pair:
        """A new session of somebody who has just shown who they are."""
        id, now = str(uuid4()), int(time.time())
        row = {"id": id, "account": account, "began": now, "mfa": mfa, "used": now, "turn": 0}
        with self._engine.begin() as connection:
            connection.execute(SESSION.insert(), row)
        return self._pair(account, id, 0)

    def refresh(self, token: str) -> Pair:
        """The next pair. A refresh token that comes again was stolen once: its session is over."""
        claims = self._read(token, "refresh")
        self.of(claims)
        mine = SESSION.c.id == claims["sid"]
        good = mine, SESSION.c.turn == claims.get("turn"), sa.not_(SESSION.c.revoked)
        now = int(time.time())
        with self._engine.begin() as connection:
            change = SESSION.update().where(*good).values(turn=SESSION.c.turn + 1, used=now)
            taken = connection.execute(change).rowcount == 1
        if not taken:
            self.end(claims["sid"])
            raise unknown("This token was used before; log in again.")
        return self._pair(claims["sub"], claims["sid"], claims["turn"] + 1)

    def end(self, id: str) -> None:
        """Let none of a session's tokens be good any more."""
        with self._engine.begin() as connection:
            connection.execute(SESSION.update().where(SESSION.c.id == id).values(revoked=True))

    def read(self, token: str) -> Any:
        """The session that an access token speaks for, noted as used; else 401."""
        found = self.of(self._read(token, "access"))
        now = int(time.time())
        if now - found.used >= _NOTED_EVERY:
            with self._engine.begin() as connection:
                mine = SESSION.update().where(SESSION.c.id == found.id, SESSION.c.used < now)
                connection.execute(mine.values(used=now))
        return found

    def of(self, claims: dict[str, Any]) -> Any:
        """The live session that claims name; else 401."""
        mine = SESSION.c.id == claims["sid"], SESSION.c.account == claims["sub"]
        with self._engine.connect() as connection:
            found = connection.execute(SESSION.select().where(*mine)).one_or_none()
        now, settings = time.time(), self._settings
        if found is None or found.revoked:
            raise unknown("This session is over; log in again.")
        if now - found.used > settings.idle_timeout.total_seconds():
            raise unknown("This session was idle for too long; log in again.")
        if now - found.began > settings.session_lifetime.total_seconds():
            raise unknown("This session has lasted long enough; log in again.")
        return found

    def _pair(self, account: str, session: str, turn: int) -> Pair:
        access = self._settings.access_lifetime.total_seconds()
        refresh = self._settings.session_lifetime.total_seconds()
        return Pair(
            self._token(account, session, "access", access),
            self._token(account, session, "refresh", refresh, turn=turn),
        )

    def _token(self, account: str, session: str, use: str, lasting: float, **own: int) -> str:
        now = int(time.time())
        said = {"iss": self._settings.issuer, "aud": self._settings.audience, "iat": now, **own}
        said |= {"exp": now + int(lasting), "sub": account, "sid": session, "use": use}
        key = self._settings.secret.get_secret_value()
        return jwt.encode({**said, "jti": str(uuid4())}, key, _ALGORITHM)

    def _read(self, token: str, use: str) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._settings.secret.get_secret_value(),
                algorithms=[_ALGORITHM],
                audience=self._settings.audience,
                issuer=self._settings.issuer,
                options={"require": _CLAIMS},
            )
        except jwt.PyJWTError:
            raise unknown("The token is not good, or not any more.") from None
        if claims["use"] != use or not isinstance(claims["sid"], str):
            raise unknown(f"This is not the {use} token.")
        return claims
