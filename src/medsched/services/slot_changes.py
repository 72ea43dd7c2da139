"""Slots changed one by one: moved, priced, noted, taken away, and put back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, time, timedelta
from functools import cache
from typing import Any, Final, NamedTuple, TypeAlias

import attrs

from medsched.domain.appointment_types import Pricing
from medsched.domain.availability import AvailabilityRule, Override
from medsched.domain.events import Change
from medsched.domain.fields import texts
from medsched.domain.hours import time_of_day
from medsched.domain.idempotency import KeyedRequest
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.requests import Reason
from medsched.domain.slot_overrides import SlotOverride, slot_override_id
from medsched.domain.slots import Slot, SlotKey, read_slot_id, slot_id
from medsched.domain.starts import Anywhere
from medsched.domain.stored import Kind
from medsched.domain.time_blocks import BlockHours
from medsched.engine.board import Board
from medsched.engine.placing import place_of, place_without
from medsched.engine.verdict import refusals_on
from medsched.errors import InvalidChoice, NotFound, SlotsOverlap, VersionConflict
from medsched.services.asked_for import SlotLike, Wanted
from medsched.services.bookings import Bookings
from medsched.services.gates import Gate
from medsched.services.stranding import Fate
from medsched.services.writer import Target, Writer
from medsched.timeline.instants import DAY, date_of, instant_of
from medsched.timeline.resolve import at_showing
from medsched.timeline.zones import Zone

_NO_SLOT: Final = frozenset(
    {Reason.CLOSED, Reason.RUNS_OUT, Reason.TYPE, Reason.OFF_GRID, Reason.WITHDRAWN}
)
"""The reasons for which a start is no slot at all, taken or free."""


WallClock: TypeAlias = datetime | time | str
"""An aware instant, or a time of day on the wall of a slot's own date: a `time`, or ``HH:MM``."""


class Found(NamedTuple):
    """A slot as the schedule gives it: what was changed about it, or would be; what opened it.

    ``zone`` is that of its hours, and ``day`` its local date, counted from 1970-01-01.
    """

    override: SlotOverride
    source: AvailabilityRule | Override
    zone: Zone
    day: int

    def at(self, when: WallClock) -> datetime:
        """An instant that is meant of the slot; raises as `at_showing` does for a time of day."""
        if isinstance(when, datetime):
            return when
        wall = datetime.combine(date_of(self.day), time()) + time_of_day(when)
        return at_showing(self.zone, wall, None)


