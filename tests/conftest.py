"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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
