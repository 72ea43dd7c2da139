"""The documented requests about a provider's availability get the documented answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the dependency group service is not installed")

from tests.examples.service.serving import Serving, problem, shape

from medsched import Address

NOW = datetime(2024, 2, 14, 12, tzinfo=UTC)
CREATION: dict[str, Any] = {
    "date": "2024-02-15",
    "start_time": "09:00",
    "end_time": "17:00",
    "timezone": "America/New_York",
    "slot_duration": 30,
    "break_duration": 15,
    "is_recurring": True,
    "recurrence_pattern": "weekly",
    "recurrence_end_date": "2024-08-15",
    "appointment_type": "consultation",
    "location": {
        "type": "clinic",
        "address": "123 Medical Center Dr, New York, NY 10001",
        "room_number": "Room 205",
    },
    "pricing": {"base_fee": 150.00, "insurance_accepted": True, "currency": "USD"},
    "special_requirements": ["fasting_required", "bring_insurance_card"],
    "notes": "Standard consultation slots",
}
PATH, DAY = "/api/v1/provider/availability", {"start_date": "2024-02-15", "end_date": "2024-02-15"}


@pytest.fixture
def clinic(empty: Serving) -> Serving:
    address = Address(
        line="123 Medical Center Dr", city="New York", state="NY", postal_code="10001"
    )
    here = empty.clinic
    here.locations.create(id="center", kind="clinic", address=address)
    here.rooms.create(id="r205", name="Room 205", location="center")
    here.appointment_types.create(code="consultation", duration=timedelta(minutes=30))
    here.appointment_types.create(code="follow_up", duration=timedelta(minutes=20))
    here.providers.create(
        id="doe",
        name="Dr. John Doe",
        timezone="America/New_York",
        location="center",
        specialties={"cardiology"},
        years_of_experience=15,
        rating=4.8,
    )
    here.providers.create(id="roe", name="Dr. Jane Roe", timezone="America/New_York")
    here.patients.create(id="ann")
    empty.add("doe", "provider", provider="doe")
    empty.add("ann", "patient", patient="ann")
    return empty


def opened(clinic: Serving) -> dict[str, Any]:
    answer = clinic.client("doe").post(PATH, json=CREATION)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def listed(clinic: Serving, **asked: str) -> dict[str, Any]:
    answer = clinic.client("doe").get("/api/v1/provider/doe/availability", params=DAY | asked)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()["data"]
    return told


def slots(clinic: Serving, **asked: str) -> list[dict[str, Any]]:
    return [slot for day in listed(clinic, **asked)["availability"] for slot in day["slots"]]


def test_creation(clinic: Serving) -> None:
    told = opened(clinic)
    assert told["success"] is True
    assert told["message"] == "Availability slots created successfully"
    assert told["data"].pop("availability_id")
    assert told["data"] == {
        "slots_created": 297,
        "date_range": {"start": "2024-02-15", "end": "2024-08-15"},
        "total_appointments_available": 297,
    }


def test_reading(clinic: Serving) -> None:
    opened(clinic)
    told = listed(clinic)
    assert told["provider_id"] == "doe"
    assert told["availability_summary"] == {
        "total_slots": 11,
        "available_slots": 11,
        "booked_slots": 0,
        "cancelled_slots": 0,
    }
    (day,) = told["availability"]
    assert day["date"] == "2024-02-15"
    first = day["slots"][0]
    assert first.pop("slot_id")
    assert first == {
        "date": "2024-02-15",
        "start_time": "09:00",
        "end_time": "09:30",
        "status": "available",
        "appointment_type": "consultation",
        "location": {
            "type": "clinic",
            "address": "123 Medical Center Dr, New York, NY 10001",
            "room_number": "Room 205",
        },
        "pricing": {"base_fee": 150.0, "insurance_accepted": True, "currency": "USD"},
        "special_requirements": ["bring_insurance_card", "fasting_required"],
    }


def test_reading_in_another_zone_and_by_status(clinic: Serving) -> None:
    opened(clinic)
    assert slots(clinic, timezone="America/Los_Angeles")[0]["start_time"] == "06:00"
    assert slots(clinic, status="booked") == []
    assert len(slots(clinic, status="available", appointment_type="consultation")) == 11


def test_both_dates_are_required(clinic: Serving) -> None:
    asked = clinic.client("doe").get("/api/v1/provider/doe/availability", params={})
    told = problem(asked, 422)
    assert {one["field"] for one in told["errors"]} == {"query.start_date", "query.end_date"}


def test_changing_one_slot(clinic: Serving) -> None:
    opened(clinic)
    old = slots(clinic)[1]
    change = {
        "start_time": "10:00",
        "end_time": "10:30",
        "status": "available",
        "notes": "Updated consultation time",
        "pricing": {"base_fee": 175.00},
    }
    answer = clinic.client("doe").put(f"{PATH}/{old['slot_id']}", json=change)
    assert answer.status_code == 200, answer.text
    new = answer.json()["data"]
    assert (new["start_time"], new["end_time"], new["status"]) == ("10:00", "10:30", "available")
    assert new["pricing"]["base_fee"] == 175.0
    assert new == slots(clinic)[1]


@pytest.mark.parametrize("status", ["blocked", "maintenance"])
def test_blocking_one_slot_and_giving_it_back(clinic: Serving, status: str) -> None:
    opened(clinic)
    doe, id = clinic.client("doe"), slots(clinic)[0]["slot_id"]
    assert doe.put(f"{PATH}/{id}", json={"status": status}).json()["data"]["status"] == "blocked"
    assert listed(clinic)["availability_summary"]["available_slots"] == 10
    doe.put(f"{PATH}/{id}", json={"status": "available"})
    assert listed(clinic)["availability_summary"]["available_slots"] == 11


def test_deleting_one_slot_or_all(clinic: Serving) -> None:
    opened(clinic)
    doe, first = clinic.client("doe"), slots(clinic)[0]["slot_id"]
    answer = doe.delete(f"{PATH}/{first}", params={"reason": "away"})
    assert answer.status_code == 200
    assert answer.json()["success"] is True
    counts = listed(clinic)["availability_summary"]
    assert (counts["total_slots"], counts["available_slots"]) == (11, 10)
    assert counts["cancelled_slots"] == 1
    problem(doe.delete(f"{PATH}/{first}"), 404)
    told = slots(clinic)
    assert [one["status"] for one in told] == ["cancelled", *["available"] * 10], "in their order"
    assert told[0]["slot_id"] == first
    second = told[1]["slot_id"]
    doe.delete(f"{PATH}/{second}", params={"delete_recurring": "true"})
    assert slots(clinic) == []


def test_no_slot_is_deleted_under_an_appointment(clinic: Serving) -> None:
    opened(clinic)
    doe, first = clinic.client("doe"), slots(clinic)[0]["slot_id"]
    clinic.clinic.appointments.book(first, patient="ann")
    problem(doe.delete(f"{PATH}/{first}"), 409)
    counts = listed(clinic)["availability_summary"]
    assert (counts["available_slots"], counts["booked_slots"]) == (10, 1)


def test_a_patient_searches(clinic: Serving) -> None:
    opened(clinic)
    asked = {"date": "2024-02-15", "specialization": "cardiology", "location": "New York, NY"}
    answer = clinic.client("ann").get("/api/v1/availability/search", params=asked)
    assert answer.status_code == 200, answer.text
    told = answer.json()["data"]
    assert asked.items() <= told["search_criteria"].items()
    assert told["total_results"] == 11
    (found,) = told["results"]
    assert found["provider"] == {
        "id": "doe",
        "name": "Dr. John Doe",
        "specialization": "cardiology",
        "years_of_experience": 15,
        "rating": 4.8,
        "clinic_address": "123 Medical Center Dr, New York, NY 10001",
    }
    assert shape(found["available_slots"][0]) == {
        "slot_id": "str",
        "date": "str",
        "start_time": "str",
        "end_time": "str",
        "status": "str",
        "appointment_type": "str",
        "location": {"type": "str", "address": "str", "room_number": "str"},
        "pricing": {"base_fee": "float", "insurance_accepted": "bool", "currency": "str"},
        "special_requirements": ["str"],
    }


@pytest.mark.parametrize(
    "asked, found",
    [
        ({"max_price": "149.99"}, 0),
        ({"max_price": "150"}, 11),
        ({"insurance_accepted": "false"}, 0),
        ({"location": "Boston"}, 0),
        ({"specialization": "dermatology"}, 0),
        ({"appointment_type": "follow_up"}, 0),
    ],
)
def test_what_a_search_may_ask(clinic: Serving, asked: dict[str, str], found: int) -> None:
    opened(clinic)
    ann = clinic.client("ann")
    answer = ann.get("/api/v1/availability/search", params={"date": "2024-02-15"} | asked)
    assert answer.json()["data"]["total_results"] == found


@pytest.mark.parametrize(
    "wrong",
    [
        {"end_time": "09:00"},
        {"slot_duration": 0},
        {"timezone": "Mars/Base"},
        {"recurrence_pattern": "yearly"},
        {"is_recurring": False},
        {"location": {"type": "clinic", "address": "nowhere"}},
        {"location": {"type": "clinic", "room_number": "Room 1"}},
        {"status": "available"},
        {"date": "2024-02-30"},
        {"date": 1707955200},
        {"notes": "x" * 501},
        {"pricing": {"base_fee": -1}},
    ],
    ids=str,
)
def test_creation_refuses_what_is_wrong(clinic: Serving, wrong: dict[str, Any]) -> None:
    problem(clinic.client("doe").post(PATH, json=CREATION | wrong), 422)
    assert slots(clinic) == []


def test_overlapping_hours_are_a_conflict(clinic: Serving) -> None:
    opened(clinic)
    problem(clinic.client("doe").post(PATH, json=CREATION), 409)


def test_nobody_opens_hours_of_somebody_else(clinic: Serving) -> None:
    answer = clinic.client("doe").post(PATH, json=CREATION | {"provider_id": "roe"})
    assert answer.status_code in (403, 404)
    problem(clinic.client("ann").post(PATH, json=CREATION | {"provider_id": "doe"}), 403)
    assert slots(clinic) == []


def test_hours_that_go_on_for_years_are_counted_for_one(clinic: Serving) -> None:
    answer = clinic.client("doe").post(PATH, json=CREATION | {"recurrence_end_date": "2030-02-15"})
    assert answer.status_code == 201, answer.text
    told = answer.json()["data"]
    assert told["date_range"] == {"start": "2024-02-15", "end": "2030-02-15"}
    assert told["slots_created"] == 53 * 11


def test_a_repeated_command_under_its_key_is_one(clinic: Serving) -> None:
    doe, key = clinic.client("doe"), {"Idempotency-Key": "form-1"}
    first = doe.post(PATH, json=CREATION, headers=key)
    again = doe.post(PATH, json=CREATION, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    slot = slots(clinic)[0]["slot_id"]
    gone = [doe.delete(f"{PATH}/{slot}", headers=key).status_code for _ in range(2)]
    assert gone == [200, 200]
    assert listed(clinic)["availability_summary"]["cancelled_slots"] == 1
