"""What a practice stores: the kinds of records, what names one, and which refers to which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias, TypeVar

from medsched.domain.access import Grant
from medsched.domain.appointment_types import AppointmentType
from medsched.domain.appointments import Appointment
from medsched.domain.availability import AvailabilityRule, Override, RecurringBlocking
from medsched.domain.blockings import Blocking
from medsched.domain.claims import ClaimKind
from medsched.domain.fields import check_id
from medsched.domain.holds import Hold
from medsched.domain.people import Patient, Provider, Staff
from medsched.domain.places import Device, Location, PracticeSettings, Room
from medsched.domain.records import Record, Resource, ResourceKind
from medsched.domain.release_rules import ReleaseRule
from medsched.domain.series import Series
from medsched.domain.sessions import GroupSession
from medsched.domain.slot_overrides import SlotOverride
from medsched.domain.starts import Anywhere
from medsched.domain.time_blocks import TimeBlock
from medsched.domain.waitlist import WaitlistEntry, WaitlistOffer
from medsched.errors import InvalidId

HoursRecord: TypeAlias = (
    AvailabilityRule | Override | RecurringBlocking | TimeBlock | SlotOverride | ReleaseRule
)
"""What opens or closes the time of a resource, or keeps it back."""
BookingRecord: TypeAlias = Appointment | Hold | GroupSession | Blocking
"""What takes time: written together with the claims it makes, never alone."""
Noun: TypeAlias = (
    PracticeSettings
    | Provider
    | Staff
    | Patient
    | Location
    | Room
    | Device
    | AppointmentType
    | HoursRecord
    | Series
    | WaitlistEntry
    | WaitlistOffer
    | Grant
)
"""What a practice describes itself by."""
Stored: TypeAlias = Noun | BookingRecord
"""Every record that a store keeps; each has an ``id`` and a ``version``."""

StoredT = TypeVar("StoredT", bound=Stored)
NounT = TypeVar("NounT", bound=Noun)
HoursT = TypeVar("HoursT", bound=HoursRecord)
BookingT = TypeVar("BookingT", bound=BookingRecord)


class Kind(StrEnum):
    """The stable name of a kind of record: in errors, events, cursors and tables."""

    __hash__ = str.__hash__  # that of its value, as it is equal to it; an enum's own is slower

    PRACTICE = "practice"
    PROVIDER = "provider"
    STAFF = "staff"
    PATIENT = "patient"
    LOCATION = "location"
    ROOM = "room"
    DEVICE = "device"
    APPOINTMENT_TYPE = "appointment-type"
    RULE = "rule"
    OVERRIDE = "override"
    BLOCKING = "blocking"
    SERIES = "series"
    TIME_BLOCK = "time-block"
    SLOT_OVERRIDE = "slot-override"
    RELEASE_RULE = "release-rule"
    WAITLIST_ENTRY = "waitlist-entry"
    WAITLIST_OFFER = "waitlist-offer"
    GRANT = "grant"
    APPOINTMENT = "appointment"
    HOLD = "hold"
    SESSION = "session"
    ONE_OFF_BLOCKING = "one-off-blocking"


NOUNS: Final[Mapping[Kind, type[Noun]]] = {
    Kind.PRACTICE: PracticeSettings,
    Kind.PROVIDER: Provider,
    Kind.STAFF: Staff,
    Kind.PATIENT: Patient,
    Kind.LOCATION: Location,
    Kind.ROOM: Room,
    Kind.DEVICE: Device,
    Kind.APPOINTMENT_TYPE: AppointmentType,
    Kind.RULE: AvailabilityRule,
    Kind.OVERRIDE: Override,
    Kind.BLOCKING: RecurringBlocking,
    Kind.SERIES: Series,
    Kind.TIME_BLOCK: TimeBlock,
    Kind.SLOT_OVERRIDE: SlotOverride,
    Kind.RELEASE_RULE: ReleaseRule,
    Kind.WAITLIST_ENTRY: WaitlistEntry,
    Kind.WAITLIST_OFFER: WaitlistOffer,
    Kind.GRANT: Grant,
}
"""The class of each kind of noun."""
BOOKINGS: Final[Mapping[Kind, type[BookingRecord]]] = {
    Kind.APPOINTMENT: Appointment,
    Kind.HOLD: Hold,
    Kind.SESSION: GroupSession,
    Kind.ONE_OFF_BLOCKING: Blocking,
}
"""The class of each kind of booking."""
CLAIMS: Final[Mapping[Kind, ClaimKind]] = {
    Kind.APPOINTMENT: ClaimKind.APPOINTMENT,
    Kind.HOLD: ClaimKind.HOLD,
    Kind.SESSION: ClaimKind.SESSION,
    Kind.ONE_OFF_BLOCKING: ClaimKind.BLOCKING,
}
"""The kind of claims that each kind of booking makes."""
CLAIMED_BY: Final[Mapping[ClaimKind, Kind]] = {claim: kind for kind, claim in CLAIMS.items()}
"""The kind of booking that makes each kind of claims."""
CLASSES: Final[Mapping[Kind, type[Stored]]] = {**NOUNS, **BOOKINGS}
"""The class of each kind."""
_KINDS: Final[Mapping[type[Record], Kind]] = {cls: kind for kind, cls in CLASSES.items()}


def kind_of(cls: type[Record]) -> Kind:
    """The kind of a class of records."""
    return _KINDS[cls]


_new: Final = tuple.__new__
"""What makes a named tuple, without the call around it: names are made more often than all else."""


class Ref(NamedTuple):
    """The name of one record within its practice. Ids are unique within a kind."""

    kind: Kind
    id: str

    @classmethod
    def to(cls, record: Stored) -> Ref:
        """The name of a record."""
        return _new(cls, (_KINDS[type(record)], record.id))

    @classmethod
    def named(cls, kind: Kind, named: object) -> Ref | None:
        """The name of a record that is in hand, or whose id is; None for what can be neither."""
        try:
            return cls(kind, check_id(getattr(named, "id", named)))
        except InvalidId:
            return None

    @classmethod
    def of(cls, resource: Resource) -> Ref:
        """The name of the record of a resource."""
        return _new(cls, (_RECORD_KINDS[resource.kind], resource.id))

    @property
    def resource(self) -> Resource | None:
        """The resource that the record is, None for what has no hours and takes no time."""
        kind = _RESOURCE_KINDS.get(self.kind)
        return None if kind is None else Resource(kind, self.id)


_RESOURCE_KINDS: Final = {Kind(kind.value): kind for kind in ResourceKind}
_RECORD_KINDS: Final = {kind: Kind(kind.value) for kind in ResourceKind}
KEEPS_HOURS: Final = frozenset(ResourceKind) - {ResourceKind.PATIENT}
"""The kinds of resources that rules, overrides and blockings may be about."""


def patient_of(record: Stored) -> str | None:
    """Whose record it is; None for what is no patient's."""
    match record:
        case Patient():
            return record.id
        case Appointment() | Hold() | Series() | WaitlistEntry() | WaitlistOffer():
            return record.patient
        case Blocking():
            return record.kept_for
        case Grant():  # its reason is about the one whom it opens
            return next(iter(record.patients)) if len(record.patients) == 1 else None
        case _:
            return None


