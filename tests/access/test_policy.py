"""The policy by role, asked directly: what it permits, what it reaches, and what a grant adds."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.access.world import DAYS, HOUR, NOW, World, start

from medsched import (
    Authentication,
    Decision,
    Grant,
    InvalidChoice,
    MemoryStore,
    NotAllowed,
    NotFound,
    Principal,
    Reach,
    Role,
    RolePolicy,
    Scheduler,
    Search,
)
from medsched.domain.access import EVERYTHING, NOTHING
from medsched.engine.access import KEEPING, OPERATIONS

pytest.importorskip("hypothesis", reason="the extra testing is not installed")

from hypothesis import given
from hypothesis import strategies as st

POLICY = RolePolicy()
OWN = {"patient": "ada", "provider": "smith", "locations": {"bay"}}


def principal(*roles: str, practice: str = "riverside") -> Principal:
    return Principal("kim", roles=roles, practice=practice, **OWN)  # type: ignore[arg-type]


def grant(**more: object) -> Grant:
    fields: dict[str, object] = {
        "id": "g",
        "principal": "kim",
        "locations": {"annex"},
        "patients": {"ben"},
        "starts": NOW - HOUR,
        "ends": NOW + HOUR,
        "reason": "covers",
        "granted_by": "boss",
    }
    return Grant(**(fields | more))  # type: ignore[arg-type]


def permitted(who: Principal, operation: str, practice: str = "riverside") -> bool:
    return POLICY.permits(who, operation, practice, NOW).allowed


def reach(who: Principal, *grants: Grant, operation: str = "appointment.read") -> Reach:
    return POLICY.reach(who, grants, operation, NOW)


@given(st.text(max_size=30), st.sets(st.sampled_from(["patient", "provider", "staff", "admin"])))
def test_what_no_table_names_is_denied(operation: str, roles: set[str]) -> None:
    if operation not in OPERATIONS:
        assert not permitted(principal(*roles), operation)
        assert reach(principal(*roles), grant(), operation=operation) == NOTHING
    assert permitted(Principal.trusted("host"), operation)


@given(st.sampled_from(sorted(OPERATIONS)), st.sets(st.sampled_from([*Role])))
def test_roles_add_up_and_take_nothing_away(operation: str, roles: set[Role]) -> None:
    roles = roles - {Role.SYSTEM}
    alone = [principal(role) for role in roles]
    assert permitted(principal(*roles), operation) == any(
        permitted(one, operation) for one in alone
    )
    together = NOTHING
    for one in alone:
        together |= reach(one, operation=operation)
    assert reach(principal(*roles), operation=operation) == together


@given(st.sampled_from(sorted(OPERATIONS)), st.sets(st.sampled_from(["patient", "staff", "admin"])))
def test_nobody_does_anything_in_another_practice(operation: str, roles: set[str]) -> None:
    assert not permitted(principal(*roles, practice="lakeside"), operation)


def test_each_role_reaches_its_own() -> None:
    assert reach(principal("patient")) == Reach(patients=frozenset({"ada"}))
    assert reach(principal("provider")) == Reach(providers=frozenset({"smith"}))
    assert reach(principal("staff")) == Reach(locations=frozenset({"bay"}), unplaced=True)
    assert reach(principal("admin")) == EVERYTHING
    assert reach(principal()) == NOTHING
    assert reach(Principal.trusted("host")) == EVERYTHING


def test_a_role_reaches_only_in_what_it_may_do() -> None:
    """An admin who is a patient, too, does not break the glass for the whole practice."""
    both = principal("patient", "staff")
    assert reach(both, operation="appointment.fulfil").patients == frozenset()
    assert reach(both, operation="appointment.read").patients == {"ada"}
    assert not reach(principal("provider", "admin"), operation="access.break-glass").everything


@pytest.mark.parametrize("role", ["provider", "staff"])
def test_a_grant_in_force_adds_places_and_patients(role: str) -> None:
    own = reach(principal(role))
    added = Reach(locations=frozenset({"annex"}), patients=frozenset({"ben"}))
    assert reach(principal(role), grant()) == own | added


@pytest.mark.parametrize("role", ["patient", "admin"])
def test_a_grant_adds_nothing_for_others(role: str) -> None:
    assert reach(principal(role), grant()) == reach(principal(role))


@pytest.mark.parametrize(
    "over",
    [
        {"ends": NOW},
        {"starts": NOW + timedelta(microseconds=1)},
        {"active": False},
        {"principal": "lee"},
    ],
)
def test_a_grant_that_is_not_in_force_adds_nothing(over: dict[str, object]) -> None:
    assert reach(principal("staff"), grant(**over)) == reach(principal("staff"))


def test_a_grant_begins_at_once_and_its_end_is_exclusive() -> None:
    one = grant(starts=NOW, ends=NOW + timedelta(microseconds=1))
    assert reach(principal("staff"), one).patients == {"ben"}
    later = POLICY.reach(principal("staff"), [one], "appointment.read", one.ends)
    assert later.patients == frozenset()


def test_a_grant_never_adds_an_operation() -> None:
    for operation in OPERATIONS:
        who = principal("staff")
        assert bool(reach(who, grant(), operation=operation).patients) <= permitted(who, operation)


def test_a_grant_for_a_clinic_lets_no_provider_change_its_hours() -> None:
    for operation in KEEPING & {one for one, roles in OPERATIONS.items() if Role.STAFF in roles}:
        assert reach(principal("provider"), grant(), operation=operation).locations == frozenset()
        assert "annex" in reach(principal("staff"), grant(), operation=operation).locations


def test_a_decision_says_why() -> None:
    def why(who: Principal, operation: str) -> str:
        return POLICY.permits(who, operation, "riverside", NOW).reason

    assert why(principal("staff", "provider"), "hold.place") == "allowed to provider, staff"
    assert why(principal("staff"), "hold.sweep") == "not allowed to staff"
    assert why(principal(), "hold.place") == "they have no role"
    assert why(principal("admin"), "no.such") == "no rule allows it"
    assert (
        why(principal("admin", practice="lakeside"), "hold.place") == "they act in another practice"
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"roles": "boss"},
        {"roles": "staff", "practice": None},
        {"practice": None},
        {"roles": "patient", "patient": None},
        {"roles": "provider", "provider": None},
    ],
)
def test_a_principal_who_cannot_be_is_refused(fields: dict[str, object]) -> None:
    given: dict[str, object] = {"practice": "riverside", **OWN}
    with pytest.raises(InvalidChoice):
        Principal("kim", **(given | fields))  # type: ignore[arg-type]


def test_only_the_host_is_called_system() -> None:
    """Whoever had its id could confirm and give back what it holds."""
    for roles in ((), ("patient",), ("admin",)):
        with pytest.raises(InvalidChoice, match="host"):
            Principal("system", roles=roles, practice="riverside", patient="ada")
    assert Principal.trusted("system").is_trusted
    assert Principal("System", practice="riverside").id == "System"


@pytest.mark.parametrize("what", [None, "kim", {"id": "kim"}, Principal])
def test_what_is_no_principal_acts_for_nobody(what: Any) -> None:
    """Above all it is not taken for the host."""
    scheduler = Scheduler(MemoryStore())
    calls: list[Callable[[], object]] = [
        lambda: scheduler.practice("riverside", principal=what),
        lambda: scheduler.practice("riverside").acting_as(what),
    ]
    for call in calls:
        with pytest.raises(InvalidChoice) as refused:
            call()
        told = (refused.value.field, refused.value.value)
        assert told == ("principal", type(what).__name__)


@pytest.mark.parametrize("what", ["yes", True, {"at": NOW}, NOW])
def test_how_somebody_was_authenticated_is_said_in_full(what: Any) -> None:
    with pytest.raises(InvalidChoice, match=type(what).__name__):
        Principal("kim", practice="riverside", authenticated=what)


@pytest.mark.parametrize(
    "fields", [{"at": "today"}, {"at": None}, {"mfa_at": 5}, {"mfa_at": "now"}, {"methods": 5}]
)
def test_an_authentication_of_other_types_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidChoice):
        Authentication(**({"at": NOW} | fields))


# ------------------------------------------------------------------- a host's own rules


class OnCall:
    """A host's policy: whoever is on call sees everybody, and writes nothing."""

    def permits(
        self, principal: Principal, operation: str, practice: str, now: datetime
    ) -> Decision:
        reads = operation.endswith((".read", ".list"))
        return Decision(reads and principal.practice == practice, "by the rota")

    def reach(
        self, principal: Principal, grants: Collection[Grant], operation: str, now: datetime
    ) -> Reach:
        return EVERYTHING if principal.id == "on-call" else NOTHING


