"""With keys, nothing of a patient's is readable at rest, and every access is written down."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the dependency group service is not installed")

from tests.examples.service.serving import PASSWORD, problem, serving

from medsched import AppointmentType, AvailabilityRule, Location, Provider, Recurrence
from medsched.adapters.keys.local import LocalKeys
from medsched.testing.fixed import FixedClock

NOW = datetime(2026, 3, 2, 7, tzinfo=UTC)
CANARY = "Zarathustra"
PERSON = {
    "email": f"{CANARY}@example.org",
    "password": PASSWORD,
    "first_name": CANARY,
    "last_name": f"van {CANARY}",
    "phone": "+99947114711",
}


def test_a_day_of_a_patient_leaves_nothing_to_read(tmp_path: Path) -> None:
    LocalKeys.create(tmp_path / "keys")
    database = f"sqlite:///{tmp_path / 'clinic.db'}"
    clock = FixedClock(NOW)
    with serving(database, clock=clock, keys=tmp_path / "keys") as running:
        daily = Recurrence.daily(date(2026, 3, 2))
        running.clinic.add_all(
            [
                Location(id="main", name="Main"),
                AppointmentType(code="consultation", duration=timedelta(minutes=30)),
                Provider(id="lee", timezone="UTC", location="main"),
                AvailabilityRule("lee", daily, hours="09:00-17:00"),
            ]
        )
        http, body = running.nobody, {"email": PERSON["email"], "password": PASSWORD}
        me = http.post("/api/auth/register", json=PERSON).json()
        http.headers["Authorization"] = (
            f"Bearer {http.post('/api/auth/login', json=body).json()['access_token']}"
        )
        asked = {"start_date": "2026-03-02", "end_date": "2026-03-02"}
        first = {**asked, "appointment_type": "consultation", "reason": f"{CANARY} coughs"}
        visit = http.post("/api/v1/first-available", json=first).json()
        assert visit["patient_name"] == f"{CANARY} van {CANARY}"
        assert visit["reason"] == f"{CANARY} coughs"
        url = f"/api/patients/{me['patient_id']}"
        assert http.put(url, json={"address": f"1 {CANARY} Street"}).status_code == 200
        problem(http.get("/api/patients/somebody-else"), 404)
        running.add("admin", "admin")
        found = running.client("admin").get("/api/v1/appointments/", params={"search": CANARY})
        assert found.json()["count"] == 1
        for path in tmp_path.iterdir():
            content = path.read_bytes()
            assert CANARY.encode() not in content, path.name
            assert CANARY.lower().encode() not in content, path.name
            assert b"99947114711" not in content, path.name
        since, until = NOW - timedelta(days=1), NOW + timedelta(days=1)
        entries = list(
            running.clinic.audit.report(patient=me["patient_id"], since=since, until=until)
        )
        assert {one.principal for one in entries} >= {me["id"], running.accounts["admin"]}
        assert {one.address for one in entries} == {"127.0.0.1"}
        assert CANARY not in str(entries)
