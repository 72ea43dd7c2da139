"""A long random walk over all that a clinic books: afterwards the database has nothing to mend.

MEDSCHED_WALK is the number of commands, MEDSCHED_WALK_SEED the seed, which a failure names.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from random import Random, SystemRandom
from typing import Any

import attrs
import pytest
from tests.databases import ENGINES, Databases
from tests.races.wholeness import check_told, check_whole, followed
from tests.services.group import MINUTE, fill, nine

pytest.importorskip("sqlalchemy", reason="the extra sqlalchemy is not installed")

from tests.services.conftest import NOW

from medsched import (
    BookingRules,
    FollowUpWish,
    Hold,
    MedschedError,
    Override,
    Practice,
    Recurrence,
    Resource,
    Scheduler,
    Start,
    TimeBlock,
)
from medsched.adapters.sqlalchemy import SqlAlchemyStore, verify
from medsched.domain.appointments import Appointment
from medsched.domain.blockings import Blocking
from medsched.ports.store import Store
from medsched.testing.fixed import FixedClock, NumberedIds

STEPS = int(os.environ.get("MEDSCHED_WALK", "400"))
SEED = os.environ.get("MEDSCHED_WALK_SEED") or str(SystemRandom().randrange(10**9))
CHECKED = 50
"""After so many commands all is looked at."""
GYM = Resource("room", "gym")
Command = Callable[[], Any]


class Walk:
    """Somebody who does whatever comes to mind, at a few times of a few days."""

    def __init__(self, clinic: Practice, clock: FixedClock, chances: Random) -> None:
        self.clinic, self.clock, self.chances = clinic, clock, chances
        self.appointments: list[str] = []
        self.holds: list[str] = []
        self.blockings: list[str] = []
        self.closures: list[str] = []
        self.blocks: list[str] = []
        self.done = Counter[str]()

    def start(self) -> Start:
        provider = self.chances.choice(["smith", "smith", "jones"])
        type = self.chances.choice(["visit", "visit", "class"])
        return Start(provider, type, self.instant())

    def instant(self) -> datetime:
        return nine(30 * self.chances.randrange(6) + 24 * 60 * self.chances.randrange(3))

    def patient(self) -> str:
        return f"p{self.chances.randrange(8)}"

    def why(self) -> dict[str, Any]:
        return {"override": "an emergency"} if self.chances.random() < 0.4 else {}

    def commands(self) -> dict[str, Command]:
        clinic, chances = self.clinic, self.chances
        one = chances.choice(self.appointments[-12:]) if self.appointments else "none"
        hold = chances.choice(self.holds[-6:]) if self.holds else "none"
        blocked = chances.choice(self.blockings[-6:]) if self.blockings else "none"
        scope = chances.choice(["this", "following", "all"])
        fate = chances.choice(["refuse", "keep", "cancel", "move"])
        day = date(2026, 1, 7 + chances.randrange(3))
        closure = chances.choice(self.closures[-6:]) if self.closures else "none"
        block = chances.choice(self.blocks[-6:]) if self.blocks else "none"
        standing = chances.choice(["refuse", "keep", "cancel"])
        low = self.instant()
        high = low + chances.choice([15, 30, 90]) * MINUTE
        daily = Recurrence.parse("FREQ=DAILY;COUNT=3", start=date(2026, 1, 7))
        at = time(9 + chances.randrange(3), 30 * chances.randrange(2))
        taken: list[str | Resource] = chances.choice([["smith"], [GYM], ["jones", GYM]])
        book, many = clinic.appointments, clinic.series
        return {
            "book": lambda: book.book(self.start(), patient=self.patient(), **self.why()),
            "request": lambda: book.request(self.start(), patient=self.patient(), **self.why()),
            "propose": lambda: book.propose(self.start(), patient=self.patient()),
            "accept": lambda: book.accept(one),
            "reschedule": lambda: book.reschedule(one, self.start(), **self.why()),
            "cancel": lambda: book.cancel(one),
            "cancel another": lambda: book.cancel(chances.choice(self.appointments or ["none"])),
            "error": lambda: book.enter_in_error(one),
            "arrive": lambda: book.arrive(one),
            "fulfil": lambda: book.fulfil(one),
            "follow up": lambda: book.follow_up(
                one, FollowUpWish(after=timedelta(days=1), give_or_take=timedelta(days=1))
            ),
            "series": lambda: many.book(
                "smith",
                chances.choice(["visit", "class"]),
                patient=self.patient(),
                recurrence=daily,
                at=at,
                skip=chances.random() < 0.5,
            ),
            "move series": lambda: many.reschedule(one, at, scope=scope),
            "cancel series": lambda: many.cancel(one, scope=scope),
            "hold": lambda: clinic.holds.place(
                self.start(),
                patient=chances.choice([None, self.patient()]),
                lasting=chances.choice([5, 30]) * MINUTE,
            ),
            "confirm": lambda: clinic.holds.confirm(hold, patient=self.patient()),
            "release": lambda: clinic.holds.release(hold),
            "sweep": clinic.holds.sweep,
            "block": lambda: clinic.blockings.add(taken, low, high, stranded=standing),
            "move block": lambda: clinic.blockings.move(blocked, low, high, stranded=standing),
            "unblock": lambda: clinic.blockings.release(blocked),
            "rules": self.rules,
            "close": lambda: self.close(Override.closed("smith", day, hours="09:30-10:30"), fate),
            "extra": lambda: self.close(Override.extra("smith", day, hours="17:00-18:00"), fate),
            "open": lambda: clinic.availability.overrides.delete(closure, stranded=fate),
            "publish": lambda: self.publish(TimeBlock("jones", day, "18:00-18:40"), fate),
            "fill block": lambda: clinic.time_blocks.book(
                block, type="visit", patient=self.patient()
            ),
            "withdraw block": lambda: clinic.time_blocks.deactivate(block, stranded=fate),
            "change slot": lambda: clinic.availability.change_slot(
                Start("smith", "visit", low), notes="bring X-rays", stranded=fate
            ),
            "move slot": lambda: clinic.availability.change_slot(
                Start("smith", "visit", low), start=high, stranded=fate
            ),
            "delete slot": lambda: clinic.availability.delete_slot(
                Start("smith", "visit", low), reason="away", stranded=fate
            ),
            "restore slot": lambda: clinic.availability.restore_slot(Start("smith", "visit", low)),
            "wait": lambda: self.clock.advance(chances.choice([1, 5, 20]) * MINUTE),
        }

    def close(self, override: Override, fate: str) -> None:
        made = self.clinic.availability.add(override, stranded=fate)
        self.closures.append(made.id)

    def publish(self, block: TimeBlock, fate: str) -> None:
        self.blocks.append(self.clinic.time_blocks.publish(block, stranded=fate).id)

    def rules(self) -> None:
        visit = self.clinic.appointment_types.get("visit")
        rules = self.chances.choice(
            [BookingRules(), BookingRules(per_day=4), BookingRules(spacing=timedelta(hours=2))]
        )
        self.clinic.appointment_types.update(attrs.evolve(visit, rules=rules))

    def step(self) -> None:
        commands = self.commands()
        name = self.chances.choice([*commands, "book", "book", "cancel", "reschedule"])
        made: Any = None
        with suppress(MedschedError):
            made = commands[name]()
            self.done[name] += 1
        if isinstance(made, Appointment):
            self.appointments.append(made.id)
        elif isinstance(made, Hold):
            self.holds.append(made.id)
        elif isinstance(made, Blocking):
            self.blockings.append(made.id)
        elif name == "series" and made is not None:
            self.appointments += [each.id for each in made.appointments]


@pytest.mark.parametrize("kind", ["memory", *ENGINES])
def test_nothing_is_to_be_mended_after_a_long_walk(
    kind: str, databases: Databases, request: pytest.FixtureRequest
) -> None:
    request.node.add_report_section("call", "seed", f"MEDSCHED_WALK_SEED={SEED}")
    store: Store = databases.store(kind)
    clock = FixedClock(NOW)
    clinic = Scheduler(store, clock=clock, ids=NumberedIds()).practice("riverside")
    fill(clinic)
    walk = Walk(clinic, clock, Random(f"{SEED} {kind}"))
    for number in range(STEPS):
        walk.step()
        if number % CHECKED == 0:
            check_whole(store, clinic.id)
    standing = check_whole(store, clinic.id)
    holds = store.page(clinic.id, Hold, active=None, where={}, after=None, limit=1000)
    check_told(followed(clinic), standing, holds)
    if isinstance(store, SqlAlchemyStore):
        assert verify(store.engine, practice=clinic.id).differences == ()
    assert len(walk.done) > 15, f"hardly anything was ever possible: {walk.done}"
