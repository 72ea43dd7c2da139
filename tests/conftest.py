"""What every test may use."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from tests.databases import ENGINES, Databases, missing

try:
    from hypothesis import HealthCheck, settings
except ModuleNotFoundError:  # the tests run without extras too; property tests skip themselves
    pass
else:
    # No deadline: the first example pays for reading a zone, and machines differ. Always random:
    # Hypothesis would repeat the same examples for ever where the variable CI is set.
    settings.register_profile("default", deadline=None, print_blob=True, derandomize=False)
    settings.register_profile(
        "ci",
        settings.get_profile("default"),
        derandomize=True,  # a gate gives the same answer twice; new examples are drawn by hand
        suppress_health_check=[HealthCheck.too_slow],  # a shared machine may stall
    )
    settings.load_profile(os.environ.get("MEDSCHED_HYPOTHESIS_PROFILE", "default"))

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The recorded clinics, which are not part of the project: `data` in MEDSCHED_SHARED."""
    shared = os.environ.get("MEDSCHED_SHARED")
    data = (Path(shared) if shared else ROOT.parent / "shared") / "data"
    if not data.is_dir():
        pytest.skip(f"the shared data is not here: {data}")
    return data


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """A store in memory and one on each database: started when asked for, stopped at the end."""
    databases = Databases()
    yield databases
    databases.close()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter,
) -> Generator[None, None, None]:
    """Say loudly, after all else, which databases were not tested."""
    yield
    untested = [(engine, why) for engine in ENGINES if (why := missing(engine)) is not None]
    if untested:
        terminalreporter.section("DATABASES THAT WERE NOT TESTED", sep="!", red=True, bold=True)
        for engine, why in untested:
            terminalreporter.line(f"{engine}: {why}", red=True, bold=True)
