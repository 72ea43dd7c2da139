"""Every example runs by itself, as a reader would run it."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
SCRIPTS: Final = sorted(EXAMPLES.glob("*.py"))
NEEDS: Final = {"script_on_sqlite": "sqlalchemy"}
"""What an example needs beside the core."""
SHOWN: Final = {
    "script_on_sqlite": """\
free: Wed 09:00 Wed 09:30 Wed 10:00
ada is booked Wed 09:00
bob is refused: Dr. Smith has an appointment from 2026-03-04 09:00 to 2026-03-04 09:30
instead: Wed 09:30 Wed 10:00 Fri 09:00
bob is booked Wed 09:30
cleo waits for 09:00; offers made: 0
ada is moved to Wed 10:00; offers made: 1
cleo is booked Wed 09:00
the day:
  09:00 cleo REF-4
  09:30 bob REF-3
  10:00 ada REF-1
""",
}
"""What an example prints, to the letter."""


@pytest.mark.parametrize("example", SCRIPTS, ids=lambda path: path.stem)
def test_an_example_runs(example: Path) -> None:
    needed = NEEDS.get(example.stem)
    if needed is not None and find_spec(needed) is None:
        pytest.skip(f"{example.name} is NOT tested: the extra {needed} is not installed")
    run = subprocess.run([sys.executable, str(example)], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout
    assert run.stdout == SHOWN.get(example.stem, run.stdout)


def test_there_are_examples() -> None:
    assert {example.stem for example in SCRIPTS} >= {"week_of_a_clinic", *SHOWN}
