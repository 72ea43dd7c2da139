"""``medsched day``: the drawing, and that it needs no colours."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from medsched.cli import main

Run = Callable[..., tuple[int, str, str]]
DATE = ("--date", "2026-01-05", "--now", "2026-01-01")


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)


def test_each_state_has_a_sign_of_its_own(run: Run, clinic: str) -> None:
    code, out, err = run("day", clinic, *DATE, "--provider", "smith")
    assert (code, err) == (0, "")
    assert "\x1b" not in out  # no terminal, no colours
    lines = [line.rstrip() for line in out.splitlines()]
    assert lines[0] == "Monday 5 January 2026"
    assert lines[1] == "· closed   □ open   ◇ held   ╳ blocked   ■ booked"
    assert lines[4:6] == [
        "                  08  09  10  11  12",
        "Dr. Smith         ····□□■■◇◇□□╳╳□□····",
    ]
    assert " ".join(line.strip() for line in lines[6:]) == (
        "09:00-09:30 open, 09:30-10:00 booked, 10:00-10:30 held, 10:30-11:00 open,"
        " 11:00-11:30 blocked, 11:30-12:00 open"
    )


def test_every_provider_in_its_own_zone(run: Run, clinic: str) -> None:
    code, out, _ = run("day", clinic, "--date", "2026-01-10", "--now", "2026-01-01")
    assert code == 0
    east, west = out.split("America/Los_Angeles")
    assert "America/New_York" in east
    assert "closed all day" in east
    assert "22:00-24:00 open" in west


def test_a_night_with_a_clock_change(run: Run, clinic: str) -> None:
    _, out, _ = run(
        "day", clinic, "--date", "2026-03-08", "--provider", "jones", "--now", "2026-01-01"
    )
    assert "00  01  03  04  05  06" in out
    assert "00:00-06:00 open" in out
    _, out, _ = run(
        "day", clinic, "--date", "2026-11-01", "--provider", "jones", "--now", "2026-01-01"
    )
    assert "00  01  01  02  03" in out


def test_one_zone_for_all(run: Run, clinic: str) -> None:
    _, out, _ = run("day", clinic, *DATE, "--timezone", "UTC")
    assert "America" not in out
    assert "14:00-14:30 open" in out


def test_a_narrow_terminal_has_wider_cells(
    run: Run, clinic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "36")
    _, out, _ = run("day", clinic, *DATE, "--provider", "smith")
    assert "Dr. Smith         ··□■◇□╳□··\n" in out
    assert max(map(len, out.splitlines()[2:])) <= 40


def test_colours_only_where_they_are_wanted(
    run: Run, clinic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in run("day", clinic, *DATE)[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in run("day", clinic, *DATE)[1]


def test_an_output_without_such_signs_gets_ascii(
    clinic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    assert main(["day", clinic, *DATE, "--provider", "smith"]) == 0
    sys.stdout.flush()
    assert b"....oo##??ooxxoo...." in raw.getvalue()


@pytest.mark.parametrize(
    "options, told",
    [
        (["--date", "2026-02-30"], "--date: there is no such date"),
        (["--date", "today"], "--date: a date is needed"),
        (["--provider", "x"], "--provider: there is no provider 'x'"),
    ],
)
def test_bad_input(run: Run, clinic: str, options: list[str], told: str) -> None:
    code, out, err = run("day", clinic, *options)
    assert (code, out) == (2, "")
    assert told in err


def test_without_rich_it_says_what_to_install(
    run: Run, clinic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "rich"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    code, out, err = run("day", clinic)
    assert (code, out) == (2, "")
    assert "medsched[cli]" in err


def test_a_practice_without_providers(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "clinic.toml"
    path.write_text('[practice]\nid = "p"\ntimezone = "Asia/Tokyo"\n', "utf-8")
    code, out, _ = run("day", str(path), *DATE)
    assert code == 0
    assert "no providers" in out
