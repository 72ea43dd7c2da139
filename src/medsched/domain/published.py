"""Published slots: what the rules offer, written down for hosts that want to read it as rows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

import attrs

from medsched.domain.bookings import instant
from medsched.domain.fields import a_date, an_id, maybe_id, phi, text
from medsched.domain.slots import SlotStatus


@attrs.frozen(kw_only=True)
class PublishedSlot:
    """A slot as it was when it was written down. ``start`` and ``end`` are aware UTC instants.

    ``slot_id`` books it, like the id of a `Slot`. ``patient`` is that of the appointment of this
    type that starts there, None for a group session. ``created_at`` is when the slot was first
    written, ``updated_at`` when it was last found changed.
    """

    slot_id: str
    provider: str = attrs.field(validator=an_id)
    type: str = attrs.field(validator=an_id)
    location: str | None = attrs.field(default=None, validator=maybe_id)
    start: datetime = attrs.field(converter=instant)
    end: datetime  # that of the last slot of all lies beyond 9998
    status: SlotStatus = attrs.field(converter=SlotStatus)
    seats_free: int
    patient: str | None = phi(default=None, validator=maybe_id)
    created_at: datetime = attrs.field(converter=instant)
    updated_at: datetime = attrs.field(converter=instant)

    def since(self, before: PublishedSlot | None) -> PublishedSlot:
        """The same with the times of the row that it replaces, as far as nothing has changed."""
        if before is None:
            return self
        kept = attrs.evolve(self, created_at=before.created_at, updated_at=before.updated_at)
        return kept if kept == before else attrs.evolve(self, created_at=before.created_at)


def _slots(value: Iterable[PublishedSlot]) -> tuple[PublishedSlot, ...]:
    return tuple(value)


@attrs.frozen(kw_only=True)
class PublishedDay:
    """The slots of one provider and type on one local date of the provider, in order of start.

    ``start`` and ``end`` are the instants of the date. ``stamp`` stands for everything that the
    slots follow from: while it is the same, so are they.
    """

    provider: str = attrs.field(validator=an_id)
    type: str = attrs.field(validator=an_id)
    date: date = attrs.field(validator=a_date)
    start: datetime = attrs.field(converter=instant)
    end: datetime = attrs.field(converter=instant)
    stamp: str = attrs.field(validator=text(64))
    slots: tuple[PublishedSlot, ...] = attrs.field(default=(), converter=_slots)


@attrs.frozen(kw_only=True)
class Publication:
    """What publishing did, counted in days of one provider and one type each.

    ``days`` are kept now, of which ``written`` were not there or not right any more;
    ``withdrawn`` were removed, as past, beyond the window or no longer offered. ``slots`` are
    those of the days that are kept.
    """

    days: int = 0
    written: int = 0
    withdrawn: int = 0
    slots: int = 0

    def __add__(self, other: Publication) -> Publication:
        return Publication(
            days=self.days + other.days,
            written=self.written + other.written,
            withdrawn=self.withdrawn + other.withdrawn,
            slots=self.slots + other.slots,
        )
