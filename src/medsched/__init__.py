"""Scheduling for health care: availability rules in, exact bookable slots out.

    from medsched import MemoryStore, Scheduler

    clinic = Scheduler(MemoryStore()).practice("riverside")

Everything a user needs day to day is here; the exceptions are in `medsched.errors` too.
"""

from medsched.adapters.memory import MemoryStore
from medsched.adapters.tzdata import TzdataZones
from medsched.domain.appointment_types import (
    AppointmentType,
    Grid,
    GridKind,
    Modality,
    Need,
    Pricing,
)
from medsched.domain.availability import AvailabilityRule, Override, OverrideKind, RecurringBlocking
from medsched.domain.claims import Claim, ClaimKind, Session
from medsched.domain.explanations import Coverage, Explanation, Layer, Stretch
from medsched.domain.findings import Finding, FindingKind
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
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.requests import Reason, Request, Violation
from medsched.domain.slots import Slot, Slots, SlotStatus, Summary
from medsched.errors import (
    AlreadyExists,
    AmbiguousTime,
    ClinicFileError,
    ContradictoryOverrides,
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
    InvalidValue,
    InvalidWallTime,
    MedschedError,
    MissingExtra,
    NaiveDatetime,
    NonexistentTime,
    NotFound,
    OutOfRange,
    OverlappingRules,
    Problem,
    StorageBusy,
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
    "AppointmentType",
    "AvailabilityRule",
    "ByDay",
    "Claim",
    "ClaimKind",
    "ClinicFileError",
    "ContradictoryOverrides",
    "Coverage",
    "Device",
    "Disambiguation",
    "Explanation",
    "Finding",
    "FindingKind",
    "Frequency",
    "Grid",
    "GridKind",
    "Hours",
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
    "InvalidValue",
    "InvalidWallTime",
    "Layer",
    "Location",
    "LocationKind",
    "MedschedError",
    "MemoryStore",
    "MissingExtra",
    "Modality",
    "NaiveDatetime",
    "Need",
    "NonexistentTime",
    "NotFound",
    "OutOfRange",
    "OverlappingRules",
    "Override",
    "OverrideKind",
    "Page",
    "Patient",
    "Practice",
    "PracticeSettings",
    "Pricing",
    "Problem",
    "Provider",
    "Reason",
    "Recurrence",
    "RecurringBlocking",
    "Request",
    "Resource",
    "ResourceKind",
    "Room",
    "Scheduler",
    "Session",
    "Slot",
    "SlotStatus",
    "Slots",
    "Staff",
    "StorageBusy",
    "Stretch",
    "Summary",
    "Travel",
    "TzdataZones",
    "UnknownZone",
    "VersionConflict",
    "Violation",
    "Weekday",
]
