"""Making what is stored of a patient unreadable, for good."""

from __future__ import annotations

from medsched.domain.audit import AuditAction
from medsched.domain.fields import check_id
from medsched.domain.stored import Kind
from medsched.errors import KeysNotKept
from medsched.ports.keys import DataKeys
from medsched.services.context import Context


def shred(context: Context, patient: str) -> bool:
    """Destroy the key that a patient's data is sealed by; whether there was one."""
    gate = context.admit("patient.shred", Kind.PATIENT, patient)
    check_id(patient, "patient")
    store: object = context.store
    if not isinstance(store, DataKeys):
        raise KeysNotKept(type(store).__name__)
    store.check_destroying()  # what is written down as done must not be refused afterwards
    gate.note(Kind.PATIENT.value, AuditAction.DELETE, patient)
    return store.destroy_key(context.practice, patient)
