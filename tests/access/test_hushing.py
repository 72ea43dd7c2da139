"""Refusals and explanations tell that time is taken, and not by whom one does not reach."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date, time, timedelta
from typing import Any, NoReturn

import attrs
import pytest
from tests.access.world import DAYS, AuditedStore, World, at, start

from medsched import (
    AppointmentsStranded,
    AppointmentType,
    BookingRefused,
    IdempotencyMismatch,
    InUse,
    Need,
    NotAllowed,
    NotFound,
    Override,
    Practice,
    Recurrence,
    Resource,
    SeriesRefused,
    SlotsOverlap,
    StorageError,
    TimeBlock,
)
from medsched.domain.stored import Ref, Stored
from medsched.errors import AlreadyOffered, AlreadyWaiting

SHARED = Resource("device", "scanner")
SCAN = start("smith", 14, 10)


@pytest.fixture
def world() -> World:
    """Both clinics share a scanner, which Ben has at the annex on the 14th at ten."""
    made = World()
    made.clinic.devices.create(id="scanner", location="bay")
    scan = AppointmentType(
        code="scan", duration=timedelta(minutes=30), needs=[Need.device("scanner")]
    )
    made.clinic.add_all([scan])
    for who, at_ in (("jones", 10), ("smith", 12)):
        patient = "ben" if who == "jones" else "ada"
        made.clinic.appointments.book(
            attrs.evolve(start(who, 14, at_), type="scan"), patient=patient, id=f"scan-{patient}"
        )
    made.clinic.holds.place(start("jones", 14, 11), patient="ben", id="hold-ben")
    return made


def scan(hour: int) -> Any:
    return attrs.evolve(start("smith", 14, hour), type="scan")


def named(*given: object) -> bool:
    """Whether something of Ben's is told: `repr` shows ids, of claims and violations too."""
    return any(one in repr(given) for one in ("scan-ben", "hold-ben", "ben@jones"))


def ids(practice: Practice, hour: int) -> set[str | None]:
    with pytest.raises(BookingRefused) as refused:
        practice.appointments.book(scan(hour), patient="ada")
    assert "scanner" in str(refused.value)
    return {one.by for one in refused.value.violations if one.resource == SHARED}


@pytest.mark.parametrize("who, told", [("bay", None), ("smith", None), ("granted", "scan-ben")])
def test_a_refusal_names_no_foreign_booking(world: World, who: str, told: str | None) -> None:
    assert ids(world.acting(who), 10) == {told}


def test_a_refusal_names_what_is_reached(world: World) -> None:
    for who in ("bay", "smith", "ada", "admin", "trusted"):
        assert ids(world.acting(who), 12) == {"scan-ada"}, who
    assert ids(world.acting("admin"), 10) == {"scan-ben"}


def test_an_explanation_keeps_the_time_and_drops_the_id(world: World) -> None:
    asked: Any = ("smith", "scan")
    whole = world.clinic.availability.explain(*asked, at=at(14, 10))
    told = world.acting("bay").availability.explain(*asked, at=at(14, 10))
    assert named(whole)
    assert not named(told)
    assert [(one.low, one.high, one.kind) for one in told.claims] == [
        (one.low, one.high, one.kind) for one in whole.claims
    ]
    assert [one.message for one in told.violations] == [one.message for one in whole.violations]
    seen = world.acting("bay").availability.explain(*asked, at=at(14, 12))
    assert "scan-ada" in repr(seen)
    assert "scan-ada" not in repr(world.acting("ben").availability.explain(*asked, at=at(14, 12)))


def test_a_timeline_keeps_the_time_and_drops_the_id(world: World) -> None:
    asked: Any = ("jones", "visit", at(14, 9), at(14, 13))
    whole = world.clinic.availability.timeline(*asked)
    told = world.acting("bay").availability.timeline(*asked)
    assert named(whole)
    assert not named(told)
    assert [(one.start, one.end, one.open) for one in told] == [
        (one.start, one.end, one.open) for one in whole
    ]
    assert named(world.acting("jones").availability.timeline(*asked))


