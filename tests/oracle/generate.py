"""Random schedules laid around the clock changes of every zone of the database."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from random import Random
from typing import Any, TypeVar

import attrs
from tests.oracle.walker import DAY, EPOCH, MINUTE, zone_info, zone_names

from medsched.domain.appointment_types import AppointmentType, Grid, Need, Pricing
from medsched.domain.availability import AvailabilityRule, Override, RecurringBlocking
from medsched.domain.claims import Claim, ClaimKind
from medsched.domain.hours import Hours
from medsched.domain.people import Provider, Travel
from medsched.domain.places import Location, PracticeSettings, Room
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.requests import Request
from medsched.domain.schedule import Calendar, Schedule, calendar
from medsched.errors import InvalidDuration, InvalidHours, InvalidRecurrence
from medsched.timeline.recurrence import Recurrence
from medsched.timeline.resolve import Disambiguation
from medsched.timeline.rrule_parts import Frequency
from medsched.timeline.weekdays import ByDay, Weekday

T = TypeVar("T")

SPECIAL = (
    "Australia/Lord_Howe",  # half an hour
    "Asia/Beirut",  # gaps at midnight
    "America/Santiago",
    "Africa/Cairo",
    "Pacific/Kwajalein",  # missing days
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Africa/Casablanca",  # back and forth around Ramadan
    "Africa/El_Aaiun",
    "America/Havana",
    "America/New_York",
    "Antarctica/Troll",  # two hours
    "Asia/Kathmandu",
    "Asia/Pyongyang",
)
MISSING_DAYS = {"Pacific/Kwajalein": 1993, "Pacific/Apia": 2011, "Pacific/Kiritimati": 1994}
PROVIDER = Resource(ResourceKind.PROVIDER, "p")
PRACTICE = Resource(ResourceKind.PRACTICE, "practice")
PATIENT = Resource(ResourceKind.PATIENT, "ada")
MAIN, ANNEX = (Resource(ResourceKind.LOCATION, id) for id in ("main", "annex"))
ROOMS = tuple(Resource(ResourceKind.ROOM, id) for id in ("r1", "r2"))
DEVICE = Resource(ResourceKind.DEVICE, "d1")


@attrs.frozen(kw_only=True)
class Case:
    """One question: which starts does this request find from ``low`` to before ``high``?"""

    seed: int
    zone: str
    change: int
    """The minute of the clock change that everything lies around."""
    schedule: Schedule
    request: Request
    claims: dict[Resource, list[Claim]]
    low: int
    high: int


# ----------------------------------------------------------------------- zones


def zone_for(seed: int) -> str:
    """Four of five seeds in a row go through all zones, the fifth through the special ones."""
    turn, place = divmod(seed, 5)
    if place == 4:
        return SPECIAL[turn % len(SPECIAL)]
    names = zone_names()
    return names[(turn * 4 + place) % len(names)]


@cache
def changes(zone: str) -> tuple[int, ...]:
    """The minutes since 1973 at which a zone's offset changes, some of them far ahead."""
    found: list[int] = []
    for first, last in ((1973, 2038), (2060, 2064)):
        low = (datetime(first, 1, 20, tzinfo=UTC) - EPOCH) // MINUTE
        high = (datetime(last, 1, 1, tzinfo=UTC) - EPOCH) // MINUTE
        found += find_changes(zone, low, high)
    return tuple(found)


def find_changes(zone: str, low: int, high: int) -> list[int]:
    """Look every few days, and where the offset differs from the one before, halve."""
    found = []
    step = 4 * DAY
    there_offset = offset(zone, low)
    for before in range(low, high, step):
        here_offset, there_offset = there_offset, offset(zone, before + step)
        if here_offset != there_offset:
            here, there = before, before + step
            while there - here > 1:
                middle = (here + there) // 2
                if offset(zone, middle) == here_offset:
                    here = middle
                else:
                    there = middle
            found.append(there)
    return found


def offset(zone: str, minute: int) -> int:
    shift = datetime.fromtimestamp(minute * 60, zone_info(zone)).utcoffset()
    assert shift is not None
    return shift // MINUTE


# ------------------------------------------------------------------ the pieces


def generate(seed: int) -> Case:
    """The case of a seed."""
    return _Maker(seed).case()


