"""Every store answers and shows what the one in memory does, whatever is done to them.

MEDSCHED_STATEFUL is what the number of examples is multiplied by.
"""

from __future__ import annotations

import os

import pytest
from tests.databases import ENGINES, Databases

pytest.importorskip("hypothesis", reason="the extra testing is not installed")

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.stateful.everything import Everything
from tests.stateful.subjects import Subject

SCALE = float(os.environ.get("MEDSCHED_STATEFUL", "0.6"))
EXAMPLES = {"sqlite": 20, "postgresql": 10, "mariadb": 10}
STEPS = 50


@pytest.mark.parametrize("kind", ENGINES)
def test_a_database_does_what_the_memory_does(kind: str, databases: Databases) -> None:
    databases.store(kind)  # started before it is measured

    class Both(Everything):
        def __init__(self) -> None:
            super().__init__([Subject(name, databases.store(name)) for name in ("memory", kind)])

    run_state_machine_as_test(
        Both,
        settings=settings(
            max_examples=max(1, round(EXAMPLES[kind] * SCALE)),
            stateful_step_count=STEPS,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
    databases.check_returned(kind)
