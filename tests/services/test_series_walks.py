"""Random walks through everything that is done with series: after each step all must agree."""

from __future__ import annotations

import os
from collections import Counter
from datetime import date, datetime, time, timedelta
from random import Random

import pytest
from tests.races.wholeness import check_told, check_whole, followed
from tests.services.test_appointments import everything
from tests.services.test_series import DAY, MINUTE, WEEK, on, opened

from medsched import (
    Appointment,
    BookingRefused,
    FollowUpRefused,
    FollowUpWish,
    InvalidTransition,
    MemoryStore,
    Practice,
    Recurrence,
    SeriesRefused,
    Start,
)
from medsched.domain.agendas import Agenda
from medsched.domain.holds import Hold
from medsched.domain.sessions import GroupSession
from medsched.testing.fixed import FixedClock

STEPS = max(int(os.environ.get("MEDSCHED_EXAMPLES", "60")) // 2, 10)
FIRST = date(2026, 3, 2)
"""The Monday before New York's clocks are put on."""
REFUSALS = (SeriesRefused, BookingRefused, FollowUpRefused, InvalidTransition)


class Walk:
    """One who does at random what can be done with series."""

    def __init__(self, clinic: Practice, clock: FixedClock, seed: int) -> None:
        self.clinic, self.clock, self.random = clinic, clock, Random(seed)
        self.done: Counter[str] = Counter()

    def step(self) -> None:
        """Something, or a refusal of it."""
        names = ["book", "book", "move", "move", "cancel", "hold", "single", "follow", "later"]
        name = self.random.choice(names)
        try:
            getattr(self, name)()
        except REFUSALS as error:
            name = type(error).__name__
        self.done[name] += 1

    def day(self) -> date:
        return FIRST + self.random.randint(0, 13) * DAY

    def at(self) -> time:
        return time(self.random.choice([9, 10, 11]), self.random.choice([0, 0, 30]))

    def one(self) -> Appointment | None:
        found = self.clinic.appointments.list(limit=1000).items
        of_series = [one for one in found if one.series is not None]
        return self.random.choice(of_series) if of_series else None

    def book(self) -> None:
        every = self.random.choice([DAY, DAY, 2 * DAY, WEEK])
        self.clinic.series.book(
            self.random.choice(["smith", "jones"]),
            self.random.choice(["physio", "pool", "class", "class"]),
            patient=self.random.choice(["ada", "bob", "cid"]),
            recurrence=Recurrence.daily(
                self.day(), every=every.days, count=self.random.randint(1, 5)
            ),
            at=self.at(),
            skip=self.random.random() < 0.6,
        )

    def move(self) -> None:
        if (one := self.one()) is None:
            return
        there = one.wall.start + self.random.choice([-1, 0, 1, 2, 7]) * DAY
        to: list[time | datetime] = [self.at(), there, datetime.combine(there, self.at())]
        self.clinic.series.reschedule(
            one.id,
            self.random.choice(to),
            provider=self.random.choice([None, None, "smith", "jones"]),
            scope=self.random.choice(["this", "following", "all", "all"]),
        )

    def cancel(self) -> None:
        if (one := self.one()) is not None:
            scope = self.random.choice(["this", "this", "following"])
            self.clinic.series.cancel(one.id, scope=scope, reason="away")

    def hold(self) -> None:
        start = Start(
            self.random.choice(["smith", "jones"]),
            self.random.choice(["physio", "class", "class"]),
            on(self.day(), self.at().hour, 0),
        )
        self.clinic.holds.place(start, patient=self.random.choice([None, "bob"]))

    def single(self) -> None:
        if (one := self.one()) is not None:
            start = Start("smith", one.type, on(self.day(), self.at().hour, 0))
            self.clinic.appointments.reschedule(one.id, start)

    def follow(self) -> None:
        if (one := self.one()) is not None:
            wish = FollowUpWish(
                after=self.random.randint(0, 9) * DAY,
                give_or_take=self.random.randint(0, 3) * DAY,
                providers=["jones"],
            )
            made = self.clinic.appointments.follow_up(one.id, wish)
            assert made.start >= one.end
            assert abs(made.wall.start.date() - one.wall.start.date() - wish.after) <= (
                wish.give_or_take
            )

    def later(self) -> None:
        self.clock.advance(self.random.choice([6 * MINUTE, 6 * MINUTE, timedelta(hours=20)]))


def check_seats(store: MemoryStore, clinic: Practice) -> None:
    """As many seats are counted as are taken, and no more than there are."""
    seated = Counter(
        one.session
        for cls in (Appointment, Hold)
        for one in store.page(clinic.id, cls, active=None, where={}, after=None, limit=10_000)
        if isinstance(one, Appointment | Hold) and one.session is not None
    )
    sessions = store.page(clinic.id, GroupSession, active=None, where={}, after=None, limit=10_000)
    assert {one.id for one in sessions} == set(seated)
    counted = store.tallies(clinic.id, [one.tally for one in sessions])
    for one in sessions:
        assert counted[one.tally] == seated[one.id] <= one.seats


def test_all_agree_after_each_step(
    clinic: Practice, store: MemoryStore, clock: FixedClock, request: pytest.FixtureRequest
) -> None:
    seed = int(os.environ.get("MEDSCHED_WALK_SEED", "0")) or Random().randrange(10**6)
    request.node.add_report_section("setup", "seed", f"MEDSCHED_WALK_SEED={seed}")
    opened(clinic)
    clock.set(datetime(2026, 3, 1, 12, tzinfo=clock.now().tzinfo))
    walk = Walk(clinic, clock, seed)
    # By chance nothing may have been booked in so few steps.
    while sum(walk.done.values()) < STEPS or not walk.done["book"]:
        before, refused = (
            everything(store, clinic),
            sum(walk.done[one.__name__] for one in REFUSALS),
        )
        walk.step()
        if sum(walk.done[one.__name__] for one in REFUSALS) > refused:
            assert everything(store, clinic) == before, "a refusal changed something"
        check_whole(store, clinic.id)
        check_seats(store, clinic)
    series = clinic.series.list(limit=1000).items
    for one in series:
        mine = clinic.series.appointments(one)
        assert {each.series for each in mine} == {one.id}
        assert len(mine) == sum(each.appointment is not None for each in one.occurrences)
    appointments = store.appointments(clinic.id, Agenda(), after=None, limit=10_000)
    holds = store.page(clinic.id, Hold, active=None, where={}, after=None, limit=1000)
    check_told(followed(clinic), appointments, holds)
