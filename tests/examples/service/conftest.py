"""One running service for each module of tests; each test has a practice of its own on it.

On SQLite, or on the database that MEDSCHED_SERVICE_TESTS names.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.databases import started

from medsched.testing.fixed import FixedClock

if TYPE_CHECKING:
    from tests.examples.service.serving import Serving

sys.path.insert(0, str(Path(__file__).parents[3] / "examples" / "fastapi_service"))


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A server, whose clock stands at the module's ``NOW`` if it states one."""
    if find_spec("fastapi") is None:
        pytest.skip("the dependency group service is not installed")
    from tests.examples.service.serving import serving

    now = getattr(request.module, "NOW", None)
    clock = None if now is None else FixedClock(now)
    with (
        started(os.environ.get("MEDSCHED_SERVICE_TESTS", "sqlite")) as database,
        serving(database, clock=clock, **getattr(request.module, "SETTINGS", {})) as running,
    ):
        yield running


@pytest.fixture
def empty(server: Serving) -> Iterator[Serving]:
    """A practice that nobody has seen, without anything in it."""
    running = server.another()
    yield running
    running.close()
