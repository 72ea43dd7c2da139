"""Gates: what stands between a command and the records, for the principal who runs it.

Who is trusted passes without a question. For all others a gate asks the policy, keeps what they do
not reach from them, and tells what does not exist and what is not theirs apart by nothing: neither
by the error nor by how often the store is asked. Whatever passes is written down where the store
keeps an audit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Final, NoReturn, TypeVar, cast

import attrs

from medsched.domain.access import EVERYTHING, Grant, Reach
from medsched.domain.audit import AuditAction, AuditEntry
from medsched.domain.blockings import Blocking
from medsched.domain.changes import Changeset
from medsched.domain.holds import Hold
from medsched.domain.people import Patient
from medsched.domain.principals import Principal, Role
from medsched.domain.reaching import reaches, reaches_registered
from medsched.domain.records import Resource
from medsched.domain.series import Series
from medsched.domain.stored import Kind, Ref, Stored, StoredT, patient_of
from medsched.domain.stranding import AppointmentsStranded
from medsched.domain.waitlist import OfferStatus, WaitlistEntry, WaitlistOffer, WaitlistStatus
from medsched.errors import MedschedError, NotAllowed, NotFound
from medsched.ports.policy import Policy
from medsched.ports.store import Store
from medsched.ports.surroundings import Surroundings
from medsched.services.accesses import Accesses
from medsched.services.hushing import Hushing
from medsched.services.ownership import is_kept
from medsched.services.stand_ins import stand_in
from medsched.services.walking import all_records

R = TypeVar("R", bound=Stored)
T = TypeVar("T")
_PATIENTS: Final = frozenset(
    {
        *(Kind.PATIENT, Kind.APPOINTMENT, Kind.HOLD, Kind.SERIES),
        *(Kind.WAITLIST_ENTRY, Kind.WAITLIST_OFFER),
    }
)
"""The kinds of records that are a patient's."""
_OVER: Final = frozenset(
    {
        *(WaitlistStatus.REMOVED, WaitlistStatus.LAPSED),
        *(OfferStatus.WITHDRAWN, OfferStatus.EXPIRED),
    }
)
"""What becomes of the waitlist's records because something else was done."""
_AUTHORISED: Final = "the host has authorised it"
_BEYOND: Final = "it would make or change what they do not reach"
_LENT: Final = "it would make their own what only a grant opens to them"
_BROKEN: Final = "a broken glass opens records, it makes none"
_KEEPS_NOT: Final = "they may change the time of their own resources only"


