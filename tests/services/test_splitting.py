"""One rule becomes several, as one change: whoever stands in what another opens is not stranded."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import attrs
import pytest
from tests.databases import events_of

from medsched import (
    AppointmentsStranded,
    AppointmentType,
    AvailabilityRule,
    InvalidChoice,
    MemoryStore,
    OverlappingRules,
    Patient,
    Practice,
    Provider,
    Recurrence,
    Start,
    VersionConflict,
)

NOON = datetime(2026, 1, 14, 10, tzinfo=UTC)  # a Wednesday


@pytest.fixture
def rule(clinic: Practice) -> AvailabilityRule:
    clinic.settings.configure(timezone="UTC")
    visit = AppointmentType(code="visit", duration=timedelta(minutes=30))
    clinic.add_all([Provider(id="lee"), Patient(id="ada"), visit])
    hours = Recurrence.weekly("TU,WE", start=date(2026, 1, 5))
    return clinic.availability.add(AvailabilityRule("lee", hours, hours="09:00-17:00"))


def parts(rule: AvailabilityRule, wednesday: str) -> tuple[AvailabilityRule, AvailabilityRule]:
    """The rule without its Wednesdays, and those with other hours."""
    less = attrs.evolve(rule.recurrence, by_day=["TU"])
    other = attrs.evolve(rule.recurrence, by_day=["WE"])
    return attrs.evolve(rule, recurrence=less), AvailabilityRule("lee", other, hours=wednesday)


def test_who_stands_in_what_the_other_opens_stays(
    store: MemoryStore, clinic: Practice, rule: AvailabilityRule
) -> None:
    made = clinic.appointments.book(Start("lee", "visit", NOON), patient="ada")
    changed, new = clinic.availability.split(*parts(rule, "10:00-12:00"))
    assert (changed.id, changed.version, new.version) == (rule.id, 2, 1)
    assert {one.id for one in clinic.availability.rules.list()} == {changed.id, new.id}
    assert clinic.availability.stranded() == ()
    assert clinic.appointments.get(made.id) == made
    told = [(one.name, one.id) for one in events_of(store, clinic.id)][-2:]
    assert sorted(told) == [("rule.created", new.id), ("rule.updated", changed.id)]


def test_nothing_is_stored_where_somebody_would_be_stranded(
    clinic: Practice, rule: AvailabilityRule
) -> None:
    clinic.appointments.book(Start("lee", "visit", NOON), patient="ada")
    with pytest.raises(AppointmentsStranded):
        clinic.availability.split(*parts(rule, "13:00-17:00"))
    assert list(clinic.availability.rules.list()) == [rule]


def test_the_parts_may_not_overlap(clinic: Practice, rule: AvailabilityRule) -> None:
    with pytest.raises(OverlappingRules):
        clinic.availability.split(rule, parts(rule, "10:00-12:00")[1])
    assert list(clinic.availability.rules.list()) == [rule]


def test_an_older_version_is_a_conflict(clinic: Practice, rule: AvailabilityRule) -> None:
    clinic.availability.rules.update(attrs.evolve(rule, notes="changed"))
    with pytest.raises(VersionConflict):
        clinic.availability.split(*parts(rule, "10:00-12:00"))
    assert len(clinic.availability.rules.list()) == 1


def test_under_its_key_it_is_done_once(clinic: Practice, rule: AvailabilityRule) -> None:
    first = clinic.availability.split(*parts(rule, "10:00-12:00"), idempotency_key="form-1")
    again = clinic.availability.split(*parts(rule, "10:00-12:00"), idempotency_key="form-1")
    assert first == again
    assert len(clinic.availability.rules.list()) == 2


def test_under_its_key_a_part_with_an_id_of_its_own_comes_back(
    clinic: Practice, rule: AvailabilityRule
) -> None:
    less, other = parts(rule, "10:00-12:00")
    named = less, attrs.evolve(other, id="wednesdays")
    first = clinic.availability.split(*named, idempotency_key="form-1")
    assert first[1].id == "wednesdays"
    assert clinic.availability.split(*named, idempotency_key="form-1") == first


def test_only_rules_are_split(clinic: Practice, rule: AvailabilityRule) -> None:
    with pytest.raises(InvalidChoice):
        clinic.availability.split(rule, "lee")  # type: ignore[arg-type]


def test_a_record_in_hand_is_deactivated_as_it_was_read(
    clinic: Practice, rule: AvailabilityRule
) -> None:
    newer = clinic.availability.rules.update(attrs.evolve(rule, notes="changed"))
    with pytest.raises(VersionConflict):
        clinic.availability.rules.deactivate(rule)
    off = clinic.availability.rules.deactivate(newer, idempotency_key="off")
    assert not off.active
    assert clinic.availability.rules.deactivate(newer, idempotency_key="off") == off
    with pytest.raises(VersionConflict):
        clinic.availability.rules.activate(newer)
