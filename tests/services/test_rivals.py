"""A rival acts between a command's reading and its writing: nothing wrong is ever stored.

The threads in the other files meet such moments by chance; here they come every time.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import attrs
import pytest

from medsched import (
    AlreadyExists,
    AppointmentType,
    AvailabilityRule,
    ContradictoryOverrides,
    InUse,
    InvalidDuration,
    Location,
    MemoryStore,
    NotFound,
    OverlappingRules,
    Override,
    Practice,
    Provider,
    Recurrence,
    Scheduler,
    VersionConflict,
)
from medsched.domain.changes import Changeset, Outcome
from medsched.testing.fixed import NumberedIds

DAILY = Recurrence.daily(start=date(2026, 1, 1))
NEW_YEAR = date(2027, 1, 1)


class Meddled(MemoryStore):
    """A store with a rival who acts once, just before a changeset is applied."""

    def __init__(self) -> None:
        super().__init__()
        self.rival: Callable[[], object] | None = None
        self.tries = 0

    def apply(self, changeset: Changeset) -> Outcome:
        self.tries += 1
        act, self.rival = self.rival, None
        if act is not None:
            act()
        return super().apply(changeset)


class Impatient:
    """Pauses that take no time."""

    def pause(self, tries: int) -> None:
        pass


@pytest.fixture
def store() -> Meddled:
    return Meddled()


@pytest.fixture
def clinic(store: Meddled) -> Practice:
    clinic = Scheduler(store, ids=NumberedIds(), pauses=Impatient()).practice("riverside")
    clinic.settings.configure(timezone="UTC")
    clinic.add_all(
        [
            Location(id="main"),
            Location(id="tokyo", timezone="Asia/Tokyo"),
            Provider(id="smith"),
            Provider(id="jones"),
            AppointmentType(code="visit", duration=timedelta(minutes=30)),
        ]
    )
    return clinic


def rule(when: str, of: str = "smith", *, types: str | None = None) -> AvailabilityRule:
    return AvailabilityRule(of, DAILY, hours=when, types=types)


def test_two_updates_of_one_version(clinic: Practice, store: Meddled) -> None:
    read = clinic.providers.get("smith")
    store.rival = lambda: clinic.providers.update(attrs.evolve(read, name="first"))
    with pytest.raises(VersionConflict):
        clinic.providers.update(attrs.evolve(read, name="second"))
    assert clinic.providers.get("smith").name == "first"


def test_two_records_with_one_id(clinic: Practice, store: Meddled) -> None:
    store.rival = lambda: clinic.patients.create(id="ada", name="first")
    with pytest.raises(AlreadyExists):
        clinic.patients.create(id="ada", name="second")
    assert clinic.patients.get("ada").name == "first"


def test_two_rules_that_overlap(clinic: Practice, store: Meddled) -> None:
    store.rival = lambda: clinic.availability.add(rule("09:00-12:00"))
    with pytest.raises(OverlappingRules):
        clinic.availability.add(rule("11:00-15:00"))
    assert [str(one.hours[0]) for one in clinic.availability.rules.list()] == ["09:00-12:00"]


def test_two_rules_that_do_not(clinic: Practice, store: Meddled) -> None:
    store.rival = lambda: clinic.availability.add(rule("09:00-12:00"))
    clinic.availability.add(rule("12:00-15:00"))
    assert len(clinic.availability.rules.list()) == 2


def test_two_overrides_that_contradict(clinic: Practice, store: Meddled) -> None:
    def replaced(hours: str) -> Override:
        return clinic.availability.add(Override.replaced("smith", NEW_YEAR, hours=hours))

    store.rival = lambda: replaced("09:00-12:00")
    with pytest.raises(ContradictoryOverrides):
        replaced("10:00-15:00")
    assert len(clinic.availability.overrides.list()) == 1


def test_a_rule_activated_while_its_rival_is_added(clinic: Practice, store: Meddled) -> None:
    made = clinic.availability.add(rule("09:00-12:00"))
    clinic.availability.rules.deactivate(made.id)
    store.rival = lambda: clinic.availability.add(rule("11:00-15:00"))
    with pytest.raises(OverlappingRules):
        clinic.availability.rules.activate(made.id)
    assert len(clinic.availability.rules.list()) == 1


def test_a_rule_moved_to_where_a_rival_adds_one(clinic: Practice, store: Meddled) -> None:
    made = clinic.availability.add(rule("09:00-12:00", "jones"))
    store.rival = lambda: clinic.availability.add(rule("11:00-15:00"))
    moved = attrs.evolve(made, resource=clinic.providers.get("smith").resource)
    with pytest.raises(OverlappingRules):
        clinic.availability.rules.update(moved)
    assert clinic.availability.rules.get(made.id) == made


def test_a_rule_added_where_a_rival_moves_one_away(clinic: Practice, store: Meddled) -> None:
    """Its old resource is told as well: what was refused a moment ago may be right now."""
    made = clinic.availability.add(rule("09:00-12:00"))
    smith, jones = (clinic.providers.get(id).resource for id in ("smith", "jones"))
    versions = store.schedule_versions("riverside", [smith, jones])
    clinic.availability.rules.update(attrs.evolve(made, resource=jones))
    after = store.schedule_versions("riverside", [smith, jones])
    assert {one: after[one] - versions[one] for one in versions} == {smith: 1, jones: 1}
    clinic.availability.add(rule("09:00-12:00"))


def test_a_rule_added_while_the_zone_of_its_provider_changes(
    clinic: Practice, store: Meddled
) -> None:
    """Whether rules overlap depends on zones: a decision made under the old one is made anew."""
    clinic.availability.add(AvailabilityRule("smith", DAILY, hours="00:00-03:00", timezone="UTC"))
    smith = clinic.providers.get("smith")
    store.rival = lambda: clinic.providers.update(attrs.evolve(smith, timezone="Asia/Tokyo"))
    with pytest.raises(OverlappingRules):
        clinic.availability.add(rule("09:00-12:00"))


def test_a_rule_added_while_the_zone_of_its_place_changes(clinic: Practice, store: Meddled) -> None:
    smith = clinic.providers.get("smith")
    clinic.providers.update(attrs.evolve(smith, location="main"))
    clinic.availability.add(AvailabilityRule("smith", DAILY, hours="00:00-03:00", timezone="UTC"))
    main = clinic.locations.get("main")
    store.rival = lambda: clinic.locations.update(attrs.evolve(main, timezone="Asia/Tokyo"))
    with pytest.raises(OverlappingRules):
        clinic.availability.add(rule("09:00-12:00"))


@pytest.mark.parametrize("what", ["locations", "appointment_types", "providers"])
def test_a_record_named_while_a_rival_deletes_it(
    clinic: Practice, store: Meddled, what: str
) -> None:
    id = {"locations": "main", "appointment_types": "visit", "providers": "smith"}[what]
    store.rival = lambda: getattr(clinic, what).delete(id)
    hours = AvailabilityRule("smith", DAILY, hours="09:00-12:00", location="main", types="visit")
    with pytest.raises(NotFound):
        clinic.availability.add(hours)
    assert len(clinic.availability.rules.list()) == 0


def test_a_record_deleted_while_a_rival_names_it(clinic: Practice, store: Meddled) -> None:
    store.rival = lambda: clinic.providers.create(location="main")
    with pytest.raises(InUse):
        clinic.locations.delete("main")
    assert clinic.locations.find("main") is not None


def test_a_length_stated_while_the_bounds_change(clinic: Practice, store: Meddled) -> None:
    store.rival = lambda: clinic.settings.configure(shortest_slot=timedelta(minutes=20))
    with pytest.raises(InvalidDuration):
        clinic.appointment_types.create(code="short", duration=timedelta(minutes=10))
    assert clinic.appointment_types.find("short") is None


def test_bounds_stated_for_the_first_time_count_as_a_change(store: Meddled) -> None:
    fresh = Scheduler(store, pauses=Impatient()).practice("fresh")
    store.rival = lambda: fresh.settings.configure(shortest_slot=timedelta(minutes=20))
    with pytest.raises(InvalidDuration):
        fresh.appointment_types.create(code="short", duration=timedelta(minutes=10))


def test_a_type_that_grows_while_a_rule_states_it(clinic: Practice, store: Meddled) -> None:
    visit = clinic.appointment_types.get("visit")
    longer = attrs.evolve(visit, duration=timedelta(hours=4))
    store.rival = lambda: clinic.appointment_types.update(longer)
    with pytest.raises(InvalidDuration):
        clinic.availability.add(rule("09:00-12:00", types="visit"))


def test_two_changes_of_the_settings(clinic: Practice, store: Meddled) -> None:
    store.rival = lambda: clinic.settings.configure(name="Riverside")
    settings = clinic.settings.configure(timezone="Asia/Tokyo")
    assert (settings.name, settings.timezone) == ("Riverside", "Asia/Tokyo")
    assert clinic.settings.get() == settings


def test_what_has_nothing_to_do_with_it_disturbs_nobody(clinic: Practice, store: Meddled) -> None:
    store.tries = 0
    store.rival = lambda: clinic.availability.add(rule("09:00-12:00", "jones"))
    clinic.availability.add(rule("09:00-12:00"))
    assert store.tries == 2, "one each"
