"""``medsched day``: the day of each provider, drawn in the terminal.

What a minute is, its sign tells as well as its colour: the drawing reads the same without
colours. The colours are those of Okabe and Ito (2008), which colour-blind people tell apart.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from enum import Enum
from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING, Final

import attrs

from medsched.cli import moments
from medsched.cli.opened import Opened, add_file, open_file
from medsched.cli.outcome import DONE
from medsched.domain.claims import ClaimKind
from medsched.domain.people import Provider
from medsched.errors import MissingExtra
from medsched.timeline.instants import DAY, minute_of
from medsched.timeline.zones import Zone

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_CELLS: Final = (15, 30, 60)
"""Minutes of a cell, the finest that the terminal is wide enough for. Of several states in one
cell, the one that comes last in `State` is shown."""
_MARGIN: Final = 60
"""Closed minutes that are drawn before the first and after the last that is not."""
_NAMES: Final = 16
_INDENT: Final = " " * (_NAMES + 2)


class State(Enum):
    """What a provider's minute is: (word, sign, sign in ASCII, colour)."""

    CLOSED = ("closed", "·", ".", "#999999")
    OPEN = ("open", "□", "o", "#56B4E9")
    HELD = ("held", "◇", "?", "#F0E442")
    BLOCKED = ("blocked", "╳", "x", "#D55E00")
    BOOKED = ("booked", "■", "#", "#009E73")

    @property
    def word(self) -> str:
        """What it is called."""
        return self.value[0]

    def sign(self, ascii_only: bool) -> str:
        """The sign that it is drawn with."""
        return self.value[2] if ascii_only else self.value[1]

    @property
    def colour(self) -> str:
        """The colour that it is drawn in."""
        return self.value[3]


_CLAIMED: Final = {
    ClaimKind.APPOINTMENT: State.BOOKED,
    ClaimKind.HOLD: State.HELD,
    ClaimKind.BLOCKING: State.BLOCKED,
}
_STRENGTH: Final = {state: strength for strength, state in enumerate(State)}