class _Maker:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random = Random(seed)
        self.zone = zone_for(seed)
        known = changes(self.zone)
        missing = MISSING_DAYS.get(self.zone)
        if missing is not None and random.random() < 0.8:
            year = (datetime(missing, 12, 31, tzinfo=UTC) - EPOCH) // MINUTE
            self.change = min(known, key=lambda minute: abs(minute - year))
        elif known:
            self.change = random.choice(known)
        else:
            self.change = random.randrange(20 * DAY * 365, 60 * DAY * 365)
        before = self.change + offset(self.zone, self.change - 1)
        after = self.change + offset(self.zone, self.change)
        self.day = date(1970, 1, 1) + timedelta(days=after // DAY)
        near = (-120, -90, -60, -45, -30, -15, -10, 0, 0, 10, 15, 30, 45, 60, 90, 120, 180)
        self.edges = [(wall + by) % DAY for wall in (before, after) for by in near]
        self.before, self.after = before % DAY, before % DAY + after - before
        self.hot = [before % DAY, after % DAY, (before + after) // 2 % DAY, *self.edges[:0:-7]]
        self.edges += [0, 0, 1, 6 * 60, 8 * 60, 9 * 60, 12 * 60, 17 * 60, 22 * 60, 23 * 60 + 59]
        self.ids = 0

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def id(self, prefix: str) -> str:
        """Ids whose order is not that of making."""
        self.ids += 1
        return f"{prefix}{self.random.randrange(100):02d}-{self.ids}"

    def pick(self, *choices: T) -> T:
        return self.random.choice(choices)

    def minutes(self, *choices: int) -> timedelta:
        return timedelta(minutes=self.random.choice(choices))

    def other_zone(self) -> str:
        return self.pick(self.zone, self.random.choice(SPECIAL), self.random.choice(zone_names()))

    def maybe_zone(self, share: float = 0.1) -> str | None:
        return self.other_zone() if self.chance(share) else None

    def policy(self) -> Disambiguation:
        kinds = list(Disambiguation)
        return self.random.choice([Disambiguation.COMPATIBLE, Disambiguation.COMPATIBLE, *kinds])

    def date_near(self, spread: int = 2) -> date:
        return self.day + timedelta(days=self.random.randint(-spread, spread))

    # ------------------------------------------------------------------- hours

    def tiles(self, most: int) -> list[tuple[int, int]]:
        """Stretches of a wall that overlap neither one another nor themselves a day later.

        Some begin or end where the clock changes, on either side of it or between.
        """
        skipped = self.after - self.before
        if 0 < skipped <= 180 and self.chance(0.2):
            # Apart on the wall, together in time: one ends where the clock leaps, or in what it
            # skips, and the other begins where the clock arrives.
            early = self.before - self.pick(7, 20, 50, 75)
            late = self.after + self.pick(15, 60, 95)
            into = self.pick(0, 0, skipped // 2)
            if early >= 0 and late + into <= DAY:
                return [(early, self.before + into), (self.after + into, late + into)]
        edges = self.hot if self.chance(0.3) else self.edges
        origin = self.random.choice(edges)
        count = self.random.randint(1, most)
        points = {(self.random.choice(edges) - origin) % DAY for _ in range(count)}
        points = {0, DAY} | {point for point in points if point}
        ordered = sorted(points)
        pairs = [
            (origin + start, origin + end)
            for start, end in itertools.pairwise(ordered)
            if len(ordered) < 4 or self.chance(0.7)
        ]
        if not pairs:
            pairs = [(origin, origin + ordered[1])]
        if len(pairs) == 1 and pairs[0][1] - pairs[0][0] == DAY and self.chance(0.7):
            start = pairs[0][0]
            pairs = [(start, start + self.pick(60, 120, 240, 480, 720))]
        return [(start % DAY, start % DAY + end - start) for start, end in pairs]

    def hours(self, tiles: Sequence[tuple[int, int]]) -> list[Hours]:
        found = []
        for start, end in tiles:
            over = end > DAY
            opening, closing = timedelta(minutes=start), timedelta(minutes=end - DAY * over)
            if self.chance(0.06) and 2 < end - start < DAY:
                opening += timedelta(seconds=self.pick(1, 30, 59))
                closing -= timedelta(seconds=self.pick(0, 1, 59) if closing else 0)
            found.append(Hours(opening, closing, overnight=over))
        return found

    def breaks(self, tiles: Sequence[tuple[int, int]]) -> list[Hours]:
        found: list[tuple[int, int]] = []
        for _ in range(self.pick(0, 0, 0, 1, 1, 2)):
            low, high = self.random.choice(tiles)
            if self.chance(0.5):
                inside = [e for edge in self.edges if low <= (e := edge) < high]
                inside += [e for edge in self.edges if low <= (e := edge + DAY) < high]
                start = self.random.choice(inside or [low])
            else:
                start = self.random.randrange(low, high)
            start %= DAY
            end = min(start + self.pick(5, 15, 20, 30, 45, 60, 90), DAY)
            if all(end < one or other < start for one, other in found):
                found.append((start, end))
        odd = timedelta(seconds=self.pick(0, 0, 0, 0, 20))
        return [Hours(low * MINUTE + odd, high * MINUTE - odd) for low, high in found]

    # ------------------------------------------------------------------- dates

    def recurrence(self) -> Recurrence:
        for _ in range(20):
            try:
                return self.any_recurrence()
            except InvalidRecurrence:
                continue
        return Recurrence(self.day - timedelta(days=7), Frequency.DAILY)

    def any_recurrence(self) -> Recurrence:
        back = self.pick(3, 4, 5, 6, 10, 17, 30, self.random.randrange(40, 700))
        start = max(self.day - timedelta(days=back), date(1973, 1, 1))
        more: dict[str, Any] = {}
        kind = self.pick("daily", "daily", "daily", "weekly", "weekly", "monthly", "yearly")
        if self.chance(0.1):
            more["until"] = self.date_near()
        elif self.chance(0.1):
            more["count"] = self.random.randint(1, back + 3)
        if self.chance(0.1):
            more["rdates"] = [self.date_near() for _ in range(2)]
        if self.chance(0.1):
            more["exdates"] = [self.date_near()]
        near = [self.day, *(self.date_near() for _ in range(3))]
        if kind == "daily":
            interval = self.pick(1, 1, 1, 1, 2, 3)
            return Recurrence(start, Frequency.DAILY, interval=interval, **more)
        weekdays = [Weekday(day.weekday()) for day in near]
        if kind == "weekly":
            return Recurrence(
                start,
                Frequency.WEEKLY,
                interval=self.pick(1, 1, 1, 2),
                by_day=weekdays,
                week_start=self.random.choice(list(Weekday)),
                **more,
            )
        if kind == "monthly":
            pattern: dict[str, Any] = self.pick(
                {"by_month_day": [day.day for day in near]},
                {"by_month_day": [-1, -2, 1, 2, near[0].day]},
                {
                    "by_day": [
                        ByDay(w, (d.day + 6) // 7) for w, d in zip(weekdays, near, strict=True)
                    ]
                },
                {"by_day": list(Weekday), "by_set_pos": [day.day for day in near]},
            )
            return Recurrence(start, Frequency.MONTHLY, **pattern, **more)
        pattern = self.pick(
            {"by_month": [d.month for d in near], "by_month_day": [d.day for d in near]},
            {"by_year_day": [day.timetuple().tm_yday for day in near]},
            {"by_week_no": [day.isocalendar().week for day in near], "by_day": list(Weekday)},
        )
        return Recurrence(start, Frequency.YEARLY, **pattern, **more)

    def validity(self) -> dict[str, Any]:
        first = self.date_near(3) if self.chance(0.1) else None
        last = self.date_near(3) if self.chance(0.1) else None
        if first is not None and last is not None and last < first:
            first, last = last, first
        return {"valid_from": first, "valid_to": last}

    # ------------------------------------------------------------------ offers

    def offer(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.chance(0.25):
            found["location"] = self.pick("main", "annex")
        if self.chance(0.15):
            found["room"] = self.pick("r1", "r2")
        if self.chance(0.2):
            found["types"] = self.pick({"visit"}, {"visit"}, {"visit", "other"}, {"other"})
        if self.chance(0.12):
            found["type_days"] = {"visit": [Weekday(self.date_near(1).weekday()) for _ in range(3)]}
        if self.chance(0.12):
            found["slot_duration"] = self.minutes(10, 15, 25, 30, 60)
        if self.chance(0.08):
            found["durations"] = {self.pick("visit", "other"): self.minutes(10, 20, 40)}
        if self.chance(0.2):
            found["break_duration"] = self.minutes(5, 10, 15)
        if self.chance(0.08):
            found["step"] = self.minutes(5, 7, 15, 20, 45)
        if self.chance(0.05):
            found["capacity"] = self.random.randint(1, 3)
        if self.chance(0.05):
            found["pricing"] = Pricing(base_fee=self.pick(10, 20))
        if self.chance(0.05):
            found["special_requirements"] = {"fasting"}
        return found

    def built(self, make: Callable[..., T], options: dict[str, Any], optional: Iterable[str]) -> T:
        """Made with the options, or without the optional ones where these do not fit."""
        try:
            return make(**options)
        except (InvalidHours, InvalidDuration):
            left_out = set(optional)
            return make(**{name: value for name, value in options.items() if name not in left_out})

    # ----------------------------------------------------------- calendar parts

    def rules(self, resource: Resource, most: int, *, offers: bool) -> list[AvailabilityRule]:
        tiles = self.tiles(6 if offers else 3)
        self.random.shuffle(tiles)
        count = min(self.random.choice([1, *range(1, most + 1)]), len(tiles))
        shared = self.offer() if offers and self.chance(0.4) else None
        found = []
        for part in range(count):
            own = tiles[part::count]
            offer = (self.offer() if shared is None else shared) if offers else {}
            options = {
                "resource": resource,
                "recurrence": self.recurrence(),
                "hours": self.hours(own),
                "breaks": self.breaks(own),
                "timezone": self.maybe_zone(0.12),
                "disambiguation": self.policy(),
                "active": not self.chance(0.03),
                "id": self.id("rule"),
                **self.validity(),
                **offer,
            }
            fragile = ("breaks", "slot_duration", "durations")
            found.append(self.built(AvailabilityRule, options, fragile))
        return found

    def span(self) -> tuple[date, date]:
        first = self.date_near()
        return first, first + timedelta(days=self.pick(0, 0, 0, 1, 2))

    def closure(self, resource: Resource, *, types: bool = True) -> Override:
        first, last = self.span()
        wide = resource.kind in (ResourceKind.PRACTICE, ResourceKind.LOCATION)
        whole = self.chance(0.7 if wide else 0.5)
        places = resource.kind in (ResourceKind.PROVIDER, ResourceKind.PRACTICE)
        return Override.closed(
            resource,
            first,
            last,
            id=self.id("closed"),
            hours=() if whole else self.hours(self.tiles(3)[:2]),
            whole_shifts=whole and self.chance(0.5),
            types={self.pick("visit", "other")} if types and self.chance(0.2) else None,
            location=self.pick("main", "annex") if places and self.chance(0.3) else None,
            timezone=self.maybe_zone(),
            disambiguation=self.policy(),
            priority=self.random.randint(-1, 1),
            active=not self.chance(0.03),
        )

    def opened(self, resource: Resource, kind: str, priority: int) -> Override:
        """Extra or replaced hours."""
        first, last = self.span()
        tiles = self.tiles(3)[:2]
        offer = self.offer() if resource == PROVIDER and self.chance(0.5) else {}
        options = {
            "resource": resource,
            "first": first,
            "last": last,
            "id": self.id(kind),
            "hours": self.hours(tiles),
            "breaks": self.breaks(tiles),
            "timezone": self.maybe_zone(),
            "disambiguation": self.policy(),
            "priority": priority,
            **offer,
        }
        if kind == "replaced" and self.chance(0.3):
            options["whole_shifts"] = True
        make = Override.extra if kind == "extra" else Override.replaced
        return self.built(make, options, ("breaks", "slot_duration", "durations"))

    def overrides(self, resource: Resource, most: int) -> list[Override]:
        """Of all kinds; no two that open time and have one priority may meet on a date."""
        found: list[Override] = []
        kinds = ("closed", "extra", "replaced")
        for _ in range(self.random.randint(min(most, 1), most)):
            kind = self.random.choice(kinds)
            if kind == "closed":
                found.append(self.closure(resource))
                continue
            priority = self.random.randint(-3, 3)
            one = self.opened(resource, kind, priority)
            rivals = [r for r in found if r.kind is one.kind and r.priority == priority]
            apart = timedelta(days=0 if kind == "replaced" else 2)
            if all(one.last + apart < r.first or r.last + apart < one.first for r in rivals):
                found.append(one)
        return found

    def blockings(self, resource: Resource) -> list[RecurringBlocking]:
        return [
            RecurringBlocking(
                resource,
                self.recurrence(),
                hours=self.hours(self.tiles(3)[:2]),
                types={self.pick("visit", "other")} if self.chance(0.2) else None,
                timezone=self.maybe_zone(),
                disambiguation=self.policy(),
                id=self.id("blocking"),
                active=not self.chance(0.03),
                **self.validity(),
            )
            for _ in range(self.pick(1, 1, 2))
        ]

    def calendar(
        self, resource: Resource, rules: float, overrides: float, blockings: float
    ) -> Calendar:
        return calendar(
            tuple(self.rules(resource, 2, offers=False)) if self.chance(rules) else (),
            tuple(self.overrides(resource, 3)) if self.chance(overrides) else (),
            tuple(self.blockings(resource)) if self.chance(blockings) else (),
        )

    # ------------------------------------------------------------------ claims

    def claimed(self, resource: Resource, most: int, now: datetime | None) -> list[Claim]:
        found = []
        for _ in range(self.random.randint(0, most)):
            low = self.change + self.random.choice(
                [self.random.randrange(-2 * DAY, 3 * DAY), self.random.randrange(-180, 180)]
            )
            high = low + self.pick(1, 5, 15, 30, 30, 45, 60, 120, 600)
            kind, expires = self.random.choice(list(ClaimKind)), None
            if kind is ClaimKind.HOLD and now is not None:
                expires = now + timedelta(seconds=self.pick(-3600, -1, 0, 1, 3600))
            found.append(Claim(resource, low, high, kind, self.id("claim"), expires))
        return found

    # -------------------------------------------------------------------- case

    def type(self, early: int, needs: float) -> AppointmentType:
        grid = self.pick(Grid.window(), Grid.window(), Grid.packed(), None)
        if grid is None:
            interval = self.pick(5, 10, 15, 20, 30, 45, 50, 60, 90, 120, 1440)
            offset = self.random.randrange(interval) if self.chance(0.4) else 0
            grid = Grid.clock(timedelta(minutes=interval), offset=timedelta(minutes=offset))
        needed: list[Need] = []
        before, after = self.minutes(0, 0, 5, 10), self.minutes(0, 0, 5, 15)
        if self.chance(needs):
            ids = self.pick(("r1",), ("r1",), ("r2",), ("r1", "r2"))
            needed.append(Need.room(*ids, before=before, after=after))
        if self.chance(needs * 0.4):
            needed.append(Need.device("d1", before=after, after=before))
        return AppointmentType(
            code="visit",
            duration=self.minutes(5, 7, 10, 15, 20, 30, 30, 45, 60, 90, 180),
            buffer_before=self.minutes(0, 0, 0, 5, 10, 20),
            buffer_after=self.minutes(0, 0, 0, 5, 10, 20),
            buffers_within_hours=self.chance(0.15),
            grid=grid,
            needs=needed,
            **self.limits(0.12, early),
        )

    def limits(self, share: float, early: int) -> dict[str, Any]:
        """Rules of time that bite near the clock change, ``early`` minutes after now."""
        found: dict[str, Any] = {}
        if self.chance(share):
            found["notice"] = timedelta(minutes=early + self.pick(-700, -60, -1, 0, 60, 300))
        if self.chance(share):
            ahead = early + self.pick(-90, 0, 60, 300, 1440, 2500)
            found["furthest_ahead"] = timedelta(minutes=ahead)
        if self.chance(share):
            found["days_ahead"] = early // DAY + self.random.randint(0, 2)
        return found

    def travels(self) -> tuple[Travel, ...]:
        if not self.chance(0.15):
            return ()
        # Far enough from today, which is at most two days before the change.
        first = self.day + timedelta(days=self.pick(0, 0, 1))
        middle = first + timedelta(days=self.pick(0, 0, 1, 2))
        found = [Travel(self.other_zone(), first, middle)]
        if self.chance(0.3):
            after = middle + timedelta(days=1)
            found.append(Travel(self.other_zone(), after, after + timedelta(days=3)))
        return tuple(found)

    def case(self) -> Case:
        low = self.change - self.random.randrange(2 * DAY)
        high = low + self.random.randint(2 * DAY, self.pick(3, 3, 5) * DAY)
        travels = self.travels()
        # Today must not be in doubt: what a zone says of it may depend on where one travels.
        early = 6 * DAY if travels else self.random.randrange(DAY // 2, 2 * DAY)
        now = None
        if self.chance(0.6):
            past = timedelta(seconds=self.pick(0, 0, 1, 59), microseconds=self.pick(0, 1))
            now = EPOCH + (self.change - early) * MINUTE + past
        # One thing at a time, mostly: where all of them close time, little of it stays open.
        theme = self.pick("provider", "practice", "places", "rooms", "all")
        type_ = self.type(early, needs=0.8 if theme == "rooms" else 0.15)
        provider = Provider(
            id="p",
            timezone=self.pick(None, None, *[self.zone] * 4, self.other_zone()),
            location=self.pick("main", "main", None),
            durations={"visit": self.minutes(10, 25)} if self.chance(0.1) else {},
            travels=travels,
            **self.limits(0.06, early),
        )
        locations = {
            id: Location(
                id=id,
                timezone=self.pick(*[None] * 4, *[self.zone] * 2, self.other_zone()),
                exclusive=self.chance(0.2),
            )
            for id in ("main", "annex")
        }
        rooms = {
            room.id: Room(id=room.id, location=self.pick("main", "main", "annex")) for room in ROOMS
        }
        practice, places, others = (
            1.0 if theme == one else 0.3 if theme == "all" else 0.1
            for one in ("practice", "places", "rooms")
        )
        calendars = {
            PROVIDER: calendar(
                tuple(self.rules(PROVIDER, 3, offers=True)),
                tuple(
                    self.overrides(PROVIDER, 5 if theme == "provider" else self.pick(0, 0, 1, 3))
                ),
                tuple(self.blockings(PROVIDER)) if self.chance(0.15) else (),
            ),
            PRACTICE: self.calendar(PRACTICE, 0.3 * practice, 0.8 * practice, 0.2 * practice),
            MAIN: self.calendar(MAIN, 0.4 * places, 0.8 * places, 0.2 * places),
            ANNEX: self.calendar(ANNEX, 0.4 * places, 0.4 * places, 0.2 * places),
            ROOMS[0]: self.calendar(ROOMS[0], 0.5 * others, 0.8 * others, 0.3 * others),
            ROOMS[1]: self.calendar(ROOMS[1], 0.3 * others, 0.4 * others, 0.2 * others),
            DEVICE: self.calendar(DEVICE, 0.3 * others, 0.5 * others, 0.2 * others),
        }
        claims = {
            resource: self.claimed(resource, most, now)
            for resource, most in {
                PROVIDER: self.pick(0, 0, 2, 6),
                PATIENT: 2,
                MAIN: 2,
                ROOMS[0]: 4,
                ROOMS[1]: 2,
                DEVICE: 2,
            }.items()
        }
        return Case(
            seed=self.seed,
            zone=self.zone,
            change=self.change,
            schedule=Schedule(
                practice=PracticeSettings(id="practice", timezone=self.practice_zone(provider)),
                provider=provider,
                calendars={
                    resource: own for resource, own in calendars.items() if own != Calendar()
                },
                locations=locations,
                rooms=rooms,
                inactive=frozenset(ROOMS[1:] if self.chance(0.05) else ()),
            ),
            request=Request(type_, patient="ada" if self.chance(0.3) else None, now=now),
            claims={resource: taken for resource, taken in claims.items() if taken},
            low=low,
            high=high,
        )

    def practice_zone(self, provider: Provider) -> str:
        return self.zone if provider.timezone is None or self.chance(0.8) else self.other_zone()
