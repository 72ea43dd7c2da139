"""``medsched check``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Run = Callable[..., tuple[int, str, str]]


def test_a_good_file_and_what_may_surprise_in_it(run: Run, clinic: str) -> None:
    code, out, err = run("check", clinic, "--now", "2026-01-01")
    assert (code, err) == (0, "")
    assert "no mistakes (2 providers, 2 locations, 2 appointment types, 2 rules, 1 override)" in out
    spring, away, autumn = out.splitlines()[2:]
    assert "2026-03-07" in spring
    assert "whole_shifts" in away
    assert "2026-10-31" in autumn


def test_nothing_surprising(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "clinic.toml"
    path.write_text('[practice]\nid = "p"\ntimezone = "Asia/Tokyo"\n', "utf-8")
    code, out, _ = run("check", str(path), "--now", "2026-01-01")
    assert code == 0
    assert "Nothing surprising from 2026-01-01 to 2027-01-02" in out


def test_mistakes_end_with_1(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "clinic.toml"
    path.write_text(
        '[practice]\nid = "p"\ntimezone = "Asia/Tokyo"\n[[providers]]\nid = "a"\n'
        '[[rules]]\nprovider = "a"\nrepeat = "daily"\nhours = "09:00-17:00"\n'
        '[[rules]]\nprovider = "a"\nrepeat = "daily"\nhours = "16:00-18:00"\n'
        '[[rules]]\nprovider = "b"\nrepeat = "daily"\nhours = "16:00-18:00"\n',
        "utf-8",
    )
    code, out, err = run("check", str(path))
    assert (code, out) == (1, "")
    assert "2 problem(s)" in err
    assert "rules 'rules[0]' and 'rules[1]' of 'a' overlap, first at " in err
    assert "rules[2].provider: there is no provider 'b'" in err


def test_what_is_no_clinic_file_ends_with_2(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "clinic.toml"
    path.write_text("[practice\n", "utf-8")
    code, _, err = run("check", str(path))
    assert code == 2
    assert "line 1" in err
