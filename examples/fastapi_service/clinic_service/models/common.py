"""Values that all requests are made of, each as strict as its format, and how answers are made."""

from datetime import date, datetime, timedelta
from enum import Enum
from typing import Annotated, Any, Self, TypeVar, get_type_hints

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    create_model,
    model_validator,
)
from pydantic import StringConstraints as Text

from medsched import MedschedError
from medsched.timeline.instants import check_date, minute_of

T = TypeVar("T")


_LONGEST = timedelta(days=186)
"""How many days of slots are told at once."""


class Body(BaseModel):
    """What is asked for: fields are called as the library calls them, on the wire as documented."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def stated(self, *but: str) -> dict[str, Any]:
        """The fields that are not left out, save some."""
        return {name: value for name, value in self if value is not None and name not in but}


class Out(BaseModel):
    """What is told of an object of the library, read from its attributes."""

    model_config = ConfigDict(from_attributes=True)


def told(noun: type[Any], names: str) -> Any:
    """A model that tells some fields of a noun, called as the library calls them."""
    hints = get_type_hints(noun)
    fields = {name: (_plain(hints.get(name, str)), ...) for name in names.split()}
    made: Any = create_model(f"{noun.__name__}Out", __base__=Out, **fields)  # type: ignore[call-overload]
    return made


def _plain(hint: Any) -> Any:
    if getattr(hint, "__origin__", None) is frozenset:
        return Sorted
    return str if isinstance(hint, type) and issubclass(hint, Enum) else hint


def _written(value: object) -> object:
    """Dates and times are written as ISO 8601, never as seconds since some year."""
    if not isinstance(value, str) or len(value) < 10 or value[4] != "-":
        raise ValueError("write it as in ISO 8601")
    return value


def _known(value: T) -> T:
    """The library computes with the years 1973 to 9998."""
    try:
        if isinstance(value, datetime):
            minute_of(value, "instant", rounding="down")
        elif isinstance(value, date):
            check_date(value, "date")
    except MedschedError:
        raise ValueError("years from 1973 to 9998 are known") from None
    return value


def _whole_minute(value: datetime) -> datetime:
    if value.second or value.microsecond:
        raise ValueError("a start has whole minutes")
    return value


_LINE = r"[^\x00-\x1f\x7f-\x9f]"
_ID = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": rf"^{_LINE}+$"}

Id = Annotated[str, Text(min_length=1, max_length=255, pattern=rf"^{_LINE}+$")]
AnyId = Annotated[
    Id,
    BeforeValidator(lambda id: str(id) if type(id) is int else id),
    WithJsonSchema({"anyOf": [_ID, {"type": "integer"}]}),
]
"""An id that may be written as a number."""
SlotId = Annotated[str, Text(min_length=1, max_length=2000, pattern=r"^[A-Za-z0-9_-]+$")]
Cursor = Annotated[str, Text(min_length=1, max_length=1000, pattern=r"^[!-~]+$")]
Note = Annotated[str, Text(max_length=500, pattern=rf"^(?:{_LINE}|[\t\n\r])*$")]
Word = Annotated[str, Text(min_length=1, max_length=255, pattern=rf"^{_LINE}*\S{_LINE}*$")]
Name = Annotated[str, Text(min_length=1, max_length=100, pattern=rf"^{_LINE}*\S{_LINE}*$")]
Phone = Annotated[str, Text(max_length=60, pattern=r"^[0-9+() ./x-]*$")]
Day = Annotated[date, BeforeValidator(_written), AfterValidator(_known)]
BirthDay = Annotated[date, BeforeValidator(_written)]
Instant = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_known)]
StartAt = Annotated[Instant, AfterValidator(_whole_minute)]
WallClock = Annotated[str, Text(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
WallEnd = Annotated[str, Text(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")]
Zone = Annotated[str, Text(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9_+/-]+$")]
Limit = Annotated[int, Field(ge=1, le=1000)]
Ids = Annotated[list[Id], Field(min_length=1, max_length=200)]
Wall = Annotated[str, BeforeValidator(lambda at: f"{at:%H:%M}")]
Sorted = Annotated[list[str], BeforeValidator(sorted)]


class Between(Body):
    """Slots on some local dates, both inclusive."""

    first: Day = Field(alias="start_date", examples=["2026-03-02"])
    last: Day = Field(alias="end_date", examples=["2026-03-06"])
    types: Id | None = Field(None, alias="appointment_type")
    timezone: Zone | None = None

    @model_validator(mode="after")
    def _not_too_long(self) -> Self:
        if self.last - self.first > _LONGEST:
            raise ValueError(f"at most {_LONGEST.days} days are told at once")
        return self
