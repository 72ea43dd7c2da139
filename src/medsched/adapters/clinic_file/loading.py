"""The clinic file as a whole: from TOML, or from a dict of the same shape, to a `Clinic`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import attrs

from medsched.adapters.clinic_file import checks, openings
from medsched.adapters.clinic_file.busy import Places, read_busy
from medsched.adapters.clinic_file.clinic import Clinic
from medsched.adapters.clinic_file.reading import Entry, Field, Reading, suggestion
from medsched.adapters.clinic_file.records import read_record
from medsched.adapters.tzdata import TzdataZones
from medsched.domain.appointment_types import AppointmentType
from medsched.domain.availability import AvailabilityRule, Override, RecurringBlocking
from medsched.domain.people import Patient, Provider, Staff
from medsched.domain.places import Device, Location, PracticeSettings, Room
from medsched.domain.records import Resource, ResourceKind
from medsched.errors import ClinicFileError, Problem
from medsched.timeline.zones import ZoneSource

R = TypeVar("R", Location, Room, Device, Provider, Staff, Patient, AppointmentType)

_MANY = (
    *("locations", "rooms", "devices", "providers", "staff", "patients", "types"),
    *("rules", "overrides", "time_off", "holidays", "blockings", "busy"),
)


def load_clinic(path: str | PathLike[str], *, zones: ZoneSource | None = None) -> Clinic:
    """The practice that a clinic file states; the file is TOML in UTF-8.

    Zones are those of the pinned ``tzdata`` package unless a source is given. Raises
    `ClinicFileError` with every mistake in the file, each with its table and field; for
    text that is no TOML, with the line; and for a path that no file can be read from.
    """
    source = str(path)
    try:
        data = tomllib.loads(Path(path).read_bytes().decode("utf-8-sig"))  # Windows writes a mark
    except FileNotFoundError:
        raise _unreadable(source, "there is no such file") from None
    except IsADirectoryError:
        raise _unreadable(source, "is a directory, not a clinic file") from None
    except OSError as error:
        raise _unreadable(source, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise _unreadable(source, f"is not UTF-8 text (byte {error.start + 1})") from None
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(source, f"is not TOML: {error.args[0]}") from None
    except RecursionError:
        raise _unreadable(source, "is nested too deeply") from None
    return read_clinic(data, source, zones=zones)


def read_clinic(
    data: Mapping[str, Any], source: str = "clinic", *, zones: ZoneSource | None = None
) -> Clinic:
    """The practice that a dict of a clinic file's shape states; ``source`` names it in errors.

    Raises `ClinicFileError` with every mistake, each with its table and field.
    """
    reading = Reading(zones or TzdataZones())
    try:
        clinic = _Loader(reading, data).load()
    except RecursionError:
        raise _unreadable(source, "is nested too deeply") from None
    if reading.problems:
        raise ClinicFileError(source, _in_order(reading.problems))
    assert clinic is not None  # without a problem there is a practice
    return clinic


def _unreadable(source: str, message: str) -> ClinicFileError:
    return ClinicFileError(source, (Problem("", "", message),))


def _in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    """Each problem once, in the order of the tables' kinds, and within one as found."""
    order = {kind: at for at, kind in enumerate(("practice", *_MANY))}

    def place(problem: Problem) -> tuple[int, int]:
        kind, _, rest = problem.table.partition("[")
        return order.get(kind, -1), int(rest.rstrip("]") or 0) if rest else 0

    return tuple(sorted(dict.fromkeys(problems), key=place))


