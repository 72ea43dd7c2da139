"""Scheduling for health care: availability rules in, exact bookable slots out.

    from medsched import MemoryStore, Scheduler

    clinic = Scheduler(MemoryStore()).practice("riverside")

Everything a user needs day to day is here; the exceptions are in `medsched.errors` too.
"""

from medsched.adapters.memory import MemoryStore
from medsched.adapters.tzdata import TzdataZones
from medsched.domain.agendas import AppointmentOrder
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
from medsched.domain.availability import AvailabilityRule, Override, OverrideKind, RecurringBlocking
from medsched.domain.bookings import WallTime
from medsched.domain.claims import Claim, ClaimKind, Session, Span
from medsched.domain.events import Event, NumberedEvent
from medsched.domain.explanations import Coverage, Explanation, Layer, Stretch
from medsched.domain.findings import Finding, FindingKind
from medsched.domain.holds import Hold
from medsched.domain.hours import Hours
from medsched.domain.pages import Page
from medsched.domain.people import Patient, Provider, Staff, Travel
from medsched.domain.places import (
    Address,
    Device,
    Location,
    LocationKind,
    PracticeSettings,
    Room,
)
from medsched.domain.principals import Principal
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.refusals import BookingRefused
from medsched.domain.requests import Reason, Request, Violation
from medsched.domain.slot_overrides import SlotOverride
from medsched.domain.slots import Slot, Slots, SlotStatus, Summary
from medsched.domain.starts import Start
from medsched.domain.stranding import AppointmentsStranded, Proposal, Stranded, Stranding
from medsched.errors import (
    AlreadyExists,
    AmbiguousTime,
    ClinicFileError,
    ContradictoryOverrides,
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
    MedschedError,
    MissingExtra,
    NaiveDatetime,
    NonexistentTime,
    NotAllowed,
    NotFound,
    OutcomeUnknown,
    OutOfRange,
    OutsideHours,
    OverlappingRules,
    Problem,
    SchemaMismatch,
    SlotsOverlap,
    StorageBusy,
    StorageError,
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
    "Address",
    "AlreadyExists",
    "AmbiguousTime",
    "Appointment",
    "AppointmentOrder",
    "AppointmentStatus",
    "AppointmentType",
    "AppointmentsStranded",
    "AvailabilityRule",
    "BookingRefused",
    "ByDay",
    "Claim",
    "ClaimKind",
    "ClinicFileError",
    "ContradictoryOverrides",
    "Coverage",
    "Device",
    "Disambiguation",
    "Event",
    "Explanation",
    "Finding",
    "FindingKind",
    "Frequency",
    "Grid",
    "GridKind",
    "Hold",
    "HoldExpired",
    "Hours",
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
    "Layer",
    "Location",
    "LocationKind",
    "MedschedError",
    "MemoryStore",
    "MissingExtra",
    "Modality",
    "Move",
    "NaiveDatetime",
    "Need",
    "NonexistentTime",
    "NotAllowed",
    "NotFound",
    "NumberedEvent",
    "OutOfRange",
    "OutcomeUnknown",
    "OutsideHours",
    "OverlappingRules",
    "Override",
    "OverrideKind",
    "Page",
    "Participant",
    "Participation",
    "Patient",
    "Practice",
    "PracticeSettings",
    "Pricing",
    "Principal",
    "Problem",
    "Proposal",
    "Provider",
    "Reason",
    "Recurrence",
    "RecurringBlocking",
    "Request",
    "Resource",
    "ResourceKind",
    "Room",
    "Scheduler",
    "SchemaMismatch",
    "Session",
    "Slot",
    "SlotOverride",
    "SlotStatus",
    "Slots",
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
    "TransactionLost",
    "Travel",
    "TzdataZones",
    "UnknownZone",
    "VersionConflict",
    "Violation",
    "WallTime",
    "Weekday",
]
