"""Time blocks and reservations (seed 004); holds, the waitlist and its offers (seed 001)."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from pydantic import AliasGenerator, AwareDatetime, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from clinic_service.models import common
from clinic_service.models.common import Body, Day, Id, Note, Out

_STATUSES = {"booked": "CONFIRMED"}
Urgency = Annotated[int, Field(ge=0, le=1000)]
Lasting = Annotated[int, Field(ge=1, le=10_080)]


class CamelBody(Body):
    """A body whose fields are written as seed 004 writes them."""

    model_config = ConfigDict(alias_generator=to_camel)


class CamelOut(Out):
    """An answer whose fields are written so."""

    model_config = ConfigDict(alias_generator=AliasGenerator(serialization_alias=to_camel))


class NewBlock(CamelBody):
    """A stretch of a doctor's time for exactly one appointment; the caller's own unless said."""

    doctor_id: Id | None = None
    date: Day
    start_time: common.WallClock
    end_time: common.WallEnd
    appointment_types: Annotated[list[Id], Field(min_length=1, max_length=50)] | None = None


class BlocksAsked(CamelBody):
    """Which time blocks are listed."""

    doctor_id: Id | None = None
    first: Day | None = None
    last: Day | None = None
    available: bool | None = None


class BlockOut(CamelOut):
    """A time block, and when it begins and ends."""

    id: str
    doctor_id: str
    start_time: AwareDatetime
    end_time: AwareDatetime
    appointment_types: list[str] | None
    is_active: bool


class NewReservation(CamelBody):
    """A block that a patient asks for: the caller, unless it is said who."""

    time_block_id: Id
    patient_id: Id | None = None
    doctor_id: Id | None = None
    appointment_type: Id = "consultation"
    notes: Note = ""
    reason: Note = ""


class ReservationOut(CamelOut):
    """An appointment in a time block."""

    id: str
    date: AwareDatetime = Field(validation_alias="start")
    time_block_id: str = Field(validation_alias="block")
    patient_id: str = Field(validation_alias="patient")
    doctor_id: str = Field(validation_alias="provider")
    status: Annotated[str, BeforeValidator(lambda one: _STATUSES.get(one, str(one).upper()))]
    notes: str
    reason: str


class NewHold(Body):
    """A slot that is to be kept while a person decides."""

    slot_id: common.SlotId
    patient: Id | None = None
    minutes: Lasting = 10


class HoldOut(Out):
    """A slot that is kept until it expires."""

    id: str
    provider: str
    patient: str | None
    appointment_type: str = Field(validation_alias="type")
    location: str | None
    start_time: AwareDatetime = Field(validation_alias="start")
    end_time: AwareDatetime = Field(validation_alias="end")
    expires: AwareDatetime


class Confirmation(Body):
    """Who takes what was kept, and why they come."""

    patient: Id | None = None
    reason: Note = ""
    notes: Note = ""


class FirstWanted(Body):
    """The first slot that fulfils all of this, with whoever has it."""

    patient: Id | None = None
    appointment_type: Id = "consultation"
    first_date: Day
    last_date: Day
    providers: Annotated[list[Id], Field(max_length=200)] | None = None
    specialty: common.Word | None = None
    language: common.Word | None = None
    insurer: common.Word | None = None
    reason: Note = ""


class CalendarWanted(Body):
    """What is shown in one calendar of all providers who match."""

    start_date: Day
    end_date: Day
    appointment_type: Id | None = None
    provider: Id | None = None
    specialty: common.Word | None = None
    language: common.Word | None = None
    insurer: common.Word | None = None
    location: Id | None = None
    timezone: common.Zone | None = None
    limit: common.Limit = 100
    cursor: common.Cursor | None = None


class NewEntry(Body):
    """What a patient waits for, on dates that are both inclusive."""

    patient: Id | None = None
    appointment_type: Id = "consultation"
    providers: Annotated[list[Id], Field(max_length=200)] = []
    earliest: Day
    latest: Day
    urgency: Urgency = 0
    notes: Note = ""


class EntryOut(Out):
    """Who waits, and how it stands."""

    id: str
    patient: str
    appointment_type: str = Field(validation_alias="type")
    providers: common.Sorted
    earliest: dt.date
    latest: dt.date
    urgency: int
    entered_at: AwareDatetime
    status: str
    offer: str | None
    appointment: str | None


class HowUrgent(Body):
    """How urgent it is, 0 to 1000."""

    urgency: Urgency


class NewOffer(Body):
    """A slot that is offered out of order, and why."""

    slot_id: common.SlotId
    reason: Annotated[Note, Field(min_length=1, pattern=r"\S")]
    minutes: Lasting = 30


class OfferOut(Out):
    """A patient's chance at freed time, until it expires."""

    id: str
    entry: str
    patient: str
    provider: str
    appointment_type: str = Field(validation_alias="type")
    location: str | None
    start_time: AwareDatetime = Field(validation_alias="start")
    end_time: AwareDatetime = Field(validation_alias="end")
    expires: AwareDatetime
    status: str


class PositionOut(Out):
    """Where an entry stands; ``estimate`` is no promise."""

    entry: str
    position: int
    among: int
    accepted: int
    estimate: dt.timedelta | None


class Answered(Body):
    """What a patient says to an offer; the caller's own unless it is said whose."""

    patient: Id | None = None
    reason: Note = ""


class ResourceOut(Out):
    """Whom or what one can choose from."""

    id: str
    name: str
    timezone: str | None = None
    location: str | None = None
    specialties: common.Sorted = []
    minutes: int | None = None
