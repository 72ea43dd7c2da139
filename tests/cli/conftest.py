"""A clinic file for the command to work on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from medsched.cli import main

CLINIC = """\
[practice]
id = "riverside"
name = "Riverside Family Practice"
timezone = "America/New_York"

[[locations]]
id = "main"
name = "Main Street"

[[locations]]
id = "west"
timezone = "America/Los_Angeles"

[[types]]
code = "visit"
duration = "30m"
pricing = { base_fee = "150.00" }
special_requirements = ["fasting"]

[[types]]
code = "group"
duration = "1h"
capacity = 8

[[providers]]
id = "smith"
name = "Dr. Smith"
location = "main"

[[providers]]
id = "jones"
location = "west"

[[patients]]
id = "ehr-1"

[[rules]]
id = "mornings"
provider = "smith"
days = "MO-FR"
hours = "09:00-12:00"

[[rules]]
id = "nights"
provider = "jones"
days = "SA"
hours = "22:00-06:00 overnight"

[[blockings]]
provider = "smith"
days = "MO"
hours = "11:00-11:30"
reason = "team meeting"

[[time_off]]
id = "away"
provider = "jones"
date = 2026-05-03
reason = "family"

[[busy]]
provider = "smith"
patient = "ehr-1"
start = 2026-01-05T09:30:00
duration = "30m"

[[busy]]
provider = "smith"
kind = "hold"
start = 2026-01-05T10:00:00
duration = "30m"
expires = 2026-01-05T08:00:00

[[busy]]
provider = "smith"
type = "group"
start = 2026-01-06T09:00:00
seats_taken = 3
"""


@pytest.fixture
def clinic(tmp_path: Path) -> str:
    path = tmp_path / "riverside.toml"
    path.write_text(CLINIC, "utf-8")
    return str(path)


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process: (exit code, stdout, stderr)."""

    def command(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        return code, told.out, told.err

    return command
