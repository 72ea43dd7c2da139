"""A clinic file opened: its records in a store of this process's own, and what is taken."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from datetime import datetime
from difflib import get_close_matches

import attrs

from medsched.adapters.clinic_file import Clinic, load_clinic
from medsched.adapters.clock import SystemClock
from medsched.adapters.memory import MemoryStore
from medsched.adapters.tzdata import TzdataZones
from medsched.cli import moments
from medsched.cli.outcome import BadArgument
from medsched.domain.appointment_types import AppointmentType
from medsched.domain.people import Provider
from medsched.errors import UnknownZone
from medsched.scheduler import Practice, Scheduler
from medsched.timeline.zones import Zone


@attrs.frozen
class StoppedClock:
    """A `Clock` for the length of one command."""

    at: datetime

    def now(self) -> datetime:
        """The moment it was stopped at."""
        return self.at


@attrs.frozen(eq=False)
class Opened:
    """A clinic to ask, at one moment. ``viewer`` is the zone that the user asked to see."""

    source: str
    clinic: Clinic
    practice: Practice
    zones: TzdataZones
    now: datetime
    viewer: Zone | None = None

    def provider(self, id: str) -> Provider:
        """The provider of this id; `BadArgument`, with a suggestion, for an unknown one."""
        found = {one.id: one for one in self.clinic.providers}.get(id)
        if found is None:
            known = [one.id for one in self.clinic.providers]
            raise BadArgument("--provider", self._unknown("provider", id, known))
        return found

    def type(self, code: str) -> AppointmentType:
        """The appointment type of this code; `BadArgument`, with a suggestion, for another."""
        found = {one.code: one for one in self.clinic.appointment_types}.get(code)
        if found is None:
            known = [one.code for one in self.clinic.appointment_types]
            raise BadArgument("--type", self._unknown("appointment type", code, known))
        return found

    def home(self, provider: Provider | None) -> Zone:
        """The zone of a provider, its main place, or the practice."""
        named = [provider.timezone] if provider is not None else []
        if provider is not None and provider.location is not None:
            places = {one.id: one for one in self.clinic.locations}
            named.append(places[provider.location].timezone)
        named.append(self.clinic.settings.timezone)
        return self.zones.zone(next((name for name in named if name is not None), "UTC"))

    def wall(self, provider: Provider | None) -> Zone:
        """The zone in which wall times are read and shown."""
        return self.viewer or self.home(provider)

    def place(self, id: str | None) -> str:
        """The name of a location, or its id where it has none."""
        names = {one.id: one.name for one in self.clinic.locations}
        return names.get(id or "", "") or id or ""

    def _unknown(self, kind: str, id: str, known: Iterable[str]) -> str:
        ids = sorted(known)
        near = get_close_matches(id, ids, n=1)
        if near:
            hint = f"; did you mean {near[0]!r}?"
        else:
            hint = f"; there is {', '.join(map(repr, ids))}" if 0 < len(ids) <= 8 else ""
        return f"there is no {kind} {id!r} in {self.source}{hint}"


def store(clinic: Clinic, source: str, zones: TzdataZones, now: datetime) -> Opened:
    """A clinic in a fresh store, asked at this moment."""
    scheduler = Scheduler(MemoryStore(), clock=StoppedClock(now), zones=zones)
    practice = scheduler.practice(clinic.settings.id)
    practice.add_all(clinic.records)
    return Opened(source, clinic, practice, zones, now)


def open_file(arguments: argparse.Namespace) -> Opened:
    """The clinic file of a command's arguments, at its ``--now``, seen from its ``--timezone``."""
    zones = TzdataZones()
    viewer = None
    if getattr(arguments, "timezone", None) is not None:
        try:
            viewer = zones.zone(arguments.timezone)
        except UnknownZone as error:
            raise BadArgument("--timezone", str(error)) from None
    clinic = load_clinic(arguments.file, zones=zones)
    home = zones.zone(clinic.settings.timezone or "UTC")
    if arguments.now is None:
        now = SystemClock().now()
    else:
        now = moments.instant(arguments.now, "--now", viewer or home)
    return attrs.evolve(store(clinic, arguments.file, zones, now), viewer=viewer)


def add_file(parser: argparse.ArgumentParser, *, timezone: bool = True) -> None:
    """The arguments of every command that opens a clinic file."""
    parser.add_argument("file", metavar="FILE", help="a clinic file (TOML)")
    parser.add_argument(
        "--now", metavar="TIME", help="take this for the present moment (default: the clock)"
    )
    if timezone:
        parser.add_argument(
            "--timezone", metavar="ZONE", help="read and show wall times in this IANA zone"
        )
