"""Time blocks and reservations (seed 004); searches, holds and the waitlist (seed 001)."""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AliasGenerator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)
from pydantic.alias_generators import to_camel

import medsched as ms
from clinic_service.models import common
from clinic_service.models.availability import SlotOut
from clinic_service.models.common import Between, Body, Day, Id, Ids, Note, Out, Word, told

_STATUSES = {"booked": "CONFIRMED"}
Urgency = Annotated[int, Field(ge=0, le=1000)]
Lasting = Annotated[
    int, Field(ge=1, le=10_080), AfterValidator(lambda minutes: timedelta(minutes=minutes))
]


class CamelBody(Body):
    """A body whose fields are written as seed 004 writes them."""

    model_config = ConfigDict(alias_generator=to_camel)


class CamelOut(Out):
    """An answer whose fields are written so."""

    model_config = ConfigDict(alias_generator=AliasGenerator(serialization_alias=to_camel))


class NewBlock(CamelBody):
    """A stretch of a doctor's time for exactly one appointment; the caller's own unless said."""

    doctor_id: Id | None = None
    date: Day = Field(examples=["2026-03-02"])
    start_time: common.WallClock = Field(examples=["09:00"])
    end_time: common.WallEnd = Field(examples=["09:45"])
    appointment_types: Ids | None = None


class BlocksAsked(Body):
    """Which time blocks are listed."""

    provider: Id | None = Field(None, alias="doctorId")
    first: Day | None = None
    last: Day | None = None
    free: bool | None = Field(None, alias="available")


class BlockOut(CamelOut):
    """A time block, and when it begins and ends."""

    id: str
    doctor_id: str
    start_time: AwareDatetime
    end_time: AwareDatetime
    is_active: bool


class NewReservation(CamelBody):
    """A block that a patient asks for: the caller, unless it is said who."""

    time_block_id: Id
    patient_id: Id | None = None
    doctor_id: Id | None = None
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


class SlotPage(BaseModel):
    """Some slots in order of start; ``next`` is the cursor of those after them."""

    slots: list[SlotOut]
    next: str | None


class Confirmation(Body):
    """Who takes what was kept or offered, the caller unless it is said, and why they come."""

    patient: Id | None = None
    reason: Note = ""


class FirstWanted(Between, Whom, Confirmation):
    """The first slot that fulfils all of this, with whoever has it."""


class NewHold(Body):
    """A slot that is to be kept while a person decides."""

    slot_id: common.SlotId
    patient: Id | None = None
    minutes: Lasting = Field(10, validate_default=True)


class NewEntry(Body):
    """What a patient waits for, on dates that are both inclusive."""

    patient: Id | None = None
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

    slot_id: common.SlotId
    reason: Annotated[Word, Field(max_length=500)]
    minutes: Lasting = Field(30, validate_default=True)


_WHEN = "provider type location start end expires"
HoldOut: Any = told(ms.Hold, f"id patient {_WHEN}")
OfferOut: Any = told(ms.WaitlistOffer, f"id entry patient {_WHEN} status")
EntryOut: Any = told(
    ms.WaitlistEntry,
    "id patient type providers earliest latest urgency entered_at status offer appointment",
)
PositionOut: Any = told(ms.WaitlistPosition, "entry position among accepted estimate")
LocationOut: Any = told(ms.Location, "id name timezone")
ProviderOut: Any = told(ms.Provider, "id name timezone location specialties languages")
TypeOut: Any = told(ms.AppointmentType, "code name duration modality")
ReservationOut: Any = told(
    ms.Appointment,
    "id date=start timeBlockId=block patientId=patient doctorId=provider status notes reason",
    status=Annotated[str, BeforeValidator(lambda one: _STATUSES.get(one, str(one).upper()))],
)