@attrs.frozen(eq=False)
class Day:
    """A provider's local date, minute by minute from ``low`` (in minutes of the epoch) on."""

    provider: Provider
    zone: Zone
    low: int
    states: Sequence[State]

    def cell(self, at: int, minutes: int) -> State:
        """What is drawn for the cell of so many minutes that begins ``at`` after midnight."""
        return max(self.states[at : at + minutes], key=_STRENGTH.__getitem__)

    def stretches(self) -> Iterator[tuple[int, int, State]]:
        """The stretches of one state, closed ones left out: (low, high, state)."""
        at = self.low
        for state, some in groupby(self.states):
            length = len(list(some))
            if state is not State.CLOSED:
                yield at, at + length, state
            at += length


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("day", help="draw the days of providers")
    add_file(parser)
    parser.add_argument("--date", metavar="DATE", help="which date (default: today)")
    parser.add_argument("--provider", metavar="ID", help="one provider (default: all)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Draw the days."""
    console = _console()
    opened = open_file(arguments)
    if arguments.date is None:
        date_ = moments.today(opened.now, opened.viewer or opened.home(None))
    else:
        date_ = moments.a_date(arguments.date, "--date")
    if arguments.provider is not None:
        providers = [opened.provider(arguments.provider)]
    else:
        providers = [one for one in opened.clinic.providers if one.active]
    if not providers:
        print(f"{arguments.file} has no providers.")
        return DONE
    days = [_day_of(opened, provider, date_) for provider in providers]
    _draw(console, date_, days)
    return DONE


def _console() -> Console:
    try:
        from rich.console import Console
    except ImportError:
        raise MissingExtra("the drawing of days", "cli") from None
    # Without a terminal its width is unknown: then a whole day has room in quarters of an hour.
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 120
    return Console(file=sys.stdout, highlight=False, soft_wrap=True, width=width)


# ---------------------------------------------------------------------- a day


def _day_of(opened: Opened, provider: Provider, day: date) -> Day:
    """What each minute of a date is: open for any type at all; then what is blocked or taken."""
    zone = opened.wall(provider)
    start, end = moments.start_of(day, zone), moments.start_of(day + timedelta(days=1), zone)
    low, high = (minute_of(one, "day", rounding="down") for one in (start, end))
    states = [State.CLOSED] * (high - low)
    blockings = {one.id for one in opened.clinic.blockings}

    def mark(state: State, first: int, beyond: int) -> None:
        for at in range(max(first, low), min(beyond, high)):
            if _STRENGTH[state] > _STRENGTH[states[at - low]]:
                states[at - low] = state

    for type_ in opened.clinic.appointment_types:
        timeline = opened.practice.availability.timeline(provider.id, type_.code, start, end)
        for stretch in timeline if type_.active else ():
            first, beyond = (
                minute_of(one, "day", rounding="down") for one in (stretch.start, stretch.end)
            )
            if stretch.open:
                mark(State.OPEN, first, beyond)
            elif stretch.decided_by is not None and stretch.decided_by.by in blockings:
                mark(State.BLOCKED, first, beyond)
    for claim in opened.clinic.busy:
        if claim.resource == provider.resource and claim.is_live(opened.now):
            mark(_CLAIMED[claim.kind], claim.low, claim.high)
    return Day(provider, zone, low, states)


# -------------------------------------------------------------------- drawing


def _draw(console: Console, date_: date, days: Sequence[Day]) -> None:
    ascii_only = not _shows_signs(console)
    console.print(moments.spell_date(date_), style="bold", markup=False)
    console.print(_legend(ascii_only))
    for zone in dict.fromkeys(day.zone.key for day in days):
        group = [day for day in days if day.zone.key == zone]
        frame = _frame(group, console.width - _NAMES - 2)
        console.print(f"\n{zone}", markup=False)
        if frame:
            console.print(_INDENT + _ruler(group[0], frame), markup=False)
        for day in group:
            _draw_day(console, day, frame, ascii_only)


def _shows_signs(console: Console) -> bool:
    try:
        "".join(state.sign(False) for state in State).encode(console.encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _legend(ascii_only: bool) -> Text:
    from rich.text import Text

    text = Text("")
    for state in State:
        text.append(state.sign(ascii_only), state.colour)
        text.append(f" {state.word}   ")
    text.rstrip()
    return text


def _frame(days: Sequence[Day], width: int) -> range:
    """Where the cells begin, in minutes after midnight: whole hours around what is not closed."""
    longest = max(len(day.states) for day in days)
    used = [at for day in days for at, state in enumerate(day.states) if state is not State.CLOSED]
    if not used:
        return range(0)
    first = max(min(used) // 60 * 60 - _MARGIN, 0)
    beyond = min((max(used) // 60 + 1) * 60 + _MARGIN, longest)
    fitting = (cell for cell in _CELLS if (beyond - first) // cell <= width)
    return range(first, beyond, next(fitting, _CELLS[-1]))


def _ruler(day: Day, frame: range) -> str:
    """The hours on the wall, each over its first cell, as many as there is room for."""
    line = ""
    for cell, at in enumerate(frame):
        wall = day.zone.wall_of(day.low + at) % DAY
        if wall % 60 == 0 and (not line or len(line) < cell):
            line = f"{line:<{cell}}{wall // 60:02d}"
    return line


def _draw_day(console: Console, day: Day, frame: range, ascii_only: bool) -> None:
    from rich.text import Text

    name = day.provider.name or day.provider.id
    line = Text(f"{name if len(name) <= _NAMES else name[: _NAMES - 1] + '.':<{_NAMES}}  ")
    if set(day.states) <= {State.CLOSED}:
        console.print(line.append("closed all day"))
        return
    for at in frame:
        if at < len(day.states):
            state = day.cell(at, frame.step)
            line.append(state.sign(ascii_only), state.colour)
    told = [
        f"{day.zone.local(low):%H:%M}-{_end(day, high)} {state.word}"
        for low, high, state in day.stretches()
    ]
    console.print(line)
    width = max(console.width, len(_INDENT) + 20)
    for part in wrap(", ".join(told), width, initial_indent=_INDENT, subsequent_indent=_INDENT):
        console.print(part, markup=False)


def _end(day: Day, high: int) -> str:
    at_midnight = high == day.low + len(day.states)
    return "24:00" if at_midnight else f"{day.zone.local(high):%H:%M}"
