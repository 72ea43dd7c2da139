"""Create, read, update, deactivate, delete: the same for every noun, and nothing half done."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial
from threading import Barrier
from typing import Any

import attrs
import pytest
from tests.databases import events_of

from medsched import (
    Address,
    AlreadyExists,
    InUse,
    InvalidChoice,
    InvalidDuration,
    InvalidId,
    InvalidText,
    Location,
    MedschedError,
    MemoryStore,
    Need,
    NotFound,
    Patient,
    Practice,
    PracticeSettings,
    Provider,
    Room,
    Scheduler,
    StorageBusy,
    Travel,
    UnknownZone,
    VersionConflict,
)
from medsched.domain.changes import Changeset, Outcome, Stale
from medsched.domain.fields import phi_fields
from medsched.domain.stored import CLASSES
from medsched.testing.fixed import FixedClock, NumberedIds

HALF_HOUR = timedelta(minutes=30)

# For each directory: what makes a record in it, and a change of it.
NOUNS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "providers": ({"name": "Dr. Smith"}, {"name": "Dr. Smythe"}),
    "staff": ({"department": "front desk"}, {"department": "back office"}),
    "patients": ({}, {"phone": "555-0100"}),
    "locations": ({"name": "Main"}, {"exclusive": True}),
    "rooms": ({"location": "somewhere"}, {"capacity": 4}),
    "devices": ({}, {"location": "somewhere"}),
    "appointment_types": ({"code": "visit", "duration": HALF_HOUR}, {"capacity": 6}),
}


def everything(store: MemoryStore, practice: str = "riverside") -> list[object]:
    """All that a store shows of a practice."""
    found: list[object] = []
    for cls in CLASSES.values():
        found += store.page(practice, cls, active=None, where={}, after=None, limit=1000)
    return [*found, *events_of(store, practice)]


@pytest.fixture(params=NOUNS)
def noun(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def directory(clinic: Practice, noun: str) -> Any:
    clinic.locations.create(id="somewhere")
    return getattr(clinic, noun)


def test_a_record_lives_its_whole_life(directory: Any, noun: str, clock: FixedClock) -> None:
    fields, changes = NOUNS[noun]
    made = directory.create(**fields)
    assert made.id
    assert (made.version, made.active) == (1, True)
    assert made.created_at == made.updated_at == clock.now()
    assert directory.get(made.id) == directory.find(made.id) == made

    clock.advance(timedelta(hours=1))
    changed = directory.update(attrs.evolve(made, **changes))
    assert changed == attrs.evolve(made, **changes, version=2)
    assert (changed.created_at, changed.updated_at) == (made.created_at, clock.now())
    assert directory.get(made.id) == changed

    off = directory.deactivate(made.id)
    assert off == attrs.evolve(changed, active=False, version=3)
    assert directory.deactivate(made.id) == off, "done already"
    assert made.id not in {one.id for one in directory.list()}
    assert list(directory.list(active=False)) == [off]
    assert off in list(directory.list(active=None))
    assert directory.activate(made.id) == attrs.evolve(changed, version=4)

    directory.delete(made.id)
    assert directory.find(made.id) is None


def test_what_is_not_there_is_not_found(directory: Any, noun: str) -> None:
    made = directory.create(**NOUNS[noun][0])
    directory.delete(made.id)
    for name in ("get", "activate", "deactivate", "delete"):
        with pytest.raises(NotFound, match="there is no") as caught:
            getattr(directory, name)(made.id)
        assert caught.value.id == made.id
    with pytest.raises(NotFound):
        directory.update(made)


def test_an_id_is_taken_once(clinic: Practice, store: MemoryStore) -> None:
    first = clinic.patients.create(id="ehr-4711")
    before = everything(store)
    with pytest.raises(AlreadyExists) as caught:
        clinic.patients.create(id="ehr-4711", name="Somebody Else")
    assert (caught.value.kind, caught.value.id) == ("patient", "ehr-4711")
    assert everything(store) == before
    assert clinic.patients.get("ehr-4711") == first


def test_ids_are_compared_byte_by_byte(clinic: Practice) -> None:
    ids = ["ehr-1", "EHR-1", "ehr-1 ", "ehr-é", "ehr-e\u0301"]
    for id in ids:
        clinic.patients.create(id=id)
    assert [one.id for one in clinic.patients.list()] == sorted(ids)


def test_one_id_may_name_a_record_of_each_kind(clinic: Practice) -> None:
    clinic.locations.create(id="one")
    clinic.rooms.create(id="one", location="one")
    clinic.providers.create(id="one")
    clinic.rooms.delete("one")
    assert clinic.providers.get("one").id == clinic.locations.get("one").id == "one"


def test_the_store_sets_version_and_times(clinic: Practice, clock: FixedClock) -> None:
    long_ago = datetime(1999, 1, 1, tzinfo=UTC)
    made = clinic.staff.create(name="Ann", version=9, created_at=long_ago, updated_at=long_ago)
    assert (made.version, made.created_at, made.updated_at) == (1, clock.now(), clock.now())
    changed = clinic.staff.update(attrs.evolve(made, created_at=long_ago))
    assert changed.created_at == clock.now()


def test_an_update_needs_the_version_it_was_made_from(clinic: Practice) -> None:
    read = clinic.providers.create(name="Dr. Smith")
    clinic.providers.update(attrs.evolve(read, name="Dr. Smythe"))
    with pytest.raises(VersionConflict) as caught:
        clinic.providers.update(attrs.evolve(read, rating=5))
    error = caught.value
    assert (error.kind, error.id) == ("provider", read.id)
    assert (error.expected, error.found) == (1, 2)
    assert clinic.providers.get(read.id).rating is None


# ------------------------------------------------------------------ references


@pytest.mark.parametrize(
    "attempt, missing",
    [
        (lambda c: c.providers.create(location="nowhere"), ("location", "nowhere")),
        (lambda c: c.providers.create(durations={"x": HALF_HOUR}), ("appointment-type", "x")),
        (lambda c: c.rooms.create(location="nowhere"), ("location", "nowhere")),
        (lambda c: c.devices.create(location="nowhere"), ("location", "nowhere")),
        (
            lambda c: c.appointment_types.create(
                code="mri", duration=HALF_HOUR, needs=(Need.device("scanner"),)
            ),
            ("device", "scanner"),
        ),
    ],
)
def test_a_record_names_only_what_is_there(
    clinic: Practice,
    store: MemoryStore,
    attempt: Callable[[Practice], object],
    missing: tuple[str, str],
) -> None:
    with pytest.raises(NotFound) as caught:
        attempt(clinic)
    assert (caught.value.kind, caught.value.id) == missing
    assert everything(store) == []


def test_an_update_names_only_what_is_there(clinic: Practice, store: MemoryStore) -> None:
    made = clinic.providers.create()
    before = everything(store)
    with pytest.raises(NotFound):
        clinic.providers.update(attrs.evolve(made, location="nowhere"))
    assert everything(store) == before


def test_what_is_referred_to_cannot_be_deleted(clinic: Practice, store: MemoryStore) -> None:
    clinic.locations.create(id="main")
    clinic.rooms.create(id="r1", location="main")
    clinic.providers.create(id="smith", location="main")
    clinic.appointment_types.create(code="v", duration=HALF_HOUR, needs=(Need.room("r1"),))
    before = everything(store)
    with pytest.raises(InUse, match="deactivate it instead") as caught:
        clinic.locations.delete("main")
    assert caught.value.referrers == (("provider", "smith"), ("room", "r1"))
    with pytest.raises(InUse):
        clinic.rooms.delete("r1")
    assert everything(store) == before

    clinic.appointment_types.delete("v")
    clinic.rooms.delete("r1")
    clinic.providers.update(attrs.evolve(clinic.providers.get("smith"), location=None))
    clinic.locations.delete("main")
    assert clinic.locations.find("main") is None


def test_a_whole_practice_is_stored_at_once_or_not_at_all(
    clinic: Practice, store: MemoryStore
) -> None:
    smith = Provider(id="smith", location="main")
    room = Room(id="r1", location="main")
    with pytest.raises(NotFound):
        clinic.add_all([room, smith])
    with pytest.raises(AlreadyExists):
        clinic.add_all([Patient(id="p"), Patient(id="q"), Patient(id="p")])
    with pytest.raises(NotFound):
        clinic.add_all([PracticeSettings(id="another")])
    assert everything(store) == []

    settings = PracticeSettings(name="Riverside", timezone="Asia/Tokyo")
    stored = clinic.add_all([room, smith, settings, Location(id="main")])
    assert [one.version for one in stored] == [1, 1, 1, 1]
    assert clinic.settings.get() == stored[2]
    assert clinic.settings.get().id == "riverside"


# ------------------------------------------------------------- zones and lengths


@pytest.mark.parametrize("name", ["../etc/passwd", "EST5EDT ", "Europe/Atlantis", "utc", "x" * 255])
def test_a_zone_must_exist(clinic: Practice, store: MemoryStore, name: str) -> None:
    trip = Travel(name, date(2026, 1, 1), date(2026, 1, 9))
    for attempt in (
        lambda: clinic.providers.create(timezone=name),
        lambda: clinic.providers.create(travels=(trip,)),
        lambda: clinic.locations.create(timezone=name),
        lambda: clinic.settings.configure(timezone=name),
    ):
        with pytest.raises(UnknownZone) as caught:
            attempt()
        assert caught.value.name == name
    assert everything(store) == []


def test_lengths_keep_to_the_bounds_of_the_practice(clinic: Practice, store: MemoryStore) -> None:
    clinic.settings.configure(shortest_slot=timedelta(minutes=10), longest_slot=timedelta(hours=2))
    clinic.appointment_types.create(code="visit", duration=timedelta(minutes=10))
    before = everything(store)
    for length in (timedelta(minutes=9), timedelta(minutes=121)):
        with pytest.raises(InvalidDuration) as caught:
            clinic.appointment_types.create(code="x", duration=length)
        assert (caught.value.field, caught.value.value) == ("duration", length)
        with pytest.raises(InvalidDuration) as caught:
            clinic.providers.create(durations={"visit": length})
        assert caught.value.field == "durations[visit]"
    assert everything(store) == before


def test_settings_have_defaults_and_change_one_by_one(clinic: Practice, clock: FixedClock) -> None:
    assert clinic.settings.get() == PracticeSettings(id="riverside")
    clinic.settings.configure(name="Riverside")
    clock.advance(timedelta(minutes=1))
    settings = clinic.settings.configure(timezone="America/New_York")
    assert (settings.name, settings.timezone) == ("Riverside", "America/New_York")
    assert (settings.version, settings.updated_at) == (2, clock.now())
    assert settings.created_at == clock.now() - timedelta(minutes=1)
    assert clinic.settings.get() == settings
    with pytest.raises(InvalidDuration):
        clinic.settings.configure(longest_slot=timedelta(minutes=4))
    assert clinic.settings.get() == settings


# ------------------------------------------------------------------- practices


def test_practices_never_see_each_other(scheduler: Scheduler, store: MemoryStore) -> None:
    here, there = scheduler.practice("here"), scheduler.practice("there")
    made = here.providers.create(id="smith", name="Here")
    here.locations.create(id="main")
    here.settings.configure(name="Here")
    assert everything(store, "there") == []
    assert there.providers.find("smith") is None
    assert there.settings.get().name == ""
    with pytest.raises(NotFound):
        there.providers.update(made)
    with pytest.raises(NotFound):
        there.providers.create(location="main")
    there.providers.create(id="smith", name="There")
    there.providers.delete("smith")
    assert here.providers.get("smith") == made


@pytest.mark.parametrize("id", ["", "a\nb", "a\0", "x" * 256, None])
def test_a_practice_needs_an_id(scheduler: Scheduler, id: Any) -> None:
    with pytest.raises(InvalidId):
        scheduler.practice(id)


# -------------------------------------------------------------- a patient's data

CANARIES: dict[str, Any] = {
    "name": "canary-name",
    "birth_date": date(1931, 7, 19),
    "phone": "canary-phone",
    "email": "canary-email",
    "address": Address(line="canary-line", city="canary-city"),
    "insurer": "canary-insurer",
    "insurance_number": "canary-number",
}


def leaks(text: str) -> bool:
    return "canary" in text or "1931" in text


def test_the_canaries_sit_in_every_field_of_a_patient_that_needs_one() -> None:
    assert set(CANARIES) == phi_fields(Patient) - {"established"}


def test_a_patients_data_is_in_no_repr_event_or_error(clinic: Practice, store: MemoryStore) -> None:
    ada = clinic.patients.create(id="ehr-1", **CANARIES)
    assert ada.name == "canary-name"
    changes = Changeset(practice="riverside", writes=(ada,))
    page = clinic.patients.list()
    assert len(page) == 1
    for shown in (ada, page, changes, clinic, list(events_of(store, "riverside"))):
        assert not leaks(repr(shown))
        assert not leaks(str(shown))

    attempts: list[Callable[[], object]] = [
        lambda: clinic.patients.create(id="ehr-1", **CANARIES),
        lambda: clinic.patients.update(attrs.evolve(ada, version=7)),
        lambda: clinic.patients.update(attrs.evolve(ada, id="ehr-2")),
        lambda: clinic.patients.create(name="canary" * 100),
        lambda: clinic.patients.create(email="canary\0"),
        lambda: clinic.patients.create(birth_date="1931-07-19"),  # type: ignore[call-overload]
    ]
    for attempt in attempts:
        with pytest.raises(MedschedError) as caught:
            attempt()
        error = caught.value
        assert not leaks(f"{error} {error!r} {error.args!r}")


def test_a_refused_text_tells_its_length_only(clinic: Practice) -> None:
    with pytest.raises(InvalidText) as caught:
        clinic.patients.create(insurance_number="9" * 61)
    assert (caught.value.field, caught.value.value) == ("insurance_number", 61)


# ---------------------------------------------------------------------- events


def test_events_tell_what_happened_to_which_record(clinic: Practice, store: MemoryStore) -> None:
    made = clinic.providers.create(id="smith")
    clinic.providers.update(made)
    clinic.providers.deactivate("smith")
    clinic.providers.activate("smith")
    clinic.providers.delete("smith")
    told = [(one.name, one.id, one.version, one.schema) for one in events_of(store, "riverside")]
    assert told == [
        ("provider.created", "smith", 1, 1),
        ("provider.updated", "smith", 2, 1),
        ("provider.deactivated", "smith", 3, 1),
        ("provider.activated", "smith", 4, 1),
        ("provider.deleted", "smith", 4, 1),
    ]


def test_whatever_changes_a_resource_raises_its_schedule_version(
    clinic: Practice, store: MemoryStore
) -> None:
    smith = clinic.providers.create(id="smith")
    ada = clinic.patients.create(id="ada")

    def version() -> int:
        return store.schedule_versions("riverside", [smith.resource])[smith.resource]

    assert version() == 1
    clinic.providers.update(attrs.evolve(smith, timezone="Asia/Tokyo"))
    clinic.providers.deactivate("smith")
    assert version() == 3
    clinic.providers.delete("smith")
    clinic.providers.create(id="smith")
    assert version() == 5, "it never starts again"
    assert store.schedule_versions("riverside", [ada.resource]) == {ada.resource: 0}


# ---------------------------------------------------------------------- rivals


def together(count: int, work: Callable[[int], object]) -> list[object]:
    """What happens when so many threads start at once: results, or the errors of this library."""
    barrier = Barrier(count)

    def one(number: int) -> object:
        barrier.wait()
        try:
            return work(number)
        except MedschedError as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_of_rivals_who_update_one_version_one_wins(clinic: Practice) -> None:
    read = clinic.providers.create()
    for _ in range(20):
        rivals = [attrs.evolve(read, name=f"rival {number}") for number in range(8)]
        results = together(8, partial(_update, clinic, rivals))
        (won,) = [one for one in results if isinstance(one, Provider)]
        assert sum(isinstance(one, VersionConflict) for one in results) == 7
        read = clinic.providers.get(read.id)
        assert read == won


def _update(clinic: Practice, rivals: list[Provider], number: int) -> Provider:
    return clinic.providers.update(rivals[number])


def test_of_rivals_who_take_one_id_one_wins(clinic: Practice) -> None:
    results = together(8, lambda n: clinic.patients.create(id="ehr-1", name=f"rival {n}"))
    assert sum(isinstance(one, Patient) for one in results) == 1
    assert sum(isinstance(one, AlreadyExists) for one in results) == 7


def test_nothing_refers_to_what_a_rival_deleted(clinic: Practice) -> None:
    places = [f"place-{number}" for number in range(30)]
    clinic.add_all([Location(id=place) for place in places])

    def rival(number: int) -> object:
        if number:
            return [clinic.providers.create(location=place) for place in places]
        for place in reversed(places):
            try:
                clinic.locations.delete(place)
            except InUse:
                continue
        return None

    together(2, rival)
    named = {one.location for one in clinic.providers.list()}
    assert named <= {one.id for one in clinic.locations.list()}


def test_settings_lose_no_change_to_a_rival(clinic: Practice) -> None:
    results = together(
        2,
        lambda n: (
            clinic.settings.configure(name="Riverside")
            if n
            else clinic.settings.configure(timezone="Asia/Tokyo")
        ),
    )
    assert not any(isinstance(one, Exception) for one in results)
    assert (clinic.settings.get().name, clinic.settings.get().timezone) == (
        "Riverside",
        "Asia/Tokyo",
    )


class Moving(MemoryStore):
    """A store under which the world moves a number of times."""

    def __init__(self, moves: int) -> None:
        super().__init__()
        self.moves = moves
        self.tries = 0

    def apply(self, changeset: Changeset) -> Outcome:
        self.tries += 1
        return Stale() if self.tries <= self.moves else super().apply(changeset)


class Counted:
    """Pauses that take no time."""

    def __init__(self) -> None:
        self.after: list[int] = []

    def pause(self, tries: int) -> None:
        self.after.append(tries)


def test_a_command_reads_and_decides_again_five_times() -> None:
    store, pauses = Moving(5), Counted()
    ids = NumberedIds()
    clinic = Scheduler(store, ids=ids, pauses=pauses).practice("riverside")
    assert clinic.providers.create().id == "provider-1", "the id is made before the first try"
    assert store.tries == 6
    assert pauses.after == [1, 2, 3, 4, 5]


def test_a_command_gives_up_when_the_world_keeps_moving() -> None:
    store, pauses = Moving(100), Counted()
    clinic = Scheduler(store, pauses=pauses).practice("riverside")
    with pytest.raises(StorageBusy, match="nothing was written") as caught:
        clinic.providers.create()
    assert (caught.value.tries, store.tries, len(pauses.after)) == (6, 6, 5)
    assert everything(store) == []


def test_a_filter_must_be_one_of_the_choices(clinic: Practice) -> None:
    with pytest.raises(InvalidChoice):
        clinic.locations.list(kind="castle")