def test_conflicts_keep_the_time_and_drop_the_id(world: World) -> None:
    moved = world.clinic.appointments.reschedule("scan-ada", scan(10), override="both fit")
    found = world.acting("bay").appointments.conflicts(moved)
    assert not named(found)
    ((claim,),) = found.values()
    assert (claim.start, claim.end, claim.id) == (at(14, 10), at(14, 10, 30), "")
    assert named(world.acting("admin").appointments.conflicts(moved))


def test_a_series_names_no_foreign_booking(world: World) -> None:
    asked: Any = ("smith", "scan")
    more: Any = {
        "patient": "ada",
        "recurrence": Recurrence.daily(start=date(2026, 1, 14), count=2),
        "at": time(10),
    }
    practice = world.acting("smith")
    with pytest.raises(SeriesRefused) as refused:
        practice.series.book(*asked, **more)
    assert not named(refused.value.unbooked)
    with pytest.raises(SeriesRefused) as refused:
        world.clinic.series.book(*asked, **more)
    assert named(refused.value.unbooked)
    booked = practice.series.book(*asked, **more, skip=True, idempotency_key="k")
    again = practice.series.book(*asked, **more, skip=True, idempotency_key="k")
    stored = practice.series.get(booked.series.id)
    assert not named(booked, again, stored, practice.series.list())
    assert stored.occurrences[0].violations[0].resource == SHARED
    assert named(world.clinic.series.get(booked.series.id))


def test_who_is_stranded_elsewhere_is_counted_and_not_named(world: World) -> None:
    closing = Override.closed(SHARED, date(2026, 1, 14))
    with pytest.raises(AppointmentsStranded) as refused:
        world.acting("bay").availability.add(closing)
    told = refused.value
    assert ([one.appointment.id for one in told.stranded], told.others) == (["scan-ada"], 1)
    assert "and 1 more" in str(told)
    assert not named(told.stranded, str(told))
    only = world.acting("bay").availability.would_strand(closing)
    assert [one.appointment.id for one in only] == ["scan-ada"]
    world.clinic.appointments.cancel("scan-ada")
    with pytest.raises(AppointmentsStranded) as refused:
        world.acting("bay").availability.add(closing)
    assert str(refused.value) == "1 appointment stands in hours that would be taken away"


def test_nobody_cancels_what_they_do_not_reach(world: World) -> None:
    closing = Override.closed(SHARED, date(2026, 1, 14))
    for fate in ("cancel", "move"):
        with pytest.raises(NotAllowed):
            world.acting("bay").availability.add(closing, stranded=fate)
    assert world.clinic.appointments.get("scan-ben").status == "booked"
    assert world.clinic.appointments.get("scan-ada").status == "booked"
    for fate in ("cancel", "move"):
        with pytest.raises(NotAllowed):
            world.acting("bay").blockings.add(SHARED, at(14, 9), at(14, 13), stranded=fate)


def test_a_blocking_in_the_way_names_nobody(world: World) -> None:
    with pytest.raises(BookingRefused) as refused:
        world.acting("bay").blockings.add(SHARED, at(14, 9), at(14, 13))
    assert {one.by for one in refused.value.violations} == {"scan-ada", None}
    assert not named(refused.value.violations)


def test_what_is_in_use_is_so_by_nobody_who_is_not_reached(world: World) -> None:
    block = TimeBlock("smith", date(2026, 1, 15), "19:00-20:00", location="bay", id="late")
    world.clinic.time_blocks.publish(block)
    world.clinic.time_blocks.book("late", type="visit", patient="ada", id="in-block")
    with pytest.raises(InUse) as refused:
        world.acting("admin").time_blocks.delete("late")
    assert refused.value.referrers == (("appointment", "in-block"),)
    gate = world.acting("jones")._context.admit("appointment.read")
    gate.hush(refused.value)
    assert refused.value.referrers == (("appointment", ""),)


