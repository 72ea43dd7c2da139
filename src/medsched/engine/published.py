"""What is written down of a provider's day: its slots, and a stamp of all they follow from.

The slots of a day are worked out as if nobody's clock ran: the rules of time (notice, how far
ahead) are applied when they are read, and so are those of release, and those of booking, which
follow from other days. So a day that is written down stays right until a rule, a claim or a zone
changes, and its stamp tells whether one has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import attrs

from medsched.domain.booking_rules import Facts
from medsched.domain.claims import Claim
from medsched.domain.digests import digest_of
from medsched.domain.published import PublishedSlot
from medsched.domain.records import Resource
from medsched.domain.schedule import Schedule
from medsched.domain.slots import SlotStatus
from medsched.engine.board import Board
from medsched.engine.booking_rules import against_house, visit_at
from medsched.engine.inquiry import Inquiry
from medsched.engine.slots import list_slots
from medsched.engine.windows import Frame
from medsched.errors import InvalidChoice
from medsched.timeline.instants import (
    DAY,
    FIRST_DAY,
    FIRST_MINUTE,
    LAST_DAY,
    LAST_MINUTE,
    MINUTE,
    instant_of,
    whole_minute,
)
from medsched.timeline.intervals import Interval, covering, union
from medsched.timeline.resolve import date_span
from medsched.timeline.zones import Zone, ZoneSource

FORM: Final = 1
"""Goes up when this release would write other slots than the one before for the same inputs."""


class LocalDay(NamedTuple):
    """A local date, as days since 1970-01-01, and its minutes [low, high)."""

    day: int
    low: int
    high: int


def zone_of_days(schedule: Schedule, zones: ZoneSource) -> Zone:
    """The zone whose dates a provider's slots are written down by: the provider's own; else UTC."""
    try:
        return Frame(schedule, zones, 0, 0).zone_of(schedule.provider.resource)
    except InvalidChoice:  # nothing states one; then every rule states its own
        return zones.zone("UTC")


def days_between(zone: Zone, low: int, high: int) -> list[LocalDay]:
    """The local dates that the minutes [low, high) touch; one that does not exist is left out.

    Each minute is of one date, whatever the clocks do.
    """
    first, last = max(low // DAY - 2, FIRST_DAY), min(high // DAY + 2, LAST_DAY)
    days = (_local_day(zone, day) for day in range(first, last + 1))
    return [one for one in days if one.low < one.high and one.low < high and one.high > low]


def _local_day(zone: Zone, day: int) -> LocalDay:
    """A local date; the first and the last reach to the ends of time."""
    low, high = date_span(zone, day)
    return LocalDay(
        day,
        FIRST_MINUTE if day == FIRST_DAY else low,
        LAST_MINUTE if day == LAST_DAY else high,
    )


@attrs.frozen(eq=False)
class Daily:
    """What the slots of one day follow from: see `of_day`."""

    day: LocalDay
    inquiry: Inquiry
    stamp: str

    def slots(self, patients: Mapping[int, str], now: datetime) -> list[PublishedSlot]:
        """The slots of the day, those that are taken too, as first written at ``now``.

        ``patients``: whose appointments of this type start, by minute.
        """
        low, high = instant_of(self.day.low), instant_of(self.day.high)
        return [
            PublishedSlot(
                slot_id=slot.id,
                provider=slot.provider,
                type=slot.type,
                location=slot.location,
                start=slot.start,
                end=slot.end,
                status=slot.status,
                seats_free=slot.seats_free,
                patient=patients.get(whole_minute(slot.start, "start")),
                created_at=now,
                updated_at=now,
            )
            for slot in list_slots(self.inquiry, low, high, taken=True)
        ]


def of_day(
    inquiry: Inquiry, versions: Mapping[Resource, int], day: LocalDay, reach: Interval
) -> Daily:
    """What a day's slots follow from: of an inquiry about more, what reaches into it.

    ``versions`` are those of the schedules that the inquiry was made of. Expired holds are left
    out.
    """
    now = inquiry.request.now
    claims = {
        resource: [
            claim
            for claim in some
            if claim.low < reach[1] and claim.high > reach[0] and claim.is_live(now)
        ]
        for resource, some in inquiry.claims.items()
    }
    alone = attrs.evolve(
        inquiry,
        request=attrs.evolve(inquiry.request, now=None),
        claims=claims,
        facts=Facts(),
        house_rules=(),
    )
    stamp = digest_of(
        {
            "form": FORM,
            "zones": inquiry.zones.version,
            "type": inquiry.type,
            "versions": sorted([one.kind.value, one.id, v] for one, v in versions.items()),
            "day": day,
            "claims": sorted(_said(claim) for some in claims.values() for claim in some),
        }
    )
    return Daily(day, alone, stamp)


def _said(claim: Claim) -> tuple[str, ...]:
    """All that a claim says."""
    resource, session = claim.resource, claim.session
    said = (resource.kind.value, resource.id, claim.low, claim.high, claim.kind.value, claim.id)
    return (*map(str, said), *([] if session is None else map(repr, attrs.astuple(session))))


def bookable_of(slots: Sequence[PublishedSlot], inquiry: Inquiry) -> list[PublishedSlot]:
    """Those that the rules of time, of booking, of release, and the host's own leave listed now."""
    if not slots:
        return []
    (first, beyond), starts = (
        inquiry.bookable(),
        [whole_minute(one.start, "start") for one in slots],
    )
    board, found = Board(inquiry, min(starts), max(starts) + 1), []
    lengths = {(one.end - one.start) // MINUTE for one in slots}
    ruled = {length: union(one[:2] for one in board.ruled(length)) for length in lengths}
    for one, start in zip(slots, starts, strict=True):
        if first <= start < beyond:
            if one.status is not SlotStatus.FREE or _is_allowed(inquiry, ruled, one, start):
                found.append(one)
            else:  # a session that nobody may join is still told
                told = list_slots(inquiry, one.start, one.start + MINUTE, taken=True)
                found += [
                    attrs.evolve(one, status=slot.status, seats_free=slot.seats_free)
                    for slot in told
                    if slot.id == one.slot_id
                ]
    return found


def _is_allowed(
    inquiry: Inquiry, ruled: Mapping[int, Sequence[Interval]], slot: PublishedSlot, start: int
) -> bool:
    length = (slot.end - slot.start) // MINUTE
    if covering(ruled[length], start) is not None:
        return False
    visit = visit_at(inquiry, start, length, slot.location)
    return not any(against_house(inquiry, visit))
