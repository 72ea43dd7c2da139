"""Time blocks and reservations: PENDING, CONFIRMED, CANCELLED."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the dependency group service is not installed")

from tests.examples.service.serving import Serving, problem

from medsched import AppointmentType, AvailabilityRule, Patient, Provider, Recurrence, Start

NOW = datetime(2026, 2, 20, tzinfo=UTC)
BLOCK = {"date": "2026-03-02", "startTime": "09:00", "endTime": "09:45"}


@pytest.fixture
def clinic(empty: Serving) -> Serving:
    empty.clinic.add_all(
        [
            Provider(id="vega", name="Dr. Vega", timezone="America/Bogota"),
            Provider(id="ruiz", name="Dr. Ruiz", timezone="America/Bogota"),
            Patient(id="ana"),
            Patient(id="luis"),
            AppointmentType(code="consultation", duration=timedelta(minutes=20)),
        ]
    )
    empty.add("admin", "admin")
    empty.add("vega", "provider", provider="vega")
    empty.add("ruiz", "provider", provider="ruiz")
    empty.add("ana", "patient", patient="ana")
    empty.add("luis", "patient", patient="luis")
    return empty


@pytest.fixture
def block(clinic: Serving) -> str:
    answer = clinic.client("vega").post("/api/v1/time-blocks", json=BLOCK)
    assert answer.status_code == 201, answer.text
    id: str = answer.json()["id"]
    assert answer.headers["location"] == f"/api/v1/time-blocks/{id}"
    return id


def reserved(clinic: Serving, block: str, who: str = "ana", **said: Any) -> dict[str, Any]:
    answer = clinic.client(who).post("/api/v1/reservations", json={"timeBlockId": block, **said})
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_a_block_is_published_and_read(clinic: Serving, block: str) -> None:
    ana = clinic.client("ana")
    told = {
        "id": block,
        "doctorId": "vega",
        "startTime": "2026-03-02T14:00:00Z",
        "endTime": "2026-03-02T14:45:00Z",
        "isActive": True,
    }
    assert ana.get(f"/api/v1/time-blocks/{block}").json() == told
    for asked in ({}, {"doctorId": "vega"}, {"available": "true"}, {"first": "2026-03-02"}):
        assert ana.get("/api/v1/time-blocks", params=asked).json() == [told]
    for asked in ({"doctorId": "ruiz"}, {"available": "false"}, {"last": "2026-03-01"}):
        assert ana.get("/api/v1/time-blocks", params=asked).json() == []


def test_a_reservation_is_pending(clinic: Serving, block: str) -> None:
    said = {"notes": "brings X-rays", "reason": "knee pain", "doctorId": "vega"}
    told = reserved(clinic, block, "admin", patientId="ana", **said)
    assert told.pop("id")
    assert told == {
        "date": "2026-03-02T14:00:00Z",
        "timeBlockId": block,
        "patientId": "ana",
        "doctorId": "vega",
        "status": "PENDING",
        "notes": "brings X-rays",
        "reason": "knee pain",
    }


def test_it_is_confirmed_then_cancelled_and_the_block_is_free(clinic: Serving, block: str) -> None:
    id = reserved(clinic, block)["id"]
    vega, ana = clinic.client("vega"), clinic.client("ana")
    url = f"/api/v1/reservations/{id}"
    free = {"available": "true"}
    assert ana.get("/api/v1/time-blocks", params=free).json() == []
    assert vega.post(f"{url}/confirm").json()["status"] == "CONFIRMED"
    assert ana.get(url).json()["status"] == "CONFIRMED"
    assert ana.post(f"{url}/cancel").json()["status"] == "CANCELLED"
    problem(vega.post(f"{url}/confirm"), 409)
    assert [one["id"] for one in ana.get("/api/v1/time-blocks", params=free).json()] == [block]
    assert reserved(clinic, block, "luis")["status"] == "PENDING"


def test_a_patient_does_not_confirm_their_own(clinic: Serving, block: str) -> None:
    id = reserved(clinic, block)["id"]
    problem(clinic.client("ana").post(f"/api/v1/reservations/{id}/confirm"), 403)
    assert clinic.clinic.appointments.get(id).status == "pending"


def test_a_block_has_one_reservation(clinic: Serving, block: str) -> None:
    reserved(clinic, block)
    for who in ("ana", "luis"):
        answer = clinic.client(who).post("/api/v1/reservations", json={"timeBlockId": block})
        problem(answer, 409)


@pytest.mark.parametrize(
    "said, status",
    [
        ({"timeBlockId": "none"}, 404),
        ({"patientId": "luis"}, 404),
        ({"patientId": "vega"}, 404),
        ({"doctorId": "ruiz"}, 422),
        ({"appointmentType": "none"}, 404),
        ({"status": "CONFIRMED"}, 422),
        ({"date": "2026-03-02T14:00:00Z"}, 422),
        ({"notes": "x" * 501}, 422),
    ],
    ids=str,
)
def test_what_is_checked(clinic: Serving, block: str, said: dict[str, Any], status: int) -> None:
    answer = clinic.client("ana").post("/api/v1/reservations", json={"timeBlockId": block} | said)
    problem(answer, status)
    assert clinic.client("admin").get("/api/v1/reservations").json() == []


def test_reservations_are_their_owners(clinic: Serving, block: str) -> None:
    id = reserved(clinic, block)["id"]
    for who, sees in (("ana", [id]), ("vega", [id]), ("admin", [id]), ("luis", []), ("ruiz", [])):
        client = clinic.client(who)
        assert [one["id"] for one in client.get("/api/v1/reservations").json()] == sees, who
        status = 200 if sees else 404
        assert client.get(f"/api/v1/reservations/{id}").status_code == status
    problem(clinic.client("luis").post(f"/api/v1/reservations/{id}/cancel"), 404)
    problem(clinic.client("ruiz").post(f"/api/v1/reservations/{id}/confirm"), 404)


def test_a_block_is_ended_but_not_under_a_reservation(clinic: Serving, block: str) -> None:
    id, vega, url = (
        reserved(clinic, block)["id"],
        clinic.client("vega"),
        f"/api/v1/time-blocks/{block}",
    )
    problem(vega.delete(url), 409)
    vega.post(f"/api/v1/reservations/{id}/cancel")
    problem(clinic.client("ana").delete(url), 403)
    assert vega.delete(url).status_code == 204
    assert vega.get(url).json()["isActive"] is False
    problem(clinic.client("luis").post("/api/v1/reservations", json={"timeBlockId": block}), 409)


def test_a_doctor_publishes_their_own_time_only(clinic: Serving) -> None:
    other = BLOCK | {"doctorId": "ruiz"}
    assert clinic.client("vega").post("/api/v1/time-blocks", json=other).status_code in (403, 404)
    problem(clinic.client("ana").post("/api/v1/time-blocks", json=other), 403)
    problem(clinic.client("admin").post("/api/v1/time-blocks", json=BLOCK), 422)
    assert clinic.client("admin").post("/api/v1/time-blocks", json=other).status_code == 201


def test_an_appointment_without_a_block_is_no_reservation(clinic: Serving, block: str) -> None:
    clinic.clinic.time_blocks.deactivate(block)
    clinic.clinic.availability.add(
        AvailabilityRule("vega", Recurrence.daily(date(2026, 3, 1)), hours="08:00-12:00")
    )
    at = datetime(2026, 3, 3, 13, tzinfo=UTC)
    made = clinic.clinic.appointments.book(Start("vega", "consultation", at), patient="ana")
    problem(clinic.client("ana").get(f"/api/v1/reservations/{made.id}"), 404)
    problem(clinic.client("ana").post(f"/api/v1/reservations/{made.id}/cancel"), 404)
    assert clinic.clinic.appointments.get(made.id).status == "booked"
