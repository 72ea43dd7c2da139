"""The command line: which commands there are, and how each of them ends.

Exit codes: 0 done; 1 refused (a time that is not offered, a file with mistakes, tables of another
release, an audit with flaws); 2 bad input.
Results go to stdout, everything else to stderr.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from medsched.cli import audit, check, day, db, demo, explain, slots
from medsched.cli.outcome import BAD_INPUT, DONE
from medsched.errors import MedschedError

_EPILOG = """\
exit codes: 0 done, 1 refused (a time that is not offered, a file with mistakes, tables that are
not those of this release, an audit with flaws), 2 bad input

A date is written 2026-01-05; a time 2026-01-05T09:00, on the wall of --timezone or else of
the provider's zone, or with its offset, 2026-01-05T09:00-05:00."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (the process's own by default); the exit code."""
    if sys.stdout is None:  # the caller closed it: what is said goes nowhere
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open until the end
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:  # argparse has told what is wrong, or helped
        return stop.code if isinstance(stop.code, int) else BAD_INPUT
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without some sign shows another
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except MedschedError as error:
        print(f"medsched: {error}", file=sys.stderr)
        return BAD_INPUT
    except RecursionError:
        print("medsched: the input is nested too deeply", file=sys.stderr)
        return BAD_INPUT
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except OSError as error:
        print(f"medsched: the output cannot be written: {error.strerror}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BAD_INPUT
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="medsched",
        description="From a clinic's availability rules to bookable slots.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"medsched {_version()}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (demo, slots, explain, check, day, db, audit):
        command.add_to(commands)
    return parser


def _version() -> str:
    try:
        return version("medsched")
    except PackageNotFoundError:
        return "(run from its source, not installed)"
