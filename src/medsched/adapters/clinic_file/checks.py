"""What only shows when the whole file is read: references, doubles, bounds, contradictions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Generic, TypeVar

import attrs

from medsched.adapters.clinic_file.reading import Field, Reading, shown, spell, suggestion
from medsched.domain.appointment_types import AppointmentType
from medsched.domain.availability import AvailabilityRule, Override, OverrideKind
from medsched.domain.people import Provider
from medsched.domain.places import Location, PracticeSettings, Room
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.schedule import Schedule
from medsched.engine.check import refuse_contradictions, refuse_overlaps
from medsched.errors import ContradictoryOverrides, InvalidDuration, OverlappingRules
from medsched.timeline.zones import ZoneSource

Source = TypeVar("Source", AvailabilityRule, Override)


@attrs.frozen(eq=False)
class Placed(Generic[Source]):
    """A rule or override, and where it stands in the file."""

    field: Field
    source: Source


def check_references(reading: Reading, known: Callable[[str], Iterable[str]]) -> None:
    """Note every reference to a record that the file does not have."""
    ids = {kind: set(known(kind)) for kind in {one.kind for one in reading.references}}
    for reference in reading.references:
        if reference.id not in ids[reference.kind]:
            near = suggestion(reference.id, ids[reference.kind])
            word = _singular(reference.kind)
            reference.field.note(f"there is no {word} {reference.id!r} in this file{near}")


def check_doubles(ids: Iterable[tuple[str, Field]], kind: str) -> None:
    """Note every id that another record of the same kind has already."""
    seen: dict[str, str] = {}
    for id, field in ids:
        if id in seen:
            field.note(f"{seen[id]} has the same {'code' if kind == 'types' else 'id'}")
        else:
            seen[id] = field.table


def check_lengths(
    settings: PracticeSettings, field: Field, stated: Iterable[tuple[str, timedelta]]
) -> None:
    """Note every slot length outside the practice's bounds."""
    for name, length in stated:
        try:
            settings.check_slot_length(length, name)
        except InvalidDuration as error:
            field.note(f"{error.why} (got {shown(length)})", field.at(name, None).path)


def check_types_fit(
    placed: Placed[AvailabilityRule] | Placed[Override],
    providers: Mapping[str, Provider],
    types: Mapping[str, AppointmentType],
) -> None:
    """Note each type that a provider's hours name and that is longer than all of their windows."""
    source = placed.source
    provider = providers.get(source.resource.id)
    if source.resource.kind is not ResourceKind.PROVIDER or provider is None or not source.windows:
        return
    if isinstance(source, Override) and source.kind is OverrideKind.CLOSED:
        return
    longest = timedelta(minutes=max(end - start for start, end in source.windows))
    for code in sorted(source.types or ()):
        if code in types:
            own = source.stated_duration(code) or provider.own_duration(code)
            length = own or types[code].duration
            if length > longest:
                told = f"{code!r} takes {spell(length)}, the longest window has {spell(longest)}"
                placed.field.note(told, placed.field.at("types", None).path)


@attrs.frozen
class Snapshot:
    """What the engine's checks are made on, whatever resource they are about."""

    settings: PracticeSettings
    locations: dict[str, Location]
    rooms: dict[str, Room]
    providers: dict[str, Provider]
    zones: ZoneSource

    def schedule_of(self, resource: Resource) -> Schedule:
        """The schedule of a provider; of another resource, that of nobody in particular."""
        provider = None
        if resource.kind is ResourceKind.PROVIDER:
            provider = self.providers.get(resource.id)
        return Schedule(
            practice=self.settings,
            provider=provider or Provider(id="-"),
            calendars={},
            locations=self.locations,
            rooms=self.rooms,
        )


def check_overlaps(snapshot: Snapshot, rules: Sequence[Placed[AvailabilityRule]]) -> None:
    """Note each rule that opens a minute which itself or one before it in the file opens."""
    earlier: dict[Resource, list[AvailabilityRule]] = {}
    for placed in rules:
        rule = placed.source
        others = earlier.setdefault(rule.resource, [])
        try:
            refuse_overlaps(rule, others, snapshot.schedule_of(rule.resource), snapshot.zones)
        except OverlappingRules as error:
            placed.field.note(str(error))
        others.append(rule)


def check_contradictions(snapshot: Snapshot, overrides: Sequence[Placed[Override]]) -> None:
    """Note each override that says otherwise than one before it of equal kind and priority."""
    earlier: dict[Resource, list[Override]] = {}
    for placed in overrides:
        override = placed.source
        others = earlier.setdefault(override.resource, [])
        schedule = snapshot.schedule_of(override.resource)
        try:
            refuse_contradictions(override, others, schedule, snapshot.zones)
        except ContradictoryOverrides as error:
            placed.field.note(str(error))
        others.append(override)


def _singular(kind: str) -> str:
    return "appointment type" if kind == "types" else kind.removesuffix("s")
