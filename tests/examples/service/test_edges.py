"""Where one request touches more than it names, or less: each found by an attack on the service."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the dependency group service is not installed")

import anyio
import anyio.to_thread
import attrs
from tests.examples.service.serving import SECRET, Serving, problem

from clinic_service import Settings
from medsched import (
    ANYWHERE,
    AppointmentType,
    AvailabilityRule,
    Location,
    Patient,
    Pricing,
    Provider,
    Recurrence,
    Start,
    TimeBlock,
)
from medsched.services.records import Directory

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday
TUESDAY = datetime(2026, 3, 3, 14, tzinfo=UTC)  # nine o'clock in New York
AT = ("09:00", "14:00")
SLOTS = "/api/v1/provider/availability"
LISTED = "/api/v1/provider/lee/availability"
ON_TUESDAY = {"start_date": "2026-03-03", "end_date": "2026-03-03"}


@pytest.fixture
def clinic(empty: Serving) -> Serving:
    price = Pricing(base_fee=120, currency="EUR", insurance_accepted=True)
    empty.clinic.add_all(
        [
            Location(id="main", name="Main", timezone="America/New_York"),
            Location(id="harbour", name="Harbour", timezone="America/New_York"),
            Provider(id="lee", name="Dr. Lee", location="main"),
            Patient(id="ann", name="Ann Berg", locations={"main"}),
            Patient(id="bob", name="Bob", locations={"main"}),
            AppointmentType(code="consultation", duration=timedelta(minutes=30), pricing=price),
            AvailabilityRule(
                "lee",
                Recurrence.weekly("TU,WE,TH", start=date(2026, 2, 17), every=2),
                id="days",
                hours=["09:00-12:00", "14:00-21:00"],
                breaks=["10:00-10:30"],
            ),
        ]
    )
    empty.add("admin", "admin")
    empty.add("lee", "provider", provider="lee")
    empty.add("front", "staff", locations=["main"])
    empty.add("away", "staff", locations=["harbour"])
    empty.add("ann", "patient", patient="ann")
    empty.add("bob", "patient", patient="bob")
    return empty


def rows(clinic: Serving) -> dict[tuple[int, str], dict[str, Any]]:
    told = clinic.client("lee").get("/api/physicians/lee/schedule").json()
    return {(one["day_of_week"], one["start_time"]): one for one in told if one["is_active"]}


def slot_at(clinic: Serving, wall: str, **asked: str) -> dict[str, Any]:
    data = clinic.client("lee").get(LISTED, params=ON_TUESDAY | asked).json()["data"]
    found = [one for day in data["availability"] for one in day["slots"]]
    told: dict[str, Any] = next(one for one in found if one["start_time"] == wall)
    return told


def booked(clinic: Serving, who: str = "ann", at: datetime = TUESDAY, **said: Any) -> Any:
    asked = {"patient": who, "provider": "lee", "start_time": at.isoformat(), **said}
    asked["end_time"] = (at + timedelta(minutes=30)).isoformat()
    return clinic.client(who).post("/api/v1/appointments/", json=asked)


# ------------------------------------------------------------------------- schedules


def test_each_row_of_a_schedule_has_an_id_of_its_own(clinic: Serving) -> None:
    clinic.clinic.availability.rules.update(
        AvailabilityRule(
            "lee",
            Recurrence.weekly("TU,WE", start=NOW.date()),
            hours="09:00-12:00",
            id="days",
            version=1,
        )
    )
    assert sorted(one["id"] for one in rows(clinic).values()) == ["days.2", "days.3"]


def test_a_row_is_changed_and_the_others_stay(clinic: Serving) -> None:
    lee, before = clinic.client("lee"), rows(clinic)
    assert len(before) == len({one["id"] for one in before.values()}) == 6
    row = before[3, "14:00"]
    new = {"location_id": "main", "day_of_week": 3, "start_time": "15:00", "end_time": "19:00"}
    answer = lee.put(f"/api/physicians/lee/schedule/{row['id']}", json=new)
    assert answer.status_code == 200, answer.text
    after = rows(clinic)
    assert set(after) == set(before) - {(3, "14:00")} | {(3, "15:00")}
    assert after[3, "15:00"]["id"] == answer.json()["id"]
    stays = ("start_time", "end_time", "lunch_start", "lunch_end", "location_id")
    for at in set(before) & set(after):
        assert [after[at][name] for name in stays] == [before[at][name] for name in stays], at
    rules = clinic.clinic.availability.rules.list()
    assert {(one.recurrence.start, one.recurrence.interval) for one in rules} == {
        (date(2026, 2, 17), 2)
    }, "the recurrence keeps its start"


def test_a_row_is_deleted_and_the_others_stay(clinic: Serving) -> None:
    lee, before = clinic.client("lee"), rows(clinic)
    url = f"/api/physicians/lee/schedule/{before[4, '09:00']['id']}"
    assert lee.delete(url).status_code == 204
    assert set(rows(clinic)) == set(before) - {(4, "09:00")}
    problem(lee.delete(url), 404)


def test_a_row_is_not_changed_under_visits(clinic: Serving) -> None:
    assert booked(clinic).status_code == 201
    before, lee = rows(clinic), clinic.client("lee")
    url = f"/api/physicians/lee/schedule/{before[2, '09:00']['id']}"
    later = {"location_id": "main", "day_of_week": 2, "start_time": "10:00", "end_time": "12:00"}
    problem(lee.put(url, json=later), 409)
    problem(lee.delete(url), 409)
    assert rows(clinic) == before
    assert (
        lee.put(url, json=later | {"start_time": "09:00", "end_time": "11:00"}).status_code == 200
    )


def test_a_day_that_is_away_for_a_while_stays_a_row(clinic: Serving) -> None:
    rule = clinic.clinic.availability.rules.get("days")
    away = [date(2026, 3, 4), date(2026, 3, 5), date(2026, 3, 18), date(2026, 3, 19)]
    less = attrs.evolve(rule.recurrence, exdates=away)
    clinic.clinic.availability.rules.update(attrs.evolve(rule, recurrence=less))
    assert {day for day, _ in rows(clinic)} == {2, 3, 4}
    url = f"/api/physicians/lee/schedule/{rows(clinic)[2, '09:00']['id']}"
    assert clinic.client("lee").delete(url).status_code == 204
    assert set(rows(clinic)) == {(2, "14:00"), *((day, at) for day in (3, 4) for at in AT)}


def test_a_break_that_a_row_does_not_tell_stays(clinic: Serving) -> None:
    whole = ["12:00-12:30", "15:00-15:15"]
    there = AvailabilityRule(
        "lee", Recurrence.weekly("SA", start=NOW.date()), hours="09:00-17:00", breaks=whole
    )
    rule = clinic.clinic.availability.add(there)
    asked = {"day_of_week": 6, "start_time": "09:00", "end_time": "16:00"}
    asked |= {"lunch_start": "13:00", "lunch_end": "13:30"}
    answer = clinic.client("lee").put(f"/api/physicians/lee/schedule/{rule.id}", json=asked)
    assert answer.status_code == 200, answer.text
    kept = clinic.clinic.availability.rules.get(rule.id).breaks
    assert [str(one) for one in kept] == ["13:00-13:30", "15:00-15:15"]


def test_hours_that_are_not_of_the_week_are_not_moved_to_another_day(clinic: Serving) -> None:
    there = AvailabilityRule("lee", Recurrence.once(date(2026, 3, 9)), hours="09:00-12:00")
    rule = clinic.clinic.availability.add(there)
    url, asked = f"/api/physicians/lee/schedule/{rule.id}", {"location_id": "main"}
    asked |= {"start_time": "09:00", "end_time": "11:00"}
    problem(clinic.client("lee").put(url, json={**asked, "day_of_week": 5}), 409)
    assert clinic.client("lee").put(url, json={**asked, "day_of_week": 1}).status_code == 200
    assert clinic.clinic.availability.rules.get(rule.id).recurrence == there.recurrence


ROW = {"location_id": "main", "day_of_week": 3, "start_time": "15:00", "end_time": "19:00"}


@pytest.mark.parametrize("stated", [{}, {"If-Match": '"1"'}])
def test_a_row_that_is_gone_is_told_again_under_its_key(
    clinic: Serving, stated: dict[str, str]
) -> None:
    lee, key = clinic.client("lee"), stated | {"Idempotency-Key": "k"}
    url = f"/api/physicians/lee/schedule/{rows(clinic)[3, '14:00']['id']}"
    first = lee.put(url, json=ROW, headers=key)
    assert first.status_code == 200, first.text
    problem(lee.put(url, json=ROW), 404)
    again = lee.put(url, json=ROW, headers=key)
    assert (again.json(), again.headers["etag"]) == (first.json(), first.headers["etag"])
    left = rows(clinic)
    url = f"/api/physicians/lee/schedule/{left.pop((2, '09:00'))['id']}"
    key = {"Idempotency-Key": "k"}
    assert [lee.delete(url, headers=key).status_code for _ in range(2)] == [204, 204]
    problem(lee.delete(url), 404)
    assert rows(clinic).keys() == left.keys()


@pytest.mark.parametrize("half", ["lunch_start", "lunch_end"])
def test_a_lunch_has_a_start_and_an_end(clinic: Serving, half: str) -> None:
    told = clinic.client("lee").post("/api/physicians/lee/schedule", json=ROW | {half: "16:00"})
    assert "hours are written HH:MM-HH:MM" in problem(told, 422)["detail"]


def test_a_row_is_changed_in_the_version_that_was_read(clinic: Serving) -> None:
    lee, before = clinic.client("lee"), rows(clinic)
    url = f"/api/physicians/lee/schedule/{before[3, '14:00']['id']}"
    for other in ('"2"', '"0"', '"None"', "x"):
        problem(lee.put(url, json=ROW, headers={"If-Match": other}), 412)
        problem(lee.delete(url, headers={"If-Match": other}), 412)
    assert rows(clinic) == before
    answer = lee.put(url, json=ROW, headers={"If-Match": '"7", "1"'})
    assert answer.status_code == 200, answer.text


# ----------------------------------------------------------------------------- slots


def test_a_slot_is_changed_as_a_whole_or_not_at_all(clinic: Serving) -> None:
    lee, slot = clinic.client("lee"), slot_at(clinic, "09:00")
    outside = {"status": "blocked", "start_time": "22:00", "end_time": "22:30"}
    problem(lee.put(f"{SLOTS}/{slot['slot_id']}", json=outside), 409)
    problem(
        lee.put(f"{SLOTS}/{slot['slot_id']}", json={"status": "blocked", "appointment_type": "x"}),
        404,
    )
    assert slot_at(clinic, "09:00")["status"] == "available"
    both = {"status": "blocked", "pricing": {"base_fee": 175.0}}
    assert lee.put(f"{SLOTS}/{slot['slot_id']}", json=both).json()["data"]["status"] == "blocked"


def test_a_slot_that_is_free_again_ends_no_longer_blocking(clinic: Serving) -> None:
    lee, slot = clinic.client("lee"), slot_at(clinic, "09:00")
    meeting = clinic.clinic.blockings.add("lee", TUESDAY, TUESDAY + timedelta(hours=2))
    problem(lee.put(f"{SLOTS}/{slot['slot_id']}", json={"status": "available"}), 409)
    assert clinic.clinic.blockings.get(meeting.id) == meeting


def test_a_slot_is_blocked_in_another_way(clinic: Serving) -> None:
    url = f"{SLOTS}/{slot_at(clinic, '09:00')['slot_id']}"
    for status in ("blocked", "blocked", "maintenance"):
        answer = clinic.client("lee").put(url, json={"status": status})
        assert answer.status_code == 200, answer.text
    reasons = [one.reason for one in clinic.clinic.blockings.list()]
    assert reasons == ["maintenance"]


def test_a_price_that_is_not_stated_stays(clinic: Serving) -> None:
    url = f"{SLOTS}/{slot_at(clinic, '09:00')['slot_id']}"
    answer = clinic.client("lee").put(url, json={"pricing": {"base_fee": 175.0}})
    price = {"base_fee": 175.0, "insurance_accepted": True, "currency": "EUR"}
    assert answer.json()["data"]["pricing"] == price


def test_cancelled_slots_are_counted_and_listed_by_their_local_date(clinic: Serving) -> None:
    lee, late = clinic.client("lee"), slot_at(clinic, "20:30")  # the next day in UTC
    assert lee.delete(f"{SLOTS}/{late['slot_id']}").status_code == 200
    told = lee.get(LISTED, params=ON_TUESDAY | {"status": "cancelled"}).json()["data"]
    assert told["availability_summary"]["cancelled_slots"] == 1
    ((slot,),) = [day["slots"] for day in told["availability"]]
    assert (slot["slot_id"], slot["status"]) == (late["slot_id"], "cancelled")
    ann = clinic.client("ann").get(LISTED, params=ON_TUESDAY | {"status": "cancelled"})
    assert ann.json()["data"] == told
    again = lee.put(f"{SLOTS}/{late['slot_id']}", json={"status": "available"})
    assert again.json()["data"]["status"] == "available", again.text
    assert slot_at(clinic, "20:30")["status"] == "available"


def test_a_slot_that_is_cancelled_is_not_changed_otherwise(clinic: Serving) -> None:
    url = f"{SLOTS}/{slot_at(clinic, '09:00')['slot_id']}"
    problem(clinic.client("lee").put(url, json={"status": "cancelled", "start_time": "10:00"}), 422)


def test_a_slot_has_no_version_to_match(clinic: Serving) -> None:
    url, match = f"{SLOTS}/{slot_at(clinic, '09:00')['slot_id']}", {"If-Match": '"1"'}
    problem(clinic.client("lee").put(url, json={"status": "blocked"}, headers=match), 412)
    problem(clinic.client("lee").delete(url, headers=match), 412)
    assert slot_at(clinic, "09:00")["status"] == "available"


def test_every_slot_that_a_search_counts_can_be_had(clinic: Serving) -> None:
    asked = {"start_date": "2026-03-03", "end_date": "2026-08-30"}
    found, cursor, told = set(), None, dict[str, Any]()
    while cursor is not None or not told:
        params = asked | ({"cursor": cursor} if cursor else {})
        told = clinic.client("ann").get("/api/v1/availability/search", params=params).json()["data"]
        found |= {slot["slot_id"] for one in told["results"] for slot in one["available_slots"]}
        cursor = told["next"]
    assert len(found) == told["total_results"] > 100


# ---------------------------------------------------------------------- once, and safely


def test_a_retry_with_its_version_is_the_first_result(clinic: Serving) -> None:
    made = booked(clinic)
    url, key = f"/api/v1/appointments/{made.json()['id']}/", {"Idempotency-Key": "once"}
    match = key | {"If-Match": made.headers["etag"]}
    first = clinic.client("admin").patch(url, json={"reason": "a cough"}, headers=match)
    again = clinic.client("admin").patch(url, json={"reason": "a cough"}, headers=match)
    assert (first.status_code, again.status_code) == (200, 200), again.text
    assert first.headers["etag"] == again.headers["etag"] != made.headers["etag"]
    stale = {"If-Match": made.headers["etag"]}
    problem(clinic.client("admin").patch(url, json={"reason": "no"}, headers=stale), 412)
    for tag in ('"one"', '"0"', 'W/"1"', '"99999999999999999999"'):
        answer = clinic.client("admin").patch(url, json={"reason": "no"}, headers={"If-Match": tag})
        problem(answer, 412)


def test_a_retry_of_a_patients_change_with_its_version(clinic: Serving) -> None:
    ann = clinic.client("ann")
    match = {"If-Match": ann.get("/api/patients/ann").headers["etag"], "Idempotency-Key": "once"}
    told = [ann.put("/api/patients/ann", json={"phone": "1"}, headers=match) for _ in range(2)]
    assert [one.status_code for one in told] == [200, 200], told[1].text


def test_two_who_write_of_one_patient_at_once_both_are_heard(
    clinic: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin, url, read, rivals = clinic.client("admin"), "/api/patients/ann", Directory.get, [2]

    def overtaken(self: Any, id: str) -> Any:
        found = read(self, id)
        if rivals[0]:
            rivals[0] -= 1
            other = attrs.evolve(found, phone=f"{rivals[0]}")
            clinic.clinic.patients.update(other)
        return found

    monkeypatch.setattr(Directory, "get", overtaken)
    answer = admin.put(url, json={"insurance_provider": "Blue"})
    assert answer.status_code == 200, answer.text
    assert rivals == [0]
    assert (answer.json()["phone"], answer.json()["insurance_provider"]) == ("0", "Blue")


def test_a_refused_move_has_not_moved(clinic: Serving) -> None:
    made = booked(clinic).json()
    later = {"start_time": (TUESDAY + timedelta(hours=1, minutes=30)).isoformat(), "reason": "no"}
    answer = clinic.client("bob").patch(f"/api/v1/appointments/{made['id']}/", json=later)
    problem(answer, 404)
    assert clinic.clinic.appointments.get(made["id"]).start == TUESDAY


def test_an_answer_to_an_offer_heeds_its_version(clinic: Serving) -> None:
    asked = {"type": "consultation", "earliest": "2026-03-03", "latest": "2026-03-31"}
    entry = clinic.client("ann").post("/api/v1/waitlist", json=asked).json()["id"]
    offer = {"slot_id": slot_at(clinic, "09:00")["slot_id"], "reason": "a wish"}
    made = clinic.client("admin").post(f"/api/v1/waitlist/{entry}/offers", json=offer)
    url, stale = f"/api/v1/offers/{made.json()['id']}", {"If-Match": '"77"'}
    for answer in ("accept", "decline"):
        problem(clinic.client("ann").post(f"{url}/{answer}", json={}, headers=stale), 412)


# ------------------------------------------------------------------- blocks, reservations


def test_a_patient_asks_for_a_block_whatever_the_path(clinic: Serving) -> None:
    block = clinic.clinic.time_blocks.publish(TimeBlock("lee", date(2026, 3, 6), "09:00-09:30"))
    friday, _ = clinic.clinic.time_blocks.times(block)
    made = booked(clinic, at=friday)
    assert made.json()["status"] == "pending"
    told = clinic.client("ann").get(f"/api/v1/reservations/{made.json()['id']}").json()
    assert (told["status"], told["timeBlockId"]) == ("PENDING", block.id)


def test_a_reservation_that_was_moved_is_not_lost(clinic: Serving) -> None:
    block = clinic.clinic.time_blocks.publish(TimeBlock("lee", date(2026, 3, 6), "09:00-09:30"))
    ann, asked = clinic.client("ann"), {"timeBlockId": block.id}
    id = ann.post("/api/v1/reservations", json=asked).json()["id"]
    clinic.clinic.appointments.reschedule(id, Start("lee", "consultation", TUESDAY))
    assert ann.get(f"/api/v1/reservations/{id}").json()["status"] == "PENDING"
    answer = clinic.client("lee").post(f"/api/v1/reservations/{id}/confirm")
    assert answer.json()["status"] == "CONFIRMED"


# -------------------------------------------------------------------------- waiting


def test_staff_see_who_waits_for_a_provider_of_theirs(clinic: Serving) -> None:
    asked = {"type": "consultation", "providers": ["lee"], "earliest": "2026-03-03"}
    asked["latest"] = "2026-03-31"
    made = clinic.client("ann").post("/api/v1/waitlist", json=asked)
    url = f"/api/v1/waitlist/{made.json()['id']}"
    assert clinic.client("front").get(url).status_code == 200
    problem(clinic.client("away").get(url), 404)
    offer = {"slot_id": slot_at(clinic, "09:00")["slot_id"], "reason": "a wish"}
    assert clinic.client("front").post(f"{url}/offers", json=offer).status_code == 201
    other = clinic.client("front").post("/api/v1/waitlist", json=asked | {"patient": "bob"})
    assert other.status_code == 201, other.text


def test_who_waits_for_a_provider_without_a_place_waits_anywhere(clinic: Serving) -> None:
    clinic.clinic.providers.create(id="kim", timezone="UTC")
    asked = {"type": "consultation", "providers": ["kim"], "earliest": "2026-03-03"}
    asked["latest"] = "2026-03-31"
    made = clinic.client("ann").post("/api/v1/waitlist", json=asked)
    assert made.status_code == 201, made.text
    assert clinic.clinic.waitlist.entries.get(made.json()["id"]).location is ANYWHERE


def test_holds_are_short_and_few(clinic: Serving) -> None:
    ann = clinic.client("ann")
    starts = ["09:00", "09:30", "10:30", "11:00", "11:30", "14:00"]
    ids = [slot_at(clinic, wall)["slot_id"] for wall in starts]
    problem(ann.post("/api/v1/holds", json={"slot_id": ids[0], "minutes": 61}), 422)
    for id in ids[:5]:
        assert ann.post("/api/v1/holds", json={"slot_id": id}).status_code == 201
    told = problem(ann.post("/api/v1/holds", json={"slot_id": ids[5]}), 429)
    assert told["type"] == "urn:clinic-service:too-many-holds"
    held = ann.post("/api/v1/holds", json={"slot_id": ids[5]})
    assert held.status_code == 429
    assert clinic.client("bob").post("/api/v1/holds", json={"slot_id": ids[5]}).status_code == 201


# --------------------------------------------------------------------------- visits


def test_who_did_not_come_has_not_been_there(clinic: Serving) -> None:
    made, admin = booked(clinic).json()["id"], clinic.client("admin")
    assert admin.post(f"/api/v1/appointments/{made}/mark-no-show/").status_code == 200
    problem(admin.post(f"/api/v1/appointments/{made}/complete/"), 409)


def test_what_stays_may_be_said_again(clinic: Serving) -> None:
    made, admin = booked(clinic).json(), clinic.client("admin")
    url = f"/api/v1/appointments/{made['id']}/"
    same = {name: made[name] for name in ("patient", "provider", "facility", "appointment_type")}
    same |= {name: made[name] for name in ("start_time", "end_time")}
    assert admin.put(url, json=same | {"reason": "a cough"}).json()["reason"] == "a cough"
    assert "appointment_type" in problem(admin.patch(url, json={"appointment_type": "x"}), 400)
    assert "patient" in problem(admin.patch(url, json={"patient": "bob"}), 400)


def test_a_patient_has_two_first_names(clinic: Serving) -> None:
    admin, names = clinic.client("admin"), {"first_name": "Ada Mary", "last_name": "van Byron"}
    assert names.items() <= admin.put("/api/patients/ann", json=names).json().items()
    told = admin.put("/api/patients/ann", json={"last_name": "Hill"}).json()
    assert (told["first_name"], told["last_name"]) == ("Ada Mary", "Hill")


def test_a_filter_that_would_be_ignored_is_refused(clinic: Serving) -> None:
    admin = clinic.client("admin")
    for url in (
        "/api/v1/appointments/upcoming/?status=cancelled",
        "/api/v1/appointments/by-patient/ann/?patient=bob",
        "/api/v1/appointments/by-provider/lee/?provider=kim",
    ):
        problem(admin.get(url), 400)
    both = {"date": "2026-03-03", "start_date": "2026-03-04"}
    problem(admin.get("/api/v1/availability/search", params=both), 422)


def test_what_is_no_appointment_takes_no_change(clinic: Serving) -> None:
    for method in ("PUT", "PATCH", "DELETE"):
        problem(clinic.client("admin").request(method, "/api/v1/appointments/upcoming/"), 405)


def test_links_to_pages_follow_no_header(clinic: Serving) -> None:
    booked(clinic)
    booked(clinic, at=TUESDAY + timedelta(minutes=30))
    told = clinic.client("ann").get(
        "/api/v1/appointments/?page_size=1", headers={"Host": "evil.example"}
    )
    assert told.json()["next"] == "/api/v1/appointments/?page_size=1&page=2"


def test_a_wrong_status_is_told_at_its_field(clinic: Serving) -> None:
    told = problem(clinic.client("admin").get("/api/v1/appointments/?status=lost"), 400)
    assert told["errors"][0]["field"] == "query.status"


# ---------------------------------------------------------------------------- strictly


@pytest.mark.parametrize(
    "path, body",
    [
        ("/api/physicians/lee/schedule", {"day_of_week": "0"}),
        ("/api/physicians/lee/schedule", {"day_of_week": True}),
        ("/api/physicians/lee/schedule", {"is_active": "yes"}),
        (SLOTS, {"slot_duration": "30"}),
        (SLOTS, {"is_recurring": "no"}),
        ("/api/v1/holds", {"slot_id": "x", "minutes": "10"}),
        (
            "/api/physicians/lee/time-off",
            {"start_date": "2027-02-01T00:00:00", "end_date": "2027-02-02"},
        ),
    ],
    ids=str,
)
def test_a_body_says_what_it_means(clinic: Serving, path: str, body: dict[str, Any]) -> None:
    whole: dict[str, Any] = {
        "/api/physicians/lee/schedule": {
            "day_of_week": 5,
            "start_time": "09:00",
            "end_time": "17:00",
            "location_id": "main",
        },
        SLOTS: {
            "date": "2026-03-06",
            "start_time": "09:00",
            "end_time": "12:00",
            "timezone": "America/New_York",
        },
    }
    told = problem(clinic.client("lee").post(path, json=whole.get(path, {}) | body), 422)
    named = {one["field"].rpartition(".")[2] for one in told["errors"]}
    assert named <= set(body), told


def test_nobody_is_born_tomorrow(clinic: Serving) -> None:
    who = {"email": "x@example.org", "password": "a long sentence of mine", "first_name": "A"}
    who |= {"last_name": "B", "date_of_birth": "2099-01-01"}
    problem(clinic.nobody.post("/api/auth/register", json=who), 422)


# ------------------------------------------------------------------------- as it runs


def test_seconds_are_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDSCHED_SERVICE_IDLE_TIMEOUT", "4")
    assert Settings(secret=SECRET).idle_timeout == 4
    monkeypatch.setenv("MEDSCHED_SERVICE_IDLE_TIMEOUT", "PT5M")
    with pytest.raises(ValueError, match="idle_timeout"):
        Settings(secret=SECRET)


def test_what_comes_free_is_offered_by_itself(clinic: Serving) -> None:
    """The worker of a service that runs, for its own practice."""
    from clinic_service.app import create_app, working
    from medsched.testing.fixed import FixedClock

    ann, settings = clinic.client("ann"), clinic.service.settings
    asked = {"type": "consultation", "earliest": "2026-03-03", "latest": "2026-03-03"}
    assert ann.post("/api/v1/waitlist", json=asked).status_code == 201
    mine = settings.model_copy(update={"practice": clinic.practice, "work_every": 0.05})
    app = create_app(mine, clock=FixedClock(NOW))

    async def run() -> None:
        async with working(app):
            until = time.monotonic() + 10
            while not await anyio.to_thread.run_sync(lambda: ann.get("/api/v1/offers").json()):
                assert time.monotonic() < until, "nothing was offered"
                await anyio.sleep(0.05)

    anyio.run(run)
