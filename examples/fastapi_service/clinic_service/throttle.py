"""How often somebody may try: by account and by address, counted before anything is looked at."""

import time
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Engine

from clinic_service.problems import Refused
from clinic_service.settings import Settings
from clinic_service.tables import ATTEMPT

_COUNT: Final = sa.text(
    "INSERT INTO service_attempt (key, count, until) VALUES (:key, 1, :until)"
    " ON CONFLICT (key) DO UPDATE SET"
    " count = CASE WHEN service_attempt.until <= :now THEN 1 ELSE service_attempt.count + 1 END,"
    " until = CASE WHEN service_attempt.until <= :now THEN :until ELSE service_attempt.until END"
    " RETURNING count, until"
)


class Throttle:
    """Counts attempts in the database, so that all processes of the service count together."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine, self._settings = engine, settings

    def count(self, account: str, address: str) -> None:
        """Count one attempt at an account from an address; 429 where there were too many."""
        self._count(f"address {address}", self._settings.attempts_per_address)
        self._count(f"account {account}", self._settings.attempts_per_account)

    def forget(self, account: str) -> None:
        """Somebody has shown that they are who they say."""
        with self._engine.begin() as connection:
            connection.execute(ATTEMPT.delete().where(ATTEMPT.c.key == f"account {account}"))

    def _count(self, key: str, most: int) -> None:
        now = int(time.time())
        until = now + int(self._settings.attempts_within.total_seconds())
        with self._engine.begin() as connection:
            said = {"key": key, "now": now, "until": until}
            count, until = connection.execute(_COUNT, said).one()
        if count > most:
            wait = str(max(1, until - now))
            raise Refused(429, "too-many-attempts", "Wait, then try again.", Retry_After=wait)
