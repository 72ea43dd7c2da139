"""Availability and its slots (seed 000)."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StrictBool, StrictInt
from pydantic import model_validator as checked

import medsched as ms
from clinic_service.models import common
from clinic_service.models.common import Body, Day, Id, Word, shape, told

State = Literal["available", "booked", "cancelled", "blocked"]
_STATES = {"free": "available", "withdrawn": "cancelled"}
_STATES |= dict.fromkeys(("busy", "busy-tentative"), "booked")


class Place(Body):
    """Where: one of the practice's places, and a room in it, by what people call them."""

    type: ms.LocationKind = ms.LocationKind.CLINIC
    address: Word | None = None
    room_number: Word | None = None


class Price(Body):
    """What a visit costs. Of a price that is changed, what is left out stays."""

    base_fee: Annotated[Decimal, Field(ge=0, le=10**9, decimal_places=2)] | None = None
    insurance_accepted: StrictBool | None = None
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None


Priced = Annotated[Price, AfterValidator(lambda price: ms.Pricing(**price.stated()))]


class NewAvailability(Body):
    """Hours on one date, or from it on. ``provider_id`` is the caller's own unless stated."""

    provider: Id | None = Field(None, alias="provider_id")
    date: Day = Field(examples=["2024-02-15"])
    start_time: common.WallClock = Field(examples=["09:00"])
    end_time: common.WallEnd = Field(examples=["17:00"])
    timezone: common.Zone = Field(examples=["America/New_York"])
    is_recurring: StrictBool = False
    recurrence_pattern: Literal["daily", "weekly", "monthly"] | None = None
    recurrence_end_date: Day | None = None
    slot_duration: Annotated[StrictInt, Field(ge=1, le=1440), common.AsMinutes] = 30
    break_duration: Annotated[StrictInt, Field(ge=0, le=1440), common.AsMinutes] = 0
    capacity: Annotated[StrictInt, Field(ge=1, le=10_000, alias="max_appointments_per_slot")] = 1
    types: Id = Field("consultation", alias="appointment_type")
    location: Place | None = None
    pricing: Priced | None = None
    special_requirements: list[Word] = Field([], max_length=50)
    notes: common.Note = ""

    @property
    def last(self) -> dt.date | None:
        """Their last date, if they have one."""
        return self.recurrence_end_date if self.is_recurring else self.date

    @checked(mode="after")
    def _fits(self) -> Self:
        if self.is_recurring != bool(self.recurrence_pattern):
            raise ValueError("recurrence_pattern goes with is_recurring, and only with it")
        if self.recurrence_end_date and not self.is_recurring:
            raise ValueError("recurrence_end_date goes with is_recurring")
        return self


class SlotChange(Body):
    """What is to be another of one slot; what is left out stays."""

    start: common.WallClock | None = Field(None, alias="start_time", examples=["10:00"])
    end: common.WallEnd | None = Field(None, alias="end_time", examples=["10:30"])
    status: Literal["available", "blocked", "maintenance", "cancelled"] | None = None
    notes: common.Note | None = None
    pricing: Price | None = None
    type: Id | None = Field(None, alias="appointment_type")

    @checked(mode="after")
    def _can_be(self) -> Self:
        if self.status == "cancelled" and self.stated("status", "notes"):
            raise ValueError("a slot that is cancelled is not changed otherwise")
        return self


class Dates(common.Between):
    """Which slots of a provider are asked for."""

    status: State | None = None


class Wanted(Body):
    """What a patient looks for; four weeks from today on unless dates are stated."""

    date: Day | None = None
    first: Day | None = Field(None, alias="start_date")
    last: Day | None = Field(None, alias="end_date")
    specialty: Word | None = Field(None, alias="specialization")
    area: Word | None = Field(None, alias="location")
    types: Id | None = Field(None, alias="appointment_type")
    insurance_accepted: bool | None = None
    price_at_most: Annotated[float, Field(ge=0, le=10**9)] | None = Field(None, alias="max_price")
    timezone: common.Zone | None = None
    available_only: bool = True
    cursor: common.Cursor | None = None

    @checked(mode="after")
    def _dates(self) -> Self:
        if self.date and (self.first or self.last):
            raise ValueError("state one date, or the first and the last")
        if self.first and self.last and self.last - self.first > common.LONGEST:
            raise ValueError(f"at most {common.LONGEST.days} days are searched at once")
        return self


PlaceOut: Any = shape("Place", "type address", room_number=str | None)
PriceOut: Any = told("Price", ms.Pricing, "base_fee insurance_accepted currency", base_fee=float)


class SlotOut(common.Out):
    """A slot, its times on the wall of its hours, or of the zone that was asked for."""

    slot_id: str = Field(validation_alias="id")
    date: dt.date
    start_time: common.Wall = Field(validation_alias="local_start")
    end_time: common.Wall = Field(validation_alias="local_end")
    status: Annotated[State, BeforeValidator(lambda status: _STATES.get(status, "blocked"))]
    appointment_type: str = Field(validation_alias="type")
    location: Annotated[PlaceOut | None, BeforeValidator(lambda _: None)]
    pricing: PriceOut | None
    special_requirements: common.Sorted


class CalendarSlotOut(SlotOut):
    """The same with whose it is, and its instants beside the wall's times."""

    provider: str
    timezone: str
    start: AwareDatetime
    end: AwareDatetime


_COUNTED = "total_slots available_slots booked_slots cancelled_slots"
_OPENED = dict.fromkeys(("slots_created", "total_appointments_available"), int)
DateRange: Any = shape("DateRange", "", start=dt.date, end=dt.date | None)
Created: Any = shape("Created", "availability_id", date_range=DateRange, **_OPENED)
"""What new hours open: counted with closures heeded, up to a year ahead."""
Summary: Any = shape("Summary", "", **dict.fromkeys(_COUNTED.split(), int))
DayOfSlots: Any = shape("DayOfSlots", "", date=dt.date, slots=list[SlotOut])
_LISTED: dict[str, Any] = {"availability_summary": Summary, "availability": list[DayOfSlots]}
OfProvider: Any = shape("OfProvider", "provider_id", **_LISTED)
ProviderOut: Any = told(
    "ProviderFound",
    ms.ProviderSlots,
    "id=provider.id name=provider.name specialization=provider.specialties rating=provider.rating"
    " years_of_experience=provider.years_of_experience clinic_address=address",
    specialization=Annotated[str, BeforeValidator(lambda some: ", ".join(sorted(some)))],
    clinic_address=Annotated[str, BeforeValidator(lambda address: str(address or ""))],
)
Found: Any = shape("Found", "", provider=ProviderOut, available_slots=list[SlotOut])
_FOUND: Any = {"search_criteria": dict[str, Any], "total_results": int, "next": str | None}
SearchOut: Any = shape("SearchOut", "", results=list[Found], **_FOUND)
"""``total_results`` slots in all; ``next`` asks for the next providers."""


def answer(data: Any) -> Any:
    """How answers are wrapped here."""
    return shape("Answer", "", success=(bool, True), message=(str, ""), data=data)
