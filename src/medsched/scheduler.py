"""What a user holds in the hand: a scheduler over a store, and practices in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from medsched.domain.appointment_types import AppointmentType
from medsched.domain.assignments import Assignment, ShortestWait, check_assignment
from medsched.domain.house_rules import HouseRule
from medsched.domain.people import Patient, Provider, Staff
from medsched.domain.places import Device, Location, Room
from medsched.domain.principals import SYSTEM, Principal
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.stored import Noun
from medsched.domain.stranding import Stranded
from medsched.engine.access import RolePolicy
from medsched.ports.clock import Clock
from medsched.ports.ids import Ids
from medsched.ports.pauses import Pauses
from medsched.ports.policy import Policy
from medsched.ports.store import Store
from medsched.ports.surroundings import Surroundings
from medsched.ports.zones import ZoneSource
from medsched.services.access import Access
from medsched.services.appointments import Appointments
from medsched.services.audit import Audit
from medsched.services.availability import Availability
from medsched.services.blockings import Blockings
from medsched.services.calendars import Calendars
from medsched.services.changes import Changes
from medsched.services.context import Context
from medsched.services.events import Events
from medsched.services.holds import Holds
from medsched.services.queries import (
    LocationQuery,
    PatientQuery,
    PlacedQuery,
    ProviderQuery,
    StaffQuery,
    TypeQuery,
)
from medsched.services.records import Directory
from medsched.services.searches import Searches
from medsched.services.series import SeriesBookings
from medsched.services.settings import Settings
from medsched.services.shredding import shred
from medsched.services.snapshots import Snapshots
from medsched.services.time_blocks import TimeBlocks
from medsched.services.waitlist import Waitlist
from medsched.services.writer import Writer


class Scheduler:
    """Scheduling over one store. Make one and share it: it keeps schedules that it has read.

    A store brings a clock, ids, zones and pauses along; what is given here is used instead.
    With ``registers_patients`` a patient who is booked under an id that is not stored yet is
    stored, instead of being `NotFound`: for hosts that keep their patients elsewhere. That is for
    principals who reach everything; to others a patient who is not stored is not there.
    ``house_rules`` are the host's own rules of booking, asked beside those that are stored.
    ``assignment`` says who gets a patient in `Appointments.book_first` where no rule is named:
    the earliest start unless given. ``policy`` says what principals may do: `RolePolicy` unless
    given. Whoever is trusted is not asked about.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock | None = None,
        ids: Ids | None = None,
        zones: ZoneSource | None = None,
        pauses: Pauses | None = None,
        registers_patients: bool = False,
        house_rules: Iterable[HouseRule] = (),
        assignment: Assignment | None = None,
        policy: Policy | None = None,
    ) -> None:
        own = store.surroundings
        self._store = store
        self._surroundings = Surroundings(
            clock=own.clock if clock is None else clock,
            ids=own.ids if ids is None else ids,
            zones=own.zones if zones is None else zones,
            pauses=own.pauses if pauses is None else pauses,
        )
        self._registers_patients = registers_patients
        self._house_rules = tuple(house_rules)
        self._assignment = _rule(assignment) or ShortestWait()
        self._policy = RolePolicy() if policy is None else policy
        self._snapshots = Snapshots()

    def practice(
        self, id: str, *, principal: Principal = SYSTEM, assignment: Assignment | None = None
    ) -> Practice:
        """A practice by its id, which nothing needs to be stored for; `InvalidId` for no id.

        Its commands run under the ``principal``: the host itself unless given; `InvalidChoice` for
        what is none. ``assignment`` is this practice's own default, instead of the scheduler's.
        """
        context = Context(
            id,
            self._store,
            self._surroundings,
            principal,
            self._registers_patients,
            self._house_rules,
            _rule(assignment) or self._assignment,
            self._policy,
        )
        return Practice(context, self._snapshots)


def _rule(assignment: Assignment | None) -> Assignment | None:
    return None if assignment is None else check_assignment(assignment, "assignment")


