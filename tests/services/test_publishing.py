"""Published slots: rows that are never wrong, whatever happens between writing and reading."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from itertools import count, pairwise
from threading import Barrier, Thread
from typing import Any, cast

import attrs
import pytest

from medsched import (
    AppointmentType,
    AvailabilityRule,
    BookingRefused,
    BookingRules,
    Grid,
    InvalidDuration,
    InvalidInterval,
    Location,
    MedschedError,
    MemoryStore,
    NaiveDatetime,
    Need,
    NotFound,
    Override,
    Patient,
    Practice,
    Provider,
    Publication,
    PublishedSlot,
    Recurrence,
    RecurringBlocking,
    ReleaseRule,
    Resource,
    Room,
    Scheduler,
    SlotsNotKept,
    TimeBlock,
)
from medsched.domain.appointments import Appointment
from medsched.domain.published import PublishedDay
from medsched.domain.slots import SlotStatus
from medsched.ports import SlotTable
from medsched.testing.fixed import FixedClock, NumberedIds

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
START = datetime(2026, 1, 5, tzinfo=UTC)
LORD_HOWE, SANTIAGO = "Australia/Lord_Howe", "America/Santiago"
WEEKS = 14 * DAY


@pytest.fixture
def clinic(clinic: Practice) -> Practice:
    """Two providers in two zones, types on each grid, a group, and one that needs a room."""
    clinic.settings.configure(timezone="America/New_York")
    daily = Recurrence.daily(start=date(2026, 1, 1))
    clinic.add_all(
        [
            Location(id="main"),
            *(Room(id=id, location="main") for id in ("r1", "r2")),
            Provider(id="smith", location="main"),
            Provider(id="jones", timezone=LORD_HOWE),
            *(Patient(id=id) for id in ("ada", "bob", "eve")),
            AppointmentType(code="visit", duration=60 * MINUTE, notice=90 * MINUTE),
            AppointmentType(code="packed", duration=45 * MINUTE, grid=Grid.packed()),
            AppointmentType(
                code="clock",
                duration=30 * MINUTE,
                buffer_after=10 * MINUTE,
                grid=Grid.clock(60 * MINUTE),
                needs=[Need.room("r1", "r2")],
                days_ahead=20,
            ),
            AppointmentType(code="group", duration=90 * MINUTE, capacity=2),
            AvailabilityRule("smith", daily, hours="09:00-12:00", id="mornings"),
            AvailabilityRule("jones", daily, hours="22:00-02:00 overnight", id="nights"),
        ]
    )
    return clinic


def live(clinic: Practice, provider: str, type: str, low: datetime, high: datetime) -> list[object]:
    found = clinic.availability.slots(provider, type, low, high, taken=True)
    return [(one.id, one.start, one.end, one.location, one.status, one.seats_free) for one in found]


def told(slots: Any) -> list[object]:
    return [
        (one.slot_id, one.start, one.end, one.location, one.status, one.seats_free) for one in slots
    ]


def agree(clinic: Practice, low: datetime = START, high: datetime = START + WEEKS) -> None:
    """What is published is what is listed, of everybody and everything."""
    for provider in ("smith", "jones"):
        for type in ("visit", "packed", "clock", "group"):
            found = clinic.availability.published(provider, type, low, high)
            assert told(found) == live(clinic, provider, type, low, high), (provider, type)


def kept(store: MemoryStore, practice: str) -> dict[tuple[str, str], dict[date, PublishedDay]]:
    """All that a store keeps of what was published."""
    table = cast("SlotTable", store)
    return {
        pair: dict(table.published_days(practice, *pair, date(2025, 1, 1), date(2029, 1, 1)))
        for pair in table.published_pairs(practice)
    }


class TestPublishing:
    def test_a_row_for_each_slot_of_each_date(self, clinic: Practice, store: MemoryStore) -> None:
        booked = clinic.appointments.book(
            clinic.availability.slots("smith", "visit", START, START + WEEKS)[1], patient="ada"
        )
        done = clinic.availability.publish(3 * DAY)
        found = kept(store, clinic.id)
        assert found.keys() == {
            (provider, type)
            for provider in ("smith", "jones")
            for type in ("clock", "group", "packed", "visit")
        }
        visits = found["smith", "visit"]
        assert list(visits) == [date(2026, 1, 5) + n * DAY for n in range(3)]
        assert next(iter(found["jones", "visit"])) == date(2026, 1, 5), "23:00 on Lord Howe"
        first = visits[date(2026, 1, 5)]
        assert [f"{one.start:%H:%M}-{one.end:%H:%M}" for one in first.slots] == [
            *("14:00-15:00", "15:00-16:00", "16:00-17:00")
        ]
        assert [(one.status, one.patient) for one in first.slots if one.start == booked.start] == [
            (SlotStatus.BUSY, "ada")
        ]
        assert {one.patient for one in first.slots if one.start != booked.start} == {None}
        assert {(one.provider, one.type, one.location) for one in first.slots} == {
            ("smith", "visit", "main")
        }
        assert done == Publication(
            days=24,
            written=24,
            slots=sum(len(day.slots) for days in found.values() for day in days.values()),
        )

    def test_a_row_books_its_slot(self, clinic: Practice) -> None:
        clinic.availability.publish(WEEKS)
        for one in clinic.availability.published("smith", "clock", START, START + 2 * DAY):
            booked = clinic.appointments.book(one.slot_id, patient="ada")
            assert (booked.start, booked.end) == (one.start, one.end)
            (again,) = clinic.availability.published("smith", "clock", one.start, one.end)
            assert (again.status, again.patient) == (SlotStatus.BUSY, "ada")
            assert "ada" not in repr(again)

    def test_twice_is_once(self, clinic: Practice, store: MemoryStore, clock: FixedClock) -> None:
        first = clinic.availability.publish(WEEKS)
        before = kept(store, clinic.id)
        clock.advance(5 * MINUTE)
        assert clinic.availability.publish(WEEKS) == attrs.evolve(first, written=0)
        assert kept(store, clinic.id) == before

    def test_the_edge_rolls_on_from_day_to_day(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        clinic.availability.publish(WEEKS)
        clock.advance(DAY)
        done = clinic.availability.publish(WEEKS)
        assert (done.days, done.written, done.withdrawn) == (8 * 14, 8, 8)
        assert list(kept(store, clinic.id)["smith", "visit"]) == [
            date(2026, 1, 6) + n * DAY for n in range(14)
        ]
        shorter = clinic.availability.publish(5 * DAY)
        assert (shorter.days, shorter.written, shorter.withdrawn) == (8 * 5, 0, 8 * 9)
        assert clinic.availability.publish(7 * DAY).written == 8 * 2

    def test_only_what_has_changed_is_written(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        clinic.availability.publish(WEEKS)
        before = kept(store, clinic.id)
        clock.advance(MINUTE)
        day = date(2026, 1, 8)
        (slot, *_) = clinic.availability.slots(
            "smith", "visit", datetime(2026, 1, 8, tzinfo=UTC), START + WEEKS
        )
        clinic.appointments.book(slot, patient="ada")
        done = clinic.availability.publish(WEEKS, types=["visit"])
        after = kept(store, clinic.id)
        changed = {
            (pair, on)
            for pair, days in after.items()
            for on, one in days.items()
            if one.slots != before[pair][on].slots
        }
        assert changed == {(("smith", "visit"), day)}
        assert (done.written, done.days) == (1, 28)
        old, new = before["smith", "visit"][day].slots, after["smith", "visit"][day].slots
        assert [one.created_at for one in new] == [one.created_at for one in old]
        assert [one.updated_at - one.created_at for one in new] == [MINUTE, 0 * DAY, 0 * DAY]

    def test_who_takes_no_part_any_more_is_withdrawn(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        clinic.availability.publish(2 * DAY)
        clinic.providers.deactivate("jones")
        clinic.appointment_types.deactivate("group")
        done = clinic.availability.publish(2 * DAY, types=["visit", "clock"])
        assert done.withdrawn == 4, "of those types only"
        assert ("jones", "packed") in kept(store, clinic.id)
        assert clinic.availability.publish(2 * DAY).withdrawn == 2 + 4
        assert kept(store, clinic.id).keys() == {
            ("smith", "clock"),
            ("smith", "packed"),
            ("smith", "visit"),
        }
        clinic.availability.publish(2 * DAY, providers=["jones"])
        assert ("smith", "visit") in kept(store, clinic.id)
        agree(clinic)

    def test_what_is_kept_back_is_published_and_read_once_it_is_open(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock
    ) -> None:
        daily = Recurrence.daily(date(2026, 1, 1))
        group = ReleaseRule("smith", daily, hours="10:00-11:00", before=DAY, kept_for="group")
        shared = Resource("practice", clinic.id)
        clinic.availability.add(group)
        clinic.availability.publish(WEEKS)
        written = kept(store, clinic.id)
        agree(clinic)
        for _ in range(4):
            clock.advance(7 * 60 * MINUTE)
            agree(clinic)
        # What is kept changes no row: rows are right whatever the time is.
        assert kept(store, clinic.id) == written
        late = ReleaseRule(shared, daily, share="1/4", opens_at=time(6, 30), days_before=1)
        clinic.availability.add(late)
        agree(clinic)
        clock.advance(13 * 60 * MINUTE)
        agree(clinic)

    def test_rules_of_booking_are_those_of_the_moment(self, clinic: Practice) -> None:
        """They follow from other days too, so no row could be right for long."""
        rules = BookingRules(per_day=2, per_week=3)
        clinic.appointment_types.create(code="capped", duration=60 * MINUTE, rules=rules)
        clinic.availability.publish(WEEKS)

        def offered() -> list[object]:
            found = told(clinic.availability.published("smith", "capped", START, START + WEEKS))
            assert found == live(clinic, "smith", "capped", START, START + WEEKS)
            return found

        before = len(offered())
        made = list[Appointment]()
        for day in (1, 1, 3):
            low = START + day * DAY
            slot = clinic.availability.slots("smith", "capped", low, low + DAY)[0]
            patient = ("ada", "bob", "eve")[len(made)]
            made.append(clinic.appointments.book(slot, patient=patient))
            offered()
        assert len(offered()) < before
        clinic.appointments.cancel(made[0])
        offered()

    def test_cut_short_it_goes_on(
        self, clinic: Practice, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        table, written = cast("Any", store), 0
        publish_day: Callable[..., None] = table.publish_day

        def killed(*args: Any) -> None:
            nonlocal written
            if written == 17:
                raise KeyboardInterrupt
            written += 1
            publish_day(*args)

        monkeypatch.setattr(store, "publish_day", killed)
        with pytest.raises(KeyboardInterrupt):
            clinic.availability.publish(5 * DAY)
        monkeypatch.undo()
        cut = sum(len(days) for days in kept(store, clinic.id).values())
        assert cut == 17
        agree(clinic)
        assert clinic.availability.publish(5 * DAY).written == 40 - 17

    def test_killed_at_any_statement_every_date_is_whole(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        sa = pytest.importorskip("sqlalchemy")
        engine = getattr(store, "engine", None)
        if engine is None:
            pytest.skip("in memory a date is written in one step")
        pair, days = ("smith", "visit"), (date(2026, 1, 6), date(2026, 1, 7))
        clinic.availability.publish(3 * DAY, providers=["smith"], types=["visit"])
        for at in count(1):
            clinic.availability.add(Override.closed("smith", *days, hours="10:00-10:10", id="c"))
            before = kept(store, clinic.id)[pair]
            statements = 0

            def kill(_c: Any, _cursor: Any, statement: str, *_: Any, at: int = at) -> None:
                nonlocal statements
                statements += statement.startswith(("INSERT", "UPDATE", "DELETE"))
                if statements == at:
                    raise KeyboardInterrupt

            sa.event.listen(engine, "before_cursor_execute", kill)
            with suppress(KeyboardInterrupt):
                clinic.availability.publish(3 * DAY, providers=["smith"], types=["visit"])
            sa.event.remove(engine, "before_cursor_execute", kill)
            cut = kept(store, clinic.id)[pair]
            clinic.availability.publish(3 * DAY, providers=["smith"], types=["visit"])
            after = kept(store, clinic.id)[pair]
            assert all(before[day] != after[day] for day in days)
            assert all(cut[day] in (before[day], after[day]) for day in cut), at
            assert cut.keys() == before.keys() == after.keys()
            clinic.availability.overrides.delete("c")
            agree(clinic)
            if statements < at:
                break
        assert at > 6

    @pytest.mark.parametrize(
        "window",
        [timedelta(0), -DAY, 733 * DAY, timedelta(hours=36), timedelta(microseconds=1), 14, None],
    )
    def test_bad_windows(self, clinic: Practice, store: MemoryStore, window: Any) -> None:
        clinic.availability.publish(2 * DAY, types=["visit"])
        before = kept(store, clinic.id)
        with pytest.raises(InvalidDuration):
            clinic.availability.publish(window)
        assert kept(store, clinic.id) == before

    def test_two_years_are_not_too_long(self, clinic: Practice) -> None:
        done = clinic.availability.publish(732 * DAY, providers=["smith"], types=["group"])
        assert (done.days, done.slots) == (732, 2 * 732)

    def test_who_is_not_there_is_told(self, clinic: Practice, store: MemoryStore) -> None:
        for asked in ({"providers": ["nobody"]}, {"types": ["none"]}):
            with pytest.raises(NotFound):
                clinic.availability.publish(DAY, **asked)
        for pair in (("nobody", "visit"), ("smith", "none")):
            with pytest.raises(NotFound):
                clinic.availability.published(*pair, START, START + DAY)
        assert kept(store, clinic.id) == {}

    def test_practices_are_kept_apart(self, scheduler: Scheduler, clinic: Practice) -> None:
        clinic.availability.publish(2 * DAY)
        assert scheduler.practice("other").availability.publish(2 * DAY) == Publication()


class TestReading:
    def test_dates_that_were_never_published_are_worked_out_and_not_kept(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        agree(clinic)
        assert kept(store, clinic.id) == {}
        clinic.availability.publish(3 * DAY)
        agree(clinic)
        assert len(kept(store, clinic.id)["smith", "visit"]) == 3

    def test_what_has_changed_is_written_on_reading(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        clinic.availability.publish(3 * DAY)
        clinic.availability.add(Override.closed("smith", date(2026, 1, 6), hours="09:00-10:30"))
        agree(clinic)
        assert clinic.availability.publish(3 * DAY).written == 0, "reading has done it"

    def test_the_rules_of_time_count_when_it_is_read(
        self, clinic: Practice, clock: FixedClock
    ) -> None:
        clinic.availability.publish(WEEKS)
        for minutes in (30, 1, 59, 600, 24 * 60):
            clock.advance(minutes * MINUTE)
            agree(clinic)
            agree(clinic, clock.now(), clock.now() + 40 * DAY)

    def test_each_seat_of_a_group_counts(self, clinic: Practice) -> None:
        clinic.availability.publish(2 * DAY)
        slot = clinic.availability.slots("smith", "group", START, START + DAY)[0]
        seats = []
        for patient in ("ada", "bob"):
            clinic.appointments.book(slot, patient=patient)
            agree(clinic)
            (found, *_) = clinic.availability.published("smith", "group", START, START + DAY)
            seats.append((found.status.value, found.seats_free, found.patient))
        assert seats == [("free", 1, None), ("busy", 0, None)]

    def test_bounds_within_a_date(self, clinic: Practice) -> None:
        clinic.availability.publish(WEEKS)
        fifteen = datetime(2026, 1, 6, 15, tzinfo=UTC)
        for low, high, slots in (
            (fifteen, fifteen, 0),
            (fifteen, fifteen + MINUTE, 1),
            (fifteen - MINUTE, fifteen, 0),
            (fifteen + timedelta(seconds=1), fifteen + 60 * MINUTE, 0),
        ):
            assert len(clinic.availability.published("smith", "visit", low, high)) == slots
            agree(clinic, low, high)

    def test_bad_bounds(self, clinic: Practice) -> None:
        for low, high, error in (
            (START, START - DAY, InvalidInterval),
            (START, START + 733 * DAY, InvalidInterval),
            (START.replace(tzinfo=None), START, NaiveDatetime),
        ):
            with pytest.raises(error):
                clinic.availability.published("smith", "visit", low, high)

    def test_a_provider_who_moves_takes_no_slot_twice(
        self, clinic: Practice, store: MemoryStore
    ) -> None:
        clinic.availability.publish(5 * DAY)
        jones = clinic.providers.get("jones")
        clinic.providers.update(attrs.evolve(jones, timezone=SANTIAGO))
        agree(clinic)
        clinic.availability.publish(5 * DAY)
        days = kept(store, clinic.id)["jones", "visit"]
        starts = [one.start for day in days.values() for one in day.slots]
        assert len(starts) == len(set(starts)) > 0

    @pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "UTC", "Pacific/Niue"])
    def test_at_the_ends_of_time(self, clinic: Practice, clock: FixedClock, zone: str) -> None:
        clinic.providers.update(attrs.evolve(clinic.providers.get("jones"), timezone=zone))
        for year, day, hour in ((9998, 31, 23), (9998, 30, 9), (9998, 31, 2)):
            on = date(year, 12, day)
            extra = Override.extra("jones", on, hours="05:00-22:00", id=f"{on} {hour}")
            with suppress(MedschedError):
                clinic.availability.add(extra)
            clock.set(datetime(year, 12, day, hour, tzinfo=UTC))
            end = datetime(9999, 1, 1, tzinfo=UTC)
            clinic.availability.publish(3 * DAY, providers=["jones"])
            for type in ("visit", "packed"):
                found = clinic.availability.published("jones", type, clock.now(), end)
                assert told(found) == live(clinic, "jones", type, clock.now(), end)
        low, high = datetime(1973, 1, 1, tzinfo=UTC), datetime(1973, 1, 2, tzinfo=UTC)
        assert clinic.availability.published("jones", "visit", low, high) == ()

    @pytest.mark.parametrize("first", [date(2026, 10, 1), date(2026, 4, 2), date(2026, 9, 3)])
    @pytest.mark.parametrize("zone", [LORD_HOWE, SANTIAGO, "America/St_Johns", "Europe/London"])
    def test_across_clock_changes(
        self, clinic: Practice, store: MemoryStore, clock: FixedClock, first: date, zone: str
    ) -> None:
        clock.set(datetime(first.year, first.month, first.day, 3, tzinfo=UTC))
        clinic.providers.update(attrs.evolve(clinic.providers.get("jones"), timezone=zone))
        whole_day = Override.extra("jones", first + 2 * DAY, first + 4 * DAY, hours="02:00-22:00")
        clinic.availability.add(whole_day)
        clinic.availability.publish(7 * DAY, providers=["jones"], types=["clock", "visit"])
        low = clock.now() - DAY
        for type in ("clock", "visit"):
            found = clinic.availability.published("jones", type, low, low + 12 * DAY)
            assert told(found) == live(clinic, "jones", type, low, low + 12 * DAY)
            days = list(kept(store, clinic.id)["jones", type].values())
            for before, after in pairwise(days):
                assert before.end == after.start, "no minute is of two dates, or of none"
            for day in days:
                assert all(day.start <= one.start < day.end for one in day.slots)


def test_whatever_happens_it_agrees_with_the_live_answer(
    clinic: Practice, store: MemoryStore, clock: FixedClock
) -> None:
    seed = random.randrange(2**32)
    draw = random.Random(seed)
    clinic.availability.publish(10 * DAY)
    for _ in range(35):
        with suppress(BookingRefused, MedschedError):
            _happens(clinic, clock, draw)
        provider, type = (
            draw.choice(["smith", "jones"]),
            draw.choice(["visit", "packed", "clock", "group"]),
        )
        low = clock.now() + draw.randrange(-2000, 12000) * MINUTE
        high = low + draw.randrange(20000) * MINUTE
        found = clinic.availability.published(provider, type, low, high)
        assert told(found) == live(clinic, provider, type, low, high), seed
        for one in found:
            if one.patient is not None:
                assert one.status is SlotStatus.BUSY, seed
    clinic.availability.publish(10 * DAY)
    agree(clinic, clock.now(), clock.now() + 12 * DAY)


def _happens(clinic: Practice, clock: FixedClock, draw: random.Random) -> None:
    day = clock.now().date() + draw.randrange(8) * DAY
    provider, patient = draw.choice(["smith", "jones"]), draw.choice(["ada", "bob", "eve"])
    type = draw.choice(["visit", "packed", "clock", "group"])
    now = clock.now()
    listed = clinic.availability.slots(provider, type, now, now + 8 * DAY)
    standing = [one for one in clinic.appointments.list(limit=1000) if one.claims_time]
    hours = f"{draw.randrange(0, 12):02d}:00-{draw.randrange(12, 24):02d}:30"
    match draw.randrange(12):
        case 0 | 1 | 2 if listed:
            clinic.appointments.book(draw.choice(listed), patient=patient)
        case 3 if listed:
            clinic.holds.place(draw.choice(listed), lasting=draw.randrange(1, 90) * MINUTE)
        case 4 if standing:
            clinic.appointments.cancel(draw.choice(standing))
        case 5 if standing and listed:
            clinic.appointments.reschedule(draw.choice(standing), draw.choice(listed))
        case 6:
            clinic.availability.add(Override.closed(provider, day, hours=hours))
        case 7:
            clinic.availability.add(Override.extra(provider, day, hours=hours))
        case 8:
            clinic.time_blocks.publish(TimeBlock(provider, day, hours))
        case 9:
            weekly = Recurrence.weekly("MO-FR", start=day)
            clinic.availability.add(RecurringBlocking(provider, weekly, hours="10:00-10:20"))
        case 10:
            changed = clinic.appointment_types.get(type)
            length = draw.choice([30, 45, 60]) * MINUTE
            clinic.appointment_types.update(attrs.evolve(changed, duration=length))
        case _:
            clock.advance(draw.randrange(1, 2000) * MINUTE)
            if draw.random() < 0.3:
                clinic.holds.sweep()


def test_rivals_who_publish_and_read_and_book_at_once(clinic: Practice) -> None:
    ready, came = Barrier(6), list[object]()

    def act(number: int) -> None:
        ready.wait()
        try:
            for turn in range(4):
                if number < 2:
                    came.append(clinic.availability.publish(6 * DAY, providers=["smith"]))
                elif number < 4:
                    listed = clinic.availability.slots("smith", "visit", START, START + 6 * DAY)
                    with suppress(BookingRefused):
                        clinic.appointments.book(listed[number + 2 * turn], patient="ada")
                else:
                    clinic.availability.published("smith", "visit", START, START + 6 * DAY)
        except Exception as error:
            came.append(error)

    threads = [Thread(target=act, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(isinstance(one, Publication) for one in came), came
    agree(clinic)
    clinic.availability.publish(6 * DAY)
    assert clinic.availability.publish(6 * DAY).written == 0
    agree(clinic)


class Bare:
    """A store that keeps no slots."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        if name in {"published_pairs", "published_days", "publish_day", "withdraw_days"}:
            raise AttributeError(name)
        return getattr(self._store, name)


