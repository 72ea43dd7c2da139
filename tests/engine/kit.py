"""Small schedules in few words, and listings that are held against the predicate as they are read.

Expected times in these tests are written out by hand, never computed by the engine.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from medsched.adapters.tzdata import TzdataZones
from medsched.domain.appointment_types import AppointmentType
from medsched.domain.availability import AvailabilityRule, Override, RecurringBlocking
from medsched.domain.claims import Claim
from medsched.domain.hours import Hours
from medsched.domain.people import Provider
from medsched.domain.places import Location, PracticeSettings, Room
from medsched.domain.records import Identified, Resource, ResourceKind
from medsched.domain.release_rules import ReleaseRule
from medsched.domain.requests import Reason, Request
from medsched.domain.schedule import Calendar, Schedule, calendar
from medsched.domain.slots import Slots
from medsched.domain.time_blocks import TimeBlock
from medsched.engine.inquiry import Inquiry
from medsched.engine.slots import list_slots
from medsched.engine.verdict import refusals
from medsched.timeline.recurrence import Recurrence

ZONES = TzdataZones()
NY = "America/New_York"
TOKYO = "Asia/Tokyo"
MINUTE = timedelta(minutes=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

GAP = date(2026, 3, 8)
"""New York's clocks go from 02:00 to 03:00 (07:00 UTC): a day of 23 hours."""
FOLD = date(2026, 11, 1)
"""New York's clocks go from 02:00 back to 01:00 (06:00 UTC): a day of 25 hours."""
DAY = date(2026, 2, 4)
"""A plain Wednesday, five hours behind UTC in New York."""

SMITH = Provider(id="smith", timezone=NY)
PRACTICE = Resource(ResourceKind.PRACTICE, "riverside")
Item = AvailabilityRule | Override | RecurringBlocking | TimeBlock | ReleaseRule


def mins(count: int) -> timedelta:
    return timedelta(minutes=count)


VISIT = AppointmentType(code="visit", duration=mins(30))


def visit(length: int = 30, **fields: Any) -> AppointmentType:
    return AppointmentType(code=fields.pop("code", "visit"), duration=mins(length), **fields)


def at(text: str, zone: str = "UTC", *, fold: int = 0) -> datetime:
    """The instant at which a zone's clock shows ``text`` (the second time, with fold 1)."""
    wall = datetime.fromisoformat(text).replace(tzinfo=ZONES.zone(zone).tzinfo, fold=fold)
    return wall.astimezone(UTC)


def minute(text: str, zone: str = "UTC", *, fold: int = 0) -> int:
    return (at(text, zone, fold=fold) - EPOCH) // MINUTE


def location(id: str) -> Resource:
    return Resource(ResourceKind.LOCATION, id)


def room(id: str) -> Resource:
    return Resource(ResourceKind.ROOM, id)


def device(id: str) -> Resource:
    return Resource(ResourceKind.DEVICE, id)


def patient(id: str) -> Resource:
    return Resource(ResourceKind.PATIENT, id)


def rule(
    hours: str | Iterable[str | Hours] = "09:00-12:00",
    *,
    id: str = "rule",
    of: Resource | str = "smith",
    days: str = "MO-SU",
    start: date = date(2026, 1, 1),
    **fields: Any,
) -> AvailabilityRule:
    """Hours on certain weekdays, all unless said otherwise."""
    recurrence = Recurrence.weekly(days, start=start)
    return AvailabilityRule(of, recurrence, id=id, hours=hours, **fields)


def on(
    day: date, hours: str | Iterable[str] = "09:00-12:00", *, id: str = "rule", **fields: Any
) -> AvailabilityRule:
    """Hours on one date only."""
    of = fields.pop("of", "smith")
    return AvailabilityRule(of, Recurrence.once(day), id=id, hours=hours, **fields)


def blocking(
    hours: str, *, id: str = "meeting", of: Resource | str = "smith", **fields: Any
) -> RecurringBlocking:
    """Time that is kept from patients every day."""
    days = Recurrence.daily(date(2026, 1, 1))
    return RecurringBlocking(of, days, id=id, hours=hours, **fields)


def busy(low: str, high: str, of: Resource | str = "smith", **fields: Any) -> Claim:
    """A claim on the plain Wednesday, on New York's wall."""
    return Claim.of(of, at(f"{DAY} {low}", NY), at(f"{DAY} {high}", NY), **fields)


def closed(first: date = DAY, last: date | None = None, **fields: Any) -> Override:
    of = fields.pop("of", "smith")
    return Override.closed(of, first, last, id=fields.pop("id", "closure"), **fields)


def extra(hours: str | Iterable[str], first: date = DAY, **fields: Any) -> Override:
    of, id = fields.pop("of", "smith"), fields.pop("id", "extra")
    return Override.extra(of, first, fields.pop("last", None), id=id, hours=hours, **fields)


def replaced(hours: str | Iterable[str], first: date = DAY, **fields: Any) -> Override:
    of, id = fields.pop("of", "smith"), fields.pop("id", "replaced")
    return Override.replaced(of, first, fields.pop("last", None), id=id, hours=hours, **fields)


