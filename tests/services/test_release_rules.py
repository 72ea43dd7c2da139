"""Time that is kept back: listed, held and booked by those it is kept for, until it opens."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, time
from typing import Any

import attrs
import pytest
from tests.races.wholeness import check_whole
from tests.services.group import MINUTE, fill, nine, start

from medsched import (
    AlreadyExists,
    BookingRefused,
    InUse,
    InvalidChoice,
    MemoryStore,
    NotFound,
    Practice,
    Reason,
    Recurrence,
    ReleaseRule,
    Resource,
    SeriesRefused,
    Start,
    UnknownZone,
    VersionConflict,
)
from medsched.testing.fixed import FixedClock

HOUR, DAY = 60 * MINUTE, 24 * 60 * MINUTE
DAILY = Recurrence.daily(date(2026, 1, 1))
LOW, HIGH = nine(-9 * 60), nine(15 * 60)


@pytest.fixture(autouse=True)
def _filled(clinic: Practice) -> None:
    fill(clinic)
    clinic.appointment_types.create(code="urgent", duration=30 * MINUTE)


def keep(clinic: Practice, **fields: Any) -> ReleaseRule:
    """Keep ten to eleven in New York back, until a day before unless said otherwise."""
    if not {"hours", "share"} & fields.keys():
        fields["hours"] = "10:00-11:00"
    if "opens_at" not in fields:
        fields.setdefault("before", DAY)
    of = fields.pop("of", "smith")
    return clinic.availability.add(ReleaseRule(of, fields.pop("on", DAILY), **fields))


def visit(minutes: int, type: str = "visit") -> Start:
    """A start so many minutes after nine."""
    return start(minutes, type)


def offered(clinic: Practice, type: str = "visit", provider: str = "smith") -> list[int]:
    """The minutes after nine at which slots start, once it is sure that they are explained so."""
    found = clinic.availability.slots(provider, type, LOW, HIGH)
    shown = [(slot.start - nine()) // MINUTE for slot in found]
    for minutes in range(0, 180, 30):
        told = clinic.availability.explain(provider, type, at=nine(minutes))
        assert told.offered == (minutes in shown)
    return shown


def refused(clinic: Practice, minutes: int, type: str = "visit") -> set[Reason]:
    with pytest.raises(BookingRefused) as caught:
        clinic.appointments.book(visit(minutes, type), patient="p1")
    return {one.reason for one in caught.value.violations}


# -------------------------------------------------------------------- listing and booking


def test_it_is_booked_by_those_it_is_kept_for_and_by_others_once_it_opens(
    clinic: Practice, clock: FixedClock
) -> None:
    whole = offered(clinic)
    keep(clinic, kept_for="urgent")
    assert set(whole) - set(offered(clinic)) == {60, 90}
    assert offered(clinic, "urgent") == whole
    assert refused(clinic, 60) == {Reason.KEPT_BACK}
    assert clinic.appointments.book(visit(60, "urgent"), patient="p2").type == "urgent"
    clock.set(nine(90) - DAY - MINUTE)
    assert refused(clinic, 90) == {Reason.KEPT_BACK}
    clock.advance(MINUTE)
    assert clinic.appointments.book(visit(90), patient="p3").start == nine(90)


def test_whoever_is_refused_is_told_why_and_what_is_free(clinic: Practice) -> None:
    rule = keep(clinic, kept_for=["urgent"], opens_at=time(8))
    with pytest.raises(BookingRefused) as caught:
        clinic.appointments.book(visit(60), patient="p1")
    (told,) = caught.value.violations
    assert (told.reason, told.by, told.start, told.end) == (
        Reason.KEPT_BACK,
        rule.id,
        nine(60),
        nine(120),
    )
    assert str(told) == "kept for urgent: open to others from 2026-01-07 08:00 on"
    assert caught.value.alternatives[0].start == nine(120)


def test_nobody_holds_it_or_moves_into_it(clinic: Practice, clock: FixedClock) -> None:
    made = clinic.appointments.book(visit(0), patient="p1")
    keep(clinic)
    with pytest.raises(BookingRefused):
        clinic.holds.place(visit(60), lasting=HOUR)
    with pytest.raises(BookingRefused):
        clinic.appointments.reschedule(made, visit(60))
    clock.set(nine(60) - DAY)
    held = clinic.holds.place(visit(60), lasting=HOUR)
    assert held.start == nine(60)


def test_what_stands_in_it_stays(clinic: Practice) -> None:
    made = clinic.appointments.book(visit(60), patient="p1")
    rule = ReleaseRule("smith", DAILY, share=1, before=DAY)
    assert clinic.availability.would_strand(rule) == ()
    stored = clinic.availability.add(rule)
    assert clinic.availability.stranded() == ()
    assert clinic.appointments.get(made.id) == made
    clinic.availability.releases.delete(stored.id)


def test_staff_book_it_all_the_same(clinic: Practice) -> None:
    keep(clinic)
    made = clinic.appointments.book(visit(60), patient="p1", override="walked in, in pain")
    assert made.overridden == {Reason.KEPT_BACK}
    assert made.start == nine(60)


def test_a_series_keeps_out_of_it(clinic: Practice) -> None:
    keep(clinic, hours="09:00-17:00")
    weekly = Recurrence.weekly("WE", start=date(2026, 1, 7), count=2)
    with pytest.raises(SeriesRefused) as caught:
        clinic.series.book(
            "smith", "visit", patient="p1", recurrence=weekly, at=time(9), location="main"
        )
    reasons = {one.reason for each in caught.value.unbooked for one in each.violations}
    assert reasons == {Reason.KEPT_BACK}


def test_a_practices_rule_is_for_all_its_providers(clinic: Practice) -> None:
    whole = offered(clinic)
    keep(clinic, of=Resource("practice", clinic.id), kept_for="urgent")
    for provider in ("smith", "jones"):
        assert set(whole) - set(offered(clinic, "visit", provider)) == {60, 90}
        assert offered(clinic, "urgent", provider) == whole


def test_a_share_does_not_follow_what_is_booked(clinic: Practice) -> None:
    before = offered(clinic)
    keep(clinic, share="1/4")
    left = offered(clinic)
    assert left
    assert left == before[: len(left)]
    clinic.appointments.book(visit(left[0]), patient="p1")
    assert offered(clinic) == left[1:]


# -------------------------------------------------------------------------------- records


def test_a_rule_lives_its_whole_life(clinic: Practice, store: MemoryStore) -> None:
    smith, releases = Resource("provider", "smith"), clinic.availability.releases

    def version() -> int:
        return store.schedule_versions(clinic.id, [smith])[smith]

    first, whole = version(), offered(clinic)
    made = keep(clinic, share="1/3", opens_at=time(8, 30), days_before=2, kept_for={"urgent"})
    assert (made.version, bool(made.id)) == (1, True)
    assert releases.get(made.id) == made
    assert clinic.availability.releases.list(resource="smith").items == (made,)
    changed = releases.update(attrs.evolve(made, notes="since the flu"))
    with pytest.raises(VersionConflict):
        releases.update(made)
    assert offered(clinic) != whole
    releases.deactivate(made.id)
    assert offered(clinic) == whole
    assert releases.find(made.id) == attrs.evolve(changed, version=3, active=False)
    assert releases.activate(made.id).version == 4
    assert offered(clinic) != whole
    releases.delete(made.id)
    assert offered(clinic) == whole
    assert version() == first + 5
    with pytest.raises(NotFound):
        releases.get(made.id)


@pytest.mark.parametrize(
    "fields, error",
    [
        ({"of": "nobody"}, NotFound),
        ({"of": Resource("practice", "elsewhere")}, NotFound),
        ({"kept_for": "nothing"}, NotFound),
        ({"timezone": "Mars/Olympus"}, UnknownZone),
        ({"of": Resource("room", "gym")}, InvalidChoice),
    ],
)
def test_what_may_not_be_stored(
    clinic: Practice, fields: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        keep(clinic, **fields)
    assert clinic.availability.releases.list(active=None).items == ()


def test_ids_are_taken_once_and_types_that_are_named_stay(clinic: Practice) -> None:
    keep(clinic, id="mine", kept_for="urgent")
    with pytest.raises(AlreadyExists):
        keep(clinic, id="mine")
    with pytest.raises(InUse):
        clinic.appointment_types.delete("urgent")


def test_a_booking_that_was_decided_before_the_rule_is_decided_again(
    clinic: Practice, store: MemoryStore
) -> None:
    """Whoever comes second sees what came first: never a start that was kept already."""
    slots = [minutes for minutes in offered(clinic) if minutes >= 60][:6]

    def book(number: int) -> set[Reason]:
        try:
            clinic.appointments.book(visit(slots[number]), patient=f"p{number}")
        except BookingRefused as refused:
            return {one.reason for one in refused.violations}
        return set()

    with ThreadPoolExecutor(4) as pool:
        booked = [pool.submit(book, number) for number in range(len(slots))]
        rule = pool.submit(lambda: keep(clinic, share=1)).result()
        against = [one.result() for one in booked]
    assert all(one in (set(), {Reason.KEPT_BACK}) for one in against)
    assert clinic.availability.releases.get(rule.id) == rule
    held = {made.start for made in clinic.appointments.list(limit=100)}
    assert held == {nine(slots[number]) for number, why in enumerate(against) if not why}
    assert offered(clinic) == []
    check_whole(store, clinic.id)


def test_it_is_heeded_at_the_instant_that_is_asked_about(clinic: Practice) -> None:
    keep(clinic)
    late = clinic.availability.slots("smith", "visit", LOW, HIGH, now=nine(60) - DAY)
    assert nine(60) in [slot.start for slot in late]
    assert nine(90) not in [slot.start for slot in late]
    told = clinic.availability.timeline("smith", "visit", nine(30), nine(150))
    kept = [one for one in told if any(v.reason is Reason.KEPT_BACK for v in one.violations)]
    assert (kept[0].start, kept[-1].end) == (nine(31), nine(120))
    opened = clinic.availability.opened(
        clinic.availability.slots("smith", "visit", LOW, HIGH)[0].opened_by, "visit", LOW, HIGH
    )
    assert opened.total == len(clinic.availability.slots("smith", "visit", LOW, HIGH)) + 2
