"""Searching many providers, holding, first available, the waitlist and the changes."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the dependency group service is not installed")

import httpx
from tests.examples.service.serving import Serving, problem

from medsched import (
    ANYWHERE,
    AppointmentType,
    AvailabilityRule,
    Location,
    Patient,
    Provider,
    Recurrence,
)

NOW = datetime(2026, 3, 2, 7, tzinfo=UTC)
SETTINGS = {"poll_every": 0.05}
DAY = {"start_date": "2026-03-02", "end_date": "2026-03-02"}
WAIT = {"type": "visit", "earliest": "2026-03-02", "latest": "2026-03-02"}


@pytest.fixture
def clinic(empty: Serving) -> Serving:
    providers = [
        Provider(id="lee", timezone="UTC", location="main", languages={"English", "Korean"}),
        Provider(id="kim", timezone="UTC", location="main", languages={"English"}),
    ]
    empty.clinic.add_all(
        [
            Location(id="main", name="Main"),
            AppointmentType(code="visit", duration=timedelta(hours=1)),
            *providers,
            *(
                AvailabilityRule(one.id, Recurrence.daily(date(2026, 3, 2)), hours="09:00-11:00")
                for one in providers
            ),
            *(Patient(id=name) for name in ("ann", "bob", "cyd")),
        ]
    )
    empty.add("admin", "admin")
    empty.add("staff", "staff", locations=["main"])
    empty.add("lee", "provider", provider="lee")
    for name in ("ann", "bob", "cyd"):
        empty.add(name, "patient", patient=name)
    return empty


def slots(clinic: Serving, **asked: Any) -> list[dict[str, Any]]:
    answer = clinic.client("ann").get("/api/v1/slots", params=DAY | asked)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["slots"]
    return found


def test_one_calendar_of_all_providers(clinic: Serving) -> None:
    assert [one["start_time"] for one in slots(clinic)] == ["09:00", "09:00", "10:00", "10:00"]
    assert len(slots(clinic, language="Korean")) == len(slots(clinic, providers="kim")) == 2
    ann = clinic.client("ann")
    first = ann.get("/api/v1/slots", params=DAY | {"limit": 3}).json()
    rest = ann.get("/api/v1/slots", params=DAY | {"limit": 3, "cursor": first["next"]}).json()
    assert [*first["slots"], *rest["slots"]] == slots(clinic)
    assert rest["next"] is None
    problem(ann.get("/api/v1/slots", params=DAY | {"cursor": "none"}), 422)
    told = {name: first["slots"][0][name] for name in ("provider", "timezone", "start", "end")}
    at = {"start": "2026-03-02T09:00:00Z", "end": "2026-03-02T10:00:00Z"}
    assert told in ({"provider": one, "timezone": "UTC", **at} for one in ("lee", "kim"))
    elsewhere = ann.get("/api/physicians/lee/available-slots", params=DAY).json()
    assert not told.keys() & elsewhere[0].keys(), "only this calendar tells them"


def test_what_one_can_choose_from(clinic: Serving) -> None:
    ann = clinic.client("ann")
    assert [one["id"] for one in ann.get("/api/v1/providers").json()] == ["kim", "lee"]
    assert [one["name"] for one in ann.get("/api/v1/locations").json()] == ["Main"]
    (type,) = ann.get("/api/v1/appointment-types").json()
    assert (type["code"], type["duration"]) == ("visit", "PT1H")


def test_a_hold_is_placed_confirmed_and_released(clinic: Serving) -> None:
    id, ann, bob = slots(clinic)[0]["slot_id"], clinic.client("ann"), clinic.client("bob")
    held = ann.post("/api/v1/holds", json={"slot_id": id, "minutes": 5})
    assert held.status_code == 201, held.text
    url = held.headers["location"]
    assert ann.get(url).json() == held.json()
    assert held.json()["expires"] == "2026-03-02T07:05:00Z"
    problem(bob.get(url), 404)
    problem(bob.post(f"{url}/confirm", json={}), 404)
    problem(bob.post("/api/v1/holds", json={"slot_id": id}), 409)
    booked = ann.post(f"{url}/confirm", json={"reason": "knee"})
    assert booked.status_code == 201
    assert booked.json()["status"] == "scheduled"
    assert ann.get(booked.headers["location"]).json() == booked.json()
    problem(ann.post(f"{url}/confirm", json={}), 404)
    other = ann.post("/api/v1/holds", json={"slot_id": slots(clinic)[0]["slot_id"]})
    assert ann.delete(other.headers["location"]).status_code == 204
    problem(ann.delete(other.headers["location"]), 404)


def test_two_confirm_one_slot_and_one_gets_alternatives(clinic: Serving) -> None:
    id = slots(clinic)[0]["slot_id"]
    clients = [clinic.client(name) for name in ("ann", "bob", "cyd")]
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(one.post, "/api/v1/holds", json={"slot_id": id}) for one in clients]
        answers = [one.result() for one in asked]
    assert sorted(one.status_code for one in answers) == [201, 409, 409]
    for one in answers:
        if one.status_code == 409:
            assert problem(one, 409)["alternatives"]


def test_nothing_of_another_practice_is_reached(clinic: Serving, server: Serving) -> None:
    elsewhere = server.another()
    elsewhere.clinic.add_all([Patient(id="ann"), Provider(id="lee", timezone="UTC")])
    elsewhere.add("admin", "admin")
    elsewhere.add("ann", "patient", patient="ann")
    id = slots(clinic)[0]["slot_id"]
    held = clinic.client("ann").post("/api/v1/holds", json={"slot_id": id}).headers["location"]
    waits = clinic.client("ann").post("/api/v1/waitlist", json=WAIT).headers["location"]
    for name in ("admin", "ann"):
        client = elsewhere.client(name)
        problem(client.post("/api/v1/holds", json={"slot_id": id}), 404)
        problem(client.put(f"/api/v1/provider/availability/{id}", json={"notes": "x"}), 404)
        problem(
            client.delete(f"/api/v1/provider/availability/{id}"), 404 if name == "admin" else 403
        )
        for url in (held, waits):
            problem(client.get(url), 404)
            problem(client.delete(url), 404)
        assert client.get("/api/v1/waitlist").json() == []
    elsewhere.close()


def test_first_available_until_nothing_is_left(clinic: Serving) -> None:
    body = {**DAY, "appointment_type": "visit", "reason": "soon"}
    taken = []
    for name in ("ann", "bob", "ann", "bob"):
        answer = clinic.client(name).post("/api/v1/first-available", json=body)
        assert answer.status_code == 201, answer.text
        taken.append((answer.json()["provider"], answer.json()["start_time"][11:16]))
    assert sorted(taken) == [("kim", "09:00"), ("kim", "10:00"), ("lee", "09:00"), ("lee", "10:00")]
    told = problem(clinic.client("cyd").post("/api/v1/first-available", json=body), 409)
    assert told["alternatives"][0]["start_time"].startswith("2026-03-03T09:00")
    problem(clinic.client("admin").post("/api/v1/first-available", json=body), 422)


def full(clinic: Serving) -> list[str]:
    """Everything of the day is booked by others: their appointments."""
    taken = [(one["slot_id"], one["start_time"]) for one in slots(clinic)]
    return [
        clinic.clinic.appointments.book(id, patient="bob" if number % 2 else "cyd").id
        for number, (id, _) in enumerate(taken)
    ]


def test_who_waits_for_somebody_without_a_place_waits_anywhere(clinic: Serving) -> None:
    clinic.clinic.providers.create(id="nomad", timezone="UTC")
    answer = clinic.client("ann").post("/api/v1/waitlist", json=WAIT | {"providers": ["nomad"]})
    assert answer.status_code == 201, answer.text
    assert clinic.clinic.waitlist.entries.get(answer.json()["id"]).location is ANYWHERE


def test_who_waits_is_offered_what_comes_free(clinic: Serving) -> None:
    visits = full(clinic)
    ann, staff, bob = clinic.client("ann"), clinic.client("staff"), clinic.client("bob")
    entry = ann.post("/api/v1/waitlist", json=WAIT)
    assert entry.status_code == 201, entry.text
    url = entry.headers["location"]
    assert ann.get(url).json() == entry.json()
    assert ann.get(f"{url}/position").json()["position"] == 1
    problem(ann.post("/api/v1/waitlist", json=WAIT), 409)
    problem(bob.get(url), 404)
    assert bob.get("/api/v1/waitlist").json() == []
    assert staff.put(f"{url}/urgency", json={"urgency": 900}).status_code in (200, 404)
    clinic.clinic.appointments.cancel(visits[0])
    clinic.clinic.waitlist.work()
    (offer,) = ann.get("/api/v1/offers").json()
    assert (offer["patient"], offer["status"]) == ("ann", "live")
    where = f"/api/v1/offers/{offer['id']}"
    problem(bob.post(f"{where}/accept", json={}), 404)
    booked = ann.post(f"{where}/accept", json={"reason": "at last"})
    assert booked.status_code == 201, booked.text
    assert booked.json()["status"] == "scheduled"
    assert ann.get(url).json()["status"] == "booked"
    problem(ann.post(f"{where}/decline", json={}), 409)


def test_an_offer_by_hand_is_declined(clinic: Serving) -> None:
    ann, admin = clinic.client("ann"), clinic.client("admin")
    url = ann.post("/api/v1/waitlist", json=WAIT).headers["location"]
    id = slots(clinic)[0]["slot_id"]
    by_hand = {"slot_id": id, "reason": "urgent", "minutes": 20}
    problem(ann.post(f"{url}/offers", json=by_hand), 403)
    problem(admin.post(f"{url}/offers", json=by_hand | {"reason": " "}), 422)
    offer = admin.post(f"{url}/offers", json=by_hand)
    assert offer.status_code == 201, offer.text
    where = offer.headers["location"]
    assert ann.get(where).json() == offer.json()
    assert ann.post(f"{where}/decline", json={"reason": "away"}).json()["status"] == "declined"
    assert ann.delete(url).status_code == 204
    assert ann.get(url).json()["status"] == "left"


# ------------------------------------------------------------------------------- changes


def events(answer: httpx.Response, many: int) -> list[dict[str, Any]]:
    """So many server-sent events, each with its id, its name and its data."""
    found: list[dict[str, Any]] = []
    told: dict[str, Any] = {}
    for line in answer.iter_lines():
        name, _, value = line.partition(": ")
        if not line and told:
            found.append({**told, "data": json.loads(told["data"])})
            told = {}
        elif name in ("id", "event", "data"):
            told[name] = value
        if len(found) == many:
            return found
    return found


def test_changes_are_told_as_they_come_and_go_on_where_one_was(clinic: Serving) -> None:
    slot, bob = slots(clinic)[0]["slot_id"], clinic.client("bob")
    with clinic.client("ann").stream("GET", "/api/v1/changes") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        (begun,) = events(answer, 1)
        assert begun["event"] == "all"
    with clinic.client("ann").stream(
        "GET", "/api/v1/changes", headers={"Last-Event-ID": begun["id"]}
    ) as answer:
        held = bob.post("/api/v1/holds", json={"slot_id": slot}).json()
        (change,) = events(answer, 1)
    assert change["event"] == "time"
    assert change["data"] == {
        "start": "2026-03-02T09:00:00+00:00",
        "end": "2026-03-02T10:00:00+00:00",
        "expires": "2026-03-02T07:10:00+00:00",
        "kind": "provider",
        "id": held["provider"],
    }
    assert held["id"] not in json.dumps(change)
    bob.delete(f"/api/v1/holds/{held['id']}")
    with clinic.client("ann").stream(
        "GET", "/api/v1/changes", headers={"Last-Event-ID": begun["id"]}
    ) as answer:
        again = events(answer, 2)
    assert again[0] == change
    assert again[1]["id"] != change["id"]


def test_a_wrong_cursor_is_told_before_anything_else(clinic: Serving) -> None:
    client = clinic.client("ann")
    problem(client.get("/api/v1/changes", headers={"Last-Event-ID": "nonsense"}), 422)
    problem(clinic.nobody.get("/api/v1/changes"), 401)


def test_who_logs_out_is_told_no_more(clinic: Serving) -> None:
    ann = clinic.client("ann")
    with ann.stream("GET", "/api/v1/changes") as answer:
        lines = answer.iter_lines()
        assert list(islice(lines, 3))
        assert ann.post("/api/auth/logout").status_code == 204
        assert len(list(islice(lines, 100))) < 100, "it ends"


def test_many_followers_leave_room_for_others(clinic: Serving) -> None:
    streams = [clinic.client("ann").stream("GET", "/api/v1/changes") for _ in range(45)]
    answers = [one.__enter__() for one in streams]
    try:
        assert {one.status_code for one in answers} == {200}
        assert clinic.client("bob").get("/api/auth/me").status_code == 200
    finally:
        for one in streams:
            one.__exit__(None, None, None)


def test_an_account_follows_so_many_streams_and_no_more(
    clinic: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clinic.service.settings, "streams_per_account", 2)
    ann, until = clinic.client("ann"), time.monotonic() + 10
    with ann.stream("GET", "/api/v1/changes") as first:
        assert first.status_code == 200
        problem(ann.get("/api/v1/changes", headers={"Last-Event-ID": "nonsense"}), 422)
        with ann.stream("GET", "/api/v1/changes") as second:
            assert second.status_code == 200
            with ann.stream("GET", "/api/v1/changes") as third:
                assert third.status_code == 429
            with clinic.client("bob").stream("GET", "/api/v1/changes") as other:
                assert other.status_code == 200
    status = 429
    while status == 429 and time.monotonic() < until:  # the server finds out when it next writes
        with ann.stream("GET", "/api/v1/changes") as again:
            status = again.status_code
    assert status == 200