def references(record: Stored) -> frozenset[Ref]:
    """Every record that this one names. The practice itself is left out: it is always there."""
    match record:
        case Appointment() | Hold() | GroupSession():
            return frozenset(_named_by(record))
        case Provider():
            codes = {code for code, _ in record.durations}
            return _refs(Kind.LOCATION, [record.location]) | _refs(Kind.APPOINTMENT_TYPE, codes)
        case Room() | Device():
            return _refs(Kind.LOCATION, [record.location])
        case Patient():
            locations = _refs(Kind.LOCATION, record.locations)
            return locations | _refs(Kind.PROVIDER, record.providers)
        case AppointmentType():
            return frozenset(Ref.of(one) for need in record.needs for one in need.one_of)
        case AvailabilityRule() | Override():
            codes = {code for code, _ in (*record.durations, *record.type_days)}
            codes |= record.types or frozenset()
            return (
                _of(record.resource)
                | _refs(Kind.LOCATION, [record.location])
                | _refs(Kind.ROOM, [record.room])
                | _refs(Kind.APPOINTMENT_TYPE, codes)
            )
        case TimeBlock():
            return (
                _of(record.resource)
                | _refs(Kind.LOCATION, [record.location])
                | _refs(Kind.ROOM, [record.room])
                | _refs(Kind.APPOINTMENT_TYPE, record.types or ())
            )
        case RecurringBlocking():
            codes = set(record.types or ())
            return _of(record.resource) | _refs(Kind.APPOINTMENT_TYPE, codes)
        case SlotOverride():
            return (
                _of(record.resource)
                | _refs(Kind.LOCATION, [record.location])
                | _refs(Kind.APPOINTMENT_TYPE, [record.type, record.becomes])
            )
        case ReleaseRule():
            return _of(record.resource) | _refs(Kind.APPOINTMENT_TYPE, record.kept_for)
        case Series():
            place = None if isinstance(record.location, Anywhere) else record.location
            return (
                _refs(Kind.PROVIDER, [record.provider])
                | _refs(Kind.PATIENT, [record.patient])
                | _refs(Kind.APPOINTMENT_TYPE, [record.type])
                | _refs(Kind.LOCATION, [place])
            )
        case WaitlistEntry():
            place = None if isinstance(record.location, Anywhere) else record.location
            return (
                _refs(Kind.PATIENT, [record.patient])
                | _refs(Kind.APPOINTMENT_TYPE, [record.type])
                | _refs(Kind.PROVIDER, record.providers)
                | _refs(Kind.LOCATION, [place])
                | _refs(Kind.APPOINTMENT, [record.appointment])
            )
        case WaitlistOffer():
            # Not its hold: whoever finds that expired takes it away.
            return (
                _refs(Kind.WAITLIST_ENTRY, [record.entry])
                | _refs(Kind.PATIENT, [record.patient])
                | _refs(Kind.PROVIDER, [record.provider])
                | _refs(Kind.APPOINTMENT_TYPE, [record.type])
                | _refs(Kind.LOCATION, [record.location])
                | _refs(Kind.APPOINTMENT, [record.appointment])
            )
        case Blocking():
            return frozenset(map(Ref.of, record.resources)) | _refs(Kind.PATIENT, [record.kept_for])
        case Grant():
            return frozenset()  # or it would keep its patient from being deleted
        case PracticeSettings() | Staff() | Location():
            return frozenset()


