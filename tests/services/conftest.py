"""A practice whose clock stands still and whose ids count, in memory and on each database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast
from zlib import crc32

import pytest
from tests.databases import ENGINES, Databases

from medsched import MemoryStore, Practice, Scheduler
from medsched.testing.fixed import FixedClock, NumberedIds

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
SERVERS = ("postgresql", "mariadb")
ALL = os.environ.get("MEDSCHED_DATABASES") == "all"
"""Whether each test runs on both servers, and not, as it does otherwise, on one of the two."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run each test in memory, on SQLite, and on one of the servers: always the same one."""
    if ALL:
        return
    here, left = Path(__file__).parent, []
    for item in items:
        params = (
            item.callspec.params
            if isinstance(item, pytest.Function) and hasattr(item, "callspec")
            else {}
        )
        kind = params.get("store")
        if here in item.path.parents and kind in SERVERS:
            name = item.nodeid.replace(str(kind), "")
            if SERVERS[crc32(name.encode()) % 2] != kind:
                left.append(item)
    gone = set(left)
    items[:] = [item for item in items if item not in gone]
    config.hook.pytest_deselected(items=left)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture(params=["memory", *ENGINES])
def store(request: pytest.FixtureRequest, databases: Databases) -> Iterator[MemoryStore]:
    """An empty store. Tests take it for a `MemoryStore`, whose `events` every store here has."""
    yield cast("MemoryStore", databases.store(request.param))
    databases.check_returned(request.param)


@pytest.fixture
def scheduler(store: MemoryStore, clock: FixedClock) -> Scheduler:
    return Scheduler(store, clock=clock, ids=NumberedIds())


@pytest.fixture
def clinic(scheduler: Scheduler) -> Practice:
    return scheduler.practice("riverside")
