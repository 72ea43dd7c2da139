"""What opens and closes time: opening hours, rules, overrides, time off, holidays, blockings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

import attrs

from medsched.adapters.clinic_file import values
from medsched.adapters.clinic_file.reading import Entry, Field, Misread, Noted, Schema, all_of
from medsched.adapters.clinic_file.records import pricing
from medsched.adapters.clinic_file.recurring import RECURRENCE, recurrence
from medsched.adapters.holidays import holiday_overrides
from medsched.domain.appointment_types import AppointmentType
from medsched.domain.availability import AvailabilityRule, Override, OverrideKind, RecurringBlocking
from medsched.domain.hours import Hours
from medsched.domain.people import Provider
from medsched.domain.records import Resource, ResourceKind
from medsched.errors import InvalidValue, MissingExtra
from medsched.timeline.instants import FIRST_DATE, LAST_DATE
from medsched.timeline.recurrence import Recurrence
from medsched.timeline.resolve import Disambiguation
from medsched.timeline.weekdays import Weekday

_NOBODY = Resource(ResourceKind.PROVIDER, "-")
_ALL_DAY = (Hours("00:00", "24:00"),)
_OWNERS = {
    "provider": (ResourceKind.PROVIDER, "providers"),
    "location": (ResourceKind.LOCATION, "locations"),
    "room": (ResourceKind.ROOM, "rooms"),
    "device": (ResourceKind.DEVICE, "devices"),
}

_OWNER: Schema = {
    "id": values.identifier,
    "active": values.boolean,
    "practice": values.boolean,
    **{name: values.named(kind) for name, (_, kind) in _OWNERS.items()},
}
_WALL: Schema = {
    "hours": values.hours,
    "types": values.all_named("types"),
    "timezone": values.zone,
    "disambiguation": values.choice(Disambiguation),
}
_OFFER: Schema = {
    "breaks": values.hours,
    "type_days": values.table_of(values.weekdays, "types"),
    "slot_duration": values.duration,
    "durations": values.table_of(values.slot_length, "types"),
    "break_duration": values.duration,
    "step": values.duration,
    "capacity": values.whole,
    "pricing": pricing,
    "special_requirements": values.words,
}
_VALID: Schema = {"valid_from": values.day, "valid_to": values.day}
_DATES: Schema = {"date": values.day, "from": values.day, "to": values.day}

RULE: Schema = {
    **_OWNER,
    **RECURRENCE,
    **_WALL,
    **_OFFER,
    **_VALID,
    "merge": values.boolean,
    "notes": values.text,
}
OVERRIDE: Schema = {
    **_OWNER,
    **_DATES,
    **_WALL,
    **_OFFER,
    "kind": values.choice(OverrideKind),
    "priority": values.whole,
    "whole_shifts": values.boolean,
    "reason": values.text,
}
TIME_OFF: Schema = {**_OWNER, **_DATES, "hours": values.hours, "reason": values.text}
BLOCKING: Schema = {**_OWNER, **RECURRENCE, **_WALL, **_VALID, "reason": values.text}
HOLIDAY: Schema = {
    **_DATES,
    "id": values.identifier,
    "name": values.text,
    "location": values.named("locations"),
    "country": values.text,
    "subdivision": values.text,
    "years": values.wholes,
    "observed": values.boolean,
}


@attrs.frozen
class Owners:
    """The practice, for tables that may be its own."""

    practice: Resource

    def of(self, entry: Entry, *, place_of_hours: bool) -> tuple[Resource | None, dict[str, str]]:
        """Whose table it is; and, with a provider's, where the hours are held."""
        owners = [name for name in _OWNERS if entry.stated(name)]
        if entry.values.get("practice"):
            owners.append("practice")
        held: list[str] = []
        if place_of_hours and "provider" in owners:
            held = [name for name in ("location", "room") if name in owners]
            owners = [name for name in owners if name not in held]
        if len(owners) != 1:
            known = ", ".join(_OWNERS)
            told = f"give one of {known}, or practice = true"
            found = f": {' and '.join(owners)} are given" if owners else ""
            entry.note("", f"whose it is must be clear{found}; {told}")
            return None, {}
        if owners == ["practice"]:
            return self.practice, {}
        kind, _ = _OWNERS[owners[0]]
        id = entry.values.get(owners[0])
        return (Resource(kind, id) if id else None), entry.take(*held)