class SlotChanges:
    """Changes single slots of one practice.

    A slot is one that was listed, its id, or a `Start`; `NotFound` for a start that is none, free
    or taken. ``stranded`` says what becomes of the appointments that stand in it: see `Stranded`.
    """

    def __init__(self, bookings: Bookings, writer: Writer) -> None:
        self._bookings = bookings
        self._writer = writer

    def named(self, slot: SlotLike | SlotOverride) -> Wanted:
        """What a slot, or what was made of one, names; `NotFound` for one of another practice."""
        if isinstance(slot, SlotOverride):
            return Wanted(slot.resource.id, slot.offered_as, slot.offered_at, slot.location)
        id = slot.id if isinstance(slot, Slot) else slot
        if isinstance(id, str) and read_slot_id(id).practice != self._bookings.context.practice:
            raise NotFound("slot", id)
        return self._bookings.wanted(slot)

    def change(
        self,
        slot: SlotLike,
        *,
        start: WallClock | None,
        end: WallClock | None,
        type: str | None,
        pricing: Pricing | None,
        notes: str | None,
        special_requirements: Iterable[str] | str | None,
        fate: Fate,
        key: str | None,
    ) -> SlotOverride:
        """Let a slot be offered otherwise; None leaves each as it is."""
        gate = self._admit("slot.change", slot)
        required = None if special_requirements is None else texts(special_requirements)
        said: dict[str, Any] = {
            "becomes": type,
            "pricing": pricing,
            "notes": notes,
            "special_requirements": required,
        }
        stated: dict[str, Any] = {name: value for name, value in said.items() if value is not None}

        def changed(old: SlotOverride, found: Found) -> SlotOverride:
            moved = dict(stated)
            if start is not None:
                begins = moved["begins"] = found.at(start)
                if old.ends is not None:  # it stays as long as it was made
                    moved["ends"] = begins + (old.ends - old.offered_from)
            if end is not None:
                moved["ends"] = found.at(end)
            return attrs.evolve(old, **moved)

        times = {"start": _said(start), "end": _said(end)}
        request = self._keyed(gate, key, slot, said | times, fate)
        return self._write(gate, slot, changed, fate, request)

    def withdraw(self, slot: SlotLike, fate: Fate, key: str | None) -> SlotOverride:
        """Offer one slot no more."""
        gate = self._admit("slot.delete", slot)

        def gone(old: SlotOverride, _: Found) -> SlotOverride:
            return attrs.evolve(_unchanged(old), withdrawn=True, reason=fate.reason)

        return self._write(gate, slot, gone, fate, self._keyed(gate, key, slot, {}, fate))

    def end_recurrence(
        self, slot: SlotLike, fate: Fate, key: str | None
    ) -> AvailabilityRule | Override:
        """Offer no slot of the rule, or of the dated hours, that opened this one."""
        gate = self._admit("slot.delete-recurring", slot)

        @cache
        def find() -> Target[AvailabilityRule | Override]:
            source = self._found(slot).source
            return Target(type(source), source.id)

        def ended(old: AvailabilityRule | Override) -> AvailabilityRule | Override:
            return attrs.evolve(old, active=False, reason=fate.reason or old.reason)

        request = self._keyed(gate, key, slot, {}, fate)
        return self._writer.change_found(gate, find, Change.DEACTIVATED, ended, fate, request)

    def restore(self, slot: SlotLike, fate: Fate, key: str | None) -> None:
        """Let a slot be again what its hours make of it, named as it was or as it is."""
        gate = self._admit("slot.restore", slot)
        request = self._keyed(gate, key, slot, {}, fate)
        self._writer.delete_found(gate, cache(lambda: self._changed(slot)), fate, request)

    def _changed(self, slot: SlotLike) -> Target[SlotOverride]:
        """What was changed of a slot and can be put back; `NotFound`, `SlotsOverlap`."""
        wanted = self._bookings.wanted(slot)
        context, owner = self._bookings.context, Resource(ResourceKind.PROVIDER, wanted.provider)
        read = context.store.calendars(context.practice, [owner])[owner]
        at, places = instant_of(wanted.start), wanted.places
        here = [one for one in read.calendar.slots if places is None or one.location in places]
        named = [one for one in here if (one.offered_as, one.offered_from) == (wanted.type, at)]
        named += [one for one in here if (one.type, one.start) == (wanted.type, at)]
        if not named:
            raise NotFound(Kind.SLOT_OVERRIDE.value, self.id_of(wanted))
        self._refuse_overlap(named[0], [one for one in here if one is not named[0]])
        return Target(SlotOverride, named[0].id)

    def _keyed(
        self, gate: Gate, key: str | None, slot: SlotLike, said: Mapping[str, Any], fate: Fate
    ) -> KeyedRequest | None:
        whole = {**said, "slot": self._bookings.wanted(slot).plain()}
        return self._writer.keyed(gate, key, whole, fate)

    def _admit(self, operation: str, slot: SlotLike) -> Gate:
        """Let the principal change a slot of their own."""
        gate = self._bookings.context.admit(operation)
        if not gate.sees_all:
            gate.keep(Resource(ResourceKind.PROVIDER, self._bookings.wanted(slot).provider))
        return gate

    def _refuse_overlap(self, override: SlotOverride, others: Iterable[SlotOverride]) -> None:
        """`SlotsOverlap` where another slot was put into the time that one comes back to."""
        bookings, moved = self._bookings, [one for one in others if one.is_moved]
        if not moved:
            return
        provider, zones = override.resource.id, bookings.context.zones
        snapshot = bookings.inquiries.snapshot(provider, override.type)
        about = snapshot.schedule, snapshot.type, zones
        low, high = place_without(override, *about)
        for one in moved:
            if one.offered_as == override.type:
                begins, ends = place_of(one, *about)
                if begins < high and low < ends:
                    raise SlotsOverlap(
                        provider,
                        (instant_of(low), instant_of(high)),
                        (instant_of(begins), instant_of(ends)),
                        f"a slot of {override.type}",
                    )

    def _found(self, slot: SlotLike) -> Found:
        """The slot, as it was changed before or as it could be."""
        wanted = self._bookings.wanted(slot)
        minute = wanted.start
        asked = self._bookings.inquiries.about(wanted.provider, wanted.type, (minute, minute + 1))
        board = Board(asked, minute, minute + 1)
        piece = board.openings.piece_at(minute)
        opening = None if piece is None else piece[4]
        source = None if opening is None else opening.source
        place = None if opening is None else opening.location
        elsewhere = wanted.places is not None and place not in wanted.places
        against = {one.reason for one in refusals_on(board, minute)} & _NO_SLOT
        if opening is None or source is None or against or elsewhere:
            raise NotFound("slot", self.id_of(wanted, place))
        if isinstance(source, BlockHours):
            why = f"it is that of time block {source.id!r}: change the block"
            raise InvalidChoice("slot", self.id_of(wanted, place), why)
        known = board.openings.changes.at(minute, place)
        if known is None:
            key = SlotKey(asked.schedule.practice.id, wanted.provider, wanted.type, place, minute)
            known = SlotOverride(
                id=slot_override_id(key),
                resource=asked.provider.resource,
                type=wanted.type,
                location=place,
                start=instant_of(minute),
            )
        return Found(known, source, opening.zone, opening.zone.wall_of(minute) // DAY)

    def id_of(self, wanted: Wanted, place: str | None = None) -> str:
        """The id of the slot that is asked for: where that is said, else at this place."""
        practice, asked = self._bookings.context.practice, wanted.location
        where = place if isinstance(asked, Anywhere) else asked
        return slot_id(SlotKey(practice, wanted.provider, wanted.type, where, wanted.start))

    def _write(
        self,
        gate: Gate,
        slot: SlotLike,
        make: Callable[[SlotOverride, Found], SlotOverride],
        fate: Fate,
        request: KeyedRequest | None,
    ) -> SlotOverride:
        """Store what is made of the override as it is stored, or of a new one.

        `VersionConflict` for a slot that somebody else has changed since it was looked for.
        """
        found = cache(lambda: self._found(slot))

        def find() -> Target[SlotOverride]:
            known = found().override
            return Target(SlotOverride, known.id, known)

        def made(stored: SlotOverride) -> SlotOverride:
            known = found().override
            if not stored.active:
                return make(_unchanged(stored), found())
            if stored.version != known.version:
                kind = Kind.SLOT_OVERRIDE.value
                raise VersionConflict(kind, known.id, known.version, stored.version)
            return make(stored, found())

        return self._writer.change_found(gate, find, Change.UPDATED, made, fate, request)


def _said(when: WallClock | None) -> datetime | timedelta | None:
    """What a request says of a time, the same however it was written."""
    if when is None or isinstance(when, datetime):
        return when
    return time_of_day(when)


def _unchanged(override: SlotOverride) -> SlotOverride:
    """The override of the same slot that says nothing as yet."""
    return SlotOverride(
        id=override.id,
        version=override.version,
        created_at=override.created_at,
        updated_at=override.updated_at,
        resource=override.resource,
        type=override.type,
        location=override.location,
        start=override.start,
    )
