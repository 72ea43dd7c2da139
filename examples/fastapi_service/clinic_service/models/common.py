"""Values that all requests are made of, each as strict as its format, and how answers are made."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final, Self, get_type_hints

import pydantic
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, Field
from pydantic import StringConstraints as Text

LONGEST: Final = timedelta(days=186)
"""How many days of slots are told at once."""
_FIRST, _LAST = date(1973, 1, 1), date(9998, 12, 31)
"""The dates that the library computes with."""
_SINCE, _BEFORE = datetime(1973, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, tzinfo=UTC)


class Body(BaseModel):
    """What is asked for: fields are called as the library calls them, on the wire as documented."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, validate_default=True)

    def stated(self, *but: str) -> dict[str, Any]:
        """The fields that are not left out, save some."""
        return {name: value for name, value in self if value is not None and name not in but}


class Out(BaseModel):
    """What is told of an object of the library, read from its attributes."""

    model_config = pydantic.ConfigDict(from_attributes=True)


def told(title: str, noun: type[Any], names: str, **kinds: Any) -> Any:
    """A model that tells some attributes of a noun: ``start_time=start`` under another name.

    ``kinds``: how some of them are written, where that is not as the library's own type, and what
    is told besides, put there once the rest was read.
    """
    fields: dict[str, Any] = {name: (kind, "") for name, kind in kinds.items()}
    for name, _, path in (one.partition("=") for one in names.split()):
        parts = (path or name).split(".")
        kind = kinds.get(name) or _kind(noun, parts)
        fields[name] = kind, Field(validation_alias=pydantic.AliasPath(*parts))
    return pydantic.create_model(title, __base__=Out, **fields)


def shape(title: str, names: str, **kinds: Any) -> Any:
    """A model of what is told and is no noun: texts, but for what is said in ``kinds``."""
    return pydantic.create_model(title, **(dict.fromkeys(names.split(), str) | kinds))


def _kind(hint: Any, parts: list[str]) -> Any:
    """How an attribute is written, or a property: sets in order."""
    for name in parts:
        own = getattr(hint, name, None)
        hints = get_type_hints(own.fget if isinstance(own, property) else hint)
        hint = hints["return" if isinstance(own, property) else name]
    return Sorted if getattr(hint, "__origin__", None) is frozenset else hint


def _written(value: object) -> object:
    """Dates and times are written as ISO 8601, never as seconds since some year."""
    if not isinstance(value, str) or len(value) < 10 or value[4] != "-":
        raise ValueError("write it as in ISO 8601")
    return value


def _date_written(value: object) -> object:
    if len(str(value)) != 10:
        raise ValueError("write a date as YYYY-MM-DD")
    return _written(value)


def _is_past(born: date) -> date:
    if born > (datetime.now(UTC) + timedelta(days=1)).date():  # wherever that is today
        raise ValueError("it is still to come")
    return born


def whole_name(first: str, last: str) -> str:
    """A name as the library keeps it: a space within the first names does not end them."""
    return f"{first.replace(' ', _JOINED)} {last}".strip()


def first_name(name: str) -> str:
    """The first names of a whole name: up to its first space."""
    return name.partition(" ")[0].replace(_JOINED, " ")


def last_name(name: str) -> str:
    """What follows the first names."""
    return name.partition(" ")[2]


_JOINED = "\N{NO-BREAK SPACE}"
_LINE = r"[^\x00-\x1f\x7f-\x9f]"
Id = Annotated[str, Text(min_length=1, max_length=255, pattern=rf"^{_LINE}+$")]
AnyId = Annotated[
    Id,
    BeforeValidator(lambda id: str(id) if type(id) is int else id, json_schema_input_type=int | Id),
]
"""An id that may be written as a number."""
SlotId = Annotated[str, Text(min_length=1, max_length=2000, pattern=r"^[A-Za-z0-9_-]+$")]
Cursor = Annotated[str, Text(min_length=1, max_length=1000, pattern=r"^[!-~]+$")]
Note = Annotated[str, Text(max_length=500, pattern=rf"^(?:{_LINE}|[\t\n\r])*$")]
Word = Annotated[str, Text(min_length=1, max_length=255, pattern=rf"^{_LINE}*\S{_LINE}*$")]
Name = Annotated[str, Text(min_length=1, max_length=100, pattern=rf"^{_LINE}*\S{_LINE}*$")]
Phone = Annotated[str, Text(max_length=60, pattern=r"^[0-9+() ./x-]*$")]
AnyDay = Annotated[date, BeforeValidator(_date_written)]
BirthDay = Annotated[AnyDay, AfterValidator(_is_past)]
Day = Annotated[AnyDay, Field(ge=_FIRST, le=_LAST)]
Instant = Annotated[AwareDatetime, BeforeValidator(_written), Field(ge=_SINCE, lt=_BEFORE)]
WallClock = Annotated[str, Text(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
WallEnd = Annotated[str, Text(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")]
Zone = Annotated[str, Text(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9_+/-]+$")]
AsMinutes = AfterValidator(lambda minutes: timedelta(minutes=minutes))
Limit = Annotated[int, Field(ge=1, le=1000)]
Ids = Annotated[list[Id], Field(min_length=1, max_length=200)]
Wall = Annotated[str, BeforeValidator(lambda at: f"{at:%H:%M}")]
Sorted = Annotated[list[str], BeforeValidator(sorted)]

_KEPT = {"scheduled": "booked", "completed": "fulfilled", "no_show": "noshow", "no-show": "noshow"}
_SHOWN = {"booked": "scheduled", "fulfilled": "completed", "noshow": "no_show"}
Asked = AfterValidator(lambda status: _KEPT.get(status, status))
"""A status, asked for as the documented APIs call it."""
Status = Annotated[str, BeforeValidator(lambda status: _SHOWN.get(status, str(status)))]


class Between(Body):
    """Slots on some local dates, both inclusive."""

    first: Day = Field(alias="start_date", examples=["2026-03-02"])
    last: Day = Field(alias="end_date", examples=["2026-03-06"])
    types: Id | None = Field(None, alias="appointment_type")
    timezone: Zone | None = None

    @pydantic.model_validator(mode="after")
    def _not_too_long(self) -> Self:
        if self.last - self.first > LONGEST:
            raise ValueError(f"at most {LONGEST.days} days are told at once")
        return self
