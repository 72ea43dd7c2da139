"""What every service has in hand: one practice, its store, and the outside world."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final, TypeVar, cast

import attrs

from medsched.domain.access import EVERYTHING, Reach
from medsched.domain.agendas import Agenda, Place
from medsched.domain.appointments import Appointment, AppointmentStatus
from medsched.domain.assignments import Assignment, ShortestWait
from medsched.domain.bookings import instant
from medsched.domain.changes import Applied, Changeset, Outcome, Repeated, RowVersion
from medsched.domain.fields import an_id, of_type
from medsched.domain.house_rules import HouseRule
from medsched.domain.idempotency import KeyedRequest, Receipt
from medsched.domain.principals import SYSTEM, Principal
from medsched.domain.series import Series
from medsched.domain.stored import Kind, Ref, Stored, StoredT, kind_of
from medsched.domain.waitlist import WaitlistEntry, WaitlistOffer
from medsched.engine.access import RolePolicy
from medsched.errors import (
    IdempotencyMismatch,
    MedschedError,
    StorageBusy,
    StorageError,
)
from medsched.ports.policy import Policy
from medsched.ports.store import Store
from medsched.ports.surroundings import Surroundings
from medsched.ports.zones import ZoneSource
from medsched.services.gates import Gate
from medsched.services.walking import PAGE, all_records

T = TypeVar("T")
_ALIVE: Final = (Series, WaitlistEntry, WaitlistOffer)
"""What a repeated command reads again, and tells as it is by then: time alone changes it."""
_LONGEST_PAUSE: Final = 8
"""After so many tries, pauses grow no longer."""


@attrs.frozen
class _StandingClock:
    at: datetime

    def now(self) -> datetime:
        return self.at


@attrs.frozen
class Context:
    """One practice in one store, and who acts in it.

    ``registers_patients``: a patient that is not stored yet is stored when first booked.
    ``house_rules`` are the host's own rules of booking, ``assignment`` says who gets a patient
    where no rule is named. ``policy`` says what the ``principal`` may do. ``in_passing``: a command
    looks something up, see `inside`.
    """

    practice: str = attrs.field(validator=an_id)
    store: Store
    surroundings: Surroundings
    principal: Principal = attrs.field(default=SYSTEM, validator=of_type(Principal))
    registers_patients: bool = False
    house_rules: Sequence[HouseRule] = ()
    assignment: Assignment = attrs.field(factory=ShortestWait)
    policy: Policy = attrs.field(factory=RolePolicy)
    in_passing: bool = False

    @property
    def zones(self) -> ZoneSource:
        """Where zones come from."""
        return self.surroundings.zones

    def now(self) -> datetime:
        """The present instant, aware and in UTC."""
        return self.surroundings.clock.now()

    def at(self, now: datetime) -> Context:
        """The same with a clock that stands still; `NaiveDatetime` for a time without a zone."""
        clock = _StandingClock(instant(now))
        return attrs.evolve(self, surroundings=attrs.evolve(self.surroundings, clock=clock))

    def inside(self) -> Context:
        """The same for what a command looks up in passing: it was admitted before."""
        return attrs.evolve(self, principal=SYSTEM, in_passing=True)

    def appointments(self, agenda: Agenda) -> Iterator[Appointment]:
        """All appointments of an agenda, in its order, read a page at a time."""
        after: Place | None = None
        while True:
            found = self.store.appointments(self.practice, agenda, after=after, limit=PAGE)
            yield from found
            if len(found) < PAGE:
                return
            after = agenda.place(found[-1])

    def records(
        self,
        cls: type[StoredT],
        *,
        active: bool | None,
        where: Mapping[str, object] = MappingProxyType({}),
        within: Reach = EVERYTHING,
    ) -> Iterator[StoredT]:
        """All records of a class that match and are reached, by id, read a page at a time."""
        return all_records(
            self.store, self.practice, cls, active=active, where=where, within=within
        )

    def looked_up(self, gate: Gate, cls: type[StoredT], id: str) -> StoredT | None:
        """A record to be shown, active or not; None if there is none, or it is not reached.

        `KeyDestroyed` where that is so, but to nobody who does not reach the record.
        """
        ref = Ref(kind_of(cls), id)
        return gate.sought(ref, lambda: self.store.get(self.practice, cls, id))

    def shown(self, gate: Gate, cls: type[StoredT], id: str) -> StoredT:
        """The same; `NotFound`."""
        ref = Ref(kind_of(cls), id)
        return gate.seen(ref, lambda: self.store.get(self.practice, cls, id))

    def held(self, gate: Gate, cls: type[StoredT], id: str) -> StoredT:
        """A record to be changed, as `kept` has it, for who reaches it; `NotFound`."""
        return gate.seen(Ref(kind_of(cls), id), lambda: self.kept(cls, id))

    def kept(self, cls: type[StoredT], id: str) -> StoredT | None:
        """A record to be changed, active or not; None if there is none.

        Of a patient whose key was destroyed, without what was sealed by it.
        """
        ref = Ref(kind_of(cls), id)
        found = self.store.get_many(self.practice, [ref]).get(ref)
        return found if isinstance(found, cls) else None

    def admit(self, operation: str, kind: Kind | None = None, named: object = None) -> Gate:
        """Let the principal run a command: the one place where policies come to be asked.

        ``kind`` and ``named`` are of the record that it is about, if one is named: the record or
        its id, as it was given. `NotAllowed`, once that is written down.
        """
        return Gate(
            self.practice,
            self.store,
            self.surroundings,
            self.principal,
            self.policy,
            operation,
            None if kind is None else Ref.named(kind, named),
        )

    def commit(
        self,
        gate: Gate,
        decide: Callable[[], tuple[T, Changeset | None]],
        request: KeyedRequest | None = None,
        *,
        patience: int = 0,
        heed: Callable[[Outcome], None] | None = None,
    ) -> T:
        """Read, decide, apply; again from the start when the world moved meanwhile.

        ``decide`` reads, and returns the result and the changeset that brings it about,
        None where there is nothing to do. What it raises goes to the caller: nothing was
        written. `StorageBusy` when all tries came too late: as many as
        the store says, or ``patience`` if that is more and the store can try again at all.
        ``heed`` is told what became of each.

        What the ``gate`` does not let through is not done, and who reads or changes what is
        written down with it.

        Under a ``request`` with a key that was used before, the first result is returned;
        `IdempotencyMismatch` if it was used for another request. Whatever speaks against doing
        it a second time is no matter then, so the key is asked for after that is found.
        """
        retries = self.store.retries and max(self.store.retries, patience)
        for tries in range(1, retries + 2):
            decided = _decided(decide)
            if isinstance(decided, MedschedError):
                if (receipt := self._receipt(request)) is None:
                    gate.hush(decided)
                    raise decided
                return cast("T", self._first_result(gate, request, receipt))
            result, changeset = decided
            if changeset is None and request is None:
                gate.show_result(result)
                return result
            changeset = self._under(request, result, changeset)
            gate.check(changeset)
            if gate.audited:
                changeset = attrs.evolve(changeset, audits=gate.audits(changeset, result))
            outcome = self.store.apply(changeset)
            if heed is not None:
                heed(outcome)
            if isinstance(outcome, Applied):
                return result
            if isinstance(outcome, Repeated):
                return cast("T", self._first_result(gate, request, outcome.receipt))
            if tries <= retries and not changeset.hasty:  # what was not looked at, is there now
                self.surroundings.pauses.pause(min(tries, _LONGEST_PAUSE))
        raise StorageBusy(gate.operation, retries + 1)

    def status_in(self, block: str | None, status: AppointmentStatus) -> AppointmentStatus:
        """The status of what is booked in a time block, or in none.

        A block is the practice's to confirm: who may not do that has asked for it.
        """
        if block is None or status is not AppointmentStatus.BOOKED or self.principal.is_trusted:
            return status
        asked = self.principal, "appointment.confirm", self.practice, self.now()
        return status if self.policy.permits(*asked).allowed else AppointmentStatus.PENDING

    def _under(
        self, request: KeyedRequest | None, result: object, changeset: Changeset | None
    ) -> Changeset:
        """The changeset with its request; where there is nothing to do, the request alone."""
        kept = result if isinstance(result, Stored) and not isinstance(result, _ALIVE) else None
        if changeset is None:
            stands = () if kept is None else (RowVersion(Ref.to(kept), kept.version),)
            changeset = Changeset(practice=self.practice, guards=frozenset(stands))
        assert changeset.events or not changeset.touched  # or nobody would be told
        if request is None:
            return changeset
        return attrs.evolve(changeset, request=attrs.evolve(request, result=kept))

    def _receipt(self, request: KeyedRequest | None) -> Receipt | None:
        if request is None:
            return None
        return self.store.receipt(self.practice, request.scope, request.made_at)

    def _first_result(
        self, gate: Gate, request: KeyedRequest | None, receipt: Receipt
    ) -> Stored | None:
        if request is None or receipt.digest != request.digest:
            raise IdempotencyMismatch(gate.operation)
        if receipt.result is None:
            return None
        return gate.show(gate.see(receipt.result, Ref.to(receipt.result)))


def _decided(
    decide: Callable[[], tuple[T, Changeset | None]],
) -> tuple[T, Changeset | None] | MedschedError:
    """What is decided, or what speaks against it: not hushed yet, so nothing may carry it along.

    Whatever is raised while an error is handled does.
    """
    try:
        return decide()
    except StorageError:
        raise
    except MedschedError as error:
        return error
