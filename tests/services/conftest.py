"""A practice whose clock stands still and whose ids count."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from medsched import MemoryStore, Practice, Scheduler
from medsched.testing.fixed import FixedClock, NumberedIds

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def scheduler(store: MemoryStore, clock: FixedClock) -> Scheduler:
    return Scheduler(store, clock=clock, ids=NumberedIds())


@pytest.fixture
def clinic(scheduler: Scheduler) -> Practice:
    return scheduler.practice("riverside")
