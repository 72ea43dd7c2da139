"""Physicians, their schedules, appointments and patients (seed 003)."""

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StrictInt

import medsched as ms
from clinic_service.models import common
from clinic_service.models.common import BirthDay, Body, Day, Id, Name, Note, Word, told

State = Literal["scheduled", "completed", "cancelled", "no-show"]
Lines = Annotated[Word, AfterValidator(lambda address: ms.Address(line=address))]


class Hours(Body):
    """A physician's hours on one day of the week, 0 for Sunday to 6."""

    location: Id | None = Field(None, alias="location_id")
    day: Annotated[StrictInt, Field(ge=0, le=6, alias="day_of_week")]
    start_time: common.WallClock = Field(examples=["09:00"])
    end_time: common.WallEnd = Field(examples=["17:00"])
    lunch_start: common.WallClock | None = None
    lunch_end: common.WallClock | None = None
    active: StrictBool = Field(True, alias="is_active")

    def row(self, physician: str) -> ms.WeeklyHours:
        """The same as the library has them, which says what is wrong with them."""
        hours, lunch = f"{self.start_time}-{self.end_time}", f"{self.lunch_start}-{self.lunch_end}"
        day, breaks = ms.Weekday((self.day - 1) % 7), [] if lunch == "None-None" else [lunch]
        return ms.WeeklyHours(
            physician, day, hours, breaks=breaks, location=self.location, active=self.active
        )


class TimeOff(Body):
    """Dates on which a physician is away, both inclusive."""

    first: Day = Field(alias="start_date")
    last: Day = Field(alias="end_date")
    reason: Annotated[Note, Field(max_length=100)] = ""


class SlotsAsked(common.Between):
    """Which slots: of a day, or of some days."""

    last: Day = Field(
        alias="end_date", default_factory=lambda said: said["first"], validate_default=False
    )


class Asked(Body):
    """Which appointments are listed."""

    provider: Id | None = Field(None, alias="physician_id")
    patient: Id | None = Field(None, alias="patient_id")
    status: Annotated[State, common.Asked] | None = None


class OtherTime(Body):
    """Where a visit is to be moved: a start on the wall of the place."""

    provider: Id | None = Field(None, alias="physician_id")
    location: Id | None = Field(None, alias="location_id")
    day: Day = Field(alias="appointment_date", examples=["2026-03-09"])
    start_time: common.WallClock = Field(examples=["09:30"])


class VisitChange(Body):
    """What may be said anew of a visit; whose it is, and when, is not changed by this."""

    reason: Note | None = Field(None, alias="reason_for_visit")
    notes: Note | None = None


class NewVisit(OtherTime, VisitChange):
    """What is to be booked; ``patient_id`` is the caller's own unless stated."""

    patient: Id | None = Field(None, alias="patient_id")
    provider: Id = Field(alias="physician_id", examples=["smith"])
    type: Id = Field("consultation", alias="appointment_type")


class PatientChange(Body):
    """What may be written anew of a patient; what is left out stays."""

    first_name: Name | None = None
    last_name: Name | None = None
    birth_date: BirthDay | None = Field(None, alias="date_of_birth")
    phone: common.Phone | None = None
    address: Lines | None = None
    insurer: Word | None = Field(None, alias="insurance_provider")
    insurance_number: Annotated[Name, Field(max_length=60)] | None = Field(
        None, alias="insurance_id"
    )


def _lunch(part: int) -> Any:
    """The start (0) or end (2) of the first of some breaks, if there is one."""
    edge = BeforeValidator(lambda breaks: str(*breaks[:1]).partition("-")[part][:5] or None)
    return Annotated[str | None, edge]


HoursOut: Any = told(
    "HoursOut",
    ms.WeeklyHours,
    "id physician_id=resource.id location_id=location day_of_week=day start_time=hours"
    " end_time=hours lunch_start=breaks lunch_end=breaks is_active=active",
    day_of_week=Annotated[int, BeforeValidator(lambda day: (day + 1) % 7)],
    start_time=Annotated[str, BeforeValidator(lambda hours: f"{hours}".split("-")[0][:5])],
    end_time=Annotated[str, BeforeValidator(lambda hours: f"{hours}".split("-")[1][:5])],
    lunch_start=_lunch(0),
    lunch_end=_lunch(2),
)
VisitOut: Any = told(
    "Visit",
    ms.Appointment,
    "id patient_id=patient physician_id=provider location_id=location status notes"
    " appointment_date=wall.start start_time=wall.start timezone=wall.timezone"
    " reason_for_visit=reason created_at updated_at",
    appointment_date=Annotated[dt.date, BeforeValidator(dt.datetime.date)],
    start_time=common.Wall,
    end_time=str,
    status=Annotated[common.Status, AfterValidator(lambda status: status.replace("_", "-"))],
)
TimeOffOut: Any = told(
    "TimeOffOut", ms.Override, "id physician_id=resource.id start_date=first end_date=last reason"
)
PatientOut: Any = told(
    "Patient",
    ms.Patient,
    "id first_name=name last_name=name date_of_birth=birth_date phone address"
    " insurance_provider=insurer insurance_id=insurance_number",
    first_name=Annotated[str, BeforeValidator(common.first_name)],
    last_name=Annotated[str, BeforeValidator(common.last_name)],
    address=Annotated[str, BeforeValidator(lambda address: str(address or ""))],
)
