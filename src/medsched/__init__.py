"""Scheduling for health care: availability rules in, exact bookable slots out.

    from medsched import MemoryStore, Scheduler

    clinic = Scheduler(MemoryStore()).practice("riverside")

Everything a user needs day to day is here; the exceptions are in `medsched.errors` too.

A name's module is loaded when the name is first asked for, so that whoever imports one part of the
package does not wait for all of it: `Scheduler` needs most of it, a noun little.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from medsched.adapters.memory import MemoryStore
    from medsched.adapters.tzdata import TzdataZones
    from medsched.domain.access import Decision, Grant, Reach
    from medsched.domain.agendas import AppointmentOrder, NamedAppointment
    from medsched.domain.appointment_types import (
        AppointmentType,
        Grid,
        GridKind,
        Modality,
        Need,
        Pricing,
    )
    from medsched.domain.appointments import (
        Appointment,
        AppointmentStatus,
        Move,
        Participant,
        Participation,
    )
    from medsched.domain.assignments import (
        AssignmentRule,
        Candidate,
        EstablishedFirst,
        LeastLoaded,
        RoundRobin,
        ShortestWait,
        Weighted,
    )
    from medsched.domain.audit import AuditAction, AuditEntry, AuditOutcome
    from medsched.domain.availability import (
        AvailabilityRule,
        Override,
        OverrideKind,
        RecurringBlocking,
    )
    from medsched.domain.availability_changes import (
        AvailabilityChange,
        AvailabilityChangeKind,
        ChangesPage,
    )
    from medsched.domain.blockings import Blocking
    from medsched.domain.booking_rules import BookingRules
    from medsched.domain.bookings import WallTime
    from medsched.domain.calendars import CalendarEntry
    from medsched.domain.chains import ChainVisit
    from medsched.domain.changes import Tally
    from medsched.domain.claims import Claim, ClaimKind, Session, Span
    from medsched.domain.events import Event, NumberedEvent
    from medsched.domain.explanations import Coverage, Explanation, Layer, Stretch
    from medsched.domain.findings import Finding, FindingKind
    from medsched.domain.holds import Hold
    from medsched.domain.hours import Hours
    from medsched.domain.house_rules import HouseRule, Visit
    from medsched.domain.pages import Page, every
    from medsched.domain.people import Patient, Provider, Staff, Travel
    from medsched.domain.places import (
        Address,
        Device,
        Location,
        LocationKind,
        PracticeSettings,
        Room,
    )
    from medsched.domain.principals import Authentication, Principal, Purpose, Role
    from medsched.domain.published import Publication, PublishedSlot
    from medsched.domain.records import Resource, ResourceKind
    from medsched.domain.refusals import (
        BookingRefused,
        ChainRefused,
        FollowUpRefused,
        NoneAvailable,
        OfferExpired,
        SeriesRefused,
    )
    from medsched.domain.release_rules import ReleaseRule
    from medsched.domain.requests import Reason, Request, Violation
    from medsched.domain.searches import ProviderSlots, Search
    from medsched.domain.series import Occurrence, Series, SeriesBooked, SeriesScope, Unbooked
    from medsched.domain.sessions import GroupSession
    from medsched.domain.slot_overrides import SlotOverride
    from medsched.domain.slots import Slot, Slots, SlotStatus, Summary
    from medsched.domain.starts import ANYWHERE, Start
    from medsched.domain.stranding import AppointmentsStranded, Proposal, Stranded, Stranding
    from medsched.domain.time_blocks import TimeBlock
    from medsched.domain.waitlist import (
        OfferStatus,
        PassedSlot,
        WaitlistEntry,
        WaitlistOffer,
        WaitlistPosition,
        WaitlistStatus,
        Worked,
    )
    from medsched.domain.weekly_hours import WeeklyHours
    from medsched.domain.wishes import FollowUpWish
    from medsched.engine.access import RolePolicy
    from medsched.errors import (
        AlreadyExists,
        AlreadyOffered,
        AlreadyWaiting,
        AmbiguousTime,
        AuditDamaged,
        AuditNotKept,
        ClinicFileError,
        ContradictoryOverrides,
        DecryptionError,
        HoldExpired,
        IdempotencyMismatch,
        InUse,
        InvalidChoice,
        InvalidCursor,
        InvalidDuration,
        InvalidHours,
        InvalidId,
        InvalidInterval,
        InvalidNumber,
        InvalidRecurrence,
        InvalidSlotId,
        InvalidText,
        InvalidTransition,
        InvalidValue,
        InvalidWallTime,
        KeyDestroyed,
        KeysNotKept,
        KeyUnavailable,
        MedschedError,
        MissingExtra,
        MissingZone,
        NaiveDatetime,
        NonexistentTime,
        NotAllowed,
        NotFound,
        NotWaiting,
        NotWeekly,
        OfferClosed,
        OutcomeUnknown,
        OutOfRange,
        OutsideHours,
        OverlappingRules,
        Problem,
        ReasonRequired,
        SchemaMismatch,
        SlotsNotKept,
        SlotsOverlap,
        StorageBusy,
        StorageError,
        TooManyOccurrences,
        TransactionLost,
        UnknownZone,
        VersionConflict,
    )
    from medsched.scheduler import Practice, Scheduler
    from medsched.timeline.recurrence import Recurrence
    from medsched.timeline.resolve import Disambiguation
    from medsched.timeline.rrule_parts import Frequency
    from medsched.timeline.weekdays import ByDay, Weekday

__all__ = [
    "ANYWHERE",
    "Address",
    "AlreadyExists",
    "AlreadyOffered",
    "AlreadyWaiting",
    "AmbiguousTime",
    "Appointment",
    "AppointmentOrder",
    "AppointmentStatus",
    "AppointmentType",
    "AppointmentsStranded",
    "AssignmentRule",
    "AuditAction",
    "AuditDamaged",
    "AuditEntry",
    "AuditNotKept",
    "AuditOutcome",
    "Authentication",
    "AvailabilityChange",
    "AvailabilityChangeKind",
    "AvailabilityRule",
    "Blocking",
    "BookingRefused",
    "BookingRules",
    "ByDay",
    "CalendarEntry",
    "Candidate",
    "ChainRefused",
    "ChainVisit",
    "ChangesPage",
    "Claim",
    "ClaimKind",
    "ClinicFileError",
    "ContradictoryOverrides",
    "Coverage",
    "Decision",
    "DecryptionError",
    "Device",
    "Disambiguation",
    "EstablishedFirst",
    "Event",
    "Explanation",
    "Finding",
    "FindingKind",
    "FollowUpRefused",
    "FollowUpWish",
    "Frequency",
    "Grant",
    "Grid",
    "GridKind",
    "GroupSession",
    "Hold",
    "HoldExpired",
    "Hours",
    "HouseRule",
    "IdempotencyMismatch",
    "InUse",
    "InvalidChoice",
    "InvalidCursor",
    "InvalidDuration",
    "InvalidHours",
    "InvalidId",
    "InvalidInterval",
    "InvalidNumber",
    "InvalidRecurrence",
    "InvalidSlotId",
    "InvalidText",
    "InvalidTransition",
    "InvalidValue",
    "InvalidWallTime",
    "KeyDestroyed",
    "KeyUnavailable",
    "KeysNotKept",
    "Layer",
    "LeastLoaded",
    "Location",
    "LocationKind",
    "MedschedError",
    "MemoryStore",
    "MissingExtra",
    "MissingZone",
    "Modality",
    "Move",
    "NaiveDatetime",
    "NamedAppointment",
    "Need",
    "NoneAvailable",
    "NonexistentTime",
    "NotAllowed",
    "NotFound",
    "NotWaiting",
    "NotWeekly",
    "NumberedEvent",
    "Occurrence",
    "OfferClosed",
    "OfferExpired",
    "OfferStatus",
    "OutOfRange",
    "OutcomeUnknown",
    "OutsideHours",
    "OverlappingRules",
    "Override",
    "OverrideKind",
    "Page",
    "Participant",
    "Participation",
    "PassedSlot",
    "Patient",
    "Practice",
    "PracticeSettings",
    "Pricing",
    "Principal",
    "Problem",
    "Proposal",
    "Provider",
    "ProviderSlots",
    "Publication",
    "PublishedSlot",
    "Purpose",
    "Reach",
    "Reason",
    "ReasonRequired",
    "Recurrence",
    "RecurringBlocking",
    "ReleaseRule",
    "Request",
    "Resource",
    "ResourceKind",
    "Role",
    "RolePolicy",
    "Room",
    "RoundRobin",
    "Scheduler",
    "SchemaMismatch",
    "Search",
    "Series",
    "SeriesBooked",
    "SeriesRefused",
    "SeriesScope",
    "Session",
    "ShortestWait",
    "Slot",
    "SlotOverride",
    "SlotStatus",
    "Slots",
    "SlotsNotKept",
    "SlotsOverlap",
    "Span",
    "Staff",
    "Start",
    "StorageBusy",
    "StorageError",
    "Stranded",
    "Stranding",
    "Stretch",
    "Summary",
    "Tally",
    "TimeBlock",
    "TooManyOccurrences",
    "TransactionLost",
    "Travel",
    "TzdataZones",
    "Unbooked",
    "UnknownZone",
    "VersionConflict",
    "Violation",
    "Visit",
    "WaitlistEntry",
    "WaitlistOffer",
    "WaitlistPosition",
    "WaitlistStatus",
    "WallTime",
    "Weekday",
    "WeeklyHours",
    "Weighted",
    "Worked",
    "every",
]

_NAMES: Final = {
    "adapters.memory": "MemoryStore",
    "adapters.tzdata": "TzdataZones",
    "domain.access": "Decision Grant Reach",
    "domain.agendas": "AppointmentOrder NamedAppointment",
    "domain.appointment_types": "AppointmentType Grid GridKind Modality Need Pricing",
    "domain.appointments": "Appointment AppointmentStatus Move Participant Participation",
    "domain.assignments": (
        "AssignmentRule Candidate EstablishedFirst LeastLoaded RoundRobin ShortestWait Weighted"
    ),
    "domain.audit": "AuditAction AuditEntry AuditOutcome",
    "domain.availability": "AvailabilityRule Override OverrideKind RecurringBlocking",
    "domain.availability_changes": "AvailabilityChange AvailabilityChangeKind ChangesPage",
    "domain.blockings": "Blocking",
    "domain.booking_rules": "BookingRules",
    "domain.bookings": "WallTime",
    "domain.calendars": "CalendarEntry",
    "domain.chains": "ChainVisit",
    "domain.changes": "Tally",
    "domain.claims": "Claim ClaimKind Session Span",
    "domain.events": "Event NumberedEvent",
    "domain.explanations": "Coverage Explanation Layer Stretch",
    "domain.findings": "Finding FindingKind",
    "domain.holds": "Hold",
    "domain.hours": "Hours",
    "domain.house_rules": "HouseRule Visit",
    "domain.pages": "Page every",
    "domain.people": "Patient Provider Staff Travel",
    "domain.places": "Address Device Location LocationKind PracticeSettings Room",
    "domain.principals": "Authentication Principal Purpose Role",
    "domain.published": "Publication PublishedSlot",
    "domain.records": "Resource ResourceKind",
    "domain.refusals": (
        "BookingRefused ChainRefused FollowUpRefused NoneAvailable OfferExpired SeriesRefused"
    ),
    "domain.release_rules": "ReleaseRule",
    "domain.requests": "Reason Request Violation",
    "domain.searches": "ProviderSlots Search",
    "domain.series": "Occurrence Series SeriesBooked SeriesScope Unbooked",
    "domain.sessions": "GroupSession",
    "domain.slot_overrides": "SlotOverride",
    "domain.slots": "Slot Slots SlotStatus Summary",
    "domain.starts": "ANYWHERE Start",
    "domain.stranding": "AppointmentsStranded Proposal Stranded Stranding",
    "domain.time_blocks": "TimeBlock",
    "domain.waitlist": (
        "OfferStatus PassedSlot WaitlistEntry WaitlistOffer WaitlistPosition WaitlistStatus Worked"
    ),
    "domain.weekly_hours": "WeeklyHours",
    "domain.wishes": "FollowUpWish",
    "engine.access": "RolePolicy",
    "scheduler": "Practice Scheduler",
    "timeline.recurrence": "Recurrence",
    "timeline.resolve": "Disambiguation",
    "timeline.rrule_parts": "Frequency",
    "timeline.weekdays": "ByDay Weekday",
}
"""Where the public names are, by module; all others are errors."""
_WHERE: Final = {
    **dict.fromkeys(__all__, "errors"),
    **{name: module for module, names in _NAMES.items() for name in names.split()},
}
_ROOMS: Final = {"errors", *(module.partition(".")[0] for module in _NAMES)}


if not TYPE_CHECKING:  # or a type checker would take any name for a public one

    def __getattr__(name: str) -> object:
        """A public name, from the module that it is in, or a part of the package."""
        if name in _ROOMS:
            return import_module(f"{__name__}.{name}")
        if name not in _WHERE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found: object = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
        globals()[name] = found  # asked for once
        return found


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*globals(), *__all__})
