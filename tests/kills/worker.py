"""A process for the kill runs of one database: ``python -m tests.kills.worker``.

It does nothing else, so that it stays small: a copy of it is made for each kill, and what the
tests of a whole session leave in memory would cost more than the kills.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any, Final

import attrs
import sqlalchemy as sa
from tests.kills.commands import COMMANDS
from tests.kills.faults import FAULTS
from tests.kills.runs import KillRuns, Report

_ROOT: Final = Path(__file__).parents[2]


class Worker:
    """Such a process, and what it is asked: one line of JSON each way."""

    def __init__(self, url: sa.URL) -> None:
        paths = [str(_ROOT), *(path for path in sys.path if path)]
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", __name__],
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._tell(url.render_as_string(hide_password=False))

    def kill(self, command: str, *, every: int = 1, fault: str = "none") -> Report:
        """Kill a command at its points: at whatever may commit, and at one of so many others."""
        self._tell({"command": command, "every": every, "fault": fault})
        assert self._process.stdout is not None
        told = json.loads(self._process.stdout.readline() or '{"error": "the worker ended"}')
        if "error" in told:
            raise AssertionError(told["error"])
        return Report(**told)

    def close(self) -> None:
        """End it, once it has cleaned up."""
        try:
            self._process.communicate(timeout=60)
        finally:
            self._process.kill()  # of no effect on one that has ended

    def _tell(self, told: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()


def serve() -> None:
    """Do what is asked, line by line, until nothing more is."""
    asked = map(json.loads, sys.stdin)
    runs = KillRuns(sa.make_url(next(asked)))
    for one in asked:
        try:
            (command,) = (command for command in COMMANDS if command.name == one["command"])
            with FAULTS[one["fault"]](runs.store):
                answer = attrs.asdict(runs.run(command, every=one["every"]))
        except Exception:
            answer = {"error": traceback.format_exc()}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    runs.close()


if __name__ == "__main__":
    serve()
