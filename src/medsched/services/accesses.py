"""Accesses as the audit keeps them: which record of which patient, and the names of its fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import attrs

from medsched.domain.access import Grant
from medsched.domain.audit import AuditAction, AuditEntry, AuditOutcome
from medsched.domain.changes import Changeset
from medsched.domain.claims import ClaimKind
from medsched.domain.fields import phi_fields
from medsched.domain.principals import Principal
from medsched.domain.records import ResourceKind
from medsched.domain.stored import CLASSES, Kind, Ref, Stored, patient_of
from medsched.ports.surroundings import Surroundings

Urgent = Callable[[Stored], bool]
"""Whether only a broken glass opens a record."""


class Accesses:
    """Makes the audit entries of one command."""

    def __init__(
        self,
        practice: str,
        surroundings: Surroundings,
        principal: Principal,
        operation: str,
        reason: str,
    ) -> None:
        self._practice, self._surroundings = practice, surroundings
        self._principal = principal
        self._operation, self._reason = operation, reason

    def read(self, records: Iterable[Stored], urgent: Urgent) -> list[AuditEntry]:
        """What is written down of records that are shown; nothing of what is no patient's."""
        return [
            self._of(AuditAction.READ, one, patient, urgent(one))
            for one in records
            for patient in _patients(one)
        ]

    def changed(
        self, changeset: Changeset, urgent: Urgent, known: Mapping[Ref, str]
    ) -> list[AuditEntry]:
        """What is written down of a changeset; ``known``: whose blockings it may remove."""
        found = [
            self._of(
                AuditAction.CREATE if one.version == 1 else AuditAction.UPDATE,
                one,
                patient,
                urgent(one),
            )
            for one in changeset.writes
            for patient in _patients(one)
        ]
        return found + [
            self._entry(AuditAction.DELETE, AuditOutcome.DONE, self._reason, ref, patient)
            for ref, patient in _removed(changeset, known)
        ]

    def denied(
        self,
        action: AuditAction,
        why: str,
        ref: Ref | None = None,
        patient: str | None = None,
        *,
        operation: str | None = None,
    ) -> AuditEntry:
        """What is written down of a denial, and whose record it was about if that is known."""
        return self._entry(action, AuditOutcome.DENIED, why, ref, patient, operation=operation)

    def about(
        self, kind: str, action: AuditAction, patient: str | None, *, emergency: bool = False
    ) -> AuditEntry:
        """What is written down of what is no record: an audit that is asked or tended, say."""
        done = AuditOutcome.DONE
        made = self._entry(action, done, self._reason, None, patient, emergency=emergency)
        return attrs.evolve(made, kind=kind)

    def _of(
        self, action: AuditAction, record: Stored, patient: str | None, emergency: bool
    ) -> AuditEntry:
        return self._entry(
            action,
            AuditOutcome.DONE,
            self._reason,
            Ref.to(record),
            patient,
            fields=_filled(record),
            emergency=emergency or (isinstance(record, Grant) and record.emergency),
        )

    def _entry(
        self,
        action: AuditAction,
        outcome: AuditOutcome,
        why: str,
        ref: Ref | None,
        patient: str | None,
        *,
        operation: str | None = None,
        fields: frozenset[str] = frozenset(),
        emergency: bool = False,
    ) -> AuditEntry:
        by = self._principal
        return AuditEntry(
            id=self._surroundings.ids.audit(),
            at=self._surroundings.clock.now(),
            practice=self._practice,
            principal=by.id,
            roles=frozenset(role.value for role in by.roles),
            operation=self._operation if operation is None else operation,
            action=action,
            outcome=outcome,
            reason=why,
            kind="" if ref is None else ref.kind.value,
            record="" if ref is None else ref.id,
            patient=patient,
            fields=fields,
            purpose="" if by.purpose is None else by.purpose.value,
            emergency=emergency,
            address=by.address,
            session=by.session,
        )


def _patients(record: Stored) -> tuple[str | None, ...]:
    """Whose record it is; a grant is of all whom it opens, and written down if it names none."""
    if isinstance(record, Grant):
        return tuple(sorted(record.patients)) or (None,)
    patient = patient_of(record)
    return () if patient is None else (patient,)


def _removed(changeset: Changeset, known: Mapping[Ref, str]) -> Iterator[tuple[Ref, str]]:
    """The patients' records that are removed: whose a hold was, its claims tell."""
    held = {
        claim.id: claim.resource.id
        for claim in changeset.releases
        if claim.kind is ClaimKind.HOLD and claim.resource.kind is ResourceKind.PATIENT
    }
    for ref, _ in changeset.removals:
        if ref.kind is Kind.PATIENT:
            yield ref, ref.id
        elif ref.kind is Kind.HOLD and ref.id in held:
            yield ref, held[ref.id]
        elif ref in known:
            yield ref, known[ref]


_NAMED: Final = {cls: phi_fields(cls) for cls in CLASSES.values()}
"""The names of the fields of each class that hold a patient's data."""


def _filled(record: Stored) -> frozenset[str]:
    """The names of the fields that hold a patient's data and were filled in."""
    given = ((name, getattr(record, name)) for name in _NAMED[type(record)])
    return frozenset(name for name, value in given if value not in (None, "", False))
