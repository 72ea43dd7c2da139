"""No command without a gate: each names an operation before it reads or writes anything.

Every public method that can be reached from a `Practice` is called under a policy that allows
nothing, over a store that must not be asked. What the syntax trees name is held against the table
of operations, and the table against what is named.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.access.commands import commands, methods

from medsched import MemoryStore, NotAllowed, Practice, Principal, Role, Scheduler
from medsched.domain.access import EVERYTHING, Decision, Grant, Reach
from medsched.engine.access import KEEPING, OPERATIONS

SERVICES = Path(__file__).parents[2] / "src" / "medsched" / "services"
NOBODY = Principal("nobody", roles={Role.ADMIN}, practice="riverside")
ASKING = {"admit", "also", "_admit"}


class DenyingAll:
    """A policy that allows nothing, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def permits(
        self, principal: Principal, operation: str, practice: str, now: datetime
    ) -> Decision:
        self.asked.append(operation)
        return Decision(False, "nothing is allowed")

    def reach(
        self, principal: Principal, grants: Collection[Grant], operation: str, now: datetime
    ) -> Reach:
        return EVERYTHING


class SealedStore(MemoryStore):
    """A store of which nothing may be asked but what belongs to no practice."""

    def __getattribute__(self, name: str) -> Any:
        if name == "audited":
            return False
        if name in {"surroundings", "retries", "_surroundings", "__class__"}:
            return super().__getattribute__(name)
        raise AssertionError(f"the store was asked: {name}")


def sealed() -> tuple[Practice, DenyingAll]:
    policy, store = DenyingAll(), SealedStore.__new__(SealedStore)
    object.__setattr__(store, "_surroundings", MemoryStore().surroundings)
    return Scheduler(store, policy=policy).practice("riverside", principal=NOBODY), policy


PRACTICE, POLICY = sealed()
COMMANDS = dict(commands(PRACTICE))


def test_the_commands_are_found() -> None:
    assert len(COMMANDS) > 150
    few = {"practice.patients.create", "practice.changes.__call__", "practice.waitlist.offers.get"}
    assert few | {"add_all", "tallies", "practice.availability.rules.delete"} <= COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_asks_before_it_does_anything(name: str) -> None:
    POLICY.asked.clear()
    with pytest.raises(NotAllowed) as refused:
        COMMANDS[name]()
    assert POLICY.asked == [refused.value.operation]
    assert refused.value.operation in OPERATIONS


def test_a_method_without_a_gate_is_found_out() -> None:
    class Open:
        def read(self) -> str:
            return "all"

        def __call__(self) -> None: ...

        def _hidden(self) -> None: ...

    assert list(methods(Open())) == ["__call__", "read"]


def named(source: str) -> Iterator[str]:
    """The operations that a module names in full where it asks for leave."""
    tree = ast.parse(source)
    constants = {
        target.id: node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    for node in calls:
        if isinstance(node.func, ast.Attribute) and node.func.attr in ASKING:
            for one in ast.walk(node.args[0]):
                value = constants.get(one.id) if isinstance(one, ast.Name) else None
                value = one.value if isinstance(one, ast.Constant) else value
                if isinstance(value, str) and "." in value.strip("."):
                    yield value


def test_the_table_names_what_the_services_ask_for_and_nothing_else() -> None:
    asked = set()
    for name in COMMANDS:
        POLICY.asked.clear()
        with pytest.raises(NotAllowed):
            COMMANDS[name]()
        asked.update(POLICY.asked)
    for path in SERVICES.glob("*.py"):
        asked.update(named(path.read_text("utf-8")))
    assert asked == set(OPERATIONS)
    assert set(OPERATIONS) >= KEEPING


def test_what_is_named_is_found_in_a_syntax_tree() -> None:
    source = """
_ONE: Final = "a.one"
class X:
    def f(self):
        self.gate.also(_ONE)
        self.context.admit("a.two" if self else "a.three")
        self.other("a.four")
"""
    assert sorted(named(source)) == ["a.one", "a.three", "a.two"]
