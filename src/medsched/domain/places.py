"""The practice and its places: addresses, locations, rooms and devices."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property

import attrs

from medsched.domain.fields import (
    Choice,
    an_id,
    length,
    maybe_id,
    minutes,
    text,
    texts,
    whole,
    words,
    zone_name,
)
from medsched.domain.records import Identified, Resource, ResourceKind
from medsched.errors import InvalidChoice, InvalidDuration


@attrs.frozen(kw_only=True)
class Address:
    """A postal address. It may be a patient's: fields that hold one mark it `phi`.

    So it does not show what it says but to who asks for it, as a text or by its fields.
    """

    line: str = attrs.field(default="", repr=False, validator=text())
    city: str = attrs.field(default="", repr=False, validator=text())
    state: str = attrs.field(default="", repr=False, validator=text())
    postal_code: str = attrs.field(default="", repr=False, validator=text(20))
    country: str = attrs.field(default="", repr=False, validator=text(60))

    def __str__(self) -> str:
        region = " ".join(part for part in (self.state, self.postal_code) if part)
        return ", ".join(part for part in (self.line, self.city, region, self.country) if part)


def an_address(instance: object, attribute: object, value: object) -> None:
    """Validate an address; a mistake is told without the value, which may be somebody's."""
    if not isinstance(value, Address):
        raise InvalidChoice("address", type(value).__name__, "an Address is needed")


def maybe_address(instance: object, attribute: object, value: object) -> None:
    """Validate an optional address."""
    if value is not None:
        an_address(instance, attribute, value)


def _some_words(
    instance: object, attribute: attrs.Attribute[frozenset[str]], value: frozenset[str] | None
) -> None:
    if value is not None:
        words(instance, attribute, value)


@attrs.frozen(kw_only=True)
class PracticeSettings(Identified):
    """What a practice, the tenant that every other record belongs to, says of itself.

    ``timezone`` is the IANA zone for whatever states none of its own. ``shortest_slot``
    and ``longest_slot`` bound, inclusively, every slot length stated anywhere in it, and
    ``shortest_break`` and ``longest_break`` the breaks that rules keep between slots.
    ``bookable_roles`` are those of providers who can be booked, all of them if None.
    ``open_per_patient`` is the most appointments that one patient may have to come.
    """

    name: str = attrs.field(default="", validator=text())
    timezone: str | None = attrs.field(default=None, validator=zone_name)
    shortest_slot: timedelta = attrs.field(
        default=timedelta(minutes=5), validator=length(needed=True)
    )
    longest_slot: timedelta = attrs.field(
        default=timedelta(hours=24), validator=length(needed=True)
    )

    shortest_break: timedelta = attrs.field(
        default=timedelta(0), validator=length(least=0, needed=True)
    )
    longest_break: timedelta = attrs.field(
        default=timedelta(hours=24), validator=length(least=0, needed=True)
    )
    bookable_roles: frozenset[str] | None = attrs.field(
        default=None, converter=attrs.converters.optional(texts), validator=_some_words
    )

    open_per_patient: int | None = attrs.field(default=None, validator=whole(0, 100_000))

    def __attrs_post_init__(self) -> None:
        if self.longest_slot < self.shortest_slot:
            raise InvalidDuration("longest_slot", self.longest_slot, "shorter than shortest_slot")
        if self.longest_break < self.shortest_break:
            why = "shorter than shortest_break"
            raise InvalidDuration("longest_break", self.longest_break, why)

    @cached_property
    def resource(self) -> Resource:
        """The practice as something that has opening hours and closures."""
        return Resource(ResourceKind.PRACTICE, self.id)

    def check_slot_length(self, duration: timedelta, field: str) -> None:
        """Raise `InvalidDuration` when a slot length is outside the practice's bounds."""
        _check(duration, field, "slots", self.shortest_slot, self.longest_slot)

    def check_break_length(self, duration: timedelta, field: str) -> None:
        """Raise `InvalidDuration` when a break between slots is outside the practice's bounds."""
        _check(duration, field, "breaks", self.shortest_break, self.longest_break)


def _check(
    duration: timedelta, field: str, what: str, shortest: timedelta, longest: timedelta
) -> None:
    if not shortest <= duration <= longest:
        bounds = f"{minutes(shortest)} to {minutes(longest)} minutes"
        raise InvalidDuration(field, duration, f"{what} of this practice last {bounds}")


class LocationKind(Choice):
    """What sort of place it is."""

    CLINIC = "clinic"
    HOSPITAL = "hospital"
    TELEMEDICINE = "telemedicine"
    HOME_VISIT = "home_visit"


@attrs.frozen(kw_only=True)
class Location(Identified):
    """A place where appointments happen.

    Its opening hours are availability rules of its resource; without any it is always
    open. ``timezone`` binds the rules that state this location. An ``exclusive`` one holds
    a single appointment at a time.
    """

    name: str = attrs.field(default="", validator=text())
    kind: LocationKind = attrs.field(default=LocationKind.CLINIC, converter=LocationKind)
    address: Address = attrs.field(factory=Address, validator=an_address)
    phone: str = attrs.field(default="", validator=text(60))
    timezone: str | None = attrs.field(default=None, validator=zone_name)
    exclusive: bool = False

    @property
    def called(self) -> frozenset[str]:
        """What people may call it: id, name, street line, and the address in one line."""
        return _said(self.id, self.name, self.address.line, str(self.address))

    @cached_property
    def resource(self) -> Resource:
        """The location as something that has hours, and a ledger where it is exclusive."""
        return Resource(ResourceKind.LOCATION, self.id)


@attrs.frozen(kw_only=True)
class Room(Identified):
    """A room of a location. ``capacity`` bounds the seats of a group session held in it."""

    name: str = attrs.field(default="", validator=text())
    location: str = attrs.field(validator=an_id)
    capacity: int | None = attrs.field(default=None, validator=whole(1, 10_000))

    @property
    def called(self) -> frozenset[str]:
        """What people may call it: id and name."""
        return _said(self.id, self.name)

    @cached_property
    def resource(self) -> Resource:
        """The room as something that has hours and is taken by appointments."""
        return Resource(ResourceKind.ROOM, self.id)


@attrs.frozen(kw_only=True)
class Device(Identified):
    """A piece of equipment that an appointment type may need; it may move between locations."""

    name: str = attrs.field(default="", validator=text())
    location: str | None = attrs.field(default=None, validator=maybe_id)

    @property
    def called(self) -> frozenset[str]:
        """What people may call it: id and name."""
        return _said(self.id, self.name)

    @cached_property
    def resource(self) -> Resource:
        """The device as something that has hours and is taken by appointments."""
        return Resource(ResourceKind.DEVICE, self.id)


def _said(*names: str) -> frozenset[str]:
    """Those of some names that say anything."""
    return frozenset(filter(None, names))
