"""Reports: who did what with a patient's records, in order, checked, and written down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.auditing.kit import AT, PRACTICE, filled, full_entry

from medsched import MemoryStore, Principal, Scheduler
from medsched.adapters.audit.fhir import audit_event
from medsched.domain.audit import AuditAction, AuditEntry, AuditOutcome
from medsched.domain.audit_rows import microseconds
from medsched.domain.pages import cursor
from medsched.domain.principals import Purpose
from medsched.errors import (
    AuditNotKept,
    InvalidCursor,
    InvalidDuration,
    InvalidId,
    InvalidNumber,
    NaiveDatetime,
)
from medsched.testing.contracts.auditing import about, an_entry
from medsched.testing.fixed import FixedClock

SINCE = AT - timedelta(days=2500)
NOW = AT + timedelta(days=1)


def store_at(now: datetime = NOW) -> tuple[MemoryStore, Any]:
    store = MemoryStore(audit=True)
    return store, Scheduler(store, clock=FixedClock(now)).practice(PRACTICE)


class TestReport:
    def test_it_is_in_order_and_in_pages(self) -> None:
        store, clinic = store_at()
        for number in (3, 1, 4, 0, 2, 7, 5, 6):
            store.record([full_entry(number), an_entry(PRACTICE, patient="bob")])
        wanted = [full_entry(number) for number in range(8)]
        assert list(clinic.audit.entries(patient="ada", since=SINCE)) == wanted
        for limit in (2, 3, 8, 100):
            found, following = list[AuditEntry](), None
            while True:
                page = clinic.audit.report(
                    patient="ada", since=SINCE, limit=limit, cursor=following
                )
                found += page
                following = page.next
                if following is None:
                    break
            told = [entry for entry in found if entry.operation != "audit.report"]
            assert told == wanted

    def test_it_has_a_beginning_and_an_end(self) -> None:
        _, clinic = store_at()
        store, second = clinic._context.store, timedelta(seconds=1)
        for number in range(5):
            store.record([full_entry(number)])
        some = clinic.audit.report(patient="ada", since=AT + second, until=AT + 3 * second)
        assert [entry.at for entry in some] == [AT + second, AT + 2 * second]
        assert len(clinic.audit.report(patient="ada", since=AT, until=AT)) == 0

    def test_seven_years(self) -> None:
        store, clinic = store_at()
        made = [
            full_entry(number, at=AT - timedelta(days=number), id=f"{number}")
            for number in range(7 * 365)
        ]
        store.record(made)
        found = list(clinic.audit.entries(patient="ada", since=AT - timedelta(days=8 * 365)))
        assert found == made[::-1]

    def test_it_is_written_down_itself(self) -> None:
        store, clinic = store_at()
        asking = Principal.trusted("auditor", address="10.0.0.9", session="s-9")
        audit = clinic.acting_as(asking).audit
        assert len(audit.report(patient="nobody", since=SINCE)) == 0
        assert list(audit.entries(patient="nobody", since=SINCE))  # the report before
        one, two = about(store, PRACTICE, "nobody")
        for entry in (one, two):
            assert (entry.operation, entry.action) == ("audit.report", AuditAction.READ)
            assert (entry.principal, entry.address, entry.session) == ("auditor", "10.0.0.9", "s-9")
            assert (entry.patient, entry.kind, entry.at) == ("nobody", "audit", NOW)

    def test_bad_input(self) -> None:
        store, clinic = store_at()
        for _ in range(3):
            store.record([an_entry(PRACTICE)])
        audit = clinic.audit
        page = audit.report(patient="ada", since=SINCE, limit=1)
        scope = f"audit ada {microseconds(SINCE)} None"
        made_up = [cursor(scope, text) for text in ("", "x y z", "1 2", "1.5 2 z")]
        cases: list[tuple[type[Exception], dict[str, Any]]] = [
            (InvalidNumber, {"limit": 0}),
            (InvalidNumber, {"limit": 1001}),
            (InvalidCursor, {"cursor": "x"}),
            (InvalidCursor, {"cursor": page.next, "patient": "bob"}),
            (InvalidCursor, {"cursor": page.next, "until": NOW}),
            *((InvalidCursor, {"cursor": one}) for one in made_up),
            (InvalidId, {"patient": ""}),
            (NaiveDatetime, {"since": datetime(2026, 1, 1)}),
            (NaiveDatetime, {"until": datetime(2026, 1, 1)}),
        ]
        for error, more in cases:
            asked: dict[str, Any] = {"patient": "ada", "since": SINCE, **more}
            with pytest.raises(error):
                audit.report(**asked)

    def test_a_store_without_an_audit(self) -> None:
        store = MemoryStore()
        audit = Scheduler(store).practice(PRACTICE).audit
        store.record([an_entry(PRACTICE)])
        for ask in (audit.seal, audit.verify, audit.retention):
            with pytest.raises(AuditNotKept, match="MemoryStore keeps no audit"):
                ask()
        with pytest.raises(AuditNotKept):
            audit.report(patient="ada", since=SINCE)
        with pytest.raises(AuditNotKept):
            list(audit.entries(patient="ada", since=SINCE))
        with pytest.raises(AuditNotKept):
            audit.retain(timedelta(days=5000))

    def test_a_retention_has_whole_days(self) -> None:
        _, clinic = store_at()
        for bad in (timedelta(days=3000, hours=1), timedelta(days=10**6), 3000, timedelta(days=9)):
            with pytest.raises(InvalidDuration):
                clinic.audit.retain(bad)
        assert filled(MemoryStore(audit=True), 0).audit.retain(timedelta(days=2192))


# ------------------------------------------------------------------------------- FHIR


def problems(event: dict[str, Any]) -> list[str]:
    """What an R4 AuditEvent must have, of what we write: https://hl7.org/fhir/R4/auditevent.html."""
    found = list[str]()

    def need(holds: bool, what: str) -> None:
        if not holds:
            found.append(what)

    def coding(one: Any, what: str) -> None:
        need(isinstance(one, dict) and one.keys() <= {"system", "code", "display"}, what)
        need(bool(one.get("system", "").startswith("http")) and bool(one.get("code")), what)

    def reference(one: Any, what: str) -> None:
        need(bool(one) and one.keys() <= {"reference", "type", "identifier", "display"}, what)
        if "reference" in one:
            kind, _, id = one["reference"].partition("/")
            need(kind.isalpha() and 1 <= len(id) <= 64, what)
            need(all(it.isascii() and (it.isalnum() or it in "-.") for it in id), what)

    known = {
        *("resourceType", "id", "type", "subtype", "action", "recorded", "outcome"),
        *("outcomeDesc", "purposeOfEvent", "agent", "source", "entity"),
    }
    need(event.keys() <= known, "elements")
    need(event["resourceType"] == "AuditEvent", "resourceType")
    coding(event["type"], "type")
    for one in event["subtype"]:
        coding(one, "subtype")
    need(event["action"] in set("CRUDE"), "action")
    need(event["outcome"] in {"0", "4", "8", "12"}, "outcome")
    at = datetime.fromisoformat(event["recorded"])
    need(at.tzinfo is not None, "recorded")
    for purpose in event.get("purposeOfEvent", []):
        for one in purpose["coding"]:
            coding(one, "purposeOfEvent")
            need(one["system"].endswith("v3-ActReason"), "purposeOfEvent")
    need(len(event["agent"]) >= 1, "agent")
    for agent in event["agent"]:
        need(agent.keys() <= {"who", "requestor", "role", "network"}, "agent")
        need(isinstance(agent["requestor"], bool), "agent.requestor")
        reference(agent["who"], "agent.who")
        if "network" in agent:
            need(agent["network"]["type"] in set("12345"), "agent.network.type")
            need(bool(agent["network"]["address"]), "agent.network.address")
    reference(event["source"]["observer"], "source.observer")
    for entity in event["entity"]:
        need(entity.keys() <= {"what", "type", "role", "description", "detail"}, "entity")
        coding(entity["type"], "entity.type")
        coding(entity["role"], "entity.role")
        if "what" in entity:
            reference(entity["what"], "entity.what")
        for detail in entity.get("detail", []):
            need(detail.keys() == {"type", "valueString"}, "entity.detail")
            need(all(isinstance(it, str) and it for it in detail.values()), "entity.detail")
    empty = [name for name, value in event.items() if value in ("", [], {}, None)]
    need(not empty, f"empty {empty}")
    return found