class Practice:
    """One practice: the tenant that every record belongs to. `Scheduler.practice` makes it."""

    def __init__(self, context: Context, snapshots: Snapshots) -> None:
        self._context, self._snapshots = context, snapshots
        self._writer = Writer(context)
        self.id = context.practice
        """The practice's id."""
        self.resource = Resource(ResourceKind.PRACTICE, context.practice)
        """The practice as something that has opening hours, closures and holidays."""
        self.settings = Settings(context)
        """Name, time zone, and the bounds of slot lengths."""
        self.providers = Directory(context, Provider, ProviderQuery)
        """Those who see patients."""
        self.staff = Directory(context, Staff, StaffQuery)
        """Those who work here and see no patients of their own."""
        self.patients = Directory(context, Patient, PatientQuery)
        """Those who are seen."""
        self.locations = Directory(context, Location, LocationQuery)
        """Where appointments happen."""
        self.rooms = Directory(context, Room, PlacedQuery)
        """Rooms of locations."""
        self.devices = Directory(context, Device, PlacedQuery)
        """Equipment that appointments need."""
        self.appointment_types = Directory(context, AppointmentType, TypeQuery)
        """What can be booked."""
        self.availability = Availability(context, snapshots)
        """When resources are open, and the slots that makes."""
        self.search = Searches(context, snapshots)
        """Slots of many providers."""
        self.appointments = Appointments(context, snapshots)
        """What is booked."""
        self.calendars = Calendars(context)
        """The taken time of each resource, as the principal may see it."""
        self.blockings = Blockings(context, snapshots)
        """Time that is kept from patients, once."""
        self.series = SeriesBookings(context, snapshots)
        """What recurs, booked together."""
        self.holds = Holds(context, snapshots)
        """Slots that are kept for a moment."""
        self.time_blocks = TimeBlocks(context, self.appointments)
        """Time that is published block by block, each for one appointment."""
        self.waitlist = Waitlist(context, snapshots)
        """Who waits for time to come free, and what they were offered."""
        self.events = Events(context)
        """What happened, in order, for whoever follows."""
        self.access = Access(context)
        """Who may do what: grants, and the broken glass."""
        self.changes = Changes(context, snapshots)
        """Where availability changed, in order, for UIs and caches."""
        self.audit = Audit(context)
        """Who saw or changed what, for those who must answer for it."""

    def acting_as(self, principal: Principal) -> Practice:
        """The same practice, its commands run under another principal.

        Each command asks the policy whether they may: `NotAllowed` for what they may not, which is
        all for one of another practice; `NotFound` for what they do not reach, as for what does
        not exist. `InvalidChoice` for what is no principal: nobody is never the host.
        """
        return Practice(attrs.evolve(self._context, principal=principal), self._snapshots)

    def add_all(
        self,
        records: Iterable[Noun],
        *,
        stranded: Stranded | str = Stranded.REFUSE,
        idempotency_key: str | None = None,
    ) -> tuple[Noun, ...]:
        """Store many new records of any kind, which may refer to one another: all or none.

        They come back as stored, in the order given, which is of no other consequence. Raises
        the first error that creating one of them alone would raise. ``stranded`` as in
        `AvailabilityRecords.add`. Repeated under their ``idempotency_key`` they come back as they
        are by then; `NotFound` if one is gone.
        """
        gate = self._context.admit("record.add-all")
        return self._writer.create(gate, tuple(records), stranded=stranded, key=idempotency_key)

    def shred(self, patient: str) -> bool:
        """Destroy the key of a patient for good; whether the patient had one.

        All of the patient's data that is sealed by it can be read by nobody any more: name and
        contacts, reasons and notes. Ids, times and what was booked stay, so that schedules and
        audits go on to tell them. To `get` such a record is `KeyDestroyed`; lists and agendas give
        it with these fields empty; appointments can be cancelled and moved; new data of the
        patient is `KeyDestroyed`. First results that were kept under idempotency keys are gone,
        too. Other processes may read the data as long as they keep keys: see `Encryption`.

        `KeysNotKept` where the store seals nothing, `KeyUnavailable` where not everything is
        sealed yet, `InvalidId` for no id.
        """
        return shred(self._context, patient)

    def tallies(self, names: Iterable[str]) -> Mapping[str, int]:
        """What was counted under each of these names by rules of the host's own; 0 for nothing.

        A tally only goes up, by what `HouseRule.tallies` says of each booking.
        """
        self._context.admit("tally.read")
        return self._context.store.tallies(self.id, tuple(names))

    def __repr__(self) -> str:
        return f"<Practice {self.id!r}>"
