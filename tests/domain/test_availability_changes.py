"""What a changeset touches, and how it is told: a function of the changeset and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from medsched import AppointmentType, AvailabilityChangeKind, Patient, Provider
from medsched.domain.availability_changes import (
    ANYTHING,
    Touched,
    TouchedTime,
    ending_by_itself,
    told_of,
)
from medsched.domain.changes import Changeset, RowVersion
from medsched.domain.claims import Claim, ClaimKind
from medsched.domain.records import Resource
from medsched.domain.stored import Kind, Ref
from medsched.timeline.instants import instant_of

SMITH, R1, ADA = Resource("provider", "smith"), Resource("room", "r1"), Resource("patient", "ada")
SOON = datetime(2026, 1, 5, 12, 10, 0, 1, tzinfo=UTC)
LATER = SOON + timedelta(minutes=5)
AT = 29_454_000
VISIT = AppointmentType(code="visit", duration=timedelta(minutes=30), version=1)


def claim(resource: Resource, low: int, high: int, expires: datetime | None = None) -> Claim:
    return Claim(resource, AT + low, AT + high, ClaimKind.APPOINTMENT, "secret", expires)


def time(resource: Resource, low: int, high: int, expires: datetime | None = None) -> TouchedTime:
    return TouchedTime(resource, AT + low, AT + high, expires)


def touched(**parts: Any) -> Touched:
    return Changeset(practice="p", **parts).touched


@pytest.mark.parametrize("part", ["claims", "doubled", "releases"])
def test_time_that_is_taken_or_given_back(part: str) -> None:
    some = (claim(SMITH, 0, 30), claim(R1, 0, 40), claim(ADA, 0, 30))
    found = touched(**{part: some})
    assert found == Touched(times=(time(SMITH, 0, 30), time(R1, 0, 40)))


def test_what_patients_alone_do_touches_nothing() -> None:
    found = touched(claims=(claim(ADA, 0, 30),), writes=(Patient(id="ada", version=1),))
    assert found == Touched()
    assert not found


def test_stretches_that_touch_or_overlap_are_one() -> None:
    found = touched(
        releases=(claim(SMITH, 0, 30), claim(SMITH, 100, 110)),
        claims=(claim(SMITH, 30, 60), claim(R1, 30, 60)),
        doubled=(claim(SMITH, 90, 101),),
    )
    assert found.times == (time(SMITH, 0, 60), time(SMITH, 90, 110), time(R1, 30, 60))


def test_what_expires_says_when_and_once_for_each_instant() -> None:
    found = touched(
        releases=(claim(SMITH, 0, 60, LATER),),
        claims=(claim(SMITH, 10, 20, SOON), claim(SMITH, 20, 30, LATER)),
        seats=(time(SMITH, 15, 30, LATER),),
    )
    assert found.times == (
        time(SMITH, 0, 10),
        time(SMITH, 10, 20, SOON),
        time(SMITH, 15, 30, LATER),
        time(SMITH, 30, 60),
    )


def test_seats_that_no_claim_shows() -> None:
    assert touched(seats=(time(SMITH, 0, 60),)).times == (time(SMITH, 0, 60),)


def test_hours_and_types() -> None:
    found = touched(
        bumps=frozenset({R1, SMITH}),
        writes=(VISIT, Provider(id="smith", version=1)),
        removals=(RowVersion(Ref(Kind.APPOINTMENT_TYPE, "old"), 3), RowVersion(Ref.of(R1), 1)),
    )
    assert found == Touched(hours=(SMITH, R1), types=("old", "visit"))


def test_how_it_is_told() -> None:
    found = told_of(Touched((time(SMITH, 0, 30, SOON),), (R1,), ("visit",)))
    kinds = AvailabilityChangeKind
    assert [one.kind for one in found] == [kinds.TYPE, kinds.HOURS, kinds.TIME]
    assert [one.type for one in found] == ["visit", None, None]
    assert [one.resource for one in found] == [None, R1, SMITH]
    assert [one.start for one in found] == [None, None, instant_of(AT)]
    assert [one.end for one in found] == [None, None, instant_of(AT + 30)]
    assert [one.expires for one in found] == [None, None, SOON]


def test_of_nothing_nothing_is_told() -> None:
    assert told_of(Touched()) == []
    assert ANYTHING.kind is AvailabilityChangeKind.ALL
    assert (ANYTHING.resource, ANYTHING.type, ANYTHING.start) == (None, None, None)


def test_what_ends_by_itself_is_told_once_of_all_but_patients() -> None:
    times = [time(SMITH, 0, 30, LATER), time(R1, 0, 30), time(SMITH, 0, 20, SOON)]
    times += [time(SMITH, 0, 30, LATER), time(ADA, 0, 30, SOON), time(R1, 0, 30, SOON)]
    found = [*ending_by_itself(times).items()]
    assert found == sorted(found, key=lambda named: named[0])
    assert [(one.resource, one.end, one.expires) for _, one in found] == [
        (SMITH, instant_of(AT + 20), SOON),
        (R1, instant_of(AT + 30), SOON),
        (SMITH, instant_of(AT + 30), LATER),
    ]
    assert {one.kind for _, one in found} == {AvailabilityChangeKind.TIME}
