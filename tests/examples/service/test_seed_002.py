"""The documented requests about appointments get the documented answers."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the dependency group service is not installed")

from tests.examples.service.serving import Serving, problem, shape

from medsched import (
    AppointmentType,
    AvailabilityRule,
    Grid,
    Location,
    Patient,
    Provider,
    Recurrence,
    Start,
)

NOW = datetime(2025, 1, 10, 8, tzinfo=UTC)
PATH = "/api/v1/appointments/"
CREATION: dict[str, Any] = {
    "patient": 1,
    "provider": 5,
    "facility": 3,
    "appointment_type": "consultation",
    "reason": "Routine checkup",
    "start_time": "2025-01-15T10:00:00Z",
    "end_time": "2025-01-15T10:30:00Z",
}
LATER = {"start_time": "2025-01-15T10:15:00Z", "end_time": "2025-01-15T10:45:00Z"}


@pytest.fixture
def clinic(empty: Serving) -> Serving:
    half_hour = timedelta(minutes=30)
    providers = [
        Provider(id="5", name="Dr. Jane Smith", role="doctor", location="3", timezone="UTC"),
        Provider(id="6", name="Ada Okoro", role="midwife", location="3", timezone="UTC"),
        Provider(id="7", name="Sam Field", role="receptionist", location="3", timezone="UTC"),
    ]
    empty.clinic.add_all(
        [
            Location(id="3", name="Hope Clinic", exclusive=True),
            Patient(id="1", name="John Doe"),
            Patient(id="2", name="Jane Doe"),
            AppointmentType(
                code="consultation", duration=half_hour, grid=Grid.clock(timedelta(minutes=15))
            ),
            *providers,
            *(
                AvailabilityRule(one.id, Recurrence.daily(date(2025, 1, 1)), hours="08:00-18:00")
                for one in providers
            ),
        ]
    )
    roles = frozenset({"doctor", "nurse", "midwife", "community_worker"})
    empty.clinic.settings.configure(bookable_roles=roles)
    empty.add("admin", "admin")
    empty.add("smith", "provider", provider="5")
    empty.add("john", "patient", patient="1")
    empty.add("jane", "patient", patient="2")
    return empty


def created(clinic: Serving, **other: Any) -> dict[str, Any]:
    answer = clinic.client("admin").post(PATH, json=CREATION | other)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"{PATH}{told['id']}/"
    return told


def test_creation_and_retrieval(clinic: Serving) -> None:
    told = created(clinic)
    read = clinic.client("smith").get(f"{PATH}{told['id']}/")
    assert read.json() == told
    assert read.headers["etag"] == '"1"'
    assert told.pop("id")
    assert told == CREATION | {
        "patient_name": "John Doe",
        "provider_name": "Dr. Jane Smith",
        "facility_name": "Hope Clinic",
        "status": "scheduled",
        "notifications_sent": [],
        "created_at": "2025-01-10T08:00:00Z",
        "updated_at": "2025-01-10T08:00:00Z",
    }


def test_a_conflict_is_told_for_each_resource(clinic: Serving) -> None:
    created(clinic)
    told = problem(clinic.client("admin").post(PATH, json=CREATION | LATER), 400)
    assert {name: told[name] for name in ("provider", "patient", "facility")} == {
        "provider": ["Provider already has an appointment in this window."],
        "patient": ["Patient already has an appointment in this window."],
        "facility": ["Facility already has an appointment in this window."],
    }
    assert len(told["violations"]) == 3
    assert told["alternatives"][0]["start_time"] == "2025-01-15T10:30:00+00:00"


@pytest.mark.parametrize(
    "wrong, field",
    [
        ({"start_time": "2025-01-09T10:00:00Z", "end_time": "2025-01-09T10:30:00Z"}, "start_time"),
        ({"end_time": "2025-01-15T09:30:00Z"}, "end_time"),
        ({"end_time": "2025-01-15T10:04:00Z"}, "end_time"),
        ({"end_time": "2025-01-15T10:35:00Z"}, "end_time"),
        ({"start_time": "2025-01-15T10:00:00"}, "start_time"),
        ({"start_time": 1736935200}, "start_time"),
        ({"provider": 7}, "provider"),
        ({"reason": 5}, "reason"),
        ({"created_at": "2025-01-10T08:00:00Z"}, "created_at"),
        ({"patient": None}, "patient"),
    ],
    ids=str,
)
def test_validation_errors_are_told_by_field(
    clinic: Serving, wrong: dict[str, Any], field: str
) -> None:
    told = problem(clinic.client("admin").post(PATH, json=CREATION | wrong), 400)
    assert told[field]
    assert clinic.client("admin").get(PATH).json()["count"] == 0


def test_no_field_stands_for_what_a_problem_says_of_itself(clinic: Serving) -> None:
    wrong = {"status": "ok", "type": "about:blank", "detail": "fine", "instance": "x", "errors": ""}
    told = problem(clinic.client("admin").post(PATH, json=CREATION | wrong), 400)
    assert {one["field"] for one in told["errors"]} == {f"body.{name}" for name in wrong}
    assert told["type"] == "urn:clinic-service:invalid"


@pytest.mark.parametrize("who", ["provider", "patient"])
def test_whoever_is_not_active_is_not_booked(clinic: Serving, who: str) -> None:
    if who == "provider":
        clinic.clinic.providers.deactivate("5")
    else:
        clinic.clinic.patients.deactivate("1")
    told = problem(clinic.client("admin").post(PATH, json=CREATION), 400)
    assert told[who]


def test_a_list_is_paged_and_counted(clinic: Serving) -> None:
    for hour in range(10, 15):
        times = {"start_time": f"2025-01-15T{hour}:00:00Z", "end_time": f"2025-01-15T{hour}:30:00Z"}
        created(clinic, **times)
    admin = clinic.client("admin")
    told = admin.get(PATH, params={"page_size": 2, "page": 2}).json()
    assert told["count"] == 5
    assert [one["start_time"] for one in told["results"]] == [
        "2025-01-15T12:00:00Z",
        "2025-01-15T13:00:00Z",
    ]
    assert [one["start_time"][11:13] for one in admin.get(told["next"]).json()["results"]] == ["14"]
    assert admin.get(told["next"]).json()["next"] is None
    first = admin.get(told["previous"]).json()
    assert (first["previous"], len(first["results"])) == (None, 2)
    assert shape(told["results"][0]) == shape(
        {
            name: value
            for name, value in created(
                clinic, start_time="2025-01-16T10:00:00Z", end_time="2025-01-16T10:30:00Z"
            ).items()
            if name != "notifications_sent"
        }
    )


def test_filters_search_and_order(clinic: Serving) -> None:
    one = created(clinic)["id"]
    two = created(
        clinic, patient=2, start_time="2025-01-15T09:00:00Z", end_time="2025-01-15T09:30:00Z"
    )["id"]
    admin = clinic.client("admin")
    admin.post(f"{PATH}{two}/cancel/")

    def ids(path: str = PATH, **asked: Any) -> list[str]:
        answer = admin.get(path, params=asked)
        assert answer.status_code == 200, answer.text
        assert answer.json()["count"] == len(answer.json()["results"])
        return [found["id"] for found in answer.json()["results"]]

    assert ids() == ids(ordering="start_time") == [two, one]
    assert ids(ordering="-start_time") == [one, two]
    assert sorted(ids(ordering="created_at")) == sorted([one, two])
    assert ids(patient=1) == ids(status="scheduled") == ids(f"{PATH}upcoming/") == [one]
    assert ids(patient=2) == ids(status="cancelled") == ids(search="jane doe") == [two]
    assert ids(provider=5) == ids(facility=3) == ids(appointment_type="consultation") == [two, one]
    assert ids(f"{PATH}by-provider/5/") == [two, one]
    assert ids(f"{PATH}by-provider/6/") == []
    assert ids(f"{PATH}by-patient/1/") == [one]
    assert ids(start_after="2025-01-15T09:30:00Z") == [one]
    for nobody in ("by-provider", "by-patient"):
        problem(admin.get(f"{PATH}{nobody}/99/"), 404)


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_an_update_moves_and_notes(clinic: Serving, method: str) -> None:
    id, admin = created(clinic)["id"], clinic.client("admin")
    change = LATER | {"reason": "Annual checkup", "patient": 1}
    told = admin.request(method, f"{PATH}{id}/", json=change)
    assert told.status_code == 200, told.text
    assert (told.json()["start_time"], told.json()["reason"]) == (
        "2025-01-15T10:15:00Z",
        "Annual checkup",
    )
    assert told.json() == admin.get(f"{PATH}{id}/").json()
    problem(admin.request(method, f"{PATH}{id}/", json={"patient": 2}), 400)
    problem(admin.request(method, f"{PATH}{id}/", json={"end_time": "2025-01-15T12:00:00Z"}), 400)


def test_an_update_into_a_conflict_changes_nothing(clinic: Serving) -> None:
    id, admin = created(clinic)["id"], clinic.client("admin")
    created(clinic, patient=2, start_time="2025-01-15T11:00:00Z", end_time="2025-01-15T11:30:00Z")
    moved = {"start_time": "2025-01-15T11:15:00Z", "reason": "later"}
    told = problem(admin.patch(f"{PATH}{id}/", json=moved), 400)
    assert told["provider"]
    read = admin.get(f"{PATH}{id}/").json()
    assert (read["start_time"], read["reason"]) == ("2025-01-15T10:00:00Z", "Routine checkup")


def test_who_changes_what_was_changed_is_told(clinic: Serving) -> None:
    id, admin = created(clinic)["id"], clinic.client("admin")
    url = f"{PATH}{id}/"
    assert admin.patch(url, json={"notes": "one"}, headers={"If-Match": '"1"'}).status_code == 200
    stale = {"If-Match": '"1"'}
    problem(admin.patch(url, json={"notes": "two"}, headers=stale), 412)
    problem(admin.delete(url, headers=stale), 412)
    problem(admin.post(f"{url}cancel/", headers=stale), 412)
    assert admin.get(url).json()["status"] == "scheduled"
    tag = admin.get(url).headers["etag"]
    assert admin.post(f"{url}cancel/", headers={"If-Match": tag}).json()["status"] == "cancelled"


def test_a_repeated_creation_under_its_key_is_one(clinic: Serving) -> None:
    admin, key = clinic.client("admin"), {"Idempotency-Key": "form-1"}
    first = admin.post(PATH, json=CREATION, headers=key)
    again = admin.post(PATH, json=CREATION, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    told = problem(admin.post(PATH, json=CREATION | {"reason": "other"}, headers=key), 400)
    assert told["type"].endswith("idempotency-mismatch")
    assert admin.get(PATH).json()["count"] == 1


def test_deleting_cancels(clinic: Serving) -> None:
    id, admin = created(clinic)["id"], clinic.client("admin")
    answer = admin.delete(f"{PATH}{id}/")
    assert (answer.status_code, answer.content) == (204, b"")
    assert admin.get(f"{PATH}{id}/").json()["status"] == "cancelled"
    assert admin.delete(f"{PATH}{id}/").status_code == 204
    created(clinic, patient=2)


@pytest.mark.parametrize(
    "action, status",
    [("cancel", "cancelled"), ("complete", "completed"), ("mark-no-show", "no_show")],
)
def test_how_it_ends(clinic: Serving, action: str, status: str) -> None:
    id, admin = created(clinic)["id"], clinic.client("admin")
    told = admin.post(f"{PATH}{id}/{action}/")
    assert (told.status_code, told.json()["status"]) == (200, status)
    assert [one["id"] for one in admin.get(PATH, params={"status": status}).json()["results"]] == [
        id
    ]
    other = {"cancel": "complete", "complete": "cancel", "mark-no-show": "cancel"}[action]
    problem(admin.post(f"{PATH}{id}/{other}/"), 409)


def test_conflicts_are_checked(clinic: Serving) -> None:
    id, admin = created(clinic)["id"], clinic.client("admin")
    url = f"{PATH}{id}/check-conflicts/"
    assert admin.post(url).json() == {"has_conflicts": False, "conflicts": {}}
    start = clinic.clinic.appointments.get(id).start + timedelta(minutes=15)
    other = clinic.clinic.appointments.book(
        Start("5", "consultation", start), patient="2", override="urgent"
    )
    told = admin.post(url).json()
    assert told["has_conflicts"] is True
    assert set(told["conflicts"]) == {"provider", "facility"}
    assert told["conflicts"]["provider"] == [
        {
            "id": other.id,
            "start_time": "2025-01-15T10:15:00Z",
            "end_time": "2025-01-15T10:45:00Z",
            "patient__first_name": "Jane",
            "patient__last_name": "Doe",
        }
    ]


def test_others_do_not_see_it(clinic: Serving) -> None:
    id, jane = created(clinic)["id"], clinic.client("jane")
    assert jane.get(PATH).json()["count"] == 0
    missing = problem(jane.get(f"{PATH}no-such-id/"), 404)
    for answer in (
        jane.get(f"{PATH}{id}/"),
        jane.delete(f"{PATH}{id}/"),
        jane.post(f"{PATH}{id}/cancel/"),
    ):
        told = problem(answer, 404)
        assert told["detail"].replace(id, "no-such-id") == missing["detail"]
        assert told.keys() == missing.keys()
    problem(jane.get(f"{PATH}by-patient/1/"), 404)
    assert clinic.clinic.appointments.get(id).status == "booked"


def test_a_conflict_tells_a_patient_nothing_of_another(clinic: Serving) -> None:
    id = created(clinic)["id"]
    answer = clinic.client("jane").post(PATH, json=CREATION | {"patient": 2})
    problem(answer, 400)
    assert id not in answer.text
    assert "John" not in answer.text
    problem(clinic.client("jane").post(PATH, json=CREATION | {"patient": 1}), 404)


@pytest.mark.parametrize("path", ["", "upcoming/", "by-provider/5/", "by-patient/1/", "x/"])
def test_nobody_is_let_in_without_a_token(clinic: Serving, path: str) -> None:
    answer = clinic.nobody.get(PATH + path)
    problem(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"
