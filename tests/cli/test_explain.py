"""``medsched explain``."""

from __future__ import annotations

from collections.abc import Callable

Run = Callable[..., tuple[int, str, str]]
ASKED = ("--provider", "smith", "--type", "visit", "--now", "2026-01-01")


def test_what_is_offered_ends_with_0(run: Run, clinic: str) -> None:
    code, out, err = run("explain", clinic, *ASKED, "--at", "2026-01-05T09:00")
    assert (code, err) == (0, "")
    assert "is offered" in out
    assert "09:00-12:00" in out


def test_what_is_refused_ends_with_1_and_its_reasons(run: Run, clinic: str) -> None:
    code, out, err = run("explain", clinic, *ASKED, "--at", "2026-01-05T09:45")
    assert (code, err) == (1, "")
    assert "is not offered" in out
    assert "appointment" in out
    assert "09:30" in out


def test_a_blocking_is_named(run: Run, clinic: str) -> None:
    code, out, _ = run("explain", clinic, *ASKED, "--at", "2026-01-05T11:00")
    assert code == 1
    assert "team meeting" in out


def test_the_past_is_a_reason(run: Run, clinic: str) -> None:
    code, out, _ = run(
        "explain", clinic, *ASKED[:4], "--now", "2026-02-01", "--at", "2026-01-05T09:00"
    )
    assert code == 1
    assert "is not offered" in out
    _, _, err = run("explain", clinic, *ASKED[:4], "--at", "2020-01-06T09:00")
    assert "--now" in err


def test_a_date_is_told_stretch_by_stretch(run: Run, clinic: str) -> None:
    code, out, _ = run("explain", clinic, *ASKED, "--at", "2026-01-05")
    assert code == 0
    lines = [line.split("  ")[1:3] for line in out.splitlines()[1:]]
    assert lines == [
        ["00:00-09:00", "closed"],
        ["09:00-09:30", "open"],
        ["09:30-10:00", "open"],
        ["10:00-10:30", "open"],
        ["10:30-11:00", "open"],
        ["11:00-11:30", "closed"],
        ["11:30-12:00", "open"],
        ["12:00-24:00", "closed"],
    ]
    assert [line.split(";")[1:] for line in out.splitlines()[2:5]] == [
        [],
        [" booked"],
        [" held for somebody"],
    ]


def test_a_wall_time_is_meant_in_the_viewers_zone(run: Run, clinic: str) -> None:
    code, out, _ = run(
        "explain", clinic, *ASKED, "--at", "2026-01-05T23:00", "--timezone", "Asia/Tokyo"
    )
    assert code == 0
    assert "09:00 (America/New_York) is offered" in out
    assert "(In Asia/Tokyo that is Monday 5 January 2026, 23:00.)" in out


def test_bad_input_ends_with_2(run: Run, clinic: str) -> None:
    code, out, err = run("explain", clinic, *ASKED, "--at", "9:45")
    assert (code, out) == (2, "")
    assert err.startswith("medsched: --at:")
