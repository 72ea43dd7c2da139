"""``medsched slots``: what can be booked with a provider, from when to when."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from medsched.cli import moments
from medsched.cli.opened import Opened, add_file, open_file
from medsched.cli.outcome import DONE, BadArgument
from medsched.domain.people import Provider
from medsched.domain.slots import Slot, Slots, SlotStatus
from medsched.engine.slots import LONGEST_QUERY
from medsched.timeline.zones import Zone


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("slots", help="list the bookable slots of a provider")
    add_file(parser)
    parser.add_argument("--provider", required=True, metavar="ID")
    parser.add_argument("--type", required=True, metavar="CODE", help="the appointment type")
    parser.add_argument(
        "--from", dest="start", metavar="TIME", help="the first date or time (default: today)"
    )
    parser.add_argument(
        "--to",
        dest="end",
        metavar="TIME",
        help="the last date, included, or the time to stop before (default: seven dates)",
    )
    parser.add_argument("--patient", metavar="ID", help="heed what this patient has already")
    parser.add_argument("--taken", action="store_true", help="list what is taken as well")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List the slots."""
    opened = open_file(arguments)
    provider, type_ = opened.provider(arguments.provider), opened.type(arguments.type)
    zone = opened.wall(provider)
    start, end = span(arguments, opened.now, zone)
    slots = opened.practice.availability.slots(
        provider.id,
        type_.code,
        start,
        end,
        patient=arguments.patient,
        busy=opened.clinic.busy,
        now=opened.now,
        taken=arguments.taken,
    )
    if opened.viewer is not None:
        slots = slots.seen_from(opened.viewer.key)
    if arguments.json:
        _print_json(opened, arguments, slots, (start, end), zone)
    else:
        _print(opened, provider, type_.name or type_.code, slots, zone)
    if not slots and end <= opened.now:
        told = opened.now.astimezone(zone.tzinfo)
        print(
            f"medsched: all of it lies in the past: now is {told:%Y-%m-%d %H:%M};"
            " --now takes another moment for the present",
            file=sys.stderr,
        )
    return DONE


def span(
    arguments: argparse.Namespace, now: datetime, zone: Zone, days: int = 7
) -> tuple[datetime, datetime]:
    """The stretch of ``--from`` and ``--to``; by default so many dates from today on."""
    if arguments.start is None:
        start = moments.start_of(moments.today(now, zone), zone)
    else:
        start = moments.instant(arguments.start, "--from", zone)
    if arguments.end is None:
        last = moments.today(start, zone) + timedelta(days=days)
        return start, moments.start_of(last, zone)
    end = moments.end(arguments.end, "--to", zone)
    if end < start or (end == start and moments.is_date(arguments.end)):
        raise BadArgument("--to", f"{arguments.end} is before {arguments.start or 'today'}")
    if end - start > LONGEST_QUERY:
        raise BadArgument("--to", f"more than {LONGEST_QUERY.days} days after --from")
    return start, end


# ------------------------------------------------------------------------- text


def _print(opened: Opened, provider: Provider, type_name: str, slots: Slots, zone: Zone) -> None:
    name = provider.name or provider.id
    print(f"{name}, {type_name}, {zone.key}: {counted(len(slots))}")
    places = {slot.location for slot in slots}
    for day, some in slots.by_date().items():
        print(f"\n{moments.spell_date(day)}")
        for slot in some:
            print(f"  {_line(opened, slot, placed=len(places) > 1)}")


def counted(number: int) -> str:
    """``1 slot``, ``2 slots``."""
    return "no slots" if number == 0 else f"{number} slot{'' if number == 1 else 's'}"


def _line(opened: Opened, slot: Slot, *, placed: bool) -> str:
    offset = moments.spell_offset(slot.local_start)
    parts = [f"{slot.local_start:%H:%M}-{slot.local_end:%H:%M} {offset}"]
    if slot.status is not SlotStatus.FREE:
        parts.append(slot.status.value)
    elif slot.capacity > 1:
        parts.append(f"{slot.seats_free} of {slot.capacity} seats free")
    if placed and slot.location is not None:
        parts.append(opened.place(slot.location))
    if slot.pricing is not None:
        parts.append(f"{slot.pricing.base_fee} {slot.pricing.currency}")
    parts += sorted(slot.special_requirements)
    return "  ".join(parts)


# ------------------------------------------------------------------------- JSON


def _print_json(
    opened: Opened,
    arguments: argparse.Namespace,
    slots: Sequence[Slot],
    stretch: tuple[datetime, datetime],
    zone: Zone,
) -> None:
    found = {
        "practice": opened.practice.id,
        "provider": arguments.provider,
        "type": arguments.type,
        "timezone": zone.key,
        "from": moments.stamp(stretch[0]),
        "to": moments.stamp(stretch[1]),
        "now": moments.stamp(opened.now),
        "slots": [as_json(slot) for slot in slots],
    }
    print(json.dumps(found, indent=2, ensure_ascii=False))


def as_json(slot: Slot) -> dict[str, Any]:
    """A slot as JSON: instants in UTC, local times with their offset, money as text."""
    price = None
    if slot.pricing is not None:
        price = {
            "base_fee": str(slot.pricing.base_fee),
            "currency": slot.pricing.currency,
            "insurance_accepted": slot.pricing.insurance_accepted,
        }
    return {
        "id": slot.id,
        "status": slot.status.value,
        "start": moments.stamp(slot.start),
        "end": moments.stamp(slot.end),
        "local_start": slot.local_start.isoformat(),
        "local_end": slot.local_end.isoformat(),
        "timezone": slot.timezone,
        "minutes": slot.duration // timedelta(minutes=1),
        "capacity": slot.capacity,
        "seats_free": slot.seats_free,
        "location": slot.location,
        "room": slot.room,
        "modality": slot.modality.value,
        "price": price,
        "special_requirements": sorted(slot.special_requirements),
        "opened_by": slot.opened_by,
    }