def block(hours: str, day: date = DAY, *, id: str = "block", **fields: Any) -> TimeBlock:
    """Time that is published for one appointment."""
    return TimeBlock(fields.pop("of", "smith"), day, hours, id=id, **fields)


def schedule(
    *items: Identified,
    provider: Provider = SMITH,
    timezone: str | None = NY,
    locations: Iterable[Location] = (),
    rooms: Iterable[Room] = (),
    inactive: Iterable[Resource] = (),
) -> Schedule:
    return Schedule(
        practice=PracticeSettings(id=PRACTICE.id, timezone=timezone),
        provider=provider,
        calendars=calendars(*items),
        locations={one.id: one for one in locations},
        rooms={one.id: one for one in rooms},
        inactive=frozenset(inactive),
    )


def calendars(*items: Identified) -> Mapping[Resource, Calendar]:
    """Calendars in the order given, which must not matter."""
    owners = dict.fromkeys(one.resource for one in items if isinstance(one, Item))
    return {
        owner: calendar(
            tuple(
                one for one in items if isinstance(one, AvailabilityRule) and one.resource == owner
            ),
            tuple(one for one in items if isinstance(one, Override) and one.resource == owner),
            tuple(
                one for one in items if isinstance(one, RecurringBlocking) and one.resource == owner
            ),
            tuple(one for one in items if isinstance(one, TimeBlock) and one.resource == owner),
            releases=tuple(
                one for one in items if isinstance(one, ReleaseRule) and one.resource == owner
            ),
        )
        for owner in owners
    }


def ask(
    *items: Identified | Schedule,
    type: AppointmentType = VISIT,
    now: datetime | None = None,
    patient: str | None = None,
    claims: Iterable[Claim] = (),
    **fields: Any,
) -> Inquiry:
    """An inquiry about a schedule, or about one made of these items (and fields of `schedule`)."""
    ready = [item for item in items if isinstance(item, Schedule)]
    made = (
        ready[0]
        if ready
        else schedule(*(i for i in items if not isinstance(i, Schedule)), **fields)
    )
    by_resource: dict[Resource, list[Claim]] = defaultdict(list)
    for claim in claims:
        by_resource[claim.resource].append(claim)
    return Inquiry(made, Request(type, patient=patient, now=now), ZONES, by_resource)


def listing(inquiry: Inquiry, low: datetime, high: datetime) -> Slots:
    """What is listed in [low, high), once it is sure that the predicate says the same."""
    slots = list_slots(inquiry, low, high)
    found = [(slot.start - EPOCH) // MINUTE for slot in slots]
    assert found == sorted(set(found)), "in order, and none twice"
    first, beyond = -((EPOCH - low) // MINUTE), -((EPOCH - high) // MINUTE)
    step = max(15, (beyond - first) // 96 // 15 * 15)
    probed = {*range(first, beyond, step), *found, *(one + by for one in found for by in (-1, 1))}
    for minute in probed:
        if first <= minute < beyond:
            refused = refusals(inquiry, minute)
            assert bool(refused) != (minute in found), f"{EPOCH + minute * MINUTE}: {refused}"
    return slots


def times(inquiry: Inquiry, low: str, high: str, zone: str = "UTC") -> list[str]:
    """The starts between two clock times of a zone, as ``HH:MM`` on its clock."""
    slots = listing(inquiry, at(low, zone), at(high, zone))
    return [f"{slot.local_start:%H:%M}" for slot in slots.seen_from(zone)]


def dated(inquiry: Inquiry, low: str, high: str, zone: str = NY) -> list[str]:
    """The same as ``dd HH:MM``, where days must be told apart."""
    slots = listing(inquiry, at(low, zone), at(high, zone))
    return [f"{slot.local_start:%d %H:%M}" for slot in slots.seen_from(zone)]


def night(day: int, first: str = "22:00", last: str = "23:30") -> list[str]:
    """Half hours of one day of the month, as ``dd HH:MM``."""
    return [f"{day:02d} {time}" for time in every(first, last, 30)]


def starts(inquiry: Inquiry, day: date = DAY, zone: str = NY) -> list[str]:
    """The starts on one local date of a zone, as ``HH:MM`` on its clock."""
    after = day + timedelta(days=1)
    return times(inquiry, f"{day} 00:00", f"{after} 00:00", zone)


def utc(inquiry: Inquiry, day: date = DAY) -> list[str]:
    """The starts from noon UTC of the day before to noon UTC of the day after, as UTC."""
    around = timedelta(days=1)
    slots = listing(inquiry, at(f"{day - around} 12:00"), at(f"{day + around} 12:00"))
    return [f"{slot.start:%H:%M}" for slot in slots]


def reasons(inquiry: Inquiry, text: str, zone: str = NY, *, fold: int = 0) -> set[Reason]:
    """Why a start is refused."""
    return {one.reason for one in refusals(inquiry, minute(text, zone, fold=fold))}


def every(first: str, last: str, step: int) -> list[str]:
    """Clock times ``HH:MM`` from the first to the last, both inclusive."""
    low, high = (int(text[:2]) * 60 + int(text[3:]) for text in (first, last))
    return [f"{one // 60:02d}:{one % 60:02d}" for one in range(low, high + 1, step)]
