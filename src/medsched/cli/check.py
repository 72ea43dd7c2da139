"""``medsched check``: is a clinic file right, and what in it may surprise within a year?"""

from __future__ import annotations

import argparse
import sys
from datetime import timedelta

from medsched.cli import moments
from medsched.cli.opened import add_file, open_file
from medsched.cli.outcome import BAD_INPUT, DONE, REFUSED
from medsched.errors import ClinicFileError

_AHEAD = timedelta(days=366)


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "check",
        help="look for mistakes in a clinic file, and for surprises in the year ahead",
        description="Exits with 1 when the file has mistakes. Surprises are none: windows that"
        " a clock change touches, overlaps that it makes, stubs of overnight windows.",
    )
    add_file(parser, timezone=False)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Tell every mistake, or else what may surprise."""
    try:
        opened = open_file(arguments)
    except ClinicFileError as error:
        print(f"medsched: {error}", file=sys.stderr)
        unreadable = any(not problem.table for problem in error.problems)
        return BAD_INPUT if unreadable else REFUSED
    clinic = opened.clinic
    today = moments.today(opened.now, opened.home(None))
    last = today + _AHEAD
    counts = [
        (len(clinic.providers), "provider"),
        (len(clinic.locations), "location"),
        (len(clinic.appointment_types), "appointment type"),
        (len(clinic.rules), "rule"),
        (len(clinic.overrides), "override"),
    ]
    told = ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts)
    print(f"{arguments.file}: no mistakes ({told})")
    findings = opened.practice.availability.check(today, last)
    if not findings:
        print(f"Nothing surprising from {today} to {last}.")
        return DONE
    print(f"From {today} to {last} mind:")
    for finding in findings:
        print(f"  {finding.resource} ({', '.join(finding.by)}): {finding}")
    return DONE
