"""A store that rivals fight over: in memory, and on each database."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator, Iterator
from random import SystemRandom

import pytest
from tests.databases import ENGINES, Databases
from tests.races.kit import Arena

SEED = os.environ.get("MEDSCHED_RACES_SEED") or str(SystemRandom().randrange(10**6, 10**9))
SCORE: Counter[tuple[str, str]] = Counter()


@pytest.fixture(params=["memory", *ENGINES])
def arena(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Arena]:
    """An empty store, and a way to race on it. A failure tells the seed of what was by chance."""
    kind = request.param
    request.node.add_report_section("setup", "seed", f"MEDSCHED_RACES_SEED={SEED}")
    yield Arena(kind, databases.store(kind), SEED, SCORE)
    databases.check_returned(kind)


@pytest.hookimpl(wrapper=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter,
) -> Generator[None, None, None]:
    """Say how often the store was busy, and the seed."""
    yield
    kinds = [kind for kind in ("memory", *ENGINES) if SCORE[kind, "attempts"]]
    if kinds:
        terminalreporter.section(f"races, seed {SEED}")
    for kind in kinds:
        told = ", ".join(
            f"{SCORE[kind, what]:,} {what}"
            for what in ("attempts", "booked", "refused", "busy", "deadlocks")
        )
        terminalreporter.line(f"{kind}: {told}")
