"""What can be booked: appointment types, the grids their starts lie on, and what they need."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

import attrs

from medsched.domain.booking_rules import BookingRules
from medsched.domain.booking_window import BookingWindow
from medsched.domain.fields import Choice, an_id, length, minutes, number, text, texts, whole, words
from medsched.domain.records import Record, Resource, ResourceKind
from medsched.errors import InvalidChoice, InvalidDuration, InvalidNumber


class Modality(Choice):
    """How patient and provider meet."""

    IN_PERSON = "in_person"
    TELEHEALTH = "telehealth"
    PHONE = "phone"
    HOME_VISIT = "home_visit"


class GridKind(Choice):
    """Where starts lie."""

    WINDOW = "window"
    """From the start of each window, every length plus break."""
    CLOCK = "clock"
    """Where the wall clock shows a multiple of the interval."""
    PACKED = "packed"
    """From the first minute where the whole claim is free, back to back."""


@attrs.frozen
class Grid:
    """The starts that are offered within open time; make one with the class methods.

    ``interval`` and ``offset`` belong to the clock grid: starts lie where (local minute of
    the day - offset) mod interval is 0.
    """

    kind: GridKind = attrs.field(default=GridKind.WINDOW, converter=GridKind)
    interval: timedelta | None = attrs.field(
        default=None, kw_only=True, validator=length(most=timedelta(days=1))
    )
    offset: timedelta = attrs.field(
        default=timedelta(0), kw_only=True, validator=length(least=0, most=timedelta(days=1))
    )

    def __attrs_post_init__(self) -> None:
        if (self.kind is GridKind.CLOCK) != (self.interval is not None):
            raise InvalidDuration(
                "interval", self.interval, "goes with the clock grid, and only it"
            )
        if self.interval is not None and self.offset >= self.interval:
            raise InvalidDuration("offset", self.offset, "must be shorter than the interval")

    @classmethod
    def window(cls) -> Grid:
        """From the start of each window, every length plus break. The default."""
        return cls()

    @classmethod
    def clock(cls, interval: timedelta, *, offset: timedelta = timedelta(0)) -> Grid:
        """Wherever the wall clock shows ``offset`` plus a multiple of ``interval``."""
        return cls(GridKind.CLOCK, interval=interval, offset=offset)

    @classmethod
    def packed(cls) -> Grid:
        """In each free stretch from its first possible minute, every length plus break."""
        return cls(GridKind.PACKED)


def _money(value: Decimal | int | str | float) -> Decimal:
    """A Decimal from what people write; a float by its shortest text, so 0.1 is 0.1."""
    try:
        amount = Decimal(str(value))
    except ArithmeticError:
        raise InvalidNumber("base_fee", value, "not an amount of money") from None
    if not amount.is_finite():
        raise InvalidNumber("base_fee", value, "not an amount of money")
    return amount


@attrs.frozen(kw_only=True)
class Pricing:
    """A price: ``base_fee`` in units of ``currency`` (ISO 4217), not negative."""

    base_fee: Decimal = attrs.field(
        default=Decimal(0), converter=_money, validator=number(0, 10**12)
    )
    currency: str = attrs.field(default="USD")
    insurance_accepted: bool = False

    @currency.validator
    def _three_letters(self, attribute: object, value: str) -> None:
        if not (isinstance(value, str) and re.fullmatch("[A-Z]{3}", value)):
            raise InvalidChoice("currency", value, "a currency is three capital letters (ISO 4217)")


def _alternatives(value: Resource | Iterable[Resource]) -> frozenset[Resource]:
    resources = frozenset([value] if isinstance(value, Resource) else value)
    if not resources:
        raise InvalidChoice("one_of", set(), "a need names at least one resource")
    kinds = {resource.kind for resource in resources}
    if len(kinds) > 1 or not kinds <= {ResourceKind.ROOM, ResourceKind.DEVICE}:
        raise InvalidChoice("one_of", sorted(kinds), "a need is for rooms or for devices")
    return resources


@attrs.frozen
class Need:
    """A room or device that a type takes for the length of the slot, buffers of its own added.

    ``one_of`` names the alternatives, any one of which will do; a single resource is a set
    of one. ``buffer_before`` and ``buffer_after`` are whole minutes, not negative.
    """

    one_of: frozenset[Resource] = attrs.field(converter=_alternatives)
    buffer_before: timedelta = attrs.field(
        default=timedelta(0), kw_only=True, validator=length(least=0, needed=True)
    )
    buffer_after: timedelta = attrs.field(
        default=timedelta(0), kw_only=True, validator=length(least=0, needed=True)
    )

    @classmethod
    def room(
        cls, *ids: str, before: timedelta = timedelta(0), after: timedelta = timedelta(0)
    ) -> Need:
        """Any one of these rooms."""
        rooms = frozenset(Resource(ResourceKind.ROOM, id) for id in ids)
        return cls(rooms, buffer_before=before, buffer_after=after)

    @classmethod
    def device(
        cls, *ids: str, before: timedelta = timedelta(0), after: timedelta = timedelta(0)
    ) -> Need:
        """Any one of these devices."""
        devices = frozenset(Resource(ResourceKind.DEVICE, id) for id in ids)
        return cls(devices, buffer_before=before, buffer_after=after)


def _needs(value: Iterable[Need]) -> tuple[Need, ...]:
    return tuple(value)


@attrs.frozen(kw_only=True)
class AppointmentType(Record, BookingWindow):
    """A kind of appointment (FHIR: HealthcareService, serviceType), named by its ``code``.

    ``duration`` is its length unless the provider or the rule states another. The buffers
    are kept clear on the provider (and on an exclusive location) before and after the slot;
    they may lie in closed time unless ``buffers_within_hours``. ``capacity`` bounds
    the seats of a slot: they are the least that type, rule and room state, and 1 where
    neither type nor rule states any. ``needs`` are taken along with the provider. ``rules`` say
    how many may be booked, and for whom.
    """

    code: str = attrs.field(validator=an_id)
    name: str = attrs.field(default="", validator=text())
    duration: timedelta = attrs.field(validator=length(needed=True))
    buffer_before: timedelta = attrs.field(
        default=timedelta(0), validator=length(least=0, needed=True)
    )
    buffer_after: timedelta = attrs.field(
        default=timedelta(0), validator=length(least=0, needed=True)
    )
    buffers_within_hours: bool = False
    grid: Grid = attrs.field(factory=Grid)
    capacity: int | None = attrs.field(default=None, validator=whole(1, 10_000))
    modality: Modality = attrs.field(default=Modality.IN_PERSON, converter=Modality)
    needs: tuple[Need, ...] = attrs.field(default=(), converter=_needs)
    rules: BookingRules = attrs.field(factory=BookingRules)
    pricing: Pricing | None = None
    special_requirements: frozenset[str] = attrs.field(
        factory=frozenset, converter=texts, validator=words
    )

    @property
    def id(self) -> str:
        """The code, which names the type within its practice."""
        return self.code

    @property
    def before(self) -> int:
        """The provider's buffer before a slot, in minutes."""
        return minutes(self.buffer_before)

    @property
    def after(self) -> int:
        """The provider's buffer after a slot, in minutes."""
        return minutes(self.buffer_after)
