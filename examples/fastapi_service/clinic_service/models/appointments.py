"""Appointments as the documented API of seed 002 tells them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
)

from clinic_service.models.common import AnyId, Body, Instant, Limit, Note, Out, StartAt, Word

_STATUSES = {"scheduled": "booked", "completed": "fulfilled", "no_show": "noshow"}
_SHOWN = {theirs: ours for ours, theirs in _STATUSES.items()}
_SAFE = 2**53


def _shown_id(id: Any) -> Any:
    """Ids that are whole numbers are told as numbers, as they are documented."""
    plain = isinstance(id, str) and id.isascii() and id.isdigit() and id == str(int(id[:20]))
    return int(id) if plain and int(id) < _SAFE else id


def library_status(status: str | None) -> str | None:
    """What the library calls a status."""
    return None if status is None else _STATUSES.get(status, status)


ShownId = Annotated[int | str, BeforeValidator(_shown_id)]
Status = Annotated[str, BeforeValidator(lambda status: _SHOWN.get(status, str(status)))]


class NewAppointment(Body):
    """What is to be booked; ``end_time`` is when the slot ends."""

    patient: AnyId = Field(examples=[1])
    provider: AnyId = Field(examples=[5])
    facility: AnyId | None = Field(None, examples=[3])
    appointment_type: AnyId = Field("consultation", examples=["consultation"])
    reason: Note = ""
    notes: Note = ""
    start_time: StartAt
    end_time: Instant

    @field_validator("end_time")
    @classmethod
    def _long_enough(cls, end: Any, info: ValidationInfo) -> Any:
        start = info.data.get("start_time")
        if start is not None and end - start < timedelta(minutes=5):
            raise ValueError("it ends at least five minutes after its start")
        return end


class AppointmentChange(Body):
    """The same, all of it optional; whose visit it is, and of which type, stays."""

    patient: AnyId | None = None
    provider: AnyId | None = None
    facility: AnyId | None = None
    appointment_type: AnyId | None = None
    reason: Note | None = None
    notes: Note | None = None
    start_time: StartAt | None = None
    end_time: Instant | None = None


class Asked(Body):
    """Which appointments are listed, and which page of them."""

    provider: AnyId | None = None
    patient: AnyId | None = None
    facility: AnyId | None = None
    status: Literal["scheduled", "completed", "cancelled", "no_show", "pending"] | None = None
    appointment_type: AnyId | None = None
    search: Word | None = None
    ordering: Literal["start_time", "-start_time", "created_at", "-created_at"] = "start_time"
    start_after: Instant | None = None
    start_before: Instant | None = None
    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    page_size: Limit = 25


class AppointmentOut(Out):
    """An appointment with the names that whoever asks may see."""

    id: ShownId
    patient: ShownId
    patient_name: str = ""
    provider: ShownId
    provider_name: str = ""
    facility: Annotated[ShownId | None, Field(validation_alias="location")]
    facility_name: str = ""
    appointment_type: str = Field(validation_alias="type")
    reason: str
    status: Status
    start_time: AwareDatetime = Field(validation_alias="start")
    end_time: AwareDatetime = Field(validation_alias="end")
    created_at: AwareDatetime
    updated_at: AwareDatetime


class Detail(AppointmentOut):
    """The same with what was sent about it: nothing, until notifications come."""

    notifications_sent: list[dict[str, str]] = []


class Paged(BaseModel):
    """A page: how many there are in all, and where those before and after it are."""

    count: int
    next: str | None
    previous: str | None
    results: list[AppointmentOut]


class Conflict(BaseModel):
    """What else takes the time."""

    id: ShownId
    start_time: AwareDatetime
    end_time: AwareDatetime
    patient__first_name: str
    patient__last_name: str


class Conflicts(BaseModel):
    """What else takes the time of each who is needed."""

    has_conflicts: bool
    conflicts: dict[str, list[Conflict]]


OutT = TypeVar("OutT", bound=AppointmentOut)