def test_a_slot_is_put_over_an_appointment_that_is_not_named(world: World) -> None:
    long = AppointmentType(code="long", duration=timedelta(hours=7))
    world.clinic.add_all([long])
    slot = attrs.evolve(start("smith", 14, 8), type="long")

    def told(who: str) -> str:
        practice = world.acting(who)
        with pytest.raises(SlotsOverlap) as refused:
            practice.availability.change_slot(slot, start=at(14, 9))
        return str(refused.value)

    assert "would overlap appointment 'scan-ada' from" in told("trusted")
    assert "would overlap an appointment from" in told("bay")


def test_who_waits_elsewhere_is_not_named(world: World) -> None:
    each: Any = {"type": "visit", "earliest": DAYS[0], "latest": DAYS[1]}
    world.clinic.waitlist.join(patient="eve", providers="jones", location="annex", id="e", **each)
    with pytest.raises(AlreadyWaiting) as refused:
        world.acting("bay").waitlist.join(patient="eve", providers="jones", **each)
    assert refused.value.entry == ""
    with pytest.raises(AlreadyWaiting) as refused:
        world.acting("annex").waitlist.join(patient="eve", providers="jones", **each)
    assert refused.value.entry == "e"
    offer = world.clinic.waitlist.offer("w-eve", start("jones", 15, 9), reason="r").id
    for who, told in (("bay", ""), ("annex", offer)):
        with pytest.raises(AlreadyOffered) as closed:
            world.acting(who).waitlist.offer("w-eve", start("smith", 15, 9), reason="r")
        assert closed.value.offer == told, who


# --------------------------------------------------------------- errors behind errors


def test_a_key_that_was_used_otherwise_carries_no_refusal_along(world: World) -> None:
    """What speaks against the second request is not hushed when the key is found to be used."""
    practice = world.acting("bay")
    practice.appointments.book(scan(15), patient="ada", idempotency_key="k")
    with pytest.raises(IdempotencyMismatch) as refused:
        practice.appointments.book(scan(10), patient="ada", idempotency_key="k")
    assert (refused.value.__context__, refused.value.__cause__) == (None, None)


def test_a_first_result_out_of_reach_carries_no_refusal_along(world: World) -> None:
    practice, slot = world.acting("bay"), start("jones", 14, 15)
    world.acting("admin").access.grant("n-bay", locations="annex", until=at(6, 9), reason="r")
    practice.appointments.book(slot, patient="ben", idempotency_key="k")
    world.clock.set(at(6, 10))
    with pytest.raises(NotFound) as refused:
        practice.appointments.book(slot, patient="ben", idempotency_key="k")
    assert (refused.value.__context__, refused.value.__cause__) == (None, None)


class Failing(AuditedStore):
    """A store that fails at every look-up of several records, once it shall."""

    fails = False

    def bare(self, practice: str, refs: Collection[Ref]) -> Mapping[Ref, Stored]:
        if self.fails:
            raise StorageError("bare", "away")
        return super().bare(practice, refs)


def test_a_store_that_fails_while_an_error_is_hushed_carries_nothing_along(world: World) -> None:
    store = Failing()
    failing = World(store)
    gate = failing.acting("bay")._context.admit("appointment.find-chain")

    def refused() -> NoReturn:
        store.fails = True
        raise InUse("time-block", "late", (("appointment", "ben@jones"),))

    calls: list[Callable[[], object]] = [
        lambda: gate.hushed(refused),
        lambda: failing.acting("bay")._context.commit(gate, refused),
    ]
    for call in calls:
        with pytest.raises(StorageError) as failed:
            call()
        assert (failed.value.__context__, failed.value.__cause__) == (None, None)
        store.fails = False