_PROVIDER, _PATIENT = Kind.PROVIDER, Kind.PATIENT  # a member is slow to find in its class
_APPOINTMENT_TYPE, _LOCATION = Kind.APPOINTMENT_TYPE, Kind.LOCATION


def _named_by(record: Appointment | Hold | GroupSession) -> list[Ref]:
    """What a booking with a type names: written out, since every booking asks for it."""
    found = [_new(Ref, (_PROVIDER, record.provider)), _new(Ref, (_APPOINTMENT_TYPE, record.type))]
    if record.patient is not None:
        found.append(_new(Ref, (_PATIENT, record.patient)))
    if record.location is not None:
        found.append(_new(Ref, (_LOCATION, record.location)))
    for resource in record.resources:
        found.append(Ref.of(resource))
    if isinstance(record, GroupSession):
        return found
    if record.session is not None:
        found.append(Ref(Kind.SESSION, record.session))
    if record.block is not None:
        found.append(Ref(Kind.TIME_BLOCK, record.block))
    if isinstance(record, Hold):
        return found
    if record.follows is not None:
        found.append(Ref(Kind.APPOINTMENT, record.follows))
    if record.series is not None:
        found.append(Ref(Kind.SERIES, record.series))
    return found


def _refs(kind: Kind, ids: Iterable[str | None]) -> frozenset[Ref]:
    return frozenset(Ref(kind, id) for id in ids if id is not None)


def _of(resource: Resource) -> frozenset[Ref]:
    return frozenset() if resource.kind is ResourceKind.PRACTICE else frozenset({Ref.of(resource)})


def scheduled_by(record: Stored) -> Resource | None:
    """The resource whose schedule a change of this record changes, if any."""
    match record:
        case PracticeSettings() | Provider() | Location() | Room() | Device():
            return record.resource
        case AvailabilityRule() | Override() | RecurringBlocking() | TimeBlock() | SlotOverride():
            return record.resource
        case ReleaseRule():
            return record.resource
        case Staff() | Patient() | AppointmentType() | Series():
            return None
        case WaitlistEntry() | WaitlistOffer() | Grant():
            return None
        case Appointment() | Hold() | GroupSession() | Blocking():
            return None
