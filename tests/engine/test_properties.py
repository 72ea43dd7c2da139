"""What holds of every schedule, drawn around the clock changes of every zone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import attrs
import pytest

pytest.importorskip("hypothesis")

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.engine.kit import EPOCH, MINUTE, ZONES

from medsched.domain.appointment_types import AppointmentType, GridKind
from medsched.domain.appointments import Appointment
from medsched.domain.availability import Override, OverrideKind
from medsched.domain.booking_rules import Facts, Visited
from medsched.domain.bookings import WallTime
from medsched.domain.claims import Claim
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.requests import Reason, Request
from medsched.domain.schedule import Calendar, Schedule
from medsched.domain.slot_overrides import SlotOverride
from medsched.domain.slots import Slot, SlotStatus
from medsched.engine import slots
from medsched.engine.board import Board
from medsched.engine.explain import explain
from medsched.engine.inquiry import Inquiry
from medsched.engine.slots import list_slots
from medsched.engine.stranding import lacks, may_strand, reasons_of
from medsched.engine.timeline import timeline
from medsched.engine.verdict import refusals
from medsched.testing import strategies as clinic
from medsched.timeline.instants import DAY
from medsched.timeline.recurrence import Recurrence

EXAMPLES = int(os.environ.get("MEDSCHED_EXAMPLES", "60"))
ROOMS, DEVICES, PATIENT = ("room-1", "room-2"), ("device-1",), "patient-1"
RESOURCES: tuple[Resource | str, ...] = (
    "provider-1",
    *(Resource(ResourceKind.ROOM, id) for id in ROOMS),
    Resource(ResourceKind.DEVICE, "device-1"),
    Resource(ResourceKind.PATIENT, PATIENT),
    Resource(ResourceKind.LOCATION, "clinic"),
)
ANY = tuple(GridKind)
FIXED = (GridKind.WINDOW, GridKind.CLOCK)


@attrs.frozen(kw_only=True)
class Drawn:
    """A question about a drawn schedule, and a stretch of it."""

    inquiry: Inquiry
    low: datetime
    high: datetime

    def slots(self, low: datetime | None = None, high: datetime | None = None) -> list[Slot]:
        return list(list_slots(self.inquiry, low or self.low, high or self.high))


@st.composite
def questions(draw: st.DrawFn, grids: Sequence[GridKind] = ANY, days: int = 4) -> Drawn:
    zone = draw(clinic.zones())
    first, _ = draw(clinic.periods(zone=zone, days=days))
    span: dict[str, Any] = {"zone": zone, "start": first, "end": first + timedelta(days)}
    types = clinic.appointment_types(rooms=ROOMS, devices=DEVICES, grids=grids)
    claims = draw(st.lists(clinic.claims(resources=RESOURCES, **span), max_size=5))
    by_resource: dict[Resource, list[Claim]] = {}
    for claim in claims:
        by_resource.setdefault(claim.resource, []).append(claim)
    inquiry = Inquiry(
        draw(clinic.schedules(**span)),
        draw(clinic.requests(types=types, patients=[PATIENT], **span)),
        ZONES,
        by_resource,
        facts=draw(_facts(first, days)),
    )
    low = datetime.combine(first, time(), UTC) - timedelta(hours=15)
    drawn = Drawn(inquiry=inquiry, low=low, high=low + timedelta(days=days, hours=30))
    return draw(_changed(drawn)) if draw(st.booleans()) else drawn


@st.composite
def _changed(draw: st.DrawFn, drawn: Drawn) -> Drawn:
    """The same question with some slots withdrawn, moved, made slots of its type, or priced."""
    schedule, type = drawn.inquiry.schedule, drawn.inquiry.type.code
    listed = drawn.slots()[:60]
    places = st.sampled_from([schedule.provider.location, "clinic", "branch"])
    within = st.integers(0, (drawn.high - drawn.low) // MINUTE)
    at = st.tuples(within.map(lambda by: drawn.low + by * MINUTE), places)
    if listed:
        at = st.sampled_from(listed).map(lambda slot: (slot.start, slot.location)) | at
    found: list[SlotOverride] = []
    for number in range(draw(st.integers(1, 5))):
        (start, place), how = (
            draw(at),
            draw(st.sampled_from(["off", "move", "end", "type", "tell"])),
        )
        fields: dict[str, Any] = {}
        match how:
            case "off":
                fields = {"withdrawn": True, "reason": draw(st.sampled_from(["", "ill"]))}
            case "move":
                there, _ = draw(at)
                fields = {"begins": there + draw(st.integers(-45, 45)) * MINUTE}
            case "end":
                fields = {"ends": start + draw(st.integers(1, 200)) * MINUTE}
            case "type":
                fields = {"becomes": draw(st.sampled_from([type, "another"]))}
            case "tell":
                fields = {"notes": "bring X-rays", "special_requirements": ["fasting"]}
        of = draw(st.sampled_from([type, type, "other"])) if how != "tell" else type
        one = SlotOverride(
            id=f"slot-{number}",
            resource=schedule.provider.resource,
            type=of,
            location=place,
            start=start,
            **fields,
        )
        if all(_is_apart(one, other) for other in found):
            found.append(one)
    owner = schedule.provider.resource
    calendar = attrs.evolve(schedule.calendar(owner), slots=tuple(found))
    changed = attrs.evolve(schedule, calendars={**schedule.calendars, owner: calendar})
    return attrs.evolve(drawn, inquiry=attrs.evolve(drawn.inquiry, schedule=changed))


def _is_apart(one: SlotOverride, other: SlotOverride) -> bool:
    """Whether two overrides are of two slots, and put none where the other is put."""
    return one.start != other.start and one.offered_from != other.offered_from


@st.composite
def _facts(draw: st.DrawFn, first: date, days: int) -> Facts:
    """What else is booked: with the provider, and by the patient."""
    midnight = (datetime.combine(first, time(), UTC) - EPOCH) // MINUTE
    visits = st.lists(
        st.builds(
            Visited,
            st.integers(midnight - 8 * 1440, midnight + (days + 8) * 1440),
            st.sampled_from(["provider-1", "provider-1", "provider-2"]),
            st.sampled_from(clinic.TYPE_CODES),
            st.booleans(),
        ),
        max_size=6,
    ).map(tuple)
    return Facts(
        visits=tuple(one for one in draw(visits) if one.provider == "provider-1"),
        own=draw(visits),
        seen=draw(st.booleans()),
        seen_here=draw(st.booleans()),
    )


@settings(max_examples=EXAMPLES)
@given(questions(), st.randoms(use_true_random=False))
def test_the_order_of_adding_never_matters(drawn: Drawn, random: Any) -> None:
    def mixed(items: Sequence[Any]) -> Any:
        return tuple(random.sample(list(items), len(items)))

    schedule, claims = drawn.inquiry.schedule, drawn.inquiry.claims
    other = attrs.evolve(
        schedule,
        calendars={
            owner: Calendar(
                rules=mixed(schedule.calendars[owner].rules),
                overrides=mixed(schedule.calendars[owner].overrides),
                blockings=mixed(schedule.calendars[owner].blockings),
                slots=mixed(schedule.calendars[owner].slots),
                releases=mixed(schedule.calendars[owner].releases),
            )
            for owner in mixed(list(schedule.calendars))
        },
        locations={id: schedule.locations[id] for id in mixed(list(schedule.locations))},
    )
    shuffled = attrs.evolve(
        drawn.inquiry,
        schedule=other,
        claims={owner: mixed(claims[owner]) for owner in mixed(list(claims))},
    )
    found = list_slots(shuffled, drawn.low, drawn.high, taken=True)
    assert list(found) == list(list_slots(drawn.inquiry, drawn.low, drawn.high, taken=True))


@settings(max_examples=EXAMPLES)
@given(questions(grids=FIXED), st.data())
def test_adding_a_closure_never_adds_a_slot(drawn: Drawn, data: st.DataObject) -> None:
    schedule = drawn.inquiry.schedule
    owner = data.draw(st.sampled_from(_owners(schedule)))
    # Extra hours open what the practice closes, and bring the grid of their own window along:
    # the one case in which a closure beneath them may show starts that a rule's grid had not.
    extra = schedule.calendar(schedule.provider.resource).by_kind[OverrideKind.EXTRA]
    beneath = owner.kind in (ResourceKind.PRACTICE, ResourceKind.LOCATION)
    assume(not (beneath and extra))
    closure = data.draw(_closures(owner, drawn))
    old = schedule.calendar(owner)
    calendar = attrs.evolve(old, overrides=(*old.overrides, closure))
    closed = attrs.evolve(schedule, calendars={**schedule.calendars, owner: calendar})
    after = attrs.evolve(drawn, inquiry=attrs.evolve(drawn.inquiry, schedule=closed))
    assert {slot.start for slot in after.slots()} <= {slot.start for slot in drawn.slots()}


def _owners(schedule: Schedule) -> list[Resource]:
    places = [place.resource for place in schedule.locations.values()]
    rooms = [room.resource for room in schedule.rooms.values()]
    return [schedule.provider.resource, schedule.practice.resource, *places, *rooms]


@st.composite
def _closures(draw: st.DrawFn, owner: Resource, drawn: Drawn) -> Override:
    first = drawn.low.date() + timedelta(days=draw(st.integers(0, 4)))
    last = first + timedelta(days=draw(st.integers(0, 2)))
    partly = st.sampled_from(["09:00-09:01", "00:00-24:00", "02:30-03:30", "22:00-03:00 overnight"])
    hours = draw(st.just(()) | partly)
    return Override.closed(
        owner,
        first,
        last,
        id="the-new-one",
        hours=hours,
        whole_shifts=not hours and draw(st.booleans()),
        priority=draw(st.integers(-1, 1)),
    )


@settings(max_examples=EXAMPLES)
@given(questions(), st.data())
def test_adjoining_queries_add_up(drawn: Drawn, data: st.DataObject) -> None:
    """Up to each one's bound alone, and a session no more than once."""
    whole = drawn.slots()
    length = (drawn.high - drawn.low) // MINUTE
    near = [(slot.start - drawn.low) // MINUTE for slot in whole]
    cuts = st.integers(0, length) | (st.sampled_from(near) if near else st.nothing())
    minutes = sorted({0, length, *data.draw(st.lists(cuts, max_size=6))})
    edges = [drawn.low + cut * MINUTE for cut in minutes]
    parts = [drawn.slots(low, high) for low, high in pairwise(edges)]
    assert [slot for part in parts for slot in part] == whole
    taken = list(list_slots(drawn.inquiry, drawn.low, drawn.high, taken=True))
    halves = [
        slot
        for low, high in pairwise(edges)
        for slot in list_slots(drawn.inquiry, low, high, taken=True)
    ]
    assert halves == taken


@settings(max_examples=EXAMPLES)
@given(questions(), st.integers(0, 60), st.booleans())
def test_the_first_are_the_first_of_all(drawn: Drawn, count: int, taken: bool) -> None:
    """Looked for a day at a time at first, so that what is drawn takes several looks."""
    whole = list(list_slots(drawn.inquiry, drawn.low, drawn.high, taken=taken))
    with patch.object(slots, "FIRST_LOOK", DAY):
        lazy = list_slots(drawn.inquiry, drawn.low, drawn.high, taken=taken)
        assert lazy.first(count) == whole[:count]
    assert list(lazy) == whole


@settings(max_examples=EXAMPLES)
@given(questions())
def test_however_often_it_is_asked_the_same_is_free(drawn: Drawn) -> None:
    """What is asked for again is found in other ways than at first, and than what is told."""
    anew = attrs.evolve(drawn.inquiry, schedule=attrs.evolve(drawn.inquiry.schedule))
    told = list_slots(anew, drawn.low, drawn.high, taken=True)
    free = [one for one in told if one.status is SlotStatus.FREE]
    assert [drawn.slots() for _ in range(3)] == [free] * 3


@settings(max_examples=EXAMPLES)
@given(questions(), st.data())
def test_listed_exactly_when_not_refused(drawn: Drawn, data: st.DataObject) -> None:
    slots = {slot.start: slot for slot in drawn.slots()}
    first, length = (drawn.low - EPOCH) // MINUTE, (drawn.high - drawn.low) // MINUTE
    chosen = {
        first + minute for minute in data.draw(st.sets(st.integers(0, length - 1), max_size=60))
    }
    near = [(start - EPOCH) // MINUTE for start in list(slots)[:40]]
    chosen |= {start + by for start in near for by in (-1, 0, 1)} & set(
        range(first, first + length)
    )
    for minute in chosen:
        instant = EPOCH + minute * MINUTE
        refused = refusals(drawn.inquiry, minute)
        assert (instant in slots) == (not refused), (instant, refused)
        assert all(told.message and str(told) for told in refused)
    for minute in sorted(chosen)[:: max(1, len(chosen) // 12)]:
        instant = EPOCH + minute * MINUTE
        explained = explain(drawn.inquiry, instant)
        assert explained.offered == (instant in slots)
        assert explained.slot == slots.get(instant)
        assert {told.reason for told in explained.violations} == {
            told.reason for told in refusals(drawn.inquiry, minute)
        }
        assert sum(cover.wins for cover in explained.layers) <= 1
        assert str(explained)


@settings(max_examples=max(EXAMPLES // 10, 1))
@given(questions(days=1))
def test_every_whole_minute_of_a_day(drawn: Drawn) -> None:
    day = attrs.evolve(drawn, high=drawn.low + timedelta(hours=24))
    listed = {slot.start for slot in day.slots()}
    first = (day.low - EPOCH) // MINUTE
    offered = {
        EPOCH + minute * MINUTE
        for minute in range(first, first + 24 * 60)
        if not refusals(day.inquiry, minute)
    }
    assert offered == listed


@settings(max_examples=EXAMPLES)
@given(questions(), clinic.zones())
def test_a_slot_is_what_it_says(drawn: Drawn, viewer: str) -> None:
    listed = list_slots(drawn.inquiry, drawn.low, drawn.high)
    slots = list(listed)
    assert len(slots) == len(listed)
    assert [slot.start for slot in slots] == sorted({slot.start for slot in slots})
    assert len({slot.id for slot in slots}) == len(slots)
    for slot, seen in zip(slots[:50], listed.seen_from(viewer).first(50), strict=True):
        assert drawn.low <= slot.start < drawn.high
        assert slot.end - slot.start == slot.duration > timedelta(0)
        # Python finds an ambiguous local time unequal to any in another zone (PEP 495).
        local = [one.local_start.astimezone(UTC) for one in (slot, seen)]
        assert local == [slot.start, seen.start] == [slot.start] * 2
        assert slot.date == slot.local_start.date()
        assert seen.id == slot.id
        assert 0 < slot.seats_free <= slot.capacity


# ------------------------------------------------------------------------ what is kept back


@st.composite
def kept_questions(draw: st.DrawFn) -> Drawn:
    """Questions about schedules that keep something back, asked near the dates in question."""
    drawn = draw(questions())
    schedule, zone = drawn.inquiry.schedule, draw(clinic.zones())
    first, beyond = drawn.low.date(), drawn.high.date()
    dates: dict[str, Any] = {"zone": zone, "start": first, "end": beyond}
    owners = (schedule.provider.resource, schedule.practice.resource)
    drawn_rule = draw(clinic.release_rules(resource=draw(st.sampled_from(owners)), **dates))
    rule = attrs.evolve(
        drawn_rule, id="the-new-one", recurrence=Recurrence.daily(first), valid_to=None
    )
    old = schedule.calendar(rule.resource)
    mine = attrs.evolve(old, releases=(*old.releases, rule))
    calendars = {**schedule.calendars, rule.resource: mine}
    ahead = st.integers(-72 * 60, (drawn.high - drawn.low) // MINUTE)
    seconds = st.sampled_from([timedelta(0), timedelta(seconds=1), timedelta(seconds=59)])
    type = attrs.evolve(drawn.inquiry.type, notice=timedelta(0))
    now = drawn.low + draw(ahead) * MINUTE + draw(seconds)
    request = attrs.evolve(drawn.inquiry.request, type=type, now=now)
    kept = attrs.evolve(schedule, calendars=calendars)
    return attrs.evolve(drawn, inquiry=attrs.evolve(drawn.inquiry, schedule=kept, request=request))


def kept_at(drawn: Drawn, now: datetime, minutes: Sequence[int]) -> set[int]:
    """The starts that are told to be kept back at an instant."""
    request = attrs.evolve(drawn.inquiry.request, now=now)
    inquiry = attrs.evolve(drawn.inquiry, request=request)
    return {
        minute
        for minute in minutes
        if any(one.reason is Reason.KEPT_BACK for one in refusals(inquiry, minute))
    }


@settings(max_examples=EXAMPLES)
@given(kept_questions(), st.data())
def test_what_is_kept_back_is_neither_listed_nor_booked(drawn: Drawn, data: st.DataObject) -> None:
    test_listed_exactly_when_not_refused.hypothesis.inner_test(drawn, data)  # type: ignore[attr-defined]


@settings(max_examples=EXAMPLES)
@given(kept_questions())
def test_a_timeline_tells_what_is_kept_back_of_open_time(drawn: Drawn) -> None:
    inquiry = drawn.inquiry
    for stretch in timeline(inquiry, drawn.low, drawn.high)[::7]:
        told = {one.reason for one in stretch.violations}
        edges = [stretch.start, stretch.end - MINUTE]
        for minute in ((edge - EPOCH) // MINUTE for edge in edges):
            piece = Board(inquiry, minute, minute + 1).openings.piece_at(minute)
            changed = (
                piece is not None and inquiry.schedule.calendar(inquiry.provider.resource).slots
            )
            if not changed and not any(one.session for one in stretch.claims):
                refused = {one.reason for one in refusals(inquiry, minute)}
                assert (Reason.KEPT_BACK in told) == (Reason.KEPT_BACK in refused)


@settings(max_examples=EXAMPLES)
@given(kept_questions(), st.data())
def test_what_is_kept_back_only_shrinks_as_time_goes_by(drawn: Drawn, data: st.DataObject) -> None:
    first, length = (drawn.low - EPOCH) // MINUTE, (drawn.high - drawn.low) // MINUTE
    minutes = [first + at for at in data.draw(st.lists(st.integers(0, length - 1), max_size=20))]
    minutes += [(one.start - EPOCH) // MINUTE for one in drawn.slots()[:10]]
    moment = st.integers(-5 * 1440, length)
    waits = sorted(data.draw(st.lists(moment, min_size=6, max_size=12)))
    moments = [drawn.low + wait * MINUTE for wait in waits]
    kept = [kept_at(drawn, now, minutes) for now in moments]
    assert all(later <= earlier for earlier, later in pairwise(kept))


@settings(max_examples=EXAMPLES)
@given(kept_questions())
def test_what_is_kept_back_never_moves_a_grid(drawn: Drawn) -> None:
    """What is listed is what would be without the rules, less what they keep."""
    schedule = drawn.inquiry.schedule
    free = {owner: attrs.evolve(one, releases=()) for owner, one in schedule.calendars.items()}
    without = attrs.evolve(schedule, calendars=free)
    all_of_it = attrs.evolve(drawn, inquiry=attrs.evolve(drawn.inquiry, schedule=without)).slots()
    starts = [(one.start - EPOCH) // MINUTE for one in all_of_it]
    now = drawn.inquiry.request.now
    assert now is not None
    kept = {EPOCH + at * MINUTE for at in kept_at(drawn, now, starts)}
    assert drawn.slots() == [one for one in all_of_it if one.start not in kept]
    unasked = attrs.evolve(drawn.inquiry.request, now=None)
    opened = [
        list(list_slots(attrs.evolve(drawn.inquiry, request=unasked, schedule=one), *span))
        for one in (schedule, without)
        for span in [(drawn.low, drawn.high)]
    ]
    assert opened[0] == opened[1]


# ---------------------------------------------------------------------------- stranding

OF_HOURS = {
    Reason.CLOSED,
    Reason.RUNS_OUT,
    Reason.TYPE,
    Reason.INACTIVE,
    Reason.NOT_BOOKABLE,
    Reason.WITHDRAWN,
}
"""What is said of a start by hours alone, rooms and devices apart."""


def visit_at(schedule: Schedule, type: AppointmentType, minute: int) -> Appointment:
    """A visit at a minute, as long and where it would be booked."""
    board = Board(Inquiry(schedule, Request(type), ZONES), minute, minute + 1)
    terms = board.terms_at(board.openings.piece_at(minute), minute)
    start = EPOCH + minute * MINUTE
    return Appointment(
        id="a",
        provider=schedule.provider.id,
        patient=PATIENT,
        type=type.code,
        location=terms.shape.location,
        start=start,
        end=start + terms.length * MINUTE,
        wall=WallTime(start.replace(tzinfo=None), "UTC"),
    )


@settings(max_examples=EXAMPLES)
@given(questions(), st.data())
def test_a_visit_lies_in_hours_where_hours_refuse_nothing(
    drawn: Drawn, data: st.DataObject
) -> None:
    schedule, type = drawn.inquiry.schedule, attrs.evolve(drawn.inquiry.type, needs=())
    plain = Inquiry(schedule, Request(type), ZONES)
    first, length = (drawn.low - EPOCH) // MINUTE, (drawn.high - drawn.low) // MINUTE
    near = [(slot.start - EPOCH) // MINUTE - first for slot in drawn.slots()[:20]]
    minutes = st.integers(0, length - 1) | (st.sampled_from(near) if near else st.nothing())
    for minute in data.draw(st.lists(minutes, max_size=30)):
        visit = visit_at(schedule, type, first + minute)
        told = {one.reason for one in refusals(plain, first + minute)} & OF_HOURS
        assert reasons_of(lacks(schedule, type, ZONES, visit)) == told


@settings(max_examples=EXAMPLES)
@given(questions(), st.data())
def test_to_take_a_closure_back_strands_nobody(drawn: Drawn, data: st.DataObject) -> None:
    schedule, type = drawn.inquiry.schedule, attrs.evolve(drawn.inquiry.type, needs=())
    owner = data.draw(st.sampled_from(_owners(schedule)))
    closure = data.draw(_closures(owner, drawn))
    assert not may_strand(closure, None)
    old = schedule.calendar(owner)
    calendar = attrs.evolve(old, overrides=(*old.overrides, closure))
    closed = attrs.evolve(schedule, calendars={**schedule.calendars, owner: calendar})
    found = list_slots(Inquiry(closed, Request(type), ZONES), drawn.low, drawn.high)
    for slot in found.first(40):
        visit = visit_at(closed, type, (slot.start - EPOCH) // MINUTE)
        assert not lacks(closed, type, ZONES, visit)
        assert not lacks(schedule, type, ZONES, visit)
