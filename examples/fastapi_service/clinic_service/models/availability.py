"""Availability and its slots (seed 000)."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from clinic_service.models import common
from clinic_service.models.common import Between, Body, Day, Id, Note, Out, Word, told
from medsched import LocationKind, Pricing, SlotStatus

T = TypeVar("T")
State = Literal["available", "booked", "cancelled", "blocked"]
_STATES: dict[Any, State] = {
    SlotStatus.FREE: "available",
    SlotStatus.BUSY: "booked",
    SlotStatus.BUSY_TENTATIVE: "booked",
    SlotStatus.BUSY_UNAVAILABLE: "blocked",
}


class Place(Body):
    """Where: one of the practice's places, and a room in it, by what people call them."""

    type: LocationKind = LocationKind.CLINIC
    address: Word | None = None
    room_number: Word | None = None


class Price(Body):
    """What a visit costs."""

    base_fee: Annotated[Decimal, Field(ge=0, le=10**9, decimal_places=2)] = Decimal(0)
    insurance_accepted: bool = False
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "USD"


Priced: Any = Annotated[
    Price | None, AfterValidator(lambda price: price and Pricing(**price.model_dump()))
]


class NewAvailability(Body):
    """Hours on one date, or from it on. ``provider_id`` is the caller's own unless stated."""

    provider_id: Id | None = None
    date: Day = Field(examples=["2024-02-15"])
    start_time: common.WallClock = Field(examples=["09:00"])
    end_time: common.WallEnd = Field(examples=["17:00"])
    timezone: common.Zone = Field(examples=["America/New_York"])
    is_recurring: bool = False
    recurrence_pattern: Literal["daily", "weekly", "monthly"] | None = None
    recurrence_end_date: Day | None = None
    slot_duration: Annotated[common.Minutes, Field(ge=1)] = 30
    break_duration: common.Minutes = 0
    max_appointments_per_slot: Annotated[int, Field(ge=1, le=10_000)] = 1
    appointment_type: Id = "consultation"
    location: Place | None = None
    pricing: Priced = None
    special_requirements: list[Word] = Field([], max_length=50)
    notes: Note = ""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.end_time <= self.start_time:
            raise ValueError("end_time must be after start_time")
        if self.is_recurring != (self.recurrence_pattern is not None):
            raise ValueError("recurrence_pattern goes with is_recurring, and only with it")
        if self.recurrence_end_date and not self.is_recurring:
            raise ValueError("recurrence_end_date goes with is_recurring")
        return self


class SlotChange(Body):
    """What is to be another of one slot; what is left out stays."""

    start: common.WallClock | None = Field(None, alias="start_time", examples=["10:00"])
    end: common.WallEnd | None = Field(None, alias="end_time", examples=["10:30"])
    status: Literal["available", "blocked", "maintenance", "cancelled"] | None = None
    notes: Note | None = None
    pricing: Priced = None
    type: Id | None = Field(None, alias="appointment_type")


class Dates(Between):
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


class PlaceOut(BaseModel):
    """Where a slot is."""

    type: str
    address: str
    room_number: str | None


PriceOut: Any = told(Pricing, "base_fee insurance_accepted currency", base_fee=float)


class SlotOut(Out):
    """A slot, its times on the wall of its hours, or of the zone that was asked for."""

    slot_id: str = Field(validation_alias="id")
    date: dt.date
    start_time: common.Wall = Field(validation_alias="local_start")
    end_time: common.Wall = Field(validation_alias="local_end")
    status: Annotated[State, BeforeValidator(_STATES.get)]
    appointment_type: str = Field(validation_alias="type")
    location: Annotated[PlaceOut | None, BeforeValidator(lambda _: None)]
    pricing: PriceOut | None
    special_requirements: common.Sorted


class DateRange(BaseModel):
    """Dates, both inclusive; no end where it goes on."""

    start: dt.date
    end: dt.date | None


class Created(BaseModel):
    """What new hours open: counted with closures heeded, up to a year ahead where they go on."""

    availability_id: str
    slots_created: int
    date_range: DateRange
    total_appointments_available: int


class DayOfSlots(BaseModel):
    """The slots of one local date."""

    date: dt.date
    slots: list[SlotOut]


class Summary(BaseModel):
    """How many slots there are; those that were taken out of the offer are counted, not listed."""

    total_slots: int
    available_slots: int
    booked_slots: int
    cancelled_slots: int


class OfProvider(BaseModel):
    """A provider's slots on some dates."""

    provider_id: str
    availability_summary: Summary
    availability: list[DayOfSlots]


class ProviderOut(Out):
    """Whom a search found."""

    id: str
    name: str
    specialization: Annotated[str, BeforeValidator(lambda some: ", ".join(sorted(some)))] = Field(
        validation_alias="specialties"
    )
    years_of_experience: int | None
    rating: float | None
    clinic_address: str = ""


class Found(BaseModel):
    """Somebody, and their first slots."""

    provider: ProviderOut
    available_slots: list[SlotOut]


class SearchOut(BaseModel):
    """What a search found: ``total_results`` slots in all; ``next`` asks for the next providers."""

    search_criteria: dict[str, Any]
    total_results: int
    results: list[Found]
    next: str | None


class Answer(BaseModel, Generic[T]):
    """How answers are wrapped here."""

    success: bool = True
    message: str = ""
    data: T
