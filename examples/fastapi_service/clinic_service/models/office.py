"""Physicians, their schedules, appointments and patients (seed 003)."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import AliasPath, AwareDatetime, BeforeValidator, Field, model_validator

from clinic_service.models.common import (
    Body,
    Day,
    Id,
    Note,
    Out,
    WallClock,
    WallEnd,
    WallOut,
    Word,
    Zone,
)

_STATUSES = {"booked": "scheduled", "fulfilled": "completed", "noshow": "no-show"}
Phone = Annotated[str, Field(max_length=60, pattern=r"^[0-9+() ./x\-]*$")]


class Hours(Body):
    """A physician's hours on one day of the week, 0 for Sunday to 6."""

    location_id: Id | None = None
    day_of_week: Annotated[int, Field(ge=0, le=6)]
    start_time: WallClock
    end_time: WallEnd
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

    start_date: Day
    end_date: Day
    reason: Annotated[Note, Field(max_length=100)] = ""


class TimeOffOut(Out):
    """The same as it is stored."""

    id: str
    physician_id: str = Field(validation_alias=AliasPath("resource", "id"))
    start_date: dt.date = Field(validation_alias="first")
    end_date: dt.date = Field(validation_alias="last")
    reason: str


class SlotsAsked(Body):
    """Which slots: of a day, or of some days."""

    start_date: Day
    end_date: Day | None = None
    appointment_type: Id | None = None
    timezone: Zone | None = None


class Asked(Body):
    """Which appointments are listed."""

    physician_id: Id | None = None
    patient_id: Id | None = None
    status: Literal["scheduled", "completed", "cancelled", "no-show"] | None = None


class NewVisit(Body):
    """What is to be booked, on the wall of the place; ``patient_id`` is the caller's own else."""

    patient_id: Id | None = None
    physician_id: Id
    location_id: Id | None = None
    appointment_date: Day
    start_time: WallClock
    appointment_type: Id = "consultation"
    reason_for_visit: Note = ""
    notes: Note = ""


class VisitChange(Body):
    """What may be said anew of a visit; whose it is, and when, is not changed by this."""

    reason_for_visit: Note | None = None
    notes: Note | None = None


class OtherTime(Body):
    """Where a visit is to be moved."""

    appointment_date: Day
    start_time: WallClock
    physician_id: Id | None = None
    location_id: Id | None = None


class VisitOut(Out):
    """An appointment, its times on the wall that it was agreed on."""

    id: str
    patient_id: str = Field(validation_alias="patient")
    physician_id: str = Field(validation_alias="provider")
    location_id: str | None = Field(validation_alias="location")
    appointment_date: Annotated[dt.date, BeforeValidator(lambda at: at.date())] = Field(
        validation_alias=AliasPath("wall", "start")
    )
    start_time: WallOut = Field(validation_alias=AliasPath("wall", "start"))
    end_time: str = ""
    timezone: str = Field(validation_alias=AliasPath("wall", "timezone"))
    status: Annotated[str, BeforeValidator(lambda one: _STATUSES.get(one, str(one)))]
    reason_for_visit: str = Field(validation_alias="reason")
    notes: str
    created_at: AwareDatetime
    updated_at: AwareDatetime


class PatientChange(Body):
    """What may be written anew of a patient; what is left out stays."""

    first_name: Annotated[Word, Field(max_length=100)] | None = None
    last_name: Annotated[Word, Field(max_length=100)] | None = None
    date_of_birth: Day | None = None
    phone: Phone | None = None
    address: Annotated[Note, Field(max_length=255)] | None = None
    insurance_provider: Word | None = None
    insurance_id: Annotated[Word, Field(max_length=60)] | None = None


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
