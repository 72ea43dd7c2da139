"""Physicians, their schedules, appointments and patients (seed 003)."""

import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AliasPath,
    AwareDatetime,
    BeforeValidator,
    Field,
    model_validator,
)

from clinic_service.models.common import (
    Between,
    BirthDay,
    Body,
    Day,
    Id,
    Name,
    Note,
    Out,
    Phone,
    Wall,
    WallClock,
    WallEnd,
    Word,
)

_STATUSES = {"scheduled": "booked", "completed": "fulfilled", "no-show": "noshow"}
_SHOWN = {theirs: ours for ours, theirs in _STATUSES.items()}
AskedStatus = Annotated[
    Literal["scheduled", "completed", "cancelled", "no-show"],
    AfterValidator(lambda status: _STATUSES.get(status, status)),
]


class Hours(Body):
    """A physician's hours on one day of the week, 0 for Sunday to 6."""

    location_id: Id | None = None
    day_of_week: Annotated[int, Field(ge=0, le=6)]
    start_time: WallClock = Field(examples=["09:00"])
    end_time: WallEnd = Field(examples=["17:00"])
    lunch_start: WallClock | None = None
    lunch_end: WallClock | None = None
    is_active: bool = True

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.lunch_start is None) != (self.lunch_end is None):
            raise ValueError("a lunch has a start and an end")
        return self


class HoursOut(Hours):
    """The same as they are stored. Hours on several days are told day by day, under one id."""

    id: str
    physician_id: str


class TimeOff(Body):
    """Dates on which a physician is away, both inclusive."""

    first: Day = Field(alias="start_date")
    last: Day = Field(alias="end_date")
    reason: Annotated[Note, Field(max_length=100)] = ""


class TimeOffOut(Out):
    """The same as it is stored."""

    id: str
    physician_id: str = Field(validation_alias=AliasPath("resource", "id"))
    start_date: dt.date = Field(validation_alias="first")
    end_date: dt.date = Field(validation_alias="last")
    reason: str


class SlotsAsked(Between):
    """Which slots: of a day, or of some days."""

    last: Day = Field(alias="end_date", default_factory=lambda said: said["first"])


class Asked(Body):
    """Which appointments are listed."""

    provider: Id | None = Field(None, alias="physician_id")
    patient: Id | None = Field(None, alias="patient_id")
    status: AskedStatus | None = None


class OtherTime(Body):
    """Where a visit is to be moved: a start on the wall of the place."""

    provider: Id | None = Field(None, alias="physician_id")
    location: Id | None = Field(None, alias="location_id")
    day: Day = Field(alias="appointment_date", examples=["2026-03-09"])
    start_time: WallClock = Field(examples=["09:30"])


class NewVisit(OtherTime):
    """What is to be booked; ``patient_id`` is the caller's own unless stated."""

    patient: Id | None = Field(None, alias="patient_id")
    provider: Id = Field(alias="physician_id", examples=["smith"])
    type: Id = Field("consultation", alias="appointment_type")
    reason: Note = Field("", alias="reason_for_visit")
    notes: Note = ""


class VisitChange(Body):
    """What may be said anew of a visit; whose it is, and when, is not changed by this."""

    reason: Note | None = Field(None, alias="reason_for_visit")
    notes: Note | None = None


class VisitOut(Out):
    """An appointment, its times on the wall that it was agreed on."""

    id: str
    patient_id: str = Field(validation_alias="patient")
    physician_id: str = Field(validation_alias="provider")
    location_id: str | None = Field(validation_alias="location")
    appointment_date: Annotated[dt.date, BeforeValidator(dt.datetime.date)] = Field(
        validation_alias=AliasPath("wall", "start")
    )
    start_time: Wall = Field(validation_alias=AliasPath("wall", "start"))
    end_time: str = ""
    timezone: str = Field(validation_alias=AliasPath("wall", "timezone"))
    status: Annotated[str, BeforeValidator(lambda status: _SHOWN.get(status, str(status)))]
    reason_for_visit: str = Field(validation_alias="reason")
    notes: str
    created_at: AwareDatetime
    updated_at: AwareDatetime


class PatientChange(Body):
    """What may be written anew of a patient; what is left out stays."""

    first_name: Name | None = None
    last_name: Name | None = None
    birth_date: BirthDay | None = Field(None, alias="date_of_birth")
    phone: Phone | None = None
    address: Word | None = None
    insurer: Word | None = Field(None, alias="insurance_provider")
    insurance_number: Annotated[Name, Field(max_length=60)] | None = Field(
        None, alias="insurance_id"
    )


class PatientOut(Out):
    """A patient."""

    id: str
    first_name: Annotated[str, BeforeValidator(lambda name: name.partition(" ")[0])] = Field(
        validation_alias="name"
    )
    last_name: Annotated[str, BeforeValidator(lambda name: name.partition(" ")[2])] = Field(
        validation_alias="name"
    )
    date_of_birth: dt.date | None = Field(validation_alias="birth_date")
    phone: str
    address: Annotated[str, BeforeValidator(lambda one: str(one or ""))]
    insurance_provider: str = Field(validation_alias="insurer")
    insurance_id: str = Field(validation_alias="insurance_number")
