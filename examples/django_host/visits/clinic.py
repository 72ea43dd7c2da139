"""The clinic, in the transaction that Django has under way."""

from __future__ import annotations

from django.conf import settings
from django.db import connection

from medsched import Practice, Principal, Scheduler
from medsched.adapters.sqlalchemy import SqlAlchemyStore


def clinic(user: str = "host") -> Practice:
    """The clinic, for somebody whom Django has let in: call it inside ``transaction.atomic()``.

    Patients are the host's users, so nothing is kept of them here but their ids.
    """
    store = SqlAlchemyStore.join_dbapi(connection)
    scheduler = Scheduler(store, registers_patients=True)
    return scheduler.practice(settings.PRACTICE, principal=Principal.trusted(user))