def test_a_store_need_not_keep_slots() -> None:
    bare = cast("MemoryStore", Bare(MemoryStore()))
    clinic = Scheduler(bare, ids=NumberedIds()).practice("riverside")
    clinic.settings.configure(timezone="UTC")
    clinic.add_all([Provider(id="smith"), AppointmentType(code="visit", duration=30 * MINUTE)])
    asks: list[Callable[[], object]] = [
        lambda: clinic.availability.publish(DAY),
        lambda: clinic.availability.published("smith", "visit", START, START + DAY),
    ]
    for ask in asks:
        with pytest.raises(SlotsNotKept, match="a Bare keeps no slots"):
            ask()
    assert len(clinic.availability.slots("smith", "visit", START, START + DAY)) == 0


def test_an_unchanged_row_keeps_its_times() -> None:
    fields: dict[str, Any] = {
        "slot_id": "s",
        "provider": "smith",
        "type": "visit",
        "start": START,
        "end": START + DAY,
        "status": "free",
        "seats_free": 1,
    }
    old = PublishedSlot(**fields, created_at=START, updated_at=START + MINUTE)
    new = PublishedSlot(**fields, created_at=START + DAY, updated_at=START + DAY)
    assert new.since(None) == new
    assert new.since(old) == old
    busy = attrs.evolve(new, status="busy", patient="ada")
    assert busy.since(old) == attrs.evolve(busy, created_at=START)
