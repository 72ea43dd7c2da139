"""Claims, sessions, requests: what is taken and what is asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest

from medsched.domain.appointment_types import AppointmentType
from medsched.domain.claims import Claim, ClaimKind, Session
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.requests import Reason, Request, Violation
from medsched.errors import (
    InvalidChoice,
    InvalidId,
    InvalidInterval,
    InvalidNumber,
    NaiveDatetime,
    OutOfRange,
)

NOON = datetime(2026, 3, 8, 12, tzinfo=UTC)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
VISIT = AppointmentType(code="visit", duration=30 * MINUTE)


def test_a_claim_takes_whole_minutes_outward() -> None:
    claim = Claim.of("smith", NOON + SECOND, NOON + 5 * MINUTE + SECOND)
    assert (claim.start, claim.end) == (NOON, NOON + 6 * MINUTE)
    assert claim.resource == Resource(ResourceKind.PROVIDER, "smith")
    assert (claim.kind, claim.id, claim.expires) == (ClaimKind.APPOINTMENT, "", None)
    assert Claim.of("smith", NOON, NOON + SECOND).end == NOON + MINUTE


def test_a_claim_is_made_in_any_zone() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=-8)))
    room = Resource(ResourceKind.ROOM, "1")
    claim = Claim.of(room, there, there + MINUTE, kind="blocking")
    assert (claim.resource, claim.start, claim.kind) == (room, NOON, ClaimKind.BLOCKING)


@pytest.mark.parametrize("length", [timedelta(0), -SECOND])
def test_a_claim_ends_after_it_starts(length: timedelta) -> None:
    with pytest.raises(InvalidInterval) as caught:
        Claim.of("smith", NOON, NOON + length)
    assert (caught.value.field, caught.value.value) == ("end", (NOON, NOON + length))


@pytest.mark.parametrize("field", ["start", "end", "expires"])
def test_naive_datetimes_are_refused(field: str) -> None:
    naive = datetime(2026, 3, 8, 12)
    times: dict[str, Any] = {"start": NOON, "end": NOON + MINUTE, field: naive}
    with pytest.raises(NaiveDatetime) as caught:
        Claim.of("smith", times["start"], times["end"], expires=times.get("expires"))
    assert (caught.value.field, caught.value.value) == (field, naive)


def test_what_else_a_claim_refuses() -> None:
    with pytest.raises(OutOfRange):
        Claim.of("smith", NOON.replace(year=1972), NOON)
    with pytest.raises(OutOfRange):
        Claim.of("smith", NOON, NOON.replace(year=9999))
    with pytest.raises(InvalidChoice):
        Claim.of("smith", NOON, NOON + MINUTE, kind="wish")
    with pytest.raises(InvalidId):
        Claim.of("", NOON, NOON + MINUTE)


def test_a_hold_blocks_nothing_from_its_expiry_on() -> None:
    hold = Claim.of("smith", NOON, NOON + MINUTE, kind="hold", expires=NOON)
    assert hold.is_live(NOON - timedelta(microseconds=1))
    assert not hold.is_live(NOON)
    assert not hold.is_live(NOON + SECOND)
    assert hold.is_live(None)
    assert Claim.of("smith", NOON, NOON + MINUTE).is_live(NOON + timedelta(days=365))


@pytest.mark.parametrize("taken", [-1, 10_001, 1.5])
def test_a_session_counts_its_seats(taken: Any) -> None:
    with pytest.raises(InvalidNumber) as caught:
        Session("group", None, 0, taken)
    assert (caught.value.field, caught.value.value) == ("taken", taken)


def test_a_session_is_of_a_type_and_a_place() -> None:
    with pytest.raises(InvalidId) as caught:
        Session("", None, 0, 0)
    assert caught.value.field == "type"
    with pytest.raises(InvalidId) as caught:
        Session("group", "", 0, 0)
    assert caught.value.field == "location"


# -------------------------------------------------------------------- requests


def test_a_request_asks_for_nobody_at_no_time_unless_told() -> None:
    assert (Request(VISIT).patient, Request(VISIT).now) == (None, None)
    assert Request(VISIT, patient="ada", now=NOON).now == NOON
    with pytest.raises(InvalidId) as caught:
        Request(VISIT, patient="")
    assert caught.value.field == "patient"


def test_a_request_refuses_a_naive_now() -> None:
    with pytest.raises(NaiveDatetime):
        Request(VISIT, now=datetime(2026, 3, 8, 12))


def test_a_violation_reads_as_its_message() -> None:
    assert str(Violation(reason=Reason.CLOSED, message="closed on Sundays")) == "closed on Sundays"


@pytest.mark.parametrize(
    "noun",
    [
        Claim.of("smith", NOON, NOON + MINUTE),
        Session("group", None, 0, 0),
        Request(VISIT),
        Violation(reason=Reason.CLOSED, message=""),
    ],
)
def test_all_are_frozen(noun: Any) -> None:
    for field in attrs.fields(type(noun)):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(noun, field.name, None)
