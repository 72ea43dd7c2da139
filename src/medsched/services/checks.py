"""What must hold of records before they are written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta

from medsched.domain.appointment_types import AppointmentType
from medsched.domain.availability import AvailabilityRule, Override, OverrideKind
from medsched.domain.people import Provider
from medsched.domain.places import Location, PracticeSettings
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.slot_overrides import SlotOverride
from medsched.domain.stored import KEEPS_HOURS, HoursRecord, Kind, Noun, Ref, references
from medsched.domain.time_blocks import TimeBlock
from medsched.engine.check import refuse_contradictions, refuse_overlaps
from medsched.engine.placing import place_of
from medsched.engine.time_blocks import published_span, zone_of_block
from medsched.errors import AlreadyExists, InvalidChoice, InvalidDuration, NotFound
from medsched.ports.zones import ZoneSource
from medsched.services.schedules import schedule_in
from medsched.services.view import View
from medsched.timeline.instants import MINUTE


def check(view: View, records: Sequence[Noun], zones: ZoneSource) -> None:
    """Refuse records that may not be written as a view, which they are laid over, shows them.

    `NotFound` for a record that is named and is not there; `UnknownZone`; `InvalidChoice`
    for hours of a patient; `InvalidDuration` for a length outside the practice's bounds, or
    longer than every window that it must fit into; `OverlappingRules` and
    `ContradictoryOverrides`; `NonexistentTime` and `AmbiguousTime` for an edge of a time block;
    `OutsideHours` and `SlotsOverlap` for a slot that is moved.
    """
    view.read(ref for record in records for ref in references(record))
    for record in records:
        _check_owner(view, record)
        for ref in sorted(references(record)):
            if view.row(ref) is None:
                raise NotFound(ref.kind.value, ref.id)
        for name in _zones(record):
            zones.zone(name)
        for field, length in _lengths(record):
            view.settings().check_slot_length(length, field)
        if isinstance(record, AppointmentType | Provider):
            _check_hours_fit(view, record)
        if isinstance(record, AvailabilityRule | Override) and _opens(record):
            view.settings().check_break_length(record.break_duration, "break_duration")
            _check_types_fit(view, record)
        if isinstance(record, SlotOverride) and record.active:
            _check_slot(view, record, zones)
    _check_hours(view, records, zones)
    _check_blocks(view, [one for one in records if isinstance(one, TimeBlock)], zones)


def _check_owner(view: View, record: Noun) -> None:
    """Hours are of what may keep some; and what is said of a practice is said of this one."""
    if not isinstance(record, HoursRecord | PracticeSettings):
        return
    owner = record.resource
    if owner.kind not in KEEPS_HOURS:
        raise InvalidChoice("resource", str(owner), f"a {owner.kind.value} keeps no hours")
    if owner.kind is ResourceKind.PRACTICE and owner != view.practice:
        raise NotFound(owner.kind.value, owner.id)


def _zones(record: Noun) -> Iterator[str]:
    """Every zone that a record states."""
    states_one = PracticeSettings | Provider | Location | HoursRecord
    if isinstance(record, states_one) and record.timezone is not None:
        yield record.timezone
    if isinstance(record, Provider):
        for travel in record.travels:
            yield travel.timezone


def _lengths(record: Noun) -> Iterator[tuple[str, timedelta]]:
    """Every length of a slot that a record states, and where."""
    if isinstance(record, AppointmentType):
        yield "duration", record.duration
    if isinstance(record, AvailabilityRule | Override) and record.slot_duration is not None:
        yield "slot_duration", record.slot_duration
    if isinstance(record, Provider | AvailabilityRule | Override):
        for code, length in record.durations:
            yield f"durations[{code}]", length


def _check_types_fit(view: View, record: AvailabilityRule | Override) -> None:
    """A type that is stated for hours of a provider must fit into the longest of them."""
    owner = view.row(Ref.of(record.resource))
    if not isinstance(owner, Provider):
        return
    longest = timedelta(minutes=max(end - start for start, end in record.windows))
    for code in sorted(record.types or ()):
        type_ = view.get(AppointmentType, Ref(Kind.APPOINTMENT_TYPE, code))
        assert type_ is not None  # its absence was refused before
        length = record.stated_duration(code) or owner.own_duration(code) or type_.duration
        if length > longest:
            why = f"appointment type {code!r} is longer than the longest window, {longest}"
            raise InvalidDuration("types", length, why)


def _check_hours_fit(view: View, record: AppointmentType | Provider) -> None:
    """Hours that state a type must still have room for it when its length changes."""
    if isinstance(record, Provider):
        calendar = view.calendars([record.resource])[record.resource]
        hours_of: tuple[AvailabilityRule | Override, ...] = (*calendar.rules, *calendar.overrides)
        for hours in hours_of:
            if _opens(hours):
                _check_types_fit(view, hours)
        return
    named = view.referrers(Ref.to(record))
    view.read(named)
    for ref in named:
        found = view.row(ref)
        if isinstance(found, AvailabilityRule | Override) and found.active and _opens(found):
            _check_types_fit(view, found)


def _check_slot(view: View, record: SlotOverride, zones: ZoneSource) -> None:
    """A slot is changed by one override at a time, and put where there is room for it."""
    for other in view.calendars([record.resource])[record.resource].slots:
        same = (other.type, other.minute, other.location)
        if other.id != record.id and same == (record.type, record.minute, record.location):
            raise AlreadyExists(Kind.SLOT_OVERRIDE.value, other.id)
    if record.ends is not None:
        view.settings().check_slot_length(record.ends - record.offered_from, "ends")
    if record.is_moved:
        type_ = view.get(AppointmentType, Ref(Kind.APPOINTMENT_TYPE, record.offered_as))
        assert type_ is not None  # its absence was refused before
        place_of(record, schedule_in(view, record.resource, [type_]), type_, zones)


def _opens(record: HoursRecord) -> bool:
    """Whether a record opens hours, which others may contradict; closures never do."""
    if isinstance(record, Override):
        return record.kind is not OverrideKind.CLOSED
    return isinstance(record, AvailabilityRule | TimeBlock)


def _check_blocks(view: View, blocks: Sequence[TimeBlock], zones: ZoneSource) -> None:
    """Each edge of a block is a time of its date, and its length within the practice's bounds."""
    schedules = {one: schedule_in(view, one) for one in {block.resource for block in blocks}}
    for block in blocks:
        zone = zone_of_block(block, schedules[block.resource], zones)
        low, high = published_span(block, zone)
        view.settings().check_slot_length((high - low) * MINUTE, "hours")


def _check_hours(view: View, records: Sequence[Noun], zones: ZoneSource) -> None:
    """Compare the hours that are opened with all others of their resource, and one another."""
    written: dict[Resource, list[HoursRecord]] = defaultdict(list)
    for record in records:
        if isinstance(record, HoursRecord) and record.active and _opens(record):
            written[record.resource].append(record)
    for resource, hours in written.items():
        schedule = schedule_in(view, resource)
        calendar = schedule.calendar(resource)
        rules = {one.id: one for one in calendar.rules}
        dated = {(type(one), one.id): one for one in calendar.dated}
        for one in hours:
            # What was compared is taken out, so that each pair is compared once.
            if isinstance(one, AvailabilityRule):
                del rules[one.id]
                refuse_overlaps(one, list(rules.values()), schedule, zones)
            elif isinstance(one, Override | TimeBlock):
                override = one.opening if isinstance(one, TimeBlock) else one
                del dated[type(override), one.id]
                refuse_contradictions(override, list(dated.values()), schedule, zones)
