"""Values that all requests are made of, each as strict as its format."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)

from medsched.errors import MedschedError
from medsched.timeline.instants import check_date, minute_of


class Body(BaseModel):
    """The body of a request."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _whole_number_as_text(value: object) -> object:
    """Ids are texts; documented requests write some as numbers."""
    return str(value) if type(value) is int else value


def _written(value: object) -> object:
    """Dates and times are written as ISO 8601, never as seconds since some year."""
    if not isinstance(value, str) or len(value) < 10 or value[4] != "-":
        raise ValueError("write it as in ISO 8601")
    return value


def _in_range(value: Any) -> Any:
    """The library computes with the years 1973 to 9998; what it refuses is no valid request."""
    try:
        if isinstance(value, datetime):
            minute_of(value, rounding="down")
        else:
            check_date(value, "date")
    except MedschedError:
        raise ValueError("years from 1973 to 9998 are known") from None
    return value


def _whole_minute(value: Any) -> Any:
    if value.second or value.microsecond:
        raise ValueError("a start has whole minutes")
    return value


_PLAIN = r"^[^\x00-\x1f\x7f-\x9f]+$"

Id = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=_PLAIN, strict=True)]
"""An id of whatever kind: opaque, no control characters."""
AnyId = Annotated[
    Id,
    BeforeValidator(_whole_number_as_text),
    WithJsonSchema({"anyOf": [{"type": "string", "minLength": 1}, {"type": "integer"}]}),
]
"""The same, which may be written as a number."""
Note = Annotated[
    str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$")
]
Word = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f-\x9f]*\S[^\x00-\x1f\x7f-\x9f]*$"
    ),
]
Day = Annotated[date, BeforeValidator(_written), AfterValidator(_in_range)]
Instant = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_in_range)]
StartAt = Annotated[Instant, AfterValidator(_whole_minute)]
WallClock = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
WallEnd = Annotated[str, StringConstraints(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")]
Zone = Annotated[
    str, StringConstraints(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9_+\-/]+$")
]
Minutes = Annotated[int, Field(ge=1, le=1440)]
Limit = Annotated[int, Field(ge=1, le=1000)]


class Out(BaseModel):
    """What is told of an object of the library, read from its attributes."""

    model_config = ConfigDict(from_attributes=True)


def _wall(value: Any) -> Any:
    return f"{value:%H:%M}" if isinstance(value, datetime) else value


Cursor = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[!-~]+$")]
WallOut = Annotated[str, BeforeValidator(_wall)]
Sorted = Annotated[list[str], BeforeValidator(sorted)]
Listed = Annotated[str, BeforeValidator(lambda some: ", ".join(sorted(some)))]
SlotId = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[\w-]+$")]
