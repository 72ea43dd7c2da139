"""Searches: what is looked for over many providers, and what was found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

import attrs

from medsched.domain.appointment_types import Modality, Pricing
from medsched.domain.fields import (
    a_date,
    check_id,
    maybe_id,
    number,
    several,
    text,
    type_codes,
    whole,
    yes_or_no,
    zone_name,
)
from medsched.domain.hours import Hours, stretches
from medsched.domain.people import Provider
from medsched.domain.places import Address
from medsched.domain.slots import Slot
from medsched.domain.starts import ANYWHERE, Anywhere, a_place
from medsched.domain.wishes import some_weekdays
from medsched.errors import InvalidInterval, InvalidNumber
from medsched.timeline.weekdays import Weekday

LONGEST_SEARCH: Final = timedelta(days=732)
"""The most dates that one search may ask for: two years, whichever years they are."""


def _providers(value: Iterable[str] | str | None) -> frozenset[str] | None:
    if value is None:
        return None
    return frozenset(check_id(one, "providers") for one in several(value, "providers"))


def _modality(value: Modality | str | None) -> Modality | None:
    return None if value is None else Modality(value)


def _price(value: Any) -> Decimal | None:
    try:
        return None if value is None else Pricing(base_fee=value).base_fee
    except InvalidNumber as error:
        raise InvalidNumber("price_at_most", value, error.why) from None


def _currency(instance: object, attribute: object, value: str) -> None:
    Pricing(currency=value)


@attrs.frozen(kw_only=True)
class Search:
    """What is looked for; None, or an empty text, asks for nothing. All that is stated must hold.

    The start lies on a local date from ``first`` to ``last`` (the same one unless stated; at most
    732 dates, else `InvalidInterval`), in ``hours`` of the day and on ``weekdays`` (as
    `Weekday.parse_set` reads them): all on the wall of ``timezone``, the viewer's, or, unless that
    is stated, of the hours that a slot lies in.

    ``types`` are appointment types by code, ``modality`` how they meet. ``providers`` are those
    who will do, all unless stated; ``specialty``, ``language`` and ``insurer`` are among theirs,
    ``role`` is theirs, and they have a ``rating`` and ``years_of_experience`` of at least so much.

    ``location`` is the id of the place that the slot is at, None no place. ``area`` is where that
    lies: a city, a state or a postal code, or several with commas between them, all of which its
    address has, whatever the case of the letters. ``price_at_most`` is in ``currency``: what
    costs more, or has no price in it, is left out. ``insurance_accepted``: the price says so.

    ``patient`` leaves out what that patient cannot have; ``referred`` and ``prepaid`` say that
    there is a referral, and a payment in advance. ``available_only`` off adds slots that are taken,
    and ``withdrawn`` those that were taken out of the offer one by one, with their status.
    """

    first: date = attrs.field(validator=a_date)
    last: date = attrs.field(
        default=attrs.Factory(lambda self: self.first, takes_self=True), validator=a_date
    )
    timezone: str | None = attrs.field(default=None, validator=zone_name)
    hours: tuple[Hours, ...] = attrs.field(default=(), converter=stretches)
    weekdays: frozenset[Weekday] | None = attrs.field(default=None, converter=some_weekdays)

    types: frozenset[str] | None = attrs.field(default=None, converter=type_codes)
    modality: Modality | None = attrs.field(default=None, converter=_modality)

    providers: frozenset[str] | None = attrs.field(default=None, converter=_providers)
    specialty: str | None = attrs.field(
        default=None, validator=attrs.validators.optional(text(least=1))
    )
    language: str | None = attrs.field(
        default=None, validator=attrs.validators.optional(text(least=1))
    )
    insurer: str | None = attrs.field(
        default=None, validator=attrs.validators.optional(text(least=1))
    )
    role: str | None = attrs.field(default=None, validator=attrs.validators.optional(text(60)))
    rating: float | None = attrs.field(default=None, validator=number(0, 5))
    years_of_experience: int | None = attrs.field(default=None, validator=whole(0, 100))

    location: str | Anywhere | None = attrs.field(default=ANYWHERE, validator=a_place)
    area: str = attrs.field(default="", validator=text())
    price_at_most: Decimal | None = attrs.field(default=None, converter=_price)
    currency: str = attrs.field(default="USD", validator=_currency)
    insurance_accepted: bool | None = attrs.field(
        default=None, validator=attrs.validators.optional(yes_or_no)
    )

    patient: str | None = attrs.field(default=None, validator=maybe_id)
    referred: bool = attrs.field(default=False, validator=yes_or_no)
    prepaid: bool = attrs.field(default=False, validator=yes_or_no)
    available_only: bool = attrs.field(default=True, validator=yes_or_no)
    withdrawn: bool = attrs.field(default=False, validator=yes_or_no)

    def __attrs_post_init__(self) -> None:
        if self.last < self.first:
            raise InvalidInterval("last", (self.first, self.last), "comes before the first date")
        if self.last - self.first >= LONGEST_SEARCH:
            why = f"more than {LONGEST_SEARCH.days} dates"
            raise InvalidInterval("last", (self.first, self.last), why)

    @property
    def asks_of_place(self) -> bool:
        """Whether it matters where a slot is."""
        return bool(self.area.strip()) or not isinstance(self.location, Anywhere)

    @property
    def areas(self) -> frozenset[str]:
        """What the address must have, each as it is compared."""
        return frozenset(part.strip().casefold() for part in self.area.split(",") if part.strip())


@attrs.frozen
class ProviderSlots:
    """What a search found with one provider.

    ``address`` is that of the provider's main place. ``slots`` are the first of them, ``total``
    how many there are in all, those that are taken or withdrawn among them if they were asked for,
    and ``free`` how many of these are free. ``next_free`` is the local date of the first start that
    is free, within the search or after it (see `Searches.by_provider`), None if there is none.
    """

    provider: Provider
    address: Address | None
    slots: tuple[Slot, ...]
    total: int
    free: int
    next_free: date | None

    def __iter__(self) -> Iterator[Slot]:
        return iter(self.slots)
