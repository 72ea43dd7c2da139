"""``medsched explain``: why a time is, or is not, offered."""

from __future__ import annotations

import argparse
import sys
from datetime import timedelta
from itertools import groupby
from operator import itemgetter

from medsched.cli import moments
from medsched.cli.opened import Opened, add_file, open_file
from medsched.cli.outcome import DONE, REFUSED
from medsched.domain.appointment_types import AppointmentType
from medsched.domain.claims import ClaimKind
from medsched.domain.explanations import Stretch
from medsched.domain.people import Provider

_TAKEN = {
    ClaimKind.APPOINTMENT: "booked",
    ClaimKind.HOLD: "held for somebody",
    ClaimKind.BLOCKING: "blocked",
}


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "explain",
        help="say why a time is, or is not, offered",
        description="Exits with 1 when the time is not offered.",
    )
    add_file(parser)
    parser.add_argument("--provider", required=True, metavar="ID")
    parser.add_argument("--type", required=True, metavar="CODE", help="the appointment type")
    parser.add_argument(
        "--at", required=True, metavar="TIME", help="a time; a date is told stretch by stretch"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Explain one start, or what decides each stretch of a date."""
    opened = open_file(arguments)
    provider, type_ = opened.provider(arguments.provider), opened.type(arguments.type)
    if moments.is_date(arguments.at):
        return _explain_date(opened, provider, type_, arguments.at)
    at = moments.instant(arguments.at, "--at", opened.wall(provider))
    found = opened.practice.availability.explain(
        provider.id, type_.code, at=at, busy=opened.clinic.busy, now=opened.now
    )
    print(found)
    if opened.viewer is not None and opened.viewer.key != str(found.local.tzinfo):
        seen = at.astimezone(opened.viewer.tzinfo)
        print(f"(In {opened.viewer.key} that is {moments.spell_date(seen.date())}, {seen:%H:%M}.)")
    if found.layers:
        print("\nWhat covers this time:")
        for cover in found.layers:
            print(f"  {'>' if cover.wins else ' '} {cover}")
    if at < opened.now and arguments.now is None:
        print("medsched: that is past; --now takes another moment for the present", file=sys.stderr)
    return DONE if found.offered else REFUSED


def _words(stretch: Stretch, provider: Provider) -> str:
    """What decides a stretch, what of the provider's is taken in it, and what refuses it."""
    what = stretch.decided_by.what if stretch.decided_by else "no hours are stated"
    taken = [_TAKEN[one.kind] for one in stretch.claims if one.resource == provider.resource]
    return "; ".join([what, *sorted(set(taken)), *map(str, stretch.violations)])


def _explain_date(opened: Opened, provider: Provider, type_: AppointmentType, written: str) -> int:
    zone = opened.wall(provider)
    day = moments.a_date(written, "--at")
    start = moments.start_of(day, zone)
    end = moments.start_of(day + timedelta(days=1), zone)
    stretches = opened.practice.availability.timeline(
        provider.id, type_.code, start, end, busy=opened.clinic.busy, now=opened.now
    )
    print(f"{provider.name or provider.id}, {moments.spell_date(day)}, {zone.key}")
    told = [(stretch.open, _words(stretch, provider)) for stretch in stretches]
    for (is_open, what), some in groupby(zip(told, stretches, strict=True), key=itemgetter(0)):
        same = [stretch for _, stretch in some]
        low, high = (one.astimezone(zone.tzinfo) for one in (same[0].start, same[-1].end))
        last = "24:00" if high.date() > day else f"{high:%H:%M}"
        print(f"  {low:%H:%M}-{last}  {'open  ' if is_open else 'closed'}  {what}")
    return DONE
