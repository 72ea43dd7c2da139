"""What is wrong is told as a problem, logged without what was sent, and changes nothing."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the dependency group service is not installed")

import sqlalchemy as sa
from starlette.requests import Request
from tests.examples.service.serving import Serving, problem

from clinic_service.logs import LOG, JsonLines
from clinic_service.problems import answer
from medsched import AppointmentType, InvalidChoice, Patient, Provider
from medsched.adapters.sqlalchemy import SqlAlchemyStore

CANARY = "Zebulon-Canary-4711"


@pytest.fixture
def clinic(empty: Serving) -> Serving:
    empty.clinic.add_all(
        [
            Provider(id="lee", timezone="UTC"),
            Patient(id="ann", name=CANARY),
            AppointmentType(code="consultation", duration=timedelta(minutes=30)),
        ]
    )
    for role, linked in (("admin", {}), ("patient", {"patient": "ann"}), ("staff", {})):
        empty.add(role, role, **linked)
    return empty


class Kept(logging.Handler):
    """Keeps what was logged, as it is written."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(JsonLines())

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def logged() -> Iterator[list[str]]:
    kept, level = Kept(), LOG.level
    LOG.addHandler(kept)
    LOG.setLevel(logging.INFO)
    yield kept.lines
    LOG.removeHandler(kept)
    LOG.setLevel(level)


def rows(clinic: Serving) -> dict[str, int]:
    """How many rows each table has; attempts and sessions come and go."""
    engine = clinic.service.store.engine
    names = sa.inspect(engine).get_table_names()
    with engine.connect() as connection:
        return {
            name: connection.execute(sa.text(f"SELECT count(*) FROM {name}")).scalar_one()
            for name in names
            if name not in ("service_attempt", "service_session")
        }


BODIES: list[Any] = [
    None,
    [],
    "text",
    5,
    {"unknown": CANARY},
    {"role": "admin"},
    {"id": {"$ne": None}},
]


@pytest.mark.parametrize("role", ["admin", "patient", "staff"])
def test_no_command_takes_a_body_of_the_wrong_shape(
    clinic: Serving, role: str, logged: list[str]
) -> None:
    client, before = clinic.client(role), rows(clinic)
    document = client.get("/openapi.json").json()
    tried = 0
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if "requestBody" not in operation:
                continue
            url = path.replace("{", "").replace("}", "")
            for body in BODIES:
                answer = client.request(method, url, json=body)
                told = problem(answer, answer.status_code)
                assert answer.status_code in (400, 422), (method, path, body, told)
                assert CANARY not in answer.text
                tried += 1
    assert tried > 100
    assert rows(clinic) == before
    assert CANARY not in "".join(logged)


@pytest.mark.parametrize(
    "content, status",
    [
        (b"{" * 1_000_000, 413),
        (b'{"a": "' + b"x" * 1_000_000 + b'"}', 413),
        (b"{", 422),
        (b"\xff\xfe", 422),
        (b'{"patient": "\\ud800"}', 400),
        (b'{"patient": 1e400}', 400),
        (b"[" * 20_000 + b"]" * 20_000, 400),
        (b'{"patient": NaN}', 400),
    ],
    ids=["1 MB of braces", "1 MB of text", "cut", "no text", "half", "huge", "deep", "NaN"],
)
def test_bodies_that_are_none(clinic: Serving, content: bytes, status: int) -> None:
    headers = {"Content-Type": "application/json"}
    answer = clinic.client("admin").post("/api/v1/appointments/", content=content, headers=headers)
    problem(answer, 400 if status == 422 else status)


def test_a_large_body_in_pieces_of_unknown_number(clinic: Serving) -> None:
    pieces = (b"x" * 1000 for _ in range(1000))
    problem(clinic.client("admin").post("/api/v1/appointments/", content=pieces), 413)


def test_a_large_body_where_none_is_read_changes_nothing(clinic: Serving) -> None:
    id = clinic.clinic.waitlist.join(
        patient="ann",
        type="consultation",
        earliest=date(2030, 1, 1),
        latest=date(2030, 1, 2),
    ).id
    for content in (b"x" * 1_000_000, (b"x" * 1000 for _ in range(1000))):
        answer = clinic.client("admin").request("DELETE", f"/api/v1/waitlist/{id}", content=content)
        problem(answer, 413)
    assert clinic.clinic.waitlist.entries.get(id).status == "waiting"


