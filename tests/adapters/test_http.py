"""Errors as problem details, and versions as ETags."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import attrs
import pytest

import medsched
from medsched import (
    AlreadyExists,
    AppointmentType,
    AvailabilityRule,
    BookingRefused,
    InvalidNumber,
    MedschedError,
    MemoryStore,
    NotAllowed,
    NotFound,
    Patient,
    Practice,
    Provider,
    Recurrence,
    Scheduler,
    Start,
    StorageBusy,
    VersionConflict,
    errors,
)
from medsched.adapters import http
from medsched.adapters.http import SCHEMA, etag, event_data, if_match, problem_of
from medsched.domain.availability_changes import ANYTHING
from medsched.testing.fixed import FixedClock

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def clinic() -> Practice:
    clock = FixedClock(datetime(2026, 3, 1, tzinfo=UTC))
    clinic = Scheduler(MemoryStore(), clock=clock).practice("riverside")
    clinic.settings.configure(timezone="UTC")
    hours = AvailabilityRule("smith", Recurrence.once(date(2026, 3, 2)), hours="09:00-10:00")
    people = Provider(id="smith"), Patient(id="ann"), Patient(id="bob")
    clinic.add_all([*people, AppointmentType(code="visit", duration=timedelta(minutes=30)), hours])
    return clinic


@pytest.mark.parametrize(
    "error, status, kind",
    [
        (NotFound("patient", "ann"), 404, "not-found"),
        (errors.InvalidSlotId("slot", "x", "not a slot id"), 404, "not-found"),
        (NotAllowed("ann", "patient.read", "not theirs"), 403, "not-allowed"),
        (VersionConflict("patient", "ann", 1, 2), 412, "changed-meanwhile"),
        (errors.IdempotencyMismatch("book"), 422, "idempotency-mismatch"),
        (InvalidNumber("limit", 0, "1 to 1000"), 422, "invalid"),
        (errors.UnknownZone("Mars/Base"), 422, "invalid"),
        (errors.NonexistentTime(datetime(2026, 3, 8, 2, 30), "x"), 422, "no-such-time"),
        (StorageBusy("book", 5), 503, "busy"),
        (errors.OutcomeUnknown("commit", "08006"), 503, "unavailable"),
        (errors.KeyDestroyed("patient"), 410, "gone"),
        (errors.AuditDamaged("x"), 500, "damaged"),
        (errors.AuditNotKept("MemoryStore"), 501, "not-kept"),
        (errors.MissingExtra("sealing", "encryption"), 501, "not-installed"),
        (AlreadyExists("patient", "ann"), 409, "conflict"),
        (errors.HoldExpired("h", NINE), 409, "conflict"),
    ],
)
def test_each_error_has_a_status_and_a_kind(error: MedschedError, status: int, kind: str) -> None:
    found = problem_of(error)
    assert (found.status, found.kind) == (status, kind)


def test_every_error_of_the_library_has_a_kind_of_its_own_or_is_a_conflict() -> None:
    known = tuple(one for _, _, some in http._KINDS[:-1] for one in some)
    public = (getattr(medsched, name) for name in medsched.__all__)
    raised = [one for one in public if isinstance(one, type) and issubclass(one, Exception)]
    assert {one.__name__ for one in raised if not issubclass(one, known)} - {"MedschedError"} == {
        *("AlreadyExists", "AlreadyOffered", "AlreadyWaiting", "AppointmentsStranded"),
        *("BookingRefused", "ChainRefused", "ClinicFileError", "ContradictoryOverrides"),
        *("FollowUpRefused", "HoldExpired", "InUse", "InvalidTransition", "NoneAvailable"),
        *("NotWaiting", "NotWeekly", "OfferClosed", "OfferExpired", "OutsideHours"),
        *("OverlappingRules", "SeriesRefused", "SlotsOverlap"),
    }


def test_a_refused_booking_tells_the_reasons_and_what_is_free(clinic: Practice) -> None:
    start = Start("smith", "visit", NINE)
    clinic.appointments.book(start, patient="ann")
    with pytest.raises(BookingRefused) as refused:
        clinic.appointments.book(start, patient="bob")
    found = problem_of(refused.value)
    assert found.status == 409
    (violation,) = found.members["violations"]
    assert violation["reason"] == "taken"
    assert violation["resource"] == {"kind": "provider", "id": "smith"}
    slot = refused.value.alternatives[0]
    assert found.members["alternatives"][0] == {
        "slot_id": slot.id,
        "provider": "smith",
        "appointment_type": "visit",
        "start_time": "2026-03-02T09:30:00+00:00",
        "end_time": "2026-03-02T10:00:00+00:00",
    }


def test_what_was_sent_is_not_told_back() -> None:
    found = problem_of(errors.InvalidChoice("gender", "a secret", "not one of them"))
    assert "secret" not in json.dumps(found.body("urn:x:", "urn:uuid:1"))
    assert found.members == {"errors": [{"field": "gender", "message": "not one of them"}]}
    assert found.detail == "gender: not one of them"


def test_the_body_is_that_of_rfc_9457() -> None:
    found = problem_of(NotFound("patient", "ann"))
    assert found.body("https://clinic.example/problems/", "urn:uuid:1") == {
        "type": "https://clinic.example/problems/not-found",
        "title": "Not Found",
        "status": 404,
        "detail": "there is no patient 'ann' in this practice",
        "instance": "urn:uuid:1",
    }
    assert found.headers == {}
    assert set(found.body("", "")) == set(SCHEMA["required"])


def test_members_never_hide_what_the_rfc_names() -> None:
    found = http.ProblemDetails(409, "x", "why", {"status": 200, "type": "mine"})
    assert found.body("urn:", "urn:1")["status"] == 409
    assert found.body("urn:", "urn:1")["type"] == "urn:x"


def test_busy_says_when_to_try_again() -> None:
    assert problem_of(StorageBusy("book", 5)).headers == {"Retry-After": "1"}


# ------------------------------------------------------------------------- versions


def test_an_etag_is_the_version(clinic: Practice) -> None:
    ann = clinic.patients.get("ann")
    assert etag(ann) == f'"{ann.version}"'


@pytest.mark.parametrize("stated", [None, "*", '"1"', '"7", "1"', ' "1" ', 'W/"1", "1"'])
def test_the_version_that_is_there(clinic: Practice, stated: str | None) -> None:
    ann = clinic.patients.get("ann")
    assert if_match(stated, ann) is ann


def test_another_version_is_the_commands_to_refuse(clinic: Practice) -> None:
    old = clinic.patients.get("ann")
    clinic.patients.update(attrs.evolve(old, phone="1"))
    new = clinic.patients.get("ann")
    stated = if_match(etag(old), new)
    assert stated.version == old.version
    with pytest.raises(VersionConflict):
        clinic.patients.update(attrs.evolve(stated, phone="2"))


def test_a_repetition_is_told_its_first_result(clinic: Practice) -> None:
    old = clinic.patients.get("ann")
    for _ in range(2):
        stated = if_match(etag(old), clinic.patients.get("ann"))
        done = clinic.patients.update(attrs.evolve(stated, phone="1"), idempotency_key="k")
        assert (done.version, done.phone) == (old.version + 1, "1")


@pytest.mark.parametrize(
    "stated", ["", "1", 'W/"1"', '"0"', '"01"', '"x"', '"1" "2"', '"9999999999"']
)
def test_a_header_that_states_no_version(clinic: Practice, stated: str) -> None:
    with pytest.raises(VersionConflict):
        if_match(stated, clinic.patients.get("ann"))


# --------------------------------------------------------------------------- events


def test_a_change_says_when_and_whose_it_is_and_nothing_else(clinic: Practice) -> None:
    before = clinic.changes().next
    clinic.holds.place(Start("smith", "visit", NINE), patient="ann")
    (change,) = clinic.changes(before)
    assert change.expires is not None
    assert event_data(change) == {
        "start": "2026-03-02T09:00:00+00:00",
        "end": "2026-03-02T09:30:00+00:00",
        "expires": change.expires.isoformat(),
        "kind": "provider",
        "id": "smith",
    }


def test_a_change_of_hours_of_a_type_or_of_anything(clinic: Practice) -> None:
    before = clinic.changes().next
    clinic.providers.update(attrs.evolve(clinic.providers.get("smith"), name="Dr. Smith"))
    clinic.appointment_types.create(code="call", duration=timedelta(minutes=10))
    hours, type = clinic.changes(before)
    assert event_data(hours) == {"kind": "provider", "id": "smith"}
    assert event_data(type) == {"type": "call"}
    assert event_data(ANYTHING) == {}