# ----------------------------------------------------------------- opening hours


def read_opening_hours(entry: Entry, owner: Resource | None) -> list[AvailabilityRule]:
    """The rules of ``hours = { "MO-FR" = ["08:00-18:00"], "SA" = "09:00-12:00" }``."""
    field: Field | None = entry.values.get("hours")
    if field is None:
        return []
    rules: list[AvailabilityRule] = []
    try:
        for days, hours in field.take(_week):
            name = _spell(days)
            made = _opening_rule(entry, owner or _NOBODY, name, days, hours)
            rules += [made] if made is not None and owner is not None else []
    except Noted:
        entry.failed = True
    return rules


def _opening_rule(
    entry: Entry,
    owner: Resource,
    name: str,
    days: frozenset[Weekday],
    hours: tuple[Hours, ...],
) -> AvailabilityRule | None:
    weekly = Recurrence.weekly(days, start=FIRST_DATE)
    try:
        return AvailabilityRule(owner, weekly, hours=hours, id=f"{owner} {name}")
    except InvalidValue as error:
        entry.failed = True
        entry.field.refuse(error, "hours")
        return None


def _week(field: Field) -> list[tuple[frozenset[Weekday], tuple[Hours, ...]]]:
    if isinstance(field.raw, str | list | tuple):
        found = [(frozenset(Weekday), field.take(values.hours))]
    else:
        parts = dict(field.pairs())
        keys = all_of(
            [attrs.evolve(part, raw=name) for name, part in parts.items()], values.weekdays
        )
        stretches = all_of(parts.values(), values.hours)
        found = list(zip(keys, stretches, strict=True))
    found = [(days, hours) for days, hours in found if hours]
    if not found:
        raise Misread("no hours at all; leave them out for always open, or close it by override")
    return found


def _spell(days: frozenset[Weekday]) -> str:
    """Weekdays in a short text that `Weekday.parse_set` reads back: ``MO-FR``."""
    ordered = sorted(days)
    if len(ordered) > 2 and ordered[-1] - ordered[0] == len(ordered) - 1:
        return f"{ordered[0].name}-{ordered[-1].name}"
    return ",".join(day.name for day in ordered)


# ------------------------------------------------------------------------ tables


def read_rule(field: Field, owners: Owners) -> tuple[Entry, AvailabilityRule | None]:
    """A table of ``[[rules]]``."""
    entry = Entry.read(field, RULE)
    resource, held = owners.of(entry, place_of_hours=True)
    given = entry.take("active", *_WALL, *_OFFER, *_VALID, "merge", "notes") | held
    dates = recurrence(entry)
    return entry, _dated(entry, AvailabilityRule, resource, dates, given)


def read_blocking(field: Field, owners: Owners) -> tuple[Entry, RecurringBlocking | None]:
    """A table of ``[[blockings]]``."""
    entry = Entry.read(field, BLOCKING)
    resource, _ = owners.of(entry, place_of_hours=False)
    given = entry.take("active", *_WALL, *_VALID, "reason")
    return entry, _dated(entry, RecurringBlocking, resource, recurrence(entry), given)


def _dated(
    entry: Entry,
    make: Callable[..., Any],
    resource: Resource | None,
    dates: Recurrence | None,
    given: dict[str, Any],
) -> Any:
    given["id"] = entry.values.get("id") or entry.field.table
    found = {"resource": resource, "recurrence": dates}
    given |= {name: value for name, value in found.items() if value is not None}
    needed = {
        "resource": _NOBODY,
        "recurrence": Recurrence.daily(FIRST_DATE),
        "hours": _ALL_DAY,
    }
    return entry.build(make, given, needed=needed)


def read_override(field: Field, owners: Owners) -> tuple[Entry, Override | None]:
    """A table of ``[[overrides]]``."""
    entry = Entry.read(field, OVERRIDE)
    if not entry.stated("kind"):
        entry.note("kind", "is missing: closed, extra or replaced")
    resource, held = owners.of(entry, place_of_hours=True)
    given = entry.take("active", "kind", *_WALL, *_OFFER, "priority", "whole_shifts", "reason")
    kind = entry.values.get("kind", OverrideKind.CLOSED)
    if kind is OverrideKind.CLOSED:
        for name in _OFFER:
            if entry.stated(name):
                entry.note(name, "does not go with closed: it offers nothing")
                given.pop(name, None)
    given |= {"kind": kind} | held
    return entry, _override(entry, resource, given)


