"""``medsched demo``: two real clinics, their days and their slots."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime
from typing import Final

from medsched.adapters.clinic_file import example_clinic, example_text
from medsched.adapters.tzdata import TzdataZones
from medsched.cli import moments
from medsched.cli.opened import Opened, store
from medsched.cli.outcome import DONE
from medsched.domain.people import Provider
from medsched.domain.slots import Slot

_PUBLISHED: Final = datetime(2021, 9, 1, 21, 56, tzinfo=UTC)
_MONTH: Final = datetime(2021, 9, 1, 7, tzinfo=UTC), datetime(2021, 10, 1, 7, tzinfo=UTC)
_TYPE: Final = "covid19-immunization"
_COLUMNS: Final = 5


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("demo", help="show two real clinics, their days and slots")
    parser.add_argument(
        "--toml", action="store_true", help="print their clinic file, to start one's own from"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the clinics, or their file."""
    if arguments.toml:
        print(example_text(), end="")
        return DONE
    zones = TzdataZones()
    opened = store(example_clinic(zones=zones), "demo", zones, _PUBLISHED)
    print(f"{opened.clinic.settings.name}, as of {_PUBLISHED:%Y-%m-%d %H:%M} UTC")
    total = sum(_print_clinic(opened, provider) for provider in opened.clinic.providers)
    print(f"\n{total} slots in all. Each was opened by a rule and is stored nowhere.")
    print("Their file, to start your own from: medsched demo --toml > clinic.toml")
    return DONE


def _print_clinic(opened: Opened, provider: Provider) -> int:
    """Print one clinic; how many slots it has."""
    slots = opened.practice.availability.slots(
        provider.id, _TYPE, *_MONTH, busy=opened.clinic.busy, now=_PUBLISHED
    )
    place = next(one for one in opened.clinic.locations if one.id == provider.location)
    type_ = opened.type(_TYPE)
    print(f"\n{place.name}")
    print(f"  {place.address}{f', {place.phone}' if place.phone else ''}")
    print(f"  {type_.name}, {opened.home(provider).key}")
    for day, some in slots.by_date().items():
        _print_day(day, some)
    return len(slots)


def _print_day(day: date, slots: list[Slot]) -> None:
    first, last = slots[0], slots[-1]
    minutes = int(first.duration.total_seconds() // 60)
    free, seats = sum(slot.seats_free for slot in slots), sum(slot.capacity for slot in slots)
    print(
        f"\n  {moments.spell_date(day)}, {first.local_start:%H:%M}-{last.local_end:%H:%M}"
        f" ({moments.spell_offset(first.local_start)}): {len(slots)} slots of {minutes} minutes,"
        f" {free} of {seats} seats free"
    )
    shown = [f"{slot.local_start:%H:%M} {slot.seats_free}/{slot.capacity}" for slot in slots]
    for at in range(0, len(shown), _COLUMNS):
        print("    " + "   ".join(shown[at : at + _COLUMNS]))
