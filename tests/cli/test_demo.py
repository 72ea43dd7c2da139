"""``medsched demo``: two real clinics, and every slot that was published of them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from medsched import MemoryStore, Scheduler
from medsched.adapters.clinic_file import example_clinic, example_text, load_clinic
from medsched.domain.slots import Slot

Run = Callable[..., tuple[int, str, str]]
PROVIDERS = {
    "a475ff88d4e0bb9ee1fc09040d45f5cb": "walla-walla-team",
    "a23fd81af085c8a37c707b7ba929a78f": "yakima-team",
}
SEPTEMBER = datetime(2021, 9, 1, tzinfo=UTC), datetime(2021, 10, 1, tzinfo=UTC)


def slots_of(provider: str) -> list[Slot]:
    clinic = example_clinic()
    practice = Scheduler(MemoryStore()).practice(clinic.settings.id)
    practice.add_all(clinic.records)
    return list(
        practice.availability.slots(
            provider, "covid19-immunization", *SEPTEMBER, busy=clinic.busy, now=SEPTEMBER[0]
        )
    )


def test_the_demo_shows_clinics_days_and_slots(run: Run) -> None:
    code, out, err = run("demo")
    assert (code, err) == (0, "")
    for told in (
        "Walla Walla Mobile Units",
        "500 Tausick Way, Walla Walla, WA 99362, 509-730-3669",
        "Monday 13 September 2021, 09:00-11:06 (UTC-07:00): 14 slots of 9 minutes",
        "09:36 3/4",
        "Yakima County Health District",
        "Sunday 5 September 2021, 09:00-16:00 (UTC-07:00): 21 slots of 20 minutes",
        "Wednesday 8 September 2021, 14:00-18:40 (UTC-07:00): 14 slots of 20 minutes",
        "49 slots in all",
    ):
        assert told in out


def test_the_demos_file_is_a_clinic_file(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("demo", "--toml")
    assert (code, out) == (0, example_text())
    assert tomllib.loads(out)["practice"]["id"] == "washington-doh"
    path = tmp_path / "clinic.toml"
    path.write_text(out, "utf-8")
    assert load_clinic(path) == example_clinic()


def test_all_published_slots_are_offered_and_no_other(shared_data: Path) -> None:
    files = sorted((shared_data / "wa-doh-2021").glob("slots-*.ndjson"))
    published = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert len(published) == 49
    found = {
        (provider, slot.local_start.replace(tzinfo=None)): slot
        for provider in PROVIDERS.values()
        for slot in slots_of(provider)
    }
    assert len(found) == 49
    for one in published:
        provider = PROVIDERS[one["schedule"]["reference"].removeprefix("Schedule/")]
        start, end = (datetime.fromisoformat(one[name]) for name in ("start", "end"))
        (capacity,) = (
            extension["valueInteger"]
            for extension in one["extension"]
            if extension["url"].endswith("/slot-capacity")
        )
        slot = found[provider, start.replace(tzinfo=None)]
        assert slot.local_end.replace(tzinfo=None) == end.replace(tzinfo=None)
        assert slot.duration == end - start
        assert (slot.seats_free, slot.status.value) == (capacity, one["status"])
        # The wall times are right; the feed's offset is that of winter.
        assert slot.local_start.utcoffset() == timedelta(hours=-7)
        assert start.utcoffset() == timedelta(hours=-8)