def read_time_off(field: Field, owners: Owners) -> tuple[Entry, Override | None]:
    """A table of ``[[time_off]]``: dates, or hours of them, on which somebody is away."""
    entry = Entry.read(field, TIME_OFF)
    resource, _ = owners.of(entry, place_of_hours=False)
    given = entry.take("active", "hours", "reason") | {"kind": OverrideKind.CLOSED}
    return entry, _override(entry, resource, given)


def _override(entry: Entry, resource: Resource | None, given: dict[str, Any]) -> Override | None:
    given |= {"id": entry.values.get("id") or entry.field.table} | _span(entry)
    if resource is not None:
        given["resource"] = resource
    needed: dict[str, Any] = {"resource": _NOBODY, "first": FIRST_DATE, "last": LAST_DATE}
    if given["kind"] is not OverrideKind.CLOSED:
        needed["hours"] = _ALL_DAY
    names = {"first": "date" if entry.stated("date") else "from", "last": "to"}
    return entry.build(Override, given, needed=needed, names=names)


def _span(entry: Entry) -> dict[str, date]:
    """The dates of ``date``, or of ``from`` and ``to``, both inclusive."""
    given = entry.values
    if entry.stated("date"):
        for name in ("from", "to"):
            if entry.stated(name):
                entry.note(name, "not together with date")
        return {"first": given["date"], "last": given["date"]} if "date" in given else {}
    if not (entry.stated("from") or entry.stated("to")):
        entry.note("date", "is missing; or give from and to")
        return {}
    for name, other in (("from", "to"), ("to", "from")):
        if not entry.stated(name):
            entry.note(name, f"is missing: {other} is given, and both dates are needed")
    if "from" not in given or "to" not in given:
        return {}
    if given["to"] < given["from"]:
        entry.note("to", f"must not be before from (got {given['from']}, {given['to']})")
        return {}
    return {"first": given["from"], "last": given["to"]}


# ---------------------------------------------------------------------- holidays


def read_holidays(field: Field, owners: Owners) -> tuple[Entry, list[Override]]:
    """A table of ``[[holidays]]``: a country's public holidays, or dates of one's own."""
    entry = Entry.read(field, HOLIDAY)
    given: Mapping[str, Any] = entry.values
    place = given.get("location")
    resource = Resource(ResourceKind.LOCATION, place) if place else owners.practice
    public = [
        name for name in ("country", "subdivision", "years", "observed") if entry.stated(name)
    ]
    if not public:
        one = {"kind": OverrideKind.CLOSED, "reason": given.get("name", "")}
        made = _override(entry, resource, one)
        return entry, [] if made is None else [made]
    for name in ("name", "date", "from", "to"):
        if entry.stated(name):
            entry.note(name, f"not together with {public[0]}")
    for name in ("country", "years"):
        if not entry.stated(name):
            entry.note(name, "is missing")
    if entry.failed:
        return entry, []
    return entry, _public_holidays(entry, resource)


def _public_holidays(entry: Entry, resource: Resource) -> list[Override]:
    given = entry.values
    try:
        found = holiday_overrides(
            resource,
            given["country"],
            given["years"],
            subdivision=given.get("subdivision"),
            observed=given.get("observed", True),
        )
    except InvalidValue as error:
        entry.failed = True
        entry.field.refuse(error, error.field)
    except MissingExtra as error:
        entry.note("country", str(error))
    else:
        prefix = given.get("id") or entry.field.table
        return [attrs.evolve(one, id=f"{prefix} {one.first}") for one in found]
    return []


Timed = AvailabilityRule | Override | Provider | AppointmentType


def stated_lengths(source: Timed) -> list[tuple[str, timedelta]]:
    """Every slot length that a record states, by field."""
    if isinstance(source, AppointmentType):
        return [("duration", source.duration)]
    found = [(f"durations.{code}", length) for code, length in source.durations]
    if not isinstance(source, Provider) and source.slot_duration is not None:
        found.append(("slot_duration", source.slot_duration))
    return found
