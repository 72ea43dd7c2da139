"""A practice whose clock stands still and whose ids count, in memory and on each database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import cast

import pytest
from tests.databases import ENGINES, Databases

from medsched import MemoryStore, Practice, Scheduler
from medsched.testing.fixed import FixedClock, NumberedIds

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


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
