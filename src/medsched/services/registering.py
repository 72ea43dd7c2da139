"""With whom a patient is registered, and who may say so: whoever registers a patient reaches them.

Those who see everything say what they like. Staff register with their own locations, providers
with themselves; patients say nothing of it.
"""

from __future__ import annotations

from typing import Final

import attrs

from medsched.domain.people import Patient
from medsched.domain.principals import Role
from medsched.services.gates import Gate

_CONTACT: Final = frozenset({"phone", "email", "address", "active"})
_SET_HERE: Final = frozenset({"version", "created_at", "updated_at"})
_NOT_THEIRS: Final = "they may register patients with their own locations and with themselves only"


def registered(gate: Gate, patient: Patient) -> Patient:
    """A new patient as the principal may register them: with their own, unless stated.

    `NotAllowed` for others, and for an id of the principal's own choosing.
    """
    gate.choose(patient.id)
    if gate.sees_all:
        return patient
    locations, providers = _own(gate)
    if not patient.active:
        gate.also("patient.deactivate")
    if patient.established:
        gate.also("patient.register")
    if not (patient.locations <= locations and patient.providers <= providers):
        gate.deny(_NOT_THEIRS)
    if patient.locations or patient.providers:
        return patient
    return attrs.evolve(patient, locations=locations, providers=providers)


def check_change(gate: Gate, before: Patient, after: Patient) -> None:
    """Let the principal change a patient's record so; `NotAllowed`.

    How they are reached patients may say themselves, and nothing else.
    """
    if gate.sees_all:
        return
    names = (field.name for field in attrs.fields(Patient) if field.name not in _SET_HERE)
    changed = {name for name in names if getattr(before, name) != getattr(after, name)}
    if "active" in changed:
        gate.also("patient.activate" if after.active else "patient.deactivate")
    if changed - _CONTACT:
        gate.also("patient.register")
    locations, providers = _own(gate)
    moved = before.locations ^ after.locations, before.providers ^ after.providers
    if not (moved[0] <= locations and moved[1] <= providers):
        gate.deny(_NOT_THEIRS)


def _own(gate: Gate) -> tuple[frozenset[str], frozenset[str]]:
    """The locations that a principal works at, and the provider who they are."""
    who = gate.principal
    staff, provides = Role.STAFF in who.roles, Role.PROVIDER in who.roles
    provider = {who.provider} if provides and who.provider is not None else set[str]()
    return who.locations if staff else frozenset(), frozenset(provider)
