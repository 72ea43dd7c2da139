"""Time blocks and reservations (seed 004); searches, holds and the waitlist (seed 001)."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StrictInt

import medsched as ms
from clinic_service.models import common
from clinic_service.models.availability import CalendarSlotOut
from clinic_service.models.common import Between, Body, Day, Id, Ids, Note, Word, shape, told

_STATUSES = {"booked": "CONFIRMED"}
Urgency = Annotated[StrictInt, Field(ge=0, le=1000)]
Lasting = Annotated[StrictInt, Field(ge=1, le=60), common.AsMinutes]
Standing = Annotated[StrictInt, Field(ge=1, le=10_080), common.AsMinutes]


class NewBlock(Body):
    """A stretch of a doctor's time for exactly one appointment; the caller's own unless said."""

    provider: Id | None = Field(None, alias="doctorId")
    date: Day = Field(examples=["2026-03-02"])
    start: common.WallClock = Field(alias="startTime", examples=["09:00"])
    end: common.WallEnd = Field(alias="endTime", examples=["09:45"])
    types: Ids | None = Field(None, alias="appointmentTypes")


class BlocksAsked(Body):
    """Which time blocks are listed."""

    provider: Id | None = Field(None, alias="doctorId")
    first: Day | None = None
    last: Day | None = None
    free: bool | None = Field(None, alias="available")


class NewReservation(Body):
    """A block that a patient asks for: the caller, unless it is said who."""

    block: Id = Field(alias="timeBlockId")
    patient: Id | None = Field(None, alias="patientId")
    doctor: Id | None = Field(None, alias="doctorId")
    type: Id = Field("consultation", alias="appointmentType")
    notes: Note = ""
    reason: Note = ""


class Whom(Body):
    """Who will do: all that is stated must hold."""

    providers: Ids | None = None
    specialty: Word | None = None
    language: Word | None = None
    insurer: Word | None = None
    location: Id | None = None


class CalendarWanted(Between, Whom):
    """What is shown in one calendar of all providers who match."""

    limit: common.Limit = 100
    cursor: common.Cursor | None = None


class Confirmation(Body):
    """Who takes what was kept or offered, the caller unless it is said, and why they come."""

    patient: Id | None = None
    reason: Note = ""


class FirstWanted(Between, Whom, Confirmation):
    """The first slot that fulfils all of this, with whoever has it."""


class NewHold(Body):
    """A slot that is to be kept while a person decides."""

    slot: common.SlotId = Field(alias="slot_id")
    patient: Id | None = None
    lasting: Lasting = Field(10, alias="minutes")


class NewEntry(Body):
    """What a patient waits for, on dates that are both inclusive.

    ``location``: where; the place of the providers who are named, unless stated.
    """

    patient: Id | None = None
    location: Id | None = None
    type: Id = Field(examples=["consultation"])
    providers: Ids | None = None
    earliest: Day = Field(examples=["2026-03-02"])
    latest: Day = Field(examples=["2026-03-31"])
    urgency: Urgency | None = None
    notes: Note = ""


class HowUrgent(Body):
    """How urgent it is, 0 to 1000."""

    urgency: Urgency


class NewOffer(Body):
    """A slot that is offered out of order, and why."""

    slot: common.SlotId = Field(alias="slot_id")
    reason: Annotated[Word, Field(max_length=500)]
    lasting: Standing = Field(30, alias="minutes")


_WHEN = "provider type location start end expires"
HoldOut: Any = told("Hold", ms.Hold, f"id patient {_WHEN}")
OfferOut: Any = told("Offer", ms.WaitlistOffer, f"id entry patient {_WHEN} status")
EntryOut: Any = told(
    "Entry",
    ms.WaitlistEntry,
    "id patient type providers earliest latest urgency entered_at status offer appointment",
)
PositionOut: Any = told("Position", ms.WaitlistPosition, "entry position among accepted estimate")
LocationOut: Any = told("Location", ms.Location, "id name timezone")
ProviderOut: Any = told("Provider", ms.Provider, "id name timezone location specialties languages")
TypeOut: Any = told("Type", ms.AppointmentType, "code name duration modality")
SlotPage: Any = shape("SlotPage", "", slots=list[CalendarSlotOut], next=str | None)
BlockOut: Any = shape("Block", "id doctorId", startTime=datetime, endTime=datetime, isActive=bool)
ReservationOut: Any = told(
    "Reservation",
    ms.Appointment,
    "id date=start timeBlockId=block patientId=patient doctorId=provider status notes reason",
    status=Annotated[str, BeforeValidator(lambda one: _STATUSES.get(one, str(one).upper()))],
)
