"""The command as such: what it takes, how it ends, what it says about bad input."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]
JANUARY = ("--now", "2026-01-01")


def test_help_lists_the_commands(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    for command in ("demo", "slots", "explain", "check", "day"):
        assert command in out


def test_without_a_command_it_tells_how_it_is_used(run: Run) -> None:
    code, out, err = run()
    assert (code, out) == (2, "")
    assert "usage: medsched" in err


def test_the_version(run: Run) -> None:
    code, out, _ = run("--version")
    assert code == 0
    assert out.startswith("medsched ")


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "medsched", "demo"],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "49 slots in all" in done.stdout


@pytest.mark.parametrize("command", ["slots", "explain", "check", "day"])
def test_a_missing_file_is_one_line(run: Run, command: str) -> None:
    options = ["--provider", "smith", "--type", "visit"] if command in ("slots", "explain") else []
    options += ["--at", "2026-01-05T09:00"] if command == "explain" else []
    if command == "day":
        pytest.importorskip("rich")
    code, out, err = run(command, "nowhere.toml", *options)
    assert (code, out) == (2, "")
    assert "nowhere.toml" in err
    assert "there is no such file" in err


def test_a_file_with_mistakes_lists_them_all(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "clinic.toml"
    path.write_text('[practice]\nid = "p"\n[[provider]]\n[[staff]]\nid = 7\n', "utf-8")
    code, out, err = run("slots", str(path), "--provider", "a", "--type", "b")
    assert (code, out) == (2, "")
    assert "3 problem(s)" in err
    for told in ("practice.timezone", "did you mean 'providers'?", "staff[0].id"):
        assert told in err


@pytest.mark.parametrize(
    "options, told",
    [
        (["--provider", "smiht"], "--provider: there is no provider 'smiht'"),
        (["--provider", "smiht"], "did you mean 'smith'?"),
        (["--type", "vist"], "--type: there is no appointment type 'vist'"),
        (["--patient", "nobody"], "no patient 'nobody'"),
        (["--timezone", "Mars/Olympus"], "--timezone: time zone 'Mars/Olympus' is not in the IANA"),
        (["--timezone", "../etc/passwd"], "is not in the IANA"),
        (["--timezone", ""], "is not in the IANA"),
        (["--timezone", "EST5EDT "], "is not in the IANA"),
        (["--from", "tomorrow"], "--from: a date (2026-01-05)"),
        (["--from", "2026-02-30"], "--from: there is no such date (got '2026-02-30')"),
        (["--from", "2026-02-30T09:00"], "--from: a date"),
        (["--from", "9999-01-01"], "--from: outside 1973 to 9998"),
        (["--from", "9999-01-02T00:00Z"], "--from: outside 1973 to 9998"),
        (["--from", "9999-12-31T23:59"], "--from: outside 1973 to 9998"),
        (["--from", "2026-01-05T09:00:30"], "--from: whole minutes are needed"),
        (["--from", "2026-01-05T25:00"], "--from: a date"),
        (["--to", "2026-01-04"], "--to: 2026-01-04 is before 2026-01-05"),
        (["--to", "2030-01-04"], "--to: more than 732 days after --from"),
        (["--to", "soon"], "--to: a date"),
        (["--now", "now"], "--now: a date"),
        (
            ["--from", "2026-03-08T02:30"],
            "--from: 2026-03-08 02:30 does not exist in America/New_York",
        ),
        (
            ["--from", "2026-11-01T01:30"],
            "write 2026-11-01T01:30-04:00 or 2026-11-01T01:30-05:00",
        ),
    ],
)
def test_bad_arguments_are_told_in_one_line(
    run: Run, clinic: str, options: list[str], told: str
) -> None:
    given = ["--provider", "smith", "--type", "visit", "--from", "2026-01-05", *JANUARY]
    code, out, err = run("slots", clinic, *given, *options)
    assert (code, out) == (2, "")
    assert told in err
    assert err.startswith("medsched: ")
    assert err.count("\n") == 1


def test_a_wall_time_that_comes_twice_can_be_told_apart(run: Run, clinic: str) -> None:
    for offset in ("-04:00", "-05:00"):
        at = f"2026-11-01T01:30{offset}"
        code, _, err = run(
            "explain", clinic, "--provider", "smith", "--type", "visit", "--at", at, *JANUARY
        )
        assert (code, err) == (1, "")