class TestFhir:
    @pytest.mark.parametrize("action", AuditAction)
    @pytest.mark.parametrize("outcome", AuditOutcome)
    @pytest.mark.parametrize("full", [True, False])
    def test_every_entry_makes_an_audit_event(
        self, action: AuditAction, outcome: AuditOutcome, full: bool
    ) -> None:
        make = full_entry if full else lambda **more: an_entry(PRACTICE, **more)
        for purpose in ["", *(one.value for one in Purpose)]:
            event = audit_event(make(action=action, outcome=outcome, purpose=purpose))
            assert problems(event) == []
            assert event["action"] == action.value[0].upper()
            assert event["outcome"] == {"done": "0", "denied": "4"}[outcome.value]

    def test_what_it_says(self) -> None:
        event = audit_event(full_entry(1))
        assert event["recorded"] == "2026-01-02T03:04:06.678901+00:00"
        assert event["agent"][0]["who"] == {"identifier": {"value": "dr-smith"}}
        assert event["agent"][0]["network"] == {"address": "10.1.2.3", "type": "2"}
        patient, record = event["entity"]
        assert patient["what"] == {"reference": "Patient/ada"}
        assert record["what"] == {"reference": "Appointment/visit-1"}
        told = [(one["type"], one["valueString"]) for one in record["detail"]]
        assert told[-2:] == [("field", "name"), ("field", "notes")]
        assert ("operation", "patient.get") in told
        codes = [one["coding"][0]["code"] for one in event["purposeOfEvent"]]
        assert codes == ["TREAT", "BTG"]

    @pytest.mark.parametrize("id", ["ehr 1", "x" * 65, "é", "a/b", "ehr-1\u200f"])
    def test_ids_that_are_none_in_fhir_are_identifiers(self, id: str) -> None:
        event = audit_event(full_entry(patient=id, record=id, id=id))
        assert problems(event) == []
        assert "id" not in event
        assert event["entity"][0]["what"] == {"identifier": {"value": id}, "type": "Patient"}

    def test_records_that_fhir_has_no_name_for(self) -> None:
        event = audit_event(full_entry(kind="waitlist-entry"))
        assert problems(event) == []
        assert event["entity"][1]["what"] == {"identifier": {"value": "visit-0"}}

    def test_the_validator_finds_what_is_missing(self) -> None:
        whole = audit_event(full_entry())
        assert problems({**whole, "outcome": "1"}) == ["outcome"]
        assert problems({**whole, "recorded": datetime(2026, 1, 1).isoformat()})
        assert problems({**whole, "entity": [{**whole["entity"][0], "name": "x"}]})
        assert datetime.fromisoformat(whole["recorded"]).astimezone(UTC) == AT