@pytest.mark.parametrize(
    "url, status",
    [
        ("/api/v1/appointments/?page_size=1000000000", 400),
        ("/api/v1/appointments/?page_size=0", 400),
        ("/api/v1/appointments/?page=99999999999999999999", 400),
        ("/api/v1/appointments/?status=bogus", 400),
        ("/api/v1/appointments/?start_after=2025-01-01T00:00:00", 400),
        ("/api/v1/appointments/?start_after=0", 400),
        ("/api/v1/appointments/?ordering=patient_name", 400),
        ("/api/v1/appointments/?pateint=1", 400),
        ("/api/v1/appointments/?search=%00", 400),
        ("/api/v1/slots?start_date=2026-01-01&end_date=2026-01-02&limit=1000000000", 422),
        ("/api/v1/slots?start_date=2026-01-01&end_date=2036-01-02", 422),
        ("/api/v1/slots?start_date=2026-01-02&end_date=2026-01-01", 422),
        ("/api/v1/slots?start_date=2026-01-01&end_date=2026-07-07", 422),
        ("/api/v1/provider/lee/availability?start_date=2026-01-01&end_date=2027-01-01", 422),
        ("/api/physicians/lee/available-slots?start_date=2026-01-01&end_date=2027-01-01", 422),
        ("/api/physicians/lee/available-slots?start_date=soon", 422),
        ("/api/v1/slots?start_date=0001-01-01&end_date=9999-12-31", 422),
        ("/api/v1/slots?start_date=1767225600&end_date=1767225600", 422),
        ("/api/v1/slots?start_date=2026-01-01&end_date=2026-01-01&timezone=Mars/Base", 422),
        ("/api/v1/availability/search?max_price=NaN", 422),
        ("/api/v1/availability/search?max_price=-1", 422),
        ("/api/v1/availability/search?appointment_type=none", 404),
        ("/api/v1/appointments/%00/", 400),
        ("/api/v1/appointments/" + "x" * 256 + "/", 400),
        ("/api/v1/holds/%F0%9F%92%A9", 404),
        ("/api/v1/appointments/..%2f..%2fetc/", 404),
        ("/api/patients/ann'%20OR%20'1'='1", 404),
        ("/nowhere", 404),
    ],
)
def test_urls(clinic: Serving, url: str, status: int) -> None:
    problem(clinic.client("admin").get(url), status)


@pytest.mark.parametrize("id", ["x", "A" * 300, "bm9uZQ"])
def test_a_slot_id_of_nobodys(clinic: Serving, id: str) -> None:
    admin = clinic.client("admin")
    problem(admin.put(f"/api/v1/provider/availability/{id}", json={"notes": "x"}), 404)
    problem(admin.post("/api/v1/holds", json={"slot_id": "x"}), 404)


@pytest.mark.parametrize("header", ["Idempotency-Key", "If-Match"])
@pytest.mark.parametrize("value", ["x" * 256, "\x01", ""])
def test_headers(clinic: Serving, header: str, value: str) -> None:
    answer = clinic.client("admin").post(
        "/api/v1/appointments/x/cancel/", headers={header.encode(): value.encode()}
    )
    assert answer.status_code == 400, answer.text


def test_a_method_that_is_none(clinic: Serving) -> None:
    problem(clinic.client("admin").put("/api/auth/me"), 405)


def test_what_is_logged_names_nobody(clinic: Serving, logged: list[str]) -> None:
    admin = clinic.client("admin")
    assert CANARY.replace("-", "") not in admin.get("/api/patients/ann").text
    assert CANARY in admin.get("/api/patients/ann").text
    admin.put("/api/patients/ann", json={"first_name": CANARY, "phone": "no phone at all"})
    admin.get("/api/v1/appointments/", params={"search": CANARY})
    admin.get(f"/api/patients/{CANARY}")
    until = time.monotonic() + 10  # a line is written when its answer is on its way already
    while len(logged) < 5 and time.monotonic() < until:
        time.sleep(0.01)
    assert len(logged) == 5
    told = [json.loads(line) for line in logged]
    assert {one["route"] for one in told} == {"/api/patients/{id}", "/api/v1/appointments/"}
    assert {one["account"] for one in told} == {clinic.accounts["admin"]}
    assert CANARY not in "".join(logged)
    assert len({one["request"] for one in told}) == 5


def test_a_value_that_the_library_refuses_is_not_told_back() -> None:
    scope: dict[str, Any] = {
        "type": "http",
        "path": "/",
        "headers": [],
        "state": {"id": "1"},
        "query_string": b"",
    }
    scope["server"] = ("here", 80)
    told = answer(Request(scope), InvalidChoice("name", CANARY, "it is none of those"))
    assert b"it is none of those" in told.body
    assert CANARY.encode() not in bytes(told.body)


def test_an_error_of_ours_tells_nothing(
    clinic: Serving, logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(CANARY)

    admin = clinic.client("admin")
    monkeypatch.setattr(clinic.service.sessions, "read", broken)
    answer = admin.get("/api/auth/me")
    told = problem(answer, 500)
    assert CANARY not in answer.text + "".join(logged)
    assert json.loads(logged[0])["error"] == "RuntimeError"
    assert json.loads(logged[0])["request"] == told["instance"].removeprefix("urn:uuid:")


def test_a_database_that_is_away(clinic: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    assert clinic.nobody.get("/healthz").json() == {"status": "ok"}
    assert clinic.nobody.get("/readyz").json() == {"status": "ready"}
    away = SqlAlchemyStore("sqlite:////nowhere/at/all/clinic.db")
    monkeypatch.setattr(clinic.service, "store", away)
    problem(clinic.nobody.get("/readyz"), 503)
    assert clinic.nobody.get("/healthz").status_code == 200
    away.engine.dispose()


def test_a_database_that_fails_the_service_itself(
    clinic: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> None:
        raise sa.exc.OperationalError(f"SELECT {CANARY}", {}, Exception(CANARY))

    admin = clinic.client("admin")
    monkeypatch.setattr(clinic.service.sessions, "read", lost)
    answer = admin.get("/api/auth/me")
    problem(answer, 503)
    assert CANARY not in answer.text


def test_a_database_without_tables_is_not_ready(
    clinic: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = SqlAlchemyStore("sqlite://")
    monkeypatch.setattr(clinic.service, "store", empty)
    problem(clinic.nobody.get("/readyz"), 503)
    empty.engine.dispose()