def test_a_host_brings_rules_of_its_own() -> None:
    world = World()
    scheduler = Scheduler(world.store, clock=world.clock, policy=OnCall())
    on_call = scheduler.practice("riverside", principal=Principal("on-call", practice="riverside"))
    assert len(on_call.patients.list()) == 5
    assert on_call.access.may("patient.read") == Decision(True, "by the rota")
    with pytest.raises(NotAllowed, match="by the rota"):
        on_call.appointments.cancel("ada@smith")
    at_home = on_call.acting_as(Principal("at-home", practice="riverside"))
    assert list(at_home.patients.list()) == []
    with pytest.raises(NotFound):
        at_home.patients.get("ada")
    assert scheduler.practice("riverside").appointments.cancel("ada@smith").status == "cancelled"


def test_a_policy_is_asked_once_for_each_command_and_never_of_the_host() -> None:
    asked: list[str] = []

    class Watched(RolePolicy):
        def permits(
            self, principal: Principal, operation: str, practice: str, now: datetime
        ) -> Decision:
            asked.append(operation)
            return super().permits(principal, operation, practice, now)

    world = World()
    clinic = Scheduler(world.store, clock=world.clock, policy=Watched()).practice("riverside")
    clinic.appointments.book(start("smith", 14, 9), patient="ada")
    assert asked == []
    clinic.acting_as(world.principal("ada")).appointments.book(
        start("smith", 14, 10), patient="ada"
    )
    clinic.acting_as(world.principal("bay")).appointments.book_first(
        Search(first=DAYS[0], last=DAYS[1], providers="smith"), patient="ada"
    )
    assert asked == ["appointment.book", "appointment.book-first"]
