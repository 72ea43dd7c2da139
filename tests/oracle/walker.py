"""A slow, obvious oracle of the slot engine: it decides minute by minute.

It shares no code with the engine. Time zones are asked what they show at each minute of
UTC; a wall time is found by looking through these minutes; recurrences are replayed by
dateutil from their start; open time is a table from minutes to the window that owns them.
The nouns it reads are the library's own, but nothing that they compute.

Group sessions are not walked. Minutes count from 1970-01-01, on UTC and on walls alike.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache, cached_property
from importlib.resources import files
from itertools import product
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import attrs
from dateutil import rrule as dateutil

from medsched.domain.appointment_types import AppointmentType, GridKind
from medsched.domain.availability import AvailabilityRule, Override, OverrideKind, RecurringBlocking
from medsched.domain.claims import Claim
from medsched.domain.hours import Hours
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.requests import Request
from medsched.domain.schedule import Schedule
from medsched.timeline.recurrence import Recurrence

DAY = 1440
MINUTE = timedelta(minutes=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Opener: TypeAlias = AvailabilityRule | Override
Source: TypeAlias = AvailabilityRule | Override | RecurringBlocking
Canvas: TypeAlias = "dict[int, Window]"


class Start(NamedTuple):
    """One start that is offered."""

    minute: int
    length: int
    wall: int
    opened_by: str
    location: str | None


# ---------------------------------------------------------------------- clocks


@cache
def zone_info(key: str) -> ZoneInfo:
    """A zone of the tzdata package, whatever the machine has."""
    with files("tzdata").joinpath("zoneinfo", *key.split("/")).open("rb") as stream:
        return ZoneInfo.from_file(stream, key=key)


@cache
def zone_names() -> tuple[str, ...]:
    return tuple(sorted((files("tzdata") / "zones").read_text("ascii").split()))


def midnight(day: date) -> int:
    """00:00 of a date, as a minute of the wall."""
    return (day - date(1970, 1, 1)).days * DAY


class Clock:
    """What the clocks of one zone show at each minute of a stretch of UTC."""

    def __init__(self, key: str, low: int, high: int) -> None:
        self.key = key
        zone = zone_info(key)
        self.shown: dict[int, int] = {}
        self.when: dict[int, list[int]] = {}
        self.jumps: list[int] = []
        before = None
        for minute in range(low, high):
            now = datetime.fromtimestamp(minute * 60, zone)
            wall = (now.toordinal() - 719_163) * DAY + now.hour * 60 + now.minute
            self.shown[minute] = wall
            self.when.setdefault(wall, []).append(minute)
            if before is not None and wall > before + 1:
                self.jumps.append(minute)
            before = wall

    def resolve(self, wall: int, policy: str = "compatible") -> int | None:
        """The minute of UTC that is meant by a wall time; None where ``reject`` refuses it."""
        minutes = self.when.get(wall, [])
        if len(minutes) == 1:
            return minutes[0]
        if policy == "reject":
            return None
        if minutes:
            return minutes[-1] if policy == "later" else minutes[0]
        for jump in self.jumps:
            before, after = self.shown[jump - 1] + 1, self.shown[jump]
            if before <= wall < after:
                if policy == "earlier":
                    return jump - (after - wall)  # as the new clock would have shown it
                return jump + (wall - before)  # as the old clock would still show it
        raise LookupError(f"{self.key} was not walked far enough for {wall}")

    def day(self, day: date) -> tuple[int, int]:
        """A local date: from its 00:00 to the next date's, empty if there is no such date."""
        start = self.resolve(midnight(day))
        end = self.resolve(midnight(day) + DAY)
        assert start is not None
        assert end is not None
        return start, end


# ----------------------------------------------------------------------- dates


