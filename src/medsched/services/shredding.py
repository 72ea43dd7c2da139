"""Making what is stored of a patient unreadable, for good."""

from __future__ import annotations

from medsched.domain.fields import check_id
from medsched.errors import KeysNotKept
from medsched.ports.keys import DataKeys
from medsched.services.context import Context


def shred(context: Context, patient: str) -> bool:
    """Destroy the key that a patient's data is sealed by; whether there was one."""
    context.admit("shred a patient")
    check_id(patient, "patient")
    store: object = context.store
    if not isinstance(store, DataKeys):
        raise KeysNotKept(type(store).__name__)
    return store.destroy_key(context.practice, patient)
