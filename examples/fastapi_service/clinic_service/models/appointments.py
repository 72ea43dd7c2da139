"""Appointments as the documented API of seed 002 tells them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BeforeValidator, Field

from clinic_service.models import common
from clinic_service.models.common import AnyId, Body, Instant, Limit, Note, Out, Status, Word, shape


def _shown_id(id: Any) -> Any:
    """Ids that are whole numbers are told as numbers, as they are documented."""
    plain = isinstance(id, str) and id.isascii() and id.isdigit() and len(id) < 16
    return int(id) if plain and str(int(id)) == id else id


ShownId = Annotated[int | str, BeforeValidator(_shown_id)]
State = Literal["scheduled", "completed", "cancelled", "no_show", "pending"]


class AppointmentChange(Body):
    """What is to be another; whose visit it is, and of which type, stays."""

    patient: AnyId | None = None
    provider: AnyId | None = None
    location: AnyId | None = Field(None, alias="facility", examples=[3])
    type: AnyId | None = Field(None, alias="appointment_type")
    reason: Note | None = None
    notes: Note | None = None
    start: Instant | None = Field(None, alias="start_time")
    end: Instant | None = Field(None, alias="end_time")


class NewAppointment(AppointmentChange):
    """What is to be booked; ``end_time`` is when the slot ends."""

    patient: AnyId = Field(examples=[1])
    provider: AnyId = Field(examples=[5])
    type: AnyId = Field("consultation", alias="appointment_type")
    start: Instant = Field(alias="start_time", examples=["2025-01-15T10:00:00Z"])
    end: Instant = Field(alias="end_time", examples=["2025-01-15T10:30:00Z"])


class Asked(Body):
    """Which appointments are listed, and which page of them."""

    provider: AnyId | None = None
    patient: AnyId | None = None
    location: AnyId | None = Field(None, alias="facility")
    status: Annotated[State, common.Asked] | None = None
    type: AnyId | None = Field(None, alias="appointment_type")
    search: Word | None = None
    ordering: Literal["start_time", "-start_time", "created_at", "-created_at"] = "start_time"
    since: Instant | None = Field(None, alias="start_after")
    before: Instant | None = Field(None, alias="start_before")
    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    page_size: Limit = 25


class AppointmentOut(Out):
    """An appointment with the names that whoever asks may see."""

    id: ShownId
    patient: ShownId
    patient_name: str
    provider: ShownId
    provider_name: str
    facility: ShownId | None = Field(validation_alias="location")
    facility_name: str = Field(validation_alias="location_name")
    appointment_type: str = Field(validation_alias="type")
    reason: str
    status: Status
    start_time: AwareDatetime = Field(validation_alias="start")
    end_time: AwareDatetime = Field(validation_alias="end")
    created_at: AwareDatetime
    updated_at: AwareDatetime


class Detail(AppointmentOut):
    """The same with what was sent about it: nothing, until notifications come."""

    notifications_sent: list[dict[str, str]] = Field([])


_ELSEWHERE = dict.fromkeys(("next", "previous"), str | None)
Paged: Any = shape("Paged", "", count=int, results=list[AppointmentOut], **_ELSEWHERE)
"""A page: how many there are in all, and where those before and after it are."""
_NAMES = "patient__first_name patient__last_name"
Conflict: Any = shape("Conflict", _NAMES, id=ShownId, start_time=datetime, end_time=datetime)
Conflicts: Any = shape("Conflicts", "", has_conflicts=bool, conflicts=dict[str, list[Conflict]])