def occurrences(recurrence: Recurrence, first: date, last: date) -> list[date]:
    """The dates of a recurrence from ``first`` to ``last``, replayed from its start."""
    until = recurrence.until
    matches = dateutil.rrule(
        getattr(dateutil, recurrence.frequency.name),
        dtstart=datetime(*recurrence.start.timetuple()[:3]),
        interval=recurrence.interval,
        wkst=int(recurrence.week_start),
        count=recurrence.count,
        until=None if until is None else datetime(*until.timetuple()[:3]),
        bymonth=recurrence.by_month or None,
        byweekno=recurrence.by_week_no or None,
        byyearday=recurrence.by_year_day or None,
        bymonthday=recurrence.by_month_day or None,
        byweekday=[dateutil.weekday(int(day.weekday), day.ordinal) for day in recurrence.by_day]
        or None,
        bysetpos=recurrence.by_set_pos or None,
    )
    found = set(recurrence.rdates)
    for match in matches:
        if match.date() > last:
            break
        found.add(match.date())
    return sorted(day for day in found - recurrence.exdates if first <= day <= last)


def dates(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += timedelta(days=1)


# ----------------------------------------------------------------------- hours


def wall_windows(hours: Iterable[Hours], breaks: Iterable[Hours]) -> list[tuple[int, int]]:
    """The windows of a day on the wall: every minute of the hours that is in no break."""
    opened: set[int] = set()
    for one in hours:
        start, end = -(-one.start // MINUTE), one.end // MINUTE  # inward
        opened |= set(range(start, end + DAY * one.overnight))
    cut: set[int] = set()
    for one in breaks:
        stretch = set(range(*outward(one)))
        if not stretch & opened:
            stretch = {minute + DAY for minute in stretch}  # meant after midnight
        cut |= stretch
    return runs(opened - cut)


def outward(hours: Hours) -> tuple[int, int]:
    start, end = hours.start // MINUTE, -(-hours.end // MINUTE)
    return start, end + DAY * hours.overnight


def runs(minutes: Iterable[int]) -> list[tuple[int, int]]:
    """Minutes that follow one another, as [start, end)."""
    found: list[tuple[int, int]] = []
    for minute in sorted(minutes):
        if found and found[-1][1] == minute:
            found[-1] = (found[-1][0], minute + 1)
        else:
            found.append((minute, minute + 1))
    return found


# --------------------------------------------------------------------- windows


@attrs.frozen(eq=False)
class Window:
    """One stretch of hours of a rule or override on one date, resolved to instants."""

    source: Opener | None
    """None: what is always open."""
    day: date
    clock: Clock | None
    start: int
    end: int
    first: Window | None = None
    """The window of the same source and date where the ones that touch begin."""
    place: str | None = None

    @property
    def head(self) -> Window:
        return self.first or self

    @cached_property
    def offer(self) -> Hashable:
        """Two windows with the same of this make the same offer."""
        source = self.source
        if source is None:
            return None
        return (
            self.place,
            source.room,
            source.types,
            source.type_days,
            source.slot_duration,
            source.durations,
            source.break_duration,
            source.step,
            source.capacity,
            source.pricing,
            source.special_requirements,
        )

    @property
    def rank(self) -> tuple[int, int, str]:
        """The earlier window keeps a minute that two want."""
        assert self.source is not None
        return self.start, self.end, self.source.id


def paint(windows: Iterable[Window], low: int, high: int) -> Canvas:
    """Who owns each minute: the first of the windows in the order given."""
    canvas: Canvas = {}
    for window in windows:
        for minute in range(max(window.start, low), min(window.end, high)):
            canvas.setdefault(minute, window)
    return canvas


# ---------------------------------------------------------------------- walker


class Walker:
    """Walks the minutes around [low, high) for one request."""

    def __init__(
        self,
        schedule: Schedule,
        request: Request,
        claims: Mapping[Resource, Iterable[Claim]],
        low: int,
        high: int,
    ) -> None:
        self.schedule = schedule
        self.request = request
        self.type: AppointmentType = request.type
        self.claims = claims
        self.asked = (low, high)
        # A window, and so a packed stretch, begins at most two days and a clock change before
        # what is in it. Around all that, a day for lengths and buffers.
        self.packed_from = low - DAY * 3
        self.low = (self.packed_from if self.type.grid.kind is GridKind.PACKED else low) - DAY
        self.high = high + DAY
        self.clocks: dict[str, Clock] = {}
        self.own_lengths: dict[Resource, dict[int, int]] = {}
        self.ends: dict[int, int] = {}
        # Whatever meets these minutes hangs on one of these dates.
        self.first = date(1970, 1, 1) + timedelta(days=self.low // DAY - 3)
        self.last = date(1970, 1, 1) + timedelta(days=self.high // DAY + 1)

    # ------------------------------------------------------------------- zones

    def clock(self, key: str) -> Clock:
        if key not in self.clocks:
            low = midnight(self.first) - DAY
            high = midnight(self.last) + 4 * DAY
            self.clocks[key] = Clock(key, low, high)
        return self.clocks[key]

    def zone(self, source: Source, day: date) -> str:
        """The zone a source is meant in on a date."""
        schedule, owner = self.schedule, source.resource
        wanted = [source.timezone]
        if not isinstance(source, RecurringBlocking):
            wanted.append(self.zone_of_place(source.location))
        if owner.kind is ResourceKind.PROVIDER:
            wanted.append(self.provider_zone(day))
        elif owner.kind is ResourceKind.ROOM and owner.id in schedule.rooms:
            wanted.append(self.zone_of_place(schedule.rooms[owner.id].location))
        elif owner.kind is ResourceKind.LOCATION:
            wanted.append(self.zone_of_place(owner.id))
        wanted.append(schedule.practice.timezone)
        return next(zone for zone in wanted if zone is not None)

    def zone_of_place(self, place: str | None) -> str | None:
        location = None if place is None else self.schedule.locations.get(place)
        return None if location is None else location.timezone

    def provider_zone(self, day: date) -> str:
        provider = self.schedule.provider
        away = [trip.timezone for trip in provider.travels if trip.first <= day <= trip.last]
        wanted = [
            *away,
            provider.timezone,
            self.zone_of_place(provider.location),
            self.schedule.practice.timezone,
        ]
        return next(zone for zone in wanted if zone is not None)

    # ----------------------------------------------------------------- windows

    def days_of(self, source: Source) -> list[date]:
        if isinstance(source, Override):
            first, last = max(source.first, self.first), min(source.last, self.last)
            return list(dates(first, last))
        days = occurrences(source.recurrence, self.first, self.last)
        return [
            day
            for day in days
            if (source.valid_from is None or day >= source.valid_from)
            and (source.valid_to is None or day <= source.valid_to)
        ]

    def stretches(
        self, source: Source, walls: list[tuple[int, int]]
    ) -> Iterator[tuple[date, Clock, int, int]]:
        """The instants of stretches of the wall on each date of a source."""
        policy = source.disambiguation.value
        for day in self.days_of(source):
            clock = self.clock(self.zone(source, day))
            start, end = clock.day(day)
            if start >= end:
                continue  # there is no such date
            for low, high in walls:
                opened = clock.resolve(midnight(day) + low, policy)
                closed = clock.resolve(midnight(day) + high, policy)
                if opened is not None and closed is not None and opened < closed:
                    yield day, clock, opened, closed

    def windows(self, source: Opener) -> list[Window]:
        """The windows of a rule, or of extra or replaced hours."""
        found: list[Window] = []
        place = source.location or self.schedule.provider.location
        walls = wall_windows(source.hours, source.breaks)
        for day, clock, start, end in sorted(
            self.stretches(source, walls), key=lambda found: (found[0], found[2], found[3])
        ):
            touched = [one for one in found if one.day == day and one.end == start]
            first = touched[0].head if touched else None
            found.append(Window(source, day, clock, start, end, first, place))
        return found

    def shut(self, source: Override | RecurringBlocking) -> set[int]:
        """The minutes that a closure or a blocking closes."""
        if source.hours:
            spans = list(self.stretches(source, [outward(one) for one in source.hours]))
            return {minute for *_, start, end in spans for minute in range(start, end)}
        assert isinstance(source, Override)
        return self.whole_dates(source)

    def whole_dates(self, override: Override) -> set[int]:
        return {
            minute
            for day in self.days_of(override)
            for minute in range(*self.clock(self.zone(override, day)).day(day))
        }

    def about_type(self, source: Override | RecurringBlocking) -> bool:
        return source.types is None or self.type.code in source.types

    # ------------------------------------------------------------------ layers

    def overrides(self, resource: Resource, kind: OverrideKind) -> list[Override]:
        calendar = self.schedule.calendar(resource)
        return [one for one in calendar.overrides if one.active and one.kind is kind]

    def lay_rules(self, resource: Resource) -> Canvas:
        rules = [one for one in self.schedule.calendar(resource).rules if one.active]
        windows = [window for rule in rules for window in self.windows(rule)]
        return paint(sorted(windows, key=lambda window: window.rank), self.low, self.high)

    def cut_blockings(self, canvas: Canvas, resource: Resource) -> None:
        for blocking in self.schedule.calendar(resource).blockings:
            if blocking.active and self.about_type(blocking):
                for minute in self.shut(blocking):
                    canvas.pop(minute, None)

    def lay_extra(self, canvas: Canvas, resource: Resource) -> None:
        windows = [
            (-one.priority, window)
            for one in self.overrides(resource, OverrideKind.EXTRA)
            for window in self.windows(one)
        ]
        windows.sort(key=lambda pair: (pair[0], pair[1].rank))
        for minute, window in paint((one for _, one in windows), self.low, self.high).items():
            below = canvas.get(minute)
            if below is None or (below.source is not None and below.offer != window.offer):
                canvas[minute] = window

    def lay_replaced(self, canvas: Canvas, resource: Resource, *, shifts: bool) -> None:
        """``shifts`` is false where there are no shifts that an override could act on."""
        replaced = self.overrides(resource, OverrideKind.REPLACED)
        for priority in sorted({one.priority for one in replaced}):
            group = [one for one in replaced if one.priority == priority]
            for one in group:
                if one.whole_shifts and shifts:
                    self.cut_shifts(canvas, one)
                else:
                    for minute in self.whole_dates(one):
                        canvas.pop(minute, None)
            windows = [window for one in group for window in self.windows(one)]
            windows.sort(key=lambda window: window.rank)
            canvas.update(paint(windows, self.low, self.high))

    def cut_closures(
        self,
        canvas: Canvas,
        resource: Resource,
        *,
        whole_shifts: bool | None,
        shifts: bool = True,
        place: str | None = None,
    ) -> None:
        """Close what the closures close; ``whole_shifts`` None: both kinds of them.

        A closure about a place is one about windows there, or about ``place`` where the
        canvas is a place's.
        """
        for one in self.overrides(resource, OverrideKind.CLOSED):
            if not self.about_type(one) or whole_shifts not in (None, one.whole_shifts):
                continue
            if one.whole_shifts and shifts:
                self.cut_shifts(canvas, one)
                continue
            for minute in self.shut(one):
                window = canvas.get(minute)
                if window is not None and one.location in (None, place or window.place):
                    del canvas[minute]

    def cut_shifts(self, canvas: Canvas, override: Override) -> None:
        days = set(dates(override.first, override.last))
        about = None if override.kind is OverrideKind.REPLACED else override.location
        for minute, window in list(canvas.items()):
            if window.day in days and about in (None, window.place):
                del canvas[minute]

    def own_time(self, resource: Resource, place: str | None = None) -> Canvas:
        """When a room, device, location or the practice is open by its own calendar.

        Closures of a practice or location on whole shifts are about providers' shifts, and
        are not among it. A practice's are looked at for one place.
        """
        has_rules = any(one.active for one in self.schedule.calendar(resource).rules)
        if has_rules:
            canvas = self.lay_rules(resource)
        else:
            always = Window(None, date.min, None, self.low, self.high)
            canvas = dict.fromkeys(range(self.low, self.high), always)
        self.cut_blockings(canvas, resource)
        self.lay_extra(canvas, resource)
        self.lay_replaced(canvas, resource, shifts=has_rules)
        wide = resource.kind in (ResourceKind.PRACTICE, ResourceKind.LOCATION)
        self.cut_closures(
            canvas,
            resource,
            whole_shifts=False if wide else None,
            shifts=has_rules,
            place=place,
        )
        return canvas

    @cached_property
    def owners(self) -> Canvas:
        """The window that owns each minute, for this type: the provider's layers."""
        provider, practice = self.schedule.provider.resource, self.schedule.practice.resource
        canvas = self.lay_rules(provider)  # 1
        for place in {window.place for window in canvas.values()}:  # 2
            # A name that no place has, so that closures about places pass the windows at none.
            opened = set(self.own_time(practice, place or "\0"))
            if place is not None:
                opened &= set(self.own_time(Resource(ResourceKind.LOCATION, place), place))
            for minute, window in list(canvas.items()):
                if window.place == place and minute not in opened:
                    del canvas[minute]
        self.cut_closures(canvas, practice, whole_shifts=True)
        for place in {window.place for window in canvas.values()} - {None}:
            assert place is not None
            there = {m: window for m, window in canvas.items() if window.place == place}
            kept = dict(there)
            location = Resource(ResourceKind.LOCATION, place)
            self.cut_closures(kept, location, whole_shifts=True)
            for minute in there.keys() - kept.keys():
                del canvas[minute]
        self.cut_blockings(canvas, provider)
        self.lay_extra(canvas, provider)  # 3
        self.lay_replaced(canvas, provider, shifts=True)  # 4
        self.cut_closures(canvas, provider, whole_shifts=None)  # 5
        idle = {one.id for one in self.schedule.inactive if one.kind is ResourceKind.LOCATION}
        return {minute: window for minute, window in canvas.items() if window.place not in idle}

    # ------------------------------------------------------------------ claims

    def run(self, holds: Callable[[int], object]) -> dict[int, int]:
        """For each minute, how many from there on hold."""
        lengths: dict[int, int] = {}
        length = 0
        for minute in range(self.high - 1, self.low - 1, -1):
            length = length + 1 if holds(minute) else 0
            lengths[minute] = length
        return lengths

    @cached_property
    def open_length(self) -> dict[int, int]:
        """For how long from each minute on there is some open time."""
        return self.run(lambda minute: minute in self.owners)

    @cached_property
    def offer_length(self) -> dict[int, int]:
        """For how long from each minute on the same offer is made."""
        lengths: dict[int, int] = {}
        for minute in range(self.high - 1, self.low - 1, -1):
            here, after = self.owners.get(minute), self.owners.get(minute + 1)
            if here is None:
                lengths[minute] = 0
            elif after is None or (after is not here and after.offer != here.offer):
                lengths[minute] = 1
            else:
                lengths[minute] = lengths.get(minute + 1, 0) + 1
        return lengths

    @cached_property
    def free_lengths(self) -> dict[Resource, dict[int, int]]:
        found = {}
        for resource, claims in self.claims.items():
            busy: set[int] = set()
            for claim in claims:
                assert claim.session is None
                now = self.request.now
                if now is None or claim.expires is None or claim.expires > now:
                    busy |= set(range(max(claim.low, self.low), min(claim.high, self.high)))
            found[resource] = self.run(lambda minute, busy=busy: minute not in busy)  # type: ignore[misc]
        return found

    def own_length(self, resource: Resource) -> dict[int, int]:
        """For how long from each minute on a room or device is open."""
        if resource not in self.own_lengths:
            self.own_lengths[resource] = self.run(self.own_time(resource).__contains__)
        return self.own_lengths[resource]

    def is_free(self, resource: Resource, start: int, end: int) -> bool:
        lengths = self.free_lengths.get(resource)
        return lengths is None or lengths[start] >= end - start

    def length(self, window: Window) -> int:
        """Length of a slot: what the hours state, else the provider, else the type."""
        code = self.type.code
        assert window.source is not None
        stated = [
            dict(window.source.durations).get(code),
            window.source.slot_duration,
            dict(self.schedule.provider.durations).get(code),
            self.type.duration,
        ]
        return next(length for length in stated if length is not None) // MINUTE

    def fits(self, start: int) -> bool:
        """Whether a slot could be here: open, and every needed resource open and free."""
        window = self.owners.get(start)
        if window is None:
            return False
        end = start + self.length(window)
        if self.offer_length[start] < end - start:
            return False
        before, after = start - self.type.buffer_before // MINUTE, end
        after += self.type.buffer_after // MINUTE
        if self.type.buffers_within_hours and self.open_length[before] < after - before:
            return False
        if not self.is_free(self.schedule.provider.resource, before, after):
            return False
        location = self.schedule.locations.get(window.place or "")
        if (
            location is not None
            and location.exclusive
            and not self.is_free(location.resource, before, after)
        ):
            return False
        if self.request.patient is not None:
            patient = Resource(ResourceKind.PATIENT, self.request.patient)
            if not self.is_free(patient, start, end):
                return False
        return self.needs_are_met(window, start, end)

    def needs_are_met(self, window: Window, start: int, end: int) -> bool:
        assert window.source is not None
        choices: list[list[Resource]] = []
        for need in self.type.needs:
            options = set(need.one_of)
            if window.source.room is not None:
                room = Resource(ResourceKind.ROOM, window.source.room)
                options = {room} if room in options else options
            before, after = need.buffer_before // MINUTE, need.buffer_after // MINUTE
            choices.append(
                [
                    one
                    for one in options
                    if one not in self.schedule.inactive
                    and self.own_length(one)[start] >= end - start
                    and self.is_free(one, start - before, end + after)
                ]
            )
        return any(len(set(picked)) == len(picked) for picked in product(*choices))

    # ------------------------------------------------------------------ starts

    def is_offered(self, window: Window, start: int) -> bool:
        """Whether the hours offer the type on the weekday of the start."""
        source, code = window.source, self.type.code
        assert source is not None
        assert window.clock is not None
        days = dict(source.type_days).get(code)
        weekday = (window.clock.shown[start] // DAY + 3) % 7  # 1970-01-01 was a Thursday
        return (source.types is None or code in source.types) and (days is None or weekday in days)

    def pace(self, window: Window) -> int:
        """From one start to the next."""
        assert window.source is not None
        if window.source.step is not None:
            return window.source.step // MINUTE
        return self.length(window) + window.source.break_duration // MINUTE

    def is_on_grid(self, window: Window, start: int) -> bool:
        grid = self.type.grid
        if grid.kind is GridKind.WINDOW:
            return (start - window.head.start) % self.pace(window) == 0
        if grid.kind is GridKind.CLOCK:
            assert grid.interval is not None
            assert window.clock is not None
            of_day = window.clock.shown[start] % DAY
            return (of_day - grid.offset // MINUTE) % (grid.interval // MINUTE) == 0
        return start in self.packed_starts

    @cached_property
    def packed_starts(self) -> set[int]:
        found: set[int] = set()
        first = last = None
        for start in range(self.packed_from, self.asked[1]):
            here = self.owners.get(start)
            if here is None or not self.fits(start):
                first = last = None
                continue
            if first is None or last is None or last.head is not here.head:
                first = start
            last = here
            if (start - first) % self.pace(here) == 0:
                found.add(start)
        return found

    def is_in_time(self, start: int) -> bool:
        """The rules of time, of the type and of the provider."""
        now = self.request.now
        if now is None:
            return True
        at = EPOCH + start * MINUTE
        for limits in (self.type, self.schedule.provider):
            if at < now + limits.notice:
                return False
            if limits.furthest_ahead is not None and at > now + limits.furthest_ahead:
                return False
            if limits.days_ahead is not None and start >= self.end_of_day(now, limits.days_ahead):
                return False
        return True

    def end_of_day(self, now: datetime, ahead: int) -> int:
        """The end of the provider's date so many days after today's."""
        if ahead not in self.ends:
            self.ends[ahead] = self.find_end(now, ahead)
        return self.ends[ahead]

    def find_end(self, now: datetime, ahead: int) -> int:
        near = list(dates(now.date() - timedelta(days=2), now.date() + timedelta(days=2)))
        here = [d for d in near if now.astimezone(zone_info(self.provider_zone(d))).date() == d]
        (today,) = here
        last = today + timedelta(days=ahead)
        about = midnight(last)
        clock = Clock(self.provider_zone(last), about - 2 * DAY, about + 3 * DAY)
        return clock.day(last)[1]

    def starts(self) -> list[Start]:
        """Every start that is offered, in order."""
        if not (self.schedule.provider.active and self.type.active):
            return []
        found = []
        for start in range(*self.asked):
            window = self.owners.get(start)
            if (
                window is not None
                and self.is_offered(window, start)
                and self.is_on_grid(window, start)
                and self.fits(start)
                and self.is_in_time(start)
            ):
                assert window.source is not None
                assert window.clock is not None
                wall = window.clock.shown[start]
                length = self.length(window)
                found.append(Start(start, length, wall, window.source.id, window.place))
        return found
