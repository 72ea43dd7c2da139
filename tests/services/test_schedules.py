"""The snapshot that slots are computed from: all that matters, in few reads, from one state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import date, timedelta

import attrs
import pytest

from medsched import (
    AppointmentType,
    AvailabilityRule,
    Device,
    Location,
    MemoryStore,
    Need,
    NotFound,
    Override,
    Practice,
    Provider,
    Recurrence,
    RecurringBlocking,
    Resource,
    Room,
    Scheduler,
)
from medsched.domain.changes import RowVersion, ScheduleVersion
from medsched.domain.stored import Kind, Ref, Stored
from medsched.ports import VersionedCalendar
from medsched.services.context import Context
from medsched.services.schedules import schedule_in, schedule_of
from medsched.services.snapshots import Snapshots
from medsched.services.view import View

DAILY = Recurrence.daily(start=date(2026, 1, 1))
NEEDS = (Need.room("theatre"), Need.device("scanner", "spare"))


class Counting(MemoryStore):
    """A store that counts its round trips."""

    def __init__(self) -> None:
        super().__init__()
        self.trips: Counter[str] = Counter()

    def get_many(self, practice: str, refs: Collection[Ref]) -> Mapping[Ref, Stored]:
        self.trips["records"] += 1
        return super().get_many(practice, refs)

    def calendars(
        self, practice: str, resources: Collection[Resource]
    ) -> Mapping[Resource, VersionedCalendar]:
        self.trips["calendars"] += 1
        return super().calendars(practice, resources)


@pytest.fixture
def store() -> Counting:
    return Counting()


@pytest.fixture
def context(store: Counting) -> Context:
    return Context("riverside", store, store.surroundings)


@pytest.fixture
def clinic(scheduler: Scheduler) -> Practice:
    clinic = scheduler.practice("riverside")
    clinic.settings.configure(timezone="America/New_York")
    clinic.add_all(
        [
            *(Location(id=id) for id in ("main", "branch", "annex", "far", "unused")),
            Room(id="r1", location="branch"),
            Room(id="theatre", location="annex"),
            Room(id="unused", location="unused"),
            Device(id="scanner", location="far", active=False),
            Device(id="spare"),
            Provider(id="smith", location="main"),
            Provider(id="jones", location="unused"),
            AppointmentType(code="visit", duration=timedelta(minutes=30)),
            AppointmentType(code="surgery", duration=timedelta(minutes=60), needs=NEEDS),
        ]
    )
    clinic.locations.deactivate("branch")
    practice, theatre = Resource("practice", "riverside"), Resource("room", "theatre")
    clinic.availability.add_all(
        [
            AvailabilityRule("smith", DAILY, hours="09:00-12:00", id="own", room="r1"),
            AvailabilityRule("smith", DAILY, hours="13:00-14:00", id="off", active=False),
            AvailabilityRule("jones", DAILY, hours="09:00-12:00", id="another's"),
            AvailabilityRule(theatre, DAILY, hours="08:00-20:00", id="theatre's"),
            AvailabilityRule(Resource("location", "main"), DAILY, hours="07:00-20:00", id="main's"),
            Override.extra("smith", date(2026, 5, 1), hours="17:00-18:00", id="x", location="far"),
            Override.closed(practice, date(2026, 12, 25), id="christmas"),
            RecurringBlocking("smith", DAILY, hours="10:00-10:15", id="huddle"),
        ]
    )
    return clinic


def opened_by(calendars: Mapping[Resource, object]) -> set[str]:
    return {str(resource) for resource in calendars}


def test_it_holds_all_that_a_type_can_involve(
    clinic: Practice, context: Context, store: Counting
) -> None:
    store.trips.clear()
    snapshot = Snapshots().of(context, "smith", "surgery")
    schedule, wanted = snapshot.schedule, snapshot.type
    assert wanted == clinic.appointment_types.get("surgery")
    assert schedule.provider == clinic.providers.get("smith")
    assert schedule.practice == clinic.settings.get()
    assert opened_by(schedule.calendars) == {
        "provider smith",
        "practice riverside",
        *("location main", "location branch", "location annex", "location far"),
        *("room r1", "room theatre", "device scanner", "device spare"),
    }
    own = schedule.calendar(Resource("provider", "smith"))
    assert [one.id for one in own.rules] == ["own"]
    assert [one.id for one in own.overrides] == ["x"]
    assert [one.id for one in own.blockings] == ["huddle"]
    assert [one.id for one in schedule.calendar(Resource("room", "theatre")).rules] == ["theatre's"]
    assert [one.id for one in schedule.calendar(schedule.practice.resource).overrides] == [
        "christmas"
    ]
    assert set(schedule.locations) == {"main", "branch", "annex", "far"}
    assert set(schedule.rooms) == {"r1", "theatre"}
    assert schedule.inactive == {Resource("location", "branch"), Resource("device", "scanner")}
    assert store.trips["records"] <= 4
    assert store.trips["calendars"] <= 3


def test_it_holds_no_more_than_that(clinic: Practice, context: Context) -> None:
    schedule = Snapshots().of(context, "smith", "visit").schedule
    assert opened_by(schedule.calendars) == {
        "provider smith",
        "practice riverside",
        *("location main", "location branch", "location far", "room r1"),
    }
    assert schedule_of(context, "smith") == schedule


def test_a_practice_without_settings_has_the_defaults(scheduler: Scheduler) -> None:
    store = MemoryStore()
    Scheduler(store).practice("bare").providers.create(id="smith")
    schedule = schedule_of(Context("bare", store, store.surroundings), "smith")
    assert (schedule.practice.id, schedule.practice.version) == ("bare", 0)


def test_what_is_unknown_is_not_found(clinic: Practice, context: Context) -> None:
    with pytest.raises(NotFound, match="provider 'nobody'"):
        schedule_of(context, "nobody")
    with pytest.raises(NotFound, match="provider 'nobody'"):
        Snapshots().of(context, "nobody", "visit")
    with pytest.raises(NotFound, match="appointment-type 'nothing'"):
        Snapshots().of(context, "smith", "nothing")


def test_all_that_was_read_is_guarded(clinic: Practice, context: Context, store: Counting) -> None:
    view = View(context)
    schedule = schedule_in(view, Resource("provider", "smith"))
    guards = view.guards()
    versions = store.schedule_versions("riverside", list(schedule.calendars))
    assert {guard for guard in guards if isinstance(guard, ScheduleVersion)} == {
        ScheduleVersion(resource, version) for resource, version in versions.items()
    }
    assert RowVersion(Ref(Kind.PROVIDER, "smith"), 1) in guards
    assert RowVersion(Ref(Kind.LOCATION, "branch"), 2) in guards
    assert RowVersion(Ref(Kind.PRACTICE, "riverside"), 1) in guards


def test_a_view_shows_what_is_about_to_be_written(clinic: Practice, context: Context) -> None:
    smith, jones = Resource("provider", "smith"), Resource("provider", "jones")
    own, off = (clinic.availability.rules.get(id) for id in ("own", "off"))
    view = View(context)
    view.lay(
        [
            attrs.evolve(own, resource=jones),
            attrs.evolve(off, active=True),
            attrs.evolve(clinic.availability.overrides.get("x"), active=False),
            attrs.evolve(clinic.providers.get("smith"), name="Dr. Smith"),
        ]
    )
    read = view.calendars([smith, jones])
    assert [one.id for one in read[smith].rules] == ["off"]
    assert [one.id for one in read[jones].rules] == ["another's", "own"]
    assert read[smith].overrides == ()
    assert [one.id for one in read[smith].blockings] == ["huddle"]
    named = view.row(Ref.of(smith))
    assert isinstance(named, Provider)
    assert named.name == "Dr. Smith"
    assert {type(guard) for guard in view.guards()} == {ScheduleVersion}
