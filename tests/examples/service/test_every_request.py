"""Every request that the OpenAPI document allows gets an answer that it documents, as each role.

Drawn by schemathesis: each endpoint alone, and walks along the links between them. The session
``service`` draws many more: MEDSCHED_SERVICE_EXAMPLES says how many for each endpoint.
"""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the dependency group service is not installed")
pytest.importorskip("schemathesis", reason="the dependency group service is not installed")

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.examples.service.serving import Serving

from medsched import AppointmentType, AvailabilityRule, Location, Patient, Provider, Recurrence

NOW = datetime(2026, 3, 2, 7, tzinfo=UTC)
SETTINGS = {"attempts_per_address": 3}
EXAMPLES = int(os.environ.get("MEDSCHED_SERVICE_EXAMPLES", "1"))
ENDLESS = ("/api/v1/changes", "/api/auth/logout")
"""What never ends, and what would end the session that all others need."""
CHECKS: Any = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
DRAWN: Any = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
CANARY = "Quetzalcoatl"


@pytest.fixture
def clinic(empty: Serving) -> Serving:
    empty.clinic.add_all(
        [
            Location(id="main", name="Main"),
            Location(id="far", name="Far"),
            AppointmentType(code="consultation", duration=timedelta(minutes=30)),
            Provider(id="lee", timezone="UTC", location="main"),
            Provider(id="kim", timezone="UTC", location="far"),
            Patient(id="ann", name="Ann", locations={"main"}, providers={"lee"}),
            Patient(id="bob", name=CANARY, locations={"far"}, providers={"kim"}),
            *(
                AvailabilityRule(one, Recurrence.daily(date(2026, 3, 2)), hours="09:00-17:00")
                for one in ("lee", "kim")
            ),
        ]
    )
    empty.add("admin", "admin")
    empty.add("staff", "staff", locations=["main"])
    empty.add("provider", "provider", provider="lee")
    empty.add("patient", "patient", patient="ann")
    low, reason = NOW, f"{CANARY} comes"
    for slot in empty.clinic.availability.slots("kim", "consultation", low, low + timedelta(1))[:3]:
        empty.clinic.appointments.book(slot, patient="bob", reason=reason)
    empty.clinic.waitlist.join(
        patient="bob",
        type="consultation",
        providers="kim",
        earliest=date(2026, 3, 2),
        latest=date(2026, 3, 2),
        notes=CANARY,
    )
    return empty


def document(clinic: Serving) -> Any:
    found = schemathesis.openapi.from_dict(clinic.app.openapi())
    found.config.update(base_url=clinic.url)
    return found.exclude(path=list(ENDLESS))


def ids_in(clinic: Serving, path: str) -> list[str]:
    """What an endpoint is about, if there is any of it: what nobody knows is 404 soon enough."""
    here, parts = clinic.clinic, path.split("/")
    lists: dict[str, Any] = {
        "appointments": here.appointments.list,
        "patients": here.patients.list,
        "physicians": here.providers.list,
        "provider": here.providers.list,
        "by-provider": here.providers.list,
        "by-patient": here.patients.list,
        "schedule": here.availability.rules.list,
        "time-blocks": here.time_blocks.list,
        "reservations": here.appointments.list,
        "holds": here.holds.list,
        "waitlist": here.waitlist.entries.list,
        "offers": here.waitlist.offers.list,
    }
    if "{slot_id}" in parts:
        low = NOW + timedelta(1)
        return [
            one.id
            for one in here.availability.slots("lee", "consultation", low, low + timedelta(1))
        ]
    named = [lists[part] for part in parts if part in lists]
    return [one.id for one in named[-1]()] if named and "{" in path else []


@pytest.mark.parametrize("role", ["patient", "provider", "staff", "admin", "nobody"])
def test_each_endpoint_alone(clinic: Serving, role: str) -> None:
    headers = {} if role == "nobody" else {"Authorization": f"Bearer {clinic.token(role)}"}
    tried, statuses = set[str](), set[int]()

    for found in document(clinic).get_all_operations():
        operation = found.ok()

        @DRAWN  # type: ignore[untyped-decorator]
        @given(case=operation.as_strategy(), which=st.integers(0, 5))
        def is_as_documented(case: Any, which: int) -> None:
            known = ids_in(clinic, case.operation.path)
            if known and which:
                case.path_parameters[next(reversed(case.path_parameters))] = known[
                    which % len(known)
                ]
            answer = case.call(headers=headers)
            case.validate_response(answer, checks=CHECKS, headers=headers)
            tried.add(case.operation.label)
            statuses.add(answer.status_code)
            if role != "admin":
                assert CANARY not in answer.text, "a foreign record"

        is_as_documented()
    assert len(tried) > 60
    if role == "nobody":
        assert statuses <= {200, 401, 422, 429}, "no more than its health is told to nobody"
    else:
        assert statuses > {200, 404}


@pytest.mark.parametrize("role", ["patient", "provider", "staff", "admin"])
def test_walks_along_the_links(clinic: Serving, role: str) -> None:
    headers = {"Authorization": f"Bearer {clinic.token(role)}"}
    machine = document(clinic).as_state_machine()

    class Walk(machine):  # type: ignore[misc, valid-type]
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": headers}

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            case.validate_response(response, checks=CHECKS, headers=headers)
            if role != "admin":
                assert CANARY not in response.text, "a foreign record"

    drawn = settings(DRAWN, max_examples=EXAMPLES * 4, stateful_step_count=8)
    Walk.run(settings=drawn)
