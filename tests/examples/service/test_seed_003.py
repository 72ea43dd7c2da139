"""The documented endpoints of a doctor's office: schedules, time off, appointments, patients."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the dependency group service is not installed")

from tests.examples.service.serving import Serving, problem

from medsched import Address, AppointmentType, Location, Patient, Provider, Start

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday; clocks change on 8 March
MONDAY: dict[str, Any] = {
    "location_id": "main",
    "day_of_week": 1,
    "start_time": "09:00",
    "end_time": "17:00",
    "lunch_start": "12:00",
    "lunch_end": "12:30",
    "is_active": True,
}
VISIT = {
    "patient_id": "ann",
    "physician_id": "lee",
    "location_id": "main",
    "appointment_date": "2026-03-09",
    "start_time": "09:30",
    "appointment_type": "consultation",
    "reason_for_visit": "a cough",
    "notes": "by bus",
}


@pytest.fixture
def clinic(empty: Serving) -> Serving:
    empty.clinic.add_all(
        [
            Location(id="main", name="Main", timezone="America/New_York"),
            Provider(id="lee", name="Dr. Lee", location="main"),
            Provider(id="kim", name="Dr. Kim", location="main"),
            Patient(
                id="ann",
                name="Ann May Berg",
                birth_date=date(1961, 5, 4),
                phone="+1 518 555 0100",
                address=Address(line="1 Elm Street", city="Albany"),
                insurer="Acme Health",
                insurance_number="A-1",
            ),
            Patient(id="bob", name="Bob"),
            AppointmentType(code="consultation", duration=timedelta(minutes=30)),
        ]
    )
    empty.add("admin", "admin")
    empty.add("lee", "provider", provider="lee")
    empty.add("ann", "patient", patient="ann")
    empty.add("bob", "patient", patient="bob")
    return empty


def opened(clinic: Serving) -> str:
    answer = clinic.client("lee").post("/api/physicians/lee/schedule", json=MONDAY)
    assert answer.status_code == 201, answer.text
    id: str = answer.json()["id"]
    assert answer.headers["location"] == f"/api/physicians/lee/schedule/{id}"
    return id


def booked(clinic: Serving, who: str = "admin", **other: Any) -> dict[str, Any]:
    answer = clinic.client(who).post("/api/appointments", json=VISIT | other)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_a_schedule_is_written_and_read(clinic: Serving) -> None:
    id, lee = opened(clinic), clinic.client("lee")
    (told,) = lee.get("/api/physicians/lee/schedule").json()
    assert told == MONDAY | {"id": id, "physician_id": "lee"}
    url = f"/api/physicians/lee/schedule/{id}"
    other = MONDAY | {"day_of_week": 0, "lunch_start": None, "lunch_end": None}
    assert lee.put(url, json=other).json() == other | {"id": id, "physician_id": "lee"}
    assert lee.get("/api/physicians/lee/schedule").json()[0]["day_of_week"] == 0
    assert lee.delete(url).status_code == 204
    assert [one["is_active"] for one in lee.get("/api/physicians/lee/schedule").json()] == [False]


def test_a_schedule_is_its_physicians(clinic: Serving) -> None:
    id, lee = opened(clinic), clinic.client("lee")
    for url in (f"/api/physicians/kim/schedule/{id}", "/api/physicians/lee/schedule/none"):
        problem(lee.put(url, json=MONDAY), 404)
        problem(lee.delete(url), 404)
    problem(clinic.client("ann").post("/api/physicians/lee/schedule", json=MONDAY), 403)
    assert lee.post("/api/physicians/kim/schedule", json=MONDAY).status_code in (403, 404)
    problem(lee.get("/api/physicians/nobody/schedule"), 404)


def test_time_off_closes_dates_but_not_under_visits(clinic: Serving) -> None:
    opened(clinic)
    lee = clinic.client("lee")
    away = {"start_date": "2026-03-09", "end_date": "2026-03-13", "reason": "holiday"}
    visit = booked(clinic)["id"]
    problem(lee.post("/api/physicians/lee/time-off", json=away), 409)
    clinic.clinic.appointments.cancel(visit)
    answer = lee.post("/api/physicians/lee/time-off", json=away)
    assert answer.status_code == 201
    assert answer.json().pop("id")
    assert away.items() <= answer.json().items()
    assert answer.json()["physician_id"] == "lee"
    free = lee.get("/api/physicians/lee/available-slots", params={"start_date": "2026-03-09"})
    assert free.json() == []
    problem(lee.post("/api/physicians/lee/time-off", json=away | {"end_date": "2026-03-01"}), 422)


def test_available_slots(clinic: Serving) -> None:
    opened(clinic)
    asked = {"start_date": "2026-03-09", "appointment_type": "consultation"}
    told = clinic.client("ann").get("/api/physicians/lee/available-slots", params=asked).json()
    assert len(told) == 15
    assert (told[0]["start_time"], told[-1]["end_time"]) == ("09:00", "17:00")
    assert "12:00" not in [one["start_time"] for one in told]


def test_an_appointment_from_beginning_to_end(clinic: Serving) -> None:
    opened(clinic)
    told = booked(clinic)
    assert told.pop("id")
    assert told == {name: value for name, value in VISIT.items() if name != "appointment_type"} | {
        "end_time": "10:00",
        "timezone": "America/New_York",
        "status": "scheduled",
        "created_at": "2026-03-02T12:00:00Z",
        "updated_at": "2026-03-02T12:00:00Z",
    }
    admin = clinic.client("admin")
    (listed,) = admin.get("/api/appointments", params={"status": "scheduled"}).json()
    url = f"/api/appointments/{listed['id']}"
    assert admin.get(url).json() == listed
    assert clinic.clinic.appointments.get(listed["id"]).start == datetime(
        2026, 3, 9, 13, 30, tzinfo=UTC
    ), "summer time began the day before"
    noted = admin.put(url, json={"notes": "by car"})
    assert (noted.json()["notes"], noted.json()["reason_for_visit"]) == ("by car", "a cough")
    there = {"appointment_date": "2026-03-09", "start_time": "14:00"}
    assert admin.post(f"{url}/reschedule", json=there).json()["start_time"] == "14:00"
    assert admin.delete(url).status_code == 204
    assert admin.get(url).json()["status"] == "cancelled"
    problem(admin.post(f"{url}/reschedule", json=there), 409)


def test_a_patient_books_for_nobody_but_themselves(clinic: Serving) -> None:
    opened(clinic)
    own = {name: value for name, value in VISIT.items() if name not in ("patient_id", "notes")}
    answer = clinic.client("bob").post("/api/appointments", json=own)
    assert answer.json()["patient_id"] == "bob"
    other = own | {"patient_id": "ann", "start_time": "10:00"}
    problem(clinic.client("bob").post("/api/appointments", json=other), 404)
    problem(clinic.client("bob").put("/api/appointments/x", json={"patient_id": "ann"}), 422)
    problem(clinic.client("admin").post("/api/appointments", json=own), 422)


def test_a_taken_time_is_a_conflict_with_alternatives(clinic: Serving) -> None:
    opened(clinic)
    booked(clinic)
    asked, bob = VISIT | {"patient_id": "bob", "notes": ""}, clinic.client("bob")
    told = problem(bob.post("/api/appointments", json=asked), 409)
    assert {one["reason"] for one in told["violations"]} == {"taken"}
    assert told["alternatives"]
    off_grid = problem(bob.post("/api/appointments", json=asked | {"start_time": "10:10"}), 409)
    assert [one["reason"] for one in off_grid["violations"]] == ["off-grid"]


def test_a_time_that_the_clock_skips(clinic: Serving) -> None:
    skipped = VISIT | {"appointment_date": "2026-03-08", "start_time": "02:30"}
    told = problem(clinic.client("admin").post("/api/appointments", json=skipped), 422)
    assert told["type"] == "urn:clinic-service:no-such-time"


def test_a_patient(clinic: Serving) -> None:
    ann = clinic.client("ann")
    answer = ann.get("/api/patients/ann")
    assert answer.json() == {
        "id": "ann",
        "first_name": "Ann",
        "last_name": "May Berg",
        "date_of_birth": "1961-05-04",
        "phone": "+1 518 555 0100",
        "address": "1 Elm Street, Albany",
        "insurance_provider": "Acme Health",
        "insurance_id": "A-1",
    }
    changed = ann.put(
        "/api/patients/ann",
        json={"phone": "+1 518 555 0199", "address": "2 Oak Street"},
        headers={"If-Match": answer.headers["etag"]},
    )
    assert changed.status_code == 200, changed.text
    assert (changed.json()["phone"], changed.json()["address"]) == (
        "+1 518 555 0199",
        "2 Oak Street",
    )
    problem(ann.put("/api/patients/ann", json={"last_name": "Hill"}), 403)
    renamed = clinic.client("admin").put("/api/patients/ann", json={"last_name": "Hill"}).json()
    assert (renamed["first_name"], renamed["last_name"]) == ("Ann", "Hill")
    stale = {"If-Match": answer.headers["etag"]}
    problem(ann.put("/api/patients/ann", json={"phone": "1"}, headers=stale), 412)


def test_a_patients_appointments(clinic: Serving) -> None:
    opened(clinic)
    id = booked(clinic)["id"]
    ann, bob = clinic.client("ann"), clinic.client("bob")
    assert [one["id"] for one in ann.get("/api/patients/ann/appointments").json()] == [id]
    assert bob.get("/api/patients/bob/appointments").json() == []
    assert bob.get("/api/appointments").json() == []
    for url in ("/api/patients/ann", "/api/patients/ann/appointments", f"/api/appointments/{id}"):
        problem(bob.get(url), 404)
    problem(bob.put("/api/patients/ann", json={"phone": "1"}), 404)
    problem(
        bob.post(
            f"/api/appointments/{id}/reschedule",
            json={"appointment_date": "2026-03-09", "start_time": "11:00"},
        ),
        404,
    )


def test_a_provider_sees_whom_they_treat(clinic: Serving) -> None:
    opened(clinic)
    lee = clinic.client("lee")
    problem(lee.get("/api/patients/ann"), 404)
    booked(clinic)
    assert lee.get("/api/patients/ann").status_code == 200
    problem(lee.get("/api/patients/bob"), 404)


def test_a_booking_of_the_host_is_seen_in_both_manners(clinic: Serving) -> None:
    opened(clinic)
    at = datetime(2026, 3, 9, 14, tzinfo=UTC)
    made = clinic.clinic.appointments.book(Start("lee", "consultation", at), patient="ann")
    ann = clinic.client("ann")
    assert ann.get(f"/api/appointments/{made.id}").json()["start_time"] == "10:00"
    assert (
        ann.get(f"/api/v1/appointments/{made.id}/").json()["start_time"] == "2026-03-09T14:00:00Z"
    )


def test_there_is_no_money_yet(clinic: Serving) -> None:
    for url in ("/api/appointments/x/financials", "/api/appointments/x/payment"):
        problem(clinic.client("admin").get(url), 404)


def test_a_repeated_change_of_a_patient_under_its_key_is_one(clinic: Serving) -> None:
    ann, key = clinic.client("ann"), {"Idempotency-Key": "form-1"}
    first = ann.put("/api/patients/ann", json={"phone": "1"}, headers=key)
    again = ann.put("/api/patients/ann", json={"phone": "1"}, headers=key)
    assert (first.status_code, again.status_code) == (200, 200), again.text
    assert first.headers["etag"] == again.headers["etag"]


def test_a_repeated_time_off_under_its_key_is_one(clinic: Serving) -> None:
    lee, key = clinic.client("lee"), {"Idempotency-Key": "form-1"}
    away = {"start_date": "2026-03-09", "end_date": "2026-03-13"}
    told = [lee.post("/api/physicians/lee/time-off", json=away, headers=key) for _ in range(2)]
    assert told[0].json() == told[1].json()