class Gate:
    """One command of one principal, which the policy permits.

    ``principal`` runs ``operation``. ``reach`` is whose records the command may see and change; the
    principal's grants are read when it is asked for first, and not for those who reach everything.
    ``about`` names the record that the command is about, for whoever reads of a denial.
    """

    def __init__(
        self,
        practice: str,
        store: Store,
        surroundings: Surroundings,
        principal: Principal,
        policy: Policy,
        operation: str,
        about: Ref | None = None,
    ) -> None:
        self._practice, self._store = practice, store
        self._surroundings, self._policy = surroundings, policy
        self.principal = principal
        self._free, self._about = principal.is_trusted, about
        self._reason = _AUTHORISED
        self._asked: dict[str, None] = {}
        self._stood: Mapping[Ref, Stored] = {}
        self._kept_for: dict[Ref, str] = {}
        self.operation = operation
        self.audited = store.audited
        """Whether what passes is written down."""
        if not self._free:
            self._reason = self.also(operation)

    # -------------------------------------------------------------------- permitting

    def also(self, operation: str) -> str:
        """Let the principal do this, too, and say why they may; `NotAllowed`.

        What the command writes must then be within their reach in this as well: who is a patient
        here and works elsewhere does not write as staff what they reach as a patient.
        """
        if self._free:
            return self._reason
        decision = self._policy.permits(self.principal, operation, self._practice, self._now)
        if not decision.allowed:
            self._deny(operation, decision.reason)
        self._asked[operation] = None
        return decision.reason

    def choose(self, *ids: str | None) -> None:
        """Let the principal choose ids or references, if some are given; `NotAllowed`.

        That one is taken would tell of a record that may be anybody's.
        """
        if any(ids):
            self.also("record.choose-id")

    def notes(self, notes: object) -> None:
        """Let the principal give a new visit notes, if they do; `NotAllowed`.

        A patient does so of their own visit, too; what is written there later is others' to say.
        """
        if notes:
            self.also("appointment.state-notes")

    def detail(self, *said: object) -> None:
        """Let the principal say what a patient does not say, if anything is; `NotAllowed`."""
        if any(said):
            self.also("appointment.details")

    def deny(self, why: str, record: Stored | None = None) -> NoReturn:
        """Refuse the command, for a reason: `NotAllowed`, once that is written down."""
        self._deny(self.operation, why, record)

    def _deny(self, operation: str, why: str, record: Stored | None = None) -> NoReturn:
        if self.audited:
            ref = self._about if record is None else Ref.to(record)
            patient = self._whose(ref) if record is None else patient_of(record)
            execute = AuditAction.EXECUTE
            denied = self._accesses.denied(execute, why, ref, patient, operation=operation)
            self._write([denied])
        raise NotAllowed(self.principal.id, operation, why)

    def _whose(self, ref: Ref | None) -> str | None:
        """Whose record is named; asked for only where something is denied."""
        if ref is None or ref.kind is Kind.PATIENT:
            return None if ref is None else ref.id
        found = self._store.bare(self._practice, [ref]).get(ref)
        return _patient(found)

    @cached_property
    def _now(self) -> datetime:
        return self._surroundings.clock.now()

    # ----------------------------------------------------------------------- reaching

    @property
    def sees_all(self) -> bool:
        """Whether every record is reached, whosever it is."""
        return self._free or self._own.everything

    @cached_property
    def reach(self) -> Reach:
        """Whose records are reached, by whatever is granted as well."""
        if self.sees_all:
            return EVERYTHING
        return self._reach(self._grants, self.operation)

    @cached_property
    def _own(self) -> Reach:
        """What is reached without any grant."""
        return EVERYTHING if self._free else self._reach((), self.operation)

    @cached_property
    def _grants(self) -> Sequence[Grant]:
        """The grants in force; whoever acts for themselves alone is granted nothing."""
        if self.principal.roles == {Role.PATIENT}:
            return ()
        mine = {"principal": self.principal.id}
        every = all_records(self._store, self._practice, Grant, active=True, where=mine)
        return [one for one in every if one.is_in_force(self._now)]

    def _reach(self, grants: Collection[Grant], operation: str) -> Reach:
        return self._policy.reach(self.principal, grants, operation, self._now)

    def reached(self, records: Iterable[R]) -> list[R]:
        """Those of some records that are reached, in their order."""
        given = list(records)
        if self.sees_all:
            return given
        return self._reached(given, self.reach)

    def _reached(self, records: Sequence[R], reach: Reach) -> list[R]:
        return self._among(records, reach, self._surely)

    def _among(
        self, records: Sequence[R], reach: Reach, sure: Callable[[Reach, Stored], bool]
    ) -> list[R]:
        """Those of some records that are reached: surely, or as the store tells."""
        unsure = [one for one in records if not sure(reach, one)]
        asked = [one for one in unsure if isinstance(one, Patient | WaitlistEntry)]
        there = self._store.reached(self._practice, asked, reach) if asked else frozenset()
        left = {Ref.to(one) for one in unsure} - there
        return [one for one in records if Ref.to(one) not in left]

    def _surely(self, reach: Reach, record: Stored) -> bool:
        """Whether it is reached by itself; a hold is by whoever placed it, too."""
        placed = isinstance(record, Hold) and record.created_by == self.principal.id
        return placed or self._itself(reach, record)

    def _itself(self, reach: Reach, record: Stored) -> bool:
        """Whether it is reached as far as the record itself can tell."""
        if isinstance(record, Patient) and reaches_registered(reach, record):
            return True
        return reaches(reach, record, _unasked)

    def found(self, record: StoredT | None, ref: Ref) -> StoredT | None:
        """A record that was looked for, if it is there and reached; else None, either way alike."""
        if isinstance(record, Blocking) and record.kept_for is not None:
            self._kept_for[ref] = record.kept_for  # nothing else tells that once it is removed
        if self._free:
            return record
        theirs = ref.kind in _PATIENTS
        if theirs and record is not None and self._surely(self._own, record):
            return record
        if self._own.everything:
            return record
        if not theirs:
            return self._unless_hidden(record, ref)
        # From here on what is missing costs as much as what is somebody else's.
        reach = self.reach
        if record is not None and self._surely(reach, record):
            return record
        asked = stand_in(record, ref)
        if asked is not None:
            there = self._store.reached(self._practice, [asked], reach)
            if record is not None and reaches(reach, record, lambda _: bool(there)):
                return record
        self._write([self._accesses.denied(AuditAction.READ, "not reached", ref, _patient(record))])
        return None

    def _unless_hidden(self, record: StoredT | None, ref: Ref) -> StoredT | None:
        """A record of which patients do not tell: all see it, but for who takes whose time, why."""
        if not isinstance(record, Blocking) or self.keeps(record.resources):
            return record
        if record.kept_for in self.reach.patients:
            return record
        self._write([self._accesses.denied(AuditAction.READ, _KEEPS_NOT, ref, _patient(record))])
        return None

    def see(self, record: StoredT | None, ref: Ref) -> StoredT:
        """The same; `NotFound` for what is not there, or not reached."""
        found = self.found(record, ref)
        if found is None:
            raise NotFound(ref.kind.value, ref.id)
        return found

    def sought(self, ref: Ref, read: Callable[[], StoredT | None]) -> StoredT | None:
        """A record that is looked for, if it is there and reached; else None, either way alike.

        Where records are sealed, it is read in full only once it is known to be reached: that a
        key is asked for would tell that there is such a record. So would `KeyDestroyed`.
        """
        if self.sees_all or not self._store.seals:
            return self.found(read(), ref)
        bare = self._store.bare(self._practice, [ref]).get(ref)
        if self.found(bare, ref) is None or bare is None:
            return None
        record = read()
        changed = record is None or record.version != bare.version
        return self.found(record, ref) if changed else record

    def seen(self, ref: Ref, read: Callable[[], StoredT | None]) -> StoredT:
        """The same; `NotFound` for what is not there, or not reached."""
        found = self.sought(ref, read)
        if found is None:
            raise NotFound(ref.kind.value, ref.id)
        return found

    def those(self, refs: Collection[Ref]) -> Mapping[Ref, Stored]:
        """Those of some records that are there and reached, as they are shown.

        They are what others name, and not asked for: that one is not reached is no denial.
        """
        sealed = self._store.seals and not self.sees_all
        read = self._store.bare if sealed else self._store.get_many
        reached = {Ref.to(one): one for one in self.reached(read(self._practice, refs).values())}
        if sealed:  # no key of what is not reached may be asked for
            reached = dict(self._store.get_many(self._practice, reached))
        self.shown(reached.values())
        return reached

    def miss(self, ref: Ref, why: str = "there is none", record: Stored | None = None) -> NoReturn:
        """Say that there is no such record: `NotFound`, once that is written down."""
        self._write([self._accesses.denied(AuditAction.READ, why, ref, _patient(record))])
        raise NotFound(ref.kind.value, ref.id)

    def patient(self, id: str | None) -> None:
        """Let the principal act for a patient, if one is named; `NotFound`.

        Whoever reaches everything may act for one who is not stored, too.
        """
        if id is not None and not self.sees_all:
            ref = Ref(Kind.PATIENT, id)
            self.see(self._store.bare(self._practice, [ref]).get(ref), ref)

    def ask_for(self, patient: str | None) -> None:
        """The same where what is free tells when the patient is busy: that is a read of theirs."""
        self.patient(patient)
        if patient is not None:
            self.tell_of(Kind.PATIENT.value, [patient])

    # ------------------------------------------------------------------------ keeping

    def keeps(self, resources: Iterable[Resource]) -> bool:
        """Whether the time of all of these is the principal's to change: see `is_kept`."""
        return self.sees_all or all(
            is_kept(self._store, self._practice, self.reach, one) for one in resources
        )

    def keep(self, *resources: Resource) -> None:
        """Let the principal change the time of some resources; `NotAllowed`."""
        if not self.keeps(resources):
            self.deny(_KEEPS_NOT)

    # ----------------------------------------------------------------------- changing

    def check(self, changeset: Changeset) -> None:
        """Refuse to make or change a patient's record that is not reached; `NotAllowed`.

        What is changed must be reached as it stands, too, and what only a grant opens must not
        come to be the principal's own: they would reach it when the grant is over.
        """
        asked = [one for one in self._asked if not self._reach((), one).everything]
        if not asked:
            return
        offered = {one.entry for one in changeset.writes if isinstance(one, WaitlistOffer)}
        written = [
            self._as_own(one)
            for one in changeset.writes
            if patient_of(one) is not None or isinstance(one, Hold)
            if not isinstance(one, Grant)  # who may give one, the policy has said
            if not (isinstance(one, WaitlistEntry) and one.id in offered)
            if not (isinstance(one, WaitlistEntry | WaitlistOffer) and one.status in _OVER)
        ]
        changed = [Ref.to(one) for one in written if one.version > 1]
        self._stood = self._store.get_many(self._practice, changed) if changed else {}
        for operation in asked:
            self._check_reached(operation, written)
        self._check_made(changeset.writes)

    def _check_reached(self, operation: str, written: Sequence[Stored]) -> None:
        own, stood = self._reach((), operation), [*self._stood.values()]
        if all(self._itself(own, one) for one in (*stood, *written)):
            return  # and no grant need be read
        reach = self._reach(self._grants, operation)
        for records in (stood, written):
            there = self._among(records, reach, self._itself)
            beyond = next((one for one in records if one not in there), None)
            if beyond is not None:
                self._deny(operation, _BEYOND, beyond)
        if reach == own:
            return
        lent = {*map(Ref.to, stood)} - {*map(Ref.to, self._among(stood, own, self._itself))}
        kept = self._among([one for one in written if Ref.to(one) in lent], own, self._itself)
        if kept:
            self._deny(operation, _LENT, kept[0])

    def _check_made(self, written: Iterable[Stored]) -> None:
        """Refuse to make something for a patient whom only a broken glass opens."""
        if self.sees_all:
            return
        patients = {_made_for(one) for one in written if one.version == 1}
        if not patients - self._own.patients - {None}:
            return
        opened = {id for one in self._grants if one.emergency for id in one.patients}
        refs = [Ref(Kind.PATIENT, id) for id in sorted(opened & patients)]
        if not refs:
            return
        found = [*self._store.get_many(self._practice, refs).values()]
        calm = self._reach([one for one in self._grants if not one.emergency], self.operation)
        there = self._among(found, calm, self._itself)
        urgent = next((one for one in found if one not in there), None)
        if urgent is not None:
            self._deny(self.operation, _BROKEN, urgent)

    def _as_own(self, record: Stored) -> Stored:
        """A hold for nobody yet is for the patient who places it."""
        if isinstance(record, Hold) and record.patient is None:
            return attrs.evolve(record, patient=self.principal.patient)
        return record

    # ----------------------------------------------------------------------- auditing

    @cached_property
    def _accesses(self) -> Accesses:
        return Accesses(
            self._practice, self._surroundings, self.principal, self.operation, self._reason
        )

    def shown(self, records: Iterable[R]) -> tuple[R, ...]:
        """Some records as they are shown, once it is written down: no audit, no data."""
        given = tuple(records)
        if self._free and not self.audited:
            return given
        if self.audited and given:
            self._write(self._accesses.read(given, self._urgent(given)))
        if (hushing := self.hushing) is None:
            return given
        told = (hushing.series(one) if isinstance(one, Series) else one for one in given)
        return cast("tuple[R, ...]", tuple(told))

    def note(self, kind: str, action: AuditAction, patient: str | None = None) -> AuditEntry:
        """Write down what was done to something that is no record, such as the audit itself."""
        entry = self._accesses.about(kind, action, patient)
        self._write([entry])
        return entry

    def tell_of(self, kind: str, patients: Collection[str]) -> None:
        """Write down that something is told of some patients without any record of theirs."""
        if not (self.audited and patients):
            return
        refs = {one: Ref(Kind.PATIENT, one) for one in sorted(set(patients))}
        there = {} if self.sees_all else self._store.bare(self._practice, refs.values())
        asked = {one: there.get(ref) or Patient(id=one) for one, ref in refs.items()}
        urgent, read = self._urgent(asked.values()), AuditAction.READ
        self._write(
            [
                self._accesses.about(kind, read, one, emergency=urgent(record))
                for one, record in asked.items()
            ]
        )

    def show(self, record: StoredT) -> StoredT:
        """The same for one record."""
        return record if self._free and not self.audited else self.shown([record])[0]

    def audits(self, changeset: Changeset, result: object) -> tuple[AuditEntry, ...]:
        """What is written down of a changeset, and of what is returned beside it."""
        written = {Ref.to(one) for one in changeset.writes}
        returned = [one for one in _records(result) if Ref.to(one) not in written]
        every = [*changeset.writes, *returned]
        accesses, urgent = self._accesses, self._urgent(every)
        changed = accesses.changed(changeset, urgent, self._kept_for)
        return (*changed, *accesses.read(returned, urgent))

    def show_result(self, result: object) -> None:
        """Write down that a command that changed nothing returns this."""
        if self.audited:
            self.shown(_records(result))

    def _urgent(self, records: Collection[Stored]) -> Callable[[Stored], bool]:
        """Which of some records only a broken glass opens, those that change as they were found."""
        if self.sees_all or "_grants" not in self.__dict__:
            return _none
        calm = [one for one in self._grants if not one.emergency]
        if len(calm) == len(self._grants):
            return _none
        found = [self._stood.get(Ref.to(one), one) for one in records]
        seen = {Ref.to(one) for one in self._reached(found, self._reach(calm, self.operation))}
        return lambda one: Ref.to(one) not in seen

    def _write(self, entries: Collection[AuditEntry]) -> None:
        if entries and self.audited:
            self._store.record([*entries])

    # ------------------------------------------------------------------------- hushing

    @property
    def hushing(self) -> Hushing | None:
        """What takes the ids of others' bookings out of what is told; None: all is told."""
        if self.sees_all:
            return None
        return Hushing(self._store, self._practice, lambda: self.reach, self.reached)

    def hush(self, error: MedschedError) -> None:
        """Take out of an error what the principal does not reach, and write down what stays."""
        if (hushing := self.hushing) is not None:
            hushing.error(error)
        if isinstance(error, AppointmentsStranded):
            self.shown(one.appointment for one in error.stranded)

    def hushed(self, call: Callable[[], T]) -> T:
        """What a call returns; what it raises is hushed, and nothing carries it along before."""
        try:
            return call()
        except MedschedError as error:
            against = error
        self.hush(against)
        raise against


def _unasked(_: str) -> bool:
    return False


def _patient(record: Stored | None) -> str | None:
    return None if record is None else patient_of(record)


def _none(_: Stored) -> bool:
    return False


def _made_for(record: Stored) -> str | None:
    """The patient for whom something is made; None for nobody, and for a new patient."""
    if isinstance(record, Blocking):
        return record.kept_for
    return None if isinstance(record, Patient) else patient_of(record)


def _records(result: object) -> list[Stored]:
    """The records among what a command returns."""
    some = result if isinstance(result, tuple) else (result,)
    return [one for one in some if isinstance(one, Stored)]
