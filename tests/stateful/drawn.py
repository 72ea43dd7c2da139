"""What the machine draws from: few ids and few times, so that commands meet one another."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

from medsched import (
    AppointmentType,
    Grid,
    Location,
    Need,
    Patient,
    Provider,
    Recurrence,
    Room,
    TzdataZones,
)
from medsched.domain.bookings import WallTime
from medsched.domain.records import Resource
from medsched.domain.slots import SlotKey, slot_id
from medsched.domain.starts import Start
from medsched.domain.stored import Noun
from medsched.timeline.instants import whole_minute

MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)
DAILY = Recurrence.daily(start=date(2026, 3, 1))
NEW_YORK = "America/New_York"

PROVIDERS = ["smith", "jones", "kim", "lee"]
PATIENTS = ["ada", "bob", "ADA", "ada "]
PLACES = ["main", "annex"]
TYPES = ["visit", "scan", "surgery", "check", "class"]
R1, R2, D1 = Resource("room", "r1"), Resource("room", "r2"), Resource("device", "d1")

people = st.sampled_from([*PATIENTS, *PATIENTS, "nobody"])
providers = st.sampled_from(["smith", "smith", *PROVIDERS])
types = st.sampled_from(["visit", "visit", "scan", *TYPES])
places = st.sampled_from([*PLACES, None])
keys = st.sampled_from([None, None, None, "k1", "k2"])
whos = st.sampled_from([None, None, None, "kim"])
texts = st.sampled_from(["", "headache", "brings her mother"])
dates = st.integers(8, 10).map(lambda day: date(2026, 3, day))
buffers = st.sampled_from([0, 0, 5, 10, 15])
lengths = st.sampled_from([30, 15, 20, 45])
resources = st.sampled_from(
    [[], [], [], [R1], [R2], [D1], [R1, D1], [R1, R2]]  # what a type may or may not need
)
owners = st.sampled_from(
    [
        *(Resource("provider", id) for id in ("jones", "kim", "lee")),
        *(R1, D1, Resource("location", "main"), Resource("practice", "riverside")),
    ]
)
stretches = st.sampled_from(
    ["13:00-15:00", "09:00-10:00", "10:00-12:00", "22:00-04:00 overnight", "01:00-04:00"]
)
grids = st.sampled_from([Grid.window(), Grid.clock(10 * MINUTE), Grid.packed()])
needs = st.sampled_from(
    [
        [],
        [Need.room("r1", "r2")],
        [Need.room("r1", after=10 * MINUTE), Need.device("d1")],
        [Need.room("r1", "r2"), Need.room("r2", "r1")],
    ]
)
mornings = st.builds(
    lambda day, step: datetime(2026, 3, day, 9) + 10 * step * MINUTE,
    st.integers(6, 8),
    st.sampled_from([0, 3, 6, 9, 12, 15, 1, 17]),
)
nights = st.builds(
    lambda day, step: datetime(2026, 3, day, 22) + 10 * step * MINUTE,
    st.integers(6, 8),
    st.sampled_from([0, 3, 6, 9, 12, 21, 24, 27, 33, 1]),
)
"""The second of them is the night in which two o'clock is skipped."""


def named(where: tuple[str, datetime], type: str, how: int) -> Start | str:
    """A start by its wall time or its instant, or the id of its slot."""
    provider, wall = where
    zone = TzdataZones().zone(NEW_YORK)
    at = wall.replace(tzinfo=zone.tzinfo).astimezone(UTC)
    match how:
        case 0:
            return Start(provider, type, WallTime(wall, NEW_YORK))
        case 1:
            return Start(provider, type, at, location="main")
        case 2:
            return Start(provider, type, at)
    return slot_id(SlotKey("riverside", provider, type, "main", whole_minute(at, "at")))


places_in_time = (
    st.tuples(st.sampled_from(["smith", "smith", "kim"]), mornings)
    | st.tuples(st.just("jones"), nights)
    | st.tuples(providers, nights | mornings)
)
starts = st.builds(named, places_in_time, types, st.integers(0, 5))
"""Starts of which many are offered."""
nouns: st.SearchStrategy[Noun] = st.one_of(
    st.builds(
        Provider,
        id=st.sampled_from(["lee", "kim"]),
        name=st.just("Dr. Lee"),
        location=places,
        timezone=st.sampled_from([None, "Europe/London"]),
        notice=buffers.map(lambda one: one * MINUTE),
    ),
    st.builds(Patient, id=people),
    st.builds(Location, id=st.sampled_from(PLACES), exclusive=st.booleans()),
    st.builds(Room, id=st.sampled_from(["r1", "r3"]), location=st.sampled_from(PLACES)),
    st.builds(
        AppointmentType,
        code=st.sampled_from(["check", "visit"]),
        duration=lengths.map(lambda one: one * MINUTE),
        buffer_before=buffers.map(lambda one: one * MINUTE),
        buffer_after=buffers.map(lambda one: one * MINUTE),
        grid=grids,
        needs=needs,
    ),
)
directories = st.sampled_from(
    [
        *(("providers", id) for id in PROVIDERS),
        *(("patients", id) for id in PATIENTS),
        *(("locations", id) for id in PLACES),
        *(("appointment_types", id) for id in ("scan", "surgery", "check")),
        *(("rooms", "r1"), ("devices", "d1")),
    ]
)
readings = st.sampled_from([False, False, True])
"""Whether an appointment is named as it was read, or by its id."""
switches = st.sampled_from(["activate", "activate", "deactivate", "delete"])
fates = st.sampled_from(["keep", "keep", "cancel", "move", "refuse"])
"""What becomes of the appointments that a change of hours strands."""
