"""Audit entries as FHIR R4 AuditEvent resources: https://hl7.org/fhir/R4/auditevent.html."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from medsched.domain.audit import AuditAction, AuditEntry, AuditOutcome
from medsched.domain.principals import Purpose
from medsched.domain.stored import Kind

_EVENT_TYPE: Final = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_INTERACTION: Final = "http://hl7.org/fhir/restful-interaction"
_REASON: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_ENTITY_TYPE: Final = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLE: Final = "http://terminology.hl7.org/CodeSystem/object-role"
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
"""What FHIR takes for an id; a host's ids may be others."""

_ACTIONS: Final[Mapping[AuditAction, tuple[str, str]]] = {
    AuditAction.CREATE: ("C", "create"),
    AuditAction.READ: ("R", "read"),
    AuditAction.UPDATE: ("U", "update"),
    AuditAction.DELETE: ("D", "delete"),
    AuditAction.EXECUTE: ("E", "operation"),
}
_OUTCOMES: Final[Mapping[AuditOutcome, str]] = {AuditOutcome.DONE: "0", AuditOutcome.DENIED: "4"}
_PURPOSES: Final[Mapping[str, str]] = {
    Purpose.TREATMENT: "TREAT",
    Purpose.PAYMENT: "HPAYMT",
    Purpose.OPERATIONS: "HOPERAT",
    Purpose.PATIENT_REQUEST: "PATRQT",
    Purpose.EMERGENCY: "ETREAT",
    Purpose.PUBLIC_HEALTH: "PUBHLTH",
    Purpose.RESEARCH: "HRESCH",
}
_RESOURCES: Final[Mapping[str, str]] = {
    Kind.PATIENT: "Patient",
    Kind.PROVIDER: "Practitioner",
    Kind.STAFF: "Practitioner",
    Kind.LOCATION: "Location",
    Kind.ROOM: "Location",
    Kind.DEVICE: "Device",
    Kind.APPOINTMENT: "Appointment",
    Kind.APPOINTMENT_TYPE: "HealthcareService",
}


def audit_event(entry: AuditEntry) -> dict[str, Any]:
    """An entry as an AuditEvent, to be written as JSON.

    The patient and the record are entities; the names of the fields, the operation and the host's
    session stand in the details of the record. An id that is none in FHIR becomes an identifier.
    """
    action, interaction = _ACTIONS[entry.action]
    event: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "type": {"system": _EVENT_TYPE, "code": "rest", "display": "RESTful Operation"},
        "subtype": [{"system": _INTERACTION, "code": interaction, "display": interaction}],
        "action": action,
        "recorded": entry.at.isoformat(timespec="microseconds"),
        "outcome": _OUTCOMES[entry.outcome],
        "agent": [_agent(entry)],
        "source": {
            "site": entry.practice,
            "observer": {"identifier": {"value": entry.practice}, "display": "medsched"},
        },
        "entity": _entities(entry),
    }
    if _ID.fullmatch(entry.id):
        event["id"] = entry.id
    if entry.reason:
        event["outcomeDesc"] = entry.reason
    codes = [_PURPOSES[entry.purpose]] if entry.purpose in _PURPOSES else []
    codes += ["BTG"] if entry.emergency else []
    if codes:
        event["purposeOfEvent"] = [{"coding": [{"system": _REASON, "code": it}]} for it in codes]
    return event


def _agent(entry: AuditEntry) -> dict[str, Any]:
    agent: dict[str, Any] = {"who": {"identifier": {"value": entry.principal}}, "requestor": True}
    if entry.roles:
        agent["role"] = [{"text": role} for role in sorted(entry.roles)]
    if entry.address:
        agent["network"] = {"address": entry.address, "type": "2"}  # an IP address
    return agent


def _entities(entry: AuditEntry) -> list[dict[str, Any]]:
    found = list[dict[str, Any]]()
    if entry.patient is not None:
        found.append(
            {
                "what": _reference("Patient", entry.patient),
                "type": {"system": _ENTITY_TYPE, "code": "1", "display": "Person"},
                "role": {"system": _ROLE, "code": "1", "display": "Patient"},
            }
        )
    details = [("operation", entry.operation)]
    details += [("session", entry.session)] if entry.session else []
    details += [("field", name) for name in sorted(entry.fields)]
    record: dict[str, Any] = {
        "type": {"system": _ENTITY_TYPE, "code": "2", "display": "System Object"},
        "role": {"system": _ROLE, "code": "4", "display": "Domain Resource"},
        "detail": [{"type": name, "valueString": value} for name, value in details],
    }
    if entry.record:
        record["what"] = _reference(_RESOURCES.get(entry.kind, ""), entry.record)
    if entry.kind:
        record["description"] = entry.kind
    return [*found, record]


def _reference(resource: str, id: str) -> dict[str, Any]:
    if resource and _ID.fullmatch(id):
        return {"reference": f"{resource}/{id}"}
    found: dict[str, Any] = {"identifier": {"value": id}}
    return {**found, "type": resource} if resource else found
