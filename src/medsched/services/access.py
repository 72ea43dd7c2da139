"""Who may do what: grants beyond a principal's own reach, and the broken glass."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import attrs

from medsched.domain.access import Decision, Grant
from medsched.domain.bookings import instant
from medsched.domain.changes import Changeset, Guard, RowVersion
from medsched.domain.events import Change, Event
from medsched.domain.fields import check_id
from medsched.domain.stored import Kind, Ref
from medsched.errors import (
    InvalidChoice,
    InvalidDuration,
    InvalidInterval,
    NotFound,
    ReasonRequired,
)
from medsched.services.context import Context

LONGEST_BREACH: Final = timedelta(hours=4)
"""How long the glass stays broken at most."""


class Access:
    """The access to one practice's records.

    What a principal may do follows from their roles: see `RolePolicy`. A grant adds to whose
    records a provider or staff reach, for a while and for a reason; never to what they may do. They
    book under it, but nothing that it opens may be made their own: `NotAllowed`.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    # ---------------------------------------------------------------------- granting

    def grant(
        self,
        principal_id: str,
        *,
        locations: Iterable[str] | str = (),
        patients: Iterable[str] | str = (),
        until: datetime,
        since: datetime | None = None,
        reason: str,
    ) -> Grant:
        """Let somebody reach the records of these locations and patients, in [since, until).

        Both are aware instants; ``since`` is now unless given. `ReasonRequired` for none,
        `InvalidInterval` for an end that is past or not after the start, `InvalidChoice` for
        nothing to reach, `NotFound` for a location or patient that is not there, `NotAllowed` for
        a grant to oneself.
        """
        context, gate = self._context, self._context.admit("access.grant")
        now = context.now()
        _check_reason(reason, gate.operation)
        if check_id(principal_id, "principal_id") == gate.principal.id:
            gate.deny("nobody grants themselves anything")
        starts, ends = now if since is None else instant(since), instant(until)
        if ends <= now:
            raise InvalidInterval("until", (now, ends), "it is past already")
        made = Grant(
            id=context.surroundings.ids.new(Kind.GRANT),
            principal=principal_id,
            locations=locations,
            patients=patients,
            starts=starts,
            ends=ends,
            reason=reason,
            granted_by=gate.principal.id,
            version=1,
            created_at=now,
            updated_at=now,
        )
        if not (made.locations or made.patients):
            raise InvalidChoice("patients", None, "a grant opens a location or a patient at least")

        def decide() -> tuple[Grant, Changeset]:
            return made, self._written(made, Change.GRANTED, self._there(made))

        return context.commit(gate, decide)

    def break_glass(
        self, patient: str, *, reason: str, lasting: timedelta = timedelta(hours=1)
    ) -> Grant:
        """Reach the records of a patient in an emergency, for a while: at most four hours.

        It is open at once to whoever is a provider or staff here. That it was done, why, and
        whatever is seen or done by it, is written down as an emergency. What is there may be
        changed, but nothing is made for the patient: a booking, say, is `NotAllowed`.
        `ReasonRequired` for no reason, `InvalidDuration`, `NotFound` for a patient who is not
        there.
        """
        context, now = self._context, self._context.now()
        gate = context.admit("access.break-glass", Kind.PATIENT, patient)
        _check_reason(reason, gate.operation)
        if not (isinstance(lasting, timedelta) and timedelta(0) < lasting <= LONGEST_BREACH):
            why = f"longer than nothing and at most {LONGEST_BREACH // timedelta(hours=1)} hours"
            raise InvalidDuration("lasting", lasting, why)
        made = Grant(
            id=context.surroundings.ids.new(Kind.GRANT),
            principal=gate.principal.id,
            patients=[check_id(patient, "patient")],
            starts=now,
            ends=now + lasting,
            reason=reason,
            granted_by=gate.principal.id,
            emergency=True,
            version=1,
            created_at=now,
            updated_at=now,
        )

        def decide() -> tuple[Grant, Changeset]:
            ref = Ref(Kind.PATIENT, patient)
            found = context.store.bare(context.practice, [ref]).get(ref)
            if found is None:
                gate.miss(ref)
            stands = RowVersion(Ref.to(found), found.version)
            return made, self._written(made, Change.GLASS_BROKEN, [stands])

        return context.commit(gate, decide)

    def revoke(self, id: str) -> Grant:
        """End a grant now; one that was revoked before stays as it is. `NotFound`."""
        context, gate, now = (
            self._context,
            self._context.admit("access.revoke"),
            self._context.now(),
        )

        def decide() -> tuple[Grant, Changeset | None]:
            old = gate.see(context.store.get(context.practice, Grant, id), Ref(Kind.GRANT, id))
            if not old.active:
                return old, None
            new = attrs.evolve(old, active=False, version=old.version + 1, updated_at=now)
            return new, self._written(new, Change.REVOKED, ())

        return context.commit(gate, decide)

    # ----------------------------------------------------------------------- reading

    def grants(self, *, principal: str | None = None) -> tuple[Grant, ...]:
        """All grants, or those of a principal, revoked and past ones too, in order of id.

        Everybody may read their own.
        """
        own = principal is not None and principal == self._context.principal.id
        gate = self._context.admit("access.own" if own else "access.list")
        where: dict[str, object] = {} if principal is None else {"principal": principal}
        return gate.shown(self._context.records(Grant, active=None, where=where))

    def may(self, operation: str) -> Decision:
        """Whether the principal may run an operation at all, and why: for what a UI shows.

        Whose records it may then be run on is not said by that. Nothing is written down.
        """
        context = self._context
        if context.principal.is_trusted:
            return Decision(True, "the host has authorised it")
        return context.policy.permits(context.principal, operation, context.practice, context.now())

    # --------------------------------------------------------------------- in common

    def _there(self, grant: Grant) -> list[Guard]:
        """The guards that all that a grant opens is there; `NotFound`."""
        context = self._context
        refs = [Ref(Kind.LOCATION, one) for one in sorted(grant.locations)]
        refs += [Ref(Kind.PATIENT, one) for one in sorted(grant.patients)]
        found = context.store.get_many(context.practice, refs)
        for ref in refs:
            if ref not in found:
                raise NotFound(ref.kind.value, ref.id)
        return [RowVersion(ref, found[ref].version) for ref in refs]

    def _written(self, grant: Grant, change: Change, guards: Iterable[Guard]) -> Changeset:
        return Changeset(
            practice=self._context.practice,
            writes=(grant,),
            guards=frozenset(guards),
            events=(Event.of(change, grant),),
        )


def _check_reason(reason: object, operation: str) -> None:
    if not isinstance(reason, str) or not reason.strip():
        raise ReasonRequired(operation)
