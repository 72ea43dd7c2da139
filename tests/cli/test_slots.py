"""``medsched slots``."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

import pytest

from medsched.domain.slots import read_slot_id

Run = Callable[..., tuple[int, str, str]]
ASKED = ("--provider", "smith", "--type", "visit", "--now", "2026-01-01")
MONDAY = ("--from", "2026-01-05", "--to", "2026-01-05")


def starts(out: str) -> list[str]:
    return [line[2:7] for line in out.splitlines() if line.startswith("  ")]


def test_the_slots_of_a_date(run: Run, clinic: str) -> None:
    code, out, err = run("slots", clinic, *ASKED, *MONDAY)
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "Dr. Smith, visit, America/New_York: 3 slots"
    assert "Monday 5 January 2026" in out
    # 09:30 is booked, 10:00 held, 11:00 the team's meeting
    assert starts(out) == ["09:00", "10:30", "11:30"]
    assert "09:00-09:30 UTC-05:00  150.00 USD  fasting" in out


def test_what_is_taken_can_be_listed_too(run: Run, clinic: str) -> None:
    code, out, _ = run("slots", clinic, *ASKED, *MONDAY, "--taken")
    assert code == 0
    assert starts(out) == ["09:00", "09:30", "10:00", "10:30", "11:30"]
    assert "09:30-10:00 UTC-05:00  busy " in out
    assert "busy-tentative" in out


def test_a_hold_that_has_expired_is_none(run: Run, clinic: str) -> None:
    _, out, _ = run("slots", clinic, *ASKED[:4], *MONDAY, "--now", "2026-01-05T08:00")
    assert "10:00" in starts(out)


def test_seats_of_a_group(run: Run, clinic: str) -> None:
    _, out, _ = run(
        "slots",
        clinic,
        *("--provider", "smith", "--type", "group", "--now", "2026-01-01"),
        *("--from", "2026-01-06", "--to", "2026-01-06"),
    )
    assert "09:00-10:00 UTC-05:00  5 of 8 seats free" in out


def test_a_date_is_taken_whole_and_a_time_to_the_minute(run: Run, clinic: str) -> None:
    _, out, _ = run(
        "slots", clinic, *ASKED, "--from", "2026-01-05T09:01", "--to", "2026-01-05T11:30"
    )
    assert starts(out) == ["10:30"]
    _, out, _ = run("slots", clinic, *ASKED, "--from", "2026-01-05", "--to", "2026-01-06")
    assert "Tuesday 6 January 2026" in out


def test_a_viewers_zone_moves_no_instant(run: Run, clinic: str) -> None:
    _, home, _ = run("slots", clinic, *ASKED, *MONDAY, "--json")
    _, away, _ = run(
        "slots",
        clinic,
        *ASKED,
        *("--from", "2026-01-05T05:00Z", "--to", "2026-01-06T05:00Z"),
        *("--timezone", "Asia/Tokyo", "--json"),
    )
    ours, theirs = json.loads(home), json.loads(away)
    assert [slot["start"] for slot in ours["slots"]] == [slot["start"] for slot in theirs["slots"]]
    assert theirs["slots"][0]["local_start"] == "2026-01-05T23:00:00+09:00"


def test_by_default_it_lists_seven_dates_from_today(run: Run, clinic: str) -> None:
    _, out, _ = run("slots", clinic, *ASKED[:4], "--now", "2026-01-05T08:00", "--json")
    found = json.loads(out)
    assert (found["from"], found["to"]) == ("2026-01-05T05:00:00Z", "2026-01-12T05:00:00Z")


def test_json_has_ids_instants_and_local_times(run: Run, clinic: str) -> None:
    code, out, _ = run("slots", clinic, *ASKED, *MONDAY, "--json")
    assert code == 0
    found = json.loads(out)
    assert (found["practice"], found["provider"], found["type"]) == ("riverside", "smith", "visit")
    first = found["slots"][0]
    assert first["start"] == "2026-01-05T14:00:00Z"
    assert first["end"] == "2026-01-05T14:30:00Z"
    assert first["local_start"] == "2026-01-05T09:00:00-05:00"
    assert first["timezone"] == "America/New_York"
    assert first["price"] == {
        "base_fee": "150.00",
        "currency": "USD",
        "insurance_accepted": False,
    }
    assert (first["status"], first["capacity"], first["seats_free"]) == ("free", 1, 1)
    assert (first["minutes"], first["location"], first["opened_by"]) == (30, "main", "mornings")
    key = read_slot_id(first["id"])
    assert (key.practice, key.provider, key.type) == ("riverside", "smith", "visit")
    for slot in found["slots"]:
        assert datetime.fromisoformat(slot["local_start"]) == datetime.fromisoformat(slot["start"])


def test_no_slots_are_no_error(run: Run, clinic: str) -> None:
    code, out, err = run("slots", clinic, *ASKED, "--from", "2026-01-03", "--to", "2026-01-04")
    assert (code, err) == (0, "")
    assert "no slots" in out


@pytest.mark.parametrize("json_too", [[], ["--json"]])
def test_when_all_of_it_lies_in_the_past_it_points_to_now(
    run: Run, clinic: str, json_too: list[str]
) -> None:
    code, _, err = run("slots", clinic, *ASKED[:4], *MONDAY, "--now", "2026-02-01T10:00", *json_too)
    assert code == 0
    assert "all of it lies in the past: now is 2026-02-01 10:00" in err
    assert "--now" in err


def test_notice_counts_from_now(run: Run, clinic: str) -> None:
    _, out, _ = run("slots", clinic, *ASKED[:4], *MONDAY, "--now", "2026-01-05T10:31")
    assert starts(out) == ["11:30"]