@attrs.define(eq=False)
class _Loader:
    """The tables of one file, read in the order in which they need each other."""

    reading: Reading
    data: Mapping[str, Any]
    rules: list[checks.Placed[AvailabilityRule]] = attrs.field(factory=list)
    overrides: list[checks.Placed[Override]] = attrs.field(factory=list)
    blockings: list[RecurringBlocking] = attrs.field(factory=list)
    ids: dict[str, list[tuple[str, Field]]] = attrs.field(factory=dict)
    """Every id that is written, by kind: also of records that could not be made."""
    lengths: list[tuple[Field, openings.Timed]] = attrs.field(factory=list)
    """What may state slot lengths, with its place."""

    def load(self) -> Clinic | None:
        if not isinstance(self.data, Mapping):
            self.reading.problems.append(Problem("", "", "a table of tables is needed"))
            return None
        for name in self.data:
            if name != "practice" and name not in _MANY:
                near = suggestion(str(name), ("practice", *_MANY))
                self.reading.problems.append(Problem(str(name), "", f"no such table{near}"))
        settings = self._practice()
        locations = self._records(Location, "locations")
        rooms = self._records(Room, "rooms")
        devices = self._records(Device, "devices")
        types = self._records(AppointmentType, "types")
        providers = self._records(Provider, "providers")
        staff = self._records(Staff, "staff")
        patients = self._records(Patient, "patients")
        self._openings(openings.Owners(settings.resource))
        places = Places(
            settings,
            {one.id: one for one in locations},
            {one.id: one for one in rooms},
            {one.id: one for one in devices},
            {one.id: one for one in providers},
            {one.id: one for one in types},
        )
        busy = [claim for field in self._tables("busy") for claim in read_busy(field, places)]
        self._check(places)
        return Clinic(
            settings=settings,
            locations=tuple(locations),
            rooms=tuple(rooms),
            devices=tuple(devices),
            providers=tuple(providers),
            staff=tuple(staff),
            patients=tuple(patients),
            appointment_types=tuple(types),
            rules=tuple(one.source for one in self.rules),
            overrides=tuple(one.source for one in self.overrides),
            blockings=tuple(self.blockings),
            busy=tuple(busy),
        )

    # ------------------------------------------------------------------- tables

    def _practice(self) -> PracticeSettings:
        """The settings; stand-ins where they cannot be read, so that the rest can be looked at."""
        raw = self.data.get("practice")
        field = Field(self.reading, "practice", "", raw)
        found: PracticeSettings | None = None
        if raw is None:
            field.note("is missing: [practice] with its id and timezone")
        elif not isinstance(raw, Mapping):
            field.note("stands once, in single brackets: [practice]")
        else:
            entry, found = read_record(PracticeSettings, field)
            owner = found.resource if found is not None else None
            self._opening_hours(entry, owner)
        return found or PracticeSettings(id="-", timezone="UTC")

    def _tables(self, kind: str) -> Iterator[Field]:
        """The tables of one kind: ``[[kind]]``, however many."""
        raw = self.data.get(kind, ())
        if not isinstance(raw, list | tuple):
            self.reading.problems.append(
                Problem(kind, "", f"may stand several times, in double brackets: [[{kind}]]")
            )
            return
        for index, item in enumerate(raw):
            secret = kind == "patients"
            field = Field(self.reading, f"{kind}[{index}]", "", item, secret)
            if isinstance(item, Mapping):
                yield field
            else:
                field.note("a table is needed")

    def _records(self, make: type[R], kind: str) -> list[R]:
        found: list[R] = []
        key = "code" if kind == "types" else "id"
        for field in self._tables(kind):
            entry, record = read_record(make, field)
            self._note_id(kind, entry, key)
            if record is not None:
                found.append(record)
                if isinstance(record, Provider | AppointmentType):
                    self.lengths.append((field, record))
            if "hours" in entry.values:
                owner = (
                    Resource(ResourceKind(kind.removesuffix("s")), record.id) if record else None
                )
                self._opening_hours(entry, owner)
        return found

    def _note_id(self, kind: str, entry: Entry, key: str = "id") -> None:
        id = entry.values.get(key)
        if isinstance(id, str) and id:
            self.ids.setdefault(kind, []).append((id, entry.field.at(key, id)))

    def _opening_hours(self, entry: Entry, owner: Resource | None) -> None:
        place = entry.field.at("hours", None)
        for rule in openings.read_opening_hours(entry, owner):
            self.rules.append(checks.Placed(place, rule))
            self.ids.setdefault("rules", []).append((rule.id, place))

    def _openings(self, owners: openings.Owners) -> None:
        for field in self._tables("rules"):
            entry, rule = openings.read_rule(field, owners)
            self._place(entry, "rules", rule, self.rules)
        for field in self._tables("overrides"):
            entry, override = openings.read_override(field, owners)
            self._place(entry, "overrides", override, self.overrides)
        for field in self._tables("time_off"):
            entry, override = openings.read_time_off(field, owners)
            self._place(entry, "overrides", override, self.overrides)
        for field in self._tables("holidays"):
            entry, closures = openings.read_holidays(field, owners)
            for closure in closures:
                self._place(entry, "overrides", closure, self.overrides)
        for field in self._tables("blockings"):
            entry, blocking = openings.read_blocking(field, owners)
            self._note_id("blockings", entry)
            if blocking is not None:
                self.blockings.append(blocking)

    def _place(
        self,
        entry: Entry,
        kind: str,
        source: checks.Source | None,
        among: list[checks.Placed[checks.Source]],
    ) -> None:
        if source is None or entry.failed:
            self._note_id(kind, entry)
            return
        among.append(checks.Placed(entry.field, source))
        self.ids.setdefault(kind, []).append((source.id, entry.field.at("id", source.id)))
        self.lengths.append((entry.field, source))

    # ------------------------------------------------------------------- checks

    def _check(self, places: Places) -> None:
        checks.check_references(self.reading, lambda kind: (id for id, _ in self.ids.get(kind, ())))
        for kind, ids in self.ids.items():
            checks.check_doubles(ids, kind)
        for field, record in self.lengths:
            checks.check_lengths(places.settings, field, openings.stated_lengths(record))
        for rule in self.rules:
            checks.check_types_fit(rule, places.providers, places.types)
        for override in self.overrides:
            checks.check_types_fit(override, places.providers, places.types)
        snapshot = checks.Snapshot(
            places.settings,
            dict(places.locations),
            dict(places.rooms),
            dict(places.providers),
            self.reading.zones,
        )
        checks.check_overlaps(snapshot, self.rules)
        checks.check_contradictions(snapshot, self.overrides)
