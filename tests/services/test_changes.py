"""Availability as it changes: told in order, from any cursor, and nothing of whom it is for."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import attrs
import pytest
from tests.services.conftest import NOW
from tests.services.group import MINUTE, fill, nine, start

from medsched import (
    AvailabilityChange,
    AvailabilityChangeKind,
    BookingRules,
    ChangesPage,
    InvalidChoice,
    InvalidCursor,
    InvalidNumber,
    MemoryStore,
    NotFound,
    Override,
    Practice,
    Resource,
    Scheduler,
)
from medsched.domain.availability_changes import TouchedTime
from medsched.domain.changes import Changeset
from medsched.domain.pages import cursor
from medsched.testing.fixed import FixedClock

CANARY = "SECRET"
GYM = Resource("room", "gym")
SMITH = Resource("provider", "smith")
ALL = AvailabilityChangeKind.ALL
Told = tuple[str, str, datetime | None, datetime | None, datetime | None]


@pytest.fixture
def clinic(clinic: Practice) -> Practice:
    fill(clinic)
    return clinic


def plain(page: ChangesPage) -> list[Told]:
    return [
        (one.kind.value, one.type or str(one.resource), one.start, one.end, one.expires)
        for one in page
    ]


def time(who: str, low: int, high: int, expires: datetime | None = None) -> Told:
    return "time", who, nine(low), nine(high), expires


def test_who_begins_is_told_to_ask_for_all(clinic: Practice) -> None:
    page = clinic.changes()
    assert [one.kind for one in page] == [ALL]
    assert page.next == page.items[0].cursor == clinic.changes.latest()
    after = clinic.changes(page.next)
    assert (len(after), after.next) == (0, page.next)


def test_who_begins_while_time_is_held_is_told_until_when(
    clinic: Practice, clock: FixedClock
) -> None:
    clinic.holds.place(start(240, "visit"), lasting=5 * MINUTE)
    clock.advance(5 * MINUTE)  # it is over, and nobody swept it
    ends = clock.now() + 10 * MINUTE
    later = ends + 10 * MINUTE
    clinic.holds.place(start(120, "visit"), patient="p1")
    clinic.holds.place(start(150, "visit"), lasting=20 * MINUTE)
    clinic.holds.place(start())
    page = clinic.changes()
    told: list[Told] = [("all", "None", None, None, None)]
    told += [time("room gym", 0, 60, ends), time("provider smith", 0, 70, ends)]
    told += [time("provider smith", 120, 150, ends), time("provider smith", 150, 180, later)]
    assert plain(page) == told
    assert page.next == page.items[-1].cursor == clinic.changes.latest()
    for count, one in enumerate(page, 1):
        assert plain(clinic.changes(one.cursor)) == told[count:]
    seen, cursor = list[Told](), None
    while page := clinic.changes(cursor, limit=1):
        cursor = page.next
        seen += plain(page)
    assert seen == told
    assert cursor == clinic.changes.latest()


def test_a_seat_that_is_held_beside_others_ends_for_who_begins(
    clinic: Practice, clock: FixedClock
) -> None:
    clinic.appointments.book(start(), patient="p1")
    clinic.holds.place(start(), patient="p2")
    _, held = plain(clinic.changes())
    assert held == time("provider smith", 0, 70, clock.now() + 10 * MINUTE)


def test_what_is_held_anew_or_given_back_among_pages_is_told_as_well(
    clinic: Practice, clock: FixedClock
) -> None:
    first = clinic.holds.place(start(60, "visit"))
    clinic.holds.place(start(120, "visit"))
    page = clinic.changes(limit=1)
    clinic.holds.release(first)
    clinic.holds.place(start(30, "visit"))
    ends = clock.now() + 10 * MINUTE
    assert {*plain(clinic.changes(page.next))} == {
        time("provider smith", 60, 90),
        time("provider smith", 120, 150, ends),
        time("provider smith", 30, 60, ends),
    }


def test_each_command_is_told_by_what_it_takes(clinic: Practice, clock: FixedClock) -> None:
    at = clinic.changes.latest()

    def told() -> list[Told]:
        nonlocal at
        page = clinic.changes(at)
        at = page.next
        return plain(page)

    clinic.appointments.book(start(type="visit"), patient="p1", id="A")
    assert told() == [time("provider smith", 0, 30)]
    clinic.appointments.reschedule("A", start(30, "visit", "jones"))
    assert told() == [time("provider jones", 30, 60), time("provider smith", 0, 30)]
    clinic.appointments.annotate("A", notes="new")
    clinic.appointments.arrive("A")
    assert told() == []
    clinic.appointments.book(start(), patient="p2", id="B")
    assert told() == [time("provider smith", 0, 70), time("room gym", 0, 60)]
    clinic.appointments.book(start(), patient="p3", id="C")
    assert told() == [time("provider smith", 0, 70)], "a seat"
    ends = NOW + 10 * MINUTE
    held = clinic.holds.place(start())
    assert told() == [time("provider smith", 0, 70, ends)], "a seat that is held"
    clinic.holds.release(held)
    clinic.appointments.cancel("C")
    assert told() == 2 * [time("provider smith", 0, 70)]
    clinic.appointments.cancel("B")
    assert told() == [time("provider smith", 0, 70), time("room gym", 0, 60)], "the last seat"
    clinic.holds.place(start(120, "visit"))
    assert told() == [time("provider smith", 120, 150, ends)]
    clock.advance(10 * MINUTE)
    assert told() == [], "nobody is told what time it is"
    clinic.holds.sweep()
    assert told() == [time("provider smith", 120, 150)]
    clinic.blockings.add(["smith", GYM], nine(60), nine(90), reason="cleaning")
    assert told() == [time("provider smith", 60, 90), time("room gym", 60, 90)]


def test_hours_and_types_are_told_without_bounds(clinic: Practice) -> None:
    at = clinic.changes.latest()
    clinic.availability.add(Override.closed("smith", nine().date(), reason="ill"))
    clinic.appointment_types.deactivate("visit")
    clinic.rooms.deactivate("gym")
    clinic.settings.configure(name="Riverside")
    clinic.patients.create(id="eve")
    clinic.staff.create(id="kim")
    nothing = (None, None, None)
    assert plain(clinic.changes(at)) == [
        ("hours", "provider smith", *nothing),
        ("type", "visit", *nothing),
        ("hours", "room gym", *nothing),
        ("hours", "practice riverside", *nothing),
    ]


def test_closing_hours_under_appointments_tells_both(clinic: Practice) -> None:
    clinic.appointments.book(start(type="visit"), patient="p1")
    at = clinic.changes.latest()
    clinic.availability.add(Override.closed("smith", nine().date()), stranded="cancel")
    assert [one[:2] for one in plain(clinic.changes(at))] == [
        ("hours", "provider smith"),
        ("time", "provider smith"),
    ]


def test_one_can_go_on_after_any_of_them(clinic: Practice) -> None:
    at = clinic.changes.latest()
    for number in range(4):
        clinic.appointments.book(start(120 * number), patient="p1")
        clinic.patients.create(id=f"new{number}")
    everything = clinic.changes(at)
    assert len(everything) == 8
    for limit in (1, 3, 8, 1000):
        seen, here = list[AvailabilityChange](), at
        while page := clinic.changes(here, limit=limit):
            assert len(page) <= limit
            seen += page
            here = page.next
        assert [*zip(seen, [one.cursor for one in seen], strict=True)] == [
            (one, one.cursor) for one in everything
        ]
        assert clinic.changes(here).next == everything.next
    for count, one in enumerate(everything, 1):
        assert clinic.changes(one.cursor).items == everything.items[count:]


def test_cursors_of_others_are_refused(clinic: Practice, scheduler: Scheduler) -> None:
    mine = clinic.changes.latest()
    other = scheduler.practice("lakeside")
    theirs = other.changes.latest()
    page = clinic.patients.list(limit=1)
    scope = "changes of riverside"
    texts = ("", "1", "x y", "-1 0", "1 -1", "1 2 3", "x 0 3", "-1 0 3")
    made_up = [cursor(scope, text) for text in texts]
    ahead = cursor(scope, "1000000 0")
    wrong: list[Any] = [theirs, mine[:-1], "", "ä", page.next, 7, *made_up, ahead]
    for text in wrong:
        with pytest.raises(InvalidCursor):
            clinic.changes(text)
    with pytest.raises(InvalidCursor):
        other.changes(mine)


@pytest.mark.parametrize("limit", [0, -1, 1001, True, "1", None])
def test_limits_that_are_none(clinic: Practice, limit: Any) -> None:
    with pytest.raises(InvalidNumber):
        clinic.changes(limit=limit)


def test_practices_are_told_apart(clinic: Practice, scheduler: Scheduler) -> None:
    other = scheduler.practice("lakeside")
    at, theirs = clinic.changes.latest(), other.changes.latest()
    fill(other)
    assert len(clinic.changes(at)) == 0
    assert len(other.changes(theirs)) > 0


class TestStarts:
    def test_a_slot_reaches_as_far_as_its_claim(self, clinic: Practice) -> None:
        at = clinic.changes.latest()
        clinic.appointments.book(start(120, "visit"), patient="p1")
        told = clinic.changes(at)
        of = clinic.changes.starts
        assert of("smith", "visit", told) == ((nine(90), nine(180)),)
        assert of("smith", "class", told) == ((nine(120 - 70), nine(150 + 70)),)
        assert of("jones", "visit", told) == of("smith", "visit", ()) == ()

    def test_rooms_matter_to_whoever_needs_them(self, clinic: Practice) -> None:
        at = clinic.changes.latest()
        clinic.blockings.add([GYM], nine(120), nine(150))
        told, of = clinic.changes(at), clinic.changes.starts
        assert of("smith", "class", told) == of("jones", "class", told) != ()
        assert of("smith", "visit", told) == ()

    def test_a_day_or_a_week_that_may_be_full_is_asked_as_a_whole(self, clinic: Practice) -> None:
        visit = clinic.appointment_types.get("visit")
        fields: dict[str, Any] = {"code": "capped", "duration": visit.duration}
        clinic.appointment_types.create(**fields, rules=BookingRules(per_day=1))
        clinic.appointment_types.create(
            **fields | {"code": "weekly"}, rules=BookingRules(per_week=1)
        )
        at = clinic.changes.latest()
        clinic.appointments.book(start(120, "visit"), patient="p1")
        told, of = clinic.changes(at), clinic.changes.starts
        midnight = nine(-9 * 60)
        day = 24 * 60 * MINUTE
        assert of("smith", "capped", told) == ((midnight, midnight + day),)
        assert of("smith", "weekly", told) == ((midnight - 2 * day, midnight + 5 * day),)

    def test_of_hours_and_types_everything_is_asked(self, clinic: Practice) -> None:
        of = clinic.changes.starts
        first = of("smith", "visit", clinic.changes())
        assert len(first) == 1
        assert first[0][0] < NOW < first[0][1]
        at = clinic.changes.latest()
        clinic.providers.update(clinic.providers.get("smith"))
        told = clinic.changes(at)
        assert of("smith", "visit", told) == first
        assert of("jones", "visit", told) == ()
        at = clinic.changes.latest()
        clinic.appointment_types.update(clinic.appointment_types.get("visit"))
        told = clinic.changes(at)
        assert of("jones", "visit", told) == first
        assert of("jones", "class", told) == ()

    def test_what_is_not_there_has_none(self, clinic: Practice) -> None:
        with pytest.raises(NotFound):
            clinic.changes.starts("nobody", "visit", clinic.changes())
        with pytest.raises(NotFound):
            clinic.changes.starts("smith", "nothing", clinic.changes())

    @pytest.mark.parametrize("wrong", [["x"], "x", [None], [7]])
    def test_what_is_no_change_is_refused(self, clinic: Practice, wrong: Any) -> None:
        with pytest.raises(InvalidChoice):
            clinic.changes.starts("smith", "visit", wrong)

    def test_a_session_reaches_as_far_as_it_did_when_it_was_booked(self, clinic: Practice) -> None:
        clinic.appointments.book(start(), patient="p1")
        kept = clinic.appointment_types.get("class")
        shorter = attrs.evolve(kept, duration=15 * MINUTE)
        clinic.appointment_types.update(shorter, stranded="keep")
        at = clinic.changes.latest()
        clinic.appointments.book(start(30, "visit"), patient="p2", override="urgent")
        clinic.appointments.book(start(180, "visit"), patient="p3")
        told, of = clinic.changes(at), clinic.changes.starts
        first, *_ = of("smith", "class", told)
        assert first[0] <= nine() < first[1]
        assert of("smith", "visit", told)[0] == (nine(), nine(90))


def test_a_full_class_has_a_seat_at_the_instant_that_was_told(
    clinic: Practice, clock: FixedClock
) -> None:
    at = clinic.changes.latest()

    def seats() -> int:
        (one,) = clinic.availability.slots("smith", "class", nine(), nine(1), taken=True)
        return one.seats_free

    for patient in ("p1", "p2"):
        clinic.appointments.book(start(), patient=patient)
    clinic.holds.place(start())
    assert seats() == 0
    (ends,) = {one.expires for one in clinic.changes(at)} - {None}
    assert ends is not None
    clock.set(ends - MINUTE / 60)
    assert seats() == 0
    clock.set(ends)
    assert seats() == 1


def test_nothing_of_a_patient_is_told_or_kept(clinic: Practice, store: MemoryStore) -> None:
    at = clinic.changes.latest()
    clinic.patients.create(id=f"{CANARY}-id", name=CANARY, email=f"{CANARY}@example.org")
    texts: dict[str, Any] = {
        "reason": CANARY,
        "notes": CANARY,
        "referral": CANARY,
        "reference": f"{CANARY}-1",
    }
    book = clinic.appointments.book
    book(start(), patient=f"{CANARY}-id", id=f"{CANARY}-a", **texts)
    book(start(120, "visit"), patient=f"{CANARY}-id", id=f"{CANARY}-b", override=CANARY)
    clinic.appointments.reschedule(f"{CANARY}-b", start(180, "visit"))
    clinic.holds.place(start(), patient="p1", id=f"{CANARY}-h", referral=CANARY)
    clinic.blockings.add("smith", nine(300), nine(330), reason=CANARY, kept_for=f"{CANARY}-id")
    clinic.appointments.cancel(f"{CANARY}-a", reason=CANARY)
    clinic.availability.add(Override.closed("jones", nine().date(), reason=CANARY))
    page = clinic.changes(at)
    assert len(page) > 8
    assert CANARY not in repr(page)
    assert "p1" not in repr(page)
    assert CANARY not in repr(store.changes("riverside", after=0, limit=1000))
    if not isinstance(store, MemoryStore):
        texts_kept = _column(store)
        assert any('"smith"' in text for text in texts_kept)
        assert not any(CANARY in text or "patient" in text for text in texts_kept)


def test_what_an_earlier_release_did_may_be_anything_and_is_said_once(
    clinic: Practice, store: MemoryStore
) -> None:
    if isinstance(store, MemoryStore):
        pytest.skip("nothing in memory was ever written by an earlier release")
    clinic.appointments.book(start(type="visit"), patient="p1")
    at = clinic.changes.latest()
    for number in range(3):
        clinic.appointments.book(start(60 + 60 * number, "visit"), patient="p2")
    clinic.changes.latest()
    _forget_what_was_touched(store)
    clinic.appointments.book(start(30, "visit"), patient="p1")
    page = clinic.changes(at)
    assert [one.kind.value for one in page] == ["all", "time"]
    first = clinic.changes(at, limit=1)
    assert [one.kind for one in first] == [ALL]
    assert len(clinic.changes(page.next)) == 0
    assert plain(clinic.changes(page.items[0].cursor)) == [time("provider smith", 30, 60)]
    clinic.holds.place(start(360, "visit"))
    held = time("provider smith", 360, 390, NOW + 10 * MINUTE)
    page = clinic.changes(at)
    assert plain(page)[1:] == [held, time("provider smith", 30, 60), held]
    for count, one in enumerate(page, 1):
        assert plain(clinic.changes(one.cursor)) == plain(page)[count:]


def test_what_a_later_release_wrote_in_its_own_way_may_be_anything() -> None:
    pytest.importorskip("sqlalchemy", reason="the extra sqlalchemy is not installed")
    from medsched.adapters.sqlalchemy.touching import touched_of

    known = ["room", "gym", 1, 2]
    assert touched_of(json.dumps([known])) is not None
    assert touched_of(json.dumps([known, []])) is None
    assert touched_of(json.dumps([[*known, "2026-01-05T12:00:00+00:00", "new"]])) is None
    assert touched_of(None) is None


def test_what_changes_availability_has_an_event_to_tell_it_by(clinic: Practice) -> None:
    """A command that forgets it is found out before anything is stored."""
    silent = Changeset(practice="riverside", seats=(TouchedTime(SMITH, 1, 2),))
    with pytest.raises(AssertionError):
        clinic._context.commit(clinic._context.admit("silent"), lambda: (None, silent))


def _column(store: Any) -> list[str]:
    from medsched.adapters.sqlalchemy.schema import tables

    with store.engine.connect() as connection:
        rows = connection.execute(tables().event.select()).all()
    return [row.touched for row in rows if row.touched is not None]


def _forget_what_was_touched(store: Any) -> None:
    from medsched.adapters.sqlalchemy.schema import tables

    with store.engine.begin() as connection:
        connection.execute(tables().event.update().values(touched=None))
