"""The write side of availability: what is refused, and that nothing is half stored."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier
from typing import Any

import attrs
import pytest
from tests.databases import events_of

from medsched import (
    AlreadyExists,
    AppointmentType,
    AvailabilityRule,
    ContradictoryOverrides,
    Device,
    InUse,
    InvalidChoice,
    InvalidDuration,
    Location,
    MedschedError,
    MemoryStore,
    NotFound,
    OverlappingRules,
    Override,
    OverrideKind,
    Patient,
    Practice,
    Provider,
    Recurrence,
    RecurringBlocking,
    Resource,
    ResourceKind,
    Room,
    UnknownZone,
    VersionConflict,
)
from medsched.domain.stored import HoursRecord

MONDAYS = Recurrence.weekly("MO", start=date(2026, 1, 5))
DAILY = Recurrence.daily(start=date(2026, 1, 1))
MINUTE = timedelta(minutes=1)
NEW_YEAR = date(2027, 1, 1)


@pytest.fixture
def clinic(clinic: Practice) -> Practice:
    clinic.settings.configure(timezone="America/New_York")
    clinic.add_all(
        [
            Location(id="main"),
            Room(id="r1", location="main"),
            Device(id="scanner"),
            AppointmentType(code="visit", duration=30 * MINUTE),
            AppointmentType(code="surgery", duration=240 * MINUTE),
            Provider(id="smith", location="main"),
            Provider(id="jones"),
            Patient(id="ada"),
        ]
    )
    return clinic


def hours(clinic: Practice) -> list[HoursRecord]:
    """Every rule, override and blocking that is stored."""
    written = clinic.availability
    return [
        *written.rules.list(active=None, limit=1000),
        *written.overrides.list(active=None, limit=1000),
        *written.blockings.list(active=None, limit=1000),
    ]


def rule(of: Resource | str = "smith", when: str = "09:00-12:00", **more: Any) -> AvailabilityRule:
    return AvailabilityRule(of, more.pop("recurrence", MONDAYS), hours=when, **more)


def version(store: MemoryStore, resource: Resource) -> int:
    return store.schedule_versions("riverside", [resource])[resource]


SMITH = Resource(ResourceKind.PROVIDER, "smith")
JONES = Resource(ResourceKind.PROVIDER, "jones")
RESOURCES = [
    SMITH,
    Resource(ResourceKind.PRACTICE, "riverside"),
    Resource(ResourceKind.LOCATION, "main"),
    Resource(ResourceKind.ROOM, "r1"),
    Resource(ResourceKind.DEVICE, "scanner"),
]


@pytest.mark.parametrize("resource", RESOURCES, ids=str)
def test_hours_live_their_whole_life(
    clinic: Practice, store: MemoryStore, resource: Resource
) -> None:
    written: list[tuple[Any, HoursRecord, dict[str, Any]]] = [
        (clinic.availability.rules, rule(resource), {"notes": "mind the step"}),
        (clinic.availability.overrides, Override.closed(resource, NEW_YEAR), {"reason": "party"}),
        (
            clinic.availability.blockings,
            RecurringBlocking(resource, DAILY, hours="12:00-12:30"),
            {"reason": "lunch"},
        ),
    ]
    for records, item, changes in written:
        before = version(store, resource)
        made = clinic.availability.add(item)
        assert type(made) is type(item)
        assert (made.version, bool(made.id)) == (1, True)
        changed = records.update(attrs.evolve(made, **changes))
        assert changed == attrs.evolve(made, **changes, version=2)
        assert records.get(made.id) == changed
        with pytest.raises(VersionConflict):
            records.update(made)
        records.deactivate(made.id)
        assert made.id not in {one.id for one in records.list()}
        assert records.activate(made.id).version == 4
        assert version(store, resource) == before + 4
        records.delete(made.id)
        assert version(store, resource) == before + 5
    assert hours(clinic) == []


def test_a_rule_that_moves_changes_both_schedules(clinic: Practice, store: MemoryStore) -> None:
    made = clinic.availability.add(rule())
    before = version(store, SMITH), version(store, JONES)
    clinic.availability.rules.update(attrs.evolve(made, resource=JONES))
    assert (version(store, SMITH), version(store, JONES)) == (before[0] + 1, before[1] + 1)
    clinic.availability.add(rule())
    with pytest.raises(OverlappingRules):
        clinic.availability.add(rule("jones"))


@pytest.mark.parametrize(
    "item, error, fact",
    [
        (rule("nobody"), NotFound, ("provider", "nobody")),
        (rule(Resource("location", "nowhere")), NotFound, ("location", "nowhere")),
        (rule(Resource("room", "smith")), NotFound, ("room", "smith")),
        (rule(Resource("device", "x")), NotFound, ("device", "x")),
        (rule(Resource("practice", "elsewhere")), NotFound, ("practice", "elsewhere")),
        (rule(location="nowhere"), NotFound, ("location", "nowhere")),
        (rule(room="r2"), NotFound, ("room", "r2")),
        (rule(types="x"), NotFound, ("appointment-type", "x")),
        (rule(type_days={"x": "MO"}), NotFound, ("appointment-type", "x")),
        (rule(durations={"x": 30 * MINUTE}), NotFound, ("appointment-type", "x")),
        (Override.closed("smith", NEW_YEAR, types="x"), NotFound, ("appointment-type", "x")),
        (Override.closed("nobody", NEW_YEAR), NotFound, ("provider", "nobody")),
        (
            RecurringBlocking("smith", DAILY, hours="12:00-13:00", types="x"),
            NotFound,
            ("appointment-type", "x"),
        ),
    ],
)
def test_hours_name_only_what_is_there(
    clinic: Practice, item: HoursRecord, error: type[NotFound], fact: tuple[str, str]
) -> None:
    with pytest.raises(error) as caught:
        clinic.availability.add(item)
    assert (caught.value.kind, caught.value.id) == fact
    assert hours(clinic) == []


def test_a_patient_keeps_no_hours(clinic: Practice) -> None:
    ada = clinic.patients.get("ada").resource
    for item in (
        rule(ada),
        Override.closed(ada, NEW_YEAR),
        RecurringBlocking(ada, DAILY, hours="12:00-13:00"),
    ):
        with pytest.raises(InvalidChoice) as caught:
            clinic.availability.add(item)
        assert caught.value.field == "resource"
    assert hours(clinic) == []


def test_a_zone_must_exist(clinic: Practice) -> None:
    for item in (
        rule(timezone="EST5EDT "),
        Override.closed("smith", NEW_YEAR, timezone="../etc/passwd"),
        RecurringBlocking("smith", DAILY, hours="12:00-13:00", timezone="Mars/Olympus"),
    ):
        with pytest.raises(UnknownZone):
            clinic.availability.add(item)
    assert hours(clinic) == []


def test_lengths_keep_to_the_bounds_of_the_practice(clinic: Practice) -> None:
    clinic.settings.configure(shortest_slot=10 * MINUTE, longest_slot=60 * MINUTE)
    for stated, field in (
        ({"slot_duration": 9 * MINUTE}, "slot_duration"),
        ({"slot_duration": 61 * MINUTE}, "slot_duration"),
        ({"durations": {"visit": 61 * MINUTE}}, "durations[visit]"),
    ):
        for item in (
            rule(**stated),
            Override.extra("smith", NEW_YEAR, hours="09:00-12:00", **stated),
        ):
            with pytest.raises(InvalidDuration) as caught:
                clinic.availability.add(item)
            assert caught.value.field == field
    assert hours(clinic) == []


def test_a_stated_type_must_fit_into_a_window(clinic: Practice) -> None:
    refused: list[HoursRecord] = [
        rule(types={"visit", "surgery"}),
        rule(when="08:00-15:59", breaks="11:00-12:00", types="surgery"),
        Override.extra("smith", NEW_YEAR, hours="09:00-12:00", types="surgery"),
        rule(
            when="08:00-12:00",
            types="surgery",
            durations={"visit": 20 * MINUTE},
            breaks="9:00-9:01",
        ),
    ]
    for item in refused:
        with pytest.raises(InvalidDuration, match="surgery") as caught:
            clinic.availability.add(item)
        assert caught.value.value == 240 * MINUTE
    assert hours(clinic) == []

    rooms = rule(Resource("room", "r1"), types="surgery")
    accepted: list[HoursRecord] = [
        rule(),  # all types: those that do not fit are not offered, as everywhere
        rule(when="13:00-17:00", types="surgery"),
        rule(when="18:00-20:00", types="surgery", durations={"surgery": 60 * MINUTE}),
        Override.closed("smith", NEW_YEAR, hours="09:00-10:00", types="surgery"),
        rooms,  # what is booked in its hours the provider's hours say
    ]
    for item in accepted:
        clinic.availability.add(item)


def test_a_providers_own_length_is_what_must_fit(clinic: Practice) -> None:
    smith = clinic.providers.get("smith")
    clinic.providers.update(attrs.evolve(smith, durations={"surgery": 120 * MINUTE}))
    clinic.availability.add(rule(types="surgery"))


# -------------------------------------------------------- overlap and contradiction


def test_overlapping_rules_are_refused_with_the_first_instant(clinic: Practice) -> None:
    first = clinic.availability.add(rule())
    stored = hours(clinic)
    with pytest.raises(OverlappingRules) as caught:
        clinic.availability.add(rule(when="11:00-15:00"))
    error = caught.value
    assert error.resource == "smith"
    assert first.id in (error.first, error.second)
    assert error.at.isoformat() == "2026-01-05T16:00:00+00:00"
    assert hours(clinic) == stored
    clinic.availability.add(rule(when="12:00-15:00"))
    clinic.availability.add(rule("jones", when="11:00-15:00"))


@pytest.mark.parametrize("resource", RESOURCES, ids=str)
def test_rules_of_any_resource_may_not_overlap(clinic: Practice, resource: Resource) -> None:
    clinic.availability.add(rule(resource))
    with pytest.raises(OverlappingRules):
        clinic.availability.add(rule(resource, "11:59-13:00"))
    clinic.availability.add(rule(resource, "12:00-13:00"))


def test_a_rule_does_not_overlap_its_former_self(clinic: Practice) -> None:
    made = clinic.availability.add(rule())
    changed = clinic.availability.rules.update(
        attrs.evolve(made, hours="10:00-13:00", recurrence=DAILY)
    )
    assert str(changed.hours[0]) == "10:00-13:00"


def test_an_update_may_not_make_an_overlap(clinic: Practice) -> None:
    clinic.availability.add(rule())
    made = clinic.availability.add(rule(when="12:00-15:00"))
    stored = hours(clinic)
    with pytest.raises(OverlappingRules):
        clinic.availability.rules.update(attrs.evolve(made, hours="11:00-15:00"))
    assert hours(clinic) == stored


def test_what_is_not_active_overlaps_nothing_until_it_is(clinic: Practice) -> None:
    first = clinic.availability.add(rule())
    second = clinic.availability.add(rule(when="10:00-11:00", active=False))
    clinic.availability.rules.deactivate(first.id)
    clinic.availability.rules.activate(second.id)
    stored = hours(clinic)
    with pytest.raises(OverlappingRules):
        clinic.availability.rules.activate(first.id)
    assert hours(clinic) == stored
    clinic.availability.rules.delete(second.id)
    clinic.availability.rules.activate(first.id)


def test_rules_with_one_offer_may_ask_to_merge(clinic: Practice) -> None:
    clinic.availability.add(rule())
    clinic.availability.add(rule(when="11:00-14:00", location="main", merge=True))
    with pytest.raises(OverlappingRules):
        clinic.availability.add(rule(when="13:00-15:00", types="visit", merge=True))


def test_the_zone_of_a_place_counts(clinic: Practice) -> None:
    tokyo = clinic.locations.create(id="tokyo", timezone="Asia/Tokyo")
    clinic.availability.add(rule(recurrence=DAILY))
    clinic.availability.add(rule(recurrence=DAILY, location=tokyo.id))
    with pytest.raises(OverlappingRules):
        clinic.availability.add(rule(recurrence=DAILY, when="23:00-23:30", location=tokyo.id))


def test_contradictory_overrides_are_refused(clinic: Practice) -> None:
    clinic.availability.add(Override.replaced("smith", NEW_YEAR, hours="10:00-12:00"))
    stored = hours(clinic)
    rival = Override.replaced("smith", NEW_YEAR, hours="10:00-14:00")
    with pytest.raises(ContradictoryOverrides):
        clinic.availability.add(rival)
    assert hours(clinic) == stored
    other = clinic.availability.add(attrs.evolve(rival, priority=1))
    assert other.kind is OverrideKind.REPLACED
    clinic.availability.add(Override.replaced("smith", NEW_YEAR, hours="10:00-12:00"))
    clinic.availability.add(Override.closed("smith", NEW_YEAR))
    clinic.availability.add(Override.closed("smith", NEW_YEAR, hours="10:00-11:00"))


# ------------------------------------------------------------------ many at once


def test_many_are_added_in_the_order_given(clinic: Practice) -> None:
    holidays = [Override.closed("smith", date(2026, month, 1)) for month in range(12, 0, -1)]
    stored = clinic.availability.add_all([*holidays, rule()])
    assert [getattr(one, "first", None) for one in stored] == [
        *(one.first for one in holidays),
        None,
    ]
    assert set(hours(clinic)) == set(stored)
    assert clinic.availability.add_all([]) == ()


@pytest.mark.parametrize(
    "items, error",
    [
        ([rule(), rule(when="11:00-15:00")], OverlappingRules),
        ([rule(), rule("jones"), rule("nobody")], NotFound),
        (
            [rule(id="one"), Override.closed("smith", NEW_YEAR, id="one"), rule(id="one")],
            AlreadyExists,
        ),
        (
            [
                Override.replaced("smith", NEW_YEAR, hours="10:00-12:00"),
                Override.replaced("smith", NEW_YEAR, hours="10:00-14:00"),
            ],
            ContradictoryOverrides,
        ),
    ],
)
def test_many_are_added_together_or_not_at_all(
    clinic: Practice, store: MemoryStore, items: list[HoursRecord], error: type[MedschedError]
) -> None:
    before = [version(store, one) for one in RESOURCES]
    events = events_of(store, "riverside")
    for some in (items, items[::-1]):
        with pytest.raises(error):
            clinic.availability.add_all(some)
    assert hours(clinic) == []
    assert events_of(store, "riverside") == events
    assert [version(store, one) for one in RESOURCES] == before


def test_the_order_of_adding_makes_no_difference(clinic: Practice, store: MemoryStore) -> None:
    items: list[HoursRecord] = [
        rule(when="13:00-15:00", id="b"),
        rule(id="a"),
        Override.closed("smith", NEW_YEAR, id="z"),
        Override.closed("smith", NEW_YEAR, id="y"),
    ]
    read = []
    for order in (items, items[::-1]):
        clinic.availability.add_all(order)
        read.append(store.calendars("riverside", [SMITH])[SMITH].calendar)
        for one in clinic.availability.rules.list():
            clinic.availability.rules.delete(one.id)
        for other in clinic.availability.overrides.list():
            clinic.availability.overrides.delete(other.id)
    assert read[0] == read[1]
    assert [one.id for one in read[0].rules] == ["a", "b"]


# -------------------------------------------------------------- what is referred to


@pytest.mark.parametrize(
    "delete",
    [
        lambda c: c.providers.delete("smith"),
        lambda c: c.locations.delete("main"),
        lambda c: c.rooms.delete("r1"),
        lambda c: c.appointment_types.delete("visit"),
    ],
)
def test_what_hours_refer_to_cannot_be_deleted(
    clinic: Practice, delete: Callable[[Practice], None]
) -> None:
    made = clinic.availability.add(rule(location="main", room="r1", types="visit"))
    with pytest.raises(InUse) as caught:
        delete(clinic)
    assert ("rule", made.id) in caught.value.referrers


# ---------------------------------------------------------------------- rivals


def test_of_rivals_who_add_overlapping_rules_one_wins(clinic: Practice) -> None:
    for number in range(15):
        who = clinic.providers.create().id
        barrier = Barrier(4)

        def add(start: int, who: str = who, barrier: Barrier = barrier) -> object:
            barrier.wait()
            try:
                return clinic.availability.add(rule(who, f"{start:02d}:00-{start + 4:02d}:00"))
            except OverlappingRules as error:
                return error

        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(add, [8, 9, 10, 11]))
        assert sum(isinstance(one, AvailabilityRule) for one in results) == 1, number
        assert len(clinic.availability.rules.list(resource=who)) == 1


def test_a_rule_never_overlaps_one_that_a_rival_moves_to_another_place(clinic: Practice) -> None:
    """The zone of the main place decides, so a rule depends on more than its own resource."""
    made = clinic.availability.add(rule())
    smith = clinic.providers.get("smith")
    clinic.providers.update(attrs.evolve(smith, timezone="Asia/Tokyo"))
    with pytest.raises(OverlappingRules) as caught:
        clinic.availability.add(rule(when="11:00-15:00"))
    assert caught.value.at.isoformat() == "2026-01-05T02:00:00+00:00"
    assert made.id in (caught.value.first, caught.value.second)


def test_what_no_longer_fits_can_still_be_deactivated(clinic: Practice) -> None:
    made = clinic.availability.add(rule(types="visit", slot_duration=30 * MINUTE))
    clinic.settings.configure(shortest_slot=45 * MINUTE)
    assert not clinic.appointment_types.deactivate("visit").active
    assert not clinic.availability.rules.deactivate(made.id).active
    for activate in (
        lambda: clinic.appointment_types.activate("visit"),
        lambda: clinic.availability.rules.activate(made.id),
    ):
        with pytest.raises(InvalidDuration):
            activate()
