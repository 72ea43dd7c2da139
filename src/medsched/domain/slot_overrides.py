"""What was changed about one slot."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cached_property
from hashlib import blake2b

import attrs

from medsched.domain.appointment_types import Pricing
from medsched.domain.bookings import instant
from medsched.domain.fields import (
    LONGEST_DURATION,
    LONGEST_NOTE,
    an_id,
    maybe_id,
    text,
    texts,
    words,
)
from medsched.domain.records import Identified, Resource, ResourceKind, resource
from medsched.domain.slots import SlotKey, slot_id
from medsched.errors import InvalidChoice, InvalidDuration, InvalidInterval
from medsched.timeline.instants import whole_minute


def _maybe_instant(value: datetime | None) -> datetime | None:
    return None if value is None else instant(value)


def _maybe_texts(value: Iterable[str] | str | None) -> frozenset[str] | None:
    return None if value is None else texts(value)


def _maybe_words(
    instance: object, attribute: attrs.Attribute[frozenset[str]], value: frozenset[str] | None
) -> None:
    if value is not None:
        words(instance, attribute, value)


def _maybe_pricing(instance: object, attribute: object, value: Pricing | None) -> None:
    if value is not None and not isinstance(value, Pricing):
        raise InvalidChoice("pricing", type(value).__name__, "a Pricing is needed")


@attrs.frozen(kw_only=True)
class SlotOverride(Identified):
    """What was changed about one slot: it is withdrawn, or offered otherwise.

    ``resource`` is the provider; with ``type``, ``location`` and ``start``, an aware instant in
    whole minutes, it names the slot as the hours give it. A ``withdrawn`` slot is not offered,
    for the ``reason``. Any other is offered from ``begins`` to ``ends`` as one of the type that it
    ``becomes``, at this ``pricing``, with these ``notes`` and ``special_requirements``; None
    leaves each as hours and type say.

    It opens no hours: where the slot is moved to must be open. Slots of other types stay.
    """

    resource: Resource = attrs.field(converter=resource)
    type: str = attrs.field(validator=an_id)
    location: str | None = attrs.field(default=None, validator=maybe_id)
    start: datetime = attrs.field(converter=instant)
    withdrawn: bool = False
    begins: datetime | None = attrs.field(default=None, converter=_maybe_instant)
    ends: datetime | None = attrs.field(default=None, converter=_maybe_instant)
    becomes: str | None = attrs.field(default=None, validator=maybe_id)
    pricing: Pricing | None = attrs.field(default=None, validator=_maybe_pricing)
    notes: str = attrs.field(default="", validator=text(LONGEST_NOTE))
    special_requirements: frozenset[str] | None = attrs.field(
        default=None, converter=_maybe_texts, validator=_maybe_words
    )
    reason: str = attrs.field(default="", validator=text(LONGEST_NOTE))

    @resource.validator
    def _of_a_provider(self, attribute: object, value: Resource) -> None:
        if value.kind is not ResourceKind.PROVIDER:
            raise InvalidChoice("resource", str(value), "slots are a provider's")

    def __attrs_post_init__(self) -> None:
        whole_minute(self.start, "start")
        whole_minute(self.offered_from, "begins")
        if self.withdrawn and (self.is_moved or self.pricing is not None):
            raise InvalidChoice("withdrawn", True, "a slot that is withdrawn is not offered at all")
        if self.ends is not None:
            whole_minute(self.ends, "ends")
            if self.ends <= self.offered_from:
                why = "the end is not after the start"
                raise InvalidInterval("ends", (self.offered_from, self.ends), why)
            if self.ends - self.offered_from > LONGEST_DURATION:
                lasting = self.ends - self.offered_from
                raise InvalidDuration("ends", lasting, f"longer than {LONGEST_DURATION}")

    @property
    def timezone(self) -> None:
        """None: it is about instants."""
        return

    @property
    def is_moved(self) -> bool:
        """Whether its time or type is another, so that no grid gives it."""
        return (self.begins, self.ends, self.becomes) != (None, None, None)

    @property
    def offered_as(self) -> str:
        """The code of the type that it is offered as."""
        return self.becomes or self.type

    @property
    def offered_from(self) -> datetime:
        """When it begins, unless it is withdrawn."""
        return self.begins or self.start

    @cached_property
    def minute(self) -> int:
        """When it would begin by its hours, in minutes of the epoch."""
        return whole_minute(self.start, "start")

    @cached_property
    def offered_at(self) -> int:
        """When it begins, in minutes of the epoch, unless it is withdrawn."""
        return whole_minute(self.offered_from, "begins")

    @cached_property
    def length(self) -> int | None:
        """The minutes that it lasts; None: as long as hours and type say."""
        return None if self.ends is None else whole_minute(self.ends, "ends") - self.offered_at


def slot_override_id(key: SlotKey) -> str:
    """The id of the override of a slot: the same for the same slot, so there is one of each."""
    return f"slot-{blake2b(slot_id(key).encode(), digest_size=16).hexdigest()}"
